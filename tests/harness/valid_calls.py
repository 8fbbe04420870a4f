"""For every operation that berth serves, requests that are right, together with every member a request can have.

Each is a function of a World and makes a new request whenever it is called: what it needs is there and what it names is free.
"""
import functools
import itertools
import time
import uuid

from . import api_model
from .fake_agent import CAPABILITIES, FakeAgent, resources
from .program import eventually

ROLE = "arn:aws:iam::000000000000:role/app"
TARGETS = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/t/6d0ecf831eec9f09"
TARGETS_2 = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/u/6d0ecf831eec9f10"
LISTENER_RULE = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/lb/50dc6c495c0c9188/f2f7dc8efc522ab2/9683b2d02a6cabee"
REGISTRY = "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-utcrh6wavdkggqtk"
LAMBDA = "arn:aws:lambda:us-east-1:000000000000:function:hook"
KMS = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ASG = "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:%s:autoScalingGroupName/%s"
TAGS = [{"key": "team", "value": "web"}]
SUBNETS = {"awsvpcConfiguration": {"subnets": ["subnet-12344321"], "securityGroups": ["sg-12344321"], "assignPublicIp": "DISABLED"}}
PUBLIC = {"awsvpcConfiguration": {"subnets": ["subnet-12344321"], "securityGroups": ["sg-12344321"], "assignPublicIp": "ENABLED"}}
LOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"},
        "secretOptions": [{"name": "token", "valueFrom": "arn:aws:ssm:us-east-1:000000000000:parameter/token"}]}
HEALTH = {"command": ["CMD-SHELL", "true"], "interval": 10, "timeout": 3, "retries": 2, "startPeriod": 20}


def container(name="main", **more):
    return dict({"name": name, "image": "busybox", "memory": 16, "cpu": 10}, **more)


SERVER_ARGS = ["--agent-update", "1.106.0,https://updates.example/agent.tar," + "0123456789abcdef" * 4]


class World:
    """A server, begun with SERVER_ARGS, with something of everything in it."""

    def __init__(self, server, wire):
        self.server, self.wire = server, wire
        self.numbers = itertools.count(1)
        self.agents = []
        self.cluster = self.name("main")
        self.call("CreateCluster", clusterName=self.cluster, settings=[{"name": "containerInsights", "value": "enabled"}], tags=TAGS)
        self.agent = self.host(self.cluster)
        self.instance = self.agent.arn
        self.agent_wire = type(wire)(wire.url, self.agent.key)
        self.plain = self.define()

    # -- what a request may name --

    def name(self, stem="n"):
        return "%s-%d" % (stem, next(self.numbers))

    def call(self, operation, **body):
        return self.wire.call(operation, **body)

    def send(self, operation, body):
        """As the caller this operation is for: agents have keys of their own, each good for one instance."""
        if operation == "RegisterContainerInstance" and isinstance(body, dict) and body.get("containerInstanceArn") is None:
            return self.as_new_agent(lambda wire: wire.send(operation, body))
        return (self.agent_wire if api_model.SOURCE["operations"][operation].get("agentOnly") else self.wire).send(operation, body)

    def as_new_agent(self, do):
        wire = type(self.wire)(self.wire.url, self.server.create_key(agentCluster=self.cluster))
        try:
            return do(wire)
        finally:
            wire.close()

    def host(self, cluster, **registration):
        one = FakeAgent(self.server.url, self.server.create_key(agentCluster=cluster), cluster)
        self.agents.append(one)
        one.register(totalResources=resources(10 ** 6, 10 ** 6) + [{"name": "GPU", "type": "STRINGSET", "stringSetValue": ["g1", "g2"]}],
                     attributes=CAPABILITIES + [{"name": "ecs.capability.task-eni"}, {"name": "ecs.capability.storage.ebs-task-volume-attach"}],
                     **registration)
        return one.connect()

    def define(self, family=None, **more):
        body = dict({"family": family or self.name("family"), "containerDefinitions": [container()]}, **more)
        return self.call("RegisterTaskDefinition", **body)["taskDefinition"]["taskDefinitionArn"]

    @functools.cached_property
    def web(self):
        return self.define(taskRoleArn=ROLE, executionRoleArn=ROLE, memory="128", containerDefinitions=[
            container("web", portMappings=[{"containerPort": 80, "name": "http", "appProtocol": "http"}])])

    @functools.cached_property
    def awsvpc(self):
        return self.define(networkMode="awsvpc", taskRoleArn=ROLE, memory="128", containerDefinitions=[
            container("web", portMappings=[{"containerPort": 80, "name": "http"}])])

    @functools.cached_property
    def fargate(self):
        return self.define(
            networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512", taskRoleArn=ROLE, executionRoleArn=ROLE,
            containerDefinitions=[{"name": "web", "image": "busybox", "portMappings": [{"containerPort": 80, "name": "http"}]}])

    @functools.cached_property
    def disk(self):
        return self.define(volumes=[{"name": "disk", "configuredAtLaunch": True}], containerDefinitions=[
            container("web", mountPoints=[{"sourceVolume": "disk", "containerPath": "/disk"}])])

    @functools.cached_property
    def namespace(self):
        """Naming one for a cluster makes it (API-214)."""
        self.call("UpdateCluster", cluster=self.cluster, serviceConnectDefaults={"namespace": "mesh"})
        return "mesh"

    def new_cluster(self, **more):
        name = self.name("cluster")
        self.call("CreateCluster", clusterName=name, **more)
        return name

    def new_task(self):
        answer = self.call("RunTask", cluster=self.cluster, taskDefinition=self.plain)
        return answer["tasks"][0]["taskArn"]

    def running(self, task):
        eventually(lambda: self.call("DescribeTasks", cluster=self.cluster, tasks=[task])["tasks"][0]["lastStatus"] == "RUNNING", 20, task)
        return task

    @functools.cached_property
    def running_task(self):
        """One that stays."""
        return self.running(self.new_task())

    @functools.cached_property
    def service_task(self):
        """A running task of a service."""
        name = self.new_service(desiredCount=1)
        tasks = eventually(lambda: self.call("ListTasks", cluster=self.cluster, serviceName=name)["taskArns"], 20)
        return self.running(tasks[0])

    def new_service(self, **more):
        name = self.name("service")
        body = {"cluster": self.cluster, "serviceName": name, "taskDefinition": self.plain, "desiredCount": 0}
        body.update(more)
        self.call("CreateService", **{k: v for k, v in body.items() if v is not None})
        return name

    def external_service(self):
        return self.new_service(deploymentController={"type": "EXTERNAL"}, taskDefinition=None)

    def task_set(self, **more):
        """Service and task set, of its own."""
        service = self.external_service()
        made = self.call("CreateTaskSet", cluster=self.cluster, service=service, taskDefinition=self.plain, **more)
        return {"cluster": self.cluster, "service": service, "taskSet": made["taskSet"]["id"]}

    @functools.cached_property
    def provider(self):
        """A capacity provider that the main cluster has."""
        name = self.new_provider()
        self.call("PutClusterCapacityProviders", cluster=self.cluster, capacityProviders=[name, "FARGATE", "FARGATE_SPOT"],
                  defaultCapacityProviderStrategy=[])
        return name

    def new_provider(self, **more):
        name = self.name("provider")
        self.call("CreateCapacityProvider", name=name, autoScalingGroupProvider={"autoScalingGroupArn": ASG % (uuid.uuid4(), name)}, **more)
        return name

    def new_instance(self):
        registered = self.as_new_agent(lambda wire: wire.call(
            "RegisterContainerInstance", cluster=self.cluster, totalResources=resources(1024, 1024)))
        return registered["containerInstance"]["containerInstanceArn"]

    def deployment(self):
        """A service deployment that is under way."""
        name = self.new_service(desiredCount=1, taskDefinition=self.define(containerDefinitions=[container("web", memory=10 ** 9)]))
        return self.call("ListServiceDeployments", cluster=self.cluster, service=name)["serviceDeployments"][0]["serviceDeploymentArn"]

    def revision(self):
        name = self.new_service()
        service = self.call("DescribeServices", cluster=self.cluster, services=[name])["services"][0]
        return service["currentServiceRevisions"][0]["arn"]

    def close(self):
        for one in self.agents:
            one.close()
        self.agent_wire.close()


