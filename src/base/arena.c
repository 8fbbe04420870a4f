#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK_SIZE 4096

struct arena_block {
    struct arena_block *older;
    size_t size;
    max_align_t data[];
};

static struct arena_block *block_new(size_t size, struct arena_block *older)
{
    struct arena_block *block = xmalloc(sizeof(*block) + size);

    block->older = older;
    block->size = size;
    return block;
}

void arena_done(struct arena *arena)
{
    while (arena->block) {
        struct arena_block *older = arena->block->older;

        free(arena->block);
        arena->block = older;
    }
    arena->used = 0;
}

void arena_reset(struct arena *arena)
{
    while (arena->block && arena->block->older) {
        struct arena_block *older = arena->block->older;

        free(arena->block);
        arena->block = older;
    }
    arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = sizeof(max_align_t);
    size_t rounded = (size + align - 1) / align * align;
    void *ptr;

    if (!arena->block || arena->block->size - arena->used < rounded) {
        size_t least = arena->block_size ? arena->block_size : BLOCK_SIZE;

        arena->block = block_new(rounded > least ? rounded : least, arena->block);
        arena->used = 0;
    }
    ptr = (char *)arena->block->data + arena->used;
    arena->used += rounded;
    return memset(ptr, 0, rounded);
}

char *arena_dup_n(struct arena *arena, const char *s, size_t len)
{
    char *copy = arena_alloc(arena, len + 1);

    if (len)
        memcpy(copy, s, len);
    return copy;
}

char *arena_dup(struct arena *arena, const char *s)
{
    return s ? arena_dup_n(arena, s, strlen(s)) : NULL;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list ap;
    char *s;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (len < 0)
        abort();
    s = arena_alloc(arena, (size_t)len + 1);
    va_start(ap, fmt);
    vsnprintf(s, (size_t)len + 1, fmt, ap);
    va_end(ap);
    return s;
}

char *arena_join(struct arena *arena, const char *const *parts, size_t count)
{
    size_t total = 0;
    char *text, *at;

    for (size_t i = 0; i < count; i++)
        total += strlen(parts[i]);
    text = at = arena_alloc(arena, total + 1);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(parts[i]);

        memcpy(at, parts[i], len);
        at += len;
    }
    *at = '\0';
    return text;
}
