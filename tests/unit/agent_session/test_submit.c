/* What became of tasks, told to the control plane: AP-121 to AP-128. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/session/submit_report.h"
#include "base/log.h"
#include "world.h"

#define TASK   "arn:aws:ecs:us-east-1:123456789012:task/default/aaaaaaaabbbbccccddddeeeeeeeeeeee"
#define DB_ID  "20530efd1d90ba1248772d6279c1b47ced5f6c2be386e689ff84b858c47ff906"
#define APP_ID "1518c6055bd50c2f871ac3d857898cacf277c77ffc3edaad2fdd41739262f3ae"

struct fixture {
    struct world *world;
    struct api_client *client;
    struct submit *submit;
    struct engine_task_view *task;
    struct engine_container_view containers[2];
};

static const struct engine_binding bindings[] = {
    {"0.0.0.0", 80, 32768, NULL, NULL, "tcp"},
    {"::", 80, 32768, NULL, NULL, "tcp"}, /* says nothing new */
};

static struct fixture *start_idle(void)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    struct api_client_options client;
    struct submit_options submit;

    fixture = (struct fixture){.world = world_new(NULL)};
    client = (struct api_client_options){f->world->loop, &f->world->clock, f->world->config,
                                         f->world->keys};
    assert_null(api_client_new(&client, &f->client));
    submit = (struct submit_options){f->world->loop, &f->world->clock, &f->world->rng,
                                     f->world->config, f->client};
    f->submit = submit_new(&submit);
    f->task = world_task(f->world, TASK);
    f->task->containers = f->containers;
    f->task->container_count = 2;
    f->containers[0] = (struct engine_container_view){
        .name = "db", .docker_id = DB_ID, .bindings = bindings, .binding_count = 2};
    f->containers[1] = (struct engine_container_view){.name = "app", .docker_id = APP_ID};
    return f;
}

static struct fixture *start(void)
{
    struct fixture *f = start_idle();

    submit_start(f->submit, f->world->engine, "default");
    return f;
}

static void finish(struct fixture *f)
{
    submit_free(f->submit);
    api_client_free(f->client);
    world_free(f->world);
}

/* The engine has something new to tell. */
static void changed(struct fixture *f, enum engine_status task, enum engine_status db,
                    enum engine_status app)
{
    f->task->revision++;
    f->task->known = task;
    f->containers[0].is_changed = f->containers[0].known != db;
    f->containers[1].is_changed = f->containers[1].known != app;
    f->containers[0].known = db;
    f->containers[1].known = app;
    for (size_t i = 0; i < 2; i++)
        if (f->containers[i].known >= ENGINE_RUNNING && !f->containers[i].started_at_ms)
            f->containers[i].started_at_ms = 1;
    submit_changed(f->submit, TASK);
}

static void expect_body(size_t call, const char *text)
{
    json_t *expected = json_loads(text, 0, NULL);

    assert_non_null(expected);
    assert_string_equal(world_call_operation(call), "SubmitTaskStateChange");
    if (!json_equal(world_call_body(call), expected))
        fail_msg("said %s\nexpected %s", json_dumps(world_call_body(call), JSON_SORT_KEYS), text);
    json_decref(expected);
}

/* The three reports of the recorded session `wire`, byte for byte as values. */
static void test_reports_are_the_recorded_ones(void **state)
{
    struct fixture *f = start();

    (void)state;
    changed(f, ENGINE_RUNNING, ENGINE_RUNNING, ENGINE_RUNNING);
    expect_body(0, "{\"cluster\":\"default\",\"task\":\"" TASK "\",\"status\":\"RUNNING\","
                   "\"reason\":\"\",\"containers\":[{\"containerName\":\"db\",\"runtimeId\":"
                   "\"" DB_ID "\",\"status\":\"RUNNING\",\"networkBindings\":[{\"bindIP\":"
                   "\"0.0.0.0\",\"containerPort\":80,\"hostPort\":32768,\"protocol\":\"tcp\"}]},"
                   "{\"containerName\":\"app\",\"runtimeId\":\"" APP_ID
                   "\",\"status\":\"RUNNING\"}]}");
    world_answer(0, 200, "{\"acknowledgment\":\"ok\"}");
    assert_int_equal(world_reported(TASK), f->task->revision);
    f->task->reported = ENGINE_RUNNING;

    f->containers[1].has_exit_code = true;
    f->containers[1].exit_code = 7;
    changed(f, ENGINE_RUNNING, ENGINE_RUNNING, ENGINE_STOPPED);
    expect_body(0, "{\"cluster\":\"default\",\"task\":\"" TASK "\",\"status\":\"RUNNING\","
                   "\"reason\":\"\",\"containers\":[{\"containerName\":\"app\",\"exitCode\":7,"
                   "\"runtimeId\":\"" APP_ID "\",\"status\":\"STOPPED\"}]}");
    world_answer(0, 200, "{}");

    f->containers[0].has_exit_code = true;
    f->containers[0].exit_code = 137;
    f->task->execution_stopped_at_ms = 1795159228152;
    changed(f, ENGINE_STOPPED, ENGINE_STOPPED, ENGINE_STOPPED);
    expect_body(0, "{\"cluster\":\"default\",\"task\":\"" TASK "\",\"status\":\"STOPPED\","
                   "\"reason\":\"\",\"executionStoppedAt\":1795159228.152,\"containers\":"
                   "[{\"containerName\":\"db\",\"exitCode\":137,\"runtimeId\":\"" DB_ID
                   "\",\"status\":\"STOPPED\",\"networkBindings\":[{\"bindIP\":\"0.0.0.0\","
                   "\"containerPort\":80,\"hostPort\":32768,\"protocol\":\"tcp\"}]}]}");
    world_answer(0, 200, "{}");
    assert_int_equal(world_reported(TASK), f->task->revision);
    assert_int_equal(world_calls(), 0);
    finish(f);
}

