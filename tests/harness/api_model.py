"""The models of ECS's API as tests need them: the one inside Debian's awscli, and ours as tools/gen_botocore.py writes it.

A path names a member of a request or an answer: "containerDefinitions[].healthCheck.retries", "{}" for the values of a map.
"""
import glob
import importlib.util
import json
import os
import sys

from .program import ROOT

sys.path.insert(0, os.path.join(ROOT, "tools"))
import gen_botocore  # noqa: E402
import model as source_model  # noqa: E402

SOURCE = source_model.load(os.path.join(ROOT, "api", "ecs.json"))
# Found, not imported: it would put its own botocore before the one of boto3.
AWSCLI = importlib.util.find_spec("awscli").submodule_search_locations[0]
AWSCLI_DATA = os.path.join(AWSCLI, "botocore", "data")

# What any operation may answer with besides what it declares (API-003, API-016, API-020, API-022, API-023). The protocol has
# ValidationException too, but no operation of ECS uses it: InvalidParameterException is ECS's word.
COMMON_ERRORS = set(SOURCE["protocolErrors"]) - {"ValidationException"}


def load(directory, file="service-2.json"):
    found = sorted(glob.glob(os.path.join(directory, "ecs", "*", file)))
    with open(found[-1]) as opened:
        return json.load(opened)


def write_ours(directory):
    """Our model as boto3 reads it; `directory` belongs into AWS_DATA_PATH."""
    gen_botocore.write(SOURCE, str(directory))
    return load(str(directory))


def built(operation):
    return SOURCE["operations"][operation]["built"]


class Shape:
    """A shape of one model, with what it holds."""

    def __init__(self, service, name):
        self.service, self.name = service, name
        self.facts = service["shapes"][name]
        self.type = {"float": "double"}.get(self.facts["type"], self.facts["type"])

    def members(self):
        return {name: Shape(self.service, member["shape"]) for name, member in self.facts.get("members", {}).items()}

    def required(self):
        return self.facts.get("required", [])

    def inner(self):
        """What a list or a map holds."""
        return Shape(self.service, self.facts["member" if self.type == "list" else "value"]["shape"])

    def bound(self, name):
        return self.facts.get(name)


class Model:
    def __init__(self, service):
        self.service = service
        self.operations = service["operations"]

    def input(self, operation):
        return self._shape(operation, "input")

    def output(self, operation):
        return self._shape(operation, "output")

    def _shape(self, operation, which):
        named = self.operations[operation].get(which)
        return Shape(self.service, named["shape"]) if named else None

    def errors(self, operation):
        return {error["shape"] for error in self.operations[operation].get("errors", [])}

    def places(self, operation):
        """(path, shape, required) of all that a request can have in it, from the outside in."""
        return list(walk(self.input(operation)))


def walk(shape, path=""):
    if shape.type == "structure":
        for name, member in shape.members().items():
            here = "%s.%s" % (path, name) if path else name
            yield here, member, name in shape.required()
            yield from walk(member, here)
    elif shape.type in ("list", "map"):
        here = path + ("[]" if shape.type == "list" else "{}")
        yield here, shape.inner(), False
        yield from walk(shape.inner(), here)


OURS = Model(gen_botocore.Writer(SOURCE).service())
THEIRS = Model(load(AWSCLI_DATA))
SERVED = sorted(name for name in OURS.operations if built(name))

# ---- bodies ----

def steps(path):
    """"a[].b{}" -> ["a", "[]", "b", "{}"]."""
    return path.replace("[]", ".[]").replace("{}", ".{}").split(".")


def find(body, path):
    """The first place in a body that a path leads to, as keys and indexes; None if it has nothing there."""
    def look(value, left):
        if not left:
            return []
        if left[0] == "[]":
            keys = range(len(value)) if isinstance(value, list) else ()
        elif not isinstance(value, dict):
            return None
        else:
            keys = value if left[0] == "{}" else ([left[0]] if left[0] in value else [])
        for key in keys:
            rest = look(value[key], left[1:])
            if rest is not None:
                return [key] + rest
        return None
    return look(body, steps(path))


