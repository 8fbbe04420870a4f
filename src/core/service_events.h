/* service_events.h - the texts of Service.events, in ECS's words (SC-139 to SC-142, SC-197, SC-342,
 * AG-350 to AG-356, AG-930). Each returns a string from the arena.
 */
#ifndef BERTH_CORE_SERVICE_EVENTS_H
#define BERTH_CORE_SERVICE_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/id.h"

/* AG-350: an unresolved message is not repeated within this time. */
#define SERVICE_EVENT_REPEAT_MS (6 * 3600 * 1000)

char *event_steady_state(struct arena *arena, const char *service);
/* "has started N tasks: (task ID) (task ID)." */
char *event_started(struct arena *arena, const char *service, const struct id *tasks, size_t count);
/* "has stopped N running tasks: (task ID) ..." */
char *event_stopped(struct arena *arena, const char *service, const struct id *tasks, size_t count);
/* The same to balance availability zones. */
char *event_started_in_zone(struct arena *arena, const char *service, const char *zone,
                            const struct id *tasks, size_t count);
char *event_stopped_in_zone(struct arena *arena, const char *service, const char *zone,
                            const struct id *tasks, size_t count);
/* `loads`: "2 tasks in zone-a, and 1 tasks in zone-b" */
char *event_unbalanced(struct arena *arena, const char *service, const char *loads);
char *event_balanced(struct arena *arena, const char *service, const char *loads);
char *event_unplaceable_in_zone(struct arena *arena, const char *service, const char *zone);
char *event_start_impaired(struct arena *arena, const char *service);
char *event_deployment_stuck(struct arena *arena, const char *service);
char *event_deployment_completed(struct arena *arena, const char *service, const char *deployment);
/* The circuit breaker tripped. */
char *event_deployment_failed(struct arena *arena, const char *service, const char *deployment);
/* StopServiceDeployment */
char *event_deployment_stopped(struct arena *arena, const char *service, const char *deployment);
char *event_rolling_back(struct arena *arena, const char *service, const char *deployment);
/* More tasks are protected than are wanted. */
char *event_scale_in_protected(struct arena *arena, const char *service, const char *deployment);
/* A DAEMON task's host does not meet the constraints any more (SC-130). */
char *event_daemon_misplaced(struct arena *arena, const char *service, const struct id *task,
                             const struct id *instance);
/* Nothing fits. `closest` NULL: no candidate at all. `reason` is a refusal of the plan
 * ("RESOURCE:CPU", "RESOURCE:MEMORY", "RESOURCE:PORTS", "AGENT", "ATTRIBUTE"...). */
char *event_unplaceable(struct arena *arena, const char *service, const struct id *closest,
                        const char *reason);
/* Nothing can fit, for a reason that has nothing to do with hosts. */
char *event_unplaceable_because(struct arena *arena, const char *service, const char *why);
#define EVENT_NO_FARGATE_CAPACITY                                                                  \
    "Capacity is unavailable at this time. Please try again later or in a different availability " \
    "zone"

#endif
