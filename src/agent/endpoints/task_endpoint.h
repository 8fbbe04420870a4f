/* task_endpoint.h - what runs inside a task finds here: metadata, statistics, credentials, the
 * agent's API (AG-200 to AG-255, AG-300 to AG-309, AG-904 to AG-917, AP-451, AP-143).
 *
 * It is served at 169.254.170.2, an address this agent puts on loopback (link_address.h), on port
 * 51679, to which port 80 leads (port_rule.h), and for whoever knows the older way at 127.0.0.1.
 * Without the right to put the address there, 127.0.0.1 alone is served. Where another agent serves
 * it, or the address is somebody else's, this one says so, goes on without, and looks again every
 * minute. BERTH_TASK_ENDPOINT names another place, or none.
 *
 * Who asks is known by the id in the path, which nobody can guess; in version 2 by its address. A
 * caller whose address is that of another task's container gets the answer to an id that is
 * unknown, also where it has found out a right one.
 *
 * Ownership  Lends everything in its options.
 */
#ifndef BERTH_AGENT_TASK_ENDPOINT_H
#define BERTH_AGENT_TASK_ENDPOINT_H

#include "agent/config/config.h"
#include "agent/docker/docker.h"
#include "agent/engine/engine.h"
#include "agent/session/acs_credentials.h"
#include "agent/session/api_client.h"

#define TASK_ENDPOINT_ADDRESS         "169.254.170.2"
#define TASK_ENDPOINT_OLD_PORT        "51679"
#define TASK_ENDPOINT_CONNECTIONS_MAX 1024
#define TASK_ENDPOINT_PER_PEER_MAX    64    /* of one container; of all on the host's network */
#define TASK_ENDPOINT_RETRY_MS        60000 /* when it is taken */
#define TASK_ENDPOINT_IDLE_MS         5000  /* AG-909 */
#define TASK_ENDPOINT_PROTECTION_MS   4000  /* AP-143 */
#define TASK_ENDPOINT_CHECK_MS        2000  /* for Docker to say how a health check went */

struct task_endpoint;

struct task_endpoint_options {
    struct loop *loop;
    const struct clock *clock;
    const struct agent_config *config;
    struct engine *engine;
    struct docker *docker;
    struct api_client *client;
    struct acs_credentials *credentials;
    const char *cluster; /* as configured, or as it was registered with */
    const char *instance_arn;
    const char *zone; /* NULL: unknown */
};

/* NULL if it is to be served nowhere. */
struct task_endpoint *task_endpoint_new(const struct task_endpoint_options *options);
/* Takes the address away, if it is ours. */
void task_endpoint_close(struct task_endpoint *endpoint, loop_fn *closed, void *data);

#endif
