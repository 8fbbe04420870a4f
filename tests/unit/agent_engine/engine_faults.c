/* The task engine (src/agent/engine/engine.h): what goes wrong: Docker, the disk, and deaths of the agent anywhere. */
#include "engine_world.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/engine/engine_reason.h"

/* AP-410, AP-413, AP-543 */
static void docker_goes_and_comes(void **state)
{
    struct world *world = *state;

    world_run(world, "1", ONE("a"));
    world_run(world, "2", ONE("b"));
    world_run(world, "3", ONE("c"));
    assert_told(world, "RUNNING 1 a; RUNNING 2 b; RUNNING 3 c; ");
    fake_docker_down(world->docker);
    fake_loop_settle(world->loop);
    fake_docker_exit(world->docker, "a", 6, false, false);
    fake_docker_rm(world->docker, "b");
    world_stop(world, "3");
    world_run(world, "4", ONE("d"));
    fake_loop_pass(world->loop, 60000);
    assert_told(world, "");
    fake_docker_up(world->docker);
    fake_loop_pass(world->loop, 10000);
    assert_told(world, "STOPPED 1 a=6; STOPPED 2 b=-; STOPPED 3 c=137; RUNNING 4 d; ");
    assert_string_equal(world_view(world, "2", "b")->reason,
                        "ContainerVanishedError: No container matching saved ID found");
}

/* AP-412: what no event told is found when all containers are looked at, every five minutes. */
static void an_end_that_no_event_told(void **state)
{
    struct world *world = *state;

    world_run(world, "1", ONE("a") "," OPTIONAL("b", ""));
    fake_docker_exit(world->docker, "b", 4, false, false);
    assert_told(world, "RUNNING 1 a b; ");
    fake_loop_pass(world->loop, 299000);
    assert_told(world, "");
    fake_loop_pass(world->loop, 32000);
    assert_told(world, "RUNNING 1 b=4; ");
}

static void a_stopped_container_that_runs_again_is_stopped(void **state)
{
    struct world *world = *state;
    struct fake_container *container;

    world_run(world, "1", ONE("a"));
    fake_docker_exit(world->docker, "a", 0, false, true);
    fake_loop_settle(world->loop);
    container = fake_docker_find(world->docker, "a");
    container->state = DOCKER_STATE_RUNNING; /* by hand, and unseen */
    world_restart(world);
    fake_loop_settle(world->loop);
    assert_int_equal(container->state, DOCKER_STATE_EXITED);
}

/* A start whose answer was lost is repeated only if the container cannot have run. */
static void a_start_that_was_lost(void **state)
{
    struct world *world = *state;

    fake_docker_fail(world->docker, 2, FAKE_LOST);
    world_run(world, "1", ONE("a"));
    fake_loop_pass(world->loop, 10000);
    assert_told(world, "RUNNING 1 a; ");
    assert_calls(world, "create -; start a; inspect a; start a");

    fake_docker_fail(world->docker, 2, FAKE_BREAK);
    world_run(world, "2", ONE("b"));
    fake_loop_pass(world->loop, 10000);
    assert_told(world, "STOPPED 2 b=-; ");
    assert_calls(world, "create -; start b; inspect b");
    assert_string_equal(world_view(world, "2", "b")->reason, REASON_LOST);
}

