"""For every operation that is served and every member of its request: what is missing, of the wrong JSON type, out of range, too
long, not of its pattern or no value of its enum is refused, with a code that the operation has and a sentence that names the member
(API-003 to API-006, API-016 to API-019, API-029, API-030, API-061, API-063)."""
import copy
import json

import pytest

from harness import api_model
from harness.api_model import OURS, SERVED
from harness.valid_calls import SERVER_ARGS, VALID  # noqa: F401


# JSON that a member of a type may not be (API-003, API-006).
WRONG = {
    "string": (7, True, {}, ["x"], 1.5), "boolean": ("true", 0, 1, {}, [True]), "structure": ("x", 7, [], False), "list": ({}, "x", 7, True),
    "map": ([], "x", 7), "integer": ("7", True, 1.5, {}, [7], 1 << 31, -(1 << 31) - 1), "long": ("7", True, 1.5, {}, 1 << 63),
    "double": ("7", True, {}, [7.0]), "timestamp": ("2026-11-20T00:00:00Z", True, {}, 1e300)}


def declared(operation):
    return OURS.errors(operation) | api_model.COMMON_ERRORS


def refusal_of(operation):
    """The code for what the model refuses (API-029, API-030)."""
    return api_model.SOURCE["shapes"][api_model.SOURCE["operations"][operation]["input"]].get("refusal", "InvalidParameterException")


def own_words(operation, path):
    """Facts of a member that may give a refusal ECS's own words instead of the member's name."""
    shape = api_model.SOURCE["operations"][operation]["input"]
    member = shape
    for step in api_model.steps(path):
        facts = api_model.SOURCE["shapes"][shape]
        member = facts["members"][step] if step not in ("[]", "{}") else facts["of" if step == "[]" else "value"]
        shape = member if isinstance(member, str) else member["shape"]
    facts = {} if isinstance(member, str) else member
    return [facts[name] for name in ("message", "messageMin", "messageMax") if name in facts]


class Checker:
    """Sends what is wrong and keeps what is wrong with the refusals."""

    def __init__(self, world, operation):
        self.world, self.operation = world, operation
        self.problems, self.count = [], 0
        self.bodies = [make(world) for make in VALID[operation].values()]

    def body_with(self, path):
        """A valid request that has something at a path, and the place."""
        for body in self.bodies:
            keys = api_model.find(body, path)
            if keys is not None:
                return body, keys
        return None, None

    def refused(self, body, what, code, names=None, words=()):
        """The request must be refused with `code` and a message that has `names` in it, or is one of `words`."""
        self.count += 1
        answer = self.world.send(self.operation, body)
        told = "%s: %s" % (what, answer)
        if answer.status not in (400, 413) or not isinstance(answer.body, dict):
            self.problems.append("not refused, " + told)
        elif answer.headers.get("x-amzn-errortype") != answer.code or set(answer.body) != {"__type", "message"}:
            self.problems.append("its form, " + told)
        elif answer.code not in declared(self.operation):
            self.problems.append("not an error of %s, %s" % (self.operation, told))
        elif code is not None and answer.code != code:
            self.problems.append("not %s, %s" % (code, told))
        elif not answer.message:
            self.problems.append("without a word, " + told)
        elif names is not None and names not in answer.message and not any(word.split("%s")[0] in answer.message for word in words):
            self.problems.append("does not name %s, %s" % (names, told))

    def done(self):
        if self.problems:
            pytest.fail("%d of %d\n%s" % (len(self.problems), self.count, "\n".join(self.problems[:40])), pytrace=False)


@pytest.fixture
def checker(world, operation):
    one = Checker(world, operation)
    yield one
    one.done()


every_operation = pytest.mark.parametrize("operation", SERVED)


@every_operation
def test_the_wrong_json_type(checker, operation):
    for path, shape, _ in OURS.places(operation):
        body, keys = checker.body_with(path)
        if body is None or shape.facts.get("document"):
            continue
        for value in WRONG[shape.type]:
            checker.refused(api_model.with_value(body, keys, value), "%s = %r" % (path, value), "SerializationException", api_model.spoken(keys))
    for value in (b"[]", b"7", b'"x"', b"null", b"true"):
        checker.refused(value, repr(value), "SerializationException")


@every_operation
def test_a_required_member_is_missing_or_null(checker, operation):
    for path, _, required in OURS.places(operation):
        if not required:
            continue
        body, keys = checker.body_with(path)
        if body is None:
            continue
        words = own_words(operation, path)
        checker.refused(api_model.without(body, keys), "without " + path, refusal_of(operation), api_model.spoken(keys), words)
        checker.refused(api_model.with_value(body, keys, None), path + " = null", refusal_of(operation), api_model.spoken(keys), words)
    if any(required and "." not in path for path, _, required in OURS.places(operation)):
        checker.refused({}, "{}", refusal_of(operation))
        checker.refused(b"", "no body", refusal_of(operation))


