/* Deployments move on:
 *
 *   IN_PROGRESS -+-> COMPLETED          steady: at its count, all healthy, nothing of the old left
 *                '-> FAILED             the circuit breaker tripped, or StopServiceDeployment
 *                       '-> rollback    what completed last is PRIMARY and IN_PROGRESS again
 *
 * Its service deployment (the 2024 record of the same) follows: SUCCESSFUL; STOPPED; or
 * ROLLBACK_IN_PROGRESS, then ROLLBACK_SUCCESSFUL or ROLLBACK_FAILED. A rollback belongs to the
 * service deployment that failed. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "control/service_work.h"
#include "core/service_events.h"

/* ---- memory ---- */

static bool is_of_memory(const struct service_memory *memory, const struct task *task)
{
    return memory->is_of_task_sets ||
           (task->deployment && str_eq(task->deployment, memory->deployment));
}

void service_memory_failed(struct service_memory *memory, const struct task *task, int64_t now_ms)
{
    if (!is_of_memory(memory, task))
        return;
    memory->failed++;
    /* A hundred tasks launched together that fail are one reason to wait, not a hundred. */
    if (task->created_at_ms <= memory->wave_ms)
        return;
    memory->failed_waves++;
    memory->wave_ms = now_ms;
}

static bool has_check(const struct task *task)
{
    for (uint32_t i = 0; i < task->containers_count; i++)
        if (task->containers[i].is_essential && task->containers[i].has_health_check)
            return true;
    return false;
}

void service_memory_started(struct service_memory *memory, const struct task *task)
{
    if (!is_of_memory(memory, task))
        return;
    memory->has_started = true;
    memory->has_served |= !has_check(task);
}

/* ---- what happened since the last pass ---- */

void rollout_count_failed(struct pass *pass, int32_t tasks)
{
    const struct deployment *primary = service_primary(pass->service);

    if (primary && tasks && !primary->is_proved) /* API-190 */
        pass_edit_primary(pass)->failed_tasks += tasks;
}

static void note_failures(struct pass *pass)
{
    int64_t wait_ms;

    if (pass->memory->failed_waves) {
        struct service *service = pass_edit_service(pass);

        service->failures_in_row += pass->memory->failed_waves;
        service->launch_after_ms = pass->now_ms + service_backoff_ms(service->failures_in_row);
    }
    wait_ms = service_backoff_ms(pass->service->failures_in_row);
    if (wait_ms)
        pass_tell(pass, TOLD_IMPAIRED,
                  &(struct telling){
                      .name = EVENT_SERVICE_TASK_START_IMPAIRED,
                      .message = event_start_impaired(&pass->arena, pass->service->name),
                  }); /* SC-342 */
}

static void note_start(struct pass *pass)
{
    if (!pass->service->failures_in_row && !pass->service->launch_after_ms)
        return;
    pass_edit_service(pass)->failures_in_row = 0;
    pass_edit_service(pass)->launch_after_ms = 0;
    pass_resolved(pass, TOLD_IMPAIRED);
}

void rollout_served(struct pass *pass)
{
    struct deployment *edited = pass_edit_primary(pass);

    edited->is_proved = true;
    edited->failed_tasks = 0;
}

void rollout_take_in(struct pass *pass)
{
    struct service_memory *memory = pass->memory;
    const struct deployment *primary = service_primary(pass->service);
    const char *id = primary ? primary->id : "";

    if (str_eq(id, memory->deployment)) {
        rollout_count_failed(pass, memory->failed);
        if (memory->has_started)
            note_start(pass);
        else if (memory->failed)
            note_failures(pass);
        if (primary && memory->has_served && !primary->is_proved)
            rollout_served(pass);
    } else {
        snprintf(memory->deployment, sizeof(memory->deployment), "%s", id);
    }
    memory->failed = memory->failed_waves = 0;
    memory->has_started = memory->has_served = false;
}

/* ---- the service deployment ---- */

const struct service_deployment *rollout_record(const struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);

    if (!primary || !primary->service_deployment)
        return NULL;
    return state_service_deployment(pass->state, pass->scope, pass->service->cluster,
                                    pass->service->name, primary->service_deployment);
}

struct service_deployment *rollout_edit_record(struct pass *pass,
                                               const struct service_deployment *record)
{
    struct service_deployment *edited = txn_edit_service_deployment(pass_room_for(pass, 8), record);

    edited->updated_at_ms = pass->now_ms;
    return edited;
}

