/* Deployments that fail: the circuit breaker trips (API-189, API-190), or StopServiceDeployment is
 * asked for. They are rolled back to what completed last (API-191), or stay FAILED. The states are
 * in service_rollout.c. */
#include "base/id.h"
#include "base/str.h"
#include "control/service_work.h"
#include "core/service_events.h"
#include "core/service_revision.h"

/* ---- the circuit breaker ---- */

static const struct ecs_deployment_circuit_breaker *breaker_of(const struct pass *pass)
{
    const struct ecs_deployment_circuit_breaker *breaker =
        pass->config.deployment_configuration
            ? pass->config.deployment_configuration->deployment_circuit_breaker
            : NULL;

    return breaker && breaker->enable ? breaker : NULL;
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
    const struct service_deployment *found = rollout_record(pass);
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
    edited = rollout_edit_record(pass, found);
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
    struct service_deployment *edited = rollout_edit_record(pass, found);

    edited->status = SERVICE_DEPLOYMENT_ROLLBACK_IN_PROGRESS;
    service_deployment_set_status_reason(edited, reason);
    service_deployment_set_rollback_reason(edited, reason);
    service_deployment_set_rollback_revision(edited, revision);
    edited->rollback_started_at_ms = pass->now_ms;
}

/* False if there is nothing to go back to. */
static bool roll_back(struct pass *pass, const char *who, const char *reason)
{
    const struct service_deployment *found = rollout_record(pass);
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
        primary,
        arena_printf(&pass->arena, "%s: rolling back to deploymentId %s.", who, primary->id));
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
    rollout_end_record(
        pass, was_rollback ? SERVICE_DEPLOYMENT_ROLLBACK_FAILED : SERVICE_DEPLOYMENT_STOPPED,
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
    rollout_end_record(
        pass, is_rollback ? SERVICE_DEPLOYMENT_ROLLBACK_FAILED : SERVICE_DEPLOYMENT_STOPPED,
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
    const struct service_deployment *found = rollout_record(pass);

    if (!rollout_is_open(pass))
        return false;
    if (is_asked_to_stop(found))
        return stop_as_asked(pass, found);
    if (!primary->is_proved && counts_of_deployment(pass, primary)->healthy > 0)
        rollout_served(pass);
    if (breaker && !primary->is_proved &&
        primary->failed_tasks >= service_failure_threshold(pass->service->desired_count))
        return trip(pass, breaker);
    show_breaker(pass, false);
    return false;
}
