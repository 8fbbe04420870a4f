#include "scheduler/plan.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "scheduler/fleet_internal.h"

#define PROBES       16 /* hosts tried at random before going through all of a group */
#define TIES_MAX     8  /* equal groups that are compared by what is inside them */
#define AZ_ATTRIBUTE "ecs.availability-zone"

enum rule_kind { RULE_SPREAD_ATTRIBUTE, RULE_SPREAD_HOST, RULE_BINPACK_CPU, RULE_BINPACK_MEMORY };
struct rule {
    enum rule_kind kind;
    const char *attribute;
};

/* What a host is checked against; made once for a plan. */
struct search {
    struct fleet *fleet;
    const struct demand *demand;
    struct rng rng;
    struct attribute_mask mask;
    const char **unnumbered; /* required attributes without a bit */
    size_t unnumbered_count;
    bool is_distinct;
    struct owner *owner; /* NULL: nobody to count for, or nothing counted yet */
    struct rule rules[SPREAD_FIELDS_MAX];
    size_t rule_count;
};

/* ---- does a host fit ---- */

static bool mask_covers(const struct attribute_mask *has, const struct attribute_mask *wanted)
{
    for (size_t i = 0; i < REQUIREMENT_WORDS; i++)
        if (wanted->words[i] & ~has->words[i])
            return false;
    return true;
}

static bool has_text(const struct host *host, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t name_len = equals ? (size_t)(equals - text) : strlen(text);

    for (size_t i = 0; i < host->attribute_count; i++) {
        const struct host_attribute *attribute = &host->attributes[i];

        if (strncmp(attribute->name, text, name_len) == 0 && !attribute->name[name_len] &&
            (!equals || str_eq(attribute->value, equals + 1)))
            return true;
    }
    return false;
}

static bool fits(const struct search *search, uint32_t slot)
{
    const struct slot *at = &search->fleet->slots[slot];
    const struct claim *claim = &search->demand->claim;

    if (at->cpu < claim->cpu || at->memory < claim->memory || !mask_covers(&at->has, &search->mask))
        return false;
    if (claim->gpu_count && at->gpus < claim->gpu_count)
        return false;
    for (size_t i = 0; i < claim->port_count; i++)
        if (host_port_taken(at->host, &claim->ports[i]))
            return false;
    for (size_t i = 0; i < search->unnumbered_count; i++)
        if (!has_text(at->host, search->unnumbered[i]))
            return false;
    return !search->is_distinct || owner_holds(search->owner, slot) == 0;
}

/* ---- what is asked ---- */

static struct error *rules_read(struct search *search, const struct demand *demand)
{
    for (size_t i = 0; i < demand->strategy_count; i++) {
        const struct placement_strategy *strategy = &demand->strategies[i];
        const char *field = strategy->field ? strategy->field : "";
        struct rule *rule = &search->rules[search->rule_count];

        if (strategy->kind == STRATEGY_RANDOM)
            break; /* leaves no ties to the rules after it */
        if (search->rule_count == SPREAD_FIELDS_MAX)
            return error_new(API_INVALID_PARAMETER,
                             "At most %d placement strategy rules are allowed.", SPREAD_FIELDS_MAX);
        if (strategy->kind == STRATEGY_BINPACK && strcasecmp(field, "cpu") == 0)
            rule->kind = RULE_BINPACK_CPU;
        else if (strategy->kind == STRATEGY_BINPACK && strcasecmp(field, "memory") == 0)
            rule->kind = RULE_BINPACK_MEMORY;
        else if (strategy->kind == STRATEGY_SPREAD &&
                 (strcasecmp(field, "instanceId") == 0 || strcasecmp(field, "host") == 0))
            rule->kind = RULE_SPREAD_HOST;
        else if (strategy->kind == STRATEGY_SPREAD && str_starts_with(field, "attribute:") &&
                 field[strlen("attribute:")])
            rule->kind = RULE_SPREAD_ATTRIBUTE;
        else
            return error_new(API_INVALID_PARAMETER, "Placement strategy field '%s' is not valid.",
                             field);
        rule->attribute = rule->kind == RULE_SPREAD_ATTRIBUTE ? field + strlen("attribute:") : NULL;
        search->rule_count++;
    }
    return NULL;
}

