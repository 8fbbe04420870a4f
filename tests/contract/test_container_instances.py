"""Container instances: API- sections 6.7 and 7.5, CL- sections H, I and J, AP-101 to AP-108."""
import re
import uuid

import pytest

from conftest import Api
from harness.fake_agent import CAPABILITIES, FakeAgent, resources
from harness.program import Server


@pytest.fixture
def cluster(api):
    return api.cluster()


def described(api, cluster, *arns, **more):
    return api.raw("DescribeContainerInstances", dict({"cluster": cluster, "containerInstances": list(arns)}, **more))["containerInstances"]


def listed(api, cluster, **more):
    return sorted(api.raw("ListContainerInstances", dict({"cluster": cluster}, **more))["containerInstanceArns"])


def attributes(instance):
    return {a["name"]: a.get("value") for a in instance["attributes"]}


# ---- registration ----

def test_what_registration_answers(api, cluster):
    """CL-251, API-165, API-202, AP-103, AP-104: every attribute sent is there, the same; name-only stays name-only."""
    sent = CAPABILITIES + [{"name": "rack", "value": "r1"}, {"name": "flag"}, {"name": "ecs.capability.external"}]
    agent = api.agent(cluster, connect=False, attributes=sent)
    got = agent.registered
    assert re.fullmatch(r"arn:aws:ecs:us-east-1:000000000000:container-instance/%s/[0-9a-f]{32}" % cluster, agent.arn)
    assert got["status"] == "ACTIVE"
    for attribute in sent:
        assert attribute in [{k: v for k, v in a.items() if k in ("name", "value")} for a in got["attributes"]], attribute
    assert attributes(got)["ecs.availability-zone"]  # AP-154, SC-066
    assert got["ec2InstanceId"].startswith("mi-")  # external
    assert (got["runningTasksCount"], got["pendingTasksCount"]) == (0, 0)


def test_resources(api, cluster):
    """API-166, API-202, CL-260 to CL-262, TD-102, API- section 13 example 22: zeros for unused numerics, ports in use."""
    agent = api.agent(cluster, totalResources=resources(2048, 7953, ports_udp=(53,)))
    got, = described(api, cluster, agent.arn)
    for which in ("registeredResources", "remainingResources"):
        found = {r["name"]: r for r in got[which]}
        assert (found["CPU"]["integerValue"], found["MEMORY"]["integerValue"]) == (2048, 7953)
        assert sorted(found["PORTS"]["stringSetValue"], key=int) == ["22", "2375", "2376", "51678", "51679"]
        assert found["PORTS_UDP"]["stringSetValue"] == ["53"]
        assert {r["type"] for r in found.values()} <= {"INTEGER", "STRINGSET"}
        assert (found["CPU"]["doubleValue"], found["CPU"]["longValue"], found["PORTS"]["integerValue"]) == (0, 0, 0)


def test_what_is_left(api, cluster):
    """CL-260, API-202, MS-077: CPU, memory and ports of both protocols follow tasks; registered ones never change."""
    agent = api.agent(cluster, totalResources=resources(2048, 4096, ports=(22, 2376), ports_udp=(53,)))

    def left(which="remainingResources"):
        found = {r["name"]: r for r in described(api, cluster, agent.arn)[0][which]}
        return (found["CPU"]["integerValue"], found["MEMORY"]["integerValue"],
                sorted(found["PORTS"]["stringSetValue"], key=int), sorted(found["PORTS_UDP"]["stringSetValue"], key=int))
    definition = api.define(containerDefinitions=[
        {"name": "a", "image": "b", "cpu": 256, "memory": 512, "portMappings": [
            {"containerPort": 80, "hostPort": 8080}, {"containerPort": 53, "hostPort": 8080, "protocol": "udp"}]},
        {"name": "c", "image": "b", "cpu": 100, "memory": 100, "memoryReservation": 64, "portMappings": [{"containerPort": 90, "hostPort": 9090, "protocol": "udp"}]}])
    whole = (2048, 4096, ["22", "2376"], ["53"])
    assert left() == left("registeredResources") == whole
    task = api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition})["tasks"][0]["taskArn"]
    assert left() == (2048 - 356, 4096 - 576, ["22", "2376", "8080"], ["53", "8080", "9090"])
    assert left("registeredResources") == whole
    # The ports are taken on this host; nothing of what is refused is held.
    assert api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition})["failures"][0]["reason"] == "RESOURCE:PORTS"
    assert left() == (2048 - 356, 4096 - 576, ["22", "2376", "8080"], ["53", "8080", "9090"])
    api.until_task(cluster, task, "RUNNING")
    api.raw("StopTask", {"cluster": cluster, "task": task})
    api.until_task(cluster, task, "STOPPED")
    assert left() == whole


