/* aws_json.h - AWS JSON 1.1 over HTTP: POST /, X-Amz-Target, a JSON object each way (API-001 to
 * API-019).
 *
 * The caller has been authenticated by then: this finds the service and the operation, hands the
 * body to its dispatcher and turns the answer into HTTP. Every answer has x-amzn-RequestId; a
 * refusal has its code in the body's __type and in x-amzn-ErrorType.
 */
#ifndef BERTH_WIRE_AWS_JSON_H
#define BERTH_WIRE_AWS_JSON_H

#include "net/http_server.h"
#include "wire/dispatch.h"

/* Who signed the request, for where. */
struct aws_json_caller {
    const char *region;
    const char *account;
    const struct principal *principal;
};

/* The services of one listener, told apart by the target's prefix (API-009). Lent. */
struct aws_json {
    struct dispatch *const *services;
    size_t count;
    struct rng *rng;
};

/* Answers the exchange, now or later. */
void aws_json_serve(const struct aws_json *json, struct http_exchange *ex,
                    const struct http_request *req, const struct aws_json_caller *caller);

/* Answers with a refusal that was decided before there was a caller. Takes `err`. */
void aws_json_refuse(const struct aws_json *json, struct http_exchange *ex, struct error *err);

#endif
