#include <string.h>

#include "control/query.h"
#include "explain/parts.h"

#define RULES_MAX 16 /* parameters of a kind that are looked at; ECS allows 10 and 5 */

static struct error *take_text(const char *name, const char *value, const char **ret)
{
    if (str_is_empty(value))
        return error_new(API_INVALID_PARAMETER, "%s is empty.", name);
    if (*ret)
        return error_new(API_INVALID_PARAMETER, "%s is given twice.", name);
    *ret = value;
    return NULL;
}

/* "distinctInstance", or an expression. */
static struct error *take_constraint(struct question *question, const char *value)
{
    struct ecs_placement_constraint *one;
    bool is_distinct = str_eq(value, "distinctInstance");

    if (question->constraints.count == RULES_MAX)
        return error_new(API_INVALID_PARAMETER, "There are too many constraints.");
    one = &question->constraints.items[question->constraints.count++];
    one->type = is_distinct ? ECS_PLACEMENT_CONSTRAINT_TYPE_DISTINCT_INSTANCE
                            : ECS_PLACEMENT_CONSTRAINT_TYPE_MEMBER_OF;
    one->expression = is_distinct ? NULL : value;
    return NULL;
}

/* "spread:attribute:ecs.availability-zone", "binpack:memory", "random". */
static struct error *take_strategy(struct arena *arena, struct question *question,
                                   const char *value)
{
    const char *colon = strchr(value, ':');
    const char *type = colon ? arena_dup_n(arena, value, (size_t)(colon - value)) : value;
    struct ecs_placement_strategy *one;

    if (question->strategies.count == RULES_MAX)
        return error_new(API_INVALID_PARAMETER, "There are too many strategies.");
    one = &question->strategies.items[question->strategies.count++];
    one->field = colon ? colon + 1 : NULL;
    if (!ecs_placement_strategy_type_parse(type, &one->type))
        return error_new(API_INVALID_PARAMETER,
                         "strategy is random, spread:FIELD or binpack:FIELD, not '%s'.", value);
    return NULL;
}

static struct error *take_launch_type(struct question *question, const char *value)
{
    if (!ecs_launch_type_parse(value, &question->launch_type))
        return error_new(API_INVALID_PARAMETER, "There is no launch type '%s'.", value);
    return NULL;
}

static struct error *take_count(struct question *question, const char *value)
{
    if (!str_to_int64(value, &question->count) || question->count < 1 ||
        question->count > TRY_COUNT_MAX)
        return error_new(API_INVALID_PARAMETER, "count is a number from 1 to %d, not '%s'.",
                         TRY_COUNT_MAX, value);
    return NULL;
}

static struct error *take(struct arena *arena, struct question *question, const char *name,
                          const char *value)
{
    const struct {
        const char *name;
        const char **ret;
    } texts[] = {
        {"service", &question->service},
        {"task", &question->task},
        {"taskDefinition", &question->task_definition},
        {"name", &question->name},
        {"cluster", &question->cluster},
        {"capacityProvider", &question->capacity_provider},
        {"group", &question->group},
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (str_eq(texts[i].name, name))
            return take_text(name, value, texts[i].ret);
    if (str_eq(name, "launchType"))
        return take_launch_type(question, value);
    if (str_eq(name, "constraint"))
        return take_constraint(question, value);
    if (str_eq(name, "strategy"))
        return take_strategy(arena, question, value);
    if (str_eq(name, "count"))
        return take_count(question, value);
    if (str_starts_with(name, "X-Amz-"))
        return NULL; /* of a signature in the query */
    return error_new(API_INVALID_PARAMETER,
                     "There is no parameter '%s'; there are cluster, service, task, "
                     "taskDefinition, name, launchType, capacityProvider, group, constraint, "
                     "strategy and count.",
                     name);
}

struct error *question_read(struct arena *arena, const char *query, struct question *ret)
{
    const char *name, *value;

    *ret = (struct question){
        .constraints = {.items = ARENA_ARRAY(arena, struct ecs_placement_constraint, RULES_MAX)},
        .strategies = {.items = ARENA_ARRAY(arena, struct ecs_placement_strategy, RULES_MAX)},
        .count = 1,
    };
    while (query_next(arena, &query, &name, &value))
        TRY(take(arena, ret, name, value));
    if (!!ret->service + !!ret->task + !!ret->task_definition + !!ret->name != 1)
        return error_new(API_INVALID_PARAMETER,
                         "Ask for one service, one task, or one taskDefinition (or name any of "
                         "them as name).");
    return NULL;
}
