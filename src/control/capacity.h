/* capacity.h - clusters and capacity providers on their way come to rest (API-072, API-080,
 * API-086, API-087).
 *
 * Woken by durable changes, so a status in between is promised before it is left. What there is to
 * settle is in the records: after a restart one pass over them goes on.
 */
#ifndef BERTH_CONTROL_CAPACITY_H
#define BERTH_CONTROL_CAPACITY_H

#include "state/state.h"

void capacity_durable(struct state *state, const struct change *change);
void capacity_settle_all(struct state *state);

#endif
