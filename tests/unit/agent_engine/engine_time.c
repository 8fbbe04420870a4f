/* The task engine (src/agent/engine/engine.h): what comes late: clean-up, long absences, clocks that jump. */
#include "engine_world.h"

/* AP-417 */
static void clean_up(void **state)
{
    struct world *world = *state;
    const char *volumes = ",\"volumes\":[{\"name\":\"v\",\"type\":\"docker\","
                          "\"dockerVolumeConfiguration\":{\"scope\":\"task\"}}]";

    world->takes_reports = false;
    assert_null(world_want(world, "1", "RUNNING", ONE("a"), volumes));
    fake_loop_settle(world->loop);
    assert_true(fake_docker_has_volume(world->docker, "ecs-f-1-v-"));
    world_stop(world, "1");
    fake_loop_pass(world->loop, 71LL * 3600 * 1000); /* nobody takes the report */
    assert_int_equal(fake_docker_count(world->docker), 1);
    engine_reported(world->engine, ARN "1", 99);
    fake_loop_pass(world->loop, 1000);
    assert_int_equal(fake_docker_count(world->docker), 0);
    assert_false(fake_docker_has_volume(world->docker, "ecs-f-1-v-"));
    struct engine_task_view view;
    assert_false(engine_view(world->engine, ARN "1", &view));

    world_run(world, "2", ONE("b"));
    world_stop(world, "2");
    fake_loop_pass(world->loop, 73LL * 3600 * 1000); /* nobody ever will */
    assert_int_equal(fake_docker_count(world->docker), 0);
    world_restart(world);
    assert_false(engine_view(world->engine, ARN "2", &view));
}

