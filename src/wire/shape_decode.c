#include "wire/shape.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "wire/json_read.h"
#include "wire/shape_check.h"
#include "wire/shape_layout.h"

struct decoder {
    struct json_reader reader;
    struct arena *arena;
    enum api_error refusal;
    bool is_strict, is_lenient;
    size_t bytes_left;
};

/* The text is not JSON. */
static struct error *broken(const struct decoder *decoder)
{
    return error_new(API_SERIALIZATION, "The request is not JSON: %s at byte %zu.",
                     decoder->reader.problem,
                     (size_t)(decoder->reader.at - decoder->reader.start) + 1);
}

/* The next value has another type than the model says. */
static struct error *wrong_type(struct decoder *decoder, const struct shape_place *place,
                                const char *wanted)
{
    static const char *const names[] = {
        [JSON_KIND_NONE] = "no value",   [JSON_KIND_OBJECT] = "an object",
        [JSON_KIND_LIST] = "a list",     [JSON_KIND_STRING] = "a string",
        [JSON_KIND_NUMBER] = "a number", [JSON_KIND_BOOLEAN] = "a boolean",
        [JSON_KIND_NULL] = "null",
    };
    enum json_kind kind = json_read_kind(&decoder->reader);

    if (kind == JSON_KIND_NONE) {
        decoder->reader.problem = "a value is expected";
        return broken(decoder);
    }
    return shape_refuse(API_SERIALIZATION, place, "must be %s, but is %s.", wanted, names[kind]);
}

static struct error *take(struct decoder *decoder, size_t size, void **ret)
{
    if (size > decoder->bytes_left)
        return error_new(API_REQUEST_ENTITY_TOO_LARGE,
                         "The request has more in it than %u MiB of memory can hold.",
                         SHAPE_DECODED_BYTES_MAX / (1024 * 1024));
    decoder->bytes_left -= size;
    *ret = arena_alloc(decoder->arena, size);
    return NULL;
}

/* --- scalars -----------------------------------------------------------------------------------
 */

static struct error *decode_value(struct decoder *decoder, const struct shape *shape,
                                  const struct shape_rule *rule, const struct shape_place *place,
                                  void *ret);

/* Strings are not counted against the memory of a message: they take no more than its text. */
static struct error *read_string(struct decoder *decoder, const struct shape_place *place,
                                 char **ret, size_t *ret_len)
{
    if (json_read_kind(&decoder->reader) != JSON_KIND_STRING)
        return wrong_type(decoder, place, "a string");
    return json_read_string(&decoder->reader, decoder->arena, ret, ret_len) ? NULL
                                                                            : broken(decoder);
}

static struct error *read_number(struct decoder *decoder, const struct shape_place *place,
                                 const char *wanted, struct json_number *ret)
{
    if (json_read_kind(&decoder->reader) != JSON_KIND_NUMBER)
        return wrong_type(decoder, place, wanted);
    return json_read_number(&decoder->reader, ret) ? NULL : broken(decoder);
}

static struct error *unknown_value(struct decoder *decoder, const struct shape *shape,
                                   const struct shape_place *place, const char *text)
{
    CLEANUP(buf_done) struct buf known = {0};

    for (unsigned i = 1; i < shape->value_count; i++)
        buf_printf(&known, "%s%s", i > 1 ? ", " : "", shape->values[i]);
    return shape_refuse(decoder->refusal, place, "must be one of [%s], but is '%s'.", known.data,
                        text);
}

static struct error *decode_enum(struct decoder *decoder, const struct shape *shape,
                                 const struct shape_rule *rule, const struct shape_place *place,
                                 void *ret)
{
    unsigned value = 0;
    size_t len = 0;
    char *text = NULL;

    TRY(read_string(decoder, place, &text, &len));
    if (!shape_enum_parse(shape, text, &value) && !decoder->is_lenient)
        return rule && rule->message ? shape_own_words(decoder->refusal, rule->message, text)
                                     : unknown_value(decoder, shape, place, text);
    memcpy(ret, &value, sizeof(value));
    return NULL;
}

