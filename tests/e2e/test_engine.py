"""The task engine on a real Docker engine: what of a task becomes of a container (section 9 of the task definition
guide, AP-303 to AP-314, AP-401 to AP-416)."""
import json
import time
import urllib.request

import pytest

from harness.engine import CACHED, FOREVER, IMAGE, Engine, Registry, container, load_image, remove_containers, task
from harness.program import eventually
from harness.samples import free_port


@pytest.fixture(scope="module")
def image(docker):
    return load_image(docker)


@pytest.fixture
def engine(docker, image, tmp_path):
    one = Engine(tmp_path, docker, **CACHED).start()
    yield one
    one.close()
    remove_containers(docker)


def inspect(engine, report, name="app"):
    one = next(c for c in report["containers"] if c["name"] == name)
    return json.loads(engine.docker.run("inspect", one["id"]))[0]


def app(report, name="app"):
    return next(c for c in report["containers"] if c["name"] == name)


def test_exit_code_of_a_stop(engine):
    """AP-409, AP-125: SIGTERM is handled, its exit code is told."""
    one = task(container(command="trap 'exit 3' TERM; sleep 1000 & wait"))
    engine.run(one)
    begun = time.monotonic()
    assert app(engine.stop(one))["exitCode"] == 3
    assert time.monotonic() - begun < 5


def test_stop_timeout_then_kill(engine):
    one = task(container(command="trap '' TERM; while true; do sleep 1; done", stopTimeout=1))
    engine.run(one)
    begun = time.monotonic()
    stopped = app(engine.stop(one))
    assert stopped["exitCode"] == 137 and "reason" not in stopped
    assert 0.9 < time.monotonic() - begun < 8


def test_a_short_task_is_told_whole(engine):
    one = task(container(command="exit 7"))
    engine.want(one)
    stopped = engine.report(one, "STOPPED")
    assert app(stopped)["exitCode"] == 7
    assert stopped["reason"] == ""


def test_members_of_docker_config(engine):
    """TD-122: docker inspect is the oracle."""
    one = task(container(
        environment={"A": "b", "EMPTY": ""}, entryPoint=["/bin/sh", "-c", "exec \"$@\"", "--"],
        config={"User": "1000:1000", "WorkingDir": "/tmp", "Hostname": "name", "Labels": {"k": "v"}},
        host={"Dns": ["192.0.2.53"], "DnsSearch": ["example.com"], "ExtraHosts": ["h:192.0.2.9"], "ReadonlyRootfs": True,
              "Privileged": True, "Ulimits": [{"Name": "nofile", "Soft": 100, "Hard": 200}], "CapAdd": ["NET_ADMIN"],
              "MemoryReservation": 16777216, "Init": True, "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}}}))
    report = engine.run(one)
    found = inspect(engine, report)
    config, host = found["Config"], found["HostConfig"]
    assert config["User"] == "1000:1000" and config["WorkingDir"] == "/tmp" and config["Hostname"] == "name"
    assert config["Entrypoint"][3] == "--" and config["Cmd"][:2] == ["/bin/sh", "-c"]
    assert {"A=b", "EMPTY=", "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1"} <= set(config["Env"])
    assert config["Labels"]["k"] == "v" and config["Labels"]["com.amazonaws.ecs.task-arn"] == one["arn"]
    assert host["Dns"] == ["192.0.2.53"] and host["DnsSearch"] == ["example.com"] and host["ExtraHosts"] == ["h:192.0.2.9"]
    assert host["ReadonlyRootfs"] and host["Privileged"] and host["Init"]
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 100, "Hard": 200}]
    assert host["Memory"] == 32 * 2 ** 20 and host["MemoryReservation"] == 16 * 2 ** 20 and host["CpuShares"] == 10
    assert host["RestartPolicy"]["Name"] in ("", "no") and host["NetworkMode"] == "default"
    assert found["Name"].startswith("/ecs-fam-1-app-")
    engine.stop(one)


SERVE = "mkdir -p /tmp/w; echo here > /tmp/w/index.html; exec httpd -f -p %s -h /tmp/w"


def test_ports_fixed_dynamic_and_ranges(engine):
    """AP-122, AP-430, TD-122"""
    command = "mkdir -p /tmp/w; echo here > /tmp/w/index.html; for p in 80 81 9000 9001; do httpd -p $p -h /tmp/w; done; " + FOREVER
    chosen = free_port()
    one = task(container(command=command, portMappings=[
        {"containerPort": 80}, {"containerPort": 81, "hostPort": chosen}, {"containerPort": 53, "protocol": "udp"},
        {"containerPortRange": "9000-9001"}]))
    known = app(engine.run(one))["bindings"]
    assert {b["bindIP"] for b in known} <= {"0.0.0.0", "::"}  # as Docker published them; IPv6 is not reported
    bindings = [b for b in known if b["bindIP"] == "0.0.0.0"]
    assert len(bindings) == 4
    dynamic, fixed, udp, block = bindings
    assert (fixed["containerPort"], fixed["hostPort"]) == (81, chosen)
    assert udp["protocol"] == "udp" and udp["hostPort"] > 0
    first, last = map(int, block["hostPortRange"].split("-"))
    assert block["containerPortRange"] == "9000-9001" and last == first + 1
    for port in (dynamic["hostPort"], chosen, first, last):
        def answers(port=port):
            try:
                return urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=2).read() == b"here\n"
            except OSError:
                return False
        eventually(answers, 10, "port %d answers" % port)
    engine.stop(one)


