#include "ecs/service_change.h"

#include "core/service.h"
#include "ecs/account_setting.h"
#include "ecs/capacity_strategy.h"
#include "ecs/names_enter.h"
#include "ecs/service_deploy.h"
#include "ecs/service_rules.h"

static bool is_same_strategy(const struct ecs_capacity_provider_strategy *a,
                             const struct ecs_capacity_provider_strategy *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!str_eq(a->items[i].capacity_provider, b->items[i].capacity_provider) ||
            a->items[i].base != b->items[i].base || a->items[i].weight != b->items[i].weight)
            return false;
    return true;
}

/* API-152, SC-152: `config` is the one before and gets the new strategy. */
static struct error *change_capacity(struct call *call, const struct cluster *cluster,
                                     const struct ecs_update_service_request *in,
                                     struct ecs_create_service_request *config)
{
    struct capacity_choice choice;

    if (!in->capacity_provider_strategy.is_set)
        return NULL;
    if (in->capacity_provider_strategy.count == 0) {
        if (config->capacity_provider_strategy.count == 0)
            return NULL;
        return error_new(API_INVALID_PARAMETER,
                         "A service that uses a capacity provider strategy cannot go back to the "
                         "default strategy of the cluster; capacityProviderStrategy cannot be "
                         "empty.");
    }
    if (config->scheduling_strategy == ECS_SCHEDULING_STRATEGY_DAEMON)
        return error_new(API_INVALID_PARAMETER,
                         "Specifying a capacity provider strategy is not supported for a service "
                         "using the DAEMON scheduling strategy.");
    if (is_same_strategy(&in->capacity_provider_strategy, &config->capacity_provider_strategy))
        return NULL;
    if (!in->force_new_deployment)
        return error_new(API_INVALID_PARAMETER,
                         "When switching from launch type to capacity provider strategy on an "
                         "existing service, or making a change to a capacity provider strategy on "
                         "a service that is already using one, you must force a new deployment.");
    TRY(capacity_resolve(call, cluster, ECS_LAUNCH_TYPE_UNSET, &in->capacity_provider_strategy,
                         &choice));
    config->launch_type = ECS_LAUNCH_TYPE_UNSET;
    config->capacity_provider_strategy = choice.strategy;
    /* What was filled in for FARGATE means nothing elsewhere. */
    if (choice.launch_type != ECS_LAUNCH_TYPE_FARGATE)
        config->platform_version = NULL;
    return NULL;
}

/* What is absent stays; an empty list clears (API-147, API-148). */
static void overlay(const struct ecs_update_service_request *in,
                    struct ecs_create_service_request *config)
{
    if (in->has_desired_count)
        SET(config, desired_count, in->desired_count);
    if (in->has_health_check_grace_period_seconds)
        SET(config, health_check_grace_period_seconds, in->health_check_grace_period_seconds);
    if (in->has_enable_execute_command)
        SET(config, enable_execute_command, in->enable_execute_command);
    if (in->has_enable_ecs_managed_tags)
        SET(config, enable_ecs_managed_tags, in->enable_ecs_managed_tags);
    if (in->propagate_tags)
        config->propagate_tags = in->propagate_tags;
    if (in->availability_zone_rebalancing)
        config->availability_zone_rebalancing = in->availability_zone_rebalancing;
    if (in->network_configuration)
        config->network_configuration = in->network_configuration;
    if (in->platform_version)
        config->platform_version = in->platform_version;
    if (in->placement_constraints.is_set)
        config->placement_constraints = in->placement_constraints;
    if (in->placement_strategy.is_set)
        config->placement_strategy = in->placement_strategy;
    if (in->service_registries.is_set)
        config->service_registries = in->service_registries;
    if (in->service_connect_configuration)
        config->service_connect_configuration = in->service_connect_configuration;
    if (in->volume_configurations.is_set)
        config->volume_configurations = in->volume_configurations;
    if (in->vpc_lattice_configurations.is_set)
        config->vpc_lattice_configurations = in->vpc_lattice_configurations;
    if (in->load_balancers.is_set) {
        config->load_balancers = in->load_balancers;
        /* The grace period goes with the balancers it was for. */
        if (in->load_balancers.count == 0 && !in->has_health_check_grace_period_seconds)
            config->has_health_check_grace_period_seconds = false;
    }
}

/* Unless it is asked for, rebalancing stays on only where it can. */
static void settle_rebalancing(const struct ecs_update_service_request *in,
                               struct ecs_create_service_request *config)
{
    if (!in->availability_zone_rebalancing && service_config_why_not_rebalanced(config))
        config->availability_zone_rebalancing = ECS_AVAILABILITY_ZONE_REBALANCING_DISABLED;
}

/* Members of the deployment configuration change one by one. */
static void overlay_deployment(struct arena *arena, const struct ecs_deployment_configuration *in,
                               struct ecs_create_service_request *config)
{
    struct ecs_deployment_configuration *deployment =
        ARENA_NEW(arena, struct ecs_deployment_configuration);

