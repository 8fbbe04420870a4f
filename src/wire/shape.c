#include "wire/shape.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/json_text.h"

/* Where a value stands in the message, linked from the inside out; only a refusal reads it. */
struct place {
    const struct place *up;
    const char *name; /* NULL: an item */
    size_t index;
};

struct decoder {
    struct arena *arena;
    enum api_error refusal;
    bool is_strict;
    size_t bytes_left;
};

/* A generated list or map, whatever its items. */
struct any_list {
    bool is_set;
    size_t count;
    void *items;
};

static void place_print(struct buf *buf, const struct place *place)
{
    if (place->up)
        place_print(buf, place->up);
    if (!place->name)
        buf_printf(buf, "[%zu]", place->index);
    else
        buf_printf(buf, "%s%s", buf->len ? "." : "", place->name);
}

/* "MEMBER must ...", for the path of `place`. */
static struct error *refuse(enum api_error code, const struct place *place, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static struct error *refuse(enum api_error code, const struct place *place, const char *fmt, ...)
{
    CLEANUP(buf_done) struct buf path = {0};
    CLEANUP(str_freep) char *rest = NULL;
    va_list ap;

    if (place)
        place_print(&path, place);
    va_start(ap, fmt);
    rest = str_vprintf(fmt, ap);
    va_end(ap);
    return error_new(code, "%s %s", path.len ? path.data : "The request", rest);
}

static const char *json_type_name(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

static struct error *wrong_type(const struct place *place, const char *wanted, const json_t *json)
{
    return refuse(API_SERIALIZATION, place, "must be %s, but is %s.", wanted, json_type_name(json));
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

/* --- rules ------------------------------------------------------------------------------------- */

/* The next character of well-formed UTF-8; jansson let nothing else through. */
static uint32_t next_char(const unsigned char **s)
{
    const unsigned char *p = *s;
    uint32_t c = *p;

    if (c < 0x80) {
        *s = p + 1;
        return c;
    }
    if (c < 0xe0) {
        *s = p + 2;
        return (c & 0x1fu) << 6 | (p[1] & 0x3fu);
    }
    if (c < 0xf0) {
        *s = p + 3;
        return (c & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    }
    *s = p + 4;
    return (c & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
}

static bool charset_has(const struct shape_charset *set, uint32_t c)
{
    size_t low = 0, high = set->range_count;

    if (c < 128)
        return set->ascii[c / 32] >> (c % 32) & 1;
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (c < set->ranges[mid][0])
            high = mid;
        else if (c > set->ranges[mid][1])
            low = mid + 1;
        else
            return true;
    }
    return false;
}

static bool rule_matches(const struct shape_rule *rule, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    for (size_t i = 0; i < rule->run_count; i++) {
        const struct shape_run *run = &rule->runs[i];
        uint32_t count = 0;

        while (*p && count < run->max) {
            const unsigned char *next = p;

            if (!charset_has(run->set, next_char(&next)))
                break;
            p = next;
            count++;
        }
        if (count < run->min)
            return false;
    }
    return *p == 0;
}

static size_t char_count(const char *s)
{
    size_t count = 0;

    for (; *s; s++)
        count += ((unsigned char)*s & 0xc0) != 0x80;
    return count;
}

static bool is_outside(const struct shape_rule *rule, double value)
{
    return (rule->has_min && value < rule->min) || (rule->has_max && value > rule->max);
}

/* A refusal in ECS's words, which may have a hole for the value. */
static struct error *own_words(struct decoder *decoder, const char *message, const char *value)
{
    const char *hole = strstr(message, "%s");

    if (!hole)
        return error_new(decoder->refusal, "%s", message);
    return error_new(decoder->refusal, "%.*s%s%s", (int)(hole - message), message, value, hole + 2);
}

/* What is measured, for "must VERB at least 1 UNIT, but IS 0". */
struct measure {
    const char *verb, *unit, *is;
};
static const struct measure of_value = {"be", "", "is"};
static const struct measure of_text = {"have", " characters", "has"};
static const struct measure of_list = {"have", " items", "has"};

/* `text` is the value as ECS's own words may want it; NULL: the number itself. */
static struct error *check_bounds(struct decoder *decoder, const struct shape_rule *rule,
                                  const struct place *place, const struct measure *measure,
                                  double value, const char *text)
{
    const char *message;
    char number[32];

    if (!rule || !is_outside(rule, value))
        return NULL;
    message = rule->has_min && value < rule->min ? rule->message_min : rule->message_max;
    if (!message)
        message = rule->message;
    if (message) {
        snprintf(number, sizeof(number), "%.15g", value);
        return own_words(decoder, message, text ? text : number);
    }
    if (rule->has_min && rule->has_max && rule->min == rule->max)
        return refuse(decoder->refusal, place, "must %s %.15g%s, but %s %.15g.", measure->verb,
                      rule->min, measure->unit, measure->is, value);
    if (rule->has_min && rule->has_max)
        return refuse(decoder->refusal, place, "must %s between %.15g and %.15g%s, but %s %.15g.",
                      measure->verb, rule->min, rule->max, measure->unit, measure->is, value);
    return refuse(decoder->refusal, place, "must %s at %s %.15g%s, but %s %.15g.", measure->verb,
                  rule->has_min ? "least" : "most", rule->has_min ? rule->min : rule->max,
                  measure->unit, measure->is, value);
}

static struct error *check_string(struct decoder *decoder, const struct shape_rule *rule,
                                  const struct place *place, const char *text)
{
    if (!rule)
        return NULL;
    if (rule->has_min || rule->has_max)
        TRY(check_bounds(decoder, rule, place, &of_text, (double)char_count(text), text));
    if (!rule->run_count || rule_matches(rule, text))
        return NULL;
    if (rule->message)
        return own_words(decoder, rule->message, text);
    return refuse(decoder->refusal, place, "must match %s, but is %s.", rule->pattern,
                  *text ? text : "empty");
}

/* --- decoding ---------------------------------------------------------------------------------- */

static struct error *decode_value(struct decoder *decoder, const struct shape *shape,
                                  const struct shape_rule *rule, unsigned flags,
                                  const struct place *place, const json_t *json, void *ret);

static bool enum_find(const struct shape *shape, const char *text, unsigned *ret)
{
    for (unsigned i = 1; i < shape->value_count; i++)
        if (shape->values[i][0] == text[0] && !strcmp(shape->values[i], text)) {
            *ret = i;
            return true;
        }
    return false;
}

static struct error *unknown_value(struct decoder *decoder, const struct shape *shape,
                                   const struct place *place, const char *text)
{
    CLEANUP(buf_done) struct buf known = {0};

    for (unsigned i = 1; i < shape->value_count; i++)
        buf_printf(&known, "%s%s", i > 1 ? ", " : "", shape->values[i]);
    return refuse(decoder->refusal, place, "must be one of [%s], but is '%s'.", known.data, text);
}

static struct error *decode_enum(struct decoder *decoder, const struct shape *shape, unsigned flags,
                                 const struct place *place, const json_t *json, void *ret)
{
    unsigned value = 0;

    if (!json_is_string(json))
        return wrong_type(place, "a string", json);
    if (!enum_find(shape, json_string_value(json), &value) && !(flags & SHAPE_LENIENT))
        return unknown_value(decoder, shape, place, json_string_value(json));
    memcpy(ret, &value, sizeof(value));
    return NULL;
}

static struct error *decode_string(struct decoder *decoder, const struct shape_rule *shape_rule,
                                   const struct shape_rule *rule, const struct place *place,
                                   const json_t *json, void *ret)
{
    const char *text = json_string_value(json);
    void *copy = NULL;
    size_t size;

    if (!text)
        return wrong_type(place, "a string", json);
    TRY(check_string(decoder, rule, place, text));
    TRY(check_string(decoder, shape_rule, place, text));
    size = json_string_length(json) + 1;
    TRY(take(decoder, size, &copy));
    memcpy(copy, text, size);
    memcpy(ret, &copy, sizeof(copy));
    return NULL;
}

static struct error *decode_document(struct decoder *decoder, const struct shape_rule *rule,
                                     const struct place *place, const json_t *json, void *ret)
{
    struct error *err;
    void *copy = NULL;
    char *text;

    if (json_is_string(json))
        return decode_string(decoder, NULL, rule, place, json, ret);
    text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    err = take(decoder, strlen(text) + 1, &copy);
    if (!err) {
        memcpy(copy, text, strlen(text) + 1);
        memcpy(ret, &copy, sizeof(copy));
    }
    free(text);
    return err;
}

/* A number without a fraction in [min, max]; 1e3 and 5.0 are such numbers (API-006). */
static struct error *whole_number(const struct place *place, const json_t *json, int64_t min,
                                  int64_t max, int64_t *ret)
{
    int64_t value;

    if (json_is_integer(json)) {
        value = json_integer_value(json);
    } else if (json_is_real(json)) {
        double real = json_real_value(json);

        if (real != floor(real) || fabs(real) > 9007199254740992.0)
            return refuse(API_SERIALIZATION, place, "must be a whole number, but is %.15g.", real);
        value = (int64_t)real;
    } else {
        return wrong_type(place, "a whole number", json);
    }
    if (value < min || value > max)
        return refuse(API_SERIALIZATION, place,
                      "must be a whole number of %d bits, but is %" PRId64 ".",
                      max > INT32_MAX ? 64 : 32, value);
    *ret = value;
    return NULL;
}

/* Seconds since the epoch, as far as a double tells milliseconds apart (API-007). */
#define TIMESTAMP_SECONDS_MAX 253402300799.0 /* the end of the year 9999 */

static struct error *decode_timestamp(const struct place *place, const json_t *json, int64_t *ret)
{
    double seconds;

    if (!json_is_number(json))
        return wrong_type(place, "a number of seconds since 1970", json);
    seconds = json_number_value(json);
    if (!(fabs(seconds) <= TIMESTAMP_SECONDS_MAX))
        return refuse(API_SERIALIZATION, place, "must be a time in seconds, but is %.15g.", seconds);
    *ret = llround(seconds * 1000.0);
    return NULL;
}

static struct error *decode_timestamp_iso(const struct place *place, const json_t *json,
                                          int64_t *ret)
{
    const char *text = json_string_value(json), *rest;
    struct tm tm = {0};
    int64_t ms = 0, offset_s = 0;

    if (!text)
        return wrong_type(place, "a string with a time", json);
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
        return refuse(API_SERIALIZATION, place, "must be a time like 2026-11-20T08:30:00Z.");
    *ret = ((int64_t)timegm(&tm) - offset_s) * 1000 + ms;
    return NULL;
}

static size_t item_stride(const struct shape *shape)
{
    return shape->type == SHAPE_LIST ? shape->of->size : shape->entry_size;
}

static struct error *decode_list(struct decoder *decoder, const struct shape *shape,
                                 const struct shape_rule *rule, unsigned flags,
                                 const struct place *place, const json_t *json,
                                 struct any_list *list)
{
    size_t stride = item_stride(shape);
    size_t count = json_array_size(json);
    char *item;

    if (!json_is_array(json))
        return wrong_type(place, "a list", json);
    TRY(check_bounds(decoder, rule, place, &of_list, (double)count, NULL));
    TRY(check_bounds(decoder, shape->rule, place, &of_list, (double)count, NULL));
    TRY(take(decoder, count * stride, &list->items));
    list->is_set = true;
    list->count = count;
    item = list->items;
    for (size_t i = 0; i < count; i++, item += stride) {
        struct place here = {place, NULL, i};
        const json_t *value = json_array_get(json, i);

        if (json_is_null(value))
            return refuse(decoder->refusal, &here, "must not be null.");
        TRY(decode_value(decoder, shape->of, NULL, flags, &here, value, item));
    }
    return NULL;
}

static struct error *decode_map(struct decoder *decoder, const struct shape *shape,
                                const struct shape_rule *rule, unsigned flags,
                                const struct place *place, const json_t *json, struct any_list *map)
{
    size_t stride = item_stride(shape);
    size_t count = json_object_size(json);
    const char *name;
    json_t *value;
    char *entry;

    if (!json_is_object(json))
        return wrong_type(place, "an object", json);
    TRY(check_bounds(decoder, rule, place, &of_list, (double)count, NULL));
    TRY(check_bounds(decoder, shape->rule, place, &of_list, (double)count, NULL));
    TRY(take(decoder, count * stride, &map->items));
    map->is_set = true;
    entry = map->items;
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        struct place here = {place, name, 0};

        if (json_is_null(value))
            continue; /* null is absent (API-004) */
        if (shape->key->type == SHAPE_ENUM) {
            unsigned key = 0;

            if (!enum_find(shape->key, name, &key)) {
                if (flags & SHAPE_LENIENT)
                    continue;
                return unknown_value(decoder, shape->key, &here, name);
            }
            memcpy(entry, &key, sizeof(key));
        } else {
            size_t size = strlen(name) + 1;
            void *key = NULL;

            TRY(check_string(decoder, shape->key->rule, &here, name));
            TRY(take(decoder, size, &key));
            memcpy(key, name, size);
            memcpy(entry, &key, sizeof(key));
        }
        TRY(decode_value(decoder, shape->of, NULL, flags, &here, value,
                         entry + shape->value_offset));
        entry += stride;
        map->count++;
    }
    return NULL;
}

static const struct shape_member *find_member(const struct shape *shape, const char *name)
{
    size_t low = 0, high = shape->member_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct shape_member *member = &shape->members[shape->by_name[mid]];
        int order = strcmp(name, member->name);

        if (!order)
            return member;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

/* Whether a member of a C struct has a value. */
static bool is_present(const struct shape_member *member, const char *base)
{
    const char *at = base + member->offset;
    const void *ptr;
    unsigned value;

    switch (member->shape->type) {
    case SHAPE_STRUCTURE:
    case SHAPE_STRING:
    case SHAPE_DOCUMENT:
        memcpy(&ptr, at, sizeof(ptr));
        return ptr != NULL;
    case SHAPE_LIST:
    case SHAPE_MAP:
        return *(const bool *)at;
    case SHAPE_ENUM:
        memcpy(&value, at, sizeof(value));
        return value != 0;
    default:
        return *(const bool *)(base + member->has_offset);
    }
}

static struct error *decode_structure(struct decoder *decoder, const struct shape *shape,
                                      const struct place *place, const json_t *json, char *base)
{
    const char *name;
    json_t *value;

    if (!json_is_object(json))
        return wrong_type(place, "an object", json);
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        const struct shape_member *member = find_member(shape, name);
        struct place here = {place, name, 0};
        char *at;

        if (!member) {
            if (decoder->is_strict)
                return refuse(API_SERIALIZATION, &here, "is not a member of %s.", shape->name);
            continue;
        }
        if (json_is_null(value))
            continue;
        at = base + member->offset;
        if (member->shape->type == SHAPE_STRUCTURE) {
            void *inner = NULL;

            TRY(take(decoder, member->shape->size, &inner));
            TRY(decode_structure(decoder, member->shape, &here, value, inner));
            memcpy(at, &inner, sizeof(inner));
            continue;
        }
        TRY(decode_value(decoder, member->shape, member->rule, member->flags, &here, value, at));
        if (member->shape->type >= SHAPE_INTEGER)
            *(bool *)(base + member->has_offset) = true;
    }
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct shape_member *member = &shape->members[i];
        struct place here = {place, member->name, 0};

        if ((member->flags & SHAPE_REQUIRED) && !is_present(member, base))
            return refuse(decoder->refusal, &here, "is required.");
    }
    return NULL;
}

static struct error *decode_value(struct decoder *decoder, const struct shape *shape,
                                  const struct shape_rule *rule, unsigned flags,
                                  const struct place *place, const json_t *json, void *ret)
{
    int64_t whole = 0;

    switch (shape->type) {
    case SHAPE_STRUCTURE:
        return decode_structure(decoder, shape, place, json, ret);
    case SHAPE_LIST:
        return decode_list(decoder, shape, rule, flags, place, json, ret);
    case SHAPE_MAP:
        return decode_map(decoder, shape, rule, flags, place, json, ret);
    case SHAPE_STRING:
        return decode_string(decoder, shape->rule, rule, place, json, ret);
    case SHAPE_ENUM:
        return decode_enum(decoder, shape, flags, place, json, ret);
    case SHAPE_DOCUMENT:
        return decode_document(decoder, rule, place, json, ret);
    case SHAPE_INTEGER:
        TRY(whole_number(place, json, INT32_MIN, INT32_MAX, &whole));
        TRY(check_bounds(decoder, rule, place, &of_value, (double)whole, NULL));
        TRY(check_bounds(decoder, shape->rule, place, &of_value, (double)whole, NULL));
        *(int32_t *)ret = (int32_t)whole;
        return NULL;
    case SHAPE_LONG:
    case SHAPE_TIMESTAMP_MS:
        TRY(whole_number(place, json, INT64_MIN, INT64_MAX, &whole));
        TRY(check_bounds(decoder, rule, place, &of_value, (double)whole, NULL));
        TRY(check_bounds(decoder, shape->rule, place, &of_value, (double)whole, NULL));
        *(int64_t *)ret = whole;
        return NULL;
    case SHAPE_DOUBLE:
        if (!json_is_number(json))
            return wrong_type(place, "a number", json);
        TRY(check_bounds(decoder, rule, place, &of_value, json_number_value(json), NULL));
        TRY(check_bounds(decoder, shape->rule, place, &of_value, json_number_value(json), NULL));
        *(double *)ret = json_number_value(json);
        return NULL;
    case SHAPE_BOOLEAN:
        if (!json_is_boolean(json))
            return wrong_type(place, "true or false", json);
        *(bool *)ret = json_is_true(json);
        return NULL;
    case SHAPE_TIMESTAMP:
        return decode_timestamp(place, json, ret);
    case SHAPE_TIMESTAMP_ISO:
        return decode_timestamp_iso(place, json, ret);
    }
    return NULL;
}

struct error *shape_decode(const struct shape *shape, unsigned flags, struct arena *arena,
                           const struct json_t *json, void *ret)
{
    struct decoder decoder = {
        .arena = arena,
        .refusal = shape->refusal,
        .is_strict = flags & SHAPE_STRICT,
        .bytes_left = SHAPE_DECODED_BYTES_MAX,
    };

    return decode_structure(&decoder, shape, NULL, json, ret);
}

/* jansson goes 2048 levels down on the stack; nothing we serve has a tenth of SHAPE_DEPTH_MAX. */
static bool is_too_deep(const char *text, size_t len)
{
    int depth = 0;

    for (size_t i = 0; i < len; i++) {
        switch (text[i]) {
        case '"':
            for (i++; i < len && text[i] != '"'; i++)
                if (text[i] == '\\')
                    i++;
            break;
        case '{':
        case '[':
            if (++depth > SHAPE_DEPTH_MAX)
                return true;
            break;
        case '}':
        case ']':
            depth--;
            break;
        default:
            break;
        }
    }
    return false;
}

struct error *shape_parse_json(const char *text, size_t len, struct json_t **ret)
{
    json_error_t err;
    json_t *json;

    if (is_too_deep(text, len))
        return error_new(API_SERIALIZATION, "The request is nested deeper than %d levels.",
                         SHAPE_DEPTH_MAX);
    json = json_loadb(text, len, 0, &err);
    if (!json)
        return error_new(API_SERIALIZATION, "The request is not JSON: %s at byte %d.", err.text,
                         err.position);
    *ret = json;
    return NULL;
}

struct error *shape_decode_text(const struct shape *shape, unsigned flags, struct arena *arena,
                                const char *text, size_t len, void *ret)
{
    struct error *err;
    json_t *json = NULL;

    TRY(shape_parse_json(text, len, &json));
    err = shape_decode(shape, flags, arena, json, ret);
    json_decref(json);
    return err;
}

struct error *shape_decode_envelope(const struct shape_message *messages, size_t count,
                                    struct arena *arena, const char *text, size_t len,
                                    struct shape_envelope *ret)
{
    struct shape_envelope found = {0};
    struct error *err = NULL;
    const json_t *type, *message;
    json_t *json = NULL;

    TRY(shape_parse_json(text, len, &json));
    type = json_object_get(json, "type");
    message = json_object_get(json, "message");
    if (!json_is_string(type)) {
        json_decref(json);
        return error_new(API_SERIALIZATION, "The message does not say its type.");
    }
    for (size_t i = 1; i < count && !found.type; i++)
        if (!strcmp(messages[i].type, json_string_value(type)))
            found.type = (unsigned)i;
    found.type_name = found.type ? messages[found.type].type
                                 : arena_dup(arena, json_string_value(type));
    if (found.type) {
        found.message = arena_alloc(arena, messages[found.type].shape->size);
        if (message && !json_is_null(message))
            err = shape_decode(messages[found.type].shape, 0, arena, message, found.message);
        else
            err = shape_decode_text(messages[found.type].shape, 0, arena, "{}", 2, found.message);
    }
    json_decref(json);
    if (err)
        return error_wrap(err, "%s", found.type_name);
    *ret = found;
    return NULL;
}

/* --- encoding ---------------------------------------------------------------------------------- */

static void encode_value(const struct shape *shape, struct buf *buf, const void *value);

static void encode_list(const struct shape *shape, struct buf *buf, const struct any_list *list)
{
    size_t stride = item_stride(shape);
    const char *item = list->items;

    buf_add_char(buf, '[');
    for (size_t i = 0; i < list->count; i++, item += stride) {
        if (i)
            buf_add_char(buf, ',');
        encode_value(shape->of, buf, item);
    }
    buf_add_char(buf, ']');
}

static void encode_map(const struct shape *shape, struct buf *buf, const struct any_list *map)
{
    size_t stride = item_stride(shape);
    const char *entry = map->items;

    buf_add_char(buf, '{');
    for (size_t i = 0; i < map->count; i++, entry += stride) {
        if (i)
            buf_add_char(buf, ',');
        encode_value(shape->key, buf, entry);
        buf_add_char(buf, ':');
        encode_value(shape->of, buf, entry + shape->value_offset);
    }
    buf_add_char(buf, '}');
}

static void encode_structure(const struct shape *shape, struct buf *buf, const char *base)
{
    char before = '{';

    for (size_t i = 0; i < shape->member_count; i++) {
        const struct shape_member *member = &shape->members[i];
        const char *at = base + member->offset;
        const void *inner;

        if (!is_present(member, base)) {
            /* Absent strings, enums and structures have nothing to be written as. */
            if (!(member->flags & SHAPE_ALWAYS) || member->shape->type == SHAPE_STRUCTURE ||
                member->shape->type == SHAPE_STRING || member->shape->type == SHAPE_ENUM ||
                member->shape->type == SHAPE_DOCUMENT)
                continue;
        }
        buf_add_char(buf, before);
        before = ',';
        buf_add_char(buf, '"');
        buf_add_str(buf, member->name);
        buf_add(buf, "\":", 2);
        if (member->shape->type == SHAPE_STRUCTURE) {
            memcpy(&inner, at, sizeof(inner));
            encode_structure(member->shape, buf, inner);
        } else {
            encode_value(member->shape, buf, at);
        }
    }
    if (before == '{')
        buf_add_char(buf, '{');
    buf_add_char(buf, '}');
}

/* As Go writes times: no zeros at the end of the fraction (AG-206). */
static void trim_fraction(char *iso)
{
    char *end = strchr(iso, 'Z');

    if (!end || !strchr(iso, '.'))
        return;
    while (end[-1] == '0')
        end--;
    if (end[-1] == '.')
        end--;
    memcpy(end, "Z", 2);
}

static void encode_value(const struct shape *shape, struct buf *buf, const void *value)
{
    const char *text;
    unsigned index;
    char iso[CLOCK_ISO_SIZE];

    switch (shape->type) {
    case SHAPE_STRUCTURE:
        encode_structure(shape, buf, value);
        break;
    case SHAPE_LIST:
        encode_list(shape, buf, value);
        break;
    case SHAPE_MAP:
        encode_map(shape, buf, value);
        break;
    case SHAPE_STRING:
    case SHAPE_DOCUMENT:
        memcpy(&text, value, sizeof(text));
        json_text_add_string(buf, text ? text : "");
        break;
    case SHAPE_ENUM:
        memcpy(&index, value, sizeof(index));
        text = shape_enum_name(shape, index);
        json_text_add_string(buf, text ? text : "");
        break;
    case SHAPE_INTEGER:
        json_text_add_int(buf, *(const int32_t *)value);
        break;
    case SHAPE_LONG:
    case SHAPE_TIMESTAMP_MS:
        json_text_add_int(buf, *(const int64_t *)value);
        break;
    case SHAPE_DOUBLE:
        json_text_add_double(buf, *(const double *)value);
        break;
    case SHAPE_BOOLEAN:
        json_text_add_bool(buf, *(const bool *)value);
        break;
    case SHAPE_TIMESTAMP:
        json_text_add_time_ms(buf, *(const int64_t *)value);
        break;
    case SHAPE_TIMESTAMP_ISO:
        clock_format_iso(*(const int64_t *)value, iso);
        trim_fraction(iso);
        json_text_add_string(buf, iso);
        break;
    }
}

void shape_encode(const struct shape *shape, struct buf *buf, const void *value)
{
    encode_structure(shape, buf, value);
}

void shape_encode_envelope(const struct shape_message *message, struct buf *buf, const void *value)
{
    buf_add_str(buf, "{\"type\":\"");
    buf_add_str(buf, message->type);
    buf_add_str(buf, "\",\"message\":");
    shape_encode(message->shape, buf, value);
    buf_add_char(buf, '}');
}

const char *shape_enum_name(const struct shape *shape, unsigned value)
{
    return value < shape->value_count ? shape->values[value] : NULL;
}

bool shape_enum_parse(const struct shape *shape, const char *text, unsigned *ret)
{
    return enum_find(shape, text, ret);
}
