"""Histories of concurrent calls, and whether some order of them explains every answer (linearizability).

A call takes effect at one moment between its invocation and its response. A write without an answer (the connection broke, the
server died) may have taken effect at any moment after its invocation, or never.
"""
import math
import threading
import time


class Call:
    """One call on one register: `kind` is "write" or "read", `end` is infinite as long as nobody knows how it ended."""

    __slots__ = ("kind", "value", "begin", "end", "who")

    def __init__(self, kind, value, begin, end, who=None):
        self.kind, self.value, self.begin, self.end, self.who = kind, value, begin, end, who

    def __repr__(self):
        return "%s %r [%.6f, %.6f] %s" % (self.kind, self.value, self.begin, self.end, self.who or "")


class History:
    """What many threads did: a list of calls for each register."""

    def __init__(self):
        self.lock = threading.Lock()
        self.calls = {}
        self.count = 0
        self.more = threading.Condition(self.lock)

    def write(self, register, value, do, who=None):
        """Runs `do`. It returns whether the write was sent; what it raises leaves its end open."""
        begin = time.monotonic()
        call = Call("write", value, begin, math.inf, who)
        try:
            sent = do()
        except BaseException:
            self._keep(register, call)
            raise
        call.end = time.monotonic()
        if sent is not False:
            self._keep(register, call)

    def read(self, register, do, who=None):
        begin = time.monotonic()
        value = do()
        self._keep(register, Call("read", value, begin, time.monotonic(), who))
        return value

    def _keep(self, register, call):
        with self.more:
            self.calls.setdefault(register, []).append(call)
            self.count += 1
            self.more.notify_all()

    def wait_for(self, count, timeout):
        """Until that many calls are in it, or no longer."""
        deadline = time.monotonic() + timeout
        with self.more:
            while self.count < count:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self.more.wait(left)
        return True


def explain(calls, initial=None):
    """None if some order explains the calls of one register; else the calls around the place where every order fails.

    Wing and Gong's search with a memory of the states it has been in. A read that fits is taken at once: it changes nothing. A write
    of unknown end whose value nobody read can be left out: it may stand last.
    """
    seen_values = {call.value for call in calls if call.kind == "read"}
    calls = sorted((call for call in calls if call.end != math.inf or (call.kind == "write" and call.value in seen_values)),
                   key=lambda call: call.begin)
    must = sum(1 << i for i, call in enumerate(calls) if call.end != math.inf)
    visited, best, best_at = set(), -1, 0
    stack = [(0, initial)]
    while stack:
        done, value = stack.pop()
        done = take_reads(calls, done, value)
        if done & must == must:
            return None
        if (done, value) in visited:
            continue
        visited.add((done, value))
        depth = bin(done & must).count("1")
        if depth > best:
            best, best_at = depth, done
        for i in possible(calls, done):
            if calls[i].kind == "write":
                stack.append((done | 1 << i, calls[i].value))
    left = [call for i, call in enumerate(calls) if not best_at >> i & 1]
    return left[:12]


def possible(calls, done):
    """The calls that may be next: begun before any other that is left has ended."""
    found, first_end = [], math.inf
    for i, call in enumerate(calls):
        if call.begin > first_end:
            break
        if done >> i & 1:
            continue
        found.append(i)
        first_end = min(first_end, call.end)
    return [i for i in found if calls[i].begin <= first_end]


def take_reads(calls, done, value):
    while True:
        fitting = [i for i in possible(calls, done) if calls[i].kind == "read" and calls[i].value == value]
        if not fitting:
            return done
        for i in fitting:
            done |= 1 << i


def explain_numbers(calls):
    """The same for numbers that are given out once, each higher than those given before: None or a sentence.

    `calls` are (begin, end, number)."""
    numbers = [number for _, _, number in calls]
    for number in numbers:
        if numbers.count(number) > 1:
            return "%d was given out twice" % number
    highest, by_end = 0, sorted(calls, key=lambda call: call[1], reverse=True)
    for begin, _, number in sorted(calls):
        while by_end and by_end[-1][1] < begin:
            highest = max(highest, by_end.pop()[2])
        if highest >= number:
            return "%d was given out after %d had been" % (number, highest)
    return None
