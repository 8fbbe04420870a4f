/* The task engine (src/agent/engine/engine.h): what a task has besides its containers: cgroups, volumes, routers of logs, shared namespaces. */
#include "engine_world.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/engine/task_cgroup.h"

/* AP-409, AP-418 */
static void limits(void **state)
{
    struct world *world = *state;

    fake_docker_fail(world->docker, 1, FAKE_TIMEOUT);
    world_run(world, "1", ONE("a"));
    assert_string_equal(world_view(world, "1", "a")->reason,
                        "DockerTimeoutError: Could not transition to created; timed out after "
                        "waiting 4m0s");
    fake_docker_fail(world->docker, 2, FAKE_TIMEOUT);
    world_run(world, "2", ONE("b"));
    assert_string_equal(world_view(world, "2", "b")->reason,
                        "DockerTimeoutError: Could not transition to started; timed out after "
                        "waiting 3m0s");
    assert_int_equal(fake_docker_find(world->docker, "b")->state, DOCKER_STATE_EXITED);

    world_run(world, "3", ONE("c"));
    fake_docker_refuse(world->docker, "stop", "Error response from daemon: stuck");
    world_stop(world, "3");
    fake_loop_pass(world->loop, 60000);
    assert_string_equal(world_view(world, "3", "c")->reason,
                        "CannotStopContainerError: Error response from daemon: stuck");
    assert_string_equal(world_reason(world, "3"),
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

    world_run(world, "1", LOGS("app", "Name") "," ROUTES("router", ""));
    assert_int_equal(access(file, R_OK), 0);
    assert_calls(world, "create -; start router; inspect router; create -; start app");
    app = fake_docker_find(world->docker, "app");
    assert_non_null(strstr(app->body, "\"FLUENT_HOST=172.17.0.2\""));
    assert_non_null(strstr(app->body, "\"tag\":\"app-firelens-1\""));

    world_restart(world);
    free(fake_docker_calls(world->docker));
    world_stop(world, "1");
    assert_calls(world, "stop app; stop router");
    world_restart(world);
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

        assert_null(world_want(world, rows[i].id, "RUNNING", rows[i].containers, ""));
        fake_loop_settle(world->loop);
        assert_true(engine_view(world->engine, arn, &view));
        assert_int_equal(view.known, ENGINE_STOPPED);
        assert_string_equal(view.reason, rows[i].reason);
        assert_int_equal(fake_docker_count(world->docker), 0);
    }
    err = world_want(world, "3", "RUNNING",
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
        assert_null(world_want(world, rows[i].id, "RUNNING", ONE("a"), volumes));
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
        world_run(world, name, ONE("a") "," OPTIONAL("b", ""));
        assert_calls(world, "create -; create -; start a; start b; inspect a; inspect b");
        fake_docker_refuse(world->docker, refusals[i] ? "inspect" : NULL, refusals[i]);
        fake_docker_release(world->docker);
        fake_loop_settle(world->loop);
        fake_docker_refuse(world->docker, NULL, NULL);
        fake_loop_pass(world->loop, 10000);
        CLEANUP(str_freep) char *calls = fake_docker_calls(world->docker);
        assert_null(strstr(calls, "inspect b")); /* whatever came of it */
        view = world_view(world, name, "b");
        assert_int_equal(view->known, ENGINE_STOPPED);
        assert_string_equal(view->reason,
                            "CannotStartContainerError: Error response from daemon: no");
        assert_int_equal(view->started_at_ms, 0);
        assert_true((view->detail != NULL) == (refusals[i] == NULL));
        world_stop(world, name);
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
    assert_null(world_want(world, "1", "RUNNING", ONE("a"), ",\"pidMode\":\"task\""));
    assert_null(world_want(world, "2", "RUNNING", ONE("b"), ",\"ipcMode\":\"task\""));
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
    world_restart(world);
    world_stop(world, "1");
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
    world_run(world, "1", ONE("a"));
    assert_non_null(strstr(fake_loop_command(world->loop), "StartTransientUnit"));
    assert_null(fake_docker_find(world->docker, "a"));
    assert_int_equal(system(make), 0);
    fake_loop_exit(world->loop, 0);
    assert_told(world, "RUNNING 1 a; ");
    assert_non_null(strstr(fake_docker_find(world->docker, "a")->body,
                           "\"CgroupParent\":\"ecstasks-1.slice\""));
    world_stop(world, "1");
    fake_loop_pass(world->loop, world->config.task_cleanup_wait_ms + 1000);
    assert_non_null(strstr(fake_loop_command(world->loop), "StopUnit"));
    assert_int_equal(fake_docker_count(world->docker), 0);
    assert_int_equal(rmdir(slice), 0);
    fake_loop_exit(world->loop, 0);
    assert_null(fake_loop_command(world->loop));

    world_run(world, "2", ONE("b"));
    fake_loop_exit(world->loop, 1); /* systemd refuses */
    assert_string_equal(world_reason(world, "2"), TASK_CGROUP_REASON);
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
    world_refuse(world, "1", MORE("a", "\"memory\":65"), ",\"memory\":64");
    assert_string_equal(world_reason(world, "1"),
                        "resource cannot be initialized for task " ARN
                        "1: cgroup resource: unable to build resource spec for task: task memory "
                        "spec builder: container memory limit(65) greater than task memory "
                        "limit(64)");
    world_refuse(
        world, "2", ONE("a"),
        ",\"associations\":[{\"type\":\"gpu\",\"name\":\"GPU-1\",\"containers\":[\"b\"]}]");
    assert_string_equal(world_reason(world, "2"),
                        "resource cannot be initialized for task " ARN
                        "2: could not find container with name b for associating GPU GPU-1");
    /* No cgroups here: the task is told so. */
    world_run(world, "3", ONE("a"));
    assert_string_equal(world_reason(world, "3"), TASK_CGROUP_REASON);
}

int engine_resources_tests(void)
{
    const struct CMUnitTest tests[] = {
        TEST(limits),
        TEST(firelens),
        TEST(firelens_failures),
        TEST(volume_failures),
        TEST(what_could_not_start_is_looked_at_once),
        TEST(shared_namespaces),
        TEST(slices),
        TEST(resources_that_contradict_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
