"""What the agent lives with and has not caused: a registry that stalls, a Docker that hangs or is restarted, a full disk, a
server that is away, a reboot. Tasks run on, what happened is told once it can be, nothing is lost or done twice (AP-410,
AP-413, AP-543, AP-544). Hours and clocks that jump are in tests/unit/agent_engine/engine.c."""
import os
import signal
import subprocess
import threading

import pytest

from harness.docker import PrivateDocker, remove_cgroups
from harness.engine import CACHED, Engine, Registry, counted, load_image, remove_containers, runs_of
from harness.program import Agent, connected, eventually

UNTIL_TOLD = "echo $RUN >>/runs/log; until [ -e /runs/end-$RUN ]; do sleep 0.1; done; exit 3"


@pytest.fixture
def private(broken_docker):
    load_image(broken_docker)
    yield broken_docker
    remove_containers(broken_docker)


class StallingRegistry(Registry):
    """Serves the layer once it may."""

    def __init__(self):
        self.may_serve, self.asked = threading.Event(), threading.Semaphore(0)
        super().__init__()
        self.layer = max(self.blobs, key=lambda digest: len(self.blobs[digest]))

    def answer(self, path, with_body):
        if path.endswith(self.layer) and not self.may_serve.is_set():
            self.asked.release()
            self.may_serve.wait(60)
        return super().answer(path, with_body)


def ids_of(docker, one, everything=True):
    return docker.run("ps", "-q" + "a" * everything, "--no-trunc", "--filter",
                      "label=com.amazonaws.ecs.task-arn=" + one["arn"]).split()


def pid_of(docker, ident):
    return int(docker.run("inspect", "-f", "{{.State.Pid}}", ident))


def test_the_engine_dies_in_a_pull(private, tmp_path):
    """Pulled anew and run once; a task that is no longer wanted by then never runs."""
    registry = StallingRegistry()
    engine = Engine(tmp_path, private, ECS_IMAGE_PULL_BEHAVIOR="always").start()
    wanted, unwanted = counted(tmp_path, image=registry.image("1")), counted(tmp_path, image=registry.image("2"))
    for one in (wanted, unwanted):
        engine.want(one)
    assert registry.asked.acquire(timeout=30)
    engine.kill()
    served = registry.tags_served
    assert not ids_of(private, wanted)
    engine.start(wants_ready=False)
    eventually(lambda: registry.tags_served >= served + 2, 30, "both are pulled again")
    engine.stop(unwanted)
    registry.may_serve.set()
    engine.report(wanted, "RUNNING", 60)
    eventually(lambda: runs_of(tmp_path, wanted), 20)
    assert runs_of(tmp_path, wanted) == len(ids_of(private, wanted)) == 1
    assert runs_of(tmp_path, unwanted) == 0
    engine.stop(wanted)
    engine.close()
    registry.close()


def test_docker_hangs(private, tmp_path):
    """The engine takes work, and dies and comes back, while Docker answers nothing; then all of it is done, once."""
    engine = Engine(tmp_path, private, **CACHED).start()
    lasting, ending, stopped = tasks = [counted(tmp_path) for _ in range(3)]
    for one in tasks:
        engine.run(one)
    eventually(lambda: all(runs_of(tmp_path, t) for t in tasks), 20)
    pids = {t["arn"]: pid_of(private, ids_of(private, t)[0]) for t in tasks}
    before, late = counted(tmp_path), counted(tmp_path)
    with private.hung():
        engine.want(stopped, desiredStatus="STOPPED")
        assert "error" not in engine.want(before)
        os.kill(pids[ending["arn"]], signal.SIGKILL)
        eventually(lambda: not os.path.exists("/proc/%d" % pids[ending["arn"]]), 10)
        engine.kill()
        engine.start(wants_ready=False)
        assert "error" not in engine.want(late)
        engine.want(stopped, desiredStatus="STOPPED")
        assert not any("report" in m and m["known"] == "STOPPED" for m in engine.said)
    assert engine.report(ending, "STOPPED", 60)["containers"][0]["exitCode"] == 137
    assert engine.report(stopped, "STOPPED", 60)["containers"][0]["exitCode"] in (0, 137)
    for one in (before, late):
        engine.report(one, "RUNNING", 60)
    everything = tasks + [before, late]
    eventually(lambda: all(runs_of(tmp_path, t) for t in everything), 20)
    assert [runs_of(tmp_path, t) for t in everything] == [1] * 5
    assert [len(ids_of(private, t)) for t in everything] == [1] * 5
    assert pid_of(private, ids_of(private, lasting)[0]) == pids[lasting["arn"]]
    engine.close()


