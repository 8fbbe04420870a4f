/* services.c - services by cluster and name; what is in their homes is in service_history.c. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "core/service.h"
#include "state/txn.h"

/* Homes */

static struct service_home *home_of_node(struct treap_node *node)
{
    return node ? CONTAINER_OF(node, struct service_home, node) : NULL;
}

static int name_cmp(const void *key, const struct treap_node *node)
{
    return strcmp(key, CONTAINER_OF(node, struct service_home, node)->name);
}

struct service_home *service_home_find(const struct cluster_home *cluster, const char *name)
{
    return home_of_node(treap_find(&cluster->services, name, name_cmp));
}

struct service_home *service_home_after(const struct cluster_home *cluster,
                                        const struct service_home *after)
{
    return home_of_node(after ? treap_after(&cluster->services, after->name, name_cmp)
                              : treap_first(&cluster->services));
}

struct service_home *service_home_get(struct cluster_home *cluster, const char *name)
{
    struct service_home *home = service_home_find(cluster, name);

    if (home)
        return home;
    home = xcalloc(1, sizeof(*home));
    home->name = intern(name);
    home->cluster = cluster;
    treap_insert(&cluster->services, home->name, &home->node, name_cmp);
    return home;
}

void service_home_detach(struct service_home *home)
{
    definition_uses_forget_task_sets(home);
    treap_remove(&home->cluster->services, home->name, name_cmp);
}

void service_home_free(struct service_home *home)
{
    service_history_drop(home);
    service_figures_drop(home);
    provider_uses_forget_service(home);
    definition_uses_forget_service(home);
    intern_unref(home->name);
    free(home);
}

/* By the namespace of Service Connect */

struct namespace_key {
    const char *namespace, *cluster, *name;
};

static struct service_home *home_in_namespace(const struct treap_node *node)
{
    return node ? CONTAINER_OF((struct treap_node *)(uintptr_t)node, struct service_home,
                               in_namespace)
                : NULL;
}

static int namespace_cmp(const void *key, const struct treap_node *node)
{
    const struct namespace_key *wanted = key;
    const struct service_home *found = home_in_namespace(node);
    int order = strcmp(wanted->namespace, found->namespace);

    if (!order)
        order = strcmp(wanted->cluster, found->cluster->name);
    return order ? order : strcmp(wanted->name, found->name);
}

static void list_in_namespace(struct service_home *home, const char *namespace)
{
    struct treap *list = &home->cluster->scope->in_namespaces;
    struct namespace_key key = {home->namespace, home->cluster->name, home->name};

    if (home->namespace == namespace)
        return;
    if (home->namespace) {
        treap_remove(list, &key, namespace_cmp);
        intern_unref(home->namespace);
    }
    home->namespace = namespace ? intern_ref(namespace) : NULL;
    key.namespace = namespace;
    if (namespace)
        treap_insert(list, &key, &home->in_namespace, namespace_cmp);
}

const struct service *state_service_in_namespace_after(struct state *state,
                                                       const struct scope *scope,
                                                       const char *namespace,
                                                       const char *after_cluster,
                                                       const char *after_name)
{
    /* No cluster and no service has an empty name: it comes before all. */
    struct namespace_key key = {namespace, after_cluster ? after_cluster : "",
                                after_name ? after_name : ""};
    struct service_home *home =
        home_in_namespace(treap_after(&scope_home_of(scope)->in_namespaces, &key, namespace_cmp));

    (void)state;
    return home && strcmp(home->namespace, namespace) == 0 ? home->service : NULL;
}

static void drop(struct treap_node *node, void *data)
{
    struct service_home *home = home_of_node(node);

    (void)data;
    list_in_namespace(home, NULL);
    service_free(home->service);
    service_home_free(home);
}

void services_drop(struct cluster_home *cluster)
{
    treap_drain(&cluster->services, drop, NULL);
}

/* Services */

static struct service_home *home_of(const struct service *service)
{
    return service->home;
}

static bool attach(struct state *state, struct scope_home *scope, void *record)
{
    struct service *service = record;
    struct service_home *home =
        service_home_get(cluster_home_get(scope, service->cluster), service->name);

    (void)state;
    if (home->service)
        return false;
    home->service = service;
    service->home = home;
    return true;
}

