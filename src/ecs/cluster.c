#include "ecs/cluster.h"

#include <string.h>

#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/tags.h"
#include "gen/ecs_handlers.h"
#include "gen/ecs_shapes.h"

#define PROVIDERS_MAX      10 /* API-079 */
#define STRATEGY_ITEMS_MAX 6  /* CL-070 */

/* ---- CreateCluster ---- */

/* The providers that are there without being made. */
static bool is_known_provider(const char *name)
{
    return strcmp(name, "FARGATE") == 0 || strcmp(name, "FARGATE_SPOT") == 0;
}

static struct error *check_providers(const struct ecs_string_list *providers)
{
    if (providers->count > PROVIDERS_MAX)
        return error_new(API_INVALID_PARAMETER,
                         "The maximum number of capacity providers per cluster has been exceeded.");
    for (size_t i = 0; i < providers->count; i++)
        if (!is_known_provider(providers->items[i]))
            return error_new(API_INVALID_PARAMETER,
                             "The specified capacity provider '%s' is not in an ACTIVE state. "
                             "Specify a valid capacity "
                             "provider and try again.",
                             providers->items[i]);
    return NULL;
}

static bool is_listed(const struct ecs_string_list *providers, const char *name)
{
    for (size_t i = 0; i < providers->count; i++)
        if (strcmp(providers->items[i], name) == 0)
            return true;
    return false;
}

/* API-069, CL-070 to CL-075; entries are shown with base and weight (CL-035). */
static struct error *check_strategy(struct call *call, const struct ecs_string_list *providers,
                                    const struct ecs_capacity_provider_strategy *in,
                                    const char **ret_json)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct ecs_capacity_provider_strategy strategy;
    bool has_weight = false;
    int bases = 0;

    *ret_json = NULL;
    if (in->count == 0)
        return NULL;
    if (in->count > STRATEGY_ITEMS_MAX)
        return error_new(API_INVALID_PARAMETER,
                         "A capacity provider strategy can have at most %d items.",
                         STRATEGY_ITEMS_MAX);
    SET_LIST(call->arena, &strategy, in->count);
    for (size_t i = 0; i < in->count; i++) {
        struct ecs_capacity_provider_strategy_item *item = &strategy.items[i];

        *item = in->items[i];
        if (!is_listed(providers, item->capacity_provider))
            return error_new(API_INVALID_PARAMETER,
                             "The specified capacity provider strategy cannot contain a capacity "
                             "provider that is not "
                             "associated with the cluster. Associate the capacity provider with "
                             "the cluster and try "
                             "again.");
        SET(item, base, item->has_base ? item->base : 0);
        SET(item, weight, item->has_weight ? item->weight : 0);
        bases += item->base > 0;
        has_weight = has_weight || item->weight > 0;
    }
    if (bases > 1)
        return error_new(
            API_INVALID_PARAMETER,
            "Only one capacity provider in a capacity provider strategy can have a base.");
    if (in->count > 1 && !has_weight)
        return error_new(API_INVALID_PARAMETER, "A capacity provider strategy must have at least "
                                                "one capacity provider with a weight above 0.");
    shape_encode(&ecs_shapes[ECS_SHAPE_CAPACITY_PROVIDER_STRATEGY], &text, &strategy);
    *ret_json = arena_dup(call->arena, text.data);
    return NULL;
}

/* CreateCluster. Asking again for a cluster that is there answers with that cluster; one of a
 * deleted name is fresh (API-065). */
struct error *api_create_cluster(struct call *call, const struct ecs_create_cluster_request *in,
                                 struct ecs_create_cluster_response *out)
{
    const char *settings, *configuration, *strategy;
    const struct cluster *found;
    struct cluster *cluster;
    const char *name;

    TRY(names_cluster_name(call, in->cluster_name, &name));
    TRY(call_authorize(call, "ecs:CreateCluster",
                       arn_cluster(call->arena, call_scope(call), name)));
    TRY(tags_check(&in->tags, API_INVALID_PARAMETER));
    TRY(cluster_check_settings(call, &in->settings, &settings));
    TRY(cluster_check_configuration(call, in->configuration, &configuration));
    TRY(check_providers(&in->capacity_providers));
    TRY(check_strategy(call, &in->capacity_providers, &in->default_capacity_provider_strategy,
                       &strategy));
    if (in->service_connect_defaults)
        return error_new(API_CLIENT, "serviceConnectDefaults is not supported yet.");

    out->cluster = ARENA_NEW(call->arena, struct ecs_cluster);
    found = state_cluster(ecs_of(call)->state, call_scope(call), name);
    if (found && found->status != CLUSTER_INACTIVE)
        return cluster_describe(call, found, CLUSTER_WITH_ALL & ~CLUSTER_WITH_STATISTICS,
                                out->cluster);

