#include <string.h>

#include "ecs/name_check.h"
#include "ecs/task_definition_parts.h"

#define PORT_MAX 65535

static const struct ecs_volume *find_volume(const struct ecs_task_definition *definition,
                                            const char *name)
{
    for (size_t i = 0; i < definition->volumes.count; i++)
        if (strcmp(definition->volumes.items[i].name, name) == 0)
            return &definition->volumes.items[i];
    return NULL;
}

static struct error *check_port(const struct ecs_volume *volume, bool is_set, int32_t port)
{
    if (is_set && (port < 0 || port > PORT_MAX))
        return error_new(API_CLIENT,
                         "Volume '%s': transitEncryptionPort must be between 0 and %d, but was %d.",
                         volume->name, PORT_MAX, (int)port);
    return NULL;
}

/* TD-160, API-108 */
static struct error *check_efs(const struct ecs_volume *volume)
{
    const struct ecs_efs_volume_configuration *efs = volume->efs_volume_configuration;
    const struct ecs_efs_authorization_config *auth = efs->authorization_config;
    bool has_access_point = auth && !str_is_empty(auth->access_point_id);
    bool is_encrypted = efs->transit_encryption == ECS_EFS_TRANSIT_ENCRYPTION_ENABLED;

    if (str_is_empty(efs->file_system_id))
        return error_new(API_CLIENT, "Volume '%s': fileSystemId should not be null or empty.",
                         volume->name);
    if (has_access_point && !str_is_empty(efs->root_directory) &&
        strcmp(efs->root_directory, "/") != 0)
        return error_new(
            API_CLIENT,
            "Volume '%s': rootDirectory must be / or omitted when an access point is specified.",
            volume->name);
    if (!is_encrypted &&
        (has_access_point || (auth && auth->iam == ECS_EFS_AUTHORIZATION_CONFIG_IAM_ENABLED)))
        return error_new(API_CLIENT,
                         "Volume '%s': transitEncryption must be ENABLED when IAM authorization or "
                         "an access point "
                         "is used.",
                         volume->name);
    return check_port(volume, efs->has_transit_encryption_port, efs->transit_encryption_port);
}

/* Reached with the task role's credentials; an access point has its own root. */
static struct error *check_s3_files(const struct ecs_task_definition *definition,
                                    const struct ecs_volume *volume)
{
    const struct ecs_s3_files_volume_configuration *files = volume->s3files_volume_configuration;

    if (str_is_empty(files->file_system_arn))
        return error_new(API_CLIENT, "Volume '%s': fileSystemArn should not be null or empty.",
                         volume->name);
    if (!str_is_empty(files->access_point_arn) && !str_is_empty(files->root_directory) &&
        strcmp(files->root_directory, "/") != 0)
        return error_new(
            API_CLIENT,
            "Volume '%s': rootDirectory must be / or omitted when an access point is specified.",
            volume->name);
    if (!definition->task_role_arn)
        return error_new(API_CLIENT,
                         "Volume '%s': s3filesVolumeConfiguration requires a value for "
                         "'taskRoleArn'.",
                         volume->name);
    return check_port(volume, files->has_transit_encryption_port, files->transit_encryption_port);
}

/* API-108 */
static struct error *check_fsx(const struct ecs_volume *volume)
{
    const struct ecs_fsx_windows_file_server_volume_configuration *fsx =
        volume->fsx_windows_file_server_volume_configuration;
    const struct {
        const char *name, *value;
    } members[] = {
        {"fileSystemId", fsx->file_system_id},
        {"rootDirectory", fsx->root_directory},
        {"credentialsParameter", fsx->authorization_config->credentials_parameter},
        {"domain", fsx->authorization_config->domain},
    };

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (str_is_empty(members[i].value))
            return error_new(API_CLIENT, "Volume '%s': %s should not be null or empty.",
                             volume->name, members[i].name);
    return NULL;
}

/* TD-153 */
static struct error *check_docker(const struct ecs_volume *volume)
{
    const struct ecs_docker_volume_configuration *docker = volume->docker_volume_configuration;

    if (docker->autoprovision && docker->scope != ECS_SCOPE_SHARED)
        return error_new(API_CLIENT,
                         "Volume '%s': autoprovision is supported only with the scope shared.",
                         volume->name);
    return NULL;
}

static struct error *check_volume(const struct ecs_task_definition *definition,
                                  const struct ecs_volume *volume)
{
    int kinds = (volume->host != NULL) + (volume->docker_volume_configuration != NULL) +
                (volume->efs_volume_configuration != NULL) +
                (volume->s3files_volume_configuration != NULL) +
                (volume->fsx_windows_file_server_volume_configuration != NULL) +
                volume->configured_at_launch;

    if (str_is_empty(volume->name))
        return error_new(API_CLIENT, "Volume.name should not be null or empty.");
    if (!name_is_valid(volume->name))
        return error_new(API_CLIENT, "Volume.name contains invalid characters: '%.256s'.",
                         volume->name);
    if (kinds > 1)
        return error_new(API_CLIENT, "Volume '%s' can have only one kind of configuration.",
                         volume->name);
    if (volume->efs_volume_configuration)
        TRY(check_efs(volume));
    if (volume->docker_volume_configuration)
        TRY(check_docker(volume));
    if (volume->s3files_volume_configuration)
        TRY(check_s3_files(definition, volume));
    if (volume->fsx_windows_file_server_volume_configuration)
        TRY(check_fsx(volume));
    return NULL;
}

/* TD-069, TD-070: what is mounted is there. */
static struct error *check_mounts(const struct ecs_task_definition *definition,
                                  const struct ecs_container_definition *container)
{
    for (size_t i = 0; i < container->mount_points.count; i++) {
        const struct ecs_mount_point *mount = &container->mount_points.items[i];

        if (str_is_empty(mount->source_volume) || str_is_empty(mount->container_path))
            return error_new(API_CLIENT,
                             "Container '%s': sourceVolume and containerPath of a mount point "
                             "should not be empty.",
                             container->name);
        if (!find_volume(definition, mount->source_volume))
            return error_new(API_CLIENT, "Unknown volume '%s'.", mount->source_volume);
    }
    for (size_t i = 0; i < container->volumes_from.count; i++) {
        const char *source = container->volumes_from.items[i].source_container;

        if (str_is_empty(source))
            return error_new(API_CLIENT,
                             "Container '%s': sourceContainer of volumesFrom should not be empty.",
                             container->name);
        if (!definition_container(definition, source))
            return error_new(API_CLIENT,
                             "Container '%s' has volumesFrom the unknown container '%s'.",
                             container->name, source);
    }
    return NULL;
}

struct error *definition_check_volumes(const struct ecs_task_definition *definition)
{
    const struct ecs_volume *at_launch = NULL;

    for (size_t i = 0; i < definition->volumes.count; i++) {
        const struct ecs_volume *volume = &definition->volumes.items[i];

        TRY(check_volume(definition, volume));
        if (find_volume(definition, volume->name) != volume)
            return error_new(API_CLIENT, "Volume names must be unique: '%s' is there twice.",
                             volume->name);
        if (volume->configured_at_launch && at_launch)
            return error_new(API_CLIENT,
                             "Only one volume can be configured at launch: '%s' and '%s' are.",
                             at_launch->name, volume->name);
        if (volume->configured_at_launch)
            at_launch = volume;
    }
    for (size_t i = 0; i < definition->container_definitions.count; i++)
        TRY(check_mounts(definition, &definition->container_definitions.items[i]));
    return NULL;
}
