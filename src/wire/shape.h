/* shape.h - what the generated types of an API have in common: how they are filled, and the tables
 * by which one decoder and one encoder serve them all.
 *
 * gen/NAME_types.h has a struct for every shape of api/NAME.json. Scalars, lists, maps and
 * structures tell absent from empty or zero:
 *   string        const char *x          NULL is absent
 *   enum          enum ecs_y x           0 is absent
 *   number, bool  has_x and x
 *   timestamp     has_x_ms and x_ms      milliseconds since the epoch
 *   list, map     x.is_set, x.count, x.items
 *   structure     struct ecs_y *x        NULL is absent
 *
 * Ownership  What is decoded lives in the arena given; the JSON tree may go before it.
 * Errors     A JSON type that does not fit is API_SERIALIZATION (API-003, API-006); whatever else
 * the model refuses carries the code the shape names, API_INVALID_PARAMETER as a rule (API-029,
 * API-030). The message starts with the path of the member.
 */
#ifndef BERTH_WIRE_SHAPE_H
#define BERTH_WIRE_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct json_t; /* jansson's */

/* Fills a number, boolean or timestamp: SET(out, running_count, 3). */
#define SET(ptr, member, value)                                                                    \
    do {                                                                                           \
        (ptr)->has_##member = true;                                                                \
        (ptr)->member = (value);                                                                   \
    } while (0)

/* Makes a list or map of `n` zeroed items: SET_LIST(arena, &out->tasks, n). */
#define SET_LIST(arena, list, n)                                                                   \
    do {                                                                                           \
        (list)->count = (n);                                                                       \
        (list)->items = arena_alloc((arena), (list)->count * sizeof(*(list)->items));              \
        (list)->is_set = true;                                                                     \
    } while (0)

enum shape_type {
    SHAPE_STRUCTURE,
    SHAPE_LIST,
    SHAPE_MAP,
    SHAPE_STRING,
    SHAPE_ENUM,
    SHAPE_DOCUMENT, /* any JSON, kept as text; a string is its own text */
    SHAPE_INTEGER,  /* 32 bits */
    SHAPE_LONG,     /* 64 bits */
    SHAPE_DOUBLE,
    SHAPE_BOOLEAN,
    SHAPE_TIMESTAMP,    /* a number of seconds, with a fraction */
    SHAPE_TIMESTAMP_MS, /* a whole number of milliseconds */
    SHAPE_TIMESTAMP_ISO /* a string: 2026-11-20T08:30:00.123Z */
};

/* Characters: ASCII as a set of bits, the rest as sorted ranges. */
struct shape_charset {
    uint32_t ascii[4];
    const uint32_t (*ranges)[2];
    size_t range_count;
};

/* One or more characters of a pattern: a set and how often. The sets of neighbours in a pattern
 * have nothing in common, so matching never has to go back. */
struct shape_run {
    const struct shape_charset *set;
    uint32_t min, max;
};

/* What a value must be besides its type. The numbers are bounds of the value for numbers, of the
 * characters for strings, of the items for lists and maps. */
struct shape_rule {
    bool has_min, has_max;
    double min, max;
    const char *pattern; /* as the model has it; NULL: any */
    const struct shape_run *runs;
    size_t run_count;
    /* ECS's own words for a refusal, "%s" is the value; NULL: ours. */
    const char *message, *message_min, *message_max;
};

enum {
    SHAPE_REQUIRED = 1, /* absent is refused */
    SHAPE_ALWAYS = 2,   /* absent is written as 0, false, [] or {} (API-013, API-014) */
};

struct shape;

struct shape_member {
    const char *name; /* on the wire */
    const struct shape *shape;
    uint16_t offset;
    uint16_t has_offset; /* of has_x, for numbers, booleans and timestamps */
    uint8_t flags;
    const struct shape_rule *rule; /* of this member alone; NULL: none */
};

struct shape {
    const char *name;
    enum shape_type type;
    uint32_t size;                      /* of the C type */
    const struct shape_member *members; /* structure: in the order they are written */
    const uint16_t *by_name;            /* indexes of members, sorted by name */
    uint16_t member_count;
    uint16_t value_count;      /* enum: the number of values[], counting absent */
    const char *const *values; /* enum: wire texts; [0] is NULL */
    const struct shape *key;   /* map: a string or enum */
    const struct shape *of;    /* list, map: the item or value */
    uint16_t value_offset;     /* map: of the value in an entry; the key is at 0 */
    uint16_t entry_size;       /* map */
    const struct shape_rule *rule;
    enum api_error refusal; /* the code for what this shape refuses, when it is the outermost */
};

/* Memory that the lists and structures of one message may take. */
#define SHAPE_DECODED_BYTES_MAX (32u * 1024 * 1024)

enum {
    SHAPE_STRICT = 1,  /* refuse unknown members, for tests (API-004) */
    SHAPE_LENIENT = 2, /* an unknown value of an enum is absent: for answers of newer servers */
};

/* Fills the zeroed C value at `ret` (a struct, as a rule) from JSON text. What is not JSON is
 * API_SERIALIZATION, as are members given twice. */
MUST_USE struct error *shape_decode_text(const struct shape *shape, unsigned flags,
                                         struct arena *arena, const char *text, size_t len,
                                         void *ret);
/* The same from a tree, by way of its text. */
MUST_USE struct error *shape_decode(const struct shape *shape, unsigned flags, struct arena *arena,
                                    const struct json_t *json, void *ret);
void shape_encode(const struct shape *shape, struct buf *buf, const void *value);
/* As events have it: times are strings, 2026-11-20T08:30:00.12Z (MS-086, MS-087), and numbers that
 * are absent are not written (MS-076). */
void shape_encode_event(const struct shape *shape, struct buf *buf, const void *value);

/* Messages that say what they are: {"type":NAME,"message":{...}} (AP-211). */
struct shape_message {
    const char *type;
    const struct shape *shape;
};
struct shape_envelope {
    unsigned type;         /* index of the message; 0 if it is not one of them */
    const char *type_name; /* as sent */
    void *message;         /* the C struct; NULL if the type is unknown */
};
/* `messages[0]` stands for what is unknown. A message that is absent reads as {}. */
MUST_USE struct error *shape_decode_envelope(const struct shape_message *messages, size_t count,
                                             struct arena *arena, const char *text, size_t len,
                                             struct shape_envelope *ret);
void shape_encode_envelope(const struct shape_message *message, struct buf *buf, const void *value);

/* For those who need a tree: API_SERIALIZATION for what is not JSON. The caller owns it
 * (json_decref). */
MUST_USE struct error *shape_parse_json(const char *text, size_t len, struct json_t **ret);

/* The text of an enum's value, NULL for absent; and back. */
const char *shape_enum_name(const struct shape *shape, unsigned value);
bool shape_enum_parse(const struct shape *shape, const char *text, unsigned *ret);

#endif
