#include "ecs/task_capacity.h"

#include "base/str.h"
#include "core/platform_version.h"

struct error *task_capacity_check_platform(enum ecs_launch_type type, const char *platform_version)
{
    const char *number;

    if (str_is_empty(platform_version))
        return NULL;
    if (type != ECS_LAUNCH_TYPE_FARGATE)
        return error_new(API_INVALID_PARAMETER,
                         "The platform version must be null when specifying an %s launch type.",
                         ecs_launch_type_name(type));
    return platform_version_resolve(platform_version, &number);
}

struct error *task_capacity_check_fargate(const struct ecs_task_definition *definition,
                                          const char *platform_version,
                                          const struct ecs_capacity_provider_strategy *strategy,
                                          bool has_constraints, bool has_strategies)
{
    const char *number = NULL;
    bool is_spot = false;

    if (has_constraints)
        return error_new(API_INVALID_PARAMETER,
                         "Placement constraints are not supported with FARGATE launch type.");
    if (has_strategies)
        return error_new(API_INVALID_PARAMETER,
                         "Placement strategies are not supported with FARGATE launch type.");
    for (size_t i = 0; i < strategy->count; i++)
        is_spot = is_spot || str_eq(strategy->items[i].capacity_provider, "FARGATE_SPOT");
    TRY(platform_version_resolve(platform_version, &number));
    return platform_version_check(number, definition, is_spot);
}

struct error *task_capacity_refuse_fargate(void)
{
    return error_new(API_CLIENT, "Capacity is unavailable at this time. Please try again later or "
                                 "in a different availability zone");
}