def test_gpus(api, cluster):
    """AP-102: platformDevices become a GPU resource."""
    agent = api.agent(cluster, platformDevices=[{"id": "GPU-1", "type": "GPU"}, {"id": "GPU-2", "type": "GPU"}])
    found = {r["name"]: r for r in described(api, cluster, agent.arn)[0]["registeredResources"]}
    assert found["GPU"]["stringSetValue"] == ["GPU-1", "GPU-2"] and found["GPU"]["type"] == "STRINGSET"


def test_gpus_are_counted(api, cluster):
    """TD-112, RESOURCE:GPU of API-051."""
    agent = api.agent(cluster, platformDevices=[{"id": "GPU-1", "type": "GPU"}, {"id": "GPU-2", "type": "GPU"}])
    definition = api.define(containerDefinitions=[
        {"name": "a", "image": "b", "memory": 8, "resourceRequirements": [{"type": "GPU", "value": "1"}]}])
    for left in (1, 0):
        assert api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition})["failures"] == []
        got, = described(api, cluster, agent.arn)
        gpus = [{r["name"]: r for r in got[which]}["GPU"]["stringSetValue"] for which in ("registeredResources", "remainingResources")]
        assert gpus[0] == ["GPU-1", "GPU-2"] and len(gpus[1]) == left and set(gpus[1]) <= set(gpus[0])
    assert api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition})["failures"] == [
        {"arn": agent.arn, "reason": "RESOURCE:GPU", "detail": "GPUs: 1 wanted, 0 free"}]


def test_gpus_of_an_override(api, cluster):
    """API-051: the task holds as many as the launch says, and gives back as many."""
    agent = api.agent(cluster, platformDevices=[{"id": "GPU-%d" % i, "type": "GPU"} for i in range(4)])
    definition = api.define(containerDefinitions=[
        {"name": "a", "image": "b", "memory": 8, "resourceRequirements": [{"type": "GPU", "value": "1"}]}])

    def left():
        return len({r["name"]: r for r in described(api, cluster, agent.arn)[0]["remainingResources"]}["GPU"]["stringSetValue"])
    task = api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition, "overrides": {"containerOverrides": [
        {"name": "a", "resourceRequirements": [{"type": "GPU", "value": "3"}]}]}})["tasks"][0]["taskArn"]
    assert left() == 1
    api.until_task(cluster, task, "RUNNING")
    api.raw("StopTask", {"cluster": cluster, "task": task})
    api.until_task(cluster, task, "STOPPED")
    assert left() == 4


def test_the_cluster_must_be(api, fails):
    """API-048, AP-108: the agent knows it by code and text."""
    agent = api.agent(api.cluster(), connect=False)
    for name in ("never", api.name("deleted")):
        if name != "never":
            api.raw("CreateCluster", {"clusterName": name})
            api.raw("DeleteCluster", {"cluster": name})
        with fails("ClientException", "Cluster not found."):
            api.raw("RegisterContainerInstance", {"cluster": name, "totalResources": resources(), "attributes": []})
    assert agent.arn