static struct error *decode_string(struct decoder *decoder, const struct shape *shape,
                                   const struct shape_rule *rule, const struct shape_place *place,
                                   void *ret)
{
    size_t len = 0;
    char *text = NULL;

    TRY(read_string(decoder, place, &text, &len));
    TRY(shape_check_string(decoder->refusal, rule, place, text));
    TRY(shape_check_string(decoder->refusal, shape->rule, place, text));
    memcpy(ret, &text, sizeof(text));
    return NULL;
}

static struct error *decode_document(struct decoder *decoder, const struct shape_place *place,
                                     void *ret)
{
    const char *text;
    size_t len = 0;
    char *copy = NULL;

    if (json_read_kind(&decoder->reader) == JSON_KIND_STRING) {
        TRY(read_string(decoder, place, &copy, &len));
    } else {
        if (!json_read_skip(&decoder->reader, &text, &len))
            return broken(decoder);
        copy = arena_dup_n(decoder->arena, text, len);
    }
    memcpy(ret, &copy, sizeof(copy));
    return NULL;
}

/* A number without a fraction in [min, max]; 1e3 and 5.0 are such numbers (API-006). */
static struct error *whole_number(struct decoder *decoder, const struct shape_place *place,
                                  int64_t min, int64_t max, int64_t *ret)
{
    struct json_number number = {0};

    TRY(read_number(decoder, place, "a whole number", &number));
    if (!number.is_whole) {
        if (number.real != floor(number.real))
            return shape_refuse(API_SERIALIZATION, place, "must be a whole number, but is %.15g.",
                                number.real);
        if (fabs(number.real) <= 9007199254740992.0) {
            number.is_whole = true;
            number.whole = (int64_t)number.real;
        }
    }
    if (!number.is_whole || number.whole < min || number.whole > max)
        return shape_refuse(API_SERIALIZATION, place,
                            "must be a whole number of %d bits, but is %.20g.",
                            max > INT32_MAX ? 64 : 32, number.real);
    *ret = number.whole;
    return NULL;
}

static struct error *decode_double(struct decoder *decoder, const struct shape_place *place,
                                   double *ret)
{
    struct json_number number = {0};

    TRY(read_number(decoder, place, "a number", &number));
    if (!isfinite(number.real))
        return shape_refuse(API_SERIALIZATION, place, "must be a number that fits 64 bits.");
    *ret = number.real;
    return NULL;
}

/* Seconds since the epoch, as far as a double tells milliseconds apart (API-007). */
#define TIMESTAMP_SECONDS_MAX 253402300799.0 /* the end of the year 9999 */

static struct error *decode_timestamp(struct decoder *decoder, const struct shape_place *place,
                                      int64_t *ret)
{
    struct json_number number = {0};

    TRY(read_number(decoder, place, "a number of seconds since 1970", &number));
    if (!(fabs(number.real) <= TIMESTAMP_SECONDS_MAX))
        return shape_refuse(API_SERIALIZATION, place, "must be a time in seconds, but is %.15g.",
                            number.real);
    *ret = llround(number.real * 1000.0);
    return NULL;
}

static struct error *decode_timestamp_iso(struct decoder *decoder, const struct shape_place *place,
                                          int64_t *ret)
{
    const char *rest;
    char *text = NULL;
    size_t len = 0;
    struct tm tm = {0};
    int64_t ms = 0, offset_s = 0;

    TRY(read_string(decoder, place, &text, &len));
    rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest && *rest == '.') {
        int64_t unit = 100;

        for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
            ms += unit * (*rest - '0');
    }
    if (rest && (*rest == '+' || *rest == '-')) {
        unsigned hours, minutes;

        if (sscanf(rest + 1, "%2u:%2u", &hours, &minutes) == 2 && strlen(rest) == 6) {
            offset_s = (int64_t)(hours * 3600 + minutes * 60) * (*rest == '-' ? -1 : 1);
            rest = "";
        }
    } else if (rest && !strcmp(rest, "Z")) {
        rest = "";
    } else {
        rest = NULL;
    }
    if (!rest || *rest)
        return shape_refuse(API_SERIALIZATION, place, "must be a time like 2026-11-20T08:30:00Z.");
    *ret = ((int64_t)timegm(&tm) - offset_s) * 1000 + ms;
    return NULL;
}

/* --- what holds others -------------------------------------------------------------------------
 */

