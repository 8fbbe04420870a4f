"""Placement as clients see it: SC- sections 3 and 5, with fake agents for hosts. The engine's own rules are unit tests."""
import pytest

from harness.fake_agent import CAPABILITIES

UNSATISFIED = "MemberOf placement constraint unsatisfied."


@pytest.fixture
def cluster(api):
    return api.cluster()


@pytest.fixture
def definition(api):
    return api.define(api.name("web"), containerDefinitions=[{"name": "web", "image": "busybox", "memory": 16}])


def run(api, cluster, definition, *expressions, **more):
    constraints = [{"type": "memberOf", "expression": e} for e in expressions]
    return api.raw("RunTask", dict({"cluster": cluster, "taskDefinition": definition, "placementConstraints": constraints}, **more))


def hosts(answer):
    return [task["containerInstanceArn"] for task in answer["tasks"]]


def mark(api, cluster, agent, name, value):
    api.raw("PutAttributes", {"cluster": cluster, "attributes": [{"name": name, "value": value, "targetId": agent.arn}]})


def test_member_of(api, cluster, definition):
    """SC-056, SC-025, SC-030, SC-068; T9: tasks go to hosts that meet the expression, or nowhere."""
    first, second = api.agent(cluster, runs=False), api.agent(cluster, runs=False)
    mark(api, cluster, second, "stack", "prod")
    assert hosts(run(api, cluster, definition, "attribute:stack == prod", count=5)) == [second.arn] * 5
    assert hosts(run(api, cluster, definition, "not(attribute:stack == prod)", count=5)) == [first.arn] * 5
    answer = run(api, cluster, definition, "attribute:stack =~ te.*")
    assert answer["tasks"] == []
    assert sorted((f["arn"], f["reason"]) for f in answer["failures"]) == sorted((a.arn, UNSATISFIED) for a in (first, second))
    mark(api, cluster, first, "stack", "test")
    assert hosts(run(api, cluster, definition, "attribute:stack =~ te.*")) == [first.arn]
    assert hosts(run(api, cluster, definition, "attribute:stack exists", "attribute:stack != test")) == [second.arn]


def test_affinity(api, cluster, definition):
    """SC-059, SC-060; T10: beside the tasks of a group, or apart from them."""
    first, second = api.agent(cluster, runs=False), api.agent(cluster, runs=False)
    assert run(api, cluster, definition, "task:group == databases")["tasks"] == []
    home = hosts(run(api, cluster, definition, group="databases"))[0]
    assert set(hosts(run(api, cluster, definition, "task:group == databases", count=4))) == {home}
    assert set(hosts(run(api, cluster, definition, "not(task:group == databases)", count=4))) == {first.arn, second.arn} - {home}


def test_constraints_of_the_definition(api, cluster):
    """SC-032, TD-106: those of the definition hold beside those of the call."""
    first, second = api.agent(cluster, runs=False), api.agent(cluster, runs=False)
    mark(api, cluster, first, "disk", "ssd")
    definition = api.define(api.name("db"), containerDefinitions=[{"name": "db", "image": "busybox", "memory": 16}],
                            placementConstraints=[{"type": "memberOf", "expression": "attribute:disk == ssd"}])
    assert hosts(run(api, cluster, definition, count=3)) == [first.arn] * 3
    assert run(api, cluster, definition, "attribute:disk !exists")["tasks"] == []
    assert second.arn in [f["arn"] for f in run(api, cluster, definition, "attribute:disk !exists")["failures"]]


@pytest.mark.parametrize("expression, why", [
    ("stack == prod", "position 1: "),
    ("attribute:stack = prod", "position 17: an operator is expected after attribute:stack"),
    ("attribute:stack =~ '('", "position 20: the regular expression"),
    ("agentVersion > latest", "latest is not a version"),
    ("x" * 2001, "2000"),
])
def test_expressions_that_cannot_be_read(api, cluster, definition, fails, expression, why):
    """SC-087, SC-058: refused before anything is made, whatever hosts there are."""
    with fails("InvalidParameterException", "~" + why):
        run(api, cluster, definition, expression)


def test_ec2_tasks_and_external_hosts(api, cluster, definition):
    """Tasks of launch type EC2 do not go to EXTERNAL hosts, nor the other way."""
    external = api.agent(cluster, runs=False, attributes=CAPABILITIES + [{"name": "ecs.capability.external"}])
    answer = run(api, cluster, definition)
    assert answer["tasks"] == [] and [f["reason"] for f in answer["failures"]] == ["ATTRIBUTE"]
    host = api.agent(cluster, runs=False)
    assert hosts(run(api, cluster, definition, count=5)) == [host.arn] * 5
    assert hosts(run(api, cluster, definition, count=3, launchType="EXTERNAL")) == [external.arn] * 3
