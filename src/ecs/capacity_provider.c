#include "ecs/capacity_provider.h"

#include <string.h>
#include <strings.h>

#include "core/capacity.h"
#include "ecs/auth.h"
#include "ecs/capacity_strategy.h"
#include "ecs/cluster.h"
#include "ecs/names.h"
#include "ecs/tags.h"
#include "gen/ecs_handlers.h"

/* ---- CreateCapacityProvider ---- */

/* API-083 */
static struct error *check_name(const char *name)
{
    static const char *const reserved[] = {"aws", "ecs", "fargate"};

    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (strncasecmp(name, reserved[i], strlen(reserved[i])) == 0)
            return error_new(API_INVALID_PARAMETER,
                             "The specified capacity provider name %s is not valid. The name "
                             "cannot begin with aws, ecs or fargate.",
                             name);
    return NULL;
}

static struct error *check_free(struct call *call, const char *name, const char *group,
                                const struct capacity_provider **ret_gone)
{
    struct state *state = ecs_of(call)->state;
    const struct scope *scope = call_scope(call);
    const struct capacity_provider *found = state_capacity_provider(state, scope, name);

    if (found && found->status != PROVIDER_INACTIVE)
        return error_new(API_CLIENT, "The specified capacity provider already exists. To change "
                                     "the configuration of an existing capacity provider, update "
                                     "the capacity provider.");
    /* CL-060 */
    if (provider_of_group(call, group))
        return error_new(API_CLIENT,
                         "The specified Auto Scaling group ARN is already being used by another "
                         "capacity provider. Specify a unique Auto Scaling group ARN and try "
                         "again.");
    *ret_gone = found;
    return NULL;
}

static struct error *check_kind(struct call *call,
                                const struct ecs_create_capacity_provider_request *in)
{
    if (!in->auto_scaling_group_provider == !in->managed_instances_provider)
        return error_new(API_INVALID_PARAMETER, "Specify either an autoScalingGroupProvider or a "
                                                "managedInstancesProvider, and not both.");
    if (in->managed_instances_provider)
        return provider_managed_refuse(call, in->cluster, in->managed_instances_provider);
    if (!str_is_empty(in->cluster))
        return error_new(API_INVALID_PARAMETER,
                         "cluster can be specified only for a capacity provider of managed "
                         "instances. Associate a capacity provider of an Auto Scaling group with "
                         "PutClusterCapacityProviders.");
    return NULL;
}

/* CreateCapacityProvider: ACTIVE at once (CL-053); one of a deleted name is fresh. */
struct error *api_create_capacity_provider(struct call *call,
                                           const struct ecs_create_capacity_provider_request *in,
                                           struct ecs_create_capacity_provider_response *out)
{
    struct ecs_auto_scaling_group_provider group = {0};
    const struct capacity_provider *gone = NULL;
    struct capacity_provider *provider;

    TRY(call_authorize(call, "ecs:CreateCapacityProvider",
                       arn_capacity_provider(call->arena, call_scope(call), in->name)));
    TRY(check_name(in->name));
    TRY(tags_check(ecs_of(call)->quotas, &in->tags, API_INVALID_PARAMETER));
    TRY(check_kind(call, in));
    TRY(provider_group_new(call, in->auto_scaling_group_provider, &group));
    TRY(check_free(call, in->name, group.auto_scaling_group_arn, &gone));

    provider = gone ? txn_edit_capacity_provider(call->txn, gone) : capacity_provider_new();
    capacity_provider_set_name(provider, in->name);
    provider->status = PROVIDER_ACTIVE;
    provider->update = PROVIDER_UPDATE_NONE;
    capacity_provider_set_update_reason(provider, NULL);
    provider->created_at_ms = call->now_ms;
    provider->deleted_at_ms = 0;
    TAGS_SET(capacity_provider, provider, &in->tags);
    provider_group_keep(provider, &group);
    if (!gone)
        provider = txn_insert_capacity_provider(call->txn, provider);
    out->capacity_provider = ARENA_NEW(call->arena, struct ecs_capacity_provider);
    return provider_describe(call, provider, true, out->capacity_provider);
}

/* ---- UpdateCapacityProvider, DeleteCapacityProvider ---- */

/* A made one that is not gone, and of the cluster if one is named. */
static struct error *find_provider(struct call *call, const char *action, const char *text,
                                   const char *in_cluster,
                                   const struct capacity_provider **ret_provider)
{
    const struct capacity_provider *provider;
    const struct cluster *cluster = NULL;
    const char *name = NULL;
    bool is_listed = str_is_empty(in_cluster);

    TRY(names_provider_name(call, text, &name));
    TRY(call_authorize(call, action, arn_capacity_provider(call->arena, call_scope(call), name)));
    if (capacity_is_fargate(name))
        return error_new(API_INVALID_PARAMETER,
                         "The specified capacity provider %s is reserved and cannot be updated or "
                         "deleted.",
                         name);
    if (!is_listed)
        TRY(names_find_cluster(call, in_cluster, &cluster));
    for (uint32_t i = 0; cluster && i < cluster->capacity_providers_count; i++)
        is_listed = is_listed || strcmp(cluster->capacity_providers[i], name) == 0;
    provider = state_capacity_provider(ecs_of(call)->state, call_scope(call), name);
    if (!provider || provider->status == PROVIDER_INACTIVE || !is_listed)
        return error_new(API_INVALID_PARAMETER,
                         "The specified capacity provider does not exist. Specify a valid name or "
                         "ARN and try again.");
    *ret_provider = provider;
    return NULL;
}

