/* StopTask and DescribeTasks (API-125, API-126, API-049, API-050). */
#include "core/task.h"

#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/task_describe.h"
#include "gen/ecs_handlers.h"

struct error *api_stop_task(struct call *call, const struct ecs_stop_task_request *in,
                            struct ecs_stop_task_response *out)
{
    struct task_describer describer = task_describer_for(call);
    const char *reason = in->reason ? in->reason : STOPPED_BY_USER;
    const struct cluster *cluster;
    const struct task *task;

    TRY(names_find_cluster(call, in->cluster, &cluster));
    TRY(names_find_task(call, cluster->name, in->task, &task));
    TRY(call_authorize(call, "ecs:StopTask",
                       arn_task(call->arena, call_scope(call), cluster->name, &task->id)));

    /* Stopping what is stopped, or about to be, succeeds and changes nothing. */
    if (task->desired_status != TASK_STOPPED && task->last_status != TASK_STOPPED) {
        struct task *edited = txn_edit_task(call->txn, task);

        task_want_stopped(edited, STOP_CODE_USER_INITIATED, reason, call->now_ms);
        task_resize_tags(edited, 0); /* API-041 */
        task = edited;
    }
    out->task = ARENA_NEW(call->arena, struct ecs_task);
    return task_describe(&describer, task, true, out->task);
}

static bool includes_tags(const struct ecs_task_field_list *include)
{
    for (size_t i = 0; i < include->count; i++)
        if (include->items[i] == ECS_TASK_FIELD_TAGS)
            return true;
    return false;
}

struct error *api_describe_tasks(struct call *call, const struct ecs_describe_tasks_request *in,
                                 struct ecs_describe_tasks_response *out)
{
    struct task_describer describer = task_describer_for(call);
    const struct scope *scope = call_scope(call);
    bool with_tags = includes_tags(&in->include);
    const struct cluster *cluster;
    struct id *ids;

    TRY(names_find_cluster(call, in->cluster, &cluster));
    ids = ARENA_ARRAY(call->arena, struct id, in->tasks.count);
    for (size_t i = 0; i < in->tasks.count; i++) {
        TRY(names_task_id(call, cluster->name, in->tasks.items[i], &ids[i]));
        TRY(call_authorize(call, "ecs:DescribeTasks",
                           arn_task(call->arena, scope, cluster->name, &ids[i])));
    }
    SET_LIST(call->arena, &out->tasks, in->tasks.count);
    SET_LIST(call->arena, &out->failures, in->tasks.count);
    out->tasks.count = 0;
    out->failures.count = 0;
    for (size_t i = 0; i < in->tasks.count; i++) {
        const struct task *task = state_task(ecs_of(call)->state, scope, cluster->name, &ids[i]);

        if (task)
            TRY(task_describe(&describer, task, with_tags, &out->tasks.items[out->tasks.count++]));
        else
            out->failures.items[out->failures.count++] =
                failure_of(arn_task(call->arena, scope, cluster->name, &ids[i]), "MISSING");
    }
    return NULL;
}