def test_a_taken_host_port(engine):
    """AP-414: a task that wants a port that another one holds waits until it is given back."""
    ports = [{"containerPort": 80, "hostPort": free_port()}]
    first, second = task(container(portMappings=ports, stopTimeout=1)), task(container(portMappings=ports, stopTimeout=1))
    engine.run(first)
    engine.want(second)
    free = task(container(stopTimeout=1))
    engine.run(free)  # a task that fits passes the one that waits
    assert not any(m.get("report") == second["arn"] for m in engine.said)
    engine.stop(first)
    engine.report(second, "RUNNING")


@pytest.mark.parametrize("mode", ["host", "none"])
def test_network_modes(engine, mode):
    one = task(container(portMappings=[{"containerPort": 18475}]), networkMode=mode)
    report = engine.run(one)
    assert inspect(engine, report)["HostConfig"]["NetworkMode"] == mode
    ports = [(b["containerPort"], b["hostPort"]) for b in app(report)["bindings"]]
    assert ports == ([(18475, 18475)] if mode == "host" else [])


def test_dependencies_follow_events(engine):
    """AP-406, TD-129: each condition, and none of them by polling."""
    check = {"Healthcheck": {"Test": ["CMD-SHELL", "test -e /tmp/up"], "Interval": 300000000, "Timeout": 1000000000,
                             "Retries": 9}}
    one = task(
        container("web", dependsOn=[{"containerName": "db", "condition": "HEALTHY"},
                                    {"containerName": "init", "condition": "SUCCESS"},
                                    {"containerName": "any", "condition": "COMPLETE"}]),
        container("db", "sleep 0.3; touch /tmp/up; sleep 1000", config=check, healthCheckType="docker"),
        container("init", "sleep 0.2", essential=False), container("any", "exit 4", essential=False),
        container("late", dependsOn=[{"containerName": "web", "condition": "START"}]))
    begun = time.monotonic()
    report = engine.run(one)
    assert time.monotonic() - begun < 10
    states = {c["name"]: c["known"] for c in report["containers"]}
    assert states == {"web": "RUNNING", "db": "RUNNING", "init": "STOPPED", "any": "STOPPED", "late": "RUNNING"}
    assert app(report, "db")["health"] == "HEALTHY"
    started = {c["name"]: inspect(engine, report, c["name"])["State"]["StartedAt"] for c in report["containers"]}
    assert max(started["db"], started["init"], started["any"]) < started["web"] < started["late"]


def test_a_dependency_that_cannot_be_met(engine):
    """AP-407, TD-134"""
    one = task(container("web", dependsOn=[{"containerName": "init", "condition": "SUCCESS"}]),
               container("init", "exit 1", essential=False))
    engine.want(one)
    web = app(engine.report(one, "STOPPED"), "web")
    assert web["exitCode"] == 143
    assert web["reason"].startswith("CannotStartContainerError: dependency graph: ")
    assert "id" not in web


def test_start_timeout_of_a_dependency(engine):
    """TD-132"""
    one = task(container("web", dependsOn=[{"containerName": "init", "condition": "COMPLETE"}]),
               container("init", "trap 'exit 0' TERM; sleep 1000 & wait", essential=False, startTimeout=2))
    engine.want(one)
    assert "start time-out" in app(engine.report(one, "STOPPED"), "web")["reason"]


