#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"

/* Kilobytes of files that are mapped and resident. */
static long resident_files_kb(void)
{
    char line[128];
    long found = -1;
    FILE *file = fopen("/proc/self/status", "re");

    assert_non_null(file);
    while (found < 0 && fgets(line, sizeof(line), file))
        if (sscanf(line, "RssFile: %ld", &found) != 1)
            found = -1;
    fclose(file);
    return found;
}

/* Written by the loader before the program began. */
static const char *const words[] = {"one", "two", "three"};
static int (*volatile const compare)(const char *, const char *) = strcmp;

static void test_give_back(void **state)
{
    long before = resident_files_kb(), after;
    char *kept = xmemdup("kept", 5);

    (void)state;
    mem_give_back();
    after = resident_files_kb();
    assert_true(after < before);
    assert_string_equal(kept, "kept");
    assert_int_equal(compare(words[2], "three"), 0);
    free(kept);
}

/* Blocks of any size: memory is zeroed, aligned, and keeps what is put there. */
static void test_arena_blocks(void **state)
{
    static const size_t sizes[] = {0, 1, 64, 1024};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct arena arena = {.block_size = sizes[i]};
        unsigned char *pieces[50];

        for (int round = 0; round < 2; round++) {
            for (size_t k = 0; k < 50; k++) {
                pieces[k] = arena_alloc(&arena, k * 3 + 1);
                assert_int_equal((uintptr_t)pieces[k] % _Alignof(max_align_t), 0);
                for (size_t n = 0; n < k * 3 + 1; n++)
                    assert_int_equal(pieces[k][n], 0);
                memset(pieces[k], (int)k + 1, k * 3 + 1);
            }
            for (size_t k = 0; k < 50; k++)
                for (size_t n = 0; n < k * 3 + 1; n++)
                    assert_int_equal(pieces[k][n], k + 1);
            arena_reset(&arena);
        }
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_give_back),
        cmocka_unit_test(test_arena_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
