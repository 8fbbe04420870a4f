/* RunTask: the scheduler chooses where (API-117 to API-123, SC-001 to SC-026). */
#include <string.h>

#include "base/json_text.h"
#include "control/launch.h"
#include "ecs/capacity_strategy.h"
#include "ecs/client_token.h"
#include "ecs/names.h"
#include "ecs/task_capacity.h"
#include "ecs/task_launch.h"
#include "ecs/task_placement.h"
#include "gen/ecs_handlers.h"
#include "gen/ecs_shapes.h"

#define CLIENT_TOKEN_CHARS_MAX 64
#define TOKEN_CONFLICT                                                                             \
    "The client token was used with a request whose parameters differ from those of this one."

/* ---- a call that is repeated ---- */

/* What a token remembers: the ids of the tasks, 32 digits each. */
static char *ids_text(struct arena *arena, const struct id *ids, size_t count)
{
    char *text = arena_alloc(arena, count * (ID_HEX_SIZE - 1) + 1);

    for (size_t i = 0; i < count; i++) {
        char hex[ID_HEX_SIZE];

        id_format(&ids[i], hex);
        memcpy(text + i * (ID_HEX_SIZE - 1), hex, ID_HEX_SIZE - 1);
    }
    return text;
}

static size_t ids_count(const char *text)
{
    return strlen(text) / (ID_HEX_SIZE - 1);
}

static bool ids_parse(struct arena *arena, const char *text, size_t index, struct id *ret)
{
    return id_parse(arena_dup_n(arena, text + index * (ID_HEX_SIZE - 1), ID_HEX_SIZE - 1), ret);
}

/* Answers with the tasks of the first call as they are now; those long gone are left out. */
static struct error *answer_again(struct call *call, const char *cluster, const char *text,
                                  struct ecs_run_task_response *out)
{
    struct task_describer describer = task_describer_for(call);

    SET_LIST(call->arena, &out->tasks, ids_count(text));
    SET_LIST(call->arena, &out->failures, 0);
    out->tasks.count = 0;
    for (size_t i = 0; i < ids_count(text); i++) {
        const struct task *task = NULL;
        struct id id;

        if (ids_parse(call->arena, text, i, &id))
            task = state_task(ecs_of(call)->state, call_scope(call), cluster, &id);
        if (task)
            TRY(task_describe(&describer, task, true, &out->tasks.items[out->tasks.count++]));
    }
    return NULL;
}

/* A conflict says which tasks the token made. */
static struct error *name_tasks(struct call *call, const char *cluster, const char *text,
                                struct error *conflict)
{
    CLEANUP(buf_done) struct buf members = {0};
    struct id id;

    json_text_add_name(&members, "resourceIds");
    buf_add_char(&members, '[');
    for (size_t i = 0; i < ids_count(text); i++) {
        if (!ids_parse(call->arena, text, i, &id))
            continue;
        if (i)
            buf_add_char(&members, ',');
        json_text_add_string(&members, arn_task(call->arena, call_scope(call), cluster, &id));
    }
    buf_add_char(&members, ']');
    return error_with_members(conflict, members.data);
}

static struct error *look_up_token(struct call *call, const struct cluster *cluster,
                                   const struct ecs_run_task_request *in,
                                   struct client_token_use *ret)
{
    struct ecs_run_task_request without_token = *in;
    struct error *err;

    without_token.client_token = NULL;
    err = client_token_look_up(call, "RunTask", in->client_token, CLIENT_TOKEN_CHARS_MAX,
                               &ecs_shapes[ECS_SHAPE_RUN_TASK_REQUEST], &without_token,
                               API_CONFLICT, TOKEN_CONFLICT, ret);
    if (err && ret->result)
        return name_tasks(call, cluster->name, ret->result, err);
    return err;
}

/* ---- a first call ---- */

static struct error *prepare(struct call *call, const struct cluster *cluster,
                             const struct ecs_run_task_request *in, struct task_launch *launch,
                             struct capacity_choice *ret_choice)
{
    struct task_launch_request request = {
        .action = "ecs:RunTask",
        .cluster = in->cluster,
        .task_definition = in->task_definition,
        .group = in->group,
        .started_by = in->started_by,
        .reference_id = in->reference_id,
        .network_configuration = in->network_configuration,
        .overrides = in->overrides,
        .propagate_tags = in->propagate_tags,
        .tags = &in->tags,
        .volume_configurations = &in->volume_configurations,
        .client_token = in->client_token,
        .enable_ecs_managed_tags = in->enable_ecs_managed_tags,
        .enable_execute_command = in->enable_execute_command,
    };

