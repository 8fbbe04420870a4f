"""Secrets, files of variables and logins of registries on a real engine: fetched once, with the execution role's keys,
given to the container and to nobody else (TD-216 to TD-245, AP-464, AP-471 to AP-473)."""
import json

import pytest

from harness import engine as e
from harness.fake_aws import FakeAws, Refusal
from harness.one_host import OneHost
from harness.registry import Registry

ROLE = ("AKIAROLE", "role+secret/1")
AGENT = ("AKIAAGENT", "agent-secret")
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app-AbCdEf"
PARAMETER = "arn:aws:ssm:us-east-1:123456789012:parameter/prod/token"
HUSH = "hush-"  # every secret value begins so


@pytest.fixture
def aws():
    one = FakeAws(dict([ROLE, AGENT]))
    one.parameters = {"/prod/a": HUSH + "a", PARAMETER: HUSH + "token"}
    one.secrets = {SECRET: {"AWSCURRENT": json.dumps({"user": HUSH + "user", "port": 5432}), "AWSPREVIOUS": HUSH + "old"}}
    one.objects = {"/files/one%20and%20only.env": b"# variables\nFROM_FILE=hush-one\nSET=file\nGREETING=\"hi\" there \n",
                   "/files/two.env": b"FROM_FILE=two\nSECOND=2\r\n", "/elsewhere/a.env": b"ELSEWHERE=1"}
    one.regions = {"elsewhere": "eu-west-1"}
    yield one
    one.close()


@pytest.fixture
def driver(tmp_path, docker, aws):
    e.load_image(docker)
    made = []

    def start(**env):
        one = e.Engine(tmp_path, docker, **dict(dict(e.CACHED, AWS_ENDPOINT_URL=aws.url, AWS_ACCESS_KEY_ID=AGENT[0],
                                                     AWS_SECRET_ACCESS_KEY=AGENT[1]), **env)).start()
        made.append(one)
        return one
    yield start
    for one in made:
        if one.process.poll() is None:
            one.close()
    for path in tmp_path.glob("*"):
        assert path.is_dir() or HUSH.encode() not in path.read_bytes(), path  # AP-472, TD-233
    e.remove_containers(docker)


def role(keys=ROLE):
    return {"credentialsId": "11111111-2222-4333-8444-555555555555", "roleArn": "arn:aws:iam::123456789012:role/execution",
            "accessKeyId": keys[0], "secretAccessKey": keys[1], "sessionToken": "token", "expiration": "2030-01-01T00:00:00Z"}


def with_role(*containers, **more):
    return e.task(*containers, executionRoleCredentials=role(), **more)


def secret(name, value_from, target="CONTAINER"):
    return {"name": name, "valueFrom": value_from, "region": "us-east-1", "target": target,
            "provider": "asm" if ":secretsmanager:" in value_from else "ssm",
            "type": "ENVIRONMENT_VARIABLE" if target == "CONTAINER" else "BOOTSTRAP"}


def file_at(key):
    return {"value": "arn:aws:s3:::files/" + key, "type": "s3"}


def inside(docker, report, name="app"):
    """The environment of the container's process."""
    container = next(c for c in report["containers"] if c["name"] == name)
    return dict(line.split("=", 1) for line in docker.run("exec", container["id"], "env").splitlines())


def reason(agent, one):
    agent.want(one)
    return agent.report(one, "STOPPED")["reason"]


