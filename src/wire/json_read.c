#include "wire/json_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* Longest number taken; doubles need 17 digits, and nobody writes a hundred. */
#define NUMBER_CHARS_MAX 127

struct json_reader json_reader_of(const char *text, size_t len)
{
    return (struct json_reader){.start = text, .at = text, .end = text + len};
}

static bool fail(struct json_reader *reader, const char *problem)
{
    if (!reader->problem)
        reader->problem = problem;
    return false;
}

static void skip_space(struct json_reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
                                        *reader->at == '\r' || *reader->at == '\t'))
        reader->at++;
}

/* The next byte after white space, 0 at the end. */
static char next_byte(struct json_reader *reader)
{
    skip_space(reader);
    return reader->at < reader->end ? *reader->at : 0;
}

enum json_kind json_read_kind(struct json_reader *reader)
{
    switch (next_byte(reader)) {
    case '{':
        return JSON_KIND_OBJECT;
    case '[':
        return JSON_KIND_LIST;
    case '"':
        return JSON_KIND_STRING;
    case 't':
    case 'f':
        return JSON_KIND_BOOLEAN;
    case 'n':
        return JSON_KIND_NULL;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return JSON_KIND_NUMBER;
    default:
        return JSON_KIND_NONE;
    }
}

bool json_read_begin(struct json_reader *reader, char open)
{
    if (next_byte(reader) != open)
        return fail(reader, open == '{' ? "an object is expected" : "a list is expected");
    if (++reader->depth > JSON_READ_DEPTH_MAX)
        return fail(reader, "it is nested too deep");
    reader->at++;
    reader->is_first = true;
    return true;
}

/* Between two members or items: true if another one comes, false at `close` or on a problem. */
static bool another(struct json_reader *reader, char close)
{
    char c;

    if (reader->problem)
        return false;
    c = next_byte(reader);
    if (c == close) {
        reader->at++;
        reader->depth--;
        reader->is_first = false;
        return false;
    }
    if (!reader->is_first) {
        if (c != ',')
            return fail(reader, "a comma is missing");
        reader->at++;
        if (next_byte(reader) == close)
            return fail(reader, "a value is missing after a comma");
    }
    reader->is_first = false;
    return true;
}

bool json_read_item(struct json_reader *reader)
{
    return another(reader, ']');
}

/* --- strings -----------------------------------------------------------------------------------
 */

/* Bytes that stand for themselves, eight at a time where the machine can: none below space, no
 * quote, no backslash, nothing beyond ASCII. */
static const char *plain_end(const char *p, const char *end)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;

    for (; end - p >= 8; p += 8) {
        uint64_t word, quote, slash;

        memcpy(&word, p, sizeof(word));
        quote = word ^ (ones * '"');
        slash = word ^ (ones * '\\');
        if (((word | (word - ones * ' ') | (quote - ones) | (slash - ones)) & tops) != 0)
            break;
    }
    while (p < end && (unsigned char)*p >= ' ' && *p != '"' && *p != '\\' &&
           (unsigned char)*p < 0x80)
        p++;
    return p;
}

/* From behind the opening quote to the closing one; `*ret_escaped` tells whether a backslash is
 * between. */
static bool string_end(struct json_reader *reader, const char **ret_end, bool *ret_escaped)
{
    const char *p = reader->at;
    bool is_escaped = false;

    for (;;) {
        size_t len;

        p = plain_end(p, reader->end);
        if (p == reader->end) {
            reader->at = p;
            return fail(reader, "a string does not end");
        }
        if (*p == '"')
            break;
        if (*p == '\\') {
            is_escaped = true;
            p++;
            if (p == reader->end) {
                reader->at = p;
                return fail(reader, "a string does not end");
            }
            p++; /* what it says is looked at when it is read */
            continue;
        }
        len = (unsigned char)*p < ' '
                  ? 0
                  : utf8_char_len((const unsigned char *)p, (size_t)(reader->end - p));
        if (!len) {
            reader->at = p;
            return fail(reader, (unsigned char)*p < ' ' ? "a control character stands in a string"
                                                        : "a string is not UTF-8");
        }
        p += len;
    }
    *ret_end = p;
    *ret_escaped = is_escaped;
    return true;
}

static bool hex4(const char *p, const char *end, uint32_t *ret)
{
    uint32_t code = 0;

    if (end - p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        uint32_t digit;

        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A' + 10);
        else
            return false;
        code = code << 4 | digit;
    }
    *ret = code;
    return true;
}

