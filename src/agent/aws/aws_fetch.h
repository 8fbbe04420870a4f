/* aws_fetch.h - one thing fetched from a service of AWS's, or of a server that speaks its API, with
 * tries and a deadline (AP-471).
 *
 *   TRY -> done
 *    ^ |  it failed in passing, or the bucket is in another region
 *    +-+
 *
 * Where a service is: AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, else the control plane's
 * server.
 *
 * Ownership  The fetcher lends what it is made of. Requests are copied; their keys and the answers
 *            are never logged.
 */
#ifndef BERTH_AGENT_AWS_FETCH_H
#define BERTH_AGENT_AWS_FETCH_H

#include "agent/aws/aws_client.h"
#include "agent/aws/aws_message.h"

#define AWS_FETCH_MS        30000 /* a fetch, with all its tries */
#define AWS_ROUND_TRIP_MS   5000  /* a try; with an object: a pause within it */
#define AWS_FETCH_TRIES     4
#define AWS_FETCH_FIRST_MS  100 /* pauses between them, each twice the one before */
#define AWS_FETCH_JITTER    50  /* percent */
#define AWS_FETCHES_AT_ONCE 32  /* connections */

struct aws_fetcher;
struct aws_fetch;

struct aws_fetcher_options {
    struct loop *loop;
    const struct clock *clock;
    const struct agent_config *config;
};

MUST_USE struct error *aws_fetcher_new(const struct aws_fetcher_options *options,
                                       struct aws_fetcher **ret_fetcher);
/* No fetch may be under way. */
void aws_fetcher_free(struct aws_fetcher *fetcher);

struct aws_fetch_request {
    enum config_aws_service service;
    const char *region;
    const char *endpoint; /* NULL: see above */
    struct sigv4_keys keys;
    const char *body;         /* JSON, for what the service's operation is asked with */
    const char *bucket, *key; /* of S3, which has no body */
};

/* `fault` is NULL for an answer, whose body is lent. Runs once, never inside the asking call. */
typedef void aws_fetched_fn(const struct aws_fault *fault, const char *body, size_t len,
                            void *data);

struct aws_fetch *aws_fetch_start(struct aws_fetcher *fetcher,
                                  const struct aws_fetch_request *request, aws_fetched_fn *done,
                                  void *data);
void aws_fetch_cancel(struct aws_fetch *fetch); /* done runs with a fault in a later callback */

#endif
