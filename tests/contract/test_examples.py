"""Worked examples of the API's documentation, replayed: API- section 13, the CL- examples W.., the SC- examples T.. that concern the
API, and the answers that the AWS CLI's own manual prints. INDEX says where each is."""
import glob
import json
import os
import re
import uuid

import pytest

from harness import api_model
from harness.api_model import OURS
from harness.program import ROOT
from harness.valid_calls import ASG, PUBLIC, ROLE, SERVER_ARGS, SUBNETS, VALID  # noqa: F401
from test_task_definitions import holds


def needs(*operations):
    left = [name for name in operations if not api_model.built(name)]
    return pytest.mark.skipif(bool(left), reason="%s: not served yet" % ", ".join(left))


# ---- what the CLI's manual prints ----

def manual():
    """(operation, answer) of each example whose answer is JSON."""
    for file in sorted(glob.glob(os.path.join(api_model.AWSCLI, "examples", "ecs", "*.rst"))):
        operation = "".join(word.capitalize() for word in os.path.basename(file)[:-len(".rst")].split("-"))
        with open(file) as opened:
            text = opened.read()
        for number, block in enumerate(re.findall(r"(?m)^Output::\n((?: {4}.*\n?| *\n)+)", text)):
            try:
                yield operation, number, json.loads("\n".join(line[4:] for line in block.split("\n")))
            except ValueError:
                continue  # some of them are cut short or have a comma too many


MANUAL = [example for example in manual() if example[0] in OURS.operations]


@pytest.mark.parametrize("operation, number, answer", MANUAL, ids=["%s-%d" % example[:2] for example in MANUAL])
def test_answers_of_the_manual(operation, number, answer):
    """Section 13 examples 4 and 13: what ECS was seen to answer has no member that our answers cannot have."""
    problems = [problem for problem in api_model.wrong_in(answer, OURS.output(operation))
                if "no time of these days" not in problem and "not a timestamp" not in problem]
    assert not problems


def test_the_manual_has_examples():
    assert len(MANUAL) > 40 and len({example[0] for example in MANUAL}) > 25


# ---- clusters and capacity providers ----

def provider(api, **settings):
    name = api.name("Provider")
    made = api.raw("CreateCapacityProvider", {"name": name, "autoScalingGroupProvider": dict(
        {"autoScalingGroupArn": ASG % (uuid.uuid4(), name)}, **settings)})["capacityProvider"]
    return name, made


def test_create_cluster_bare_and_with_tags(api, awscli):
    """Section 13 example 17 (1 and 3): status, counts, empty lists; three tags."""
    name = api.name("MyCluster")
    made = awscli("create-cluster", "--cluster-name", name)["cluster"]
    holds(made, {"clusterName": name, "status": "ACTIVE", "registeredContainerInstancesCount": 0, "pendingTasksCount": 0,
                 "runningTasksCount": 0, "activeServicesCount": 0, "statistics": [], "tags": []})
    name = api.name("MyCluster")
    tags = [{"key": "key%d" % i, "value": "value%d" % i} for i in (1, 2, 3)]
    made = awscli("create-cluster", "--cluster-name", name, "--tags", *("key=%(key)s,value=%(value)s" % tag for tag in tags))["cluster"]
    assert made["tags"] == tags and made["status"] == "ACTIVE"


@needs("CreateCapacityProvider")
def test_create_cluster_with_two_providers(api, awscli):
    """Section 13 example 17 (2), CL- W7 and W9: PROVISIONING with an attachment for each, then ACTIVE; base 0 is filled in."""
    first, second = provider(api, managedScaling={"status": "ENABLED"})[0], provider(api, managedScaling={"status": "ENABLED"})[0]
    name = api.name("MyCluster")
    made = awscli("create-cluster", "--cluster-name", name, "--capacity-providers", first, second, "--default-capacity-provider-strategy",
                  "capacityProvider=%s,weight=1,base=1" % first, "capacityProvider=%s,weight=1" % second)["cluster"]
    assert made["capacityProviders"] == [first, second]
    assert made["defaultCapacityProviderStrategy"] == [
        {"capacityProvider": first, "weight": 1, "base": 1}, {"capacityProvider": second, "weight": 1, "base": 0}]
    assert made["status"] in ("PROVISIONING", "ACTIVE")
    if made["status"] == "PROVISIONING":
        assert made["attachmentsStatus"] == "UPDATE_IN_PROGRESS" and {a["status"] for a in made["attachments"]} == {"PRECREATED"}
        names = [d["value"] for a in made["attachments"] for d in a["details"] if d["name"] == "capacityProviderName"]
        assert names == [first, second]

    def described(*include):
        return api.raw("DescribeClusters", {"clusters": [name], "include": list(include)})["clusters"][0]

    api.until(lambda: described()["status"] == "ACTIVE")  # CL- W10
    assert described("ATTACHMENTS")["attachmentsStatus"] == "UPDATE_COMPLETE"
    assert "attachments" not in described() and "attachmentsStatus" not in described()


