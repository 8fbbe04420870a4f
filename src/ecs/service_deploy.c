#include "ecs/service_deploy.h"

#include <string.h>

#include "core/image_pins.h"
#include "core/platform_version.h"
#include "core/service.h"
#include "ecs/names.h"

/* The 19 digits of a new deployment id: they grow with time, so records are in their order. */
static const char *new_number(struct call *call)
{
    char id[ECS_SVC_ID_SIZE];

    ecs_svc_id_new(call->rng, call->now_ms, id);
    return arena_dup(call->arena, strchr(id, '/') + 1);
}

/* ---- service revision ---- */

static void fill_images(struct arena *arena, const struct task_recipe *recipe,
                        struct ecs_container_images *ret)
{
    SET_LIST(arena, ret, recipe->container_count);
    for (size_t i = 0; i < recipe->container_count; i++) {
        ret->items[i].container_name = recipe->containers[i].name;
        ret->items[i].image = recipe->containers[i].image;
        ret->items[i].image_digest = image_digest_in_name(recipe->containers[i].image);
    }
}

/* API-188: the number that "LATEST" meant. It was checked before. */
static void fill_platform(const struct ecs_create_service_request *config,
                          const struct task_recipe *recipe, struct ecs_service_revision *ret)
{
    if (service_config_runs_on(config) != ECS_LAUNCH_TYPE_FARGATE)
        return;
    error_free(platform_version_resolve(config->platform_version, &ret->platform_version));
    ret->platform_family = platform_family(recipe->document);
}

/* Blue and green of a deployment that shifts traffic: the rules that were in force. */
static void fill_resolved(struct arena *arena, const struct ecs_create_service_request *config,
                          struct ecs_service_revision *ret)
{
    const struct ecs_load_balancers *balancers = &config->load_balancers;
    struct ecs_service_revision_load_balancers *list;

    if (balancers->count == 0)
        return;
    ret->resolved_configuration = ARENA_NEW(arena, struct ecs_resolved_configuration);
    list = &ret->resolved_configuration->load_balancers;
    SET_LIST(arena, list, balancers->count);
    for (size_t i = 0; i < balancers->count; i++) {
        const struct ecs_load_balancer *from = &balancers->items[i];

        list->items[i].target_group_arn = from->target_group_arn;
        if (from->advanced_configuration)
            list->items[i].production_listener_rule =
                from->advanced_configuration->production_listener_rule;
    }
}

/* The snapshot in the API's JSON, without the ARNs, which follow from the key, and the digests that
 * its tasks tell. */
static void insert_revision(struct call *call, const struct service *service,
                            const struct ecs_create_service_request *config,
                            const struct task_recipe *recipe, const char *id)
{
    const struct task_definition *definition = recipe->definition;
    struct service_revision *record = service_revision_new();
    struct ecs_service_revision shown = {
        .task_definition = arn_task_definition(call->arena, call_scope(call), definition->family,
                                               definition->revision),
        .launch_type = config->launch_type,
        .capacity_provider_strategy = config->capacity_provider_strategy,
        .load_balancers = config->load_balancers,
        .service_registries = config->service_registries,
        .network_configuration = config->network_configuration,
        .service_connect_configuration = config->service_connect_configuration,
        .volume_configurations = config->volume_configurations,
        .vpc_lattice_configurations = config->vpc_lattice_configurations,
    };
    CLEANUP(buf_done) struct buf text = {0};

    fill_images(call->arena, recipe, &shown.container_images);
    fill_platform(config, recipe, &shown);
    fill_resolved(call->arena, config, &shown);
    ecs_encode_service_revision(&text, &shown);
    service_revision_set_cluster(record, service->cluster);
    service_revision_set_service(record, service->name);
    service_revision_set_id(record, id);
    record->created_at_ms = call->now_ms;
    service_revision_set_document(record, text.data);
    image_pins_begin(record, recipe->document);
    txn_insert_service_revision(call->txn, record);
}

/* ---- service deployment ---- */

