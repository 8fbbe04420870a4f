"""The kinds of members that stored records have: what each needs in C (see gen_records.py)."""

import model


class Member:
    """A member of a record: what each kind of type needs in C. `at` is an expression that reads it."""

    width = 8  # of its widest part, for the order in the struct
    setter_type = None  # C type of the value a setter takes; None: no plain setter
    absent = "0"

    def __init__(self, facts, enums):
        self.number = facts["id"]
        self.name = facts["name"]
        self.field = self.name
        self.type = facts["type"]
        self.doc = facts.get("doc")
        self.is_rare = facts.get("rare", False)
        self.enums = enums

    def fields(self):
        """(width, declaration) of each part."""
        raise NotImplementedError

    def set(self, at):
        return ["%s = value;" % at]

    def done(self, at):
        return []

    def copy(self, to, at):
        return ["%s = %s;" % (to, at)]

    def encode(self, at):
        return ["if (%s)" % at, "    pb_put_int(buf, %d, %s);" % (self.number, at)]

    def decode(self, record, at):
        """Statements of a case; they return false if the member is not as it should be."""
        raise NotImplementedError

    def key(self, at):
        raise model.ModelError("%s: a %s is no part of a key" % (self.name, self.type))

    def is_missing(self, at):
        """A condition on a key member, or None if it always has a value."""
        return None

    def get(self, function, at):
        return ["if (!%s(&member, &%s))" % (function, at), "    return false;"]


class Name(Member):
    setter_type = "const char *"
    absent = "NULL"
    declared = "const char *%s;"
    owned = "name"

    def fields(self):
        return [(8, self.declared % self.field)]

    def set(self, at):
        return ["set_%s(&%s, value);" % (self.owned, at)]

    def done(self, at):
        return ["intern_unref(%s);" % at]

    def copy(self, to, at):
        return ["%s = intern_ref(%s);" % (to, at)]

    def encode(self, at):
        return ["pb_put_text(buf, %d, %s);" % (self.number, at)]

    def decode(self, record, at):
        return ["if (!get_%s(&member, &%s))" % (self.owned, at), "    return false;"]

    def key(self, at):
        return ["key_add_text(buf, %s);" % at]

    def is_missing(self, at):
        return "!" + at


class Text(Name):
    declared = "char *%s;"
    owned = "text"

    def done(self, at):
        return ["free(%s);" % at]

    def copy(self, to, at):
        return ["%s = str_dup(%s);" % (to, at)]


class Id(Member):
    width = 16
    setter_type = "const struct id *"
    absent = "NULL"

    def fields(self):
        return [(16, "struct id %s;" % self.field)]

    def set(self, at):
        return ["%s = *value;" % at]

    def encode(self, at):
        return ["pb_put_id(buf, %d, &%s);" % (self.number, at)]

    def decode(self, record, at):
        return self.get("pb_get_id", at)

    def key(self, at):
        return ["buf_add(buf, %s.bytes, sizeof(%s.bytes));" % (at, at)]

    def is_missing(self, at):
        return "id_is_zero(&%s)" % at


class Int64(Member):
    setter_type = "int64_t "

    def fields(self):
        return [(8, "int64_t %s;" % self.field)]

    def decode(self, record, at):
        return self.get("pb_get_int64", at)

    def key(self, at):
        return ["key_add_int(buf, %s, 8);" % at]


class Time(Int64):
    def __init__(self, facts, enums):
        super().__init__(facts, enums)
        self.field = self.name + "_ms"


class Int32(Member):
    width = 4
    setter_type = "int32_t "

    def fields(self):
        return [(4, "int32_t %s;" % self.field)]

    def decode(self, record, at):
        return self.get("pb_get_int32", at)

    def key(self, at):
        return ["key_add_int(buf, %s, 4);" % at]


class OptInt32(Int32):
    """A number that may be absent: has_x tells."""

    def has(self, at):
        head, _, _ = at.rpartition(self.field)
        return head + "has_" + self.field

    def fields(self):
        return [(4, "int32_t %s;" % self.field), (0, "bool has_%s : 1;" % self.field)]

    def set(self, at):
        return ["%s = value;" % at, "%s = true;" % self.has(at)]

    def copy(self, to, at):
        return ["%s = %s;" % (to, at), "%s = %s;" % (self.has(to), self.has(at))]

    def encode(self, at):
        return ["if (%s)" % self.has(at), "    pb_put_int(buf, %d, %s);" % (self.number, at)]

    def decode(self, record, at):
        return super().decode(record, at) + ["%s = true;" % self.has(at)]

    def key(self, at):
        return Member.key(self, at)


