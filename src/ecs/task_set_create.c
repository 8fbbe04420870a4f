/* CreateTaskSet (API-159, SC-235 to SC-239, SC-245). */
#include "core/task_set.h"
#include "ecs/capacity_strategy.h"
#include "ecs/client_token.h"
#include "ecs/names.h"
#include "ecs/service_rules.h"
#include "ecs/tags.h"
#include "ecs/task_capacity.h"
#include "ecs/task_set.h"
#include "gen/ecs_handlers.h"
#include "gen/ecs_shapes.h"

#define CLIENT_TOKEN_CHARS_MAX 36 /* API-042 */
#define NOT_IDEMPOTENT         "Creation of task set was not idempotent."

struct wish {
    const struct service *service;
    struct ecs_create_task_set_request config; /* with its capacity resolved */
    struct task_recipe recipe;
    enum ecs_launch_type runs_on;
};

/* ---- what is asked for ---- */

static struct error *resolve_capacity(struct call *call, const struct cluster *cluster,
                                      struct wish *wish)
{
    struct ecs_create_task_set_request *config = &wish->config;
    struct capacity_choice choice;

    TRY(capacity_resolve(call, cluster, config->launch_type, &config->capacity_provider_strategy,
                         &choice));
    config->capacity_provider_strategy = choice.strategy;
    config->capacity_provider_strategy.is_set = choice.strategy.count > 0;
    wish->runs_on = choice.launch_type;
    if (choice.strategy.count == 0)
        config->launch_type = choice.launch_type;
    return task_capacity_check_platform(choice.launch_type, config->platform_version);
}

/* SC-237: one target group, of an Application or Network Load Balancer. */
static struct error *check_balancers(const struct ecs_load_balancers *balancers,
                                     const struct task_recipe *recipe)
{
    const struct ecs_load_balancer *balancer = balancers->items;

    if (balancers->count == 0)
        return NULL;
    if (balancers->count > 1)
        return error_new(API_INVALID_PARAMETER, "A task set can have at most one load balancer.");
    if (!str_is_empty(balancer->load_balancer_name))
        return error_new(API_INVALID_PARAMETER,
                         "Classic Load Balancers are not supported for task sets; specify a "
                         "targetGroupArn instead of a loadBalancerName.");
    if (str_is_empty(balancer->target_group_arn) || str_is_empty(balancer->container_name) ||
        !balancer->has_container_port)
        return error_new(API_INVALID_PARAMETER,
                         "The load balancer of a task set must have a targetGroupArn, a "
                         "containerName and a containerPort.");
    if (recipe->definition->network_mode == NETWORK_MODE_NONE)
        return error_new(API_INVALID_PARAMETER,
                         "Load balancers are not supported with networkMode 'none'.");
    return service_rules_check_target(recipe, balancer->container_name, balancer->container_port);
}

static struct error *read_wish(struct call *call, const struct service *service,
                               const struct ecs_create_task_set_request *in, struct wish *ret)
{
    const struct cluster *cluster;
    const struct task_definition *definition;

    *ret = (struct wish){.service = service, .config = *in};
    TRY(names_find_cluster(call, service->cluster, &cluster));
    TRY(tags_check(ecs_of(call)->quotas, &in->tags, API_INVALID_PARAMETER));
    TRY(resolve_capacity(call, cluster, ret));
    TRY(names_find_active_task_definition(call, in->task_definition, &definition));
    TRY(task_recipe_read(call->arena, definition, &ret->recipe));
    TRY(service_rules_check_definition(&ret->recipe, ret->runs_on, in->network_configuration));
    if (ret->runs_on == ECS_LAUNCH_TYPE_FARGATE)
        TRY(task_capacity_check_fargate(ret->recipe.document, in->platform_version,
                                        &ret->config.capacity_provider_strategy, false, false));
    TRY(check_balancers(&in->load_balancers, &ret->recipe));
    TRY(service_rules_check_registries(&in->service_registries, &ret->recipe));
    if (state_task_set_count(service) >= TASK_SETS_MAX)
        return error_new(API_LIMIT_EXCEEDED, "A service can have at most %d task sets.",
                         TASK_SETS_MAX);
    return NULL;
}

