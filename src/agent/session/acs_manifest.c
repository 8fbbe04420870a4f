#include <jansson.h>

#include "agent/engine/store.h"
#include "agent/session/acs_message.h"
#include "base/log.h"
#include "base/mem.h"

/* Which of the engine's tasks the control plane no longer wants (AP-240 to AP-242). */
struct comparison {
    struct arena *arena;
    const struct acs_task_manifest_message *manifest;
    struct acs_task_identifier *items;
    size_t count, capacity;
};

static bool is_wanted(const struct acs_task_manifest_message *manifest, const char *task_arn)
{
    for (size_t i = 0; i < manifest->tasks.count; i++)
        if (str_eq(manifest->tasks.items[i].task_arn, task_arn))
            return str_eq(manifest->tasks.items[i].desired_status, "RUNNING");
    return false;
}

static void compare_task(const struct engine_task_view *task, void *data)
{
    struct comparison *comparison = data;

    if (task->desired == ENGINE_STOPPED || task->known == ENGINE_STOPPED ||
        is_wanted(comparison->manifest, task->arn))
        return;
    ARRAY_GROW(comparison->items, comparison->count, comparison->capacity);
    comparison->items[comparison->count++] = (struct acs_task_identifier){
        .task_arn = arena_dup(comparison->arena, task->arn),
        .task_cluster_arn = comparison->manifest->cluster_arn,
        .desired_status = "STOPPED",
    };
}

static void send_candidates(struct agent_acs *acs, const struct comparison *comparison)
{
    struct acs_task_stop_verification_message message = {
        .message_id = comparison->manifest->message_id,
        .stop_candidates = {true, comparison->count, comparison->items},
    };
    struct buf body = {0};

    acs_encode_task_stop_verification_message(&body, &message);
    agent_acs_send(acs, "TaskStopVerificationMessage", &body);
    buf_done(&body);
}

/* The number is on disk before the manifest is acknowledged: an older one stays refused after a
 * restart. */
static struct error *save_number(struct agent_acs *acs)
{
    CLEANUP(str_freep) char *text = str_printf("%lld", (long long)acs->manifest_number);

    return agent_store_set(acs->options.store, ACS_STORE_MANIFEST, text);
}

static struct error *take_manifest(struct agent_acs *acs, struct arena *arena,
                                   const json_t *message)
{
    struct acs_task_manifest_message in = {0};
    struct comparison comparison = {.arena = arena, .manifest = &in};

    TRY(acs_decode_task_manifest_message(arena, message, &in));
    if (!in.cluster_arn || !in.container_instance_arn)
        return error_new(API_CLIENT, "manifest %s without cluster or instance", in.message_id);
    if (!agent_acs_advance(acs, in.timeline))
        return error_new(API_CLIENT, "manifest %s is not newer than the last", in.message_id);
    TRY(save_number(acs));
    free(acs->manifest_id);
    acs->manifest_id = str_dup(in.message_id);
    agent_acs_send_ack(acs, in.cluster_arn, in.container_instance_arn, in.message_id);
    engine_each(acs->options.engine, compare_task, &comparison);
    if (comparison.count)
        send_candidates(acs, &comparison);
    free(comparison.items);
    return NULL;
}

static void ignore(const char *what, struct error *err)
{
    if (err)
        log_warning("message ignored", "type", what, "error", err->message);
    error_free(err); /* said above */
}

void agent_acs_on_manifest(struct agent_acs *acs, const struct json_t *message)
{
    struct arena arena = {0};

    ignore("TaskManifestMessage", take_manifest(acs, &arena, message));
    arena_done(&arena);
}

static void stop_task(struct agent_acs *acs, const char *task_arn)
{
    struct acs_task task = {.arn = task_arn, .desired_status = "STOPPED"};
    struct engine_task_view known;
    struct error *err;

    if (!engine_view(acs->options.engine, task_arn, &known))
        return;
    log_info("task no longer wanted", "task", task_arn);
    err = engine_want(acs->options.engine, &task);
    if (err)
        log_error("task not stopped", "task", task_arn, "error", err->message);
    error_free(err); /* said above; the next manifest names it again */
}

static struct error *take_verification(struct agent_acs *acs, struct arena *arena,
                                       const json_t *message)
{
    struct acs_task_stop_verification_ack in = {0};

    TRY(acs_decode_task_stop_verification_ack(arena, message, &in));
    if (!str_eq(in.message_id, acs->manifest_id))
        return error_new(API_CLIENT, "verification %s belongs to no manifest", in.message_id);
    free(TAKE(acs->manifest_id)); /* good for once */
    for (size_t i = 0; i < in.stop_tasks.count; i++)
        if (str_eq(in.stop_tasks.items[i].desired_status, "STOPPED"))
            stop_task(acs, in.stop_tasks.items[i].task_arn);
    return NULL;
}

void agent_acs_on_stop_verification(struct agent_acs *acs, const struct json_t *message)
{
    struct arena arena = {0};

    ignore("TaskStopVerificationAck", take_verification(acs, &arena, message));
    arena_done(&arena);
}
