#include "control/waiting.h"

#include <stdlib.h>

#include "base/intern.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "control/launch.h"
#include "control/waiting_crowds.h"
#include "core/task.h"

#define WAIT_DEFAULT_MS    (15 * 60 * 1000)
#define LEAD_GRACE_MS      (2 * 60 * 1000) /* agents that were there come back first */
#define PLACED_PER_TXN     40 /* tasks of some kilobytes; a transaction takes 512 KiB */
#define PLANS_PER_TURN     100
#define ENDED_PER_TURN     100
#define PASS_AFTER_FULL_MS 10

struct waiting {
    struct control *control;
    struct crowds crowds;
    struct timer pass_timer;
    struct timer expiry_timer;
};

size_t waiting_count(const struct waiting *waiting, const struct scope *scope, const char *cluster)
{
    const struct pool *pool = NULL;
    size_t count = 0;

    cluster = intern_find(cluster);
    while ((pool = crowds_pool_after(&waiting->crowds, scope, cluster, pool)))
        count += pool->count;
    return count;
}

/* ---- where they go ---- */

/* NULL, and told: it cannot be read. Only its end by time will help. */
static const struct demand *demand_of(struct waiting *waiting, struct crowd *crowd)
{
    struct state *state = waiting->control->state;
    const struct pool *pool = crowd->pool;
    const struct task *task =
        state_task(state, pool->scope, pool->cluster, &crowd_oldest(crowd)->id);
    const struct task_definition *definition =
        state_task_definition(state, pool->scope, crowd->family, crowd->revision);
    struct error *err;

    if (crowd->has_demand)
        return &crowd->demand;
    err = definition ? launch_demand_of_task(&crowd->arena, definition, task, &crowd->demand)
                     : error_new(API_SERVER, "its task definition is not there");
    if (err) {
        log_error("a task that waits cannot be placed", "group", crowd->group, "why", err->message);
        error_free(err); /* logged */
        return NULL;
    }
    crowd->has_demand = true;
    return &crowd->demand;
}

void waiting_each_crowd(struct waiting *waiting, const struct scope *scope, const char *cluster,
                        const char *provider, waiting_crowd_fn *fn, void *data)
{
    struct pool *pool =
        crowds_pool(&waiting->crowds, scope, intern_find(cluster), intern_find(provider));
    struct crowd *crowd;

    if (!pool)
        return;
    TAILQ_FOREACH(crowd, &pool->crowds, entry)
    {
        const struct demand *demand = demand_of(waiting, crowd);

        if (demand)
            fn(demand, crowd->count, data);
    }
}

static struct error *plan_for(struct waiting *waiting, struct crowd *crowd, size_t wanted,
                              bool is_silent, struct arena *arena, struct plan *ret)
{
    const struct demand *known = demand_of(waiting, crowd);
    struct control *control = waiting->control;
    struct demand demand;

    *ret = (struct plan){0};
    if (!known)
        return NULL;
    demand = *known;
    demand.is_silent = is_silent;
    return plan_place(arena, fleets_get(control->fleets, crowd->pool->scope, crowd->pool->cluster),
                      &demand, wanted, state_rng(control->state), ret);
}

/* Its oldest go there; the crowd, and its pool, may be gone with the last of them. */
static void place(struct waiting *waiting, struct crowd *crowd, const struct id *hosts,
                  size_t count)
{
    struct control *control = waiting->control;
    const struct scope *scope = crowd->pool->scope;
    const char *cluster = intern_ref(crowd->pool->cluster);
    const struct waiting_task *one = crowd_oldest(crowd);
    struct txn *txn = txn_begin(control->state, scope);

    for (size_t i = 0; i < count; i++) {
        const struct task *task = state_task(control->state, scope, cluster, &one->id);

        task_place(txn_edit_task(txn, task), &hosts[i], control_wall_ms(control));
        control->stats.placements++;
        one = crowd_next(one);
    }
    txn_commit(txn);
    services_retry_placement(control->services, scope, cluster); /* more may wait again */
    intern_unref(cluster);
}

