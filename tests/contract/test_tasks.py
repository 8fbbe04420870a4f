"""Tasks: API- sections 4, 6.4 and 7.4, SC- sections 2 and 7, with a fake agent for a host."""
import json
import re
import uuid

import pytest

from harness.fake_agent import CAPABILITIES, resources


@pytest.fixture
def cluster(api):
    return api.cluster()


@pytest.fixture
def definition(api):
    return api.define(api.name("web"), containerDefinitions=[
        {"name": "web", "image": "busybox", "memory": 64, "cpu": 100, "portMappings": [{"containerPort": 80}]},
        {"name": "side", "image": "busybox", "memoryReservation": 32, "essential": False}])


def run(api, cluster, definition, **more):
    return api.raw("RunTask", dict({"cluster": cluster, "taskDefinition": definition}, **more))


def run_one(api, cluster, definition, **more):
    answer = run(api, cluster, definition, **more)
    assert answer["failures"] == [], answer
    return answer["tasks"][0]


def running(api, cluster):
    return sorted(api.raw("ListTasks", {"cluster": cluster})["taskArns"])


# ---- RunTask ----

def test_what_run_task_answers(api, cluster, definition):
    """API-121, API-195, API-196, API-120, API-031: every computed member of a task just made."""
    agent = api.agent(cluster, runs=False)
    task = run_one(api, cluster, definition)
    assert re.fullmatch(r"arn:aws:ecs:us-east-1:000000000000:task/%s/[0-9a-f]{32}" % cluster, task["taskArn"])
    family, revision = definition.rsplit("/", 1)[1].split(":")
    assert task["taskDefinitionArn"] == definition and revision == "1"
    assert task["clusterArn"].endswith("cluster/" + cluster)
    assert task["containerInstanceArn"] == agent.arn
    assert (task["lastStatus"], task["desiredStatus"], task["version"]) == ("PENDING", "RUNNING", 1)
    assert task["group"] == "family:" + family
    assert task["launchType"] in ("EC2", "EXTERNAL")
    assert (task["cpu"], task["memory"]) == ("100", "96")
    assert task["overrides"] == {"containerOverrides": [{"name": "web"}, {"name": "side"}], "inferenceAcceleratorOverrides": []}
    assert task["attachments"] == [] and task["enableExecuteCommand"] is False
    assert task["availabilityZone"] == "us-east-1a"
    for absent in ("startedBy", "startedAt", "stoppedAt", "stopCode", "stoppedReason", "pullStartedAt"):
        assert absent not in task
    assert task["createdAt"] > 1.7e9
    web, side = task["containers"]
    task_id = task["taskArn"].rsplit("/", 1)[1]
    assert re.fullmatch(r"arn:aws:ecs:us-east-1:000000000000:container/%s/%s/[0-9a-f-]{36}" % (cluster, task_id), web["containerArn"])
    assert (web["name"], web["image"], web["lastStatus"], web["taskArn"]) == ("web", "busybox", "PENDING", task["taskArn"])
    assert (web["cpu"], web["memory"]) == ("100", "64") and (side["cpu"], side["memoryReservation"]) == ("0", "32")
    assert web["healthStatus"] == "UNKNOWN" and web["networkInterfaces"] == []
    assert "exitCode" not in web and "runtimeId" not in web and "memory" not in side
    assert api.raw("DescribeTasks", {"cluster": cluster, "tasks": [task["taskArn"]]})["tasks"][0]["taskArn"] == task["taskArn"]


