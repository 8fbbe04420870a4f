"""The task engine alone (tests/unit/agent_engine/driver.c): tasks in, what it says out."""
import hashlib
import http.server
import io
import itertools
import json
import os
import queue
import shutil
import subprocess
import tarfile
import threading
import time

from .docker import DOCKER
from .program import ROOT, SANITIZER_ENV

DRIVER = os.environ.get("ENGINE_DRIVER", os.path.join(ROOT, "build", "sanitize", "tests", "unit", "agent_engine",
                                                      "engine_driver"))
CACHED = {"ECS_IMAGE_PULL_BEHAVIOR": "prefer-cached"}
CLUSTER = "engine-%d" % os.getpid()  # the containers of this run carry it as a label
IMAGE = "berth-engine-test:1"
APPLETS = ("sh", "sleep", "true", "false", "env", "wget", "httpd", "cat", "echo", "ls", "kill", "head", "dd", "id",
           "hostname", "nc", "tail", "mkdir", "touch")

_numbers = itertools.count(int(time.time() * 1000) << 16)


def arn():
    return "arn:aws:ecs:us-east-1:123456789012:task/default/%032x" % next(_numbers)


def root_tar():
    """A root file system with nothing but the static busybox."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
        for applet in APPLETS:
            link = tarfile.TarInfo("bin/" + applet)
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name in ("tmp", "etc", "proc", "sys", "dev"):
            one = tarfile.TarInfo(name)
            one.type, one.mode = tarfile.DIRTYPE, 0o777
            tar.addfile(one)
    return out.getvalue()


def load_image(docker, name=IMAGE):
    subprocess.run([DOCKER, "-H", docker.host, "import", "-c", "ENV PATH=/bin", "-", name], input=root_tar(), check=True,
                   capture_output=True, timeout=60)
    return name


FOREVER = "trap 'exit 0' TERM; sleep 1000 & wait"


def container(name="app", command=FOREVER, **more):
    """One container of a task object; `command` is the shell's, `config` and `host` become dockerConfig."""
    one = {"name": name, "image": IMAGE, "essential": True, "cpu": 10, "memory": 32,
           "command": ["/bin/sh", "-c", command]}
    config, host = more.pop("config", {}), more.pop("host", {})
    one["dockerConfig"] = {"version": "1.21", "config": json.dumps(config), "hostConfig": json.dumps(host)}
    one.update(more)
    return one


def task(*containers, **more):
    one = {"arn": arn(), "taskClusterArn": "arn:aws:ecs:us-east-1:123456789012:cluster/default",
           "desiredStatus": "RUNNING", "family": "fam", "version": "1", "networkMode": "bridge",
           "containers": list(containers) or [container()]}
    one.update(more)
    return one


class Died(Exception):
    """The engine's process has ended."""


class Engine:
    def __init__(self, directory, docker, **env):
        self.file = os.path.join(str(directory), "agent.db")
        self.log = os.path.join(str(directory), "engine.log")
        self.docker = docker
        self.env = dict(env, ECS_CLUSTER=CLUSTER)
        self.process = None
        self.said = []

    def start(self, fail_point=None, wants_ready=True, acks=True):
        environ = dict(os.environ, **SANITIZER_ENV)
        if fail_point:
            environ["BERTH_FAIL_POINT"] = fail_point
        args = [DRIVER, self.file, self.docker.host] + ([] if acks else ["--no-ack"])
        args += ["%s=%s" % pair for pair in self.env.items()]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                            env=environ)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, args=(self.process, self.lines), daemon=True).start()
        if wants_ready:
            self.wait(lambda m: m.get("ready"), 60)
        return self

    @staticmethod
    def _read(process, lines):
        for line in process.stdout:
            lines.put(json.loads(line))
        lines.put(None)

    def next(self, timeout):
        try:
            message = self.lines.get(timeout=max(timeout, 0))
        except queue.Empty:
            with open(self.log) as log:
                raise AssertionError("the engine says nothing; its log ends: " + log.read()[-3000:]) from None
        if message is None:
            self.process.wait()
            raise Died(self.process.returncode)
        self.said.append(message)
        return message

    def wait(self, check, timeout=30.0):
        """The first message from now on that satisfies `check`."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.next(deadline - time.monotonic())
            if check(message):
                return message

    def want(self, one, **change):
        """Hands a task over and returns what engine_want() said."""
        self.send(one, **change)
        return self.wait(lambda m: m.get("wanted") == one["arn"])

    def send(self, one, **change):
        try:
            self.process.stdin.write(json.dumps(dict(one, **change)) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Died(self.process.wait()) from None

    def report(self, one, known, timeout=30.0):
        """The report that says that the task is `known`, now or earlier."""
        for message in reversed(self.said):
            if message.get("report") == one["arn"]:
                if message["known"] == known:
                    return message
                break
        return self.wait(lambda m: m.get("report") == one["arn"] and m["known"] == known, timeout)

    def last_report(self, one):
        return next((m for m in reversed(self.said) if m.get("report") == one["arn"]), None)

    def wait_told(self, one, timeout):
        """The last report of the task, once there is one."""
        return self.last_report(one) or self.wait(lambda m: m.get("report") == one["arn"], timeout)

    def run(self, one, timeout=30.0):
        answer = self.want(one)
        assert "error" not in answer, answer
        return self.report(one, "RUNNING", timeout)

    def stop(self, one, timeout=60.0):
        self.want(one, desiredStatus="STOPPED")
        return self.report(one, "STOPPED", timeout)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()

    def close(self):
        """The clean end; a sanitizer's finding fails here."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(60)
        with open(self.log) as log:
            assert self.process.returncode in (0, -9), log.read()[-5000:]


