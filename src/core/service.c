#include "core/service.h"

#include <stddef.h>
#include <string.h>

#include "base/str.h"
#include "core/task.h"

struct service_bounds service_bounds(int64_t desired, int32_t minimum_percent,
                                     int32_t maximum_percent)
{
    return (struct service_bounds){
        .lower = (desired * minimum_percent + 99) / 100,
        .upper = desired * maximum_percent / 100,
    };
}

void deployment_counts_add(struct deployment_counts *counts, const struct task *task,
                           int64_t now_ms, int64_t *due_ms)
{
    int64_t due = 0;

    if (task->last_status == TASK_STOPPED)
        return;
    counts->pending += task_counts_pending(task);
    counts->running += task_counts_running(task);
    if (task->desired_status == TASK_STOPPED) {
        counts->stopping++;
        return;
    }
    counts->staying++;
    if (task->last_status != TASK_RUNNING)
        counts->starting++;
    else if (task_health_of_containers(task) == HEALTH_UNHEALTHY)
        counts->unhealthy++;
    else if (task_counts_healthy(task, now_ms, &due))
        counts->healthy++;
    if (due_ms && due && (!*due_ms || due < *due_ms))
        *due_ms = due;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t not_negative(int64_t n)
{
    return n > 0 ? n : 0;
}

struct rollout_step rollout_next(const struct rollout *rollout)
{
    const struct deployment_counts *fresh = &rollout->fresh, *old = &rollout->old;
    int64_t total = fresh->staying + fresh->stopping + old->staying + old->stopping;
    int64_t healthy = fresh->healthy + old->healthy;
    int64_t useless = old->starting + old->unhealthy;
    int64_t unproved = old->staying - useless - old->healthy;
    struct rollout_step step = {0};
    bool is_moving;

    step.stop_surplus = not_negative(fresh->staying - rollout->desired);
    step.start = min64(not_negative(rollout->desired - fresh->staying),
                       not_negative(rollout->bounds.upper - total));
    if (rollout->is_halted)
        step.start = 0;
    step.stop_old = useless;
    if (healthy >= rollout->bounds.lower && !rollout->is_halted)
        step.stop_old += unproved + min64(old->healthy, healthy - rollout->bounds.lower);
    step.is_done = old->staying == 0 && fresh->staying == rollout->desired;

    /* Something is still to happen by itself: a task stops, starts, or proves healthy. */
    is_moving =
        fresh->stopping + old->stopping > 0 || fresh->staying > fresh->healthy || unproved > 0;
    step.is_stuck = !rollout->is_halted && !step.is_done && !is_moving && !step.start &&
                    !step.stop_old && !step.stop_surplus;
    return step;
}

int64_t service_backoff_ms(int32_t failures_in_row)
{
    int64_t ms = SERVICE_BACKOFF_FIRST_MS;

    if (failures_in_row <= SERVICE_BACKOFF_FREE_FAILURES)
        return 0;
    for (int32_t n = SERVICE_BACKOFF_FREE_FAILURES + 1;
         n < failures_in_row && ms < SERVICE_BACKOFF_MAX_MS; n++)
        ms *= 2;
    return min64(ms, SERVICE_BACKOFF_MAX_MS);
}

int32_t service_failure_threshold(int32_t desired_count)
{
    int32_t half = desired_count / 2 + desired_count % 2;

    if (half < SERVICE_FAILURES_MIN)
        return SERVICE_FAILURES_MIN;
    return half > SERVICE_FAILURES_MAX ? SERVICE_FAILURES_MAX : half;
}

const struct deployment *service_primary(const struct service *service)
{
    for (size_t i = 0; i < service->deployments_count; i++)
        if (service->deployments[i].status == DEPLOYMENT_PRIMARY)
            return &service->deployments[i];
    return NULL;
}

bool service_deployment_is_open(const struct service_deployment *deployment)
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

/* Items of a list are plain values: they may be moved. */
static struct deployment *put_first(struct service *service, uint32_t place, int64_t now_ms)
{
    struct deployment *first = service->deployments;
    struct deployment chosen = first[place];

    for (uint32_t i = 0; i < service->deployments_count; i++) {
        if (first[i].status != DEPLOYMENT_PRIMARY)
            continue;
        first[i].status = DEPLOYMENT_ACTIVE;
        first[i].updated_at_ms = now_ms;
    }
    memmove(first + 1, first, place * sizeof(*first));
    *first = chosen;
    first->status = DEPLOYMENT_PRIMARY;
    first->updated_at_ms = now_ms;
    return first;
}

struct deployment *service_add_deployment(struct service *service, int64_t now_ms)
{
    service_append_deployments(service)->created_at_ms = now_ms;
    return put_first(service, service->deployments_count - 1, now_ms);
}

struct deployment *service_promote_deployment(struct service *service, const char *revision,
                                              int64_t now_ms)
{
    for (uint32_t i = 0; i < service->deployments_count; i++)
        if (str_eq(service->deployments[i].service_revision, revision))
            return put_first(service, i, now_ms);
    return NULL;
}
