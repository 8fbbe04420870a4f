/* store.h - what the agent must remember: one SQLite file with the tasks it was given, how far each
 * container is, the volumes and images made for them, and a few facts about itself (AP-541).
 *
 * WAL with full sync: what agent_store_commit() returned for is on disk. Writers group their rows
 * between agent_store_begin() and agent_store_commit(); nothing stays open between two callbacks of
 * the loop. The file is locked while it is open, so two agents cannot share one. Values that are
 * secret (role credentials) are never written (AP-542).
 *
 * Ownership  Strings of rows passed in are copied; those of rows handed to a callback are lent.
 * Errors     A failed commit leaves the file as it was; the caller keeps its rows dirty and tries
 * again.
 * Units      Times are wall milliseconds, 0: not yet.
 */
#ifndef BERTH_AGENT_STORE_H
#define BERTH_AGENT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct agent_store;

/* Opens or makes `path` (mode 0600); NULL keeps everything in memory (no checkpoint, AP-541). */
MUST_USE struct error *agent_store_open(const char *path, struct agent_store **ret_store);
void agent_store_close(struct agent_store *store);
DEFINE_FREEP(struct agent_store, agent_store_close)

/* Facts about the agent, named as in AP-541: "cluster-name", "container-instance-arn",
 * "task-manifest-seq-num"... Durable on return. */
MUST_USE struct error *agent_store_set(struct agent_store *store, const char *key,
                                       const char *value); /* NULL deletes */
MUST_USE struct error *agent_store_get(struct agent_store *store, const char *key,
                                       char **ret_value); /* owned; NULL if there is none */

MUST_USE struct error *agent_store_begin(struct agent_store *store);
MUST_USE struct error *agent_store_commit(struct agent_store *store);
void agent_store_rollback(struct agent_store *store); /* nothing if no transaction is open */

struct agent_store_task {
    const char *arn;
    const char *spec; /* the task object as JSON, without credentials; "" if it was refused */
    int64_t sequence; /* order of arrival */
    int desired, known, reported; /* enum engine_status */
    bool is_admitted;
    const char *reason; /* NULL: none */
    int64_t pull_started_at_ms, pull_stopped_at_ms, execution_stopped_at_ms, stopped_at_ms;
};

struct agent_store_container {
    const char *task_arn, *name;
    const char *docker_name; /* decided before anything is created */
    const char *docker_id;   /* NULL: no answer to a create has been seen */
    const char *endpoint_id; /* of its metadata; NULL in rows of earlier versions */
    int known, desired, reported;
    bool is_start_sent; /* stored before the start call: it may have run */
    bool has_exit_code, is_oom;
    int exit_code;
    unsigned restarts;                                                /* by the restart policy */
    const char *reason, *image_id, *image_digest, *health, *bindings; /* bindings: JSON */
    int64_t health_since_ms, created_at_ms, started_at_ms, finished_at_ms;
};

struct agent_store_volume {
    const char *task_arn, *name, *docker_name;
    bool is_task_scoped; /* removed with the task */
};

/* An image that tasks of this host used (AP-461 `once`, AP-465). */
struct agent_store_image {
    const char *reference; /* its id, if the name it had is another's now */
    const char *id;        /* "sha256:..."; NULL: unknown */
    const char *digest;    /* NULL: unknown */
    int64_t pulled_at_ms;  /* 0: it was here before */
    int64_t used_at_ms;
    bool has_region; /* its environment names one */
};

/* Inside a transaction. Put inserts or replaces. */
MUST_USE struct error *agent_store_put_task(struct agent_store *store,
                                            const struct agent_store_task *task);
MUST_USE struct error *agent_store_put_container(struct agent_store *store,
                                                 const struct agent_store_container *container);
MUST_USE struct error *agent_store_put_volume(struct agent_store *store,
                                              const struct agent_store_volume *volume);
MUST_USE struct error *agent_store_put_image(struct agent_store *store,
                                             const struct agent_store_image *image);
MUST_USE struct error *agent_store_delete_image(struct agent_store *store, const char *reference);
/* Removes the task with its containers and volumes. */
MUST_USE struct error *agent_store_delete_task(struct agent_store *store, const char *arn);

/* Tasks in order of arrival, each before its containers and volumes, which come in the order they
 * were first put. */
struct agent_store_visitor {
    struct error *(*on_task)(const struct agent_store_task *task, void *data);
    struct error *(*on_container)(const struct agent_store_container *container, void *data);
    struct error *(*on_volume)(const struct agent_store_volume *volume, void *data);
    struct error *(*on_image)(const struct agent_store_image *image, void *data);
    void *data;
};
MUST_USE struct error *agent_store_load(struct agent_store *store,
                                        const struct agent_store_visitor *visitor);

#endif
