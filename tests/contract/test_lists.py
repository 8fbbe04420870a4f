"""Lists and their pages: API- section 5, API-115, API-116, API-127, API-157, API-168."""
import random

import pytest

from harness.fake_agent import resources


def pages(api, operation, member, between=None, **body):
    """All items of a list, page by page; `between` runs after each page."""
    found, token, sizes = [], None, []
    while True:
        answer = api.raw(operation, dict(body, **({"nextToken": token} if token else {})))
        found += answer[member]
        sizes.append(len(answer[member]))
        token = answer.get("nextToken")
        if not token:
            assert "nextToken" not in answer
            return found, sizes
        assert sizes[-1]
        if between:
            between(len(sizes))


class World:
    """Some of each listed thing, on a server of the file's own."""

    def __init__(self, api):
        self.api = api
        self.cluster = api.cluster()
        self.agents = [api.agent(self.cluster, connect=False) for _ in range(3)]
        self.agent = api.agent(self.cluster, runs=False, totalResources=resources(memory=100000))
        self.definition = api.define("list-family")
        for i in range(7):
            api.raw("CreateService", {"cluster": self.cluster, "serviceName": "s%02d" % i, "taskDefinition": "list-family", "desiredCount": 0})
        for _ in range(12):
            api.raw("RunTask", {"cluster": self.cluster, "taskDefinition": "list-family", "startedBy": "me"})
        for _ in range(11):
            api.define("list-other")


@pytest.fixture(scope="module")
def world(_api):
    return World(_api)


@pytest.fixture
def api(_api):
    """The agents of the world stay."""
    return _api


LISTS = [
    ("ListClusters", "clusterArns", {}, 100, 100), ("ListContainerInstances", "containerInstanceArns", {"cluster": True}, 100, 100),
    ("ListServices", "serviceArns", {"cluster": True}, 10, 100), ("ListTasks", "taskArns", {"cluster": True}, 100, 100),
    ("ListTaskDefinitions", "taskDefinitionArns", {}, 100, 100), ("ListTaskDefinitionFamilies", "families", {}, 100, 100)]


def of(world, body):
    return {k: world.cluster if v is True else v for k, v in body.items()}


@pytest.mark.parametrize("operation, member, body, default, most", LISTS, ids=[row[0] for row in LISTS])
def test_pages(api, world, fails, operation, member, body, default, most):
    """API-057, API-058, API-061: the whole list whatever the page size, once each, and bounds of the size."""
    whole, sizes = pages(api, operation, member, **of(world, body))
    assert whole and len(set(whole)) == len(whole) and sizes == [len(whole)]
    for size in (1, 2, 3, most):
        found, sizes = pages(api, operation, member, maxResults=size, **of(world, body))
        assert found == whole and max(sizes) <= size
    for size in (0, -1, most + 1):
        with fails("InvalidParameterException"):
            api.raw(operation, dict(of(world, body), maxResults=size))


@pytest.mark.parametrize("operation, member, body, default, most", LISTS, ids=[row[0] for row in LISTS])
def test_tokens(api, world, fails, operation, member, body, default, most):
    """API-059, API-060: of this list and these filters only; never a silent start at page one."""
    if len(pages(api, operation, member, **of(world, body))[0]) < 2:
        api.raw("CreateCluster", {"clusterName": api.name("filler")})
    token = api.raw(operation, dict(of(world, body), maxResults=1))["nextToken"]
    for wrong in ("x", "AAAA", token[:-1], token + "A", token[::-1], ""):
        if wrong == "":
            continue
        with fails("InvalidParameterException"):
            api.raw(operation, dict(of(world, body), maxResults=1, nextToken=wrong))
    for other, _, other_body, _, _ in LISTS:
        if other != operation:
            with fails("InvalidParameterException"):
                api.raw(other, dict(of(world, other_body), nextToken=token))