@pytest.mark.parametrize("body", [
    {"totalResources": [{"name": "CPU", "type": "INTEGER", "integerValue": -1}]},
    {"totalResources": [{"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["x"]}]},
    {"totalResources": [{"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["65536"]}]},
    {"totalResources": [{"name": "PORTS", "type": "STRINGSET", "stringSetValue": [str(i) for i in range(1, 102)]}]},
    {"attributes": [{"name": ""}]}, {"attributes": [{"value": "x"}]}, {"attributes": [{"name": "x" * 256}]},
    {"tags": [{"key": "aws:x", "value": "y"}]}, {"platformDevices": [{"id": "x", "type": "TPU"}]},
    {"containerInstanceArn": "arn:aws:ecs:nowhere"}, {"clientToken": "x" * 65}])
def test_what_registration_refuses(api, cluster, fails, body):
    """AP-107: said once, and nothing is registered."""
    with fails("InvalidParameterException"):
        api.raw("RegisterContainerInstance", dict({"cluster": cluster, "totalResources": resources()}, **body))
    assert listed(api, cluster) == []


def test_registering_again(api, cluster, fails):
    """AP-105, CL-254, CL-255, API-165: the same ARN, capabilities as said now, people's attributes kept."""
    agent = api.agent(cluster, attributes=CAPABILITIES + [{"name": "rack", "value": "r1"}], totalResources=resources(1024, 1000))
    arn, when = agent.arn, agent.registered["registeredAt"]
    agent.disconnect()
    agent.register(attributes=[{"name": "ecs.os-type", "value": "linux"}, {"name": "ecs.capability.new"}], totalResources=resources(2048, 2000))
    assert agent.arn == arn and agent.registered["registeredAt"] == when
    got = attributes(agent.registered)
    assert got["rack"] == "r1" and "ecs.capability.new" in got
    assert "com.amazonaws.ecs.capability.privileged-container" not in got
    assert {r["name"]: r.get("integerValue") for r in described(api, cluster, arn)[0]["registeredResources"]}["CPU"] == 2048
    assert listed(api, cluster) == [arn]
    other = api.cluster()
    with fails("InvalidParameterException"):
        api.raw("RegisterContainerInstance", {"cluster": other, "containerInstanceArn": arn, "totalResources": resources()})
    with fails("AccessDeniedException"):
        agent.call("RegisterContainerInstance", cluster=other, containerInstanceArn=arn, totalResources=resources())


def test_a_host_that_lost_its_arn(api, cluster, fails):
    """CL-255: its key is its identity; two hosts with one key are not taken for one."""
    agent = api.agent(cluster)
    arn = agent.arn
    with fails("AccessDeniedException"):
        agent.call("RegisterContainerInstance", cluster=cluster, totalResources=resources(), attributes=[], clientToken=str(uuid.uuid4()))
    agent.disconnect()
    api.until(lambda: not described(api, cluster, arn)[0]["agentConnected"])
    agent.arn = None
    assert agent.register().arn == arn
    assert listed(api, cluster) == [arn]


def test_a_repeated_registration(own_api):
    """The clientToken of a process start (AP-101): the answer was lost, the call comes again; the server was killed between."""
    cluster = own_api.cluster()
    body = {"cluster": cluster, "totalResources": resources(), "attributes": [], "clientToken": str(uuid.uuid4())}
    first = own_api.raw("RegisterContainerInstance", body)["containerInstance"]["containerInstanceArn"]
    own_api.server.kill()
    own_api.server.start()
    assert own_api.raw("RegisterContainerInstance", body)["containerInstance"]["containerInstanceArn"] == first
    assert listed(own_api, cluster) == [first]
    # Without one it is another host (API-165).
    body.pop("clientToken")
    assert own_api.raw("RegisterContainerInstance", body)["containerInstance"]["containerInstanceArn"] != first


def test_an_identity_document(api, cluster):
    """AP-005, API-202, AP-154: what EC2 says about the host."""
    document = ('{"instanceId": "i-0123456789abcdef0", "availabilityZone": "us-east-1c", "instanceType": "t3.micro", '
                '"imageId": "ami-1", "architecture": "x86_64"}')
    got = api.raw("RegisterContainerInstance", {"cluster": cluster, "totalResources": resources(), "attributes": [],
                                                "instanceIdentityDocument": document})["containerInstance"]
    assert got["ec2InstanceId"] == "i-0123456789abcdef0"
    assert {k: v for k, v in attributes(got).items()} == {
        "ecs.availability-zone": "us-east-1c", "ecs.instance-type": "t3.micro", "ecs.ami-id": "ami-1", "ecs.cpu-architecture": "x86_64",
        "ecs.os-type": "linux"}
    again = api.raw("RegisterContainerInstance", {"cluster": cluster, "totalResources": resources(), "attributes": [],
                                                  "instanceIdentityDocument": document})["containerInstance"]
    assert again["containerInstanceArn"] == got["containerInstanceArn"]


def test_tags_of_a_host(api, cluster):
    """CL-264, SC-361; SC- example T37."""
    agent = api.agent(cluster, tags=[{"key": "tag_key", "value": "tag_value"}])
    assert described(api, cluster, agent.arn, include=["TAGS"])[0]["tags"] == [{"key": "tag_key", "value": "tag_value"}]
    assert not described(api, cluster, agent.arn)[0].get("tags")


# ---- connection ----

def test_connected_and_not(api, cluster):
    """AP-204, CL-252, CL-254, API-203: the session is the connection; versions come from it (AP-101)."""
    agent = api.agent(cluster, connect=False)
    assert described(api, cluster, agent.arn)[0]["agentConnected"] is False
    agent.connect()
    got, = described(api, cluster, agent.arn)
    assert got["agentConnected"] is True
    assert got["versionInfo"] == {"agentVersion": "1.105.1", "agentHash": "a8b3e7d3", "dockerVersion": "DockerVersion: 20.10.24+dfsg1"}
    agent.disconnect()
    api.until(lambda: not described(api, cluster, agent.arn)[0]["agentConnected"], timeout=5)
    assert described(api, cluster, agent.arn)[0]["status"] == "ACTIVE"
    agent.connect()
    assert described(api, cluster, agent.arn)[0]["agentConnected"] is True


def version(api, cluster, arn):
    return described(api, cluster, arn)[0]["version"]


def test_versions(own_api):
    """MS-067 to MS-074, API-202: grows with tasks, connection, status and versionInfo; across a kill too."""
    api = own_api
    cluster = api.cluster()
    agent = api.agent(cluster, connect=False)
    seen = [version(api, cluster, agent.arn)]
    assert seen == [1]

    def grown():
        seen.append(version(api, cluster, agent.arn))
        assert seen[-1] > seen[-2], seen
    agent.connect()
    grown()
    tasks = api.raw("RunTask", {"cluster": cluster, "taskDefinition": api.define(), "count": 3})["tasks"]
    grown()
    assert seen[-1] == seen[-2] + 3  # one for each whose resources are taken
    for task in tasks:
        api.until_task(cluster, task["taskArn"], "RUNNING")
    assert version(api, cluster, agent.arn) == seen[-1]  # nothing that an event tells of
    api.raw("StopTask", {"cluster": cluster, "task": tasks[0]["taskArn"]})
    api.until_task(cluster, tasks[0]["taskArn"], "STOPPED")
    grown()
    set_state(api, cluster, "DRAINING", agent.arn)
    grown()
    agent.disconnect()
    api.until(lambda: not described(api, cluster, agent.arn)[0]["agentConnected"])
    grown()
    for _ in range(2):
        api.server.kill()
        api.server.start()
        assert version(api, cluster, agent.arn) >= seen[-1]
    agent.version = "1.106.0"
    agent.connect()
    grown()


def health(api, cluster, arn):
    return described(api, cluster, arn, include=["CONTAINER_INSTANCE_HEALTH"])[0]["healthStatus"]


def test_health(api, cluster):
    """API-202, AP-511: what the agent says of itself, the worst for the whole; nothing is made up; asked for only."""
    agent = api.agent(cluster, tcs=True)
    assert "healthStatus" not in described(api, cluster, agent.arn)[0]
    assert health(api, cluster, agent.arn) == {
        "overallStatus": "INSUFFICIENT_DATA", "details": [{"type": "CONTAINER_RUNTIME", "status": "INSUFFICIENT_DATA"}]}

    def say(*statuses):
        agent.publish("PublishInstanceStatusRequest", metadata={"cluster": cluster, "containerInstance": agent.arn, "requestId": "r"},
                      timestamp=1795159169.995, statuses=[dict({"lastUpdated": 1795159149.983, "lastStatusChange": 1795159140.5}, **s) for s in statuses])
    for status in ("INITIALIZING", "OK", "IMPAIRED"):
        say({"type": "ContainerRuntime", "status": status, "statusReason": "said " + status})
        api.until(lambda s=status: health(api, cluster, agent.arn)["overallStatus"] == s)
        assert health(api, cluster, agent.arn)["details"] == [
            {"type": "CONTAINER_RUNTIME", "status": status, "statusReason": "said " + status, "lastUpdated": 1795159149.983, "lastStatusChange": 1795159140.5}]
    say({"type": "ContainerRuntime", "status": "OK"}, {"type": "ACCELERATED_COMPUTE", "status": "IMPAIRED"}, {"type": "Agent", "status": "what"})
    api.until(lambda: len(health(api, cluster, agent.arn)["details"]) == 2)
    got = health(api, cluster, agent.arn)
    assert got["overallStatus"] == "IMPAIRED"
    assert [(d["type"], d["status"]) for d in got["details"]] == [("CONTAINER_RUNTIME", "OK"), ("ACCELERATED_COMPUTE", "IMPAIRED")]
    agent.disconnect()
    api.until(lambda: not described(api, cluster, agent.arn)[0]["agentConnected"])
    assert health(api, cluster, agent.arn) == got


# ---- describe and list ----

def test_describe(api, cluster, fails):
    """API-168, API-049, API-050, API-063."""
    one = api.agent(cluster, connect=False).arn
    gone = one[:-32] + "0" * 32
    answer = api.raw("DescribeContainerInstances", {"cluster": cluster, "containerInstances": [one[-32:], gone, "1" * 32]})
    assert [i["containerInstanceArn"] for i in answer["containerInstances"]] == [one]
    assert answer["failures"] == [{"arn": gone, "reason": "MISSING"}, {"arn": one[:-32] + "1" * 32, "reason": "MISSING"}]
    assert described(api, cluster, one.replace("/%s/" % cluster, "/"))[0]["containerInstanceArn"] == one  # API-032
    for body in ({"containerInstances": []}, {}, {"containerInstances": ["%032x" % i for i in range(101)]},
                 {"containerInstances": [one], "include": ["ALL"]}, {"containerInstances": ["x" * 33]}):
        with fails("InvalidParameterException"):
            api.raw("DescribeContainerInstances", dict(body, cluster=cluster))
    with fails("ClusterNotFoundException", "Cluster not found."):
        api.raw("DescribeContainerInstances", {"cluster": "nope", "containerInstances": [one[-32:]]})


def test_an_instance_is_of_one_cluster(api, cluster):
    """CL-038."""
    one = api.agent(cluster, connect=False).arn
    other = api.cluster()
    assert listed(api, other) == []
    assert api.raw("DescribeContainerInstances", {"cluster": other, "containerInstances": [one[-32:]]})["failures"][0]["reason"] == "MISSING"


# ---- the filter: cluster query language ----

@pytest.fixture(scope="module")
def fleet(_api):
    """Three hosts: a runs a task of group db and one of a service's kind, b runs none, c is not connected and older."""
    cluster = _api.cluster()
    document = '{"instanceId": "%s", "availabilityZone": "us-east-1%s", "instanceType": "%s", "imageId": "ami-1"}'
    hosts = {}
    for name, zone, kind, more in (("a", "a", "t2.small", [{"name": "stack", "value": "prod"}]), ("b", "a", "t2.micro", [{"name": "stack", "value": "test"}]),
                                   ("c", "d", "g2.2xlarge", [{"name": "flag"}])):
        one = FakeAgent(_api.server.url, _api.server.create_key(agentCluster=cluster), cluster)
        one.version = {"a": "1.14.5", "b": "1.9.0", "c": "1.105.1"}[name]
        hosts[name] = one.register(instanceIdentityDocument=document % ("i-%s" % name, zone, kind), attributes=[
            a for a in CAPABILITIES if a["name"] != "ecs.capability.external"] + more)
    for name in "ab":
        hosts[name].connect()
    definition = _api.define()
    task = _api.raw("StartTask", {"cluster": cluster, "taskDefinition": definition, "containerInstances": [hosts["a"].arn], "group": "db"})["tasks"][0]
    _api.until_task(cluster, task["taskArn"], "RUNNING")
    yield cluster, hosts
    for one in hosts.values():
        one.close()


@pytest.mark.parametrize("filter, names", [
    ("attribute:ecs.instance-type == t2.small", "a"),
    ("attribute:ecs.instance-type =~ t2.*", "ab"),
    ("attribute:ecs.instance-type in [t2.micro, g2.2xlarge]", "bc"),
    ("attribute:ecs.availability-zone != us-east-1d", "ab"),
    ("attribute:ecs.availability-zone == us-east-1d", "c"),
    ("attribute:ecs.ami-id exists", "abc"),
    ("attribute:ecs.os-type == linux and attribute:ecs.cpu-architecture == x86_64", "abc"),
    ("attribute:stack != prod", "b"),  # SC-082
    ("not(attribute:stack == prod)", "bc"),
    ("attribute:flag exists", "c"), ("attribute:flag not_exists", "ab"), ("attribute:ecs.outpost-arn exists", ""),
    ("agentConnected == true", "ab"), ("agentConnected == false", "c"),
    ("agentVersion >= 1.14.5", "a"), ("agentVersion < 1.14.5", "b"),  # c never said
    ("ec2InstanceId in ['i-a', 'i-c']", "ac"), ("ec2InstanceId == i-b", "b"),
    ("registeredAt >= 2018-06-18", "abc"), ("registeredAt < 2018-06-18T22:28:28+00:00", ""),
    ("runningTasksCount > 0", "a"), ("runningTasksCount == 0", "bc"),
    ("task:group == db", "a"), ("task:group != db", "bc"), ("task:group in [db, x]", "a"),
    ("(attribute:stack == prod or attribute:flag exists) and agentConnected == true", "a"),
    ("attribute:stack == prod || attribute:flag exists && !(agentConnected == true)", "ac")])
def test_filter(_api, fleet, filter, names):  # pylint: disable=redefined-builtin
    """SC-069 to SC-088 over what hosts registered and agents said."""
    cluster, hosts = fleet
    assert listed(_api, cluster, filter=filter) == sorted(hosts[n].arn for n in names)
    pages = _api.ecs.get_paginator("list_container_instances").paginate(cluster=cluster, filter=filter, PaginationConfig={"PageSize": 1})
    assert sorted(arn for page in pages for arn in page["containerInstanceArns"]) == sorted(hosts[n].arn for n in names)


@pytest.mark.parametrize("filter", [
    "attribute:", "attribute:x", "attribute:x ==", "what == 1", "(agentConnected == true", "agentConnected > true", "agentVersion == new",
    "registeredAt > yesterday", "runningTasksCount == many", "attribute:x =~ [", "attribute:x in a", "attribute:x == a and", "x" * 2001])
def test_what_is_no_filter(_api, fleet, fails, filter):  # pylint: disable=redefined-builtin
    """SC-087."""
    with fails("InvalidParameterException"):
        _api.raw("ListContainerInstances", {"cluster": fleet[0], "filter": filter})


def test_a_page_of_a_filter(_api, fleet, fails):
    """API-059: a token is good for its filter and status only."""
    cluster, _ = fleet
    asked = {"cluster": cluster, "filter": "attribute:ecs.os-type == linux", "maxResults": 1}
    token = _api.raw("ListContainerInstances", asked)["nextToken"]
    assert _api.raw("ListContainerInstances", dict(asked, nextToken=token))["containerInstanceArns"]
    for other in ({"filter": "attribute:ecs.os-type exists"}, {"filter": ""}, {"status": "ACTIVE"}):
        with fails("InvalidParameterException", "Invalid token"):
            _api.raw("ListContainerInstances", dict(asked, nextToken=token, **other))


# ---- draining ----

def set_state(api, cluster, status, *arns):
    return api.raw("UpdateContainerInstancesState", {"cluster": cluster, "containerInstances": list(arns), "status": status})


def test_draining(api, cluster, fails):
    """CL-280, CL-281, CL-287 to CL-289, API-169, API-055: no new task, standalone ones untouched, back again."""
    agent, other = api.agent(cluster), api.agent(cluster, connect=False)
    definition = api.define()
    task = api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition})["tasks"][0]["taskArn"]
    api.until_task(cluster, task, "RUNNING")
    gone = agent.arn[:-32] + "0" * 32
    answer = set_state(api, cluster, "DRAINING", agent.arn, gone)
    assert [(i["containerInstanceArn"], i["status"]) for i in answer["containerInstances"]] == [(agent.arn, "DRAINING")]
    assert [(f["arn"], f["reason"]) for f in answer["failures"]] == [(gone, "MISSING")]
    assert listed(api, cluster, status="DRAINING") == [agent.arn] and listed(api, cluster, status="ACTIVE") == [other.arn]
    assert listed(api, cluster) == sorted([agent.arn, other.arn])
    assert api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition})["tasks"] == []
    assert api.raw("StartTask", {"cluster": cluster, "taskDefinition": definition, "containerInstances": [agent.arn]})["tasks"] == []
    assert api.task(cluster, task)["lastStatus"] == "RUNNING"
    assert set_state(api, cluster, "ACTIVE", agent.arn)["containerInstances"][0]["status"] == "ACTIVE"
    assert api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition})["tasks"]
    for status in ("INACTIVE", "REGISTERING", "draining", None):
        with fails("InvalidParameterException"):
            set_state(api, cluster, status, agent.arn)
    for arns in ([], [agent.arn] * 11):
        with fails("InvalidParameterException"):
            set_state(api, cluster, "DRAINING", *arns)
    with fails("ClusterNotFoundException", "Cluster not found."):
        set_state(api, "nope", "DRAINING", agent.arn[-32:])


