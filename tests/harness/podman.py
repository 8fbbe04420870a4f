"""Podman's Docker-compatible service: one of our own, apart from every other engine of the machine."""
import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile

from .docker import Docker
from .program import eventually

PROGRAM = "/usr/bin/podman"

# runc, for crun wants more of a host than some have; limits that any host allows.
CONTAINERS = """
[containers]
log_driver = "json-file"
init_path = "/usr/bin/catatonit"
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
tmp_dir = "{directory}/tmp"
[network]
network_backend = "cni"
cni_plugin_dirs = ["/usr/lib/cni"]
network_config_dir = "{directory}/networks"
default_subnet = "{subnet}"
"""
STORAGE = """
[storage]
driver = "{driver}"
graphroot = "{directory}/data"
runroot = "{directory}/run"
"""
REGISTRIES = """
unqualified-search-registries = ["docker.io"]
"""
INSECURE = """
[[registry]]
location = "%s"
insecure = true
"""


def remove(cgroup):
    try:
        os.rmdir(cgroup)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


class PrivatePodman(Docker):
    """`enter` is put before the command: its bridge and address rules are best in a network namespace of their own."""

    def __init__(self, enter=(), subnet="10.244.7.0/24", driver="overlay"):
        self.directory = tempfile.mkdtemp(prefix="berth-podman-")
        self.enter, self.process = list(enter), None
        for name in ("tmp", "networks"):
            os.mkdir(os.path.join(self.directory, name))
        self.env = dict(os.environ)
        for variable, text in (("CONTAINERS_CONF", CONTAINERS), ("CONTAINERS_STORAGE_CONF", STORAGE),
                               ("CONTAINERS_REGISTRIES_CONF", REGISTRIES)):
            self.env[variable] = os.path.join(self.directory, variable.lower())
            with open(self.env[variable], "w") as file:
                file.write(text.format(directory=self.directory, subnet=subnet, driver=driver))
        super().__init__("unix://%s/podman.sock" % self.directory)

    def podman(self, *args, **kwargs):
        """The program itself, on what this service has."""
        return subprocess.run([*self.enter, PROGRAM, *args], env=self.env, capture_output=True, text=True, timeout=120, check=False,
                              **kwargs)

    def trust(self, registry):
        """Plain HTTP to this one; before the start."""
        with open(self.env["CONTAINERS_REGISTRIES_CONF"], "a") as file:
            file.write(INSECURE % registry)

    def start(self, timeout=60):
        with open(self.directory + "/log", "ab") as log:
            self.process = subprocess.Popen([*self.enter, PROGRAM, "system", "service", "--time=0", self.host], env=self.env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually(self.answers, timeout, "podman answers; log in %s/log" % self.directory)
        return self

    def kill(self):
        """The service is gone; containers run on under their monitors."""
        self.process.kill()
        self.process.wait()

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def end_monitors(self):
        """Those of execs outlive their containers by five minutes, and hold cgroups."""
        held = set()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as file:
                    command = file.read()
                if not command.split(b"\0")[0].endswith(b"/conmon") or self.directory.encode() not in command:
                    continue
                with open("/proc/%s/cgroup" % pid) as file:
                    held |= {line.rstrip("\n").split(":", 2)[2] for line in file}
                os.kill(int(pid), signal.SIGKILL)
            except OSError:
                continue  # it ended meanwhile
        for path in held - {"/"}:
            for folder in glob.glob("/sys/fs/cgroup/*" + path) + glob.glob("/sys/fs/cgroup" + path):
                for one in (folder, os.path.dirname(folder)):
                    try:
                        eventually(lambda one=one: remove(one), 2)
                    except AssertionError:
                        break  # somebody else's, too

    def close(self):
        if self.is_running():
            self.kill()
        self.podman("rm", "--all", "--force", "--time", "0")
        self.end_monitors()
        with open("/proc/self/mounts") as mounts:
            left = [line.split()[1] for line in mounts if self.directory in line]
        for mount in sorted(left, reverse=True):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
        shutil.rmtree(self.directory, ignore_errors=True)


def version():
    """(4, 3) of the installed one; None: there is none."""
    if not os.access(PROGRAM, os.X_OK):
        return None
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else None
