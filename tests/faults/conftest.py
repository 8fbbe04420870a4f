"""A world that can be broken: a server, an agent and a dockerd of the test's own, each killed and started again."""
import os
import shutil
import signal
import threading
import time

import pytest
from botocore.exceptions import ConnectionError as NoConnection, HTTPClientError

from harness.docker import PrivateDocker
from harness.program import Agent, Server, connected, eventually

CLUSTER = "default"


def pytest_configure():
    """Who ends the run by TERM gets its clean-up too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


class Persistent:
    """An ECS client that asks again when there is no answer because the server died, as SDKs do."""

    def __init__(self, client, revive):
        self.client, self.revive = client, revive

    def __getattr__(self, name):
        member = getattr(self.client, name)
        if name in ("meta", "exceptions", "get_paginator"):
            return member

        def ask(**request):
            deadline = time.monotonic() + 60
            while True:
                try:
                    return member(**request)
                except (NoConnection, HTTPClientError):
                    if time.monotonic() > deadline:
                        raise
                    self.revive()
                    time.sleep(0.05)
        return ask


class World:
    def __init__(self, directory, docker):
        self.directory = str(directory)
        self.runs_dir = os.path.join(self.directory, "runs")
        os.mkdir(self.runs_dir)
        self.docker = docker
        self.starting = threading.Lock()  # who finds a part dead starts it, once
        self.server = Server(directory).start()
        self.agent = None
        self.key = self.server.create_key()
        self.ecs = Persistent(self.server.client(self.key, connect_timeout=5, read_timeout=20), self.revive)
        # boto3 may be older than RunTask's clientToken.
        run_task = self.ecs.meta.service_model.operation_model("RunTask").input_shape
        run_task.members.setdefault("clientToken", run_task.members["startedBy"])
        self.ecs.create_cluster(clusterName=CLUSTER)
        self.agent = Agent(directory, self.server.url, self.server.create_key(agentCluster=CLUSTER), self.docker.host,
                           env={"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION": "1h"})

    def start_agent(self, **env):
        self.agent.start(extra_env=env)
        self.wait_connected()

    def wait_connected(self):
        eventually(lambda: connected(self.ecs, CLUSTER), 180, "the agent is connected; logs in " + self.directory)

    def kill(self, victim):
        """kill -9, and a start."""
        with self.starting:
            program = {"server": self.server, "agent": self.agent, "dockerd": self.docker}[victim]
            program.kill()
            program.start()

    def revive(self):
        """Starts what has died, as a service manager would."""
        with self.starting:
            for program in (self.server, self.agent):
                if program is not None and program.process is not None and not program.is_running():
                    program.start()

    def definition(self, family="once", script="echo $RUN >>/runs/log", **container):
        """Each start of the container leaves a line: what ran, and how often."""
        self.ecs.register_task_definition(
            family=family, volumes=[{"name": "runs", "host": {"sourcePath": self.runs_dir}}, {"name": "scratch"}],
            containerDefinitions=[dict({
                "name": "main", "image": "berth-sample-web:1", "memory": 8, "essential": True,
                "command": ["/bin/sh", "-c", script], "linuxParameters": {"initProcessEnabled": True},
                "mountPoints": [{"sourceVolume": "runs", "containerPath": "/runs"},
                                {"sourceVolume": "scratch", "containerPath": "/scratch"}]}, **container)])
        return family

    def eventually(self, check, timeout, what):
        """As harness.eventually(), starting what dies meanwhile."""
        def check_alive():
            self.revive()
            return check()
        return eventually(check_alive, timeout, what + "; logs in " + self.directory)

    def run_task(self, name, family="once"):
        """The task's ARN, once it is placed and acknowledged; the token makes asking again harmless."""
        environment = [{"name": "RUN", "value": name}]

        def attempt():
            answer = self.ecs.run_task(
                cluster=CLUSTER, taskDefinition=family, startedBy=name[:36], clientToken=name,
                overrides={"containerOverrides": [{"name": "main", "environment": environment}]})
            # A host whose agent is away takes no task; one that is full may have room again.
            assert {f["reason"] for f in answer["failures"]} <= {"AGENT", "RESOURCE:MEMORY"}, answer
            return answer["tasks"]
        return self.eventually(attempt, 90, "RunTask %s is acknowledged" % name)[0]["taskArn"]

    def tasks(self, arns):
        found = []
        for i in range(0, len(arns), 100):
            answer = self.ecs.describe_tasks(cluster=CLUSTER, tasks=arns[i:i + 100])
            assert answer["failures"] == []
            found += answer["tasks"]
        return found

    def settled(self, arns, timeout=180):
        """Every task STOPPED; the tasks."""
        def all_stopped():
            tasks = self.tasks(arns)
            return tasks if all(t["lastStatus"] == "STOPPED" for t in tasks) else None
        return self.eventually(all_stopped, timeout, "all tasks stop")

    def runs(self):
        path = os.path.join(self.runs_dir, "log")
        counts = {}
        if os.path.exists(path):
            with open(path) as file:
                for line in file.read().split():
                    counts[line] = counts.get(line, 0) + 1
        return counts

    def assert_consistent(self, names, arns):
        """Acknowledged tasks are the tasks there are, each ran at most once, and what is said of them is true."""
        tasks = self.settled(arns)
        assert len(set(arns)) == len(names)
        runs = self.runs()
        assert set(runs) <= set(names)
        assert all(count == 1 for count in runs.values()), {n: c for n, c in runs.items() if c != 1}
        containers = {}
        for container in self.docker.containers():
            arn = container["Config"]["Labels"]["com.amazonaws.ecs.task-arn"]
            assert arn in arns, "a container of no task"
            assert arn not in containers, "two containers of one task"
            assert not container["State"]["Running"], "a container of a stopped task runs"
            containers[arn] = container
        for name, arn, task in zip(names, arns, sorted(tasks, key=lambda t: arns.index(t["taskArn"]))):
            assert task["taskArn"] == arn
            if task["containers"][0].get("exitCode") == 0:
                assert runs.get(name) == 1, "said to have run, but did not"
            elif name in runs:
                # It ran and was torn down with the engine: never said to have failed before its start.
                assert "exitCode" in task["containers"][0] or task["containers"][0].get("reason"), str(task)
        everything = self.ecs.list_tasks(cluster=CLUSTER, desiredStatus="STOPPED", maxResults=100)
        listed = everything["taskArns"]
        while everything.get("nextToken"):
            everything = self.ecs.list_tasks(cluster=CLUSTER, desiredStatus="STOPPED", maxResults=100, nextToken=everything["nextToken"])
            listed += everything["taskArns"]
        assert sorted(listed) == sorted(arns)
        return tasks

    def close(self):
        self.agent.kill()
        self.server.kill()
        if not self.docker.is_running():
            self.docker.start()
        self.docker.remove_task_containers(CLUSTER)
        self.docker.run("volume", "prune", "-f", check=False)
        shutil.rmtree(self.runs_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def broken_docker():
    """The engine that these tests kill; nobody else's."""
    pid = os.getpid()  # a bridge of this run's own
    one = PrivateDocker(bridge=("berth-f%d" % pid, "172.31.%d.1/24" % (pid % 250)))
    try:
        one.start()
        one.sample_image()
        yield one
    finally:
        one.close()


@pytest.fixture
def world(tmp_path, broken_docker):
    one = World(tmp_path, broken_docker)
    yield one
    one.close()
