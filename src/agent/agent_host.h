/* agent_host.h - what the agent needs of the host before anything else: a directory, memory,
 * processors. */
#ifndef BERTH_AGENT_AGENT_HOST_H
#define BERTH_AGENT_AGENT_HOST_H

#include "agent/config/capabilities.h"
#include "agent/docker/docker_message.h"

/* Docker's view of the host counts, since containers run where Docker does. Strings in the arena.
 */
void agent_host_fill(struct arena *arena, const struct docker_info *info, struct host_facts *out);

#endif
