#include <string.h>

#include "agent/engine/container.h"
#include "agent/engine/engine_task.h"
#include "base/failpoint.h"
#include "base/log.h"

/* AP-417: for a report that nobody takes, in this life of the agent. */
#define CLEANUP_WAIT_MAX_MS  (72LL * 3600 * 1000)
#define CLEANUP_RETRY_MS     10000
#define CLEANUP_RETRY_MAX_MS 1800000

/* Containers first, then their cgroup and volumes, then the record. Each is tried again after a
 * pause if Docker refuses; after ENGINE_REMOVE_TRIES_MAX what is left is left to the operator. */

static void remove_next(struct engine_task *task);

static void on_cleanup_due(void *data)
{
    struct engine_task *task = data;

    if (task->reported != ENGINE_STOPPED && !task->is_cleanup_late) {
        task->is_cleanup_late = true;
        timer_start(&task->cleanup_timer, task->engine->loop, CLEANUP_WAIT_MAX_MS, on_cleanup_due,
                    task);
        return;
    }
    task->is_cleanup_due = true;
    engine_cleanup_resume(task);
}

void engine_cleanup_resume(struct engine_task *task)
{
    if (!task->is_cleanup_due || !task->engine->is_linked)
        return; /* resumed when Docker is back */
    if (task->calls > 0) {
        timer_start(&task->cleanup_timer, task->engine->loop, CLEANUP_RETRY_MS, on_cleanup_due,
                    task);
        return;
    }
    task->is_cleanup_due = false;
    task->is_being_removed = true;
    remove_next(task);
}

/* Too many have stopped in too short a time to keep them all for so long. */
static void hasten_oldest(struct engine *engine)
{
    struct engine_task *task;

    TAILQ_FOREACH(task, &engine->order, in_order)
    {
        if (task->reported != ENGINE_STOPPED || task->is_cleanup_due || task->is_being_removed)
            continue;
        timer_start(&task->cleanup_timer, engine->loop, 0, on_cleanup_due, task);
        return;
    }
}

void engine_cleanup_schedule(struct engine_task *task)
{
    struct engine *engine = task->engine;
    const struct agent_config *config = engine->config;
    int64_t wait_ms = config->task_cleanup_wait_ms;
    int64_t since_ms = engine_now_ms(engine) - task->stopped_at_ms;

    if (task->is_being_removed || (task->is_cleanup_late && task->reported != ENGINE_STOPPED))
        return;
    if (since_ms < 0)
        since_ms = 0; /* the clock was set back */
    if (config->task_cleanup_jitter_ms > 0)
        wait_ms += (int64_t)rng_below(&engine->rng, (uint64_t)config->task_cleanup_jitter_ms);
    timer_start(&task->cleanup_timer, engine->loop, wait_ms - since_ms, on_cleanup_due, task);
    if (engine->stopped_count > ENGINE_STOPPED_MAX)
        hasten_oldest(engine);
}

static void retry_later(struct engine_task *task)
{
    int64_t pause_ms = CLEANUP_RETRY_MS;

    for (unsigned i = 0; i < task->remove_tries && pause_ms < CLEANUP_RETRY_MAX_MS; i++)
        pause_ms *= 2;
    if (pause_ms > CLEANUP_RETRY_MAX_MS)
        pause_ms = CLEANUP_RETRY_MAX_MS;
    task->remove_tries++;
    timer_start(&task->cleanup_timer, task->engine->loop, pause_ms, on_cleanup_due, task);
}

/* True if the thing is gone, or no longer ours to remove. */
static bool is_gone(struct engine_task *task, const char *what,
                    const struct docker_failure *failure)
{
    if (!failure || failure->fault == DOCKER_NOT_FOUND)
        return true;
    log_warning("not removed", "task", task->arn, "name", what, "error", failure->message);
    return task->remove_tries >= ENGINE_REMOVE_TRIES_MAX;
}

