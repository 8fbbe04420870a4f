#include "agent/engine/container_parts.h"

#include <string.h>

#include "agent/engine/container_gpu.h"

#define VISIBLE_DEVICES "NVIDIA_VISIBLE_DEVICES"

static const struct acs_string_map *variables(const struct container_plan *plan)
{
    return plan->environment ? plan->environment : &plan->container->environment;
}

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
        if (has_variable(variables(plan), names[i]))
            return; /* one that was chosen is not mixed with ours */
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        add_variable(env, names[i], plan->region);
}

/* The variables that say where the task's endpoints are (AG-201, AG-301, AG-904, AG-192). Nobody
 * else's of that name holds. */
static const char *const endpoint_names[] = {
    "ECS_CONTAINER_METADATA_URI", "ECS_CONTAINER_METADATA_URI_V4", "ECS_AGENT_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "ECS_CONTAINER_METADATA_FILE"};
enum { URI_V3, URI_V4, URI_AGENT, URI_CREDENTIALS, METADATA_FILE, URI_COUNT };

static void fill_endpoints(const struct container_plan *plan, char *values[URI_COUNT])
{
    const struct acs_role_credentials *role = plan->task->role_credentials;

    if (plan->endpoint_url) {
        values[URI_V3] = str_printf("%s/v3/%s", plan->endpoint_url, plan->endpoint_id);
        values[URI_V4] = str_printf("%s/v4/%s", plan->endpoint_url, plan->endpoint_id);
        values[URI_AGENT] = str_printf("%s/api/%s", plan->endpoint_url, plan->endpoint_id);
    }
    if (plan->endpoint_url && role && !str_is_empty(role->credentials_id))
        values[URI_CREDENTIALS] = str_printf("/v2/credentials/%s", role->credentials_id);
    if (plan->metadata_dir)
        values[METADATA_FILE] =
            str_printf(CONTAINER_METADATA "/%s/" CONTAINER_METADATA_FILE, plan->endpoint_id);
}

static bool is_ours(char *const values[URI_COUNT], const char *name)
{
    for (size_t i = 0; i < URI_COUNT; i++)
        if (values[i] && strcmp(endpoint_names[i], name) == 0)
            return true;
    return false;
}

/* AP-310 */
json_t *container_environment(const struct container_plan *plan)
{
    const struct acs_string_map *map = variables(plan);
    CLEANUP(str_freep) char *gpus = NULL;
    char *endpoints[URI_COUNT] = {NULL};
    json_t *env = json_array();

    if (!container_is_internal(plan->container->name))
        fill_endpoints(plan, endpoints);
    if (plan->gpus == CONTAINER_GPUS_RUNTIME)
        gpus = container_gpu_ids(plan->task, plan->container->name);
    for (size_t i = 0; i < map->count; i++)
        if ((!gpus || strcmp(map->items[i].key, VISIBLE_DEVICES) != 0) &&
            !is_ours(endpoints, map->items[i].key))
            add_variable(env, map->items[i].key, map->items[i].value);
    if (gpus) /* TD-114 */
        add_variable(env, VISIBLE_DEVICES, gpus);
    if (!container_is_internal(plan->container->name))
        add_region(plan, env);
    for (size_t i = 0; i < URI_COUNT; i++) {
        if (endpoints[i])
            add_variable(env, endpoint_names[i], endpoints[i]);
        free(endpoints[i]);
    }
    return env;
}
