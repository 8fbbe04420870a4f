"""The server's side of the agent protocol: AP- sections 1 to 7 and 16, against a fake agent and the official agent's records."""
import glob
import json
import os
import random
import socket
import struct
import time
import urllib.parse

import pytest

from harness.fake_agent import BINARY, CLOSE, PING, TEXT, FakeAgent, Refused, WebSocket, frame, resources, sign_get
from harness.program import ROOT, ApiError

RECORDS = os.path.join(ROOT, "tests", "data", "agent-wire")
RECORDED_ACCOUNT = "123456789012"
RECORDED_INSTANCE = "arn:aws:ecs:us-east-1:123456789012:container-instance/default/0123456789abcdef0123456789abcdef"


@pytest.fixture
def cluster(api):
    return api.cluster()


@pytest.fixture(scope="module", autouse=True)
def observer(_api):
    """An agent that is connected for as long as the file runs: what it hears is looked at by the last test."""
    cluster = _api.cluster()
    one = FakeAgent(_api.server.url, _api.server.create_key(agentCluster=cluster), cluster).register()
    one.connect(tcs=True)
    yield one
    one.close()


def instance(api, agent):
    return api.raw("DescribeContainerInstances", {"cluster": agent.cluster, "containerInstances": [agent.arn]})["containerInstances"][0]


def run(api, cluster, definition=None, **more):
    answer = api.raw("RunTask", dict({"cluster": cluster, "taskDefinition": definition or api.define()}, **more))
    assert answer["failures"] == []
    return answer["tasks"][0]["taskArn"]


def everything(api, cluster):
    """What a refused caller must not have changed."""
    tasks = api.raw("ListTasks", {"cluster": cluster})["taskArns"]
    instances = api.raw("ListContainerInstances", {"cluster": cluster})["containerInstanceArns"]
    return (api.raw("DescribeTasks", {"cluster": cluster, "tasks": tasks})["tasks"] if tasks else [],
            api.raw("DescribeContainerInstances", {"cluster": cluster, "containerInstances": instances})["containerInstances"] if instances else [],
            api.raw("DescribeClusters", {"clusters": [cluster]}), api.raw("ListClusters"), api.raw("ListTaskDefinitionFamilies"))


# ---- the records ----

def records(name):
    with open(os.path.join(RECORDS, name)) as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize("name", sorted(os.path.basename(f) for f in glob.glob(os.path.join(RECORDS, "*.jsonl"))))
def test_all_that_the_official_agent_said_is_understood(own_api, name):
    """AP- section 16: every recorded call is answered, every upgrade accepted, every frame taken and acknowledged."""
    key = own_api.server.create_key(account=RECORDED_ACCOUNT)
    owner = own_api.server.client(key)
    owner.create_cluster(clusterName="default")
    agent = FakeAgent(own_api.server.url, key, acks=False)
    counts = {"api": 0, "acs": 0, "tcs": 0}

    def ours(value):
        return json.loads(json.dumps(value).replace(RECORDED_INSTANCE, agent.arn or RECORDED_INSTANCE))

    for line in records(name):
        kind = line["kind"]
        if kind == "api" and line["op"] in ("RegisterContainerInstance", "DiscoverPollEndpoint", "SubmitTaskStateChange"):
            body = ours(line["body"])
            if line["op"] == "RegisterContainerInstance" and not agent.arn:
                body.pop("containerInstanceArn", None)  # of a state that this server never saw
            answer = agent.call(line["op"], **body)
            counts["api"] += 1
            if line["op"] == "RegisterContainerInstance":
                arn = answer["containerInstance"]["containerInstanceArn"]
                assert agent.arn in (None, arn)
                agent.arn = arn
                got = [{k: a[k] for k in ("name", "value") if k in a} for a in answer["containerInstance"]["attributes"]]
                assert all({k: a[k] for k in ("name", "value") if k in a} in got for a in body["attributes"])  # AP-104
            elif line["op"] == "SubmitTaskStateChange":
                assert answer["acknowledgment"]  # AP-129: for tasks that are none of ours too
            else:
                assert answer["endpoint"] and answer["telemetryEndpoint"]
        elif kind in ("acs-connect", "tcs-connect"):
            target = line["target"].replace(urllib.parse.quote(RECORDED_INSTANCE, safe=""), urllib.parse.quote(agent.arn, safe=""))
            url = own_api.server.url + target
            ws = agent.open(url)
            if kind == "acs-connect":
                agent.acs = ws
            else:
                agent.tcs, agent.tcs_address = ws, url
            seen = len(agent.messages)
            agent._read(ws, agent._on_acs if kind == "acs-connect" else agent._on_tcs)
            if kind == "acs-connect":
                agent.wait(lambda m: m["type"] == "TaskManifestMessage", where=TailOf(agent.messages, seen))
        elif kind == "acs-frame" and line["op"] == TEXT:
            agent.acs.send(line["raw"].replace(RECORDED_INSTANCE, agent.arn))
            counts["acs"] += 1
        elif kind == "tcs-frame" and line["op"] == TEXT:
            body = ours(line["body"])
            before = len(agent.telemetry)
            agent.publish(body["type"], **body["message"])
            wanted = {"PublishMetricsRequest": "AckPublishMetric", "PublishHealthRequest": "AckPublishHealth",
                      "PublishInstanceStatusRequest": "AckPublishInstanceStatus"}[body["type"]]
            agent.wait(lambda m, w=wanted: m["type"] == w, where=TailOf(agent.telemetry, before), what=wanted)
            counts["tcs"] += 1
    assert counts["api"] >= 2 and counts["acs"] + counts["tcs"] >= 1
    if agent.acs and not agent.acs.closed:
        # Frames are taken in order: an answer to the last question means that all before it were read.
        manifest = [m["message"] for m in agent.messages if m["type"] == "TaskManifestMessage"][-1]
        agent.say("TaskStopVerificationMessage", messageId=manifest["messageId"], stopCandidates=[])
        agent.wait(lambda m: m["type"] == "TaskStopVerificationAck")
    assert "cannot be understood" not in own_api.server.output()
    agent.close()


class TailOf:
    """A list from an index on, as it grows."""

    def __init__(self, whole, start):
        self.whole, self.start = whole, start

    def __getitem__(self, index):
        if isinstance(index, slice):
            index = slice(self.start + (index.start or 0), None if index.stop is None else self.start + index.stop)
        return self.whole[index]

    def __len__(self):
        return len(self.whole) - self.start


# ---- ACS ----

