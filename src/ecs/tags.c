#include "ecs/tags.h"

#include <string.h>
#include <strings.h>

struct error *tags_check(const struct quotas *quotas, const struct ecs_tags *tags,
                         enum api_error code)
{
    if ((int64_t)tags->count > quota(quotas, QUOTA_TAGS_PER_RESOURCE))
        return quota_error(quotas, QUOTA_TAGS_PER_RESOURCE, code);
    for (size_t i = 0; i < tags->count; i++) {
        const char *key = tags->items[i].key;

        if (str_is_empty(key))
            return error_new(code, "Tag key cannot be null or empty.");
        if (strncasecmp(key, "aws:", 4) == 0)
            return error_new(code, "Tag key %s is invalid: keys that begin with aws: are reserved.",
                             key);
        if (tags->items[i].value && strncasecmp(tags->items[i].value, "aws:", 4) == 0)
            return error_new(
                code, "The value of tag %s is invalid: values that begin with aws: are reserved.",
                key);
        for (size_t j = 0; j < i; j++)
            if (strcmp(tags->items[j].key, key) == 0)
                return error_new(code, "Duplicate tag key %s: keys are unique on a resource.", key);
    }
    return NULL;
}

void tags_answer(struct arena *arena, const struct tag *tags, size_t count, struct ecs_tags *ret)
{
    SET_LIST(arena, ret, count);
    for (size_t i = 0; i < count; i++) {
        ret->items[i].key = tags[i].key;
        ret->items[i].value = tags[i].value ? tags[i].value : "";
    }
}

void tags_fill(struct tag *tags, const struct ecs_tags *in)
{
    for (size_t i = 0; i < in->count; i++) {
        tag_set_key(&tags[i], in->items[i].key);
        tag_set_value(&tags[i], in->items[i].value ? in->items[i].value : "");
    }
}
