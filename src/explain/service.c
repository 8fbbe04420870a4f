/* Why a service has not what it wants. */
#include "core/service.h"
#include "control/service_explain.h"
#include "core/shown_arn.h"
#include "ecs/task_describe.h"
#include "explain/parts.h"

#define EVENTS_SHOWN  10
#define STOPPED_SHOWN 5

/* ---- deployments ---- */

/* API-190 */
static void add_breaker(struct answer *answer, const struct service *service,
                        const struct deployment *deployment)
{
    const struct service_deployment *record =
        deployment->service_deployment
            ? state_service_deployment(answer->ecs->state, answer->scope, service->cluster,
                                       service->name, deployment->service_deployment)
            : NULL;

    if (!record)
        return;
    open_object(answer, "serviceDeployment");
    add_text(answer, "status", service_deployment_status_name(record->status));
    add_text_if(answer, "statusReason", record->status_reason);
    add_text_if(answer, "rollbackReason", record->rollback_reason);
    if (record->breaker_status > ROLLBACK_MONITOR_DISABLED) {
        open_object(answer, "deploymentCircuitBreaker");
        add_text(answer, "status", rollback_monitor_name(record->breaker_status));
        add_number(answer, "failureCount", record->failure_count);
        add_number(answer, "threshold", record->failure_threshold);
        close_object(answer);
    }
    close_object(answer);
}

static void add_deployment(struct answer *answer, const struct service *service,
                           const struct deployment *deployment)
{
    struct service_counts counts;

    state_service_counts(service, deployment->id, &counts);
    open_object(answer, NULL);
    add_text(answer, "id", deployment->id);
    add_text(answer, "status", deployment_status_name(deployment->status));
    add_text(answer, "taskDefinition",
             arena_printf(&answer->arena, "%s:%d", deployment->family, (int)deployment->revision));
    if (deployment->rollout_state != ROLLOUT_STATE_NONE)
        add_text(answer, "rolloutState", rollout_state_name(deployment->rollout_state));
    add_text_if(answer, "rolloutStateReason", deployment->rollout_state_reason);
    add_number(answer, "desiredCount", deployment->desired_count);
    add_number(answer, "runningCount", counts.running);
    add_number(answer, "pendingCount", counts.pending);
    add_number(answer, "failedTasks", deployment->failed_tasks);
    add_time_if(answer, "updatedAt", deployment->updated_at_ms);
    add_breaker(answer, service, deployment);
    close_object(answer);
}

/* ---- what it waits for ---- */

static void add_wait(struct answer *answer, const struct service *service,
                     const struct service_wait *wait)
{
    open_object(answer, NULL);
    add_text(answer, "what", wait->what);
    add_text_if(answer, "text", wait->text);
    add_text_if(answer, "deployment", wait->of);
    add_text_if(answer, "capacityProvider", wait->provider);
    if (wait->tasks)
        add_number(answer, "tasks", wait->tasks);
    add_time_if(answer, "until", wait->until_ms);
    if (wait->sample_count) {
        open_list(answer, "taskArns");
        for (size_t i = 0; i < wait->sample_count; i++)
            add_item(answer,
                     arn_task(&answer->arena, answer->scope, service->cluster, &wait->samples[i]));
        close_list(answer);
    }
    if (wait->plan)
        add_placement(answer, service->cluster, wait->plan);
    close_object(answer);
}

/* When something happens by time alone; 0: never. */
static int64_t next_time(const struct service_explanation *explanation)
{
    int64_t next_ms = 0;

    for (size_t i = 0; i < explanation->count; i++) {
        int64_t until_ms = explanation->waits[i].until_ms;

        if (until_ms && (!next_ms || until_ms < next_ms))
            next_ms = until_ms;
    }
    return next_ms;
}

static const char *summary_of(const struct service *service,
                              const struct service_explanation *explanation)
{
    if (service->status == SERVICE_INACTIVE)
        return "The service is INACTIVE: it was deleted.";
    if (explanation->count)
        return explanation->waits[0].text;
    if (service->is_steady)
        return "The service has reached a steady state.";
    return "The service waits for nothing: its next look makes it steady.";
}

/* ---- what was kept ---- */

static void add_rule(struct answer *answer, const struct service *service,
                     const struct shortage_rule *rule)
{
    open_object(answer, NULL);
    add_text(answer, "reason", rule->reason);
    add_text(answer, "text",
             arena_printf(&answer->arena, "%d host%s %s", (int)rule->hosts,
                          rule->hosts == 1 ? "" : "s", rule->text));
    if (rule->unit) {
        add_text(answer, "unit", rule->unit);
        add_number(answer, "wanted", rule->wanted);
        add_number(answer, "mostFree", rule->most);
        add_number(answer, "tooSmall", rule->too_small);
    }
    add_number(answer, "hosts", rule->hosts);
    open_list(answer, "containerInstanceArns");
    for (uint32_t i = 0; i < rule->samples_count; i++) {
        struct id id;

        if (id_parse(rule->samples[i], &id))
            add_item(answer,
                     arn_container_instance(&answer->arena, answer->scope, service->cluster, &id));
    }
    close_list(answer);
    close_object(answer);
}

