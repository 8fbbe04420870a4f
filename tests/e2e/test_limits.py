"""What a task may use, and with whom it shares, on a real Docker engine: task-level limits by cgroup (AP-419, AG-152), shared
namespaces (TD-143, AP-431), GPUs (TD-112 to TD-116). One server and one agent for the module; GPUs are only names here, and
their runtime is runc."""
import json
import os
import subprocess

import pytest

from harness.one_host import OneHost
from harness.program import BERTH, Agent, connected, eventually
from harness.samples import IMAGE

CLUSTER = "limits"
CGROUPS = "/sys/fs/cgroup"
IS_UNIFIED = os.path.exists(CGROUPS + "/cgroup.controllers")
PAUSE = "~internal~ecs~pause~namespace"


class World(OneHost):
    def __init__(self, directory, docker):
        host = os.path.join(directory, "host")
        os.makedirs(os.path.join(host, "gpu"))
        with open(os.path.join(host, "gpu", "nvidia-gpu-info.json"), "w") as file:
            json.dump({"DriverVersion": "535.1", "GPUIDs": ["GPU-a", "GPU-b", "GPU-c"]}, file)
        super().__init__(directory, docker, CLUSTER, {"ECS_TASK_PIDS_LIMIT": "50", "ECS_ENABLE_GPU_SUPPORT": "true",
                                                      "ECS_NVIDIA_RUNTIME": "runc", "ECS_HOST_DATA_DIR": host})

    def execute(self, container, script):
        return self.docker.run("exec", container["Id"], "/bin/sh", "-c", script, check=False)


@pytest.fixture(scope="module")
def world(tmp_path_factory, docker):
    docker.sample_image()
    one = World(tmp_path_factory.mktemp("limits"), docker)
    try:
        yield one
    finally:
        one.close()


def sleeper(name="main", script="sleep 1000", **more):
    return dict({"name": name, "command": ["/bin/sh", "-c", script]}, **more)


def cgroup_file(task, controller, name):
    identity = task["taskArn"].rsplit("/", 1)[1]
    parts = [CGROUPS, "ecs", identity, name] if IS_UNIFIED else [CGROUPS, controller, "ecs", identity, name]
    return os.path.join(*parts)


def read(path):
    with open(path) as file:
        return file.read().strip()


def cgroups_of(task):
    identity = task["taskArn"].rsplit("/", 1)[1]
    roots = [CGROUPS] if IS_UNIFIED else [os.path.join(CGROUPS, name) for name in os.listdir(CGROUPS)]
    return [path for path in (os.path.join(root, "ecs", identity) for root in roots) if os.path.isdir(path)]


def assert_limits(task, quota, period, memory, pids):
    if IS_UNIFIED:
        assert read(cgroup_file(task, "", "cpu.max")) == "%d %d" % (quota, period)
        assert read(cgroup_file(task, "", "memory.max")) == str(memory)
        assert read(cgroup_file(task, "", "pids.max")) == str(pids)
    else:
        assert read(cgroup_file(task, "cpu", "cpu.cfs_quota_us")) == str(quota)
        assert read(cgroup_file(task, "cpu", "cpu.cfs_period_us")) == str(period)
        assert read(cgroup_file(task, "memory", "memory.limit_in_bytes")) == str(memory)
        assert read(cgroup_file(task, "pids", "pids.max")) == str(pids)


def test_the_capabilities_of_the_host(world):
    """AP-152, AP-477: what the host can do is registered, and its GPUs are a resource."""
    host, = world.ecs.describe_container_instances(cluster=CLUSTER, containerInstances=world.ecs.list_container_instances(
        cluster=CLUSTER)["containerInstanceArns"])["containerInstances"]
    names = {a["name"]: a.get("value") for a in host["attributes"]}
    for name in ("task-cpu-mem-limit", "increased-task-cpu-limit", "pid-ipc-namespace-sharing", "nvidia-driver-version.535.1"):
        assert "ecs.capability." + name in names
    assert names["ecs.capability.gpu-driver-version"] == "535.1"
    gpu, = (r for r in host["registeredResources"] if r["name"] == "GPU")
    assert gpu["stringSetValue"] == ["GPU-a", "GPU-b", "GPU-c"]


def test_a_task_has_a_cgroup_that_goes_with_it(world):
    """AP-419, AG-924: half a core, 64 MiB and 50 processes for both containers; killed in between, the agent still removes it."""
    task = world.run("lim-task", [sleeper("one", memory=32), sleeper("two", memory=32, cpu=64)], cpu="512", memory="64")
    found = world.inspect(task)
    parent = "/ecs/" + task["taskArn"].rsplit("/", 1)[1]
    assert {c["HostConfig"]["CgroupParent"] for c in found.values()} == {parent}
    assert {name: c["HostConfig"]["CpuShares"] for name, c in found.items()} == {"one": 2, "two": 64}
    assert_limits(task, 50000, 100000, 64 << 20, 50)
    cgroup = read("/proc/%d/cgroup" % found["one"]["State"]["Pid"])
    assert parent + "/" + found["one"]["Id"] in cgroup
    world.agent.kill()
    world.ecs.stop_task(cluster=CLUSTER, task=task["taskArn"])
    world.start_agent()
    world.wait(task["taskArn"], "STOPPED")
    eventually(lambda: not cgroups_of(task), 60, "its cgroups are removed")
    eventually(lambda: not world.inspect(task), 60, "its containers are removed")


