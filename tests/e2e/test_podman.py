"""Podman's Docker-compatible service as the engine of a host: what tasks can have of it, and how what they cannot have is told
(docs/engines.md). The host is a network namespace with a Podman of its own."""
import json
import os
import subprocess
import urllib.request

import pytest

from harness import podman
from harness.engine import DRIVER, Engine, Registry, container, task
from harness.netns import Host
from harness.program import SANITIZER_ENV, Server, connected, eventually
from harness.samples import IMAGE

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a network namespace and an engine in it"),
    pytest.mark.skipif(podman.version() is None, reason="podman is not installed: tools/deps test installs it where Debian has it"),
]

STREAMS = os.path.join(os.path.dirname(DRIVER), "stream_driver")
WAIT = "trap 'exit 0' TERM; sleep 1000 & wait"
# A mount namespace in which the host looks as if systemd ran it.
WITH_SYSTEMD = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /run/systemd && mkdir /run/systemd/system && exec "$@"', "-"]


class World:
    def __init__(self, directory):
        self.directory = str(directory)
        self.host = Host(engine=podman.PrivatePodman)
        self.docker = self.host.docker
        self.docker.kill()
        self.registry = Registry(address=self.host.namespace.here)
        self.docker.trust(self.host.namespace.here)
        self.docker.start().sample_image()
        self.server = Server(directory, listen=self.host.namespace.here + ":0").start()
        self.ecs = self.server.client(self.server.create_key())
        self.ecs.create_cluster(clusterName="pods")
        self.agent = self.host.agent(directory, self.server, "pods", env={
            "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION": "1s",
            "ECS_AVAILABLE_LOGGING_DRIVERS": '["json-file","none","syslog","awslogs"]'})
        self.start_agent()

    def start_agent(self):
        self.agent.start()
        eventually(lambda: connected(self.ecs, "pods"), 60, "the agent connects; log: " + self.agent.log)

    def define(self, family, *containers, **more):
        self.ecs.register_task_definition(family=family, containerDefinitions=[dict({
            "name": "main", "image": IMAGE, "cpu": 16, "memory": 32, "essential": True, "command": ["/bin/sh", "-c", WAIT]}, **one)
            for one in containers or [{}]], **more)
        return self.ecs.run_task(cluster="pods", taskDefinition=family)

    def run(self, family, *containers, until="RUNNING", **more):
        answer = self.define(family, *containers, **more)
        assert answer["failures"] == [], answer
        return self.wait(answer["tasks"][0]["taskArn"], until)

    def wait(self, arn, status):
        def there():
            task = self.ecs.describe_tasks(cluster="pods", tasks=[arn])["tasks"][0]
            assert status == "STOPPED" or task["lastStatus"] != "STOPPED", task
            return task if task["lastStatus"] == status else None
        return eventually(there, 90, "%s is %s; log: %s" % (arn, status, self.agent.log))

    def stop(self, task):
        self.ecs.stop_task(cluster="pods", task=task["taskArn"])
        return self.wait(task["taskArn"], "STOPPED")

    def inspect(self, task):
        return {c["Config"]["Labels"]["com.amazonaws.ecs.container-name"]: c
                for c in self.docker.containers("label=com.amazonaws.ecs.task-arn=" + task["taskArn"])}

    def cleaned_up(self, task):
        eventually(lambda: not self.inspect(task), 30, "the containers of %s are removed; log: %s" % (task, self.agent.log))

    def gets(self, port):
        def answers():
            try:
                return urllib.request.urlopen("http://%s:%d/" % (self.host.namespace.there, port), timeout=2).read()
            except OSError:
                return None
        return eventually(answers, 20, "port %d answers" % port)

    def close(self):
        try:
            self.agent.close()
            self.server.close()
        finally:
            self.registry.close()
            self.host.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    one = World(tmp_path_factory.mktemp("podman"))
    yield one
    one.close()


def by_name(task):
    return {c["name"]: c for c in task["containers"]}


