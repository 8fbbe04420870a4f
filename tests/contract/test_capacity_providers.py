"""Capacity providers: API- section 6.2, CL- section C, and what clusters do with them."""
import urllib.request

import pytest

from harness.fake_agent import CAPABILITIES

GROUP = "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:1-2-3:autoScalingGroupName/"
ARN = "arn:aws:ecs:us-east-1:000000000000:capacity-provider/"
FULL = {
    "status": "ENABLED", "targetCapacity": 90, "minimumScalingStepSize": 2, "maximumScalingStepSize": 50,
    "instanceWarmupPeriod": 0}


def made(api, managed="DISABLED", **more):
    name = api.name("provider")
    api.ecs.create_capacity_provider(
        name=name, autoScalingGroupProvider=dict(
            {"autoScalingGroupArn": GROUP + name, "managedScaling": {"status": managed}}, **more))
    return name


def described(api, name):
    return api.ecs.describe_capacity_providers(capacityProviders=[name], include=["TAGS"])["capacityProviders"][0]


def cluster_of(api, name):
    return api.ecs.describe_clusters(clusters=[name], include=["ATTACHMENTS"])["clusters"][0]


def put(api, cluster, providers, strategy=()):
    return api.ecs.put_cluster_capacity_providers(
        cluster=cluster, capacityProviders=list(providers),
        defaultCapacityProviderStrategy=[dict(capacityProvider=p) for p in strategy])["cluster"]


def test_a_provider_made_with_everything(api):
    """CL-052 to CL-054, API-083: all comes back as it was given."""
    name = api.name("full")
    asked = {"autoScalingGroupArn": GROUP + name, "managedScaling": FULL, "managedTerminationProtection": "ENABLED",
             "managedDraining": "DISABLED"}
    one = api.raw("CreateCapacityProvider", {
        "name": name, "autoScalingGroupProvider": asked, "tags": [{"key": "k", "value": "v"}]})["capacityProvider"]
    assert one["capacityProviderArn"] == ARN + name
    assert (one["name"], one["status"]) == (name, "ACTIVE")
    assert one["autoScalingGroupProvider"] == asked
    assert one["tags"] == [{"key": "k", "value": "v"}]
    assert api.raw("DescribeCapacityProviders", {"capacityProviders": [ARN + name], "include": ["TAGS"]})[
        "capacityProviders"] == [one]


def test_a_provider_made_bare(api):
    """CL-055, API-084: defaults, and lists that are empty rather than absent."""
    name = api.name("bare")
    one = api.raw("CreateCapacityProvider", {
        "name": name, "autoScalingGroupProvider": {"autoScalingGroupArn": name}})["capacityProvider"]
    assert one["autoScalingGroupProvider"] == {
        "autoScalingGroupArn": name, "managedTerminationProtection": "DISABLED", "managedDraining": "ENABLED",
        "managedScaling": {"status": "DISABLED", "targetCapacity": 100, "minimumScalingStepSize": 1,
                           "maximumScalingStepSize": 10000, "instanceWarmupPeriod": 300}}
    assert one["tags"] == []


def test_what_cannot_be_made(api, fails):
    """The texts of API- section 3; CL-060."""
    name = made(api)
    with fails("ClientException", "The specified capacity provider already exists. To change the configuration of an "
               "existing capacity provider, update the capacity provider."):
        api.ecs.create_capacity_provider(name=name, autoScalingGroupProvider={"autoScalingGroupArn": "other"})
    with fails("ClientException", "~already being used by another capacity provider"):
        api.ecs.create_capacity_provider(
            name=api.name(), autoScalingGroupProvider={"autoScalingGroupArn": GROUP + name})
    with fails("UnsupportedFeatureException"):
        api.raw("CreateCapacityProvider", {
            "name": api.name(), "cluster": api.cluster(), "managedInstancesProvider": {
                "infrastructureRoleArn": "arn:aws:iam::000000000000:role/r", "instanceLaunchTemplate": {
                    "ec2InstanceProfileArn": "arn:aws:iam::000000000000:instance-profile/i",
                    "networkConfiguration": {"subnets": ["subnet-1"]}}}})
    for bad in ("aws-1", "Ecs", "FARGATE", "fargate_mine", "with space", "", "x" * 256):
        with fails("InvalidParameterException"):
            api.raw("CreateCapacityProvider", {
                "name": bad, "autoScalingGroupProvider": {"autoScalingGroupArn": "g"}})


