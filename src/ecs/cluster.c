#include "ecs/cluster.h"

#include <string.h>

#include "core/capacity.h"
#include "ecs/auth.h"
#include "ecs/names_enter.h"
#include "ecs/tags.h"
#include "gen/ecs_handlers.h"

/* ---- CreateCluster ---- */

/* What a new cluster will have, checked. */
struct wish {
    const char *name, *settings, *configuration;
    struct cluster_connect connect;
    struct cluster_capacity capacity;
    const struct ecs_tags *tags;
};

static struct error *check_wish(struct call *call, const struct ecs_create_cluster_request *in,
                                struct wish *ret)
{
    ret->tags = &in->tags;
    TRY(tags_check(ecs_of(call)->quotas, &in->tags, API_INVALID_PARAMETER));
    TRY(cluster_check_settings(call, &in->settings, &ret->settings));
    TRY(cluster_check_configuration(call, NULL, in->configuration, &ret->configuration));
    TRY(cluster_check_connect(call, in->service_connect_defaults, &ret->connect));
    return cluster_check_capacity(call, ret->name, &in->capacity_providers,
                                  &in->default_capacity_provider_strategy, &ret->capacity);
}

static struct error *check_quota(struct call *call)
{
    if (state_cluster_count(ecs_of(call)->state, call_scope(call)) <
        call_quota(call, QUOTA_CLUSTERS_PER_REGION))
        return NULL;
    return quota_error(ecs_of(call)->quotas, QUOTA_CLUSTERS_PER_REGION, API_CLIENT);
}

/* CreateCluster. Asking again for a cluster that is there answers with that cluster; one of a
 * deleted name is fresh (API-065). */
struct error *api_create_cluster(struct call *call, const struct ecs_create_cluster_request *in,
                                 struct ecs_create_cluster_response *out)
{
    const struct cluster *found;
    struct cluster *cluster;
    struct wish wish;

    TRY(names_cluster_name(call, in->cluster_name, &wish.name));
    TRY(call_authorize(call, "ecs:CreateCluster",
                       arn_cluster(call->arena, call_scope(call), wish.name)));
    TRY(check_wish(call, in, &wish));
    out->cluster = ARENA_NEW(call->arena, struct ecs_cluster);
    found = state_cluster(ecs_of(call)->state, call_scope(call), wish.name);
    if (found && found->status != CLUSTER_INACTIVE)
        return cluster_describe(call, found, CLUSTER_AS_CHANGED, out->cluster);
    TRY(check_quota(call));

    cluster = found ? txn_edit_cluster(call->txn, found) : cluster_new();
    cluster_set_name(cluster, wish.name);
    cluster->created_at_ms = call->now_ms;
    cluster->deleted_at_ms = 0;
    cluster->attachments_status = ATTACHMENTS_NONE;
    TAGS_SET(cluster, cluster, wish.tags);
    cluster_set_settings(cluster, wish.settings);
    cluster_set_configuration(cluster, wish.configuration);
    cluster_set_service_connect_defaults(cluster, NULL);
    cluster_keep_connect(call, cluster, &wish.connect);
    cluster_keep_capacity(call, cluster, &wish.capacity);
    cluster_begin(cluster);
    if (!found)
        cluster = txn_insert_cluster(call->txn, cluster);
    return cluster_describe(call, cluster, CLUSTER_AS_CHANGED, out->cluster);
}

/* ---- DeleteCluster ---- */

/* API-081 */
static struct error *check_empty(struct call *call, const struct cluster *cluster)
{
    struct cluster_counts counts;

    state_cluster_counts(cluster, &counts);
    if (counts.services_active + counts.services_draining > 0)
        return error_new(API_CLUSTER_CONTAINS_SERVICES,
                         "The Cluster cannot be deleted while Services are active.");
    if (counts.instances_registered > 0)
        return error_new(
            API_CLUSTER_CONTAINS_CONTAINER_INSTANCES,
            "The Cluster cannot be deleted while Container Instances are active or draining.");
    if (counts.tasks_pending + counts.tasks_running > 0 ||
        state_task_after(ecs_of(call)->state, call_scope(call), cluster->name, TASKS_BY_CLUSTER,
                         NULL, false, NULL))
        return error_new(API_CLUSTER_CONTAINS_TASKS,
                         "The Cluster cannot be deleted while Tasks are active.");
    if (cluster_is_changing(cluster))
        return error_new(API_UPDATE_IN_PROGRESS,
                         "The Cluster cannot be deleted while an update of its capacity providers "
                         "is in progress.");
    return NULL;
}

/* DeleteCluster: only an empty one. It stays, INACTIVE, and its tags go (API-041); DEPROVISIONING
 * until the attachments of its capacity providers are gone. */
struct error *api_delete_cluster(struct call *call, const struct ecs_delete_cluster_request *in,
                                 struct ecs_delete_cluster_response *out)
{
    const struct cluster_capacity none = {0};
    const struct cluster *found;
    struct cluster *cluster;

    TRY(names_enter_cluster(call, "ecs:DeleteCluster", in->cluster, &found));
    TRY(check_empty(call, found));

    cluster = txn_edit_cluster(call->txn, found);
    cluster->deleted_at_ms = call->now_ms;
    cluster_resize_tags(cluster, 0);
    cluster_keep_capacity(call, cluster, &none);
    cluster_end(cluster);
    out->cluster = ARENA_NEW(call->arena, struct ecs_cluster);
    return cluster_describe(call, cluster, CLUSTER_WITH_SETTINGS | CLUSTER_WITH_ATTACHMENTS,
                            out->cluster);
}

/* ---- UpdateClusterSettings, UpdateCluster ---- */

struct error *api_update_cluster_settings(struct call *call,
                                          const struct ecs_update_cluster_settings_request *in,
                                          struct ecs_update_cluster_settings_response *out)
{
    const struct cluster *found;
    struct cluster *cluster;
    const char *settings;

    TRY(names_enter_cluster(call, "ecs:UpdateClusterSettings", in->cluster, &found));
    if (in->settings.count == 0)
        return error_new(API_INVALID_PARAMETER, "Settings cannot be empty.");
    TRY(cluster_check_settings(call, &in->settings, &settings));

    cluster = txn_edit_cluster(call->txn, found);
    cluster_set_settings(cluster, settings);
    out->cluster = ARENA_NEW(call->arena, struct ecs_cluster);
    return cluster_describe(call, cluster, CLUSTER_AS_CHANGED, out->cluster);
}

/* UpdateCluster: only what is given changes (API-075); services keep the namespace they were made
 * with (API-076). */
struct error *api_update_cluster(struct call *call, const struct ecs_update_cluster_request *in,
                                 struct ecs_update_cluster_response *out)
{
    const char *settings = NULL;
    const char *configuration;
    const struct cluster *found;
    struct cluster *cluster;
    struct cluster_connect connect;

    TRY(names_enter_cluster(call, "ecs:UpdateCluster", in->cluster, &found));
    if (in->settings.count > 0)
        TRY(cluster_check_settings(call, &in->settings, &settings));
    TRY(cluster_check_configuration(call, found->configuration, in->configuration, &configuration));
    TRY(cluster_check_connect(call, in->service_connect_defaults, &connect));

    cluster = txn_edit_cluster(call->txn, found);
    if (settings)
        cluster_set_settings(cluster, settings);
    if (configuration)
        cluster_set_configuration(cluster, configuration);
    cluster_keep_connect(call, cluster, &connect);
    out->cluster = ARENA_NEW(call->arena, struct ecs_cluster);
    return cluster_describe(call, cluster, CLUSTER_AS_CHANGED, out->cluster);
}