/* One look for the crowd that waited longest. False if nobody of the pool finds room any more. */
static bool place_next(struct waiting *waiting, struct pool *pool)
{
    struct arena arena = {0};
    struct plan plan;
    size_t count;
    struct crowd *crowd = pool_oldest_crowd(pool, PLACED_PER_TXN, &count);
    struct error *err;

    if (!crowd)
        return false;
    err = plan_for(waiting, crowd, count, true, &arena, &plan);
    if (err) {
        log_error("a task that waits cannot be placed", "group", crowd->group, "why", err->message);
        error_free(err); /* logged */
    }
    crowd->is_passed = plan.placed_count < count;
    if (plan.placed_count)
        place(waiting, crowd, plan.hosts, plan.placed_count);
    arena_done(&arena);
    return true;
}

static void on_pass(void *data)
{
    struct waiting *waiting = data;
    struct control *control = waiting->control;
    struct pool *pool;

    for (int n = 0; n < PLANS_PER_TURN && (pool = TAILQ_FIRST(&waiting->crowds.dirty)); n++) {
        if (state_is_resting(control->state)) {
            timer_start(&waiting->pass_timer, control->loop, PASS_AFTER_FULL_MS, on_pass, waiting);
            return;
        }
        if (place_next(waiting, pool))
            continue;
        TAILQ_REMOVE(&waiting->crowds.dirty, pool, dirty);
        pool->is_dirty = false;
    }
    if (!TAILQ_EMPTY(&waiting->crowds.dirty))
        timer_start(&waiting->pass_timer, control->loop, 0, on_pass, waiting);
}

/* Everyone of the pool is asked for again. */
static void look_at(struct waiting *waiting, struct pool *pool)
{
    struct crowd *crowd;

    TAILQ_FOREACH(crowd, &pool->crowds, entry)
    crowd->is_passed = false;
    if (pool->is_dirty)
        return;
    pool->is_dirty = true;
    TAILQ_INSERT_TAIL(&waiting->crowds.dirty, pool, dirty);
    if (!waiting->pass_timer.is_running)
        timer_start(&waiting->pass_timer, waiting->control->loop, 0, on_pass, waiting);
}

/* ---- who nobody comes for ---- */

/* ECS's words for it, as in an API call's failures: what the closest match lacks. */
static const char *why_not(const struct plan *plan)
{
    if (!plan->hosts_seen)
        return "EMPTY CAPACITY PROVIDER";
    for (size_t i = 0; i < plan->refusal_count; i++)
        if (!str_eq(plan->refusals[i].reason, "INACTIVE"))
            return plan->refusals[i].reason;
    return "NO ACTIVE INSTANCES";
}

/* Once more, and for the last time. */
static void end(struct waiting *waiting, const struct waiting_task *one)
{
    struct control *control = waiting->control;
    const struct pool *pool = one->crowd->pool;
    const char *reason = "RESOURCE:*"; /* unless it is known */
    struct arena arena = {0};
    struct plan plan;
    struct error *err = plan_for(waiting, one->crowd, 1, false, &arena, &plan);
    struct txn *txn;

    if (plan.placed_count) {
        place(waiting, one->crowd, plan.hosts, 1);
        arena_done(&arena);
        return;
    }
    if (err)
        error_free(err); /* told when it was tried */
    else if (one->crowd->has_demand)
        reason = why_not(&plan);
    txn = txn_begin(control->state, pool->scope);
    task_end(txn_edit_task(txn, state_task(control->state, pool->scope, pool->cluster, &one->id)),
             STOP_CODE_TASK_FAILED_TO_START, reason, control_wall_ms(control));
    txn_commit(txn);
    arena_done(&arena);
}

static int64_t due_ms(const struct waiting *waiting, const struct waiting_task *one)
{
    struct control *control = waiting->control;
    int64_t wait_ms = control->options.provisioning_wait_ms;
    int64_t left_ms =
        one->since_ms + (wait_ms > 0 ? wait_ms : WAIT_DEFAULT_MS) - control_wall_ms(control);
    int64_t grace_ms = control->options.lead_grace_ms;
    int64_t lead_ms =
        control->started_mono_ms + (grace_ms ? grace_ms : LEAD_GRACE_MS) - control_mono_ms(control);

    return left_ms > lead_ms ? left_ms : lead_ms;
}

static void on_expiry(void *data);

static void watch_expiry(struct waiting *waiting)
{
    const struct waiting_task *oldest = crowds_oldest(&waiting->crowds);
    int64_t left_ms;

    if (!oldest || waiting->expiry_timer.is_running)
        return;
    left_ms = due_ms(waiting, oldest);
    timer_start(&waiting->expiry_timer, waiting->control->loop, left_ms > 0 ? left_ms : 0,
                on_expiry, waiting);
}