VALID = {}


def valid(operation, why):
    """Registers a request of an operation under what is particular about it."""
    def keep(make):
        VALID.setdefault(operation, {})[why] = make
        return make
    return keep


# ---- clusters ----

def cluster_configuration(logging="OVERRIDE"):
    return {"executeCommandConfiguration": {
        "kmsKeyId": KMS, "logging": logging, "logConfiguration": {
            "cloudWatchLogGroupName": "exec", "cloudWatchEncryptionEnabled": True, "s3BucketName": "bucket", "s3EncryptionEnabled": True,
            "s3KeyPrefix": "exec/"}},
        "managedStorageConfiguration": {"kmsKeyId": KMS, "fargateEphemeralStorageKmsKeyId": KMS}}


valid("CreateCluster", "every member")(lambda w: {
    "clusterName": w.name("cluster"), "tags": TAGS, "settings": [{"name": "containerInsights", "value": "enhanced"}],
    "configuration": cluster_configuration(), "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
    "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1, "base": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 4}],
    "serviceConnectDefaults": {"namespace": w.name("space")}})
valid("UpdateCluster", "every member")(lambda w: {
    "cluster": w.new_cluster(), "settings": [{"name": "containerInsights", "value": "disabled"}], "configuration": cluster_configuration(),
    "serviceConnectDefaults": {"namespace": w.name("space")}})
valid("UpdateClusterSettings", "every member")(lambda w: {
    "cluster": w.new_cluster(), "settings": [{"name": "containerInsights", "value": "enabled"}]})
