"""What clusters and services use of what they have: the metrics of AWS/ECS at /metrics (MS-010 to MS-029)."""
import re
import time
import urllib.request

import pytest


@pytest.fixture
def cluster(api):
    return api.cluster()


def series(api, cluster):
    """{(name, service): value} of a cluster; service None: the cluster's own."""
    with urllib.request.urlopen(api.server.url + "/metrics", timeout=30) as page:
        text = page.read().decode()
    found = re.findall(r'^berth_(\w+)\{account="000000000000",region="us-east-1",cluster="%s"(?:,service="([^"]*)")?\} (\S+)$' % cluster, text, re.M)
    return {(name, service or None): float(value) for name, service, value in found}


def publish(agent, **used):
    """A round of metrics: of each task the percent of its host's processors and the MiB in use (AP-505 to AP-509)."""
    def stats(value):
        return {"min": value, "max": value, "sampleCount": 1, "sum": value}
    agent.publish("PublishMetricsRequest", metadata=agent.metadata(idle=False), timestamp=time.time(), taskMetrics=[
        {"taskArn": arn, "taskDefinitionFamily": "f", "taskDefinitionVersion": "1", "containerMetrics": [
            {"containerName": "main", "cpuStatsSet": stats(cpu), "memoryStatsSet": stats(memory)}]}
        for arn, (cpu, memory) in used.items()])


def tasks_of(api, cluster, count, **more):
    def there():
        arns = api.raw("ListTasks", {"cluster": cluster, **more})["taskArns"]
        tasks = api.raw("DescribeTasks", {"cluster": cluster, "tasks": arns})["tasks"] if arns else []
        running = [t["taskArn"] for t in tasks if t["lastStatus"] == "RUNNING"]
        return running if len(running) == count else None
    return api.until(there, "%d tasks run" % count)


def test_usage_of_a_cluster_and_its_services(own_api):
    api, cluster = own_api, own_api.cluster()
    agent = api.agent(cluster, tcs=True)  # 4096 units, 8192 MiB
    assert series(api, cluster) == {}  # nothing runs: no datum, not zero (MS-015)

    definition = api.define(containerDefinitions=[
        {"name": "main", "image": "busybox", "memory": 512, "memoryReservation": 256, "cpu": 512}])
    api.raw("CreateService", {"cluster": cluster, "serviceName": "web", "taskDefinition": definition, "desiredCount": 2})
    web = tasks_of(api, cluster, 2, serviceName="web")
    reserved = {("cluster_cpu_reservation_percent", None): 25, ("cluster_memory_reservation_percent", None): 6.25}
    assert series(api, cluster) == reserved  # MS-016, MS-017, MS-024: the reservation counts, not the limit
    alone = api.raw("RunTask", {"cluster": cluster, "taskDefinition": api.define(containerDefinitions=[
        {"name": "main", "image": "busybox", "memory": 1024, "cpu": 1024}])})["tasks"][0]["taskArn"]
    api.until_task(cluster, alone, "RUNNING")

    publish(agent, **{web[0]: (6.25, 128), web[1]: (18.75, 384), alone: (50, 512)})  # 256, 768 and 2048 units
    expected = {
        ("cluster_cpu_reservation_percent", None): 50, ("cluster_memory_reservation_percent", None): 18.75,
        ("cluster_cpu_utilization_percent", None): 75, ("cluster_memory_utilization_percent", None): 12.5,  # MS-019
        ("service_cpu_utilization_percent", "web"): 100, ("service_memory_utilization_percent", "web"): 100,  # MS-020, MS-021
        ("service_tasks_measured", "web"): 2}  # MS-029
    api.until(lambda: series(api, cluster) == expected, lambda: "the samples count: %s" % series(api, cluster))
    instance = api.raw("ListContainerInstances", {"cluster": cluster})["containerInstanceArns"][0]
    api.raw("UpdateContainerInstancesState", {"cluster": cluster, "containerInstances": [instance], "status": "DRAINING"})
    assert series(api, cluster)[("cluster_cpu_utilization_percent", None)] == 75  # MS-022
    api.raw("UpdateContainerInstancesState", {"cluster": cluster, "containerInstances": [instance], "status": "ACTIVE"})

    api.server.kill()  # what is reserved is known at once, what is used is told again
    api.server.start()
    assert set(series(api, cluster)) == set(reserved)
    agent.disconnect()
    agent.connect(tcs=True)
    now = tasks_of(api, cluster, 2, serviceName="web")
    publish(agent, **{now[0]: (50, 300), now[1]: (50, 300)})  # above what is reserved, not clamped (MS-028)
    api.until(lambda: series(api, cluster).get(("service_cpu_utilization_percent", "web")) == 400, "the service is above 100%")

    api.raw("StopTask", {"cluster": cluster, "task": now[0]})
    api.until(lambda: series(api, cluster).get(("service_tasks_measured", "web")) == 1, "a stopped task is no sample")
    api.raw("UpdateService", {"cluster": cluster, "service": "web", "desiredCount": 0})
    api.until(lambda: not [key for key in series(api, cluster) if key[1]], "a service without tasks has no value")
    assert ("cluster_cpu_utilization_percent", None) not in series(api, cluster)
    api.raw("StopTask", {"cluster": cluster, "task": alone})
    api.until(lambda: series(api, cluster) == {}, "nothing runs")


def test_gpus(api, cluster):
    """MS-018: only of clusters that have some."""
    agent = api.agent(cluster, platformDevices=[{"id": "GPU-%d" % n, "type": "GPU"} for n in range(4)])
    definition = api.define(containerDefinitions=[
        {"name": "main", "image": "busybox", "memory": 16, "resourceRequirements": [{"type": "GPU", "value": "1"}]}])
    task = api.raw("RunTask", {"cluster": cluster, "taskDefinition": definition})["tasks"][0]["taskArn"]
    api.until_task(cluster, task, "RUNNING")
    assert series(api, cluster)[("cluster_gpu_reservation_percent", None)] == 25
    assert agent.errors == []


def test_what_is_told_of_others_tasks_does_not_count(api, cluster):
    """A host tells of its own tasks only, and only RUNNING ones are samples."""
    agent, other = api.agent(cluster, tcs=True), api.agent(cluster, tcs=True, runs=False)
    task = api.raw("StartTask", {"cluster": cluster, "taskDefinition": api.define(), "containerInstances": [agent.arn]})["tasks"][0]["taskArn"]
    begun = api.raw("StartTask", {"cluster": cluster, "taskDefinition": api.define(), "containerInstances": [other.arn]})["tasks"][0]["taskArn"]
    api.until_task(cluster, task, "RUNNING")
    publish(other, **{task: (100, 100), begun: (100, 100)})
    publish(agent, **{task: (50, 100)})
    api.until(lambda: series(api, cluster).get(("cluster_cpu_utilization_percent", None)) == 25, "one sample of two hosts")
