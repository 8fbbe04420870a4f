/* Which of the hosts that fit: the chain of strategies. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "scheduler/search.h"

#define FETCHED       4 /* counts asked for ahead */
#define FETCHED_POOLS 8
#define PROBES        16 /* hosts tried at random before going through all of a pool */

static uint32_t below(struct search *search, uint32_t bound)
{
    return (uint32_t)((rng_next(&search->rng) >> 32) * bound >> 32);
}

/* A host found, and the figures it won by: tasks of the owner, or what is free. */
struct find {
    uint32_t slot; /* NO_SLOT: none fits */
    int64_t figures[SPREAD_FIELDS_MAX];
    size_t figure_count;
};

static bool find_is_better(const struct find *a, const struct find *b)
{
    for (size_t i = 0; i < a->figure_count && i < b->figure_count; i++)
        if (a->figures[i] != b->figures[i])
            return a->figures[i] < b->figures[i];
    return false;
}

/* The host at a place of a pool, if it fits; one that has no room is parked. */
static enum fit try_place(struct search *search, struct pool *pool, uint32_t place)
{
    enum fit fit = search_fit(search, pool->slots[place]);

    if (fit == NO_ROOM)
        pool_park(search->fleet, search->selection, pool, place);
    return fit;
}

/* ---- at random: uniform among those that fit ---- */

static uint32_t pick_random(struct search *search, struct pool *pool)
{
    uint32_t picked = NO_SLOT, seen = 0;

    for (int i = 0; i < PROBES && pool->active; i++) {
        uint32_t place = below(search, pool->active);
        uint32_t slot = pool->slots[place];

        if (try_place(search, pool, place) == FIT)
            return slot;
    }
    for (uint32_t place = 0; place < pool->active;) {
        uint32_t slot = pool->slots[place];
        enum fit fit = try_place(search, pool, place);

        if (fit == FIT && below(search, ++seen) == 0)
            picked = slot;
        place += fit != NO_ROOM; /* else another has taken its place */
    }
    return picked;
}

/* ---- the fewest tasks of the owner ---- */

/* Among the hosts that may be below the floor. */
static struct find pick_low(struct search *search, struct pool *pool, struct floor *floor)
{
    struct find find = {.slot = NO_SLOT, .figure_count = 1};
    uint32_t kept = 0;

    for (uint32_t i = 0; i < floor->low_count; i++) {
        uint32_t slot = floor->low[i];
        uint32_t count = owner_holds(search->owner, slot);
        enum fit fit;

        if (count >= floor->least || !pool_is_active(search->selection, pool, slot))
            continue;
        fit = try_place(search, pool, search->selection->places[slot]);
        if (fit == NO_ROOM)
            continue;
        floor->low[kept++] = slot;
        if (fit == FIT && (find.slot == NO_SLOT || count < find.figures[0])) {
            find.slot = slot;
            find.figures[0] = count;
        }
    }
    floor->low_count = kept;
    return find;
}

struct level_scan {
    struct find find;
    uint32_t lowest; /* count of those that may have room */
};

/* Looks at the places from `from` to before `to`; true if it found one as low as the floor. */
static bool scan_level(struct search *search, struct pool *pool, const struct floor *floor,
                       uint32_t from, uint32_t to, struct level_scan *scan)
{
    for (uint32_t place = from; place < to && place < pool->active;) {
        uint32_t slot = pool->slots[place];
        uint32_t count = owner_holds(search->owner, slot);
        enum fit fit;

        if (scan->find.slot != NO_SLOT && count >= scan->find.figures[0]) {
            place++;
            continue;
        }
        fit = try_place(search, pool, place);
        if (fit == NO_ROOM)
            continue; /* another has taken its place */
        place++;
        if (count < scan->lowest)
            scan->lowest = count;
        if (fit != FIT)
            continue;
        scan->find.slot = slot;
        scan->find.figures[0] = count;
        if (count == floor->least)
            return true;
    }
    return false;
}

/* One number serves all pools of a decision, so that they can be fetched from afar together. */
static uint32_t scan_start(const struct search *search, const struct pool *pool)
{
    return (uint32_t)((uint64_t)search->lot * pool->active >> 32);
}

static void fetch_start(const struct search *search, const struct group *leaf)
{
    const struct pool *pool = selection_pool(search->selection, leaf);
    uint32_t start;

    if (!pool || pool->active < FETCHED)
        return;
    start = scan_start(search, pool);
    for (uint32_t i = 0; i < FETCHED && start + i < pool->active; i++)
        __builtin_prefetch(&search->owner->dense[pool->slots[start + i]]);
}