def test_what_comes_first(api, cluster):
    """AP-205, AP-211, AP-212, AP-240: a heartbeat, then the manifest; its timeline grows over connections and restarts."""
    agent = api.agent(cluster)
    agent.wait(lambda m: m["type"] == "TaskManifestMessage")
    heartbeat, manifest = agent.messages[:2]
    assert heartbeat["type"] == "HeartbeatMessage" and heartbeat["message"]["healthy"] is True and heartbeat["message"]["messageId"]
    assert manifest["message"]["tasks"] == [] and manifest["message"]["clusterArn"].endswith("cluster/" + cluster)
    assert manifest["message"]["containerInstanceArn"] == agent.arn and abs(manifest["message"]["generatedAt"] / 1000 - time.time()) < 60
    timelines = [manifest["message"]["timeline"]]
    for _ in range(3):
        agent.disconnect()
        agent.messages.clear()
        agent.connect()
        timelines.append(agent.wait(lambda m: m["type"] == "TaskManifestMessage")["message"]["timeline"])
    assert timelines == sorted(set(timelines))


def test_the_first_protocol_has_no_manifest(api, cluster):
    """AP-205: only with protocolVersion 2."""
    agent = api.agent(cluster, connect=False)
    ws = agent.open(agent.acs_url().replace("protocolVersion=2", "protocolVersion=1"))
    assert json.loads(ws.recv())["type"] == "HeartbeatMessage"
    task = run(api, cluster)
    message = json.loads(ws.recv())
    assert message["type"] == "PayloadMessage" and message["message"]["tasks"][0]["arn"] == task
    ws.close()


def test_one_task_per_payload(api, cluster):
    """AP-225, AP-221, AP-224, AP-302 ff.: ten tasks, ten payloads, each with the ids an agent insists on."""
    agent = api.agent(cluster, runs=False)
    arns = [t["taskArn"] for t in api.raw("RunTask", {"cluster": cluster, "taskDefinition": api.define(), "count": 10})["tasks"]]
    for arn in arns:
        agent.wait_payload(arn)
    payloads = agent.payloads()
    assert [len(p["tasks"]) for p in payloads] == [1] * 10 and len({p["messageId"] for p in payloads}) == 10
    for payload in payloads:
        assert payload["clusterArn"].endswith("cluster/" + cluster) and payload["containerInstanceArn"] == agent.arn
        task = payload["tasks"][0]
        assert (task["desiredStatus"], task["version"]) == ("RUNNING", "1") and task["taskClusterArn"] == payload["clusterArn"]
        container, = task["containers"]
        assert (container["name"], container["image"], container["cpu"], container["memory"]) == ("main", "busybox", 10, 16)
        json.loads(container["dockerConfig"]["config"]), json.loads(container["dockerConfig"]["hostConfig"])


def test_what_was_not_acknowledged_comes_again(api, cluster):
    """AP-220, section 16.3: at the next connection; what was reported does not, unless the process is new (AP-214)."""
    agent = api.agent(cluster, runs=False, acks=False)
    first, second = run(api, cluster), run(api, cluster)
    agent.wait_payload(second)
    agent.wait_payload(first)
    agent.report_running(first, ["main"])
    agent.disconnect()
    agent.messages.clear()
    agent.connect(send_credentials=False)
    agent.wait_payload(second)
    third = run(api, cluster)
    agent.wait_payload(third)
    assert agent.payloads(first) == []
    agent.disconnect()
    agent.messages.clear()
    agent.connect(send_credentials=True)
    for arn in (first, second, third):
        agent.wait_payload(arn)


def test_unacknowledged_after_a_restart(own_api):
    """The outbox is in the store (section 16.3)."""
    cluster = own_api.cluster()
    agent = own_api.agent(cluster, runs=False, acks=False)
    one, two = run(own_api, cluster), run(own_api, cluster)
    agent.wait_payload(two)
    agent.ack(agent.wait_payload(one)["message"])
    own_api.raw("StopTask", {"cluster": cluster, "task": one})
    agent.wait_payload(one, "STOPPED")
    own_api.server.kill()
    agent.wait_closed()
    own_api.server.start()
    agent.disconnect()
    agent.messages.clear()
    agent.connect(send_credentials=False)
    agent.wait_payload(two)
    agent.wait_payload(one, "STOPPED")


def test_a_stopped_report_is_an_acknowledgment(api, cluster):
    """AP-225: a payload that cannot be read is never acknowledged, its task is reported STOPPED."""
    agent = api.agent(cluster, runs=False, acks=False)
    bad = run(api, cluster)
    agent.wait_payload(bad)
    agent.submit(bad, "STOPPED", reason="UnrecogniedTaskError: Error loading task - x")
    task = api.task(cluster, bad)
    assert (task["lastStatus"], task["stopCode"]) == ("STOPPED", "TaskFailedToStart") and "UnrecogniedTaskError" in task["stoppedReason"]
    agent.disconnect()
    agent.messages.clear()
    agent.connect(send_credentials=False)
    marker = run(api, cluster)
    agent.wait_payload(marker)
    assert agent.payloads(bad) == []


def test_the_newest_connection_is_the_one(api, cluster):
    """AP-204: the old one is closed in order, and the instance stays connected."""
    agent = api.agent(cluster, runs=False)
    old = agent.acs
    agent.connect()
    assert agent.wait_closed(old)[0] == 1000
    assert instance(api, agent)["agentConnected"] is True
    old.abort()
    task = run(api, cluster)
    agent.wait_payload(task)
    assert instance(api, agent)["agentConnected"] is True


def test_a_server_that_ends_does_not_wait_for_its_agents(own_api):
    """AP-026, AP-216: a close frame agents come back after; one that answers it and leaves the ending to us holds nothing up."""
    agent = own_api.agent(own_api.cluster(), tcs=True)
    started = time.monotonic()
    assert own_api.server.stop() == 0, own_api.server.output()
    assert time.monotonic() - started < 4
    assert agent.wait_closed(agent.acs)[0] in (1000, 1001) and agent.wait_closed(agent.tcs)[0] in (1000, 1001)


