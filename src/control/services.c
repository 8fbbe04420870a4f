/* services.c - services kept at what is wished of them: counts, deployments, steadiness, events.
 *
 * A pass looks at one service whole: it counts its tasks, moves its records on, stops what is too
 * much and starts what is missing. Passes are asked for by changes (of the service, its tasks, its
 * hosts) and by time, and are harmless when nothing is to do. What one pass does is limited; it
 * asks for the next. */
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "control/parts.h"
#include "control/service_pass.h"

#include <sys/queue.h>

#define PASSES_PER_TURN    20
#define PASS_PAUSE_TASKS   100 /* a pass over n tasks is followed by a pause of n/100 ms */
#define PASS_AFTER_FULL_MS 10

struct service_watch {
    RB_ENTRY(service_watch) entry; /* by scope, cluster, name */
    struct services *services;
    struct service_memory memory;
    const struct scope *scope;
    const char *cluster, *name; /* interned, referenced */
    TAILQ_ENTRY(service_watch) dirty;
    bool is_dirty;
    struct timer due;
    int64_t not_before_mono_ms;
};

struct services {
    struct control *control;
    RB_HEAD(service_watch_tree, service_watch) watches;
    TAILQ_HEAD(, service_watch) dirty;
    struct timer pass_timer;
};

