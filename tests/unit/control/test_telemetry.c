/* Frames of metrics, as read and as decoded whole; what is kept of them (MS-001, MS-002, MS-007, AP-505
 * to AP-509). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "control/telemetry.h"
#include "gen/agent_types.h"

#define NOW_MS INT64_C(1795159200000) /* a minute begins */

#define FRAME(tasks)                                                                               \
    "{\"type\":\"PublishMetricsRequest\",\"message\":{\"metadata\":{\"fin\":true},"                \
    "\"taskMetrics\":" tasks ",\"timestamp\":1795159169.985}}"
#define SAMPLES(sum, count) "{\"min\":0,\"max\":9,\"sampleCount\":" count ",\"sum\":" sum "}"

static const struct {
    const char *why, *frame;
    size_t count; /* SIZE_MAX: refused */
    struct task_metrics first;
} rows[] = {
    {"nothing runs", "{\"type\":\"PublishMetricsRequest\",\"message\":{}}", 0, {0}},
    {"no list", FRAME("null"), 0, {0}},
    {"the sum of two containers (MS-002)",
     FRAME("[{\"containerMetrics\":[{\"containerName\":\"a\",\"cpuStatsSet\":" SAMPLES(
         "30",
         "3") ",\"memoryStatsSet\":" SAMPLES("40",
                                             "4") "},{\"cpuStatsSet\":" SAMPLES("1",
                                                                                "2") "}],"
                                                                                     "\"taskArn\":"
                                                                                     "\"t\"}]"),
     1,
     {.task_arn = "t", .containers = 2, .cpu_percent = 10.5, .memory_mib = 10}},
    {"no samples",
     FRAME("[{\"taskArn\":\"t\",\"containerMetrics\":[{\"cpuStatsSet\":" SAMPLES(
         "5", "0") ",\"networkStatsSet\":null}]}]"),
     1,
     {.task_arn = "t", .containers = 1}},
    {"counters at their newest",
     FRAME(
         "[{\"taskArn\":\"t\",\"containerMetrics\":[{\"networkStatsSet\":{\"rxBytes\":{\"max\":7},"
         "\"rxPackets\":{\"max\":1},\"txBytes\":{\"max\":8}},\"storageStatsSet\":{"
         "\"readSizeBytes\":{\"max\":3},\"writeSizeBytes\":{\"max\":18446744073709551615}}},"
         "{\"networkStatsSet\":{\"rxBytes\":{\"max\":1}}}]}]"),
     1,
     {.task_arn = "t",
      .containers = 2,
      .has_network = true,
      .rx_bytes = 8,
      .tx_bytes = 8,
      .read_bytes = 3,
      .write_bytes = 18446744073709551615.0}},
    {"names with escapes", FRAME("[{\"task\\u0041rn\":\"t\\u002f\"}]"), 1, {.task_arn = "t/"}},
    {"a task without its name", FRAME("[{\"containerMetrics\":[]}]"), SIZE_MAX, {0}},
    {"a number in words",
     FRAME("[{\"taskArn\":\"t\",\"containerMetrics\":[{\"cpuStatsSet\":{"
           "\"sum\":\"1\"}}]}]"),
     SIZE_MAX,
     {0}},
    {"a list that is none", FRAME("{}"), SIZE_MAX, {0}},
    {"half a frame", "{\"type\":\"PublishMetricsRequest\",\"message\":{", SIZE_MAX, {0}},
    {"a word behind it", FRAME("[]") "x", SIZE_MAX, {0}},
};

static void test_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct task_metrics *expected = &rows[i].first;
        struct arena arena = {0};
        struct metric_frame frame;
        struct error *err = metric_frame_read(&arena, rows[i].frame, strlen(rows[i].frame), &frame);
        const struct task_metrics *is = &frame.tasks[0];

        if ((err != NULL) != (rows[i].count == SIZE_MAX))
            fail_msg("%s: %s", rows[i].why, err ? err->message : "taken");
        if (!err && frame.count != rows[i].count)
            fail_msg("%s: %zu tasks", rows[i].why, frame.count);
        if (!err && frame.count &&
            (strcmp(is->task_arn, expected->task_arn) || is->containers != expected->containers ||
             is->cpu_percent != expected->cpu_percent || is->memory_mib != expected->memory_mib ||
             is->has_network != expected->has_network || is->rx_bytes != expected->rx_bytes ||
             is->tx_bytes != expected->tx_bytes || is->read_bytes != expected->read_bytes ||
             is->write_bytes != expected->write_bytes))
            fail_msg("%s: other figures", rows[i].why);
        assert_true(metric_frame_is_one(rows[i].frame, strlen(rows[i].frame)));
        error_free(err);
        arena_done(&arena);
    }
    assert_false(metric_frame_is_one("{\"type\":\"PublishHealthRequest\"}", 31));
    assert_false(metric_frame_is_one("{\"message\":{},\"type\":\"PublishMetricsRequest\"}", 45));
    assert_false(metric_frame_is_one("[", 1));
}

