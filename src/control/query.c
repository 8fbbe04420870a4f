#include "control/query.h"

#include <string.h>

#include "base/str.h"

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *decode(struct arena *arena, const char *text, size_t len)
{
    char *out = arena_dup_n(arena, text, len);
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        bool is_escape = text[i] == '%' && i + 2 < len;
        int high = is_escape ? digit(text[i + 1]) : -1;
        int low = is_escape ? digit(text[i + 2]) : -1;

        if (high >= 0 && low >= 0) {
            out[n++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[n++] = text[i] == '+' ? ' ' : text[i];
        }
    }
    out[n] = '\0';
    return out;
}

bool query_next(struct arena *arena, const char **query, const char **ret_name,
                const char **ret_value)
{
    const char *at = *query + strspn(*query, "&");
    const char *end = strchrnul(at, '&');
    const char *equals = memchr(at, '=', (size_t)(end - at));

    *query = end;
    if (at == end)
        return false;
    *ret_name = decode(arena, at, (size_t)((equals ? equals : end) - at));
    *ret_value = equals ? decode(arena, equals + 1, (size_t)(end - equals) - 1) : "";
    return true;
}

char *query_value(struct arena *arena, const char *query, const char *name)
{
    size_t name_len = strlen(name);

    while (*query) {
        const char *end = strchrnul(query, '&');

        if (strncmp(query, name, name_len) == 0 && query[name_len] == '=')
            return decode(arena, query + name_len + 1, (size_t)(end - query) - name_len - 1);
        query = *end ? end + 1 : end;
    }
    return NULL;
}
