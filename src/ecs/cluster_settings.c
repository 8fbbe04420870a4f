#include <string.h>

#include "core/connect_namespace.h"
#include "core/stored_json.h"
#include "ecs/account_setting.h"
#include "ecs/cluster.h"
#include "ecs/names.h"
#include "gen/ecs_shapes.h"

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
        /* API-067, CL-237 */
        .value = account_setting_for_caller(call, ECS_SETTING_NAME_CONTAINER_INSIGHTS),
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

/* API-068. An empty logConfiguration names no place to log to. */
static struct error *check_exec(const struct ecs_execute_command_configuration *exec)
{
    const struct ecs_execute_command_log_configuration *log = exec->log_configuration;

    if (exec->logging != ECS_EXECUTE_COMMAND_LOGGING_OVERRIDE)
        return NULL;
    if (!log)
        return error_new(API_INVALID_PARAMETER, "A logConfiguration must be specified when the "
                                                "logging of executeCommandConfiguration is "
                                                "OVERRIDE.");
    if (str_is_empty(log->cloud_watch_log_group_name) && str_is_empty(log->s3_bucket_name))
        return error_new(API_INVALID_PARAMETER,
                         "The logConfiguration of executeCommandConfiguration must specify a "
                         "cloudWatchLogGroupName or an s3BucketName when logging is OVERRIDE.");
    return NULL;
}

struct error *cluster_check_configuration(struct call *call, const char *stored,
                                          const struct ecs_cluster_configuration *in,
                                          const char **ret_json)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct ecs_cluster_configuration merged = {0};

    *ret_json = NULL;
    if (!in)
        return NULL;
    if (in->execute_command_configuration)
        TRY(check_exec(in->execute_command_configuration));
    TRY(stored_json_read(call->arena, ECS_SHAPE_CLUSTER_CONFIGURATION, stored, "configuration",
                         "cluster", &merged));
    if (in->execute_command_configuration)
        merged.execute_command_configuration = in->execute_command_configuration;
    if (in->managed_storage_configuration)
        merged.managed_storage_configuration = in->managed_storage_configuration;
    ecs_encode_cluster_configuration(&text, &merged);
    *ret_json = arena_dup(call->arena, text.data);
    return NULL;
}

/* ---- the namespace of Service Connect ---- */

#define NAMESPACE_CHARS_MAX 1024

struct error *cluster_check_connect(struct call *call,
                                    const struct ecs_cluster_service_connect_defaults_request *in,
                                    struct cluster_connect *ret)
{
    *ret = (struct cluster_connect){.is_given = in};
    if (!in || str_is_empty(in->namespace))
        return NULL;
    if (strlen(in->namespace) > NAMESPACE_CHARS_MAX)
        return error_new(API_INVALID_PARAMETER, "namespace can have at most %d characters.",
                         NAMESPACE_CHARS_MAX);
    if (!arn_looks_like(in->namespace) && strpbrk(in->namespace, "~></"))
        return error_new(API_INVALID_PARAMETER,
                         "The namespace %.256s is invalid: a name cannot contain ~, >, < or /.",
                         in->namespace);
    ret->arn = connect_namespace_arn(call->arena, call_scope(call), in->namespace);
    if (!arn_looks_like(in->namespace))
        ret->name = in->namespace;
    else if (!state_connect_namespace(ecs_of(call)->state, call_scope(call), ret->arn))
        return error_new(API_NAMESPACE_NOT_FOUND, "The namespace %.256s was not found.",
                         in->namespace);
    return NULL;
}

static void make_namespace(struct call *call, const struct cluster_connect *connect)
{
    struct connect_namespace *made;

    if (!connect->name ||
        state_connect_namespace(ecs_of(call)->state, call_scope(call), connect->arn))
        return;
    made = connect_namespace_new();
    connect_namespace_set_arn(made, connect->arn);
    connect_namespace_set_name(made, connect->name);
    made->created_at_ms = call->now_ms;
    txn_insert_connect_namespace(call->txn, made);
}

void cluster_keep_connect(struct call *call, struct cluster *cluster,
                          const struct cluster_connect *connect)
{
    struct ecs_cluster_service_connect_defaults defaults = {.namespace = connect->arn};
    CLEANUP(buf_done) struct buf json = {0};

    if (!connect->is_given)
        return;
    if (!connect->arn) {
        cluster_set_service_connect_defaults(cluster, NULL);
        return;
    }
    ecs_encode_cluster_service_connect_defaults(&json, &defaults);
    cluster_set_service_connect_defaults(cluster, json.data);
    make_namespace(call, connect);
}