def test_a_life(api, cluster, definition):
    """SC-093, SC-094, SC-098, API-125, API-197, API-198, TD-091, API-200; API- section 13 example 21."""
    agent = api.agent(cluster, runs=False)
    arn = run_one(api, cluster, definition)["taskArn"]
    agent.wait_payload(arn)
    binding = {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 32768, "protocol": "tcp"}
    agent.submit(arn, "RUNNING", [
        {"containerName": "web", "status": "RUNNING", "runtimeId": "a" * 64, "networkBindings": [binding], "imageDigest": "sha256:" + "b" * 64},
        {"containerName": "side", "status": "RUNNING", "runtimeId": "c" * 64}], pullStartedAt=1795159319.25, pullStoppedAt=1795159320.5)
    task = api.raw("DescribeTasks", {"cluster": cluster, "tasks": [arn]})["tasks"][0]
    assert (task["lastStatus"], task["desiredStatus"], task["version"]) == ("RUNNING", "RUNNING", 2)
    assert task["pullStartedAt"] == 1795159319.25 and task["pullStoppedAt"] == 1795159320.5
    assert task["startedAt"] >= task["createdAt"]
    web, side = task["containers"]
    assert web["networkBindings"] == [binding] and web["runtimeId"] == "a" * 64 and web["imageDigest"] == "sha256:" + "b" * 64
    assert (web["lastStatus"], side["lastStatus"], side["networkBindings"]) == ("RUNNING", "RUNNING", [])

    agent.submit(arn, "RUNNING", [{"containerName": "side", "status": "STOPPED", "exitCode": 0, "runtimeId": "c" * 64}])
    side = api.task(cluster, arn)["containers"][1]
    assert (side["lastStatus"], side["exitCode"]) == ("STOPPED", 0)
    assert api.task(cluster, arn)["lastStatus"] == "RUNNING"

    stopped = api.raw("StopTask", {"cluster": cluster, "task": arn, "reason": "enough"})["task"]
    assert (stopped["desiredStatus"], stopped["stopCode"], stopped["stoppedReason"]) == ("STOPPED", "UserInitiated", "enough")
    assert stopped["lastStatus"] in ("RUNNING", "STOPPING") and stopped["stoppingAt"] >= stopped["startedAt"]
    agent.wait_payload(arn, "STOPPED")
    agent.submit(arn, "STOPPED", [{"containerName": "web", "status": "STOPPED", "exitCode": 143, "runtimeId": "a" * 64}],
                 executionStoppedAt=1795159400.125)
    task = api.raw("DescribeTasks", {"cluster": cluster, "tasks": [arn]})["tasks"][0]
    assert (task["lastStatus"], task["desiredStatus"], task["stopCode"], task["stoppedReason"]) == (
        "STOPPED", "STOPPED", "UserInitiated", "enough")
    assert task["containers"][0]["exitCode"] == 143 and task["executionStoppedAt"] == 1795159400.125
    assert task["stoppedAt"] >= task["stoppingAt"] and task["version"] > 3
    assert running(api, cluster) == []
    assert api.raw("ListTasks", {"cluster": cluster, "desiredStatus": "STOPPED"})["taskArns"] == [arn]


@pytest.mark.parametrize("code, reason, wanted", [
    (7, None, ("EssentialContainerExited", "Essential container in task exited")),
    (0, None, ("EssentialContainerExited", "Essential container in task exited"))])
def test_an_essential_container_ends(api, cluster, definition, code, reason, wanted):
    """AP-126: the server says why."""
    agent = api.agent(cluster, runs=False)
    arn = run_one(api, cluster, definition)["taskArn"]
    agent.wait_payload(arn)
    agent.report_running(arn, ["web", "side"])
    agent.submit(arn, "STOPPED", [{"containerName": "web", "status": "STOPPED", "exitCode": code}, {"containerName": "side", "status": "STOPPED"}])
    task = api.task(cluster, arn)
    assert (task["stopCode"], task["stoppedReason"]) == wanted
    assert task["containers"][0]["exitCode"] == code and "exitCode" not in task["containers"][1]


def test_a_task_that_never_ran(api, cluster, definition):
    """SC-020, SC-105, API-197: TaskFailedToStart, describable, without startedAt."""
    agent = api.agent(cluster, runs=False)
    arn = run_one(api, cluster, definition)["taskArn"]
    agent.wait_payload(arn)
    reason = "CannotPullContainerError: no such image"
    agent.submit(arn, "STOPPED", [{"containerName": "web", "status": "STOPPED", "reason": reason}, {"containerName": "side", "status": "STOPPED"}])
    task = api.task(cluster, arn)
    assert (task["lastStatus"], task["stopCode"]) == ("STOPPED", "TaskFailedToStart")
    assert "startedAt" not in task and task["containers"][0]["reason"] == reason
    assert task["stoppedReason"]


