#include "ecs/task_set.h"

#include <string.h>

#include "core/platform_version.h"
#include "core/stored_json.h"
#include "core/task_set.h"
#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/tags.h"
#include "ecs/task_describe.h"
#include "gen/ecs_handlers.h"

/* ---- finding ---- */

static struct error *find_service(struct call *call, const char *cluster_name,
                                  const char *service_name, const struct service **ret)
{
    const struct cluster *cluster;
    const struct service *service;

    TRY(names_find_cluster(call, cluster_name, &cluster));
    TRY(names_find_active_service(call, cluster->name, service_name, &service));
    if (service->controller == CONTROLLER_ECS)
        return error_new(API_INVALID_PARAMETER,
                         "Task sets are only supported for services with the EXTERNAL or "
                         "CODE_DEPLOY deployment controller; the deployment controller of the "
                         "service %s is ECS.",
                         service->name);
    *ret = service;
    return NULL;
}

struct error *task_set_enter_service(struct call *call, const char *action, const char *cluster,
                                     const char *service, const char *set,
                                     const struct service **ret)
{
    const char *cluster_name = NULL;
    const char *service_name = NULL;
    const char *id = "*";

    TRY(names_cluster_name(call, cluster, &cluster_name));
    TRY(names_service_name(call, cluster_name, service, &service_name));
    if (set)
        TRY(task_set_parse_id(call, cluster_name, service_name, set, &id));
    TRY(call_authorize(
        call, action, arn_task_set(call->arena, call_scope(call), cluster_name, service_name, id)));
    return find_service(call, cluster_name, service_name, ret);
}

struct error *task_set_parse_id(struct call *call, const char *cluster, const char *service,
                                const char *text, const char **ret_id)
{
    const char *prefix;

    if (str_is_empty(text))
        return error_new(API_INVALID_PARAMETER, "Task Set Identifier is invalid");
    *ret_id = text;
    if (!arn_looks_like(text))
        return NULL;
    prefix = arn_task_set(call->arena, call_scope(call), cluster, service, "");
    if (!str_starts_with(text, prefix) || !text[strlen(prefix)])
        return error_new(API_INVALID_PARAMETER, "Task Set Identifier is invalid");
    *ret_id = text + strlen(prefix);
    return NULL;
}

struct error *task_set_find(struct call *call, const struct service *service, const char *text,
                            const struct task_set **ret)
{
    const struct task_set *set;
    const char *id = NULL;

    TRY(task_set_parse_id(call, service->cluster, service->name, text, &id));
    set = state_task_set(service, id);
    if (!set)
        return error_new(API_TASK_SET_NOT_FOUND, "The referenced task set was not found.");
    *ret = set;
    return NULL;
}

const struct task_set *task_set_primary(const struct service *service)
{
    const struct task_set *set = NULL;

    while ((set = state_task_set_after(service, set ? set->id : NULL)))
        if (set->status == TASK_SET_PRIMARY)
            return set;
    return NULL;
}

void task_set_end_if_empty(struct call *call, const struct service *service,
                           const struct task_set *set)
{
    struct service_counts counts;

    state_service_counts(service, set->id, &counts);
    if (set->status == TASK_SET_DRAINING && !counts.staying && !counts.stopping)
        txn_delete_task_set(call->txn, set);
}

/* ---- what a service has of its sets ---- */

static bool names_provider(const struct service *service, const char *provider)
{
    for (uint32_t i = 0; i < service->capacity_providers_count; i++)
        if (str_eq(service->capacity_providers[i], provider))
            return true;
    return false;
}

struct error *task_set_follow_sets(struct call *call, const struct service *service)
{
    struct service *edited = txn_edit_service(call->txn, service);
    const struct task_set *set = NULL;

    if (service->controller != CONTROLLER_EXTERNAL)
        return NULL;
    edited->runs_on = LAUNCH_TYPE_NONE;
    service_set_capacity_providers(edited, NULL, 0);
    while ((set = state_task_set_after(service, set ? set->id : NULL))) {
        struct ecs_create_task_set_request made;

        TRY(task_set_read(call->arena, set, &made));
        if (set->status == TASK_SET_PRIMARY)
            edited->runs_on = set->launch_type;
        for (size_t i = 0; i < made.capacity_provider_strategy.count; i++) {
            const char *provider = made.capacity_provider_strategy.items[i].capacity_provider;

            if (!names_provider(edited, provider))
                service_append_capacity_providers(edited, provider);
        }
    }
    return NULL;
}

/* ---- a set as the API shows it ---- */

struct error *task_set_read(struct arena *arena, const struct task_set *set,
                            struct ecs_create_task_set_request *ret)
{
    *ret = (struct ecs_create_task_set_request){0};
    return stored_json_read(arena, ECS_SHAPE_CREATE_TASK_SET_REQUEST, set->document, "task set",
                            set->id, ret);
}