/* The agent's own containers of the task, or the others. */
static bool are_removed(const struct engine_task *task, bool are_internal)
{
    for (size_t i = 0; i < task->container_count; i++) {
        const struct engine_container *container = &task->containers[i];

        if (!container->is_removed && container_is_internal(container->spec->name) == are_internal)
            return false;
    }
    return true;
}

/* A volume of the task's own; shared ones stay (TD-154). */
static bool is_to_be_removed(const struct engine_volume *volume)
{
    return volume_is_of_task(volume->kind) && volume->state != VOLUME_REMOVED;
}

static bool are_volumes_removed(const struct engine_task *task)
{
    for (size_t i = 0; i < task->volume_count; i++)
        if (is_to_be_removed(&task->volumes[i]))
            return false;
    return true;
}

void engine_cleanup_go_on(struct engine_task *task, bool is_complete)
{
    if (task->calls > 0)
        return;
    if (is_complete)
        remove_next(task);
    else
        retry_later(task);
}

static void on_container_removed(const struct docker_failure *failure, void *data)
{
    struct engine_container *container = data;
    struct engine_task *task = container->task;

    container->call = NULL;
    container->doing = ENGINE_IDLE;
    if (!engine_call_ended(task->engine, task))
        return;
    container->is_removed = is_gone(task, container->docker_name, failure);
    if (container->may_come_late && failure && failure->fault == DOCKER_NOT_FOUND)
        container->may_come_late = container->is_removed = false; /* asked once more, later */
    engine_cleanup_go_on(task, are_removed(task, container_is_internal(container->spec->name)));
}

static void on_volume_removed(const struct docker_failure *failure, void *data)
{
    struct engine_volume *volume = data;
    struct engine_task *task = volume->task;

    volume->call = NULL;
    if (!engine_call_ended(task->engine, task))
        return;
    if (is_gone(task, volume->docker_name, failure))
        volume->state = VOLUME_REMOVED;
    engine_cleanup_go_on(task, are_volumes_removed(task));
}

/* A task that never had a turn has nothing in Docker, but asking is cheap and covers one whose turn
 * was not written down. The pause container goes last: Podman keeps one whose namespaces another
 * container has. */
static void remove_containers(struct engine_task *task)
{
    bool are_internal = are_removed(task, false);

    for (size_t i = 0; i < task->container_count; i++) {
        struct engine_container *container = &task->containers[i];

        if (container->is_removed || container_is_internal(container->spec->name) != are_internal)
            continue;
        container->doing = ENGINE_REMOVING;
        engine_call_begun(task);
        container->call =
            docker_remove(task->engine->docker,
                          container->docker_id ? container->docker_id : container->docker_name,
                          on_container_removed, container);
    }
}

static void remove_volumes(struct engine_task *task)
{
    for (size_t i = 0; i < task->volume_count; i++) {
        struct engine_volume *volume = &task->volumes[i];

        if (!is_to_be_removed(volume))
            continue;
        engine_call_begun(task);
        volume->call = docker_remove_volume(task->engine->docker, volume->docker_name,
                                            on_volume_removed, volume);
    }
}

static void forget(struct engine_task *task)
{
    struct error *err;

    engine_firelens_remove(task);
    engine_metadata_remove(task);
    err = engine_forget(task);
    if (err) {
        log_warning("task not forgotten", "task", task->arn, "error", err->message);
        error_free(err); /* tried again */
        retry_later(task);
        return;
    }
    log_info("task cleaned up", "task", task->arn);
    engine_task_free(task);
}

static void remove_next(struct engine_task *task)
{
    FAIL_POINT("agent_before_remove");
    if (!are_removed(task, false) || !are_removed(task, true))
        remove_containers(task);
    else if (!are_volumes_removed(task))
        remove_volumes(task);
    else if (task->cgroup_parent && task->cgroup != CGROUP_REMOVED &&
             task->remove_tries < ENGINE_REMOVE_TRIES_MAX)
        engine_cgroup_remove(task); /* a monitor of Podman's may be in it for minutes */
    else
        forget(task);
}
