/* Why a task waits, or why it stopped: from its own words back to what decided it. */
#include <inttypes.h>
#include <string.h>

#include "base/json_text.h"
#include "control/launch.h"
#include "core/service.h"
#include "core/shown_arn.h"
#include "core/task.h"
#include "ecs/task_describe.h"
#include "explain/parts.h"

void add_containers(struct answer *answer, const struct task *task)
{
    open_list(answer, "containers");
    for (uint32_t i = 0; i < task->containers_count; i++) {
        const struct container *one = &task->containers[i];

        open_object(answer, NULL);
        add_text(answer, "name", one->name);
        add_text(answer, "lastStatus", task_status_name(one->last_status));
        if (one->has_exit_code)
            add_number(answer, "exitCode", one->exit_code);
        add_text_if(answer, "reason", one->reason);
        if (one->has_health_check)
            add_text(answer, "healthStatus", health_status_name(one->health));
        close_object(answer);
    }
    close_list(answer);
}

/* One step of the chain; the first is what is nearest to the task. */
static void add_cause(struct answer *answer, const char *what, const char *text)
{
    open_object(answer, NULL);
    add_text(answer, "what", what);
    add_text(answer, "text", text);
    close_object(answer);
}

static const char *hex_of(struct answer *answer, const struct id *id)
{
    char *hex = arena_alloc(&answer->arena, ID_HEX_SIZE);

    id_format(id, hex);
    return hex;
}

static const char *time_of(struct answer *answer, int64_t at_ms)
{
    CLEANUP(buf_done) struct buf text = {0};

    json_text_add_iso(&text, at_ms);
    return arena_dup_n(&answer->arena, text.data + 1, text.len - 2); /* without its quotes */
}

/* ---- its host ---- */

static const struct container_instance *host_of(const struct answer *answer,
                                                const struct task *task)
{
    return id_is_zero(&task->instance)
               ? NULL
               : state_instance(answer->ecs->state, answer->scope, task->cluster, &task->instance);
}

static bool is_silent(const struct container_instance *host)
{
    return host->status != INSTANCE_INACTIVE && !state_instance_connected(host);
}

static void add_host(struct answer *answer, const struct task *task)
{
    const struct container_instance *host = host_of(answer, task);

    if (id_is_zero(&task->instance))
        return;
    open_object(answer, "containerInstance");
    add_text(answer, "arn",
             arn_container_instance(&answer->arena, answer->scope, task->cluster, &task->instance));
    if (host) {
        add_text(answer, "status", instance_status_name(host->status));
        json_text_add_name(&answer->out, "agentConnected");
        json_text_add_bool(&answer->out, state_instance_connected(host));
        add_time_if(answer, "disconnectedAt", host->disconnected_at_ms);
    }
    close_object(answer);
}

static void add_silence(struct answer *answer, const struct container_instance *host)
{
    add_cause(answer, "HOST_SILENT",
              host->disconnected_at_ms
                  ? arena_printf(&answer->arena,
                                 "The agent of its container instance %s is disconnected since %s.",
                                 hex_of(answer, &host->id),
                                 time_of(answer, host->disconnected_at_ms))
                  : arena_printf(&answer->arena,
                                 "The agent of its container instance %s is not connected.",
                                 hex_of(answer, &host->id)));
}

/* ---- its service ---- */

static const struct service *service_of(const struct answer *answer, const struct task *task)
{
    return task->service
               ? state_service(answer->ecs->state, answer->scope, task->cluster, task->service)
               : NULL;
}

static const struct deployment *deployment_of(const struct service *service, const char *id)
{
    for (uint32_t i = 0; service && i < service->deployments_count; i++)
        if (str_eq(service->deployments[i].id, id))
            return &service->deployments[i];
    return NULL;
}

/* A deployment that is over is not with its service any more, but that it failed was told. */
static void add_failure_told(struct answer *answer, const struct service *service,
                             const struct task *task)
{
    const struct service_event *event = NULL;

    while (service && (event = state_service_event_before(answer->ecs->state, service, event)) &&
           (event->name != EVENT_SERVICE_DEPLOYMENT_FAILED ||
            !str_eq(event->deployment, task->deployment)))
        ;
    if (event)
        add_cause(answer, "DEPLOYMENT_FAILED",
                  event->reason
                      ? arena_printf(&answer->arena, "%s %s", event->message, event->reason)
                      : event->message);
}

/* What became of the deployment that the task is of. */
static void add_own_deployment(struct answer *answer, const struct service *service,
                               const struct task *task)
{
    const struct deployment *own = deployment_of(service, task->deployment);

    if (!own)
        add_failure_told(answer, service, task);
    if (!own || own->rollout_state == ROLLOUT_STATE_NONE)
        return;
    add_cause(
        answer, own->rollout_state == ROLLOUT_STATE_FAILED ? "DEPLOYMENT_FAILED" : "DEPLOYMENT",
        arena_printf(&answer->arena, "Its deployment %s is %s%s%s", own->id,
                     rollout_state_name(own->rollout_state), own->rollout_state_reason ? ": " : ".",
                     own->rollout_state_reason ? own->rollout_state_reason : ""));
}