static void describe_record(struct call *call, const struct task_set *set, struct ecs_task_set *ret)
{
    const struct scope *scope = call_scope(call);

    ret->id = set->id;
    ret->task_set_arn = arn_task_set(call->arena, scope, set->cluster, set->service, set->id);
    ret->service_arn = arn_service(call->arena, scope, set->cluster, set->service);
    ret->cluster_arn = arn_cluster(call->arena, scope, set->cluster);
    ret->started_by = set->started_by;
    ret->external_id = set->external_id;
    ret->status = task_set_status_name(set->status);
    ret->task_definition = arn_task_definition(call->arena, scope, set->family, set->revision);
    SET(ret, computed_desired_count, set->desired_count);
    SET(ret, created_at_ms, set->created_at_ms);
    SET(ret, updated_at_ms, set->updated_at_ms);
    ret->scale = ARENA_NEW(call->arena, struct ecs_scale);
    SET(ret->scale, value, task_set_read_scale(set));
    ret->scale->unit = ECS_SCALE_UNIT_PERCENT;
    ret->stability_status = set->stability == STABILITY_STEADY_STATE
                                ? ECS_STABILITY_STATUS_STEADY_STATE
                                : ECS_STABILITY_STATUS_STABILIZING;
    SET(ret, stability_status_at_ms, set->stability_at_ms);
}

/* API-193: one of launch type and strategy; the platform's number for FARGATE alone. */
static struct error *describe_capacity(struct call *call, const struct task_set *set,
                                       const struct ecs_create_task_set_request *made,
                                       struct ecs_task_set *ret)
{
    const struct task_definition *definition =
        state_task_definition(ecs_of(call)->state, call_scope(call), set->family, set->revision);
    struct ecs_task_definition document = {0};

    ret->capacity_provider_strategy = made->capacity_provider_strategy;
    ret->launch_type = made->launch_type;
    if (set->launch_type != LAUNCH_TYPE_FARGATE)
        return NULL;
    TRY(platform_version_resolve(made->platform_version, &ret->platform_version));
    if (definition)
        TRY(stored_json_read(call->arena, ECS_SHAPE_TASK_DEFINITION, definition->document,
                             "task definition", definition->family, &document));
    ret->platform_family = platform_family(&document);
    return NULL;
}

struct error *task_set_describe(struct call *call, const struct service *service,
                                const struct task_set *set, bool with_tags,
                                struct ecs_task_set *ret)
{
    struct ecs_create_task_set_request made;
    struct service_counts counts;

    TRY(task_set_read(call->arena, set, &made));
    state_service_counts(service, set->id, &counts);
    describe_record(call, set, ret);
    TRY(describe_capacity(call, set, &made, ret));
    SET(ret, pending_count, counts.pending);
    SET(ret, running_count, counts.running);
    ret->network_configuration = made.network_configuration;
    ret->load_balancers = made.load_balancers;
    ret->load_balancers.is_set = true;
    ret->service_registries = made.service_registries;
    ret->service_registries.is_set = true;
    if (with_tags)
        tags_answer(call->arena, set->tags, set->tags_count, &ret->tags);
    return NULL;
}

struct error *task_set_describe_all(struct call *call, const struct service *service,
                                    bool with_tags, struct ecs_task_sets *ret)
{
    const struct task_set *set = NULL;

    SET_LIST(call->arena, ret, state_task_set_count(service));
    for (size_t i = 0; i < ret->count; i++) {
        set = state_task_set_after(service, set ? set->id : NULL);
        TRY(task_set_describe(call, service, set, with_tags, &ret->items[i]));
    }
    return NULL;
}

/* ---- DescribeTaskSets ---- */

/* Without names, all of them (API-163). */
struct error *api_describe_task_sets(struct call *call,
                                     const struct ecs_describe_task_sets_request *in,
                                     struct ecs_describe_task_sets_response *out)
{
    const struct scope *scope = call_scope(call);
    bool with_tags = in->include.count > 0;
    const struct service *service;

    TRY(task_set_enter_service(call, "ecs:DescribeTaskSets", in->cluster, in->service, NULL,
                               &service));
    SET_LIST(call->arena, &out->failures, in->task_sets.count);
    out->failures.count = 0;
    if (in->task_sets.count == 0)
        return task_set_describe_all(call, service, with_tags, &out->task_sets);
    SET_LIST(call->arena, &out->task_sets, in->task_sets.count);
    out->task_sets.count = 0;
    for (size_t i = 0; i < in->task_sets.count; i++) {
        const struct task_set *set;
        const char *id = NULL;

        TRY(task_set_parse_id(call, service->cluster, service->name, in->task_sets.items[i], &id));
        set = state_task_set(service, id);
        if (set)
            TRY(task_set_describe(call, service, set, with_tags,
                                  &out->task_sets.items[out->task_sets.count++]));
        else
            out->failures.items[out->failures.count++] = failure_of(
                arn_task_set(call->arena, scope, service->cluster, service->name, id), "MISSING");
    }
    return NULL;
}
