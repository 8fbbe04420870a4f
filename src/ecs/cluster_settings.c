#include <string.h>

#include "ecs/cluster.h"
#include "ecs/names.h"
#include "gen/ecs_shapes.h"

/* What the account says where a cluster does not (API-067, CL-237). */
static const char *account_insights(struct call *call)
{
    const struct account_setting *setting = state_account_setting(
        ecs_of(call)->state, call_scope(call),
        arena_printf(call->arena, "arn:aws:iam::%s:root", call->account), "containerInsights");

    return setting && setting->value ? setting->value : "disabled";
}

static bool is_insights_value(const char *value)
{
    /* "enhanced" is a later client's: stored, and on (CL-040). */
    return str_eq(value, "enabled") || str_eq(value, "disabled") || str_eq(value, "enhanced");
}

struct error *cluster_check_settings(struct call *call, const struct ecs_cluster_settings *in,
                                     const char **ret_json)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct ecs_cluster_setting setting = {
        .name = ECS_CLUSTER_SETTING_NAME_CONTAINER_INSIGHTS,
        .value = account_insights(call),
    };
    struct ecs_cluster_settings settings = {.is_set = true, .count = 1, .items = &setting};

    for (size_t i = 0; i < in->count; i++) {
        if (in->items[i].name != ECS_CLUSTER_SETTING_NAME_CONTAINER_INSIGHTS)
            return error_new(API_INVALID_PARAMETER,
                             "Cluster setting name should not be null or empty.");
        if (!is_insights_value(in->items[i].value))
            return error_new(API_INVALID_PARAMETER,
                             "Cluster setting value '%s' is invalid: containerInsights can be "
                             "enabled, disabled or "
                             "enhanced.",
                             in->items[i].value ? in->items[i].value : "");
        setting.value = in->items[i].value;
    }
    shape_encode(&ecs_shapes[ECS_SHAPE_CLUSTER_SETTINGS], &text, &settings);
    *ret_json = arena_dup(call->arena, text.data);
    return NULL;
}

struct error *cluster_check_configuration(struct call *call,
                                          const struct ecs_cluster_configuration *in,
                                          const char **ret_json)
{
    CLEANUP(buf_done) struct buf text = {0};
    const struct ecs_execute_command_configuration *exec;

    *ret_json = NULL;
    if (!in)
        return NULL;
    exec = in->execute_command_configuration;
    /* API-068 */
    if (exec && exec->logging == ECS_EXECUTE_COMMAND_LOGGING_OVERRIDE && !exec->log_configuration)
        return error_new(API_INVALID_PARAMETER, "A logConfiguration must be specified when the "
                                                "logging of executeCommandConfiguration is "
                                                "OVERRIDE.");
    ecs_encode_cluster_configuration(&text, in);
    *ret_json = arena_dup(call->arena, text.data);
    return NULL;
}
