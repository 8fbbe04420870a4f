#include "agent/engine/container_parts.h"

#include <string.h>

/* A namespace of the pause container's, which outlives the others (TD-143). */
static void share(const struct container_plan *plan, json_t *host, const char *member)
{
    CLEANUP(str_freep) char *mode = NULL;

    if (!plan->pause_id)
        return;
    mode = str_printf("container:%s", plan->pause_id);
    container_set_string(host, member, mode);
}

/* AP-303, AP-431: the modes of the task's own containers. Other words are dockerConfig's affair. */
static void set_modes(const struct container_plan *plan, json_t *host)
{
    const struct acs_task *task = plan->task;

    if (str_eq(task->network_mode, "host") || str_eq(task->network_mode, "none"))
        container_set_string(host, "NetworkMode", task->network_mode);
    if (str_eq(task->pid_mode, "host"))
        container_set_string(host, "PidMode", "host");
    else if (str_eq(task->pid_mode, "task"))
        share(plan, host, "PidMode");
    if (str_eq(task->ipc_mode, "host") || str_eq(task->ipc_mode, "none"))
        container_set_string(host, "IpcMode", task->ipc_mode);
    else if (str_eq(task->ipc_mode, "task"))
        share(plan, host, "IpcMode");
}

void container_set_namespaces(const struct container_plan *plan, json_t *host)
{
    if (plan->cgroup_parent)
        container_set_string(host, "CgroupParent", plan->cgroup_parent);
    if (!container_is_internal(plan->container->name)) {
        set_modes(plan, host);
        return;
    }
    container_set_string(host, "NetworkMode", "none"); /* its network is nobody's */
    if (str_eq(plan->task->ipc_mode, "task"))
        container_set_string(host, "IpcMode", "shareable");
}
