/* container_parts.h - the pieces container.c puts a create body together from; seen by container*.c
 * only. Each sets its members of Docker's Config and HostConfig, both JSON objects.
 */
#ifndef BERTH_AGENT_CONTAINER_PARTS_H
#define BERTH_AGENT_CONTAINER_PARTS_H

#include <jansson.h>

#include "agent/engine/container.h"

void container_set_string(json_t *object, const char *name, const char *value);

/* dockerConfig's text as an object, empty if there is none; NULL if it is not JSON. */
json_t *container_load_config(const char *text);
json_t *container_load_host_config(const struct acs_container *container);

/* The name in Docker of a container of the task; NULL if the task has none of that name. */
const char *container_docker_name_of(const struct container_plan *plan, const char *name,
                                     size_t len);

/* container_environment.c: NAME=VALUE texts */
json_t *container_environment(const struct container_plan *plan);

/* container_network.c */
void container_publish_ports(const struct container_plan *plan, json_t *config, json_t *host);
MUST_USE struct error *container_link(const struct container_plan *plan, json_t *host);

/* container_mounts.c */
MUST_USE struct error *container_mount(const struct container_plan *plan, json_t *host);

/* container_limits.c: CPU, memory, GPUs */
MUST_USE struct error *container_limit(const struct container_plan *plan, json_t *host);

/* container_namespaces.c: what dockerConfig may not decide (AP-303) */
void container_set_namespaces(const struct container_plan *plan, json_t *host);

/* container_logs.c: what the log driver needs besides, after dockerConfig had its say */
MUST_USE struct error *container_log(const struct container_plan *plan, json_t *config,
                                     json_t *host);

#endif
