/* aws_client.h - signed requests to an API of AWS's, or of a server that speaks one (AP-020,
 * AP-471).
 *
 * One call is one attempt: who calls decides about trying again.
 *
 * Ownership  The client lends config and clock. Of a request nothing is kept; answers are lent
 *            during the completion, which runs exactly once and after the asking call has returned.
 */
#ifndef BERTH_AGENT_AWS_CLIENT_H
#define BERTH_AGENT_AWS_CLIENT_H

#include "agent/config/config.h"
#include "net/http_client.h"
#include "net/sigv4.h"

#define AWS_HEADERS_MAX 4 /* of a request, besides the signature */

struct aws_client;

struct aws_client_options {
    struct loop *loop;
    const struct clock *clock;
    const struct agent_config *config;
    unsigned connections_max; /* further requests wait */
};

MUST_USE struct error *aws_client_new(const struct aws_client_options *options,
                                      struct aws_client **ret_client);
/* Calls under way complete with an error. */
void aws_client_free(struct aws_client *client);

struct aws_request {
    struct sigv4_keys keys;
    const char *service, *region; /* as they are signed */
    const char *method, *url;
    const struct http_header *headers; /* signed too */
    size_t header_count;
    const char *body;
    size_t body_len;
    const char *user_agent;
    int64_t timeout_ms, idle_timeout_ms; /* of the whole; without a byte, 0: none */
    http_done_fn *done;
    void *data;
};

struct http_call *aws_client_start(struct aws_client *client, const struct aws_request *request);

#endif
