/* capabilities.h - the attributes an instance is registered with: what this agent can do here.
 *
 * The scheduler matches what a task needs against these names (AP-153), so one is announced only if
 * this agent really does it; the names are ECS's (AP-151, AP-152).
 *
 * Ownership  The list and its strings live in the arena given; custom attributes are lent by the
 * config.
 */
#ifndef BERTH_AGENT_CAPABILITIES_H
#define BERTH_AGENT_CAPABILITIES_H

#include <stdbool.h>

#include "agent/config/config.h"
#include "agent/config/gpu_info.h"
#include "agent/docker/docker_engine.h"

/* What the host says of itself; strings are lent. */
struct host_facts {
    const char *docker_version;     /* "20.10.24+dfsg1" */
    const char *docker_api_version; /* "1.41" */
    const char *docker_min_api_version;
    const struct docker_engine *engine; /* which one it is */
    struct config_list volume_plugins;  /* "local" */
    const char *machine;                /* as uname says: "x86_64" */
    int64_t cpus;
    int64_t memory_mib;
    bool limits_tasks; /* with a cgroup for each (AG-152) */
    struct gpu_info gpus;
};

/* Custom attributes first, as the official agent does; without them when the instance was
 * registered before (AP-105). */
struct config_map capabilities_list(struct arena *arena, const struct agent_config *config,
                                    const struct host_facts *host, bool with_custom);

bool capabilities_knows_logging_driver(const char *driver);

/* Architecture of ECS for a machine name of uname: "x86_64", "arm64"; others as they are. */
const char *capabilities_architecture(const char *machine);

#endif