def paths_of(value, path=""):
    """All paths that a body uses."""
    found = set()
    if isinstance(value, dict):
        for name, inner in value.items():
            for here in {"%s.%s" % (path, name) if path else name, path + "{}"}:
                found.add(here)
                found |= paths_of(inner, here)
    elif isinstance(value, list):
        for inner in value:
            found.add(path + "[]")
            found |= paths_of(inner, path + "[]")
    return found


def spoken(keys):
    """A place as a refusal names it: containerDefinitions[0].name."""
    text = ""
    for key in keys:
        text += "[%d]" % key if isinstance(key, int) else "%s%s" % ("." if text else "", key)
    return text


def value_at(body, keys):
    for key in keys:
        body = body[key]
    return body


def fresh(body):
    """A copy in which nothing is shared: two members that were made from one are two."""
    return json.loads(json.dumps(body))


def with_value(body, keys, value):
    changed = fresh(body)
    value_at(changed, keys[:-1])[keys[-1]] = value
    return changed


def without(body, keys):
    changed = fresh(body)
    del value_at(changed, keys[:-1])[keys[-1]]
    return changed


def structures(body, shape, keys=()):
    """The places of all structures in a body: those of maps are not structures."""
    if shape.type == "structure" and isinstance(body, dict):
        yield list(keys)
        members = shape.members()
        for name, value in body.items():
            if name in members:
                yield from structures(value, members[name], (*keys, name))
    elif shape.type in ("list", "map"):
        for key, value in (enumerate(body) if isinstance(body, list) else body.items()):
            yield from structures(value, shape.inner(), (*keys, key))


# ---- answers ----

PYTHON = {"string": str, "boolean": bool, "integer": int, "long": int, "double": (int, float), "timestamp": (int, float),
          "structure": dict, "list": list, "map": dict}


def wrong_in(value, shape, path="", always=()):
    """What an answer has that its model does not allow, as sentences (API-006, API-011 to API-014).

    `always` are (shape, member) pairs that may not be absent besides those the model requires."""
    if value is None:
        return ["%s is null" % (path or "the answer")]
    wanted = PYTHON[shape.type]
    if not isinstance(value, wanted) or (isinstance(value, bool) and shape.type != "boolean"):
        return ["%s is %r, not a %s" % (path or "the answer", value, shape.type)]
    problems = []
    if shape.type == "structure" and not shape.facts.get("document"):
        members = shape.members()
        for name, inner in value.items():
            here = "%s.%s" % (path, name) if path else name
            if name not in members:
                problems.append("%s is not in the model" % here)
            else:
                problems += wrong_in(inner, members[name], here, always)
        for name in members:
            if name not in value and (name in shape.required() or (shape.name, name) in always):
                problems.append("%s.%s is absent" % (path, name))
    elif shape.type == "list":
        for i, inner in enumerate(value):
            problems += wrong_in(inner, shape.inner(), "%s[%d]" % (path, i), always)
    elif shape.type == "map":
        for key, inner in value.items():
            problems += wrong_in(inner, shape.inner(), "%s{%s}" % (path, key), always)
    elif shape.type == "string" and shape.bound("enum") and value not in shape.bound("enum"):
        problems.append("%s is %r, none of %s" % (path, value, shape.bound("enum")))
    elif shape.type in ("integer", "long"):
        bits = 31 if shape.type == "integer" else 63
        if not -(1 << bits) <= value < 1 << bits:
            problems.append("%s is %d, more than %d bits" % (path, value, bits + 1))
    elif shape.type == "timestamp" and not 1.5e9 < value < 4e9:
        problems.append("%s is %r, no time of these days" % (path, value))
    return problems
