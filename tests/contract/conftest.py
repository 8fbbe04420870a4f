"""One server for each file of this suite: its tests keep apart by the names they use."""
import itertools
import json
import os

import pytest

from harness.cli import Cli
from harness.fake_agent import FakeAgent
from harness.program import ECS_TARGET, ApiError, Server, call, eventually
from harness.valid_calls import World
from harness.wire import Wire

ACCOUNT = "000000000000"
_numbers = itertools.count(1)


class Api:
    """A client with what the tests say all the time."""

    def __init__(self, server, key):
        self.server, self.key = server, key
        self.ecs = server.client(key, parameter_validation=False)
        self.agents = []

    def raw(self, operation, body=None, **more):
        """Below boto3: the answer as it is on the wire."""
        return call(self.server.url, self.key, ECS_TARGET + "." + operation, {} if body is None else body, **more)

    def name(self, stem="n"):
        return "%s-%d" % (stem, next(_numbers))

    def cluster(self, **more):
        name = self.name("cluster")
        self.ecs.create_cluster(clusterName=name, **more)
        return name

    def agent(self, cluster, connect=True, tcs=False, runs=True, acks=True, key=None, **registration):
        """A host of `cluster`, registered and connected."""
        one = FakeAgent(self.server.url, key or self.server.create_key(agentCluster=cluster), cluster, runs, acks)
        self.agents.append(one)
        one.register(**registration)
        if connect:
            one.connect(tcs)
        return one

    def define(self, family=None, **more):
        """Registers a small task definition; its ARN."""
        body = {"family": family or self.name("family"), "containerDefinitions": [
            {"name": "main", "image": "busybox", "memory": 16, "cpu": 10}]}
        body.update(more)
        return self.ecs.register_task_definition(**body)["taskDefinition"]["taskDefinitionArn"]

    def task(self, cluster, arn, **more):
        found = self.ecs.describe_tasks(cluster=cluster, tasks=[arn], **more)["tasks"]
        return found[0] if found else None

    def service(self, cluster, name, **more):
        return self.ecs.describe_services(cluster=cluster, services=[name], **more)["services"][0]

    def until(self, check, what=None, timeout=30):
        return eventually(check, timeout, what)

    def until_task(self, cluster, arn, status, timeout=30):
        def there():
            task = self.task(cluster, arn)
            return task if task["lastStatus"] == status else None
        return eventually(there, timeout, "%s is %s" % (arn, status))

    def close(self):
        for one in self.agents:
            one.close()


class Fails:
    """`with fails("ClusterNotFoundException", "Cluster not found."):` the code, and the text or its part after `~`."""

    def __init__(self, code, text=None):
        self.code, self.text = code, text
        self.message = None

    def __enter__(self):
        return self

    def __exit__(self, kind, err, trace):
        if err is None:
            pytest.fail("no %s" % self.code)
        if isinstance(err, ApiError):
            code, self.message, status = err.code, err.message, err.status
        elif hasattr(err, "response"):
            code, self.message = err.response["Error"]["Code"], err.response["Error"]["Message"]
            status = err.response["ResponseMetadata"]["HTTPStatusCode"]
        else:
            return False
        assert (code, status) == (self.code, 400), (code, self.message)
        if self.text is not None:
            if self.text.startswith("~"):
                assert self.text[1:] in self.message, self.message
            else:
                assert self.message == self.text
        assert self.message
        return True


@pytest.fixture
def fails():
    return Fails


@pytest.fixture(scope="module")
def module_server(request, tmp_path_factory):
    """The server of a file, with the file's SERVER_ARGS if it has some."""
    one = Server(tmp_path_factory.mktemp("contract"), args=getattr(request.module, "SERVER_ARGS", ())).start()
    yield one
    one.close()


@pytest.fixture(scope="module")
def _api(module_server):
    one = Api(module_server, module_server.create_key())
    yield one
    one.close()


@pytest.fixture
def api(_api):
    """The file's server. Agents that a test made leave with it."""
    yield _api
    _api.close()
    _api.agents.clear()


@pytest.fixture(scope="module")
def world(module_server):
    """The file's server with something of everything in it, for the tests that are made from the model."""
    wire = Wire(module_server.url, module_server.create_key())
    one = World(module_server, wire)
    yield one
    one.close()
    wire.close()


@pytest.fixture
def own_api(server):
    """A server of the test's own, for what must be restarted or empty."""
    one = Api(server, server.create_key())
    yield one
    one.close()


@pytest.fixture(scope="session")
def _cli():
    one = Cli()
    yield one
    one.close()


@pytest.fixture
def awscli(api, _cli):
    """Debian's awscli on the file's server: `aws ecs ARGS`, read as JSON; what it complains of when it `fails`, with that exit code
    or 254."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    env.update(AWS_ACCESS_KEY_ID=api.key[0], AWS_SECRET_ACCESS_KEY=api.key[1], AWS_DEFAULT_REGION="us-east-1",
               AWS_PAGER="", AWS_MAX_ATTEMPTS="1", HOME="/nonexistent")

    def run(*args, fails=False):
        code, out, err = _cli.run(["--endpoint-url", api.server.url, "--output", "json", "ecs", *args], env)
        if fails:
            assert code == (254 if fails is True else fails), (code, out, err)
            return err
        assert code == 0, err
        return json.loads(out) if out.strip() else None

    return run
