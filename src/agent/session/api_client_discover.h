/* api_client_discover.h - where the sessions connect to: DiscoverPollEndpoint, remembered (AP-111,
 * AP-112).
 *
 * One answer serves both sessions for twelve hours; after that it is asked for again, and still
 * used if asking fails. Questions that arrive while one is under way share its answer.
 *
 * Ownership  Endpoints are lent during the completion.
 */
#ifndef BERTH_AGENT_API_CLIENT_DISCOVER_H
#define BERTH_AGENT_API_CLIENT_DISCOVER_H

#include "agent/session/api_client.h"

#define DISCOVER_KEPT_MS     (12 * 3600 * 1000)
#define DISCOVER_WAITERS_MAX 4

struct endpoints {
    const char *commands;  /* "endpoint": of ACS */
    const char *telemetry; /* "telemetryEndpoint": of TCS */
};

struct discover;

struct discover *discover_new(struct api_client *client, struct loop *loop,
                              const struct clock *clock, const char *cluster,
                              const char *instance_arn);
void discover_free(struct discover *discover); /* those who wait are not told */

/* Runs exactly once, after discover_get() has returned. Takes `err`; NULL endpoints with it. */
typedef void discover_fn(struct error *err, const struct endpoints *endpoints, void *data);

/* At most DISCOVER_WAITERS_MAX at a time: one for each session. */
void discover_get(struct discover *discover, discover_fn *fn, void *data);
void discover_cancel(struct discover *discover, void *data); /* `fn` will not run */

#endif
