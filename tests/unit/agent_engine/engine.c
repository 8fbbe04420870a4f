/* The task engine (src/agent/engine/engine.h) on a fake Docker and a virtual clock. */
#include "agent/engine/engine.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "agent/config/config.h"
#include "agent/engine/admission.h"
#include "agent/engine/engine_reason.h"
#include "agent/engine/store.h"
#include "agent/engine/task_cgroup.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake_docker.h"
#include "fake_loop.h"

#define ARN    "arn:t/"
#define DAY_MS (24LL * 3600 * 1000)

static const char *const status_names[] = {"NONE", "PULLED", "CREATED", "RUNNING", "STOPPED"};

struct world {
    struct loop *loop;
    struct docker *docker;
    struct agent_config config;
    struct agent_store *store;
    struct engine *engine;
    struct buf told; /* "RUNNING 1; STOPPED 1 [a=3]; " */
    bool takes_reports, is_ready, is_closed;
    char dir[64], file[96], root[96];
};

static void on_report(const struct engine_task_view *task, void *data)
{
    struct world *world = data;
    CLEANUP(str_freep) char *arn = str_dup(task->arn);
    uint64_t revision = task->revision;

    buf_printf(&world->told, "%s %s", status_names[task->known], task->arn + strlen(ARN));
    for (size_t i = 0; i < task->container_count; i++) {
        const struct engine_container_view *container = &task->containers[i];

        if (!container->is_changed)
            continue;
        buf_printf(&world->told, " %s", container->name);
        if (container->known != ENGINE_STOPPED)
            continue;
        if (container->has_exit_code)
            buf_printf(&world->told, "=%d", container->exit_code);
        else
            buf_add_str(&world->told, "=-");
    }
    buf_add_str(&world->told, "; ");
    if (world->takes_reports)
        engine_reported(world->engine, arn, revision);
}

static void on_health(const char *task_arn, void *data)
{
    struct world *world = data;

    buf_printf(&world->told, "health %s; ", task_arn + strlen(ARN));
}

static void on_ready(struct error *err, void *data)
{
    struct world *world = data;

    assert_null(err);
    world->is_ready = true;
}

static void on_closed(void *data)
{
    ((struct world *)data)->is_closed = true;
}

/* An image that was seen before: containers of it are created without asking for it. */
static void note_image(struct agent_store *store)
{
    const struct agent_store_image image = {.reference = "i", .id = "sha256:1"};

    assert_null(agent_store_begin(store));
    assert_null(agent_store_put_image(store, &image));
    assert_null(agent_store_commit(store));
}

static void open_engine(struct world *world)
{
    assert_null(agent_store_open(world->file, &world->store));
    note_image(world->store);
    assert_null(engine_new(world->loop, &world->config, world->store, world->docker, on_report,
                           world, &world->engine));
    engine_set_clock(world->engine, fake_loop_clock(world->loop), 1);
    engine_set_capacity(world->engine, 2048, 1000);
    world->is_ready = false;
    engine_start(world->engine, on_ready, world);
    fake_loop_settle(world->loop);
}

static void close_engine(struct world *world)
{
    world->is_closed = false;
    engine_close(world->engine, on_closed, world);
    fake_loop_settle(world->loop);
    assert_true(world->is_closed);
    assert_int_equal(fake_loop_timers(world->loop), 0);
    agent_store_close(world->store);
    world->store = NULL;
}

static struct world *new_world(void)
{
    struct world *world = xcalloc(1, sizeof(*world));

