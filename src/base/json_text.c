#include "base/json_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Length of the well-formed UTF-8 sequence at `s`, 0 if there is none. */
static size_t utf8_len(const unsigned char *s)
{
    size_t len;
    uint32_t code;

    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        len = 2, code = s[0] & 0x1fu;
    else if ((s[0] & 0xf0) == 0xe0)
        len = 3, code = s[0] & 0x0fu;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        len = 4, code = s[0] & 0x07u;
    else
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    if (len == 3 && (code < 0x800 || (code >= 0xd800 && code <= 0xdfff)))
        return 0;
    if (len == 4 && (code < 0x10000 || code > 0x10ffff))
        return 0;
    return len;
}

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
}

void json_text_add_string(struct buf *buf, const char *s)
{
    const unsigned char *p = (const unsigned char *)s;

    buf_add_char(buf, '"');
    while (*p) {
        const unsigned char *run = p;
        size_t len;

        while (*p && !needs_escape(*p))
            p++;
        buf_add(buf, run, (size_t)(p - run));
        if (!*p)
            break;
        if (*p >= 0x80) {
            len = utf8_len(p);
            if (len)
                buf_add(buf, p, len);
            else
                buf_add_str(buf, "\xef\xbf\xbd");
            p += len ? len : 1;
            continue;
        }
        switch (*p) {
        case '"':
            buf_add_str(buf, "\\\"");
            break;
        case '\\':
            buf_add_str(buf, "\\\\");
            break;
        case '\n':
            buf_add_str(buf, "\\n");
            break;
        case '\r':
            buf_add_str(buf, "\\r");
            break;
        case '\t':
            buf_add_str(buf, "\\t");
            break;
        default:
            buf_printf(buf, "\\u%04x", *p);
        }
        p++;
    }
    buf_add_char(buf, '"');
}

void json_text_add_int(struct buf *buf, int64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRId64, value);

    buf_add(buf, text, (size_t)len);
}

void json_text_add_double(struct buf *buf, double value)
{
    char text[32];
    int len = 0;

    if (!isfinite(value))
        value = 0; /* JSON has no word for it */
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_add(buf, text, (size_t)len);
    if (!strpbrk(text, ".eE"))
        buf_add_str(buf, ".0");
}

void json_text_add_bool(struct buf *buf, bool value)
{
    buf_add_str(buf, value ? "true" : "false");
}

void json_text_add_time_ms(struct buf *buf, int64_t wall_ms)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%" PRId64 ".%03d", wall_ms / 1000, (int)(wall_ms % 1000));

    buf_add(buf, text, (size_t)len);
}

void json_text_add_comma(struct buf *buf)
{
    char last = buf->len ? buf->data[buf->len - 1] : '{';

    if (last != '{' && last != '[')
        buf_add_char(buf, ',');
}

void json_text_add_name(struct buf *buf, const char *name)
{
    json_text_add_comma(buf);
    json_text_add_string(buf, name);
    buf_add_char(buf, ':');
}
