/* engine_task.h - the task engine's own picture of tasks and containers; seen by engine*.c only.
 *
 * Wanted and observed are two fields, and only engine_step.c closes the gap: whatever happens is
 * noted in the structs and the task is woken; once a turn each woken task is looked at and the next
 * thing is done for it. Looking twice is harmless.
 *
 *   container  NONE -> PULLED -> CREATED -> RUNNING -> STOPPED   may stop from anywhere (AP-401)
 *   task       NONE ------------------------ RUNNING -> STOPPED   its least advanced (AP-402)
 *
 * Ownership  The engine owns tasks; a task owns its containers and volumes. A task is freed only
 * when no call is under way for it.
 */
#ifndef BERTH_AGENT_ENGINE_TASK_H
#define BERTH_AGENT_ENGINE_TASK_H

#include <jansson.h>
#include <sys/queue.h>

#include "agent/config/config.h"
#include "agent/docker/docker.h"
#include "agent/engine/admission.h"
#include "agent/engine/engine.h"
#include "agent/engine/engine_depend.h"
#include "agent/engine/engine_leftover.h"
#include "agent/engine/image.h"
#include "agent/engine/registry_tokens.h"
#include "agent/engine/store.h"
#include "agent/engine/task_cgroup.h"
#include "agent/engine/task_values.h"
#include "agent/engine/volume.h"
#include "base/id.h"
#include "base/tree.h"

/* Tasks that have not stopped; beyond it one is not accepted, and the server sends it again. */
#define ENGINE_TASKS_MAX 10000
/* Stopped ones that wait for their clean-up; beyond it the oldest goes early. */
#define ENGINE_STOPPED_MAX    4000
#define ENGINE_LOOKS_MAX      32 /* inspections under way at once */
#define ENGINE_STARTS_PER_CPU 4  /* containers that are being created and started at once */
#define ENGINE_CONTAINERS_MAX 64 /* of one task; ECS allows 10 */
#define ENGINE_TRIES_MAX      5  /* of a stop or a look that Docker refuses */
/* While Docker is at work on an earlier create call of the same name. */
#define ENGINE_CONFLICT_TRIES_MAX 40
#define ENGINE_RECREATIONS_MAX    3 /* of a container that Docker lost while starting it */
#define ENGINE_RETRY_FIRST_MS     250
#define ENGINE_RETRY_MAX_MS       5000
#define ENGINE_FLUSH_MS           20  /* what only Docker knows again is written so late */
#define ENGINE_CONNECT_FIRST_MS   100 /* pauses between tries to reach Docker */
#define ENGINE_CONNECT_MAX_MS     5000
#define ENGINE_RELIST_MS          300000 /* AP-412 */
#define ENGINE_RELIST_JITTER_MS   30000
#define ENGINE_REMOVE_TRIES_MAX   10
#define ENGINE_KEYS_WAIT_MS       300000 /* until the control plane has told a new session */

/* What is under way for a container. */
enum engine_doing {
    ENGINE_IDLE,
    ENGINE_PULLING,
    ENGINE_CREATING,
    ENGINE_STARTING,
    ENGINE_LOOKING, /* inspecting */
    ENGINE_STOPPING,
    ENGINE_REMOVING,
};

enum engine_gate_kind { ENGINE_GATE_LOOK, ENGINE_GATE_START, ENGINE_GATE_COUNT };

struct engine_container {
    struct engine_task *task;
    const struct acs_container *spec;
    RB_ENTRY(engine_container) by_name, by_id, by_endpoint;

    char *docker_name;           /* decided, and on disk, before anything is created */
    char *docker_id;             /* in engine->by_id once set */
    char endpoint_id[UUID_SIZE]; /* names its metadata; on disk before anything is created */
    char *detail; /* what Docker said last, for its metadata (docker_detail.h); NULL: nothing yet */
    enum engine_status known, desired, reported;
    enum engine_doing doing;
    struct docker_call *call;
    struct image_request *image_request;

