/* tasks.c - tasks in their lists: by cluster (where they are found by id), instance, service,
 * family and startedBy, each list twice: what is wanted running, and what is wanted stopped.
 *
 * A cluster has one tree for all lists of a sort, ordered by what the list is by and then by id: a
 * list costs nothing while it is empty, and a task two pointers for each list it is in. Names are
 * interned, so their order is that of their addresses. Only the lists by instance are trees of
 * their own, in the instance's home: in one tree every task would come to a place far from the
 * last.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "core/task.h"
#include "state/txn.h"

struct key {
    const char *name;   /* interned; BY_SERVICE, BY_FAMILY, BY_STARTED_BY */
    struct id instance; /* BY_INSTANCE */
    struct id id;
};

static struct task *task_of(const struct treap_node *node, enum task_list list)
{
    if (!node)
        return NULL;
    return CONTAINER_OF((struct treap_node *)(uintptr_t)(node - list), struct task, links[0]);
}

static const char *name_of(const struct task *task, enum task_list list)
{
    switch (list) {
    case TASKS_BY_SERVICE:
        return task->service;
    case TASKS_BY_FAMILY:
        return task->family;
    case TASKS_BY_STARTED_BY:
        return task->started_by;
    default:
        return NULL;
    }
}

static int id_order(const void *key, const struct treap_node *node)
{
    return id_cmp(&((const struct key *)key)->id, &task_of(node, TASKS_BY_CLUSTER)->id);
}

static int instance_order(const void *key, const struct treap_node *node)
{
    return id_cmp(&((const struct key *)key)->id, &task_of(node, TASKS_BY_INSTANCE)->id);
}

static int name_order(const struct key *key, const struct treap_node *node, enum task_list list)
{
    const struct task *task = task_of(node, list);
    uintptr_t wanted = (uintptr_t)key->name;
    uintptr_t found = (uintptr_t)name_of(task, list);

    if (wanted != found)
        return wanted < found ? -1 : 1;
    return id_cmp(&key->id, &task->id);
}

static int service_order(const void *key, const struct treap_node *node)
{
    return name_order(key, node, TASKS_BY_SERVICE);
}

static int family_order(const void *key, const struct treap_node *node)
{
    return name_order(key, node, TASKS_BY_FAMILY);
}

static int started_by_order(const void *key, const struct treap_node *node)
{
    return name_order(key, node, TASKS_BY_STARTED_BY);
}

static treap_cmp_fn *const orders[TASK_LIST_COUNT] = {
    [TASKS_BY_CLUSTER] = id_order,
    [TASKS_BY_INSTANCE] = instance_order,
    [TASKS_BY_SERVICE] = service_order,
    [TASKS_BY_FAMILY] = family_order,
    [TASKS_BY_STARTED_BY] = started_by_order,
};

static bool is_in_stopped_list(enum task_status desired)
{
    return desired != TASK_RUNNING && desired != TASK_PENDING;
}

static struct cluster_home *home_of(const struct task *task)
{
    return task->home;
}

static struct key key_of(const struct task *task, enum task_list list)
{
    return (struct key){.name = name_of(task, list), .instance = task->instance, .id = task->id};
}

static bool is_listed(const struct task *task, enum task_list list)
{
    switch (list) {
    case TASKS_BY_CLUSTER:
        return true;
    case TASKS_BY_INSTANCE:
        return !id_is_zero(&task->instance);
    default:
        return name_of(task, list) != NULL;
    }
}

static bool list_add(struct task *task, enum task_list list, bool is_stopped)
{
    struct key key = key_of(task, list);
    struct treap *tree = &home_of(task)->tasks[list][is_stopped];

    if (list == TASKS_BY_INSTANCE)
        tree = &instance_home_get(home_of(task), &key.instance)->tasks[is_stopped];
    return treap_insert(tree, &key, &task->links[list], orders[list]);
}

static void list_remove(struct task *task, enum task_list list, bool is_stopped)
{
    struct key key = key_of(task, list);
    struct instance_home *host = NULL;
    struct treap *tree = &home_of(task)->tasks[list][is_stopped];
    struct treap_node *node;

    if (list == TASKS_BY_INSTANCE) {
        host = instance_home_find(home_of(task), &key.instance);
        tree = &host->tasks[is_stopped];
    }
    node = treap_remove(tree, &key, orders[list]);
    assert(node == &task->links[list]); /* else a member that lists go by was changed */
    if (host)
        instance_home_put(host);
}

/* Figures */

struct share {
    int pending, running;
    int32_t cpu, memory;
    int staying, stopping;
};

static bool holds(enum task_status last)
{
    return last != TASK_STOPPED;
}

