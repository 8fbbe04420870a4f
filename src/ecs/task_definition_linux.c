#include <string.h>

#include "ecs/task_definition_parts.h"

/* TD-079 and API- section 14. SETCAP is how one edition prints SETFCAP. */
static const char *const capabilities[] = {
    "ALL",           "AUDIT_CONTROL",  "AUDIT_READ",      "AUDIT_WRITE",
    "BLOCK_SUSPEND", "CHOWN",          "DAC_OVERRIDE",    "DAC_READ_SEARCH",
    "FOWNER",        "FSETID",         "IPC_LOCK",        "IPC_OWNER",
    "KILL",          "LEASE",          "LINUX_IMMUTABLE", "MAC_ADMIN",
    "MAC_OVERRIDE",  "MKNOD",          "NET_ADMIN",       "NET_BIND_SERVICE",
    "NET_BROADCAST", "NET_RAW",        "SETCAP",          "SETFCAP",
    "SETGID",        "SETPCAP",        "SETUID",          "SYS_ADMIN",
    "SYS_BOOT",      "SYS_CHROOT",     "SYS_MODULE",      "SYS_NICE",
    "SYS_PACCT",     "SYS_PTRACE",     "SYS_RAWIO",       "SYS_RESOURCE",
    "SYS_TIME",      "SYS_TTY_CONFIG", "SYSLOG",          "WAKE_ALARM",
};

/* TD-085; the last five take a value: "mode=755". */
static const char *const mount_options[] = {
    "defaults",   "ro",          "rw",         "suid",        "nosuid",        "dev",     "nodev",
    "exec",       "noexec",      "sync",       "async",       "dirsync",       "remount", "mand",
    "nomand",     "atime",       "noatime",    "diratime",    "nodiratime",    "bind",    "rbind",
    "unbindable", "runbindable", "private",    "rprivate",    "shared",        "rshared", "slave",
    "rslave",     "relatime",    "norelatime", "strictatime", "nostrictatime", "mode",    "uid",
    "gid",        "nr_inodes",   "nr_blocks",  "mpol",
};

/* TD-088: what a container may set of its own IPC and network namespaces. */
static const char *const ipc_controls[] = {
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
    "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
};

static bool is_one_of(const char *const *names, size_t count, const char *text, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0)
            return true;
    return false;
}

static struct error *check_capabilities(const struct ecs_container_definition *container,
                                        const struct ecs_string_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!is_one_of(capabilities, ARRAY_LEN(capabilities), list->items[i],
                       strlen(list->items[i])))
            return error_new(API_CLIENT, "Container '%s': '%s' is not a valid Linux capability.",
                             container->name, list->items[i]);
    return NULL;
}

static struct error *check_tmpfs(const struct ecs_container_definition *container,
                                 const struct ecs_tmpfs *tmpfs)
{
    if (str_is_empty(tmpfs->container_path) || tmpfs->container_path[0] != '/' || tmpfs->size < 1)
        return error_new(
            API_CLIENT,
            "Container '%s': a tmpfs needs an absolute containerPath and a size of at least 1 MiB.",
            container->name);
    for (size_t i = 0; i < tmpfs->mount_options.count; i++) {
        const char *option = tmpfs->mount_options.items[i];

        if (!is_one_of(mount_options, ARRAY_LEN(mount_options), option, strcspn(option, "=")))
            return error_new(API_CLIENT, "Container '%s': '%s' is not a valid tmpfs mount option.",
                             container->name, option);
    }
    return NULL;
}

static struct error *check_parameters(const struct ecs_container_definition *container)
{
    const struct ecs_linux_parameters *linux_parameters = container->linux_parameters;

    if (linux_parameters->capabilities) {
        TRY(check_capabilities(container, &linux_parameters->capabilities->add));
        TRY(check_capabilities(container, &linux_parameters->capabilities->drop));
    }
    for (size_t i = 0; i < linux_parameters->devices.count; i++)
        if (str_is_empty(linux_parameters->devices.items[i].host_path))
            return error_new(API_CLIENT,
                             "Container '%s': hostPath of a device should not be empty.",
                             container->name);
    for (size_t i = 0; i < linux_parameters->tmpfs.count; i++)
        TRY(check_tmpfs(container, &linux_parameters->tmpfs.items[i]));
    if (linux_parameters->has_max_swap && linux_parameters->max_swap < 0)
        return error_new(API_CLIENT, "Container '%s': maxSwap cannot be negative.",
                         container->name);
    /* Docker counts swap from the memory it is beside (TD-083, TD-273). */
    if (linux_parameters->has_max_swap && container->memory == 0)
        return error_new(API_CLIENT, "Container '%s': maxSwap requires that 'memory' is specified.",
                         container->name);
    if (linux_parameters->has_swappiness &&
        (linux_parameters->swappiness < 0 || linux_parameters->swappiness > 100))
        return error_new(API_CLIENT, "Container '%s': swappiness must be between 0 and 100.",
                         container->name);
    if (linux_parameters->has_shared_memory_size && linux_parameters->shared_memory_size < 0)
        return error_new(API_CLIENT, "Container '%s': sharedMemorySize cannot be negative.",
                         container->name);
    return NULL;
}

/* TD-126, API-110: settings of a namespace the container shares with the host are the host's. */
static struct error *check_control(const struct ecs_task_definition *definition,
                                   const struct ecs_container_definition *container,
                                   const char *name)
{
    bool is_network = str_starts_with(name, "net.");
    bool is_ipc = str_starts_with(name, "fs.mqueue.") ||
                  is_one_of(ipc_controls, ARRAY_LEN(ipc_controls), name, strlen(name));

    if (!is_network && !is_ipc)
        return error_new(API_CLIENT,
                         "Container '%s': '%s' is not a valid namespaced kernel parameter.",
                         container->name, name);
    if (is_network && definition_network_mode(definition) == ECS_NETWORK_MODE_HOST)
        return error_new(API_CLIENT,
                         "Container '%s': network systemControls are not supported when "
                         "networkMode=host.",
                         container->name);
    if (is_ipc && definition->ipc_mode == ECS_IPC_MODE_HOST)
        return error_new(API_CLIENT,
                         "Container '%s': IPC systemControls are not supported when ipcMode=host.",
                         container->name);
    return NULL;
}

/* TD-076; below 0 is without limit, as for Docker. */
static struct error *check_ulimit(const struct ecs_container_definition *container,
                                  const struct ecs_ulimit *ulimit)
{
    bool is_above = ulimit->soft_limit < 0 || ulimit->soft_limit > ulimit->hard_limit;

    if (ulimit->hard_limit >= 0 && is_above)
        return error_new(API_CLIENT,
                         "Container '%s': the soft limit of ulimit %s is above its hard limit.",
                         container->name, ecs_ulimit_name_name(ulimit->name));
    return NULL;
}

struct error *definition_check_linux(const struct ecs_task_definition *definition)
{
    for (size_t i = 0; i < definition->container_definitions.count; i++) {
        const struct ecs_container_definition *container =
            &definition->container_definitions.items[i];

        if (container->linux_parameters)
            TRY(check_parameters(container));
        for (size_t j = 0; j < container->ulimits.count; j++)
            TRY(check_ulimit(container, &container->ulimits.items[j]));
        for (size_t j = 0; j < container->system_controls.count; j++)
            if (container->system_controls.items[j].namespace)
                TRY(check_control(definition, container,
                                  container->system_controls.items[j].namespace));
    }
    return NULL;
}
