"""The section of bench/run that compares the agents at rest: processor time, the engine's on their behalf, memory."""
import os
import select

from containers import CLUSTER, NO_OFFICIAL, OFFICIAL_CLUSTER, Host
from harness.official import OFFICIAL
from report import row, say, table
from usage import Memory, cpu_seconds, quiet

CONTAINERS = int(os.environ.get("BENCH_CONTAINERS", "100"))
SECONDS = int(os.environ.get("BENCH_IDLE_SECONDS", "120"))
VARIANTS = (
    ("defaults", {}),
    ("ECS_POLL_METRICS", {"ECS_POLL_METRICS": "true"}),
    ("ECS_DISABLE_METRICS", {"ECS_DISABLE_METRICS": "true"}),
)


def used(host, agent, seconds):
    """Processor seconds for each hour of the agent (None: there is none) and of the engine, over the next while."""
    def now():
        return cpu_seconds(agent.process.pid) if agent else 0, host.docker.cgroup.cpu_seconds()
    before = now()
    select.select([], [], [], seconds)
    return [(b - a) * 3600 / seconds for a, b in zip(before, now())]


def settled(host, agent):
    used(host, agent, SECONDS / 4)  # what follows a start, or an end
    return used(host, agent, SECONDS)


class Rest:
    """An agent beside idle containers: its memory without and with them, and what each set of settings costs."""

    def __init__(self, host, cluster):
        agent = host.start_agent(cluster)
        quiet(agent.process.pid)
        self.empty = Memory(agent.process.pid)
        host.run_tasks(cluster, "port", CONTAINERS)
        self.cpu = {}
        for name, settings in VARIANTS:
            if settings:
                agent = host.start_agent(cluster, **settings)
            self.cpu[name] = settled(host, agent)
            if not settings:
                self.full = Memory(agent.process.pid)
            host.stop_agent(cluster)
        _, self.alone = settled(host, None)
        for figures in self.cpu.values():
            figures[1] -= self.alone
        host.empty()


def mb(value):
    return "%.1f" % (value / 2**20)


def compare(name, ours, theirs, form):
    row(name, form(ours), *((form(theirs), "%.2f" % (ours / theirs)) if theirs else ()))


def agents(directory):
    say("\n## An agent beside %d idle containers, a task each" % CONTAINERS)
    say("\nOne agent at a time, on the same engine. Processor seconds an hour, measured over %d s; the engine's are dockerd's, containerd's and "
        "the shims', less what they take without an agent. Memory: resident, its share of what is shared (PSS), and what is nobody "
        "else's." % SECONDS)
    with Host(directory, ()) as host:
        host.define("port", True)
        ours = Rest(host, CLUSTER)
        theirs = Rest(host, OFFICIAL_CLUSTER) if OFFICIAL else None
    table("", "berth", *(("official", "ratio") if theirs else ()))
    for name, _ in VARIANTS:
        for i, what in enumerate(("agent, CPU s an hour", "engine because of it")):
            compare("%s: %s" % (name, what), ours.cpu[name][i], theirs and theirs.cpu[name][i], "{:.1f}".format)
    for when, count in (("empty", 0), ("full", CONTAINERS)):
        for kind in ("rss", "pss", "private"):
            compare("%d containers: %s, MB" % (count, kind.upper() if kind != "private" else kind), getattr(getattr(ours, when), kind),
                    theirs and getattr(getattr(theirs, when), kind), mb)
    say("\nThe engine alone: %.1f CPU s an hour." % ours.alone if theirs else "\n" + NO_OFFICIAL)