def test_links_and_volumes_from(engine):
    one = task(
        container("app", "sleep 1000", links=["db:base"], volumesFrom=[{"sourceContainer": "db", "readOnly": True}]),
        container("db", "echo x > /data/f; " + SERVE % 80, mountPoints=[{"sourceVolume": "v", "containerPath": "/data"}]),
        volumes=[{"name": "v", "type": "host", "host": {}}])
    report = engine.run(one)
    ident = app(report)["id"]
    eventually(lambda: engine.docker.run("exec", ident, "cat", "/data/f", check=False) == "x", 10)
    eventually(lambda: engine.docker.run("exec", ident, "wget", "-qO-", "http://base/", check=False) == "here", 10)
    assert engine.docker.run("exec", ident, "sh", "-c", "touch /data/no 2>/dev/null || echo ro") == "ro"


def test_reverse_order_of_stopping(engine):
    """AP-408, TD-131: what depends on another stops before it."""
    slow = "trap 'sleep 1; exit 0' TERM; sleep 1000 & wait"
    one = task(container("web", slow, dependsOn=[{"containerName": "db", "condition": "START"}]), container("db", slow))
    report = engine.run(one)
    engine.stop(one)
    ended = {c["name"]: inspect(engine, report, c["name"])["State"]["FinishedAt"] for c in report["containers"]}
    assert ended["web"] < ended["db"]


def test_an_essential_exit_stops_the_task(engine):
    """AP-404, TD-127, TD-128"""
    one = task(container("web", "sleep 1; exit 0"), container("side", "trap 'exit 9' TERM; sleep 1000 & wait"),
               container("helper", "exit 5", essential=False))
    engine.run(one)
    stopped = engine.report(one, "STOPPED")
    assert [app(stopped, name)["exitCode"] for name in ("web", "side", "helper")] == [0, 9, 5]
    assert stopped["reason"] == ""


def test_out_of_memory(engine):
    one = task(container(command="exec dd if=/dev/zero of=/dev/null bs=200M count=1", memory=16,
                         host={"MemorySwap": 16 * 2 ** 20}))
    engine.want(one)
    stopped = app(engine.report(one, "STOPPED"))
    assert stopped["exitCode"] == 137
    assert stopped["reason"] == "OutOfMemoryError: Container killed due to memory usage"


def test_what_cannot_start(engine):
    """AP-125, AP-416: Docker's own words behind ECS's names."""
    one = task(container(command="x"))
    one["containers"][0]["command"] = ["/nosuch"]
    engine.want(one)
    stopped = app(engine.report(one, "STOPPED"))
    assert stopped["reason"].startswith("CannotStartContainerError: Error response from daemon: ")
    assert "/nosuch" in stopped["reason"] and "exitCode" not in stopped

    two = task(container(host={"NetworkMode": "container:nothing"}))
    engine.want(two)
    assert app(engine.report(two, "STOPPED"))["reason"].startswith("CannotStartContainerError: ")


def test_what_is_refused(engine):
    """AP-304, AP-306, AP-406: no container is made."""
    cycle = task(container("a", dependsOn=[{"containerName": "b", "condition": "START"}]),
                 container("b", dependsOn=[{"containerName": "a", "condition": "START"}]))
    assert "error" in engine.want(cycle)
    assert engine.report(cycle, "STOPPED")["reason"] == "Task dependencies cannot be resolved, taskArn: " + cycle["arn"]
    override = task(container(overrides='{"environment": []}'))
    engine.want(override)
    assert engine.report(override, "STOPPED")["reason"].startswith("UnrecogniedTaskError: Error loading task - ")
    volume = task(container(mountPoints=[{"sourceVolume": "nope", "containerPath": "/x"}]))
    engine.want(volume)
    assert app(engine.report(volume, "STOPPED"))["reason"] == "HostConfigError: Invalid volume referenced: nope"
    assert engine.docker.containers("label=com.amazonaws.ecs.task-arn=" + volume["arn"]) == []


def test_an_unknown_task_is_stopped(engine):
    """AP-222"""
    one = task()
    engine.want(one, desiredStatus="STOPPED")
    assert app(engine.report(one, "STOPPED"))["known"] == "STOPPED"
    engine.want(one)  # AP-223: nothing goes back
    two = task(containers=[])
    engine.want(two, desiredStatus="STOPPED")
    assert engine.report(two, "STOPPED")["containers"] == []


def test_override_of_the_command(engine):
    one = task(container(command="exit 1", overrides='{"command": ["/bin/sh", "-c", "exit 6"]}'))
    engine.want(one)
    assert app(engine.report(one, "STOPPED"))["exitCode"] == 6


