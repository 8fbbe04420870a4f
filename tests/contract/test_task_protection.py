"""GetTaskProtection and UpdateTaskProtection: API-130, API-054."""
import time

import pytest


@pytest.fixture
def cluster(api):
    return api.cluster()


def service(api, cluster, count, **more):
    """A service with `count` tasks RUNNING; their ARNs."""
    body = {"cluster": cluster, "serviceName": "s", "taskDefinition": api.define(), "desiredCount": count}
    body.update(more)
    api.raw("CreateService", body)
    return api.until(lambda: running(api, cluster, count))


def running(api, cluster, count):
    found = api.raw("ListTasks", {"cluster": cluster, "serviceName": "s"})["taskArns"]
    if len(found) != count:
        return None
    tasks = api.raw("DescribeTasks", {"cluster": cluster, "tasks": found})["tasks"] if found else []
    return found if all(t["lastStatus"] == "RUNNING" for t in tasks) else None


def protect(api, cluster, tasks, enabled=True, **more):
    return api.raw("UpdateTaskProtection", dict({"cluster": cluster, "tasks": tasks, "protectionEnabled": enabled}, **more))


def of(api, cluster, tasks):
    return api.raw("GetTaskProtection", {"cluster": cluster, "tasks": tasks})


def test_on_and_off(api, cluster):
    """API-130: two hours unless said otherwise, counted anew at every call; by id or ARN."""
    api.agent(cluster)
    one, two = service(api, cluster, 2)
    none = {"protectedTasks": [{"taskArn": one, "protectionEnabled": False}], "failures": []}
    assert of(api, cluster, [one]) == none
    before = time.time()
    answer = protect(api, cluster, [one.rsplit("/", 1)[1]])
    assert answer["failures"] == [] and of(api, cluster, [one]) == answer
    shown, = answer["protectedTasks"]
    assert shown["taskArn"] == one and shown["protectionEnabled"] is True
    assert before + 7200 - 1 <= shown["expirationDate"] <= time.time() + 7200 + 1
    assert protect(api, cluster, [one], expiresInMinutes=1)["protectedTasks"][0]["expirationDate"] < shown["expirationDate"]
    assert protect(api, cluster, [one], expiresInMinutes=2880)["protectedTasks"][0]["expirationDate"] > before + 2879 * 60
    assert of(api, cluster, [two])["protectedTasks"] == [{"taskArn": two, "protectionEnabled": False}]
    assert protect(api, cluster, [one], enabled=False) == none and of(api, cluster, [one]) == none
    assert protect(api, cluster, [one], enabled=False, expiresInMinutes=5) == none


def test_what_cannot_be_protected(api, cluster, fails):
    """API-054, API-049, API-050: a failure for each, the others are done."""
    api.agent(cluster)
    mine, = service(api, cluster, 1)
    alone = api.raw("RunTask", {"cluster": cluster, "taskDefinition": api.define()})["tasks"][0]["taskArn"]
    api.until_task(cluster, alone, "RUNNING")
    gone = alone[:-4] + "0000"
    answer = protect(api, cluster, [alone, mine, gone])
    assert [t["taskArn"] for t in answer["protectedTasks"]] == [mine]
    assert [(f["arn"], f["reason"]) for f in answer["failures"]] == [(alone, "TASK_NOT_VALID"), (gone, "MISSING")]
    seen = of(api, cluster, [alone, mine, gone])
    assert [(f["arn"], f["reason"]) for f in seen["failures"]] == [(alone, "TASK_NOT_VALID"), (gone, "MISSING")]
    api.raw("StopTask", {"cluster": cluster, "task": mine})
    assert [f["reason"] for f in protect(api, cluster, [mine])["failures"]] == ["TASK_NOT_VALID"]
    assert [f["reason"] for f in of(api, cluster, [mine])["failures"]] == ["TASK_NOT_VALID"]
    assert of(api, cluster, []) == {"protectedTasks": [], "failures": []}
    with fails("ClusterNotFoundException"):
        protect(api, cluster + "x", [mine.split("/")[-1]])
    with fails("InvalidParameterException"):
        protect(api, cluster, ["not-an-id"])
    for wrong in ({"expiresInMinutes": 0}, {"expiresInMinutes": 2881}, {"tasks": []}, {"tasks": [mine] * 11}, {"tasks": None},
                  {"protectionEnabled": None}, {"cluster": None}):
        with fails("InvalidParameterException"):
            api.raw("UpdateTaskProtection", dict({"cluster": cluster, "tasks": [mine], "protectionEnabled": True}, **wrong))
    with fails("InvalidParameterException"):
        api.raw("GetTaskProtection", {"tasks": [mine]})
    with fails("InvalidParameterException"):
        of(api, cluster, [mine] * 101)