def test_a_token_of_other_filters(api, world, fails):
    """API-059."""
    token = api.raw("ListTasks", {"cluster": world.cluster, "maxResults": 1})["nextToken"]
    for more in ({"family": "list-family"}, {"desiredStatus": "STOPPED"}, {"startedBy": "me"}):
        with fails("InvalidParameterException"):
            api.raw("ListTasks", dict({"cluster": world.cluster, "nextToken": token}, **more))
    token = api.raw("ListTaskDefinitions", {"maxResults": 1})["nextToken"]
    for more in ({"sort": "DESC"}, {"status": "INACTIVE"}, {"familyPrefix": "list-family"}):
        with fails("InvalidParameterException"):
            api.raw("ListTaskDefinitions", dict({"nextToken": token}, **more))


def test_tokens_outlive_the_server(own_api):
    """API-060."""
    names = ["c%02d" % i for i in range(9)]
    for name in names:
        own_api.raw("CreateCluster", {"clusterName": name})

    def restart(page):
        if page == 2:
            own_api.server.kill()
            own_api.server.start()

    found, sizes = pages(own_api, "ListClusters", "clusterArns", restart, maxResults=2)
    assert [arn.split("/")[1] for arn in found] == names and len(sizes) == 5


def test_pages_while_items_come_and_go(own_api):
    """API-060: none twice, and none that was there all the time is lost."""
    rng = random.Random(7)
    stay = {"stay-%03d" % i for i in range(40)}
    for name in rng.sample(sorted(stay), len(stay)):
        own_api.raw("CreateCluster", {"clusterName": name})
    passing = ["%s-%03d" % (rng.choice(["a", "stay", "z"]), 500 + i) for i in range(60)]
    alive = []

    def churn(_):
        for name in [passing.pop() for _ in range(3) if passing]:
            own_api.raw("CreateCluster", {"clusterName": name})
            alive.append(name)
        if len(alive) > 3:
            own_api.raw("DeleteCluster", {"cluster": alive.pop(rng.randrange(len(alive)))})

    found, _ = pages(own_api, "ListClusters", "clusterArns", churn, maxResults=3)
    names = [arn.split("/")[1] for arn in found]
    assert len(names) == len(set(names)) and stay <= set(names)


def test_a_hundred_and_one(own_api):
    """API-058: the default page."""
    for i in range(101):
        own_api.raw("CreateCluster", {"clusterName": "c%03d" % i})
    found, sizes = pages(own_api, "ListClusters", "clusterArns")
    assert sizes == [100, 1] and len(found) == 101


def test_services_by_ten(api):
    """API-058, API-157."""
    cluster = api.cluster()
    definition = api.define()
    for i in range(12):
        api.raw("CreateService", {"cluster": cluster, "serviceName": "s%02d" % i, "taskDefinition": definition, "desiredCount": 0})
    found, sizes = pages(api, "ListServices", "serviceArns", cluster=cluster)
    assert sizes == [10, 2] and len(found) == 12
    api.raw("CreateService", {"cluster": cluster, "serviceName": "d", "taskDefinition": definition, "schedulingStrategy": "DAEMON"})
    assert len(pages(api, "ListServices", "serviceArns", cluster=cluster, schedulingStrategy="DAEMON")[0]) == 1
    assert len(pages(api, "ListServices", "serviceArns", cluster=cluster, launchType="FARGATE")[0]) == 0
    assert len(pages(api, "ListServices", "serviceArns", cluster=cluster, launchType="EC2")[0]) == 13


def test_unknown_clusters(api, fails):
    """API-050 and its kin."""
    for operation in ("ListServices", "ListTasks", "ListContainerInstances"):
        with fails("ClusterNotFoundException", "Cluster not found."):
            api.raw(operation, {"cluster": "nope"})