def test_the_process_finds_them(docker, aws, driver):
    """TD-223 to TD-230, TD-241 to TD-243: what is named twice is asked for once, by the role."""
    agent = driver()
    one = with_role(
        e.container(secrets=[secret("A", "/prod/a"), secret("TOKEN", PARAMETER), secret("SET", "/prod/a"),
                             secret("USER", SECRET + ":user::"), secret("OLD", SECRET + "::AWSPREVIOUS:"),
                             secret("tag", "/prod/a", "LOG_DRIVER")],
                    environment={"SET": "definition", "SECOND": "definition"}, host={"LogConfig": {"Type": "json-file"}},
                    environmentFiles=[file_at("one and only.env"), file_at("two.env")]),
        e.container("second", essential=False, secrets=[secret("PORT", SECRET + ":port::")],
                    environmentFiles=[file_at("two.env")]))
    told = agent.run(one)
    env = inside(docker, told)
    assert {name: env.get(name) for name in ("A", "TOKEN", "SET", "USER", "OLD", "FROM_FILE", "GREETING", "SECOND", "tag")} == {
        "A": "hush-a", "TOKEN": "hush-token", "SET": "hush-a", "USER": "hush-user", "OLD": "hush-old", "FROM_FILE": "hush-one",
        "GREETING": "\"hi\" there ", "SECOND": "definition", "tag": None}
    env = inside(docker, told, "second")
    assert (env["PORT"], env["SECOND"], env["FROM_FILE"], env.get("A")) == ("5432", "2", "two", None)
    log = json.loads(docker.run("inspect", "-f", "{{json .HostConfig.LogConfig}}", told["containers"][0]["id"]))
    assert log == {"Type": "json-file", "Config": {"tag": "hush-a"}}  # TD-197, TD-230
    assert aws.of("ssm") == [{"Names": ["/prod/a", PARAMETER], "WithDecryption": True}]
    assert sorted(one.get("VersionStage", "") for one in aws.of("secretsmanager")) == ["", "AWSPREVIOUS"]
    assert sorted(aws.of("s3")) == ["/files/one%20and%20only.env", "/files/two.env"]
    assert {(a.key, a.region, a.token) for a in aws.asked} == {(ROLE[0], "us-east-1", "token")}


def test_a_router_of_logs(docker, aws, driver, tmp_path):
    """TD-208, TD-215: its own configuration is in S3, secret options of those that use it are in its environment only."""
    aws.objects["/files/router.conf"] = b"[FILTER]\n    Name own\n"
    agent = driver(ECS_DATADIR=str(tmp_path / "data"))
    told = agent.run(with_role(
        e.container("app", secrets=[secret("password", "/prod/a", "LOG_DRIVER")],
                    host={"LogConfig": {"Type": "awsfirelens", "Config": {"Name": "stdout"}}}),
        e.container("router", firelensConfiguration={"type": "fluentbit", "options": {
            "config-file-type": "s3", "config-file-value": "arn:aws:s3:::files/router.conf"}})))
    router = next(c["id"] for c in told["containers"] if c["name"] == "router")
    assert docker.run("exec", router, "cat", "/fluent-bit/etc/external.conf") == "[FILTER]\n    Name own"
    config = docker.run("exec", router, "cat", "/fluent-bit/etc/fluent-bit.conf")
    assert "@INCLUDE /fluent-bit/etc/external.conf" in config and "password ${password_0}" in config, config
    assert inside(docker, told, "router")["password_0"] == "hush-a"
    assert HUSH not in config + docker.run("inspect", next(c["id"] for c in told["containers"] if c["name"] == "app"))


@pytest.mark.parametrize("member,expected", [
    ({"secrets": [secret("A", SECRET.replace("app", "no"))]},
     "Fetching secret data from AWS Secrets Manager in region us-east-1: secret %s: ResourceNotFoundException: Secrets Manager "
     "can't find the specified secret. status code: 400, request id: r-1" % SECRET.replace("app", "no")),
    ({"secrets": [secret("A", SECRET + ":password::")]},
     "Fetching secret data from AWS Secrets Manager in region us-east-1: retrieved secret from Secrets Manager did not contain "
     "json key password"),
    ({"secrets": [secret("A", "/prod/a"), secret("B", "/prod/b")]},
     "Fetching secret data from SSM Parameter Store in us-east-1: invalid parameters: /prod/b"),
    ({"environmentFiles": [file_at("three.env")]},
     "Unable to download env file with key three.env from bucket files, error: NoSuchKey: The specified key does not exist. "
     "status code: 404, request id: r-1"),
])
def test_what_cannot_be_had_stops_the_task(docker, driver, member, expected):
    """TD-235, TD-245, AP-473: nothing is created, and the reason names what is missing."""
    agent = driver()
    one = with_role(e.container(**member), e.container("other"))
    assert reason(agent, one) == expected
    assert docker.containers("label=com.amazonaws.ecs.task-arn=" + one["arn"]) == []


