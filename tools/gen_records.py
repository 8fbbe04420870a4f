#!/usr/bin/env python3
"""Makes records.h and records.c: the stored records of api/state.json, their setters and codecs.

usage: gen_records.py MODEL OUTDIR

A record becomes a struct whose members are ordered by size, widest first, so that none is padded. Members
marked rare live in a struct of their own that is allocated with the first of them; record->rare points
to an empty one until then. Records with a key are rows of the store and of the tables of src/state.
"""

import os
import sys

import model
from record_members import Bool, List, Names, OptInt32, make_member

RESERVED = {"rare", "unknown", "links", "home", "is_gone"}


class EnumType:
    def __init__(self, name, values, prefixes):
        self.name = name
        self.values = values
        self.prefix = prefixes.get(name)
        if not self.prefix:
            self.prefix = (name[:-len("_status")] if name.endswith("_status") else name).upper()
        self.count = self.prefix + "_COUNT"
        if len(values) > 255:
            raise model.ModelError("%s: an enum is one byte" % name)

    def header(self):
        lines = ["enum PACKED %s {" % self.name]
        lines += ["    %s_%s," % (self.prefix, value) for value in self.values]
        return lines + ["    %s" % self.count, "};",
                        "const char *%s_name(enum %s value);" % (self.name, self.name),
                        "bool %s_parse(const char *name, enum %s *ret);" % (self.name, self.name), ""]

    def source(self):
        lines = ["static const char *const %s_names[%s] = {" % (self.name, self.count)]
        lines += ["    [%s_%s] = %s," % (self.prefix, value, model.c_string(value))
                  for value in self.values]
        return lines + [
            "};",
            "",
            "const char *%s_name(enum %s value)" % (self.name, self.name),
            "{",
            "    assert(value < %s);" % self.count,
            "    return %s_names[value];" % self.name,
            "}",
            "",
            "bool %s_parse(const char *name, enum %s *ret)" % (self.name, self.name),
            "{",
            "    for (unsigned i = 0; i < %s; i++)" % self.count,
            "        if (!strcmp(name, %s_names[i])) {" % self.name,
            "            *ret = (enum %s)i;" % self.name,
            "            return true;",
            "        }",
            "    return false;",
            "}",
            "",
        ]


def block(head, body):
    return [head, "{"] + ["    " + line if line else "" for line in body] + ["}", ""]


