/* victims.h - which tasks of a service go when it is scaled in (SC-039, SC-043, SC-049, SC-050).
 *
 * The mirror of placement: those that serve least go first, then the strategies decide which leave
 * the rest best placed, then the newest goes. Pure.
 */
#ifndef BERTH_SCHEDULER_VICTIMS_H
#define BERTH_SCHEDULER_VICTIMS_H

#include "base/arena.h"
#include "base/clock.h"
#include "scheduler/plan.h"

struct victim {
    struct id task, host; /* ids grow with time: the greater is the newer */
    int rank;             /* lower ranks go first: not started, not proved healthy, healthy */
    int32_t cpu, memory;
    void *data; /* the caller's */
};

/* Moves the `count` tasks that go to the front of `tasks`, the first to go first. */
void victims_choose(struct arena *arena, const struct fleet *fleet,
                    const struct placement_strategy *strategies, size_t strategy_count,
                    struct rng *rng, struct victim *tasks, size_t task_count, size_t count);

#endif
