#include "wire/shape.h"

#include "base/json_text.h"
#include "wire/shape_layout.h"

/* For whom: answers follow their shapes, events write times as strings and no number that is
 * absent. */
enum form { IN_ANSWER, IN_EVENT };

static void encode_value(const struct shape *shape, enum form form, struct buf *buf,
                         const void *value);

static void encode_list(const struct shape *shape, enum form form, struct buf *buf,
                        const struct any_list *list)
{
    size_t stride = item_stride(shape);
    const char *item = list->items;

    buf_add_char(buf, '[');
    for (size_t i = 0; i < list->count; i++, item += stride) {
        if (i)
            buf_add_char(buf, ',');
        encode_value(shape->of, form, buf, item);
    }
    buf_add_char(buf, ']');
}

static void encode_map(const struct shape *shape, enum form form, struct buf *buf,
                       const struct any_list *map)
{
    size_t stride = item_stride(shape);
    const char *entry = map->items;

    buf_add_char(buf, '{');
    for (size_t i = 0; i < map->count; i++, entry += stride) {
        if (i)
            buf_add_char(buf, ',');
        encode_value(shape->key, form, buf, entry);
        buf_add_char(buf, ':');
        encode_value(shape->of, form, buf, entry + shape->value_offset);
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

static void encode_structure(const struct shape *shape, enum form form, struct buf *buf,
                             const char *base)
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
                member->shape->type == SHAPE_DOCUMENT ||
                (form == IN_EVENT && member->shape->type != SHAPE_LIST &&
                 member->shape->type != SHAPE_MAP))
                continue;
        }
        add_name(buf, before, member->name);
        before = ',';
        if (member->shape->type == SHAPE_STRUCTURE) {
            memcpy(&inner, at, sizeof(inner));
            encode_structure(member->shape, form, buf, inner);
        } else {
            encode_value(member->shape, form, buf, at);
        }
    }
    if (before == '{')
        buf_add_char(buf, '{');
    buf_add_char(buf, '}');
}

static void encode_value(const struct shape *shape, enum form form, struct buf *buf,
                         const void *value)
{
    const char *text;
    unsigned index;

    switch (shape->type) {
    case SHAPE_STRUCTURE:
        encode_structure(shape, form, buf, value);
        break;
    case SHAPE_LIST:
        encode_list(shape, form, buf, value);
        break;
    case SHAPE_MAP:
        encode_map(shape, form, buf, value);
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
        if (form == IN_EVENT)
            json_text_add_iso(buf, *(const int64_t *)value);
        else
            json_text_add_time_ms(buf, *(const int64_t *)value);
        break;
    case SHAPE_TIMESTAMP_ISO:
        json_text_add_iso(buf, *(const int64_t *)value);
        break;
    }
}

void shape_encode(const struct shape *shape, struct buf *buf, const void *value)
{
    encode_value(shape, IN_ANSWER, buf, value);
}

void shape_encode_event(const struct shape *shape, struct buf *buf, const void *value)
{
    encode_value(shape, IN_EVENT, buf, value);
}

void shape_encode_envelope(const struct shape_message *message, struct buf *buf, const void *value)
{
    buf_add_str(buf, "{\"type\":\"");
    buf_add_str(buf, message->type);
    buf_add_str(buf, "\",\"message\":");
    shape_encode(message->shape, buf, value);
    buf_add_char(buf, '}');
}