def test_count_and_group_and_started_by(api, cluster, definition, fails):
    """SC-003, SC-007, API-117, API-063."""
    api.agent(cluster, runs=False)
    answer = run(api, cluster, definition, count=10, group="databases", startedBy="me/too.1", referenceId="r")
    assert len(answer["tasks"]) == 10 and answer["failures"] == []
    assert {(t["group"], t["startedBy"]) for t in answer["tasks"]} == {("databases", "me/too.1")}
    assert len({t["taskArn"] for t in answer["tasks"]}) == 10
    for count in (0, 11, -1):
        with fails("InvalidParameterException"):
            run(api, cluster, definition, count=count)
    assert len(running(api, cluster)) == 10


def test_overrides(api, cluster, definition, fails):
    """API-120, SC-013 to SC-016, API- section 13 example 14: answered back, merged for the agent, verbatim."""
    agent = api.agent(cluster, runs=False)
    overrides = {"containerOverrides": [{
        "name": "web", "command": ["/bin/sh", "-c", "echo $DATE"], "environment": [{"name": "MY_ENV_VAR", "value": "This has spaces."}],
        "cpu": 50, "memory": 80, "memoryReservation": 40}], "taskRoleArn": "arn:aws:iam::000000000000:role/other"}
    task = run_one(api, cluster, definition, overrides=overrides)
    shown = task["overrides"]
    assert shown["containerOverrides"] == [overrides["containerOverrides"][0], {"name": "side"}]
    assert shown["taskRoleArn"] == overrides["taskRoleArn"]
    payload = agent.wait_payload(task["taskArn"])["message"]["tasks"][0]
    web = [c for c in payload["containers"] if c["name"] == "web"][0]
    assert web["environment"]["MY_ENV_VAR"] == "This has spaces."
    assert (web["cpu"], web["memory"]) == (50, 80)
    told = web.get("overrides") or {}
    command = (json.loads(told) if isinstance(told, str) else told).get("command")
    assert (command or web.get("command")) == ["/bin/sh", "-c", "echo $DATE"]
    empty = run_one(api, cluster, definition, overrides={"containerOverrides": []})
    assert empty["overrides"]["containerOverrides"] == [{"name": "web"}, {"name": "side"}]
    for wrong in ({"containerOverrides": [{"name": "nobody", "command": ["x"]}]}, {"containerOverrides": [{"command": ["x"]}]},
                  {"containerOverrides": [{"name": "web", "environment": [{"name": "A", "value": "x" * 8200}]}]}):
        with fails("InvalidParameterException"):
            run(api, cluster, definition, overrides=wrong)
    assert len(running(api, cluster)) == 2


def awsvpc(api, mode="awsvpc"):
    return api.define(networkMode=mode)


NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


