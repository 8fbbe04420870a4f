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


BAD = {"command": ["/there/is/no/such/program"], "linuxParameters": {}}  # with an init it would run, and then end


def deployment_of(ecs, service):
    """The newest service deployment (2024)."""
    brief = ecs.list_service_deployments(service=service["serviceArn"], cluster=service["clusterArn"])["serviceDeployments"][0]
    return ecs.describe_service_deployments(serviceDeploymentArns=[brief["serviceDeploymentArn"]])["serviceDeployments"][0]


def test_a_bad_revision_is_rolled_back(ecs, cluster, agent):
    """API-189 to API-191: the breaker trips, what ran before serves on, and the events say so."""
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    service = create(ecs, cluster, 2, deploymentConfiguration=breaker)
    stable(ecs, cluster)
    eventually(lambda: service_of(ecs, cluster)["deployments"][0]["rolloutState"] == "COMPLETED", 60)
    before = {t["taskArn"] for t in running(ecs, cluster)}
    bad = ecs.register_task_definition(**web(**BAD))["taskDefinition"]["taskDefinitionArn"]
    updated = ecs.update_service(cluster=cluster, service="web", taskDefinition=bad)["service"]
    failed = updated["deployments"][0]["id"]
    eventually(lambda: any("rolling back to deployment" in e["message"] for e in service_of(ecs, cluster)["events"]), 120)
    eventually(lambda: len(service_of(ecs, cluster)["deployments"]) == 1, 60)
    after = service_of(ecs, cluster)
    messages = [e["message"] for e in after["events"]]
    assert after["taskDefinition"] == service["taskDefinition"]
    assert "(service web) (deployment %s) deployment failed: tasks failed to start." % failed in messages
    assert {t["taskArn"] for t in running(ecs, cluster)} == before
    eventually(lambda: service_of(ecs, cluster)["deployments"][0]["rolloutState"] == "COMPLETED", 60)


def test_a_first_deployment_that_fails_stays_failed(ecs, cluster, agent):
    """API-189: there is nothing to go back to; a FAILED deployment starts nothing more, an update begins anew."""
    create(ecs, cluster, 1, definition=web(**BAD),
           deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}})
    eventually(lambda: service_of(ecs, cluster)["deployments"][0]["rolloutState"] == "FAILED", 120)
    deployment = service_of(ecs, cluster)["deployments"][0]
    assert deployment["rolloutStateReason"] == "ECS deployment circuit breaker: tasks failed to start."
    assert deployment["failedTasks"] == 3
    ecs.register_task_definition(**web())
    ecs.update_service(cluster=cluster, service="web", taskDefinition="web")
    eventually(lambda: running(ecs, cluster), 30)


def test_a_daemon_is_on_every_instance(ecs, cluster, agent):
    """SC-127, SC-129, SC-136: one task on the instance, none while it drains."""
    definition = ecs.register_task_definition(**web())["taskDefinition"]["taskDefinitionArn"]
    service = ecs.create_service(cluster=cluster, serviceName="web", taskDefinition=definition, schedulingStrategy="DAEMON")
    assert "desiredCount" in service["service"]
    eventually(lambda: len(running(ecs, cluster)) == 1, 60)
    assert service_of(ecs, cluster)["desiredCount"] == 1
    instances = ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
    ecs.update_container_instances_state(cluster=cluster, containerInstances=instances, status="DRAINING")
    eventually(lambda: not running(ecs, cluster) and service_of(ecs, cluster)["desiredCount"] == 0, 60)
    ecs.update_container_instances_state(cluster=cluster, containerInstances=instances, status="ACTIVE")
    eventually(lambda: len(running(ecs, cluster)) == 1, 60)
    ecs.delete_service(cluster=cluster, service="web")
    eventually(lambda: not running(ecs, cluster), 60)


def test_task_sets_run_their_share(ecs, cluster, agent):
    """API-159 to API-162, API-194: two sets, traffic moved from one to the other, the first deleted."""
    ecs.register_task_definition(**web())
    ecs.create_service(cluster=cluster, serviceName="web", desiredCount=2, deploymentController={"type": "EXTERNAL"})

    def add(percent):
        return ecs.create_task_set(cluster=cluster, service="web", taskDefinition="web", launchType="EC2",
                                   scale={"value": percent, "unit": "PERCENT"})["taskSet"]["id"]

    def sets():
        return {s["id"]: s for s in ecs.describe_task_sets(cluster=cluster, service="web")["taskSets"]}

    first = add(100)
    eventually(lambda: sets()[first]["runningCount"] == 2, 60)
    second = add(50)
    eventually(lambda: sets()[second]["runningCount"] == 1, 60)
    ecs.update_service_primary_task_set(cluster=cluster, service="web", primaryTaskSet=second)
    ecs.update_task_set(cluster=cluster, service="web", taskSet=first, scale={"value": 0, "unit": "PERCENT"})
    eventually(lambda: sets()[first]["runningCount"] == 0, 60)
    ecs.delete_task_set(cluster=cluster, service="web", taskSet=first)
    eventually(lambda: list(sets()) == [second], 60)
    eventually(lambda: sets()[second]["stabilityStatus"] == "STEADY_STATE", 90)
    ecs.delete_service(cluster=cluster, service="web", force=True)
    eventually(lambda: service_of(ecs, cluster)["status"] == "INACTIVE", 60)
