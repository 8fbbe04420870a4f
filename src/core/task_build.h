/* task_build.h - from a task definition, what a call or a service asks, and a place, to a task record.
 *
 * A recipe is a task definition as launching needs it, read once from the stored document; one recipe
 * serves all the tasks of a call or of a deployment. Overrides are written into the recipe
 * (task_recipe_override) before it is used, so that what the tasks hold follows from it (TD-101).
 *
 * Ownership  A recipe lives in the arena it was read into and lends from the definition's record.
 *            task_build() returns a record that owns its strings: for txn_insert_task().
 * Errors     A document that cannot be read is API_SERVER; overrides that do not fit the definition
 *            are API_INVALID_PARAMETER (API-118, API-120).
 * Units      CPU units, MiB.
 */
#ifndef BERTH_CORE_TASK_BUILD_H
#define BERTH_CORE_TASK_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
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
    const struct task_definition *definition; /* lent */
    struct task_recipe_container *containers;
    size_t container_count;
    const char *const *constraints; /* memberOf expressions of the definition (TD-033) */
    size_t constraint_count;
    const char *task_role_arn; /* definition or override; NULL: none */
    const char *task_cpu;      /* task level, as asked: definition or override; NULL: none */
    const char *task_memory;
    const char *overrides;     /* the request's TaskOverride in JSON; NULL: nothing overridden */
    /* What each task holds on its host (TD-045, TD-101). Host ports are definition->ports. */
    int32_t cpu, memory, gpu_count;
};

MUST_USE struct error *task_recipe_read(struct arena *arena,
                                        const struct task_definition *definition,
                                        struct task_recipe *ret);

/* Applies a TaskOverride in the API's JSON, checking it against the definition: container names, cpu
 * and memory, at most TASK_OVERRIDES_LENGTH_MAX characters. Keeps `json` in the recipe (lent). */
#define TASK_OVERRIDES_LENGTH_MAX 8192
MUST_USE struct error *task_recipe_override(struct arena *arena, struct task_recipe *recipe,
                                            const char *json);

struct task_tag {
    const char *key, *value;
};

/* What the tasks of a call or a deployment have in common. Strings are lent; NULL: absent. */
struct task_order {
    const char *cluster;
    const struct task_recipe *recipe;
    enum launch_type launch_type;
    const char *group; /* NULL: family:<family>, or service:<service> (SC-090) */
    const char *service, *deployment; /* of service tasks; the deployment is what started them */
    const char *started_by;           /* NULL: the deployment, if there is one (API-196) */
    const char *capacity_provider;
    const char *network_configuration; /* the API's JSON; awsvpc only */
    const char *client_token, *reference_id;
    bool enable_execute_command;
    const struct task_tag *tags; /* as task_order_tags() makes them */
    size_t tag_count;
};

/* The tags of new tasks: those of the service or definition they come from (`propagated`, NULL: none), then
 * the call's own, which win (SC-358), then the managed ones (SC-360, API-122). */
void task_order_tags(struct arena *arena, const struct tag *propagated, size_t propagated_count,
                     const struct task_tag *own, size_t own_count, bool enable_managed,
                     struct task_order *order);

/* A new task on `instance`: PENDING, or PROVISIONING for awsvpc (API-121, SC-103). */
MUST_USE struct task *task_build(const struct task_order *order, const struct id *instance,
                                 struct rng *rng, int64_t now_ms);

/* The group the order's tasks are in, from the arena. */
const char *task_order_group(struct arena *arena, const struct task_order *order);

#endif
