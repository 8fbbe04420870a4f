#include "base/pbwire.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define VARINT_BYTES_MAX 10
#define NUMBER_MAX       ((1u << 29) - 1)

static size_t varint_format(uint64_t value, uint8_t ret[VARINT_BYTES_MAX])
{
    size_t len = 0;

    while (value >= 0x80) {
        ret[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    ret[len++] = (uint8_t)value;
    return len;
}

static void put_varint(struct buf *buf, uint64_t value)
{
    uint8_t bytes[VARINT_BYTES_MAX];

    buf_add(buf, bytes, varint_format(value, bytes));
}

static void put_tag(struct buf *buf, unsigned number, enum pb_type type)
{
    put_varint(buf, (uint64_t)number << 3 | type);
}

void pb_put_int(struct buf *buf, unsigned number, int64_t value)
{
    put_tag(buf, number, PB_VARINT);
    put_varint(buf, (uint64_t)value);
}

void pb_put_bytes(struct buf *buf, unsigned number, const void *bytes, size_t len)
{
    put_tag(buf, number, PB_BYTES);
    put_varint(buf, len);
    buf_add(buf, bytes, len);
}

void pb_put_text(struct buf *buf, unsigned number, const char *text)
{
    if (text)
        pb_put_bytes(buf, number, text, strlen(text));
}

void pb_put_id(struct buf *buf, unsigned number, const struct id *id)
{
    if (!id_is_zero(id))
        pb_put_bytes(buf, number, id->bytes, sizeof(id->bytes));
}

/* Most records in records are shorter than 128 bytes: room for one byte of length is left, and more
 * made when it turns out to be needed. */
size_t pb_open(struct buf *buf, unsigned number)
{
    put_tag(buf, number, PB_BYTES);
    buf_add_char(buf, '\0');
    return buf->len;
}

void pb_close(struct buf *buf, size_t mark)
{
    uint8_t bytes[VARINT_BYTES_MAX];
    size_t len = buf->len - mark;
    size_t more = varint_format(len, bytes) - 1;

    assert(mark > 0 && mark <= buf->len);
    if (more > 0) {
        buf_add(buf, bytes, more); /* makes the room */
        memmove(buf->data + mark + more, buf->data + mark, len);
    }
    memcpy(buf->data + mark - 1, bytes, more + 1);
}

void pb_put_unknown(struct buf *buf, const struct pb_unknown *unknown)
{
    if (unknown)
        buf_add(buf, unknown->bytes, unknown->len);
}

struct pb_unknown *pb_unknown_copy(const struct pb_unknown *unknown)
{
    return unknown ? xmemdup(unknown, sizeof(*unknown) + unknown->len) : NULL;
}

static bool take_varint(struct pb_reader *reader, uint64_t *ret)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < VARINT_BYTES_MAX && reader->at < reader->end; i++) {
        uint8_t byte = *reader->at++;
        if (i == VARINT_BYTES_MAX - 1 && byte > 1)
            return false; /* more than 64 bits */
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct pb_reader *reader, size_t len)
{
    if (len > (size_t)(reader->end - reader->at))
        return false;
    reader->at += len;
    return true;
}

static bool take_member(struct pb_reader *reader, struct pb_member *ret)
{
    uint64_t tag;

    ret->start = reader->at;
    if (!take_varint(reader, &tag) || tag >> 3 == 0 || tag >> 3 > NUMBER_MAX)
        return false;
    ret->number = (unsigned)(tag >> 3);
    ret->type = (enum pb_type)(tag & 7);
    ret->bytes = NULL;
    ret->len = 0;
    ret->value = 0;
    switch (ret->type) {
    case PB_VARINT:
        return take_varint(reader, &ret->value);
    case PB_FIXED64:
        return take_bytes(reader, 8);
    case PB_FIXED32:
        return take_bytes(reader, 4);
    case PB_BYTES:
        if (!take_varint(reader, &ret->value) || ret->value > SIZE_MAX)
            return false;
        ret->bytes = reader->at;
        ret->len = (size_t)ret->value;
        return take_bytes(reader, ret->len);
    }
    return false; /* a group, or no type at all */
}

bool pb_next(struct pb_reader *reader, struct pb_member *ret)
{
    if (reader->is_malformed || reader->at == reader->end)
        return false;
    reader->is_malformed = !take_member(reader, ret);
    ret->end = reader->at;
    return !reader->is_malformed;
}

bool pb_get_int64(const struct pb_member *member, int64_t *ret)
{
    if (member->type != PB_VARINT)
        return false;
    *ret = (int64_t)member->value;
    return true;
}

bool pb_get_int32(const struct pb_member *member, int32_t *ret)
{
    int64_t value = (int64_t)member->value;

    if (member->type != PB_VARINT || value < INT32_MIN || value > INT32_MAX)
        return false;
    *ret = (int32_t)value;
    return true;
}

bool pb_get_bool(const struct pb_member *member, bool *ret)
{
    if (member->type != PB_VARINT || member->value > 1)
        return false;
    *ret = member->value == 1;
    return true;
}

bool pb_get_id(const struct pb_member *member, struct id *ret)
{
    if (member->type != PB_BYTES || member->len != sizeof(ret->bytes))
        return false;
    memcpy(ret->bytes, member->bytes, sizeof(ret->bytes));
    return true;
}

bool pb_get_text(const struct pb_member *member, char **ret)
{
    if (member->type != PB_BYTES || memchr(member->bytes, '\0', member->len))
        return false;
    *ret = str_dup_n((const char *)member->bytes, member->len);
    return true;
}

void pb_keep(const struct pb_member *member, struct pb_unknown **unknown)
{
    size_t more = (size_t)(member->end - member->start);
    size_t len = *unknown ? (*unknown)->len : 0;

    *unknown = xrealloc(*unknown, sizeof(**unknown) + len + more);
    memcpy((*unknown)->bytes + len, member->start, more);
    (*unknown)->len = (uint32_t)(len + more);
}
