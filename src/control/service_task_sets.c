/* EXTERNAL and CODE_DEPLOY: another controller makes task sets and says how many percent of the
 * service's count each is to have; here they are kept at it (API-160, API-193, API-194, SC-232 to
 * SC-243). The percents of the service bound only how tasks leave draining hosts (SC-206). */
#include "base/str.h"
#include "control/service_work.h"
#include "core/service_events.h"
#include "core/stored_json.h"
#include "core/task_set.h"

static struct task_set *edit_set(struct pass *pass, const struct task_set *set)
{
    struct task_set *edited = txn_edit_task_set(pass_room_for(pass, 8), set);

    edited->updated_at_ms = pass->now_ms;
    return edited;
}

/* The service was scaled. */
static void follow_scale(struct pass *pass, const struct task_set *set)
{
    struct task_set wanted = *set; /* a value to compute on: nothing of it is owned */

    task_set_follow_service(&wanted, pass->service);
    if (wanted.desired_count != set->desired_count)
        edit_set(pass, set)->desired_count = wanted.desired_count;
}

struct error *task_set_crew(struct pass *pass, const struct task_set *set, struct crew *ret)
{
    struct ecs_create_task_set_request *made =
        ARENA_NEW(&pass->arena, struct ecs_create_task_set_request);

    TRY(stored_json_read(&pass->arena, ECS_SHAPE_CREATE_TASK_SET_REQUEST, set->document, "task set",
                         set->id, made));
    *ret = (struct crew){
        .id = set->id,
        .family = set->family,
        .revision = set->revision,
        .launch_type = set->launch_type,
        .network = made->network_configuration,
        .providers = &made->capacity_provider_strategy,
    };
    return NULL;
}

/* API-194 */
static void follow_stability(struct pass *pass, const struct task_set *set,
                             const struct rollout_step *step)
{
    const struct deployment_counts *fresh = &pass->rollout.fresh, *old = &pass->rollout.old;
    bool is_steady = step->is_done && fresh->healthy == fresh->staying && !fresh->stopping &&
                     !old->stopping && !fresh->pending;
    enum stability_status now = is_steady ? STABILITY_STEADY_STATE : STABILITY_STABILIZING;
    struct task_set *edited;

    if (set->stability == now)
        return;
    edited = edit_set(pass, set);
    edited->stability = now;
    edited->stability_at_ms = pass->now_ms;
    if (is_steady)
        pass_say(pass, EVENT_TASKSET_STEADY_STATE, event_steady_state(&pass->arena, pass->subject));
}

/* A DRAINING one goes with its last task. */
static bool is_over(const struct pass *pass, const struct task_set *set)
{
    const struct deployment_counts *fresh = &pass->rollout.fresh, *old = &pass->rollout.old;

    return set->status == TASK_SET_DRAINING &&
           !(fresh->staying + fresh->stopping + old->staying + old->stopping);
}

static void keep_set(struct pass *pass, const struct task_set *set)
{
    const char *reason = stop_reason_scaling(pass, set->id);
    struct crew crew;
    struct error *err = task_set_crew(pass, set, &crew);
    struct rollout_step step;

    if (err) {
        unplaced_failed(pass, err);
        return;
    }
    follow_scale(pass, set);
    count_task_set(pass, set);
    stop_ailing(pass);
    step = rollout_next(&pass->rollout);
    stop_some(pass, &pass->old, (size_t)step.stop_old, reason);
    stop_surplus(pass, &crew, (size_t)step.stop_surplus, reason);
    if (is_over(pass, set)) {
        txn_delete_task_set(pass_room_for(pass, 8), set);
        return;
    }
    start_tasks(pass, &crew, step.start);
    follow_stability(pass, set, &step);
}

void task_sets_keep_up(struct pass *pass)
{
    const struct task_set *set = state_task_set_after(pass->service, NULL);
    bool waits_for_room = false;
    bool is_steady = true;

    pass->memory->is_of_task_sets = true;
    rollout_take_in(pass);
    while (set) {
        /* Ids are interned and the list is by id: it goes on behind one that is deleted. */
        const char *id = arena_dup(&pass->arena, set->id);

        pass->subject = arena_printf(&pass->arena, "%s, taskSet %s", pass->service->name, id);
        keep_set(pass, set);
        waits_for_room |= pass->memory->waits_for_room;
        set = state_task_set(pass->service, id);
        is_steady &= !set || set->stability == STABILITY_STEADY_STATE;
        set = state_task_set_after(pass->service, id);
    }
    pass->memory->waits_for_room = waits_for_room;
    if (pass->service->is_steady != is_steady)
        pass_edit_service(pass)->is_steady = is_steady;
}
