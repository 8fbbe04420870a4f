"""kill -9 of each part, at random and at every fail point: nothing acknowledged is lost, nothing runs twice."""
import os
import random
import re
import threading
import time

import pytest

from harness.program import ROOT, eventually


def fail_points(*rooms):
    """The names in FAIL_POINT("...") and fail_point_hit("...") of these folders of src."""
    names = set()
    for room in rooms:
        for folder, _, files in os.walk(os.path.join(ROOT, "src", room)):
            for file in files:
                if file.endswith(".c"):
                    with open(os.path.join(folder, file)) as text:
                        names |= set(re.findall(r'(?:FAIL_POINT|fail_point|fail_point_hit)\("([a-z_]+)"\)', text.read()))
    return sorted(names)


KILLS = 15  # at random while the tasks of one test are asked for, or so
KILLS_MAX = 20  # an agent waits ever longer for a server that keeps dying (AP-216)
LONG = "echo $RUN >>/runs/log; sleep 1000"
AGENT_POINTS = [point for point in fail_points("agent") if "fetch" not in point]  # tests/e2e/test_secrets.py dies there
SERVER_POINTS = fail_points("store", "state", "control")


def test_there_are_fail_points():
    assert "before_commit" in SERVER_POINTS and "after_commit" in SERVER_POINTS
    assert len(AGENT_POINTS) >= 4


class Killer:
    """Kills one of `victims` and starts it again, again and again, until the block ends."""

    def __init__(self, world, victims, pause):
        self.world, self.victims, self.pause = world, victims, pause
        self.seed = int(os.environ.get("SEED", random.randrange(10000)))
        self.rng = random.Random(self.seed)
        self.done = threading.Event()
        self.kills = []
        self.thread = threading.Thread(target=self.work)

    def work(self):
        while len(self.kills) < KILLS_MAX and not self.done.wait(self.pause * (0.5 + self.rng.random())):
            victim = self.rng.choice(self.victims)
            self.kills.append(victim)
            self.world.kill(victim)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        print("seed", self.seed, "kills", {v: self.kills.count(v) for v in self.victims})
        self.world.revive()
        self.world.wait_connected()
        assert self.kills


def soak(*values):
    return pytest.param(*values, marks=pytest.mark.soak)


@pytest.mark.parametrize("victims,count,pause", [
    (("server",), 60, 1.0), (("agent",), 60, 1.0), (("server", "agent"), 60, 1.0), (("dockerd",), 30, 2.0),
    soak(("server",), 200, 1.0), soak(("agent",), 200, 1.0), soak(("server", "agent"), 200, 1.0),
    soak(("server", "agent", "dockerd"), 200, 3.0)])
def test_random_kills(world, victims, count, pause):
    world.definition()
    world.start_agent()
    with Killer(world, victims, pause) as killer:
        names = ["r%d-%d" % (killer.seed, i) for i in range(count)]
        arns = []
        for name in names:
            arns.append(world.run_task(name))
            time.sleep(pause * KILLS / count)
    tasks = world.assert_consistent(names, arns)
    ended = [t["containers"][0].get("exitCode") for t in tasks]
    print("tasks", count, "ended well", ended.count(0), "otherwise", [(t["stopCode"], t["containers"][0].get("reason"))
                                                                 for t, e in zip(tasks, ended) if e != 0])
    if "dockerd" not in victims:
        # Nothing but the engine's own death keeps a task from running.
        assert ended == [0] * count


@pytest.mark.parametrize("victims", [("server",), ("agent",), ("server", "agent")])
def test_stops_under_kills(world, victims):
    """Each task that is asked to stop has run once, stops, and says who asked."""
    world.definition("long", LONG)
    world.start_agent()
    names = ["s%d" % i for i in range(20)]
    arns = [world.run_task(name, "long") for name in names]
    world.eventually(lambda: set(names) == set(world.runs()), 60, "all tasks run")
    with Killer(world, victims, 0.7):
        for arn in arns:
            world.ecs.stop_task(cluster="default", task=arn, reason="enough")
        time.sleep(3)
    tasks = world.assert_consistent(names, arns)
    assert {(t["stopCode"], t["stoppedReason"]) for t in tasks} == {("UserInitiated", "enough")}


def test_a_service_under_kills(world):
    """30 s of kills of everything: then exactly the wanted tasks run, each in one container of its own, and no other."""
    world.definition("long", LONG)
    world.start_agent()
    world.ecs.create_service(cluster="default", serviceName="s", taskDefinition="long", desiredCount=5)
    with Killer(world, ("server", "agent", "dockerd"), 2.0):
        time.sleep(30)

    def whole():
        service = world.ecs.describe_services(cluster="default", services=["s"])["services"][0]
        tasks = world.ecs.list_tasks(cluster="default", serviceName="s")["taskArns"]
        running = world.docker.containers(everything=False)
        owners = [c["Config"]["Labels"]["com.amazonaws.ecs.task-arn"] for c in running]
        return service["runningCount"] == 5 and service["pendingCount"] == 0 and sorted(owners) == sorted(tasks)

    world.eventually(whole, 120, "five tasks of the service run")
    started = [c["Config"]["Labels"]["com.amazonaws.ecs.task-arn"] for c in world.docker.containers()]
    assert len(started) == len(set(started)), "a task has two containers"
    world.ecs.update_service(cluster="default", service="s", desiredCount=0)
    world.eventually(lambda: not world.docker.containers(everything=False), 60, "the service stops its tasks")