    strcpy(world->dir, "/tmp/berth-engine-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    snprintf(world->file, sizeof(world->file), "%s/agent.db", world->dir);
    world->loop = fake_loop_new();
    snprintf(world->root, sizeof(world->root), "%s/docker", world->dir);
    world->docker = fake_docker_new(world->loop, world->root);
    fake_docker_add_image(world->docker, "i");
    world->takes_reports = true;
    world->config.cluster = "default";
    world->config.data_dir = world->config.data_dir_on_host = world->dir;
    world->config.image_pull_behavior = PULL_PREFER_CACHED;
    world->config.container_stop_timeout_ms = 30000;
    world->config.container_start_timeout_ms = 180000;
    world->config.container_create_timeout_ms = 240000;
    world->config.manifest_pull_timeout_ms = 60000;
    world->config.image_pull_timeout_ms = 7200000;
    world->config.image_pull_inactivity_ms = 60000;
    world->config.task_cleanup_wait_ms = 3600000;
    world->config.excludes_ipv6_bindings = true;
    return world;
}

static void free_world(struct world *world)
{
    CLEANUP(str_freep) char *command = str_printf("rm -r %s", world->dir);

    close_engine(world);
    fake_docker_free(world->docker);
    fake_loop_free(world->loop);
    buf_done(&world->told);
    assert_int_equal(system(command), 0);
    free(world);
}

static int set_up(void **state)
{
    struct world *world = new_world();

    open_engine(world);
    assert_true(world->is_ready);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    free_world(*state);
    return 0;
}

/* A restart of the agent: everything but the file and Docker is forgotten. */
static void restart(struct world *world)
{
    close_engine(world);
    open_engine(world);
}

#define ONE(name)            "{\"name\":\"" name "\",\"image\":\"i\",\"essential\":true}"
#define MORE(name, more)     "{\"name\":\"" name "\",\"image\":\"i\",\"essential\":true," more "}"
#define OPTIONAL(name, more) "{\"name\":\"" name "\",\"image\":\"i\",\"essential\":false" more "}"
#define ON(target, condition)                                                                      \
    "\"dependsOn\":[{\"containerName\":\"" target "\",\"condition\":\"" condition "\"}]"
#define CHECKED(name)                                                                              \
    MORE(name, "\"healthCheckType\":\"docker\",\"dockerConfig\":{\"config\":"                      \
               "\"{\\\"Healthcheck\\\":{\\\"Test\\\":[\\\"CMD\\\"]}}\"}")

static struct error *want(struct world *world, const char *name, const char *desired,
                          const char *containers, const char *more)
{
    CLEANUP(str_freep)
    char *text = str_printf("{\"arn\":\"" ARN
                            "%s\",\"desiredStatus\":\"%s\",\"family\":\"f\",\"version\":\"1\","
                            "\"containers\":[%s]%s}",
                            name, desired, containers, more);
    json_t *json = json_loads(text, 0, NULL);
    struct arena arena = {0};
    struct acs_task task = {0};
    struct error *err;

    if (!json)
        fail_msg("%s", text);
    assert_null(acs_decode_task(&arena, json, &task));
    err = engine_want(world->engine, &task);
    json_decref(json);
    arena_done(&arena);
    return err;
}

static void run(struct world *world, const char *name, const char *containers)
{
    struct error *err = want(world, name, "RUNNING", containers, "");

    if (err)
        fail_msg("%s", err->message);
    fake_loop_settle(world->loop);
}

static void stop(struct world *world, const char *name)
{
    assert_null(want(world, name, "STOPPED", "", ""));
    fake_loop_settle(world->loop);
}

static void refuse(struct world *world, const char *name, const char *containers, const char *more)
{
    CLEANUP(error_freep) struct error *err = want(world, name, "RUNNING", containers, more);

    assert_non_null(err);
    assert_int_equal(err->code, API_CLIENT);
    fake_loop_settle(world->loop);
}

/* What was reported since the last time. */
#define assert_told(world, expected)                                                               \
    do {                                                                                           \
        CLEANUP(str_freep) char *told_ = buf_take(&(world)->told);                                 \
        assert_string_equal(told_, expected);                                                      \
    } while (0)

/* What Docker was asked since the last time. */
#define assert_calls(world, expected)                                                              \
    do {                                                                                           \
        CLEANUP(str_freep) char *calls_ = fake_docker_calls((world)->docker);                      \
        assert_string_equal(calls_, expected);                                                     \
    } while (0)

static const struct engine_container_view *view_of(struct world *world, const char *task,
                                                   const char *container)
{
    CLEANUP(str_freep) char *arn = str_printf(ARN "%s", task);
    static struct engine_task_view view;

    assert_true(engine_view(world->engine, arn, &view));
    for (size_t i = 0; i < view.container_count; i++)
        if (strcmp(view.containers[i].name, container) == 0)
            return &view.containers[i];
    fail();
    return NULL;
}

static const char *reason_of(struct world *world, const char *task)
{
    CLEANUP(str_freep) char *arn = str_printf(ARN "%s", task);
    struct engine_task_view view;

    assert_true(engine_view(world->engine, arn, &view));
    return view.reason;
}

/* Latency: nothing is asked that the answers and events tell anyway. */
static void no_needless_calls(void **state)
{
    struct world *world = *state;

    run(world, "1", ONE("a"));
    assert_calls(world, "create -; start a");
    assert_told(world, "RUNNING 1 a; ");
    stop(world, "1");
    assert_calls(world, "stop a");
    assert_told(world, "STOPPED 1 a=137; ");
}

static void dynamic_ports_are_looked_up(void **state)
{
    struct world *world = *state;

    run(world, "1", MORE("a", "\"portMappings\":[{\"containerPort\":80}]"));
    assert_calls(world, "create -; start a; inspect a");
    assert_told(world, "RUNNING 1 a; ");
    assert_int_equal(view_of(world, "1", "a")->bindings[0].host_port, 32768);
    run(world, "2", MORE("b", "\"portMappings\":[{\"containerPort\":80,\"hostPort\":81}]"));
    assert_calls(world, "create -; start b");
    assert_int_equal(view_of(world, "2", "b")->bindings[0].host_port, 81);
}

/* AP-222, AP-223, AP-225 */
static void what_is_wanted_moves_forward_only(void **state)
{
    struct world *world = *state;

    run(world, "1", ONE("a"));
    run(world, "1", ONE("a"));
    stop(world, "1");
    stop(world, "1");
    run(world, "1", ONE("a"));
    assert_calls(world, "create -; start a; stop a");
    /* Who asks for a task that has ended has not heard of its end. */
    assert_told(world, "RUNNING 1 a; STOPPED 1 a=137; STOPPED 1 a=137; ");
    stop(world, "unknown");
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

        refuse(world, name, cases[i].containers, cases[i].more);
        assert_told(world, told);
        assert_int_equal(strncmp(reason_of(world, name), cases[i].reason, strlen(cases[i].reason)),
                         0);
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

    engine_on_health(world->engine, on_health, world);
    run(world, "1", MORE("a", ON("b", "HEALTHY")) "," CHECKED("b"));
    assert_calls(world, "create -; start b");
    fake_docker_health(world->docker, "b", "healthy");
    fake_loop_settle(world->loop);
    assert_calls(world, "create -; start a");
    assert_told(world, "health 1; RUNNING 1 a b; "); /* health has a channel of its own (AP-510) */

    run(world, "2", MORE("c", ON("d", "SUCCESS")) "," OPTIONAL("d", ""));
    assert_calls(world, "create -; start d");
    fake_docker_exit(world->docker, "d", 0, false, true);
    fake_loop_settle(world->loop);
    assert_calls(world, "create -; start c");
    assert_told(world, "RUNNING 2 c d=0; ");

    run(world, "3", MORE("e", ON("f", "COMPLETE")) "," OPTIONAL("f", ""));
    fake_docker_exit(world->docker, "f", 9, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 3 e f=9; ");
}

/* AP-407, TD-134, TD-142 */
static void conditions_that_cannot_be_met(void **state)
{
    struct world *world = *state;

    run(world, "1", MORE("a", ON("b", "SUCCESS")) "," OPTIONAL("b", ""));
    fake_docker_exit(world->docker, "b", 3, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "STOPPED 1 a=143 b=3; ");
    assert_string_equal(view_of(world, "1", "a")->reason,
                        "CannotStartContainerError: dependency graph: container a cannot be "
                        "started: b was to be successful but exited with code 3");

    run(world, "2", MORE("c", ON("d", "HEALTHY")) "," CHECKED("d"));
    fake_docker_health(world->docker, "d", "unhealthy");
    fake_loop_settle(world->loop);
    assert_told(world, "STOPPED 2 c=143 d=137; ");

    /* All that can never start say so, also if the first of them ends the task. */
    run(world, "4",
        MORE("g", ON("i", "SUCCESS")) "," OPTIONAL("h", "," ON("i", "SUCCESS")) "," OPTIONAL(
            "j", "," ON("g", "START")) "," OPTIONAL("i", ""));
    fake_docker_exit(world->docker, "i", 3, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "STOPPED 4 g=143 h=143 j=- i=3; ");

    run(world, "3", MORE("e", ON("f", "COMPLETE")) "," OPTIONAL("f", ",\"startTimeout\":20"));
    fake_loop_pass(world->loop, 19000);
    assert_told(world, "");
    fake_loop_pass(world->loop, 2000);
    assert_told(world, "STOPPED 3 e=143 f=137; ");
}

/* AP-404, AP-408 */
static void an_essential_end_stops_the_rest_in_order(void **state)
{
    struct world *world = *state;

    run(world, "1",
        MORE("a", ON("b", "START")) "," MORE("b", ON("c", "START")) "," ONE("c") "," OPTIONAL("d",
                                                                                              ""));
    fake_docker_exit(world->docker, "d", 1, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a b c d; RUNNING 1 d=1; ");
    assert_int_equal(view_of(world, "1", "d")->desired, ENGINE_RUNNING); /* as ECS tells it */
    free(fake_docker_calls(world->docker));
    fake_docker_hold(world->docker, "stop");
    stop(world, "1");
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
    run(world, "1", ONE("a"));
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

    run(world, "1", ONE("a"));
    fake_docker_exit(world->docker, "a", 137, true, true);
    fake_loop_settle(world->loop);
    assert_string_equal(view_of(world, "1", "a")->reason,
                        "OutOfMemoryError: Container killed due to memory usage");
    run(world, "2", ONE("b"));
    fake_docker_exit(world->docker, "b", 1, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a; STOPPED 1 a=137; RUNNING 2 b; STOPPED 2 b=1; ");
    fake_docker_oom_event(world->docker, "b");
    fake_loop_settle(world->loop);
    assert_told(world, "STOPPED 2 b=1; ");
    assert_non_null(view_of(world, "2", "b")->reason);
}

/* AP-411 */
static void restart_policy(void **state)
{
    struct world *world = *state;

    run(world, "1",
        MORE("a", "\"restartPolicy\":{\"enabled\":true,\"restartAttemptPeriod\":60,"
                  "\"ignoredExitCodes\":[5]}"));
    fake_loop_pass(world->loop, 61000);
    fake_docker_exit(world->docker, "a", 1, false, true);
    fake_loop_settle(world->loop);
    assert_int_equal(fake_docker_find(world->docker, "a")->starts, 2);
    assert_int_equal(view_of(world, "1", "a")->restarts, 1);
    assert_told(world, "RUNNING 1 a; ");
    fake_loop_pass(world->loop, 30000);
    fake_docker_exit(world->docker, "a", 1, false, true); /* too soon after the last start */
    fake_loop_settle(world->loop);
    assert_told(world, "STOPPED 1 a=1; ");

    run(world, "2",
        MORE("b", "\"restartPolicy\":{\"enabled\":true,\"restartAttemptPeriod\":60,"
                  "\"ignoredExitCodes\":[5]}"));
    fake_loop_pass(world->loop, 61000);
    fake_docker_exit(world->docker, "b", 5, false, true);
    fake_loop_settle(world->loop);
    assert_int_equal(fake_docker_find(world->docker, "b")->starts, 1);
}

/* AP-461, AP-463 */
static void pulls(void **state)
{
    struct world *world = *state;
    const char *missing = "{\"name\":\"a\",\"image\":\"pullable\",\"essential\":true}";

    fake_docker_hold(world->docker, "pull");
    run(world, "1", missing);
    run(world, "2", missing);
    assert_calls(world, "image pullable; digest pullable; pull pullable@sha");
    fake_docker_release(world->docker);
    fake_loop_settle(world->loop);
    assert_calls(world, "tag -; image pullable; create -; create -; start a; start a");
    assert_told(world, "RUNNING 2 a; RUNNING 1 a; ");
    assert_string_equal(view_of(world, "1", "a")->image_digest, "sha256:d");

    run(world, "3", "{\"name\":\"a\",\"image\":\"gone\",\"essential\":true}");
    assert_calls(world, "image gone; digest gone; pull gone; image gone");
    assert_told(world, "STOPPED 3 a=-; ");
    assert_string_equal(view_of(world, "3", "a")->reason,
                        "CannotPullContainerError: Error response from daemon: pull access denied");
}

static void a_pull_is_tried_again(void **state)
{
    struct world *world = *state;

    fake_docker_refuse(world->docker, "pull", "Get https://r/v2/: net/http: TLS handshake timeout");
    run(world, "1", "{\"name\":\"a\",\"image\":\"pullable\",\"essential\":true}");
    fake_loop_pass(world->loop, 9000);
    assert_told(world, "");
    fake_loop_pass(world->loop, 9000);
    assert_told(world, "STOPPED 1 a=-; ");
    assert_string_equal(
        view_of(world, "1", "a")->reason,
        "CannotPullContainerError: Get https://r/v2/: net/http: TLS handshake timeout");
    assert_calls(world, "image pullable; digest pullable; pull pullable@sha; pull pullable@sha; "
                        "pull pullable@sha; pull pullable@sha; pull pullable@sha; image pullable");
}

static void pull_behaviours(void **state)
{
    struct world *world = *state;
    const char *cached = ONE("a");

    world->config.image_pull_behavior = PULL_DEFAULT;
    run(world, "1", cached);
    assert_calls(world, "digest i; pull i; image i; create -; start a");
    world->config.image_pull_behavior = PULL_ALWAYS;
    run(world, "2", cached);
    assert_told(world, "RUNNING 1 a; STOPPED 2 a=-; ");
    free(fake_docker_calls(world->docker));

    world->config.image_pull_behavior = PULL_ONCE;
    run(world, "3", "{\"name\":\"a\",\"image\":\"pullable\",\"essential\":true}");
    run(world, "4", "{\"name\":\"a\",\"image\":\"pullable\",\"essential\":true}");
    restart(world);
    run(world, "5", "{\"name\":\"a\",\"image\":\"pullable\",\"essential\":true}");
    CLEANUP(str_freep) char *calls = fake_docker_calls(world->docker);
    assert_int_equal(strncmp(calls, "digest pullable; pull pullable@sha; tag -; image ", 49), 0);
    assert_null(strstr(calls + 1, "digest pullable"));
}

static void a_stop_cancels_a_pull(void **state)
{
    struct world *world = *state;

    fake_docker_hold(world->docker, "pull");
    run(world, "1", "{\"name\":\"a\",\"image\":\"pullable\",\"essential\":true}");
    stop(world, "1");
    assert_told(world, "STOPPED 1 a=-; ");
    fake_docker_release(world->docker);
    fake_loop_settle(world->loop);
}

/* AP-414 */
static void admission(void **state)
{
    struct world *world = *state;

    run(world, "big", MORE("a", "\"memory\":800"));
    run(world, "head", MORE("b", "\"memory\":600"));
    run(world, "small", MORE("c", "\"memory\":100"));
    assert_told(world, "RUNNING big a; RUNNING small c; ");
    fake_loop_pass(world->loop, ADMISSION_PASS_MS);
    run(world, "late", MORE("d", "\"memory\":50"));
    assert_told(world, ""); /* the head has been passed for long enough */
    run(world, "never", MORE("e", "\"memory\":1001"));
    assert_told(world, "STOPPED never e=-; ");
    fake_docker_exit(world->docker, "a", 0, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "STOPPED big a=0; RUNNING head b; RUNNING late d; ");
    stop(world, "small");
    run(world, "5", MORE("f", "\"cpu\":2000,\"memory\":1"));
    run(world, "6", MORE("g", "\"cpu\":100,\"memory\":1"));
    assert_told(world, "STOPPED small c=137; RUNNING 5 f; ");
    stop(world, "6"); /* it never had its turn */
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

    run(world, "1", a);
    run(world, "2", b);
    run(world, "3", c);
    assert_told(world, "RUNNING 1 a; RUNNING 3 c; ");
    stop(world, "1");
    assert_told(world, "STOPPED 1 a=137; RUNNING 2 b; ");
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
        run(world, name, ONE("a"));
    }
    assert_int_equal(fake_docker_count(world->docker), most);
    stop(world, "0"); /* one inside, one that waits */
    stop(world, name);
    fake_docker_release(world->docker);
    fake_loop_settle(world->loop);
    assert_int_equal(fake_docker_count(world->docker), most + 19);
    for (size_t i = 1; i < most + 19; i++) {
        snprintf(name, sizeof(name), "%zu", i);
        assert_int_equal(view_of(world, name, "a")->known, ENGINE_RUNNING);
    }
}

/* AP-409, AP-418 */
static void limits(void **state)
{
    struct world *world = *state;

    fake_docker_fail(world->docker, 1, FAKE_TIMEOUT);
    run(world, "1", ONE("a"));
    assert_string_equal(view_of(world, "1", "a")->reason,
                        "DockerTimeoutError: Could not transition to created; timed out after "
                        "waiting 4m0s");
    fake_docker_fail(world->docker, 2, FAKE_TIMEOUT);
    run(world, "2", ONE("b"));
    assert_string_equal(view_of(world, "2", "b")->reason,
                        "DockerTimeoutError: Could not transition to started; timed out after "
                        "waiting 3m0s");
    assert_int_equal(fake_docker_find(world->docker, "b")->state, DOCKER_STATE_EXITED);

    run(world, "3", ONE("c"));
    fake_docker_refuse(world->docker, "stop", "Error response from daemon: stuck");
    stop(world, "3");
    fake_loop_pass(world->loop, 60000);
    assert_string_equal(view_of(world, "3", "c")->reason,
                        "CannotStopContainerError: Error response from daemon: stuck");
    assert_string_equal(reason_of(world, "3"),
                        "TaskStateError: Agent could not progress task's state to stopped");
}

#define LOGS(name, option)                                                                         \
    MORE(name, "\"dockerConfig\":{\"hostConfig\":\"{\\\"LogConfig\\\":{\\\"Type\\\":"              \
               "\\\"awsfirelens\\\",\\\"Config\\\":{\\\"" option "\\\":\\\"stdout\\\"}}}\"}")
#define ROUTES(name, more) MORE(name, "\"firelensConfiguration\":{\"type\":\"fluentbit\"" more "}")

/* AP-476, TD-211: the router is the first to start, in a place of its own, and the last to stop. */
static void firelens(void **state)
{
    struct world *world = *state;
    CLEANUP(str_freep) char *dir = str_printf("%s/firelens/1", world->dir);
    CLEANUP(str_freep) char *file = str_printf("%s/config/fluent.conf", dir);
    const struct fake_container *app;

    run(world, "1", LOGS("app", "Name") "," ROUTES("router", ""));
    assert_int_equal(access(file, R_OK), 0);
    assert_calls(world, "create -; start router; inspect router; create -; start app");
    app = fake_docker_find(world->docker, "app");
    assert_non_null(strstr(app->body, "\"FLUENT_HOST=172.17.0.2\""));
    assert_non_null(strstr(app->body, "\"tag\":\"app-firelens-1\""));

    restart(world);
    free(fake_docker_calls(world->docker));
    stop(world, "1");
    assert_calls(world, "stop app; stop router");
    restart(world);
    assert_int_equal(access(dir, F_OK), 0);
    fake_loop_pass(world->loop, 2LL * 3600 * 1000);
    assert_int_equal(access(dir, F_OK), -1);
}

/* TD-205, TD-208: a router that cannot be configured is never created, nor is anything else. */
static void firelens_failures(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *id, *containers, *reason;
    } rows[] = {
        {"1", LOGS("app", "region") "," ROUTES("router", ""),
         "Unable to generate firelens config file: unable to generate firelens config: unable to "
         "apply log options of container app to firelens config: missing output key Name which is "
         "required for firelens configuration of type fluentbit"},
        {"2",
         LOGS("app", "Name") "," ROUTES("router", ",\"options\":{\"config-file-type\":\"s3\","
                                                  "\"config-file-value\":\"arn:aws:s3:::b/k\"}"),
         "Unable to download firelens s3 config file: unable to get execution role credentials"},
    };
    struct error *err;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(str_freep) char *arn = str_printf(ARN "%s", rows[i].id);
        struct engine_task_view view;

        assert_null(want(world, rows[i].id, "RUNNING", rows[i].containers, ""));
        fake_loop_settle(world->loop);
        assert_true(engine_view(world->engine, arn, &view));
        assert_int_equal(view.known, ENGINE_STOPPED);
        assert_string_equal(view.reason, rows[i].reason);
        assert_int_equal(fake_docker_count(world->docker), 0);
    }
    err = want(world, "3", "RUNNING",
               ROUTES("router", ",\"options\":{\"config-file-type\":\"ftp\"}"), "");
    assert_non_null(err);
    assert_string_equal(err->message,
                        "resource cannot be initialized for task " ARN "3: unable to initialize "
                        "firelens resource: error parsing firelens options: invalid value ftp is "
                        "specified for option config-file-type");
    error_free(err);
}

/* A task whose volume cannot be had does not start (TD-154, TD-155, TD-163). */
static void volume_failures(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *id, *volume, *refusal, *reason;
        bool is_early; /* before anything was made */
    } rows[] = {
        {"1", "\"type\":\"docker\",\"dockerVolumeConfiguration\":{\"driver\":\"nope\"}",
         "Error response from daemon: no plugin nope", "Error response from daemon: no plugin nope",
         false},
        {"2", "\"type\":\"docker\",\"dockerVolumeConfiguration\":{\"scope\":\"shared\"}", NULL,
         "resource cannot be initialized for task " ARN "2: initialize volume: volume detection "
         "failed, volume 'v' does not exist and autoprovision is set to false: "
         "Error response from daemon: No such container",
         true},
        {"3",
         "\"type\":\"efs\",\"efsVolumeConfiguration\":{\"fileSystemId\":\"fs-1\","
         "\"transitEncryption\":\"ENABLED\"}",
         NULL,
         "resource cannot be initialized for task " ARN "3: file system fs-1: transit encryption "
         "is not available on this instance",
         true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(str_freep)
        char *volumes = str_printf(",\"volumes\":[{\"name\":\"v\",%s}]", rows[i].volume);
        CLEANUP(str_freep) char *arn = str_printf(ARN "%s", rows[i].id);
        struct engine_task_view view;

        fake_docker_refuse(world->docker, rows[i].refusal ? "volume" : NULL, rows[i].refusal);
        assert_null(want(world, rows[i].id, "RUNNING", ONE("a"), volumes));
        fake_loop_settle(world->loop);
        assert_true(engine_view(world->engine, arn, &view));
        assert_int_equal(view.known, ENGINE_STOPPED);
        assert_string_equal(view.reason, rows[i].reason);
        assert_true((view.execution_stopped_at_ms == 0) == rows[i].is_early); /* AP-121 */
        assert_int_equal(fake_docker_count(world->docker), 0);
    }
    fake_docker_refuse(world->docker, NULL, NULL);
}

/* AG-225: metadata shows what Docker knows also of a container that could not start. */
static void what_could_not_start_is_looked_at_once(void **state)
{
    struct world *world = *state;
    static const char *const refusals[] = {NULL, "Error response from daemon: no"};

    world->config.task_endpoint_url = "http://169.254.170.2";
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        const char *name = i ? "2" : "1";
        const struct engine_container_view *view;

        fake_docker_fail(world->docker, 4, FAKE_REFUSED); /* the start of b */
        fake_docker_hold(world->docker, "inspect");
        run(world, name, ONE("a") "," OPTIONAL("b", ""));
        assert_calls(world, "create -; create -; start a; start b; inspect a; inspect b");
        fake_docker_refuse(world->docker, refusals[i] ? "inspect" : NULL, refusals[i]);
        fake_docker_release(world->docker);
        fake_loop_settle(world->loop);
        fake_docker_refuse(world->docker, NULL, NULL);
        fake_loop_pass(world->loop, 10000);
        CLEANUP(str_freep) char *calls = fake_docker_calls(world->docker);
        assert_null(strstr(calls, "inspect b")); /* whatever came of it */
        view = view_of(world, name, "b");
        assert_int_equal(view->known, ENGINE_STOPPED);
        assert_string_equal(view->reason,
                            "CannotStartContainerError: Error response from daemon: no");
        assert_int_equal(view->started_at_ms, 0);
        assert_true((view->detail != NULL) == (refusals[i] == NULL));
        stop(world, name);
        free(fake_docker_calls(world->docker));
    }
}

