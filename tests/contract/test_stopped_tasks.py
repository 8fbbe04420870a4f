"""Stopped tasks: describable for as long as the operator says; in memory first, then in bulk storage (API-126, API-127, AG-340)."""
import os
import urllib.request

import pytest

from conftest import Api
from harness.program import Server


@pytest.fixture(scope="module")
def _api(tmp_path_factory):
    """A server that keeps stopped tasks in memory for a blink only."""
    server = Server(tmp_path_factory.mktemp("stopped"), args=["--task-memory", "100ms", "--task-retention", "1h"]).start()
    one = Api(server, server.create_key())
    yield one
    one.close()
    server.close()


def in_memory(api):
    with urllib.request.urlopen(api.server.url + "/metrics", timeout=10) as answer:
        line = next(row for row in answer.read().decode().splitlines() if row.startswith("berth_tasks "))
    return int(line.split()[1])


def run(api, cluster, count, **more):
    answer = api.raw("RunTask", dict({"cluster": cluster, "count": count}, **more))
    assert answer["failures"] == []
    return [t["taskArn"] for t in answer["tasks"]]


def stop_all(api, cluster):
    for arn in api.raw("ListTasks", {"cluster": cluster})["taskArns"]:
        api.raw("StopTask", {"cluster": cluster, "task": arn, "reason": "enough"})
    api.until(lambda: in_memory(api) == 0)


def listed(api, cluster, size=100, between=None, **filters):
    found, token = [], None
    while True:
        body = dict({"cluster": cluster, "desiredStatus": "STOPPED", "maxResults": size}, **filters)
        answer = api.raw("ListTasks", dict(body, nextToken=token) if token else body)
        assert len(answer["taskArns"]) <= size
        found += answer["taskArns"]
        token = answer.get("nextToken")
        if not token:
            return found
        if between:
            between()


@pytest.fixture(scope="module")
def past(_api):
    """24 tasks that all are in the archive, by family, who started them, and host."""
    class Past:
        api = _api
        cluster = _api.cluster()
        families = [_api.name("old"), _api.name("old")]
        tasks = []

    Past.agents = [_api.agent(Past.cluster) for _ in range(2)]
    for family in Past.families:
        _api.define(family, tags=[{"key": "a", "value": "b"}])
    for i in range(12):
        Past.tasks += run(_api, Past.cluster, 2, taskDefinition=Past.families[i % 2], startedBy="me" if i % 3 else "you")
    Past.facts = {t["taskArn"]: t for t in _api.raw("DescribeTasks", {"cluster": Past.cluster, "tasks": Past.tasks})["tasks"]}
    stop_all(_api, Past.cluster)
    return Past


def test_they_are_described_as_they_were(past):
    """API-126: every member; MISSING for what never was; in the order asked for."""
    api = past.api
    missing = past.tasks[0][:-32] + "f" * 32
    asked = [past.tasks[3], missing, past.tasks[0].rsplit("/", 1)[1], past.tasks[-1]]
    answer = api.raw("DescribeTasks", {"cluster": past.cluster, "tasks": asked, "include": ["TAGS"]})
    assert [t["taskArn"] for t in answer["tasks"]] == [past.tasks[3], past.tasks[0], past.tasks[-1]]
    assert answer["failures"] == [{"arn": missing, "reason": "MISSING"}]
    for task in answer["tasks"]:
        was = past.facts[task["taskArn"]]
        assert (task["lastStatus"], task["desiredStatus"], task["stopCode"], task["stoppedReason"]) == ("STOPPED", "STOPPED", "UserInitiated", "enough")
        assert task["stoppedAt"] >= task["stoppingAt"] >= task["startedAt"] >= task["createdAt"] and task["tags"] == []
        for same in ("taskDefinitionArn", "containerInstanceArn", "clusterArn", "group", "startedBy", "createdAt", "launchType", "cpu", "memory", "overrides"):
            assert task[same] == was[same], same
        assert task["version"] > was["version"] and task["containers"][0]["exitCode"] == 0
        assert task["containers"][0]["containerArn"] == was["containers"][0]["containerArn"]
    everything = api.raw("DescribeTasks", {"cluster": past.cluster, "tasks": past.tasks})
    assert [t["taskArn"] for t in everything["tasks"]] == past.tasks and everything["failures"] == []


