"""Task sets: API-159 to API-164, API-193, API-194, SC- section 15. What runs of them is their controller's affair."""
import re

import pytest

WEB = {"name": "web", "image": "busybox", "memory": 64, "cpu": 10, "portMappings": [{"containerPort": 80}]}
TARGETS = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/t/1"
BALANCER = {"targetGroupArn": TARGETS, "containerName": "web", "containerPort": 80}
SUBNETS = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
INVALID = "InvalidParameterException"


@pytest.fixture
def cluster(api):
    return api.cluster()


@pytest.fixture
def definition(api):
    return api.define(containerDefinitions=[WEB])


@pytest.fixture
def service(api, cluster):
    return api.raw("CreateService", {"cluster": cluster, "serviceName": "ext", "desiredCount": 10, "deploymentController": {"type": "EXTERNAL"}})["service"]


@pytest.fixture
def sets(api, cluster, service):
    """The operations on that service: `sets("CreateTaskSet", scale=...)`."""
    def call(operation, **body):
        answer = api.raw(operation, dict({"cluster": cluster, "service": "ext"}, **body))
        return answer.get("taskSet", answer)
    return call


def shown(api, cluster, name="ext"):
    return api.raw("DescribeServices", {"cluster": cluster, "services": [name]})["services"][0]


def test_what_create_task_set_answers(sets, service, cluster, definition):
    """API-159, API-193: ACTIVE, STABILIZING, at no scale; its ids and ARN (API-031)."""
    made = sets("CreateTaskSet", taskDefinition=definition, externalId="mine", tags=[{"key": "a", "value": "b"}])
    assert re.fullmatch(r"ecs-svc/\d{19}", made["id"])
    assert made["taskSetArn"] == "arn:aws:ecs:us-east-1:000000000000:task-set/%s/ext/%s" % (cluster, made["id"])
    assert made["serviceArn"] == service["serviceArn"] and made["clusterArn"] == service["clusterArn"]
    assert (made["status"], made["stabilityStatus"], made["externalId"]) == ("ACTIVE", "STABILIZING", "mine")
    assert made["scale"] == {"value": 0.0, "unit": "PERCENT"} and made["launchType"] == "EC2" and made["taskDefinition"] == definition
    assert [made[c] for c in ("computedDesiredCount", "pendingCount", "runningCount")] == [0, 0, 0]
    assert made["createdAt"] == made["updatedAt"] == made["stabilityStatusAt"] and made["tags"] == [{"key": "a", "value": "b"}]
    assert made["loadBalancers"] == [] and made["serviceRegistries"] == []
    for absent in ("capacityProviderStrategy", "platformVersion", "platformFamily", "startedBy", "networkConfiguration"):
        assert absent not in made, absent


@pytest.mark.parametrize("percent, count", [(0, 0), (10, 1), (12, 2), (50.0, 5), (50.1, 6), (99.9, 10), (100, 10), (0.0001, 1)])
def test_the_count_a_scale_comes_to(sets, definition, percent, count):
    """API-160, SC-238, SC-239, API- section 13 example 7: rounded up."""
    made = sets("CreateTaskSet", taskDefinition=definition, scale={"value": percent, "unit": "PERCENT"})
    assert made["computedDesiredCount"] == count and made["scale"]["value"] == percent


def test_the_count_follows_the_service(api, sets, cluster, definition):
    """SC-239, SC-240."""
    made = sets("CreateTaskSet", taskDefinition=definition, scale={"value": 33.3})
    assert made["computedDesiredCount"] == 4
    api.raw("UpdateService", {"cluster": cluster, "service": "ext", "desiredCount": 100})
    assert sets("DescribeTaskSets")["taskSets"][0]["computedDesiredCount"] == 34
    changed = sets("UpdateTaskSet", taskSet=made["id"], scale={"value": 100, "unit": "PERCENT"})
    assert changed["computedDesiredCount"] == 100 and changed["scale"]["value"] == 100 and changed["updatedAt"] >= made["updatedAt"]


