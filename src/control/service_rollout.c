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

#include "base/id.h"
#include "base/str.h"
#include "control/service_work.h"
#include "core/service_events.h"
#include "core/service_revision.h"

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

    rollout_count_failed(pass, pass->memory->failed);
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

static void note_served(struct pass *pass)
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
        if (memory->has_started)
            note_start(pass);
        else if (memory->failed)
            note_failures(pass);
        if (primary && memory->has_served && !primary->is_proved)
            note_served(pass);
    } else {
        snprintf(memory->deployment, sizeof(memory->deployment), "%s", id);
    }
    memory->failed = memory->failed_waves = 0;
    memory->has_started = memory->has_served = false;
}

/* ---- the service deployment ---- */

static const struct service_deployment *service_deployment_of(const struct pass *pass,
                                                              const struct deployment *deployment)
{
    if (!deployment || !deployment->service_deployment)
        return NULL;
    return state_service_deployment(pass->state, pass->scope, pass->service->cluster,
                                    pass->service->name, deployment->service_deployment);
}

static struct service_deployment *edit_service_deployment(struct pass *pass,
                                                          const struct service_deployment *found)
{
    struct service_deployment *edited = txn_edit_service_deployment(pass_room_for(pass, 8), found);

    edited->updated_at_ms = pass->now_ms;
    return edited;
}

static bool is_open(const struct service_deployment *deployment)
{
    switch (deployment->status) {
    case SERVICE_DEPLOYMENT_PENDING:
    case SERVICE_DEPLOYMENT_IN_PROGRESS:
    case SERVICE_DEPLOYMENT_STOP_REQUESTED:
    case SERVICE_DEPLOYMENT_ROLLBACK_REQUESTED:
    case SERVICE_DEPLOYMENT_ROLLBACK_IN_PROGRESS:
        return true;
    case SERVICE_DEPLOYMENT_SUCCESSFUL:
    case SERVICE_DEPLOYMENT_STOPPED:
    case SERVICE_DEPLOYMENT_ROLLBACK_SUCCESSFUL:
    case SERVICE_DEPLOYMENT_ROLLBACK_FAILED:
    case SERVICE_DEPLOYMENT_COUNT:
        break;
    }
    return false;
}

/* `reason` NULL: nothing to explain. */
static void end_service_deployment(struct pass *pass, const struct deployment *deployment,
                                   enum service_deployment_status status, const char *reason)
{
    const struct service_deployment *found = service_deployment_of(pass, deployment);
    struct service_deployment *edited;

    if (!found || !is_open(found))
        return;
    edited = edit_service_deployment(pass, found);
    edited->status = status;
    edited->finished_at_ms = pass->now_ms;
    if (status == SERVICE_DEPLOYMENT_STOPPED)
        edited->stopped_at_ms = pass->now_ms;
    if (reason)
        service_deployment_set_status_reason(edited, reason);
}

/* ---- the circuit breaker ---- */

static const struct ecs_deployment_circuit_breaker *breaker_of(const struct pass *pass)
{
    const struct ecs_deployment_circuit_breaker *breaker =
        pass->config.deployment_configuration
            ? pass->config.deployment_configuration->deployment_circuit_breaker
            : NULL;

    return breaker && breaker->enable ? breaker : NULL;
}

static bool is_rolling(const struct deployment *primary)
{
    return primary && primary->rollout_state == ROLLOUT_STATE_IN_PROGRESS;
}

bool rollout_is_halted(const struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);

    return primary && primary->rollout_state == ROLLOUT_STATE_FAILED;
}

static void fail_primary(struct pass *pass, const char *reason, const char *message)
{
    struct deployment *edited = pass_edit_primary(pass);

    edited->rollout_state = ROLLOUT_STATE_FAILED;
    deployment_set_rollout_state_reason(edited, reason);
    pass_say(pass, EVENT_SERVICE_DEPLOYMENT_FAILED, message);
}

