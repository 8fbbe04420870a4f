/* REPLICA: so many tasks, wherever there is room (SC-124, SC-190 to SC-198). */
#include "control/service_work.h"

void replica_keep_up(struct pass *pass)
{
    const struct deployment *primary;
    const char *reason;
    struct rollout_step step;
    struct crew crew;

    rollout_take_in(pass);
    count_tasks(pass);
    stop_ailing(pass);
    if (rollout_judge(pass)) {
        pass->result->is_more = true;
        return;
    }
    primary = service_primary(pass->service);
    if (!primary)
        return;
    crew = crew_of(pass, primary);
    reason = stop_reason_scaling(pass, NULL);
    pass->rollout.is_halted = rollout_is_halted(pass);
    pass->rollout.desired += rebalance_surge(pass);
    step = rollout_next(&pass->rollout);
    stop_some(pass, &pass->old, (size_t)step.stop_old, reason);
    stop_surplus(pass, &crew, (size_t)step.stop_surplus, reason);
    pass_tell_protected(pass, step.stop_surplus > (int64_t)pass->fresh.count);
    start_tasks(pass, &crew, step.start);
    pass_tell_stuck(pass, step.is_stuck);
    if (!pass->service->surge) /* as steady as it was, until that is over */
        rollout_follow(pass, &step);
    rebalance(pass, &crew);
}
