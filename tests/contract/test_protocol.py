"""AWS JSON 1.1 as clients see it: targets, errors, signatures, browsers (API- section 1)."""
import http.client
import json
import os
import random
import re
import socket
import ssl
import subprocess

import pytest

from harness.program import BERTH, ECS_TARGET, ApiError, Server, call, signed_headers


def connect(server):
    host, port = server.url.split("://")[1].rsplit(":", 1)
    return http.client.HTTPConnection(host, int(port), timeout=20)


def post(server, key, body=b"{}", target=ECS_TARGET + ".ListClusters", headers=None, drop=(), path="/", service="ecs"):
    """A signed POST of which `headers` are changed and `drop` left out after signing; (status, headers, body)."""
    all_headers = signed_headers(server.url, key, target, body, service)
    all_headers.update(headers or {})
    for name in drop:
        all_headers.pop(name, None)
    connection = connect(server)
    connection.request("POST", path, body=body, headers=all_headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text


def code_of(answer):
    status, headers, text = answer
    body = json.loads(text)
    assert headers["x-amzn-errortype"] == body["__type"]
    assert body["message"]
    return status, body["__type"]


def test_a_success_has_the_customary_headers(server, key):
    """API-010."""
    status, headers, text = post(server, key)
    assert status == 200
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["x-amzn-requestid"])
    assert json.loads(text) == {"clusterArns": []}


@pytest.mark.parametrize("body", [b"", b"{}", b' {"unknown": {"deep": [1, null]}} ', b'{"maxResults": null}'])
def test_what_is_taken(server, key, body):
    """API-002, API-004: an empty body, unknown members and nulls are fine."""
    assert post(server, key, body)[0] == 200


@pytest.mark.parametrize("body", [
    b"{", b"[]", b'"x"', b"nul", b'{"maxResults": "3"}', b'{"maxResults": 1.5}', b'{"maxResults": 99999999999999999999}',
    b'{"a":1,}', b"\xff\xfe{}", b'{"nextToken": 7}', b"{}{}", b"[" * 5000 + b"]" * 5000])
def test_what_is_not_json_or_not_of_the_type(server, key, body):
    """API-003, API-006."""
    assert code_of(post(server, key, body)) == (400, "SerializationException")


@pytest.mark.parametrize("target", ["", "X", ECS_TARGET, ECS_TARGET + ".NoSuchOperation", "Other_1.ListClusters", ECS_TARGET + ".listclusters"])
def test_unknown_targets(server, key, target):
    """API-003."""
    assert code_of(post(server, key, target=target)) == (400, "UnknownOperationException")


def test_an_operation_not_built_says_so(server, key):
    assert code_of(post(server, key, target=ECS_TARGET + ".CreateDaemon"))[1] in (
        "UnsupportedFeatureException", "InvalidParameterException")


def test_signatures(server, key):
    """API-022, API-024."""
    wrong = (key[0], key[1][:-1] + "x")
    assert code_of(post(server, wrong))[1] == "InvalidSignatureException"
    assert code_of(post(server, ("AKIAUNKNOWNUNKNOWN00", "x")))[1] == "UnrecognizedClientException"
    assert code_of(post(server, key, drop=("Authorization",)))[1] == "MissingAuthenticationTokenException"
    assert code_of(post(server, key, headers={"Authorization": "AWS4-HMAC-SHA256 Credential=x"}))[1] == "IncompleteSignatureException"
    assert code_of(post(server, key, headers={"X-Amz-Target": ECS_TARGET + ".DeleteCluster"}))[1] == "InvalidSignatureException"
    assert code_of(post(server, key, headers={"X-Amz-Date": "20200101T000000Z"}))[1] == "InvalidSignatureException"


def test_the_body_is_signed(server, key):
    headers = signed_headers(server.url, key, ECS_TARGET + ".CreateCluster", b"{}")
    connection = connect(server)
    connection.request("POST", "/", body=b'{"clusterName": "evil"}', headers=headers)
    answer = connection.getresponse()
    assert json.loads(answer.read())["__type"] == "InvalidSignatureException"
    assert call(server.url, key, ECS_TARGET + ".ListClusters", {}) == {"clusterArns": []}


def test_a_deleted_key_is_refused(server):
    key = server.create_key()
    assert post(server, key)[0] == 200
    server.admin("DeleteKey", accessKeyId=key[0])
    assert code_of(post(server, key))[1] == "UnrecognizedClientException"


def test_accounts_do_not_see_each_other(server):
    one, two = server.create_key(account="111111111111"), server.create_key(account="222222222222")
    first, second = server.client(one), server.client(two)
    arn = first.create_cluster(clusterName="mine")["cluster"]["clusterArn"]
    assert arn == "arn:aws:ecs:us-east-1:111111111111:cluster/mine"
    assert second.list_clusters()["clusterArns"] == []
    assert second.describe_clusters(clusters=["mine"])["failures"][0]["reason"] == "MISSING"
    with pytest.raises(second.exceptions.ClientError) as err:
        second.delete_cluster(cluster=arn)
    assert err.value.response["Error"]["Code"] in ("InvalidParameterException", "ClusterNotFoundException", "AccessDeniedException")
    assert first.describe_clusters(clusters=["mine"])["clusters"][0]["status"] == "ACTIVE"


