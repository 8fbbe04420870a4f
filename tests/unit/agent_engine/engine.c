/* The task engine (src/agent/engine/engine.h): what a task wants and what becomes of it. */
#include "engine_world.h"

#include <stdio.h>
#include <string.h>

#include "agent/engine/admission.h"

/* Latency: nothing is asked that the answers and events tell anyway. */
static void no_needless_calls(void **state)
{
    struct world *world = *state;

    world_run(world, "1", ONE("a"));
    assert_calls(world, "create -; start a");
    assert_told(world, "RUNNING 1 a; ");
    world_stop(world, "1");
    assert_calls(world, "stop a");
    assert_told(world, "STOPPED 1 a=137; ");
}

static void dynamic_ports_are_looked_up(void **state)
{
    struct world *world = *state;

    world_run(world, "1", MORE("a", "\"portMappings\":[{\"containerPort\":80}]"));
    assert_calls(world, "create -; start a; inspect a");
    assert_told(world, "RUNNING 1 a; ");
    assert_int_equal(world_view(world, "1", "a")->bindings[0].host_port, 32768);
    world_run(world, "2", MORE("b", "\"portMappings\":[{\"containerPort\":80,\"hostPort\":81}]"));
    assert_calls(world, "create -; start b");
    assert_int_equal(world_view(world, "2", "b")->bindings[0].host_port, 81);
}

/* AP-222, AP-223, AP-225 */
static void what_is_wanted_moves_forward_only(void **state)
{
    struct world *world = *state;

    world_run(world, "1", ONE("a"));
    world_run(world, "1", ONE("a"));
    world_stop(world, "1");
    world_stop(world, "1");
    world_run(world, "1", ONE("a"));
    assert_calls(world, "create -; start a; stop a");
    /* Who asks for a task that has ended has not heard of its end. */
    assert_told(world, "RUNNING 1 a; STOPPED 1 a=137; STOPPED 1 a=137; ");
    world_stop(world, "unknown");
    assert_told(world, "STOPPED unknown; ");
}

