"""Fixtures of every suite that drives the built program."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness.docker import Docker, PrivateDocker  # noqa: E402
from harness.program import BERTH, Agent, Server, connected, eventually  # noqa: E402


def pytest_sessionstart(session):
    if not os.access(BERTH, os.X_OK):
        pytest.exit("%s is not built: run tools/build sanitize" % BERTH, returncode=2)


@pytest.fixture(scope="session")
def docker():
    """The engine that answers on DOCKER_HOST or its default; else a private one, removed after."""
    shared = Docker(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    if shared.answers():
        yield shared
        return
    private = PrivateDocker().start()
    yield private
    private.close()


@pytest.fixture
def server(tmp_path):
    one = Server(tmp_path).start()
    yield one
    one.close()


@pytest.fixture
def key(server):
    return server.create_key()


@pytest.fixture
def ecs(server, key):
    return server.client(key)


@pytest.fixture
def cluster(request, ecs):
    """A cluster of the test's own, so that its containers are told from those of others."""
    name = "t-" + "".join(c if c.isalnum() else "-" for c in request.node.name)[:80]
    ecs.create_cluster(clusterName=name)
    return name


@pytest.fixture
def agent(tmp_path, server, docker, cluster, ecs):
    """An agent registered in `cluster`; its containers are removed after."""
    docker.sample_image()
    one = Agent(tmp_path, server.url, server.create_key(agentCluster=cluster), docker.host, cluster).start()
    try:
        eventually(lambda: connected(ecs, cluster), 60, "the agent registers and connects; log:\n" + one.log)
        yield one
    finally:
        one.close()
        docker.remove_task_containers(cluster)
