#include "state/state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/intern.h"
#include "base/log.h"
#include "base/mem.h"
#include "state/archive.h"
#include "state/txn.h"

#define REST_FIRST_MS 100
#define REST_MAX_MS   5000

/* Instances whose agents are connected: sessions outlive a reload, records do not. */
struct connected {
    struct connected_instance {
        struct scope_home *scope;
        const char *cluster; /* interned, referenced */
        struct id id;
    } * items;
    size_t count, capacity;
};

static void connected_save(struct state *state, struct connected *ret)
{
    for (struct scope_home *scope = scope_home_after(state, NULL); scope;
         scope = scope_home_after(state, scope))
        for (struct cluster_home *cluster = cluster_home_after(scope, NULL); cluster;
             cluster = cluster_home_after(scope, cluster)) {
            const struct container_instance *instance = NULL;
            while ((instance = state_instance_after(state, &scope->scope, cluster->name,
                                                    instance ? &instance->id : NULL))) {
                if (!state_instance_connected(instance))
                    continue;
                ARRAY_GROW(ret->items, ret->count, ret->capacity);
                ret->items[ret->count++] =
                    (struct connected_instance){scope, intern_ref(cluster->name), instance->id};
            }
        }
}

static void connected_restore(struct state *state, struct connected *connected)
{
    for (size_t i = 0; i < connected->count; i++) {
        struct connected_instance *item = &connected->items[i];
        const struct container_instance *instance =
            state_instance(state, &item->scope->scope, item->cluster, &item->id);
        if (instance)
            state_set_instance_connected(state, instance, true);
        intern_unref(item->cluster);
    }
    free(connected->items);
}

/* A disk that is full stays so for a while: reconcilers rest longer after each refusal, else they
 * would try again at once, and be told to look at everything again, without end. */
static void rest(struct state *state)
{
    struct journal_stats stats;
    int64_t rest_ms = REST_FIRST_MS;

    journal_stats(state->journal, &stats);
    if (stats.batches != state->batches_at_refusal)
        state->refusals = 0;
    state->batches_at_refusal = stats.batches;
    for (int n = 0; n < state->refusals && rest_ms < REST_MAX_MS; n++)
        rest_ms *= 2;
    state->refusals++;
    state->resting_until_mono_ms =
        clock_mono_ms(state->clock) + (rest_ms < REST_MAX_MS ? rest_ms : REST_MAX_MS);
}

/* A server that cannot read its state has nothing to say; one that starts again may. */
static void on_failed(const struct error *failure, void *data)
{
    struct state *state = data;
    struct connected connected = {0};
    struct error *err;

    (void)failure;
    rest(state);
    connected_save(state, &connected);
    state_drop(state);
    err = state_load(state);
    if (err) {
        log_error("state cannot be read back, ending", "error", err->message);
        _exit(EXIT_FAILURE);
    }
    connected_restore(state, &connected);
    state_sweep_orphans(state);
}

static void on_recovered(void *data)
{
    changes_reset(data);
}

struct error *state_open(struct loop *loop, struct store *store, const struct clock *clock,
                         struct rng *rng, struct state **ret_state)
{
    struct state *state = xcalloc(1, sizeof(*state));
    struct error *err;

    STAILQ_INIT(&state->unused_definitions);
    state->loop = loop;
    state->store = store;
    state->clock = clock;
    state->rng = rng;
    state->backups = backups_new();
    err = state_load(state);
    if (err) {
        state_close(state);
        return err;
    }
    state->journal = journal_new(loop, store,
                                 &(struct journal_owner){
                                     .failed = on_failed,
                                     .recovered = on_recovered,
                                     .data = state,
                                 });
    state_sweep_orphans(state);
    *ret_state = state;
    return NULL;
}

void state_close(struct state *state)
{
    if (!state)
        return;
    assert(!state->txn);
    state->is_closing = true;
    journal_close(state->journal);
    backups_close(state->backups);
    archive_close(state->archive);
    store_close(state->store);
    state_drop(state);
    scopes_free(state);
    free(state);
}

const struct clock *state_clock(const struct state *state)
{
    return state->clock;
}

struct rng *state_rng(const struct state *state)
{
    return state->rng;
}

void state_stats(const struct state *state, struct state_stats *ret)
{
    struct journal_stats journal;

    journal_stats(state->journal, &journal);
    *ret = (struct state_stats){
        .batches = journal.batches,
        .transactions = journal.transactions,
        .rows = journal.rows,
        .failed_batches = journal.failed_batches,
        .tasks = state->counts[RECORD_TASK],
        .instances = state->counts[RECORD_CONTAINER_INSTANCE],
        .services = state->counts[RECORD_SERVICE],
        .clusters = state->counts[RECORD_CLUSTER],
        .task_definitions = state->counts[RECORD_TASK_DEFINITION],
        .last_batch_ms = journal.last_batch_ms,
        .max_batch_ms = journal.max_batch_ms,
        .queue_depth = journal.queue_depth,
    };
}