class Record:
    def __init__(self, name, facts, enums):
        self.name = self.var = name
        self.doc = facts["doc"]
        self.key = facts.get("key")
        self.is_global = facts.get("scope") == "global"
        self.links = facts.get("links", 1) if self.key else 0
        self.members = [make_member(member, enums) for member in facts["members"]]
        self.has_rare = any(member.is_rare for member in self.members)
        self.check()

    def check(self):
        numbers = [member.number for member in self.members]
        names = [member.name for member in self.members]
        if len(set(numbers)) < len(numbers) or len(set(names)) < len(names):
            raise model.ModelError("%s: a member's number or name is there twice" % self.name)
        if RESERVED.intersection(names):
            raise model.ModelError("%s: a member has a reserved name" % self.name)
        for part in self.key or []:
            if part not in names:
                raise model.ModelError("%s: no member %s for its key" % (self.name, part))

    def struct(self):
        return "struct %s" % self.name

    def at(self, member, var=None):
        """Reads the member of the record in variable `var`."""
        return "%s->%s%s" % (var or self.var, "rare->" if member.is_rare else "", member.field)

    def edit(self, member, var=None):
        """The same for changing it."""
        if member.is_rare:
            return "%s_edit_rare(%s)->%s" % (self.name, var or self.var, member.field)
        return "%s->%s" % (var or self.var, member.field)

    def unknown(self, var=None):
        """Where the unknown members are, for changing."""
        if self.has_rare:
            return "%s_edit_rare(%s)->unknown" % (self.name, var or self.var)
        return "%s->unknown" % (var or self.var)

    def unknown_at(self, var=None):
        return "%s->%sunknown" % (var or self.var, "rare->" if self.has_rare else "")

    # the header

    def layout(self, rare):
        """Declarations with their comments, widest first; the given order within a width."""
        parts = []
        for member in self.members:
            if member.is_rare != rare:
                continue
            for index, (width, text) in enumerate(member.fields()):
                parts.append((width, text, member.doc if index == 0 else None))
        if not rare and self.has_rare:
            parts.append((8, "const struct %s_rare *rare;" % self.name, "never NULL"))
        if rare or not self.has_rare:
            parts.append((8, "struct pb_unknown *unknown;", "members of a newer program"))
        if not rare and self.key:
            home = [(16, "void *home;", "the tables' own, like links and is_gone")]
            if self.links:
                home.append((16, "struct treap_node links[%d];" % self.links, None))
            ids = [part for part in parts if part[0] == 16]
            parts = ids + home + [part for part in parts if part[0] != 16]
            parts.append((0, "bool is_gone : 1;", None))
        parts.sort(key=lambda part: -part[0])
        return ["    %s%s" % (text, " /* %s */" % doc if doc else "") for _, text, doc in parts]

    def header(self):
        name, struct = self.name, self.struct()
        lines = []
        if self.has_rare:
            lines += ["struct %s_rare {" % name] + self.layout(True) + ["};"]
        lines += ["/* %s */" % self.doc, struct + " {"] + self.layout(False) + ["};"]
        lines += [self.prototype(part) + ";" for part in self.life()]
        for member in self.members:
            lines += [head + ";" for head, _ in self.setters(member)]
        return lines + [""]

    def life(self):
        if self.key:
            return ["new", "free", "done", "copy", "encode", "decode", "key"]
        return ["init", "done", "copy", "encode"]

    def prototype(self, part):
        name, struct = self.name, self.struct()
        return {
            "new": "MUST_USE %s *%s_new(void)" % (struct, name),
            "free": "void %s_free(%s *%s)" % (name, struct, self.var),
            "init": "void %s_init(%s *%s)" % (name, struct, self.var),
            "done": "void %s_done(%s *%s)" % (name, struct, self.var),
            "copy": "void %s_copy(%s *to, const %s *from)" % (name, struct, struct),
            "encode": "void %s_encode(const %s *%s, struct buf *buf)" % (name, struct, self.var),
            "decode": "MUST_USE struct error *%s_decode(const void *bytes, size_t len, %s **ret)"
                      % (name, struct),
            "key": "void %s_key(const %s *%s, const struct scope *scope, struct buf *buf)"
                   % (name, struct, self.var),
        }[part]

    # the source

    def setters(self, member):
        """(head, body) of each function that changes the member."""
        name, struct = self.name, self.struct()
        record = "%s *%s" % (struct, self.var)
        at = self.edit(member)
        if isinstance(member, (Names, List)) and member.is_rare:
            raise model.ModelError("%s: a list is not rare" % member.name)
        if isinstance(member, Names):
            return [
                ("void %s_set_%s(%s, const char *const *names, uint32_t count)"
                 % (name, member.name, record),
                 ["set_names(&%s, &%s_count, names, count);" % (at, at)]),
                ("void %s_append_%s(%s, const char *value)" % (name, member.name, record),
                 ["%s = xreallocarray(%s, %s_count + 1, sizeof(*%s));" % (at, at, at, at),
                  "%s[%s_count++] = intern(value);" % (at, at)]),
            ]
        if isinstance(member, List):
            item = "struct " + member.item
            resize = "%s_resize_%s" % (name, member.name)
            return [
                ("%s *%s(%s, uint32_t count)" % (item, resize, record),
                 ["while (%s_count > count)" % at,
                  "    %s_done(&%s[--%s_count]);" % (member.item, at, at),
                  "%s = resize(%s, count, sizeof(*%s));" % (at, at, at),
                  "while (%s_count < count)" % at,
                  "    %s_init(&%s[%s_count++]);" % (member.item, at, at),
                  "return %s;" % at]),
                ("%s *%s_append_%s(%s)" % (item, name, member.name, record),
                 ["return &%s(%s, %s_count + 1)[%s_count - 1];" % (resize, self.var, at, at)]),
            ]
        head = "void %s_set_%s(%s, %svalue)" % (name, member.field, record, member.setter_type)
        body = member.set(at)
        if member.is_rare:
            body = ["if (!%s_has_rare(%s) && value == %s)" % (name, self.var, member.absent),
                    "    return; /* absent, and stays so */"] + body
        setters = [(head, body)]
        if isinstance(member, OptInt32):
            setters.append(("void %s_clear_%s(%s)" % (name, member.field, record),
                            ["%s = false;" % member.has(at), "%s = 0;" % at]))
        return setters

    def rare_source(self):
        name, struct = self.name, self.struct()
        none = "%s_rare_none" % name
        return ["static const struct %s_rare %s;" % (name, none), ""] + block(
            "static bool %s_has_rare(const %s *%s)" % (name, struct, self.var),
            ["return %s->rare != &%s;" % (self.var, none)]) + block(
            "static struct %s_rare *%s_edit_rare(%s *%s)" % (name, name, struct, self.var),
            ["if (!%s_has_rare(%s))" % (name, self.var),
             "    %s->rare = xcalloc(1, sizeof(*%s->rare));" % (self.var, self.var),
             "return (struct %s_rare *)(uintptr_t)%s->rare;" % (name, self.var)])

    def life_source(self):
        name = self.name
        lines = []
        init = ["*%s = (%s){0};" % (self.var, self.struct())]
        if self.has_rare:
            init.append("%s->rare = &%s_rare_none;" % (self.var, name))
        if self.key:
            body = ["%s *%s = xcalloc(1, sizeof(*%s));" % (self.struct(), self.var, self.var), ""]
            body += init[1:] + ["return %s;" % self.var]
            lines += block(self.prototype("new").replace("MUST_USE ", ""), body)
        else:
            lines += block(self.prototype("init"), init)

        body = []
        for member in self.members:
            body += member.done(self.at(member))
        body.append("free(%s);" % self.unknown_at())
        if self.has_rare:
            body += ["if (%s_has_rare(%s))" % (name, self.var),
                     "    free((void *)(uintptr_t)%s->rare);" % self.var]
        if self.key:
            body.append("/* what the tables hold of it stays */")
            body += ["%s empty = {0};" % self.struct(), ""]
            if self.links:
                body.append("memcpy(empty.links, %s->links, sizeof(empty.links));" % self.var)
            body += ["empty.home = %s->home;" % self.var,
                     "empty.is_gone = %s->is_gone;" % self.var]
            if self.has_rare:
                body.append("empty.rare = &%s_rare_none;" % name)
            body.append("*%s = empty;" % self.var)
        else:
            body.append("%s_init(%s);" % (name, self.var))
        lines += block(self.prototype("done"), body)
        if self.key:
            lines += block(self.prototype("free"),
                           ["if (!%s)" % self.var, "    return;", "%s_done(%s);" % (name, self.var),
                            "free(%s);" % self.var])

        body = ["%s_done(to);" % name]
        rare_body = []
        for member in self.members:
            if member.is_rare:
                rare_body += member.copy("rare->" + member.field, "from->rare->" + member.field)
            else:
                body += member.copy(self.at(member, "to"), self.at(member, "from"))
        if self.has_rare:
            body += ["if (!%s_has_rare(from))" % name, "    return;",
                     "struct %s_rare *rare = %s_edit_rare(to);" % (name, name)] + rare_body
            body.append("rare->unknown = pb_unknown_copy(from->rare->unknown);")
        else:
            body.append("to->unknown = pb_unknown_copy(from->unknown);")
        return lines + block(self.prototype("copy"), body)

    def codec_source(self):
        name, struct = self.name, self.struct()
        lines = []
        body = ["pb_put_unknown(buf, %s); /* first: what is known overrides it */" % self.unknown_at()]
        for member in self.members:
            body += member.encode(self.at(member))
        if any(isinstance(member, List) for member in self.members):
            body = ["size_t mark;", ""] + body
        lines += block(self.prototype("encode"), body)

        body = ["struct pb_member member;"]
        if any(isinstance(member, List) for member in self.members):
            body.append("struct pb_reader inner;")
        if any(isinstance(member, Names) for member in self.members):
            body.append("CLEANUP(str_freep) char *text = NULL;")
        if any(isinstance(member, Bool) for member in self.members):
            body.append("bool flag;")
        body += ["", "while (pb_next(reader, &member)) {", "    switch (member.number) {"]
        for member in self.members:
            body.append("    case %d:" % member.number)
            body += ["        " + line for line in member.decode(self, self.edit(member)) + ["break;"]]
        body += ["    default:", "        pb_keep(&member, &%s);" % self.unknown(), "    }", "}",
                 "return !reader->is_malformed;"]
        lines += block("static bool %s_read(%s *%s, struct pb_reader *reader)" % (name, struct, self.var),
                       body)
        if not self.key:
            return lines
        by_name = {member.name: member for member in self.members}
        missing = [by_name[part].is_missing(self.at(by_name[part])) for part in self.key]
        missing = " || ".join(condition for condition in missing if condition)
        lines += block(
            self.prototype("decode").replace("MUST_USE ", ""),
            ["struct pb_reader reader = {.at = bytes, .end = (const uint8_t *)bytes + len};",
             "%s *%s = %s_new();" % (struct, self.var, name),
             "",
             "if (!%s_read(%s, &reader)%s) {" % (name, self.var, " || " + missing if missing else ""),
             "    %s_free(%s);" % (name, self.var),
             "    return malformed(%s, bytes, len, &reader);" % model.c_string(name),
             "}",
             "*ret = %s;" % self.var,
             "return NULL;"])
        body = ["key_start(buf, %s, RECORD_%s);" % ("NULL" if self.is_global else "scope", name.upper())]
        if self.is_global:
            body.insert(0, "(void)scope;")
        for part in self.key:
            body += by_name[part].key(self.at(by_name[part]))
        return lines + block(self.prototype("key"), body)

    def source(self):
        lines = []
        if self.has_rare:
            lines += self.rare_source()
        lines += self.life_source()
        for member in self.members:
            for head, body in self.setters(member):
                lines += block(head, body)
        return lines + self.codec_source()


