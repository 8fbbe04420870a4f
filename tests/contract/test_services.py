"""Services: API- sections 6.5 and 7.2, SC- sections 10 to 13, with a fake agent for a host."""
import re

import pytest

WEB = {"name": "web", "image": "busybox", "memory": 64, "cpu": 10, "portMappings": [{"containerPort": 80}]}
CHECKED = dict(WEB, healthCheck={"command": ["CMD", "true"]})  # counts as healthy when its agent says so, not 40 s later (SC-199, SC-200)
TARGETS = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/t/1"


@pytest.fixture
def cluster(api):
    return api.cluster()


@pytest.fixture
def definition(api):
    return api.define(containerDefinitions=[WEB])


def create(api, cluster, definition, name="s", **more):
    return api.raw("CreateService", dict({"cluster": cluster, "serviceName": name, "taskDefinition": definition, "desiredCount": 0}, **more))["service"]


def update(api, cluster, name="s", **more):
    return api.raw("UpdateService", dict({"cluster": cluster, "service": name}, **more))["service"]


def described(api, cluster, name="s", **more):
    return api.raw("DescribeServices", dict({"cluster": cluster, "services": [name]}, **more))["services"][0]


def settle(api, cluster, name="s", count=None, timeout=30):
    def there():
        service = described(api, cluster, name)
        counts = [service[c] for c in ("desiredCount", "runningCount", "pendingCount")]
        return service if counts == [count if count is not None else counts[0], counts[0], 0] and len(service["deployments"]) == 1 else None
    return api.until(there, "%s settles" % name, timeout)


# ---- CreateService ----

def test_what_create_service_answers(api, cluster, definition):
    """API-146, API-185, API-186, API-188, SC-138, API-135: defaults filled in, one PRIMARY deployment."""
    made = create(api, cluster, definition)
    assert made["serviceArn"] == "arn:aws:ecs:us-east-1:000000000000:service/%s/s" % cluster
    assert made["clusterArn"].endswith("cluster/" + cluster) and made["serviceName"] == "s" and made["status"] == "ACTIVE"
    assert (made["desiredCount"], made["runningCount"], made["pendingCount"]) == (0, 0, 0)
    assert made["taskDefinition"] == definition and made["launchType"] == "EC2" and made["schedulingStrategy"] == "REPLICA"
    percents = made["deploymentConfiguration"]
    assert (percents["maximumPercent"], percents["minimumHealthyPercent"]) == (200, 100)
    for empty in ("events", "loadBalancers", "serviceRegistries", "placementConstraints", "placementStrategy"):
        assert made[empty] == []
    assert made["propagateTags"] == "NONE" and made["enableECSManagedTags"] is False and made["enableExecuteCommand"] is False
    assert made["createdAt"] > 1.7e9 and made["createdBy"].startswith("arn:aws:iam::000000000000:")
    for absent in ("capacityProviderStrategy", "platformVersion", "taskSets", "deploymentController", "networkConfiguration",
                   "healthCheckGracePeriodSeconds", "roleArn"):
        assert not made.get(absent), absent
    deployment, = made["deployments"]
    assert re.fullmatch(r"ecs-svc/\d{19}", deployment["id"])
    assert (deployment["status"], deployment["taskDefinition"], deployment["launchType"]) == ("PRIMARY", definition, "EC2")
    assert [deployment[c] for c in ("desiredCount", "runningCount", "pendingCount", "failedTasks")] == [0, 0, 0, 0]
    assert deployment["rolloutState"] in ("IN_PROGRESS", "COMPLETED") and deployment["rolloutStateReason"]
    assert deployment["createdAt"] == made["createdAt"]


EVERYTHING = {
    "desiredCount": 0, "clientToken": "token-A", "launchType": "EC2", "role": "arn:aws:iam::000000000000:role/lb",
    "loadBalancers": [{"targetGroupArn": TARGETS, "containerName": "web", "containerPort": 80}],
    "serviceRegistries": [{"registryArn": "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-1", "containerName": "web", "containerPort": 80}],
    "deploymentConfiguration": {"maximumPercent": 150, "minimumHealthyPercent": 50, "deploymentCircuitBreaker": {"enable": True, "rollback": True}},
    "placementConstraints": [{"type": "distinctInstance"}],
    "placementStrategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "binpack", "field": "memory"}],
    "healthCheckGracePeriodSeconds": 30, "schedulingStrategy": "REPLICA", "deploymentController": {"type": "ECS"},
    "tags": [{"key": "team", "value": "web"}], "enableECSManagedTags": True, "propagateTags": "SERVICE", "enableExecuteCommand": True}


