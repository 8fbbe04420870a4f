/* Floors: how few claims the hosts of a pool have at least, of one owner. Placing goes up level by
 * level and looks for hosts of the lowest one only; what falls below later is told by two logs. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "scheduler/fleet_internal.h"

#define FLOOR_ENTRIES 16 /* what one costs, in the entries that views are limited by */

static size_t floor_place(const struct owner *owner, uint64_t serial)
{
    size_t low = 0, high = owner->floor_count;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (owner->floors[mid].pool < serial)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void floors_drop(struct fleet *fleet, struct owner *owner)
{
    fleet->view_entries -= owner->floor_count * FLOOR_ENTRIES;
    free(owner->floors);
    owner->floors = NULL;
    owner->floor_count = owner->floor_capacity = 0;
}

static struct floor *floor_add(struct fleet *fleet, struct owner *owner, const struct pool *pool)
{
    size_t at;

    if (owner->floor_count == FLOORS_MAX) /* most are of pools long gone */
        floors_drop(fleet, owner);
    at = floor_place(owner, pool->serial);
    ARRAY_GROW(owner->floors, owner->floor_count, owner->floor_capacity);
    memmove(owner->floors + at + 1, owner->floors + at,
            (owner->floor_count - at) * sizeof(struct floor));
    owner->floors[at] = (struct floor){.pool = pool->serial};
    owner->floor_count++;
    fleet->view_entries += FLOOR_ENTRIES;
    return &owner->floors[at];
}

/* Nothing is known any more but that nobody has less than none. */
static void floor_forget(struct floor *floor)
{
    floor->least = 0;
    floor->low_count = 0;
}

static void consider(struct floor *floor, const struct owner *owner,
                     const struct selection *selection, const struct pool *pool, uint32_t slot)
{
    if (!floor->least || !pool_is_active(selection, pool, slot) ||
        owner_holds(owner, slot) >= floor->least)
        return;
    for (uint32_t i = 0; i < floor->low_count; i++)
        if (floor->low[i] == slot)
            return;
    if (floor->low_count == LOW_MAX)
        floor_forget(floor);
    else
        floor->low[floor->low_count++] = slot;
}

static void follow(struct floor *floor, const struct slot_log *log, uint64_t *seen,
                   const struct owner *owner, const struct selection *selection,
                   const struct pool *pool)
{
    if (log->count - *seen > LOG_SIZE)
        floor_forget(floor);
    else
        for (uint64_t at = *seen; at < log->count; at++)
            consider(floor, owner, selection, pool, log->slots[at % LOG_SIZE]);
    *seen = log->count;
}

struct floor *floor_for(struct fleet *fleet, struct owner *owner, const struct selection *selection,
                        const struct pool *pool)
{
    size_t at = floor_place(owner, pool->serial);
    struct floor *floor;

    if (at == owner->floor_count || owner->floors[at].pool != pool->serial) {
        bool was_used = owner->view_count || owner->floor_count;

        floor = floor_add(fleet, owner, pool);
        views_used(fleet, owner, was_used);
    } else {
        floor = &owner->floors[at];
    }
    if (floor->pool_seen != pool->joined.count)
        follow(floor, &pool->joined, &floor->pool_seen, owner, selection, pool);
    if (floor->owner_seen != owner->released.count)
        follow(floor, &owner->released, &floor->owner_seen, owner, selection, pool);
    return floor;
}