def test_the_memory_of_a_task_is_its_limit(world):
    """TD-043, AG-152: containers without a limit of their own share the task's, and who takes more is killed."""
    world.ecs.register_task_definition(family="lim-oom", memory="32", containerDefinitions=[{
        "name": "main", "image": IMAGE, "command": ["/bin/sh", "-c", "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo ${#x}"]}])
    answer = world.ecs.run_task(cluster=CLUSTER, taskDefinition="lim-oom")
    task = world.wait(answer["tasks"][0]["taskArn"], "STOPPED")
    main, = task["containers"]
    assert main["exitCode"] != 0
    assert task["stopCode"] == "EssentialContainerExited"


def test_the_processes_of_a_task_are_limited(world):
    """AG-924, ECS_TASK_PIDS_LIMIT: fork fails at the limit, over all containers of the task."""
    task = world.run("lim-pids", [sleeper()])
    found = world.inspect(task)["main"]
    assert read(cgroup_file(task, "pids", "pids.max")) == "50"
    out = world.execute(found, "i=0; while [ $i -lt 100 ]; do sleep 30 & i=$((i + 1)); done 2>&1; echo $i")
    assert "fork" in out
    world.stop(task)


def test_shared_processes(world):
    """TD-143, AP-431: pidMode task. The pause container is process 1, comes first, goes last, and is not of the task as it
    is described; no registry is asked for its image."""
    if not world.docker.run("ps", "-aq", "--filter", "ancestor=amazon/amazon-ecs-pause:0.1.0"):
        world.docker.run("rmi", "amazon/amazon-ecs-pause:0.1.0", check=False)  # imported anew
    task = world.run("lim-pid", [sleeper("one"), sleeper("two", "trap 'exit 0' TERM; sleep 1000 & wait")], pidMode="task")
    assert {c["name"] for c in task["containers"]} == {"one", "two"}
    found = world.inspect(task)
    pause = found.pop(PAUSE)
    assert pause["HostConfig"]["PidMode"] == "" and pause["Config"]["Image"] == "amazon/amazon-ecs-pause:0.1.0"
    assert {c["HostConfig"]["PidMode"] for c in found.values()} == {"container:" + pause["Id"]}
    assert all(pause["State"]["StartedAt"] < c["State"]["StartedAt"] for c in found.values())
    namespaces = {os.readlink("/proc/%d/ns/pid" % c["State"]["Pid"]) for c in [pause, *found.values()]}
    assert len(namespaces) == 1
    assert world.execute(found["one"], "cat /proc/1/cmdline").rstrip("\0") == "/pause"
    # Who is left without a parent is buried.
    world.execute(found["one"], "(sh -c 'sleep 0.2 & true' &)")
    eventually(lambda: " Z " not in world.execute(found["one"], "cat /proc/[0-9]*/stat"), 20, "no zombies are left")
    ended = world.stop(task)
    assert {c["name"]: c.get("exitCode") for c in ended["containers"]}["two"] == 0
    eventually(lambda: not world.inspect(task), 60, "all three are removed")


def test_shared_ipc(world):
    """TD-143: ipcMode task and none."""
    task = world.run("lim-ipc", [
        sleeper("one", "echo there >/dev/shm/note; sleep 1000"),
        sleeper("two", "until [ -e /dev/shm/note ]; do sleep 0.1; done; cat /dev/shm/note; sleep 1000")], ipcMode="task")
    found = world.inspect(task)
    assert found[PAUSE]["HostConfig"]["IpcMode"] == "shareable"
    assert {found[n]["HostConfig"]["IpcMode"] for n in ("one", "two")} == {"container:" + found[PAUSE]["Id"]}
    eventually(lambda: world.docker.run("logs", found["two"]["Id"]) == "there", 20, "two sees one's shared memory")
    world.stop(task)
    alone = world.run("lim-none", [sleeper()], ipcMode="none", pidMode="host")
    found = world.inspect(alone)
    assert (found["main"]["HostConfig"]["IpcMode"], found["main"]["HostConfig"]["PidMode"]) == ("none", "host")
    assert os.readlink("/proc/%d/ns/pid" % found["main"]["State"]["Pid"]) == os.readlink("/proc/self/ns/pid")
    world.stop(alone)


