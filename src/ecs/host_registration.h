/* host_registration.h - what a RegisterContainerInstance request says of its host, and which
 * container instance that host is already, if any (AP-101 to AP-106, CL-255).
 *
 * Ownership  All in the call's arena, or lent by the request.
 * Units      CPU units, MiB.
 */
#ifndef BERTH_ECS_HOST_REGISTRATION_H
#define BERTH_ECS_HOST_REGISTRATION_H

#include "ecs/ecs.h"
#include "gen/ecs_types.h"

#define REGISTER_OPERATION "RegisterContainerInstance" /* the owner of its client tokens */

/* The parts of the identity document that tell something (AP-005); all NULL off EC2. */
struct host_identity {
    const char *instance_id, *zone, *type, *image, *architecture;
};

struct host_registration {
    const struct ecs_register_container_instance_request *in;
    const char *cluster;
    struct host_identity identity;
    bool has_resources;
    int32_t cpu, memory;
    struct port *ports; /* zeroed records, numbers and protocols only */
    size_t port_count;
    bool is_external, has_old_arn;
};

/* Reads and checks all but what depends on the cluster; the call is authorized on that first. */
MUST_USE struct error *
host_registration_read(struct call *call, const struct ecs_register_container_instance_request *in,
                       struct host_registration *ret);

/* The instance that registers again; NULL: a new one. API_CLIENT if the saved one is INACTIVE,
 * API_ACCESS_DENIED if it is not the caller's. */
MUST_USE struct error *host_registration_find(struct call *call,
                                              const struct host_registration *registration,
                                              const struct container_instance **ret);

#endif
