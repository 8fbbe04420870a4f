/* engine_depend.h - what the containers of a task wait for: dependsOn, links and volumesFrom
 * (AP-406 to AP-408, TD-129 to TD-134). Pure.
 *
 * A container waits before its image is pulled; stopping goes the other way round.
 */
#ifndef BERTH_AGENT_ENGINE_DEPEND_H
#define BERTH_AGENT_ENGINE_DEPEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/engine/engine.h"
#include "base/arena.h"

enum depend_condition {
    DEPEND_CREATE, /* volumesFrom */
    DEPEND_START,  /* links and START */
    DEPEND_COMPLETE,
    DEPEND_SUCCESS,
    DEPEND_HEALTHY,
};

struct depend_edge {
    size_t waiter, target; /* of task->containers */
    enum depend_condition condition;
};

struct depend_graph {
    struct depend_edge *edges;
    size_t count;
};

/* Everything lives in `arena`. Refuses unknown names and conditions, cycles and HEALTHY on a
 * container without a health check (AP-406); the message is for the log. */
MUST_USE struct error *depend_read(struct arena *arena, const struct acs_task *task,
                                   struct depend_graph *ret);

/* The state of a container that others wait for. */
struct depend_target {
    const char *name;
    enum engine_status known;
    bool has_run; /* it was started, ever */
    bool has_exit_code;
    int exit_code;
    const char *health;       /* "HEALTHY", "UNHEALTHY", "UNKNOWN" or NULL */
    int64_t started_mono_ms;  /* 0: it was not */
    int64_t start_timeout_ms; /* 0: none */
};

enum depend_answer {
    DEPEND_READY,
    DEPEND_WAIT,
    DEPEND_NEVER, /* it cannot be met any more */
};

/* `*ret_deadline_ms` is set to the monotonic time at which a WAIT becomes NEVER, 0: none; on NEVER
 * `*ret_why` to what makes it so, in `arena`. */
enum depend_answer depend_check(struct arena *arena, const struct depend_target *target,
                                enum depend_condition condition, int64_t now_ms,
                                int64_t *ret_deadline_ms, const char **ret_why);

#endif