static void on_expiry(void *data)
{
    struct waiting *waiting = data;
    const struct waiting_task *oldest;

    if (state_is_resting(waiting->control->state)) {
        timer_start(&waiting->expiry_timer, waiting->control->loop, PASS_AFTER_FULL_MS, on_expiry,
                    waiting);
        return;
    }
    for (int n = 0; n < ENDED_PER_TURN && (oldest = crowds_oldest(&waiting->crowds)) &&
                    due_ms(waiting, oldest) <= 0;
         n++)
        end(waiting, oldest);
    watch_expiry(waiting);
}

/* ---- what happens ---- */

static bool was_waiting(const struct change *change, const struct task *task)
{
    return !change->is_new && change->task_last_before == TASK_PROVISIONING &&
           change->task_desired_before == TASK_RUNNING &&
           id_is_zero(&change->task_instance_before) && task->rare->capacity_provider;
}

void waiting_staged(struct waiting *waiting, const struct change *change)
{
    const struct task *task = change->record;
    bool was, is;

    if (change->kind != CHANGE_TASK)
        return;
    was = was_waiting(change, task);
    is = !change->is_removed && task_is_waiting(task);
    if (was && !is)
        crowds_forget(&waiting->crowds, task);
    if (!is || was)
        return;
    crowds_add(&waiting->crowds, change->scope, task);
    watch_expiry(waiting);
}

void waiting_follow_host(struct waiting *waiting, const struct container_instance *instance)
{
    struct pool *pool = instance->capacity_provider
                            ? crowds_pool(&waiting->crowds, container_instance_scope(instance),
                                          instance->cluster, instance->capacity_provider)
                            : NULL;

    if (pool)
        look_at(waiting, pool);
}

/* A host changed, or a task let go of what it held. */
void waiting_durable(struct waiting *waiting, const struct change *change)
{
    const struct container_instance *instance = change->record;
    const struct task *task = change->record;

    if (!change->record || change->is_removed)
        return;
    if (change->kind == CHANGE_INSTANCE) {
        waiting_follow_host(waiting, instance);
    } else if (change->kind == CHANGE_TASK && task->last_status == TASK_STOPPED &&
               change->task_last_before != TASK_STOPPED && !id_is_zero(&task->instance)) {
        instance =
            state_instance(waiting->control->state, change->scope, task->cluster, &task->instance);
        if (instance)
            waiting_follow_host(waiting, instance);
    }
}

/* ---- the part ---- */

static void add_all_of(struct waiting *waiting, const struct scope *scope, const char *cluster)
{
    struct state *state = waiting->control->state;
    const struct task *task = NULL;
    struct pool *pool = NULL;

    while ((task = state_task_after(state, scope, cluster, TASKS_BY_CLUSTER, NULL, false,
                                    task ? &task->id : NULL)))
        if (task_is_waiting(task))
            crowds_add(&waiting->crowds, scope, task);
    while ((pool = crowds_pool_after(&waiting->crowds, scope, cluster, pool)))
        look_at(waiting, pool);
}

static void add_all(struct waiting *waiting)
{
    struct state *state = waiting->control->state;
    const struct scope *scope = NULL;

    while ((scope = state_scope_after(state, scope))) {
        const struct cluster *cluster = NULL;

        while ((cluster = state_cluster_after(state, scope, cluster ? cluster->name : NULL)))
            add_all_of(waiting, scope, cluster->name);
    }
    watch_expiry(waiting);
}

struct waiting *waiting_new(struct control *control)
{
    struct waiting *waiting = xcalloc(1, sizeof(*waiting));

    waiting->control = control;
    crowds_init(&waiting->crowds);
    add_all(waiting);
    return waiting;
}

static void drop_all(struct waiting *waiting)
{
    crowds_drop(&waiting->crowds);
    timer_stop(&waiting->pass_timer);
    timer_stop(&waiting->expiry_timer);
}

void waiting_reset(struct waiting *waiting)
{
    drop_all(waiting);
    add_all(waiting);
}

void waiting_free(struct waiting *waiting)
{
    if (!waiting)
        return;
    drop_all(waiting);
    free(waiting);
}
