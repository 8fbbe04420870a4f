#include "control/launch.h"

#include <string.h>

#include "base/intern.h"
#include "core/stored_json.h"

static void fill_claim(struct arena *arena, const struct task_recipe *recipe, const char *group,
                       struct claim *claim)
{
    const struct task_definition *definition = recipe->definition;
    struct fleet_port *ports = NULL;

    claim->cpu = recipe->cpu;
    claim->memory = recipe->memory;
    claim->gpu_count = recipe->gpu_count;
    claim->eni_count = definition->network_mode == NETWORK_MODE_AWSVPC; /* CL-310 */
    claim->owner = intern(group);
    claim->family = intern(definition->family);
    if (definition->network_mode == NETWORK_MODE_AWSVPC || !definition->ports_count)
        return;
    ports = ARENA_ARRAY(arena, struct fleet_port, definition->ports_count);
    for (uint32_t i = 0; i < definition->ports_count; i++)
        ports[i] = (struct fleet_port){
            .number = (uint16_t)definition->ports[i].number,
            .is_udp = definition->ports[i].protocol == PROTOCOL_UDP,
        };
    claim->ports = ports;
    claim->port_count = definition->ports_count;
}

static void fill_attributes(struct arena *arena, const struct task_definition *definition,
                            enum launch_type launch_type, struct demand *ret)
{
    size_t count = definition->requires_attributes_count;
    const char **names = ARENA_ARRAY(arena, const char *, count + 1);

    for (size_t i = 0; i < count; i++)
        names[i] = definition->requires_attributes[i];
    if (launch_type == LAUNCH_TYPE_EXTERNAL)
        names[count++] = LAUNCH_EXTERNAL_ATTRIBUTE;
    else
        ret->forbidden_attribute = LAUNCH_EXTERNAL_ATTRIBUTE;
    ret->required_attributes = names;
    ret->required_attribute_count = count;
}

/* Those of the definition and those of the call (SC-032). */
static void fill_constraints(struct arena *arena, const struct task_recipe *recipe,
                             const struct ecs_placement_constraints *own, struct demand *ret)
{
    const struct ecs_task_definition_placement_constraints *of_definition =
        &recipe->document->placement_constraints;
    size_t own_count = own ? own->count : 0;
    struct placement_constraint *constraints =
        ARENA_ARRAY(arena, struct placement_constraint, of_definition->count + own_count);
    size_t count = 0;

    for (size_t i = 0; i < of_definition->count; i++)
        constraints[count++] =
            (struct placement_constraint){CONSTRAINT_MEMBER_OF, of_definition->items[i].expression};
    for (size_t i = 0; i < own_count; i++)
        constraints[count++] = (struct placement_constraint){
            own->items[i].type == ECS_PLACEMENT_CONSTRAINT_TYPE_DISTINCT_INSTANCE
                ? CONSTRAINT_DISTINCT_INSTANCE
                : CONSTRAINT_MEMBER_OF,
            own->items[i].expression};
    ret->constraints = constraints;
    ret->constraint_count = count;
}

static const struct placement_strategy service_strategies[] = {
    {STRATEGY_SPREAD, "attribute:ecs.availability-zone"},
    {STRATEGY_SPREAD, "instanceId"},
};

static struct placement_strategy strategy_of(const struct ecs_placement_strategy *from)
{
    switch (from->type) {
    case ECS_PLACEMENT_STRATEGY_TYPE_SPREAD:
        return (struct placement_strategy){STRATEGY_SPREAD, from->field};
    case ECS_PLACEMENT_STRATEGY_TYPE_BINPACK:
        return (struct placement_strategy){STRATEGY_BINPACK,
                                           strcasecmp(from->field, "cpu") == 0 ? "cpu" : "memory"};
    case ECS_PLACEMENT_STRATEGY_TYPE_UNSET:
    case ECS_PLACEMENT_STRATEGY_TYPE_RANDOM:
        break;
    }
    return (struct placement_strategy){STRATEGY_RANDOM, NULL};
}

void launch_strategies(struct arena *arena, const struct launch_rules *rules, struct demand *ret)
{
    size_t count = rules->strategies ? rules->strategies->count : 0;
    struct placement_strategy *strategies;

    if (!count) {
        ret->strategies = rules->is_service ? service_strategies : NULL;
        ret->strategy_count = rules->is_service ? ARRAY_LEN(service_strategies) : 0;
        return;
    }
    strategies = ARENA_ARRAY(arena, struct placement_strategy, count);
    for (size_t i = 0; i < count; i++)
        strategies[i] = strategy_of(&rules->strategies->items[i]);
    ret->strategies = strategies;
    ret->strategy_count = count;
}

void launch_demand(struct arena *arena, const struct task_recipe *recipe, const char *group,
                   const struct launch_rules *rules, struct demand *ret)
{
    *ret = (struct demand){.only_host = rules->only_host};
    fill_claim(arena, recipe, group, &ret->claim);
    fill_attributes(arena, recipe->definition, rules->launch_type, ret);
    if (!rules->ignores_constraints)
        fill_constraints(arena, recipe, rules->constraints, ret);
    launch_strategies(arena, rules, ret);
}

const char *launch_placement_text(struct arena *arena,
                                  const struct ecs_placement_constraints *constraints,
                                  const struct ecs_placement_strategies *strategies)
{
    CLEANUP(buf_done) struct buf text = {0};

    if (!constraints->count && !strategies->count)
        return NULL;
    ecs_encode_service(&text, &(struct ecs_service){.placement_constraints = *constraints,
                                                    .placement_strategy = *strategies});
    return arena_dup_n(arena, text.data, text.len);
}

struct error *launch_demand_of_task(struct arena *arena, const struct task_definition *definition,
                                    const struct task *task, struct demand *ret)
{
    struct ecs_service *placement = ARENA_NEW(arena, struct ecs_service);
    struct task_recipe recipe;

    TRY(stored_json_read(arena, ECS_SHAPE_SERVICE, task->rare->placement, "placement", task->group,
                         placement));
    TRY(task_recipe_read(arena, definition, &recipe));
    recipe.cpu = task->cpu;
    recipe.memory = task->memory;
    recipe.gpu_count = task->rare->gpu_count;
    launch_demand(arena, &recipe, task->group,
                  &(struct launch_rules){
                      .launch_type = task->launch_type,
                      .constraints = &placement->placement_constraints,
                      .strategies = &placement->placement_strategy,
                      .is_service = task->service != NULL,
                  },
                  ret);
    ret->capacity_provider = task->rare->capacity_provider;
    return NULL;
}

struct share *launch_shares(struct arena *arena,
                            const struct ecs_capacity_provider_strategy *strategy)
{
    struct share *shares = ARENA_ARRAY(arena, struct share, strategy->count + 1);

    for (size_t i = 0; i < strategy->count; i++) {
        shares[i].base = strategy->items[i].base;
        shares[i].weight = strategy->items[i].weight;
    }
    if (strategy->count == 1 && !shares[0].weight)
        shares[0].weight = 1;
    return shares;
}

void launch_demand_done(struct demand *demand)
{
    intern_unref(demand->claim.owner);
    intern_unref(demand->claim.family);
    *demand = (struct demand){0};
}
