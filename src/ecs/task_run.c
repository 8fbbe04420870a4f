/* RunTask: the scheduler chooses where (API-117 to API-123, SC-001 to SC-026). */
#include <string.h>

#include "base/json_text.h"
#include "control/capacity.h"
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

/* ---- where ---- */

/* What one provider gets of a call; without a strategy there is one part, of no provider. */
struct part {
    const char *provider; /* NULL: any host */
    bool is_waited_for;   /* what finds no place there waits (CL-103) */
    size_t wanted;
    struct plan plan;
};
struct parts {
    struct part *items;
    size_t count;
};

static size_t part_waiting(const struct part *part)
{
    return part->is_waited_for ? part->wanted - part->plan.placed_count : 0;
}

/* CL-100, CL-101: the base, then by weight. */
static void divide(struct call *call, const struct ecs_capacity_provider_strategy *strategy,
                   size_t wanted, struct parts *ret)
{
    struct share *shares = launch_shares(call->arena, strategy);

    ret->count = strategy->count ? strategy->count : 1;
    ret->items = ARENA_ARRAY(call->arena, struct part, ret->count);
    if (!strategy->count) {
        ret->items[0].wanted = wanted;
        return;
    }
    for (size_t i = 0; i < strategy->count; i++) {
        ret->items[i].provider = strategy->items[i].capacity_provider;
        ret->items[i].is_waited_for = capacity_is_waited_for(ecs_of(call)->state, call_scope(call),
                                                             strategy->items[i].capacity_provider);
    }
    for (size_t next; wanted > 0; wanted--) {
        next = apportion_next(shares, strategy->count);
        if (next == strategy->count)
            return;
        shares[next].held++;
        ret->items[next].wanted++;
    }
}

/* Nobody comes to a cluster without hosts, unless a provider brings some. */
static bool is_hopeless(const struct cluster *cluster, const struct parts *parts)
{
    struct cluster_counts counts;

    for (size_t i = 0; i < parts->count; i++)
        if (parts->items[i].is_waited_for)
            return false;
    state_cluster_counts(cluster, &counts);
    return counts.instances_active == 0;
}

/* CL-106 */
static struct error *check_waiting(struct task_launch *launch, const struct parts *parts)
{
    struct call *call = launch->call;
    size_t waiting = 0;

    for (size_t i = 0; i < parts->count; i++)
        waiting += part_waiting(&parts->items[i]);
    if (waiting && waiting > control_waiting_room(ecs_of(call)->control, call_scope(call),
                                                  launch->cluster->name))
        return error_new(API_CLIENT, WAITING_LIMIT_EXCEEDED);
    return NULL;
}

static struct error *find_places(struct task_launch *launch, const struct ecs_run_task_request *in,
                                 const struct capacity_choice *choice, struct parts *ret)
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

    if (choice->launch_type == ECS_LAUNCH_TYPE_FARGATE)
        return task_capacity_refuse_fargate();
    divide(call, &choice->strategy, in->has_count ? (size_t)in->count : 1, ret);
    if (is_hopeless(launch->cluster, ret))
        return error_new(API_INVALID_PARAMETER,
                         "No Container Instances were found in your cluster.");
    launch_demand(call->arena, &launch->recipe, launch->group, &rules, &demand);
    for (size_t i = 0; i < ret->count; i++) {
        demand.capacity_provider = ret->items[i].provider;
        TRY(plan_place(call->arena, fleet, &demand, ret->items[i].wanted, call->rng,
                       &ret->items[i].plan));
    }
    launch->order.placement =
        launch_placement_text(call->arena, &in->placement_constraints, &in->placement_strategy);
    return check_waiting(launch, ret);
}

/* API-051: one failure for each host that was looked at and passed over; the detail names an
 * attribute that is missing there. A provider without a host fails as a whole (CL-105). */
static void answer_failures(const struct task_launch *launch, const struct parts *parts,
                            struct ecs_failures *ret)
{
    struct call *call = launch->call;
    size_t count = 0;

    for (size_t i = 0; i < parts->count; i++)
        count += parts->items[i].plan.refusal_count + 1;
    SET_LIST(call->arena, ret, count);
    ret->count = 0;
    for (size_t i = 0; i < parts->count; i++) {
        const struct part *part = &parts->items[i];

        if (part->is_waited_for)
            continue;
        for (size_t j = 0; j < part->plan.refusal_count; j++) {
            ret->items[ret->count] = failure_of(
                arn_container_instance(call->arena, call_scope(call), launch->cluster->name,
                                       &part->plan.refusals[j].host),
                part->plan.refusals[j].reason);
            ret->items[ret->count++].detail = part->plan.refusals[j].detail;
        }
        if (part->provider && part->plan.placed_count < part->wanted && !part->plan.refusal_count)
            ret->items[ret->count++] = failure_of(
                arn_capacity_provider(call->arena, call_scope(call), part->provider), "RESOURCE:*");
    }
}

static struct error *launch_part(struct task_launch *launch, const struct part *part,
                                 struct id *ids, struct ecs_tasks *tasks)
{
    size_t placed = part->plan.placed_count;

    launch->order.capacity_provider = part->provider;
    if (part_waiting(part))
        launch->order.placement_explanation = plan_explain(launch->call->arena, &part->plan);
    for (size_t i = 0; i < placed + part_waiting(part); i++, tasks->count++)
        TRY(task_launch_insert(launch, i < placed ? &part->plan.hosts[i] : NULL, &ids[tasks->count],
                               &tasks->items[tasks->count]));
    return NULL;
}

struct error *api_run_task(struct call *call, const struct ecs_run_task_request *in,
                           struct ecs_run_task_response *out)
{
    const struct cluster *cluster;
    struct capacity_choice choice;
    struct task_launch launch;
    struct client_token_use token;
    struct parts parts = {0};
    size_t made_count = 0;
    struct id *ids;

    TRY(task_launch_authorize(call, "ecs:RunTask", in->task_definition));
    if (in->has_count && in->count > call_quota(call, QUOTA_TASKS_PER_RUN_TASK)) /* MS-238 */
        return quota_error(ecs_of(call)->quotas, QUOTA_TASKS_PER_RUN_TASK, API_INVALID_PARAMETER);
    /* The token first: what it made stays its answer, whatever became of the definition since. */
    TRY(names_find_cluster(call, in->cluster, &cluster));
    TRY(look_up_token(call, cluster, in, &token));
    if (token.result)
        return answer_again(call, cluster->name, token.result, out);
    TRY(prepare(call, cluster, in, &launch, &choice));
    TRY(find_places(&launch, in, &choice, &parts));

    for (size_t i = 0; i < parts.count; i++)
        made_count += parts.items[i].plan.placed_count + part_waiting(&parts.items[i]);
    ids = ARENA_ARRAY(call->arena, struct id, made_count + 1);
    SET_LIST(call->arena, &out->tasks, made_count);
    out->tasks.count = 0;
    for (size_t i = 0; i < parts.count; i++)
        TRY(launch_part(&launch, &parts.items[i], ids, &out->tasks));
    answer_failures(&launch, &parts, &out->failures);
    /* A call that made nothing has nothing to come back to: repeated, it tries again. */
    if (made_count > 0)
        client_token_remember(call, &token, ids_text(call->arena, ids, made_count));
    return NULL;
}