def test_an_update_runs_to_its_end(api):
    """API-086: UPDATE_IN_PROGRESS in the answer, UPDATE_COMPLETE by itself."""
    name = made(api, "ENABLED")
    one = api.ecs.update_capacity_provider(
        name=name, autoScalingGroupProvider={"managedScaling": {"targetCapacity": 1}})["capacityProvider"]
    assert (one["status"], one["updateStatus"]) == ("ACTIVE", "UPDATE_IN_PROGRESS")
    assert one["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"] == 1
    api.until(lambda: described(api, name)["updateStatus"] == "UPDATE_COMPLETE")


def test_a_deletion_runs_to_its_end(api, fails):
    """API-087, CL-061: a provider that a cluster has stays, and says why."""
    name = made(api)
    cluster = api.cluster(capacityProviders=[name])
    one = api.ecs.delete_capacity_provider(capacityProvider=name)["capacityProvider"]
    assert (one["status"], one["updateStatus"]) == ("ACTIVE", "DELETE_FAILED")
    assert cluster in one["updateStatusReason"]
    put(api, cluster, [])
    one = api.ecs.delete_capacity_provider(capacityProvider=ARN + name)["capacityProvider"]
    assert (one["status"], one["updateStatus"]) == ("ACTIVE", "DELETE_IN_PROGRESS")
    api.until(lambda: described(api, name)["status"] == "INACTIVE")
    assert described(api, name)["updateStatus"] == "DELETE_COMPLETE"
    with fails("InvalidParameterException"):
        api.ecs.delete_capacity_provider(capacityProvider=name)
    for built_in in ("FARGATE", "FARGATE_SPOT", ARN + "FARGATE"):
        with fails("InvalidParameterException"):
            api.ecs.delete_capacity_provider(capacityProvider=built_in)
    assert api.ecs.create_capacity_provider(name=name, autoScalingGroupProvider={"autoScalingGroupArn": GROUP + name})[
        "capacityProvider"]["status"] == "ACTIVE"


