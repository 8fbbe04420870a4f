/* pbwire.h - the wire format of protocol buffers: numbered members, as records are stored.
 *
 * A stored value can be read with `protoc --decode_raw`, and a reader keeps members it does not
 * know, so that an older program gives back what a newer one wrote. Records use three of the wire
 * types: varint (numbers, enums, booleans, times), length-delimited (text, ids, records in
 * records), and, only as unknown members, the two fixed ones.
 *
 * Numbers are written as two's complement of 64 bits, zero and absent members not at all.
 */
#ifndef BERTH_BASE_PBWIRE_H
#define BERTH_BASE_PBWIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/str.h"

void pb_put_int(struct buf *buf, unsigned number, int64_t value);
void pb_put_bytes(struct buf *buf, unsigned number, const void *bytes, size_t len);
void pb_put_text(struct buf *buf, unsigned number,
                 const char *text); /* NULL: nothing; "" is kept */
void pb_put_id(struct buf *buf, unsigned number, const struct id *id); /* zero: nothing */

/* A record in a record: what is written between the two becomes the member. */
MUST_USE size_t pb_open(struct buf *buf, unsigned number);
void pb_close(struct buf *buf, size_t mark);

/* Members that this program does not know, as they were found; owned by the record. */
struct pb_unknown {
    uint32_t len;
    uint8_t bytes[];
};
void pb_put_unknown(struct buf *buf, const struct pb_unknown *unknown); /* NULL: nothing */
MUST_USE struct pb_unknown *pb_unknown_copy(const struct pb_unknown *unknown);

enum pb_type { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

struct pb_member {
    unsigned number;
    enum pb_type type;
    uint64_t value;       /* PB_VARINT */
    const uint8_t *bytes; /* PB_BYTES: lent by the value being read */
    size_t len;
    const uint8_t *start, *end; /* the whole member, tag included */
};

/* Reads members in the order they were written. */
struct pb_reader {
    const uint8_t *at, *end;
    bool is_malformed;
};
/* False at the end, and when what follows is no member (`is_malformed`). */
bool pb_next(struct pb_reader *reader, struct pb_member *ret);

/* The member's value; false if it is not one of the asked type or range. */
bool pb_get_int64(const struct pb_member *member, int64_t *ret);
bool pb_get_int32(const struct pb_member *member, int32_t *ret);
bool pb_get_bool(const struct pb_member *member, bool *ret);
bool pb_get_id(const struct pb_member *member, struct id *ret);
/* Bytes without NUL, that is, what a C string holds; owned by the caller. */
bool pb_get_text(const struct pb_member *member, char **ret);
void pb_keep(const struct pb_member *member, struct pb_unknown **unknown);

#endif