def test_kernel_settings_are_those_of_the_namespace(world):
    """TD-088, TD-126: with ipcMode task one container's settings hold for all; else each has its own."""
    setting = [{"namespace": "kernel.msgmax", "value": "8191"}, {"namespace": "net.core.somaxconn", "value": "77"}]
    shown = "cat /proc/sys/kernel/msgmax /proc/sys/net/core/somaxconn"
    for family, mode, expected in (("lim-sysctl", {"ipcMode": "task"}, "8191"), ("lim-sysctl-own", {}, "8192")):
        task = world.run(family, [
            sleeper("one", systemControls=setting),
            sleeper("two", dependsOn=[{"containerName": "one", "condition": "START"}])], **mode)
        found = world.inspect(task)
        assert world.execute(found["one"], shown).split() == ["8191", "77"]
        assert world.execute(found["two"], shown).split()[0] == expected
        assert world.execute(found["two"], shown).split()[1] != "77"
        world.stop(task)


def test_the_end_of_the_pause_container_ends_the_task(world):
    """AP-404: it is essential."""
    task = world.run("lim-pause", [sleeper()], pidMode="task")
    world.docker.run("kill", world.inspect(task)[PAUSE]["Id"])
    world.wait(task["taskArn"], "STOPPED")


def gpus(count, name="main", **more):
    return sleeper(name, resourceRequirements=[{"type": "GPU", "value": str(count)}], **more)


def gpus_of(task):
    return {c["name"]: c.get("gpuIds") for c in task["containers"]}


def test_gpus_are_pinned(world):
    """TD-112 to TD-116: each container has its own, told by the API, in its environment, under the runtime; they are given
    again when the task has stopped, and to nobody before."""
    first = world.run("lim-gpu", [gpus(2, "one"), sleeper("none"), gpus(1, "two", environment=[
        {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}])])
    assert gpus_of(first) == {"one": ["GPU-a", "GPU-b"], "two": ["GPU-c"], "none": None}
    found = world.inspect(first)
    visible = {name: [v for v in c["Config"]["Env"] if v.startswith("NVIDIA")] for name, c in found.items()}
    assert visible == {"one": ["NVIDIA_VISIBLE_DEVICES=GPU-a,GPU-b"], "two": ["NVIDIA_VISIBLE_DEVICES=GPU-c"], "none": []}
    refused = world.ecs.run_task(cluster=CLUSTER, taskDefinition="lim-gpu")["failures"]
    assert [f["reason"] for f in refused] == ["RESOURCE:GPU"]
    world.agent.kill()
    world.start_agent()
    assert gpus_of(world.wait(first["taskArn"], "RUNNING")) == gpus_of(first)
    world.stop(first)
    world.register("lim-gpu-1", [gpus(1)])
    tasks = world.ecs.run_task(cluster=CLUSTER, taskDefinition="lim-gpu-1", count=3)["tasks"]
    held = [gpus_of(world.wait(t["taskArn"], "RUNNING"))["main"] for t in tasks]
    assert sorted(held) == [["GPU-a"], ["GPU-b"], ["GPU-c"]]
    middle = next(t for t, ids in zip(tasks, held) if ids == ["GPU-b"])
    world.stop(middle)
    again = world.run("lim-gpu-1", [gpus(1)])
    assert gpus_of(again) == {"main": ["GPU-b"]}
    for task in [again, *(t for t in tasks if t is not middle)]:
        world.stop(task)


def test_cgroups_that_cannot_be_made(world, tmp_path):
    """AG-152: where limits are asked for the agent does not start without them (code 5); by default it goes on without."""
    key = world.server.create_key(agentCluster=CLUSTER)
    env = dict(os.environ, ECS_CGROUP_PATH=str(tmp_path), AWS_ACCESS_KEY_ID=key[0], AWS_SECRET_ACCESS_KEY=key[1],
               AWS_DEFAULT_REGION="us-east-1", BERTH_TASK_ENDPOINT="none", ECS_ENABLE_TASK_CPU_MEM_LIMIT="true")
    command = [BERTH, "agent", "--server", world.server.url, "--cluster", CLUSTER, "--data", str(tmp_path / "data"),
               "--docker", world.docker.host, "--introspection", "127.0.0.1:0"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 5
    assert "unable to setup '/ecs' cgroup" in ended.stderr + ended.stdout
    world.ecs.create_cluster(clusterName=CLUSTER + "-off")
    agent = Agent(tmp_path, world.server.url, world.server.create_key(agentCluster=CLUSTER + "-off"), world.docker.host,
                  CLUSTER + "-off", env={"ECS_CGROUP_PATH": str(tmp_path)}).start()
    try:
        eventually(lambda: connected(world.ecs, CLUSTER + "-off"), 60, "the agent connects; log in " + agent.log)
        host, = world.ecs.list_container_instances(cluster=CLUSTER + "-off")["containerInstanceArns"]
        shown, = world.ecs.describe_container_instances(cluster=CLUSTER + "-off", containerInstances=[host])["containerInstances"]
        assert "ecs.capability.task-cpu-mem-limit" not in {a["name"] for a in shown["attributes"]}
    finally:
        agent.close()
