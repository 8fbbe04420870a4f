/* fleets.h - the snapshots placement works on, one for each cluster, kept current with the state.
 *
 * A fleet follows the tables inside each commit: hosts by their records and whether their agent is
 * connected, claims from a task's insert on an instance until it is STOPPED (TD-101).
 */
#ifndef BERTH_CONTROL_FLEETS_H
#define BERTH_CONTROL_FLEETS_H

#include "base/arena.h"
#include "scheduler/fleet.h"
#include "state/state.h"

struct fleets;

/* An attribute a host may have: how many tasks in awsvpc mode it takes (CL-319). Without it, or
 * with a value that is no such number: as many as come. */
#define FLEET_ENI_SLOTS_ATTRIBUTE "berth.eni-slots"
#define FLEET_ENI_SLOTS_MAX       100000

/* Builds them from the tables. `state` is lent. Not inside a transaction. */
struct fleets *fleets_new(struct state *state);
void fleets_free(struct fleets *fleets);

/* The fleet of a cluster, made empty if the cluster is new. Never NULL. */
struct fleet *fleets_get(struct fleets *fleets, const struct scope *scope, const char *cluster);

/* An instance as placement sees it; lends from it and the arena. */
void fleets_host_facts(struct arena *arena, const struct container_instance *instance,
                       struct host_facts *ret);

/* The observer's two ends. */
void fleets_staged(struct fleets *fleets, const struct change *change);
void fleets_reset(struct fleets *fleets);

/* An agent connected or left: the host is placeable or not. */
void fleets_follow_instance(struct fleets *fleets, const struct container_instance *instance);

#endif