def test_list_tasks(api, world, fails):
    """API-127."""
    def tasks(**more):
        return api.raw("ListTasks", dict({"cluster": world.cluster}, **more))["taskArns"]

    everything = tasks()
    assert len(everything) == 12
    assert sorted(tasks(family="list-family")) == sorted(everything) == sorted(tasks(startedBy="me")) == sorted(tasks(containerInstance=world.agent.arn))
    assert tasks(family="list-other") == [] and tasks(startedBy="you") == [] and tasks(containerInstance=world.agents[0].arn) == []
    assert tasks(desiredStatus="PENDING") == [] and tasks(desiredStatus="STOPPED") == [] and sorted(tasks(desiredStatus="RUNNING")) == sorted(everything)
    assert tasks(serviceName="s00") == [] and tasks(launchType="FARGATE") == []
    assert sorted(tasks(launchType=api.task(world.cluster, everything[0])["launchType"])) == sorted(everything)
    with fails("ServiceNotFoundException", "Service not found."):
        tasks(serviceName="nope")
    with fails("InvalidParameterException", "ownerId longer than 36."):
        tasks(startedBy="x" * 37)
    with fails("InvalidParameterException"):
        tasks(startedBy="me", family="list-family")
    for wrong in ({"desiredStatus": "DONE"}, {"launchType": "X"}, {"containerInstance": "x" * 40}):
        with fails("InvalidParameterException"):
            tasks(**wrong)


def test_list_stopped_tasks(api):
    """AG-340, API-127: the newest first, with every filter and page size; none while it runs."""
    cluster, family = api.cluster(), api.name("stopped")
    agents = [api.agent(cluster), api.agent(cluster)]
    definition, other = api.define(family), api.define()
    api.raw("CreateService", {"cluster": cluster, "serviceName": "s", "taskDefinition": family, "desiredCount": 4})
    api.until(lambda: len(api.raw("ListTasks", {"cluster": cluster})["taskArns"]) == 4)
    alone = [api.raw("RunTask", {"cluster": cluster, "taskDefinition": one, "startedBy": who})["tasks"][0]
             for one, who in ((definition, "me"), (other, "you"), (other, "me"), (definition, "you"))]
    everything = api.raw("ListTasks", {"cluster": cluster})["taskArns"]
    assert len(everything) == 8 and pages(api, "ListTasks", "taskArns", cluster=cluster, desiredStatus="STOPPED")[0] == []
    facts = {t["taskArn"]: t for t in api.raw("DescribeTasks", {"cluster": cluster, "tasks": everything})["tasks"]}
    api.raw("UpdateService", {"cluster": cluster, "service": "s", "desiredCount": 0})
    for task in alone:
        api.raw("StopTask", {"cluster": cluster, "task": task["taskArn"]})
    api.until(lambda: api.raw("ListTasks", {"cluster": cluster})["taskArns"] == [])

    def wanted(**match):
        return [arn for arn in everything[::-1] if all(facts[arn].get(k) == v for k, v in match.items())]

    arns = api.raw("ListTaskDefinitions", {"familyPrefix": family})["taskDefinitionArns"]
    of_family = {"taskDefinitionArn": arns[0]}
    rows = [({}, {}), ({"family": family}, of_family), ({"serviceName": "s"}, {"group": "service:s"}),
            ({"startedBy": "me"}, {"startedBy": "me"}), ({"serviceName": "s", "family": family}, {"group": "service:s"})]
    for agent in agents:
        at = {"containerInstanceArn": agent.arn}
        rows += [({"containerInstance": agent.arn}, at), ({"containerInstance": agent.arn, "family": family}, dict(at, **of_family)),
                 ({"containerInstance": agent.arn, "serviceName": "s"}, dict(at, group="service:s")),
                 ({"containerInstance": agent.arn, "serviceName": "s", "family": family, "launchType": facts[everything[0]]["launchType"]},
                  dict(at, group="service:s"))]
    for filters, match in rows:
        for size in (1, 3, 100):
            found, _ = pages(api, "ListTasks", "taskArns", cluster=cluster, desiredStatus="STOPPED", maxResults=size, **filters)
            assert found == wanted(**match), (filters, size)
    assert wanted() and wanted(**of_family) != wanted()