def test_the_manifest_and_its_questions(api, cluster):
    """AP-241, AP-242: what is wanted is listed; only what is not wanted is confirmed; once, and for the last manifest."""
    agent = api.agent(cluster, runs=False)
    task, stopped = run(api, cluster), run(api, cluster)
    for arn in (task, stopped):
        agent.wait_payload(arn)
        agent.report_running(arn, ["main"])
    agent.disconnect()
    api.raw("StopTask", {"cluster": cluster, "task": stopped})
    agent.messages.clear()
    agent.connect()
    manifest = agent.wait(lambda m: m["type"] == "TaskManifestMessage")["message"]
    assert {(t["taskArn"], t["desiredStatus"]) for t in manifest["tasks"]} == {(task, "RUNNING"), (stopped, "STOPPED")}
    unknown = task[:-32] + "0" * 32
    other = unknown.replace("000000000000", "999999999999")

    def ask(message_id, *arns):
        before = len(agent.messages)
        agent.say("TaskStopVerificationMessage", messageId=message_id, stopCandidates=[
            {"taskArn": a, "taskClusterArn": manifest["clusterArn"], "desiredStatus": "STOPPED"} for a in arns])
        return TailOf(agent.messages, before)

    ask("manifest-0", unknown)
    ask(None, unknown)
    tail = ask(manifest["messageId"], unknown, task, stopped, other, "x")
    answer = agent.wait(lambda m: m["type"] == "TaskStopVerificationAck", where=tail)["message"]
    assert answer["messageId"] == manifest["messageId"] and answer["generatedAt"]
    # The stop of `stopped` came as a payload: an agent that is told both ways at once loses the task.
    assert [(t["taskArn"], t["desiredStatus"]) for t in answer["stopTasks"]] == [(unknown, "STOPPED")]
    agent.wait_payload(stopped, "STOPPED")
    ask(manifest["messageId"], unknown)
    marker = run(api, cluster)
    agent.wait_payload(marker)
    assert len([m for m in agent.messages if m["type"] == "TaskStopVerificationAck"]) == 1


def test_messages_of_other_kinds_are_passed_over(api, cluster):
    """AP-211, AP-220: unknown types and acks of what was never sent change nothing; a ping has its pong."""
    agent = api.agent(cluster, runs=False)
    before = everything(api, cluster)
    for message in ({"type": "NewKind", "message": {"a": 1}}, {"type": "AckRequest", "message": {"messageId": "never"}},
                    {"type": "AckRequest", "message": {}}, {"type": "NackRequest", "message": {"messageId": "x", "reason": "y"}},
                    {"type": "AckRequest", "message": {"messageId": "0" * 32 + ".1"}}, {"type": "HeartbeatAckRequest", "message": {}}):
        agent.acs.send(json.dumps(message))
    task = run(api, cluster)
    agent.wait_payload(task)
    assert not agent.acs.closed
    api.raw("StopTask", {"cluster": cluster, "task": task})
    assert everything(api, cluster)[3:][0] == before[3]


# ---- refusals ----

def refused(agent, url, key=None, host=None):
    with pytest.raises(Refused) as err:
        WebSocket(url, sign_get(key or agent.key, url, host=host))
    body = json.loads(err.value.body)
    assert len(body) == 1, body  # AP-206: one key, the exception's name
    (name, message), = body.items()
    assert err.value.status == 400 and message
    return name, message


def test_a_deregistered_instance(api, cluster):
    """AP-206, AP-217, section 16.9: in the one form that makes the agent pause; the open sessions end."""
    agent = api.agent(cluster, tcs=True)
    api.raw("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": agent.arn})
    agent.wait_closed(agent.acs)
    agent.wait_closed(agent.tcs)
    assert refused(agent, agent.acs_url()) == ("InactiveInstanceException", "Container instance is deregistered.")
    assert refused(agent, agent.tcs_url())[0] == "InactiveInstanceException"


def test_other_refused_upgrades(api, cluster, fails):
    """AP-206, AP-217: by name; none of them is the one that pauses an agent for an hour."""
    agent = api.agent(cluster, connect=False)
    for url, name in (
            (agent.acs_url(arn=agent.arn[:-32] + "0" * 32), "InvalidInstanceException"),
            (agent.acs_url(arn="nonsense"), "InvalidInstanceException"),
            (agent.acs_url(cluster="elsewhere", arn=agent.arn[-32:]), "InvalidClusterException"),
            (agent.tcs_url(arn=agent.arn[:-32] + "0" * 32), "InvalidInstanceException"),
            (agent.acs_url().replace("containerInstanceArn", "other"), "InvalidInstanceException")):
        assert refused(agent, url)[0] == name, url
    assert refused(agent, agent.acs_url(), key=(agent.key[0], "wrong"))[0] == "InvalidSignatureException"
    assert refused(agent, agent.acs_url(), key=("AKIAUNKNOWN", "wrong"))[0] == "UnrecognizedClientException"
    assert instance(api, agent)["agentConnected"] is False
    # The query is part of what is signed.
    with pytest.raises(Refused) as err:
        WebSocket(agent.acs_url(), sign_get(agent.key, agent.acs_url().replace("seqNum=1", "seqNum=2")))
    assert list(json.loads(err.value.body)) == ["InvalidSignatureException"]
    # By cluster ARN it is as good as by name.
    ws = agent.open(agent.acs_url(cluster="arn:aws:ecs:us-east-1:000000000000:cluster/" + cluster))
    assert json.loads(ws.recv())["type"] == "HeartbeatMessage"
    ws.close()


# ---- a silent agent ----

def test_a_silent_agent(api, cluster):
    """CL-252: within 20 s it shows as disconnected, without a byte from its host; its task stays and no new one goes there."""
    agent = api.agent(cluster)
    task = run(api, cluster)
    api.until_task(cluster, task, "RUNNING")
    agent.acks = False
    agent.acs.answers_pings = False
    started = time.monotonic()
    api.until(lambda: not instance(api, agent)["agentConnected"], "disconnected", 21)
    assert time.monotonic() - started <= 20.5
    assert api.task(cluster, task)["lastStatus"] == "RUNNING" and api.task(cluster, task)["connectivity"] == "DISCONNECTED"
    assert api.raw("RunTask", {"cluster": cluster, "taskDefinition": api.define()})["failures"][0]["reason"] == "AGENT"
    assert instance(api, agent)["status"] == "ACTIVE"


# ---- reports ----

def test_reports_of_unknown_tasks(api, cluster):
    """AP-129, AP-132, AP-133: answered with success, for the agent would repeat them for a day."""
    agent = api.agent(cluster)
    task = "arn:aws:ecs:us-east-1:000000000000:task/%s/%s" % (cluster, "0" * 32)
    assert agent.submit(task, "STOPPED", [{"containerName": "x", "status": "STOPPED", "exitCode": 1}])["acknowledgment"]
    assert agent.call("SubmitContainerStateChange", cluster=cluster, task=task, containerName="x", status="STOPPED")["acknowledgment"]
    assert agent.call("SubmitAttachmentStateChanges", cluster=cluster, attachments=[
        {"attachmentArn": "arn:aws:ecs:us-east-1:000000000000:attachment/1", "status": "ATTACHED"}])["acknowledgment"]