/* TD-143, AP-431: first up, last down, its image imported once; its metadata alone shows it. */
static void shared_namespaces(void **state)
{
    struct world *world = *state;
    struct engine_task_view view;
    const char *pause;
    struct config_pair labels[] = {{"team", "a"}, {"com.amazonaws.ecs.cluster", "mine"}};

    world->config.pause_labels = (struct config_map){labels, ARRAY_LEN(labels)};
    assert_null(want(world, "1", "RUNNING", ONE("a"), ",\"pidMode\":\"task\""));
    assert_null(want(world, "2", "RUNNING", ONE("b"), ",\"ipcMode\":\"task\""));
    fake_loop_settle(world->loop);
    fake_loop_pass(world->loop, 1000);
    CLEANUP(str_freep) char *calls = fake_docker_calls(world->docker);
    assert_non_null(strstr(calls, "import"));
    assert_null(strstr(strstr(calls, "import") + 1, "import")); /* of two that wait for it */
    assert_non_null(strstr(strstr(calls, "start ~internal~"), "start a"));
    assert_told(world, "RUNNING 1 a; RUNNING 2 b; ");
    assert_true(engine_view(world->engine, ARN "1", &view));
    assert_int_equal(view.container_count, 1);
    assert_int_equal(view.internal_count, 1);
    assert_string_equal(view.containers[1].name, "~internal~ecs~pause~namespace");
    assert_non_null(strstr(fake_docker_find(world->docker, "a")->body, "\"PidMode\":\"container:"));
    pause = fake_docker_find(world->docker, "~internal~ecs~pause~namespace")->body;
    assert_non_null(strstr(pause, "\"team\":\"a\"")); /* ECS_PAUSE_LABELS */
    assert_null(strstr(pause, "mine"));               /* ours are ours */
    assert_null(strstr(fake_docker_find(world->docker, "a")->body, "team"));
    restart(world);
    stop(world, "1");
    fake_loop_pass(world->loop, 1000);
    CLEANUP(str_freep) char *down = fake_docker_calls(world->docker);
    assert_non_null(strstr(strstr(down, "stop a"), "stop ~internal~"));
}

