/* payload.h - a task as the agent gets it: definition and overrides merged into one acs_task (AP-301 to AP-314).
 *
 * What the protocol has its own member for goes there; the rest goes into dockerConfig as Docker's own
 * Config and HostConfig in JSON text (AP-303). Units are the agent's: task cpu in vCPU, memory in MiB,
 * durations in nanoseconds, sizes in bytes. Pure.
 */
#ifndef BERTH_CORE_PAYLOAD_H
#define BERTH_CORE_PAYLOAD_H

#include "base/arena.h"
#include "base/arn.h"
#include "base/error.h"
#include "gen/agent_types.h"
#include "gen/records.h"

/* Everything is from the arena or lent by the records. Fails (API_SERVER) only on a stored document that
 * is damaged. */
MUST_USE struct error *payload_build(struct arena *arena, const struct scope *scope,
                                     const struct task *task, const struct task_definition *definition,
                                     struct acs_task *ret);

#endif