def test_a_task_not_yet_running(api, cluster):
    """API-054: TASK_NOT_VALID until it runs."""
    agent = api.agent(cluster, runs=False)
    api.raw("CreateService", {"cluster": cluster, "serviceName": "s", "taskDefinition": api.define(), "desiredCount": 1})
    task = api.until(lambda: api.raw("ListTasks", {"cluster": cluster})["taskArns"])[0]
    agent.wait_payload(task)
    assert [f["reason"] for f in protect(api, cluster, [task])["failures"]] == ["TASK_NOT_VALID"]
    agent.report_running(task, ["main"])
    assert protect(api, cluster, [task])["failures"] == []


def test_scale_in_passes_over_it(api, cluster):
    """API-130: what is protected stays, however few are wanted; it goes once it may."""
    api.agent(cluster)
    tasks = service(api, cluster, 3)
    kept = tasks[:2]
    assert protect(api, cluster, kept)["failures"] == []
    api.raw("UpdateService", {"cluster": cluster, "service": "s", "desiredCount": 1})
    assert sorted(api.until(lambda: running(api, cluster, 2))) == sorted(kept)
    protect(api, cluster, kept[:1], enabled=False)
    assert api.until(lambda: running(api, cluster, 1)) == kept[1:]
    api.raw("UpdateService", {"cluster": cluster, "service": "s", "desiredCount": 0})
    protect(api, cluster, kept[1:], enabled=False)
    api.until(lambda: running(api, cluster, 0) == [])


def test_a_deployment_waits(api, cluster):
    """API-130, API-054: the old task stays beside the new one; its protection can be taken away, not renewed."""
    checked = {"containerDefinitions": [  # proves healthy at once
        {"name": "main", "image": "busybox", "memory": 16, "healthCheck": {"command": ["CMD", "true"]}}]}
    api.agent(cluster, tcs=True)
    old, = service(api, cluster, 1, taskDefinition=api.define(**checked))
    protect(api, cluster, [old])
    api.raw("UpdateService", {"cluster": cluster, "service": "s", "taskDefinition": api.define(**checked)})
    new = [t for t in api.until(lambda: running(api, cluster, 2)) if t != old]
    answer = protect(api, cluster, [old])
    assert answer["protectedTasks"] == [] and [(f["arn"], f["reason"]) for f in answer["failures"]] == [(old, "DEPLOYMENT_BLOCKED")]
    assert answer["failures"][0]["detail"]
    assert of(api, cluster, [old])["protectedTasks"][0]["protectionEnabled"] is True
    assert api.service(cluster, "s")["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert protect(api, cluster, new)["failures"] == []
    assert protect(api, cluster, [old], enabled=False)["failures"] == []
    assert api.until(lambda: running(api, cluster, 1)) == new


def test_it_survives_a_restart(own_api):
    cluster = own_api.cluster()
    own_api.agent(cluster)
    task, = service(own_api, cluster, 1)
    answer = protect(own_api, cluster, [task], expiresInMinutes=77)
    own_api.server.kill()
    own_api.server.start()
    assert of(own_api, cluster, [task]) == answer
    own_api.raw("UpdateService", {"cluster": cluster, "service": "s", "desiredCount": 0})
    assert of(own_api, cluster, [task]) == answer


def test_the_command_line(api, cluster, awscli):
    api.agent(cluster)
    task, = service(api, cluster, 1)
    shown = awscli("update-task-protection", "--cluster", cluster, "--tasks", task, "--protection-enabled", "--expires-in-minutes", "5")
    assert shown["protectedTasks"][0]["protectionEnabled"] is True
    assert awscli("get-task-protection", "--cluster", cluster, "--tasks", task) == shown
