/* RunTask: the scheduler chooses where (API-117 to API-123, SC-001 to SC-026). */
#include <string.h>

#include "control/launch.h"
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

/* Answers with the tasks of the first call as they are now; those long gone are left out. */
static struct error *answer_again(struct call *call, const char *cluster, const char *text,
                                  struct ecs_run_task_response *out)
{
    struct task_describer describer = task_describer_for(call);
    size_t count = strlen(text) / (ID_HEX_SIZE - 1);

    SET_LIST(call->arena, &out->tasks, count);
    out->tasks.count = 0;
    for (size_t i = 0; i < count; i++) {
        const char *hex = arena_dup_n(call->arena, text + i * (ID_HEX_SIZE - 1), ID_HEX_SIZE - 1);
        const struct task *task = NULL;
        struct id id;

        if (id_parse(hex, &id))
            task = state_task(ecs_of(call)->state, call_scope(call), cluster, &id);
        if (task)
            TRY(task_describe(&describer, task, true, &out->tasks.items[out->tasks.count++]));
    }
    return NULL;
}

/* ---- a first call ---- */

static struct error *prepare(struct call *call, const struct ecs_run_task_request *in,
                             struct task_launch *launch)
{
    const struct cluster *cluster;
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

    TRY(names_find_cluster(call, in->cluster, &cluster));
    TRY(task_capacity_resolve(call->arena, cluster, in->launch_type,
                              &in->capacity_provider_strategy, &request.launch_type));
    TRY(task_capacity_check_platform(request.launch_type, in->platform_version));
    TRY(task_launch_prepare(call, &request, launch));
    return task_placement_check(&in->placement_constraints,
                                launch->recipe.document->placement_constraints.count,
                                &in->placement_strategy);
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
    struct ecs_run_task_request without_token = *in;
    struct task_launch launch;
    struct client_token_use token;
    struct plan plan = {0};
    struct id *ids;

    TRY(prepare(call, in, &launch));
    without_token.client_token = NULL;
    TRY(client_token_look_up(call, "RunTask", in->client_token, CLIENT_TOKEN_CHARS_MAX,
                             &ecs_shapes[ECS_SHAPE_RUN_TASK_REQUEST], &without_token, API_CONFLICT,
                             TOKEN_CONFLICT, &token));
    if (token.result)
        return answer_again(call, launch.cluster->name, token.result, out);
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