@needs("CreateCapacityProvider")
def test_create_capacity_provider(api):
    """CL- W8: ACTIVE at once, what was given, defaults filled in, tags []."""
    scaling = {"status": "ENABLED", "targetCapacity": 100, "minimumScalingStepSize": 1, "maximumScalingStepSize": 100}
    name, made = provider(api, managedScaling=scaling, managedTerminationProtection="ENABLED")
    holds(made, {"name": name, "status": "ACTIVE", "tags": [], "capacityProviderArn": "arn:aws:ecs:us-east-1:000000000000:capacity-provider/" + name,
                 "autoScalingGroupProvider": {"managedScaling": dict(scaling, instanceWarmupPeriod=300), "managedTerminationProtection": "ENABLED"}})
    described = api.raw("DescribeCapacityProviders", {"capacityProviders": [name]})["capacityProviders"]
    assert [one["name"] for one in described] == [name]


@needs("CreateCapacityProvider", "PutClusterCapacityProviders")
def test_put_cluster_capacity_providers(api, awscli):
    """Section 13 example 18, CL- W18, W19: added, removed, none; both lists are replaced; [] is a list."""
    first, second = provider(api)[0], provider(api)[0]
    name = api.cluster(capacityProviders=[first])

    def put(providers, *strategy):
        """Asked again while the change before is under way."""
        def attempt():
            try:
                return awscli("put-cluster-capacity-providers", "--cluster", name, "--capacity-providers", *(providers or ["[]"]),
                              "--default-capacity-provider-strategy", *(strategy or ["[]"]))["cluster"]
            except AssertionError as err:
                assert "UpdateInProgressException" in str(err)
                return None
        return api.until(attempt)

    for providers in ([first, second], [first], [], ["FARGATE", "FARGATE_SPOT"]):
        made = put(providers, *("capacityProvider=%s,weight=1" % one for one in providers))
        assert sorted(made["capacityProviders"]) == sorted(providers)
        assert made["defaultCapacityProviderStrategy"] == [{"capacityProvider": one, "weight": 1, "base": 0} for one in providers]
        assert made["status"] == "ACTIVE"


@needs("CreateCapacityProvider", "PutClusterCapacityProviders")
def test_a_provider_in_use_stays(api, fails):
    """CL- W19, API-079: named by a service, it cannot be taken away; the strategy must be among the providers."""
    first, second = provider(api)[0], provider(api)[0]
    name = api.cluster(capacityProviders=[first, second])
    api.define("kept-provider")
    api.until(lambda: api.raw("DescribeClusters", {"clusters": [name]})["clusters"][0]["status"] == "ACTIVE")
    api.raw("CreateService", {"cluster": name, "serviceName": "s", "taskDefinition": "kept-provider", "desiredCount": 0,
                              "capacityProviderStrategy": [{"capacityProvider": first, "weight": 1}]})
    with fails("ResourceInUseException", "The specified capacity provider is in use and cannot be removed."):
        api.raw("PutClusterCapacityProviders", {"cluster": name, "capacityProviders": [second], "defaultCapacityProviderStrategy": []})
    with fails("InvalidParameterException"):
        api.raw("PutClusterCapacityProviders", {"cluster": name, "capacityProviders": [first], "defaultCapacityProviderStrategy": [
            {"capacityProvider": second, "weight": 1}]})


def test_network_configuration(api, fails):
    """CL- W5: taken; without subnets it is not one."""
    api.define("w5", networkMode="awsvpc")
    cluster = api.cluster()
    body = {"cluster": cluster, "serviceName": "s", "taskDefinition": "w5", "desiredCount": 0}
    with fails("InvalidParameterException", "~subnets"):
        api.raw("CreateService", dict(body, networkConfiguration={"awsvpcConfiguration": {"securityGroups": ["sg-1"]}}))
    made = api.raw("CreateService", dict(body, networkConfiguration=SUBNETS))["service"]
    assert made["networkConfiguration"] == SUBNETS