class Bool(Member):
    width = 0
    setter_type = "bool "

    def fields(self):
        return [(0, "bool %s : 1;" % self.field)]

    def decode(self, record, at):
        return ["if (!pb_get_bool(&member, &flag))", "    return false;", "%s = flag;" % at]


class Enum(Member):
    width = 1

    def __init__(self, facts, enums):
        super().__init__(facts, enums)
        self.enum = self.type.split(":", 1)[1]
        if self.enum not in enums:
            raise model.ModelError("%s: no enum %s" % (self.name, self.enum))
        self.setter_type = "enum %s " % self.enum

    def fields(self):
        return [(1, "enum %s %s;" % (self.enum, self.field))]

    def decode(self, record, at):
        return [
            "if (member.type != PB_VARINT)",
            "    return false;",
            "if (member.value >= %s) { /* of a newer program */" % self.enums[self.enum].count,
            "    pb_keep(&member, &%s);" % record.unknown(),
            "    break;",
            "}",
            "%s = (enum %s)member.value;" % (at, self.enum),
        ]


class Names(Member):
    def fields(self):
        return [(8, "const char **%s;" % self.field), (4, "uint32_t %s_count;" % self.field)]

    def done(self, at):
        return [
            "for (uint32_t i = 0; i < %s_count; i++)" % at,
            "    intern_unref(%s[i]);" % at,
            "free(%s);" % at,
        ]

    def copy(self, to, at):
        return [
            "if (%s_count > 0)" % at,
            "    %s = xcalloc(%s_count, sizeof(*%s));" % (to, at, to),
            "%s_count = %s_count;" % (to, at),
            "for (uint32_t i = 0; i < %s_count; i++)" % at,
            "    %s[i] = intern_ref(%s[i]);" % (to, at),
        ]

    def encode(self, at):
        return [
            "for (uint32_t i = 0; i < %s_count; i++)" % at,
            "    pb_put_text(buf, %d, %s[i]);" % (self.number, at),
        ]

    def decode(self, record, at):
        return [
            "if (!get_text(&member, &text))",
            "    return false;",
            "%s_append_%s(%s, text);" % (record.name, self.name, record.var),
        ]


class List(Member):
    def __init__(self, facts, enums):
        super().__init__(facts, enums)
        self.item = self.type.split(":", 1)[1]

    def fields(self):
        return [(8, "struct %s *%s;" % (self.item, self.field)),
                (4, "uint32_t %s_count;" % self.field)]

    def done(self, at):
        return [
            "for (uint32_t i = 0; i < %s_count; i++)" % at,
            "    %s_done(&%s[i]);" % (self.item, at),
            "free(%s);" % at,
        ]

    def copy(self, to, at):
        return [
            "if (%s_count > 0)" % at,
            "    %s = xcalloc(%s_count, sizeof(*%s));" % (to, at, to),
            "%s_count = %s_count;" % (to, at),
            "for (uint32_t i = 0; i < %s_count; i++) {" % at,
            "    %s_init(&%s[i]);" % (self.item, to),
            "    %s_copy(&%s[i], &%s[i]);" % (self.item, to, at),
            "}",
        ]

    def encode(self, at):
        return [
            "for (uint32_t i = 0; i < %s_count; i++) {" % at,
            "    mark = pb_open(buf, %d);" % self.number,
            "    %s_encode(&%s[i], buf);" % (self.item, at),
            "    pb_close(buf, mark);",
            "}",
        ]

    def decode(self, record, at):
        return [
            "if (member.type != PB_BYTES)",
            "    return false;",
            "inner = (struct pb_reader){.at = member.bytes, .end = member.bytes + member.len};",
            "if (!%s_read(%s_append_%s(%s), &inner))" % (self.item, record.name, self.name, record.var),
            "    return false;",
        ]


TYPES = {"name": Name, "text": Text, "json": Text, "id": Id, "time": Time, "int64": Int64,
         "int32": Int32, "opt_int32": OptInt32, "bool": Bool, "names": Names}


def make_member(facts, enums):
    kind = facts["type"]
    if kind.startswith("enum:"):
        return Enum(facts, enums)
    if kind.startswith("list:"):
        return List(facts, enums)
    if kind not in TYPES:
        raise model.ModelError("%s: no type %s" % (facts["name"], kind))
    return TYPES[kind](facts, enums)
