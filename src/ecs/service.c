/* DeleteService and DescribeServices (API-155, API-156, SC-185 to SC-187). */
#include "ecs/auth.h"
#include "ecs/names_enter.h"
#include "ecs/service_deploy.h"
#include "ecs/service_describe.h"
#include "ecs/task_describe.h"
#include "gen/ecs_handlers.h"

/* ---- DeleteService ---- */

static struct error *check_may_end(const struct service *service, bool is_forced)
{
    if (is_forced || service->strategy == STRATEGY_DAEMON)
        return NULL;
    if (service->controller == CONTROLLER_EXTERNAL && state_task_set_count(service) > 0)
        return error_new(API_INVALID_PARAMETER,
                         "The service cannot be stopped while it has task sets. Delete them, or "
                         "use force.");
    if (service->desired_count > 0)
        return error_new(API_INVALID_PARAMETER,
                         "The service cannot be stopped while it is scaled above 0.");
    if (service->deployments_count > 1)
        return error_new(API_INVALID_PARAMETER,
                         "The service cannot be stopped while deployments are active.");
    return NULL;
}

/* The reconciler stops the tasks and makes the service INACTIVE once all are on their way out
 * (SC-186). */
static const struct service *drain(struct call *call, const struct service *service)
{
    struct service *edited = txn_edit_service(call->txn, service);
    const struct task_set *set = NULL;

    edited->status = SERVICE_DRAINING;
    edited->desired_count = 0;
    edited->is_steady = false;
    for (uint32_t i = 0; i < edited->deployments_count; i++) {
        edited->deployments[i].desired_count = 0;
        edited->deployments[i].updated_at_ms = call->now_ms;
    }
    service_deploy_stop(call, edited, "The service was deleted.");
    while ((set = state_task_set_after(edited, set ? set->id : NULL))) {
        struct task_set *draining = txn_edit_task_set(call->txn, set);

        draining->status = TASK_SET_DRAINING;
        draining->desired_count = 0;
        draining->updated_at_ms = call->now_ms;
    }
    return edited;
}

struct error *api_delete_service(struct call *call, const struct ecs_delete_service_request *in,
                                 struct ecs_delete_service_response *out)
{
    const struct cluster *cluster;
    const struct service *service;

    TRY(names_enter_service(call, "ecs:DeleteService", in->cluster, in->service, &cluster,
                            &service));
    if (service->status == SERVICE_INACTIVE)
        return error_new(API_SERVICE_NOT_FOUND, "Service not found.");
    if (service->status == SERVICE_ACTIVE) {
        TRY(check_may_end(service, in->force));
        service = drain(call, service);
    }
    out->service = ARENA_NEW(call->arena, struct ecs_service);
    return service_describe(call, service, true, out->service);
}

/* ---- DescribeServices ---- */

struct error *api_describe_services(struct call *call,
                                    const struct ecs_describe_services_request *in,
                                    struct ecs_describe_services_response *out)
{
    const struct scope *scope = call_scope(call);
    const char **names = ARENA_ARRAY(call->arena, const char *, in->services.count);
    const struct cluster *cluster;
    const char *cluster_name = NULL;

    TRY(names_cluster_name(call, in->cluster, &cluster_name));
    for (size_t i = 0; i < in->services.count; i++) {
        TRY(names_service_name(call, cluster_name, in->services.items[i], &names[i]));
        TRY(call_authorize(call, "ecs:DescribeServices",
                           arn_service(call->arena, scope, cluster_name, names[i])));
    }
    TRY(names_find_cluster(call, cluster_name, &cluster));
    SET_LIST(call->arena, &out->services, in->services.count);
    SET_LIST(call->arena, &out->failures, in->services.count);
    out->services.count = 0;
    out->failures.count = 0;
    for (size_t i = 0; i < in->services.count; i++) {
        const struct service *service =
            state_service(ecs_of(call)->state, scope, cluster->name, names[i]);

        if (service)
            TRY(service_describe(call, service, in->include.count > 0,
                                 &out->services.items[out->services.count++]));
        else
            out->failures.items[out->failures.count++] =
                failure_of(arn_service(call->arena, scope, cluster->name, names[i]), "MISSING");
    }
    return NULL;
}
