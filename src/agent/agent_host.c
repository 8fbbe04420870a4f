#include "agent/agent_host.h"

#include <net/if.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

#define MIB (1024 * 1024)

static int64_t memory_bytes(void)
{
    struct sysinfo info;

    return sysinfo(&info) == 0 ? (int64_t)info.totalram * info.mem_unit : 0;
}

/* AG-009: an agent in a container must be on the host's network, where Docker's bridge is. */
static void check_network(void)
{
    if (access("/.dockerenv", F_OK) == 0 && if_nametoindex("docker0") == 0)
        log_warning("this container is not on the host's network, where tasks look for their "
                    "metadata and credentials: start it with --net=host",
                    NULL);
}

void agent_host_fill(struct arena *arena, const struct docker_info *info, struct host_facts *out)
{
    struct utsname name;

    check_network();
    out->machine = uname(&name) == 0 ? arena_dup(arena, name.machine) : "x86_64";
    out->cpus = info->cpus > 0 ? info->cpus : sysconf(_SC_NPROCESSORS_ONLN);
    out->memory_mib = (info->memory_bytes > 0 ? info->memory_bytes : memory_bytes()) / MIB;
    out->volume_plugins.items = ARENA_ARRAY(arena, const char *, info->volume_plugin_count + 1);
    out->volume_plugins.count = info->volume_plugin_count;
    for (size_t i = 0; i < info->volume_plugin_count; i++)
        out->volume_plugins.items[i] = arena_dup(arena, info->volume_plugins[i]);
}

struct error *agent_host_open_cgroups(const struct agent_config *config,
                                      const struct docker_info *info, struct task_cgroups *ret)
{
    CLEANUP(error_freep) struct error *err = NULL;

    *ret = (struct task_cgroups){.kind = TASK_CGROUP_OFF};
    if (!config->limits_task_resources)
        return NULL;
    err = task_cgroups_open(config->cgroup_path, info->cgroup_driver, ret);
    if (err && config->must_limit_task_resources)
        return error_new(API_INVALID_PARAMETER, "unable to setup '/ecs' cgroup: %s", err->message);
    if (err)
        log_warning("task limits are off, their cgroup cannot be made", "error", err->message);
    return NULL;
}
