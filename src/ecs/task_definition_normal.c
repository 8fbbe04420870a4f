#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "ecs/task_definition_parts.h"

/* "1024", or a number of a larger unit: "1 vCPU", ".5 vcpu", "1GB", "0.5 GB" (TD-027, TD-028). */
static bool read_size(const char *text, const char *unit, int64_t *ret)
{
    double value = 0;
    double scale = 1;
    bool has_digit = false;
    bool is_fraction = false;

    while (isspace((unsigned char)*text))
        text++;
    for (; isdigit((unsigned char)*text) || (*text == '.' && !is_fraction); text++) {
        if (*text == '.') {
            is_fraction = true;
            continue;
        }
        has_digit = true;
        if (is_fraction)
            scale /= 10;
        value = is_fraction ? value + (*text - '0') * scale : value * 10 + (*text - '0');
    }
    if (!has_digit || value > 1e12)
        return false;
    while (isspace((unsigned char)*text))
        text++;
    if (*text) {
        if (strcasecmp(text, unit) != 0)
            return false;
        value *= 1024;
    } else if (is_fraction) {
        return false;
    }
    *ret = (int64_t)llround(value);
    return *ret > 0;
}

static struct error *normal_size(struct arena *arena, const char *name, const char *text,
                                 const char *unit, const char **ret)
{
    int64_t number;

    if (str_is_empty(text)) {
        *ret = NULL;
        return NULL;
    }
    if (!read_size(text, unit, &number))
        return error_new(
            API_CLIENT,
            "Invalid '%s' setting for task. For more information, see the Troubleshooting "
            "section of the Amazon ECS Developer Guide.",
            name);
    *ret = arena_printf(arena, "%lld", (long long)number);
    return NULL;
}

static const char *none_if_empty(const char *text)
{
    return str_is_empty(text) ? NULL : text;
}

/* Lists that are shown even when nobody gave them (API-014). */
#define SHOW_LIST(list) ((list)->is_set = true)

/* API-097, TD-048, TD-050: where host and container share addresses, their ports are the same. */
static void normal_ports(struct arena *arena, enum ecs_network_mode mode,
                         struct ecs_port_mapping_list *list)
{
    struct ecs_port_mapping *ports = ARENA_ARRAY(arena, struct ecs_port_mapping, list->count);

    for (size_t i = 0; i < list->count; i++) {
        struct ecs_port_mapping *port = &ports[i];

        *port = list->items[i];
        if (port->protocol == ECS_TRANSPORT_PROTOCOL_UNSET)
            port->protocol = ECS_TRANSPORT_PROTOCOL_TCP;
        port->container_port_range = none_if_empty(port->container_port_range);
        port->name = none_if_empty(port->name);
        if ((mode == ECS_NETWORK_MODE_HOST || mode == ECS_NETWORK_MODE_AWSVPC) &&
            port->has_container_port && !port->container_port_range && port->host_port == 0)
            SET(port, host_port, port->container_port);
    }
    list->items = ports;
    SHOW_LIST(list);
}

/* API-103: interval, timeout and retries are shown even when they are the defaults. */
static struct ecs_health_check *normal_health(struct arena *arena,
                                              const struct ecs_health_check *in)
{
    struct ecs_health_check *health = ARENA_NEW(arena, struct ecs_health_check);

    *health = *in;
    if (!health->has_interval)
        SET(health, interval, 30);
    if (!health->has_timeout)
        SET(health, timeout, 5);
    if (!health->has_retries)
        SET(health, retries, 3);
    return health;
}

static void normal_container(struct arena *arena, enum ecs_network_mode mode,
                             struct ecs_container_definition *container)
{
    if (!container->has_cpu)
        SET(container, cpu, 0);
    if (!container->has_essential)
        SET(container, essential, true);
    container->hostname = none_if_empty(container->hostname);
    container->user = none_if_empty(container->user);
    container->working_directory = none_if_empty(container->working_directory);
    normal_ports(arena, mode, &container->port_mappings);
    SHOW_LIST(&container->environment);
    SHOW_LIST(&container->mount_points);
    SHOW_LIST(&container->volumes_from);
    if (container->health_check)
        container->health_check = normal_health(arena, container->health_check);
}

