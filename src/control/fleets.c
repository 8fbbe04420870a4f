#include "control/fleets.h"

#include <stdlib.h>

#include "base/intern.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/tree.h"

struct cluster_fleet {
    RB_ENTRY(cluster_fleet) entry; /* by scope and name */
    const struct scope *scope;
    const char *cluster; /* interned, referenced */
    struct fleet *fleet;
};

struct fleets {
    struct state *state;
    RB_HEAD(cluster_fleet_tree, cluster_fleet) by_cluster;
};

static int cluster_fleet_cmp(const struct cluster_fleet *a, const struct cluster_fleet *b)
{
    uintptr_t x = (uintptr_t)a->scope, y = (uintptr_t)b->scope;

    if (x != y)
        return x < y ? -1 : 1;
    x = (uintptr_t)a->cluster;
    y = (uintptr_t)b->cluster;
    return (x > y) - (x < y);
}
RB_GENERATE_STATIC(cluster_fleet_tree, cluster_fleet, entry, cluster_fleet_cmp)

/* ---- hosts ---- */

static bool is_in_fleet(const struct container_instance *instance)
{
    return instance->status == INSTANCE_ACTIVE || instance->status == INSTANCE_DRAINING;
}

/* CL-319: interfaces are software, so there are enough, unless the operator gives the host the
 * attribute. */
static void eni_slots(const struct container_instance *instance, struct host_facts *facts)
{
    int64_t slots;

    for (uint32_t i = 0; i < instance->attributes_count; i++) {
        if (!str_eq(instance->attributes[i].name, FLEET_ENI_SLOTS_ATTRIBUTE) ||
            !instance->attributes[i].value || !str_to_int64(instance->attributes[i].value, &slots))
            continue;
        facts->has_eni_slots = slots >= 0 && slots <= FLEET_ENI_SLOTS_MAX;
        facts->eni_slots = facts->has_eni_slots ? (int32_t)slots : 0;
    }
}

void fleets_host_facts(struct arena *arena, const struct container_instance *instance,
                       struct host_facts *ret)
{
    struct fleet_port *ports =
        ARENA_ARRAY(arena, struct fleet_port, instance->reserved_ports_count);
    struct host_attribute *attributes =
        ARENA_ARRAY(arena, struct host_attribute, instance->attributes_count);
    bool is_active = instance->status == INSTANCE_ACTIVE;

    *ret = (struct host_facts){
        .id = instance->id,
        .is_placeable = is_active && state_instance_connected(instance),
        .unplaceable_reason = is_active ? "AGENT" : "INACTIVE",
        .cpu = instance->cpu,
        .memory = instance->memory,
        .reserved_ports = ports,
        .reserved_port_count = instance->reserved_ports_count,
        .attributes = attributes,
        .attribute_count = instance->attributes_count,
        .gpu_ids = instance->gpu_ids,
        .gpu_count = instance->gpu_ids_count,
        .capacity_provider = instance->capacity_provider,
        .agent_version = instance->agent_version,
        .ec2_instance_id = instance->ec2_instance_id,
        .registered_at_ms = instance->registered_at_ms,
    };

    for (uint32_t i = 0; i < instance->reserved_ports_count; i++)
        ports[i] = (struct fleet_port){
            .number = (uint16_t)instance->reserved_ports[i].number,
            .is_udp = instance->reserved_ports[i].protocol == PROTOCOL_UDP,
        };
    for (uint32_t i = 0; i < instance->attributes_count; i++)
        attributes[i] =
            (struct host_attribute){instance->attributes[i].name, instance->attributes[i].value};
    eni_slots(instance, ret);
}

static void put_host(struct fleet *fleet, const struct container_instance *instance)
{
    struct arena arena = {0};
    struct host_facts facts;

    fleets_host_facts(&arena, instance, &facts);
    fleet_put_host(fleet, &facts);
    arena_done(&arena);
}

static void follow_host(struct fleet *fleet, const struct container_instance *instance,
                        bool is_removed)
{
    if (!is_removed && is_in_fleet(instance))
        put_host(fleet, instance);
    else
        fleet_remove_host(fleet, &instance->id);
}

/* ---- claims ---- */

static bool is_held(enum task_status last, const struct id *instance)
{
    return last != TASK_STOPPED && !id_is_zero(instance);
}

/* The same task has the same claim when it comes and when it goes: what it is made of never
 * changes. */
