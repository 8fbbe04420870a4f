/* dispatch.h - from a decoded request to an encoded answer: finds the operation, checks, runs it.
 *
 * One dispatcher serves one API (a table of operations) for one service object. It knows no HTTP: a
 * request comes as operation name and JSON text, the answer goes to a callback, exactly once and
 * never from inside dispatch_call(). aws_json.h puts HTTP around it.
 *
 * Waiting    An answer leaves when what it rests on is durable: call_host.finish() says when, with
 * an error if it was lost; then the answer is ServerException whatever the handler said. Limits
 * DISPATCH_CALLS_MAX calls at once, beyond it ServiceUnavailableException.
 */
#ifndef BERTH_WIRE_DISPATCH_H
#define BERTH_WIRE_DISPATCH_H

#include <stddef.h>

#include "net/loop.h"
#include "wire/call.h"
#include "wire/flow.h"
#include "wire/shape.h"

#define DISPATCH_CALLS_MAX      65536         /* begun and not answered */
#define DISPATCH_BODY_BYTES_MAX (1024 * 1024) /* API-008 */
#define DISPATCH_FLOW_MS        60000         /* deadline of a flow that the model gives none */

typedef struct error *operation_now_fn(struct call *call, const void *in, void *out);
typedef struct error *operation_flow_fn(struct call *call, const void *in, void *out,
                                        struct flow **ret_flow);

/* One row of a generated table (gen/NAME_handlers.h). */
struct operation {
    const char *name;
    const struct shape *in, *out;
    operation_now_fn *now;        /* one of the two; */
    operation_flow_fn *flow;      /* both NULL: the API has it, we do not yet */
    int64_t deadline_ms;          /* of a flow */
    const enum api_error *errors; /* what it declares; the common ones besides */
    size_t error_count;
    const char *action;        /* "ecs:RunTask" */
    const char *resource_type; /* what the action is allowed on: "task-definition"; NULL: "*" */
    bool is_agent_only;
};

struct operation_table {
    const char *target;                 /* what stands before the '.' of X-Amz-Target */
    const char *signing_name;           /* SigV4 service */
    const struct operation *operations; /* sorted by name */
    size_t count;
};

const struct operation *operation_find(const struct operation_table *table, const char *name);
/* True if the operation may answer with `code`. */
bool operation_may_fail(const struct operation *operation, enum api_error code);

/* What keeps the state a call works on. */
struct call_host {
    /* Refuses a caller by who it is and which operation it asks for, before its handler; NULL:
     * nobody. */
    struct error *(*admit)(struct call *call, void *data);
    /* Before a `now` handler: opens its transaction (into call->txn). */
    void (*begin)(struct call *call, void *data);
    /* After a handler, refused or not: ends the transaction, if one is open. `done` runs later,
     * once: with NULL when everything the handler saw and did is durable, with an error (lent) if
     * not. */
    void (*finish)(struct call *call, void (*done)(const struct error *err, void *arg), void *arg,
                   void *data);
    void *data;
};

struct dispatch_options {
    struct loop *loop;
    const struct operation_table *table;
    struct call_host host;
    void *service;
    const struct clock *clock;
    struct rng *rng;
    bool is_strict; /* refuse unknown members (API-004) */
};

struct dispatch;
struct dispatch *dispatch_new(const struct dispatch_options *options);
/* Cancels the flows; `closed` runs once, when no call is open, and may free. Calls that still come
 * are refused. */
void dispatch_close(struct dispatch *dispatch, loop_fn *closed, void *data);
void dispatch_free(struct dispatch *dispatch); /* only when it is closed or has no open call */
const struct operation_table *dispatch_table(const struct dispatch *dispatch);

/* Who calls and how; strings are lent during dispatch_call(). */
struct dispatch_request {
    const char *operation; /* NULL or unknown: UnknownOperationException (API-003) */
    const char *body;
    size_t body_len; /* 0 is {} (API-002) */
    const char *region;
    const char *account;
    const struct principal *principal;
    const char *host;
    const char *user_agent;
    bool is_tls;
};

struct dispatch_answer {
    const char *request_id;
    int status;
    enum api_error code; /* of a refusal, when status is not 200 */
    const char *body;    /* JSON; lent during the callback */
    size_t body_len;
};
typedef void dispatch_answer_fn(const struct dispatch_answer *answer, void *data);

/* The call that was begun; good until its answer, for dispatch_gone(). */
struct dispatch_call;
struct dispatch_call *dispatch_call(struct dispatch *dispatch,
                                    const struct dispatch_request *request,
                                    dispatch_answer_fn *answer, void *data);
/* The caller went away: its flow is cancelled. The answer still comes. */
void dispatch_gone(struct dispatch_call *call);

/* {"__type":CODE,"message":TEXT} (API-017, API-019), and error->members if there are any. */
void dispatch_error_body(struct buf *buf, enum api_error code, const char *message,
                         const char *members);

struct dispatch_stats {
    uint64_t calls, refused, faults;
    unsigned open;
};
void dispatch_stats(const struct dispatch *dispatch, struct dispatch_stats *ret);

#endif
