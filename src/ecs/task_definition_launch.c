#include <string.h>

#include "ecs/task_definition_parts.h"

#define EC2_CPU_MIN 128
#define EC2_CPU_MAX 10240 /* API-092 */

static struct error *refuse_size(const char *name)
{
    return error_new(
        API_CLIENT,
        "Invalid '%s' setting for task. For more information, see the Troubleshooting section of "
        "the Amazon ECS Developer Guide.",
        name);
}

struct error *definition_check_ec2(const struct ecs_task_definition *definition)
{
    int64_t cpu = definition_number(definition->cpu);

    if (definition->cpu && (cpu < EC2_CPU_MIN || cpu > EC2_CPU_MAX))
        return refuse_size("cpu");
    if (definition->memory)
        return NULL;
    for (size_t i = 0; i < definition->container_definitions.count; i++) {
        const struct ecs_container_definition *container =
            &definition->container_definitions.items[i];

        if (container->memory == 0 && container->memory_reservation == 0)
            return error_new(API_CLIENT,
                             "Invalid setting for container '%s'. At least one of 'memory' or "
                             "'memoryReservation' must be specified.",
                             container->name);
    }
    return NULL;
}

/* Hosts of one's own: what EC2 takes, without the parts that are networks and disks of a cloud. */
struct error *definition_check_external(const struct ecs_task_definition *definition)
{
    TRY(definition_check_ec2(definition));
    if (definition_network_mode(definition) == ECS_NETWORK_MODE_AWSVPC)
        return error_new(API_CLIENT,
                         "The network mode awsvpc is not supported for the EXTERNAL launch type.");
    if (definition->inference_accelerators.count > 0)
        return error_new(API_CLIENT,
                         "Inference accelerators are not supported for the EXTERNAL launch type.");
    for (size_t i = 0; i < definition->volumes.count; i++) {
        const struct ecs_volume *volume = &definition->volumes.items[i];

        if (volume->efs_volume_configuration)
            return error_new(API_CLIENT,
                             "EFS volumes are not supported for the EXTERNAL launch type.");
        if (volume->fsx_windows_file_server_volume_configuration || volume->configured_at_launch)
            return error_new(API_CLIENT,
                             "The configuration of volume '%s' is not supported for the EXTERNAL "
                             "launch type.",
                             volume->name);
    }
    return NULL;
}

struct error *definition_check_managed_instances(const struct ecs_task_definition *definition)
{
    enum ecs_network_mode mode = definition_network_mode(definition);

    TRY(definition_check_ec2(definition));
    if (mode != ECS_NETWORK_MODE_AWSVPC && mode != ECS_NETWORK_MODE_HOST)
        return error_new(
            API_CLIENT,
            "The MANAGED_INSTANCES launch type supports only the network modes awsvpc and "
            "host.");
    return NULL;
}

/* ---- Fargate (TD- section 5) ---- */

/* API-093: per CPU size, memory from, to and in steps of, MiB. The smallest size has no even steps.
 */
static const struct {
    int cpu, memory_min, memory_max, step;
} fargate_sizes[] = {
    {256, 512, 1024, 512},      {256, 2048, 2048, 1024},      {512, 1024, 4096, 1024},
    {1024, 2048, 8192, 1024},   {2048, 4096, 16384, 1024},    {4096, 8192, 30720, 1024},
    {8192, 16384, 61440, 4096}, {16384, 32768, 122880, 8192},
};

static bool is_fargate_size(int64_t cpu, int64_t memory)
{
    for (size_t i = 0; i < ARRAY_LEN(fargate_sizes); i++)
        if (fargate_sizes[i].cpu == cpu && memory >= fargate_sizes[i].memory_min &&
            memory <= fargate_sizes[i].memory_max &&
            (memory - fargate_sizes[i].memory_min) % fargate_sizes[i].step == 0)
            return true;
    return false;
}

static struct error *check_fargate_size(const struct ecs_task_definition *definition)
{
    int64_t cpu = definition_number(definition->cpu);
    int64_t memory = definition_number(definition->memory);

    if (definition_network_mode(definition) != ECS_NETWORK_MODE_AWSVPC)
        return error_new(API_CLIENT, "Fargate only supports network mode \u2018awsvpc\u2019.");
    if (!definition->cpu)
        return error_new(API_CLIENT, "Fargate requires that 'cpu' be defined at the task level.");
    if (!definition->memory)
        return error_new(API_CLIENT,
                         "Fargate requires that 'memory' be defined at the task level.");
    if (!is_fargate_size(cpu, memory))
        return error_new(API_CLIENT,
                         "No Fargate configuration exists for given values: %lld CPU, %lld memory. "
                         "See the Amazon "
                         "ECS documentation for the valid values.",
                         (long long)cpu, (long long)memory);
    return NULL;
}

