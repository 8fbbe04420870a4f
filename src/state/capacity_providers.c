/* capacity_providers.c - capacity providers by name and by Auto Scaling group, and who uses them
 * where. */
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "state/txn.h"

/* ---- homes ---- */

static struct provider_home *home_of_node(struct treap_node *node)
{
    return node ? CONTAINER_OF(node, struct provider_home, node) : NULL;
}

static int name_cmp(const void *key, const struct treap_node *node)
{
    return strcmp(key, CONTAINER_OF(node, struct provider_home, node)->name);
}

static struct provider_home *home_find(const struct scope_home *scope, const char *name)
{
    return home_of_node(treap_find(&scope->providers, name, name_cmp));
}

static struct provider_home *home_get(struct scope_home *scope, const char *name)
{
    struct provider_home *home = home_find(scope, name);

    if (home)
        return home;
    home = xcalloc(1, sizeof(*home));
    home->name = intern(name);
    treap_insert(&scope->providers, home->name, &home->node, name_cmp);
    return home;
}

static void drop(struct treap_node *node, void *data)
{
    struct provider_home *home = home_of_node(node);

    (void)data;
    capacity_provider_free(home->provider);
    intern_unref(home->name);
    free(home);
}

void capacity_providers_drop(struct scope_home *scope)
{
    scope->groups.root = NULL;
    treap_drain(&scope->providers, drop, NULL);
}

/* ---- the table ---- */

static struct capacity_provider *of_group_link(struct treap_node *node)
{
    return node ? CONTAINER_OF(node, struct capacity_provider, links[0]) : NULL;
}

static int group_cmp(const void *key, const struct treap_node *node)
{
    return strcmp(key, CONTAINER_OF(node, const struct capacity_provider, links[0])->group);
}

static bool attach(struct state *state, struct scope_home *scope, void *record)
{
    struct capacity_provider *provider = record;
    struct provider_home *home = home_get(scope, provider->name);

    (void)state;
    if (home->provider)
        return false;
    home->provider = provider;
    provider->home = scope;
    return true;
}

static void look(const void *record, struct before *ret)
{
    ret->provider_status = ((const struct capacity_provider *)record)->status;
}

static void list_group(struct capacity_provider *provider, bool was_listed)
{
    struct scope_home *scope = provider->home;
    bool is_listed = provider->status != PROVIDER_INACTIVE && provider->group;

    if (was_listed && !is_listed)
        treap_remove(&scope->groups, provider->group, group_cmp);
    if (is_listed && !was_listed)
        treap_insert(&scope->groups, provider->group, &provider->links[0], group_cmp);
}

static void follow(void *record, const struct before *before)
{
    list_group(record, before->is_counted && before->provider_status != PROVIDER_INACTIVE);
}

/* A provider is never deleted, it becomes INACTIVE; only one inserted by the open transaction could
 * be. */
static void detach(struct state *state, void *record, const struct before *before)
{
    struct capacity_provider *provider = record;

    (void)state;
    (void)before;
    home_find(provider->home, provider->name)->provider = NULL;
    provider->is_gone = true;
}

static void release(void *record)
{
    capacity_provider_free(record);
}

const struct table capacity_provider_table = {
    .kind = RECORD_CAPACITY_PROVIDER,
    .change = CHANGE_CAPACITY_PROVIDER,
    .attach = attach,
    .look = look,
    .follow = follow,
    .detach = detach,
    .release = release,
};

const struct capacity_provider *state_capacity_provider(struct state *state,
                                                        const struct scope *scope, const char *name)
{
    const struct provider_home *home = home_find(scope_home_of(scope), name);

    (void)state;
    return home ? home->provider : NULL;
}

const struct capacity_provider *
state_capacity_provider_after(struct state *state, const struct scope *scope, const char *after)
{
    const struct treap *providers = &scope_home_of(scope)->providers;
    struct provider_home *home =
        home_of_node(after ? treap_after(providers, after, name_cmp) : treap_first(providers));

    (void)state;
    while (home && !home->provider)
        home = home_of_node(treap_after(providers, home->name, name_cmp));
    return home ? home->provider : NULL;
}

const struct capacity_provider *
state_capacity_provider_of_group(struct state *state, const struct scope *scope, const char *group)
{
    (void)state;
    return of_group_link(treap_find(&scope_home_of(scope)->groups, group, group_cmp));
}

struct capacity_provider *txn_insert_capacity_provider(struct txn *txn,
                                                       struct capacity_provider *provider)
{
    return txn_insert(txn, &capacity_provider_table, provider);
}

struct capacity_provider *txn_edit_capacity_provider(struct txn *txn,
                                                     const struct capacity_provider *provider)
{
    return txn_edit(txn, &capacity_provider_table, provider);
}

/* ---- uses ---- */

static struct provider_use *use_in_cluster(struct treap_node *node)
{
    return node ? CONTAINER_OF(node, struct provider_use, in_cluster) : NULL;
}

static struct provider_use *use_in_provider(struct treap_node *node)
{
    return node ? CONTAINER_OF(node, struct provider_use, in_provider) : NULL;
}