static void what_is_not_understood_is_reported(void **state)
{
    static const struct {
        const char *containers, *more, *reason;
    } cases[] = {
        {MORE("a", ON("b", "START")) "," MORE("b", ON("a", "START")), "",
         "Task dependencies cannot be resolved, taskArn: " ARN "x"},
        {MORE("a", ON("nobody", "START")), "",
         "Task dependencies cannot be resolved, taskArn: " ARN "x"},
        {MORE("a", ON("b", "HEALTHY")) "," ONE("b"), "",
         "Task dependencies cannot be resolved, taskArn: " ARN "x"},
        {MORE("a", "\"overrides\":{\"cpu\":1}"), "",
         "UnrecogniedTaskError: Error loading task - Unrecognized key: cpu"},
        {ONE("a") "," ONE("a"), "",
         "UnrecogniedTaskError: Error loading task - two containers are named a"},
        {ONE("a"), ",\"networkMode\":\"awsvpc\"",
         "UnrecogniedTaskError: Error loading task - network mode awsvpc is not available on this "
         "instance"},
        {"", "", "UnrecogniedTaskError: Error loading task - it has no containers"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(str_freep) char *name = str_printf("x%zu", i);
        CLEANUP(str_freep) char *told = str_printf("STOPPED %s; ", name);

        world_refuse(world, name, cases[i].containers, cases[i].more);
        assert_told(world, told);
        assert_int_equal(
            strncmp(world_reason(world, name), cases[i].reason, strlen(cases[i].reason)), 0);
    }
    engine_refuse(world->engine, ARN "y", "UnrecogniedTaskError: no");
    fake_loop_settle(world->loop);
    assert_told(world, "STOPPED y; ");
    assert_calls(world, "");
}

/* AP-406, TD-129 */
static void conditions(void **state)
{
    struct world *world = *state;

    engine_on_health(world->engine, world_on_health, world);
    world_run(world, "1", MORE("a", ON("b", "HEALTHY")) "," CHECKED("b"));
    assert_calls(world, "create -; start b");
    fake_docker_health(world->docker, "b", "healthy");
    fake_loop_settle(world->loop);
    assert_calls(world, "create -; start a");
    assert_told(world, "health 1; RUNNING 1 a b; "); /* health has a channel of its own (AP-510) */

    world_run(world, "2", MORE("c", ON("d", "SUCCESS")) "," OPTIONAL("d", ""));
    assert_calls(world, "create -; start d");
    fake_docker_exit(world->docker, "d", 0, false, true);
    fake_loop_settle(world->loop);
    assert_calls(world, "create -; start c");
    assert_told(world, "RUNNING 2 c d=0; ");

    world_run(world, "3", MORE("e", ON("f", "COMPLETE")) "," OPTIONAL("f", ""));
    fake_docker_exit(world->docker, "f", 9, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 3 e f=9; ");
}

/* AP-407, TD-134, TD-142 */
static void conditions_that_cannot_be_met(void **state)
{
    struct world *world = *state;

    world_run(world, "1", MORE("a", ON("b", "SUCCESS")) "," OPTIONAL("b", ""));
    fake_docker_exit(world->docker, "b", 3, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "STOPPED 1 a=143 b=3; ");
    assert_string_equal(world_view(world, "1", "a")->reason,
                        "CannotStartContainerError: dependency graph: container a cannot be "
                        "started: b was to be successful but exited with code 3");

    world_run(world, "2", MORE("c", ON("d", "HEALTHY")) "," CHECKED("d"));
    fake_docker_health(world->docker, "d", "unhealthy");
    fake_loop_settle(world->loop);
    assert_told(world, "STOPPED 2 c=143 d=137; ");

    /* All that can never start say so, also if the first of them ends the task. */
    world_run(world, "4",
              MORE("g", ON("i", "SUCCESS")) "," OPTIONAL("h", "," ON("i", "SUCCESS")) "," OPTIONAL(
                  "j", "," ON("g", "START")) "," OPTIONAL("i", ""));
    fake_docker_exit(world->docker, "i", 3, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "STOPPED 4 g=143 h=143 j=- i=3; ");

    world_run(world, "3", MORE("e", ON("f", "COMPLETE")) "," OPTIONAL("f", ",\"startTimeout\":20"));
    fake_loop_pass(world->loop, 19000);
    assert_told(world, "");
    fake_loop_pass(world->loop, 2000);
    assert_told(world, "STOPPED 3 e=143 f=137; ");
}

/* AP-406, AP-408: each waits for the next, up and down; more than an agent takes of a task is refused. */
static void a_long_chain(void **state)
{
    struct world *world = *state;
    CLEANUP(buf_done) struct buf containers = {0};
    CLEANUP(buf_done) struct buf up = {0};
    CLEANUP(buf_done) struct buf down = {0};

    for (int i = 0; i < 63; i++)
        buf_printf(&containers, MORE("c%d", ON("c%d", "START")) ",", i, i + 1);
    buf_add_str(&containers, ONE("c63"));
    for (int i = 0; i < 64; i++) {
        buf_printf(&up, "%screate -; start c%d", i ? "; " : "", 63 - i);
        buf_printf(&down, "%sstop c%d", i ? "; " : "", i);
    }
    world_run(world, "1", containers.data);
    assert_calls(world, up.data);
    world_stop(world, "1");
    assert_calls(world, down.data);
    buf_add_str(&containers, "," ONE("c64"));
    world_refuse(world, "2", containers.data, "");
}

/* AP-404, AP-408 */
static void an_essential_end_stops_the_rest_in_order(void **state)
{
    struct world *world = *state;

    world_run(world, "1",
              MORE("a", ON("b", "START")) "," MORE("b", ON("c", "START")) "," ONE("c") "," OPTIONAL(
                  "d", ""));
    fake_docker_exit(world->docker, "d", 1, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a b c d; RUNNING 1 d=1; ");
    assert_int_equal(world_view(world, "1", "d")->desired, ENGINE_RUNNING); /* as ECS tells it */
    free(fake_docker_calls(world->docker));
    fake_docker_hold(world->docker, "stop");
    world_stop(world, "1");
    assert_calls(world, "stop a");
    fake_docker_release(world->docker);
    fake_loop_settle(world->loop);
    assert_calls(world, "stop b; stop c");
    assert_told(world, "STOPPED 1 a=137 b=137 c=137; ");
}

static void a_short_life(void **state)
{
    struct world *world = *state;

    fake_docker_hold(world->docker, "start");
    world_run(world, "1", ONE("a"));
    fake_docker_release(world->docker);
    fake_loop_settle(world->loop);
    fake_docker_exit(world->docker, "a", 4, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a; STOPPED 1 a=4; ");
}

/* AP-413: the flag is in Docker's description, or in an event before or after the end. */
static void out_of_memory(void **state)
{
    struct world *world = *state;

    world_run(world, "1", ONE("a"));
    fake_docker_exit(world->docker, "a", 137, true, true);
    fake_loop_settle(world->loop);
    assert_string_equal(world_view(world, "1", "a")->reason,
                        "OutOfMemoryError: Container killed due to memory usage");
    world_run(world, "2", ONE("b"));
    fake_docker_exit(world->docker, "b", 1, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a; STOPPED 1 a=137; RUNNING 2 b; STOPPED 2 b=1; ");
    fake_docker_oom_event(world->docker, "b");
    fake_loop_settle(world->loop);
    assert_told(world, "STOPPED 2 b=1; ");
    assert_non_null(world_view(world, "2", "b")->reason);
}

/* AP-411 */
static void restart_policy(void **state)
{
    struct world *world = *state;

    world_run(world, "1",
              MORE("a", "\"restartPolicy\":{\"enabled\":true,\"restartAttemptPeriod\":60,"
                        "\"ignoredExitCodes\":[5]}"));
    fake_loop_pass(world->loop, 61000);
    fake_docker_exit(world->docker, "a", 1, false, true);
    fake_loop_settle(world->loop);
    assert_int_equal(fake_docker_find(world->docker, "a")->starts, 2);
    assert_int_equal(world_view(world, "1", "a")->restarts, 1);
    assert_told(world, "RUNNING 1 a; ");
    fake_loop_pass(world->loop, 30000);
    fake_docker_exit(world->docker, "a", 1, false, true); /* too soon after the last start */
    fake_loop_settle(world->loop);
    assert_told(world, "STOPPED 1 a=1; ");

    world_run(world, "2",
              MORE("b", "\"restartPolicy\":{\"enabled\":true,\"restartAttemptPeriod\":60,"
                        "\"ignoredExitCodes\":[5]}"));
    fake_loop_pass(world->loop, 61000);
    fake_docker_exit(world->docker, "b", 5, false, true);
    fake_loop_settle(world->loop);
    assert_int_equal(fake_docker_find(world->docker, "b")->starts, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_needless_calls),
        TEST(dynamic_ports_are_looked_up),
        TEST(what_is_wanted_moves_forward_only),
        TEST(what_is_not_understood_is_reported),
        TEST(conditions),
        TEST(conditions_that_cannot_be_met),
        TEST(a_long_chain),
        TEST(an_essential_end_stops_the_rest_in_order),
        TEST(a_short_life),
        TEST(out_of_memory),
        TEST(restart_policy),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    failed += engine_admission_tests() + engine_resources_tests() + engine_time_tests() +
              engine_values_tests() + engine_faults_tests();
    return failed;
}