static void with_claim(struct fleets *fleets, const struct scope *scope, const struct task *task,
                       const struct id *instance,
                       void (*fn)(struct fleet *, const struct id *, const struct claim *))
{
    const struct task_definition *definition =
        state_task_definition(fleets->state, scope, task->family, task->revision);
    int32_t gpu_count = task->rare->gpu_count;
    struct arena arena = {0};
    struct fleet_port *ports = NULL;

    if (!gpu_count && definition) /* a record from before it was kept */
        gpu_count = definition->gpu_count;
    if (task->ports_count)
        ports = ARENA_ARRAY(&arena, struct fleet_port, task->ports_count);
    for (uint32_t i = 0; i < task->ports_count; i++)
        ports[i] = (struct fleet_port){
            .number = (uint16_t)task->ports[i].number,
            .is_udp = task->ports[i].protocol == PROTOCOL_UDP,
        };
    fn(fleets_get(fleets, scope, task->cluster), instance,
       &(struct claim){
           .cpu = task->cpu,
           .memory = task->memory,
           .gpu_count = gpu_count,
           .eni_count = definition && definition->network_mode == NETWORK_MODE_AWSVPC,
           .ports = ports,
           .port_count = task->ports_count,
           .owner = task->group,
           .family = task->family,
       });
    arena_done(&arena);
}

static void follow_task(struct fleets *fleets, const struct change *change)
{
    const struct task *task = change->record;
    bool was_held =
        !change->is_new && is_held(change->task_last_before, &change->task_instance_before);
    bool holds = !change->is_removed && is_held(task->last_status, &task->instance);
    bool is_same = was_held && holds && id_cmp(&change->task_instance_before, &task->instance) == 0;

    if (is_same)
        return;
    if (was_held)
        with_claim(fleets, change->scope, task, &change->task_instance_before, fleet_release);
    if (holds)
        with_claim(fleets, change->scope, task, &task->instance, fleet_hold);
}

/* ---- the whole ---- */

struct fleet *fleets_get(struct fleets *fleets, const struct scope *scope, const char *cluster)
{
    struct cluster_fleet key = {.scope = scope, .cluster = cluster};
    struct cluster_fleet *found = RB_FIND(cluster_fleet_tree, &fleets->by_cluster, &key);

    if (found) /* by a name from a record, which is interned as ours is */
        return found->fleet;
    key.cluster = intern(cluster);
    found = RB_FIND(cluster_fleet_tree, &fleets->by_cluster, &key);
    if (found) {
        intern_unref(key.cluster);
        return found->fleet;
    }
    found = xcalloc(1, sizeof(*found));
    *found = (struct cluster_fleet){.scope = scope, .cluster = key.cluster, .fleet = fleet_new()};
    RB_INSERT(cluster_fleet_tree, &fleets->by_cluster, found);
    return found->fleet;
}

static void fill_cluster(struct fleets *fleets, const struct scope *scope,
                         const struct cluster *cluster)
{
    struct fleet *fleet = fleets_get(fleets, scope, cluster->name);
    const struct container_instance *instance = NULL;

    while ((instance = state_instance_after(fleets->state, scope, cluster->name,
                                            instance ? &instance->id : NULL)))
        follow_host(fleet, instance, false);
    for (int stopped = 0; stopped <= 1; stopped++) {
        const struct task *task = NULL;

        while ((task = state_task_after(fleets->state, scope, cluster->name, TASKS_BY_CLUSTER, NULL,
                                        stopped, task ? &task->id : NULL)))
            if (is_held(task->last_status, &task->instance))
                with_claim(fleets, scope, task, &task->instance, fleet_hold);
    }
}

static void fill(struct fleets *fleets)
{
    const struct scope *scope = NULL;

    while ((scope = state_scope_after(fleets->state, scope))) {
        const struct cluster *cluster = NULL;

        while (
            (cluster = state_cluster_after(fleets->state, scope, cluster ? cluster->name : NULL)))
            fill_cluster(fleets, scope, cluster);
    }
}

static void empty(struct fleets *fleets)
{
    struct cluster_fleet *one, *next;

    RB_FOREACH_SAFE (one, cluster_fleet_tree, &fleets->by_cluster, next) {
        RB_REMOVE(cluster_fleet_tree, &fleets->by_cluster, one);
        fleet_free(one->fleet);
        intern_unref(one->cluster);
        free(one);
    }
}

struct fleets *fleets_new(struct state *state)
{
    struct fleets *fleets = xcalloc(1, sizeof(*fleets));

    fleets->state = state;
    RB_INIT(&fleets->by_cluster);
    fill(fleets);
    return fleets;
}

void fleets_free(struct fleets *fleets)
{
    if (!fleets)
        return;
    empty(fleets);
    free(fleets);
}

void fleets_reset(struct fleets *fleets)
{
    empty(fleets);
    fill(fleets);
}

void fleets_staged(struct fleets *fleets, const struct change *change)
{
    const struct container_instance *instance = change->record;

    if (change->kind == CHANGE_TASK)
        follow_task(fleets, change);
    else if (change->kind == CHANGE_INSTANCE)
        follow_host(fleets_get(fleets, change->scope, instance->cluster), instance,
                    change->is_removed);
}

void fleets_follow_instance(struct fleets *fleets, const struct container_instance *instance)
{
    follow_host(fleets_get(fleets, container_instance_scope(instance), instance->cluster), instance,
                false);
}