/* What DescribeServiceDeployments shows of it. */
static void show_breaker(struct pass *pass, bool is_tripped)
{
    const struct deployment *primary = service_primary(pass->service);
    const struct service_deployment *found = service_deployment_of(pass, primary);
    int32_t threshold = service_failure_threshold(pass->service->desired_count);
    enum rollback_monitor status = ROLLBACK_MONITOR_DISABLED;
    struct service_deployment *edited;

    if (!found || found->status != SERVICE_DEPLOYMENT_IN_PROGRESS)
        return;
    if (breaker_of(pass))
        status = is_tripped           ? ROLLBACK_MONITOR_TRIGGERED
                 : primary->is_proved ? ROLLBACK_MONITOR_MONITORING_COMPLETE
                                      : ROLLBACK_MONITOR_MONITORING;
    if (found->breaker_status == status && found->failure_count == primary->failed_tasks &&
        found->failure_threshold == threshold)
        return;
    edited = edit_service_deployment(pass, found);
    edited->breaker_status = status;
    edited->failure_count = primary->failed_tasks;
    edited->failure_threshold = threshold;
}

/* ---- back to what completed last ---- */

/* NULL: none did, or none is known to have. */
static const char *last_completed(const struct service *service)
{
    if (service->completed_revision)
        return service->completed_revision;
    /* A record of a version that did not note it; what it replaces may still be there. */
    for (uint32_t i = 0; i < service->deployments_count; i++)
        if (service->deployments[i].rollout_state == ROLLOUT_STATE_COMPLETED)
            return service->deployments[i].service_revision;
    return NULL;
}

static const struct service_revision *completed_revision(const struct pass *pass)
{
    const struct service *service = pass->service;
    const char *id = last_completed(service);

    return id ? state_service_revision(pass->state, pass->scope, service->cluster, service->name,
                                       id)
              : NULL;
}

/* The configuration of the service is that of the revision again. */
static struct error *restore(struct pass *pass, const struct service_revision *revision,
                             struct service_revision_target *ret)
{
    TRY(service_revision_read(&pass->arena, revision, ret));
    service_revision_restore(ret, &pass->config);
    service_config_write(&pass->config, pass->scope, pass_edit_service(pass));
    return NULL;
}

/* Tasks of the deployment that completed serve on, if there are any: it is PRIMARY again. Else a
 * new one has its configuration (API-191). */
static struct deployment *begin_rollback(struct pass *pass, const struct service_revision *revision,
                                         const struct service_revision_target *target)
{
    struct service *service = pass_edit_service(pass);
    struct deployment *primary = service_promote_deployment(service, revision->id, pass->now_ms);
    char id[ECS_SVC_ID_SIZE];

    if (!primary) {
        ecs_svc_id_new(state_rng(pass->state), pass->now_ms, id);
        primary = service_add_deployment(service, pass->now_ms);
        deployment_set_id(primary, id);
        deployment_set_family(primary, target->family);
        primary->revision = target->revision;
        deployment_set_service_revision(primary, revision->id);
    }
    primary->rollout_state = ROLLOUT_STATE_IN_PROGRESS;
    primary->is_rollback = true;
    primary->is_proved = false;
    primary->failed_tasks = 0;
    primary->desired_count = service->desired_count;
    service->failures_in_row = 0;
    service->launch_after_ms = 0;
    service->surge = 0;
    service->is_steady = false;
    service_set_event_key(service, NULL);
    return primary;
}

static void show_rollback(struct pass *pass, const struct service_deployment *found,
                          const char *revision, const char *reason)
{
    struct service_deployment *edited = edit_service_deployment(pass, found);

    edited->status = SERVICE_DEPLOYMENT_ROLLBACK_IN_PROGRESS;
    service_deployment_set_status_reason(edited, reason);
    service_deployment_set_rollback_reason(edited, reason);
    service_deployment_set_rollback_revision(edited, revision);
    edited->rollback_started_at_ms = pass->now_ms;
}

/* False if there is nothing to go back to. */
static bool roll_back(struct pass *pass, const char *state_reason_fmt, const char *reason)
{
    const struct service_deployment *found =
        service_deployment_of(pass, service_primary(pass->service));
    const struct service_revision *revision = completed_revision(pass);
    struct service_revision_target target;
    struct deployment *primary;
    struct error *err;

    if (!revision || str_eq(revision->id, service_primary(pass->service)->service_revision))
        return false;
    err = restore(pass, revision, &target);
    if (err) {
        error_free(err); /* the deployment's failure is told; it stays failed */
        return false;
    }
    primary = begin_rollback(pass, revision, &target);
    if (found)
        deployment_set_service_deployment(primary, found->id);
    deployment_set_rollout_state_reason(
        primary, arena_printf(&pass->arena, "%s: rolling back to deploymentId %s.",
                              state_reason_fmt, primary->id));
    pass_say(pass, EVENT_SERVICE_DEPLOYMENT_IN_PROGRESS,
             event_rolling_back(&pass->arena, pass->service->name,
                                arena_dup(&pass->arena, primary->id)));
    if (found)
        show_rollback(pass, found, revision->id, reason);
    return true;
}

