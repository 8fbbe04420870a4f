/* StartTask: the caller chooses where (API-124, SC-022, API-052). */
#include "control/launch.h"
#include "ecs/names.h"
#include "ecs/task_launch.h"
#include "gen/ecs_handlers.h"

/* A task has the launch type of the host its caller chose. */
static enum launch_type launch_type_on(const struct task_launch *launch, const struct id *id)
{
    const struct container_instance *instance = state_instance(
        ecs_of(launch->call)->state, call_scope(launch->call), launch->cluster->name, id);

    return instance && instance->is_external ? LAUNCH_TYPE_EXTERNAL : LAUNCH_TYPE_EC2;
}

/* API-124: one task for each instance named, however often. */
static bool is_repeated(const struct id *ids, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (id_cmp(&ids[i], &ids[index]) == 0)
            return true;
    return false;
}

/* Why no task can go there; a failure without a reason: one can. */
static struct error *refusal_of(const struct task_launch *launch, const struct id *id,
                                struct ecs_failure *ret)
{
    struct call *call = launch->call;
    const char *cluster = launch->cluster->name;
    const struct container_instance *instance =
        state_instance(ecs_of(call)->state, call_scope(call), cluster, id);
    const struct launch_rules rules = {
        .launch_type = launch->order.launch_type,
        .ignores_constraints = true,
        .only_host = id,
    };
    CLEANUP(launch_demand_done) struct demand demand = {0};
    struct plan plan = {0};

    *ret = failure_of(arn_container_instance(call->arena, call_scope(call), cluster, id), NULL);
    if (!instance || instance->status == INSTANCE_INACTIVE) {
        ret->reason = instance ? "INACTIVE" : "MISSING";
        return NULL;
    }
    launch_demand(call->arena, &launch->recipe, launch->group, &rules, &demand);
    TRY(plan_place(call->arena, control_fleet(ecs_of(call)->control, call_scope(call), cluster),
                   &demand, 1, call->rng, &plan));
    if (!plan.placed_count) {
        ret->reason = plan.refusal_count ? plan.refusals[0].reason : "MISSING";
        ret->detail = plan.refusal_count ? plan.refusals[0].detail : NULL;
    }
    return NULL;
}

static struct error *prepare(struct call *call, const struct ecs_start_task_request *in,
                             struct task_launch *launch)
{
    const struct task_launch_request request = {
        .cluster = in->cluster,
        .task_definition = in->task_definition,
        .group = in->group,
        .started_by = in->started_by,
        .reference_id = in->reference_id,
        .launch_type = ECS_LAUNCH_TYPE_EC2,
        .network_configuration = in->network_configuration,
        .overrides = in->overrides,
        .propagate_tags = in->propagate_tags,
        .tags = &in->tags,
        .volume_configurations = &in->volume_configurations,
        .enable_ecs_managed_tags = in->enable_ecs_managed_tags,
        .enable_execute_command = in->enable_execute_command,
    };

    return task_launch_prepare(call, &request, launch);
}

struct error *api_start_task(struct call *call, const struct ecs_start_task_request *in,
                             struct ecs_start_task_response *out)
{
    size_t count = in->container_instances.count;
    struct id *ids = ARENA_ARRAY(call->arena, struct id, count);
    struct ecs_failure *failures = ARENA_ARRAY(call->arena, struct ecs_failure, count);
    struct task_launch launch;
    struct id task_id;

    TRY(task_launch_authorize(call, "ecs:StartTask", in->task_definition));
    if ((int64_t)count > call_quota(call, QUOTA_INSTANCES_PER_START_TASK)) /* MS-239 */
        return quota_error(ecs_of(call)->quotas, QUOTA_INSTANCES_PER_START_TASK,
                           API_INVALID_PARAMETER);
    TRY(prepare(call, in, &launch));
    for (size_t i = 0; i < count; i++) {
        TRY(names_instance_id(call, launch.cluster->name, in->container_instances.items[i],
                              &ids[i]));
        TRY(refusal_of(&launch, &ids[i], &failures[i]));
    }
    SET_LIST(call->arena, &out->tasks, count);
    SET_LIST(call->arena, &out->failures, count);
    out->tasks.count = 0;
    out->failures.count = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_repeated(ids, i))
            continue;
        if (failures[i].reason) {
            out->failures.items[out->failures.count++] = failures[i];
            continue;
        }
        launch.order.launch_type = launch_type_on(&launch, &ids[i]);
        TRY(task_launch_insert(&launch, &ids[i], &task_id, &out->tasks.items[out->tasks.count++]));
    }
    return NULL;
}
