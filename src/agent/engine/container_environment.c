#include "agent/engine/container_parts.h"

#include <string.h>

#include "agent/engine/container_gpu.h"

#define VISIBLE_DEVICES "NVIDIA_VISIBLE_DEVICES"

static bool has_variable(const struct acs_string_map *map, const char *name)
{
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->items[i].key, name) == 0)
            return true;
    return false;
}

static void add_variable(json_t *env, const char *name, const char *value)
{
    CLEANUP(str_freep) char *text = str_printf("%s=%s", name, value ? value : "");

    json_array_append_new(env, json_string(text));
}

static void add_region(const struct container_plan *plan, json_t *env)
{
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};

    if (!plan->region)
        return;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (has_variable(&plan->container->environment, names[i]))
            return; /* one that was chosen is not mixed with ours */
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        add_variable(env, names[i], plan->region);
}

/* AP-310, as far as there is something behind a variable. */
json_t *container_environment(const struct container_plan *plan)
{
    const struct acs_string_map *map = &plan->container->environment;
    CLEANUP(str_freep) char *gpus = NULL;
    json_t *env = json_array();

    if (plan->gpus == CONTAINER_GPUS_RUNTIME)
        gpus = container_gpu_ids(plan->task, plan->container->name);
    for (size_t i = 0; i < map->count; i++)
        if (!gpus || strcmp(map->items[i].key, VISIBLE_DEVICES) != 0)
            add_variable(env, map->items[i].key, map->items[i].value);
    if (gpus) /* TD-114 */
        add_variable(env, VISIBLE_DEVICES, gpus);
    if (!container_is_internal(plan->container->name))
        add_region(plan, env);
    return env;
}
