#include <jansson.h>

#include "agent/session/acs_message.h"
#include "base/log.h"
#include "base/mem.h"

/* What the payload says besides its tasks, which are read one by one: a task that cannot be read
 * must not take the others with it (AP-225). */
struct payload {
    const char *cluster, *instance, *id;
    const json_t *tasks;
};

static bool read_payload(const json_t *message, struct payload *ret)
{
    ret->cluster = json_string_value(json_object_get(message, "clusterArn"));
    ret->instance = json_string_value(json_object_get(message, "containerInstanceArn"));
    ret->id = json_string_value(json_object_get(message, "messageId"));
    ret->tasks = json_object_get(message, "tasks");
    return ret->cluster && ret->instance && ret->id && json_is_array(ret->tasks) &&
           json_array_size(ret->tasks) <= ACS_TASKS_MAX;
}

/* Credentials are there before the task that needs them (AP-226). */
static void keep_credentials(struct agent_acs *acs, const struct payload *payload,
                             const struct acs_task *task)
{
    if (task->execution_role_credentials)
        agent_acs_keep_credentials(acs, payload->id, task->arn, ROLE_EXECUTION,
                                   task->execution_role_credentials);
    if (task->role_credentials)
        agent_acs_keep_credentials(acs, payload->id, task->arn, ROLE_APPLICATION,
                                   task->role_credentials);
}

/* A task that cannot be read is reported STOPPED, unless the engine has it from before (AP-225). */
static void refuse(struct agent_acs *acs, const json_t *item, const struct error *err)
{
    const char *arn = json_string_value(json_object_get(item, "arn"));
    CLEANUP(str_freep) char *reason = NULL;

    log_error("task cannot be read", "task", arn, "error", err->message);
    if (!arn)
        return;
    reason = str_printf("UnrecogniedTaskError: Error loading task - %s", err->message);
    engine_refuse(acs->options.engine, arn, reason);
}

/* False if the task is not taken. */
static bool take_task(struct agent_acs *acs, const struct payload *payload, const json_t *item,
                      bool stops)
{
    struct acs_task task = {0};
    struct arena arena = {0};
    struct error *err = acs_decode_task(&arena, item, &task);
    bool is_taken = !err;

    if (err) {
        if (!stops) /* told once, in the second of two rounds */
            refuse(acs, item, err);
    } else if (str_eq(task.desired_status, "STOPPED") == stops) {
        keep_credentials(acs, payload, &task);
        err = engine_want(acs->options.engine, &task);
        is_taken = !err;
        if (err)
            log_error("task refused", "task", task.arn, "error", err->message);
    }
    error_free(err); /* said above, and reported */
    arena_done(&arena);
    return is_taken;
}

void agent_acs_on_payload(struct agent_acs *acs, const struct json_t *message)
{
    const json_t *number = json_object_get(message, "seqNum");
    bool is_whole = true;
    struct payload payload;

    if (!read_payload(message, &payload)) {
        log_error("payload without ids or tasks dropped", "id", payload.id); /* AP-221 */
        return;
    }
    if (json_is_integer(number))
        agent_acs_advance(
            acs, json_integer_value(number)); /* one that is not newer is harmless (AP-223) */
    /* Stops go before starts, whose place they may free (AP-222). */
    for (int stops = 1; stops >= 0; stops--)
        for (size_t i = 0; i < json_array_size(payload.tasks); i++)
            is_whole &= take_task(acs, &payload, json_array_get(payload.tasks, i), stops);
    if (is_whole)
        agent_acs_send_ack(acs, payload.cluster, payload.instance, payload.id);
}