static int by_provider(const void *key, const struct treap_node *node)
{
    return strcmp(key, CONTAINER_OF(node, struct provider_use, in_cluster)->provider->name);
}

static int by_cluster(const void *key, const struct treap_node *node)
{
    return strcmp(key, CONTAINER_OF(node, struct provider_use, in_provider)->cluster->name);
}

static struct provider_use *use_find(const struct cluster_home *cluster, const char *provider)
{
    return use_in_cluster(treap_find(&cluster->provider_uses, provider, by_provider));
}

static struct provider_use *use_get(struct cluster_home *cluster, const char *provider)
{
    struct provider_use *use = use_find(cluster, provider);

    if (use)
        return use;
    use = xcalloc(1, sizeof(*use));
    use->cluster = cluster;
    use->provider = home_get(cluster->scope, provider);
    treap_insert(&cluster->provider_uses, use->provider->name, &use->in_cluster, by_provider);
    return use;
}

static void use_settle(struct provider_use *use)
{
    if (use->is_associated || use->counts.tasks || use->counts.services)
        return;
    treap_remove(&use->cluster->provider_uses, use->provider->name, by_provider);
    free(use);
}

static void use_associate(struct provider_use *use, bool is_associated)
{
    if (use->is_associated != is_associated) {
        use->is_associated = is_associated;
        if (is_associated)
            treap_insert(&use->provider->clusters, use->cluster->name, &use->in_provider,
                         by_cluster);
        else
            treap_remove(&use->provider->clusters, use->cluster->name, by_cluster);
    }
    use_settle(use);
}

static bool is_listed(const struct cluster *cluster, const char *provider)
{
    for (uint32_t i = 0; cluster && i < cluster->capacity_providers_count; i++)
        if (cluster->capacity_providers[i] == provider)
            return true;
    return false;
}

void provider_uses_follow_cluster(struct cluster_home *home)
{
    const struct cluster *cluster = home->cluster;
    struct provider_use *next;

    for (struct provider_use *use = use_in_cluster(treap_first(&home->provider_uses)); use;
         use = next) {
        next = use_in_cluster(treap_after(&home->provider_uses, use->provider->name, by_provider));
        if (use->is_associated && !is_listed(cluster, use->provider->name))
            use_associate(use, false);
    }
    for (uint32_t i = 0; cluster && i < cluster->capacity_providers_count; i++)
        use_associate(use_get(home, cluster->capacity_providers[i]), true);
}

static bool is_counted_as_is(const struct service_home *home, const struct service *service)
{
    uint32_t count = service ? service->capacity_providers_count : 0;

    if (count != home->counted_provider_count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (home->counted_providers[i] != service->capacity_providers[i])
            return false;
    return true;
}

void provider_uses_forget_service(struct service_home *home)
{
    for (uint32_t i = 0; i < home->counted_provider_count; i++)
        intern_unref(home->counted_providers[i]);
    free(home->counted_providers);
    home->counted_providers = NULL;
    home->counted_provider_count = 0;
}

void provider_uses_follow_service(struct service_home *home, const struct service *service)
{
    uint32_t count = service ? service->capacity_providers_count : 0;

    if (is_counted_as_is(home, service))
        return;
    for (uint32_t i = 0; i < home->counted_provider_count; i++) {
        struct provider_use *use = use_find(home->cluster, home->counted_providers[i]);

        use->counts.services--;
        use_settle(use);
    }
    provider_uses_forget_service(home);
    home->counted_providers = count ? xcalloc(count, sizeof(*home->counted_providers)) : NULL;
    home->counted_provider_count = count;
    for (uint32_t i = 0; i < count; i++) {
        home->counted_providers[i] = intern(service->capacity_providers[i]);
        use_get(home->cluster, home->counted_providers[i])->counts.services++;
    }
}

void provider_uses_count_task(struct cluster_home *cluster, const struct task *task, int by)
{
    struct provider_use *use;

    if (!by || !task->rare->capacity_provider)
        return;
    use = use_get(cluster, task->rare->capacity_provider);
    use->counts.tasks += by;
    use_settle(use);
}

static void drop_use(struct treap_node *node, void *data)
{
    struct provider_use *use = use_in_cluster(node);

    (void)data;
    use->provider->clusters.root = NULL;
    free(use);
}

void provider_uses_drop(struct cluster_home *cluster)
{
    treap_drain(&cluster->provider_uses, drop_use, NULL);
}

void state_provider_counts(const struct cluster *cluster, const char *provider,
                           struct provider_counts *ret)
{
    const struct provider_use *use = use_find(cluster->home, provider);

    *ret = use ? use->counts : (struct provider_counts){0};
}

const struct cluster *state_cluster_with_provider_after(struct state *state,
                                                        const struct scope *scope,
                                                        const char *provider, const char *after)
{
    const struct provider_home *home = home_find(scope_home_of(scope), provider);
    const struct provider_use *use = NULL;

    (void)state;
    if (home)
        use = use_in_provider(after ? treap_after(&home->clusters, after, by_cluster)
                                    : treap_first(&home->clusters));
    return use ? use->cluster->cluster : NULL;
}
