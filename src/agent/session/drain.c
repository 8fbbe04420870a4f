#include "agent/session/drain.h"

#include "agent/session/session_backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "gen/ecs_types.h"

static const struct backoff repeated = {
    .first_ms = 250, .most_ms = 30000, .growth_percent = 200, .jitter_percent = 20};

struct drain {
    struct drain_options options;
    struct backoff backoff;
    struct timer retry;
    bool is_calling, is_freed;
};

static void ask(void *data);

/* Takes `err`. */
static void on_answer(struct error *err, const struct json_t *json, void *data)
{
    struct drain *drain = data;

    (void)json;
    drain->is_calling = false;
    if (drain->is_freed) {
        error_free(err); /* nobody waits for it */
        drain_free(drain);
        return;
    }
    if (!err) {
        log_info("instance is draining");
    } else if (api_client_is_retriable(err)) {
        log_warning("instance not set to DRAINING, trying again", "error", err->message);
        timer_start(&drain->retry, drain->options.loop,
                    backoff_next_ms(&drain->backoff, drain->options.rng), ask, drain);
    } else {
        log_error("instance not set to DRAINING", "error", err->message);
    }
    error_free(err); /* said above */
}

static void ask(void *data)
{
    struct drain *drain = data;
    struct ecs_update_container_instances_state_request request = {
        .cluster = drain->options.cluster,
        .status = ECS_CONTAINER_INSTANCE_STATUS_DRAINING,
    };
    struct arena arena = {0};
    CLEANUP(buf_done) struct buf body = {0};

    drain->is_calling = true;
    SET_LIST(&arena, &request.container_instances, 1);
    request.container_instances.items[0] = drain->options.instance_arn;
    ecs_encode_update_container_instances_state_request(&body, &request);
    api_client_call(drain->options.client, "UpdateContainerInstancesState", &body, on_answer,
                    drain);
    arena_done(&arena);
}

struct drain *drain_start(const struct drain_options *options)
{
    struct drain *drain = xcalloc(1, sizeof(*drain));

    drain->options = *options;
    drain->backoff = repeated;
    ask(drain);
    return drain;
}

void drain_free(struct drain *drain)
{
    if (!drain)
        return;
    drain->is_freed = true;
    if (drain->is_calling)
        return; /* freed by the completion */
    timer_stop(&drain->retry);
    free(drain);
}
