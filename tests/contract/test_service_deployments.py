"""Service deployments and service revisions (2024 to 2026): spec/07 section 11."""
import re

import pytest

WEB = {"name": "web", "image": "busybox", "memory": 64, "cpu": 10, "portMappings": [{"containerPort": 80, "name": "http"}],
       "healthCheck": {"command": ["CMD", "true"]}}
HUGE = dict(WEB, memory=10 ** 9)  # no host has room: its deployment stays under way
INVALID = "InvalidParameterException"


@pytest.fixture
def cluster(api):
    return api.cluster()


@pytest.fixture
def huge(api):
    return api.define(containerDefinitions=[HUGE])


def create(api, cluster, definition, name="s", **more):
    return api.raw("CreateService", dict({"cluster": cluster, "serviceName": name, "taskDefinition": definition, "desiredCount": 1}, **more))["service"]


def update(api, cluster, **more):
    return api.raw("UpdateService", dict({"cluster": cluster, "service": "s"}, **more))["service"]


def listed(api, cluster, **more):
    return api.raw("ListServiceDeployments", dict({"cluster": cluster, "service": "s"}, **more))


def described(api, arn):
    answer = api.raw("DescribeServiceDeployments", {"serviceDeploymentArns": [arn]})
    assert answer["failures"] == []
    return answer["serviceDeployments"][0]


def test_what_a_deployment_shows(api, cluster, huge):
    made = create(api, cluster, huge)
    arn = made["currentServiceDeployment"]
    assert re.fullmatch(r"arn:aws:ecs:us-east-1:000000000000:service-deployment/%s/s/\w+" % cluster, arn)
    one = described(api, arn)
    assert one["serviceDeploymentArn"] == arn and one["serviceArn"] == made["serviceArn"] and one["clusterArn"] == made["clusterArn"]
    assert one["status"] == "IN_PROGRESS" and one["sourceServiceRevisions"] == []
    assert one["targetServiceRevision"]["arn"] == made["currentServiceRevisions"][0]["arn"]
    assert [one["targetServiceRevision"][c] for c in ("requestedTaskCount", "runningTaskCount", "pendingTaskCount")] == [1, 0, 0]
    assert one["createdAt"] == one["startedAt"] and one["updatedAt"] >= one["createdAt"] and "finishedAt" not in one
    assert one["deploymentConfiguration"]["strategy"] == "ROLLING" and one["deploymentConfiguration"]["maximumPercent"] == 200
    assert one["deploymentCircuitBreaker"] == {"status": "DISABLED", "failureCount": 0, "threshold": 3}
    for absent in ("rollback", "alarms", "lifecycleStage", "stoppedAt"):
        assert absent not in one, absent
    brief, = listed(api, cluster)["serviceDeployments"]
    assert brief == {"serviceDeploymentArn": arn, "serviceArn": made["serviceArn"], "clusterArn": made["clusterArn"], "createdAt": one["createdAt"],
                     "startedAt": one["startedAt"], "status": "IN_PROGRESS", "targetServiceRevisionArn": one["targetServiceRevision"]["arn"]}


def test_what_may_roll_it_back(api, cluster, huge):
    """API-143: the breaker and the alarms it was begun with."""
    made = create(api, cluster, huge, desiredCount=11, deploymentConfiguration={
        "deploymentCircuitBreaker": {"enable": True, "rollback": True}, "alarms": {"alarmNames": ["a", "b"], "enable": True, "rollback": False}})
    one = described(api, made["currentServiceDeployment"])
    assert one["deploymentCircuitBreaker"] == {"status": "MONITORING", "failureCount": 0, "threshold": 6}
    assert one["alarms"] == {"status": "MONITORING", "alarmNames": ["a", "b"], "triggeredAlarmNames": []}


