"""Volumes on a real Docker engine (TD-145 to TD-163, AP-313, AP-314, AP-478): what is made, under which name, and what
is left when the task is gone. One server and one agent for the module; tasks are cleaned up a second after their end."""
import json
import os
import re

import pytest

from harness.one_host import OneHost
from harness.program import eventually
from harness.samples import IMAGE

CLUSTER = "volumes"
SHARED = "berth-volumes-%d" % os.getpid()  # names of shared volumes are the machine's


class World(OneHost):
    def __init__(self, directory, docker):
        super().__init__(directory, docker, CLUSTER, {
            "ECS_SHARED_VOLUME_MATCH_FULL_CONFIG": "true",
            "BERTH_EFS_FILE_SYSTEMS": json.dumps({"fs-0a": "127.0.0.9:/export", "fs-0b": "tls:127.0.0.9", "fsap-0c": "/web"})})

    def run(self, family, containers, volumes, status="RUNNING", **kwargs):
        return super().run(family, containers, status, volumes=volumes, **kwargs)

    def volume(self, name):
        return json.loads(self.docker.run("volume", "inspect", name, check=False) or "[]")

    def gone(self, *names):
        eventually(lambda: not any(self.volume(name) for name in names), 60, "%s are removed" % (names,))


@pytest.fixture(scope="module")
def world(tmp_path_factory, docker):
    docker.sample_image()
    one = World(tmp_path_factory.mktemp("volumes"), docker)
    try:
        yield one
    finally:
        one.close()
        for name in docker.run("volume", "ls", "-q").split():
            if SHARED in name or re.match(r"ecs-vol-", name):
                docker.run("volume", "rm", name, check=False)


def sleeper(name="main", script="sleep 1000", **more):
    return dict({"name": name, "command": ["/bin/sh", "-c", script]}, **more)


def mount(volume, path, read_only=False):
    return {"sourceVolume": volume, "containerPath": path, "readOnly": read_only}


def test_a_bind_mount_without_a_path(world):
    """TD-148, example 14: shared by the containers of one task, new for each task, removed with it."""
    definition = [
        sleeper("one", "echo hi >/a/note; sleep 1000", mountPoints=[mount("my_scratch", "/a")]),
        sleeper("two", "until [ -e /b/note ]; do sleep 0.1; done; cat /b/note; sleep 1000", mountPoints=[mount("my_scratch", "/b", True)])]
    volumes = [{"name": "my_scratch", "host": {}}, {"name": "unused"}]
    first = world.run("vol-scratch", definition, volumes)
    second = world.run("vol-scratch", definition, volumes)
    found = world.inspect(first)
    mounts = {name: found[name]["Mounts"][0] for name in found}
    name = mounts["one"]["Name"]
    assert re.fullmatch(r"ecs-vol-scratch-\d+-my_scratch-[0-9a-f]{20}", name)  # AP-311
    assert (mounts["one"]["Destination"], mounts["one"]["RW"]) == ("/a", True)
    assert (mounts["two"]["Name"], mounts["two"]["Destination"], mounts["two"]["RW"]) == (name, "/b", False)
    made, = world.volume(name)
    assert (made["Driver"], made["Labels"], made["Options"]) == ("local", {}, {})
    eventually(lambda: world.docker.run("logs", found["two"]["Id"]) == "hi", 20, "two reads what one wrote")
    other = world.inspect(second)["one"]["Mounts"][0]["Name"]
    assert other != name
    assert not [v for v in world.docker.run("volume", "ls", "-q").split() if "unused" in v]
    world.stop(first)
    world.gone(name)
    assert world.volume(other), "the other task's is not touched"
    world.stop(second)
    world.gone(other)


def test_a_bind_mount_of_a_path(world, tmp_path):
    """TD-149, examples 15 and 16: made if it is missing, kept when the task is gone; read-only where asked."""
    there = tmp_path / "made" / "by-docker"
    task = world.run("vol-path", [
        sleeper("writer", "echo kept >/data/file; sleep 1000", mountPoints=[mount("data", "/data")]),
        sleeper("reader", "until [ -e /data/file ]; do sleep 0.1; done; echo no >/data/other || echo refused; sleep 1000",
                mountPoints=[mount("data", "/data", True)])],
        [{"name": "data", "host": {"sourcePath": str(there)}}])
    found = world.inspect(task)
    assert found["writer"]["HostConfig"]["Binds"] == ["%s:/data" % there]
    assert found["reader"]["HostConfig"]["Binds"] == ["%s:/data:ro" % there]
    eventually(lambda: "refused" in world.docker.run("logs", found["reader"]["Id"]), 20, "the reader may not write")
    world.stop(task)
    eventually(lambda: not world.inspect(task), 60, "the task is cleaned up")
    assert (there / "file").read_text() == "kept\n"
    assert not (there / "other").exists()


