#!/usr/bin/env python3
"""Writes docs/coverage.md: what of each API berth serves, from the models alone.

usage: gen_coverage.py [--check] MODEL... FILE

--check tells whether FILE is current, and changes nothing.
"""

import sys

import model

KINDS = {"now": "at once", "flow": "over time"}


def page(facts):
    return "%d, at most %d" % (facts["default"], facts["max"]) if facts else ""


def service_lines(source):
    operations = sorted(source["operations"].items())
    built = [name for name, operation in operations if operation["built"]]
    lines = [
        "## %s (`%s`)" % (source["service"]["name"], source["service"]["target"]),
        "",
        "%d of %d operations are served. The others answer `UnsupportedFeatureException`."
        % (len(built), len(operations)),
        "",
        "| operation | served | answers | allowed on | page size |",
        "|---|---|---|---|---|",
    ]
    for name, operation in operations:
        lines.append("| %s%s | %s | %s | %s | %s |" % (
            name, " (agents)" if operation.get("agentOnly") else "",
            "yes" if operation["built"] else "**no**",
            KINDS[operation["handler"]],
            operation.get("resource", "`*`"),
            page(operation.get("page"))))
    return lines + [""] + pending_lines(source)


def pending_lines(source):
    """What is checked, kept and answered, and acted on once something else is there."""
    pending = source.get("pending", {})
    if not pending:
        return []
    lines = [
        "Checked, kept and answered, but not acted on yet:",
        "",
        "| waits for | members |",
        "|---|---|",
    ]
    for what, members in sorted(pending.items()):
        for member in members:
            shape, name = member.split(".")
            if name not in source["shapes"][shape]["members"]:
                raise SystemExit("pending: no member %s" % member)
        lines.append("| %s | %s |" % (what, ", ".join("`%s`" % member for member in sorted(members))))
    return lines + [""]


def coverage(sources):
    lines = [
        "# Coverage",
        "",
        "Made by `tools/gen_coverage.py` from the models in `api/`; do not edit. *Allowed on* is the",
        "resource whose ARN the operation's action is authorized for; `*` is any.",
        "",
    ]
    for source in sources:
        lines += service_lines(source)
    return "\n".join(lines).rstrip("\n") + "\n"


def main(argv):
    check = argv[0] == "--check"
    paths, target = argv[1 if check else 0:-1], argv[-1]
    text = coverage([model.load(path) for path in paths])
    if not check:
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
        return 0
    with open(target, encoding="utf-8") as file:
        if file.read() == text:
            return 0
    print("%s is not current; run: tools/gen_coverage.py %s %s" % (target, " ".join(paths), target),
          file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
