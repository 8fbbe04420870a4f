/* docker_message.h - what Docker's JSON answers say, as values. Pure; nothing here trusts Docker:
 * members of another type than expected count as absent, and an answer without what makes it useful
 * is refused.
 *
 * Ownership  Decoded strings live in the arena given.
 * Errors     API_SERVER with a sentence on what is wrong with the text.
 * Units      Times are wall milliseconds; 0 is Docker's year 1, that is: never.
 */
#ifndef BERTH_AGENT_DOCKER_MESSAGE_H
#define BERTH_AGENT_DOCKER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

#define DOCKER_BINDINGS_MAX 1024 /* published ports of one container; more are left out */

enum docker_state {
    DOCKER_STATE_UNKNOWN, /* a word of a newer Docker */
    DOCKER_STATE_CREATED,
    DOCKER_STATE_RUNNING, /* paused and restarting ones too */
    DOCKER_STATE_EXITED,
    DOCKER_STATE_REMOVING,
};

struct docker_binding {
    const char *host_ip; /* "0.0.0.0", "::" */
    int container_port, host_port;
    const char *protocol; /* "tcp", "udp", "sctp" */
};

struct docker_container {
    const char *id;                        /* 64 hex digits */
    const char *name;                      /* without the leading '/' */
    const char *task_arn, *container_name; /* our labels; NULL if not ours */
    const char *image_id;                  /* "sha256:..."; NULL in listings */
    enum docker_state state;
    bool is_oom_killed;
    int exit_code;            /* of an exited container; 0 otherwise. Not in listings */
    const char *error;        /* why it could not be started; "" if it could */
    const char *log_driver;   /* "json-file"...; NULL in listings */
    const char *health;       /* "healthy", "unhealthy", "starting"; NULL: no health check */
    int check_exit_code;      /* of the last health check; 0 if there was none. Not in listings */
    const char *check_output; /* what that said; NULL */
    const char *detail;       /* for the metadata of a task (docker_detail.h); NULL in listings */
    int64_t created_at_ms, started_at_ms, finished_at_ms;
    struct docker_binding *bindings;
    size_t binding_count;
};

/* GET /containers/ID/json */
MUST_USE struct error *docker_read_container(struct arena *arena, const char *json, size_t len,
                                             struct docker_container *ret);
/* GET /containers/json; entries that make no sense are left out. Listings know no exit code. */
MUST_USE struct error *docker_read_list(struct arena *arena, const char *json, size_t len,
                                        struct docker_container **ret_items, size_t *ret_count);
/* POST /containers/create */
MUST_USE struct error *docker_read_created(struct arena *arena, const char *json, size_t len,
                                           const char **ret_id);

enum docker_event_kind {
    DOCKER_EVENT_OTHER,
    DOCKER_EVENT_START,
    DOCKER_EVENT_DIE,
    DOCKER_EVENT_OOM,
    DOCKER_EVENT_HEALTH,
    DOCKER_EVENT_DESTROY,
};

struct docker_event {
    enum docker_event_kind kind;
    const char *id;
    const char *name; /* of the container; NULL if Docker does not say */
    bool has_exit_code;
    int exit_code;      /* of DIE */
    const char *health; /* of HEALTH: "healthy", "unhealthy", "starting" */
    int64_t at_ms;
};

/* One line of GET /events. */
MUST_USE struct error *docker_read_event(struct arena *arena, const char *json, size_t len,
                                         struct docker_event *ret);

/* One line of POST /images/create: progress, an error that ends the pull, or the digest pulled. */
struct docker_pull_line {
    const char *error;  /* NULL: none */
    const char *digest; /* "sha256:..."; NULL */
};
MUST_USE struct error *docker_read_pull_line(struct arena *arena, const char *json, size_t len,
                                             struct docker_pull_line *ret);

/* An image as inspected or listed. Lists hold what it is called here ("name:tag") and what it was
 * pulled as ("name@sha256:..."). */
struct docker_image {
    const char *id; /* "sha256:..." */
    const char **tags, **digests;
    size_t tag_count, digest_count;
    int64_t size_bytes, created_at_ms; /* created_at_ms: built, not pulled */
    bool has_region;                   /* its environment names one; inspected ones only */
};
/* GET /images/NAME/json */
MUST_USE struct error *docker_read_image(struct arena *arena, const char *json, size_t len,
                                         struct docker_image *ret);
/* GET /images/json; entries without an Id are left out. */
MUST_USE struct error *docker_read_images(struct arena *arena, const char *json, size_t len,
                                          struct docker_image **ret_items, size_t *ret_count);
/* GET /distribution/NAME/json: the digest of the manifest that the registry has under a name. NULL
 * for a manifest of the first schema, which cannot be pulled by its digest. */
MUST_USE struct error *docker_read_digest(struct arena *arena, const char *json, size_t len,
                                          const char **ret_digest);

struct docker_volume {
    const char *name, *driver;
    const char *options, *labels; /* JSON objects as text, keys sorted; "{}" if none */
};
/* GET /volumes/NAME */
MUST_USE struct error *docker_read_volume(struct arena *arena, const char *json, size_t len,
                                          struct docker_volume *ret);

struct docker_exec {
    bool is_running, has_exit_code;
    int exit_code;
    int pid; /* on the host; 0: not started */
};
/* GET /exec/ID/json */
MUST_USE struct error *docker_read_exec(const char *json, size_t len, struct docker_exec *ret);

struct docker_engine;
struct docker_version {
    const char *version;     /* "20.10.24+dfsg1" */
    const char *api_version; /* "1.41" */
    const char *min_api_version;
    const char *os, *architecture;
    const struct docker_engine *engine;
};
MUST_USE struct error *docker_read_version(struct arena *arena, const char *json, size_t len,
                                           struct docker_version *ret);

struct docker_info {
    int64_t memory_bytes;
    int cpus;
    const char **volume_plugins; /* "local"... */
    size_t volume_plugin_count;
    const char *cgroup_driver, *cgroup_version; /* "cgroupfs" or "systemd"; "1" or "2" */
    bool has_live_restore;
    const char *root_dir; /* "/var/lib/docker" */
};
MUST_USE struct error *docker_read_info(struct arena *arena, const char *json, size_t len,
                                        struct docker_info *ret);

/* The sentence in an answer of another status than 2xx; the body itself if it is no JSON.
 * `*ret_is_name_taken` is set if it says that another container has the name: Podman tells it with
 * the status of a fault. */
const char *docker_read_refusal(struct arena *arena, const char *body, size_t len,
                                bool *ret_is_name_taken);

/* "2026-11-20T07:24:53.687012227Z", with offset too; 0 for year 1 and for what cannot be read. */
int64_t docker_read_time_ms(const char *text);

#endif
