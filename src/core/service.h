/* service.h - the arithmetic of a service: bounds of a deployment, counts, steadiness, back-off.
 *
 * Pure: values in, values out. The reconciler (control/services.h) and DescribeServices use the
 * same.
 */
#ifndef BERTH_CORE_SERVICE_H
#define BERTH_CORE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "gen/records.h"

/* SC-191 to SC-193, integer arithmetic: lower = ceil(desired * minimum_percent / 100), the healthy
 * RUNNING tasks to keep; upper = floor(desired * maximum_percent / 100), the RUNNING or PENDING
 * tasks allowed. */
struct service_bounds {
    int64_t lower, upper;
};
struct service_bounds service_bounds(int64_t desired, int32_t minimum_percent,
                                     int32_t maximum_percent);

/* Of one deployment, or added up. */
struct deployment_counts {
    int64_t pending;   /* as shown in pendingCount: PROVISIONING, PENDING, ACTIVATING */
    int64_t running;   /* as shown in runningCount: RUNNING */
    int64_t staying;   /* wanted, not STOPPED: what the service has */
    int64_t starting;  /* of staying: not RUNNING yet */
    int64_t unhealthy; /* of staying: RUNNING, and a container's check says UNHEALTHY */
    int64_t healthy;   /* of staying: counted healthy (SC-199, SC-200) */
    int64_t stopping;  /* not wanted, not STOPPED */
};
/* `due_ms` (NULL: not asked) is in and out: the earliest time at which one more turns healthy by
 * itself; 0: none. */
void deployment_counts_add(struct deployment_counts *counts, const struct task *task,
                           int64_t now_ms, int64_t *due_ms);

/* The next step towards `desired` tasks of the PRIMARY deployment and none of the others (SC-194).
 *
 * `old` holds the tasks of other deployments and those on DRAINING instances (CL-283). Old tasks
 * that have not started or are UNHEALTHY serve nobody and go at once (CL-282); RUNNING ones that
 * time has not proved healthy yet go once `lower` others are; healthy ones as far as `lower`
 * allows. Tasks that are being stopped still count against `upper` (CL-286: at 100% replacements
 * start after the old have stopped). */
struct rollout {
    int64_t desired;
    struct service_bounds bounds;
    bool is_halted; /* FAILED: starts nothing more (API-189), and what is old and serves stays */
    struct deployment_counts fresh;
    struct deployment_counts old;
};
struct rollout_step {
    int64_t start; /* new tasks to place */
    int64_t
        stop_old; /* old tasks to stop: starting and unhealthy, then unproved, then healthy ones */
    int64_t stop_surplus; /* of the new: more than desired */
    bool is_done;         /* no old task is wanted and the new are at their count */
    bool is_stuck;        /* the percents leave no way (SC-197) */
};
struct rollout_step rollout_next(const struct rollout *rollout);

/* SC-341 to SC-347: how long after the n-th failed start in a row the next launch waits: 0 for the
 * first few, then 10 s doubling to 15 minutes. */
#define SERVICE_BACKOFF_FREE_FAILURES 3
#define SERVICE_BACKOFF_FIRST_MS      10000
#define SERVICE_BACKOFF_MAX_MS        900000
int64_t service_backoff_ms(int32_t failures_in_row);

/* The failed tasks at which the circuit breaker opens: half the desired count, from 3 to 200. */
#define SERVICE_FAILURES_MIN 3
#define SERVICE_FAILURES_MAX 200
int32_t service_failure_threshold(int32_t desired_count);

/* Neither successful nor stopped nor rolled back: it may still change the service. */
bool service_deployment_is_open(const struct service_deployment *deployment);

/* NULL if there is none. */
const struct deployment *service_primary(const struct service *service);

/* A new PRIMARY, first in the list of a service being edited or made; the one before turns ACTIVE.
 */
struct deployment *service_add_deployment(struct service *service, int64_t now_ms);
/* The same with a deployment that is there already: one of that service revision. NULL if none is.
 */
struct deployment *service_promote_deployment(struct service *service, const char *revision,
                                              int64_t now_ms);

#endif
