"""Log drivers and FireLens on a real Docker engine (TD-184 to TD-215, AP-475, AP-476): what Docker is told, what reaches
the other end, and what a task says whose log cannot be opened."""
import http.server
import json
import os
import re
import threading

import pytest

from harness.docker import PrivateDocker
from harness.one_host import OneHost
from harness.program import eventually
from harness.samples import IMAGE

CLUSTER = "logs"
DRIVERS = ["json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "none"]
REGION = {"awslogs-region": "eu-west-1"}


class World(OneHost):
    def __init__(self, directory, docker, **env):
        super().__init__(directory, docker, CLUSTER, dict({"ECS_AVAILABLE_LOGGING_DRIVERS": json.dumps(DRIVERS)}, **env))
        self.ecs.put_account_setting_default(name="defaultLogDriverMode", value="blocking")  # what the rows below say is all there is


@pytest.fixture(scope="module")
def world(tmp_path_factory, docker):
    docker.sample_image()
    one = World(tmp_path_factory.mktemp("logs"), docker)
    yield one
    one.close()


def says(words, name="main", driver=None, **options):
    container = {"name": name, "command": ["/bin/sh", "-c", "echo %s; sleep 1000" % words]}
    if driver:
        container["logConfiguration"] = {"logDriver": driver, "options": {k.replace("_", "-"): v for k, v in options.items()}}
    return container


def id_of(task):
    return task["taskArn"].rsplit("/", 1)[1]


# Drivers that need nobody at the other end.
@pytest.mark.parametrize("driver,options,told", [
    ("json-file", {"max-size": "256m", "max-file": "2"}, {"max-size": "256m", "max-file": "2"}),
    ("json-file", {"mode": "non-blocking"}, {"mode": "non-blocking", "max-buffer-size": "10m"}),
    ("json-file", {"mode": "non-blocking", "max-buffer-size": "1m"}, {"mode": "non-blocking", "max-buffer-size": "1m"}),
    ("syslog", {"syslog-address": "udp://127.0.0.1:9", "tag": "{{.Name}}"}, {"syslog-address": "udp://127.0.0.1:9", "tag": "{{.Name}}"}),
    ("gelf", {"gelf-address": "udp://127.0.0.1:9"}, {"gelf-address": "udp://127.0.0.1:9"}),
    ("fluentd", {"fluentd-address": "127.0.0.1:9", "fluentd-async": "true"}, {"fluentd-address": "127.0.0.1:9", "fluentd-async": "true"}),
    ("splunk", {"splunk-url": "http://127.0.0.1:9", "splunk-token": "t", "splunk-verify-connection": "false"},
     {"splunk-url": "http://127.0.0.1:9", "splunk-token": "t", "splunk-verify-connection": "false"})])
def test_options_reach_docker(world, driver, options, told):
    """TD-197, TD-199, AG-349, AP-475."""
    container = says("x")
    container["logConfiguration"] = {"logDriver": driver, "options": options}
    task = world.run("log-" + driver, [container])
    assert world.inspect(task)["main"]["HostConfig"]["LogConfig"] == {"Type": driver, "Config": told}


def test_mode_of_the_account(world):
    """CL-236: defaultLogDriverMode counts for tasks that start from then on and say no mode; ECS's own value does not block."""
    world.ecs.put_account_setting_default(name="defaultLogDriverMode", value="non-blocking")
    try:
        task = world.run("mode", [says("x", driver="json-file"), says("x", name="own", driver="json-file", mode="blocking"),
                                  says("x", name="none")])
        told = {name: one["HostConfig"]["LogConfig"]["Config"] for name, one in world.inspect(task).items()}
        assert told["main"] == {"mode": "non-blocking", "max-buffer-size": "10m"} and told["own"] == {"mode": "blocking"}
        assert "mode" not in told["none"]
    finally:
        world.ecs.put_account_setting_default(name="defaultLogDriverMode", value="blocking")
    world.stop(task)


def test_no_configuration_is_the_daemons_default(world):
    """TD-198"""
    task = world.run("log-default", [says("x")])
    assert world.inspect(task)["main"]["HostConfig"]["LogConfig"] == {
        "Type": world.docker.run("info", "--format", "{{.LoggingDriver}}"), "Config": {}}
    world.stop(task)


def test_an_option_docker_does_not_know(world):
    """AG-347: Docker's own words behind ECS's."""
    task = world.run("log-bad", [says("x", driver="json-file", nope="1")], "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["containers"][0]["reason"] == (
        "CannotCreateContainerError: Error response from daemon: unknown log opt 'nope' for json-file log driver")


def test_a_driver_no_host_offers(world):
    """TD-200: awsfirelens and the eight are offered, by their names; gcplogs is not."""
    host = world.ecs.list_container_instances(cluster=CLUSTER)["containerInstanceArns"][0]
    attributes = world.ecs.describe_container_instances(cluster=CLUSTER, containerInstances=[host])["containerInstances"][0]["attributes"]
    prefix = "com.amazonaws.ecs.capability.logging-driver."
    assert {a["name"][len(prefix):] for a in attributes if a["name"].startswith(prefix)} == set(DRIVERS + ["awsfirelens"])


# FireLens. The router is a few lines of the host's Python that write down what they are sent.
ROUTER = """
import socket, threading
server = socket.socket(socket.AF_UNIX)
server.bind("/var/run/fluent.sock")
server.listen(8)
def copy(one):
    with open("/router/out", "ab", 0) as out:
        while data := one.recv(65536):
            out.write(data)
while True:
    threading.Thread(target=copy, args=(server.accept()[0],), daemon=True).start()
"""
PYTHON = {"/usr": "/usr", "/usr/lib": "/lib", "/usr/lib64": "/lib64"}


def router(directory, kind="fluentbit", **options):
    (directory / "router.py").write_text(ROUTER)
    firelens = {"type": kind, "options": {k.replace("_", "-"): v for k, v in options.items()}} if options else {"type": kind}
    mounts = [{"sourceVolume": "v%d" % i, "containerPath": path, "readOnly": True} for i, path in enumerate(PYTHON.values())]
    return ({"name": "log_router", "memory": 100, "command": ["/usr/bin/python3", "/router/router.py"], "firelensConfiguration": firelens,
             "mountPoints": mounts + [{"sourceVolume": "router", "containerPath": "/router"}]},
            [{"name": "v%d" % i, "host": {"sourcePath": path}} for i, path in enumerate(PYTHON)] +
            [{"name": "router", "host": {"sourcePath": str(directory)}}])


def test_logs_go_through_the_router(world, tmp_path):
    """AP-476, TD-203 to TD-211: configuration, socket, tag, variables, order; the directory goes with the task."""
    one, volumes = router(tmp_path)
    app = says("through-the-router", "app", "awsfirelens", Name="http", Host="h", exclude_pattern="^debug", log_driver_buffer_limit="4096")
    task = world.run("fire", [app, one], networkMode="bridge", volumes=volumes)
    found = world.inspect(task)
    directory = os.path.join(world.agent.data, "firelens", id_of(task))
    assert found["app"]["HostConfig"]["LogConfig"] == {"Type": "fluentd", "Config": {
        "tag": "app-firelens-" + id_of(task), "fluentd-address": "unix://%s/socket/fluent.sock" % directory, "fluentd-async": "true",
        "fluentd-sub-second-precision": "true", "fluentd-buffer-limit": "4096"}}
    address = found["log_router"]["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert {"FLUENT_HOST=" + address, "FLUENT_PORT=24224"} <= set(found["app"]["Config"]["Env"])
    assert found["log_router"]["State"]["StartedAt"] < found["app"]["Created"]
    assert {"%s/config/fluent.conf:/fluent-bit/etc/fluent-bit.conf" % directory, "%s/socket/:/var/run/" % directory} <= set(
        found["log_router"]["HostConfig"]["Binds"])
    host = world.ecs.list_container_instances(cluster=CLUSTER)["containerInstanceArns"][0].rsplit("/", 1)[1]
    revision = task["taskDefinitionArn"].rsplit("/", 1)[1]
    assert world.docker.run("exec", found["log_router"]["Id"], "/bin/cat", "/fluent-bit/etc/fluent-bit.conf") == """[INPUT]
    Name forward
    Mem_Buf_Limit 50MB
    unix_path /var/run/fluent.sock

[INPUT]
    Name forward
    Listen 0.0.0.0
    Port 24224

[INPUT]
    Name tcp
    Tag firelens-healthcheck
    Listen 127.0.0.1
    Port 8877

[FILTER]
    Name   grep
    Match app-firelens*
    Exclude log ^debug

[FILTER]
    Name record_modifier
    Match *
    Record ec2_instance_id %s
    Record ecs_cluster logs
    Record ecs_task_arn %s
    Record ecs_task_definition %s

[OUTPUT]
    Name null
    Match firelens-healthcheck

[OUTPUT]
    Name http
    Match app-firelens*
    Host h""" % (host, task["taskArn"], revision)

    def arrived():
        out = (tmp_path / "out").read_bytes() if (tmp_path / "out").exists() else b""
        return b"through-the-router" in out and ("app-firelens-" + id_of(task)).encode() in out
    eventually(arrived, 30, "the router gets what the container says")
    world.stop(task)
    ends = {name: c["State"]["FinishedAt"] for name, c in world.inspect(task).items()}
    assert ends == {} or ends["app"] < ends["log_router"]  # removed a second after the end
    eventually(lambda: not os.path.exists(directory), 60, "the directory is removed")


def test_fluentd_in_host_mode_as_another_user(world, tmp_path):
    """TD-202, TD-206, AP-476: its own file included, no metadata, no variables; the socket's directory is the user's."""
    one, volumes = router(tmp_path, "fluentd", enable_ecs_log_metadata="false", config_file_type="file", config_file_value="/router/my.conf")
    os.chmod(tmp_path, 0o777)
    app = {"name": "app", "command": ["/bin/sh", "-c", "sleep 1000"], "logConfiguration": {
        "logDriver": "awsfirelens", "options": {"@type": "stdout", "include-pattern": "x"}}}
    task = world.run("fire-host", [dict(one, user="1234:5678"), app], networkMode="host", volumes=volumes)
    found = world.inspect(task)
    directory = os.path.join(world.agent.data, "firelens", id_of(task))
    assert not [v for v in found["app"]["Config"]["Env"] if v.startswith("FLUENT_")]
    assert "FLUENT_UID=0" in found["log_router"]["Config"]["Env"]
    owner = os.stat(directory + "/socket")
    assert (owner.st_uid, owner.st_gid) == (1234, 5678)
    with open(directory + "/config/fluent.conf") as file:
        assert file.read() == """
<source>
    @type unix
    path /var/run/fluent.sock
</source>

<filter app-firelens**>
    @type  grep
    <regexp>
        key log
        pattern x
    </regexp>
</filter>

@include /router/my.conf

<match app-firelens**>
    @type stdout
</match>
"""
    world.stop(task)


@pytest.mark.parametrize("kind,options,reason", [
    ("fluentbit", {"region": "r"}, "Unable to generate firelens config file: unable to generate firelens config: unable to apply log "
     "options of container app to firelens config: missing output key Name which is required for firelens configuration of type fluentbit"),
    ("fluentd", {"Name": "s3"}, "Unable to generate firelens config file: unable to generate firelens config: unable to apply log "
     "options of container app to firelens config: missing output key @type which is required for firelens configuration of type fluentd")])
def test_a_router_that_cannot_be_configured(world, tmp_path, kind, options, reason):
    """TD-205: no container is made."""
    one, volumes = router(tmp_path, kind)
    app = {"name": "app", "logConfiguration": {"logDriver": "awsfirelens", "options": options}}
    task = world.run("fire-no", [app, one], "STOPPED", volumes=volumes)
    assert (task["stopCode"], task["stoppedReason"]) == ("TaskFailedToStart", reason)
    assert not [c for c in task["containers"] if "runtimeId" in c]


# awslogs: an engine of our own, which has keys, and CloudWatch Logs as far as Docker's driver knows it.
class Logs(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = self.server.answer(self.headers["X-Amz-Target"].split(".")[1], body, self.headers["Authorization"])
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class LogsServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Logs)
        self.url = "http://127.0.0.1:%d" % self.server_port
        self.lock = threading.Lock()
        self.groups, self.messages, self.scopes = {"there": set()}, {}, set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def answer(self, operation, body, authorization):
        with self.lock:
            self.scopes.add(re.search(r"Credential=\w+/\d+/([\w-]+/\w+)/", authorization).group(1))
            group, stream = body.get("logGroupName"), body.get("logStreamName")
            if operation == "CreateLogGroup":
                if group in self.groups:
                    return 400, {"__type": "ResourceAlreadyExistsException", "message": "The specified log group already exists"}
                self.groups[group] = set()
            elif group not in self.groups:
                return 400, {"__type": "ResourceNotFoundException", "message": "The specified log group does not exist."}
            elif operation == "CreateLogStream":
                self.groups[group].add(stream)
            elif operation == "PutLogEvents":
                self.messages.setdefault((group, stream), []).extend(e["message"] for e in body["logEvents"])
                return 200, {"nextSequenceToken": "1"}
            return 200, {}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    keys = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}
    pid, logs = os.getpid(), LogsServer()
    docker = PrivateDocker(bridge=("berth-l%d" % pid, "172.30.%d.1/24" % (pid % 250)))
    os.environ.update(keys)
    try:
        docker.start()
        docker.sample_image()
        one = World(tmp_path_factory.mktemp("awslogs"), docker, BERTH_AWSLOGS_ENDPOINT=logs.url)
        one.logs = logs
        yield one
        one.close()
    finally:
        for name in keys:
            del os.environ[name]
        docker.close()
        logs.shutdown()


def test_awslogs(cloud):
    """TD-185 to TD-191, example 19: stream names, the group made on demand, the region, what is said arrives."""
    prefix = {"awslogs-stream-prefix": "pre"}
    containers = [says("from-one", "one"), says("from-two", "two"), says("from-three", "three")]
    containers[0]["logConfiguration"] = {"logDriver": "awslogs", "options": dict(REGION, **prefix, **{"awslogs-group": "there"})}
    containers[1]["logConfiguration"] = {"logDriver": "awslogs", "options": dict(REGION, **{"awslogs-group": "there"})}
    containers[2]["logConfiguration"] = {"logDriver": "awslogs", "options": dict(
        REGION, **prefix, **{"awslogs-group": "made", "awslogs-create-group": "true", "mode": "non-blocking"})}
    task = cloud.run("aws", containers, networkMode="none")
    found = cloud.inspect(task)
    expected = {("there", "pre/one/" + id_of(task)): "from-one", ("there", found["two"]["Id"]): "from-two",
                ("made", "pre/three/" + id_of(task)): "from-three"}
    eventually(lambda: {key: words[0] for key, words in cloud.logs.messages.items() if key in expected} == expected, 40,
               "what the containers say arrives")
    assert cloud.logs.scopes == {"eu-west-1/logs"}
    assert found["three"]["HostConfig"]["LogConfig"]["Config"] == {
        "awslogs-region": "eu-west-1", "awslogs-group": "made", "awslogs-create-group": "true", "mode": "non-blocking",
        "max-buffer-size": "10m", "awslogs-endpoint": cloud.logs.url, "awslogs-stream": "pre/three/" + id_of(task)}
    cloud.stop(task)


def test_awslogs_messages_of_several_lines(cloud):
    """TD-192: where a message begins; of both ways the time counts, and Docker is not asked to choose."""
    container = {"name": "main", "command": ["/bin/sh", "-c", "echo 2026-01-01 first; echo ' more'; echo 2026-01-02 second; sleep 1000"],
                 "logConfiguration": {"logDriver": "awslogs", "options": dict(REGION, **{
                     "awslogs-group": "there", "awslogs-stream-prefix": "lines", "awslogs-datetime-format": "%Y-%m-%d",
                     "awslogs-multiline-pattern": "^never"})}}
    task = cloud.run("lines", [container], networkMode="none")
    key = ("there", "lines/main/" + id_of(task))
    cloud.stop(task)
    eventually(lambda: len(cloud.logs.messages.get(key, [])) == 2, 40, "two messages arrive")
    assert cloud.logs.messages[key] == ["2026-01-01 first\n more\n", "2026-01-02 second\n"]


def test_awslogs_without_its_group(cloud):
    """TD-188: the task does not start, and its reason names what is missing."""
    container = says("x")
    container["logConfiguration"] = {"logDriver": "awslogs", "options": dict(REGION, **{"awslogs-group": "missing"})}
    task = cloud.run("missing", [container], "STOPPED", networkMode="none")
    assert task["stopCode"] == "TaskFailedToStart"
    reason = task["containers"][0]["reason"]
    assert reason.startswith("CannotStartContainerError: Error response from daemon: failed to initialize logging driver: ")
    assert "ResourceNotFoundException: The specified log group does not exist." in reason


def test_awslogs_groups_made_at_once(cloud):
    """TD-189: containers that make the same group together all start."""
    containers = [says("x", "c%d" % i) for i in range(4)]
    for one in containers:
        one["logConfiguration"] = {"logDriver": "awslogs", "options": dict(REGION, **{"awslogs-group": "race", "awslogs-create-group": "true"})}
    task = cloud.run("race", containers, networkMode="none")
    assert len(cloud.logs.groups["race"]) == 4
    cloud.stop(task)
