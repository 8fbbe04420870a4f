/* volume.h - the volumes of a task: which are bind mounts, which are Docker's, and how those are
 * made (AP-313, AP-314, TD-148 to TD-155). Pure.
 */
#ifndef BERTH_AGENT_VOLUME_H
#define BERTH_AGENT_VOLUME_H

#include <stdbool.h>

#include "agent/docker/docker_message.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "gen/agent_types.h"

enum volume_kind {
    VOLUME_BIND,    /* a path of the host */
    VOLUME_SCRATCH, /* an empty local volume of the task; Docker makes it when it is first used */
    VOLUME_TASK,    /* a Docker volume that comes and goes with the task */
    VOLUME_SHARED,  /* a Docker volume that stays */
    VOLUME_UNSUPPORTED,
};

enum volume_kind volume_kind(const struct acs_volume *volume);

/* The name in Docker, owned; NULL for a bind mount. */
MUST_USE char *volume_docker_name(const char *family, const char *version,
                                  const struct acs_volume *volume, struct rng *rng);

/* Body of the call that makes a VOLUME_TASK or an autoprovisioned VOLUME_SHARED. */
void volume_create_body(struct buf *buf, const struct acs_volume *volume, const char *docker_name);

/* Whether a shared volume that exists is the one meant: driver, options and labels. */
bool volume_matches(const struct acs_volume *volume, const struct docker_volume *found);

#endif
