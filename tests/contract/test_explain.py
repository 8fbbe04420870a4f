"""GET /explain and `berth explain`: why tasks are not where they should be (SC-024, SC-025, SC-190 to SC-198, SC-341, AG-352, MS-100)."""
import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from harness.fake_agent import CAPABILITIES, resources
from harness.program import BERTH, REGION, SANITIZER_ENV, ApiError


def ask(server, key, **query):
    url = server.url + "/explain?" + urllib.parse.urlencode(query, doseq=True, quote_via=urllib.parse.quote)
    request = AWSRequest("GET", url)
    if key:
        SigV4Auth(Credentials(*key), "ecs", REGION).add_auth(request)
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(request.headers)), timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as err:
        body = json.loads(err.read())
        raise ApiError(err.code, body["__type"], body["message"]) from err


@pytest.fixture
def explain(api):
    return lambda **query: ask(api.server, api.key, **query)


@pytest.fixture
def berth(api):
    """`berth explain ARGS`: what it prints; what it complains of when it `fails`."""
    def run(*args, fails=0):
        env = dict(SANITIZER_ENV, AWS_ENDPOINT_URL=api.server.url, AWS_ACCESS_KEY_ID=api.key[0], AWS_SECRET_ACCESS_KEY=api.key[1],
                   AWS_REGION=REGION)
        done = subprocess.run([BERTH, "explain", *args], env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == fails, (done.stdout, done.stderr)
        return done.stderr if fails else done.stdout
    return run


def big(api, **more):
    body = {"name": "main", "image": "busybox", "memory": 16, "cpu": 10}
    body.update(more)
    return api.define(containerDefinitions=[body])


def waits(answer, what):
    return [one for one in answer["waitsFor"] if one["what"] == what]


def until_waits(api, explain, what, **query):
    return api.until(lambda: (lambda answer: answer if waits(answer, what) else None)(explain(**query)), what)


# ---- where tasks of a definition would go ----

def test_a_definition_that_fits(api, explain):
    cluster, arn = api.cluster(), api.define()
    agents = [api.agent(cluster) for _ in range(2)]
    answer = explain(cluster=cluster, taskDefinition=arn, count=2, constraint="distinctInstance")
    assert (answer["kind"], answer["arn"], answer["placed"]) == ("taskDefinition", arn, 2)
    assert set(answer["containerInstanceArns"]) == {one.arn for one in agents}
    assert answer["summary"] == "All tasks would be placed."
    assert (answer["needs"]["cpu"], answer["needs"]["memory"], answer["needs"]["constraints"]) == (10, 16, ["distinctInstance"])
    assert (answer["placement"]["hosts"], answer["placement"]["hostsWithRoom"]) == (2, 2)
    assert api.ecs.list_tasks(cluster=cluster)["taskArns"] == []  # nothing was placed


def test_each_rule_has_its_hosts_and_figures(api, explain):  # SC-024, SC-025
    cluster = api.cluster()
    arn = big(api, cpu=2048, memory=4096, privileged=True, portMappings=[{"containerPort": 80, "hostPort": 8080}])
    small = api.agent(cluster, totalResources=resources(cpu=1024))
    poor = api.agent(cluster, totalResources=resources(memory=1024))
    taken = api.agent(cluster, totalResources=resources(ports=(22, 8080)))
    bare = api.agent(cluster, attributes=[one for one in CAPABILITIES if "privileged" not in one["name"]])
    silent = api.agent(cluster, connect=False)
    other = api.agent(cluster)
    api.ecs.put_attributes(cluster=cluster, attributes=[{"name": "stack", "value": "test", "targetId": other.arn}])
    answer = explain(cluster=cluster, taskDefinition=arn, constraint="not(attribute:stack == test)")
    groups = {one["reason"]: one for one in answer["placement"]["refusals"]}
    expected = {
        "RESOURCE:CPU": (small, "CPU units", 2048, 1024, 1), "RESOURCE:MEMORY": (poor, "MiB of memory", 4096, 1024, 1),
        "RESOURCE:PORTS": (taken, None, None, None, None), "ATTRIBUTE": (bare, None, None, None, None),
        "AGENT": (silent, None, None, None, None), "MemberOf placement constraint unsatisfied.": (other, None, None, None, None),
    }
    assert set(groups) == set(expected)
    for reason, (agent, unit, wanted, most, too_small) in expected.items():
        group = groups[reason]
        assert (group["hosts"], group["containerInstanceArns"]) == (1, [agent.arn])
        assert (group.get("unit"), group.get("wanted"), group.get("mostFree"), group.get("tooSmall")) == (unit, wanted, most, too_small)
    assert groups["RESOURCE:PORTS"]["rule"] == "8080/tcp"
    assert groups["ATTRIBUTE"]["rule"] == "com.amazonaws.ecs.capability.privileged-container"
    assert groups["MemberOf placement constraint unsatisfied."]["rule"] == "not(attribute:stack == test)"
    assert answer["placement"]["closest"]["reason"] in ("RESOURCE:CPU", "RESOURCE:MEMORY", "RESOURCE:PORTS")
    assert answer["summary"].startswith("0 of 1 task would be placed: 1 of 6 hosts ")
    # API-051: RunTask says the same, host by host, with a detail.
    failures = {one["arn"]: one for one in api.ecs.run_task(
        cluster=cluster, taskDefinition=arn,
        placementConstraints=[{"type": "memberOf", "expression": "not(attribute:stack == test)"}])["failures"]}
    assert failures[small.arn] == {"arn": small.arn, "reason": "RESOURCE:CPU", "detail": "CPU units: 2048 wanted, 1024 free"}
    assert failures[taken.arn]["detail"] == "8080/tcp"
    assert "detail" not in failures[silent.arn]


# ---- services ----

def test_a_service_that_finds_no_host(api, explain, berth):  # SC-198, AG-352
    cluster, arn = api.cluster(), big(api, cpu=100000)
    agent = api.agent(cluster)
    service = api.ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=arn, desiredCount=2)["service"]
    answer = until_waits(api, explain, "NO_HOST", cluster=cluster, service="web")
    assert (answer["kind"], answer["arn"], answer["desiredCount"], answer["runningCount"]) == ("service", service["serviceArn"], 2, 0)
    wait, = waits(answer, "NO_HOST")
    assert (wait["tasks"], wait["deployment"]) == (2, service["deployments"][0]["id"])
    group, = wait["placement"]["refusals"]
    assert (group["reason"], group["wanted"], group["mostFree"], group["tooSmall"]) == ("RESOURCE:CPU", 100000, 4096, 1)
    assert group["containerInstanceArns"] == [agent.arn]
    assert answer["summary"] == "2 tasks find no host: 1 of 1 host lacks 100000 CPU units."
    told = api.until(lambda: explain(cluster=cluster, service="web")["events"])
    assert told[0]["message"].startswith("(service web) was unable to place a task because no container instance met all of its "
                                         "requirements. The closest matching (container-instance ")  # AG-930
    printed = berth("--cluster", cluster, "web")
    assert "2 tasks find no host: 1 of 1 host lacks 100000 CPU units." in printed
    assert "RESOURCE:CPU: 1 host lacks 100000 CPU units" in printed
    assert "wanted 100000, most free 4096; too small even when empty: 1" in printed
    api.ecs.update_service(cluster=cluster, service="web", desiredCount=0)
    assert api.until(lambda: explain(cluster=cluster, service="web")["waitsFor"] == [])


