/* task_capacity.h - launch type, capacity provider strategy, or the cluster's default: where tasks
 * may run (API-069, API-117, API-133, SC-145 to SC-149).
 */
#ifndef BERTH_ECS_TASK_CAPACITY_H
#define BERTH_ECS_TASK_CAPACITY_H

#include "base/arena.h"
#include "base/error.h"
#include "gen/ecs_types.h"
#include "gen/records.h"

/* The launch type of a request: never UNSET. Strategies are checked in full; none can be met while
 * there are no capacity providers, which is API_UNSUPPORTED_FEATURE. */
MUST_USE struct error *task_capacity_resolve(struct arena *arena, const struct cluster *cluster,
                                             enum ecs_launch_type asked,
                                             const struct ecs_capacity_provider_strategy *strategy,
                                             enum ecs_launch_type *ret);

/* platformVersion is for FARGATE alone (SC-006), and one of those there are: else
 * API_PLATFORM_UNKNOWN. */
MUST_USE struct error *task_capacity_check_platform(enum ecs_launch_type type,
                                                    const char *platform_version);

/* What FARGATE does not take: placement constraints and strategies (SC-005, SC-009); volumes and
 * storage on a platform version before 1.4.0 (API_PLATFORM_TASK_DEFINITION_INCOMPATIBILITY). */
MUST_USE struct error *task_capacity_check_fargate(const struct ecs_task_definition *definition,
                                                   const char *platform_version,
                                                   bool has_constraints, bool has_strategies);

/* No host is Fargate capacity: what passed every check has no room (API-056). */
MUST_USE struct error *task_capacity_refuse_fargate(void);

#endif
