/* The telemetry channel: AP-501 to AP-512, appendix A4 and A5 of the protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/telemetry/tcs_publish.h"
#include "agent/telemetry/tcs_stats.h"
#include "base/log.h"
#include "world.h"

#define ENDPOINTS                                                                                  \
    "{\"endpoint\":\"http://127.0.0.1:18080/acs\",\"telemetryEndpoint\":\"http://127.0.0.1:18080/" \
    "tcs\"}"
#define TASK "arn:aws:ecs:us-east-1:123456789012:task/default/aaaaaaaabbbbccccddddeeeeeeeeeeee"
#define ACK  "{\"type\":\"AckPublishMetric\",\"message\":{\"message\":\"ok\"}}"

struct fixture {
    struct world *world;
    struct api_client *client;
    struct discover *discover;
    struct agent_tcs *tcs;
    struct engine_container_view container;
    int ended;
};

static void on_ended(void *data)
{
    ((struct fixture *)data)->ended++;
}

static struct fixture *start(const char *config)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    struct api_client_options client;
    struct agent_tcs_options options;

    fixture = (struct fixture){.world = world_new(config)};
    client = (struct api_client_options){f->world->loop, &f->world->clock, f->world->config,
                                         f->world->keys};
    assert_null(api_client_new(&client, &f->client));
    f->discover =
        discover_new(f->client, f->world->loop, &f->world->clock, "default", WORLD_INSTANCE);
    options = (struct agent_tcs_options){
        .session = {.loop = f->world->loop,
                    .clock = &f->world->clock,
                    .rng = &f->world->rng,
                    .config = f->world->config,
                    .keys = f->world->keys,
                    .discover = f->discover},
        .engine = f->world->engine,
        .cluster = "default",
        .instance_arn = WORLD_INSTANCE,
        .docker_version = "20.10.24+dfsg1",
    };
    f->tcs = agent_tcs_new(&options);
    agent_tcs_start(f->tcs);
    world_run(f->world);
    world_answer(0, 200, ENDPOINTS);
    return f;
}

static void finish(struct fixture *f)
{
    agent_tcs_close(f->tcs, on_ended, f);
    assert_int_equal(f->ended, 0);
    world_run(f->world);
    assert_int_equal(f->ended, 1);
    discover_free(f->discover);
    api_client_free(f->client);
    world_free(f->world);
}

static void run_task(struct fixture *f)
{
    struct engine_task_view *task = world_task(f->world, TASK);

    f->container = (struct engine_container_view){
        .name = "db", .docker_id = "c0ffee", .known = ENGINE_RUNNING};
    task->known = task->desired = ENGINE_RUNNING;
    task->containers = &f->container;
    task->container_count = 1;
}

/* The JSON of a frame, whose header block is checked for what AP-503 wants. */
static json_t *frame_json(size_t socket, size_t frame)
{
    const char *text = world_frame(socket, frame);
    const char *body = strstr(text, "\r\n\r\n");
    json_t *json;

    assert_non_null(body);
    assert_non_null(strstr(text, "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
    assert_non_null(strstr(text, "SignedHeaders=host;x-amz-date,"));
    assert_non_null(strstr(text, "Host: 127.0.0.1:18080\r\n"));
    assert_non_null(strstr(text, "X-Amz-Date: 2026"));
    json = json_loads(body + 4, 0, NULL);
    assert_non_null(json);
    return json;
}

static const char *type_of(const json_t *json)
{
    return json_string_value(json_object_get(json, "type"));
}

static const json_t *metadata(const json_t *json)
{
    return json_object_get(json_object_get(json, "message"), "metadata");
}

static size_t count_frames(size_t socket, const char *type)
{
    size_t count = 0;

    for (size_t i = 0; i < world_frames(socket); i++) {
        json_t *json = frame_json(socket, i);

        count += strcmp(type_of(json), type) == 0;
        json_decref(json);
    }
    return count;
}

static void test_connects_as_recorded(void **state) /* AP-501, A2 */
{
    struct fixture *f = start(NULL);
    const char *url = world_socket_url(0);

    (void)state;
    assert_true(str_starts_with(url, "http://127.0.0.1:18080/tcs/ws?agentHash="));
    assert_non_null(strstr(url, "&cluster=default&containerInstance=arn%3Aaws%3Aecs%3Aus-east-1%3A"
                                "123456789012%3Acontainer-instance%2Fdefault%2F"
                                "0123456789abcdef0123456789abcdef&dockerVersion=20.10.24%2Bdfsg1"));
    finish(f);
}

static void test_idle_at_once_and_every_twenty_seconds(void **state) /* AP-505 */
{
    struct fixture *f = start(NULL);

    (void)state;
    world_socket_open(0);
    assert_int_equal(world_frames(0), 1);
    for (int i = 2; i < 10; i++) {
        json_t *json = frame_json(0, world_frames(0) - 1);

        assert_string_equal(type_of(json), "PublishMetricsRequest");
        assert_true(json_is_true(json_object_get(metadata(json), "idle")));
        assert_true(json_is_true(json_object_get(metadata(json), "fin")));
        assert_int_equal(strlen(json_string_value(json_object_get(metadata(json), "messageId"))),
                         36);
        assert_null(json_object_get(json_object_get(json, "message"), "taskMetrics"));
        json_decref(json);
        world_socket_receive(0, ACK);
        world_advance(f->world, 20000);
        assert_int_equal(world_frames(0), i);
    }
    finish(f);
}

static void test_acks_keep_the_channel(void **state) /* AP-504 */
{
    struct fixture *f = start(NULL);

    (void)state;
    world_socket_open(0);
    for (int i = 0; i < 20; i++) {
        world_advance(f->world, 30000);
        world_socket_receive(0, i % 2 ? ACK : "{\"type\":\"HeartbeatMessage\",\"message\":{}}");
    }
    assert_false(world_socket_is_closing(0, NULL));
    for (int i = 0; i < 5; i++) {
        world_advance(f->world, 25000);
        if (!world_socket_is_closing(0, NULL))
            world_socket_receive(0,
                                 "{\"type\":\"ServerException\",\"message\":{\"message\":\"x\"}}");
    }
    assert_true(world_socket_is_closing(0, NULL));
    finish(f);
}

#define STATS                                                                                      \
    "{\"read\":\"2026-11-20T07:19:%02d.5Z\",\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":%lld},"  \
    "\"online_cpus\":4},\"memory_stats\":{\"usage\":%d,\"stats\":{\"inactive_file\":1048576}},"    \
    "\"networks\":{\"eth0\":{\"rx_bytes\":%d,\"rx_packets\":2,\"rx_errors\":3,\"rx_dropped\":4,"   \
    "\"tx_bytes\":5,\"tx_packets\":6,\"tx_errors\":7,\"tx_dropped\":8},\"eth1\":{\"rx_bytes\":1}}" \
    ","                                                                                            \
    "\"blkio_stats\":{\"io_service_bytes_recursive\":[{\"op\":\"Read\",\"value\":100},"            \
    "{\"op\":\"write\",\"value\":200}]}}"

static void answer_stats(int second, int64_t cpu_ns, int rx_bytes)
{
    char text[1024];

    snprintf(text, sizeof(text), STATS, second, (long long)cpu_ns, 10 * 1048576 + 99, rx_bytes);
    world_stats_answer(0, text);
}

static double at(const json_t *json, const char *set, const char *member)
{
    return json_number_value(json_object_get(json_object_get(json, set), member));
}

static void test_what_tasks_use(void **state) /* AP-506 to AP-508 */
{
    struct fixture *f = start("ECS_POLL_METRICS=true\nECS_POLLING_METRICS_WAIT_DURATION=5s\n");
    const json_t *task, *container, *network, *storage;
    json_t *json;

    (void)state;
    run_task(f);
    world_socket_open(0); /* runs, but nothing is known yet */
    assert_int_equal(world_frames(0), 0);
    world_advance(f->world, 5000);
    assert_string_equal(world_stats_call(0), "c0ffee");
    answer_stats(10, 1000000000, 1000);
    world_advance(f->world, 5000);
    answer_stats(15, 3000000000, 6000); /* 2 s of processor in 5 s of 4 */
    world_advance(f->world, 5000);
    answer_stats(20, 3000000000, 6000);
    world_advance(f->world, 5000);
    assert_int_equal(world_frames(0), 1);
    json = frame_json(0, 0);
    assert_true(json_is_false(json_object_get(metadata(json), "idle")));
    task = json_array_get(json_object_get(json_object_get(json, "message"), "taskMetrics"), 0);
    assert_string_equal(json_string_value(json_object_get(task, "taskArn")), TASK);
    assert_string_equal(json_string_value(json_object_get(task, "taskDefinitionFamily")), "fam");
    assert_string_equal(json_string_value(json_object_get(task, "taskDefinitionVersion")), "3");
    container = json_array_get(json_object_get(task, "containerMetrics"), 0);
    assert_string_equal(json_string_value(json_object_get(container, "containerName")), "db");
    assert_true(at(container, "cpuStatsSet", "max") == 10);
    assert_true(at(container, "cpuStatsSet", "min") == 0);
    assert_true(at(container, "cpuStatsSet", "sampleCount") == 2);
    assert_true(at(container, "memoryStatsSet", "sum") == 27); /* 3 times 9 whole MiB */
    network = json_object_get(container, "networkStatsSet");
    assert_true(at(network, "rxBytes", "min") == 1001);
    assert_true(at(network, "rxBytes", "max") == 6001);
    assert_true(at(network, "rxBytes", "sum") == 13003);
    assert_true(at(network, "rxBytes", "sampleCount") == 3);
    assert_true(at(network, "txDropped", "max") == 8);
    assert_true(at(network, "rxBytesPerSecond", "max") == 1000);
    assert_true(at(network, "rxBytesPerSecond", "sampleCount") == 2);
    storage = json_object_get(container, "storageStatsSet");
    assert_true(at(storage, "writeSizeBytes", "max") == 200);
    assert_null(json_object_get(container, "restartStatsSet"));
    json_decref(json);
    f->container.restarts = 2; /* AP-411 */
    assert_int_equal(world_stats_calls(), 1);
    answer_stats(25, 4000000000, 6000);
    world_advance(f->world, 20000); /* what was told is not told again */
    json = frame_json(0, 1);
    task = json_array_get(json_object_get(json_object_get(json, "message"), "taskMetrics"), 0);
    container = json_array_get(json_object_get(task, "containerMetrics"), 0);
    assert_true(at(container, "cpuStatsSet", "sampleCount") == 1);
    assert_true(at(container, "restartStatsSet", "restartCount") == 2);
    json_decref(json);
    finish(f);
}

static void test_statistics_that_say_nothing(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"read\":\"0001-01-01T00:00:00Z\"}",
        "{\"read\":\"2026-11-20T07:19:10Z\",\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":\"x\"}}}",
        ("{\"read\":7,\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":5}},\"networks\":[],"
         "\"blkio_stats\":{\"io_service_bytes_recursive\":null}}"),
    };
    struct tcs_sample sample;
    struct tcs_totals totals = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct error *err = tcs_sample_read(texts[i], strlen(texts[i]), &sample);

        if (!err)
            fail_msg("%s", texts[i]);
        error_free(err);
    }
    /* Host mode has no counters of its own; a counter beyond 63 bits is told in two parts. */
    sample = (struct tcs_sample){.at_ms = 1000, .cpu_ns = 1, .cpus = 1};
    sample.counters[TCS_READ_BYTES] = (uint64_t)INT64_MAX + 5;
    tcs_totals_add(&totals, &sample);
    assert_false(tcs_totals_is_complete(&totals));
    tcs_totals_add(&totals, &sample); /* not newer */
    assert_false(tcs_totals_is_complete(&totals));
    sample.at_ms = 2000;
    sample.cpu_ns = 0; /* a container that was started again */
    tcs_totals_add(&totals, &sample);
    assert_true(tcs_totals_is_complete(&totals));
    assert_true(totals.cpu.max == 0);
    {
        struct tcs_container_metrics out = {0};
        struct arena arena = {0};

        tcs_totals_fill(&arena, &totals, "c", &out);
        assert_null(out.network_stats_set);
        assert_true(out.storage_stats_set->read_size_bytes->max == INT64_MAX);
        assert_true(out.storage_stats_set->read_size_bytes->overflow_max == 5);
        arena_done(&arena);
    }
}