def test_service_tasks_leave_a_draining_host(api, cluster):
    """CL-282 to CL-286, SC-179: replaced elsewhere within the bounds."""
    first = api.agent(cluster)
    definition = api.define()
    api.raw("CreateService", {"cluster": cluster, "serviceName": "s", "taskDefinition": definition, "desiredCount": 2,
                              "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 0}})
    api.until(lambda: api.service(cluster, "s")["runningCount"] == 2)
    second = api.agent(cluster)
    set_state(api, cluster, "DRAINING", first.arn)

    def moved():
        arns = api.raw("ListTasks", {"cluster": cluster})["taskArns"]
        tasks = api.raw("DescribeTasks", {"cluster": cluster, "tasks": arns})["tasks"] if arns else []
        return len(tasks) == 2 and {(t["containerInstanceArn"], t["lastStatus"]) for t in tasks} == {(second.arn, "RUNNING")}
    api.until(moved, "both on the other host")
    assert api.raw("ListTasks", {"cluster": cluster, "containerInstance": first.arn})["taskArns"] == []


# ---- deregistration ----

def test_deregister(api, cluster, fails):
    """CL-256, CL-300 to CL-304, API-167, API-048: refused with tasks, forced with orphans, INACTIVE, not listed, described."""
    agent = api.agent(cluster)
    task = api.raw("RunTask", {"cluster": cluster, "taskDefinition": api.define()})["tasks"][0]["taskArn"]
    api.until_task(cluster, task, "RUNNING")
    with fails("InvalidParameterException", "Found running tasks on the instance."):
        api.raw("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": agent.arn})
    got = api.raw("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": agent.arn, "force": True})["containerInstance"]
    assert (got["status"], got["containerInstanceArn"]) == ("INACTIVE", agent.arn)
    assert agent.wait_closed()
    assert listed(api, cluster) == [] and listed(api, cluster, status="DRAINING") == []
    assert described(api, cluster, agent.arn)[0]["status"] == "INACTIVE"
    assert described(api, cluster, agent.arn)[0]["agentConnected"] is False
    api.until_task(cluster, task, "STOPPED")
    with fails("ClientException", "Container instance %s is inactive." % agent.arn[-32:]):
        agent.register()
    assert [f["arn"] for f in set_state(api, cluster, "ACTIVE", agent.arn)["failures"]] == [agent.arn]
    assert described(api, cluster, agent.arn)[0]["status"] == "INACTIVE"
    with fails("InvalidParameterException", "The referenced container instance was not found."):
        api.raw("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": "0" * 32})
    with fails("InvalidParameterException"):
        api.raw("DeregisterContainerInstance", {"cluster": cluster})


