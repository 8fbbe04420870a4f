#include <string.h>

#include "agent/engine/container.h"
#include "agent/engine/engine_reason.h"
#include "agent/engine/engine_task.h"
#include "agent/engine/env_file.h"
#include "base/failpoint.h"

/* Making a container: what the engine knows of the task as a plan, the call, what it came to. */

static enum container_gpus gpus_of(const struct agent_config *config)
{
    if (!config->has_gpu_support)
        return CONTAINER_GPUS_NONE;
    return config->is_external ? CONTAINER_GPUS_REQUESTS : CONTAINER_GPUS_RUNTIME;
}

/* What was fetched for the task (engine_values.c). */
static struct error *add_values(struct arena *arena, const struct engine_container *container,
                                struct acs_string_map *environment, struct container_plan *plan)
{
    const struct engine_task *task = container->task;

    if (!task->values)
        return NULL;
    if (!task_values_environment(task->values, arena, container->spec, environment))
        return error_new(API_CLIENT,
                         "ResourceInitializationError: resource cannot be initialized for task %s: "
                         "a line of an environment file is longer than %d bytes",
                         task->arn, ENV_FILE_LINE_MAX);
    plan->environment = environment;
    plan->log_secret_count = task_values_log_secrets(task->values, arena, &plan->log_secrets);
    return NULL;
}

static struct error *create_body(struct engine_container *container, struct buf *ret_body)
{
    struct engine_task *task = container->task;
    const struct agent_config *config = task->engine->config;
    struct arena arena = {0};
    const char **docker_names = ARENA_ARRAY(&arena, const char *, task->container_count);
    const char **volume_names = ARENA_ARRAY(&arena, const char *, task->volume_count);
    struct acs_string_map environment;
    struct container_plan plan = {
        .endpoint_url = config->task_endpoint_url,
        .endpoint_id = container->endpoint_id,
        .metadata_dir = engine_metadata_begin(&arena, container),
        .is_selinux_on = config->is_selinux_capable,
        .task = task->spec,
        .container = container->spec,
        .cluster = config->cluster ? config->cluster : "default",
        .region = images_has_region(task->engine->images, engine_container_image(container))
                      ? NULL
                      : config->region,
        .is_privileged_disabled = config->is_privileged_disabled,
        .docker_names = docker_names,
        .volume_names = volume_names,
        .range_starts = container->range_starts,
        .awslogs_endpoint = config->awslogs_endpoint,
        .firelens_dir = engine_firelens_dir(&arena, task),
        .router_address = engine_firelens_address(&arena, task),
        .is_firelens_async = config->is_firelens_async,
        .is_docker_old = task->engine->is_docker_old,
        .has_no_health_checks = task->engine->has_no_health_checks,
        .cgroup_parent = task->cgroup_parent,
        .inherits_task_memory = config->hands_down_task_memory && task->engine->cgroups.is_unified,
        .pause_id = engine_pause_id(task),
        .gpus = gpus_of(config),
        .nvidia_runtime = config->nvidia_runtime,
    };
    struct error *err;

    for (size_t i = 0; i < task->container_count; i++)
        docker_names[i] = task->containers[i].docker_name;
    for (size_t i = 0; i < task->volume_count; i++)
        volume_names[i] = task->volumes[i].docker_name;
    err = engine_container_choose_ports(container);
    if (!err)
        err = add_values(&arena, container, &environment, &plan);
    if (!err)
        err = container_create_body(&plan, ret_body);
    arena_done(&arena);
    return err;
}

static void on_create_failed(struct engine_container *container,
                             const struct docker_failure *failure)
{
    if (failure->fault == DOCKER_NOT_FOUND && container->is_image_assumed &&
        strcasestr(failure->message, "no such image")) {
        container->is_image_assumed = false;
        if (container_is_internal(container->spec->name))
            container->task->engine->is_pause_missing = true;
        else
            images_forget(container->task->engine->images, engine_container_image(container));
        container->known = ENGINE_NONE; /* back to the pull that was skipped */
        return;
    }
    /* The name is ours alone: somebody who has it is the container that an earlier call made. */
    if (failure->fault == DOCKER_CONFLICT && container->tries < ENGINE_CONFLICT_TRIES_MAX) {
        engine_container_doubt(container);
        container->retry_at_mono_ms = 0;
        return;
    }
    if (failure->fault == DOCKER_UNREACHABLE || failure->fault == DOCKER_MALFORMED) {
        engine_container_doubt(container);
        return;
    }
    container->may_come_late = failure->fault == DOCKER_TIMEOUT;
    engine_container_end(container, -1,
                         engine_reason("CannotCreateContainerError", "created", failure));
}

static void on_created(const struct docker_failure *failure, const char *id, void *data)
{
    struct engine_container *container = data;

    FAIL_POINT("agent_after_create");
    if (!engine_container_finish(container))
        return;
    if (container->known == ENGINE_STOPPED)
        return;
    if (failure) {
        on_create_failed(container, failure);
        return;
    }
    container->created_at_ms = engine_now_ms(container->task->engine);
    engine_container_set_id(container, id);
    engine_container_advance(container, ENGINE_CREATED);
}

void engine_container_create(struct engine_container *container)
{
    struct engine *engine = container->task->engine;
    CLEANUP(buf_done) struct buf body = {0};
    struct error *err;

    if (!engine_firelens_prepare(container))
        return;
    err = create_body(container, &body);
    if (err) {
        engine_container_end(container, -1, str_dup(err->message));
        error_free(err); /* it is the container's reason now */
        return;
    }
    FAIL_POINT("agent_before_create");
    engine_container_begin(container, ENGINE_CREATING);
    container->call =
        docker_create(engine->docker, container->docker_name, body.data,
                      engine->config->container_create_timeout_ms, on_created, container);
}
