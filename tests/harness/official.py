"""The official amazon-ecs-agent, beside ours: its process, and a network namespace to run it in.

Its introspection and metadata ports (51678, 51679) are fixed and may be held on this host, so it lives in a namespace
of its own, joined to ours by a veth pair; the server listens on our end. Docker is reached by its Unix socket. The
agent picks dynamic host ports by trying them where it lives, so each gets a range that is free in ours."""
import json
import os
import subprocess

from .program import REGION, Program

OFFICIAL = os.environ.get("OFFICIAL_AGENT")
WORD = "/usr/bin/python3"


def ip(*args, check=True):
    return subprocess.run(["ip", *args], check=check, capture_output=True, text=True)


class Namespace:
    """A network namespace with one link to ours: `here` is our end's address, `there` the other's. A process that has several
    tells them apart by `nth`."""

    def __init__(self, nth=0):
        number = os.getpid() + nth * 2**22  # more than there are pids
        self.name = "berth-%d" % number
        self.link = "bo%d" % number
        base = "198.%d.%d.%d" % (18 + nth, number // 64 % 256, number % 64 * 4)
        stem, last = base.rsplit(".", 1)
        self.here, self.there = "%s.%d" % (stem, int(last) + 1), "%s.%d" % (stem, int(last) + 2)

        self.next_port = 20000 + number % 10 * 1000  # below Linux's own dynamic ones

    def open(self):
        ip("netns", "add", self.name)
        try:
            ip("link", "add", self.link, "type", "veth", "peer", "name", "up0", "netns", self.name)
            ip("addr", "add", self.here + "/30", "dev", self.link)
            ip("link", "set", self.link, "up")
            ip("-n", self.name, "addr", "add", self.there + "/30", "dev", "up0")
            ip("-n", self.name, "link", "set", "up0", "up")
            ip("-n", self.name, "link", "set", "lo", "up")
        except BaseException:
            self.close()
            raise
        return self

    def close(self):
        ip("link", "del", self.link, check=False)
        ip("netns", "del", self.name, check=False)

    def take_ports(self, count=40):
        self.next_port += count
        return self.next_port - count, self.next_port - 1

    def get(self, url):
        """What an HTTP server inside answers, as JSON; None if none does."""
        script = "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=3).read().decode())"
        done = subprocess.run(["ip", "netns", "exec", self.name, WORD, "-c", script, url], check=False, capture_output=True,
                              text=True)
        return json.loads(done.stdout) if done.returncode == 0 else None


class OfficialAgent(Program):
    """The environment of AP-003: a plain process, no instance metadata, state in `data`."""

    def __init__(self, directory, namespace, server_url, key, docker_host, cluster="default", name="official", env=None):
        self.data = os.path.join(str(directory), name)
        os.makedirs(self.data, exist_ok=True)
        settings = {
            "ECS_BACKEND_HOST": server_url, "ECS_CLUSTER": cluster, "ECS_EXTERNAL": "true", "ECS_DATADIR": self.data,
            "ECS_AUDIT_LOGFILE_DISABLED": "true", "ECS_IMAGE_PULL_BEHAVIOR": "prefer-cached",
            "ECS_ENABLE_TASK_CPU_MEM_LIMIT": "false", "ECS_CONTAINER_STOP_TIMEOUT": "5s",
            "ECS_CONTAINER_INSTANCE_TAGS": "{}", "ECS_INSTANCE_ATTRIBUTES": '{"rack": "r1"}',
            "ECS_LOGLEVEL": "debug", "ECS_DYNAMIC_HOST_PORT_RANGE": "%d-%d" % namespace.take_ports(),
            "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1], "DOCKER_HOST": docker_host,
        }
        settings.update(env or {})
        super().__init__([], os.path.join(str(directory), name + ".log"), env=settings, ready=False)
        # `ip netns exec` replaces itself by the agent: signals reach it.
        self.args = ["ip", "netns", "exec", namespace.name, OFFICIAL]

    def close(self):
        """It owes us no clean exit code."""
        if self.is_running():
            self.stop()
