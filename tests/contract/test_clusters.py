"""Clusters: API- sections 2 to 6.1 and 7.1, CL- sections A and B."""
import itertools
import threading

import pytest

COUNTS = ("registeredContainerInstancesCount", "runningTasksCount", "pendingTasksCount", "activeServicesCount")


def described(api, name, *include):
    return api.ecs.describe_clusters(clusters=[name], include=list(include))["clusters"][0]


def test_a_cluster_made_bare(api):
    """CL-027, CL-029, CL-030, CL-031, API-181, API-182: identity, status, counts, and lists that are empty rather than absent."""
    name = api.name()
    made = api.raw("CreateCluster", {"clusterName": name})["cluster"]
    assert made["clusterArn"] == "arn:aws:ecs:us-east-1:000000000000:cluster/" + name
    assert made["clusterName"] == name
    assert made["status"] == "ACTIVE"
    assert [made[c] for c in COUNTS] == [0, 0, 0, 0]
    for empty in ("statistics", "tags", "capacityProviders", "defaultCapacityProviderStrategy"):
        assert made[empty] == []
    assert made["settings"] == [{"name": "containerInsights", "value": "disabled"}]


def test_the_name_defaults(own_api):
    """CL-021, CL-027, API-034: no name makes `default`, and no cluster means it."""
    assert own_api.raw("DescribeClusters")["failures"] == [
        {"arn": "arn:aws:ecs:us-east-1:000000000000:cluster/default", "reason": "MISSING"}]
    assert own_api.raw("CreateCluster")["cluster"]["clusterName"] == "default"
    assert own_api.raw("DescribeClusters")["clusters"][0]["clusterName"] == "default"
    assert own_api.raw("ListTasks") == {"taskArns": []}


@pytest.mark.parametrize("name", ["with space", "dot.ted", "a/b", "é", "x" * 256, "-" * 255 + "!"])
def test_names_that_are_none(api, fails, name):
    """API-035, CL-026, with ECS's sentence."""
    with fails("InvalidParameterException", "~"):
        api.raw("CreateCluster", {"clusterName": name})
    if name.isascii() and len(name) < 30:
        with fails("InvalidParameterException", "Cluster must match ^[a-zA-Z0-9\\-_]{1,255}$, but was " + name):
            api.raw("CreateCluster", {"clusterName": name})


@pytest.mark.parametrize("name", ["x" * 255, "-", "_a-B9"])
def test_names_that_are_some(api, name):
    assert api.raw("CreateCluster", {"clusterName": name})["cluster"]["clusterName"] == name
    api.raw("DeleteCluster", {"cluster": name})


def test_names_differ_by_case(api):
    name = api.name("Case")
    api.raw("CreateCluster", {"clusterName": name})
    assert api.raw("DescribeClusters", {"clusters": [name.lower()]})["failures"][0]["reason"] == "MISSING"


def test_making_it_again_answers_with_it(api):
    """API-065: the first one stays as it is."""
    name = api.name()
    api.raw("CreateCluster", {"clusterName": name, "tags": [{"key": "a", "value": "1"}]})
    again = api.raw("CreateCluster", {"clusterName": name})["cluster"]
    assert again["status"] == "ACTIVE" and again["tags"] == [{"key": "a", "value": "1"}]


CONFIGURATION = {"executeCommandConfiguration": {
    "kmsKeyId": "key", "logging": "OVERRIDE", "logConfiguration": {
        "cloudWatchLogGroupName": "group", "cloudWatchEncryptionEnabled": True, "s3BucketName": "bucket",
        "s3EncryptionEnabled": True, "s3KeyPrefix": "prefix"}}}


