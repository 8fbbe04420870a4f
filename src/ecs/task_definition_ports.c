#include <ctype.h>
#include <string.h>

#include "ecs/task_definition_parts.h"

#define PORT_MAX            65535
#define PORT_NAME_CHARS_MAX 64
#define PORT_RANGES_MAX     100

static struct error *refuse_port(const char *member,
                                 const struct ecs_container_definition *container)
{
    return error_new(API_CLIENT, "Invalid '%s' setting for container '%s'.", member,
                     container->name);
}

struct range {
    int first, last;
};

/* Digits and no more; moves `at` behind them. */
static bool read_port(const char **at, int *ret)
{
    const char *start = *at;

    *ret = 0;
    for (; isdigit((unsigned char)**at) && *ret <= PORT_MAX; (*at)++)
        *ret = *ret * 10 + (**at - '0');
    return *at > start && *ret >= 1 && *ret <= PORT_MAX;
}

/* The container ports a mapping covers; "8080-8090" or one (API-098). */
static bool port_range(const struct ecs_port_mapping *mapping, struct range *ret)
{
    const char *at = mapping->container_port_range;

    if (!mapping->container_port_range) {
        *ret = (struct range){mapping->container_port, mapping->container_port};
        return true;
    }
    return read_port(&at, &ret->first) && *at++ == '-' && read_port(&at, &ret->last) && !*at &&
           ret->first < ret->last;
}

static struct error *check_name(const struct ecs_port_mapping *mapping,
                                const struct ecs_container_definition *container)
{
    size_t len =
        mapping->name ? strspn(mapping->name, "abcdefghijklmnopqrstuvwxyz0123456789_-") : 0;

    if (!mapping->name)
        return NULL;
    if (mapping->name[len] || len == 0 || len > PORT_NAME_CHARS_MAX || mapping->name[0] == '-')
        return error_new(
            API_CLIENT,
            "Port mapping name '%s' of container '%s' is invalid: it can have up to %d lowercase "
            "letters, digits, underscores and hyphens, and cannot start with a hyphen.",
            mapping->name, container->name, PORT_NAME_CHARS_MAX);
    return NULL;
}

static struct error *check_range(const struct ecs_port_mapping *mapping, enum ecs_network_mode mode,
                                 const struct ecs_container_definition *container)
{
    struct range range;

    if (mode != ECS_NETWORK_MODE_BRIDGE && mode != ECS_NETWORK_MODE_AWSVPC)
        return error_new(
            API_CLIENT,
            "containerPortRange of container '%s' is supported only with the bridge and awsvpc "
            "network modes.",
            container->name);
    if (!port_range(mapping, &range) || mapping->has_container_port)
        return refuse_port("containerPortRange", container);
    if (mapping->has_host_port && mapping->host_port != 0)
        return refuse_port("hostPort", container);
    return NULL;
}

static struct error *check_mapping(const struct ecs_port_mapping *mapping,
                                   enum ecs_network_mode mode,
                                   const struct ecs_container_definition *container)
{
    TRY(check_name(mapping, container));
    if (mapping->container_port_range)
        return check_range(mapping, mode, container);
    if (!mapping->has_container_port || mapping->container_port < 1 ||
        mapping->container_port > PORT_MAX)
        return refuse_port("containerPort", container);
    if (mapping->has_host_port && (mapping->host_port < 0 || mapping->host_port > PORT_MAX))
        return refuse_port("hostPort", container);
    if ((mode == ECS_NETWORK_MODE_AWSVPC || mode == ECS_NETWORK_MODE_HOST) &&
        mapping->host_port != mapping->container_port)
        return error_new(
            API_CLIENT,
            "When networkMode=%s, the host ports and container ports in port mappings must match.",
            ecs_network_mode_name(mode));
    return NULL;
}

/* Two mappings of one container. A port may be in one range only; where host and container share
 * ports it cannot be there for two protocols, and in bridge mode (the gelf example, TD-105) it can.
 */
static struct error *check_pair(const struct ecs_port_mapping *a, const struct ecs_port_mapping *b,
                                enum ecs_network_mode mode,
                                const struct ecs_container_definition *container)
{
    struct range first, second;

    if (!port_range(a, &first) || !port_range(b, &second) || first.last < second.first ||
        second.last < first.first)
        return NULL;
    if ((a->container_port_range || b->container_port_range) && a->protocol == b->protocol)
        return error_new(API_CLIENT, "Container '%s' maps a container port more than once.",
                         container->name);
    if (mode == ECS_NETWORK_MODE_BRIDGE)
        return NULL;
    return error_new(API_CLIENT,
                     "Container '%s' cannot expose the same container port more than once.",
                     container->name);
}

/* Services name ports by these names alone, so each is there once (API-097). */
static struct error *check_name_is_free(const struct ecs_task_definition *definition, size_t at,
                                        const struct ecs_port_mapping *mapping)
{
    for (size_t i = 0; mapping->name && i <= at; i++) {
        const struct ecs_port_mapping_list *list =
            &definition->container_definitions.items[i].port_mappings;

        for (size_t j = 0; j < list->count && &list->items[j] != mapping; j++)
            if (str_eq(list->items[j].name, mapping->name))
                return error_new(API_CLIENT,
                                 "Port mapping names must be unique: '%s' is there twice.",
                                 mapping->name);
    }
    return NULL;
}

/* API-097, API-098 */
struct error *definition_check_ports(const struct ecs_task_definition *definition)
{
    enum ecs_network_mode mode = definition_network_mode(definition);

    for (size_t i = 0; i < definition->container_definitions.count; i++) {
        const struct ecs_container_definition *container =
            &definition->container_definitions.items[i];
        const struct ecs_port_mapping_list *list = &container->port_mappings;
        size_t ranges = 0;

        if (mode == ECS_NETWORK_MODE_NONE && list->count > 0)
            return error_new(API_CLIENT, "When networkMode=none, port mappings are not allowed.");
        for (size_t j = 0; j < list->count; j++) {
            TRY(check_mapping(&list->items[j], mode, container));
            TRY(check_name_is_free(definition, i, &list->items[j]));
            ranges += list->items[j].container_port_range != NULL;
            for (size_t k = 0; k < j; k++)
                TRY(check_pair(&list->items[k], &list->items[j], mode, container));
        }
        if (ranges > PORT_RANGES_MAX)
            return error_new(API_CLIENT, "Container '%s' has more than %d port ranges.",
                             container->name, PORT_RANGES_MAX);
    }
    return NULL;
}
