"""Tasks on a real Docker engine, from boto3 to the container and back."""
import pytest

from harness.program import eventually
from harness.samples import free_port, get, host_port, shell, web


def run(ecs, cluster, definition, **kwargs):
    ecs.register_task_definition(**definition)
    answer = ecs.run_task(cluster=cluster, taskDefinition=definition["family"], **kwargs)
    assert answer["failures"] == []
    return [task["taskArn"] for task in answer["tasks"]]


def task_of(ecs, cluster, arn):
    return ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]


def wait(ecs, cluster, arn, status, timeout=60):
    return eventually(lambda: (lambda t: t if t["lastStatus"] == status else None)(task_of(ecs, cluster, arn)), timeout,
                      "%s is %s" % (arn, status))


def test_a_task_runs_answers_and_stops(ecs, cluster, agent, docker):
    """SC-093, TD-139: RunTask to RUNNING to STOPPED, the dynamic port answers (API-125)."""
    arn, = run(ecs, cluster, web(), startedBy="me")
    task = wait(ecs, cluster, arn, "RUNNING")
    assert task["desiredStatus"] == "RUNNING"
    assert task["startedBy"] == "me"
    assert task["group"] == "family:web"
    assert task["connectivity"] == "CONNECTED"
    assert task["startedAt"] >= task["createdAt"]
    container = task["containers"][0]
    assert container["lastStatus"] == "RUNNING"
    assert len(container["runtimeId"]) == 64
    assert get(host_port(task)).startswith("hello, ")
    assert [c["Id"] for c in docker.containers("label=com.amazonaws.ecs.task-arn=" + arn)] == [container["runtimeId"]]

    answer = ecs.stop_task(cluster=cluster, task=arn, reason="enough")
    assert answer["task"]["desiredStatus"] == "STOPPED"
    task = wait(ecs, cluster, arn, "STOPPED")
    assert task["stopCode"] == "UserInitiated"
    assert task["stoppedReason"] == "enough"
    assert "exitCode" in task["containers"][0]
    # Docker's list may lag a moment behind its event.
    eventually(lambda: not docker.containers("label=com.amazonaws.ecs.task-arn=" + arn, everything=False), 2)


@pytest.mark.parametrize("code", [0, 7])
def test_an_essential_container_that_exits_ends_the_task(ecs, cluster, agent, code):
    """AP-126, AG-341: stop code, reason and exit code."""
    arn, = run(ecs, cluster, shell("exit %d" % code))
    task = wait(ecs, cluster, arn, "STOPPED")
    assert task["stopCode"] == "EssentialContainerExited"
    assert task["stoppedReason"] == "Essential container in task exited"
    assert task["containers"][0]["exitCode"] == code


def test_a_missing_image_fails_the_start(ecs, cluster, agent):
    """AG-341: TaskFailedToStart with Docker's reason behind ECS's word."""
    definition = shell("true", image="berth-there-is-no-such-image:1")
    arn, = run(ecs, cluster, definition)
    task = wait(ecs, cluster, arn, "STOPPED", 120)
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["containers"][0]["reason"].startswith("CannotPullContainerError")
    assert "exitCode" not in task["containers"][0]


