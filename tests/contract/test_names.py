"""Names in every operation that takes them: API-031 to API-038, CL-234: short names, ARNs old and new, the default cluster,
and what is answered to an ARN of another account, region, kind or cluster."""
import json
import os
import re

import pytest

from harness.fake_agent import resources
from harness.program import ROOT, ApiError

ACCOUNT, REGION = "000000000000", "us-east-1"


class World:
    """One of each kind, in a cluster of their own; another cluster beside it. There is no cluster `default`."""

    def __init__(self, api):
        self.api = api
        self.cluster, self.other = api.cluster(), api.cluster()
        self.host = api.agent(self.cluster)
        self.definition = api.define()
        self.family = self.definition.split("/")[1].split(":")[0]
        self.task = api.raw("StartTask", {"cluster": self.cluster, "taskDefinition": self.definition,
                                          "containerInstances": [self.host.arn]})["tasks"][0]["taskArn"]
        api.until_task(self.cluster, self.task, "RUNNING")
        answer = api.raw("CreateService", {"cluster": self.cluster, "serviceName": "web", "taskDefinition": self.definition, "desiredCount": 0})
        self.service = answer["service"]["serviceArn"]
        self.external = api.raw("CreateService", {"cluster": self.cluster, "serviceName": "ext", "desiredCount": 0,
                                                  "deploymentController": {"type": "EXTERNAL"}})["service"]["serviceArn"]

    def arn(self, rest):
        return "arn:aws:ecs:%s:%s:%s" % (REGION, ACCOUNT, rest)


@pytest.fixture(scope="module")
def world(_api):
    return World(_api)


