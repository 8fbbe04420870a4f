#include "core/task_recipe.h"

#include <string.h>

#include "base/str.h"
#include "core/stored_json.h"
#include "core/task_size.h"

int32_t task_recipe_gpu_count(const struct ecs_resource_requirements *requirements)
{
    int64_t total = 0;
    int64_t count;

    for (size_t i = 0; i < requirements->count; i++)
        if (requirements->items[i].type == ECS_RESOURCE_TYPE_GPU &&
            str_to_int64(requirements->items[i].value, &count) && count > 0 && count < INT32_MAX)
            total += count;
    return total < INT32_MAX ? (int32_t)total : INT32_MAX;
}

/* A check whose command is NONE turns the image's own off (API-103). */
static bool has_health_check(const struct ecs_container_definition *container)
{
    const struct ecs_health_check *check = container->health_check;

    return check && check->command.count > 0 && strcmp(check->command.items[0], "NONE") != 0;
}

static struct task_recipe_container read_container(const struct ecs_container_definition *from)
{
    return (struct task_recipe_container){
        .name = from->name,
        .image = from->image,
        .is_essential = !from->has_essential || from->essential,
        .has_health_check = has_health_check(from),
        .cpu = from->cpu,
        .memory = from->memory,
        .memory_reservation = from->memory_reservation,
        .gpu_count = task_recipe_gpu_count(&from->resource_requirements),
    };
}

static int32_t add(int32_t a, int32_t b)
{
    return a > INT32_MAX - b ? INT32_MAX : a + b;
}

void task_recipe_sum_up(struct task_recipe *recipe)
{
    int32_t cpu = 0;
    int32_t memory = 0;

    recipe->gpu_count = 0;
    for (size_t i = 0; i < recipe->container_count; i++) {
        const struct task_recipe_container *container = &recipe->containers[i];

        cpu = add(cpu, container->cpu);
        memory = add(memory, container->memory_reservation ? container->memory_reservation
                                                           : container->memory);
        recipe->gpu_count = add(recipe->gpu_count, container->gpu_count);
    }
    recipe->cpu = cpu;
    recipe->memory = memory;
    if (recipe->task_cpu)
        task_size_parse_cpu(recipe->task_cpu, &recipe->cpu);
    if (recipe->task_memory)
        task_size_parse_memory(recipe->task_memory, &recipe->memory);
}

struct error *task_recipe_read(struct arena *arena, const struct task_definition *definition,
                               struct task_recipe *ret)
{
    struct ecs_task_definition *document = ARENA_NEW(arena, struct ecs_task_definition);

    TRY(stored_json_read(arena, ECS_SHAPE_TASK_DEFINITION, definition->document, "document",
                         definition->family, document));
    *ret = (struct task_recipe){
        .definition = definition,
        .document = document,
        .container_count = document->container_definitions.count,
        .task_role_arn = document->task_role_arn,
        .task_cpu = document->cpu,
        .task_memory = document->memory,
    };
    ret->containers = ARENA_ARRAY(arena, struct task_recipe_container, ret->container_count);
    for (size_t i = 0; i < ret->container_count; i++)
        ret->containers[i] = read_container(&document->container_definitions.items[i]);
    task_recipe_sum_up(ret);
    return NULL;
}

struct task_recipe_container *task_recipe_container_named(const struct task_recipe *recipe,
                                                          const char *name)
{
    for (size_t i = 0; i < recipe->container_count; i++)
        if (str_eq(recipe->containers[i].name, name))
            return &recipe->containers[i];
    return NULL;
}
