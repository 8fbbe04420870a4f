#include "ecs/task_network.h"

#include "base/str.h"

static bool is_given(const struct ecs_network_configuration *network)
{
    return network && network->awsvpc_configuration;
}

static struct error *check_awsvpc(const struct ecs_aws_vpc_configuration *vpc,
                                  enum launch_type launch_type)
{
    if (vpc->subnets.count == 0)
        return error_new(API_INVALID_PARAMETER, "subnets can not be empty.");
    if (vpc->assign_public_ip == ECS_ASSIGN_PUBLIC_IP_ENABLED && launch_type != LAUNCH_TYPE_FARGATE)
        return error_new(API_INVALID_PARAMETER,
                         "Assign public IP is not supported for this launch type.");
    return NULL;
}

struct error *task_network_check_size(const struct quotas *quotas,
                                      const struct ecs_network_configuration *network)
{
    const struct ecs_aws_vpc_configuration *vpc =
        is_given(network) ? network->awsvpc_configuration : NULL;

    if (vpc && (int64_t)vpc->subnets.count > quota(quotas, QUOTA_SUBNETS_PER_NETWORK_CONFIGURATION))
        return quota_error(quotas, QUOTA_SUBNETS_PER_NETWORK_CONFIGURATION, API_INVALID_PARAMETER);
    if (vpc && (int64_t)vpc->security_groups.count >
                   quota(quotas, QUOTA_SECURITY_GROUPS_PER_NETWORK_CONFIGURATION))
        return quota_error(quotas, QUOTA_SECURITY_GROUPS_PER_NETWORK_CONFIGURATION,
                           API_INVALID_PARAMETER);
    return NULL;
}

struct error *task_network_check(const struct task_definition *definition,
                                 enum launch_type launch_type,
                                 const struct ecs_network_configuration *network)
{
    if (definition->network_mode != NETWORK_MODE_AWSVPC) {
        if (is_given(network))
            return error_new(API_INVALID_PARAMETER,
                             "Network Configuration is not valid for the given networkMode of this "
                             "task definition.");
        return NULL;
    }
    if (!is_given(network))
        return error_new(API_INVALID_PARAMETER, "Network Configuration must be provided when "
                                                "networkMode 'awsvpc' is specified.");
    return check_awsvpc(network->awsvpc_configuration, launch_type);
}

const char *task_network_text(struct arena *arena, const struct ecs_network_configuration *network)
{
    CLEANUP(buf_done) struct buf text = {0};

    if (!is_given(network))
        return NULL;
    ecs_encode_network_configuration(&text, network);
    return arena_dup_n(arena, text.data, text.len);
}
