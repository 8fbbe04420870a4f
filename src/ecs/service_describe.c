#include "ecs/service_describe.h"

#include "core/platform_version.h"
#include "core/service.h"
#include "core/service_config.h"
#include "core/shown_arn.h"
#include "core/stored_json.h"
#include "ecs/names.h"
#include "ecs/tags.h"
#include "ecs/task_set.h"

#define SERVICE_LINKED_ROLE "aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"

/* ---- deployments ---- */

static struct error *read_revision(struct call *call, const struct service *service, const char *id,
                                   struct ecs_service_revision *ret)
{
    const struct service_revision *revision =
        id ? state_service_revision(ecs_of(call)->state, call_scope(call), service->cluster,
                                    service->name, id)
           : NULL;

    *ret = (struct ecs_service_revision){0};
    if (!revision)
        return NULL;
    return stored_json_read(call->arena, ECS_SHAPE_SERVICE_REVISION, revision->document,
                            "service revision", service->name, ret);
}

static const char *definition_arn(struct call *call, const struct deployment *deployment)
{
    return arn_task_definition(call->arena, call_scope(call), deployment->family,
                               deployment->revision);
}

/* API-231: one resource for each service of the configuration. */
static void describe_connect_resources(struct call *call,
                                       const struct ecs_service_connect_configuration *connect,
                                       struct ecs_service_connect_service_resource_list *ret)
{
    if (!connect || !connect->enabled || connect->services.count == 0)
        return;
    SET_LIST(call->arena, ret, connect->services.count);
    for (size_t i = 0; i < connect->services.count; i++) {
        const struct ecs_service_connect_service *from = &connect->services.items[i];

        ret->items[i].discovery_name =
            str_is_empty(from->discovery_name) ? from->port_name : from->discovery_name;
    }
}

static struct error *describe_deployment(struct call *call, const struct service *service,
                                         const struct deployment *deployment,
                                         struct ecs_deployment *ret)
{
    struct ecs_service_revision revision;
    struct service_counts counts;

    state_service_counts(service, deployment->id, &counts);

    TRY(read_revision(call, service, deployment->service_revision, &revision));
    ret->id = deployment->id;
    ret->status = deployment_status_name(deployment->status);
    ret->task_definition = definition_arn(call, deployment);
    SET(ret, desired_count, deployment->desired_count);
    SET(ret, pending_count, counts.pending);
    SET(ret, running_count, counts.running);
    SET(ret, failed_tasks, deployment->failed_tasks);
    SET(ret, created_at_ms, deployment->created_at_ms);
    SET(ret, updated_at_ms, deployment->updated_at_ms);
    ret->launch_type = revision.launch_type;
    ret->capacity_provider_strategy = revision.capacity_provider_strategy;
    ret->platform_version = revision.platform_version;
    ret->platform_family = revision.platform_family;
    ret->volume_configurations = revision.volume_configurations;
    ret->vpc_lattice_configurations = revision.vpc_lattice_configurations;
    ret->fargate_ephemeral_storage = revision.fargate_ephemeral_storage;
    ret->network_configuration = revision.network_configuration;
    ret->service_connect_configuration = revision.service_connect_configuration;
    describe_connect_resources(call, revision.service_connect_configuration,
                               &ret->service_connect_resources);
    if (deployment->rollout_state != ROLLOUT_STATE_NONE)
        ecs_deployment_rollout_state_parse(rollout_state_name(deployment->rollout_state),
                                           &ret->rollout_state);
    ret->rollout_state_reason = deployment->rollout_state_reason;
    return NULL;
}

static struct error *describe_deployments(struct call *call, const struct service *service,
                                          struct ecs_service *ret)
{
    SET_LIST(call->arena, &ret->deployments, service->deployments_count);
    for (uint32_t i = 0; i < service->deployments_count; i++)
        TRY(describe_deployment(call, service, &service->deployments[i],
                                &ret->deployments.items[i]));
    return NULL;
}

