#include <string.h>

#include "agent/engine/container.h"
#include "agent/engine/engine_reason.h"
#include "agent/engine/engine_task.h"
#include "base/failpoint.h"
#include "base/log.h"

void engine_call_begun(struct engine_task *task)
{
    task->calls++;
    task->engine->calls++;
}

bool engine_call_ended(struct engine *engine, struct engine_task *task)
{
    if (task)
        task->calls--;
    engine->calls--;
    if (!engine->is_closing)
        return true;
    engine_turn_soon(engine); /* the last one out closes */
    return false;
}

/* Ends a container's call; false if nothing is to follow because the engine is closing. */
bool engine_container_finish(struct engine_container *container)
{
    container->call = NULL;
    container->doing = ENGINE_IDLE;
    if (!engine_call_ended(container->task->engine, container->task))
        return false;
    engine_task_wake(container->task);
    return true;
}

void engine_container_begin(struct engine_container *container, enum engine_doing doing)
{
    container->doing = doing;
    engine_call_begun(container->task);
}

void engine_container_retry(struct engine_container *container)
{
    struct engine *engine = container->task->engine;
    int64_t pause_ms = ENGINE_RETRY_FIRST_MS;

    for (unsigned i = 0; i < container->tries && pause_ms < ENGINE_RETRY_MAX_MS; i++)
        pause_ms *= 2;
    if (pause_ms > ENGINE_RETRY_MAX_MS)
        pause_ms = ENGINE_RETRY_MAX_MS;
    container->tries++;
    container->retry_at_mono_ms =
        engine_mono_ms(engine) + rng_jitter_ms(&engine->rng, pause_ms, 20);
}

/* Docker's answer was lost on the way: what it did has to be looked up. */
void engine_container_doubt(struct engine_container *container)
{
    container->is_unsure = container->known != ENGINE_STOPPED;
    engine_container_retry(container);
}

static bool is_answer(const struct docker_failure *failure)
{
    return failure->fault == DOCKER_REFUSED || failure->fault == DOCKER_NOT_FOUND ||
           failure->fault == DOCKER_CONFLICT;
}

const char *engine_container_handle(const struct engine_container *container)
{
    return container->docker_id ? container->docker_id : container->docker_name;
}

/* Pull */

const char *engine_container_image(const struct engine_container *container)
{
    return container->spec->image ? container->spec->image : "";
}

void engine_container_set_image(struct engine_container *container, const char *id,
                                const char *digest)
{
    free(container->image_digest);
    container->image_digest = str_dup(digest);
    if (id) {
        free(container->image_id);
        container->image_id = str_dup(id);
    }
}

static void on_image(const struct image_result *result, void *data)
{
    struct engine_container *container = data;
    struct engine_task *task = container->task;

    container->image_request = NULL;
    if (!engine_container_finish(container))
        return;
    if (result->is_lost) {
        engine_container_retry(container);
        return;
    }
    if (!task->pull_started_at_ms)
        task->pull_started_at_ms = result->started_at_ms;
    task->pull_stopped_at_ms = result->stopped_at_ms;
    engine_task_touch(task);
    if (result->reason) {
        engine_container_end(container, -1, str_dup(result->reason));
        return;
    }
    engine_container_set_image(container, result->id, result->digest);
    container->is_image_assumed = false;
    engine_container_advance(container, ENGINE_PULLED);
}

void engine_container_pull(struct engine_container *container)
{
    struct images *images = container->task->engine->images;
    const char *image = engine_container_image(container);
    const struct value_call *login = task_values_login(container->task->values, container->spec);
    const char *auth = NULL, *reason = NULL;
    struct arena arena = {0};

    if (login)
        auth = task_values_auth(login, &arena, image, &reason);
    engine_container_begin(container, ENGINE_PULLING);
    container->image_request = reason
                                   ? images_get_cached(images, image, reason, on_image, container)
                                   : images_get(images, image, auth, on_image, container);
    arena_done(&arena);
}

/* Start */

static void on_start_failed(struct engine_container *container,
                            const struct docker_failure *failure)
{
    /* Docker also says 404 of things that the container was to use. */
    if (failure->fault == DOCKER_NOT_FOUND &&
        strstr(failure->message, engine_container_handle(container))) {
        engine_container_vanished(container);
    } else if (is_answer(failure) && container->is_repeated &&
               container->recreations < ENGINE_RECREATIONS_MAX) {
        engine_container_recreate(container); /* what Docker left behind may be in the way */
    } else if (is_answer(failure)) {
        engine_container_end(container, -1,
                             engine_reason("CannotStartContainerError", "started", failure));
    } else if (failure->fault == DOCKER_TIMEOUT) {
        /* It may run yet, now or later. */
        engine_container_end(container, -1,
                             engine_reason("CannotStartContainerError", "started", failure));
        container->is_to_be_stopped = true;
    } else {
        engine_container_doubt(container);
    }
}

