/* UpdateService (API-147 to API-154, SC-175 to SC-188, SC-240). */
#include "core/service.h"
#include "core/task_set.h"
#include "ecs/account_setting.h"
#include "ecs/capacity_strategy.h"
#include "ecs/names_enter.h"
#include "ecs/service_deploy.h"
#include "ecs/service_describe.h"
#include "ecs/service_rules.h"
#include "ecs/task_set.h"
#include "gen/ecs_handlers.h"

/* What an update makes of a service. */
struct update {
    const struct cluster *cluster;
    const struct service *service;
    struct ecs_create_service_request before, after;
    struct task_recipe recipe;
    bool has_recipe;      /* not with the EXTERNAL controller */
    bool is_new_revision; /* another task definition than the PRIMARY's */
    bool takes_over;      /* the ECS controller, from another one */
};

/* ---- what each controller lets be changed ---- */

#define ECS         BIT(CONTROLLER_ECS)
#define CODE_DEPLOY BIT(CONTROLLER_CODE_DEPLOY)
#define EXTERNAL    BIT(CONTROLLER_EXTERNAL)

#define USE_CODE_DEPLOY                                                                            \
    "Unable to update %s on services with a CODE_DEPLOY deployment controller. Use AWS "           \
    "CodeDeploy "                                                                                  \
    "to trigger a new deployment."
#define USE_TASK_SETS                                                                              \
    "Unable to update %s on services with an EXTERNAL deployment controller. Use task sets to "    \
    "trigger a new deployment."

/* A service may come to the ECS controller; what another one has deployed, only that one knows. */
static struct error *check_new_controller(const struct service *service,
                                          const struct ecs_update_service_request *in)
{
    enum controller_type wanted = service->controller;

    if (in->deployment_controller)
        controller_type_parse(ecs_deployment_controller_type_name(in->deployment_controller->type),
                              &wanted);
    if (wanted == service->controller)
        return NULL;
    if (wanted != CONTROLLER_ECS)
        return error_new(API_INVALID_PARAMETER,
                         "The deployment controller of a service can only be changed to ECS, but "
                         "was %s.",
                         controller_type_name(wanted));
    if (service->controller == CONTROLLER_EXTERNAL && state_task_set_count(service) > 0)
        return error_new(API_INVALID_PARAMETER,
                         "The deployment controller cannot be changed while the service has task "
                         "sets.");
    return NULL;
}

static bool takes_over(const struct service *service, const struct ecs_update_service_request *in)
{
    return service->controller != CONTROLLER_ECS && in->deployment_controller &&
           in->deployment_controller->type == ECS_DEPLOYMENT_CONTROLLER_TYPE_ECS;
}

/* API-151. Desired count, grace period, placement and tag options may change on all. */
static struct error *check_controller(const struct service *service,
                                      const struct ecs_update_service_request *in)
{
    const struct {
        const char *name;
        bool is_given;
        unsigned allowed;
    } members[] = {
        {"task definition", in->task_definition, ECS},
        {"network parameters", in->network_configuration, ECS},
        {"load balancers", in->load_balancers.is_set, ECS},
        {"service registries", in->service_registries.is_set, ECS},
        {"platform version", in->platform_version, ECS},
        {"capacity provider strategy", in->capacity_provider_strategy.count, ECS},
        {"Service Connect configuration", in->service_connect_configuration, ECS},
        {"execute command option", in->has_enable_execute_command, ECS},
        {"volume configurations", in->volume_configurations.count, ECS},
        {"VPC Lattice configurations", in->vpc_lattice_configurations.count, ECS},
        {"Availability Zone rebalancing", in->availability_zone_rebalancing, ECS},
        {"forceNewDeployment", in->force_new_deployment, ECS},
        {"deployment configuration", in->deployment_configuration, ECS | CODE_DEPLOY},
    };

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (!members[i].is_given || (members[i].allowed & BIT(service->controller)))
            continue;
        if (service->controller == CONTROLLER_CODE_DEPLOY)
            return error_new(API_INVALID_PARAMETER, USE_CODE_DEPLOY, members[i].name);
        return error_new(API_INVALID_PARAMETER, USE_TASK_SETS, members[i].name);
    }
    return NULL;
}

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

/* ---- the configuration after ---- */

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
static struct error *definition_in_force(struct call *call, const struct update *update,
                                         const struct task_definition **ret)
{
    const struct deployment *primary = service_primary(update->service);
    const char *family;
    int revision;

    *ret = NULL;
    if (primary) {
        family = primary->family;
        revision = primary->revision;
    } else if (update->before.task_definition) {
        TRY(names_family_revision(call, update->before.task_definition, &family, &revision));
    } else {
        return NULL;
    }
    *ret = state_task_definition(ecs_of(call)->state, call_scope(call), family, revision);
    return NULL;
}

static struct error *resolve_definition(struct call *call,
                                        const struct ecs_update_service_request *in,
                                        struct update *update)
{
    const struct task_definition *in_force;
    const struct task_definition *definition;

    TRY(definition_in_force(call, update, &in_force));
    definition = in_force;
    if (in->task_definition)
        TRY(names_find_active_task_definition(call, in->task_definition, &definition));
    if (!definition)
        return NULL;
    update->has_recipe = true;
    update->is_new_revision = definition != in_force;
    return task_recipe_read(call->arena, definition, &update->recipe);
}

static struct error *check_after(struct call *call, const struct ecs_update_service_request *in,
                                 struct update *update)
{
    struct ecs_create_service_request shape = update->after;
    const struct task_recipe *recipe = update->has_recipe ? &update->recipe : NULL;

