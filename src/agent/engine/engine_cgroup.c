#include "agent/engine/engine_task.h"
#include "base/log.h"

/* The cgroup of a task: made before its first container is created, and again in each life of the
 * agent before anything is started in it; removed once its containers are. */

struct error *engine_cgroup_read(struct engine_task *task)
{
    struct engine *engine = task->engine;
    const struct agent_config *config = engine->config;
    struct error *err;

    if (engine->cgroups.kind == TASK_CGROUP_OFF) {
        task->cgroup = CGROUP_READY;
        return NULL;
    }
    err = task_cgroup_limits_of(task->spec, config->cgroup_cpu_period_ms, config->task_pids_limit,
                                &task->limits);
    if (err)
        return error_wrap(err, "cgroup resource: unable to build resource spec for task");
    task->cgroup_parent = task_cgroup_parent(&task->arena, &engine->cgroups, task->arn);
    return NULL;
}

static void on_failed(struct engine_task *task, const char *why)
{
    log_error("cgroup not made", "task", task->arn, "error", why);
    engine_task_fail(task, TASK_CGROUP_REASON);
}

/* Starts a command of systemd's; false if it cannot be started. */
static bool ask_systemd(struct engine_task *task, const char *const *command, loop_exited_fn *done)
{
    struct error *err = loop_spawn(task->engine->loop, command, NULL, done, task, NULL);

    if (err) {
        log_warning("systemd not asked", "task", task->arn, "error", err->message);
        error_free(err); /* said above */
        return false;
    }
    engine_call_begun(task);
    return true;
}

static void on_slice_made(int exit_status, int term_signal, void *data)
{
    struct engine_task *task = data;
    bool is_made = (exit_status == 0 && term_signal == 0) ||
                   task_cgroup_has_slice(&task->engine->cgroups, task->arn);

    task->cgroup = is_made ? CGROUP_READY : CGROUP_WANTED;
    if (!engine_call_ended(task->engine, task))
        return;
    if (!is_made)
        on_failed(task, "systemd did not make the slice");
    engine_task_wake(task);
}

static void make_slice(struct engine_task *task)
{
    struct arena arena = {0};

    task->cgroup = CGROUP_BUSY;
    if (!ask_systemd(
            task, task_cgroup_start_slice(&arena, &task->engine->cgroups, task->arn, &task->limits),
            on_slice_made)) {
        task->cgroup = CGROUP_WANTED;
        on_failed(task, "busctl could not be started");
    }
    arena_done(&arena);
}

bool engine_cgroup_make(struct engine_task *task)
{
    struct engine *engine = task->engine;
    struct error *err;

    if (task->cgroup != CGROUP_WANTED)
        return task->cgroup == CGROUP_READY;
    if (engine->cgroups.kind == TASK_CGROUP_SLICE) {
        make_slice(task);
        return false;
    }
    err = task_cgroup_make(&engine->cgroups, task->arn, &task->limits);
    if (err) {
        on_failed(task, err->message);
        error_free(err); /* said above */
        return false;
    }
    task->cgroup = CGROUP_READY;
    return true;
}

static void on_slice_removed(int exit_status, int term_signal, void *data)
{
    struct engine_task *task = data;
    bool is_there = task_cgroup_has_slice(&task->engine->cgroups, task->arn);

    task->cgroup = CGROUP_REMOVED;
    if (!engine_call_ended(task->engine, task))
        return;
    if (is_there && (exit_status || term_signal)) {
        log_warning("slice not removed", "task", task->arn, "status", exit_status);
        task->cgroup = CGROUP_READY;
    }
    engine_cleanup_go_on(task, task->cgroup == CGROUP_REMOVED);
}

void engine_cgroup_remove(struct engine_task *task)
{
    struct engine *engine = task->engine;
    struct arena arena = {0};
    struct error *err;

    if (engine->cgroups.kind == TASK_CGROUP_SLICE &&
        task_cgroup_has_slice(&engine->cgroups, task->arn)) {
        if (!ask_systemd(task, task_cgroup_stop_slice(&arena, task->arn), on_slice_removed))
            engine_cleanup_go_on(task, false);
        arena_done(&arena);
        return;
    }
    err = task_cgroup_remove(&engine->cgroups, task->arn);
    if (err) {
        log_warning("cgroup not removed", "task", task->arn, "error", err->message);
        error_free(err); /* tried again */
        engine_cleanup_go_on(task, false);
        return;
    }
    task->cgroup = CGROUP_REMOVED;
    engine_cleanup_go_on(task, true);
}
