/* GetTaskProtection and UpdateTaskProtection: tasks that scale-in and deployments pass over for a
 * while (API-130, API-054).
 *
 * Protection is a time in the task's record until which it holds. Nothing happens when that comes:
 * whoever asks compares it with the clock (task_is_protected()), and a reconciler that waits for it
 * has it for a due time.
 */
#include "core/service.h"
#include "core/shown_arn.h"
#include "core/task.h"

#include "ecs/names_enter.h"
#include "ecs/task_describe.h"
#include "gen/ecs_handlers.h"

#define PROTECTION_DEFAULT_MINUTES 120
#define MINUTE_MS                  60000

/* The tasks a call names. */
struct named {
    const struct cluster *cluster;
    struct id *ids;
    size_t count;
};

static struct error *resolve(struct call *call, const char *action, const char *cluster,
                             const struct ecs_string_list *tasks, struct named *ret)
{
    ret->count = tasks->count;
    return names_enter_tasks(call, action, cluster, tasks, &ret->cluster, &ret->ids);
}

static const struct task *find(struct call *call, const struct named *named, size_t index)
{
    return state_task(ecs_of(call)->state, call_scope(call), named->cluster->name,
                      &named->ids[index]);
}

static void open_answer(struct call *call, size_t count, struct ecs_protected_tasks *tasks,
                        struct ecs_failures *failures)
{
    SET_LIST(call->arena, tasks, count);
    SET_LIST(call->arena, failures, count);
    tasks->count = 0;
    failures->count = 0;
}

static void add_failure(struct call *call, const struct named *named, size_t index,
                        const char *reason, const char *detail, struct ecs_failures *ret)
{
    struct ecs_failure *failure = &ret->items[ret->count++];

    *failure = failure_of(
        arn_task(call->arena, call_scope(call), named->cluster->name, &named->ids[index]), reason);
    failure->detail = detail;
}

static void add_task(struct call *call, const struct task *task, struct ecs_protected_tasks *ret)
{
    struct ecs_protected_task *shown = &ret->items[ret->count++];

    shown->task_arn = shown_task_arn(call->arena, call_scope(call), task);
    SET(shown, protection_enabled, task_is_protected(task, call->now_ms));
    if (shown->protection_enabled)
        SET(shown, expiration_date_ms, task->rare->protected_until_ms);
}

/* ---- GetTaskProtection ---- */

struct error *api_get_task_protection(struct call *call,
                                      const struct ecs_get_task_protection_request *in,
                                      struct ecs_get_task_protection_response *out)
{
    struct named named;

    TRY(resolve(call, "ecs:GetTaskProtection", in->cluster, &in->tasks, &named));
    open_answer(call, named.count, &out->protected_tasks, &out->failures);
    for (size_t i = 0; i < named.count; i++) {
        const struct task *task = find(call, &named, i);

        if (!task)
            add_failure(call, &named, i, "MISSING", NULL, &out->failures);
        else if (!task->service || task->desired_status == TASK_STOPPED)
            add_failure(call, &named, i, "TASK_NOT_VALID",
                        "The task is not part of a service, or is on its way to STOPPED.",
                        &out->failures);
        else
            add_task(call, task, &out->protected_tasks);
    }
    return NULL;
}

/* ---- UpdateTaskProtection ---- */

/* A deployment waits for what was protected before it came, once: renewing that, task by task,
 * would hold it up for ever. */
static bool blocks_deployment(struct call *call, const struct task *task)
{
    const struct service *service =
        state_service(ecs_of(call)->state, call_scope(call), task->cluster, task->service);
    const struct deployment *primary = service ? service_primary(service) : NULL;

    return primary && !str_eq(primary->id, task->deployment) &&
           primary->rollout_state == ROLLOUT_STATE_IN_PROGRESS &&
           task_is_protected(task, call->now_ms);
}

/* Why it cannot be; NULL: it can. */
static const char *refusal_of(struct call *call, const struct task *task, bool is_enabling,
                              const char **ret_detail)
{
    if (!task) {
        *ret_detail = NULL;
        return "MISSING";
    }
    if (!task->service || task->desired_status == TASK_STOPPED ||
        task->last_status != TASK_RUNNING) {
        *ret_detail = "The task is not part of a service, or is not RUNNING.";
        return "TASK_NOT_VALID";
    }
    if (is_enabling && blocks_deployment(call, task)) {
        *ret_detail = "A deployment of the service waits for the protection of this task to end.";
        return "DEPLOYMENT_BLOCKED";
    }
    return NULL;
}

struct error *api_update_task_protection(struct call *call,
                                         const struct ecs_update_task_protection_request *in,
                                         struct ecs_update_task_protection_response *out)
{
    int64_t minutes =
        in->has_expires_in_minutes ? in->expires_in_minutes : PROTECTION_DEFAULT_MINUTES;
    int64_t until_ms = in->protection_enabled ? call->now_ms + minutes * MINUTE_MS : 0;
    struct named named;

    TRY(resolve(call, "ecs:UpdateTaskProtection", in->cluster, &in->tasks, &named));
    open_answer(call, named.count, &out->protected_tasks, &out->failures);
    for (size_t i = 0; i < named.count; i++) {
        const struct task *task = find(call, &named, i);
        const char *detail = NULL;
        const char *refusal = refusal_of(call, task, in->protection_enabled, &detail);

        if (refusal) {
            add_failure(call, &named, i, refusal, detail, &out->failures);
            continue;
        }
        if (task->rare->protected_until_ms != until_ms) {
            struct task *edited = txn_edit_task(call->txn, task);

            task_set_protected_until_ms(edited, until_ms);
            task = edited;
        }
        add_task(call, task, &out->protected_tasks);
    }
    return NULL;
}
