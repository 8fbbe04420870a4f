"""Deployments of a web service that is in use: nginx on a real engine, behind a plain TCP balancer that follows the events."""
import re

import pytest

from harness.balancer import Balancer, Load
from harness.events import Reader
from harness.images import nginx_image
from harness.program import ECS_TARGET, Agent, Server, call, connected, eventually

IMAGE = "berth-test-nginx:1"
PAGE = "wget -q -O /dev/null http://127.0.0.1/"
COUNT = 4


def percents(least, most):
    return {"minimumHealthyPercent": least, "maximumPercent": most, "deploymentCircuitBreaker": {"enable": True, "rollback": True}}


class Site:
    """Four nginx behind a balancer, and clients that do not stop asking."""

    def __init__(self, directory, docker):
        nginx_image(docker, IMAGE)
        self.server = Server(directory).start()
        self.key = self.server.create_key()
        self.ecs = self.server.client(self.key)
        self.ecs.create_cluster(clusterName="site")
        self.agent = Agent(directory, self.server.url, self.server.create_key(agentCluster="site"), docker.host, "site").start()
        self.docker = docker
        eventually(lambda: connected(self.ecs, "site"), 60, "the agent connects; log in " + self.agent.log)
        self.balancer = Balancer(directory, self.server, self.key, "service:web")
        self.ecs.create_service(cluster="site", serviceName="web", taskDefinition=self.define("one"), desiredCount=COUNT,
                                deploymentConfiguration=percents(100, 150))
        self.completed()
        self.balancer.wait_for(self.tasks())
        self.load = Load(self.balancer.port)

    def define(self, greeting, **container):
        """Slow to start, and to end: it answers on for three seconds."""
        return self.ecs.register_task_definition(family="web", networkMode="bridge", containerDefinitions=[dict({
            "name": "web", "image": IMAGE, "cpu": 16, "memory": 64, "portMappings": [{"containerPort": 80}],
            "healthCheck": {"command": ["CMD-SHELL", PAGE], "interval": 5, "timeout": 4, "retries": 3, "startPeriod": 10},
            "environment": [{"name": "GREETING", "value": greeting}, {"name": "SLOW_START", "value": "2"}, {"name": "LINGER", "value": "3"}],
        }, **container)])["taskDefinition"]["taskDefinitionArn"]

    def call(self, operation, **request):
        """What boto3 may be too old for."""
        return call(self.server.url, self.key, "%s.%s" % (ECS_TARGET, operation), request)

    def service(self):
        return self.ecs.describe_services(cluster="site", services=["web"])["services"][0]

    def messages(self):
        """Oldest first."""
        return [e["message"] for e in reversed(self.service()["events"])]

    def completed(self):
        """The only deployment, once it is COMPLETED."""
        def check():
            deployments = self.service()["deployments"]
            return deployments[0] if len(deployments) == 1 and deployments[0]["rolloutState"] == "COMPLETED" else None
        return eventually(check, 120, "the deployment completes")

    def tasks(self, **kwargs):
        return self.ecs.list_tasks(cluster="site", serviceName="web", **kwargs)["taskArns"]

    def describe(self, arns):
        return self.ecs.describe_tasks(cluster="site", tasks=arns)["tasks"]

    def close(self):
        self.load.close()
        self.balancer.close()
        self.agent.close()
        self.server.close()
        self.docker.remove_task_containers("site")


@pytest.fixture(scope="module")
def site(tmp_path_factory, docker):
    one = Site(tmp_path_factory.mktemp("site"), docker)
    yield one
    one.close()


def test_no_request_fails_while_a_service_is_updated(site):
    """SC-190 to SC-194, SC-200, SC-178: four tasks at 100% and 150% are replaced two at a time, and no client notices."""
    old = site.tasks()
    asked = site.load.asked()
    deployment = site.ecs.update_service(cluster="site", service="web", taskDefinition=site.define("two"))["service"]["deployments"][0]
    most = 0

    def done():
        nonlocal most
        service = site.service()
        most = max(most, service["runningCount"] + service["pendingCount"])
        return len(service["deployments"]) == 1 and service["deployments"][0]["rolloutState"] == "COMPLETED"
    eventually(done, 120, "the deployment completes")
    new = site.tasks()
    site.balancer.wait_for(new)
    assert not set(new) & set(old) and len(new) == COUNT
    assert most == 6
    stopped = site.describe(old)
    eventually(lambda: {t["lastStatus"] for t in site.describe(old)} == {"STOPPED"}, 60)
    assert {t["stoppedReason"] for t in stopped} == {"Scaling activity initiated by (deployment %s)" % deployment["id"]}  # SC-208
    assert [c["exitCode"] for t in site.describe(old) for c in t["containers"]] == [0] * COUNT  # each finished what it had
    assert site.load.failures == []
    assert site.load.asked() - asked > 100
    assert {word for _, word in site.load.answers} == {"one", "two"}


