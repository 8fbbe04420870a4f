"""SIGTERM: the server ends by itself, soon, whoever is connected and whatever they do."""
import os
import signal
import socket
import time
import urllib.request

import pytest

from harness.fake_agent import FakeAgent
from harness.program import Server


@pytest.fixture
def own(tmp_path):
    one = Server(tmp_path).start()
    yield one
    one.kill()


def open_connections(server, count, send=b""):
    host, port = server.url.split("://")[1].split(":")
    sockets = [socket.create_connection((host, int(port)), timeout=20) for _ in range(count)]
    for one in sockets:
        one.sendall(send)
    # What came before is read before this is answered.
    urllib.request.urlopen(server.url + "/healthz", timeout=20).read()
    return sockets


def agents(server, count):
    server.client(server.create_key()).create_cluster(clusterName="c")
    made = []
    for i in range(count):
        one = FakeAgent(server.url, server.create_key(agentCluster="c"), "c", False, True)
        one.register()
        one.connect(tcs=i % 2 == 0)
        made.append(one)
    return made


def seconds_to_end(server):
    began = time.monotonic()
    assert server.stop() == 0, server.output()[-3000:]
    return time.monotonic() - began


def test_idle_connections_and_agents_hold_nothing_up(own):
    idle = open_connections(own, 150, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") + open_connections(own, 150)
    connected = agents(own, 10)
    assert seconds_to_end(own) < 5
    for one in idle:
        one.close()
    for one in connected:
        one.wait_closed(one.acs)


def test_requests_that_never_arrive_are_given_up(own):
    half = open_connections(own, 20, b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    assert seconds_to_end(own) < 20
    for one in half:
        one.close()


def test_agents_that_do_not_answer_are_given_up(own):
    """A host whose power went: nobody answers the close frame."""
    read_fd, write_fd = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            agents(own, 4)
            os.write(write_fd, b"+")
            signal.pause()
        finally:
            os._exit(1)
    try:
        os.close(write_fd)
        assert os.read(read_fd, 1) == b"+"
        os.kill(child, signal.SIGSTOP)
        assert seconds_to_end(own) < 20
    finally:
        os.close(read_fd)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_second_signal_ends_at_once(own):
    half = open_connections(own, 5, b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    began = time.monotonic()
    own.signal(signal.SIGTERM)
    while "ending" not in own.output():
        time.sleep(0.01)
        assert time.monotonic() - began < 20
    own.signal(signal.SIGTERM)
    assert own.process.wait(5) == 1
    for one in half:
        one.close()
