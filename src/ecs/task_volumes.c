#include "ecs/task_volumes.h"

#include "base/str.h"
#include "ecs/tags.h"
#include "gen/ecs_shapes.h"

#define EBS_ATTACHMENT_TYPE "AmazonElasticBlockStorage"
#define RATE_MIN_MIB        100
#define RATE_MAX_MIB        300

/* The limits of Amazon EBS for each type; 0: the type takes no such setting. */
static const struct ebs_type {
    const char *name;
    int32_t size_min_gib, size_max_gib;
    int32_t iops_min, iops_max;
    bool needs_iops;
    int32_t throughput_min_mib, throughput_max_mib;
} ebs_types[] = {
    {"gp2", 1, 16384, 0, 0, false, 0, 0},      {"gp3", 1, 16384, 3000, 16000, false, 125, 1000},
    {"io1", 4, 16384, 100, 64000, true, 0, 0}, {"io2", 4, 16384, 100, 256000, true, 0, 0},
    {"sc1", 125, 16384, 0, 0, false, 0, 0},    {"st1", 125, 16384, 0, 0, false, 0, 0},
    {"standard", 1, 1024, 0, 0, false, 0, 0},
};
#define EBS_TYPE_DEFAULT "gp3"

static const struct ebs_type *type_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(ebs_types); i++)
        if (str_eq(ebs_types[i].name, name))
            return &ebs_types[i];
    return NULL;
}

static struct error *check_range(const struct ebs_volume *volume, const char *member,
                                 const char *type, int32_t value, int32_t least, int32_t most)
{
    if (value >= least && value <= most)
        return NULL;
    return error_new(API_INVALID_PARAMETER,
                     "Volume %s: %s must be between %d and %d for a volume of type %s, but was %d.",
                     volume->name, member, (int)least, (int)most, type, (int)value);
}

static struct error *refuse_setting(const struct ebs_volume *volume, const char *member,
                                    const char *type)
{
    return error_new(API_INVALID_PARAMETER,
                     "Volume %s: %s cannot be specified for a volume of type %s.", volume->name,
                     member, type);
}

static struct error *check_performance(const struct ebs_volume *volume, const struct ebs_type *type)
{
    if (volume->has_iops && !type->iops_max)
        return refuse_setting(volume, "iops", type->name);
    if (type->needs_iops && !volume->has_iops)
        return error_new(API_INVALID_PARAMETER,
                         "Volume %s: iops must be specified for a volume of type %s.", volume->name,
                         type->name);
    if (volume->has_iops)
        TRY(check_range(volume, "iops", type->name, volume->iops, type->iops_min, type->iops_max));
    if (volume->has_throughput && !type->throughput_max_mib)
        return refuse_setting(volume, "throughput", type->name);
    if (volume->has_throughput)
        TRY(check_range(volume, "throughput", type->name, volume->throughput_mib,
                        type->throughput_min_mib, type->throughput_max_mib));
    return NULL;
}

static struct error *check_snapshot(const struct ebs_volume *volume, const struct ebs_type *type)
{
    if (!volume->has_size && str_is_empty(volume->snapshot_id))
        return error_new(API_INVALID_PARAMETER,
                         "Volume %s: sizeInGiB or snapshotId must be specified.", volume->name);
    if (volume->has_size)
        TRY(check_range(volume, "sizeInGiB", type->name, volume->size_gib, type->size_min_gib,
                        type->size_max_gib));
    if (!volume->has_rate)
        return NULL;
    if (str_is_empty(volume->snapshot_id))
        return error_new(API_INVALID_PARAMETER,
                         "Volume %s: volumeInitializationRate needs a snapshotId.", volume->name);
    return check_range(volume, "volumeInitializationRate", type->name, volume->rate_mib,
                       RATE_MIN_MIB, RATE_MAX_MIB);
}

struct error *ebs_volume_check(const struct ebs_volume *volume)
{
    const struct ebs_type *type =
        type_named(str_is_empty(volume->volume_type) ? EBS_TYPE_DEFAULT : volume->volume_type);

    if (!type)
        return error_new(API_INVALID_PARAMETER,
                         "Volume %s: volumeType must be gp2, gp3, io1, io2, sc1, st1 or standard, "
                         "but was %s.",
                         volume->name, volume->volume_type);
    TRY(check_snapshot(volume, type));
    TRY(check_performance(volume, type));
    for (size_t i = 0; volume->tags && i < volume->tags->count; i++)
        TRY(tags_check(NULL, &volume->tags->items[i].tags, API_INVALID_PARAMETER));
    return NULL;
}