    bool is_essential;
    bool is_unsure;       /* Docker has to be asked before anything else is done */
    bool is_in_gate;      /* is being created and started */
    bool is_start_wanted; /* waits for the checkpoint that must come before a start */
    enum engine_leftover
        observed;          /* of a start that Docker was at when it died; UNKNOWN: never seen */
    bool is_start_sent;    /* on disk before the call: it may have run */
    bool is_image_assumed; /* the create call will tell whether the image is there */
    bool is_to_be_stopped; /* runs although it counts as stopped (AP-410) */
    bool is_stop_asked;    /* its end is our doing: 137 needs no explanation */
    bool may_come_late;    /* Docker did not answer in time whether it was made */
    bool is_repeated;      /* the start under way is not the first: Docker was lost in that */
    bool is_oom, has_exit_code;
    bool is_metadata_complete; /* its metadata file has what Docker knows of it */
    int exit_code;
    char *reason, *image_id, *image_digest, *log_driver;
    const char *health; /* constant; NULL: no check */
    int64_t health_since_ms, created_at_ms, started_at_ms, finished_at_ms;
    int64_t started_mono_ms; /* of started_at_ms, for those who wait; 0: nobody did */
    unsigned restarts;

    struct arena binding_arena;
    struct engine_binding *bindings;
    size_t binding_count;
    int *range_starts; /* of spec->port_mappings */

    unsigned tries; /* of what is being done */
    unsigned recreations;
    int64_t retry_at_mono_ms; /* not before; 0: now */
    bool is_fresh;            /* changed since the last revision */
    uint64_t changed_revision;
    bool is_removed;
    unsigned listed; /* engine->listings when Docker last listed it */
};

struct engine_volume {
    struct engine_task *task;
    const struct acs_volume *spec;
    enum volume_kind kind;
    char *docker_name; /* NULL for a bind mount */
    enum { VOLUME_WANTED, VOLUME_BUSY, VOLUME_READY, VOLUME_REMOVED } state;
    struct docker_call *call;
    int64_t retry_at_mono_ms; /* not before; 0: now */
};

struct engine_task {
    struct engine *engine;
    RB_ENTRY(engine_task) by_arn;
    TAILQ_ENTRY(engine_task) in_order; /* of arrival */
    TAILQ_ENTRY(engine_task) in_woken, in_looked, in_dirty;
    TAILQ_ENTRY(engine_task) in_waiting[ENGINE_GATE_COUNT];
    bool is_waiting[ENGINE_GATE_COUNT];

    struct arena arena; /* of spec, graph and need */
    char *arn;
    char *spec_text; /* as kept on disk; "" if the task was refused */
    struct acs_task *spec;
    int64_t sequence;
    enum engine_status desired, known, reported;
    bool is_admitted, holds_resources;
    bool is_stop_wanted; /* by the server, in this life of the agent */
    bool is_woken, is_looked, is_dirty, is_changed, is_to_be_reported;
    bool is_health_changed, is_cleanup_due, is_being_removed;
    bool is_cleanup_late; /* due, but its end has not been taken note of */
    bool is_refused;      /* by what the agent checks first: nothing was executed (AP-121) */
    char *reason;
    int64_t pull_started_at_ms, pull_stopped_at_ms, execution_stopped_at_ms, stopped_at_ms;
    int64_t waiting_since_mono_ms;

    struct engine_container *containers;
    size_t container_count, internal_count; /* internal ones come last */
    struct engine_volume *volumes;
    size_t volume_count;
    enum { CGROUP_WANTED, CGROUP_BUSY, CGROUP_READY, CGROUP_REMOVED } cgroup;
    enum { VALUES_NONE, VALUES_WANTED, VALUES_BUSY, VALUES_READY } values_state;
    struct task_values *values;         /* what it refers to; NULL: nothing, or not now */
    struct engine_value *value_fetches; /* of values->calls, once begun */
    int64_t keys_by_mono_ms;            /* its role's keys may come until then; 0: they did */
    const char *cgroup_parent;          /* of its containers; NULL: Docker's own */
    struct task_cgroup_limits limits;
    struct depend_graph graph;
    struct admission_need need;