def test_docker_volumes(engine):
    """AP-314, TD-153, TD-154"""
    engine.docker.run("volume", "create", "engine-there")
    mounts = [{"sourceVolume": name, "containerPath": "/" + name} for name in ("mine", "engine-there", "engine-auto")]
    volumes = [{"name": "mine", "type": "docker", "dockerVolumeConfiguration": {"scope": "task", "labels": {"l": "1"}}},
               {"name": "engine-there", "type": "docker", "dockerVolumeConfiguration": {"scope": "shared"}},
               {"name": "engine-auto", "type": "docker",
                "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True}}]
    one = task(container(mountPoints=mounts), volumes=volumes)
    found = inspect(engine, engine.run(one))
    names = {m["Destination"]: m["Name"] for m in found["Mounts"]}
    assert names["/engine-there"] == "engine-there" and names["/engine-auto"] == "engine-auto"
    assert names["/mine"].startswith("ecs-fam-1-mine-")
    assert json.loads(engine.docker.run("volume", "inspect", names["/mine"]))[0]["Labels"] == {"l": "1"}

    missing = task(container(), volumes=[{"name": "engine-none", "type": "docker",
                                          "dockerVolumeConfiguration": {"scope": "shared"}}])
    engine.want(missing)
    assert engine.report(missing, "STOPPED")["reason"].startswith("resource cannot be initialized for task " + missing["arn"])
    engine.stop(one)
    remove_containers(engine.docker)
    engine.docker.run("volume", "rm", "engine-there", "engine-auto", names["/mine"])


def test_restart_policy(engine):
    """AP-411: started again by the agent, told only by the count."""
    one = task(container(command="sleep 1; exit 2", restartPolicy={"enabled": True, "restartAttemptPeriod": 0,
                                                                  "ignoredExitCodes": [0]}))
    report = engine.run(one)
    eventually(lambda: inspect(engine, report)["State"]["Running"] and
               inspect(engine, report)["State"]["StartedAt"] > report.setdefault("at", inspect(engine, report)["State"]["StartedAt"]),
               20)
    assert not any(m.get("known") == "STOPPED" for m in engine.said)
    assert app(engine.stop(one))["restarts"] >= 1


def test_clean_up(docker, image, tmp_path):
    """AP-417: containers, volumes and record go some time after STOPPED was taken, not before."""
    one = task(container(mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}], stopTimeout=1),
               volumes=[{"name": "v", "type": "host", "host": {}}])
    engine = Engine(tmp_path, docker, ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION="2s", **CACHED).start(acks=False)
    report = engine.run(one)
    volume = inspect(engine, report)["Mounts"][0]["Name"]
    engine.stop(one)
    time.sleep(3)
    assert docker.run("ps", "-aq", "--filter", "id=" + app(report)["id"])
    engine.close()
    engine.start()  # takes reports this time
    eventually(lambda: not docker.run("ps", "-aq", "--filter", "id=" + app(report)["id"]), 15)
    eventually(lambda: volume not in docker.run("volume", "ls", "-q").split(), 15)
    engine.close()


@pytest.fixture
def registry():
    one = Registry()
    yield one
    one.close()


def test_pulls(docker, image, tmp_path, registry):
    """AP-461, AP-463: one pull for many, tried again, its digest told; what the registry refuses is final."""
    engine = Engine(tmp_path, docker, **CACHED).start()
    registry.failures = 3
    tasks = [task(container(image=registry.image())) for _ in range(3)]
    for one in tasks:
        engine.want(one)
    for one in tasks:
        engine.report(one, "RUNNING", 60)
    assert registry.tags_served == 1
    begun = time.monotonic()
    gone = task(container(image=registry.image("missing")))
    engine.want(gone)
    reason = app(engine.report(gone, "STOPPED"))["reason"]
    assert reason.startswith("CannotPullContainerError: Error response from daemon: ")
    assert time.monotonic() - begun < 5
    for one in tasks:
        engine.stop(one)
    engine.close()
    remove_containers(docker)


def test_default_pull_uses_a_cached_image(docker, image, tmp_path):
    """AP-461 default: no registry answers for the image, but it is here."""
    closed = Registry()
    docker.run("tag", IMAGE, closed.image())
    engine = Engine(tmp_path, docker, ECS_IMAGE_PULL_BEHAVIOR="default").start()
    closed.close()
    closed.server.server_close()
    one = task(container(image=closed.image()))
    engine.run(one, 60)
    engine.stop(one)
    engine.close()
    remove_containers(docker)
    docker.run("rmi", closed.image())