static bool is_at_launch(const struct ecs_volume *volume)
{
    return volume->has_configured_at_launch && volume->configured_at_launch;
}

static struct error *check_one(const struct ecs_task_definition *definition,
                               const struct ecs_task_volume_configuration *in)
{
    const struct ecs_task_managed_ebs_volume_configuration *ebs = in->managed_ebs_volume;
    const struct ecs_volume *volume = NULL;

    for (size_t i = 0; i < definition->volumes.count; i++)
        if (str_eq(definition->volumes.items[i].name, in->name))
            volume = &definition->volumes.items[i];
    if (!volume || !is_at_launch(volume))
        return error_new(API_INVALID_PARAMETER,
                         "Volume %s is not a volume of the TaskDefinition with configuredAtLaunch.",
                         in->name);
    if (!ebs)
        return error_new(API_INVALID_PARAMETER, "Volume %s: managedEBSVolume must be specified.",
                         in->name);
    return ebs_volume_check(&EBS_VOLUME_OF(in->name, ebs));
}

static bool is_configured(const struct ecs_task_volume_configurations *in, const char *name)
{
    for (size_t i = 0; i < in->count; i++)
        if (str_eq(in->items[i].name, name))
            return true;
    return false;
}

struct error *task_volumes_check(const struct ecs_task_definition *definition,
                                 enum ecs_launch_type launch_type,
                                 const struct ecs_task_volume_configurations *in)
{
    if (in->count > 1)
        return error_new(API_INVALID_PARAMETER,
                         "volumeConfigurations can have at most 1 item: a task takes one Amazon "
                         "EBS volume.");
    if (in->count && launch_type == ECS_LAUNCH_TYPE_EXTERNAL)
        return error_new(API_INVALID_PARAMETER,
                         "Volume configurations are not supported for the launch type EXTERNAL.");
    for (size_t i = 0; i < in->count; i++)
        TRY(check_one(definition, &in->items[i]));
    for (size_t i = 0; i < definition->volumes.count; i++) {
        const struct ecs_volume *volume = &definition->volumes.items[i];

        if (is_at_launch(volume) && !is_configured(in, volume->name))
            return error_new(API_INVALID_PARAMETER,
                             "Volume %s is configured at launch, and volumeConfigurations has no "
                             "configuration for it.",
                             volume->name);
    }
    return NULL;
}

const char *task_volumes_text(struct arena *arena, const struct ecs_task_volume_configurations *in)
{
    CLEANUP(buf_done) struct buf text = {0};

    if (!in->count)
        return NULL;
    shape_encode(&ecs_shapes[ECS_SHAPE_TASK_VOLUME_CONFIGURATIONS], &text, in);
    return arena_dup_n(arena, text.data, text.len);
}

static bool goes_with_task(const struct ecs_task_managed_ebs_volume_configuration *ebs)
{
    return !ebs->termination_policy || ebs->termination_policy->delete_on_termination;
}

const char *task_volumes_attachments(struct call *call,
                                     const struct ecs_task_volume_configurations *in)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct ecs_attachments list;

    if (!in->count)
        return NULL;
    SET_LIST(call->arena, &list, in->count);
    for (size_t i = 0; i < in->count; i++) {
        const struct ecs_task_managed_ebs_volume_configuration *ebs =
            in->items[i].managed_ebs_volume;
        struct ecs_attachment *shown = &list.items[i];
        char *id = arena_alloc(call->arena, UUID_SIZE);

        uuid_new(call->rng, id);
        shown->id = id;
        shown->type = EBS_ATTACHMENT_TYPE;
        shown->status = "PRECREATED";
        SET_LIST(call->arena, &shown->details, 3);
        shown->details.items[0] = (struct ecs_key_value_pair){"volumeName", in->items[i].name};
        shown->details.items[1] = (struct ecs_key_value_pair){"roleArn", ebs->role_arn};
        shown->details.items[2] = (struct ecs_key_value_pair){
            "deleteOnTermination", goes_with_task(ebs) ? "true" : "false"};
    }
    shape_encode(&ecs_shapes[ECS_SHAPE_ATTACHMENTS], &text, &list);
    return arena_dup_n(call->arena, text.data, text.len);
}
