"""The official amazon-ecs-agent joins a berth cluster (spec 08-agent-protocol: AP-001 to AP-545).

OFFICIAL_AGENT names its binary, which is not part of this project; docs/official-agent.md tells how to get one."""
import os
import time

import pytest

from harness.engine import load_image
from harness.official import OFFICIAL, Namespace, OfficialAgent
from harness.program import Server, connected, eventually
from harness.registry import Registry
from harness.samples import IMAGE, get, host_port, shell, web

pytestmark = pytest.mark.skipif(not OFFICIAL or os.geteuid() != 0, reason="OFFICIAL_AGENT names no binary, or we are not root")


@pytest.fixture(scope="module")
def namespace():
    one = Namespace().open()
    yield one
    one.close()


@pytest.fixture
def server(tmp_path, namespace):
    one = Server(tmp_path, listen=namespace.here + ":0").start()
    yield one
    one.close()


@pytest.fixture
def start_agent(tmp_path, namespace, server, docker, cluster):
    """Starts agents; the last one left running is ended and their containers are removed."""
    docker.sample_image()
    agents = []

    def start_agent_process(key=None, **kwargs):
        one = OfficialAgent(tmp_path, namespace, server.url, key or server.create_key(agentCluster=cluster), docker.host,
                            kwargs.pop("cluster", cluster), **kwargs).start()
        agents.append(one)
        return one

    yield start_agent_process
    for one in agents:
        one.close()
    docker.remove_task_containers(cluster)


@pytest.fixture
def agent(start_agent, ecs, cluster):
    one = start_agent()
    eventually(lambda: connected(ecs, cluster), 60, "the agent registers and connects; log: " + one.log)
    return one


def run(ecs, cluster, definition, **kwargs):
    ecs.register_task_definition(**definition)
    answer = ecs.run_task(cluster=cluster, taskDefinition=definition["family"], launchType="EXTERNAL", **kwargs)
    assert answer["failures"] == []
    return [task["taskArn"] for task in answer["tasks"]]


def task_of(ecs, cluster, arn):
    return ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]


def wait(ecs, cluster, arn, status, timeout=60):
    def check():
        task = task_of(ecs, cluster, arn)
        assert task["lastStatus"] != "STOPPED" or status == "STOPPED", "ended: %s %s" % (
            task.get("stoppedReason"), [c.get("reason") for c in task["containers"]])
        return task if task["lastStatus"] == status else None
    return eventually(check, timeout, "%s is %s" % (arn, status))


def start(ecs, cluster, definition):
    arn, = run(ecs, cluster, definition)
    return arn, wait(ecs, cluster, arn, "RUNNING")


def instance_of(ecs, cluster):
    arns = ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
    found = ecs.describe_container_instances(cluster=cluster, containerInstances=arns, include=["TAGS"])["containerInstances"]
    assert len(found) == 1
    return found[0]


def pair(family="pair"):
    """Two containers, each with an exit code of its own."""
    definition = web(family)
    script = "trap 'exit %d' TERM; mkdir -p /www; echo hello >/www/index.html; httpd -p 80 -h /www; sleep 1000 & wait"
    definition["containerDefinitions"] = [
        {"name": "web", "image": IMAGE, "cpu": 16, "memory": 32, "essential": True, "portMappings": [{"containerPort": 80}],
         "command": ["/bin/sh", "-c", script % 3]},
        {"name": "side", "image": IMAGE, "cpu": 16, "memory": 32, "essential": True, "environment": [{"name": "A", "value": "b"}],
         "command": ["/bin/sh", "-c", "trap 'exit 4' TERM; sleep 1000 & wait"]}]
    return definition


def exit_codes(task):
    return {c["name"]: c.get("exitCode") for c in task["containers"]}


def answers(port):
    try:
        return get(port)
    except OSError:
        return None


def test_it_registers(ecs, cluster, agent, namespace):
    """AP-101 to AP-104, AP-151, AP-202, AP-204: what the API tells of it."""
    instance = instance_of(ecs, cluster)
    assert instance["status"] == "ACTIVE" and instance["agentConnected"] is True
    assert {"rack": "r1", "ecs.os-type": "linux"}.items() <= {a["name"]: a.get("value") for a in instance["attributes"]}.items()
    names = {a["name"] for a in instance["attributes"]}
    assert {"ecs.capability.external", "ecs.capability.full-sync", "com.amazonaws.ecs.capability.docker-remote-api.1.25"} <= names
    resources = {r["name"]: r for r in instance["registeredResources"]}
    assert resources["CPU"]["integerValue"] == 1024 * os.cpu_count()
    assert "51678" in resources["PORTS"]["stringSetValue"]
    version = eventually(lambda: instance_of(ecs, cluster).get("versionInfo"), 10)
    assert version["agentVersion"] and version["agentHash"]
    assert version["dockerVersion"].startswith("DockerVersion: ")
    inside = namespace.get("http://127.0.0.1:51678/v1/metadata")
    assert inside["Cluster"] == cluster and inside["ContainerInstanceArn"] == instance["containerInstanceArn"]