/* The digits of its id, ecs-svc/N; 0 if there is none. */
static int64_t rolling_deployment(const struct service *service)
{
    const struct deployment *primary = service_primary(service);

    if (!primary || !primary->id || primary->rollout_state != ROLLOUT_STATE_IN_PROGRESS)
        return 0;
    return strtoll(primary->id + strlen("ecs-svc/"), NULL, 10);
}

static void look(const void *record, struct before *ret)
{
    ret->service_status = ((const struct service *)record)->status;
    ret->service_runs_on = ((const struct service *)record)->runs_on;
    ret->rolling = rolling_deployment(record);
    ret->desired_count = ((const struct service *)record)->desired_count;
}

static void count(struct cluster_counts *counts, enum service_status status,
                  enum launch_type runs_on, int by)
{
    enum launch_type on = runs_on == LAUNCH_TYPE_NONE ? LAUNCH_TYPE_EC2 : runs_on;

    if (status == SERVICE_ACTIVE) {
        counts->services_active += by;
        counts->services_active_on[on] += by;
    } else if (status == SERVICE_DRAINING) {
        counts->services_draining += by;
        counts->services_draining_on[on] += by;
    }
}

static void follow(void *record, const struct before *before)
{
    struct service *service = record;
    struct service_home *home = home_of(service);
    struct cluster_counts *counts = &home->cluster->counts;

    if (before->is_counted)
        count(counts, before->service_status, before->service_runs_on, -1);
    count(counts, service->status, service->runs_on, 1);
    list_in_namespace(home, service->status == SERVICE_ACTIVE ? service->connect_namespace : NULL);
    provider_uses_follow_service(home, service->status == SERVICE_INACTIVE ? NULL : service);
    definition_uses_follow_service(home, service->status == SERVICE_INACTIVE ? NULL : service);
}

static void detach(struct state *state, void *record, const struct before *before)
{
    struct service *service = record;
    struct service_home *home = home_of(service);

    (void)state;
    if (before->is_counted)
        count(&home->cluster->counts, before->service_status, before->service_runs_on, -1);
    list_in_namespace(home, NULL);
    provider_uses_follow_service(home, NULL);
    definition_uses_follow_service(home, NULL);
    service_home_detach(home);
    home->service = NULL;
    service->is_gone = true;
}

/* Its home goes with the transaction, which deletes what is in it. */
static void release(void *record)
{
    service_free(record);
}

const struct table service_table = {
    .kind = RECORD_SERVICE,
    .change = CHANGE_SERVICE,
    .attach = attach,
    .look = look,
    .follow = follow,
    .detach = detach,
    .release = release,
};

struct service_home *service_home_named(const struct scope *scope, const char *cluster,
                                        const char *name)
{
    struct cluster_home *home = cluster_home_find(scope_home_of(scope), cluster);

    return home ? service_home_find(home, name) : NULL;
}

const struct service *state_service(struct state *state, const struct scope *scope,
                                    const char *cluster, const char *name)
{
    struct service_home *home = service_home_named(scope, cluster, name);

    (void)state;
    return home ? home->service : NULL;
}

const struct service *state_service_after(struct state *state, const struct scope *scope,
                                          const char *cluster, const char *after)
{
    struct cluster_home *in = cluster_home_find(scope_home_of(scope), cluster);
    struct service_home *home;

    (void)state;
    if (!in)
        return NULL;
    home = home_of_node(after ? treap_after(&in->services, after, name_cmp)
                              : treap_first(&in->services));
    while (home && !home->service)
        home = home_of_node(treap_after(&in->services, home->name, name_cmp));
    return home ? home->service : NULL;
}

struct service *txn_insert_service(struct txn *txn, struct service *service)
{
    return txn_insert(txn, &service_table, service);
}

struct service *txn_edit_service(struct txn *txn, const struct service *service)
{
    assert(home_of(service)->cluster->scope == txn->scope);
    return txn_edit(txn, &service_table, service);
}

void txn_delete_service(struct txn *txn, const struct service *service)
{
    assert(home_of(service)->cluster->scope == txn->scope);
    txn_empty_service(txn, home_of(service));
    txn_delete(txn, &service_table, service);
}
