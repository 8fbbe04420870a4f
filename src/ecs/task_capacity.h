/* task_capacity.h - what FARGATE asks of tasks, task sets and services (API-142, CL-200 to CL-206).
 * Which launch type a request comes to is capacity_strategy.h's.
 */
#ifndef BERTH_ECS_TASK_CAPACITY_H
#define BERTH_ECS_TASK_CAPACITY_H

#include "base/error.h"
#include "gen/ecs_types.h"

/* platformVersion is for FARGATE alone (SC-006), and one of those there are: else
 * API_PLATFORM_UNKNOWN. */
MUST_USE struct error *task_capacity_check_platform(enum ecs_launch_type type,
                                                    const char *platform_version);

/* What FARGATE does not take: placement constraints and strategies (SC-005, SC-009), and what its
 * platform version does not have yet (API_PLATFORM_TASK_DEFINITION_INCOMPATIBILITY). */
MUST_USE struct error *
task_capacity_check_fargate(const struct ecs_task_definition *definition,
                            const char *platform_version,
                            const struct ecs_capacity_provider_strategy *strategy,
                            bool has_constraints, bool has_strategies);

/* No host is Fargate capacity: what passed every check has no room (API-056). */
MUST_USE struct error *task_capacity_refuse_fargate(void);

#endif
