/* UpdateTaskSet, UpdateServicePrimaryTaskSet, DeleteTaskSet (API-160 to API-162, SC-241 to SC-243).
 */
#include "core/task_set.h"
#include "ecs/names.h"
#include "ecs/task_set.h"
#include "gen/ecs_handlers.h"

/* What the three have in common: the right to, the service, the set. */
static struct error *find(struct call *call, const char *action, const char *cluster,
                          const char *service, const char *set, const struct service **ret_service,
                          const struct task_set **ret_set)
{
    TRY(task_set_enter_service(call, action, cluster, service, set, ret_service));
    return task_set_find(call, *ret_service, set, ret_set);
}

static struct error *refuse_draining(const struct task_set *set)
{
    return error_new(API_INVALID_PARAMETER, "The task set %s is DRAINING and cannot be updated.",
                     set->id);
}

static struct error *answer(struct call *call, const struct service *service,
                            const struct task_set *set, struct ecs_task_set **ret)
{
    *ret = ARENA_NEW(call->arena, struct ecs_task_set);
    return task_set_describe(call, service, set, true, *ret);
}

/* Until the controller has looked, it is not known to be at its new count (API-194). */
static void rescale(struct call *call, struct task_set *set, const struct service *service)
{
    int32_t before = set->desired_count;

    task_set_follow_service(set, service);
    set->updated_at_ms = call->now_ms;
    if (set->desired_count == before || set->stability == STABILITY_STABILIZING)
        return;
    set->stability = STABILITY_STABILIZING;
    set->stability_at_ms = call->now_ms;
}

struct error *api_update_task_set(struct call *call, const struct ecs_update_task_set_request *in,
                                  struct ecs_update_task_set_response *out)
{
    const struct service *service;
    const struct task_set *found;
    struct task_set *set;

    TRY(find(call, "ecs:UpdateTaskSet", in->cluster, in->service, in->task_set, &service, &found));
    if (found->status == TASK_SET_DRAINING)
        return refuse_draining(found);

    set = txn_edit_task_set(call->txn, found);
    task_set_write_scale(set, in->scale->value);
    rescale(call, set, service);
    return answer(call, service, set, &out->task_set);
}

struct error *
api_update_service_primary_task_set(struct call *call,
                                    const struct ecs_update_service_primary_task_set_request *in,
                                    struct ecs_update_service_primary_task_set_response *out)
{
    const struct service *service;
    const struct task_set *found;
    const struct task_set *before;
    struct task_set *set;

    TRY(find(call, "ecs:UpdateServicePrimaryTaskSet", in->cluster, in->service,
             in->primary_task_set, &service, &found));
    if (found->status == TASK_SET_DRAINING)
        return refuse_draining(found);

    before = task_set_primary(service);
    if (before && before != found) {
        set = txn_edit_task_set(call->txn, before);
        set->status = TASK_SET_ACTIVE;
        set->updated_at_ms = call->now_ms;
    }
    set = txn_edit_task_set(call->txn, found);
    set->status = TASK_SET_PRIMARY;
    set->updated_at_ms = call->now_ms;
    TRY(task_set_follow_sets(call, service));
    return answer(call, service, set, &out->task_set);
}

/* The reconciler stops its tasks and takes the record away with the last; without tasks it goes at
 * once. */
struct error *api_delete_task_set(struct call *call, const struct ecs_delete_task_set_request *in,
                                  struct ecs_delete_task_set_response *out)
{
    const struct service *service;
    const struct task_set *found;
    struct task_set *set;

    TRY(find(call, "ecs:DeleteTaskSet", in->cluster, in->service, in->task_set, &service, &found));
    if (!in->force && found->desired_count > 0)
        return error_new(API_INVALID_PARAMETER,
                         "The task set %s cannot be deleted while it is scaled above 0. Scale it "
                         "down to 0 or use force.",
                         found->id);

    set = txn_edit_task_set(call->txn, found);
    set->status = TASK_SET_DRAINING;
    rescale(call, set, service);
    TRY(answer(call, service, set, &out->task_set));
    task_set_end_if_empty(call, service, set);
    return task_set_follow_sets(call, service);
}