/* Docker's systemd driver: the slice is there before the containers and goes after them. */
static void slices(void **state)
{
    struct world *world = *state;
    const struct task_cgroups cgroups = {.kind = TASK_CGROUP_SLICE, .root = world->dir};
    CLEANUP(str_freep)
    char *slice = str_printf("%s/memory/ecstasks.slice/ecstasks-1.slice", world->dir);
    CLEANUP(str_freep) char *make = str_printf("mkdir -p %s", slice);

    world->config.cgroup_cpu_period_ms = 100;
    engine_set_cgroups(world->engine, &cgroups);
    run(world, "1", ONE("a"));
    assert_non_null(strstr(fake_loop_command(world->loop), "StartTransientUnit"));
    assert_null(fake_docker_find(world->docker, "a"));
    assert_int_equal(system(make), 0);
    fake_loop_exit(world->loop, 0);
    assert_told(world, "RUNNING 1 a; ");
    assert_non_null(strstr(fake_docker_find(world->docker, "a")->body,
                           "\"CgroupParent\":\"ecstasks-1.slice\""));
    stop(world, "1");
    fake_loop_pass(world->loop, world->config.task_cleanup_wait_ms + 1000);
    assert_non_null(strstr(fake_loop_command(world->loop), "StopUnit"));
    assert_int_equal(fake_docker_count(world->docker), 0);
    assert_int_equal(rmdir(slice), 0);
    fake_loop_exit(world->loop, 0);
    assert_null(fake_loop_command(world->loop));

    run(world, "2", ONE("b"));
    fake_loop_exit(world->loop, 1); /* systemd refuses */
    assert_string_equal(reason_of(world, "2"), TASK_CGROUP_REASON);
    assert_null(fake_docker_find(world->docker, "b"));
}

