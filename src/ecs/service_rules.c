#include "ecs/service_rules.h"

#include "base/str.h"
#include "control/launch.h"
#include "ecs/names.h"
#include "ecs/task_capacity.h"
#include "ecs/task_network.h"
#include "ecs/task_placement.h"

/* ---- which members go together ---- */

static struct error *check_daemon(const struct ecs_create_service_request *config)
{
    const struct ecs_deployment_configuration *deployment = config->deployment_configuration;

    if (service_config_controller(config) != CONTROLLER_ECS)
        return error_new(API_INVALID_PARAMETER,
                         "The daemon scheduling strategy is not supported with the %s deployment "
                         "controller. Change the deployment controller to ECS, and try again",
                         controller_type_name(service_config_controller(config)));
    if (config->launch_type == ECS_LAUNCH_TYPE_FARGATE)
        return error_new(API_INVALID_PARAMETER,
                         "The daemon scheduling strategy is not supported for AWS Fargate. Change "
                         "the launch type and try again");
    if (config->has_desired_count)
        return error_new(API_INVALID_PARAMETER,
                         "The daemon scheduling strategy does not support a desired count for "
                         "services. Remove the desired count value and try again");
    if (config->placement_strategy.count > 0)
        return error_new(API_INVALID_PARAMETER,
                         "The daemon scheduling strategy does not support placement strategies. "
                         "Remove the placement strategy and try again");
    if (config->capacity_provider_strategy.count > 0)
        return error_new(API_INVALID_PARAMETER,
                         "Specifying a capacity provider strategy is not supported when you create "
                         "a service using the DAEMON scheduling strategy.");
    if (deployment && deployment->has_maximum_percent &&
        deployment->maximum_percent != SERVICE_DAEMON_MAXIMUM_PERCENT)
        return error_new(API_INVALID_PARAMETER,
                         "The daemon scheduling strategy does not support values above 100 for "
                         "maximumPercent on a deployment configuration. Change the maximumPercent "
                         "value to 100, and try again");
    return NULL;
}

/* SC-233: what a task set has is not the service's. */
static struct error *check_external(const struct ecs_create_service_request *config)
{
    const struct {
        const char *name;
        bool is_given;
    } members[] = {
        {"taskDefinition", config->task_definition},
        {"launchType", config->launch_type},
        {"platformVersion", config->platform_version},
        {"networkConfiguration", config->network_configuration},
        {"loadBalancers", config->load_balancers.count},
        {"serviceRegistries", config->service_registries.count},
        {"capacityProviderStrategy", config->capacity_provider_strategy.count},
        {"serviceConnectConfiguration", config->service_connect_configuration},
        {"volumeConfigurations", config->volume_configurations.count},
        {"vpcLatticeConfigurations", config->vpc_lattice_configurations.count},
        {"enableExecuteCommand", config->enable_execute_command},
    };

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (members[i].is_given)
            return error_new(API_INVALID_PARAMETER,
                             "%s cannot be specified for a service with the EXTERNAL deployment "
                             "controller; it belongs to the task sets.",
                             members[i].name);
    return NULL;
}

struct error *service_rules_check_shape(const struct ecs_create_service_request *config)
{
    enum controller_type controller = service_config_controller(config);

    if (config->scheduling_strategy == ECS_SCHEDULING_STRATEGY_DAEMON)
        TRY(check_daemon(config));
    else if (!config->has_desired_count && controller != CONTROLLER_EXTERNAL)
        return error_new(API_INVALID_PARAMETER,
                         "desiredCount is required for a service with the REPLICA scheduling "
                         "strategy.");
    if (controller == CONTROLLER_EXTERNAL)
        return check_external(config);
    if (str_is_empty(config->task_definition))
        return error_new(API_INVALID_PARAMETER, "TaskDefinition can not be blank.");
    return NULL;
}

/* ---- the configuration in force ---- */

static struct error *check_role(const struct ecs_create_service_request *config,
                                const struct task_recipe *recipe)
{
    if (str_is_empty(config->role))
        return NULL;
    if (config->load_balancers.count == 0)
        return error_new(API_INVALID_PARAMETER,
                         "A role can only be specified for a service that uses load balancers.");
    if (recipe && recipe->definition->network_mode == NETWORK_MODE_AWSVPC)
        return error_new(API_INVALID_PARAMETER,
                         "You cannot specify an IAM role for services that require a service "
                         "linked role.");
    return NULL;
}

/* CL-166, CL-187, CL-200 to CL-206, API-142. */
static struct error *check_fargate(const struct ecs_create_service_request *config,
                                   const struct task_recipe *recipe)
{
    size_t constraints =
        config->placement_constraints.count + recipe->document->placement_constraints.count;

    return task_capacity_check_fargate(recipe->document, config->platform_version,
                                       &config->capacity_provider_strategy, constraints > 0,
                                       config->placement_strategy.count > 0);
}