# operation, the member (`x[]`: in a list; `attributes.targetId`: in a list of structures), its kind, the rest of the body
ROWS = [
    ("CreateService", "cluster", "cluster", {"serviceName": "n", "taskDefinition": "{definition}", "desiredCount": 0}),
    ("CreateService", "taskDefinition", "definition", {"serviceName": "n", "desiredCount": 0}),
    ("CreateTaskSet", "cluster", "cluster", {"service": "ext", "taskDefinition": "{definition}"}),
    ("CreateTaskSet", "service", "service", {"taskDefinition": "{definition}"}),
    ("CreateTaskSet", "taskDefinition", "definition", {"service": "ext"}),
    ("DeleteAttributes", "cluster", "cluster", {"attributes": [{"name": "a", "targetId": "{instance}", "targetType": "container-instance"}]}),
    ("DeleteAttributes", "attributes.targetId", "instance", {}),
    ("DeleteCapacityProvider", "capacityProvider", "provider", {}),
    ("DeleteCluster", "cluster", "cluster", {}),
    ("DeleteService", "cluster", "cluster", {"service": "web"}),
    ("DeleteService", "service", "service", {}),
    ("DeleteTaskDefinitions", "taskDefinitions[]", "definition", {}),
    ("DeleteTaskSet", "cluster", "cluster", {"service": "ext", "taskSet": "ecs-svc/1234567890123456789"}),
    ("DeleteTaskSet", "service", "service", {"taskSet": "ecs-svc/1234567890123456789"}),
    ("DeregisterContainerInstance", "cluster", "cluster", {"containerInstance": "{instance}"}),
    ("DeregisterContainerInstance", "containerInstance", "instance", {}),
    ("DeregisterTaskDefinition", "taskDefinition", "definition", {}),
    ("DescribeCapacityProviders", "capacityProviders[]", "provider", {}),
    ("DescribeClusters", "clusters[]", "cluster", {}),
    ("DescribeContainerInstances", "cluster", "cluster", {"containerInstances": ["{instance}"]}),
    ("DescribeContainerInstances", "containerInstances[]", "instance", {}),
    ("DescribeServices", "cluster", "cluster", {"services": ["web"]}),
    ("DescribeServices", "services[]", "service", {}),
    ("DescribeTaskDefinition", "taskDefinition", "definition", {}),
    ("DescribeTaskSets", "cluster", "cluster", {"service": "ext"}),
    ("DescribeTaskSets", "service", "service", {}),
    ("DescribeTasks", "cluster", "cluster", {"tasks": ["{task}"]}),
    ("DescribeTasks", "tasks[]", "task", {}),
    ("DiscoverPollEndpoint", "cluster", "cluster", {}),
    ("DiscoverPollEndpoint", "containerInstance", "instance", {}),
    ("GetTaskProtection", "cluster", "cluster", {"tasks": ["{task}"]}),
    ("GetTaskProtection", "tasks[]", "task", {}),
    ("ListAttributes", "cluster", "cluster", {"targetType": "container-instance"}),
    ("ListContainerInstances", "cluster", "cluster", {}),
    ("ListServiceDeployments", "cluster", "cluster", {"service": "web"}),
    ("ListServiceDeployments", "service", "service", {}),
    ("ListServices", "cluster", "cluster", {}),
    ("ListTasks", "cluster", "cluster", {}),
    ("ListTasks", "containerInstance", "instance", {}),
    ("ListTasks", "serviceName", "service", {}),
    ("PutAttributes", "cluster", "cluster", {"attributes": [{"name": "a", "targetId": "{instance}", "targetType": "container-instance"}]}),
    ("PutAttributes", "attributes.targetId", "instance", {}),
    ("PutClusterCapacityProviders", "cluster", "cluster", {"capacityProviders": [], "defaultCapacityProviderStrategy": []}),
    ("RegisterContainerInstance", "cluster", "cluster", {"totalResources": resources()}),
    ("RegisterContainerInstance", "containerInstanceArn", "instance", {"totalResources": resources()}),
    ("RunTask", "cluster", "cluster", {"taskDefinition": "{definition}"}),
    ("RunTask", "taskDefinition", "definition", {}),
    ("StartTask", "cluster", "cluster", {"taskDefinition": "{definition}", "containerInstances": ["{instance}"]}),
    ("StartTask", "taskDefinition", "definition", {"containerInstances": ["{instance}"]}),
    ("StartTask", "containerInstances[]", "instance", {"taskDefinition": "{definition}"}),
    ("StopTask", "cluster", "cluster", {"task": "{task}"}),
    ("StopTask", "task", "task", {}),
    ("SubmitContainerStateChange", "cluster", "cluster", {"task": "{task}", "containerName": "main", "status": "RUNNING"}),
    ("SubmitTaskStateChange", "cluster", "cluster", {"task": "{task}", "status": "RUNNING"}),
    ("UpdateCluster", "cluster", "cluster", {}),
    ("UpdateClusterSettings", "cluster", "cluster", {"settings": [{"name": "containerInsights", "value": "enabled"}]}),
    ("UpdateContainerAgent", "cluster", "cluster", {"containerInstance": "{instance}"}),
    ("UpdateContainerAgent", "containerInstance", "instance", {}),
    ("UpdateContainerInstancesState", "cluster", "cluster", {"containerInstances": ["{instance}"], "status": "ACTIVE"}),
    ("UpdateContainerInstancesState", "containerInstances[]", "instance", {"status": "ACTIVE"}),
    ("UpdateService", "cluster", "cluster", {"service": "web"}),
    ("UpdateService", "service", "service", {}),
    ("UpdateService", "taskDefinition", "definition", {"service": "web"}),
    ("UpdateServicePrimaryTaskSet", "cluster", "cluster", {"service": "ext", "primaryTaskSet": "ecs-svc/1234567890123456789"}),
    ("UpdateServicePrimaryTaskSet", "service", "service", {"primaryTaskSet": "ecs-svc/1234567890123456789"}),
    ("UpdateTaskProtection", "cluster", "cluster", {"tasks": ["{task}"], "protectionEnabled": False}),
    ("UpdateTaskProtection", "tasks[]", "task", {"protectionEnabled": False}),
    ("UpdateTaskSet", "cluster", "cluster", {"service": "ext", "taskSet": "ecs-svc/1234567890123456789", "scale": {"value": 1, "unit": "PERCENT"}}),
    ("UpdateTaskSet", "service", "service", {"taskSet": "ecs-svc/1234567890123456789", "scale": {"value": 1, "unit": "PERCENT"}}),
]
with open(os.path.join(ROOT, "api", "ecs.json")) as model:
    MODEL = json.load(model)
SERVED = {name for name, facts in MODEL["operations"].items() if facts.get("built")}
ROWS = [row for row in ROWS if row[0] in SERVED]
NO_CLUSTER = {"DeleteCapacityProvider", "DescribeCapacityProviders", "DescribeClusters", "DescribeTaskDefinition",
              "DeregisterTaskDefinition", "DeleteTaskDefinitions"}


def ask(api, operation, body):
    try:
        return 200, api.raw(operation, body)
    except ApiError as err:
        return err.status, {"__type": err.code, "message": err.message}


def fill(world, value):
    if isinstance(value, str):
        return value.format(definition=world.definition, instance=world.host.arn[-32:], task=world.task[-32:])
    if isinstance(value, list):
        return [fill(world, v) for v in value]
    if isinstance(value, dict):
        return {k: fill(world, v) for k, v in value.items()}
    return value


def body_of(world, operation, member, rest, value):
    body = fill(world, rest)
    if operation not in NO_CLUSTER:
        body.setdefault("cluster", world.cluster)
    if member.endswith("[]"):
        body[member[:-2]] = [value]
    elif "." in member:
        outer, inner = member.split(".")
        body[outer] = [{"name": "a", inner: value, "targetType": "container-instance"}]
    else:
        body[member] = value
    return body


