/* Why no host was found: what each lacks, and how many lack the same. */
#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "scheduler/search.h"

enum why_kind {
    WHY_NOT_AT_ALL, /* it fits */
    WHY_AGENT,
    WHY_STATUS,
    WHY_ATTRIBUTE, /* numbered: which of the required ones */
    WHY_FORBIDDEN,
    WHY_MEMBER_OF, /* numbered: which of the constraints */
    WHY_DISTINCT,
    WHY_ENI,
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

static bool lacks_attribute(const struct search *search, const struct host *host, struct why *ret)
{
    const struct selection_key *key = &search->selection->key;
    const struct demand *demand = search->demand;

    if (bits_cover(&host->has, &key->required) && !bits_meet(&host->has, &key->forbidden))
        return false;
    for (size_t i = 0; i < demand->required_attribute_count; i++) {
        if (!has_text(host, demand->required_attributes[i])) {
            *ret = (struct why){.kind = WHY_ATTRIBUTE, .number = i, .distance = 50};
            return true;
        }
    }
    if (!demand->forbidden_attribute || !has_text(host, demand->forbidden_attribute))
        return false;
    *ret = (struct why){.kind = WHY_FORBIDDEN, .distance = 60};
    return true;
}

static bool breaks_constraint(const struct search *search, const struct host *host, struct why *ret)
{
    for (size_t i = 0; i < search->demand->constraint_count; i++) {
        if (search->queries[i] >= 0 && !bits_has(&host->matches, (unsigned)search->queries[i])) {
            *ret = (struct why){.kind = WHY_MEMBER_OF, .number = i, .distance = 30};
            return true;
        }
    }
    if (!search->is_distinct || !owner_holds(search->owner, host->slot))
        return false;
    *ret = (struct why){.kind = WHY_DISTINCT, .distance = 20};
    return true;
}

/* The last of these that is lacking is the one that is named; each makes the host less close. */
static struct why lacks_resource(const struct search *search, const struct host *host)
{
    const struct slot *slot = &search->fleet->slots[host->slot];
    const struct claim *claim = &search->demand->claim;
    struct why why = {0};

    if (claim->eni_count && slot->enis < claim->eni_count)
        why = (struct why){WHY_ENI, 0, why.distance + 1};
    if (claim->gpu_count && slot->gpus < claim->gpu_count)
        why = (struct why){WHY_GPU, 0, why.distance + 1};
    for (size_t i = 0; i < claim->port_count; i++) {
        if (host_port_taken(host, PORT_KEY(&claim->ports[i]))) {
            why = (struct why){WHY_PORT, i, why.distance + 1};
            break;
        }
    }
    if (slot->memory < claim->memory)
        why = (struct why){WHY_MEMORY, 0, why.distance + 1};
    if (slot->cpu < claim->cpu)
        why = (struct why){WHY_CPU, 0, why.distance + 1};
    return why;
}

static struct why why_not(const struct search *search, const struct host *host)
{
    struct why why;

