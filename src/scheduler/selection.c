/* Selections: the hosts that one kind of task may run on, in pools; see fleet_internal.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "scheduler/fleet_internal.h"

/* ---- pools ---- */

static uint64_t key_of(const struct fleet *fleet, const struct selection *selection, uint32_t slot)
{
    const struct slot *at = &fleet->slots[slot];

    return order_key(selection->key.order == ORDER_CPU ? at->cpu : at->memory, slot);
}

static void pool_set(struct selection *selection, struct pool *pool, uint32_t place, uint32_t slot)
{
    pool->slots[place] = slot;
    selection->places[slot] = place;
}

static void pool_swap(struct selection *selection, struct pool *pool, uint32_t a, uint32_t b)
{
    uint32_t slot = pool->slots[a];

    pool_set(selection, pool, a, pool->slots[b]);
    pool_set(selection, pool, b, slot);
}

/* Nobody looks in an order for hosts that have less than the selection's tasks need: they are in
 * none. */
static bool is_listed(const struct selection *selection, uint64_t key)
{
    return key >= selection_least(selection);
}

static void reorder(const struct selection *selection, struct pool *pool, uint64_t from,
                    uint64_t to)
{
    if (!is_listed(selection, from)) {
        if (is_listed(selection, to))
            order_insert(&pool->order, to);
    } else if (is_listed(selection, to)) {
        order_move(&pool->order, from, to);
    } else {
        order_remove(&pool->order, from);
    }
}

/* A host behind the active ones becomes one of them, or the other way. */
static void pool_activate(struct fleet *fleet, struct selection *selection, struct pool *pool,
                          uint32_t slot)
{
    pool_swap(selection, pool, selection->places[slot], pool->active++);
    if (selection->key.order != ORDER_NONE) {
        selection->keys[slot] = key_of(fleet, selection, slot);
        if (is_listed(selection, selection->keys[slot]))
            order_insert(&pool->order, selection->keys[slot]);
    }
    slot_log_add(&pool->joined, slot);
}

static void pool_deactivate(struct selection *selection, struct pool *pool, uint32_t slot)
{
    if (selection->key.order != ORDER_NONE && is_listed(selection, selection->keys[slot]))
        order_remove(&pool->order, selection->keys[slot]);
    pool_swap(selection, pool, selection->places[slot], --pool->active);
}

struct pool *selection_pool(const struct selection *selection, const struct group *leaf)
{
    return leaf->leaf_number < selection->pool_count ? selection->pools[leaf->leaf_number] : NULL;
}

static struct pool *pool_of(const struct selection *selection, uint32_t slot)
{
    return selection_pool(selection, selection->key.partition->seats[slot]);
}

bool pool_is_active(const struct selection *selection, const struct pool *pool, uint32_t slot)
{
    uint32_t place = slot < selection->place_count ? selection->places[slot] : NO_SLOT;

    return place < pool->active && pool->slots[place] == slot;
}

static struct pool *pool_make(struct fleet *fleet, struct selection *selection,
                              const struct group *leaf)
{
    uint32_t count = selection->key.partition->leaf_count;

    if (selection->pool_count < count) {
        selection->pools = xreallocarray(selection->pools, count, sizeof(struct pool *));
        memset(selection->pools + selection->pool_count, 0,
               (count - selection->pool_count) * sizeof(struct pool *));
        selection->pool_count = count;
    }
    if (!selection->pools[leaf->leaf_number]) {
        struct pool *pool = xcalloc(1, sizeof(*pool));

        pool->serial = ++fleet->serials;
        selection->pools[leaf->leaf_number] = pool;
    }
    return selection->pools[leaf->leaf_number];
}

void pool_park(struct fleet *fleet, struct selection *selection, struct pool *pool, uint32_t place)
{
    uint32_t slot = pool->slots[place];

    pool_deactivate(selection, pool, slot);
    bits_set(&fleet->hosts[slot]->parked_in, selection->number, true);
    fleet->slots[slot].parked++;
}

/* ---- members ---- */

bool selection_may_have(const struct selection *selection, const struct host *host)
{
    return host->is_known && host->is_placeable &&
           bits_cover(&host->has, &selection->key.required) &&
           !bits_meet(&host->has, &selection->key.forbidden) &&
           bits_cover(&host->matches, &selection->key.queries);
}