static struct error *constraints_read(struct search *search, const struct demand *demand)
{
    for (size_t i = 0; i < demand->constraint_count; i++) {
        if (demand->constraints[i].kind == CONSTRAINT_MEMBER_OF)
            return error_new(API_UNSUPPORTED_FEATURE,
                             "memberOf placement constraints are not supported yet.");
        search->is_distinct = true;
    }
    return NULL;
}

static void requirements_read(struct arena *arena, struct search *search,
                              const struct demand *demand)
{
    search->mask.words[0] = MASK_PLACEABLE;
    for (size_t i = 0; i < demand->required_attribute_count; i++) {
        int number = fleet_requirement(search->fleet, demand->required_attributes[i]);

        if (number >= 0) {
            search->mask.words[number / 64] |= (uint64_t)1 << (number % 64);
            continue;
        }
        if (!search->unnumbered)
            search->unnumbered = ARENA_ARRAY(arena, const char *, demand->required_attribute_count);
        search->unnumbered[search->unnumbered_count++] = demand->required_attributes[i];
    }
}

/* ---- going through groups: spread over attributes, then over hosts or at random ---- */

/* A host found, and the counts it won by below the group it was looked for in. */
struct find {
    uint32_t slot; /* NO_SLOT: none fits */
    uint32_t counts[SPREAD_FIELDS_MAX];
    size_t count_count;
};

static bool find_is_better(const struct find *a, const struct find *b)
{
    for (size_t i = 0; i < a->count_count && i < b->count_count; i++)
        if (a->counts[i] != b->counts[i])
            return a->counts[i] < b->counts[i];
    return false;
}

/* Uniform among those that fit, as long as they are not rare; then among the first of them from a
 * random place. */
static uint32_t pick_random(struct search *search, const uint32_t *slots, uint32_t count)
{
    uint32_t found[PROBES];
    uint32_t found_count = 0, start;

    for (int i = 0; i < PROBES && count; i++) {
        uint32_t slot = slots[rng_below(&search->rng, count)];

        if (fits(search, slot))
            return slot;
    }
    start = count ? (uint32_t)rng_below(&search->rng, count) : 0;
    for (uint32_t i = 0; i < count && found_count < PROBES; i++) {
        uint32_t slot = slots[start + i < count ? start + i : start + i - count];

        if (fits(search, slot))
            found[found_count++] = slot;
    }
    return found_count ? found[rng_below(&search->rng, found_count)] : NO_SLOT;
}

/* The host with the fewest tasks of the owner: run by run of equal counts, at random within each.
 */
static struct find pick_fewest(struct search *search, struct group *leaf)
{
    struct view *view = search->owner ? view_for(search->fleet, search->owner, leaf) : NULL;
    struct find find = {.slot = NO_SLOT, .count_count = 1};

    if (!view) {
        find.slot = pick_random(search, leaf->slots, leaf->size);
        return find;
    }
    for (size_t run = 0; run < view->run_count; run++) {
        uint32_t start = view->runs[run].start, end = view_run_end(view, run);
        uint32_t first;

        find.counts[0] = view->runs[run].count;
        if (search->is_distinct && find.counts[0])
            return find;
        for (int i = 0; i < PROBES; i++) {
            uint32_t at = start + (uint32_t)rng_below(&search->rng, end - start);

            find.slot = leaf->slots[view->order[at]];
            if (fits(search, find.slot))
                return find;
        }
        first = start + (uint32_t)rng_below(&search->rng, end - start);
        for (uint32_t i = 0; i < end - start; i++) {
            uint32_t at = first + i < end ? first + i : first + i - (end - start);

            find.slot = leaf->slots[view->order[at]];
            if (fits(search, find.slot))
                return find;
        }
        find.slot = NO_SLOT;
    }
    return find;
}

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
    memmove(find.counts + 1, find.counts, (SPREAD_FIELDS_MAX - 1) * sizeof(find.counts[0]));
    find.counts[0] = count;
    if (find.count_count < SPREAD_FIELDS_MAX)
        find.count_count++;
    if (best->slot == NO_SLOT || find_is_better(&find, best))
        *best = find;
}