def test_every_member_comes_back(api, cluster):
    """API-131, SC-172, SC- example T20, API- section 13 example 2."""
    definition = api.define(containerDefinitions=[WEB], taskRoleArn="arn:aws:iam::000000000000:role/app")
    create(api, cluster, definition, **EVERYTHING)
    got = described(api, cluster, include=["TAGS"])
    for name in ("loadBalancers", "serviceRegistries", "placementConstraints", "placementStrategy", "healthCheckGracePeriodSeconds",
                 "schedulingStrategy", "tags", "enableECSManagedTags", "propagateTags", "enableExecuteCommand", "launchType"):
        assert got[name] == EVERYTHING[name], name
    assert got["roleArn"] == EVERYTHING["role"]
    for name, value in EVERYTHING["deploymentConfiguration"].items():
        assert {k: got["deploymentConfiguration"][name][k] for k in value} == value if isinstance(value, dict) else \
            got["deploymentConfiguration"][name] == value
    assert not described(api, cluster).get("tags")  # API-045


def test_daemons(api, cluster, definition, fails):
    """SC-131 to SC-135, API-134, API-135: their defaults and refusals, in ECS's words."""
    made = create(api, cluster, definition, "d", schedulingStrategy="DAEMON", desiredCount=None)
    percents = made["deploymentConfiguration"]
    assert (percents["maximumPercent"], percents["minimumHealthyPercent"]) == (100, 0)
    for more, text in (
            ({"desiredCount": 1}, "The daemon scheduling strategy does not support a desired count for services. Remove the desired "
                                  "count value and try again"),
            ({"placementStrategy": [{"type": "random"}]}, "The daemon scheduling strategy does not support placement strategies. Remove "
                                                          "the placement strategy and try again"),
            ({"deploymentConfiguration": {"maximumPercent": 150}},
             "The daemon scheduling strategy does not support values above 100 for maximumPercent on a deployment configuration. Change "
             "the maximumPercent value to 100, and try again"),
            ({"deploymentController": {"type": "CODE_DEPLOY"}}, None), ({"launchType": "FARGATE"}, None)):
        with fails("InvalidParameterException", text):
            create(api, cluster, definition, "x", **dict({"schedulingStrategy": "DAEMON", "desiredCount": None}, **more))


