#include <string.h>

#include "ecs/name_check.h"
#include "ecs/task_definition_parts.h"

/* Which containers each container waits for: bit n of before[i] is set if i waits for n. */
struct graph {
    unsigned before[DEFINITION_CONTAINERS_MAX];
};

static void wait_for(const struct ecs_task_definition *definition, struct graph *graph, size_t from,
                     const struct ecs_container_definition *target)
{
    graph->before[from] |= BIT(target - definition->container_definitions.items);
}

/* API-102, TD-086 */
static struct error *check_dependencies(const struct ecs_task_definition *definition,
                                        struct graph *graph, size_t at)
{
    const struct ecs_container_definition *container = &definition->container_definitions.items[at];

    for (size_t i = 0; i < container->depends_on.count; i++) {
        const struct ecs_container_dependency *dependency = &container->depends_on.items[i];
        const struct ecs_container_definition *target =
            definition_container(definition, dependency->container_name);

        if (!target)
            return error_new(API_CLIENT,
                             "Cannot depend on container + '%s' because it does not exist",
                             dependency->container_name);
        if (target->essential && (dependency->condition == ECS_CONTAINER_CONDITION_SUCCESS ||
                                  dependency->condition == ECS_CONTAINER_CONDITION_COMPLETE))
            return error_new(
                API_CLIENT,
                "A dependency container with SUCCESS or COMPLETE condition cannot be an "
                "essential container");
        if (dependency->condition == ECS_CONTAINER_CONDITION_HEALTHY && !target->health_check)
            return error_new(API_CLIENT,
                             "Container '%s' depends on container '%s' being HEALTHY, which has no "
                             "health check.",
                             container->name, target->name);
        wait_for(definition, graph, at, target);
    }
    return NULL;
}

/* TD-065: "name" or "name:alias" of a container of this definition; a link waits for its target
 * (TD-130). */
static struct error *check_links(const struct ecs_task_definition *definition, struct graph *graph,
                                 size_t at)
{
    const struct ecs_container_definitions *containers = &definition->container_definitions;
    const struct ecs_container_definition *container = &containers->items[at];

    for (size_t i = 0; i < container->links.count; i++) {
        const char *link = container->links.items[i];
        size_t len = strcspn(link, ":");
        const struct ecs_container_definition *target = NULL;

        for (size_t j = 0; j < containers->count; j++)
            if (strlen(containers->items[j].name) == len &&
                memcmp(containers->items[j].name, link, len) == 0)
                target = &containers->items[j];
        if (!target || (link[len] == ':' && !name_is_valid(link + len + 1)))
            return error_new(API_CLIENT, "Link '%s' of container '%s' is invalid.", link,
                             container->name);
        wait_for(definition, graph, at, target);
    }
    return NULL;
}

static bool has_cycle(struct graph *graph, size_t count)
{
    /* Whoever waits for nobody starts; what is left when nobody can start waits in a circle. */
    unsigned waiting = (1u << count) - 1;
    bool is_moving = true;

    while (is_moving) {
        is_moving = false;
        for (size_t i = 0; i < count; i++)
            if ((waiting & BIT(i)) && !(graph->before[i] & waiting)) {
                waiting &= ~BIT(i);
                is_moving = true;
            }
    }
    return waiting != 0;
}

struct error *definition_check_order(const struct ecs_task_definition *definition)
{
    const struct ecs_container_definitions *containers = &definition->container_definitions;
    struct graph graph = {0};

    for (size_t i = 0; i < containers->count; i++) {
        const struct ecs_container_definition *container = &containers->items[i];

        TRY(check_dependencies(definition, &graph, i));
        TRY(check_links(definition, &graph, i));
        for (size_t j = 0; j < container->volumes_from.count; j++)
            wait_for(definition, &graph, i,
                     definition_container(definition,
                                          container->volumes_from.items[j].source_container));
    }
    if (has_cycle(&graph, containers->count))
        return error_new(
            API_CLIENT,
            "The containers of a task definition cannot depend on each other in a cycle.");
    return NULL;
}
