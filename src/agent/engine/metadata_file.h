/* metadata_file.h - the text of a container's metadata file (AG-190 to AG-197, AG-915). Pure.
 *
 * It is there before the container starts, with what is known then; what Docker knows comes after
 * the start, and MetadataFileStatus READY with it.
 */
#ifndef BERTH_AGENT_METADATA_FILE_H
#define BERTH_AGENT_METADATA_FILE_H

#include "agent/docker/docker_message.h"
#include "base/str.h"
#include "gen/agent_types.h"

#define METADATA_FILE_DIR "metadata" /* below the data directory */

struct metadata_file {
    const char *cluster;
    const char *instance_arn, *zone, *host_address; /* NULL: unknown */
    const struct acs_task *task;
    const char *container_name;
    const struct docker_container *docker; /* NULL: not started yet */
};

void metadata_file_write(const struct metadata_file *file, struct buf *ret_text);

/* "metadata/default/0123..." of arn:...:task/default/0123...; NULL for what is no task's ARN. */
char *metadata_file_task_dir(const char *task_arn);

#endif
