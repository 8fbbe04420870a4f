"""For every operation that is served, requests that are right, with every member of its request in at least one of them: each is
taken, and each answer is what the model says (API-004, API-010 to API-014). Nulls and members nobody knows change nothing."""
import botocore.model
import botocore.parsers
import botocore.validate
import pytest

from harness import api_model
from harness.api_model import OURS, SERVED
from harness.valid_calls import NEVER_VALID, SERVER_ARGS, VALID  # noqa: F401

CALLS = [(operation, why) for operation in SERVED for why in VALID.get(operation, {})]

# API-014: lists that are there when they are empty, and API-013: numbers and booleans that are there when they are zero.
ALWAYS = {
    *((shape, name) for shape, names in {
        "Service": "loadBalancers serviceRegistries events deployments placementConstraints placementStrategy desiredCount runningCount "
                   "pendingCount enableECSManagedTags enableExecuteCommand",
        "ContainerDefinition": "environment mountPoints portMappings volumesFrom cpu", "TaskDefinition": "volumes placementConstraints revision",
        "Task": "attachments enableExecuteCommand version", "Container": "networkInterfaces",
        "Cluster": "statistics tags registeredContainerInstancesCount runningTasksCount pendingTasksCount activeServicesCount",
        "Deployment": "desiredCount pendingCount runningCount failedTasks", "Resource": "integerValue longValue doubleValue",
        "ContainerInstance": "agentConnected runningTasksCount pendingTasksCount version",
        "TaskSet": "computedDesiredCount pendingCount runningCount loadBalancers serviceRegistries", "Scale": "value", "CapacityProvider": "tags",
        "CapacityProviderStrategyItem": "weight base", "ManagedScaling": "targetCapacity minimumScalingStepSize maximumScalingStepSize"}.items()
      for name in names.split()),
    *(("Describe%sResponse" % what, "failures") for what in (
        "Clusters", "ContainerInstances", "Services", "Tasks", "TaskSets", "CapacityProviders", "ServiceDeployments", "ServiceRevisions")),
    *((name + "Response", "failures") for name in ("RunTask", "StartTask", "UpdateContainerInstancesState", "GetTaskProtection",
                                                   "UpdateTaskProtection", "DeleteTaskDefinitions"))}


def made(world, operation, why):
    """A request, right and new."""
    return VALID[operation][why](world)


CLIENTS = {which: botocore.model.ServiceModel(service, "ecs") for which, service in (
    ("awscli", api_model.THEIRS.service), ("ours", OURS.service))}


def known(value, shape):
    """What of a request a client has a word for."""
    if shape.type_name == "structure":
        return {name: known(inner, shape.members[name]) for name, inner in value.items() if name in shape.members}
    if shape.type_name == "list":
        return [known(inner, shape.member) for inner in value]
    return value


@pytest.mark.parametrize("operation, client", [(operation, client) for operation in SERVED for client in CLIENTS
                                               if operation in CLIENTS[client].operation_names])
def test_a_client_would_send_it_and_reads_the_answer(world, operation, client):
    """botocore's own validation of the request and its reading of the answer, by the model inside awscli and by ours."""
    described = CLIENTS[client].operation_model(operation)
    for why in VALID[operation]:
        body = made(world, operation, why)
        report = botocore.validate.ParamValidator().validate(known(body, described.input_shape), described.input_shape)
        assert not report.has_errors(), report.generate_report()
        answer = world.send(operation, body)
        parsed = botocore.parsers.create_parser("json").parse(
            {"status_code": answer.status, "headers": answer.headers, "body": answer.text}, described.output_shape)
        assert parsed["ResponseMetadata"]["RequestId"] == answer.headers["x-amzn-requestid"]
        assert answer.status == 200, answer
        if client == "ours":  # nothing of it is lost
            assert count_of(parsed) - count_of(parsed["ResponseMetadata"]) - 1 == count_of(answer.body)


def count_of(value):
    """Of the members and items in it."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(1 + count_of(one) for one in inner)


def taken(world, operation, why, body):
    """Sends what is right; what is wrong with the answer, as sentences."""
    answer = world.send(operation, body)
    if answer.status != 200:
        return ["%s of %s" % (answer, body)]
    problems = api_model.wrong_in(answer.body, OURS.output(operation), "", ALWAYS)
    if answer.headers.get("content-type") != "application/x-amz-json-1.1" or "x-amzn-requestid" not in answer.headers:
        problems.append("headers %s" % answer.headers)
    return problems


def outcome(world, operation, body):
    answer = world.send(operation, body)
    assert answer.status in (200, 400), answer
    return answer.status, answer.code


@pytest.mark.parametrize("operation", SERVED)
def test_every_member_has_its_valid_call(world, operation):
    """The table itself: nothing of a request is left out, and what is said to be never valid is in the model."""
    assert operation in VALID, "no valid request of %s" % operation
    used = set()
    for why in VALID[operation]:
        used |= api_model.paths_of(made(world, operation, why))
    left_out = NEVER_VALID.get(operation, ())
    all_of_it = [path for path, _, _ in OURS.places(operation)]
    assert all(path in all_of_it for path in left_out)
    missing = [path for path in all_of_it if path not in used and not any(
        path == out or path.startswith((out + ".", out + "[", out + "{")) for out in left_out)]
    assert not missing


@pytest.mark.parametrize("operation, why", CALLS)
def test_a_valid_call(world, operation, why):
    problems = taken(world, operation, why, made(world, operation, why))
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.mark.parametrize("operation, why", CALLS)
def test_members_nobody_knows_are_passed_over(world, operation, why):
    """API-004: in every structure of the request at once."""
    body = made(world, operation, why)
    shape = OURS.input(operation)
    for keys in list(api_model.structures(body, shape)):
        body = api_model.with_value(body, [*keys, "memberOf2031"], {"deep": [1, None, {"er": True}]})
    problems = taken(world, operation, why, body)
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.mark.parametrize("operation", SERVED)
def test_null_is_absent(world, operation):
    """API-004: each member that a valid request has, null instead and left out instead: it ends in the same way."""
    problems, done = [], set()
    for why in VALID[operation]:
        body = made(world, operation, why)
        for path, _, required in OURS.places(operation):
            keys = api_model.find(body, path)
            if required or path in done or keys is None or isinstance(keys[-1], int):
                continue
            done.add(path)
            null = outcome(world, operation, api_model.with_value(made(world, operation, why), keys, None))
            absent = outcome(world, operation, api_model.without(made(world, operation, why), keys))
            if null != absent:
                problems.append("%s, %s: null %s, absent %s" % (why, path, null, absent))
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.mark.parametrize("operation, why", CALLS)
def test_all_that_is_absent_may_be_null(world, operation, why):
    """API-004: in every structure of the request at once."""
    body = made(world, operation, why)
    shape = OURS.input(operation)
    for keys in list(api_model.structures(body, shape)):
        here = shape
        for key in keys:
            here = here.inner() if isinstance(key, int) else here.members()[key]
        for name in here.members():
            if name not in api_model.value_at(body, keys):
                body = api_model.with_value(body, [*keys, name], None)
    problems = taken(world, operation, why, body)
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.mark.parametrize("operation", sorted(set(OURS.operations) - set(SERVED)))
def test_what_is_not_served_says_so(world, operation):
    """Before it looks at the request."""
    for body in ({}, {"cluster": 7}, b"{"):
        answer = world.send(operation, body)
        assert (answer.status, answer.code) == (400, "UnsupportedFeatureException"), answer
        assert operation in answer.message
