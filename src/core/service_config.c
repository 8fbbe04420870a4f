#include "core/service_config.h"

#include "base/str.h"
#include "core/connect_namespace.h"
#include "core/stored_json.h"

enum controller_type service_config_controller(const struct ecs_create_service_request *config)
{
    enum controller_type type = CONTROLLER_ECS;

    if (config->deployment_controller)
        controller_type_parse(
            ecs_deployment_controller_type_name(config->deployment_controller->type), &type);
    return type;
}

enum ecs_launch_type service_config_runs_on(const struct ecs_create_service_request *config)
{
    const struct ecs_capacity_provider_strategy *strategy = &config->capacity_provider_strategy;

    if (config->launch_type != ECS_LAUNCH_TYPE_UNSET)
        return config->launch_type;
    if (strategy->count > 0 && (str_eq(strategy->items[0].capacity_provider, "FARGATE") ||
                                str_eq(strategy->items[0].capacity_provider, "FARGATE_SPOT")))
        return ECS_LAUNCH_TYPE_FARGATE;
    return ECS_LAUNCH_TYPE_EC2;
}

/* A copy to write into: what was decoded from a request is only lent. */
static struct ecs_deployment_configuration *
own_deployment(struct arena *arena, const struct ecs_create_service_request *config)
{
    struct ecs_deployment_configuration *own =
        ARENA_NEW(arena, struct ecs_deployment_configuration);

    if (config->deployment_configuration)
        *own = *config->deployment_configuration;
    return own;
}

/* Canary and linear deployments shift so much, and wait so long, unless told otherwise. */
static void fill_shift_defaults(struct arena *arena,
                                struct ecs_deployment_configuration *deployment)
{
    if (deployment->strategy == ECS_DEPLOYMENT_STRATEGY_CANARY) {
        struct ecs_canary_configuration *canary = ARENA_NEW(arena, struct ecs_canary_configuration);

        if (deployment->canary_configuration)
            *canary = *deployment->canary_configuration;
        if (!canary->has_canary_percent)
            SET(canary, canary_percent, SERVICE_CANARY_PERCENT);
        if (!canary->has_canary_bake_time_in_minutes)
            SET(canary, canary_bake_time_in_minutes, SERVICE_CANARY_BAKE_MINUTES);
        deployment->canary_configuration = canary;
    }
    if (deployment->strategy == ECS_DEPLOYMENT_STRATEGY_LINEAR) {
        struct ecs_linear_configuration *linear = ARENA_NEW(arena, struct ecs_linear_configuration);

        if (deployment->linear_configuration)
            *linear = *deployment->linear_configuration;
        if (!linear->has_step_percent)
            SET(linear, step_percent, SERVICE_LINEAR_PERCENT);
        if (!linear->has_step_bake_time_in_minutes)
            SET(linear, step_bake_time_in_minutes, SERVICE_LINEAR_BAKE_MINUTES);
        deployment->linear_configuration = linear;
    }
}

static void fill_deployment_defaults(struct arena *arena, struct ecs_create_service_request *config)
{
    bool is_daemon = config->scheduling_strategy == ECS_SCHEDULING_STRATEGY_DAEMON;
    struct ecs_deployment_configuration *deployment = own_deployment(arena, config);

    if (!deployment->has_maximum_percent)
        SET(deployment, maximum_percent,
            is_daemon ? SERVICE_DAEMON_MAXIMUM_PERCENT : SERVICE_REPLICA_MAXIMUM_PERCENT);
    if (!deployment->has_minimum_healthy_percent)
        SET(deployment, minimum_healthy_percent,
            is_daemon ? SERVICE_DAEMON_MINIMUM_PERCENT : SERVICE_REPLICA_MINIMUM_PERCENT);
    if (service_config_controller(config) == CONTROLLER_ECS) {
        if (!deployment->deployment_circuit_breaker) {
            deployment->deployment_circuit_breaker =
                ARENA_NEW(arena, struct ecs_deployment_circuit_breaker);
            SET(deployment->deployment_circuit_breaker, enable, false);
            SET(deployment->deployment_circuit_breaker, rollback, false);
        }
        if (deployment->strategy == ECS_DEPLOYMENT_STRATEGY_UNSET)
            deployment->strategy = ECS_DEPLOYMENT_STRATEGY_ROLLING;
        fill_shift_defaults(arena, deployment);
    }
    config->deployment_configuration = deployment;
}

static bool has_classic_balancer(const struct ecs_load_balancers *balancers)
{
    for (size_t i = 0; i < balancers->count; i++)
        if (!str_is_empty(balancers->items[i].load_balancer_name))
            return true;
    return false;
}

