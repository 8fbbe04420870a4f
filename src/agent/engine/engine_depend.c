#include "agent/engine/engine_depend.h"

#include <string.h>

#include "agent/engine/container.h"
#include "agent/engine/firelens.h"

static const char *const condition_names[] = {
    [DEPEND_CREATE] = "created",     [DEPEND_START] = "started",   [DEPEND_COMPLETE] = "complete",
    [DEPEND_SUCCESS] = "successful", [DEPEND_HEALTHY] = "healthy",
};

static bool parse_condition(const char *text, enum depend_condition *ret)
{
    static const struct {
        const char *word;
        enum depend_condition condition;
    } words[] = {
        {"CREATE", DEPEND_CREATE},   {"START", DEPEND_START},     {"COMPLETE", DEPEND_COMPLETE},
        {"SUCCESS", DEPEND_SUCCESS}, {"HEALTHY", DEPEND_HEALTHY},
    };

    for (size_t i = 0; text && i < ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i].word) == 0) {
            *ret = words[i].condition;
            return true;
        }
    }
    return false;
}

static bool find(const struct acs_task *task, const char *name, size_t len, size_t *ret)
{
    for (size_t i = 0; i < task->containers.count; i++) {
        const char *other = task->containers.items[i].name;

        if (strlen(other) == len && memcmp(other, name, len) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static struct error *add(struct depend_graph *graph, const struct acs_task *task, size_t waiter,
                         const char *name, size_t len, enum depend_condition condition)
{
    size_t target;

    if (!find(task, name, len, &target))
        return error_new(API_CLIENT, "container %s waits for %.*s, which the task does not have",
                         task->containers.items[waiter].name, (int)len, name);
    if (condition == DEPEND_HEALTHY && !container_has_health_check(&task->containers.items[target]))
        return error_new(API_CLIENT, "container %s waits for %s to be healthy, which has no check",
                         task->containers.items[waiter].name, task->containers.items[target].name);
    graph->edges[graph->count++] = (struct depend_edge){waiter, target, condition};
    return NULL;
}

static struct error *read_container(const struct acs_task *task, size_t index,
                                    struct depend_graph *graph)
{
    const struct acs_container *container = &task->containers.items[index];

    for (size_t i = 0; i < container->depends_on.count; i++) {
        const struct acs_container_dependency *on = &container->depends_on.items[i];
        const char *name = on->container_name ? on->container_name : "";
        enum depend_condition condition;

        if (!parse_condition(on->condition, &condition))
            return error_new(API_CLIENT, "container %s waits for an unknown condition: %s",
                             container->name, on->condition ? on->condition : "none");
        TRY(add(graph, task, index, name, strlen(name), condition));
    }
    for (size_t i = 0; i < container->links.count; i++) {
        const char *link = container->links.items[i] ? container->links.items[i] : "";

        TRY(add(graph, task, index, link, strcspn(link, ":"), DEPEND_START));
    }
    for (size_t i = 0; i < container->volumes_from.count; i++) {
        const char *source = container->volumes_from.items[i].source_container;

        TRY(add(graph, task, index, source ? source : "", source ? strlen(source) : 0,
                DEPEND_CREATE));
    }
    return NULL;
}

/* What shares the namespaces of the pause container needs it running (AP-431). */
static struct error *read_pause(const struct acs_task *task, struct depend_graph *graph)
{
    size_t count = task->containers.count;

    if (!count || strcmp(task->containers.items[count - 1].name, CONTAINER_PAUSE_NAME) != 0)
        return NULL;
    for (size_t i = 0; i + 1 < count; i++)
        TRY(add(graph, task, i, CONTAINER_PAUSE_NAME, strlen(CONTAINER_PAUSE_NAME), DEPEND_START));
    return NULL;
}

/* Which containers `waiter` waits for, directly or by way of others; itself among them. */
static bool *awaited_by(struct arena *arena, const struct acs_task *task,
                        const struct depend_graph *graph, size_t waiter)
{
    bool *awaited = ARENA_ARRAY(arena, bool, task->containers.count);
    bool moved = true;

    awaited[waiter] = true;
    while (moved) {
        moved = false;
        for (size_t k = 0; k < graph->count; k++) {
            const struct depend_edge *edge = &graph->edges[k];

            if (awaited[edge->waiter] && !awaited[edge->target])
                awaited[edge->target] = moved = true;
        }
    }
    return awaited;
}

/* What logs to FireLens needs its router running, unless the router waits for it (TD-211). */
static struct error *read_firelens(struct arena *arena, const struct acs_task *task,
                                   struct depend_graph *graph)
{
    const struct acs_container *router = firelens_router(task);
    const bool *awaited;

    if (!router)
        return NULL;
    awaited = awaited_by(arena, task, graph, (size_t)(router - task->containers.items));
    for (size_t i = 0; i < task->containers.count; i++)
        if (!awaited[i] && firelens_is_used_by(&task->containers.items[i]))
            TRY(add(graph, task, i, router->name, strlen(router->name), DEPEND_START));
    return NULL;
}

/* Takes away, round by round, the containers that wait for none of those left. */
static struct error *refuse_cycles(struct arena *arena, const struct acs_task *task,
                                   const struct depend_graph *graph)
{
    size_t left = task->containers.count;
    bool *gone = ARENA_ARRAY(arena, bool, left);
    bool moved = true;

    while (left > 0 && moved) {
        moved = false;
        for (size_t i = 0; i < task->containers.count; i++) {
            bool waits = gone[i];

            for (size_t k = 0; k < graph->count && !waits; k++)
                waits = graph->edges[k].waiter == i && !gone[graph->edges[k].target];
            if (waits)
                continue;
            gone[i] = moved = true;
            left--;
        }
    }
    if (left > 0)
        return error_new(API_CLIENT, "containers wait for one another");
    return NULL;
}

struct error *depend_read(struct arena *arena, const struct acs_task *task,
                          struct depend_graph *ret)
{
    struct depend_graph graph = {0};
    size_t most = task->containers.count;

    for (size_t i = 0; i < task->containers.count; i++) {
        const struct acs_container *container = &task->containers.items[i];

        most +=
            container->depends_on.count + container->links.count + container->volumes_from.count;
        most++; /* the router of its logs */
    }
    graph.edges = ARENA_ARRAY(arena, struct depend_edge, most);
    for (size_t i = 0; i < task->containers.count; i++)
        TRY(read_container(task, i, &graph));
    TRY(read_pause(task, &graph));
    TRY(read_firelens(arena, task, &graph));
    TRY(refuse_cycles(arena, task, &graph));
    *ret = graph;
    return NULL;
}

static bool is_met(const struct depend_target *target, enum depend_condition condition)
{
    switch (condition) {
    case DEPEND_CREATE:
        return target->known >= ENGINE_CREATED &&
               (target->known != ENGINE_STOPPED || target->has_run);
    case DEPEND_START:
        return target->known == ENGINE_RUNNING || target->has_run;
    case DEPEND_COMPLETE:
        return target->known == ENGINE_STOPPED && target->has_run;
    case DEPEND_SUCCESS:
        return target->known == ENGINE_STOPPED && target->has_run && target->has_exit_code &&
               target->exit_code == 0;
    case DEPEND_HEALTHY:
        return target->known == ENGINE_RUNNING && target->health &&
               strcmp(target->health, "HEALTHY") == 0;
    }
    return false;
}

enum depend_answer depend_check(struct arena *arena, const struct depend_target *target,
                                enum depend_condition condition, int64_t now_ms,
                                int64_t *ret_deadline_ms, const char **ret_why)
{
    const char *wanted = condition_names[condition];
    int64_t deadline_ms = 0;

    *ret_deadline_ms = 0;
    if (is_met(target, condition))
        return DEPEND_READY;
    if (target->known == ENGINE_STOPPED) {
        *ret_why =
            target->has_exit_code
                ? arena_printf(arena, "%s was to be %s but exited with code %d", target->name,
                               wanted, target->exit_code)
                : arena_printf(arena, "%s was to be %s but did not start", target->name, wanted);
        return DEPEND_NEVER;
    }
    if (condition == DEPEND_HEALTHY && target->health && strcmp(target->health, "UNHEALTHY") == 0) {
        *ret_why = arena_printf(arena, "%s was to be healthy but is unhealthy", target->name);
        return DEPEND_NEVER;
    }
    if (condition >= DEPEND_COMPLETE && target->start_timeout_ms > 0 && target->started_mono_ms > 0)
        deadline_ms = target->started_mono_ms + target->start_timeout_ms;
    if (deadline_ms > 0 && now_ms >= deadline_ms) {
        *ret_why = arena_printf(arena, "%s was not %s within its start time-out of %lld s",
                                target->name, wanted, (long long)target->start_timeout_ms / 1000);
        return DEPEND_NEVER;
    }
    *ret_deadline_ms = deadline_ms;
    return DEPEND_WAIT;
}
