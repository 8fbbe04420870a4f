#include "base/str.h"
#include "control/launch.h"
#include "control/service_work.h"
#include "core/task.h"

bool share_is_fargate(const char *provider)
{
    return str_eq(provider, "FARGATE") || str_eq(provider, "FARGATE_SPOT");
}

size_t share_of_task(const struct crew *crew, const struct task *task)
{
    size_t i = 0;

    while (i < crew->providers->count &&
           !str_eq(crew->providers->items[i].capacity_provider, task->rare->capacity_provider))
        i++;
    return i;
}

/* What the crew has now: running and pending tasks (CL-102). */
static struct share *shares_now(struct pass *pass, const struct crew *crew, int64_t *ret_others)
{
    const struct ecs_capacity_provider_strategy *strategy = crew->providers;
    struct share *shares = launch_shares(&pass->arena, strategy);
    struct pass_walk walk = {0};

    while (pass_next_task(pass, &walk))
        if (walk.task->desired_status != TASK_STOPPED && str_eq(walk.task->deployment, crew->id))
            shares[share_of_task(crew, walk.task)].held++;
    *ret_others = shares[strategy->count].held;
    return shares;
}

size_t *shares_of_start(struct pass *pass, const struct crew *crew, size_t count)
{
    size_t providers = crew->providers->count;
    size_t *wanted = ARENA_ARRAY(&pass->arena, size_t, providers + 1);
    int64_t others;
    struct share *shares = shares_now(pass, crew, &others);

    for (; count > 0; count--) {
        size_t next = apportion_next(shares, providers);

        if (next == providers)
            break;
        shares[next].held++;
        wanted[next]++;
    }
    return wanted;
}

size_t *shares_of_stop(struct pass *pass, const struct crew *crew, size_t count)
{
    size_t providers = crew->providers->count;
    size_t *surplus = ARENA_ARRAY(&pass->arena, size_t, providers + 1);
    int64_t others;
    struct share *shares = shares_now(pass, crew, &others);

    for (; count > 0; count--) {
        size_t next = others > 0 ? providers : apportion_last(shares, providers);

        others -= others > 0;
        if (next < providers)
            shares[next].held--;
        surplus[next]++;
    }
    return surplus;
}
