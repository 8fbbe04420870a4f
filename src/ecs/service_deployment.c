/* ListServiceDeployments, DescribeServiceDeployments, StopServiceDeployment (spec section 11). */
#include "core/stored_json.h"
#include "ecs/auth.h"
#include "ecs/names_enter.h"
#include "ecs/paging.h"
#include "ecs/task_describe.h"
#include "gen/ecs_handlers.h"

#define LIST_DEPLOYMENTS_SIZE     20
#define LIST_DEPLOYMENTS_SIZE_MAX 100
#define DESCRIBE_DEPLOYMENTS_MAX  20
#define WEIGHT_ALL                10000 /* hundredths of a percent */

/* ---- finding ---- */

/* What another service of the same name left is not this one's (API-043). */
static bool is_of(const struct service *service, const struct service_deployment *deployment)
{
    return deployment->created_at_ms >= service->created_at_ms;
}

static struct error *part_of(struct call *call, const char *arn, struct service_part *ret)
{
    return names_service_part(call, "service-deployment", "Service Deployment", arn, ret);
}

static const struct service_deployment *find(struct call *call, const struct service_part *part)
{
    struct state *state = ecs_of(call)->state;
    const struct scope *scope = call_scope(call);
    const struct service *service = state_service(state, scope, part->cluster, part->service);
    const struct service_deployment *deployment =
        state_service_deployment(state, scope, part->cluster, part->service, part->id);

    return service && deployment && is_of(service, deployment) ? deployment : NULL;
}

static const char *arn_of(struct call *call, const struct service_deployment *deployment)
{
    return arn_service_deployment(call->arena, call_scope(call), deployment->cluster,
                                  deployment->service, deployment->id);
}

static const char *revision_arn(struct call *call, const struct service_deployment *deployment,
                                const char *revision)
{
    return arn_service_revision(call->arena, call_scope(call), deployment->cluster,
                                deployment->service, revision);
}

static enum ecs_service_deployment_status status_of(const struct service_deployment *deployment)
{
    enum ecs_service_deployment_status status = ECS_SERVICE_DEPLOYMENT_STATUS_UNSET;

    ecs_service_deployment_status_parse(service_deployment_status_name(deployment->status),
                                        &status);
    return status;
}

/* ---- ListServiceDeployments ---- */

static void describe_brief(struct call *call, const struct service_deployment *deployment,
                           struct ecs_service_deployment_brief *ret)
{
    const struct scope *scope = call_scope(call);

    ret->service_deployment_arn = arn_of(call, deployment);
    ret->service_arn = arn_service(call->arena, scope, deployment->cluster, deployment->service);
    ret->cluster_arn = arn_cluster(call->arena, scope, deployment->cluster);
    SET(ret, created_at_ms, deployment->created_at_ms);
    if (deployment->started_at_ms)
        SET(ret, started_at_ms, deployment->started_at_ms);
    if (deployment->finished_at_ms)
        SET(ret, finished_at_ms, deployment->finished_at_ms);
    ret->target_service_revision_arn = revision_arn(call, deployment, deployment->target_revision);
    ret->status = status_of(deployment);
    ret->status_reason = deployment->status_reason;
}

static bool is_match(const struct ecs_list_service_deployments_request *in,
                     const struct service_deployment *deployment)
{
    enum ecs_service_deployment_status status = status_of(deployment);
    bool is_listed = in->status.count == 0;

    for (size_t i = 0; i < in->status.count; i++)
        is_listed = is_listed || in->status.items[i] == status;
    if (in->created_at && in->created_at->has_before_ms &&
        deployment->created_at_ms >= in->created_at->before_ms)
        return false;
    if (in->created_at && in->created_at->has_after_ms &&
        deployment->created_at_ms <= in->created_at->after_ms)
        return false;
    return is_listed;
}

static const char *filters_of(struct call *call, const struct service *service,
                              const struct ecs_list_service_deployments_request *in)
{
    CLEANUP(buf_done) struct buf text = {0};

    buf_printf(&text, "%s\n%s\n", service->cluster, service->name);
    for (size_t i = 0; i < in->status.count; i++)
        buf_printf(&text, "%d,", (int)in->status.items[i]);
    if (in->created_at)
        buf_printf(&text, "\n%lld\n%lld",
                   in->created_at->has_before_ms ? (long long)in->created_at->before_ms : -1LL,
                   in->created_at->has_after_ms ? (long long)in->created_at->after_ms : -1LL);
    return arena_dup(call->arena, text.data);
}