def test_who_may_not_ask(aws, driver):
    """AP-471: a role that is not there, or whose keys are wrong."""
    agent = driver()
    assert (reason(agent, e.task(e.container(secrets=[secret("A", "/prod/a")])))
            == "Ssm secret resource: unable to find execution role credentials")
    assert not aws.asked
    one = e.task(e.container(secrets=[secret("A", "/prod/a")]), executionRoleCredentials=role((ROLE[0], "wrong")))
    assert reason(agent, one) == ("Fetching secret data from SSM Parameter Store in us-east-1: InvalidSignatureException: "
                                  "the signature does not match status code: 403, request id: r-1")


def test_a_bucket_elsewhere(docker, aws, driver):
    """The request is signed for the region that S3 names (s3:GetBucketLocation is not needed for that)."""
    one = with_role(e.container(environmentFiles=[{"value": "arn:aws:s3:::elsewhere/a.env", "type": "s3"}]))
    assert inside(docker, driver().run(one))["ELSEWHERE"] == "1"
    assert [a.region for a in aws.asked] == ["us-east-1", "eu-west-1"]


def test_a_fault_that_passes(docker, aws, driver):
    agent = driver()
    aws.refusals = {"ssm": [Refusal(500, "InternalServerError", "x"), Refusal(400, "ThrottlingException", "x")]}
    assert inside(docker, agent.run(with_role(e.container(secrets=[secret("A", "/prod/a")]))))["A"] == "hush-a"
    assert len(aws.of("ssm")) == 3
    aws.refusals = {"ssm": [Refusal(503, "ServiceUnavailable", "later")] * 9}
    assert reason(agent, with_role(e.container(secrets=[secret("A", "/prod/a")]))).startswith(
        "Fetching secret data from SSM Parameter Store in us-east-1: ServiceUnavailable: later status code: 503")
    assert len(aws.of("ssm")) == 3 + 4


def test_a_stop_and_a_death_meanwhile(docker, aws, driver):
    """AP-472, TD-232: what was being fetched is fetched again, once the server has told the role's keys, which are new."""
    agent = driver()
    aws.open.clear()
    one = with_role(e.container(secrets=[secret("A", "/prod/a")]))
    agent.want(one)
    aws.wait_asked(1)
    agent.stop(one)
    two = with_role(e.container(secrets=[secret("A", "/prod/a")]))
    agent.want(two)
    aws.wait_asked(2)
    agent.kill()
    aws.open.set()
    aws.parameters["/prod/a"] = "hush-new"
    agent.start()
    assert len(aws.asked) == 2
    aws.keys["AKIANEW"] = "new"
    agent.want(two, executionRoleCredentials=role(("AKIANEW", "new")))
    assert inside(docker, agent.report(two, "RUNNING"))["A"] == "hush-new"
    assert [a.key for a in aws.asked] == [ROLE[0], ROLE[0], "AKIANEW"]
    agent.kill()  # nothing is fetched for what has been created
    agent.start()
    agent.stop(two)
    assert len(aws.asked) == 3


@pytest.mark.parametrize("point", ["agent_before_fetch", "agent_after_fetch", "agent_after_create"])
def test_a_death_on_either_side(docker, driver, point):
    agent = driver()
    agent.close()
    agent.start(fail_point=point)
    one = with_role(e.container(secrets=[secret("A", "/prod/a")]))
    with pytest.raises(e.Died):
        agent.want(one)
        agent.report(one, "RUNNING")
    agent.start()
    agent.want(one)
    assert inside(docker, agent.report(one, "RUNNING"))["A"] == "hush-a"
    assert len(docker.containers("label=com.amazonaws.ecs.task-arn=" + one["arn"])) == 1


@pytest.fixture(scope="module")
def private(tmp_path_factory):
    one = Registry(tmp_path_factory.mktemp("secrets-registry"), "mary", "hush-registry").start()
    yield one
    one.close()


