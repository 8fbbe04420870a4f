#include "base/log.h"
#include "control/service_work.h"
#include "core/service_events.h"

void unplaced_tell(struct pass *pass, const struct plan *plan)
{
    const struct refusal *closest = plan->refusal_count ? &plan->refusals[0] : NULL;
    bool is_news;

    pass->control->stats.placement_refusals++;
    is_news = pass_tell(pass, TOLD_PLACEMENT,
                        &(struct telling){
                            .name = EVENT_SERVICE_TASK_PLACEMENT_FAILURE,
                            .reason = closest ? closest->reason : NULL,
                            .message = event_unplaceable(&pass->arena, pass->subject,
                                                         closest ? &closest->host : NULL,
                                                         closest ? closest->reason : NULL),
                        });
    if (is_news)
        log_info("a service's task finds no place", "cluster", pass->service->cluster, "service",
                 pass->service->name, "why", plan_explain(&pass->arena, plan));
}

void unplaced_failed(struct pass *pass, struct error *err)
{
    pass_tell(pass, TOLD_PLACEMENT,
              &(struct telling){
                  .name = EVENT_SERVICE_TASK_CONFIGURATION_FAILURE,
                  .reason = err->message,
                  .message = event_unplaceable_because(&pass->arena, pass->subject, err->message),
              });
    shortage_note(pass, &(struct shortage_note){.text = err->message});
    error_free(err);
}

void unplaced_tell_fargate(struct pass *pass)
{
    shortage_note(pass, &(struct shortage_note){.text = EVENT_NO_FARGATE_CAPACITY});
    pass_tell(pass, TOLD_PLACEMENT,
              &(struct telling){
                  .name = EVENT_SERVICE_TASK_PLACEMENT_FAILURE,
                  .reason = "RESOURCE:FARGATE",
                  .message = event_unplaceable_because(&pass->arena, pass->subject,
                                                       EVENT_NO_FARGATE_CAPACITY),
              });
}

void unplaced_tell_limit(struct pass *pass)
{
    pass_tell(pass, TOLD_PLACEMENT,
              &(struct telling){
                  .name = EVENT_SERVICE_TASK_PLACEMENT_FAILURE,
                  .message = event_unplaceable_because(&pass->arena, pass->subject,
                                                       WAITING_LIMIT_EXCEEDED),
              });
}
