#!/usr/bin/env python3
"""The generator against what it is known to make, and against models it has to refuse.

usage: run.py [--update]

--update writes tests/golden/expected anew; read the difference before committing it.
"""

import copy
import difflib
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TOOLS = os.path.join(ROOT, "tools")
EXPECTED = os.path.join(HERE, "expected")
sys.path.insert(0, TOOLS)
sys.dont_write_bytecode = True

import gen_api  # noqa: E402
import model  # noqa: E402

SHOP = os.path.join(HERE, "shop.json")
TALK = os.path.join(HERE, "talk.json")


def generate(outdir):
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    for tool, source in (("gen_api.py", SHOP), ("gen_api.py", TALK), ("gen_errors.py", SHOP)):
        subprocess.run([sys.executable, os.path.join(TOOLS, tool), source, outdir], check=True,
                       env=env)


def known():
    return [name for name in os.listdir(EXPECTED) if name.endswith((".h", ".c"))]


def read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read()


class Generator(unittest.TestCase):
    maxDiff = None

    def test_makes_what_it_is_known_to_make(self):
        with tempfile.TemporaryDirectory() as outdir:
            generate(outdir)
            self.assertEqual(sorted(os.listdir(outdir)), sorted(known()))
            for name in sorted(os.listdir(outdir)):
                made, wanted = read(outdir, name), read(EXPECTED, name)
                if made != wanted:
                    self.fail("".join(difflib.unified_diff(
                        wanted.splitlines(True), made.splitlines(True), "expected/" + name, "made")))

    def test_what_it_makes_fits_a_reader(self):
        for name in known():
            for line in read(EXPECTED, name).splitlines():
                self.assertLessEqual(len(line), 140, name)
                self.assertNotIn("\t", line, name)


class Models(unittest.TestCase):
    """The models of api/ are in their layout, and a model that contradicts itself is refused."""

    def refused(self, change, says):
        source = copy.deepcopy(model.load(SHOP))
        change(source)
        with self.assertRaises(model.ModelError) as caught:
            gen_api.codec_source(gen_api.Api(source, "shop.json"))
        self.assertIn(says, str(caught.exception))

    def test_layout(self):
        for name in ("ecs.json", "agent.json", "berth.json"):
            text = read(os.path.join(ROOT, "api"), name)
            self.assertEqual(model.dump(json.loads(text)) + "\n", text,
                             "run tools/model.py api/" + name)

    def test_unknown_shape(self):
        self.refused(lambda m: m["shapes"]["Lines"].update(of="Nothing"), "Lines uses Nothing")

    def test_unknown_member(self):
        self.refused(lambda m: m["shapes"]["Line"].update(required=["x"]), "Line has no member x")

    def test_unknown_error(self):
        self.refused(lambda m: m["operations"]["Order"]["errors"].append("XException"),
                     "Order has an unknown error XException")

    def test_unknown_handler(self):
        self.refused(lambda m: m["operations"]["Order"].update(handler="later"), "kind of handler")

    def test_one_name_in_c(self):
        self.refused(lambda m: m["shapes"].update(LINE={"type": "structure", "members": {}}),
                     "are one name in C")

    def test_pattern_that_backtracks(self):
        self.refused(lambda m: m["shapes"]["Name"].update(pattern="[a-z]+[a-z0-9]+"), "backtrack")

    def test_pattern_with_alternatives(self):
        self.refused(lambda m: m["shapes"]["Name"].update(pattern="(a|b)c"), "more than runs")


class Names(unittest.TestCase):
    def test_snake(self):
        for wire, c in (("enableECSManagedTags", "enable_ecs_managed_tags"),
                        ("ec2InstanceId", "ec2_instance_id"),
                        ("sizeInGiB", "size_in_gib"), ("IPv4Addresses", "ipv4_addresses"),
                        ("EBSKMSKeyId", "ebskms_key_id"), ("FSxWindows", "fsx_windows"),
                        ("vCpuCount", "vcpu_count"), ("s3BucketName", "s3_bucket_name")):
            self.assertEqual(model.snake(wire), c)

    def test_constants(self):
        for wire, c in (("json-file", "JSON_FILE"), ("X86_64", "X86_64"),
                        ("awsvpcTrunking", "AWSVPC_TRUNKING"),
                        ("WINDOWS_SERVER_2019_FULL", "WINDOWS_SERVER_2019_FULL"), ("EC2", "EC2")):
            self.assertEqual(model.constant(wire), c)

    def test_errors(self):
        self.assertEqual(model.error_constant("ClusterNotFoundException"), "API_CLUSTER_NOT_FOUND")
        self.assertEqual(model.error_constant("ServerException"), "API_SERVER")


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        for old in known():
            os.remove(os.path.join(EXPECTED, old))
        generate(EXPECTED)
    else:
        unittest.main()
