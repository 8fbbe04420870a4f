"""What `make install` puts on a host: units, an update's change of program, settings written for an operator, and what is gathered
when something is wrong (AG-002, AG-003, AG-006, AG-010, AG-025, AG-160, AG-273, AG-374, AG-901, AG-925, AP-522, AP-523)."""
import os
import re
import shutil
import stat
import subprocess
import tarfile

import pytest

from harness.program import BERTH, ROOT, eventually
from harness.systemd import Systemd, is_installed


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A host's files, installed below a directory."""
    where = tmp_path_factory.mktemp("root")
    subprocess.run([os.path.join(ROOT, "tools/install"), "/opt/berth"], check=True, capture_output=True,
                   env=dict(os.environ, DESTDIR=str(where), BERTH=BERTH))
    return where


def unit(root, name="ecs.service"):
    """The lines of a unit by their names."""
    found = {}
    for line in (root / "lib/systemd/system" / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_unit(root):
    """AG-003, AG-925, AP-523: of the name people type; what it names is there; it starts again but for 0 and 5, for ever."""
    lines = unit(root)
    for command in lines["ExecStartPre"] + lines["ExecStart"]:
        for path in re.findall(r"/opt/\S+", command):
            assert os.path.exists(str(root) + path), path
    assert lines["ExecStart"][0].split()[:2] == ["/opt/berth/bin/berth", "agent"]
    assert (lines["Restart"], lines["RestartPreventExitStatus"], lines["StartLimitIntervalSec"]) == (["on-failure"], ["5"], ["0"])
    assert "EnvironmentFile" not in lines  # the agent reads /etc/ecs/ecs.config itself, literally (AG-006)
    assert not any("cloud" in after for after in lines["After"])  # a first-boot script may start it
    for folder in ("etc/ecs", "var/lib/ecs", "var/log/ecs", "var/cache/ecs"):  # AG-010
        assert (root / folder).is_dir()
    assert (root / "opt/berth/share/doc/berth/agent-configuration.md").exists()
    if shutil.which("systemd-analyze"):
        done = subprocess.run(["systemd-analyze", "verify", "--root", str(root), "ecs.service", "berth-server.service"],
                              capture_output=True, text=True, check=False)
        assert not re.search(r"Unknown|ignoring|Failed to parse|/opt/berth", done.stderr), done.stderr


def test_its_defaults_are_settings(root, tmp_path):
    """AP-522: what the unit gives the agent to begin with is understood, and the operator's file comes before it."""
    defaults = root / "opt/berth/lib/berth/agent.defaults"
    for line in defaults.read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Z_]+=\S+", line), line
    bad = tmp_path / "bad"
    bad.write_text('ECS_INSTANCE_ATTRIBUTES={rack}\n')
    missing = str(tmp_path / "none")
    for file, defaults_file, code in ((missing, bad, 5), (bad, missing, 5)):
        done = subprocess.run([BERTH, "agent", "--server", "http://127.0.0.1:1", "--config", str(file), "--defaults", str(defaults_file)],
                              capture_output=True, text=True, check=False, timeout=30,
                              env={"ECS_AGENT_CONFIG_FILE_PATH": missing, "PATH": os.environ["PATH"]})
        assert done.returncode == code and "ECS_INSTANCE_ATTRIBUTES" in done.stderr


@pytest.mark.parametrize("name,text,runs", [
    ("1.ecs-update.tar", "#!/bin/sh\necho new\n", True), ("1.ecs-update.tar", "#!/bin/sh\nexit 1\n", False),
    ("1.ecs-update.tar", "no program\n", False), ("../1", "#!/bin/sh\necho new\n", False), ("", "", False)])
