/* Where tasks of a task definition would go now: RunTask without the tasks. */
#include "control/launch.h"
#include "ecs/capacity_strategy.h"
#include "ecs/task_placement.h"
#include "explain/parts.h"

/* RunTask would refuse a strategy of one that is not the cluster's, or not ACTIVE (CL-075). */
static struct error *choose_provider(struct answer *answer, const struct cluster *cluster,
                                     const char **ret)
{
    struct ecs_capacity_provider_strategy_item item = {.capacity_provider =
                                                           answer->question.capacity_provider};
    struct ecs_capacity_provider_strategy asked = {.is_set = true, .items = &item, .count = 1},
                                          checked;

    TRY(capacity_strategy_check(&answer->call, cluster, &asked, &checked));
    *ret = checked.items[0].capacity_provider;
    return NULL;
}

static struct error *choose(struct answer *answer, const struct cluster *cluster,
                            const struct task_recipe *recipe, enum launch_type *ret_launch_type,
                            const char **ret_provider)
{
    struct question *question = &answer->question;
    enum ecs_launch_type type = question->launch_type ? question->launch_type : ECS_LAUNCH_TYPE_EC2;

    if (question->capacity_provider && question->launch_type)
        return error_new(API_INVALID_PARAMETER,
                         "Give a launchType or a capacityProvider, not both.");
    *ret_provider = NULL;
    if (question->capacity_provider)
        TRY(choose_provider(answer, cluster, ret_provider));
    if (type == ECS_LAUNCH_TYPE_FARGATE || (*ret_provider && capacity_is_fargate(*ret_provider)))
        return error_new(API_INVALID_PARAMETER, "No host here serves as Fargate.");
    launch_type_parse(ecs_launch_type_name(type), ret_launch_type);
    return task_placement_check(&question->constraints,
                                recipe->document->placement_constraints.count,
                                &question->strategies);
}

static void add_demand(struct answer *answer, const struct demand *demand)
{
    open_object(answer, "needs");
    add_number(answer, "cpu", demand->claim.cpu);
    add_number(answer, "memory", demand->claim.memory);
    if (demand->claim.gpu_count)
        add_number(answer, "gpus", demand->claim.gpu_count);
    open_list(answer, "ports");
    for (size_t i = 0; i < demand->claim.port_count; i++)
        add_item(answer, arena_printf(&answer->arena, "%u/%s", demand->claim.ports[i].number,
                                      demand->claim.ports[i].is_udp ? "udp" : "tcp"));
    close_list(answer);
    open_list(answer, "attributes");
    for (size_t i = 0; i < demand->required_attribute_count; i++)
        add_item(answer, demand->required_attributes[i]);
    close_list(answer);
    open_list(answer, "constraints");
    for (size_t i = 0; i < demand->constraint_count; i++)
        add_item(answer, demand->constraints[i].expression ? demand->constraints[i].expression
                                                           : "distinctInstance");
    close_list(answer);
    close_object(answer);
}

static void add_places(struct answer *answer, const char *cluster, const struct plan *plan)
{
    add_number(answer, "placed", (int64_t)plan->placed_count);
    open_list(answer, "containerInstanceArns");
    for (size_t i = 0; i < plan->placed_count; i++)
        add_item(answer,
                 arn_container_instance(&answer->arena, answer->scope, cluster, &plan->hosts[i]));
    close_list(answer);
}

static void add_summary(struct answer *answer, const struct plan *plan)
{
    int64_t count = answer->question.count;

    if ((int64_t)plan->placed_count == count)
        add_text(answer, "summary",
                 arena_printf(&answer->arena, "%s would be placed.",
                              count == 1 ? "The task" : "All tasks"));
    else
        add_text(answer, "summary",
                 arena_printf(&answer->arena, "%zu of %lld task%s would be placed: %s",
                              plan->placed_count, (long long)count, count == 1 ? "" : "s",
                              plan_explain(&answer->arena, plan)));
}

struct error *explain_try(struct answer *answer, const struct cluster *cluster,
                          const struct task_definition *definition)
{
    const struct fleet *fleet = control_fleet(answer->ecs->control, answer->scope, cluster->name);
    struct question *question = &answer->question;
    struct launch_rules rules = {.constraints = &question->constraints,
                                 .strategies = &question->strategies};
    CLEANUP(launch_demand_done) struct demand demand = {0};
    const char *group = question->group, *provider = NULL;
    struct task_recipe recipe;
    struct plan plan, now;

    TRY(task_recipe_read(&answer->arena, definition, &recipe));
    TRY(choose(answer, cluster, &recipe, &rules.launch_type, &provider));
    if (!group)
        group = arena_printf(&answer->arena, "family:%s", definition->family);
    launch_demand(&answer->arena, &recipe, group, &rules, &demand);
    demand.capacity_provider = provider;
    TRY(plan_place(&answer->arena, fleet, &demand, (size_t)question->count, answer->call.rng,
                   &plan));
    TRY(plan_survey(&answer->arena, fleet, &demand, &now));
    add_text(answer, "kind", "taskDefinition");
    add_text(answer, "arn",
             arn_task_definition(&answer->arena, answer->scope, definition->family,
                                 definition->revision));
    add_text(answer, "clusterArn", arn_cluster(&answer->arena, answer->scope, cluster->name));
    add_summary(answer, &plan);
    add_number(answer, "count", question->count);
    add_places(answer, cluster->name, &plan);
    add_demand(answer, &demand);
    add_placement(answer, cluster->name, &now);
    return NULL;
}