def test_a_bad_image_is_rolled_back(site):
    """API-189 to API-191, MS-104: four tasks fail to start, the breaker opens, and what ran serves on; who reads events, deployments
    and service deployments is told so in ECS's words."""
    before = site.completed()
    serving = set(site.tasks())
    heard = len(site.messages())
    feed = Reader(site.server.url, site.key, detail_type="ECS Deployment State Change")
    bad = site.define("three", image="127.0.0.1:9/there-is-no-such-registry:1")
    failed = site.ecs.update_service(cluster="site", service="web", taskDefinition=bad,
                                     deploymentConfiguration=percents(100, 200))["service"]["deployments"][0]
    assert (failed["status"], failed["rolloutState"]) == ("PRIMARY", "IN_PROGRESS")
    assert failed["rolloutStateReason"] == "ECS deployment %s in progress." % failed["id"]
    events = [event for _, event in feed.until(lambda event: event["detail"]["eventName"] == "SERVICE_DEPLOYMENT_COMPLETED")]
    feed.close()
    restored = site.completed()

    # The tasks: each says why it did not start.
    stopped = [t for t in site.describe(site.tasks(desiredStatus="STOPPED")) if t["startedBy"] == failed["id"]]
    assert len(stopped) >= 3
    unstarted = [t for t in stopped if t["stopCode"] == "TaskFailedToStart"]
    assert len(unstarted) >= 3 and {t["stoppedReason"] for t in unstarted} == {"Task failed to start"}
    assert all(re.match(r"CannotPullContainerError: Error response from daemon: .*127\.0\.0\.1:9.*refused", t["containers"][0]["reason"])
               for t in unstarted), unstarted
    assert set(site.tasks()) == serving

    # The deployments: what was before is PRIMARY again, from the definition of before.
    assert restored["status"] == "PRIMARY" and restored["taskDefinition"] == before["taskDefinition"]
    assert restored["rolloutStateReason"] == "ECS deployment %s completed." % restored["id"]
    assert (restored["runningCount"], restored["pendingCount"], restored["failedTasks"]) == (COUNT, 0, 0)
    service = site.service()
    assert service["taskDefinition"] == before["taskDefinition"]

    # The service's events, in this order.
    messages = site.messages()[heard:]
    told = ["(service web) (deployment %s) deployment failed: tasks failed to start." % failed["id"],
            "(service web) rolling back to deployment %s." % restored["id"],
            "(service web) (deployment %s) deployment completed." % restored["id"],
            "(service web) has reached a steady state."]
    assert [m for m in messages if m in told] == told, messages
    others = [m for m in messages if m not in told + ["(service web) is unable to consistently start tasks successfully."]]  # SC-342
    for message in others:
        assert re.fullmatch(r"\(service web\) has (started \d|stopped \d running) tasks: \(task [0-9a-f]{32}\)( \(task [0-9a-f]{32}\))*\.",
                            message), message

    # The events of the deployments.
    assert [(e["detail"]["eventType"], e["detail"]["eventName"], e["detail"]["deploymentId"], e["detail"]["reason"]) for e in events] == [
        ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS", failed["id"], "ECS deployment %s in progress." % failed["id"]),
        ("ERROR", "SERVICE_DEPLOYMENT_FAILED", failed["id"], "ECS deployment circuit breaker: tasks failed to start."),
        ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS", restored["id"],
         "ECS deployment circuit breaker: rolling back to deploymentId %s." % restored["id"]),
        ("INFO", "SERVICE_DEPLOYMENT_COMPLETED", restored["id"], "ECS deployment %s completed." % restored["id"])]
    assert {resource for e in events for resource in e["resources"]} == {service["serviceArn"]}

    # The service deployment (2024).
    brief = site.call("ListServiceDeployments", service="web", cluster="site")["serviceDeployments"][0]
    one = site.call("DescribeServiceDeployments", serviceDeploymentArns=[brief["serviceDeploymentArn"]])["serviceDeployments"][0]
    assert one["status"] == "ROLLBACK_SUCCESSFUL"
    assert one["statusReason"] == one["rollback"]["reason"] == \
        "Service deployment rolled back because the circuit breaker threshold was exceeded."
    breaker = one["deploymentCircuitBreaker"]
    assert (breaker["status"], breaker["threshold"]) == ("TRIGGERED", 3) and breaker["failureCount"] >= 3
    assert site.load.failures == []
