#include "core/docker_config.h"

#include <inttypes.h>
#include <string.h>

#include "base/json_text.h"
#include "base/str.h"

#define MIB            (1024 * 1024)
#define NANOSECONDS    1000000000
#define TMPFS_SIZE_FMT "size=%" PRId32 "m"

static void add_string(struct buf *buf, const char *name, const char *value)
{
    if (!value)
        return;
    json_text_add_name(buf, name);
    json_text_add_string(buf, value);
}

static void add_int(struct buf *buf, const char *name, int64_t value)
{
    json_text_add_name(buf, name);
    json_text_add_int(buf, value);
}

static void add_true(struct buf *buf, const char *name, bool value)
{
    if (!value)
        return;
    json_text_add_name(buf, name);
    json_text_add_bool(buf, true);
}

static void add_strings(struct buf *buf, const char *name, const struct ecs_string_list *list)
{
    if (!list->count)
        return;
    json_text_add_name(buf, name);
    buf_add_char(buf, '[');
    for (size_t i = 0; i < list->count; i++) {
        json_text_add_comma(buf);
        json_text_add_string(buf, list->items[i]);
    }
    buf_add_char(buf, ']');
}

static char *take_text(struct arena *arena, struct buf *buf)
{
    buf_add_char(buf, '}');
    return arena_dup_n(arena, buf->data, buf->len);
}

/* ---- Config ---- */

static void add_health_check(struct buf *buf, const struct ecs_health_check *check)
{
    const char *first = check->command.count ? check->command.items[0] : "";
    bool has_kind =
        strcmp(first, "CMD") == 0 || strcmp(first, "CMD-SHELL") == 0 || strcmp(first, "NONE") == 0;

    json_text_add_name(buf, "Healthcheck");
    buf_add_char(buf, '{');
    json_text_add_name(buf, "Test");
    buf_add_char(buf, '[');
    if (!has_kind) /* TD-061 */
        json_text_add_string(buf, "CMD");
    for (size_t i = 0; i < check->command.count; i++) {
        json_text_add_comma(buf);
        json_text_add_string(buf, check->command.items[i]);
    }
    buf_add_char(buf, ']');
    add_int(buf, "Interval", (int64_t)(check->has_interval ? check->interval : 30) * NANOSECONDS);
    add_int(buf, "Timeout", (int64_t)(check->has_timeout ? check->timeout : 5) * NANOSECONDS);
    add_int(buf, "Retries", check->has_retries ? check->retries : 3);
    if (check->has_start_period)
        add_int(buf, "StartPeriod", (int64_t)check->start_period * NANOSECONDS);
    buf_add_char(buf, '}');
}

char *docker_config_text(struct arena *arena, const struct ecs_container_definition *container)
{
    CLEANUP(buf_done) struct buf buf = {0};

    buf_add_char(&buf, '{');
    add_string(&buf, "User", container->user);
    add_string(&buf, "WorkingDir", container->working_directory);
    add_string(&buf, "Hostname", container->hostname);
    if (container->docker_labels.count) {
        json_text_add_name(&buf, "Labels");
        buf_add_char(&buf, '{');
        for (size_t i = 0; i < container->docker_labels.count; i++)
            add_string(&buf, container->docker_labels.items[i].key,
                       container->docker_labels.items[i].value);
        buf_add_char(&buf, '}');
    }
    add_true(&buf, "OpenStdin", container->interactive);
    add_true(&buf, "Tty", container->pseudo_terminal);
    add_true(&buf, "NetworkDisabled", container->disable_networking);
    if (container->health_check)
        add_health_check(&buf, container->health_check);
    return take_text(arena, &buf);
}

/* ---- HostConfig ---- */

