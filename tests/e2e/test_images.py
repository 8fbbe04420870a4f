"""Images on a real engine with a real registry: which are pulled when, as what, with which credentials, and when they go."""
import base64
import json
import subprocess

import pytest

from harness import engine as e
from harness.docker import DOCKER
from harness.program import Agent, connected, eventually
from harness.registry import Registry

PREFIX = "images-test"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("images")


@pytest.fixture(scope="module")
def registry(place):
    one = Registry(place / "open").start()
    yield one
    one.close()


@pytest.fixture(scope="module")
def private(place):
    one = Registry(place / "private", "mary", "s3cret:with+/=").start()
    yield one
    one.close()


@pytest.fixture(scope="module")
def versions(docker):
    """Three different images."""
    names = []
    for version in ("1", "2", "3"):
        name = "%s-base:%s" % (PREFIX, version)
        subprocess.run([DOCKER, "-H", docker.host, "import", "-c", "ENV PATH=/bin VERSION=" + version, "-", name],
                       input=e.root_tar(), check=True, capture_output=True, timeout=60)
        names.append(name)
    yield names
    docker.run("rmi", "-f", *names, check=False)


def remove_images(docker, *hosts):
    for line in docker.run("images", "--digests", "--format", "{{.Repository}}:{{.Tag}} {{.Repository}}@{{.Digest}}").splitlines():
        for name in line.split() if line.startswith(hosts) else ():
            if "<none>" not in name:
                docker.run("rmi", name, check=False)


@pytest.fixture
def driver(tmp_path, docker, registry, private):
    made = []

    def start(**env):
        one = e.Engine(tmp_path, docker, **env).start()
        made.append(one)
        return one
    yield start
    for one in made:
        if one.process.poll() is None:
            one.close()
    e.remove_containers(docker)
    remove_images(docker, registry.host, private.host)


def of(image, command=e.FOREVER, **more):
    return e.task(e.container(command=command, image=image, **more))


def only(report):
    return report["containers"][0]


def image_id(docker, name):
    return docker.run("image", "inspect", "-f", "{{.Id}}", name, check=False)


def test_a_pull_takes_the_version_the_name_has_now(docker, registry, versions, driver):
    """AG-180, AP-462: the digest is pulled and reported, the name is given to it; `default` follows the name."""
    name, first = registry.push(docker, versions[0], "moving:tag")
    agent = driver()
    told = only(agent.run(of(name)))
    assert told["imageDigest"] == first
    old = image_id(docker, name)
    assert told["imageId"] == old
    _, second = registry.push_over(docker, versions[1], name)
    told = only(agent.run(of(name)))
    assert told["imageDigest"] == second != first
    assert image_id(docker, name) != old


def test_behaviours(docker, registry, versions, driver, tmp_path):
    """AG-134, AP-461: what each does when the registry has the image no more."""
    name, digest = registry.push(docker, versions[0], "gone:1")
    once = driver(ECS_IMAGE_PULL_BEHAVIOR="once")
    assert only(once.run(of(name)))["imageDigest"] == digest
    registry.forget(name)
    again = only(once.run(of(name)))
    assert again["imageDigest"] == digest  # known, not asked
    once.close()
    once.start()
    assert only(once.run(of(name)))["imageDigest"] == digest  # remembered
    docker.run("rmi", "-f", name)
    one = of(name)
    once.want(one)
    reason = only(once.report(one, "STOPPED"))["reason"]
    assert reason.startswith("CannotPullImageManifestError: Error response from daemon: manifest unknown"), reason
    once.close()

    docker.run("tag", versions[0], name)
    for behaviour, works in (("default", True), ("prefer-cached", True), ("always", False)):
        agent = e.Engine(e.scratch(str(tmp_path / behaviour)), docker, ECS_IMAGE_PULL_BEHAVIOR=behaviour).start()
        one = of(name)
        agent.want(one)
        said = only(agent.report(one, "RUNNING" if works else "STOPPED"))
        if not works:
            assert said["reason"].startswith("CannotPullImageManifestError: "), said
        agent.close()


