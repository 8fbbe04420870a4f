/* capacity.h - clusters and capacity providers on their way come to rest (API-072, API-080,
 * API-086, API-087).
 *
 * Woken by durable changes, so a status in between is promised before it is left. What there is to
 * settle is in the records: after a restart one pass over them goes on.
 */
#ifndef BERTH_CONTROL_CAPACITY_H
#define BERTH_CONTROL_CAPACITY_H

#include "state/state.h"

/* Whether tasks that find no room in it wait for a host, instead of failing (CL-103, CL-105). */
bool capacity_is_waited_for(struct state *state, const struct scope *scope, const char *provider);

void capacity_durable(struct state *state, const struct change *change);
void capacity_settle_all(struct state *state);

#endif
