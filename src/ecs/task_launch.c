#include "ecs/task_launch.h"

#include <string.h>

#include "ecs/account_setting.h"
#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/tags.h"
#include "ecs/task_network.h"
#include "ecs/task_volumes.h"

/* API-119: any printable text. */
static struct error *check_started_by(const char *started_by)
{
    for (const char *c = started_by; c && *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            return error_new(API_INVALID_PARAMETER,
                             "startedBy must be of printable ASCII characters.");
    return NULL;
}

/* SC-092: a group that looks like a service's, or like another family's, would spoil their counts.
 */
static struct error *check_group(const char *group, const char *family)
{
    static const char of_family[] = "family:";

    if (!group)
        return NULL;
    if (!*group)
        return error_new(API_INVALID_PARAMETER, "group cannot be empty.");
    if (str_starts_with(group, "service:"))
        return error_new(API_INVALID_PARAMETER,
                         "Invalid namespace for group. The prefix 'service:' is reserved for "
                         "services.");
    if (str_starts_with(group, of_family) && strcmp(group + sizeof(of_family) - 1, family) != 0)
        return error_new(API_INVALID_PARAMETER,
                         "Invalid namespace for group. The prefix 'family:' is reserved for the "
                         "task definition's own family.");
    return NULL;
}

static struct error *check_launch_type(const struct task_recipe *recipe, enum ecs_launch_type type)
{
    const struct ecs_compatibility_list *fits = &recipe->document->compatibilities;
    bool is_compatible = !fits->is_set;

    if (type == ECS_LAUNCH_TYPE_MANAGED_INSTANCES)
        return error_new(API_UNSUPPORTED_FEATURE,
                         "The launch type %s is not available here; use EC2 or EXTERNAL.",
                         ecs_launch_type_name(type));
    for (size_t i = 0; i < fits->count; i++)
        is_compatible = is_compatible ||
                        str_eq(ecs_compatibility_name(fits->items[i]), ecs_launch_type_name(type));
    if (!is_compatible)
        return error_new(API_INVALID_PARAMETER, "Task definition does not support launch_type %s.",
                         ecs_launch_type_name(type));
    return NULL;
}

/* MS-245, with what is propagated; "aws:" ones do not count (API-039). */
static struct error *check_tag_count(struct call *call, const struct task_order *order)
{
    size_t count = 0;

    for (size_t i = 0; i < order->tag_count; i++)
        count += !str_starts_with(order->tags[i].key, "aws:");
    if ((int64_t)count > call_quota(call, QUOTA_TAGS_PER_RESOURCE))
        return quota_error(ecs_of(call)->quotas, QUOTA_TAGS_PER_RESOURCE, API_INVALID_PARAMETER);
    return NULL;
}

static struct error *order_tags(struct call *call, const struct task_launch_request *request,
                                struct task_launch *launch)
{
    const struct task_definition *definition = launch->recipe.definition;
    bool propagates = request->propagate_tags == ECS_PROPAGATE_TAGS_TASK_DEFINITION;

    if (request->propagate_tags == ECS_PROPAGATE_TAGS_SERVICE)
        return error_new(API_INVALID_PARAMETER,
                         "Tags can be propagated to a standalone task from its task definition "
                         "only.");
    TRY(tags_check(ecs_of(call)->quotas, request->tags, API_INVALID_PARAMETER));
    task_order_tags(call->arena, definition->tags, propagates ? definition->tags_count : 0,
                    request->tags, request->enable_ecs_managed_tags, &launch->order);
    return check_tag_count(call, &launch->order);
}

static struct error *check_options(const struct task_launch_request *request,
                                   const struct task_recipe *recipe)
{
    TRY(check_started_by(request->started_by));
    TRY(check_group(request->group, recipe->definition->family));
    TRY(task_volumes_check(recipe->document, request->launch_type, request->volume_configurations));
    if (request->enable_execute_command && str_is_empty(recipe->task_role_arn))
        return error_new(API_INVALID_PARAMETER,
                         "The task couldn't be started because a valid taskRoleArn is not being "
                         "used. Specify a valid task role in your task definition and try again.");
    return NULL;
}

struct error *task_launch_authorize(struct call *call, const char *action, const char *text)
{
    const char *family = NULL;
    int revision = 0;

    TRY(names_family_revision(call, text, &family, &revision));
    return call_authorize(call, action,
                          arn_task_definition(call->arena, call_scope(call), family, revision));
}

struct error *task_launch_prepare(struct call *call, const struct task_launch_request *request,
                                  struct task_launch *ret)
{
    const struct task_definition *definition;

    TRY(names_find_cluster(call, request->cluster, &ret->cluster));
    TRY(names_find_active_task_definition(call, request->task_definition, &definition));
    TRY(task_recipe_read(call->arena, definition, &ret->recipe));
    TRY(check_launch_type(&ret->recipe, request->launch_type));
    TRY(task_recipe_override(call->arena, &ret->recipe, request->overrides));
    TRY(check_options(request, &ret->recipe));
    ret->call = call;
    ret->volumes = request->volume_configurations;
    ret->describer = task_describer_for(call);
    task_describer_know(&ret->describer, &ret->recipe);
    ret->order = (struct task_order){
        .cluster = ret->cluster->name,
        .recipe = &ret->recipe,
        .group = request->group,
        .started_by = request->started_by,
        .reference_id = request->reference_id,
        .client_token = request->client_token,
        .enable_execute_command = request->enable_execute_command,
        .network_configuration = task_network_text(call->arena, request->network_configuration),
    };
    TRY(account_setting_arn_format(call, ECS_SETTING_NAME_TASK_LONG_ARN_FORMAT, "task",
                                   request->tags, &ret->order.has_old_arn));
    TRY(account_setting_check_tagging(ret->order.has_old_arn, request->propagate_tags,
                                      request->enable_ecs_managed_tags));
    launch_type_parse(ecs_launch_type_name(request->launch_type), &ret->order.launch_type);
    TRY(task_network_check_size(ecs_of(call)->quotas, request->network_configuration));
    TRY(task_network_check(definition, ret->order.launch_type, request->network_configuration));
    ret->group = task_order_group(call->arena, &ret->order);
    return order_tags(call, request, ret);
}

struct error *task_launch_insert(struct task_launch *launch, const struct id *instance,
                                 struct id *ret_id, struct ecs_task *ret)
{
    struct call *call = launch->call;
    struct task *task = task_build(&launch->order, instance, call->rng, call->now_ms);

    if (launch->volumes->count) {
        task_set_volume_configurations(task, task_volumes_text(call->arena, launch->volumes));
        task_set_attachments(task, task_volumes_attachments(call, launch->volumes));
    }
    task = txn_insert_task(call->txn, task);
    *ret_id = task->id;
    return task_describe(&launch->describer, task, true, ret);
}
