"""A world that can be broken: a server, an agent and a dockerd of the test's own, each killed and started again."""
import os
import shutil

import pytest

from harness.docker import PrivateDocker
from harness.program import Agent, Server, connected, eventually

CLUSTER = "default"


class World:
    def __init__(self, directory):
        self.directory = str(directory)
        self.runs_dir = os.path.join(self.directory, "runs")
        os.mkdir(self.runs_dir)
        self.docker = PrivateDocker(bridge=("berth-t0", "172.31.250.1/24")).start()
        self.docker.sample_image()
        self.server = Server(directory).start()
        self.key = self.server.create_key()
        self.ecs = self.server.client(self.key, connect_timeout=5, read_timeout=20)
        self.ecs.create_cluster(clusterName=CLUSTER)
        self.agent = Agent(directory, self.server.url, self.server.create_key(agentCluster=CLUSTER), self.docker.host,
                           env={"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION": "1h"})

    def start_agent(self, **env):
        self.agent.start(extra_env=env)
        self.wait_connected()

    def wait_connected(self):
        eventually(lambda: connected(self.ecs, CLUSTER), 90, "the agent is connected; logs in " + self.directory)

    def definition(self, family="once", script="echo $RUN >>/runs/log", **container):
        """Each start of the container leaves a line: what ran, and how often."""
        self.ecs.register_task_definition(
            family=family, volumes=[{"name": "runs", "host": {"sourcePath": self.runs_dir}}],
            containerDefinitions=[dict({
                "name": "main", "image": "berth-sample-web:1", "memory": 8, "essential": True,
                "command": ["/bin/sh", "-c", script], "linuxParameters": {"initProcessEnabled": True},
                "mountPoints": [{"sourceVolume": "runs", "containerPath": "/runs"}]}, **container)])
        return family

    def run_task(self, name, family="once"):
        """Until it is acknowledged; the token makes asking again harmless. The task's ARN."""
        def attempt():
            try:
                answer = self.ecs.run_task(
                    cluster=CLUSTER, taskDefinition=family, startedBy=name[:36], clientToken=name,
                    overrides={"containerOverrides": [{"name": "main", "environment": [{"name": "RUN", "value": name}]}]})
            except Exception as err:  # pylint: disable=broad-except
                response = getattr(err, "response", None)
                if response and response["Error"]["Code"] not in ("ServerException", "ServiceUnavailableException",
                                                                  "InvalidParameterException"):
                    raise
                if not self.server.is_running():
                    self.server.start()
                return None
            return answer["tasks"][0]["taskArn"] if answer["tasks"] else None
        return eventually(attempt, 120, "RunTask %s is acknowledged" % name)

    def tasks(self, arns):
        found = []
        for i in range(0, len(arns), 100):
            answer = self.ecs.describe_tasks(cluster=CLUSTER, tasks=arns[i:i + 100])
            assert answer["failures"] == []
            found += answer["tasks"]
        return found

    def settled(self, arns, timeout=180):
        """Every task STOPPED; the tasks."""
        return eventually(lambda: (lambda ts: ts if all(t["lastStatus"] == "STOPPED" for t in ts) else None)(self.tasks(arns)),
                          timeout, "all tasks stop; logs in " + self.directory)

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
                assert "exitCode" in task["containers"][0] or task["containers"][0].get("reason"), task
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
        self.docker.close()
        shutil.rmtree(self.runs_dir, ignore_errors=True)


@pytest.fixture
def world(tmp_path):
    one = World(tmp_path)
    yield one
    one.close()
