/* gpu_info.h - the GPUs of this host, as the file says that comes with their driver (AP-477):
 * <ECS_HOST_DATA_DIR>/gpu/nvidia-gpu-info.json, {"DriverVersion": "535.1", "GPUIDs":
 * ["GPU-<uuid>"]}.
 */
#ifndef BERTH_AGENT_GPU_INFO_H
#define BERTH_AGENT_GPU_INFO_H

#include "agent/config/config.h"

#define GPUS_MAX 64 /* of a host; more are left out */

struct gpu_info {
    const char *driver; /* NULL: not told */
    struct config_list ids;
};

/* Nothing if ECS_ENABLE_GPU_SUPPORT is off, or (with a line in the log) if there is no file.
 * API_SERVER if it cannot be read. */
MUST_USE struct error *gpu_info_read(struct arena *arena, const struct agent_config *config,
                                     struct gpu_info *ret);

#endif