def test_repeats_and_late_reports(api, cluster):
    """AP-124, AP-129, section 16.8: idempotent, and never backwards."""
    agent = api.agent(cluster, runs=False)
    arn = run(api, cluster)
    agent.wait_payload(arn)
    agent.submit(arn, "PENDING", [{"containerName": "main", "status": "PENDING", "imageDigest": "sha256:" + "a" * 64}])
    assert api.task(cluster, arn)["lastStatus"] == "PENDING"
    assert api.task(cluster, arn)["containers"][0]["imageDigest"] == "sha256:" + "a" * 64
    agent.submit(arn, "RUNNING", [{"containerName": "main", "status": "RUNNING", "runtimeId": "b" * 64}])
    first = api.task(cluster, arn)
    agent.submit(arn, "RUNNING", [{"containerName": "main", "status": "RUNNING", "runtimeId": "b" * 64}])
    agent.submit(arn, "PENDING", [{"containerName": "main", "status": "PENDING"}])
    assert api.task(cluster, arn) == first
    agent.submit(arn, "STOPPED", [{"containerName": "main", "status": "STOPPED", "exitCode": 3}])
    last = api.task(cluster, arn)
    assert last["lastStatus"] == "STOPPED"
    for status in ("STOPPED", "RUNNING", "PENDING"):
        agent.submit(arn, status, [{"containerName": "main", "status": status, "exitCode": 9}])
    agent.call("SubmitContainerStateChange", cluster=cluster, task=arn, containerName="main", status="RUNNING")
    assert api.task(cluster, arn) == last


def test_reports_with_every_member(api, cluster):
    """AP-121, AP-122, AP-125, AP-130 to AP-132, API-178."""
    agent = api.agent(cluster, runs=False)
    arn = run(api, cluster, api.raw("RegisterTaskDefinition", {"family": "ranges", "containerDefinitions": [
        {"name": "a", "image": "b", "memory": 8, "portMappings": [{"containerPortRange": "9000-9002"}]},
        {"name": "b", "image": "b", "memory": 8, "essential": False}]})["taskDefinition"]["taskDefinitionArn"])
    agent.wait_payload(arn)
    ranges = [{"bindIP": "0.0.0.0", "containerPortRange": "9000-9002", "hostPortRange": "32768-32770", "protocol": "tcp"}]
    agent.submit(arn, "RUNNING", [{"containerName": "a", "status": "RUNNING", "runtimeId": "a" * 64, "networkBindings": ranges},
                                  {"containerName": "b", "status": "RUNNING", "networkBindings": []},
                                  {"containerName": "~internal~pause", "status": "RUNNING"}],
                 managedAgents=[{"containerName": "a", "managedAgentName": "ExecuteCommandAgent", "status": "RUNNING"}],
                 attachments=[{"attachmentArn": "arn:aws:ecs:us-east-1:000000000000:attachment/x", "status": "ATTACHED"}])
    task = api.raw("DescribeTasks", {"cluster": cluster, "tasks": [arn]})["tasks"][0]
    assert [c["name"] for c in task["containers"]] == ["a", "b"]
    assert task["containers"][0]["networkBindings"] == ranges
    agent.call("SubmitContainerStateChange", cluster=cluster, task=arn, containerName="b", runtimeId="c" * 64, status="STOPPED", exitCode=4,
               reason="OutOfMemoryError: Container killed due to memory usage")
    b = api.task(cluster, arn)["containers"][1]
    assert (b["lastStatus"], b["exitCode"], b["runtimeId"]) == ("STOPPED", 4, "c" * 64) and b["reason"].startswith("OutOfMemoryError")
    assert api.task(cluster, arn)["lastStatus"] == "RUNNING"
    agent.call("SubmitTaskStateChange", cluster=cluster, task=arn, attachments=[
        {"attachmentArn": "arn:aws:ecs:us-east-1:000000000000:attachment/x", "status": "ATTACHED"}])  # no status at all (AP-131)
    agent.submit(arn, "STOPPED", [{"containerName": "a", "status": "STOPPED", "reason": "x" * 5000}], reason="y" * 5000)
    task = api.task(cluster, arn)
    assert task["lastStatus"] == "STOPPED" and len(task["containers"][0]["reason"]) <= 1024 and len(task["stoppedReason"]) <= 1024


def test_managed_agents(api, cluster):
    """AP-130, API-200, MS-097: the agent that ExecuteCommand speaks with, in each container, and what is told of it."""
    role = "arn:aws:iam::000000000000:role/task"
    definition = api.raw("RegisterTaskDefinition", {"family": "managed", "taskRoleArn": role, "containerDefinitions": [
        {"name": "a", "image": "b", "memory": 8}, {"name": "b", "image": "b", "memory": 8}]})["taskDefinition"]["taskDefinitionArn"]
    agent = api.agent(cluster, runs=False)
    begun = api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition, "enableExecuteCommand": True})["tasks"][0]
    begun_at = api.task(cluster, begun["taskArn"])["createdAt"]
    arn, agent_name = begun["taskArn"], "ExecuteCommandAgent"
    pending = [{"name": agent_name, "lastStatus": "PENDING"}]
    assert [c["managedAgents"] for c in begun["containers"]] == [pending, pending]
    told = agent.wait_payload(arn)["message"]["tasks"][0]
    assert [c["managedAgents"] for c in told["containers"]] == [[{"name": agent_name}]] * 2

    def report(status, container="a", reason=None, task="RUNNING", containers=()):
        change = {"containerName": container, "managedAgentName": agent_name, "status": status, **({"reason": reason} if reason else {})}
        agent.submit(arn, task, list(containers), managedAgents=[change])
        return [c["managedAgents"][0] for c in api.task(cluster, arn)["containers"]]

    def version():
        return api.task(cluster, arn)["version"]

    running = [{"containerName": c, "status": "RUNNING", "runtimeId": c * 64} for c in "ab"]
    first, other = report("RUNNING", containers=running)
    assert first["lastStatus"] == "RUNNING" and first["lastStartedAt"] >= begun_at and "reason" not in first
    assert [other] == pending
    known = version()
    for late in ("RUNNING", "PENDING", "SLEEPING"):  # repeated, late, unknown: no news (AP-129)
        assert report(late)[0] == first
    report("RUNNING", container="~internal~pause")
    assert version() == known
    ended = report("STOPPED", reason="ExecuteCommandAgent exited")[0]
    assert (ended["lastStatus"], ended["reason"], ended["lastStartedAt"]) == ("STOPPED", "ExecuteCommandAgent exited", first["lastStartedAt"])
    assert version() == known + 1
    again = report("RUNNING", reason="x" * 5000)[0]
    assert again["lastStatus"] == "RUNNING" and again["lastStartedAt"] >= first["lastStartedAt"] and len(again["reason"]) == 1024
    last = report("STOPPED", task="STOPPED", containers=[{"containerName": c, "status": "STOPPED", "exitCode": 0} for c in "ab"])
    assert [one["lastStatus"] for one in last] == ["STOPPED", "STOPPED"] and "lastStartedAt" not in last[1]
    plain = run(api, cluster)
    assert all("managedAgents" not in c for c in api.task(cluster, plain)["containers"])