static bool spreads_zones_first(const struct ecs_placement_strategies *strategies)
{
    return strategies->count == 0 ||
           (strategies->items[0].type == ECS_PLACEMENT_STRATEGY_TYPE_SPREAD &&
            str_eq(strategies->items[0].field, "attribute:ecs.availability-zone"));
}

const char *service_config_why_not_rebalanced(const struct ecs_create_service_request *config)
{
    const struct ecs_deployment_configuration *deployment = config->deployment_configuration;

    if (service_config_controller(config) != CONTROLLER_ECS)
        return "a deployment controller other than ECS";
    if (config->scheduling_strategy == ECS_SCHEDULING_STRATEGY_DAEMON)
        return "the DAEMON scheduling strategy";
    if (config->launch_type == ECS_LAUNCH_TYPE_EXTERNAL)
        return "the EXTERNAL launch type";
    if (has_classic_balancer(&config->load_balancers))
        return "Classic Load Balancers";
    if (deployment && deployment->has_maximum_percent && deployment->maximum_percent <= 100)
        return "maximumPercent <= 100";
    if (!spreads_zones_first(&config->placement_strategy))
        return "a placement strategy that does not begin with spread by "
               "attribute:ecs.availability-zone";
    return NULL;
}

/* The request's own structure stays as it came: it is what a client token is compared by. */
static void fill_network_defaults(struct arena *arena, struct ecs_create_service_request *config)
{
    const struct ecs_network_configuration *given = config->network_configuration;
    struct ecs_aws_vpc_configuration *vpc;

    if (!given || !given->awsvpc_configuration ||
        given->awsvpc_configuration->assign_public_ip != ECS_ASSIGN_PUBLIC_IP_UNSET)
        return;
    vpc = ARENA_NEW(arena, struct ecs_aws_vpc_configuration);
    *vpc = *given->awsvpc_configuration;
    vpc->assign_public_ip = ECS_ASSIGN_PUBLIC_IP_DISABLED;
    config->network_configuration = ARENA_NEW(arena, struct ecs_network_configuration);
    config->network_configuration->awsvpc_configuration = vpc;
}

void service_config_fill_defaults(struct arena *arena, struct ecs_create_service_request *config)
{
    if (config->scheduling_strategy == ECS_SCHEDULING_STRATEGY_UNSET)
        config->scheduling_strategy = ECS_SCHEDULING_STRATEGY_REPLICA;
    if (!config->deployment_controller) {
        config->deployment_controller = ARENA_NEW(arena, struct ecs_deployment_controller);
        config->deployment_controller->type = ECS_DEPLOYMENT_CONTROLLER_TYPE_ECS;
    }
    fill_deployment_defaults(arena, config);
    fill_network_defaults(arena, config);
    if (config->propagate_tags == ECS_PROPAGATE_TAGS_UNSET)
        config->propagate_tags = ECS_PROPAGATE_TAGS_NONE;
    if (!config->has_enable_ecs_managed_tags)
        SET(config, enable_ecs_managed_tags, false);
    if (!config->has_enable_execute_command)
        SET(config, enable_execute_command, false);
    if (config->platform_version == NULL &&
        service_config_controller(config) != CONTROLLER_EXTERNAL &&
        service_config_runs_on(config) == ECS_LAUNCH_TYPE_FARGATE)
        config->platform_version = "LATEST";
    if (config->availability_zone_rebalancing == ECS_AVAILABILITY_ZONE_REBALANCING_UNSET)
        config->availability_zone_rebalancing = service_config_why_not_rebalanced(config)
                                                    ? ECS_AVAILABILITY_ZONE_REBALANCING_DISABLED
                                                    : ECS_AVAILABILITY_ZONE_REBALANCING_ENABLED;
    if (config->load_balancers.count > 0 && !config->has_health_check_grace_period_seconds)
        SET(config, health_check_grace_period_seconds, 0);
}

/* ---- records ---- */

struct error *service_config_read(struct arena *arena, const struct service *service,
                                  struct ecs_create_service_request *ret)
{
    struct ecs_deployment_configuration *deployment;

