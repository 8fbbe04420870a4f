/* Frames of metrics, as read and as decoded whole; what is kept of them (MS-001, MS-002, MS-007, AP-505
 * to AP-509). */
#include <math.h>
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

static const struct scope scope = {"us-east-1", "000000000000"};

static void add_of(struct telemetry *telemetry, const char *cluster, const char *service,
                   const struct id *task, double cpu, double memory, int64_t at_ms)
{
    struct telemetry_owner owner = {&scope, cluster, service};
    struct task_metrics metrics = {.containers = 1, .cpu_percent = cpu, .memory_mib = memory};

    telemetry_add(telemetry, &owner, task, &metrics, 4096, 512, 128, at_ms);
}

static void add(struct telemetry *telemetry, const struct id *task, double cpu, double memory,
                int64_t at_ms)
{
    add_of(telemetry, "c", NULL, task, cpu, memory, at_ms);
}

/* MS-001, MS-007: three rounds are one datum; processor in units of the host, above what is
 * reserved too. */
static void test_minutes(void **state)
{
    struct telemetry *telemetry = telemetry_new(10);
    struct telemetry_datum datum;

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

/* ---- totals ---- */

static struct telemetry_total total_of(struct telemetry *telemetry, const char *cluster,
                                       const char *service, int64_t now_ms)
{
    struct telemetry_owner owner = {&scope, cluster, service};
    struct telemetry_total total = {0};

    telemetry_let_go(telemetry, now_ms, SIZE_MAX);
    if (!telemetry_total(telemetry, &owner, &total))
        assert_int_equal(total.tasks, 0);
    return total;
}

/* MS-010, MS-013, MS-029: a service is part of its cluster, each of its tasks one sample. */
static void test_totals(void **state)
{
    struct telemetry *telemetry = telemetry_new(10);
    struct telemetry_total total;

    (void)state;
    add_of(telemetry, "c", "web", &first, 25, 10, NOW_MS);
    add_of(telemetry, "c", "web", &second, 50, 20, NOW_MS);
    add_of(telemetry, "c", NULL, &third, 100, 0.5, NOW_MS);
    total = total_of(telemetry, "c", "web", NOW_MS);
    assert_true(total.tasks == 2 && total.cpu_units == 3072 && total.memory_mib == 30);
    assert_true(total.cpu_reserved == 1024 && total.memory_reserved_mib == 256);
    total = total_of(telemetry, "c", NULL, NOW_MS);
    assert_true(total.tasks == 3 && total.cpu_units == 7168 && total.memory_mib == 30.5);
    assert_int_equal(total_of(telemetry, "c", "other", NOW_MS).tasks, 0);
    assert_int_equal(total_of(telemetry, "d", NULL, NOW_MS).tasks, 0);

    add_of(telemetry, "c", "web", &first, 75, 30, NOW_MS + 20000); /* the minute's mean */
    total = total_of(telemetry, "c", "web", NOW_MS + 20000);
    assert_true(total.tasks == 2 && total.cpu_units == 4096 && total.memory_mib == 40);

    telemetry_forget(telemetry, &second);
    telemetry_forget(telemetry, &second);
    assert_int_equal(total_of(telemetry, "c", "web", NOW_MS + 20000).tasks, 1);
    telemetry_forget(telemetry, &first);
    assert_int_equal(total_of(telemetry, "c", "web", NOW_MS + 20000).tasks, 0);
    total = total_of(telemetry, "c", NULL, NOW_MS + 20000);
    assert_true(total.tasks == 1 && total.cpu_units == 4096 && total.memory_mib == 0.5);
    assert_int_equal(total_of(telemetry, "c", NULL, NOW_MS + TELEMETRY_KEEP_MS + 1).tasks, 0);
    assert_int_equal(telemetry_count(telemetry), 0);
    telemetry_free(telemetry);
}

/* An agent may say anything: its tasks do not spoil the totals of others for longer than they run. */
static void test_absurd_figures(void **state)
{
    static const double figures[] = {INFINITY, -INFINITY, NAN, 1e300, -1e300};
    struct telemetry *telemetry = telemetry_new(10);
    struct telemetry_total total;

    (void)state;
    add_of(telemetry, "c", "web", &first, 25, 10, NOW_MS);
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        add_of(telemetry, "c", "web", &second, figures[i], figures[i], NOW_MS);
        total = total_of(telemetry, "c", "web", NOW_MS);
        if (!(total.cpu_units >= 1024 && total.cpu_units <= 1024 + TELEMETRY_FIGURE_MAX &&
              total.memory_mib >= 10 && total.memory_mib <= 10 + TELEMETRY_FIGURE_MAX))
            fail_msg("%g: %g units, %g MiB", figures[i], total.cpu_units, total.memory_mib);
        telemetry_forget(telemetry, &second);
    }
    total = total_of(telemetry, "c", "web", NOW_MS);
    assert_true(total.tasks == 1 && total.cpu_units == 1024 && total.memory_mib == 10);
    telemetry_free(telemetry);
}

