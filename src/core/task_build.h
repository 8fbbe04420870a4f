/* task_build.h - from a recipe, what a call or a service asks, and a place, to a task record.
 *
 * RunTask, StartTask and the service reconciler make the same records; what they share is here.
 * Pure.
 *
 * Ownership  An order lends everything. task_build() returns a record that owns its strings: for
 *            txn_insert_task().
 */
#ifndef BERTH_CORE_TASK_BUILD_H
#define BERTH_CORE_TASK_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "core/task_recipe.h"

/* What the tasks of a call or a deployment have in common. Strings are lent; NULL: absent. */
struct task_order {
    const char *cluster;
    const struct task_recipe *recipe;
    enum launch_type launch_type;
    const char *group;                /* NULL: family:<family>, or service:<service> (SC-090) */
    const char *service, *deployment; /* of service tasks; the deployment is what started them */
    const char *started_by;           /* NULL: the deployment, if there is one (API-196) */
    const char *capacity_provider;
    const char *network_configuration; /* the API's JSON; awsvpc only */
    const char *client_token, *reference_id;
    /* Of tasks that wait: what launch_placement_text() makes, and why there is no place yet. */
    const char *placement, *placement_explanation;
    bool enable_execute_command;
    bool has_old_arn;
    const struct ecs_tag *tags; /* as task_order_tags() makes them */
    size_t tag_count;
};

/* Fills order->tags: those of the service or definition they come from (`propagated`, may be
 * empty), the call's own, which win (`own`, NULL: none; SC-358), the managed ones if asked for
 * (SC-360, API-122). */
void task_order_tags(struct arena *arena, const struct tag *propagated, size_t propagated_count,
                     const struct ecs_tags *own, bool enable_managed, struct task_order *order);

/* A new task on `instance`: PENDING, or PROVISIONING for awsvpc (API-121, SC-103). `instance` NULL:
 * it waits for one in PROVISIONING (CL-103). */
MUST_USE struct task *task_build(const struct task_order *order, const struct id *instance,
                                 struct rng *rng, int64_t now_ms);

/* The group the order's tasks are in, from the arena. */
const char *task_order_group(struct arena *arena, const struct task_order *order);

#endif
