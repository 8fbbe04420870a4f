#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/engine/container.h"
#include "agent/engine/container_port.h"
#include "agent/engine/engine_task.h"

/* Host ports: blocks for ranges are chosen here, single dynamic ones by Docker (AP-430). */

#define PORT_RANGE_FILE  "/proc/sys/net/ipv4/ip_local_port_range"
#define PORT_RANGE_FIRST 32768
#define PORT_RANGE_LAST  60999

static bool is_port_free(int port, const char *protocol, void *data)
{
    bool is_udp = strcmp(protocol, "udp") == 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    bool is_free;

    (void)data;
    if (fd < 0)
        return false;
    is_free = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return is_free;
}

struct port_search {
    const struct engine *engine;
};

/* Free on the host, and not promised to a container that has yet to start. */
static bool is_port_available(int port, const char *protocol, void *data)
{
    const struct port_search *search = data;
    const struct engine_task *task;

    TAILQ_FOREACH(task, &search->engine->order, in_order)
    {
        if (!task->holds_resources)
            continue;
        for (size_t i = 0; i < task->container_count; i++) {
            const struct engine_container *container = &task->containers[i];

            for (size_t k = 0; k < container->spec->port_mappings.count; k++) {
                const struct acs_port_mapping *mapping = &container->spec->port_mappings.items[k];
                int first, last, start = container->range_starts[k];

                if (start && str_eq(container_port_protocol(mapping), protocol) &&
                    container_port_range_parse(mapping->container_port_range, &first, &last) &&
                    port >= start && port <= start + last - first)
                    return false;
            }
        }
    }
    return is_port_free(port, protocol, NULL);
}

static void port_limits(const struct agent_config *config, int *ret_first, int *ret_last)
{
    FILE *file;

    *ret_first = PORT_RANGE_FIRST;
    *ret_last = PORT_RANGE_LAST;
    if (config->dynamic_port_first > 0) {
        *ret_first = config->dynamic_port_first;
        *ret_last = config->dynamic_port_last;
        return;
    }
    file = fopen(PORT_RANGE_FILE, "re");
    if (!file)
        return;
    if (fscanf(file, "%d %d", ret_first, ret_last) != 2 || *ret_first < 1 ||
        *ret_last < *ret_first || *ret_last > 65535) {
        *ret_first = PORT_RANGE_FIRST;
        *ret_last = PORT_RANGE_LAST;
    }
    fclose(file);
}

/* AP-430: one block of host ports for each range, from the middle on: Docker gives single ports
 * from the lowest on, and could give one of the block away before the container starts. */
struct error *engine_container_choose_ports(struct engine_container *container)
{
    struct engine *engine = container->task->engine;
    struct port_search search = {engine};
    int lowest, highest;

    port_limits(engine->config, &lowest, &highest);
    for (size_t i = 0; i < container->spec->port_mappings.count; i++) {
        const struct acs_port_mapping *mapping = &container->spec->port_mappings.items[i];
        const char *protocol = container_port_protocol(mapping);
        int first, last;

        if (container->range_starts[i] ||
            !container_port_range_parse(mapping->container_port_range, &first, &last))
            continue;
        container->range_starts[i] =
            container_port_find_block(lowest, highest, lowest + (highest - lowest) / 2,
                                      last - first + 1, protocol, is_port_available, &search);
        if (!container->range_starts[i])
            return error_new(API_CLIENT,
                             "HostConfigError: no %d free host ports in a row for %s/%s",
                             last - first + 1, mapping->container_port_range, protocol);
    }
    return NULL;
}

/* True if only Docker knows which host ports were taken. */
bool engine_container_must_look_for_ports(const struct engine_container *container)
{
    const struct acs_container *spec = container->spec;
    const char *host = spec->docker_config ? spec->docker_config->host_config : NULL;
    struct arena arena = {0};
    bool is_bridge =
        strcmp(container_network_mode(&arena, container->task->spec, spec), "bridge") == 0;

    arena_done(&arena);
    if (!is_bridge || spec->port_mappings.count == 0)
        return false;
    if ((host && strstr(host, "Port")) || !container->task->engine->config->excludes_ipv6_bindings)
        return true;
    for (size_t i = 0; i < spec->port_mappings.count; i++) {
        const struct acs_port_mapping *mapping = &spec->port_mappings.items[i];

        if (container_port_is_dynamic(mapping) ||
            (!str_is_empty(mapping->container_port_range) && !container->range_starts[i]))
            return true;
    }
    return false;
}
