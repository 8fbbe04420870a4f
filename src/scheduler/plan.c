/* What a demand asks for, and the plan: one host after the other, each with the claims of those
 * before it. Choosing is pick.c, saying why not explain.c. */
#include "scheduler/plan.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "scheduler/search.h"

/* ---- what is asked ---- */

static struct error *rule_read(const struct placement_strategy *strategy, struct rule *rule)
{
    const char *field = strategy->field ? strategy->field : "";

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
    return NULL;
}

static struct error *rules_read(struct search *search, const struct demand *demand)
{
    search->goes_by_groups = true;
    for (size_t i = 0; i < demand->strategy_count; i++) {
        struct rule *rule = &search->rules[search->rule_count];

        if (demand->strategies[i].kind == STRATEGY_RANDOM)
            break; /* leaves no ties to the rules after it */
        if (search->rule_count == SPREAD_FIELDS_MAX)
            return error_new(API_INVALID_PARAMETER,
                             "At most %d placement strategy rules are allowed.", SPREAD_FIELDS_MAX);
        TRY(rule_read(&demand->strategies[i], rule));
        if (search->rule_count && rule[-1].kind != RULE_SPREAD_ATTRIBUTE)
            search->goes_by_groups = false;
        search->asks_counts |=
            rule->kind == RULE_SPREAD_ATTRIBUTE || rule->kind == RULE_SPREAD_HOST;
        search->rule_count++;
    }
    return NULL;
}

/* Attributes and expressions as bits; `*ret_is_full` if there are no more of them to give out. */
static struct error *bits_read(struct arena *arena, struct search *search,
                               struct selection_key *key, bool *ret_is_full)
{
    const struct demand *demand = search->demand;
    struct fleet *fleet = search->fleet;
    int number = 0;

    for (size_t i = 0; i < demand->required_attribute_count && number >= 0; i++) {
        number = requirement_number(fleet, demand->required_attributes[i]);
        if (number >= 0)
            bits_set(&key->required, (unsigned)number, true);
    }
    if (demand->capacity_provider && number >= 0) {
        number = requirement_number(fleet, arena_printf(arena, CAPACITY_PROVIDER_ATTRIBUTE "=%s",
                                                        demand->capacity_provider));
        if (number >= 0)
            bits_set(&key->required, (unsigned)number, true);
    }
    if (demand->forbidden_attribute && number >= 0) {
        number = requirement_number(fleet, demand->forbidden_attribute);
        if (number >= 0)
            bits_set(&key->forbidden, (unsigned)number, true);
    }
    for (size_t i = 0; i < demand->constraint_count && number >= 0; i++) {
        search->queries[i] = -1;
        if (demand->constraints[i].kind == CONSTRAINT_DISTINCT_INSTANCE) {
            search->is_distinct = search->asks_counts = true;
            continue;
        }
        TRY(query_number(fleet, demand->constraints[i].expression, &number));
        search->queries[i] = number;
        if (number < 0)
            break;
        if (fleet->queries[number].is_lasting)
            bits_set(&key->queries, (unsigned)number, true);
        else
            bits_set(&search->passing, (unsigned)number, true);
        search->has_passing |= !fleet->queries[number].is_lasting;
    }
    *ret_is_full = number < 0;
    return NULL;
}

/* The partitions of the rules; false if there are too many in the fleet. */
static bool partitions_read(struct search *search, struct selection_key *key)
{
    const char *fields[SPREAD_FIELDS_MAX];
    struct partition *partition = NULL;
    size_t field_count = 0;

    for (size_t i = 0; i < search->rule_count; i++) {
        struct rule *rule = &search->rules[i];

        if (rule->kind != RULE_SPREAD_ATTRIBUTE)
            continue;
        fields[field_count++] = rule->attribute;
        if (search->goes_by_groups && i + 1 < search->rule_count &&
            rule[1].kind == RULE_SPREAD_ATTRIBUTE)
            continue; /* the last of them tells them all apart */
        rule->partition = partition = partition_for(search->fleet, fields, field_count);
        if (!partition)
            return false;
    }
    if (!partition || !search->goes_by_groups)
        partition = partition_for(search->fleet, NULL, 0);
    key->partition = partition;
    return partition != NULL;
}

