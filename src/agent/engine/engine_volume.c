#include "agent/engine/engine_reason.h"
#include "agent/engine/engine_task.h"
#include "base/failpoint.h"

/* The volumes of a task, made before its containers (AP-314, AP-405, TD-281). A volume of the task
 * has a name of its own, which is on disk before it is made: making it twice is making it once. */

/* What the agent makes of a volume before it asks Docker to. */
static void fail_early(struct engine_volume *volume, const char *why)
{
    CLEANUP(str_freep)
    char *reason =
        str_printf("resource cannot be initialized for task %s: %s", volume->task->arn, why);

    volume->task->is_refused = true;
    engine_task_fail(volume->task, reason);
}

static void on_volume_failed(struct engine_volume *volume, const char *doing,
                             const struct docker_failure *failure)
{
    char waited[DURATION_SIZE];
    CLEANUP(str_freep) char *reason = NULL;

    if (failure->fault == DOCKER_UNREACHABLE) {
        volume->retry_at_mono_ms = engine_mono_ms(volume->task->engine) + ENGINE_RETRY_MAX_MS;
        return;
    }
    if (failure->fault == DOCKER_TIMEOUT) {
        engine_format_duration(failure->timeout_ms, waited);
        reason =
            str_printf("Could not transition to %s; timed out after waiting %s", doing, waited);
    }
    engine_task_fail(volume->task, reason ? reason : failure->message);
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
    FAIL_POINT("agent_after_volume");
    if (!finish_volume(volume))
        return;
    if (!failure)
        volume->state = VOLUME_READY;
    else
        on_volume_failed(volume, "creating volume", failure);
}

static bool has_volume_plugin(const struct agent_config *config)
{
    for (size_t i = 0; i < config->volume_plugin_capabilities.count; i++)
        if (str_eq(config->volume_plugin_capabilities.items[i], "efsAuth"))
            return true;
    return false;
}

static void create_volume(struct engine_volume *volume)
{
    struct engine *engine = volume->task->engine;
    const struct agent_config *config = engine->config;
    const struct acs_role_credentials *role = volume->task->spec->role_credentials;
    CLEANUP(str_freep)
    char *uri = role && !str_is_empty(role->credentials_id)
                    ? str_printf("/v2/credentials/%s", role->credentials_id)
                    : NULL;
    const struct volume_efs_host efs = {
        .region = config->region,
        .has_plugin = has_volume_plugin(config),
        .file_systems = &config->efs_file_systems,
        .credentials_uri = uri,
    };
    CLEANUP(buf_done) struct buf body = {0};
    CLEANUP(error_freep)
    struct error *err = volume_create_body(volume->spec, volume->docker_name, &efs, &body);

    if (err) {
        fail_early(volume, err->message);
        return;
    }
    volume->state = VOLUME_BUSY;
    engine_call_begun(volume->task);
    volume->call = docker_create_volume(engine->docker, body.data, on_volume_made, volume);
}

static void on_volume_found(const struct docker_failure *failure,
                            const struct docker_volume *docker, void *data)
{
    struct engine_volume *volume = data;
    const struct agent_config *config = volume->task->engine->config;
    bool is_autoprovisioned = volume->spec->docker_volume_configuration->autoprovision;
    CLEANUP(error_freep) struct error *mismatch = NULL;
    CLEANUP(str_freep) char *missing = NULL;

    if (!finish_volume(volume))
        return;
    if (!failure && is_autoprovisioned && config->matches_full_volume_config)
        mismatch = volume_compare(volume->spec, docker);
    if (mismatch) {
        fail_early(volume, mismatch->message);
    } else if (!failure) {
        volume->state = VOLUME_READY;
    } else if (failure->fault == DOCKER_NOT_FOUND && is_autoprovisioned) {
        create_volume(volume);
    } else if (failure->fault == DOCKER_NOT_FOUND) {
        missing = str_printf("initialize volume: volume detection failed, volume '%s' does not "
                             "exist and autoprovision is set to false: %s",
                             volume->spec->name, failure->message);
        fail_early(volume, missing);
    } else {
        on_volume_failed(volume, "inspecting volume", failure);
    }
}

void engine_volume_make(struct engine_volume *volume)
{
    if (volume->kind != VOLUME_SHARED) {
        FAIL_POINT("agent_before_volume");
        create_volume(volume);
        return;
    }
    volume->state = VOLUME_BUSY;
    engine_call_begun(volume->task);
    volume->call = docker_inspect_volume(volume->task->engine->docker, volume->docker_name,
                                         on_volume_found, volume);
}
