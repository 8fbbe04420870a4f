/* service_history.c - what is kept of a service besides itself: events, revisions, deployments,
 * each bounded (the oldest goes with the insertion of a new one), and task sets, which requests
 * bound.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "state/txn.h"

/* Events */

static struct service_event *event_of(struct treap_node *node)
{
    return node ? CONTAINER_OF(node, struct service_event, links[0]) : NULL;
}

static int event_cmp(const void *key, const struct treap_node *node)
{
    int64_t wanted = *(const int64_t *)key;
    int64_t found = CONTAINER_OF(node, struct service_event, links[0])->number;

    return (wanted > found) - (wanted < found);
}

static bool attach_event(struct state *state, struct scope_home *scope, void *record)
{
    struct service_event *event = record;
    struct service_home *home =
        service_home_get(cluster_home_get(scope, event->cluster), event->service);

    (void)state;
    if (!treap_insert(&home->events, &event->number, &event->links[0], event_cmp))
        return false;
    event->home = home;
    home->event_count++;
    return true;
}

static void detach_event(struct state *state, void *record, const struct before *before)
{
    struct service_event *event = record;
    struct service_home *home = event->home;

    (void)state;
    (void)before;
    treap_remove(&home->events, &event->number, event_cmp);
    home->event_count--;
    event->is_gone = true;
}

static void release_event(void *record)
{
    service_event_free(record);
}

const struct table service_event_table = {
    .kind = RECORD_SERVICE_EVENT,
    .change = CHANGE_KIND_COUNT,
    .attach = attach_event,
    .look = look_at_nothing,
    .follow = follow_nothing,
    .detach = detach_event,
    .release = release_event,
};

struct service_event *txn_insert_service_event(struct txn *txn, struct service_event *event)
{
    txn_insert(txn, &service_event_table, event);

    struct service_home *home = event->home;
    if (home->event_count > SERVICE_EVENTS_MAX)
        txn_delete(txn, &service_event_table, event_of(treap_first(&home->events)));
    return event;
}

const struct service_event *state_service_event_before(struct state *state,
                                                       const struct service *service,
                                                       const struct service_event *before)
{
    const struct treap *events = &((const struct service_home *)service->home)->events;

    (void)state;
    return event_of(before ? treap_before(events, &before->number, event_cmp) : treap_last(events));
}

/* Revisions */

static struct service_revision *revision_of(struct treap_node *node)
{
    return node ? CONTAINER_OF(node, struct service_revision, links[0]) : NULL;
}

static int revision_cmp(const void *key, const struct treap_node *node)
{
    return strcmp(key, CONTAINER_OF(node, struct service_revision, links[0])->id);
}

static bool attach_revision(struct state *state, struct scope_home *scope, void *record)
{
    struct service_revision *revision = record;
    struct service_home *home =
        service_home_get(cluster_home_get(scope, revision->cluster), revision->service);

    (void)state;
    if (!treap_insert(&home->revisions, revision->id, &revision->links[0], revision_cmp))
        return false;
    revision->home = home;
    home->revision_count++;
    return true;
}

static void detach_revision(struct state *state, void *record, const struct before *before)
{
    struct service_revision *revision = record;
    struct service_home *home = revision->home;

    (void)state;
    (void)before;
    treap_remove(&home->revisions, revision->id, revision_cmp);
    home->revision_count--;
    revision->is_gone = true;
}

static void release_revision(void *record)
{
    service_revision_free(record);
}

const struct table service_revision_table = {
    .kind = RECORD_SERVICE_REVISION,
    .change = CHANGE_KIND_COUNT,
    .attach = attach_revision,
    .look = look_at_nothing,
    .follow = follow_nothing,
    .detach = detach_revision,
    .release = release_revision,
};

/* A deployment of the service still runs it, or a rollback would. */
static bool is_in_use(const struct service_home *home, const struct service_revision *revision)
{
    for (uint32_t i = 0; home->service && i < home->service->deployments_count; i++)
        if (str_eq(home->service->deployments[i].service_revision, revision->id))
            return true;
    return home->service && str_eq(home->service->completed_revision, revision->id);
}

struct service_revision *txn_insert_service_revision(struct txn *txn,
                                                     struct service_revision *revision)
{
    txn_insert(txn, &service_revision_table, revision);

    struct service_home *home = revision->home;
    struct service_revision *oldest = revision_of(treap_first(&home->revisions));
    while (oldest && is_in_use(home, oldest))
        oldest = revision_of(treap_after(&home->revisions, oldest->id, revision_cmp));
    if (home->revision_count > SERVICE_REVISIONS_MAX && oldest && oldest != revision)
        txn_delete(txn, &service_revision_table, oldest);
    return revision;
}

struct service_revision *txn_edit_service_revision(struct txn *txn,
                                                   const struct service_revision *revision)
{
    assert(((const struct service_home *)revision->home)->cluster->scope == txn->scope);
    return txn_edit(txn, &service_revision_table, revision);
}