static enum order_kind order_of(const struct search *search)
{
    if (!search->rule_count || !search->goes_by_groups)
        return ORDER_NONE;
    switch (search->rules[search->rule_count - 1].kind) {
    case RULE_BINPACK_CPU:
        return ORDER_CPU;
    case RULE_BINPACK_MEMORY:
        return ORDER_MEMORY;
    default:
        return ORDER_NONE;
    }
}

static void size_read(struct arena *arena, const struct search *search, struct selection_key *key)
{
    const struct claim *claim = &search->demand->claim;
    uint32_t *ports;

    key->cpu = claim->cpu;
    key->memory = claim->memory;
    key->gpus = claim->gpu_count;
    key->enis = claim->eni_count;
    key->order = order_of(search);
    if (!claim->port_count)
        return;
    ports = ARENA_ARRAY(arena, uint32_t, claim->port_count);
    for (size_t i = 0; i < claim->port_count; i++)
        ports[i] = PORT_KEY(&claim->ports[i]);
    key->ports = ports;
    key->port_count = (uint32_t)claim->port_count;
}

static struct error *selection_read(struct arena *arena, struct search *search)
{
    struct selection_key key = {0};
    bool is_full;

    TRY(bits_read(arena, search, &key, &is_full));
    if (is_full || !partitions_read(search, &key)) {
        /* Too much was asked of this fleet in its life: it begins again. One demand has room. */
        fleet_drop_caches(search->fleet);
        key = (struct selection_key){0};
        search->passing = (struct bits){{0}};
        search->has_passing = false;
        TRY(bits_read(arena, search, &key, &is_full));
        if (is_full || !partitions_read(search, &key))
            return error_new(API_INVALID_PARAMETER,
                             "The task requires more than %d different attributes.", BITS_COUNT);
    }
    size_read(arena, search, &key);
    search->selection = selection_for(search->fleet, &key);
    return NULL;
}

static struct error *search_read(struct arena *arena, struct search *search)
{
    if (search->demand->constraint_count > PLAN_CONSTRAINTS_MAX)
        return error_new(API_INVALID_PARAMETER, "At most %d placement constraints are allowed.",
                         PLAN_CONSTRAINTS_MAX);
    TRY(rules_read(search, search->demand));
    return selection_read(arena, search);
}

/* An owner comes with its first claim, and goes with its last. */
static void find_owner(struct search *search)
{
    search->owner = fleet_owner(search->fleet, search->demand->claim.owner, false);
    if (search->asks_counts)
        owner_settle(search->fleet, search->owner);
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
    uint32_t *claimed;
    size_t claimed_count = 0;

    TRY(search_read(arena, &search));
    if (refused_again(arena, &search, ret))
        return NULL;
    plan.hosts = ARENA_ARRAY(arena, struct id, wanted);
    claimed = wanted > 1 ? ARENA_ARRAY(arena, uint32_t, wanted) : NULL;
    while (plan.placed_count < wanted) {
        uint32_t slot;

        find_owner(&search);
        slot = search_pick(&search);
        if (slot == NO_SLOT) {
            if (!demand->is_silent)
                search_explain(arena, &search, &plan);
            if (!plan.placed_count && !demand->is_silent)
                refused_remember(&search, &plan);
            break;
        }
        plan.hosts[plan.placed_count++] = search.fleet->ids[slot];
        if (plan.placed_count == wanted)
            break;
        claimed[claimed_count++] = slot;
        fleet_claim(search.fleet, slot, &demand->claim, true);
    }
    while (claimed_count-- > 0)
        fleet_claim(search.fleet, claimed[claimed_count], &demand->claim, false);
    *ret = plan;
    return NULL;
}

struct error *plan_survey(struct arena *arena, const struct fleet *fleet,
                          const struct demand *demand, struct plan *ret)
{
    struct search search = {.fleet = (struct fleet *)fleet, .demand = demand}; /* its caches */
    struct plan plan = {0};

    TRY(search_read(arena, &search));
    find_owner(&search);
    search_explain(arena, &search, &plan);
    *ret = plan;
    return NULL;
}
