#include "control/capacity_need.h"

#include "base/str.h"
#include "control/waiting.h"
#include "scheduler/growth.h"

static bool is_of_daemon(struct state *state, const struct scope *scope, const struct task *task)
{
    const struct service *service =
        task->service ? state_service(state, scope, task->cluster, task->service) : NULL;

    return service && service->strategy == STRATEGY_DAEMON;
}

/* A host with nothing but DAEMON tasks is empty (CL-127). One looks no further than its tasks that
 * have not ended: the ended ones that it is remembered for may be many. */
static bool is_busy(struct state *state, const struct scope *scope,
                    const struct container_instance *instance)
{
    struct instance_counts counts;
    char hex[ID_HEX_SIZE];

    state_instance_counts(instance, &counts);
    id_format(&instance->id, hex);
    for (int stopped = 0; stopped <= 1; stopped++) {
        const struct task *task = NULL;

        while (counts.tasks_live > 0 &&
               (task = state_task_before(state, scope, instance->cluster, TASKS_BY_INSTANCE, hex,
                                         stopped, task ? &task->id : NULL))) {
            if (task->last_status == TASK_STOPPED)
                continue;
            if (!is_of_daemon(state, scope, task))
                return true;
            counts.tasks_live--;
        }
    }
    return false;
}

static bool is_smaller(const struct container_instance *a, const struct container_instance *b)
{
    return a->cpu != b->cpu ? a->cpu < b->cpu : a->memory < b->memory;
}

struct shapes {
    const struct container_instance *largest, *smallest; /* NULL: there is no host */
};

static void look_at_hosts(struct state *state, const struct scope *scope, const char *cluster,
                          const char *provider, struct capacity_need *need, struct shapes *ret)
{
    const struct container_instance *one = NULL;

    while ((one = state_instance_after(state, scope, cluster, one ? &one->id : NULL))) {
        if (!str_eq(one->capacity_provider, provider) ||
            (one->status != INSTANCE_ACTIVE && one->status != INSTANCE_DRAINING))
            continue;
        need->hosts++;
        need->hosts_busy += is_busy(state, scope, one);
        if (!ret->largest || is_smaller(ret->largest, one))
            ret->largest = one;
        if (!ret->smallest || is_smaller(one, ret->smallest))
            ret->smallest = one;
    }
}

struct need_walk {
    struct growth *growth; /* NULL: what a host is like is not known */
    struct capacity_need *need;
};

static void add_crowd(const struct demand *demand, size_t count, void *data)
{
    struct need_walk *walk = data;

    walk->need->tasks_waiting += (int64_t)count;
    if (walk->growth && !growth_add(walk->growth, demand, count))
        walk->need->tasks_left_out += (int64_t)count;
}

void control_capacity_need(struct control *control, const struct scope *scope, const char *cluster,
                           const char *provider, struct capacity_need *ret)
{
    struct capacity_need need = {0};
    struct need_walk walk = {.need = &need};
    struct host_facts largest, smallest;
    struct shapes shapes = {0};
    struct arena arena = {0};

    look_at_hosts(control->state, scope, cluster, provider, &need, &shapes);
    if (shapes.largest) {
        fleets_host_facts(&arena, shapes.largest, &largest);
        fleets_host_facts(&arena, shapes.smallest, &smallest);
        walk.growth = growth_new(&largest, &smallest, state_rng(control->state));
    }
    waiting_each_crowd(control->waiting, scope, cluster, provider, add_crowd, &walk);
    need.hosts_needed = need.hosts_busy;
    if (walk.growth)
        need.hosts_needed += (int64_t)growth_hosts(walk.growth);
    else
        need.hosts_needed += need.tasks_waiting > 0; /* the first tells what they are like */
    growth_free(walk.growth);
    arena_done(&arena);
    *ret = need;
}

double capacity_need_reservation(const struct capacity_need *need)
{
    if (!need->hosts)
        return need->hosts_needed ? 200 : 100;
    return 100.0 * (double)need->hosts_needed / (double)need->hosts;
}
