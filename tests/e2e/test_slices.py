"""Task-level limits where systemd has the cgroups, as on most hosts of today: the agent has it make a slice for each task, in
which Docker's systemd driver has it make the containers' scopes (AP-419, AG-152, AG-924). A systemd, an engine and an agent."""
import os

import pytest

from harness.docker import PrivateDocker
from harness.one_host import OneHost
from harness.program import eventually
from harness.systemd import CGROUPS, Systemd, is_installed

CLUSTER = "slices"

pytestmark = pytest.mark.skipif(not is_installed(), reason="needs root, systemd and dbus-daemon")


@pytest.fixture(scope="module")
def systemd(tmp_path_factory):
    one = Systemd(tmp_path_factory.mktemp("slices"))
    try:
        yield one.start()
    finally:
        one.close()


@pytest.fixture(scope="module")
def world(systemd):
    # On systemd's own network: an engine without a bridge removes docker0 from where it starts.
    docker = PrivateDocker(systemd.directory + "/docker", enter=systemd.enter,
                           options=["--exec-opt", "native.cgroupdriver=systemd", "--bridge=none", "--iptables=false"])
    os.mkdir(docker.directory)
    one = None
    try:
        docker.start()
        docker.sample_image()
        one = OneHost(systemd.directory, docker, CLUSTER, {"ECS_TASK_PIDS_LIMIT": "50"}, enter=systemd.watch)
        yield one
    finally:
        if one is not None:
            one.close()
        docker.close()


def slice_of(task):
    return "ecstasks-%s.slice" % task["taskArn"].rsplit("/", 1)[1]


def limit(systemd, task, controller, file):
    """As the kernel has it."""
    parts = [CGROUPS, *([] if systemd.is_unified else [controller]), "ecstasks.slice", slice_of(task), file]
    return systemd.run("cat", "/".join(parts))


def is_active(systemd, task):
    return systemd.run("systemctl", "is-active", slice_of(task), check=False) == "active"


def sleeper(name="main", **more):
    return dict({"name": name, "command": ["/bin/sh", "-c", "sleep 1000"]}, **more)


def test_a_task_has_a_slice_that_goes_with_it(world, systemd):
    """Half a core, 64 MiB and 50 processes for both containers; killed in between, the agent still has it removed."""
    task = world.run("slice-task", [sleeper("one"), sleeper("two", memory=32)], cpu="512", memory="64", networkMode="none")
    found = world.inspect(task)
    assert {c["HostConfig"]["CgroupParent"] for c in found.values()} == {slice_of(task)}
    if systemd.is_unified:
        assert limit(systemd, task, "", "cpu.max") == "50000 100000"
        assert limit(systemd, task, "", "memory.max") == str(64 << 20)
    else:
        assert limit(systemd, task, "cpu", "cpu.cfs_quota_us") == "50000"
        assert limit(systemd, task, "cpu", "cpu.cfs_period_us") == "100000"
        assert limit(systemd, task, "memory", "memory.limit_in_bytes") == str(64 << 20)
    assert limit(systemd, task, "pids", "pids.max") == "50"
    scope = "/ecstasks.slice/%s/docker-%s.scope" % (slice_of(task), found["one"]["Id"])
    assert scope in systemd.run("cat", "/proc/%d/cgroup" % found["one"]["State"]["Pid"])
    world.agent.kill()
    world.ecs.stop_task(cluster=CLUSTER, task=task["taskArn"])
    world.start_agent()
    world.wait(task["taskArn"], "STOPPED")
    eventually(lambda: not is_active(systemd, task), 60, "its slice is removed")
    eventually(lambda: not world.inspect(task), 60, "its containers are removed")


@pytest.mark.soak
def test_shares_and_what_is_not_a_percent(world, systemd):
    """Without a limit of its processors a task has its containers' shares; systemd keeps a limit in whole percents, and what is
    between two is rounded up, or a container could not have all that its task has."""
    shared = world.run("slice-shares", [sleeper(cpu=1024)], networkMode="none")
    if systemd.is_unified:
        assert limit(systemd, shared, "", "cpu.weight") == "39"
        assert limit(systemd, shared, "", "cpu.max").startswith("max ")
    else:
        assert limit(systemd, shared, "cpu", "cpu.shares") == "1024"
        assert limit(systemd, shared, "cpu", "cpu.cfs_quota_us") == "-1"
    world.stop(shared)
    odd = world.run("slice-odd", [sleeper()], cpu="130", memory="64", networkMode="none")
    quota = limit(systemd, odd, "", "cpu.max").split()[0] if systemd.is_unified else limit(systemd, odd, "cpu", "cpu.cfs_quota_us")
    assert quota == "13000"  # of 12695
    world.stop(odd)
