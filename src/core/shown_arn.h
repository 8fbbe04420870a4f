/* shown_arn.h - the ARN a resource is shown with: decided when it was made, by the setting of who
 * made it, and kept for ever (CL-229, CL-230, CL-232, API-032).
 *
 * The old form names no cluster and has its id as a UUID. On the way in either form names the
 * resource, so this is the one place that looks at has_old_arn.
 */
#ifndef BERTH_CORE_SHOWN_ARN_H
#define BERTH_CORE_SHOWN_ARN_H

#include "base/arn.h"
#include "gen/records.h"

char *shown_service_arn(struct arena *arena, const struct scope *scope,
                        const struct service *service);
char *shown_task_arn(struct arena *arena, const struct scope *scope, const struct task *task);
char *shown_container_arn(struct arena *arena, const struct scope *scope, const struct task *task,
                          const struct id *container);
char *shown_instance_arn(struct arena *arena, const struct scope *scope,
                         const struct container_instance *instance);

#endif
