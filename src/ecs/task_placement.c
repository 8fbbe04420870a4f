#include "ecs/task_placement.h"

#include <strings.h>

#include "base/str.h"
#include "scheduler/query.h"

static struct error *check_expression(const char *expression)
{
    CLEANUP(query_freep) struct query *query = NULL;

    return query_parse(expression, &query);
}

static struct error *check_constraint(const struct ecs_placement_constraint *constraint)
{
    switch (constraint->type) {
    case ECS_PLACEMENT_CONSTRAINT_TYPE_UNSET:
        return error_new(API_INVALID_PARAMETER, "Placement constraint type should be specified.");
    case ECS_PLACEMENT_CONSTRAINT_TYPE_DISTINCT_INSTANCE:
        if (constraint->expression)
            return error_new(API_INVALID_PARAMETER,
                             "distinctInstance expression should not be specified.");
        return NULL;
    case ECS_PLACEMENT_CONSTRAINT_TYPE_MEMBER_OF:
        if (str_is_empty(constraint->expression))
            return error_new(API_INVALID_PARAMETER, "memberOf expression should be specified.");
        return check_expression(constraint->expression); /* SC-087 */
    }
    return NULL;
}

static bool is_spread_field(const char *field)
{
    static const char attribute[] = "attribute:";

    return str_eq(field, "instanceId") || str_eq(field, "host") ||
           (str_starts_with(field, attribute) && field[sizeof(attribute) - 1]);
}

static struct error *check_strategy(const struct ecs_placement_strategy *strategy)
{
    switch (strategy->type) {
    case ECS_PLACEMENT_STRATEGY_TYPE_UNSET:
        return error_new(API_INVALID_PARAMETER, "Placement strategy type should be specified.");
    case ECS_PLACEMENT_STRATEGY_TYPE_RANDOM:
        return NULL;
    case ECS_PLACEMENT_STRATEGY_TYPE_SPREAD:
        if (str_is_empty(strategy->field) || !is_spread_field(strategy->field))
            return error_new(API_INVALID_PARAMETER,
                             "The field of a spread strategy must be instanceId, host or "
                             "attribute:NAME, but was %s.",
                             strategy->field ? strategy->field : "null");
        return NULL;
    case ECS_PLACEMENT_STRATEGY_TYPE_BINPACK:
        if (str_is_empty(strategy->field) ||
            (strcasecmp(strategy->field, "cpu") != 0 && strcasecmp(strategy->field, "memory") != 0))
            return error_new(API_INVALID_PARAMETER,
                             "The field of a binpack strategy must be cpu or memory, but was %s.",
                             strategy->field ? strategy->field : "null");
        return NULL;
    }
    return NULL;
}

struct error *task_placement_check(const struct ecs_placement_constraints *constraints,
                                   size_t inherited_count,
                                   const struct ecs_placement_strategies *strategies)
{
    if (constraints->count + inherited_count > PLACEMENT_CONSTRAINTS_MAX)
        return error_new(API_INVALID_PARAMETER, "placementConstraints can have at most %d items.",
                         PLACEMENT_CONSTRAINTS_MAX);
    for (size_t i = 0; i < constraints->count; i++)
        TRY(check_constraint(&constraints->items[i]));
    for (size_t i = 0; i < strategies->count; i++)
        TRY(check_strategy(&strategies->items[i]));
    return NULL;
}
