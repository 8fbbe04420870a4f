/* volume_efs.h - an EFS file system as Docker mounts it (AP-478, TD-159 to TD-163, TUT-382). Pure.
 *
 * On AWS the file system has a name made of its id and the region, and Docker's local driver mounts
 * it as NFS. Elsewhere the operator says where it is (BERTH_EFS_FILE_SYSTEMS, a JSON object):
 *
 *   "fs-1234": "nfs.lan"            a server whose root is the file system
 *   "fs-1234": "nfs.lan:/exports/a" a directory of it
 *   "fs-1234": "tls:127.0.0.1:/a"   a tunnel of the operator's: transitEncryption ENABLED may
 *                                   use it, at transitEncryptionPort if the volume has one
 *   "fsap-12": "/teams/web"         the directory of an access point, within its file system
 *
 * With Amazon's volume plugin on the host (efsAuth in ECS_VOLUME_PLUGIN_CAPABILITIES) that is asked
 * instead, and knows all of it. Without, what cannot be had, encryption without a tunnel and IAM,
 * is refused rather than left out.
 */
#ifndef BERTH_AGENT_VOLUME_EFS_H
#define BERTH_AGENT_VOLUME_EFS_H

#include <stdbool.h>

#include "agent/config/config.h"
#include "base/arena.h"
#include "base/error.h"
#include "gen/agent_types.h"

#define VOLUME_EFS_PLUGIN "amazon-ecs-volume-plugin"

struct volume_efs_host {
    const char *region;
    bool has_plugin;
    const struct config_map *file_systems;
    const char *credentials_uri; /* of the task's role; NULL: it has none */
};

/* The options of the driver; those that vary live in `arena`. */
MUST_USE struct error *volume_efs_options(struct arena *arena,
                                          const struct acs_efs_volume_configuration *efs,
                                          const struct volume_efs_host *host,
                                          struct acs_string_map *ret_options);

#endif