def test_a_deployment_that_shifts_traffic(api, cluster, huge):
    """Where it is, what the target has of the traffic."""
    made = create(api, cluster, huge, deploymentConfiguration={"strategy": "CANARY", "lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": [
        "POST_SCALE_UP"], "timeoutConfiguration": {"timeoutInMinutes": 5, "action": "CONTINUE"}}]})
    one = described(api, made["currentServiceDeployment"])
    assert one["lifecycleStage"] == "RECONCILE_SERVICE" and one["deploymentConfiguration"]["strategy"] == "CANARY"
    assert one["deploymentConfiguration"]["canaryConfiguration"] == {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10}
    assert one["deploymentConfiguration"]["lifecycleHooks"][0]["timeoutConfiguration"] == {"timeoutInMinutes": 5, "action": "CONTINUE"}
    assert one["targetServiceRevision"]["requestedProductionTrafficWeight"] == 0


def test_one_follows_another(api, cluster, huge):
    """Newest first; the one before stops; what ran is the source."""
    first = create(api, cluster, huge)
    second = update(api, cluster, forceNewDeployment=True)
    arns = [d["serviceDeploymentArn"] for d in listed(api, cluster)["serviceDeployments"]]
    assert arns == [second["currentServiceDeployment"], first["currentServiceDeployment"]]
    old = described(api, arns[1])
    assert old["status"] == "STOPPED" and old["statusReason"] and old["stoppedAt"] and old["finishedAt"]
    assert described(api, arns[0])["sourceServiceRevisions"][0]["arn"] == first["currentServiceRevisions"][0]["arn"]


def test_lists(api, cluster, huge, fails):
    """Filters and pages; a token is of its own list (API-059)."""
    create(api, cluster, huge)
    for _ in range(4):
        update(api, cluster, forceNewDeployment=True)
    everything = listed(api, cluster)["serviceDeployments"]
    assert len(everything) == 5
    seen, token = [], None
    while True:
        page = listed(api, cluster, maxResults=2, **({"nextToken": token} if token else {}))
        seen += page["serviceDeployments"]
        token = page.get("nextToken")
        if not token:
            break
    assert seen == everything
    assert len(listed(api, cluster, status=["IN_PROGRESS"])["serviceDeployments"]) == 1
    assert len(listed(api, cluster, status=["STOPPED", "IN_PROGRESS"])["serviceDeployments"]) == 5
    assert listed(api, cluster, status=["SUCCESSFUL"])["serviceDeployments"] == []
    middle = everything[2]["createdAt"]
    after = listed(api, cluster, createdAt={"after": middle})["serviceDeployments"]
    before = listed(api, cluster, createdAt={"before": middle})["serviceDeployments"]
    assert [d["createdAt"] > middle for d in after] == [True] * 2 and [d["createdAt"] < middle for d in before] == [True] * 2
    token = listed(api, cluster, maxResults=2)["nextToken"]
    with fails(INVALID, "Invalid token"):
        listed(api, cluster, maxResults=2, nextToken=token, status=["STOPPED"])
    for more in ({"maxResults": 0}, {"maxResults": 101}, {"status": ["GONE"]}):
        with fails(INVALID):
            listed(api, cluster, **more)
    with fails("ServiceNotFoundException", "Service not found."):
        listed(api, cluster, service="nobody")
    with fails("ClusterNotFoundException", "Cluster not found."):
        listed(api, "nowhere")


def test_revisions(api, cluster):
    """A revision is what the tasks of a deployment see, and does not change."""
    first = api.define(containerDefinitions=[WEB])
    made = create(api, cluster, first, desiredCount=0, serviceConnectConfiguration={"enabled": False})
    arn = made["currentServiceRevisions"][0]["arn"]
    assert re.fullmatch(r"arn:aws:ecs:us-east-1:000000000000:service-revision/%s/s/\w+" % cluster, arn)
    update(api, cluster, taskDefinition=api.define(containerDefinitions=[WEB]))
    answer = api.raw("DescribeServiceRevisions", {"serviceRevisionArns": [arn, arn[:-1] + "x"]})
    one, = answer["serviceRevisions"]
    assert answer["failures"] == [{"arn": arn[:-1] + "x", "reason": "MISSING"}]
    assert one["serviceRevisionArn"] == arn and one["serviceArn"] == made["serviceArn"] and one["clusterArn"] == made["clusterArn"]
    assert one["taskDefinition"] == first and one["launchType"] == "EC2" and one["createdAt"] == made["createdAt"]
    assert one["containerImages"] == [{"containerName": "web", "image": "busybox"}] and one["guardDutyEnabled"] is False
    assert one["serviceConnectConfiguration"] == {"enabled": False}