static void test_silence_ends_in_slices(void **state)
{
    struct telemetry *telemetry = telemetry_new(10);
    int64_t late_ms = NOW_MS + TELEMETRY_KEEP_MS + 1;

    (void)state;
    add(telemetry, &first, 1, 1, NOW_MS);
    add(telemetry, &second, 1, 1, NOW_MS);
    assert_false(telemetry_let_go(telemetry, late_ms - 1, 1));
    assert_int_equal(telemetry_count(telemetry), 2);
    assert_true(telemetry_let_go(telemetry, late_ms, 1));
    assert_int_equal(telemetry_count(telemetry), 1);
    assert_false(telemetry_let_go(telemetry, late_ms, 1));
    assert_int_equal(telemetry_count(telemetry), 0);
    telemetry_free(telemetry);
}

static uint32_t next_random(uint32_t *seed)
{
    return *seed = *seed * 1664525 + 1013904223;
}

static void add_up(const struct telemetry_total *total, void *data)
{
    struct telemetry_total *sum = data;

    assert_true(total->tasks > 0);
    if (!total->owner.service)
        return;
    sum->tasks += total->tasks;
    sum->cpu_units += total->cpu_units;
    sum->memory_mib += total->memory_mib;
}

/* Whatever comes and goes: totals are the sum of what each task shows, and nothing is left over. */
static void test_totals_do_not_drift(void **state)
{
    static const char *const clusters[] = {"a", "b"}, *const services[] = {"x", "y", "z"};
    uint32_t seed = 20201;
    struct telemetry *telemetry = telemetry_new(60);
    int64_t now_ms = NOW_MS;

    (void)state;
    for (int step = 0; step < 20000; step++) {
        uint32_t pick = next_random(&seed) >> 16;
        struct id task = {.bytes = {(uint8_t)(pick % 100), 1}};

        now_ms += next_random(&seed) >> 22;
        if (pick % 7 == 0)
            telemetry_forget(telemetry, &task);
        else
            add_of(telemetry, clusters[task.bytes[0] % 2], services[task.bytes[0] % 3], &task,
                   (next_random(&seed) >> 12) / 3e4, (next_random(&seed) >> 8) / 1e3, now_ms);
        if (step % 500 == 0) {
            struct telemetry_total sum = {0}, tasks = {0};
            struct telemetry_datum datum;

            telemetry_let_go(telemetry, now_ms, SIZE_MAX);
            telemetry_each_total(telemetry, add_up, &sum);
            for (int i = 0; i < 100; i++) {
                task.bytes[0] = (uint8_t)i;
                if (!telemetry_of_task(telemetry, &task, now_ms, &datum))
                    continue;
                tasks.tasks++;
                tasks.cpu_units += datum.cpu_units;
                tasks.memory_mib += datum.memory_mib;
            }
            if (sum.tasks != tasks.tasks || fabs(sum.cpu_units - tasks.cpu_units) > 0.1 ||
                fabs(sum.memory_mib - tasks.memory_mib) > 0.1)
                fail_msg("step %d: %lu tasks with %f units, %lu with %f", step,
                         (unsigned long)sum.tasks, sum.cpu_units, (unsigned long)tasks.tasks,
                         tasks.cpu_units);
        }
    }
    for (int i = 0; i < 100; i++)
        telemetry_forget(telemetry, &(struct id){.bytes = {(uint8_t)i, 1}});
    telemetry_each_total(telemetry, add_up, &(struct telemetry_total){0});
    assert_int_equal(telemetry_count(telemetry), 0);
    assert_int_equal(total_of(telemetry, "a", NULL, now_ms).tasks, 0);
    telemetry_free(telemetry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_recorded_frames),
        cmocka_unit_test(test_minutes),
        cmocka_unit_test(test_freshness_and_limit),
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_absurd_figures),
        cmocka_unit_test(test_silence_ends_in_slices),
        cmocka_unit_test(test_totals_do_not_drift),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