/* What was told to nobody when the host was switched off is told, however long it was off. */
static void a_long_absence(void **state)
{
    struct world *world = *state;

    world->takes_reports = false;
    world_run(world, "1", ONE("a"));
    fake_docker_exit(world->docker, "a", 7, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a; STOPPED 1 a=7; ");
    world_close(world);
    fake_loop_pass(world->loop, 30 * DAY_MS);
    fake_docker_down(world->docker);
    world_open(world);
    fake_loop_pass(world->loop, 1000);
    fake_docker_up(world->docker);
    fake_loop_pass(world->loop, 10000);
    assert_told(world, "STOPPED 1 a=7; ");
    assert_int_equal(fake_docker_count(world->docker), 1);
    engine_reported(world->engine, ARN "1", 99);
    fake_loop_pass(world->loop, 1000);
    assert_int_equal(fake_docker_count(world->docker), 0);
}

/* With the agent restarted in it: tasks run on, and what happened is told anew until it is taken. */
static void an_hour_without_a_server(void **state)
{
    struct world *world = *state;

    world_run(world, "1", ONE("a") "," OPTIONAL("b", ""));
    world_run(world, "2", ONE("c"));
    assert_told(world, "RUNNING 1 a b; RUNNING 2 c; ");
    world->takes_reports = false;
    fake_docker_exit(world->docker, "c", 3, false, true);
    fake_loop_pass(world->loop, 1800000);
    assert_told(world, "STOPPED 2 c=3; ");
    fake_docker_exit(world->docker, "b", 4, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 b=4; ");
    world_restart(world);
    fake_loop_pass(world->loop, 1800000);
    assert_told(world, "RUNNING 1 b=4; STOPPED 2 c=3; ");
    world->takes_reports = true;
    world_restart(world);
    assert_told(world, "RUNNING 1 b=4; STOPPED 2 c=3; ");
    assert_int_equal(fake_docker_find(world->docker, "a")->state, DOCKER_STATE_RUNNING);
    assert_int_equal(fake_docker_find(world->docker, "a")->starts, 1);
    world_restart(world);
    assert_told(world, "");
}

/* A day, or eighty, forwards and back: what is measured is measured with the other clock. */
static void clock_jumps(void **state)
{
    static const int64_t jumps[] = {DAY_MS, -DAY_MS, 80 * DAY_MS, -80 * DAY_MS};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
        struct world *world = world_new();

        world_open(world);
        world_run(world, "1",
                  MORE("a", ON("b", "COMPLETE")) "," OPTIONAL("b", ",\"startTimeout\":20"));
        fake_loop_pass(world->loop, 10000);
        fake_loop_set_clock(world->loop, jumps[i]);
        fake_loop_pass(world->loop, 9000);
        assert_told(world, "");
        fake_loop_pass(world->loop, 2000);
        assert_told(world, "STOPPED 1 a=143 b=137; ");

        world->takes_reports = false;
        world_run(world, "2", ONE("c"));
        world_stop(world, "2");
        fake_loop_set_clock(world->loop, jumps[i]);
        fake_loop_pass(world->loop, 2 * 3600 * 1000); /* the first one goes, this one waits */
        assert_null(fake_docker_find(world->docker, "b"));
        assert_non_null(fake_docker_find(world->docker, "c"));
        assert_told(world, "RUNNING 2 c; STOPPED 2 c=137; ");
        world->takes_reports = true;
        fake_loop_set_clock(world->loop, jumps[i]);
        world_restart(world);
        fake_loop_pass(world->loop, 3600 * 1000);
        assert_told(world, "STOPPED 2 c=137; ");
        assert_int_equal(fake_docker_count(world->docker), 0);
        world_free(world);
    }
}

/* AP-411: one that ended before it began ran for nobody knows how long. */
static void a_restart_over_a_clock_set_back(void **state)
{
    struct world *world = *state;

    world_run(world, "1",
              MORE("a", "\"restartPolicy\":{\"enabled\":true,\"restartAttemptPeriod\":60}"));
    fake_loop_pass(world->loop, 61000);
    fake_loop_set_clock(world->loop, -DAY_MS);
    fake_docker_exit(world->docker, "a", 1, false, true);
    fake_loop_settle(world->loop);
    assert_int_equal(fake_docker_find(world->docker, "a")->starts, 2);
    fake_docker_exit(world->docker, "a", 1, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a; STOPPED 1 a=1; ");
}

static void clean_up_waits_for_docker(void **state)
{
    struct world *world = *state;

    world_run(world, "1", ONE("a"));
    world_stop(world, "1");
    fake_docker_down(world->docker);
    fake_loop_pass(world->loop, 2 * 3600 * 1000);
    fake_docker_up(world->docker);
    assert_int_equal(fake_docker_count(world->docker), 1);
    fake_loop_pass(world->loop, 10000);
    assert_int_equal(fake_docker_count(world->docker), 0);
}

/* TD-135, AP-409: the container's own time, else the host's. */
static void stop_timeouts(void **state)
{
    static const struct {
        const char *more;
        int grace_s;
    } cases[] = {
        {"\"stopTimeout\":1", 1},  {"\"stopTimeout\":2147483647", 2147483647},
        {"\"stopTimeout\":0", 30}, {"\"stopTimeout\":-1", 30},
        {"\"cpu\":1", 30},
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(str_freep) char *name = str_printf("c%zu", i);
        CLEANUP(str_freep)
        char *container = str_printf("{\"name\":\"%s\",\"image\":\"i\",%s}", name, cases[i].more);

        world_run(world, name, container);
        world_stop(world, name);
        if (fake_docker_find(world->docker, name)->grace_s != cases[i].grace_s)
            fail_msg("%s: %d s", cases[i].more, fake_docker_find(world->docker, name)->grace_s);
    }
}

int engine_time_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stop_timeouts),
        TEST(clean_up),
        TEST(a_long_absence),
        TEST(an_hour_without_a_server),
        cmocka_unit_test(clock_jumps),
        TEST(a_restart_over_a_clock_set_back),
        TEST(clean_up_waits_for_docker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
