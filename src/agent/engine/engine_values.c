#include <string.h>

#include "agent/aws/aws_fetch.h"
#include "agent/engine/engine_task.h"
#include "base/failpoint.h"
#include "base/mem.h"

/* What a task is given by reference, fetched before its containers are created, all at once, in
 * each life of the agent in which one is still to be created (AP-471, AP-472, TD-281).
 *
 *   NONE: the task refers to nothing.
 *   WANTED -> BUSY -> READY    WANTED waits for the role's keys, which an agent that started anew
 *     ^                  |     has not been told yet
 *     +------------------+     all containers run or have ended: the values are forgotten
 */

struct engine_value {
    struct engine_task *task;
    struct value_call *call;
    struct aws_fetch *fetch; /* NULL: it has ended */
};

static const enum config_aws_service services[VALUE_KIND_COUNT] = {
    [VALUE_LOGIN] = CONFIG_AWS_SECRETS_MANAGER,
    [VALUE_PARAMETERS] = CONFIG_AWS_SSM,
    [VALUE_SECRET] = CONFIG_AWS_SECRETS_MANAGER,
    [VALUE_FILE] = CONFIG_AWS_S3,
    [VALUE_ROUTER] = CONFIG_AWS_S3,
    [VALUE_TOKEN] = CONFIG_AWS_ECR,
};

void engine_set_aws(struct engine *engine, struct aws_fetcher *fetcher, engine_keys_fn *keys,
                    void *data)
{
    engine->fetcher = fetcher;
    engine->keys = keys;
    engine->keys_data = data;
}

void engine_values_read(struct engine_task *task)
{
    task->values = task_values_new(task->spec, task->engine->config->region);
    task->values_state = task->values ? VALUES_WANTED : VALUES_NONE;
}

void engine_values_free(struct engine_task *task)
{
    task_values_free(task->values);
    free(task->value_fetches);
    task->values = NULL;
    task->value_fetches = NULL;
}

/* ---- the end ---- */

static void finish(struct engine_task *task)
{
    struct arena arena = {0};
    const char *reason;

    task->values_state = VALUES_READY;
    reason = task_values_reason(task->values, &arena);
    if (reason && task->desired == ENGINE_RUNNING)
        engine_task_fail(task, reason);
    arena_done(&arena);
    engine_task_wake(task);
}

static const char *token_key(struct arena *arena, const struct engine_task *task,
                             const struct value_call *call)
{
    const struct acs_role_credentials *role = task->spec->execution_role_credentials;
    const char *arn = call->is_by_agent || !role || !role->role_arn ? "" : role->role_arn;

    return arena_printf(arena, "%s %s %s %s", arn, call->region, call->registry_id,
                        call->endpoint ? call->endpoint : "");
}

static void keep_token(const struct engine_task *task, const struct value_call *call)
{
    struct arena arena = {0};

    registry_tokens_put(&task->engine->tokens, token_key(&arena, task, call), &call->token,
                        &task->engine->rng);
    arena_done(&arena);
}

static void on_fetched(const struct aws_fault *fault, const char *body, size_t len, void *data)
{
    struct engine_value *value = data;
    struct engine_task *task = value->task;

    value->fetch = NULL;
    FAIL_POINT("agent_after_fetch");
    if (!engine_call_ended(task->engine, task))
        return;
    task_values_take(task->values, value->call, fault, body, len);
    if (value->call->kind == VALUE_TOKEN && !value->call->failure)
        keep_token(task, value->call);
    if (task->values->waiting == 0)
        finish(task);
    else
        engine_task_wake(task); /* a pull may have its login now */
}

/* ---- the begin ---- */

static void fetch(struct engine_value *value, const struct sigv4_keys *keys)
{
    struct engine_task *task = value->task;
    const struct value_call *call = value->call;
    CLEANUP(buf_done) struct buf body = {0};
    struct aws_fetch_request request = {
        .service = services[call->kind],
        .region = call->region,
        .endpoint = call->endpoint,
        .keys = *keys,
        .bucket = call->bucket,
        .key = call->key,
    };

    task_values_ask(call, &body);
    request.body = body.data;
    engine_call_begun(task);
    value->fetch = aws_fetch_start(task->engine->fetcher, &request, on_fetched, value);
}

/* True if an earlier one is still good. */
static bool take_known_token(struct engine_task *task, struct value_call *call)
{
    struct engine *engine = task->engine;
    const struct aws_registry_token *known;
    struct arena arena = {0};

    if (call->kind != VALUE_TOKEN)
        return false;
    known =
        registry_tokens_find(&engine->tokens, token_key(&arena, task, call), engine_now_ms(engine));
    if (known)
        task_values_take_token(task->values, call, known);
    arena_done(&arena);
    return known != NULL;
}

