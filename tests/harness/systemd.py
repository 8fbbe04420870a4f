"""A systemd of the tests' own, for what asks it to make slices: process 1 of its own namespaces, with a bus and no units.

The root it sees cannot be written to, its /tmp, /run, /var/log and network are its own, and its cgroups are those below one of
ours: nothing of this machine is its business, nor that of an engine beside it."""
import os
import signal
import subprocess
import tempfile

from .program import eventually

SYSTEMD = "/lib/systemd/systemd"
CGROUPS = "/sys/fs/cgroup"
PROGRAMS = (SYSTEMD, "/usr/bin/busctl", "/usr/bin/dbus-daemon", "/usr/bin/nsenter", "/usr/bin/unshare")

UNITS = {
    "default.target": "[Unit]\nDefaultDependencies=no\nRequires=dbus.service\n",
    "dbus.socket": "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/dbus/system_bus_socket\n",
    "dbus.service": "[Unit]\nDefaultDependencies=no\nRequires=dbus.socket\nAfter=dbus.socket\n[Service]\nType=notify\n"
                    "ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation\n",
}

# Arguments: the directory that stays writable, the one with the units, and then the controllers of cgroups v1, if they are that.
INSIDE = """set -e
directory=$1 units=$2; shift 2
mount --make-rprivate /
mount --bind "$directory" "$directory"
mount -o remount,ro,bind /
mount -t tmpfs tmpfs /run
mkdir -p /run/outer /run/units /run/lock
mount --rbind /proc /run/outer
cp "$units"/* /run/units
mount -t tmpfs tmpfs /var/log
case $directory in /tmp/*) ;; *) mount -t tmpfs tmpfs /tmp ;; esac
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys
umount -l /sys/fs/cgroup
if [ $# = 0 ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
    mount -t tmpfs tmpfs /sys/fs/cgroup
    for one; do mkdir /sys/fs/cgroup/$one; mount -t cgroup -o $one cgroup /sys/fs/cgroup/$one; done
    mkdir /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
fi
export container=docker SYSTEMD_UNIT_PATH=/run/units
exec /lib/systemd/systemd --system --unit=default.target --log-target=console --show-status=0
"""


def is_installed():
    return os.geteuid() == 0 and all(os.access(one, os.X_OK) for one in PROGRAMS)


class Systemd:
    """`enter` starts a command beside it, `watch` one that stays in our network and among our processes but sees its mounts and
    cgroups."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.name = "berth-%d" % os.getpid()
        self.is_unified = os.path.exists(CGROUPS + "/cgroup.controllers")
        self.roots = [CGROUPS] if self.is_unified else [os.path.join(CGROUPS, one) for one in os.listdir(CGROUPS)]
        self.process = None

    def _join(self):
        """Run by the child: its cgroups are the roots of those that systemd sees."""
        for root in self.roots:
            if os.path.basename(root) == "cpuset":
                continue  # takes none before it has processors
            with open(os.path.join(root, self.name, "cgroup.procs"), "w") as file:
                file.write("0")

    def start(self):
        units = tempfile.mkdtemp(prefix="units-", dir=self.directory)
        for name, text in UNITS.items():
            with open(os.path.join(units, name), "w") as file:
                file.write(text)
        for root in self.roots:
            os.makedirs(os.path.join(root, self.name), exist_ok=True)
        controllers = [] if self.is_unified else [os.path.basename(root) for root in self.roots
                                                  if os.path.basename(root) not in ("systemd", "unified")]
        self.log = os.path.join(self.directory, "systemd.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--cgroup", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child",
                 "/bin/sh", "-c", INSIDE, "sh", self.directory, units, *controllers], stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=self._join)
        eventually(self._answers, 60, "systemd answers on its bus; log in " + self.log)
        return self

    def _answers(self):
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as file:
            children = file.read().split()
        if not children:
            return False
        at = ["nsenter", "--target", children[0], "--mount", "--cgroup"]
        self.enter = [*at, "--net", "--pid", "--"]
        self.watch = [*at, "--", "unshare", "--mount", "/bin/sh", "-c", 'mount --rbind /run/outer /proc && exec "$@"', "sh"]
        return subprocess.run([*self.enter, "busctl", "--system", "status", "org.freedesktop.systemd1"], capture_output=True,
                              timeout=30, check=False).returncode == 0

    def run(self, *args, check=True):
        """What a command beside it says."""
        return subprocess.run([*self.enter, *args], capture_output=True, text=True, timeout=60, check=check).stdout.strip()

    def close(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)  # and all in its namespace go with it
            self.process.wait()
        for root in self.roots:
            for folder, _, _ in os.walk(os.path.join(root, self.name), topdown=False):
                eventually(lambda: self._is_removed(folder), 20, folder + " is empty")

    @staticmethod
    def _is_removed(folder):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True
