/* DAEMON services (SC-127 to SC-136, SC-209), by example. */
#include <stdio.h>

#include "base/str.h"
#include "core/task.h"
#include "sim.h"

#define SECONDS 1000
#define HOURS   (60 * MINUTES)

static struct world *with_daemon(int agents, int32_t minimum)
{
    struct world *world = world_new(15, agents);

    world_define(world, "web", 64, false);
    world_define(world, "web", 64, false);
    world_pass(world, 2 * SECONDS);
    world_create_daemon(world, "delta", "web", 1, minimum);
    world_pass(world, 2 * MINUTES);
    return world;
}

static void expect_one_each(struct world *world, int desired)
{
    assert_int_equal(world_running(world, "delta"), desired);
    assert_int_equal(world_service(world, "delta")->desired_count, desired);
    for (int i = 0; i < world->agent_count; i++)
        assert_in_range(agent_running(&world->agents[i]), 0, 1);
}

/* Of the service, on that agent's instance, wanted; NULL: none. */
static const struct task *task_on(struct world *world, int agent)
{
    const struct task *task = NULL;

    while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE,
                                    "delta", false, task ? &task->id : NULL)))
        if (id_cmp(&task->instance, &world->agents[agent].instance) == 0)
            return task;
    return NULL;
}

/* SC-127, SC-136 */
static void each_instance_has_one_task(void **state)
{
    struct world *world = with_daemon(4, 0);

    (void)state;
    expect_one_each(world, 4);
    assert_int_equal(world_events(world, "delta", "(service delta) has reached a steady state."),
                     1);
    assert_int_equal(world_service(world, "delta")->deployments[0].desired_count, 4);
    assert_int_equal(world_service(world, "delta")->deployments[0].rollout_state,
                     ROLLOUT_STATE_COMPLETED);
    world_assert_settled(world);
    world_free(world);
}

/* SC-128, T39 */
static void a_new_instance_gets_one(void **state)
{
    struct world *world = with_daemon(2, 0);

    (void)state;
    world_add_agent(world);
    world_pass(world, 5 * SECONDS);
    expect_one_each(world, 3);
    assert_non_null(task_on(world, 2));
    world_pass(world, MINUTES);
    world_assert_settled(world);
    world_free(world);
}

/* SC-129, T39: at once, and it comes back with the instance. */
static void a_draining_instance_loses_its_own(void **state)
{
    struct world *world = with_daemon(3, 100);

    (void)state;
    world_set_instance(world, 1, INSTANCE_DRAINING);
    world_pass(world, 5 * SECONDS);
    assert_null(task_on(world, 1));
    assert_int_equal(world_events(world, "delta", "has stopped 1 running tasks: (task "), 1);
    world_pass(world, MINUTES);
    expect_one_each(world, 2);
    assert_int_equal(world_events(world, "delta", "was unable to place"), 0);
    world_assert_settled(world);
    world_set_instance(world, 1, INSTANCE_ACTIVE);
    world_pass(world, MINUTES);
    expect_one_each(world, 3);
    world_assert_settled(world);
    world_free(world);
}

static void a_deregistered_instance_is_not_missed(void **state)
{
    struct world *world = with_daemon(3, 0);

    (void)state;
    world_set_instance(world, 2, INSTANCE_INACTIVE);
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "delta"), 2);
    assert_int_equal(world_service(world, "delta")->desired_count, 2);
    assert_true(world_service(world, "delta")->is_steady);
    world_free(world);
}

/* A silent instance counts while its task is there; when it is lost, until it is back. */
static void a_lost_instance_is_taken_up_again(void **state)
{
    struct world *world = with_daemon(4, 0);

    (void)state;
    world_pass(world, 3 * MINUTES);
    agent_kill(&world->agents[3]);
    world_pass(world, 100 * SECONDS);
    assert_int_equal(world_service(world, "delta")->desired_count, 4);
    world_pass(world, 2 * MINUTES);
    expect_one_each(world, 3);
    assert_int_equal(world_events(world, "delta", "has started"), 1);
    assert_true(world_service(world, "delta")->is_steady);
    agent_revive(&world->agents[3]);
    world_pass(world, 2 * MINUTES);
    expect_one_each(world, 4);
    world_assert_settled(world);
    world_free(world);
}

static void a_task_that_ends_is_replaced_where_it_was(void **state)
{
    struct world *world = with_daemon(3, 0);
    struct id gone = task_on(world, 1)->id;

    (void)state;
    agent_exit_task(&world->agents[1], &gone, 1);
    world_pass(world, 5 * SECONDS);
    assert_true(id_cmp(&task_on(world, 1)->id, &gone) != 0);
    world_pass(world, MINUTES);
    world_assert_settled(world);
    world_free(world);
}