def test_a_region_not_served_is_refused(server, key):
    with pytest.raises(ApiError) as err:
        call(server.url, key, ECS_TARGET + ".ListClusters", {}, region="eu-west-1")
    assert "eu-west-1" in err.value.message


def test_administration_needs_its_own_key(server, key):
    for operation, body in (("CreateKey", {}), ("ListKeys", {}), ("DeleteKey", {"accessKeyId": "x"}), ("Backup", {"file": "/tmp/x"}),
                            ("DrainInstance", {"agentKey": "x"})):
        with pytest.raises(ApiError) as err:
            call(server.url, key, "Berth_20261120." + operation, body, service="berth")
        assert err.value.code == "AccessDeniedException"


def test_an_agents_key_may_only_do_what_agents_do(server, key):
    """API-023, CL-268."""
    server.client(key).create_cluster(clusterName="default")
    agent = server.create_key(agentCluster="default")
    client = server.client(agent)
    for refused in (lambda: client.list_clusters(), lambda: client.run_task(taskDefinition="x"),
                    lambda: client.delete_cluster(cluster="default"), lambda: client.register_task_definition(
                        family="x", containerDefinitions=[{"name": "a", "image": "b", "memory": 4}])):
        with pytest.raises(client.exceptions.ClientError) as err:
            refused()
        assert err.value.response["Error"]["Code"] == "AccessDeniedException"
        assert "is not authorized to perform: ecs:" in err.value.response["Error"]["Message"]


# ---- browsers ----

