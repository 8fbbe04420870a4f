/* search.h - a demand as placement works on it: read once for a plan, then asked for one host after
 * the other. For the files of this folder only. */
#ifndef BERTH_SCHEDULER_SEARCH_H
#define BERTH_SCHEDULER_SEARCH_H

#include "scheduler/fleet_internal.h"
#include "scheduler/plan.h"

#define AZ_ATTRIBUTE "ecs.availability-zone"

enum rule_kind { RULE_SPREAD_ATTRIBUTE, RULE_SPREAD_HOST, RULE_BINPACK_CPU, RULE_BINPACK_MEMORY };
struct rule {
    enum rule_kind kind;
    const char *attribute;
    struct partition *partition; /* by the attributes up to this one */
};

struct search {
    struct fleet *fleet;
    const struct demand *demand;
    struct rng rng;
    uint32_t lot; /* of the decision: where pools are entered */
    struct selection *selection;
    struct bits passing; /* queries whose answers change with claims: asked for each host */
    bool has_passing;
    bool is_distinct;
    bool asks_counts;    /* of the owner on hosts or in groups */
    struct owner *owner; /* NULL: nobody to count for, or nothing counted yet */
    struct rule rules[SPREAD_FIELDS_MAX];
    size_t rule_count;
    bool goes_by_groups; /* attributes first, then one rule that a pool serves, or none */
    int queries[PLAN_CONSTRAINTS_MAX]; /* of the demand's constraints; -1: not a memberOf */
};

enum fit { FIT, NO_ROOM, NOT_NOW };

/* Whether an active host of the selection takes the task: NO_ROOM lasts until something is freed
 * there. */
static inline enum fit search_fit(const struct search *search, uint32_t slot)
{
    const struct slot *at = &search->fleet->slots[slot];
    const struct selection_key *key = &search->selection->key;

    if (at->cpu < key->cpu || at->memory < key->memory || (key->gpus && at->gpus < key->gpus) ||
        (key->enis && at->enis < key->enis))
        return NO_ROOM;
    for (uint32_t i = 0; i < key->port_count; i++)
        if (host_port_taken(search->fleet->hosts[slot], key->ports[i]))
            return NO_ROOM;
    if (search->is_distinct && owner_holds(search->owner, slot))
        return NOT_NOW;
    if (search->has_passing && !bits_cover(&search->fleet->hosts[slot]->matches, &search->passing))
        return NOT_NOW;
    return FIT;
}

/* ---- pick.c ---- */
/* The slot of the best host, NO_SLOT if none fits. */
uint32_t search_pick(struct search *search);

/* ---- refused.c ---- */
/* True if no host was found for the same when nothing was other than it is now: `ret` says why. */
bool refused_again(struct arena *arena, const struct search *search, struct plan *ret);
/* Not one task of this was placed. */
void refused_remember(const struct search *search, const struct plan *plan);

/* ---- explain.c ---- */
/* Fills what the plan says of the hosts that were passed over. */
void search_explain(struct arena *arena, const struct search *search, struct plan *plan);

#endif
