/* endpoint.h - how a local command reaches a server: where it is, and a key for it; and one
 * blocking, signed call. For commands only; the server and the agent never block. */
#ifndef BERTH_CLI_ENDPOINT_H
#define BERTH_CLI_ENDPOINT_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"

struct endpoint {
    char *url; /* http://127.0.0.1:4566 */
    char *region;
    char *account;
    char *access_key_id; /* NULL: the server asks for none */
    char *secret_access_key;
    char *ca_file; /* NULL: the system's */
};

void endpoint_done(struct endpoint *endpoint); /* fits CLEANUP */

/* DIR/server.json, which a running server keeps there, with the administrator's key. */
MUST_USE struct error *endpoint_read_server(const char *dir, struct endpoint *ret);
/* DIR/up.json, which `berth up` keeps there, with its user's key. */
MUST_USE struct error *endpoint_read_up(const char *dir, struct endpoint *ret);
/* As AWS's own clients are told: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_REGION or AWS_DEFAULT_REGION, AWS_CA_BUNDLE. False if there is no AWS_ENDPOINT_URL. */
bool endpoint_read_env(struct endpoint *ret);
MUST_USE struct error *endpoint_write(const char *dir, const char *name,
                                      const struct endpoint *endpoint);

/* POSTs `body` to an operation, "ecs" "AmazonEC2ContainerServiceV20141113.ListClusters". The
 * answer's errors come back with their code and message. `ret_answer` is new; json_decref() it. */
MUST_USE struct error *endpoint_call(const struct endpoint *endpoint, const char *service,
                                     const char *target, const json_t *body, int64_t timeout_ms,
                                     json_t **ret_answer);
/* The same with GET, of "/explain?service=web". */
MUST_USE struct error *endpoint_get(const struct endpoint *endpoint, const char *path,
                                    int64_t timeout_ms, json_t **ret_answer);

static inline void json_freep(json_t **json)
{
    json_decref(*json);
    *json = NULL;
}

#endif
