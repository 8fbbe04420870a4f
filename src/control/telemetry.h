/* telemetry.h - what tasks use, as their agents tell it every 20 s: one datum a task and minute,
 * the newest kept, in memory (MS-001, MS-002, MS-007).
 *
 * The rounds of a minute are folded into its mean. What is shown is the newest minute that is over,
 * or the first one while it lasts. Nothing is written to the store: after a restart or a failover
 * the agents have told all again within a round. At most `tasks_max` are kept, the one unheard of
 * for longest goes first; what was not heard of for TELEMETRY_KEEP_MS is not shown and goes as
 * others come. Nothing is done for a task that is not told about.
 *
 * Errors  None.
 */
#ifndef BERTH_CONTROL_TELEMETRY_H
#define BERTH_CONTROL_TELEMETRY_H

#include "base/id.h"
#include "control/metric_frame.h"

#define TELEMETRY_TASKS_MAX 1000000
#define TELEMETRY_KEEP_MS   (3 * 60 * 1000)

struct telemetry;

struct telemetry_datum {
    int64_t minute_ms; /* when the minute began, wall clock */
    int64_t heard_ms;  /* when the last of it came: how fresh it is */
    uint32_t rounds;   /* told in it */
    double cpu_units;  /* in use, 1024 a vCPU (AP-509): may be more than is reserved (MS-007) */
    double memory_mib; /* in use */
    int32_t cpu_reserved, memory_reserved_mib;
    bool has_network;
    double rx_bytes, tx_bytes, read_bytes, write_bytes; /* since its containers started */
};

struct telemetry *telemetry_new(size_t tasks_max);
void telemetry_free(struct telemetry *telemetry);
size_t telemetry_count(const struct telemetry *telemetry);

/* One round of one task. `host_cpu` is what its instance registered, in units. */
void telemetry_add(struct telemetry *telemetry, const struct id *task,
                   const struct task_metrics *metrics, int32_t host_cpu, int32_t cpu_reserved,
                   int32_t memory_reserved_mib, int64_t now_ms);
/* False: nothing was heard, or not for long. */
bool telemetry_of_task(const struct telemetry *telemetry, const struct id *task, int64_t now_ms,
                       struct telemetry_datum *ret);
/* Adds one to the sum of several, as a service's is: the older of the two says how fresh it is. */
void telemetry_sum(struct telemetry_datum *sum, const struct telemetry_datum *more);

#endif
