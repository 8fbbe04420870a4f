#include "control/capacity.h"

#include "core/capacity.h"

bool capacity_is_waited_for(struct state *state, const struct scope *scope, const char *provider)
{
    const struct capacity_provider *found = state_capacity_provider(state, scope, provider);

    return found && found->is_scaling_managed;
}

/* One small transaction for a change that was accepted: the journal's limit needs no second look.
 */
static void settle(struct state *state, const struct scope *scope, enum change_kind kind,
                   const char *name)
{
    const struct capacity_provider *provider = NULL;
    const struct cluster *cluster = NULL;
    struct txn *txn;

    if (kind == CHANGE_CLUSTER)
        cluster = state_cluster(state, scope, name);
    else
        provider = state_capacity_provider(state, scope, name);
    if (!(cluster && cluster_needs_settling(cluster)) &&
        !(provider && provider_needs_settling(provider)))
        return;
    txn = txn_begin(state, scope);
    if (cluster)
        cluster_settle(txn_edit_cluster(txn, cluster));
    if (provider)
        provider_settle(txn_edit_capacity_provider(txn, provider),
                        clock_wall_ms(state_clock(state)));
    txn_commit(txn);
}

void capacity_durable(struct state *state, const struct change *change)
{
    const struct capacity_provider *provider = change->record;
    const struct cluster *cluster = change->record;

    if (!change->record || change->is_removed)
        return;
    if (change->kind == CHANGE_CLUSTER)
        settle(state, change->scope, change->kind, cluster->name);
    else if (change->kind == CHANGE_CAPACITY_PROVIDER)
        settle(state, change->scope, change->kind, provider->name);
}

void capacity_settle_all(struct state *state)
{
    const struct capacity_provider *provider = NULL;
    const struct cluster *cluster = NULL;

    for (const struct scope *scope = state_scope_after(state, NULL); scope;
         scope = state_scope_after(state, scope)) {
        while ((cluster = state_cluster_after(state, scope, cluster ? cluster->name : NULL)))
            settle(state, scope, CHANGE_CLUSTER, cluster->name);
        while ((provider =
                    state_capacity_provider_after(state, scope, provider ? provider->name : NULL)))
            settle(state, scope, CHANGE_CAPACITY_PROVIDER, provider->name);
    }
}