    uint64_t revision, running_revision, stopped_revision;
    struct engine_container_view *views;
    struct timer wake_timer, cleanup_timer;
    unsigned calls; /* under way */
    unsigned remove_tries;
};

RB_HEAD(engine_tasks, engine_task);
RB_HEAD(engine_names, engine_container);
RB_HEAD(engine_ids, engine_container);
RB_HEAD(engine_endpoints, engine_container);
TAILQ_HEAD(engine_task_list, engine_task);

struct engine_gate {
    unsigned inside, most;
    struct engine_task_list waiting;
};

/* A container of an unknown task that carries our labels: a task of another agent of this host, or
 * one that this agent forgot with its file. It is left alone until the task is asked for. */
struct engine_stranger {
    char *docker_id, *docker_name, *task_arn, *container_name;
};

struct engine {
    struct loop *loop;
    const struct agent_config *config;
    struct agent_store *store;
    struct docker *docker;
    struct images *images;
    const struct clock *clock;
    struct rng rng;
    engine_report_fn *on_report;
    void *report_data;
    engine_health_fn *on_health; /* NULL: nobody listens */
    void *health_data;

    struct engine_tasks tasks;
    struct engine_task_list order;
    struct engine_task_list woken;  /* to be looked at this turn */
    struct engine_task_list looked; /* were; may have starts or reports to go out */
    struct engine_task_list dirty;  /* to be written */
    struct engine_gate gates[ENGINE_GATE_COUNT];
    size_t task_count, stopped_count;
    struct engine_names names;
    struct engine_ids ids;
    struct engine_endpoints endpoints;
    int64_t last_sequence;
    struct admission admission;
    struct task_cgroups cgroups;
    struct aws_fetcher *fetcher;
    engine_keys_fn *keys; /* NULL: there are none */
    void *keys_data;
    struct registry_tokens tokens;
    bool is_pause_missing, is_importing_pause; /* the image */
    struct engine_stranger *strangers;
    size_t stranger_count;

    /* engine_link.c: Docker as a whole */
    bool is_linked; /* events flow and all containers have been looked at since */
    struct docker_call *version_call, *info_call, *events_call, *list_call;
    char *docker_root;         /* its root directory; NULL: unknown */
    bool is_docker_old;        /* before 20.10 */
    bool has_no_health_checks; /* Docker runs none on this host */
    struct timer connect_timer, relist_timer;
    unsigned connect_tries;
    unsigned listings;
    engine_ready_fn *ready;
    void *ready_data;
    struct error *start_error;

    struct timer flush_timer;
    unsigned flush_failures;
    bool is_turn_deferred, is_flush_wanted, is_admission_due;
    unsigned calls; /* under way, with those of tasks */
    bool is_closing, are_images_closed;
    loop_fn *closed;
    void *closed_data;
};

/* engine_table.c: making, finding, freeing */

/* A task with its containers and volumes, from spec text; their Docker names are made up. The task
 * is in the tables. Refuses what cannot be understood, with ECS's sentence for the task's reason
 * (AP-125, AP-406). */
MUST_USE struct error *engine_task_new(struct engine *engine, const char *arn,
                                       const char *spec_text, int64_t sequence,
                                       struct engine_task **ret_task);
/* One that only has a reason. */
struct engine_task *engine_task_new_refused(struct engine *engine, const char *arn,
                                            int64_t sequence, const char *reason);
void engine_task_free(struct engine_task *task);
struct engine_task *engine_task_find(struct engine *engine, const char *arn);
struct engine_container *engine_container_find(struct engine *engine, const char *id,
                                               const char *name);
struct engine_container *engine_container_of_endpoint(struct engine *engine, const char *id);
void engine_container_set_id(struct engine_container *container, const char *docker_id);
void engine_container_set_name(struct engine_container *container, const char *docker_name);
/* A new id if `id` is NULL, as it is for what an earlier version kept. */
void engine_container_set_endpoint(struct engine_container *container, const char *id);

