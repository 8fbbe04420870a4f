"""The patterns of a model as C: sets of characters and how often, `[a-z0-9-]{1,255}` and such, one after
the other. A pattern that needs more than that is refused here, so that checking never backtracks.
"""

import re
import unicodedata

import model


class Patterns:
    """The patterns of one model, each once."""

    def __init__(self):
        self.sets = {}
        self.known = {}
        self.lines = []

    def runs(self, pattern):
        if pattern not in self.known:
            parsed = parse_pattern(pattern)
            rows = ["{&%s, %d, %s}" % (self.charset(chars), low,
                                       "UINT32_MAX" if high is None else high)
                    for chars, low, high in parsed]
            name = "runs_%d" % len(self.known)
            self.lines.append("/* %s */" % pattern.replace("*/", "* /"))
            self.lines.append("static const struct shape_run %s[] = {%s};"
                              % (name, ", ".join(rows)))
            self.known[pattern] = (name, len(rows))
        return self.known[pattern]

    def charset(self, chars):
        ascii_bits, categories = chars
        key = (tuple(sorted(ascii_bits)), categories)
        if key not in self.sets:
            name = "set_%d" % len(self.sets)
            words = [0, 0, 0, 0]
            for char in ascii_bits:
                words[char // 32] |= 1 << (char % 32)
            ranges = category_ranges(categories)
            if ranges:
                self.lines.append("static const uint32_t %s_ranges[][2] = {" % name)
                row = "   "
                for low, high in ranges:
                    text = " {0x%x, 0x%x}," % (low, high)
                    if len(row) + len(text) > model.LINE_MAX:
                        self.lines.append(row)
                        row = "   "
                    row += text
                self.lines += [row, "};"]
            self.lines.append("static const struct shape_charset %s = {{%s}, %s, %d};" % (
                name, ", ".join("0x%08xu" % word for word in words),
                name + "_ranges" if ranges else "NULL", len(ranges)))
            self.sets[key] = name
        return self.sets[key]


def category_ranges(categories):
    """Code points beyond ASCII of some Unicode categories ("L", "N", "Z"), "*" for all."""
    if not categories:
        return []
    if "*" in categories:
        return [(0x80, 0x10FFFF)]
    ranges = []
    for code in range(0x80, 0x110000):
        if unicodedata.category(chr(code))[0] not in categories:
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return [tuple(pair) for pair in ranges]


def parse_pattern(pattern):
    """[(({ascii codes}, categories), min, max or None)] of a pattern, or ModelError."""
    text = pattern
    if text.startswith("^"):
        text = text[1:]
    if text.endswith("$"):
        text = text[:-1]
    if text.startswith("(") and text.endswith(")") and "(" not in text[1:]:
        text = text[1:-1]
    out = []
    while text:
        match = re.match(r"(\[(?:\\.(?:\{\w\})?|[^\]\\])+\]|\\.|[^\[\](){}*+?|\\])"
                         r"(\*|\+|\?|\{\d+(?:,\d*)?\})?", text)
        if not match:
            raise model.ModelError("the pattern %s is more than runs of characters" % pattern)
        chars = char_class(match.group(1), pattern)
        low, high = {None: (1, 1), "*": (0, None), "+": (1, None), "?": (0, 1)}.get(
            match.group(2), (None, None))
        if low is None:
            bounds = match.group(2)[1:-1].split(",")
            low = int(bounds[0])
            high = low if len(bounds) == 1 else int(bounds[1]) if bounds[1] else None
        out.append((chars, low, high))
        text = text[match.end():]
    for (chars, low, high), (after, _, _) in zip(out, out[1:]):
        overlap = chars[0] & after[0] or chars[1] and after[1]
        if overlap and low != high:
            raise model.ModelError("the pattern %s would have to backtrack" % pattern)
    return out


def char_class(text, pattern):
    """({ascii codes}, categories) of `[...]`, of an escape or of one character."""
    codes, categories = set(), ""
    if text == ".":
        return {code for code in range(128) if code != 10}, "*"
    inside = text[1:-1] if text.startswith("[") else text
    negated = inside.startswith("^") and text.startswith("[")
    if negated:
        inside = inside[1:]
    i = 0
    items = []
    while i < len(inside):
        char = inside[i]
        if char == "\\":
            escape = inside[i + 1]
            i += 2
            if escape == "p":
                category = inside[i + 1]
                i += 3
                categories += category
                items.append({"L": set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                              "N": set(b"0123456789"), "Z": {32}}[category])
            elif escape in "wds":
                items.append({"w": set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       b"0123456789_"),
                              "d": set(b"0123456789"), "s": set(b" \t\r\n\f\v")}[escape])
            elif escape in "SWD":
                raise model.ModelError("%s: escape \\%s" % (pattern, escape))
            else:
                items.append(ord({"n": "\n", "t": "\t", "r": "\r"}.get(escape, escape)))
        else:
            items.append(ord(char) if char != "-" or not text.startswith("[") else "-")
            i += 1
    i = 0
    while i < len(items):
        item = items[i]
        if isinstance(item, set):
            codes |= item
        elif item == "-":
            codes.add(ord("-"))
        elif i + 2 < len(items) and items[i + 1] == "-" and isinstance(items[i + 2], int):
            codes |= {code for code in range(item, min(items[i + 2], 127) + 1)}
            if items[i + 2] > 127:
                categories += "*"
            i += 2
        elif item > 127:
            raise model.ModelError("%s: beyond ASCII only \\p{..} and ranges" % pattern)
        else:
            codes.add(item)
        i += 1
    if negated:
        return {code for code in range(128) if code not in codes}, "" if categories else "*"
    return codes, categories
