#include "net/ws_frame.h"

#include <assert.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#define CONTROL_BYTES_MAX 125

static void apply_mask(char *bytes, size_t len, const uint8_t mask[4])
{
    uint64_t wide;
    uint8_t twice[8];
    size_t i = 0;

    memcpy(twice, mask, 4);
    memcpy(twice + 4, mask, 4);
    memcpy(&wide, twice, 8);
    for (; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        word ^= wide;
        memcpy(bytes + i, &word, 8);
    }
    for (; i < len; i++)
        bytes[i] = (char)(bytes[i] ^ mask[i % 4]);
}

void ws_frame_add(struct buf *out, enum ws_opcode opcode, const uint8_t mask[4], const char *bytes,
                  size_t len)
{
    uint8_t head[14] = {(uint8_t)(0x80 | opcode)};
    size_t head_len = 2;

    if (len <= 125) {
        head[1] = (uint8_t)len;
    } else if (len <= UINT16_MAX) {
        head[1] = 126;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
        head_len = 4;
    } else {
        head[1] = 127;
        for (int i = 0; i < 8; i++)
            head[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
        head_len = 10;
    }
    if (mask) {
        head[1] |= 0x80;
        memcpy(head + head_len, mask, 4);
        head_len += 4;
    }
    buf_reserve(out, head_len + len);
    buf_add(out, head, head_len);
    buf_add(out, bytes, len);
    if (mask)
        apply_mask(out->data + out->len - len, len, mask);
}

void ws_frame_add_close(struct buf *out, const uint8_t mask[4], int code, const char *reason)
{
    char payload[CONTROL_BYTES_MAX];
    size_t len = reason ? strlen(reason) : 0;

    if (len > sizeof(payload) - 2) {
        len = sizeof(payload) - 2;
        while (len > 0 && ((unsigned char)reason[len] & 0xc0) == 0x80)
            len--; /* not in the middle of a character */
    }
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    if (len)
        /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): its length goes with it */
        memcpy(payload + 2, reason, len);
    ws_frame_add(out, WS_OP_CLOSE, mask, payload, code == WS_CLOSE_NO_CODE ? 0 : len + 2);
}

