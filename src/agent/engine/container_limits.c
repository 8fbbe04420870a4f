#include "agent/engine/container_parts.h"

#include "agent/engine/container_gpu.h"

int64_t container_memory_mib(const struct acs_container *container)
{
    CLEANUP(json_decrefp) json_t *host = container_load_host_config(container);
    json_int_t reservation = json_integer_value(json_object_get(host, "MemoryReservation"));

    if (reservation > 0)
        return reservation / CONTAINER_MIB;
    return container->has_memory && container->memory > 0 ? container->memory : 0;
}

/* AP-308 */
static int64_t cpu_shares(const struct acs_container *container)
{
    int64_t cpu = container->has_cpu ? container->cpu : 0;

    if (cpu < CONTAINER_CPU_MIN)
        return CONTAINER_CPU_MIN;
    return cpu > CONTAINER_CPU_MAX ? CONTAINER_CPU_MAX : cpu;
}

/* 0: no limit of its own. */
static int64_t memory_bytes(const struct container_plan *plan)
{
    const struct acs_container *container = plan->container;
    int64_t bytes = 0;

    if (container->has_memory && container->memory > 0)
        bytes = (int64_t)container->memory * CONTAINER_MIB;
    else if (plan->inherits_task_memory && plan->task->has_memory && plan->task->memory > 0)
        bytes = (int64_t)plan->task->memory * CONTAINER_MIB;
    return bytes > 0 && bytes < CONTAINER_MEMORY_MIN ? CONTAINER_MEMORY_MIN : bytes;
}

/* TD-114, AP-477: by the runtime and its variable, or, on external instances, by device requests.
 */
static struct error *limit_gpus(const struct container_plan *plan, json_t *host)
{
    const char *name = plan->container->name;

    switch (plan->gpus) {
    case CONTAINER_GPUS_NONE:
        break;
    case CONTAINER_GPUS_RUNTIME:
        if (!container_wants_gpu_runtime(plan->task, plan->container))
            break;
        if (str_is_empty(plan->nvidia_runtime))
            return error_new(API_CLIENT, "HostConfigError: Runtime is not set for GPU containers");
        container_set_string(host, "Runtime", plan->nvidia_runtime);
        break;
    case CONTAINER_GPUS_REQUESTS:
        container_gpu_requests(plan->task, name, host);
        break;
    }
    return NULL;
}

struct error *container_limit(const struct container_plan *plan, json_t *host)
{
    int64_t bytes = memory_bytes(plan);

    json_object_set_new(host, "CpuShares", json_integer(cpu_shares(plan->container)));
    if (bytes > 0)
        json_object_set_new(host, "Memory", json_integer(bytes));
    return limit_gpus(plan, host);
}