def test_what_a_container_has(world):
    """Environment, command, labels, limits; its metadata and statistics at 169.254.170.2; its output; its stop."""
    task = world.run("plain", {
        "command": ["/bin/sh", "-c", "echo told; " + "trap 'exit 3' TERM; sleep 1000 & wait"],
        "environment": [{"name": "COLOUR", "value": "blue"}], "dockerLabels": {"shelf": "top"}, "memory": 64, "memoryReservation": 32,
        "cpu": 64, "user": "0", "workingDirectory": "/tmp", "hostname": "named", "extraHosts": [{"hostname": "far", "ipAddress": "192.0.2.9"}],
        "ulimits": [{"name": "nofile", "softLimit": 100, "hardLimit": 200}, {"name": "nproc", "softLimit": 50, "hardLimit": 60}],
        "linuxParameters": {"initProcessEnabled": True, "capabilities": {"add": ["SYS_TIME"], "drop": ["MKNOD"]}, "sharedMemorySize": 8,
                            "tmpfs": [{"containerPath": "/scratch", "size": 4}]},
        "logConfiguration": {"logDriver": "json-file", "options": {"max-size": "1m"}}, "stopTimeout": 20})
    one = world.inspect(task)["main"]
    config, limits = one["Config"], one["HostConfig"]
    env = dict(v.split("=", 1) for v in config["Env"])
    assert env["COLOUR"] == "blue" and env["AWS_EXECUTION_ENV"] == "AWS_ECS_EC2"
    assert config["Labels"]["shelf"] == "top" and config["Labels"]["com.amazonaws.ecs.task-arn"] == task["taskArn"]
    assert (limits["Memory"], limits["MemoryReservation"], limits["CpuShares"]) == (64 * 2 ** 20, 32 * 2 ** 20, 64)
    assert limits["ShmSize"] == 8 * 2 ** 20 and "far:192.0.2.9" in limits["ExtraHosts"] and limits["Init"]
    assert config["WorkingDir"] == "/tmp" and config["Hostname"] == "named" and "/scratch" in limits["Tmpfs"]
    with open("/proc/%d/limits" % one["State"]["Pid"]) as file:
        assert [line.split()[3:5] for line in file if "open files" in line] == [["100", "200"]]
    said = world.docker.run("exec", one["Id"], "wget", "-qO-", env["ECS_CONTAINER_METADATA_URI_V4"] + "/task")
    said = json.loads(said)
    assert said["TaskARN"] == task["taskArn"] and said["KnownStatus"] == "RUNNING"
    assert said["Containers"][0]["DockerId"] == one["Id"] and said["Containers"][0]["Networks"][0]["IPv4Addresses"][0].startswith("10.244.")
    def stats():
        return json.loads(world.docker.run("exec", one["Id"], "wget", "-qO-", env["ECS_CONTAINER_METADATA_URI_V4"] + "/stats"))
    assert eventually(stats, 20)["memory_stats"]["limit"] == 64 * 2 ** 20
    assert world.docker.run("logs", one["Id"]) == "told"
    assert task["containers"][0]["runtimeId"] == one["Id"]
    assert world.stop(task)["containers"][0]["exitCode"] == 3
    world.cleaned_up(task)


def test_ports(world):
    serve = "mkdir -p /tmp/w; echo here >/tmp/w/index.html; httpd -p 80 -h /tmp/w; " + WAIT
    ports = [{"containerPort": 80}, {"containerPort": 80, "hostPort": 18580}]
    task = world.run("ports", {"command": ["/bin/sh", "-c", serve], "portMappings": ports})
    bound = {b["hostPort"] for b in task["containers"][0]["networkBindings"] if b["bindIP"] == "0.0.0.0"}
    assert 18580 in bound and len(bound) == 2
    assert [world.gets(port) for port in bound] == [b"here\n"] * 2
    world.stop(task)


