"""The sections of bench/run that run containers: beside docker run, docker stop, Docker Swarm and the official agent, on one engine
of their own."""
import http.client
import json
import os
import socket
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from harness.docker import PrivateDocker
from harness.official import OFFICIAL, Namespace, OfficialAgent, ip
from harness.program import Agent, Server, connected, eventually
from report import ROUNDS, ratio, say, seconds, table
from usage import Cgroup, cpu_seconds

IMAGE = "berth-sample-web:1"
CLUSTER, OFFICIAL_CLUSTER = "berth", "official"  # each with the agent of that name
NO_OFFICIAL = "The official agent was not there: OFFICIAL_AGENT names its binary (docs/official-agent.md)."
MEMORY_MIB = 16
FIFTY = int(os.environ.get("BENCH_TASKS", "50"))
HEALTH_SECONDS = 5  # ECS's shortest interval


class Engine(PrivateDocker):
    """A dockerd in a network namespace of its own, and calls to it that cost no process. `cgroup` has its processor time: dockerd's,
    containerd's, what these start, without the containers' own."""

    def __init__(self, namespace):
        self.cgroup = Cgroup("berth-bench-%d" % os.getpid())
        super().__init__(enter=[*self.cgroup.enter(), "nsenter", "--net=/run/netns/" + namespace.name])

    def call(self, method, path, body=None, fails=()):
        connection = http.client.HTTPConnection("localhost", timeout=300)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(300)
        connection.sock.connect(self.host.split("://")[1])
        connection.request(method, path, json.dumps(body) if body is not None else None,
                           {"Content-Type": "application/json"} if body is not None else {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status < 400 or answer.status in fails, "%s %s: %d %s" % (method, path, answer.status, text)
        return json.loads(text) if text.strip() else None

    def close(self):
        super().close()
        self.cgroup.close()


class Host:
    """That engine and a server, with an agent for each cluster named: what a task takes, a replica and a bare container take too. Our
    agent lives beside the engine and serves 169.254.170.2; the official one, whose ports are the same, in a namespace of its own."""
    SETTINGS = {"ECS_IMAGE_PULL_BEHAVIOR": "prefer-cached", "ECS_ENABLE_TASK_CPU_MEM_LIMIT": "false", "ECS_LOGLEVEL": "info",
                "ECS_CONTAINER_STOP_TIMEOUT": "5s"}

    def __init__(self, directory, clusters=(CLUSTER,)):
        self.directory, self.parts, self.agents = directory, [], {}
        try:
            self._start(clusters)
        except BaseException:
            self.__exit__()
            raise

    def _start(self, clusters):
        self.namespace = self._opened(Namespace())
        self.docker = Engine(self.namespace)
        self.parts.append(self.docker.close)
        self.docker.start()
        self.docker.sample_image()
        self.server = Server(self.directory, args=["--log-level", "warning"], listen=self.namespace.here + ":0").start()
        self.parts.append(self.server.stop)
        self.ecs = self.server.client(self.server.create_key())
        for cluster in clusters:
            self.start_agent(cluster)

    def _opened(self, namespace):
        namespace.open()
        self.parts.append(namespace.close)
        return namespace

    def _official(self, key, settings):
        beside = self._opened(Namespace(1))
        ip("-n", beside.name, "route", "add", self.namespace.here, "via", beside.here)
        return OfficialAgent(self.directory, beside, self.server.url, key, self.docker.host, OFFICIAL_CLUSTER,
                             env=dict(settings, ECS_DYNAMIC_HOST_PORT_RANGE="%d-%d" % beside.take_ports(900)))

    def _ours(self, key, settings):
        agent = Agent(self.directory, self.server.url, key, self.docker.host, CLUSTER, introspection="127.0.0.1:51678",
                      env=dict(settings, BERTH_TASK_ENDPOINT="169.254.170.2:80"))
        agent.args = ["nsenter", "--net=/run/netns/" + self.namespace.name, *agent.args]
        return agent

    def start_agent(self, cluster, **settings):
        """Once more if it was stopped, with other settings; when it is connected."""
        if cluster not in self.agents:
            self.ecs.create_cluster(clusterName=cluster)
            key = self.server.create_key(agentCluster=cluster)
            make = self._official if cluster == OFFICIAL_CLUSTER else self._ours
            self.agents[cluster] = make(key, self.SETTINGS)
            self.parts.append(self.agents[cluster].kill)
        self.agents[cluster].start(settings)
        eventually(lambda: connected(self.ecs, cluster), 60)
        return self.agents[cluster]

    def stop_agent(self, cluster):
        self.agents[cluster].stop()
        eventually(lambda: not connected(self.ecs, cluster), 60)

    def define(self, family, has_port, has_check=False):
        container = {"name": "web", "image": IMAGE, "memory": MEMORY_MIB, "linuxParameters": {"initProcessEnabled": True}}
        if has_port:
            container["portMappings"] = [{"containerPort": 80}]
        if has_check:
            container["healthCheck"] = {"command": ["CMD-SHELL", "true"], "interval": HEALTH_SECONDS, "timeout": 2, "retries": 3}
        self.ecs.register_task_definition(family=family, networkMode="bridge", containerDefinitions=[container])

    def body(self, has_port):
        """The same for POST /containers/create."""
        return {"Image": IMAGE, "ExposedPorts": {"80/tcp": {}} if has_port else {},
                "HostConfig": {"Memory": MEMORY_MIB << 20, "Init": True, "PortBindings": {"80/tcp": [{}]} if has_port else {}}}

    def empty(self):
        """Removes all containers. Swarm's are on their way out already."""
        def is_empty():
            found = self.docker.call("GET", "/containers/json?all=1")
            for one in found:
                self.docker.call("DELETE", "/containers/%s?force=1&v=1" % one["Id"], fails=(404, 409))
            return not found
        until(is_empty, 0.1)

    def wait(self, cluster, arns, status):
        """Asks for one task at a time, so that asking takes little from those who work."""
        def there(arn):
            task = self.ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]
            assert task["lastStatus"] in (status, "PROVISIONING", "PENDING", "ACTIVATING") or status == "STOPPED", task
            return task["lastStatus"] == status
        for arn in arns:
            until(lambda arn=arn: there(arn))

    def run_tasks(self, cluster, family, count):
        """Ten at a time; their ARNs, once all are RUNNING."""
        arns = []
        for i in range(0, count, 10):
            answer = self.ecs.run_task(cluster=cluster, taskDefinition=family, count=min(10, count - i),
                                       launchType="EXTERNAL" if cluster == OFFICIAL_CLUSTER else "EC2")
            arns.extend(t["taskArn"] for t in answer["tasks"])
        assert len(arns) == count, answer
        self.wait(cluster, arns, "RUNNING")
        return arns

    def stop_tasks(self, cluster, arns):
        for arn in arns:
            self.ecs.stop_task(cluster=cluster, task=arn)
        self.wait(cluster, arns, "STOPPED")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        while self.parts:
            self.parts.pop()()


def timed(action):
    began = time.monotonic()
    action()
    return time.monotonic() - began


def until(check, every=0.005):
    eventually(check, 300, every=every)


# ---- tasks against docker run, docker stop and the official agent ----

def tasks(host, cluster, count):
    """RunTask until all are RUNNING and StopTask until all are STOPPED."""
    arns = []
    return timed(lambda: arns.extend(host.run_tasks(cluster, "port", count))), timed(lambda: host.stop_tasks(cluster, arns))


def docker_run(host, count):
    """The same by the command line: all started at once, each a process of its own."""
    env = dict(os.environ, DOCKER_HOST=host.docker.host)

    def each(commands):
        processes = [subprocess.Popen(["/usr/bin/docker", *one], env=env, stdout=subprocess.PIPE, text=True) for one in commands]
        return [p.communicate()[0].strip() for p in processes]
    ids = []
    run = timed(lambda: ids.extend(each([["run", "-d", "--init", "-m", "%dm" % MEMORY_MIB, "-p", "80", IMAGE]] * count)))
    return run, timed(lambda: each([["stop", one] for one in ids]))


class Side:
    """One of those compared: what it does for `count` tasks, what that took in each round, and how much of it was the processor's."""

    def __init__(self, host, run, stop, action, agent=None):
        self.host, self.names, self.action, self.agent = host, (run, stop), action, agent
        self.rounds = []

    def used(self):
        return cpu_seconds(self.agent.process.pid) if self.agent else 0, self.host.docker.cgroup.cpu_seconds()

    def round(self, count):
        before = self.used()
        times = self.action(count)
        self.rounds.append((*times, *(1000 * (b - a) / count for a, b in zip(before, self.used()))))
        self.host.empty()

    def column(self, nth):
        return [one[nth] for one in self.rounds]


def sides(host):
    """Docker's command line comes last."""
    return [Side(host, "RunTask to RUNNING, " + one, "StopTask to STOPPED, " + one, lambda n, one=one: tasks(host, one, n), agent)
            for one, agent in host.agents.items()] + [Side(host, "docker run -d", "docker stop", lambda n: docker_run(host, n))]


def start(directory):
    say("\n## RunTask to RUNNING and StopTask to STOPPED against docker run and docker stop, and by the official agent")
    say("\nOne container a task with a published port, an init and a memory limit, the same image, server and engine, by turns; fifty at "
        "once are fifty `docker` processes. Processor time is the agent's and the engine's (dockerd, containerd and what they start), of "
        "start and stop together.")
    if not OFFICIAL:
        say("\n" + NO_OFFICIAL)
    with Host(directory, (CLUSTER, OFFICIAL_CLUSTER) if OFFICIAL else (CLUSTER,)) as host:
        host.define("port", True)
        table("", "median s", "min", "max", "to docker", "agent's CPU ms a task", "engine's")
        for one in sides(host):
            one.round(1)  # to warm up
        for count, rounds in ((1, ROUNDS * 3), (FIFTY, ROUNDS)):
            compared = sides(host)
            for one in compared * rounds:
                one.round(count)
            for i in range(2):
                for one in compared:
                    seconds("%s, %d" % (one.names[i], count), one.column(i), ratio(one.column(i), compared[-1].column(i)) if one.agent else "",
                            *("%.1f" % statistics.median(one.column(j)) for j in (2, 3)))


# ---- services against Swarm ----

def bare(host, count, has_port):
    """The floor: the same containers made and started through the engine's API, as many at once as there are, by nobody who keeps
    count of them."""
    def one(_):
        made = host.docker.call("POST", "/containers/create", host.body(has_port))["Id"]
        host.docker.call("POST", "/containers/%s/start" % made)
    with ThreadPoolExecutor(count) as pool:
        return timed(lambda: list(pool.map(one, range(count))))


def service_tasks(host, count, family):
    name = "s%d" % time.monotonic_ns()

    def create():
        host.ecs.create_service(cluster=CLUSTER, serviceName=name, taskDefinition=family, desiredCount=count)
        until(lambda: host.ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0]["runningCount"] == count)
    took = timed(create)
    host.ecs.delete_service(cluster=CLUSTER, service=name, force=True)
    until(lambda: not host.docker.call("GET", "/containers/json"), 0.1)
    return took


