"""Quotas: MS-229 to MS-250. Each one small by the operator's word; at it all is well, one more is refused and nothing is done."""
import re
import subprocess

import pytest

from conftest import Api
from harness.fake_agent import resources
from harness.program import BERTH, ROOT, ApiError, Server

SMALL = {
    "clusters-per-region": 3, "container-instances-per-cluster": 2, "services-per-cluster": 2, "tasks-per-service": 3,
    "capacity-providers-per-cluster": 2, "attributes-per-container-instance": 2, "revisions-per-family": 2, "task-definition-bytes": 2000,
    "containers-per-task-definition": 2, "tasks-per-run-task": 2, "container-instances-per-start-task": 1,
    "subnets-per-network-configuration": 2, "security-groups-per-network-configuration": 2, "tags-per-resource": 3,
    "target-groups-per-service": 2, "classic-load-balancers-per-service": 1, "service-connect-services-per-service": 1,
    "provisioning-tasks-per-cluster": 2,
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    args = [arg for name, value in SMALL.items() for arg in ("--quota", "%s=%d" % (name, value))]
    server = Server(tmp_path_factory.mktemp("quotas"), args=args).start()
    one = Api(server, server.create_key())
    one.raw("CreateCluster", {"clusterName": "main", "serviceConnectDefaults": {"namespace": "ns"}})
    one.define("plain")
    one.define("ports", networkMode="bridge", memory="64", containerDefinitions=[
        {"name": "main", "image": "busybox", "memory": 16, "portMappings": [{"containerPort": 80, "name": "http"}, {"containerPort": 81, "name": "more"}]}])
    one.define("vpc", networkMode="awsvpc", containerDefinitions=[{"name": "main", "image": "busybox", "memory": 16}])
    yield one
    one.close()
    server.close()


def containers(count, **more):
    return [dict({"name": "c%d" % i, "image": "busybox", "memory": 16}, **more) for i in range(count)]


def network(subnets=1, groups=0):
    return {"awsvpcConfiguration": {"subnets": ["subnet-%08x" % i for i in range(subnets)], "securityGroups": ["sg-%08x" % i for i in range(groups)]}}


def tags(count):
    return [{"key": "k%d" % i, "value": "v"} for i in range(count)]


def service(name="s", **more):
    return dict({"cluster": "main", "serviceName": name, "taskDefinition": "plain", "desiredCount": 0}, **more)


def host(**more):
    return dict({"cluster": "main", "totalResources": resources(), "attributes": []}, **more)


def balancers(count, **more):
    return [dict({"containerName": "main", "containerPort": 80}, **{k: v % i for k, v in more.items()}) for i in range(count)]


def group(i="%d"):
    return "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/g%s/0123456789abcdef" % i


def connect(count):
    return {"enabled": True, "namespace": "ns", "services": [
        {"portName": "http" if i == 0 else "more", "discoveryName": "d%d" % i, "clientAliases": [{"port": 80 + i}]} for i in range(count)]}


# quota, the operation, the body at a number, the refusal's code; the numbers tried are the quota and one more
PARAMETER, CLIENT = "InvalidParameterException", "ClientException"
AT = [
    ("attributes-per-container-instance", "RegisterContainerInstance", lambda n: host(attributes=[{"name": "a%d" % i} for i in range(n)]), PARAMETER),
    ("containers-per-task-definition", "RegisterTaskDefinition", lambda n: {"family": "many", "containerDefinitions": containers(n)}, CLIENT),
    ("tasks-per-run-task", "RunTask", lambda n: {"cluster": "main", "taskDefinition": "plain", "count": n}, PARAMETER),
    ("container-instances-per-start-task", "StartTask", lambda n: {"cluster": "main", "taskDefinition": "plain", "containerInstances": ["%032x" % i for i in range(n)]}, PARAMETER),
    ("subnets-per-network-configuration", "RunTask", lambda n: {"cluster": "main", "taskDefinition": "vpc", "networkConfiguration": network(n)}, PARAMETER),
    ("subnets-per-network-configuration", "CreateService", lambda n: service(taskDefinition="vpc", networkConfiguration=network(n)), PARAMETER),
    ("security-groups-per-network-configuration", "RunTask", lambda n: {"cluster": "main", "taskDefinition": "vpc", "networkConfiguration": network(1, n)}, PARAMETER),
    ("security-groups-per-network-configuration", "CreateService", lambda n: service(taskDefinition="vpc", networkConfiguration=network(1, n)), PARAMETER),
    ("tags-per-resource", "CreateService", lambda n: service(tags=tags(n)), PARAMETER),
    ("tags-per-resource", "RegisterTaskDefinition", lambda n: {"family": "tagged", "containerDefinitions": containers(1), "tags": tags(n)}, CLIENT),
    ("tags-per-resource", "RegisterContainerInstance", lambda n: host(tags=tags(n)), PARAMETER),
    ("tags-per-resource", "RunTask", lambda n: {"cluster": "main", "taskDefinition": "plain", "tags": tags(n)}, PARAMETER),
    ("tags-per-resource", "TagResource", lambda n: {"resourceArn": "arn:aws:ecs:us-east-1:000000000000:cluster/main", "tags": tags(n)}, PARAMETER),
    ("tasks-per-service", "CreateService", lambda n: service(desiredCount=n), PARAMETER),
    ("target-groups-per-service", "CreateService", lambda n: service(taskDefinition="ports", loadBalancers=balancers(n, targetGroupArn=group())), PARAMETER),
    ("classic-load-balancers-per-service", "CreateService", lambda n: service(taskDefinition="ports", loadBalancers=balancers(n, loadBalancerName="b%d")), PARAMETER),
    ("service-connect-services-per-service", "CreateService", lambda n: service(taskDefinition="ports", serviceConnectConfiguration=connect(n)), PARAMETER),
    ("capacity-providers-per-cluster", "PutClusterCapacityProviders",
     lambda n: {"cluster": "main", "capacityProviders": ["FARGATE", "FARGATE_SPOT", "third"][:n], "defaultCapacityProviderStrategy": []}, PARAMETER),
]


def undo(api, operation, answer):
    if operation == "CreateService":
        api.raw("DeleteService", {"cluster": "main", "service": "s", "force": True})
        api.until(lambda: api.service("main", "s")["status"] == "INACTIVE")
    if operation == "RegisterContainerInstance":
        api.raw("DeregisterContainerInstance", {"cluster": "main", "containerInstance": answer["containerInstance"]["containerInstanceArn"]})


def asked(api, operation, body):
    """None, or the refusal; that no instance is there to run on is none about a quota."""
    try:
        undo(api, operation, api.raw(operation, body))
    except ApiError as err:
        return None if "No Container Instances were found" in err.message else err
    return None


@pytest.mark.parametrize("quota, operation, body, code", AT, ids=["%s-%s" % row[:2] for row in AT])
def test_at_it_and_beyond(small, quota, operation, body, code):
    """What a single request has."""
    at, beyond = asked(small, operation, body(SMALL[quota])), asked(small, operation, body(SMALL[quota] + 1))
    assert at is None, at
    assert beyond is not None and beyond.code == code and beyond.status == 400, beyond
    assert re.search(quota + r"|at most %d|maximum number" % SMALL[quota], beyond.message), beyond


def test_clusters(small, fails):
    """MS-229; one that is INACTIVE does not count."""
    for name in ("two", "three"):
        small.raw("CreateCluster", {"clusterName": name})
    with fails(CLIENT, "~clusters-per-region"):
        small.raw("CreateCluster", {"clusterName": "four"})
    small.raw("CreateCluster", {"clusterName": "two"})  # it is there
    small.raw("DeleteCluster", {"cluster": "three"})
    small.raw("CreateCluster", {"clusterName": "four"})


def test_instances(small, fails):
    """MS-230, AP-107: by cluster; a host that comes back and one that is gone do not count."""
    small.raw("DeleteCluster", {"cluster": "four"})
    cluster = small.cluster()
    body = host(cluster=cluster)
    arns = [small.raw("RegisterContainerInstance", body)["containerInstance"]["containerInstanceArn"] for _ in range(2)]
    with fails(CLIENT, "~container-instances-per-cluster"):
        small.raw("RegisterContainerInstance", body)
    small.raw("RegisterContainerInstance", dict(body, containerInstanceArn=arns[0]))
    small.raw("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": arns[0]})
    arns[0] = small.raw("RegisterContainerInstance", body)["containerInstance"]["containerInstanceArn"]
    for arn in arns:
        small.raw("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": arn})


