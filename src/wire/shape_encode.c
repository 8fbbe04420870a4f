#include "wire/shape.h"

#include "base/clock.h"
#include "base/json_text.h"
#include "wire/shape_layout.h"

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

/* `before`, the name in quotes, a colon: in one piece, for answers are full of them. */
static void add_name(struct buf *buf, char before, const char *name)
{
    size_t len = strlen(name);
    char *at;

    buf_reserve(buf, len + 4);
    at = buf->data + buf->len;
    *at++ = before;
    *at++ = '"';
    memcpy(at, name, len);
    memcpy(at + len, "\":", 3);
    buf->len += len + 4;
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
        add_name(buf, before, member->name);
        before = ',';
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
    encode_value(shape, buf, value);
}

void shape_encode_envelope(const struct shape_message *message, struct buf *buf, const void *value)
{
    buf_add_str(buf, "{\"type\":\"");
    buf_add_str(buf, message->type);
    buf_add_str(buf, "\",\"message\":");
    shape_encode(message->shape, buf, value);
    buf_add_char(buf, '}');
}