/* Only the last one can be under way. */
void service_deploy_stop(struct call *call, const struct service *service, const char *reason)
{
    const struct service_deployment *found = NULL;
    struct service_deployment *edited;

    if (service->deployments_count > 0 && service->deployments[0].service_deployment)
        found = state_service_deployment(ecs_of(call)->state, call_scope(call), service->cluster,
                                         service->name, service->deployments[0].service_deployment);
    if (!found || !service_deployment_is_open(found))
        return;
    edited = txn_edit_service_deployment(call->txn, found);
    edited->status = SERVICE_DEPLOYMENT_STOPPED;
    service_deployment_set_status_reason(edited, reason);
    edited->stopped_at_ms = call->now_ms;
    edited->finished_at_ms = call->now_ms;
    edited->updated_at_ms = call->now_ms;
}

/* What may fail it or roll it back (API-143, API-189). */
static void watch_for_rollback(const struct ecs_create_service_request *config,
                               int32_t desired_count, struct service_deployment *record)
{
    const struct ecs_deployment_configuration *deployment = config->deployment_configuration;
    const struct ecs_deployment_circuit_breaker *breaker = deployment->deployment_circuit_breaker;

    record->breaker_status =
        breaker && breaker->enable ? ROLLBACK_MONITOR_MONITORING : ROLLBACK_MONITOR_DISABLED;
    record->failure_threshold = service_failure_threshold(desired_count);
    if (deployment->alarms)
        record->alarms_status =
            deployment->alarms->enable ? ROLLBACK_MONITOR_MONITORING : ROLLBACK_MONITOR_DISABLED;
    if (deployment->strategy != ECS_DEPLOYMENT_STRATEGY_ROLLING) {
        record->lifecycle_stage = LIFECYCLE_STAGE_RECONCILE_SERVICE;
        record->lifecycle_stage_at_ms = record->created_at_ms;
    }
}

static void insert_service_deployment(struct call *call, const struct service *service,
                                      const struct ecs_create_service_request *config,
                                      const char *id, const char *revision)
{
    struct service_deployment *record = service_deployment_new();
    CLEANUP(buf_done) struct buf text = {0};

    ecs_encode_deployment_configuration(&text, config->deployment_configuration);
    service_deployment_set_cluster(record, service->cluster);
    service_deployment_set_service(record, service->name);
    service_deployment_set_id(record, id);
    record->status = SERVICE_DEPLOYMENT_IN_PROGRESS;
    record->created_at_ms = call->now_ms;
    record->started_at_ms = call->now_ms;
    record->updated_at_ms = call->now_ms;
    service_deployment_set_target_revision(record, revision);
    watch_for_rollback(config, service->desired_count, record);
    for (uint32_t i = 0; i < service->deployments_count; i++)
        if (service->deployments[i].service_revision)
            service_deployment_append_source_revisions(record,
                                                       service->deployments[i].service_revision);
    service_deployment_set_document(record, text.data);
    txn_insert_service_deployment(call->txn, record);
}

/* ---- the deployment of the service ---- */

void service_deploy(struct call *call, struct service *service,
                    const struct ecs_create_service_request *config,
                    const struct task_recipe *recipe, bool force_new)
{
    const char *number = new_number(call);
    const char *revision = new_number(call);
    const char *service_deployment = new_number(call);
    const char *id = arena_printf(call->arena, "ecs-svc/%s", number);
    struct deployment *deployment;

    insert_revision(call, service, config, recipe, revision);
    service_deploy_stop(call, service, "Superseded by a newer service deployment.");
    insert_service_deployment(call, service, config, service_deployment, revision);
    deployment = service_add_deployment(service, call->now_ms);
    deployment_set_id(deployment, id);
    deployment_set_family(deployment, recipe->definition->family);
    deployment->revision = recipe->definition->revision;
    deployment->desired_count = service->desired_count;
    deployment->rollout_state = ROLLOUT_STATE_IN_PROGRESS;
    deployment_set_rollout_state_reason(
        deployment, arena_printf(call->arena, "ECS deployment %s in progress.", id));
    deployment_set_service_revision(deployment, revision);
    deployment_set_service_deployment(deployment, service_deployment);
    deployment->force_new = force_new;
}
