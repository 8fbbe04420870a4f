/* What a task set's scale comes to (API-160, SC-239), which platform there is (CL-200, CL-201). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/platform_version.h"
#include "core/service.h"
#include "core/task_set.h"

static void the_count_is_rounded_up(void **state)
{
    static const struct {
        int32_t desired;
        double percent;
        int32_t wanted;
    } cases[] = {
        {4, 30, 2}, /* API- section 13 example 7: 1.2 */
        {10, 0, 0},
        {10, 10, 1},
        {10, 100, 10},
        {0, 100, 0},
        {1, 0.001, 1},
        {3000, 1.1, 33}, /* 33.000000000000004 in binary */
        {30, 33.3, 10},  /* 9.99 */
        {1000, 0.1, 1},
        {7, 57.14285714285714, 4},
        {2147483647, 100, 2147483647},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (task_set_desired_count(cases[i].desired, cases[i].percent) != cases[i].wanted)
            fail_msg("%g%% of %d is not %d", cases[i].percent, cases[i].desired, cases[i].wanted);
}

static void a_scale_is_kept_as_it_was_given(void **state)
{
    static const double percents[] = {0, 0.1, 33.333333333333336, 50, 99.99, 100};
    struct task_set *set = task_set_new();
    struct service *service = service_new();

    (void)state;
    assert_true(task_set_read_scale(set) == 0);
    for (size_t i = 0; i < ARRAY_LEN(percents); i++) {
        task_set_write_scale(set, percents[i]);
        assert_true(task_set_read_scale(set) == percents[i]);
    }
    service->desired_count = 8;
    task_set_follow_service(set, service);
    assert_int_equal(set->desired_count, 8);
    set->status = TASK_SET_DRAINING;
    task_set_follow_service(set, service);
    assert_int_equal(set->desired_count, 0);
    task_set_free(set);
    service_free(service);
}

static void platforms_are_those_of_the_list(void **state)
{
    static const struct {
        const char *asked, *number; /* NULL: unknown */
    } cases[] = {
        {NULL, "1.4.0"},    {"", "1.4.0"},      {"LATEST", "1.4.0"},
        {"1.4.0", "1.4.0"}, {"1.3.0", "1.3.0"}, {"1.0.0", "1.0.0"},
        {"latest", NULL},   {"1.5.0", NULL},    {"1.4", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *number = NULL;
        struct error *err = platform_version_resolve(cases[i].asked, &number);

        if (cases[i].number) {
            assert_null(err);
            assert_string_equal(number, cases[i].number);
        } else {
            assert_non_null(err);
            assert_int_equal(err->code, API_PLATFORM_UNKNOWN);
            assert_null(number);
        }
        error_free(err);
    }
}

/* CL-194, CL-203, CL-206 */
static void features_came_with_versions(void **state)
{
    struct ecs_efs_volume_configuration efs = {0};
    struct ecs_volume volume = {.efs_volume_configuration = &efs};
    struct ecs_ephemeral_storage storage = {0};
    struct ecs_health_check check = {0};
    struct ecs_repository_credentials credentials = {0};
    struct ecs_log_configuration firelens = {.log_driver = ECS_LOG_DRIVER_AWSFIRELENS};
    struct ecs_container_definition containers[] = {
        {.name = "plain"},
        {.health_check = &check},
        {.repository_credentials = &credentials},
        {.log_configuration = &firelens},
        {.has_stop_timeout = true},
    };
#define OF(i) .container_definitions = { true, 1, &containers[i] }
    const struct {
        const char *why, *number;
        struct ecs_task_definition definition;
        bool is_spot, fits;
    } cases[] = {
        {"nothing special", "1.0.0", {OF(0)}, false, true},
        {"health check, too old", "1.0.0", {OF(1)}, false, false},
        {"health check", "1.1.0", {OF(1)}, false, true},
        {"credentials, too old", "1.1.0", {OF(2)}, false, false},
        {"credentials", "1.2.0", {OF(2)}, false, true},
        {"firelens, too old", "1.2.0", {OF(3)}, false, false},
        {"firelens", "1.3.0", {OF(3)}, false, true},
        {"stop timeout, too old", "1.2.0", {OF(4)}, false, false},
        {"storage, too old", "1.3.0", {OF(0), .ephemeral_storage = &storage}, false, false},
        {"storage", "1.4.0", {OF(0), .ephemeral_storage = &storage}, false, true},
        {"EFS, too old", "1.3.0", {OF(0), .volumes = {true, 1, &volume}}, false, false},
        {"EFS", "1.4.0", {OF(0), .volumes = {true, 1, &volume}}, false, true},
        {"spot, too old", "1.2.0", {OF(0)}, true, false},
        {"spot", "1.3.0", {OF(0)}, true, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error *err =
            platform_version_check(cases[i].number, &cases[i].definition, cases[i].is_spot);

        if (cases[i].fits != !err)
            fail_msg("%s on %s", cases[i].why, cases[i].number);
        error_free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_count_is_rounded_up),
        cmocka_unit_test(a_scale_is_kept_as_it_was_given),
        cmocka_unit_test(platforms_are_those_of_the_list),
        cmocka_unit_test(features_came_with_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
