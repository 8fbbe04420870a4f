/* clusters.c - clusters by name, with the figures of what is in them. */
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "state/txn.h"

static struct cluster_home *home_of(struct treap_node *node)
{
    return node ? CONTAINER_OF(node, struct cluster_home, node) : NULL;
}

static int name_cmp(const void *key, const struct treap_node *node)
{
    return strcmp(key, CONTAINER_OF(node, struct cluster_home, node)->name);
}

struct cluster_home *cluster_home_find(const struct scope_home *scope, const char *name)
{
    return home_of(treap_find(&scope->clusters, name, name_cmp));
}

struct cluster_home *cluster_home_after(const struct scope_home *scope,
                                        const struct cluster_home *after)
{
    return home_of(after ? treap_after(&scope->clusters, after->name, name_cmp)
                         : treap_first(&scope->clusters));
}

struct cluster_home *cluster_home_get(struct scope_home *scope, const char *name)
{
    struct cluster_home *home = cluster_home_find(scope, name);

    if (home)
        return home;
    home = xcalloc(1, sizeof(*home));
    home->name = intern(name);
    home->scope = scope;
    treap_insert(&scope->clusters, home->name, &home->node, name_cmp);
    return home;
}

static void drop(struct treap_node *node, void *data)
{
    struct cluster_home *home = home_of(node);

    (void)data;
    tasks_drop(home);
    services_drop(home);
    provider_uses_drop(home);
    instances_drop(home);
    cluster_free(home->cluster);
    intern_unref(home->name);
    free(home);
}

void clusters_drop(struct scope_home *scope)
{
    treap_drain(&scope->clusters, drop, NULL);
    scope->cluster_count = 0;
}

static bool attach(struct state *state, struct scope_home *scope, void *record)
{
    struct cluster *cluster = record;
    struct cluster_home *home = cluster_home_get(scope, cluster->name);

    (void)state;
    if (home->cluster)
        return false;
    home->cluster = cluster;
    cluster->home = home;
    return true;
}

static void look(const void *record, struct before *ret)
{
    ret->cluster_status = ((const struct cluster *)record)->status;
}

static void follow(void *record, const struct before *before)
{
    const struct cluster *cluster = record;
    struct cluster_home *home = cluster->home;
    bool was_counted = before->is_counted && before->cluster_status != CLUSTER_INACTIVE;

    home->scope->cluster_count += (cluster->status != CLUSTER_INACTIVE) - was_counted;
    provider_uses_follow_cluster(home);
}

/* A cluster is never deleted, it becomes INACTIVE; only one inserted by the open transaction could
 * be. */
static void detach(struct state *state, void *record, const struct before *before)
{
    struct cluster *cluster = record;
    struct cluster_home *home = cluster->home;

    (void)state;
    home->scope->cluster_count -= before->is_counted && before->cluster_status != CLUSTER_INACTIVE;
    home->cluster = NULL;
    provider_uses_follow_cluster(home);
    cluster->is_gone = true;
}

static void release(void *record)
{
    cluster_free(record);
}

const struct table cluster_table = {
    .kind = RECORD_CLUSTER,
    .change = CHANGE_CLUSTER,
    .attach = attach,
    .look = look,
    .follow = follow,
    .detach = detach,
    .release = release,
};

const struct cluster *state_cluster(struct state *state, const struct scope *scope,
                                    const char *name)
{
    struct cluster_home *home = cluster_home_find(scope_home_of(scope), name);

    (void)state;
    return home ? home->cluster : NULL;
}

const struct cluster *state_cluster_after(struct state *state, const struct scope *scope,
                                          const char *after)
{
    const struct treap *clusters = &scope_home_of(scope)->clusters;
    struct cluster_home *home =
        home_of(after ? treap_after(clusters, after, name_cmp) : treap_first(clusters));

    (void)state;
    while (home && !home->cluster)
        home = home_of(treap_after(clusters, home->name, name_cmp));
    return home ? home->cluster : NULL;
}

int64_t state_cluster_count(struct state *state, const struct scope *scope)
{
    (void)state;
    return scope_home_of(scope)->cluster_count;
}

const struct scope *cluster_scope(const struct cluster *cluster)
{
    return &((const struct cluster_home *)cluster->home)->scope->scope;
}

void state_cluster_counts(const struct cluster *cluster, struct cluster_counts *ret)
{
    *ret = ((const struct cluster_home *)cluster->home)->counts;
}

struct cluster *txn_insert_cluster(struct txn *txn, struct cluster *cluster)
{
    return txn_insert(txn, &cluster_table, cluster);
}

struct cluster *txn_edit_cluster(struct txn *txn, const struct cluster *cluster)
{
    return txn_edit(txn, &cluster_table, cluster);
}
