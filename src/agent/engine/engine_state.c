#include <assert.h>
#include <string.h>

#include "agent/engine/container.h"
#include "agent/engine/container_port.h"
#include "agent/engine/engine_reason.h"
#include "agent/engine/engine_task.h"
#include "base/log.h"

int64_t engine_now_ms(const struct engine *engine)
{
    return clock_wall_ms(engine->clock);
}

int64_t engine_mono_ms(const struct engine *engine)
{
    return clock_mono_ms(engine->clock);
}

void engine_task_wake(struct engine_task *task)
{
    if (!task->is_woken) {
        task->is_woken = true;
        TAILQ_INSERT_TAIL(&task->engine->woken, task, in_woken);
    }
    engine_turn_soon(task->engine);
}

void engine_task_touch(struct engine_task *task)
{
    if (task->is_dirty)
        return;
    task->is_dirty = true;
    TAILQ_INSERT_TAIL(&task->engine->dirty, task, in_dirty);
}

void engine_task_stop(struct engine_task *task)
{
    if (task->desired != ENGINE_STOPPED) {
        log_info("stopping task", "task", task->arn);
        task->desired = ENGINE_STOPPED;
        engine_task_touch(task);
    }
    for (size_t i = 0; i < task->container_count; i++)
        task->containers[i].desired = ENGINE_STOPPED;
    engine_task_wake(task);
}

void engine_task_fail(struct engine_task *task, const char *reason)
{
    if (!task->reason)
        task->reason = str_dup(reason);
    engine_task_stop(task);
}

void engine_task_tell_again(struct engine_task *task)
{
    for (size_t i = 0; i < task->container_count; i++) {
        task->containers[i].reported = ENGINE_NONE;
        task->containers[i].is_fresh = true;
    }
    task->reported = ENGINE_NONE;
    task->is_changed = true;
    task->stopped_revision = task->revision + 1;
    engine_task_touch(task);
    engine_task_wake(task);
}

static void leave_gate(struct engine_container *container)
{
    if (container->is_in_gate)
        engine_gate_leave(container->task->engine, ENGINE_GATE_START);
    container->is_in_gate = false;
}

void engine_container_advance(struct engine_container *container, enum engine_status known)
{
    assert(known != ENGINE_STOPPED && container->known != ENGINE_STOPPED);
    if (known >= ENGINE_RUNNING)
        leave_gate(container);
    if (container->known != known) {
        container->known = known;
        container->is_fresh = true;
        container->tries = 0;
        container->retry_at_mono_ms = 0;
        engine_task_touch(container->task);
    }
    engine_task_wake(container->task);
}

/* Others of the task may ask for its metadata, and Docker has not been asked yet: it ended before,
 * or could not start. */
static bool is_to_be_shown(const struct engine_container *container)
{
    return container->task->desired == ENGINE_RUNNING && container->docker_id &&
           !container->detail && container->task->engine->config->task_endpoint_url;
}

void engine_container_end(struct engine_container *container, int exit_code, char *reason)
{
    struct engine_task *task = container->task;

    if (container->known == ENGINE_STOPPED) {
        free(reason);
        return;
    }
    engine_task_wake(task);
    if (!container->finished_at_ms)
        container->finished_at_ms = engine_now_ms(task->engine);
    leave_gate(container);
    container->known = container->desired = ENGINE_STOPPED;
    container->is_fresh = true;
    container->is_start_wanted = false;
    container->tries = 0;
    container->retry_at_mono_ms = 0;
    if (exit_code >= 0) {
        container->has_exit_code = true;
        container->exit_code = exit_code;
    }
    if (!container->reason)
        container->reason = engine_values_redact(task, TAKE(reason));
    free(reason);
    log_info("container stopped", "task", task->arn, "container", container->spec->name, "reason",
             container->reason);
    task->is_changed = true;
    engine_task_touch(task);
    if (container->is_essential) {
        if (!task->execution_stopped_at_ms && !task->is_refused)
            task->execution_stopped_at_ms = container->finished_at_ms;
        engine_task_stop(task);
    }
    container->is_unsure = is_to_be_shown(container);
}

static enum engine_status known_of(const struct engine_task *task)
{
    bool all_stopped = true, all_up = true;

    for (size_t i = 0; i < task->container_count; i++) {
        all_stopped &= task->containers[i].known == ENGINE_STOPPED;
        all_up &= task->containers[i].known >= ENGINE_RUNNING;
    }
    if (all_stopped)
        return ENGINE_STOPPED;
    /* A task that is on its way out does not begin to run. */
    return all_up && task->desired == ENGINE_RUNNING ? ENGINE_RUNNING : ENGINE_NONE;
}