/* SC-209 and the DAEMON rows of 13.1, scaled down. */
static void replacing_keeps_the_minimum(void **state)
{
    static const struct {
        const char *why;
        int agents;
        int32_t minimum;
        int least;
    } cases[] = {
        {"all at once", 4, 0, 0},
        {"half at a time", 4, 50, 2},
        {"rounded up", 5, 50, 3},
        {"one at a time", 4, 75, 3},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = with_daemon(cases[i].agents, cases[i].minimum);
        int least = cases[i].agents;

        world_update_service(world, "delta", 2);
        for (int second = 0; second < 500; second++) {
            int running;

            world_pass(world, SECONDS);
            running = world_running(world, "delta");
            least = running < least ? running : least;
            for (int agent = 0; agent < world->agent_count; agent++)
                if (agent_running(&world->agents[agent]) > 1)
                    fail_msg("%s: two tasks on an instance", cases[i].why);
        }
        if (least < cases[i].least || (cases[i].minimum && least > cases[i].least))
            fail_msg("%s: at least %d ran", cases[i].why, least);
        assert_int_equal(task_on(world, 0)->revision, 2);
        world_assert_settled(world);
        world_free(world);
    }
}

/* SC-197: 100% leaves no way. */
static void a_minimum_of_all_is_stuck(void **state)
{
    struct world *world = with_daemon(2, 100);

    (void)state;
    world_update_service(world, "delta", 2);
    world_pass(world, HOURS);
    assert_int_equal(world_events(world, "delta", "was unable to stop or start tasks"), 1);
    assert_int_equal(task_on(world, 0)->revision, 1);
    world_free(world);
}

/* SC-142: counted, told, and placed when there is room. */
static void a_full_instance_is_waited_for(void **state)
{
    struct world *world = world_new(15, 2);
    struct id filler[2];

    (void)state;
    world_define(world, "web", 64, false);
    world_define(world, "big", 1000, false);
    world_pass(world, 2 * SECONDS);
    world_run_task(world, "big", 1, 2);
    world_settle(world);
    filler[0] = world->acked[0];
    filler[1] = world->acked[1];
    world_create_daemon(world, "delta", "web", 1, 0);
    world_pass(world, MINUTES);
    assert_int_equal(world_service(world, "delta")->desired_count, 2);
    assert_int_equal(world_running(world, "delta"), 0);
    assert_int_equal(world_events(world, "delta", "has insufficient CPU units available."), 1);
    world_stop_task(world, &filler[0]);
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "delta"), 1);
    assert_false(world_service(world, "delta")->is_steady);
    world_stop_task(world, &filler[1]);
    world_pass(world, 2 * MINUTES);
    expect_one_each(world, 2);
    world_assert_settled(world);
    world_free(world);
}

/* SC-127, SC-130, T39: constraints hold for running tasks too. */
static void constraints_hold_all_the_time(void **state)
{
    struct world *world = world_new(15, 3);
    const struct service_event *event = NULL;
    const char *name = NULL;

    (void)state;
    world_define(world, "web", 64, false);
    world_pass(world, 2 * SECONDS);
    world_set_attribute(world, 0, "stack", "prod");
    world_set_attribute(world, 1, "stack", "prod");
    snprintf(world->service_document, sizeof(world->service_document),
             "{\"serviceName\":\"delta\",\"placementConstraints\":[{\"type\":\"memberOf\","
             "\"expression\":\"attribute:stack == prod\"}]}");
    world_create_daemon(world, "delta", "web", 1, 100);
    world_pass(world, 2 * MINUTES);
    expect_one_each(world, 2);
    assert_null(task_on(world, 2));
    assert_int_equal(world_events(world, "delta", "was unable to place"), 0);
    world_set_attribute(world, 1, "stack", "test");
    world_set_attribute(world, 2, "stack", "prod");
    world_pass(world, 5 * SECONDS);
    assert_null(task_on(world, 1));
    assert_non_null(task_on(world, 2));
    while ((event = state_service_event_before(world->state, world_service(world, "delta"), event)))
        if (event->name == EVENT_SERVICE_DAEMON_PLACEMENT_CONSTRAINT_VIOLATED)
            name = event_name_name(event->name);
    assert_string_equal(name, "SERVICE_DAEMON_PLACEMENT_CONSTRAINT_VIOLATED");
    world_pass(world, 2 * MINUTES);
    expect_one_each(world, 2);
    world_free(world);
}

static void a_daemon_is_deleted_at_any_count(void **state)
{
    struct world *world = with_daemon(3, 0);

    (void)state;
    world_delete_service(world, "delta");
    world_pass(world, MINUTES);
    assert_int_equal(world_service(world, "delta")->status, SERVICE_INACTIVE);
    assert_int_equal(world_running(world, "delta"), 0);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_instance_has_one_task),
        cmocka_unit_test(a_new_instance_gets_one),
        cmocka_unit_test(a_draining_instance_loses_its_own),
        cmocka_unit_test(a_deregistered_instance_is_not_missed),
        cmocka_unit_test(a_lost_instance_is_taken_up_again),
        cmocka_unit_test(a_task_that_ends_is_replaced_where_it_was),
        cmocka_unit_test(replacing_keeps_the_minimum),
        cmocka_unit_test(a_minimum_of_all_is_stuck),
        cmocka_unit_test(a_full_instance_is_waited_for),
        cmocka_unit_test(constraints_hold_all_the_time),
        cmocka_unit_test(a_daemon_is_deleted_at_any_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
