"""The 48 worked examples of TD- section 19 (tests/data/task-definition-examples.json), by their numbers: what is registered
comes back unchanged but for the defaults that are told here, and goes through the loop of every deployment tool (TD-019)."""
import copy
import json
import os

import pytest

with open(os.path.join(os.path.dirname(__file__), "..", "data", "task-definition-examples.json"), encoding="utf-8") as file:
    EXAMPLES = json.load(file)
NUMBERS = sorted(EXAMPLES, key=int)
COMPUTED = ("taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt", "registeredBy")


def test_all_are_here():
    assert NUMBERS == [str(n) for n in range(1, 49)]


def without_nulls(value):
    """TD-018: null is absent."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


def filled_in(given, answers):
    """The definition as ECS answers it: TD-020, TD-048, TD-050, TD-053, TD-062, TD-146, API-013, API-014, API-097, API-103."""
    wanted = copy.deepcopy(given)
    wanted.pop("tags", None)  # they stand beside
    wanted.update(answers)
    wanted = without_nulls(wanted)
    for name in ("volumes", "placementConstraints"):
        wanted.setdefault(name, [])
    for volume in wanted["volumes"]:
        if len(volume) == 1:
            volume["host"] = {}
    for one in wanted["containerDefinitions"]:
        one.setdefault("cpu", 0)
        one.setdefault("essential", True)
        for name in ("portMappings", "environment", "mountPoints", "volumesFrom"):
            one.setdefault(name, [])
        for mapping in one["portMappings"]:
            mapping.setdefault("protocol", "tcp")
            if wanted.get("networkMode") in ("host", "awsvpc") and not mapping.get("hostPort"):
                mapping["hostPort"] = mapping["containerPort"]
        if "healthCheck" in one:
            one["healthCheck"] = dict({"interval": 30, "timeout": 5, "retries": 3}, **one["healthCheck"])
    return wanted


def register(api, body):
    return api.raw("RegisterTaskDefinition", body)


def described(api, name, *include):
    return api.raw("DescribeTaskDefinition", {"taskDefinition": name, "include": list(include)})


def asked(definition):
    return {name: value for name, value in definition.items() if name not in COMPUTED}


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_registered_comes_back(api, number):
    """TD-019, TD-020, API-090: all of it, nothing more than the defaults, with its tags beside it."""
    one = EXAMPLES[number]
    family = api.name(one["definition"]["family"])
    given = dict(one["definition"], family=family)
    made = register(api, given)
    assert asked(made["taskDefinition"]) == filled_in(given, one.get("answers", {})), one["what"]
    answer = described(api, family, "TAGS")
    assert answer["taskDefinition"] == made["taskDefinition"]
    assert (answer.get("tags") or []) == (given.get("tags") or [])


@pytest.mark.parametrize("number", NUMBERS)
def test_describe_edit_register(api, number):
    """TD-019, TD-003, TD-263: another image, twice; the second time all of the description is sent (TD-017)."""
    one = EXAMPLES[number]
    family = api.name(one["definition"]["family"])
    register(api, dict(one["definition"], family=family))
    before = described(api, family)["taskDefinition"]
    for revision, body in ((2, asked(before)), (3, before)):
        edited = copy.deepcopy(body)
        edited["containerDefinitions"][0]["image"] = "example.com/other:%d" % revision
        after = register(api, edited)["taskDefinition"]
        assert after["revision"] == revision
        wanted = copy.deepcopy(asked(before))
        wanted["containerDefinitions"][0]["image"] = "example.com/other:%d" % revision
        assert asked(after) == wanted
        assert after["compatibilities"] == before["compatibilities"]
    assert described(api, family + ":1")["taskDefinition"] == before
    same = register(api, asked(before))["taskDefinition"]
    assert same.get("requiresAttributes") == before.get("requiresAttributes")


def refusals():
    return [(number, i) for number in NUMBERS for i in range(len(EXAMPLES[number].get("refused", ())))]


@pytest.mark.parametrize("number, which", refusals())
def test_what_the_example_warns_of(api, fails, number, which):
    """The same definition with the mistake that the example is about."""
    one, row = EXAMPLES[number], EXAMPLES[number]["refused"][which]
    body = copy.deepcopy(dict(one["definition"], family=api.name("refused")))
    body.update(row.get("change", {}))
    body["containerDefinitions"][0].update(row.get("container", {}))
    with fails("ClientException", "~" + row["text"]):
        register(api, body)


@pytest.mark.parametrize("number, wanted", [
    ("9", ["EXTERNAL", "EC2"]), ("11", ["EC2", "FARGATE"]), ("12", ["EXTERNAL", "EC2"]), ("18", ["EC2"]), ("32", ["EC2", "FARGATE"]),
    ("36", ["EC2"]), ("39", ["EC2", "FARGATE"]), ("41", ["EC2"]), ("45", ["EC2", "FARGATE"])])
def test_whom_it_fits(api, number, wanted):
    """API-091, TD-096."""
    made = register(api, dict(EXAMPLES[number]["definition"], family=api.name("fits")))["taskDefinition"]
    assert made["compatibilities"] == wanted
