/* connect_namespaces.c - the namespaces of Service Connect, by ARN. */
#include <string.h>

#include "state/txn.h"

static struct connect_namespace *namespace_of(const struct treap_node *node)
{
    return node ? CONTAINER_OF((struct treap_node *)(uintptr_t)node, struct connect_namespace,
                               links[0])
                : NULL;
}

static int cmp(const void *key, const struct treap_node *node)
{
    return strcmp(key, namespace_of(node)->arn);
}

static bool attach(struct state *state, struct scope_home *scope, void *record)
{
    struct connect_namespace *one = record;

    (void)state;
    if (!treap_insert(&scope->namespaces, one->arn, &one->links[0], cmp))
        return false;
    one->home = scope;
    return true;
}

static void detach(struct state *state, void *record, const struct before *before)
{
    struct connect_namespace *one = record;

    (void)state;
    (void)before;
    treap_remove(&((struct scope_home *)one->home)->namespaces, one->arn, cmp);
    one->is_gone = true;
}

static void release(void *record)
{
    connect_namespace_free(record);
}

const struct table connect_namespace_table = {
    .kind = RECORD_CONNECT_NAMESPACE,
    .change = CHANGE_KIND_COUNT,
    .attach = attach,
    .look = look_at_nothing,
    .follow = follow_nothing,
    .detach = detach,
    .release = release,
};

static void drop(struct treap_node *node, void *data)
{
    (void)data;
    connect_namespace_free(namespace_of(node));
}

void connect_namespaces_drop(struct scope_home *scope)
{
    treap_drain(&scope->namespaces, drop, NULL);
}

const struct connect_namespace *state_connect_namespace(struct state *state,
                                                        const struct scope *scope, const char *arn)
{
    (void)state;
    return namespace_of(treap_find(&scope_home_of(scope)->namespaces, arn, cmp));
}

struct connect_namespace *txn_insert_connect_namespace(struct txn *txn,
                                                       struct connect_namespace *record)
{
    return txn_insert(txn, &connect_namespace_table, record);
}