def spec(name, count, has_port, has_check=False, update=None):
    container = {"Image": IMAGE, "Init": True}
    if has_check:
        container["HealthCheck"] = {"Test": ["CMD-SHELL", "true"], "Interval": HEALTH_SECONDS * 10**9, "Timeout": 2 * 10**9, "Retries": 3}
    return {"Name": name, "Mode": {"Replicated": {"Replicas": count}},
            "TaskTemplate": {"ContainerSpec": container, "Resources": {"Limits": {"MemoryBytes": MEMORY_MIB << 20}}},
            "UpdateConfig": update,
            "EndpointSpec": {"Ports": [{"TargetPort": 80, "PublishMode": "host"}]} if has_port else None}


def swarm_running(host, name):
    tasks = host.docker.call("GET", "/tasks?filters=" + quote(json.dumps({"service": [name]})))
    return [t for t in tasks if t["Status"]["State"] == "running" and t["DesiredState"] == "running"]


def swarm_tasks(host, count, has_port):
    name = "s%d" % time.monotonic_ns()

    def create():
        host.docker.call("POST", "/services/create", spec(name, count, has_port))
        until(lambda: len(swarm_running(host, name)) == count)
    took = timed(create)
    host.docker.call("DELETE", "/services/" + name)
    until(lambda: not host.docker.call("GET", "/containers/json"), 0.1)
    return took


