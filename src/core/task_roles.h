/* task_roles.h - the roles a task has: its own and the one its host acts by for it (AG-290,
 * AG-300).
 *
 * An override at launch beats the task definition. A bare name means the account's role of that
 * name (AG-314).
 */
#ifndef BERTH_CORE_TASK_ROLES_H
#define BERTH_CORE_TASK_ROLES_H

#include "base/arena.h"
#include "base/arn.h"
#include "base/error.h"
#include "gen/ecs_types.h"
#include "gen/records.h"

struct task_roles {
    const char *application, *execution; /* ARNs; NULL: none */
};

/* From the arena, or lent by `document`. Fails (API_SERVER) only on damaged overrides. */
MUST_USE struct error *task_roles_read(struct arena *arena, const struct scope *scope,
                                       const struct task *task,
                                       const struct ecs_task_definition *document,
                                       struct task_roles *ret);

#endif