def test_every_member_comes_back(api):
    """API-064, API-073, API-074; API- section 13, examples 1 and 17."""
    name = api.name()
    tags = [{"key": "team", "value": "web"}, {"key": "empty", "value": ""}]
    made = api.raw("CreateCluster", {
        "clusterName": name, "tags": tags, "configuration": CONFIGURATION,
        "settings": [{"name": "containerInsights", "value": "enabled"}]})["cluster"]
    assert made["tags"] == tags
    assert made["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    full = described(api, name, "TAGS", "SETTINGS", "CONFIGURATIONS", "STATISTICS", "ATTACHMENTS")
    assert full["tags"] == tags and full["configuration"] == CONFIGURATION
    assert full["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    assert {s["name"]: s["value"] for s in full["statistics"]} == dict.fromkeys((
        "runningEC2TasksCount", "runningFargateTasksCount", "pendingEC2TasksCount", "pendingFargateTasksCount",
        "activeEC2ServiceCount", "activeFargateServiceCount", "drainingEC2ServiceCount", "drainingFargateServiceCount"), "0")


def test_what_is_not_included_is_not_there(api):
    """API-045, API-074, CL-047."""
    name = api.cluster(tags=[{"key": "a", "value": "b"}], configuration=CONFIGURATION)
    bare = described(api, name)
    assert not bare.get("tags") and not bare.get("settings") and not bare.get("statistics") and "configuration" not in bare
    assert described(api, name, "TAGS")["tags"] == [{"key": "a", "value": "b"}]
    assert not described(api, name, "TAGS").get("settings")


