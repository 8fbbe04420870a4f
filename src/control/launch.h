/* launch.h - what placement has to know about the tasks of a call or a deployment (SC-032, TD-100
 * to TD-109).
 *
 * Between a recipe (core/task_recipe.h) and a plan (scheduler/plan.h): RunTask, StartTask and the
 * service reconciler ask for places in the same words.
 */
#ifndef BERTH_CONTROL_LAUNCH_H
#define BERTH_CONTROL_LAUNCH_H

#include "core/task_recipe.h"
#include "scheduler/apportion.h"
#include "scheduler/plan.h"

/* Hosts of launch type EXTERNAL have this attribute, others have not. */
#define LAUNCH_EXTERNAL_ATTRIBUTE "ecs.capability.external"

struct launch_rules {
    enum launch_type launch_type;
    const struct ecs_placement_constraints *constraints; /* of the call or service; NULL: none */
    const struct ecs_placement_strategies *strategies;   /* NULL: none */
    bool is_service; /* without strategies: zones, then hosts, evenly (SC-048); else at random
                        (SC-008) */
    bool ignores_constraints;   /* StartTask names the host (API-124) */
    const struct id *only_host; /* StartTask */
};

/* Fills `ret` for tasks of `group`; end it with launch_demand_done(). Everything but two names is
 * lent by recipe, rules and arena. */
void launch_demand(struct arena *arena, const struct task_recipe *recipe, const char *group,
                   const struct launch_rules *rules, struct demand *ret);
/* The constraints and strategies of a launch as a task that waits keeps them; from the arena, NULL:
 * none. */
const char *launch_placement_text(struct arena *arena,
                                  const struct ecs_placement_constraints *constraints,
                                  const struct ecs_placement_strategies *strategies);
/* The same demand again, for a task that waits (core/task.h): what it holds is in its record. Lends
 * from the task's definition and from the arena. */
MUST_USE struct error *launch_demand_of_task(struct arena *arena,
                                             const struct task_definition *definition,
                                             const struct task *task, struct demand *ret);
/* One share for each provider of a strategy, holding nothing, and one more for the caller. That a
 * provider without weight gets nothing is said of several (CL-073). */
struct share *launch_shares(struct arena *arena,
                            const struct ecs_capacity_provider_strategy *strategy);
/* The strategies alone, as scale-in needs them. */
void launch_strategies(struct arena *arena, const struct launch_rules *rules, struct demand *ret);
void launch_demand_done(struct demand *demand); /* fits CLEANUP */

#endif