static void test_docker_is_asked_gently(void **state)
{
    static char ids[20][8], arns[20][24];
    static struct engine_container_view containers[20];
    struct fixture *f = start(NULL);
    size_t asked = 0;

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        struct engine_task_view *task;

        snprintf(ids[i], sizeof(ids[i]), "id%02zu", i);
        snprintf(arns[i], sizeof(arns[i]), "arn:task/%zu", i);
        task = world_task(f->world, arns[i]);
        containers[i] = (struct engine_container_view){
            .name = "c", .docker_id = ids[i], .known = ENGINE_RUNNING};
        task->containers = &containers[i];
        task->container_count = 1;
        task->known = ENGINE_RUNNING;
    }
    world_advance(f->world, TCS_SAMPLE_MS);
    while (world_stats_calls()) {
        assert_true(world_stats_calls() <= TCS_SAMPLE_CALLS_MAX);
        if (asked == 3)
            world_stats_answer(0, NULL); /* one that has gone meanwhile */
        else
            world_stats_answer(0, "{\"read\":\"2026-11-20T07:19:10Z\",\"cpu_stats\":{\"cpu_usage\":"
                                  "{\"total_usage\":5}}}");
        asked++;
    }
    assert_int_equal(asked, 20);
    world_advance(f->world, TCS_SAMPLE_MS); /* Docker is slow: no second pass begins on top */
    assert_int_equal(world_stats_calls(), TCS_SAMPLE_CALLS_MAX);
    world_advance(f->world, 60000);
    assert_int_equal(world_stats_calls(), TCS_SAMPLE_CALLS_MAX);
    for (asked = 0; asked < 20; asked++)
        world_stats_answer(0, "{\"read\":\"2026-11-20T07:19:15Z\",\"cpu_stats\":{\"cpu_usage\":"
                              "{\"total_usage\":9}}}");
    assert_int_equal(world_stats_calls(), TCS_SAMPLE_CALLS_MAX); /* the one that is due */
    for (asked = 0; asked < 20; asked++)
        world_stats_answer(0, NULL);
    world_socket_open(0); /* twenty tasks: two frames of one round */
    assert_int_equal(world_frames(0), 2);
    {
        json_t *first = frame_json(0, 0), *second = frame_json(0, 1);

        assert_true(json_is_false(json_object_get(metadata(first), "fin")));
        assert_true(json_is_true(json_object_get(metadata(second), "fin")));
        assert_string_equal(json_string_value(json_object_get(metadata(first), "messageId")),
                            json_string_value(json_object_get(metadata(second), "messageId")));
        assert_int_equal(
            json_array_size(json_object_get(json_object_get(first, "message"), "taskMetrics")), 10);
        json_decref(first);
        json_decref(second);
    }
    finish(f);
}

