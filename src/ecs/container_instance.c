#include "ecs/container_instance.h"

#include "ecs/auth.h"
#include "ecs/names_enter.h"
#include "gen/ecs_handlers.h"

#define INSTANCES_UPDATED_MAX 10 /* API-063, CL-280 */

/* ---- UpdateContainerInstancesState ---- */

static struct error *check_update(struct call *call,
                                  const struct ecs_update_container_instances_state_request *in,
                                  const char *cluster, struct id *ret_ids)
{
    const struct ecs_string_list *asked = &in->container_instances;

    if (in->status != ECS_CONTAINER_INSTANCE_STATUS_ACTIVE &&
        in->status != ECS_CONTAINER_INSTANCE_STATUS_DRAINING)
        return error_new(API_INVALID_PARAMETER,
                         "Container instance status should be one of [ACTIVE, DRAINING]");
    if (asked->count == 0)
        return error_new(API_INVALID_PARAMETER, "Container instances cannot be empty.");
    if (asked->count > INSTANCES_UPDATED_MAX)
        return error_new(API_INVALID_PARAMETER, "Container instances can have at most %d items.",
                         INSTANCES_UPDATED_MAX);
    for (size_t i = 0; i < asked->count; i++) {
        TRY(names_instance_id(call, cluster, asked->items[i], &ret_ids[i]));
        TRY(call_authorize(
            call, "ecs:UpdateContainerInstancesState",
            arn_container_instance(call->arena, call_scope(call), cluster, &ret_ids[i])));
    }
    return NULL;
}

/* API-169: only from and to ACTIVE and DRAINING. What that means for tasks is the reconcilers'
 * work. */
static const struct container_instance *
set_state(struct call *call, const struct container_instance *instance, enum instance_status status)
{
    struct container_instance *edited;

    if (instance->status == status)
        return instance;
    edited = txn_edit_instance(call->txn, instance);
    edited->status = status;
    edited->version++;
    return edited;
}

struct error *
api_update_container_instances_state(struct call *call,
                                     const struct ecs_update_container_instances_state_request *in,
                                     struct ecs_update_container_instances_state_response *out)
{
    enum instance_status status =
        in->status == ECS_CONTAINER_INSTANCE_STATUS_ACTIVE ? INSTANCE_ACTIVE : INSTANCE_DRAINING;
    size_t count = in->container_instances.count;
    struct id ids[INSTANCES_UPDATED_MAX];
    const struct cluster *cluster;
    const char *name = NULL;

    TRY(names_cluster_name(call, in->cluster, &name));
    TRY(check_update(call, in, name, ids));
    TRY(names_find_cluster(call, in->cluster, &cluster));
    SET_LIST(call->arena, &out->container_instances, count);
    SET_LIST(call->arena, &out->failures, count);
    out->container_instances.count = 0;
    out->failures.count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct container_instance *instance =
            state_instance(ecs_of(call)->state, call_scope(call), cluster->name, &ids[i]);

        if (!instance ||
            (instance->status != INSTANCE_ACTIVE && instance->status != INSTANCE_DRAINING)) {
            out->failures.items[out->failures.count++] = (struct ecs_failure){
                .arn =
                    arn_container_instance(call->arena, call_scope(call), cluster->name, &ids[i]),
                .reason = instance ? "INACTIVE" : "MISSING", /* API-055 */
            };
            continue;
        }
        container_instance_describe(
            call, set_state(call, instance, status), INSTANCE_WITH_TAGS,
            &out->container_instances.items[out->container_instances.count++]);
    }
    return NULL;
}

/* ---- DeregisterContainerInstance ---- */

/* DeregisterContainerInstance: INACTIVE at once (CL-256). With force its tasks are orphaned: their
 * containers keep running, the reconciler reports them STOPPED and services replace them (CL-300 to
 * CL-304). Repeating it changes nothing (API-021). */
struct error *
api_deregister_container_instance(struct call *call,
                                  const struct ecs_deregister_container_instance_request *in,
                                  struct ecs_deregister_container_instance_response *out)
{
    const struct container_instance *instance;
    struct instance_counts counts;

    TRY(names_enter_instance(call, "ecs:DeregisterContainerInstance", in->cluster,
                             in->container_instance, &instance));
    state_instance_counts(instance, &counts);
    if (instance->status != INSTANCE_INACTIVE && !in->force &&
        counts.tasks_running + counts.tasks_pending > 0)
        return error_new(API_INVALID_PARAMETER, "Found running tasks on the instance.");

    if (instance->status != INSTANCE_INACTIVE) {
        struct container_instance *edited = txn_edit_instance(call->txn, instance);

        edited->status = INSTANCE_INACTIVE;
        edited->deregistered_at_ms = call->now_ms;
        edited->version++;
        container_instance_resize_tags(edited, 0); /* API-041 */
        instance = edited;
    }
    out->container_instance = ARENA_NEW(call->arena, struct ecs_container_instance);
    container_instance_describe(call, instance, INSTANCE_WITH_TAGS, out->container_instance);
    control_disconnect_instance(ecs_of(call)->control, instance);
    return NULL;
}
