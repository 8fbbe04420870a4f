#include <string.h>

#include "ecs/capacity_provider.h"
#include "ecs/names.h"

#define SCALE_IN_AFTER_MAX_S 3600

/* ---- what could be wrong ---- */

static struct error *check_role(const char *member, const char *arn_text, const char *type)
{
    const char *slash = arn_text ? strstr(arn_text, type) : NULL;

    if (!arn_text || !str_starts_with(arn_text, "arn:") || !strstr(arn_text, ":iam:") || !slash ||
        !slash[strlen(type)])
        return error_new(API_INVALID_PARAMETER, "%s must be the ARN of an IAM %.*s, but was %.256s",
                         member, (int)strlen(type) - 2, type + 1, arn_text ? arn_text : "");
    return NULL;
}

static struct error *check_range(const char *member, bool has_min, double min, bool has_max,
                                 double max)
{
    if ((has_min && min < 0) || (has_max && max < 0))
        return error_new(API_INVALID_PARAMETER, "%s cannot be negative.", member);
    if (has_min && has_max && min > max)
        return error_new(API_INVALID_PARAMETER,
                         "The minimum of %s (%g) cannot be greater than its maximum (%g).", member,
                         min, max);
    return NULL;
}

static struct error *check_requirements(const struct ecs_instance_requirements_request *in)
{
#define RANGE(member, name)                                                                        \
    if (in->member)                                                                                \
    TRY(check_range(name, in->member->has_min, (double)in->member->min, in->member->has_max,       \
                    (double)in->member->max))
    RANGE(vcpu_count, "vCpuCount");
    RANGE(memory_mib, "memoryMiB");
    RANGE(memory_gib_per_vcpu, "memoryGiBPerVCpu");
    RANGE(network_interface_count, "networkInterfaceCount");
    RANGE(total_local_storage_gb, "totalLocalStorageGB");
    RANGE(baseline_ebs_bandwidth_mbps, "baselineEbsBandwidthMbps");
    RANGE(accelerator_count, "acceleratorCount");
    RANGE(accelerator_total_memory_mib, "acceleratorTotalMemoryMiB");
    RANGE(network_bandwidth_gbps, "networkBandwidthGbps");
#undef RANGE
    if (in->allowed_instance_types.count > 0 && in->excluded_instance_types.count > 0)
        return error_new(API_INVALID_PARAMETER, "allowedInstanceTypes and excludedInstanceTypes "
                                                "cannot both be specified.");
    if (in->has_max_spot_price_as_percentage_of_optimal_on_demand_price &&
        in->has_spot_max_price_percentage_over_lowest_price)
        return error_new(API_INVALID_PARAMETER,
                         "maxSpotPriceAsPercentageOfOptimalOnDemandPrice and "
                         "spotMaxPricePercentageOverLowestPrice cannot both be specified.");
    return NULL;
}

static struct error *check_network(const struct ecs_managed_instances_network_configuration *in)
{
    if (in && in->subnets.count == 0)
        return error_new(API_INVALID_PARAMETER,
                         "networkConfiguration must name at least one subnet.");
    return NULL;
}

static struct error *check_optimization(const struct ecs_infrastructure_optimization *in)
{
    if (in && in->has_scale_in_after &&
        (in->scale_in_after < -1 || in->scale_in_after > SCALE_IN_AFTER_MAX_S))
        return error_new(API_INVALID_PARAMETER,
                         "scaleInAfter must be between -1 and %d seconds, but was %d.",
                         SCALE_IN_AFTER_MAX_S, (int)in->scale_in_after);
    return NULL;
}

static struct error *refuse(void)
{
    return error_new(API_UNSUPPORTED_FEATURE,
                     "Capacity providers of Amazon ECS Managed Instances are not supported here. "
                     "Specify an autoScalingGroupProvider.");
}

struct error *
provider_managed_refuse(struct call *call, const char *cluster,
                        const struct ecs_create_managed_instances_provider_configuration *in)
{
    const struct ecs_instance_launch_template *template = in->instance_launch_template;
    const struct cluster *found;

    if (str_is_empty(cluster))
        return error_new(API_INVALID_PARAMETER,
                         "cluster must be specified for a capacity provider of managed instances.");
    TRY(names_find_cluster(call, cluster, &found));
    TRY(check_role("infrastructureRoleArn", in->infrastructure_role_arn, ":role/"));
    TRY(check_role("ec2InstanceProfileArn", template->ec2_instance_profile_arn,
                   ":instance-profile/"));
    TRY(check_network(template->network_configuration));
    if (template->instance_requirements)
        TRY(check_requirements(template->instance_requirements));
    TRY(check_optimization(in->infrastructure_optimization));
    return refuse();
}

struct error *
provider_managed_refuse_update(const struct ecs_update_managed_instances_provider_configuration *in)
{
    const struct ecs_instance_launch_template_update *template = in->instance_launch_template;

    TRY(check_role("infrastructureRoleArn", in->infrastructure_role_arn, ":role/"));
    if (template->ec2_instance_profile_arn)
        TRY(check_role("ec2InstanceProfileArn", template->ec2_instance_profile_arn,
                       ":instance-profile/"));
    TRY(check_network(template->network_configuration));
    if (template->instance_requirements)
        TRY(check_requirements(template->instance_requirements));
    TRY(check_optimization(in->infrastructure_optimization));
    return refuse();
}