    if (!host->is_placeable)
        return (struct why){.kind = strcmp(host->unplaceable_reason, "AGENT") == 0 ? WHY_AGENT
                                                                                   : WHY_STATUS,
                            .distance = 100};
    if (lacks_attribute(search, host, &why) || breaks_constraint(search, host, &why))
        return why;
    return lacks_resource(search, host);
}

/* ---- in words ---- */

static const char *reason_of(const struct search *search, const struct host *host,
                             const struct why *why)
{
    static const char *const reasons[] = {
        [WHY_AGENT] = "AGENT",
        [WHY_ATTRIBUTE] = "ATTRIBUTE",
        [WHY_FORBIDDEN] = "ATTRIBUTE",
        [WHY_MEMBER_OF] = "MemberOf placement constraint unsatisfied.",
        [WHY_DISTINCT] = "DistinctInstance placement constraint unsatisfied.",
        [WHY_ENI] = "RESOURCE:ENI",
        [WHY_GPU] = "RESOURCE:GPU",
        [WHY_PORT] = "RESOURCE:PORTS",
        [WHY_MEMORY] = "RESOURCE:MEMORY",
        [WHY_CPU] = "RESOURCE:CPU",
    };

    if (why->kind == WHY_STATUS)
        return host->unplaceable_reason;
    if (why->kind == WHY_PORT && search->demand->claim.ports[why->number].is_udp)
        return "RESOURCE:PORTS_UDP";
    return reasons[why->kind];
}

/* A resource that is counted: what a task wants of it, what the host has free and in all. */
struct figure {
    const char *unit; /* NULL: it is none */
    int64_t wanted, free, registered;
};

static struct figure figure_of(const struct search *search, const struct host *host,
                               const struct why *why)
{
    const struct slot *slot = &search->fleet->slots[host->slot];
    const struct claim *claim = &search->demand->claim;

    switch (why->kind) {
    case WHY_ENI:
        return (struct figure){"network interfaces", claim->eni_count, slot->enis, host->eni_count};
    case WHY_GPU:
        return (struct figure){"GPUs", claim->gpu_count, slot->gpus, host->gpu_count};
    case WHY_MEMORY:
        return (struct figure){"MiB of memory", claim->memory, slot->memory, host->memory};
    case WHY_CPU:
        return (struct figure){"CPU units", claim->cpu, slot->cpu, host->cpu};
    default:
        return (struct figure){0};
    }
}

/* The rule itself, as whoever made it wrote it. */
static const char *rule_text(struct arena *arena, const struct search *search,
                             const struct why *why)
{
    const struct demand *demand = search->demand;
    const char *expression;
    size_t len;

    switch (why->kind) {
    case WHY_ATTRIBUTE:
        return demand->required_attributes[why->number];
    case WHY_FORBIDDEN:
        return demand->forbidden_attribute;
    case WHY_MEMBER_OF:
        expression = demand->constraints[why->number].expression;
        len = strlen(expression);
        if (len <= PLAN_RULE_CHARS_MAX)
            return expression;
        for (len = PLAN_RULE_CHARS_MAX; (expression[len] & 0xc0) == 0x80; len--)
            ; /* not within a character */
        return arena_printf(arena, "%.*s...", (int)len, expression);
    case WHY_PORT:
        return arena_printf(arena, "%u/%s", demand->claim.ports[why->number].number,
                            demand->claim.ports[why->number].is_udp ? "udp" : "tcp");
    default:
        return NULL;
    }
}

static const char *tally_text(struct arena *arena, const struct search *search,
                              const struct why *why, const char *rule, bool is_many)
{
    const struct claim *claim = &search->demand->claim;
    const char *lacks = is_many ? "lack" : "lacks";

    switch (why->kind) {
    case WHY_NOT_AT_ALL:
        break;
    case WHY_AGENT:
        return is_many ? "have their agents disconnected" : "has its agent disconnected";
    case WHY_STATUS:
        return is_many ? "are not ACTIVE" : "is not ACTIVE";
    case WHY_ATTRIBUTE:
        return arena_printf(arena, "%s the attribute %s", lacks, rule);
    case WHY_FORBIDDEN:
        return arena_printf(arena, "%s the attribute %s, which hosts of another launch type have",
                            is_many ? "have" : "has", rule);
    case WHY_MEMBER_OF:
        return arena_printf(arena, "%s not meet memberOf \"%s\"", is_many ? "do" : "does", rule);
    case WHY_DISTINCT:
        return arena_printf(arena, "%s a task of the group already", is_many ? "run" : "runs");
    case WHY_ENI:
        return arena_printf(arena, "%s a free network interface", lacks);
    case WHY_GPU:
        return arena_printf(arena, "%s %" PRId32 " free GPUs", lacks, claim->gpu_count);
    case WHY_PORT:
        return arena_printf(arena, "%s port %s taken", is_many ? "have" : "has", rule);
    case WHY_MEMORY:
        return arena_printf(arena, "%s %" PRId32 " MiB of memory", lacks, claim->memory);
    case WHY_CPU:
        return arena_printf(arena, "%s %" PRId32 " CPU units", lacks, claim->cpu);
    }
    return "";
}

static struct refusal refusal_of(struct arena *arena, const struct search *search,
                                 const struct host *host, const struct why *why)
{
    struct refusal refusal = {.host = host->id, .reason = reason_of(search, host, why)};
    struct figure figure = figure_of(search, host, why);

    if (figure.unit)
        refusal.detail = arena_printf(arena, "%s: %" PRId64 " wanted, %" PRId64 " free",
                                      figure.unit, figure.wanted, figure.free);
    else
        refusal.detail = rule_text(arena, search, why);
    return refusal;
}

/* ---- all hosts ---- */

struct explaining {
    struct arena *arena;
    const struct search *search;
    struct plan *plan;
    struct why kinds[PLAN_TALLIES_MAX];
    int closest; /* distance of plan->refusals[0] */
};

static void tally(struct explaining *in, const struct host *host, const struct why *why)
{
    struct plan *plan = in->plan;
    struct figure figure = figure_of(in->search, host, why);
    struct refusal_tally *one;
    size_t at = 0;

    while (at < plan->tally_count &&
           (in->kinds[at].kind != why->kind || in->kinds[at].number != why->number))
        at++;
    if (at == PLAN_TALLIES_MAX)
        return;
    one = &plan->tallies[at];
    if (at == plan->tally_count) {
        in->kinds[plan->tally_count++] = *why;
        one->reason = reason_of(in->search, host, why);
        one->rule = rule_text(in->arena, in->search, why);
        one->one = tally_text(in->arena, in->search, why, one->rule, false);
        one->many = tally_text(in->arena, in->search, why, one->rule, true);
        one->unit = figure.unit;
        one->wanted = figure.wanted;
        one->most = figure.free;
    }
    if (figure.free > one->most)
        one->most = figure.free;
    one->too_small += figure.registered < figure.wanted;
    one->hosts++;
    if (one->sample_count < ARRAY_LEN(one->samples))
        one->samples[one->sample_count++] = host->id;
}

/* The closest match comes first; beyond PLAN_REFUSALS_MAX only a closer one is of interest. */
static void refuse(struct explaining *in, const struct host *host, const struct why *why)
{
    struct plan *plan = in->plan;
    struct refusal refusal;

    if (plan->refusal_count == PLAN_REFUSALS_MAX && why->distance >= in->closest)
        return;
    refusal = refusal_of(in->arena, in->search, host, why);
    if (why->distance < in->closest && plan->refusal_count) {
        struct refusal first = plan->refusals[0];

        plan->refusals[0] = refusal;
        refusal = first;
    }
    if (why->distance < in->closest)
        in->closest = why->distance;
    if (plan->refusal_count < PLAN_REFUSALS_MAX)
        plan->refusals[plan->refusal_count++] = refusal;
}

static void explain_host(struct explaining *in, const struct host *host)
{
    const char *provider = in->search->demand->capacity_provider;
    struct why why;

    if (!host || !host->is_known || (provider && !str_eq(provider, host->capacity_provider)))
        return;
    in->plan->hosts_seen++;
    why = why_not(in->search, host);
    if (why.kind == WHY_NOT_AT_ALL) {
        in->plan->hosts_fitting++;
        return;
    }
    tally(in, host, &why);
    refuse(in, host, &why);
}

void search_explain(struct arena *arena, const struct search *search, struct plan *plan)
{
    struct explaining in = {arena, search, plan, .closest = INT32_MAX};
    const struct fleet *fleet = search->fleet;
    uint32_t only;

    if (search->demand->only_host) {
        only = fleet_find(fleet, search->demand->only_host);
        plan->refusals = ARENA_NEW(arena, struct refusal);
        explain_host(&in, only != NO_SLOT ? fleet->hosts[only] : NULL);
        return;
    }
    plan->refusals = ARENA_ARRAY(arena, struct refusal, PLAN_REFUSALS_MAX);
    for (uint32_t slot = 0; slot < fleet->slot_count; slot++)
        explain_host(&in, fleet->hosts[slot]);
}

char *plan_explain(struct arena *arena, const struct plan *plan)
{
    CLEANUP(buf_done) struct buf text = {0};

    if (!plan->hosts_seen)
        return arena_dup(arena, "There are no container instances for it.");
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
