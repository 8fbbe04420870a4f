/* task_gpus.h - which GPUs of its host each container of a task has (TD-112, TD-113).
 *
 * They are given once, when the task is first told to its host, and stay in its record until it is
 * forgotten: {"container": ["GPU-<uuid>"]}. Pure.
 */
#ifndef BERTH_CORE_TASK_GPUS_H
#define BERTH_CORE_TASK_GPUS_H

#include "core/task_recipe.h"

struct task_gpu {
    const char *container, *id;
};

/* Asks for some and has none yet. */
bool task_gpus_are_missing(const struct task *task);

/* From the arena. Fails (API_SERVER) only on a damaged record. */
MUST_USE struct error *task_gpus_read(struct arena *arena, const struct task *task,
                                      struct task_gpu **ret_gpus, size_t *ret_count);

/* What the record keeps when the containers, in their order, get the first of the `free` ids; from
 * the arena, NULL if there are not enough. */
const char *task_gpus_give(struct arena *arena, const struct task_recipe *recipe,
                           const char *const *free_ids, size_t free_count);

#endif
