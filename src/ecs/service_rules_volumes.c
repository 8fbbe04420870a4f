/* Volumes that a service's tasks get at launch, and its VPC Lattice target groups, against the task
 * definition (spec section 11). */
#include "base/str.h"
#include "ecs/service_rules.h"
#include "ecs/task_volumes.h"

#define VOLUMES_MAX 1

/* ---- volumes ---- */

static const struct ecs_volume *volume_named(const struct task_recipe *recipe, const char *name)
{
    for (size_t i = 0; i < recipe->document->volumes.count; i++)
        if (str_eq(recipe->document->volumes.items[i].name, name))
            return &recipe->document->volumes.items[i];
    return NULL;
}

static struct error *check_volume(const struct ecs_service_volume_configuration *in,
                                  const struct task_recipe *recipe)
{
    const struct ecs_service_managed_ebs_volume_configuration *ebs = in->managed_ebs_volume;
    const struct ecs_volume *volume = volume_named(recipe, in->name);

    if (!volume || !volume->configured_at_launch)
        return error_new(API_INVALID_PARAMETER,
                         "The volume %s of volumeConfigurations is no volume of the task "
                         "definition that is configuredAtLaunch.",
                         in->name);
    if (!ebs)
        return error_new(API_INVALID_PARAMETER, "Volume %s: managedEBSVolume must be specified.",
                         in->name);
    return ebs_volume_check(&EBS_VOLUME_OF(in->name, ebs));
}

static bool is_configured(const struct ecs_service_volume_configurations *configurations,
                          const char *name)
{
    for (size_t i = 0; i < configurations->count; i++)
        if (str_eq(configurations->items[i].name, name))
            return true;
    return false;
}

static struct error *check_volumes(const struct ecs_create_service_request *config,
                                   const struct task_recipe *recipe)
{
    const struct ecs_service_volume_configurations *configurations = &config->volume_configurations;

    if (configurations->count > 0 && service_config_controller(config) != CONTROLLER_ECS)
        return error_new(API_INVALID_PARAMETER,
                         "volumeConfigurations can only be used with the ECS deployment "
                         "controller.");
    if (configurations->count > 0 && config->launch_type == ECS_LAUNCH_TYPE_EXTERNAL)
        return error_new(API_INVALID_PARAMETER,
                         "volumeConfigurations cannot be used with the EXTERNAL launch type.");
    if (configurations->count > VOLUMES_MAX)
        return error_new(API_INVALID_PARAMETER, "volumeConfigurations can have at most %d item.",
                         VOLUMES_MAX);
    for (size_t i = 0; i < configurations->count; i++)
        TRY(check_volume(&configurations->items[i], recipe));
    for (size_t i = 0; i < recipe->document->volumes.count; i++) {
        const struct ecs_volume *volume = &recipe->document->volumes.items[i];

        if (volume->configured_at_launch && !is_configured(configurations, volume->name))
            return error_new(API_INVALID_PARAMETER,
                             "The volume %s of the task definition is configuredAtLaunch: "
                             "volumeConfigurations must have a configuration for it.",
                             volume->name);
    }
    return NULL;
}

/* ---- VPC Lattice ---- */

static bool has_port_named(const struct task_recipe *recipe, const char *name)
{
    const struct ecs_container_definitions *containers = &recipe->document->container_definitions;

    for (size_t i = 0; i < containers->count; i++)
        for (size_t k = 0; k < containers->items[i].port_mappings.count; k++)
            if (str_eq(containers->items[i].port_mappings.items[k].name, name))
                return true;
    return false;
}

static struct error *check_lattice(const struct ecs_create_service_request *config,
                                   const struct task_recipe *recipe)
{
    const struct ecs_vpc_lattice_configurations *lattice = &config->vpc_lattice_configurations;

    if (lattice->count > 0 && service_config_controller(config) != CONTROLLER_ECS)
        return error_new(API_INVALID_PARAMETER,
                         "vpcLatticeConfigurations can only be used with the ECS deployment "
                         "controller.");
    for (size_t i = 0; i < lattice->count; i++) {
        const struct ecs_vpc_lattice_configuration *one = &lattice->items[i];

        if (!arn_looks_like(one->target_group_arn))
            return error_new(API_INVALID_PARAMETER,
                             "The targetGroupArn of vpcLatticeConfigurations must be an ARN, but "
                             "was %.255s.",
                             one->target_group_arn);
        if (!has_port_named(recipe, one->port_name))
            return error_new(API_INVALID_PARAMETER,
                             "The portName %.255s of vpcLatticeConfigurations does not refer to "
                             "any named PortMapping in the task definition.",
                             one->port_name);
    }
    return NULL;
}

struct error *service_rules_check_volumes(const struct ecs_create_service_request *config,
                                          const struct task_recipe *recipe)
{
    TRY(check_volumes(config, recipe));
    return check_lattice(config, recipe);
}
