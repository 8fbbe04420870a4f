#include "control/waiting_crowds.h"

#include <assert.h>
#include <stdlib.h>

#include "base/intern.h"
#include "base/mem.h"
#include "base/str.h"
#include "control/launch.h"
#include "core/task.h"

static int waiting_task_cmp(const struct waiting_task *a, const struct waiting_task *b)
{
    return id_cmp(&a->id, &b->id);
}
RB_GENERATE_STATIC(waiting_tree, waiting_task, in_crowd, waiting_task_cmp)

static int age_cmp(const struct waiting_task *a, const struct waiting_task *b)
{
    if (a->since_ms != b->since_ms)
        return a->since_ms < b->since_ms ? -1 : 1;
    return id_cmp(&a->id, &b->id);
}
RB_GENERATE_STATIC(age_tree, waiting_task, by_age, age_cmp)

static int compare(const void *a, const void *b)
{
    return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

static int pool_cmp(const struct pool *a, const struct pool *b)
{
    int order = compare(a->scope, b->scope);

    if (!order)
        order = compare(a->cluster, b->cluster);
    return order ? order : compare(a->provider, b->provider);
}
RB_GENERATE_STATIC(pool_tree, pool, entry, pool_cmp)

/* ---- pools and crowds ---- */

struct pool *crowds_pool(struct crowds *crowds, const struct scope *scope, const char *cluster,
                         const char *provider)
{
    struct pool key = {.scope = scope, .cluster = cluster, .provider = provider};

    return RB_FIND(pool_tree, &crowds->pools, &key);
}

struct pool *crowds_pool_after(const struct crowds *crowds, const struct scope *scope,
                               const char *cluster, const struct pool *after)
{
    struct pool_tree *pools = (struct pool_tree *)(uintptr_t)&crowds->pools;
    struct pool key = {.scope = scope, .cluster = cluster};
    struct pool *found = after ? RB_NEXT(pool_tree, pools, (struct pool *)(uintptr_t)after)
                               : RB_NFIND(pool_tree, pools, &key);

    return found && found->scope == scope && found->cluster == cluster ? found : NULL;
}

static struct pool *pool_get(struct crowds *crowds, const struct scope *scope,
                             const struct task *task)
{
    struct pool *pool = crowds_pool(crowds, scope, task->cluster, task->rare->capacity_provider);

    if (pool)
        return pool;
    pool = xcalloc(1, sizeof(*pool));
    pool->scope = scope;
    pool->cluster = intern_ref(task->cluster);
    pool->provider = intern_ref(task->rare->capacity_provider);
    TAILQ_INIT(&pool->crowds);
    RB_INSERT(pool_tree, &crowds->pools, pool);
    return pool;
}

static void pool_free(struct crowds *crowds, struct pool *pool)
{
    if (pool->is_dirty)
        TAILQ_REMOVE(&crowds->dirty, pool, dirty);
    RB_REMOVE(pool_tree, &crowds->pools, pool);
    intern_unref(pool->cluster);
    intern_unref(pool->provider);
    free(pool);
}

static bool is_of(const struct crowd *crowd, const struct task *task)
{
    return crowd->family == task->family && crowd->revision == task->revision &&
           crowd->group == task->group && crowd->cpu == task->cpu &&
           crowd->memory == task->memory && crowd->gpu_count == task->rare->gpu_count &&
           crowd->launch_type == task->launch_type &&
           crowd->is_of_service == (task->service != NULL) &&
           str_eq(crowd->placement ? crowd->placement : "",
                  task->rare->placement ? task->rare->placement : "");
}

static struct crowd *crowd_get(struct pool *pool, const struct task *task)
{
    struct crowd *crowd;

    TAILQ_FOREACH(crowd, &pool->crowds, entry)
    if (is_of(crowd, task))
        return crowd;
    crowd = xcalloc(1, sizeof(*crowd));
    crowd->pool = pool;
    crowd->family = intern_ref(task->family);
    crowd->group = intern_ref(task->group);
    crowd->revision = task->revision;
    crowd->cpu = task->cpu;
    crowd->memory = task->memory;
    crowd->gpu_count = task->rare->gpu_count;
    crowd->launch_type = task->launch_type;
    crowd->is_of_service = task->service != NULL;
    crowd->placement = str_dup(task->rare->placement);
    RB_INIT(&crowd->tasks);
    TAILQ_INSERT_TAIL(&pool->crowds, crowd, entry);
    return crowd;
}

static void crowd_free(struct crowds *crowds, struct crowd *crowd)
{
    struct pool *pool = crowd->pool;

    TAILQ_REMOVE(&pool->crowds, crowd, entry);
    launch_demand_done(&crowd->demand);
    arena_done(&crowd->arena);
    intern_unref(crowd->family);
    intern_unref(crowd->group);
    free(crowd->placement);
    free(crowd);
    if (TAILQ_EMPTY(&pool->crowds))
        pool_free(crowds, pool);
}

const struct waiting_task *crowd_oldest(const struct crowd *crowd)
{
    return RB_MIN(waiting_tree, (struct waiting_tree *)(uintptr_t)&crowd->tasks);
}

const struct waiting_task *crowd_next(const struct waiting_task *one)
{
    return RB_NEXT(waiting_tree, NULL, (struct waiting_task *)(uintptr_t)one);
}

struct crowd *pool_oldest_crowd(const struct pool *pool, size_t most, size_t *ret_count)
{
    const struct waiting_task *first = NULL, *second = NULL;
    struct crowd *crowd;
    size_t count = 0;

    TAILQ_FOREACH(crowd, &pool->crowds, entry)
    {
        const struct waiting_task *head = crowd_oldest(crowd);

        if (crowd->is_passed)
            continue;
        if (!first || id_cmp(&head->id, &first->id) < 0) {
            second = first;
            first = head;
        } else if (!second || id_cmp(&head->id, &second->id) < 0) {
            second = head;
        }
    }
    for (const struct waiting_task *one = first;
         one && count < most && (!second || id_cmp(&one->id, &second->id) < 0);
         one = crowd_next(one))
        count++;
    *ret_count = count;
    return first ? first->crowd : NULL;
}

/* ---- tasks ---- */

void crowds_add(struct crowds *crowds, const struct scope *scope, const struct task *task)
{
    struct waiting_task *one = xcalloc(1, sizeof(*one));
    struct crowd *crowd = crowd_get(pool_get(crowds, scope, task), task);

    *one = (struct waiting_task){.id = task->id, .since_ms = task->created_at_ms, .crowd = crowd};
    RB_INSERT(waiting_tree, &crowd->tasks, one);
    RB_INSERT(age_tree, &crowds->by_age, one);
    crowd->count++;
    crowd->pool->count++;
}

static void forget(struct crowds *crowds, struct waiting_task *one)
{
    struct crowd *crowd = one->crowd;

    RB_REMOVE(waiting_tree, &crowd->tasks, one);
    RB_REMOVE(age_tree, &crowds->by_age, one);
    free(one);
    crowd->pool->count--;
    if (--crowd->count == 0)
        crowd_free(crowds, crowd);
}

void crowds_forget(struct crowds *crowds, const struct task *task)
{
    struct waiting_task key = {.id = task->id, .since_ms = task->created_at_ms};
    struct waiting_task *one = RB_FIND(age_tree, &crowds->by_age, &key);

    assert(one);
    forget(crowds, one);
}

const struct waiting_task *crowds_oldest(const struct crowds *crowds)
{
    return RB_MIN(age_tree, (struct age_tree *)(uintptr_t)&crowds->by_age);
}

void crowds_init(struct crowds *crowds)
{
    RB_INIT(&crowds->pools);
    RB_INIT(&crowds->by_age);
    TAILQ_INIT(&crowds->dirty);
}

void crowds_drop(struct crowds *crowds)
{
    struct waiting_task *one, *next;

    RB_FOREACH_SAFE (one, age_tree, &crowds->by_age, next)
        forget(crowds, one);
}
