/* docker_config.h - the parts of a container definition that travel as Docker's own JSON (AP-303,
 * TD-122). */
#ifndef BERTH_CORE_DOCKER_CONFIG_H
#define BERTH_CORE_DOCKER_CONFIG_H

#include "base/arena.h"
#include "gen/ecs_types.h"

/* Docker's Config: User, WorkingDir, Hostname, Labels, OpenStdin, Tty, NetworkDisabled,
 * Healthcheck. "{}" if there is nothing to say. From the arena. */
char *docker_config_text(struct arena *arena, const struct ecs_container_definition *container);

/* Docker's HostConfig: everything of a definition that concerns the host. `network_mode` is
 * Docker's word, NULL: its default. `memory_mib` is the container's limit after overrides, 0: none.
 * `log_stream` is what docker_log_stream() says; `log_mode` the delivery of log messages where the
 * definition does not say it, NULL: Docker's own. */
char *docker_host_config_text(struct arena *arena, const struct ecs_container_definition *container,
                              const char *network_mode, int32_t memory_mib,
                              int32_t memory_reservation_mib, const char *log_stream,
                              const char *log_mode);

/* The stream that a task's container logs to (TD-187): "prefix/container/task id". NULL where
 * Docker names it, after the container's id. From the arena. */
char *docker_log_stream(struct arena *arena, const struct ecs_container_definition *container,
                        const char *task_id);

#endif
