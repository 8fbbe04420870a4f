#include "base/mem.h"
#include "base/str.h"
#include "control/service_work.h"
#include "core/task.h"

void counts_add(struct deployment_counts *to, const struct deployment_counts *one)
{
    to->pending += one->pending;
    to->running += one->running;
    to->staying += one->staying;
    to->starting += one->starting;
    to->unhealthy += one->unhealthy;
    to->healthy += one->healthy;
    to->stopping += one->stopping;
}

struct deployment_counts *counts_of(struct pass *pass, const struct task *task)
{
    for (uint32_t i = 0; i < pass->service->deployments_count; i++)
        if (str_eq(pass->service->deployments[i].id, task->deployment))
            return &pass->of[i];
    return &pass->unknown;
}

const struct deployment_counts *counts_of_deployment(const struct pass *pass,
                                                     const struct deployment *deployment)
{
    return &pass->of[deployment - pass->service->deployments];
}

/* Its host takes no tasks any more (CL-283, CL-302). */
static bool is_leaving(const struct pass *pass, const struct task *task)
{
    const struct container_instance *instance =
        state_instance(pass->state, pass->scope, task->cluster, &task->instance);

    return instance && instance->status != INSTANCE_ACTIVE;
}

/* SC-377: within the grace period failing checks do not count. */
static bool is_in_grace(struct pass *pass, const struct task *task)
{
    int64_t until_ms = task->started_at_ms + (int64_t)pass->service->health_grace_s * 1000;

    if (!pass->service->has_health_grace_s || pass->now_ms >= until_ms)
        return false;
    pass_due(pass, until_ms);
    return true;
}

static bool is_ailing(struct pass *pass, const struct task *task)
{
    return task->last_status == TASK_RUNNING && task->desired_status != TASK_STOPPED &&
           task_health_of_containers(task) == HEALTH_UNHEALTHY && !is_in_grace(pass, task);
}

struct deployment_counts count_one(struct pass *pass, const struct task *task, bool *ret_ails)
{
    struct deployment_counts one = {0};
    int64_t healthy_at_ms = 0;

    deployment_counts_add(&one, task, pass->now_ms, &healthy_at_ms);
    pass_due(pass, healthy_at_ms);
    *ret_ails = is_ailing(pass, task);
    if (*ret_ails)
        return (struct deployment_counts){.running = one.running, .stopping = 1};
    one.unhealthy = 0; /* in its grace period */
    return one;
}

void victim_list_add(struct victim_list *list, const struct task *task, int64_t now_ms)
{
    int64_t ignored;
    int rank = 0;

    if (task->last_status == TASK_RUNNING && task_health_of_containers(task) != HEALTH_UNHEALTHY)
        rank = task_counts_healthy(task, now_ms, &ignored) ? RANK_HEALTHY : 1;
    ARRAY_GROW(list->items, list->count, list->capacity);
    list->items[list->count++] = (struct victim){
        .task = task->id,
        .host = task->instance,
        .rank = rank,
        .cpu = task->cpu,
        .memory = task->memory,
        .data = (void *)(uintptr_t)task,
    };
}

/* `wanted` is the deployment or task set whose tasks are kept; NULL: none. */
static void count_task(struct pass *pass, const char *wanted, const struct task *task)
{
    bool is_fresh = wanted && str_eq(task->deployment, wanted) && !is_leaving(pass, task);
    bool ails;
    struct deployment_counts one = count_one(pass, task, &ails);

    pass->result->task_count++;
    counts_add(counts_of(pass, task), &one);
    counts_add(is_fresh ? &pass->rollout.fresh : &pass->rollout.old, &one);
    if (ails)
        task_refs_add(&pass->ailing, task);
    else if (one.staying && task_is_protected(task, pass->now_ms))
        pass_due(pass, task->rare->protected_until_ms); /* API-130: it counts, but does not go */
    else if (one.staying)
        victim_list_add(is_fresh ? &pass->fresh : &pass->old, task, pass->now_ms);
}

void count_task_set(struct pass *pass, const struct task_set *set)
{
    struct pass_walk walk = {0};

    pass->rollout = (struct rollout){
        .desired = set->desired_count,
        .bounds = service_bounds(set->desired_count, pass->service->minimum_percent,
                                 pass->service->maximum_percent),
    };
    pass->fresh.count = pass->old.count = pass->ailing.count = 0;
    pass->healthy_stopped = 0;
    while (pass_next_task(pass, &walk))
        if (str_eq(walk.task->deployment, set->id))
            count_task(pass, set->id, walk.task);
}

void count_tasks(struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);
    struct pass_walk walk = {0};

    pass->of =
        ARENA_ARRAY(&pass->arena, struct deployment_counts, pass->service->deployments_count + 1);
    while (pass_next_task(pass, &walk))
        count_task(pass, primary ? primary->id : NULL, walk.task);
    pass->rollout.desired = pass->service->desired_count;
    pass->rollout.bounds =
        service_bounds(pass->service->desired_count, pass->service->minimum_percent,
                       pass->service->maximum_percent);
}
