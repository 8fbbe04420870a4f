#!/usr/bin/python3
"""Prints sigv4_botocore.h: requests signed by botocore, the oracle of our verifier.

Usage: make_sigv4_botocore.py > sigv4_botocore.h
"""
import datetime
import json
from urllib.parse import urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Frozen(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return cls(2026, 11, 20, 7, 19, 9)


class FrozenModule:
    datetime = Frozen


botocore.auth.datetime = FrozenModule

PLAIN = Credentials("AKIDEXAMPLE", "secretexamplekey")
SESSION = Credentials("AKIDEXAMPLE", "secretexamplekey", "session/token+with=signs")
HEADER, QUERY = botocore.auth.SigV4Auth, botocore.auth.SigV4QueryAuth
S3, S3_QUERY = botocore.auth.S3SigV4Auth, botocore.auth.S3SigV4QueryAuth
JSON = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "T.ListClusters"}
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}

CASES = [
    ("ecs", HEADER, PLAIN, "ecs", "POST", "http://127.0.0.1:4566/", JSON, "{}"),
    ("with a token", HEADER, SESSION, "ecs", "POST", "http://127.0.0.1:4566/", JSON, '{"a":1}'),
    ("port 80", HEADER, PLAIN, "ecs", "POST", "http://localhost:80/", JSON, "{}"),
    ("https with port 443", HEADER, PLAIN, "ecs", "POST", "https://localhost:443/", JSON, "{}"),
    ("spaces in a header", HEADER, PLAIN, "ecs", "POST", "http://h/", {**JSON, "X-A": " a   b "}, "{}"),
    ("query protocol", HEADER, PLAIN, "iam", "POST", "http://h:1/", FORM, "Action=ListRoles&Version=1"),
    ("ARN in the path", HEADER, PLAIN, "servicediscovery", "GET",
     "http://h:1/v1/tags/arn%3Aaws%3Aecs%3Aus-east-1%3A1%3Acluster%2Fdefault", {}, ""),
    ("dots and slashes", HEADER, PLAIN, "x", "GET", "http://h/a/./b//c/../d/", {}, ""),
    ("query", HEADER, PLAIN, "x", "GET", "http://h/?b=2&a=1&a-=3&A=4&c=%2F%20%3D", {}, ""),
    ("presigned", QUERY, PLAIN, "ecs", "GET", "http://h:1/a%20b?x=y&Action=Z", {}, ""),
    ("presigned with a token", QUERY, SESSION, "sts", "GET", "http://h:1/?Action=GetCallerIdentity", {}, ""),
    ("S3", S3, PLAIN, "s3", "PUT", "http://h:1/bucket/a%2Fb//c/../d", {}, "content"),
    ("S3 presigned", S3_QUERY, PLAIN, "s3", "GET", "http://h:1/bucket/key%2B?versionId=1", {}, ""),
]


def sign(case):
    why, auth, credentials, service, method, url, headers, body = case
    request = AWSRequest(method=method, url=url, headers=dict(headers), data=body.encode())
    if auth is S3:
        request.context["payload_signing_enabled"] = True
    auth(credentials, service, "eu-central-1").add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    host = parts.hostname
    if parts.port and parts.port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{parts.port}"

    def text(value):
        return value.decode() if isinstance(value, bytes) else str(value)

    lines = [("Host", host)]
    lines += [(name, text(value)) for name, value in prepared.headers.items() if name.lower() != "host"]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"    {{{json.dumps(why)}, false, {json.dumps(target)}, {json.dumps(method)},\n" \
           f"     {json.dumps(head)}\n     {json.dumps(chr(13) + chr(10) + body)}}},\n"


print("/* sigv4_botocore.h - made by make_sigv4_botocore.py: requests signed by botocore at "
      "2026-11-20T07:19:09Z. */\n/* clang-format off */")
print("static const struct recorded signed_by_botocore[] = {")
print("".join(sign(case) for case in CASES) + "};")
