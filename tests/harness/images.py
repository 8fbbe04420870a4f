"""Images made of the programs installed here: no registry is needed."""
import os
import shutil
import subprocess
import tempfile

# Serves the file it is asked for; /slow, a little at a time.
NGINX_CONF = """
daemon off;
user root;
worker_processes 1;
error_log stderr;
events { worker_connections 256; }
http {
    access_log off;
    server {
        listen 80 backlog=256;
        root /www;
        location /slow { limit_rate 8k; }
    }
}
"""

# What a service that is updated under load does: comes up slowly, and once asked to end, answers for as long as its balancer may
# take to hear of it, then finishes the requests that it has.
NGINX_START = """#!/bin/sh
mkdir -p /www
echo "$GREETING" >/www/index.html
i=0
while [ $i -lt 1500 ]; do echo "$GREETING" >>/www/slow; i=$((i + 1)); done
sleep $SLOW_START
nginx &
trap 'sleep $LINGER; kill -QUIT $!' TERM
wait $!
while kill -0 $! 2>/dev/null; do wait $!; done
"""


def libraries(program):
    """The files that the dynamic linker opens for it."""
    lines = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout.split("\n")
    words = [word for line in lines for word in line.split() if word.startswith("/")]
    return sorted(set(words))


def image(docker, tag, start, programs=(), files=None, applets=(), changes=()):
    """busybox with more `applets`, and `programs` with their libraries; `start` is the script it runs, `changes` are lines of a
    Dockerfile."""
    with tempfile.TemporaryDirectory(prefix="berth-image-") as directory:
        root, archive = os.path.join(directory, "root"), os.path.join(directory, "image.tar")
        os.mkdir(root)
        for folder in ("bin", "etc", "tmp", "run", "www"):
            os.mkdir(os.path.join(root, folder))
        shutil.copy("/bin/busybox", os.path.join(root, "bin"))
        for applet in ("sh", "sleep", "mkdir", "kill", "echo", "wget", *applets):
            os.symlink("busybox", os.path.join(root, "bin", applet))
        for program in programs:
            shutil.copy(program, os.path.join(root, "bin"))
            for library in libraries(program):
                os.makedirs(root + os.path.dirname(library), exist_ok=True)
                shutil.copy(library, root + library)
        for path, text in dict(files or {}, **{"/bin/start": start}).items():
            os.makedirs(root + os.path.dirname(path), exist_ok=True)
            with open(root + path, "w") as file:
                file.write(text)
            os.chmod(root + path, 0o755 if text.startswith("#!") else 0o644)
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        lines = ('CMD ["/bin/start"]', "ENV PATH=/bin", *changes)
        docker.run("import", *[word for line in lines for word in ("--change", line)], archive, tag)
    return tag


def nginx_image(docker, tag="berth-test-nginx:1"):
    return image(docker, tag, NGINX_START, programs=["/usr/sbin/nginx"], files={
        "/etc/nginx/nginx.conf": NGINX_CONF, "/etc/passwd": "root:x:0:0:root:/:/bin/sh\n", "/etc/group": "root:x:0:\n",
        "/var/lib/nginx/.keep": "", "/var/log/nginx/.keep": "", "/usr/share/nginx/.keep": ""})
