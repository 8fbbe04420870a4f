#!/usr/bin/python3
"""Berth's agent beside the official one: RunTask to RUNNING, StopTask to STOPPED, idle memory.

usage: OFFICIAL_AGENT=/path/to/amazon-ecs-agent BERTH=build/release/berth bench/official_agent.py [RUNS]
Root and a Docker engine are needed. Both agents serve the same server and engine; runs alternate between them, times are
the server's own (createdAt, startedAt, stoppingAt, stoppedAt). The container ends at once when it is asked to."""
import os
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))

from harness.docker import Docker  # noqa: E402
from harness.official import Namespace, OfficialAgent  # noqa: E402
from harness.program import Agent, Server, connected, eventually  # noqa: E402
from harness.samples import shell  # noqa: E402


def memory(pid):
    """Resident and private written kilobytes: the second can be nobody else's."""
    with open("/proc/%d/smaps_rollup" % pid) as file:
        rows = {line.split()[0]: int(line.split()[1]) for line in file if line.split()[-1] == "kB"}
    return rows["Rss:"], rows["Private_Dirty:"]


def main(runs):
    namespace, docker = Namespace().open(), Docker(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    docker.sample_image()
    processes, clusters = [], {}
    with tempfile.TemporaryDirectory() as directory:
        try:
            server = Server(directory, listen=namespace.here + ":0").start()
            processes.append(server)
            ecs = server.client(server.create_key())
            for name in ("official", "berth"):
                ecs.create_cluster(clusterName=name)
                key = server.create_key(agentCluster=name)
                if name == "official":
                    agent = OfficialAgent(directory, namespace, server.url, key, docker.host, name, env={"ECS_LOGLEVEL": "info"})
                else:
                    agent = Agent(directory, server.url, key, docker.host, name)
                processes.append(agent.start())
                clusters[name] = agent
                eventually(lambda name=name: connected(ecs, name), 60, name)
            ecs.register_task_definition(**shell("trap 'exit 0' TERM; sleep 1000 & wait", linuxParameters={}))
            time.sleep(30)
            idle = {name: memory(agent.process.pid) for name, agent in clusters.items()}
            started, stopped = {n: [] for n in clusters}, {n: [] for n in clusters}
            for run in range(runs + 1):
                for name in clusters:
                    arn = ecs.run_task(cluster=name, taskDefinition="shell", launchType="EXTERNAL" if name == "official" else "EC2")["tasks"][0]["taskArn"]

                    def at(status, name=name, arn=arn):
                        task = ecs.describe_tasks(cluster=name, tasks=[arn])["tasks"][0]
                        return task if task["lastStatus"] == status else None

                    eventually(lambda: at("RUNNING"), 60)
                    time.sleep(0.3)
                    ecs.stop_task(cluster=name, task=arn)
                    task = eventually(lambda: at("STOPPED"), 60)
                    if run:  # the first warms up
                        started[name].append((task["startedAt"] - task["createdAt"]).total_seconds() * 1000)
                        stopped[name].append((task["stoppedAt"] - task["stoppingAt"]).total_seconds() * 1000)
            for name in clusters:
                print("%-9s start %4.0f ms (%.0f to %.0f), stop %4.0f ms (%.0f to %.0f), idle RSS %.1f MB, private %.1f MB" % (
                    name, statistics.median(started[name]), min(started[name]), max(started[name]),
                    statistics.median(stopped[name]), min(stopped[name]), max(stopped[name]),
                    idle[name][0] / 1024, idle[name][1] / 1024))
        finally:
            for process in reversed(processes):
                process.kill()
            for name in ("official", "berth"):
                docker.remove_task_containers(name)
            namespace.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
