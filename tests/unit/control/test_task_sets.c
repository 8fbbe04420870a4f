/* Task sets kept at their scale (API-160 to API-162, API-194, SC-206, SC-238 to SC-243), by example.
 */
#include "base/str.h"
#include "core/task.h"
#include "core/task_set.h"
#include "sim.h"

#define SECONDS 1000

static struct world *with_external(int32_t desired)
{
    struct world *world = world_new(35, 4);

    world_define(world, "web", 64, false);
    world_define(world, "web", 64, false);
    world_pass(world, 2 * SECONDS);
    world_create_external(world, "echo", desired);
    return world;
}

static int running_of(struct world *world, const char *set)
{
    const struct task *task = NULL;
    int count = 0;

    while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE,
                                    "echo", false, task ? &task->id : NULL)))
        count += task->last_status == TASK_RUNNING && str_eq(task->deployment, set);
    return count;
}

/* SC-239, T26 */
static void a_set_has_its_percent(void **state)
{
    static const struct {
        int32_t desired;
        double percent;
        int running;
    } cases[] = {{4, 100, 4}, {4, 50, 2}, {3, 50, 2}, {5, 0, 0}, {5, 33.3, 2}, {0, 100, 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = with_external(cases[i].desired);
        const char *set = world_add_task_set(world, "echo", "web", 1, cases[i].percent);

        world_pass(world, 5 * SECONDS);
        if (running_of(world, set) != cases[i].running)
            fail_msg("%.1f%% of %d: %d", cases[i].percent, (int)cases[i].desired,
                     running_of(world, set));
        if (cases[i].running)
            assert_int_equal(world_task_set(world, "echo", set)->stability, STABILITY_STABILIZING);
        world_pass(world, MINUTES); /* SC-199 */
        assert_int_equal(world_task_set(world, "echo", set)->stability, STABILITY_STEADY_STATE);
        assert_true(world_task_set(world, "echo", set)->stability_at_ms > 0);
        assert_int_equal(world_events(world, "echo", ") has reached a steady state."), 1);
        world_free(world);
    }
}

/* T27, SC-243 */
static void traffic_moves_from_one_to_the_other(void **state)
{
    struct world *world = with_external(4);
    const char *blue = world_add_task_set(world, "echo", "web", 1, 100);
    CLEANUP(str_freep) char *text = NULL;
    CLEANUP(str_freep) char *blue_id = str_dup(blue);
    const char *green;

    (void)state;
    world_pass(world, 2 * MINUTES);
    green = world_add_task_set(world, "echo", "web", 2, 100);
    world_pass(world, 2 * MINUTES);
    assert_int_equal(running_of(world, blue), 4);
    assert_int_equal(running_of(world, green), 4);
    world_scale_task_set(world, "echo", blue, 0);
    world_pass(world, MINUTES);
    assert_int_equal(running_of(world, blue), 0);
    text = str_printf("(service echo, taskSet %s) has stopped 4 running tasks:", blue_id);
    assert_int_equal(world_events(world, "echo", text), 1);
    world_delete_task_set(world, "echo", blue);
    world_pass(world, MINUTES);
    assert_null(world_task_set(world, "echo", blue_id));
    assert_int_equal(running_of(world, green), 4);
    assert_int_equal(world_task_set(world, "echo", green)->stability, STABILITY_STEADY_STATE);
    assert_true(world_service(world, "echo")->is_steady);
    world_free(world);
}

static void scaling_the_service_scales_its_sets(void **state)
{
    struct world *world = with_external(4);
    const char *set = world_add_task_set(world, "echo", "web", 1, 50);

    (void)state;
    world_pass(world, 2 * MINUTES);
    world_scale_service(world, "echo", 9);
    world_pass(world, 5 * SECONDS);
    assert_int_equal(running_of(world, set), 5);
    assert_int_equal(world_task_set(world, "echo", set)->desired_count, 5);
    world_free(world);
}

static void a_forced_deletion_stops_its_tasks_first(void **state)
{
    struct world *world = with_external(4);
    const char *set = world_add_task_set(world, "echo", "web", 1, 100);
    CLEANUP(str_freep) char *id = str_dup(set);

    (void)state;
    world_pass(world, MINUTES);
    world_delete_task_set(world, "echo", set);
    world_settle(world);
    assert_int_equal(world_task_set(world, "echo", id)->status, TASK_SET_DRAINING);
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "echo"), 0);
    assert_null(world_task_set(world, "echo", id));
    world_free(world);
}

/* SC-206: the percents bound how a draining host is left, and nothing else. */
static void a_draining_host_is_left_within_the_percents(void **state)
{
    struct world *world = with_external(4);
    const char *set = world_add_task_set(world, "echo", "web", 1, 100);
    int least = 4;

    (void)state;
    world_pass(world, 2 * MINUTES);
    world_set_instance(world, 0, INSTANCE_DRAINING);
    world_settle(world);
    for (int second = 0; second < 120; second++) {
        world_pass(world, SECONDS);
        least = running_of(world, set) < least ? running_of(world, set) : least;
    }
    assert_int_equal(least, 4);
    assert_int_equal(agent_running(&world->agents[0]), 0);
    assert_int_equal(world_task_set(world, "echo", set)->stability, STABILITY_STEADY_STATE);
    world_free(world);
}

/* SC-341: sets back off as services do. */
static void a_set_that_never_starts_is_tried_ever_less_often(void **state)
{
    struct world *world = with_external(2);

    (void)state;
    world->start_fails_percent = 100;
    world_add_task_set(world, "echo", "web", 1, 100);
    world_pass(world, 10 * MINUTES);
    assert_in_range(world_events(world, "echo", "has started"), 4, 20);
    assert_int_equal(world_events(world, "echo", "unable to consistently start tasks"), 1);
    world->start_fails_percent = 0;
    world_pass(world, 20 * MINUTES);
    assert_int_equal(world_running(world, "echo"), 2);
    world_free(world);
}

static void a_deleted_service_takes_its_sets_along(void **state)
{
    struct world *world = with_external(4);

    (void)state;
    world_add_task_set(world, "echo", "web", 1, 100);
    world_add_task_set(world, "echo", "web", 2, 50);
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "echo"), 6);
    world_delete_service(world, "echo");
    world_pass(world, MINUTES);
    assert_int_equal(world_service(world, "echo")->status, SERVICE_INACTIVE);
    assert_int_equal(world_running(world, "echo"), 0);
    assert_int_equal(state_task_set_count(world_service(world, "echo")), 0);
    world_free(world);
}

/* Sets that start in one pass know of each other's claims. */
static void two_sets_share_what_there_is(void **state)
{
    struct world *world = world_new(36, 1);

    (void)state;
    world_define(world, "third", SIM_HOST_CPU / 3, false);
    world_pass(world, 2 * SECONDS);
    world_create_external(world, "echo", 2);
    world_add_task_set(world, "echo", "third", 1, 100);
    world_add_task_set(world, "echo", "third", 1, 100);
    world_pass(world, MINUTES); /* capacity is checked at every step */
    assert_int_equal(world_running(world, "echo"), 3);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_has_its_percent),
        cmocka_unit_test(traffic_moves_from_one_to_the_other),
        cmocka_unit_test(scaling_the_service_scales_its_sets),
        cmocka_unit_test(a_forced_deletion_stops_its_tasks_first),
        cmocka_unit_test(a_draining_host_is_left_within_the_percents),
        cmocka_unit_test(a_set_that_never_starts_is_tried_ever_less_often),
        cmocka_unit_test(a_deleted_service_takes_its_sets_along),
        cmocka_unit_test(two_sets_share_what_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
