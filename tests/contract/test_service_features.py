"""Services by what newer clients ask of them: capacity, platforms, strategies, meshes (API-133, API-158, API-204 to API-222, CL-200
to CL-206, spec/07 section 11). Kept and answered as they came; the deployments have what they were begun with."""
import pytest

WEB = {"name": "web", "image": "busybox", "memory": 64, "cpu": 10, "portMappings": [{"containerPort": 80, "name": "http", "appProtocol": "http"}]}
ROLE = "arn:aws:iam::000000000000:role/r"
TARGETS = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/t/%d"
COLOURS = {"targetGroupArn": TARGETS % 1, "containerName": "web", "containerPort": 80, "advancedConfiguration": {
    "alternateTargetGroupArn": TARGETS % 2, "productionListenerRule": "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/l/1/2/3",
    "roleArn": ROLE}}
SUBNETS = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
INVALID = "InvalidParameterException"


@pytest.fixture
def cluster(api):
    return api.cluster()


@pytest.fixture
def definition(api):
    return api.define(containerDefinitions=[WEB], memory="256")


def create(api, cluster, definition, name="s", **more):
    return api.raw("CreateService", dict({"cluster": cluster, "serviceName": name, "taskDefinition": definition, "desiredCount": 0}, **more))["service"]


def described(api, cluster, name="s"):
    return api.raw("DescribeServices", {"cluster": cluster, "services": [name]})["services"][0]


@pytest.mark.parametrize("wanted", [
    {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 15}, {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 12.5, "stepBakeTimeInMinutes": 0}},
    {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.1, "canaryBakeTimeInMinutes": 1440}},
    {"strategy": "BLUE_GREEN", "lifecycleHooks": [{
        "targetType": "AWS_LAMBDA", "hookTargetArn": "arn:aws:lambda:us-east-1:000000000000:function:f", "roleArn": ROLE,
        "lifecycleStages": ["PRE_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT"]}]},
    {"alarms": {"alarmNames": ["errors"], "enable": True, "rollback": True}}])
def test_strategies_come_back(api, cluster, definition, wanted):
    made = create(api, cluster, definition, loadBalancers=[COLOURS], deploymentConfiguration=wanted)
    for got in (made, described(api, cluster)):
        assert {k: got["deploymentConfiguration"][k] for k in wanted} == wanted
        assert got["loadBalancers"] == [COLOURS]
    deployment = api.raw("DescribeServiceDeployments", {"serviceDeploymentArns": [made["currentServiceDeployment"]]})["serviceDeployments"][0]
    assert {k: deployment["deploymentConfiguration"][k] for k in wanted} == wanted
    revision = api.raw("DescribeServiceRevisions", {"serviceRevisionArns": [made["currentServiceRevisions"][0]["arn"]]})["serviceRevisions"][0]
    assert revision["loadBalancers"] == [COLOURS]
    assert revision["resolvedConfiguration"]["loadBalancers"][0]["productionListenerRule"] == COLOURS["advancedConfiguration"]["productionListenerRule"]


def test_fargate(api, cluster, fails):
    """CL-200, CL-201, API-185, API-188; API- section 13 example 19; nothing runs without capacity (API-056)."""
    definition = api.define(networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512", containerDefinitions=[dict(WEB, cpu=0)])
    made = create(api, cluster, definition, launchType="FARGATE", desiredCount=1, networkConfiguration=SUBNETS)
    assert (made["launchType"], made["platformVersion"], made["platformFamily"]) == ("FARGATE", "LATEST", "Linux")
    deployment = made["deployments"][0]
    assert (deployment["launchType"], deployment["platformVersion"], deployment["platformFamily"]) == ("FARGATE", "1.4.0", "Linux")
    assert deployment["networkConfiguration"]["awsvpcConfiguration"] == dict(SUBNETS["awsvpcConfiguration"], assignPublicIp="DISABLED")
    api.until(lambda: described(api, cluster)["events"], "an event says why nothing runs")
    assert "Capacity is unavailable at this time" in described(api, cluster)["events"][0]["message"]
    assert described(api, cluster)["runningCount"] == 0
    assert api.raw("ListServices", {"cluster": cluster, "launchType": "FARGATE"})["serviceArns"] == [made["serviceArn"]]
    assert api.raw("ListServices", {"cluster": cluster, "launchType": "EC2"})["serviceArns"] == []
    moved = api.raw("UpdateService", {"cluster": cluster, "service": "s", "platformVersion": "1.3.0"})["service"]
    assert moved["platformVersion"] == "1.3.0" and moved["deployments"][0]["platformVersion"] == "1.3.0" and len(moved["deployments"]) == 2
    with fails("PlatformUnknownException"):
        api.raw("UpdateService", {"cluster": cluster, "service": "s", "platformVersion": "3.1.4"})


def test_strategies_of_capacity(api, fails):
    """API-133, API-152, API-185: a strategy or a launch type; the cluster's default where neither is said."""
    cluster = api.name("cluster")
    api.ecs.create_cluster(clusterName=cluster, capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[
        {"capacityProvider": "FARGATE", "weight": 1, "base": 2}])
    definition = api.define(networkMode="awsvpc", requiresCompatibilities=["FARGATE", "EC2"], cpu="256", memory="512", containerDefinitions=[dict(WEB, cpu=0)])
    made = create(api, cluster, definition, networkConfiguration=SUBNETS)
    assert made["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1, "base": 2}] == made["deployments"][0]["capacityProviderStrategy"]
    assert "launchType" not in made and "launchType" not in made["deployments"][0] and made["platformVersion"] == "LATEST"
    with fails(INVALID, "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."):
        create(api, cluster, definition, "t", launchType="FARGATE", networkConfiguration=SUBNETS, capacityProviderStrategy=[{"capacityProvider": "FARGATE"}])
    with fails(INVALID, "Specifying a capacity provider strategy is not supported when you create a service using the DAEMON scheduling strategy."):
        create(api, cluster, definition, "t", schedulingStrategy="DAEMON", desiredCount=None, networkConfiguration=SUBNETS)
    assert create(api, cluster, definition, "t", launchType="EC2", networkConfiguration=SUBNETS)["launchType"] == "EC2"
    spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 3, "base": 0}]
    changed = api.raw("UpdateService", {"cluster": cluster, "service": "s", "capacityProviderStrategy": spot, "forceNewDeployment": True})["service"]
    assert changed["capacityProviderStrategy"] == spot == changed["deployments"][0]["capacityProviderStrategy"]
    with fails("ResourceInUseException"):
        api.raw("PutClusterCapacityProviders", {"cluster": cluster, "capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": []})