# ---- task definitions ----

@pytest.mark.parametrize("options, launch, taken", [
    ({"config-file-type": "file", "config-file-value": "/fluent.conf"}, "EC2", True),
    ({"config-file-type": "s3", "config-file-value": "arn:aws:s3:::bucket/fluent.conf"}, "EC2", True),
    ({"config-file-type": "file", "config-file-value": "/fluent.conf"}, "FARGATE", True),
    ({"config-file-type": "s3", "config-file-value": "arn:aws:s3:::bucket/fluent.conf"}, "FARGATE", False)])
def test_firelens_options(api, fails, options, launch, taken):
    """Section 13 example 10."""
    body = {"family": api.name("firelens"), "executionRoleArn": ROLE, "containerDefinitions": [{
        "name": "router", "image": "fluent-bit", "memory": 64, "firelensConfiguration": {"type": "fluentbit", "options": options}}],
        "requiresCompatibilities": [launch]}
    if launch == "FARGATE":
        body.update(networkMode="awsvpc", cpu="256", memory="512")
    if taken:
        assert api.raw("RegisterTaskDefinition", body)["taskDefinition"]["containerDefinitions"][0]["firelensConfiguration"]["options"] == options
    else:
        with fails("ClientException"):
            api.raw("RegisterTaskDefinition", body)


def test_every_member_of_a_task_definition(api, world):
    """Section 13 example 12: revision 1, compatibilities computed, and the request comes back."""
    body = VALID["RegisterTaskDefinition"]["EC2, bridge"](world)
    made = api.raw("RegisterTaskDefinition", body)
    assert made["taskDefinition"]["revision"] == 1 and "EC2" in made["taskDefinition"]["compatibilities"]
    assert "FARGATE" not in made["taskDefinition"]["compatibilities"]
    assert made["tags"] == body.pop("tags")
    holds(made["taskDefinition"], body)


# ---- services ----

@needs("ListServiceDeployments")
def test_a_service_on_fargate(api, awscli):
    """Section 13 example 19 (1): LATEST stays with the service, the deployment has a number; defaults 200/100."""
    api.define("sample-fargate", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512", containerDefinitions=[
        {"name": "fargate-app", "image": "httpd:2.4"}])
    cluster = api.cluster()
    made = awscli(
        "create-service", "--cluster", cluster, "--service-name", "MyService", "--task-definition", "sample-fargate:1", "--desired-count", "2",
        "--launch-type", "FARGATE", "--platform-version", "LATEST", "--network-configuration",
        "awsvpcConfiguration={subnets=[subnet-12344321],securityGroups=[sg-12344321],assignPublicIp=ENABLED}",
        "--tags", "key=key1,value=value1", "key=key2,value=value2")["service"]
    holds(made, {
        "status": "ACTIVE", "desiredCount": 2, "runningCount": 0, "pendingCount": 0, "launchType": "FARGATE", "platformVersion": "LATEST",
        "loadBalancers": [], "serviceRegistries": [], "schedulingStrategy": "REPLICA", "networkConfiguration": PUBLIC,
        "tags": [{"key": "key1", "value": "value1"}, {"key": "key2", "value": "value2"}]})
    assert (made["deploymentConfiguration"]["maximumPercent"], made["deploymentConfiguration"]["minimumHealthyPercent"]) == (200, 100)
    deployment, = made["deployments"]
    assert re.fullmatch(r"1\.\d\.0", deployment["platformVersion"]) and deployment["launchType"] == "FARGATE"
    assert deployment["networkConfiguration"] == PUBLIC


def test_a_service_on_ec2(api, awscli):
    """Section 13 example 19 (2)."""
    api.define("sleep360")
    cluster = api.cluster()
    made = awscli("create-service", "--cluster", cluster, "--service-name", "MyService", "--task-definition", "sleep360", "--desired-count", "1")["service"]
    holds(made, {"launchType": "EC2", "desiredCount": 1, "loadBalancers": [], "serviceRegistries": [], "placementConstraints": [],
                 "placementStrategy": [], "events": [], "propagateTags": "NONE", "enableECSManagedTags": False})
    assert made["taskDefinition"].endswith(":task-definition/sleep360:1") and "platformVersion" not in made


