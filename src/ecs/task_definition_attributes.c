#include <stdlib.h>
#include <string.h>

#include "ecs/task_definition_parts.h"

/* What a definition asks of hosts, by the names agents announce (AP-151, AP-152). */
#define OLD "com.amazonaws.ecs.capability."
#define NEW "ecs.capability."

struct needs {
    struct arena *arena;
    const char **names;
    size_t count, capacity;
};

static void need(struct needs *needs, const char *name)
{
    if (needs->count == needs->capacity) {
        size_t capacity = needs->capacity ? needs->capacity * 2 : 32;
        const char **names = ARENA_ARRAY(needs->arena, const char *, capacity);

        if (needs->count)
            memcpy(names, needs->names, needs->count * sizeof(*names));
        needs->names = names;
        needs->capacity = capacity;
    }
    needs->names[needs->count++] = name;
}

static void need_if(struct needs *needs, bool is_used, const char *name)
{
    if (is_used)
        need(needs, name);
}

/* Secrets Manager ARNs; everything else is the parameter store's (TD- section 16). */
static const char *secret_source(const struct ecs_secret *secret)
{
    return strstr(secret->value_from, ":secretsmanager:") ? "asm" : "ssm";
}

static void need_logs(struct needs *needs, const struct ecs_task_definition *definition,
                      const struct ecs_log_configuration *log)
{
    if (!log)
        return;
    need(needs,
         arena_printf(needs->arena, OLD "logging-driver.%s", ecs_log_driver_name(log->log_driver)));
    need(needs, OLD "docker-remote-api.1.18");
    need_if(needs, log->options.count > 0, OLD "docker-remote-api.1.19");
    need_if(needs, log->log_driver == ECS_LOG_DRIVER_AWSLOGS && definition->execution_role_arn,
            NEW "execution-role-awslogs");
    for (size_t i = 0; i < log->options.count; i++)
        need_if(needs,
                log->log_driver == ECS_LOG_DRIVER_AWSFIRELENS &&
                    strcmp(log->options.items[i].key, "log-driver-buffer-limit") == 0,
                NEW "logging-driver.awsfirelens.log-driver-buffer-limit");
    for (size_t i = 0; i < log->secret_options.count; i++)
        need(needs, arena_printf(needs->arena, NEW "secrets.%s.bootstrap.log-driver",
                                 secret_source(&log->secret_options.items[i])));
}

static void need_firelens(struct needs *needs, const struct ecs_firelens_configuration *firelens)
{
    if (!firelens)
        return;
    need(needs, arena_printf(needs->arena, NEW "firelens.%s",
                             ecs_firelens_configuration_type_name(firelens->type)));
    for (size_t i = 0; i < firelens->options.count; i++)
        if (strcmp(firelens->options.items[i].key, "config-file-type") == 0)
            need(needs, arena_printf(needs->arena, NEW "firelens.options.config.%s",
                                     firelens->options.items[i].value));
}

static void need_linux(struct needs *needs, const struct ecs_linux_parameters *linux_parameters)
{
    if (!linux_parameters)
        return;
    need_if(needs, linux_parameters->init_process_enabled, OLD "docker-remote-api.1.25");
    need_if(needs, linux_parameters->has_shared_memory_size || linux_parameters->tmpfs.count > 0,
            OLD "docker-remote-api.1.22");
}

/* TD-075: AppArmor and SELinux labels need a host that has them. */
static void need_security(struct needs *needs, const struct ecs_string_list *options)
{
    for (size_t i = 0; i < options->count; i++) {
        need_if(needs, str_starts_with(options->items[i], "apparmor"), OLD "apparmor");
        need_if(needs, str_starts_with(options->items[i], "label"), OLD "selinux");
    }
}

static bool has_port_range(const struct ecs_container_definition *container)
{
    for (size_t i = 0; i < container->port_mappings.count; i++)
        if (container->port_mappings.items[i].container_port_range)
            return true;
    return false;
}

