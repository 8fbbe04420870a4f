"""Services on a real Docker engine: kept at their count, replaced within their percents."""
from harness.program import eventually
from harness.samples import get, host_port, shell, web


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
    assert any("has reached a steady state." in e["message"]
               for e in eventually(lambda: service_of(ecs, cluster)["events"], 30))

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
    assert not docker.containers("label=com.amazonaws.ecs.cluster=" + cluster, everything=False)


def test_failing_tasks_back_off(ecs, cluster, agent):
    """SC-: a task that exits at once is not started over and over without a pause."""
    create(ecs, cluster, 1, definition=shell("exit 1", family="web"))
    eventually(lambda: len(ecs.list_tasks(cluster=cluster, serviceName="web", desiredStatus="STOPPED")["taskArns"]) >= 2, 90)
    eventually(lambda: any("unable to consistently start tasks successfully" in e["message"]
                           for e in service_of(ecs, cluster)["events"]), 180)
    assert len(ecs.list_tasks(cluster=cluster, serviceName="web", desiredStatus="STOPPED")["taskArns"]) < 30
