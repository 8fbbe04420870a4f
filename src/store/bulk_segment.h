/* bulk_segment.h - one file of bulk.h: rows, and how they are found by key. Not for several
 * threads.
 *
 *     "BERTHSG1"  row row row ...  [offsets of the rows by key, trailer]
 *
 * Numbers are in the byte order of the machine that wrote them. The index is written when the
 * segment is sealed; before that it is in memory, and made again from the rows when it is opened.
 */
#ifndef BERTH_STORE_BULK_SEGMENT_H
#define BERTH_STORE_BULK_SEGMENT_H

#include "store/bulk.h"

struct segment {
    int fd;
    char *file;
    uint64_t number; /* later segments have higher ones */
    bool is_sealed;
    uint64_t end;      /* of the rows: where the next goes, or the index begins */
    uint64_t *offsets; /* by key; NULL if sealed */
    size_t count, capacity;
    int64_t newest_ms;
};

/* Both give a segment to free with segment_free(). An unsealed file loses what is half-written at
 * its end. */
MUST_USE struct error *segment_create(const char *folder, uint64_t number, struct segment **ret);
MUST_USE struct error *segment_open(const char *folder, uint64_t number, struct segment **ret);
void segment_free(struct segment *segment); /* closes it; the file stays */

/* Of an unsealed one. Not durable before segment_sync(). */
MUST_USE struct error *segment_append(struct segment *segment, const struct bulk_row *row);
MUST_USE struct error *segment_sync(struct segment *segment);
MUST_USE struct error *segment_seal(struct segment *segment);

/* How many keys come before `key`; whether the next one is `key`. */
MUST_USE struct error *segment_seek(const struct segment *segment, const void *key, size_t key_len,
                                    size_t *ret_before, bool *ret_is_there);
/* The key, or the whole row, at a place of the index. `buf` is cleared before; `ret` lends from it.
 */
MUST_USE struct error *segment_key(const struct segment *segment, size_t at, struct buf *buf);
MUST_USE struct error *segment_row(const struct segment *segment, size_t at, struct buf *buf,
                                   struct bulk_row *ret);

#endif