/* \uXXXX or a pair of them at `p` (behind the u): the bytes read, 0 if it is no character. */
static size_t read_unicode(const char *p, const char *end, uint32_t *ret)
{
    uint32_t high, low;

    if (!hex4(p, end, &high) || !high)
        return 0;
    if (high < 0xd800 || high > 0xdfff) {
        *ret = high;
        return 4;
    }
    if (high > 0xdbff || end - p < 10 || p[4] != '\\' || p[5] != 'u' || !hex4(p + 6, end, &low) ||
        low < 0xdc00 || low > 0xdfff)
        return 0;
    *ret = 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
    return 10;
}

/* Undoes the escapes between `p` and `end`. `out` has room for as many bytes; NULL only checks. */
static bool unescape(struct json_reader *reader, const char *p, const char *end, char *out,
                     size_t *ret_len)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    unsigned char utf8[4];
    size_t len = 0;

    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        size_t run = (size_t)((slash ? slash : end) - p);
        const char *name;
        uint32_t code;
        size_t used;

        if (out)
            memcpy(out + len, p, run);
        len += run;
        p += run;
        if (!slash)
            break;
        p++;
        name = strchr(names, *p);
        if (*p && name) {
            if (out)
                out[len] = values[name - names];
            len++;
            p++;
            continue;
        }
        used = *p == 'u' ? read_unicode(p + 1, end, &code) : 0;
        if (!used) {
            reader->at = p;
            return fail(reader, "an escape in a string is not known");
        }
        used = (size_t)1 + used;
        p += used;
        used = utf8_write(code, utf8);
        if (out)
            memcpy(out + len, utf8, used);
        len += used;
    }
    *ret_len = len;
    return true;
}

/* The string whose opening quote comes: its bytes between the quotes, and the reader behind it. */
static bool raw_string(struct json_reader *reader, const char **ret_text, size_t *ret_len,
                       bool *ret_escaped)
{
    const char *end = NULL;

    if (next_byte(reader) != '"')
        return fail(reader, "a string is expected");
    reader->at++;
    if (!string_end(reader, &end, ret_escaped))
        return false;
    *ret_text = reader->at;
    *ret_len = (size_t)(end - reader->at);
    reader->at = end + 1;
    return true;
}

bool json_read_string(struct json_reader *reader, struct arena *arena, char **ret, size_t *ret_len)
{
    const char *text;
    bool is_escaped;
    size_t len;
    char *copy;

    if (!raw_string(reader, &text, &len, &is_escaped))
        return false;
    copy = arena_alloc(arena, len + 1);
    if (!is_escaped)
        memcpy(copy, text, len);
    else if (!unescape(reader, text, text + len, copy, &len))
        return false;
    copy[len] = 0;
    *ret = copy;
    *ret_len = len;
    return true;
}

bool json_read_member(struct json_reader *reader, struct arena *arena, const char **ret_name,
                      size_t *ret_len)
{
    const char *text;
    bool is_escaped;
    size_t len;

    if (!another(reader, '}'))
        return false;
    if (!raw_string(reader, &text, &len, &is_escaped))
        return false;
    if (is_escaped) {
        char *copy = arena_alloc(arena, len + 1);

        if (!unescape(reader, text, text + len, copy, &len))
            return false;
        text = copy;
    }
    if (next_byte(reader) != ':')
        return fail(reader, "a colon is missing after a name");
    reader->at++;
    *ret_name = text;
    *ret_len = len;
    return true;
}

/* --- numbers and words -------------------------------------------------------------------------
 */

