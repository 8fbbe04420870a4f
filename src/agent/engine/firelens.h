/* firelens.h - FireLens: a container of the task, Fluentd or Fluent Bit, routes the logs of the
 * others (AP-476, TD-201 to TD-215). Pure.
 *
 * Containers whose driver is awsfirelens get Docker's fluentd driver, which talks to a socket that
 * the router listens on; their log options become the output sections of the router's
 * configuration, which is generated here. Values of secret options are not in it: it names
 * variables of the router's environment.
 *
 * Errors  Sentences as ECS says them, to be the task's reason.
 */
#ifndef BERTH_AGENT_FIRELENS_H
#define BERTH_AGENT_FIRELENS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "gen/agent_types.h"

#define FIRELENS_DRIVER       "awsfirelens"
#define FIRELENS_BUFFER_LIMIT "log-driver-buffer-limit" /* the only option that is the driver's */
#define FIRELENS_PORT         "24224"
#define FIRELENS_DIR          "firelens" /* below the data directory; a directory for each task */
#define FIRELENS_CONFIG       "config/fluent.conf"
#define FIRELENS_EXTERNAL     "config/external.conf" /* the user's own, fetched from S3 */
#define FIRELENS_SOCKET_DIR   "socket"

/* The container that routes, the last one that says so; NULL: none. */
const struct acs_container *firelens_router(const struct acs_task *task);

/* Whether the container's logs are for the router. */
bool firelens_is_used_by(const struct acs_container *container);

/* Refuses options of the router that make no sense. */
MUST_USE struct error *firelens_check(const struct acs_task *task);

/* Whether part of the configuration is in S3. */
bool firelens_needs_s3(const struct acs_container *router);

/* The user the router runs as, from dockerConfig; "" if none is said. Lives in `arena`. */
const char *firelens_user(struct arena *arena, const struct acs_container *router);

struct firelens_host {
    const char *cluster;     /* its name */
    const char *instance_id; /* NULL: not told */
};

/* The router's configuration, the text of its file. The task has a router that passed the check. */
MUST_USE struct error *firelens_config(const struct acs_task *task,
                                       const struct firelens_host *host, struct buf *ret_text);

/* "splunk-token_1": the variable in the router's environment that holds a secret option of a
 * container. Lives in `arena`. */
const char *firelens_variable(struct arena *arena, const struct acs_task *task,
                              const struct acs_container *container, const char *option);

/* Where the router expects its file, and the user's own from S3. NULL for an unknown type. */
const char *firelens_config_path(const struct acs_container *router);
const char *firelens_external_path(const struct acs_container *router);

#endif