def test_what_was_reported_survives_a_kill(own_api):
    """AP-130, AP-510, MS-058: states of managed agents, health and digests are in the store; what is told again is no news."""
    api, cluster = own_api, own_api.cluster()
    agent = api.agent(cluster, runs=False, tcs=True)
    definition = api.raw("RegisterTaskDefinition", {"family": "kept", "taskRoleArn": "arn:aws:iam::000000000000:role/task", "containerDefinitions": [
        {"name": "a", "image": "b", "memory": 8, "healthCheck": CHECK}]})["taskDefinition"]["taskDefinitionArn"]
    arn = run(api, cluster, definition, enableExecuteCommand=True)
    agent.wait_payload(arn)

    def report():
        agent.submit(arn, "RUNNING", [{"containerName": "a", "status": "RUNNING", "runtimeId": "a" * 64, "imageDigest": "sha256:" + "e" * 64}],
                     managedAgents=[{"containerName": "a", "managedAgentName": "ExecuteCommandAgent", "status": "RUNNING"}])

    report()
    agent.publish_health(arn, a="UNHEALTHY")
    known = api.until(lambda: (lambda t: t if t["healthStatus"] == "UNHEALTHY" else None)(api.task(cluster, arn)), "the health is there")
    assert known["containers"][0]["managedAgents"][0]["lastStatus"] == "RUNNING"
    api.server.kill()
    api.server.start()
    agent.disconnect()
    agent.connect()
    report()
    after = api.task(cluster, arn)
    assert [after.pop("connectivityAt") >= known.pop("connectivityAt"), after == known] == [True, True]


def test_a_host_that_lost_its_tasks_is_told_them_again(api, cluster):
    """AP-205, AP-214, AP-243: acknowledged or not, once its process is new; a mere reconnect tells what was not acknowledged."""
    agent = api.agent(cluster)
    arn = run(api, cluster)
    api.until_task(cluster, arn, "RUNNING")
    for send_credentials, told in ((False, False), (True, True)):
        agent.disconnect()
        agent.messages.clear()
        agent.connect(send_credentials=send_credentials)
        agent.wait(lambda m: m["type"] == "TaskManifestMessage")
        if told:
            agent.wait_payload(arn)
        marker = run(api, cluster)
        agent.wait_payload(marker)  # told after what a reconnect tells
        assert bool(agent.payloads(arn)) == told


def test_no_host_is_told_what_cannot_ever_fit(api, cluster):
    """AP-414, AP-415: it would block all that come after it."""
    agent = api.agent(cluster)
    small = run(api, cluster)
    for more in ({"cpu": 4097}, {"memory": 8193}, {"portMappings": [{"containerPort": 80, "hostPort": 22}]}):
        huge = api.define(containerDefinitions=[dict({"name": "main", "image": "b", "memory": 16}, **more)])
        for answer in (api.raw("RunTask", {"cluster": cluster, "taskDefinition": huge}),
                       api.raw("StartTask", {"cluster": cluster, "taskDefinition": huge, "containerInstances": [agent.arn]})):
            assert answer["tasks"] == [] and answer["failures"][0]["reason"].startswith("RESOURCE:"), answer
    api.raw("CreateService", {"cluster": cluster, "serviceName": "huge", "taskDefinition": huge, "desiredCount": 1})
    api.until(lambda: api.service(cluster, "huge")["events"], "the service says that it finds no place")
    last = run(api, cluster)
    agent.wait_payload(last)
    assert {told["tasks"][0]["arn"] for told in agent.payloads()} == {small, last}


def test_reports_that_cannot_be_understood(api, cluster, fails):
    """AP-128, API-179: InvalidParameterException makes the agent drop the event."""
    agent = api.agent(cluster, runs=False)
    arn = run(api, cluster)
    agent.wait_payload(arn)
    before = api.task(cluster, arn)
    for body in ({"task": "nonsense", "status": "RUNNING"}, {"task": "arn:aws:ecs:us-east-1:999999999999:task/x/" + "0" * 32},
                 {"task": arn, "status": "RUNNING", "containers": [{"status": "RUNNING"}]}, {"status": "RUNNING"},
                 {"task": arn, "status": "RUNNING", "containers": [{"containerName": "main", "status": "RUNNING", "networkBindings": [
                     {"containerPort": i} for i in range(101)]}]}):
        with fails("InvalidParameterException"):
            agent.call("SubmitTaskStateChange", cluster=cluster, **body)
    assert api.task(cluster, arn) == before


# ---- telemetry ----

CHECK = {"command": ["CMD", "true"]}


