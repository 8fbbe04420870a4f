/* register.h - the host becomes a container instance: RegisterContainerInstance (AP-101 to AP-108).
 *
 *   LOAD -> REGISTER -> SAVE -> done
 *              ^  |  cluster "default" is missing: CREATE_CLUSTER, then again
 *              +--+  no answer, throttled, server at fault: again after a while, for an hour
 *
 * An instance registered before (its ARN is in the store) is registered again under its ARN. What
 * the server refuses for good is not tried anew under another: someone has to look.
 *
 * Errors     Carry the server's code; agent_exit_code() says what a supervisor should do about
 * them.
 */
#ifndef BERTH_AGENT_REGISTER_H
#define BERTH_AGENT_REGISTER_H

#include "agent/config/capabilities.h"
#include "agent/engine/store.h"
#include "agent/session/api_client.h"

#define REGISTER_LIMIT_MS       (3600 * 1000)
#define REGISTER_STORE_CLUSTER  "cluster-name"
#define REGISTER_STORE_INSTANCE "container-instance-arn"
#define REGISTER_STORE_VERSION  "agent-version"
#define REGISTER_STORE_ZONE     "availability-zone"

struct registration; /* under way */

struct registered {
    const char *cluster; /* as configured, or as saved if none is configured */
    const char *instance_arn;
    const char *zone; /* NULL: unknown */
};

/* Takes `err`; `registered` is lent, NULL with an error. */
typedef void register_done_fn(struct error *err, const struct registered *registered, void *data);

struct register_options {
    struct loop *loop;
    const struct clock *clock;
    struct rng *rng;
    const struct agent_config *config;
    const struct host_facts *host;
    struct api_client *client;
    struct agent_store *store;
    register_done_fn *done;
    void *data;
};

/* Lends everything in `options` until done. */
struct registration *register_start(const struct register_options *options);
void register_cancel(struct registration *registration); /* done will not run */

#endif
