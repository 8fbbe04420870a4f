#!/usr/bin/env python3
"""Writes a model of api/*.json as botocore reads it, so that boto3 and the AWS CLI speak what is newer than they are.

usage: gen_botocore.py MODEL DIR

DIR/SERVICE/VERSION/service-2.json and paginators-1.json are made; with DIR in AWS_DATA_PATH they stand before the ones
that boto3 ships. Waiters are not in our models: boto3 finds its own.
"""

import os
import sys

import model

BOUNDS = ("min", "max", "pattern")
TYPES = {"timestamp_ms": "timestamp", "timestamp_iso": "timestamp"}


class Writer:
    def __init__(self, source):
        self.source = source
        self.shapes = {}

    def refer(self, member, owner, name):
        """A member of ours as botocore's reference to a shape. Bounds of the member alone need a shape of their own."""
        if isinstance(member, str):
            return {"shape": self.shape(member)}
        facts = {key: member[key] for key in BOUNDS if key in member}
        own = self.shape(member["shape"])
        if facts:
            base, own = own, owner + name[0].upper() + name[1:]
            while own in self.source["shapes"]:
                own += "Member"
            self.shapes[own] = dict(self.shapes[base], **facts)
        return {"shape": own}

    def shape(self, name):
        if name in self.shapes:
            return name
        ours = self.source["shapes"][name]
        made = self.shapes[name] = {"type": TYPES.get(ours["type"], ours["type"])}
        made.update({key: ours[key] for key in BOUNDS + ("enum", "sensitive") if key in ours})
        if name.startswith("Boxed"):
            made["box"] = True
        if ours["type"] == "structure":
            made["members"] = {key: self.refer(member, name, key) for key, member in ours.get("members", {}).items()}
            if ours.get("required"):
                made["required"] = ours["required"]
        elif ours["type"] == "list":
            made["member"] = self.refer(ours["of"], name, "Item")
        elif ours["type"] == "map":
            made["key"] = self.refer(ours.get("key", "String"), name, "Key")
            made["value"] = self.refer(ours["value"], name, "Value")
        elif ours["type"] == "document":
            made.update(type="structure", members={}, document=True)
        return name

    def error(self, code):
        ours = self.source["errors"][code]
        fault = ours["http"] >= 500
        self.shapes[code] = {"type": "structure", "members": {"message": {"shape": self.shape("String")}}, "exception": True}
        self.shapes[code]["fault" if fault else "error"] = True if fault else {"httpStatusCode": ours["http"], "senderFault": True}
        return {"shape": code}

    def service(self):
        facts = self.source["service"]
        operations = {}
        for name, ours in self.source["operations"].items():
            operations[name] = {
                "name": name, "http": {"method": "POST", "requestUri": "/"},
                "input": {"shape": self.shape(ours["input"])}, "output": {"shape": self.shape(ours["output"])},
                "errors": [self.error(code) for code in ours["errors"]],
            }
        return {
            "version": "2.0",
            "metadata": {
                "apiVersion": facts["apiVersion"], "endpointPrefix": facts["signingName"], "jsonVersion": "1.1", "protocol": "json",
                "serviceFullName": facts["name"], "serviceId": facts["name"].upper(), "signatureVersion": "v4",
                "signingName": facts["signingName"], "targetPrefix": facts["target"],
                "uid": "%s-%s" % (facts["name"], facts["apiVersion"]),
            },
            "operations": operations,
            "shapes": self.shapes,
        }

    def paginators(self):
        """Every paged operation but those that botocore itself does not page (API-058)."""
        return {"pagination": {
            name: {"input_token": "nextToken", "output_token": "nextToken", "limit_key": "maxResults", "result_key": ours["page"]["items"]}
            for name, ours in self.source["operations"].items() if ours.get("page") and name.startswith("List")}}


def write(source, directory):
    """The directory that now has the two files."""
    writer = Writer(source)
    target = os.path.join(directory, source["service"]["name"], source["service"]["apiVersion"])
    os.makedirs(target, exist_ok=True)
    for name, content in (("service-2.json", writer.service()), ("paginators-1.json", writer.paginators())):
        with open(os.path.join(target, name), "w", encoding="utf-8") as file:
            file.write(model.dump(content) + "\n")
    return target


def main(argv):
    write(model.load(argv[0]), argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
