#include "agent/engine/container_parts.h"

#include <stdio.h>
#include <string.h>

#include "agent/engine/container_port.h"

const char *container_network_mode(struct arena *arena, const struct acs_task *task,
                                   const struct acs_container *container)
{
    const char *mode = task->network_mode;

    if (str_is_empty(mode)) {
        CLEANUP(json_decrefp) json_t *host = container_load_host_config(container);

        mode = arena_dup(arena, json_string_value(json_object_get(host, "NetworkMode")));
    }
    return str_is_empty(mode) || strcmp(mode, "default") == 0 ? "bridge" : mode;
}

/* "80/tcp" */
static void port_key(char *text, size_t size, int port, const char *protocol)
{
    snprintf(text, size, "%d/%s", port, protocol);
}

static void publish(json_t *exposed, json_t *bindings, int container_port, int host_port,
                    const char *protocol)
{
    char key[32], port[16];
    json_t *list;

    port_key(key, sizeof(key), container_port, protocol);
    snprintf(port, sizeof(port), "%d", host_port);
    json_object_set_new(exposed, key, json_object());
    list = json_object_get(bindings, key);
    if (!list) {
        list = json_array();
        json_object_set_new(bindings, key, list);
    }
    json_array_append_new(list, json_pack("{ss}", "HostPort", port));
}

void container_publish_ports(const struct container_plan *plan, json_t *config, json_t *host)
{
    const struct acs_port_mappings *mappings = &plan->container->port_mappings;
    json_t *exposed, *bindings;

    if (mappings->count == 0)
        return;
    exposed = json_object();
    bindings = json_object();
    for (size_t i = 0; i < mappings->count; i++) {
        const struct acs_port_mapping *mapping = &mappings->items[i];
        const char *protocol = container_port_protocol(mapping);
        int first, last;

        if (container_port_range_parse(mapping->container_port_range, &first, &last)) {
            for (int port = first; port <= last; port++)
                publish(exposed, bindings, port, plan->range_starts[i] + port - first, protocol);
        } else {
            publish(exposed, bindings, mapping->container_port, mapping->host_port, protocol);
        }
    }
    json_object_set_new(config, "ExposedPorts", exposed);
    json_object_set_new(host, "PortBindings", bindings);
}

/* "db:database" becomes "<name of db in Docker>:database"; "db" keeps its name as alias. */
struct error *container_link(const struct container_plan *plan, json_t *host)
{
    const struct acs_string_list *list = &plan->container->links;
    json_t *array;

    if (list->count == 0)
        return NULL;
    array = json_array();
    json_object_set_new(host, "Links", array);
    for (size_t i = 0; i < list->count; i++) {
        const char *link = list->items[i] ? list->items[i] : "";
        size_t len = strcspn(link, ":");
        const char *target = container_docker_name_of(plan, link, len);
        CLEANUP(str_freep) char *text = NULL;

        if (!target)
            return error_new(API_CLIENT,
                             "HostConfigError: Link Error: container %.*s does not exist", (int)len,
                             link);
        text = str_printf("%s:%s", target, link[len] ? link + len + 1 : link);
        json_array_append_new(array, json_string(text));
    }
    return NULL;
}