static void set_task_known(struct engine_task *task, enum engine_status known)
{
    struct engine *engine = task->engine;

    task->known = known;
    task->is_changed = true;
    if (known == ENGINE_RUNNING) {
        task->running_revision = task->revision + 1;
    } else {
        task->stopped_revision = task->revision + 1;
        engine->stopped_count++;
        task->stopped_at_ms = engine_now_ms(engine);
        if (task->holds_resources) {
            admission_give(&engine->admission, &task->need);
            task->holds_resources = false;
            engine->is_admission_due = true;
        }
    }
    log_info(known == ENGINE_RUNNING ? "task running" : "task stopped", "task", task->arn, "reason",
             task->reason);
    engine_task_touch(task);
}

void engine_task_settle(struct engine_task *task)
{
    enum engine_status known = known_of(task);

    if (known > task->known)
        set_task_known(task, known);
    if (!task->is_changed)
        return;
    /* What its containers do before the task runs is told with its RUNNING or STOPPED (AP-124), and
     * what they do while the server waits for its end, with that. */
    if (task->known < ENGINE_RUNNING || (task->known == ENGINE_RUNNING && task->is_stop_wanted))
        return;
    task->is_changed = false;
    task->revision++;
    for (size_t i = 0; i < task->container_count; i++) {
        struct engine_container *container = &task->containers[i];

        if (container->is_fresh && container->known != container->reported)
            container->changed_revision = task->revision;
        container->is_fresh = false;
    }
    task->is_to_be_reported = true;
}

/* First host port of each range, from what Docker published: the ranges of a container that an
 * earlier life of this agent created. */
static void find_ranges(struct engine_container *container, const struct docker_container *docker)
{
    for (size_t i = 0; i < container->spec->port_mappings.count; i++) {
        const struct acs_port_mapping *mapping = &container->spec->port_mappings.items[i];
        int first, last;

        if (!container_port_range_parse(mapping->container_port_range, &first, &last))
            continue;
        for (size_t k = 0; k < docker->binding_count; k++)
            if (docker->bindings[k].container_port == first &&
                str_eq(docker->bindings[k].protocol, container_port_protocol(mapping)))
                container->range_starts[i] = docker->bindings[k].host_port;
    }
}

void engine_container_bind(struct engine_container *container,
                           const struct docker_container *docker)
{
    struct engine_task *task = container->task;
    struct arena arena = {0};
    const char *mode = container_network_mode(&arena, task->spec, container->spec);

    if (docker)
        find_ranges(container, docker);
    arena_reset(&container->binding_arena);
    container_port_bindings(&container->binding_arena, container->spec, mode,
                            container->range_starts, docker, &container->bindings,
                            &container->binding_count);
    arena_done(&arena);
    engine_task_touch(task);
}

void engine_container_set_health(struct engine_container *container, const char *docker_health,
                                 int64_t at_ms)
{
    const char *health = "UNKNOWN";

    if (!container_has_health_check(container->spec) || !docker_health)
        return; /* one in the image alone does not count (TD-137) */
    if (strcmp(docker_health, "healthy") == 0)
        health = "HEALTHY";
    else if (strcmp(docker_health, "unhealthy") == 0)
        health = "UNHEALTHY";
    if (container->health && strcmp(container->health, health) == 0)
        return;
    container->health = health;
    container->task->is_health_changed = true;
    container->health_since_ms = at_ms ? at_ms : engine_now_ms(container->task->engine);
    engine_task_touch(container->task);
    engine_task_wake(container->task);
}

static void adopt_running(struct engine_container *container, const struct docker_container *docker)
{
    if (container->known == ENGINE_STOPPED) {
        container->is_to_be_stopped = true; /* AP-410 */
        engine_task_wake(container->task);
        return;
    }
    container->is_start_sent = true;
    container->started_at_ms = docker->started_at_ms;
    engine_container_bind(container, docker);
    engine_metadata_complete(container, docker);
    engine_container_advance(container, ENGINE_RUNNING);
    engine_container_set_health(container, docker->health, 0);
}

/* AP-411: the agent, not Docker, starts a container again. */
static bool may_restart(const struct engine_container *container, int exit_code, int64_t ended_ms)
{
    const struct acs_restart_policy *policy = container->spec->restart_policy;
    int64_t ran_ms = ended_ms - container->started_at_ms;

    if (!policy || !policy->enabled || container->desired != ENGINE_RUNNING ||
        container->is_stop_asked || container->started_at_ms == 0)
        return false;
    /* One that ended before it began saw the clock set back: for how long it ran is not known. */
    if (ran_ms >= 0 && ran_ms < policy->restart_attempt_period * 1000LL)
        return false;
    for (size_t i = 0; i < policy->ignored_exit_codes.count; i++)
        if (policy->ignored_exit_codes.items[i] == exit_code)
            return false;
    return true;
}

