#include <string.h>

#include "ecs/task_definition_parts.h"

static const char *option(const struct ecs_log_configuration_options_map *map, const char *name)
{
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->items[i].key, name) == 0)
            return map->items[i].value;
    return NULL;
}

/* API-104, TD-186 */
static struct error *check_awslogs(const struct ecs_log_configuration *log)
{
    bool has_region = !str_is_empty(option(&log->options, "awslogs-region"));
    bool has_group = !str_is_empty(option(&log->options, "awslogs-group"));

    if (has_region && has_group)
        return NULL;
    return error_new(API_CLIENT, "Log driver awslogs requires options: %s%s%s",
                     has_region ? "" : "awslogs-region", has_region || has_group ? "" : ", ",
                     has_group ? "" : "awslogs-group");
}

/* TD-202, TD-208: a file is named by its path in the router's image, an object by its ARN. */
static struct error *check_router_file(const struct ecs_container_definition *container)
{
    const struct ecs_firelens_configuration_options_map *options =
        &container->firelens_configuration->options;
    const char *type = NULL;
    const char *value = NULL;

    for (size_t i = 0; i < options->count; i++) {
        if (strcmp(options->items[i].key, "config-file-type") == 0)
            type = options->items[i].value;
        if (strcmp(options->items[i].key, "config-file-value") == 0)
            value = options->items[i].value;
    }
    if (!type != !value)
        return error_new(API_CLIENT,
                         "Container '%s': the firelensConfiguration options config-file-type and "
                         "config-file-value go together.",
                         container->name);
    if (type && strcmp(type, "s3") == 0 && !definition_is_s3_object(value))
        return error_new(API_CLIENT, "Invalid arn syntax.");
    return NULL;
}

/* TD-201, API-107 */
static struct error *check_router(const struct ecs_container_definition *container)
{
    const struct ecs_firelens_configuration *firelens = container->firelens_configuration;

    if (!container->essential)
        return error_new(API_CLIENT,
                         "Container '%s' with a firelensConfiguration must be essential.",
                         container->name);
    for (size_t i = 0; i < firelens->options.count; i++) {
        const char *key = firelens->options.items[i].key;
        const char *value = firelens->options.items[i].value;
        bool is_fine = true;

        if (strcmp(key, "enable-ecs-log-metadata") == 0)
            is_fine = str_eq(value, "true") || str_eq(value, "false");
        else if (strcmp(key, "config-file-type") == 0)
            is_fine = str_eq(value, "s3") || str_eq(value, "file");
        else if (strcmp(key, "config-file-value") == 0)
            is_fine = !str_is_empty(value);
        else
            is_fine = false;
        if (!is_fine)
            return error_new(API_CLIENT,
                             "Container '%s': firelensConfiguration option %s=%s is invalid.",
                             container->name, key, value);
    }
    return check_router_file(container);
}

struct error *definition_check_logs(const struct ecs_task_definition *definition)
{
    const struct ecs_container_definition *router = NULL;
    const struct ecs_container_definition *sender = NULL;

    for (size_t i = 0; i < definition->container_definitions.count; i++) {
        const struct ecs_container_definition *container =
            &definition->container_definitions.items[i];
        const struct ecs_log_configuration *log = container->log_configuration;

        if (log && log->log_driver == ECS_LOG_DRIVER_AWSLOGS)
            TRY(check_awslogs(log));
        if (log && log->log_driver == ECS_LOG_DRIVER_AWSFIRELENS)
            sender = container;
        if (!container->firelens_configuration)
            continue;
        if (router)
            return error_new(
                API_CLIENT,
                "Only one container can have a firelensConfiguration: '%s' and '%s' do.",
                router->name, container->name);
        router = container;
        TRY(check_router(container));
    }
    if (sender && !router)
        return error_new(API_CLIENT,
                         "Container '%s' uses the log driver awsfirelens, but no container has a "
                         "firelensConfiguration.",
                         sender->name);
    return NULL;
}
