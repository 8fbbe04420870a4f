/* Owners: who holds how many claims on which host. An owner on few hosts has a small table, one on
 * many has a count for each slot: two bytes where the table needs sixteen and more. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "scheduler/fleet_internal.h"

static int owner_cmp(const struct owner *a, const struct owner *b)
{
    return ((uintptr_t)a->name > (uintptr_t)b->name) - ((uintptr_t)a->name < (uintptr_t)b->name);
}
RB_GENERATE_STATIC(owner_tree, owner, entry, owner_cmp)

struct owner *fleet_owner(struct fleet *fleet, const char *name, bool may_add)
{
    struct owner key = {.name = name};
    struct owner *owner;

    if (!name || (fleet->last_owner && fleet->last_owner->name == name))
        return name ? fleet->last_owner : NULL;
    owner = RB_FIND(owner_tree, &fleet->owners, &key);
    if (owner)
        fleet->last_owner = owner;
    if (owner || !may_add)
        return owner;
    owner = xcalloc(1, sizeof(*owner));
    owner->name = intern_ref(name);
    RB_INSERT(owner_tree, &fleet->owners, owner);
    fleet->last_owner = owner;
    return owner;
}

struct owner *fleet_owner_after(struct fleet *fleet, struct owner *owner)
{
    return owner ? RB_NEXT(owner_tree, &fleet->owners, owner) : RB_MIN(owner_tree, &fleet->owners);
}

void owner_free(struct fleet *fleet, struct owner *owner)
{
    views_drop(fleet, owner);
    RB_REMOVE(owner_tree, &fleet->owners, owner);
    if (fleet->last_owner == owner)
        fleet->last_owner = NULL;
    intern_unref(owner->name);
    free(owner->dense);
    free(owner->holdings);
    free(owner->views);
    free(owner->floors);
    free(owner->released.slots);
    free(owner);
}

/* ---- the table ---- */

/* Slots are small numbers: multiplied, they fall apart well enough. */
static uint32_t holding_home(const struct owner *owner, uint32_t slot)
{
    return (slot * 2654435769u) & (owner->holding_size - 1);
}

/* Where the slot is, or the empty place for it. */
static struct holding *holding_find(const struct owner *owner, uint32_t slot)
{
    uint32_t at = holding_home(owner, slot);

    while (owner->holdings[at].slot != slot && owner->holdings[at].slot != NO_SLOT)
        at = (at + 1) & (owner->holding_size - 1);
    return &owner->holdings[at];
}

static void holdings_grow(struct owner *owner)
{
    struct holding *old = owner->holdings;
    uint32_t old_size = owner->holding_size;

    owner->holding_size = old_size ? 2 * old_size : 8;
    owner->holdings = xreallocarray(NULL, owner->holding_size, sizeof(struct holding));
    for (uint32_t i = 0; i < owner->holding_size; i++)
        owner->holdings[i] = (struct holding){NO_SLOT, 0};
    for (uint32_t i = 0; i < old_size; i++)
        if (old[i].slot != NO_SLOT)
            *holding_find(owner, old[i].slot) = old[i];
    free(old);
}

/* Takes out an entry and moves up those behind it that were pushed out of their place. */
static void holding_remove(struct owner *owner, struct holding *holding)
{
    uint32_t mask = owner->holding_size - 1;
    uint32_t hole = (uint32_t)(holding - owner->holdings);

    for (uint32_t at = (hole + 1) & mask; owner->holdings[at].slot != NO_SLOT;
         at = (at + 1) & mask) {
        uint32_t home = holding_home(owner, owner->holdings[at].slot);

        if (((at - home) & mask) >= ((at - hole) & mask)) {
            owner->holdings[hole] = owner->holdings[at];
            hole = at;
        }
    }
    owner->holdings[hole] = (struct holding){NO_SLOT, 0};
    owner->holding_count--;
}

uint32_t owner_holds_sparse(const struct owner *owner, uint32_t slot)
{
    return owner->holding_count ? holding_find(owner, slot)->count : 0;
}