def test_the_primary_and_the_end(api, sets, cluster, definition, fails):
    """API-161, API-162, SC-242, SC-243; SC- examples T25 to T27; API- section 13 example 23: ACTIVE, PRIMARY, DRAINING, gone."""
    before = shown(api, cluster)
    assert not any(before.get(m) for m in ("taskDefinition", "launchType", "loadBalancers", "networkConfiguration")) and before["deployments"] == []
    blue = sets("CreateTaskSet", taskDefinition=definition, loadBalancers=[BALANCER], scale={"value": 100})
    green = sets("CreateTaskSet", taskDefinition=api.define(containerDefinitions=[WEB]), scale={"value": 100})
    assert sets("UpdateServicePrimaryTaskSet", primaryTaskSet=blue["id"])["status"] == "PRIMARY"
    service = shown(api, cluster)
    assert service["taskDefinition"] == definition and service["launchType"] == "EC2" and service["loadBalancers"] == [BALANCER]
    assert [s["status"] for s in service["taskSets"]] == ["PRIMARY", "ACTIVE"]
    assert sets("UpdateServicePrimaryTaskSet", primaryTaskSet=green["taskSetArn"])["status"] == "PRIMARY"
    service = shown(api, cluster)
    assert service["taskDefinition"] == green["taskDefinition"] and service["loadBalancers"] == []
    assert [s["status"] for s in service["taskSets"]] == ["ACTIVE", "PRIMARY"]
    with fails(INVALID):
        sets("DeleteTaskSet", taskSet=blue["id"])
    sets("UpdateTaskSet", taskSet=blue["id"], scale={"value": 0})
    assert sets("DeleteTaskSet", taskSet=blue["id"])["status"] == "DRAINING"
    api.until(lambda: len(sets("DescribeTaskSets")["taskSets"]) == 1, "a task set without tasks is gone")
    gone = sets("DeleteTaskSet", taskSet=green["id"], force=True)
    assert (gone["status"], gone["computedDesiredCount"]) == ("DRAINING", 0)
    assert sets("DescribeTaskSets") == {"taskSets": [], "failures": []}


def test_describe(sets, definition, fails, cluster, service):
    """API-163, API-049, API-045: by id, by ARN, all; failures; tags when asked for."""
    one = sets("CreateTaskSet", taskDefinition=definition, tags=[{"key": "a", "value": "b"}])
    two = sets("CreateTaskSet", taskDefinition=definition)
    assert [s["id"] for s in sets("DescribeTaskSets")["taskSets"]] == [one["id"], two["id"]]
    gone = two["taskSetArn"][:-1] + ("0" if two["taskSetArn"][-1] != "0" else "1")
    answer = sets("DescribeTaskSets", taskSets=[two["taskSetArn"], one["id"], gone], include=["TAGS"])
    assert [s["id"] for s in answer["taskSets"]] == [two["id"], one["id"]]
    assert answer["failures"] == [{"arn": gone, "reason": "MISSING"}] and answer["taskSets"][1]["tags"] == [{"key": "a", "value": "b"}]
    assert not sets("DescribeTaskSets")["taskSets"][0].get("tags")
    with fails(INVALID, "Task Set Identifier is invalid"):
        sets("DescribeTaskSets", taskSets=[service["serviceArn"]])
    with fails("TaskSetNotFoundException"):
        sets("UpdateTaskSet", taskSet="ecs-svc/1234567890123456789", scale={"value": 1})
    with fails("TaskSetNotFoundException"):
        sets("UpdateServicePrimaryTaskSet", primaryTaskSet=gone)
    with fails("TaskSetNotFoundException"):
        sets("DeleteTaskSet", taskSet=gone)