def test_a_docker_volume_of_the_task(world):
    """TD-153, example 12: driver, options and labels as given; comes and goes with the task."""
    task = world.run("vol-task", [sleeper(mountPoints=[mount("scratch", "/var/scratch")])], [{
        "name": "scratch", "dockerVolumeConfiguration": {
            "scope": "task", "driver": "local", "labels": {"scratch": "space"},
            "driverOpts": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}}}])
    name = world.inspect(task)["main"]["Mounts"][0]["Name"]
    assert re.fullmatch(r"ecs-vol-task-\d+-scratch-[0-9a-f]{20}", name)
    made, = world.volume(name)
    assert made["Labels"] == {"scratch": "space"}
    assert made["Options"] == {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}
    world.stop(task)
    world.gone(name)


def test_a_shared_volume(world):
    """TD-154, TD-155, AG-155, example 13: made once, found by the next task, kept; refused if it is another."""
    def definition(labels):
        return [{"name": SHARED, "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True, "driver": "local", "labels": labels}}]
    writer = [sleeper(script="echo first >/db/file; sleep 1000", mountPoints=[mount(SHARED, "/db")])]
    task = world.run("vol-shared", writer, definition({"a": "b"}))
    assert world.inspect(task)["main"]["Mounts"][0]["Name"] == SHARED
    made, = world.volume(SHARED)
    assert made["Labels"] == {"a": "b"}
    world.stop(task)
    eventually(lambda: not world.inspect(task), 60, "the task is cleaned up")
    task = world.run("vol-shared", [sleeper(script="[ \"$(cat /db/file)\" = first ]", mountPoints=[mount(SHARED, "/db")])],
                     definition({"a": "b"}), "STOPPED")
    assert task["containers"][0]["exitCode"] == 0, "its data is there for the next task"
    task = world.run("vol-shared", writer, definition({"a": "c"}), "STOPPED")
    assert task["stoppedReason"] == (
        "resource cannot be initialized for task %s: intialize volume: non-autoprovisioned volume does not match existing "
        "volume labels: existing: map[a:b], expected: map[a:c]" % task["taskArn"])
    assert task["stopCode"] == "TaskFailedToStart"
    assert world.volume(SHARED)


def test_a_shared_volume_that_is_not_there(world):
    """TD-154: without autoprovision somebody else has to have made it."""
    name = SHARED + "-other"
    volumes = [{"name": name, "dockerVolumeConfiguration": {"scope": "shared"}}]
    task = world.run("vol-missing", [sleeper(mountPoints=[mount(name, "/v")])], volumes, "STOPPED")
    assert task["stoppedReason"] == (
        "resource cannot be initialized for task %s: initialize volume: volume detection failed, volume '%s' does not exist and "
        "autoprovision is set to false: Error response from daemon: get %s: no such volume" % (task["taskArn"], name, name))
    world.docker.run("volume", "create", "--label", "by=hand", name)
    task = world.run("vol-missing", [sleeper(mountPoints=[mount(name, "/v")])], volumes)
    assert world.inspect(task)["main"]["Mounts"][0]["Name"] == name
    world.stop(task)


def test_a_driver_that_is_not_there(world):
    """TD-156, TD-163: no host has it, so no task is placed there; asked for outright, Docker's words are the reason."""
    world.ecs.register_task_definition(
        family="vol-driver", volumes=[{"name": "v", "dockerVolumeConfiguration": {"scope": "task", "driver": "berth-none"}}],
        containerDefinitions=[{"name": "main", "image": IMAGE, "memory": 16, "mountPoints": [mount("v", "/v")]}])
    answer = world.ecs.run_task(cluster=CLUSTER, taskDefinition="vol-driver")
    assert answer["failures"][0]["reason"] == "ATTRIBUTE"
    task = world.run("vol-options", [sleeper(mountPoints=[mount("v", "/v")])], [{
        "name": "v", "dockerVolumeConfiguration": {"scope": "task", "driver": "local", "driverOpts": {"nope": "1"}}}], "STOPPED")
    assert task["stoppedReason"].startswith("Error response from daemon: create ecs-vol-options-")
    assert "invalid option" in task["stoppedReason"]


def test_volumes_from_another_container(world, tmp_path):
    """TD-158, example 17: all of its mounts at the same places, all read-only if so asked."""
    task = world.run("vol-from", [
        sleeper("source", mountPoints=[mount("path", "/path"), mount("scratch", "/scratch")]),
        sleeper("same", volumesFrom=[{"sourceContainer": "source"}]),
        sleeper("reader", volumesFrom=[{"sourceContainer": "source", "readOnly": True}])],
        [{"name": "path", "host": {"sourcePath": str(tmp_path)}}, {"name": "scratch"}])
    found = world.inspect(task)
    modes = {name: {m["Destination"]: m["RW"] for m in one["Mounts"]} for name, one in found.items()}
    assert modes == {"source": {"/path": True, "/scratch": True}, "same": {"/path": True, "/scratch": True},
                     "reader": {"/path": False, "/scratch": False}}
    world.stop(task)


def test_tmpfs(world):
    """TD-085: in memory, of the size asked for."""
    task = world.run("vol-tmpfs", [sleeper(linuxParameters={"initProcessEnabled": True, "tmpfs": [
        {"containerPath": "/fast", "size": 4, "mountOptions": ["noexec", "mode=700"]}]})], [])
    one = world.inspect(task)["main"]
    assert one["HostConfig"]["Tmpfs"] == {"/fast": "noexec,mode=700,size=4m"}
    mounts = world.docker.run("exec", one["Id"], "/bin/cat", "/proc/mounts")
    line, = [m for m in mounts.splitlines() if " /fast " in m]
    assert "noexec" in line and "size=4096k" in line and "mode=700" in line
    world.stop(task)


def test_efs_is_an_nfs_mount(world):
    """AP-478, TD-161, TUT-383: the very call to Docker. Where the kernel has no NFS, its mount is the reason."""
    task = world.run("vol-efs", [sleeper(mountPoints=[mount("efs", "/efs")])], [{
        "name": "efs", "efsVolumeConfiguration": {"fileSystemId": "fs-0a", "rootDirectory": "/site"}}], "STOPPED")
    name, = [v for v in world.docker.run("volume", "ls", "-q").split() if v.startswith("ecs-vol-efs-")] or [None]
    if name:  # it lives for a second after the task's end
        made = world.volume(name)
        assert not made or made[0]["Options"] == {
            "type": "nfs", "device": ":/export/site",
            "o": "addr=127.0.0.9,nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport"}
    reason = task["containers"][0]["reason"]
    assert reason.startswith("CannotStartContainerError: Error response from daemon: ")
    assert "failed to mount local volume: mount :/export/site:" in reason
    assert "data: addr=127.0.0.9,nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport" in reason
    world.gone(*[name] if name else [])


@pytest.mark.parametrize("volume,reason", [
    ({"fileSystemId": "fs-0a", "transitEncryption": "ENABLED"}, "file system fs-0a: transit encryption is not available on this instance"),
    ({"fileSystemId": "fs-0b", "transitEncryption": "ENABLED", "authorizationConfig": {"iam": "ENABLED"}},
     "file system fs-0b: IAM authorization is not available on this instance"),
    ({"fileSystemId": "fs-0b", "transitEncryption": "ENABLED", "authorizationConfig": {"accessPointId": "fsap-0d"}},
     "file system fs-0b: access point fsap-0d is not known on this instance")])
def test_efs_that_cannot_be_had(world, volume, reason):
    """TUT-382, TD-161, TD-162: what would weaken the mount is refused before any container is made."""
    task = world.run("vol-efs-no", [sleeper(mountPoints=[mount("efs", "/efs")])],
                     [{"name": "efs", "efsVolumeConfiguration": volume}], "STOPPED")
    assert task["stoppedReason"] == "resource cannot be initialized for task %s: %s" % (task["taskArn"], reason)
    assert task["stopCode"] == "TaskFailedToStart"
    assert "runtimeId" not in task["containers"][0]


def test_an_agent_that_dies_removes_the_volumes_all_the_same(world):
    """TD-148, TD-153: kill -9 while the task runs and again once it has stopped; nothing is left behind."""
    task = world.run("vol-kill", [sleeper(mountPoints=[mount("scratch", "/a"), mount("task", "/b")])], [
        {"name": "scratch"}, {"name": "task", "dockerVolumeConfiguration": {"scope": "task", "driver": "local"}}])
    names = sorted(m["Name"] for m in world.inspect(task)["main"]["Mounts"])
    assert len(names) == 2
    world.agent.kill()
    world.ecs.stop_task(cluster=CLUSTER, task=task["taskArn"])
    world.start_agent()
    world.wait(task["taskArn"], "STOPPED")
    world.agent.kill()
    world.start_agent()
    world.gone(*names)
    eventually(lambda: not world.inspect(task), 60, "the containers are removed")
