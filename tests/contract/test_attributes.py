"""Attributes of container instances: API-172, API-173, SC-063 to SC-068, AP-105."""
import pytest

from harness.fake_agent import CAPABILITIES, resources


@pytest.fixture
def cluster(api):
    return api.cluster()


def host(api, cluster, **more):
    """A registered host; no one is connected."""
    return api.agent(cluster, connect=False, **dict({"attributes": []}, **more)).arn


def on(arn, **values):
    return [dict({"name": name, "targetId": arn}, **({} if value is None else {"value": value})) for name, value in values.items()]


def put(api, cluster, *attributes):
    return api.raw("PutAttributes", {"cluster": cluster, "attributes": list(attributes)})["attributes"]


def custom(api, cluster, arn):
    found = api.raw("DescribeContainerInstances", {"cluster": cluster, "containerInstances": [arn]})["containerInstances"][0]["attributes"]
    return {a["name"]: a.get("value") for a in found if not a["name"].startswith(("ecs.", "com.amazonaws."))}


def every(api, cluster, **more):
    """All pages, as boto3 pages."""
    pages = api.ecs.get_paginator("list_attributes").paginate(cluster=cluster, targetType="container-instance", **more)
    return [(a["targetId"], a["name"], a.get("value")) for page in pages for a in page["attributes"]]


# ---- PutAttributes ----

def test_put(api, cluster):
    """The CLI's example: made, overwritten, name-only; the answer is what was asked, with the full ARN."""
    arn, other = host(api, cluster), host(api, cluster)
    assert put(api, cluster, *on(arn, stack="production")) == [{"name": "stack", "value": "production", "targetId": arn}]
    short = arn.replace("/%s/" % cluster, "/")  # API-032
    answer = put(api, cluster,
                 {"name": "stack", "value": "test", "targetId": short},
                 {"name": "flag", "targetId": arn[-32:], "targetType": "container-instance"},
                 {"name": "stack", "value": "a b", "targetId": other, "targetType": "container-instance"})
    assert answer == [{"name": "stack", "value": "test", "targetId": arn}, {"name": "flag", "targetId": arn},
                      {"name": "stack", "value": "a b", "targetId": other}]
    assert custom(api, cluster, arn) == {"stack": "test", "flag": None}
    assert custom(api, cluster, other) == {"stack": "a b"}
    put(api, cluster, *on(arn, stack=None))  # the value goes
    assert custom(api, cluster, arn) == {"stack": None, "flag": None}


@pytest.mark.parametrize("attribute", [
    {"name": ""}, {"value": "x"}, {"name": "x" * 129}, {"name": "a b"}, {"name": "ä"}, {"name": "a:b"}, {"name": "a@b"},
    {"name": "a", "value": ""}, {"name": "a", "value": "x" * 129}, {"name": "a", "value": " x"}, {"name": "a", "value": "x "},
    {"name": "a", "value": "x,y"}, {"name": "a", "value": "ü"},
    {"name": "ecs.os-type", "value": "windows"}, {"name": "ecs.mine"}, {"name": "com.amazonaws.ecs.capability.x"}])
def test_what_an_attribute_may_be(api, cluster, fails, attribute):
    """API-172: lengths, characters, whose names are the agent's; a good one beside it is not put either."""
    arn = host(api, cluster)
    with fails("InvalidParameterException"):
        put(api, cluster, {"name": "good", "targetId": arn}, dict(attribute, targetId=arn))
    assert custom(api, cluster, arn) == {}


def test_characters(api, cluster):
    """Every character there may be, at the greatest length."""
    arn = host(api, cluster)
    name, value = "aZ09_-./\\" + "n" * 119, "aZ09_-./\\@: x" + "v" * 115
    put(api, cluster, {"name": name, "value": value, "targetId": arn})
    assert custom(api, cluster, arn) == {name: value}