static void test_health_goes_out_at_once(void **state) /* AP-510 */
{
    static const char expected[] =
        "{\"containerName\":\"db\",\"healthStatus\":\"HEALTHY\",\"statusSince\":1795159151.571}";
    struct fixture *f = start("ECS_DISABLE_METRICS=true\n");
    json_t *json, *container = json_loads(expected, 0, NULL);
    const json_t *task;

    (void)state;
    run_task(f);
    f->container.health = "UNKNOWN";
    agent_tcs_health_changed(f->tcs, TASK); /* the channel is not open: told when it is */
    world_run(f->world);
    world_socket_open(0);
    assert_int_equal(count_frames(0, "PublishHealthRequest"), 1);
    assert_int_equal(count_frames(0, "PublishMetricsRequest"), 0); /* ECS_DISABLE_METRICS */
    assert_int_equal(world_stats_calls(), 0);
    f->container.health = "HEALTHY";
    f->container.health_since_ms = 1795159151571;
    agent_tcs_health_changed(f->tcs, TASK);
    agent_tcs_health_changed(f->tcs, TASK);
    world_run(f->world);
    assert_int_equal(world_frames(0), 2); /* both at once, no tick needed */
    json = frame_json(0, 1);
    assert_true(json_is_true(json_object_get(metadata(json), "fin")));
    task = json_array_get(json_object_get(json_object_get(json, "message"), "tasks"), 0);
    assert_string_equal(json_string_value(json_object_get(task, "taskArn")), TASK);
    assert_true(json_equal(json_array_get(json_object_get(task, "containers"), 0), container));
    json_decref(json);
    world_advance(f->world, 20000);
    assert_int_equal(world_frames(0), 3);
    f->container.known = ENGINE_STOPPED; /* no health of what does not run */
    world_advance(f->world, 20000);
    assert_int_equal(world_frames(0), 3);
    json_decref(container);
    finish(f);
}