def test_attributes(small, fails):
    """API-172."""
    arn = small.raw("RegisterContainerInstance", host())["containerInstance"]["containerInstanceArn"]
    put = [{"name": "a%d" % i, "targetId": arn} for i in range(3)]
    with fails("AttributeLimitExceededException", "~attributes-per-container-instance"):
        small.raw("PutAttributes", {"cluster": "main", "attributes": put})
    small.raw("PutAttributes", {"cluster": "main", "attributes": put[:2]})
    small.raw("DeregisterContainerInstance", {"cluster": "main", "containerInstance": arn})


def test_services(small, fails):
    """MS-231; an INACTIVE one does not count."""
    for name in ("one", "two"):
        small.raw("CreateService", service(name))
    with fails(PARAMETER, "~services-per-cluster"):
        small.raw("CreateService", service("three"))
    small.raw("DeleteService", {"cluster": "main", "service": "two"})
    small.until(lambda: small.service("main", "two")["status"] == "INACTIVE")
    small.raw("CreateService", service("three"))
    for name in ("one", "three"):
        small.raw("DeleteService", {"cluster": "main", "service": name})
        small.until(lambda n=name: small.service("main", n)["status"] == "INACTIVE")


def test_tasks_of_a_service(small, fails):
    """MS-232, at an update too."""
    small.raw("CreateService", service("tasks"))
    with fails(PARAMETER, "~tasks-per-service"):
        small.raw("UpdateService", {"cluster": "main", "service": "tasks", "desiredCount": 4})
    assert small.raw("UpdateService", {"cluster": "main", "service": "tasks", "desiredCount": 3})["service"]["desiredCount"] == 3
    small.raw("DeleteService", {"cluster": "main", "service": "tasks", "force": True})
    small.until(lambda: small.service("main", "tasks")["status"] == "INACTIVE")


