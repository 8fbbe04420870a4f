/* A deleted service: DRAINING until every task is on its way out (SC-186). */
#include "control/service_work.h"
#include "core/task.h"

static bool stop_all(struct pass *pass)
{
    struct pass_walk walk = {0};
    size_t stopped = 0;

    while (pass_next_task(pass, &walk) && !walk.is_stopped_list) {
        const struct task *task = walk.task;

        if (stopped++ == SERVICE_STOPS_PER_PASS) {
            pass->result->is_more = true;
            return false;
        }
        stop_task(pass, task,
                  arena_printf(&pass->arena, STOPPED_SERVICE_SCALING_FMT,
                               task->deployment ? task->deployment : pass->service->name));
    }
    return !stopped;
}

static bool all_are_ending(const struct pass *pass)
{
    struct pass_walk walk = {.is_stopped_list = true};

    while (pass_next_task(pass, &walk))
        if (!task_is_ending(walk.task))
            return false;
    return true;
}

static void drop_task_sets(struct pass *pass)
{
    const struct task_set *set = NULL;

    while ((set = state_task_set_after(pass->service, set ? set->id : NULL)))
        txn_delete_task_set(pass_room_for(pass, 8), set);
}

void wind_down(struct pass *pass)
{
    struct service *service;

    if (!stop_all(pass) || !all_are_ending(pass))
        return;
    drop_task_sets(pass);
    service = pass_edit_service(pass);
    service->status = SERVICE_INACTIVE;
    service->deleted_at_ms = pass->now_ms;
    service_resize_deployments(service, 0);
    service_resize_tags(service, 0); /* SC-170 */
}