static void test_runtime_status(void **state) /* AP-511 */
{
    struct fixture *f = start(NULL);
    const json_t *status;
    json_t *json;

    (void)state;
    world_socket_open(0);
    agent_tcs_check_runtime(f->tcs);
    agent_tcs_check_runtime(f->tcs); /* one question is enough */
    assert_true(world_version_asked());
    world_version_answer(true);
    assert_false(world_version_asked());
    world_advance(f->world, 20000);
    assert_int_equal(count_frames(0, "PublishInstanceStatusRequest"), 1);
    world_socket_receive(0, ACK);
    agent_tcs_check_runtime(f->tcs);
    world_version_answer(false);
    world_advance(f->world, 20000);
    json = frame_json(0, world_frames(0) - 1);
    assert_string_equal(type_of(json), "PublishInstanceStatusRequest");
    assert_string_equal(json_string_value(json_object_get(metadata(json), "containerInstance")),
                        WORLD_INSTANCE);
    status = json_array_get(json_object_get(json_object_get(json, "message"), "statuses"), 0);
    assert_string_equal(json_string_value(json_object_get(status, "type")), "ContainerRuntime");
    assert_string_equal(json_string_value(json_object_get(status, "status")), "IMPAIRED");
    assert_string_equal(json_string_value(json_object_get(status, "statusReason")), "no Docker");
    json_decref(json);
    world_socket_receive(0, ACK);
    world_forget_frames(0);
    world_advance(f->world, 20000); /* nothing new was checked */
    assert_int_equal(count_frames(0, "PublishInstanceStatusRequest"), 0);
    agent_tcs_check_runtime(f->tcs);
    finish(f); /* with a question under way */
}

