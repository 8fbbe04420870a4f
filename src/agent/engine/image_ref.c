#include "agent/engine/image_ref.h"

#include <ctype.h>
#include <string.h>

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
