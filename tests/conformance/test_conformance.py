"""Task definitions given to our agent, compared with what the official agent made of them (docs/conformance.md).

One in five in make test, all in make soak: the same comparison as tests/conformance/run."""
import os

import pytest

from . import table

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")

CASES = table.cases()
QUICK = [name for name, one in CASES.items() if not one.get("soak")][::5]


def check(names):
    explanations = table.Explanations()
    results = table.run("berth", [CASES[name] for name in names])
    told = []
    for name in names:
        _, unexplained = table.compare(name, table.expected(name), results[name], explanations)
        told += ["%s: %s: official %r, ours %r" % (name, path, official, ours) for path, official, ours, _ in unexplained]
    told += ["explained, but no longer so: %s" % row["reason"] for row in explanations.unused(names, all_of_them=len(names) == len(CASES))]
    assert not told, "\n".join(told)


def test_every_fifth():
    check(QUICK)


@pytest.mark.soak
def test_all():
    check(list(CASES))


def test_the_data():
    """Each case has its result, says what it covers and takes host ports of its own."""
    assert {name[:-5] for name in os.listdir(table.EXPECTED)} == set(CASES)
    taken = set()
    for name, one in CASES.items():
        assert one["covers"], name
        if "example" in one:
            continue  # those wait for each other
        ports = {(p["hostPort"], p.get("protocol", "tcp")) for c in one["definition"]["containerDefinitions"]
                 for p in c.get("portMappings", ()) if p.get("hostPort")}
        assert not ports & taken, name
        taken |= ports
