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
#include "gen/ecs_types.h"
#include "gen/records.h"

/* defaultLogDriverMode: what Docker does by itself, and ECS's own value since 2025. */
#define LOG_MODE_BLOCKING     "blocking"
#define LOG_MODE_NON_BLOCKING "non-blocking"

/* A task definition as payloads need it: read once, it serves all its tasks. Belongs to the arena
 * it was read into and lends nothing from the record; a definition never changes, so it may be
 * kept. */
struct payload_source {
    enum network_mode network_mode;
    const char *log_mode; /* constant: where a container does not say it; NULL: Docker's own */
    const struct ecs_task_definition *document;
    struct acs_task common; /* the task without what is each one's own */
};
/* `log_mode` is the account's setting defaultLogDriverMode, constant; NULL: "blocking". Fails
 * (API_SERVER) only on a stored document that is damaged. */
MUST_USE struct error *payload_source_read(struct arena *arena, const struct scope *scope,
                                           const struct task_definition *definition,
                                           const char *log_mode, struct payload_source *ret);

/* A task to be run. `revision` is what its service deployment runs, with the images pinned there;
 * NULL: it is of none. Everything is from the arena or lent by the task and the source. Fails
 * (API_SERVER) only on damaged records. */
MUST_USE struct error *payload_build(struct arena *arena, const struct scope *scope,
                                     const struct task *task, const struct payload_source *source,
                                     const struct service_revision *revision, struct acs_task *ret);

/* What a stop needs: the task without its containers, which the agent knows (AP-222). */
void payload_build_stop(struct arena *arena, const struct scope *scope, const struct task *task,
                        struct acs_task *ret);

#endif
