/* task_network.h - networkConfiguration against the network mode of a task definition (API-141,
 * SC-011, SC-012, SC-159). RunTask, StartTask, CreateService and UpdateService refuse the same.
 */
#ifndef BERTH_ECS_TASK_NETWORK_H
#define BERTH_ECS_TASK_NETWORK_H

#include "base/arena.h"
#include "base/error.h"
#include "core/quotas.h"
#include "gen/ecs_types.h"
#include "gen/records.h"

/* MS-243, MS-244; NULL is fine. */
MUST_USE struct error *task_network_check_size(const struct quotas *quotas,
                                               const struct ecs_network_configuration *network);
MUST_USE struct error *task_network_check(const struct task_definition *definition,
                                          enum launch_type launch_type,
                                          const struct ecs_network_configuration *network);

/* The configuration in JSON, for records; NULL if there is none. */
const char *task_network_text(struct arena *arena, const struct ecs_network_configuration *network);

#endif
