#include "ecs/auth.h"

#include <string.h>

#include "ecs/names.h"
#include "wire/dispatch.h"

/* What an agent calls (AP- section 3). The sessions' own actions (ecs:Poll,
 * ecs:StartTelemetrySession) are checked where sessions begin. */
static const char *const agent_actions[] = {
    "ecs:CreateCluster", /* only its own, when that is missing (AP-108) */
    "ecs:DiscoverPollEndpoint",
    "ecs:ListTagsForResource", /* AP-142 */
    "ecs:RegisterContainerInstance",
    "ecs:SubmitAttachmentStateChanges",
    "ecs:SubmitContainerStateChange",
    "ecs:SubmitTaskStateChange",
    "ecs:UpdateContainerInstancesState", /* AP-141 */
};

/* What a task may by its role, of itself alone: who it is and whether it may be stopped. Until
 * roles have policies, this is all. */
static const char *const role_actions[] = {
    "ecs:DescribeTasks",
    "ecs:GetTaskProtection",
    "ecs:ListTagsForResource",
    "ecs:UpdateTaskProtection",
};

static bool is_role(const struct call *call)
{
    return call->principal.role_arn != NULL;
}

/* arn:aws:sts::1234:assumed-role/web/0123...: the session of an assumed role is named for the task.
 */
static const char *role_session_arn(struct call *call)
{
    const char *name = strrchr(call->principal.role_arn, '/');
    char task[ID_HEX_SIZE];

    id_format(&call->principal.role_task, task);
    return arena_printf(call->arena, "arn:aws:sts::%s:assumed-role/%s/%s", call->account,
                        name ? name + 1 : call->principal.role_arn, task);
}

bool call_is_agent(const struct call *call)
{
    return call->principal.agent_cluster != NULL;
}

const char *call_principal_arn(struct call *call)
{
    const struct access_key *key = NULL;

    if (is_role(call))
        return role_session_arn(call);
    if (call_is_agent(call))
        key = state_access_key(ecs_of(call)->state, call->principal.access_key_id);
    if (!key)
        return arena_printf(call->arena, "arn:aws:iam::%s:root", call->account);
    return arena_printf(call->arena, "arn:aws:iam::%s:user/%s", call->account,
                        str_is_empty(key->name) ? key->access_key_id : key->name);
}

static struct error *refuse(struct call *call, const char *action, const char *resource_arn)
{
    return error_new(API_ACCESS_DENIED, "User: %s is not authorized to perform: %s on resource: %s",
                     call_principal_arn(call), action, resource_arn);
}

static bool is_agent_action(const char *action)
{
    for (size_t i = 0; i < ARRAY_LEN(agent_actions); i++)
        if (strcmp(agent_actions[i], action) == 0)
            return true;
    return false;
}

static bool is_own_instance(struct call *call, const struct id *id)
{
    return !id_is_zero(&call->principal.agent_instance) &&
           id_cmp(id, &call->principal.agent_instance) == 0;
}

/* Its cluster, its container instance, or a task that runs on that. */
static bool is_own_resource(struct call *call, const char *resource_arn)
{
    const char *cluster = call->principal.agent_cluster;
    const struct task *task;
    const char *slash;
    struct arn arn;
    struct id id;

    if (!arn_parse(call->arena, resource_arn, &arn) || strcmp(arn.account, call->account) != 0 ||
        strcmp(arn.region, call->region) != 0)
        return false;
    if (strcmp(arn.type, "cluster") == 0)
        return strcmp(arn.rest, cluster) == 0;
    slash = strchr(arn.rest, '/');
    if (!slash || strlen(cluster) != (size_t)(slash - arn.rest) ||
        memcmp(arn.rest, cluster, strlen(cluster)) != 0 || !id_parse(slash + 1, &id))
        return false;
    if (strcmp(arn.type, "container-instance") == 0)
        return is_own_instance(call, &id);
    if (strcmp(arn.type, "task") != 0)
        return false;
    task = state_task(ecs_of(call)->state, call_scope(call), cluster, &id);
    return task && is_own_instance(call, &task->instance);
}

static bool is_role_action(const char *action)
{
    for (size_t i = 0; i < ARRAY_LEN(role_actions); i++)
        if (strcmp(role_actions[i], action) == 0)
            return true;
    return false;
}

static bool is_own_task(struct call *call, const char *cluster, const struct id *id)
{
    return str_eq(cluster, call->principal.role_cluster) &&
           id_cmp(id, &call->principal.role_task) == 0;
}

static bool is_arn_of_own_task(struct call *call, const char *resource_arn)
{
    struct arn arn;
    struct id id;
    const char *slash;

    if (!arn_parse(call->arena, resource_arn, &arn) || !str_eq(arn.account, call->account) ||
        !str_eq(arn.region, call->region) || !str_eq(arn.type, "task"))
        return false;
    slash = strchr(arn.rest, '/');
    return slash && id_parse(slash + 1, &id) &&
           is_own_task(call, arena_dup_n(call->arena, arn.rest, (size_t)(slash - arn.rest)), &id);
}

struct error *call_admit(struct call *call)
{
    const char *action = call->operation->action;

    if (is_role(call))
        return is_role_action(action) ? NULL : refuse(call, action, "*");
    return call_is_agent(call) && !is_agent_action(action) ? refuse(call, action, "*") : NULL;
}

struct error *call_authorize(struct call *call, const char *action, const char *resource_arn)
{
    if (is_role(call))
        return is_role_action(action) && is_arn_of_own_task(call, resource_arn)
                   ? NULL
                   : refuse(call, action, resource_arn);
    if (!call_is_agent(call))
        return NULL;
    if (is_agent_action(action) && is_own_resource(call, resource_arn))
        return NULL;
    return refuse(call, action, resource_arn);
}

struct error *call_authorize_task(struct call *call, const char *action, const struct task *task)
{
    if (is_role(call)
            ? is_role_action(action) && is_own_task(call, task->cluster, &task->id)
            : !call_is_agent(call) || (strcmp(task->cluster, call->principal.agent_cluster) == 0 &&
                                       is_own_instance(call, &task->instance)))
        return NULL;
    return refuse(call, action, arn_task(call->arena, call_scope(call), task->cluster, &task->id));
}
