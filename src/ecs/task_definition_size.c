#include "ecs/task_definition_parts.h"

#define CONTAINER_MEMORY_MIN_MIB 4 /* TD-046 */

/* What a container takes of its host's memory (TD-045). */
static int32_t reserved_memory(const struct ecs_container_definition *container)
{
    return container->memory_reservation > 0 ? container->memory_reservation : container->memory;
}

static struct error *check_container(const struct ecs_container_definition *container)
{
    int32_t memory = container->memory;
    int32_t reservation = container->memory_reservation;

    if (container->cpu < 0)
        return error_new(API_CLIENT, "Invalid 'cpu' setting for container '%s'.", container->name);
    if (memory < 0 || (memory > 0 && memory < CONTAINER_MEMORY_MIN_MIB))
        return error_new(API_CLIENT,
                         "Invalid 'memory' setting for container '%s'. The minimum is %d MiB.",
                         container->name, CONTAINER_MEMORY_MIN_MIB);
    if (reservation < 0 || (reservation > 0 && reservation < CONTAINER_MEMORY_MIN_MIB))
        return error_new(
            API_CLIENT,
            "Invalid 'memoryReservation' setting for container '%s'. The minimum is %d MiB.",
            container->name, CONTAINER_MEMORY_MIN_MIB);
    /* Equal is accepted in practice (TD-044). */
    if (memory > 0 && reservation > memory)
        return error_new(API_CLIENT,
                         "Invalid setting for container '%s'. The 'memory' cannot be less than the "
                         "'memoryReservation'.",
                         container->name);
    return NULL;
}

/* TD-032, API-094 */
struct error *definition_check_size(const struct ecs_task_definition *definition)
{
    int64_t cpu = 0;
    int64_t memory = 0;

    for (size_t i = 0; i < definition->container_definitions.count; i++) {
        const struct ecs_container_definition *container =
            &definition->container_definitions.items[i];

        TRY(check_container(container));
        cpu += container->cpu;
        memory += reserved_memory(container);
    }
    if (definition->cpu && cpu > definition_number(definition->cpu))
        return error_new(
            API_CLIENT, "The sum of all container 'cpu' values cannot be greater than the value of "
                        "the task 'cpu'.");
    if (definition->memory && memory > definition_number(definition->memory))
        return error_new(
            API_CLIENT, "The sum of all container 'memory' values cannot be greater than the value "
                        "of the task 'memory'.");
    return NULL;
}

static int32_t clamp(int64_t number)
{
    return number > INT32_MAX ? INT32_MAX : (int32_t)number;
}

/* Ports fixed on the host: every port in host mode, those with a hostPort in bridge mode. Tasks
 * with an address of their own hold none. */
static void demand_ports(const struct ecs_task_definition *definition,
                         const struct ecs_container_definition *container,
                         struct definition_demand *ret)
{
    enum ecs_network_mode mode = definition_network_mode(definition);

    if (mode != ECS_NETWORK_MODE_BRIDGE && mode != ECS_NETWORK_MODE_HOST)
        return;
    for (size_t i = 0; i < container->port_mappings.count; i++) {
        const struct ecs_port_mapping *mapping = &container->port_mappings.items[i];
        struct definition_port port = {
            .number = (uint16_t)mapping->host_port,
            .is_udp = mapping->protocol == ECS_TRANSPORT_PROTOCOL_UDP,
        };
        bool is_known = false;

        for (size_t j = 0; j < ret->port_count; j++)
            is_known = is_known ||
                       (ret->ports[j].number == port.number && ret->ports[j].is_udp == port.is_udp);
        if (port.number && !is_known)
            ret->ports[ret->port_count++] = port;
    }
}

static int32_t gpu_count(const struct ecs_container_definition *container)
{
    int64_t count = 0;
    int64_t value;

    for (size_t i = 0; i < container->resource_requirements.count; i++)
        if (container->resource_requirements.items[i].type == ECS_RESOURCE_TYPE_GPU &&
            str_to_int64(container->resource_requirements.items[i].value, &value))
            count += value;
    return clamp(count);
}

void definition_demand(struct arena *arena, const struct ecs_task_definition *definition,
                       struct definition_demand *ret)
{
    const struct ecs_container_definitions *containers = &definition->container_definitions;
    int64_t cpu = 0;
    int64_t memory = 0;
    size_t ports = 0;

    for (size_t i = 0; i < containers->count; i++)
        ports += containers->items[i].port_mappings.count;
    *ret = (struct definition_demand){.ports = ARENA_ARRAY(arena, struct definition_port, ports)};
    for (size_t i = 0; i < containers->count; i++) {
        cpu += containers->items[i].cpu;
        memory += reserved_memory(&containers->items[i]);
        ret->gpu_count += gpu_count(&containers->items[i]);
        demand_ports(definition, &containers->items[i], ret);
    }
    ret->cpu = clamp(definition->cpu ? definition_number(definition->cpu) : cpu);
    ret->memory = clamp(definition->memory ? definition_number(definition->memory) : memory);
}
