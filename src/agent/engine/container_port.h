/* container_port.h - port mappings: what is published, what became of it, and blocks of host ports
 * for ranges (AP-122, AP-430). Pure but for the probe that is passed in.
 */
#ifndef BERTH_AGENT_CONTAINER_PORT_H
#define BERTH_AGENT_CONTAINER_PORT_H

#include <stdbool.h>

#include "agent/docker/docker_message.h"
#include "agent/engine/engine.h"
#include "base/arena.h"
#include "gen/agent_types.h"

/* "9000-9002"; false unless 1 <= first <= last <= 65535. */
bool container_port_range_parse(const char *text, int *ret_first, int *ret_last);
/* "tcp" unless the mapping says otherwise. */
const char *container_port_protocol(const struct acs_port_mapping *mapping);
/* True if Docker chooses the host port, so that only it knows. */
bool container_port_is_dynamic(const struct acs_port_mapping *mapping);

/* What became of the ports, in both address families: what is reported as networkBindings is chosen
 * from it. `docker` may be NULL where only Docker's IPv6 addresses would be missing: host mode and
 * fixed ports. `range_starts` as in struct container_plan. */
void container_port_bindings(struct arena *arena, const struct acs_container *container,
                             const char *network_mode, const int *range_starts,
                             const struct docker_container *docker,
                             struct engine_binding **ret_items, size_t *ret_count);

/* The bindings as kept in the agent's file, and back; unreadable text gives none. */
void container_port_encode(struct buf *buf, const struct engine_binding *items, size_t count);
void container_port_decode(struct arena *arena, const char *json, struct engine_binding **ret_items,
                           size_t *ret_count);

/* True if the host port can be taken now. */
typedef bool container_port_free_fn(int port, const char *protocol, void *data);
/* The first block of `count` ports in [first, last], looking from `start` on and round, that are
 * all free; 0 if there is none. */
int container_port_find_block(int first, int last, int start, int count, const char *protocol,
                              container_port_free_fn *is_free, void *data);

#endif