def images(api, service):
    arn = service["currentServiceRevisions"][0]["arn"]
    return {i["containerName"]: i for i in api.raw("DescribeServiceRevisions", {"serviceRevisionArns": [arn]})["serviceRevisions"][0]["containerImages"]}


def test_a_deployment_keeps_to_one_version_of_an_image(own_api):
    """versionConsistency: what the first task tells is pinned, shown, and told to all that follow, also after kills and on a rollback."""
    api, cluster = own_api, own_api.cluster()
    first, second, third = ("sha256:" + digit * 64 for digit in "123")
    web = dict(WEB, image="registry:5000/web:1")
    floats = {"name": "floats", "image": "side:latest", "memory": 8, "versionConsistency": "disabled"}
    named = {"name": "named", "image": "exact@" + third, "memory": 8}
    definition = api.raw("RegisterTaskDefinition", {"family": "pins", "containerDefinitions": [web, floats, named]})["taskDefinition"]["taskDefinitionArn"]
    agent = api.agent(cluster, runs=False, tcs=True)
    told = {}

    def next_task():
        """The images that the next task is told, by container."""
        def one():
            with agent.heard:
                return next((t for m in agent.messages if m["type"] == "PayloadMessage" for t in m["message"]["tasks"]
                             if t["arn"] not in told and t["desiredStatus"] == "RUNNING"), None)
        task = api.until(one, "a task is told")
        told[task["arn"]] = {c["name"]: c["image"] for c in task["containers"]}
        return task["arn"], told[task["arn"]]

    def report(task, digest, status="PENDING"):
        agent.submit(task, status, [{"containerName": n, "status": status, "imageDigest": digest} for n in told[task]])

    made = create(api, cluster, definition)
    task, asked = next_task()
    assert asked == {"web": web["image"], "floats": "side:latest", "named": "exact@" + third}
    assert images(api, made)["named"] == {"containerName": "named", "image": "exact@" + third, "imageDigest": third}
    assert "imageDigest" not in images(api, made)["web"]
    report(task, "not a digest")
    assert "imageDigest" not in images(api, made)["web"]
    report(task, first)
    api.server.kill()
    api.server.start()
    agent.disconnect()
    agent.connect(tcs=True)
    known = images(api, made)
    assert known["web"] == {"containerName": "web", "image": web["image"], "imageDigest": first}
    assert "imageDigest" not in known["floats"] and known["named"]["imageDigest"] == third

    update(api, cluster, desiredCount=2)  # no new deployment: the same version
    task2, asked = next_task()
    assert asked == {"web": "%s@%s" % (web["image"], first), "floats": "side:latest", "named": "exact@" + third}
    report(task2, second, "RUNNING")  # what is pinned stays
    report(task, first, "RUNNING")
    assert images(api, made)["web"]["imageDigest"] == first
    assert next(c for c in api.task(cluster, task2)["containers"] if c["name"] == "web")["image"] == web["image"]
    agent.publish_health(task, web="HEALTHY")
    agent.publish_health(task2, web="HEALTHY")
    api.until(lambda: described(api, made["currentServiceDeployment"])["status"] == "SUCCESSFUL", "the first deployment completes")

    again = update(api, cluster, forceNewDeployment=True)  # a new one asks anew
    arn = next(d for d in listed(api, cluster)["serviceDeployments"] if d["status"] in ("PENDING", "IN_PROGRESS"))["serviceDeploymentArn"]
    task3, asked = next_task()
    assert asked["web"] == web["image"]
    report(task3, second)
    revision = described(api, arn)["targetServiceRevision"]["arn"]
    assert images(api, {"currentServiceRevisions": [{"arn": revision}]})["web"]["imageDigest"] == second
    assert again["taskDefinition"] == definition

    api.raw("StopServiceDeployment", {"serviceDeploymentArn": arn})  # back to what ran before
    for one in (task, task2):
        agent.submit(one, "STOPPED", [{"containerName": n, "status": "STOPPED", "exitCode": 1} for n in told[one]])
    asked = next_task()[1]
    while asked["web"] in (web["image"], "%s@%s" % (web["image"], second)):  # had begun before the stop
        asked = next_task()[1]
    assert asked["web"] == "%s@%s" % (web["image"], first)


