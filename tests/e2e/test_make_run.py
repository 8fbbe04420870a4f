"""tools/run, which is `make run`, with the program under test in the place of the one it would build."""
import os
import shutil
import signal
import subprocess

import pytest

from harness.program import BERTH, ROOT, Program, eventually
from harness.samples import free_port


@pytest.fixture
def checkout(tmp_path):
    """What tools/run uses of a checkout; nothing is installed or built."""
    top = tmp_path / "checkout"
    (top / "build" / "release").mkdir(parents=True)
    (top / "tools").mkdir()
    shutil.copy(os.path.join(ROOT, "tools", "run"), top / "tools" / "run")
    for name in ("deps", "build"):
        (top / "tools" / name).write_text("#!/bin/sh\n")
        (top / "tools" / name).chmod(0o755)
    (top / "samples").symlink_to(os.path.join(ROOT, "samples"))
    (top / "build" / "release" / "berth").symlink_to(os.path.abspath(BERTH))
    return top


@pytest.fixture
def running(tmp_path):
    """Somebody's berth up; it needs no Docker here."""
    one = Program(["up", "--listen", "127.0.0.1:%d" % free_port(), "--data", tmp_path / "data", "--docker", "unix:///nowhere"],
                  tmp_path / "running.log", ready=False)
    one.start()
    eventually(lambda: "berth is up" in one.output(), 60, "berth up starts; log " + one.log)
    yield one
    if one.is_running():
        one.signal(signal.SIGINT)
        one.process.wait(60)


def test_a_directory_in_use(checkout, running, tmp_path, docker):
    """The second is refused, says by whom, and leaves the first one's log alone."""
    log = tmp_path / "data" / "up.log"
    log.write_text("of the first\n")
    env = dict(os.environ, DATA=str(tmp_path / "data"), LISTEN="127.0.0.1:%d" % free_port(), DOCKER_HOST=docker.host, AWS_PAGER="")
    env.pop("BUILD", None)
    ended = subprocess.run([str(checkout / "tools" / "run")], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert "is in use by berth up" in ended.stderr and "make run: berth up ended" in ended.stderr
    assert "registered" not in ended.stdout
    assert log.read_text().startswith("of the first\n")
    assert running.is_running()
