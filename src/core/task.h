/* task.h - one run of a task definition: which status may follow which, why it stopped, how it
 * feels.
 *
 * A task is a record (struct task, api/state.json); these are the rules on it. Nothing here does
 * I/O or reads the clock. Callers hold the record by txn_edit_task() or have not inserted it yet.
 *
 *                 .--------------------------------.
 *                 |                                v
 *   PROVISIONING -+-> PENDING -+-> ACTIVATING -> RUNNING -> DEACTIVATING --.
 *        |            |        '-----------------^   |          |          |
 *        '------------+------------------------------+----------'          v
 *                     '-----> STOPPING -> DEPROVISIONING -> STOPPED  (each may be skipped)
 *
 * Wanted and observed are two members: desired_status is set by requests and reconcilers
 * (task_want_stopped), last_status follows what the agent reports (SC-093).
 *
 * Units  Times are wall milliseconds.
 */
#ifndef BERTH_CORE_TASK_H
#define BERTH_CORE_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "gen/records.h"

/* SC-094: a task only moves on. A status does not follow itself. */
bool task_status_may_follow(enum task_status from, enum task_status to);

/* The only writer of task->last_status after creation; also keeps the times that belong to a status
 * (started_at, stopping_at, stopped_at), settles containers of a stopped task, and raises version.
 * An illegal move is a bug of ours: reports are checked with task_status_may_follow() first. */
void task_set_status(struct task *task, enum task_status to, int64_t now_ms);

/* Wants the task stopped: desired_status, stopping_at, stop code and reason. The first cause stays:
 * false, and nothing changes, if it is already wanted stopped or STOPPED. */
bool task_want_stopped(struct task *task, enum stop_code code, const char *reason, int64_t now_ms);

/* STOPPED, whatever it was, for want of an agent to say so; a cause it has already stays. */
void task_end(struct task *task, enum stop_code code, const char *reason, int64_t now_ms);

/* API-130: scale-in and deployments pass over it. */
bool task_is_protected(const struct task *task, int64_t now_ms);

/* In PROVISIONING until a host of its capacity provider has room (CL-103). */
bool task_is_waiting(const struct task *task);
/* It has its place: PENDING there. */
void task_place(struct task *task, const struct id *instance, int64_t now_ms);

/* On its way out or there: STOPPING, DEPROVISIONING or STOPPED (SC-186). */
bool task_is_ending(const struct task *task);

/* SC-104: what counts as pending (PROVISIONING, PENDING, ACTIVATING) and as running. */
bool task_counts_pending(const struct task *task);
bool task_counts_running(const struct task *task);

/* API-199, TD-139, TD-270: the reported health, from its containers. */
enum health_status task_health_of_containers(const struct task *task);

/* SC-199, SC-200: whether a RUNNING task counts as healthy in a deployment at `now_ms`, for a
 * service without load balancer. If not yet but time alone will do, *ret_due_ms is when; else 0. */
#define TASK_HEALTHY_AFTER_MS 40000
bool task_counts_healthy(const struct task *task, int64_t now_ms, int64_t *ret_due_ms);

/* ECS's own words (AG-341, AG-931, AP-126, API-125). */
#define STOPPED_ESSENTIAL_EXITED     "Essential container in task exited"
#define STOPPED_BY_USER              "Task stopped by user"
#define STOPPED_FAILED_TO_START      "Task failed to start"
#define STOPPED_FAILED_HEALTH_CHECKS "Task failed container health checks"
#define STOPPED_DEREGISTERED         "Container instance deregistration forced by user"
#define STOPPED_SERVICE_SCALING_FMT  "Scaling activity initiated by (deployment %s)" /* SC-208 */
#define STOPPED_HOST_LOST_FMT        "Host EC2 (instance %s) stopped/terminated"

#endif
