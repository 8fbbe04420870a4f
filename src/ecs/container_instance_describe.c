#include "ecs/container_instance.h"

#include <string.h>

#include "core/shown_arn.h"
#include "ecs/auth.h"
#include "ecs/names_enter.h"
#include "ecs/tags.h"
#include "gen/ecs_handlers.h"

#define INSTANCES_DESCRIBED_MAX 100 /* API-063 */

/* ---- resources (API-166, CL-260): the numbers that are not used are zeros ---- */

static struct ecs_resource *add_resource(struct ecs_resources *list, const char *name,
                                         const char *type)
{
    struct ecs_resource *resource = &list->items[list->count++];

    resource->name = name;
    resource->type = type;
    SET(resource, integer_value, 0);
    SET(resource, long_value, 0);
    SET(resource, double_value, 0);
    return resource;
}

static void add_integer(struct ecs_resources *list, const char *name, int32_t value)
{
    add_resource(list, name, "INTEGER")->integer_value = value;
}

static void add_ports(struct arena *arena, struct ecs_resources *list, const char *name,
                      const struct fleet_port *ports, size_t count, bool is_udp)
{
    struct ecs_string_list *set = &add_resource(list, name, "STRINGSET")->string_set_value;

    SET_LIST(arena, set, count);
    set->count = 0;
    for (size_t i = 0; i < count; i++)
        if (ports[i].is_udp == is_udp)
            set->items[set->count++] = arena_printf(arena, "%u", (unsigned)ports[i].number);
}

/* Of the free ones only their number is known: tasks are given the first. */
static void add_gpus(struct arena *arena, struct ecs_resources *list,
                     const struct container_instance *instance, int32_t count)
{
    struct ecs_string_list *set;

    if (instance->gpu_ids_count == 0)
        return;
    set = &add_resource(list, "GPU", "STRINGSET")->string_set_value;
    SET_LIST(arena, set, count > 0 ? (size_t)count : 0);
    for (size_t i = 0; i < set->count; i++)
        set->items[i] = instance->gpu_ids[instance->gpu_ids_count - set->count + i];
}

#define RESOURCE_KINDS 5

static void describe_resources(struct arena *arena, const struct container_instance *instance,
                               const struct host_free *amount, struct ecs_resources *ret)
{
    SET_LIST(arena, ret, RESOURCE_KINDS);
    ret->count = 0;
    add_integer(ret, "CPU", amount->cpu);
    add_integer(ret, "MEMORY", amount->memory);
    add_ports(arena, ret, "PORTS", amount->ports, amount->port_count, false);
    add_ports(arena, ret, "PORTS_UDP", amount->ports, amount->port_count, true);
    add_gpus(arena, ret, instance, amount->gpus);
}

/* What was registered, in the form of what is free. */
static struct host_free registered(struct arena *arena, const struct container_instance *instance)
{
    struct fleet_port *ports =
        ARENA_ARRAY(arena, struct fleet_port, instance->reserved_ports_count);

    for (size_t i = 0; i < instance->reserved_ports_count; i++)
        ports[i] = (struct fleet_port){
            .number = (uint16_t)instance->reserved_ports[i].number,
            .is_udp = instance->reserved_ports[i].protocol == PROTOCOL_UDP,
        };
    return (struct host_free){
        .cpu = instance->cpu,
        .memory = instance->memory,
        .ports = ports,
        .port_count = instance->reserved_ports_count,
        .gpus = (int32_t)instance->gpu_ids_count,
    };
}

/* ---- the instance ---- */

static void describe_attributes(struct arena *arena, const struct container_instance *instance,
                                struct ecs_attributes *ret)
{
    SET_LIST(arena, ret, instance->attributes_count);
    for (size_t i = 0; i < ret->count; i++) {
        ret->items[i].name = instance->attributes[i].name;
        ret->items[i].value = instance->attributes[i].value;
    }
}

