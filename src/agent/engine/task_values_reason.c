#include "agent/engine/task_values_parts.h"

#include <ctype.h>
#include <string.h>

#include "agent/engine/value_ref.h"

/* Why a task cannot start, in ECS's words (AP-473). */

static bool uses(const struct task_values *values, enum value_kind kind)
{
    for (size_t i = 0; i < values->count; i++)
        if (values->calls[i].kind == kind)
            return true;
    return false;
}

static const char *role_reason(const struct task_values *values)
{
    static const char *const texts[VALUE_KIND_COUNT] = {
        [VALUE_LOGIN] = "asm resource: unable to find execution role credentials",
        [VALUE_PARAMETERS] = "ssm secret resource: unable to find execution role credentials",
        [VALUE_SECRET] = "ASM secret resource: unable to find execution role credentials",
        [VALUE_FILE] = "environment file resource: unable to find execution role credentials",
        [VALUE_ROUTER] = "unable to download firelens s3 config file: unable to get execution role "
                         "credentials",
    };

    for (size_t i = 0; i < VALUE_KIND_COUNT; i++)
        if (texts[i] && uses(values, (enum value_kind)i))
            return texts[i];
    return NULL;
}

static const char *first_failure(const struct task_values *values, enum value_kind kind,
                                 const struct value_call **ret_call)
{
    for (size_t i = 0; i < values->count; i++) {
        if (values->calls[i].kind != kind || !values->calls[i].failure)
            continue;
        *ret_call = &values->calls[i];
        return values->calls[i].failure;
    }
    return NULL;
}

static const char *parameters_reason(const struct task_values *values, struct arena *arena)
{
    const struct value_call *call;
    const char *failure = first_failure(values, VALUE_PARAMETERS, &call);

    return failure ? arena_printf(arena, "fetching secret data from SSM Parameter Store in %s: %s",
                                  call->region, failure)
                   : NULL;
}

const char *task_values_secret(const struct task_values *values, struct arena *arena,
                               const struct acs_secret *secret, const char **ret_reason)
{
    const char *text = secret->value_from ? secret->value_from : "", *why = NULL, *value = NULL;
    struct value_call wanted = {.kind = VALUE_SECRET,
                                .region = value_region(values, secret->region)};
    const struct value_call *call;
    struct value_secret_ref ref;

    why = value_ref_secret(arena, text, &ref);
    if (why) {
        *ret_reason = arena_printf(arena,
                                   "trying to retrieve secret with value %s resulted in "
                                   "error: %s",
                                   text, why);
        return NULL;
    }
    wanted.id = ref.id;
    wanted.stage = ref.stage;
    wanted.version = ref.version;
    call = value_call_find(values, &wanted);
    if (!call->is_done)
        why = "it has not come yet";
    else if (call->failure)
        why = arena_printf(arena, "secret %s: %s", ref.id, call->failure);
    else
        value = value_ref_cut(arena, &ref, call->values[0], &why);
    if (!value)
        *ret_reason =
            arena_printf(arena, "fetching secret data from AWS Secrets Manager in region %s: %s",
                         wanted.region, why);
    return value;
}

/* "a;b": all that is wrong, each once. */
static void join(struct arena *arena, const char **reasons, const char *reason)
{
    if (!*reasons)
        *reasons = reason;
    else if (!strstr(*reasons, reason))
        *reasons = arena_printf(arena, "%s;%s", *reasons, reason);
}

static const char *secrets_reason(const struct task_values *values, struct arena *arena)
{
    const struct acs_containers *all = &values->task->containers;
    const char *reasons = NULL;

    for (size_t i = 0; i < all->count; i++) {
        for (size_t k = 0; k < all->items[i].secrets.count; k++) {
            const struct acs_secret *secret = &all->items[i].secrets.items[k];
            const char *reason = NULL;

            if (value_is_secret(secret) && !task_values_secret(values, arena, secret, &reason))
                join(arena, &reasons, reason);
        }
    }
    return reasons;
}

static const char *file_reason(const struct task_values *values, struct arena *arena,
                               const char *text)
{
    struct value_call wanted = {.kind = VALUE_FILE, .region = values->region};
    const struct value_call *call;

    if (!value_ref_object(arena, text, &wanted.bucket, &wanted.key))
        return arena_printf(arena,
                            "unable to parse bucket and key from s3 ARN specified in "
                            "environmentFile %s, error: invalid s3 arn: %s",
                            text, text);
    call = value_call_find(values, &wanted);
    if (!call->failure)
        return NULL;
    return call->is_unreached
               ? arena_printf(arena, "unable to initialize s3 client for bucket %s, error: %s",
                              call->bucket, call->failure)
               : arena_printf(arena,
                              "unable to download env file with key %s from bucket %s, "
                              "error: %s",
                              call->key, call->bucket, call->failure);
}

static const char *files_reason(const struct task_values *values, struct arena *arena)
{
    const struct acs_containers *all = &values->task->containers;

    for (size_t i = 0; i < all->count; i++) {
        const char *reasons = NULL;

        for (size_t k = 0; k < all->items[i].environment_files.count; k++) {
            const char *text = all->items[i].environment_files.items[k].value;
            const char *reason = file_reason(values, arena, text ? text : "");

            if (reason)
                join(arena, &reasons, reason);
        }
        if (reasons)
            return reasons;
    }
    return NULL;
}

static const char *router_reason(const struct task_values *values, struct arena *arena)
{
    static const char *const prefix = "unable to download firelens s3 config file";
    const struct value_call *call;
    const char *failure = first_failure(values, VALUE_ROUTER, &call);

    for (size_t i = 0; i < values->task->containers.count; i++) {
        const char *text = value_router_object(&values->task->containers.items[i]);
        const char *bucket, *key;

        if (text && !value_ref_object(arena, text, &bucket, &key))
            return arena_printf(arena,
                                "%s: unable to parse bucket and key from s3 arn: invalid s3 "
                                "arn: %s",
                                prefix, text);
    }
    if (!failure)
        return NULL;
    return call->is_unreached
               ? arena_printf(arena, "%s: unable to initialize s3 client for bucket %s: %s", prefix,
                              call->bucket, failure)
               : arena_printf(arena, "%s: unable to download s3 config %s from bucket %s: %s",
                              prefix, call->key, call->bucket, failure);
}

/* As ECS shows it: with a capital, and one space between two words. */
static const char *as_shown(struct arena *arena, const char *text)
{
    char *shown = arena_dup(arena, text), *to = shown;

    for (const char *at = shown; *at; at++) {
        bool is_space = isspace((unsigned char)*at);

        if (!is_space || (to > shown && to[-1] != ' '))
            *to++ = (char)(is_space ? ' ' : *at);
    }
    if (to > shown && to[-1] == ' ')
        to--;
    *to = '\0';
    *shown = (char)toupper((unsigned char)*shown);
    return shown;
}

const char *task_values_reason(struct task_values *values, struct arena *arena)
{
    const struct value_call *call;
    const char *reason = values->has_no_role ? role_reason(values) : NULL;

    if (!reason)
        reason = first_failure(values, VALUE_LOGIN, &call);
    if (!reason)
        reason = parameters_reason(values, arena);
    if (!reason)
        reason = secrets_reason(values, arena);
    if (!reason)
        reason = files_reason(values, arena);
    if (!reason)
        reason = router_reason(values, arena);
    return reason ? as_shown(arena, reason) : NULL;
}