    TRY(capacity_resolve(call, cluster, in->launch_type, &in->capacity_provider_strategy,
                         ret_choice));
    request.launch_type = ret_choice->launch_type;
    TRY(task_capacity_check_platform(request.launch_type, in->platform_version));
    TRY(task_launch_prepare(call, &request, launch));
    TRY(task_placement_check(&in->placement_constraints,
                             launch->recipe.document->placement_constraints.count,
                             &in->placement_strategy));
    if (request.launch_type != ECS_LAUNCH_TYPE_FARGATE)
        return NULL;
    return task_capacity_check_fargate(
        launch->recipe.document, in->platform_version, &ret_choice->strategy,
        in->placement_constraints.count + launch->recipe.document->placement_constraints.count > 0,
        in->placement_strategy.count > 0);
}

/* What passed every check and still cannot be placed, whatever room there is. */
static struct error *check_capacity(const struct capacity_choice *choice)
{
    if (choice->launch_type == ECS_LAUNCH_TYPE_FARGATE)
        return task_capacity_refuse_fargate();
    if (choice->strategy.count > 0)
        return error_new(API_UNSUPPORTED_FEATURE,
                         "Tasks cannot be placed by capacity providers yet; specify the launch "
                         "type EC2 or EXTERNAL.");
    return NULL;
}

static struct error *find_places(struct task_launch *launch, const struct ecs_run_task_request *in,
                                 struct plan *ret)
{
    struct call *call = launch->call;
    const struct fleet *fleet =
        control_fleet(ecs_of(call)->control, call_scope(call), launch->cluster->name);
    const struct launch_rules rules = {
        .launch_type = launch->order.launch_type,
        .constraints = &in->placement_constraints,
        .strategies = &in->placement_strategy,
    };
    CLEANUP(launch_demand_done) struct demand demand = {0};
    struct cluster_counts counts;

    state_cluster_counts(launch->cluster, &counts);
    if (counts.instances_active == 0)
        return error_new(API_INVALID_PARAMETER,
                         "No Container Instances were found in your cluster.");
    launch_demand(call->arena, &launch->recipe, launch->group, &rules, &demand);
    return plan_place(call->arena, fleet, &demand, in->has_count ? (size_t)in->count : 1, call->rng,
                      ret);
}

/* API-051: one failure for each host that was looked at and passed over; the detail names an
 * attribute that is missing there. */
static void answer_failures(const struct task_launch *launch, const struct plan *plan,
                            struct ecs_failures *ret)
{
    struct call *call = launch->call;

    SET_LIST(call->arena, ret, plan->refusal_count);
    for (size_t i = 0; i < plan->refusal_count; i++) {
        ret->items[i] =
            failure_of(arn_container_instance(call->arena, call_scope(call), launch->cluster->name,
                                              &plan->refusals[i].host),
                       plan->refusals[i].reason);
        ret->items[i].detail = plan->refusals[i].detail;
    }
}

struct error *api_run_task(struct call *call, const struct ecs_run_task_request *in,
                           struct ecs_run_task_response *out)
{
    const struct cluster *cluster;
    struct capacity_choice choice;
    struct task_launch launch;
    struct client_token_use token;
    struct plan plan = {0};
    struct id *ids;

    if (in->has_count && in->count > call_quota(call, QUOTA_TASKS_PER_RUN_TASK)) /* MS-238 */
        return quota_error(ecs_of(call)->quotas, QUOTA_TASKS_PER_RUN_TASK, API_INVALID_PARAMETER);
    /* The token first: what it made stays its answer, whatever became of the definition since. */
    TRY(names_find_cluster(call, in->cluster, &cluster));
    TRY(look_up_token(call, cluster, in, &token));
    if (token.result)
        return answer_again(call, cluster->name, token.result, out);
    TRY(prepare(call, cluster, in, &launch, &choice));
    TRY(check_capacity(&choice));
    TRY(find_places(&launch, in, &plan));

    ids = ARENA_ARRAY(call->arena, struct id, plan.placed_count);
    SET_LIST(call->arena, &out->tasks, plan.placed_count);
    for (size_t i = 0; i < plan.placed_count; i++)
        TRY(task_launch_insert(&launch, &plan.hosts[i], &ids[i], &out->tasks.items[i]));
    answer_failures(&launch, &plan, &out->failures);
    /* A call that placed nothing made nothing to come back to: repeated, it tries again. */
    if (plan.placed_count > 0)
        client_token_remember(call, &token, ids_text(call->arena, ids, plan.placed_count));
    return NULL;
}