/* It ran and has ended. */
static void ended(struct engine_container *container, int exit_code, int64_t at_ms, char *reason)
{
    struct engine_task *task = container->task;

    if (container->known != ENGINE_STOPPED &&
        may_restart(container, exit_code, at_ms ? at_ms : engine_now_ms(task->engine))) {
        free(reason);
        container->restarts++;
        container->started_mono_ms = 0;
        container->is_unsure = container->is_oom = false;
        container->known = ENGINE_CREATED;
        if (container->health)
            container->health = "UNKNOWN";
        log_info("restarting container", "task", task->arn, "container", container->spec->name);
        engine_task_touch(task);
        engine_task_wake(task);
        return;
    }
    container->finished_at_ms = at_ms;
    if (container->is_oom && !container->reason) {
        free(reason);
        reason = str_dup(REASON_OUT_OF_MEMORY);
    }
    engine_container_end(container, exit_code, reason);
}

static void adopt_exited(struct engine_container *container, const struct docker_container *docker)
{
    char *reason = NULL;

    if (container->known == ENGINE_STOPPED)
        return;
    if (docker->is_oom_killed)
        container->is_oom = true;
    if (docker->started_at_ms)
        container->started_at_ms = docker->started_at_ms;
    container->is_start_sent = true;
    if (!str_is_empty(docker->error))
        reason = str_printf("CannotStartContainerError: %s", docker->error);
    ended(container, docker->exit_code, docker->finished_at_ms, reason);
}

void engine_container_adopt(struct engine_container *container,
                            const struct docker_container *docker)
{
    engine_container_set_id(container, docker->id);
    if (!str_eq(container->image_id, docker->image_id)) {
        free(container->image_id);
        container->image_id = str_dup(docker->image_id);
    }
    free(container->log_driver);
    container->log_driver = str_dup(docker->log_driver);
    free(container->detail);
    container->detail = str_dup(docker->detail);
    container->created_at_ms = docker->created_at_ms;
    container->is_unsure = false;
    switch (docker->state) {
    case DOCKER_STATE_CREATED:
        if (container->is_start_sent && !str_is_empty(docker->error))
            engine_container_end(container, -1,
                                 str_printf("CannotStartContainerError: %s", docker->error));
        else if (container->known < ENGINE_CREATED)
            engine_container_advance(container, ENGINE_CREATED);
        break;
    case DOCKER_STATE_RUNNING:
        adopt_running(container, docker);
        break;
    case DOCKER_STATE_EXITED:
        adopt_exited(container, docker);
        break;
    case DOCKER_STATE_REMOVING:
    case DOCKER_STATE_UNKNOWN:
        container->is_unsure = container->known != ENGINE_STOPPED;
        engine_container_retry(container);
        break;
    }
    engine_task_touch(container->task);
    engine_task_wake(container->task);
}

void engine_container_vanished(struct engine_container *container)
{
    bool was_there =
        container->docker_id || container->is_start_sent || container->known >= ENGINE_CREATED;

    container->is_unsure = false;
    if (container->known == ENGINE_STOPPED)
        container->is_to_be_stopped = false;
    else if (was_there)
        engine_container_end(container, -1, str_dup(REASON_VANISHED));
    engine_task_wake(container->task);
}

void engine_container_died(struct engine_container *container, bool has_exit_code, int exit_code,
                           int64_t at_ms)
{
    if (container->known == ENGINE_STOPPED) {
        container->is_to_be_stopped = false;
        return;
    }
    /* Only Docker's description tells whether a kill that we did not ask for was for want of
     * memory. */
    bool is_kill = exit_code == 137 && !container->is_oom && !container->is_stop_asked;

    /* And before the answer to a start call, an end says nothing about restarting. */
    if (!has_exit_code || is_kill ||
        (container->doing == ENGINE_STARTING && container->spec->restart_policy)) {
        container->is_unsure = true;
        engine_task_wake(container->task);
        return;
    }
    ended(container, exit_code, at_ms, NULL);
}

void engine_container_explain_oom(struct engine_container *container)
{
    if (container->known != ENGINE_STOPPED || container->reason || container->is_stop_asked)
        return;
    container->reason = str_dup(REASON_OUT_OF_MEMORY);
    container->reported = ENGINE_NONE; /* told again, with the reason */
    container->is_fresh = true;
    container->task->is_changed = true;
    engine_task_wake(container->task);
}