def test_revisions(small, fails):
    """MS-240: those deregistered count."""
    for _ in range(2):
        small.raw("DeregisterTaskDefinition", {"taskDefinition": small.define("revisions")})
    with fails(CLIENT, "~revisions-per-family"):
        small.define("revisions")


def test_size(small, fails):
    """MS-241."""
    small.define("size", containerDefinitions=containers(1, command=["x" * 1000]))
    with fails(CLIENT, "~2000"):
        small.define("size", containerDefinitions=containers(1, command=["x" * 2000]))


def test_tags_that_are_there(small, fails):
    """MS-245, API-039: old and new together."""
    cluster = "arn:aws:ecs:us-east-1:000000000000:cluster/main"
    small.raw("UntagResource", {"resourceArn": cluster, "tagKeys": ["k%d" % i for i in range(3)]})
    small.raw("TagResource", {"resourceArn": cluster, "tags": tags(3)})
    with fails(PARAMETER, "~tags-per-resource"):
        small.raw("TagResource", {"resourceArn": cluster, "tags": [{"key": "new", "value": "v"}]})
    small.raw("TagResource", {"resourceArn": cluster, "tags": [{"key": "k0", "value": "w"}]})


def test_tasks_that_wait(small, fails):
    """CL-106: in ECS's own words; who goes makes room."""
    small.raw("CreateCapacityProvider", {"name": "waits", "autoScalingGroupProvider": {
        "autoScalingGroupArn": "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:1-2-3:autoScalingGroupName/waits",
        "managedScaling": {"status": "ENABLED"}}})
    small.raw("PutClusterCapacityProviders", {"cluster": "main", "capacityProviders": ["waits"], "defaultCapacityProviderStrategy": []})
    body = {"cluster": "main", "taskDefinition": "plain", "capacityProviderStrategy": [{"capacityProvider": "waits"}]}
    arns = [t["taskArn"] for t in small.raw("RunTask", dict(body, count=2))["tasks"]]
    with fails(CLIENT, "Tasks provisioning capacity limit exceeded."):
        small.raw("RunTask", body)
    small.raw("StopTask", {"cluster": "main", "task": arns[0]})
    assert len(small.raw("RunTask", body)["tasks"]) == 1


def test_the_rows_are_all():
    """Each quota of docs/quotas.md is small here, and has a test above."""
    with open(ROOT + "/docs/quotas.md") as page:
        names = re.findall(r"^\| `([a-z-]+)`", page.read(), re.M)
    alone = {"clusters-per-region", "container-instances-per-cluster", "services-per-cluster", "revisions-per-family", "task-definition-bytes",
             "provisioning-tasks-per-cluster"}
    assert len(names) > 10 and set(names) == set(SMALL) == {row[0] for row in AT} | alone


@pytest.mark.parametrize("command", ["server", "up"])
@pytest.mark.parametrize("value, text", [
    ("services=1", "there is no quota 'services'"), ("services-per-cluster=0", "services-per-cluster is a number from 1"),
    ("tags-per-resource=51", "may only be lowered"), ("services-per-cluster", "name=value")])
def test_what_is_no_quota(tmp_path, command, value, text):
    """MS-248: said before anything starts."""
    done = subprocess.run([BERTH, command, "--data", str(tmp_path / "data"), "--quota", value], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0 and text in done.stderr and not (tmp_path / "data").exists()