static void add_member(struct fleet *fleet, struct selection *selection, const struct host *host)
{
    struct pool *pool;

    if (selection->place_count < fleet->slot_capacity) {
        size_t old = selection->place_count;

        selection->places =
            xreallocarray(selection->places, fleet->slot_capacity, sizeof(uint32_t));
        memset(selection->places + old, 0xff, (fleet->slot_capacity - old) * sizeof(uint32_t));
        if (selection->key.order != ORDER_NONE)
            selection->keys =
                xreallocarray(selection->keys, fleet->slot_capacity, sizeof(uint64_t));
        selection->place_count = fleet->slot_capacity;
        fleet->selection_entries += fleet->slot_capacity - old;
    }
    if (!selection_may_have(selection, host))
        return;
    pool = pool_make(fleet, selection, selection->key.partition->seats[host->slot]);
    ARRAY_GROW(pool->slots, pool->count, pool->capacity);
    pool_set(selection, pool, pool->count++, host->slot);
    pool_activate(fleet, selection, pool, host->slot);
}

static void remove_member(struct fleet *fleet, struct selection *selection, struct host *host)
{
    struct pool *pool;

    if (host->slot >= selection->place_count || selection->places[host->slot] == NO_SLOT)
        return;
    pool = pool_of(selection, host->slot);
    if (selection->places[host->slot] < pool->active) {
        pool_deactivate(selection, pool, host->slot);
    } else {
        bits_set(&host->parked_in, selection->number, false);
        fleet->slots[host->slot].parked--;
    }
    pool_swap(selection, pool, selection->places[host->slot], --pool->count);
    selection->places[host->slot] = NO_SLOT;
}

void selections_add_host(struct fleet *fleet, struct host *host)
{
    for (size_t i = 0; i < SELECTIONS_MAX; i++)
        if (fleet->selections[i])
            add_member(fleet, fleet->selections[i], host);
}

void selections_remove_host(struct fleet *fleet, struct host *host)
{
    for (size_t i = 0; i < SELECTIONS_MAX; i++)
        if (fleet->selections[i])
            remove_member(fleet, fleet->selections[i], host);
}

void selections_unpark(struct fleet *fleet, struct host *host)
{
    for (unsigned word = 0; word < BITS_COUNT / 64; word++) {
        for (; host->parked_in.words[word];
             host->parked_in.words[word] &= host->parked_in.words[word] - 1) {
            unsigned number = word * 64 + (unsigned)__builtin_ctzll(host->parked_in.words[word]);
            struct selection *selection = fleet->selections[number];

            pool_activate(fleet, selection, pool_of(selection, host->slot), host->slot);
        }
    }
    fleet->slots[host->slot].parked = 0;
}

void selection_settle_order(struct fleet *fleet, struct selection *selection)
{
    for (uint32_t i = 0; i < selection->moved_count; i++) {
        uint32_t slot = selection->moved[i];
        uint64_t key = key_of(fleet, selection, slot);
        struct pool *pool;

        if (selection->places[slot] == NO_SLOT || selection->keys[slot] == key)
            continue;
        pool = pool_of(selection, slot);
        if (selection->places[slot] >= pool->active)
            continue;
        reorder(selection, pool, selection->keys[slot], key);
        selection->keys[slot] = key;
    }
    selection->moved_count = 0;
}

void selections_reorder(struct fleet *fleet, uint32_t slot)
{
    for (unsigned i = 0; i < fleet->ordered_count; i++) {
        struct selection *selection = fleet->ordered[i];

        if (slot >= selection->place_count || selection->places[slot] == NO_SLOT)
            continue;
        if (selection->moved_count == MOVED_MAX)
            selection_settle_order(fleet, selection);
        selection->moved[selection->moved_count++] = slot;
    }
}

/* ---- selections ---- */

_Static_assert(sizeof(struct bits) * 8 >= SELECTIONS_MAX, "a bit for each selection");