def test_what_cannot_be_described(api, cluster, huge, fails):
    made = create(api, cluster, huge)
    arn = made["currentServiceDeployment"]
    answer = api.raw("DescribeServiceDeployments", {"serviceDeploymentArns": [arn, arn.replace("/s/", "/other/"), arn.replace(cluster, "nowhere")]})
    assert len(answer["serviceDeployments"]) == 1 and [f["reason"] for f in answer["failures"]] == ["MISSING", "MISSING"]
    for operation, member in (("DescribeServiceDeployments", "serviceDeploymentArns"), ("DescribeServiceRevisions", "serviceRevisionArns")):
        for arns in ([], ["s"], [made["serviceArn"]], [arn] * 21):
            with fails(INVALID):
                api.raw(operation, {member: arns})
    with fails(INVALID, "~Identifier is for 111111111111"):
        api.raw("DescribeServiceDeployments", {"serviceDeploymentArns": [arn.replace("000000000000", "111111111111")]})


def test_stop(api, cluster, huge, fails):
    """ABORT stops it where it is; what has ended, or has nothing before it, cannot be stopped so."""
    made = create(api, cluster, huge)
    arn = made["currentServiceDeployment"]
    with fails("ConflictException", "~no service revision before it"):
        api.raw("StopServiceDeployment", {"serviceDeploymentArn": arn})
    assert api.raw("StopServiceDeployment", {"serviceDeploymentArn": arn, "stopType": "ABORT"}) == {"serviceDeploymentArn": arn}
    api.until(lambda: described(api, arn)["status"] == "STOPPED", "the deployment stops")
    with fails("ConflictException"):
        api.raw("StopServiceDeployment", {"serviceDeploymentArn": arn, "stopType": "ABORT"})
    with fails("ServiceDeploymentNotFoundException", "Service deployment not found."):
        api.raw("StopServiceDeployment", {"serviceDeploymentArn": arn[:-1] + "x"})
    with fails(INVALID):
        api.raw("StopServiceDeployment", {"serviceDeploymentArn": "s"})
    with fails(INVALID):
        api.raw("StopServiceDeployment", {"serviceDeploymentArn": arn, "stopType": "PERHAPS"})


def test_stop_and_go_back(api, cluster, huge):
    """ROLLBACK, the default: the revision that completed last is PRIMARY again (API-191)."""
    api.agent(cluster)
    made = create(api, cluster, api.define(containerDefinitions=[WEB]), desiredCount=0)
    api.until(lambda: described(api, made["currentServiceDeployment"])["status"] == "SUCCESSFUL", "the first deployment completes")
    arn = update(api, cluster, taskDefinition=huge, desiredCount=1)["currentServiceDeployment"]
    api.raw("StopServiceDeployment", {"serviceDeploymentArn": arn})
    one = api.until(lambda: (lambda d: d if d["status"].startswith("ROLLBACK_") and "rollback" in d else None)(described(api, arn)), "a rollback")
    assert one["rollback"]["serviceRevisionArn"] == made["currentServiceRevisions"][0]["arn"] and one["rollback"]["reason"]
    service = api.service(cluster, "s")
    assert service["taskDefinition"] == made["taskDefinition"]


def test_a_name_used_again_has_no_past(api, cluster, huge):
    """API-043: another service under the name of one that ended."""
    first = create(api, cluster, huge)
    api.raw("DeleteService", {"cluster": cluster, "service": "s", "force": True})
    api.until(lambda: api.service(cluster, "s")["status"] == "INACTIVE")
    second = create(api, cluster, huge)
    assert [d["serviceDeploymentArn"] for d in listed(api, cluster)["serviceDeployments"]] == [second["currentServiceDeployment"]]
    answer = api.raw("DescribeServiceDeployments", {"serviceDeploymentArns": [first["currentServiceDeployment"]]})
    assert answer["failures"][0]["reason"] == "MISSING"
