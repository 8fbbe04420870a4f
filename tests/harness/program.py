"""The built program as a test sees it: servers, agents and `berth up`, each a process of its own."""
import json
import os
import select
import subprocess
import time
import urllib.error
import urllib.request

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BERTH = os.environ.get("BERTH", os.path.join(ROOT, "build", "sanitize", "berth"))
REGION = "us-east-1"
ECS_TARGET = "AmazonEC2ContainerServiceV20141113"

# A sanitizer's finding ends the program with this code, which no test expects.
SANITIZER_ENV = {
    "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:abort_on_error=0",
    "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99:print_stacktrace=1",
}


def eventually(check, timeout=30.0, what=None, every=0.05):
    """Calls `check` until it returns something true; that is returned."""
    deadline = time.monotonic() + timeout
    while True:
        result = check()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError("not within %gs: %s" % (timeout, what or check))
        select.select([], [], [], every)


def connected(ecs, cluster):
    """The ARNs of a cluster's container instances whose agents are connected."""
    try:
        arns = ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
    except ecs.exceptions.ClusterNotFoundException:
        return []  # the first agent makes it
    found = ecs.describe_container_instances(cluster=cluster, containerInstances=arns)["containerInstances"] if arns else []
    return [one["containerInstanceArn"] for one in found if one["agentConnected"]]


class Program:
    """One process. Its output goes to a file that a failing test can show."""

    def __init__(self, args, log, env=None, ready=True):
        self.args = [BERTH] + [str(a) for a in args]
        self.log = str(log)
        os.makedirs(os.path.dirname(self.log), exist_ok=True)
        self.env = dict(os.environ, **SANITIZER_ENV)
        for name in [n for n in self.env if n.startswith(("AWS_", "ECS_"))]:
            del self.env[name]
        self.env.update(env or {})
        self.wants_ready = ready
        self.process = None

    def start(self, extra_env=None, timeout=60):
        env = dict(self.env, **(extra_env or {}))
        fds = ()
        if self.wants_ready:
            read_fd, write_fd = os.pipe()
            env["BERTH_READY_FD"] = str(write_fd)
            fds = (write_fd,)
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, pass_fds=fds)
        if self.wants_ready:
            os.close(write_fd)
            ready, _, _ = select.select([read_fd], [], [], timeout)
            word = os.read(read_fd, 1) if ready else b""
            os.close(read_fd)
            if word != b"+":
                self.kill()
                raise AssertionError("%s did not get ready:\n%s" % (self.args, self.output()))
        return self

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, signum):
        self.process.send_signal(signum)

    def kill(self):
        if self.is_running():
            self.process.kill()
        if self.process is not None:
            self.process.wait()

    def stop(self, timeout=40):
        """Ends it as an operator would; the exit code."""
        if self.is_running():
            self.process.terminate()
        return self.process.wait(timeout)

    def close(self):
        """For fixtures: ends it and insists that it went well (a leak or a sanitizer's finding did not)."""
        if self.process is None:
            return
        ended_by_us = self.is_running()
        code = self.stop()
        if ended_by_us:
            assert code == 0, "exit code %d:\n%s" % (code, self.output()[-6000:])

    def output(self):
        with open(self.log, errors="replace") as file:
            return file.read()


class Server(Program):
    def __init__(self, directory, listen="127.0.0.1:0", args=(), name="server"):
        self.data = os.path.join(str(directory), name)
        super().__init__(["server", "--listen", listen, "--data", self.data, *args], os.path.join(str(directory), name + ".log"))

    def start(self, *args, **kwargs):
        super().start(*args, **kwargs)
        with open(os.path.join(self.data, "server.json")) as file:
            self.about = json.load(file)
        self.url = self.about["endpoint"]
        if self.args[self.args.index("--listen") + 1].endswith(":0"):
            # A restart answers on the same port.
            self.args[self.args.index("--listen") + 1] = self.url.split("://")[1]
        return self

    def admin(self, operation, **body):
        key = (self.about["accessKeyId"], self.about["secretAccessKey"])
        return call(self.url, key, "Berth_20261120." + operation, body, service="berth", verify=self.about.get("caFile"))

    def create_key(self, **kwargs):
        answer = self.admin("CreateKey", **kwargs)
        return answer["key"]["accessKeyId"], answer["secretAccessKey"]

    def client(self, key, service="ecs", region=REGION, **config):
        return boto3.client(
            service, endpoint_url=self.url, region_name=region,
            aws_access_key_id=key[0], aws_secret_access_key=key[1],
            config=Config(retries={"max_attempts": 0}, **config))


class Agent(Program):
    def __init__(self, directory, server_url, key, docker_host, cluster="default", name="agent", env=None, introspection="127.0.0.1:0"):
        self.data = os.path.join(str(directory), name)
        settings = {
            "AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1], "AWS_DEFAULT_REGION": REGION,
            "ECS_IMAGE_PULL_BEHAVIOR": "prefer-cached",
            "BERTH_TASK_ENDPOINT": "none",  # 169.254.170.2 is there once, and many agents run at once
        }
        settings.update(env or {})
        super().__init__(["agent", "--server", server_url, "--cluster", cluster, "--data", self.data, "--docker", docker_host,
                          "--introspection", introspection],
                         os.path.join(str(directory), name + ".log"), env=settings, ready=False)


class ApiError(Exception):
    def __init__(self, status, code, message):
        super().__init__("%s %s: %s" % (status, code, message))
        self.status, self.code, self.message = status, code, message


def signed_headers(url, key, target, body, service="ecs", region=REGION, headers=None, method="POST"):
    request = AWSRequest(method, url + "/", data=body, headers=dict(
        {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}, **(headers or {})))
    SigV4Auth(Credentials(*key), service, region).add_auth(request)
    return dict(request.headers)


def call(url, key, target, body, service="ecs", region=REGION, headers=None, timeout=30, verify=None):
    """A signed call below boto3: sends what boto3 would refuse to send."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url + "/", data=data, method="POST",
                                     headers=signed_headers(url, key, target, data, service, region, headers))
    context = None
    if url.startswith("https:"):
        import ssl
        context = ssl.create_default_context(cafile=verify)
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as err:
        text = err.read()
        try:
            answer = json.loads(text)
        except ValueError:
            raise ApiError(err.code, None, text.decode(errors="replace")) from err
        raise ApiError(err.code, answer.get("__type"), answer.get("message")) from err
