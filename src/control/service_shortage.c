/* Why tasks of a service find no place, kept in its record from the first pass that found none to
 * the first that finds nothing missing. It is written when the rules or the tasks change, and when
 * only the figures do at most every SHORTAGE_WRITE_MS. */
#include "base/id.h"
#include "base/str.h"
#include "control/service_work.h"

#define SHORTAGE_WRITE_MS    10000
#define SHORTAGE_RULES_MAX   8
#define SHORTAGE_SAMPLES_MAX 3

void shortage_note(struct pass *pass, const struct shortage_note *note)
{
    struct shortage_note *kept;

    if (pass->shortage_count == SHORTAGES_MAX)
        return;
    kept = &pass->shortages[pass->shortage_count++];
    *kept = *note;
    kept->of = arena_dup(&pass->arena, note->of);
    kept->provider = arena_dup(&pass->arena, note->provider);
    kept->text =
        note->plan ? plan_explain(&pass->arena, note->plan) : arena_dup(&pass->arena, note->text);
    if (note->plan) {
        struct plan *plan = ARENA_NEW(&pass->arena, struct plan);

        *plan = *note->plan;
        kept->plan = plan;
    }
}

/* ---- is it news? ---- */

static const struct shortage *find(const struct service *service, const struct shortage_note *note)
{
    for (uint32_t i = 0; i < service->shortages_count; i++)
        if (str_eq(service->shortages[i].of, note->of) &&
            str_eq(service->shortages[i].provider, note->provider))
            return &service->shortages[i];
    return NULL;
}

static size_t rules_of(const struct shortage_note *note)
{
    size_t count = note->plan ? note->plan->tally_count : 0;

    return count < SHORTAGE_RULES_MAX ? count : SHORTAGE_RULES_MAX;
}

static bool has_same_rules(const struct shortage *kept, const struct shortage_note *note)
{
    if (kept->tasks != (int32_t)note->tasks || kept->rules_count != rules_of(note))
        return false;
    for (uint32_t i = 0; i < kept->rules_count; i++)
        if (!str_eq(kept->rules[i].reason, note->plan->tallies[i].reason))
            return false;
    return true;
}

static bool is_same(const struct shortage *kept, const struct shortage_note *note)
{
    if (!has_same_rules(kept, note) || !str_eq(kept->text, note->text))
        return false;
    for (uint32_t i = 0; i < kept->rules_count; i++)
        if (kept->rules[i].most != note->plan->tallies[i].most)
            return false;
    return true;
}

/* False if the record says it already, or will after a while. */
static bool is_news(struct pass *pass)
{
    const struct service *service = pass->service;
    bool is_news = service->shortages_count != pass->shortage_count;

    for (size_t i = 0; i < pass->shortage_count && !is_news; i++) {
        const struct shortage_note *note = &pass->shortages[i];
        const struct shortage *kept = find(service, note);

        if (kept && is_same(kept, note))
            continue;
        is_news =
            !kept || !has_same_rules(kept, note) || pass->now_ms - kept->at_ms >= SHORTAGE_WRITE_MS;
        if (!is_news)
            pass_due(pass, kept->at_ms + SHORTAGE_WRITE_MS);
    }
    return is_news;
}

/* ---- the record ---- */

static void write_rule(struct shortage *to, const struct refusal_tally *tally)
{
    struct shortage_rule *rule = shortage_append_rules(to);
    size_t samples =
        tally->sample_count < SHORTAGE_SAMPLES_MAX ? tally->sample_count : SHORTAGE_SAMPLES_MAX;

    shortage_rule_set_reason(rule, tally->reason);
    shortage_rule_set_text(rule, tally->hosts == 1 ? tally->one : tally->many);
    shortage_rule_set_unit(rule, tally->unit);
    rule->hosts = (int32_t)tally->hosts;
    rule->wanted = tally->wanted;
    rule->most = tally->most;
    rule->too_small = (int32_t)tally->too_small;
    for (size_t i = 0; i < samples; i++) {
        char hex[ID_HEX_SIZE];

        id_format(&tally->samples[i], hex);
        shortage_rule_append_samples(rule, hex);
    }
}

static void write_note(struct pass *pass, struct shortage *to, const struct shortage_note *note,
                       int64_t since_ms)
{
    shortage_set_of(to, note->of);
    shortage_set_provider(to, note->provider);
    shortage_set_text(to, note->text);
    to->tasks = (int32_t)note->tasks;
    to->since_ms = since_ms;
    to->at_ms = pass->now_ms;
    to->hosts = note->plan ? (int32_t)note->plan->hosts_seen : 0;
    for (size_t i = 0; i < rules_of(note); i++)
        write_rule(to, &note->plan->tallies[i]);
}

void shortages_settle(struct pass *pass)
{
    int64_t since_ms[SHORTAGES_MAX];
    struct service *edited;

    if (!pass->is_judged || !is_news(pass))
        return;
    for (size_t i = 0; i < pass->shortage_count; i++) {
        const struct shortage *kept = find(pass->service, &pass->shortages[i]);

        since_ms[i] = kept ? kept->since_ms : pass->now_ms;
    }
    edited = pass_edit_service(pass);
    service_resize_shortages(edited, 0);
    for (size_t i = 0; i < pass->shortage_count; i++)
        write_note(pass, service_append_shortages(edited), &pass->shortages[i], since_ms[i]);
}
