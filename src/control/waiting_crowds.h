/* waiting_crowds.h - who waits for a host: by provider, alike tasks together, oldest first.
 *
 * A crowd is tasks that are placed alike: of one revision and group, with the same needs,
 * constraints and strategies. It is there while it has a task, and its pool while that has a crowd.
 *
 * Ownership  All of it is its owner's (control/waiting.h); names are referenced, demands lend from
 *            task definitions, which stay while a task rests on them.
 */
#ifndef BERTH_CONTROL_WAITING_CROWDS_H
#define BERTH_CONTROL_WAITING_CROWDS_H

#include <sys/queue.h>

#include "base/arena.h"
#include "base/tree.h"
#include "scheduler/plan.h"
#include "state/state.h"

struct waiting_task {
    RB_ENTRY(waiting_task) in_crowd; /* by id: the oldest first */
    RB_ENTRY(waiting_task) by_age;
    struct id id;
    int64_t since_ms;
    struct crowd *crowd;
};
RB_HEAD(waiting_tree, waiting_task);
RB_HEAD(age_tree, waiting_task);

struct crowd {
    TAILQ_ENTRY(crowd) entry;
    struct pool *pool;
    const char *family, *group; /* interned, referenced */
    int32_t revision, cpu, memory, gpu_count;
    char *placement; /* NULL: none */
    bool is_of_service;
    enum launch_type launch_type;
    struct waiting_tree tasks;
    size_t count;
    bool is_passed; /* found no room in the pass that is under way */
    struct arena arena;
    struct demand demand; /* in the arena, once it is asked for */
    bool has_demand;
};

/* Those of one provider in a cluster. */
struct pool {
    RB_ENTRY(pool) entry;
    const struct scope *scope;
    const char *cluster, *provider; /* interned, referenced */
    TAILQ_HEAD(, crowd) crowds;
    size_t count;
    bool is_dirty; /* someone of it is to be asked for */
    TAILQ_ENTRY(pool) dirty;
};
RB_HEAD(pool_tree, pool);

struct crowds {
    struct pool_tree pools;
    TAILQ_HEAD(, pool) dirty;
    struct age_tree by_age;
};

void crowds_init(struct crowds *crowds);
void crowds_drop(struct crowds *crowds); /* all of them */
void crowds_add(struct crowds *crowds, const struct scope *scope, const struct task *task);
void crowds_forget(struct crowds *crowds, const struct task *task);
const struct waiting_task *crowds_oldest(const struct crowds *crowds); /* NULL: none */

/* NULL: nobody waits there. Names are a record's, and interned. */
struct pool *crowds_pool(struct crowds *crowds, const struct scope *scope, const char *cluster,
                         const char *provider);
/* Walks the pools of a cluster; NULL starts. */
struct pool *crowds_pool_after(const struct crowds *crowds, const struct scope *scope,
                               const char *cluster, const struct pool *after);
/* Of those not passed over the crowd with the oldest task, and how many of its tasks, up to `most`,
 * are older than anyone else's. NULL: all are. */
struct crowd *pool_oldest_crowd(const struct pool *pool, size_t most, size_t *ret_count);
const struct waiting_task *crowd_oldest(const struct crowd *crowd);
const struct waiting_task *crowd_next(const struct waiting_task *one);

#endif
