/* task_metadata.h - a task and its containers as their metadata shows them (AG-205 to AG-245,
 * AG-912, AG-913). Pure.
 *
 * Versions 2 and 3 stay as they are for ever; what came later is in version 4 alone (AG-203).
 *
 * Ownership  What is made lives in the arena, or is lent by the view.
 */
#ifndef BERTH_AGENT_TASK_METADATA_H
#define BERTH_AGENT_TASK_METADATA_H

#include "agent/engine/engine.h"
#include "base/arena.h"
#include "gen/agent_types.h"

struct task_metadata_options {
    int version;         /* 2, 3, 4 */
    const char *cluster; /* as configured (AG-235) */
    const char *zone;    /* NULL: unknown */
};

/* What the last health check said; of one container. */
struct task_check {
    int exit_code;
    const char *output; /* NULL: none known */
};

void task_metadata_container(struct arena *arena, const struct task_metadata_options *options,
                             const struct engine_container_view *container,
                             const struct task_check *check, struct metadata_container *ret);
/* `checks` are of its containers, and those of the agent's own behind them. */
void task_metadata_task(struct arena *arena, const struct task_metadata_options *options,
                        const struct engine_task_view *task, const struct task_check *checks,
                        struct metadata_task *ret);

/* "RUNNING", "PULLED"... (AG-210) */
const char *task_metadata_status(enum engine_status status);
/* RFC 3339 to the nanosecond, as Docker gave it if that is the same time; NULL for 0. */
const char *task_metadata_time(struct arena *arena, int64_t wall_ms, const char *docker_time);
/* Parts that introspection shows, too. */
void task_metadata_ports(struct arena *arena, const struct engine_container_view *container,
                         bool with_address, struct metadata_ports *ret);
struct docker_detail; /* docker_detail.h */
void task_metadata_volumes(struct arena *arena, const struct docker_detail *detail,
                           struct metadata_volumes *ret);
void task_metadata_networks(struct arena *arena, const struct docker_detail *detail,
                            struct metadata_networks *ret);

#endif
