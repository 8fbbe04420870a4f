/* control.h - the moving part of the control plane: reconcilers, agent sessions, fleet snapshots.
 *
 * Level-triggered: each reconciler compares wanted with observed for one key and acts, so a full
 * pass after a restart, or running twice, is harmless. It is woken by the change feed and by due
 * times.
 */
#ifndef BERTH_CONTROL_CONTROL_H
#define BERTH_CONTROL_CONTROL_H

#include "core/agent_update.h"
#include "core/quotas.h"
#include "net/http_server.h"
#include "scheduler/fleet.h"
#include "state/state.h"

struct control;

struct control_options {
    int64_t instance_lost_after_ms; /* ARCHITECTURE.md, Lost hosts; <= 0: never */
    int64_t lead_grace_ms;          /* counted from so long after the start; 0: two minutes */
    /* Stopped tasks and gone instances stay describable so long; 0: one hour. */
    int64_t task_retention_ms;
    int64_t provisioning_wait_ms; /* a task waits so long for a host (CL-106); 0: 15 minutes */
    const struct quotas *quotas;  /* lent; NULL: the defaults */
    /* Stopped tasks that are kept longer are in the state's archive after so long; 0: one hour. */
    int64_t task_memory_ms;
    struct agent_release agent_release; /* what agents are updated to */
    int64_t role_session_ms;            /* credentials of roles last so long; 0: ROLE_SESSION_MS */
};

MUST_USE struct error *control_new(struct loop *loop, struct state *state,
                                   const struct control_options *options,
                                   struct control **ret_control);
void control_close(struct control *control, loop_fn *closed,
                   void *data); /* ends the agents' sessions */

/* The snapshot of a cluster, current with memory (transactions of this very turn included). Never
 * NULL. */
struct fleet *control_fleet(struct control *control, const struct scope *scope,
                            const char *cluster);

/* How many more tasks may wait in PROVISIONING in a cluster (CL-106), those of this turn included.
 */
size_t control_waiting_room(struct control *control, const struct scope *scope,
                            const char *cluster);
#define WAITING_LIMIT_EXCEEDED "Tasks provisioning capacity limit exceeded."

/* Who an upgrade or frame is signed by; made by the caller after SigV4. */
struct agent_identity {
    const struct scope *scope;
    const char *access_key_id;     /* NULL with --auth off */
    const char *agent_cluster;     /* NULL: an account key, any instance */
    struct id agent_instance;      /* zero: not bound yet */
    const char *secret_access_key; /* to check TCS frames with; NULL with --auth off */
};
/* Takes over a WebSocket upgrade for /acs/ws or /tcs/ws (AP-201 to AP-206, AP-501): accepts, or
 * refuses in the agent's error form. */
void control_upgrade(struct control *control, struct http_exchange *ex,
                     const struct http_request *req, const struct agent_identity *identity);

/* Closes the sessions of an instance that was deregistered (AP-217). */
void control_disconnect_instance(struct control *control,
                                 const struct container_instance *instance);

struct control_stats {
    uint64_t acs_sessions, tcs_sessions, payloads_sent, acks_received, reconciles, placements,
        placement_refusals;
    uint64_t tasks_measured; /* whose use of processor and memory is known */
};
void control_stats(const struct control *control, struct control_stats *ret);

#endif
