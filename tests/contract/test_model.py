"""Our model against the one inside Debian's awscli: where both have something they agree (API-005, API-046, API-240).

Nothing is served here: what the server makes of the model is test_model_calls.py and test_model_refusals.py.
"""
import copy
import os
import subprocess
import sys

import boto3
import pytest

from harness import api_model
from harness.api_model import THEIRS
from harness.program import ROOT

OPERATIONS = sorted(THEIRS.operations)

# Where we mean to differ, and why.
EXCEPTIONS = {
    ("CreateCapacityProviderRequest", "required", "autoScalingGroupProvider"): "newer: managedInstancesProvider stands instead of it",
    ("UpdateCapacityProviderRequest", "required", "autoScalingGroupProvider"): "newer: managedInstancesProvider stands instead of it",
}

# Bounds that the API's documentation has in words only (API-039, API-042, API-058, API-063, API-064, API-069, API-083, API-089,
# API-101, API-103, API-117, API-125, API-130, API-131, API-159).
DOCUMENTED = [
    ("CreateCluster", "defaultCapacityProviderStrategy", None, 6), ("CreateService", "capacityProviderStrategy", None, 6),
    ("RunTask", "capacityProviderStrategy", None, 6), ("RunTask", "count", 1, 10), ("RunTask", "referenceId", None, 1024),
    ("RunTask", "placementConstraints", None, 10), ("RunTask", "placementStrategy", None, 5), ("RunTask", "clientToken", None, 64),
    ("StartTask", "containerInstances", 1, 10), ("StopTask", "reason", None, 255), ("CreateService", "placementConstraints", None, 10),
    ("CreateService", "placementStrategy", None, 5), ("UpdateService", "placementConstraints", None, 10),
    ("UpdateService", "placementStrategy", None, 5), ("CreateService", "networkConfiguration.awsvpcConfiguration.subnets", None, 16),
    ("CreateService", "networkConfiguration.awsvpcConfiguration.securityGroups", None, 5), ("CreateService", "clientToken", None, 36),
    ("CreateService", "desiredCount", 0, None), ("CreateService", "healthCheckGracePeriodSeconds", 0, None),
    ("CreateTaskSet", "scale.value", 0, 100), ("CreateTaskSet", "clientToken", None, 36), ("UpdateTaskSet", "scale.value", 0, 100),
    ("DescribeServices", "services", 1, 10), ("DescribeTasks", "tasks", 1, 100), ("DescribeContainerInstances", "containerInstances", 1, 100),
    ("DescribeClusters", "clusters", None, 100), ("DescribeCapacityProviders", "capacityProviders", None, 100),
    ("GetTaskProtection", "tasks", None, 100), ("UpdateTaskProtection", "tasks", 1, 10), ("UpdateTaskProtection", "expiresInMinutes", 1, 2880),
    ("UpdateContainerInstancesState", "containerInstances", 1, 10), ("PutAttributes", "attributes", 1, 10),
    ("DeleteAttributes", "attributes", 1, 10), ("DeleteTaskDefinitions", "taskDefinitions", 1, 10),
    ("RegisterTaskDefinition", "placementConstraints", None, 10), ("RegisterTaskDefinition", "containerDefinitions[].healthCheck.interval", 5, 300),
    ("RegisterTaskDefinition", "containerDefinitions[].healthCheck.timeout", 2, 60),
    ("RegisterTaskDefinition", "containerDefinitions[].healthCheck.retries", 1, 10),
    ("RegisterTaskDefinition", "containerDefinitions[].healthCheck.startPeriod", 0, 300),
    ("RegisterTaskDefinition", "containerDefinitions[].linuxParameters.swappiness", 0, 100),
    ("RegisterTaskDefinition", "containerDefinitions[].linuxParameters.maxSwap", 0, None),
    *((name, "maxResults", 1, facts["page"]["max"]) for name, facts in api_model.SOURCE["operations"].items() if "page" in facts),
]