@pytest.mark.soak
def test_docker_hangs_for_longer_than_its_calls_may_take(private, tmp_path):
    """AP-418, with the limits that can be set at their least: what was being made is told to have failed, never runs and is
    cleared away; what was to stop is asked again and stops; what runs is left alone."""
    engine = Engine(tmp_path, private, ECS_CONTAINER_CREATE_TIMEOUT="1m", ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION="1m", **CACHED).start()
    lasting, stopped, made = counted(tmp_path), counted(tmp_path, stopTimeout=1), counted(tmp_path)
    for one in (lasting, stopped):
        engine.run(one)
    eventually(lambda: runs_of(tmp_path, lasting) and runs_of(tmp_path, stopped), 20)
    pid = pid_of(private, ids_of(private, lasting)[0])
    with private.hung():
        engine.want(made)
        engine.want(stopped, desiredStatus="STOPPED")
        told = engine.report(made, "STOPPED", 120)["containers"][0]["reason"]
        assert told.startswith("DockerTimeoutError: Could not transition to created; timed out after waiting 1m"), told
        def asked_again():
            with open(engine.log) as log:
                return "container not stopped, trying again" in log.read()
        eventually(asked_again, 180, "the stop is asked again")
        assert engine.last_report(stopped)["known"] == "RUNNING"
    assert engine.report(stopped, "STOPPED", 120)["containers"][0]["exitCode"] in (0, 137)
    late = counted(tmp_path)
    engine.run(late, 60)
    eventually(lambda: runs_of(tmp_path, late), 20)
    eventually(lambda: not ids_of(private, made), 180, "what Docker made late is cleared away")
    assert [runs_of(tmp_path, one) for one in (lasting, stopped, made, late)] == [1, 1, 0, 1]
    assert pid_of(private, ids_of(private, lasting)[0]) == pid
    for one in (lasting, late):
        engine.stop(one)
    engine.close()


@pytest.mark.parametrize("ends", ["stop", "kill"])
def test_docker_is_restarted_with_live_restore(tmp_path, ends):
    """Containers outlive it: they are neither told to have ended nor touched, and what ended meanwhile is told."""
    pid = os.getpid()  # a bridge of this run's own
    docker = PrivateDocker(bridge=("berth-o%d" % pid, "172.29.%d.1/24" % (pid % 250)), options=("--live-restore",)).start()
    try:
        load_image(docker)
        engine = Engine(tmp_path, docker, **CACHED).start()
        lasting, ending = counted(tmp_path), counted(tmp_path)
        for one in (lasting, ending):
            engine.run(one)
        eventually(lambda: runs_of(tmp_path, lasting) and runs_of(tmp_path, ending), 20)
        pids = [pid_of(docker, ids_of(docker, t)[0]) for t in (lasting, ending)]
        getattr(docker, ends)()
        late = counted(tmp_path)
        assert "error" not in engine.want(late)
        os.kill(pids[1], signal.SIGKILL)
        docker.start()
        assert "exitCode" in engine.report(ending, "STOPPED", 60)["containers"][0]
        engine.report(late, "RUNNING", 60)
        assert pid_of(docker, ids_of(docker, lasting)[0]) == pids[0]
        assert engine.last_report(lasting)["known"] == "RUNNING"
        assert [runs_of(tmp_path, t) for t in (lasting, ending)] == [1, 1]
        assert engine.stop(lasting)["containers"][0]["exitCode"] in (0, 137)
        engine.stop(late)
        engine.close()
    finally:
        remove_containers(docker)
        docker.close()


