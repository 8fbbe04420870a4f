/* json_read.h - reading JSON straight out of its text, value by value, without a tree between.
 *
 * Strict: RFC 8259, UTF-8 checked, no NUL in strings, nothing deeper than JSON_READ_DEPTH_MAX.
 * Every function returns false when the text is not that; json_reader.problem then says why, and
 * nothing more is to be read. White space before a value and after it is skipped.
 *
 *     if (!json_read_begin(&reader, '{'))
 *         return broken(&reader);
 *     while (json_read_member(&reader, arena, &name, &name_len)) {
 *         ... read or skip one value
 *     }
 *     if (reader.problem)
 *         return broken(&reader);
 */
#ifndef BERTH_WIRE_JSON_READ_H
#define BERTH_WIRE_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define JSON_READ_DEPTH_MAX 64

struct json_reader {
    const char *start, *at, *end;
    unsigned depth;
    bool is_first;       /* the next member or item is the first of its object or list */
    const char *problem; /* NULL: none so far */
};

enum json_kind {
    JSON_KIND_NONE, /* the text ends, or what comes is no value */
    JSON_KIND_OBJECT,
    JSON_KIND_LIST,
    JSON_KIND_STRING,
    JSON_KIND_NUMBER,
    JSON_KIND_BOOLEAN,
    JSON_KIND_NULL,
};

struct json_number {
    bool is_whole; /* written without fraction and exponent, and fits `whole` */
    int64_t whole;
    double real;
};

struct json_reader json_reader_of(const char *text, size_t len);
enum json_kind
json_read_kind(struct json_reader *reader); /* of the next value; does not consume it */

bool json_read_begin(struct json_reader *reader, char open); /* '{' or '[' */
/* The next member's name, up to its value; false at the end of the object (and on a problem). The
 * name lies in the text, without a NUL behind it, or in the arena if it has escapes. */
bool json_read_member(struct json_reader *reader, struct arena *arena, const char **ret_name,
                      size_t *ret_len);
/* True if another item follows; false at the end of the list (and on a problem). */
bool json_read_item(struct json_reader *reader);
/* The number of items of the list that was begun, by looking ahead. Behind it the list is still to
 * be read. */
bool json_read_count_items(struct json_reader *reader, size_t *ret);

/* The string with a NUL behind it, in the arena; `*ret_len` is its length in bytes. */
bool json_read_string(struct json_reader *reader, struct arena *arena, char **ret, size_t *ret_len);
bool json_read_number(struct json_reader *reader, struct json_number *ret);
bool json_read_boolean(struct json_reader *reader, bool *ret);
/* Any value; it is checked. Where it stands in the text, if that is asked for. */
bool json_read_skip(struct json_reader *reader, const char **ret_text, size_t *ret_len);
/* Nothing but white space is left. */
bool json_read_end(struct json_reader *reader);

#endif
