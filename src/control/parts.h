/* parts.h - what the files of this folder share: the control object and how its parts are told of
 * changes.
 *
 *   fleets     placement's snapshots, current inside each commit
 *   sessions   the agents' WebSockets: who is connected
 *   acs, tcs   the two channels of a session (08-agent-protocol)
 *   tasks      tasks that end, hosts that are lost, records whose hour is over
 *   waiting    tasks that wait for a host of their capacity provider
 *   services   services kept at their count, deployments rolled out
 */
#ifndef BERTH_CONTROL_PARTS_H
#define BERTH_CONTROL_PARTS_H

#include "control/control.h"
#include "control/fleets.h"
#include "control/payloads.h"
#include "net/sigv4.h"

struct sessions;
struct task_lives;
struct services;
struct waiting;

struct control {
    struct loop *loop;
    struct state *state;
    struct control_options options;
    int64_t started_mono_ms;        /* when this server began to lead */
    struct sigv4_cache *signatures; /* of telemetry frames */
    struct payloads *payloads;
    struct telemetry *telemetry; /* what tasks use */
    struct fleets *fleets;
    struct sessions *sessions;
    struct task_lives *tasks;
    struct waiting *waiting;
    struct services *services;
    struct timer settle_timer;
    struct timer let_go_timer; /* of telemetry */
    struct control_stats stats;
    bool is_closing;
    loop_fn *closed;
    void *closed_data;
};

static inline int64_t control_wall_ms(const struct control *control)
{
    return clock_wall_ms(state_clock(control->state));
}

static inline int64_t control_mono_ms(const struct control *control)
{
    return clock_mono_ms(state_clock(control->state));
}

/* Each part: made after the state is loaded, told of durable changes, told to begin again from the
 * tables (after a reload every pointer is void), freed. */
struct sessions *sessions_new(struct control *control);
void sessions_durable(struct sessions *sessions, const struct change *change);
void sessions_reset(struct sessions *sessions);
/* Ends all; `closed` runs when the last socket is gone. */
void sessions_close(struct sessions *sessions, loop_fn *closed, void *data);
void sessions_free(struct sessions *sessions);
void sessions_upgrade(struct sessions *sessions, struct http_exchange *ex,
                      const struct http_request *req, const struct agent_identity *identity);
void sessions_end(struct sessions *sessions, const struct container_instance *instance);
/* Whether the agent's command channel is up and has nothing unacknowledged about the task. */
bool sessions_has_told(struct sessions *sessions, const struct task *task);

struct task_lives *task_lives_new(struct control *control);
void task_lives_durable(struct task_lives *lives, const struct change *change);
void task_lives_reset(struct task_lives *lives);
void task_lives_free(struct task_lives *lives);
/* An agent's session came or went. */
void task_lives_follow_instance(struct task_lives *lives, const struct scope *scope,
                                const char *cluster, const struct id *instance);

/* Keep instances' version_bound ahead of what is shown (state_instance_version()). */
void instance_versions_keep_ahead(struct container_instance *edited);
void instance_versions_durable(struct control *control, const struct change *change);

struct services *services_new(struct control *control);
void services_durable(struct services *services, const struct change *change);
void services_reset(struct services *services);
void services_free(struct services *services);
/* Room may have come up in a cluster: those who wait for it look again. */
void services_retry_placement(struct services *services, const struct scope *scope,
                              const char *cluster);
/* A host came, changed or went silent: the same, and those that have a task on each host. */
void services_follow_hosts(struct services *services, const struct scope *scope,
                           const char *cluster);

#endif