HEADER_TOP = """\
/* Made by tools/gen_records.py from the model of the records in api/.
 *
 * Ownership  A record owns its members. `const char *` members are interned (base/intern.h), `char *`
 *            members are copies; X_set_*() does which. X_resize_LIST(x, n) makes a list n items long, new
 *            ones empty, and returns it; X_append_LIST(x) returns one more item. X_done() empties a record.
 * Values     Zero and NULL mean absent; has_x tells for the few numbers where zero says something else.
 * Rare       Members of x->rare are read through it and changed with setters only.
 * Stored     X_encode() appends protobuf's wire format; members that X_decode() does not know are kept
 *            and written again. X_key() appends the row's key, whose order is that of the members.
 */
#ifndef BERTH_GEN_RECORDS_H
#define BERTH_GEN_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arn.h"
#include "base/error.h"
#include "base/id.h"
#include "base/pbwire.h"
#include "base/str.h"
#include "base/treap.h"

#define RECORDS_VERSION %(version)d
"""

KEY_HEADER = """\
/* Keys are account NUL region NUL record NUL, then the key members: text followed by NUL, numbers
 * big-endian, ids as they are. Records of no scope have an empty account and region. */
const char *record_kind_name(enum record_kind kind);
struct record_key {
    const char *account, *region; /* lent by the key; "" for a record of no scope */
    enum record_kind kind;
};
/* False if it is no key of a record known here. */
bool record_key_parse(const void *key, size_t len, struct record_key *ret);

/* The functions of a kind of record, for code that handles all of them. */
void record_encode(enum record_kind kind, const void *record, struct buf *buf);
void record_key(enum record_kind kind, const void *record, const struct scope *scope, struct buf *buf);
MUST_USE struct error *record_decode(enum record_kind kind, const void *bytes, size_t len, void **ret);
void record_free(enum record_kind kind, void *record);
"""

