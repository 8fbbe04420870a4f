/* sweep.c - stopped tasks and gone instances are deleted after task_retention, INACTIVE services
 * after a day; stopped tasks that are kept longer than task_memory go to the archive then. */
#include "control/sweep.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "state/archive.h"

#define RETENTION_DEFAULT_MS  (3600 * 1000)
#define SERVICE_RETENTION_MS  (24 * 3600 * 1000) /* API-156 */
#define SWEEP_MS              60000
#define SWEEP_WAIT_MS         10 /* for the archive, which has enough to do */
#define SWEEP_PER_TURN        500
#define SWEEP_DELETES_PER_TXN 50

enum sweep_phase { SWEEP_TASKS, SWEEP_INSTANCES, SWEEP_SERVICES, SWEEP_PHASES };
/* What comes next. */
struct place {
    const struct scope *scope;
    char *cluster; /* owned copies: what they name may go between two turns */
    enum sweep_phase phase;
    struct id after;
    bool has_after;
    char *service;
};

struct sweep {
    struct control *control;
    struct place place;
    struct id moving[ARCHIVE_MOVE_TASKS_MAX]; /* of that cluster: to the archive with them */
    size_t moving_count;
    struct timer timer;
};

static int64_t retention_ms(const struct sweep *sweep)
{
    return sweep->control->options.task_retention_ms > 0 ? sweep->control->options.task_retention_ms
                                                         : RETENTION_DEFAULT_MS;
}

static int64_t memory_ms(const struct sweep *sweep)
{
    int64_t ms = sweep->control->options.task_memory_ms;

    if (ms <= 0)
        ms = RETENTION_DEFAULT_MS;
    return state_archive(sweep->control->state) && ms < retention_ms(sweep) ? ms
                                                                            : retention_ms(sweep);
}

static bool is_over(const struct sweep *sweep, int64_t ended_at_ms, int64_t kept_ms)
{
    return ended_at_ms && control_wall_ms(sweep->control) - ended_at_ms >= kept_ms;
}

/* Each looks at what comes next in its table and may delete it; false at the end of the table. */
static bool sweep_task(struct sweep *sweep, struct txn *txn)
{
    struct place *place = &sweep->place;
    const struct task *task =
        state_task_after(sweep->control->state, place->scope, place->cluster, TASKS_BY_CLUSTER,
                         NULL, true, place->has_after ? &place->after : NULL);

    if (!task)
        return false;
    place->after = task->id;
    place->has_after = true;
    if (task->last_status != TASK_STOPPED ||
        !is_over(sweep, task->rare->stopped_at_ms, memory_ms(sweep)))
        return true;
    if (is_over(sweep, task->rare->stopped_at_ms, retention_ms(sweep)))
        txn_delete_task(txn, task);
    else
        sweep->moving[sweep->moving_count++] = task->id;
    return true;
}

/* Hands what was collected to the archive, when it is a lot or the last. False: it takes no more
 * now. */
static bool sweep_move(struct sweep *sweep, bool is_last)
{
    if (!sweep->moving_count || (!is_last && sweep->moving_count < ARCHIVE_MOVE_TASKS_MAX))
        return true;
    if (!archive_move(state_archive(sweep->control->state), sweep->place.scope,
                      sweep->place.cluster, sweep->moving, sweep->moving_count))
        return false;
    sweep->moving_count = 0;
    return true;
}

static bool sweep_instance(struct sweep *sweep, struct txn *txn)
{
    const struct container_instance *instance =
        state_gone_instance_first(sweep->control->state, sweep->place.scope, sweep->place.cluster);

    if (!instance || !is_over(sweep, instance->deregistered_at_ms, retention_ms(sweep)))
        return false;
    txn_delete_instance(txn, instance);
    return true;
}

