#!/usr/bin/env python3
"""Makes samples.h and samples.c for the tests of the record codec: records with random members.

usage: gen_samples.py TOOLS_DIR MODEL OUTDIR
"""

import os
import sys

sys.path.insert(0, sys.argv[1])

import gen_records  # noqa: E402
import record_members as kinds  # noqa: E402

HEADER = """\
/* Made by gen_samples.py: records with random members. */
#ifndef BERTH_TESTS_STATE_SAMPLES_H
#define BERTH_TESTS_STATE_SAMPLES_H

#include "base/clock.h"
#include "gen/records.h"

/* Every member set if `is_full`, else some; key members always. Free with record_free(). */
void *sample_record(enum record_kind kind, struct rng *rng, bool is_full);
unsigned sample_member_count(enum record_kind kind);
/* Into a new record. */
void *sample_copy(enum record_kind kind, const void *record);

#endif
"""

SOURCE = """\
/* Made by gen_samples.py. */
#include "samples.h"

#include <stdio.h>
#include <stdlib.h>

/* Some text, of a few that repeat; ret is good until the next call. */
static const char *some_text(struct rng *rng)
{
    static char text[64];

    snprintf(text, sizeof(text), "%.*s%d", (int)rng_below(rng, 20), "\\xc3\\xa9t\\xc3\\xa9 of long words",
             (int)rng_below(rng, 50));
    return text;
}

static int64_t some_int(struct rng *rng, bool is_32)
{
    int64_t value = (int64_t)(rng_next(rng) >> rng_below(rng, 64)) | 1; /* all lengths; not zero */

    if (rng_below(rng, 4) == 0)
        value = -value;
    return is_32 ? (int32_t)value | 1 : value;
}

static struct id some_id(struct rng *rng)
{
    return id_new(rng, 1700000000000);
}
"""


def statements(record, member, records):
    """C statements that give the member a random value."""
    setter = "%s_set_%s(%s, " % (record.name, member.field, record.var)
    if isinstance(member, kinds.Name):  # Text too
        return [setter + "some_text(rng));"]
    if isinstance(member, kinds.Id):
        return ["%s = some_id(rng);" % record.at(member)]
    if isinstance(member, kinds.Int32):
        return [setter + "(int32_t)some_int(rng, true));"]
    if isinstance(member, kinds.Int64):
        return [setter + "some_int(rng, false));"]
    if isinstance(member, kinds.Bool):
        return [setter + "true);"]
    if isinstance(member, kinds.Enum):
        enum = member.enums[member.enum]
        return [setter + "(enum %s)(1 + rng_below(rng, %s - 1)));" % (enum.name, enum.count)]
    append = "%s_append_%s(%s" % (record.name, member.name, record.var)
    loop = "for (uint64_t i = 0, n = 1 + rng_below(rng, 3); i < n; i++)"
    if isinstance(member, kinds.Names):
        return [loop, "    " + append + ", some_text(rng));"]
    return [loop, "    fill_%s(%s), rng, is_full);" % (member.item, append)]


def fill(record, records):
    lines = ["static void fill_%s(struct %s *%s, struct rng *rng, bool is_full)"
             % (record.name, record.name, record.var), "{"]
    for member in record.members:
        body = statements(record, member, records)
        if member.name in (record.key or []):
            lines += ["    " + line for line in body]
        else:
            lines += ["    if (is_full || rng_below(rng, 4)) {"]
            lines += ["        " + line for line in body] + ["    }"]
    return "\n".join(lines + ["}", ""])


def switch(head, before, case, rows):
    lines = [head, "{"] + before + ["    switch (kind) {"]
    for record in rows:
        lines += ["    case RECORD_%s: {" % record.name.upper()]
        lines += ["        " + line % {"name": record.name, "count": len(record.members)} for line in case]
        lines += ["    }"]
    return "\n".join(lines + ["    case RECORD_COUNT:", "        break;", "    }", "    return 0;", "}", ""])


def main(argv):
    _, model_path, outdir = argv
    _, _, records = gen_records.load(model_path)
    rows = [record for record in records if record.key]
    parts = [SOURCE] + [fill(record, records) for record in gen_records.ordered(records)]
    parts.append(switch(
        "void *sample_record(enum record_kind kind, struct rng *rng, bool is_full)", [],
        ["struct %(name)s *record = %(name)s_new();", "fill_%(name)s(record, rng, is_full);", "return record;"],
        rows))
    parts.append(switch("unsigned sample_member_count(enum record_kind kind)", [], ["return %(count)d;"], rows))
    parts.append(switch(
        "void *sample_copy(enum record_kind kind, const void *record)", [],
        ["struct %(name)s *copy = %(name)s_new();", "%(name)s_copy(copy, record);", "return copy;"], rows))
    for name, text in (("samples.h", HEADER), ("samples.c", "\n".join(parts))):
        with open(os.path.join(outdir, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