SOURCE_TOP = """\
/* Made by tools/gen_records.py from the model of the records in api/. */
#include "gen/records.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"

UNUSED static void set_name(const char **member, const char *value)
{
    const char *before = *member;

    *member = intern(value);
    intern_unref(before); /* last: `value` may be the same string */
}

UNUSED static void set_text(char **member, const char *value)
{
    char *before = *member;

    *member = str_dup(value);
    free(before);
}

UNUSED static void set_names(const char ***member, uint32_t *member_count, const char *const *names,
                             uint32_t count)
{
    const char **before = *member;
    uint32_t before_count = *member_count;

    *member = count > 0 ? xcalloc(count, sizeof(**member)) : NULL;
    *member_count = count;
    for (uint32_t i = 0; i < count; i++)
        (*member)[i] = intern(names[i]);
    for (uint32_t i = 0; i < before_count; i++)
        intern_unref(before[i]);
    free(before);
}

UNUSED static void *resize(void *items, uint32_t count, size_t size)
{
    if (count > 0)
        return xreallocarray(items, count, size);
    free(items);
    return NULL;
}

UNUSED static bool get_text(const struct pb_member *member, char **ret)
{
    char *text;

    if (!pb_get_text(member, &text))
        return false;
    free(*ret);
    *ret = text;
    return true;
}

UNUSED static bool get_name(const struct pb_member *member, const char **ret)
{
    CLEANUP(str_freep) char *text = NULL;

    if (!pb_get_text(member, &text))
        return false;
    set_name(ret, text);
    return true;
}

static struct error *malformed(const char *record, const void *bytes, size_t len,
                               const struct pb_reader *reader)
{
    return error_new(API_SERVER, "stored %s is malformed at byte %zu of %zu", record,
                     (size_t)(reader->at - (const uint8_t *)bytes), len);
}

static void key_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text ? text : "", (text ? strlen(text) : 0) + 1);
}

/* Big-endian with the sign turned: the order of the bytes is that of the numbers. */
UNUSED static void key_add_int(struct buf *buf, int64_t value, int size)
{
    uint64_t bits = (uint64_t)value ^ 1ull << (8 * size - 1);

    while (size-- > 0)
        buf_add_char(buf, (char)(bits >> 8 * size));
}

static void key_start(struct buf *buf, const struct scope *scope, enum record_kind kind)
{
    key_add_text(buf, scope ? scope->account : NULL);
    key_add_text(buf, scope ? scope->region : NULL);
    key_add_text(buf, record_kind_name(kind));
}

const char *record_kind_name(enum record_kind kind)
{
    assert(kind < RECORD_COUNT);
    return record_names[kind];
}

/* The text at `*at` up to its NUL; NULL if there is none before `end`. */
static const char *take_text(const char **at, const char *end)
{
    const char *text = *at;
    const char *nul = memchr(text, '\\0', (size_t)(end - text));

    if (nul)
        *at = nul + 1;
    return nul ? text : NULL;
}

bool record_key_parse(const void *key, size_t len, struct record_key *ret)
{
    const char *at = key;
    const char *end = at + len;
    const char *account = take_text(&at, end);
    const char *region = account ? take_text(&at, end) : NULL;
    const char *name = region ? take_text(&at, end) : NULL;

    for (unsigned i = 0; name && i < RECORD_COUNT; i++)
        if (!strcmp(name, record_names[i])) {
            *ret = (struct record_key){account, region, (enum record_kind)i};
            return true;
        }
    return false;
}
"""


