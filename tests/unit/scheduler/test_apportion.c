/* Tasks over capacity providers (CL-100 to CL-102, SC- T18, CL- W7, W20). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attributes.h"
#include "scheduler/apportion.h"

#define PROVIDERS_MAX 3

static const struct {
    const char *why;
    size_t count;
    struct share shares[PROVIDERS_MAX];
    int tasks;
    int64_t after[PROVIDERS_MAX];
} cases[] = {
    {"T18: 1:1", 2, {{0, 1, 0}, {0, 1, 0}}, 10, {5, 5}},
    {"T18: 1:4", 2, {{0, 1, 0}, {0, 4, 0}}, 10, {2, 8}},
    {"CL-101: five over 1:1, the first listed gets the odd one",
     2,
     {{0, 1, 0}, {0, 1, 0}},
     5,
     {3, 2}},
    {"W7: base 1, then 1:1 of the other four", 2, {{1, 1, 0}, {0, 1, 0}}, 5, {3, 2}},
    {"CL-100: the base comes first", 2, {{0, 1, 0}, {3, 1, 0}}, 3, {0, 3}},
    {"weight 0 gets its base only", 2, {{2, 0, 0}, {0, 1, 0}}, 6, {2, 4}},
    {"weight 0 and no base gets nothing", 2, {{0, 0, 0}, {0, 1, 0}}, 3, {0, 3}},
    {"all bases full and no weights: nobody", 1, {{2, 0, 0}}, 5, {2}},
    {"CL-102: what is there counts", 2, {{0, 1, 0}, {0, 1, 4}}, 4, {4, 4}},
    {"three providers", 3, {{0, 1, 0}, {0, 2, 0}, {0, 3, 0}}, 12, {2, 4, 6}},
};

static void what_is_added_goes_where_most_is_missing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct share shares[PROVIDERS_MAX];

        for (size_t j = 0; j < PROVIDERS_MAX; j++)
            shares[j] = cases[i].shares[j];
        for (int n = 0; n < cases[i].tasks; n++) {
            size_t next = apportion_next(shares, cases[i].count);

            if (next < cases[i].count)
                shares[next].held++;
        }
        for (size_t j = 0; j < cases[i].count; j++)
            if (shares[j].held != cases[i].after[j])
                fail_msg("%s: %d of provider %d", cases[i].why, (int)shares[j].held, (int)j);
    }
}

/* CL-102: what was added last goes first, so the ratio holds at every count. */
static void what_is_taken_leaves_the_ratio(void **state)
{
    static const struct {
        const char *why;
        struct share shares[2];
        int tasks;
        int64_t after[2];
    } rows[] = {
        {"1:1", {{0, 1, 5}, {0, 1, 5}}, 4, {3, 3}},
        {"1:4", {{0, 1, 2}, {0, 4, 8}}, 5, {1, 4}},
        {"the one above its share", {{0, 1, 6}, {0, 1, 2}}, 4, {2, 2}},
        {"the base stays longest", {{2, 1, 3}, {0, 1, 1}}, 2, {2, 0}},
        {"then the base goes too", {{2, 1, 2}, {0, 1, 0}}, 2, {0, 0}},
        {"nothing is left to take", {{0, 1, 1}, {0, 1, 0}}, 3, {0, 0}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct share shares[2] = {rows[i].shares[0], rows[i].shares[1]};

        for (int n = 0; n < rows[i].tasks; n++) {
            size_t next = apportion_last(shares, 2);

            if (next < 2)
                shares[next].held--;
        }
        for (size_t j = 0; j < 2; j++)
            if (shares[j].held != rows[i].after[j])
                fail_msg("%s: %d of provider %d", rows[i].why, (int)shares[j].held, (int)j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_goes_where_most_is_missing),
        cmocka_unit_test(what_is_taken_leaves_the_ratio),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
