"""A store that cannot be written: errors out, nothing half done, all there after the restart."""
import os
import subprocess

import pytest

from harness.program import ApiError, Server, eventually


@pytest.fixture
def small_disk(tmp_path):
    path = tmp_path / "disk"
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(path)], check=False, capture_output=True).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def write_until_refused(ecs):
    names = []
    for i in range(20000):
        name = "c%05d-%s" % (i, "x" * 200)
        try:
            ecs.create_cluster(clusterName=name)
        except ecs.exceptions.ClientError as err:
            return names, err.response
        names.append(name)
    raise AssertionError("the disk never got full")


def list_all(ecs):
    found = []
    for page in ecs.get_paginator("list_clusters").paginate():
        found += [arn.split("/")[1] for arn in page["clusterArns"]]
    return found


def test_a_full_disk(small_disk):
    one = Server(small_disk).start()
    try:
        key = one.create_key()
        ecs = one.client(key)
        names, refusal = write_until_refused(ecs)
        assert refusal["Error"]["Code"] == "ServerException"
        assert refusal["ResponseMetadata"]["HTTPStatusCode"] == 500
        eventually(lambda: sorted(list_all(ecs)) == sorted(names), 20, "reads show what was acknowledged and no more")
        one.kill()
        subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
        one.start()
        ecs = one.client(key)
        assert sorted(list_all(ecs)) == sorted(names)
        ecs.create_cluster(clusterName="after")
    finally:
        one.kill()


@pytest.mark.parametrize("nth", [1, 2, 3, 8])
def test_a_failed_commit(tmp_path, nth):
    """The nth commit after the start fails: the caller is told, state is as before, the next write works."""
    one = Server(tmp_path).start()
    try:
        key = one.create_key()
        one.stop()
        one.start(extra_env={"BERTH_FAIL_STORE": str(nth)})
        ecs = one.client(key)
        acknowledged, refused = [], []
        for i in range(12):
            try:
                ecs.create_cluster(clusterName="c%d" % i)
                acknowledged.append("c%d" % i)
            except ecs.exceptions.ClientError as err:
                assert err.response["Error"]["Code"] == "ServerException"
                refused.append("c%d" % i)
        assert len(refused) == 1
        assert sorted(list_all(ecs)) == sorted(acknowledged)
        one.kill()
        one.start()
        ecs = one.client(key)
        assert sorted(list_all(ecs)) == sorted(acknowledged)
    finally:
        one.kill()


def test_a_backup_of_a_live_server(tmp_path):
    one = Server(tmp_path).start()
    try:
        key = one.create_key()
        ecs = one.client(key)
        for i in range(200):
            ecs.create_cluster(clusterName="c%d" % i)
        file = os.path.join(str(tmp_path), "copy.db")
        assert one.admin("Backup", file=file)["bytes"] == os.path.getsize(file)
        assert oct(os.stat(file).st_mode & 0o777) == "0o600"
        with pytest.raises(ApiError, match="never overwrites"):
            one.admin("Backup", file=file)
        with pytest.raises(ApiError, match="cannot write in /nonexistent/: No such file or directory"):
            one.admin("Backup", file="/nonexistent/copy.db")
        ecs.create_cluster(clusterName="later")
        other = Server(tmp_path, name="restored")
        os.mkdir(other.data)
        os.rename(file, os.path.join(other.data, "state.db"))
        other.start()
        try:
            assert sorted(list_all(other.client(key))) == sorted("c%d" % i for i in range(200))
        finally:
            other.close()
    finally:
        one.close()
