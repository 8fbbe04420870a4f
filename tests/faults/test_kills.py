"""kill -9 of each part, at random and at every fail point: nothing acknowledged is lost, nothing runs twice."""
import os
import random
import re
import threading

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


LONG = "echo $RUN >>/runs/log; sleep 1000"
AGENT_POINTS = fail_points("agent")
SERVER_POINTS = fail_points("store", "state", "control")


def test_there_are_fail_points():
    assert "before_commit" in SERVER_POINTS and "after_commit" in SERVER_POINTS
    assert len(AGENT_POINTS) >= 4


def run_under(world, seed, victims, count, pause):
    """`count` RunTask calls while a thread kills one of `victims` again and again."""
    rng = random.Random(seed)
    done = threading.Event()
    kills = []

    def killer():
        while not done.wait(pause * (0.5 + rng.random())):
            victim = rng.choice(victims)
            kills.append(victim)
            world.kill(victim)

    names = ["%s-%d-%d" % (victims[0], seed, i) for i in range(count)]
    thread = threading.Thread(target=killer)
    thread.start()
    try:
        arns = [world.run_task(name) for name in names]
    finally:
        done.set()
        thread.join()
    print("seed", seed, "kills", {v: kills.count(v) for v in victims})
    world.revive()
    world.wait_connected()
    return names, arns


@pytest.mark.parametrize("victims,count,pause", [
    (("server",), 200, 1.0), (("agent",), 200, 1.0), (("server", "agent"), 200, 1.0), (("dockerd",), 60, 6.0)])
def test_random_kills(world, victims, count, pause):
    seed = int(os.environ.get("SEED", random.randrange(10000)))
    world.definition()
    world.start_agent()
    names, arns = run_under(world, seed, victims, count, pause)
    tasks = world.assert_consistent(names, arns)
    if "dockerd" not in victims:
        # Nothing but the engine's own death keeps a task from running.
        assert [t["containers"][0].get("exitCode") for t in tasks] == [0] * count


def die_at(program, point, nth):
    try:
        program.start(extra_env={"BERTH_FAIL_POINT": "%s:%d" % (point, nth)})
    except AssertionError:
        pass  # it died before it was ready


def assert_died_at(program, point):
    assert "fail point name=" + point in program.output(), "never reached"


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


@pytest.mark.parametrize("nth", [1, 2])
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