def test_health_reaches_describe_tasks(api, cluster):
    """AP-510, API-199, TD-092, TD-270, API-247: by container, the essential ones for the task; a lost connection changes nothing."""
    agent = api.agent(cluster, tcs=True, runs=False)
    arn = run(api, cluster, api.define(containerDefinitions=[
        {"name": "a", "image": "b", "memory": 8, "healthCheck": CHECK}, {"name": "b", "image": "b", "memory": 8, "healthCheck": CHECK},
        {"name": "side", "image": "b", "memory": 8, "healthCheck": CHECK, "essential": False},
        {"name": "none", "image": "b", "memory": 8, "essential": False}]))
    agent.wait_payload(arn)
    agent.report_running(arn, ["a", "b", "side", "none"])

    def after(**statuses):
        seen = len(agent.telemetry)
        agent.publish_health(arn, **statuses)
        agent.wait(lambda m: m["type"] == "AckPublishHealth", where=TailOf(agent.telemetry, seen))
        task = api.task(cluster, arn)
        return task["healthStatus"], [c["healthStatus"] for c in task["containers"]]

    assert after(a="HEALTHY") == ("UNKNOWN", ["HEALTHY", "UNKNOWN", "UNKNOWN", "UNKNOWN"])
    assert after(b="HEALTHY") == ("HEALTHY", ["HEALTHY", "HEALTHY", "UNKNOWN", "UNKNOWN"])
    assert after(side="UNHEALTHY") == ("HEALTHY", ["HEALTHY", "HEALTHY", "UNHEALTHY", "UNKNOWN"])
    assert after(none="UNHEALTHY", nobody="UNHEALTHY", a="SOMEHOW") == ("HEALTHY", ["HEALTHY", "HEALTHY", "UNHEALTHY", "UNKNOWN"])
    version = api.task(cluster, arn)["version"]
    assert after(a="HEALTHY", b="HEALTHY")[0] == "HEALTHY" and api.task(cluster, arn)["version"] == version
    assert after(a="UNHEALTHY") == ("UNHEALTHY", ["UNHEALTHY", "HEALTHY", "UNHEALTHY", "UNKNOWN"])
    assert api.task(cluster, arn)["lastStatus"] == "RUNNING"  # a standalone task keeps running
    assert after(a="HEALTHY")[0] == "HEALTHY"
    agent.disconnect()
    api.until(lambda: not instance(api, agent)["agentConnected"])
    assert api.task(cluster, arn)["healthStatus"] == "HEALTHY"


def test_frames_that_are_not_signed_by_the_agent(api, cluster):
    """AP-503, section 16.7: another key, another body, an old frame, none at all: refused by a typed answer, nothing applied."""
    agent = api.agent(cluster, tcs=True, runs=False)
    arn = run(api, cluster, api.define(containerDefinitions=[{"name": "main", "image": "b", "memory": 8, "healthCheck": CHECK}]))
    agent.wait_payload(arn)
    agent.report_running(arn, ["main"])
    body = {"metadata": agent.metadata(), "timestamp": time.time(), "tasks": [{
        "taskArn": arn, "taskDefinitionFamily": "f", "taskDefinitionVersion": "1",
        "containers": [{"containerName": "main", "healthStatus": "UNHEALTHY", "statusSince": time.time()}]}]}
    good = agent.signed_frame("PublishHealthRequest", **body)
    head, _, text = good.partition("\r\n\r\n")
    recorded = [line for line in records("wire.jsonl") if line["kind"] == "tcs-frame" and line["op"] == TEXT][0]
    bad = [
        agent.signed_frame("PublishHealthRequest", key=(agent.key[0], "wrong"), **body),
        agent.signed_frame("PublishHealthRequest", key=api.key, **body),
        agent.signed_frame("PublishHealthRequest", address=agent.tcs_address + "&more=1", **body),
        head + "\r\n\r\n" + text.replace("main", "mean"), head + "\r\n\r\n" + text + " ", text, "\r\n\r\n" + text, head, "",
        "\r\n".join(recorded["headers"]) + "\r\n\r\n" + json.dumps(recorded["body"]),
        head.replace("SignedHeaders=host;x-amz-date", "SignedHeaders=host") + "\r\n\r\n" + text]
    for one in bad:
        seen = len(agent.telemetry)
        agent.tcs.send(one)
        answer = agent.wait(lambda m: m["type"] != "HeartbeatMessage", where=TailOf(agent.telemetry, seen))
        assert answer["type"].endswith("Exception") and answer["message"]["message"], (one[:300], answer)
    assert api.task(cluster, arn)["healthStatus"] == "UNKNOWN"
    agent.tcs.send(good)
    agent.wait(lambda m: m["type"] == "AckPublishHealth", where=agent.telemetry)
    assert api.task(cluster, arn)["healthStatus"] == "UNHEALTHY"


def test_metrics_are_acknowledged(api, cluster):
    """AP-504, AP-505, AP-511: the first frame at once, status of the instance too; the session is not that of commands."""
    agent = api.agent(cluster, connect=False).connect_tcs()
    agent.publish("PublishMetricsRequest", metadata=agent.metadata(idle=True), timestamp=time.time())
    agent.wait(lambda m: m["type"] == "AckPublishMetric", where=agent.telemetry)
    agent.publish("PublishInstanceStatusRequest", metadata={"cluster": cluster, "containerInstance": agent.arn, "requestId": "r"},
                  timestamp=time.time(), statuses=[{"type": "ContainerRuntime", "status": "OK", "lastUpdated": 1.5, "lastStatusChange": 1.5}])
    agent.wait(lambda m: m["type"] == "AckPublishInstanceStatus", where=agent.telemetry)
    assert instance(api, agent)["agentConnected"] is False


# ---- callers that may not ----

def test_what_an_agents_key_may_not_do(api, cluster, fails):
    """CL-268, API-180, API-023: the agent's operations, for its own instance and cluster; nothing changed."""
    agent, other = api.agent(cluster, runs=False), api.agent(cluster, runs=False)
    elsewhere = api.cluster()
    definition = api.define()
    mine, theirs = (api.raw("StartTask", {"cluster": cluster, "taskDefinition": definition, "containerInstances": [a.arn]})["tasks"][0]["taskArn"]
                    for a in (agent, other))
    agent.wait_payload(mine)
    other.wait_payload(theirs)
    before = everything(api, cluster)
    stopped = [{"containerName": "main", "status": "STOPPED", "exitCode": 1}]
    for operation, body in (
            ("RunTask", {"cluster": cluster, "taskDefinition": definition}),
            ("StartTask", {"cluster": cluster, "taskDefinition": definition, "containerInstances": [agent.arn]}),
            ("StopTask", {"cluster": cluster, "task": mine}),
            ("CreateService", {"cluster": cluster, "serviceName": "s", "taskDefinition": definition, "desiredCount": 1}),
            ("CreateCluster", {"clusterName": "mine"}), ("DeleteCluster", {"cluster": elsewhere}),
            ("RegisterTaskDefinition", {"family": "evil", "containerDefinitions": [{"name": "a", "image": "b", "memory": 4}]}),
            ("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": other.arn}),
            ("UpdateContainerInstancesState", {"cluster": cluster, "containerInstances": [other.arn], "status": "DRAINING"}),
            ("DescribeTasks", {"cluster": cluster, "tasks": [theirs]}), ("ListTasks", {"cluster": cluster}),
            ("TagResource", {"resourceArn": theirs, "tags": [{"key": "a", "value": "b"}]}),
            ("SubmitTaskStateChange", {"cluster": cluster, "task": theirs, "status": "STOPPED", "containers": stopped}),
            ("SubmitContainerStateChange", {"cluster": cluster, "task": theirs, "containerName": "main", "status": "STOPPED"}),
            ("RegisterContainerInstance", {"cluster": elsewhere, "totalResources": resources()}),
            ("RegisterContainerInstance", {"cluster": cluster, "totalResources": resources()}),
            ("RegisterContainerInstance", {"cluster": cluster, "totalResources": resources(), "containerInstanceArn": other.arn}),
            ("DiscoverPollEndpoint", {"cluster": cluster, "containerInstance": other.arn}),
            ("DiscoverPollEndpoint", {"cluster": elsewhere})):
        with fails("AccessDeniedException", "~is not authorized to perform: ecs:" + operation):
            agent.call(operation, **body)
        assert everything(api, cluster) == before, operation
    for url in (agent.acs_url(arn=other.arn), agent.tcs_url(arn=other.arn)):
        assert refused(agent, url)[0] == "AccessDeniedException"
    assert everything(api, cluster) == before
    # Health of a task elsewhere, over its own channel.
    agent.connect_tcs()
    agent.publish_health(theirs, main="UNHEALTHY")
    agent.wait(lambda m: m["type"] == "AckPublishHealth", where=agent.telemetry)
    assert everything(api, cluster) == before
    agent.submit(mine, "STOPPED", stopped)
    assert api.task(cluster, mine)["lastStatus"] == "STOPPED"


