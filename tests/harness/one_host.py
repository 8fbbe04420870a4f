"""A server and one agent on a Docker engine, in a cluster of their own, for the tests of a module."""
from harness.program import Agent, Server, connected, eventually
from harness.samples import IMAGE


class OneHost:
    """Its tasks are cleaned up a second after their end. `enter` is put before the agent's command."""

    def __init__(self, directory, docker, cluster, env, enter=()):
        self.docker, self.cluster = docker, cluster
        self.server = Server(directory).start()
        self.ecs = self.server.client(self.server.create_key())
        self.ecs.create_cluster(clusterName=cluster)
        self.agent = Agent(directory, self.server.url, self.server.create_key(agentCluster=cluster), docker.host, cluster,
                           env=dict({"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION": "1s"}, **env))
        self.agent.args = [*enter, *self.agent.args]
        self.start_agent()

    def start_agent(self):
        self.agent.start()
        eventually(lambda: connected(self.ecs, self.cluster), 60, "the agent connects; log in " + self.agent.log)

    def register(self, family, containers, **kwargs):
        self.ecs.register_task_definition(family=family, containerDefinitions=[dict({
            "image": IMAGE, "memory": 16, "essential": True, "linuxParameters": {"initProcessEnabled": True}}, **one)
            for one in containers], **kwargs)

    def run(self, family, containers, status="RUNNING", **kwargs):
        """A task of these containers, once it is in that state."""
        self.register(family, containers, **kwargs)
        answer = self.ecs.run_task(cluster=self.cluster, taskDefinition=family)
        assert answer["failures"] == []
        return self.wait(answer["tasks"][0]["taskArn"], status)

    def wait(self, arn, status):
        def there():
            task = self.ecs.describe_tasks(cluster=self.cluster, tasks=[arn])["tasks"][0]
            return task if task["lastStatus"] == status else None
        return eventually(there, 90, "%s is %s; log in %s" % (arn, status, self.agent.log))

    def stop(self, task):
        self.ecs.stop_task(cluster=self.cluster, task=task["taskArn"])
        return self.wait(task["taskArn"], "STOPPED")

    def inspect(self, task):
        return {c["Config"]["Labels"]["com.amazonaws.ecs.container-name"]: c
                for c in self.docker.containers("label=com.amazonaws.ecs.task-arn=" + task["taskArn"])}

    def close(self):
        self.agent.close()
        self.server.close()
        self.docker.remove_task_containers(self.cluster)