@pytest.mark.parametrize("more, code, text", [
    ({"serviceName": None}, "InvalidParameterException", None),
    ({"serviceName": ""}, "InvalidParameterException", None),
    ({"serviceName": "a b"}, "InvalidParameterException", None),
    ({"serviceName": "x" * 256}, "InvalidParameterException", None),
    ({"cluster": "nope"}, "ClusterNotFoundException", "Cluster not found."),
    ({"taskDefinition": "nope"}, "ClientException", "TaskDefinition not found."),
    ({"taskDefinition": None}, "InvalidParameterException", "TaskDefinition can not be blank."),
    ({"desiredCount": None}, "InvalidParameterException", "~desiredCount"),
    ({"desiredCount": -1}, "InvalidParameterException", None),
    ({"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "x", "weight": 1}]}, "InvalidParameterException", None),
    ({"launchType": "FARGATE"}, "InvalidParameterException", "Task definition does not support launch_type FARGATE."),
    ({"platformVersion": "LATEST"}, "InvalidParameterException", None),
    ({"schedulingStrategy": "OTHER"}, "InvalidParameterException", None),
    ({"deploymentController": {"type": "OTHER"}}, "InvalidParameterException", None),
    ({"deploymentController": {}}, "InvalidParameterException", None),
    ({"deploymentController": {"type": "EXTERNAL"}}, "InvalidParameterException", "~taskDefinition"),
    ({"deploymentConfiguration": {"maximumPercent": -1}}, "InvalidParameterException", None),
    ({"placementConstraints": [{"type": "distinctInstance"}] * 11}, "InvalidParameterException", None),
    ({"placementStrategy": [{"type": "random"}] * 6}, "InvalidParameterException", None),
    ({"placementStrategy": [{"type": "spread", "field": "rack"}]}, "InvalidParameterException", None),
    ({"tags": [{"key": "aws:x", "value": ""}]}, "InvalidParameterException", None),
    ({"tags": [{"key": "k%d" % i, "value": ""} for i in range(51)]}, "InvalidParameterException", None),
    ({"propagateTags": "CLUSTER"}, "InvalidParameterException", None),
    ({"healthCheckGracePeriodSeconds": 5}, "InvalidParameterException",
     "Health check grace period is only valid for services configured to use load balancers"),
    ({"role": "r"}, "InvalidParameterException", None),
    ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}}, "InvalidParameterException",
     "Network Configuration is not valid for the given networkMode of this task definition."),
    ({"loadBalancers": [{"targetGroupArn": TARGETS, "containerName": "nobody", "containerPort": 80}]}, "InvalidParameterException",
     "The container nobody does not exist in the task definition."),
    ({"loadBalancers": [{"targetGroupArn": TARGETS, "containerName": "web", "containerPort": 81}]}, "InvalidParameterException",
     "The container web did not have a container port 81 defined."),
    ({"loadBalancers": [{"targetGroupArn": TARGETS}]}, "InvalidParameterException", None),
    ({"loadBalancers": [{"targetGroupArn": TARGETS, "loadBalancerName": "l", "containerName": "web", "containerPort": 80}]},
     "InvalidParameterException", None),
    ({"loadBalancers": [{"targetGroupArn": TARGETS, "containerName": "web", "containerPort": 80}] * 6}, "InvalidParameterException", None),
    ({"serviceRegistries": [{"registryArn": "arn:aws:servicediscovery:us-east-1:1:service/s"}]}, "InvalidParameterException",
     "When specifying 'host' or 'bridge' for networkMode, values for 'containerName' and 'containerPort' must be specified from the "
     "task definition."),
    ({"serviceRegistries": [{"registryArn": "arn:aws:servicediscovery:us-east-1:1:service/s", "containerName": "web", "containerPort": 80}] * 2},
     "InvalidParameterException", None),
    ({"enableExecuteCommand": True}, "InvalidParameterException", None),
    ({"clientToken": "x" * 37}, "InvalidParameterException", None),
])
def test_what_create_service_refuses(api, cluster, definition, fails, more, code, text):
    """API-131 to API-145, SC-144 to SC-172: checked before anything is stored."""
    with fails(code, text):
        api.raw("CreateService", dict({"cluster": cluster, "serviceName": "refused", "taskDefinition": definition, "desiredCount": 0}, **more))
    assert api.raw("ListServices", {"cluster": cluster})["serviceArns"] == []


def test_awsvpc_services(api, cluster, fails):
    """API-141, SC-159."""
    definition = api.define(networkMode="awsvpc")
    with fails("InvalidParameterException", "Network Configuration must be provided when networkMode 'awsvpc' is specified."):
        create(api, cluster, definition)
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
    made = create(api, cluster, definition, networkConfiguration=network)
    assert made["networkConfiguration"]["awsvpcConfiguration"] == dict(network["awsvpcConfiguration"], assignPublicIp="DISABLED")
    for wrong in ({}, {"subnets": []}, {"subnets": ["s%d" % i for i in range(17)]}, {"subnets": ["s"], "securityGroups": ["g"] * 6},
                  {"subnets": ["s"], "assignPublicIp": "YES"}):
        with fails("InvalidParameterException"):
            create(api, cluster, definition, "x", networkConfiguration={"awsvpcConfiguration": wrong})


def test_names_are_a_clusters_own(api, definition):
    """API-036, SC-156: the same in two clusters, and by case in one."""
    for cluster in (api.cluster(), api.cluster()):
        assert create(api, cluster, definition, "same")["clusterArn"].endswith(cluster)
        assert create(api, cluster, definition, "Same")["serviceName"] == "Same"
        create(api, cluster, definition, "x" * 255)
        assert len(api.raw("ListServices", {"cluster": cluster})["serviceArns"]) == 3