def sized(shape, value, count):
    """A value of a shape with `count` characters or items."""
    if shape.type == "string":
        return (value or "a")[:1] * count
    if shape.type == "list":
        return [copy.deepcopy(value[0]) for _ in range(count)]
    return count


@every_operation
def test_out_of_range_and_too_long(checker, operation):
    for path, shape, _ in OURS.places(operation):
        body, keys = checker.body_with(path)
        low, high = shape.bound("min"), shape.bound("max")
        if body is None or (low is None and high is None):
            continue
        value = api_model.value_at(body, keys)
        if shape.type == "list" and not value:
            continue
        wrong = []
        if low is not None and (low > 0 or shape.type not in ("string", "list")):
            wrong.append(low - 1)
        if high is not None and not (shape.type == "integer" and high == (1 << 31) - 1):
            wrong += [high + 1, high * 3 + 7 if high < 10 ** 8 else high + 2]
        if shape.type == "double":
            wrong += [low - 0.001, high + 0.001]
        for count in wrong:
            made = api_model.with_value(body, keys, sized(shape, value, count))
            checker.refused(made, "%s of %s" % (path, count), refusal_of(operation), api_model.spoken(keys), own_words(operation, path))


@every_operation
def test_not_of_the_pattern(checker, operation):
    for path, shape, _ in OURS.places(operation):
        body, keys = checker.body_with(path)
        pattern = shape.bound("pattern")
        if body is None or not pattern:
            continue
        bad = ["a#b", "a\x01b", "#"]
        if "{1,255}" in pattern:
            bad += ["", "a b", "a.b", "\u00e9", "x" * 256]
        for value in bad:
            checker.refused(api_model.with_value(body, keys, value), "%s = %r" % (path, value), refusal_of(operation), api_model.spoken(keys),
                            own_words(operation, path))


@every_operation
def test_no_value_of_the_enum(checker, operation):
    """API-005: upper and lower case are different."""
    for path, shape, _ in OURS.places(operation):
        body, keys = checker.body_with(path)
        values = shape.bound("enum")
        if body is None or not values:
            continue
        for value in ("NO_SUCH_VALUE", "", values[0].swapcase(), values[0] + " ", values[0] * 400):
            checker.refused(api_model.with_value(body, keys, value), "%s = %.30r" % (path, value), refusal_of(operation), api_model.spoken(keys),
                            own_words(operation, path))


@every_operation
def test_text_without_end(checker, world, operation):
    """A text that the model does not bound may be taken or refused, but in the operation's own terms."""
    for path, shape, _ in OURS.places(operation):
        body, keys = checker.body_with(path)
        if body is None or shape.type != "string" or any(shape.bound(name) for name in ("max", "pattern", "enum")):
            continue
        answer = world.send(operation, api_model.with_value(body, keys, "x" * 20000))
        if answer.status != 200 and (answer.status not in (400, 413) or answer.code not in declared(operation) or not answer.message or
                                     answer.headers.get("x-amzn-errortype") != answer.code):
            checker.problems.append("%s: %s" % (path, answer))


@every_operation
def test_what_has_no_end_is_refused(checker, operation):
    """API-008: more than a mebibyte, deeper than anything is, the same member twice."""
    body = checker.bodies[0]
    text = json.dumps(body)
    checker.refused(text[:-1].encode() + b', "x": "' + b"y" * (1 << 20) + b'"}', "2 MiB", "RequestEntityTooLargeException")
    checker.refused(text[:-1].encode() + b', "x": ' + b"[" * 3000 + b"]" * 3000 + b"}", "3000 deep", "SerializationException")
    first = next(iter(body))
    again = text[:-1] + ", %s: %s}" % (json.dumps(first), json.dumps(body[first]))
    checker.refused(again.encode(), first + " twice", "SerializationException", first)
    for cut in (text[:-1], text + "}", text.replace(":", "=", 1), "\ufeff" + text):
        checker.refused(cut.encode(), repr(cut[:20]), "SerializationException")


@every_operation
def test_nothing_in_a_list_is_null(checker, operation):
    for path, _, _ in OURS.places(operation):
        body, keys = checker.body_with(path)
        if body is not None and path.endswith("[]"):
            checker.refused(api_model.with_value(body, keys, None), path + " = null", None, api_model.spoken(keys))