PAGES = {"ListClusters": (100, 100), "ListContainerInstances": (100, 100), "ListTaskDefinitions": (100, 100),
         "ListTaskDefinitionFamilies": (100, 100), "ListTasks": (100, 100), "ListAttributes": (100, 100), "ListServices": (10, 100),
         "ListServicesByNamespace": (10, 100), "ListAccountSettings": (10, 10), "DescribeCapacityProviders": (10, 10)}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Our model, as `tools/gen_botocore.py` writes it."""
    made = tmp_path_factory.mktemp("model")
    subprocess.run([sys.executable, os.path.join(ROOT, "tools", "gen_botocore.py"), os.path.join(ROOT, "api", "ecs.json"), str(made)], check=True)
    return made


@pytest.fixture(scope="module")
def ours(directory):
    return api_model.Model(api_model.load(str(directory)))


def compare(theirs, ours, path, problems, seen):
    """Everything of theirs is in ours and says the same; enums may have grown."""
    if (theirs.name, ours.name) in seen:
        return
    seen.add((theirs.name, ours.name))
    if theirs.type != ours.type:
        problems.append("%s: %s, ours %s" % (path, theirs.type, ours.type))
        return
    gone = set(theirs.facts.get("enum", ())) - set(ours.facts.get("enum", ()))
    if gone or bool(theirs.facts.get("enum")) != bool(ours.facts.get("enum")):
        problems.append("%s: enum lost %s" % (path, sorted(gone)))
    for bound in ("min", "max", "pattern"):
        one, two = theirs.facts.get(bound), ours.facts.get(bound)
        if bound == "pattern":  # they dropped the anchors later; a pattern is always for the whole
            one, two = ((text or "").removeprefix("^").removesuffix("$") for text in (one, two))
        if one is not None and one != "" and one != two:
            problems.append("%s: %s %s, ours %s" % (path, bound, one, two))
    if theirs.type == "structure":
        mine = ours.members()
        for name, member in theirs.members().items():
            if name not in mine:
                problems.append("%s.%s: not in ours" % (path, name))
            else:
                compare(member, mine[name], "%s.%s" % (path, name), problems, seen)
        for name in set(theirs.required()) ^ set(ours.required()):
            if name in theirs.members() and (theirs.name, "required", name) not in EXCEPTIONS:
                problems.append("%s.%s: required in one" % (path, name))
    elif theirs.type in ("list", "map"):
        compare(theirs.inner(), ours.inner(), path + "[]", problems, seen)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_where_both_have_a_member_they_agree(ours, operation):
    problems, seen = [], set()
    assert operation in ours.operations
    compare(THEIRS.input(operation), ours.input(operation), "request", problems, seen)
    compare(THEIRS.output(operation), ours.output(operation), "response", problems, seen)
    lost = THEIRS.errors(operation) - ours.errors(operation)
    if lost:
        problems.append("errors lost: %s" % sorted(lost))
    assert not problems, "\n".join(problems)


def test_the_exceptions_are_still_ones(ours):
    for shape, what, member in EXCEPTIONS:
        assert what == "required"
        theirs = api_model.Shape(THEIRS.service, shape)
        mine = api_model.Shape(ours.service, shape)
        assert (member in theirs.required()) != (member in mine.required()), (shape, member)


def test_a_lost_member_is_found(ours):
    """The comparison itself: a member, a value and a bound less, a type and a required member changed are all told."""
    for break_it, word in (
            (lambda s: s["Cluster"]["members"].pop("status"), "not in ours"),
            (lambda s: s["LaunchType"]["enum"].remove("EC2"), "enum lost"),
            (lambda s: s["TagKey"].update(max=127), "max"),
            (lambda s: s["CreateServiceRequest"].update(required=[]), "required in one"),
            (lambda s: s["BoxedInteger"].update(type="long"), "ours long")):
        service = copy.deepcopy(ours.service)
        break_it(service["shapes"])
        broken, problems = api_model.Model(service), []
        for operation in ("CreateService", "DescribeClusters"):
            seen = set()
            compare(THEIRS.input(operation), broken.input(operation), "request", problems, seen)
            compare(THEIRS.output(operation), broken.output(operation), "response", problems, seen)
        assert any(word in problem for problem in problems), (word, problems)


@pytest.mark.parametrize("operation, path, low, high", DOCUMENTED)
def test_documented_bounds(ours, operation, path, low, high):
    shape = {where: shape for where, shape, _ in ours.places(operation)}[path]
    assert (shape.bound("min"), shape.bound("max")) == (low, high)


def test_pages(ours, directory):
    """API-058: own defaults and maxima, and the paginators of awscli."""
    assert {name: (facts["page"]["default"], facts["page"]["max"]) for name, facts in api_model.SOURCE["operations"].items()
            if "page" in facts and name in PAGES} == PAGES
    mine = api_model.load(str(directory), "paginators-1.json")["pagination"]
    theirs = api_model.load(api_model.AWSCLI_DATA, "paginators-1.json")["pagination"]
    assert {name: mine.get(name) for name in theirs} == theirs
    assert "DescribeCapacityProviders" not in mine


def test_statuses(ours):
    """API-016: 400 for all but ServerException."""
    for code, facts in api_model.SOURCE["errors"].items():
        assert facts["http"] == (500 if code == "ServerException" else 400), code


def test_boto3_loads_ours(directory, monkeypatch):
    """AWS_DATA_PATH: the operations of today, and the waiters that boto3 brings."""
    monkeypatch.setenv("AWS_DATA_PATH", str(directory))
    session = boto3.Session(region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    client = session.client("ecs", endpoint_url="http://127.0.0.1:1")
    assert set(client.meta.service_model.operation_names) == set(api_model.SOURCE["operations"])
    assert client.waiter_names == ["services_inactive", "services_stable", "tasks_running", "tasks_stopped"]
    members = client.meta.service_model.operation_model("RunTask").input_shape.members
    assert "clientToken" in members and members["launchType"].enum == ["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_unboxed_members_are_always_there(operation):
    """API-013: what awscli's model does not box, our model writes always."""
    missing, seen = set(), set()

    def look(shape):
        if shape.name in seen:
            return
        seen.add(shape.name)
        if shape.type == "structure":
            for name, member in shape.members().items():
                if member.type in ("integer", "long", "double", "boolean") and not member.facts.get("box"):
                    if name not in api_model.SOURCE["shapes"][shape.name].get("always", ()):
                        missing.add((shape.name, name))
                look(member)
        elif shape.type in ("list", "map"):
            look(shape.inner())

    look(THEIRS.output(operation))
    assert not {one for one in missing if one[0] != "ManagedScaling"}, missing  # its defaults are filled in by the handler (API-083)