def test_an_update_takes_the_programs_place(root, tmp_path, name, text, runs):
    """AG-025, AG-026: only one that runs here; the old one is never lost, and what was downloaded goes."""
    updates, program = tmp_path / "updates", tmp_path / "agent"
    updates.mkdir()
    program.write_text("#!/bin/sh\necho old\n")
    program.chmod(0o755)
    (updates / name if name else updates / "x.ecs-update.tar").write_text(text)
    (updates / "desired-image").write_text(name + "\n")
    replace = str(root / "opt/berth/lib/berth/berth-agent-replace")
    for _ in range(2):  # the second time there is nothing to do
        subprocess.run([replace, str(updates), str(program)], check=True, capture_output=True)
        assert subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout == ("new\n" if runs else "old\n")
    assert os.listdir(updates) == [] and sorted(os.listdir(tmp_path))[0] == ("1" if "/" in name else "agent")


@pytest.fixture(scope="module")
def supervised(root, tmp_path_factory):
    """A systemd that has the unit, with a program that ends as it is told to."""
    where = tmp_path_factory.mktemp("unit")
    shutil.copytree(root, where / "root")
    for name in ("sysinit", "basic", "shutdown"):
        (where / (name + ".target")).write_text("[Unit]\nDefaultDependencies=no\n")
    text = (root / "lib/systemd/system/ecs.service").read_text().replace("/opt/berth", str(where / "root/opt/berth"))
    (where / "ecs.service").write_text(text.replace("/var/cache/ecs", str(where / "updates")).replace("RestartSec=2s", "RestartSec=20ms"))
    (where / "updates").mkdir()
    one = Systemd(where)
    try:
        one.start()
        one.run("sh", "-c", "cp %s/*.target %s/ecs.service /run/units" % (where, where))
        one.run("systemctl", "daemon-reload")
        yield one, where
    finally:
        one.close()


@pytest.mark.skipif(not is_installed(), reason="needs root, systemd and dbus-daemon")
def test_systemd_does_what_the_exit_code_says(supervised):
    """AG-011, AG-025, AG-925, AP-523: 1 again and again, however often; 5 and 0 no more; 42 as the new version."""
    systemd, where = supervised
    program, calls = where / "root/opt/berth/bin/berth", where / "calls"

    def becomes(code):
        program.write_text('#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "$@" >>%s\nexit %d\n' % (calls, code))

    def state():
        return systemd.run("systemctl", "is-active", "ecs", check=False)

    becomes(1)
    systemd.run("systemctl", "start", "--no-block", "ecs")
    eventually(lambda: calls.exists() and len(calls.read_text().splitlines()) > 8, 60, "it is started again; log " + systemd.log)
    assert calls.read_text().startswith("agent --defaults ")
    for code, end in ((5, "failed"), (0, "inactive")):
        becomes(code)
        systemd.run("systemctl", "start", "--no-block", "ecs")
        eventually(lambda: state() == end, 60, "it ends after %d; log %s" % (code, systemd.log))
    (where / "updates/1.ecs-update.tar").write_text('#!/bin/sh\n[ "$1" = --version ] && exit 0\necho new >>%s\nexec sleep 1000\n' % calls)
    (where / "updates/desired-image.next").write_text("1.ecs-update.tar\n")
    program.write_text('#!/bin/sh\nmv %s/updates/desired-image.next %s/updates/desired-image\nexit 42\n' % (where, where))
    systemd.run("systemctl", "start", "--no-block", "ecs")
    eventually(lambda: calls.read_text().endswith("new\n") and state() == "active", 60, "the new one runs; log " + systemd.log)
    assert os.listdir(where / "updates") == []
    systemd.run("systemctl", "stop", "ecs")