/* TD-036 */
static struct ecs_proxy_configuration *normal_proxy(struct arena *arena,
                                                    const struct ecs_proxy_configuration *in)
{
    struct ecs_proxy_configuration *proxy = ARENA_NEW(arena, struct ecs_proxy_configuration);

    *proxy = *in;
    if (!proxy->type)
        proxy->type = ECS_PROXY_CONFIGURATION_TYPE_APPMESH;
    return proxy;
}

/* TD-146: a volume that is nothing else is an empty one of the host. */
static void normal_volumes(struct arena *arena, struct ecs_volume_list *list)
{
    struct ecs_volume *volumes = ARENA_ARRAY(arena, struct ecs_volume, list->count);

    for (size_t i = 0; i < list->count; i++) {
        struct ecs_volume *volume = &volumes[i];

        *volume = list->items[i];
        if (!volume->host && !volume->docker_volume_configuration &&
            !volume->efs_volume_configuration && !volume->s3files_volume_configuration &&
            !volume->fsx_windows_file_server_volume_configuration && !volume->configured_at_launch)
            volume->host = ARENA_NEW(arena, struct ecs_host_volume_properties);
    }
    list->items = volumes;
    SHOW_LIST(list);
}

struct error *definition_normalize(struct arena *arena,
                                   const struct ecs_register_task_definition_request *in,
                                   struct ecs_task_definition *ret)
{
    struct ecs_task_definition definition = {
        .family = in->family,
        .task_role_arn = none_if_empty(in->task_role_arn),
        .execution_role_arn = none_if_empty(in->execution_role_arn),
        .network_mode = in->network_mode,
        .container_definitions = in->container_definitions,
        .volumes = in->volumes,
        .placement_constraints = in->placement_constraints,
        .requires_compatibilities = in->requires_compatibilities,
        .pid_mode = in->pid_mode,
        .ipc_mode = in->ipc_mode,
        .proxy_configuration = in->proxy_configuration,
        .inference_accelerators = in->inference_accelerators,
        .ephemeral_storage = in->ephemeral_storage,
        .runtime_platform = in->runtime_platform,
        .has_enable_fault_injection = in->has_enable_fault_injection,
        .enable_fault_injection = in->enable_fault_injection,
    };
    struct ecs_container_definition *containers =
        ARENA_ARRAY(arena, struct ecs_container_definition, in->container_definitions.count);

    TRY(normal_size(arena, "cpu", in->cpu, "vCPU", &definition.cpu));
    TRY(normal_size(arena, "memory", in->memory, "GB", &definition.memory));
    for (size_t i = 0; i < in->container_definitions.count; i++) {
        containers[i] = in->container_definitions.items[i];
        normal_container(arena, definition_network_mode(&definition), &containers[i]);
    }
    definition.container_definitions.items = containers;
    if (definition.proxy_configuration)
        definition.proxy_configuration = normal_proxy(arena, definition.proxy_configuration);
    normal_volumes(arena, &definition.volumes);
    SHOW_LIST(&definition.placement_constraints);
    *ret = definition;
    return NULL;
}

const struct ecs_container_definition *
definition_container(const struct ecs_task_definition *definition, const char *name)
{
    for (size_t i = 0; name && i < definition->container_definitions.count; i++)
        if (strcmp(definition->container_definitions.items[i].name, name) == 0)
            return &definition->container_definitions.items[i];
    return NULL;
}

enum ecs_network_mode definition_network_mode(const struct ecs_task_definition *definition)
{
    return definition->network_mode ? definition->network_mode : ECS_NETWORK_MODE_BRIDGE;
}