def test_what_create_task_set_refuses(api, sets, cluster, definition, fails):
    """SC-235 to SC-237, API-141, API-159; nothing is made."""
    vpc = api.define(networkMode="awsvpc", containerDefinitions=[WEB])
    fargate = api.define(networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512", containerDefinitions=[
        dict(WEB, cpu=0, secrets=[{"name": "S", "valueFrom": "arn:aws:ssm:us-east-1:0:parameter/s"}])], executionRoleArn="arn:aws:iam::0:role/r")
    for body, code, text in (
            ({"taskDefinition": "nobody"}, "ClientException", "TaskDefinition not found."),
            ({"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}, INVALID,
             "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."),
            ({"launchType": "FARGATE"}, INVALID, "Task definition does not support launch_type FARGATE."),
            ({"platformVersion": "1.4.0"}, INVALID, "The platform version must be null when specifying an EC2 launch type."),
            ({"networkConfiguration": SUBNETS}, INVALID, "Network Configuration is not valid for the given networkMode of this task definition."),
            ({"taskDefinition": vpc}, INVALID, "Network Configuration must be provided when networkMode 'awsvpc' is specified."),
            ({"taskDefinition": fargate, "launchType": "FARGATE", "networkConfiguration": SUBNETS, "platformVersion": "9.9.9"},
             "PlatformUnknownException", None),
            ({"taskDefinition": fargate, "launchType": "FARGATE", "networkConfiguration": SUBNETS, "platformVersion": "1.2.0"},
             "PlatformTaskDefinitionIncompatibilityException", "~secrets, since 1.3.0"),
            ({"loadBalancers": [BALANCER, BALANCER]}, INVALID, "A task set can have at most one load balancer."),
            ({"loadBalancers": [{"loadBalancerName": "lb", "containerName": "web", "containerPort": 80}]}, INVALID, "~Classic Load Balancers"),
            ({"loadBalancers": [dict(BALANCER, containerPort=81)]}, INVALID, "The container web did not have a container port 81 defined."),
            ({"serviceRegistries": [{"registryArn": "arn:aws:servicediscovery:us-east-1:0:service/srv-1"}]}, INVALID, "~containerName"),
            ({"scale": {"value": 101}}, INVALID, None), ({"scale": {"value": -1}}, INVALID, None),
            ({"tags": [{"key": "aws:x", "value": "1"}]}, INVALID, None)):
        with fails(code, text):
            sets("CreateTaskSet", **dict({"taskDefinition": definition}, **body))
    assert sets("DescribeTaskSets")["taskSets"] == []


def test_five_at_most(sets, definition, fails):
    for _ in range(5):
        sets("CreateTaskSet", taskDefinition=definition)
    with fails("LimitExceededException", "A service can have at most 5 task sets."):
        sets("CreateTaskSet", taskDefinition=definition)


def test_only_where_another_controller_deploys(api, cluster, definition, service, fails):
    """API-164."""
    api.raw("CreateService", {"cluster": cluster, "serviceName": "own", "taskDefinition": definition, "desiredCount": 0})
    for operation, body in (("CreateTaskSet", {"taskDefinition": definition}), ("DescribeTaskSets", {}),
                            ("UpdateTaskSet", {"taskSet": "ecs-svc/1", "scale": {"value": 1}}),
                            ("DeleteTaskSet", {"taskSet": "ecs-svc/1"}), ("UpdateServicePrimaryTaskSet", {"primaryTaskSet": "ecs-svc/1"})):
        with fails(INVALID):
            api.raw(operation, dict({"cluster": cluster, "service": "own"}, **body))
        with fails("ServiceNotFoundException", "Service not found."):
            api.raw(operation, dict({"cluster": cluster, "service": "nobody"}, **body))
        with fails("ClusterNotFoundException", "Cluster not found."):
            api.raw(operation, dict({"cluster": "nowhere", "service": "own"}, **body))
    api.raw("DeleteService", {"cluster": cluster, "service": "ext", "force": True})
    with fails("ServiceNotActiveException", "Service was not ACTIVE."):
        api.raw("CreateTaskSet", {"cluster": cluster, "service": "ext", "taskDefinition": definition})


def test_the_same_token_makes_one(sets, definition, fails):
    """API-042."""
    one = sets("CreateTaskSet", taskDefinition=definition, clientToken="t")
    assert sets("CreateTaskSet", taskDefinition=definition, clientToken="t")["id"] == one["id"]
    with fails(INVALID, "Creation of task set was not idempotent."):
        sets("CreateTaskSet", taskDefinition=definition, clientToken="t", externalId="x")
    assert len(sets("DescribeTaskSets")["taskSets"]) == 1


def test_fargate(api, sets, cluster):
    """API-185, API-193, CL-201: the set shows the number, the service what was asked for."""
    definition = api.define(networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512", containerDefinitions=[dict(WEB, cpu=0)])
    made = sets("CreateTaskSet", taskDefinition=definition, launchType="FARGATE", networkConfiguration=SUBNETS)
    assert (made["launchType"], made["platformVersion"], made["platformFamily"]) == ("FARGATE", "1.4.0", "Linux")
    assert made["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == ["subnet-1"]
    sets("UpdateServicePrimaryTaskSet", primaryTaskSet=made["id"])
    service = shown(api, cluster)
    assert (service["launchType"], service["platformVersion"], service["platformFamily"]) == ("FARGATE", "LATEST", "Linux")


def test_the_service_does_not_go_before_its_sets(api, sets, cluster, definition, fails):
    """API-155."""
    sets("CreateTaskSet", taskDefinition=definition)
    api.raw("UpdateService", {"cluster": cluster, "service": "ext", "desiredCount": 0})
    with fails(INVALID, "~task sets"):
        api.raw("DeleteService", {"cluster": cluster, "service": "ext"})
    ending = api.raw("DeleteService", {"cluster": cluster, "service": "ext", "force": True})["service"]
    assert [s["status"] for s in ending["taskSets"]] == ["DRAINING"]
    ended = api.until(lambda: shown(api, cluster) if shown(api, cluster)["status"] == "INACTIVE" else None)
    assert ended["taskSets"] == []


def test_the_set_of_a_code_deploy_service(api, cluster, definition):
    """SC-212, API-186: the first one comes with the service."""
    made = api.raw("CreateService", {"cluster": cluster, "serviceName": "cd", "taskDefinition": definition, "desiredCount": 3, "loadBalancers": [BALANCER],
                                     "deploymentController": {"type": "CODE_DEPLOY"}})["service"]
    one, = made["taskSets"]
    assert (one["status"], one["computedDesiredCount"], one["scale"]["value"]) == ("PRIMARY", 3, 100)
    assert made["deployments"] == [] and one["loadBalancers"] == [BALANCER] and one["taskDefinition"] == definition
    api.raw("UpdateService", {"cluster": cluster, "service": "cd", "desiredCount": 7})
    assert shown(api, cluster, "cd")["taskSets"][0]["computedDesiredCount"] == 7
    # Blue/green by ECS itself: the controller changes, and a deployment begins.
    taken = api.raw("UpdateService", {"cluster": cluster, "service": "cd", "deploymentController": {"type": "ECS"}})["service"]
    assert not taken.get("deploymentController") and not taken.get("taskSets") and taken["deployments"][0]["status"] == "PRIMARY"


def test_a_set_survives_a_kill(own_api):
    """What was answered is there again, with its place as PRIMARY."""
    cluster, definition = own_api.cluster(), own_api.define(containerDefinitions=[WEB])
    own_api.raw("CreateService", {"cluster": cluster, "serviceName": "ext", "desiredCount": 3, "deploymentController": {"type": "EXTERNAL"}})
    made = own_api.raw("CreateTaskSet", {"cluster": cluster, "service": "ext", "taskDefinition": definition, "scale": {"value": 50}})["taskSet"]
    own_api.raw("UpdateServicePrimaryTaskSet", {"cluster": cluster, "service": "ext", "primaryTaskSet": made["id"]})
    before = shown(own_api, cluster)
    own_api.server.kill()
    own_api.server.start()
    assert shown(own_api, cluster) == before