@pytest.mark.parametrize("body", [
    {"settings": [{"name": "containerInsight", "value": "enabled"}]},
    {"settings": [{"name": "containerInsights", "value": "yes"}]},
    {"settings": [{"name": "containerInsights"}]},
    {"configuration": {"executeCommandConfiguration": {"logging": "OVERRIDE"}}},
    {"configuration": {"executeCommandConfiguration": {"logging": "SOME"}}},
    {"tags": [{"key": "", "value": "x"}]},
    {"tags": [{"key": "x" * 129, "value": "x"}]},
    {"tags": [{"key": "x", "value": "x" * 257}]},
    {"tags": [{"key": "aWs:x", "value": "x"}]},
    {"tags": [{"key": "x", "value": "AWS:x"}]},
    {"tags": [{"key": "twice", "value": "1"}, {"key": "twice", "value": "2"}]},
    {"tags": [{"key": "semi;colon", "value": "x"}]},
    {"tags": [{"key": "k%d" % i, "value": "x"} for i in range(51)]},
    {"capacityProviders": ["nope"]},
    {"defaultCapacityProviderStrategy": [{"capacityProvider": "nope", "weight": 1}]},
    {"defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1001}]},
])
def test_what_is_refused_makes_nothing(api, fails, body):
    """API-039, API-067, API-068, API-069, SC-352, SC-355: checked before anything is made."""
    name = api.name()
    with fails("InvalidParameterException"):
        api.raw("CreateCluster", dict(body, clusterName=name))
    assert api.raw("DescribeClusters", {"clusters": [name]})["clusters"] == []


@pytest.mark.parametrize("tags", [
    [{"key": "k%d" % i, "value": "x"} for i in range(50)],
    [{"key": "Ключ þÿ", "value": "日本 +-=._:/@"}],
    [{"key": "é" * 128, "value": "þ" * 256}],
    [{"key": "Case", "value": "1"}, {"key": "case", "value": "2"}],
    [{"key": "novalue", "value": ""}]])
def test_tags_that_are_taken(api, tags):
    """API-039, SC-349 to SC-351: 50 of them, counted in characters, byte for byte."""
    name = api.name()
    assert api.raw("CreateCluster", {"clusterName": name, "tags": tags})["cluster"]["tags"] == tags
    assert described(api, name, "TAGS")["tags"] == tags


def test_settings_are_updated(api, fails):
    """CL-040, API-077; CL- example W21."""
    name = api.cluster()
    for value in ("enabled", "disabled", "enhanced"):
        answer = api.raw("UpdateClusterSettings", {"cluster": name, "settings": [{"name": "containerInsights", "value": value}]})
        assert answer["cluster"]["settings"] == [{"name": "containerInsights", "value": value}]
        assert described(api, name, "SETTINGS")["settings"] == [{"name": "containerInsights", "value": value}]
    for settings in ([{"name": "containerInsights", "value": "on"}], [{"name": "other", "value": "enabled"}]):
        with fails("InvalidParameterException"):
            api.raw("UpdateClusterSettings", {"cluster": name, "settings": settings})
    with fails("ClusterNotFoundException", "Cluster not found."):
        api.raw("UpdateClusterSettings", {"cluster": "nope", "settings": [{"name": "containerInsights", "value": "enabled"}]})
    with fails("InvalidParameterException", "~cluster"):
        api.raw("UpdateClusterSettings", {"settings": [{"name": "containerInsights", "value": "enabled"}]})
    with fails("InvalidParameterException", "~settings"):
        api.raw("UpdateClusterSettings", {"cluster": name})


def test_update_changes_only_what_is_there(api, fails):
    """API-075, API-034."""
    name = api.cluster(settings=[{"name": "containerInsights", "value": "enabled"}])
    answer = api.raw("UpdateCluster", {"cluster": name, "configuration": CONFIGURATION})["cluster"]
    assert answer["configuration"] == CONFIGURATION
    assert described(api, name, "SETTINGS")["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    assert described(api, name, "CONFIGURATIONS")["configuration"] == CONFIGURATION
    with fails("ClusterNotFoundException", "Cluster not found."):
        api.raw("UpdateCluster", {"cluster": "nope"})
    with fails("InvalidParameterException", "~cluster"):
        api.raw("UpdateCluster", {})


def test_describe_by_name_and_arn_with_failures(api, fails):
    """API-033, API-049, API-063."""
    name = api.cluster()
    arn = "arn:aws:ecs:us-east-1:000000000000:cluster/"
    answer = api.raw("DescribeClusters", {"clusters": [name, arn + "gone", "other", arn + name]})
    assert {c["clusterName"] for c in answer["clusters"]} == {name}
    assert answer["failures"] == [{"arn": arn + "gone", "reason": "MISSING"}, {"arn": arn + "other", "reason": "MISSING"}]
    assert len(api.raw("DescribeClusters", {"clusters": ["c%d" % i for i in range(100)]})["failures"]) == 100
    with fails("InvalidParameterException"):
        api.raw("DescribeClusters", {"clusters": ["c%d" % i for i in range(101)]})
    with fails("InvalidParameterException"):
        api.raw("DescribeClusters", {"clusters": [name], "include": ["SOME"]})


def test_another_accounts_arn(api, fails):
    """API-033: the sentence names both accounts."""
    other = "arn:aws:ecs:us-east-1:999999999999:cluster/x"
    for operation, body in (("DeleteCluster", {"cluster": other}), ("ListTasks", {"cluster": other}),
                            ("RunTask", {"cluster": other, "taskDefinition": "x"})):
        with fails("InvalidParameterException", "Identifier is for 999999999999. Your accountId is 000000000000"):
            api.raw(operation, body)


def test_delete(api, fails):
    """CL-042, CL-025, API-065, API-073, API-047: INACTIVE, still described, not listed, made afresh under the same ARN."""
    name = api.cluster(tags=[{"key": "a", "value": "b"}], settings=[{"name": "containerInsights", "value": "enabled"}])
    deleted = api.raw("DeleteCluster", {"cluster": name})["cluster"]
    assert deleted["status"] == "INACTIVE" and deleted["clusterName"] == name
    assert described(api, name)["status"] == "INACTIVE"
    assert deleted["clusterArn"] not in api.raw("ListClusters")["clusterArns"]
    with fails("ClusterNotFoundException", "The referenced cluster was inactive."):
        api.raw("RunTask", {"cluster": name, "taskDefinition": api.define()})
    with fails("ClusterNotFoundException"):
        api.raw("ListTasks", {"cluster": name})
    fresh = api.raw("CreateCluster", {"clusterName": name})["cluster"]
    assert fresh["status"] == "ACTIVE" and fresh["clusterArn"] == deleted["clusterArn"]
    assert fresh["tags"] == []  # API-041
    assert fresh["settings"] == [{"name": "containerInsights", "value": "disabled"}]  # CL-044


def test_delete_again_and_unknown(api, fails):
    name = api.cluster()
    api.raw("DeleteCluster", {"cluster": name})
    with fails("ClusterNotFoundException", "Cluster not found."):
        api.raw("DeleteCluster", {"cluster": "never-was"})
    with fails("InvalidParameterException", "~cluster"):
        api.raw("DeleteCluster", {})


def test_delete_is_refused_while_in_use(api, fails):
    """API-081, CL-042: services, then container instances; free again after."""
    name = api.cluster()
    agent = api.agent(name)
    api.raw("CreateService", {"cluster": name, "serviceName": "s", "taskDefinition": api.define(), "desiredCount": 0})
    with fails("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."):
        api.raw("DeleteCluster", {"cluster": name})
    api.raw("DeleteService", {"cluster": name, "service": "s"})
    api.until(lambda: api.service(name, "s")["status"] == "INACTIVE")
    with fails("ClusterContainsContainerInstancesException",
               "The Cluster cannot be deleted while Container Instances are active or draining."):
        api.raw("DeleteCluster", {"cluster": name})
    assert described(api, name)["status"] == "ACTIVE"
    api.raw("DeregisterContainerInstance", {"cluster": name, "containerInstance": agent.arn})
    assert api.raw("DeleteCluster", {"cluster": name})["cluster"]["status"] == "INACTIVE"


def test_counts(api):
    """CL-033, API-181, API-182, CL-292."""
    name = api.cluster()
    agent = api.agent(name, runs=False)
    definition = api.define()
    one, two = (api.raw("RunTask", {"cluster": name, "taskDefinition": definition})["tasks"][0]["taskArn"] for _ in range(2))
    api.raw("CreateService", {"cluster": name, "serviceName": "s", "taskDefinition": definition, "desiredCount": 0})
    agent.wait_payload(one)
    agent.wait_payload(two)
    assert [described(api, name)[c] for c in COUNTS] == [1, 0, 2, 1]
    agent.report_running(one, ["main"])
    assert [described(api, name)[c] for c in COUNTS] == [1, 1, 1, 1]
    statistics = {s["name"]: s["value"] for s in described(api, name, "STATISTICS")["statistics"]}
    assert (statistics["runningEC2TasksCount"], statistics["pendingEC2TasksCount"], statistics["activeEC2ServiceCount"]) == ("1", "1", "1")
    api.raw("UpdateContainerInstancesState", {"cluster": name, "containerInstances": [agent.arn], "status": "DRAINING"})
    assert described(api, name)["registeredContainerInstancesCount"] == 1
    agent.report_stopped(one, ["main"])
    agent.report_stopped(two, ["main"])
    assert [described(api, name)[c] for c in COUNTS] == [1, 0, 0, 1]


def test_clusters_survive_a_restart(own_api):
    """What was acknowledged is there after a kill."""
    own_api.raw("CreateCluster", {"clusterName": "kept", "tags": [{"key": "a", "value": "b"}], "configuration": CONFIGURATION})
    own_api.raw("CreateCluster", {"clusterName": "gone"})
    own_api.raw("DeleteCluster", {"cluster": "gone"})
    include = ["TAGS", "SETTINGS", "CONFIGURATIONS"]
    before = own_api.raw("DescribeClusters", {"clusters": ["kept", "gone"], "include": include})
    own_api.server.kill()
    own_api.server.start()
    assert own_api.raw("DescribeClusters", {"clusters": ["kept", "gone"], "include": include}) == before
    assert len(own_api.raw("ListClusters")["clusterArns"]) == 1


def test_the_command_line(api, awscli):
    """CL-001; Debian's awscli: skeletons, tags, include."""
    name = api.name("cli")
    made = awscli("create-cluster", "--cluster-name", name, "--tags", "key=a,value=b", "--settings", "name=containerInsights,value=enabled")
    assert made["cluster"]["status"] == "ACTIVE"
    found = awscli("describe-clusters", "--clusters", name, "--include", "TAGS", "SETTINGS")["clusters"][0]
    assert found["tags"] == [{"key": "a", "value": "b"}]
    assert made["cluster"]["clusterArn"] in awscli("list-clusters")["clusterArns"]
    assert awscli("delete-cluster", "--cluster", name)["cluster"]["status"] == "INACTIVE"
    assert "ClusterNotFoundException" in awscli("delete-cluster", "--cluster", "nope", fails=True)


def test_the_default_namespace(api, fails):
    """API-075, API-076, API-184, API-214: kept and answered as an ARN, the same for the same name; "" takes it away."""
    one, other = api.cluster(), api.cluster()
    first = api.raw("UpdateCluster", {"cluster": one, "serviceConnectDefaults": {"namespace": "in-house"}})["cluster"]
    arn = first["serviceConnectDefaults"]["namespace"]
    assert arn.startswith("arn:aws:servicediscovery:us-east-1:000000000000:namespace/ns-")
    again = api.raw("UpdateCluster", {"cluster": other, "serviceConnectDefaults": {"namespace": "in-house"}})["cluster"]
    assert again["serviceConnectDefaults"] == {"namespace": arn}
    made = api.raw("CreateCluster", {"clusterName": api.name(), "serviceConnectDefaults": {"namespace": arn}})["cluster"]
    assert made["serviceConnectDefaults"] == {"namespace": arn}
    api.raw("UpdateCluster", {"cluster": one, "settings": [{"name": "containerInsights", "value": "enabled"}]})
    assert described(api, one)["serviceConnectDefaults"] == {"namespace": arn}
    api.define("connected", memory="64")
    api.raw("CreateService", {"cluster": one, "serviceName": "by-default", "taskDefinition": "connected", "desiredCount": 0,
                              "serviceConnectConfiguration": {"enabled": True}})
    made = api.raw("CreateService", {"cluster": other, "serviceName": "by-name", "taskDefinition": "connected", "desiredCount": 0,
                                     "serviceConnectConfiguration": {"enabled": True, "namespace": "in-house"}})["service"]
    assert made["deployments"][0]["serviceConnectConfiguration"]["namespace"] == "in-house"
    for namespace in (arn, "in-house"):  # API-158: either form is the namespace
        assert len(api.raw("ListServicesByNamespace", {"namespace": namespace})["serviceArns"]) == 2
    api.raw("UpdateCluster", {"cluster": one, "serviceConnectDefaults": {"namespace": ""}})
    assert "serviceConnectDefaults" not in described(api, one)
    for bad in ("a~b", "a/b", "a>b", "x" * 1025):
        with fails("InvalidParameterException", "~namespace"):
            api.raw("UpdateCluster", {"cluster": one, "serviceConnectDefaults": {"namespace": bad}})
    for bad in (arn.replace("000000000000", "111111111111"), "arn:aws:servicediscovery:nonsense"):
        with fails("NamespaceNotFoundException"):
            api.raw("CreateCluster", {"clusterName": api.name(), "serviceConnectDefaults": {"namespace": bad}})


def test_the_parts_of_a_configuration(api, fails):
    """API-068, API-075: each part stays until it is given again."""
    storage = {"kmsKeyId": "key-1", "fargateEphemeralStorageKmsKeyId": "key-2"}
    override = {"logging": "OVERRIDE", "logConfiguration": {"s3BucketName": "b"}}
    name = api.cluster(configuration={"executeCommandConfiguration": {"logging": "NONE"}})
    api.raw("UpdateCluster", {"cluster": name, "configuration": {"managedStorageConfiguration": storage}})
    api.raw("UpdateCluster", {"cluster": name, "configuration": {"executeCommandConfiguration": override}})
    shown = api.raw("DescribeClusters", {"clusters": [name], "include": ["CONFIGURATIONS"]})["clusters"][0]["configuration"]
    assert shown["managedStorageConfiguration"] == storage
    assert shown["executeCommandConfiguration"] == {"logging": "OVERRIDE", "logConfiguration": {
        "s3BucketName": "b", "s3EncryptionEnabled": False, "cloudWatchEncryptionEnabled": False}}
    with fails("InvalidParameterException", "~logConfiguration"):
        api.raw("UpdateCluster", {"cluster": name, "configuration": {
            "executeCommandConfiguration": {"logging": "OVERRIDE", "logConfiguration": {}}}})


@pytest.mark.parametrize("arn,text", [
    ("arn:aws:ecs:us-east-1:111111111111:cluster/c", "Identifier is for 111111111111. Your accountId is 000000000000"),
    ("arn:aws:ecs:eu-west-1:000000000000:cluster/c", "Identifier is for eu-west-1. Your region is us-east-1"),
    ("arn:aws:ecs:us-east-1:000000000000:service/c/s", "Cluster Identifier is invalid"),
    ("arn:aws:iam::000000000000:role/r", "Cluster Identifier is invalid"),
    ("arn:aws:ecs:us-east-1:000000000000:cluster/", "Cluster Identifier is invalid"),
    ("arn:nonsense", "Cluster Identifier is invalid"),
])
def test_arns_of_something_else(api, fails, arn, text):
    """API-033: in every operation on a cluster."""
    for operation, body in (
            ("DescribeClusters", {"clusters": [arn]}), ("UpdateCluster", {"cluster": arn}), ("DeleteCluster", {"cluster": arn}),
            ("UpdateClusterSettings", {"cluster": arn, "settings": [{"name": "containerInsights", "value": "enabled"}]}),
            ("PutClusterCapacityProviders", {"cluster": arn, "capacityProviders": [], "defaultCapacityProviderStrategy": []})):
        with fails("InvalidParameterException", text):
            api.raw(operation, body)


def test_statistics_by_launch_type(api):
    """API-182: Fargate and EC2 apart; nothing is left of what is gone."""
    name = api.cluster()
    api.agent(name)
    api.define("stat-fargate", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512")
    definition = api.define()
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
    api.raw("CreateService", {"cluster": name, "serviceName": "f", "taskDefinition": "stat-fargate", "desiredCount": 0,
                              "launchType": "FARGATE", "networkConfiguration": network})
    api.raw("CreateService", {"cluster": name, "serviceName": "e", "taskDefinition": definition, "desiredCount": 1})

    def statistics():
        return {s["name"]: int(s["value"]) for s in described(api, name, "STATISTICS")["statistics"] if s["value"] != "0"}
    api.until(lambda: statistics() == {"activeFargateServiceCount": 1, "activeEC2ServiceCount": 1, "runningEC2TasksCount": 1})
    for service in "fe":
        api.raw("DeleteService", {"cluster": name, "service": service, "force": True})
    api.until(lambda: statistics() == {})


def test_pages_while_clusters_come_and_go(own_api):
    """API-057, API-060: what stays is listed once and only once."""
    kept = {own_api.raw("CreateCluster", {"clusterName": "kept-%02d" % i})["cluster"]["clusterArn"] for i in range(12)}
    done = threading.Event()

    def change():
        for i in itertools.cycle(range(20)):
            if done.is_set():
                return
            own_api.raw("CreateCluster", {"clusterName": "kept-%02d-%d" % (i % 12, i)})
            own_api.raw("DeleteCluster", {"cluster": "kept-%02d-%d" % (i % 12, i)})
    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(5):
            seen, body = [], {"maxResults": 2}
            while body:
                page = own_api.raw("ListClusters", body)
                assert len(page["clusterArns"]) <= 2
                seen += page["clusterArns"]
                body = {"maxResults": 2, "nextToken": page["nextToken"]} if "nextToken" in page else None
            assert len(seen) == len(set(seen)) and kept <= set(seen)
    finally:
        done.set()
        changer.join()