void rollout_end_record(struct pass *pass, enum service_deployment_status status,
                        const char *reason)
{
    const struct service_deployment *found = rollout_record(pass);
    struct service_deployment *edited;

    if (!found || !service_deployment_is_open(found))
        return;
    edited = rollout_edit_record(pass, found);
    edited->status = status;
    edited->finished_at_ms = pass->now_ms;
    if (status == SERVICE_DEPLOYMENT_STOPPED)
        edited->stopped_at_ms = pass->now_ms;
    if (reason)
        service_deployment_set_status_reason(edited, reason);
}

bool rollout_is_open(const struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);

    return primary && primary->rollout_state == ROLLOUT_STATE_IN_PROGRESS;
}

/* ---- records that follow ---- */

static void drop_deployment(struct pass *pass, uint32_t place)
{
    struct service *edited = pass_edit_service(pass);
    struct deployment *last = &edited->deployments[edited->deployments_count - 1];

    deployment_done(&edited->deployments[place]);
    memmove(&edited->deployments[place], &edited->deployments[place + 1],
            (edited->deployments_count - place - 1) * sizeof(*last));
    memset(last, 0, sizeof(*last));
    deployment_init(last);
    service_resize_deployments(edited, edited->deployments_count - 1);
}

/* SC-207: an old deployment goes when its last task is on its way out (as a service does, SC-186);
 * until then it shows how many it still has. */
static void follow_deployments(struct pass *pass)
{
    const struct service *service = pass->service;

    for (uint32_t i = service->deployments_count; i-- > 0;) {
        const struct deployment *deployment = &service->deployments[i];
        const struct deployment_counts *counts = &pass->of[i];
        bool is_primary = deployment->status == DEPLOYMENT_PRIMARY;
        int64_t desired = is_primary ? service->desired_count : counts->staying;

        if (!is_primary && !counts->staying && !counts->pending && !counts->running)
            drop_deployment(pass, i);
        else if (deployment->desired_count != desired)
            pass_edit_deployment(pass, deployment)->desired_count = (int32_t)desired;
    }
}

/* Where a rollback goes from now on. */
static void note_completed(struct pass *pass, const struct deployment *primary)
{
    struct service *service = pass_edit_service(pass);

    service_set_completed_revision(service, primary->service_revision);
    service_set_completed_family(service, primary->family);
    service->completed_definition = primary->revision;
}

static void complete_deployment(struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);
    struct deployment *edited;

    if (!rollout_is_open(pass) || pass->service->deployments_count > 1)
        return;
    rollout_end_record(pass,
                       primary->is_rollback ? SERVICE_DEPLOYMENT_ROLLBACK_SUCCESSFUL
                                            : SERVICE_DEPLOYMENT_SUCCESSFUL,
                       NULL);
    edited = pass_edit_primary(pass);
    edited->rollout_state = ROLLOUT_STATE_COMPLETED;
    deployment_set_rollout_state_reason(
        edited, arena_printf(&pass->arena, "ECS deployment %s completed.", edited->id));
    edited->has_been_steady = true;
    edited->failed_tasks = 0;
    note_completed(pass, edited);
    pass_say(pass, EVENT_SERVICE_DEPLOYMENT_COMPLETED,
             event_deployment_completed(&pass->arena, pass->service->name, edited->id));
}

/* SC-139: at its count, all healthy, nothing on its way. */
static bool is_steady(const struct pass *pass, const struct rollout_step *step)
{
    const struct deployment_counts *fresh = &pass->rollout.fresh;

    return step->is_done && fresh->healthy == fresh->staying && fresh->stopping == 0 &&
           pass->rollout.old.stopping == 0 && pass->service->deployments_count <= 1;
}

static void tell_steady(struct pass *pass)
{
    struct service *edited = pass_edit_service(pass);

    edited->is_steady = true;
    edited->last_steady_event_at_ms = pass->now_ms;
    pass_say(pass, EVENT_SERVICE_STEADY_STATE,
             event_steady_state(&pass->arena, pass->service->name));
}

void rollout_follow(struct pass *pass, const struct rollout_step *step)
{
    const struct service *service = pass->service;

    follow_deployments(pass);
    if (!is_steady(pass, step)) {
        if (service->is_steady)
            pass_edit_service(pass)->is_steady = false;
        return;
    }
    complete_deployment(pass);
    if (!service->is_steady ||
        pass->now_ms - service->last_steady_event_at_ms >= SERVICE_EVENT_REPEAT_MS)
        tell_steady(pass);
    pass_due(pass, service->last_steady_event_at_ms + SERVICE_EVENT_REPEAT_MS);
}
