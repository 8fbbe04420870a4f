#include "state/journal.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"

/* Answers without a batch may ask for more of their kind: so often within a turn. */
#define READY_ROUNDS_A_TURN 16

struct waiters {
    struct waiter {
        journal_fn *fn;
        void *data;
    } * items;
    size_t count, capacity;
};

/* Belongs to the loop while it collects, to the store thread while it commits; `waiters` always to
 * the loop. */
struct batch {
    struct arena arena; /* keys and values */
    size_t bytes;
    struct store_op *ops;
    size_t op_count, op_capacity;
    struct store_txn *txns; /* `ops` are set when the batch is complete: the array may still move */
    size_t txn_count, txn_capacity;
    struct waiters waiters;
    struct error *err;
    double took_ms;
};

struct journal {
    struct loop *loop;
    struct store *store;
    struct journal_owner owner;
    struct batch batches[2];
    struct batch *collecting; /* never NULL */
    struct batch *in_flight;  /* NULL: the store thread is idle */
    struct waiters ready;     /* rest on nothing that is under way */
    bool is_txn_open;
    bool is_wake_asked; /* a callback of ours is on its way to the loop */
    bool is_closed;
    unsigned running;   /* callbacks in callbacks */
    unsigned callbacks; /* on their way to the loop: the memory stays until they have run */
    struct journal_stats stats;

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct batch *submitted; /* under lock, as is all below */
    bool is_stopping;
};

static void waiters_add(struct waiters *waiters, journal_fn *fn, void *data)
{
    ARRAY_GROW(waiters->items, waiters->count, waiters->capacity);
    waiters->items[waiters->count++] = (struct waiter){fn, data};
}

/* Empties the list first: a callback may add to it. */
static void waiters_run(struct journal *journal, struct waiters *waiters, const struct error *err)
{
    struct waiters all = *waiters;

    *waiters = (struct waiters){0};
    journal->running++;
    for (size_t i = 0; i < all.count; i++)
        all.items[i].fn(err, all.items[i].data);
    journal->running--;
    if (!waiters->items) { /* keep the memory for the next turn */
        all.count = 0;
        *waiters = all;
    } else {
        free(all.items);
    }
}

static void batch_clear(struct batch *batch)
{
    assert(batch->waiters.count == 0);
    arena_reset(&batch->arena);
    batch->bytes = batch->op_count = batch->txn_count = 0;
    error_free(batch->err);
    batch->err = NULL;
}

static void batch_done(struct batch *batch)
{
    batch_clear(batch);
    arena_done(&batch->arena);
    free(batch->ops);
    free(batch->txns);
    free(batch->waiters.items);
}

/* The store thread */

static void on_batch_done(void *data);

static double elapsed_ms(const struct timespec *since)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - since->tv_sec) * 1e3 +
           (double)(now.tv_nsec - since->tv_nsec) / 1e6;
}

static void commit(struct journal *journal, struct batch *batch)
{
    struct timespec start;

    clock_gettime(CLOCK_MONOTONIC, &start);
    batch->err = store_commit(journal->store, batch->txns, batch->txn_count);
    batch->took_ms = elapsed_ms(&start);
}

static void *run_store_thread(void *data)
{
    struct journal *journal = data;

    pthread_setname_np(pthread_self(), "store");
    pthread_mutex_lock(&journal->lock);
    for (;;) {
        while (!journal->submitted && !journal->is_stopping)
            pthread_cond_wait(&journal->work, &journal->lock);
        if (!journal->submitted)
            break;
        struct batch *batch = TAKE(journal->submitted);
        pthread_mutex_unlock(&journal->lock);
        commit(journal, batch);
        loop_post(journal->loop, on_batch_done, journal);
        pthread_mutex_lock(&journal->lock);
    }
    pthread_mutex_unlock(&journal->lock);
    return NULL;
}

/* Signals are the main thread's. */
static void start_thread(struct journal *journal)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&journal->thread, NULL, run_store_thread, journal);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) {
        log_error("cannot start the store thread", "error", strerror(rc));
        abort();
    }
}

/* The loop's side */