bool utf8_is_valid(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    const unsigned char *end = p + len;

    while (p < end) {
        uint64_t word;
        while (end - p >= 8 && (memcpy(&word, p, 8), (word & 0x8080808080808080u) == 0))
            p += 8;
        if (p == end)
            break;
        if (*p < 0x80) {
            p++;
            continue;
        }
        int more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
        if (*p < 0xc2 || *p > 0xf4 || end - p <= more)
            return false;
        /* overlong forms, surrogates and what is beyond U+10FFFF */
        if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
            (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
            return false;
        for (int i = 1; i <= more; i++)
            if ((p[i] & 0xc0) != 0x80)
                return false;
        p += more + 1;
    }
    return true;
}

void ws_reader_feed(struct ws_reader *reader, char *bytes, size_t len)
{
    assert(reader->in_used == reader->in_len);
    if (reader->pending.len > 0) {
        buf_add(&reader->pending, bytes, len);
        bytes = reader->pending.data;
        len = reader->pending.len;
    }
    reader->in = bytes;
    reader->in_len = len;
    reader->in_used = 0;
}

/* Keeps the rest for the next feed. */
static enum ws_event want_more(struct ws_reader *reader, size_t frame_len)
{
    size_t rest = reader->in_len - reader->in_used;

    if (reader->in && reader->in == reader->pending.data) {
        if (rest == 0)
            buf_done(&reader->pending); /* idle sockets hold no memory */
        else
            buf_consume(&reader->pending, reader->in_used);
    } else if (rest > 0) {
        buf_add(&reader->pending, reader->in + reader->in_used, rest);
    }
    if (frame_len > rest)
        buf_reserve(&reader->pending, frame_len - rest);
    reader->in = NULL;
    reader->in_len = reader->in_used = 0;
    return WS_EVENT_NONE;
}

static enum ws_event fail(struct ws_reader *reader, int code)
{
    reader->close_code = code;
    reader->bytes = "";
    reader->len = 0;
    reader->in_used = reader->in_len;
    return WS_EVENT_ERROR;
}

static bool is_valid_close_code(int code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static enum ws_event read_control(struct ws_reader *reader, int opcode, const char *bytes,
                                  size_t len)
{
    reader->bytes = bytes;
    reader->len = len;
    switch (opcode) {
    case WS_OP_PING:
        return WS_EVENT_PING;
    case WS_OP_PONG:
        return WS_EVENT_PONG;
    case WS_OP_CLOSE:
        reader->close_code = WS_CLOSE_NO_CODE;
        if (len == 0)
            return WS_EVENT_CLOSE;
        if (len == 1)
            return fail(reader, WS_CLOSE_PROTOCOL);
        reader->close_code = (unsigned char)bytes[0] << 8 | (unsigned char)bytes[1];
        reader->bytes += 2;
        reader->len -= 2;
        if (!is_valid_close_code(reader->close_code))
            return fail(reader, WS_CLOSE_PROTOCOL);
        if (!utf8_is_valid(reader->bytes, reader->len))
            return fail(reader, WS_CLOSE_NOT_UTF8);
        return WS_EVENT_CLOSE;
    default:
        return fail(reader, WS_CLOSE_PROTOCOL);
    }
}

/* A data frame: NONE means go on with the next frame. */
static enum ws_event read_data(struct ws_reader *reader, int opcode, bool is_final,
                               const char *bytes, size_t len)
{
    if ((opcode == WS_OP_CONTINUATION) != reader->is_in_message)
        return fail(reader, WS_CLOSE_PROTOCOL);
    if (opcode == WS_OP_BINARY)
        return fail(reader, WS_CLOSE_UNSUPPORTED);
    if (reader->message.len + len > reader->bytes_max)
        return fail(reader, WS_CLOSE_TOO_BIG);

    reader->bytes = bytes;
    reader->len = len;
    if (!is_final || reader->is_in_message) {
        buf_add(&reader->message, bytes, len);
        reader->is_in_message = !is_final;
        if (!is_final)
            return WS_EVENT_NONE;
        reader->is_message_done = true;
        reader->bytes = reader->message.data;
        reader->len = reader->message.len;
    }
    if (!utf8_is_valid(reader->bytes, reader->len))
        return fail(reader, WS_CLOSE_NOT_UTF8);
    return WS_EVENT_MESSAGE;
}

enum ws_event ws_reader_next(struct ws_reader *reader)
{
    if (reader->is_message_done) {
        buf_done(&reader->message);
        reader->is_message_done = false;
    }
    for (;;) {
        char *bytes = reader->in + reader->in_used;
        size_t left = reader->in_len - reader->in_used;
        if (left < 2)
            return want_more(reader, 0);

        const uint8_t *head = (const uint8_t *)bytes;
        int opcode = head[0] & 0x0f;
        bool is_final = head[0] & 0x80;
        bool is_masked = head[1] & 0x80;
        uint64_t len = head[1] & 0x7f;
        bool is_control = opcode & 0x08;
        if ((head[0] & 0x70) || is_masked != reader->wants_masked ||
            (opcode > WS_OP_BINARY && !is_control))
            return fail(reader, WS_CLOSE_PROTOCOL);
        if (is_control && (!is_final || len > CONTROL_BYTES_MAX))
            return fail(reader, WS_CLOSE_PROTOCOL);

        size_t len_bytes = len == 126 ? 2 : len == 127 ? 8 : 0;
        size_t head_len = 2 + len_bytes + (is_masked ? 4 : 0);
        if (left < head_len)
            return want_more(reader, 0);
        if (len_bytes > 0) {
            len = 0;
            for (size_t i = 0; i < len_bytes; i++)
                len = len << 8 | head[2 + i];
        }
        if (len > reader->bytes_max)
            return fail(reader, WS_CLOSE_TOO_BIG);
        if (left - head_len < len)
            return want_more(reader, head_len + (size_t)len);

        char *payload = bytes + head_len;
        if (is_masked)
            apply_mask(payload, (size_t)len, head + head_len - 4);
        reader->in_used += head_len + (size_t)len;
        if (is_control)
            return read_control(reader, opcode, payload, (size_t)len);
        enum ws_event event = read_data(reader, opcode, is_final, payload, (size_t)len);
        if (event != WS_EVENT_NONE)
            return event;
    }
}

void ws_reader_done(struct ws_reader *reader)
{
    buf_done(&reader->pending);
    buf_done(&reader->message);
}

void ws_accept_key(const char *key, size_t len, char ret[WS_ACCEPT_SIZE])
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[64 + sizeof(magic)];
    unsigned char digest[SHA_DIGEST_LENGTH];

    assert(len <= 64);
    memcpy(text, key, len);
    memcpy(text + len, magic, sizeof(magic) - 1);
    SHA1((unsigned char *)text, len + sizeof(magic) - 1, digest);
    EVP_EncodeBlock((unsigned char *)ret, digest, sizeof(digest));
}
