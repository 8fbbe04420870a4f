"""The EC2 tutorials, command by command, with Debian's awscli (TUT-220 to TUT-226, TUT-121)."""
import json
import os
import re
import subprocess

import pytest

from harness.program import Agent, connected, eventually
from harness.samples import free_port

ID = "[0-9a-f]{32}"


class Cli:
    def __init__(self, server, key, home):
        self.server = server
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.env.update(AWS_ACCESS_KEY_ID=key[0], AWS_SECRET_ACCESS_KEY=key[1], AWS_DEFAULT_REGION="us-east-1", AWS_PAGER="",
                        HOME=str(home))

    def raw(self, *args):
        return subprocess.run(["/usr/bin/aws", "--endpoint-url", self.server.url, "--output", "json", "ecs", *args], env=self.env,
                              capture_output=True, text=True, timeout=120, check=False)

    def __call__(self, *args):
        result = self.raw(*args)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout) if result.stdout.strip() else None

    def fails(self, *args):
        result = self.raw(*args)
        assert result.returncode == 254, result.stdout
        return re.search(r"An error occurred \((\w+)\) when calling the \w+ operation(?: \(.*?\))?: (.*)", result.stderr).groups()


@pytest.fixture
def aws(server, key, tmp_path):
    return Cli(server, key, tmp_path)


@pytest.fixture
def default_agent(tmp_path, server, docker, ecs):
    """TUT-220: started without a cluster, it joins `default` and makes it when it is missing."""
    docker.sample_image()
    one = Agent(tmp_path, server.url, server.create_key(), docker.host)
    at = one.args.index("--cluster")
    del one.args[at:at + 2]
    one.start()
    yield one
    one.close()
    docker.remove_task_containers("default", [task for status in ("RUNNING", "STOPPED")
                                              for task in ecs.list_tasks(desiredStatus=status)["taskArns"]])


def test_an_ec2_task(aws, default_agent):
    assert aws("create-cluster", "--cluster-name", "MyCluster")["cluster"]["status"] == "ACTIVE"
    arns = eventually(lambda: (aws("list-container-instances", "--cluster", "default") if "arn" in aws.raw(
        "list-container-instances", "--cluster", "default").stdout else {}).get("containerInstanceArns"), 60)
    eventually(lambda: aws("describe-container-instances", "--container-instances", arns[0])["containerInstances"][0]["agentConnected"], 60)
    # TUT-226: by ARN or id, the default cluster when none is named.
    by_id = aws("describe-container-instances", "--container-instances", arns[0].split("/")[-1])["containerInstances"][0]
    instance = aws("describe-container-instances", "--cluster", "default", "--container-instances", arns[0])["containerInstances"][0]
    assert by_id["containerInstanceArn"] == arns[0] == instance["containerInstanceArn"]
    # TUT-221
    assert (instance["status"], instance["agentConnected"]) == ("ACTIVE", True)
    assert (instance["runningTasksCount"], instance["pendingTasksCount"]) == (0, 0)
    assert set(instance["versionInfo"]) >= {"agentVersion", "agentHash", "dockerVersion"}
    assert re.match(r"DockerVersion: \d+\.\d+", instance["versionInfo"]["dockerVersion"])
    for member in ("registeredResources", "remainingResources"):
        resources = {r["name"]: r for r in instance[member]}
        assert set(resources) >= {"CPU", "MEMORY", "PORTS", "PORTS_UDP"}
        assert (resources["CPU"]["type"], resources["CPU"]["longValue"], resources["CPU"]["doubleValue"]) == ("INTEGER", 0, 0.0)
        assert resources["CPU"]["integerValue"] == 1024 * os.cpu_count()
        assert resources["PORTS"]["type"] == "STRINGSET"
        assert {"22", "2375", "2376", "51678"} <= set(resources["PORTS"]["stringSetValue"])
    # TUT-222
    names = {a["name"] for a in instance["attributes"]}
    assert {"com.amazonaws.ecs.capability.privileged-container", "com.amazonaws.ecs.capability.docker-remote-api.1.17",
            "com.amazonaws.ecs.capability.logging-driver.json-file", "ecs.os-type"} <= names
    remaining = {r["name"]: r["integerValue"] for r in instance["remainingResources"] if r["type"] == "INTEGER"}

    # TUT-223: the file form and the string form, revisions 1 and 2.
    containers = json.dumps([{"name": "sleep", "image": "berth-sample-web:1", "cpu": 10, "memory": 10, "essential": True,
                              "command": ["sleep", "15"]}])
    definition = aws("register-task-definition", "--cli-input-json", json.dumps(
        {"containerDefinitions": json.loads(containers), "family": "sleep360"}))["taskDefinition"]
    assert (definition["revision"], definition["volumes"], definition["status"]) == (1, [], "ACTIVE")
    container = definition["containerDefinitions"][0]
    assert all(container[m] == [] for m in ("environment", "mountPoints", "portMappings", "volumesFrom"))
    assert aws("register-task-definition", "--family", "sleep360", "--container-definitions", containers)["taskDefinition"]["revision"] == 2
    assert [a.split("/")[1] for a in aws("list-task-definitions")["taskDefinitionArns"]] == ["sleep360:1", "sleep360:2"]

    # TUT-224
    answer = aws("run-task", "--cluster", "default", "--task-definition", "sleep360:1", "--count", "1")
    assert answer["failures"] == []
    task, = answer["tasks"]
    assert re.fullmatch(r"arn:aws:ecs:us-east-1:000000000000:task/default/" + ID, task["taskArn"])
    assert (task["lastStatus"], task["desiredStatus"]) == ("PENDING", "RUNNING")
    assert task["containerInstanceArn"] == arns[0]
    assert task["overrides"]["containerOverrides"] == [{"name": "sleep"}]
    container, = task["containers"]
    assert (container["name"], container["lastStatus"], container["taskArn"]) == ("sleep", "PENDING", task["taskArn"])
    assert aws("list-tasks")["taskArns"] == [task["taskArn"]]

    # TUT-225: by id or ARN; without ports networkBindings is [].
    describe = lambda: aws("describe-tasks", "--tasks", task["taskArn"].split("/")[-1])["tasks"][0]
    running = eventually(lambda: (lambda t: t if t["lastStatus"] == "RUNNING" else None)(describe()), 30)
    assert running["containers"][0]["networkBindings"] == []
    now = aws("describe-container-instances", "--container-instances", arns[0])["containerInstances"][0]
    left = {r["name"]: r["integerValue"] for r in now["remainingResources"] if r["type"] == "INTEGER"}
    assert (remaining["CPU"] - left["CPU"], remaining["MEMORY"] - left["MEMORY"]) == (10, 10)
    assert now["runningTasksCount"] == 1
    stopped = eventually(lambda: (lambda t: t if t["lastStatus"] == "STOPPED" else None)(describe()), 60)
    assert stopped["stoppedReason"] == "Essential container in task exited"
    assert stopped["containers"][0]["exitCode"] == 0
    now = aws("describe-container-instances", "--container-instances", arns[0])["containerInstances"][0]
    assert {r["name"]: r["integerValue"] for r in now["remainingResources"] if r["type"] == "INTEGER"} == remaining


