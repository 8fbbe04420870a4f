/* drain.c - DrainInstance of the administrator's API: takes an instance out of service, stops its
 * tasks and answers when the last has stopped. `berth up` ends with it. */
#include <stdlib.h>

#include "base/mem.h"
#include "core/task.h"
#include "gen/berth_handlers.h"
#include "server/parts.h"

#define STOP_TASKS_PER_TXN 50

struct drain {
    struct flow flow;
    struct drain *next;
    struct server *server;
    const struct scope *scope;
    char *cluster;
    struct id instance;
    struct berth_drain_instance_response *out;
    bool is_stopping; /* every task has been told */
};

static const struct container_instance *instance_of(struct drain *drain)
{
    return state_instance(drain->server->state, drain->scope, drain->cluster, &drain->instance);
}

static const struct task *next_running(struct drain *drain, const struct id *after)
{
    char hex[ID_HEX_SIZE];
    const struct task *task = NULL;

    id_format(&drain->instance, hex);
    /* Desired RUNNING first; then those told to stop that have not done so. */
    for (int stopped = 0; stopped <= 1; stopped++) {
        const struct id *from = after;

        while ((task = state_task_after(drain->server->state, drain->scope, drain->cluster,
                                        TASKS_BY_INSTANCE, hex, stopped != 0, from))) {
            if (task->last_status != TASK_STOPPED)
                return task;
            from = &task->id;
        }
    }
    return NULL;
}

/* Wants up to a transaction's worth of tasks stopped. True if there are more. */
static bool stop_some(struct drain *drain)
{
    struct state *state = drain->server->state;
    int64_t now_ms = clock_wall_ms(state_clock(state));
    const struct container_instance *instance = instance_of(drain);
    struct txn *txn = txn_begin(state, drain->scope);
    const struct task *task = NULL;
    char hex[ID_HEX_SIZE];
    struct id after;
    int count = 0;

    id_format(&drain->instance, hex);
    if (instance && instance->status == INSTANCE_ACTIVE) {
        struct container_instance *edited = txn_edit_instance(txn, instance);

        edited->status = INSTANCE_DRAINING;
        edited->version++;
    }
    while (count < STOP_TASKS_PER_TXN &&
           (task = state_task_after(state, drain->scope, drain->cluster, TASKS_BY_INSTANCE, hex,
                                    false, task ? &after : NULL))) {
        after = task->id;
        task_want_stopped(txn_edit_task(txn, task), STOP_CODE_USER_INITIATED, STOPPED_BY_USER,
                          now_ms);
        count++;
    }
    txn_commit(txn);
    SET(drain->out, stopped_tasks, drain->out->stopped_tasks + count);
    return count == STOP_TASKS_PER_TXN;
}

static void unlink_drain(struct drain *drain)
{
    struct drain **at = &drain->server->drains;

    while (*at && *at != drain)
        at = &(*at)->next;
    if (*at)
        *at = drain->next;
}

static void advance(struct flow *flow)
{
    struct drain *drain = CONTAINER_OF(flow, struct drain, flow);

    if (!drain->is_stopping) {
        while (stop_some(drain))
            ;
        drain->is_stopping = true;
    }
    if (next_running(drain, NULL))
        return; /* drain_on_change() comes back */
    unlink_drain(drain);
    flow_end(flow, NULL);
}

void drain_on_change(const struct change *change, void *data)
{
    struct server *server = data;
    struct drain *next;

    if (change->kind != CHANGE_TASK || !server->drains)
        return;
    for (struct drain *drain = server->drains; drain; drain = next) {
        next = drain->next;
        if (drain->is_stopping)
            advance(&drain->flow);
    }
}

static void cancel(struct flow *flow)
{
    struct drain *drain = CONTAINER_OF(flow, struct drain, flow);

    unlink_drain(drain);
    flow_end(flow, error_new(API_CLIENT, "Tasks were still stopping."));
}

static void drain_free(struct flow *flow)
{
    struct drain *drain = CONTAINER_OF(flow, struct drain, flow);

    free(drain->cluster);
    free(drain);
}

static const struct flow_methods methods = {
    .advance = advance, .cancel = cancel, .free = drain_free};

struct error *berth_api_drain_instance(struct call *call,
                                       const struct berth_drain_instance_request *in,
                                       struct berth_drain_instance_response *out,
                                       struct flow **ret_flow)
{
    struct server *server = call->service;
    const struct access_key *key;
    struct drain *drain;

    key = state_access_key(server->state, in->agent_key);
    if (!key || !key->agent_cluster)
        return error_new(API_CLIENT, "There is no agent's access key %s.", in->agent_key);
    drain = xcalloc(1, sizeof(*drain));
    drain->flow.methods = &methods;
    drain->server = server;
    drain->scope = state_scope(server->state, server->options->regions[0], key->account);
    drain->cluster = str_dup(key->agent_cluster);
    drain->instance = key->agent_instance;
    drain->out = out;
    SET(out, stopped_tasks, 0);
    drain->next = server->drains;
    server->drains = drain;
    *ret_flow = &drain->flow;
    return NULL;
}