def test_why_a_service_is_short_is_kept(own_api):
    """With its record, while it lasts: also over kill -9, while no agent is there to look at."""
    api = own_api
    cluster, arn = api.cluster(), big(api, cpu=5000)
    agent = api.agent(cluster)
    api.ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=arn, desiredCount=2)

    def kept():
        return ask(api.server, api.key, cluster=cluster, service="web")["shortages"]
    first, = api.until(kept)
    assert (first["tasks"], first["hosts"], first["text"]) == (2, 1, "1 of 1 host lacks 5000 CPU units.")
    rule, = first["refusals"]
    assert rule == {"reason": "RESOURCE:CPU", "text": "1 host lacks 5000 CPU units", "unit": "CPU units", "wanted": 5000,
                    "mostFree": 4096, "tooSmall": 1, "hosts": 1, "containerInstanceArns": [agent.arn]}
    agent.disconnect()
    api.server.kill()
    api.server.start()
    again, = api.until(lambda: [one for one in kept() if one["refusals"][0]["reason"] == "AGENT"])
    assert (again["since"], again["tasks"]) == (first["since"], 2)
    room = api.agent(cluster, totalResources=resources(cpu=6000))
    half, = api.until(lambda: [one for one in kept() if one["tasks"] == 1])
    assert (half["since"], half["hosts"]) == (first["since"], 2)
    api.ecs.update_service(cluster=cluster, service="web", desiredCount=1)
    assert api.until(lambda: kept() == [])
    assert room.arn in api.ecs.describe_tasks(cluster=cluster, tasks=api.ecs.list_tasks(cluster=cluster)["taskArns"])[
        "tasks"][0]["containerInstanceArn"]