def test_two_containers_and_a_dynamic_port(ecs, cluster, agent, docker):
    """AP-122, AP-124, AP-125, AP-409"""
    arn, task = start(ecs, cluster, pair())
    assert {c["lastStatus"] for c in task["containers"]} == {"RUNNING"}
    assert eventually(lambda: answers(host_port(task)), 10) == "hello\n"
    assert {c["Id"] for c in docker.containers("label=com.amazonaws.ecs.task-arn=" + arn)} == {
        c["runtimeId"] for c in task["containers"]}
    instance = instance_of(ecs, cluster)
    assert instance["runningTasksCount"] == 1
    ecs.stop_task(cluster=cluster, task=arn, reason="enough")
    task = wait(ecs, cluster, arn, "STOPPED")
    assert exit_codes(task) == {"web": 3, "side": 4}
    assert task["stopCode"] == "UserInitiated" and task["stoppedReason"] == "enough"
    assert instance_of(ecs, cluster)["runningTasksCount"] == 0


@pytest.mark.parametrize("mode", ["host", "none"])
def test_network_modes(ecs, cluster, agent, docker, mode):
    """AP-303: agents of 2023 find these two in HostConfig only."""
    definition = dict(shell("trap 'exit 0' TERM; sleep 1000 & wait", family="net"), networkMode=mode)
    arn, _ = start(ecs, cluster, definition)
    made, = docker.containers("label=com.amazonaws.ecs.task-arn=" + arn)
    assert made["HostConfig"]["NetworkMode"] == mode


def test_exits_and_failures(ecs, cluster, agent):
    """AP-125, AP-126: an essential container's own end, a program that is not there, an image that is not there."""
    arn, = run(ecs, cluster, shell("exit 7", family="exits"))
    task = wait(ecs, cluster, arn, "STOPPED")
    assert exit_codes(task) == {"main": 7}
    assert task["stopCode"] == "EssentialContainerExited"
    assert task["stoppedReason"] == "Essential container in task exited"

    definition = pair("nothing")
    definition["containerDefinitions"][0] = {"name": "web", "image": IMAGE, "memory": 32, "command": ["/nosuch"]}
    arn, = run(ecs, cluster, definition)
    task = wait(ecs, cluster, arn, "STOPPED")
    assert (task["stopCode"], task["stoppedReason"]) == ("TaskFailedToStart", "Task failed to start")
    assert [c["reason"].split(":")[0] for c in task["containers"] if c["name"] == "web"] == ["CannotStartContainerError"]

    arn, = run(ecs, cluster, shell("true", family="imageless", image="127.0.0.1:1/berth-there-is-no-such-image:1"))
    task = wait(ecs, cluster, arn, "STOPPED", 120)
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["containers"][0]["reason"].startswith("CannotPullContainerError: ")


def test_health(ecs, cluster, agent):
    """AP-485, AP-510: health comes by telemetry only, every 20 s."""
    check = {"command": ["CMD-SHELL", "test ! -e /tmp/ill"], "interval": 5, "timeout": 2, "retries": 1}
    arn, = run(ecs, cluster, shell("trap 'exit 0' TERM; while [ ! -e /tmp/stop ]; do sleep 1; done", family="health", healthCheck=check))
    task = wait(ecs, cluster, arn, "RUNNING")
    eventually(lambda: task_of(ecs, cluster, arn)["healthStatus"] == "HEALTHY", 60, every=0.5)
    assert task_of(ecs, cluster, arn)["containers"][0]["healthStatus"] == "HEALTHY"
    assert task["lastStatus"] == "RUNNING"


def test_its_own_kill(ecs, cluster, agent, docker):
    """AP-105, AP-542 to AP-545: state, containers and reports survive it; what ended meanwhile is told."""
    stays, before = start(ecs, cluster, pair())
    ends, = run(ecs, cluster, shell("trap 'exit 9' TERM; sleep 1000 & wait", family="ends"))
    ending = wait(ecs, cluster, ends, "RUNNING")
    instance = instance_of(ecs, cluster)
    agent.kill()
    eventually(lambda: not instance_of(ecs, cluster)["agentConnected"], 30)
    docker.run("kill", ending["containers"][0]["runtimeId"])
    agent.start()
    task = wait(ecs, cluster, ends, "STOPPED")
    assert exit_codes(task) == {"main": 137}
    eventually(lambda: connected(ecs, cluster), 30)
    after = instance_of(ecs, cluster)
    assert after["containerInstanceArn"] == instance["containerInstanceArn"]
    assert ("rack", "r1") in {(a["name"], a.get("value")) for a in after["attributes"]}
    again = task_of(ecs, cluster, stays)
    assert again["lastStatus"] == "RUNNING"
    assert [c["runtimeId"] for c in again["containers"]] == [c["runtimeId"] for c in before["containers"]]
    ecs.stop_task(cluster=cluster, task=stays)
    assert exit_codes(wait(ecs, cluster, stays, "STOPPED")) == {"web": 3, "side": 4}