/* Newest first. A service has SERVICE_DEPLOYMENTS_MAX at most. */
struct error *api_list_service_deployments(struct call *call,
                                           const struct ecs_list_service_deployments_request *in,
                                           struct ecs_list_service_deployments_response *out)
{
    struct state *state = ecs_of(call)->state;
    const struct scope *scope = call_scope(call);
    const struct service_deployment *deployment;
    const struct cluster *cluster;
    const struct service *service;
    const char *before;
    struct page page;

    TRY(names_enter_service(call, "ecs:ListServiceDeployments", in->cluster, in->service, &cluster,
                            &service));
    TRY(page_open(call, "ListServiceDeployments", filters_of(call, service, in), PAGE_ASKED(in),
                  LIST_DEPLOYMENTS_SIZE, LIST_DEPLOYMENTS_SIZE_MAX, &page));
    SET_LIST(call->arena, &out->service_deployments, page.limit);
    out->service_deployments.count = 0;
    for (before = page.after;; before = deployment->id) {
        deployment =
            state_service_deployment_before(state, scope, cluster->name, service->name, before);
        if (!deployment || !is_of(service, deployment))
            return NULL;
        if (!is_match(in, deployment))
            continue;
        if (page_is_full(&page)) {
            out->next_token = page_token(&page, before);
            return NULL;
        }
        describe_brief(call, deployment, &out->service_deployments.items[page.count++]);
        out->service_deployments.count = page.count;
    }
}

/* ---- DescribeServiceDeployments ---- */

/* How many tasks a revision has: those of the deployment that runs it, if one does. */
static void describe_summary(struct call *call, const struct service_deployment *deployment,
                             const char *revision, struct ecs_service_revision_summary *ret)
{
    const struct service *service = state_service(ecs_of(call)->state, call_scope(call),
                                                  deployment->cluster, deployment->service);

    ret->arn = revision_arn(call, deployment, revision);
    SET(ret, requested_task_count, 0);
    SET(ret, pending_task_count, 0);
    SET(ret, running_task_count, 0);
    for (uint32_t i = 0; i < service->deployments_count; i++) {
        const struct deployment *running = &service->deployments[i];
        struct service_counts counts;

        if (!str_eq(running->service_revision, revision))
            continue;
        state_service_counts(service, running->id, &counts);
        ret->requested_task_count += running->desired_count;
        ret->pending_task_count += counts.pending;
        ret->running_task_count += counts.running;
    }
}

static void describe_revisions(struct call *call, const struct service_deployment *deployment,
                               bool shifts_traffic, struct ecs_service_deployment *ret)
{
    struct ecs_service_revisions_summary_list *sources = &ret->source_service_revisions;
    double percent = 100.0 / WEIGHT_ALL;

    ret->target_service_revision = ARENA_NEW(call->arena, struct ecs_service_revision_summary);
    describe_summary(call, deployment, deployment->target_revision, ret->target_service_revision);
    SET_LIST(call->arena, sources, deployment->source_revisions_count);
    for (size_t i = 0; i < sources->count; i++)
        describe_summary(call, deployment, deployment->source_revisions[i], &sources->items[i]);
    if (!shifts_traffic)
        return;
    SET(ret->target_service_revision, requested_test_traffic_weight,
        deployment->test_weight * percent);
    SET(ret->target_service_revision, requested_production_traffic_weight,
        deployment->production_weight * percent);
    if (sources->count == 0)
        return;
    SET(&sources->items[0], requested_production_traffic_weight,
        (WEIGHT_ALL - deployment->production_weight) * percent);
}

static enum ecs_service_deployment_rollback_monitors_status
monitor_status(enum rollback_monitor monitor)
{
    enum ecs_service_deployment_rollback_monitors_status status =
        ECS_SERVICE_DEPLOYMENT_ROLLBACK_MONITORS_STATUS_UNSET;

    ecs_service_deployment_rollback_monitors_status_parse(rollback_monitor_name(monitor), &status);
    return status;
}

