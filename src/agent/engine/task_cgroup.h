/* task_cgroup.h - the cgroup that the containers of a task share, which carries its task-level
 * limits (AP-419, AG-152, AG-153, AG-924).
 *
 *   Docker's driver     the cgroup                                           CgroupParent
 *   cgroupfs, v1        <root>/{cpu,memory,pids}/ecs/<task id>               /ecs/<task id>
 *   cgroupfs, v2        <root>/ecs/<task id>                                 /ecs/<task id>
 *   systemd             unit ecstasks-<task id>.slice, made by systemd       its name
 *
 * A hybrid layout is v1: its controllers are there. What is made can be made again, and what is
 * gone removed: nothing has to be remembered of it.
 *
 * Errors  API_SERVER; the message is for the log.
 */
#ifndef BERTH_AGENT_TASK_CGROUP_H
#define BERTH_AGENT_TASK_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "gen/agent_types.h"

#define TASK_CGROUP_SLICES "ecstasks" /* ecstasks-<task id>.slice in ecstasks.slice */
#define TASK_CGROUP_REASON "CgroupError: Agent could not create task's platform resources"

enum task_cgroup_kind {
    TASK_CGROUP_OFF, /* no limits, no cgroup */
    TASK_CGROUP_V1,
    TASK_CGROUP_V2,
    TASK_CGROUP_SLICE,
};

struct task_cgroups {
    enum task_cgroup_kind kind;
    bool is_unified;  /* v2, whoever drives it */
    const char *root; /* ECS_CGROUP_PATH, lent */
};

struct task_cgroup_limits {
    int64_t cpu_quota_us, cpu_period_us; /* of task cpu; 0: shares instead */
    int64_t cpu_shares;
    int64_t memory_bytes; /* 0: none */
    int64_t pids;         /* 0: none */
};

/* Finds the layout under `root` and makes what all tasks' cgroups are under. `driver`: Docker's
 * word, "cgroupfs" or "systemd". Fails if the CPU or memory controller is missing or cannot be
 * used. */
MUST_USE struct error *task_cgroups_open(const char *root, const char *driver,
                                         struct task_cgroups *ret);

/* Refuses (API_CLIENT) a container that may use more memory than its task. */
MUST_USE struct error *task_cgroup_limits_of(const struct acs_task *task, int64_t period_ms,
                                             int64_t pids, struct task_cgroup_limits *ret);

/* Shares of v1, 2 to 262144, as the weight of v2, 1 to 10000. */
int64_t task_cgroup_weight(int64_t shares);

/* What the containers' HostConfig says, from the arena; NULL if OFF. */
const char *task_cgroup_parent(struct arena *arena, const struct task_cgroups *cgroups,
                               const char *task_arn);

/* V1 and V2: the kernel answers at once. Making one that is there sets its limits again; removing
 * takes what containers left in it along. */
MUST_USE struct error *task_cgroup_make(const struct task_cgroups *cgroups, const char *task_arn,
                                        const struct task_cgroup_limits *limits);
MUST_USE struct error *task_cgroup_remove(const struct task_cgroups *cgroups, const char *task_arn);

/* SLICE: the command that has systemd make or remove it; NULL-terminated, from the arena. */
const char *const *task_cgroup_start_slice(struct arena *arena, const struct task_cgroups *cgroups,
                                           const char *task_arn,
                                           const struct task_cgroup_limits *limits);
const char *const *task_cgroup_stop_slice(struct arena *arena, const char *task_arn);
/* Whether systemd has made it. */
bool task_cgroup_has_slice(const struct task_cgroups *cgroups, const char *task_arn);

#endif