/* ---- the record ---- */

static const char *new_id(struct call *call)
{
    char id[ECS_SVC_ID_SIZE];

    ecs_svc_id_new(call->rng, call->now_ms, id);
    return arena_dup(call->arena, id);
}

static void write_document(const struct wish *wish, struct task_set *set)
{
    struct ecs_create_task_set_request rest = wish->config;
    CLEANUP(buf_done) struct buf text = {0};

    rest.cluster = wish->service->cluster;
    rest.service = wish->service->name;
    rest.client_token = NULL;
    rest.external_id = NULL;
    rest.scale = NULL;
    rest.tags = (struct ecs_tags){0};
    ecs_encode_create_task_set_request(&text, &rest);
    task_set_set_document(set, text.data);
}

static struct task_set *insert_set(struct call *call, const struct wish *wish, double percent)
{
    struct task_set *set = task_set_new();

    task_set_set_cluster(set, wish->service->cluster);
    task_set_set_service(set, wish->service->name);
    task_set_set_id(set, new_id(call));
    set->created_at_ms = call->now_ms;
    set->updated_at_ms = call->now_ms;
    set->stability = STABILITY_STABILIZING;
    set->stability_at_ms = call->now_ms;
    task_set_set_external_id(set, wish->config.external_id);
    task_set_set_family(set, wish->recipe.definition->family);
    set->revision = wish->recipe.definition->revision;
    launch_type_parse(ecs_launch_type_name(wish->runs_on), &set->launch_type);
    task_set_write_scale(set, percent);
    task_set_follow_service(set, wish->service);
    TAGS_SET(task_set, set, &wish->config.tags);
    write_document(wish, set);
    return txn_insert_task_set(call->txn, set);
}

void task_set_of_service(struct call *call, const struct service *service,
                         const struct ecs_create_service_request *config,
                         const struct task_recipe *recipe)
{
    const struct wish wish = {
        .service = service,
        .config =
            {
                .task_definition = config->task_definition,
                .launch_type = config->launch_type,
                .capacity_provider_strategy = config->capacity_provider_strategy,
                .platform_version = config->platform_version,
                .network_configuration = config->network_configuration,
                .load_balancers = config->load_balancers,
                .service_registries = config->service_registries,
            },
        .recipe = *recipe,
        .runs_on = service_config_runs_on(config),
    };

    insert_set(call, &wish, 100)->status = TASK_SET_PRIMARY;
}

/* ---- CreateTaskSet ---- */

static struct error *answer(struct call *call, const struct service *service,
                            const struct task_set *set, struct ecs_create_task_set_response *out)
{
    out->task_set = ARENA_NEW(call->arena, struct ecs_task_set);
    return task_set_describe(call, service, set, true, out->task_set);
}

struct error *api_create_task_set(struct call *call, const struct ecs_create_task_set_request *in,
                                  struct ecs_create_task_set_response *out)
{
    struct ecs_create_task_set_request without_token = *in;
    const struct service *service;
    const struct task_set *set;
    struct client_token_use token;
    struct wish wish;

    TRY(task_set_enter_service(call, "ecs:CreateTaskSet", in->cluster, in->service, NULL,
                               &service));
    without_token.client_token = NULL;
    TRY(client_token_look_up(call, "CreateTaskSet", in->client_token, CLIENT_TOKEN_CHARS_MAX,
                             &ecs_shapes[ECS_SHAPE_CREATE_TASK_SET_REQUEST], &without_token,
                             API_INVALID_PARAMETER, NOT_IDEMPOTENT, &token));
    set = token.result ? state_task_set(service, token.result) : NULL;
    if (set)
        return answer(call, service, set, out);
    TRY(read_wish(call, service, in, &wish));

    set = insert_set(call, &wish, in->scale ? in->scale->value : 0);
    TRY(task_set_follow_sets(call, service));
    client_token_remember(call, &token, set->id);
    return answer(call, service, set, out);
}