static void sparse_count(struct owner *owner, uint32_t slot, bool is_held)
{
    struct holding *holding;

    if (2 * owner->holding_count >= owner->holding_size)
        holdings_grow(owner);
    holding = holding_find(owner, slot);
    if (is_held && holding->slot == NO_SLOT) {
        holding->slot = slot;
        owner->holding_count++;
    }
    assert(is_held || holding->count);
    holding->count += is_held ? 1 : -1u;
    if (!holding->count)
        holding_remove(owner, holding);
}

/* ---- the array ---- */

static void dense_reserve(struct owner *owner, uint32_t size)
{
    if (owner->dense_size >= size)
        return;
    owner->dense = xreallocarray(owner->dense, size, sizeof(uint16_t));
    memset(owner->dense + owner->dense_size, 0, (size - owner->dense_size) * sizeof(uint16_t));
    owner->dense_size = size;
}

static void become_dense(const struct fleet *fleet, struct owner *owner)
{
    struct holding *old = owner->holdings;
    uint32_t old_size = owner->holding_size;

    owner->holdings = NULL;
    owner->holding_size = owner->holding_count = 0;
    dense_reserve(owner, fleet->slot_capacity);
    for (uint32_t i = 0; i < old_size; i++) {
        if (old[i].slot == NO_SLOT)
            continue;
        owner->dense[old[i].slot] = old[i].count < UINT16_MAX ? (uint16_t)old[i].count : UINT16_MAX;
        for (uint32_t more = UINT16_MAX; more < old[i].count; more++)
            sparse_count(owner, old[i].slot, true);
    }
    free(old);
}

static void dense_count(const struct fleet *fleet, struct owner *owner, uint32_t slot, bool is_held)
{
    uint16_t *count;

    if (slot >= owner->dense_size)
        dense_reserve(owner, fleet->slot_capacity);
    assert(owner->dense);
    count = &owner->dense[slot];
    if (*count == UINT16_MAX && (is_held || owner_holds_sparse(owner, slot))) {
        sparse_count(owner, slot, is_held);
        return;
    }
    assert(is_held || *count);
    *count += is_held ? 1 : -1u;
}

void owner_settle_pending(const struct fleet *fleet, struct owner *owner)
{
    for (uint32_t i = 0; i < owner->pending_count; i++)
        dense_count(fleet, owner, owner->pending[i] & ~PENDING_RELEASE,
                    !(owner->pending[i] & PENDING_RELEASE));
    owner->pending_count = 0;
}

void owner_count(struct fleet *fleet, struct owner *owner, uint32_t slot, bool is_held)
{
    owner->task_count += is_held ? 1 : (size_t)-1;
    if (!is_held && owner->floor_count)
        slot_log_add(&owner->released, slot);
    if (!owner->dense && owner->holding_count > 8 && owner->holding_count > fleet->slot_count / 8)
        become_dense(fleet, owner);
    if (!owner->dense) {
        sparse_count(owner, slot, is_held);
        return;
    }
    /* What a plan claimed and gives back was never written. */
    if (!is_held && owner->pending_count && owner->pending[owner->pending_count - 1] == slot) {
        owner->pending_count--;
        return;
    }
    if (owner->pending_count == PENDING_MAX)
        owner_settle_pending(fleet, owner);
    owner->pending[owner->pending_count++] = slot | (is_held ? 0 : PENDING_RELEASE);
    if (slot < owner->dense_size)
        __builtin_prefetch(&owner->dense[slot], 1);
}

void owner_each(const struct owner *owner, void (*fn)(void *data, uint32_t slot, uint32_t count),
                void *data)
{
    for (uint32_t slot = 0; slot < owner->dense_size; slot++)
        if (owner->dense[slot])
            fn(data, slot, owner_holds(owner, slot));
    for (uint32_t i = 0; !owner->dense && i < owner->holding_size; i++)
        if (owner->holdings[i].slot != NO_SLOT)
            fn(data, owner->holdings[i].slot, owner->holdings[i].count);
}
