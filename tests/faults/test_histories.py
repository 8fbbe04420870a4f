"""What many clients are told while the server dies and comes back can be explained by one order of their calls: nothing acknowledged
is lost, repeated or reordered. And one task per clientToken, whatever happens to the connection."""
import http.client
import math
import os
import random
import shutil
import threading
import time
import uuid

import boto3
import pytest

from harness import api_model
from harness.fake_agent import FakeAgent
from harness.histories import Call, History, explain, explain_numbers
from harness.program import REGION, ApiError, Server, connected, eventually
from harness.proxy import Proxy
from harness.wire import Wire

KILLS = 20
CALLS_BETWEEN_KILLS = 300
SECONDS_MAX = 40
CLIENTS = 6
SEED = int(os.environ.get("SEED", random.randrange(10 ** 6)))
NO_ANSWER = (OSError, http.client.HTTPException)


# ---- the checker ----

def one_after_another(*steps):
    """A history from ("w", value) and ("r", value), none at the same time as another."""
    return [Call("write" if kind == "w" else "read", value, 2 * i, 2 * i + 1) for i, (kind, value) in enumerate(steps)]


def at(kind, value, begin, end=float("inf")):
    return Call("write" if kind == "w" else "read", value, begin, end)


EXPLAINED = {
    "nothing": [],
    "what was written is read": one_after_another(("w", 1), ("r", 1), ("w", 2), ("r", 2)),
    "two at once, the second wins": [at("w", 1, 0, 9), at("w", 2, 0, 9), at("r", 1, 10, 11), at("r", 1, 12, 13)],
    "a read during a write sees the old": [at("w", 1, 0, 1), at("w", 2, 2, 9), at("r", 1, 3, 4), at("r", 2, 5, 6)],
    "a write without an answer is seen much later": [at("w", 1, 0, 1), at("w", 2, 2), at("r", 1, 3, 4), at("r", 2, 50, 51)],
    "a write without an answer never happened": [at("w", 1, 0, 1), at("w", 2, 2), at("r", 1, 3, 4), at("r", 1, 50, 51)],
}
REFUSED = {
    "a value out of nowhere": one_after_another(("w", 1), ("r", 7)),
    "an acknowledged write is lost": one_after_another(("w", 1), ("w", 2), ("r", 1)),
    "lost after it was seen": one_after_another(("w", 1), ("w", 2), ("r", 2), ("r", 1)),
    "an effect is repeated": one_after_another(("w", 1), ("w", 2), ("r", 2), ("r", 1), ("r", 2)),
    "two writes are reordered": one_after_another(("w", 1), ("w", 2), ("w", 3), ("r", 2)),
    "two readers see two orders": [at("w", 1, 0, 9), at("w", 2, 0, 9), at("r", 1, 10, 11), at("r", 2, 12, 13), at("r", 1, 14, 15)],
    "a write without an answer, undone": [at("w", 1, 0, 1), at("w", 2, 2), at("r", 2, 3, 4), at("r", 1, 5, 6)],
    "a read from the future": [at("r", 1, 0, 1), at("w", 1, 2, 3)],
}


@pytest.mark.parametrize("why", EXPLAINED)
def test_the_checker_takes(why):
    assert explain(EXPLAINED[why]) is None


@pytest.mark.parametrize("why", REFUSED)
def test_the_checker_refuses(why):
    assert explain(REFUSED[why])


