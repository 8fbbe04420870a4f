"""A DAEMON service and a REPLICA one on hosts that come, drain, die and return: each a network namespace with a dockerd of its own."""
import pytest

from harness.hosts import Lan, Machine, each
from harness.program import Server, connected, eventually
from harness.samples import shell

CLUSTER = "fleet"


class Fleet:
    def __init__(self, directory):
        self.lan = Lan()
        self.machines = []
        try:
            self._start(directory)
        except BaseException:
            self.close()
            raise

    def _start(self, directory):
        self.server = Server(directory, listen=self.lan.address + ":0", args=["--instance-lost-after", "1s", "--lead-grace", "1s"]).start()
        self.ecs = self.server.client(self.server.create_key())
        self.ecs.create_cluster(clusterName=CLUSTER)
        self.machines = [Machine(self.lan, directory, name, self.server, CLUSTER) for name in ("a", "b", "c", "d")]
        each(Machine.start, self.machines)
        for one in self.machines[:3]:
            one.agent.start()
        eventually(lambda: len(connected(self.ecs, CLUSTER)) == 3, 60, "three agents connect; logs in %s" % directory)
        watch = shell("while :; do sleep 1000; done", family="watch", healthCheck={"command": ["CMD-SHELL", "true"], "interval": 5})
        arn = self.ecs.register_task_definition(**watch)["taskDefinition"]["taskDefinitionArn"]
        self.ecs.create_service(cluster=CLUSTER, serviceName="each", taskDefinition=arn, schedulingStrategy="DAEMON")
        self.ecs.create_service(cluster=CLUSTER, serviceName="some", taskDefinition=arn, desiredCount=3,
                                placementStrategy=[{"type": "spread", "field": "instanceId"}])
        self.settled(3)

    def tasks(self, service, status="RUNNING"):
        """Those of `status`, by instance."""
        arns = self.ecs.list_tasks(cluster=CLUSTER, serviceName=service, desiredStatus=status)["taskArns"]
        found = self.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else []
        return {t["containerInstanceArn"]: t for t in found if t["lastStatus"] == status}

    def arns(self, service):
        return {instance: task["taskArn"] for instance, task in self.tasks(service).items()}

    def count(self, service):
        return self.ecs.describe_services(cluster=CLUSTER, services=[service])["services"][0]

    def settled(self, daemons):
        """Once there is a daemon on so many instances, and nothing on its way: the ARNs of the daemons."""
        def check():
            for service, count in (("each", daemons), ("some", 3)):
                figures = self.count(service)
                if (figures["desiredCount"], figures["runningCount"], figures["pendingCount"]) != (count, count, 0):
                    return None
            found = self.arns("each")
            return found if len(found) == daemons else None
        return eventually(check, 60, "%d daemons and 3 replicas run" % daemons)

    def instance_of(self, machine):
        """The ARN of the instance whose tasks run on it."""
        running = machine.running()
        return next(instance for instance, arn in self.arns("each").items() if arn in running)

    def describe(self, instance):
        return self.ecs.describe_container_instances(cluster=CLUSTER, containerInstances=[instance])["containerInstances"][0]

    def close(self):
        try:
            for one in self.machines:
                one.agent.close()
            self.server.close()
        finally:
            each(Machine.close, self.machines)
            self.lan.close()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    one = Fleet(tmp_path_factory.mktemp("fleet"))
    yield one
    one.close()


def test_a_host_that_is_added_gets_its_daemon(fleet):
    """SC-127, SC-128: one on each of three hosts; a fourth comes, and those of the others stay what they are."""
    before = fleet.settled(3)
    assert len(set(before)) == 3
    fleet.machines[3].agent.start()
    after = fleet.settled(4)
    assert before.items() <= after.items()
    (new,) = set(after) - set(before)
    assert fleet.instance_of(fleet.machines[3]) == new
    for machine in fleet.machines:
        assert machine.running() & set(after.values()) == {after[fleet.instance_of(machine)]}


def test_a_host_that_drains_loses_its_daemon(fleet):
    """SC-129, SC-179: its daemon stops, its replica is replaced elsewhere, the other daemons are not touched; ACTIVE again, it has
    one again."""
    before = fleet.settled(4)
    machine = fleet.machines[0]
    instance = fleet.instance_of(machine)
    fleet.ecs.update_container_instances_state(cluster=CLUSTER, containerInstances=[instance], status="DRAINING")
    after = fleet.settled(3)
    assert after == {i: arn for i, arn in before.items() if i != instance}
    eventually(lambda: not machine.running(), 60, "nothing runs on the host that drains")
    eventually(lambda: fleet.describe(instance)["runningTasksCount"] == 0, 30)
    assert fleet.describe(instance)["status"] == "DRAINING"
    stopped = fleet.ecs.describe_tasks(cluster=CLUSTER, tasks=[before[instance]])["tasks"][0]
    assert stopped["lastStatus"] == "STOPPED" and stopped["stopCode"] == "ServiceSchedulerInitiated"
    fleet.ecs.update_container_instances_state(cluster=CLUSTER, containerInstances=[instance], status="ACTIVE")
    again = fleet.settled(4)
    assert after.items() <= again.items() and again[instance] != before[instance]


def test_a_host_that_dies_is_lost_and_cleans_up_when_it_returns(fleet):
    """The rules of lost hosts (ARCHITECTURE.md): agent and engine are killed while the containers run on. The tasks are counted lost
    and the replica is replaced elsewhere; once the host is back, the manifest stops what was replaced (AP-241, AP-242), and a daemon is
    started anew."""
    before = fleet.settled(4)
    machine = next(m for m in fleet.machines if fleet.instance_of(m) in fleet.tasks("some"))
    instance = fleet.instance_of(machine)
    replicas = fleet.arns("some")
    lost = {before[instance], replicas[instance]}
    assert machine.running() == lost
    machine.kill()
    eventually(lambda: not fleet.describe(instance)["agentConnected"], 30, "the agent's death is seen")

    def replaced():
        return instance not in fleet.arns("some") and fleet.count("some")["runningCount"] == 3
    eventually(replaced, 60, "the replica of the lost host is replaced")
    name = fleet.describe(instance).get("ec2InstanceId") or instance.split("/")[-1]
    for task in fleet.ecs.describe_tasks(cluster=CLUSTER, tasks=sorted(lost))["tasks"]:
        assert (task["lastStatus"], task["stopCode"]) == ("STOPPED", "TerminationNotice")
        assert task["stoppedReason"] == "Host EC2 (instance %s) stopped/terminated" % name
    others = {i: arn for i, arn in before.items() if i != instance}
    assert fleet.arns("each") == others

    machine.docker.start()
    assert machine.running() == lost  # nobody has told them yet
    machine.agent.start()
    after = fleet.settled(4)
    assert others.items() <= after.items() and after[instance] not in lost
    eventually(lambda: machine.running() == {after[instance]}, 60, "what was replaced is stopped by manifest")