static struct share share_of(enum task_status last, enum task_status desired, int32_t cpu,
                             int32_t memory)
{
    struct task probe = {.last_status = last};

    return (struct share){
        .pending = task_counts_pending(&probe),
        .running = task_counts_running(&probe),
        .cpu = holds(last) ? cpu : 0,
        .memory = holds(last) ? memory : 0,
        .staying = holds(last) && !is_in_stopped_list(desired),
        .stopping = holds(last) && is_in_stopped_list(desired),
    };
}

static void count(const struct task *task, const struct id *instance_id, struct share share,
                  int sign)
{
    enum launch_type on = task->launch_type ? task->launch_type : LAUNCH_TYPE_EC2;
    struct cluster_home *cluster = home_of(task);
    struct container_instance *instance = NULL;

    cluster->counts.tasks_pending += sign * share.pending;
    cluster->counts.tasks_running += sign * share.running;
    cluster->counts.tasks_pending_on[on] += sign * share.pending;
    cluster->counts.tasks_running_on[on] += sign * share.running;
    provider_uses_count_task(cluster, task, sign * (share.staying + share.stopping));
    if (task->service)
        service_count_task(cluster, task,
                           (struct service_counts){.pending = share.pending,
                                                   .running = share.running,
                                                   .staying = share.staying,
                                                   .stopping = share.stopping},
                           sign);
    if (!id_is_zero(instance_id))
        instance = instance_find(cluster, instance_id);
    if (!instance)
        return;

    struct instance_counts *counts = &((struct instance_home *)instance->home)->counts;
    counts->tasks_pending += sign * share.pending;
    counts->tasks_running += sign * share.running;
    counts->tasks_live += sign * (share.staying + share.stopping);
    counts->cpu_held += sign * share.cpu;
    counts->memory_held += sign * share.memory;
}

static void count_again(const struct task *task, const struct before *before)
{
    struct share was = {0};
    struct share is = share_of(task->last_status, task->desired_status, task->cpu, task->memory);

    if (before->is_counted)
        was = share_of(before->task_last, before->task_desired, before->cpu, before->memory);
    if (!memcmp(&was, &is, sizeof(is)) && !id_cmp(&before->task_instance, &task->instance))
        return;
    count(task, &before->task_instance, was, -1);
    count(task, &task->instance, is, 1);
    if (is.staying + is.stopping != was.staying + was.stopping ||
        id_cmp(&before->task_instance, &task->instance))
        instance_task_changed(home_of(task), &task->instance);
}

/* The table */

static bool attach(struct state *state, struct scope_home *scope, void *record)
{
    struct task *task = record;
    struct cluster_home *home = cluster_home_get(scope, task->cluster);
    struct key key = key_of(task, TASKS_BY_CLUSTER);

    (void)state;
    for (int is_stopped = 0; is_stopped < 2; is_stopped++)
        if (!treap_is_behind(&home->tasks[TASKS_BY_CLUSTER][is_stopped], &key, id_order) &&
            treap_find(&home->tasks[TASKS_BY_CLUSTER][is_stopped], &key, id_order))
            return false;
    task->home = home;
    if (task->last_status == TASK_STOPPED) /* from the store: as state_compact_task() left it */
        task_resize_ports(task, 0);
    return list_add(task, TASKS_BY_CLUSTER, is_in_stopped_list(task->desired_status));
}

static void look(const void *record, struct before *ret)
{
    const struct task *task = record;

    ret->task_last = task->last_status;
    ret->task_desired = task->desired_status;
    ret->task_instance = task->instance;
    ret->version = task->version;
    ret->cpu = task->cpu;
    ret->memory = task->memory;
}

static void follow(void *record, const struct before *before)
{
    struct task *task = record;
    bool was_stopped = is_in_stopped_list(before->task_desired);
    bool is_stopped = is_in_stopped_list(task->desired_status);

    /* A task is placed once; another instance is another task. */
    assert(!before->is_counted || id_is_zero(&before->task_instance) ||
           !id_cmp(&before->task_instance, &task->instance));
    for (int i = 0; i < TASK_LIST_COUNT; i++) {
        enum task_list list = (enum task_list)i;
        bool is_in = list == TASKS_BY_CLUSTER || before->is_counted;

        if (!is_listed(task, list))
            continue;
        if (list == TASKS_BY_INSTANCE && id_is_zero(&before->task_instance))
            is_in = false;
        if (is_in && was_stopped == is_stopped)
            continue;
        if (is_in)
            list_remove(task, list, was_stopped);
        list_add(task, list, is_stopped);
    }
    count_again(task, before);
    definition_uses_follow_task(task, before->is_counted && holds(before->task_last),
                                holds(task->last_status));
}

static void detach(struct state *state, void *record, const struct before *before)
{
    struct task *task = record;
    bool was_stopped = is_in_stopped_list(before->task_desired);

    (void)state;
    task->instance = before->task_instance; /* the list by instance does not know a new one yet */
    for (int list = 0; list < TASK_LIST_COUNT; list++)
        if (list == TASKS_BY_CLUSTER ||
            (before->is_counted && is_listed(task, (enum task_list)list)))
            list_remove(task, (enum task_list)list, was_stopped);
    if (before->is_counted)
        count(task, &before->task_instance,
              share_of(before->task_last, before->task_desired, before->cpu, before->memory), -1);
    definition_uses_follow_task(task, before->is_counted && holds(before->task_last), false);
    task->is_gone = true;
}