def test_prefer_cached_pulls_what_is_not_here(docker, registry, versions, driver):
    name, digest = registry.push(docker, versions[0], "rare:1")
    agent = driver(ECS_IMAGE_PULL_BEHAVIOR="prefer-cached")
    assert only(agent.run(of(name)))["imageDigest"] == digest
    _, other = registry.push_over(docker, versions[1], name)
    assert other != digest
    assert only(agent.run(of(name)))["imageDigest"] == digest


@pytest.mark.parametrize("image,words", [
    ("%s/nothing:1", "CannotPullContainerError: Error response from daemon: manifest for %s/nothing:1 not found"),
    ("%s/UPPER:1", "CannotPullContainerError: Error response from daemon: "),
])
def test_what_cannot_be_pulled_says_why(docker, registry, driver, image, words):
    """AG-342, AG-345"""
    agent = driver()
    one = of(image % registry.host)
    agent.want(one)
    reason = only(agent.report(one, "STOPPED"))["reason"]
    assert reason.startswith(words % registry.host if "%s" in words else words), reason


def credentials(private, kind, password):
    if kind == "docker":
        return {private.host: {"username": private.user, "password": password, "email": "m@example.com"}}
    auth = base64.b64encode(("%s:%s" % (private.user, password)).encode()).decode()
    return {"http://%s" % private.host: {"auth": auth}, "other.example.com": {"auth": "bm8="}}


@pytest.mark.parametrize("kind", ["docker", "dockercfg"])
def test_a_registry_with_a_password(docker, private, versions, driver, tmp_path, kind):
    """AG-170 to AG-174, AG-916, AP-464"""
    name, digest = private.push(docker, versions[0], "secret/%s:1" % kind)
    data = json.dumps(credentials(private, kind, private.password))
    if kind == "dockercfg":
        data = json.dumps({"auths": json.loads(data)})  # as newer clients write it (AG-171)
    agent = driver(ECS_ENGINE_AUTH_TYPE=kind, ECS_ENGINE_AUTH_DATA=data)
    assert only(agent.run(of(name)))["imageDigest"] == digest
    agent.close()
    e.remove_containers(docker)
    docker.run("rmi", "-f", name)
    for data in (json.dumps(credentials(private, kind, "wrong")), "{}", "no JSON"):
        other = e.Engine(e.scratch(str(tmp_path / "other")), docker, ECS_ENGINE_AUTH_TYPE=kind, ECS_ENGINE_AUTH_DATA=data).start()
        one = of(name)
        other.want(one)
        reason = only(other.report(one, "STOPPED"))["reason"]
        assert reason.startswith("CannotPullContainerError: ") and reason.endswith(
            ("no basic auth credentials", "unauthorized: authentication required")), reason
        other.close()
        with open(other.log) as log:
            assert private.password not in log.read()


def test_a_secret_of_the_task_is_not_replaced_by_nothing(docker, registry, versions, driver):
    """TD-222: without the credentials that were asked for nothing is pulled."""
    name, _ = registry.push(docker, versions[0], "asm:1")
    agent = driver()
    one = of(name, registryAuthentication={"type": "asm", "asmAuthData": {"credentialsParameter": "s", "region": "us-east-1"}})
    agent.want(one)
    assert agent.report(one, "STOPPED")["reason"] == "Asm resource: unable to find execution role credentials"
    assert not image_id(docker, name)


CLEANS = {"ECS_IMAGE_MINIMUM_CLEANUP_AGE": "0s", "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION": "1s", "TEST_IMAGE_CLEANUP_MS": "300"}


