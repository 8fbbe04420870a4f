/* fleet.h - the snapshot placement works on: the hosts of one cluster and what is free on them.
 *
 * A fleet is a value kept current by its owner (control/fleets.h): hosts come and go, claims are
 * held and released; nothing here does I/O or reads a clock. Costs do not grow with the number of
 * hosts, except where a rule has to look at each (fleet_internal.h says how).
 *
 * Ownership  Everything passed in is copied (names interned). Lent pointers are good until the next
 * change.
 * Units      CPU units (1024 = one core), MiB.
 */
#ifndef BERTH_SCHEDULER_FLEET_H
#define BERTH_SCHEDULER_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "scheduler/host_attribute.h"

struct fleet;
struct host; /* one container instance as placement sees it */

struct fleet_port {
    uint16_t number;
    bool is_udp;
};

struct host_facts {
    struct id id;
    bool is_placeable;              /* ACTIVE and its agent connected */
    const char *unplaceable_reason; /* a constant, as in failures: "INACTIVE"; NULL: "AGENT" */
    int32_t cpu, memory;
    const struct fleet_port *reserved_ports;
    size_t reserved_port_count;
    const struct host_attribute *attributes;
    size_t attribute_count;
    const char *const *gpu_ids;
    size_t gpu_count;
    bool has_eni_slots;            /* else there are as many interfaces as anyone wants (CL-319) */
    int32_t eni_slots;             /* awsvpc tasks it takes */
    const char *capacity_provider; /* NULL: none */
    /* For memberOf; NULL: none. */
    const char *agent_version, *ec2_instance_id;
    int64_t registered_at_ms;
};

/* What one task holds on a host. `owner` is the service or group that spreading counts by. */
struct claim {
    int32_t cpu, memory, gpu_count;
    int32_t eni_count; /* 1 for a task in awsvpc mode */
    const struct fleet_port *ports;
    size_t port_count;
    const char *owner;  /* interned; "service:web" or "family:web"; NULL: none */
    const char *family; /* interned */
};

struct fleet *fleet_new(void);
void fleet_free(struct fleet *fleet);
/* Adds a host or replaces its facts; what is held on it stays held. */
void fleet_put_host(struct fleet *fleet, const struct host_facts *facts);
void fleet_remove_host(struct fleet *fleet, const struct id *id);
/* The claim of a task on a host; unknown hosts are fine (the claim waits for the host). */
void fleet_hold(struct fleet *fleet, const struct id *host, const struct claim *claim);
void fleet_release(struct fleet *fleet, const struct id *host, const struct claim *claim);
size_t fleet_host_count(const struct fleet *fleet);
size_t fleet_placeable_count(const struct fleet *fleet);

struct host_free {
    int32_t cpu, memory;
    const struct fleet_port *ports; /* taken: reserved and held */
    size_t port_count;
    int32_t gpus;
};
/* For remainingResources; false if the host is unknown. Ports are in order, lent until the next
 * call. */
bool fleet_host_free(const struct fleet *fleet, const struct id *id, struct host_free *ret);
/* The value of an attribute of a host; NULL if it has none (or only the name). Lent. */
const char *fleet_host_value(const struct fleet *fleet, const struct id *id, const char *name);

#endif
