"""What becomes of revisions: ACTIVE, INACTIVE, DELETE_IN_PROGRESS, gone. TD- section 1, API-113, DeleteTaskDefinitions of API- section 11."""
import threading

import pytest

MISSING = "The specified task definition does not exist. Specify a valid account, family, revision and try again."
ACTIVE = "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
INVALID = "The specified task definition identifier is invalid. Specify a valid name or ARN and try again."


def retire(api, *names):
    """Deregisters and deletes; the answer to the deletion."""
    for name in names:
        api.raw("DeregisterTaskDefinition", {"taskDefinition": name})
    return api.raw("DeleteTaskDefinitions", {"taskDefinitions": list(names)})


def status_of(api, name):
    return api.raw("DescribeTaskDefinition", {"taskDefinition": name})["taskDefinition"]["status"]


def is_gone(api, name):
    listed = [arn for status in ("ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS") for arn in arns(api, name.split(":")[0], status=status)]
    return not any(arn.endswith("/" + name) for arn in listed)


def arns(api, family, **more):
    found, token = [], None
    while True:
        page = api.raw("ListTaskDefinitions", dict(more, familyPrefix=family, **({"nextToken": token} if token else {})))
        found += page["taskDefinitionArns"]
        token = page.get("nextToken")
        if not token:
            return found


def families(api, prefix, status="ALL"):
    return api.raw("ListTaskDefinitionFamilies", {"familyPrefix": prefix, "status": status})["families"]


def test_what_nothing_rests_on_goes_at_once(api, fails):
    """TD-010, TD-276: the answer says DELETE_IN_PROGRESS; then it is gone, its number stays taken."""
    family = api.name("gone")
    for _ in range(3):
        api.define(family)
    answer = retire(api, family + ":1", family + ":3")
    assert [(d["revision"], d["status"]) for d in answer["taskDefinitions"]] == [(1, "DELETE_IN_PROGRESS"), (3, "DELETE_IN_PROGRESS")]
    assert all(d["deleteRequestedAt"] >= d["deregisteredAt"] for d in answer["taskDefinitions"]) and answer["failures"] == []
    api.until(lambda: is_gone(api, family + ":1") and is_gone(api, family + ":3"))
    with fails("ClientException", "Unable to describe task definition."):
        status_of(api, family + ":3")
    with fails("ClientException", MISSING):
        api.raw("DeregisterTaskDefinition", {"taskDefinition": family + ":3"})
    assert api.define(family).endswith(":4")


def test_failures_one_by_one(api, fails):
    """Each for itself: what can be deleted is, what cannot is a failure with its reason; HTTP 200."""
    family = api.name("mixed")
    arn = api.define(family)
    api.define(family)
    api.raw("DeregisterTaskDefinition", {"taskDefinition": family + ":2"})
    answer = api.raw("DeleteTaskDefinitions", {"taskDefinitions": [arn, family + ":2", family + ":7", family, "not a name"]})
    assert [d["revision"] for d in answer["taskDefinitions"]] == [2]
    assert answer["failures"] == [
        {"arn": arn, "reason": ACTIVE}, {"arn": family + ":7", "reason": MISSING}, {"arn": family, "reason": INVALID},
        {"arn": "not a name", "reason": INVALID}]
    for wrong in ([], [family + ":%d" % i for i in range(1, 12)]):
        with fails("InvalidParameterException"):
            api.raw("DeleteTaskDefinitions", {"taskDefinitions": wrong})
    with fails("InvalidParameterException"):
        api.raw("DeleteTaskDefinitions", {})
    assert status_of(api, arn) == "ACTIVE"


def test_a_family_deleted_whole_is_told_no_more(api):
    """Its name comes back with the next number."""
    family = api.name("whole")
    api.define(family)
    assert families(api, family) == [family]
    api.raw("DeregisterTaskDefinition", {"taskDefinition": family + ":1"})
    assert families(api, family) == families(api, family, "INACTIVE") == [family] and families(api, family, "ACTIVE") == []
    api.raw("DeleteTaskDefinitions", {"taskDefinitions": [family + ":1"]})
    api.until(lambda: families(api, family) == [])
    assert api.define(family).endswith(":2") and families(api, family, "ACTIVE") == [family]


def test_a_running_task_keeps_it(own_api, fails):
    """DELETE_IN_PROGRESS while the task runs, across a kill; described, listed, not run again; gone when the task has ended."""
    api = own_api
    cluster, family = api.cluster(), api.name("kept")
    agent = api.agent(cluster)
    arn = api.define(family)
    task = api.ecs.run_task(cluster=cluster, taskDefinition=arn)["tasks"][0]["taskArn"]
    api.until_task(cluster, task, "RUNNING")
    retire(api, family + ":1")
    assert status_of(api, arn) == "DELETE_IN_PROGRESS"
    assert arns(api, family, status="DELETE_IN_PROGRESS") == [arn] and arns(api, family, status="INACTIVE") == []
    assert families(api, family) == families(api, family, "INACTIVE") == [family]
    with fails("InvalidParameterException", "TaskDefinition is inactive"):
        api.raw("RunTask", {"cluster": cluster, "taskDefinition": arn})
    with fails("InvalidParameterException", "TaskDefinition is inactive"):
        api.raw("CreateService", {"cluster": cluster, "serviceName": "s", "taskDefinition": arn, "desiredCount": 0})
    with fails("ClientException"):
        api.raw("DescribeTaskDefinition", {"taskDefinition": family})
    before = api.raw("DescribeTaskDefinition", {"taskDefinition": arn})
    api.server.kill()
    api.server.start()
    assert api.raw("DescribeTaskDefinition", {"taskDefinition": arn}) == before
    agent.connect()
    api.ecs.stop_task(cluster=cluster, task=task)
    api.until_task(cluster, task, "STOPPED")
    api.until(lambda: is_gone(api, family + ":1"))
    assert api.task(cluster, task)["taskDefinitionArn"] == arn  # what ran keeps its name
    assert api.define(family).endswith(":2")


