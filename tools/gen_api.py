#!/usr/bin/env python3
"""Makes the C of one API model: its types, its codec and, if it has operations, their table.

usage: gen_api.py MODEL OUTDIR

NAME is the model's service.name:

  NAME_types.h     a struct for every shape, an enum for every closed set of strings
  NAME_shapes.h    the numbers of the shapes in the table
  NAME_codec.c     the table the decoder and the encoder of wire/shape.h walk

and, where the model has operations:

  NAME_handlers.h  the functions that serve them
  NAME_handlers.c  their table, for wire/dispatch.h; an operation that is not "built" has none
"""

import os
import sys

import model
import patterns

SCALARS = {
    "integer": ("int32_t", "SHAPE_INTEGER"),
    "long": ("int64_t", "SHAPE_LONG"),
    "double": ("double", "SHAPE_DOUBLE"),
    "boolean": ("bool", "SHAPE_BOOLEAN"),
    "timestamp": ("int64_t", "SHAPE_TIMESTAMP"),
    "timestamp_ms": ("int64_t", "SHAPE_TIMESTAMP_MS"),
    "timestamp_iso": ("int64_t", "SHAPE_TIMESTAMP_ISO"),
}
KEYWORDS = set("auto bool break case char const continue default do double else enum extern false "
               "float for goto if inline int long register restrict return short signed sizeof "
               "static struct switch true typedef union unsigned void volatile while".split())


class Api:
    """A model and the names its shapes have in C."""

    def __init__(self, source, path):
        self.source = source
        self.path = path
        self.service = source["service"]
        self.name = self.service["name"]
        self.prefixes = self.service.get("prefixes", [])
        self.shapes = source["shapes"]
        self.operations = source.get("operations", {})
        self.check()

    def check(self):
        names = {}
        for name, shape in self.shapes.items():
            if len(shape.get("members", {})) > 64:
                raise model.ModelError("%s has more than 64 members" % name)
            if shape["type"] == "map" and self.is_enum(shape["key"]):
                raise model.ModelError("%s has keys of a closed set" % name)
            for used in self.uses(shape):
                if used not in self.shapes:
                    raise model.ModelError("%s uses %s, which is not there" % (name, used))
            for member in shape.get("required", []) + shape.get("always", []):
                if member not in shape["members"]:
                    raise model.ModelError("%s has no member %s" % (name, member))
            if shape["type"] in ("structure", "list", "map") or "enum" in shape:
                other = names.setdefault(self.c_name(name), name)
                if other != name:
                    raise model.ModelError("%s and %s are one name in C" % (name, other))
        for group, messages in self.source.get("messages", {}).items():
            for name, shape in messages.items():
                if self.shapes.get(shape, {}).get("type") != "structure":
                    raise model.ModelError("the %s message %s wants a structure" % (group, name))
        for name, operation in self.operations.items():
            for shape in (operation["input"], operation["output"]):
                if self.shapes.get(shape, {}).get("type") != "structure":
                    raise model.ModelError("%s wants a structure %s" % (name, shape))
            if operation["handler"] not in ("now", "flow"):
                raise model.ModelError("%s has an unknown kind of handler" % name)
            for code in operation["errors"]:
                if code not in self.source["errors"]:
                    raise model.ModelError("%s has an unknown error %s" % (name, code))

    @staticmethod
    def member_shape(member):
        return member if isinstance(member, str) else member["shape"]

    def uses(self, shape):
        out = [self.member_shape(member) for member in shape.get("members", {}).values()]
        return out + [shape[key] for key in ("of", "key", "value") if key in shape]

    def split(self, name):
        """The prefix of a shape and the rest of its name: AcsTask -> acs, task."""
        for prefix in self.prefixes:
            if model.snake(name).startswith(prefix + "_"):
                return prefix, model.snake(name)[len(prefix) + 1:]
        if self.prefixes:
            raise model.ModelError("%s has none of the prefixes" % name)
        return self.service["prefix"], model.snake(name)

    def c_name(self, name):
        return "_".join(self.split(name))

    def function(self, verb, name):
        prefix, rest = self.split(name)
        return "%s_%s_%s" % (prefix, verb, rest)

    def is_enum(self, name):
        return "enum" in self.shapes[name]

    def index(self, name):
        return "%s_SHAPE_%s" % (self.name.upper(), model.snake(name).upper())

    def table(self):
        return "%s_shapes" % self.name

    def c_type(self, name):
        """The type of a list item, a map value or a plain member."""
        shape = self.shapes[name]
        kind = shape["type"]
        if kind in ("string", "document"):
            return "enum %s" % self.c_name(name) if self.is_enum(name) else "const char *"
        if kind in ("structure", "list", "map"):
            return "struct %s" % self.c_name(name)
        return SCALARS[kind][0]

    def has_flag(self, name):
        return self.shapes[name]["type"] in SCALARS

    def c_member(self, wire, name):
        """The C name of a member: time stamps say their unit."""
        text = model.snake(wire)
        if self.shapes[name]["type"].startswith("timestamp"):
            text += "_ms"
        if text in KEYWORDS:
            text += "_"
        return text

    def enum_constant(self, name, value):
        return "%s_%s" % (self.c_name(name).upper(), model.constant(value))


