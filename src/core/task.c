#include "core/task.h"

#include <assert.h>
#include <stddef.h>

#include "base/attributes.h"

/* Each row names every status that may come next, since phases with nothing to do are skipped
 * (SC-103); ENDING is where a stop may lead from anywhere (SC-105). */
#define ENDING (BIT(TASK_STOPPING) | BIT(TASK_DEPROVISIONING) | BIT(TASK_STOPPED))
static const unsigned next_of[] = {
    [TASK_PROVISIONING] = BIT(TASK_PENDING) | ENDING,
    [TASK_PENDING] = BIT(TASK_ACTIVATING) | BIT(TASK_RUNNING) | ENDING,
    [TASK_ACTIVATING] = BIT(TASK_RUNNING) | BIT(TASK_DEACTIVATING) | ENDING,
    [TASK_RUNNING] = BIT(TASK_DEACTIVATING) | ENDING,
    [TASK_DEACTIVATING] = ENDING,
    [TASK_STOPPING] = BIT(TASK_DEPROVISIONING) | BIT(TASK_STOPPED),
    [TASK_DEPROVISIONING] = BIT(TASK_STOPPED),
    [TASK_STOPPED] = 0,
};

bool task_status_may_follow(enum task_status from, enum task_status to)
{
    return (unsigned)from < ARRAY_LEN(next_of) && (unsigned)to < ARRAY_LEN(next_of) &&
           (next_of[from] & BIT(to));
}

void task_set_status(struct task *task, enum task_status to, int64_t now_ms)
{
    assert(task_status_may_follow(task->last_status, to));
    task->last_status = to;
    task->version++;
    switch (to) {
    case TASK_RUNNING:
        task->started_at_ms = now_ms;
        break;
    case TASK_DEACTIVATING:
    case TASK_STOPPING:
    case TASK_DEPROVISIONING:
        if (!task->rare->stopping_at_ms)
            task_set_stopping_at_ms(task, now_ms);
        break;
    case TASK_STOPPED:
        task->desired_status = TASK_STOPPED;
        if (!task->rare->stopping_at_ms)
            task_set_stopping_at_ms(task, now_ms);
        task_set_stopped_at_ms(task, now_ms);
        for (size_t i = 0; i < task->containers_count; i++)
            task->containers[i].last_status = TASK_STOPPED;
        break;
    case TASK_PENDING:
        for (size_t i = 0; i < task->containers_count; i++)
            if (task->containers[i].last_status == TASK_PROVISIONING)
                task->containers[i].last_status = TASK_PENDING;
        break;
    case TASK_PROVISIONING:
    case TASK_ACTIVATING:
    case TASK_COUNT:
        break;
    }
}

bool task_want_stopped(struct task *task, enum stop_code code, const char *reason, int64_t now_ms)
{
    if (task->desired_status == TASK_STOPPED || task->last_status == TASK_STOPPED)
        return false;
    task->desired_status = TASK_STOPPED;
    task_set_stopping_at_ms(task, now_ms);
    task->stop_code = code;
    task_set_stopped_reason(task, reason);
    task->version++;
    return true;
}

void task_end(struct task *task, enum stop_code code, const char *reason, int64_t now_ms)
{
    task_want_stopped(task, code, reason, now_ms);
    task_set_status(task, TASK_STOPPED, now_ms);
}

bool task_is_waiting(const struct task *task)
{
    return task->last_status == TASK_PROVISIONING && task->desired_status == TASK_RUNNING &&
           id_is_zero(&task->instance) && task->rare->capacity_provider;
}

void task_place(struct task *task, const struct id *instance, int64_t now_ms)
{
    assert(task_is_waiting(task));
    task->instance = *instance;
    task->connectivity_at_ms = now_ms;
    task_set_placement(task, NULL);
    task_set_placement_explanation(task, NULL);
    task_set_status(task, TASK_PENDING, now_ms);
}

bool task_is_protected(const struct task *task, int64_t now_ms)
{
    return task->rare->protected_until_ms > now_ms;
}

bool task_is_ending(const struct task *task)
{
    return ENDING & BIT(task->last_status);
}

bool task_counts_pending(const struct task *task)
{
    return task->last_status == TASK_PROVISIONING || task->last_status == TASK_PENDING ||
           task->last_status == TASK_ACTIVATING;
}

bool task_counts_running(const struct task *task)
{
    return task->last_status == TASK_RUNNING;
}

enum health_status task_health_of_containers(const struct task *task)
{
    enum health_status health = HEALTH_HEALTHY;
    bool has_essential = false;

    for (size_t i = 0; i < task->containers_count; i++) {
        const struct container *container = &task->containers[i];

        if (!container->is_essential)
            continue;
        has_essential = true;
        if (container->has_health_check && container->health == HEALTH_UNHEALTHY)
            return HEALTH_UNHEALTHY;
        if (!container->has_health_check || container->health == HEALTH_UNKNOWN)
            health = HEALTH_UNKNOWN;
    }
    return has_essential ? health : HEALTH_UNKNOWN;
}

bool task_counts_healthy(const struct task *task, int64_t now_ms, int64_t *ret_due_ms)
{
    bool has_check = false;

    *ret_due_ms = 0;
    if (task->last_status != TASK_RUNNING)
        return false;
    for (size_t i = 0; i < task->containers_count; i++) {
        const struct container *container = &task->containers[i];

        /* An essential container without a check does not hold the count back (SC-200). */
        if (!container->is_essential || !container->has_health_check)
            continue;
        has_check = true;
        if (container->health != HEALTH_HEALTHY)
            return false;
    }
    if (has_check)
        return true;
    if (now_ms - task->started_at_ms >= TASK_HEALTHY_AFTER_MS)
        return true;
    *ret_due_ms = task->started_at_ms + TASK_HEALTHY_AFTER_MS;
    return false;
}