/* What the official agent sent is read as its decoded form says. */
static void check_recorded(const json_t *envelope, unsigned *tasks)
{
    char *text = json_dumps(envelope, JSON_COMPACT | JSON_PRESERVE_ORDER);
    struct arena arena = {0};
    struct metric_frame frame;
    struct tcs_message message;

    assert_true(metric_frame_is_one(text, strlen(text)));
    assert_null(metric_frame_read(&arena, text, strlen(text), &frame));
    assert_null(tcs_decode_message(&arena, text, strlen(text), &message));
    assert_int_equal(frame.count, message.publish_metrics_request->task_metrics.count);
    for (size_t i = 0; i < frame.count; i++) {
        const struct tcs_task_metrics *task =
            &message.publish_metrics_request->task_metrics.items[i];
        double cpu = 0, memory = 0;

        for (size_t c = 0; c < task->container_metrics.count; c++) {
            const struct tcs_container_metrics *one = &task->container_metrics.items[c];

            if (one->cpu_stats_set && one->cpu_stats_set->sample_count)
                cpu += one->cpu_stats_set->sum / (double)one->cpu_stats_set->sample_count;
            if (one->memory_stats_set && one->memory_stats_set->sample_count)
                memory += one->memory_stats_set->sum / (double)one->memory_stats_set->sample_count;
        }
        assert_string_equal(frame.tasks[i].task_arn, task->task_arn);
        assert_int_equal(frame.tasks[i].containers, task->container_metrics.count);
        assert_true(frame.tasks[i].cpu_percent == cpu && frame.tasks[i].memory_mib == memory);
        ++*tasks;
    }
    free(text);
    arena_done(&arena);
}

static void test_recorded_frames(void **state)
{
    static const char *const files[] = {"wire", "wire2", "tm", "a175", "vpc", "edge"};
    unsigned tasks = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[512], *line = NULL;
        size_t room = 0;
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s.jsonl", AGENT_WIRE, files[i]);
        file = fopen(path, "r");
        assert_non_null(file);
        while (getline(&line, &room, file) > 0) {
            json_t *root = json_loads(line, 0, NULL);
            const json_t *body = json_object_get(root, "body");
            const char *type = json_string_value(json_object_get(body, "type"));

            if (type && strcmp(type, "PublishMetricsRequest") == 0)
                check_recorded(body, &tasks);
            json_decref(root);
        }
        free(line);
        fclose(file);
    }
    assert_true(tasks > 10);
}

static const struct id first = {.bytes = {1}}, second = {.bytes = {2}}, third = {.bytes = {3}};

static void add(struct telemetry *telemetry, const struct id *task, double cpu, double memory,
                int64_t at_ms)
{
    struct task_metrics metrics = {.containers = 1, .cpu_percent = cpu, .memory_mib = memory};

    telemetry_add(telemetry, task, &metrics, 4096, 512, 128, at_ms);
}

/* MS-001, MS-007: three rounds are one datum; processor in units of the host, above what is
 * reserved too. */
static void test_minutes(void **state)
{
    struct telemetry *telemetry = telemetry_new(10);
    struct telemetry_datum datum, sum = {0};

    (void)state;
    assert_false(telemetry_of_task(telemetry, &first, NOW_MS, &datum));
    add(telemetry, &first, 50, 10, NOW_MS);
    assert_true(telemetry_of_task(telemetry, &first, NOW_MS, &datum));
    assert_true(datum.rounds == 1 && datum.cpu_units == 2048); /* the first one, while it lasts */
    add(telemetry, &first, 25, 20, NOW_MS + 20000);
    add(telemetry, &first, 0, 30, NOW_MS + 40000);
    add(telemetry, &first, 100, 90, NOW_MS + 60000);
    assert_true(telemetry_of_task(telemetry, &first, NOW_MS + 60000, &datum));
    assert_true(datum.minute_ms == NOW_MS && datum.heard_ms == NOW_MS + 60000);
    assert_true(datum.rounds == 3 && datum.cpu_units == 1024 && datum.memory_mib == 20);
    assert_true(datum.cpu_reserved == 512 && datum.memory_reserved_mib == 128);
    telemetry_sum(&sum, &datum);
    datum.heard_ms -= 7;
    telemetry_sum(&sum, &datum);
    assert_true(sum.cpu_units == 2048 && sum.memory_mib == 40 && sum.cpu_reserved == 1024);
    assert_true(sum.heard_ms == NOW_MS + 60000 - 7);
    telemetry_free(telemetry);
}

static void test_freshness_and_limit(void **state)
{
    struct telemetry *telemetry = telemetry_new(2);
    struct telemetry_datum datum;

    (void)state;
    add(telemetry, &first, 1, 1, NOW_MS);
    assert_true(telemetry_of_task(telemetry, &first, NOW_MS + TELEMETRY_KEEP_MS, &datum));
    assert_false(telemetry_of_task(telemetry, &first, NOW_MS + TELEMETRY_KEEP_MS + 1, &datum));
    add(telemetry, &second, 1, 1, NOW_MS + 1);
    add(telemetry, &first, 1, 1, NOW_MS + 2);
    add(telemetry, &third, 1, 1, NOW_MS + 3); /* over the one unheard of for longest */
    assert_int_equal(telemetry_count(telemetry), 2);
    assert_false(telemetry_of_task(telemetry, &second, NOW_MS + 3, &datum));
    assert_true(telemetry_of_task(telemetry, &first, NOW_MS + 3, &datum));
    add(telemetry, &second, 1, 1, NOW_MS + 3 + 2 * TELEMETRY_KEEP_MS); /* both have gone stale */
    assert_int_equal(telemetry_count(telemetry), 1);
    telemetry_free(telemetry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_recorded_frames),
        cmocka_unit_test(test_minutes),
        cmocka_unit_test(test_freshness_and_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