/* AG-152, TD-113: with the words of the official agent. */
static void resources_that_contradict_each_other(void **state)
{
    struct world *world = *state;
    const struct task_cgroups cgroups = {.kind = TASK_CGROUP_V1, .root = world->dir};

    engine_set_cgroups(world->engine, &cgroups);
    world->config.cgroup_cpu_period_ms = 100;
    world->config.has_gpu_support = true;
    refuse(world, "1", MORE("a", "\"memory\":65"), ",\"memory\":64");
    assert_string_equal(reason_of(world, "1"),
                        "resource cannot be initialized for task " ARN
                        "1: cgroup resource: unable to build resource spec for task: task memory "
                        "spec builder: container memory limit(65) greater than task memory "
                        "limit(64)");
    refuse(world, "2", ONE("a"),
           ",\"associations\":[{\"type\":\"gpu\",\"name\":\"GPU-1\",\"containers\":[\"b\"]}]");
    assert_string_equal(reason_of(world, "2"),
                        "resource cannot be initialized for task " ARN
                        "2: could not find container with name b for associating GPU GPU-1");
    /* No cgroups here: the task is told so. */
    run(world, "3", ONE("a"));
    assert_string_equal(reason_of(world, "3"), TASK_CGROUP_REASON);
}

/* AP-414: a GPU that another task still holds is waited for. */
static void gpus_are_admitted(void **state)
{
    static const char *const gpu =
        ",\"associations\":[{\"type\":\"gpu\",\"name\":\"GPU-1\",\"containers\":[\"a\"]}]";
    struct world *world = *state;

    world->config.has_gpu_support = true;
    world->config.nvidia_runtime = "nvidia";
    assert_null(want(world, "1", "RUNNING", ONE("a"), gpu));
    fake_loop_settle(world->loop);
    assert_null(want(world, "2", "RUNNING", ONE("a"), gpu));
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a; ");
    assert_int_equal(fake_docker_count(world->docker), 1);
    stop(world, "1");
    fake_loop_pass(world->loop, 1000);
    assert_int_equal(fake_docker_count(world->docker), 2);
}

