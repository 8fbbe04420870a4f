/* task_recipe.h - a task definition as launching needs it, read once from the stored document.
 *
 * One recipe serves all the tasks of a call or of a deployment. Overrides are written into the
 * recipe before it is used, so that what the tasks hold follows from it (TD-101).
 *
 * Ownership  A recipe lives in the arena it was read into and lends from the definition's record.
 * Errors     A document that cannot be read is API_SERVER; overrides that do not fit the definition
 *            are API_INVALID_PARAMETER (API-118, API-120).
 * Units      CPU units, MiB.
 */
#ifndef BERTH_CORE_TASK_RECIPE_H
#define BERTH_CORE_TASK_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "gen/ecs_types.h"
#include "gen/records.h"

/* A container as the definition and the overrides have it; 0: not given. */
struct task_recipe_container {
    const char *name;
    const char *image;
    bool is_essential, has_health_check;
    int32_t cpu, memory, memory_reservation;
    int32_t gpu_count;
};

struct task_recipe {
    const struct task_definition *definition;   /* lent */
    const struct ecs_task_definition *document; /* the definition's document, decoded */
    struct task_recipe_container *containers;
    size_t container_count;
    const char *task_role_arn; /* definition or override; NULL: none */
    const char *task_cpu;      /* task level, as asked: definition or override; NULL: none */
    const char *task_memory;
    const char *overrides; /* the request's TaskOverride in JSON; NULL: nothing overridden */
    /* What each task holds on its host (TD-045, TD-101). Host ports are definition->ports. */
    int32_t cpu, memory, gpu_count;
};

MUST_USE struct error *task_recipe_read(struct arena *arena,
                                        const struct task_definition *definition,
                                        struct task_recipe *ret);

/* Applies overrides, checking them against the definition: container names, cpu and memory, at most
 * TASK_OVERRIDES_LENGTH_MAX characters of JSON. NULL, or one with nothing in it, changes nothing.
 */
#define TASK_OVERRIDES_LENGTH_MAX  8192
#define TASK_CPU_MIN               128 /* AG-361 */
#define TASK_CPU_MAX               10240
#define TASK_CONTAINER_MEMORY_MIN  4 /* TD-046: the engine's floor */
#define TASK_ENVIRONMENT_FILES_MAX 10
#define TASK_EPHEMERAL_GIB_MIN     21
#define TASK_EPHEMERAL_GIB_MAX     200
/* AG-360 */
#define TASK_SIZE_INVALID_FMT                                                                      \
    "Invalid '%s' setting for task. For more information, see the Troubleshooting section of the " \
    "Amazon ECS Developer Guide."
MUST_USE struct error *task_recipe_override(struct arena *arena, struct task_recipe *recipe,
                                            const struct ecs_task_override *overrides);

/* What the tasks hold, again after a change: what the task level says, or else the sum of the
 * containers, where a reservation counts before a limit. */
void task_recipe_sum_up(struct task_recipe *recipe);

/* GPUs asked for; counts that are no number count nothing. */
int32_t task_recipe_gpu_count(const struct ecs_resource_requirements *requirements);

/* The container of that name; NULL if there is none. */
struct task_recipe_container *task_recipe_container_named(const struct task_recipe *recipe,
                                                          const char *name);

#endif