def test_overrides_reach_the_container(ecs, cluster, agent, docker):
    """AP-304: the server merges overrides before the agent sees them."""
    definition = shell("sleep 1000", environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    arn, = run(ecs, cluster, definition, overrides={"containerOverrides": [
        {"name": "main", "command": ["/bin/sh", "-c", "sleep 2000"], "environment": [{"name": "B", "value": "3"}], "memory": 48}]})
    wait(ecs, cluster, arn, "RUNNING")
    inspected, = docker.containers("label=com.amazonaws.ecs.task-arn=" + arn)
    assert inspected["Config"]["Cmd"] == ["/bin/sh", "-c", "sleep 2000"]
    assert {"A=1", "B=3"} <= set(inspected["Config"]["Env"])
    assert inspected["HostConfig"]["Memory"] == 48 * 1024 * 1024


def test_parameters_reach_docker(ecs, cluster, agent, docker, tmp_path):
    """TD- section 9: what Docker is asked for bridge tasks."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "note").write_text("hi\n")
    definition = {
        "family": "full", "networkMode": "bridge",
        "volumes": [{"name": "shared", "host": {"sourcePath": str(tmp_path / "shared")}}, {"name": "scratch"}],
        "containerDefinitions": [
            {"name": "one", "image": "berth-sample-web:1", "essential": True, "cpu": 32, "memory": 64, "memoryReservation": 40,
             "command": ["cat /in/note; sleep 1000"], "entryPoint": ["/bin/sh", "-c"], "workingDirectory": "/tmp", "user": "0:0",
             "hostname": "first", "environment": [{"name": "X", "value": "y"}], "dockerLabels": {"team": "a"},
             "ulimits": [{"name": "nofile", "softLimit": 100, "hardLimit": 200}], "dnsServers": ["127.0.0.9"],
             "dnsSearchDomains": ["example.test"], "extraHosts": [{"hostname": "db", "ipAddress": "10.9.8.7"}],
             "privileged": False, "readonlyRootFilesystem": True, "linuxParameters": {"initProcessEnabled": True},
             "mountPoints": [{"sourceVolume": "shared", "containerPath": "/in", "readOnly": True},
                             {"sourceVolume": "scratch", "containerPath": "/scratch"}]},
            {"name": "two", "image": "berth-sample-web:1", "essential": False, "memory": 32, "links": ["one:first"],
             "command": ["/bin/sh", "-c", "sleep 1000"], "linuxParameters": {"initProcessEnabled": True},
             "portMappings": [{"containerPort": 80, "protocol": "udp"}]},
        ],
    }
    arn, = run(ecs, cluster, definition)
    task = wait(ecs, cluster, arn, "RUNNING")
    by_name = {c["Config"]["Labels"]["com.amazonaws.ecs.container-name"]: c
               for c in docker.containers("label=com.amazonaws.ecs.task-arn=" + arn)}
    one, two = by_name["one"], by_name["two"]
    assert one["Config"]["Entrypoint"] == ["/bin/sh", "-c"]
    assert one["Config"]["WorkingDir"] == "/tmp"
    assert one["Config"]["User"] == "0:0"
    assert one["Config"]["Hostname"] == "first"
    assert one["Config"]["Labels"]["team"] == "a"
    assert one["Config"]["Labels"]["com.amazonaws.ecs.task-definition-family"] == "full"
    host = one["HostConfig"]
    assert (host["CpuShares"], host["Memory"], host["MemoryReservation"]) == (32, 64 << 20, 40 << 20)
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 100, "Hard": 200}]
    assert host["Dns"] == ["127.0.0.9"] and host["DnsSearch"] == ["example.test"]
    assert host["ExtraHosts"] == ["db:10.9.8.7"]
    assert host["ReadonlyRootfs"] is True and host["Privileged"] is False
    assert host["RestartPolicy"]["Name"] in ("", "no")
    assert {m["Destination"]: m["RW"] for m in one["Mounts"]} == {"/in": False, "/scratch": True}
    assert any(link.endswith("/first") for link in two["HostConfig"]["Links"])
    assert "80/udp" in two["HostConfig"]["PortBindings"]
    assert docker.run("logs", one["Id"]) == "hi"
    udp = [b for c in task["containers"] if c["name"] == "two" for b in c["networkBindings"]]
    assert udp[0]["protocol"] == "udp" and udp[0]["hostPort"] > 0


def test_host_and_none_networks(ecs, cluster, agent, docker):
    for mode in ("host", "none"):
        definition = dict(shell("sleep 1000", family="net-" + mode), networkMode=mode)
        arn, = run(ecs, cluster, definition)
        wait(ecs, cluster, arn, "RUNNING")
        inspected, = docker.containers("label=com.amazonaws.ecs.task-arn=" + arn)
        assert inspected["HostConfig"]["NetworkMode"] == mode


def test_a_fixed_port_is_taken_once(ecs, cluster, agent):
    """SC-072: the second task finds RESOURCE:PORTS."""
    port = free_port()
    definition = web(family="fixed", portMappings=[{"containerPort": 80, "hostPort": port}])
    arn, = run(ecs, cluster, definition)
    answer = ecs.run_task(cluster=cluster, taskDefinition="fixed")
    assert answer["tasks"] == []
    assert [f["reason"] for f in answer["failures"]] == ["RESOURCE:PORTS"]
    wait(ecs, cluster, arn, "RUNNING")
    assert get(port).startswith("hello, ")


def test_stop_sends_term_then_kill(ecs, cluster, agent):
    """TD- section 10: TERM, stopTimeout, KILL."""
    deaf = shell("trap '' TERM; while true; do sleep 1; done", family="deaf", stopTimeout=2)
    polite = shell("trap 'exit 5' TERM; while true; do sleep 0.1; done", family="polite")
    arns = [run(ecs, cluster, d)[0] for d in (deaf, polite)]
    for arn in arns:
        wait(ecs, cluster, arn, "RUNNING")
    for arn in arns:
        ecs.stop_task(cluster=cluster, task=arn)
    codes = [wait(ecs, cluster, arn, "STOPPED")["containers"][0]["exitCode"] for arn in arns]
    assert codes == [137, 5]


def test_the_stock_task_waiters(ecs, cluster, agent):
    arn, = run(ecs, cluster, web())
    ecs.get_waiter("tasks_running").wait(cluster=cluster, tasks=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    ecs.stop_task(cluster=cluster, task=arn)
    ecs.get_waiter("tasks_stopped").wait(cluster=cluster, tasks=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
