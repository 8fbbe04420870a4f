"""A host of its own for what exists once on each: a network namespace with a Docker engine, joined to ours by a veth
pair. The server listens on our end; agents and containers live on the other."""
import os

from .docker import PrivateDocker
from .official import Namespace
from .program import Agent


class Host:
    def __init__(self, engine=PrivateDocker):
        self.namespace = Namespace().open()
        self.enter = ["nsenter", "--net=/run/netns/" + self.namespace.name]
        self.docker = engine(enter=self.enter)
        try:
            self.docker.start()
        except BaseException:
            self.namespace.close()
            raise

    def agent(self, directory, server, cluster, **kwargs):
        """An agent that serves 169.254.170.2; not started yet."""
        env = dict({"BERTH_TASK_ENDPOINT": "169.254.170.2:80", "ECS_ENABLE_TASK_IAM_ROLE": "true",
                    "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST": "true",
                    "ECS_AUDIT_LOGFILE": os.path.join(str(directory), "audit.log")}, **kwargs.pop("env", {}))
        one = Agent(directory, server.url, server.create_key(agentCluster=cluster), self.docker.host, cluster, env=env, **kwargs)
        one.args = self.enter + one.args
        return one

    def close(self):
        self.docker.close()
        self.namespace.close()
