"""An agent beside its server: what its settings make it do as a process."""
import hashlib
import http.server
import json
import os
import signal
import threading

import pytest

from harness.engine import load_image
from harness.program import REGION, Agent, Server, connected, eventually
from harness.proxy import HttpProxy
from harness.registry import Registry

RELEASE = b"the next agent\n" * 1000
SHA256 = hashlib.sha256(RELEASE).hexdigest()


class Files(http.server.BaseHTTPRequestHandler):
    """Serves the release, or something else."""

    def do_GET(self):
        body = RELEASE if self.path == "/good" else b"not that"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("settings")


@pytest.fixture(scope="module")
def files():
    one = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=one.serve_forever, daemon=True).start()
    yield "http://127.0.0.1:%d" % one.server_address[1]
    one.shutdown()


@pytest.fixture(scope="module")
def server(place):
    one = Server(place).start()
    yield one
    one.close()


@pytest.fixture(scope="module")
def ecs(server):
    return server.client(server.create_key())


@pytest.fixture
def cluster(request, ecs):
    name = "settings-" + "".join(c if c.isalnum() else "-" for c in request.node.name)[:80]
    ecs.create_cluster(clusterName=name)
    return name


@pytest.fixture
def agent(tmp_path, server, docker, cluster, ecs):
    made = []

    def start(wants_connected=True, url=None, of=None, client=None, docker_host=None, **env):
        host = of or server
        one = Agent(tmp_path, url or host.url, host.create_key(agentCluster=cluster), docker_host or docker.host, cluster,
                    env=dict(BERTH_TASK_ENDPOINT="none", **env)).start()
        made.append(one)
        if wants_connected:
            eventually(lambda: connected(client or ecs, cluster), 60, "the agent connects; log " + one.log)
        return one
    yield start
    for one in made:
        one.close()
    docker.remove_task_containers(cluster)


def instance(ecs, cluster):
    arns = ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
    return ecs.describe_container_instances(cluster=cluster, containerInstances=arns)["containerInstances"][0]


def test_log_file(agent, tmp_path):
    """AG-116, AG-117, AG-119, AG-369: the file has its own level, in the format of ECS."""
    path = tmp_path / "log" / "ecs-agent.log"
    one = agent(ECS_LOGFILE=str(path), ECS_LOGLEVEL="crit", ECS_LOGLEVEL_ON_INSTANCE="info", ECS_LOG_OUTPUT_FORMAT="json")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = next(line for line in lines if line["msg"] == "registered")
    assert told["level"] == "info" and told["time"].endswith("Z") and told["module"] == "agent.c"
    assert "registered" not in one.output()
    secret = one.env["AWS_SECRET_ACCESS_KEY"]
    assert secret not in path.read_text()  # AG-035