def test_a_steady_service_waits_for_nothing(api, explain):  # SC-139, SC-199
    cluster, arn = api.cluster(), api.define(containerDefinitions=[
        {"name": "main", "image": "busybox", "memory": 16, "healthCheck": {"command": ["CMD", "true"]}}])
    api.agent(cluster, tcs=True)
    api.ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=arn, desiredCount=1)
    answer = api.until(lambda: (lambda one: one if one["summary"] == "The service has reached a steady state." else None)(
        explain(cluster=cluster, service="web")), "steady")
    assert answer["waitsFor"] == []
    assert answer["deployments"][0]["rolloutState"] == "COMPLETED"


def test_percents_that_block(api, explain):  # SC-191, SC-192, SC-197
    cluster, arn = api.cluster(), api.define()
    api.agent(cluster)
    api.ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=arn, desiredCount=2)
    api.until(lambda: api.service(cluster, "web")["runningCount"] == 2)
    answer = explain(cluster=cluster, service="web")
    proving, = waits(answer, "PROVING")
    assert (proving["tasks"], len(proving["taskArns"])) == (2, 2)
    assert answer["nextTryAt"] == proving["until"]
    api.ecs.update_service(cluster=cluster, service="web", taskDefinition=api.define(),
                           deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 100})
    answer = until_waits(api, explain, "MAXIMUM_PERCENT", cluster=cluster, service="web")
    assert waits(answer, "MAXIMUM_PERCENT")[0]["text"] == (
        "2 tasks are not started yet: the maximum percent of 100 allows 2 of 2 wanted, and there are 2.")
    assert waits(answer, "MINIMUM_HEALTHY_PERCENT")[0]["text"] == (
        "2 old tasks stay: the minimum healthy percent of 100 keeps 2 of 2 healthy, and 0 are.")
    assert (answer["minimumHealthy"], answer["maximum"]) == (2, 2)


def test_a_host_that_drains(api, explain):  # CL-282, CL-283
    cluster, arn = api.cluster(), api.define()
    agent = api.agent(cluster)
    api.ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=arn, desiredCount=1)
    api.until(lambda: api.service(cluster, "web")["runningCount"] == 1)
    api.ecs.update_container_instances_state(cluster=cluster, containerInstances=[agent.arn], status="DRAINING")
    answer = until_waits(api, explain, "NO_HOST", cluster=cluster, service="web")
    assert waits(answer, "DRAINING")[0]["tasks"] == 1
    assert waits(answer, "NO_HOST")[0]["placement"]["refusals"][0]["reason"] == "INACTIVE"


# ---- tasks ----

def test_a_stopped_task_and_its_causes(api, explain, berth):  # AG-340 to AG-344
    cluster, arn = api.cluster(), api.define()
    agent = api.agent(cluster)
    task = api.ecs.run_task(cluster=cluster, taskDefinition=arn)["tasks"][0]["taskArn"]
    api.until_task(cluster, task, "RUNNING")
    answer = explain(task=task)  # the ARN says the cluster
    assert (answer["lastStatus"], answer["waitsFor"], answer["causes"]) == ("RUNNING", [], [])
    assert answer["containerInstance"]["arn"] == agent.arn
    api.ecs.stop_task(cluster=cluster, task=task, reason="enough")
    api.until_task(cluster, task, "STOPPED")
    answer = explain(cluster=cluster, task=task.split("/")[-1])
    assert (answer["stopCode"], answer["stoppedReason"]) == ("UserInitiated", "enough")
    assert answer["causes"][0] == {"what": "STOPPED", "text": "enough"}
    printed = berth("--cluster", cluster, task.split("/")[-1])
    assert "stopped reason         enough" in printed and "UserInitiated" in printed


def test_a_replaced_task_knows_by_what(api, explain):  # SC-208
    cluster = api.cluster()
    api.agent(cluster)
    first = api.ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=api.define(), desiredCount=1,
                                   deploymentConfiguration={"minimumHealthyPercent": 0})["service"]["deployments"][0]["id"]
    api.until(lambda: api.service(cluster, "web")["runningCount"] == 1)
    task, = api.ecs.list_tasks(cluster=cluster)["taskArns"]
    second = api.ecs.update_service(cluster=cluster, service="web", taskDefinition=api.define())["service"]["deployments"][0]["id"]
    api.until_task(cluster, task, "STOPPED")
    answer = explain(task=task)
    assert answer["stopCode"] == "ServiceSchedulerInitiated"
    assert {"what": "REPLACED", "text": "Deployment %s replaces its deployment %s." % (second, first)} in answer["causes"]
    assert "DEPLOYMENT" in [one["what"] for one in answer["causes"]]
    stopped = explain(cluster=cluster, service="web")["stoppedTasks"]
    assert [one["taskArn"] for one in stopped] == [task]


