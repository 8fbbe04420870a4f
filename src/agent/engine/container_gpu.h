/* container_gpu.h - which GPUs the server gave to the containers of a task (TD-112 to TD-116,
 * AP-477). Pure.
 *
 * A GPU comes as an association of the task: {name: "GPU-<uuid>", type: "gpu", containers: [one]}.
 */
#ifndef BERTH_AGENT_CONTAINER_GPU_H
#define BERTH_AGENT_CONTAINER_GPU_H

#include <jansson.h>

#include "base/error.h"
#include "gen/agent_types.h"

/* Each GPU belongs to exactly one container, which the task has. */
MUST_USE struct error *container_gpu_check(const struct acs_task *task);

/* "GPU-a,GPU-b" of the container, owned; NULL if it has none. */
MUST_USE char *container_gpu_ids(const struct acs_task *task, const char *container);

/* Whether the container runs under the GPU runtime: it has GPUs, or the definition names the
 * variable itself in a task that has some. */
bool container_wants_gpu_runtime(const struct acs_task *task,
                                 const struct acs_container *container);

/* Sets HostConfig's DeviceRequests, if the container has GPUs. */
void container_gpu_requests(const struct acs_task *task, const char *container, json_t *host);

#endif
