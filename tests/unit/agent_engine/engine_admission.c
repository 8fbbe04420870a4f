/* The task engine (src/agent/engine/engine.h): whose turn it is: pulls, the room of the host, how much is done at once. */
#include "engine_world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine/admission.h"

/* AP-461, AP-463 */
static void pulls(void **state)
{
    struct world *world = *state;
    const char *missing = "{\"name\":\"a\",\"image\":\"pullable\",\"essential\":true}";

    fake_docker_hold(world->docker, "pull");
    world_run(world, "1", missing);
    world_run(world, "2", missing);
    assert_calls(world, "image pullable; digest pullable; pull pullable@sha");
    fake_docker_release(world->docker);
    fake_loop_settle(world->loop);
    assert_calls(world, "tag -; image pullable; create -; create -; start a; start a");
    assert_told(world, "RUNNING 2 a; RUNNING 1 a; ");
    assert_string_equal(world_view(world, "1", "a")->image_digest, "sha256:d");

    world_run(world, "3", "{\"name\":\"a\",\"image\":\"gone\",\"essential\":true}");
    assert_calls(world, "image gone; digest gone; pull gone; image gone");
    assert_told(world, "STOPPED 3 a=-; ");
    assert_string_equal(world_view(world, "3", "a")->reason,
                        "CannotPullContainerError: Error response from daemon: pull access denied");
}

static void a_pull_is_tried_again(void **state)
{
    struct world *world = *state;

    fake_docker_refuse(world->docker, "pull", "Get https://r/v2/: net/http: TLS handshake timeout");
    world_run(world, "1", "{\"name\":\"a\",\"image\":\"pullable\",\"essential\":true}");
    fake_loop_pass(world->loop, 9000);
    assert_told(world, "");
    fake_loop_pass(world->loop, 9000);
    assert_told(world, "STOPPED 1 a=-; ");
    assert_string_equal(
        world_view(world, "1", "a")->reason,
        "CannotPullContainerError: Get https://r/v2/: net/http: TLS handshake timeout");
    assert_calls(world, "image pullable; digest pullable; pull pullable@sha; pull pullable@sha; "
                        "pull pullable@sha; pull pullable@sha; pull pullable@sha; image pullable");
}

static void pull_behaviours(void **state)
{
    struct world *world = *state;
    const char *cached = ONE("a");

    world->config.image_pull_behavior = PULL_DEFAULT;
    world_run(world, "1", cached);
    assert_calls(world, "digest i; pull i; image i; create -; start a");
    world->config.image_pull_behavior = PULL_ALWAYS;
    world_run(world, "2", cached);
    assert_told(world, "RUNNING 1 a; STOPPED 2 a=-; ");
    free(fake_docker_calls(world->docker));

    world->config.image_pull_behavior = PULL_ONCE;
    world_run(world, "3", "{\"name\":\"a\",\"image\":\"pullable\",\"essential\":true}");
    world_run(world, "4", "{\"name\":\"a\",\"image\":\"pullable\",\"essential\":true}");
    world_restart(world);
    world_run(world, "5", "{\"name\":\"a\",\"image\":\"pullable\",\"essential\":true}");
    CLEANUP(str_freep) char *calls = fake_docker_calls(world->docker);
    assert_int_equal(strncmp(calls, "digest pullable; pull pullable@sha; tag -; image ", 49), 0);
    assert_null(strstr(calls + 1, "digest pullable"));
}

static void a_stop_cancels_a_pull(void **state)
{
    struct world *world = *state;

    fake_docker_hold(world->docker, "pull");
    world_run(world, "1", "{\"name\":\"a\",\"image\":\"pullable\",\"essential\":true}");
    world_stop(world, "1");
    assert_told(world, "STOPPED 1 a=-; ");
    fake_docker_release(world->docker);
    fake_loop_settle(world->loop);
}

