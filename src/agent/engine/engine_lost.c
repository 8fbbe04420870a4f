#include "agent/engine/engine_leftover.h"
#include "agent/engine/engine_reason.h"
#include "agent/engine/engine_task.h"
#include "base/log.h"

/* Starts whose answer was lost because Docker died. */

#define PROC "/proc"

static void on_removed_anew(const struct docker_failure *failure, void *data)
{
    struct engine_container *container = data;

    if (!engine_container_finish(container))
        return;
    if (failure && failure->fault != DOCKER_NOT_FOUND) {
        engine_container_doubt(container);
        return;
    }
    container->known = ENGINE_PULLED;
    container->is_start_sent = container->is_repeated = false;
    container->created_at_ms = 0;
    engine_container_set_id(container, NULL);
}

void engine_container_recreate(struct engine_container *container)
{
    log_warning("Docker lost a container before it began, making it anew", "task",
                container->task->arn, "container", container->spec->name);
    container->recreations++;
    engine_container_begin(container, ENGINE_REMOVING);
    container->call = docker_remove(container->task->engine->docker,
                                    engine_container_handle(container), on_removed_anew, container);
}

static bool is_in_doubt(const struct engine_container *container)
{
    return container->docker_id && container->known == ENGINE_CREATED &&
           (container->doing == ENGINE_STARTING ||
            (container->is_start_sent && !container->started_at_ms));
}

void engine_observe_starts(struct engine *engine)
{
    struct engine_task *task;

    TAILQ_FOREACH(task, &engine->order, in_order)
    {
        for (size_t i = 0; task->holds_resources && i < task->container_count; i++) {
            struct engine_container *container = &task->containers[i];
            enum engine_leftover seen;

            if (!is_in_doubt(container))
                continue;
            seen = engine_leftover_observe(PROC, container->docker_id);
            if (seen > container->observed)
                container->observed = seen; /* what has begun once has begun */
        }
    }
}

static enum engine_leftover judge(const struct engine_container *container)
{
    enum engine_leftover found;

    if (container->observed == LEFTOVER_RAN)
        return LEFTOVER_RAN;
    found = engine_leftover_find(container->task->engine->docker_root, PROC,
                                 engine_container_handle(container), container->log_driver);
    return found == LEFTOVER_UNKNOWN ? container->observed : found;
}

bool engine_container_may_start_again(struct engine_container *container)
{
    enum engine_leftover found = judge(container);

    container->is_repeated = found == LEFTOVER_NOTHING;
    if (container->is_repeated)
        return true;
    engine_leftover_kill(PROC, engine_container_handle(container));
    if (found == LEFTOVER_HELD && container->recreations < ENGINE_RECREATIONS_MAX)
        engine_container_recreate(container);
    else
        engine_container_end(container, -1, str_dup(REASON_LOST));
    return false;
}
