"""The API models in api/: reading, checking, names in C, and their one layout on disk.

A model is JSON with these parts:

  service     name, C prefix, and how requests reach it
  errors      code -> HTTP status, in the words of the API
  operations  name -> input and output shape, errors, handler kind, authorisation, pages
  shapes      name -> {type: structure|list|map|string|integer|long|double|boolean|timestamp, ...}

`tools/model.py FILE...` rewrites models in their one layout; with --check it only tells.
"""

import json
import re
import sys

LINE_MAX = 100


class ModelError(Exception):
    """The model contradicts itself; the message names the place."""


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def snake(name):
    """ContainerInstanceArn -> container_instance_arn, addressIPv6 -> address_ipv6."""
    for odd, plain in (("IPv", "Ipv"), ("GiB", "Gib"), ("MiB", "Mib"), ("FSx", "Fsx"),
                       ("VCpu", "Vcpu"), ("vCpu", "vcpu")):
        name = name.replace(odd, plain)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()


def constant(text):
    """The upper snake case of a wire text: json-file -> JSON_FILE, awslogs -> AWSLOGS."""
    if re.fullmatch(r"[A-Z0-9]+([_.-][A-Z0-9]+)*", text):
        return re.sub(r"[^A-Z0-9]+", "_", text)
    return snake(text).upper()


def error_constant(code):
    """FooBarException -> API_FOO_BAR."""
    return "API_" + snake(re.sub(r"Exception$", "", code)).upper()


def c_string(text):
    """A C string literal."""
    out = []
    for char in text.encode("utf-8"):
        if char in (0x22, 0x5C):
            out.append("\\" + chr(char))
        elif 0x20 <= char < 0x7F:
            out.append(chr(char))
        else:
            out.append("\\%03o" % char)
    return '"' + "".join(out) + '"'


def dump(value, indent=0, lead=0):
    """JSON that reads well: an object or array stays on its line if it fits there."""
    flat = json.dumps(value, ensure_ascii=False)
    if indent > 1 and lead + len(flat) + 1 <= LINE_MAX:
        return flat
    pad = "  " * (indent + 1)
    if isinstance(value, dict) and value:
        rows = []
        for key, item in value.items():
            head = pad + json.dumps(key, ensure_ascii=False) + ": "
            rows.append(head + dump(item, indent + 1, len(head)))
        return "{\n" + ",\n".join(rows) + "\n" + "  " * indent + "}"
    if isinstance(value, list) and value:
        rows, line = [], ""
        for item in value:
            text = dump(item, indent + 1, len(pad))
            if "\n" in text or not isinstance(item, str):
                if line:
                    rows.append(pad + line)
                    line = ""
                rows.append(pad + text)
            elif line and len(pad) + len(line) + len(text) + 3 > LINE_MAX:
                rows.append(pad + line)
                line = text
            else:
                line = line + ", " + text if line else text
        if line:
            rows.append(pad + line)
        return "[\n" + ",\n".join(rows) + "\n" + "  " * indent + "]"
    return flat


def main(argv):
    check = "--check" in argv
    paths = [arg for arg in argv if not arg.startswith("--")]
    bad = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            before = file.read()
        after = dump(json.loads(before)) + "\n"
        if before == after:
            continue
        bad.append(path)
        if not check:
            with open(path, "w", encoding="utf-8") as file:
                file.write(after)
    if check and bad:
        print("not in the layout of tools/model.py: " + " ".join(bad), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
