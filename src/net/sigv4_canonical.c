#include "net/sigv4_canonical.h"

#include <stdlib.h>
#include <string.h>

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void sigv4_uri_encode(struct buf *out, const char *bytes, size_t len, bool keeps_slash)
{
    static const char digits[] = "0123456789ABCDEF";

    buf_reserve(out, len * 3);
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        if (is_unreserved(c) || (keeps_slash && c == '/')) {
            buf_add_char(out, c);
        } else {
            char code[3] = {'%', digits[(unsigned char)c >> 4], digits[(unsigned char)c & 15]};
            buf_add(out, code, 3);
        }
    }
}

/* Without empty, "." and ".." segments (RFC 3986 section 5.2.4). Returns the length. */
static size_t normalize_path(const char *path, char *ret)
{
    size_t len = 0;
    bool ends_with_slash = false;

    while (*path) {
        path += strspn(path, "/");
        size_t segment = strcspn(path, "/");
        ends_with_slash = path[segment] == '/' || segment == 0;
        if (segment == 2 && path[0] == '.' && path[1] == '.') {
            while (len > 0 && ret[--len] != '/')
                continue;
        } else if (segment > 0 && !(segment == 1 && path[0] == '.')) {
            ret[len++] = '/';
            memcpy(ret + len, path, segment);
            len += segment;
        }
        path += segment;
    }
    if (len == 0 || ends_with_slash)
        ret[len++] = '/';
    return len;
}

void sigv4_add_path(struct buf *out, struct arena *arena, const char *path, bool is_s3)
{
    if (is_s3 || strcmp(path, "/") == 0) {
        buf_add_str(out, *path ? path : "/");
        return;
    }
    char *normal = arena_alloc(arena, strlen(path) + 2);
    size_t len = normalize_path(path, normal);
    sigv4_uri_encode(out, normal, len, true);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes into `ret`, which has room for `len` bytes and a NUL; a stray '%' stands for itself. */
static size_t decode(const char *text, size_t len, char *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%' && i + 2 < len && hex_value(text[i + 1]) >= 0 &&
            hex_value(text[i + 2]) >= 0) {
            ret[n++] = (char)(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]));
            i += 2;
        } else {
            ret[n++] = text[i] == '+' ? ' ' : text[i];
        }
    }
    ret[n] = '\0';
    return n;
}

struct param {
    const char *name, *value; /* encoded */
};

static int param_cmp(const void *a, const void *b)
{
    const struct param *left = a, *right = b;
    int order = strcmp(left->name, right->name);

    return order ? order : strcmp(left->value, right->value);
}

static const char *encode_again(struct arena *arena, struct buf *scratch, const char *text,
                                size_t len)
{
    char *plain = arena_alloc(arena, len + 1);
    size_t plain_len = decode(text, len, plain);

    buf_clear(scratch);
    sigv4_uri_encode(scratch, plain, plain_len, false);
    return arena_dup_n(arena, scratch->data ? scratch->data : "", scratch->len);
}

void sigv4_add_query(struct buf *out, struct arena *arena, const char *query, const char *skip)
{
    CLEANUP(buf_done) struct buf scratch = {0};
    size_t count = 0, most = 1;

    if (!*query)
        return;
    for (const char *p = query; *p; p++)
        most += *p == '&';
    struct param *params = ARENA_ARRAY(arena, struct param, most);
    while (*query) {
        size_t len = strcspn(query, "&");
        const char *equals = memchr(query, '=', len);
        size_t name_len = equals ? (size_t)(equals - query) : len;
        const char *name = encode_again(arena, &scratch, query, name_len);
        if (len > 0 && !(skip && strcmp(name, skip) == 0)) {
            params[count].name = name;
            params[count].value =
                equals ? encode_again(arena, &scratch, equals + 1, len - name_len - 1) : "";
            count++;
        }
        query += len;
        query += *query == '&';
    }
    qsort(params, count, sizeof(*params), param_cmp);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(out, '&');
        buf_add_str(out, params[i].name);
        buf_add_char(out, '=');
        buf_add_str(out, params[i].value);
    }
}

char *sigv4_query_param(struct arena *arena, const char *query, const char *name)
{
    size_t wanted = strlen(name);

    while (*query) {
        size_t len = strcspn(query, "&");
        const char *equals = memchr(query, '=', len);
        if (equals && (size_t)(equals - query) == wanted && memcmp(query, name, wanted) == 0) {
            char *value = arena_alloc(arena, len - wanted);
            decode(equals + 1, len - wanted - 1, value);
            return value;
        }
        query += len;
        query += *query == '&';
    }
    return NULL;
}

/* Runs of spaces count as one; the ends are trimmed. */
static void add_value(struct buf *out, const char *value)
{
    if (*value != ' ' && !strstr(value, "  ")) {
        size_t len = strlen(value);
        while (len > 0 && value[len - 1] == ' ')
            len--;
        buf_add(out, value, len);
        return;
    }
    bool is_pending = false, is_begun = false;
    for (; *value; value++) {
        if (*value == ' ') {
            is_pending = is_begun;
            continue;
        }
        if (is_pending)
            buf_add_char(out, ' ');
        buf_add_char(out, *value);
        is_pending = false;
        is_begun = true;
    }
}

bool sigv4_add_headers(struct buf *out, const struct http_header *headers, size_t count,
                       const char *signed_headers)
{
    while (*signed_headers) {
        size_t len = strcspn(signed_headers, ";");
        unsigned found = 0;
        buf_add(out, signed_headers, len);
        buf_add_char(out, ':');
        for (size_t i = 0; i < count; i++) {
            if (strncmp(headers[i].name, signed_headers, len) != 0 || headers[i].name[len])
                continue;
            if (found++ > 0)
                buf_add_char(out, ',');
            add_value(out, headers[i].value);
        }
        if (found == 0)
            return false;
        buf_add_char(out, '\n');
        signed_headers += len;
        signed_headers += *signed_headers == ';';
    }
    return true;
}
