"""A Docker engine for the tests: the one that answers, or a private one that is removed after."""
import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile

from .program import ROOT, eventually

DOCKER = "/usr/bin/docker"


def remove_cgroups(task_id):
    """The cgroups of a task that its agent would have removed three hours later."""
    for path in glob.glob("/sys/fs/cgroup/*/ecs/" + task_id) + glob.glob("/sys/fs/cgroup/ecs/" + task_id):
        try:
            os.rmdir(path)
        except OSError:
            pass  # still in use


class Docker:
    def __init__(self, host):
        self.host = host

    def run(self, *args, check=True, **kwargs):
        env = dict(os.environ, DOCKER_HOST=self.host)
        result = subprocess.run([DOCKER, *args], env=env, capture_output=True, text=True, timeout=120, check=False, **kwargs)
        if check and result.returncode:
            raise AssertionError("docker %s: %s" % (" ".join(args), result.stderr))
        return result.stdout.strip()

    def answers(self):
        try:
            return subprocess.run([DOCKER, "version"], env=dict(os.environ, DOCKER_HOST=self.host), capture_output=True,
                                  timeout=10, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def containers(self, *filters, everything=True):
        """Task containers (those with ECS's labels) as docker inspect tells them."""
        args = ["ps", "-q", "--no-trunc", "--filter", "label=com.amazonaws.ecs.task-arn"]
        if everything:
            args.append("-a")
        for one in filters:
            args += ["--filter", one]
        ids = self.run(*args).split()
        found = []
        for one in ids:  # one by one: a container may go meanwhile
            text = self.run("inspect", one, check=False)
            found += json.loads(text or "[]")
        # `docker ps` lags behind the end of a container, `docker inspect` does not.
        return found if everything else [one for one in found if one["State"]["Running"]]

    def remove_task_containers(self, cluster, tasks=None):
        """Those of `tasks` alone, where the cluster's name may be that of others on the machine."""
        arn = '{{.Label "com.amazonaws.ecs.task-arn"}}'
        lines = self.run("ps", "-a", "--filter", "label=com.amazonaws.ecs.cluster=" + cluster, "--format", "{{.ID}} " + arn).splitlines()
        lines = [line for line in lines if tasks is None or line.split()[1] in tasks]
        if lines:
            self.run("rm", "-f", "-v", *(line.split()[0] for line in lines), check=False)
        for line in lines:
            remove_cgroups(line.rsplit("/", 1)[-1])

    def sample_image(self, tag="berth-sample-web:1"):
        subprocess.run([os.path.join(ROOT, "samples", "web", "image"), tag], env=dict(os.environ, DOCKER_HOST=self.host),
                       check=True, capture_output=True, timeout=120)
        return tag


class PrivateDocker(Docker):
    """A dockerd of our own. Killed and started again by the fault tests. `enter` is put before the command (to start it
    in a namespace), `options` behind it."""

    def __init__(self, directory=None, bridge=None, enter=(), options=()):
        self.directory = directory or tempfile.mkdtemp(prefix="berth-docker-")
        self.owns_directory = directory is None
        self.bridge, self.enter, self.options = bridge, enter, options
        self.process = None
        super().__init__("unix://%s/docker.sock" % self.directory)

    def start(self, timeout=60):
        d = self.directory
        args = [*self.enter, "dockerd", *self.options, "--data-root", d + "/data", "--exec-root", d + "/exec", "--pidfile", d + "/pid",
                "-H", self.host, "--containerd-namespace", "berth", "--log-level", "error"]
        if self.bridge:
            name, subnet = self.bridge
            if subprocess.run(["ip", "link", "show", name], capture_output=True, check=False).returncode:
                subprocess.run(["ip", "link", "add", name, "type", "bridge"], check=True)
                subprocess.run(["ip", "addr", "add", subnet, "dev", name], check=True)
                subprocess.run(["ip", "link", "set", name, "up"], check=True)
            args += ["--bridge", name]
        # A containerd that died with dockerd may linger as a zombie, which dockerd takes for alive.
        for stale in ("/pid", "/docker.sock", "/exec/containerd/containerd.pid"):
            if os.path.exists(d + stale):
                os.unlink(d + stale)
        with open(d + "/log", "ab") as log:
            self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually(self.answers, timeout, "dockerd answers; log in %s/log" % d)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """As a service manager ends it: without --live-restore its containers end, too."""
        self.process.terminate()
        self.process.wait(60)

    @contextlib.contextmanager
    def hung(self):
        """It takes connections and answers none."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def descendants(self):
        """The pids of containerd, the shims and what runs in their containers. They outlive a dockerd that is killed,
        and a container's processes outlive its shim, so children are found before their parents are ended."""
        parents, ours = {}, set()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as file:
                    command = file.read()
                with open("/proc/%s/stat" % pid) as file:
                    parents[int(pid)] = int(file.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue  # it ended meanwhile
            if b"containerd" in command.split(b"\0")[0] and self.directory.encode() in command:
                ours.add(int(pid))
        grew = True
        while grew:
            more = {pid for pid, parent in parents.items() if parent in ours} - ours
            ours |= more
            grew = bool(more)
        return ours

    def power_off(self):
        """All of it at once: dockerd, containerd, shims, containers."""
        found = self.descendants()
        self.kill()
        for pid in found | self.descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        eventually(lambda: not self.descendants(), 20, "all processes of the engine have ended")

    def close(self):
        """Leaves nothing behind, whatever state a test has left it in."""
        if self.process is not None:
            self.power_off()
        if self.bridge:
            subprocess.run(["ip", "link", "del", self.bridge[0]], check=False, capture_output=True)
        # Mounts that a killed dockerd left go first.
        with open("/proc/self/mounts") as mounts:
            left = [line.split()[1] for line in mounts if self.directory in line]
        for mount in sorted(left, reverse=True):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
        if self.owns_directory:
            shutil.rmtree(self.directory, ignore_errors=True)
