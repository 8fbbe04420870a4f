"""Task definitions: TD- sections 1 to 8 and 19, API- section 6.3."""
import copy
import json
import re
import time

import pytest

READ_ONLY = ("taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt", "registeredBy",
             "deregisteredAt")


def container(name="main", **more):
    return dict({"name": name, "image": "busybox", "memory": 16}, **more)


def definition(*containers, **more):
    return dict({"family": "f", "containerDefinitions": list(containers) or [container()]}, **more)


def register(api, body, family=None):
    return api.raw("RegisterTaskDefinition", dict(body, family=family or api.name("td")))["taskDefinition"]


def describe(api, reference, *include):
    return api.raw("DescribeTaskDefinition", {"taskDefinition": reference, "include": list(include)})


def holds(got, given, path=""):
    """Every member of `given` is in `got`, the same; what else `got` has are defaults."""
    if isinstance(given, dict):
        for name, value in given.items():
            assert name in got, "%s.%s is lost" % (path, name)
            holds(got[name], value, "%s.%s" % (path, name))
    elif isinstance(given, list):
        assert len(got) == len(given), path
        for i, value in enumerate(given):
            holds(got[i], value, "%s[%d]" % (path, i))
    else:
        assert got == given and isinstance(got, bool) == isinstance(given, bool), path


# ---- families and revisions ----

def test_revisions_count_up_and_are_never_reused(api):
    """TD-001, TD-263, API-090: sequential, also after a deregistration, and never merged when identical."""
    family = api.name("rev")
    made = [register(api, definition(), family) for _ in range(3)]
    assert [d["revision"] for d in made] == [1, 2, 3]
    assert made[2]["taskDefinitionArn"] == "arn:aws:ecs:us-east-1:000000000000:task-definition/%s:3" % family
    assert {d["status"] for d in made} == {"ACTIVE"}
    for revision in (3, 1):
        api.raw("DeregisterTaskDefinition", {"taskDefinition": "%s:%d" % (family, revision)})
    assert register(api, definition(), family)["revision"] == 4


def test_a_family_names_its_latest_active_revision(api, fails):
    """TD-004, API-038, API-114: family, family:revision, full ARN, ARN without a revision."""
    family = api.name("ref")
    arns = [register(api, definition(), family)["taskDefinitionArn"] for _ in range(3)]
    bare = arns[0].rsplit(":", 1)[0]
    for reference, revision in ((family, 3), (family + ":2", 2), (arns[0], 1), (bare, 3)):
        assert describe(api, reference)["taskDefinition"]["revision"] == revision
    api.raw("DeregisterTaskDefinition", {"taskDefinition": arns[2]})
    assert describe(api, family)["taskDefinition"]["revision"] == 2
    assert describe(api, family + ":3")["taskDefinition"]["status"] == "INACTIVE"
    for unknown in ("never-was", family + ":99", arns[0].replace(family, "gone")):
        with fails("ClientException", "Unable to describe task definition."):
            describe(api, unknown)
    for wrong in (family + ":x", family + ":0", family + ":-1"):
        with fails("InvalidParameterException", "Invalid revision number. Number: " + wrong.split(":")[1]):
            describe(api, wrong)


def test_deregister(api, fails):
    """TD-005, TD-007, TD-009, API-113: INACTIVE at once, describable, no new use; a revision must be named."""
    family = api.name("gone")
    arn = register(api, definition(), family)["taskDefinitionArn"]
    with fails("ClientException"):
        api.raw("DeregisterTaskDefinition", {"taskDefinition": family})
    gone = api.raw("DeregisterTaskDefinition", {"taskDefinition": arn})["taskDefinition"]
    assert gone["status"] == "INACTIVE" and gone["deregisteredAt"] >= gone["registeredAt"]
    assert describe(api, arn)["taskDefinition"] == gone
    cluster = api.cluster()
    for reference in (arn, "%s:1" % family):
        with fails("InvalidParameterException", "TaskDefinition is inactive"):
            api.raw("RunTask", {"cluster": cluster, "taskDefinition": reference})
        with fails("InvalidParameterException", "TaskDefinition is inactive"):
            api.raw("CreateService", {"cluster": cluster, "serviceName": "s", "taskDefinition": reference, "desiredCount": 0})
    with fails("ClientException"):
        api.raw("DeregisterTaskDefinition", {"taskDefinition": family + ":77"})
    with fails("ClientException"):
        describe(api, family)


def test_defaults_are_filled_in(api):
    """TD-019, TD-020, API-090, API-091, API- section 13 example 20, CL- example W11: lists empty, nothing a wrong zero."""
    made = register(api, definition({"name": "sleep", "image": "busybox", "memory": 20, "command": ["sleep", "360"]}), "sleep360")
    assert made == describe(api, "sleep360")["taskDefinition"]
    main = made["containerDefinitions"][0]
    assert main["cpu"] == 0 and main["essential"] is True
    for empty in ("environment", "mountPoints", "portMappings", "volumesFrom"):
        assert main[empty] == []
    assert made["volumes"] == [] and made["placementConstraints"] == []
    assert set(made["compatibilities"]) == {"EC2", "EXTERNAL"}
    for absent in ("cpu", "memory", "networkMode", "pidMode", "ipcMode", "requiresCompatibilities", "taskRoleArn"):
        assert absent not in made
    for absent in ("memoryReservation", "stopTimeout", "healthCheck", "privileged", "hostname"):
        assert absent not in main
    assert abs(made["registeredAt"] - time.time()) < 60 and made["registeredBy"].startswith("arn:aws:iam::000000000000:")