static void test_reconnects_by_its_own_rule(void **state) /* AP-502 */
{
    struct fixture *f = start(NULL);

    (void)state;
    world_socket_refuse(0, 500, "no");
    world_advance(f->world, 990);
    assert_int_equal(world_sockets(), 1);
    world_advance(f->world, 220);
    assert_int_equal(world_sockets(), 2);
    world_socket_refuse(1, 500, "no");
    world_advance(f->world, 2410);
    assert_int_equal(world_sockets(), 3);
    world_socket_refuse(2, 500, "no");
    world_run(f->world);
    assert_int_equal(world_sockets(), 3);
    agent_tcs_hurry(f->tcs); /* the server is there after all */
    world_run(f->world);
    assert_int_equal(world_sockets(), 4);
    agent_tcs_hurry(f->tcs); /* connecting already */
    agent_tcs_pause(f->tcs, 10000);
    world_run(f->world);
    agent_tcs_hurry(f->tcs); /* a pause is a pause */
    world_advance(f->world, 9999);
    assert_int_equal(world_sockets(), 4);
    world_advance(f->world, 1);
    assert_int_equal(world_sockets(), 5);
    agent_tcs_health_changed(f->tcs, TASK);
    finish(f); /* with a flush asked for */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connects_as_recorded),
        cmocka_unit_test(test_idle_at_once_and_every_twenty_seconds),
        cmocka_unit_test(test_acks_keep_the_channel),
        cmocka_unit_test(test_what_tasks_use),
        cmocka_unit_test(test_statistics_that_say_nothing),
        cmocka_unit_test(test_docker_is_asked_gently),
        cmocka_unit_test(test_health_goes_out_at_once),
        cmocka_unit_test(test_runtime_status),
        cmocka_unit_test(test_reconnects_by_its_own_rule),
    };

    log_configure(LOG_LEVEL_ERROR + 1, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests_name("agent_tcs", tests, NULL, NULL);
}