/* From a random place on, up to one as low as the floor; if there is none, the floor rises. */
static struct find pick_fewest(struct search *search, struct pool *pool)
{
    struct level_scan scan = {{.slot = NO_SLOT, .figure_count = 1}, UINT32_MAX};
    struct floor *floor;
    uint32_t start;

    if (!search->owner) {
        scan.find.slot = pick_random(search, pool);
        return scan.find;
    }
    if (!pool->active)
        return scan.find;
    floor = floor_for(search->fleet, search->owner, search->selection, pool);
    if (floor->low_count)
        scan.find = pick_low(search, pool, floor);
    if (scan.find.slot != NO_SLOT || (search->is_distinct && floor_least(floor)))
        return scan.find;
    start = scan_start(search, pool);
    if (scan_level(search, pool, floor, start, UINT32_MAX, &scan) ||
        scan_level(search, pool, floor, 0, start, &scan))
        return scan.find;
    floor->least = pool->active ? scan.lowest : 0;
    floor->low_count = 0;
    return scan.find;
}

/* ---- the least free ---- */

static struct find pick_packed(struct search *search, struct pool *pool)
{
    struct find find = {.slot = NO_SLOT, .figure_count = 1};
    struct order_at at;
    bool has = order_find(&pool->order, selection_least(search->selection), &at);

    while (has) {
        uint64_t found = pool->order.blocks[at.block]->keys[at.place];
        uint32_t slot = (uint32_t)found;
        enum fit fit = try_place(search, pool, search->selection->places[slot]);

        if (fit == FIT) {
            find.slot = slot;
            find.figures[0] = (int64_t)(found >> 32);
            return find;
        }
        has = fit == NO_ROOM ? order_find(&pool->order, found, &at) : order_next(&pool->order, &at);
    }
    return find;
}

/* ---- going through groups: spread over attributes, then within a pool ---- */

/* Hosts without the attribute come last (SC-047); without a zone they are one zone like others
 * (SC-052). */
static bool is_last_resort(const struct group *group, const struct rule *rule)
{
    return !group->value && strcmp(rule->attribute, AZ_ATTRIBUTE) != 0;
}

static struct find pick_in_group(struct search *search, struct group *group, size_t depth);

static void compare_child(struct search *search, struct group *child, size_t depth, uint32_t count,
                          struct find *best)
{
    struct find find = pick_in_group(search, child, depth + 1);

    if (find.slot == NO_SLOT)
        return;
    memmove(find.figures + 1, find.figures, (SPREAD_FIELDS_MAX - 1) * sizeof(find.figures[0]));
    find.figures[0] = count;
    if (find.figure_count < SPREAD_FIELDS_MAX)
        find.figure_count++;
    if (best->slot == NO_SLOT || find_is_better(&find, best))
        *best = find;
}

/* The lowest figure that the rule at `depth` can give in the group. */
static int64_t lower_bound_of(struct search *search, struct group *group, size_t depth)
{
    if (!search->owner || search->rules[depth].kind == RULE_BINPACK_CPU ||
        search->rules[depth].kind == RULE_BINPACK_MEMORY)
        return 0;
    if (search->rules[depth].kind == RULE_SPREAD_HOST) {
        const struct pool *pool = selection_pool(search->selection, group);

        return pool && pool->active
                   ? floor_least(floor_for(search->fleet, search->owner, search->selection, pool))
                   : INT64_MAX;
    }
    return group->size ? view_for(search->fleet, search->owner, group)->runs[0].count : INT64_MAX;
}

/* Whether something in the group can win over `best`, whose figures were won above it too. */
static bool may_be_better(struct search *search, struct group *group, size_t depth,
                          const struct find *best)
{
    int64_t lowest;

    if (depth == search->rule_count)
        return false;
    lowest = lower_bound_of(search, group, depth);
    return lowest < best->figures[1] ||
           (lowest == best->figures[1] && depth + 1 < search->rule_count);
}

static struct find pick_in_pool(struct search *search, const struct group *leaf, size_t depth)
{
    struct pool *pool = selection_pool(search->selection, leaf);
    struct find find = {.slot = NO_SLOT};

    if (!pool || !pool->active)
        return find;
    if (depth == search->rule_count) {
        find.slot = pick_random(search, pool);
        return find;
    }
    return search->rules[depth].kind == RULE_SPREAD_HOST ? pick_fewest(search, pool)
                                                         : pick_packed(search, pool);
}

static struct find pick_in_group(struct search *search, struct group *group, size_t depth)
{
    const struct rule *rule = &search->rules[depth];
    struct find best = {.slot = NO_SLOT};
    struct group *last_resort = NULL;
    struct view *view;
    size_t runs;
    bool fetches;