static const char *digits_end(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* The end of the number at the reader, NULL if it is none; where its fraction or exponent begins,
 * if any. */
static const char *number_end(const struct json_reader *reader, const char **ret_rest)
{
    const char *p = reader->at, *end = reader->end, *from;

    if (p < end && *p == '-')
        p++;
    from = p;
    p = digits_end(p, end);
    if (p == from || (*from == '0' && p - from > 1))
        return NULL;
    *ret_rest = p;
    if (p < end && *p == '.') {
        from = ++p;
        p = digits_end(p, end);
        if (p == from)
            return NULL;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        from = p;
        p = digits_end(p, end);
        if (p == from)
            return NULL;
    }
    return p;
}

static bool to_whole(const char *p, const char *end, int64_t *ret)
{
    bool is_negative = *p == '-';
    uint64_t limit = (uint64_t)INT64_MAX + is_negative, value = 0;

    for (p += is_negative; p < end; p++) {
        unsigned digit = (unsigned)(*p - '0');

        if (value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* The number that comes, and the reader behind it. */
static bool raw_number(struct json_reader *reader, const char **ret_text, const char **ret_rest)
{
    const char *end;

    skip_space(reader);
    end = number_end(reader, ret_rest);
    if (!end)
        return fail(reader, "a number is expected");
    if (end - reader->at > NUMBER_CHARS_MAX)
        return fail(reader, "a number is too long");
    *ret_text = reader->at;
    reader->at = end;
    return true;
}

/* The program keeps the "C" locale for numbers, so strtod() reads what JSON writes. */
bool json_read_number(struct json_reader *reader, struct json_number *ret)
{
    const char *from, *rest;
    char text[NUMBER_CHARS_MAX + 1];

    if (!raw_number(reader, &from, &rest))
        return false;
    ret->is_whole = rest == reader->at && to_whole(from, rest, &ret->whole);
    if (ret->is_whole) {
        ret->real = (double)ret->whole;
        return true;
    }
    memcpy(text, from, (size_t)(reader->at - from));
    text[reader->at - from] = 0;
    ret->real = strtod(text, NULL);
    return true;
}

static bool word(struct json_reader *reader, const char *text, size_t len)
{
    if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, text, len) != 0)
        return fail(reader, "a value is expected");
    reader->at += len;
    return true;
}

bool json_read_boolean(struct json_reader *reader, bool *ret)
{
    *ret = next_byte(reader) == 't';
    return *ret ? word(reader, "true", 4) : word(reader, "false", 5);
}

/* --- any value ---------------------------------------------------------------------------------
 */

static bool skip_scalar(struct json_reader *reader, enum json_kind kind)
{
    const char *text, *rest;
    bool is_escaped = false, truth;
    size_t len;

    switch (kind) {
    case JSON_KIND_STRING:
        return raw_string(reader, &text, &len, &is_escaped) &&
               (!is_escaped || unescape(reader, text, text + len, NULL, &len));
    case JSON_KIND_NUMBER:
        return raw_number(reader, &text, &rest);
    case JSON_KIND_BOOLEAN:
        return json_read_boolean(reader, &truth);
    case JSON_KIND_NULL:
        return word(reader, "null", 4);
    default:
        return fail(reader, "a value is expected");
    }
}

/* A member's name whose text is not wanted. */
static bool skip_name(struct json_reader *reader)
{
    if (!skip_scalar(reader, json_read_kind(reader) == JSON_KIND_STRING ? JSON_KIND_STRING
                                                                        : JSON_KIND_NONE))
        return false;
    if (next_byte(reader) != ':')
        return fail(reader, "a colon is missing after a name");
    reader->at++;
    return true;
}

bool json_read_skip(struct json_reader *reader, const char **ret_text, size_t *ret_len)
{
    unsigned bottom = reader->depth;
    uint64_t objects = 0; /* which of the levels are objects */
    const char *from;

    _Static_assert(JSON_READ_DEPTH_MAX <= 64, "a bit for each level");
    skip_space(reader);
    from = reader->at;
    do {
        enum json_kind kind = json_read_kind(reader);

        if (kind == JSON_KIND_OBJECT || kind == JSON_KIND_LIST) {
            if (!json_read_begin(reader, kind == JSON_KIND_OBJECT ? '{' : '['))
                return false;
            objects &= ~((uint64_t)1 << (reader->depth - 1));
            objects |= (uint64_t)(kind == JSON_KIND_OBJECT) << (reader->depth - 1);
        } else if (!skip_scalar(reader, kind)) {
            return false;
        }
        /* Up to where the next value begins: out of what ends here, over the name of a member. */
        while (reader->depth > bottom) {
            bool is_object = objects >> (reader->depth - 1) & 1;

            if (!another(reader, is_object ? '}' : ']')) {
                if (reader->problem)
                    return false;
                continue;
            }
            if (is_object && !skip_name(reader))
                return false;
            break;
        }
    } while (reader->depth > bottom);
    if (ret_text) {
        *ret_text = from;
        *ret_len = (size_t)(reader->at - from);
    }
    return true;
}

bool json_read_count_items(struct json_reader *reader, size_t *ret)
{
    struct json_reader ahead = *reader;
    size_t count = 0;

    while (json_read_item(&ahead)) {
        if (!json_read_skip(&ahead, NULL, NULL))
            break;
        count++;
    }
    if (ahead.problem) {
        *reader = ahead;
        return false;
    }
    *ret = count;
    return true;
}

bool json_read_end(struct json_reader *reader)
{
    skip_space(reader);
    return reader->at == reader->end || fail(reader, "something follows its end");
}
