#include "ecs/task_capacity.h"

#include "base/str.h"
#include "core/stored_json.h"

static bool is_associated(const struct cluster *cluster, const char *provider)
{
    for (size_t i = 0; i < cluster->capacity_providers_count; i++)
        if (str_eq(cluster->capacity_providers[i], provider))
            return true;
    return false;
}

static struct error *check_strategy(const struct cluster *cluster,
                                    const struct ecs_capacity_provider_strategy *strategy)
{
    size_t with_base = 0;
    size_t with_weight = 0;

    for (size_t i = 0; i < strategy->count; i++) {
        const struct ecs_capacity_provider_strategy_item *item = &strategy->items[i];

        with_base += item->base > 0;
        with_weight += item->weight > 0;
        if (!is_associated(cluster, item->capacity_provider))
            return error_new(API_INVALID_PARAMETER,
                             "The specified capacity provider strategy cannot contain a capacity "
                             "provider that is not associated with the cluster. Associate the "
                             "capacity provider with the cluster and try again.");
    }
    if (with_base > 1)
        return error_new(API_INVALID_PARAMETER,
                         "Only one capacity provider in a capacity provider strategy can have a "
                         "base defined.");
    if (strategy->count > 1 && !with_weight)
        return error_new(API_INVALID_PARAMETER,
                         "At least one capacity provider in a capacity provider strategy must "
                         "have a weight greater than 0.");
    return NULL;
}

static struct error *refuse_strategy(void)
{
    return error_new(API_UNSUPPORTED_FEATURE,
                     "Tasks cannot be placed by capacity providers here; specify the launch type "
                     "EC2 or EXTERNAL.");
}

struct error *task_capacity_resolve(struct arena *arena, const struct cluster *cluster,
                                    enum ecs_launch_type asked,
                                    const struct ecs_capacity_provider_strategy *strategy,
                                    enum ecs_launch_type *ret)
{
    struct ecs_capacity_provider_strategy by_default = {0};

    if (asked != ECS_LAUNCH_TYPE_UNSET && strategy->count > 0)
        return error_new(API_INVALID_PARAMETER,
                         "Specifying both a launch type and capacity provider strategy is not "
                         "supported. Remove one and try again.");
    if (strategy->count > 0) {
        TRY(check_strategy(cluster, strategy));
        return refuse_strategy();
    }
    if (asked == ECS_LAUNCH_TYPE_UNSET && cluster->default_strategy) {
        TRY(stored_json_read(arena, ECS_SHAPE_CAPACITY_PROVIDER_STRATEGY, cluster->default_strategy,
                             "default strategy", cluster->name, &by_default));
        if (by_default.count > 0)
            return refuse_strategy();
    }
    *ret = asked == ECS_LAUNCH_TYPE_UNSET ? ECS_LAUNCH_TYPE_EC2 : asked;
    return NULL;
}

static const char *const platform_versions[] = {"LATEST", "1.4.0", "1.3.0",
                                                "1.2.0",  "1.1.0", "1.0.0"};

struct error *task_capacity_check_platform(enum ecs_launch_type type, const char *platform_version)
{
    if (str_is_empty(platform_version))
        return NULL;
    if (type != ECS_LAUNCH_TYPE_FARGATE)
        return error_new(API_INVALID_PARAMETER,
                         "The platform version must be null when specifying an %s launch type.",
                         ecs_launch_type_name(type));
    for (size_t i = 0; i < ARRAY_LEN(platform_versions); i++)
        if (str_eq(platform_versions[i], platform_version))
            return NULL;
    return error_new(API_PLATFORM_UNKNOWN, "The platform version %s is unknown.", platform_version);
}

static bool needs_newest_platform(const struct ecs_task_definition *definition)
{
    for (size_t i = 0; i < definition->volumes.count; i++)
        if (definition->volumes.items[i].efs_volume_configuration ||
            definition->volumes.items[i].configured_at_launch)
            return true;
    return definition->ephemeral_storage != NULL;
}

struct error *task_capacity_check_fargate(const struct ecs_task_definition *definition,
                                          const char *platform_version, bool has_constraints,
                                          bool has_strategies)
{
    if (has_constraints)
        return error_new(API_INVALID_PARAMETER,
                         "Placement constraints are not supported with FARGATE launch type.");
    if (has_strategies)
        return error_new(API_INVALID_PARAMETER,
                         "Placement strategies are not supported with FARGATE launch type.");
    if (!str_is_empty(platform_version) && !str_eq(platform_version, "LATEST") &&
        !str_eq(platform_version, "1.4.0") && needs_newest_platform(definition))
        return error_new(API_PLATFORM_TASK_DEFINITION_INCOMPATIBILITY,
                         "One or more of the requested capabilities are not supported by the "
                         "platform version %s.",
                         platform_version);
    return NULL;
}

struct error *task_capacity_refuse_fargate(void)
{
    return error_new(API_CLIENT, "Capacity is unavailable at this time. Please try again later or "
                                 "in a different availability zone");
}
