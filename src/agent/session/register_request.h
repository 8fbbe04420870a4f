/* register_request.h - the text of a registration, and the check of its answer. Pure. */
#ifndef BERTH_AGENT_REGISTER_REQUEST_H
#define BERTH_AGENT_REGISTER_REQUEST_H

#include "agent/config/capabilities.h"
#include "base/str.h"

struct json_t;

struct register_request {
    const struct agent_config *config;
    const struct host_facts *host;
    const char *cluster;
    const char *instance_arn; /* NULL: a new instance */
    const char *client_token; /* UUID of this process: the server tells a repetition by it */
};

/* API_INVALID_PARAMETER if more memory is reserved than there is. */
MUST_USE struct error *register_request_write(const struct register_request *request,
                                              struct buf *body);

/* The ARN and zone of the answer, in the arena. API_INVALID_PARAMETER if an attribute that was sent
 * did not come back with its value (AP-104); API_SERVER if the answer makes no sense. */
MUST_USE struct error *register_request_check(const struct register_request *request,
                                              struct arena *arena, const struct json_t *answer,
                                              const char **ret_arn, const char **ret_zone);

/* "web" for a name or an ARN of a cluster. */
const char *register_cluster_name(const char *name_or_arn);

#endif
