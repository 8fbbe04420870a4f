/* bulk.h - append-only segments: for what is much, old, and goes by its age (stopped tasks after
 * their hour). Never in the state store, never in memory.
 *
 *     FOLDER/0000000000000001.seg   rows as they came, then an index of them by key: sealed
 *     FOLDER/0000000000000002.seg   rows as they come; its index (8 bytes a row) is in memory
 *
 * A row is found by its key in time that grows with the logarithm of a segment and with the number
 * of segments. Rows of the same key replace each other, the last one counts. What is dropped is
 * dropped by whole segments.
 *
 * Threads    Every function may wait for the disk, none is for the loop's thread; all but open and
 *            close may be called from several threads.
 * Errors     API_SERVER. An append is durable when it returns; after a crash or an error a part of
 *            its rows may be there, never a part of a row. Rows whose bytes were damaged are errors
 *            when they are met.
 */
#ifndef BERTH_STORE_BULK_H
#define BERTH_STORE_BULK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

#define BULK_KEY_BYTES_MAX   1024
#define BULK_VALUE_BYTES_MAX (512 * 1024)

struct bulk;

struct bulk_row {
    const void *key, *value;
    uint32_t key_len, value_len;
    int64_t at_ms; /* its age is counted from then */
};

/* Makes the folder if it is missing. A new segment begins when one is larger than `segment_bytes`;
 * what a crash left half-written is cut off. */
MUST_USE struct error *bulk_open(const char *folder, uint64_t segment_bytes,
                                 struct bulk **ret_bulk);
void bulk_close(struct bulk *bulk);

MUST_USE struct error *bulk_append(struct bulk *bulk, const struct bulk_row *rows, size_t count);

/* Fills `ret_value`, cleared before, if it is there. */
MUST_USE struct error *bulk_get(struct bulk *bulk, const void *key, size_t key_len,
                                struct buf *ret_value, bool *ret_found);

/* The rows whose keys start with `prefix`, downwards from the last, or from the last before the key
 * `below` if that is not NULL. `each` returns false to stop; the row is lent for the call. */
typedef bool bulk_each_fn(const struct bulk_row *row, void *data);
MUST_USE struct error *bulk_walk_down(struct bulk *bulk, const void *prefix, size_t prefix_len,
                                      const void *below, size_t below_len, bulk_each_fn *each,
                                      void *data);

/* Deletes the segments all of whose rows are from before `at_ms`. */
MUST_USE struct error *bulk_drop(struct bulk *bulk, int64_t at_ms);

struct bulk_stats {
    uint64_t segments, rows, bytes;
};
void bulk_stats(struct bulk *bulk, struct bulk_stats *ret);

#endif