    *ret = (struct ecs_create_service_request){0};
    TRY(stored_json_read(arena, ECS_SHAPE_CREATE_SERVICE_REQUEST, service->document,
                         "configuration", service->name, ret));
    ret->deployment_controller = ARENA_NEW(arena, struct ecs_deployment_controller);
    ecs_deployment_controller_type_parse(controller_type_name(service->controller),
                                         &ret->deployment_controller->type);
    ecs_scheduling_strategy_parse(scheduling_strategy_name(service->strategy),
                                  &ret->scheduling_strategy);
    if (service->launch_type != LAUNCH_TYPE_NONE)
        ecs_launch_type_parse(launch_type_name(service->launch_type), &ret->launch_type);
    ecs_propagate_tags_parse(propagate_tags_name(service->propagate_tags), &ret->propagate_tags);
    /* A DAEMON service has no desired count of its own making (SC-136). */
    if (service->strategy == STRATEGY_REPLICA)
        SET(ret, desired_count, service->desired_count);
    SET(ret, enable_ecs_managed_tags, service->enable_managed_tags);
    SET(ret, enable_execute_command, service->enable_execute_command);
    if (service->has_health_grace_s)
        SET(ret, health_check_grace_period_seconds, service->health_grace_s);
    /* A record of a version that did not know it was made before there was such a default. */
    if (ret->availability_zone_rebalancing == ECS_AVAILABILITY_ZONE_REBALANCING_UNSET)
        ret->availability_zone_rebalancing = ECS_AVAILABILITY_ZONE_REBALANCING_DISABLED;
    deployment = own_deployment(arena, ret);
    SET(deployment, maximum_percent, service->maximum_percent);
    SET(deployment, minimum_healthy_percent, service->minimum_percent);
    ret->deployment_configuration = deployment;
    service_config_fill_defaults(arena, ret);
    return NULL;
}

/* What the record has no member for. */
static void write_document(const struct ecs_create_service_request *config, struct service *service)
{
    struct ecs_create_service_request rest = *config;
    struct ecs_deployment_configuration deployment = *config->deployment_configuration;
    CLEANUP(buf_done) struct buf text = {0};

    rest.service_name = service->name;
    rest.cluster = NULL;
    if (service->controller != CONTROLLER_CODE_DEPLOY)
        rest.task_definition = NULL;
    rest.client_token = NULL;
    rest.has_desired_count = false;
    rest.launch_type = ECS_LAUNCH_TYPE_UNSET;
    rest.has_health_check_grace_period_seconds = false;
    rest.scheduling_strategy = ECS_SCHEDULING_STRATEGY_UNSET;
    rest.deployment_controller = NULL;
    rest.tags = (struct ecs_tags){0};
    rest.has_enable_ecs_managed_tags = false;
    rest.propagate_tags = ECS_PROPAGATE_TAGS_UNSET;
    rest.has_enable_execute_command = false;
    deployment.has_maximum_percent = false;
    deployment.has_minimum_healthy_percent = false;
    rest.deployment_configuration = &deployment;
    ecs_encode_create_service_request(&text, &rest);
    service_set_document(service, text.data);
}

/* Who uses a provider is known by it (ResourceInUseException). */
static void write_capacity(const struct ecs_create_service_request *config, struct service *service)
{
    const struct ecs_capacity_provider_strategy *strategy = &config->capacity_provider_strategy;

    service->launch_type = LAUNCH_TYPE_NONE;
    service->runs_on = LAUNCH_TYPE_NONE;
    if (config->launch_type)
        launch_type_parse(ecs_launch_type_name(config->launch_type), &service->launch_type);
    if (service->controller == CONTROLLER_EXTERNAL)
        return; /* its task sets say */
    launch_type_parse(ecs_launch_type_name(service_config_runs_on(config)), &service->runs_on);
    service_set_capacity_providers(service, NULL, 0);
    for (size_t i = 0; i < strategy->count; i++)
        service_append_capacity_providers(service, strategy->items[i].capacity_provider);
}

static void write_namespace(const struct ecs_service_connect_configuration *connect,
                            const struct scope *scope, struct service *service)
{
    struct arena arena = {0};

    service_set_connect_namespace(service,
                                  connect && connect->enabled && !str_is_empty(connect->namespace)
                                      ? connect_namespace_arn(&arena, scope, connect->namespace)
                                      : NULL);
    arena_done(&arena);
}

void service_config_write(const struct ecs_create_service_request *config,
                          const struct scope *scope, struct service *service)
{

    service->controller = service_config_controller(config);
    scheduling_strategy_parse(ecs_scheduling_strategy_name(config->scheduling_strategy),
                              &service->strategy);
    write_capacity(config, service);
    write_namespace(config->service_connect_configuration, scope, service);
    propagate_tags_parse(ecs_propagate_tags_name(config->propagate_tags), &service->propagate_tags);
    if (config->has_desired_count)
        service->desired_count = config->desired_count;
    service->minimum_percent = config->deployment_configuration->minimum_healthy_percent;
    service->maximum_percent = config->deployment_configuration->maximum_percent;
    service->enable_managed_tags = config->enable_ecs_managed_tags;
    service->enable_execute_command = config->enable_execute_command;
    if (config->has_health_check_grace_period_seconds)
        service_set_health_grace_s(service, config->health_check_grace_period_seconds);
    else
        service_clear_health_grace_s(service);
    write_document(config, service);
}
