/* treap.h - intrusive ordered trees at two pointers a record, for tables of a million records.
 *
 * tree.h's red-black nodes take 32 bytes; a task is in five lists, so that is memory to save. A
 * node's priority is a hash of its address: nothing is stored for it, and the depth is logarithmic
 * whatever the order of insertion. No operation ever stops to rebuild anything.
 *
 * Order      `cmp` compares a key with a node: below 0 if the key comes first. A node's key must
 * not change while it is in a tree.
 * Ownership  Nodes are members of records that their users own. A zeroed struct is an empty tree.
 */
#ifndef BERTH_BASE_TREAP_H
#define BERTH_BASE_TREAP_H

#include <stdbool.h>
#include <stddef.h>

struct treap_node {
    struct treap_node *child[2];
};

struct treap {
    struct treap_node *root;
};

typedef int treap_cmp_fn(const void *key, const struct treap_node *node);

/* False, and nothing changed, if a node with an equal key is there. */
bool treap_insert(struct treap *treap, const void *key, struct treap_node *node, treap_cmp_fn *cmp);
/* Takes out the node that is equal to `key`; NULL if there is none. */
struct treap_node *treap_remove(struct treap *treap, const void *key, treap_cmp_fn *cmp);

struct treap_node *treap_find(const struct treap *treap, const void *key, treap_cmp_fn *cmp);
/* The first node behind `key`, or the last before it, whether or not the key itself is there. */
struct treap_node *treap_after(const struct treap *treap, const void *key, treap_cmp_fn *cmp);
struct treap_node *treap_before(const struct treap *treap, const void *key, treap_cmp_fn *cmp);
/* Whether `key` comes behind every node. Costs one comparison. */
bool treap_is_behind(const struct treap *treap, const void *key, treap_cmp_fn *cmp);
struct treap_node *treap_first(const struct treap *treap);
struct treap_node *treap_last(const struct treap *treap);

/* Empties the tree, handing each node over in no particular order; `each` may free it. */
void treap_drain(struct treap *treap, void (*each)(struct treap_node *node, void *data),
                 void *data);

#endif