def declaration(kind, name):
    return kind + name if kind.endswith("*") else "%s %s" % (kind, name)


def enum_lines(api, name):
    c_name = api.c_name(name)
    values = ["%s_UNSET" % c_name.upper()] + [api.enum_constant(name, value)
                                              for value in api.shapes[name]["enum"]]
    if len(set(values)) != len(values):
        raise model.ModelError("%s has two values of one name" % name)
    lines = ["enum %s {" % c_name]
    lines += ["    %s," % value for value in values]
    lines += [
        "};",
        "const char *%s_name(enum %s value); /* NULL for UNSET */" % (c_name, c_name),
        "bool %s_parse(const char *text, enum %s *ret);" % (c_name, c_name),
        "",
    ]
    return lines


def list_lines(api, name):
    shape = api.shapes[name]
    c_name = api.c_name(name)
    item = api.c_type(shape["of"] if shape["type"] == "list" else shape["value"])
    lines = []
    if shape["type"] == "map":
        lines += ["struct %s_entry {" % c_name,
                  "    %s;" % declaration(api.c_type(shape["key"]), "key"),
                  "    %s;" % declaration(item, "value"),
                  "};"]
        item = "struct %s_entry" % c_name
    lines += ["struct %s {" % c_name,
              "    bool is_set;",
              "    size_t count;",
              "    %s*items;" % (item if item.endswith("*") else item + " "),
              "};",
              ""]
    return lines


def structure_lines(api, name):
    shape = api.shapes[name]
    lines = ["struct %s {" % api.c_name(name)]
    for wire, member in shape["members"].items():
        of = api.member_shape(member)
        c_member = api.c_member(wire, of)
        note = " /* required */" if wire in shape.get("required", []) else ""
        if api.has_flag(of):
            lines.append("    bool has_%s;" % c_member)
        kind = api.c_type(of)
        if api.shapes[of]["type"] == "structure":
            kind += " *"
        lines.append("    %s;%s" % (declaration(kind, c_member), note))
    if not shape["members"]:
        lines.append("    char empty; /* C wants a member */")
    lines += ["};", ""]
    return lines


def ordered(api):
    """Shapes such that whatever is held by value comes first."""
    done, out = set(), []

    def visit(name):
        if name in done:
            return
        done.add(name)
        shape = api.shapes[name]
        if shape["type"] == "structure":
            held = [api.member_shape(member) for member in shape["members"].values()]
            held = [of for of in held if api.shapes[of]["type"] != "structure"]
        elif shape["type"] == "map":
            held = [shape["value"]]
        else:
            held = []
        for of in held:
            visit(of)
        out.append(name)

    for name in api.shapes:
        visit(name)
    return out