static bool get_keys(const struct engine *engine, const char *credentials_id,
                     struct sigv4_keys *ret)
{
    return engine->keys && engine->keys(credentials_id, ret, engine->keys_data);
}

static void begin_call(struct engine_value *value, const struct sigv4_keys *role)
{
    static const struct aws_fault no_keys = {"NoCredentialProviders",
                                             .text = "NoCredentialProviders: no valid providers in "
                                                     "chain"};
    struct engine_task *task = value->task;
    struct sigv4_keys own;

    if (take_known_token(task, value->call))
        return;
    if (!value->call->is_by_agent)
        fetch(value, role);
    else if (get_keys(task->engine, NULL, &own))
        fetch(value, &own);
    else
        task_values_take(task->values, value->call, &no_keys, NULL, 0);
}

static bool needs_role(const struct task_values *values)
{
    for (size_t i = 0; i < values->count; i++)
        if (!values->calls[i].is_by_agent)
            return true;
    return false;
}

/* The keys of the execution role. False: they may still come. */
static bool find_role(struct engine_task *task, struct sigv4_keys *ret, int64_t *soonest_ms)
{
    const struct acs_role_credentials *role = task->spec->execution_role_credentials;
    int64_t wait_ms = task->keys_by_mono_ms - engine_mono_ms(task->engine);
    bool is_named = role && !str_is_empty(role->credentials_id);

    if (!needs_role(task->values) ||
        (is_named && get_keys(task->engine, role->credentials_id, ret)))
        return true;
    if (is_named && task->keys_by_mono_ms && wait_ms > 0) {
        if (*soonest_ms == 0 || wait_ms < *soonest_ms)
            *soonest_ms = wait_ms;
        return false;
    }
    task_values_refuse(task->values);
    return true;
}

static void begin(struct engine_task *task, int64_t *soonest_ms)
{
    struct task_values *values;
    struct sigv4_keys role = {0};

    if (!task->values)
        task->values = task_values_new(task->spec, task->engine->config->region);
    values = task->values;
    if (!find_role(task, &role, soonest_ms))
        return;
    FAIL_POINT("agent_before_fetch");
    task->values_state = VALUES_BUSY;
    task->value_fetches = xcalloc(values->count + 1, sizeof(*task->value_fetches));
    for (size_t i = 0; i < values->count; i++) {
        task->value_fetches[i] = (struct engine_value){task, &values->calls[i], NULL};
        if (!values->calls[i].is_done)
            begin_call(&task->value_fetches[i], &role);
    }
    if (values->waiting == 0)
        finish(task);
}

void engine_values_cancel(struct engine_task *task)
{
    for (size_t i = 0; task->value_fetches && i < task->values->count; i++)
        if (task->value_fetches[i].fetch)
            aws_fetch_cancel(task->value_fetches[i].fetch);
}

/* How far the container is that is least far. */
static enum engine_status least_known(const struct engine_task *task)
{
    enum engine_status least = ENGINE_STOPPED;

    for (size_t i = 0; i < task->container_count; i++)
        if (task->containers[i].known < least)
            least = task->containers[i].known;
    return least;
}

void engine_values_step(struct engine_task *task, int64_t *soonest_ms)
{
    if (task->values_state == VALUES_NONE)
        return;
    if (task->values_state == VALUES_READY && least_known(task) >= ENGINE_RUNNING) {
        engine_values_free(task);
        task->values_state = VALUES_WANTED; /* should one have to be created again */
    } else if (task->desired == ENGINE_STOPPED) {
        engine_values_cancel(task);
    } else if (task->values_state == VALUES_WANTED && least_known(task) < ENGINE_CREATED) {
        begin(task, soonest_ms);
    }
}

void engine_credentials_came(struct engine *engine, const char *task_arn)
{
    struct engine_task *task = engine_task_find(engine, task_arn);

    if (task && task->values_state == VALUES_WANTED)
        engine_task_wake(task);
}

/* ---- what waits for them ---- */

bool engine_values_are_there(const struct engine_task *task)
{
    return task->values_state == VALUES_NONE || task->values_state == VALUES_READY;
}

bool engine_values_may_pull(const struct engine_container *container)
{
    const struct engine_task *task = container->task;
    const struct value_call *login;

    if (!container->spec->registry_authentication || engine_values_are_there(task))
        return true;
    login = task_values_login(task->values, container->spec);
    /* Without a login of Secrets Manager the task ends, once the others have answered (TD-222). */
    return task->values_state == VALUES_BUSY && login && login->is_done &&
           (login->kind == VALUE_TOKEN || !login->failure);
}

char *engine_values_redact(const struct engine_task *task, char *text)
{
    struct arena arena = {0};
    char *redacted;

    if (!text || !task->values)
        return text;
    redacted = str_dup(task_values_redact(task->values, &arena, text));
    arena_done(&arena);
    free(text);
    return redacted;
}
