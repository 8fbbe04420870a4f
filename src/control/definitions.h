/* definitions.h - deleted task definitions go when nothing rests on them any more (API- section 11,
 * DeleteTaskDefinitions).
 *
 * State queues them (state_next_unused_definition()); this empties the queue, some at each durable
 * change, the deletions themselves included.
 */
#ifndef BERTH_CONTROL_DEFINITIONS_H
#define BERTH_CONTROL_DEFINITIONS_H

#include "state/state.h"

/* At the start, after a reload and with each durable change. */
void definitions_settle(struct state *state);

#endif