static int compare(const void *a, const void *b)
{
    return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

static int service_watch_cmp(const struct service_watch *a, const struct service_watch *b)
{
    int order = compare(a->scope, b->scope);

    if (!order)
        order = compare(a->cluster, b->cluster);
    return order ? order : compare(a->name, b->name);
}
RB_GENERATE_STATIC(service_watch_tree, service_watch, entry, service_watch_cmp)

/* ---- who is watched ---- */

/* Names of records are interned. */
static struct service_watch *find(struct services *services, const struct scope *scope,
                                  const char *cluster, const char *name)
{
    struct service_watch key = {.scope = scope, .cluster = cluster, .name = name};

    return RB_FIND(service_watch_tree, &services->watches, &key);
}

static struct service_watch *watch(struct services *services, const struct scope *scope,
                                   const char *cluster, const char *name)
{
    struct service_watch *one = find(services, scope, cluster, name);

    if (one)
        return one;
    one = xcalloc(1, sizeof(*one));
    one->services = services;
    one->scope = scope;
    one->cluster = intern_ref(cluster);
    one->name = intern_ref(name);
    RB_INSERT(service_watch_tree, &services->watches, one);
    return one;
}

static void watch_free(struct service_watch *one)
{
    struct services *services = one->services;

    timer_stop(&one->due);
    if (one->is_dirty)
        TAILQ_REMOVE(&services->dirty, one, dirty);
    RB_REMOVE(service_watch_tree, &services->watches, one);
    intern_unref(one->cluster);
    intern_unref(one->name);
    free(one);
}

/* ---- when passes run ---- */

static void on_passes(void *data);

static void on_due(void *data)
{
    struct service_watch *one = data;
    struct services *services = one->services;

    if (one->is_dirty)
        return;
    one->is_dirty = true;
    TAILQ_INSERT_TAIL(&services->dirty, one, dirty);
    if (!services->pass_timer.is_running)
        timer_start(&services->pass_timer, services->control->loop, 0, on_passes, services);
}

static void look_at(struct service_watch *one)
{
    int64_t wait_ms = one->not_before_mono_ms - control_mono_ms(one->services->control);

    if (one->is_dirty)
        return;
    if (wait_ms > 0)
        timer_start(&one->due, one->services->control->loop, wait_ms, on_due, one);
    else
        on_due(one);
}

static void run_pass(struct services *services, struct service_watch *one)
{
    struct control *control = services->control;
    const struct service *service =
        state_service(control->state, one->scope, one->cluster, one->name);
    struct service_pass_result result = {0};
    int64_t now_ms = control_wall_ms(control);

    timer_stop(&one->due);
    if (!service || service->status == SERVICE_INACTIVE) {
        watch_free(one);
        return;
    }
    control->stats.reconciles++;
    service_pass(control, one->scope, service, &one->memory, &result);
    one->not_before_mono_ms =
        control_mono_ms(control) + (int64_t)result.task_count / PASS_PAUSE_TASKS;
    if (result.is_more)
        look_at(one);
    else if (result.due_ms)
        timer_start(&one->due, control->loop, result.due_ms > now_ms ? result.due_ms - now_ms : 1,
                    on_due, one);
}

static void on_passes(void *data)
{
    struct services *services = data;
    struct service_watch *one;

    for (int n = 0; n < PASSES_PER_TURN; n++) {
        if (state_is_resting(services->control->state)) {
            timer_start(&services->pass_timer, services->control->loop, PASS_AFTER_FULL_MS,
                        on_passes, services);
            return;
        }
        one = TAILQ_FIRST(&services->dirty);
        if (!one)
            return;
        TAILQ_REMOVE(&services->dirty, one, dirty);
        one->is_dirty = false;
        run_pass(services, one);
    }
    if (!TAILQ_EMPTY(&services->dirty))
        timer_start(&services->pass_timer, services->control->loop, 0, on_passes, services);
}

/* ---- what happens ---- */

/* What cannot be read from the tables later: that a task ended before it ran, or began to run. */
static void remember(struct service_watch *one, const struct task *task,
                     const struct change *change)
{
    bool was_new = change->is_new || change->task_last_before < TASK_RUNNING;

    if (!was_new || task->last_status == change->task_last_before)
        return;
    if (id_is_zero(
            &task->instance)) /* it waited for a host: that is no fault of its own (SC-198) */
        return;
    if (task->last_status == TASK_STOPPED && !task->started_at_ms &&
        task->stop_code == STOP_CODE_TASK_FAILED_TO_START)
        service_memory_failed(&one->memory, task, control_wall_ms(one->services->control));
    else if (task->started_at_ms)
        service_memory_started(&one->memory, task);
}

static void on_task(struct services *services, const struct change *change)
{
    const struct task *task = change->record;
    struct service_watch *one;

    if (task->service) {
        one = find(services, change->scope, task->cluster, task->service);
        if (one) {
            if (task->last_status != change->task_last_before || change->is_new)
                one->memory.is_balanced = false;
            if (!change->is_removed)
                remember(one, task, change);
            look_at(one);
        }
    }
    if (task->last_status == TASK_STOPPED && change->task_last_before != TASK_STOPPED)
        services_retry_placement(services, change->scope, task->cluster);
}

/* Services with tasks on a host whose status changed: those on a DRAINING one are replaced. */
static void on_instance(struct services *services, const struct change *change)
{
    const struct container_instance *instance = change->record;
    const struct task *task = NULL;
    char hex[ID_HEX_SIZE];

    services_follow_hosts(services, change->scope, instance->cluster);
    if (change->is_new || instance->status == change->instance_before)
        return;
    id_format(&instance->id, hex);
    while ((task = state_task_after(services->control->state, change->scope, instance->cluster,
                                    TASKS_BY_INSTANCE, hex, false, task ? &task->id : NULL))) {
        struct service_watch *one =
            task->service ? find(services, change->scope, task->cluster, task->service) : NULL;

        if (one)
            look_at(one);
    }
}

static void on_task_set(struct services *services, const struct change *change)
{
    const struct task_set *set = change->record;
    struct service_watch *one = find(services, change->scope, set->cluster, set->service);

    if (one)
        look_at(one);
}

void services_durable(struct services *services, const struct change *change)
{
    const struct service *service = change->record;

    if (!change->record)
        return;
    if (change->kind == CHANGE_SERVICE && !change->is_removed) {
        if (service->status != SERVICE_INACTIVE)
            look_at(watch(services, change->scope, service->cluster, service->name));
    } else if (change->kind == CHANGE_TASK_SET) {
        on_task_set(services, change);
    } else if (change->kind == CHANGE_TASK) {
        on_task(services, change);
    } else if (change->kind == CHANGE_INSTANCE && !change->is_removed) {
        on_instance(services, change);
    }
}

static void look_at_those(struct services *services, const struct scope *scope, const char *cluster,
                          bool hosts_changed)
{
    struct service_watch key = {.scope = scope, .cluster = cluster};
    struct service_watch *one = RB_NFIND(service_watch_tree, &services->watches, &key);

    for (; one && one->scope == scope && one->cluster == cluster;
         one = RB_NEXT(service_watch_tree, &services->watches, one))
        if (one->memory.waits_for_room ||
            (hosts_changed && (one->memory.follows_hosts || one->memory.follows_zones))) {
            one->memory.is_balanced = one->memory.is_rebalance_blocked = false;
            look_at(one);
        }
}

void services_retry_placement(struct services *services, const struct scope *scope,
                              const char *cluster)
{
    look_at_those(services, scope, cluster, false);
}

void services_follow_hosts(struct services *services, const struct scope *scope,
                           const char *cluster)
{
    look_at_those(services, scope, cluster, true);
}

/* ---- the part ---- */

static void watch_all(struct services *services)
{
    struct state *state = services->control->state;
    const struct scope *scope = NULL;

    while ((scope = state_scope_after(state, scope))) {
        const struct cluster *cluster = NULL;

        while ((cluster = state_cluster_after(state, scope, cluster ? cluster->name : NULL))) {
            const struct service *service = NULL;

            while ((service = state_service_after(state, scope, cluster->name,
                                                  service ? service->name : NULL)))
                if (service->status != SERVICE_INACTIVE)
                    look_at(watch(services, scope, service->cluster, service->name));
        }
    }
}

static void unwatch_all(struct services *services)
{
    struct service_watch *one, *next;

    RB_FOREACH_SAFE (one, service_watch_tree, &services->watches, next)
        watch_free(one);
    timer_stop(&services->pass_timer);
}

struct services *services_new(struct control *control)
{
    struct services *services = xcalloc(1, sizeof(*services));

    services->control = control;
    RB_INIT(&services->watches);
    TAILQ_INIT(&services->dirty);
    watch_all(services);
    return services;
}

void services_reset(struct services *services)
{
    unwatch_all(services);
    watch_all(services);
}

void services_free(struct services *services)
{
    unwatch_all(services);
    free(services);
}
