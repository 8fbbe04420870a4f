/* metric_frame.h - what a frame of metrics says about tasks, read straight out of its text (AP-505
 * to AP-507). Pure.
 *
 * Only what is summed is visited; the rest is checked to be JSON and passed over. A task's figures
 * are the sums of its containers' (MS-002). Nothing is allocated but names with escapes.
 *
 * Units  Processor: percent of the whole host, 100 = all its cores. Memory: MiB. The others: bytes
 *        since the containers started.
 */
#ifndef BERTH_CONTROL_METRIC_FRAME_H
#define BERTH_CONTROL_METRIC_FRAME_H

#include "base/arena.h"
#include "base/error.h"

#define METRIC_FRAME_TASKS_MAX 10 /* AP-505; what is more is passed over */

struct task_metrics {
    const char *task_arn; /* in the arena */
    unsigned containers;
    bool has_network;
    double cpu_percent, memory_mib; /* the mean of the samples */
    double rx_bytes, tx_bytes, read_bytes, write_bytes;
};

struct metric_frame {
    size_t count;
    struct task_metrics tasks[METRIC_FRAME_TASKS_MAX];
};

/* True if the frame says first that it is one of metrics, as agents do. */
bool metric_frame_is_one(const char *json, size_t len);
/* API_INVALID_PARAMETER if it is no such frame. */
MUST_USE struct error *metric_frame_read(struct arena *arena, const char *json, size_t len,
                                         struct metric_frame *ret);

#endif
