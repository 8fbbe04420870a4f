#include "agent/engine/task_values_parts.h"

#include <string.h>

#include "agent/engine/env_file.h"
#include "agent/engine/image_auth.h"
#include "agent/engine/value_ref.h"

/* What the containers are given of the values. */

#define RANK_SECRET      0
#define RANK_DEFINITION  1
#define RANK_FILE        2 /* and on: of the first file */
#define REDACTED         "***"
#define REDACT_BYTES_MIN 4 /* a shorter value cannot be told from the words around it */

static const char *parameter_of(const struct task_values *values, const struct acs_secret *secret)
{
    const char *region = value_region(values, secret->region);

    for (size_t i = 0; i < values->count; i++) {
        const struct value_call *call = &values->calls[i];

        for (size_t k = 0; k < call->name_count; k++)
            if (str_eq(call->region, region) && str_eq(call->names[k], secret->value_from))
                return call->values[k];
    }
    return NULL;
}

/* NULL if it could not be had. */
static const char *value_of(const struct task_values *values, struct arena *arena,
                            const struct acs_secret *secret)
{
    const char *reason;

    return value_is_secret(secret) ? task_values_secret(values, arena, secret, &reason)
                                   : parameter_of(values, secret);
}

/* Whatever its target (TD-230). */
static bool is_variable(const struct acs_secret *secret)
{
    return str_eq(secret->type, "ENVIRONMENT_VARIABLE");
}

static bool is_of_log(const struct acs_secret *secret)
{
    return str_eq(secret->target, "LOG_DRIVER") && !is_variable(secret);
}

static bool add_file(const struct task_values *values, struct arena *arena, int rank,
                     const char *text, struct env_merge *merge)
{
    const char *bucket, *key;

    if (!value_ref_object(arena, text ? text : "", &bucket, &key))
        return true; /* a reason not to come here */
    for (size_t i = 0; i < values->count; i++) {
        const struct value_call *call = &values->calls[i];

        if (call->kind == VALUE_FILE && str_eq(call->bucket, bucket) && str_eq(call->key, key))
            return env_merge_add_file(merge, arena, rank, call->values[0], call->len);
    }
    return true;
}

bool task_values_environment(const struct task_values *values, struct arena *arena,
                             const struct acs_container *container, struct acs_string_map *ret)
{
    CLEANUP(env_merge_done) struct env_merge merge = {0};

    for (size_t i = 0; i < container->environment.count; i++)
        env_merge_add(&merge, RANK_DEFINITION, container->environment.items[i].key,
                      container->environment.items[i].value);
    for (size_t i = 0; i < container->secrets.count; i++) {
        const struct acs_secret *secret = &container->secrets.items[i];
        const char *value = is_variable(secret) ? value_of(values, arena, secret) : NULL;

        if (value && !str_is_empty(secret->name))
            env_merge_add(&merge, RANK_SECRET, secret->name, value);
    }
    for (size_t i = 0; i < container->environment_files.count; i++)
        if (!add_file(values, arena, RANK_FILE + (int)i,
                      container->environment_files.items[i].value, &merge))
            return false;
    env_merge_finish(&merge, arena, ret);
    return true;
}

size_t task_values_log_secrets(const struct task_values *values, struct arena *arena,
                               const struct container_log_secret **ret)
{
    const struct acs_containers *all = &values->task->containers;
    struct container_log_secret *items;
    size_t count = 0, most = 0;

    for (size_t i = 0; i < all->count; i++)
        most += all->items[i].secrets.count;
    items = ARENA_ARRAY(arena, struct container_log_secret, most);
    for (size_t i = 0; i < all->count; i++) {
        for (size_t k = 0; k < all->items[i].secrets.count; k++) {
            const struct acs_secret *secret = &all->items[i].secrets.items[k];
            const char *value = is_of_log(secret) ? value_of(values, arena, secret) : NULL;

            if (value && !str_is_empty(secret->name))
                items[count++] =
                    (struct container_log_secret){all->items[i].name, secret->name, value};
        }
    }
    *ret = items;
    return count;
}

/* "https://host/name" is at "https://host": a longer host is somebody else's. */
static bool is_at(const char *place, const char *server)
{
    size_t len = strlen(server);

    return str_starts_with(place, server) && (place[len] == '/' || str_ends_with(server, "/"));
}

const char *task_values_auth(const struct value_call *login, struct arena *arena, const char *image,
                             const char **ret_reason)
{
    bool is_of_ecr = login->kind == VALUE_TOKEN;
    const char *failure = login->failure;
    const char *place = arena_printf(arena, "https://%s", image);

    if (!failure && is_of_ecr && !is_at(place, login->server))
        failure = arena_printf(arena, "ecr auth: AuthorizationData is malformed for %s", image);
    if (failure) {
        *ret_reason = arena_printf(
            arena, "%s: %s",
            is_of_ecr ? "CannotPullECRContainerError" : "CannotPullContainerAuthError", failure);
        return NULL;
    }
    return image_auth_encode(arena, login->user, login->password, "", login->server);
}

const struct value_call *task_values_router(const struct task_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        if (values->calls[i].kind == VALUE_ROUTER)
            return &values->calls[i];
    return NULL;
}

/* ---- what Docker says ---- */

/* How much of `text` begins with a value, or is the beginning of one that was cut off. */
static size_t value_at(const char *const *all, size_t count, const char *text)
{
    size_t longest = 0;

    for (size_t i = 0; i < count; i++) {
        if (str_starts_with(text, all[i]) && strlen(all[i]) > longest)
            longest = strlen(all[i]);
        else if (str_starts_with(all[i], text) && strlen(text) >= REDACT_BYTES_MIN)
            return strlen(text);
    }
    return longest;
}

/* The secrets of all containers that are long enough. */
static size_t gather(const struct task_values *values, struct arena *arena,
                     const char *const **ret_all)
{
    const struct acs_containers *containers = &values->task->containers;
    size_t count = 0, most = 0;
    const char **all;

    for (size_t i = 0; i < containers->count; i++)
        most += containers->items[i].secrets.count;
    all = ARENA_ARRAY(arena, const char *, most);
    for (size_t i = 0; i < containers->count; i++) {
        for (size_t k = 0; k < containers->items[i].secrets.count; k++) {
            const char *value = value_of(values, arena, &containers->items[i].secrets.items[k]);

            if (value && strlen(value) >= REDACT_BYTES_MIN)
                all[count++] = value;
        }
    }
    *ret_all = all;
    return count;
}

const char *task_values_redact(const struct task_values *values, struct arena *arena,
                               const char *text)
{
    CLEANUP(buf_done) struct buf redacted = {0};
    const char *const *all;
    size_t count = gather(values, arena, &all), len;

    for (; *text; text += len ? len : 1) {
        len = value_at(all, count, text);
        if (len)
            buf_add_str(&redacted, REDACTED);
        else
            buf_add_char(&redacted, *text);
    }
    return arena_dup_n(arena, redacted.data, redacted.len);
}
