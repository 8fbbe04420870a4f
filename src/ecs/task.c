/* StopTask and DescribeTasks (API-125, API-126, API-049, API-050). */
#include "core/task.h"

#include "base/mem.h"
#include "ecs/names_enter.h"
#include "ecs/task_describe.h"
#include "gen/ecs_handlers.h"
#include "state/archive.h"
#include "wire/flow.h"

struct error *api_stop_task(struct call *call, const struct ecs_stop_task_request *in,
                            struct ecs_stop_task_response *out)
{
    struct task_describer describer = task_describer_for(call);
    const char *reason = in->reason ? in->reason : STOPPED_BY_USER;
    const struct task *task;

    TRY(names_enter_task(call, "ecs:StopTask", in->cluster, in->task, &task));

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

/* ---- DescribeTasks ---- */

/* A call that names tasks which are not in memory: some may be in the archive. */
struct describe {
    struct flow flow;
    struct ecs_describe_tasks_response *out; /* lent by the dispatcher until flow_end() */
    const char *cluster;
    struct id *ids; /* in the call's arena, like all below */
    size_t count;
    bool with_tags;
    struct id *missing;
    size_t missing_count;
    const struct task *const *archived; /* while they are shown */
    size_t archived_count;
};

static const struct task *find_task(const struct describe *describe, struct call *call,
                                    const struct id *id)
{
    const struct task *task =
        state_task(ecs_of(call)->state, call_scope(call), describe->cluster, id);

    for (size_t i = 0; !task && i < describe->archived_count; i++)
        if (id_cmp(&describe->archived[i]->id, id) == 0)
            return describe->archived[i];
    return task;
}

static struct error *show_tasks(const struct describe *describe, struct call *call)
{
    struct task_describer describer = task_describer_for(call);
    struct ecs_describe_tasks_response *out = describe->out;

    SET_LIST(call->arena, &out->tasks, describe->count);
    SET_LIST(call->arena, &out->failures, describe->count);
    out->tasks.count = 0;
    out->failures.count = 0;
    for (size_t i = 0; i < describe->count; i++) {
        const struct id *id = &describe->ids[i];
        const struct task *task = find_task(describe, call, id);

        if (task)
            TRY(task_describe(&describer, task, describe->with_tags,
                              &out->tasks.items[out->tasks.count++]));
        else
            out->failures.items[out->failures.count++] = failure_of(
                arn_task(call->arena, call_scope(call), describe->cluster, id), "MISSING");
    }
    return NULL;
}

static void on_found(const struct error *err, const struct task *const *tasks, size_t count,
                     void *data)
{
    struct describe *describe = data;
    struct error *failed = error_copy(err);

    describe->archived =
        tasks; /* lent until this returns: flow_end() has written the answer then */
    describe->archived_count = count;
    if (!failed)
        failed = show_tasks(describe, describe->flow.call);
    flow_end(&describe->flow, failed);
}

static void advance(struct flow *flow)
{
    struct describe *describe = CONTAINER_OF(flow, struct describe, flow);
    struct call *call = flow->call;

    archive_find(state_archive(ecs_of(call)->state), call_scope(call), describe->cluster,
                 describe->missing, describe->missing_count, on_found, describe);
}

static void describe_free(struct flow *flow)
{
    free(CONTAINER_OF(flow, struct describe, flow));
}

static const struct flow_methods describe_methods = {.advance = advance, .free = describe_free};

static void find_missing(struct describe *describe, struct call *call)
{
    describe->missing = ARENA_ARRAY(call->arena, struct id, describe->count + 1);
    for (size_t i = 0; i < describe->count; i++)
        if (!find_task(describe, call, &describe->ids[i]))
            describe->missing[describe->missing_count++] = describe->ids[i];
}

struct error *api_describe_tasks(struct call *call, const struct ecs_describe_tasks_request *in,
                                 struct ecs_describe_tasks_response *out, struct flow **ret_flow)
{
    const struct cluster *cluster;
    struct describe describe = {
        .out = out, .count = in->tasks.count, .with_tags = in->include.count > 0};
    struct describe *flow;

    TRY(names_enter_tasks(call, "ecs:DescribeTasks", in->cluster, &in->tasks, &cluster,
                          &describe.ids));
    describe.cluster = arena_dup(call->arena, cluster->name);
    if (state_archive(ecs_of(call)->state))
        find_missing(&describe, call);
    if (!describe.missing_count)
        return show_tasks(&describe, call);
    flow = xcalloc(1, sizeof(*flow));
    *flow = describe;
    flow->flow.methods = &describe_methods;
    *ret_flow = &flow->flow;
    return NULL;
}
