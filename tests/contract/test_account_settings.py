"""Account settings: API-175, CL- section G."""
import re

import pytest

ROOT = "arn:aws:iam::000000000000:root"
ANN = "arn:aws:iam::000000000000:user/ann"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def in_force(api, name, principal=ROOT):
    found = api.ecs.list_account_settings(name=name, effectiveSettings=True, principalArn=principal)["settings"]
    assert [(s["name"], s["principalArn"]) for s in found] == [(name, principal)]
    return found[0]["value"]


@pytest.fixture
def disabled(api):
    """Switches settings off until the test is over."""
    names = []

    def switch(*more):
        for name in more:
            api.ecs.put_account_setting_default(name=name, value="disabled")
            names.append(name)
    yield switch
    for name in names:
        api.ecs.delete_account_setting(name=name)


def test_precedence(own_api):
    """CL-222 to CL-226, CL-228, example W22: user, then account, then ECS."""
    ecs = own_api.ecs
    assert own_api.raw("ListAccountSettings") == {"settings": []}
    assert in_force(own_api, "containerInsights", ANN) == "disabled"
    assert own_api.raw("PutAccountSetting", {
        "name": "containerInsights", "value": "enhanced", "principalArn": ANN})["setting"] == {
            "name": "containerInsights", "value": "enhanced", "principalArn": ANN, "type": "user"}
    ecs.put_account_setting_default(name="containerInsights", value="enabled")
    assert in_force(own_api, "containerInsights", ANN) == "enhanced"
    assert in_force(own_api, "containerInsights", ANN.replace("ann", "bob")) == "enabled"
    assert ecs.delete_account_setting(name="containerInsights", principalArn=ANN)["setting"]["principalArn"] == ANN
    assert in_force(own_api, "containerInsights", ANN) == "enabled"
    ecs.delete_account_setting(name="containerInsights")
    assert in_force(own_api, "containerInsights") == "disabled"


def test_every_name(api):
    """CL-220: eleven settings on two pages, all with a value in force."""
    first = api.raw("ListAccountSettings", {"effectiveSettings": True})
    rest = api.raw("ListAccountSettings", {"effectiveSettings": True, "nextToken": first["nextToken"]})
    names = [s["name"] for s in first["settings"] + rest["settings"]]
    assert len(first["settings"]) == 10 and "nextToken" not in rest
    assert set(names) == {
        "serviceLongArnFormat", "taskLongArnFormat", "containerInstanceLongArnFormat", "awsvpcTrunking",
        "containerInsights", "fargateFIPSMode", "tagResourceAuthorization", "fargateTaskRetirementWaitPeriod",
        "guardDutyActivate", "defaultLogDriverMode", "fargateEventWindows"}


def test_refusals(api, fails):
    for body in ({"name": "containerInsights", "value": "on"}, {"name": "nothing", "value": "enabled"},
                 {"name": "guardDutyActivate", "value": "on"}, {"name": "taskLongArnFormat"}, {"value": "enabled"},
                 {"name": "taskLongArnFormat", "value": "enabled", "principalArn": "ann"}):
        with fails("InvalidParameterException"):
            api.raw("PutAccountSetting", body)
    with fails("InvalidParameterException", "~name"):
        api.raw("ListAccountSettings", {"value": "enabled"})


def test_settings_survive_a_restart(own_api, server):
    own_api.ecs.put_account_setting_default(name="taskLongArnFormat", value="disabled")
    own_api.ecs.put_account_setting(name="awsvpcTrunking", value="enabled", principalArn=ANN)
    own_api.ecs.put_account_setting(name="awsvpcTrunking", value="enabled")
    own_api.ecs.delete_account_setting(name="awsvpcTrunking")
    server.kill()
    server.start()
    assert in_force(own_api, "taskLongArnFormat") == "disabled"
    assert in_force(own_api, "awsvpcTrunking", ANN) == "enabled"
    assert in_force(own_api, "awsvpcTrunking") == "disabled"


def test_insights_of_new_clusters(api):
    """CL-237, CL-040: the account's value, unless the cluster is made with its own; none that is there changes."""
    def made(**more):
        name = api.cluster(**more)
        return api.ecs.describe_clusters(clusters=[name], include=["SETTINGS"])["clusters"][0]["settings"][0]["value"]
    before = api.cluster()
    api.ecs.put_account_setting_default(name="containerInsights", value="enhanced")
    assert made() == "enhanced"
    assert made(settings=[{"name": "containerInsights", "value": "disabled"}]) == "disabled"
    assert api.ecs.describe_clusters(clusters=[before], include=["SETTINGS"])["clusters"][0]["settings"][0][
        "value"] == "disabled"
    api.ecs.delete_account_setting(name="containerInsights")