def test_a_fresh_agents_key(api, cluster, fails):
    """Not bound yet: it may join its cluster, and be no one else."""
    other = api.agent(cluster, runs=False)
    task = run(api, cluster)
    other.wait_payload(task)
    fresh = FakeAgent(api.server.url, api.server.create_key(agentCluster=cluster), cluster)
    fresh.arn = other.arn
    before = everything(api, cluster)
    with fails("AccessDeniedException"):
        fresh.register()
    with fails("AccessDeniedException"):
        fresh.submit(task, "STOPPED")
    assert refused(fresh, fresh.acs_url())[0] == "AccessDeniedException"
    assert everything(api, cluster) == before


def test_another_account(api, cluster, fails):
    """A second account sees nothing of the first and changes nothing in it, by name or by ARN, call or socket."""
    agent = api.agent(cluster, runs=False)
    task = run(api, cluster, api.define("secret-family"))
    agent.wait_payload(task)
    service = api.raw("CreateService", {"cluster": cluster, "serviceName": "s", "taskDefinition": "secret-family", "desiredCount": 0})["service"]
    arn = service["clusterArn"]
    before = everything(api, cluster)
    key = api.server.create_key(account="222222222222")
    spy = FakeAgent(api.server.url, key, cluster)
    spy.arn = agent.arn
    for operation, member in (("ListClusters", "clusterArns"), ("ListTaskDefinitions", "taskDefinitionArns"), ("ListTaskDefinitionFamilies", "families")):
        assert spy.call(operation)[member] == []
    assert spy.call("DescribeClusters", clusters=[cluster])["clusters"] == []
    for operation, body in (
            ("DescribeClusters", {"clusters": [arn]}), ("ListTasks", {"cluster": arn}), ("DescribeTasks", {"cluster": arn, "tasks": [task]}),
            ("StopTask", {"cluster": arn, "task": task}), ("DeleteCluster", {"cluster": arn}), ("ListTasks", {"cluster": cluster}),
            ("DescribeTasks", {"cluster": cluster, "tasks": [task]}), ("StopTask", {"cluster": cluster, "task": task}),
            ("DescribeServices", {"cluster": arn, "services": [service["serviceArn"]]}), ("UpdateService", {"cluster": arn, "service": "s", "desiredCount": 9}),
            ("DeleteService", {"cluster": arn, "service": "s"}), ("DescribeTaskDefinition", {"taskDefinition": "secret-family"}),
            ("DescribeTaskDefinition", {"taskDefinition": service["taskDefinition"]}), ("DeregisterTaskDefinition", {"taskDefinition": service["taskDefinition"]}),
            ("RunTask", {"cluster": arn, "taskDefinition": service["taskDefinition"]}), ("ListTagsForResource", {"resourceArn": task}),
            ("TagResource", {"resourceArn": task, "tags": [{"key": "a", "value": "b"}]}),
            ("DeregisterContainerInstance", {"cluster": arn, "containerInstance": agent.arn}),
            ("UpdateContainerInstancesState", {"cluster": arn, "containerInstances": [agent.arn], "status": "DRAINING"}),
            ("RegisterContainerInstance", {"cluster": cluster, "containerInstanceArn": agent.arn, "totalResources": resources()}),
            ("SubmitTaskStateChange", {"cluster": cluster, "task": task, "status": "STOPPED"})):
        with pytest.raises(ApiError) as err:
            spy.call(operation, **body)
        assert err.value.status == 400 and "secret" not in (err.value.message or "").replace(str(body), "").replace("secret-family", "")
    for url in (spy.acs_url(), spy.acs_url(arn=agent.arn[-32:]), spy.tcs_url(), spy.acs_url(cluster=arn)):
        assert refused(spy, url)[0] in ("InvalidInstanceException", "InvalidClusterException", "AccessDeniedException")
    assert everything(api, cluster) == before
    assert spy.call("CreateCluster", clusterName=cluster)["cluster"]["clusterArn"] != arn
    assert spy.call("SubmitTaskStateChange", cluster=cluster, task=task.rsplit("/", 1)[1], status="STOPPED")["acknowledgment"]
    assert everything(api, cluster) == before


# ---- ten thousand ----

def raw_exchange(server, data, timeout=20):
    host, port = server.url.split("://")[1].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=timeout) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            received = b""
            while piece := sock.recv(65536):
                received += piece
        except ConnectionError:
            received = b"reset"
    return received


def mangled(rng, data):
    data = bytearray(data)
    for _ in range(rng.randrange(1, 8)):
        how = rng.randrange(4)
        at = rng.randrange(len(data))
        if how == 0:
            data[at] = rng.randrange(256)
        elif how == 1:
            del data[at:at + rng.randrange(1, 20)]
        elif how == 2:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 10)))
        else:
            data[at:at] = data[:rng.randrange(30)]
        if not data:
            data = bytearray(b"x")
    return bytes(data)