def test_docker_is_restarted_without_live_restore(world):
    """Its containers end with it: told with their exit codes, and the service starts others in their place."""
    world.definition("long", "echo $RUN >>/runs/log; trap 'exit 7' TERM; sleep 1000 & wait")
    world.start_agent()
    one = world.run_task("one", "long")
    world.ecs.create_service(cluster="default", serviceName="s", taskDefinition="long", desiredCount=2)
    listed = lambda: world.ecs.list_tasks(cluster="default", serviceName="s")["taskArns"]
    count = lambda: world.ecs.describe_services(cluster="default", services=["s"])["services"][0]["runningCount"]
    eventually(lambda: count() == 2 and world.runs().get("one"), 60)
    before, pid = listed(), world.agent.process.pid
    world.docker.stop()
    world.docker.start()
    task = world.settled([one])[0]
    assert task["stopCode"] == "EssentialContainerExited" and "exitCode" in task["containers"][0], task
    eventually(lambda: count() == 2 and not set(listed()) & set(before), 60, "the service has replaced its tasks")
    assert len(world.docker.containers(everything=False)) == 2
    assert world.agent.process.pid == pid
    assert world.runs()["one"] == 1


def test_the_agent_while_docker_hangs(world):
    """It stays connected, and what was asked for meanwhile happens."""
    world.definition("long", "echo $RUN >>/runs/log; sleep 1000")
    world.definition()
    world.start_agent()
    one = world.run_task("one", "long")
    eventually(lambda: world.tasks([one])[0]["lastStatus"] == "RUNNING", 60)
    pid = world.agent.process.pid
    with world.docker.hung():
        other = world.run_task("other")
        world.ecs.stop_task(cluster="default", task=one)
        eventually(lambda: "stopping task" in world.agent.output(), 30, "the agent has taken it")
        assert connected(world.ecs, "default")
        assert [t["lastStatus"] for t in world.tasks([one, other])] == ["STOPPING", "PENDING"]
    world.assert_consistent(["one", "other"], [one, other])
    assert world.runs() == {"one": 1, "other": 1}
    assert world.agent.process.pid == pid