const struct service_revision *state_service_revision(struct state *state,
                                                      const struct scope *scope,
                                                      const char *cluster, const char *service,
                                                      const char *id)
{
    struct service_home *home = service_home_named(scope, cluster, service);

    (void)state;
    return home ? revision_of(treap_find(&home->revisions, id, revision_cmp)) : NULL;
}

/* Deployments */

static struct service_deployment *deployment_of(struct treap_node *node)
{
    return node ? CONTAINER_OF(node, struct service_deployment, links[0]) : NULL;
}

static int deployment_cmp(const void *key, const struct treap_node *node)
{
    return strcmp(key, CONTAINER_OF(node, struct service_deployment, links[0])->id);
}

static bool attach_deployment(struct state *state, struct scope_home *scope, void *record)
{
    struct service_deployment *deployment = record;
    struct service_home *home =
        service_home_get(cluster_home_get(scope, deployment->cluster), deployment->service);

    (void)state;
    if (!treap_insert(&home->deployments, deployment->id, &deployment->links[0], deployment_cmp))
        return false;
    deployment->home = home;
    home->deployment_count++;
    return true;
}

static void detach_deployment(struct state *state, void *record, const struct before *before)
{
    struct service_deployment *deployment = record;
    struct service_home *home = deployment->home;

    (void)state;
    (void)before;
    treap_remove(&home->deployments, deployment->id, deployment_cmp);
    home->deployment_count--;
    deployment->is_gone = true;
}

static void release_deployment(void *record)
{
    service_deployment_free(record);
}

const struct table service_deployment_table = {
    .kind = RECORD_SERVICE_DEPLOYMENT,
    .change = CHANGE_KIND_COUNT,
    .attach = attach_deployment,
    .look = look_at_nothing,
    .follow = follow_nothing,
    .detach = detach_deployment,
    .release = release_deployment,
};

struct service_deployment *txn_insert_service_deployment(struct txn *txn,
                                                         struct service_deployment *deployment)
{
    txn_insert(txn, &service_deployment_table, deployment);

    struct service_home *home = deployment->home;
    struct service_deployment *oldest = deployment_of(treap_first(&home->deployments));
    if (home->deployment_count > SERVICE_DEPLOYMENTS_MAX && oldest != deployment)
        txn_delete(txn, &service_deployment_table, oldest);
    return deployment;
}

struct service_deployment *txn_edit_service_deployment(struct txn *txn,
                                                       const struct service_deployment *deployment)
{
    assert(((const struct service_home *)deployment->home)->cluster->scope == txn->scope);
    return txn_edit(txn, &service_deployment_table, deployment);
}

const struct service_deployment *state_service_deployment(struct state *state,
                                                          const struct scope *scope,
                                                          const char *cluster, const char *service,
                                                          const char *id)
{
    struct service_home *home = service_home_named(scope, cluster, service);

    (void)state;
    return home ? deployment_of(treap_find(&home->deployments, id, deployment_cmp)) : NULL;
}

const struct service_deployment *
state_service_deployment_before(struct state *state, const struct scope *scope, const char *cluster,
                                const char *service, const char *before)
{
    struct service_home *home = service_home_named(scope, cluster, service);

    (void)state;
    if (!home)
        return NULL;
    return deployment_of(before ? treap_before(&home->deployments, before, deployment_cmp)
                                : treap_last(&home->deployments));
}

/* Task sets */

static struct task_set *task_set_of(struct treap_node *node)
{
    return node ? CONTAINER_OF(node, struct task_set, links[0]) : NULL;
}

static int task_set_cmp(const void *key, const struct treap_node *node)
{
    return strcmp(key, CONTAINER_OF(node, struct task_set, links[0])->id);
}

static bool attach_task_set(struct state *state, struct scope_home *scope, void *record)
{
    struct task_set *set = record;
    struct service_home *home =
        service_home_get(cluster_home_get(scope, set->cluster), set->service);

    (void)state;
    if (!treap_insert(&home->task_sets, set->id, &set->links[0], task_set_cmp))
        return false;
    set->home = home;
    home->task_set_count++;
    definition_uses_follow_task_set(set, true);
    return true;
}

static void detach_task_set(struct state *state, void *record, const struct before *before)
{
    struct task_set *set = record;
    struct service_home *home = set->home;

    (void)state;
    (void)before;
    treap_remove(&home->task_sets, set->id, task_set_cmp);
    home->task_set_count--;
    definition_uses_follow_task_set(set, false);
    set->is_gone = true;
}

static void release_task_set(void *record)
{
    task_set_free(record);
}

static void look_at_task_set(const void *record, struct before *ret)
{
    const struct task_set *set = record;

    ret->desired_count = set->desired_count;
    ret->scale = set->scale ? strtod(set->scale, NULL) : 0;
}