/* engine_state.c: the writers of known, and what follows from a change */

int64_t engine_now_ms(const struct engine *engine);
int64_t engine_mono_ms(const struct engine *engine);
void engine_task_wake(struct engine_task *task);  /* looked at again this turn */
void engine_task_touch(struct engine_task *task); /* to be written */
void engine_task_stop(struct engine_task *task);  /* desired: STOPPED, with all containers */
void engine_task_fail(struct engine_task *task, const char *reason);
/* The server took the report of the end, and has forgotten it. */
void engine_task_tell_again(struct engine_task *task);
void engine_container_advance(struct engine_container *container, enum engine_status known);
/* Stopped, with an exit code or (negative) without; takes `reason`, which may be NULL. */
void engine_container_end(struct engine_container *container, int exit_code, char *reason);
/* What follows for the task from its containers; tells whether something is to be reported. */
void engine_task_settle(struct engine_task *task);
void engine_container_bind(struct engine_container *container,
                           const struct docker_container *docker);
/* Takes what Docker says of a container as the truth. */
void engine_container_adopt(struct engine_container *container,
                            const struct docker_container *docker);
void engine_container_vanished(struct engine_container *container);
void engine_container_set_health(struct engine_container *container, const char *docker_health,
                                 int64_t at_ms);
/* An `oom` event that came after the end it explains. */
void engine_container_explain_oom(struct engine_container *container);
/* The `die` event. */
void engine_container_died(struct engine_container *container, bool has_exit_code, int exit_code,
                           int64_t at_ms);

/* engine_step.c: the next thing to do for a task */

void engine_task_step(struct engine_task *task);
void engine_task_admit(struct engine_task *task); /* gives it its share, fit or not */
void engine_admit(struct engine *engine);
/* After the checkpoint: starts what waits for it. */
void engine_start_wanted(struct engine_task *task);

/* engine_gate.c: how much is done at once */

void engine_gates_init(struct engine *engine, unsigned cpus);
bool engine_gate_enter(struct engine_task *task,
                       enum engine_gate_kind kind); /* false: wait to be woken */
void engine_gate_leave(struct engine *engine, enum engine_gate_kind kind);
void engine_gates_forget(struct engine_task *task);

/* engine_port.c */

MUST_USE struct error *engine_container_choose_ports(struct engine_container *container);
/* True if only Docker knows which host ports were taken. */
bool engine_container_must_look_for_ports(const struct engine_container *container);

/* engine_volume.c */

void engine_volume_make(struct engine_volume *volume);

/* engine_values.c: secrets and whatever else the task refers to */

void engine_values_read(struct engine_task *task);
void engine_values_free(struct engine_task *task);
/* Begins, ends or forgets; `soonest_ms`: when to look again. */
void engine_values_step(struct engine_task *task, int64_t *soonest_ms);
void engine_values_cancel(struct engine_task *task);
/* Whether containers may be created, and whether the login for this one's image is there. */
bool engine_values_are_there(const struct engine_task *task);
bool engine_values_may_pull(const struct engine_container *container);
/* Takes a text of Docker's, which may repeat a secret; NULL is fine. */
char *engine_values_redact(const struct engine_task *task, char *text);

/* engine_firelens.c: what a container that routes logs has on the host */

MUST_USE struct error *engine_firelens_check(const struct engine_task *task);
/* Before the router is created; true for any other container. False: the task has failed. */
bool engine_firelens_prepare(struct engine_container *container);
void engine_firelens_remove(const struct engine_task *task);
/* The directory as Docker sees it, and the router's address on Docker's bridge; NULL: none. */
const char *engine_firelens_dir(struct arena *arena, const struct engine_task *task);
const char *engine_firelens_address(struct arena *arena, const struct engine_task *task);
/* Whether it is a router with an address of its own, and whether that is not known yet. */
bool engine_firelens_is_on_bridge(const struct engine_container *container);
bool engine_firelens_lacks_address(const struct engine_container *container);