def test_describing(own_api, fails):
    """API-049, API-058, API-062, API-088: the built-in ones, pages of ten, failures."""
    for _ in range(11):
        made(own_api)
    seen, token = [], {}
    while True:
        page = own_api.raw("DescribeCapacityProviders", token)
        assert len(page["capacityProviders"]) <= 10 and page["failures"] == []
        seen += [p["name"] for p in page["capacityProviders"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert seen[:2] == ["FARGATE", "FARGATE_SPOT"] and len(seen) == len(set(seen)) == 13
    answer = own_api.raw("DescribeCapacityProviders", {"capacityProviders": ["FARGATE_SPOT", "none"]})
    assert answer["capacityProviders"] == [{
        "capacityProviderArn": ARN + "FARGATE_SPOT", "name": "FARGATE_SPOT", "status": "ACTIVE",
        "type": "FARGATE_SPOT", "tags": []}]
    assert answer["failures"] == [{"arn": ARN + "none", "reason": "MISSING"}]
    with fails("InvalidParameterException"):
        own_api.raw("DescribeCapacityProviders", {"capacityProviders": ["x"] * 101})


def test_tags(api):
    """API-174: on providers as on everything else."""
    name = made(api)
    api.ecs.tag_resource(resourceArn=ARN + name, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    api.ecs.untag_resource(resourceArn=ARN + name, tagKeys=["a"])
    assert api.ecs.list_tags_for_resource(resourceArn=ARN + name)["tags"] == [{"key": "b", "value": "2"}]
    assert described(api, name)["tags"] == [{"key": "b", "value": "2"}]
    assert api.ecs.describe_capacity_providers(capacityProviders=[name])["capacityProviders"][0]["tags"] == []


def test_a_cluster_with_managed_scaling_comes_up_and_goes(api, fails):
    """API-072, CL-024, CL-036, examples W9, W10 and W15."""
    one, two = made(api, "ENABLED"), made(api, "ENABLED")
    name = api.name("managed")
    cluster = api.ecs.create_cluster(
        clusterName=name, capacityProviders=[one, two], defaultCapacityProviderStrategy=[
            {"capacityProvider": one, "weight": 1, "base": 1}, {"capacityProvider": two, "weight": 1}])["cluster"]
    assert (cluster["status"], cluster["attachmentsStatus"]) == ("PROVISIONING", "UPDATE_IN_PROGRESS")
    assert [a["status"] for a in cluster["attachments"]] == ["PRECREATED"] * 2
    assert [a["details"][0]["value"] for a in cluster["attachments"]] == [one, two]
    assert cluster["defaultCapacityProviderStrategy"] == [
        {"capacityProvider": one, "weight": 1, "base": 1}, {"capacityProvider": two, "weight": 1, "base": 0}]
    api.until(lambda: cluster_of(api, name)["status"] == "ACTIVE")
    cluster = cluster_of(api, name)
    assert cluster["attachmentsStatus"] == "UPDATE_COMPLETE"
    assert [a["status"] for a in cluster["attachments"]] == ["CREATED"] * 2
    assert "attachments" not in api.ecs.describe_clusters(clusters=[name])["clusters"][0]
    with fails("InvalidParameterException", "~already associated with the cluster " + name):
        api.cluster(capacityProviders=[one])
    assert api.ecs.delete_cluster(cluster=name)["cluster"]["status"] == "DEPROVISIONING"
    api.until(lambda: cluster_of(api, name)["status"] == "INACTIVE")
    assert "attachments" not in cluster_of(api, name)


def test_put_replaces_both_lists(api):
    """API-078, API-080, CL-082."""
    one = made(api, "ENABLED")
    cluster = api.cluster(capacityProviders=["FARGATE"])
    answer = put(api, cluster, [one, "FARGATE_SPOT"], [one])
    assert answer["capacityProviders"] == [one, "FARGATE_SPOT"]
    assert answer["attachmentsStatus"] == "UPDATE_IN_PROGRESS"
    api.until(lambda: cluster_of(api, cluster)["attachmentsStatus"] == "UPDATE_COMPLETE")
    answer = put(api, cluster, [])
    assert answer["capacityProviders"] == answer["defaultCapacityProviderStrategy"] == []
    assert answer["attachments"][0]["status"] == "DELETING"
    api.until(lambda: "attachments" not in cluster_of(api, cluster))


def test_what_a_service_uses_stays(api, fails):
    """API-079, CL-083, example W19."""
    cluster = api.cluster(capacityProviders=["FARGATE", "FARGATE_SPOT"])
    api.define("on-fargate", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512")
    api.ecs.create_service(
        cluster=cluster, serviceName="s", taskDefinition="on-fargate", desiredCount=0,
        capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
        networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}})
    with fails("ResourceInUseException", "The specified capacity provider is in use and cannot be removed."):
        put(api, cluster, ["FARGATE_SPOT"])
    put(api, cluster, ["FARGATE"])
    api.ecs.delete_service(cluster=cluster, service="s")
    api.until(lambda: api.service(cluster, "s")["status"] == "INACTIVE")
    put(api, cluster, [])


def test_a_host_of_the_group(api):
    """CL-073, CL-087, CL-088, CL-107: known by what it says when it registers; tasks of the provider run there and nowhere else."""
    name = made(api)
    cluster = api.cluster(capacityProviders=[name])
    api.agent(cluster)
    member = api.agent(cluster, attributes=[*CAPABILITIES, {"name": "berth.host-group", "value": name}])
    shown = {i["containerInstanceArn"]: i.get("capacityProviderName") for i in api.ecs.describe_container_instances(
        cluster=cluster, containerInstances=[a.arn for a in api.agents[-2:]])["containerInstances"]}
    assert shown == {api.agents[-2].arn: None, member.arn: name}
    api.ecs.create_service(cluster=cluster, serviceName="s", taskDefinition=api.define(), desiredCount=3,
                           capacityProviderStrategy=[{"capacityProvider": name}])
    api.until(lambda: api.service(cluster, "s")["runningCount"] == 3)
    tasks = api.ecs.list_tasks(cluster=cluster, serviceName="s")["taskArns"]
    assert {(t["containerInstanceArn"], t["capacityProviderName"], t["launchType"]) for t in api.ecs.describe_tasks(
        cluster=cluster, tasks=tasks)["tasks"]} == {(member.arn, name, "EC2")}  # CL-086


def test_tasks_of_a_call_are_divided(api):
    """CL-100, CL-101, CL-105: the base, then by weight; what has no room on its provider's hosts fails."""
    first, second, empty = made(api), made(api), made(api)
    cluster = api.cluster(capacityProviders=[first, second, empty])
    hosts = {name: api.agent(cluster, attributes=[*CAPABILITIES, {"name": "berth.host-group", "value": name}]).arn
             for name in (first, second)}
    definition = api.define()

    def run(count, *strategy):
        answer = api.ecs.run_task(cluster=cluster, taskDefinition=definition, count=count, capacityProviderStrategy=[
            dict(zip(("capacityProvider", "weight", "base"), one)) for one in strategy])
        for task in answer["tasks"]:
            assert task["containerInstanceArn"] == hosts[task["capacityProviderName"]] and task["launchType"] == "EC2"
        placed = [t["capacityProviderName"] for t in answer["tasks"]]
        return [placed.count(name) for name in (first, second)], answer["failures"]

    assert run(5, (first, 1, 0), (second, 1, 0)) == ([3, 2], [])
    assert run(5, (first, 1, 0), (second, 4, 0)) == ([1, 4], [])
    assert run(6, (first, 0, 2), (second, 1, 0)) == ([2, 4], [])
    assert run(2, (second, 0, 0)) == ([0, 2], [])
    placed, failures = run(4, (first, 1, 0), (empty, 1, 0))
    assert placed == [2, 0] and [f["reason"] for f in failures] == ["RESOURCE:*"]
    assert failures[0]["arn"].endswith(":capacity-provider/" + empty)
    api.ecs.put_cluster_capacity_providers(cluster=cluster, capacityProviders=[first, second], defaultCapacityProviderStrategy=[
        {"capacityProvider": second, "weight": 1}])
    tasks = api.ecs.run_task(cluster=cluster, taskDefinition=definition)["tasks"]  # neither asked for: the cluster's default
    assert [t["capacityProviderName"] for t in tasks] == [second]


def test_strategies_that_are_none(api, fails):
    """API-069, CL-070 to CL-075, in every operation that takes one."""
    one = made(api)
    cluster = api.cluster(capacityProviders=["FARGATE", one])
    definition = api.define()
    rows = (
        ([{"capacityProvider": "FARGATE_SPOT"}], "~not associated with the cluster"),
        ([{"capacityProvider": "FARGATE", "weight": 1}, {"capacityProvider": one, "weight": 1}],
         "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and "
         "Fargate providers. Specify one or the other and try again."),
        ([{"capacityProvider": one, "weight": 1001}], "~weight"),
        ([{"capacityProvider": one, "base": -1}], "~base"),
        ([{"capacityProvider": one}] * 7, "~6"),
    )
    for strategy, text in rows:
        calls = (
            ("PutClusterCapacityProviders", {"capacityProviders": ["FARGATE", one],
                                             "defaultCapacityProviderStrategy": strategy}),
            ("RunTask", {"taskDefinition": definition, "capacityProviderStrategy": strategy}),
            ("CreateService", {"serviceName": "s", "taskDefinition": definition, "desiredCount": 1,
                               "capacityProviderStrategy": strategy}),
        )
        for operation, body in calls:
            with fails("InvalidParameterException", text):
                api.raw(operation, dict(body, cluster=cluster))
    with fails("InvalidParameterException", "~both a launch type and capacity provider strategy"):
        api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition, "launchType": "EC2",
                            "capacityProviderStrategy": [{"capacityProvider": one}]})