/* AP-417 */
static void clean_up(void **state)
{
    struct world *world = *state;
    const char *volumes = ",\"volumes\":[{\"name\":\"v\",\"type\":\"docker\","
                          "\"dockerVolumeConfiguration\":{\"scope\":\"task\"}}]";

    world->takes_reports = false;
    assert_null(want(world, "1", "RUNNING", ONE("a"), volumes));
    fake_loop_settle(world->loop);
    assert_true(fake_docker_has_volume(world->docker, "ecs-f-1-v-"));
    stop(world, "1");
    fake_loop_pass(world->loop, 71LL * 3600 * 1000); /* nobody takes the report */
    assert_int_equal(fake_docker_count(world->docker), 1);
    engine_reported(world->engine, ARN "1", 99);
    fake_loop_pass(world->loop, 1000);
    assert_int_equal(fake_docker_count(world->docker), 0);
    assert_false(fake_docker_has_volume(world->docker, "ecs-f-1-v-"));
    struct engine_task_view view;
    assert_false(engine_view(world->engine, ARN "1", &view));

    run(world, "2", ONE("b"));
    stop(world, "2");
    fake_loop_pass(world->loop, 73LL * 3600 * 1000); /* nobody ever will */
    assert_int_equal(fake_docker_count(world->docker), 0);
    restart(world);
    assert_false(engine_view(world->engine, ARN "2", &view));
}

