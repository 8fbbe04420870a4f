#include "scheduler/victims.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "scheduler/fleet_internal.h"

/* What a rule knows of one task: which group of equals it is in (spread), or what its host would
 * have free without it (binpack). */
struct mark {
    uint32_t group;
    int64_t free;
};

struct choice {
    const struct fleet *fleet;
    const struct placement_strategy *rules;
    size_t rule_count;
    struct victim *tasks;
    size_t task_count;
    struct mark *marks; /* rule_count for each task, as first ordered */
    uint32_t **sizes;   /* of each rule's groups: tasks that stay so far */
    uint32_t *lot;      /* random; settles what is left equal */
    uint32_t *of;       /* tasks[i] was the of[i]-th at first */
};

static const struct mark *mark_of(const struct choice *choice, size_t task, size_t rule)
{
    return &choice->marks[choice->of[task] * choice->rule_count + rule];
}

static const void *spread_value(const struct fleet *fleet, const char *field,
                                const struct victim *task, struct id *ret_host)
{
    if (str_starts_with(field, "attribute:"))
        return fleet_host_value(fleet, &task->host, field + strlen("attribute:"));
    *ret_host = task->host;
    return NULL;
}

/* Groups of the tasks equal in all spread rules up to this one. Values are interned: equal when
 * their addresses are. */
struct grouping {
    uint32_t task;
    uint32_t parent;
    uintptr_t value;
    struct id host;
};

static int grouping_cmp(const void *x, const void *y)
{
    const struct grouping *a = x, *b = y;

    if (a->parent != b->parent)
        return a->parent < b->parent ? -1 : 1;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return id_cmp(&a->host, &b->host);
}

static void group_tasks(struct arena *arena, struct choice *choice, size_t rule, uint32_t *parents)
{
    struct grouping *groups = ARENA_ARRAY(arena, struct grouping, choice->task_count);
    uint32_t number = 0;

    for (size_t i = 0; i < choice->task_count; i++) {
        groups[i] = (struct grouping){.task = (uint32_t)i, .parent = parents[i]};
        groups[i].value = (uintptr_t)spread_value(choice->fleet, choice->rules[rule].field,
                                                  &choice->tasks[i], &groups[i].host);
    }
    qsort(groups, choice->task_count, sizeof(*groups), grouping_cmp);
    for (size_t i = 0; i < choice->task_count; i++) {
        if (i && grouping_cmp(&groups[i - 1], &groups[i]) != 0)
            number++;
        parents[groups[i].task] = number;
        choice->marks[groups[i].task * choice->rule_count + rule].group = number;
    }
    choice->sizes[rule] = ARENA_ARRAY(arena, uint32_t, number + 1);
    for (size_t i = 0; i < choice->task_count; i++)
        choice->sizes[rule][parents[i]]++;
}

static void mark_free(struct choice *choice, size_t rule)
{
    bool is_cpu = strcasecmp(choice->rules[rule].field, "cpu") == 0;

    for (size_t i = 0; i < choice->task_count; i++) {
        struct host_free host_free;
        int64_t left = INT64_MAX; /* a host that is gone is emptied first */

        if (fleet_host_free(choice->fleet, &choice->tasks[i].host, &host_free))
            left = is_cpu ? (int64_t)host_free.cpu + choice->tasks[i].cpu
                          : (int64_t)host_free.memory + choice->tasks[i].memory;
        choice->marks[i * choice->rule_count + rule].free = left;
    }
}

/* Whether task `a` should go rather than `b`. */
static bool goes_first(const struct choice *choice, size_t a, size_t b)
{
    int order;

    if (choice->tasks[a].rank != choice->tasks[b].rank)
        return choice->tasks[a].rank < choice->tasks[b].rank;
    for (size_t rule = 0; rule < choice->rule_count; rule++) {
        const struct mark *x = mark_of(choice, a, rule), *y = mark_of(choice, b, rule);

        if (choice->rules[rule].kind == STRATEGY_SPREAD &&
            choice->sizes[rule][x->group] != choice->sizes[rule][y->group])
            return choice->sizes[rule][x->group] > choice->sizes[rule][y->group];
        if (choice->rules[rule].kind == STRATEGY_BINPACK && x->free != y->free)
            return x->free > y->free;
        if (choice->rules[rule].kind == STRATEGY_RANDOM)
            return choice->lot[choice->of[a]] < choice->lot[choice->of[b]];
    }
    order = id_cmp(&choice->tasks[a].task, &choice->tasks[b].task);
    return order > 0;
}

static void swap(struct choice *choice, size_t a, size_t b)
{
    struct victim task = choice->tasks[a];
    uint32_t of = choice->of[a];

    choice->tasks[a] = choice->tasks[b];
    choice->tasks[b] = task;
    choice->of[a] = choice->of[b];
    choice->of[b] = of;
}

void victims_choose(struct arena *arena, const struct fleet *fleet,
                    const struct placement_strategy *strategies, size_t strategy_count,
                    struct rng *rng, struct victim *tasks, size_t task_count, size_t count)
{
    struct choice choice = {
        .fleet = fleet,
        .rules = strategies,
        .rule_count = strategy_count,
        .tasks = tasks,
        .task_count = task_count,
    };
    uint32_t *parents = ARENA_ARRAY(arena, uint32_t, task_count + 1);

    if (count >= task_count)
        return;
    choice.marks = ARENA_ARRAY(arena, struct mark, task_count * strategy_count + 1);
    choice.sizes = ARENA_ARRAY(arena, uint32_t *, strategy_count + 1);
    choice.lot = ARENA_ARRAY(arena, uint32_t, task_count + 1);
    choice.of = ARENA_ARRAY(arena, uint32_t, task_count + 1);
    for (size_t i = 0; i < task_count; i++) {
        choice.of[i] = (uint32_t)i;
        choice.lot[i] = (uint32_t)rng_next(rng);
    }
    for (size_t rule = 0; rule < strategy_count; rule++) {
        if (strategies[rule].kind == STRATEGY_SPREAD)
            group_tasks(arena, &choice, rule, parents);
        else if (strategies[rule].kind == STRATEGY_BINPACK)
            mark_free(&choice, rule);
    }
    for (size_t n = 0; n < count; n++) {
        size_t best = n;

        for (size_t i = n + 1; i < task_count; i++)
            if (goes_first(&choice, i, best))
                best = i;
        swap(&choice, n, best);
        for (size_t rule = 0; rule < strategy_count; rule++)
            if (strategies[rule].kind == STRATEGY_SPREAD)
                choice.sizes[rule][mark_of(&choice, n, rule)->group]--;
    }
}