static struct ecs_version_info *describe_versions(struct arena *arena,
                                                  const struct container_instance *instance)
{
    struct ecs_version_info *info = ARENA_NEW(arena, struct ecs_version_info);

    info->agent_version = instance->agent_version;
    info->agent_hash = instance->agent_hash;
    if (instance->docker_version)
        info->docker_version =
            str_starts_with(instance->docker_version, "DockerVersion: ")
                ? instance->docker_version
                : arena_printf(arena, "DockerVersion: %s", instance->docker_version);
    return info;
}

static const enum ecs_instance_health_check_state health_states[] = {
    [INSTANCE_OK] = ECS_INSTANCE_HEALTH_CHECK_STATE_OK,
    [INSTANCE_INITIALIZING] = ECS_INSTANCE_HEALTH_CHECK_STATE_INITIALIZING,
    [INSTANCE_UNKNOWN] = ECS_INSTANCE_HEALTH_CHECK_STATE_INSUFFICIENT_DATA,
    [INSTANCE_IMPAIRED] = ECS_INSTANCE_HEALTH_CHECK_STATE_IMPAIRED,
};
static const enum ecs_instance_health_check_type health_types[] = {
    [INSTANCE_RUNTIME] = ECS_INSTANCE_HEALTH_CHECK_TYPE_CONTAINER_RUNTIME,
    [INSTANCE_ACCELERATORS] = ECS_INSTANCE_HEALTH_CHECK_TYPE_ACCELERATED_COMPUTE,
    [INSTANCE_DAEMON] = ECS_INSTANCE_HEALTH_CHECK_TYPE_DAEMON,
};

/* What the agent said last, also while it is away (as API-247 has it of tasks). The runtime is
 * always there: every agent has one, though it may not have said how it is. */
static struct ecs_container_instance_health_status *
describe_health(struct arena *arena, const struct container_instance *instance)
{
    struct ecs_container_instance_health_status *health =
        ARENA_NEW(arena, struct ecs_container_instance_health_status);
    enum instance_health overall = INSTANCE_OK;

    SET_LIST(arena, &health->details, INSTANCE_PART_COUNT);
    health->details.count = 0;
    for (enum instance_part part = 0; part < INSTANCE_PART_COUNT; part++) {
        const struct instance_check *check = state_instance_check(instance, part);
        struct ecs_instance_health_check_result *detail =
            &health->details.items[health->details.count];
        enum instance_health state = check ? check->health : INSTANCE_UNKNOWN;

        if (!check && part != INSTANCE_RUNTIME)
            continue;
        health->details.count++;
        detail->type = health_types[part];
        detail->status = health_states[state];
        if (check) {
            detail->status_reason = check->reason;
            SET(detail, last_updated_ms, check->updated_at_ms);
            SET(detail, last_status_change_ms, check->changed_at_ms);
        }
        if (state > overall)
            overall = state;
    }
    health->overall_status = health_states[overall];
    return health;
}

static const enum ecs_agent_update_status update_states[] = {
    [AGENT_UPDATE_NONE] = ECS_AGENT_UPDATE_STATUS_UNSET,
    [AGENT_UPDATE_PENDING] = ECS_AGENT_UPDATE_STATUS_PENDING,
    [AGENT_UPDATE_STAGING] = ECS_AGENT_UPDATE_STATUS_STAGING,
    [AGENT_UPDATE_STAGED] = ECS_AGENT_UPDATE_STATUS_STAGED,
    [AGENT_UPDATE_UPDATING] = ECS_AGENT_UPDATE_STATUS_UPDATING,
    [AGENT_UPDATE_UPDATED] = ECS_AGENT_UPDATE_STATUS_UPDATED,
    [AGENT_UPDATE_FAILED] = ECS_AGENT_UPDATE_STATUS_FAILED,
};

