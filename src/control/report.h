/* report.h - what an agent reports about a task, applied to the record (AP-121 to AP-132).
 *
 * Idempotent and never backwards: a report that was applied before, comes late or is about a stage
 * already passed changes nothing and is no error (AP-129). A report also acknowledges the payload
 * (AP-225). Who may report for the task is the caller's check.
 */
#ifndef BERTH_CONTROL_REPORT_H
#define BERTH_CONTROL_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "gen/ecs_types.h"
#include "state/state.h"

enum report_status { REPORT_NONE, REPORT_PENDING, REPORT_RUNNING, REPORT_STOPPED };
/* "PENDING", "RUNNING", "STOPPED", or absent; PULLED, CREATED and other names of the agent's count
 * as PENDING. */
enum report_status report_status_parse(const char *text);

struct report_binding {
    const char *bind_ip;
    int32_t container_port, host_port; /* 0: a range */
    const char *container_port_range, *host_port_range;
    const char *protocol; /* "tcp", "udp"; NULL: tcp */
};

struct container_report {
    const char *name;
    const char *runtime_id; /* NULL: not said, as all below */
    const char *image_digest;
    const char *reason;
    enum report_status status;
    bool has_exit_code;
    int32_t exit_code;
    const struct report_binding *bindings;
    size_t binding_count;
    bool has_bindings;
};

struct task_report {
    enum report_status status;
    const char *reason;
    int64_t pull_started_at_ms, pull_stopped_at_ms, execution_stopped_at_ms; /* 0: not said */
    const struct container_report *containers;
    size_t container_count;
    struct ecs_managed_agent_state_changes managed_agents; /* AP-130 */
};

/* Stop code and reason are ours to decide (AP-126): a stop already asked for keeps its own; a task
 * that ran ends as EssentialContainerExited, one that never did as TaskFailedToStart. Containers
 * that are not of the task are the agent's own (AP-123) and passed over. Fails only on a damaged
 * record; an API_INVALID_PARAMETER would make the agent forget the report (AP-128). */
MUST_USE struct error *report_apply(struct txn *txn, const struct task *task,
                                    const struct task_report *report);

#endif
