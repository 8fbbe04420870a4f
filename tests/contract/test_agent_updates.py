"""UpdateContainerAgent: API-170, AG-024, AG-025, AP-261, AP-262."""
import subprocess

import pytest

from conftest import Api
from harness.program import BERTH, Server

LOCATION, SHA256 = "https://updates.example/agent.tar", "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def updating(tmp_path_factory):
    """A server that has a release for agents."""
    server = Server(tmp_path_factory.mktemp("updates"), args=["--agent-update", "1.106.0,%s,%s" % (LOCATION, SHA256)]).start()
    one = Api(server, server.create_key())
    yield one
    one.close()
    server.close()


@pytest.fixture
def cluster(updating):
    return updating.cluster()


def update(api, cluster, arn):
    return api.raw("UpdateContainerAgent", {"cluster": cluster, "containerInstance": arn})["containerInstance"]


def status(api, cluster, arn):
    return api.raw("DescribeContainerInstances", {"cluster": cluster, "containerInstances": [arn]})["containerInstances"][0].get("agentUpdateStatus")


def told(agent, kind, since=0):
    """The message and its place."""
    message = agent.wait(lambda m: m["type"] == kind and agent.messages.index(m) >= since, what=kind)
    body = message["message"]
    assert body["updateInfo"] == {"location": LOCATION, "signature": SHA256}
    assert body["containerInstanceArn"] == agent.arn and body["clusterArn"].endswith(":cluster/" + agent.cluster)
    return body


def nack(agent, body, reason):
    agent.say("NackRequest", cluster=body["clusterArn"], containerInstance=body["containerInstanceArn"], messageId=body["messageId"], reason=reason)


def test_the_whole_way(updating, cluster, fails):
    """Staged, performed, and back as the new one; the version of the record counts on."""
    agent = updating.agent(cluster)
    assert status(updating, cluster, agent.arn) is None
    got = update(updating, cluster, agent.arn[-32:])
    assert got["agentUpdateStatus"] == "PENDING" and got["versionInfo"]["agentVersion"] == "1.105.1"
    stage = told(agent, "StageUpdateMessage")
    assert status(updating, cluster, agent.arn) == "STAGING"
    with fails("UpdateInProgressException"):
        update(updating, cluster, agent.arn)
    agent.ack(stage)
    perform = told(agent, "PerformUpdateMessage")
    assert status(updating, cluster, agent.arn) == "STAGED" and perform["messageId"] != stage["messageId"]
    agent.ack(perform)
    updating.until(lambda: status(updating, cluster, agent.arn) == "UPDATING")
    agent.disconnect()
    agent.version = "1.106.0"
    agent.connect()
    updating.until(lambda: status(updating, cluster, agent.arn) == "UPDATED")
    with fails("NoUpdateAvailableException"):
        update(updating, cluster, agent.arn)


def test_an_agent_without_updates(updating, cluster):
    """AG-026, AP-261: refused, and it may be asked again; a refusal of another message is nothing."""
    agent = updating.agent(cluster)
    update(updating, cluster, agent.arn)
    stage = told(agent, "StageUpdateMessage")
    nack(agent, dict(stage, messageId="stage-0"), "New update arrived: " + stage["messageId"])
    nack(agent, stage, "Updates are disabled")
    updating.until(lambda: status(updating, cluster, agent.arn) == "FAILED")
    heard = len(agent.messages)
    assert update(updating, cluster, agent.arn)["agentUpdateStatus"] == "PENDING"
    stage = told(agent, "StageUpdateMessage", heard)
    agent.ack(stage)
    nack(agent, told(agent, "PerformUpdateMessage"), "Cannot perform update; update not downloaded")
    updating.until(lambda: status(updating, cluster, agent.arn) == "FAILED")


def test_it_goes_on_where_it_stopped(updating, cluster):
    """The agent away in between: told again when it is back; back as the old one after it went is a failure."""
    agent = updating.agent(cluster)
    agent.disconnect()
    updating.until(lambda: not updating.raw("DescribeContainerInstances", {
        "cluster": cluster, "containerInstances": [agent.arn]})["containerInstances"][0]["agentConnected"])
    assert update(updating, cluster, agent.arn)["agentUpdateStatus"] == "PENDING"
    agent.connect()
    stage = told(agent, "StageUpdateMessage")
    agent.disconnect()
    heard = len(agent.messages)
    agent.connect()
    again = told(agent, "StageUpdateMessage", heard)
    assert again["messageId"] != stage["messageId"] and status(updating, cluster, agent.arn) == "STAGING"
    agent.ack(again)
    agent.ack(told(agent, "PerformUpdateMessage"))
    updating.until(lambda: status(updating, cluster, agent.arn) == "UPDATING")
    agent.disconnect()
    agent.connect()
    updating.until(lambda: status(updating, cluster, agent.arn) == "FAILED")


def test_what_is_refused(updating, cluster, fails):
    """Not heard of a version yet; unknown instances; a newer agent than the release."""
    agent = updating.agent(cluster, connect=False)
    with fails("MissingVersionException"):
        update(updating, cluster, agent.arn)
    agent.version = "1.107.0"
    agent.connect()
    with fails("NoUpdateAvailableException"):
        update(updating, cluster, agent.arn)
    with fails("InvalidParameterException", "The referenced container instance was not found."):
        update(updating, cluster, "0" * 32)
    with fails("ClusterNotFoundException", "Cluster not found."):
        update(updating, "never", agent.arn[-32:])
    with fails("InvalidParameterException"):
        updating.raw("UpdateContainerAgent", {"cluster": cluster})
    updating.raw("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": agent.arn})
    with fails("ClientException", "~INACTIVE"):
        update(updating, cluster, agent.arn)


def test_without_a_release(api, fails):
    """AG-024: nothing to update to."""
    cluster = api.cluster()
    agent = api.agent(cluster)
    with fails("NoUpdateAvailableException"):
        update(api, cluster, agent.arn)
    assert status(api, cluster, agent.arn) is None


@pytest.mark.parametrize("release", ["", "1.2.3", "1.2.3,https://x", "new,https://x," + SHA256, "1.2.3,ftp://x," + SHA256,
                                     "1.2.3,https://x," + SHA256[1:], "1.2.3,https://x," + SHA256 + ",x"])
def test_what_is_no_release(tmp_path, release):
    """Refused before anything starts."""
    done = subprocess.run([BERTH, "server", "--data", str(tmp_path / "data"), "--agent-update", release], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode != 0 and "--agent-update is a version" in done.stderr and not (tmp_path / "data").exists()
