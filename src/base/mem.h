/* mem.h - allocation that does not fail: out of memory ends the process with a line on stderr.
 * State is in the store and a restart reconciles. */
#ifndef BERTH_BASE_MEM_H
#define BERTH_BASE_MEM_H

#include "base/attributes.h"

MUST_USE void *xmalloc(size_t size);
MUST_USE void *xcalloc(size_t count, size_t size);
MUST_USE void *xrealloc(void *ptr, size_t size);
MUST_USE void *xreallocarray(void *ptr, size_t count, size_t size);
MUST_USE void *xmemdup(const void *bytes, size_t size);

/* Gives back what starting took: free memory, and the pages of the program and its libraries that
 * are only read, most of them never again; the rest comes back as it is used. */
void mem_give_back(void);

/* Makes room for one more item in a growing array: doubles `*capacity` when `count` reached it. */
#define ARRAY_GROW(items, count, capacity)                                                         \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            (capacity) = (capacity) ? (capacity)*2 : 8;                                            \
            (items) = xreallocarray((items), (capacity), sizeof(*(items)));                        \
        }                                                                                          \
    } while (0)

#endif