def test_the_servers_kill(ecs, cluster, agent, server, docker):
    """AP-216, AP-220, AP-241: it reconnects; what was lost meanwhile is told, nothing is started twice or stopped."""
    stays, before = start(ecs, cluster, pair())
    ends, = run(ecs, cluster, shell("trap 'exit 9' TERM; sleep 1000 & wait", family="ends"))
    ending = wait(ecs, cluster, ends, "RUNNING")
    server.kill()
    docker.run("kill", ending["containers"][0]["runtimeId"])
    server.start()
    assert exit_codes(wait(ecs, cluster, ends, "STOPPED", 90)) == {"main": 137}
    eventually(lambda: connected(ecs, cluster), 60)
    again = task_of(ecs, cluster, stays)
    assert again["lastStatus"] == "RUNNING"
    assert [c["runtimeId"] for c in again["containers"]] == [c["runtimeId"] for c in before["containers"]]
    # A task sent while it was away arrives once it is back.
    more, = run(ecs, cluster, shell("exit 5", family="more"))
    assert exit_codes(wait(ecs, cluster, more, "STOPPED")) == {"main": 5}
    assert agent.is_running()


def test_tasks_wait_for_an_agent_that_is_away(ecs, cluster, agent):
    """AP-242, AP-545: a stop asked for while it is away reaches it once: by payload, not by manifest too."""
    arn, _ = start(ecs, cluster, pair())
    agent.kill()
    eventually(lambda: not instance_of(ecs, cluster)["agentConnected"], 30)
    ecs.stop_task(cluster=cluster, task=arn)
    time.sleep(1)
    assert task_of(ecs, cluster, arn)["lastStatus"] != "STOPPED"
    agent.start()
    assert exit_codes(wait(ecs, cluster, arn, "STOPPED")) == {"web": 3, "side": 4}


def test_a_wrong_key_is_refused(ecs, cluster, server, start_agent):
    """AP-107: nothing is registered; the agent ends by itself."""
    key, _ = server.create_key(agentCluster=cluster)
    for wrong in ((key, "x" * 40), ("AKIAIOSFODNN7EXAMPLE", "x" * 40)):
        one = start_agent(wrong, name="wrong-" + wrong[0][-4:])
        assert one.process.wait(60) != 0
        assert ecs.list_container_instances(cluster=cluster)["containerInstanceArns"] == []


def test_a_key_of_another_cluster_is_refused(ecs, cluster, server, start_agent):
    ecs.create_cluster(clusterName="other-" + cluster[:20])
    one = start_agent(server.create_key(agentCluster="other-" + cluster[:20]))
    assert one.process.wait(60) != 0
    assert ecs.list_container_instances(cluster=cluster)["containerInstanceArns"] == []


def test_deregistered(ecs, cluster, agent, docker, server):
    """AP-106, AP-206, AP-217: refused with InactiveInstanceException, containers go on, and it does not storm."""
    arn, _ = start(ecs, cluster, pair())
    instance = instance_of(ecs, cluster)["containerInstanceArn"]
    answer = ecs.deregister_container_instance(cluster=cluster, containerInstance=instance, force=True)["containerInstance"]
    assert answer["status"] == "INACTIVE"
    eventually(lambda: "InactiveInstanceException" in agent.output(), 30, "log: " + agent.log)
    time.sleep(3)
    assert agent.is_running()
    assert agent.output().count("InactiveInstanceException") < 12
    assert len(docker.containers("label=com.amazonaws.ecs.task-arn=" + arn, everything=False)) == 2
    assert ecs.list_container_instances(cluster=cluster)["containerInstanceArns"] == []
    agent.kill()
    agent.start()  # AP-106: what it saved is good no more (1.75.3 ends with 1, later ones with 5)
    assert agent.process.wait(60) in (1, 5)
    assert "is inactive." in agent.output()