def test_targets(api, cluster, fails):
    """API-172: an id alone needs its type; unknown and gone ones; another cluster's."""
    arn, elsewhere = host(api, cluster), host(api, api.cluster())
    gone = arn[:-32] + "0" * 32
    for target in ({}, {"targetId": ""}, {"targetId": arn[-32:]}, {"targetId": "x", "targetType": "container-instance"},
                   {"targetId": arn, "targetType": "task"}, {"targetId": elsewhere},
                   {"targetId": arn.replace("container-instance", "task")}, {"targetId": arn.replace("us-east-1", "us-west-2")}):
        with fails("InvalidParameterException"):
            put(api, cluster, dict({"name": "a"}, **target))
    for target in (gone, elsewhere[-32:]):
        for operation in ("PutAttributes", "DeleteAttributes"):
            with fails("TargetNotFoundException"):
                api.raw(operation, {"cluster": cluster, "attributes": [
                    {"name": "a", "targetId": arn}, {"name": "a", "targetId": target, "targetType": "container-instance"}]})
    assert custom(api, cluster, arn) == {}
    for operation in ("PutAttributes", "DeleteAttributes"):
        with fails("ClusterNotFoundException", "Cluster not found."):
            api.raw(operation, {"cluster": "never", "attributes": [{"name": "a", "targetId": arn[-32:], "targetType": "container-instance"}]})
        for attributes in ([], None, on(arn, a="b") * 11):
            with fails("InvalidParameterException"):
                api.raw(operation, {"cluster": cluster, "attributes": attributes})
    api.raw("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": arn})
    with fails("TargetNotFoundException"):
        put(api, cluster, *on(arn, a="b"))


def test_ten_at_most(api, cluster, fails):
    """API-172: custom ones only; all or nothing; overwriting is always possible."""
    arn, other = host(api, cluster, attributes=CAPABILITIES), host(api, cluster)
    put(api, cluster, *[{"name": "a%d" % i, "targetId": arn} for i in range(9)])
    with fails("AttributeLimitExceededException"):
        put(api, cluster, *on(other, x="1"), *on(arn, b1="1", b2="2"))
    assert custom(api, cluster, other) == {} and len(custom(api, cluster, arn)) == 9
    put(api, cluster, *on(arn, b1="1"), *on(arn, b1="2"), *on(arn, a0="0"))
    assert len(custom(api, cluster, arn)) == 10 and custom(api, cluster, arn)["b1"] == "2"
    put(api, cluster, *on(arn, b1="3"))
    with fails("AttributeLimitExceededException"):
        put(api, cluster, *on(arn, c="1"))
    with fails("InvalidParameterException", "~attributes-per-container-instance"):
        host(api, cluster, attributes=[{"name": "n%d" % i} for i in range(11)])


def test_registration_keeps_them(api, cluster, fails):
    """AP-105: people's stay, the host's own are said again; a person's value gives way to the host's."""
    agent = api.agent(cluster, connect=False, attributes=[{"name": "rack", "value": "r1"}, {"name": "ecs.capability.old"}])
    put(api, cluster, *on(agent.arn, stack="production", rack="r2"))
    agent.register(attributes=[{"name": "ecs.capability.new"}])
    assert custom(api, cluster, agent.arn) == {"rack": "r2", "stack": "production"}
    agent.register(attributes=[{"name": "rack", "value": "r3"}])
    assert custom(api, cluster, agent.arn) == {"rack": "r3", "stack": "production"}
    names = [name for _, name, _ in every(api, cluster)]
    assert "ecs.capability.old" not in names and "ecs.capability.new" not in names
    put(api, cluster, *[{"name": "a%d" % i, "targetId": agent.arn} for i in range(8)])
    with fails("InvalidParameterException"):
        agent.register(attributes=[{"name": "one-more"}])
    assert len(custom(api, cluster, agent.arn)) == 10


def test_they_survive(own_api):
    """A server that was killed has what it acknowledged."""
    cluster = own_api.cluster()
    arn = own_api.raw("RegisterContainerInstance", {"cluster": cluster, "totalResources": resources(), "attributes": []})["containerInstance"]["containerInstanceArn"]
    put(own_api, cluster, *on(arn, stack="production", flag=None))
    own_api.raw("DeleteAttributes", {"cluster": cluster, "attributes": on(arn, flag=None)})
    own_api.server.kill()
    own_api.server.start()
    assert custom(own_api, cluster, arn) == {"stack": "production"}


