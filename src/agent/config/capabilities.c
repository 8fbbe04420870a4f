#include "agent/config/capabilities.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"

#define DOCKER_API "com.amazonaws.ecs.capability.docker-remote-api."
#define LOG_DRIVER "com.amazonaws.ecs.capability.logging-driver."
#define PLUGIN     "ecs.capability.docker-plugin."
#define FIRELENS   "awsfirelens"
#define FIXED_MAX  48

/* Docker API versions are compared by what follows "1.". */
static int api_minor(const char *version)
{
    int minor = 0;

    return version && sscanf(version, "1.%d", &minor) == 1 ? minor : 0;
}

/* The versions worth an attribute: the service limits how many an instance may have (AP-152). */
static const int api_minors[] = {17, 18, 19, 20, 21, 22, 23, 24, 25, 28, 29, 30, 32};

/* An engine that refuses clients older than 1.24 still gets the older names announced, so that old
 * requirements keep matching (AP-009). */
#define API_MINOR_MODERN 24

static bool supports_api(const struct host_facts *host, int minor)
{
    int least = api_minor(host->docker_min_api_version);

    return minor <= api_minor(host->docker_api_version) &&
           (least >= API_MINOR_MODERN || minor >= least);
}

static const struct {
    const char *name;
    int api_minor; /* the first Docker API that has it */
} logging_drivers[] = {
    {"json-file", 17}, {"syslog", 18},    {"journald", 19},    {"none", 19},    {"gelf", 20},
    {"fluentd", 20},   {"awslogs", 20},   {"splunk", 22},      {"gcplogs", 22}, {"logentries", 25},
    {"local", 39},     {"sumologic", 29}, {"awsfirelens", 25},
};

static int logging_driver_minor(const char *driver)
{
    for (size_t i = 0; i < ARRAY_LEN(logging_drivers); i++)
        if (str_eq(logging_drivers[i].name, driver))
            return logging_drivers[i].api_minor;
    return 0;
}

bool capabilities_knows_logging_driver(const char *driver)
{
    return logging_driver_minor(driver) != 0;
}

const char *capabilities_architecture(const char *machine)
{
    return str_eq(machine, "aarch64") ? "arm64" : machine;
}

static void add(struct config_map *list, const char *name, const char *value)
{
    list->items[list->count++] = (struct config_pair){name, value};
}

/* Whether access points mean anything here: to the volume plugin, or by the operator's table. */
static bool has_efs_authorization(const struct agent_config *config)
{
    for (size_t i = 0; i < config->volume_plugin_capabilities.count; i++)
        if (str_eq(config->volume_plugin_capabilities.items[i], "efsAuth"))
            return true;
    for (size_t i = 0; i < config->efs_file_systems.count; i++)
        if (str_starts_with(config->efs_file_systems.items[i].name, "fsap-"))
            return true;
    return false;
}