static void selection_free(struct fleet *fleet, struct selection *selection)
{
    unsigned kept = 0;

    refused_forget(selection);
    for (uint32_t i = 0; i < selection->pool_count; i++) {
        struct pool *pool = selection->pools[i];

        for (uint32_t place = pool ? pool->active : 0; pool && place < pool->count; place++) {
            uint32_t slot = pool->slots[place];

            bits_set(&fleet->hosts[slot]->parked_in, selection->number, false);
            fleet->slots[slot].parked--;
        }
        if (!pool)
            continue;
        order_done(&pool->order);
        free(pool->slots);
        free(pool->joined.slots);
        free(pool);
    }
    for (unsigned i = 0; i < fleet->ordered_count; i++)
        if (fleet->ordered[i] != selection)
            fleet->ordered[kept++] = fleet->ordered[i];
    fleet->ordered_count = kept;
    fleet->selections[selection->number] = NULL;
    if (fleet->met_selections[selection->hash % SELECTIONS_MAX] == selection)
        fleet->met_selections[selection->hash % SELECTIONS_MAX] = NULL;
    if (fleet->last_selection == selection)
        fleet->last_selection = NULL;
    fleet->selection_entries -= selection->place_count;
    free(selection->places);
    free(selection->keys);
    free(selection->pools);
    free((void *)(uintptr_t)selection->key.ports);
    free(selection);
}

void selections_drop(struct fleet *fleet)
{
    for (size_t i = 0; i < SELECTIONS_MAX; i++)
        if (fleet->selections[i])
            selection_free(fleet, fleet->selections[i]);
}

/* A free number; the selection not asked for longest gives up its own. */
static unsigned free_number(struct fleet *fleet)
{
    unsigned at = SELECTIONS_MAX, count = 0;

    for (unsigned i = 0; i < SELECTIONS_MAX; i++) {
        if (!fleet->selections[i])
            continue;
        count++;
        if (at == SELECTIONS_MAX || fleet->selections[i]->used < fleet->selections[at]->used)
            at = i;
    }
    if (count == SELECTIONS_MAX || (count && fleet->selection_entries > ENTRIES_MAX)) {
        selection_free(fleet, fleet->selections[at]);
        return at;
    }
    at = 0;
    while (fleet->selections[at])
        at++;
    return at;
}

static bool keys_equal(const struct selection_key *a, const struct selection_key *b)
{
    return memcmp(a, b, offsetof(struct selection_key, ports)) == 0 &&
           (!a->port_count || memcmp(a->ports, b->ports, a->port_count * sizeof(uint32_t)) == 0);
}

static uint64_t hash_of(const struct selection_key *key)
{
    uint64_t words[offsetof(struct selection_key, ports) / sizeof(uint64_t)];
    uint64_t hash = 0;

    memcpy(words, key, sizeof(words));
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15) >> 5 ^ hash << 7;
    for (uint32_t i = 0; i < key->port_count; i++)
        hash = (hash ^ key->ports[i]) * UINT64_C(0x9e3779b97f4a7c15) >> 5 ^ hash << 7;
    return hash;
}

static struct selection *find_selection(const struct fleet *fleet, const struct selection_key *key,
                                        uint64_t hash)
{
    struct selection *met = fleet->met_selections[hash % SELECTIONS_MAX];

    if (met && keys_equal(&met->key, key))
        return met;
    for (size_t i = 0; i < SELECTIONS_MAX; i++)
        if (fleet->selections[i] && fleet->selections[i]->hash == hash &&
            keys_equal(&fleet->selections[i]->key, key))
            return fleet->selections[i];
    return NULL;
}

static struct selection *selection_new(struct fleet *fleet, const struct selection_key *key,
                                       uint64_t hash)
{
    struct selection *selection = xcalloc(1, sizeof(*selection));

    selection->key = *key;
    selection->key.ports = xmemdup(key->ports ? key->ports : &(uint32_t){0},
                                   (key->port_count ? key->port_count : 1) * sizeof(uint32_t));
    selection->hash = hash;
    selection->number = free_number(fleet);
    fleet->selections[selection->number] = selection;
    if (key->order != ORDER_NONE)
        fleet->ordered[fleet->ordered_count++] = selection;
    for (uint32_t slot = 0; slot < fleet->slot_count; slot++)
        if (fleet->hosts[slot])
            add_member(fleet, selection, fleet->hosts[slot]);
    return selection;
}

struct selection *selection_for(struct fleet *fleet, const struct selection_key *key)
{
    struct selection *selection = fleet->last_selection;

    if (!selection || !keys_equal(&selection->key, key)) {
        uint64_t hash = hash_of(key);

        selection = find_selection(fleet, key, hash);
        if (!selection)
            selection = selection_new(fleet, key, hash);
        fleet->met_selections[hash % SELECTIONS_MAX] = selection;
        fleet->last_selection = selection;
    }
    selection->used = ++fleet->uses;
    return selection;
}