/* What needs the execution role, or lacks a driver. */
static struct error *check_fargate_logs(const struct ecs_task_definition *definition,
                                        const struct ecs_container_definition *container)
{
    const struct ecs_log_configuration *log = container->log_configuration;
    bool has_prefix = false;

    if (definition_is_ecr_image(container->image) && !definition->execution_role_arn)
        return error_new(
            API_CLIENT,
            "Fargate requires task definition to have execution role ARN to support ECR images.");
    if (!log)
        return NULL;
    if (log->log_driver != ECS_LOG_DRIVER_AWSLOGS && log->log_driver != ECS_LOG_DRIVER_SPLUNK &&
        log->log_driver != ECS_LOG_DRIVER_AWSFIRELENS)
        return error_new(API_CLIENT, "Fargate does not support the log driver %s.",
                         ecs_log_driver_name(log->log_driver));
    if (log->log_driver != ECS_LOG_DRIVER_AWSLOGS)
        return NULL;
    for (size_t i = 0; i < log->options.count; i++)
        has_prefix = has_prefix || strcmp(log->options.items[i].key, "awslogs-stream-prefix") == 0;
    if (!has_prefix)
        return error_new(API_CLIENT, "Log driver awslogs requires options: awslogs-stream-prefix");
    if (!definition->execution_role_arn)
        return error_new(
            API_CLIENT,
            "Fargate requires task definition to have execution role ARN to support log "
            "driver awslogs.");
    return NULL;
}

static bool adds_capability(const struct ecs_linux_parameters *linux_parameters)
{
    if (!linux_parameters->capabilities)
        return false;
    for (size_t i = 0; i < linux_parameters->capabilities->add.count; i++)
        if (strcmp(linux_parameters->capabilities->add.items[i], "SYS_PTRACE") != 0)
            return true;
    return false;
}

static bool wants_gpu(const struct ecs_container_definition *container)
{
    for (size_t i = 0; i < container->resource_requirements.count; i++)
        if (container->resource_requirements.items[i].type == ECS_RESOURCE_TYPE_GPU)
            return true;
    return false;
}

static struct error *check_fargate_container(const struct ecs_task_definition *definition,
                                             const struct ecs_container_definition *container)
{
    static const struct ecs_linux_parameters no_parameters;
    const struct ecs_linux_parameters *linux_parameters =
        container->linux_parameters ? container->linux_parameters : &no_parameters;
    const struct {
        const char *what;
        bool is_used;
    } rows[] = {
        {"privileged containers", container->privileged},
        {"devices", linux_parameters->devices.count > 0},
        {"tmpfs", linux_parameters->tmpfs.count > 0},
        {"maxSwap", linux_parameters->has_max_swap},
        {"swappiness", linux_parameters->has_swappiness},
        {"sharedMemorySize", linux_parameters->has_shared_memory_size},
        {"adding Linux capabilities other than SYS_PTRACE", adds_capability(linux_parameters)},
        {"dockerSecurityOptions", container->docker_security_options.count > 0},
        {"GPUs", wants_gpu(container)},
        {"stopTimeout above 120 seconds", container->stop_timeout > 120},
        {"FireLens configuration from S3", definition_has_s3_config(container)},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].is_used)
            return error_new(API_CLIENT, "Fargate does not support %s (container '%s').",
                             rows[i].what, container->name);
    return check_fargate_logs(definition, container);
}

struct error *definition_check_fargate(const struct ecs_task_definition *definition)
{
    TRY(check_fargate_size(definition));
    if (definition->pid_mode == ECS_PID_MODE_HOST)
        return error_new(API_CLIENT, "Fargate does not support pidMode host.");
    if (definition->ipc_mode)
        return error_new(API_CLIENT, "Fargate does not support ipcMode.");
    if (definition->placement_constraints.count > 0)
        return error_new(API_CLIENT, "Fargate does not support placement constraints.");
    for (size_t i = 0; i < definition->volumes.count; i++) {
        const struct ecs_volume *volume = &definition->volumes.items[i];

        if (volume->docker_volume_configuration || (volume->host && volume->host->source_path) ||
            volume->fsx_windows_file_server_volume_configuration)
            return error_new(API_CLIENT,
                             "Fargate does not support the configuration of volume '%s'.",
                             volume->name);
    }
    for (size_t i = 0; i < definition->container_definitions.count; i++)
        TRY(check_fargate_container(definition, &definition->container_definitions.items[i]));
    return NULL;
}
