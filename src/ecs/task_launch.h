/* task_launch.h - what RunTask and StartTask have in common: everything but where the tasks go.
 *
 * task_launch_prepare() refuses what can be refused before a place is looked for;
 * task_launch_insert() stages one task and shows it.
 */
#ifndef BERTH_ECS_TASK_LAUNCH_H
#define BERTH_ECS_TASK_LAUNCH_H

#include "core/task_build.h"
#include "ecs/ecs.h"
#include "ecs/task_describe.h"
#include "gen/ecs_types.h"

/* The members the two requests share; lent. */
struct task_launch_request {
    const char *cluster, *task_definition;
    const char *group, *started_by, *reference_id;
    enum ecs_launch_type launch_type; /* never UNSET */
    const struct ecs_network_configuration *network_configuration;
    const struct ecs_task_override *overrides;
    enum ecs_propagate_tags propagate_tags;
    const struct ecs_tags *tags;
    const struct ecs_task_volume_configurations *volume_configurations;
    const char *client_token;
    bool enable_ecs_managed_tags, enable_execute_command;
};

struct task_launch {
    struct call *call;
    const struct cluster *cluster;
    struct task_recipe recipe;
    struct task_order order;
    const char *group;
    const struct ecs_task_volume_configurations *volumes;
    struct task_describer describer;
};

/* On the task definition that `text` names, of a family alone if it names no revision; before
 * anything is looked up. */
MUST_USE struct error *task_launch_authorize(struct call *call, const char *action,
                                             const char *text);

MUST_USE struct error *task_launch_prepare(struct call *call,
                                           const struct task_launch_request *request,
                                           struct task_launch *ret);

/* Stages a task on `instance` (NULL: it waits for one), gives its id and fills `ret` with it. */
MUST_USE struct error *task_launch_insert(struct task_launch *launch, const struct id *instance,
                                          struct id *ret_id, struct ecs_task *ret);

#endif
