#include <string.h>

#include "core/stored_json.h"
#include "ecs/capacity_provider.h"
#include "ecs/names.h"
#include "gen/ecs_shapes.h"

/* CL-055, API-084 */
#define TARGET_DEFAULT   100
#define STEP_MIN_DEFAULT 1
#define STEP_MAX_DEFAULT 10000
#define WARMUP_DEFAULT_S 300

#define GROUP_CHARS_MAX 255

#define GROUP_NAME_MARK "autoScalingGroupName/"

/* Of arn:P:autoscaling:R:A:autoScalingGroup:ID:autoScalingGroupName/NAME, or the name alone. */
static const char *group_name(const char *group)
{
    const char *mark = arn_looks_like(group) ? strstr(group, GROUP_NAME_MARK) : NULL;

    return mark ? mark + strlen(GROUP_NAME_MARK) : group;
}

static struct error *check_group(struct call *call, const char *text)
{
    const char *name = group_name(text);
    struct arn arn;

    if (arn_looks_like(text) &&
        (!arn_parse(call->arena, text, &arn) || strcmp(arn.service, "autoscaling") != 0 ||
         strcmp(arn.type, "autoScalingGroup") != 0 || name == text))
        return error_new(API_INVALID_PARAMETER,
                         "The specified Auto Scaling group ARN is not valid: %.256s. Specify a "
                         "valid Auto Scaling group ARN and try again.",
                         text);
    if (!*name || strlen(name) > GROUP_CHARS_MAX)
        return error_new(API_INVALID_PARAMETER,
                         "autoScalingGroupArn must be the ARN or the name (1 to %d characters) of "
                         "an Auto Scaling group.",
                         GROUP_CHARS_MAX);
    return NULL;
}

const struct capacity_provider *provider_of_group(struct call *call, const char *group)
{
    return state_capacity_provider_of_group(ecs_of(call)->state, call_scope(call),
                                            group_name(group));
}

static void fill_in(struct call *call, struct ecs_auto_scaling_group_provider *group)
{
    struct ecs_managed_scaling *scaling = ARENA_NEW(call->arena, struct ecs_managed_scaling);

    if (group->managed_scaling)
        *scaling = *group->managed_scaling;
    if (scaling->status == ECS_MANAGED_SCALING_STATUS_UNSET)
        scaling->status = ECS_MANAGED_SCALING_STATUS_DISABLED;
    if (!scaling->has_target_capacity)
        SET(scaling, target_capacity, TARGET_DEFAULT);
    if (!scaling->has_minimum_scaling_step_size)
        SET(scaling, minimum_scaling_step_size, STEP_MIN_DEFAULT);
    if (!scaling->has_maximum_scaling_step_size)
        SET(scaling, maximum_scaling_step_size, STEP_MAX_DEFAULT);
    if (!scaling->has_instance_warmup_period)
        SET(scaling, instance_warmup_period, WARMUP_DEFAULT_S);
    group->managed_scaling = scaling;
    if (group->managed_termination_protection == ECS_MANAGED_TERMINATION_PROTECTION_UNSET)
        group->managed_termination_protection = ECS_MANAGED_TERMINATION_PROTECTION_DISABLED;
    if (group->managed_draining == ECS_MANAGED_DRAINING_UNSET)
        group->managed_draining = ECS_MANAGED_DRAINING_ENABLED;
}

static struct error *check_together(const struct ecs_auto_scaling_group_provider *group)
{
    const struct ecs_managed_scaling *scaling = group->managed_scaling;

    if (scaling->minimum_scaling_step_size > scaling->maximum_scaling_step_size)
        return error_new(API_INVALID_PARAMETER,
                         "minimumScalingStepSize (%d) cannot be greater than "
                         "maximumScalingStepSize (%d).",
                         (int)scaling->minimum_scaling_step_size,
                         (int)scaling->maximum_scaling_step_size);
    if (group->managed_termination_protection == ECS_MANAGED_TERMINATION_PROTECTION_ENABLED &&
        scaling->status != ECS_MANAGED_SCALING_STATUS_ENABLED)
        return error_new(API_INVALID_PARAMETER,
                         "The managed termination protection setting for the capacity provider is "
                         "invalid. To enable managed termination protection for a capacity "
                         "provider, managed scaling must be enabled.");
    return NULL;
}

struct error *provider_group_new(struct call *call,
                                 const struct ecs_auto_scaling_group_provider *in,
                                 struct ecs_auto_scaling_group_provider *ret)
{
    struct ecs_auto_scaling_group_provider group = *in;

    TRY(check_group(call, in->auto_scaling_group_arn));
    fill_in(call, &group);
    TRY(check_together(&group));
    *ret = group;
    return NULL;
}

struct error *provider_group_update(struct call *call, const struct capacity_provider *provider,
                                    const struct ecs_auto_scaling_group_provider_update *in,
                                    struct ecs_auto_scaling_group_provider *ret)
{
    const struct ecs_managed_scaling *asked = in->managed_scaling;
    struct ecs_auto_scaling_group_provider group = {0};
    struct ecs_managed_scaling *scaling;

    TRY(provider_group_read(call, provider, &group));
    fill_in(call, &group);
    scaling = group.managed_scaling;
    if (asked && asked->status)
        scaling->status = asked->status;
    if (asked && asked->has_target_capacity)
        scaling->target_capacity = asked->target_capacity;
    if (asked && asked->has_minimum_scaling_step_size)
        scaling->minimum_scaling_step_size = asked->minimum_scaling_step_size;
    if (asked && asked->has_maximum_scaling_step_size)
        scaling->maximum_scaling_step_size = asked->maximum_scaling_step_size;
    if (asked && asked->has_instance_warmup_period)
        scaling->instance_warmup_period = asked->instance_warmup_period;
    if (in->managed_termination_protection)
        group.managed_termination_protection = in->managed_termination_protection;
    if (in->managed_draining)
        group.managed_draining = in->managed_draining;
    TRY(check_together(&group));
    *ret = group;
    return NULL;
}

struct error *provider_group_read(struct call *call, const struct capacity_provider *provider,
                                  struct ecs_auto_scaling_group_provider *ret)
{
    return stored_json_read(call->arena, ECS_SHAPE_AUTO_SCALING_GROUP_PROVIDER, provider->document,
                            "settings", provider->name, ret);
}

void provider_group_keep(struct capacity_provider *provider,
                         const struct ecs_auto_scaling_group_provider *group)
{
    CLEANUP(buf_done) struct buf text = {0};

    shape_encode(&ecs_shapes[ECS_SHAPE_AUTO_SCALING_GROUP_PROVIDER], &text, group);
    capacity_provider_set_document(provider, text.data);
    capacity_provider_set_group(provider, group_name(group->auto_scaling_group_arn));
    provider->is_scaling_managed =
        group->managed_scaling->status == ECS_MANAGED_SCALING_STATUS_ENABLED;
}