def test_orphans_of_a_service_are_replaced(api, cluster):
    """CL-302, SC-143; CL- example W32."""
    one, two = api.agent(cluster), api.agent(cluster)
    api.raw("CreateService", {"cluster": cluster, "serviceName": "s", "taskDefinition": api.define(), "desiredCount": 4})
    api.until(lambda: api.service(cluster, "s")["runningCount"] == 4)
    api.raw("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": one.arn, "force": True})
    api.until(lambda: len(api.raw("ListTasks", {"cluster": cluster, "containerInstance": two.arn})["taskArns"]) == 4)
    api.until(lambda: api.service(cluster, "s")["runningCount"] == 4)


def test_instances_survive_a_restart(own_api):
    """Everything but the connection."""
    cluster = own_api.cluster()
    agent = own_api.agent(cluster, tags=[{"key": "a", "value": "b"}])
    other = own_api.agent(cluster, connect=False)
    set_state(own_api, cluster, "DRAINING", other.arn)
    before = described(own_api, cluster, agent.arn, other.arn, include=["TAGS"])
    own_api.server.kill()
    own_api.server.start()
    after = described(own_api, cluster, agent.arn, other.arn, include=["TAGS"])
    assert after[0].pop("agentConnected") is False and before[0].pop("agentConnected") is True
    assert after == before
    agent.connect()
    assert described(own_api, cluster, agent.arn)[0]["agentConnected"] is True


