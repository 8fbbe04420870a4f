/* usage.h - how much of what they have clusters and services use: the metrics of AWS/ECS, in
 * percent (MS-010 to MS-028).
 *
 * Worked out when asked, from figures that are kept anyway: a cluster costs a look at each of its
 * hosts, a service nothing more. What has no RUNNING task, or nothing to divide by, has no value
 * (MS-015). Reservations rest on the store; utilizations on telemetry, which is there again some
 * 20 s after a start.
 */
#ifndef BERTH_CONTROL_USAGE_H
#define BERTH_CONTROL_USAGE_H

#include "control/control.h"
#include "control/telemetry.h"

enum usage_metric {
    USAGE_CPU_RESERVATION,
    USAGE_MEMORY_RESERVATION,
    USAGE_GPU_RESERVATION,
    USAGE_CPU_UTILIZATION,
    USAGE_MEMORY_UTILIZATION,
    USAGE_METRIC_COUNT
};

struct usage {
    struct telemetry_owner owner; /* service NULL: a cluster; lent for the call */
    uint64_t tasks;               /* whose use was told: the metrics' sample count (MS-029) */
    bool has[USAGE_METRIC_COUNT];
    double percent[USAGE_METRIC_COUNT]; /* may be over 100 (MS-028) */
};

/* Each cluster with RUNNING tasks, then each service whose tasks' use was told. */
typedef void usage_fn(const struct usage *usage, void *data);
void control_each_usage(struct control *control, usage_fn *fn, void *data);

#endif
