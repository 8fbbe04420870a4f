"""As much of SSM, Secrets Manager, S3 and ECR as an agent asks at a task's start, on one port, as berth's server has them.

Every request must be signed by a key it knows (SigV4, checked here by itself); what was asked is kept.
"""
import base64
import collections
import hashlib
import hmac
import http.server
import json
import re
import threading

AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
                           r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})")
Asked = collections.namedtuple("Asked", "service region key token what")


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Refusal(Exception):
    def __init__(self, status, code, message, headers=()):
        super().__init__(code)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers)


class FakeAws:
    """`keys`: access key id to secret; without, signatures are not checked."""

    def __init__(self, keys=None):
        self.keys = keys
        self.parameters, self.secrets, self.objects = {}, {}, {}  # secrets by id, then by stage or version
        self.regions = {}      # of buckets that are not where they are asked for
        self.login = None      # user, password, endpoint of ECR
        self.refusals = {}     # service to a list of Refusal, each for one request
        self.asked = []
        self.open = threading.Event()  # cleared: nothing is answered
        self.open.set()
        self.arrived = threading.Condition()
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.do_POST()

            def do_POST(self):
                fake.handle(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.open.set()
        self.server.shutdown()
        self.server.server_close()

    def handle(self, request, body):
        service = "?"
        try:
            service, region, key = self.check(request, body)
            target = request.headers.get("X-Amz-Target", "")
            asked = json.loads(body) if body else request.path
            with self.arrived:
                self.asked.append(Asked(service, region, key, request.headers.get("X-Amz-Security-Token"), asked))
                self.arrived.notify_all()
            self.open.wait(60)
            if self.refusals.get(service):
                raise self.refusals[service].pop(0)
            if service == "s3":
                self.send(request, 200, self.get_object(asked, region))
                return
            answer = {"ssm": self.get_parameters, "secretsmanager": self.get_secret, "ecr": self.get_login}[service](asked, target)
            self.send(request, 200, json.dumps(answer).encode())
        except Refusal as no:
            text = ("<Error><Code>%s</Code><Message>%s</Message></Error>" % (no.code, no.message) if service == "s3"
                    else json.dumps({"__type": no.code, "message": no.message}))
            self.send(request, no.status, text.encode(), no.headers)

    @staticmethod
    def send(request, status, body, headers=None):
        try:
            request.send_response(status)
            for name, value in (headers or {}).items():
                request.send_header(name, value)
            request.send_header("Content-Length", str(len(body)))
            request.send_header("x-amzn-requestid", "r-1")
            request.end_headers()
            request.wfile.write(body)
        except OSError:
            pass  # who asked has gone

    def check(self, request, body):
        found = AUTHORIZATION.match(request.headers.get("Authorization", ""))
        if not found:
            raise Refusal(400, "MissingAuthenticationToken", "not signed")
        key, date, region, service, names, signature = found.groups()
        if self.keys is None:
            return service, region, key
        if key not in self.keys:
            raise Refusal(400, "UnrecognizedClientException", "key unknown")
        digest = hashlib.sha256(body).hexdigest()
        if service == "s3" and request.headers["x-amz-content-sha256"] != digest:
            raise Refusal(400, "XAmzContentSHA256Mismatch", "wrong digest")
        path, _, query = request.path.partition("?")
        headers = "".join("%s:%s\n" % (name, request.headers[name].strip()) for name in names.split(";"))
        canonical = "\n".join((request.command, path, query, headers, names, digest))
        scope = "%s/%s/%s/aws4_request" % (date, region, service)
        text = "\n".join(("AWS4-HMAC-SHA256", request.headers["X-Amz-Date"], scope,
                          hashlib.sha256(canonical.encode()).hexdigest()))
        derived = ("AWS4" + self.keys[key]).encode()
        for part in scope.split("/"):
            derived = _hmac(derived, part)
        if not hmac.compare_digest(_hmac(derived, text).hex(), signature):
            raise Refusal(403, "InvalidSignatureException", "the signature does not match")
        return service, region, key

    # ---- the services ----

    def get_parameters(self, asked, target):
        assert target == "AmazonSSM.GetParameters" and asked["WithDecryption"] is True and len(asked["Names"]) <= 10
        there = [name for name in asked["Names"] if name in self.parameters]
        return {"Parameters": [{"Name": name, "Value": self.parameters[name], "Type": "SecureString"} for name in there],
                "InvalidParameters": [name for name in asked["Names"] if name not in there]}

    def get_secret(self, asked, target):
        assert target == "secretsmanager.GetSecretValue"
        versions = self.secrets.get(asked["SecretId"], {})
        which = asked.get("VersionId") or asked.get("VersionStage") or "AWSCURRENT"
        if which not in versions:
            raise Refusal(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return {"ARN": asked["SecretId"], "Name": "x", "SecretString": versions[which]}

    def get_object(self, path, region):
        there = self.regions.get(path.split("/")[1], region)
        if there != region:
            raise Refusal(301, "PermanentRedirect", "The bucket is elsewhere.", {"x-amz-bucket-region": there})
        if path not in self.objects:
            raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
        return self.objects[path]

    def get_login(self, asked, target):
        assert target.endswith(".GetAuthorizationToken") and asked["registryIds"]
        user, password, endpoint = self.login
        token = base64.b64encode(("%s:%s" % (user, password)).encode()).decode()
        return {"authorizationData": [{"authorizationToken": token, "proxyEndpoint": endpoint, "expiresAt": 4e9}]}

    # ---- what was asked ----

    def wait_asked(self, count, timeout=30):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.asked) >= count, timeout), self.asked

    def of(self, service):
        return [one.what for one in self.asked if one.service == service]
