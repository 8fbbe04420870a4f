/* instances.c - container instances by cluster and id, with what their tasks hold. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "state/txn.h"

static int cmp(const void *key, const struct treap_node *node)
{
    return id_cmp(key, &CONTAINER_OF(node, struct instance_home, node)->id);
}

static struct instance_home *home_of(const struct container_instance *instance)
{
    return instance->home;
}

static struct instance_home **met_of(struct cluster_home *cluster, const struct id *id)
{
    return &cluster->met_instances[id->bytes[sizeof(id->bytes) - 1] % MET_INSTANCES];
}

struct instance_home *instance_home_find(struct cluster_home *cluster, const struct id *id)
{
    struct instance_home **met = met_of(cluster, id);
    struct treap_node *node;

    if (*met && id_cmp(&(*met)->id, id) == 0)
        return *met;
    node = treap_find(&cluster->instances, id, cmp);
    if (!node)
        return NULL;
    *met = CONTAINER_OF(node, struct instance_home, node);
    return *met;
}

struct instance_home *instance_home_get(struct cluster_home *cluster, const struct id *id)
{
    struct instance_home *home = instance_home_find(cluster, id);

    if (!home) {
        home = xcalloc(1, sizeof(*home));
        home->id = *id;
        home->cluster = cluster;
        home->told_version = -1;
        treap_insert(&cluster->instances, id, &home->node, cmp);
    }
    home->users++;
    return home;
}

static void home_free(struct instance_home *home)
{
    intern_unref(home->host); /* still listed if all is dropped */
    for (size_t i = 0; i < INSTANCE_PART_COUNT; i++)
        intern_unref(home->checks[i].reason);
    free(home);
}

void instance_home_put(struct instance_home *home)
{
    struct cluster_home *cluster = home->cluster;

    if (--home->users)
        return;
    if (*met_of(cluster, &home->id) == home)
        *met_of(cluster, &home->id) = NULL;
    treap_remove(&cluster->instances, &home->id, cmp);
    home_free(home);
}

struct container_instance *instance_find(struct cluster_home *cluster, const struct id *id)
{
    struct instance_home *home = instance_home_find(cluster, id);

    return home ? home->instance : NULL;
}

/* ---- by the host's EC2 instance id, and those that are gone by when they went ---- */

struct host_key {
    const char *host;
    struct id id;
};

static int host_cmp(const void *data, const struct treap_node *node)
{
    const struct instance_home *home = CONTAINER_OF(node, struct instance_home, by_host);
    const struct host_key *key = data;
    int order = strcmp(key->host, home->host);

    return order ? order : id_cmp(&key->id, &home->instance->id);
}

struct gone_key {
    int64_t since_ms;
    struct id id;
};

static int gone_cmp(const void *data, const struct treap_node *node)
{
    const struct instance_home *home = CONTAINER_OF(node, struct instance_home, gone);
    const struct gone_key *key = data;

    if (key->since_ms != home->gone_since_ms)
        return key->since_ms < home->gone_since_ms ? -1 : 1;
    return id_cmp(&key->id, &home->instance->id);
}

static void unlist(struct instance_home *home)
{
    if (home->host)
        treap_remove(&home->cluster->instances_by_host,
                     &(struct host_key){home->host, home->instance->id}, host_cmp);
    intern_unref(home->host);
    home->host = NULL;
    if (home->is_listed_gone)
        treap_remove(&home->cluster->instances_gone,
                     &(struct gone_key){home->gone_since_ms, home->instance->id}, gone_cmp);
    home->is_listed_gone = false;
}

static void list(struct instance_home *home)
{
    const struct container_instance *instance = home->instance;
    bool is_gone = instance->status == INSTANCE_INACTIVE;

    if (!is_gone && instance->ec2_instance_id) {
        home->host = intern_ref(instance->ec2_instance_id);
        treap_insert(&home->cluster->instances_by_host,
                     &(struct host_key){home->host, instance->id}, &home->by_host, host_cmp);
    }
    if (is_gone && instance->deregistered_at_ms) {
        home->is_listed_gone = true;
        home->gone_since_ms = instance->deregistered_at_ms;
        treap_insert(&home->cluster->instances_gone,
                     &(struct gone_key){home->gone_since_ms, instance->id}, &home->gone, gone_cmp);
    }
}

/* ---- the table ---- */

void instance_task_changed(struct cluster_home *cluster, const struct id *id)
{
    struct container_instance *instance = id_is_zero(id) ? NULL : instance_find(cluster, id);

    if (instance)
        home_of(instance)->task_changes++;
}

static void release(void *record)
{
    struct container_instance *instance = record;

    instance_home_put(home_of(instance));
    container_instance_free(instance);
}

static void drop(struct treap_node *node, void *data)
{
    struct instance_home *home = CONTAINER_OF(node, struct instance_home, node);

    (void)data;
    if (home->instance)
        container_instance_free(home->instance);
    home_free(home);
}

void instances_drop(struct cluster_home *cluster)
{
    treap_drain(&cluster->instances, drop, NULL);
    cluster->instances_by_host = cluster->instances_gone = (struct treap){0};
    memset(cluster->met_instances, 0, sizeof(cluster->met_instances));
}

static bool attach(struct state *state, struct scope_home *scope, void *record)
{
    struct container_instance *instance = record;
    struct cluster_home *cluster = cluster_home_get(scope, instance->cluster);
    struct instance_home *home;

    (void)state;
    if (instance_find(cluster, &instance->id))
        return false;
    home = instance_home_get(cluster, &instance->id);
    home->instance = instance;
    if (instance->version_bound > instance->version) /* loaded: more may have been shown */
        home->task_changes = instance->version_bound - instance->version;
    instance->home = home;
    return true;
}

