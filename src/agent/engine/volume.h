/* volume.h - the volumes of a task: which are bind mounts, which are Docker's, and how those are
 * made (AP-313, AP-314, TD-148 to TD-155). Pure.
 */
#ifndef BERTH_AGENT_VOLUME_H
#define BERTH_AGENT_VOLUME_H

#include <stdbool.h>

#include "agent/docker/docker_message.h"
#include "agent/engine/volume_efs.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "gen/agent_types.h"

enum volume_kind {
    VOLUME_BIND,    /* a path of the host */
    VOLUME_SCRATCH, /* an empty local volume of the task */
    VOLUME_TASK,    /* a Docker volume that comes and goes with the task */
    VOLUME_SHARED,  /* a Docker volume that stays */
    VOLUME_EFS,     /* a network file system; its Docker volume goes with the task, not its data */
    VOLUME_UNSUPPORTED,
};

enum volume_kind volume_kind(const struct acs_volume *volume);

/* True if Docker's volume goes when the task does (TD-148, TD-153). */
bool volume_is_of_task(enum volume_kind kind);

/* Whether any container of the task mounts it. */
bool volume_is_mounted(const struct acs_task *task, const char *name);

/* The name in Docker, owned; NULL for a bind mount. */
MUST_USE char *volume_docker_name(const char *family, const char *version,
                                  const struct acs_volume *volume, struct rng *rng);

/* Body of the call that makes a volume that is no bind mount. Fails for a file system that this
 * instance cannot mount. */
MUST_USE struct error *volume_create_body(const struct acs_volume *volume, const char *docker_name,
                                          const struct volume_efs_host *efs, struct buf *ret_body);

/* Refuses a shared volume that exists with other labels or options than those meant (AG-155). */
MUST_USE struct error *volume_compare(const struct acs_volume *volume,
                                      const struct docker_volume *found);

#endif