static void add_replacement(struct answer *answer, const struct service *service,
                            const struct task *task, const char *by)
{
    const struct deployment *newer = deployment_of(service, by);

    add_cause(answer, "REPLACED",
              arena_printf(&answer->arena, "Deployment %s replaces its deployment %s.", by,
                           task->deployment ? task->deployment : "(none)"));
    if (!newer)
        return;
    if (newer->is_rollback)
        add_cause(answer, "ROLLBACK",
                  arena_printf(&answer->arena, "%s is a rollback%s%s", newer->id,
                               newer->rollout_state_reason ? ": " : ".",
                               newer->rollout_state_reason ? newer->rollout_state_reason : ""));
    else
        add_cause(answer, "DEPLOYMENT",
                  arena_printf(&answer->arena, "%s, which runs %s:%" PRId32 ", is %s%s%s",
                               newer->id, newer->family, newer->revision,
                               rollout_state_name(newer->rollout_state),
                               newer->rollout_state_reason ? ": " : ".",
                               newer->rollout_state_reason ? newer->rollout_state_reason : ""));
}

/* "Scaling activity initiated by (deployment ecs-svc/1)": NULL if it is no such reason. */
static const char *deployment_in(struct answer *answer, const char *reason)
{
    static const char before[] = "(deployment ";
    const char *at = reason ? strstr(reason, before) : NULL;
    const char *end = at ? strchr(at, ')') : NULL;

    if (!end)
        return NULL;
    at += sizeof(before) - 1;
    return arena_dup_n(&answer->arena, at, (size_t)(end - at));
}

static void add_scaling(struct answer *answer, const struct service *service,
                        const struct task *task, const char *by)
{
    const struct container_instance *host = host_of(answer, task);

    if (host && host->status != INSTANCE_ACTIVE)
        add_cause(answer, "DRAINING",
                  arena_printf(&answer->arena,
                               "Its container instance %s is %s: service tasks are replaced "
                               "elsewhere.",
                               hex_of(answer, &host->id), instance_status_name(host->status)));
    else if (!str_eq(by, task->deployment))
        add_replacement(answer, service, task, by);
    else
        add_cause(answer, "SCALE_IN",
                  arena_printf(&answer->arena,
                               "The service was to have fewer tasks: its desired count is %" PRId32
                               " now.",
                               service ? service->desired_count : 0));
}

/* ---- why it stopped ---- */

/* What ended by itself and took the task with it, or could not begin. */
static void add_container_causes(struct answer *answer, const struct task *task)
{
    for (uint32_t i = 0; i < task->containers_count; i++) {
        const struct container *one = &task->containers[i];
        const char *signal = "";

        if (!one->reason && !(one->has_exit_code && one->exit_code != 0))
            continue;
        if (one->has_exit_code && one->exit_code > 128 && one->exit_code < 128 + 65)
            signal = arena_printf(&answer->arena, " (signal %d)", one->exit_code - 128);
        add_cause(answer, "CONTAINER",
                  one->has_exit_code
                      ? arena_printf(&answer->arena,
                                     "Container %s%s ended with exit code %" PRId32 "%s%s%s",
                                     one->name, one->is_essential ? ", which is essential," : "",
                                     one->exit_code, signal, one->reason ? ": " : ".",
                                     one->reason ? one->reason : "")
                      : arena_printf(&answer->arena, "Container %s%s: %s", one->name,
                                     one->is_essential ? ", which is essential" : "", one->reason));
    }
}

static void add_stop_causes(struct answer *answer, const struct task *task)
{
    const struct service *service = service_of(answer, task);
    const struct container_instance *host = host_of(answer, task);
    const char *reason = task->rare->stopped_reason;
    const char *by = deployment_in(answer, reason);

    if (reason)
        add_cause(answer, "STOPPED", reason);
    add_container_causes(answer, task);
    if (by)
        add_scaling(answer, service, task, by);
    if (str_eq(reason, STOPPED_FAILED_HEALTH_CHECKS))
        add_cause(answer, "HEALTH_CHECK",
                  "The health check of an essential container said UNHEALTHY, and the grace period "
                  "of its service was over.");
    if (reason && str_starts_with(reason, "Host EC2") && host)
        add_silence(answer, host);
    if (str_eq(reason, STOPPED_DEREGISTERED))
        add_cause(answer, "DEREGISTERED",
                  arena_printf(&answer->arena, "Its container instance %s was deregistered.",
                               hex_of(answer, &task->instance)));
    add_own_deployment(answer, service, task);
}

/* ---- why it is not RUNNING yet, or still there ---- */

static struct error *add_search(struct answer *answer, const struct task *task)
{
    const struct task_definition *definition =
        state_task_definition(answer->ecs->state, answer->scope, task->family, task->revision);
    CLEANUP(launch_demand_done) struct demand demand = {0};
    struct plan plan;

