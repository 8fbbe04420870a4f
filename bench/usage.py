"""What processes use: processor time and memory."""
import os
import time

from harness.program import eventually


def cpu_seconds(pid):
    """All threads', those that ended too, to the nanosecond: the process's own clock (clock_getcpuclockid)."""
    return time.clock_gettime((~pid << 3) | 2)


def quiet(*pids):
    """Returns once these processes have used less than two thousandths of a second each: start-up is over."""
    def used():
        return [cpu_seconds(pid) for pid in pids]
    before = [used()]

    def is_quiet():
        now, then = used(), before.pop()
        before.append(now)
        return all(a - b < 0.002 for a, b in zip(now, then))
    eventually(is_quiet, 300, "the processes come to rest", every=1)


class Memory:
    """Of one process now, in bytes: resident, its share of what is shared (PSS), and what is nobody else's."""

    def __init__(self, pid):
        figures = {}
        with open("/proc/%d/smaps_rollup" % pid) as file:
            for line in file:
                parts = line.split()
                if len(parts) == 3 and parts[2] == "kB":
                    figures[parts[0][:-1]] = int(parts[1]) * 1024
        self.rss, self.pss, self.private = figures["Rss"], figures["Pss"], figures["Private_Clean"] + figures["Private_Dirty"]

    def __str__(self):
        return "private %.1f MB, RSS %.1f MB" % (self.private / 2**20, self.rss / 2**20)


class Cgroup:
    """The processor time of a process and of all it starts, ended or not; what they put elsewhere (the processes of containers)
    is not counted. Hosts with version 1 of cpuacct, and those with version 2 only."""
    OLD = "/sys/fs/cgroup/cpuacct"

    def __init__(self, name):
        self.is_old = os.path.isdir(self.OLD)
        self.path = os.path.join(self.OLD if self.is_old else "/sys/fs/cgroup", name)
        os.makedirs(self.path, exist_ok=True)

    def enter(self):
        """The command that starts another in it."""
        return ["/bin/sh", "-c", 'echo $$ >"$0" && exec "$@"', os.path.join(self.path, "cgroup.procs")]

    def cpu_seconds(self):
        if self.is_old:
            with open(os.path.join(self.path, "cpuacct.usage")) as file:
                return int(file.read()) / 1e9
        with open(os.path.join(self.path, "cpu.stat")) as file:
            return next(int(line.split()[1]) / 1e6 for line in file if line.startswith("usage_usec"))

    def close(self):
        def is_removed():
            try:
                os.rmdir(self.path)
            except OSError:
                return False  # its last process is on its way out
            return True
        eventually(is_removed, 30, "%s is empty" % self.path)
