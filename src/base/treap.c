#include "base/treap.h"

#include <stdint.h>

/* Good bits out of an address, whose own are far from random (the finisher of a 64-bit hash). */
static uint64_t priority(const struct treap_node *node)
{
    uint64_t x = (uint64_t)(uintptr_t)node;

    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

/* Cuts the tree at `from` into what comes before the key (*before) and what comes behind it. */
static void split(struct treap_node *from, const void *key, treap_cmp_fn *cmp,
                  struct treap_node **before, struct treap_node **behind)
{
    while (from) {
        if (cmp(key, from) < 0) {
            *behind = from;
            behind = &from->child[0];
            from = *behind;
        } else {
            *before = from;
            before = &from->child[1];
            from = *before;
        }
    }
    *before = *behind = NULL;
}

static struct treap_node *outermost(const struct treap *treap, int side)
{
    struct treap_node *node = treap->root;

    while (node && node->child[side])
        node = node->child[side];
    return node;
}

bool treap_is_behind(const struct treap *treap, const void *key, treap_cmp_fn *cmp)
{
    const struct treap_node *last = outermost(treap, 1);

    return !last || cmp(key, last) > 0;
}

/* Nothing has to be compared or split: what is as new as ids that grow with time goes here. */
static void append(struct treap *treap, struct treap_node *node)
{
    uint64_t own = priority(node);
    struct treap_node **at = &treap->root;

    while (*at && priority(*at) >= own)
        at = &(*at)->child[1];
    node->child[0] = *at;
    node->child[1] = NULL;
    *at = node;
}

bool treap_insert(struct treap *treap, const void *key, struct treap_node *node, treap_cmp_fn *cmp)
{
    uint64_t own = priority(node);
    struct treap_node **at = &treap->root;
    struct treap_node *below;

    if (treap_is_behind(treap, key, cmp)) {
        append(treap, node);
        return true;
    }
    while (*at && priority(*at) >= own) {
        int order = cmp(key, *at);
        if (order == 0)
            return false;
        at = &(*at)->child[order > 0];
    }
    /* An equal key may still be further down. */
    for (below = *at; below;) {
        int order = cmp(key, below);
        if (order == 0)
            return false;
        below = below->child[order > 0];
    }
    split(*at, key, cmp, &node->child[0], &node->child[1]);
    *at = node;
    return true;
}

static struct treap_node *join(struct treap_node *before, struct treap_node *behind)
{
    struct treap_node *root = NULL;
    struct treap_node **at = &root;

    while (before && behind) {
        if (priority(before) >= priority(behind)) {
            *at = before;
            at = &before->child[1];
            before = *at;
        } else {
            *at = behind;
            at = &behind->child[0];
            behind = *at;
        }
    }
    *at = before ? before : behind;
    return root;
}

struct treap_node *treap_remove(struct treap *treap, const void *key, treap_cmp_fn *cmp)
{
    struct treap_node **at = &treap->root;
    struct treap_node *node;

    while ((node = *at)) {
        int order = cmp(key, node);
        if (order == 0) {
            *at = join(node->child[0], node->child[1]);
            node->child[0] = node->child[1] = NULL;
            return node;
        }
        at = &node->child[order > 0];
    }
    return NULL;
}

struct treap_node *treap_find(const struct treap *treap, const void *key, treap_cmp_fn *cmp)
{
    struct treap_node *node = treap->root;
    int order;

    while (node && (order = cmp(key, node)) != 0)
        node = node->child[order > 0];
    return node;
}

struct treap_node *treap_after(const struct treap *treap, const void *key, treap_cmp_fn *cmp)
{
    struct treap_node *best = NULL;

    for (struct treap_node *node = treap->root; node;) {
        if (cmp(key, node) < 0) {
            best = node;
            node = node->child[0];
        } else {
            node = node->child[1];
        }
    }
    return best;
}

struct treap_node *treap_before(const struct treap *treap, const void *key, treap_cmp_fn *cmp)
{
    struct treap_node *best = NULL;

    for (struct treap_node *node = treap->root; node;) {
        if (cmp(key, node) > 0) {
            best = node;
            node = node->child[1];
        } else {
            node = node->child[0];
        }
    }
    return best;
}

struct treap_node *treap_first(const struct treap *treap)
{
    return outermost(treap, 0);
}

struct treap_node *treap_last(const struct treap *treap)
{
    return outermost(treap, 1);
}

void treap_drain(struct treap *treap, void (*each)(struct treap_node *node, void *data), void *data)
{
    struct treap_node *node = treap->root;

    treap->root = NULL;
    while (node) {
        struct treap_node *left = node->child[0];
        if (left) { /* turn right until there is nothing on the left: no stack needed */
            node->child[0] = left->child[1];
            left->child[1] = node;
            node = left;
            continue;
        }
        struct treap_node *next = node->child[1];
        node->child[0] = node->child[1] = NULL;
        each(node, data);
        node = next;
    }
}