@pytest.mark.parametrize("count,is_fine", [(10, True), (11, False)])
def test_so_many_providers_a_cluster_has(api, fails, count, is_fine):
    """API-079."""
    names = [made(api) for _ in range(count)]
    if is_fine:
        assert put(api, api.cluster(), names)["capacityProviders"] == names
    else:
        with fails("InvalidParameterException",
                   "The maximum number of capacity providers per cluster has been exceeded."):
            put(api, api.cluster(), names)


def test_all_of_it_survives_a_restart(own_api, server):
    """Records, associations and uses are found again; what was under way goes on."""
    one, two = made(own_api, "ENABLED"), made(own_api)
    own_api.ecs.create_cluster(clusterName="c", capacityProviders=[one, two, "FARGATE"])
    own_api.until(lambda: cluster_of(own_api, "c")["status"] == "ACTIVE")
    before = own_api.raw("DescribeCapacityProviders"), own_api.raw("DescribeClusters", {
        "clusters": ["c"], "include": ["ATTACHMENTS"]})
    server.kill()
    server.start()
    assert before == (own_api.raw("DescribeCapacityProviders"), own_api.raw("DescribeClusters", {
        "clusters": ["c"], "include": ["ATTACHMENTS"]}))
    assert own_api.ecs.delete_capacity_provider(capacityProvider=two)["capacityProvider"][
        "updateStatus"] == "DELETE_FAILED"