    cluster = found ? txn_edit_cluster(call->txn, found) : cluster_new();
    cluster_set_name(cluster, name);
    cluster->status = CLUSTER_ACTIVE;
    cluster->created_at_ms = call->now_ms;
    cluster->deleted_at_ms = 0;
    TAGS_SET(cluster, cluster, &in->tags);
    cluster_set_settings(cluster, settings);
    cluster_set_configuration(cluster, configuration);
    cluster_set_capacity_providers(cluster, (const char *const *)in->capacity_providers.items,
                                   (uint32_t)in->capacity_providers.count);
    cluster_set_default_strategy(cluster, strategy);
    if (!found)
        cluster = txn_insert_cluster(call->txn, cluster);
    return cluster_describe(call, cluster, CLUSTER_WITH_ALL & ~CLUSTER_WITH_STATISTICS,
                            out->cluster);
}

/* ---- DeleteCluster ---- */

static bool has_services(struct call *call, const struct cluster *cluster)
{
    const struct service *service = NULL;

    while ((service = state_service_after(ecs_of(call)->state, call_scope(call), cluster->name,
                                          service ? service->name : NULL)))
        if (service->status != SERVICE_INACTIVE)
            return true;
    return false;
}

/* DeleteCluster: only an empty one (API-081); it stays, INACTIVE, and its tags go (API-041). */
struct error *api_delete_cluster(struct call *call, const struct ecs_delete_cluster_request *in,
                                 struct ecs_delete_cluster_response *out)
{
    const struct cluster *found;
    struct cluster_counts counts;
    struct cluster *cluster;

    TRY(names_find_cluster(call, in->cluster, &found));
    TRY(call_authorize(call, "ecs:DeleteCluster",
                       arn_cluster(call->arena, call_scope(call), found->name)));
    state_cluster_counts(found, &counts);
    if (counts.services_active > 0 || has_services(call, found))
        return error_new(API_CLUSTER_CONTAINS_SERVICES,
                         "The Cluster cannot be deleted while Services are active.");
    if (counts.instances_registered > 0)
        return error_new(
            API_CLUSTER_CONTAINS_CONTAINER_INSTANCES,
            "The Cluster cannot be deleted while Container Instances are active or draining.");
    if (counts.tasks_pending + counts.tasks_running > 0 ||
        state_task_after(ecs_of(call)->state, call_scope(call), found->name, TASKS_BY_CLUSTER, NULL,
                         false, NULL))
        return error_new(API_CLUSTER_CONTAINS_TASKS,
                         "The Cluster cannot be deleted while Tasks are active.");

    cluster = txn_edit_cluster(call->txn, found);
    cluster->status = CLUSTER_INACTIVE;
    cluster->deleted_at_ms = call->now_ms;
    cluster_resize_tags(cluster, 0);
    cluster_set_capacity_providers(cluster, NULL, 0);
    cluster_set_default_strategy(cluster, NULL);
    out->cluster = ARENA_NEW(call->arena, struct ecs_cluster);
    return cluster_describe(call, cluster, CLUSTER_WITH_SETTINGS, out->cluster);
}

/* ---- UpdateClusterSettings, UpdateCluster ---- */

struct error *api_update_cluster_settings(struct call *call,
                                          const struct ecs_update_cluster_settings_request *in,
                                          struct ecs_update_cluster_settings_response *out)
{
    const struct cluster *found;
    struct cluster *cluster;
    const char *settings;

    TRY(names_find_cluster(call, in->cluster, &found));
    TRY(call_authorize(call, "ecs:UpdateClusterSettings",
                       arn_cluster(call->arena, call_scope(call), found->name)));
    if (in->settings.count == 0)
        return error_new(API_INVALID_PARAMETER, "Settings cannot be empty.");
    TRY(cluster_check_settings(call, &in->settings, &settings));

    cluster = txn_edit_cluster(call->txn, found);
    cluster_set_settings(cluster, settings);
    out->cluster = ARENA_NEW(call->arena, struct ecs_cluster);
    return cluster_describe(call, cluster, CLUSTER_WITH_ALL & ~CLUSTER_WITH_STATISTICS,
                            out->cluster);
}

/* UpdateCluster: only what is given changes (API-075). */
struct error *api_update_cluster(struct call *call, const struct ecs_update_cluster_request *in,
                                 struct ecs_update_cluster_response *out)
{
    const char *settings = NULL;
    const char *configuration;
    const struct cluster *found;
    struct cluster *cluster;

    TRY(names_find_cluster(call, in->cluster, &found));
    TRY(call_authorize(call, "ecs:UpdateCluster",
                       arn_cluster(call->arena, call_scope(call), found->name)));
    if (in->settings.count > 0)
        TRY(cluster_check_settings(call, &in->settings, &settings));
    TRY(cluster_check_configuration(call, in->configuration, &configuration));
    if (in->service_connect_defaults && !str_is_empty(in->service_connect_defaults->namespace))
        return error_new(API_CLIENT, "serviceConnectDefaults is not supported yet.");

    cluster = txn_edit_cluster(call->txn, found);
    if (settings)
        cluster_set_settings(cluster, settings);
    if (configuration)
        cluster_set_configuration(cluster, configuration);
    out->cluster = ARENA_NEW(call->arena, struct ecs_cluster);
    return cluster_describe(call, cluster, CLUSTER_WITH_ALL & ~CLUSTER_WITH_STATISTICS,
                            out->cluster);
}