def test_launch_type_or_strategy(api, fails):
    """Section 13 example 2: not both."""
    api.define("either")
    with fails("InvalidParameterException"):
        api.raw("CreateService", {"cluster": api.cluster(), "serviceName": "s", "taskDefinition": "either", "desiredCount": 0, "launchType": "EC2",
                                  "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]})


@needs("ListServicesByNamespace")
def test_a_service_in_a_mesh(api):
    """Section 13 example 3: the deployment has the configuration as given and one resource for each service of it."""
    api.define("mesh", memory="256", containerDefinitions=[
        {"name": "web", "image": "busybox", "memory": 64, "portMappings": [{"containerPort": 80, "name": "http"}]}])
    space = api.name("space")
    cluster = api.cluster(serviceConnectDefaults={"namespace": space})
    connect = {"enabled": True, "namespace": space, "services": [{
        "portName": "http", "discoveryName": "found", "clientAliases": [{"port": 8080, "dnsName": "web.local"}], "ingressPortOverride": 9000}],
        "logConfiguration": {"logDriver": "json-file", "options": {"max-size": "1m"}}}
    made = api.raw("CreateService", {"cluster": cluster, "serviceName": "s", "taskDefinition": "mesh", "desiredCount": 0,
                                     "serviceConnectConfiguration": connect})["service"]
    deployment, = made["deployments"]
    got = dict(deployment["serviceConnectConfiguration"])
    assert got.pop("namespace").endswith(space) or "namespace/" in deployment["serviceConnectConfiguration"]["namespace"]
    holds(got, {name: value for name, value in connect.items() if name != "namespace"})
    resource, = deployment["serviceConnectResources"]
    assert resource["discoveryName"] == "found"
    assert "serviceConnectConfiguration" not in made


@needs("ListServicesByNamespace")
def test_twelve_services_of_a_namespace(api):
    """Section 13 example 15: ten and a token, then two and none."""
    api.define("twelve", memory="64")
    space = api.name("space")
    clusters = [api.cluster(serviceConnectDefaults={"namespace": space}) for _ in range(2)]
    for i in range(12):  # by the cluster's default, and by name
        connect = {"enabled": True, **({"namespace": space} if i % 3 else {})}
        api.raw("CreateService", {"cluster": clusters[i % 2], "serviceName": "s%d" % i, "taskDefinition": "twelve", "desiredCount": 0,
                                  "serviceConnectConfiguration": connect})
    first = api.raw("ListServicesByNamespace", {"namespace": space})
    second = api.raw("ListServicesByNamespace", {"namespace": space, "nextToken": first["nextToken"]})
    assert (len(first["serviceArns"]), len(second["serviceArns"])) == (10, 2) and "nextToken" not in second
    assert len(set(first["serviceArns"] + second["serviceArns"])) == 12


# ---- task sets ----

@needs("CreateTaskSet", "UpdateTaskSet", "UpdateServicePrimaryTaskSet", "DeleteTaskSet", "DescribeTaskSets")
def test_an_external_deployment(api, awscli):
    """Section 13 examples 7 and 23, SC- T25, T26, T27: a service without a task definition, two task sets, a primary, one gone."""
    cluster = api.cluster()
    api.define("tasksets")
    api.define("tasksets")
    made = awscli("create-service", "--cluster", cluster, "--service-name", "MyService", "--deployment-controller", "type=EXTERNAL",
                  "--desired-count", "3")["service"]
    assert made["deploymentController"] == {"type": "EXTERNAL"} and made["deployments"] == [] and made["taskSets"] == []
    for absent in ("taskDefinition", "launchType", "platformVersion", "networkConfiguration"):
        assert absent not in made
    ids = []
    for revision, percent in ((1, "100"), (2, "40")):
        one = awscli("create-task-set", "--cluster", cluster, "--service", "MyService", "--task-definition", "tasksets:%d" % revision,
                     "--scale", "value=%s,unit=PERCENT" % percent, "--external-id", "outside-%d" % revision)["taskSet"]
        assert re.fullmatch(r"ecs-svc/\d{19}", one["id"]) and one["taskSetArn"].endswith("task-set/%s/MyService/%s" % (cluster, one["id"]))
        holds(one, {"status": "ACTIVE", "runningCount": 0, "launchType": "EC2", "loadBalancers": [], "serviceRegistries": [],
                    "stabilityStatus": "STABILIZING", "externalId": "outside-%d" % revision, "scale": {"value": float(percent), "unit": "PERCENT"}})
        assert one["computedDesiredCount"] == (3 if revision == 1 else 2)  # 1.2 is rounded up
        assert "startedBy" not in one and one["createdAt"] <= one["stabilityStatusAt"]
        ids.append(one["id"])
    primary = awscli("update-service-primary-task-set", "--cluster", cluster, "--service", "MyService", "--primary-task-set", ids[0])["taskSet"]
    assert (primary["id"], primary["status"]) == (ids[0], "PRIMARY")
    service = api.service(cluster, "MyService")
    assert service["taskDefinition"].endswith("tasksets:1") and service["launchType"] == "EC2"
    assert {one["id"]: one["status"] for one in service["taskSets"]} == {ids[0]: "PRIMARY", ids[1]: "ACTIVE"}
    scaled = awscli("update-task-set", "--cluster", cluster, "--service", "MyService", "--task-set", ids[1], "--scale", "value=100,unit=PERCENT")
    assert scaled["taskSet"]["computedDesiredCount"] == 3 and scaled["taskSet"]["stabilityStatus"] == "STABILIZING"
    api.raw("UpdateServicePrimaryTaskSet", {"cluster": cluster, "service": "MyService", "primaryTaskSet": ids[1]})
    statuses = {one["id"]: one["status"] for one in api.raw("DescribeTaskSets", {"cluster": cluster, "service": "MyService"})["taskSets"]}
    assert statuses == {ids[0]: "ACTIVE", ids[1]: "PRIMARY"}
    assert api.service(cluster, "MyService")["taskDefinition"].endswith("tasksets:2")
    gone = awscli("delete-task-set", "--cluster", cluster, "--service", "MyService", "--task-set", ids[0], "--force")["taskSet"]
    assert gone["status"] == "DRAINING"
    api.until(lambda: [one["id"] for one in api.service(cluster, "MyService")["taskSets"]] == [ids[1]])


# ---- account settings ----

@needs("ListAccountSettings", "PutAccountSetting", "PutAccountSettingDefault", "DeleteAccountSetting")
def test_account_settings(own_api):
    """Section 13 example 24, CL- W22: a fresh account has the long formats; one's own before the account's before what is built in."""
    raw = own_api.raw

    def effective(**more):
        answer = raw("ListAccountSettings", dict({"effectiveSettings": True}, **more))
        found = answer["settings"]
        while "nextToken" in answer:
            answer = raw("ListAccountSettings", dict({"effectiveSettings": True, "nextToken": answer["nextToken"]}, **more))
            found += answer["settings"]
        return {one["name"]: one for one in found}

    fresh = effective()
    for name in ("containerInstanceLongArnFormat", "serviceLongArnFormat", "taskLongArnFormat"):
        holds(fresh[name], {"value": "enabled", "principalArn": "arn:aws:iam::000000000000:root"})
    assert raw("ListAccountSettings", {})["settings"] == []
    raw("PutAccountSettingDefault", {"name": "containerInsights", "value": "enabled"})
    assert effective()["containerInsights"]["value"] == "enabled"
    me = "arn:aws:iam::000000000000:user/me"
    assert raw("PutAccountSetting", {"name": "containerInsights", "value": "disabled", "principalArn": me})["setting"]["principalArn"] == me
    assert effective(principalArn=me)["containerInsights"]["value"] == "disabled"
    assert effective(principalArn="arn:aws:iam::000000000000:user/somebody")["containerInsights"]["value"] == "enabled"
    raw("DeleteAccountSetting", {"name": "containerInsights", "principalArn": me})
    assert effective(principalArn=me)["containerInsights"]["value"] == "enabled"


@needs("PutAccountSetting")
def test_arns_old_and_new(own_api):
    """CL- W23, API-176: the setting at the creation decides, for good; both are taken."""
    raw = own_api.raw
    cluster = own_api.cluster()
    own_api.define("arns")
    body = {"cluster": cluster, "taskDefinition": "arns", "desiredCount": 0}
    new = raw("CreateService", dict(body, serviceName="new"))["service"]["serviceArn"]
    raw("PutAccountSetting", {"name": "serviceLongArnFormat", "value": "disabled"})
    old = raw("CreateService", dict(body, serviceName="old"))["service"]["serviceArn"]
    assert new == "arn:aws:ecs:us-east-1:000000000000:service/%s/new" % cluster and old == "arn:aws:ecs:us-east-1:000000000000:service/old"
    raw("PutAccountSetting", {"name": "serviceLongArnFormat", "value": "enabled"})
    described = raw("DescribeServices", {"cluster": cluster, "services": [old, new]})
    assert described["failures"] == [] and sorted(one["serviceArn"] for one in described["services"]) == sorted([old, new])
    assert sorted(raw("ListServices", {"cluster": cluster})["serviceArns"]) == sorted([old, new])


# ---- hosts ----

def test_discover_poll_endpoint(api):
    """Section 13 example 16."""
    cluster = api.cluster()
    agent = api.agent(cluster, connect=False)
    answer = agent.call("DiscoverPollEndpoint", cluster=cluster, containerInstance=agent.arn)
    assert answer["endpoint"] and answer["telemetryEndpoint"]


@needs("PutAttributes")
def test_attributes_and_the_query_language(api, awscli):
    """SC- T7, T8: one attribute, two, and the hosts that each expression finds."""
    cluster = api.cluster()
    hosts = [api.agent(cluster, connect=False, attributes=[{"name": "ecs.instance-type", "value": kind}]).arn
             for kind in ("t2.small", "t2.large", "g2.2xlarge", "t3.small")]
    ids = [arn.rsplit("/", 1)[1] for arn in hosts]
    for target, *attributes in ((0, "name=stack,value=prod"), (1, "name=project,value=a", "name=stack,value=test"), (2, "name=stack,value=prod")):
        awscli("put-attributes", "--cluster", cluster, "--attributes", *("%s,targetId=%s" % (one, hosts[target]) for one in attributes))
    shown = api.raw("DescribeContainerInstances", {"cluster": cluster, "containerInstances": [hosts[1]]})["containerInstances"][0]["attributes"]
    assert {(a["name"], a.get("value")) for a in shown} >= {("stack", "test"), ("project", "a")}
    listed = awscli("list-attributes", "--cluster", cluster, "--target-type", "container-instance", "--attribute-name", "stack")["attributes"]
    assert sorted((a["targetId"].rsplit("/", 1)[-1], a["value"]) for a in listed) == sorted(zip(ids[:3], ("prod", "test", "prod")))
    for expression, found in (
            ("attribute:stack == prod", (0, 2)), ("attribute:stack != prod", (1,)), ("attribute:ecs.instance-type in [t2.small, t3.small]", (0, 3)),
            ("attribute:ecs.instance-type =~ t2.* and attribute:stack == prod", (0,)), ("attribute:stack !exists", (3,))):
        answer = api.raw("ListContainerInstances", {"cluster": cluster, "filter": expression})["containerInstanceArns"]
        assert sorted(answer) == sorted(hosts[i] for i in found), expression


def test_one_task_per_host_from_a_script(api, awscli):
    """CL- W31: start-task at boot, startedBy is the host's id."""
    cluster = api.cluster()
    api.define("boot")
    agent = api.agent(cluster)
    host = agent.arn.rsplit("/", 1)[1]
    made = awscli("start-task", "--cluster", cluster, "--task-definition", "boot", "--container-instances", agent.arn, "--started-by", host)
    assert made["failures"] == [] and made["tasks"][0]["startedBy"] == host and made["tasks"][0]["containerInstanceArn"] == agent.arn
    assert awscli("list-tasks", "--cluster", cluster, "--started-by", host)["taskArns"] == [made["tasks"][0]["taskArn"]]


# ---- tags ----

def test_tags_of_a_cluster_and_a_service(api, awscli):
    """SC- T36: tag-resource, untag-resource, list-tags-for-resource, and tags at creation."""
    api.define("tagged")
    cluster = api.name("tagged")
    arn = awscli("create-cluster", "--cluster-name", cluster, "--tags", "key=team,value=test")["cluster"]["clusterArn"]
    assert awscli("tag-resource", "--resource-arn", arn, "--tags", "key=key1,value=value1") in (None, {})
    assert awscli("list-tags-for-resource", "--resource-arn", arn)["tags"] == [{"key": "team", "value": "test"}, {"key": "key1", "value": "value1"}]
    assert awscli("untag-resource", "--resource-arn", arn, "--tag-keys", "team") in (None, {})
    assert awscli("list-tags-for-resource", "--resource-arn", arn)["tags"] == [{"key": "key1", "value": "value1"}]
    service = awscli("create-service", "--cluster", cluster, "--service-name", "s", "--task-definition", "tagged", "--desired-count", "0",
                     "--tags", "key=a,value=b", "--propagate-tags", "SERVICE")["service"]
    assert service["tags"] == [{"key": "a", "value": "b"}] and service["propagateTags"] == "SERVICE"


# ---- where the others are ----

HERE = "test_examples.py"
INDEX = {
    "API 1": ("test_model_calls.py", "test_a_valid_call"), "API 2": (HERE, "test_launch_type_or_strategy"), "API 3": (HERE, "test_a_service_in_a_mesh"),
    "API 4": ("test_model_calls.py", "test_a_valid_call"), "API 7": (HERE, "test_an_external_deployment"),
    "API 8": ("test_tasks.py", "API- section 13 example 8"), "API 9": ("test_task_definitions.py", "API- section 13 example 9"),
    "API 10": (HERE, "test_firelens_options"), "API 11": ("test_task_definitions.py", "API- section 13 example 11"),
    "API 12": (HERE, "test_every_member_of_a_task_definition"), "API 13": ("test_model_calls.py", "test_a_valid_call"),
    "API 14": ("test_tasks.py", "API- section 13 example 14"), "API 15": (HERE, "test_twelve_services_of_a_namespace"),
    "API 16": (HERE, "test_discover_poll_endpoint"), "API 17": (HERE, "test_create_cluster_with_two_providers"),
    "API 18": (HERE, "test_put_cluster_capacity_providers"), "API 19": (HERE, "test_a_service_on_fargate"),
    "API 20": ("test_task_definitions.py", "API- section 13 example 20"), "API 21": ("test_tasks.py", "API- section 13 example 21"),
    "API 22": ("test_container_instances.py", "API- section 13 example 22"), "API 23": (HERE, "test_an_external_deployment"),
    "API 24": (HERE, "test_account_settings"), "API 25": ("test_paginators_waiters.py", "test_the_clis_waiters"),
    "API 26": ("test_model_refusals.py", "__type"),
    "W1": ("test_task_definitions.py", "CL- examples W1"), "W5": (HERE, "test_network_configuration"),
    "W7": (HERE, "test_create_cluster_with_two_providers"), "W8": (HERE, "test_create_capacity_provider"),
    "W9": (HERE, "test_create_cluster_with_two_providers"), "W10": (HERE, "test_create_cluster_with_two_providers"),
    "W11": ("test_task_definitions.py", "W11"), "W12": ("test_capacity_providers.py", "W12"), "W14": ("test_tasks.py", "W14"), "W15": ("test_clusters.py", "def test_delete("),
    "W18": (HERE, "test_put_cluster_capacity_providers"), "W19": (HERE, "test_a_provider_in_use_stays"), "W21": ("test_clusters.py", "W21"),
    "W22": (HERE, "test_account_settings"), "W23": (HERE, "test_arns_old_and_new"), "W31": (HERE, "test_one_task_per_host_from_a_script"),
    "W32": ("test_container_instances.py", "W32"),
    "T7": (HERE, "test_attributes_and_the_query_language"), "T8": (HERE, "test_attributes_and_the_query_language"),
    "T11": ("test_tasks.py", "example T11"), "T16": ("test_services.py", "example T16"), "T20": ("test_services.py", "example T20"),
    "T25": (HERE, "test_an_external_deployment"), "T26": (HERE, "test_an_external_deployment"), "T27": (HERE, "test_an_external_deployment"),
    "T36": (HERE, "test_tags_of_a_cluster_and_a_service"), "T37": ("test_container_instances.py", "example T37"),
    "T40": ("test_services.py", "example T40")}


@pytest.mark.parametrize("example", INDEX)
def test_every_example_is_replayed_somewhere(example):
    file, mark = INDEX[example]
    with open(os.path.join(ROOT, "tests", "contract", file)) as opened:
        assert mark in opened.read()