/* What was told to nobody when the host was switched off is told, however long it was off. */
static void a_long_absence(void **state)
{
    struct world *world = *state;

    world->takes_reports = false;
    run(world, "1", ONE("a"));
    fake_docker_exit(world->docker, "a", 7, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a; STOPPED 1 a=7; ");
    close_engine(world);
    fake_loop_pass(world->loop, 30 * DAY_MS);
    fake_docker_down(world->docker);
    open_engine(world);
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

    run(world, "1", ONE("a") "," OPTIONAL("b", ""));
    run(world, "2", ONE("c"));
    assert_told(world, "RUNNING 1 a b; RUNNING 2 c; ");
    world->takes_reports = false;
    fake_docker_exit(world->docker, "c", 3, false, true);
    fake_loop_pass(world->loop, 1800000);
    assert_told(world, "STOPPED 2 c=3; ");
    fake_docker_exit(world->docker, "b", 4, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 b=4; ");
    restart(world);
    fake_loop_pass(world->loop, 1800000);
    assert_told(world, "RUNNING 1 b=4; STOPPED 2 c=3; ");
    world->takes_reports = true;
    restart(world);
    assert_told(world, "RUNNING 1 b=4; STOPPED 2 c=3; ");
    assert_int_equal(fake_docker_find(world->docker, "a")->state, DOCKER_STATE_RUNNING);
    assert_int_equal(fake_docker_find(world->docker, "a")->starts, 1);
    restart(world);
    assert_told(world, "");
}

/* A day, or eighty, forwards and back: what is measured is measured with the other clock. */
static void clock_jumps(void **state)
{
    static const int64_t jumps[] = {DAY_MS, -DAY_MS, 80 * DAY_MS, -80 * DAY_MS};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
        struct world *world = new_world();

        open_engine(world);
        run(world, "1", MORE("a", ON("b", "COMPLETE")) "," OPTIONAL("b", ",\"startTimeout\":20"));
        fake_loop_pass(world->loop, 10000);
        fake_loop_set_clock(world->loop, jumps[i]);
        fake_loop_pass(world->loop, 9000);
        assert_told(world, "");
        fake_loop_pass(world->loop, 2000);
        assert_told(world, "STOPPED 1 a=143 b=137; ");

        world->takes_reports = false;
        run(world, "2", ONE("c"));
        stop(world, "2");
        fake_loop_set_clock(world->loop, jumps[i]);
        fake_loop_pass(world->loop, 2 * 3600 * 1000); /* the first one goes, this one waits */
        assert_null(fake_docker_find(world->docker, "b"));
        assert_non_null(fake_docker_find(world->docker, "c"));
        assert_told(world, "RUNNING 2 c; STOPPED 2 c=137; ");
        world->takes_reports = true;
        fake_loop_set_clock(world->loop, jumps[i]);
        restart(world);
        fake_loop_pass(world->loop, 3600 * 1000);
        assert_told(world, "STOPPED 2 c=137; ");
        assert_int_equal(fake_docker_count(world->docker), 0);
        free_world(world);
    }
}

/* AP-411: one that ended before it began ran for nobody knows how long. */
static void a_restart_over_a_clock_set_back(void **state)
{
    struct world *world = *state;

    run(world, "1", MORE("a", "\"restartPolicy\":{\"enabled\":true,\"restartAttemptPeriod\":60}"));
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

    run(world, "1", ONE("a"));
    stop(world, "1");
    fake_docker_down(world->docker);
    fake_loop_pass(world->loop, 2 * 3600 * 1000);
    fake_docker_up(world->docker);
    assert_int_equal(fake_docker_count(world->docker), 1);
    fake_loop_pass(world->loop, 10000);
    assert_int_equal(fake_docker_count(world->docker), 0);
}

/* AP-410, AP-413, AP-543 */
static void docker_goes_and_comes(void **state)
{
    struct world *world = *state;

    run(world, "1", ONE("a"));
    run(world, "2", ONE("b"));
    run(world, "3", ONE("c"));
    assert_told(world, "RUNNING 1 a; RUNNING 2 b; RUNNING 3 c; ");
    fake_docker_down(world->docker);
    fake_loop_settle(world->loop);
    fake_docker_exit(world->docker, "a", 6, false, false);
    fake_docker_rm(world->docker, "b");
    stop(world, "3");
    run(world, "4", ONE("d"));
    fake_loop_pass(world->loop, 60000);
    assert_told(world, "");
    fake_docker_up(world->docker);
    fake_loop_pass(world->loop, 10000);
    assert_told(world, "STOPPED 1 a=6; STOPPED 2 b=-; STOPPED 3 c=137; RUNNING 4 d; ");
    assert_string_equal(view_of(world, "2", "b")->reason,
                        "ContainerVanishedError: No container matching saved ID found");
}

static void a_stopped_container_that_runs_again_is_stopped(void **state)
{
    struct world *world = *state;
    struct fake_container *container;

    run(world, "1", ONE("a"));
    fake_docker_exit(world->docker, "a", 0, false, true);
    fake_loop_settle(world->loop);
    container = fake_docker_find(world->docker, "a");
    container->state = DOCKER_STATE_RUNNING; /* by hand, and unseen */
    restart(world);
    fake_loop_settle(world->loop);
    assert_int_equal(container->state, DOCKER_STATE_EXITED);
}

/* A start whose answer was lost is repeated only if the container cannot have run. */
static void a_start_that_was_lost(void **state)
{
    struct world *world = *state;

    fake_docker_fail(world->docker, 2, FAKE_LOST);
    run(world, "1", ONE("a"));
    fake_loop_pass(world->loop, 10000);
    assert_told(world, "RUNNING 1 a; ");
    assert_calls(world, "create -; start a; inspect a; start a");

    fake_docker_fail(world->docker, 2, FAKE_BREAK);
    run(world, "2", ONE("b"));
    fake_loop_pass(world->loop, 10000);
    assert_told(world, "STOPPED 2 b=-; ");
    assert_calls(world, "create -; start b; inspect b");
    assert_string_equal(view_of(world, "2", "b")->reason, REASON_LOST);
}

static void a_restart_starts_nothing_twice(void **state)
{
    struct world *world = *state;

    run(world, "1", MORE("a", ON("b", "START")) "," ONE("b"));
    run(world, "2", ONE("c"));
    fake_docker_exit(world->docker, "c", 3, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a b; RUNNING 2 c; STOPPED 2 c=3; ");
    restart(world);
    fake_loop_settle(world->loop);
    assert_told(world, "");
    assert_int_equal(fake_docker_find(world->docker, "a")->starts, 1);
    assert_int_equal(fake_docker_find(world->docker, "b")->starts, 1);
    assert_int_equal(fake_docker_find(world->docker, "c")->starts, 1);
    close_engine(world);
    fake_docker_exit(world->docker, "a", 8, false, false); /* while nobody looks */
    open_engine(world);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a=8; STOPPED 1 b=137; ");
    stop(world, "1");
    assert_told(world, "");
}

static void unreported_states_are_reported_after_a_restart(void **state)
{
    struct world *world = *state;

    world->takes_reports = false;
    run(world, "1", ONE("a") "," OPTIONAL("b", ""));
    restart(world);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a b; RUNNING 1 a b; ");
    world->takes_reports = true;
    restart(world);
    fake_docker_exit(world->docker, "b", 1, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a b; RUNNING 1 b=1; ");
}

/* A report that is taken late does not cover what changed since. */
static void late_acknowledgement(void **state)
{
    struct world *world = *state;

    world->takes_reports = false;
    run(world, "1", ONE("a") "," OPTIONAL("b", ""));
    fake_docker_exit(world->docker, "b", 1, false, true);
    fake_loop_settle(world->loop);
    assert_told(world, "RUNNING 1 a b; RUNNING 1 a b=1; ");
    engine_reported(world->engine, ARN "1", 1);
    assert_false(view_of(world, "1", "a")->is_changed);
    assert_true(view_of(world, "1", "b")->is_changed);
    engine_reported(world->engine, ARN "1", 2);
    assert_false(view_of(world, "1", "b")->is_changed);
}

static void acknowledge_between(void *data)
{
    struct world *world = data;

    assert_int_equal(view_of(world, "1", "a")->known, ENGINE_STOPPED);
    engine_reported(world->engine, ARN "1", 1);
}

/* Nor does it cover an end that is known but not yet told. */
static void acknowledgement_between_end_and_report(void **state)
{
    struct world *world = *state;

    world->takes_reports = false;
    run(world, "1", ONE("a"));
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
    run(world, "1", ONE("a"));
    snprintf(path, sizeof(path), "%s-wal", world->file);
    assert_int_equal(stat(path, &wal), 0);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = (rlim_t)wal.st_size;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);

    err = want(world, "2", "RUNNING", ONE("b"), "");
    assert_non_null(err);
    assert_int_equal(err->code, API_SERVER);
    fake_docker_release(world->docker);
    fake_loop_pass(world->loop, 1000);
    assert_int_equal(fake_docker_find(world->docker, "a")->starts, 0);
    assert_told(world, "");

    setrlimit(RLIMIT_FSIZE, &before);
    fake_loop_pass(world->loop, 10000);
    assert_told(world, "RUNNING 1 a; ");
    run(world, "2", ONE("b"));
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
            struct world *world = new_world();
            struct engine_task_view view;
            bool is_transient =
                fault == FAKE_LOST || fault == FAKE_LOST_ANSWER || fault == FAKE_NONSENSE;

            open_engine(world);
            fake_docker_fail(world->docker, nth, (enum fake_fault)fault);
            run(world, "1",
                MORE("a",
                     ON("b", "START") ",\"portMappings\":[{\"containerPort\":80}]") "," ONE("b"));
            run(world, "2", "{\"name\":\"c\",\"image\":\"pullable\",\"essential\":true}");
            fake_loop_pass(world->loop, 60000);
            if (is_transient) { /* nothing was refused */
                assert_true(engine_view(world->engine, ARN "1", &view));
                assert_int_equal(view.known, ENGINE_RUNNING);
                assert_true(engine_view(world->engine, ARN "2", &view));
                assert_int_equal(view.known, ENGINE_RUNNING);
            }
            stop(world, "1");
            stop(world, "2");
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
            restart(world);
            fake_loop_pass(world->loop, 2 * 3600 * 1000);
            assert_int_equal(fake_docker_count(world->docker), 0); /* all cleaned up */
            free_world(world);
        }
    }
}

