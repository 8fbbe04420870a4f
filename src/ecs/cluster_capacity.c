/* A cluster's capacity providers: PutClusterCapacityProviders, and what follows from them. */
#include <string.h>

#include "core/capacity.h"
#include "ecs/capacity_strategy.h"
#include "ecs/cluster.h"
#include "ecs/names_enter.h"
#include "gen/ecs_handlers.h"
#include "gen/ecs_shapes.h"

struct error *cluster_check_capacity(struct call *call, const char *cluster,
                                     const struct ecs_string_list *providers,
                                     const struct ecs_capacity_provider_strategy *strategy,
                                     struct cluster_capacity *ret)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct ecs_capacity_provider_strategy checked = {0};

    TRY(capacity_providers_check(call, cluster, providers, &ret->providers));
    TRY(capacity_strategy_check_among(call, &ret->providers, strategy, &checked));
    ret->strategy = NULL;
    if (checked.count > 0) {
        shape_encode(&ecs_shapes[ECS_SHAPE_CAPACITY_PROVIDER_STRATEGY], &text, &checked);
        ret->strategy = arena_dup(call->arena, text.data);
    }
    return NULL;
}

void cluster_follow_providers(struct call *call, struct cluster *cluster)
{
    const char **managed =
        ARENA_ARRAY(call->arena, const char *, cluster->capacity_providers_count);
    size_t count = 0;

    for (uint32_t i = 0; i < cluster->capacity_providers_count; i++) {
        const char *name = cluster->capacity_providers[i];
        const struct capacity_provider *provider =
            state_capacity_provider(ecs_of(call)->state, call_scope(call), name);

        if (provider && provider->is_scaling_managed)
            managed[count++] = name;
    }
    cluster_want_attachments(cluster, managed, count, call->rng, call->now_ms);
}

void cluster_keep_capacity(struct call *call, struct cluster *cluster,
                           const struct cluster_capacity *capacity)
{
    cluster_set_capacity_providers(cluster, (const char *const *)capacity->providers.items,
                                   (uint32_t)capacity->providers.count);
    cluster_set_default_strategy(cluster, capacity->strategy);
    cluster_follow_providers(call, cluster);
}

/* ---- PutClusterCapacityProviders ---- */

static bool is_listed(const struct ecs_string_list *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

/* API-079, CL-083: what tasks or services use stays. */
static struct error *check_removed(const struct cluster *cluster,
                                   const struct ecs_string_list *wanted)
{
    for (uint32_t i = 0; i < cluster->capacity_providers_count; i++) {
        struct provider_counts counts;

        if (is_listed(wanted, cluster->capacity_providers[i]))
            continue;
        state_provider_counts(cluster, cluster->capacity_providers[i], &counts);
        if (counts.tasks > 0 || counts.services > 0)
            return error_new(API_RESOURCE_IN_USE, "The specified capacity provider is in use and "
                                                  "cannot be removed.");
    }
    return NULL;
}

static bool has_the_same(const struct cluster *cluster, const struct ecs_string_list *wanted)
{
    for (uint32_t i = 0; i < cluster->capacity_providers_count; i++)
        if (!is_listed(wanted, cluster->capacity_providers[i]))
            return false;
    return cluster->capacity_providers_count == wanted->count;
}

/* PutClusterCapacityProviders: both lists are replaced whole (API-078). */
struct error *
api_put_cluster_capacity_providers(struct call *call,
                                   const struct ecs_put_cluster_capacity_providers_request *in,
                                   struct ecs_put_cluster_capacity_providers_response *out)
{
    struct cluster_capacity capacity;
    const struct cluster *found;
    struct cluster *cluster;
    bool is_change;

    TRY(names_enter_cluster(call, "ecs:PutClusterCapacityProviders", in->cluster, &found));
    if (found->status != CLUSTER_ACTIVE)
        return error_new(API_CLIENT, "Cluster was not ACTIVE.");
    if (cluster_is_changing(found))
        return error_new(API_UPDATE_IN_PROGRESS,
                         "The specified cluster is in a busy state. Cluster attachments must be in "
                         "UPDATE_COMPLETE or UPDATE_FAILED state before they can be updated. Wait "
                         "and try again.");
    TRY(cluster_check_capacity(call, found->name, &in->capacity_providers,
                               &in->default_capacity_provider_strategy, &capacity));
    TRY(check_removed(found, &capacity.providers));

    is_change = !has_the_same(found, &capacity.providers);
    cluster = txn_edit_cluster(call->txn, found);
    cluster_keep_capacity(call, cluster, &capacity);
    if (is_change)
        cluster->attachments_status = ATTACHMENTS_UPDATE_IN_PROGRESS; /* API-080 */
    out->cluster = ARENA_NEW(call->arena, struct ecs_cluster);
    return cluster_describe(call, cluster, CLUSTER_WITH_ALL & ~CLUSTER_WITH_STATISTICS,
                            out->cluster);
}
