"""Tags: API-039 to API-041, API-174, SC- section 18."""
import pytest

A, B = {"key": "a", "value": "1"}, {"key": "b", "value": ""}


def tag_list(api, arn):
    return api.raw("ListTagsForResource", {"resourceArn": arn})["tags"]


@pytest.fixture(scope="module")
def things(_api):
    """One taggable thing of each kind, made with two tags; kind -> ARN."""
    api = _api
    cluster = api.name("tagged")
    arn = api.raw("CreateCluster", {"clusterName": cluster, "tags": [A, B]})["cluster"]["clusterArn"]
    agent = api.agent(cluster, runs=False, tags=[A, B])
    definition = api.raw("RegisterTaskDefinition", {
        "family": "tagged", "containerDefinitions": [{"name": "a", "image": "b", "memory": 8}], "tags": [A, B]})
    service = api.raw("CreateService", {"cluster": cluster, "serviceName": "s", "taskDefinition": "tagged", "desiredCount": 0, "tags": [A, B]})
    task = api.raw("RunTask", {"cluster": cluster, "taskDefinition": "tagged", "tags": [A, B]})["tasks"][0]
    return {"cluster": arn, "container-instance": agent.arn, "task-definition": definition["taskDefinition"]["taskDefinitionArn"],
            "service": service["service"]["serviceArn"], "task": task["taskArn"], "name": cluster}


KINDS = ["cluster", "container-instance", "task-definition", "service", "task"]


@pytest.mark.parametrize("kind", KINDS)
def test_made_with_tags_and_changed(api, things, kind, fails):
    """SC-348, SC-353, SC-354, API-174: merge, overwrite, remove; keys that are not there are no error."""
    arn = things[kind]
    assert tag_list(api, arn) == [A, B]
    assert api.raw("TagResource", {"resourceArn": arn, "tags": [{"key": "a", "value": "2"}, {"key": "c", "value": "þ"}]}) == {}
    assert {t["key"]: t["value"] for t in tag_list(api, arn)} == {"a": "2", "b": "", "c": "þ"}
    assert api.raw("UntagResource", {"resourceArn": arn, "tagKeys": ["b", "zzz"]}) == {}
    assert {t["key"]: t["value"] for t in tag_list(api, arn)} == {"a": "2", "c": "þ"}
    for tags in ([{"key": "aws:x", "value": ""}], [{"key": "", "value": ""}], [{"key": "x", "value": "y" * 257}],
                 [{"key": "x", "value": "aws:y"}], [{"key": "x" * 129, "value": ""}], [{"key": "k%d" % i, "value": ""} for i in range(49)], None):
        with fails("InvalidParameterException"):
            api.raw("TagResource", {"resourceArn": arn, "tags": tags})
    assert {t["key"]: t["value"] for t in tag_list(api, arn)} == {"a": "2", "c": "þ"}
    api.raw("TagResource", {"resourceArn": arn, "tags": [{"key": "k%d" % i, "value": ""} for i in range(48)]})
    assert len(tag_list(api, arn)) == 50
    api.raw("UntagResource", {"resourceArn": arn, "tagKeys": ["k%d" % i for i in range(48)]})


def test_what_is_not_there(api, things, fails):
    """API- section 3: ResourceNotFoundException for tagging; API-040 for short ARNs."""
    missing = [things["task"][:-1] + ("0" if things["task"][-1] != "0" else "1"), things["service"] + "x", things["task-definition"][:-1] + "99"]
    for arn in missing:
        for operation, more in (("TagResource", {"tags": [A]}), ("UntagResource", {"tagKeys": ["a"]})):
            with fails("ResourceNotFoundException"):
                api.raw(operation, dict(more, resourceArn=arn))
        with fails("InvalidParameterException"):
            tag_list(api, arn)
    short = things["task"].replace("/%s/" % things["name"], "/")
    with fails("InvalidParameterException", "Long arn format must be used for tagging operations"):
        api.raw("TagResource", {"resourceArn": short, "tags": [A]})
    for wrong in ("", "x", "arn:aws:s3:::bucket", None):
        with fails("InvalidParameterException"):
            api.raw("TagResource", {"resourceArn": wrong, "tags": [A]})
    with fails("InvalidParameterException", "Invalid resource ARN."):
        api.raw("TagResource", {"resourceArn": "arn:aws:ecs:us-east-1:000000000000:fleet/x", "tags": [A]})
    with fails("ClusterNotFoundException"):
        api.raw("TagResource", {"resourceArn": things["cluster"] + "x", "tags": [A]})


def test_tags_of_a_stopped_task_go(api, fails):
    """API-041: StopTask removes them."""
    cluster = api.cluster()
    api.agent(cluster)
    arn = api.raw("RunTask", {"cluster": cluster, "taskDefinition": api.define(), "tags": [A]})["tasks"][0]["taskArn"]
    assert tag_list(api, arn) == [A]
    api.raw("StopTask", {"cluster": cluster, "task": arn})
    assert tag_list(api, arn) == []
    with fails("InvalidParameterException", "The specified task is stopped. Specify a running task and try again."):
        api.raw("TagResource", {"resourceArn": arn, "tags": [A]})
    api.raw("UntagResource", {"resourceArn": arn, "tagKeys": ["a"]})


def test_tags_of_a_gone_instance_go(api, fails):
    """API-041: with what was deregistered, which cannot be tagged any more."""
    cluster = api.cluster()
    arn = api.agent(cluster, tags=[A]).arn
    assert tag_list(api, arn) == [A]
    gone = api.raw("DeregisterContainerInstance", {"cluster": cluster, "containerInstance": arn})["containerInstance"]
    assert (gone["status"], gone["tags"]) == ("INACTIVE", [])
    for operation, more in (("TagResource", {"tags": [A]}), ("UntagResource", {"tagKeys": ["a"]})):
        with fails("ResourceNotFoundException", "The specified resource was not found."):
            api.raw(operation, dict(more, resourceArn=arn))


