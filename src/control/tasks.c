/* tasks.c - how tasks get on when their agent has nothing to say about it.
 *
 *   settle      a task that has its place is PENDING; one wanted stopped is STOPPING until its
 *               agent says STOPPED; without an agent to say it (never placed, host deregistered, a
 *               stop the agent has but knows no task for) it is STOPPED here
 *   lost hosts  lost_hosts.h
 *   sweep       sweep.h
 */
#include <stdlib.h>

#include "base/intern.h"
#include "base/mem.h"
#include "control/lost_hosts.h"
#include "control/parts.h"
#include "control/sweep.h"
#include "core/task.h"

#include <sys/queue.h>

#define SETTLE_PER_TXN  40    /* tasks; a transaction takes 100 keys */
#define SETTLE_PER_TURN 400   /* the rest in the next turn of the loop */
#define UNSEEN_STOP_MS  60000 /* AP-222: so long an agent may keep quiet about a stop */

/* A task to look at. */
struct todo {
    const struct scope *scope;
    const char *cluster; /* interned, referenced */
    struct id task;
};

/* A stop that no report ever confirmed. */
struct unseen {
    TAILQ_ENTRY(unseen) entry;
    struct todo task;
    int64_t due_mono_ms;
};

struct task_lives {
    struct control *control;
    struct todo *todo; /* a queue: settle takes from `todo_done` on */
    size_t todo_count, todo_capacity, todo_done;
    struct timer settle_timer;
    TAILQ_HEAD(, unseen) unseen; /* in order of due time */
    struct timer unseen_timer;
    struct lost_hosts *lost;
    struct sweep *sweep;
};

/* ---- settle ---- */

static void on_settle(void *data);

static void settle_soon(struct task_lives *lives, int64_t after_ms)
{
    if (!lives->settle_timer.is_running)
        timer_start(&lives->settle_timer, lives->control->loop, after_ms, on_settle, lives);
}

static void look_at(struct task_lives *lives, const struct scope *scope, const struct task *task)
{
    ARRAY_GROW(lives->todo, lives->todo_count, lives->todo_capacity);
    lives->todo[lives->todo_count++] = (struct todo){scope, intern_ref(task->cluster), task->id};
    settle_soon(lives, 0);
}

static const struct task *todo_task(const struct task_lives *lives, const struct todo *todo)
{
    return state_task(lives->control->state, todo->scope, todo->cluster, &todo->task);
}

static bool is_placed(const struct task *task)
{
    return !id_is_zero(&task->instance);
}

/* Its host was deregistered, or is not known at all. */
static bool is_orphaned(const struct task_lives *lives, const struct scope *scope,
                        const struct task *task)
{
    const struct container_instance *instance;

    if (!is_placed(task))
        return false;
    instance = state_instance(lives->control->state, scope, task->cluster, &task->instance);
    return !instance || instance->status == INSTANCE_INACTIVE;
}

/* SC-095, SC-103: nothing is prepared here but the place; its network is the agent's work. */
static bool is_provisioned(const struct task *task)
{
    return task->last_status == TASK_PROVISIONING && is_placed(task);
}

/* Cheap: whether settle() would do something, or time will. */
static bool needs_settling(const struct task_lives *lives, const struct scope *scope,
                           const struct task *task)
{
    if (task->last_status == TASK_STOPPED)
        return false;
    return task->desired_status == TASK_STOPPED || is_provisioned(task) ||
           is_orphaned(lives, scope, task);
}

static void on_unseen(void *data);

/* A stop the agent may not confirm is looked at again. */
static void watch_unseen(struct task_lives *lives, const struct scope *scope,
                         const struct task *task)
{
    struct unseen *unseen = xcalloc(1, sizeof(*unseen));

    unseen->task = (struct todo){scope, intern_ref(task->cluster), task->id};
    unseen->due_mono_ms = control_mono_ms(lives->control) + UNSEEN_STOP_MS;
    TAILQ_INSERT_TAIL(&lives->unseen, unseen, entry);
    if (!lives->unseen_timer.is_running)
        timer_start(&lives->unseen_timer, lives->control->loop, UNSEEN_STOP_MS, on_unseen, lives);
}

