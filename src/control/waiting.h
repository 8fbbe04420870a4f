/* waiting.h - tasks that wait in PROVISIONING for a host of their capacity provider (CL-103 to
 * CL-107).
 *
 * Who waits follows the tables inside each commit. Alike tasks are one crowd: when a host joins or
 * room comes free, each crowd of the host's provider is asked for once, whatever its number, and
 * the oldest task that fits is placed first. A task that nobody comes for is STOPPED after
 * `provisioning_wait_ms`, with what its closest match lacks as the reason. Everything is in the
 * records: a restart begins with a look at all of them.
 */
#ifndef BERTH_CONTROL_WAITING_H
#define BERTH_CONTROL_WAITING_H

#include "control/parts.h"

struct demand;

struct waiting *waiting_new(struct control *control);
void waiting_staged(struct waiting *waiting, const struct change *change);
void waiting_durable(struct waiting *waiting, const struct change *change);
void waiting_reset(struct waiting *waiting);
void waiting_free(struct waiting *waiting);

/* There may be room on it now. */
void waiting_follow_host(struct waiting *waiting, const struct container_instance *instance);

/* How many wait in a cluster. */
size_t waiting_count(const struct waiting *waiting, const struct scope *scope, const char *cluster);

/* Each crowd of a provider with how many are in it, the demand lent; for what hosts it needs. */
typedef void waiting_crowd_fn(const struct demand *demand, size_t count, void *data);
void waiting_each_crowd(struct waiting *waiting, const struct scope *scope, const char *cluster,
                        const char *provider, waiting_crowd_fn *fn, void *data);

#endif
