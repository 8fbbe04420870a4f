#!/usr/bin/env python3
"""Golden test of tools/gen_records.py: what it makes of golden/model.json is what golden/ holds; and what it must
refuse, it refuses.

usage: golden_test.py TOOLS_DIR            compares
       golden_test.py TOOLS_DIR --update   writes golden/ anew, to be read in review
"""

import copy
import difflib
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
NAMES = ("records.h", "records.c")


def generate(tools, model, outdir):
    return subprocess.run([sys.executable, os.path.join(tools, "gen_records.py"), model, outdir],
                          stderr=subprocess.PIPE, universal_newlines=True, check=False)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.readlines()


def compare(tools):
    failures = 0
    with tempfile.TemporaryDirectory() as outdir:
        generate(tools, os.path.join(HERE, "model.json"), outdir)
        for name in NAMES:
            diff = list(difflib.unified_diff(read(os.path.join(HERE, name + ".golden")),
                                             read(os.path.join(outdir, name)), "golden", "made"))
            failures += bool(diff)
            sys.stdout.writelines(diff)
    return failures


def add_member(record, **facts):
    def change(model):
        model["records"][record]["members"].append(facts)
    return change


def set_key(record, key):
    def change(model):
        model["records"][record]["key"] = key
    return change


REFUSED = (
    ("a number twice", add_member("door", id=1, name="bell", type="bool"), "there twice"),
    ("a name twice", add_member("door", id=90, name="house", type="bool"), "there twice"),
    ("a name of the tables' own", add_member("door", id=90, name="links", type="bool"), "reserved"),
    ("an unknown type", add_member("door", id=90, name="bell", type="float"), "no type float"),
    ("an unknown enum", add_member("door", id=90, name="bell", type="enum:x"), "no enum x"),
    ("a list of rows", add_member("door", id=90, name="bell", type="list:locksmith"), "to list"),
    ("a rare list", add_member("door", id=90, name="bell", type="names", rare=True), "is not rare"),
    ("a key without its member", set_key("door", ["bell"]), "no member bell"),
    ("a key of text that may be absent", set_key("door", ["status"]), "no part of a key"),
    ("a record that lists itself", add_member("hinge", id=90, name="bell", type="list:hinge"), "lists itself"),
)


def refuse(tools):
    failures = 0
    with open(os.path.join(HERE, "model.json"), encoding="utf-8") as file:
        good = json.load(file)
    with tempfile.TemporaryDirectory() as outdir:
        path = os.path.join(outdir, "model.json")
        for why, change, message in REFUSED:
            bad = copy.deepcopy(good)
            change(bad)
            with open(path, "w", encoding="utf-8") as file:
                json.dump(bad, file)
            result = generate(tools, path, outdir)
            if result.returncode == 0 or message not in result.stderr:
                print("%s: not refused with '%s':\n%s" % (why, message, result.stderr))
                failures += 1
    return failures


def main(argv):
    if argv[1:] == ["--update"]:
        generate(argv[0], os.path.join(HERE, "model.json"), HERE)
        for name in NAMES:
            os.replace(os.path.join(HERE, name), os.path.join(HERE, name + ".golden"))
        return 0
    return 1 if compare(argv[0]) + refuse(argv[0]) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