/* engine_pause.c: the container that owns shared namespaces (AP-431, TD-143) */

/* Adds it to the task as its last container, if the task shares some. */
void engine_pause_add(struct engine_task *task);
/* False: Docker does not have its image, and gets it. */
bool engine_pause_is_there(struct engine_container *container);
/* Docker's id of the task's pause container; NULL if there is none. */
const char *engine_pause_id(const struct engine_task *task);

/* engine_cgroup.c */

/* Refuses a task whose limits contradict each other, with ECS's sentence. */
MUST_USE struct error *engine_cgroup_read(struct engine_task *task);
/* False: it is being made, or could not be, and the task has been stopped for it. */
bool engine_cgroup_make(struct engine_task *task);
void engine_cgroup_remove(struct engine_task *task); /* ends in engine_cleanup_go_on() */

/* engine_call.c: calls to Docker and what comes of them */

void engine_container_begin(struct engine_container *container, enum engine_doing doing);
/* Ends a container's call; false if nothing is to follow because the engine is closing. */
bool engine_container_finish(struct engine_container *container);
/* Docker's answer was lost on the way: what it did has to be looked up. */
void engine_container_doubt(struct engine_container *container);
const char *engine_container_handle(const struct engine_container *container); /* id or name */

const char *engine_container_image(const struct engine_container *container); /* as asked for */
void engine_container_set_image(struct engine_container *container, const char *id,
                                const char *digest);
void engine_container_pull(struct engine_container *container);
void engine_container_start(struct engine_container *container);
void engine_container_look(struct engine_container *container);
void engine_container_halt(struct engine_container *container);
void engine_cancel_calls(struct engine_task *task);
void engine_call_begun(struct engine_task *task);
bool engine_call_ended(struct engine *engine, struct engine_task *task); /* false: closing */
void engine_container_retry(struct engine_container *container);

/* engine_create.c */

void engine_container_create(struct engine_container *container);

/* engine_lost.c: starts whose answer was lost */

/* After a start whose answer was lost: false if it cannot be repeated as it is, and has been dealt
 * with. */
bool engine_container_may_start_again(struct engine_container *container);
/* Removes a container that has not run and goes on as if it had not been created. */
void engine_container_recreate(struct engine_container *container);
/* While Docker is away: how far the starts that it was at have come. */
void engine_observe_starts(struct engine *engine);

/* engine_metadata.c */

/* Makes the container's metadata file; the directory that has it, as Docker sees it. NULL: none. */
const char *engine_metadata_begin(struct arena *arena, struct engine_container *container);
/* It runs. */
void engine_metadata_complete(struct engine_container *container,
                              const struct docker_container *docker);
void engine_metadata_remove(const struct engine_task *task);

/* engine_cleanup.c */

void engine_cleanup_schedule(struct engine_task *task);
void engine_cleanup_resume(struct engine_task *task); /* Docker is back */
/* A step of the clean-up has ended; what is not complete is tried again later. */
void engine_cleanup_go_on(struct engine_task *task, bool is_complete);

/* engine_link.c */

void engine_link_open(struct engine *engine);
void engine_link_close(struct engine *engine);
void engine_strangers_clear(struct engine *engine);
/* Docker containers of a forgotten task become those of `task`. True if there were any. */
bool engine_strangers_adopt(struct engine *engine, struct engine_task *task);

/* engine_record.c: the agent's file */

MUST_USE struct error *engine_load(struct engine *engine);
/* Writes every touched task in one transaction. */
MUST_USE struct error *engine_flush(struct engine *engine);
MUST_USE struct error *engine_forget(struct engine_task *task);

/* engine_view.c */

void engine_task_fill_view(struct engine_task *task, struct engine_task_view *ret);

/* engine.c */

void engine_turn_soon(struct engine *engine);
void engine_close_step(struct engine *engine);

#endif