@pytest.fixture
def image(docker, private, request):
    e.load_image(docker)
    name, _ = private.push(docker, e.IMAGE, "secrets-test/%d:1" % abs(hash(request.node.name)))
    yield name
    docker.run("rmi", "-f", name, check=False)


def asm(secret_id):
    return {"type": "asm", "asmAuthData": {"credentialsParameter": secret_id, "region": "us-east-1"}}


def ecr(**more):
    return {"type": "ecr", "ecrAuthData": dict({"registryId": "123456789012", "region": "us-east-1"}, **more)}


def test_a_registry_with_a_password(docker, aws, driver, private, image):
    """TD-216, TD-222: the login of the definition pulls its image; without it nothing is pulled, not even anonymously."""
    aws.secrets["registry"] = {"AWSCURRENT": json.dumps({"username": private.user, "password": private.password})}
    aws.secrets["wrong"] = {"AWSCURRENT": json.dumps({"username": private.user, "password": "hush-wrong"})}
    agent = driver()
    denied = with_role(e.container(image=image, registryAuthentication=asm("wrong")))
    agent.want(denied)
    said = agent.report(denied, "STOPPED")["containers"][0]["reason"]
    assert said.startswith("CannotPull") and "unauthorized" in said, said
    assert (reason(agent, with_role(e.container(image=image, registryAuthentication=asm("none"))))
            == "Asm fetching secret from the service for none: ResourceNotFoundException: Secrets Manager can't find the "
               "specified secret. status code: 400, request id: r-1")
    assert not docker.run("image", "inspect", image, check=False).strip("[]\n")
    agent.run(with_role(e.container(image=image, registryAuthentication=asm("registry"))))


def test_ecr(docker, aws, driver, private, image):
    """TD-218, AP-464: a token of the role or of the agent, kept while it is good; without one the image has to be here."""
    aws.login = (private.user, private.password, "https://" + private.host)
    agent = driver(ECS_IMAGE_PULL_BEHAVIOR="default")
    for _ in range(2):
        agent.run(with_role(e.container(image=image, registryAuthentication=ecr(useExecutionRole=True))))
    agent.run(e.task(e.container(image=image, registryAuthentication=ecr())))
    assert [(a.service, a.key) for a in aws.asked] == [("ecr", ROLE[0]), ("ecr", AGENT[0])]
    aws.refusals = {"ecr": [Refusal(400, "AccessDeniedException", "no")] * 2}
    one = with_role(e.container(image=image, registryAuthentication=ecr(useExecutionRole=True, registryId="2")))
    agent.run(one)  # AP-461: it is here
    e.remove_containers(docker)
    docker.run("rmi", "-f", image)
    one = with_role(e.container(image=image, registryAuthentication=ecr(useExecutionRole=True, registryId="2")))
    agent.want(one)
    assert agent.report(one, "STOPPED")["containers"][0]["reason"] == (
        "CannotPullECRContainerError: AccessDeniedException: no status code: 400, request id: r-1")


def test_a_task_definition_with_secrets(docker, tmp_path):
    """The whole way, with the keys that the server gives the role; what was fetched is nowhere but in the container."""
    e.load_image(docker)
    aws = FakeAws()
    aws.parameters = {"/prod/a": HUSH + "a"}
    host = OneHost(tmp_path, docker, "secrets-host", {"AWS_ENDPOINT_URL": aws.url})
    try:
        task = host.run("secrets", [{"name": "app", "image": e.IMAGE, "command": ["/bin/sh", "-c", e.FOREVER],
                                     "secrets": [{"name": "A", "valueFrom": "/prod/a"}]}],
                        executionRoleArn="arn:aws:iam::000000000000:role/execution")
        found = host.inspect(task)["app"]
        assert "A=hush-a" in found["Config"]["Env"]
        assert aws.asked[0].token and aws.asked[0].service == "ssm"
        definition = host.ecs.describe_task_definition(taskDefinition="secrets")["taskDefinition"]
        assert HUSH not in json.dumps([task, definition], default=str)
        host.stop(task)
        with open(host.agent.log, "rb") as log:
            assert HUSH.encode() not in log.read()
    finally:
        host.close()
        aws.close()