valid("DeleteCluster", "every member")(lambda w: {"cluster": w.new_cluster()})
valid("DescribeClusters", "every member")(lambda w: {
    "clusters": [w.cluster, "nobody"], "include": ["ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "STATISTICS", "TAGS"]})
valid("ListClusters", "a page")(lambda w: {"maxResults": 1})
valid("ListClusters", "the next page")(lambda w: w.new_cluster() and {"nextToken": w.call("ListClusters", maxResults=1)["nextToken"]})
valid("PutClusterCapacityProviders", "every member")(lambda w: {
    "cluster": w.new_cluster(), "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
    "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 2}]})
valid("PutClusterCapacityProviders", "none")(lambda w: {
    "cluster": w.new_cluster(), "capacityProviders": [], "defaultCapacityProviderStrategy": []})

# ---- capacity providers ----

SCALING = {"status": "ENABLED", "targetCapacity": 90, "minimumScalingStepSize": 1, "maximumScalingStepSize": 10, "instanceWarmupPeriod": 60}


@valid("CreateCapacityProvider", "an Auto Scaling group's")
def create_capacity_provider(w):
    name = w.name("provider")
    return {"name": name, "tags": TAGS, "autoScalingGroupProvider": {
        "autoScalingGroupArn": ASG % (uuid.uuid4(), name), "managedScaling": SCALING, "managedTerminationProtection": "ENABLED",
        "managedDraining": "ENABLED"}}


valid("UpdateCapacityProvider", "an Auto Scaling group's")(lambda w: {"name": w.new_provider(), "autoScalingGroupProvider": {
    "managedScaling": SCALING, "managedTerminationProtection": "ENABLED", "managedDraining": "DISABLED"}})
valid("DeleteCapacityProvider", "every member")(lambda w: {"capacityProvider": w.new_provider()})
valid("DescribeCapacityProviders", "by name")(lambda w: {"capacityProviders": [w.provider, "nobody", "FARGATE"], "include": ["TAGS"]})
valid("DescribeCapacityProviders", "a page")(lambda w: {"maxResults": 1})
valid("DescribeCapacityProviders", "the next page")(lambda w: {"nextToken": w.call("DescribeCapacityProviders", maxResults=1)["nextToken"]})

# ---- task definitions ----

valid("RegisterTaskDefinition", "EC2, bridge")(lambda w: {
    "family": w.name("family"), "taskRoleArn": ROLE, "executionRoleArn": ROLE, "networkMode": "bridge", "cpu": "1024", "memory": "2048",
    "pidMode": "task", "ipcMode": "none", "requiresCompatibilities": ["EC2"], "tags": TAGS, "enableFaultInjection": False,
    "placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
    "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
    "containerDefinitions": [
        container(
            "app", image="registry.example:5000/team/app:1", memory=300, memoryReservation=128, cpu=128,
            repositoryCredentials={"credentialsParameter": "arn:aws:secretsmanager:us-east-1:000000000000:secret:pull-a"},
            links=["db:database"], essential=True, entryPoint=["/bin/sh", "-c"], command=["exec app"],
            portMappings=[{"containerPort": 80, "hostPort": 8080, "protocol": "tcp", "name": "web", "appProtocol": "http"},
                          {"containerPortRange": "9000-9010", "protocol": "tcp"}],
            restartPolicy={"enabled": True, "ignoredExitCodes": [0, 7], "restartAttemptPeriod": 120},
            environment=[{"name": "A", "value": "1"}], environmentFiles=[{"value": "arn:aws:s3:::bucket/a.env", "type": "s3"}],
            mountPoints=[{"sourceVolume": "host", "containerPath": "/host", "readOnly": True}],
            volumesFrom=[{"sourceContainer": "db", "readOnly": True}],
            linuxParameters={
                "capabilities": {"add": ["SYS_PTRACE"], "drop": ["ALL"]},
                "devices": [{"hostPath": "/dev/null", "containerPath": "/dev/nothing", "permissions": ["read", "write", "mknod"]}],
                "initProcessEnabled": True, "sharedMemorySize": 64, "maxSwap": 128, "swappiness": 10,
                "tmpfs": [{"containerPath": "/run", "size": 8, "mountOptions": ["noexec"]}]},
            secrets=[{"name": "PASSWORD", "valueFrom": "arn:aws:ssm:us-east-1:000000000000:parameter/p"}],
            dependsOn=[{"containerName": "db", "condition": "HEALTHY"}], startTimeout=60, stopTimeout=90, versionConsistency="enabled",
            hostname="app", user="1000", workingDirectory="/srv", privileged=False, readonlyRootFilesystem=True,
            dnsServers=["10.0.0.2"], dnsSearchDomains=["example.internal"], extraHosts=[{"hostname": "other", "ipAddress": "10.0.0.9"}],
            dockerSecurityOptions=["no-new-privileges"], interactive=True, pseudoTerminal=True, dockerLabels={"tier": "front"},
            ulimits=[{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}], logConfiguration=LOGS, healthCheck=HEALTH,
            systemControls=[{"namespace": "net.core.somaxconn", "value": "1024"}], resourceRequirements=[{"type": "GPU", "value": "1"}]),
        container("db", essential=False, healthCheck=HEALTH)],
    "volumes": [
        {"name": "host", "host": {"sourcePath": "/srv/data"}},
        {"name": "docker", "dockerVolumeConfiguration": {
            "scope": "shared", "autoprovision": True, "driver": "local", "driverOpts": {"type": "tmpfs"}, "labels": {"a": "b"}}},
        {"name": "efs", "efsVolumeConfiguration": {
            "fileSystemId": "fs-12345678", "rootDirectory": "/", "transitEncryption": "ENABLED", "transitEncryptionPort": 2049,
            "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"}}}]})
valid("RegisterTaskDefinition", "Fargate")(lambda w: {
    "family": w.name("family"), "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
    "executionRoleArn": ROLE, "ephemeralStorage": {"sizeInGiB": 100}, "volumes": [{"name": "later", "configuredAtLaunch": True}],
    "containerDefinitions": [{"name": "main", "image": "busybox", "firelensConfiguration": {
        "type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}}}]})
valid("RegisterTaskDefinition", "proxied")(lambda w: {
    "family": w.name("family"), "networkMode": "awsvpc", "containerDefinitions": [container(), container("envoy", user="1337")],
    "proxyConfiguration": {"type": "APPMESH", "containerName": "envoy", "properties": [
        {"name": "IgnoredUID", "value": "1337"}, {"name": "ProxyIngressPort", "value": "15000"},
        {"name": "ProxyEgressPort", "value": "15001"}, {"name": "AppPorts", "value": "80"}]}})
valid("RegisterTaskDefinition", "without a network")(lambda w: {
    "family": w.name("family"), "networkMode": "none", "containerDefinitions": [container(disableNetworking=True)]})
valid("RegisterTaskDefinition", "with an accelerator")(lambda w: {
    "family": w.name("family"), "inferenceAccelerators": [{"deviceName": "device_1", "deviceType": "eia1.medium"}],
    "containerDefinitions": [container(resourceRequirements=[{"type": "InferenceAccelerator", "value": "device_1"}])]})
valid("RegisterTaskDefinition", "credential specs")(lambda w: {
    "family": w.name("family"), "containerDefinitions": [container(credentialSpecs=["credentialspecdomainless:arn:aws:s3:::bucket/spec.json"])]})
valid("RegisterTaskDefinition", "S3 files")(lambda w: {
    "family": w.name("family"), "taskRoleArn": ROLE,
    "containerDefinitions": [container(mountPoints=[{"sourceVolume": "s3", "containerPath": "/s3"}])],
    "volumes": [{"name": "s3", "s3filesVolumeConfiguration": {
        "fileSystemArn": "arn:aws:s3files:us-east-1:000000000000:file-system/fs-1", "rootDirectory": "/", "transitEncryptionPort": 2049,
        "accessPointArn": "arn:aws:s3files:us-east-1:000000000000:file-system/fs-1/access-point/fsap-1"}}]})
valid("RegisterTaskDefinition", "Windows")(lambda w: {
    "family": w.name("family"), "executionRoleArn": ROLE, "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"},
    "containerDefinitions": [container(mountPoints=[{"sourceVolume": "fsx", "containerPath": "C:\\data"}])],
    "volumes": [{"name": "fsx", "fsxWindowsFileServerVolumeConfiguration": {
        "fileSystemId": "fs-1", "rootDirectory": "share", "authorizationConfig": {
            "credentialsParameter": "arn:aws:secretsmanager:us-east-1:000000000000:secret:join", "domain": "example.com"}}}]})
valid("DeregisterTaskDefinition", "every member")(lambda w: {"taskDefinition": w.define()})
valid("DescribeTaskDefinition", "every member")(lambda w: {"taskDefinition": w.plain, "include": ["TAGS"]})
valid("ListTaskDefinitions", "a page")(lambda w: {
    "familyPrefix": w.plain.split("/")[1].split(":")[0], "status": "ACTIVE", "sort": "DESC", "maxResults": 1})
valid("ListTaskDefinitions", "the next page")(lambda w: w.define() and {"nextToken": w.call("ListTaskDefinitions", maxResults=1)["nextToken"]})
valid("ListTaskDefinitionFamilies", "a page")(lambda w: {"familyPrefix": "family", "status": "ACTIVE", "maxResults": 1})
valid("ListTaskDefinitionFamilies", "the next page")(lambda w: w.define() and {
    "nextToken": w.call("ListTaskDefinitionFamilies", maxResults=1)["nextToken"]})


@valid("DeleteTaskDefinitions", "every member")
def delete_task_definitions(w):
    arn = w.define()
    w.call("DeregisterTaskDefinition", taskDefinition=arn)
    return {"taskDefinitions": [arn, w.plain]}


# ---- tasks ----

OVERRIDES = {
    "containerOverrides": [{
        "name": "web", "command": ["true"], "environment": [{"name": "A", "value": "1"}],
        "environmentFiles": [{"value": "arn:aws:s3:::bucket/a.env", "type": "s3"}], "cpu": 20, "memory": 32, "memoryReservation": 16,
        "resourceRequirements": [{"type": "GPU", "value": "1"}]}],
    "cpu": "256", "memory": "256", "executionRoleArn": ROLE, "taskRoleArn": ROLE}


def launch(w, **more):
    return dict({
        "cluster": w.cluster, "taskDefinition": w.web, "enableECSManagedTags": True, "enableExecuteCommand": True, "group": "batch",
        "overrides": OVERRIDES, "propagateTags": "TASK_DEFINITION", "referenceId": "reference", "startedBy": "me", "tags": TAGS}, **more)


def disks(**more):
    return [{"name": "disk", "managedEBSVolume": dict({
        "encrypted": True, "kmsKeyId": KMS, "volumeType": "gp3", "sizeInGiB": 10, "snapshotId": "snap-12345678", "volumeInitializationRate": 200,
        "iops": 3000, "throughput": 125, "roleArn": ROLE, "filesystemType": "xfs",
        "tagSpecifications": [{"resourceType": "volume", "tags": TAGS, "propagateTags": "TASK_DEFINITION"}]}, **more)}]


valid("RunTask", "EC2")(lambda w: launch(
    w, count=1, launchType="EC2", clientToken=str(uuid.uuid4()), placementConstraints=[{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
    placementStrategy=[{"type": "binpack", "field": "memory"}]))
valid("RunTask", "a network of its own")(lambda w: {"cluster": w.cluster, "taskDefinition": w.awsvpc, "networkConfiguration": SUBNETS})
valid("RunTask", "a strategy")(lambda w: {"cluster": w.cluster, "taskDefinition": w.plain, "capacityProviderStrategy": [
    {"capacityProvider": w.provider, "weight": 1, "base": 1}]})
valid("RunTask", "a disk")(lambda w: {"cluster": w.cluster, "taskDefinition": w.disk, "volumeConfigurations": disks(
    terminationPolicy={"deleteOnTermination": True})})


@valid("RunTask", "an accelerator of another type")
def run_accelerated(w):
    arn = w.define(inferenceAccelerators=[{"deviceName": "device_1", "deviceType": "eia1.medium"}],
                   containerDefinitions=[container(resourceRequirements=[{"type": "InferenceAccelerator", "value": "device_1"}])])
    return {"cluster": w.cluster, "taskDefinition": arn, "overrides": {
        "inferenceAcceleratorOverrides": [{"deviceName": "device_1", "deviceType": "eia1.large"}]}}


valid("StartTask", "EC2")(lambda w: launch(w, containerInstances=[w.instance]))
valid("StartTask", "a network of its own")(lambda w: {
    "cluster": w.cluster, "taskDefinition": w.awsvpc, "containerInstances": [w.instance], "networkConfiguration": SUBNETS})
valid("StartTask", "a disk")(lambda w: {"cluster": w.cluster, "taskDefinition": w.disk, "containerInstances": [w.instance],
                                        "volumeConfigurations": disks(terminationPolicy={"deleteOnTermination": False})})
valid("StartTask", "an accelerator of another type")(lambda w: dict(run_accelerated(w), containerInstances=[w.instance]))
valid("StopTask", "every member")(lambda w: {"cluster": w.cluster, "task": w.new_task(), "reason": "enough"})
valid("DescribeTasks", "every member")(lambda w: {"cluster": w.cluster, "tasks": [w.running_task, "0" * 32], "include": ["TAGS"]})
valid("ListTasks", "of a family")(lambda w: {
    "cluster": w.cluster, "family": "family", "containerInstance": w.instance, "desiredStatus": "RUNNING", "launchType": "EC2", "maxResults": 1})
valid("ListTasks", "of a person")(lambda w: {"cluster": w.cluster, "startedBy": "me"})
valid("ListTasks", "of a service")(lambda w: {"cluster": w.cluster, "serviceName": w.new_service()})


@valid("ListTasks", "the next page")
def list_tasks(w):
    w.running_task, w.service_task
    return {"cluster": w.cluster, "nextToken": w.call("ListTasks", cluster=w.cluster, maxResults=1)["nextToken"]}


valid("UpdateTaskProtection", "every member")(lambda w: {
    "cluster": w.cluster, "tasks": [w.service_task, "0" * 32], "protectionEnabled": True, "expiresInMinutes": 5})
valid("GetTaskProtection", "every member")(lambda w: {"cluster": w.cluster, "tasks": [w.service_task, "0" * 32]})

# ---- services ----

ROLLING = {"maximumPercent": 150, "minimumHealthyPercent": 50, "deploymentCircuitBreaker": {"enable": True, "rollback": True},
           "alarms": {"alarmNames": ["too-slow"], "rollback": True, "enable": True}, "strategy": "ROLLING"}
HOOK = {"targetType": "AWS_LAMBDA", "hookTargetArn": LAMBDA, "roleArn": ROLE, "lifecycleStages": ["PRE_SCALE_UP", "POST_SCALE_UP"],
        "hookDetails": {}, "timeoutConfiguration": {"timeoutInMinutes": 10, "action": "ROLLBACK"}}
ADVANCED = {"alternateTargetGroupArn": TARGETS_2, "productionListenerRule": LISTENER_RULE, "testListenerRule": LISTENER_RULE + "2", "roleArn": ROLE}
TWO_COLOURS = [{"targetGroupArn": TARGETS, "containerName": "web", "containerPort": 80, "advancedConfiguration": ADVANCED}]


def mesh(w):
    return {"enabled": True, "namespace": w.namespace, "services": [{
        "portName": "http", "discoveryName": w.name("found"), "ingressPortOverride": 8443,
        "clientAliases": [{"port": 80, "dnsName": w.name("alias"), "testTrafficRules": {"header": {"name": "x-test", "value": {"exact": "yes"}}}}],
        "timeout": {"idleTimeoutSeconds": 60, "perRequestTimeoutSeconds": 5},
        "tls": {"issuerCertificateAuthority": {"awsPcaAuthorityArn": "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/c"},
                "kmsKey": KMS, "roleArn": ROLE}}],
        "logConfiguration": LOGS, "accessLogConfiguration": {"format": "JSON", "includeQueryParameters": "ENABLED"}}


def service(w, **more):
    return dict({"cluster": w.cluster, "serviceName": w.name("service"), "taskDefinition": w.web, "desiredCount": 0}, **more)


ROUTED = {
    "loadBalancers": [{"targetGroupArn": TARGETS, "containerName": "web", "containerPort": 80}], "healthCheckGracePeriodSeconds": 30,
    "serviceRegistries": [{"registryArn": REGISTRY, "containerName": "web", "containerPort": 80}]}
PLACED = {
    "placementConstraints": [{"type": "distinctInstance"}, {"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
    "placementStrategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "binpack", "field": "memory"}]}
LATTICE = [{"roleArn": ROLE, "targetGroupArn": "arn:aws:vpc-lattice:us-east-1:000000000000:targetgroup/tg-1", "portName": "http"}]

valid("CreateService", "EC2")(lambda w: service(
    w, clientToken=str(uuid.uuid4()), launchType="EC2", deploymentConfiguration=ROLLING, schedulingStrategy="REPLICA",
    deploymentController={"type": "ECS"}, tags=TAGS, enableECSManagedTags=True, propagateTags="SERVICE", enableExecuteCommand=True,
    availabilityZoneRebalancing="DISABLED", **ROUTED, **PLACED))
valid("CreateService", "a role")(lambda w: service(w, loadBalancers=ROUTED["loadBalancers"], role=ROLE))
valid("CreateService", "a classic load balancer")(lambda w: service(
    w, loadBalancers=[{"loadBalancerName": "classic", "containerName": "web", "containerPort": 80}]))
valid("CreateService", "DAEMON")(lambda w: {
    "cluster": w.cluster, "serviceName": w.name("service"), "taskDefinition": w.define(placementConstraints=[
        {"type": "memberOf", "expression": "attribute:nowhere exists"}]), "schedulingStrategy": "DAEMON"})
valid("CreateService", "EXTERNAL controller")(lambda w: {
    "cluster": w.cluster, "serviceName": w.name("service"), "deploymentController": {"type": "EXTERNAL"}})
valid("CreateService", "CODE_DEPLOY controller")(lambda w: service(
    w, deploymentController={"type": "CODE_DEPLOY"}, loadBalancers=ROUTED["loadBalancers"]))
valid("CreateService", "a network of its own")(lambda w: service(
    w, taskDefinition=w.awsvpc, networkConfiguration=SUBNETS, serviceRegistries=[{"registryArn": REGISTRY, "port": 80}]))
valid("CreateService", "Fargate")(lambda w: service(
    w, taskDefinition=w.fargate, launchType="FARGATE", platformVersion="1.4.0", networkConfiguration=PUBLIC))
valid("CreateService", "a strategy")(lambda w: service(w, capacityProviderStrategy=[{"capacityProvider": w.provider, "weight": 1, "base": 1}]))
valid("CreateService", "Service Connect")(lambda w: service(w, serviceConnectConfiguration=mesh(w)))
valid("CreateService", "a disk")(lambda w: service(w, taskDefinition=w.disk, volumeConfigurations=disks()))
valid("CreateService", "blue/green")(lambda w: service(w, loadBalancers=TWO_COLOURS, deploymentConfiguration={
    "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5, "lifecycleHooks": [HOOK], "maximumPercent": 200, "minimumHealthyPercent": 100}))
valid("CreateService", "linear")(lambda w: service(w, loadBalancers=TWO_COLOURS, deploymentConfiguration={
    "strategy": "LINEAR", "linearConfiguration": {"stepPercent": 20.0, "stepBakeTimeInMinutes": 3}}))
valid("CreateService", "canary")(lambda w: service(w, loadBalancers=TWO_COLOURS, deploymentConfiguration={
    "strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 3}}))
valid("CreateService", "VPC Lattice")(lambda w: service(w, vpcLatticeConfigurations=LATTICE))


def update(w, **more):
    return dict({"cluster": w.cluster, "service": w.new_service(taskDefinition=w.web)}, **more)


valid("UpdateService", "EC2")(lambda w: update(
    w, desiredCount=0, taskDefinition=w.web, deploymentConfiguration=ROLLING, forceNewDeployment=True, deploymentController={"type": "ECS"},
    enableECSManagedTags=True, propagateTags="SERVICE", enableExecuteCommand=True, availabilityZoneRebalancing="DISABLED", **ROUTED, **PLACED))
valid("UpdateService", "a classic load balancer")(lambda w: update(
    w, loadBalancers=[{"loadBalancerName": "classic", "containerName": "web", "containerPort": 80}]))
valid("UpdateService", "a network of its own")(lambda w: {
    "cluster": w.cluster, "service": w.new_service(taskDefinition=w.awsvpc, networkConfiguration=SUBNETS), "networkConfiguration": SUBNETS,
    "serviceRegistries": [{"registryArn": REGISTRY, "port": 80}]})
valid("UpdateService", "Fargate")(lambda w: {
    "cluster": w.cluster, "service": w.new_service(taskDefinition=w.fargate, launchType="FARGATE", networkConfiguration=SUBNETS),
    "platformVersion": "1.4.0", "networkConfiguration": PUBLIC})
valid("UpdateService", "a strategy")(lambda w: update(
    w, capacityProviderStrategy=[{"capacityProvider": w.provider, "weight": 1, "base": 1}], forceNewDeployment=True))
valid("UpdateService", "Service Connect")(lambda w: update(w, serviceConnectConfiguration=mesh(w)))
valid("UpdateService", "a disk")(lambda w: {
    "cluster": w.cluster, "service": w.new_service(taskDefinition=w.disk, volumeConfigurations=disks()), "volumeConfigurations": disks(sizeInGiB=20)})
valid("UpdateService", "blue/green")(lambda w: update(w, loadBalancers=TWO_COLOURS, deploymentConfiguration={
    "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5, "lifecycleHooks": [HOOK]}))
valid("UpdateService", "linear")(lambda w: update(w, loadBalancers=TWO_COLOURS, deploymentConfiguration={
    "strategy": "LINEAR", "linearConfiguration": {"stepPercent": 20.0, "stepBakeTimeInMinutes": 3}}))
valid("UpdateService", "canary")(lambda w: update(w, loadBalancers=TWO_COLOURS, deploymentConfiguration={
    "strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 3}}))
valid("UpdateService", "VPC Lattice")(lambda w: update(w, vpcLatticeConfigurations=LATTICE))
valid("DeleteService", "every member")(lambda w: {"cluster": w.cluster, "service": w.new_service(), "force": True})
valid("DescribeServices", "every member")(lambda w: {"cluster": w.cluster, "services": [w.new_service(), "nobody"], "include": ["TAGS"]})
valid("ListServices", "a page")(lambda w: {
    "cluster": w.cluster, "launchType": "EC2", "schedulingStrategy": "REPLICA", "resourceManagementType": "CUSTOMER", "maxResults": 1})


@valid("ListServices", "the next page")
def list_services(w):
    w.new_service(), w.new_service()
    return {"cluster": w.cluster, "nextToken": w.call("ListServices", cluster=w.cluster, maxResults=1)["nextToken"]}


valid("ListServicesByNamespace", "a page")(lambda w: {"namespace": w.namespace, "maxResults": 1})


@valid("ListServicesByNamespace", "the next page")
def list_services_by_namespace(w):
    for _ in range(2):
        w.call("CreateService", **service(w, serviceConnectConfiguration={"enabled": True, "namespace": w.namespace}))
    return {"namespace": w.namespace, "nextToken": w.call("ListServicesByNamespace", namespace=w.namespace, maxResults=1)["nextToken"]}


# ---- service deployments ----

valid("ListServiceDeployments", "a page")(lambda w: {
    "cluster": w.cluster, "service": w.new_service(), "status": ["PENDING", "IN_PROGRESS", "SUCCESSFUL"],
    "createdAt": {"after": time.time() - 3600, "before": time.time() + 3600}, "maxResults": 1})


@valid("ListServiceDeployments", "the next page")
def list_service_deployments(w):
    name = w.new_service()
    w.call("UpdateService", cluster=w.cluster, service=name, forceNewDeployment=True)
    token = w.call("ListServiceDeployments", cluster=w.cluster, service=name, maxResults=1)["nextToken"]
    return {"cluster": w.cluster, "service": name, "nextToken": token}


valid("DescribeServiceDeployments", "every member")(lambda w: {"serviceDeploymentArns": [w.deployment()]})
valid("DescribeServiceRevisions", "every member")(lambda w: {"serviceRevisionArns": [w.revision()]})
valid("StopServiceDeployment", "every member")(lambda w: {"serviceDeploymentArn": w.deployment(), "stopType": "ABORT"})

# ---- task sets ----

valid("CreateTaskSet", "EC2")(lambda w: {
    "cluster": w.cluster, "service": w.external_service(), "taskDefinition": w.web, "externalId": "outside", "launchType": "EC2",
    "loadBalancers": ROUTED["loadBalancers"], "serviceRegistries": ROUTED["serviceRegistries"], "scale": {"value": 50.0, "unit": "PERCENT"},
    "clientToken": str(uuid.uuid4()), "tags": TAGS})
valid("CreateTaskSet", "Fargate")(lambda w: {
    "cluster": w.cluster, "service": w.external_service(), "taskDefinition": w.fargate, "launchType": "FARGATE", "platformVersion": "LATEST",
    "networkConfiguration": PUBLIC, "serviceRegistries": [{"registryArn": REGISTRY, "port": 80}]})
valid("CreateTaskSet", "a strategy")(lambda w: {
    "cluster": w.cluster, "service": w.external_service(), "taskDefinition": w.plain,
    "capacityProviderStrategy": [{"capacityProvider": w.provider, "weight": 1, "base": 1}]})
valid("DescribeTaskSets", "every member")(lambda w: (lambda s: {
    "cluster": s["cluster"], "service": s["service"], "taskSets": [s["taskSet"], "ecs-svc/1234567890123456789"], "include": ["TAGS"]})(w.task_set()))
valid("UpdateTaskSet", "every member")(lambda w: dict(w.task_set(), scale={"value": 25.5, "unit": "PERCENT"}))
valid("UpdateServicePrimaryTaskSet", "every member")(lambda w: (lambda s: {
    "cluster": s["cluster"], "service": s["service"], "primaryTaskSet": s["taskSet"]})(w.task_set()))
valid("DeleteTaskSet", "every member")(lambda w: dict(w.task_set(), force=True))

# ---- container instances and attributes ----

valid("RegisterContainerInstance", "a new one")(lambda w: {
    "cluster": w.cluster, "instanceIdentityDocument": "", "instanceIdentityDocumentSignature": "", "clientToken": str(uuid.uuid4()),
    "totalResources": [
        {"name": "CPU", "type": "INTEGER", "integerValue": 1024, "doubleValue": 0.0, "longValue": 0},
        {"name": "MEMORY", "type": "INTEGER", "integerValue": 1024},
        {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22"]}, {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []}],
    "versionInfo": {"agentVersion": "1.105.1", "agentHash": "a8b3e7d3", "dockerVersion": "DockerVersion: 20.10.24"},
    "attributes": [{"name": "ecs.os-type", "value": "linux"}, {"name": "rack", "value": "r1", "targetType": "container-instance", "targetId": ""}],
    "platformDevices": [{"id": "gpu-1", "type": "GPU"}], "tags": TAGS})


@valid("RegisterContainerInstance", "again")
def register_again(w):
    return {"cluster": w.cluster, "containerInstanceArn": w.instance, "totalResources": resources(10 ** 6, 10 ** 6),
            "attributes": CAPABILITIES + [{"name": "ecs.capability.task-eni"}, {"name": "ecs.capability.storage.ebs-task-volume-attach"}]}


valid("DeregisterContainerInstance", "every member")(lambda w: {"cluster": w.cluster, "containerInstance": w.new_instance(), "force": True})
valid("DescribeContainerInstances", "every member")(lambda w: {
    "cluster": w.cluster, "containerInstances": [w.instance, "0" * 32], "include": ["TAGS", "CONTAINER_INSTANCE_HEALTH"]})
valid("ListContainerInstances", "a page")(lambda w: {
    "cluster": w.cluster, "filter": "attribute:ecs.os-type == linux", "status": "ACTIVE", "maxResults": 1})


@valid("ListContainerInstances", "the next page")
def list_container_instances(w):
    w.new_instance()
    return {"cluster": w.cluster, "nextToken": w.call("ListContainerInstances", cluster=w.cluster, maxResults=1)["nextToken"]}


valid("UpdateContainerInstancesState", "every member")(lambda w: {
    "cluster": w.cluster, "containerInstances": [w.new_instance(), "0" * 32], "status": "DRAINING"})
valid("UpdateContainerAgent", "every member")(lambda w: {"cluster": w.cluster, "containerInstance": w.host(w.cluster).arn})
valid("PutAttributes", "every member")(lambda w: {"cluster": w.cluster, "attributes": [
    {"name": "stack", "value": "production", "targetType": "container-instance", "targetId": w.instance.rsplit("/", 1)[1]}]})
valid("DeleteAttributes", "every member")(lambda w: {"cluster": w.cluster, "attributes": [
    {"name": "stack", "value": "production", "targetType": "container-instance", "targetId": w.instance.rsplit("/", 1)[1]}]})
valid("ListAttributes", "of a name")(lambda w: {
    "cluster": w.cluster, "targetType": "container-instance", "attributeName": "ecs.os-type", "attributeValue": "linux", "maxResults": 1})
valid("ListAttributes", "the next page")(lambda w: {
    "cluster": w.cluster, "targetType": "container-instance",
    "nextToken": w.call("ListAttributes", cluster=w.cluster, targetType="container-instance", maxResults=1)["nextToken"]})

# ---- tags, account settings ----

valid("TagResource", "every member")(lambda w: {"resourceArn": w.plain, "tags": [{"key": "k", "value": "v"}]})
valid("UntagResource", "every member")(lambda w: {"resourceArn": w.plain, "tagKeys": ["k"]})
valid("ListTagsForResource", "every member")(lambda w: {"resourceArn": w.plain})
valid("PutAccountSetting", "every member")(lambda w: {"name": "containerInsights", "value": "enabled", "principalArn": "arn:aws:iam::000000000000:user/%s" % w.name("u")})
valid("PutAccountSettingDefault", "every member")(lambda w: {"name": "taskLongArnFormat", "value": "enabled"})
valid("DeleteAccountSetting", "every member")(lambda w: {"name": "containerInsights", "principalArn": "arn:aws:iam::000000000000:user/%s" % w.name("u")})
valid("ListAccountSettings", "of a name")(lambda w: {
    "name": "taskLongArnFormat", "value": "enabled", "principalArn": "arn:aws:iam::000000000000:root", "effectiveSettings": True, "maxResults": 1})
valid("ListAccountSettings", "the next page")(lambda w: {
    "effectiveSettings": True, "nextToken": w.call("ListAccountSettings", effectiveSettings=True, maxResults=1)["nextToken"]})

# ---- agents ----

valid("DiscoverPollEndpoint", "every member")(lambda w: {"containerInstance": w.instance, "cluster": w.cluster, "zoneId": "use1-az1"})


def binding():
    return {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 32768, "protocol": "tcp"}


def ranged():
    return {"bindIP": "0.0.0.0", "containerPortRange": "9000-9010", "hostPortRange": "32800-32810", "protocol": "udp"}


valid("SubmitTaskStateChange", "every member")(lambda w: {
    "cluster": w.cluster, "task": w.running_task, "status": "RUNNING", "reason": "", "pullStartedAt": time.time() - 2, "pullStoppedAt": time.time() - 1,
    "executionStoppedAt": time.time(), "managedAgents": [
        {"containerName": "main", "managedAgentName": "ExecuteCommandAgent", "status": "RUNNING", "reason": "started"}],
    "attachments": [{"attachmentArn": "arn:aws:ecs:us-east-1:000000000000:attachment/%s" % uuid.uuid4(), "status": "ATTACHED"}],
    "containers": [{"containerName": "main", "status": "RUNNING", "imageDigest": "sha256:" + "0" * 64, "runtimeId": "f" * 64, "exitCode": 0,
                    "reason": "", "networkBindings": [binding(), ranged()]}]})
valid("SubmitContainerStateChange", "every member")(lambda w: {
    "cluster": w.cluster, "task": w.running_task, "containerName": "main", "runtimeId": "f" * 64, "status": "RUNNING", "exitCode": 0, "reason": "",
    "networkBindings": [binding(), ranged()]})
valid("SubmitAttachmentStateChanges", "every member")(lambda w: {"cluster": w.cluster, "attachments": [
    {"attachmentArn": "arn:aws:ecs:us-east-1:000000000000:attachment/%s" % uuid.uuid4(), "status": "ATTACHED"}]})

# ---- members that no valid request has, and why ----

NEVER_VALID = {
    "CreateCapacityProvider": ("managedInstancesProvider", "cluster"),
    "UpdateCapacityProvider": ("managedInstancesProvider", "cluster"),
    "DeleteCapacityProvider": ("cluster",), "DescribeCapacityProviders": ("cluster",),  # Managed Instances are AWS's machines
    "ListTasks": ("daemonName",),  # daemons on Managed Instances are not served
    "RunTask": ("platformVersion", "overrides.ephemeralStorage"),  # FARGATE's alone, and there is no capacity for it (API-056)
    "StartTask": ("overrides.ephemeralStorage",),  # FARGATE's, and StartTask has none
    # A task set is routed to by one target group of an Application or Network Load Balancer; two colours are the ECS controller's.
    "CreateTaskSet": ("loadBalancers[].loadBalancerName", "loadBalancers[].advancedConfiguration"),
}
