#include "control/metric_frame.h"

#include <string.h>

#include "wire/json_read.h"

/* min, max, sum and number of the samples of one thing (AP-507). */
struct set {
    double max, sum, count;
};

struct member {
    const char *name;
    size_t len;
};

static bool next(struct json_reader *reader, struct arena *arena, struct member *ret)
{
    return json_read_member(reader, arena, &ret->name, &ret->len);
}

static bool is(const struct member *member, const char *name)
{
    return strlen(name) == member->len && memcmp(name, member->name, member->len) == 0;
}

static bool pass_over(struct json_reader *reader)
{
    return json_read_skip(reader, NULL, NULL);
}

/* null is as good as absent. */
static bool begins(struct json_reader *reader, char open)
{
    if (json_read_kind(reader) == JSON_KIND_NULL) {
        (void)pass_over(reader);
        return false;
    }
    return json_read_begin(reader, open);
}

static void read_real(struct json_reader *reader, double *ret)
{
    struct json_number number;

    if (json_read_kind(reader) == JSON_KIND_NULL)
        (void)pass_over(reader);
    else if (json_read_number(reader, &number))
        *ret = number.real;
}

static struct set read_set(struct json_reader *reader, struct arena *arena)
{
    struct set set = {0};
    struct member member;

    if (!begins(reader, '{'))
        return set;
    while (next(reader, arena, &member)) {
        if (is(&member, "sum"))
            read_real(reader, &set.sum);
        else if (is(&member, "sampleCount"))
            read_real(reader, &set.count);
        else if (is(&member, "max"))
            read_real(reader, &set.max);
        else
            pass_over(reader);
    }
    return set;
}

static double mean(struct set set)
{
    return set.count > 0 ? set.sum / set.count : 0;
}

/* Of two counters of a container, which only grow: their newest values. */
static void read_counters(struct json_reader *reader, struct arena *arena, const char *in,
                          const char *out, double *in_bytes, double *out_bytes)
{
    struct member member;

    if (!begins(reader, '{'))
        return;
    while (next(reader, arena, &member)) {
        if (is(&member, in))
            *in_bytes += read_set(reader, arena).max;
        else if (is(&member, out))
            *out_bytes += read_set(reader, arena).max;
        else
            pass_over(reader);
    }
}

static void read_container(struct json_reader *reader, struct arena *arena,
                           struct task_metrics *task)
{
    struct member member;

    task->containers++;
    if (!json_read_begin(reader, '{'))
        return;
    while (next(reader, arena, &member)) {
        if (is(&member, "cpuStatsSet")) {
            task->cpu_percent += mean(read_set(reader, arena));
        } else if (is(&member, "memoryStatsSet")) {
            task->memory_mib += mean(read_set(reader, arena));
        } else if (is(&member, "networkStatsSet")) {
            task->has_network |= json_read_kind(reader) == JSON_KIND_OBJECT;
            read_counters(reader, arena, "rxBytes", "txBytes", &task->rx_bytes, &task->tx_bytes);
        } else if (is(&member, "storageStatsSet")) {
            read_counters(reader, arena, "readSizeBytes", "writeSizeBytes", &task->read_bytes,
                          &task->write_bytes);
        } else {
            pass_over(reader);
        }
    }
}

static void read_task(struct json_reader *reader, struct arena *arena, struct task_metrics *ret)
{
    struct task_metrics task = {0};
    struct member member;
    char *arn = NULL;
    size_t len;

    if (!json_read_begin(reader, '{'))
        return;
    while (next(reader, arena, &member)) {
        if (is(&member, "taskArn")) {
            if (json_read_string(reader, arena, &arn, &len))
                task.task_arn = arn;
        } else if (is(&member, "containerMetrics")) {
            if (begins(reader, '['))
                while (json_read_item(reader))
                    read_container(reader, arena, &task);
        } else {
            pass_over(reader);
        }
    }
    if (!task.task_arn && !reader->problem)
        reader->problem = "a task has no taskArn";
    *ret = task;
}

static void read_tasks(struct json_reader *reader, struct arena *arena, struct metric_frame *frame)
{
    if (!begins(reader, '['))
        return;
    while (json_read_item(reader)) {
        if (frame->count < METRIC_FRAME_TASKS_MAX)
            read_task(reader, arena, &frame->tasks[frame->count++]);
        else
            pass_over(reader);
    }
}

static void read_message(struct json_reader *reader, struct arena *arena,
                         struct metric_frame *frame)
{
    struct member member;

    if (!json_read_begin(reader, '{'))
        return;
    while (next(reader, arena, &member)) {
        if (is(&member, "taskMetrics"))
            read_tasks(reader, arena, frame);
        else
            pass_over(reader);
    }
}

bool metric_frame_is_one(const char *json, size_t len)
{
    static const char type[] = "\"PublishMetricsRequest\"";
    CLEANUP(arena_done) struct arena arena = {0};
    struct json_reader reader = json_reader_of(json, len);
    struct member member;
    const char *text;
    size_t text_len;

    return json_read_begin(&reader, '{') && next(&reader, &arena, &member) && is(&member, "type") &&
           json_read_skip(&reader, &text, &text_len) && text_len == sizeof(type) - 1 &&
           memcmp(text, type, text_len) == 0;
}

struct error *metric_frame_read(struct arena *arena, const char *json, size_t len,
                                struct metric_frame *ret)
{
    struct json_reader reader = json_reader_of(json, len);
    struct member member;

    ret->count = 0;
    if (json_read_begin(&reader, '{'))
        while (next(&reader, arena, &member)) {
            if (is(&member, "message"))
                read_message(&reader, arena, ret);
            else
                pass_over(&reader);
        }
    if (reader.problem || !json_read_end(&reader))
        return error_new(API_INVALID_PARAMETER, "The frame of metrics cannot be read: %s.",
                         reader.problem ? reader.problem : "something follows it");
    return NULL;
}
