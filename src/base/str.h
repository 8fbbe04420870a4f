/* str.h - owned strings and a growing byte buffer.
 *
 * Ownership  A `char *` returned here is the caller's to free() (or CLEANUP(str_freep)).
 * Errors     None: memory comes from mem.h.
 */
#ifndef BERTH_BASE_STR_H
#define BERTH_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/attributes.h"

MUST_USE char *str_dup(const char *s); /* NULL gives NULL */
MUST_USE char *str_dup_n(const char *s, size_t len);
MUST_USE char *str_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
MUST_USE char *str_vprintf(const char *fmt, va_list ap) PRINTF_LIKE(1, 0);

/* True if both are NULL or hold the same bytes. */
bool str_eq(const char *a, const char *b);
bool str_eq_nocase(const char *a, const char *b);
bool str_starts_with(const char *s, const char *prefix);
bool str_ends_with(const char *s, const char *suffix);
bool str_is_empty(const char *s); /* NULL or "" */

/* The whole of `s` as a decimal number; false, and *ret untouched, if it is anything else. */
bool str_to_int64(const char *s, int64_t *ret);

static inline void str_freep(char **s)
{
    free(*s);
    *s = NULL;
}

/* A growing byte buffer. `data` is always followed by a NUL once something was appended, which
 * `len` does not count. A zeroed struct is an empty buffer. */
struct buf {
    char *data;
    size_t len;
    size_t cap;
};

void buf_done(struct buf *buf);  /* frees the bytes, leaves an empty buffer; fits CLEANUP */
void buf_clear(struct buf *buf); /* empties, keeps the memory */
void buf_reserve(struct buf *buf, size_t more);
void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_add_str(struct buf *buf, const char *s);
void buf_add_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_consume(struct buf *buf, size_t len); /* drops bytes at the front */
MUST_USE char *buf_take(struct buf *buf);      /* the bytes as an owned string, never NULL */

/* Lower-case hexadecimal. hex_decode() wants exactly 2*len digits of either case. */
void hex_encode(const void *bytes, size_t len, char *ret /* 2*len+1 */);
bool hex_decode(const char *hex, size_t len, void *ret);

#endif
