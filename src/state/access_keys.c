/* access_keys.c - the keys that sign requests, by their id; of no scope, as they decide it. */
#include <string.h>

#include "state/txn.h"

static struct access_key *key_of(const struct treap_node *node)
{
    return node ? CONTAINER_OF((struct treap_node *)(uintptr_t)node, struct access_key, links[0])
                : NULL;
}

static int cmp(const void *id, const struct treap_node *node)
{
    return strcmp(id, key_of(node)->access_key_id);
}

static bool attach(struct state *state, struct scope_home *scope, void *record)
{
    struct access_key *key = record;

    (void)scope;
    return treap_insert(&state->access_keys, key->access_key_id, &key->links[0], cmp);
}

static void detach(struct state *state, void *record, const struct before *before)
{
    struct access_key *key = record;

    (void)before;
    treap_remove(&state->access_keys, key->access_key_id, cmp);
    key->is_gone = true;
}

static void release(void *record)
{
    access_key_free(record);
}

const struct table access_key_table = {
    .kind = RECORD_ACCESS_KEY,
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
    access_key_free(key_of(node));
}

void access_keys_drop(struct state *state)
{
    treap_drain(&state->access_keys, drop, NULL);
}

const struct access_key *state_access_key(struct state *state, const char *access_key_id)
{
    return key_of(treap_find(&state->access_keys, access_key_id, cmp));
}

const struct access_key *state_access_key_after(struct state *state, const char *after)
{
    return key_of(after ? treap_after(&state->access_keys, after, cmp)
                        : treap_first(&state->access_keys));
}

void txn_put_access_key(struct txn *txn, struct access_key *key)
{
    const struct access_key *found = state_access_key(txn->state, key->access_key_id);

    if (!found) {
        txn_insert(txn, &access_key_table, key);
        return;
    }
    access_key_copy(txn_edit(txn, &access_key_table, found), key);
    access_key_free(key);
}

void txn_delete_access_key(struct txn *txn, const struct access_key *key)
{
    txn_delete(txn, &access_key_table, key);
}
