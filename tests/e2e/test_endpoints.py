"""What runs in a container finds its metadata, credentials and agent at 169.254.170.2, as everywhere in ECS (AG-200 to
AG-255, AG-300 to AG-309, AG-904 to AG-917, AP-143, AP-231). The host is a network namespace with a Docker of its own."""
import errno
import json
import os
import re
import subprocess
import time
import urllib.request

import boto3
import pytest
from botocore.exceptions import ClientError

from harness.netns import Host
from harness.program import BERTH, REGION, ROOT, ApiError, Server, call, connected, eventually
from harness.samples import IMAGE

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a network namespace and a Docker engine in it")

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z"
ROLE = "arn:aws:iam::000000000000:role/web"
FOREVER = ["/bin/sh", "-c", "sleep 10000"]


@pytest.fixture(scope="module")
def host():
    one = Host()
    one.docker.sample_image()
    yield one
    one.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, host):
    one = Server(tmp_path_factory.mktemp("server"), listen=host.namespace.here + ":0").start()
    yield one
    one.close()


@pytest.fixture(scope="module")
def ecs(server):
    client = server.client(server.create_key())
    client.create_cluster(clusterName="ends")
    return client


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("agent")


@pytest.fixture(scope="module")
def agent(directory, host, server, ecs):
    one = host.agent(directory, server, "ends", env={"ECS_CONTAINER_INSTANCE_TAGS": '{"rack": "r1"}',
                                                     "ECS_ENABLE_CONTAINER_METADATA": "true",
                                                     "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION": "2s"},
                     introspection="127.0.0.1:51678").start()
    eventually(lambda: connected(ecs, "ends"), 60, "the agent connects; log: " + one.log)
    yield one
    one.close()


def container(name="main", **more):
    return dict({"name": name, "image": IMAGE, "cpu": 16, "memory": 32, "essential": True, "command": FOREVER,
                 "linuxParameters": {"initProcessEnabled": True}}, **more)


