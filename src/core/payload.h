/* payload.h - a task as the agent gets it: definition and overrides merged into one acs_task
 * (AP-301 to AP-314).
 *
 * What the protocol has its own member for goes there; the rest goes into dockerConfig as Docker's
 * own Config and HostConfig in JSON text (AP-303). Units are the agent's: task cpu in vCPU, memory
 * in MiB, durations in nanoseconds, sizes in bytes. Pure.
 */
#ifndef BERTH_CORE_PAYLOAD_H
#define BERTH_CORE_PAYLOAD_H

#include "base/arena.h"
#include "base/arn.h"
#include "base/error.h"
#include "gen/agent_types.h"
#include "gen/records.h"

/* `desired_status` is RUNNING or STOPPED (AP-222). Everything is from the arena or lent by the
 * records. Fails (API_SERVER) only on a stored document that is damaged. */
MUST_USE struct error *payload_build(struct arena *arena, const struct scope *scope,
                                     const struct task *task,
                                     const struct task_definition *definition,
                                     const char *desired_status, struct acs_task *ret);

/* What a stop needs: the task without its containers, which the agent knows (AP-222). */
void payload_build_stop(struct arena *arena, const struct scope *scope, const struct task *task,
                        struct acs_task *ret);

#endif