static void add_fixed(struct config_map *list, const struct agent_config *config,
                      const struct host_facts *host)
{
    /* The router takes what containers say from Docker's fluentd driver. */
    bool has_firelens = docker_engine_has_logging_driver(host->engine, "fluentd");
    const struct {
        const char *name;
        bool is_had;
    } rows[] = {
        {"ecs.capability.container-ordering", true},
        {"ecs.capability.full-sync", true},
        {"ecs.capability.network.container-port-range", true},
        {"ecs.capability.container-restart-policy", true},
        {"com.amazonaws.ecs.capability.privileged-container", !config->is_privileged_disabled},
        {"com.amazonaws.ecs.capability.selinux", config->is_selinux_capable},
        {"com.amazonaws.ecs.capability.apparmor", config->is_apparmor_capable},
        {"ecs.capability.task-cpu-mem-limit", host->limits_tasks},
        {"ecs.capability.increased-task-cpu-limit", host->limits_tasks},
        {"ecs.capability.pid-ipc-namespace-sharing", true},
        {"com.amazonaws.ecs.capability.task-iam-role",
         config->has_task_role && config->task_endpoint_url},
        {"com.amazonaws.ecs.capability.task-iam-role-network-host",
         config->has_task_role_network_host && config->task_endpoint_url},
        {"ecs.capability.execution-role-awslogs", config->has_awslogs_execution_role},
        {"ecs.capability.firelens.fluentd", has_firelens},
        {"ecs.capability.firelens.fluentbit", has_firelens},
        {"ecs.capability.firelens.non-root-user", has_firelens},
        {"ecs.capability.firelens.options.config.file", has_firelens},
        {LOG_DRIVER FIRELENS, has_firelens},
        {"ecs.capability.logging-driver." FIRELENS ".log-driver-buffer-limit", has_firelens},
        {"ecs.capability.firelens.options.config.s3", has_firelens},
        {"ecs.capability.secrets.ssm.environment-variables", true},
        {"ecs.capability.secrets.ssm.bootstrap.log-driver", true},
        {"ecs.capability.secrets.asm.environment-variables", true},
        {"ecs.capability.secrets.asm.bootstrap.log-driver", true},
        {"ecs.capability.env-files.s3", true},
        {"ecs.capability.private-registry-authentication.secretsmanager", true},
        {"com.amazonaws.ecs.capability.ecr-auth", true},
        {"ecs.capability.execution-role-ecr-pull", true},
        {"ecs.capability.ecr-endpoint", true},
        {"ecs.capability.efs", true},
        {"ecs.capability.efsAuth", has_efs_authorization(config)},
        {"ecs.capability.container-health-check", supports_api(host, 24) &&
                                                      !config->is_health_check_disabled &&
                                                      docker_engine_checks_health(host->engine)},
        {"ecs.capability.external", config->is_external},
        {"berth.capability.image-prefetch", config->prefetches_images},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].is_had)
            add(list, rows[i].name, NULL);
}

static void add_logging_drivers(struct arena *arena, struct config_map *list,
                                const struct agent_config *config, const struct host_facts *host)
{
    for (size_t i = 0; i < config->logging_drivers.count; i++) {
        const char *driver = config->logging_drivers.items[i];

        if (str_eq(driver, FIRELENS))
            continue; /* told already, whatever Docker's drivers are */
        if (!docker_engine_has_logging_driver(host->engine, driver))
            log_warning("logging driver is not this engine's", "driver", driver);
        else if (api_minor(host->docker_api_version) >= logging_driver_minor(driver))
            add(list, arena_printf(arena, LOG_DRIVER "%s", driver), NULL);
        else
            log_warning("logging driver is too new for this Docker", "driver", driver);
    }
}

/* AP-477 */
static void add_gpu_driver(struct arena *arena, struct config_map *list,
                           const struct host_facts *host)
{
    if (str_is_empty(host->gpus.driver))
        return;
    add(list, arena_printf(arena, "ecs.capability.nvidia-driver-version.%s", host->gpus.driver),
        NULL);
    add(list, "ecs.capability.gpu-driver-version", host->gpus.driver);
}

struct config_map capabilities_list(struct arena *arena, const struct agent_config *config,
                                    const struct host_facts *host, bool with_custom)
{
    size_t room = config->attributes.count + FIXED_MAX + ARRAY_LEN(api_minors) +
                  config->logging_drivers.count + host->volume_plugins.count;
    struct config_map list = {.items = ARENA_ARRAY(arena, struct config_pair, room)};

    for (size_t i = 0; with_custom && i < config->attributes.count; i++)
        add(&list, config->attributes.items[i].name, config->attributes.items[i].value);
    add_fixed(&list, config, host);
    for (size_t i = 0; i < ARRAY_LEN(api_minors); i++)
        if (supports_api(host, api_minors[i]))
            add(&list, arena_printf(arena, DOCKER_API "1.%d", api_minors[i]), NULL);
    add_logging_drivers(arena, &list, config, host);
    for (size_t i = 0; i < host->volume_plugins.count; i++)
        add(&list, arena_printf(arena, PLUGIN "%s", host->volume_plugins.items[i]), NULL);
    add_gpu_driver(arena, &list, host);
    add(&list, "ecs.os-type", "linux");
    add(&list, "ecs.os-family", "LINUX");
    add(&list, "ecs.os-type-detailed", config->os_family_detailed);
    add(&list, "ecs.cpu-architecture", capabilities_architecture(host->machine));
    return list;
}