static void unref(struct journal *journal)
{
    if (!journal->is_closed || journal->callbacks > 0)
        return;
    pthread_mutex_destroy(&journal->lock);
    pthread_cond_destroy(&journal->work);
    free(journal);
}

static void on_wake(void *data)
{
    struct journal *journal = data;

    journal->is_wake_asked = false;
    journal->callbacks--;
    unref(journal);
}

/* What is put after the hooks of a turn ran would wait for chance: ask for one more turn's end. */
static void ask_turn_end(struct journal *journal)
{
    if (journal->is_wake_asked || journal->is_closed)
        return;
    journal->is_wake_asked = true;
    journal->callbacks++;
    loop_defer(journal->loop, on_wake, journal);
}

static void submit(struct journal *journal)
{
    struct batch *batch = journal->collecting;
    struct store_op *ops = batch->ops;

    for (size_t i = 0; i < batch->txn_count; i++) {
        batch->txns[i].ops = ops;
        ops += batch->txns[i].count;
    }
    journal->in_flight = batch;
    journal->collecting = &journal->batches[batch == &journal->batches[0]];
    journal->callbacks++; /* on_batch_done() */
    pthread_mutex_lock(&journal->lock);
    journal->submitted = batch;
    pthread_cond_signal(&journal->work);
    pthread_mutex_unlock(&journal->lock);
}

static void on_turn_end(void *data)
{
    struct journal *journal = data;

    for (int round = 0; round < READY_ROUNDS_A_TURN && journal->ready.count > 0; round++)
        waiters_run(journal, &journal->ready, NULL);
    if (journal->ready.count > 0)
        ask_turn_end(journal);
    if (!journal->in_flight && journal->collecting->txn_count > 0)
        submit(journal);
}

static void count_batch(struct journal *journal, const struct batch *batch)
{
    struct journal_stats *stats = &journal->stats;

    stats->last_batch_ms = batch->took_ms;
    if (batch->took_ms > stats->max_batch_ms)
        stats->max_batch_ms = batch->took_ms;
    if (batch->err) {
        stats->failed_batches++;
        return;
    }
    stats->batches++;
    stats->transactions += batch->txn_count;
    stats->rows += batch->op_count;
}

/* What the next batch holds rests on the one that failed: it is lost with it. */
static void fail(struct journal *journal, struct batch *batch)
{
    struct error *err = TAKE(batch->err);
    struct waiters lost[] = {batch->waiters, journal->collecting->waiters};

    log_error("the store refused a batch, state is read again", "error", err->message);
    batch->waiters = journal->collecting->waiters = (struct waiters){0};
    batch_clear(batch);
    batch_clear(journal->collecting);
    journal->owner.failed(err, journal->owner.data);
    for (size_t i = 0; i < ARRAY_LEN(lost); i++) {
        waiters_run(journal, &lost[i], err);
        free(lost[i].items);
    }
    journal->owner.recovered(journal->owner.data);
    error_free(err);
}

static void on_batch_done(void *data)
{
    struct journal *journal = data;
    struct batch *batch = journal->in_flight;

    journal->callbacks--;
    if (journal->is_closed) {
        unref(journal);
        return;
    }
    assert(!journal->is_txn_open);
    journal->in_flight = NULL;
    count_batch(journal, batch);
    if (batch->err) {
        fail(journal, batch);
        return;
    }
    /* A callback may begin transactions and wait for them: those belong to the batch collecting. */
    waiters_run(journal, &batch->waiters, NULL);
    batch_clear(batch);
}

void journal_begin(struct journal *journal)
{
    struct batch *batch = journal->collecting;

    assert(!journal->is_txn_open);
    journal->is_txn_open = true;
    ARRAY_GROW(batch->txns, batch->txn_count, batch->txn_capacity);
    batch->txns[batch->txn_count++] = (struct store_txn){0};
    ask_turn_end(journal);
}

static void *keep(struct batch *batch, const struct buf *bytes)
{
    void *copy = arena_alloc(&batch->arena, bytes->len ? bytes->len : 1);

    if (bytes->len)
        memcpy(copy, bytes->data, bytes->len);
    batch->bytes += bytes->len;
    return copy;
}

