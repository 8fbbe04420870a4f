/* feed.h - the inside of the feed of events: a ring of rows for each scope, one for each
 * transaction that changed what is told.
 *
 *     place  0    1    2    3 ...                       FEED_ROWS_MAX - 1
 *           |row |row |row |row |....|row |           |
 *                  '- newest  '- oldest, replaced by the next
 *
 * A row is written in the transaction whose changes it holds, over the oldest one, so that the ring
 * costs one write and no deletion. In memory rows are as they are stored. Numbers go on from the
 * newest row after a restart, so none is given twice.
 */
#ifndef BERTH_STATE_FEED_H
#define BERTH_STATE_FEED_H

#include "state/journal.h"
#include "state/state.h"

struct feed_place {
    int64_t first;  /* number of its first entry; 0: nothing is here */
    uint32_t count; /* of its entries */
    uint32_t len;
    void *bytes; /* the row as it is stored */
};

/* In pieces, so that none is ever moved. */
#define FEED_PIECE_PLACES 1024
#define FEED_PIECES       (FEED_ROWS_MAX / FEED_PIECE_PLACES)

struct feed {
    struct feed_place *pieces[FEED_PIECES]; /* NULL: nothing is there yet */
    uint32_t row_count;                     /* up to the newest, without a gap */
    uint32_t next_place;                    /* behind the newest */
    int64_t last;                           /* the newest number given */
    int64_t last_durable;                   /* the newest that readers may see */
};

/* Of a row that is being loaded: in the order of their places. False if it is there twice. */
bool feed_load(struct feed *feed, const struct feed_row *row, const void *bytes, size_t len);
/* All rows are loaded: what was there is durable. */
void feed_loaded(struct feed *feed);
void feed_drop(struct feed *feed);

/* What a row may take of a transaction's room. */
#define FEED_ROW_KEYS  1
#define FEED_ROW_BYTES (64 * 1024)

struct txn;
/* Puts the row of a transaction that is being committed to the open transaction of the journal.
 * Returns the newest number; 0: it changed nothing that is told. */
int64_t feed_put(const struct txn *txn, struct buf *key, struct buf *value);
void feed_durable(struct feed *feed, int64_t last);

#endif
