/* tasks.c - how tasks end when their agent does not end them, and how records go after their hour.
 *
 *   settle   a task that has its place is PENDING; one wanted stopped is STOPPING until its agent
 *            says STOPPED; without an agent to say it (never placed, host deregistered, a stop the
 *            agent has but knows no task for) it is STOPPED here
 *   lost     a host whose agent is silent for instance_lost_after loses its service tasks
 *            (ARCHITECTURE.md, Lost hosts)
 *   sweep    stopped tasks and gone instances are deleted after task_retention, INACTIVE services
 *            after a day; stopped tasks that are kept longer than task_memory go to the archive then
 */
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/tree.h"
#include "control/parts.h"
#include "core/task.h"
#include "state/archive.h"

#include <sys/queue.h>

#define SETTLE_PER_TXN        40    /* tasks; a transaction takes 100 keys */
#define SETTLE_PER_TURN       400   /* the rest in the next turn of the loop */
#define UNSEEN_STOP_MS        60000 /* AP-222: so long an agent may keep quiet about a stop */
#define LEAD_GRACE_MS         120000
#define RETENTION_DEFAULT_MS  (3600 * 1000)
#define SERVICE_RETENTION_MS  (24 * 3600 * 1000) /* API-156 */
#define SWEEP_MS              60000
#define SWEEP_WAIT_MS         10 /* for the archive, which has enough to do */
#define SWEEP_PER_TURN        500
#define SWEEP_DELETES_PER_TXN 50

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

/* A cluster with hosts that are not connected. */
struct silent_cluster {
    RB_ENTRY(silent_cluster) entry; /* by scope and name */
    const struct scope *scope;
    const char *cluster; /* interned, referenced */
    LIST_HEAD(, silent_host) hosts;
    int64_t count;
};

struct silent_host {
    RB_ENTRY(silent_host) entry; /* by id */
    LIST_ENTRY(silent_host) of_cluster;
    struct silent_cluster *cluster;
    struct task_lives *lives;
    struct id instance;
    struct timer due;
    bool is_held_back; /* its time is over, but too many of the cluster are silent */
};

enum sweep_phase { SWEEP_TASKS, SWEEP_INSTANCES, SWEEP_SERVICES, SWEEP_PHASES };
struct sweep {
    const struct scope *scope;
    char *cluster; /* owned copies: what they name may go between two turns */
    enum sweep_phase phase;
    struct id after;
    bool has_after;
    char *service;
};

struct task_lives {
    struct control *control;
    struct todo *todo; /* a queue: settle takes from `todo_done` on */
    size_t todo_count, todo_capacity, todo_done;
    struct timer settle_timer;
    TAILQ_HEAD(, unseen) unseen; /* in order of due time */
    struct timer unseen_timer;
    RB_HEAD(silent_cluster_tree, silent_cluster) clusters;
    RB_HEAD(silent_host_tree, silent_host) hosts;
    struct sweep sweep;
    struct id moving[ARCHIVE_MOVE_TASKS_MAX]; /* of the sweep's cluster: to the archive with them */
    size_t moving_count;
    struct timer sweep_timer;
};

static int silent_cluster_cmp(const struct silent_cluster *a, const struct silent_cluster *b)
{
    uintptr_t x = (uintptr_t)a->scope, y = (uintptr_t)b->scope;

    if (x != y)
        return x < y ? -1 : 1;
    return strcmp(a->cluster, b->cluster);
}
RB_GENERATE_STATIC(silent_cluster_tree, silent_cluster, entry, silent_cluster_cmp)

static int silent_host_cmp(const struct silent_host *a, const struct silent_host *b)
{
    return id_cmp(&a->instance, &b->instance);
}
RB_GENERATE_STATIC(silent_host_tree, silent_host, entry, silent_host_cmp)

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