def made_up(rng, clients=4, calls=120):
    """What a register without faults tells clients that overlap: each call takes effect at a moment inside its interval."""
    events = []
    for _ in range(clients):
        now = 0.0
        for _ in range(calls // clients):
            begin = now + rng.random()
            moment = begin + rng.random()
            now = moment + rng.random()
            events.append([moment, begin, now, rng.random() < 0.5])
    value, history = None, []
    for number, (_, begin, end, is_write) in enumerate(sorted(events)):
        if is_write:
            value = number
        history.append(Call("write" if is_write else "read", value, begin, end))
    return history


def test_the_checker_and_its_mutants():
    """Histories of a right register are explained; with one read of what was overwritten before it began, or one acknowledged write
    taken back, they are not."""
    rng = random.Random(SEED)
    mutants = 0
    for _ in range(25):
        history = made_up(rng)
        assert explain(history) is None, "seed %d" % SEED
        for read in [call for call in history if call.kind == "read"]:
            before = [w for w in history if w.kind == "write" and w.end < read.begin]
            newest = max((w.begin for w in before), default=None)
            stale = [w.value for w in before if w.end < newest] if before else []
            if not stale:
                continue
            right, read.value = read.value, rng.choice(stale)
            assert explain(history), "seed %d" % SEED
            read.value = right
            mutants += 1
    assert mutants > 400


def test_the_checker_of_numbers():
    assert explain_numbers([(0, 1, 1), (2, 3, 2), (2, 4, 4), (2, 5, 3)]) is None
    assert "twice" in explain_numbers([(0, 1, 1), (2, 3, 1)])
    assert "after" in explain_numbers([(0, 1, 2), (2, 3, 1)])
    assert "after" in explain_numbers([(0, 1, 1), (0, 2, 5), (3, 4, 4)])


# ---- the server ----

@pytest.fixture
def world(tmp_path):
    print("SEED=%d" % SEED)
    server = Server(tmp_path).start()
    yield World(server)
    server.close()


class World:
    def __init__(self, server):
        self.server = server
        self.key = server.create_key()
        self.history = History()
        self.revisions, self.unknown_revisions = [], set()
        wire = Wire(server.url, self.key)
        self.cluster = wire.call("CreateCluster", clusterName="c")["cluster"]["clusterArn"]
        agent = Wire(server.url, server.create_key(agentCluster="c"))
        self.instance = agent.call("RegisterContainerInstance", cluster="c", totalResources=[])["containerInstance"]["containerInstanceArn"]
        nowhere = wire.call("RegisterTaskDefinition", family="nowhere", containerDefinitions=[{"name": "a", "image": "b", "memory": 6}])
        for name in ("s1", "s2"):
            wire.call("CreateService", cluster="c", serviceName=name, desiredCount=0, launchType="EXTERNAL",
                      taskDefinition=nowhere["taskDefinition"]["taskDefinitionArn"])
        wire.close()
        agent.close()

    # Each of these does one call; a register is (kind, name).

    def write(self, wire, rng, register, value):
        kind, name = register
        if kind == "tag":
            wire.call("TagResource", resourceArn=self.cluster, tags=[{"key": name, "value": str(value)}])
        elif kind == "attribute":
            wire.call("PutAttributes", cluster="c", attributes=[{"name": name, "value": str(value), "targetId": self.instance}])
        else:
            wire.call("UpdateService", cluster="c", service=name, desiredCount=value)

    def read(self, wire, rng, register):
        """By one of the operations that tell it."""
        kind, name = register
        if kind == "tag" and rng.random() < 0.5:
            return value_of(wire.call("ListTagsForResource", resourceArn=self.cluster)["tags"], "key", name)
        if kind == "tag":
            return value_of(wire.call("DescribeClusters", clusters=["c"], include=["TAGS"])["clusters"][0]["tags"], "key", name)
        if kind == "attribute" and rng.random() < 0.5:
            found = wire.call("ListAttributes", cluster="c", targetType="container-instance", attributeName=name)["attributes"]
            return value_of(found, "name", name)
        if kind == "attribute":
            found = wire.call("DescribeContainerInstances", cluster="c", containerInstances=[self.instance])["containerInstances"][0]
            return value_of(found["attributes"], "name", name)
        return wire.call("DescribeServices", cluster="c", services=[name])["services"][0]["desiredCount"]

    def register_revision(self, wire, mark):
        """A revision whose content says who made it."""
        self.unknown_revisions.add(mark)
        begin = time.monotonic()
        made = wire.call("RegisterTaskDefinition", family="counted", containerDefinitions=[
            {"name": "a", "image": mark, "memory": 6}])["taskDefinition"]
        self.revisions.append((begin, time.monotonic(), made["revision"], mark))
        self.unknown_revisions.discard(mark)



def value_of(pairs, key, name):
    found = [int(pair["value"]) for pair in pairs if pair[key] == name]
    assert len(found) <= 1, pairs
    return found[0] if found else None


def client(world, number, stop):
    """Calls without end; what has no answer is noted as such, and the next call is another one."""
    rng = random.Random(SEED * 100 + number)
    wire = Wire(world.server.url, world.key, timeout=20)
    registers = [("tag", "t1"), ("tag", "t2"), ("attribute", "a1"), ("attribute", "a2"), ("count", "s1"), ("count", "s2")]
    turn = 0
    while not stop.is_set():
        turn += 1
        register, dice = rng.choice(registers), rng.random()
        value = (turn * CLIENTS + number) % 4999  # a service has at most 5,000 tasks
        try:
            if dice < 0.1:
                world.register_revision(wire, "client-%d-%d" % (number, turn))
            elif dice < 0.5:
                world.history.write(register, value, lambda: sent(lambda: world.write(wire, rng, register, value)), number)
            else:
                world.history.read(register, lambda: world.read(wire, rng, register), number)
        except NO_ANSWER:
            wire.close()
            world.up.wait(20)
        except ApiError as err:
            if err.status < 500:
                raise
    wire.close()


def sent(do):
    """False if the connection was never made: then nothing can have happened."""
    try:
        do()
    except ConnectionRefusedError:
        return False
    return True


def run_clients(world, rng, kills, between=lambda kill: None):
    """Clients at work, and a kill -9 and a start of the server every so many calls; `between` runs while it is dead."""
    stop, errors = threading.Event(), []
    world.up = threading.Event()
    world.up.set()

    def run(number):
        try:
            client(world, number, stop)
        except Exception as err:
            errors.append(err)
            stop.set()

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    goal, deadline = 0, time.monotonic() + SECONDS_MAX
    for kill in range(kills):
        goal = max(goal, world.history.count) + rng.randrange(CALLS_BETWEEN_KILLS // 2, CALLS_BETWEEN_KILLS)
        while not errors and time.monotonic() < deadline and not world.history.wait_for(goal, 0.5):
            pass
        world.up.clear()
        world.server.kill()
        between(kill)
        world.server.start()
        world.up.set()
    world.history.wait_for(goal + CALLS_BETWEEN_KILLS, 5)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not errors, errors
    wire = Wire(world.server.url, world.key)
    for register in list(world.history.calls):  # what is there in the end is one more read
        world.history.read(register, lambda: world.read(wire, rng, register), "the end")
    return wire


def problems_of(world, wire):
    """What no order of the calls explains."""
    problems = []
    for register, calls in world.history.calls.items():
        left = explain(calls, 0 if register[0] == "count" else None)
        if left:
            problems.append("%s: no order explains\n%s" % (register, "\n".join(map(repr, left))))
    return problems + problems_of_revisions(world, wire)


def problems_of_revisions(world, wire):
    problems = [explain_numbers([call[:3] for call in world.revisions])]
    arns, token = [], {}
    while token is not None:
        page = wire.call("ListTaskDefinitions", familyPrefix="counted", **token)
        arns += page["taskDefinitionArns"]
        token = {"nextToken": page["nextToken"]} if "nextToken" in page else None
    marks = {}
    for arn in arns:
        found = wire.call("DescribeTaskDefinition", taskDefinition=arn)["taskDefinition"]
        marks[found["revision"]] = found["containerDefinitions"][0]["image"]
    if len(set(marks.values())) != len(arns):
        problems.append("a registration took effect twice")
    for _, _, number, mark in world.revisions:
        if marks.pop(number, None) != mark:
            problems.append("revision %d is lost or another's" % number)
    if not set(marks.values()) <= world.unknown_revisions:
        problems.append("revisions that nobody asked for: %s" % marks)
    return [problem for problem in problems if problem]


def test_histories_of_many_clients_while_the_server_dies(world):
    """Tags, attributes, desired counts, revision numbers."""
    wire = run_clients(world, random.Random(SEED), KILLS)
    problems = problems_of(world, wire)
    assert not problems, "seed %d\n%s" % (SEED, "\n".join(problems))
    calls = [call for calls in world.history.calls.values() for call in calls]
    assert sum(call.kind == "write" for call in calls) > 300 and len(world.revisions) > 50
    assert sum(call.end == math.inf for call in calls), "no call was cut by a kill: nothing was tried"
    wire.close()


def test_a_server_that_forgets_is_found(world, tmp_path):
    """The whole of it against a fault of ours: at the last kill the data of the kill before comes back."""
    data, copy = world.server.data, str(tmp_path / "copy")

    def between(kill):
        if kill == 0:
            shutil.copytree(data, copy)
        else:
            shutil.rmtree(data)
            shutil.copytree(copy, data)

    wire = run_clients(world, random.Random(SEED), 2, between)
    problems = problems_of(world, wire)
    assert any("no order explains" in problem for problem in problems), "seed %d" % SEED
    assert any("given out" in problem or "revision" in problem for problem in problems), "seed %d" % SEED
    wire.close()


# ---- one task per clientToken ----

@pytest.fixture
def proxied(tmp_path):
    """A server with one host, and a proxy before it."""
    server = Server(tmp_path).start()
    key = server.create_key()
    wire = Wire(server.url, key)
    wire.call("CreateCluster", clusterName="c")
    wire.call("RegisterTaskDefinition", family="f", containerDefinitions=[{"name": "a", "image": "b", "memory": 6}])
    agent = FakeAgent(server.url, server.create_key(agentCluster="c"), "c").register().connect()
    proxy = Proxy(server.url)
    yield server, key, agent, proxy
    proxy.close()
    agent.close()
    server.close()


def boto(directory, monkeypatch, url, key, attempts):
    """boto3 with our model: its own may be older than RunTask's clientToken."""
    api_model.write_ours(directory)
    monkeypatch.setenv("AWS_DATA_PATH", str(directory))
    session = boto3.Session(region_name=REGION, aws_access_key_id=key[0], aws_secret_access_key=key[1])
    config = boto3.session.Config(retries={"max_attempts": attempts, "mode": "standard"}, connect_timeout=5, read_timeout=20)
    return session.client("ecs", endpoint_url=url, config=config)


def test_boto3_repeats_a_cut_call_by_itself(proxied, tmp_path, monkeypatch):
    """API-021, API-042: one task for each token, though each call was sent two or three times."""
    server, key, _, proxy = proxied
    ecs = boto(tmp_path / "model", monkeypatch, proxy.url, key, 3)
    made = set()
    for cuts in (["answered"], ["sent"], ["answered", "answered"], ["sent", "answered"], []):
        proxy.lose(*cuts)
        answer = ecs.run_task(cluster="c", taskDefinition="f", clientToken=str(uuid.uuid4()))
        assert not answer["failures"] and len(answer["tasks"]) == 1
        made.add(answer["tasks"][0]["taskArn"])
    assert len(made) == 5 and proxy.lost == 6
    assert set(ecs.list_tasks(cluster="c")["taskArns"]) == made


@pytest.mark.parametrize("cut", ["answered", "sent"])
def test_one_task_per_token_across_a_restart(proxied, cut):
    server, key, agent, proxy = proxied
    direct = Wire(server.url, key)
    made = []
    for _ in range(3):
        body = {"cluster": "c", "taskDefinition": "f", "count": 2, "clientToken": str(uuid.uuid4())}
        proxy.lose(cut)
        through = Wire(proxy.url, key)
        with pytest.raises(NO_ANSWER):
            through.call("RunTask", **body)
        direct.close()
        server.kill()
        server.start()
        agent.disconnect()
        agent.connect()
        eventually(lambda: connected(server.client(key), "c"), 20)
        tasks = [sorted(task["taskArn"] for task in direct.call("RunTask", **body)["tasks"]) for _ in range(2)]
        assert len(tasks[0]) == 2 and tasks[0] == tasks[1]
        with pytest.raises(ApiError) as err:  # another request under the same token
            direct.call("RunTask", **dict(body, count=1))
        assert err.value.code in ("ConflictException", "InvalidParameterException")
        made += tasks[0]
    assert sorted(direct.call("ListTasks", cluster="c")["taskArns"]) == sorted(made) and len(set(made)) == 6
    direct.close()
