/* ecs.h - the ECS operations: one file per resource, one function per operation (declared in
 * "gen/ecs_handlers.h").
 *
 * A handler is synchronous and touches only call->txn and its answer: it authorizes, checks
 * everything that can be refused, then changes. The answer leaves when what it rests on is durable.
 */
#ifndef BERTH_ECS_ECS_H
#define BERTH_ECS_ECS_H

#include "control/control.h"
#include "core/agent_update.h"
#include "core/quotas.h"
#include "state/state.h"
#include "wire/call.h"

/* What the handlers work on: call->service. */
struct ecs {
    struct loop *loop;
    struct state *state;
    struct control *control;
    const char *endpoint;       /* for DiscoverPollEndpoint when the request names no Host */
    const char *const *regions; /* served */
    size_t region_count;
    const struct quotas *quotas;               /* NULL: the defaults */
    const struct agent_release *agent_release; /* NULL: none to update to */
};

static inline struct ecs *ecs_of(struct call *call)
{
    return call->service;
}

static inline int64_t call_quota(struct call *call, enum quota_name name)
{
    return quota(ecs_of(call)->quotas, name);
}

#endif
