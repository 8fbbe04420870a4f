/* What a frame of telemetry costs the loop: ten tasks of two containers, as an agent writes it,
 * decoded whole and read for what is summed.
 *
 *   bench/metrics [FRAMES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "control/metric_frame.h"
#include "gen/agent_types.h"

#define SAMPLES                                                                                    \
    "{\"max\":12.25,\"min\":0.0010723419254645705,\"sampleCount\":19,\"sum\":120.376208288827911}"
#define COUNTER                                                                                    \
    "{\"max\":1252211,\"min\":200,\"overflowMax\":0,\"overflowMin\":0,\"overflowSum\":0,"          \
    "\"sampleCount\":20,\"sum\":20132811}"

static void add_container(struct buf *frame, const char *name)
{
    static const char *const counters[] = {"rxBytes", "rxDropped", "rxErrors", "rxPackets",
                                           "txBytes", "txDropped", "txErrors", "txPackets"};

    buf_printf(frame,
               "{\"containerName\":\"%s\",\"cpuStatsSet\":" SAMPLES ",\"memoryStatsSet\":" SAMPLES
               ",\"networkStatsSet\":{\"rxBytesPerSecond\":" SAMPLES
               ",\"txBytesPerSecond\":" SAMPLES,
               name);
    for (size_t i = 0; i < ARRAY_LEN(counters); i++)
        buf_printf(frame, ",\"%s\":" COUNTER, counters[i]);
    buf_add_str(frame, "},\"storageStatsSet\":{\"readSizeBytes\":" COUNTER
                       ",\"writeSizeBytes\":" COUNTER "}}");
}

static void write_frame(struct buf *frame)
{
    buf_add_str(frame, "{\"type\":\"PublishMetricsRequest\",\"message\":{\"metadata\":{"
                       "\"cluster\":\"default\",\"containerInstance\":\"ci\",\"fin\":true,"
                       "\"idle\":false,\"messageId\":\"m\"},\"taskMetrics\":[");
    for (int task = 0; task < METRIC_FRAME_TASKS_MAX; task++) {
        buf_printf(frame,
                   "%s{\"taskArn\":\"arn:aws:ecs:us-east-1:123456789012:task/default/%032x\","
                   "\"taskDefinitionFamily\":\"web\",\"taskDefinitionVersion\":\"3\","
                   "\"containerMetrics\":[",
                   task ? "," : "", task);
        add_container(frame, "app");
        buf_add_char(frame, ',');
        add_container(frame, "proxy");
        buf_add_str(frame, "]}");
    }
    buf_add_str(frame, "],\"timestamp\":1795159169.985}}");
}

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void decode_whole(const struct buf *frame)
{
    struct arena arena = {0};
    struct tcs_message message;

    if (tcs_decode_message(&arena, frame->data, frame->len, &message))
        abort();
    arena_done(&arena);
}

static void read_sums(const struct buf *frame)
{
    struct arena arena = {0};
    struct metric_frame metrics;

    if (!metric_frame_is_one(frame->data, frame->len) ||
        metric_frame_read(&arena, frame->data, frame->len, &metrics) ||
        metrics.count != METRIC_FRAME_TASKS_MAX)
        abort();
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(const struct buf *frame);
    } ways[] = {{"decoded whole", decode_whole}, {"read for its sums", read_sums}};
    int frames = argc > 1 ? atoi(argv[1]) : 2000;
    struct buf frame = {0};

    write_frame(&frame);
    printf("a frame of %zu bytes, ten tasks of two containers\n", frame.len);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        double begun = now_us();

        for (int n = 0; n < frames; n++)
            ways[i].run(&frame);
        printf("%-18s %8.1f us\n", ways[i].name, (now_us() - begun) / frames);
    }
    buf_done(&frame);
    return 0;
}