def test_ten_thousand_malformed_frames_and_upgrades(own_api):
    """A clear close or error each, no crash, no leak (the fixture sees to it), no state changed."""
    seed = os.environ.get("SEED", "1")
    print("seed", seed)
    rng = random.Random(seed)
    api, server = own_api, own_api.server
    cluster = api.cluster()
    victim, attacker = api.agent(cluster, runs=False), api.agent(cluster, connect=False)
    task = api.raw("StartTask", {"cluster": cluster, "taskDefinition": api.define(), "containerInstances": [victim.arn]})["tasks"][0]["taskArn"]
    victim.wait_payload(task)
    attacker.connect(tcs=True)
    attacker.disconnect()
    api.until(lambda: not instance(api, attacker)["agentConnected"])
    before = everything(api, cluster)

    # Upgrade requests: whatever is changed in a signed one is refused, or is not HTTP.
    urls = [attacker.acs_url(), attacker.tcs_url()]
    for _ in range(2500):
        url = rng.choice(urls)
        parts = urllib.parse.urlsplit(url)
        lines = ["GET %s?%s HTTP/1.1" % (parts.path, parts.query)] + ["%s: %s" % pair for pair in sign_get(("AKIA" + "X" * 16, "y"), url).items()]
        lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        answer = raw_exchange(server, mangled(rng, "\r\n".join(lines).encode()) + b"\r\n\r\n")
        assert not answer.startswith((b"HTTP/1.1 101", b"HTTP/1.1 5")) or answer.startswith((b"HTTP/1.1 501", b"HTTP/1.1 505")), answer
        assert answer == b"reset" or answer == b"" or answer.startswith(b"HTTP/1.1 "), answer

    # Frames below the protocol's rules end the connection with a code, at once.
    broken = [
        lambda: frame(b"x", masked=False), lambda: frame(b"x", opcode=rng.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])),
        lambda: frame(b"x", rsv=rng.randrange(1, 8)), lambda: frame(b"x" * 126, opcode=PING), lambda: frame(b"x", opcode=PING, fin=False),
        lambda: frame(b"x", opcode=0), lambda: frame(b"\xff\xfe\xc0"), lambda: frame(b"a", fin=False) + frame(b"b"),
        lambda: bytes([0x81, 0xff]) + struct.pack(">Q", 1 << 63) + b"mask", lambda: bytes([0x81, 0xff]) + struct.pack(">Q", 1 << 40) + b"mask",
        lambda: frame(b"\x00", opcode=CLOSE), lambda: frame(struct.pack(">H", rng.choice([0, 999, 1005, 1006, 1015, 5000])), opcode=CLOSE),
        lambda: frame(struct.pack(">H", 1000) + b"\xff\xff", opcode=CLOSE),
        lambda: frame(b"x" * 100, opcode=BINARY)]
    codes = {}
    attacker.messages.clear()
    for i in range(1500):
        url = urls[i % 2]
        if i % 100 < 2:
            headers = [sign_get(attacker.key, u) for u in urls]
        ws = WebSocket(url, headers[i % 2])
        ws.sock.sendall(broken[i % len(broken)]())
        while (text := ws.recv()) is not None:
            kind = json.loads(text)["type"]
            if kind.endswith("Exception"):  # TCS answers what it can read no sense in
                ws.closed = (0, kind)
                break
        codes[ws.closed[0]] = codes.get(ws.closed[0], 0) + 1
        ws.abort()
    assert 1006 not in codes, codes
    assert codes.get(1002, 0) > 700, codes

    # Messages that say nothing: a typed answer on the telemetry channel, a close after the last one that is borne on the other.
    words = ["{", "[]", "null", "\"x\"", "{}", "{\"type\":7}", "{\"type\":\"AckRequest\"}", "{\"message\":{}}", "[" * 2000, "{\"type\":\"AckRequest\",\"message\":[]}",
             "{\"type\":\"AckRequest\",\"message\":{\"messageId\":7}}", "{\"type\":\"TaskStopVerificationMessage\",\"message\":{\"stopCandidates\":{}}}",
             "\x00", "{\"type\":\"AckRequest\",\"message\":{}}}", "x" * 3000]
    sent = 0
    while sent < 3000:
        ws = WebSocket(urls[0], sign_get(attacker.key, urls[0]))
        for _ in range(40):
            text = rng.choice(words)
            if rng.random() < 0.5:
                text = mangled(rng, json.dumps({"type": "AckRequest", "message": {"messageId": task[-32:] + ".1"}}).encode()).decode("latin1")
            try:
                ws.send(text)
                sent += 1
            except OSError:
                break
        ws.close()
    sent = 0
    while sent < 3000:
        ws = WebSocket(urls[1], sign_get(attacker.key, urls[1]))
        good = attacker_frame(attacker, urls[1], task)
        while sent < 3000:
            ws.send(mangled(rng, good.encode()).decode("latin1"))
            sent += 1
            while (text := ws.recv()) is not None and json.loads(text)["type"] == "HeartbeatMessage":
                pass
            if text is None:
                assert ws.closed[0] == 1008, ws.closed
                break
            answer = json.loads(text)
            assert answer["type"].endswith("Exception") or answer["type"].startswith("Ack"), answer
        ws.abort()

    api.until(lambda: not instance(api, attacker)["agentConnected"])
    after = everything(api, cluster)
    assert after[0] == before[0] and after[2:] == before[2:]
    volatile = ("agentConnected", "version")  # a connection that comes and goes is told in events, and counted
    assert [{k: v for k, v in i.items() if k not in volatile} for i in after[1]] == [{k: v for k, v in i.items() if k not in volatile} for i in before[1]]
    assert not victim.acs.closed
    attacker.connect()
    assert instance(api, attacker)["agentConnected"] is True


def attacker_frame(attacker, url, task):
    attacker.tcs_address = url
    return attacker.signed_frame("PublishHealthRequest", metadata=attacker.metadata(), timestamp=time.time(), tasks=[
        {"taskArn": task, "containers": [{"containerName": "main", "healthStatus": "UNHEALTHY"}]}])


# ---- at last: what the observer heard ----

def test_heartbeats_keep_coming(api, observer):
    """AP-212, AP-504, section 16.4: on both channels, less than 50 s apart."""
    first = time.monotonic()
    beats = lambda heap: len([m for m in heap if m["type"] == "HeartbeatMessage"])  # noqa: E731
    acs, tcs = beats(observer.messages), beats(observer.telemetry)
    api.until(lambda: beats(observer.messages) > acs and beats(observer.telemetry) > tcs, "the next heartbeats", 50)
    assert time.monotonic() - first < 50 and not observer.acs.closed and not observer.tcs.closed and not observer.errors
