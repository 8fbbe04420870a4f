/* How a service is deployed: percents, strategy and its members, hooks, circuit breaker, alarms,
 * availability zone rebalancing (API-131, API-135, API-143, spec section 11, SC-131, SC-144). */
#include <math.h>

#include "base/str.h"
#include "ecs/service_rules.h"

#define BAKE_MINUTES_MAX   1440
#define CANARY_PERCENT_MIN 0.1
#define LINEAR_PERCENT_MIN 3.0
#define SHIFT_PERCENT_MAX  100.0

static struct error *check_percents(const struct ecs_deployment_configuration *deployment)
{
    if (deployment->maximum_percent < deployment->minimum_healthy_percent)
        return error_new(API_INVALID_PARAMETER,
                         "maximumPercent cannot be less than minimumHealthyPercent.");
    return NULL;
}

/* ---- what only the ECS controller does ---- */

static struct error *check_controller(const struct ecs_deployment_configuration *deployment)
{
    const struct ecs_deployment_circuit_breaker *breaker = deployment->deployment_circuit_breaker;
    const struct {
        const char *name;
        bool is_given;
    } members[] = {
        {"Deployment alarms", deployment->alarms && deployment->alarms->enable},
        {"The deployment circuit breaker", breaker && (breaker->enable || breaker->rollback)},
        {"Deployment strategies",
         deployment->strategy && deployment->strategy != ECS_DEPLOYMENT_STRATEGY_ROLLING},
        {"Deployment lifecycle hooks", deployment->lifecycle_hooks.count > 0},
        {"A bake time", deployment->bake_time_in_minutes != 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (members[i].is_given)
            return error_new(API_INVALID_PARAMETER,
                             "%s can only be used with the ECS deployment controller.",
                             members[i].name);
    return NULL;
}

static struct error *check_alarms(const struct ecs_deployment_alarms *alarms)
{
    if (!alarms)
        return NULL;
    if (alarms->enable && alarms->alarm_names.count == 0)
        return error_new(API_INVALID_PARAMETER, "alarmNames cannot be empty.");
    if (alarms->alarm_names.count > SERVICE_ALARM_NAMES_MAX)
        return error_new(API_INVALID_PARAMETER, "alarmNames can have at most %d items.",
                         SERVICE_ALARM_NAMES_MAX);
    for (size_t i = 0; i < alarms->alarm_names.count; i++)
        if (str_is_empty(alarms->alarm_names.items[i]))
            return error_new(API_INVALID_PARAMETER, "alarmNames cannot contain empty names.");
    return NULL;
}

/* ---- strategies ---- */

static struct error *check_minutes(const char *name, int32_t minutes)
{
    if (minutes < 0 || minutes > BAKE_MINUTES_MAX)
        return error_new(API_INVALID_PARAMETER, "%s must be between 0 and %d, but was %d.", name,
                         BAKE_MINUTES_MAX, (int)minutes);
    return NULL;
}

/* Percents of traffic go by tenths. */
static struct error *check_shift(const char *name, double percent, double least)
{
    double tenths = percent * 10;

    if (percent >= least && percent <= SHIFT_PERCENT_MAX && fabs(tenths - round(tenths)) < 1e-6)
        return NULL;
    return error_new(API_INVALID_PARAMETER,
                     "%s must be a multiple of 0.1 between %.1f and %.1f, but was %g.", name, least,
                     SHIFT_PERCENT_MAX, percent);
}

static struct error *check_canary(const struct ecs_deployment_configuration *deployment)
{
    const struct ecs_canary_configuration *canary = deployment->canary_configuration;

    if (!canary)
        return NULL;
    if (deployment->strategy != ECS_DEPLOYMENT_STRATEGY_CANARY)
        return error_new(API_INVALID_PARAMETER,
                         "canaryConfiguration is only valid with the deployment strategy CANARY.");
    if (canary->has_canary_percent)
        TRY(check_shift("canaryPercent", canary->canary_percent, CANARY_PERCENT_MIN));
    if (canary->has_canary_bake_time_in_minutes)
        TRY(check_minutes("canaryBakeTimeInMinutes", canary->canary_bake_time_in_minutes));
    return NULL;
}

static struct error *check_linear(const struct ecs_deployment_configuration *deployment)
{
    const struct ecs_linear_configuration *linear = deployment->linear_configuration;

    if (!linear)
        return NULL;
    if (deployment->strategy != ECS_DEPLOYMENT_STRATEGY_LINEAR)
        return error_new(API_INVALID_PARAMETER,
                         "linearConfiguration is only valid with the deployment strategy LINEAR.");
    if (linear->has_step_percent)
        TRY(check_shift("stepPercent", linear->step_percent, LINEAR_PERCENT_MIN));
    if (linear->has_step_bake_time_in_minutes)
        TRY(check_minutes("stepBakeTimeInMinutes", linear->step_bake_time_in_minutes));
    return NULL;
}

static struct error *check_hook(const struct ecs_deployment_lifecycle_hook *hook)
{
    if (hook->lifecycle_stages.count == 0)
        return error_new(API_INVALID_PARAMETER,
                         "lifecycleStages of a lifecycle hook cannot be empty.");
    if (hook->target_type == ECS_DEPLOYMENT_LIFECYCLE_HOOK_TARGET_TYPE_PAUSE) {
        if (!str_is_empty(hook->hook_target_arn) || !str_is_empty(hook->role_arn))
            return error_new(API_INVALID_PARAMETER,
                             "A lifecycle hook of type PAUSE has no hookTargetArn and no roleArn.");
        return NULL;
    }
    if (str_is_empty(hook->hook_target_arn) || str_is_empty(hook->role_arn))
        return error_new(API_INVALID_PARAMETER,
                         "A lifecycle hook of type AWS_LAMBDA must have a hookTargetArn and a "
                         "roleArn.");
    if (!arn_looks_like(hook->hook_target_arn))
        return error_new(API_INVALID_PARAMETER,
                         "The hookTargetArn of a lifecycle hook must be an ARN, but was %.255s.",
                         hook->hook_target_arn);
    return NULL;
}

/* Traffic is shifted between two target groups, which the balancers have to name. */
static struct error *check_shifting(const struct ecs_create_service_request *config)
{
    const struct ecs_load_balancers *balancers = &config->load_balancers;
    const struct ecs_deployment_configuration *deployment = config->deployment_configuration;

    if (deployment->strategy == ECS_DEPLOYMENT_STRATEGY_ROLLING)
        return NULL;
    if (config->scheduling_strategy == ECS_SCHEDULING_STRATEGY_DAEMON)
        return error_new(API_INVALID_PARAMETER,
                         "The deployment strategy %s is not supported with the daemon scheduling "
                         "strategy.",
                         ecs_deployment_strategy_name(deployment->strategy));
    for (size_t i = 0; i < balancers->count; i++)
        if (!balancers->items[i].advanced_configuration)
            return error_new(API_INVALID_PARAMETER,
                             "advancedConfiguration field is required for all loadBalancers when "
                             "using a non-ROLLING deployment strategy.");
    return NULL;
}

static struct error *check_strategy(const struct ecs_create_service_request *config)
{
    const struct ecs_deployment_configuration *deployment = config->deployment_configuration;

    TRY(check_shifting(config));
    if (deployment->has_bake_time_in_minutes)
        TRY(check_minutes("bakeTimeInMinutes", deployment->bake_time_in_minutes));
    TRY(check_canary(deployment));
    TRY(check_linear(deployment));
    for (size_t i = 0; i < deployment->lifecycle_hooks.count; i++)
        TRY(check_hook(&deployment->lifecycle_hooks.items[i]));
    return NULL;
}

static bool has_classic_balancer(const struct ecs_load_balancers *balancers)
{
    for (size_t i = 0; i < balancers->count; i++)
        if (!str_is_empty(balancers->items[i].load_balancer_name))
            return true;
    return false;
}

static struct error *check_rebalancing(const struct ecs_create_service_request *config)
{
    const char *why_not = service_config_why_not_rebalanced(config);

    if (config->availability_zone_rebalancing != ECS_AVAILABILITY_ZONE_REBALANCING_ENABLED ||
        !why_not)
        return NULL;
    return error_new(API_INVALID_PARAMETER, "Availability Zone rebalancing does not support %s.",
                     why_not);
}

struct error *service_rules_check_deployment(const struct ecs_create_service_request *config)
{
    const struct ecs_deployment_configuration *deployment = config->deployment_configuration;
    const struct ecs_deployment_circuit_breaker *breaker = deployment->deployment_circuit_breaker;

    TRY(check_percents(deployment));
    TRY(check_alarms(deployment->alarms));
    TRY(check_rebalancing(config));
    if (service_config_controller(config) != CONTROLLER_ECS)
        return check_controller(deployment);
    if (breaker && breaker->enable && has_classic_balancer(&config->load_balancers))
        return error_new(API_INVALID_PARAMETER,
                         "The deployment circuit breaker is not supported for services that use a "
                         "Classic Load Balancer.");
    return check_strategy(config);
}