def test_unused_images_go(docker, registry, versions, driver):
    """AG-181 to AG-184: not while a container needs it, not one that was here before; the moved version too."""
    used, _ = registry.push(docker, versions[0], "used:1")
    unused, _ = registry.push(docker, versions[1], "unused:1")
    local = registry.host + "/never/pushed:1"
    docker.run("tag", versions[2], local)
    agent = driver(**CLEANS)
    stays = of(used)
    agent.run(stays)
    for image in (unused, local):
        one = of(image, "true")
        agent.want(one)
        agent.report(one, "STOPPED")
    eventually(lambda: not image_id(docker, unused), 30, "the unused image goes")
    assert image_id(docker, used) and image_id(docker, local)
    agent.stop(stays)
    eventually(lambda: not image_id(docker, used), 30, "it goes with its last container")
    assert image_id(docker, local)


def test_kept_images_stay(docker, registry, versions, driver):
    """AG-154, AG-140: one at a time, and not those that are kept."""
    kept, _ = registry.push(docker, versions[0], "kept:1")
    goes, _ = registry.push(docker, versions[1], "goes:1")
    agent = driver(ECS_NUM_IMAGES_DELETE_PER_CYCLE="1", ECS_EXCLUDE_UNTRACKED_IMAGE=kept, **CLEANS)
    for image in (kept, goes):
        one = of(image, "true")
        agent.want(one)
        agent.report(one, "STOPPED")
    eventually(lambda: not image_id(docker, goes), 30, "the other one goes")
    assert image_id(docker, kept)


@pytest.fixture
def asking_agent(tmp_path, server, docker, registry, cluster, ecs):
    """Asks the registry each time, as agents do when nothing is set."""
    one = Agent(tmp_path, server.url, server.create_key(agentCluster=cluster), docker.host, cluster,
                env={"ECS_IMAGE_PULL_BEHAVIOR": "default"}).start()
    try:
        eventually(lambda: connected(ecs, cluster), 60, "the agent connects")
        yield one
    finally:
        one.close()
        docker.remove_task_containers(cluster)
        remove_images(docker, registry.host)


def test_a_service_keeps_to_the_version_its_first_task_had(docker, registry, versions, ecs, cluster, asking_agent):
    """versionConsistency: the tag has moved; tasks that a deployment starts later are told the digest, those of a new one are not."""
    name, first = registry.push(docker, versions[0], "kept:1")
    ecs.register_task_definition(family="kept", networkMode="none", containerDefinitions=[
        {"name": "app", "image": name, "memory": 16, "command": ["/bin/sh", "-c", e.FOREVER]}])
    ecs.create_service(cluster=cluster, serviceName="kept", taskDefinition="kept", desiredCount=1)

    def digests(count, **more):
        def there():
            arns = ecs.list_tasks(cluster=cluster, serviceName="kept", **more)["taskArns"]
            tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
            found = [t["containers"][0] for t in tasks if t["lastStatus"] == "RUNNING"]
            return found if len(found) == count else None
        found = eventually(there, 60, "%d tasks run" % count)
        assert {c["image"] for c in found} == {name}
        return {c["imageDigest"] for c in found}

    assert digests(1) == {first}
    _, second = registry.push_over(docker, versions[1], name)
    ecs.update_service(cluster=cluster, service="kept", desiredCount=2)
    assert digests(2) == {first}
    alone = ecs.run_task(cluster=cluster, taskDefinition="kept")["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_running").wait(cluster=cluster, tasks=[alone], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert ecs.describe_tasks(cluster=cluster, tasks=[alone])["tasks"][0]["containers"][0]["imageDigest"] == second
    ecs.update_service(cluster=cluster, service="kept", desiredCount=1, forceNewDeployment=True,
                       deploymentConfiguration={"minimumHealthyPercent": 0, "maximumPercent": 100})
    eventually(lambda: [d["status"] for d in ecs.describe_services(cluster=cluster, services=["kept"])["services"][0]["deployments"]] == ["PRIMARY"], 60)
    assert digests(1) == {second}