@pytest.mark.parametrize("commit", [1, 2])
def test_what_was_under_way_goes_on_after_a_kill(own_api, server, commit):
    """Dead behind the wish or behind its end: a cluster and a provider come to rest all the same."""
    one, two = made(own_api, "ENABLED"), made(own_api)
    for operation, body, rests in (
            ("CreateCluster", {"clusterName": "c", "capacityProviders": [one]},
             lambda: cluster_of(own_api, "c")["attachments"][0]["status"] == "CREATED"),
            ("DeleteCapacityProvider", {"capacityProvider": two}, lambda: described(own_api, two)["status"] == "INACTIVE")):
        server.kill()
        server.start(extra_env={"BERTH_FAIL_POINT": "after_commit:%d" % commit})
        try:
            own_api.raw(operation, body)
        except OSError:
            pass  # it died before it could answer
        server.process.wait(30)
        server.start()
        own_api.until(rests)
    assert cluster_of(own_api, "c")["attachmentsStatus"] == "UPDATE_COMPLETE"


def test_the_cli(api, awscli):
    """awscli 2.9's commands, and its skeleton (CL-063)."""
    name = api.name("cli")
    awscli("create-capacity-provider", "--name", name, "--auto-scaling-group-provider",
           "autoScalingGroupArn=%s,managedScaling={status=ENABLED,targetCapacity=100}" % name)
    cluster = api.cluster()
    awscli("put-cluster-capacity-providers", "--cluster", cluster, "--capacity-providers", name, "FARGATE",
           "--default-capacity-provider-strategy", "capacityProvider=%s,weight=1,base=1" % name)
    shown = awscli("describe-clusters", "--clusters", cluster, "--include", "ATTACHMENTS")["clusters"][0]
    assert shown["capacityProviders"] == [name, "FARGATE"]
    assert "FARGATE" in awscli("delete-capacity-provider", "--capacity-provider", "FARGATE", fails=True)
    assert awscli("describe-capacity-providers", "--capacity-providers", name)["capacityProviders"][0]["name"] == name