/* The first cause keeps its words. */
static void end_task(struct task *task, enum stop_code code, const char *reason, int64_t now_ms)
{
    task_want_stopped(task, code, reason, now_ms);
    task_set_status(task, TASK_STOPPED, now_ms);
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
        end_task(txn_edit_task(txn, task), STOP_CODE_USER_INITIATED, STOPPED_DEREGISTERED, now_ms);
    } else if (task->desired_status != TASK_STOPPED) {
        task_set_status(txn_edit_task(txn, task), TASK_PENDING, now_ms);
    } else if (!is_placed(task)) {
        end_task(txn_edit_task(txn, task), STOP_CODE_NONE, NULL, now_ms);
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

    if (state_is_full(lives->control->state)) {
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

            end_task(txn_edit_task(txn, task), STOP_CODE_NONE, NULL,
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

/* ---- lost hosts ---- */

static struct silent_host *silent_find(struct task_lives *lives, const struct id *instance)
{
    struct silent_host key = {.instance = *instance};

    return RB_FIND(silent_host_tree, &lives->hosts, &key);
}

static struct silent_cluster *silent_cluster_of(struct task_lives *lives, const struct scope *scope,
                                                const char *cluster)
{
    struct silent_cluster key = {.scope = scope, .cluster = cluster};
    struct silent_cluster *found = RB_FIND(silent_cluster_tree, &lives->clusters, &key);

    if (found)
        return found;
    found = xcalloc(1, sizeof(*found));
    found->scope = scope;
    found->cluster = intern(cluster);
    LIST_INIT(&found->hosts);
    RB_INSERT(silent_cluster_tree, &lives->clusters, found);
    return found;
}

static void silent_free(struct task_lives *lives, struct silent_host *host)
{
    struct silent_cluster *cluster = host->cluster;

    timer_stop(&host->due);
    RB_REMOVE(silent_host_tree, &lives->hosts, host);
    LIST_REMOVE(host, of_cluster);
    free(host);
    if (--cluster->count)
        return;
    RB_REMOVE(silent_cluster_tree, &lives->clusters, cluster);
    intern_unref(cluster->cluster);
    free(cluster);
}

/* A service's task is replaced elsewhere; one that was to stop anyway has no one to say that it
 * did. Others stay: nobody replaces them, and their host may come back. */
static bool goes_with_host(const struct task *task)
{
    return task->last_status != TASK_STOPPED &&
           (task->service || task->desired_status == TASK_STOPPED);
}

static void lose_host(struct task_lives *lives, const struct silent_host *host)
{
    struct control *control = lives->control;
    const struct silent_cluster *cluster = host->cluster;
    const struct container_instance *instance =
        state_instance(control->state, cluster->scope, cluster->cluster, &host->instance);
    CLEANUP(str_freep) char *reason = NULL;
    char hex[ID_HEX_SIZE];
    size_t count = 0;

    if (!instance)
        return;
    id_format(&host->instance, hex);
    reason = str_printf(STOPPED_HOST_LOST_FMT,
                        instance->ec2_instance_id ? instance->ec2_instance_id : hex);
    for (int stopped = 0; stopped <= 1; stopped++) {
        struct txn *txn = txn_begin(control->state, cluster->scope);
        const struct task *task = NULL;

        while (
            (task = state_task_after(control->state, cluster->scope, cluster->cluster,
                                     TASKS_BY_INSTANCE, hex, stopped, task ? &task->id : NULL))) {
            if (!goes_with_host(task))
                continue;
            end_task(txn_edit_task(txn, task), STOP_CODE_TERMINATION_NOTICE, reason,
                     control_wall_ms(control));
            count++;
            if (txn_room_keys(txn) > 1)
                continue;
            txn_commit(txn);
            txn = txn_begin(control->state, cluster->scope);
        }
        txn_commit(txn);
    }
    if (count)
        log_warning("host is lost, its service tasks are replaced", "cluster", cluster->cluster,
                    "instance", hex);
}

/* Never while more than a third of a cluster's hosts are silent: then it is rather us, or the
 * network. */
static bool is_believable(struct task_lives *lives, const struct silent_cluster *cluster)
{
    const struct cluster *record =
        state_cluster(lives->control->state, cluster->scope, cluster->cluster);
    struct cluster_counts counts;

    if (!record)
        return false;
    state_cluster_counts(record, &counts);
    return cluster->count * 3 <= counts.instances_registered;
}

static void on_silent_due(void *data)
{
    struct silent_host *host = data;
    struct task_lives *lives = host->lives;

    host->is_held_back = !is_believable(lives, host->cluster);
    if (!host->is_held_back)
        lose_host(lives, host);
}

/* Enough of them are back: those whose time is over are lost after all. */
static void reconsider(struct task_lives *lives, const struct scope *scope, const char *name)
{
    struct silent_cluster key = {.scope = scope, .cluster = name};
    struct silent_cluster *cluster = RB_FIND(silent_cluster_tree, &lives->clusters, &key);
    struct silent_host *host;

    if (!cluster || !is_believable(lives, cluster))
        return;
    LIST_FOREACH(host, &cluster->hosts, of_cluster)
    if (host->is_held_back && !host->due.is_running)
        timer_start(&host->due, lives->control->loop, 0, on_silent_due, host);
}

static void silent_add(struct task_lives *lives, const struct scope *scope,
                       const char *cluster_name, const struct id *instance)
{
    struct control *control = lives->control;
    int64_t now_ms = control_mono_ms(control);
    int64_t since_ms = control->started_mono_ms + LEAD_GRACE_MS;
    struct silent_host *host;

    if (silent_find(lives, instance))
        return;
    host = xcalloc(1, sizeof(*host));
    host->lives = lives;
    host->instance = *instance;
    host->cluster = silent_cluster_of(lives, scope, cluster_name);
    host->cluster->count++;
    LIST_INSERT_HEAD(&host->cluster->hosts, host, of_cluster);
    RB_INSERT(silent_host_tree, &lives->hosts, host);
    if (control->options.instance_lost_after_ms <= 0)
        return;
    if (since_ms < now_ms)
        since_ms = now_ms;
    timer_start(&host->due, control->loop,
                since_ms - now_ms + control->options.instance_lost_after_ms, on_silent_due, host);
}

static bool is_expected(const struct container_instance *instance)
{
    return instance->status == INSTANCE_ACTIVE || instance->status == INSTANCE_DRAINING;
}

void task_lives_follow_instance(struct task_lives *lives, const struct scope *scope,
                                const char *cluster, const struct id *id)
{
    const struct container_instance *instance =
        state_instance(lives->control->state, scope, cluster, id);
    struct silent_host *host = silent_find(lives, id);

    if (instance && is_expected(instance) && !state_instance_connected(instance)) {
        silent_add(lives, scope, cluster, id);
        return;
    }
    if (host)
        silent_free(lives, host);
    reconsider(lives, scope, cluster);
}

/* ---- sweep ---- */

static int64_t retention_ms(const struct task_lives *lives)
{
    return lives->control->options.task_retention_ms > 0 ? lives->control->options.task_retention_ms
                                                         : RETENTION_DEFAULT_MS;
}

static int64_t memory_ms(const struct task_lives *lives)
{
    int64_t ms = lives->control->options.task_memory_ms;

    if (ms <= 0)
        ms = RETENTION_DEFAULT_MS;
    return state_archive(lives->control->state) && ms < retention_ms(lives) ? ms
                                                                            : retention_ms(lives);
}

static bool is_over(const struct task_lives *lives, int64_t ended_at_ms, int64_t kept_ms)
{
    return ended_at_ms && control_wall_ms(lives->control) - ended_at_ms >= kept_ms;
}

/* Each looks at what comes next in its table and may delete it; false at the end of the table. */
static bool sweep_task(struct task_lives *lives, struct txn *txn)
{
    struct sweep *sweep = &lives->sweep;
    const struct task *task =
        state_task_after(lives->control->state, sweep->scope, sweep->cluster, TASKS_BY_CLUSTER,
                         NULL, true, sweep->has_after ? &sweep->after : NULL);

    if (!task)
        return false;
    sweep->after = task->id;
    sweep->has_after = true;
    if (task->last_status != TASK_STOPPED ||
        !is_over(lives, task->rare->stopped_at_ms, memory_ms(lives)))
        return true;
    if (is_over(lives, task->rare->stopped_at_ms, retention_ms(lives)))
        txn_delete_task(txn, task);
    else
        lives->moving[lives->moving_count++] = task->id;
    return true;
}

/* Hands what was collected to the archive, when it is a lot or the last. False: it takes no more
 * now. */
static bool sweep_move(struct task_lives *lives, bool is_last)
{
    if (!lives->moving_count || (!is_last && lives->moving_count < ARCHIVE_MOVE_TASKS_MAX))
        return true;
    if (!archive_move(state_archive(lives->control->state), lives->sweep.scope,
                      lives->sweep.cluster, lives->moving, lives->moving_count))
        return false;
    lives->moving_count = 0;
    return true;
}

static bool sweep_instance(struct task_lives *lives, struct txn *txn)
{
    const struct container_instance *instance =
        state_gone_instance_first(lives->control->state, lives->sweep.scope, lives->sweep.cluster);

    if (!instance || !is_over(lives, instance->deregistered_at_ms, retention_ms(lives)))
        return false;
    txn_delete_instance(txn, instance);
    return true;
}

static bool sweep_service(struct task_lives *lives, struct txn *txn)
{
    struct sweep *sweep = &lives->sweep;
    const struct service *service =
        state_service_after(lives->control->state, sweep->scope, sweep->cluster, sweep->service);

    if (!service)
        return false;
    free(sweep->service);
    sweep->service = str_dup(service->name);
    if (service->status == SERVICE_INACTIVE &&
        is_over(lives, service->deleted_at_ms, SERVICE_RETENTION_MS))
        txn_delete_service(txn, service);
    return true;
}

static bool (*const sweep_next[])(struct task_lives *, struct txn *) = {
    [SWEEP_TASKS] = sweep_task,
    [SWEEP_INSTANCES] = sweep_instance,
    [SWEEP_SERVICES] = sweep_service,
};

static void sweep_rewind(struct sweep *sweep)
{
    sweep->has_after = false;
    free(sweep->service);
    sweep->service = NULL;
}

/* The next table of this cluster, else the next cluster, else the next scope; false at the end of
 * all. */
static bool sweep_advance(struct task_lives *lives)
{
    struct sweep *sweep = &lives->sweep;
    struct state *state = lives->control->state;
    const struct cluster *cluster = NULL;

    sweep_rewind(sweep);
    if (sweep->cluster && ++sweep->phase < SWEEP_PHASES)
        return true;
    sweep->phase = SWEEP_TASKS;
    while (!cluster) {
        if (sweep->scope)
            cluster = state_cluster_after(state, sweep->scope, sweep->cluster);
        if (cluster)
            break;
        free(sweep->cluster);
        sweep->cluster = NULL;
        sweep->scope = state_scope_after(state, sweep->scope);
        if (!sweep->scope)
            return false;
    }
    free(sweep->cluster);
    sweep->cluster = str_dup(cluster->name);
    return true;
}

static void on_sweep(void *data);

/* All has been looked at. */
static void sweep_end(struct task_lives *lives)
{
    struct archive *archive = state_archive(lives->control->state);
    int64_t again_ms = memory_ms(lives) / 4 < SWEEP_MS ? memory_ms(lives) / 4 : SWEEP_MS;

    if (archive)
        archive_drop(archive, control_wall_ms(lives->control) - retention_ms(lives));
    timer_start(&lives->sweep_timer, lives->control->loop, again_ms, on_sweep, lives);
}

static void on_sweep(void *data)
{
    struct task_lives *lives = data;
    struct state *state = lives->control->state;
    bool is_waiting = false;
    struct txn *txn = NULL;

    for (int n = 0; n < SWEEP_PER_TURN && !state_is_full(state) && !is_waiting; n++) {
        is_waiting = !sweep_move(lives, false);
        if (is_waiting)
            break;
        if (lives->sweep.cluster) {
            if (!txn)
                txn = txn_begin(state, lives->sweep.scope);
            if (sweep_next[lives->sweep.phase](lives, txn)) {
                if (txn_room_keys(txn) > STORE_TXN_KEYS_MAX - SWEEP_DELETES_PER_TXN)
                    continue;
                break; /* enough for one transaction */
            }
        }
        if (txn)
            txn_commit(txn);
        txn = NULL;
        is_waiting = !sweep_move(lives, true);
        if (!is_waiting && !sweep_advance(lives)) {
            sweep_end(lives);
            return;
        }
    }
    if (txn)
        txn_commit(txn);
    timer_start(&lives->sweep_timer, lives->control->loop, is_waiting ? SWEEP_WAIT_MS : 1, on_sweep,
                lives);
}

/* ---- what happens ---- */

static void look_at_instance(struct task_lives *lives, const struct scope *scope,
                             const struct container_instance *instance)
{
    char hex[ID_HEX_SIZE];

    task_lives_follow_instance(lives, scope, instance->cluster, &instance->id);
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
    RB_INIT(&lives->clusters);
    RB_INIT(&lives->hosts);
    look_at_all(lives);
    timer_start(&lives->sweep_timer, control->loop, 1, on_sweep, lives);
    return lives;
}

static void drop_all(struct task_lives *lives)
{
    struct silent_host *host, *next;

    RB_FOREACH_SAFE (host, silent_host_tree, &lives->hosts, next)
        silent_free(lives, host);
    while (!TAILQ_EMPTY(&lives->unseen))
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it takes each off the queue */
        unseen_free(lives, TAILQ_FIRST(&lives->unseen));
    for (; lives->todo_done < lives->todo_count; lives->todo_done++)
        intern_unref(lives->todo[lives->todo_done].cluster);
    lives->todo_done = lives->todo_count = 0;
    timer_stop(&lives->unseen_timer);
    timer_stop(&lives->settle_timer);
    lives->moving_count = 0;
    sweep_rewind(&lives->sweep);
    free(lives->sweep.cluster);
    lives->sweep = (struct sweep){0};
}

void task_lives_reset(struct task_lives *lives)
{
    drop_all(lives);
    look_at_all(lives);
}

void task_lives_free(struct task_lives *lives)
{
    drop_all(lives);
    timer_stop(&lives->sweep_timer);
    free(lives->todo);
    free(lives);
}
