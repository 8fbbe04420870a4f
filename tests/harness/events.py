"""A reader of GET /events: ECS's events as server-sent events (docs/events.md)."""
import http.client
import json
import socket
import urllib.parse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .program import REGION


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__("%d %s" % (status, body))
        self.status, self.body = status, body


class Reader:
    """One GET /events; next() is (id, event)."""

    def __init__(self, url, key, last=None, timeout=30, **query):
        path = "/events"
        if query:
            path += "?" + urllib.parse.urlencode({name.replace("_", "-"): value for name, value in query.items()},
                                                 doseq=True, quote_via=urllib.parse.quote)
        request = AWSRequest("GET", url + path, headers={"Last-Event-ID": str(last)} if last is not None else {})
        if key:
            SigV4Auth(Credentials(*key), "ecs", REGION).add_auth(request)
        self.connection = http.client.HTTPConnection(url.split("://")[1], timeout=timeout)
        self.connection.request("GET", path, headers=dict(request.headers))
        self.socket = self.connection.sock  # the connection gives it away with the answer
        self.answer = self.connection.getresponse()
        if self.answer.status != 200:
            body = self.answer.read()
            self.connection.close()
            raise Refused(self.answer.status, json.loads(body))
        assert self.answer.getheader("content-type") == "text/event-stream"
        self.last, event = self._block()  # where it begins
        assert event is None

    def _block(self):
        """(id, data) of one block; data None: nothing but the place."""
        fields = {}
        while True:
            line = self.answer.readline().decode()
            if not line:
                raise EOFError
            line = line.rstrip("\n")
            if not line:
                break
            name, _, value = line.partition(":")
            if name:
                fields[name] = value.strip()
        if "event" in fields:
            assert fields["event"] == "closed"
            raise EOFError(json.loads(fields["data"])["reason"])
        return int(fields["id"]), json.loads(fields["data"]) if "data" in fields else None

    def next(self):
        while True:
            number, event = self._block()
            assert number >= self.last
            self.last = number
            if event is not None:
                return number, event

    def until(self, fits):
        """All up to the first that fits."""
        seen = []
        while not seen or not fits(seen[-1][1]):
            seen.append(self.next())
        return seen

    def cut(self):
        """Ends it for a thread that waits in next()."""
        self.socket.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.connection.close()