/* The 2024 view of the same: what runs now, by service revision. */
static void describe_revisions(struct call *call, const struct service *service,
                               struct ecs_service *ret)
{
    const struct scope *scope = call_scope(call);
    struct ecs_service_current_revision_summary_list *list = &ret->current_service_revisions;

    if (service->deployments_count == 0)
        return;
    if (service->deployments[0].service_deployment)
        ret->current_service_deployment =
            arn_service_deployment(call->arena, scope, service->cluster, service->name,
                                   service->deployments[0].service_deployment);
    SET_LIST(call->arena, list, service->deployments_count);
    for (uint32_t i = 0; i < service->deployments_count; i++) {
        const struct deployment *deployment = &service->deployments[i];
        struct service_counts counts;

        state_service_counts(service, deployment->id, &counts);
        list->items[i].arn = arn_service_revision(call->arena, scope, service->cluster,
                                                  service->name, deployment->service_revision);
        SET(&list->items[i], requested_task_count, deployment->desired_count);
        SET(&list->items[i], pending_task_count, counts.pending);
        SET(&list->items[i], running_task_count, counts.running);
    }
}

/* ---- events ---- */

/* Newest first (API-187). A service made again under its name does not show what happened to the
 * one before. */
static void describe_events(struct call *call, const struct service *service,
                            struct ecs_service_events *ret)
{
    struct state *state = ecs_of(call)->state;
    const struct service_event *event = NULL;

    SET_LIST(call->arena, ret, SERVICE_EVENTS_MAX);
    ret->count = 0;
    while (ret->count < SERVICE_EVENTS_MAX) {
        struct ecs_service_event *to = &ret->items[ret->count];
        char hex[ID_HEX_SIZE];

        event = state_service_event_before(state, service, event);
        if (!event || event->created_at_ms < service->created_at_ms)
            return;
        id_format(&event->id, hex);
        to->id = arena_printf(call->arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
                              hex + 16, hex + 20);
        SET(to, created_at_ms, event->created_at_ms);
        to->message = event->message;
        ret->count++;
    }
}

/* ---- the service ---- */

static bool is_ecs(const struct service *service)
{
    return service->controller == CONTROLLER_ECS;
}

/* SC-166: a role by name or path; without one, what talks to balancers and networks has the linked
 * role. */
static const char *role_arn(struct call *call, const struct service *service,
                            const struct ecs_create_service_request *config)
{
    const char *role = config->role;

    if (!str_is_empty(role) && arn_looks_like(role))
        return role;
    if (!str_is_empty(role))
        return arena_printf(call->arena, "arn:aws:iam::%s:role/%s", call->account,
                            role[0] == '/' ? role + 1 : role);
    if (config->load_balancers.count == 0 && config->service_registries.count == 0 &&
        !config->network_configuration && service->controller != CONTROLLER_EXTERNAL)
        return NULL;
    return arena_printf(call->arena, "arn:aws:iam::%s:role/%s", call->account, SERVICE_LINKED_ROLE);
}

static void describe_config(struct call *call, const struct service *service,
                            const struct ecs_create_service_request *config,
                            struct ecs_service *ret)
{
    ret->load_balancers = config->load_balancers;
    ret->service_registries = config->service_registries;
    ret->placement_constraints = config->placement_constraints;
    ret->placement_strategy = config->placement_strategy;
    ret->network_configuration = config->network_configuration;
    ret->deployment_configuration = config->deployment_configuration;
    ret->scheduling_strategy = config->scheduling_strategy;
    ret->propagate_tags = config->propagate_tags;
    ret->platform_version = config->platform_version;
    ret->availability_zone_rebalancing = config->availability_zone_rebalancing;
    ret->launch_type = config->launch_type;
    ret->capacity_provider_strategy = config->capacity_provider_strategy;
    ret->resource_management_type = ECS_RESOURCE_MANAGEMENT_TYPE_CUSTOMER;
    ret->role_arn = role_arn(call, service, config);
    SET(ret, enable_ecs_managed_tags, config->enable_ecs_managed_tags);
    SET(ret, enable_execute_command, config->enable_execute_command);
    if (config->has_health_check_grace_period_seconds)
        SET(ret, health_check_grace_period_seconds, config->health_check_grace_period_seconds);
    /* API-186: clients take a service without the member for one of the ECS controller. */
    if (!is_ecs(service))
        ret->deployment_controller = config->deployment_controller;
}

