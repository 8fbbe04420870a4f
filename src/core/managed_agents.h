/* managed_agents.h - the agents that run inside containers beside what they are for: so far the
 * one that ExecuteCommand speaks with (AP-130, AP-480, API-200).
 *
 * Every container of a task that was started with enableExecuteCommand has it, PENDING until the
 * host tells more; what is told is kept in the task's record, in the API's JSON. It may end and be
 * started again while its container runs, and is STOPPED when that is.
 *
 * Pure. Errors: only of a damaged record, API_SERVER.
 */
#ifndef BERTH_CORE_MANAGED_AGENTS_H
#define BERTH_CORE_MANAGED_AGENTS_H

#include "base/arena.h"
#include "base/error.h"
#include "gen/ecs_types.h"
#include "gen/records.h"

/* What the record keeps once the host has told `changes`, from the arena; NULL: they are no news.
 * Passed over: what is of no container of the task, repeats, what comes late (AP-129), and states
 * that have no name in the API. */
MUST_USE struct error *managed_agents_apply(struct arena *arena, const struct task *task,
                                            const struct ecs_managed_agent_state_changes *changes,
                                            int64_t now_ms, const char **ret_text);

/* Fills managedAgents of the task's containers as they are shown. */
MUST_USE struct error *managed_agents_describe(struct arena *arena, const struct task *task,
                                               struct ecs_containers *containers);

/* Of a container that is shown as it was when it had that status. */
void managed_agents_take_back(enum task_status container_status, struct ecs_managed_agents *agents);

#endif
