/* api_client.h - the agent's calls to the control plane: AWS JSON 1.1, signed with the agent's keys
 * (AP-020 to AP-023).
 *
 * One call is one attempt: who calls decides about trying again, with api_client_is_retriable().
 *
 * Ownership  The client lends config, keys and clock. Bodies are copied, answers lent during the
 *            completion, which runs exactly once and after the asking call has returned.
 * Errors     What the server refuses carries its code; no answer at all is API_SERVICE_UNAVAILABLE.
 */
#ifndef BERTH_AGENT_API_CLIENT_H
#define BERTH_AGENT_API_CLIENT_H

#include "agent/config/config_keys.h"
#include "base/str.h"
#include "net/loop.h"

struct json_t; /* jansson's */

#define API_CLIENT_TIMEOUT_MS 30000
#define API_CLIENT_SERVICE    "ecs"

struct api_client;

struct api_client_options {
    struct loop *loop;
    const struct clock *clock;
    const struct agent_config *config;
    struct config_keys *keys;
};

MUST_USE struct error *api_client_new(const struct api_client_options *options,
                                      struct api_client **ret_client);
/* Calls under way complete with an error. */
void api_client_free(struct api_client *client);

/* `err` is NULL for a 200, whose body is `json` (lent; NULL otherwise). Takes `err`. */
typedef void api_client_done_fn(struct error *err, const struct json_t *json, void *data);

/* Calls `operation` with `body` (JSON text). */
void api_client_call(struct api_client *client, const char *operation, const struct buf *body,
                     api_client_done_fn *done, void *data);

/* The same in the name of a task: with the keys of its role, and with the container's name in the
 * User-Agent (AP-143). Nothing is kept of `caller`. */
struct api_client_caller {
    struct sigv4_keys keys;
    const char *container;
    int64_t timeout_ms;
};
/* Also told which id the server gave the request; NULL if it did not. */
typedef void api_client_answered_fn(struct error *err, const struct json_t *json,
                                    const char *request_id, void *data);
void api_client_call_as(struct api_client *client, const struct api_client_caller *caller,
                        const char *operation, const struct buf *body, api_client_answered_fn *done,
                        void *data);

/* Throttling, a fault of the server, or no answer (AP-107): the same call may succeed later. */
bool api_client_is_retriable(const struct error *err);

/* "Amazon ECS Agent - v0.1.0 (1a2b3c4d)": the version in the form scripts look for (AG-261). */
extern const char *const api_client_agent;
extern const char *const api_client_version; /* "0.1.0" */
extern const char *const api_client_hash;    /* "1a2b3c4d" */

#endif
