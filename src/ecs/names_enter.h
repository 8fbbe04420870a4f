/* names_enter.h - the way into an operation: what it names is read, the call is authorized on it,
 * and only then is anything looked up. Who may not ask does not learn what exists.
 *
 * `action` is "ecs:StopTask". Operations on several things, or on what does not exist yet, write
 * the same three steps themselves.
 *
 * Ownership, errors  As in names.h; API_ACCESS_DENIED (auth.h) comes before what is unknown.
 */
#ifndef BERTH_ECS_NAMES_ENTER_H
#define BERTH_ECS_NAMES_ENTER_H

#include "ecs/names.h"
#include "gen/ecs_types.h"

/* An ACTIVE cluster, as names_find_cluster(). */
MUST_USE struct error *names_enter_cluster(struct call *call, const char *action, const char *text,
                                           const struct cluster **ret_cluster);
/* An INACTIVE one too: for operations that only look. */
MUST_USE struct error *names_look_cluster(struct call *call, const char *action, const char *text,
                                          const struct cluster **ret_cluster);

/* The rest are of an ACTIVE cluster; `cluster` is its name, ARN or NULL. */
MUST_USE struct error *names_enter_instance(struct call *call, const char *action,
                                            const char *cluster, const char *text,
                                            const struct container_instance **ret_instance);
MUST_USE struct error *names_enter_task(struct call *call, const char *action, const char *cluster,
                                        const char *text, const struct task **ret_task);
/* The ids of all the tasks that are named, in the call's arena; whether they are there is not
 * asked. */
MUST_USE struct error *names_enter_tasks(struct call *call, const char *action, const char *cluster,
                                         const struct ecs_string_list *tasks,
                                         const struct cluster **ret_cluster, struct id **ret_ids);
/* An INACTIVE service too. */
MUST_USE struct error *names_enter_service(struct call *call, const char *action,
                                           const char *cluster, const char *text,
                                           const struct cluster **ret_cluster,
                                           const struct service **ret_service);
MUST_USE struct error *names_enter_active_service(struct call *call, const char *action,
                                                  const char *cluster, const char *text,
                                                  const struct cluster **ret_cluster,
                                                  const struct service **ret_service);

#endif