def test_order_and_ends(world):
    """dependsOn by events, a kill after the stop time-out, a restart policy, exit codes."""
    task = world.run(
        "order", {"dependsOn": [{"containerName": "init", "condition": "SUCCESS"}, {"containerName": "any", "condition": "COMPLETE"},
                                {"containerName": "stubborn", "condition": "START"}]},
        {"name": "init", "essential": False, "command": ["/bin/sh", "-c", "sleep 0.3"]},
        {"name": "any", "essential": False, "command": ["/bin/sh", "-c", "exit 4"]},
        {"name": "stubborn", "essential": False, "stopTimeout": 2, "command": ["/bin/sh", "-c", "trap '' TERM; while true; do sleep 1; done"]},
        networkMode="none")
    found = world.inspect(task)
    assert found["init"]["State"]["FinishedAt"] < found["main"]["State"]["StartedAt"]
    ended = by_name(world.stop(task))
    assert {n: ended[n].get("exitCode") for n in ended} == {"main": 0, "init": 0, "any": 4, "stubborn": 137}

    failed = world.run("never", {"dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]},
                       {"name": "init", "essential": False, "command": ["/bin/sh", "-c", "exit 1"]}, until="STOPPED")
    assert by_name(failed)["init"]["exitCode"] == 1 and "dependency graph" in by_name(failed)["main"]["reason"]


def test_volumes_namespaces_and_their_removal(world, tmp_path):
    """A host path, a volume of the task, one of its own that another container uses, shared pid and ipc behind a pause container."""
    share = tmp_path / "share"
    share.mkdir()
    task = world.run(
        "volumes", {"mountPoints": [{"sourceVolume": "host", "containerPath": "/host"}, {"sourceVolume": "own", "containerPath": "/own"}],
                    "command": ["/bin/sh", "-c", "echo a >/host/a; echo b >/own/b; " + WAIT]},
        {"name": "other", "volumesFrom": [{"sourceContainer": "main", "readOnly": True}],
         "dependsOn": [{"containerName": "main", "condition": "START"}]},
        volumes=[{"name": "host", "host": {"sourcePath": str(share)}},
                 {"name": "own", "dockerVolumeConfiguration": {"scope": "task", "driver": "local", "labels": {"k": "v"}}}],
        pidMode="task", ipcMode="task")
    found = world.inspect(task)
    eventually(lambda: world.docker.run("exec", found["other"]["Id"], "cat", "/host/a", "/own/b", check=False) == "a\nb", 10)
    assert (share / "a").read_text() == "a\n"
    spaces = [[os.readlink("/proc/%d/ns/%s" % (found[name]["State"]["Pid"], kind)) for kind in ("pid", "ipc")] for name in ("main", "other")]
    assert spaces[0] == spaces[1] and len(found) == 3
    volume = next(m["Name"] for m in found["main"]["Mounts"] if m["Destination"] == "/own")
    world.stop(task)
    world.cleaned_up(task)
    eventually(lambda: volume not in world.docker.run("volume", "ls", "-q").split(), 20, "the volume of the task is removed")


def test_pulls(world):
    name = world.registry.image("1")
    task = world.run("pulled", {"image": name, "command": ["/bin/sh", "-c", WAIT]})
    assert task["containers"][0]["imageDigest"] == world.registry.digest
    world.stop(task)
    missing = world.run("missing", {"image": name.replace("test/image", "missing/image")}, until="STOPPED")
    reason = missing["containers"][0]["reason"]
    assert reason.startswith("CannotPullContainerError: ") and "manifest unknown" in reason


@pytest.mark.skipif(not os.access(DRIVER, os.X_OK), reason="the engine driver is not built")
def test_images_are_pulled_each_time_and_go(world, tmp_path):
    """It cannot be asked for digests, whatever the rule of pulls; unused images are cleared away."""
    engine = Engine(tmp_path, world.docker, ECS_IMAGE_PULL_BEHAVIOR="always", ECS_IMAGE_MINIMUM_CLEANUP_AGE="0s",
                    ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION="1s", TEST_IMAGE_CLEANUP_MS="300").start()
    try:
        image = world.registry.image("goes")
        one = task(container(command="exit 5", image=image))
        assert "error" not in engine.want(one)
        assert engine.report(one, "STOPPED")["containers"][0].get("exitCode") == 5
        eventually(lambda: not world.docker.run("images", "-q", image), 30, "the image goes")
    finally:
        engine.close()


def test_the_service_is_restarted(world):
    """kill -9: containers run on; what ended and what was asked meanwhile is told and done when it is there again."""
    lasting, ending = world.run("lasting"), world.run("ending")
    before = world.inspect(lasting)["main"]["State"]["StartedAt"]
    pid = world.inspect(ending)["main"]["State"]["Pid"]
    world.docker.kill()
    os.kill(pid, 15)
    asked = world.define("asked")["tasks"][0]["taskArn"]
    world.docker.start()
    ended = world.wait(ending["taskArn"], "STOPPED")
    assert ended["containers"][0]["exitCode"] == 0
    asked = world.wait(asked, "RUNNING")
    assert world.inspect(lasting)["main"]["State"]["StartedAt"] == before
    quick = world.run("quick", {"command": ["/bin/sh", "-c", "sleep 0.2; exit 6"]}, until="STOPPED")
    assert quick["containers"][0]["exitCode"] == 6
    for task in (lasting, asked):
        world.stop(task)


@pytest.mark.skipif(not os.access(STREAMS, os.X_OK), reason="the stream driver is not built")
def test_streams(world):
    """Exec and attach, both ways."""
    name = "streams"
    world.docker.run("run", "-d", "-i", "--name", name, IMAGE, "sh", "-c", "while read -r line; do echo got $line; done")
    def drive(*args, **how):
        return subprocess.run([STREAMS, world.docker.host, *args], env=dict(os.environ, **SANITIZER_ENV), capture_output=True,
                              timeout=60, check=False, **how)
    got = drive("exec", name, "sh", "-c", "cat; echo aside >&2; exit 3", input=b"hello\n")
    assert (got.returncode, got.stdout, got.stderr) == (3, b"hello\n", b"aside\n")
    ours, theirs = os.pipe()
    os.write(theirs, b"one\n")
    try:
        got = drive("attach", name, "--leave-after", "8", stdin=ours)
    finally:
        os.close(ours)
        os.close(theirs)
    assert b"got one\n" in got.stdout, got
    world.docker.run("rm", "-f", "-t", "0", name, check=False)


def test_what_it_cannot(world):
    """docs/engines.md: what is not announced is not placed; what has no capability ends with Podman's words."""
    names = {a["name"] for one in connected(world.ecs, "pods") for a in world.ecs.describe_container_instances(
        cluster="pods", containerInstances=[one])["containerInstances"][0]["attributes"]}
    drivers = "com.amazonaws.ecs.capability.logging-driver."
    assert {n for n in names if n.startswith(drivers)} == {drivers + "json-file", drivers + "none"}
    assert not any("firelens" in n for n in names) and "ecs.capability.container-health-check" not in names
    for family, more in (("syslog", {"logConfiguration": {"logDriver": "syslog"}}),
                         ("checked", {"healthCheck": {"command": ["CMD-SHELL", "true"]}})):
        answer = world.define(family, more)
        assert [f["reason"] for f in answer["failures"]] == ["ATTRIBUTE"], answer
    linked = world.run("linked", {"links": ["db"]}, {"name": "db"}, until="STOPPED")
    assert "link is not supported" in by_name(linked)["main"]["reason"]
    oom = world.run("oom", {"memory": 16, "command": ["/bin/busybox", "dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"],
                            "linuxParameters": {"maxSwap": 0}}, until="STOPPED")
    assert oom["containers"][0]["exitCode"] == 137
    joined = world.run("joined", {"linuxParameters": {"initProcessEnabled": True}}, pidMode="host", until="STOPPED")
    assert "cannot add init binary as PID 1" in joined["containers"][0]["reason"]


def test_health_with_systemd(world):
    """Podman's checks are timers of systemd. The host is made to look as if it ran, and the checks are run by hand."""
    world.agent.close()
    world.agent.args = WITH_SYSTEMD + world.agent.args
    world.start_agent()
    answer = world.define("healthy", {"healthCheck": {"command": ["CMD-SHELL", "test -e /tmp/up"], "interval": 300, "retries": 1}})
    assert answer["failures"] == []
    task = world.wait(answer["tasks"][0]["taskArn"], "RUNNING")
    ident = world.inspect(task)["main"]["Id"]
    for status in ("UNHEALTHY", "HEALTHY"):
        if status == "HEALTHY":
            world.docker.run("exec", ident, "/bin/sh", "-c", ">/tmp/up")
        for _ in range(2):  # its event tells what the check before found
            ran = world.docker.podman("healthcheck", "run", ident)
        eventually(lambda status=status: world.ecs.describe_tasks(cluster="pods", tasks=[task["taskArn"]])["tasks"][0]["healthStatus"] == status,
                   30, "the task is %s: %s" % (status, ran))
    world.stop(task)