const struct table task_set_table = {
    .kind = RECORD_TASK_SET,
    .change = CHANGE_TASK_SET,
    .attach = attach_task_set,
    .look = look_at_task_set,
    .follow = follow_nothing,
    .detach = detach_task_set,
    .release = release_task_set,
};

/* Those that go with their service. */
void definition_uses_forget_task_sets(const struct service_home *home)
{
    const struct task_set *set = task_set_of(treap_first(&home->task_sets));

    for (; set; set = task_set_of(treap_after(&home->task_sets, set->id, task_set_cmp)))
        definition_uses_follow_task_set(set, false);
}

struct task_set *txn_insert_task_set(struct txn *txn, struct task_set *set)
{
    return txn_insert(txn, &task_set_table, set);
}

struct task_set *txn_edit_task_set(struct txn *txn, const struct task_set *set)
{
    assert(((const struct service_home *)set->home)->cluster->scope == txn->scope);
    return txn_edit(txn, &task_set_table, set);
}

void txn_delete_task_set(struct txn *txn, const struct task_set *set)
{
    assert(((const struct service_home *)set->home)->cluster->scope == txn->scope);
    txn_delete(txn, &task_set_table, set);
}

const struct task_set *state_task_set(const struct service *service, const char *id)
{
    const struct service_home *home = service->home;

    return task_set_of(treap_find(&home->task_sets, id, task_set_cmp));
}

const struct task_set *state_task_set_after(const struct service *service, const char *after)
{
    const struct treap *sets = &((const struct service_home *)service->home)->task_sets;

    return task_set_of(after ? treap_after(sets, after, task_set_cmp) : treap_first(sets));
}

uint32_t state_task_set_count(const struct service *service)
{
    return ((const struct service_home *)service->home)->task_set_count;
}

/* All of them */

static void free_event(struct treap_node *node, void *data)
{
    (void)data;
    service_event_free(CONTAINER_OF(node, struct service_event, links[0]));
}

static void free_revision(struct treap_node *node, void *data)
{
    (void)data;
    service_revision_free(CONTAINER_OF(node, struct service_revision, links[0]));
}

static void free_deployment(struct treap_node *node, void *data)
{
    (void)data;
    service_deployment_free(CONTAINER_OF(node, struct service_deployment, links[0]));
}

static void free_task_set(struct treap_node *node, void *data)
{
    (void)data;
    task_set_free(CONTAINER_OF(node, struct task_set, links[0]));
}

void service_history_drop(struct service_home *home)
{
    treap_drain(&home->events, free_event, NULL);
    treap_drain(&home->revisions, free_revision, NULL);
    treap_drain(&home->deployments, free_deployment, NULL);
    treap_drain(&home->task_sets, free_task_set, NULL);
}

void service_home_uncount(struct state *state, const struct service_home *home)
{
    state->counts[RECORD_SERVICE_EVENT] -= home->event_count;
    state->counts[RECORD_SERVICE_REVISION] -= home->revision_count;
    state->counts[RECORD_SERVICE_DEPLOYMENT] -= home->deployment_count;
    state->counts[RECORD_TASK_SET] -= home->task_set_count;
}

/* The deletions of one home, cut into transactions. */
struct emptying {
    struct journal *journal;
    const struct scope *scope;
    struct buf key;
    size_t count;
};

static void delete_row(struct emptying *emptying, enum record_kind kind, const void *record)
{
    if (emptying->count % STORE_TXN_KEYS_MAX == 0) {
        if (emptying->count > 0)
            journal_end(emptying->journal);
        journal_begin(emptying->journal);
    }
    emptying->count++;
    buf_clear(&emptying->key);
    record_key(kind, record, emptying->scope, &emptying->key);
    journal_delete(emptying->journal, &emptying->key);
}

void journal_empty_service(struct journal *journal, const struct service_home *home)
{
    struct emptying emptying = {.journal = journal, .scope = &home->cluster->scope->scope};
    struct service_event *event = event_of(treap_first(&home->events));
    struct service_revision *revision = revision_of(treap_first(&home->revisions));
    struct service_deployment *deployment = deployment_of(treap_first(&home->deployments));
    struct task_set *set = task_set_of(treap_first(&home->task_sets));

    for (; event; event = event_of(treap_after(&home->events, &event->number, event_cmp)))
        delete_row(&emptying, RECORD_SERVICE_EVENT, event);
    for (; revision;
         revision = revision_of(treap_after(&home->revisions, revision->id, revision_cmp)))
        delete_row(&emptying, RECORD_SERVICE_REVISION, revision);
    for (; deployment; deployment = deployment_of(
                           treap_after(&home->deployments, deployment->id, deployment_cmp)))
        delete_row(&emptying, RECORD_SERVICE_DEPLOYMENT, deployment);
    for (; set; set = task_set_of(treap_after(&home->task_sets, set->id, task_set_cmp)))
        delete_row(&emptying, RECORD_TASK_SET, set);
    if (emptying.count > 0)
        journal_end(journal);
    buf_done(&emptying.key);
}