@pytest.mark.parametrize("more, code, text", [
    ({"taskDefinition": "nope"}, "ClientException", "TaskDefinition not found."),
    ({"taskDefinition": None}, "InvalidParameterException", "~askDefinition"),
    ({"taskDefinition": ""}, "InvalidParameterException", None),
    ({"cluster": "nope"}, "ClusterNotFoundException", "Cluster not found."),
    ({"launchType": "LAMBDA"}, "InvalidParameterException", None),
    ({"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "x", "weight": 1}]}, "InvalidParameterException", None),
    ({"capacityProviderStrategy": [{"capacityProvider": "x", "weight": 0}]}, "InvalidParameterException", None),
    ({"propagateTags": "SERVICE"}, "InvalidParameterException", None),
    ({"networkConfiguration": NETWORK}, "InvalidParameterException",
     "Network Configuration is not valid for the given networkMode of this task definition."),
    ({"enableExecuteCommand": True}, "InvalidParameterException", None),
    ({"startedBy": "x" * 129}, "InvalidParameterException", None),
    ({"referenceId": "x" * 1025}, "InvalidParameterException", None),
    ({"placementConstraints": [{"type": "distinctInstance", "expression": "attribute:a exists"}]}, "InvalidParameterException", None),
    ({"placementConstraints": [{"type": "memberOf"}]}, "InvalidParameterException", None),
    ({"placementConstraints": [{"type": "distinctInstance"}] * 11}, "InvalidParameterException", None),
    ({"placementStrategy": [{"type": "binpack", "field": "disk"}]}, "InvalidParameterException", None),
    ({"placementStrategy": [{"type": "spread", "field": "rack"}]}, "InvalidParameterException", None),
    ({"placementStrategy": [{"type": "random"}] * 6}, "InvalidParameterException", None),
    ({"platformVersion": "1.4.0"}, "InvalidParameterException", None),
    ({"launchType": "FARGATE"}, "InvalidParameterException", "Task definition does not support launch_type FARGATE."),
    ({"tags": [{"key": "aws:x", "value": "y"}]}, "InvalidParameterException", None),
    ({"tags": [{"key": "k%d" % i, "value": ""} for i in range(51)]}, "InvalidParameterException", None),
])
def test_what_run_task_refuses(api, cluster, definition, fails, more, code, text):
    """API-117, API-118, SC-005, API-123: nothing is made."""
    api.agent(cluster, connect=False)
    with fails(code, text):
        api.raw("RunTask", dict({"cluster": cluster, "taskDefinition": definition}, **more))
    assert running(api, cluster) == []


def test_awsvpc_needs_its_network(api, cluster, fails):
    """TD-097, API-118, SC-011."""
    api.agent(cluster, connect=False)
    with fails("InvalidParameterException", "Network Configuration must be provided when networkMode 'awsvpc' is specified."):
        run(api, cluster, awsvpc(api))
    for mode in ("host", "none"):
        with fails("InvalidParameterException", "Network Configuration is not valid for the given networkMode of this task definition."):
            run(api, cluster, awsvpc(api, mode), networkConfiguration=NETWORK)


# ---- placement ----

def test_no_instances(api, cluster, definition, fails):
    """API- section 3, API-053."""
    with fails("InvalidParameterException", "No Container Instances were found in your cluster."):
        run(api, cluster, definition)


def reasons(answer):
    assert answer["tasks"] == []
    return {(f["arn"], f["reason"]) for f in answer["failures"]}


def test_why_a_host_is_passed_over(api, cluster, definition):
    """API-051, SC-024, TD-117: one failure for each host, HTTP 200."""
    silent = api.agent(cluster, connect=False, attributes=CAPABILITIES)
    assert reasons(run(api, cluster, definition)) == {(silent.arn, "AGENT")}
    small = api.agent(cluster, totalResources=resources(cpu=64, memory=4000))
    assert reasons(run(api, cluster, definition)) == {(silent.arn, "AGENT"), (small.arn, "RESOURCE:CPU")}
    low = api.agent(cluster, totalResources=resources(cpu=1024, memory=95))
    assert (low.arn, "RESOURCE:MEMORY") in reasons(run(api, cluster, definition))
    privileged = api.define(containerDefinitions=[{"name": "a", "image": "b", "memory": 8, "privileged": True}])
    bare = api.agent(cluster, attributes=[{"name": "ecs.os-type", "value": "linux"}])
    silent.connect()
    small.disconnect()
    low.disconnect()
    silent.disconnect()
    api.until(lambda: not any(i["agentConnected"] for i in api.raw("DescribeContainerInstances", {
        "cluster": cluster, "containerInstances": [silent.arn, small.arn, low.arn]})["containerInstances"]))
    answer = run(api, cluster, privileged)
    assert (bare.arn, "ATTRIBUTE") in reasons(answer)
    detail = [f.get("detail") for f in answer["failures"] if f["arn"] == bare.arn]
    assert "com.amazonaws.ecs.capability.privileged-container" in (detail[0] or ""), answer


def test_static_ports_are_one_of_a_kind(api, cluster):
    """SC-173, TD-102, TD-105: TCP and UDP apart; the host's own reserved ones too; free again after."""
    agent = api.agent(cluster, totalResources=resources(ports_udp=(5353,)))

    def on(port, protocol="tcp"):
        return api.define(containerDefinitions=[{"name": "a", "image": "b", "memory": 8, "portMappings": [
            {"containerPort": 80, "hostPort": port, "protocol": protocol}]}])

    tcp, udp = on(8080), on(8080, "udp")
    first = run_one(api, cluster, tcp)["taskArn"]
    assert reasons(run(api, cluster, tcp)) == {(agent.arn, "RESOURCE:PORTS")}
    run_one(api, cluster, udp)
    assert reasons(run(api, cluster, udp)) == {(agent.arn, "RESOURCE:PORTS_UDP")}
    assert reasons(run(api, cluster, on(22))) == {(agent.arn, "RESOURCE:PORTS")}
    assert reasons(run(api, cluster, on(5353, "udp"))) == {(agent.arn, "RESOURCE:PORTS_UDP")}
    api.raw("StopTask", {"cluster": cluster, "task": first})
    api.until_task(cluster, first, "STOPPED")
    run_one(api, cluster, tcp)


def test_part_of_a_count(api, cluster):
    """API-053, SC-023, TD-101: as many as fit, with failures beside; never over capacity."""
    agent = api.agent(cluster, totalResources=resources(cpu=350))
    answer = run(api, cluster, api.define(containerDefinitions=[{"name": "a", "image": "b", "memory": 8, "cpu": 100}]), count=5)
    assert len(answer["tasks"]) == 3
    assert {(f["arn"], f["reason"]) for f in answer["failures"]} == {(agent.arn, "RESOURCE:CPU")}


def test_what_is_charged_to_a_host(api, cluster):
    """TD-045, TD-101, API- section 13 example 8: the reservation, if there is one; all of it back at the end."""
    agent = api.agent(cluster)

    def left():
        found = api.raw("DescribeContainerInstances", {"cluster": cluster, "containerInstances": [agent.arn]})["containerInstances"][0]
        return {r["name"]: r.get("integerValue") for r in found["remainingResources"]}

    before = left()
    arn = run_one(api, cluster, api.define(containerDefinitions=[
        {"name": "a", "image": "b", "memory": 300, "memoryReservation": 128, "cpu": 7}]))["taskArn"]
    during = left()
    assert (before["MEMORY"] - during["MEMORY"], before["CPU"] - during["CPU"]) == (128, 7)
    api.raw("StopTask", {"cluster": cluster, "task": arn})
    api.until_task(cluster, arn, "STOPPED")
    assert left() == before


def test_one_task_per_host(api, cluster, definition):
    """SC-010; SC- example T11: distinctInstance, one more than there are hosts."""
    agents = [api.agent(cluster) for _ in range(3)]
    answer = run(api, cluster, definition, count=4, placementConstraints=[{"type": "distinctInstance"}])
    assert {t["containerInstanceArn"] for t in answer["tasks"]} == {a.arn for a in agents}
    assert answer["failures"]


def test_spread_and_binpack(api, cluster, definition):
    """SC- examples T2 and T3."""
    agents = [api.agent(cluster) for _ in range(3)]
    for field in ("instanceId", "host"):
        answer = run(api, cluster, definition, count=6, placementStrategy=[{"type": "spread", "field": field}])
        hosts = [t["containerInstanceArn"] for t in answer["tasks"]]
        assert sorted(hosts.count(a.arn) for a in agents) == [2, 2, 2], hosts
    answer = run(api, cluster, definition, count=5, placementStrategy=[{"type": "binpack", "field": "memory"}])
    assert len({t["containerInstanceArn"] for t in answer["tasks"]}) == 1


def test_zones_are_spread_over(api, cluster, definition):
    """SC- example T1: 6 tasks on hosts of 3 zones: 2, 2, 2."""
    for zone in "abc":
        api.agent(cluster, attributes=CAPABILITIES + [{"name": "ecs.availability-zone", "value": "zone-" + zone}])
    answer = run(api, cluster, definition, count=6, placementStrategy=[{"type": "spread", "field": "attribute:ecs.availability-zone"}])
    zones = [t["availabilityZone"] for t in answer["tasks"]]
    assert sorted(zones.count("zone-" + z) for z in "abc") == [2, 2, 2]


def test_random_uses_every_host(api, cluster):
    """SC-008, SC- example T4: no strategy needed."""
    agents = [api.agent(cluster) for _ in range(3)]
    definition = api.define()
    hosts = [t["containerInstanceArn"] for _ in range(6) for t in run(api, cluster, definition, count=10)["tasks"]]
    assert set(hosts) == {a.arn for a in agents}


# ---- the client's token ----

def test_a_token_makes_a_call_once(own_api, fails):
    """API-042: the same tasks again, also after a restart; other parameters under it are refused."""
    cluster = own_api.cluster()
    own_api.agent(cluster)
    definition = own_api.define()
    token = str(uuid.uuid4())
    first = run(own_api, cluster, definition, count=2, clientToken=token)
    arns = [t["taskArn"] for t in first["tasks"]]
    assert [t["taskArn"] for t in run(own_api, cluster, definition, count=2, clientToken=token)["tasks"]] == arns
    own_api.server.kill()
    own_api.server.start()
    assert [t["taskArn"] for t in run(own_api, cluster, definition, count=2, clientToken=token)["tasks"]] == arns
    assert running(own_api, cluster) == sorted(arns)
    with fails("ConflictException"):
        run(own_api, cluster, definition, count=3, clientToken=token)
    with fails("InvalidParameterException"):
        run(own_api, cluster, definition, clientToken="x" * 65)
    assert running(own_api, cluster) == sorted(arns)


# ---- StartTask ----

def test_start_task(api, cluster, definition, fails):
    """API-124, API-052, SC-022: the caller's hosts, one task each, with reasons for the others."""
    one, two = api.agent(cluster, runs=False), api.agent(cluster, runs=False)
    silent, gone = api.agent(cluster, connect=False), api.agent(cluster)
    api.raw("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": gone.arn})
    missing = one.arn.rsplit("/", 1)[0] + "/" + "0" * 32
    answer = api.raw("StartTask", {
        "cluster": cluster, "taskDefinition": definition, "startedBy": "me", "group": "g",
        "containerInstances": [one.arn, two.arn.rsplit("/", 1)[1], silent.arn, gone.arn, missing]})
    assert {t["containerInstanceArn"] for t in answer["tasks"]} == {one.arn, two.arn}
    assert {(t["startedBy"], t["group"], t["lastStatus"]) for t in answer["tasks"]} == {("me", "g", "PENDING")}
    assert {(f["arn"], f["reason"]) for f in answer["failures"]} == {(silent.arn, "AGENT"), (gone.arn, "INACTIVE"), (missing, "MISSING")}
    privileged = api.define(containerDefinitions=[{"name": "a", "image": "b", "memory": 8, "privileged": True}])
    bare = api.agent(cluster, attributes=[{"name": "ecs.os-type", "value": "linux"}])
    assert api.raw("StartTask", {"cluster": cluster, "taskDefinition": privileged, "containerInstances": [bare.arn]})["failures"] == [
        {"arn": bare.arn, "reason": "ATTRIBUTE", "detail": "com.amazonaws.ecs.capability.privileged-container"}]
    for instances in ([one.arn] * 11, [], None):
        with fails("InvalidParameterException"):
            api.raw("StartTask", {"cluster": cluster, "taskDefinition": definition, "containerInstances": instances})
    with fails("ClientException", "TaskDefinition not found."):
        api.raw("StartTask", {"cluster": cluster, "taskDefinition": "nope", "containerInstances": [one.arn]})
    fargate = api.define(networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512")
    with fails("InvalidParameterException"):
        api.raw("StartTask", {"cluster": cluster, "taskDefinition": fargate, "containerInstances": [one.arn]})


# ---- StopTask ----

def test_stop_task(api, cluster, definition, fails):
    """API-125, API-037, API-033; CL- example W14: by id, by ARN, by the short ARN; again; unknown ones."""
    api.agent(cluster)
    arns = [t["taskArn"] for t in run(api, cluster, definition, count=3)["tasks"]]
    forms = [arns[0], arns[1].rsplit("/", 1)[1], "arn:aws:ecs:us-east-1:000000000000:task/" + arns[2].rsplit("/", 1)[1]]
    for arn, form in zip(arns, forms):
        task = api.raw("StopTask", {"cluster": cluster, "task": form})["task"]
        assert (task["taskArn"], task["desiredStatus"], task["stoppedReason"]) == (arn, "STOPPED", "Task stopped by user")
        api.until_task(cluster, arn, "STOPPED")
    before = api.task(cluster, arns[0])
    again = api.raw("StopTask", {"cluster": cluster, "task": arns[0], "reason": "other"})["task"]
    assert again["stoppedReason"] == "Task stopped by user" and api.task(cluster, arns[0]) == before
    with fails("InvalidParameterException", "The referenced task was not found."):
        api.raw("StopTask", {"cluster": cluster, "task": "0" * 32})
    with fails("InvalidParameterException"):
        api.raw("StopTask", {"cluster": cluster, "task": arns[0], "reason": "x" * 256})
    with fails("InvalidParameterException", "taskId longer than 36."):
        api.raw("StopTask", {"cluster": cluster, "task": "0" * 37})
    with fails("InvalidParameterException", "task length should be one of [32,36]"):
        api.raw("StopTask", {"cluster": cluster, "task": "0" * 33})
    with fails("InvalidParameterException", "Task Identifier is invalid"):
        api.raw("StopTask", {"cluster": cluster, "task": "arn:aws:ecs:us-east-1:000000000000:nothing"})
    with fails("InvalidParameterException"):
        api.raw("StopTask", {"cluster": cluster})
    with fails("ClusterNotFoundException", "Cluster not found."):
        api.raw("StopTask", {"cluster": "nope", "task": arns[0].rsplit("/", 1)[1]})


def test_stop_before_the_agent_heard_of_it(api, cluster, definition):
    """SC-105: a stop may come in any state."""
    agent = api.agent(cluster, runs=False, acks=False)
    arn = run_one(api, cluster, definition)["taskArn"]
    api.raw("StopTask", {"cluster": cluster, "task": arn})
    agent.wait_payload(arn, "STOPPED")
    agent.submit(arn, "STOPPED")
    task = api.until_task(cluster, arn, "STOPPED")
    assert task["stopCode"] == "UserInitiated" and "startedAt" not in task


# ---- DescribeTasks ----

def test_describe_tasks(api, cluster, definition, fails):
    """API-126, API-049, API-050; the known texts of API- section 3."""
    api.agent(cluster)
    arn = run_one(api, cluster, definition)["taskArn"]
    gone = arn.rsplit("/", 1)[0] + "/" + "f" * 32
    answer = api.raw("DescribeTasks", {"cluster": cluster, "tasks": [gone, arn.rsplit("/", 1)[1], "f" * 31 + "e"]})
    assert [t["taskArn"] for t in answer["tasks"]] == [arn]
    assert answer["failures"] == [{"arn": gone, "reason": "MISSING"}, {"arn": gone[:-1] + "e", "reason": "MISSING"}]
    with fails("InvalidParameterException", "Tasks cannot be empty."):
        api.raw("DescribeTasks", {"cluster": cluster, "tasks": []})
    with fails("InvalidParameterException", "taskIds can have at most 100 items."):
        api.raw("DescribeTasks", {"cluster": cluster, "tasks": ["%032x" % i for i in range(101)]})
    with fails("InvalidParameterException"):
        api.raw("DescribeTasks", {"cluster": cluster})
    with fails("ClusterNotFoundException", "Cluster not found."):
        api.raw("DescribeTasks", {"cluster": "nope", "tasks": ["f" * 32]})
    # A UUID is an id too (API-037).
    assert api.raw("DescribeTasks", {"cluster": cluster, "tasks": [str(uuid.uuid4())]})["failures"][0]["reason"] == "MISSING"


def test_stopped_tasks_stay_over_a_restart(own_api):
    """API-126, SC-020: at least an hour."""
    cluster = own_api.cluster()
    agent = own_api.agent(cluster)
    agent.exit_codes["main"] = 5
    arn = run_one(own_api, cluster, own_api.define())["taskArn"]
    own_api.until_task(cluster, arn, "RUNNING")
    own_api.raw("StopTask", {"cluster": cluster, "task": arn, "reason": "over"})
    before = own_api.until_task(cluster, arn, "STOPPED")
    assert before["containers"][0]["exitCode"] == 5
    own_api.server.kill()
    own_api.server.start()
    after = own_api.task(cluster, arn)
    for volatile in ("connectivity", "connectivityAt"):
        before.pop(volatile, None)
        after.pop(volatile, None)
    assert after == before


def test_the_command_line(api, cluster, definition, awscli):
    """API- section 13 example 25: run, wait, describe, stop, wait with Debian's awscli."""
    api.agent(cluster)
    made = awscli("run-task", "--cluster", cluster, "--task-definition", definition, "--count", "2", "--started-by", "cli",
                  "--overrides", '{"containerOverrides": [{"name": "web", "command": ["sleep", "1"]}]}')
    arns = [t["taskArn"] for t in made["tasks"]]
    awscli("wait", "tasks-running", "--cluster", cluster, "--tasks", *arns)
    assert sorted(awscli("list-tasks", "--cluster", cluster, "--started-by", "cli")["taskArns"]) == sorted(arns)
    for arn in arns:
        assert awscli("stop-task", "--cluster", cluster, "--task", arn)["task"]["desiredStatus"] == "STOPPED"
    awscli("wait", "tasks-stopped", "--cluster", cluster, "--tasks", *arns)
    assert awscli("list-tasks", "--cluster", cluster)["taskArns"] == []
