/* A sorted array cut into blocks: finding is two binary searches, changing moves half a block. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "scheduler/fleet_internal.h"

/* The first of `count` keys that is not less. */
static size_t lower_bound(const uint64_t *keys, size_t count, uint64_t key)
{
    const uint64_t *from = keys;

    while (count > 0) {
        size_t half = count / 2;

        /* Without a branch: which way is as good as random. */
        from += from[half] < key ? count - half : 0;
        count = half;
    }
    return (size_t)(from - keys);
}

/* The block a key is in, if it is in any: the last that starts with no greater. */
static size_t block_of(const struct order *order, uint64_t key)
{
    size_t at = lower_bound(order->firsts, order->count, key);

    if (at < order->count && order->firsts[at] == key)
        return at;
    return at ? at - 1 : 0;
}

static void block_add(struct order *order, size_t at, struct block *block)
{
    size_t capacity = order->capacity;

    ARRAY_GROW(order->blocks, order->count, capacity);
    if (capacity != order->capacity)
        order->firsts = xreallocarray(order->firsts, capacity, sizeof(uint64_t));
    order->capacity = capacity;
    memmove(order->blocks + at + 1, order->blocks + at, (order->count - at) * sizeof(block));
    memmove(order->firsts + at + 1, order->firsts + at, (order->count - at) * sizeof(uint64_t));
    order->blocks[at] = block;
    order->firsts[at] = block->keys[0];
    order->count++;
}

static void block_remove(struct order *order, size_t at)
{
    free(order->blocks[at]);
    order->count--;
    memmove(order->blocks + at, order->blocks + at + 1,
            (order->count - at) * sizeof(struct block *));
    memmove(order->firsts + at, order->firsts + at + 1, (order->count - at) * sizeof(uint64_t));
}

static void block_split(struct order *order, size_t at)
{
    struct block *block = order->blocks[at];
    struct block *upper = xmalloc(sizeof(*upper));

    upper->count = block->count / 2;
    block->count -= upper->count;
    memcpy(upper->keys, block->keys + block->count, upper->count * sizeof(uint64_t));
    block_add(order, at + 1, upper);
}

void order_insert(struct order *order, uint64_t key)
{
    struct block *block;
    size_t at, place;

    if (!order->count) {
        block = xmalloc(sizeof(*block));
        block->count = 1;
        block->keys[0] = key;
        block_add(order, 0, block);
        return;
    }
    at = block_of(order, key);
    if (order->blocks[at]->count == BLOCK_SIZE) {
        block_split(order, at);
        at += order->firsts[at + 1] <= key;
    }
    block = order->blocks[at];
    place = lower_bound(block->keys, block->count, key);
    memmove(block->keys + place + 1, block->keys + place,
            (block->count - place) * sizeof(uint64_t));
    block->keys[place] = key;
    block->count++;
    order->firsts[at] = block->keys[0];
}

/* Neighbours that fit into one become one, so that there are never many small ones. */
static void merge_small(struct order *order, size_t at)
{
    struct block *block = order->blocks[at];

    if (!block->count) {
        block_remove(order, at);
    } else if (at + 1 < order->count &&
               block->count + order->blocks[at + 1]->count <= BLOCK_SIZE / 2) {
        const struct block *next = order->blocks[at + 1];

        memcpy(block->keys + block->count, next->keys, next->count * sizeof(uint64_t));
        block->count += next->count;
        block_remove(order, at + 1);
    }
}

void order_remove(struct order *order, uint64_t key)
{
    size_t at = block_of(order, key);
    struct block *block = order->blocks[at];
    size_t place = lower_bound(block->keys, block->count, key);

    assert(place < block->count && block->keys[place] == key);
    block->count--;
    memmove(block->keys + place, block->keys + place + 1,
            (block->count - place) * sizeof(uint64_t));
    if (block->count)
        order->firsts[at] = block->keys[0];
    merge_small(order, at);
}

/* Whether the key at a place may be replaced without changing the order. */
static bool stays_between(const struct order *order, size_t at, size_t place, uint64_t key)
{
    const struct block *block = order->blocks[at];
    bool is_above = place     ? block->keys[place - 1] < key
                    : at == 0 ? true
                              : order->blocks[at - 1]->keys[order->blocks[at - 1]->count - 1] < key;
    bool is_below = place + 1 < block->count ? key < block->keys[place + 1]
                    : at + 1 < order->count  ? key < order->firsts[at + 1]
                                             : true;

    return is_above && is_below;
}

void order_move(struct order *order, uint64_t from, uint64_t to)
{
    size_t at = block_of(order, from);
    struct block *block = order->blocks[at];
    size_t place = lower_bound(block->keys, block->count, from);

    assert(place < block->count && block->keys[place] == from);
    if (stays_between(order, at, place, to)) {
        block->keys[place] = to;
        order->firsts[at] = block->keys[0];
        return;
    }
    order_remove(order, from);
    order_insert(order, to);
}

bool order_find(const struct order *order, uint64_t key, struct order_at *ret)
{
    if (!order->count)
        return false;
    ret->block = block_of(order, key);
    ret->place = (uint32_t)lower_bound(order->blocks[ret->block]->keys,
                                       order->blocks[ret->block]->count, key);
    if (ret->place < order->blocks[ret->block]->count)
        return true;
    ret->place = 0;
    return ++ret->block < order->count;
}

bool order_next(const struct order *order, struct order_at *at)
{
    if (++at->place < order->blocks[at->block]->count)
        return true;
    at->place = 0;
    return ++at->block < order->count;
}

void order_done(struct order *order)
{
    for (size_t i = 0; i < order->count; i++)
        free(order->blocks[i]);
    free(order->blocks);
    free(order->firsts);
    *order = (struct order){0};
}