/* Whether something in the group can win over `best`: not if its lowest count is no lower and no
 * rule is left. */
static bool may_be_better(struct search *search, struct group *group, size_t depth,
                          const struct find *best)
{
    uint32_t lowest = 0;

    if (search->owner && group->size) {
        const struct view *view = view_for(search->fleet, search->owner, group);

        lowest = view->runs[0].count;
    }
    return lowest < best->counts[1] ||
           (lowest == best->counts[1] && depth + 1 < search->rule_count);
}

static struct find pick_in_group(struct search *search, struct group *group, size_t depth)
{
    const struct rule *rule = depth < search->rule_count ? &search->rules[depth] : NULL;
    struct find best = {.slot = NO_SLOT};
    struct group *last_resort = NULL;
    struct view *view;
    size_t runs;

    if (!rule || rule->kind != RULE_SPREAD_ATTRIBUTE) {
        if (rule)
            return pick_fewest(search, group);
        best.slot = pick_random(search, group->slots, group->size);
        return best;
    }
    view = search->owner && group->size ? view_for(search->fleet, search->owner, group) : NULL;
    runs = view ? view->run_count : group->size > 0;
    for (size_t run = 0; run < runs && best.slot == NO_SLOT; run++) {
        uint32_t start = view ? view->runs[run].start : 0;
        uint32_t end = view ? view_run_end(view, run) : group->size;
        uint32_t first = (uint32_t)rng_below(&search->rng, end - start);
        uint32_t seen = 0;

        for (uint32_t i = 0; i < end - start; i++) {
            uint32_t at = start + (first + i) % (end - start);
            uint32_t number = view ? view->order[at] : at;
            struct group *child = group->children[number];

            if (is_last_resort(child, rule)) {
                last_resort = child;
                continue;
            }
            /* Ties are settled by the rules below (SC-044), if there are any. */
            if (best.slot == NO_SLOT || may_be_better(search, child, depth + 1, &best))
                compare_child(search, child, depth, view ? view->children[number].count : 0, &best);
            if (best.slot != NO_SLOT && (++seen == TIES_MAX || depth + 1 == search->rule_count))
                break;
        }
    }
    if (best.slot == NO_SLOT && last_resort)
        compare_child(search, last_resort, depth, UINT32_MAX, &best);
    return best;
}

/* ---- looking at every host: rules the groups do not serve (binpack) ---- */

static int64_t rule_key(struct search *search, size_t rule_number, const char *const *fields,
                        size_t field_count, uint32_t slot)
{
    const struct rule *rule = &search->rules[rule_number];
    const struct slot *at = &search->fleet->slots[slot];
    struct partition *partition;
    struct group *group;
    uint32_t tasks = 0;

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
    partition = partition_for(search->fleet, fields, field_count);
    group = partition->seats[slot].leaf;
    if (is_last_resort(group, rule))
        return INT64_MAX;
    if (search->owner) {
        struct view *view = view_for(search->fleet, search->owner, group->parent);

        tasks = view->children[group->number].count;
    }
    return tasks;
}

