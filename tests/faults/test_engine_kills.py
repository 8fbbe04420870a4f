"""The task engine dies at every named place and at random, and Docker under it: each accepted task runs once, none is
lost or forgotten, and what is told is what happened (AP-410, AP-413, AP-417, AP-543, AP-544)."""
import itertools
import os
import random
import time

import pytest

from harness.docker import PrivateDocker
from harness.engine import CACHED, Died, Engine, container, counted, load_image, remove_containers, runs_of, task
from harness.program import eventually

RUN_POINTS = ["agent_before_commit", "agent_after_commit", "agent_before_create", "agent_after_create",
              "agent_before_start", "agent_after_start"]
STOP_POINTS = ["agent_before_stop", "agent_after_stop", "agent_before_remove"]


@pytest.fixture(scope="module")
def private():
    one = PrivateDocker(directory=os.environ.get("ENGINE_DOCKER_DIR"), bridge=("berth-t1", "172.31.251.1/24")).start()
    load_image(one)
    yield one
    remove_containers(one)
    one.close()


class Server:
    """The control plane as the engine sees it: sends a task until it is accepted, and keeps what was told."""

    def __init__(self, engine):
        self.engine, self.wanted, self.accepted, self.told = engine, {}, set(), {}

    def want(self, one, desired="RUNNING"):
        one = dict(one, desiredStatus=desired)
        self.wanted[one["arn"]] = one
        self.accepted.discard(one["arn"])
        self.engine.send(one)

    def resend(self):
        for name, one in self.wanted.items():
            if name not in self.accepted:
                self.engine.send(one)

    def hear(self, timeout):
        message = self.engine.next(timeout)
        if "wanted" in message and "error" not in message:
            self.accepted.add(message["wanted"])
        if "report" in message:
            before = self.told.get(message["report"])
            assert before is None or not (before["known"] == "STOPPED" and message["known"] == "RUNNING"), message
            self.told[message["report"]] = message

    def hear_until(self, check, timeout=60):
        deadline = time.monotonic() + timeout
        while not check():
            self.hear(deadline - time.monotonic())

    def knows(self, one, known):
        return self.told.get(one["arn"], {}).get("known") == known and one["arn"] in self.accepted


def assert_each_ran_once(directory, tasks):
    """Docker's answer to a start may come before the first command of the container has run."""
    eventually(lambda: all(runs_of(directory, t) for t in tasks), 20, "every task has run")
    assert [runs_of(directory, t) for t in tasks] == [1] * len(tasks)


def containers_of(docker, one):
    return docker.run("ps", "-aq", "--filter", "label=com.amazonaws.ecs.task-arn=" + one["arn"]).split()


def cleaned_up(engine, *tasks):
    eventually(lambda: engine.process.poll() is not None or not any(containers_of(engine.docker, t) for t in tasks), 30,
               "stopped tasks are cleaned up", every=0.2)
    time.sleep(0.3)  # for the death that comes with forgetting the last one


def live_through(server, lasting, short, fail_point):
    """Two tasks run and are stopped; the engine dies at the fail point and comes back. True if it died."""
    engine, died = server.engine, False
    steps = [lambda: (server.want(lasting), server.want(short)),
             lambda: server.hear_until(lambda: server.knows(lasting, "RUNNING") and server.knows(short, "STOPPED")),
             lambda: server.want(lasting, "STOPPED"),
             lambda: server.hear_until(lambda: server.knows(lasting, "STOPPED")),
             lambda: cleaned_up(engine, lasting, short)]
    engine.start(fail_point=fail_point, wants_ready=False)
    for step in steps:
        while True:
            try:
                step()
                if engine.process.poll() is not None:
                    raise Died(engine.process.returncode)
                break
            except Died as death:
                assert death.args[0] == -9 and not died, death
                died = True
                engine.start(wants_ready=False)
                server.resend()
    return died


@pytest.mark.parametrize("point", RUN_POINTS + STOP_POINTS)
def test_death_at_every_point(private, tmp_path, point):
    for nth in itertools.count(1):
        directory = tmp_path / str(nth)
        directory.mkdir()
        engine = Engine(directory, private, ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION="1s", **CACHED)
        lasting, short = counted(directory), counted(directory, "exit 5")
        server = Server(engine)
        died = live_through(server, lasting, short, "%s:%d" % (point, nth))
        where = "%s:%d" % (point, nth)
        assert runs_of(directory, lasting) == 1, where
        assert runs_of(directory, short) == 1, where
        assert server.told[short["arn"]]["containers"][0]["exitCode"] == 5, where
        assert server.told[lasting["arn"]]["containers"][0]["exitCode"] in (0, 137), where
        engine.close()
        if not died:
            assert nth > 1, "never reached: " + point
            return