# ---- DeleteAttributes ----

def test_delete(api, cluster, fails):
    """API-173: by name and target, the value is ignored; the agent's stay; repeated, it finds nothing."""
    arn = host(api, cluster, attributes=CAPABILITIES)
    put(api, cluster, *on(arn, stack="production", flag=None, kept="1"))
    asked = {"cluster": cluster, "attributes": on(arn, stack="other", flag=None)}
    assert api.raw("DeleteAttributes", asked)["attributes"] == [
        {"name": "stack", "value": "production", "targetId": arn}, {"name": "flag", "targetId": arn}]
    assert api.raw("DeleteAttributes", asked)["attributes"] == []
    assert custom(api, cluster, arn) == {"kept": "1"}
    for name in ("ecs.os-type", "com.amazonaws.ecs.capability.ecr-auth", ""):
        with fails("InvalidParameterException"):
            api.raw("DeleteAttributes", {"cluster": cluster, "attributes": [{"name": "kept", "targetId": arn}, {"name": name, "targetId": arn}]})
    assert custom(api, cluster, arn) == {"kept": "1"}
    assert (arn, "ecs.os-type", "linux") in every(api, cluster)


# ---- ListAttributes ----

def test_list(api, cluster, fails):
    """API-173: one element for each attribute and instance; by name, by name and value."""
    one, two = sorted([host(api, cluster), host(api, cluster)])
    put(api, cluster, *on(one, stack="production", rack="r1"), *on(two, stack="test", flag=None))
    assert every(api, cluster, attributeName="stack") == [(one, "stack", "production"), (two, "stack", "test")]
    assert every(api, cluster, attributeName="stack", attributeValue="test") == [(two, "stack", "test")]
    assert every(api, cluster, attributeName="flag") == [(two, "flag", None)]
    assert every(api, cluster, attributeName="flag", attributeValue="x") == []
    assert every(api, cluster, attributeName="no-one-has-this") == []
    assert every(api, cluster, attributeName="ecs.os-type", attributeValue="linux") == [(one, "ecs.os-type", "linux"), (two, "ecs.os-type", "linux")]
    got = every(api, cluster)
    assert len(got) == len(set(got)) and {(one, "rack", "r1"), (two, "flag", None), (one, "ecs.availability-zone", "us-east-1a")} <= set(got)
    api.raw("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": one})
    assert every(api, cluster, attributeName="stack") == [(two, "stack", "test")]
    for body in ({}, {"targetType": "task"}, {"targetType": "container-instance", "attributeValue": "x"},
                 {"targetType": "container-instance", "maxResults": 0}, {"targetType": "container-instance", "maxResults": 101},
                 {"targetType": "container-instance", "nextToken": "x"}):
        with fails("InvalidParameterException"):
            api.raw("ListAttributes", dict(body, cluster=cluster))
    with fails("ClusterNotFoundException", "Cluster not found."):
        api.raw("ListAttributes", {"cluster": "never", "targetType": "container-instance"})
    assert api.raw("ListAttributes", {"cluster": api.cluster(), "targetType": "container-instance"}) == {"attributes": []}


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_pages(api, size):
    """API-058 to API-060: each size gives the same list."""
    cluster = api.cluster()
    arns = [host(api, cluster) for _ in range(3)]
    for arn in arns:
        put(api, cluster, *[{"name": "a%d" % i, "value": "v", "targetId": arn} for i in range(5)])
    whole = api.raw("ListAttributes", {"cluster": cluster, "targetType": "container-instance"})["attributes"]
    assert every(api, cluster, PaginationConfig={"PageSize": size}) == [(a["targetId"], a["name"], a.get("value")) for a in whole]
    page = api.raw("ListAttributes", {"cluster": cluster, "targetType": "container-instance", "maxResults": size})
    assert len(page["attributes"]) == min(size, len(whole)) and ("nextToken" in page) == (size < len(whole))
    named = every(api, cluster, attributeName="a3", PaginationConfig={"PageSize": size})
    assert [arn for arn, _, _ in named] == sorted(arns)