static void put(struct journal *journal, const struct buf *key, const struct buf *value)
{
    struct batch *batch = journal->collecting;
    struct store_txn *txn = &batch->txns[batch->txn_count - 1];
    struct store_op *op = NULL;

    assert(journal->is_txn_open);
    for (size_t i = batch->op_count - txn->count; i < batch->op_count; i++)
        if (batch->ops[i].key_len == key->len && !memcmp(batch->ops[i].key, key->data, key->len))
            op = &batch->ops[i];
    if (!op) {
        ARRAY_GROW(batch->ops, batch->op_count, batch->op_capacity);
        op = &batch->ops[batch->op_count++];
        txn->count++;
        *op = (struct store_op){.key = keep(batch, key), .key_len = (uint32_t)key->len};
    }
    op->value = value ? keep(batch, value) : NULL;
    op->value_len = value ? (uint32_t)value->len : 0;
}

void journal_put(struct journal *journal, const struct buf *key, const struct buf *value)
{
    put(journal, key, value);
}

void journal_delete(struct journal *journal, const struct buf *key)
{
    put(journal, key, NULL);
}

void journal_end(struct journal *journal)
{
    assert(journal->is_txn_open);
    journal->is_txn_open = false;
}

void journal_when_durable(struct journal *journal, journal_fn *fn, void *data)
{
    if (journal->collecting->txn_count > 0) {
        waiters_add(&journal->collecting->waiters, fn, data);
    } else if (journal->in_flight) {
        waiters_add(&journal->in_flight->waiters, fn, data);
    } else {
        waiters_add(&journal->ready, fn, data);
        ask_turn_end(journal);
    }
}

static size_t queue_depth(const struct journal *journal)
{
    return journal->collecting->txn_count +
           (journal->in_flight ? journal->in_flight->txn_count : 0);
}

bool journal_is_full(const struct journal *journal)
{
    size_t bytes =
        journal->collecting->bytes + (journal->in_flight ? journal->in_flight->bytes : 0);

    return queue_depth(journal) >= JOURNAL_TXNS_MAX || bytes >= JOURNAL_BYTES_MAX;
}

void journal_stats(const struct journal *journal, struct journal_stats *ret)
{
    *ret = journal->stats;
    ret->queue_depth = queue_depth(journal);
}

struct journal *journal_new(struct loop *loop, struct store *store,
                            const struct journal_owner *owner)
{
    struct journal *journal = xcalloc(1, sizeof(*journal));

    journal->loop = loop;
    journal->store = store;
    journal->owner = *owner;
    journal->collecting = &journal->batches[0];
    pthread_mutex_init(&journal->lock, NULL);
    pthread_cond_init(&journal->work, NULL);
    start_thread(journal);
    loop_on_turn_end(loop, on_turn_end, journal);
    return journal;
}

/* Callbacks may still put and wait: that goes the same way. */
static void refuse_all(struct journal *journal, const struct error *in_flight_err)
{
    struct error *err = error_new(API_SERVER, "the server is shutting down");

    if (journal->in_flight)
        waiters_run(journal, &journal->in_flight->waiters, in_flight_err);
    journal->in_flight = NULL;
    while (journal->ready.count > 0 || journal->collecting->waiters.count > 0) {
        waiters_run(journal, &journal->ready, in_flight_err);
        waiters_run(journal, &journal->collecting->waiters, err);
    }
    error_free(err);
}

void journal_close(struct journal *journal)
{
    if (!journal)
        return;
    assert(journal->running == 0 && !journal->is_txn_open);
    pthread_mutex_lock(&journal->lock);
    journal->is_stopping = true;
    pthread_cond_signal(&journal->work);
    pthread_mutex_unlock(&journal->lock);
    pthread_join(journal->thread, NULL);
    loop_off_turn_end(journal->loop, on_turn_end, journal);
    journal->is_closed = true;
    refuse_all(journal, journal->in_flight ? journal->in_flight->err : NULL);
    batch_done(&journal->batches[0]);
    batch_done(&journal->batches[1]);
    free(journal->ready.items);
    unref(journal);
}
