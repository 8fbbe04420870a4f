#include "control/service_work.h"

#include "base/mem.h"
#include "base/str.h"

#define TASKS_PER_TXN 25 /* of some kilobytes each; a transaction takes 512 KiB */
#define KEYS_PER_EDIT 8

void pass_done(struct pass *pass)
{
    if (pass->txn)
        txn_commit(pass->txn);
    pass->txn = NULL;
}

struct txn *pass_room_for(struct pass *pass, size_t keys)
{
    if (pass->txn && (pass->txn_tasks >= TASKS_PER_TXN || txn_room_keys(pass->txn) < keys))
        pass_done(pass);
    if (!pass->txn) {
        pass->txn = txn_begin(pass->state, pass->scope);
        pass->txn_tasks = 0;
    }
    return pass->txn;
}

struct service *pass_edit_service(struct pass *pass)
{
    return txn_edit_service(pass_room_for(pass, KEYS_PER_EDIT), pass->service);
}

struct task *pass_edit_task(struct pass *pass, const struct task *task)
{
    struct task *edited = txn_edit_task(pass_room_for(pass, KEYS_PER_EDIT), task);

    pass->txn_tasks++;
    return edited;
}

struct deployment *pass_edit_deployment(struct pass *pass, const struct deployment *deployment)
{
    size_t place = (size_t)(deployment - pass->service->deployments);
    struct deployment *edited = &pass_edit_service(pass)->deployments[place];

    edited->updated_at_ms = pass->now_ms;
    return edited;
}

struct deployment *pass_edit_primary(struct pass *pass)
{
    const struct deployment *primary = service_primary(pass->service);

    return primary ? pass_edit_deployment(pass, primary) : NULL;
}

void pass_due(struct pass *pass, int64_t at_ms)
{
    if (at_ms > pass->now_ms && (!pass->result->due_ms || at_ms < pass->result->due_ms))
        pass->result->due_ms = at_ms;
}

void task_refs_add(struct task_refs *list, const struct task *task)
{
    ARRAY_GROW(list->items, list->count, list->capacity);
    list->items[list->count++] = task;
}

const struct task *pass_next_task(const struct pass *pass, struct pass_walk *walk)
{
    for (;;) {
        walk->task = state_task_after(pass->state, pass->scope, pass->service->cluster,
                                      TASKS_BY_SERVICE, pass->service->name, walk->is_stopped_list,
                                      walk->task ? &walk->task->id : NULL);
        if (walk->task && walk->task->last_status != TASK_STOPPED)
            return walk->task;
        if (!walk->task && walk->is_stopped_list)
            return NULL;
        if (!walk->task)
            walk->is_stopped_list = true;
    }
}
