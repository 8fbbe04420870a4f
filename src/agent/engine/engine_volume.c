#include "agent/engine/engine_task.h"

/* The volumes of a task, made before its containers (AP-314, AP-405). */

static void fail_volume(struct engine_volume *volume, const char *why)
{
    CLEANUP(str_freep)
    char *reason =
        str_printf("ResourceInitializationError: volume %s: %s", volume->spec->name, why);

    engine_task_fail(volume->task, reason);
}

static void on_volume_failed(struct engine_volume *volume, const struct docker_failure *failure)
{
    if (failure->fault == DOCKER_UNREACHABLE)
        volume->retry_at_mono_ms = engine_mono_ms(volume->task->engine) + ENGINE_RETRY_MAX_MS;
    else
        fail_volume(volume, failure->message);
}

static bool finish_volume(struct engine_volume *volume)
{
    volume->call = NULL;
    volume->state = VOLUME_WANTED;
    if (!engine_call_ended(volume->task->engine, volume->task))
        return false;
    engine_task_wake(volume->task);
    return true;
}

static void on_volume_made(const struct docker_failure *failure, const struct docker_volume *docker,
                           void *data)
{
    struct engine_volume *volume = data;

    (void)docker;
    if (!finish_volume(volume))
        return;
    if (!failure)
        volume->state = VOLUME_READY;
    else
        on_volume_failed(volume, failure);
}

static void create_volume(struct engine_volume *volume)
{
    CLEANUP(buf_done) struct buf body = {0};

    volume_create_body(&body, volume->spec, volume->docker_name);
    volume->state = VOLUME_BUSY;
    engine_call_begun(volume->task);
    volume->call =
        docker_create_volume(volume->task->engine->docker, body.data, on_volume_made, volume);
}

static void on_volume_found(const struct docker_failure *failure,
                            const struct docker_volume *docker, void *data)
{
    struct engine_volume *volume = data;
    const struct agent_config *config = volume->task->engine->config;
    bool is_autoprovisioned = volume->spec->docker_volume_configuration->autoprovision;

    if (!finish_volume(volume))
        return;
    if (!failure && is_autoprovisioned && config->matches_full_volume_config &&
        !volume_matches(volume->spec, docker))
        fail_volume(volume, "one of that name exists with another configuration");
    else if (!failure)
        volume->state = VOLUME_READY;
    else if (failure->fault == DOCKER_NOT_FOUND && is_autoprovisioned)
        create_volume(volume);
    else if (failure->fault == DOCKER_NOT_FOUND)
        fail_volume(volume, "it does not exist on this instance and is not autoprovisioned");
    else
        on_volume_failed(volume, failure);
}

void engine_volume_make(struct engine_volume *volume)
{
    if (volume->kind == VOLUME_TASK) {
        create_volume(volume);
        return;
    }
    volume->state = VOLUME_BUSY;
    engine_call_begun(volume->task);
    volume->call = docker_inspect_volume(volume->task->engine->docker, volume->docker_name,
                                         on_volume_found, volume);
}
