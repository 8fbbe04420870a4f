#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fleet_check.h"
#include "scheduler/fleet_internal.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %" PRIu64 ": %s", seed, #condition);                                    \
    } while (0)

/* ---- selections ---- */

static bool has_room(const struct fleet *fleet, const struct selection *selection, uint32_t slot)
{
    const struct slot *at = &fleet->slots[slot];
    const struct selection_key *key = &selection->key;

    for (uint32_t i = 0; i < key->port_count; i++)
        if (host_port_taken(fleet->hosts[slot], key->ports[i]))
            return false;
    return at->cpu >= key->cpu && at->memory >= key->memory &&
           (!key->gpus || at->gpus >= key->gpus) && (!key->enis || at->enis >= key->enis);
}

static void check_order(struct fleet *fleet, struct selection *selection, const struct pool *pool,
                        uint64_t seed)
{
    struct order_at at;
    uint64_t last = 0;
    size_t count = 0, listed = 0;
    bool has;

    for (has = order_find(&pool->order, 0, &at); has; has = order_next(&pool->order, &at)) {
        uint64_t key = pool->order.blocks[at.block]->keys[at.place];
        uint32_t slot = (uint32_t)key;
        const struct slot *host = &fleet->slots[slot];

        CHECK(key >= selection_least(selection));
        CHECK(!count || last < key);
        CHECK(pool_is_active(selection, pool, slot));
        CHECK(key == order_key(selection->key.order == ORDER_CPU ? host->cpu : host->memory, slot));
        CHECK(at.place || pool->order.firsts[at.block] == key);
        last = key;
        count++;
    }
    for (uint32_t place = 0; place < pool->active; place++)
        listed += selection->keys[pool->slots[place]] >= selection_least(selection);
    CHECK(count == listed);
}

static void check_selection(struct fleet *fleet, struct selection *selection, uint64_t seed)
{
    size_t members = 0, places = 0;

    selection_settle_order(fleet, selection);
    for (uint32_t i = 0; i < selection->pool_count; i++) {
        const struct pool *pool = selection->pools[i];

        if (!pool)
            continue;
        CHECK(pool->active <= pool->count);
        places += pool->count;
        for (uint32_t place = 0; place < pool->count; place++) {
            uint32_t slot = pool->slots[place];
            const struct host *host = fleet->hosts[slot];

            CHECK(selection->places[slot] == place);
            CHECK(selection->key.partition->seats[slot]->leaf_number == i);
            CHECK(bits_has(&host->parked_in, selection->number) == (place >= pool->active));
            CHECK(place < pool->active || !has_room(fleet, selection, slot));
        }
        if (selection->key.order != ORDER_NONE)
            check_order(fleet, selection, pool, seed);
    }
    for (uint32_t slot = 0; slot < fleet->slot_count; slot++)
        members += fleet->hosts[slot] && selection_may_have(selection, fleet->hosts[slot]);
    CHECK(members == places);
}

/* ---- owners ---- */

struct checking {
    struct fleet *fleet;
    struct owner *owner;
    const struct group *group; /* count what is under it */
    uint64_t seed;
    size_t tasks;
};

static void add_up(void *data, uint32_t slot, uint32_t count)
{
    struct checking *checking = data;
    const struct group *at = NULL;

    if (checking->group && checking->fleet->hosts[slot]->is_known)
        at = checking->group->partition->seats[slot];
    while (at && at != checking->group)
        at = at->parent;
    if (at == checking->group)
        checking->tasks += count;
}

static void check_view(struct checking *checking, const struct view *view)
{
    uint64_t seed = checking->seed;
    size_t run = 0;

    if (view->epoch != view->group->epoch)
        return; /* made again before it is asked */
    for (uint32_t i = 0; i < view->size; i++) {
        uint32_t child = view->order[i];

        checking->group = view->group->children[child];
        checking->tasks = 0;
        owner_each(checking->owner, add_up, checking);
        CHECK(view->children[child].count == checking->tasks);
        CHECK(view->children[child].place == i);
        if (run + 1 < view->run_count && view->runs[run + 1].start == i)
            run++;
        CHECK(view->runs[run].count == checking->tasks);
    }
}

