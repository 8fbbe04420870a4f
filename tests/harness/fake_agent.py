"""An agent without Docker: it registers, holds the two WebSockets and says what a test has it say.

It speaks as the official agent does (AP-020 to AP-025, AP-101, AP-202, AP-501 to AP-505): signed calls, signed upgrades
with the query as Go writes it, masked text frames, TCS frames behind a signed header block.
"""
import base64
import contextlib
import hashlib
import json
import os
import socket
import struct
import threading
import time
import urllib.parse
import uuid

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .program import ECS_TARGET, REGION, ApiError, call

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

CAPABILITIES = [
    {"name": "com.amazonaws.ecs.capability.privileged-container"},
    *({"name": "com.amazonaws.ecs.capability.docker-remote-api.1.%d" % v} for v in (*range(17, 26), 28, 29, 30, 32)),
    *({"name": "com.amazonaws.ecs.capability.logging-driver." + d} for d in ("json-file", "none", "syslog", "awslogs", "awsfirelens")),
    *({"name": "com.amazonaws.ecs.capability." + c} for c in ("task-iam-role", "task-iam-role-network-host", "ecr-auth")),
    *({"name": "ecs.capability." + c} for c in (
        "container-ordering", "full-sync", "env-files.s3", "network.container-port-range", "container-restart-policy",
        "container-health-check", "execution-role-ecr-pull", "execution-role-awslogs", "docker-plugin.local", "efs",
        "secrets.ssm.environment-variables", "secrets.asm.environment-variables", "secrets.ssm.bootstrap.log-driver",
        "secrets.asm.bootstrap.log-driver", "private-registry-authentication.secretsmanager", "pid-ipc-namespace-sharing",
        "firelens.fluentbit", "firelens.fluentd", "task-cpu-mem-limit")),
    {"name": "ecs.os-type", "value": "linux"}, {"name": "ecs.os-family", "value": "LINUX"},
    {"name": "ecs.cpu-architecture", "value": "x86_64"},
]