static void test_failures_are_told_in_words(void **state) /* AP-125 */
{
    struct fixture *f = start();
    char reason[3000];

    (void)state;
    memset(reason, 'x', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    memcpy(reason, "HostConfigError: ", 17);
    memcpy(reason + 1023, "\xc3\xa4", 2); /* a character across the limit */
    f->task->container_count = 1;
    f->containers[0] = (struct engine_container_view){.name = "c", .reason = reason};
    f->task->execution_stopped_at_ms = 1795159899611;
    f->task->known = ENGINE_STOPPED;
    f->containers[0].known = ENGINE_STOPPED;
    f->containers[0].is_changed = true;
    submit_changed(f->submit, TASK);
    const json_t *container = json_array_get(json_object_get(world_call_body(0), "containers"), 0);
    assert_null(json_object_get(container, "runtimeId"));
    assert_null(json_object_get(container, "exitCode"));
    assert_int_equal(strlen(json_string_value(json_object_get(container, "reason"))), 1023);
    world_answer(0, 200, "{}");
    finish(f);
}

static void test_digest_is_told_early(void **state) /* AP-122, AP-462 */
{
    struct fixture *f = start();

    (void)state;
    changed(f, ENGINE_NONE, ENGINE_PULLED, ENGINE_NONE); /* nothing to tell yet */
    assert_int_equal(world_calls(), 0);
    f->containers[0].image_digest = "sha256:abc";
    f->containers[0].docker_id = NULL;
    f->containers[0].binding_count = 0;
    changed(f, ENGINE_NONE, ENGINE_CREATED, ENGINE_NONE);
    expect_body(0, "{\"cluster\":\"default\",\"task\":\"" TASK "\",\"status\":\"PENDING\","
                   "\"reason\":\"\",\"containers\":[{\"containerName\":\"db\",\"imageDigest\":"
                   "\"sha256:abc\",\"status\":\"PENDING\"}]}");
    world_answer(0, 200, "{}");
    finish(f);
}

static void test_port_ranges(void **state)
{
    static const struct engine_binding range = {"0.0.0.0", 0, 0, "9000-9002", "32768-32770", "udp"};
    struct fixture *f = start();
    json_t *expected = json_loads("[{\"bindIP\":\"0.0.0.0\",\"containerPortRange\":\"9000-9002\","
                                  "\"hostPortRange\":\"32768-32770\",\"protocol\":\"udp\"}]",
                                  0, NULL);

    (void)state;
    f->containers[0].bindings = &range;
    f->containers[0].binding_count = 1;
    changed(f, ENGINE_RUNNING, ENGINE_RUNNING, ENGINE_RUNNING);
    assert_true(json_equal(
        json_object_get(json_array_get(json_object_get(world_call_body(0), "containers"), 0),
                        "networkBindings"),
        expected));
    world_answer(0, 200, "{}");
    json_decref(expected);
    finish(f);
}

static void test_one_report_of_a_task_at_a_time(void **state) /* AP-128 */
{
    struct fixture *f = start();

    (void)state;
    changed(f, ENGINE_RUNNING, ENGINE_RUNNING, ENGINE_RUNNING);
    changed(f, ENGINE_RUNNING, ENGINE_RUNNING, ENGINE_STOPPED);
    changed(f, ENGINE_STOPPED, ENGINE_STOPPED, ENGINE_STOPPED);
    f->containers[0].is_changed = f->containers[1].is_changed = true; /* none is taken yet */
    assert_int_equal(world_calls(), 1);
    world_answer(0, 200, "{}"); /* RUNNING taken */
    f->task->reported = ENGINE_RUNNING;
    assert_int_equal(world_calls(), 1);
    assert_string_equal(json_string_value(json_object_get(world_call_body(0), "status")),
                        "STOPPED");
    assert_int_equal(json_array_size(json_object_get(world_call_body(0), "containers")), 2);
    world_answer(0, 200, "{}");
    assert_int_equal(world_calls(), 0);
    finish(f);
}

static void test_a_task_that_ran_is_first_told_so(void **state) /* AP-124 */
{
    struct fixture *f = start_idle();

    (void)state;
    changed(f, ENGINE_RUNNING, ENGINE_RUNNING, ENGINE_RUNNING); /* not registered yet */
    changed(f, ENGINE_STOPPED, ENGINE_STOPPED, ENGINE_STOPPED);
    assert_int_equal(world_calls(), 0);
    submit_start(f->submit, f->world->engine, "default");
    assert_string_equal(json_string_value(json_object_get(world_call_body(0), "status")),
                        "RUNNING");
    assert_int_equal(json_array_size(json_object_get(world_call_body(0), "containers")), 2);
    assert_null(json_object_get(world_call_body(0), "executionStoppedAt"));
    world_answer(0, 200, "{}");
    assert_int_equal(world_reported(TASK), 0); /* that it ended is still to be told */
    assert_string_equal(json_string_value(json_object_get(world_call_body(0), "status")),
                        "STOPPED");
    world_answer(0, 200, "{}");
    assert_int_equal(world_reported(TASK), f->task->revision);
    finish(f);

    f = start(); /* one that never ran has no such history */
    f->containers[1].docker_id = NULL;
    f->task->known = f->containers[0].known = f->containers[1].known = ENGINE_STOPPED;
    f->containers[0].started_at_ms = 1;
    submit_changed(f->submit, TASK);
    assert_string_equal(json_string_value(json_object_get(world_call_body(0), "status")),
                        "STOPPED");
    world_answer(0, 200, "{}");
    finish(f);
}

static void test_repeated_until_taken_or_refused(void **state) /* AP-128 */
{
    struct fixture *f = start();
    int tries = 0;

    (void)state;
    changed(f, ENGINE_RUNNING, ENGINE_RUNNING, ENGINE_RUNNING);
    for (; world_now_ms() < 24LL * 3600 * 1000; tries++) {
        if (tries % 3)
            world_break(0);
        else
            world_answer(0, 400, "{\"__type\":\"AccessDeniedException\",\"message\":\"x\"}");
        assert_int_equal(world_calls(), 0);
        world_advance(f->world, 36001);
        assert_int_equal(world_calls(), 1);
    }
    assert_int_equal(world_reported(TASK), 0);
    world_break(0);
    submit_hurry(f->submit); /* the server is there again */
    assert_int_equal(world_calls(), 1);
    world_answer(0, 400, "{\"__type\":\"InvalidParameterException\",\"message\":\"x\"}");
    assert_int_equal(world_calls(), 0);
    assert_int_equal(world_reported(TASK), f->task->revision); /* dropped */
    world_advance(f->world, 3600000);
    assert_int_equal(world_calls(), 0);
    finish(f);
}

static void test_ten_calls_at_once(void **state)
{
    struct fixture *f = start();
    char arn[64];

    (void)state;
    for (int i = 0; i < 25; i++) {
        struct engine_task_view *task;

        snprintf(arn, sizeof(arn), "arn:task/%d", i);
        task = world_task(f->world, arn);
        task->known = ENGINE_STOPPED;
        submit_changed(f->submit, arn);
    }
    assert_int_equal(world_calls(), SUBMIT_CALLS_MAX);
    for (int left = 25; left > 0; left--) {
        assert_int_equal(world_calls(), left < SUBMIT_CALLS_MAX ? left : SUBMIT_CALLS_MAX);
        world_answer(0, 200, "{}");
    }
    assert_int_equal(world_reported("arn:task/24"), 1);
    finish(f);
}

static void test_freed_under_a_call(void **state)
{
    struct fixture *f = start();

    (void)state;
    changed(f, ENGINE_RUNNING, ENGINE_RUNNING, ENGINE_RUNNING);
    submit_free(f->submit);
    world_answer(0, 200, "{}");
    assert_int_equal(world_reported(TASK), 0);
    api_client_free(f->client);
    world_free(f->world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reports_are_the_recorded_ones),
        cmocka_unit_test(test_failures_are_told_in_words),
        cmocka_unit_test(test_digest_is_told_early),
        cmocka_unit_test(test_port_ranges),
        cmocka_unit_test(test_one_report_of_a_task_at_a_time),
        cmocka_unit_test(test_a_task_that_ran_is_first_told_so),
        cmocka_unit_test(test_repeated_until_taken_or_refused),
        cmocka_unit_test(test_ten_calls_at_once),
        cmocka_unit_test(test_freed_under_a_call),
    };

    log_configure(LOG_LEVEL_ERROR + 1, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests_name("agent_submit", tests, NULL, NULL);
}
