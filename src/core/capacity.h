/* capacity.h - clusters and their capacity providers: what is under way, and how it ends.
 *
 *     (made) -+-> PROVISIONING --> ACTIVE --+--> DEPROVISIONING --> INACTIVE --> (made again)
 *             |                     ^  |    |                          ^
 *             '---------------------'  '----+--------------------------'
 *
 * A cluster has an attachment for each of its providers with managed scaling (CL-024, CL-036,
 * API-183): PRECREATED when it is wanted, CREATED when it is there, DELETING until it is gone.
 * While one of them is on its way the cluster says UPDATE_IN_PROGRESS. A request leaves what it
 * wants; a reconciler settles it, so a crash between the two only delays it.
 *
 * Everything here changes records that the caller has opened for editing, and nothing else.
 */
#ifndef BERTH_CORE_CAPACITY_H
#define BERTH_CORE_CAPACITY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "gen/records.h"

bool cluster_status_may_follow(enum cluster_status from, enum cluster_status to);
/* The only writer of cluster->status. */
void cluster_move(struct cluster *cluster, enum cluster_status to);

/* A cluster made or made again, and one deleted, after its attachments are wanted or no longer
 * are. */
void cluster_begin(struct cluster *cluster);
void cluster_end(struct cluster *cluster);

/* Takes work in: neither being deleted nor deleted. */
bool cluster_is_open(const struct cluster *cluster);

/* A change of its providers is under way. */
bool cluster_is_changing(const struct cluster *cluster);

/* Wants attachments for these providers and for no others. True if that is a change. */
bool cluster_want_attachments(struct cluster *cluster, const char *const *managed, size_t count,
                              struct rng *rng, int64_t now_ms);

/* What is under way is done: attachments, status. False if nothing was. */
bool cluster_needs_settling(const struct cluster *cluster);
void cluster_settle(struct cluster *cluster);

bool provider_needs_settling(const struct capacity_provider *provider);
void provider_settle(struct capacity_provider *provider, int64_t now_ms);

#endif
