/* Overrides of RunTask and StartTask, checked against the definition and written into its recipe.
 */
#include "base/str.h"
#include "core/task_recipe.h"
#include "core/task_size.h"

static bool overrides_nothing(const struct ecs_task_override *overrides)
{
    return overrides->container_overrides.count == 0 &&
           overrides->inference_accelerator_overrides.count == 0 && !overrides->cpu &&
           !overrides->memory && !overrides->task_role_arn && !overrides->execution_role_arn &&
           !overrides->ephemeral_storage;
}

static struct error *override_gpus(const struct ecs_container_override *from,
                                   struct task_recipe_container *container)
{
    if (!from->resource_requirements.is_set)
        return NULL;
    for (size_t i = 0; i < from->resource_requirements.count; i++) {
        const struct ecs_resource_requirement *item = &from->resource_requirements.items[i];
        int64_t count;

        if (item->type != ECS_RESOURCE_TYPE_GPU)
            return error_new(API_INVALID_PARAMETER,
                             "Only resource requirements of type GPU can be overridden.");
        if (!str_to_int64(item->value, &count) || count < 1 || count > INT32_MAX)
            return error_new(API_INVALID_PARAMETER, "Invalid GPU count '%s' for container '%s'.",
                             item->value, container->name);
    }
    container->gpu_count = task_recipe_gpu_count(&from->resource_requirements);
    return NULL;
}

static struct error *override_sizes(const struct ecs_container_override *from,
                                    struct task_recipe_container *container)
{
    const struct {
        const char *name;
        bool is_set;
        int32_t value, least;
        int32_t *to;
    } sizes[] = {
        {"cpu", from->has_cpu, from->cpu, 0, &container->cpu},
        {"memory", from->has_memory, from->memory, TASK_CONTAINER_MEMORY_MIN, &container->memory},
        {"memoryReservation", from->has_memory_reservation, from->memory_reservation,
         TASK_CONTAINER_MEMORY_MIN, &container->memory_reservation},
    };

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        if (!sizes[i].is_set)
            continue;
        if (sizes[i].value < sizes[i].least)
            return error_new(API_INVALID_PARAMETER,
                             "Invalid '%s' override for container '%s': %d is below the minimum "
                             "of %d.",
                             sizes[i].name, container->name, (int)sizes[i].value,
                             (int)sizes[i].least);
        *sizes[i].to = sizes[i].value;
    }
    if (container->memory && container->memory_reservation > container->memory)
        return error_new(API_INVALID_PARAMETER,
                         "Invalid override for container '%s': 'memoryReservation' cannot be "
                         "greater than 'memory'.",
                         container->name);
    return NULL;
}

static struct error *check_environment(const struct ecs_container_override *from)
{
    for (size_t i = 0; i < from->environment.count; i++)
        if (str_is_empty(from->environment.items[i].name))
            return error_new(API_INVALID_PARAMETER,
                             "The name of an environment variable cannot be null or empty.");
    if (from->environment_files.count > TASK_ENVIRONMENT_FILES_MAX)
        return error_new(API_INVALID_PARAMETER, "environmentFiles can have at most %d items.",
                         TASK_ENVIRONMENT_FILES_MAX);
    for (size_t i = 0; i < from->environment_files.count; i++)
        if (!str_ends_with(from->environment_files.items[i].value, ".env"))
            return error_new(API_INVALID_PARAMETER,
                             "An environment file must have the extension .env, but '%s' has not.",
                             from->environment_files.items[i].value);
    return NULL;
}

static struct error *override_container(struct task_recipe *recipe,
                                        const struct ecs_container_overrides *all, size_t index)
{
    const struct ecs_container_override *from = &all->items[index];
    struct task_recipe_container *container;

    if (str_is_empty(from->name))
        return error_new(API_INVALID_PARAMETER,
                         "The name of the container to override cannot be null or empty.");
    container = task_recipe_container_named(recipe, from->name);
    if (!container)
        return error_new(API_INVALID_PARAMETER,
                         "Override for container named %s is not a container in the "
                         "TaskDefinition.",
                         from->name);
    for (size_t i = 0; i < index; i++)
        if (str_eq(all->items[i].name, from->name))
            return error_new(API_INVALID_PARAMETER,
                             "There is more than one override for container named %s.", from->name);
    TRY(check_environment(from));
    TRY(override_sizes(from, container));
    return override_gpus(from, container);
}

