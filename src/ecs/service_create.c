/* CreateService (API-131 to API-146, API-042, API-043, SC-144 to SC-173). */
#include "core/service.h"
#include "ecs/account_setting.h"
#include "ecs/auth.h"
#include "ecs/capacity_strategy.h"
#include "ecs/client_token.h"
#include "ecs/names.h"
#include "ecs/service_deploy.h"
#include "ecs/service_describe.h"
#include "ecs/service_rules.h"
#include "ecs/tags.h"
#include "ecs/task_set.h"
#include "gen/ecs_handlers.h"
#include "gen/ecs_shapes.h"

#define CLIENT_TOKEN_CHARS_MAX 36 /* API-042 */
#define NOT_IDEMPOTENT         "Creation of service was not idempotent."

/* What is asked for, resolved and with its defaults. */
struct wish {
    const struct cluster *cluster;
    struct ecs_create_service_request config;
    struct task_recipe recipe;
    bool has_recipe; /* not with the EXTERNAL controller */
    bool has_old_arn, tasks_have_old_arn;
};

static struct error *answer(struct call *call, const struct service *service,
                            struct ecs_create_service_response *out)
{
    out->service = ARENA_NEW(call->arena, struct ecs_service);
    return service_describe(call, service, true, out->service);
}

/* ---- what is asked for ---- */

static struct error *resolve_capacity(struct call *call, struct wish *wish)
{
    struct ecs_create_service_request *config = &wish->config;
    struct capacity_choice choice;

    if (service_config_controller(config) == CONTROLLER_EXTERNAL)
        return NULL;
    if (config->scheduling_strategy == ECS_SCHEDULING_STRATEGY_DAEMON &&
        config->launch_type == ECS_LAUNCH_TYPE_UNSET && wish->cluster->default_strategy)
        return error_new(API_INVALID_PARAMETER,
                         "Specifying a capacity provider strategy is not supported when you create "
                         "a service using the DAEMON scheduling strategy.");
    TRY(capacity_resolve(call, wish->cluster, config->launch_type,
                         &config->capacity_provider_strategy, &choice));
    config->capacity_provider_strategy = choice.strategy;
    config->capacity_provider_strategy.is_set = choice.strategy.count > 0;
    if (choice.strategy.count == 0)
        config->launch_type = choice.launch_type;
    return NULL;
}

static struct error *resolve_definition(struct call *call, struct wish *wish)
{
    const struct task_definition *definition;

    if (service_config_controller(&wish->config) == CONTROLLER_EXTERNAL)
        return NULL;
    TRY(names_find_active_task_definition(call, wish->config.task_definition, &definition));
    wish->config.task_definition =
        arena_printf(call->arena, "%s:%d", definition->family, (int)definition->revision);
    wish->has_recipe = true;
    return task_recipe_read(call->arena, definition, &wish->recipe);
}

static struct error *read_wish(struct call *call, const struct cluster *cluster,
                               const struct ecs_create_service_request *in, struct wish *ret)
{
    *ret = (struct wish){.cluster = cluster, .config = *in};
    TRY(service_rules_check_shape(in));
    TRY(tags_check(ecs_of(call)->quotas, &in->tags, API_INVALID_PARAMETER));
    TRY(resolve_capacity(call, ret));
    TRY(resolve_definition(call, ret));
    TRY(service_rules_fill_namespace(call, cluster, &ret->config));
    service_config_fill_defaults(call->arena, &ret->config);
    return service_rules_check(call, cluster, &ret->config, ret->has_recipe ? &ret->recipe : NULL,
                               "created");
}

/* ---- the same again ---- */

/* A configuration as text, in which what means the same reads the same. */
static void canonical_text(struct call *call, const struct ecs_create_service_request *config,
                           const struct deployment *primary, const struct ecs_tags *tags,
                           struct buf *ret)
{
    struct ecs_create_service_request plain = *config;

    plain.cluster = NULL;
    plain.client_token = NULL;
    if (primary)
        plain.task_definition =
            arena_printf(call->arena, "%s:%d", primary->family, (int)primary->revision);
    plain.tags = *tags;
    plain.tags.is_set = tags->count > 0;
    plain.load_balancers.is_set = plain.load_balancers.count > 0;
    plain.service_registries.is_set = plain.service_registries.count > 0;
    plain.capacity_provider_strategy.is_set = plain.capacity_provider_strategy.count > 0;
    plain.placement_constraints.is_set = plain.placement_constraints.count > 0;
    plain.placement_strategy.is_set = plain.placement_strategy.count > 0;
    plain.volume_configurations.is_set = plain.volume_configurations.count > 0;
    plain.vpc_lattice_configurations.is_set = plain.vpc_lattice_configurations.count > 0;
    if (plain.service_connect_configuration && !plain.service_connect_configuration->enabled)
        plain.service_connect_configuration = NULL;
    if (service_config_controller(config) == CONTROLLER_EXTERNAL && !plain.has_desired_count)
        SET(&plain, desired_count, 0);
    ecs_encode_create_service_request(ret, &plain);
}

