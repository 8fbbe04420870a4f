"""Services on a real Docker engine: kept at their count, replaced within their percents."""
from harness.program import eventually
from harness.samples import get, host_port, shell, web as plain_web


def web(**container):
    """With a health check, tasks count as healthy when it says so, not 40 s after they run (SC-199, SC-200)."""
    return plain_web(healthCheck={"command": ["CMD-SHELL", "true"], "interval": 5, "timeout": 2, "retries": 2}, **container)


def service_of(ecs, cluster, name="web"):
    return ecs.describe_services(cluster=cluster, services=[name])["services"][0]


def running(ecs, cluster, name="web"):
    arns = ecs.list_tasks(cluster=cluster, serviceName=name)["taskArns"]
    tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    return [t for t in tasks if t["lastStatus"] == "RUNNING"]


def create(ecs, cluster, count=2, definition=None, **kwargs):
    definition = definition or web()
    ecs.register_task_definition(**definition)
    return ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=definition["family"], desiredCount=count,
                              **kwargs)["service"]


def stable(ecs, cluster, name="web"):
    ecs.get_waiter("services_stable").wait(cluster=cluster, services=[name], WaiterConfig={"Delay": 1, "MaxAttempts": 90})


def test_create_update_describe_delete(ecs, cluster, agent):
    """The flow of a CD tool: register, create, update, describe, delete; both stock waiters."""
    service = create(ecs, cluster)
    assert service["status"] == "ACTIVE" and service["desiredCount"] == 2
    stable(ecs, cluster)
    tasks = running(ecs, cluster)
    assert len(tasks) == 2
    for task in tasks:
        assert task["group"] == "service:web"
        assert task["startedBy"] == service["deployments"][0]["id"]
        assert get(host_port(task)).startswith("hello, ")
    eventually(lambda: any("has reached a steady state." in e["message"] for e in service_of(ecs, cluster)["events"]), 60)

    second = ecs.register_task_definition(**web(environment=[{"name": "GREETING", "value": "goodbye"}]))["taskDefinition"]
    service = ecs.update_service(cluster=cluster, service="web", taskDefinition="web:%d" % second["revision"])["service"]
    assert service["deployments"][0]["status"] == "PRIMARY"
    assert service["deployments"][0]["taskDefinition"] == second["taskDefinitionArn"]
    assert len(service["deployments"]) == 2
    stable(ecs, cluster)
    tasks = running(ecs, cluster)
    assert {t["taskDefinitionArn"] for t in tasks} == {second["taskDefinitionArn"]}
    assert all(get(host_port(t)).startswith("goodbye, ") for t in tasks)
    assert [d["status"] for d in service_of(ecs, cluster)["deployments"]] == ["PRIMARY"]

    ecs.update_service(cluster=cluster, service="web", desiredCount=0)
    stable(ecs, cluster)
    assert running(ecs, cluster) == []
    assert ecs.delete_service(cluster=cluster, service="web")["service"]["status"] == "DRAINING"
    ecs.get_waiter("services_inactive").wait(cluster=cluster, services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def test_a_task_that_dies_is_replaced(ecs, cluster, agent, docker):
    create(ecs, cluster)
    stable(ecs, cluster)
    victim = running(ecs, cluster)[0]
    docker.run("kill", victim["containers"][0]["runtimeId"])
    eventually(lambda: victim["taskArn"] not in [t["taskArn"] for t in running(ecs, cluster)] and len(running(ecs, cluster)) == 2, 60)


def test_scaling_out_and_in(ecs, cluster, agent):
    create(ecs, cluster, 1)
    stable(ecs, cluster)
    for count in (4, 1):
        ecs.update_service(cluster=cluster, service="web", desiredCount=count)
        stable(ecs, cluster)
        assert len(running(ecs, cluster)) == count


def test_an_update_never_goes_below_the_minimum(ecs, cluster, agent):
    """SC- section 13: at least minimumHealthyPercent of the desired count run at every moment."""
    create(ecs, cluster, 4, deploymentConfiguration={"minimumHealthyPercent": 75, "maximumPercent": 125})
    stable(ecs, cluster)
    ecs.register_task_definition(**web(environment=[{"name": "GREETING", "value": "second"}]))
    ecs.update_service(cluster=cluster, service="web", taskDefinition="web")
    fewest, most = 4, 4

    def done():
        nonlocal fewest, most
        service = service_of(ecs, cluster)
        fewest = min(fewest, service["runningCount"])
        most = max(most, service["runningCount"] + service["pendingCount"])
        return len(service["deployments"]) == 1 and service["runningCount"] == 4

    eventually(done, 120, "the update ends")
    assert fewest >= 3
    assert most <= 5


def test_a_forced_deletion_stops_the_tasks(ecs, cluster, agent, docker):
    create(ecs, cluster)
    stable(ecs, cluster)
    ecs.delete_service(cluster=cluster, service="web", force=True)
    eventually(lambda: service_of(ecs, cluster)["status"] == "INACTIVE", 60)
    # SC-186: INACTIVE once all tasks are STOPPING or STOPPED.
    eventually(lambda: not docker.containers("label=com.amazonaws.ecs.cluster=" + cluster, everything=False), 60)


def stopped(ecs, cluster):
    return ecs.list_tasks(cluster=cluster, serviceName="web", desiredStatus="STOPPED")["taskArns"]


def test_tasks_that_do_not_start_back_off(ecs, cluster, agent):
    """SC-341, SC-342: the launches of tasks that never run get rarer, and an event says why."""
    create(ecs, cluster, 1, definition=shell("true", family="web", command=["/there/is/no/such/program"], linuxParameters={}))
    eventually(lambda: any("is unable to consistently start tasks successfully." in e["message"]
                           for e in service_of(ecs, cluster)["events"]), 120)
    tasks = ecs.describe_tasks(cluster=cluster, tasks=stopped(ecs, cluster))["tasks"]
    assert {t["stopCode"] for t in tasks} == {"TaskFailedToStart"}
    assert all(t["containers"][0]["reason"].startswith("CannotStartContainerError") for t in tasks)
    assert len(tasks) < 20
    # SC-344: a deployment starts afresh.
    ecs.register_task_definition(**web())
    ecs.update_service(cluster=cluster, service="web", taskDefinition="web")
    eventually(lambda: running(ecs, cluster), 30)


def test_tasks_that_end_by_themselves_do_not(ecs, cluster, agent):
    """SC-346: a command that exits at once is started again and again."""
    create(ecs, cluster, 1, definition=shell("exit 1", family="web"))
    eventually(lambda: len(stopped(ecs, cluster)) >= 4, 60)
    assert not any("unable to consistently" in e["message"] for e in service_of(ecs, cluster)["events"])