def write_settings(root, *args, code=0):
    done = subprocess.run([str(root / "opt/berth/bin/ecs-setup"), *args], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr


def test_settings_are_written_once(root, tmp_path):
    """AG-160, AG-270, AG-273, AG-901 and worked example 18: the three places of a proxy; run again it changes nothing."""
    key = tmp_path / "key"
    key.write_text('export AWS_ACCESS_KEY_ID="AKID"\nexport AWS_SECRET_ACCESS_KEY="s3/cr+et"\n')
    config = tmp_path / "etc/ecs/ecs.config"
    config.parent.mkdir(parents=True)
    config.write_text('ECS_CLUSTER=old\nECS_INSTANCE_ATTRIBUTES={"rack": "r1"}')  # without an end of line
    args = ["--root", str(tmp_path), "--server", "https://server:4566", "--cluster", "web", "--key", str(key), "--proxy",
            "http://10.0.0.131:3128/"]
    write_settings(root, *args)
    files = {path: (tmp_path / path).read_text() for path in (
        "etc/ecs/ecs.config", "etc/systemd/system/ecs.service.d/http-proxy.conf", "etc/systemd/system/docker.service.d/http-proxy.conf")}
    assert sorted(files["etc/ecs/ecs.config"].splitlines()) == sorted([
        'ECS_INSTANCE_ATTRIBUTES={"rack": "r1"}', "ECS_BACKEND_HOST=https://server:4566", "ECS_CLUSTER=web", "AWS_ACCESS_KEY_ID=AKID",
        "AWS_SECRET_ACCESS_KEY=s3/cr+et", "HTTP_PROXY=10.0.0.131:3128", "NO_PROXY=169.254.169.254,169.254.170.2,/var/run/docker.sock"])
    assert 'Environment="HTTP_PROXY=10.0.0.131:3128"' in files["etc/systemd/system/ecs.service.d/http-proxy.conf"]
    assert 'Environment="HTTP_PROXY=http://10.0.0.131:3128"' in files["etc/systemd/system/docker.service.d/http-proxy.conf"]
    assert stat.S_IMODE(config.stat().st_mode) == 0o600  # AG-035
    write_settings(root, *args)
    for path, text in files.items():
        assert sorted((tmp_path / path).read_text().splitlines()) == sorted(text.splitlines())
    assert "s3/cr+et" not in " ".join(args)


def test_settings_from_elsewhere(root, tmp_path):
    """AG-160: a whole file to begin with; what cannot be had changes nothing."""
    (tmp_path / "given").write_text("ECS_CLUSTER=given\nECS_RESERVED_MEMORY=64\n")
    config = tmp_path / "etc/ecs/ecs.config"
    write_settings(root, "--root", str(tmp_path), "--config-url", "file://%s/given" % tmp_path, "--cluster", "web")
    assert config.read_text() == "ECS_RESERVED_MEMORY=64\nECS_CLUSTER=web\n"
    for args in (["--config-url", "file:///nowhere"], ["--key", "/nowhere"], ["--key", "/dev/null"], ["--cluster"], ["--what", "x"]):
        assert "ecs-setup: " in write_settings(root, "--root", str(tmp_path), *args, code=2)
        assert config.read_text() == "ECS_RESERVED_MEMORY=64\nECS_CLUSTER=web\n" and os.listdir(config.parent) == ["ecs.config"]


def test_what_explains_a_host(root, tmp_path):
    """AG-374: one archive with the agent's logs and what Docker and the system say, without secrets."""
    config, logs = tmp_path / "ecs.config", tmp_path / "logs"
    config.write_text("ECS_CLUSTER=web\nAWS_SECRET_ACCESS_KEY=s3cret\nECS_ENGINE_AUTH_DATA={\"r\":{\"password\":\"s3cret\"}}\n")
    logs.mkdir()
    (logs / "ecs-agent.log").write_text("level=info\n")
    subprocess.run([str(root / "opt/berth/bin/ecs-logs-collector")], check=True, capture_output=True, cwd=tmp_path,
                   env=dict(os.environ, ECS_CONFIG=str(config), ECS_LOG_DIR=str(logs)))
    with tarfile.open(tmp_path / "collect.tgz") as archive:
        names = archive.getnames()
        texts = {name: archive.extractfile(name).read().decode(errors="replace") for name in names if archive.getmember(name).isfile()}
    assert {"collect/ecs/ecs-agent.log", "collect/ecs/ecs.config", "collect/docker/info.txt", "collect/system/kernel.txt"} <= set(names)
    assert "ECS_CLUSTER=web" in texts["collect/ecs/ecs.config"]
    assert not [name for name, text in texts.items() if "s3cret" in text]
