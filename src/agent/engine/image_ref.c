#include "agent/engine/image_ref.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"

bool image_ref_parse(struct arena *arena, const char *text, struct image_ref *ret)
{
    size_t len = text ? strlen(text) : 0;
    const char *at, *slash, *colon;

    if (len == 0 || len > IMAGE_REFERENCE_MAX)
        return false;
    for (const char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-/:@", *c))
            return false;
    at = strchr(text, '@');
    slash = strrchr(text, '/');
    colon = at ? NULL : strrchr(slash ? slash : text, ':');
    if (at == text || colon == text || (at && !at[1]) || (colon && !colon[1]) ||
        text[len - 1] == '/')
        return false;
    if (at) {
        ret->name = arena_dup_n(arena, text, (size_t)(at - text));
        ret->tag = arena_dup(arena, at + 1);
    } else if (colon) {
        ret->name = arena_dup_n(arena, text, (size_t)(colon - text));
        ret->tag = arena_dup(arena, colon + 1);
    } else {
        ret->name = arena_dup(arena, text);
        ret->tag = "latest";
    }
    return true;
}

bool image_ref_has_digest(const char *text)
{
    return strchr(text, '@') != NULL;
}

/* The length of the name without tag and digest. */
static size_t name_len(const char *text)
{
    size_t len = strcspn(text, "@");
    const char *slash = memrchr(text, '/', len);
    const char *colon = memchr(slash ? slash : text, ':', len - (size_t)(slash ? slash - text : 0));

    return colon ? (size_t)(colon - text) : len;
}

char *image_ref_with_digest(const char *text, const char *digest)
{
    return digest ? str_printf("%.*s@%s", (int)name_len(text), text, digest) : NULL;
}

/* "docker.io/library/busybox" is "busybox". */
static const char *familiar(const char *text)
{
    static const char *const hubs[] = {"docker.io/", "index.docker.io/"};

    for (size_t i = 0; i < ARRAY_LEN(hubs); i++)
        if (str_starts_with(text, hubs[i]))
            text += strlen(hubs[i]);
    return str_starts_with(text, "library/") ? text + strlen("library/") : text;
}

bool image_ref_is_same(const char *a, const char *b)
{
    return strcmp(familiar(a), familiar(b)) == 0;
}

const char *image_ref_digest_of(const char *const *entries, size_t count, const char *text)
{
    const char *name = familiar(text);
    size_t len = name_len(name);

    for (size_t i = 0; i < count; i++) {
        const char *entry = familiar(entries[i]);

        if (strncmp(entry, name, len) == 0 && entry[len] == '@')
            return entry + len + 1;
    }
    return NULL;
}
