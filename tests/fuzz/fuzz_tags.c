/* Sets of tags: a body of TagResource is refused, or its tags are such as a resource may have, and
 * come back as they were. */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "ecs/tags.h"
#include "gen/ecs_shapes.h"
#include "tests/fuzz/call_world.h"
#include "wire/shape.h"

#define TAGS_MAX 50

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct ecs_tags *tags)
{
    if (tags->count > TAGS_MAX)
        abort();
    for (size_t i = 0; i < tags->count; i++) {
        const char *key = tags->items[i].key;

        if (!key || !*key || strncasecmp(key, "aws:", 4) == 0)
            abort();
        for (size_t j = 0; j < i; j++)
            if (str_eq(tags->items[j].key, key))
                abort();
    }
}

/* As a record keeps them and an answer shows them. */
static void keep(struct arena *arena, const struct ecs_tags *tags)
{
    struct cluster *cluster = cluster_new();
    struct ecs_tags shown;

    TAGS_SET(cluster, cluster, tags);
    tags_answer(arena, cluster->tags, cluster->tags_count, &shown);
    if (shown.count != tags->count)
        abort();
    for (size_t i = 0; i < shown.count; i++)
        if (!str_eq(shown.items[i].key, tags->items[i].key) ||
            !str_eq(shown.items[i].value, tags->items[i].value ? tags->items[i].value : ""))
            abort();
    cluster_free(cluster);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct quotas quotas;
    CLEANUP(arena_done) struct arena arena = {0};
    struct ecs_tag_resource_request in = {0};
    struct error *err = shape_decode_text(&ecs_shapes[ECS_SHAPE_TAG_RESOURCE_REQUEST], 0, &arena,
                                          (const char *)data, size, &in);

    if (!err)
        err = tags_check(&quotas, &in.tags, API_INVALID_PARAMETER);
    if (err) {
        if (!*err->message)
            abort();
        error_free(err);
        return 0;
    }
    check(&in.tags);
    keep(&arena, &in.tags);
    return 0;
}
