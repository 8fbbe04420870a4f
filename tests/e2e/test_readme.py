"""Every command of the README, run as a newcomer would, with Debian's awscli against `berth up`."""
import os
import re
import signal
import subprocess

import pytest

from harness.program import BERTH, ROOT, Program, eventually
from harness.samples import free_port


def blocks():
    with open(os.path.join(ROOT, "README.md")) as file:
        return re.findall(r"```sh\n(.*?)```", file.read(), re.S)


@pytest.fixture
def up(tmp_path, docker):
    docker.sample_image()
    one = Program(["up", "--listen", "127.0.0.1:%d" % free_port(), "--data", tmp_path / "berth", "--docker", docker.host],
                  tmp_path / "up.log", ready=False)
    one.args = ["/usr/bin/setsid", *one.args]  # a group of its own, as a shell's job has
    one.data = str(tmp_path / "berth")
    one.docker = docker
    one.start()
    eventually(lambda: "berth is up" in one.output(), 60, "berth up starts; log " + one.log)
    yield one
    if one.is_running():
        one.signal(signal.SIGINT)
        one.process.wait(60)


def shell(up, script, timeout=300):
    """In one bash that knows `berth` by the README's path."""
    os.makedirs(os.path.join(up.data, "home"), exist_ok=True)
    script = script.replace("build/release/berth env", "'%s' env --data '%s'" % (BERTH, up.data))
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    env.update(DOCKER_HOST=up.docker.host, AWS_PAGER="", HOME=os.path.join(up.data, "home"), PATH="/usr/bin:/bin:/usr/sbin:/sbin")
    return subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, env=env, capture_output=True, text=True,
                          timeout=timeout, check=False)


def test_the_tour(up):
    eventually(lambda: subprocess.run(
        [BERTH, "aws", "--data", up.data, "ecs", "describe-clusters", "--query", "clusters[0].registeredContainerInstancesCount"],
        capture_output=True, text=True, check=False, env=dict(os.environ, AWS_PAGER="")).stdout.strip() == "1", 60)
    found = blocks()
    assert len(found) >= 7
    script = "\n".join("echo '## block %d'\n%s" % (i, block) for i, block in enumerate(found))
    result = shell(up, script)
    assert result.returncode == 0, result.stdout + result.stderr + up.output()[-3000:]
    out = result.stdout
    print(out)
    assert "default\tACTIVE\t1" in out
    assert re.search(r"hello from berth, [0-9a-f]{12}", out)
    assert re.search(r"\(service tour\) has started 2 tasks: \(task [0-9a-f]{32}\) \(task [0-9a-f]{32}\)\.", out)
    assert "RESOURCE:MEMORY" in out


def test_ctrl_c_stops_the_tasks_and_the_next_up_starts_them_again(up):
    def aws(*args):
        result = subprocess.run([BERTH, "aws", "--data", up.data, "--output", "text", *args], capture_output=True, text=True,
                                check=False, cwd=ROOT, env=dict(os.environ, AWS_PAGER=""), timeout=120)
        return result.stdout.strip()

    def tasks():
        return up.docker.containers("label=com.amazonaws.ecs.task-definition-family=updown", everything=False)

    aws("ecs", "register-task-definition", "--family", "updown", "--container-definitions",
        '[{"name":"a","image":"berth-sample-web:1","memory":16,"linuxParameters":{"initProcessEnabled":true}}]')
    aws("ecs", "create-service", "--service-name", "updown", "--task-definition", "updown", "--desired-count", "2")
    eventually(lambda: len(tasks()) == 2, 90)
    for signum in (signal.SIGINT, signal.SIGTERM):  # a terminal's Ctrl-C and timeout(1) tell every process of the group
        os.killpg(up.process.pid, signum)
        assert up.process.wait(60) == 0, up.output()
        assert "may still be running" not in up.output()
        eventually(lambda: not tasks(), 2)  # Docker's list may lag a moment behind its event
        up.start()
        eventually(lambda: len(tasks()) == 2, 90, "the service starts again; log " + up.log)
    # A second one on the same data names the first.
    second = subprocess.run([BERTH, "up", "--listen", "127.0.0.1:0", "--data", up.data], capture_output=True, text=True, check=False, timeout=60)
    assert second.returncode == 1
    assert re.search(r"berth: .* is in use by berth up on 127\.0\.0\.1:\d+ \(pid \d+\)", second.stderr)


def test_exit_codes_and_error_lines(tmp_path):
    def run(*args):
        result = subprocess.run([BERTH, *args], capture_output=True, text=True, check=False, timeout=30)
        return result.returncode, result.stdout, result.stderr

    assert run("--version") == (0, "berth 0.1.0\n", "")
    assert run()[0] == 2
    for args in (["nope"], ["up", "--nope"], ["server", "--task-retention", "20"], ["server", "--auth", "maybe"], ["key"],
                 ["server", "--account", "12"], ["backup"], ["up", "extra"]):
        code, out, err = run(*args)
        assert (code, out) == (2, ""), args
        assert err.startswith("berth: ") and err.count("\n") == 1, args
    for name in ("up", "server", "agent", "env", "aws", "key", "backup"):
        code, out, _ = run(name, "--help")
        assert code == 0 and out.startswith("usage: berth " + name)
    code, _, err = run("env", "--data", str(tmp_path))
    assert code == 1 and "does not seem to run" in err