static void describe_monitors(struct call *call, const struct service_deployment *deployment,
                              struct ecs_service_deployment *ret)
{
    const struct ecs_deployment_alarms *alarms = ret->deployment_configuration->alarms;

    if (deployment->breaker_status != ROLLBACK_MONITOR_NONE) {
        ret->deployment_circuit_breaker =
            ARENA_NEW(call->arena, struct ecs_service_deployment_circuit_breaker);
        ret->deployment_circuit_breaker->status = monitor_status(deployment->breaker_status);
        SET(ret->deployment_circuit_breaker, failure_count, deployment->failure_count);
        SET(ret->deployment_circuit_breaker, threshold, deployment->failure_threshold);
    }
    if (deployment->alarms_status == ROLLBACK_MONITOR_NONE)
        return;
    ret->alarms = ARENA_NEW(call->arena, struct ecs_service_deployment_alarms);
    ret->alarms->status = monitor_status(deployment->alarms_status);
    if (alarms)
        ret->alarms->alarm_names = alarms->alarm_names;
    SET_LIST(call->arena, &ret->alarms->triggered_alarm_names, deployment->triggered_alarms_count);
    for (size_t i = 0; i < ret->alarms->triggered_alarm_names.count; i++)
        ret->alarms->triggered_alarm_names.items[i] = deployment->triggered_alarms[i];
}

static void describe_rollback(struct call *call, const struct service_deployment *deployment,
                              struct ecs_service_deployment *ret)
{
    if (!deployment->rollback_started_at_ms)
        return;
    ret->rollback = ARENA_NEW(call->arena, struct ecs_rollback);
    ret->rollback->reason = deployment->rollback_reason;
    SET(ret->rollback, started_at_ms, deployment->rollback_started_at_ms);
    if (deployment->rollback_revision)
        ret->rollback->service_revision_arn =
            revision_arn(call, deployment, deployment->rollback_revision);
}

static void describe_times(const struct service_deployment *deployment,
                           struct ecs_service_deployment *ret)
{
    SET(ret, created_at_ms, deployment->created_at_ms);
    if (deployment->started_at_ms)
        SET(ret, started_at_ms, deployment->started_at_ms);
    if (deployment->finished_at_ms)
        SET(ret, finished_at_ms, deployment->finished_at_ms);
    if (deployment->stopped_at_ms)
        SET(ret, stopped_at_ms, deployment->stopped_at_ms);
    SET(ret, updated_at_ms, deployment->updated_at_ms);
}

static struct error *describe(struct call *call, const struct service_deployment *deployment,
                              struct ecs_service_deployment *ret)
{
    const struct scope *scope = call_scope(call);
    struct ecs_deployment_configuration *configuration =
        ARENA_NEW(call->arena, struct ecs_deployment_configuration);

    TRY(stored_json_read(call->arena, ECS_SHAPE_DEPLOYMENT_CONFIGURATION, deployment->document,
                         "deployment configuration", deployment->id, configuration));
    if (deployment->lifecycle_hooks)
        TRY(stored_json_read(call->arena, ECS_SHAPE_DEPLOYMENT_LIFECYCLE_HOOK_DETAIL_LIST,
                             deployment->lifecycle_hooks, "lifecycle hooks", deployment->id,
                             &ret->lifecycle_hook_details));
    ret->service_deployment_arn = arn_of(call, deployment);
    ret->service_arn = arn_service(call->arena, scope, deployment->cluster, deployment->service);
    ret->cluster_arn = arn_cluster(call->arena, scope, deployment->cluster);
    ret->status = status_of(deployment);
    ret->status_reason = deployment->status_reason;
    ret->deployment_configuration = configuration;
    if (deployment->lifecycle_stage != LIFECYCLE_STAGE_NONE)
        ecs_service_deployment_lifecycle_stage_parse(
            lifecycle_stage_name(deployment->lifecycle_stage), &ret->lifecycle_stage);
    describe_times(deployment, ret);
    describe_revisions(call, deployment,
                       configuration->strategy != ECS_DEPLOYMENT_STRATEGY_UNSET &&
                           configuration->strategy != ECS_DEPLOYMENT_STRATEGY_ROLLING,
                       ret);
    describe_monitors(call, deployment, ret);
    describe_rollback(call, deployment, ret);
    return NULL;
}

