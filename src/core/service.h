/* service.h - the arithmetic of a service: bounds of a deployment, counts, steadiness, back-off.
 *
 * Pure: values in, values out. The reconciler (control/services.h) and DescribeServices use the same.
 */
#ifndef BERTH_CORE_SERVICE_H
#define BERTH_CORE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "gen/records.h"

/* SC-191 to SC-193, integer arithmetic: lower = ceil(desired * minimum_percent / 100), the healthy RUNNING
 * tasks to keep; upper = floor(desired * maximum_percent / 100), the RUNNING or PENDING tasks allowed. */
struct service_bounds {
    int64_t lower, upper;
};
struct service_bounds service_bounds(int64_t desired, int32_t minimum_percent, int32_t maximum_percent);

/* Of one deployment, or added up. Tasks on their way out (wanted stopped) are in `stopping` only, except that
 * one still RUNNING also counts in `running` as it does in runningCount. */
struct deployment_counts {
    int64_t pending; /* PROVISIONING, PENDING, ACTIVATING and wanted */
    int64_t running; /* RUNNING */
    int64_t healthy; /* RUNNING, wanted, and counted healthy (SC-199, SC-200) */
    int64_t staying; /* wanted, in any status before its end: pending, or running */
    int64_t stopping; /* not wanted and not STOPPED */
};
void deployment_counts_add(struct deployment_counts *counts, const struct task *task, int64_t now_ms,
                           int64_t *due_ms /* NULL, or in/out: earliest time one more turns healthy; 0: none */);

/* What the next step of a rolling deployment is (SC-194): how many of the new to start and how many of the
 * old to stop now. Both may be zero; is_stuck says the percents leave no way (SC-197). `unhealthy_old`
 * are old tasks that count for nothing and may always go (never-healthy first). */
struct rollout_state {
    int64_t desired;              /* of the new deployment */
    struct service_bounds bounds;
    struct deployment_counts fresh; /* the PRIMARY's */
    struct deployment_counts old;   /* all others' */
    int64_t draining_fresh;         /* of fresh.staying: on DRAINING instances, to be replaced like old ones */
    int64_t draining_fresh_healthy;
};
struct rollout_step {
    int64_t start;       /* new tasks to place */
    int64_t stop_old;    /* old (or draining) tasks to stop, the unhealthy first */
    int64_t stop_surplus; /* of the new: more than desired */
    bool is_done;        /* nothing old is left and the new are at their count */
    bool is_stuck;
};
struct rollout_step rollout_next(const struct rollout_state *state);

/* SC-341 to SC-347: how long after the n-th failed start in a row the next launch waits. 0 for the first
 * three, then 10 s doubling to 15 minutes. */
#define SERVICE_BACKOFF_FREE_FAILURES 3
#define SERVICE_BACKOFF_FIRST_MS      10000
#define SERVICE_BACKOFF_MAX_MS        900000
int64_t service_backoff_ms(int32_t failures_in_row);

/* The deployments of a service, by role. NULL if there is none. */
const struct deployment *service_primary(const struct service *service);
const struct deployment *service_deployment_by_id(const struct service *service, const char *id);

#endif
