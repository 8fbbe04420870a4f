/* task_set.h - task sets: tasks of a service whose deployments another controller does, EXTERNAL or
 * CODE_DEPLOY (API-159 to API-164, API-193, SC-232 to SC-246).
 *
 * The operations are in "gen/ecs_handlers.h"; the arithmetic in core/task_set.h.
 */
#ifndef BERTH_ECS_TASK_SET_H
#define BERTH_ECS_TASK_SET_H

#include "core/task_recipe.h"
#include "ecs/ecs.h"
#include "gen/ecs_types.h"

#define TASK_SETS_MAX 5 /* of a service (API-159) */

/* Fills `*ret`; it lends from the record and the call's arena. */
MUST_USE struct error *task_set_describe(struct call *call, const struct service *service,
                                         const struct task_set *set, bool with_tags,
                                         struct ecs_task_set *ret);
/* All of a service, oldest first. */
MUST_USE struct error *task_set_describe_all(struct call *call, const struct service *service,
                                             bool with_tags, struct ecs_task_sets *ret);

/* What it was made with: CreateTaskSet members as they were asked for. */
MUST_USE struct error *task_set_read(struct arena *arena, const struct task_set *set,
                                     struct ecs_create_task_set_request *ret);
/* NULL: the service has none. */
const struct task_set *task_set_primary(const struct service *service);

/* The task set a CODE_DEPLOY service begins with (SC-212): PRIMARY, all of the desired count. */
void task_set_of_service(struct call *call, const struct service *service,
                         const struct ecs_create_service_request *config,
                         const struct task_recipe *recipe);

/* The ACTIVE service of a request, with a controller that has task sets (API-164). The call is
 * authorized first: on the task set that `set` names, an id or ARN, or on all of them if it is
 * NULL.
 */
MUST_USE struct error *task_set_enter_service(struct call *call, const char *action,
                                              const char *cluster, const char *service,
                                              const char *set, const struct service **ret);
/* The id that a text names, ecs-svc/N: the id itself or an ARN of that service's. */
MUST_USE struct error *task_set_parse_id(struct call *call, const char *cluster,
                                         const char *service, const char *text,
                                         const char **ret_id);
/* API_TASK_SET_NOT_FOUND if there is none. */
MUST_USE struct error *task_set_find(struct call *call, const struct service *service,
                                     const char *text, const struct task_set **ret);

/* A DRAINING one goes with its last task: at once, if it has none. */
void task_set_end_if_empty(struct call *call, const struct service *service,
                           const struct task_set *set);

/* The service record follows its task sets: which providers it uses, where it runs. */
MUST_USE struct error *task_set_follow_sets(struct call *call, const struct service *service);

#endif