static uint32_t pick_by_rules(struct search *search)
{
    struct fleet *fleet = search->fleet;
    uint32_t *slots = xreallocarray(NULL, fleet->slot_count + 1, sizeof(uint32_t));
    uint32_t count = 0, picked = NO_SLOT;
    const char *fields[SPREAD_FIELDS_MAX];
    size_t field_count = 0;

    for (uint32_t slot = 0; slot < fleet->slot_count; slot++)
        if (fleet->slots[slot].host && fleet->slots[slot].host->is_known && fits(search, slot))
            slots[count++] = slot;
    for (size_t r = 0; r < search->rule_count && count > 1; r++) {
        int64_t least = INT64_MAX;
        uint32_t kept = 0;

        if (search->rules[r].kind == RULE_SPREAD_ATTRIBUTE)
            fields[field_count++] = search->rules[r].attribute;
        for (uint32_t i = 0; i < count; i++) {
            int64_t key = rule_key(search, r, fields, field_count, slots[i]);

            if (key < least) {
                least = key;
                kept = 0;
            }
            if (key == least)
                slots[kept++] = slots[i];
        }
        count = kept;
    }
    if (count)
        picked = slots[rng_below(&search->rng, count)];
    free(slots);
    return picked;
}

/* Spreading over attributes first and then over hosts, or at random, goes by the groups. */
static bool goes_by_groups(const struct search *search)
{
    for (size_t i = 0; i < search->rule_count; i++) {
        bool is_last = i + 1 == search->rule_count;

        if (search->rules[i].kind == RULE_SPREAD_ATTRIBUTE)
            continue;
        if (search->rules[i].kind != RULE_SPREAD_HOST || !is_last)
            return false;
    }
    return true;
}

static uint32_t pick(struct search *search)
{
    const char *fields[SPREAD_FIELDS_MAX];
    size_t field_count = 0;

    if (search->demand->only_host) {
        const struct host *host = fleet_find(search->fleet, search->demand->only_host);

        return host && host->is_known && fits(search, host->slot) ? host->slot : NO_SLOT;
    }
    if (!goes_by_groups(search))
        return pick_by_rules(search);
    for (size_t i = 0; i < search->rule_count; i++)
        if (search->rules[i].kind == RULE_SPREAD_ATTRIBUTE)
            fields[field_count++] = search->rules[i].attribute;
    return pick_in_group(search, partition_for(search->fleet, fields, field_count)->root, 0).slot;
}

/* ---- why not ---- */

enum why_kind {
    WHY_NOT_AT_ALL, /* it fits */
    WHY_AGENT,
    WHY_STATUS,
    WHY_ATTRIBUTE, /* numbered: which of the required ones */
    WHY_DISTINCT,
    WHY_GPU,
    WHY_PORT, /* numbered: which of the claim's */
    WHY_MEMORY,
    WHY_CPU,
};
struct why {
    enum why_kind kind;
    size_t number;
    int distance; /* from a match: the fewer the closer */
};

static bool lacks_attribute(const struct search *search, const struct host *host,
                            size_t *ret_number)
{
    struct attribute_mask has = search->fleet->slots[host->slot].has;

    has.words[0] |= MASK_PLACEABLE;
    if (mask_covers(&has, &search->mask) && !search->unnumbered_count)
        return false;
    for (size_t i = 0; i < search->demand->required_attribute_count; i++) {
        if (!has_text(host, search->demand->required_attributes[i])) {
            *ret_number = i;
            return true;
        }
    }
    return false;
}

/* The first thing in the way, in the order ECS names them; a host that lacks one resource is closer
 * than one that lacks two. */
static struct why why_not(const struct search *search, const struct host *host)
{
    const struct slot *slot = &search->fleet->slots[host->slot];
    const struct claim *claim = &search->demand->claim;
    struct why why = {0};
    size_t number;

