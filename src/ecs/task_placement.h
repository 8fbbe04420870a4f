/* task_placement.h - placement constraints and strategies as people give them: what is refused
 * (SC-033, SC-045, SC-046, SC-055 to SC-058, API-118, API-142).
 */
#ifndef BERTH_ECS_TASK_PLACEMENT_H
#define BERTH_ECS_TASK_PLACEMENT_H

#include "base/error.h"
#include "gen/ecs_types.h"

#define PLACEMENT_CONSTRAINTS_MAX 10 /* with those of the task definition (SC-032) */

/* `inherited_count` constraints come from the task definition. */
MUST_USE struct error *task_placement_check(const struct ecs_placement_constraints *constraints,
                                            size_t inherited_count,
                                            const struct ecs_placement_strategies *strategies);

#endif