/* SC-242, API-161: what a PRIMARY task set has is shown as the service's own. */
static struct error *describe_primary(struct call *call, const struct service *service,
                                      struct ecs_service *ret)
{
    const struct task_set *primary = task_set_primary(service);
    struct ecs_create_task_set_request made;

    if (!primary || service->controller != CONTROLLER_EXTERNAL)
        return NULL;
    TRY(task_set_read(call->arena, primary, &made));
    ret->task_definition =
        arn_task_definition(call->arena, call_scope(call), primary->family, primary->revision);
    ret->launch_type = made.launch_type;
    ret->capacity_provider_strategy = made.capacity_provider_strategy;
    ret->network_configuration = made.network_configuration;
    ret->load_balancers = made.load_balancers;
    ret->service_registries = made.service_registries;
    ret->platform_version = made.platform_version;
    if (primary->launch_type == LAUNCH_TYPE_FARGATE && !ret->platform_version)
        ret->platform_version = PLATFORM_LATEST;
    return NULL;
}

/* API-185: FARGATE alone has a platform. */
static struct error *describe_platform(struct call *call, const struct service *service,
                                       struct ecs_service *ret)
{
    const struct task_set *set = task_set_primary(service);
    const struct deployment *deployment = service_primary(service);
    const struct task_definition *definition = NULL;
    struct ecs_task_definition document = {0};

    if (service->runs_on != LAUNCH_TYPE_FARGATE)
        return NULL;
    if (set || deployment)
        definition = state_task_definition(ecs_of(call)->state, call_scope(call),
                                           set ? set->family : deployment->family,
                                           set ? set->revision : deployment->revision);
    if (definition)
        TRY(stored_json_read(call->arena, ECS_SHAPE_TASK_DEFINITION, definition->document,
                             "task definition", definition->family, &document));
    ret->platform_family = platform_family(&document);
    return NULL;
}

static void describe_record(struct call *call, const struct service *service,
                            const struct ecs_create_service_request *config,
                            struct ecs_service *ret)
{
    const struct scope *scope = call_scope(call);
    const struct deployment *primary = service_primary(service);

    ret->service_arn = shown_service_arn(call->arena, scope, service);
    ret->service_name = service->name;
    ret->cluster_arn = arn_cluster(call->arena, scope, service->cluster);
    ret->status = service_status_name(service->status);
    SET(ret, desired_count, service->desired_count);
    SET(ret, created_at_ms, service->created_at_ms);
    ret->created_by = service->created_by;
    if (primary)
        ret->task_definition = definition_arn(call, primary);
    else if (config->task_definition)
        ret->task_definition = arena_printf(call->arena, "arn:aws:ecs:%s:%s:task-definition/%s",
                                            scope->region, scope->account, config->task_definition);
}

struct error *service_describe(struct call *call, const struct service *service, bool with_tags,
                               struct ecs_service *ret)
{
    struct ecs_create_service_request config;
    struct service_counts counts;

    TRY(service_config_read(call->arena, service, &config));
    state_service_counts(service, NULL, &counts);
    describe_record(call, service, &config, ret);
    describe_config(call, service, &config, ret);
    TRY(describe_primary(call, service, ret));
    TRY(describe_platform(call, service, ret));
    SET(ret, running_count, counts.running);
    SET(ret, pending_count, counts.pending);
    TRY(describe_deployments(call, service, ret));
    if (!is_ecs(service))
        TRY(task_set_describe_all(call, service, with_tags, &ret->task_sets));
    describe_revisions(call, service, ret);
    describe_events(call, service, &ret->events);
    if (with_tags)
        tags_answer(call->arena, service->tags, service->tags_count, &ret->tags);
    return NULL;
}
