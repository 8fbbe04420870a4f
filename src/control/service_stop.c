#include "base/id.h"
#include "base/str.h"
#include "control/launch.h"
#include "control/service_work.h"
#include "core/service_events.h"
#include "core/task.h"

const char *stop_reason_scaling(struct pass *pass, const char *deployment)
{
    const struct deployment *primary = service_primary(pass->service);

    if (!deployment)
        deployment = primary ? primary->id : pass->service->name;
    return arena_printf(&pass->arena, STOPPED_SERVICE_SCALING_FMT, deployment);
}

void stop_task(struct pass *pass, const struct task *task, const char *reason)
{
    task_want_stopped(pass_edit_task(pass, task), STOP_CODE_SERVICE_SCHEDULER_INITIATED, reason,
                      pass->now_ms);
}

/* TD-140: a service's task whose essential containers fail their checks is replaced. */
void stop_ailing(struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);
    int32_t failed = 0;
    char hex[ID_HEX_SIZE];

    for (size_t i = 0; i < pass->ailing.count; i++) {
        const struct task *task = pass->ailing.items[i];

        id_format(&task->id, hex);
        pass_say(pass, EVENT_NONE,
                 arena_printf(&pass->arena,
                              "(service %s) (task %s) failed container health checks.",
                              pass->subject, hex));
        stop_task(pass, task, STOPPED_FAILED_HEALTH_CHECKS);
        failed += primary && str_eq(task->deployment, primary->id);
    }
    rollout_count_failed(pass, failed);
}

/* Protected tasks are in no list but count: those that are not healthy yet must not have healthy
 * ones go in their place. Of a list go no more of these than the minimum spares (SC-192, API-130).
 */
static size_t spared(const struct pass *pass, const struct victim_list *list, size_t count)
{
    const struct rollout *rollout = &pass->rollout;
    int64_t lower = rollout->bounds.lower;
    int64_t spare = rollout->fresh.healthy + rollout->old.healthy - pass->healthy_stopped;
    size_t most = 0;

    if (lower > rollout->desired)
        lower = rollout->desired;
    if (spare > lower)
        most = (size_t)(spare - lower);
    for (size_t i = 0; i < list->count; i++)
        most += list->items[i].rank < RANK_HEALTHY;
    return count < most ? count : most;
}

void stop_some(struct pass *pass, struct victim_list *list, size_t count, const char *reason)
{
    struct id *stopped;
    struct demand demand = {0};

    if (count > list->count)
        count = list->count;
    count = spared(pass, list, count);
    if (count > SERVICE_STOPS_PER_PASS) {
        count = SERVICE_STOPS_PER_PASS;
        pass->result->is_more = true;
    }
    if (!count)
        return;
    launch_strategies(
        &pass->arena,
        &(struct launch_rules){.strategies = &pass->config.placement_strategy, .is_service = true},
        &demand);
    victims_choose(&pass->arena, control_fleet(pass->control, pass->scope, pass->service->cluster),
                   demand.strategies, demand.strategy_count, state_rng(pass->state), list->items,
                   list->count, count);
    stopped = ARENA_ARRAY(&pass->arena, struct id, count);
    for (size_t i = 0; i < count; i++) {
        stop_task(pass, list->items[i].data, reason);
        stopped[i] = list->items[i].task;
        pass->healthy_stopped += list->items[i].rank == RANK_HEALTHY;
    }
    if (list->zone)
        pass_say(pass, EVENT_TASKS_STOPPED,
                 event_stopped_in_zone(&pass->arena, pass->subject, list->zone, stopped, count));
    else
        pass_say(pass, EVENT_NONE, event_stopped(&pass->arena, pass->subject, stopped, count));
}

void stop_surplus(struct pass *pass, const struct crew *crew, size_t count, const char *reason)
{
    size_t *shares;
    size_t providers = crew->providers ? crew->providers->count : 0;

    if (!providers) {
        stop_some(pass, &pass->fresh, count, reason);
        return;
    }
    if (count > pass->fresh.count)
        count = pass->fresh.count;
    shares = shares_of_stop(pass, crew, count);
    for (size_t share = 0; share <= providers; share++) {
        struct victim_list of = {
            .items = ARENA_ARRAY(&pass->arena, struct victim, pass->fresh.count + 1)};

        for (size_t i = 0; i < pass->fresh.count; i++)
            if (share_of_task(crew, pass->fresh.items[i].data) == share)
                of.items[of.count++] = pass->fresh.items[i];
        stop_some(pass, &of, shares[share], reason);
    }
}
