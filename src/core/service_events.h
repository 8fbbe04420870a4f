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
char *event_start_impaired(struct arena *arena, const char *service);
char *event_deployment_stuck(struct arena *arena, const char *service);
char *event_deployment_completed(struct arena *arena, const char *service, const char *deployment);
/* Nothing fits. `closest` NULL: no candidate at all. `reason` is a refusal of the plan
 * ("RESOURCE:CPU", "RESOURCE:MEMORY", "RESOURCE:PORTS", "AGENT", "ATTRIBUTE"...). */
char *event_unplaceable(struct arena *arena, const char *service, const struct id *closest,
                        const char *reason);

#endif