def types_header(api):
    guard = "BERTH_GEN_%s_TYPES_H" % api.name.upper()
    lines = [
        "/* Made by tools/gen_api.py from api/%s. The rules of these types are in wire/shape.h. */"
        % api.path,
        "#ifndef " + guard,
        "#define " + guard,
        "",
        '#include "wire/shape.h"',
        "",
    ]
    for name in api.shapes:
        if api.is_enum(name):
            lines += enum_lines(api, name)
    for name in api.shapes:
        if api.shapes[name]["type"] == "structure":
            lines.append("struct %s;" % api.c_name(name))
    lines.append("")
    for name in ordered(api):
        kind = api.shapes[name]["type"]
        if kind in ("list", "map"):
            lines += list_lines(api, name)
        elif kind == "structure":
            lines += structure_lines(api, name)
    for name, shape in api.shapes.items():
        if shape["type"] == "structure":
            c_name = api.c_name(name)
            lines += [
                "MUST_USE struct error *%s(struct arena *arena, const struct json_t *json,"
                % api.function("decode", name),
                "%sstruct %s *ret);" % (" " * 8, c_name),
                "void %s(struct buf *buf, const struct %s *value);"
                % (api.function("encode", name), c_name),
            ]
    for group, messages in api.source.get("messages", {}).items():
        lines += [""] + messages_header(api, group, messages)
    lines += ["", "#endif"]
    return "\n".join(lines) + "\n"


def message_constant(group, wire):
    return "%s_MESSAGE_%s" % (group.upper(), model.snake(wire).upper())


def messages_header(api, group, messages):
    """The envelopes {"type":NAME,"message":{...}} of a protocol."""
    lines = ["enum %s_message_type {" % group,
             "    %s_MESSAGE_UNKNOWN, /* a type that is not in the model */" % group.upper()]
    lines += ["    %s," % message_constant(group, wire) for wire in messages]
    lines += ["};",
              "struct %s_message {" % group,
              "    enum %s_message_type type;" % group,
              "    const char *type_name; /* as sent */",
              "    union {",
              "        void *any; /* NULL if the type is unknown */"]
    lines += ["        struct %s *%s;" % (api.c_name(shape), model.snake(wire))
              for wire, shape in messages.items()]
    lines += ["    };",
              "};",
              "MUST_USE struct error *%s_decode_message(struct arena *arena, const char *text,"
              % group,
              "        size_t len, struct %s_message *ret);" % group,
              "/* Each appends a whole frame: {\"type\":...,\"message\":{...}}. */"]
    lines += ["void %s_frame_%s(struct buf *buf, const struct %s *message);"
              % (group, model.snake(wire), api.c_name(shape)) for wire, shape in messages.items()]
    return lines


def messages_source(api, group, messages):
    lines = ["static const struct shape_message %s_messages[] = {" % group,
             "    {NULL, NULL},"]
    lines += ["    [%s] = {%s, &%s[%s]}," % (message_constant(group, wire), model.c_string(wire),
                                             api.table(), api.index(shape))
              for wire, shape in messages.items()]
    lines += ["};",
              "",
              "struct error *%s_decode_message(struct arena *arena, const char *text," % group,
              "        size_t len, struct %s_message *ret)" % group,
              "{",
              "    struct shape_envelope envelope;",
              "",
              "    TRY(shape_decode_envelope(%s_messages, %d, arena, text, len, &envelope));"
              % (group, len(messages) + 1),
              "    ret->type = (enum %s_message_type)envelope.type;" % group,
              "    ret->type_name = envelope.type_name;",
              "    ret->any = envelope.message;",
              "    return NULL;",
              "}",
              ""]
    for wire, shape in messages.items():
        lines += ["void %s_frame_%s(struct buf *buf, const struct %s *message)"
                  % (group, model.snake(wire), api.c_name(shape)),
                  "{",
                  "    shape_encode_envelope(&%s_messages[%s], buf, message);"
                  % (group, message_constant(group, wire)),
                  "}",
                  ""]
    return lines


