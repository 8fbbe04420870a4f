/* journal.h - makes transactions durable: the batches of loop turns, the store thread, who waits
 * for what.
 *
 * The transactions of one turn are one batch, committed by a thread of its own. While it is at work
 * the turns that follow collect the next batch, so that one sync of the disk serves every request
 * that came meanwhile. Waiting callbacks run on the loop, in the order they were asked for.
 *
 *     turn 1: put, put, wait --batch 1--> store thread: commit, sync --.
 *     turn 2: put, wait ------batch 2 waits for batch 1                |
 *     turn 3: <--------------------------------------------------------'  waits of batch 1 run;
 * batch 2 goes
 *
 * Errors     After a batch fails no other is tried: `failed` runs (memory must be read again from
 * the store, whose thread is idle then), every callback waiting gets the error, then `recovered`
 * runs. Limits     JOURNAL_TXNS_MAX and JOURNAL_BYTES_MAX not yet durable: from there on
 * journal_is_full() and callers refuse what would add to it.
 */
#ifndef BERTH_STATE_JOURNAL_H
#define BERTH_STATE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "net/loop.h"
#include "store/store.h"

#define JOURNAL_TXNS_MAX  65536
#define JOURNAL_BYTES_MAX (64 * 1024 * 1024)

struct journal;

struct journal_owner {
    void (*failed)(const struct error *err, void *data);
    void (*recovered)(void *data);
    void *data;
};

/* `store` is lent; only the journal's thread commits to it until journal_close(). */
struct journal *journal_new(struct loop *loop, struct store *store,
                            const struct journal_owner *owner);
/* Waits for the batch under way; what came after it is refused, its callbacks get an error. Not to
 * be called from a callback of the journal's. */
void journal_close(struct journal *journal);

/* A transaction: begun, filled, ended, all in one callback. A key put twice in it keeps the last
 * value. */
void journal_begin(struct journal *journal);
void journal_put(struct journal *journal, const struct buf *key, const struct buf *value);
void journal_delete(struct journal *journal, const struct buf *key);
void journal_end(struct journal *journal);

/* Runs `fn` when all that was put so far is durable (err NULL) or lost; at this turn's end if it is
 * by then. */
typedef void journal_fn(const struct error *err, void *data);
void journal_when_durable(struct journal *journal, journal_fn *fn, void *data);

bool journal_is_full(const struct journal *journal);

struct journal_stats {
    uint64_t batches, transactions, rows, failed_batches;
    double last_batch_ms, max_batch_ms; /* in the store */
    size_t queue_depth;                 /* transactions not yet durable */
};
void journal_stats(const struct journal *journal, struct journal_stats *ret);

#endif
