/* sim.h - a whole control plane, its store and its agents in one process, on a virtual clock and a
 * seed.
 *
 * The store outlives a crash of the server; agents and their containers outlive everything. What
 * the API would do (RunTask, CreateService...) is done here on the records directly. What must
 * always hold is checked after every step; world_assert_settled() is for the end.
 */
#ifndef BERTH_TESTS_CONTROL_SIM_H
#define BERTH_TESTS_CONTROL_SIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/control.h"
#include "sim_net.h"

#define SIM_AGENTS_MAX 8
#define SIM_ACKED_MAX  600
#define SIM_HOST_CPU   1024
#define SIM_CLUSTER    "default"
#define MINUTES        (60 * 1000)

struct world;

/* A task as its host has it. */
enum sim_phase { SIM_PULLING, SIM_UP, SIM_GOING_DOWN, SIM_DOWN };
struct sim_task {
    struct sim_task *next;
    struct sim_agent *agent;
    struct id id;
    enum sim_phase phase;
    bool is_wanted;        /* desired RUNNING */
    bool was_up, is_quiet; /* is_quiet: a stop for a task it never had, of which it says nothing */
    bool fails_to_start;
    int starts;
    int exit_code;
    int reported; /* 0 nothing, 1 RUNNING, 2 STOPPED: what the server has confirmed */
    struct timer step, report;
};

struct sim_agent {
    struct world *world;
    int number;
    struct id instance;
    struct ws *ws;
    unsigned connection; /* its number */
    bool is_dead;        /* the host is off */
    bool is_fresh;       /* the process started and has not connected since */
    int64_t timeline;    /* of the newest manifest */
    char manifest_id[64];
    struct sim_task *tasks;
    struct timer reconnect;
    unsigned manifests, payloads, heartbeats, stop_orders;
};

struct world {
    uint64_t seed;
    struct rng rng;       /* of the test and the agents */
    struct rng state_rng; /* of the server */
    struct clock clock;
    struct loop *loop;
    struct store *kept;
    struct state *state;
    struct control *control; /* NULL: the server is down */
    struct control_options options;
    const struct scope *scope;
    struct sim_agent agents[SIM_AGENTS_MAX];
    int agent_count;
    long restart_at, steps;         /* dies after so many steps that changed something; 0: never */
    bool is_unchecked;              /* something changed since all was looked at */
    _Atomic bool is_disk_full;      /* the store takes nothing */
    bool is_calm;                   /* nothing gets lost, late or doubled */
    int64_t start_fails_percent;    /* tasks that fail to start */
    int bad_revision;               /* of which no task starts; 0: none */
    struct id acked[SIM_ACKED_MAX]; /* of RunTask calls that were answered */
    size_t acked_count;
    struct id *durable; /* tasks that are in the store for certain */
    size_t durable_count, durable_capacity;
    char service_document[512]; /* of services made from now on */
};

struct world *world_new(uint64_t seed, int agents);
void world_free(struct world *world);
void world_pass(struct world *world, int64_t ms);
void world_settle(struct world *world); /* without time passing */

/* The server dies and comes back at once; agents find out and reconnect. */
void world_restart(struct world *world);
void world_fail_store_write(struct world *world, long nth);

/* ---- the API's part ---- */
void world_define(struct world *world, const char *family, int32_t cpu, bool has_health_check);
/* Places and inserts up to `count`; returns how many. Those that are answered are in world->acked.
 */
size_t world_run_task(struct world *world, const char *family, int revision, size_t count);
/* The same of a capacity provider: what finds no room waits if its scaling is managed. `placement`
 * is JSON with placementConstraints and placementStrategy; NULL: none. */
size_t world_run_task_of(struct world *world, const char *provider, const char *family,
                         int revision, const char *placement, size_t count);
void world_create_provider(struct world *world, const char *name, bool is_managed);
void world_stop_task(struct world *world, const struct id *id);
void world_create_service(struct world *world, const char *name, const char *family, int revision,
                          int32_t desired, int32_t minimum, int32_t maximum);
void world_create_daemon(struct world *world, const char *name, const char *family, int revision,
                         int32_t minimum);
/* With the EXTERNAL controller: what runs is in its task sets. */
void world_create_external(struct world *world, const char *name, int32_t desired);
/* The id is good for as long as the set. */
const char *world_add_task_set(struct world *world, const char *name, const char *family,
                               int revision, double percent);
void world_scale_task_set(struct world *world, const char *name, const char *id, double percent);
void world_delete_task_set(struct world *world, const char *name, const char *id);
const struct task_set *world_task_set(struct world *world, const char *name, const char *id);
/* What StopServiceDeployment asks for the newest service deployment. */
void world_stop_deployment(struct world *world, const char *name,
                           enum service_deployment_status asked);
void world_update_service(struct world *world, const char *name, int revision);
void world_scale_service(struct world *world, const char *name, int32_t desired);
void world_set_percents(struct world *world, const char *name, int32_t minimum, int32_t maximum);
void world_delete_service(struct world *world, const char *name);
void world_set_instance(struct world *world, int agent, enum instance_status status);

/* An instance more, which runs at once. */
void world_add_agent(struct world *world);
void world_protect_task(struct world *world, const struct id *id, int64_t for_ms);
void world_set_health(struct world *world, const struct id *task, enum health_status health);

const struct service_deployment *world_service_deployment(struct world *world, const char *name);
void world_set_provider(struct world *world, int agent, const char *provider);
void world_set_attribute(struct world *world, int agent, const char *name, const char *value);
const struct service *world_service(struct world *world, const char *name);
const struct task *world_task(struct world *world, const struct id *id);
/* How many of a service's tasks are RUNNING and wanted. */
int world_running(struct world *world, const char *service);
/* How many of its events have the text in them. */
int world_events(struct world *world, const char *service, const char *text);

/* ---- agents ---- */
void agent_start(struct sim_agent *agent); /* the process: connects, asks for credentials */
void agent_kill(struct sim_agent *agent);  /* the host: containers are gone with it */
void agent_revive(struct sim_agent *agent);
void agent_restart(struct sim_agent *agent);               /* the process only */
void agent_drop(struct sim_agent *agent, int64_t away_ms); /* the network */
struct sim_task *agent_task(struct sim_agent *agent, const struct id *id);
int agent_running(const struct sim_agent *agent);
/* A container of the task's exits. */
void agent_exit_task(struct sim_agent *agent, const struct id *id, int exit_code);

/* Everything that was wished for is so, and nothing else is. */
void world_assert_settled(struct world *world);
/* What there is, without ids, hosts and times: the same of two runs that ended alike. */
char *world_end_state(struct world *world);

#define WORLD_CHECK(world, condition)                                                              \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %llu: %s", (unsigned long long)(world)->seed, #condition);              \
    } while (0)

#endif
