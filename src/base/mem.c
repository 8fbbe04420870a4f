#include "base/mem.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

NORETURN static void out_of_memory(size_t size)
{
    fprintf(stderr, "berth: out of memory allocating %zu bytes\n", size);
    abort();
}

void *xmalloc(size_t size)
{
    void *ptr = malloc(size ? size : 1);

    if (!ptr)
        out_of_memory(size);
    return ptr;
}

void *xcalloc(size_t count, size_t size)
{
    void *ptr = calloc(count ? count : 1, size ? size : 1);

    if (!ptr)
        out_of_memory(size);
    return ptr;
}

void *xrealloc(void *ptr, size_t size)
{
    ptr = realloc(ptr, size ? size : 1);
    if (!ptr)
        out_of_memory(size);
    return ptr;
}

void *xreallocarray(void *ptr, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        out_of_memory(count);
    return xrealloc(ptr, total);
}

void *xmemdup(const void *bytes, size_t size)
{
    void *copy = xmalloc(size);

    if (size)
        memcpy(copy, bytes, size);
    return copy;
}

/* What the dynamic loader wrote to lies in segments that are writable in the file. */
static int give_back_object(struct dl_phdr_info *info, size_t size, void *data)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)size;
    (void)data;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t first = (info->dlpi_addr + segment->p_vaddr) / page * page;
        uintptr_t end = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;

        if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
            madvise((void *)first, end - first, MADV_DONTNEED); /* the vDSO stays: refused */
    }
    return 0;
}

void mem_give_back(void)
{
    malloc_trim(0);
    dl_iterate_phdr(give_back_object, NULL);
}
