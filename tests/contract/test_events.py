"""GET /events: ECS's events as server-sent events (MS-054 to MS-106), to readers that come, go and come again."""
import http.client
import urllib.request

import pytest
from harness.events import Reader, Refused
from harness.program import REGION

TASK, INSTANCE = "ECS Task State Change", "ECS Container Instance State Change"
ACTION, DEPLOYMENT = "ECS Service Action", "ECS Deployment State Change"


@pytest.fixture
def read(api):
    readers = []

    def make(**query):
        readers.append(Reader(api.server.url, api.key, **query))
        return readers[-1]
    yield make
    for one in readers:
        one.close()


def is_task(status):
    return lambda event: event["detail-type"] == TASK and event["detail"]["lastStatus"] == status


def test_a_task_runs_and_stops(api, read):  # MS-055 to MS-058, MS-063, MS-067, MS-080, MS-086
    cluster, arn = api.cluster(), api.define()
    agent = api.agent(cluster)
    reader = read(cluster=cluster)
    task = api.ecs.run_task(cluster=cluster, taskDefinition=arn)["tasks"][0]["taskArn"]
    api.until_task(cluster, task, "RUNNING")
    seen = reader.until(is_task("RUNNING"))
    api.ecs.stop_task(cluster=cluster, task=task, reason="enough")
    seen += reader.until(lambda event: event["detail-type"] == TASK and event["detail"]["desiredStatus"] == "STOPPED")
    events = [event for _, event in seen]
    numbers = [number for number, _ in seen]
    assert numbers == sorted(set(numbers))
    for event in events:
        assert set(event) == {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
        assert (event["version"], event["source"], event["region"]) == ("0", "aws.ecs", REGION)
    tasks = [event for event in events if event["detail-type"] == TASK]
    assert {event["resources"][0] for event in tasks} == {task}
    assert tasks[0]["detail"]["lastStatus"] in ("PROVISIONING", "PENDING")
    versions = [event["detail"]["version"] for event in tasks]
    assert versions == sorted(set(versions))
    hosts = [event for event in events if event["detail-type"] == INSTANCE]
    assert hosts and hosts[0]["resources"] == [agent.arn]
    assert {"name": "CPU", "type": "INTEGER", "integerValue": 4086} in hosts[-1]["detail"]["remainingResources"]  # MS-076
    assert "stopCode" not in tasks[0]["detail"]
    stopping = tasks[-1]["detail"]
    assert (stopping["stopCode"], stopping["stoppedReason"]) == ("UserInitiated", "enough")
    assert stopping["startedAt"].endswith("Z")


def test_managed_agents_are_told(api, read):  # MS-097, AP-130
    cluster = api.cluster()
    agent = api.agent(cluster, runs=False)
    definition = api.raw("RegisterTaskDefinition", {"family": "told", "taskRoleArn": "arn:aws:iam::000000000000:role/task", "containerDefinitions": [
        {"name": "main", "image": "b", "memory": 8}]})["taskDefinition"]["taskDefinitionArn"]
    reader = read(cluster=cluster)
    task = api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition, "enableExecuteCommand": True})["tasks"][0]["taskArn"]
    agent.wait_payload(task)
    for status in ("RUNNING", "STOPPED"):
        agent.submit(task, "RUNNING", [{"containerName": "main", "status": "RUNNING", "runtimeId": "a" * 64}],
                     managedAgents=[{"containerName": "main", "managedAgentName": "ExecuteCommandAgent", "status": status}])

    def state(event):
        return event["detail"]["containers"][0]["managedAgents"][0] if event["detail-type"] == TASK else {}

    events = [event for _, event in reader.until(lambda event: state(event).get("lastStatus") == "STOPPED")]
    states = [state(event) for event in events if event["detail-type"] == TASK]
    assert states[0] == {"name": "ExecuteCommandAgent", "lastStatus": "PENDING"}
    assert states[-1]["lastStartedAt"].endswith("Z")


