#include <string.h>

#include "ecs/task_definition_parts.h"

static bool has_accelerator(const struct ecs_task_definition *definition, const char *device)
{
    for (size_t i = 0; i < definition->inference_accelerators.count; i++)
        if (strcmp(definition->inference_accelerators.items[i].device_name, device) == 0)
            return true;
    return false;
}

static bool is_accelerator_used(const struct ecs_task_definition *definition, const char *device)
{
    for (size_t i = 0; i < definition->container_definitions.count; i++) {
        const struct ecs_resource_requirements *list =
            &definition->container_definitions.items[i].resource_requirements;

        for (size_t j = 0; j < list->count; j++)
            if (list->items[j].type == ECS_RESOURCE_TYPE_INFERENCE_ACCELERATOR &&
                strcmp(list->items[j].value, device) == 0)
                return true;
    }
    return false;
}

static struct error *check_requirement(const struct ecs_task_definition *definition,
                                       const struct ecs_container_definition *container,
                                       const struct ecs_resource_requirement *requirement)
{
    int64_t count;

    if (requirement->type == ECS_RESOURCE_TYPE_GPU &&
        (!str_to_int64(requirement->value, &count) || count < 1 || count > 1024))
        return error_new(API_CLIENT, "Container '%s': the number of GPUs '%s' is invalid.",
                         container->name, requirement->value);
    if (requirement->type == ECS_RESOURCE_TYPE_INFERENCE_ACCELERATOR &&
        !has_accelerator(definition, requirement->value))
        return error_new(API_CLIENT,
                         "Container '%s': the inference accelerator '%s' is not defined.",
                         container->name, requirement->value);
    return NULL;
}

/* TD-052, API-106 */
struct error *definition_check_devices(const struct ecs_task_definition *definition)
{
    for (size_t i = 0; i < definition->container_definitions.count; i++) {
        const struct ecs_container_definition *container =
            &definition->container_definitions.items[i];

        for (size_t j = 0; j < container->resource_requirements.count; j++)
            TRY(check_requirement(definition, container,
                                  &container->resource_requirements.items[j]));
    }
    for (size_t i = 0; i < definition->inference_accelerators.count; i++) {
        const char *device = definition->inference_accelerators.items[i].device_name;

        if (!is_accelerator_used(definition, device))
            return error_new(
                API_CLIENT, "The inference accelerator '%s' is not used by any container.", device);
        for (size_t j = 0; j < i; j++)
            if (strcmp(definition->inference_accelerators.items[j].device_name, device) == 0)
                return error_new(API_CLIENT,
                                 "Inference accelerators must be unique: '%s' is there twice.",
                                 device);
    }
    if (definition->ephemeral_storage && (definition->ephemeral_storage->size_in_gib < 21 ||
                                          definition->ephemeral_storage->size_in_gib > 200))
        return error_new(API_CLIENT, "Ephemeral storage must be between 21 and 200 GiB.");
    return NULL;
}

static const char *property(const struct ecs_proxy_configuration *proxy, const char *name)
{
    for (size_t i = 0; i < proxy->properties.count; i++)
        if (str_eq(proxy->properties.items[i].name, name))
            return proxy->properties.items[i].value;
    return NULL;
}

/* TD-036, TD-037, API-109 */
struct error *definition_check_proxy(const struct ecs_task_definition *definition)
{
    static const char *const required[] = {"AppPorts", "ProxyIngressPort", "ProxyEgressPort"};
    const struct ecs_proxy_configuration *proxy = definition->proxy_configuration;

    if (!proxy)
        return NULL;
    if (definition_network_mode(definition) != ECS_NETWORK_MODE_AWSVPC)
        return error_new(API_CLIENT,
                         "A proxyConfiguration is supported only when networkMode=awsvpc.");
    if (!definition_container(definition, proxy->container_name))
        return error_new(API_CLIENT, "The proxyConfiguration names the unknown container '%s'.",
                         proxy->container_name);
    if (str_is_empty(property(proxy, "IgnoredUID")) && str_is_empty(property(proxy, "IgnoredGID")))
        return error_new(API_CLIENT,
                         "The proxyConfiguration requires the property IgnoredUID or IgnoredGID.");
    for (size_t i = 0; i < ARRAY_LEN(required); i++)
        if (str_is_empty(property(proxy, required[i])))
            return error_new(API_CLIENT, "The proxyConfiguration requires the property %s.",
                             required[i]);
    return NULL;
}
