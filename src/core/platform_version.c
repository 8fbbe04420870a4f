#include "core/platform_version.h"

#include "base/str.h"

/* Oldest first: what a later one has the earlier have not. */
static const char *const numbers[] = {"1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0"};

static int rank_of(const char *number)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (str_eq(numbers[i], number))
            return (int)i;
    return -1;
}

struct error *platform_version_resolve(const char *asked, const char **ret_number)
{
    int rank;

    if (str_is_empty(asked) || str_eq(asked, PLATFORM_LATEST))
        asked = PLATFORM_LATEST_NUMBER;
    rank = rank_of(asked);
    if (rank < 0)
        return error_new(API_PLATFORM_UNKNOWN,
                         "The platform version %.64s does not exist; use LATEST or one of 1.0.0, "
                         "1.1.0, 1.2.0, 1.3.0 and 1.4.0.",
                         asked);
    *ret_number = numbers[rank];
    return NULL;
}

/* ---- what a definition needs ---- */

static bool has_volume_of_efs(const struct ecs_task_definition *definition)
{
    for (size_t i = 0; i < definition->volumes.count; i++)
        if (definition->volumes.items[i].efs_volume_configuration)
            return true;
    return false;
}

static bool has_volume_of_launch(const struct ecs_task_definition *definition)
{
    for (size_t i = 0; i < definition->volumes.count; i++)
        if (definition->volumes.items[i].configured_at_launch)
            return true;
    return false;
}

static bool has_ephemeral_storage(const struct ecs_task_definition *definition)
{
    return definition->ephemeral_storage;
}

static bool has_proxy(const struct ecs_task_definition *definition)
{
    return definition->proxy_configuration;
}

static bool has_added_capability(const struct ecs_container_definition *container)
{
    return container->linux_parameters && container->linux_parameters->capabilities &&
           container->linux_parameters->capabilities->add.count > 0;
}

static bool has_secrets(const struct ecs_container_definition *container)
{
    return container->secrets.count > 0;
}

static bool has_dependencies(const struct ecs_container_definition *container)
{
    return container->depends_on.count > 0;
}

static bool has_timeouts(const struct ecs_container_definition *container)
{
    return container->has_start_timeout || container->has_stop_timeout;
}

static bool has_later_log_driver(const struct ecs_container_definition *container)
{
    const struct ecs_log_configuration *log = container->log_configuration;

    return log && (log->log_driver == ECS_LOG_DRIVER_SPLUNK ||
                   log->log_driver == ECS_LOG_DRIVER_AWSFIRELENS);
}

static bool has_registry_credentials(const struct ecs_container_definition *container)
{
    return container->repository_credentials;
}

static bool has_health_check(const struct ecs_container_definition *container)
{
    return container->health_check;
}

static const struct {
    const char *what;
    const char *since;
    bool (*of_definition)(const struct ecs_task_definition *definition);
    bool (*of_container)(const struct ecs_container_definition *container);
} features[] = {
    {"Amazon EFS volumes", "1.4.0", has_volume_of_efs, NULL},
    {"volumes configured at launch", "1.4.0", has_volume_of_launch, NULL},
    {"ephemeralStorage", "1.4.0", has_ephemeral_storage, NULL},
    {"added Linux capabilities", "1.4.0", NULL, has_added_capability},
    {"proxyConfiguration", "1.3.0", has_proxy, NULL},
    {"secrets", "1.3.0", NULL, has_secrets},
    {"dependsOn", "1.3.0", NULL, has_dependencies},
    {"startTimeout and stopTimeout", "1.3.0", NULL, has_timeouts},
    {"the splunk and awsfirelens log drivers", "1.3.0", NULL, has_later_log_driver},
    {"repositoryCredentials", "1.2.0", NULL, has_registry_credentials},
    {"healthCheck", "1.1.0", NULL, has_health_check},
};

#define SPOT_SINCE "1.3.0" /* CL-206 */

static bool is_used(size_t feature, const struct ecs_task_definition *definition)
{
    const struct ecs_container_definitions *containers = &definition->container_definitions;

    if (features[feature].of_definition)
        return features[feature].of_definition(definition);
    for (size_t i = 0; i < containers->count; i++)
        if (features[feature].of_container(&containers->items[i]))
            return true;
    return false;
}

struct error *platform_version_check(const char *number,
                                     const struct ecs_task_definition *definition, bool is_spot)
{
    int rank = rank_of(number);

    if (is_spot && rank < rank_of(SPOT_SINCE))
        return error_new(API_INVALID_PARAMETER,
                         "The capacity provider FARGATE_SPOT needs platform version %s or later, "
                         "but platformVersion was %s.",
                         SPOT_SINCE, number);
    for (size_t i = 0; i < ARRAY_LEN(features); i++)
        if (rank < rank_of(features[i].since) && is_used(i, definition))
            return error_new(API_PLATFORM_TASK_DEFINITION_INCOMPATIBILITY,
                             "The platform version %s does not have what the task definition "
                             "needs: %s, since %s.",
                             number, features[i].what, features[i].since);
    return NULL;
}

const char *platform_family(const struct ecs_task_definition *definition)
{
    const struct ecs_runtime_platform *platform = definition->runtime_platform;

    if (!platform || !platform->operating_system_family ||
        platform->operating_system_family == ECS_OS_FAMILY_LINUX)
        return "Linux";
    return ecs_os_family_name(platform->operating_system_family);
}
