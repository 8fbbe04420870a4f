/* task_definition.h - a stored task definition as it is answered. The operations are in
 * "gen/ecs_handlers.h". */
#ifndef BERTH_ECS_TASK_DEFINITION_H
#define BERTH_ECS_TASK_DEFINITION_H

#include "ecs/ecs.h"
#include "gen/ecs_types.h"

/* What was registered, with what ECS adds (API-090). In the call's arena; strings may be lent by
 * the record. Fails (API_SERVER) only on a stored document that is damaged. */
MUST_USE struct error *task_definition_describe(struct call *call,
                                                const struct task_definition *definition,
                                                struct ecs_task_definition *ret);

#endif