def test_creating_it_again(own_api, fails):
    """API-042, API-043, SC-157: the same answers with it, with or without a token, after a restart too."""
    cluster, definition = own_api.cluster(), own_api.define()
    first = create(own_api, cluster, definition, clientToken="Token")
    again = create(own_api, cluster, definition, clientToken="Token")
    assert again["deployments"][0]["id"] == first["deployments"][0]["id"]
    assert create(own_api, cluster, definition)["createdAt"] == first["createdAt"]
    own_api.server.kill()
    own_api.server.start()
    assert create(own_api, cluster, definition, clientToken="Token")["deployments"][0]["id"] == first["deployments"][0]["id"]
    for more in ({"desiredCount": 1}, {"clientToken": "Token", "desiredCount": 1}, {"clientToken": "token", "desiredCount": 1}):
        with fails("InvalidParameterException", "Creation of service was not idempotent."):
            create(own_api, cluster, definition, **more)
    assert described(own_api, cluster)["desiredCount"] == 0


def test_a_family_is_resolved_at_the_call(api, cluster):
    """SC-153, API-150."""
    family = api.name("family")
    one = api.define(family)
    assert create(api, cluster, family)["taskDefinition"] == one
    two = api.define(family)
    assert described(api, cluster)["taskDefinition"] == one
    updated = update(api, cluster, taskDefinition=family)
    assert updated["taskDefinition"] == two and updated["deployments"][0]["taskDefinition"] == two


# ---- a service at work ----

def test_the_count_is_kept(api, cluster):
    """SC-124, SC-137, SC-139, SC-140, API-187, API-196: started, replaced, scaled, with its events."""
    definition = api.define(containerDefinitions=[CHECKED])
    agent = api.agent(cluster, tcs=True)
    create(api, cluster, definition, desiredCount=2)
    service = settle(api, cluster, count=2)
    deployment = service["deployments"][0]
    arns = api.raw("ListTasks", {"cluster": cluster, "serviceName": "s"})["taskArns"]
    tasks = api.raw("DescribeTasks", {"cluster": cluster, "tasks": arns})["tasks"]
    assert {(t["group"], t["startedBy"], t["taskDefinitionArn"]) for t in tasks} == {("service:s", deployment["id"], definition)}
    api.until(lambda: any("has reached a steady state." in e["message"] for e in described(api, cluster)["events"]), "steady", 60)
    events = described(api, cluster)["events"]
    assert events[0]["message"] == "(service s) has reached a steady state."
    ids = "|".join(a.rsplit("/", 1)[1] for a in arns)
    assert any(re.fullmatch(r"\(service s\) has started [12] tasks: (\(task (%s)\) ?)+\." % ids, e["message"]) for e in events), events
    assert all(re.fullmatch(r"[0-9a-f-]{36}", e["id"]) for e in events)
    assert [e["createdAt"] for e in events] == sorted((e["createdAt"] for e in events), reverse=True)

    agent.report_stopped(arns[0], ["web"])
    api.until(lambda: len(api.raw("ListTasks", {"cluster": cluster, "serviceName": "s"})["taskArns"]) == 2 and arns[0] not in
              api.raw("ListTasks", {"cluster": cluster, "serviceName": "s"})["taskArns"])
    settle(api, cluster, count=2)
    scaled = update(api, cluster, desiredCount=3)
    assert scaled["deployments"][0]["id"] == deployment["id"]  # SC-176
    settle(api, cluster, count=3)
    update(api, cluster, desiredCount=1)
    settle(api, cluster, count=1)
    stopped = api.raw("ListTasks", {"cluster": cluster, "serviceName": "s", "desiredStatus": "STOPPED"})["taskArns"]
    reasons = {t["stoppedReason"] for t in api.raw("DescribeTasks", {"cluster": cluster, "tasks": stopped})["tasks"] if t["taskArn"] != arns[0]}
    assert reasons == {"Scaling activity initiated by (deployment %s)" % deployment["id"]}  # SC-208


def test_a_new_definition_rolls_out(api, cluster):
    """SC-190, SC-196, SC-207, API-149, API-188: bounds kept at every look, the old entry goes."""
    family = api.name("roll")
    one = api.define(family, containerDefinitions=[CHECKED])
    api.agent(cluster, tcs=True)
    create(api, cluster, one, desiredCount=4, deploymentConfiguration={"maximumPercent": 100, "minimumHealthyPercent": 50})
    first = settle(api, cluster, count=4)["deployments"][0]["id"]
    two = api.define(family, containerDefinitions=[CHECKED])
    updated = update(api, cluster, taskDefinition=two)
    assert [(d["status"], d["taskDefinition"]) for d in updated["deployments"]] == [("PRIMARY", two), ("ACTIVE", one)]
    assert updated["deployments"][1]["id"] == first and updated["taskDefinition"] == two

    def rolled():
        service = described(api, cluster)
        deployments = service["deployments"]
        assert sum(d["runningCount"] + d["pendingCount"] for d in deployments) <= 4, deployments  # SC-191
        assert service["runningCount"] >= 2  # SC-192
        return service if len(deployments) == 1 and service["runningCount"] == 4 else None

    service = api.until(rolled, "rolled out", 60)
    assert service["deployments"][0]["taskDefinition"] == two
    arns = api.raw("ListTasks", {"cluster": cluster, "serviceName": "s"})["taskArns"]
    assert {t["taskDefinitionArn"] for t in api.raw("DescribeTasks", {"cluster": cluster, "tasks": arns})["tasks"]} == {two}