static void settle(struct task_lives *lives, struct txn *txn, const struct scope *scope,
                   const struct task *task)
{
    int64_t now_ms = control_wall_ms(lives->control);

    if (!needs_settling(lives, scope, task))
        return;
    if (is_orphaned(lives, scope, task)) {
        task_end(txn_edit_task(txn, task), STOP_CODE_USER_INITIATED, STOPPED_DEREGISTERED, now_ms);
    } else if (task->desired_status != TASK_STOPPED) {
        task_set_status(txn_edit_task(txn, task), TASK_PENDING, now_ms);
    } else if (!is_placed(task)) {
        task_end(txn_edit_task(txn, task), STOP_CODE_NONE, NULL, now_ms);
    } else if (!task_is_ending(task)) {
        task_set_status(txn_edit_task(txn, task), TASK_STOPPING, now_ms);
        if (!task->is_acknowledged)
            watch_unseen(lives, scope, task);
    }
}

static void on_settle(void *data)
{
    struct task_lives *lives = data;
    size_t end = lives->todo_count;

    if (state_is_resting(lives->control->state)) {
        settle_soon(lives, 10);
        return;
    }
    if (end > lives->todo_done + SETTLE_PER_TURN)
        end = lives->todo_done + SETTLE_PER_TURN;
    while (lives->todo_done < end) {
        const struct scope *scope = lives->todo[lives->todo_done].scope;
        struct txn *txn = txn_begin(lives->control->state, scope);

        for (int n = 0; n < SETTLE_PER_TXN && lives->todo_done < end; n++) {
            const struct todo *todo = &lives->todo[lives->todo_done];
            const struct task *task = todo_task(lives, todo);

            if (todo->scope != scope)
                break;
            if (task)
                settle(lives, txn, scope, task);
            intern_unref(todo->cluster);
            lives->todo_done++;
        }
        txn_commit(txn);
    }
    if (lives->todo_done == lives->todo_count)
        lives->todo_done = lives->todo_count = 0;
    else
        settle_soon(lives, 0);
}

/* The agent acknowledged the stop, or had nothing to say about it for long: it never knew the task.
 */
static bool is_confirmed_unseen(struct task_lives *lives, const struct todo *todo,
                                const struct task *task)
{
    const struct container_instance *instance =
        state_instance(lives->control->state, todo->scope, todo->cluster, &task->instance);

    return instance && state_instance_connected(instance) &&
           sessions_has_told(lives->control->sessions, task);
}

static void unseen_free(struct task_lives *lives, struct unseen *unseen)
{
    TAILQ_REMOVE(&lives->unseen, unseen, entry);
    intern_unref(unseen->task.cluster);
    free(unseen);
}

static void on_unseen(void *data)
{
    struct task_lives *lives = data;
    int64_t now_ms = control_mono_ms(lives->control);
    struct unseen *unseen;

    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): unseen_free() took the freed one off */
    while ((unseen = TAILQ_FIRST(&lives->unseen)) && unseen->due_mono_ms <= now_ms) {
        const struct task *task = todo_task(lives, &unseen->task);
        bool is_open = task && task->last_status == TASK_STOPPING && !task->is_acknowledged;

        if (is_open && is_confirmed_unseen(lives, &unseen->task, task)) {
            struct txn *txn = txn_begin(lives->control->state, unseen->task.scope);

            task_end(txn_edit_task(txn, task), STOP_CODE_NONE, NULL,
                     control_wall_ms(lives->control));
            txn_commit(txn);
        } else if (is_open) {
            watch_unseen(lives, unseen->task.scope, task);
        }
        unseen_free(lives, unseen);
    }
    if (unseen)
        timer_start(&lives->unseen_timer, lives->control->loop, unseen->due_mono_ms - now_ms,
                    on_unseen, lives);
}

/* ---- what happens ---- */