static bool sweep_service(struct sweep *sweep, struct txn *txn)
{
    struct place *place = &sweep->place;
    const struct service *service =
        state_service_after(sweep->control->state, place->scope, place->cluster, place->service);

    if (!service)
        return false;
    free(place->service);
    place->service = str_dup(service->name);
    if (service->status == SERVICE_INACTIVE &&
        is_over(sweep, service->deleted_at_ms, SERVICE_RETENTION_MS))
        txn_delete_service(txn, service);
    return true;
}

static bool (*const sweep_next[])(struct sweep *, struct txn *) = {
    [SWEEP_TASKS] = sweep_task,
    [SWEEP_INSTANCES] = sweep_instance,
    [SWEEP_SERVICES] = sweep_service,
};

static void rewind_place(struct place *place)
{
    place->has_after = false;
    free(place->service);
    place->service = NULL;
}

/* The next table of this cluster, else the next cluster, else the next scope; false at the end of
 * all. */
static bool sweep_advance(struct sweep *sweep)
{
    struct place *place = &sweep->place;
    struct state *state = sweep->control->state;
    const struct cluster *cluster;

    rewind_place(place);
    if (place->cluster && ++place->phase < SWEEP_PHASES)
        return true;
    place->phase = SWEEP_TASKS;
    for (;;) {
        cluster = place->scope ? state_cluster_after(state, place->scope, place->cluster) : NULL;
        if (cluster)
            break;
        free(place->cluster);
        place->cluster = NULL;
        place->scope = state_scope_after(state, place->scope);
        if (!place->scope)
            return false;
    }
    free(place->cluster);
    place->cluster = str_dup(cluster->name);
    return true;
}

static void on_sweep(void *data);

/* All has been looked at. */
static void sweep_end(struct sweep *sweep)
{
    struct archive *archive = state_archive(sweep->control->state);
    int64_t again_ms = memory_ms(sweep) / 4 < SWEEP_MS ? memory_ms(sweep) / 4 : SWEEP_MS;

    if (archive)
        archive_drop(archive, control_wall_ms(sweep->control) - retention_ms(sweep));
    timer_start(&sweep->timer, sweep->control->loop, again_ms, on_sweep, sweep);
}

static void on_sweep(void *data)
{
    struct sweep *sweep = data;
    struct state *state = sweep->control->state;
    bool is_waiting = false;
    struct txn *txn = NULL;

    for (int n = 0; n < SWEEP_PER_TURN && !state_is_resting(state) && !is_waiting; n++) {
        is_waiting = !sweep_move(sweep, false);
        if (is_waiting)
            break;
        if (sweep->place.cluster) {
            if (!txn)
                txn = txn_begin(state, sweep->place.scope);
            if (sweep_next[sweep->place.phase](sweep, txn)) {
                if (txn_room_keys(txn) > STORE_TXN_KEYS_MAX - SWEEP_DELETES_PER_TXN)
                    continue;
                break; /* enough for one transaction */
            }
        }
        if (txn)
            txn_commit(txn);
        txn = NULL;
        is_waiting = !sweep_move(sweep, true);
        if (!is_waiting && !sweep_advance(sweep)) {
            sweep_end(sweep);
            return;
        }
    }
    if (txn)
        txn_commit(txn);
    timer_start(&sweep->timer, sweep->control->loop, is_waiting ? SWEEP_WAIT_MS : 1, on_sweep,
                sweep);
}

/* ---- the part ---- */

struct sweep *sweep_new(struct control *control)
{
    struct sweep *sweep = xcalloc(1, sizeof(*sweep));

    sweep->control = control;
    timer_start(&sweep->timer, control->loop, 1, on_sweep, sweep);
    return sweep;
}

void sweep_reset(struct sweep *sweep)
{
    rewind_place(&sweep->place);
    free(sweep->place.cluster);
    sweep->place = (struct place){0};
    sweep->moving_count = 0;
}

void sweep_free(struct sweep *sweep)
{
    sweep_reset(sweep);
    timer_stop(&sweep->timer);
    free(sweep);
}