def test_a_service(ecs, cluster, agent):
    """Two tasks, an update by the percents, scale-in, delete."""
    ecs.register_task_definition(**web())
    ecs.create_service(cluster=cluster, serviceName="web", taskDefinition="web", desiredCount=2, launchType="EXTERNAL")

    def stable():
        ecs.get_waiter("services_stable").wait(cluster=cluster, services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 120})

    def tasks():
        arns = ecs.list_tasks(cluster=cluster, serviceName="web", desiredStatus="RUNNING")["taskArns"]
        found = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        return [t for t in found if t["lastStatus"] == "RUNNING"]

    stable()
    assert [eventually(lambda t=t: answers(host_port(t)), 10).split(",")[0] for t in tasks()] == ["hello"] * 2
    second = ecs.register_task_definition(**web(environment=[{"name": "GREETING", "value": "goodbye"}]))["taskDefinition"]
    ecs.update_service(cluster=cluster, service="web", taskDefinition="web:%d" % second["revision"])
    stable()
    assert [eventually(lambda t=t: answers(host_port(t)), 10).split(",")[0] for t in tasks()] == ["goodbye"] * 2
    ecs.update_service(cluster=cluster, service="web", desiredCount=1)
    stable()
    assert len(tasks()) == 1
    ecs.update_service(cluster=cluster, service="web", desiredCount=0)
    ecs.delete_service(cluster=cluster, service="web")
    ecs.get_waiter("services_inactive").wait(cluster=cluster, services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 90})
    eventually(lambda: instance_of(ecs, cluster)["runningTasksCount"] == 0, 30)


def test_many_tasks_at_once(ecs, cluster, agent):
    """AP-225, AP-414: one task per payload, more than the host can hold at once are not sent."""
    arns = run(ecs, cluster, shell("sleep 1; exit 2", family="many"), count=10)
    for arn in arns:
        assert exit_codes(wait(ecs, cluster, arn, "STOPPED", 90)) == {"main": 2}


def test_credentials_of_roles_reach_it(start_agent, server, ecs, cluster, docker, namespace):
    """AP-214, AP-226, AP-231, AG-302: it serves what the server made, also after a restart, and who has them may sign."""
    agent = start_agent(env={"ECS_ENABLE_TASK_IAM_ROLE": "true"})
    eventually(lambda: connected(ecs, cluster), 60, "the agent connects; log: " + agent.log)
    role = "arn:aws:iam::000000000000:role/web"
    arn, = run(ecs, cluster, dict(shell("sleep 1000"), taskRoleArn=role))
    wait(ecs, cluster, arn, "RUNNING")
    inspected, = docker.containers("label=com.amazonaws.ecs.task-arn=" + arn)
    path = dict(one.split("=", 1) for one in inspected["Config"]["Env"])["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]

    def served():
        return namespace.get("http://127.0.0.1:51679" + path)

    keys = eventually(served, 20)
    assert keys["RoleArn"] == role
    mine = server.client((keys["AccessKeyId"], keys["SecretAccessKey"]))
    mine._request_signer._credentials.token = keys["Token"]
    assert mine.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]["taskArn"] == arn
    agent.kill()
    agent.start()
    assert eventually(served, 60)["RoleArn"] == role


def test_it_runs_the_version_that_a_deployment_keeps_to(start_agent, ecs, cluster, docker, tmp_path):
    """versionConsistency: a tag with a digest behind it is what this agent can pull and start."""
    agent = start_agent(env={"ECS_IMAGE_PULL_BEHAVIOR": "default"})
    eventually(lambda: connected(ecs, cluster), 60)
    registry = Registry(tmp_path / "registry").start()
    try:
        base = load_image(docker, "official-pins:1")
        name, digest = registry.push(docker, base, "kept:1")
        ecs.register_task_definition(family="kept", networkMode="none", containerDefinitions=[
            {"name": "app", "image": name, "memory": 16, "command": ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]}])
        ecs.create_service(cluster=cluster, serviceName="kept", taskDefinition="kept", desiredCount=1, launchType="EXTERNAL")

        def digests(count):
            arns = ecs.list_tasks(cluster=cluster, serviceName="kept")["taskArns"]
            tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
            found = [t["containers"][0].get("imageDigest") for t in tasks if t["lastStatus"] == "RUNNING"]
            return found if len(found) == count else None

        assert eventually(lambda: digests(1), 60) == [digest]
        assert registry.push_over(docker, load_image(docker, base), name)[1] != digest  # made at another time
        ecs.update_service(cluster=cluster, service="kept", desiredCount=2)
        assert eventually(lambda: digests(2), 60) == [digest, digest]
    finally:
        agent.close()  # or it starts them again
        docker.remove_task_containers(cluster)
        for line in docker.run("images", "--digests", "--format", "{{.Repository}}:{{.Tag}} {{.Repository}}@{{.Digest}}").splitlines():
            for image in line.split() if line.startswith((registry.host, "official-pins")) else ():
                if "<none>" not in image:
                    docker.run("rmi", image, check=False)
        registry.close()
