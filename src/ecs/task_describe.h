/* task_describe.h - a task as the API shows it (API-195 to API-200).
 *
 * A describer serves one call: what tasks of the same definition share is worked out once.
 */
#ifndef BERTH_ECS_TASK_DESCRIBE_H
#define BERTH_ECS_TASK_DESCRIBE_H

#include "core/task_recipe.h"
#include "ecs/ecs.h"
#include "gen/ecs_types.h"

struct task_describer {
    struct call *call;
    struct task_recipe
        *recipes; /* of definitions seen so far, at most TASK_DESCRIBER_RECIPES_MAX */
    size_t recipe_count;
};
#define TASK_DESCRIBER_RECIPES_MAX 16

struct task_describer task_describer_for(struct call *call);

/* Spares reading a definition that the caller has read already. */
void task_describer_know(struct task_describer *describer, const struct task_recipe *recipe);

/* Fills `*ret`; it lends from the record and the call's arena. */
MUST_USE struct error *task_describe(struct task_describer *describer, const struct task *task,
                                     bool with_tags, struct ecs_task *ret);

/* "EssentialContainerExited"; NULL for STOP_CODE_NONE. */
const char *task_stop_code_text(enum stop_code code);

/* {arn, reason} for what was not found or not placed, in the call's arena. */
struct ecs_failure failure_of(const char *arn, const char *reason);

#endif
