/* service_change_rules.c - what each deployment controller lets be changed (API-151, SC-240). */
#include "ecs/service_change.h"

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

struct error *service_change_check_new_controller(const struct service *service,
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

bool service_change_takes_over(const struct service *service,
                               const struct ecs_update_service_request *in)
{
    return service->controller != CONTROLLER_ECS && in->deployment_controller &&
           in->deployment_controller->type == ECS_DEPLOYMENT_CONTROLLER_TYPE_ECS;
}

struct error *service_change_check_members(const struct service *service,
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