def good_rest(world, kind):
    """What stands behind the account in an ARN of that kind."""
    return {"cluster": "cluster/" + world.cluster, "instance": world.host.arn.split(":", 5)[5], "task": world.task.split(":", 5)[5],
            "service": "service/%s/web" % world.cluster, "definition": world.definition.split(":", 5)[5],
            "provider": "capacity-provider/FARGATE"}[kind]


def wrong(world, kind):
    """What no identifier of that kind may be."""
    rest = good_rest(world, kind)
    other_kind = "cluster/" + world.cluster if kind != "cluster" else "service/%s/web" % world.cluster
    found = {
        "account": ("arn:aws:ecs:%s:111122223333:%s" % (REGION, rest), r"Identifier is for 111122223333\. Your accountId is " + ACCOUNT),
        "region": ("arn:aws:ecs:eu-west-1:%s:%s" % (ACCOUNT, rest), r"Identifier is for eu-west-1\. Your region is " + REGION),
        "service": ("arn:aws:sns:%s:%s:%s" % (REGION, ACCOUNT, rest), "Identifier is invalid"),
        "partition": ("arn:aws-cn:ecs:%s:%s:%s" % (REGION, ACCOUNT, rest), "Identifier is invalid"),
        "kind": (world.arn(other_kind), "Identifier is invalid"),
        "not parsing": ("arn:aws:ecs:nowhere", "Identifier is invalid"),
        "nothing behind the kind": (world.arn(rest.split("/")[0]), "Identifier is invalid"),
    }
    if kind in ("instance", "task", "service"):
        parts = rest.split("/")
        found["cluster"] = (world.arn("%s/%s/%s" % (parts[0], world.other, parts[2])),
                            r"Identifier is for cluster %s\. Your cluster is %s" % (world.other, world.cluster))
    if kind in ("instance", "task"):
        word = {"instance": ("containerInstanceId", "container instance", "Container Instance"), "task": ("taskId", "task", "Task")}[kind]
        found["37 characters"] = ("0" * 37, word[0] + r" longer than 36\.")
        found["31 characters"] = ("0" * 31, re.escape(word[1] + " length should be one of [32,36]"))
        found["no hex"] = ("g" * 32, word[2] + " Identifier is invalid")
        found["36 and no UUID"] = ("0" * 36, word[2] + " Identifier is invalid")
    if kind == "cluster":
        found["characters"] = ("a b", re.escape(r"Cluster must match ^[a-zA-Z0-9\-_]{1,255}$, but was a b"))
        found["length"] = ("x" * 256, "Cluster must match")
    return found


# What has its own rules: agents' reports are never refused for a name (AP-129), task sets are named within a service,
# the cluster of a capacity provider is that of managed instances.
ELSEWHERE = {("SubmitTaskStateChange", "task"), ("SubmitContainerStateChange", "task"), ("SubmitAttachmentStateChanges", "cluster"),
             ("CreateCapacityProvider", "cluster"), ("UpdateCapacityProvider", "cluster"), ("DeleteCapacityProvider", "cluster"),
             ("DescribeCapacityProviders", "cluster"), ("CreateCluster", "capacityProviders"), ("PutClusterCapacityProviders", "capacityProviders")}


def test_the_table_is_whole():
    """Every member of a served operation that names something has a row above."""
    named = {"cluster", "clusters", "service", "services", "task", "tasks", "containerInstance", "containerInstances", "containerInstanceArn",
             "taskDefinition", "taskDefinitions", "capacityProvider", "capacityProviders"}
    wanted = {(name, member) for name in SERVED for member in MODEL["shapes"][MODEL["operations"][name]["input"]]["members"] if member in named}
    assert wanted - ELSEWHERE - {(name, member.split(".")[0].rstrip("[]")) for name, member, _, _ in ROWS} == set()


