#include "agent/engine/admission.h"

#include <string.h>

#include "agent/engine/container.h"
#include "agent/engine/container_port.h"

#define CPU_UNITS_PER_CORE 1024

static void add_ports(struct arena *arena, const struct acs_task *task,
                      struct admission_port *ports, size_t *ret_count)
{
    size_t count = 0;

    for (size_t i = 0; i < task->containers.count; i++) {
        const struct acs_container *container = &task->containers.items[i];
        const char *mode = container_network_mode(arena, task, container);
        bool is_host = strcmp(mode, "host") == 0;

        if (!is_host && strcmp(mode, "bridge") != 0)
            continue;
        for (size_t k = 0; k < container->port_mappings.count; k++) {
            const struct acs_port_mapping *mapping = &container->port_mappings.items[k];
            int port = is_host ? mapping->container_port : mapping->host_port;

            if (!str_is_empty(mapping->container_port_range) || port < 1 || port > 65535)
                continue;
            ports[count].port = (uint16_t)port;
            ports[count++].is_udp = strcmp(container_port_protocol(mapping), "udp") == 0;
        }
    }
    *ret_count = count;
}

static void add_gpus(struct arena *arena, const struct acs_task *task, struct admission_need *need)
{
    const char **ids = ARENA_ARRAY(arena, const char *, task->associations.count);

    for (size_t i = 0; i < task->associations.count; i++)
        if (str_eq(task->associations.items[i].type, "gpu") && task->associations.items[i].name)
            ids[need->gpu_count++] = task->associations.items[i].name;
    need->gpus = ids;
}

struct admission_need admission_need_of(struct arena *arena, const struct acs_task *task)
{
    struct admission_need need = {0};
    struct admission_port *ports;
    size_t mappings = 0;

    for (size_t i = 0; i < task->containers.count; i++) {
        const struct acs_container *container = &task->containers.items[i];

        need.cpu_units += container->has_cpu && container->cpu > 0 ? container->cpu : 0;
        need.memory_mib += container_memory_mib(container);
        mappings += container->port_mappings.count;
    }
    if (task->has_cpu && task->cpu > 0 && task->cpu < 1e6)
        need.cpu_units = (int64_t)(task->cpu * CPU_UNITS_PER_CORE);
    if (task->has_memory && task->memory > 0)
        need.memory_mib = task->memory;
    ports = ARENA_ARRAY(arena, struct admission_port, mappings);
    add_ports(arena, task, ports, &need.port_count);
    need.ports = ports;
    add_gpus(arena, task, &need);
    return need;
}

bool admission_is_possible(const struct admission *admission, const struct admission_need *need)
{
    return need->cpu_units <= admission->cpu_total && need->memory_mib <= admission->memory_total &&
           need->gpu_count <= ADMISSION_GPUS_MAX;
}

/* Where it is in the list of those held; its end if it is free. */
static size_t find_gpu(const struct admission *admission, const char *id)
{
    size_t i;

    for (i = 0; i < admission->gpu_count; i++)
        if (strcmp(admission->gpus_used[i], id) == 0)
            break;
    return i;
}

static bool are_gpus_free(const struct admission *admission, const struct admission_need *need)
{
    if (need->gpu_count > ADMISSION_GPUS_MAX - admission->gpu_count)
        return false;
    for (size_t i = 0; i < need->gpu_count; i++)
        if (find_gpu(admission, need->gpus[i]) < admission->gpu_count)
            return false;
    return true;
}

bool admission_fits(const struct admission *admission, const struct admission_need *need)
{
    if (need->cpu_units > admission->cpu_total - admission->cpu_used ||
        need->memory_mib > admission->memory_total - admission->memory_used)
        return false;
    for (size_t i = 0; i < need->port_count; i++) {
        const struct admission_port *port = &need->ports[i];

        if (admission->ports_used[port->is_udp][port->port / 64] >> (port->port % 64) & 1)
            return false;
    }
    return are_gpus_free(admission, need);
}

static void set_ports(struct admission *admission, const struct admission_need *need, bool used)
{
    for (size_t i = 0; i < need->port_count; i++) {
        const struct admission_port *port = &need->ports[i];
        uint64_t *word = &admission->ports_used[port->is_udp][port->port / 64];
        uint64_t bit = (uint64_t)1 << (port->port % 64);

        *word = used ? *word | bit : *word & ~bit;
    }
}

void admission_take(struct admission *admission, const struct admission_need *need)
{
    admission->cpu_used += need->cpu_units;
    admission->memory_used += need->memory_mib;
    set_ports(admission, need, true);
    for (size_t i = 0; i < need->gpu_count && admission->gpu_count < ADMISSION_GPUS_MAX; i++)
        admission->gpus_used[admission->gpu_count++] = need->gpus[i];
}

void admission_give(struct admission *admission, const struct admission_need *need)
{
    admission->cpu_used -= need->cpu_units;
    admission->memory_used -= need->memory_mib;
    set_ports(admission, need, false);
    for (size_t i = 0; i < need->gpu_count; i++) {
        size_t at = find_gpu(admission, need->gpus[i]);

        if (at < admission->gpu_count)
            admission->gpus_used[at] = admission->gpus_used[--admission->gpu_count];
    }
}