    if (!definition)
        return NULL;
    TRY(launch_demand_of_task(&answer->arena, definition, task, &demand));
    TRY(plan_survey(&answer->arena,
                    control_fleet(answer->ecs->control, answer->scope, task->cluster), &demand,
                    &plan));
    open_object(answer, NULL);
    add_text(answer, "what", "NO_HOST");
    add_text(answer, "text",
             arena_printf(&answer->arena,
                          "It waits for a container instance of capacity provider %s. %s",
                          task->rare->capacity_provider ? task->rare->capacity_provider : "(none)",
                          plan_explain(&answer->arena, &plan)));
    add_placement(answer, task->cluster, &plan);
    close_object(answer);
    return NULL;
}

static void add_start(struct answer *answer, const struct task *task)
{
    const struct container_instance *host = host_of(answer, task);

    if (host && is_silent(host))
        add_silence(answer, host);
    else if (!task->is_acknowledged)
        add_cause(answer, "NOT_REPORTED", "Its agent has not reported anything about it yet.");
    else if (task->pull_started_at_ms && !task->pull_stopped_at_ms)
        add_cause(answer, "PULLING",
                  arena_printf(&answer->arena, "Its images are being pulled since %s.",
                               time_of(answer, task->pull_started_at_ms)));
    else
        add_cause(
            answer, "STARTING",
            "Its agent has it: it waits there for room, its images, or containers that others "
            "depend on.");
}

static void add_stop(struct answer *answer, const struct task *task)
{
    const struct container_instance *host = host_of(answer, task);

    if (host && is_silent(host))
        add_silence(answer, host);
    else
        add_cause(answer, "STOPPING",
                  arena_printf(&answer->arena,
                               "It was asked to stop at %s: its containers have their stopTimeout "
                               "to end.",
                               time_of(answer, task->rare->stopping_at_ms)));
}

static void add_health(struct answer *answer, const struct task *task)
{
    const struct container_instance *host = host_of(answer, task);
    int64_t due_ms;

    if (host && is_silent(host))
        add_silence(answer, host);
    if (!task->service || task_counts_healthy(task, answer->call.now_ms, &due_ms))
        return;
    add_cause(answer, task_health_of_containers(task) == HEALTH_UNHEALTHY ? "UNHEALTHY" : "PROVING",
              task_health_of_containers(task) == HEALTH_UNHEALTHY
                  ? "The health check of an essential container says UNHEALTHY."
              : due_ms ? arena_printf(&answer->arena, "It counts as healthy from %s on.",
                                      time_of(answer, due_ms))
                       : "The health checks of its essential containers have not passed yet.");
}

static struct error *add_waits(struct answer *answer, const struct task *task)
{
    if (task->last_status == TASK_STOPPED)
        return NULL;
    if (task->desired_status == TASK_STOPPED)
        add_stop(answer, task);
    else if (id_is_zero(&task->instance))
        return add_search(answer, task);
    else if (task->last_status < TASK_RUNNING)
        add_start(answer, task);
    else
        add_health(answer, task);
    return NULL;
}

/* ---- the whole ---- */

static const char *summary_of(struct answer *answer, const struct task *task)
{
    const char *reason = task->rare->stopped_reason;

    if (task->desired_status == TASK_STOPPED && reason)
        return arena_printf(&answer->arena, "The task is %s: %s",
                            task_status_name(task->last_status), reason);
    return arena_printf(&answer->arena, "The task is %s.", task_status_name(task->last_status));
}

static void add_record(struct answer *answer, const struct task *task)
{
    add_text(answer, "kind", "task");
    add_text(answer, "arn", shown_task_arn(&answer->arena, answer->scope, task));
    add_text(answer, "clusterArn", arn_cluster(&answer->arena, answer->scope, task->cluster));
    add_text(answer, "summary", summary_of(answer, task));
    add_text(answer, "taskDefinition",
             arena_printf(&answer->arena, "%s:%" PRId32, task->family, task->revision));
    add_text_if(answer, "service", task->service);
    add_text_if(answer, "deployment", task->deployment);
    add_text(answer, "lastStatus", task_status_name(task->last_status));
    add_text(answer, "desiredStatus", task_status_name(task->desired_status));
    add_text_if(answer, "stopCode", task_stop_code_text(task->stop_code));
    add_text_if(answer, "stoppedReason", task->rare->stopped_reason);
    add_text_if(answer, "placementExplanation", task->rare->placement_explanation);
    add_time_if(answer, "createdAt", task->created_at_ms);
    add_time_if(answer, "startedAt", task->started_at_ms);
    add_time_if(answer, "stoppingAt", task->rare->stopping_at_ms);
    add_time_if(answer, "stoppedAt", task->rare->stopped_at_ms);
}

struct error *explain_task(struct answer *answer, const struct task *task)
{
    add_record(answer, task);
    add_host(answer, task);
    add_containers(answer, task);
    open_list(answer, "waitsFor");
    TRY(add_waits(answer, task));
    close_list(answer);
    open_list(answer, "causes");
    if (task->desired_status == TASK_STOPPED)
        add_stop_causes(answer, task);
    close_list(answer);
    return NULL;
}