def test_tasks_wait_for_a_host_of_a_managed_provider(api):
    """CL-101, CL-103, CL-104, CL-107 (CL- W12): five tasks on an empty cluster, 3 and 2, without failures; then hosts join."""
    first, second = made(api, "ENABLED"), made(api, "ENABLED")
    cluster = api.cluster(capacityProviders=[first, second])
    definition = api.define()
    answer = api.ecs.run_task(cluster=cluster, taskDefinition=definition, count=5, capacityProviderStrategy=[
        {"capacityProvider": first, "weight": 1}, {"capacityProvider": second, "weight": 1}])
    assert answer["failures"] == []
    assert [t["capacityProviderName"] for t in answer["tasks"]] == [first] * 3 + [second] * 2
    arns = [t["taskArn"] for t in answer["tasks"]]
    for task in (answer["tasks"][0], api.ecs.describe_tasks(cluster=cluster, tasks=arns[:1])["tasks"][0]):
        assert (task["lastStatus"], task["desiredStatus"], task["launchType"]) == ("PROVISIONING", "RUNNING", "EC2")
        assert (task["containers"], task["attachments"], task["version"]) == ([], [], 1)
        assert task["overrides"] == {"containerOverrides": [], "inferenceAcceleratorOverrides": []}
        assert task["group"].startswith("family:")
        assert not {"containerInstanceArn", "connectivity", "availabilityZone", "startedAt"} & set(task)
    assert cluster_of(api, cluster)["pendingTasksCount"] == 5
    assert set(api.ecs.list_tasks(cluster=cluster)["taskArns"]) == set(arns)
    with urllib.request.urlopen(api.server.url + "/metrics", timeout=30) as page:  # CL-135: two hosts to begin with
        assert 'cluster="%s",provider="%s"} 200\n' % (cluster, first) in page.read().decode()

    stopped = api.ecs.stop_task(cluster=cluster, task=arns[4], reason="enough")["task"]
    assert stopped["desiredStatus"] == "STOPPED"
    api.until(lambda: api.ecs.describe_tasks(cluster=cluster, tasks=arns[4:])["tasks"][0]["lastStatus"] == "STOPPED")
    stopped = api.ecs.describe_tasks(cluster=cluster, tasks=arns[4:])["tasks"][0]
    assert (stopped["stopCode"], stopped["stoppedReason"], stopped["containers"]) == ("UserInitiated", "enough", [])

    hosts = {name: api.agent(cluster, attributes=[*CAPABILITIES, {"name": "berth.host-group", "value": name}]).arn
             for name in (first, second)}

    def running():
        tasks = api.ecs.describe_tasks(cluster=cluster, tasks=arns[:4])["tasks"]
        return tasks if all(t["lastStatus"] == "RUNNING" for t in tasks) else None

    for task in api.until(running):
        assert task["containerInstanceArn"] == hosts[task["capacityProviderName"]]
        assert task["containers"] and task["overrides"]["containerOverrides"]


def test_a_service_waits_for_a_host_of_a_managed_provider(api):
    """CL-103, SC-198: its tasks are PROVISIONING, and pending."""
    name = made(api, "ENABLED")
    cluster = api.cluster(capacityProviders=[name])
    api.ecs.create_service(cluster=cluster, serviceName="s", taskDefinition=api.define(), desiredCount=2,
                           capacityProviderStrategy=[{"capacityProvider": name}])
    api.until(lambda: api.service(cluster, "s")["pendingCount"] == 2)
    tasks = api.ecs.list_tasks(cluster=cluster, serviceName="s")["taskArns"]
    assert {t["lastStatus"] for t in api.ecs.describe_tasks(cluster=cluster, tasks=tasks)["tasks"]} == {"PROVISIONING"}
    api.agent(cluster, attributes=[*CAPABILITIES, {"name": "berth.host-group", "value": name}])
    api.until(lambda: api.service(cluster, "s")["runningCount"] == 2)