def test_what_starts_a_deployment(api, cluster, definition):
    """API-149, SC-176, SC-177: force and another definition; not count, percents, placement, tag options."""
    first = create(api, cluster, definition)["deployments"][0]["id"]
    for more in ({"desiredCount": 0}, {"deploymentConfiguration": {"maximumPercent": 150, "minimumHealthyPercent": 10}},
                 {"placementConstraints": [{"type": "distinctInstance"}]}, {"placementStrategy": [{"type": "random"}]},
                 {"enableECSManagedTags": True}, {"propagateTags": "SERVICE"}, {}, {"taskDefinition": definition}):
        assert update(api, cluster, **more)["deployments"][0]["id"] == first, more
    assert described(api, cluster)["deploymentConfiguration"]["maximumPercent"] == 150
    assert described(api, cluster)["propagateTags"] == "SERVICE"
    second = update(api, cluster, forceNewDeployment=True)["deployments"][0]["id"]
    assert second != first
    assert update(api, cluster, taskDefinition=api.define())["deployments"][0]["id"] not in (first, second)


def test_empty_lists_clear(api, cluster, definition):
    """API-148: empty is not absent."""
    create(api, cluster, definition, placementConstraints=[{"type": "distinctInstance"}], placementStrategy=[{"type": "random"}],
           loadBalancers=EVERYTHING["loadBalancers"], serviceRegistries=EVERYTHING["serviceRegistries"])
    update(api, cluster, desiredCount=0)
    service = described(api, cluster)
    assert service["placementConstraints"] and service["placementStrategy"] and service["loadBalancers"] and service["serviceRegistries"]
    update(api, cluster, placementConstraints=[], placementStrategy=[], loadBalancers=[], serviceRegistries=[])
    service = described(api, cluster)
    for name in ("placementConstraints", "placementStrategy", "loadBalancers", "serviceRegistries"):
        assert service[name] == [], name


def test_what_update_service_refuses(api, cluster, definition, fails):
    """API-151, API-152, API-154, SC-188."""
    create(api, cluster, definition)
    before = described(api, cluster)
    with fails("ServiceNotFoundException", "Service not found."):
        update(api, cluster, "nope", desiredCount=1)
    with fails("ClusterNotFoundException", "Cluster not found."):
        update(api, "nope", desiredCount=1)
    with fails("ClientException", "TaskDefinition not found."):
        update(api, cluster, taskDefinition="nope")
    with fails("InvalidParameterException"):
        api.raw("UpdateService", {"cluster": cluster})
    with fails("InvalidParameterException",
               "When switching from launch type to capacity provider strategy on an existing service, or making a change to a capacity "
               "provider strategy on a service that is already using one, you must force a new deployment."):
        update(api, cluster, capacityProviderStrategy=[{"capacityProvider": "x", "weight": 1}])
    gone = api.define()
    api.raw("DeregisterTaskDefinition", {"taskDefinition": gone})
    with fails("InvalidParameterException", "TaskDefinition is inactive"):
        update(api, cluster, taskDefinition=gone)
    for more in ({"desiredCount": -1}, {"healthCheckGracePeriodSeconds": 1}, {"placementStrategy": [{"type": "spread", "field": "x"}]},
                 {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}}):
        with fails("InvalidParameterException"):
            update(api, cluster, **more)
    assert described(api, cluster) == before