static struct error *check_capacity(const struct ecs_create_service_request *config,
                                    enum ecs_launch_type runs_on)
{
    if (config->capacity_provider_strategy.count > 0 &&
        service_config_controller(config) == CONTROLLER_CODE_DEPLOY)
        return error_new(API_INVALID_PARAMETER,
                         "A capacity provider strategy is not supported with the CODE_DEPLOY "
                         "deployment controller.");
    for (size_t i = 0;
         config->capacity_provider_strategy.count > 0 && i < config->load_balancers.count; i++)
        if (!str_is_empty(config->load_balancers.items[i].load_balancer_name))
            return error_new(API_INVALID_PARAMETER,
                             "A capacity provider strategy is not supported for services that use "
                             "a Classic Load Balancer.");
    return task_capacity_check_platform(runs_on, config->platform_version);
}

struct error *service_rules_check_definition(const struct task_recipe *recipe,
                                             enum ecs_launch_type runs_on,
                                             const struct ecs_network_configuration *network)
{
    const struct ecs_compatibility_list *fits = &recipe->document->compatibilities;
    enum launch_type launch_type = LAUNCH_TYPE_NONE;
    bool is_compatible = !fits->is_set;

    for (size_t i = 0; i < fits->count; i++)
        is_compatible = is_compatible || str_eq(ecs_compatibility_name(fits->items[i]),
                                                ecs_launch_type_name(runs_on));
    if (!is_compatible)
        return error_new(API_INVALID_PARAMETER, "Task definition does not support launch_type %s.",
                         ecs_launch_type_name(runs_on));
    launch_type_parse(ecs_launch_type_name(runs_on), &launch_type);
    return task_network_check(recipe->definition, launch_type, network);
}

static struct error *check_task_definition(const struct ecs_create_service_request *config,
                                           const struct task_recipe *recipe, const char *verb)
{
    enum ecs_launch_type runs_on = service_config_runs_on(config);

    TRY(check_capacity(config, runs_on));
    TRY(service_rules_check_definition(recipe, runs_on, config->network_configuration));
    if (runs_on == ECS_LAUNCH_TYPE_FARGATE)
        TRY(check_fargate(config, recipe));
    if (config->enable_execute_command && str_is_empty(recipe->task_role_arn))
        return error_new(API_INVALID_PARAMETER,
                         "The service couldn't be %s because a valid taskRoleArn is not being "
                         "used. Specify a valid task role in your task definition and try again.",
                         verb);
    return NULL;
}

/* Whether placement understands the rules, before anything is stored (SC-087). */
static struct error *check_placement(struct call *call, const struct cluster *cluster,
                                     const struct ecs_create_service_request *config,
                                     const struct task_recipe *recipe)
{
    const struct launch_rules rules = {
        .constraints = &config->placement_constraints,
        .strategies = &config->placement_strategy,
        .is_service = true,
    };
    CLEANUP(launch_demand_done) struct demand demand = {0};
    struct plan plan;

    TRY(task_placement_check(&config->placement_constraints,
                             recipe ? recipe->document->placement_constraints.count : 0,
                             &config->placement_strategy));
    if (!recipe)
        return NULL;
    launch_demand(call->arena, recipe, config->service_name, &rules, &demand);
    return plan_place(call->arena,
                      control_fleet(ecs_of(call)->control, call_scope(call), cluster->name),
                      &demand, 0, call->rng, &plan);
}

struct error *service_rules_check(struct call *call, const struct cluster *cluster,
                                  const struct ecs_create_service_request *config,
                                  const struct task_recipe *recipe, const char *verb)
{
    if (config->has_desired_count &&
        config->desired_count > call_quota(call, QUOTA_TASKS_PER_SERVICE))
        return quota_error(ecs_of(call)->quotas, QUOTA_TASKS_PER_SERVICE, API_INVALID_PARAMETER);
    TRY(task_network_check_size(ecs_of(call)->quotas, config->network_configuration));
    TRY(service_rules_check_deployment(config));
    TRY(check_role(config, recipe));
    if (config->has_health_check_grace_period_seconds && config->load_balancers.count == 0 &&
        recipe)
        return error_new(API_INVALID_PARAMETER, "Health check grace period is only valid for "
                                                "services configured to use load balancers");
    if (recipe) {
        TRY(check_task_definition(config, recipe, verb));
        TRY(service_rules_check_routing(call, config, recipe));
        TRY(service_rules_check_connect(call, config, recipe));
        TRY(service_rules_check_volumes(config, recipe));
    }
    return check_placement(call, cluster, config, recipe);
}