/* AP-414 */
static void admission(void **state)
{
    struct world *world = *state;

    world_run(world, "big", MORE("a", "\"memory\":800"));
    world_run(world, "head", MORE("b", "\"memory\":600"));
    world_run(world, "small", MORE("c", "\"memory\":100"));
    assert_told(world, "RUNNING big a; RUNNING small c; ");
    fake_loop_pass(world->loop, ADMISSION_PASS_MS);
    world_run(world, "late", MORE("d", "\"memory\":50"));
    assert_told(world, ""); /* the head has been passed for long enough */
    world_run(world, "never", MORE("e", "\"memory\":1001"));
    assert_told(world, "STOPPED never e=-; ");
    fake_docker_exit(world->docker, "a", 0, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "STOPPED big a=0; RUNNING head b; RUNNING late d; ");
    world_stop(world, "small");
    world_run(world, "5", MORE("f", "\"cpu\":2000,\"memory\":1"));
    world_run(world, "6", MORE("g", "\"cpu\":100,\"memory\":1"));
    assert_told(world, "STOPPED small c=137; RUNNING 5 f; ");
    world_stop(world, "6"); /* it never had its turn */
    assert_told(world, "STOPPED 6 g=-; ");
}

static void ports_are_admitted(void **state)
{
    struct world *world = *state;
    const char *tcp = "\"portMappings\":[{\"containerPort\":80,\"hostPort\":80}]";
    const char *udp =
        "\"portMappings\":[{\"containerPort\":80,\"hostPort\":80,\"protocol\":\"udp\"}]";
    CLEANUP(str_freep) char *a = str_printf(MORE("a", "%s"), tcp);
    CLEANUP(str_freep) char *b = str_printf(MORE("b", "%s"), tcp);
    CLEANUP(str_freep) char *c = str_printf(MORE("c", "%s"), udp);

    world_run(world, "1", a);
    world_run(world, "2", b);
    world_run(world, "3", c);
    assert_told(world, "RUNNING 1 a; RUNNING 3 c; ");
    world_stop(world, "1");
    assert_told(world, "STOPPED 1 a=137; RUNNING 2 b; ");
}

/* AP-414: a GPU that another task still holds is waited for. */
static void gpus_are_admitted(void **state)
{
    static const char *const gpu =
        ",\"associations\":[{\"type\":\"gpu\",\"name\":\"GPU-1\",\"containers\":[\"a\"]}]";
    struct world *world = *state;

    world->config.has_gpu_support = true;
    world->config.nvidia_runtime = "nvidia";
    assert_null(world_want(world, "1", "RUNNING", ONE("a"), gpu));
    fake_loop_settle(world->loop);
    assert_null(world_want(world, "2", "RUNNING", ONE("a"), gpu));
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a; ");
    assert_int_equal(fake_docker_count(world->docker), 1);
    world_stop(world, "1");
    fake_loop_pass(world->loop, 1000);
    assert_int_equal(fake_docker_count(world->docker), 2);
}

/* However many tasks come at once, Docker is asked to make only so many; all get their turn. */
static void starts_are_bounded(void **state)
{
    struct world *world = *state;
    size_t most = (size_t)sysconf(_SC_NPROCESSORS_ONLN) * 4;
    char name[32];

    fake_docker_hold(world->docker, "start");
    for (size_t i = 0; i < most + 20; i++) {
        snprintf(name, sizeof(name), "%zu", i);
        world_run(world, name, ONE("a"));
    }
    assert_int_equal(fake_docker_count(world->docker), most);
    world_stop(world, "0"); /* one inside, one that waits */
    world_stop(world, name);
    fake_docker_release(world->docker);
    fake_loop_settle(world->loop);
    assert_int_equal(fake_docker_count(world->docker), most + 19);
    for (size_t i = 1; i < most + 19; i++) {
        snprintf(name, sizeof(name), "%zu", i);
        assert_int_equal(world_view(world, name, "a")->known, ENGINE_RUNNING);
    }
}

int engine_admission_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pulls),
        TEST(a_pull_is_tried_again),
        TEST(pull_behaviours),
        TEST(a_stop_cancels_a_pull),
        TEST(admission),
        TEST(ports_are_admitted),
        TEST(gpus_are_admitted),
        TEST(starts_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