class Task:
    """A task on the host, and what its containers may ask."""

    def __init__(self, host, ecs, arn, cluster="ends"):
        self.host, self.ecs, self.arn, self.cluster = host, ecs, arn, cluster
        eventually(lambda: self.describe()["lastStatus"] == "RUNNING", 60, "%s runs: %s" % (arn, self.describe()))
        self.inspected = {c["Config"]["Labels"]["com.amazonaws.ecs.container-name"]: c
                          for c in host.docker.containers("label=com.amazonaws.ecs.task-arn=" + arn)}

    def describe(self):
        return self.ecs.describe_tasks(cluster=self.cluster, tasks=[self.arn])["tasks"][0]

    def env(self, name="main"):
        return dict(one.split("=", 1) for one in self.inspected[name]["Config"]["Env"])

    def id(self, name="main"):
        return self.inspected[name]["Id"]

    def ask(self, url, name="main", method="GET", body=""):
        """An HTTP request from inside the container: status and body."""
        place, path = re.fullmatch(r"http://([^/]+)(/.*)", url).groups()
        address, _, port = place.partition(":")
        text = "%s %s HTTP/1.1\r\nHost: x\r\nUser-Agent: probe/1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (
            method, path, len(body), body)
        done = subprocess.run(["docker", "-H", self.host.docker.host, "exec", "-i", self.id(name), "/bin/busybox", "nc", address,
                               port or "80"], input=text.encode(), capture_output=True, timeout=60, check=False)
        head, _, answer = done.stdout.decode().partition("\r\n\r\n")
        assert head, (url, done.stderr)
        return int(head.split()[1]), answer

    def answers(self, path):
        """Whether it is there; the agent may just be starting."""
        try:
            return self.ask("http://169.254.170.2" + path)[0] == 200
        except AssertionError:
            return False

    def get(self, url, name="main"):
        status, text = self.ask(url, name)
        assert status == 200, (url, status, text)
        return json.loads(text)

    def v4(self, path="", name="main"):
        return self.get(self.env(name)["ECS_CONTAINER_METADATA_URI_V4"] + path, name)

    def credentials(self, name="main"):
        return self.get("http://169.254.170.2" + self.env(name)["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"], name)

    def attack(self, script, *args, name="main", timeout=60):
        """Python that runs with the network of the container, and what it prints as JSON."""
        pid = str(self.inspected[name]["State"]["Pid"])
        done = subprocess.run(["nsenter", "--net=/proc/%s/ns/net" % pid, "/usr/bin/python3", "-c", "import json, socket, sys\n" + script,
                               *args], capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def stop(self):
        self.ecs.stop_task(cluster=self.cluster, task=self.arn)
        eventually(lambda: self.describe()["lastStatus"] == "STOPPED", 60)


def start(host, ecs, family, containers=None, wanted=None, **more):
    ecs.register_task_definition(family=family, containerDefinitions=containers or [container()], **more)
    answer = ecs.run_task(cluster="ends", taskDefinition=family, **(wanted or {}))
    assert not answer["failures"], answer
    return Task(host, ecs, answer["tasks"][0]["taskArn"])


@pytest.fixture(scope="module")
def task(host, ecs, agent):
    """Two containers in bridge mode with everything that shows in their metadata."""
    return start(host, ecs, "whole", [
        container(portMappings=[{"containerPort": 80}], dockerLabels={"team": "a"},
                  healthCheck={"command": ["CMD-SHELL", "echo fine"], "interval": 5},
                  logConfiguration={"logDriver": "json-file", "options": {"max-size": "1m"}},
                  mountPoints=[{"sourceVolume": "tmp", "containerPath": "/scratch"}]),
        container("side", memory=24, essential=False),
    ], volumes=[{"name": "tmp", "host": {"sourcePath": "/tmp"}}], taskRoleArn="web", networkMode="bridge",
        wanted={"tags": [{"key": "owner", "value": "me"}]})


@pytest.fixture(scope="module")
def other(host, ecs, agent):
    return start(host, ecs, "other", taskRoleArn=ROLE, networkMode="bridge")


@pytest.fixture(scope="module")
def on_host(host, ecs, agent):
    return start(host, ecs, "onhost", taskRoleArn=ROLE, networkMode="host")


def test_variables(task, on_host):
    """AG-201, AG-301, AG-904, AP-310: where everything is, by ids that nobody guesses."""
    seen = set()
    for one, name in ((task, "main"), (task, "side"), (on_host, "main")):
        env = one.env(name)
        found = re.fullmatch(r"http://169\.254\.170\.2/v4/(%s)" % UUID, env["ECS_CONTAINER_METADATA_URI_V4"])
        assert env["ECS_CONTAINER_METADATA_URI"] == "http://169.254.170.2/v3/" + found[1]
        assert env["ECS_AGENT_URI"] == "http://169.254.170.2/api/" + found[1]
        assert re.fullmatch("/v2/credentials/" + UUID, env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"])
        assert env["AWS_EXECUTION_ENV"] == "AWS_ECS_EC2" and env["AWS_REGION"] == REGION
        seen.add(found[1])
    assert len(seen) == 3
    assert task.env("main")["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] == task.env("side")["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]


def test_region_of_the_image(host, ecs, agent):
    """AP-310: containers are told the region, unless their image or their definition names one."""
    host.docker.run("create", "--name", "region-base", IMAGE)
    host.docker.run("commit", "--change", "ENV AWS_REGION=eu-north-1", "region-base", "region-test:1")
    one = start(host, ecs, "region", [
        container(image="region-test:1"), container("own", environment=[{"name": "AWS_DEFAULT_REGION", "value": "eu-west-3"}]),
        container("none")])
    told = {name: {k: v for k, v in one.env(name).items() if k.endswith("_REGION")} for name in ("main", "own", "none")}
    assert told == {"main": {"AWS_REGION": "eu-north-1"}, "own": {"AWS_DEFAULT_REGION": "eu-west-3"},
                    "none": {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}}
    one.stop()


def test_container_metadata(task):
    """AG-220, AG-225, AG-205, AG-206, AG-208, AG-209, AG-912: every member of a container."""
    eventually(lambda: task.v4()["Health"].get("status") == "HEALTHY", 30)
    main = task.v4()
    described = {c["name"]: c for c in task.describe()["containers"]}
    assert main["DockerId"] == task.id() and main["Name"] == "main"
    assert re.fullmatch("ecs-whole-[0-9]+-main-[0-9a-f]{20}", main["DockerName"])
    assert main["Image"] == IMAGE and main["ImageID"] == task.inspected["main"]["Image"]
    assert main["Labels"] == task.inspected["main"]["Config"]["Labels"]
    assert main["Labels"]["team"] == "a" and main["Labels"]["com.amazonaws.ecs.cluster"] == "ends"
    assert (main["DesiredStatus"], main["KnownStatus"], main["Type"]) == ("RUNNING", "RUNNING", "NORMAL")
    assert main["Limits"] == {"CPU": 16, "Memory": 32}
    assert main["Ports"] == [{"ContainerPort": 80, "Protocol": "tcp", "HostIp": b["HostIp"], "HostPort": int(b["HostPort"])}
                             for b in task.inspected["main"]["NetworkSettings"]["Ports"]["80/tcp"]]
    assert [(b["bindIP"], b["hostPort"]) for b in described["main"]["networkBindings"]] == [
        (port["HostIp"], port["HostPort"]) for port in main["Ports"] if port["HostIp"] == "0.0.0.0"]
    address = task.inspected["main"]["NetworkSettings"]["IPAddress"]
    assert main["Networks"] == [{"NetworkMode": "bridge", "IPv4Addresses": [address]}]
    assert {"Source": "/tmp", "Destination": "/scratch"} in main["Volumes"]
    assert main["LogDriver"] == "json-file" and main["LogOptions"] == {"max-size": "1m", "mode": "non-blocking"}  # CL-236
    assert main["ContainerARN"] == described["main"]["containerArn"]
    assert main["Health"]["output"] == "fine\n" and re.fullmatch(TIME, main["Health"]["statusSince"])
    assert main["CreatedAt"] == re.sub(r"0+Z$", "Z", task.inspected["main"]["Created"])
    assert main["StartedAt"] == re.sub(r"0+Z$", "Z", task.inspected["main"]["State"]["StartedAt"])
    assert not {"ExitCode", "FinishedAt", "RestartCount"} & set(main)
    side = task.v4(name="side")
    assert not {"Health", "LogDriver", "Ports"} & set(side)
    assert side["Limits"] == {"CPU": 16, "Memory": 24}


def test_task_metadata(task):
    """AG-221, AG-224, AG-235: every member of a task."""
    told = task.v4("/task")
    described = task.describe()
    assert told["Cluster"] == "ends" and told["TaskARN"] == task.arn
    assert (told["Family"], told["Revision"]) == ("whole", described["taskDefinitionArn"].rsplit(":", 1)[1])
    assert (told["DesiredStatus"], told["KnownStatus"], told["LaunchType"]) == ("RUNNING", "RUNNING", "EC2")
    assert not {"PullStartedAt", "PullStoppedAt"} & set(told)  # the image was there
    assert told["FaultInjectionEnabled"] is False
    assert not {"Limits", "ExecutionStoppedAt", "TaskTags", "Errors", "VPCID", "ServiceName"} & set(told)
    assert [c["Name"] for c in told["Containers"]] == ["main", "side"]
    for name in ("main", "side"):
        assert task.v4(name=name) in told["Containers"]


def test_tags(task):
    """AG-905: asked of the control plane with the agent's own key."""
    told = task.v4("/taskWithTags")
    assert told["TaskTags"] == {"owner": "me"}
    assert told["ContainerInstanceTags"] == {"rack": "r1"}
    assert "Errors" not in told


def test_versions_2_and_3_stay_as_they_are(task):
    """AG-203, AG-230 to AG-244, AG-913."""
    v3 = task.env()["ECS_CONTAINER_METADATA_URI"]
    container_3, task_3 = task.get(v3), task.get(v3 + "/task")
    assert not {"LogDriver", "LogOptions", "ContainerARN", "RestartCount"} & set(container_3)
    assert not {"LaunchType", "ServiceName", "FaultInjectionEnabled"} & set(task_3)
    assert set(container_3["Networks"][0]) == {"NetworkMode", "IPv4Addresses"} and "HostIp" not in container_3["Ports"][0]
    assert task.get(v3 + "/taskWithTags")["TaskTags"] == {"owner": "me"}
    task_2 = task.get("http://169.254.170.2/v2/metadata")
    assert task_2["TaskARN"] == task.arn and task.get("http://169.254.170.2/v2/metadata/") == task_2
    container_2 = task.get("http://169.254.170.2/v2/metadata/" + task.id("side"))
    assert container_2["Name"] == "side" and "Networks" not in container_2
    assert task.get("http://169.254.170.2/v2/metadataWithTags")["ContainerInstanceTags"] == {"rack": "r1"}


def test_statistics(task):
    """AG-222, AG-223, AG-232, AG-233, AG-250, AG-251, AG-914: Docker's object, with rates in version 4."""
    one = task.v4("/stats")
    assert one["id"] == task.id() and one["name"] == "/" + task.v4()["DockerName"]
    assert one["cpu_stats"]["cpu_usage"]["total_usage"] > 0 and one["precpu_stats"]["cpu_usage"]["total_usage"] > 0
    assert one["read"] > one["preread"] > "2026"
    assert one["networks"]["eth0"]["rx_bytes"] > 0
    assert set(one["network_rate_stats"]) == {"rx_bytes_per_sec", "tx_bytes_per_sec"}
    all_4 = task.v4("/task/stats")
    assert set(all_4) == {task.id("main"), task.id("side")} and all_4[task.id("side")]["id"] == task.id("side")
    v3 = task.env()["ECS_CONTAINER_METADATA_URI"]
    assert "network_rate_stats" not in task.get(v3 + "/stats")
    assert set(task.get(v3 + "/task/stats")) == set(all_4)
    assert set(task.get("http://169.254.170.2/v2/stats")) == set(all_4)
    assert task.get("http://169.254.170.2/v2/stats/" + task.id())["id"] == task.id()


def test_host_mode(on_host):
    """AP-451: the address is at hand, also at the older port and on loopback; the network has no address of its own."""
    told = on_host.v4()
    assert told["Networks"] == [{"NetworkMode": "host", "IPv4Addresses": [""]}]
    assert on_host.v4("/task")["TaskARN"] == on_host.arn
    path = re.sub("http://169.254.170.2", "", on_host.env()["ECS_CONTAINER_METADATA_URI_V4"])
    for place in ("http://169.254.170.2:51679", "http://127.0.0.1:51679"):
        assert on_host.get(place + path) == told
    assert on_host.credentials()["RoleArn"] == ROLE
    status, text = on_host.ask("http://169.254.170.2/v2/metadata")
    assert status == 400 and json.loads(text).startswith("Unable to get task arn from request: unable to associate '")


def test_a_task_has_port_80_of_the_host(host, ecs, agent, task, other, on_host):
    """AG-005: a task may publish it, or listen on it in host mode, and all others find their metadata as before."""
    command = ["/bin/sh", "-c", "mkdir -p /www && echo web > /www/index.html && exec httpd -f -p 80 -h /www"]
    for mode in ("bridge", "host"):
        web = start(host, ecs, "port80" + mode, [container(command=command, portMappings=[{"containerPort": 80, "hostPort": 80}])],
                    networkMode=mode)
        eventually(lambda: on_host.ask("http://127.0.0.1/index.html")[1] == "web\n", 10)
        for one in (task, other, on_host, web):
            assert one.v4("/task")["TaskARN"] == one.arn
            assert one.get("http://169.254.170.2:51679" + one.env()["ECS_CONTAINER_METADATA_URI_V4"].removeprefix("http://169.254.170.2"))
        assert on_host.credentials()["RoleArn"] == ROLE
        web.stop()


def test_what_is_not_there(task):
    """AG-907, AG-910, AG-909: the official agent's words and statuses."""
    gone = "00000000-0000-4000-8000-000000000000"
    at = "http://169.254.170.2"
    no_task = "unable to get task arn from request: unable to get task Arn from v3 endpoint ID: " + gone
    no_docker = "from request: unable to get docker ID from v3 endpoint ID: " + gone
    for path, status, text in (
            ("/v4/" + gone, 404, "V4 container metadata handler: unable to get container ID " + no_docker),
            ("/v4/%s/task" % gone, 404, "V4 task metadata handler: " + no_task),
            ("/v4/%s/stats" % gone, 404, "V4 container stats handler: " + no_task),
            ("/v4/%s/task/stats" % gone, 404, "V4 task stats handler: " + no_task),
            ("/v3/" + gone, 500, "V3 container metadata handler: unable to get container ID " + no_docker),
            ("/v3/%s/task/stats" % gone, 400, "V3 task stats handler: " + no_task),
            ("/v4/%s/associations/gpu" % gone, 400, "V4 container associations handler: unable to get container id " + no_docker),
            ("/v2/metadata/abc", 400, "Unable to generate metadata for container 'abc'"),
            ("/v2/stats/abc", 400, "Unable to get container stats for: abc")):
        assert task.ask(at + path) == (status, json.dumps(text)), path
    for path, status, code, text in (
            ("/v2/credentials/", 400, "NoIdInRequest", "CredentialsV2Request: No Credential ID in the request"),
            ("/v2/credentials/" + gone, 400, "InvalidIdInRequest", "CredentialsV2Request: Credentials not found"),
            ("/v1/credentials", 400, "NoIdInRequest", "CredentialsV1Request: No Credential ID in the request"),
            ("/v1/credentials?id=x", 400, "InvalidIdInRequest", "CredentialsV1Request: Credentials not found")):
        got, answer = task.ask(at + path)
        assert got == status and json.loads(answer) == {"code": code, "message": text, "HTTPErrorCode": status}
    assert task.ask(at + "/") == (404, "404 page not found\n")
    assert task.ask(at + "/v4//" + gone)[0] == 301
    assert task.ask(at + "/v4//x%0d%0aX:%20y") == (301, "")  # nothing of it gets out of the header
    assert task.v4("/associations/elastic-inference") == {"Associations": None}
    assert task.ask(task.env()["ECS_CONTAINER_METADATA_URI_V4"] + "/associations/gpu/x")[0] == 400


def test_credentials(task, directory):
    """AG-302, AG-303, AG-306, AG-309, AG-371, AG-908: five members, six hours at most, a line in the audit log."""
    got = task.credentials()
    assert set(got) == {"RoleArn", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    assert got["RoleArn"] == ROLE and got["AccessKeyId"].startswith("ASIA")  # AG-314: a bare name is one of the account
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", got["Expiration"])
    left = time.mktime(time.strptime(got["Expiration"], "%Y-%m-%dT%H:%M:%SZ")) - time.mktime(time.gmtime())
    assert 4.9 * 3600 < left <= 6 * 3600
    assert task.credentials("side") == got
    id = task.env()["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"].rsplit("/", 1)[1]
    assert task.get("http://169.254.170.2/v1/credentials?id=" + id) == got
    with open(os.path.join(str(directory), "audit.log")) as log:
        lines = log.read()
    assert id not in lines and got["SecretAccessKey"] not in lines
    address = task.inspected["main"]["NetworkSettings"]["IPAddress"]
    assert re.search(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ 200 %s:\d+ "/v2/credentials" "probe/1" %s GetCredentials 2 ends '
                     r'arn:aws:ecs:us-east-1:000000000000:container-instance/ends/[0-9a-f]{32}$' % (address, task.arn), lines, re.M)


def client(server, keys):
    return boto3.client("ecs", endpoint_url=server.url, region_name=REGION, aws_access_key_id=keys["AccessKeyId"],
                        aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["Token"])


def code_of(call_it, *args, **kwargs):
    with pytest.raises(ClientError) as refused:
        call_it(*args, **kwargs)
    return refused.value.response["Error"]


def test_a_role_may_what_concerns_its_task(server, task, other):
    """AG-304, AG-305: signed with the session token, its own task and nothing else."""
    keys = task.credentials()
    mine = client(server, keys)
    assert mine.describe_tasks(cluster="ends", tasks=[task.arn])["tasks"][0]["taskArn"] == task.arn
    assert mine.list_tags_for_resource(resourceArn=task.arn)["tags"] == [{"key": "owner", "value": "me"}]
    who = "User: arn:aws:sts::000000000000:assumed-role/web/%s is not authorized to perform: " % task.arn.rsplit("/", 1)[1]
    for refused in (code_of(mine.describe_tasks, cluster="ends", tasks=[other.arn]), code_of(mine.list_tasks, cluster="ends"),
                    code_of(mine.run_task, cluster="ends", taskDefinition="whole"), code_of(mine.list_clusters),
                    code_of(mine.list_tags_for_resource, resourceArn=other.arn),
                    code_of(mine.update_task_protection, cluster="ends", tasks=[other.arn], protectionEnabled=True)):
        assert refused["Code"] == "AccessDeniedException" and refused["Message"].startswith(who), refused
    for broken in (dict(keys, Token=other.credentials()["Token"]), dict(keys, Token="x" * 40),
                   dict(keys, Token=keys["Token"][:-8] + "AAAAAAAA")):
        assert code_of(client(server, broken).list_clusters)["Code"] == "UnrecognizedClientException"
    assert code_of(client(server, dict(keys, SecretAccessKey="x" * 40)).list_clusters)["Code"] == "InvalidSignatureException"
    with pytest.raises(ApiError) as refused:  # the administrator's API
        call(server.url, (keys["AccessKeyId"], keys["SecretAccessKey"], keys["Token"]), "Berth_20261120.CreateKey", {}, "berth")
    assert refused.value.code == "AccessDeniedException"


def test_what_is_another_tasks_is_refused(task, other, agent):
    """AG-202, AG-305: also to who has found out the right id."""
    at = "http://169.254.170.2"
    for path in ("", "/task", "/stats", "/task/stats"):
        assert other.ask(task.env()["ECS_CONTAINER_METADATA_URI_V4"] + path)[0] == 404
    status, text = other.ask(at + task.env()["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"])
    assert status == 400 and json.loads(text)["code"] == "InvalidIdInRequest"
    assert other.ask(task.env()["ECS_AGENT_URI"] + "/task-protection/v1/state")[0] == 404
    assert other.get(at + "/v2/metadata")["TaskARN"] == other.arn
    assert other.ask(at + "/v2/metadata/" + task.id())[0] == 400 and other.ask(at + "/v2/stats/" + task.id())[0] == 400
    assert "was refused" in agent.output()


RAW = """
def ask(text, place=("169.254.170.2", 80)):
    with socket.create_connection(place, timeout=20) as one:
        one.sendall(text)
        got = b""
        while True:
            more = one.recv(65536)
            if not more:
                return got.decode(errors="replace")
            got += more
"""


def test_no_way_around(task, other):
    """AG-202, AG-305: neither headers nor spellings of a path make one container another, and what is too long is refused."""
    v4 = task.env()["ECS_CONTAINER_METADATA_URI_V4"].removeprefix("http://169.254.170.2")
    id, end = v4.rsplit("/", 1)[1], " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    address = task.inspected["main"]["NetworkSettings"]["IPAddress"]
    credentials = task.env()["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
    mine = other.env()["ECS_CONTAINER_METADATA_URI_V4"].rsplit("/", 1)[1]
    requests = ["GET %s%s%s\r\n\r\n" % (path, end, header) for path in (v4 + "/task", "/v2/metadata", credentials) for header in (
        "X-Forwarded-For: %s" % address, "X-Real-IP: %s" % address, "Forwarded: for=%s" % address, "Host: %s" % address)]
    requests += ["GET %s%s\r\n" % (path, end) for path in (
        "http://169.254.170.2" + v4, "/v4/%s/../%s/task" % (mine, id), "/v4/%s/%%2e%%2e/%s/task" % (mine, id), v4.upper(), v4 + "%00",
        "/v4/" + id[:-1], "/v4/" + id[:8], "/v4/*", "/v4/%", "/v4/%s%%2ftask" % id, "/v2/credentials/../credentials/" + id, "/v4/" + "a" * 9000,
        "/v4/" + "../" * 3000 + id, "/" + "a/" * 7000, "/v1/credentials?id=" + "%41" * 3000, "/v4/" + "x" * 20000, "/v2/metadata/" + task.id(),
        "/v3/%s/associations/%s/x" % (mine, "a" * 9000))]
    requests += ["GET / HTTP/1.1\r\nHost: x\r\n" + "X: y\r\n" * 3000 + "\r\n", "\0" * 4000 + "\r\n\r\n", "GET\r\n\r\n"]
    answers = other.attack(RAW + "import time\nout = []\nfor text in json.loads(sys.argv[1]):\n    out.append(ask(text.encode('latin-1')))\n"
                           "    time.sleep(0.03)\nprint(json.dumps(out))", json.dumps(requests))
    keys = task.credentials()
    for request, answer in zip(requests, answers):
        status = int(answer.split()[1])
        assert task.arn not in answer and (task.id() in request or task.id() not in answer) and keys["SecretAccessKey"] not in answer, request[:200]
        if status == 200:
            assert request.startswith("GET /v2/metadata ") and other.arn in answer, request[:200]
        else:
            assert status in (301, 400, 404, 414, 431, 500), (request[:200], answer[:200])
    # On the host's network there is no address to go by: the id is the secret. Introspection is for the host alone.
    places = [("169.254.170.2", 51678), (task.inspected["main"]["NetworkSettings"]["Gateway"], 51678)]
    assert other.attack("out = []\nfor host, port in json.loads(sys.argv[1]):\n    with socket.socket() as one:\n        one.settimeout(5)\n"
                        "        out.append(one.connect_ex((host, port)))\nprint(json.dumps(out))", json.dumps(places)).count(0) == 0


def test_many_and_slow_connections(task, other, on_host):
    """AG-204, AG-909: one container's connections, begun and never finished, are its own trouble: the others are answered."""
    script = """
held = []
for i in range(1500):
    one = socket.socket()
    one.settimeout(20)
    one.connect(("169.254.170.2", 80))
    one.send(b"GET /v4/")  # and never more
    held.append(one)
print(json.dumps("held"), flush=True)
sys.stdin.readline()
for one in held:  # the agent ends each by itself: those too many at once, the others after five seconds
    try:
        while one.recv(4096):
            pass
    except ConnectionResetError:
        pass
print(json.dumps("ended"), flush=True)
"""
    pid = str(task.inspected["main"]["State"]["Pid"])
    with subprocess.Popen(["nsenter", "--net=/proc/%s/ns/net" % pid, "prlimit", "--nofile=4096", "/usr/bin/python3", "-c",
                           "import json, socket, sys\n" + script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as slow:
        assert slow.stdout.readline() == '"held"\n'
        for one in (other, on_host):
            assert one.v4()["DockerId"] == one.id() and one.credentials()["RoleArn"] == ROLE
        slow.stdin.write("\n")
        slow.stdin.flush()
        assert slow.stdout.readline() == '"ended"\n'
    assert task.v4()["DockerId"] == task.id()


def test_the_machine_s_metadata_is_out_of_reach(host, task, on_host):
    """AG-285: who is on the bridge is refused at once; who has the host's network cannot be kept from it."""
    subprocess.run(["ip", "-n", host.namespace.name, "route", "replace", "169.254.169.254/32", "via", host.namespace.here], check=True)
    connect = "one = socket.socket()\none.settimeout(%s)\nprint(json.dumps(one.connect_ex(('169.254.169.254', 80))))"
    assert task.attack(connect % 20) == errno.ECONNREFUSED
    assert on_host.attack(connect % 0.2) != errno.ECONNREFUSED


def test_ids_are_not_guessed(task, directory):
    """AG-305, AG-204: guesses are few a second, and none of them comes into the audit log."""
    script = RAW + """
import uuid
tried = [str(uuid.uuid4()) for i in range(150)]
out = {}
with socket.create_connection(("169.254.170.2", 80), timeout=20) as one:
    one.sendall(b"".join(b"GET /v2/credentials/%s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % id.encode() for id in tried[:-1]))
    one.sendall(b"GET /v2/credentials/%s HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n" % tried[-1].encode())
    got = b""
    while True:
        more = one.recv(65536)
        if not more:
            break
        got += more
print(json.dumps([got.count(b"HTTP/1.1 400"), got.count(b"HTTP/1.1 429"), tried]))
"""
    unknown, refused, tried = task.attack(script)
    assert unknown + refused == 150 and refused > 0, (unknown, refused)
    with open(os.path.join(str(directory), "audit.log")) as log:
        lines = log.read()
    assert not [id for id in tried if id in lines] and " 429 " in lines


def test_faults_are_refused(task, other):
    """AP-486: no task that may have them is placed on such a host."""
    at = task.env()["ECS_AGENT_URI"] + "/fault/v1/network-"
    body = '{"DelayMilliseconds": 100, "JitterMilliseconds": 0, "Sources": ["1.2.3.4"]}'
    assert task.ask(at + "latency/start", method="POST", body=body) == (
        400, json.dumps({"Error": "enableFaultInjection is not enabled for task: " + task.arn}, separators=(",", ":")))
    assert task.ask(at + "packet-loss/status", method="POST")[0] == 400
    assert task.ask(at + "latency/start")[0] == 405 and task.ask(at + "disk/start", method="POST")[0] == 404
    assert other.ask(at + "latency/start", method="POST", body=body)[0] == 404


def test_an_agent_may_not_what_is_not_an_agents(server, agent, task):
    """AG-280: its key registers and reports; it runs nothing, and protects nobody's task."""
    key = (agent.env["AWS_ACCESS_KEY_ID"], agent.env["AWS_SECRET_ACCESS_KEY"])
    mine = server.client(key)
    for refused in (code_of(mine.run_task, cluster="ends", taskDefinition="whole"),
                    code_of(mine.describe_tasks, cluster="ends", tasks=[task.arn]),
                    code_of(mine.update_task_protection, cluster="ends", tasks=[task.arn], protectionEnabled=True),
                    code_of(mine.stop_task, cluster="ends", task=task.arn)):
        assert refused["Code"] == "AccessDeniedException"


def test_task_protection(host, ecs, agent, task):
    """AP-143: the container asks, the control plane is asked by its role."""
    ecs.register_task_definition(family="guarded", containerDefinitions=[container()], taskRoleArn=ROLE)
    ecs.create_service(cluster="ends", serviceName="guarded", taskDefinition="guarded", desiredCount=1)
    arn, = eventually(lambda: ecs.list_tasks(cluster="ends", serviceName="guarded")["taskArns"], 30)
    one = Task(host, ecs, arn)
    url = one.env()["ECS_AGENT_URI"] + "/task-protection/v1/state"
    off = {"protection": {"ExpirationDate": None, "ProtectionEnabled": False, "TaskArn": arn}}
    assert one.get(url) == off
    status, text = one.ask(url, method="PUT", body='{"ProtectionEnabled": true, "ExpiresInMinutes": 10}')
    got = json.loads(text)["protection"]
    assert status == 200 and got["ProtectionEnabled"] is True and re.fullmatch(TIME, got["ExpirationDate"])
    assert ecs.get_task_protection(cluster="ends", tasks=[arn])["protectedTasks"][0]["protectionEnabled"] is True
    assert one.get(url)["protection"]["ProtectionEnabled"] is True
    assert one.ask(url, method="PUT", body='{"ProtectionEnabled": false}')[0] == 200
    assert one.get(url) == off
    for body, answer in (("{", {"Code": "InvalidParameterException", "Message": "UpdateTaskProtection: failed to decode request"}),
                         ('{"Wrong": 1}', {"Code": "InvalidParameterException",
                                           "Message": "UpdateTaskProtection: failed to decode request"}),
                         ("{}", {"Arn": arn, "Code": "InvalidParameterException",
                                 "Message": "Invalid request: does not contain 'ProtectionEnabled' field"})):
        status, text = one.ask(url, method="PUT", body=body)
        assert (status, json.loads(text)) == (400, {"error": answer})
    status, text = one.ask(url, method="PUT", body='{"ProtectionEnabled": true, "ExpiresInMinutes": 99999}')
    refused = json.loads(text)
    assert status == 400 and refused["error"]["Code"] == "InvalidParameterException" and refused["requestID"]
    assert one.ask(url, method="POST")[0] == 405
    # A task of no service: a failure, not an error.
    status, text = task.ask(task.env()["ECS_AGENT_URI"] + "/task-protection/v1/state")
    assert status == 200 and json.loads(text)["failure"]["Reason"] == "TASK_NOT_VALID"
    ecs.delete_service(cluster="ends", service="guarded", force=True)


def test_a_task_without_a_role(host, ecs, agent):
    """AG-304: no variable, and protection says why."""
    one = start(host, ecs, "bare")
    assert "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" not in one.env()
    status, text = one.ask(one.env()["ECS_AGENT_URI"] + "/task-protection/v1/state")
    assert (status, json.loads(text)) == (403, {"error": {
        "Arn": one.arn, "Code": "AccessDeniedException",
        "Message": "Invalid Request: no task IAM role credentials available for task"}})
    one.stop()


SDK = """
import json, os, urllib.request, boto3
here = json.load(urllib.request.urlopen(os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/task"))
ecs = boto3.client("ecs", endpoint_url=os.environ["SERVER"])
found = ecs.describe_tasks(cluster=here["Cluster"], tasks=[here["TaskARN"]])["tasks"][0]["taskArn"]
print(json.dumps([found, ecs.meta.region_name, ecs._request_signer._credentials.method]), flush=True)
"""


def test_an_sdk_needs_no_configuration(host, ecs, agent, server):
    """AG-301 to AG-304: region, credentials and the session token are found by boto3 itself; the server takes its signature."""
    places = [place for place in ("/usr", "/lib", "/lib64", "/etc/ssl") if os.path.exists(place)]
    names = {place: place.strip("/").replace("/", "-") for place in places}
    one = start(host, ecs, "sdk", [container(
        command=["/usr/bin/python3", "-c", SDK + "import time; time.sleep(10000)"], memory=256,
        environment=[{"name": "SERVER", "value": server.url}, {"name": "PATH", "value": "/usr/bin"}],
        mountPoints=[{"sourceVolume": names[p], "containerPath": p, "readOnly": True} for p in places])],
        volumes=[{"name": names[p], "host": {"sourcePath": p}} for p in places], taskRoleArn=ROLE, networkMode="bridge")
    said = eventually(lambda: host.docker.run("logs", one.id()), 60, "the SDK says something")
    assert json.loads(said) == [one.arn, REGION, "container-role"], said
    one.stop()


ROLE_TEST = """
import json, os, time, boto3
ecs = boto3.client("ecs", endpoint_url=os.environ["SERVER"])
here = os.environ["ECS_CONTAINER_METADATA_URI_V4"]
import urllib.request
task = json.load(urllib.request.urlopen(here + "/task"))
try:
    said = ecs.list_tasks(cluster=task["Cluster"])["taskArns"]
except Exception as error:
    said = str(error)
print(json.dumps([said, ecs.describe_tasks(cluster=task["Cluster"], tasks=[task["TaskARN"]])["tasks"][0]["taskArn"]]), flush=True)
time.sleep(10000)
"""


def test_iam_role_test(host, ecs, agent, server):
    """Worked example 21: null for what is not said, a role by its short name, and the words of a role that may not (AG-304, AG-314,
    AG-315, AG-322). Its log group is another part's; the stream's name is tests/unit/core/test_payload_logs.c's."""
    places = [place for place in ("/usr", "/lib", "/lib64", "/etc/ssl") if os.path.exists(place)]
    names = {place: place.strip("/").replace("/", "-") for place in places}
    definition = {
        "taskRoleArn": "ECS-task-full-access", "family": "iam-role-test", "requiresCompatibilities": ["EC2"], "placementConstraints": [],
        "networkMode": None, "memory": None, "cpu": None,
        "volumes": [{"name": names[p], "host": {"sourcePath": p}} for p in places],
        "containerDefinitions": [{
            "memory": 128, "essential": True, "name": "amazonlinux", "image": IMAGE, "entryPoint": ["/usr/bin/python3", "-c"],
            "command": [ROLE_TEST], "environment": [{"name": "SERVER", "value": server.url}],
            "linuxParameters": {"initProcessEnabled": True},
            "mountPoints": [{"sourceVolume": names[p], "containerPath": p, "readOnly": True} for p in places]}]}
    key = server.create_key()
    made = call(server.url, key, "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition", definition)["taskDefinition"]
    assert made["taskRoleArn"] == "ECS-task-full-access" and not {"networkMode", "memory", "cpu"} & set(made)
    one = Task(host, ecs, ecs.run_task(cluster="ends", taskDefinition="iam-role-test")["tasks"][0]["taskArn"])
    said, arn = json.loads(eventually(lambda: host.docker.run("logs", one.id("amazonlinux")), 60, "the container says something"))
    assert arn == one.arn
    assert ("User: arn:aws:sts::000000000000:assumed-role/ECS-task-full-access/%s is not authorized to perform: ecs:ListTasks on resource: "
            % one.arn.rsplit("/", 1)[1]) in said
    assert one.credentials("amazonlinux")["RoleArn"] == "arn:aws:iam::000000000000:role/ECS-task-full-access"
    one.stop()


BOOT = """
until curl -s http://localhost:51678/v1/metadata >/dev/null; do sleep 0.2; done
told=$(curl -s http://localhost:51678/v1/metadata)
instance_arn=$(echo "$told" | sed 's/.*"ContainerInstanceArn":"\\([^"]*\\)".*/\\1/')
cluster=$(echo "$told" | sed 's/.*"Cluster":"\\([^"]*\\)".*/\\1/' | awk -F/ '{print $NF}')
region=$(echo "$instance_arn" | awk -F: '{print $4}')
aws ecs start-task --endpoint-url "$SERVER" --cluster $cluster --task-definition boot --container-instances $(echo "$instance_arn" |
    awk -F/ '{print $NF}') --started-by "$(echo "$instance_arn" | awk -F/ '{print $NF}')" --region $region --query 'tasks[0].taskArn' --output text
"""


def test_a_task_for_each_host_at_boot(host, ecs, agent, server, tmp_path):
    """Worked examples 14 and 24: the documented boot script, run on the host (AG-014, AG-261, CL-335)."""
    ecs.register_task_definition(family="boot", containerDefinitions=[container()])
    key = server.create_key()
    env = {"PATH": "/usr/bin:/bin", "SERVER": server.url, "AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1], "HOME": str(tmp_path),
           "AWS_PAGER": ""}
    done = subprocess.run([*host.enter, "/bin/bash", "-euc", BOOT], env=env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    one = Task(host, ecs, done.stdout.strip())
    assert [one.describe()["containerInstanceArn"]] == connected(ecs, "ends")
    assert re.fullmatch(r"Amazon ECS Agent - v\d+\.\d+\.\d+ \([0-9a-f]{8}\)",
                        host.namespace.get("http://127.0.0.1:51678/v1/metadata")["Version"])
    one.stop()


def test_credentials_end_with_the_task(host, ecs, agent, server, on_host):
    """AG-305: once it has stopped, nobody signs with them, and the agent has them no more."""
    one = start(host, ecs, "ending", taskRoleArn=ROLE, networkMode="host")
    keys = one.credentials()
    assert client(server, keys).describe_tasks(cluster="ends", tasks=[one.arn])["tasks"]
    path = one.env()["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
    one.stop()
    assert code_of(client(server, keys).list_clusters)["Code"] == "UnrecognizedClientException"
    status, text = on_host.ask("http://169.254.170.2" + path)  # who is on the host's network, and knows the id
    assert status == 400 and json.loads(text)["code"] == "InvalidIdInRequest"


def test_metadata_file(host, ecs, agent, task):
    """AG-190 to AG-195, AG-915: there from the start, READY with what Docker knows, gone with the task."""
    one = start(host, ecs, "filed", [container(user="1000", portMappings=[{"containerPort": 80}])])
    assert one.env()["AWS_REGION"] == REGION
    path = one.env()["ECS_CONTAINER_METADATA_FILE"]
    assert re.fullmatch("/opt/ecs/metadata/%s/ecs-container-metadata.json" % UUID, path)

    def read():
        text = host.docker.run("exec", one.id(), "cat", path)
        return json.loads(text), text

    eventually(lambda: read()[0].get("MetadataFileStatus") == "READY", 30)
    told, text = read()
    assert '\n\t"TaskARN"' in text
    described = one.describe()
    inspected = one.inspected["main"]
    assert told.pop("HostPrivateIPv4Address", "1.2.3.4").count(".") == 3
    assert told == {
        "Cluster": "ends", "ContainerInstanceARN": described["containerInstanceArn"], "TaskARN": one.arn,
        "TaskDefinitionFamily": "filed", "TaskDefinitionRevision": described["taskDefinitionArn"].rsplit(":", 1)[1],
        "ContainerID": one.id(), "ContainerName": "main", "DockerContainerName": inspected["Name"],
        "ImageID": inspected["Image"], "ImageName": IMAGE,
        "PortMappings": [{"ContainerPort": 80, "HostPort": int(b["HostPort"]), "BindIp": b["HostIp"], "Protocol": "tcp"}
                         for b in inspected["NetworkSettings"]["Ports"]["80/tcp"]],
        "Networks": [{"NetworkMode": "bridge", "IPv4Addresses": [inspected["NetworkSettings"]["IPAddress"]]}],
        "MetadataFileStatus": "READY", **({"AvailabilityZone": told["AvailabilityZone"]} if "AvailabilityZone" in told else {})}
    mount, = (m for m in inspected["Mounts"] if m["Destination"].startswith("/opt/ecs/metadata/"))
    assert mount["Source"] == os.path.join(agent.data, "metadata", "ends", one.arn.rsplit("/", 1)[1], "main")
    assert os.path.exists(mount["Source"])
    one.stop()
    eventually(lambda: not os.path.exists(os.path.dirname(mount["Source"])), 60, "the directory of the task goes")


def test_restarts_of_both(host, ecs, server, agent, task):
    """AG-907, AP-214, AP-233: the same ids and credentials after kill -9 of the agent and of the server."""
    keys, v4 = task.credentials(), task.v4()
    agent.kill()
    assert "169.254.170.2" in host_addresses(host)  # left behind, with our label
    agent.start()
    eventually(lambda: task.answers("/v2/metadata"), 60, "the address is taken over")
    eventually(lambda: task.answers(task.env()["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]), 60)
    now = task.credentials()
    assert (now["AccessKeyId"] == keys["AccessKeyId"]) == (now["Expiration"] == keys["Expiration"])
    assert task.v4()["DockerId"] == v4["DockerId"] and task.v4()["Labels"] == v4["Labels"]
    server.kill()
    assert task.credentials() == now  # the agent has them
    status, text = task.ask("http://169.254.170.2/v2/metadataWithTags")
    assert status == 200 and "TaskTags" not in json.loads(text)
    v4_tags = task.v4("/taskWithTags")
    assert [(e["ErrorField"], e["ResourceARN"]) for e in v4_tags["Errors"]][1] == ("TaskTags", task.arn)
    server.start()
    eventually(lambda: connected(ecs, "ends"), 60)
    assert client(server, now).describe_tasks(cluster="ends", tasks=[task.arn])["tasks"]


def host_addresses(host):
    return subprocess.run(["ip", "-n", host.namespace.name, "addr", "show", "dev", "lo"], capture_output=True, text=True,
                          check=True).stdout


def test_only_one_agent_serves(host, ecs, server, agent, task, tmp_path):
    """AG-013: the second one says so and goes on without; the address stays the first one's."""
    ecs.create_cluster(clusterName="second")
    second = host.agent(tmp_path, server, "second", name="second").start()
    eventually(lambda: connected(ecs, "second"), 60)
    eventually(lambda: "another agent seems to serve it" in second.output(), 10)
    second.close()
    assert task.v4()["DockerId"] == task.id()
    assert "169.254.170.2" in host_addresses(host)


def test_too_often(host, ecs, agent, task, other):
    """AG-204, AG-917, AG-148: 60 at once, 40 a second, for each task by itself."""
    url = task.env()["ECS_CONTAINER_METADATA_URI_V4"]
    path = url.replace("http://169.254.170.2", "")
    one = "GET %s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" % path
    script = "i=0; while [ $i -lt 150 ]; do printf '%s'; i=$((i+1)); done; sleep 3" % one
    said = subprocess.run(["docker", "-H", host.docker.host, "exec", task.id(), "/bin/sh", "-c",
                           "(%s) | /bin/busybox nc 169.254.170.2 80" % script.replace("printf", "/bin/busybox printf")],
                          capture_output=True, text=True, timeout=60, check=False).stdout
    good, bad = said.count("HTTP/1.1 200"), said.count("HTTP/1.1 429")
    assert good + bad == 150 and 60 <= good < 150, (good, bad)
    assert "You have reached maximum request limit." in said
    assert other.v4()["DockerId"] == other.id()


def test_introspection(host, ecs, agent, task):
    """AG-260 to AG-265: what runs here, for people on the host."""
    at = "http://127.0.0.1:51678"
    about = host.namespace.get(at + "/v1/metadata")
    assert about["Cluster"] == "ends" and [about["ContainerInstanceArn"]] == connected(ecs, "ends")
    told = host.namespace.get(at + "/v1/tasks?taskarn=" + task.arn)
    assert (told["Arn"], told["DesiredStatus"], told["KnownStatus"], told["Family"]) == (task.arn, "RUNNING", "RUNNING", "whole")
    assert {c["Name"]: c["DockerId"] for c in told["Containers"]} == {n: task.id(n) for n in ("main", "side")}
    assert told["Containers"][0]["ImageID"] == task.inspected["main"]["Image"]
    assert host.namespace.get(at + "/v1/tasks?dockerid=" + task.id()[:12]) == told
    assert told in host.namespace.get(at + "/v1/tasks")["Tasks"]


def test_the_address_goes_with_its_agent(host, ecs, server, agent, task):
    """AG-013: a clean end takes it away. It ends the agent: no test that needs it comes after this."""
    agent.close()
    assert "169.254.170.2" not in host_addresses(host)
    rules = subprocess.run(["ip", "netns", "exec", host.namespace.name, "iptables", "-t", "nat", "-S"], check=True, capture_output=True)
    assert b"169.254.170.2" not in rules.stdout
    rules = subprocess.run(["ip", "netns", "exec", host.namespace.name, "iptables", "-S"], check=True, capture_output=True)
    assert b"169.254.169.254" not in rules.stdout
    # Without the right to put it there, an agent says so and runs tasks all the same.
    whole = agent.args
    agent.args = whole[:2] + ["setpriv", "--bounding-set", "-net_admin"] + whole[2:]
    before = len(agent.output())
    agent.start()
    eventually(lambda: "cannot be put on a link without CAP_NET_ADMIN" in agent.output()[before:], 60)
    eventually(lambda: connected(ecs, "ends"), 60)
    agent.close()
    agent.args = whole
    ip = ["ip", "-n", host.namespace.name, "addr"]
    subprocess.run([*ip, "add", "169.254.170.2/32", "dev", "lo"], check=True)  # somebody else's
    before = len(agent.output())
    agent.start()
    eventually(lambda: "is on this host already, and not ours" in agent.output()[before:], 60)
    agent.close()
    assert "169.254.170.2" in host_addresses(host)
    subprocess.run([*ip, "del", "169.254.170.2/32", "dev", "lo"], check=True)


def test_the_agent_in_a_container(host, ecs, server, agent, tmp_path):
    """Worked examples 1, 2 and 3: the documented docker run, configuration and rules of a host (AG-002, AG-005, AG-007, AG-008, AG-016,
    AG-023, AG-027). No other agent is left."""
    agent.close()
    ecs.create_cluster(clusterName="default")
    key = server.create_key(agentCluster="default")
    for folder in ("log", "data", "ecs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "ecs" / "ecs.config").write_text("\n".join((
        "ECS_DATADIR=/data", "ECS_ENABLE_TASK_IAM_ROLE=true", "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true", "ECS_LOGFILE=/log/ecs-agent.log",
        'ECS_AVAILABLE_LOGGING_DRIVERS=[ "json-file", "awslogs" ]', "ECS_LOGLEVEL=info", "ECS_CLUSTER=default",
        "ECS_BACKEND_HOST=" + server.url, "AWS_ACCESS_KEY_ID=" + key[0], "AWS_SECRET_ACCESS_KEY=" + key[1],
        "ECS_IMAGE_PULL_BEHAVIOR=prefer-cached", "ECS_AGENT_LABELS={}", "")))
    subprocess.run([os.path.join(ROOT, "tools/agent-image"), "ecs-agent-test:1"], check=True, capture_output=True,
                   env=dict(os.environ, BERTH=BERTH, DOCKER_HOST=host.docker.host))
    socket_dir = os.path.dirname(host.docker.host.removeprefix("unix://"))
    begin = ["run", "--name", "ecs-agent", "--detach=true", "--restart=on-failure:10", "--volume=%s:/var/run" % socket_dir,
             "--volume=%s/log/:/log" % tmp_path, "--volume=%s/data:/data" % tmp_path, "--volume=%s/ecs:/etc/ecs" % tmp_path, "--net=host",
             "--env-file=%s/ecs/ecs.config" % tmp_path, "ecs-agent-test:1"]
    host.docker.run(*begin)
    try:
        metadata = eventually(lambda: host.namespace.get("http://127.0.0.1:51678/v1/metadata"), 60, "it registers")
        assert metadata["Cluster"] == "default" and [metadata["ContainerInstanceArn"]] == connected(ecs, "default")
        assert "registered" in (tmp_path / "log" / "ecs-agent.log").read_text()
        ecs.register_task_definition(family="inside", containerDefinitions=[container()], taskRoleArn=ROLE)
        answer = ecs.run_task(cluster="default", taskDefinition="inside")
        assert not answer["failures"]
        one = Task(host, ecs, answer["tasks"][0]["taskArn"], cluster="default")
        for rule in (["sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1"],
                     ["iptables", "-w", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "-d", "169.254.170.2", "--dport", "80", "-j", "DNAT",
                      "--to-destination", "127.0.0.1:51679"]):
            subprocess.run([*host.enter, *rule], check=True)
        assert one.v4("/task")["TaskARN"] == one.arn and one.credentials()["RoleArn"] == ROLE
        # Another image in its place: the same instance, and the task runs on.
        host.docker.run("stop", "ecs-agent")
        host.docker.run("rm", "ecs-agent")
        host.docker.run(*begin)
        again = eventually(lambda: host.namespace.get("http://127.0.0.1:51678/v1/metadata"), 60, "it is back")
        assert again == metadata and one.describe()["lastStatus"] == "RUNNING"
        assert one.v4()["DockerId"] == one.id()
        one.stop()
        assert "--net=host" not in (tmp_path / "log" / "ecs-agent.log").read_text()
        # On a network of its own it is of no use, and says so (AG-009).
        begin.remove("--net=host")
        host.docker.run("rm", "-f", "ecs-agent")
        host.docker.run(*begin)
        eventually(lambda: "start it with --net=host" in (tmp_path / "log" / "ecs-agent.log").read_text(), 60)
    finally:
        host.docker.run("rm", "-f", "ecs-agent", check=False)