def load(path):
    source = model.load(path)
    prefixes = source.get("prefixes", {})
    enums = {name: EnumType(name, values, prefixes) for name, values in source["enums"].items()}
    records = [Record(name, facts, enums) for name, facts in source["records"].items()]
    names = {record.name for record in records if not record.key}
    for record in records:
        for member in record.members:
            if isinstance(member, List) and member.item not in names:
                raise model.ModelError("%s.%s: no record %s to list" % (record.name, member.name, member.item))
    return source["version"], enums, records


def header(version, enums, records):
    rows = [record for record in records if record.key]
    lines = [HEADER_TOP % {"version": version}]
    lines += ["/* One byte each; the names are the model's. */",
              "#define PACKED __attribute__((packed))"]
    for enum in enums.values():
        lines += enum.header()
    lines += ["#undef PACKED", "", "enum record_kind {"]
    lines += ["    RECORD_%s," % record.name.upper() for record in rows]
    lines += ["    RECORD_COUNT", "};", KEY_HEADER]
    for record in records:
        lines += record.header()
    for record in rows:
        lines.append("DEFINE_FREEP(struct %s, %s_free)" % (record.name, record.name))
    return "\n".join(lines + ["", "#endif"]) + "\n"


def source(enums, records):
    top, rest = SOURCE_TOP.split("UNUSED static void set_name", 1)
    lines = [top + "static const char *const record_names[RECORD_COUNT] = {"]
    lines += ["    [RECORD_%s] = %s," % (record.name.upper(), model.c_string(record.name))
              for record in records if record.key]
    lines += ["};", "", "UNUSED static void set_name" + rest]
    for enum in enums.values():
        lines += enum.source()
    for record in ordered(records):
        lines += record.source()
    return "\n".join(lines + dispatch([record for record in records if record.key]))