def test_they_are_listed_the_newest_first(past):
    """AG-340: pages of any size, every filter."""
    newest = sorted(past.tasks, reverse=True)
    for size in (1, 7, 24, 100):
        assert listed(past.api, past.cluster, size) == newest

    def wanted(**match):
        return [arn for arn in newest if all(past.facts[arn][k] == v for k, v in match.items())]

    for family in past.families:
        definition = past.api.raw("ListTaskDefinitions", {"familyPrefix": family})["taskDefinitionArns"][0]
        for size in (2, 100):
            assert listed(past.api, past.cluster, size, family=family) == wanted(taskDefinitionArn=definition)
    assert listed(past.api, past.cluster, 3, startedBy="you") == wanted(startedBy="you")
    for agent in past.agents:
        assert listed(past.api, past.cluster, 5, containerInstance=agent.arn) == wanted(containerInstanceArn=agent.arn)
    assert listed(past.api, past.cluster, launchType="FARGATE") == []
    assert past.api.raw("ListTasks", {"cluster": past.cluster})["taskArns"] == []
    assert past.api.raw("ListTasks", {"cluster": past.cluster, "desiredStatus": "PENDING"})["taskArns"] == []


def test_a_list_of_both(past):
    """API-060: tasks leave memory between two pages; none is lost, none comes twice."""
    api, cluster = past.api, past.cluster
    arns = run(api, cluster, 10, taskDefinition=past.families[0])
    stopped = []

    def stop_one():
        if len(stopped) < len(arns):
            stopped.append(arns[len(stopped)])
            api.raw("StopTask", {"cluster": cluster, "task": stopped[-1]})

    stop_one()
    found = listed(api, cluster, 2, stop_one)
    assert len(found) == len(set(found)) and set(past.tasks) <= set(found) <= set(past.tasks + arns)
    assert found == sorted(found, reverse=True)
    stop_all(api, cluster)
    assert listed(api, cluster, 4) == sorted(past.tasks + arns, reverse=True)
    past.tasks += arns
    past.facts.update({t["taskArn"]: t for t in api.raw("DescribeTasks", {"cluster": cluster, "tasks": arns})["tasks"]})


def test_other_clusters_and_regions_have_their_own(past, fails):
    api, other = past.api, past.api.cluster()
    one = past.tasks[0].rsplit("/", 1)[1]
    assert listed(api, other) == []
    assert [f["reason"] for f in api.raw("DescribeTasks", {"cluster": other, "tasks": [one]})["failures"]] == ["MISSING"]
    with fails("InvalidParameterException", "The referenced task was not found."):
        api.raw("StopTask", {"cluster": other, "task": one})


def test_they_survive_kill_9(tmp_path):
    """The archive is durable before memory lets go."""
    server = Server(tmp_path, args=["--task-memory", "100ms", "--task-retention", "1h"]).start()
    api = Api(server, server.create_key())
    cluster, family = api.cluster(), api.name("old")
    api.agent(cluster)
    api.define(family)
    arns = run(api, cluster, 5, taskDefinition=family)
    stop_all(api, cluster)
    before = api.raw("DescribeTasks", {"cluster": cluster, "tasks": arns})
    assert len(before["tasks"]) == 5
    for _ in range(2):
        server.kill()
        server.start()
        after = api.raw("DescribeTasks", {"cluster": cluster, "tasks": arns})
        for task in before["tasks"] + after["tasks"]:
            task.pop("connectivity", None), task.pop("connectivityAt", None)
        assert after == before and listed(api, cluster) == sorted(arns, reverse=True)
    api.close()
    server.close()


def test_they_go_in_the_end(tmp_path):
    """--task-retention: then they are MISSING, and the disk is free again."""
    server = Server(tmp_path, args=["--task-memory", "100ms", "--task-retention", "1s"]).start()
    api = Api(server, server.create_key())
    cluster = api.cluster()
    api.agent(cluster)
    arns = run(api, cluster, 3, taskDefinition=api.define())
    stop_all(api, cluster)
    api.until(lambda: len(api.raw("DescribeTasks", {"cluster": cluster, "tasks": arns})["failures"]) == 3)
    assert listed(api, cluster) == []
    api.until(lambda: os.listdir(os.path.join(server.data, "tasks")) == [])
    api.close()
    server.close()