def die_at(program, point, nth):
    try:
        program.start(extra_env={"BERTH_FAIL_POINT": "%s:%d" % (point, nth)})
    except AssertionError:
        pass  # it died before it was ready


def assert_died_at(program, point):
    assert re.search('fail point"? name=%s\\b' % point, program.output()), "never reached"  # the agent's log is logfmt


@pytest.mark.parametrize("nth", [1, 2, 5])
@pytest.mark.parametrize("point", SERVER_POINTS)
def test_server_dies_at(world, point, nth):
    """before_payload: between the acknowledged write and the agent's hearing of it."""
    world.definition()
    world.start_agent()
    world.server.stop()
    die_at(world.server, point, nth)
    names = ["n%d" % i for i in range(5)]
    arns = [world.run_task(name) for name in names]
    tasks = world.assert_consistent(names, arns)
    assert [t["containers"][0].get("exitCode") for t in tasks] == [0] * len(tasks)
    assert_died_at(world.server, point)


@pytest.mark.parametrize("nth", [1, soak(2)])
@pytest.mark.parametrize("point", AGENT_POINTS)
def test_agent_dies_at(world, point, nth):
    """Tasks that end and tasks that are stopped; then their containers are removed, once all is said about them."""
    world.definition()
    world.definition("long", LONG)
    world.start_agent()
    world.agent.stop()
    world.agent.env["ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION"] = "1s"
    die_at(world.agent, point, nth)
    names = ["n%d" % i for i in range(4)]
    arns = [world.run_task(name, "long" if i % 2 else "once") for i, name in enumerate(names)]
    world.eventually(lambda: set(names) == set(world.runs()), 60, "all tasks run")
    for arn in arns[1::2]:
        world.ecs.stop_task(cluster="default", task=arn)
    tasks = world.assert_consistent(names, arns)
    assert [t["containers"][0].get("exitCode") for t in tasks[::2]] == [0, 0]
    assert [t["stopCode"] for t in tasks[1::2]] == ["UserInitiated"] * 2
    world.eventually(lambda: not world.docker.containers(), 30, "the containers are removed")
    world.eventually(lambda: not world.docker.run("volume", "ls", "-q"), 30, "their volumes are removed")
    assert_died_at(world.agent, point)


def test_containers_outlive_the_agent_and_the_server(world):
    world.definition("long", LONG)
    world.start_agent()
    arn = world.run_task("one", "long")
    eventually(lambda: world.tasks([arn])[0]["lastStatus"] == "RUNNING", 60)
    before = [c["Id"] for c in world.docker.containers()]
    for program in (world.agent, world.server):
        program.kill()
    world.server.start()
    world.agent.start()
    world.wait_connected()
    assert world.tasks([arn])[0]["lastStatus"] == "RUNNING"
    assert [c["Id"] for c in world.docker.containers(everything=False)] == before
    world.ecs.stop_task(cluster="default", task=arn)
    world.settled([arn])
    assert world.runs() == {"one": 1}


def test_a_container_that_ends_while_the_agent_is_down_is_reported(world):
    """AP-544."""
    world.definition("long", LONG)
    world.start_agent()
    arn = world.run_task("one", "long")
    eventually(lambda: world.tasks([arn])[0]["lastStatus"] == "RUNNING", 60)
    world.agent.kill()
    world.docker.run("kill", world.docker.containers(everything=False)[0]["Id"])
    world.agent.start()
    task = world.settled([arn])[0]
    assert task["containers"][0]["exitCode"] == 137
    assert task["stopCode"] == "EssentialContainerExited"


def test_a_stop_asked_for_while_the_agent_is_down_happens(world):
    world.definition("long", LONG)
    world.start_agent()
    arn = world.run_task("one", "long")
    eventually(lambda: world.tasks([arn])[0]["lastStatus"] == "RUNNING", 60)
    world.agent.kill()
    world.ecs.stop_task(cluster="default", task=arn)
    world.agent.start()
    assert world.settled([arn])[0]["stopCode"] == "UserInitiated"
    assert not world.docker.containers(everything=False)


def test_a_reboot(world):
    """Everything dies at once; a service is whole again after, and nothing is started twice."""
    world.definition("long", LONG)
    world.start_agent()
    world.ecs.create_service(cluster="default", serviceName="s", taskDefinition="long", desiredCount=3)
    count = lambda: world.ecs.describe_services(cluster="default", services=["s"])["services"][0]["runningCount"]
    eventually(lambda: count() == 3, 60)
    world.agent.kill()
    world.server.kill()
    world.docker.power_off()
    world.docker.start()
    world.server.start()
    world.agent.start()
    world.wait_connected()
    eventually(lambda: count() == 3 and len(world.docker.containers(everything=False)) == 3, 120)
