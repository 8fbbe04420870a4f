/* arena.h - memory that is freed all at once: what one call decodes and answers lives in one arena.
 *
 * Ownership  Everything allocated from an arena is lent until arena_reset() or arena_done().
 */
#ifndef BERTH_BASE_ARENA_H
#define BERTH_BASE_ARENA_H

#include <stdarg.h>

#include "base/attributes.h"

struct arena_block;

/* A zeroed struct is an empty arena. */
struct arena {
    struct arena_block *block; /* newest first; the oldest survives a reset */
    size_t used;               /* bytes of the newest block in use */
    size_t block_size;         /* 0: 4096; less suits what is small and kept for long */
};

void arena_done(struct arena *arena);
void arena_reset(struct arena *arena);

/* Zeroed memory, aligned for any type. */
MUST_USE void *arena_alloc(struct arena *arena, size_t size);
MUST_USE char *arena_dup(struct arena *arena, const char *s); /* NULL gives NULL */
MUST_USE char *arena_dup_n(struct arena *arena, const char *s, size_t len);
MUST_USE char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The parts one behind the other; several times faster than a format, for what is made in
 * thousands. */
MUST_USE char *arena_join(struct arena *arena, const char *const *parts, size_t count);

#define ARENA_NEW(arena, type)          ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc((arena), (count) * sizeof(type)))

#endif
