#include "control/control.h"

#include <stdlib.h>

#include "base/mem.h"
#include "control/capacity.h"
#include "control/definitions.h"
#include "control/parts.h"
#include "control/role_session.h"
#include "control/telemetry.h"
#include "control/waiting.h"

#define SETTLE_AFTER_FULL_MS 10

static void on_staged(const struct change *change, void *data)
{
    struct control *control = data;

    fleets_staged(control->fleets, change);
    waiting_staged(control->waiting, change);
}

/* A task that runs no more is no sample of its service's (MS-015, MS-029). */
static void telemetry_durable(struct telemetry *telemetry, const struct change *change)
{
    const struct task *task = change->record;

    if (change->kind == CHANGE_TASK && task && task->last_status > TASK_RUNNING)
        telemetry_forget(telemetry, &task->id);
}

static void on_durable(const struct change *change, void *data)
{
    struct control *control = data;

    sessions_durable(control->sessions, change);
    task_lives_durable(control->tasks, change);
    waiting_durable(control->waiting, change);
    services_durable(control->services, change);
    instance_versions_durable(control, change);
    telemetry_durable(control->telemetry, change);
    capacity_durable(control->state, change);
    definitions_settle(control->state);
}

/* What was on its way when the server last stopped, or was read again. */
static void settle_all(void *data)
{
    struct control *control = data;

    if (state_is_resting(control->state)) {
        timer_start(&control->settle_timer, control->loop, SETTLE_AFTER_FULL_MS, settle_all,
                    control);
        return;
    }
    capacity_settle_all(control->state);
    definitions_settle(control->state);
}

static void on_reset(void *data)
{
    struct control *control = data;

    role_sessions_prepare(control->state);
    payloads_forget(control->payloads);
    fleets_reset(control->fleets);
    sessions_reset(control->sessions);
    task_lives_reset(control->tasks);
    waiting_reset(control->waiting);
    services_reset(control->services);
    settle_all(control);
}

struct error *control_new(struct loop *loop, struct state *state,
                          const struct control_options *options, struct control **ret_control)
{
    struct control *control = xcalloc(1, sizeof(*control));

    control->loop = loop;
    control->state = state;
    control->options = *options;
    control->started_mono_ms = clock_mono_ms(state_clock(state));
    control->signatures = sigv4_cache_new();
    control->payloads = payloads_new(state);
    control->telemetry = telemetry_new(TELEMETRY_TASKS_MAX);
    control->fleets = fleets_new(state);
    control->sessions = sessions_new(control);
    control->tasks = task_lives_new(control);
    control->waiting = waiting_new(control);
    control->services = services_new(control);
    state_observe(state, &(struct observer){on_staged, on_durable, on_reset, control});
    role_sessions_prepare(state);
    settle_all(control);
    *ret_control = control;
    return NULL;
}

static void on_sessions_closed(void *data)
{
    struct control *control = data;
    loop_fn *closed = control->closed;
    void *closed_data = control->closed_data;

    state_unobserve(control->state, control);
    timer_stop(&control->settle_timer);
    timer_stop(&control->let_go_timer);
    services_free(control->services);
    waiting_free(control->waiting);
    task_lives_free(control->tasks);
    sessions_free(control->sessions);
    fleets_free(control->fleets);
    sigv4_cache_free(control->signatures);
    payloads_free(control->payloads);
    telemetry_free(control->telemetry);
    free(control);
    if (closed)
        closed(closed_data);
}

void control_close(struct control *control, loop_fn *closed, void *data)
{
    control->is_closing = true;
    control->closed = closed;
    control->closed_data = data;
    sessions_close(control->sessions, on_sessions_closed, control);
}

struct fleet *control_fleet(struct control *control, const struct scope *scope, const char *cluster)
{
    return fleets_get(control->fleets, scope, cluster);
}

size_t control_waiting_room(struct control *control, const struct scope *scope, const char *cluster)
{
    size_t most = (size_t)quota(control->options.quotas, QUOTA_PROVISIONING_TASKS_PER_CLUSTER);
    size_t count = waiting_count(control->waiting, scope, cluster);

    return count < most ? most - count : 0;
}

void control_upgrade(struct control *control, struct http_exchange *ex,
                     const struct http_request *req, const struct agent_identity *identity)
{
    sessions_upgrade(control->sessions, ex, req, identity);
}

void control_disconnect_instance(struct control *control, const struct container_instance *instance)
{
    sessions_end(control->sessions, instance);
}

void control_stats(const struct control *control, struct control_stats *ret)
{
    *ret = control->stats;
    ret->tasks_measured = telemetry_count(control->telemetry);
}