def test_json_file(agent, ecs, cluster, tmp_path):
    """AG-903, AG-109 to AG-112, AG-143: what is registered may come from the JSON file."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"ReservedPorts": [8080], "ReservedMemory": 64, "InstanceAttributes": {"rack": "r1"},
                                "ContainerInstanceTags": {"owner": "me"}, "Cluster": "another"}))
    agent(ECS_AGENT_CONFIG_FILE_PATH=str(path))
    one = instance(ecs, cluster)
    resources = {r["name"]: r for r in one["registeredResources"]}
    assert "8080" in resources["PORTS"]["stringSetValue"]
    assert {"name": "rack", "value": "r1"} in one["attributes"]
    tags = ecs.list_tags_for_resource(resourceArn=one["containerInstanceArn"])["tags"]
    assert {"key": "owner", "value": "me"} in tags


@pytest.mark.parametrize("env", [{"ECS_INSTANCE_ATTRIBUTES": "{rack}"}, {"ECS_INSTANCE_ATTRIBUTES": '{"ra ck!":"1"}'},
                                 {"ECS_AVAILABLE_LOGGING_DRIVERS": '["papertrail"]'}, {"ECS_RESERVED_MEMORY": "1073741824"}])
def test_exit_code_5(agent, env):
    """AG-112, AG-923, AG-925: starting it again cannot help."""
    one = agent(wants_connected=False, **env)
    assert one.process.wait(60) == 5, one.output()


def test_drain_on_notice(agent, ecs, cluster):
    """AG-149: only if asked for, and then the instance is DRAINING."""
    one = agent(ECS_ENABLE_SPOT_INSTANCE_DRAINING="true")
    one.signal(signal.SIGUSR1)
    eventually(lambda: instance(ecs, cluster)["status"] == "DRAINING", 30, "the instance drains; log " + one.log)


def test_notice_without_the_setting(agent, ecs, cluster):
    one = agent()
    one.signal(signal.SIGUSR1)
    eventually(lambda: "ECS_ENABLE_SPOT_INSTANCE_DRAINING is off" in one.output(), 30, "it says so; log " + one.log)
    assert instance(ecs, cluster)["status"] == "ACTIVE"


@pytest.mark.parametrize("is_good", [True, False])
def test_update(agent, docker, cluster, files, tmp_path, is_good):
    """AG-024, AG-025, AG-115, AG-925, AP-261, AP-262: staged, left with exit code 42; or refused."""
    release = "99.0.0,%s,%s" % (files + ("/good" if is_good else "/other"), SHA256)
    host = Server(tmp_path, args=("--agent-update", release), name="updater").start()
    try:
        ecs = host.client(host.create_key())
        ecs.create_cluster(clusterName=cluster)
        one = agent(of=host, client=ecs, ECS_UPDATES_ENABLED="true")
        arn = instance(ecs, cluster)["containerInstanceArn"]
        ecs.update_container_agent(cluster=cluster, containerInstance=arn)
        if is_good:
            assert one.process.wait(60) == 42, one.output()
            updates = os.path.join(one.data, "updates")
            with open(os.path.join(updates, "desired-image")) as file:
                name = file.read().rstrip("\n")
            with open(os.path.join(updates, name), "rb") as file:
                assert file.read() == RELEASE
            assert instance(ecs, cluster)["agentUpdateStatus"] == "UPDATING"
        else:
            eventually(lambda: instance(ecs, cluster)["agentUpdateStatus"] == "FAILED", 60, "the update fails; log " + one.log)
            assert one.is_running() and not os.listdir(os.path.join(one.data, "updates"))
            assert "Hashsum validation failed" in one.output()
            one.close()
    finally:
        host.close()


def test_proxy(agent, server, ecs, cluster):
    """AG-107, AG-271, AG-274: calls and WebSockets go by way of the proxy, which alone knows where the server is."""
    proxy = HttpProxy("control.berth.test")
    port = server.url.rsplit(":", 1)[1]
    try:
        one = agent(url="http://control.berth.test:" + port, HTTP_PROXY=proxy.address + "/", NO_PROXY="example.com")
        methods = {method for method, host in proxy.seen if host == "control.berth.test"}
        assert "CONNECT" in methods and "POST" in methods, proxy.seen
        one.close()
    finally:
        proxy.close()


def test_prefetch(agent, ecs, cluster, docker, tmp_path):
    """An image is there before any task needs it, on hosts that want that."""
    base = load_image(docker, "settings-test-base:1")
    registry = Registry(tmp_path / "registry").start()
    try:
        name, _ = registry.push(docker, base, "ahead:1")
        one = agent(BERTH_PREFETCH_IMAGES="true", ECS_IMAGE_PULL_BEHAVIOR="default")
        ecs.register_task_definition(family="ahead", containerDefinitions=[{"name": "a", "image": name, "memory": 32}])
        eventually(lambda: docker.run("image", "inspect", "-f", "{{.Id}}", name, check=False), 60, "it is fetched; log " + one.log)
        eventually(lambda: "image fetched ahead" in one.output(), 30, "and told; log " + one.log)
        docker.run("rmi", "-f", name, check=False)
    finally:
        registry.close()
        docker.run("rmi", "-f", base, check=False)


def test_an_old_docker(agent):
    """AG-004: said, and nothing is tried."""
    class Old(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b'{"Version": "1.8.3", "ApiVersion": "1.20"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass
    old = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Old)
    threading.Thread(target=old.serve_forever, daemon=True).start()
    try:
        one = agent(wants_connected=False, docker_host="tcp://127.0.0.1:%d" % old.server_address[1])
        assert one.process.wait(60) == 5, one.output()
        assert "Docker 1.8.3 is too old: 1.9.0 is the oldest" in one.output()
    finally:
        old.shutdown()


def test_region_is_needed_for_external(agent):
    one = agent(wants_connected=False, ECS_EXTERNAL="true", AWS_DEFAULT_REGION="")
    assert one.process.wait(60) == 5, one.output()
    assert REGION not in one.output()