def test_propagation_to_tasks(api):
    """SC-018, SC-356, SC-358, SC-360, API-122: from the definition, explicit ones first, the managed ones beside."""
    cluster = api.cluster()
    api.agent(cluster)
    definition = api.define(tags=[{"key": "from", "value": "definition"}, {"key": "own", "value": "definition"}])

    def tags_of(**more):
        task = api.raw("RunTask", dict({"cluster": cluster, "taskDefinition": definition}, **more))["tasks"][0]["taskArn"]
        found = api.raw("DescribeTasks", {"cluster": cluster, "tasks": [task], "include": ["TAGS"]})["tasks"][0]["tags"]
        assert sorted(tag_list(api, task), key=str) == sorted(found, key=str)
        return {t["key"]: t["value"] for t in found}

    assert tags_of() == {} and tags_of(propagateTags="NONE") == {}
    assert tags_of(propagateTags="TASK_DEFINITION", tags=[{"key": "own", "value": "call"}]) == {"from": "definition", "own": "call"}
    assert tags_of(enableECSManagedTags=True) == {"aws:ecs:clusterName": cluster}


@pytest.mark.parametrize("source, wanted", [("SERVICE", {"of": "service"}), ("TASK_DEFINITION", {"of": "definition"}), ("NONE", {})])
def test_propagation_to_the_tasks_of_a_service(api, source, wanted):
    """SC-357, SC-360, API-153; SC- example T36, TD- example 42."""
    cluster = api.cluster()
    api.agent(cluster)
    api.raw("CreateService", {
        "cluster": cluster, "serviceName": "s", "taskDefinition": api.define(tags=[{"key": "of", "value": "definition"}]), "desiredCount": 1,
        "tags": [{"key": "of", "value": "service"}], "propagateTags": source, "enableECSManagedTags": True})
    arn = api.until(lambda: api.raw("ListTasks", {"cluster": cluster})["taskArns"])[0]
    assert {t["key"]: t["value"] for t in tag_list(api, arn)} == dict(wanted, **{"aws:ecs:clusterName": cluster, "aws:ecs:serviceName": "s"})


def test_managed_tags_are_not_counted_nor_removed(api, fails):
    """API-039, SC-352: fifty of one's own beside them; aws: cannot be taken away."""
    cluster = api.cluster()
    api.agent(cluster)
    own = [{"key": "k%d" % i, "value": ""} for i in range(50)]
    arn = api.raw("RunTask", {"cluster": cluster, "taskDefinition": api.define(), "tags": own, "enableECSManagedTags": True})["tasks"][0]["taskArn"]
    assert len(tag_list(api, arn)) == 51
    with fails("InvalidParameterException"):
        api.raw("UntagResource", {"resourceArn": arn, "tagKeys": ["aws:ecs:clusterName"]})
    assert len(tag_list(api, arn)) == 51


def test_tags_survive_a_restart(own_api):
    arn = own_api.raw("CreateCluster", {"clusterName": "c"})["cluster"]["clusterArn"]
    own_api.raw("TagResource", {"resourceArn": arn, "tags": [A, B]})
    own_api.raw("UntagResource", {"resourceArn": arn, "tagKeys": ["a"]})
    own_api.server.kill()
    own_api.server.start()
    assert tag_list(own_api, arn) == [B]


def test_the_command_line(api, things, awscli):
    """SC- example T36."""
    awscli("tag-resource", "--resource-arn", things["service"], "--tags", "key=cli,value=yes")
    assert {"key": "cli", "value": "yes"} in awscli("list-tags-for-resource", "--resource-arn", things["service"])["tags"]
    awscli("untag-resource", "--resource-arn", things["service"], "--tag-keys", "cli")
    assert {"key": "cli", "value": "yes"} not in awscli("list-tags-for-resource", "--resource-arn", things["service"])["tags"]


def test_capacity_providers_and_task_sets(api, fails):
    """API-174, SC-348: the two kinds with names of their own form; the Fargate providers have no tags."""
    cluster, name = api.cluster(), api.name("provider")
    group = "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:%s:autoScalingGroupName/%s" % ("1" * 8, name)
    provider = api.raw("CreateCapacityProvider", {
        "name": name, "autoScalingGroupProvider": {"autoScalingGroupArn": group}, "tags": [A]})["capacityProvider"]["capacityProviderArn"]
    api.raw("CreateService", {"cluster": cluster, "serviceName": "s", "desiredCount": 0, "deploymentController": {"type": "EXTERNAL"}})
    task_set = api.raw("CreateTaskSet", {"cluster": cluster, "service": "s", "taskDefinition": api.define(), "tags": [A]})["taskSet"]["taskSetArn"]
    for arn in (provider, task_set):
        assert tag_list(api, arn) == [A]
        api.raw("TagResource", {"resourceArn": arn, "tags": [B]})
        api.raw("UntagResource", {"resourceArn": arn, "tagKeys": ["a"]})
        assert tag_list(api, arn) == [B]
        with fails("ResourceNotFoundException"):
            api.raw("TagResource", {"resourceArn": arn + "0", "tags": [A]})
    with fails("ResourceNotFoundException"):
        api.raw("TagResource", {"resourceArn": provider.rsplit("/", 1)[0] + "/FARGATE", "tags": [A]})
    assert tag_list(api, provider) == [B]