static void release(void *record)
{
    task_free(record);
}

const struct table task_table = {
    .kind = RECORD_TASK,
    .change = CHANGE_TASK,
    .attach = attach,
    .look = look,
    .follow = follow,
    .detach = detach,
    .release = release,
};

static void drop(struct treap_node *node, void *data)
{
    (void)data;
    task_free(task_of(node, TASKS_BY_CLUSTER));
}

void tasks_drop(struct cluster_home *cluster)
{
    for (int is_stopped = 0; is_stopped < 2; is_stopped++)
        treap_drain(&cluster->tasks[TASKS_BY_CLUSTER][is_stopped], drop, NULL);
    memset(cluster->tasks, 0, sizeof(cluster->tasks));
}

/* Reading and changing */

const struct task *state_task(struct state *state, const struct scope *scope, const char *cluster,
                              const struct id *id)
{
    struct cluster_home *home = cluster_home_find(scope_home_of(scope), cluster);
    struct key key = {.id = *id};
    struct treap_node *node = NULL;

    (void)state;
    for (int is_stopped = 0; home && !node && is_stopped < 2; is_stopped++)
        node = treap_find(&home->tasks[TASKS_BY_CLUSTER][is_stopped], &key, id_order);
    return task_of(node, TASKS_BY_CLUSTER);
}

/* False if the list cannot have anything in it. `from` NULL: no task has the id of all zeros or of
 * all ones, one comes before all, the other behind all. */
static bool list_key(enum task_list list, const char *name, const struct id *from, bool is_last,
                     struct key *ret)
{
    *ret = (struct key){0};
    if (from)
        ret->id = *from;
    else if (is_last)
        memset(&ret->id, 0xff, sizeof(ret->id));
    if (list == TASKS_BY_CLUSTER)
        return true;
    if (list == TASKS_BY_INSTANCE)
        return id_parse(name, &ret->instance);
    ret->name = intern_find(name);
    return ret->name != NULL;
}

/* The tree that the list is in; NULL: it is empty. */
static const struct treap *tree_of(struct cluster_home *home, enum task_list list,
                                   const struct key *key, bool is_stopped)
{
    const struct instance_home *host;

    if (list != TASKS_BY_INSTANCE)
        return &home->tasks[list][is_stopped];
    host = instance_home_find(home, &key->instance);
    return host ? &host->tasks[is_stopped] : NULL;
}

static bool is_in_list(const struct task *task, enum task_list list, const struct key *key)
{
    return list == TASKS_BY_INSTANCE || name_of(task, list) == key->name;
}

const struct task *state_task_after(struct state *state, const struct scope *scope,
                                    const char *cluster, enum task_list list, const char *name,
                                    bool is_stopped_list, const struct id *after)
{
    struct cluster_home *home = cluster_home_find(scope_home_of(scope), cluster);
    const struct treap *tree;
    const struct task *task;
    struct key key;

    (void)state;
    if (!home || !list_key(list, name, after, false, &key))
        return NULL;
    tree = tree_of(home, list, &key, is_stopped_list);
    if (!tree)
        return NULL;
    task = task_of(treap_after(tree, &key, orders[list]), list);
    return task && is_in_list(task, list, &key) ? task : NULL;
}

const struct task *state_task_before(struct state *state, const struct scope *scope,
                                     const char *cluster, enum task_list list, const char *name,
                                     bool is_stopped_list, const struct id *before)
{
    struct cluster_home *home = cluster_home_find(scope_home_of(scope), cluster);
    const struct treap *tree;
    const struct task *task;
    struct key key;

    (void)state;
    if (!home || !list_key(list, name, before, true, &key))
        return NULL;
    tree = tree_of(home, list, &key, is_stopped_list);
    if (!tree)
        return NULL;
    task = task_of(treap_before(tree, &key, orders[list]), list);
    return task && is_in_list(task, list, &key) ? task : NULL;
}

struct task *txn_insert_task(struct txn *txn, struct task *task)
{
    return txn_insert(txn, &task_table, task);
}

struct task *txn_edit_task(struct txn *txn, const struct task *task)
{
    assert(home_of(task)->scope == txn->scope);
    return txn_edit(txn, &task_table, task);
}

void state_compact_task(struct state *state, const struct task *task)
{
    (void)state;
    assert(task->last_status == TASK_STOPPED);
    task_resize_ports((struct task *)(uintptr_t)task, 0);
}

void txn_delete_task(struct txn *txn, const struct task *task)
{
    assert(home_of(task)->scope == txn->scope);
    txn_delete(txn, &task_table, task);
}