    if (!host->is_placeable)
        return (struct why){.kind = strcmp(host->unplaceable_reason, "AGENT") == 0 ? WHY_AGENT
                                                                                   : WHY_STATUS,
                            .distance = 100};
    if (lacks_attribute(search, host, &number))
        return (struct why){.kind = WHY_ATTRIBUTE, .number = number, .distance = 50};
    if (search->is_distinct && owner_holds(search->owner, host->slot))
        return (struct why){.kind = WHY_DISTINCT, .distance = 20};
    if (claim->gpu_count && slot->gpus < claim->gpu_count) {
        why.kind = WHY_GPU;
        why.distance++;
    }
    for (size_t i = 0; i < claim->port_count; i++) {
        if (host_port_taken(host, &claim->ports[i])) {
            why.kind = WHY_PORT;
            why.number = i;
            why.distance++;
            break;
        }
    }
    if (slot->memory < claim->memory) {
        why.kind = WHY_MEMORY;
        why.distance++;
    }
    if (slot->cpu < claim->cpu) {
        why.kind = WHY_CPU;
        why.distance++;
    }
    return why;
}

static struct refusal refusal_of(const struct search *search, const struct host *host,
                                 const struct why *why)
{
    static const char *const reasons[] = {
        [WHY_AGENT] = "AGENT",
        [WHY_ATTRIBUTE] = "ATTRIBUTE",
        [WHY_DISTINCT] = "DistinctInstance placement constraint unsatisfied.",
        [WHY_GPU] = "RESOURCE:GPU",
        [WHY_PORT] = "RESOURCE:PORTS",
        [WHY_MEMORY] = "RESOURCE:MEMORY",
        [WHY_CPU] = "RESOURCE:CPU",
    };
    struct refusal refusal = {.host = host->id, .reason = reasons[why->kind]};

    if (why->kind == WHY_STATUS)
        refusal.reason = host->unplaceable_reason;
    if (why->kind == WHY_ATTRIBUTE)
        refusal.detail = search->demand->required_attributes[why->number];
    if (why->kind == WHY_PORT && search->demand->claim.ports[why->number].is_udp)
        refusal.reason = "RESOURCE:PORTS_UDP";
    return refusal;
}

static char *tally_text(struct arena *arena, const struct demand *demand, const struct why *why,
                        bool is_many)
{
    const struct claim *claim = &demand->claim;
    const char *lacks = is_many ? "lack" : "lacks";

    switch (why->kind) {
    case WHY_NOT_AT_ALL:
        break;
    case WHY_AGENT:
        return arena_dup(arena,
                         is_many ? "have their agents disconnected" : "has its agent disconnected");
    case WHY_STATUS:
        return arena_dup(arena, is_many ? "are not ACTIVE" : "is not ACTIVE");
    case WHY_ATTRIBUTE:
        return arena_printf(arena, "%s the attribute %s", lacks,
                            demand->required_attributes[why->number]);
    case WHY_DISTINCT:
        return arena_printf(arena, "%s a task of the group already", is_many ? "run" : "runs");
    case WHY_GPU:
        return arena_printf(arena, "%s %" PRId32 " free GPUs", lacks, claim->gpu_count);
    case WHY_PORT:
        return arena_printf(arena, "%s port %u/%s taken", is_many ? "have" : "has",
                            claim->ports[why->number].number,
                            claim->ports[why->number].is_udp ? "udp" : "tcp");
    case WHY_MEMORY:
        return arena_printf(arena, "%s %" PRId32 " MiB of memory", lacks, claim->memory);
    case WHY_CPU:
        return arena_printf(arena, "%s %" PRId32 " CPU units", lacks, claim->cpu);
    }
    return arena_dup(arena, "");
}

