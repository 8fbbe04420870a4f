/* call.h - one call of one operation, as its handler sees it.
 *
 * A `now` handler is `struct error *api_x(struct call *, const struct ecs_x_request *, struct
 * ecs_x_response *)`: it runs to completion, touches only the transaction and `out`, and refuses
 * before its first change. The answer leaves when what it rests on is durable. A `flow` handler has
 * a fourth parameter, the flow it starts (flow.h): for what has to wait.
 *
 * Ownership  The call, its strings and its arena belong to the dispatcher and live until the answer
 * is made. `out` is written as soon as the handler returns, so besides memory of call->arena it may
 * hold strings that the records it looked at lend.
 */
#ifndef BERTH_WIRE_CALL_H
#define BERTH_WIRE_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"

struct operation; /* dispatch.h */
struct txn;       /* state/state.h; wire hands it through and does not look */

/* Who calls: a key of the account, an agent's key bound to one container instance, or a task by its
 * role. */
struct principal {
    const char *access_key_id; /* NULL: not signed, with --auth off */
    bool is_root;              /* an account key, or --auth off: may do all in the account */
    const char *agent_cluster; /* an agent's key: its cluster; else NULL */
    struct id agent_instance;  /* zero: the key is not bound to an instance yet */
    /* Temporary credentials of a task's role; role_arn NULL: none. */
    const char *role_arn, *role_cluster;
    struct id role_task;
};

struct call {
    char request_id[UUID_SIZE];
    const struct operation *operation;
    const char *region; /* of the signature */
    const char *account;
    struct principal principal;
    const char *host;       /* the Host header, "127.0.0.1:4566"; NULL if there was none */
    const char *user_agent; /* NULL if there was none */
    bool is_tls;
    int64_t now_ms;
    struct arena *arena;
    struct rng *rng;
    struct txn *txn; /* open while a `now` handler runs, NULL in flows */
    void *service;   /* the service the operation belongs to: struct ecs for ECS */
};

#endif
