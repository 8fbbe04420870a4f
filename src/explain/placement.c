/* Which hosts lack what, by rule. */
#include "explain/parts.h"

static void add_group(struct answer *answer, const char *cluster, const struct refusal_tally *tally)
{
    open_object(answer, NULL);
    add_text(answer, "reason", tally->reason);
    add_text_if(answer, "rule", tally->rule);
    add_text(answer, "text",
             arena_printf(&answer->arena, "%zu host%s %s", tally->hosts,
                          tally->hosts == 1 ? "" : "s",
                          tally->hosts == 1 ? tally->one : tally->many));
    if (tally->unit) {
        add_text(answer, "unit", tally->unit);
        add_number(answer, "wanted", tally->wanted);
        add_number(answer, "mostFree", tally->most);
        add_number(answer, "tooSmall", (int64_t)tally->too_small);
    }
    add_number(answer, "hosts", (int64_t)tally->hosts);
    open_list(answer, "containerInstanceArns");
    for (size_t i = 0; i < tally->sample_count; i++)
        add_item(answer, arn_container_instance(&answer->arena, answer->scope, cluster,
                                                &tally->samples[i]));
    close_list(answer);
    close_object(answer);
}

void add_placement(struct answer *answer, const char *cluster, const struct plan *plan)
{
    open_object(answer, "placement");
    add_text(answer, "text", plan_explain(&answer->arena, plan));
    add_number(answer, "hosts", (int64_t)plan->hosts_seen);
    add_number(answer, "hostsWithRoom", (int64_t)plan->hosts_fitting);
    if (plan->refusal_count) {
        open_object(answer, "closest");
        add_text(answer, "containerInstanceArn",
                 arn_container_instance(&answer->arena, answer->scope, cluster,
                                        &plan->refusals[0].host));
        add_text(answer, "reason", plan->refusals[0].reason);
        add_text_if(answer, "detail", plan->refusals[0].detail);
        close_object(answer);
    }
    open_list(answer, "refusals");
    for (size_t i = 0; i < plan->tally_count; i++)
        add_group(answer, cluster, &plan->tallies[i]);
    close_list(answer);
    close_object(answer);
}