def test_controllers_bound_what_an_update_may_say(api, cluster, definition, fails):
    """API-132, API-151, API-186; SC- example T25."""
    made = api.raw("CreateService", {"cluster": cluster, "serviceName": "ext", "desiredCount": 0, "deploymentController": {"type": "EXTERNAL"}})["service"]
    assert made["deploymentController"] == {"type": "EXTERNAL"} and made["taskSets"] == [] and made["deployments"] == []
    assert not made.get("taskDefinition")
    blue = create(api, cluster, definition, "blue", deploymentController={"type": "CODE_DEPLOY"}, loadBalancers=EVERYTHING["loadBalancers"])
    assert blue["deploymentController"] == {"type": "CODE_DEPLOY"} and blue["deployments"] == []
    for more, text in (({"taskDefinition": definition}, "Unable to update task definition on services with a CODE_DEPLOY deployment controller. "
                                                       "Use AWS CodeDeploy to trigger a new deployment."),
                       ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}},
                        "Unable to update network parameters on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to "
                        "trigger a new deployment."), ({"forceNewDeployment": True}, None)):
        with fails("InvalidParameterException", text):
            update(api, cluster, "blue", **more)
    with fails("InvalidParameterException"):
        update(api, cluster, "ext", taskDefinition=definition)
    assert update(api, cluster, "ext", desiredCount=2)["desiredCount"] == 2


def test_an_inactive_revision_still_scales(api, cluster, definition):
    """TD-006, TD-007; TD- example 37."""
    api.agent(cluster)
    create(api, cluster, definition, desiredCount=1)
    settle(api, cluster, count=1)
    api.raw("DeregisterTaskDefinition", {"taskDefinition": definition})
    update(api, cluster, desiredCount=2)
    settle(api, cluster, count=2)


# ---- the end of a service ----

def test_delete(api, cluster, definition, fails):
    """API-155, SC-170, SC-185 to SC-188, API-156, API-157; SC- example T40."""
    agent = api.agent(cluster)
    agent.runs = True
    create(api, cluster, definition, desiredCount=1, tags=[{"key": "a", "value": "b"}])
    settle(api, cluster, count=1)
    with fails("InvalidParameterException", "The service cannot be stopped while it is scaled above 0."):
        api.raw("DeleteService", {"cluster": cluster, "service": "s"})
    agent.runs = False
    deleted = api.raw("DeleteService", {"cluster": cluster, "service": "s", "force": True})["service"]
    assert (deleted["status"], deleted["desiredCount"]) == ("DRAINING", 0)
    assert api.raw("ListServices", {"cluster": cluster})["serviceArns"] == []
    assert described(api, cluster)["status"] in ("DRAINING", "INACTIVE")
    api.until(lambda: described(api, cluster)["status"] == "INACTIVE", "all its tasks are stopping, so it is over (SC-186)")
    assert described(api, cluster, include=["TAGS"])["tags"] == []  # SC-170
    with fails("ServiceNotActiveException", "Service was not ACTIVE."):
        update(api, cluster, desiredCount=1)
    with fails("ServiceNotFoundException", "Service not found."):
        api.raw("DeleteService", {"cluster": cluster, "service": "never"})
    fresh = create(api, cluster, definition)
    assert fresh["status"] == "ACTIVE" and described(api, cluster, include=["TAGS"])["tags"] == []


def test_a_name_whose_service_was_deleted(api, cluster, definition, fails):
    """SC-186: INACTIVE once its tasks are STOPPING, silent host or not; then not to be updated, and the name is free. What
    a DRAINING service answers (SC-157) is shown where nothing moves it on: tests/unit/ecs_b."""
    agent = api.agent(cluster)
    create(api, cluster, definition, desiredCount=1)
    settle(api, cluster, count=1)
    agent.disconnect()
    api.until(lambda: not api.raw("DescribeContainerInstances", {"cluster": cluster, "containerInstances": [agent.arn]})[
        "containerInstances"][0]["agentConnected"])
    assert api.raw("DeleteService", {"cluster": cluster, "service": "s", "force": True})["service"]["status"] == "DRAINING"
    with fails("ServiceNotActiveException", "Service was not ACTIVE."):
        update(api, cluster, desiredCount=1)
    api.until(lambda: described(api, cluster)["status"] == "INACTIVE")
    with fails("ServiceNotActiveException", "Service was not ACTIVE."):
        update(api, cluster, desiredCount=1)
    assert create(api, cluster, definition)["status"] == "ACTIVE"


def test_delete_of_a_service_at_zero(api, cluster, definition):
    create(api, cluster, definition)
    assert api.raw("DeleteService", {"cluster": cluster, "service": "s"})["service"]["status"] in ("DRAINING", "INACTIVE")
    api.until(lambda: described(api, cluster)["status"] == "INACTIVE")


