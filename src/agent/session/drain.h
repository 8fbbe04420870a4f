/* drain.h - the host is about to go away, so its instance is set to DRAINING and its service tasks
 * start elsewhere (AG-149).
 *
 * Asked until the control plane has taken it, or refused it for good.
 */
#ifndef BERTH_AGENT_DRAIN_H
#define BERTH_AGENT_DRAIN_H

#include "agent/session/api_client.h"

struct drain;

struct drain_options {
    struct loop *loop;
    struct rng *rng;
    struct api_client *client;
    const char *cluster, *instance_arn;
};

/* Lends everything in `options`. */
struct drain *drain_start(const struct drain_options *options);
/* Before the client is freed. */
void drain_free(struct drain *drain);

#endif