@pytest.fixture
def tiny_disk(tmp_path):
    path = tmp_path / "tiny"
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path)], check=False, capture_output=True).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    yield str(path)
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(directory):
    path = os.path.join(directory, "filler")
    with open(path, "wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass
    return path


def test_the_engines_disk_is_full(private, tmp_path, tiny_disk):
    """New work is refused, not begun; what runs and what ends meanwhile is known over a death, and all goes on with space."""
    engine = Engine(tiny_disk, private, **CACHED)
    engine.log = str(tmp_path / "engine.log")
    engine.start()
    lasting, ending = counted(tmp_path), counted(tmp_path)
    for one in (lasting, ending):
        engine.run(one)
    eventually(lambda: runs_of(tmp_path, lasting) and runs_of(tmp_path, ending), 20)
    filler = fill(tiny_disk)
    for _ in range(64):  # what its file has free is used first
        refused = counted(tmp_path)
        if "error" in engine.want(refused):
            break
    else:
        raise AssertionError("the disk never got full")
    private.run("kill", ids_of(private, ending)[0])
    engine.kill()
    engine.start()
    assert "error" in engine.want(refused)
    assert runs_of(tmp_path, refused) == 0
    os.unlink(filler)
    assert engine.report(ending, "STOPPED", 60)["containers"][0]["exitCode"] == 137
    assert "error" not in engine.want(refused)
    engine.report(refused, "RUNNING", 60)
    eventually(lambda: runs_of(tmp_path, refused), 20)
    assert [runs_of(tmp_path, t) for t in (lasting, ending, refused)] == [1, 1, 1]
    engine.stop(lasting)
    engine.close()


@pytest.mark.parametrize("dies", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_the_agents_disk_is_full(world, tiny_disk, dies):
    """A task that its agent cannot write down waits; when there is space again, it runs, once: told anew to an agent that
    comes back, or after two minutes."""
    world.agent = Agent(tiny_disk, world.server.url, world.server.create_key(agentCluster="default"), world.docker.host)
    world.agent.log = os.path.join(world.directory, "full.log")
    world.definition("until", UNTIL_TOLD)
    world.start_agent()
    names = ["before"]
    arns = [world.run_task("before", "until")]
    eventually(lambda: world.tasks(arns)[0]["lastStatus"] == "RUNNING" and world.runs(), 60)
    filler = fill(tiny_disk)
    while "database or disk is full" not in world.agent.output():
        assert len(names) < 20, "the disk never got full"
        names.append("n%d" % len(names))
        arns.append(world.run_task(names[-1], "until"))
        eventually(lambda: "disk is full" in world.agent.output() or names[-1] in world.runs(), 30)
    assert names[-1] not in world.runs()
    assert world.tasks(arns[:1])[0]["lastStatus"] == "RUNNING"
    if dies:
        world.agent.kill()
    os.unlink(filler)
    if dies:
        world.agent.start()
    for name in names:
        open(os.path.join(world.runs_dir, "end-" + name), "w").close()
    world.assert_consistent(names, arns)
    assert world.runs() == dict.fromkeys(names, 1)


def test_the_server_is_away(world):
    """Tasks run on and end, the agent dies and comes back; all is told when the server is there again."""
    world.definition("until", UNTIL_TOLD)
    world.start_agent()
    names = ["lasting", "first", "second"]
    arns = [world.run_task(name, "until") for name in names]
    eventually(lambda: all(t["lastStatus"] == "RUNNING" for t in world.tasks(arns)), 60)
    eventually(lambda: set(world.runs()) == set(names), 20)
    before = sorted(c["Id"] for c in world.docker.containers())
    running = lambda: len(world.docker.containers(everything=False))
    world.server.stop()
    open(os.path.join(world.runs_dir, "end-first"), "w").close()
    eventually(lambda: running() == 2, 30)
    world.agent.kill()
    open(os.path.join(world.runs_dir, "end-second"), "w").close()
    eventually(lambda: running() == 1, 30)
    world.agent.start()
    eventually(lambda: world.agent.output().count("Docker is reached") == 2, 30, "it works without a server")
    world.server.start()
    for task in world.settled(arns[1:]):
        assert task["stopCode"] == "EssentialContainerExited" and task["containers"][0]["exitCode"] == 3, task
    world.wait_connected()
    assert world.tasks(arns[:1])[0]["lastStatus"] == "RUNNING"
    assert sorted(c["Id"] for c in world.docker.containers()) == before
    open(os.path.join(world.runs_dir, "end-lasting"), "w").close()
    world.assert_consistent(names, arns)
    assert world.runs() == dict.fromkeys(names, 1)


def test_a_reboot_ends_tasks(world):
    """Nothing restarts a container but the agent, and it does not: the tasks have ended, and others can run."""
    world.definition("long", "echo $RUN >>/runs/log; sleep 1000")
    world.definition()
    world.start_agent()
    names = ["one", "two"]
    arns = [world.run_task(name, "long") for name in names]
    eventually(lambda: all(t["lastStatus"] == "RUNNING" for t in world.tasks(arns)), 60)
    eventually(lambda: set(world.runs()) == set(names), 20)
    assert {c["HostConfig"]["RestartPolicy"]["Name"] for c in world.docker.containers()} <= {"", "no"}
    world.agent.kill()
    world.docker.power_off()
    for arn in arns:
        remove_cgroups(arn.rsplit("/", 1)[-1])
    world.docker.start()
    world.agent.start()
    for task in world.settled(arns):
        assert task["stopCode"] == "EssentialContainerExited", task
        assert task["stoppedReason"] == "Essential container in task exited", task
    world.wait_connected()
    names.append("three")
    arns.append(world.run_task("three"))
    world.assert_consistent(names, arns)
    assert world.runs() == dict.fromkeys(names, 1)