# ---- endpoints ----

def test_discover(api, cluster, fails):
    """API-177, AP-111: three addresses as the agent knows the server."""
    agent = api.agent(cluster, connect=False)
    got = agent.call("DiscoverPollEndpoint", containerInstance=agent.arn, cluster=cluster, zoneId="")
    assert got["endpoint"] == api.server.url + "/acs/" and got["telemetryEndpoint"] == api.server.url + "/tcs/"
    assert got["serviceConnectEndpoint"].startswith(api.server.url)
    assert api.raw("DiscoverPollEndpoint")["endpoint"]
    with fails("InvalidParameterException"):
        api.raw("DiscoverPollEndpoint", {"containerInstance": "arn:aws:ecs:us-east-1:999999999999:container-instance/c/" + "0" * 32})


def test_the_hour_of_one_that_is_gone(tmp_path):
    """CL-256: INACTIVE and described for its hour (here two seconds), a kill in between; then MISSING. Its host is another one."""
    server = Server(tmp_path, args=["--task-retention", "2s"]).start()
    api = Api(server, server.create_key())
    try:
        cluster = api.cluster()
        body = {"cluster": cluster, "totalResources": resources(), "attributes": [],
                "instanceIdentityDocument": '{"instanceId": "i-0123456789abcdef0", "availabilityZone": "us-east-1c"}'}
        arn = api.raw("RegisterContainerInstance", body)["containerInstance"]["containerInstanceArn"]
        gone = api.raw("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": arn})["containerInstance"]
        assert gone["status"] == "INACTIVE"
        server.kill()
        server.start()
        assert described(api, cluster, arn)[0]["status"] == "INACTIVE" and listed(api, cluster) == []
        other = api.raw("RegisterContainerInstance", body)["containerInstance"]["containerInstanceArn"]
        assert other != arn
        api.until(lambda: api.raw("DescribeContainerInstances", {"cluster": cluster, "containerInstances": [arn]})["failures"] == [
            {"arn": arn, "reason": "MISSING"}], "it is forgotten")
        assert listed(api, cluster) == [other]
    finally:
        api.close()
        server.close()