static void add_devices(struct buf *buf, const struct ecs_devices_list *devices)
{
    if (!devices->count)
        return;
    json_text_add_name(buf, "Devices");
    buf_add_char(buf, '[');
    for (size_t i = 0; i < devices->count; i++) {
        const struct ecs_device *device = &devices->items[i];
        char permissions[4] = "rwm"; /* TD-081: all three by default */
        size_t n = 0;

        for (size_t p = 0; p < device->permissions.count && n < 3; p++) {
            switch (device->permissions.items[p]) {
            case ECS_DEVICE_CGROUP_PERMISSION_READ:
                permissions[n++] = 'r';
                break;
            case ECS_DEVICE_CGROUP_PERMISSION_WRITE:
                permissions[n++] = 'w';
                break;
            case ECS_DEVICE_CGROUP_PERMISSION_MKNOD:
                permissions[n++] = 'm';
                break;
            default:
                break;
            }
        }
        if (n)
            permissions[n] = '\0';
        json_text_add_comma(buf);
        buf_add_char(buf, '{');
        add_string(buf, "PathOnHost", device->host_path);
        add_string(buf, "PathInContainer",
                   device->container_path ? device->container_path : device->host_path);
        add_string(buf, "CgroupPermissions", permissions);
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
}

static void add_tmpfs(struct buf *buf, const struct ecs_tmpfs_list *list)
{
    if (!list->count)
        return;
    json_text_add_name(buf, "Tmpfs");
    buf_add_char(buf, '{');
    for (size_t i = 0; i < list->count; i++) {
        const struct ecs_tmpfs *tmpfs = &list->items[i];
        CLEANUP(buf_done) struct buf options = {0};

        for (size_t o = 0; o < tmpfs->mount_options.count; o++)
            buf_printf(&options, "%s,", tmpfs->mount_options.items[o]);
        buf_printf(&options, TMPFS_SIZE_FMT, tmpfs->size);
        add_string(buf, tmpfs->container_path, options.data);
    }
    buf_add_char(buf, '}');
}

static void add_linux(struct buf *buf, const struct ecs_linux_parameters *params,
                      int32_t memory_mib)
{
    if (params->capabilities) {
        add_strings(buf, "CapAdd", &params->capabilities->add);
        add_strings(buf, "CapDrop", &params->capabilities->drop);
    }
    add_devices(buf, &params->devices);
    add_tmpfs(buf, &params->tmpfs);
    if (params->has_shared_memory_size)
        add_int(buf, "ShmSize", (int64_t)params->shared_memory_size * MIB);
    if (params->has_init_process_enabled) {
        json_text_add_name(buf, "Init");
        json_text_add_bool(buf, params->init_process_enabled);
    }
    /* TD-083: memory and swap together; swappiness only with it. */
    if (params->has_max_swap && memory_mib) {
        add_int(buf, "MemorySwap", ((int64_t)memory_mib + params->max_swap) * MIB);
        if (params->has_swappiness)
            add_int(buf, "MemorySwappiness", params->swappiness);
    }
}

static const char *log_option(const struct ecs_log_configuration *log, const char *name)
{
    for (size_t i = 0; i < log->options.count; i++)
        if (strcmp(log->options.items[i].key, name) == 0)
            return log->options.items[i].value;
    return NULL;
}

/* Whether an option goes to Docker as it is. Of awslogs two do not: the prefix stands for the name
 * of the stream, and of the two ways to tell where a message begins Docker takes only one (TD-187,
 * TD-192). */
static bool is_for_docker(const struct ecs_log_configuration *log, const char *option)
{
    if (log->log_driver != ECS_LOG_DRIVER_AWSLOGS)
        return true;
    if (strcmp(option, "awslogs-multiline-pattern") == 0)
        return !log_option(log, "awslogs-datetime-format");
    return strcmp(option, "awslogs-stream-prefix") != 0;
}

/* The options of FireLens are its own. */
static bool takes_mode(const struct ecs_log_configuration *log)
{
    return log->log_driver != ECS_LOG_DRIVER_AWSFIRELENS && !log_option(log, "mode");
}

static void add_log(struct buf *buf, const struct ecs_log_configuration *log, const char *stream,
                    const char *mode)
{
    json_text_add_name(buf, "LogConfig");
    buf_add_char(buf, '{');
    add_string(buf, "Type", ecs_log_driver_name(log->log_driver));
    json_text_add_name(buf, "Config");
    buf_add_char(buf, '{');
    for (size_t i = 0; i < log->options.count; i++)
        if (is_for_docker(log, log->options.items[i].key))
            add_string(buf, log->options.items[i].key, log->options.items[i].value);
    add_string(buf, "awslogs-stream", stream);
    if (takes_mode(log))
        add_string(buf, "mode", mode);
    buf_add_str(buf, "}}");
}

char *docker_log_stream(struct arena *arena, const struct ecs_container_definition *container,
                        const char *task_id)
{
    const struct ecs_log_configuration *log = container->log_configuration;
    const char *prefix = log && log->log_driver == ECS_LOG_DRIVER_AWSLOGS
                             ? log_option(log, "awslogs-stream-prefix")
                             : NULL;

    return str_is_empty(prefix) ? NULL
                                : arena_printf(arena, "%s/%s/%s", prefix, container->name, task_id);
}

static void add_ulimits(struct buf *buf, const struct ecs_ulimit_list *ulimits)
{
    if (!ulimits->count)
        return;
    json_text_add_name(buf, "Ulimits");
    buf_add_char(buf, '[');
    for (size_t i = 0; i < ulimits->count; i++) {
        json_text_add_comma(buf);
        buf_add_char(buf, '{');
        add_string(buf, "Name", ecs_ulimit_name_name(ulimits->items[i].name));
        add_int(buf, "Soft", ulimits->items[i].soft_limit);
        add_int(buf, "Hard", ulimits->items[i].hard_limit);
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
}

static void add_extra_hosts(struct buf *buf, const struct ecs_host_entry_list *hosts)
{
    if (!hosts->count)
        return;
    json_text_add_name(buf, "ExtraHosts");
    buf_add_char(buf, '[');
    for (size_t i = 0; i < hosts->count; i++) {
        CLEANUP(buf_done) struct buf entry = {0};

        buf_printf(&entry, "%s:%s", hosts->items[i].hostname, hosts->items[i].ip_address);
        json_text_add_comma(buf);
        json_text_add_string(buf, entry.data);
    }
    buf_add_char(buf, ']');
}

char *docker_host_config_text(struct arena *arena, const struct ecs_container_definition *container,
                              const char *network_mode, int32_t memory_mib,
                              int32_t memory_reservation_mib, const char *log_stream,
                              const char *log_mode)
{
    CLEANUP(buf_done) struct buf buf = {0};

    buf_add_char(&buf, '{');
    if (network_mode)
        add_string(&buf, "NetworkMode", network_mode);
    add_true(&buf, "Privileged", container->privileged);
    add_true(&buf, "ReadonlyRootfs", container->readonly_root_filesystem);
    add_strings(&buf, "Dns", &container->dns_servers);
    add_strings(&buf, "DnsSearch", &container->dns_search_domains);
    add_extra_hosts(&buf, &container->extra_hosts);
    add_strings(&buf, "SecurityOpt", &container->docker_security_options);
    add_ulimits(&buf, &container->ulimits);
    if (container->system_controls.count) {
        json_text_add_name(&buf, "Sysctls");
        buf_add_char(&buf, '{');
        for (size_t i = 0; i < container->system_controls.count; i++)
            if (container->system_controls.items[i].namespace)
                add_string(&buf, container->system_controls.items[i].namespace,
                           container->system_controls.items[i].value);
        buf_add_char(&buf, '}');
    }
    if (memory_reservation_mib)
        add_int(&buf, "MemoryReservation", (int64_t)memory_reservation_mib * MIB);
    if (container->log_configuration)
        add_log(&buf, container->log_configuration, log_stream, log_mode);
    if (container->linux_parameters)
        add_linux(&buf, container->linux_parameters, memory_mib);
    return take_text(arena, &buf);
}