void task_lives_follow_instance(struct task_lives *lives, const struct scope *scope,
                                const char *cluster, const struct id *instance)
{
    lost_hosts_follow(lives->lost, scope, cluster, instance);
}

static void look_at_instance(struct task_lives *lives, const struct scope *scope,
                             const struct container_instance *instance)
{
    char hex[ID_HEX_SIZE];

    lost_hosts_follow(lives->lost, scope, instance->cluster, &instance->id);
    if (instance->status != INSTANCE_INACTIVE)
        return;
    id_format(&instance->id, hex);
    for (int stopped = 0; stopped <= 1; stopped++) {
        const struct task *task = NULL;

        while ((task = state_task_after(lives->control->state, scope, instance->cluster,
                                        TASKS_BY_INSTANCE, hex, stopped, task ? &task->id : NULL)))
            if (needs_settling(lives, scope, task))
                look_at(lives, scope, task);
    }
}

void task_lives_durable(struct task_lives *lives, const struct change *change)
{
    if (!change->record || change->is_removed)
        return;
    if (change->kind == CHANGE_TASK && needs_settling(lives, change->scope, change->record))
        look_at(lives, change->scope, change->record);
    if (change->kind == CHANGE_TASK &&
        ((const struct task *)change->record)->last_status == TASK_STOPPED)
        state_compact_task(lives->control->state, change->record);
    if (change->kind == CHANGE_INSTANCE)
        look_at_instance(lives, change->scope, change->record);
}

static void look_at_all(struct task_lives *lives)
{
    struct state *state = lives->control->state;
    const struct scope *scope = NULL;

    while ((scope = state_scope_after(state, scope))) {
        const struct cluster *cluster = NULL;

        while ((cluster = state_cluster_after(state, scope, cluster ? cluster->name : NULL))) {
            const struct container_instance *instance = NULL;
            const struct task *task = NULL;

            while ((instance = state_instance_after(state, scope, cluster->name,
                                                    instance ? &instance->id : NULL)))
                look_at_instance(lives, scope, instance);
            while ((task = state_task_after(state, scope, cluster->name, TASKS_BY_CLUSTER, NULL,
                                            false, task ? &task->id : NULL)))
                if (is_provisioned(task))
                    look_at(lives, scope, task);
            /* What is wanted stopped is in the list of the stopped; orphans came with their
             * instances. */
            while ((task = state_task_after(state, scope, cluster->name, TASKS_BY_CLUSTER, NULL,
                                            true, task ? &task->id : NULL))) {
                if (needs_settling(lives, scope, task))
                    look_at(lives, scope, task);
                if (task->last_status == TASK_STOPPING && !task->is_acknowledged)
                    watch_unseen(lives, scope, task);
            }
        }
    }
}

/* ---- the part ---- */

struct task_lives *task_lives_new(struct control *control)
{
    struct task_lives *lives = xcalloc(1, sizeof(*lives));

    lives->control = control;
    TAILQ_INIT(&lives->unseen);
    lives->lost = lost_hosts_new(control);
    lives->sweep = sweep_new(control);
    look_at_all(lives);
    return lives;
}

static void drop_all(struct task_lives *lives)
{
    while (!TAILQ_EMPTY(&lives->unseen))
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it takes each off the queue */
        unseen_free(lives, TAILQ_FIRST(&lives->unseen));
    for (; lives->todo_done < lives->todo_count; lives->todo_done++)
        intern_unref(lives->todo[lives->todo_done].cluster);
    lives->todo_done = lives->todo_count = 0;
    timer_stop(&lives->unseen_timer);
    timer_stop(&lives->settle_timer);
}

void task_lives_reset(struct task_lives *lives)
{
    drop_all(lives);
    lost_hosts_forget(lives->lost);
    sweep_reset(lives->sweep);
    look_at_all(lives);
}

void task_lives_free(struct task_lives *lives)
{
    drop_all(lives);
    lost_hosts_free(lives->lost);
    sweep_free(lives->sweep);
    free(lives->todo);
    free(lives);
}
