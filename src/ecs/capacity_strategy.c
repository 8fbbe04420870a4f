#include "ecs/capacity_strategy.h"

#include <string.h>

#include "core/stored_json.h"
#include "ecs/names.h"

bool capacity_is_fargate(const char *provider)
{
    return strcmp(provider, "FARGATE") == 0 || strcmp(provider, "FARGATE_SPOT") == 0;
}

static bool is_active(struct call *call, const char *name)
{
    const struct capacity_provider *provider;

    if (capacity_is_fargate(name))
        return true;
    provider = state_capacity_provider(ecs_of(call)->state, call_scope(call), name);
    return provider && provider->status == PROVIDER_ACTIVE &&
           provider->update != PROVIDER_UPDATE_DELETE_IN_PROGRESS;
}

static struct error *refuse_inactive(const char *name)
{
    return error_new(API_INVALID_PARAMETER,
                     "The specified capacity provider '%.255s' is not in an ACTIVE state. Specify "
                     "a valid capacity provider and try again.",
                     name);
}

static bool is_among(const struct ecs_string_list *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

/* ---- providers of a cluster ---- */

/* CL-060, API-071: what scales a group for one cluster cannot scale it for a second. */
static struct error *check_sole_cluster(struct call *call, const char *cluster, const char *name)
{
    struct state *state = ecs_of(call)->state;
    const struct scope *scope = call_scope(call);
    const struct capacity_provider *provider = state_capacity_provider(state, scope, name);
    const struct cluster *other = NULL;

    if (!provider || !provider->is_scaling_managed)
        return NULL;
    while (
        (other = state_cluster_with_provider_after(state, scope, name, other ? other->name : NULL)))
        if (strcmp(other->name, cluster) != 0)
            return error_new(API_INVALID_PARAMETER,
                             "The specified capacity provider '%s' uses managed scaling and is "
                             "already associated with the cluster %s. Remove it from that cluster "
                             "and try again.",
                             name, other->name);
    return NULL;
}

struct error *capacity_providers_check(struct call *call, const char *cluster,
                                       const struct ecs_string_list *in,
                                       struct ecs_string_list *ret)
{
    int64_t most = call_quota(call, QUOTA_CAPACITY_PROVIDERS_PER_CLUSTER);
    struct ecs_string_list names;

    if ((int64_t)in->count > most)
        return error_new(API_INVALID_PARAMETER,
                         "The maximum number of capacity providers per cluster has been exceeded.");
    SET_LIST(call->arena, &names, in->count);
    names.count = 0;
    for (size_t i = 0; i < in->count; i++) {
        const char *name = NULL;

        TRY(names_provider_name(call, in->items[i], &name));
        if (!is_active(call, name))
            return refuse_inactive(name);
        if (is_among(&names, name))
            return error_new(API_INVALID_PARAMETER,
                             "The specified capacity provider '%s' is listed twice. A capacity "
                             "provider can be associated with a cluster only once.",
                             name);
        TRY(check_sole_cluster(call, cluster, name));
        names.items[names.count++] = name;
    }
    *ret = names;
    return NULL;
}

/* ---- strategies ---- */

static struct error *check_names(struct call *call, const struct ecs_string_list *providers,
                                 struct ecs_capacity_provider_strategy *strategy)
{
    size_t fargate = 0;

    for (size_t i = 0; i < strategy->count; i++) {
        struct ecs_capacity_provider_strategy_item *item = &strategy->items[i];
        const char *name = NULL;

        TRY(names_provider_name(call, item->capacity_provider, &name));
        if (!is_among(providers, name))
            return error_new(API_INVALID_PARAMETER,
                             "The specified capacity provider strategy cannot contain a capacity "
                             "provider that is not associated with the cluster. Associate the "
                             "capacity provider with the cluster and try again.");
        if (!is_active(call, name))
            return refuse_inactive(name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(strategy->items[j].capacity_provider, name) == 0)
                return error_new(API_INVALID_PARAMETER,
                                 "The specified capacity provider strategy names the capacity "
                                 "provider '%s' twice. Name each capacity provider once and try "
                                 "again.",
                                 name);
        item->capacity_provider = name;
        fargate += capacity_is_fargate(name);
    }
    if (fargate > 0 && fargate < strategy->count)
        return error_new(API_INVALID_PARAMETER,
                         "A capacity provider strategy cannot contain a mix of capacity providers "
                         "using Auto Scaling groups and Fargate providers. Specify one or the "
                         "other and try again.");
    return NULL;
}

static struct error *check_shares(struct ecs_capacity_provider_strategy *strategy)
{
    size_t with_base = 0;
    size_t with_weight = 0;

    for (size_t i = 0; i < strategy->count; i++) {
        struct ecs_capacity_provider_strategy_item *item = &strategy->items[i];

        SET(item, base, item->has_base ? item->base : 0);
        SET(item, weight, item->has_weight ? item->weight : 0);
        with_base += item->base > 0;
        with_weight += item->weight > 0;
    }
    if (with_base > 1)
        return error_new(API_INVALID_PARAMETER,
                         "Only one capacity provider in a capacity provider strategy can have a "
                         "base defined.");
    if (strategy->count > 1 && !with_weight)
        return error_new(API_INVALID_PARAMETER,
                         "At least one capacity provider in a capacity provider strategy must "
                         "have a weight greater than 0.");
    return NULL;
}

struct error *capacity_strategy_check_among(struct call *call,
                                            const struct ecs_string_list *providers,
                                            const struct ecs_capacity_provider_strategy *in,
                                            struct ecs_capacity_provider_strategy *ret)
{
    struct ecs_capacity_provider_strategy strategy;

    if (in->count > CAPACITY_STRATEGY_ITEMS_MAX)
        return error_new(API_INVALID_PARAMETER,
                         "A capacity provider strategy can contain at most %d capacity providers.",
                         CAPACITY_STRATEGY_ITEMS_MAX);
    SET_LIST(call->arena, &strategy, in->count);
    for (size_t i = 0; i < in->count; i++)
        strategy.items[i] = in->items[i];
    TRY(check_names(call, providers, &strategy));
    TRY(check_shares(&strategy));
    *ret = strategy;
    return NULL;
}

struct error *capacity_strategy_check(struct call *call, const struct cluster *cluster,
                                      const struct ecs_capacity_provider_strategy *in,
                                      struct ecs_capacity_provider_strategy *ret)
{
    struct ecs_string_list providers;

    SET_LIST(call->arena, &providers, cluster->capacity_providers_count);
    for (size_t i = 0; i < providers.count; i++)
        providers.items[i] = cluster->capacity_providers[i];
    return capacity_strategy_check_among(call, &providers, in, ret);
}

/* ---- what a request comes to ---- */

struct error *capacity_resolve(struct call *call, const struct cluster *cluster,
                               enum ecs_launch_type asked,
                               const struct ecs_capacity_provider_strategy *strategy,
                               struct capacity_choice *ret)
{
    struct capacity_choice choice = {.launch_type = asked};

    if (asked != ECS_LAUNCH_TYPE_UNSET && strategy->count > 0)
        return error_new(API_INVALID_PARAMETER,
                         "Specifying both a launch type and capacity provider strategy is not "
                         "supported. Remove one and try again.");
    if (asked == ECS_LAUNCH_TYPE_UNSET && strategy->count == 0) {
        struct ecs_capacity_provider_strategy stored = {0};

        choice.is_default = true;
        if (cluster->default_strategy)
            TRY(stored_json_read(call->arena, ECS_SHAPE_CAPACITY_PROVIDER_STRATEGY,
                                 cluster->default_strategy, "default strategy", cluster->name,
                                 &stored));
        TRY(capacity_strategy_check(call, cluster, &stored, &choice.strategy));
    } else {
        TRY(capacity_strategy_check(call, cluster, strategy, &choice.strategy));
    }
    if (choice.launch_type == ECS_LAUNCH_TYPE_UNSET)
        choice.launch_type = choice.strategy.count > 0 &&
                                     capacity_is_fargate(choice.strategy.items[0].capacity_provider)
                                 ? ECS_LAUNCH_TYPE_FARGATE
                                 : ECS_LAUNCH_TYPE_EC2;
    *ret = choice;
    return NULL;
}