static void a_restart_starts_nothing_twice(void **state)
{
    struct world *world = *state;

    world_run(world, "1", MORE("a", ON("b", "START")) "," ONE("b"));
    world_run(world, "2", ONE("c"));
    fake_docker_exit(world->docker, "c", 3, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a b; RUNNING 2 c; STOPPED 2 c=3; ");
    world_restart(world);
    fake_loop_settle(world->loop);
    assert_told(world, "");
    assert_int_equal(fake_docker_find(world->docker, "a")->starts, 1);
    assert_int_equal(fake_docker_find(world->docker, "b")->starts, 1);
    assert_int_equal(fake_docker_find(world->docker, "c")->starts, 1);
    world_close(world);
    fake_docker_exit(world->docker, "a", 8, false, false); /* while nobody looks */
    world_open(world);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a=8; STOPPED 1 b=137; ");
    world_stop(world, "1");
    assert_told(world, "");
}

static void unreported_states_are_reported_after_a_restart(void **state)
{
    struct world *world = *state;

    world->takes_reports = false;
    world_run(world, "1", ONE("a") "," OPTIONAL("b", ""));
    world_restart(world);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a b; RUNNING 1 a b; ");
    world->takes_reports = true;
    world_restart(world);
    fake_docker_exit(world->docker, "b", 1, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a b; RUNNING 1 b=1; ");
}

/* A report that is taken late does not cover what changed since. */
static void late_acknowledgement(void **state)
{
    struct world *world = *state;

    world->takes_reports = false;
    world_run(world, "1", ONE("a") "," OPTIONAL("b", ""));
    fake_docker_exit(world->docker, "b", 1, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a b; RUNNING 1 a b=1; ");
    engine_reported(world->engine, ARN "1", 1);
    assert_false(world_view(world, "1", "a")->is_changed);
    assert_true(world_view(world, "1", "b")->is_changed);
    engine_reported(world->engine, ARN "1", 2);
    assert_false(world_view(world, "1", "b")->is_changed);
}

static void acknowledge_between(void *data)
{
    struct world *world = data;

    assert_int_equal(world_view(world, "1", "a")->known, ENGINE_STOPPED);
    engine_reported(world->engine, ARN "1", 1);
}

/* Nor does it cover an end that is known but not yet told. */
static void acknowledgement_between_end_and_report(void **state)
{
    struct world *world = *state;

    world->takes_reports = false;
    world_run(world, "1", ONE("a"));
    fake_docker_exit(world->docker, "a", 0, false, true);
    loop_defer(world->loop, acknowledge_between, world); /* after the event, before its turn */
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a; STOPPED 1 a=0; ");
}

/* Nothing is accepted or started that could not be written down. */
static void a_full_disk(void **state)
{
    struct world *world = *state;
    struct rlimit before, small;
    struct stat wal;
    char path[128];
    CLEANUP(error_freep) struct error *err = NULL;

    fake_docker_hold(world->docker, "create");
    world_run(world, "1", ONE("a"));
    snprintf(path, sizeof(path), "%s-wal", world->file);
    assert_int_equal(stat(path, &wal), 0);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = (rlim_t)wal.st_size;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);

    err = world_want(world, "2", "RUNNING", ONE("b"), "");
    assert_non_null(err);
    assert_int_equal(err->code, API_SERVER);
    fake_docker_release(world->docker);
    fake_loop_pass(world->loop, 1000);
    assert_int_equal(fake_docker_find(world->docker, "a")->starts, 0);
    assert_told(world, "");

    setrlimit(RLIMIT_FSIZE, &before);
    fake_loop_pass(world->loop, 10000);
    assert_told(world, "RUNNING 1 a; ");
    world_run(world, "2", ONE("b"));
    assert_told(world, "RUNNING 2 b; ");
}

/* Every call meets every fault, one at a time: tasks end up where they should, nothing runs twice.
 */
static void faults_are_survived(void **state)
{
    (void)state;
    for (int fault = 0; fault < FAKE_FAULT_COUNT; fault++) {
        bool fired = true;

        for (unsigned nth = 1; fired; nth++) {
            struct world *world = world_new();
            struct engine_task_view view;
            bool is_transient =
                fault == FAKE_LOST || fault == FAKE_LOST_ANSWER || fault == FAKE_NONSENSE;

            world_open(world);
            fake_docker_fail(world->docker, nth, (enum fake_fault)fault);
            world_run(
                world, "1",
                MORE("a",
                     ON("b", "START") ",\"portMappings\":[{\"containerPort\":80}]") "," ONE("b"));
            world_run(world, "2", "{\"name\":\"c\",\"image\":\"pullable\",\"essential\":true}");
            fake_loop_pass(world->loop, 60000);
            if (is_transient) { /* nothing was refused */
                assert_true(engine_view(world->engine, ARN "1", &view));
                assert_int_equal(view.known, ENGINE_RUNNING);
                assert_true(engine_view(world->engine, ARN "2", &view));
                assert_int_equal(view.known, ENGINE_RUNNING);
            }
            world_stop(world, "1");
            world_stop(world, "2");
            fake_loop_pass(world->loop, 600000);
            fired = fake_docker_has_failed(world->docker);
            for (int i = 1; i <= 2; i++) {
                char arn[16];

                snprintf(arn, sizeof(arn), ARN "%d", i);
                assert_true(engine_view(world->engine, arn, &view));
                assert_int_equal(view.known, ENGINE_STOPPED);
            }
            for (const char *name = "abc"; *name; name++) {
                const char text[2] = {*name, '\0'};
                struct fake_container *container = fake_docker_find(world->docker, text);

                if (!container)
                    continue;
                assert_true(container->starts <= 1);
                assert_int_not_equal(container->state, DOCKER_STATE_RUNNING);
            }
            world_restart(world);
            fake_loop_pass(world->loop, 2 * 3600 * 1000);
            assert_int_equal(fake_docker_count(world->docker), 0); /* all cleaned up */
            world_free(world);
        }
    }
}

/* The agent is restarted after each number of turns; the outcome is the same. */
static void restarts_anywhere(void **state)
{
    (void)state;
    for (unsigned nth = 0; nth < 12; nth++) {
        struct world *world = world_new();

        world_open(world);
        fake_docker_hold(world->docker, nth % 3 == 0 ? "create" : nth % 3 == 1 ? "start" : "stop");
        world_run(world, "1", MORE("a", ON("b", "START")) "," ONE("b"));
        if (nth >= 6)
            world_stop(world, "1");
        world_restart(world);
        fake_docker_release(world->docker);
        fake_loop_pass(world->loop, 60000);
        if (nth < 6) {
            struct engine_task_view view;

            assert_true(engine_view(world->engine, ARN "1", &view));
            assert_int_equal(view.known, ENGINE_RUNNING);
            world_stop(world, "1");
            fake_loop_pass(world->loop, 60000);
        }
        for (const char *name = "ab"; *name; name++) {
            const char text[2] = {*name, '\0'};
            struct fake_container *container = fake_docker_find(world->docker, text);

            if (container) {
                assert_true(container->starts <= 1);
                assert_int_not_equal(container->state, DOCKER_STATE_RUNNING);
            }
        }
        assert_true(fake_docker_count(world->docker) <= 2);
        world_free(world);
    }
}

int engine_faults_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(docker_goes_and_comes),
        TEST(an_end_that_no_event_told),
        TEST(a_stopped_container_that_runs_again_is_stopped),
        TEST(a_start_that_was_lost),
        TEST(a_restart_starts_nothing_twice),
        TEST(unreported_states_are_reported_after_a_restart),
        TEST(late_acknowledgement),
        TEST(acknowledgement_between_end_and_report),
        TEST(a_full_disk),
        cmocka_unit_test(faults_are_survived),
        cmocka_unit_test(restarts_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