/* API-043: what is there is what is asked for. */
static struct error *check_same(struct call *call, const struct wish *wish,
                                const struct service *service)
{
    struct ecs_create_service_request config;
    struct ecs_tags tags;
    CLEANUP(buf_done) struct buf there = {0};
    CLEANUP(buf_done) struct buf asked = {0};

    TRY(service_config_read(call->arena, service, &config));
    tags_answer(call->arena, service->tags, service->tags_count, &tags);
    canonical_text(call, &config, service_primary(service), &tags, &there);
    canonical_text(call, &wish->config, NULL, &wish->config.tags, &asked);
    if (!str_eq(there.data, asked.data))
        return error_new(API_INVALID_PARAMETER, NOT_IDEMPOTENT);
    return NULL;
}

/* ---- the record ---- */

/* Fills a new record, or one whose service has ended and whose name is used again. */
static void fill_record(struct call *call, const struct wish *wish, struct service *service)
{
    service->status = SERVICE_ACTIVE;
    service->created_at_ms = call->now_ms;
    service_set_created_by(service, call_principal_arn(call));
    service->deleted_at_ms = 0;
    service->desired_count = 0;
    service->failures_in_row = 0;
    service->launch_after_ms = 0;
    service->is_steady = false;
    service->last_steady_event_at_ms = 0;
    service->surge = 0;
    service_set_completed_revision(service, NULL);
    service_set_completed_family(service, NULL);
    service_set_event_key(service, NULL);
    service_resize_deployments(service, 0);
    service->has_old_arn = wish->has_old_arn;
    service->tasks_have_old_arn = wish->tasks_have_old_arn;
    service_config_write(&wish->config, call_scope(call), service);
    TAGS_SET(service, service, &wish->config.tags);
    if (service->controller == CONTROLLER_ECS)
        service_deploy(call, service, &wish->config, &wish->recipe, false);
}

/* MS- section 17: what is DRAINING is there, too. */
static struct error *check_quota(struct call *call, const struct cluster *cluster)
{
    struct cluster_counts counts;

    state_cluster_counts(cluster, &counts);
    if (counts.services_active + counts.services_draining <
        call_quota(call, QUOTA_SERVICES_PER_CLUSTER))
        return NULL;
    return quota_error(ecs_of(call)->quotas, QUOTA_SERVICES_PER_CLUSTER, API_INVALID_PARAMETER);
}

static const struct service *put_record(struct call *call, const struct wish *wish,
                                        const struct service *ended)
{
    struct service *service;

    if (ended) {
        service = txn_edit_service(call->txn, ended);
        fill_record(call, wish, service);
        return service;
    }
    service = service_new();
    service_set_cluster(service, wish->cluster->name);
    service_set_name(service, wish->config.service_name);
    fill_record(call, wish, service);
    return txn_insert_service(call->txn, service);
}

/* CL-229, CL-231, SC-363 */
static struct error *resolve_arns(struct call *call, struct wish *wish)
{
    const struct ecs_tags none = {0};

    TRY(account_setting_arn_format(call, ECS_SETTING_NAME_SERVICE_LONG_ARN_FORMAT, "service",
                                   &wish->config.tags, &wish->has_old_arn));
    TRY(account_setting_arn_format(call, ECS_SETTING_NAME_TASK_LONG_ARN_FORMAT, "task", &none,
                                   &wish->tasks_have_old_arn));
    return account_setting_check_tagging(wish->has_old_arn || wish->tasks_have_old_arn,
                                         wish->config.propagate_tags,
                                         wish->config.enable_ecs_managed_tags);
}

struct error *api_create_service(struct call *call, const struct ecs_create_service_request *in,
                                 struct ecs_create_service_response *out)
{
    struct ecs_create_service_request without_token = *in;
    struct state *state = ecs_of(call)->state;
    const struct scope *scope = call_scope(call);
    const struct cluster *cluster;
    const struct service *found;
    struct client_token_use token;
    const char *cluster_name = NULL;
    struct wish wish;

    TRY(names_cluster_name(call, in->cluster, &cluster_name));
    TRY(call_authorize(call, "ecs:CreateService",
                       arn_service(call->arena, scope, cluster_name, in->service_name)));
    TRY(names_find_cluster(call, cluster_name, &cluster));
    found = state_service(state, scope, cluster->name, in->service_name);
    without_token.client_token = NULL;
    TRY(client_token_look_up(call, "CreateService", in->client_token, CLIENT_TOKEN_CHARS_MAX,
                             &ecs_shapes[ECS_SHAPE_CREATE_SERVICE_REQUEST], &without_token,
                             API_INVALID_PARAMETER, NOT_IDEMPOTENT, &token));
    if (token.result && found && found->status == SERVICE_ACTIVE)
        return answer(call, found, out);
    if (found && found->status == SERVICE_DRAINING)
        return error_new(API_INVALID_PARAMETER,
                         "Unable to Start a service that is still Draining.");
    TRY(read_wish(call, cluster, in, &wish));
    if (found && found->status == SERVICE_ACTIVE) {
        TRY(check_same(call, &wish, found));
        return answer(call, found, out);
    }

    TRY(check_quota(call, cluster));
    TRY(resolve_arns(call, &wish));
    found = put_record(call, &wish, found);
    if (found->controller == CONTROLLER_CODE_DEPLOY) /* SC-212 */
        task_set_of_service(call, found, &wish.config, &wish.recipe);
    client_token_remember(call, &token, found->name);
    return answer(call, found, out);
}
