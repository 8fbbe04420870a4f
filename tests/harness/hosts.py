"""Machines: each is a network namespace with a dockerd and an agent of its own, on one bridge with the server."""
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

from .docker import PrivateDocker
from .program import Agent


def ip(*args):
    subprocess.run(["ip", *args], check=True, capture_output=True)


class Lan:
    """A bridge of this run's own; its address is the server's."""

    def __init__(self):
        pid = os.getpid()
        self.name, self.net = "bn%d" % pid, "10.213.%d" % (pid % 250)
        self.address = self.net + ".1"
        self.count = 0
        ip("link", "add", self.name, "type", "bridge")
        ip("addr", "add", self.address + "/24", "dev", self.name)
        ip("link", "set", self.name, "up")

    def join(self, namespace):
        """Makes the namespace, with an address on the bridge."""
        self.count += 1
        link = "%s-%d" % (self.name, self.count)
        ip("netns", "add", namespace)
        ip("link", "add", link, "master", self.name, "up", "type", "veth", "peer", "name", "eth0", "netns", namespace)
        ip("-n", namespace, "addr", "add", "%s.%d/24" % (self.net, self.count + 1), "dev", "eth0")
        for one in ("lo", "eth0"):
            ip("-n", namespace, "link", "set", one, "up")

    def close(self):
        subprocess.run(["ip", "link", "del", self.name], check=False, capture_output=True)


class Machine:
    def __init__(self, lan, directory, name, server, cluster):
        self.namespace = "%s-%s" % (lan.name, name)
        lan.join(self.namespace)
        inside = ["nsenter", "--net=/run/netns/" + self.namespace]
        self.docker = PrivateDocker(enter=inside, options=["--live-restore"])
        self.agent = Agent(directory, server.url, server.create_key(agentCluster=cluster), self.docker.host, cluster, name="agent-" + name)
        self.agent.args = inside + self.agent.args

    def start(self):
        self.docker.start()
        self.docker.sample_image()
        return self

    def running(self):
        """The tasks whose containers run."""
        return {one["Config"]["Labels"]["com.amazonaws.ecs.task-arn"] for one in self.docker.containers(everything=False)}

    def kill(self):
        """The agent and the engine; the containers run on, as on a host that nobody can reach."""
        self.agent.kill()
        self.docker.kill()

    def close(self):
        self.agent.kill()
        self.docker.close()
        subprocess.run(["ip", "netns", "del", self.namespace], check=False, capture_output=True)


def each(action, machines):
    """At once for all: an engine's start is mostly waiting."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(action, machines))