static struct error *check_number(size_t count)
{
    if (count == 0)
        return error_new(API_INVALID_PARAMETER, "serviceDeploymentArns cannot be empty.");
    if (count > DESCRIBE_DEPLOYMENTS_MAX)
        return error_new(API_INVALID_PARAMETER, "serviceDeploymentArns can have at most %d items.",
                         DESCRIBE_DEPLOYMENTS_MAX);
    return NULL;
}

struct error *
api_describe_service_deployments(struct call *call,
                                 const struct ecs_describe_service_deployments_request *in,
                                 struct ecs_describe_service_deployments_response *out)
{
    size_t count = in->service_deployment_arns.count;
    struct service_part *parts;

    TRY(check_number(count));
    parts = ARENA_ARRAY(call->arena, struct service_part, count);
    for (size_t i = 0; i < count; i++) {
        const char *arn = in->service_deployment_arns.items[i];

        TRY(part_of(call, arn, &parts[i]));
        TRY(call_authorize(call, "ecs:DescribeServiceDeployments", arn));
    }
    SET_LIST(call->arena, &out->service_deployments, count);
    SET_LIST(call->arena, &out->failures, count);
    out->service_deployments.count = 0;
    out->failures.count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct service_deployment *deployment = find(call, &parts[i]);

        if (deployment)
            TRY(describe(call, deployment,
                         &out->service_deployments.items[out->service_deployments.count++]));
        else
            out->failures.items[out->failures.count++] =
                failure_of(in->service_deployment_arns.items[i], "MISSING");
    }
    return NULL;
}

/* ---- StopServiceDeployment ---- */

static struct error *check_may_stop(const struct service *service,
                                    const struct service_deployment *deployment, bool is_rollback)
{
    if (deployment->status != SERVICE_DEPLOYMENT_PENDING &&
        deployment->status != SERVICE_DEPLOYMENT_IN_PROGRESS)
        return error_new(API_CONFLICT,
                         "The service deployment cannot be stopped: its status is %s, and only "
                         "PENDING and IN_PROGRESS ones can.",
                         service_deployment_status_name(deployment->status));
    if (is_rollback && (!service->completed_revision ||
                        str_eq(service->completed_revision, deployment->target_revision)))
        return error_new(API_CONFLICT,
                         "The service deployment cannot be rolled back: no service revision before "
                         "it was deployed successfully.");
    return NULL;
}

/* What is asked for; the service's reconciler does it. ROLLBACK is the default. */
struct error *api_stop_service_deployment(struct call *call,
                                          const struct ecs_stop_service_deployment_request *in,
                                          struct ecs_stop_service_deployment_response *out)
{
    bool is_rollback = in->stop_type != ECS_STOP_SERVICE_DEPLOYMENT_STOP_TYPE_ABORT;
    const struct service_deployment *found;
    const struct service *service;
    struct service_deployment *deployment;
    struct service_part part;

    TRY(part_of(call, in->service_deployment_arn, &part));
    TRY(call_authorize(call, "ecs:StopServiceDeployment", in->service_deployment_arn));
    found = find(call, &part);
    if (!found)
        return error_new(API_SERVICE_DEPLOYMENT_NOT_FOUND, "Service deployment not found.");
    service = state_service(ecs_of(call)->state, call_scope(call), part.cluster, part.service);
    TRY(check_may_stop(service, found, is_rollback));

    deployment = txn_edit_service_deployment(call->txn, found);
    deployment->status =
        is_rollback ? SERVICE_DEPLOYMENT_ROLLBACK_REQUESTED : SERVICE_DEPLOYMENT_STOP_REQUESTED;
    service_deployment_set_status_reason(deployment, "Service deployment stopped by user.");
    deployment->updated_at_ms = call->now_ms;
    /* The service's reconciler is told by its record. */
    txn_edit_service(call->txn, service);
    out->service_deployment_arn = arn_of(call, deployment);
    return NULL;
}