static void on_started(const struct docker_failure *failure, void *data)
{
    struct engine_container *container = data;
    struct engine *engine = container->task->engine;

    FAIL_POINT("agent_after_start");
    if (!engine_container_finish(container))
        return;
    if (container->known == ENGINE_STOPPED || container->is_unsure)
        return; /* its end was quicker than the answer */
    if (failure) {
        on_start_failed(container, failure);
        return;
    }
    if (container->desired == ENGINE_RUNNING && engine_firelens_is_on_bridge(container)) {
        container->is_unsure = true; /* others wait for its address */
        return;
    }
    if (!container->started_at_ms || container->restarts)
        container->started_at_ms = engine_now_ms(engine);
    if (container->desired == ENGINE_RUNNING && engine_container_must_look_for_ports(container)) {
        container->is_unsure = true;
        return;
    }
    engine_container_bind(container, NULL);
    engine_container_advance(container, ENGINE_RUNNING);
    /* Its metadata shows what only Docker knows; nothing waits for that. */
    container->is_unsure =
        engine->config->task_endpoint_url || engine->config->writes_container_metadata;
}

void engine_container_start(struct engine_container *container)
{
    struct engine *engine = container->task->engine;

    FAIL_POINT("agent_before_start");
    container->observed = LEFTOVER_UNKNOWN;
    engine_container_begin(container, ENGINE_STARTING);
    container->call =
        docker_start(engine->docker, engine_container_handle(container),
                     engine->config->container_start_timeout_ms, on_started, container);
}

/* Look */

static bool is_ours(const struct engine_container *container, const struct docker_container *docker)
{
    return str_eq(docker->task_arn, container->task->arn) &&
           str_eq(docker->container_name, container->spec->name);
}

static void on_look_failed(struct engine_container *container, const struct docker_failure *failure)
{
    bool was_there = container->docker_id || container->is_start_sent;

    if (container->known == ENGINE_STOPPED) {
        container->is_unsure = false; /* its metadata goes without */
    } else if (failure->fault == DOCKER_NOT_FOUND && !was_there && container->tries > 0) {
        /* A name that is taken by nothing: Docker is still at work on an earlier create call. */
        container->is_unsure = false;
        engine_container_retry(container);
    } else if (failure->fault == DOCKER_NOT_FOUND) {
        engine_container_vanished(container);
    } else if (failure->fault == DOCKER_UNREACHABLE || container->tries < ENGINE_TRIES_MAX) {
        engine_container_retry(container);
    } else {
        engine_container_end(container, -1,
                             engine_reason("CannotInspectContainerError", "inspecting", failure));
        container->is_to_be_stopped = true;
    }
}

static void on_looked(const struct docker_failure *failure, const struct docker_container *docker,
                      void *data)
{
    struct engine_container *container = data;

    engine_gate_leave(container->task->engine, ENGINE_GATE_LOOK);
    if (!engine_container_finish(container))
        return;
    if (failure) {
        on_look_failed(container, failure);
    } else if (!is_ours(container, docker)) {
        container->is_unsure = false;
        engine_container_end(container, -1,
                             str_printf("CannotCreateContainerError: the name %s is in use",
                                        container->docker_name));
    } else {
        engine_container_adopt(container, docker);
    }
}

void engine_container_look(struct engine_container *container)
{
    struct engine_task *task = container->task;
    struct engine *engine = task->engine;

    if (!engine_gate_enter(task, ENGINE_GATE_LOOK))
        return;
    engine_container_begin(container, ENGINE_LOOKING);
    container->call =
        docker_inspect(engine->docker, engine_container_handle(container), on_looked, container);
}

/* Stop */

/* One of 0 is none, as it is on ECS (TD-135). */
static int grace_s(const struct engine_container *container)
{
    if (container->spec->stop_timeout > 0)
        return container->spec->stop_timeout;
    return (int)(container->task->engine->config->container_stop_timeout_ms / 1000);
}

static void on_halted(const struct docker_failure *failure, void *data)
{
    struct engine_container *container = data;
    struct engine_task *task = container->task;

    FAIL_POINT("agent_after_stop");
    if (!engine_container_finish(container))
        return;
    if (!failure || failure->fault == DOCKER_NOT_FOUND) {
        container->is_to_be_stopped = false;
        /* Its event, which has the exit code, may still be on the way. */
        container->is_unsure = container->known != ENGINE_STOPPED;
    } else if (failure->fault == DOCKER_UNREACHABLE) {
        engine_container_doubt(container);
    } else if (container->tries < ENGINE_TRIES_MAX) {
        log_warning("container not stopped, trying again", "task", task->arn, "container",
                    container->spec->name, "error", failure->message);
        engine_container_retry(container);
    } else {
        container->is_to_be_stopped = false;
        if (!task->reason)
            task->reason = str_dup(REASON_STATE);
        engine_container_end(container, -1,
                             engine_reason("CannotStopContainerError", "stopped", failure));
    }
}

void engine_container_halt(struct engine_container *container)
{
    FAIL_POINT("agent_before_stop");
    container->is_stop_asked = true;
    engine_container_begin(container, ENGINE_STOPPING);
    container->call =
        docker_stop(container->task->engine->docker, engine_container_handle(container),
                    grace_s(container), on_halted, container);
}

/* Ends everything that is under way, because the engine is closing. Completions still run. */
void engine_cancel_calls(struct engine_task *task)
{
    for (size_t i = 0; i < task->container_count; i++) {
        struct engine_container *container = &task->containers[i];

        if (container->call)
            docker_cancel(container->call);
        if (container->image_request) {
            image_cancel(TAKE(container->image_request));
            container->doing = ENGINE_IDLE;
            (void)engine_call_ended(task->engine, task);
        }
    }
    engine_values_cancel(task);
    for (size_t i = 0; i < task->volume_count; i++)
        if (task->volumes[i].call)
            docker_cancel(task->volumes[i].call);
}