    *deployment = *config->deployment_configuration;
    if (in->has_maximum_percent)
        SET(deployment, maximum_percent, in->maximum_percent);
    if (in->has_minimum_healthy_percent)
        SET(deployment, minimum_healthy_percent, in->minimum_healthy_percent);
    if (in->deployment_circuit_breaker)
        deployment->deployment_circuit_breaker = in->deployment_circuit_breaker;
    if (in->alarms)
        deployment->alarms = in->alarms;
    if (in->strategy)
        deployment->strategy = in->strategy;
    /* What another strategy shifted by goes with it. */
    if (deployment->strategy != ECS_DEPLOYMENT_STRATEGY_CANARY)
        deployment->canary_configuration = NULL;
    if (deployment->strategy != ECS_DEPLOYMENT_STRATEGY_LINEAR)
        deployment->linear_configuration = NULL;
    if (in->has_bake_time_in_minutes)
        SET(deployment, bake_time_in_minutes, in->bake_time_in_minutes);
    if (in->lifecycle_hooks.is_set)
        deployment->lifecycle_hooks = in->lifecycle_hooks;
    if (in->linear_configuration)
        deployment->linear_configuration = in->linear_configuration;
    if (in->canary_configuration)
        deployment->canary_configuration = in->canary_configuration;
    config->deployment_configuration = deployment;
}

/* The one in force, which may be INACTIVE by now (TD-006); NULL with task sets. */
static struct error *definition_in_force(struct call *call, const struct service_change *change,
                                         const struct task_definition **ret)
{
    const struct deployment *primary = service_primary(change->service);
    const char *family;
    int revision;

    *ret = NULL;
    if (primary) {
        family = primary->family;
        revision = primary->revision;
    } else if (change->before.task_definition) {
        TRY(names_family_revision(call, change->before.task_definition, &family, &revision));
    } else {
        return NULL;
    }
    *ret = state_task_definition(ecs_of(call)->state, call_scope(call), family, revision);
    return NULL;
}

static struct error *resolve_definition(struct call *call,
                                        const struct ecs_update_service_request *in,
                                        struct service_change *change)
{
    const struct task_definition *in_force;
    const struct task_definition *definition;

    TRY(definition_in_force(call, change, &in_force));
    definition = in_force;
    if (in->task_definition)
        TRY(names_find_active_task_definition(call, in->task_definition, &definition));
    if (!definition)
        return NULL;
    change->has_recipe = true;
    change->is_new_revision = definition != in_force;
    return task_recipe_read(call->arena, definition, &change->recipe);
}

static struct error *check_after(struct call *call, const struct ecs_update_service_request *in,
                                 struct service_change *change)
{
    struct ecs_create_service_request shape = change->after;
    const struct task_recipe *recipe = change->has_recipe ? &change->recipe : NULL;

    if (recipe)
        shape.task_definition = recipe->definition->family;
    TRY(service_rules_check_shape(&shape));
    if (recipe && change->is_new_revision && !in->load_balancers.is_set &&
        !service_rules_targets_exist(&change->after, recipe))
        return error_new(API_INVALID_PARAMETER,
                         "Unable to update the service %s: Load balancer container name or port "
                         "changed in task definition",
                         change->service->name);
    return service_rules_check(call, change->cluster, &change->after, recipe, "updated");
}

static void take_over(const struct ecs_update_service_request *in,
                      struct ecs_create_service_request *config)
{
    config->deployment_controller = in->deployment_controller;
    /* The task sets of an EXTERNAL service had their own. */
    if (!config->launch_type && config->capacity_provider_strategy.count == 0)
        config->launch_type = ECS_LAUNCH_TYPE_EC2;
}

struct error *service_change_read(struct call *call, const struct ecs_update_service_request *in,
                                  struct service_change *ret)
{
    *ret = (struct service_change){0};
    TRY(names_enter_active_service(call, "ecs:UpdateService", in->cluster, in->service,
                                   &ret->cluster, &ret->service));
    ret->takes_over = service_change_takes_over(ret->service, in);
    TRY(account_setting_check_tagging(ret->service->has_old_arn || ret->service->tasks_have_old_arn,
                                      in->propagate_tags, in->enable_ecs_managed_tags));
    TRY(service_change_check_new_controller(ret->service, in));
    if (!ret->takes_over)
        TRY(service_change_check_members(ret->service, in));
    TRY(service_config_read(call->arena, ret->service, &ret->before));
    ret->after = ret->before;
    if (ret->takes_over)
        take_over(in, &ret->after);
    TRY(change_capacity(call, ret->cluster, in, &ret->after));
    overlay(in, &ret->after);
    TRY(service_rules_fill_namespace(call, ret->cluster, &ret->after));
    if (in->deployment_configuration)
        overlay_deployment(call->arena, in->deployment_configuration, &ret->after);
    settle_rebalancing(in, &ret->after);
    service_config_fill_defaults(call->arena, &ret->after);
    TRY(resolve_definition(call, in, ret));
    return check_after(call, in, ret);
}
