"""boto3's and the AWS CLI's paginators and waiters against the server (API-057 to API-060, API-236 to API-238)."""
import botocore.exceptions
import pytest
from botocore import xform_name

from harness import api_model

# Where each paged list has more than one page here: its result, and the request around it.
PAGED = {
    "ListClusters": ("clusterArns", {}), "ListContainerInstances": ("containerInstanceArns", {"cluster": "many"}),
    "ListTaskDefinitions": ("taskDefinitionArns", {"familyPrefix": "many", "sort": "DESC"}), "ListTaskDefinitionFamilies": ("families", {"status": "ACTIVE"}),
    "ListTasks": ("taskArns", {"cluster": "many", "startedBy": "me"}), "ListServices": ("serviceArns", {"cluster": "many", "launchType": "EC2"}),
    "ListAttributes": ("attributes", {"cluster": "many", "targetType": "container-instance", "attributeName": "ecs.os-type"}),
    "ListServicesByNamespace": ("serviceArns", {"namespace": "many"}), "ListAccountSettings": ("settings", {"effectiveSettings": True})}
SERVED = [name for name in PAGED if api_model.built(name)]
COUNT = 12  # of everything, or more: two pages where the default is 10


@pytest.fixture(scope="module")
def many(_api):
    """COUNT of everything that has pages."""
    raw = _api.raw
    raw("CreateCluster", {"clusterName": "many"})
    for i in range(COUNT):
        raw("CreateCluster", {"clusterName": "cluster-%d" % i})
        _api.define("many", memory="64")
        _api.define("family-%d" % i)
        raw("CreateService", {"cluster": "many", "serviceName": "service-%d" % i, "taskDefinition": "many", "desiredCount": 0})
        _api.agent("many", connect=False)
    busy = _api.agent("many")
    for _ in range(COUNT):
        assert raw("StartTask", {"cluster": "many", "taskDefinition": "many", "containerInstances": [busy.arn], "startedBy": "me"})["tasks"]
    if api_model.built("ListServicesByNamespace"):
        raw("UpdateCluster", {"cluster": "many", "serviceConnectDefaults": {"namespace": "many"}})
        for i in range(COUNT):
            raw("CreateService", {"cluster": "cluster-%d" % i, "serviceName": "joined", "taskDefinition": "many", "desiredCount": 0,
                                  "serviceConnectConfiguration": {"enabled": True, "namespace": "many"}})
    return _api


def listed(many, operation):
    """All of it, by hand."""
    member, body = PAGED[operation]
    found, token = [], None
    while True:
        answer = many.raw(operation, dict(body, **({"nextToken": token} if token else {})))
        found += answer[member]
        token = answer.get("nextToken")
        if token is None:
            assert len(found) >= (COUNT if operation != "ListAccountSettings" else 8)
            for one in found:
                if operation == "ListAccountSettings":
                    one.pop("type")  # newer than boto3 and the CLI
            return found


@pytest.mark.parametrize("operation", SERVED)
def test_boto3_pages(many, operation):
    member, body = PAGED[operation]
    whole = listed(many, operation)
    paginator = many.ecs.get_paginator(xform_name(operation))
    for config in ({}, {"PageSize": 1}, {"PageSize": 5}):
        assert paginator.paginate(**body, PaginationConfig=config).build_full_result()[member] == whole
    # MaxItems cuts inside of a page; the token that boto3 makes of ours goes on there.
    found, token = [], None
    while True:
        result = paginator.paginate(**body, PaginationConfig={"MaxItems": 5, "PageSize": 3, "StartingToken": token}).build_full_result()
        found += result[member]
        token = result.get("NextToken")
        assert len(result[member]) == 5 or token is None
        if token is None:
            break
    assert found == whole


@pytest.mark.parametrize("operation", SERVED)
def test_the_cli_pages(many, awscli, operation):
    """API-059: the second page is asked for with the token and the filters; --max-items wraps the token."""
    member, body = PAGED[operation]
    whole = listed(many, operation)
    args = [xform_name(operation, "-")]
    for name, value in body.items():
        args += ["--" + xform_name(name, "-")] + ([] if value is True else [str(value)])
    first = awscli(*args, "--max-items", "7", "--page-size", "2")
    assert first[member] == whole[:7]
    if len(whole) > 7:
        assert awscli(*args, "--starting-token", first["NextToken"])[member] == whole[7:]


# ---- waiters ----

SOON = {"Delay": 0.05, "MaxAttempts": 400}


@pytest.fixture
def cluster(api):
    name = api.cluster()
    api.agent(name)
    return name


def no_waiting(api, name, times=1, **request):
    """The waiter's own delay and tries are for production: here it must be through at the first try, or it waits for `times`."""
    api.ecs.get_waiter(name).wait(**request, WaiterConfig={"Delay": 0, "MaxAttempts": times})