    if (depth == search->rule_count || rule->kind != RULE_SPREAD_ATTRIBUTE)
        return pick_in_pool(search, group, depth);
    view = search->owner && group->size ? view_for(search->fleet, search->owner, group) : NULL;
    runs = view ? view->run_count : group->size > 0;
    fetches = view && search->owner->dense && depth + 1 < search->rule_count &&
              rule[1].kind == RULE_SPREAD_HOST;
    for (size_t run = 0; run < runs && best.slot == NO_SLOT; run++) {
        uint32_t start = view ? view->runs[run].start : 0;
        uint32_t end = view ? view_run_end(view, run) : group->size;
        uint32_t first = below(search, end - start);

        if (fetches && end - start <= FETCHED_POOLS)
            for (uint32_t i = start; i < end; i++)
                fetch_start(search, group->children[view->order[i]]);
        for (uint32_t i = 0; i < end - start; i++) {
            uint32_t at = start + first + i < end ? start + first + i : first + i + 2 * start - end;
            uint32_t number = view ? view->order[at] : at;
            struct group *child = group->children[number];

            if (is_last_resort(child, rule)) {
                last_resort = child;
                continue;
            }
            /* Ties are settled by the rules below (SC-044), if there are any. */
            if (best.slot == NO_SLOT || may_be_better(search, child, depth + 1, &best))
                compare_child(search, child, depth, view ? view->children[number].count : 0, &best);
            if (best.slot != NO_SLOT && depth + 1 == search->rule_count)
                break;
        }
    }
    if (best.slot == NO_SLOT && last_resort)
        compare_child(search, last_resort, depth, UINT32_MAX, &best);
    return best;
}

/* ---- looking at every host: chains the pools do not serve ---- */

static int64_t rule_figure(struct search *search, const struct rule *rule, uint32_t slot)
{
    const struct slot *at = &search->fleet->slots[slot];
    struct group *group;

    switch (rule->kind) {
    case RULE_BINPACK_CPU:
        return at->cpu;
    case RULE_BINPACK_MEMORY:
        return at->memory;
    case RULE_SPREAD_HOST:
        return owner_holds(search->owner, slot);
    case RULE_SPREAD_ATTRIBUTE:
        break;
    }
    group = rule->partition->seats[slot];
    if (is_last_resort(group, rule))
        return INT64_MAX;
    return search->owner ? view_for(search->fleet, search->owner, group->parent)
                               ->children[group->number]
                               .count
                         : 0;
}

static uint32_t pick_by_rules(struct search *search)
{
    struct pool *pool = selection_pool(search->selection, search->selection->key.partition->root);
    uint32_t *slots = xreallocarray(NULL, pool ? pool->active + 1 : 1, sizeof(uint32_t));
    uint32_t count = 0, picked = NO_SLOT;

    for (uint32_t place = 0; pool && place < pool->active;) {
        uint32_t slot = pool->slots[place];
        enum fit fit = try_place(search, pool, place);

        if (fit == FIT)
            slots[count++] = slot;
        place += fit != NO_ROOM;
    }
    for (size_t r = 0; r < search->rule_count && count > 1; r++) {
        int64_t least = INT64_MAX;
        uint32_t kept = 0;

        for (uint32_t i = 0; i < count; i++) {
            int64_t figure = rule_figure(search, &search->rules[r], slots[i]);

            if (figure < least) {
                least = figure;
                kept = 0;
            }
            if (figure == least)
                slots[kept++] = slots[i];
        }
        count = kept;
    }
    if (count)
        picked = slots[below(search, count)];
    free(slots);
    return picked;
}

/* The host that StartTask names is asked as it is, without the pools. */
static uint32_t pick_only(struct search *search)
{
    uint32_t slot = fleet_find(search->fleet, search->demand->only_host);
    const struct host *host = slot != NO_SLOT ? search->fleet->hosts[slot] : NULL;

    return host && host->is_known && selection_may_have(search->selection, host) &&
                   search_fit(search, slot) == FIT
               ? slot
               : NO_SLOT;
}

uint32_t search_pick(struct search *search)
{
    if (search->demand->only_host)
        return pick_only(search);
    if (!search->goes_by_groups)
        return pick_by_rules(search);
    if (search->selection->moved_count)
        selection_settle_order(search->fleet, search->selection);
    search->lot = (uint32_t)(rng_next(&search->rng) >> 32);
    return pick_in_group(search, search->selection->key.partition->root, 0).slot;
}
