#include "base/json_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

/* The first byte at or after `p` that cannot stand in a JSON string as it is; `end` if there is
 * none. */
static const unsigned char *plain_end(const unsigned char *p, const unsigned char *end)
{
    while (p < end) {
        size_t len = 1;

        if (*p < 0x20 || *p == '"' || *p == '\\')
            return p;
        if (*p >= 0x80)
            len = utf8_char_len(p, (size_t)(end - p));
        if (!len)
            return p;
        p += len;
    }
    return end;
}

static void add_escaped(struct buf *buf, unsigned char c)
{
    switch (c) {
    case '"':
        buf_add(buf, "\\\"", 2);
        break;
    case '\\':
        buf_add(buf, "\\\\", 2);
        break;
    case '\n':
        buf_add(buf, "\\n", 2);
        break;
    case '\r':
        buf_add(buf, "\\r", 2);
        break;
    case '\t':
        buf_add(buf, "\\t", 2);
        break;
    default:
        if (c >= 0x80)
            buf_add_str(buf, "\xef\xbf\xbd"); /* not UTF-8: U+FFFD */
        else
            buf_printf(buf, "\\u%04x", c);
    }
}

void json_text_add_string(struct buf *buf, const char *s)
{
    const unsigned char *p = (const unsigned char *)s, *end = p + strlen(s);

    buf_reserve(buf, (size_t)(end - p) + 2);
    buf_add_char(buf, '"');
    while (p < end) {
        const unsigned char *stop = plain_end(p, end);

        buf_add(buf, p, (size_t)(stop - p));
        if (stop < end)
            add_escaped(buf, *stop++);
        p = stop;
    }
    buf_add_char(buf, '"');
}

/* Decimal digits of `value`, at least `digits_min` of them, before `end`; returns where they begin.
 */
static char *digits_before(char *end, uint64_t value, int digits_min)
{
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
        digits_min--;
    } while (value || digits_min > 0);
    return end;
}

void json_text_add_int(struct buf *buf, int64_t value)
{
    char text[24], *end = text + sizeof(text);
    char *begin = digits_before(end, value < 0 ? -(uint64_t)value : (uint64_t)value, 1);

    if (value < 0)
        *--begin = '-';
    buf_add(buf, begin, (size_t)(end - begin));
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
    uint64_t ms = wall_ms < 0 ? -(uint64_t)wall_ms : (uint64_t)wall_ms;
    char text[32], *end = text + sizeof(text);
    char *begin = digits_before(end, ms % 1000, 3);

    *--begin = '.';
    begin = digits_before(begin, ms / 1000, 1);
    if (wall_ms < 0)
        *--begin = '-';
    buf_add(buf, begin, (size_t)(end - begin));
}

void json_text_add_iso(struct buf *buf, int64_t wall_ms)
{
    char iso[CLOCK_ISO_SIZE];
    char *end;

    clock_format_iso(wall_ms, iso);
    end = strchr(iso, 'Z');
    if (end && strchr(iso, '.')) {
        while (end[-1] == '0')
            end--;
        if (end[-1] == '.')
            end--;
        memcpy(end, "Z", 2);
    }
    json_text_add_string(buf, iso);
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