def test_services_of_a_namespace(api, definition, fails):
    """API-158, API- section 13 example 15: across clusters, ten to a page, in force only."""
    one, two = api.cluster(serviceConnectDefaults={"namespace": "mesh"}), api.cluster()
    enabled = {"enabled": True, "namespace": "mesh", "services": []}
    made = [create(api, one if i % 2 else two, definition, "s%d" % i, serviceConnectConfiguration=dict(
        enabled, services=[{"portName": "http", "discoveryName": "d%d" % i}]))["serviceArn"] for i in range(11)]
    made.append(create(api, one, definition, "by-default", serviceConnectConfiguration={"enabled": True})["serviceArn"])  # API-213
    create(api, one, definition, "alone")
    create(api, one, definition, "off", serviceConnectConfiguration={"enabled": False})
    first = api.raw("ListServicesByNamespace", {"namespace": "mesh"})
    second = api.raw("ListServicesByNamespace", {"namespace": "mesh", "nextToken": first["nextToken"]})
    assert len(first["serviceArns"]) == 10 and len(second["serviceArns"]) == 2 and "nextToken" not in second
    assert sorted(first["serviceArns"] + second["serviceArns"]) == sorted(made)
    api.raw("DeleteService", {"cluster": one, "service": "s1", "force": True})
    api.raw("UpdateService", {"cluster": two, "service": "s0", "serviceConnectConfiguration": {"enabled": False}})
    left = api.raw("ListServicesByNamespace", {"namespace": "mesh", "maxResults": 100})["serviceArns"]
    assert len(left) == 10 and made[0] not in left and made[1] not in left
    with fails("NamespaceNotFoundException"):
        api.raw("ListServicesByNamespace", {"namespace": "nowhere"})
    for more in ({"maxResults": 101}, {"maxResults": 0}, {"nextToken": "x"}):
        with fails(INVALID):
            api.raw("ListServicesByNamespace", dict({"namespace": "mesh"}, **more))


def test_a_mesh(api, definition):
    """API-207, API-212, API-231; API- section 13 example 3."""
    cluster = api.cluster(serviceConnectDefaults={"namespace": "mesh"})
    connect = {"enabled": True, "namespace": "mesh", "services": [{
        "portName": "http", "discoveryName": "web", "ingressPortOverride": 8443, "clientAliases": [{"port": 80, "dnsName": "web.local"}],
        "timeout": {"idleTimeoutSeconds": 60, "perRequestTimeoutSeconds": 5},
        "tls": {"issuerCertificateAuthority": {"awsPcaAuthorityArn": "arn:aws:acm-pca:us-east-1:000000000000:certificate-authority/c"}, "roleArn": ROLE}}],
        "logConfiguration": {"logDriver": "json-file", "options": {"max-size": "1m"}}, "accessLogConfiguration": {"format": "JSON"}}
    made = create(api, cluster, definition, serviceConnectConfiguration=connect)
    assert made["deployments"][0]["serviceConnectConfiguration"] == connect
    assert [r["discoveryName"] for r in made["deployments"][0]["serviceConnectResources"]] == ["web"]


def test_volumes_and_lattice(api, cluster):
    """Section 11: both start a deployment and are shown with it."""
    definition = api.raw("RegisterTaskDefinition", {  # newer than boto3's model
        "family": api.name("family"), "volumes": [{"name": "data", "configuredAtLaunch": True}], "containerDefinitions": [
            dict(WEB, mountPoints=[{"sourceVolume": "data", "containerPath": "/data"}])]})["taskDefinition"]["taskDefinitionArn"]
    disk = {"name": "data", "managedEBSVolume": {"roleArn": ROLE, "sizeInGiB": 10, "volumeType": "gp3", "encrypted": True, "filesystemType": "xfs"}}
    lattice = {"roleArn": ROLE, "targetGroupArn": "arn:aws:vpc-lattice:us-east-1:000000000000:targetgroup/tg-1", "portName": "http"}
    made = create(api, cluster, definition, volumeConfigurations=[disk], vpcLatticeConfigurations=[lattice])
    assert made["deployments"][0]["volumeConfigurations"] == [disk] and made["deployments"][0]["vpcLatticeConfigurations"] == [lattice]
    again = api.raw("UpdateService", {"cluster": cluster, "service": "s", "volumeConfigurations": [disk]})["service"]
    assert again["deployments"][0]["id"] == made["deployments"][0]["id"]
    changed = api.raw("UpdateService", {"cluster": cluster, "service": "s", "vpcLatticeConfigurations": []})["service"]
    assert changed["deployments"][0]["id"] != made["deployments"][0]["id"] and not changed["deployments"][0].get("vpcLatticeConfigurations")