static const struct cluster *cluster_after(struct call *call,
                                           const struct capacity_provider *provider,
                                           const struct cluster *after)
{
    return state_cluster_with_provider_after(ecs_of(call)->state, call_scope(call), provider->name,
                                             after ? after->name : NULL);
}

/* CL-060: managed scaling is for one cluster. */
static struct error *check_clusters(struct call *call, const struct capacity_provider *provider,
                                    const struct ecs_auto_scaling_group_provider *group)
{
    const struct cluster *first = cluster_after(call, provider, NULL);

    if (group->managed_scaling->status == ECS_MANAGED_SCALING_STATUS_ENABLED && first &&
        cluster_after(call, provider, first))
        return error_new(API_INVALID_PARAMETER,
                         "Managed scaling cannot be enabled for the capacity provider %s: it is "
                         "associated with more than one cluster.",
                         provider->name);
    return NULL;
}

/* UpdateCapacityProvider: what is given changes. Clusters follow a change of managed scaling. */
struct error *api_update_capacity_provider(struct call *call,
                                           const struct ecs_update_capacity_provider_request *in,
                                           struct ecs_update_capacity_provider_response *out)
{
    struct ecs_auto_scaling_group_provider group = {0};
    const struct capacity_provider *found = NULL;
    struct capacity_provider *provider;
    const struct cluster *cluster;
    bool was_managed;

    TRY(find_provider(call, "ecs:UpdateCapacityProvider", in->name, in->cluster, &found));
    if (in->managed_instances_provider)
        return provider_managed_refuse_update(in->managed_instances_provider);
    if (!in->auto_scaling_group_provider)
        return error_new(API_INVALID_PARAMETER, "autoScalingGroupProvider cannot be empty.");
    if (found->update == PROVIDER_UPDATE_DELETE_IN_PROGRESS)
        return error_new(API_CLIENT, "The specified capacity provider is being deleted.");
    TRY(provider_group_update(call, found, in->auto_scaling_group_provider, &group));
    TRY(check_clusters(call, found, &group));

    was_managed = found->is_scaling_managed;
    provider = txn_edit_capacity_provider(call->txn, found);
    provider_group_keep(provider, &group);
    provider->update = PROVIDER_UPDATE_UPDATE_IN_PROGRESS;
    capacity_provider_set_update_reason(provider, NULL);
    cluster = cluster_after(call, provider, NULL);
    if (cluster && was_managed != (bool)provider->is_scaling_managed)
        cluster_follow_providers(call, txn_edit_cluster(call->txn, cluster));
    out->capacity_provider = ARENA_NEW(call->arena, struct ecs_capacity_provider);
    return provider_describe(call, provider, true, out->capacity_provider);
}

/* DeleteCapacityProvider: one that a cluster has stays, and says so (API-087). */
struct error *api_delete_capacity_provider(struct call *call,
                                           const struct ecs_delete_capacity_provider_request *in,
                                           struct ecs_delete_capacity_provider_response *out)
{
    const struct capacity_provider *found = NULL;
    struct capacity_provider *provider;
    const struct cluster *cluster;

    TRY(find_provider(call, "ecs:DeleteCapacityProvider", in->capacity_provider, in->cluster,
                      &found));
    if (provider_needs_settling(found))
        return error_new(API_UPDATE_IN_PROGRESS,
                         "The specified capacity provider has an update in progress. Wait for it "
                         "to finish and try again.");
    provider = txn_edit_capacity_provider(call->txn, found);
    cluster = cluster_after(call, found, NULL);
    if (cluster) {
        provider->update = PROVIDER_UPDATE_DELETE_FAILED;
        capacity_provider_set_update_reason(
            provider, arena_printf(call->arena,
                                   "The capacity provider cannot be deleted because it is "
                                   "associated with cluster: %s. Remove the capacity provider from "
                                   "the cluster and try again.",
                                   cluster->name));
    } else {
        provider->update = PROVIDER_UPDATE_DELETE_IN_PROGRESS;
        capacity_provider_set_update_reason(provider, NULL);
    }
    out->capacity_provider = ARENA_NEW(call->arena, struct ecs_capacity_provider);
    return provider_describe(call, provider, true, out->capacity_provider);
}