/* ---- judging ---- */

#define BREAKER "ECS deployment circuit breaker"
#define BREAKER_SAYS                                                                               \
    "Service deployment rolled back because the circuit breaker threshold was exceeded."
#define USER_SAYS "Service deployment rolled back because of a user's request."

static bool trip(struct pass *pass, const struct ecs_deployment_circuit_breaker *breaker)
{
    const struct deployment *primary = service_primary(pass->service);
    bool was_rollback = primary->is_rollback;

    show_breaker(pass, true);
    fail_primary(pass, BREAKER ": tasks failed to start.",
                 event_deployment_failed(&pass->arena, pass->service->name, primary->id));
    if (!was_rollback && breaker->rollback && roll_back(pass, BREAKER, BREAKER_SAYS))
        return true;
    end_service_deployment(
        pass, service_primary(pass->service),
        was_rollback ? SERVICE_DEPLOYMENT_ROLLBACK_FAILED : SERVICE_DEPLOYMENT_STOPPED,
        "Service deployment stopped because the circuit breaker threshold was exceeded.");
    return false;
}

static bool stop_as_asked(struct pass *pass, const struct service_deployment *asked)
{
    bool is_rollback = asked->status == SERVICE_DEPLOYMENT_ROLLBACK_REQUESTED;

    fail_primary(pass, "ECS deployment stopped by a user's request.",
                 event_deployment_stopped(&pass->arena, pass->service->name,
                                          service_primary(pass->service)->id));
    if (is_rollback && roll_back(pass, "ECS deployment stopped by a user's request", USER_SAYS))
        return true;
    end_service_deployment(pass, service_primary(pass->service),
                           is_rollback ? SERVICE_DEPLOYMENT_ROLLBACK_FAILED
                                       : SERVICE_DEPLOYMENT_STOPPED,
                           is_rollback ? "There is no completed deployment to roll back to."
                                       : "Service deployment stopped because of a user's request.");
    return false;
}

static bool is_asked_to_stop(const struct service_deployment *deployment)
{
    return deployment && (deployment->status == SERVICE_DEPLOYMENT_STOP_REQUESTED ||
                          deployment->status == SERVICE_DEPLOYMENT_ROLLBACK_REQUESTED);
}

bool rollout_judge(struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);
    const struct ecs_deployment_circuit_breaker *breaker = breaker_of(pass);
    const struct service_deployment *found = service_deployment_of(pass, primary);

    if (!is_rolling(primary))
        return false;
    if (is_asked_to_stop(found))
        return stop_as_asked(pass, found);
    if (!primary->is_proved && counts_of_deployment(pass, primary)->healthy > 0)
        note_served(pass);
    if (breaker && !primary->is_proved &&
        primary->failed_tasks >= service_failure_threshold(pass->service->desired_count))
        return trip(pass, breaker);
    show_breaker(pass, false);
    return false;
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

static void complete_deployment(struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);
    struct deployment *edited;

    if (!is_rolling(primary) || pass->service->deployments_count > 1)
        return;
    end_service_deployment(pass, primary,
                           primary->is_rollback ? SERVICE_DEPLOYMENT_ROLLBACK_SUCCESSFUL
                                                : SERVICE_DEPLOYMENT_SUCCESSFUL,
                           NULL);
    edited = pass_edit_primary(pass);
    edited->rollout_state = ROLLOUT_STATE_COMPLETED;
    deployment_set_rollout_state_reason(
        edited, arena_printf(&pass->arena, "ECS deployment %s completed.", edited->id));
    edited->has_been_steady = true;
    edited->failed_tasks = 0;
    service_set_completed_revision(pass_edit_service(pass), edited->service_revision);
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