static void look(const void *record, struct before *ret)
{
    ret->instance_status = ((const struct container_instance *)record)->status;
}

static void count(struct cluster_counts *counts, enum instance_status status, int sign)
{
    if (status == INSTANCE_ACTIVE)
        counts->instances_active += sign;
    if (status == INSTANCE_DRAINING)
        counts->instances_draining += sign;
    if (status != INSTANCE_INACTIVE)
        counts->instances_registered += sign;
}

static void follow(void *record, const struct before *before)
{
    struct container_instance *instance = record;
    struct cluster_counts *counts = &home_of(instance)->cluster->counts;

    if (before->is_counted)
        count(counts, before->instance_status, -1);
    count(counts, instance->status, 1);
    unlist(home_of(instance));
    list(home_of(instance));
}

static void detach(struct state *state, void *record, const struct before *before)
{
    struct container_instance *instance = record;
    struct cluster_home *cluster = home_of(instance)->cluster;

    (void)state;
    if (before->is_counted)
        count(&cluster->counts, before->instance_status, -1);
    unlist(home_of(instance));
    home_of(instance)->instance = NULL;
    instance->is_gone = true;
}

const struct table instance_table = {
    .kind = RECORD_CONTAINER_INSTANCE,
    .change = CHANGE_INSTANCE,
    .attach = attach,
    .look = look,
    .follow = follow,
    .detach = detach,
    .release = release,
};

const struct container_instance *state_instance(struct state *state, const struct scope *scope,
                                                const char *cluster, const struct id *id)
{
    struct cluster_home *home = cluster_home_find(scope_home_of(scope), cluster);

    (void)state;
    return home ? instance_find(home, id) : NULL;
}

const struct container_instance *state_instance_after(struct state *state,
                                                      const struct scope *scope,
                                                      const char *cluster, const struct id *after)
{
    struct cluster_home *home = cluster_home_find(scope_home_of(scope), cluster);
    const struct instance_home *found = NULL;
    const struct treap_node *node;

    (void)state;
    do { /* past the homes of deleted ones whose tasks are kept */
        node = !home   ? NULL
               : after ? treap_after(&home->instances, after, cmp)
                       : treap_first(&home->instances);
        found = node ? CONTAINER_OF(node, struct instance_home, node) : NULL;
        after = found ? &found->id : NULL;
    } while (found && !found->instance);
    return found ? found->instance : NULL;
}

const struct container_instance *state_instance_of_host(struct state *state,
                                                        const struct scope *scope,
                                                        const char *cluster, const char *host)
{
    const struct cluster_home *home = cluster_home_find(scope_home_of(scope), cluster);
    struct host_key key = {.host = host}; /* no id comes before the zero one */
    const struct treap_node *node;
    const struct instance_home *found;

    (void)state;
    node = home ? treap_after(&home->instances_by_host, &key, host_cmp) : NULL;
    found = node ? CONTAINER_OF(node, struct instance_home, by_host) : NULL;
    return found && strcmp(found->host, host) == 0 ? found->instance : NULL;
}

const struct container_instance *
state_gone_instance_first(struct state *state, const struct scope *scope, const char *cluster)
{
    const struct cluster_home *home = cluster_home_find(scope_home_of(scope), cluster);
    const struct treap_node *node = home ? treap_first(&home->instances_gone) : NULL;

    (void)state;
    return node ? CONTAINER_OF(node, struct instance_home, gone)->instance : NULL;
}

const struct scope *container_instance_scope(const struct container_instance *instance)
{
    return &home_of(instance)->cluster->scope->scope;
}

void state_instance_counts(const struct container_instance *instance, struct instance_counts *ret)
{
    *ret = home_of(instance)->counts;
}

int64_t state_instance_version(const struct container_instance *instance)
{
    return instance->version + home_of(instance)->task_changes;
}

bool state_instance_connected(const struct container_instance *instance)
{
    return home_of(instance)->is_connected;
}

const struct instance_check *state_instance_check(const struct container_instance *instance,
                                                  enum instance_part part)
{
    const struct instance_check *check = &home_of(instance)->checks[part];

    return check->updated_at_ms ? check : NULL;
}

void state_set_instance_check(struct state *state, const struct container_instance *instance,
                              enum instance_part part, const struct instance_check *check)
{
    struct instance_check *kept = &home_of(instance)->checks[part];
    const char *reason = intern(check->reason);

    (void)state;
    intern_unref(kept->reason);
    *kept = *check;
    kept->reason = reason;
}

void state_set_instance_connected(struct state *state, const struct container_instance *instance,
                                  bool is_connected)
{
    (void)state;
    home_of(instance)->is_connected = is_connected;
}

struct container_instance *txn_insert_instance(struct txn *txn, struct container_instance *instance)
{
    return txn_insert(txn, &instance_table, instance);
}

struct container_instance *txn_edit_instance(struct txn *txn,
                                             const struct container_instance *instance)
{
    assert(home_of(instance)->cluster->scope == txn->scope);
    return txn_edit(txn, &instance_table, instance);
}

void txn_delete_instance(struct txn *txn, const struct container_instance *instance)
{
    assert(home_of(instance)->cluster->scope == txn->scope);
    txn_delete(txn, &instance_table, instance);
}