/* No active host is below the floor unless the floor, once it has read the logs, knows of it. */
static void check_floor(const struct checking *checking, uint64_t serial)
{
    uint64_t seed = checking->seed;

    for (size_t i = 0; i < SELECTIONS_MAX; i++) {
        const struct selection *selection = checking->fleet->selections[i];

        for (uint32_t p = 0; selection && p < selection->pool_count; p++) {
            const struct pool *pool = selection->pools[p];
            const struct floor *floor;

            if (!pool || pool->serial != serial)
                continue;
            floor = floor_for(checking->fleet, checking->owner, selection, pool);
            for (uint32_t place = 0; place < pool->active; place++) {
                uint32_t slot = pool->slots[place];
                bool is_low = false;

                for (uint32_t n = 0; n < floor->low_count; n++)
                    is_low = is_low || floor->low[n] == slot;
                CHECK(is_low || owner_holds(checking->owner, slot) >= floor->least);
            }
        }
    }
}

static void check_owner(struct fleet *fleet, struct owner *owner, uint64_t seed)
{
    struct checking checking = {.fleet = fleet, .owner = owner, .seed = seed};

    owner_settle(fleet, owner);
    owner_each(owner, add_up, &checking);
    CHECK(owner->task_count && checking.tasks == owner->task_count);
    for (size_t i = 0; i < owner->view_count; i++)
        check_view(&checking, owner->views[i]);
    for (size_t i = 0; i < owner->floor_count; i++)
        check_floor(&checking, owner->floors[i].pool);
}

/* ---- hosts ---- */

static bool any_owner(const void *tasks, query_group_test_fn *test, const void *arg)
{
    const void *const *both = tasks;
    struct fleet *fleet = (struct fleet *)(uintptr_t)both[0];
    const struct host *host = both[1];
    struct owner *owner = NULL;

    while ((owner = fleet_owner_after(fleet, owner)))
        if (owner_holds(owner, host->slot) && test(owner->name, arg))
            return true;
    return false;
}

static void check_host(struct fleet *fleet, const struct host *host, uint64_t seed)
{
    const struct query_instance instance = {
        .agent_connected = host->is_placeable || !str_eq(host->unplaceable_reason, "AGENT"),
        .agent_version = host->agent_version,
        .ec2_instance_id = host->ec2_instance_id,
        .registered_at_ms = host->registered_at_ms,
        .running_tasks = fleet->slots[host->slot].claims,
        .attributes = host->attributes,
        .attribute_count = host->attribute_count,
        .any_group = any_owner,
        .tasks = (const void *[]){fleet, host},
    };
    uint32_t parked = 0;

    CHECK(fleet_find(fleet, &host->id) == host->slot);
    for (unsigned i = 0; i < SELECTIONS_MAX; i++)
        parked += bits_has(&host->parked_in, i);
    CHECK(parked == fleet->slots[host->slot].parked);
    for (unsigned i = 0; host->is_known && i < fleet->query_count; i++)
        CHECK(bits_has(&host->matches, i) == query_matches(fleet->queries[i].query, &instance));
    for (size_t i = 0; i < fleet->partition_count; i++)
        CHECK(!host->is_known == !fleet->partitions[i]->seats[host->slot]);
}

void fleet_check(struct fleet *fleet, uint64_t seed)
{
    struct owner *owner = NULL;

    while ((owner = fleet_owner_after(fleet, owner)))
        check_owner(fleet, owner, seed);
    for (uint32_t slot = 0; slot < fleet->slot_count; slot++)
        if (fleet->hosts[slot])
            check_host(fleet, fleet->hosts[slot], seed);
    for (size_t i = 0; i < SELECTIONS_MAX; i++)
        if (fleet->selections[i])
            check_selection(fleet, fleet->selections[i], seed);
}