static struct error *decode_list(struct decoder *decoder, const struct shape *shape,
                                 const struct shape_rule *rule, const struct shape_place *place,
                                 struct any_list *list)
{
    struct json_reader *reader = &decoder->reader;
    size_t stride = item_stride(shape);
    struct shape_place here = {.up = place};
    size_t count;
    char *item;

    if (json_read_kind(reader) != JSON_KIND_LIST)
        return wrong_type(decoder, place, "a list");
    if (!json_read_begin(reader, '[') || !json_read_count_items(reader, &count))
        return broken(decoder);
    TRY(shape_check_bounds(decoder->refusal, rule, place, &shape_of_list, (double)count, NULL));
    TRY(shape_check_bounds(decoder->refusal, shape->rule, place, &shape_of_list, (double)count,
                           NULL));
    TRY(take(decoder, count * stride, &list->items));
    list->is_set = true;
    list->count = count;
    for (item = list->items; json_read_item(reader); item += stride, here.index++) {
        if (json_read_kind(reader) == JSON_KIND_NULL)
            return shape_refuse(decoder->refusal, &here, "must not be null.");
        TRY(decode_value(decoder, shape->of, NULL, &here, item));
    }
    return reader->problem ? broken(decoder) : NULL;
}

static int key_cmp(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

/* The key that stands in a map twice, NULL if none does. */
static const char *find_twice(const struct any_list *map, size_t stride)
{
    const char **keys = xmalloc((map->count + 1) * sizeof(*keys));
    const char *twice = NULL;

    for (size_t i = 0; i < map->count; i++)
        memcpy(&keys[i], (const char *)map->items + i * stride, sizeof(keys[i]));
    qsort(keys, map->count, sizeof(*keys), key_cmp);
    for (size_t i = 1; i < map->count && !twice; i++)
        if (!strcmp(keys[i - 1], keys[i]))
            twice = keys[i];
    free(keys);
    return twice;
}

static struct error *decode_map(struct decoder *decoder, const struct shape *shape,
                                const struct shape_rule *rule, const struct shape_place *place,
                                struct any_list *map)
{
    struct json_reader *reader = &decoder->reader;
    size_t stride = item_stride(shape), count = 0, len;
    struct json_reader ahead;
    const char *name, *twice;
    char *entry;

    if (json_read_kind(reader) != JSON_KIND_OBJECT)
        return wrong_type(decoder, place, "an object");
    if (!json_read_begin(reader, '{'))
        return broken(decoder);
    for (ahead = *reader; json_read_member(&ahead, decoder->arena, &name, &len); count++)
        if (!json_read_skip(&ahead, NULL, NULL))
            break;
    TRY(shape_check_bounds(decoder->refusal, rule, place, &shape_of_list, (double)count, NULL));
    TRY(shape_check_bounds(decoder->refusal, shape->rule, place, &shape_of_list, (double)count,
                           NULL));
    TRY(take(decoder, count * stride, &map->items));
    map->is_set = true;
    entry = map->items;
    while (json_read_member(reader, decoder->arena, &name, &len)) {
        struct shape_place here = {.up = place, .name = name, .len = len};
        char *key = arena_dup_n(decoder->arena, name, len);

        if (json_read_kind(reader) == JSON_KIND_NULL) { /* null is absent (API-004) */
            if (!json_read_skip(reader, NULL, NULL))
                break;
            continue;
        }
        TRY(shape_check_string(decoder->refusal, shape->key->rule, &here, key));
        memcpy(entry, &key, sizeof(key));
        TRY(decode_value(decoder, shape->of, NULL, &here, entry + shape->value_offset));
        entry += stride;
        map->count++;
    }
    if (reader->problem)
        return broken(decoder);
    twice = find_twice(map, stride);
    return twice ? shape_refuse(API_SERIALIZATION, place, "has '%s' twice.", twice) : NULL;
}

static int name_cmp(const char *name, size_t len, const char *other)
{
    int order = strncmp(name, other, len);

    return order ? order : -(other[len] != 0);
}

/* The index of a member, -1 if there is none of that name. */
static int find_member(const struct shape *shape, const char *name, size_t len)
{
    size_t low = 0, high = shape->member_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = name_cmp(name, len, shape->members[shape->by_name[mid]].name);

        if (!order)
            return shape->by_name[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return -1;
}

static struct error *decode_member(struct decoder *decoder, const struct shape_member *member,
                                   const struct shape_place *place, char *base)
{
    char *at = base + member->offset;
    void *inner = NULL;

    if (member->shape->type == SHAPE_STRUCTURE) {
        TRY(take(decoder, member->shape->size, &inner));
        TRY(decode_value(decoder, member->shape, NULL, place, inner));
        memcpy(at, &inner, sizeof(inner));
        return NULL;
    }
    TRY(decode_value(decoder, member->shape, member->rule, place, at));
    if (member->shape->type >= SHAPE_INTEGER)
        *(bool *)(base + member->has_offset) = true;
    return NULL;
}

static struct error *decode_structure(struct decoder *decoder, const struct shape *shape,
                                      const struct shape_place *place, char *base)
{
    struct json_reader *reader = &decoder->reader;
    uint64_t seen = 0; /* the generator sees to it that 64 bits are enough */
    const char *name;
    size_t len;

    if (json_read_kind(reader) != JSON_KIND_OBJECT)
        return wrong_type(decoder, place, "an object");
    if (!json_read_begin(reader, '{'))
        return broken(decoder);
    while (json_read_member(reader, decoder->arena, &name, &len)) {
        struct shape_place here = {.up = place, .name = name, .len = len};
        int index = find_member(shape, name, len);

        if (index < 0 && decoder->is_strict)
            return shape_refuse(API_SERIALIZATION, &here, "is not a member of %s.", shape->name);
        if (index >= 0) {
            if (seen >> index & 1)
                return shape_refuse(API_SERIALIZATION, &here, "is given twice.");
            seen |= (uint64_t)1 << index;
        }
        if (index < 0 || json_read_kind(reader) == JSON_KIND_NULL) { /* absent (API-004) */
            if (!json_read_skip(reader, NULL, NULL))
                break;
            continue;
        }
        TRY(decode_member(decoder, &shape->members[index], &here, base));
    }
    if (reader->problem)
        return broken(decoder);
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct shape_member *member = &shape->members[i];
        struct shape_place here = {.up = place, .name = member->name, .len = strlen(member->name)};

        if ((member->flags & SHAPE_REQUIRED) && !is_present(member, base))
            return shape_refuse(decoder->refusal, &here, "is required.");
    }
    return NULL;
}

static struct error *decode_value(struct decoder *decoder, const struct shape *shape,
                                  const struct shape_rule *rule, const struct shape_place *place,
                                  void *ret)
{
    int64_t whole = 0;
    double real = 0;

    switch (shape->type) {
    case SHAPE_STRUCTURE:
        return decode_structure(decoder, shape, place, ret);
    case SHAPE_LIST:
        return decode_list(decoder, shape, rule, place, ret);
    case SHAPE_MAP:
        return decode_map(decoder, shape, rule, place, ret);
    case SHAPE_STRING:
        return decode_string(decoder, shape, rule, place, ret);
    case SHAPE_ENUM:
        return decode_enum(decoder, shape, rule, place, ret);
    case SHAPE_DOCUMENT:
        return decode_document(decoder, place, ret);
    case SHAPE_INTEGER:
        TRY(whole_number(decoder, place, INT32_MIN, INT32_MAX, &whole));
        TRY(shape_check_bounds(decoder->refusal, rule, place, &shape_of_value, (double)whole,
                               NULL));
        TRY(shape_check_bounds(decoder->refusal, shape->rule, place, &shape_of_value, (double)whole,
                               NULL));
        *(int32_t *)ret = (int32_t)whole;
        return NULL;
    case SHAPE_LONG:
    case SHAPE_TIMESTAMP_MS:
        TRY(whole_number(decoder, place, INT64_MIN, INT64_MAX, &whole));
        TRY(shape_check_bounds(decoder->refusal, rule, place, &shape_of_value, (double)whole,
                               NULL));
        TRY(shape_check_bounds(decoder->refusal, shape->rule, place, &shape_of_value, (double)whole,
                               NULL));
        *(int64_t *)ret = whole;
        return NULL;
    case SHAPE_DOUBLE:
        TRY(decode_double(decoder, place, &real));
        TRY(shape_check_bounds(decoder->refusal, rule, place, &shape_of_value, real, NULL));
        TRY(shape_check_bounds(decoder->refusal, shape->rule, place, &shape_of_value, real, NULL));
        *(double *)ret = real;
        return NULL;
    case SHAPE_BOOLEAN:
        if (json_read_kind(&decoder->reader) != JSON_KIND_BOOLEAN)
            return wrong_type(decoder, place, "true or false");
        return json_read_boolean(&decoder->reader, ret) ? NULL : broken(decoder);
    case SHAPE_TIMESTAMP:
        return decode_timestamp(decoder, place, ret);
    case SHAPE_TIMESTAMP_ISO:
        return decode_timestamp_iso(decoder, place, ret);
    }
    return NULL;
}

/* --- messages ----------------------------------------------------------------------------------
 */

struct error *shape_decode_text(const struct shape *shape, unsigned flags, struct arena *arena,
                                const char *text, size_t len, void *ret)
{
    struct decoder decoder = {
        .reader = json_reader_of(text, len),
        .arena = arena,
        .refusal = shape->refusal,
        .is_strict = flags & SHAPE_STRICT,
        .is_lenient = flags & SHAPE_LENIENT,
        .bytes_left = SHAPE_DECODED_BYTES_MAX,
    };

    TRY(decode_value(&decoder, shape, NULL, NULL, ret));
    return json_read_end(&decoder.reader) ? NULL : broken(&decoder);
}

/* An envelope as it is read: its type first, as everybody writes it, or its message. */
struct opening {
    const struct shape_message *messages;
    size_t count;
    struct shape_envelope found;
    const char *text; /* the message, when it came before the type; "{}" if it never came */
    size_t len;
};

static struct error *read_type(struct decoder *decoder, struct opening *opening)
{
    size_t len = 0;
    char *type = NULL;

    TRY(read_string(decoder, NULL, &type, &len));
    opening->found.type_name = type;
    for (size_t i = 1; i < opening->count; i++)
        if (str_eq(opening->messages[i].type, type)) {
            opening->found.type = (unsigned)i;
            decoder->refusal = opening->messages[i].shape->refusal;
        }
    return NULL;
}

static struct error *read_message(struct decoder *decoder, struct opening *opening)
{
    const struct shape *shape = opening->messages[opening->found.type].shape;

    if (!shape || opening->found.message) {
        json_read_skip(&decoder->reader, &opening->text, &opening->len);
        return NULL;
    }
    opening->found.message = arena_alloc(decoder->arena, shape->size);
    return decode_value(decoder, shape, NULL, NULL, opening->found.message);
}

static struct error *read_envelope(struct decoder *decoder, struct opening *opening)
{
    struct json_reader *reader = &decoder->reader;
    const char *name;
    size_t len;

    if (json_read_kind(reader) != JSON_KIND_OBJECT)
        return wrong_type(decoder, NULL, "an object");
    if (!json_read_begin(reader, '{'))
        return broken(decoder);
    while (json_read_member(reader, decoder->arena, &name, &len)) {
        bool is_null = json_read_kind(reader) == JSON_KIND_NULL;

        if (!name_cmp(name, len, "type") && !is_null && !opening->found.type_name)
            TRY(read_type(decoder, opening));
        else if (!name_cmp(name, len, "message") && !is_null)
            TRY(read_message(decoder, opening));
        else
            json_read_skip(reader, NULL, NULL);
    }
    return reader->problem || !json_read_end(reader) ? broken(decoder) : NULL;
}

struct error *shape_decode_envelope(const struct shape_message *messages, size_t count,
                                    struct arena *arena, const char *text, size_t len,
                                    struct shape_envelope *ret)
{
    struct decoder decoder = {
        .reader = json_reader_of(text, len), .arena = arena, .bytes_left = SHAPE_DECODED_BYTES_MAX};
    struct opening opening = {.messages = messages, .count = count, .text = "{}", .len = 2};
    const struct shape *shape;
    struct error *err = read_envelope(&decoder, &opening);

    if (!err && !opening.found.type_name)
        return error_new(API_SERIALIZATION, "The message does not say its type.");
    shape = messages[opening.found.type].shape;
    if (!err && shape && !opening.found.message) {
        opening.found.message = arena_alloc(arena, shape->size);
        err = shape_decode_text(shape, 0, arena, opening.text, opening.len, opening.found.message);
    }
    if (err)
        return opening.found.type ? error_wrap(err, "%s", opening.found.type_name) : err;
    *ret = opening.found;
    return NULL;
}