def test_a_task_whose_host_is_silent(api, explain):  # MS-073
    cluster, arn = api.cluster(), api.define()
    agent = api.agent(cluster, runs=False)
    task = api.ecs.run_task(cluster=cluster, taskDefinition=arn)["tasks"][0]["taskArn"]
    api.until(lambda: [one["what"] for one in explain(task=task)["waitsFor"]] == ["NOT_REPORTED"])
    agent.disconnect()
    answer = api.until(lambda: (lambda one: one if one["waitsFor"][0]["what"] == "HOST_SILENT" else None)(explain(task=task)))
    assert answer["containerInstance"]["agentConnected"] is False
    assert "is disconnected since " in answer["waitsFor"][0]["text"]


# ---- who may ask, and what is refused ----

@pytest.mark.parametrize("query, code, text", [
    ({}, "InvalidParameterException", "Ask for one service"),
    ({"service": "a", "task": "b"}, "InvalidParameterException", "Ask for one service"),
    ({"service": ""}, "InvalidParameterException", "service is empty."),
    ({"service": "nobody"}, "ServiceNotFoundException", "Service not found."),
    ({"task": "0" * 32}, "InvalidParameterException", "The referenced task was not found."),
    ({"taskDefinition": "nobody"}, "ClientException", "TaskDefinition not found."),
    ({"name": "nobody"}, "ClientException", "There is no service, task or task definition 'nobody' in cluster "),
    ({"service": "web", "cluster": "nowhere"}, "ClusterNotFoundException", "Cluster not found."),
    ({"service": "web", "color": "red"}, "InvalidParameterException", "There is no parameter 'color'"),
    ({"taskDefinition": "DEF", "count": "0"}, "InvalidParameterException", "count is a number from 1 to 1000"),
    ({"taskDefinition": "DEF", "strategy": "best"}, "InvalidParameterException", "strategy is random"),
    ({"taskDefinition": "DEF", "strategy": "spread:color"}, "InvalidParameterException", "The field of a spread strategy"),
    ({"taskDefinition": "DEF", "constraint": "attribute:"}, "InvalidParameterException", ""),
    ({"taskDefinition": "DEF", "launchType": "MOON"}, "InvalidParameterException", "There is no launch type 'MOON'."),
    ({"taskDefinition": "DEF", "launchType": "FARGATE"}, "InvalidParameterException", "No host here serves as Fargate."),
])
def test_refusals(api, explain, query, code, text):
    query = dict({"cluster": api.cluster()}, **query)
    if query.get("taskDefinition") == "DEF":
        query["taskDefinition"] = api.define()
    with pytest.raises(ApiError) as refused:
        explain(**query)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert text in refused.value.message and refused.value.message.endswith(".")


def test_only_keys_of_the_account_ask(api):
    cluster = api.cluster()
    for key, code in ((None, "MissingAuthenticationTokenException"), (("AKIANOBODY", "x"), "UnrecognizedClientException"),
                      (api.server.create_key(agentCluster=cluster), "AccessDeniedException")):
        with pytest.raises(ApiError) as refused:
            ask(api.server, key, cluster=cluster, service="web")
        assert refused.value.code == code


def test_the_command_tells_what_a_name_is_of(api, berth):
    cluster, family = api.cluster(), api.name("family")
    api.define(family)
    api.agent(cluster)
    assert "The task would be placed." in berth("--cluster", cluster, family)
    assert "The task would be placed." in berth("--cluster", cluster, "--strategy", "binpack:memory", "--count", "1", family + ":1")
    assert json.loads(berth("--cluster", cluster, "--json", family))["placed"] == 1
    assert "There is no service, task or task definition 'nobody'" in berth("--cluster", cluster, "nobody", fails=1)
    berth(fails=2)


