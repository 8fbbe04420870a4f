#include "core/connect_namespace.h"

#include <stdint.h>

#define ID_CHARS 16

/* FNV-1a, from one of two beginnings: together they are far longer than any number of names. */
static uint64_t hash_more(uint64_t hash, const char *text)
{
    for (const char *at = text; *at; at++)
        hash = (hash ^ (uint8_t)*at) * 0x100000001b3u;
    return (hash ^ 0xff) * 0x100000001b3u;
}

static uint64_t hash_name(uint64_t hash, const struct scope *scope, const char *name)
{
    return hash_more(hash_more(hash_more(hash, scope->account), scope->region), name);
}

const char *connect_namespace_arn(struct arena *arena, const struct scope *scope, const char *text)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint64_t halves[] = {hash_name(0xcbf29ce484222325u, scope, text),
                         hash_name(0x84222325cbf29ce4u, scope, text)};
    char id[ID_CHARS + 1] = "";

    if (arn_looks_like(text))
        return text;
    for (int i = 0; i < ID_CHARS; i++)
        id[i] = digits[halves[i % 2] >> (5 * (i / 2)) & 31];
    return arena_printf(arena, "arn:aws:servicediscovery:%s:%s:namespace/ns-%s", scope->region,
                        scope->account, id);
}