def test_pages_under_change(api, fails):
    """API-060: what stays is told once, whatever comes and goes between two pages; a token is of its list."""
    cluster = api.cluster()
    arns = sorted(host(api, cluster) for _ in range(3))
    for arn in arns:
        put(api, cluster, *[{"name": "a%d" % i, "targetId": arn} for i in range(0, 8, 2)])
    asked = {"cluster": cluster, "targetType": "container-instance", "maxResults": 2}
    page = api.raw("ListAttributes", asked)
    seen = [(a["targetId"], a["name"]) for a in page["attributes"]]
    assert seen == [(arns[0], "a0"), (arns[0], "a2")]
    api.raw("DeleteAttributes", {"cluster": cluster, "attributes": on(arns[0], a0=None, a2=None)})
    put(api, cluster, *on(arns[0], a3="new"))
    api.raw("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": arns[1]})
    token = page["nextToken"]
    for other in ({"attributeName": "a0"}, {"attributeName": "a0", "attributeValue": "x"}, {"cluster": api.cluster()}):
        with fails("InvalidParameterException"):
            api.raw("ListAttributes", dict(asked, nextToken=token, **other))
    while token:
        page = api.raw("ListAttributes", dict(asked, nextToken=token))
        seen += [(a["targetId"], a["name"]) for a in page["attributes"]]
        token = page.get("nextToken")
    assert [s for s in seen if s[1].startswith("a")] == [(arns[0], "a%d" % i) for i in (0, 2, 3, 4, 6)] + [(arns[2], "a%d" % i) for i in (0, 2, 4, 6)]
    assert len(seen) == len(set(seen))


def test_the_cli(api, cluster, awscli):
    """The three examples of the CLI's own manual."""
    arn = host(api, cluster)
    told = [{"name": "stack", "targetId": arn, "value": "production"}]
    assert awscli("put-attributes", "--cluster", cluster, "--attributes", "name=stack,value=production,targetId=" + arn)["attributes"] == told
    assert awscli("list-attributes", "--cluster", cluster, "--target-type", "container-instance", "--attribute-name", "stack",
                  "--attribute-value", "production")["attributes"] == told
    assert awscli("delete-attributes", "--cluster", cluster, "--attributes", "name=stack,targetId=" + arn)["attributes"] == told


def test_an_agents_key(api, cluster, fails):
    """API-180: none of the three is an agent's to call."""
    agent = api.agent(cluster, connect=False)
    for operation in ("PutAttributes", "DeleteAttributes"):
        with fails("AccessDeniedException"):
            agent.call(operation, cluster=cluster, attributes=on(agent.arn, a="b"))
    with fails("AccessDeniedException"):
        agent.call("ListAttributes", cluster=cluster, targetType="container-instance")


def test_placement_follows(api, cluster):
    """SC-067, SC-071: what waits for a host with an attribute starts when one gets it; what it loses, it loses for new tasks."""
    one, two = api.agent(cluster), api.agent(cluster)
    rule = [{"type": "memberOf", "expression": "attribute:stack == prod"}]
    definition = api.define()
    api.raw("CreateService", {"cluster": cluster, "serviceName": "s", "taskDefinition": definition, "desiredCount": 1, "placementConstraints": rule})
    assert api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition, "placementConstraints": rule})["tasks"] == []
    put(api, cluster, *on(two.arn, stack="prod"))
    api.until(lambda: api.service(cluster, "s")["runningCount"] == 1, "the service runs on the host that got it")
    assert api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition, "placementConstraints": rule})["tasks"][0]["containerInstanceArn"] == two.arn
    api.raw("DeleteAttributes", {"cluster": cluster, "attributes": on(two.arn, stack=None)})
    assert api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition, "placementConstraints": rule})["tasks"] == []
    put(api, cluster, *on(one.arn, stack="prod"))
    assert api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition, "placementConstraints": rule})["tasks"][0]["containerInstanceArn"] == one.arn