static void explain(struct arena *arena, const struct search *search, struct plan *plan)
{
    const struct fleet *fleet = search->fleet;
    struct why kinds[PLAN_TALLIES_MAX];
    int closest = INT32_MAX;

    plan->refusals = ARENA_ARRAY(arena, struct refusal, PLAN_REFUSALS_MAX);
    for (uint32_t slot = 0; slot < fleet->slot_count; slot++) {
        const struct host *host = fleet->slots[slot].host;
        struct refusal refusal;
        struct why why;
        size_t at = 0;

        if (!host || !host->is_known ||
            (search->demand->only_host && id_cmp(&host->id, search->demand->only_host) != 0))
            continue;
        plan->hosts_seen++;
        why = why_not(search, host);
        if (why.kind == WHY_NOT_AT_ALL)
            continue;
        while (at < plan->tally_count &&
               (kinds[at].kind != why.kind || kinds[at].number != why.number))
            at++;
        if (at == plan->tally_count && at < PLAN_TALLIES_MAX)
            kinds[plan->tally_count++] = why;
        if (at < PLAN_TALLIES_MAX)
            plan->tallies[at].hosts++;
        if (plan->refusal_count == PLAN_REFUSALS_MAX && why.distance >= closest)
            continue;
        refusal = refusal_of(search, host, &why);
        if (why.distance < closest && plan->refusal_count) {
            struct refusal first = plan->refusals[0];

            plan->refusals[0] = refusal;
            refusal = first;
        }
        if (why.distance < closest)
            closest = why.distance;
        if (plan->refusal_count < PLAN_REFUSALS_MAX)
            plan->refusals[plan->refusal_count++] = refusal;
    }
    for (size_t i = 0; i < plan->tally_count; i++) {
        plan->tallies[i].one = tally_text(arena, search->demand, &kinds[i], false);
        plan->tallies[i].many = tally_text(arena, search->demand, &kinds[i], true);
    }
}

char *plan_explain(struct arena *arena, const struct plan *plan)
{
    CLEANUP(buf_done) struct buf text = {0};

    if (!plan->hosts_seen)
        return arena_dup(arena, "The cluster has no container instances.");
    for (size_t i = 0; i < plan->tally_count; i++) {
        const struct refusal_tally *one = &plan->tallies[i];

        buf_add_str(&text, i ? "; " : "");
        if (i == 0)
            buf_printf(&text, "%zu of %zu host%s %s", one->hosts, plan->hosts_seen,
                       plan->hosts_seen == 1 ? "" : "s", one->hosts == 1 ? one->one : one->many);
        else
            buf_printf(&text, "%zu host%s %s", one->hosts, one->hosts == 1 ? "" : "s",
                       one->hosts == 1 ? one->one : one->many);
    }
    buf_add_str(&text, plan->tally_count ? "." : "All hosts fit.");
    return arena_dup_n(arena, text.data, text.len);
}

/* ---- the plan ---- */

struct error *plan_place(struct arena *arena, const struct fleet *fleet,
                         const struct demand *demand, size_t wanted, struct rng *rng,
                         struct plan *ret)
{
    struct search search = {
        .fleet = (struct fleet *)fleet, /* its caches, and claims that are taken back below */
        .demand = demand,
        .rng = rng_seeded(rng_next(rng)),
    };
    struct plan plan = {0};
    struct host **claimed;
    size_t claimed_count = 0;

    TRY(rules_read(&search, demand));
    TRY(constraints_read(&search, demand));
    requirements_read(arena, &search, demand);
    plan.hosts = ARENA_ARRAY(arena, struct id, wanted);
    claimed = ARENA_ARRAY(arena, struct host *, wanted);
    while (plan.placed_count < wanted) {
        uint32_t slot;

        /* An owner comes with its first claim, and goes with its last. */
        search.owner = fleet_owner(search.fleet, demand->claim.owner, false);
        slot = pick(&search);
        if (slot == NO_SLOT) {
            explain(arena, &search, &plan);
            break;
        }
        plan.hosts[plan.placed_count++] = search.fleet->slots[slot].host->id;
        if (plan.placed_count == wanted)
            break;
        claimed[claimed_count++] = search.fleet->slots[slot].host;
        fleet_claim(search.fleet, search.fleet->slots[slot].host, &demand->claim, true);
    }
    while (claimed_count-- > 0)
        fleet_claim(search.fleet, claimed[claimed_count], &demand->claim, false);
    *ret = plan;
    return NULL;
}
