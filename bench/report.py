"""What the sections of bench/run print, kept for docs/benchmarks.md."""
import os
import statistics

ROUNDS = int(os.environ.get("ROUNDS", "5"))

lines = []


def say(text=""):
    print(text, flush=True)
    lines.append(text)


def row(*cells):
    say("| " + " | ".join(str(c) for c in cells) + " |")


def table(*heads):
    say()
    row(*heads)
    row(*["---"] * len(heads))


def seconds(label, values, *more):
    """A row of a table of figures in seconds."""
    row(label, *("%.2f" % f(values) for f in (statistics.median, min, max)), *more)


def ratio(ours, theirs):
    """The median of pairs: what disturbs a round disturbs both."""
    return "%.2f" % statistics.median(a / b for a, b in zip(ours, theirs))