# ---- DescribeServices ----

def test_describe(api, cluster, definition, fails):
    """API-156, API-049, API-050, API-063, API-033: by name, by both ARNs; failures; ten at most."""
    made = create(api, cluster, definition)
    short = made["serviceArn"].replace("/%s/" % cluster, "/")
    gone = made["serviceArn"][:-1] + "gone"
    answer = api.raw("DescribeServices", {"cluster": cluster, "services": ["s", gone, "nobody"]})
    assert [s["serviceArn"] for s in answer["services"]] == [made["serviceArn"]]
    assert answer["failures"] == [{"arn": gone, "reason": "MISSING"}, {"arn": made["serviceArn"][:-1] + "nobody", "reason": "MISSING"}]
    for reference in (made["serviceArn"], short):
        assert described(api, cluster, reference)["serviceName"] == "s"
    with fails("InvalidParameterException"):
        api.raw("DescribeServices", {"cluster": cluster, "services": ["s%d" % i for i in range(11)]})
    with fails("InvalidParameterException"):
        api.raw("DescribeServices", {"cluster": cluster, "services": []})
    with fails("InvalidParameterException"):
        api.raw("DescribeServices", {"cluster": cluster})
    with fails("ClusterNotFoundException", "Cluster not found."):
        api.raw("DescribeServices", {"cluster": "nope", "services": ["s"]})


def test_services_survive_a_restart(own_api):
    """Records, deployments and events as they were; the count goes on being kept."""
    cluster = own_api.cluster()
    definition = own_api.define(containerDefinitions=[WEB], taskRoleArn="arn:aws:iam::000000000000:role/app")
    create(own_api, cluster, definition, "kept", **EVERYTHING)
    agent = own_api.agent(cluster)
    create(own_api, cluster, definition, "busy", desiredCount=1)
    settle(own_api, cluster, "busy", 1)
    before = described(own_api, cluster, "kept", include=["TAGS"])
    arns = own_api.raw("ListTasks", {"cluster": cluster, "serviceName": "busy"})["taskArns"]
    own_api.server.kill()
    own_api.server.start()
    assert described(own_api, cluster, "kept", include=["TAGS"]) == before
    agent.connect()
    assert own_api.raw("ListTasks", {"cluster": cluster, "serviceName": "busy"})["taskArns"] == arns
    agent.report_stopped(arns[0], ["web"])
    own_api.until(lambda: described(own_api, cluster, "busy")["runningCount"] == 1 and arns != own_api.raw(
        "ListTasks", {"cluster": cluster, "serviceName": "busy"})["taskArns"])


# ---- placement and throttling ----

def test_nothing_fits(api, cluster):
    """SC-142, SC-198, AG-352: one event, in ECS's words, however often it is tried."""
    api.agent(cluster)
    create(api, cluster, api.define(containerDefinitions=[{"name": "a", "image": "b", "memory": 99999}]), desiredCount=1)
    api.until(lambda: described(api, cluster)["events"], "an event")
    message = described(api, cluster)["events"][0]["message"]
    assert message.startswith("(service s) was unable to place a task because no container instance met all of its requirements."), message
    assert len(described(api, cluster)["events"]) == 1
    assert described(api, cluster)["runningCount"] == 0


def test_the_command_line(api, cluster, definition, awscli):
    """API- section 13 example 25, SC- example T16: create, wait, force, wait, delete, wait."""
    api.agent(cluster)
    made = awscli("create-service", "--cluster", cluster, "--service-name", "cli", "--task-definition", definition, "--desired-count", "1",
                  "--deployment-configuration", "maximumPercent=100,minimumHealthyPercent=0")
    awscli("wait", "services-stable", "--cluster", cluster, "--services", "cli")
    forced = awscli("update-service", "--cluster", cluster, "--service", "cli", "--force-new-deployment")
    assert forced["service"]["deployments"][0]["id"] != made["service"]["deployments"][0]["id"]
    awscli("wait", "services-stable", "--cluster", cluster, "--services", "cli")
    assert awscli("list-services", "--cluster", cluster)["serviceArns"] == [made["service"]["serviceArn"]]
    awscli("delete-service", "--cluster", cluster, "--service", "cli", "--force")
    awscli("wait", "services-inactive", "--cluster", cluster, "--services", "cli")