def test_a_service_keeps_it(api):
    """TD-006: it goes on and scales from a deleted revision; with the service the revision goes."""
    cluster, family = api.cluster(), api.name("served")
    api.agent(cluster)
    arn = api.define(family)
    api.ecs.create_service(cluster=cluster, serviceName="s", taskDefinition=arn, desiredCount=1)
    api.until(lambda: api.service(cluster, "s")["runningCount"] == 1)
    retire(api, family + ":1")
    api.ecs.update_service(cluster=cluster, service="s", desiredCount=2)
    api.until(lambda: api.service(cluster, "s")["runningCount"] == 2)
    assert status_of(api, arn) == "DELETE_IN_PROGRESS"
    api.ecs.delete_service(cluster=cluster, service="s", force=True)
    api.until(lambda: is_gone(api, family + ":1"))


def test_another_revision_sets_it_free(api):
    """A service that was moved on does not hold what it ran before."""
    cluster, family = api.cluster(), api.name("moved")
    api.agent(cluster)
    api.define(family)
    api.ecs.create_service(cluster=cluster, serviceName="s", taskDefinition=family, desiredCount=1,
                           deploymentConfiguration={"maximumPercent": 100, "minimumHealthyPercent": 0})
    api.until(lambda: api.service(cluster, "s")["runningCount"] == 1)
    api.define(family)
    api.ecs.update_service(cluster=cluster, service="s", taskDefinition=family)
    retire(api, family + ":1")
    api.until(lambda: is_gone(api, family + ":1"))
    assert status_of(api, family + ":2") == "ACTIVE"
    api.until(lambda: len(api.service(cluster, "s")["deployments"]) == 1)


def test_deleted_before_a_kill_is_gone_after_it(own_api):
    """Nothing that was asked for and answered is forgotten: neither the deletion nor the number."""
    api, family = own_api, own_api.name("killed")
    for _ in range(12):
        api.define(family)
    retire(api, *("%s:%d" % (family, i) for i in range(3, 13)))
    api.server.kill()
    api.server.start()
    api.until(lambda: len(arns(api, family, status="DELETE_IN_PROGRESS")) == 0)
    assert [arn.rsplit(":", 1)[1] for arn in arns(api, family)] == ["1", "2"]
    assert api.define(family).endswith(":13")


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
def test_death_at_each_step_of_a_deletion(own_api, point):
    """At every commit from the deregistration to the deletion, until a run needs no more: what was answered holds, and no
    revision stays DELETE_IN_PROGRESS with nothing resting on it."""
    api, died = own_api, True
    for nth in range(1, 20):
        family, answered = api.name("dies"), False
        api.define(family)
        api.server.kill()
        try:
            api.server.start(extra_env={"BERTH_FAIL_POINT": "%s:%d" % (point, nth)})
            answered = bool(retire(api, family + ":1")["taskDefinitions"])
            api.until(lambda: not api.server.is_running() or is_gone(api, family + ":1"))  # pylint: disable=cell-var-from-loop
        except (OSError, AssertionError):  # it died before it was ready, or before it answered
            api.server.kill()
        died = not api.server.is_running()
        api.server.kill()
        api.server.start()
        api.until(lambda: not arns(api, family, status="DELETE_IN_PROGRESS"))  # pylint: disable=cell-var-from-loop
        if answered:
            assert is_gone(api, family + ":1")
        assert api.define(family).endswith(":2")
        if not died:
            break
    assert nth > 3 and not died  # deregistered, asked for, deleted: each was died at


@pytest.mark.parametrize("sort", ["ASC", "DESC"])
def test_pages_while_others_come_and_go(api, sort):
    """API-060: what is there from the first page to the last is told once; nothing twice."""
    stem = api.name("walk")
    steady = ["%s-%02d" % (stem, i) for i in range(0, 40, 2)]
    for family in steady:
        api.define(family)
        api.define(family)
    wanted = {"task-definition/%s:%d" % (family, i) for family in steady for i in (1, 2)}
    done, failed = threading.Event(), []

    def churn(start):
        try:
            number = start
            while not done.is_set():
                family = "%s-%02d" % (stem, number % 40 | 1)
                retire(api, api.define(family).rsplit("/", 1)[1])
                number += 2
        except Exception as err:  # pylint: disable=broad-except
            failed.append(err)

    threads = [threading.Thread(target=churn, args=(1 + 20 * i,)) for i in range(2)]
    for one in threads:
        one.start()
    try:
        for _ in range(6):
            seen, token = [], None
            while True:
                page = api.raw("ListTaskDefinitions", dict({"maxResults": 3, "sort": sort}, **({"nextToken": token} if token else {})))
                seen += page["taskDefinitionArns"]
                token = page.get("nextToken")
                if not token:
                    break
            seen = [arn.split(":", 5)[5] for arn in seen]
            assert len(seen) == len(set(seen))
            assert wanted <= set(seen)
            assert [s for s in seen if s in wanted] == sorted(wanted, reverse=sort == "DESC")
    finally:
        done.set()
        for one in threads:
            one.join()
    assert not failed
