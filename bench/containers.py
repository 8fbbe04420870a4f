"""The sections of bench/run that run containers: beside docker run, docker stop and Docker Swarm, on one engine of their own."""
import http.client
import json
import os
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from harness.docker import PrivateDocker
from harness.program import Agent, Server, connected, eventually
from report import ROUNDS, ratio, say, seconds, table

IMAGE = "berth-sample-web:1"
NAMESPACE = "berth-bench"
CLUSTER = "bench"
MEMORY_MIB = 16
FIFTY = int(os.environ.get("BENCH_TASKS", "50"))
HEALTH_SECONDS = 5  # ECS's shortest interval


class Engine(PrivateDocker):
    """A dockerd in a network namespace of its own, and calls to it that cost no process."""

    def __init__(self):
        subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
        super().__init__(enter=["nsenter", "--net=/run/netns/" + NAMESPACE])
        subprocess.run(["ip", "-n", NAMESPACE, "link", "set", "lo", "up"], check=True)

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
        subprocess.run(["ip", "netns", "del", NAMESPACE], check=False)


class Host:
    """That engine, a server and an agent: what a task takes, a replica and a bare container take too."""

    def __init__(self, directory):
        self.docker = Engine()
        try:
            self._start(directory)
        except BaseException:
            self.docker.close()
            raise

    def _start(self, directory):
        self.docker.start()
        self.docker.sample_image()
        self.server = Server(directory, args=["--log-level", "warning"]).start()
        self.ecs = self.server.client(self.server.create_key())
        self.ecs.create_cluster(clusterName=CLUSTER)
        self.agent = Agent(directory, self.server.url, self.server.create_key(agentCluster=CLUSTER), self.docker.host, CLUSTER).start()
        eventually(lambda: connected(self.ecs, CLUSTER), 60)

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

    def statuses(self, arns):
        found = []
        for i in range(0, len(arns), 100):
            found += self.ecs.describe_tasks(cluster=CLUSTER, tasks=arns[i:i + 100])["tasks"]
        return {t["lastStatus"] for t in found}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.agent.stop()
        self.server.stop()
        self.docker.close()


def timed(action):
    began = time.monotonic()
    action()
    return time.monotonic() - began


def until(check, every=0.005):
    eventually(check, 300, every=every)


# ---- tasks against docker run and docker stop ----

def run_tasks(host, count):
    """RunTask, ten at a time, until all are RUNNING, and StopTask until all are STOPPED: two times."""
    arns = []

    def run():
        for i in range(0, count, 10):
            answer = host.ecs.run_task(cluster=CLUSTER, taskDefinition="port", count=min(10, count - i))
            arns.extend(t["taskArn"] for t in answer["tasks"])
        assert len(arns) == count, answer
        until(lambda: host.statuses(arns) == {"RUNNING"})

    def stop():
        for arn in arns:
            host.ecs.stop_task(cluster=CLUSTER, task=arn)
        until(lambda: host.statuses(arns) == {"STOPPED"})
    return timed(run), timed(stop)


def docker_run(host, count):
    """The same by the command line: all started at once, each a process of its own."""
    env = dict(os.environ, DOCKER_HOST=host.docker.host)

    def each(commands):
        processes = [subprocess.Popen(["/usr/bin/docker", *one], env=env, stdout=subprocess.PIPE, text=True) for one in commands]
        return [p.communicate()[0].strip() for p in processes]
    ids = []
    run = timed(lambda: ids.extend(each([["run", "-d", "--init", "-m", "%dm" % MEMORY_MIB, "-p", "80", IMAGE]] * count)))
    return run, timed(lambda: each([["stop", one] for one in ids]))


def start(directory):
    say("\n## RunTask to RUNNING and StopTask to STOPPED against docker run and docker stop")
    say("\nOne container a task with a published port, an init and a memory limit, the same image; fifty at once are fifty `docker` processes.")
    with Host(directory) as host:
        host.define("port", True)
        table("", "median s", "min", "max", "to docker")
        for count, rounds in ((1, ROUNDS * 3), (FIFTY, ROUNDS)):
            ours, theirs = [], []
            for _ in range(rounds):
                ours.append(run_tasks(host, count))
                host.empty()
                theirs.append(docker_run(host, count))
                host.empty()
            for i, (what, peer) in enumerate((("RunTask to RUNNING", "docker run -d"), ("StopTask to STOPPED", "docker stop"))):
                a, b = [one[i] for one in ours], [one[i] for one in theirs]
                seconds("%s, %d" % (what, count), a, ratio(a, b))
                seconds("%s, %d" % (peer, count), b, "")


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
