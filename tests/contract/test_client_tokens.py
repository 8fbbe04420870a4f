"""clientToken of every operation that has one: API-042, SC-157, API-021."""
import uuid

import pytest

from harness.fake_agent import resources
from harness.wire import Wire


@pytest.fixture
def api(_api):
    """The agent of the world stays."""
    return _api


@pytest.fixture(scope="module")
def world(_api):
    """A cluster with a host that never runs anything, and a task definition."""
    class World:
        cluster = _api.cluster()
        agent = _api.agent(cluster, runs=False, totalResources=resources(cpu=100000, memory=100000))
        definition = _api.define(tags=[{"key": "of", "value": "definition"}])

    return World


def run_task(world, **more):
    return dict({"cluster": world.cluster, "taskDefinition": world.definition, "count": 2}, **more)


def create_service(world, **more):
    return dict({"cluster": world.cluster, "serviceName": "s", "taskDefinition": world.definition, "desiredCount": 0}, **more)


# Operation, a request, what else its parameters could be, what is made, the code of a conflict, the longest token.
OPERATIONS = {
    "RunTask": (run_task, {"count": 3}, lambda a: [t["taskArn"] for t in a["tasks"]], "ConflictException", 64),
    "CreateService": (create_service, {"desiredCount": 1}, lambda a: [a["service"]["serviceArn"]], "InvalidParameterException", 36),
}
ALL = sorted(OPERATIONS)


@pytest.fixture(params=ALL)
def operation(request, world, api):
    make_body, other, made, conflict, longest = OPERATIONS[request.param]

    class Operation:
        name = request.param
        code, most = conflict, longest
        name_of_service = api.name("s")

        def body(self, **more):
            if self.name == "CreateService":
                more.setdefault("serviceName", self.name_of_service)
            return make_body(world, **more)

        def call(self, **more):
            return made(api.raw(self.name, self.body(**more)))

        def other(self, **more):
            return self.call(**dict(other, **more))

    return Operation()


def test_the_same_again(operation):
    """API-042: one effect, however often; the answer names what the first call made."""
    token = str(uuid.uuid4())
    first = operation.call(clientToken=token)
    assert first
    for _ in range(3):
        assert operation.call(clientToken=token) == first


def test_other_parameters(operation, fails):
    """API-042: an error, and nothing is made."""
    token = str(uuid.uuid4())
    first = operation.call(clientToken=token)
    with fails(operation.code):
        operation.other(clientToken=token)
    assert operation.call(clientToken=token) == first


def test_what_a_token_is(operation, fails):
    """API-042: case-sensitive ASCII, and no longer than its member says."""
    for wrong in ("x" * (operation.most + 1), "", "a\nb", "é"):
        with fails("InvalidParameterException"):
            operation.call(clientToken=wrong)
    longest = uuid.uuid4().hex.ljust(operation.most, "x")
    assert operation.call(clientToken=longest) == operation.call(clientToken=longest)


def test_run_task_tells_tokens_apart(api, world):
    """API-042: without a token, or with another, in case too, each call is a call of its own."""
    def run(**more):
        return [t["taskArn"] for t in api.raw("RunTask", run_task(world, **more))["tasks"]]

    token = "token-" + uuid.uuid4().hex[:8]
    first = run(clientToken=token)
    seen = [first, run(clientToken=token.upper()), run(clientToken=token + "2"), run(), run()]
    assert len({arn for arns in seen for arn in arns}) == 10
    assert run(clientToken=token) == first


def test_a_conflict_names_the_tasks(api, world):
    """ConflictException has resourceIds: the tasks that the token made."""
    token = str(uuid.uuid4())
    arns = [t["taskArn"] for t in api.raw("RunTask", run_task(world, clientToken=token))["tasks"]]
    answer = Wire(api.server.url, api.key).send("RunTask", run_task(world, clientToken=token, count=1))
    assert (answer.status, answer.code) == (400, "ConflictException")
    assert answer.body == {"__type": "ConflictException", "message": answer.message, "resourceIds": arns}


def test_a_refused_call_leaves_no_token(api, world, fails):
    """What made nothing may be corrected and sent again under the same token."""
    token = str(uuid.uuid4())
    with fails("ClientException"):
        api.raw("RunTask", run_task(world, clientToken=token, taskDefinition="unheard-of"))
    assert len(api.raw("RunTask", run_task(world, clientToken=token))["tasks"]) == 2


def test_a_repeat_outlives_what_it_rested_on(api, world):
    """The definition is deregistered between the two calls; the second still gets the first one's answer."""
    definition, token = api.define(), str(uuid.uuid4())
    body = run_task(world, taskDefinition=definition, clientToken=token)
    first = api.raw("RunTask", body)
    api.raw("DeregisterTaskDefinition", {"taskDefinition": definition})
    again = api.raw("RunTask", body)
    assert [t["taskArn"] for t in again["tasks"]] == [t["taskArn"] for t in first["tasks"]] and again["failures"] == []


def test_the_answer_is_of_now(own_api):
    """API-042: the tasks as they are, and across a restart; SC-157 for services."""
    cluster, definition = own_api.cluster(), own_api.define()
    own_api.agent(cluster)
    run = {"cluster": cluster, "taskDefinition": definition, "clientToken": "t"}
    serve = {"cluster": cluster, "serviceName": "s", "taskDefinition": definition, "desiredCount": 0, "clientToken": "t"}
    arn = own_api.raw("RunTask", run)["tasks"][0]["taskArn"]
    service = own_api.raw("CreateService", serve)["service"]
    own_api.until_task(cluster, arn, "RUNNING")
    own_api.server.kill()
    own_api.server.start()
    task, = own_api.raw("RunTask", run)["tasks"]
    assert (task["taskArn"], task["lastStatus"]) == (arn, "RUNNING")
    again = own_api.raw("CreateService", serve)["service"]
    assert (again["serviceArn"], again["createdAt"]) == (service["serviceArn"], service["createdAt"])
    assert own_api.raw("ListTasks", {"cluster": cluster})["taskArns"] == [arn]


def test_agents_that_ask_again(api, fails):
    """RegisterContainerInstance: one instance for one token, whatever became of the answer."""
    cluster = api.cluster()
    key = api.server.create_key()
    token = str(uuid.uuid4())
    one = api.agent(cluster, connect=False, key=key, clientToken=token)
    two = api.agent(cluster, connect=False, key=key, clientToken=token)
    three = api.agent(cluster, connect=False, key=key, clientToken=str(uuid.uuid4()))
    assert one.arn == two.arn != three.arn
    assert sorted(api.raw("ListContainerInstances", {"cluster": cluster})["containerInstanceArns"]) == sorted([one.arn, three.arn])