def test_a_deployment_that_was_rolled_back_says_so(api, explain, berth):  # API-189 to API-191, SC-341
    check = [{"name": "main", "image": "busybox", "memory": 16, "healthCheck": {"command": ["CMD", "true"]}}]
    cluster, good, bad = api.cluster(), api.define(containerDefinitions=check), api.define(containerDefinitions=check)
    agent = api.agent(cluster, tcs=True)
    api.ecs.create_service(
        cluster=cluster, serviceName="web", taskDefinition=good, desiredCount=1,
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}, "minimumHealthyPercent": 100})
    api.until(lambda: api.service(cluster, "web")["deployments"][0]["rolloutState"] == "COMPLETED")
    agent.runs = False
    failed = api.ecs.update_service(cluster=cluster, service="web", taskDefinition=bad)["service"]["deployments"][0]["id"]
    done, seen = set(), []

    def fail_more():
        for task in api.ecs.list_tasks(cluster=cluster, startedBy=failed)["taskArns"]:
            if task not in done:
                done.add(task)
                agent.wait_payload(task)
                seen.append(explain(cluster=cluster, service="web"))
                agent.submit(task, "STOPPED", reason="CannotPullContainerError: no such image")
        return api.service(cluster, "web")["deployments"][0]["taskDefinition"] == good
    api.until(fail_more)
    assert len(done) == 3
    breaker = seen[-1]["deployments"][0]["serviceDeployment"]["deploymentCircuitBreaker"]
    assert (breaker["status"], breaker["threshold"]) == ("MONITORING", 3)
    answer = explain(cluster=cluster, service="web")
    assert answer["deployments"][0]["serviceDeployment"]["status"] in ("ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL")
    assert answer["deployments"][0]["serviceDeployment"]["rollbackReason"] == (
        "Service deployment rolled back because the circuit breaker threshold was exceeded.")
    assert len(answer["stoppedTasks"]) == 3 and answer["stoppedTasks"][0]["stopCode"] == "TaskFailedToStart"
    causes = explain(task=sorted(done)[0])["causes"]
    assert causes[0]["text"].startswith("CannotPullContainerError")
    assert "tasks failed to start" in [one["text"] for one in causes if one["what"] == "DEPLOYMENT_FAILED"][0]
    assert "rolling back to deployment" in berth("--cluster", cluster, "web")


def test_starts_that_fail_are_throttled(api, explain):  # SC-341, SC-347
    cluster, arn = api.cluster(), api.define()
    agent = api.agent(cluster, runs=False)
    api.ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=arn, desiredCount=1)
    done = set()

    def fail_more():
        for task in api.ecs.list_tasks(cluster=cluster)["taskArns"]:
            if task not in done:
                done.add(task)
                agent.wait_payload(task)
                agent.submit(task, "STOPPED", reason="CannotPullContainerError: no such image")
        return waits(explain(cluster=cluster, service="web"), "START_THROTTLED")
    wait, = api.until(fail_more)
    assert wait["text"].endswith(" starts in a row failed: the next is tried only after a while, which grows up to 15 minutes.")
    assert explain(cluster=cluster, service="web")["nextTryAt"] == wait["until"]


def test_what_waits_for_a_managed_provider(api, explain):  # CL-103, CL-104
    name = api.name("provider")
    api.ecs.create_capacity_provider(name=name, autoScalingGroupProvider={
        "autoScalingGroupArn": "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:1-2-3:autoScalingGroupName/" + name,
        "managedScaling": {"status": "ENABLED"}})
    cluster, arn = api.cluster(capacityProviders=[name]), api.define()
    api.agent(cluster)  # of no provider
    strategy = [{"capacityProvider": name}]
    task = api.ecs.run_task(cluster=cluster, taskDefinition=arn, capacityProviderStrategy=strategy)["tasks"][0]["taskArn"]
    wait, = explain(task=task)["waitsFor"]
    assert wait["what"] == "NO_HOST" and wait["text"].startswith("It waits for a container instance of capacity provider %s. " % name)
    assert (wait["placement"]["hosts"], wait["placement"]["hostsWithRoom"]) == (0, 0)
    assert explain(task=task)["placementExplanation"]
    api.ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=arn, desiredCount=2, capacityProviderStrategy=strategy)
    answer = until_waits(api, explain, "WAITING_FOR_HOST", cluster=cluster, service="web")
    assert waits(answer, "WAITING_FOR_HOST")[0]["tasks"] == 2
    answer = explain(cluster=cluster, taskDefinition=arn, capacityProvider=name)
    assert (answer["placed"], answer["placement"]["hosts"]) == (0, 0)
    assert "no container instances for it" in answer["summary"]  # though the cluster has one
    with pytest.raises(ApiError, match="not associated with the cluster"):  # CL-075
        explain(cluster=api.cluster(), taskDefinition=arn, capacityProvider=name)