def test_the_newest_version_is_what_describe_shows(api, read):  # MS-058, MS-065, T18
    cluster, arn = api.cluster(), api.define()
    reader = read(cluster=cluster)
    agent = api.agent(cluster)
    task = api.ecs.run_task(cluster=cluster, taskDefinition=arn)["tasks"][0]["taskArn"]
    shown = api.until_task(cluster, task, "RUNNING")
    kept = {}
    for _, event in reader.until(is_task("RUNNING")):
        if kept.get(event["resources"][0], {}).get("version", -1) < event["detail"]["version"]:
            kept[event["resources"][0]] = event["detail"]
    assert kept[task]["version"] == shown["version"]
    host = api.ecs.describe_container_instances(cluster=cluster, containerInstances=[agent.arn])["containerInstances"][0]
    assert kept[agent.arn]["version"] == host["version"]
    for name in ("agentConnected", "status", "remainingResources"):
        if name == "remainingResources":  # MS-076: without the zeros of the other types
            assert [[one["name"], one.get("integerValue", 0), one.get("stringSetValue")] for one in kept[agent.arn][name]] == [
                [one["name"], one["integerValue"], one.get("stringSetValue")] for one in host[name]]
        else:
            assert kept[agent.arn][name] == host[name]


def test_an_agent_that_leaves_and_one_that_comes_are_told(api, read):  # MS-072, MS-073
    cluster = api.cluster()
    api.define()
    reader = read(cluster=cluster, detail_type=INSTANCE)
    agent = api.agent(cluster, connect=False)
    assert reader.next()[1]["detail"]["agentConnected"] is False
    agent.connect()
    assert reader.until(lambda event: event["detail"]["agentConnected"])
    agent.disconnect()
    assert reader.until(lambda event: not event["detail"]["agentConnected"])


def test_a_service_tells_its_deployment_and_that_it_is_steady(api, read):  # MS-098 to MS-105, T14
    cluster, arn = api.cluster(), api.define(containerDefinitions=[
        {"name": "main", "image": "busybox", "memory": 16, "healthCheck": {"command": ["CMD", "true"]}}])
    api.agent(cluster, tcs=True)
    reader = read(cluster=cluster, detail_type=[ACTION, DEPLOYMENT])
    service = api.ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=arn, desiredCount=1,
                                     deploymentConfiguration={"minimumHealthyPercent": 0})["service"]
    events = [event for _, event in reader.until(lambda event: event["detail"]["eventName"] == "SERVICE_STEADY_STATE")]
    assert {event["resources"][0] for event in events} == {service["serviceArn"]}
    told = [(event["detail-type"], event["detail"]["eventType"], event["detail"]["eventName"]) for event in events]
    assert told == [(DEPLOYMENT, "INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
                    (DEPLOYMENT, "INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
                    (ACTION, "INFO", "SERVICE_STEADY_STATE")]
    number = service["deployments"][0]["id"]
    assert [event["detail"]["deploymentId"] for event in events[:2]] == [number, number]
    assert [event["detail"]["reason"] for event in events[:2]] == [
        "ECS deployment %s in progress." % number, "ECS deployment %s completed." % number]
    assert set(events[0]["detail"]) == {"eventType", "eventName", "deploymentId", "updatedAt", "reason"}
    assert set(events[2]["detail"]) == {"eventType", "eventName", "clusterArn", "createdAt"}


def test_a_service_without_room_says_so(api, read):  # MS-100, T17
    cluster, arn = api.cluster(), api.define(containerDefinitions=[
        {"name": "main", "image": "busybox", "memory": 16, "cpu": 100000}])
    api.agent(cluster)
    reader = read(cluster=cluster, detail_type=ACTION)
    api.ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=arn, desiredCount=1)
    detail = reader.next()[1]["detail"]
    assert (detail["eventType"], detail["eventName"], detail["reason"]) == (
        "ERROR", "SERVICE_TASK_PLACEMENT_FAILURE", "RESOURCE:CPU")


def test_a_count_that_the_scheduler_works_out_is_told(api, read):  # MS-099, SC-136: not one that somebody asks for
    cluster, arn = api.cluster(), api.define()
    reader = read(cluster=cluster, detail_type=ACTION)
    api.ecs.create_service(cluster=cluster, serviceName="everywhere", taskDefinition=arn, schedulingStrategy="DAEMON")
    api.ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=arn, desiredCount=0)
    api.ecs.update_service(cluster=cluster, service="web", desiredCount=3)
    api.ecs.update_service(cluster=cluster, service="web", desiredCount=0)
    api.agent(cluster)
    seen = [event for _, event in reader.until(lambda event: event["detail"]["eventName"] == "SERVICE_DESIRED_COUNT_UPDATED")]
    assert seen[-1]["resources"][0].endswith("/everywhere") and seen[-1]["detail"]["eventType"] == "INFO"
    assert api.service(cluster, "everywhere")["desiredCount"] == 1