static void need_container(struct needs *needs, const struct ecs_task_definition *definition,
                           const struct ecs_container_definition *container)
{
    need_if(needs, definition_is_ecr_image(container->image), OLD "ecr-auth");
    need_if(needs, definition_is_ecr_image(container->image) && definition->execution_role_arn,
            NEW "execution-role-ecr-pull");
    need_if(needs, container->repository_credentials != NULL,
            NEW "private-registry-authentication.secretsmanager");
    need_if(needs, container->memory_reservation > 0, OLD "docker-remote-api.1.21");
    need_if(needs, container->privileged, OLD "privileged-container");
    need_if(needs, container->ulimits.count > 0 || container->docker_labels.count > 0,
            OLD "docker-remote-api.1.18");
    /* Agents that know one know the others (TD- section 8: 1.26.0). */
    need_if(needs,
            container->depends_on.count > 0 || container->has_start_timeout ||
                container->has_stop_timeout,
            NEW "container-ordering");
    need_if(needs, container->environment_files.count > 0, NEW "env-files.s3");
    need_if(needs, has_port_range(container), NEW "network.container-port-range");
    need_if(needs, container->restart_policy && container->restart_policy->enabled,
            NEW "container-restart-policy");
    if (container->health_check) {
        need(needs, NEW "container-health-check");
        need(needs, OLD "docker-remote-api.1.24");
    }
    for (size_t i = 0; i < container->secrets.count; i++)
        need(needs, arena_printf(needs->arena, NEW "secrets.%s.environment-variables",
                                 secret_source(&container->secrets.items[i])));
    need_logs(needs, definition, container->log_configuration);
    need_firelens(needs, container->firelens_configuration);
    for (size_t i = 0; i < container->credential_specs.count; i++)
        need(needs, str_starts_with(container->credential_specs.items[i], "credentialspec:")
                        ? NEW "gmsa"
                        : NEW "gmsa-domainless");
    need_linux(needs, container->linux_parameters);
    need_security(needs, &container->docker_security_options);
}

static void need_volumes(struct needs *needs, const struct ecs_task_definition *definition)
{
    for (size_t i = 0; i < definition->volumes.count; i++) {
        const struct ecs_volume *volume = &definition->volumes.items[i];
        const struct ecs_docker_volume_configuration *docker = volume->docker_volume_configuration;
        const struct ecs_efs_volume_configuration *efs = volume->efs_volume_configuration;

        /* TD-111: the driver's name exactly as Docker reports it. */
        if (docker)
            need(needs, arena_printf(needs->arena, NEW "docker-plugin.%s",
                                     str_is_empty(docker->driver) ? "local" : docker->driver));
        need_if(needs, efs != NULL, NEW "efs");
        need_if(needs, efs && efs->authorization_config, NEW "efsAuth");
        need_if(needs, volume->s3files_volume_configuration != NULL, NEW "storage.s3-files");
        need_if(needs, volume->fsx_windows_file_server_volume_configuration != NULL,
                NEW "fsxWindowsFileServer");
        need_if(needs, volume->configured_at_launch, NEW "storage.ebs-task-volume-attach");
    }
}

/* TD-022: a platform that is asked for is matched against what hosts say they are. */
static void need_platform(struct needs *needs, const struct ecs_runtime_platform *platform)
{
    if (!platform)
        return;
    need_if(needs, platform->cpu_architecture == ECS_CPU_ARCHITECTURE_X86_64,
            "ecs.cpu-architecture=x86_64");
    need_if(needs, platform->cpu_architecture == ECS_CPU_ARCHITECTURE_ARM64,
            "ecs.cpu-architecture=arm64");
    if (platform->operating_system_family)
        need(needs, platform->operating_system_family == ECS_OS_FAMILY_LINUX
                        ? "ecs.os-type=linux"
                        : "ecs.os-type=windows");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void definition_requires(struct arena *arena, const struct ecs_task_definition *definition,
                         const char *const **ret_names, size_t *ret_count)
{
    enum ecs_network_mode mode = definition_network_mode(definition);
    struct needs needs = {.arena = arena};
    size_t count = 0;

    if (mode == ECS_NETWORK_MODE_AWSVPC) {
        need(&needs, NEW "task-eni");
        need(&needs, OLD "docker-remote-api.1.18");
    }
    need_if(&needs, definition->task_role_arn && mode == ECS_NETWORK_MODE_HOST,
            OLD "task-iam-role-network-host");
    need_if(&needs, definition->task_role_arn && mode != ECS_NETWORK_MODE_HOST,
            OLD "task-iam-role");
    need_if(&needs, definition->pid_mode || definition->ipc_mode, NEW "pid-ipc-namespace-sharing");
    need_if(&needs, definition->proxy_configuration != NULL, NEW "aws-appmesh");
    need_if(&needs, definition->inference_accelerators.count > 0, NEW "task-eia");
    need_if(&needs, definition->enable_fault_injection, NEW "fault-injection");
    need_volumes(&needs, definition);
    need_platform(&needs, definition->runtime_platform);
    for (size_t i = 0; i < definition->container_definitions.count; i++)
        need_container(&needs, definition, &definition->container_definitions.items[i]);
    if (needs.count)
        qsort(needs.names, needs.count, sizeof(*needs.names), by_name);
    for (size_t i = 0; i < needs.count; i++)
        if (count == 0 || strcmp(needs.names[count - 1], needs.names[i]) != 0)
            needs.names[count++] = needs.names[i];
    *ret_names = needs.names;
    *ret_count = count;
}