static struct error *override_task_sizes(struct arena *arena, struct task_recipe *recipe,
                                         const struct ecs_task_override *overrides)
{
    int32_t units;
    int32_t mib;

    if (overrides->cpu) {
        if (!task_size_parse_cpu(overrides->cpu, &units) || units < TASK_CPU_MIN ||
            units > TASK_CPU_MAX)
            return error_new(API_INVALID_PARAMETER, TASK_SIZE_INVALID_FMT, "cpu");
        recipe->task_cpu = arena_printf(arena, "%d", (int)units);
    }
    if (overrides->memory) {
        if (!task_size_parse_memory(overrides->memory, &mib) || mib < TASK_CONTAINER_MEMORY_MIN)
            return error_new(API_INVALID_PARAMETER, TASK_SIZE_INVALID_FMT, "memory");
        recipe->task_memory = arena_printf(arena, "%d", (int)mib);
    }
    return NULL;
}

/* API-094: what the containers ask for has to fit into the task level. */
static struct error *check_sums(const struct task_recipe *recipe)
{
    int64_t cpu = 0;
    int64_t memory = 0;

    for (size_t i = 0; i < recipe->container_count; i++) {
        const struct task_recipe_container *container = &recipe->containers[i];

        cpu += container->cpu;
        memory += container->memory_reservation ? container->memory_reservation : container->memory;
        if (recipe->task_memory && container->memory > recipe->memory)
            return error_new(API_INVALID_PARAMETER,
                             "The 'memory' of container '%s' cannot be greater than the value of "
                             "the task 'memory'.",
                             container->name);
    }
    if (recipe->task_cpu && cpu > recipe->cpu)
        return error_new(API_INVALID_PARAMETER,
                         "The sum of all container 'cpu' values cannot be greater than the value "
                         "of the task 'cpu'.");
    if (recipe->task_memory && memory > recipe->memory)
        return error_new(API_INVALID_PARAMETER,
                         "The sum of all container 'memory' values cannot be greater than the "
                         "value of the task 'memory'.");
    return NULL;
}

static struct error *check_devices(const struct task_recipe *recipe,
                                   const struct ecs_inference_accelerator_overrides *devices)
{
    const struct ecs_inference_accelerators *known = &recipe->document->inference_accelerators;

    for (size_t i = 0; i < devices->count; i++) {
        bool is_known = false;

        for (size_t k = 0; k < known->count && !is_known; k++)
            is_known = str_eq(known->items[k].device_name, devices->items[i].device_name);
        if (!is_known)
            return error_new(
                API_INVALID_PARAMETER, "The inference accelerator %s is not in the TaskDefinition.",
                devices->items[i].device_name ? devices->items[i].device_name : "null");
    }
    return NULL;
}

static struct error *check_storage(const struct ecs_ephemeral_storage *storage)
{
    if (storage && (storage->size_in_gib < TASK_EPHEMERAL_GIB_MIN ||
                    storage->size_in_gib > TASK_EPHEMERAL_GIB_MAX))
        return error_new(API_INVALID_PARAMETER,
                         "ephemeralStorage.sizeInGiB must be between %d and %d.",
                         TASK_EPHEMERAL_GIB_MIN, TASK_EPHEMERAL_GIB_MAX);
    return NULL;
}

/* Characters, not bytes (API-118). */
static size_t utf8_length(const char *text, size_t len)
{
    size_t count = 0;

    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

struct error *task_recipe_override(struct arena *arena, struct task_recipe *recipe,
                                   const struct ecs_task_override *overrides)
{
    CLEANUP(buf_done) struct buf text = {0};

    if (!overrides || overrides_nothing(overrides))
        return NULL;
    ecs_encode_task_override(&text, overrides);
    if (utf8_length(text.data, text.len) > TASK_OVERRIDES_LENGTH_MAX)
        return error_new(API_INVALID_PARAMETER, "Container Overrides length must be at most %d.",
                         TASK_OVERRIDES_LENGTH_MAX);
    for (size_t i = 0; i < overrides->container_overrides.count; i++)
        TRY(override_container(recipe, &overrides->container_overrides, i));
    TRY(override_task_sizes(arena, recipe, overrides));
    TRY(check_devices(recipe, &overrides->inference_accelerator_overrides));
    TRY(check_storage(overrides->ephemeral_storage));
    task_recipe_sum_up(recipe);
    TRY(check_sums(recipe));
    if (overrides->task_role_arn)
        recipe->task_role_arn = overrides->task_role_arn;
    recipe->overrides = arena_dup_n(arena, text.data, text.len);
    return NULL;
}
