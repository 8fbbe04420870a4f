/* engine.h - the agent's task engine: what the control plane wants run, done on Docker.
 *
 * The engine owns the tasks of this host. It is told what is wanted (engine_want), checkpoints that
 * before it says so, drives containers through Docker, and tells what it observed (on_report) until
 * the control plane has taken the report (engine_reported). Everything survives kill -9 of the
 * agent: wanted and observed are in the agent's SQLite file, containers are found again by label.
 *
 * Ownership  Strings in a view are lent during the callback. Messages passed in are copied.
 * Errors     As in error.h.
 * Units      Times are wall milliseconds.
 */
#ifndef BERTH_AGENT_ENGINE_H
#define BERTH_AGENT_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "gen/agent_types.h"
#include "net/loop.h"

struct agent_config; /* config.h */
struct agent_store;  /* store.h of the agent: one SQLite file */
struct docker;       /* docker.h: the Docker Engine API */
struct engine;

/* AP-401, AP-402: known status of a container or task as reported (none: nothing to report yet). */
enum engine_status { ENGINE_NONE, ENGINE_PULLED, ENGINE_CREATED, ENGINE_RUNNING, ENGINE_STOPPED };

struct engine_binding {
    const char *bind_ip;
    int container_port, host_port;
    const char *container_port_range, *host_port_range; /* NULL unless a range (AP-122) */
    const char *protocol;
};

struct engine_container_view {
    const char *name;
    const struct acs_container *spec;
    const char *endpoint_id; /* names its metadata; kept for its life */
    const char *detail;      /* what Docker said last of it (docker_detail.h); NULL: nothing yet */
    const char *docker_id, *docker_name;         /* NULL until created */
    const char *image, *image_id, *image_digest; /* NULL until known */
    enum engine_status known, desired;
    bool has_exit_code;
    int exit_code;
    const char *reason; /* "CannotPullContainerError: ..."; NULL */
    const char *health; /* HEALTHY, UNHEALTHY, UNKNOWN; NULL without a health check */
    int64_t health_since_ms;
    int64_t created_at_ms, started_at_ms, finished_at_ms;
    const struct engine_binding *bindings;
    size_t binding_count;
    unsigned restarts; /* by the task's restart policy; not reported as changes (AP-411) */
    bool is_changed;   /* not yet reported in this state */
};

struct engine_task_view {
    const char *arn, *family, *version;
    const struct acs_task *spec; /* without secrets; only the arn for a task that was refused */
    enum engine_status known, desired, reported;
    const char *reason; /* task-level, "" mostly (AP-126) */
    int64_t pull_started_at_ms, pull_stopped_at_ms, execution_stopped_at_ms; /* 0: not yet */
    const struct engine_container_view *containers;
    size_t container_count;
    size_t internal_count; /* behind those: the agent's own, shown by the task's metadata alone */
    uint64_t revision;     /* grows with every change to report */
};

/* Something about this task is to be reported. The view is lent; call engine_view() again later for
 * the newest. Not called again for the same revision. */
typedef void engine_report_fn(const struct engine_task_view *task, void *data);
typedef void engine_ready_fn(struct error *err, void *data); /* takes err */

/* Opens the engine: loads the checkpoint, finds containers again, subscribes to Docker's events.
 * `ready` runs once the state of every known task is certain; from then on reports flow. */
MUST_USE struct error *engine_new(struct loop *loop, const struct agent_config *config,
                                  struct agent_store *store, struct docker *docker,
                                  engine_report_fn *on_report, void *data,
                                  struct engine **ret_engine);
void engine_start(struct engine *engine, engine_ready_fn *ready, void *data);
void engine_close(struct engine *engine, loop_fn *closed, void *data); /* containers keep running */

/* What tasks may take of this instance (AP-414). Without it: all cores, and the host's memory less
 * ECS_RESERVED_MEMORY, as AP-102 registers them. */
void engine_set_capacity(struct engine *engine, int64_t cpu_units, int64_t memory_mib);
/* Before engine_start(): the cgroups of tasks, by which their limits hold (AP-419). Without it
 * tasks have none. */
struct task_cgroups; /* task_cgroup.h */
void engine_set_cgroups(struct engine *engine, const struct task_cgroups *cgroups);
/* Before engine_start(): who fetches what tasks refer to (task_values.h), and who has the keys to
 * sign with. Without it such tasks do not start. */
struct aws_fetcher; /* aws_fetch.h */
struct sigv4_keys;  /* net/sigv4.h */
/* The keys of a role by the id of its credentials, the agent's own for NULL; lent. False: none. */
typedef bool engine_keys_fn(const char *credentials_id, struct sigv4_keys *ret, void *data);
void engine_set_aws(struct engine *engine, struct aws_fetcher *fetcher, engine_keys_fn *keys,
                    void *data);
/* A role's keys are there that a task may wait for: an agent that started anew has none. */
void engine_credentials_came(struct engine *engine, const char *task_arn);
/* Before engine_start(): another clock and repeatable randomness, for tests. */
void engine_set_clock(struct engine *engine, const struct clock *clock, uint64_t seed);

/* Takes what the control plane wants of one task: RUNNING starts or confirms it, STOPPED stops it
 * (AP-222, AP-223). Returns after the checkpoint. API_CLIENT means that the task cannot be
 * understood and is reported STOPPED with its reason: that is its answer. API_SERVER means that it
 * could not be kept (disk full, too many tasks) and nothing was done: do not acknowledge it, it
 * will come again. */
MUST_USE struct error *engine_want(struct engine *engine, const struct acs_task *task);

/* For a task whose message could not even be decoded: reports it STOPPED with `reason` (AP-225). */
void engine_refuse(struct engine *engine, const char *task_arn, const char *reason);

/* Gets an image that a task may need soon, if the settings want that. */
void engine_prefetch(struct engine *engine, const char *image);

/* The control plane took the report of `revision`: what was sent need not be sent again (AP-417).
 */
void engine_reported(struct engine *engine, const char *task_arn, uint64_t revision);

/* The health of a container of this task changed: it reaches the control plane by telemetry only
 * (AP-510). At most one listener. */
typedef void engine_health_fn(const char *task_arn, void *data);
void engine_on_health(struct engine *engine, engine_health_fn *fn, void *data);

/* False if unknown. */
bool engine_view(struct engine *engine, const char *task_arn, struct engine_task_view *ret);
/* The task of the container with that endpoint id, and which of its containers that is. */
bool engine_view_endpoint(struct engine *engine, const char *endpoint_id,
                          struct engine_task_view *ret, size_t *ret_index);
/* Calls `each` for every task known (stopped ones included until cleaned up). */
typedef void engine_each_fn(const struct engine_task_view *task, void *data);
void engine_each(struct engine *engine, engine_each_fn *each, void *data);

#endif
