"""Streams into containers on a real Docker engine, both ways: exec and attach (the ground for ExecuteCommand)."""
import hashlib
import os
import subprocess

import pytest

from harness.engine import DRIVER, IMAGE, load_image
from harness.program import SANITIZER_ENV, eventually

PROGRAM = os.path.join(os.path.dirname(DRIVER), "stream_driver")
NAME = "berth-streams-%d" % os.getpid()


@pytest.fixture(scope="module")
def container(docker):
    load_image(docker)
    docker.run("run", "-d", "-i", "--name", NAME, IMAGE, "sh", "-c", "while read -r line; do echo got $line; done")
    yield NAME
    docker.run("rm", "-f", NAME, check=False)


def drive(docker, *args, **how):
    return subprocess.run([PROGRAM, docker.host, *args], env=dict(os.environ, **SANITIZER_ENV), capture_output=True,
                          timeout=120, check=False, **how)


def test_input_comes_back(docker, container):
    """The end of the input reaches the process, which ends by itself; its outputs are told apart."""
    got = drive(docker, "exec", container, "sh", "-c", "cat; echo aside >&2; exit 3", input=b"hello\n")
    assert (got.returncode, got.stdout, got.stderr) == (3, b"hello\n", b"aside\n")


@pytest.mark.parametrize("code", [0, 1, 126, 255])
def test_exit_code(docker, container, code):
    assert drive(docker, "exec", container, "sh", "-c", "exit %d" % code, input=b"").returncode == code


def test_much_both_ways(docker, container):
    much = os.urandom(10 * 1024 * 1024)
    got = drive(docker, "exec", container, "cat", input=much)
    assert got.returncode == 0 and hashlib.sha256(got.stdout).digest() == hashlib.sha256(much).digest()


def test_input_that_nobody_reads(docker, container):
    """The process ends first: what it wrote arrives, and its exit code."""
    got = drive(docker, "exec", container, "sh", "-c", "echo done; exit 4", input=b"x" * 1024 * 1024)
    assert (got.returncode, got.stdout) == (4, b"done\n")


def test_terminal(docker, container):
    """With a terminal there are no frames, and it has the size it was told."""
    got = drive(docker, "exec", container, "--tty", "31x97", "sh", "-c", "read -r x; stty size; test -t 1 && echo tty",
                input=b"\n")
    assert got.returncode == 0 and b"31 97" in got.stdout and b"tty" in got.stdout, got


def test_left_while_it_runs(docker, container):
    got = drive(docker, "exec", container, "--leave-after", "2", "sh", "-c", "echo up; exec sleep 1000",
                stdin=subprocess.DEVNULL)
    assert got.returncode == 0 and got.stdout.endswith(b"RUNNING\n"), got


@pytest.mark.parametrize("args, words", [
    (["exec", "berth-streams-none", "true"], b"No such container"),
    (["exec", NAME, "berth-no-such-program"], None),  # the exec is made; that it cannot start is its exit code
    (["attach", "berth-streams-none"], b"No such container"),
])
def test_refused(docker, container, args, words):
    got = drive(docker, *args, input=b"")
    assert got.returncode != 0
    assert words is None or (got.returncode == 125 and words in got.stderr), got


def test_attach(docker, container):
    """The container's own process; leaving it does not end it. (The end of the input would be a leave of its own.)"""
    ours, theirs = os.pipe()
    os.write(theirs, b"one\n")
    try:
        got = drive(docker, "attach", container, "--leave-after", "8", stdin=ours)
    finally:
        os.close(ours)
        os.close(theirs)
    assert got.stdout.startswith(b"got one\n"), got
    assert eventually(lambda: docker.run("inspect", "-f", "{{.State.Running}}", container)) == "true"