def test_a_share_of_a_task_set_is_told_when_its_service_is_scaled(api, read):  # MS-099, SC-239
    cluster, arn = api.cluster(), api.define()
    api.ecs.create_service(cluster=cluster, serviceName="web", desiredCount=2, deploymentController={"type": "EXTERNAL"})
    one = api.ecs.create_task_set(cluster=cluster, service="web", taskDefinition=arn, scale={"value": 50, "unit": "PERCENT"})["taskSet"]
    reader = read(cluster=cluster, detail_type=ACTION)
    api.ecs.update_task_set(cluster=cluster, service="web", taskSet=one["id"], scale={"value": 100, "unit": "PERCENT"})
    api.ecs.update_service(cluster=cluster, service="web", desiredCount=6)
    names = [event["detail"]["eventName"] for _, event in reader.until(
        lambda event: event["detail"]["eventName"] == "SERVICE_DESIRED_COUNT_UPDATED")]
    shown = api.ecs.describe_task_sets(cluster=cluster, service="web")["taskSets"][0]
    assert (names.count("SERVICE_DESIRED_COUNT_UPDATED"), shown["computedDesiredCount"]) == (1, 6)


def test_a_task_says_since_when_its_agent_is_there(api, read):  # MS-088, API-195
    cluster, arn = api.cluster(), api.define()
    agent = api.agent(cluster)
    task = api.ecs.run_task(cluster=cluster, taskDefinition=arn)["tasks"][0]["taskArn"]
    first = api.until_task(cluster, task, "RUNNING")
    agent.disconnect()
    gone = api.until(lambda: (lambda one: one if one["connectivity"] == "DISCONNECTED" else None)(api.task(cluster, task)))
    assert gone["connectivityAt"] == first["connectivityAt"]  # when it was CONNECTED last
    agent.connect()
    back = api.until(lambda: (lambda one: one if one["connectivity"] == "CONNECTED" else None)(api.task(cluster, task)))
    assert back["connectivityAt"] > first["connectivityAt"]
    api.ecs.stop_task(cluster=cluster, task=task)
    assert api.until_task(cluster, task, "STOPPED")["connectivityAt"] == back["connectivityAt"]


