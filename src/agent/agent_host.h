/* agent_host.h - what the agent needs of the host before anything else: a directory, memory,
 * processors. */
#ifndef BERTH_AGENT_AGENT_HOST_H
#define BERTH_AGENT_AGENT_HOST_H

#include "agent/config/capabilities.h"
#include "agent/docker/docker_message.h"
#include "agent/engine/task_cgroup.h"

/* Docker's view of the host counts, since containers run where Docker does. Strings in the arena.
 */
void agent_host_fill(struct arena *arena, const struct docker_info *info, struct host_facts *out);

/* Finds out how tasks are limited. Where it cannot be done they are not, unless the configuration
 * insists: API_INVALID_PARAMETER then (AG-152). `ret` is OFF if they are not. */
MUST_USE struct error *agent_host_open_cgroups(const struct agent_config *config,
                                               const struct docker_info *info,
                                               struct task_cgroups *ret);

#endif