/* The agent is restarted after each number of turns; the outcome is the same. */
static void restarts_anywhere(void **state)
{
    (void)state;
    for (unsigned nth = 0; nth < 12; nth++) {
        struct world *world = new_world();

        open_engine(world);
        fake_docker_hold(world->docker, nth % 3 == 0 ? "create" : nth % 3 == 1 ? "start" : "stop");
        run(world, "1", MORE("a", ON("b", "START")) "," ONE("b"));
        if (nth >= 6)
            stop(world, "1");
        restart(world);
        fake_docker_release(world->docker);
        fake_loop_pass(world->loop, 60000);
        if (nth < 6) {
            struct engine_task_view view;

            assert_true(engine_view(world->engine, ARN "1", &view));
            assert_int_equal(view.known, ENGINE_RUNNING);
            stop(world, "1");
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
        free_world(world);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_needless_calls),
        TEST(dynamic_ports_are_looked_up),
        TEST(what_is_wanted_moves_forward_only),
        TEST(what_is_not_understood_is_reported),
        TEST(conditions),
        TEST(conditions_that_cannot_be_met),
        TEST(an_essential_end_stops_the_rest_in_order),
        TEST(a_short_life),
        TEST(out_of_memory),
        TEST(restart_policy),
        TEST(pulls),
        TEST(a_pull_is_tried_again),
        TEST(pull_behaviours),
        TEST(a_stop_cancels_a_pull),
        TEST(admission),
        TEST(ports_are_admitted),
        TEST(starts_are_bounded),
        TEST(limits),
        TEST(firelens),
        TEST(firelens_failures),
        TEST(volume_failures),
        TEST(what_could_not_start_is_looked_at_once),
        TEST(shared_namespaces),
        TEST(slices),
        TEST(resources_that_contradict_each_other),
        TEST(gpus_are_admitted),
        TEST(clean_up),
        TEST(a_long_absence),
        TEST(an_hour_without_a_server),
        cmocka_unit_test(clock_jumps),
        TEST(a_restart_over_a_clock_set_back),
        TEST(clean_up_waits_for_docker),
        TEST(docker_goes_and_comes),
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