def test_pages_of_tasks_while_they_come_and_go(own_api):
    """API-060: of the tasks that ran all the time none is lost, and none comes twice."""
    cluster, definition = own_api.cluster(), own_api.define()
    own_api.agent(cluster)
    rng = random.Random(3)

    def start(count):
        return [t["taskArn"] for t in own_api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition, "count": count})["tasks"]]

    tasks = [arn for _ in range(4) for arn in start(10)]
    leave = rng.sample(tasks, 15)

    def churn(_):
        for arn in [leave.pop() for _ in range(2) if leave]:
            own_api.raw("StopTask", {"cluster": cluster, "task": arn})
        start(2)

    stay = set(tasks) - set(leave)
    for filters in ({}, {"desiredStatus": "STOPPED"}, {"family": definition.rsplit("/", 1)[1].split(":")[0]}):
        found, _ = pages(own_api, "ListTasks", "taskArns", churn, cluster=cluster, maxResults=5, **filters)
        assert len(found) == len(set(found))
        if not filters:
            assert stay <= set(found)
    assert not leave


def test_list_task_definitions(api, world, fails):
    """API-115, TD-005: the full family name, numbers as numbers, either way round; INACTIVE ones apart."""
    def found(**more):
        return [arn.rsplit("/", 1)[1] for arn in pages(api, "ListTaskDefinitions", "taskDefinitionArns", **more)[0]]

    ascending = ["list-other:%d" % i for i in range(1, 12)]
    assert found(familyPrefix="list-other") == ascending == found(familyPrefix="list-other", sort="ASC", maxResults=4)
    assert found(familyPrefix="list-other", sort="DESC", maxResults=4) == ascending[::-1]
    assert found(familyPrefix="list-") == []
    both = [one for one in found() if one.startswith("list-")]
    assert both == ["list-family:1"] + ascending
    assert [one for one in found(sort="DESC") if one.startswith("list-")] == both[::-1]
    api.raw("DeregisterTaskDefinition", {"taskDefinition": "list-other:5"})
    assert found(familyPrefix="list-other") == [one for one in ascending if one != "list-other:5"]
    assert found(familyPrefix="list-other", status="INACTIVE") == ["list-other:5"]
    for wrong in ({"sort": "UP"}, {"status": "GONE"}):
        with fails("InvalidParameterException"):
            found(**wrong)


def test_list_families(api, world, fails):
    """API-116: a true prefix here; ACTIVE, INACTIVE, ALL."""
    def families(**more):
        return pages(api, "ListTaskDefinitionFamilies", "families", **more)[0]

    api.define("prefix-a")
    gone = api.define("prefix-b")
    api.raw("DeregisterTaskDefinition", {"taskDefinition": gone})
    assert families(familyPrefix="prefix-") == ["prefix-a", "prefix-b"] == families(familyPrefix="prefix-", status="ALL", maxResults=1)
    assert families(familyPrefix="prefix-", status="ACTIVE") == ["prefix-a"]
    assert families(familyPrefix="prefix-", status="INACTIVE") == ["prefix-b"]
    assert families(familyPrefix="nothing") == []
    with fails("InvalidParameterException"):
        families(status="SOME")


def test_list_container_instances(api, world, fails):
    """API-168, CL-269."""
    def found(**more):
        return api.raw("ListContainerInstances", dict({"cluster": world.cluster}, **more))["containerInstanceArns"]

    assert sorted(found()) == sorted(a.arn for a in world.agents + [world.agent]) == sorted(found(status="ACTIVE"))
    for status in ("DRAINING", "REGISTERING", "DEREGISTERING", "REGISTRATION_FAILED"):
        assert found(status=status) == []
    with fails("InvalidParameterException"):
        found(status="INACTIVE")


def test_the_command_line_pages_by_itself(api, world, awscli):
    """API-059: --page-size, --max-items and --starting-token."""
    everything = awscli("list-tasks", "--cluster", world.cluster, "--page-size", "5")["taskArns"]
    assert len(everything) == 12
    first = awscli("list-tasks", "--cluster", world.cluster, "--page-size", "2", "--max-items", "5")
    rest = awscli("list-tasks", "--cluster", world.cluster, "--page-size", "2", "--starting-token", first["NextToken"])
    assert first["taskArns"] + rest["taskArns"] == everything