def fails_at_once(api, name, words, **request):
    with pytest.raises(botocore.exceptions.WaiterError) as err:
        api.ecs.get_waiter(name).wait(**request, WaiterConfig={"Delay": 0, "MaxAttempts": 1000})
    assert words in str(err.value)


def test_tasks(api, cluster):
    """TasksRunning, TasksStopped: success, STOPPED and MISSING are failures of the first."""
    api.define("waited")
    arns = [api.raw("RunTask", {"cluster": cluster, "taskDefinition": "waited"})["tasks"][0]["taskArn"] for _ in range(3)]
    api.ecs.get_waiter("tasks_running").wait(cluster=cluster, tasks=arns, WaiterConfig=SOON)
    no_waiting(api, "tasks_running", cluster=cluster, tasks=arns)
    fails_at_once(api, "tasks_running", "MISSING", cluster=cluster, tasks=[*arns, "0" * 32])
    with pytest.raises(botocore.exceptions.WaiterError, match="Max attempts"):
        no_waiting(api, "tasks_stopped", cluster=cluster, tasks=arns)
    for arn in arns:
        api.raw("StopTask", {"cluster": cluster, "task": arn})
    api.ecs.get_waiter("tasks_stopped").wait(cluster=cluster, tasks=arns, WaiterConfig=SOON)
    no_waiting(api, "tasks_stopped", cluster=cluster, tasks=arns)  # a stopped task stays in DescribeTasks (API-236)
    fails_at_once(api, "tasks_running", "STOPPED", cluster=cluster, tasks=arns)


def test_services(api, cluster):
    """ServicesStable, ServicesInactive: one deployment and the count reached; DRAINING, INACTIVE and MISSING are failures of the first."""
    api.define("served", containerDefinitions=[{"name": "main", "image": "busybox", "memory": 16, "healthCheck": {"command": ["CMD", "true"]}}])
    body = {"cluster": cluster, "taskDefinition": "served"}
    api.raw("CreateService", dict(body, serviceName="empty", desiredCount=0))
    api.raw("CreateService", dict(body, serviceName="kept", desiredCount=0))
    api.ecs.get_waiter("services_stable").wait(cluster=cluster, services=["empty", "kept"], WaiterConfig=SOON)
    fails_at_once(api, "services_stable", "MISSING", cluster=cluster, services=["kept", "nobody"])
    fails_at_once(api, "services_inactive", "MISSING", cluster=cluster, services=["nobody"])
    api.raw("UpdateService", {"cluster": cluster, "service": "kept", "desiredCount": 2})
    api.ecs.get_waiter("services_stable").wait(cluster=cluster, services=["kept"], WaiterConfig=SOON)
    with pytest.raises(botocore.exceptions.WaiterError, match="Max attempts"):
        no_waiting(api, "services_inactive", cluster=cluster, services=["kept"])
    api.raw("DeleteService", {"cluster": cluster, "service": "kept", "force": True})
    api.ecs.get_waiter("services_inactive").wait(cluster=cluster, services=["kept"], WaiterConfig=SOON)
    no_waiting(api, "services_inactive", cluster=cluster, services=["kept", "empty"])  # any of them is enough
    fails_at_once(api, "services_stable", "INACTIVE", cluster=cluster, services=["empty", "kept"])


def test_the_clis_waiters(api, cluster, awscli):
    """API-238, API- section 13 example 25: 0 when it is so at the first look, 255 when it can no longer be."""
    api.define("quick")
    api.raw("CreateService", {"cluster": cluster, "serviceName": "quick", "taskDefinition": "quick", "desiredCount": 0})
    arn = api.raw("RunTask", {"cluster": cluster, "taskDefinition": "quick"})["tasks"][0]["taskArn"]
    api.until_task(cluster, arn, "RUNNING")
    api.until(lambda: len(api.service(cluster, "quick")["deployments"]) == 1)
    for waiter, name in (("tasks-running", "tasks"), ("services-stable", "services")):
        of = arn if name == "tasks" else "quick"
        assert awscli("wait", waiter, "--cluster", cluster, "--" + name, of) is None
    api.raw("StopTask", {"cluster": cluster, "task": arn})
    api.raw("DeleteService", {"cluster": cluster, "service": "quick"})
    api.until_task(cluster, arn, "STOPPED")
    api.until(lambda: api.service(cluster, "quick")["status"] == "INACTIVE")
    assert awscli("wait", "tasks-stopped", "--cluster", cluster, "--tasks", arn) is None
    assert awscli("wait", "services-inactive", "--cluster", cluster, "--services", "quick") is None
    for waiter, name in (("tasks-running", "tasks"), ("services-stable", "services")):
        of = arn if name == "tasks" else "quick"
        assert "terminal failure state" in awscli("wait", waiter, "--cluster", cluster, "--" + name, of, fails=255)