def test_a_fixed_port_on_one_instance(aws, ecs, default_agent):
    """TUT-121: a second task with the same host port has no place."""
    eventually(lambda: connected(ecs, "default"), 60)
    aws("register-task-definition", "--family", "ec2-tutorial", "--container-definitions", json.dumps([
        {"name": "web", "image": "berth-sample-web:1", "cpu": 100, "memory": 50,
         "portMappings": [{"containerPort": 80, "hostPort": free_port()}]}]))
    assert len(aws("run-task", "--task-definition", "ec2-tutorial")["tasks"]) == 1
    assert [f["reason"] for f in aws("run-task", "--task-definition", "ec2-tutorial")["failures"]] == ["RESOURCE:PORTS"]


def test_errors_as_the_cli_shows_them(aws):
    """API-053 and the texts scripts look for (API- section 3)."""
    aws("create-cluster")
    assert aws.fails("run-task", "--task-definition", "nope") == ("ClientException", "TaskDefinition not found.")
    aws("register-task-definition", "--family", "a", "--container-definitions", '[{"name":"a","image":"b","memory":4}]')
    assert aws.fails("run-task", "--task-definition", "a") == (
        "InvalidParameterException", "No Container Instances were found in your cluster.")
    assert aws.fails("run-task", "--cluster", "nope", "--task-definition", "a") == ("ClusterNotFoundException", "Cluster not found.")
    assert aws.fails("delete-cluster", "--cluster", "nope")[0] == "ClusterNotFoundException"
    assert aws.fails("create-service", "--service-name", "s", "--task-definition", "nope", "--desired-count", "1") == (
        "ClientException", "TaskDefinition not found.")
    assert aws("describe-services", "--services", "nope")["failures"][0]["reason"] == "MISSING"
    assert aws.fails("update-service", "--service", "nope", "--desired-count", "1")[0] == "ServiceNotFoundException"


def test_the_service_flow_of_a_cd_tool(aws, ecs, default_agent):
    """Register, create-service, update-service, describe-services, and the CLI's own waiters."""
    eventually(lambda: connected(ecs, "default"), 60)
    definition = json.dumps([{"name": "web", "image": "berth-sample-web:1", "memory": 16, "portMappings": [{"containerPort": 80}],
                              "linuxParameters": {"initProcessEnabled": True},
                              "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 5}}])
    first = aws("register-task-definition", "--family", "harness", "--container-definitions", definition)["taskDefinition"]
    service = aws("create-service", "--service-name", "harness", "--task-definition", "harness:1", "--desired-count", "2",
                  "--deployment-configuration", "maximumPercent=200,minimumHealthyPercent=50")["service"]
    # TUT-204: the shape CD tools read.
    assert service["deployments"][0]["taskDefinition"] == first["taskDefinitionArn"] == service["taskDefinition"]
    assert re.fullmatch(r"ecs-svc/\d{19}", service["deployments"][0]["id"])
    for member in ("loadBalancers", "serviceRegistries", "placementConstraints", "placementStrategy", "events"):
        assert service[member] == []
    assert service["deploymentConfiguration"]["maximumPercent"] == 200
    aws("wait", "services-stable", "--services", "harness")
    described = aws("describe-services", "--services", "harness")["services"][0]
    assert (described["runningCount"], described["pendingCount"], described["desiredCount"]) == (2, 0, 2)
    assert any(re.search(r"\(service harness\) has started 2 tasks: \(task %s\) \(task %s\)\." % (ID, ID), e["message"])
               for e in described["events"])
    tasks = aws("list-tasks", "--service-name", "harness")["taskArns"]
    aws("wait", "tasks-running", "--tasks", *tasks)
    aws("register-task-definition", "--family", "harness", "--container-definitions", definition.replace('"memory": 16', '"memory": 20'))
    aws("update-service", "--service", "harness", "--task-definition", "harness:2")
    aws("wait", "services-stable", "--services", "harness")
    aws("wait", "tasks-stopped", "--tasks", *tasks)
    aws("update-service", "--service", "harness", "--desired-count", "0")
    aws("delete-service", "--service", "harness")
    aws("wait", "services-inactive", "--services", "harness")
    # API-047: a cluster with instances is not deleted.
    assert aws.fails("delete-cluster", "--cluster", "default")[0] == "ClusterContainsContainerInstancesException"
