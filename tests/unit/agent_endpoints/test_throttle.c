/* How often one client may ask: AG-148, AG-204, AG-917. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/endpoints/throttle.h"

static int admitted(struct throttle *throttle, const char *client, int64_t mono_ms, int tries)
{
    int count = 0;

    for (int i = 0; i < tries; i++)
        count += throttle_admit(throttle, client, mono_ms);
    return count;
}

static void test_a_burst_and_then_a_rate(void **state)
{
    struct throttle *throttle = throttle_new(40, 60);

    (void)state;
    assert_int_equal(admitted(throttle, "a", 1000, 100), 60);
    assert_int_equal(admitted(throttle, "b", 1000, 1), 1); /* not a's fault */
    assert_int_equal(admitted(throttle, "a", 1024, 10), 0);
    assert_int_equal(admitted(throttle, "a", 1025, 10), 1);
    assert_int_equal(admitted(throttle, "a", 2025, 100), 40);
    assert_int_equal(admitted(throttle, "a", 1LL << 50, 100),
                     60); /* no overflow, no more than full */
    throttle_free(throttle);
    throttle_free(NULL);
}

static void test_who_asks_no_more_is_forgotten(void **state)
{
    struct throttle *throttle = throttle_new(40, 60);
    char client[16];

    (void)state;
    for (int i = 0; i < 2 * THROTTLE_CLIENTS_MAX; i++) {
        snprintf(client, sizeof(client), "%d", i);
        assert_true(throttle_admit(throttle, client, 1));
    }
    assert_int_equal(throttle_count(throttle), THROTTLE_CLIENTS_MAX);
    assert_true(throttle_admit(throttle, "late", 100));
    assert_int_equal(throttle_count(throttle), 1);
    throttle_free(throttle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_burst_and_then_a_rate),
        cmocka_unit_test(test_who_asks_no_more_is_forgotten),
    };

    return cmocka_run_group_tests_name("agent_throttle", tests, NULL, NULL);
}
