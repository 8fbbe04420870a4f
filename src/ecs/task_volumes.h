/* task_volumes.h - volumes that are configured when tasks are launched: volumeConfigurations of
 * RunTask and StartTask against the task definition; the limits of Amazon EBS volumes.
 *
 * A volume of the definition with configuredAtLaunch needs a configuration, and a configuration
 * such a volume. No host offers the attribute that such a definition requires as long as nothing
 * attaches volumes: its tasks find no place, and never run without their data.
 *
 * Errors  API_INVALID_PARAMETER with the volume, the member and the rule.
 */
#ifndef BERTH_ECS_TASK_VOLUMES_H
#define BERTH_ECS_TASK_VOLUMES_H

#include "ecs/ecs.h"
#include "gen/ecs_types.h"

/* What the configurations of tasks and of services have in common. */
struct ebs_volume {
    const char *name, *volume_type, *snapshot_id;
    bool has_size, has_iops, has_throughput, has_rate;
    int32_t size_gib, iops, throughput_mib, rate_mib;
    const struct ecs_ebs_tag_specifications *tags;
};
/* Of a volume's name and a managedEBSVolume of either. */
#define EBS_VOLUME_OF(volume_name, ebs)                                                            \
    ((struct ebs_volume){                                                                          \
        .name = (volume_name),                                                                     \
        .volume_type = (ebs)->volume_type,                                                         \
        .snapshot_id = (ebs)->snapshot_id,                                                         \
        .has_size = (ebs)->has_size_in_gib,                                                        \
        .size_gib = (ebs)->size_in_gib,                                                            \
        .has_iops = (ebs)->has_iops,                                                               \
        .iops = (ebs)->iops,                                                                       \
        .has_throughput = (ebs)->has_throughput,                                                   \
        .throughput_mib = (ebs)->throughput,                                                       \
        .has_rate = (ebs)->has_volume_initialization_rate,                                         \
        .rate_mib = (ebs)->volume_initialization_rate,                                             \
        .tags = &(ebs)->tag_specifications,                                                        \
    })
MUST_USE struct error *ebs_volume_check(const struct ebs_volume *volume);

MUST_USE struct error *task_volumes_check(const struct ecs_task_definition *definition,
                                          enum ecs_launch_type launch_type,
                                          const struct ecs_task_volume_configurations *in);

/* For the record: the configurations, and what DescribeTasks shows of them (attachments); both in
 * the API's JSON, NULL if there are none. */
const char *task_volumes_text(struct arena *arena, const struct ecs_task_volume_configurations *in);
const char *task_volumes_attachments(struct call *call,
                                     const struct ecs_task_volume_configurations *in);

#endif
