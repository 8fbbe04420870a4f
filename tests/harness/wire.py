"""Signed HTTP over one kept connection: for what boto3 refuses to send, and for thousands of calls in seconds."""
import http.client
import json
import urllib.parse

from .program import ECS_TARGET, REGION, ApiError, signed_headers


class Answer:
    """What came back, before anything is made of it."""

    def __init__(self, status, headers, text):
        self.status, self.text = status, text
        self.headers = {name.lower(): value for name, value in headers}
        try:
            self.body = json.loads(text)
        except ValueError:
            self.body = None

    @property
    def code(self):
        return None if self.status == 200 or not isinstance(self.body, dict) else self.body.get("__type")

    @property
    def message(self):
        return None if self.code is None else self.body.get("message")

    def __repr__(self):
        return "%d %s" % (self.status, self.text[:300].decode(errors="replace"))


class Wire:
    """`key` may be one of an account or of an agent. Not for several threads at once."""

    def __init__(self, url, key, timeout=30):
        self.url, self.key, self.timeout = url, key, timeout
        self.count = 0
        self._connection = None

    def _connect(self):
        if self._connection is None:
            parts = urllib.parse.urlsplit(self.url)
            self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=self.timeout)
        return self._connection

    def send(self, operation, body, region=REGION):
        """Any body, bytes as they are; an Answer, whatever it says. A call is sent once: never again by itself."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = signed_headers(self.url, self.key, ECS_TARGET + "." + operation, data, region=region)
        connection = self._connect()
        self.count += 1
        try:
            connection.request("POST", "/", body=data, headers=headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        except BaseException:
            self.close()
            raise

    def call(self, operation, **body):
        """The answer's body; ApiError if it was refused."""
        answer = self.send(operation, body)
        if answer.status != 200:
            raise ApiError(answer.status, answer.code, answer.message)
        return answer.body

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None