def test_random_deaths_of_the_engine(private, tmp_path):
    """Killed every now and then while 40 tasks come in: all of them run, once."""
    rng = random.Random(7)
    engine = Engine(tmp_path, private, **CACHED)
    server = Server(engine)
    tasks = [counted(tmp_path, memory=8) if n % 2 else counted(tmp_path, "sleep 0.2; exit 4", memory=8) for n in range(40)]
    waiting = list(tasks)
    done = lambda: not waiting and all(server.knows(t, "RUNNING" if n % 2 else "STOPPED") for n, t in enumerate(tasks))
    engine.start(wants_ready=False)
    deaths = 0
    deadline = time.monotonic() + 180
    while not done():
        assert time.monotonic() < deadline, server.told
        until = time.monotonic() + rng.uniform(0.2, 1.5)
        while time.monotonic() < until and not done():
            if waiting and rng.random() < 0.3:
                server.want(waiting.pop())
            try:
                server.hear(0.05)
            except AssertionError:
                pass
        if deaths < 25 and not done():
            engine.kill()
            deaths += 1
            engine.start(wants_ready=False)
            server.resend()
    assert_each_ran_once(tmp_path, tasks)
    assert [len(containers_of(private, t)) for t in tasks] == [1] * len(tasks)
    assert {server.told[t["arn"]]["containers"][0]["exitCode"] for t in tasks[::2]} == {4}
    engine.close()
    remove_containers(private)


def test_a_container_dies_while_the_engine_is_away(private, tmp_path):
    """AP-544"""
    engine = Engine(tmp_path, private, **CACHED).start()
    one, gone, other = counted(tmp_path), counted(tmp_path), counted(tmp_path)
    ids = [engine.run(t)["containers"][0]["id"] for t in (one, gone, other)]
    engine.kill()
    private.run("kill", ids[0])
    private.run("rm", "-f", ids[1])
    engine.start()
    assert engine.report(one, "STOPPED")["containers"][0]["exitCode"] == 137
    assert engine.report(gone, "STOPPED")["containers"][0]["reason"] == \
        "ContainerVanishedError: No container matching saved ID found"
    assert_each_ran_once(tmp_path, (one, gone, other))
    engine.stop(other)
    engine.close()
    remove_containers(private)


def test_a_forgotten_file(private, tmp_path):
    """The agent's file is lost: containers are found by label when their task is asked for, and not run again."""
    engine = Engine(tmp_path, private, **CACHED).start()
    lasting, short = counted(tmp_path), counted(tmp_path, "exit 6")
    ident = engine.run(lasting)["containers"][0]["id"]
    engine.want(short)
    engine.report(short, "STOPPED")
    engine.kill()
    engine.file += ".new"
    engine.said.clear()
    engine.start()
    assert engine.run(lasting)["containers"][0]["id"] == ident
    engine.want(short)
    assert engine.report(short, "STOPPED")["containers"][0]["exitCode"] == 6
    assert runs_of(tmp_path, lasting) == runs_of(tmp_path, short) == 1
    assert engine.stop(lasting)["containers"][0]["exitCode"] == 0
    engine.close()
    remove_containers(private)


def test_docker_dies_and_comes_back(private, tmp_path):
    """Running containers end with it and are told so; what had not begun begins then; a stop asked meanwhile is done."""
    engine = Engine(tmp_path, private, **CACHED).start()
    running = [counted(tmp_path) for _ in range(3)]
    for one in running:
        engine.run(one)
    private.kill()
    late = counted(tmp_path)
    engine.want(late)
    engine.want(running[0], desiredStatus="STOPPED")
    private.start()
    for one in running:
        assert "exitCode" in engine.report(one, "STOPPED", 60)["containers"][0]
    engine.report(late, "RUNNING", 60)
    assert_each_ran_once(tmp_path, running + [late])
    engine.stop(late)
    engine.close()
    remove_containers(private)


def test_docker_dies_at_work(private, tmp_path):
    """Killed while it creates and starts: no task runs twice, and what is told of each is true. One that Docker was just
    beginning may be told to have failed: whether it ran cannot be known for all of them."""
    rng = random.Random(11)
    for _ in range(4):
        engine = Engine(tmp_path, private, **CACHED).start()
        tasks = [counted(tmp_path, memory=8) if n % 2 else counted(tmp_path, "exit 0", memory=8) for n in range(16)]
        for one in tasks:
            engine.want(one)
        time.sleep(rng.uniform(0.2, 2.0))
        private.kill()
        private.start()
        for one in tasks[::2]:
            engine.report(one, "STOPPED", 90)
        for one in tasks[1::2]:
            engine.wait_told(one, 90)
        lost = 0
        for one in tasks:
            runs, told = runs_of(tmp_path, one), engine.last_report(one)
            is_lost = "Docker was lost while it started" in told["containers"][0].get("reason", "")
            assert "reason" not in told["containers"][0] or is_lost, told
            lost += is_lost
            if is_lost:
                assert runs <= 1, told
            else:
                eventually(lambda one=one: runs_of(tmp_path, one) == 1, 10, str(told))
        assert lost < len(tasks) / 2
        assert all(len(containers_of(private, t)) <= 1 for t in tasks)
        engine.close()
        os.unlink(engine.file)
        remove_containers(private)


def test_a_stop_before_the_start(private, tmp_path):
    """A task that is stopped while it is being made ends without having run, or having been stopped."""
    engine = Engine(tmp_path, private, **CACHED).start()
    for delay in (0, 0.02, 0.05, 0.1, 0.2, 0.4):
        one = task(container())
        engine.want(one)
        time.sleep(delay)
        engine.stop(one)
        eventually(lambda: not private.run("ps", "-q", "--filter", "label=com.amazonaws.ecs.task-arn=" + one["arn"]), 10)
    engine.close()
    remove_containers(private)