def service(directory):
    count = 20
    say("\n## %d tasks of a service against %d replicas of Docker Swarm, same engine" % (count, count))
    say("\nThe same image, init and memory limit, no health check; without ports, then with one published on the host each. Bare: the same "
        "containers by `POST /containers/create` and `/start`, all at once: what no orchestrator can beat by much.")
    with Host(directory) as host:
        host.docker.run("swarm", "init", "--advertise-addr", "127.0.0.1")
        table("", "median s", "min", "max", "to Swarm", "to bare")
        for has_port in (False, True):
            family = "port" if has_port else "plain"
            host.define(family, has_port)
            ours, theirs, floor = [], [], []
            for _ in range(ROUNDS):
                for values, measure in ((ours, lambda: service_tasks(host, count, family)), (theirs, lambda: swarm_tasks(host, count, has_port)),
                                        (floor, lambda: bare(host, count, has_port))):
                    values.append(measure())
                    host.empty()
            ports = "a port each" if has_port else "no ports"
            seconds("berth, %s" % ports, ours, ratio(ours, theirs), ratio(ours, floor))
            seconds("Swarm, %s" % ports, theirs, "", ratio(theirs, floor))
            seconds("bare, %s" % ports, floor, "", "")


# ---- rolling updates against Swarm's ----