def shapes_header(api):
    guard = "BERTH_GEN_%s_SHAPES_H" % api.name.upper()
    lines = [
        "/* Made by tools/gen_api.py from api/%s. */" % api.path,
        "#ifndef " + guard,
        "#define " + guard,
        "",
        '#include "gen/%s_types.h"' % api.name,
        "",
        "enum {",
    ]
    lines += ["    %s," % api.index(name) for name in api.shapes]
    lines += [
        "    %s_SHAPES_COUNT" % api.name.upper(),
        "};",
        "extern const struct shape %s[%s_SHAPES_COUNT];" % (api.table(), api.name.upper()),
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def wrapped(head, fields, tail, indent):
    """The lines of an initializer: HEAD field, field TAIL."""
    lines, row = [], head
    for i, field in enumerate(fields):
        text = field + (tail if i == len(fields) - 1 else ",")
        if i and len(row) + len(text) + 1 > model.LINE_MAX:
            lines.append(row)
            row = indent + text
        else:
            row += " " + text if i else text
    return lines + [row]


def number(value):
    return repr(value) if isinstance(value, float) else str(value)


def rule_fields(facts, checks):
    """The value of a `rule` field, in pieces to wrap at: NULL, or the address of a constant."""
    parts = []
    for bound in ("min", "max"):
        if bound in facts:
            parts += [".has_%s = true" % bound, ".%s = %s" % (bound, number(facts[bound]))]
    if "pattern" in facts:
        runs, count = checks.runs(facts["pattern"])
        parts += [".pattern = %s" % model.c_string(facts["pattern"]),
                  ".runs = %s" % runs, ".run_count = %d" % count]
    for key, field in (("message", "message"), ("messageMin", "message_min"),
                       ("messageMax", "message_max")):
        if key in facts:
            parts.append(".%s = %s" % (field, model.c_string(facts[key])))
    if not parts:
        return ["NULL"]
    parts[0] = "&(const struct shape_rule){" + parts[0]
    parts[-1] += "}"
    return parts


def members_lines(api, name, checks):
    shape = api.shapes[name]
    c_name = api.c_name(name)
    lines = ["static const struct shape_member members_%s[] = {" % c_name]
    for wire, member in shape["members"].items():
        of = api.member_shape(member)
        facts = {} if isinstance(member, str) else member
        c_member = api.c_member(wire, of)
        flags = [flag for flag, on in (
            ("SHAPE_REQUIRED", wire in shape.get("required", [])),
            ("SHAPE_ALWAYS", wire in shape.get("always", [])),
        ) if on]
        struct = "struct " + c_name
        has = "offsetof(%s, has_%s)" % (struct, c_member) if api.has_flag(of) else "0"
        fields = [model.c_string(wire), "&%s[%s]" % (api.table(), api.index(of)),
                  "offsetof(%s, %s)" % (struct, c_member), has, " | ".join(flags) or "0",
                  *rule_fields(facts, checks)]
        while fields[-1] in ("0", "NULL"):
            fields.pop()
        lines += wrapped("    {", fields, "},", " " * 5)
    lines.append("};")
    order = sorted(range(len(shape["members"])), key=lambda i: list(shape["members"])[i])
    lines += wrapped("static const uint16_t by_name_%s[] = {" % c_name, list(map(str, order)), "};",
                     " " * 4)
    lines.append("")
    return lines


def shape_lines(api, name, checks):
    shape = api.shapes[name]
    kind = shape["type"]
    fields = [".name = " + model.c_string(name)]
    if kind == "structure":
        c_name = api.c_name(name)
        fields += [".type = SHAPE_STRUCTURE", ".size = sizeof(struct %s)" % c_name]
        if shape["members"]:
            fields += [".members = members_" + c_name, ".by_name = by_name_" + c_name,
                       ".member_count = %d" % len(shape["members"])]
    elif kind == "list":
        fields += [".type = SHAPE_LIST", ".size = sizeof(struct %s)" % api.c_name(name),
                   ".of = &%s[%s]" % (api.table(), api.index(shape["of"]))]
    elif kind == "map":
        entry = "struct %s_entry" % api.c_name(name)
        fields += [".type = SHAPE_MAP", ".size = sizeof(struct %s)" % api.c_name(name),
                   ".key = &%s[%s]" % (api.table(), api.index(shape["key"])),
                   ".of = &%s[%s]" % (api.table(), api.index(shape["value"])),
                   ".value_offset = offsetof(%s, value)" % entry,
                   ".entry_size = sizeof(%s)" % entry]
    elif api.is_enum(name):
        fields += [".type = SHAPE_ENUM", ".size = sizeof(enum %s)" % api.c_name(name),
                   ".values = values_" + api.c_name(name),
                   ".value_count = %d" % (len(shape["enum"]) + 1)]
    elif kind in ("string", "document"):
        fields += [".type = SHAPE_" + kind.upper(), ".size = sizeof(const char *)"]
    else:
        fields += [".type = " + SCALARS[kind][1], ".size = sizeof(%s)" % SCALARS[kind][0]]
    rule = rule_fields(shape, checks)
    if rule != ["NULL"]:
        fields += [".rule = " + rule[0], *rule[1:]]
    refusal = shape.get("refusal", api.service.get("refusal", "InvalidParameterException"))
    if kind == "structure":
        fields.append(".refusal = " + model.error_constant(refusal))
    return wrapped("    [%s] = {" % api.index(name), fields, "},", " " * 8)


def codec_source(api):
    checks = patterns.Patterns()
    body = []
    for name in api.shapes:
        if api.is_enum(name):
            body.append("static const char *const values_%s[] = {" % api.c_name(name))
            body.append("    NULL,")
            body += ["    %s," % model.c_string(value) for value in api.shapes[name]["enum"]]
            body += ["};", ""]
    for name, shape in api.shapes.items():
        if shape["type"] == "structure" and shape["members"]:
            body += members_lines(api, name, checks)
    body.append("const struct shape %s[%s_SHAPES_COUNT] = {" % (api.table(), api.name.upper()))
    for name in api.shapes:
        body += shape_lines(api, name, checks)
    body += ["};", ""]
    answers = {operation["output"] for operation in api.operations.values()}
    for name, shape in api.shapes.items():
        at = "&%s[%s]" % (api.table(), api.index(name))
        if api.is_enum(name):
            c_name = api.c_name(name)
            body += [
                "const char *%s_name(enum %s value)" % (c_name, c_name),
                "{",
                "    return shape_enum_name(%s, value);" % at,
                "}",
                "",
                "bool %s_parse(const char *text, enum %s *ret)" % (c_name, c_name),
                "{",
                "    unsigned value;",
                "",
                "    if (!shape_enum_parse(%s, text, &value))" % at,
                "        return false;",
                "    *ret = (enum %s)value;" % c_name,
                "    return true;",
                "}",
                "",
            ]
        elif shape["type"] == "structure":
            c_name = api.c_name(name)
            body += [
                "struct error *%s(struct arena *arena, const struct json_t *json,"
                % api.function("decode", name),
                "%sstruct %s *ret)" % (" " * 8, c_name),
                "{",
                "    return shape_decode(%s, %s, arena, json, ret);"
                % (at, "SHAPE_LENIENT" if name in answers else "0"),
                "}",
                "",
                "void %s(struct buf *buf, const struct %s *value)"
                % (api.function("encode", name), c_name),
                "{",
                "    shape_encode(%s, buf, value);" % at,
                "}",
                "",
            ]
    for group, messages in api.source.get("messages", {}).items():
        body += messages_source(api, group, messages)
    head = [
        "/* Made by tools/gen_api.py from api/%s. */" % api.path,
        '#include "gen/%s_shapes.h"' % api.name,
        "",
    ]
    if checks.lines:
        head += checks.lines + [""]
    return "\n".join(head + body).rstrip("\n") + "\n"


def handler(api, name):
    prefix = api.service.get("handlers", api.service["prefix"] + "_api")
    return "%s_%s" % (prefix, model.snake(name))


def handler_arguments(api, operation):
    return "struct call *call, const struct %s *in,\n        struct %s *out%s" % (
        api.c_name(operation["input"]), api.c_name(operation["output"]),
        ", struct flow **ret_flow" if operation["handler"] == "flow" else "")


def handlers_header(api):
    guard = "BERTH_GEN_%s_HANDLERS_H" % api.name.upper()
    lines = [
        "/* Made by tools/gen_api.py from api/%s. What handlers may do: wire/call.h. */" % api.path,
        "#ifndef " + guard,
        "#define " + guard,
        "",
        '#include "gen/%s_types.h"' % api.name,
        '#include "wire/dispatch.h"',
        "",
        "extern const struct operation_table %s_operations;" % api.name,
        "",
    ]
    for name, operation in sorted(api.operations.items()):
        if not operation["built"]:
            lines.append("/* %s is not built yet. */" % name)
        lines.append("struct error *%s(%s);"
                     % (handler(api, name), handler_arguments(api, operation)))
    lines += ["", "#endif"]
    return "\n".join(lines) + "\n"


def handlers_source(api):
    lines = [
        "/* Made by tools/gen_api.py from api/%s. */" % api.path,
        '#include "gen/%s_handlers.h"' % api.name,
        "",
        '#include "gen/%s_shapes.h"' % api.name,
        "",
    ]
    for name, operation in sorted(api.operations.items()):
        if not operation["built"]:
            continue
        flow = operation["handler"] == "flow"
        lines += [
            "static struct error *run_%s(struct call *call, const void *in, void *out%s)"
            % (model.snake(name), ", struct flow **ret_flow" if flow else ""),
            "{",
            "    return %s(call, in, out%s);" % (handler(api, name), ", ret_flow" if flow else ""),
            "}",
            "",
        ]
    sets = {}
    for name, operation in sorted(api.operations.items()):
        key = tuple(operation["errors"])
        if key in sets:
            continue
        sets[key] = "errors_%s" % model.snake(name)
        lines.append("static const enum api_error %s[] = {" % sets[key])
        lines += ["    %s," % model.error_constant(code) for code in key]
        lines += ["};", ""]
    lines.append("static const struct operation operations[] = {")
    for name, operation in sorted(api.operations.items()):
        errors = tuple(operation["errors"])
        fields = [
            ".name = " + model.c_string(name),
            ".in = &%s[%s]" % (api.table(), api.index(operation["input"])),
            ".out = &%s[%s]" % (api.table(), api.index(operation["output"])),
        ]
        if operation["built"]:
            fields.append(".%s = run_%s" % (operation["handler"], model.snake(name)))
        if operation["handler"] == "flow":
            fields.append(".deadline_ms = %d" % (1000 * operation.get("deadlineSeconds", 60)))
        fields += [
            ".errors = %s" % sets[errors],
            ".error_count = %d" % len(errors),
            ".action = " + model.c_string("%s:%s" % (api.service["signingName"], name)),
        ]
        if operation.get("resource"):
            fields.append(".resource_type = " + model.c_string(operation["resource"]))
        if operation.get("agentOnly"):
            fields.append(".is_agent_only = true")
        lines.append("    {")
        lines += ["        %s," % field for field in fields]
        lines.append("    },")
    lines += [
        "};",
        "",
        "const struct operation_table %s_operations = {" % api.name,
        "    .target = %s," % model.c_string(api.service["target"]),
        "    .signing_name = %s," % model.c_string(api.service["signingName"]),
        "    .operations = operations,",
        "    .count = %d," % len(api.operations),
        "};",
    ]
    return "\n".join(lines) + "\n"


def write(outdir, name, text):
    with open(os.path.join(outdir, name), "w", encoding="utf-8") as file:
        file.write(text)


def main(argv):
    path, outdir = argv[0], argv[1]
    api = Api(model.load(path), os.path.basename(path))
    write(outdir, api.name + "_types.h", types_header(api))
    write(outdir, api.name + "_shapes.h", shapes_header(api))
    write(outdir, api.name + "_codec.c", codec_source(api))
    if api.operations:
        write(outdir, api.name + "_handlers.h", handlers_header(api))
        write(outdir, api.name + "_handlers.c", handlers_source(api))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except model.ModelError as err:
        sys.exit("%s: %s" % (sys.argv[1], err))