    if (recipe)
        shape.task_definition = recipe->definition->family;
    TRY(service_rules_check_shape(&shape));
    if (recipe && update->is_new_revision && !in->load_balancers.is_set &&
        !service_rules_targets_exist(&update->after, recipe))
        return error_new(API_INVALID_PARAMETER,
                         "Unable to update the service %s: Load balancer container name or port "
                         "changed in task definition",
                         update->service->name);
    return service_rules_check(call, update->cluster, &update->after, recipe, "updated");
}

static void take_over(const struct ecs_update_service_request *in,
                      struct ecs_create_service_request *config)
{
    config->deployment_controller = in->deployment_controller;
    /* The task sets of an EXTERNAL service had their own. */
    if (!config->launch_type && config->capacity_provider_strategy.count == 0)
        config->launch_type = ECS_LAUNCH_TYPE_EC2;
}

static struct error *read_change(struct call *call, const struct ecs_update_service_request *in,
                                 struct update *ret)
{
    *ret = (struct update){0};
    TRY(names_enter_active_service(call, "ecs:UpdateService", in->cluster, in->service,
                                   &ret->cluster, &ret->service));
    ret->takes_over = takes_over(ret->service, in);
    TRY(account_setting_check_tagging(ret->service->has_old_arn || ret->service->tasks_have_old_arn,
                                      in->propagate_tags, in->enable_ecs_managed_tags));
    TRY(check_new_controller(ret->service, in));
    if (!ret->takes_over)
        TRY(check_controller(ret->service, in));
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

/* ---- whether tasks are to be replaced ---- */

static struct ecs_create_service_request
what_tasks_see(const struct ecs_create_service_request *config)
{
    struct ecs_create_service_request seen = {
        .service_name = config->service_name,
        .load_balancers = config->load_balancers,
        .service_registries = config->service_registries,
        .network_configuration = config->network_configuration,
        .platform_version = config->platform_version,
        .service_connect_configuration = config->service_connect_configuration,
        .volume_configurations = config->volume_configurations,
        .vpc_lattice_configurations = config->vpc_lattice_configurations,
        .has_enable_execute_command = true,
        .enable_execute_command = config->enable_execute_command,
    };

    seen.load_balancers.is_set = seen.load_balancers.count > 0;
    seen.service_registries.is_set = seen.service_registries.count > 0;
    seen.volume_configurations.is_set = seen.volume_configurations.count > 0;
    seen.vpc_lattice_configurations.is_set = seen.vpc_lattice_configurations.count > 0;
    return seen;
}

/* API-149: not for counts, percents, placement, grace period and tag options alone. */
static bool needs_deployment(const struct ecs_update_service_request *in,
                             const struct update *update)
{
    const struct ecs_create_service_request before = what_tasks_see(&update->before);
    const struct ecs_create_service_request after = what_tasks_see(&update->after);
    CLEANUP(buf_done) struct buf before_text = {0};
    CLEANUP(buf_done) struct buf after_text = {0};

    if (update->takes_over)
        return true;
    if (!update->has_recipe || update->service->controller != CONTROLLER_ECS)
        return false;
    if (in->force_new_deployment || update->is_new_revision)
        return true;
    ecs_encode_create_service_request(&before_text, &before);
    ecs_encode_create_service_request(&after_text, &after);
    return !str_eq(before_text.data, after_text.data);
}

/* ---- the record ---- */

/* A change of scale goes to the deployment that is growing (SC-176). */
static void rescale(struct call *call, struct service *service)
{
    for (uint32_t i = 0; i < service->deployments_count; i++) {
        struct deployment *deployment = &service->deployments[i];

        if (deployment->status != DEPLOYMENT_PRIMARY ||
            deployment->desired_count == service->desired_count)
            continue;
        deployment->desired_count = service->desired_count;
        deployment->updated_at_ms = call->now_ms;
        service->is_steady = false;
    }
}

/* SC-239: task sets have a share of the desired count. When the ECS controller takes over, those
 * there are make place for its deployment. */
static void rescale_sets(struct call *call, struct service *service, bool takes_over)
{
    const struct task_set *set = NULL;

    while ((set = state_task_set_after(service, set ? set->id : NULL))) {
        struct task_set *edited = txn_edit_task_set(call->txn, set);
        int32_t before = edited->desired_count;

        if (takes_over)
            edited->status = TASK_SET_DRAINING;
        task_set_follow_service(edited, service);
        if (edited->desired_count != before) {
            edited->updated_at_ms = call->now_ms;
            edited->stability = STABILITY_STABILIZING;
            edited->stability_at_ms = call->now_ms;
        }
        task_set_end_if_empty(call, service, edited);
    }
}

struct error *api_update_service(struct call *call, const struct ecs_update_service_request *in,
                                 struct ecs_update_service_response *out)
{
    struct update update;
    struct service *service;
    bool deploys;

    TRY(read_change(call, in, &update));
    deploys = needs_deployment(in, &update);
    if (deploys && update.service->deployments_count >= SERVICE_ROLLOUTS_MAX)
        return error_new(API_INVALID_PARAMETER,
                         "The service has %d deployments already; wait for old tasks to stop.",
                         SERVICE_ROLLOUTS_MAX);

    service = txn_edit_service(call->txn, update.service);
    service_config_write(&update.after, call_scope(call), service);
    /* SC-183: an update is a new start. */
    service->failures_in_row = 0;
    service->launch_after_ms = 0;
    service_set_event_key(service, NULL);
    if (deploys) {
        service_deploy(call, service, &update.after, &update.recipe, in->force_new_deployment);
        service->is_steady = false;
    } else {
        rescale(call, service);
    }
    rescale_sets(call, service, update.takes_over);
    out->service = ARENA_NEW(call->arena, struct ecs_service);
    return service_describe(call, service, true, out->service);
}
