/* engine_reason.h - why a container stopped or could not be started, in ECS's words (AP-416). Pure.
 *
 * Ownership  Every string returned is the caller's.
 */
#ifndef BERTH_AGENT_ENGINE_REASON_H
#define BERTH_AGENT_ENGINE_REASON_H

#include "agent/docker/docker.h"
#include "base/attributes.h"

#define REASON_OUT_OF_MEMORY "OutOfMemoryError: Container killed due to memory usage"
#define REASON_VANISHED      "ContainerVanishedError: No container matching saved ID found"
#define REASON_LOST                                                                                \
    "CannotStartContainerError: Docker was lost while it started the container, which may have "   \
    "run"
#define REASON_STATE "TaskStateError: Agent could not progress task's state to stopped"
#define REASON_MAX   1024 /* AP-121, AP-122: longer ones are cut */

/* `error_name` is "CannotStartContainerError", `state` what was to be reached: "started". */
MUST_USE char *engine_reason(const char *error_name, const char *state,
                             const struct docker_failure *failure);
MUST_USE char *engine_reason_pull(const struct docker_failure *failure);

/* The message without the addresses of ECR's layers, in which whoever reads a reason would find the
 * means to read the layer. */
MUST_USE char *engine_reason_redact(const char *message, const char *image);

/* "2h0m0s", "1.5s": a duration as Go writes it. */
#define DURATION_SIZE 32
void engine_format_duration(int64_t ms, char ret[DURATION_SIZE]);

#endif