def test_nulls_and_empty_lists_are_absent(api):
    """TD-018, TD-056, TD-061: what CD tools send back from a Describe."""
    made = register(api, definition(container(
        cpu=None, entryPoint=[], command=[], links=[], dnsServers=None, secrets=[], environment=[{"name": "EMPTY", "value": ""}],
        logConfiguration={"logDriver": "json-file", "secretOptions": None}),
        cpu=None, memory=None, pidMode=None, ipcMode=None, requiresCompatibilities=[], volumes=[], inferenceAccelerators=[],
        proxyConfiguration=None, taskRoleArn=None, unknownMember={"x": 1}))
    main = made["containerDefinitions"][0]
    assert "pidMode" not in made and "cpu" not in made and "unknownMember" not in made
    assert main["environment"] == [{"name": "EMPTY", "value": ""}]
    assert not main.get("entryPoint")


def test_tags_stand_beside(api):
    """TD-014, TD-040, API-090: per revision, only when asked for, byte for byte."""
    family, tags = api.name("tags"), [{"key": "þþÿÿ", "value": "ÿÿþþ"}, {"key": "b", "value": ""}]
    answer = api.raw("RegisterTaskDefinition", definition(family=family, tags=tags))
    assert answer["tags"] == tags and "tags" not in answer["taskDefinition"]
    register(api, definition(), family)
    assert describe(api, family + ":1", "TAGS")["tags"] == tags
    assert not describe(api, family + ":1").get("tags")
    assert not describe(api, family + ":2", "TAGS").get("tags")


# ---- what is given comes back ----

HEALTH = {"command": ["CMD-SHELL", "curl -f http://localhost/ || exit 1"], "interval": 10, "timeout": 3, "retries": 2, "startPeriod": 20}
EVERYTHING_EC2 = definition(
    container(
        "app", image="registry.example:5000/team/app@sha256:" + "0" * 64, cpu=128, memory=300, memoryReservation=128,
        repositoryCredentials={"credentialsParameter": "arn:aws:secretsmanager:us-east-1:000000000000:secret:pull-a"},
        links=["db:database"], portMappings=[
            {"containerPort": 80, "hostPort": 8080, "protocol": "tcp", "name": "web", "appProtocol": "http"},
            {"containerPort": 81, "hostPort": 0, "protocol": "udp"},
            {"containerPortRange": "9000-9010", "protocol": "tcp"}],
        essential=True, entryPoint=["/bin/sh", "-c"], command=["exec app $DATE"],
        environment=[{"name": "A", "value": "with space"}, {"name": "EMPTY", "value": ""}],
        environmentFiles=[{"value": "arn:aws:s3:::bucket/dir/a.env", "type": "s3"}],
        mountPoints=[{"sourceVolume": "host", "containerPath": "/host", "readOnly": True},
                     {"sourceVolume": "scratch", "containerPath": "/scratch", "readOnly": False}],
        volumesFrom=[{"sourceContainer": "db", "readOnly": True}],
        linuxParameters={
            "capabilities": {"add": ["SYS_PTRACE", "NET_ADMIN"], "drop": ["ALL"]},
            "devices": [{"hostPath": "/dev/null", "containerPath": "/dev/nothing", "permissions": ["read", "write"]}],
            "initProcessEnabled": True, "sharedMemorySize": 64, "maxSwap": 128, "swappiness": 10,
            "tmpfs": [{"containerPath": "/run", "size": 8, "mountOptions": ["noexec", "nosuid"]}]},
        secrets=[{"name": "PASSWORD", "valueFrom": "arn:aws:ssm:us-east-1:000000000000:parameter/p"}],
        dependsOn=[{"containerName": "db", "condition": "HEALTHY"}], startTimeout=60, stopTimeout=90, hostname="app",
        user="1000:1000", workingDirectory="/srv", privileged=False, readonlyRootFilesystem=True,
        dnsServers=["10.0.0.2"], dnsSearchDomains=["example.internal"], extraHosts=[{"hostname": "other", "ipAddress": "10.0.0.9"}],
        dockerSecurityOptions=["no-new-privileges"], interactive=True, pseudoTerminal=True, dockerLabels={"tier": "front"},
        ulimits=[{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}],
        logConfiguration={"logDriver": "splunk", "options": {"splunk-url": "https://s:8088"},
                          "secretOptions": [{"name": "splunk-token", "valueFrom": "token"}]},
        healthCheck=HEALTH, systemControls=[{"namespace": "net.core.somaxconn", "value": "1024"}],
        resourceRequirements=[{"type": "GPU", "value": "1"}]),
    container("db", image="mysql", essential=False, memory=64, healthCheck={"command": ["CMD", "mysqladmin", "ping"]}),
    taskRoleArn="arn:aws:iam::000000000000:role/app", executionRoleArn="arn:aws:iam::000000000000:role/pull", networkMode="bridge",
    volumes=[{"name": "host", "host": {"sourcePath": "/srv/data"}}, {"name": "scratch", "host": {}},
             {"name": "shared", "dockerVolumeConfiguration": {
                 "scope": "shared", "autoprovision": True, "driver": "local", "driverOpts": {"type": "tmpfs"}, "labels": {"a": "b"}}},
             {"name": "efs", "efsVolumeConfiguration": {
                 "fileSystemId": "fs-12345678", "rootDirectory": "/", "transitEncryption": "ENABLED", "transitEncryptionPort": 2049,
                 "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"}}}],
    placementConstraints=[{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
    requiresCompatibilities=["EC2"], cpu="512", memory="1024", pidMode="task", ipcMode="none",
    runtimePlatform={"operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64"})

LOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}}

