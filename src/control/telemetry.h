/* telemetry.h - what tasks use, as their agents tell it every 20 s: one datum a task and minute,
 * the newest kept, in memory (MS-001, MS-002, MS-007), and what those of a service and of a cluster
 * use together (MS-010, MS-013).
 *
 * The rounds of a minute are folded into its mean. What counts is the newest minute that is over,
 * or the first one while it lasts. Nothing is written to the store: after a restart or a failover
 * the agents have told all again within a round. At most `tasks_max` are kept, the one unheard of
 * for longest goes first; what was not heard of for TELEMETRY_KEEP_MS is not shown, and goes as
 * others come or by telemetry_let_go(). Nothing is done for a task that is not told about, and
 * totals are kept as tasks come, tell and go: reading one costs the same however many tasks it has.
 *
 * Errors  None.
 */
#ifndef BERTH_CONTROL_TELEMETRY_H
#define BERTH_CONTROL_TELEMETRY_H

#include "base/arn.h"
#include "base/id.h"
#include "control/metric_frame.h"

#define TELEMETRY_TASKS_MAX  1000000
#define TELEMETRY_KEEP_MS    (3 * 60 * 1000)
#define TELEMETRY_FIGURE_MAX 1e9 /* CPU units, MiB: a task has no more, whatever is said */

struct telemetry;

/* Whose a task is; the strings are copied, the scope is the state's and outlives it. */
struct telemetry_owner {
    const struct scope *scope;
    const char *cluster;
    const char *service; /* NULL: of none; of a total: the whole cluster */
};

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
void telemetry_add(struct telemetry *telemetry, const struct telemetry_owner *owner,
                   const struct id *task, const struct task_metrics *metrics, int32_t host_cpu,
                   int32_t cpu_reserved, int32_t memory_reserved_mib, int64_t now_ms);
/* It runs no more. Fine if nothing was heard of it. */
void telemetry_forget(struct telemetry *telemetry, const struct id *task);
/* False: nothing was heard, or not for long. */
bool telemetry_of_task(const struct telemetry *telemetry, const struct id *task, int64_t now_ms,
                       struct telemetry_datum *ret);

/* Lets go of those that were not heard of for TELEMETRY_KEEP_MS, `count_max` of them at most:
 * before totals are read, or they count. True: there are more. */
bool telemetry_let_go(struct telemetry *telemetry, int64_t now_ms, size_t count_max);

/* Of the tasks that are kept: a service's, or all of a cluster. */
struct telemetry_total {
    struct telemetry_owner owner; /* lent for the call */
    uint64_t tasks;               /* how many: samples of a minute (MS-029); never 0 */
    double cpu_units, memory_mib; /* in use */
    double cpu_reserved, memory_reserved_mib;
};
/* False: nothing was heard of any. */
bool telemetry_total(const struct telemetry *telemetry, const struct telemetry_owner *owner,
                     struct telemetry_total *ret);
/* Each there is, a cluster before its services. `fn` adds and forgets nothing. */
typedef void telemetry_total_fn(const struct telemetry_total *total, void *data);
void telemetry_each_total(const struct telemetry *telemetry, telemetry_total_fn *fn, void *data);

#endif