def test_old_arns(api, fails, disabled):
    """CL-229 to CL-235, API-032, API-040, SC-363, example W23: the form of the moment something is made is kept, and both name it."""
    cluster = api.cluster()
    definition = api.define()
    disabled("serviceLongArnFormat", "taskLongArnFormat", "containerInstanceLongArnFormat")
    agent = api.agent(cluster)
    task = api.ecs.run_task(cluster=cluster, taskDefinition=definition)["tasks"][0]
    service = api.ecs.create_service(
        cluster=cluster, serviceName="old", taskDefinition=definition, desiredCount=1)["service"]
    prefix = "arn:aws:ecs:us-east-1:000000000000:"
    assert re.fullmatch(prefix + "task/" + UUID, task["taskArn"])
    assert re.fullmatch(prefix + "container-instance/" + UUID, task["containerInstanceArn"])
    assert re.fullmatch(prefix + "container/" + UUID, task["containers"][0]["containerArn"])
    assert service["serviceArn"] == prefix + "service/old"
    assert agent.arn == task["containerInstanceArn"]
    with fails("InvalidParameterException", "~new ARN and resource ID format must be enabled"):
        api.ecs.run_task(cluster=cluster, taskDefinition=definition, tags=[{"key": "k", "value": "v"}])
    identifier = task["taskArn"].rsplit("/", 1)[1].replace("-", "")
    for arn in (task["taskArn"], prefix + "task/%s/%s" % (cluster, identifier), prefix + "service/%s/old" % cluster,
                prefix + "container-instance/%s/%s" % (cluster, agent.arn.rsplit("/", 1)[1].replace("-", ""))):
        with fails("InvalidParameterException", "Long arn format must be used for tagging operations"):
            api.ecs.tag_resource(resourceArn=arn, tags=[{"key": "k", "value": "v"}])
    for what, more in (("propagate tags", {"propagateTags": "TASK_DEFINITION"}),
                       ("work with ECS managed tags", {"enableECSManagedTags": True})):
        text = "The new ARN and resource ID format must be enabled to %s. Opt in to the new format and try again." % what
        with fails("InvalidParameterException", text):
            api.ecs.run_task(cluster=cluster, taskDefinition=definition, **more)
        with fails("InvalidParameterException", text):
            api.ecs.create_service(cluster=cluster, serviceName="older", taskDefinition=definition, desiredCount=0, **more)
        with fails("InvalidParameterException", text):
            api.ecs.update_service(cluster=cluster, service="old", **more)

    for name in ("serviceLongArnFormat", "taskLongArnFormat", "containerInstanceLongArnFormat"):
        api.ecs.put_account_setting_default(name=name, value="enabled")
    assert api.task(cluster, task["taskArn"])["taskArn"] == task["taskArn"]
    assert api.task(cluster, prefix + "task/%s/%s" % (cluster, identifier))["taskArn"] == task["taskArn"]
    assert api.service(cluster, prefix + "service/%s/old" % cluster)["serviceArn"] == service["serviceArn"]
    # The agent runs both kinds and reports them by the name it was told.
    api.until_task(cluster, task["taskArn"], "RUNNING")
    api.until(lambda: api.service(cluster, "old")["runningCount"] == 1)
    of_service = api.ecs.list_tasks(cluster=cluster, serviceName="old")["taskArns"]
    assert re.fullmatch(prefix + "task/" + UUID, of_service[0])
    fresh = api.ecs.run_task(cluster=cluster, taskDefinition=definition)["tasks"][0]
    assert fresh["taskArn"].startswith(prefix + "task/%s/" % cluster)
    assert fresh["containerInstanceArn"] == agent.arn
    api.ecs.stop_task(cluster=cluster, task=task["taskArn"])
    api.until_task(cluster, task["taskArn"], "STOPPED")


def test_the_cli(api, awscli):
    awscli("put-account-setting-default", "--name", "awsvpcTrunking", "--value", "enabled")
    listed = awscli("list-account-settings", "--effective-settings")["settings"]  # the CLI pages by itself
    assert {s["name"]: s["value"] for s in listed}["awsvpcTrunking"] == "enabled"
    awscli("put-account-setting", "--name", "awsvpcTrunking", "--value", "disabled", "--principal-arn", ANN)
    assert awscli("list-account-settings", "--name", "awsvpcTrunking", "--principal-arn", ANN)["settings"][0][
        "value"] == "disabled"
    awscli("delete-account-setting", "--name", "awsvpcTrunking", "--principal-arn", ANN)
    awscli("delete-account-setting", "--name", "awsvpcTrunking")
    assert in_force(api, "awsvpcTrunking") == "disabled"
