"""The cases, what the official agent made of them, and what differs."""
import fnmatch
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

from .observe import Run
from .world import World

HERE = os.path.dirname(os.path.abspath(__file__))
CASES, EXPECTED, DIFFERENCES = os.path.join(HERE, "cases"), os.path.join(HERE, "expected"), os.path.join(HERE, "differences.json")
EXAMPLES = os.path.join(HERE, "..", "data", "task-definition-examples.json")
BASE = "plain"  # of the others, what is not as with this one is kept
AT_ONCE = 8
ABSENT = "(absent)"


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def cases():
    """All of them by name; one that names a worked example has its definition (TD- section 19)."""
    found = {name[:-5]: load(os.path.join(CASES, name)) for name in sorted(os.listdir(CASES)) if name.endswith(".json")}
    examples = load(EXAMPLES)
    for name, one in found.items():
        one["name"] = name
        if "example" in one:
            one["definition"] = examples[one["example"]]["definition"]
    return found


def images(chosen):
    """What the cases call an image and there is none, but for those that are to be missing."""
    named = {one["image"] for case in chosen for one in case["definition"]["containerDefinitions"]}
    return sorted(name for name in named if not re.match("conformance:|127|Upper|bogus", name))


def run(agent, chosen):
    """What each of the cases came to with that agent; an exception's text where it came to nothing."""
    def one(case):
        try:
            return Run(world, case).of()
        except Exception as err:  # told as the result of this case; the others go on
            return {"outcome": "failed: %s: %s, line %d" % (type(err).__name__, err, err.__traceback__.tb_next.tb_lineno)}

    world = World(agent).start(images(chosen))
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = dict(zip((case["name"] for case in chosen), pool.map(one, chosen)))
        if BASE in results:  # those that there are after all of them
            results[BASE]["networks"] = sorted(world.docker.run("network", "ls", "--format", "{{.Name}}").split())
        return results
    finally:
        world.close()


# ---- one flat table for each case ----

def flat(value, path=""):
    """{"containers main HostConfig Memory": 33554432, ...}; lists and what is empty are values."""
    if not isinstance(value, dict) or not value:
        return {path: value}
    found = {}
    for key, one in value.items():
        found.update(flat(one, (path + " " if path else "") + key))
    return found


def base_for(sections, containers, base):
    """What the base's container says, said of each of `containers`, in the sections that there are. The task as it is told inside
    is that of the first."""
    made = {}
    for path, value in base.items():
        if path.split(" ")[0] not in sections:
            continue
        is_of_one = " main " not in path + " " or "v4/task" in path and "Containers" not in path
        for name in containers[:1] if is_of_one else containers:
            told = about(path, name)
            if "v4/task" in path:
                told = path.replace("inside main", "inside " + containers[0]).replace("Containers main", "Containers " + name)
            made[told] = about(value, name)
    return made


def about(value, name):
    """A path or value that tells of the base's container, told of another."""
    if isinstance(value, list):
        return [about(one, name) for one in value]
    if not isinstance(value, str):
        return value
    value = (value + " ").replace(" main ", " %s " % name)[:-1] if value != "main" else name
    return value.replace(" of main>", " of %s>" % name).replace("-1-main-", "-1-%s-" % name)


# ---- what is expected: all of the base, and of the others what is not as there ----

def write(name, value):
    with open(os.path.join(EXPECTED, name + ".json"), "w", encoding="utf-8") as file:
        json.dump(value, file, indent=0, sort_keys=True, ensure_ascii=False)
        file.write("\n")


def save(results):
    """What is kept of others stays, unless they are told by a base that is no more."""
    if BASE in results:
        for name in os.listdir(EXPECTED):
            os.unlink(os.path.join(EXPECTED, name))
        write(BASE, flat(results[BASE]))
    base = expected(BASE)
    for name in results.keys() - {BASE}:
        named = (results[name].get("containers", ()), results[name].get("stopped", {}).get("containers", ()))
        containers = list(dict.fromkeys(container for some in named for container in some)) or ["main"]
        found, usual = flat(results[name]), base_for(results[name].keys(), containers, base)
        write(name, {"containers": containers, "sections": sorted(results[name]), "other": dict(
            {path: value for path, value in found.items() if path not in usual or usual[path] != value},
            **{path: ABSENT for path in usual.keys() - found.keys()})})


def expected(name):
    """The flat table that the official agent made."""
    kept = load(os.path.join(EXPECTED, name + ".json"))
    if name == BASE:
        return kept
    whole = base_for(kept["sections"], kept["containers"], expected(BASE))
    whole.update(kept["other"])
    return {path: value for path, value in whole.items() if value != ABSENT}


# ---- what is explained ----

class Explanations:
    """The rows of differences.json: a path with wildcards, both values as regular expressions of their JSON or what ours is but
    the official agent's, the reason."""

    def __init__(self):
        self.rows = load(DIFFERENCES)
        self.used = {index: set() for index in range(len(self.rows))}

    def find(self, case, path, official, ours):
        for index, row in enumerate(self.rows):
            if (any(fnmatch.fnmatchcase(case, one) for one in row.get("cases", ["*"])) and
                    any(fnmatch.fnmatchcase(path, one) for one in row["paths"]) and
                    self._fits(row, "official", official) and self._fits(row, "ours", ours) and
                    self._is_same_but(row, official, ours)):
                self.used[index].add(case)
                return row
        return None

    @staticmethod
    def _fits(row, side, value):
        text = value if value == ABSENT else json.dumps(value, sort_keys=True, ensure_ascii=False)
        return re.fullmatch(row.get(side, ".*"), text, re.S) is not None

    @staticmethod
    def _is_same_but(row, official, ours):
        """Ours is the official agent's, but for an end that is cut off there, or for lines that ours has more, or their order."""
        if row.get("is_cut"):
            return isinstance(official, str) and isinstance(ours, str) and ours.startswith(official)
        if "more" not in row and not row.get("is_unordered"):
            return True
        if not isinstance(official, list) or not isinstance(ours, list):
            return False
        kept = [line for line in ours if not re.fullmatch(row.get("more", "(?!)"), line)]
        return sorted(kept) == sorted(official) if row.get("is_unordered") else kept == official

    def unused(self, names, all_of_them):
        """Rows that explain nothing any more. Where only some cases were run: rows of which each case was among them."""
        return [row for index, row in enumerate(self.rows) if not self.used[index] and
                (all_of_them or "cases" in row and set(row["cases"]) <= set(names))]


def compare(case, wanted, found, explanations):
    """The differences of a result from the expected table: those that are explained, with their rows, and those that are not."""
    explained, unexplained = [], []
    found = flat(found)
    for path in sorted(wanted.keys() | found.keys()):
        official, ours = wanted.get(path, ABSENT), found.get(path, ABSENT)
        if official == ours:
            continue
        row = explanations.find(case, path, official, ours)
        (explained if row else unexplained).append((path, official, ours, row))
    return explained, unexplained