EXAMPLES = {
    "1 every member": EVERYTHING_EC2,
    "3 ports with and without a host port": definition(container(portMappings=[{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}])),
    "4 memoryReservation 128, memory 300": definition(container(memoryReservation=128, memory=300)),
    "5 CMD-SHELL": definition(container(healthCheck={"command": ["CMD-SHELL", "curl -f http://localhost/ || exit 1"]})),
    "7 splunk token": definition(container(logConfiguration={
        "logDriver": "splunk", "options": {"splunk-url": "u"}, "secretOptions": [{"name": "splunk-token", "valueFrom": "/token"}]}),
        executionRoleArn="r"),
    "8 SUCCESS with startTimeout": definition(
        container("a", dependsOn=[{"containerName": "b", "condition": "SUCCESS"}]), container("b", essential=False, startTimeout=5)),
    "9 two GPUs": definition(container(image="nvidia/cuda", resourceRequirements=[{"type": "GPU", "value": "2"}], command=["nvidia-smi"])),
    "10 instance type": definition(placementConstraints=[{"type": "memberOf", "expression": "attribute:ecs.instance-type == p2.xlarge"}]),
    "12 volume of a task": definition(container(mountPoints=[{"sourceVolume": "scratch", "containerPath": "/s"}]), volumes=[
        {"name": "scratch", "dockerVolumeConfiguration": {"scope": "task", "driver": "local", "labels": {"scratch": "space"}}}]),
    "13 shared volume": definition(
        container("a", mountPoints=[{"sourceVolume": "database", "containerPath": "/var/a"}]),
        container("b", mountPoints=[{"sourceVolume": "database", "containerPath": "/var/b"}]), volumes=[
            {"name": "database", "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True}}]),
    "14 bind mount without a path": definition(
        container("a", mountPoints=[{"sourceVolume": "empty", "containerPath": "/e"}]), volumes=[{"name": "empty", "host": {}}]),
    "15 host path and static port": definition(
        container(portMappings=[{"containerPort": 80, "hostPort": 80}], mountPoints=[{"sourceVolume": "webdata", "containerPath": "/html"}]),
        volumes=[{"name": "webdata", "host": {"sourcePath": "/ecs/webdata"}}]),
    "16 read only": definition(
        container("a", portMappings=[{"containerPort": 80, "hostPort": 80}],
                  mountPoints=[{"sourceVolume": "w", "containerPath": "/w", "readOnly": True}]),
        container("b", portMappings=[{"containerPort": 80, "hostPort": 8080}],
                  mountPoints=[{"sourceVolume": "w", "containerPath": "/w", "readOnly": True}]),
        volumes=[{"name": "w", "host": {"sourcePath": "/data"}}]),
    "17 volumesFrom": definition(container("web", volumesFrom=[{"sourceContainer": "busybox"}]), container("busybox", essential=False)),
    "18 EFS access point": definition(container(mountPoints=[{"sourceVolume": "efs", "containerPath": "/efs"}]), volumes=[
        {"name": "efs", "efsVolumeConfiguration": {
            "fileSystemId": "fs-1", "transitEncryption": "ENABLED", "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"}}}]),
    "19 links and awslogs": definition(
        container("wordpress", links=["mysql"], portMappings=[{"containerPort": 80, "hostPort": 80}], logConfiguration=LOGS),
        container("mysql", environment=[{"name": "MYSQL_ROOT_PASSWORD", "value": "x"}], logConfiguration=LOGS)),
    "21 FireLens": definition(
        container("app", logConfiguration={"logDriver": "awsfirelens", "options": {"Name": "firehose", "delivery_stream": "s"}}),
        container("router", image="fluent-bit", firelensConfiguration={"type": "fluentbit"}, logConfiguration=LOGS)),
    "22, 23 FireLens options": definition(
        container("app", logConfiguration={"logDriver": "awsfirelens"}),
        container("router", firelensConfiguration={"type": "fluentd", "options": {
            "enable-ecs-log-metadata": "false", "config-file-type": "file", "config-file-value": "/fluent.conf"}})),
    "27 private registry": definition(container(
        image="private/app", repositoryCredentials={"credentialsParameter": "arn:aws:secretsmanager:us-east-1:1:secret:s"}),
        executionRoleArn="arn:aws:iam::000000000000:role/x"),
    "28 six forms of secrets": definition(container(secrets=[
        {"name": "S%d" % i, "valueFrom": "arn:aws:secretsmanager:us-east-1:000000000000:secret:app-x" + tail} for i, tail in enumerate(
            ("", ":username1::", "::AWSPREVIOUS:", ":::9d4c", ":username1:AWSPREVIOUS:", ":username1::9d4c"))]),
        executionRoleArn="r"),
    "30 parameters": definition(container(secrets=[{"name": "A", "valueFrom": "arn:aws:ssm:us-east-1:1:parameter/p"},
                                                   {"name": "B", "valueFrom": "p"}]), executionRoleArn="r"),
    "31 environment and file": definition(container(
        environment=[{"name": "V", "value": "1"}], environmentFiles=[{"value": "arn:aws:s3:::b/x.env", "type": "s3"}]), executionRoleArn="r"),
    "33 gelf, tcp and udp": definition(container(
        "logstash", portMappings=[{"containerPort": 5000, "hostPort": 5000, "protocol": "tcp"},
                                  {"containerPort": 5000, "hostPort": 5000, "protocol": "udp"}],
        logConfiguration={"logDriver": "gelf", "options": {"gelf-address": "udp://h:5000", "tag": "t"}})),
    "35 read-only root": definition(container(readonlyRootFilesystem=True, entryPoint=["sh", "-c"], command=["ping -c 4 example.com"])),
    "36 envoy": definition(
        container("app", dependsOn=[{"containerName": "envoy", "condition": "HEALTHY"}]),
        container("envoy", user="1337", healthCheck=HEALTH, essential=True), networkMode="awsvpc", proxyConfiguration={
            "type": "APPMESH", "containerName": "envoy", "properties": [
                {"name": "IgnoredUID", "value": "1337"}, {"name": "ProxyIngressPort", "value": "15000"},
                {"name": "ProxyEgressPort", "value": "15001"}, {"name": "AppPorts", "value": "80"},
                {"name": "EgressIgnoredIPs", "value": "169.254.170.2,169.254.169.254"}]}),
    "host mode": definition(container(portMappings=[{"containerPort": 80, "hostPort": 80}]), networkMode="host"),
    "none mode": definition(container(hostname="h", disableNetworking=True), networkMode="none"),
    "external": definition(requiresCompatibilities=["EXTERNAL"]),
    "both": definition(requiresCompatibilities=["EC2", "EXTERNAL"]),
    "task sizes": definition({"name": "a", "image": "b"}, cpu="256", memory="512"),
    "every dependency": definition(
        container("a", dependsOn=[{"containerName": "b", "condition": "START"}, {"containerName": "c", "condition": "COMPLETE"},
                                  {"containerName": "d", "condition": "SUCCESS"}, {"containerName": "e", "condition": "HEALTHY"}]),
        container("b"), container("c", essential=False), container("d", essential=False), container("e", healthCheck=HEALTH)),
}


@pytest.mark.parametrize("which", EXAMPLES)
def test_the_loop_of_every_deployment_tool(api, which):
    """TD-019, TD-015, TD- section 19: register, describe, register what was described: nothing is lost and nothing changes."""
    given = EXAMPLES[which]
    family = api.name("loop")
    made = register(api, given, family)
    first = describe(api, family)["taskDefinition"]
    assert first == made
    holds(first, dict(given, family=family))
    again = {name: value for name, value in copy.deepcopy(first).items() if name not in READ_ONLY}
    second = register(api, again, family)
    assert second["revision"] == 2
    same = lambda one: {n: v for n, v in one.items() if n not in ("taskDefinitionArn", "revision", "registeredAt")}  # noqa: E731
    assert same(second) == same(first)
    # Pasting all of a description is taken too: what is read only is passed over (TD-017).
    assert same(register(api, first, family)) == same(first)


def test_definitions_survive_a_restart(own_api):
    """TD-003, TD-010: immutable, and numbers go on."""
    families = {which: own_api.name("kept") for which in EXAMPLES}
    for which, family in families.items():
        register(own_api, EXAMPLES[which], family)
    before = {f: describe(own_api, f, "TAGS") for f in families.values()}
    own_api.server.kill()
    own_api.server.start()
    assert {f: describe(own_api, f, "TAGS") for f in families.values()} == before
    assert register(own_api, definition(), families["host mode"])["revision"] == 2


@pytest.mark.parametrize("given, cpu, memory", [
    ({"cpu": "1 vCPU", "memory": "1 GB"}, "1024", "1024"), ({"cpu": "1 vcpu", "memory": "1GB"}, "1024", "1024"),
    ({"cpu": ".5 vCPU", "memory": "2GB"}, "512", "2048"), ({"cpu": "0.25vCPU", "memory": "512"}, "256", "512"),
    ({"cpu": "128", "memory": "6"}, "128", "6"), ({"cpu": "10240", "memory": "99999"}, "10240", "99999")])
def test_sizes_are_normalised(api, given, cpu, memory):
    """TD-027, TD-028, API-092."""
    made = register(api, definition({"name": "a", "image": "b"}, **given))
    assert (made["cpu"], made["memory"]) == (cpu, memory)


def test_ports_are_filled_in(api):
    """TD-048, TD-050, TD-051, API-097: tcp; host and awsvpc show the host port, bridge leaves it dynamic."""
    for mode in ("host", "awsvpc"):
        made = register(api, definition(container(portMappings=[{"containerPort": 80}, {"containerPort": 81, "hostPort": 0}]), networkMode=mode))
        assert made["containerDefinitions"][0]["portMappings"] == [
            {"containerPort": 80, "hostPort": 80, "protocol": "tcp"}, {"containerPort": 81, "hostPort": 81, "protocol": "tcp"}]
    made = register(api, definition(container(portMappings=[{"containerPort": 80}])))
    assert made["containerDefinitions"][0]["portMappings"] == [{"containerPort": 80, "protocol": "tcp"}]


def test_health_checks_are_filled_in(api):
    """TD-062, API-103, API- section 13 example 9."""
    made = register(api, definition(container(healthCheck={"command": ["CMD", "true"]})))
    assert made["containerDefinitions"][0]["healthCheck"] == {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3}


def test_essential_is_the_default(api):
    """TD-053."""
    made = register(api, definition(container("a"), container("b", essential=False)))
    assert [c["essential"] for c in made["containerDefinitions"]] == [True, False]


@pytest.mark.parametrize("body, wanted", [
    (definition(container(privileged=True)), {"com.amazonaws.ecs.capability.privileged-container"}),
    (definition(container(logConfiguration=LOGS)), {"com.amazonaws.ecs.capability.logging-driver.awslogs",
                                                    "com.amazonaws.ecs.capability.docker-remote-api.1.19"}),
    (definition(container(logConfiguration=LOGS), executionRoleArn="r"), {"ecs.capability.execution-role-awslogs"}),
    (definition(container(healthCheck=HEALTH)), {"ecs.capability.container-health-check"}),
    (definition(networkMode="awsvpc"), {"ecs.capability.task-eni"}),
    (definition(taskRoleArn="r"), {"com.amazonaws.ecs.capability.task-iam-role"}),
    (definition(taskRoleArn="r", networkMode="host"), {"com.amazonaws.ecs.capability.task-iam-role-network-host"}),
    (definition(container(dependsOn=[{"containerName": "b", "condition": "START"}]), container("b")), {"ecs.capability.container-ordering"}),
    (definition(container(secrets=[{"name": "A", "valueFrom": "p"}]), executionRoleArn="r"), {"ecs.capability.secrets.ssm.environment-variables"}),
    (EXAMPLES["28 six forms of secrets"], {"ecs.capability.secrets.asm.environment-variables"}),
    (EXAMPLES["27 private registry"], {"ecs.capability.private-registry-authentication.secretsmanager"}),
    (EXAMPLES["31 environment and file"], {"ecs.capability.env-files.s3"}),
    (EXAMPLES["18 EFS access point"], {"ecs.capability.efsAuth"}),
    (definition(pidMode="task"), {"ecs.capability.pid-ipc-namespace-sharing"}),
    (definition(container(portMappings=[{"containerPortRange": "9000-9001"}])), {"ecs.capability.network.container-port-range"}),
    (definition(container(linuxParameters={"initProcessEnabled": True})), {"com.amazonaws.ecs.capability.docker-remote-api.1.25"}),
    (EXAMPLES["21 FireLens"], {"ecs.capability.firelens.fluentbit", "com.amazonaws.ecs.capability.logging-driver.awsfirelens"})])
def test_what_a_definition_demands_of_a_host(api, body, wanted):
    """TD- section 8, API-111, AP-153: requiresAttributes under the names agents announce."""
    assert {a["name"] for a in register(api, body)["requiresAttributes"]} >= wanted


def fargate(cpu="256", memory="512", *containers, **more):
    return definition(*containers, cpu=cpu, memory=memory, networkMode="awsvpc", requiresCompatibilities=["FARGATE"], **more)


FARGATE_PAIRS = {
    256: [512, 1024, 2048], 512: range(1024, 4097, 1024), 1024: range(2048, 8193, 1024), 2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024), 8192: range(16384, 61441, 4096), 16384: range(32768, 122881, 8192)}


def test_fargate_sizes(api, fails):
    """TD-030, API-093, API- section 13 example 11: only the pairs of the table."""
    family = api.name("pairs")
    for cpu, memories in FARGATE_PAIRS.items():
        for memory in (list(memories)[0], list(memories)[-1]):
            assert "FARGATE" in register(api, fargate(str(cpu), str(memory)), family)["compatibilities"]
        for memory in (list(memories)[0] - 256, list(memories)[-1] + 1024, list(memories)[0] + 1):
            with fails("ClientException", "~No Fargate configuration exists for given values"):
                register(api, fargate(str(cpu), str(memory)), family)
    with fails("ClientException"):
        register(api, fargate("300", "1024"), family)


@pytest.mark.parametrize("body, text", [
    (dict(fargate(), networkMode="bridge"), "Fargate only supports network mode ‘awsvpc’."),
    (dict(fargate(), cpu=None), "Fargate requires that 'cpu' be defined at the task level."),
    (dict(fargate(), memory=None), "Fargate requires that 'memory' be defined at the task level."),
    (fargate("256", "512", container(privileged=True)), None),
    (fargate("256", "512", container(dockerSecurityOptions=["no-new-privileges"])), None),
    (fargate("256", "512", container(linuxParameters={"sharedMemorySize": 64})), None),
    (fargate("256", "512", container(linuxParameters={"capabilities": {"add": ["NET_ADMIN"]}})), None),
    (fargate("256", "512", container(stopTimeout=121)), None),
    (fargate("256", "512", container(logConfiguration={"logDriver": "json-file"})), None),
    (fargate("256", "512", container(logConfiguration=LOGS)), "Fargate requires task definition to have execution role ARN to support log driver awslogs."),
    (fargate(placementConstraints=[{"type": "memberOf", "expression": "attribute:a exists"}]), None),
    (fargate(ipcMode="host"), None),
    (fargate(volumes=[{"name": "v", "host": {"sourcePath": "/x"}}]), None)])
def test_what_fargate_refuses(api, fails, body, text):
    """TD-021, TD-094, TD- section 5."""
    with fails("ClientException", text):
        register(api, body)


def test_a_fargate_definition(api):
    """TD-091, CL- examples W1 and W4, TD- example 39."""
    made = register(api, fargate("256", "512", container(logConfiguration=LOGS), executionRoleArn="r", runtimePlatform={
        "operatingSystemFamily": "LINUX"}))
    assert set(made["compatibilities"]) >= {"FARGATE", "EC2"} and made["requiresCompatibilities"] == ["FARGATE"]


def test_types_are_strict(api, fails):
    """CL-010, TD-072, CL- example W1: text where a number belongs is not guessed at."""
    for body in (definition(container(memory="100")), definition(container(cpu="99")), definition(cpu=256),
                 definition(container(essential="true")),
                 definition(container(logConfiguration={"logDriver": "json-file", "options": {"x": True}}))):
        with fails("SerializationException"):
            register(api, body)


# ---- refusals ----

REFUSED = [
    ("TD-002", definition(family="with space"), "Family contains invalid characters."),
    ("TD-002", definition(family="x" * 256), None),
    ("TD-016", definition(family=""), "~amily"),
    ("TD-001", {"family": "f"}, "~ontainer"),
    ("TD-001", definition(containerDefinitions=[]), None),
    ("TD-011", definition(*(container("c%d" % i) for i in range(11))), None),
    ("TD-013", definition(container(essential=False)), None),
    ("TD-041", definition(container("a"), container("a")), None),
    ("TD-041", definition(container("a b")), None),
    ("TD-041", definition(container("")), None),
    ("TD-041", definition({"image": "x", "memory": 8}), None),
    ("TD-042", definition(container(image="")), "Container.image should not be null or empty"),
    ("TD-042", definition({"name": "a", "memory": 8}), "Container.image should not be null or empty"),
    ("TD-042", definition(container(image="a b")), None),
    ("TD-042", definition(container(image="x" * 256)), None),
    ("TD-043", definition({"name": "a", "image": "b"}),
     "Invalid setting for container 'a'. At least one of 'memory' or 'memoryReservation' must be specified."),
    ("TD-043", definition(container("a", memory=0)),
     "Invalid setting for container 'a'. At least one of 'memory' or 'memoryReservation' must be specified."),
    ("TD-044", definition(container(memory=10, memoryReservation=11)), None),
    ("TD-046", definition(container(memory=3)), None),
    ("TD-046", definition(container(memory=-1)), None),
    ("TD-047", definition(container(cpu=-1)), None),
    ("TD-032", definition(container(cpu=257), cpu="256"),
     "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'."),
    ("TD-032", definition(container(memory=513), memory="512"), None),
    ("TD-029", definition(cpu="abc"), "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the "
                                      "Amazon ECS Developer Guide."),
    ("TD-027", definition(cpu="127"), "~Invalid 'cpu' setting for task."),
    ("TD-027", definition(cpu="10241"), "~Invalid 'cpu' setting for task."),
    ("TD-029", definition(memory="0"), "~Invalid 'memory' setting for task."),
    ("TD-029", definition(memory="1TB"), "~Invalid 'memory' setting for task."),
    ("TD-048", definition(container("a", portMappings=[{"containerPort": 0}])), "Invalid 'containerPort' setting for container 'a'."),
    ("TD-048", definition(container("a", portMappings=[{"containerPort": 65536}])), "Invalid 'containerPort' setting for container 'a'."),
    ("TD-048", definition(container("a", portMappings=[{}])), None),
    ("TD-048", definition(container(portMappings=[{"containerPort": 80, "hostPort": 65536}])), None),
    ("TD-048", definition(container(portMappings=[{"containerPort": 80, "protocol": "sctp"}])), None),
    ("TD-049", definition(container(portMappings=[{"containerPort": 80}]), networkMode="none"), None),
    ("TD-050", definition(container(portMappings=[{"containerPort": 80, "hostPort": 81}]), networkMode="awsvpc"),
     "When networkMode=awsvpc, the host ports and container ports in port mappings must match."),
    ("TD-050", definition(container(portMappings=[{"containerPort": 80, "hostPort": 81}]), networkMode="host"), None),
    ("API-097", definition(container(portMappings=[{"containerPort": 80}, {"containerPort": 80, "protocol": "udp"}]), networkMode="awsvpc"), None),
    ("API-097", definition(container(portMappings=[{"containerPort": 80, "name": "-x"}])), None),
    ("API-097", definition(container(portMappings=[{"containerPort": 80, "appProtocol": "smtp"}])), None),
    ("API-098", definition(container(portMappings=[{"containerPortRange": "90-80"}])), None),
    ("API-098", definition(container(portMappings=[{"containerPortRange": "80-90", "hostPort": 80}])), None),
    ("API-098", definition(container(portMappings=[{"containerPortRange": "80-90"}, {"containerPort": 85}])), None),
    ("API-098", definition(container(portMappings=[{"containerPortRange": "80-90"}]), networkMode="host"), None),
    ("TD-052", definition(container(resourceRequirements=[{"type": "GPU", "value": "x"}])), None),
    ("TD-052", definition(container(resourceRequirements=[{"type": "TPU", "value": "1"}])), None),
    ("TD-025", definition(container(secrets=[{"name": "A", "valueFrom": "p"}])),
     "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."),
    ("TD-057", definition(container(environment=[{"value": "x"}])), None),
    ("TD-058", definition(container(secrets=[{"name": "x"}])), None),
    ("TD-059", definition(container(environmentFiles=[{"value": "arn:aws:s3:::b/x.txt", "type": "s3"}])), None),
    ("TD-059", definition(container(environmentFiles=[{"value": "arn:aws:s3:::b/x.env", "type": "http"}])), None),
    ("TD-059", definition(container(environmentFiles=[{"value": "arn:aws:s3:::b/%d.env" % i, "type": "s3"} for i in range(11)])), None),
    ("TD-060", definition(container(environment=[{"name": "TWICE", "value": "1"}], secrets=[{"name": "TWICE", "valueFrom": "p"}])), "~TWICE"),
    ("TD-062", definition(container(healthCheck={"command": ["CMD", "x"], "interval": 4})), None),
    ("TD-062", definition(container(healthCheck={"command": ["CMD", "x"], "interval": 301})), None),
    ("TD-062", definition(container(healthCheck={"command": ["CMD", "x"], "timeout": 1})), None),
    ("TD-062", definition(container(healthCheck={"command": ["CMD", "x"], "timeout": 121})), None),
    ("TD-062", definition(container(healthCheck={"command": ["CMD", "x"], "retries": 0})), None),
    ("TD-062", definition(container(healthCheck={"command": ["CMD", "x"], "retries": 11})), None),
    ("TD-062", definition(container(healthCheck={"command": ["CMD", "x"], "startPeriod": 301})), None),
    ("TD-061", definition(container(healthCheck={"command": []})), None),
    ("TD-061", definition(container(healthCheck={"interval": 30})), None),
    ("TD-064", definition(container(disableNetworking=True), networkMode="awsvpc"), None),
    ("TD-065", definition(container(links=["b"]), container("b"), networkMode="awsvpc"), None),
    ("TD-065", definition(container(links=["b"]), container("b"), networkMode="host"), None),
    ("TD-065", definition(container(links=["nobody"])), None),
    ("TD-066", definition(container(hostname="x"), networkMode="awsvpc"), None),
    ("TD-067", definition(container(dnsServers=["1.1.1.1"]), networkMode="awsvpc"), None),
    ("TD-067", definition(container(dnsSearchDomains=["-bad-"])), None),
    ("TD-067", definition(container(extraHosts=[{"hostname": "x", "ipAddress": "1.1.1.1"}]), networkMode="awsvpc"), None),
    ("TD-067", definition(container(extraHosts=[{"hostname": "x"}])), None),
    ("TD-069", definition(container(mountPoints=[{"sourceVolume": "nope", "containerPath": "/x"}])), None),
    ("TD-070", definition(container(volumesFrom=[{"sourceContainer": "nope"}])), None),
    ("TD-071", definition(container(logConfiguration={"logDriver": "logentries"})), None),
    ("TD-071", definition(container(logConfiguration={"options": {}})), None),
    ("API-104", definition(container(logConfiguration={"logDriver": "awslogs"})),
     "Log driver awslogs requires options: awslogs-region, awslogs-group"),
    ("TD-074", definition(container(user="-5")), None),
    ("TD-076", definition(container(ulimits=[{"name": "files", "softLimit": 1, "hardLimit": 2}])), None),
    ("TD-076", definition(container(ulimits=[{"name": "nofile", "softLimit": 1}])), None),
    ("TD-079", definition(container(linuxParameters={"capabilities": {"add": ["CAP_NET_ADMIN"]}})), None),
    ("TD-081", definition(container(linuxParameters={"devices": [{"containerPath": "/x"}]})), None),
    ("TD-081", definition(container(linuxParameters={"devices": [{"hostPath": "/x", "permissions": ["rw"]}]})), None),
    ("TD-083", definition(container(linuxParameters={"maxSwap": -1})), None),
    ("TD-083", definition(container(linuxParameters={"swappiness": 101})), None),
    ("TD-085", definition(container(linuxParameters={"tmpfs": [{"containerPath": "/x"}]})), None),
    ("TD-085", definition(container(linuxParameters={"tmpfs": [{"containerPath": "/x", "size": 1, "mountOptions": ["fast"]}]})), None),
    ("TD-086", definition(container(dependsOn=[{"containerName": "nobody", "condition": "START"}])),
     "Cannot depend on container + 'nobody' because it does not exist"),
    ("TD-086", definition(container("a", dependsOn=[{"containerName": "b", "condition": "SUCCESS"}]), container("b")),
     "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"),
    ("TD-086", definition(container("a", dependsOn=[{"containerName": "b", "condition": "HEALTHY"}]), container("b")), None),
    ("TD-086", definition(container("a", dependsOn=[{"containerName": "b", "condition": "START"}]),
                          container("b", dependsOn=[{"containerName": "a", "condition": "START"}])), None),
    ("TD-086", definition(container("a", dependsOn=[{"containerName": "a", "condition": "START"}])), None),
    ("TD-086", definition(container("a", dependsOn=[{"containerName": "b", "condition": "READY"}]), container("b")), None),
    ("TD-087", definition(container(stopTimeout=-1)), None),
    ("TD-088", definition(container(systemControls=[{"namespace": "vm.swappiness", "value": "1"}])), None),
    ("TD-126", definition(container(systemControls=[{"namespace": "net.core.somaxconn", "value": "1"}]), networkMode="host"), None),
    ("TD-090", definition(container(firelensConfiguration={"type": "logstash"})), None),
    ("TD-026", definition(networkMode="nat"), None),
    ("SC-054", definition(placementConstraints=[{"type": "distinctInstance"}]), "constraint.type 'distinctInstance' is not supported."),
    ("TD-033", definition(placementConstraints=[{"type": "memberOf", "expression": "x" * 2001}]), None),
    ("TD-033", definition(placementConstraints=[{"type": "memberOf"}]), None),
    ("TD-034", definition(pidMode="container"), None),
    ("TD-035", definition(ipcMode="shared"), None),
    ("TD-021", definition(requiresCompatibilities=["ECS"]), None),
    ("TD-022", definition(runtimePlatform={"cpuArchitecture": "MIPS"}), None),
    ("TD-036", definition(container("a"), networkMode="awsvpc", proxyConfiguration={"containerName": "b", "properties": []}), None),
    ("TD-037", definition(container("a"), networkMode="awsvpc", proxyConfiguration={"containerName": "a", "properties": [
        {"name": "AppPorts", "value": "80"}, {"name": "ProxyIngressPort", "value": "1"}, {"name": "ProxyEgressPort", "value": "2"}]}), None),
    ("TD-039", definition(volumes=[{"name": "v", "host": {}, "dockerVolumeConfiguration": {"scope": "task"}}]), None),
    ("TD-039", definition(volumes=[{"name": "v"}, {"name": "v"}]), None),
    ("TD-039", definition(volumes=[{"name": "bad name", "host": {}}]), None),
    ("API-108", definition(volumes=[{"name": "v", "dockerVolumeConfiguration": {"scope": "task", "autoprovision": True}}]), None),
    ("API-108", definition(volumes=[{"name": "v", "efsVolumeConfiguration": {}}]), None),
    ("TD-example-18", definition(volumes=[{"name": "v", "efsVolumeConfiguration": {
        "fileSystemId": "fs-1", "authorizationConfig": {"iam": "ENABLED"}}}]), None),
    ("API-108", definition(volumes=[{"name": "v", "efsVolumeConfiguration": {
        "fileSystemId": "fs-1", "rootDirectory": "/x", "transitEncryption": "ENABLED", "authorizationConfig": {"accessPointId": "a"}}}]), None),
    ("API-106", definition(container(resourceRequirements=[{"type": "InferenceAccelerator", "value": "nope"}])), None),
    ("API-106", definition(inferenceAccelerators=[{"deviceName": "d", "deviceType": "eia2.medium"}]), None),
    ("TD-040", definition(tags=[{"key": "aws:x", "value": "y"}]), None),
    ("TD-040", definition(tags=[{"key": "a", "value": "y"}, {"key": "a", "value": "z"}]), None),
    ("TD-012", definition(container(environment=[{"name": "E%d" % i, "value": "x" * 1000} for i in range(70)])), None),
]


@pytest.mark.parametrize("case", range(len(REFUSED)), ids=["%s-%d" % (c[0], i) for i, c in enumerate(REFUSED)])
def test_what_is_refused(api, fails, case):
    """TD- sections 1 to 6, API-035, API-089 to API-110: ClientException (API-089), ECS's text where it is known."""
    _, body, text = REFUSED[case]
    if body["family"] == "f":
        body = dict(body, family="refused-%d" % case)
    before = api.raw("ListTaskDefinitionFamilies")
    with fails("ClientException", text):
        api.raw("RegisterTaskDefinition", body)
    assert api.raw("ListTaskDefinitionFamilies") == before


def test_the_command_line_round_trip(api, awscli, tmp_path):
    """TD-015, TD-016: --cli-input-json from a file, and what describe printed goes back in."""
    family = api.name("cli")
    body = tmp_path / "td.json"
    given = {n: v for n, v in EVERYTHING_EC2.items() if n != "family"}
    given["containerDefinitions"] = copy.deepcopy(given["containerDefinitions"])
    for mapping in given["containerDefinitions"][0]["portMappings"]:
        mapping.pop("containerPortRange", None)  # younger than Debian's client
    given["containerDefinitions"][0]["portMappings"].pop()
    body.write_text(json.dumps(dict(given, family=family)))
    made = awscli("register-task-definition", "--cli-input-json", "file://%s" % body)["taskDefinition"]
    holds(made, given)
    again = awscli("describe-task-definition", "--task-definition", family)["taskDefinition"]
    assert again == made
    body.write_text(json.dumps({n: v for n, v in again.items() if n not in READ_ONLY}))
    second = awscli("register-task-definition", "--cli-input-json", "file://%s" % body)["taskDefinition"]
    assert second["revision"] == 2 and second["containerDefinitions"] == made["containerDefinitions"]
    assert re.search(r"ClientException.*Unable to describe task definition\.", awscli(
        "describe-task-definition", "--task-definition", "nope", fails=True))