def dispatch(rows):
    """record_encode() and the like: one switch each."""
    def switch(head, statement):
        body = ["switch (kind) {"]
        for record in rows:
            body += ["case RECORD_%s:" % record.name.upper(), "    " + statement % {"name": record.name}]
            body.append("    break;")
        return block(head, body + ["case RECORD_COUNT:", "    break;", "}"])

    lines = switch("void record_encode(enum record_kind kind, const void *record, struct buf *buf)",
                   "%(name)s_encode(record, buf);")
    lines += switch("void record_key(enum record_kind kind, const void *record, const struct scope *scope,"
                    " struct buf *buf)", "%(name)s_key(record, scope, buf);")
    lines += switch("void record_free(enum record_kind kind, void *record)", "%(name)s_free(record);")
    body = ["struct error *err;", "", "switch (kind) {"]
    for record in rows:
        body += [
            "case RECORD_%s: {" % record.name.upper(),
            "    %s *%s;" % (record.struct(), record.var),
            "    err = %s_decode(bytes, len, &%s);" % (record.name, record.var),
            "    if (!err)",
            "        *ret = %s;" % record.var,
            "    return err;",
            "}",
        ]
    body += ["case RECORD_COUNT:", "    break;", "}",
             'return error_new(API_SERVER, "no such kind of record");']
    return lines + block("struct error *record_decode(enum record_kind kind, const void *bytes, size_t len,"
                         " void **ret)", body)


def ordered(records):
    """A record behind those it lists."""
    by_name = {record.name: record for record in records}
    done = []

    def visit(record, path):
        if record in path:
            raise model.ModelError("%s lists itself" % record.name)
        if record in done:
            return
        for member in record.members:
            if isinstance(member, List):
                visit(by_name[member.item], path + [record])
        done.append(record)

    for record in records:
        visit(record, [])
    return done


def main(argv):
    path, outdir = argv
    version, enums, records = load(path)
    for name, text in (("records.h", header(version, enums, records)), ("records.c", source(enums, records))):
        with open(os.path.join(outdir, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