def resources(cpu=4096, memory=8192, ports=(22, 2375, 2376, 51678, 51679), ports_udp=()):
    """totalResources as AP-102 has them."""
    return [
        {"name": "CPU", "type": "INTEGER", "integerValue": cpu},
        {"name": "MEMORY", "type": "INTEGER", "integerValue": memory},
        {"name": "PORTS", "type": "STRINGSET", "stringSetValue": [str(p) for p in ports]},
        {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": [str(p) for p in ports_udp]},
    ]


# ---- WebSocket, by hand so that a test can break it ----

class Refused(Exception):
    """The server did not upgrade."""

    def __init__(self, status, body):
        super().__init__("%d %r" % (status, body))
        self.status, self.body = status, body


def frame(payload, opcode=TEXT, fin=True, masked=True, rsv=0):
    if isinstance(payload, str):
        payload = payload.encode()
    head = bytearray([(0x80 if fin else 0) | (rsv << 4) | opcode])
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head.append(bit | len(payload))
    elif len(payload) < 65536:
        head += struct.pack(">BH", bit | 126, len(payload))
    else:
        head += struct.pack(">BQ", bit | 127, len(payload))
    if not masked:
        return bytes(head) + payload
    mask = os.urandom(4)
    wide = (mask * (len(payload) // 4 + 1))[:len(payload)]
    mixed = (int.from_bytes(payload, "big") ^ int.from_bytes(wide, "big")).to_bytes(len(payload), "big")
    return bytes(head) + mask + mixed


def sign_get(key, url, body=b"", host=None):
    """Authorization, Host and X-Amz-Date of a GET; a space of the query counts as %20 (AP-202)."""
    host = host or urllib.parse.urlsplit(url).netloc
    request = AWSRequest("GET", url.replace("+", "%20"), data=body or None, headers={"Host": host})
    SigV4Auth(Credentials(*key), "ecs", REGION).add_auth(request)
    return {name: request.headers[name] for name in ("Authorization", "Host", "X-Amz-Date")}


class WebSocket:
    """A client's end. recv() gives texts; after it gave None the connection is over and `closed` says how."""

    def __init__(self, url, headers, timeout=20):
        parts = urllib.parse.urlsplit(url)
        self.sock = socket.create_connection((parts.hostname, parts.port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.closed = None
        self.answers_pings = True
        nonce = base64.b64encode(os.urandom(16))
        lines = ["GET %s?%s HTTP/1.1" % (parts.path, parts.query), "User-Agent: Go-http-client/1.1"]
        lines += ["%s: %s" % pair for pair in headers.items()]
        lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + nonce.decode()]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        head = self._until(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        fields = {k.strip().lower(): v.strip() for k, _, v in (line.partition(b":") for line in head.split(b"\r\n")[1:])}
        if status != 101:
            body = self._exactly(int(fields.get(b"content-length", b"0")))
            self.sock.close()
            raise Refused(status, body)
        expected = base64.b64encode(hashlib.sha1(nonce + GUID).digest())
        assert fields[b"sec-websocket-accept"] == expected, head
        assert b"sec-websocket-protocol" not in fields and b"sec-websocket-extensions" not in fields, head  # AP-203

    def _more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise EOFError
        self.buffer += piece

    def _until(self, mark):
        while mark not in self.buffer:
            self._more()
        text, _, self.buffer = self.buffer.partition(mark)
        return text

    def _exactly(self, count):
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def send(self, text):
        self.sock.sendall(frame(text))

    def recv(self, timeout=20):
        self.sock.settimeout(timeout)
        try:
            while True:
                head = self._exactly(2)
                opcode, length = head[0] & 15, head[1] & 127
                assert head[0] & 0x80 and not head[1] & 0x80, "the server fragments or masks"
                if length == 126:
                    length = struct.unpack(">H", self._exactly(2))[0]
                elif length == 127:
                    length = struct.unpack(">Q", self._exactly(8))[0]
                payload = self._exactly(length)
                if opcode == TEXT:
                    return payload.decode()
                if opcode == PING:
                    if self.answers_pings:
                        self.sock.sendall(frame(payload, PONG))
                elif opcode == CLOSE:
                    self.closed = (struct.unpack(">H", payload[:2])[0] if payload else 1005, payload[2:].decode())
                    with contextlib.suppress(OSError):
                        self.sock.sendall(frame(payload[:2], CLOSE))
                    return None
        except socket.timeout:
            raise
        except (EOFError, OSError) as err:
            self.closed = self.closed or (1006, str(err))
            return None

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.sendall(frame(struct.pack(">H", 1000), CLOSE))
        self.abort()

    def abort(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


# ---- the agent ----

class FakeAgent:
    """One host. `runs`: payloads are acknowledged and carried out at once; else only what a test does happens."""

    version, git_hash, docker = "1.105.1", "a8b3e7d3", "20.10.24+dfsg1"

    def __init__(self, url, key, cluster="default", runs=True, acks=True):
        self.url, self.key, self.cluster = url, key, cluster
        self.runs, self.acks = runs, acks
        self.arn = None
        self.registered = None
        self.acs = self.tcs = None
        self.messages, self.telemetry = [], []
        self.heard = threading.Condition()
        self.known = {}  # task ARN -> the status it was last told
        self.containers = {}  # task ARN -> names of its containers
        self.exit_codes = {}  # container name -> what it ends with
        self.errors = []
        self.threads = []
        self.has_connected = False

    # -- the API --

    def call(self, operation, **body):
        return call(self.url, self.key, ECS_TARGET + "." + operation, body)

    def register(self, **more):
        body = {"cluster": self.cluster, "clientToken": str(uuid.uuid4()), "attributes": CAPABILITIES,
                "totalResources": resources(), "instanceIdentityDocument": "", "instanceIdentityDocumentSignature": ""}
        if self.arn:
            body["containerInstanceArn"] = self.arn
        body.update(more)
        self.registered = self.call("RegisterContainerInstance", **body)["containerInstance"]
        self.arn = self.registered["containerInstanceArn"]
        return self

    def submit(self, task, status, containers=(), **more):
        return self.call("SubmitTaskStateChange", cluster=self.cluster, task=task, status=status,
                         **dict({"reason": "", "containers": list(containers)}, **more))

    # -- the sockets --

    def urls(self):
        found = self.call("DiscoverPollEndpoint", containerInstance=self.arn, cluster=self.cluster, zoneId="")
        return found["endpoint"], found["telemetryEndpoint"]

    def acs_url(self, send_credentials=None, arn=None, cluster=None, base=None):
        if send_credentials is None:
            send_credentials = not self.has_connected
        query = {"agentHash": self.git_hash, "agentVersion": self.version, "clusterArn": cluster or self.cluster,
                 "containerInstanceArn": arn or self.arn, "dockerVersion": "DockerVersion: " + self.docker, "protocolVersion": 2,
                 "sendCredentials": str(send_credentials).lower(), "seqNum": 1}
        return (base or self.url + "/acs/") + "ws?" + urllib.parse.urlencode(query)

    def tcs_url(self, arn=None, cluster=None, base=None):
        query = {"agentHash": self.git_hash, "agentVersion": self.version, "cluster": cluster or self.cluster,
                 "containerInstance": arn or self.arn, "dockerVersion": self.docker}
        return (base or self.url + "/tcs/") + "ws?" + urllib.parse.urlencode(query)

    def open(self, url):
        return WebSocket(url, sign_get(self.key, url))

    def connect(self, tcs=False, send_credentials=None):
        acs_base, tcs_base = self.urls()
        if tcs:
            self.connect_tcs(tcs_base)
        self.acs = self.open(self.acs_url(send_credentials, base=acs_base))
        self.has_connected = True
        self._read(self.acs, self._on_acs)
        return self

    def connect_tcs(self, base=None):
        self.tcs_address = self.tcs_url(base=base)
        self.tcs = self.open(self.tcs_address)
        self._read(self.tcs, self._on_tcs)
        return self

    def _read(self, ws, handle):
        def run():
            try:
                while (text := ws.recv(timeout=600)) is not None:
                    handle(ws, json.loads(text))
            except Exception as err:  # what goes wrong here is told to the test that waits
                if not ws.closed:
                    self.errors.append(err)
            with self.heard:
                self.heard.notify_all()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.threads.append(thread)

    def _on_tcs(self, ws, message):
        with self.heard:
            self.telemetry.append(message)
            self.heard.notify_all()

    def _on_acs(self, ws, message):
        with self.heard:
            self.messages.append(message)
            self.heard.notify_all()
        kind, body = message["type"], message["message"]
        if not self.acks:
            return
        if kind == "HeartbeatMessage":
            self.say("HeartbeatAckRequest", messageId=body["messageId"], ws=ws)
        elif kind in ("PayloadMessage", "TaskManifestMessage"):
            self.ack(body, ws)
            if kind == "PayloadMessage" and self.runs:
                for task in body["tasks"]:
                    self.carry_out(task)

    def say(self, kind, ws=None, **message):
        (ws or self.acs).send(json.dumps({"type": kind, "message": message}))

    def ack(self, body, ws=None):
        self.say("AckRequest", cluster=body["clusterArn"], containerInstance=body["containerInstanceArn"],
                 messageId=body["messageId"], ws=ws)

    def carry_out(self, task):
        arn, wanted = task["arn"], task["desiredStatus"]
        if self.known.get(arn) in (wanted, "STOPPED"):
            return
        had = self.known.get(arn)
        self.known[arn] = wanted
        checked = [c["name"] for c in task["containers"] if c.get("healthCheckType")]
        if task["containers"]:  # a stop need not list them (AP-222)
            self.containers[arn] = [c["name"] for c in task["containers"]]
        names = self.containers.get(arn, [])
        try:
            if wanted == "RUNNING":
                self.report_running(arn, names)
                if checked and self.tcs:
                    self.publish_health(arn, **dict.fromkeys(checked, "HEALTHY"))
            elif had:
                self.report_stopped(arn, names)
        except (ApiError, OSError) as err:
            self.errors.append(err)

    def report_running(self, task, names, **more):
        return self.submit(task, "RUNNING", [
            dict({"containerName": n, "status": "RUNNING", "runtimeId": self.runtime_id(task, n)}, **more) for n in names],
            pullStartedAt=time.time() - 1, pullStoppedAt=time.time())

    def report_stopped(self, task, names, **more):
        return self.submit(task, "STOPPED", [
            dict({"containerName": n, "status": "STOPPED", "exitCode": self.exit_codes.get(n, 0),
                  "runtimeId": self.runtime_id(task, n)}, **more) for n in names], executionStoppedAt=time.time())

    @staticmethod
    def runtime_id(task, name):
        return hashlib.sha256((task + name).encode()).hexdigest()

    # -- telemetry --

    def signed_frame(self, kind, key=None, address=None, **message):
        text = json.dumps({"type": kind, "message": message})
        head = sign_get(key or self.key, address or self.tcs_address, text.encode())
        return "".join("%s: %s\r\n" % pair for pair in head.items()) + "\r\n" + text

    def publish(self, kind, **message):
        self.tcs.send(self.signed_frame(kind, **message))

    def metadata(self, **more):
        return dict({"cluster": self.cluster, "containerInstance": self.arn, "messageId": str(uuid.uuid4()), "fin": True}, **more)

    def publish_health(self, task, **statuses):
        self.publish("PublishHealthRequest", metadata=self.metadata(), timestamp=time.time(), tasks=[{
            "taskArn": task, "taskDefinitionFamily": "f", "taskDefinitionVersion": "1", "containers": [
                {"containerName": name, "healthStatus": status, "statusSince": time.time()}
                for name, status in statuses.items()]}])

    # -- waiting --

    def wait(self, check, timeout=20, what=None, where=None):
        """The first message that `check` likes."""
        heap = self.messages if where is None else where
        deadline = time.monotonic() + timeout
        seen = 0
        with self.heard:
            while True:
                for message in heap[seen:]:
                    if check(message):
                        return message
                seen = len(heap)
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError("not within %gs: %s; heard %s, errors %s" % (timeout, what or check, heap[-5:], self.errors))
                self.heard.wait(left)

    def wait_payload(self, task, status="RUNNING", timeout=20, since=0):
        return self.wait(lambda m: m["type"] == "PayloadMessage" and any(
            t["arn"] == task and t["desiredStatus"] == status for t in m["message"]["tasks"]),
            timeout, "%s of %s" % (status, task), self.messages[since:] if since else None)

    def wait_closed(self, ws=None, timeout=20):
        ws = ws or self.acs
        deadline = time.monotonic() + timeout
        with self.heard:
            while not ws.closed:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError("the socket is open")
                self.heard.wait(left)
        return ws.closed

    def payloads(self, task=None):
        return [m["message"] for m in self.messages if m["type"] == "PayloadMessage"
                and (task is None or any(t["arn"] == task for t in m["message"]["tasks"]))]

    def disconnect(self):
        for ws in (self.acs, self.tcs):
            if ws:
                ws.close()
        for thread in self.threads:
            thread.join(10)
        self.acs = self.tcs = None
        self.threads = []

    close = disconnect