def update_service(host, name):
    """A forced deployment, until it is COMPLETED and the old one is gone."""
    def done():
        deployments = host.ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0]["deployments"]
        return len(deployments) == 1 and deployments[0]["rolloutState"] == "COMPLETED"
    until(done)

    def update():
        host.ecs.update_service(cluster=CLUSTER, service=name, forceNewDeployment=True)
        until(done)
    return timed(update)


def update_swarm(host, name, template, nth):
    """The same: --force is a count in the template."""
    def update():
        version = host.docker.call("GET", "/services/" + name)["Version"]["Index"]
        template["TaskTemplate"]["ForceUpdate"] = nth
        host.docker.call("POST", "/services/%s/update?version=%d" % (name, version), template)
        until(lambda: (host.docker.call("GET", "/services/" + name).get("UpdateStatus") or {}).get("State") == "completed")
    return timed(update)


SWARM_UPDATES = (
    ("Swarm's defaults: one at a time, stop first, 5 s watched", {"Parallelism": 1, "Order": "stop-first"}),
    ("Swarm, all at once, start first, not watched", {"Parallelism": 0, "Order": "start-first", "Monitor": 1}),
)
OUR_UPDATES = (
    ("berth, ECS's defaults: 100% and 200%", {"minimumHealthyPercent": 100, "maximumPercent": 200}),
    ("berth, one at a time: 66% and 100%", {"minimumHealthyPercent": 66, "maximumPercent": 100}),
)


def update(directory):
    count = 3
    say("\n## A rolling update of %d tasks against Docker Swarm's, same engine" % count)
    say("\nThe same image, init, memory limit and health check, `true` every %d s; no ports. The definition stays, the tasks are replaced by force. Ours has "
        "ended when the deployment is COMPLETED, Swarm's when its update status is completed." % HEALTH_SECONDS)
    with Host(directory) as host:
        host.docker.run("swarm", "init", "--advertise-addr", "127.0.0.1")
        host.define("checked", False, True)
        times = {label: [] for label, _ in OUR_UPDATES + SWARM_UPDATES}
        for label, percents in OUR_UPDATES:
            host.ecs.create_service(cluster=CLUSTER, serviceName="u", taskDefinition="checked", desiredCount=count,
                                    deploymentConfiguration=percents)
            times[label] = [update_service(host, "u") for _ in range(ROUNDS)]
            host.ecs.delete_service(cluster=CLUSTER, service="u", force=True)
            until(lambda: not host.docker.call("GET", "/containers/json"), 0.1)
        for label, settings in SWARM_UPDATES:
            template = spec("u", count, False, True, settings)
            host.docker.call("POST", "/services/create", template)
            until(lambda: len(swarm_running(host, "u")) == count)
            times[label] = [update_swarm(host, "u", template, i + 1) for i in range(ROUNDS)]
            host.docker.call("DELETE", "/services/u")
            until(lambda: not host.docker.call("GET", "/containers/json"), 0.1)
        table("", "median s", "min", "max", "to Swarm's defaults")
        for label, values in times.items():
            seconds(label, values, ratio(values, times[SWARM_UPDATES[0][0]]))
