/* UpdateService (API-147 to API-154, SC-175 to SC-188, SC-240). */
#include "core/service.h"
#include "core/task_set.h"
#include "ecs/names.h"
#include "ecs/service_change.h"
#include "ecs/service_deploy.h"
#include "ecs/service_describe.h"
#include "ecs/task_set.h"
#include "gen/ecs_handlers.h"

static struct ecs_create_service_request
what_tasks_see(const struct ecs_create_service_request *config)
{
    struct ecs_create_service_request seen = {
        .service_name = config->service_name,
        .load_balancers = config->load_balancers,
        .service_registries = config->service_registries,
        .network_configuration = config->network_configuration,
        .platform_version = config->platform_version,
        .service_connect_configuration = config->service_connect_configuration,
        .volume_configurations = config->volume_configurations,
        .vpc_lattice_configurations = config->vpc_lattice_configurations,
        .has_enable_execute_command = true,
        .enable_execute_command = config->enable_execute_command,
    };

    seen.load_balancers.is_set = seen.load_balancers.count > 0;
    seen.service_registries.is_set = seen.service_registries.count > 0;
    seen.volume_configurations.is_set = seen.volume_configurations.count > 0;
    seen.vpc_lattice_configurations.is_set = seen.vpc_lattice_configurations.count > 0;
    return seen;
}

/* API-149: not for counts, percents, placement, grace period and tag options alone. */
static bool needs_deployment(const struct ecs_update_service_request *in,
                             const struct service_change *change)
{
    const struct ecs_create_service_request before = what_tasks_see(&change->before);
    const struct ecs_create_service_request after = what_tasks_see(&change->after);
    CLEANUP(buf_done) struct buf before_text = {0};
    CLEANUP(buf_done) struct buf after_text = {0};

    if (change->takes_over)
        return true;
    if (!change->has_recipe || change->service->controller != CONTROLLER_ECS)
        return false;
    if (in->force_new_deployment || change->is_new_revision)
        return true;
    ecs_encode_create_service_request(&before_text, &before);
    ecs_encode_create_service_request(&after_text, &after);
    return !str_eq(before_text.data, after_text.data);
}

/* A change of scale goes to the deployment that is growing (SC-176). */
static void rescale(struct call *call, struct service *service)
{
    for (uint32_t i = 0; i < service->deployments_count; i++) {
        struct deployment *deployment = &service->deployments[i];

        if (deployment->status != DEPLOYMENT_PRIMARY ||
            deployment->desired_count == service->desired_count)
            continue;
        deployment->desired_count = service->desired_count;
        deployment->updated_at_ms = call->now_ms;
        service->is_steady = false;
    }
}

/* SC-239: task sets have a share of the desired count. When the ECS controller takes over, those
 * there are make place for its deployment. */
static void rescale_sets(struct call *call, struct service *service, bool takes_over)
{
    const struct task_set *set = NULL;

    while ((set = state_task_set_after(service, set ? set->id : NULL))) {
        struct task_set *edited = txn_edit_task_set(call->txn, set);
        int32_t before = edited->desired_count;

        if (takes_over)
            edited->status = TASK_SET_DRAINING;
        task_set_follow_service(edited, service);
        if (edited->desired_count != before) {
            edited->updated_at_ms = call->now_ms;
            edited->stability = STABILITY_STABILIZING;
            edited->stability_at_ms = call->now_ms;
        }
        task_set_end_if_empty(call, service, edited);
    }
}

struct error *api_update_service(struct call *call, const struct ecs_update_service_request *in,
                                 struct ecs_update_service_response *out)
{
    struct service_change change;
    struct service *service;
    bool deploys;

    TRY(service_change_read(call, in, &change));
    deploys = needs_deployment(in, &change);
    if (deploys && change.service->deployments_count >= SERVICE_ROLLOUTS_MAX)
        return error_new(API_INVALID_PARAMETER,
                         "The service has %d deployments already; wait for old tasks to stop.",
                         SERVICE_ROLLOUTS_MAX);

    service = txn_edit_service(call->txn, change.service);
    service_config_write(&change.after, call_scope(call), service);
    /* SC-183: an update is a new start. */
    service->failures_in_row = 0;
    service->launch_after_ms = 0;
    service_set_event_key(service, NULL);
    if (deploys) {
        service_deploy(call, service, &change.after, &change.recipe, in->force_new_deployment);
        service->is_steady = false;
    } else {
        rescale(call, service);
    }
    rescale_sets(call, service, change.takes_over);
    out->service = ARENA_NEW(call->arena, struct ecs_service);
    return service_describe(call, service, true, out->service);
}
