#include "agent/engine/value_ref.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/arn.h"
#include "base/str.h"

#define PLAIN_PARTS 2 /* secret:name */
#define WHOLE_PARTS 5 /* secret:name:key:stage:version */
#define REAL_DIGITS 15

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

/* Splits in place; the number of parts, which may be more than there is room for. */
static size_t split(char *text, const char *parts[WHOLE_PARTS])
{
    size_t count = 0;

    for (char *at = text; at; count++) {
        char *colon = strchr(at, ':');

        if (count < WHOLE_PARTS)
            parts[count] = at;
        if (colon)
            *colon++ = '\0';
        at = colon;
    }
    return count;
}

const char *value_ref_secret(struct arena *arena, const char *text, struct value_secret_ref *ret)
{
    const char *parts[WHOLE_PARTS];
    struct arn arn;
    size_t count;

    if (!arn_looks_like(text))
        return "arn: invalid prefix";
    if (!arn_parse(arena, text, &arn))
        return "arn: not enough sections";
    count = split(arena_dup(arena, arn.resource), parts);
    *ret = (struct value_secret_ref){.id = arena_dup(arena, text)};
    if (count == PLAIN_PARTS)
        return NULL;
    if (count != WHOLE_PARTS)
        return "an invalid ARN format for the AWS Secrets Manager secret was specified. Specify a "
               "valid ARN and try again.";
    ret->id = arena_printf(arena, "arn:%s:%s:%s:%s:%s:%s", arn.partition, arn.service, arn.region,
                           arn.account, parts[0], parts[1]);
    ret->key = or_null(parts[2]);
    ret->stage = or_null(parts[3]);
    ret->version = or_null(parts[4]);
    return NULL;
}

static const char *text_of(struct arena *arena, const json_t *value)
{
    const char *kept;
    char *text;

    if (json_is_string(value))
        return arena_dup(arena, json_string_value(value));
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    kept = arena_dup(arena, text);
    free(text);
    return kept;
}

const char *value_ref_cut(struct arena *arena, const struct value_secret_ref *ref, const char *text,
                          const char **ret_why)
{
    json_t *object;
    const json_t *member;
    const char *value = NULL;

    if (!ref->key)
        return text;
    object = json_loads(text, 0, NULL);
    member = json_object_get(object, ref->key);
    if (member)
        value = text_of(arena, member);
    else
        *ret_why =
            arena_printf(arena,
                         json_is_object(object)
                             ? "retrieved secret from Secrets Manager did not contain json key %s"
                             : "retrieved secret from Secrets Manager is no JSON object, of "
                               "which json key %s could be taken",
                         ref->key);
    json_decref(object);
    return value;
}

bool value_ref_object(struct arena *arena, const char *text, const char **ret_bucket,
                      const char **ret_key)
{
    struct arn arn;
    size_t bucket_len;

    if (!arn_looks_like(text) || !arn_parse(arena, text, &arn) || strcmp(arn.service, "s3") != 0 ||
        *arn.region || *arn.account)
        return false;
    bucket_len = strcspn(arn.resource, "/");
    if (bucket_len == 0 || arn.resource[bucket_len] != '/' || !arn.resource[bucket_len + 1])
        return false;
    *ret_bucket = arena_dup_n(arena, arn.resource, bucket_len);
    *ret_key = arn.resource + bucket_len + 1;
    return true;
}
