/* container.h - a container of a task as Docker's create call wants it (TD-122, AP-303 to AP-311).
 *
 * Pure: the same task gives the same text. What the agent derives from the task comes first, the
 * task's own dockerConfig is laid over it, and the labels and modes that must hold come last.
 *
 * Errors  The message is the container's reason as ECS says it, "HostConfigError: Invalid volume
 *         referenced: x", ready to be reported.
 */
#ifndef BERTH_AGENT_CONTAINER_H
#define BERTH_AGENT_CONTAINER_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "gen/agent_types.h"

#define CONTAINER_LABEL_TASK    "com.amazonaws.ecs.task-arn"
#define CONTAINER_NAME_HEX      20 /* random digits that end the names of containers and volumes */
#define CONTAINER_CPU_MIN       2  /* AP-308 */
#define CONTAINER_CPU_MAX       262144
#define CONTAINER_MEMORY_MIN    (4 * 1024 * 1024)
#define CONTAINER_MIB           (1024 * 1024)
#define CONTAINER_METADATA      "/opt/ecs/metadata" /* AG-192 */
#define CONTAINER_METADATA_FILE "ecs-container-metadata.json"

/* The internal container that owns the namespaces which the task's containers share (AP-431). It is
 * never reported. */
#define CONTAINER_PAUSE_NAME "~internal~ecs~pause~namespace"

enum container_gpus {
    CONTAINER_GPUS_NONE,     /* ECS_ENABLE_GPU_SUPPORT is off */
    CONTAINER_GPUS_RUNTIME,  /* Docker's runtime for GPUs, and NVIDIA_VISIBLE_DEVICES */
    CONTAINER_GPUS_REQUESTS, /* DeviceRequests: on external instances */
};

/* The value of a log driver's secret option (TD-230). */
struct container_log_secret {
    const char *container, *option, *value;
};

/* Everything a create call is made of; all lent. */
struct container_plan {
    const struct acs_task *task;
    const struct acs_container *container;
    const struct acs_string_map *environment; /* with what was fetched; NULL: the definition's */
    const char *cluster;
    const char *region;              /* NULL: containers are not told */
    bool is_privileged_disabled;     /* AG-126 */
    const char *const *docker_names; /* of task->containers, in order */
    const char *const *volume_names; /* of task->volumes, in order; NULL for a bind mount */
    const int
        *range_starts; /* of container->port_mappings: first host port of a range, 0: no range */
    const char *cgroup_parent; /* NULL: Docker's own (AP-419) */
    bool inherits_task_memory; /* a container without a limit gets the task's */
    const char *pause_id;      /* Docker's id of the pause container; NULL: the task has none */
    enum container_gpus gpus;
    const char *nvidia_runtime;   /* AG-129 */
    const char *awslogs_endpoint; /* for containers that say none; NULL: AWS's (TD-191) */
    const struct container_log_secret *log_secrets; /* of all containers of the task */
    size_t log_secret_count;
    const char *firelens_dir;   /* of the task, as Docker sees it; NULL: it has no router */
    const char *router_address; /* of the router, on Docker's bridge; NULL: unknown */
    bool is_firelens_async;
    bool is_docker_old;        /* before 20.10: an option of fluentd had another name */
    bool has_no_health_checks; /* the engine runs none on this host */
    const char *endpoint_url;  /* "http://169.254.170.2"; NULL: the endpoints are not served */
    const char *endpoint_id;   /* of the container; with an URL */
    const char *metadata_dir;  /* of the host, with its metadata file; NULL: it has none */
    bool is_selinux_on;        /* such a mount is relabelled */
};

MUST_USE struct error *container_create_body(const struct container_plan *plan,
                                             struct buf *ret_body);

/* AP-309: "ecs-<family>-<version>-<container>-<20 hex digits>". Owned by the caller. */
MUST_USE char *container_docker_name(const char *family, const char *version, const char *name,
                                     struct rng *rng);

/* AP-304: the command of `overrides`. Refuses any other key. `ret_command` is left alone without
 * one. */
MUST_USE struct error *container_override(struct arena *arena,
                                          const struct acs_container *container,
                                          struct acs_string_list *ret_command);

/* "bridge", "host", "none", or what dockerConfig says: the mode the container will have. Lives in
 * `arena` or is constant. */
const char *container_network_mode(struct arena *arena, const struct acs_task *task,
                                   const struct acs_container *container);

/* True for the containers that the agent adds to a task. */
bool container_is_internal(const char *name);

/* What is wanted of the host, MiB: MemoryReservation of hostConfig if set, else memory (AP-414). */
int64_t container_memory_mib(const struct acs_container *container);

/* AP-485: health counts only if the task definition asks for it. */
bool container_has_health_check(const struct acs_container *container);

#endif