def figures(url):
    with urllib.request.urlopen(url + "/metrics", timeout=30) as answer:
        lines = [line.split() for line in answer.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_metrics_count_readers_and_what_they_are_sent(api, read):
    cluster = api.cluster()
    before = figures(api.server.url)
    readers = [read(cluster=cluster) for _ in range(3)]
    during = figures(api.server.url)
    assert during["berth_event_readers"] == before["berth_event_readers"] + 3
    api.agent(cluster)
    for one in readers:
        one.next()
    after = figures(api.server.url)
    assert after["berth_events_sent_total"] >= before["berth_events_sent_total"] + 3
    assert after["berth_event_readers_passed_total"] == before["berth_event_readers_passed_total"]
    for one in readers:
        one.close()
    api.until(lambda: figures(api.server.url)["berth_event_readers"] <= before["berth_event_readers"])


def test_filters(api, read):
    cluster, other, arn = api.cluster(), api.cluster(), api.define()
    api.agent(cluster)
    api.agent(other)
    start = read().last
    run = [api.ecs.run_task(cluster=name, taskDefinition=arn)["tasks"][0]["taskArn"] for name in (other, cluster, cluster)]
    by_task = read(after=start, resource=run[2])
    assert {by_task.next()[1]["resources"][0] for _ in range(2)} == {run[2]}
    by_type = read(after=start, cluster=cluster, detail_type=TASK)
    assert {by_type.next()[1]["resources"][0] for _ in range(2)} <= {run[1], run[2]}


@pytest.mark.parametrize("query, status, code", [
    ({"detail_type": "Tasks"}, 400, "InvalidParameterException"),
    ({"after": "x"}, 400, "InvalidParameterException"),
    ({"after": 10 ** 15}, 400, "InvalidParameterException"),
    ({"color": "red"}, 400, "InvalidParameterException"),
])
def test_refusals(api, read, query, status, code):
    with pytest.raises(Refused) as refused:
        read(**query)
    assert (refused.value.status, refused.value.body["__type"]) == (status, code)
    assert refused.value.body["message"].endswith(".")


def test_only_keys_of_the_account_read(api):
    cluster = api.cluster()
    for key, code in ((None, "MissingAuthenticationTokenException"), (("AKIANOBODY", "x"), "UnrecognizedClientException"),
                      (api.server.create_key(agentCluster=cluster), "AccessDeniedException")):
        with pytest.raises(Refused) as refused:
            Reader(api.server.url, key)
        assert refused.value.body["__type"] == code


def test_nothing_is_lost_by_kill_9(own_api):  # MS-060
    api = own_api
    cluster, arn = api.cluster(), api.define()
    agent = api.agent(cluster)
    reader = Reader(api.server.url, api.key, cluster=cluster, detail_type=TASK)
    start, done, seen = reader.last, set(), {}

    def take(one, wanted):
        while not wanted <= {event["resources"][0] for event in seen.values()}:
            number, event = one.next()
            assert seen.setdefault(number, event)["id"] == event["id"]
        return one.last
    for _ in range(3):
        done |= {api.ecs.run_task(cluster=cluster, taskDefinition=arn)["tasks"][0]["taskArn"] for _ in range(5)}
        take(reader, set(sorted(done)[:3]))
        done |= {api.ecs.run_task(cluster=cluster, taskDefinition=arn)["tasks"][0]["taskArn"] for _ in range(5)}
        agent.disconnect()
        api.server.kill()
        with pytest.raises((EOFError, ConnectionError, http.client.HTTPException)):
            while True:
                number, event = reader.next()
                seen[number] = event
        last = reader.last
        reader.close()
        api.server.start()
        reader = Reader(api.server.url, api.key, last=last, cluster=cluster, detail_type=TASK)
        assert reader.last == last
        take(reader, done)
        agent.connect()
    reader.close()
    # Whoever begins at the start sees the same again, in the same order, under the same numbers and ids.
    again = Reader(api.server.url, api.key, after=start, cluster=cluster, detail_type=TASK)
    for number in sorted(seen):
        got, event = again.next()
        assert (got, event["id"], event["detail"]["version"]) == (number, seen[number]["id"], seen[number]["detail"]["version"])
    again.close()
    versions = {}
    for number in sorted(seen):
        event = seen[number]
        assert event["detail"]["version"] > versions.get(event["resources"][0], -1)
        versions[event["resources"][0]] = event["detail"]["version"]


def test_versions_of_an_instance_grow_across_restarts(own_api):  # MS-058
    api = own_api
    cluster = api.cluster()
    agent = api.agent(cluster)
    reader = Reader(api.server.url, api.key, after=0, cluster=cluster, detail_type=INSTANCE)
    versions = []

    def connected(event):
        versions.append(event["detail"]["version"])
        return event["detail"]["agentConnected"]
    reader.until(connected)
    api.ecs.run_task(cluster=cluster, taskDefinition=api.define())
    versions.append(reader.next()[1]["detail"]["version"])
    for _ in range(3):  # nothing but the agent's coming is between them
        last = reader.last
        agent.disconnect()
        api.server.kill()
        reader.close()
        api.server.start()
        reader = Reader(api.server.url, api.key, last=last, cluster=cluster, detail_type=INSTANCE)
        agent.connect()
        reader.until(connected)
    reader.close()
    assert versions == sorted(set(versions))
    shown, = api.ecs.describe_container_instances(cluster=cluster, containerInstances=[agent.arn])["containerInstances"]
    assert shown["version"] >= versions[-1]


def test_a_slow_reader_holds_nobody_up(own_api):
    api = own_api
    cluster, arn = api.cluster(), api.define()
    api.agent(cluster, runs=False)
    slow = Reader(api.server.url, api.key, cluster=cluster)
    quick = Reader(api.server.url, api.key, cluster=cluster)
    tasks = set()
    for _ in range(20):
        tasks |= {one["taskArn"] for one in api.ecs.run_task(cluster=cluster, taskDefinition=arn, count=10)["tasks"]}
    told = set()
    while not tasks <= told:
        told.add(quick.next()[1]["resources"][0])
    told = set()
    while not tasks <= told:  # later, and all of it
        told.add(slow.next()[1]["resources"][0])
    slow.close()
    quick.close()


def test_the_end_is_said(own_api):
    reader = Reader(own_api.server.url, own_api.key)
    own_api.close()
    own_api.agents.clear()
    assert own_api.server.stop() == 0
    with pytest.raises(EOFError, match="The server is ending."):
        reader.next()
    reader.close()