def test_a_page_elsewhere_is_refused(server, key):
    assert post(server, key, headers={"Origin": "https://evil.example"})[0] == 403
    assert post(server, key, headers={"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert post(server, key, headers={"Origin": "null"})[0] == 403
    assert post(server, key, headers={"Origin": server.url, "Sec-Fetch-Site": "same-origin"})[0] == 200
    assert post(server, key, headers={"Sec-Fetch-Site": "none"})[0] == 200


def test_auth_off(tmp_path):
    """Loopback only, and no name but ours; a form POST does not pass."""
    one = Server(tmp_path, args=["--auth", "off"]).start()
    try:
        host = one.url.split("://")[1]
        target = {"X-Amz-Target": ECS_TARGET + ".CreateCluster", "Content-Type": "application/x-amz-json-1.1"}

        def unsigned(headers, body=b'{"clusterName":"x"}'):
            connection = connect(one)
            connection.request("POST", "/", body=body, headers=headers)
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.status

        assert unsigned(dict(target, Host="evil.example:4566")) == 403
        assert unsigned({"Host": host, "Origin": "http://evil.example", "Content-Type": "text/plain"}) == 403
        assert unsigned({"Host": host, "Origin": "http://evil.example", "Content-Type": "application/x-www-form-urlencoded"}, b"a=b") == 403
        assert unsigned(dict(target, Host=host)) == 200
        assert unsigned(dict(target, Host="localhost:" + host.split(":")[1])) == 200
        with pytest.raises(ApiError):
            call(one.url, ("AKIA", "x"), "Berth_20261120.CreateKey", {}, service="berth")
    finally:
        one.close()


def test_auth_off_refuses_to_listen_beyond_loopback(tmp_path):
    one = Server(tmp_path, listen="0.0.0.0:0", args=["--auth", "off"])
    with pytest.raises(AssertionError):
        one.start()
    assert "--auth off listens on loopback only" in one.output()


# ---- the connection ----

def raw(server, data, timeout=10):
    host, port = server.url.split("://")[1].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=timeout) as sock:
        sock.sendall(data)
        received = b""
        try:
            while True:
                piece = sock.recv(65536)
                if not piece:
                    break
                received += piece
        except (socket.timeout, ConnectionResetError):
            pass
    return received


def test_limits_have_answers(server):
    assert raw(server, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n").startswith(b"HTTP/1.1 413")
    assert raw(server, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(500)) + b"\r\n").startswith(b"HTTP/1.1 431")
    assert raw(server, b"GET / HTTP/1.1\r\nX: " + b"a" * 100000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize("data", [
    b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"])
def test_what_is_not_http_gets_400(server, data):
    answer = raw(server, data)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501", b"HTTP/1.1 505")), answer[:100]


def test_ten_thousand_malformed_requests_change_nothing(server, key):
    """A clear error each; no crash, no leak (the fixture sees to it), no state changed."""
    rng = random.Random(os.environ.get("SEED", "1"))
    print("seed", os.environ.get("SEED", "1"))
    ecs = server.client(key)
    ecs.create_cluster(clusterName="kept")
    before = ecs.describe_clusters(clusters=["kept"])["clusters"]
    operations = ["CreateCluster", "RegisterTaskDefinition", "RunTask", "CreateService", "DeleteCluster", "RegisterContainerInstance",
                  "SubmitTaskStateChange", "UpdateService", "StopTask", "DescribeTasks", "UpdateContainerInstancesState", "Nope"]
    words = [None, True, -1, 3.5, 1e300, "", "x" * 300, "\x00", "é", [], {}, [None], {"a": []}, "arn:aws:ecs:::", 2 ** 40]
    members = ["clusterName", "cluster", "family", "containerDefinitions", "taskDefinition", "count", "tags", "serviceName", "desiredCount",
               "tasks", "task", "status", "containerInstances", "overrides", "placementConstraints", "networkConfiguration", "attributes"]

    def value(depth=0):
        if depth < 4 and rng.random() < 0.3:
            return {rng.choice(members): value(depth + 1) for _ in range(rng.randrange(4))}
        if depth < 4 and rng.random() < 0.2:
            return [value(depth + 1) for _ in range(rng.randrange(4))]
        return rng.choice(words)

    connection = connect(server)
    codes = {}
    for i in range(10000):
        body = json.dumps({rng.choice(members): value() for _ in range(rng.randrange(1, 6))}).encode()
        if rng.random() < 0.5:
            body = bytearray(body)
            for _ in range(rng.randrange(1, 6)):
                body[rng.randrange(len(body))] = rng.randrange(256)
            body = bytes(body)
        operation = rng.choice(operations)
        if operation == "CreateCluster":
            body = body.replace(b"clusterName", b"settings")  # a default cluster would be a change
        headers = signed_headers(server.url, key, ECS_TARGET + "." + operation, body)
        if rng.random() < 0.2:
            headers[rng.choice(list(headers))] = "".join(chr(rng.randrange(32, 127)) for _ in range(rng.randrange(80)))
        try:
            connection.request("POST", "/", body=body, headers=headers)
            answer = connection.getresponse()
            text = answer.read()
        except (http.client.HTTPException, OSError, ValueError):
            connection.close()
            connection = connect(server)
            continue
        codes[answer.status] = codes.get(answer.status, 0) + 1
        assert answer.status < 500, (operation, body, text)
        if answer.status == 400 and text.startswith(b"{"):
            assert json.loads(text)["message"]
    connection.close()
    assert codes.get(400, 0) > 5000
    clusters = [c for c in ecs.list_clusters()["clusterArns"] if not c.endswith("/default")]
    assert clusters == [before[0]["clusterArn"]]
    assert ecs.describe_clusters(clusters=["kept"])["clusters"] == before
    assert ecs.list_task_definition_families()["families"] == []


# ---- TLS ----

def certificate(directory, name):
    cert, private = os.path.join(directory, name + ".pem"), os.path.join(directory, name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=" + name, "-addext",
                    "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", private, "-out", cert], check=True, capture_output=True)
    return cert, private


def test_tls_and_new_certificates(tmp_path):
    """SIGHUP reads the certificate again; old connections live on."""
    cert, private = certificate(str(tmp_path), "first")
    one = Server(tmp_path, args=["--tls-cert", os.path.relpath(cert), "--tls-key", os.path.relpath(private)]).start()
    try:
        assert one.url.startswith("https://")
        # The local commands trust the certificate, wherever they are run.
        assert "KEY" in subprocess.run([BERTH, "key", "list", "--data", one.data], cwd="/", check=True, capture_output=True, text=True).stdout
        key = one.create_key()
        assert call(one.url, key, ECS_TARGET + ".ListClusters", {}, verify=cert) == {"clusterArns": []}
        other, other_private = certificate(str(tmp_path), "second")
        os.replace(other, cert)
        os.replace(other_private, private)
        import signal
        from harness.program import eventually
        one.signal(signal.SIGHUP)

        def subject():
            host, port = one.url.split("://")[1].split(":")
            context = ssl.create_default_context(cafile=cert)
            try:
                with socket.create_connection((host, int(port)), timeout=5) as sock, context.wrap_socket(sock, server_hostname=host) as tls:
                    return dict(x[0] for x in tls.getpeercert()["subject"])["commonName"] == "second"
            except ssl.SSLError:
                return False

        eventually(subject, 10, "the new certificate is served")
    finally:
        one.close()


def test_a_presigned_url_counts_as_signed(server, key):
    """API-024: the signature in the query."""
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    request = AWSRequest("POST", server.url + "/", data=b"{}", headers={
        "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": ECS_TARGET + ".ListClusters"})
    SigV4QueryAuth(Credentials(*key), "ecs", "us-east-1", expires=60).add_auth(request)
    prepared = request.prepare()
    connection = connect(server)
    connection.request("POST", prepared.url[len(server.url):], body=b"{}", headers=dict(prepared.headers))
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())) == (200, {"clusterArns": []})
