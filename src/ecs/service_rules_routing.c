/* Load balancers and service registries against the task definition (API-137, API-139, SC-161 to
 * SC-169, SC-371). */
#include "base/str.h"
#include "ecs/service_rules.h"

static const struct ecs_container_definition *container_named(const struct task_recipe *recipe,
                                                              const char *name)
{
    const struct ecs_container_definitions *containers = &recipe->document->container_definitions;

    for (size_t i = 0; i < containers->count; i++)
        if (str_eq(containers->items[i].name, name))
            return &containers->items[i];
    return NULL;
}

struct error *service_rules_check_target(const struct task_recipe *recipe,
                                         const char *container_name, int32_t container_port)
{
    const struct ecs_container_definition *container = container_named(recipe, container_name);

    if (!container)
        return error_new(API_INVALID_PARAMETER,
                         "The container %s does not exist in the task definition.", container_name);
    for (size_t i = 0; i < container->port_mappings.count; i++)
        if (container->port_mappings.items[i].container_port == container_port)
            return NULL;
    return error_new(API_INVALID_PARAMETER,
                     "The container %s did not have a container port %d defined.", container_name,
                     (int)container_port);
}

/* ---- load balancers ---- */

static struct error *check_balancer(const struct ecs_create_service_request *config,
                                    const struct ecs_load_balancer *balancer,
                                    const struct task_recipe *recipe)
{
    bool is_classic = !str_is_empty(balancer->load_balancer_name);
    bool is_daemon = config->scheduling_strategy == ECS_SCHEDULING_STRATEGY_DAEMON;

    if (is_classic == !str_is_empty(balancer->target_group_arn))
        return error_new(API_INVALID_PARAMETER,
                         is_classic
                             ? "loadBalancerName and targetGroupArn cannot both be specified."
                             : "A load balancer must have either a targetGroupArn or a "
                               "loadBalancerName.");
    if (is_classic && recipe->definition->network_mode == NETWORK_MODE_AWSVPC)
        return error_new(API_INVALID_PARAMETER,
                         "Classic Load Balancers are not supported with networkMode 'awsvpc'.");
    if (is_classic && (is_daemon || service_config_controller(config) != CONTROLLER_ECS))
        return error_new(API_INVALID_PARAMETER,
                         "Classic Load Balancers are not supported with the %s.",
                         is_daemon ? "daemon scheduling strategy" : "deployment controller");
    if (str_is_empty(balancer->container_name) || !balancer->has_container_port)
        return error_new(API_INVALID_PARAMETER,
                         "A load balancer must have a containerName and a containerPort.");
    return service_rules_check_target(recipe, balancer->container_name, balancer->container_port);
}

static struct error *check_balancers(struct call *call,
                                     const struct ecs_create_service_request *config,
                                     const struct task_recipe *recipe)
{
    const struct ecs_load_balancers *balancers = &config->load_balancers;
    size_t classic_count = 0;

    if (service_config_controller(config) == CONTROLLER_CODE_DEPLOY && balancers->count != 1)
        return error_new(API_INVALID_PARAMETER,
                         "A service with the CODE_DEPLOY deployment controller must have exactly "
                         "one load balancer.");
    if (balancers->count > 0 && recipe->definition->network_mode == NETWORK_MODE_NONE)
        return error_new(API_INVALID_PARAMETER,
                         "Load balancers are not supported with networkMode 'none'.");
    if ((int64_t)balancers->count > call_quota(call, QUOTA_TARGET_GROUPS_PER_SERVICE))
        return quota_error(ecs_of(call)->quotas, QUOTA_TARGET_GROUPS_PER_SERVICE,
                           API_INVALID_PARAMETER);
    for (size_t i = 0; i < balancers->count; i++) {
        TRY(check_balancer(config, &balancers->items[i], recipe));
        classic_count += !str_is_empty(balancers->items[i].load_balancer_name);
    }
    if ((int64_t)classic_count > call_quota(call, QUOTA_CLASSIC_LOAD_BALANCERS_PER_SERVICE))
        return quota_error(ecs_of(call)->quotas, QUOTA_CLASSIC_LOAD_BALANCERS_PER_SERVICE,
                           API_INVALID_PARAMETER);
    return NULL;
}

bool service_rules_targets_exist(const struct ecs_create_service_request *config,
                                 const struct task_recipe *recipe)
{
    for (size_t i = 0; i < config->load_balancers.count; i++) {
        const struct ecs_load_balancer *balancer = &config->load_balancers.items[i];
        CLEANUP(error_freep)
        struct error *err =
            service_rules_check_target(recipe, balancer->container_name, balancer->container_port);

        if (err)
            return false;
    }
    return true;
}

/* ---- service registries ---- */

static struct error *check_registry(const struct ecs_service_registry *registry,
                                    const struct task_recipe *recipe)
{
    bool has_container = !str_is_empty(registry->container_name) && registry->has_container_port;

    if (str_is_empty(registry->registry_arn))
        return error_new(API_INVALID_PARAMETER, "registryArn must be specified.");
    if (recipe->definition->network_mode == NETWORK_MODE_AWSVPC) {
        if (registry->has_port && has_container)
            return error_new(API_INVALID_PARAMETER,
                             "Either a port, or a containerName and containerPort can be specified "
                             "for a service registry, not both.");
    } else if (!has_container) {
        return error_new(API_INVALID_PARAMETER,
                         "When specifying 'host' or 'bridge' for networkMode, values for "
                         "'containerName' and 'containerPort' must be specified from the task "
                         "definition.");
    }
    if (!has_container)
        return NULL;
    return service_rules_check_target(recipe, registry->container_name, registry->container_port);
}

struct error *service_rules_check_registries(const struct ecs_service_registries *in,
                                             const struct task_recipe *recipe)
{
    if (in->count > SERVICE_REGISTRIES_MAX)
        return error_new(API_INVALID_PARAMETER, "serviceRegistries can have at most %d item.",
                         SERVICE_REGISTRIES_MAX);
    if (in->count > 0 && recipe->definition->network_mode == NETWORK_MODE_NONE)
        return error_new(API_INVALID_PARAMETER,
                         "Service registries are not supported with networkMode 'none'.");
    for (size_t i = 0; i < in->count; i++)
        TRY(check_registry(&in->items[i], recipe));
    return NULL;
}

struct error *service_rules_check_routing(struct call *call,
                                          const struct ecs_create_service_request *config,
                                          const struct task_recipe *recipe)
{
    TRY(check_balancers(call, config, recipe));
    return service_rules_check_registries(&config->service_registries, recipe);
}