void container_instance_describe(struct call *call, const struct container_instance *instance,
                                 unsigned with, struct ecs_container_instance *ret)
{
    const struct scope *scope = call_scope(call);
    struct host_free all = registered(call->arena, instance);
    struct instance_counts counts;
    struct host_free left;

    state_instance_counts(instance, &counts);
    ret->container_instance_arn = shown_instance_arn(call->arena, scope, instance);
    ret->ec2_instance_id = instance->ec2_instance_id;
    ret->capacity_provider_name = instance->capacity_provider;
    SET(ret, version, state_instance_version(instance));
    ret->version_info = describe_versions(call->arena, instance);
    describe_resources(call->arena, instance, &all, &ret->registered_resources);
    if (instance->status == INSTANCE_INACTIVE ||
        !fleet_host_free(control_fleet(ecs_of(call)->control, scope, instance->cluster),
                         &instance->id, &left))
        left = all;
    describe_resources(call->arena, instance, &left, &ret->remaining_resources);
    ret->status = instance_status_name(instance->status);
    ret->status_reason = instance->status_reason;
    SET(ret, agent_connected, state_instance_connected(instance));
    SET(ret, running_tasks_count, counts.tasks_running);
    SET(ret, pending_tasks_count, counts.tasks_pending);
    ret->agent_update_status = update_states[instance->agent_update];
    describe_attributes(call->arena, instance, &ret->attributes);
    SET(ret, registered_at_ms, instance->registered_at_ms);
    ret->attachments.is_set = true;
    ret->tags.is_set = true;
    if (with & INSTANCE_WITH_TAGS)
        tags_answer(call->arena, instance->tags, instance->tags_count, &ret->tags);
    if (with & INSTANCE_WITH_HEALTH)
        ret->health_status = describe_health(call->arena, instance);
}

/* ---- DescribeContainerInstances ---- */

static unsigned asked_for(const struct ecs_container_instance_field_list *include)
{
    unsigned with = 0;

    for (size_t i = 0; i < include->count; i++)
        with |= include->items[i] == ECS_CONTAINER_INSTANCE_FIELD_TAGS ? INSTANCE_WITH_TAGS
                                                                       : INSTANCE_WITH_HEALTH;
    return with;
}

/* DescribeContainerInstances: unknown ids are failures, an unknown cluster is refused (API-049,
 * API-050). */
struct error *
api_describe_container_instances(struct call *call,
                                 const struct ecs_describe_container_instances_request *in,
                                 struct ecs_describe_container_instances_response *out)
{
    const struct ecs_string_list *asked = &in->container_instances;
    const struct scope *scope = call_scope(call);
    unsigned with = asked_for(&in->include);
    const struct cluster *cluster;

    TRY(names_look_cluster(call, "ecs:DescribeContainerInstances", in->cluster, &cluster));
    if (asked->count == 0)
        return error_new(API_INVALID_PARAMETER, "Container instances cannot be empty.");
    if (asked->count > INSTANCES_DESCRIBED_MAX)
        return error_new(API_INVALID_PARAMETER, "Container instances can have at most %d items.",
                         INSTANCES_DESCRIBED_MAX);
    SET_LIST(call->arena, &out->container_instances, asked->count);
    SET_LIST(call->arena, &out->failures, asked->count);
    out->container_instances.count = 0;
    out->failures.count = 0;
    for (size_t i = 0; i < asked->count; i++) {
        const struct container_instance *instance;
        struct id id;

        TRY(names_instance_id(call, cluster->name, asked->items[i], &id));
        instance = state_instance(ecs_of(call)->state, scope, cluster->name, &id);
        if (instance) {
            container_instance_describe(
                call, instance, with,
                &out->container_instances.items[out->container_instances.count++]);
            continue;
        }
        out->failures.items[out->failures.count++] = (struct ecs_failure){
            .arn = arn_container_instance(call->arena, scope, cluster->name, &id),
            .reason = "MISSING",
        };
    }
    return NULL;
}