@pytest.mark.parametrize("operation, member, kind, rest", ROWS, ids=["%s-%s" % row[:2] for row in ROWS])
def test_wrong_ones(_api, world, operation, member, kind, rest):
    """API-033, API-035, API-037: refused in one way everywhere, and before anything is done."""
    problems = []
    for what, (value, text) in wrong(world, kind).items():
        status, answer = ask(_api, operation, body_of(world, operation, member, rest, value))
        code, message = answer.get("__type"), answer.get("message", "")
        if operation == "DeleteTaskDefinitions" and status == 200 and len(answer["failures"]) == 1:
            continue  # its refusals are of single definitions
        if status != 400 or code not in ("InvalidParameterException",) or not re.search(text, message):
            problems.append("%s (%s): %s %s" % (what, value, code or status, message))
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("operation", sorted({row[0] for row in ROWS if row[0] not in NO_CLUSTER}))
def test_the_default_cluster(_api, world, operation):
    """API-034: omitted, null or empty is the cluster `default`, which is not there; where it is required it is asked for."""
    _, _, _, rest = next(row for row in ROWS if row[0] == operation and row[1] == "cluster")
    required = operation in ("DeleteCluster", "UpdateCluster", "UpdateClusterSettings", "PutClusterCapacityProviders", "CreateTaskSet",
                             "DeleteTaskSet", "DescribeTaskSets", "UpdateTaskSet", "UpdateServicePrimaryTaskSet", "GetTaskProtection",
                             "UpdateTaskProtection")
    body = fill(world, rest)
    for more in ({}, {"cluster": None}) + (() if required else ({"cluster": ""},)):
        status, answer = ask(_api, operation, dict(body, **more))
        if required:
            assert answer.get("__type") == "InvalidParameterException", answer
        elif operation in ("DiscoverPollEndpoint", "SubmitTaskStateChange", "SubmitContainerStateChange"):
            assert status == 200 or answer["__type"] == "InvalidParameterException"  # AP-129: agents are never told to try again
        else:
            expected = "ClientException" if operation == "RegisterContainerInstance" else "ClusterNotFoundException"  # API-048
            assert (answer.get("__type"), answer.get("message")) == (expected, "Cluster not found."), answer


SAME = [row for row in ROWS if row[0].startswith(("Describe", "List", "Get", "UpdateContainerInstancesState", "PutAttributes")) and row[2] != "provider"]


@pytest.mark.parametrize("operation, member, kind, rest", SAME, ids=["%s-%s" % row[:2] for row in SAME])
def test_one_thing_by_all_its_names(_api, world, operation, member, kind, rest):
    """API-032, API-038, CL-234: the name, the ARN, the ARN of old, the UUID's form; the same answer."""
    full = good_rest(world, kind)
    parts = full.split("/")
    forms = {"cluster": [world.cluster, world.arn(full)],
             "service": ["web", world.arn(full), world.arn("service/web")],
             "definition": [world.family, world.family + ":1", world.arn(full), world.arn("task-definition/" + world.family)],
             "instance": [], "task": []}[kind]
    if kind in ("instance", "task"):
        one = parts[2]
        forms = [one, world.arn(full), world.arn("%s/%s" % (parts[0], one)),
                 "%s-%s-%s-%s-%s" % (one[:8], one[8:12], one[12:16], one[16:20], one[20:])]
    answers = []
    for form in forms:
        status, answer = ask(_api, operation, body_of(world, operation, member, rest, form))
        if kind in ("definition",) and operation.startswith("List"):
            continue
        assert status == 200 or (kind == "service" and answer["__type"] in ("InvalidParameterException", "UnsupportedFeatureException")), (form, answer)
        answers.append(answer)
    assert all(a == answers[0] for a in answers), answers


def test_an_agent_does_not_learn_what_there_is(_api, world):
    """CL-268, API-180: what is there and what is not are refused alike, in the agent's own cluster and in others."""
    stranger, neighbour = _api.agent(_api.cluster(), connect=False), _api.agent(world.cluster, connect=False)
    instance, task = world.host.arn, world.task
    rows = [(agent, operation, [dict(body, cluster=world.cluster, **{member: [arn] if member.endswith("s") else arn})
                                for arn in (instance, instance[:-32] + "0" * 32)])
            for agent in (stranger, neighbour)
            for operation, member, body in (("UpdateContainerInstancesState", "containerInstances", {"status": "DRAINING"}),
                                            ("DiscoverPollEndpoint", "containerInstance", {}),
                                            ("RegisterContainerInstance", "containerInstanceArn", {"totalResources": resources()}))]
    rows += [(stranger, operation, [dict(body, cluster=name) for name in (world.cluster, "never")])
             for operation, body in (("UpdateContainerInstancesState", {"containerInstances": ["0" * 32], "status": "DRAINING"}),
                                     ("DiscoverPollEndpoint", {}), ("RegisterContainerInstance", {"totalResources": resources()}))]
    rows += [(agent, "ListTagsForResource", [{"resourceArn": arn} for arn in (known, known[:-32] + "0" * 32)])
             for agent in (stranger, neighbour) for known in (instance, task)]
    rows += [(stranger, "ListTagsForResource", [{"resourceArn": world.arn("cluster/" + name)} for name in (world.cluster, "never")]),
             (stranger, "CreateCluster", [{"clusterName": name} for name in (world.cluster, "never")])]
    for agent, operation, bodies in rows:
        for body in bodies:
            with pytest.raises(ApiError) as refusal:
                agent.call(operation, **body)
            assert refusal.value.code == "AccessDeniedException", (operation, body, refusal.value)
