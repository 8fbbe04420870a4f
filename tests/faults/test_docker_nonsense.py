"""A Docker whose answers make no sense: garbage, halves, other types, other lengths. The agent says what is wrong, stays
up, and goes on as if nothing had been once the answers are good again."""
import json
import os
import random
import re
import socket
import threading
import time

from harness.program import Agent, eventually

ANSWERS = 10000
LINES = 40  # nonsense events every 20 ms


class Nonsense:
    """Stands between the agent and Docker, one request a connection, and spoils answers while it is told to."""

    def __init__(self, directory, upstream, seed):
        self.path = os.path.join(str(directory), "nonsense.sock")
        self.host = "unix://" + self.path
        self.upstream = upstream.split("://")[1]
        self.rng = random.Random(seed)
        self.spoils = False
        self.spoiled = 0
        self.answers = 0  # of them, those that are not events
        self.streams = set()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with client:
                self.answer(client)
        except OSError:
            pass  # one of the two has gone

    @staticmethod
    def read_request(client):
        data = b""
        while b"\r\n\r\n" not in data:
            more = client.recv(65536)
            if not more:
                return None, None
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        while length and len(body) < int(length.group(1)):
            more = client.recv(65536)
            if not more:
                return None, None
            body += more
        return re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", head) + b"\r\nConnection: close", body

    def answer(self, client):
        head, body = self.read_request(client)
        if head is None:
            return
        is_stream = b"/events?" in head.split(b"\r\n")[0]
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self.upstream)
            engine.sendall(head + b"\r\n\r\n" + body)
            if is_stream:
                self.stream(client, engine)
                return
            answer = b""
            while True:
                more = engine.recv(65536)
                if not more:
                    break
                answer += more
        if self.spoils:
            self.spoiled += 1
            self.answers += 1
            answer = self.spoil(answer)
        client.sendall(answer)

    def stream(self, client, engine):
        """Docker's events; while it spoils, full of others."""
        sending = threading.Lock()
        ended = threading.Event()

        def insert():
            while not ended.wait(0.02):
                for _ in range(LINES if self.spoils else 0):
                    line = self.spoil_json({"Type": "container", "Action": "die", "id": "0" * 64, "timeNano": 1,
                                            "Actor": {"ID": "0" * 64, "Attributes": {"exitCode": "1"}}})
                    try:
                        with sending:
                            client.sendall(b"%x\r\n%s\n\r\n" % (len(line) + 1, line))
                    except OSError:
                        return
                    self.spoiled += 1

        if self.spoils and self.rng.random() < 0.3:
            self.spoiled += 1
            client.sendall(self.spoil(engine.recv(65536)))
            return
        head = b""
        while b"\r\n\r\n" not in head:
            head += engine.recv(65536)
        head, rest = head.split(b"\r\n\r\n", 1)
        assert b"chunked" in head
        client.sendall(head + b"\r\n\r\n" + rest)
        threading.Thread(target=insert, daemon=True).start()
        self.streams.add(client)
        try:
            while True:
                more = engine.recv(65536)  # whole chunks: Docker writes each event at once
                if not more:
                    return
                with sending:
                    client.sendall(more)
        finally:
            self.streams.discard(client)
            ended.set()

    def set(self, spoils, ends_streams):
        self.spoils = spoils
        for one in list(self.streams) if ends_streams else ():
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def spoil_json(self, value):
        """The same with one leaf or branch replaced by what does not belong there, or cut, or none at all."""
        rng = self.rng
        strange = [None, True, -1, 1e300, 2 ** 63, "", "\u0000", "x" * 5000, [], {}, [[[]]], {"a": {"b": []}}]
        choice = rng.randrange(5)
        if choice == 0:
            return json.dumps(rng.choice(strange)).encode()
        if choice == 1:
            return b"[" * rng.choice((10, 300, 3000))
        at = value
        while isinstance(at, (dict, list)) and at:
            key = rng.choice(list(at)) if isinstance(at, dict) else rng.randrange(len(at))
            if not isinstance(at[key], (dict, list)) or not at[key] or rng.random() < 0.3:
                at[key] = rng.choice(strange)
                break
            at = at[key]
        text = json.dumps(value).encode()
        if choice == 2:
            return text[:rng.randrange(len(text) + 1)]
        if choice == 3:
            flipped = bytearray(text)
            flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
            return bytes(flipped)
        return text

    def spoil(self, answer):
        rng = self.rng
        choice = rng.randrange(7)
        if choice == 0:
            return b""
        if choice == 1:
            return rng.randbytes(rng.randrange(1, 3000))
        if choice == 2:
            return answer[:rng.randrange(len(answer) + 1)]
        if choice == 3:
            return b"HTTP/1.1 500 " + rng.randbytes(20).replace(b"\n", b"") + b"\r\nContent-Length: 40\r\n\r\n" + rng.randbytes(40)
        if choice == 4:
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + rng.choice((b"zz\r\n", b"fffffffff\r\nab", b"4\r\nab"))
        try:
            body = self.spoil_json(json.loads(answer.split(b"\r\n\r\n", 1)[1]))
        except ValueError:
            body = rng.randbytes(rng.randrange(200))
        length = len(body) if choice == 5 else rng.choice((0, len(body) // 2, len(body) + 10, 2 ** 62))
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length + body

    def close(self):
        self.listener.close()


def test_answers_that_make_no_sense(world):
    seed = int(os.environ.get("SEED", random.randrange(10000)))
    print("seed", seed)
    docker = Nonsense(world.directory, world.docker.host, seed)
    world.agent = Agent(world.directory, world.server.url, world.server.create_key(agentCluster="default"), docker.host,
                        env={"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION": "1h"})
    world.definition()
    world.definition("long", "echo $RUN >>/runs/log; sleep 1000")
    world.start_agent()
    steady = world.run_task("steady", "long")
    eventually(lambda: world.tasks([steady])[0]["lastStatus"] == "RUNNING", 60)
    names, arns = ["steady"], [steady]
    pid = world.agent.process.pid

    # First among good events, then with a stream that breaks, and cannot be had again, too.
    for ends_streams in (False, True):
        docker.set(True, ends_streams)
        until = time.monotonic() + 6
        wanted = docker.spoiled + (0 if ends_streams else ANSWERS)
        while time.monotonic() < until or docker.spoiled < wanted:
            assert time.monotonic() < until + 60
            if len(names) < (50 if ends_streams else 30):
                names.append("n%d" % len(names))
                arns.append(world.run_task(names[-1]))
            time.sleep(0.1)
        docker.set(False, ends_streams)
        assert world.agent.is_running(), world.agent.output()[-3000:]
        names.append("after-%s" % ends_streams)
        arns.append(world.run_task(names[-1]))
        eventually(lambda: world.tasks([arns[-1]])[0]["lastStatus"] == "STOPPED", 60, "work goes on; log " + world.agent.log)
        assert world.tasks([arns[-1]])[0]["containers"][0].get("exitCode") == 0
        print("spoiled", docker.spoiled, "of them answers", docker.answers, "tasks", len(names))
    assert "Docker event left out" in world.agent.output() and "Docker cannot be reached" in world.agent.output()
    world.ecs.stop_task(cluster="default", task=steady)
    tasks = world.assert_consistent(names, arns)
    for task in tasks:
        container = task["containers"][0]
        assert "exitCode" in container or container.get("reason") or task["stoppedReason"], task
    assert world.agent.process.pid == pid
    assert world.agent.stop() == 0, world.agent.output()[-3000:]  # a leak or an overflow ends otherwise
    docker.close()