class Registry:
    """As much of a registry as a pull of one image with one layer needs. `failures`: how many requests for the manifest
    are refused with 500 first."""

    def __init__(self, failures=0, address="127.0.0.1"):
        layer = root_tar()
        diff_id = "sha256:" + hashlib.sha256(layer).hexdigest()
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"]},
                             "rootfs": {"type": "layers", "diff_ids": [diff_id]}}).encode()
        self.blobs = {"sha256:" + hashlib.sha256(b).hexdigest(): b for b in (layer, config)}
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": self.describe(config, "application/vnd.docker.container.image.v1+json"),
            "layers": [self.describe(layer, "application/vnd.docker.image.rootfs.diff.tar")]}).encode()
        self.digest = "sha256:" + hashlib.sha256(self.manifest).hexdigest()
        self.failures, self.tags_served = failures, 0
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                self.do_GET(False)

            def do_GET(self, with_body=True):
                body, kind, status = registry.answer(self.path, with_body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                if kind.endswith("manifest.v2+json"):
                    self.send_header("Docker-Content-Digest", registry.digest)
                self.end_headers()
                if with_body:
                    self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.address = address
        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @staticmethod
    def describe(blob, kind):
        return {"mediaType": kind, "size": len(blob), "digest": "sha256:" + hashlib.sha256(blob).hexdigest()}

    def answer(self, path, with_body):
        if "/manifests/" in path and "missing" in path:
            return b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}', "application/json", 404
        if "/manifests/" in path:
            if self.failures > 0:
                self.failures -= 1
                return b"{}", "application/json", 500
            self.tags_served += "sha256:" not in path  # by digest, an engine asks for what it does not have yet
            return self.manifest, "application/vnd.docker.distribution.manifest.v2+json", 200
        blob = self.blobs.get(path.rsplit("/", 1)[-1])
        if blob is not None:
            return blob, "application/octet-stream", 200
        return b"{}", "application/json", 200 if path == "/v2/" else 404

    def image(self, tag="1"):
        return "%s:%d/test/image:%s" % (self.address, self.port, tag)

    def close(self):
        self.server.shutdown()


def runs_of(directory, one, name="app"):
    """How often the process of a container was started, by the lines it wrote."""
    path = os.path.join(str(directory), one["arn"].rsplit("/", 1)[-1] + "-" + name)
    try:
        with open(path) as lines:
            return len(lines.readlines())
    except FileNotFoundError:
        return 0


def counted(directory, command=FOREVER, name="app", **more):
    """A task whose container notes each start in `directory`."""
    one = task(volumes=[{"name": "runs", "type": "host", "host": {"sourcePath": str(directory)}}])
    note = "echo run >> /runs/%s-%s; " % (one["arn"].rsplit("/", 1)[-1], name)
    one["containers"] = [container(name, note + command, mountPoints=[{"sourceVolume": "runs", "containerPath": "/runs"}],
                                   **more)]
    return one


def remove_containers(docker):
    ids = docker.run("ps", "-aq", "--filter", "label=com.amazonaws.ecs.cluster=" + CLUSTER).split()
    if ids:
        docker.run("rm", "-f", "-v", *ids, check=False)


def scratch(path):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path
