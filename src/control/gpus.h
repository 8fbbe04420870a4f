/* gpus.h - giving tasks their GPUs: those of their host that no other task there has, until it has
 * stopped (TD-112, TD-113, TD-116). */
#ifndef BERTH_CONTROL_GPUS_H
#define BERTH_CONTROL_GPUS_H

#include "state/state.h"

/* Writes them into the record of a task that misses them (core/task_gpus.h), in a transaction of
 * its own. Fails (API_SERVER) on damaged records, and if its host no longer has as many as when the
 * task was placed there. */
MUST_USE struct error *gpus_give(struct state *state, const struct scope *scope,
                                 const struct task *task);

#endif