static void add_shortages(struct answer *answer, const struct service *service)
{
    open_list(answer, "shortages");
    for (uint32_t i = 0; i < service->shortages_count; i++) {
        const struct shortage *one = &service->shortages[i];

        open_object(answer, NULL);
        add_time_if(answer, "since", one->since_ms);
        add_time_if(answer, "at", one->at_ms);
        add_text_if(answer, "text", one->text);
        add_text_if(answer, "deployment", one->of);
        add_text_if(answer, "capacityProvider", one->provider);
        add_number(answer, "tasks", one->tasks);
        add_number(answer, "hosts", one->hosts);
        open_list(answer, "refusals");
        for (uint32_t j = 0; j < one->rules_count; j++)
            add_rule(answer, service, &one->rules[j]);
        close_list(answer);
        close_object(answer);
    }
    close_list(answer);
}

/* ---- what happened ---- */

static void add_events(struct answer *answer, const struct service *service)
{
    const struct service_event *event = NULL;

    open_list(answer, "events");
    for (int i = 0; i < EVENTS_SHOWN; i++) {
        event = state_service_event_before(answer->ecs->state, service, event);
        if (!event || event->created_at_ms < service->created_at_ms)
            break;
        open_object(answer, NULL);
        add_time_if(answer, "createdAt", event->created_at_ms);
        add_text(answer, "message", event->message);
        close_object(answer);
    }
    close_list(answer);
}

static void add_stopped_task(struct answer *answer, const struct task *task)
{
    open_object(answer, NULL);
    add_text(answer, "taskArn", shown_task_arn(&answer->arena, answer->scope, task));
    add_text_if(answer, "deployment", task->deployment);
    add_time_if(answer, "stoppedAt", task->rare->stopped_at_ms);
    add_text_if(answer, "stopCode", task_stop_code_text(task->stop_code));
    add_text_if(answer, "stoppedReason", task->rare->stopped_reason);
    add_containers(answer, task);
    close_object(answer);
}

static void add_stopped_tasks(struct answer *answer, const struct service *service)
{
    const struct task *task = NULL;

    open_list(answer, "stoppedTasks");
    for (int i = 0; i < STOPPED_SHOWN; i++) {
        task = state_task_before(answer->ecs->state, answer->scope, service->cluster,
                                 TASKS_BY_SERVICE, service->name, true, task ? &task->id : NULL);
        if (!task || task->created_at_ms < service->created_at_ms)
            break;
        add_stopped_task(answer, task);
    }
    close_list(answer);
}

static void add_waits(struct answer *answer, const struct service *service,
                      const struct service_explanation *explanation)
{
    open_list(answer, "waitsFor");
    for (size_t i = 0; i < explanation->count; i++)
        add_wait(answer, service, &explanation->waits[i]);
    close_list(answer);
}

static void add_counts(struct answer *answer, const struct service *service)
{
    struct service_counts counts;

    state_service_counts(service, NULL, &counts);
    add_number(answer, "desiredCount", service->desired_count);
    add_number(answer, "runningCount", counts.running);
    add_number(answer, "pendingCount", counts.pending);
}

struct error *explain_service(struct answer *answer, const struct service *service)
{
    CLEANUP(service_explanation_done) struct service_explanation explanation = {0};

    TRY(service_explain(answer->ecs->control, answer->scope, service, &explanation));
    add_text(answer, "kind", "service");
    add_text(answer, "arn", shown_service_arn(&answer->arena, answer->scope, service));
    add_text(answer, "clusterArn", arn_cluster(&answer->arena, answer->scope, service->cluster));
    add_text(answer, "status", service_status_name(service->status));
    add_text(answer, "schedulingStrategy", scheduling_strategy_name(service->strategy));
    add_text_if(answer, "summary", summary_of(service, &explanation));
    add_counts(answer, service);
    add_number(answer, "minimumHealthy", explanation.bounds.lower);
    add_number(answer, "maximum", explanation.bounds.upper);
    add_time_if(answer, "nextTryAt", next_time(&explanation));
    open_list(answer, "deployments");
    for (uint32_t i = 0; i < service->deployments_count; i++)
        add_deployment(answer, service, &service->deployments[i]);
    close_list(answer);
    add_waits(answer, service, &explanation);
    add_shortages(answer, service);
    add_stopped_tasks(answer, service);
    add_events(answer, service);
    return NULL;
}
