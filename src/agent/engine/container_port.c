#include "agent/engine/container_port.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"

#define ANY_ADDRESS "0.0.0.0"

bool container_port_range_parse(const char *text, int *ret_first, int *ret_last)
{
    int first, last, used = 0;

    if (!text || sscanf(text, "%5d-%5d%n", &first, &last, &used) != 2 || text[used] != '\0' ||
        first < 1 || first > last || last > 65535)
        return false;
    *ret_first = first;
    *ret_last = last;
    return true;
}

const char *container_port_protocol(const struct acs_port_mapping *mapping)
{
    return str_is_empty(mapping->protocol) ? "tcp" : mapping->protocol;
}

bool container_port_is_dynamic(const struct acs_port_mapping *mapping)
{
    return str_is_empty(mapping->container_port_range) && mapping->host_port == 0;
}

struct bindings {
    struct arena *arena;
    struct engine_binding *items;
    size_t count, capacity;
};

static struct engine_binding *add(struct bindings *out, const char *ip, const char *protocol)
{
    struct engine_binding *binding;

    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 4;
        struct engine_binding *items = ARENA_ARRAY(out->arena, struct engine_binding, capacity);

        if (out->count)
            memcpy(items, out->items, out->count * sizeof(*items));
        out->items = items;
        out->capacity = capacity;
    }
    binding = &out->items[out->count++];
    *binding = (struct engine_binding){0};
    binding->bind_ip = arena_dup(out->arena, ip);
    binding->protocol = arena_dup(out->arena, protocol);
    return binding;
}

static void add_range(struct bindings *out, const struct acs_port_mapping *mapping, const char *ip,
                      int host_first)
{
    struct engine_binding *binding;
    int first, last;

    if (!container_port_range_parse(mapping->container_port_range, &first, &last))
        return;
    binding = add(out, ip, container_port_protocol(mapping));
    binding->container_port_range = arena_dup(out->arena, mapping->container_port_range);
    binding->host_port_range =
        arena_printf(out->arena, "%d-%d", host_first, host_first + last - first);
}

static bool is_of(const struct docker_binding *found, int container_port, const char *protocol)
{
    return found->container_port == container_port && str_eq(found->protocol, protocol);
}

/* A range has the same host ports in both address families, as it names them. */
static bool is_range_on_ipv6(const struct acs_port_mapping *mapping, int first,
                             const struct docker_container *docker)
{
    for (size_t i = 0; docker && i < docker->binding_count; i++)
        if (is_of(&docker->bindings[i], first, container_port_protocol(mapping)) &&
            strchr(docker->bindings[i].host_ip, ':'))
            return true;
    return false;
}

/* The ports that Docker published for one mapping, in its order. */
static void add_published(struct bindings *out, const struct acs_port_mapping *mapping,
                          const struct docker_container *docker)
{
    for (size_t i = 0; i < docker->binding_count; i++) {
        const struct docker_binding *found = &docker->bindings[i];
        struct engine_binding *binding;

        if (!is_of(found, mapping->container_port, container_port_protocol(mapping)))
            continue;
        binding = add(out, found->host_ip, found->protocol);
        binding->container_port = found->container_port;
        binding->host_port = found->host_port;
    }
}

/* Whether an earlier mapping is of the same port: Docker's list of the ports it published for it
 * has those of both. */
static bool is_of_earlier(const struct acs_port_mappings *mappings, size_t index)
{
    const struct acs_port_mapping *mapping = &mappings->items[index];

    for (size_t i = 0; i < index; i++)
        if (mappings->items[i].container_port == mapping->container_port &&
            str_is_empty(mappings->items[i].container_port_range) &&
            str_eq(container_port_protocol(&mappings->items[i]), container_port_protocol(mapping)))
            return true;
    return false;
}

void container_port_bindings(struct arena *arena, const struct acs_container *container,
                             const char *network_mode, const int *range_starts,
                             const struct docker_container *docker,
                             struct engine_binding **ret_items, size_t *ret_count)
{
    struct bindings out = {.arena = arena};
    bool is_host = strcmp(network_mode, "host") == 0;
    size_t mappings = strcmp(network_mode, "none") == 0 ? 0 : container->port_mappings.count;

    for (size_t i = 0; i < mappings; i++) {
        const struct acs_port_mapping *mapping = &container->port_mappings.items[i];
        int first, last;

        if (container_port_range_parse(mapping->container_port_range, &first, &last)) {
            add_range(&out, mapping, ANY_ADDRESS, is_host ? first : range_starts[i]);
            if (!is_host && is_range_on_ipv6(mapping, first, docker))
                add_range(&out, mapping, "::", range_starts[i]);
        } else if (docker && !is_host) {
            if (!is_of_earlier(&container->port_mappings, i))
                add_published(&out, mapping, docker);
        } else {
            struct engine_binding *binding =
                add(&out, ANY_ADDRESS, container_port_protocol(mapping));

            binding->container_port = mapping->container_port;
            binding->host_port = is_host ? mapping->container_port : mapping->host_port;
        }
    }
    *ret_items = out.items;
    *ret_count = out.count;
}

void container_port_encode(struct buf *buf, const struct engine_binding *items, size_t count)
{
    buf_add_char(buf, '[');
    for (size_t i = 0; i < count; i++) {
        const struct engine_binding *binding = &items[i];

        json_text_add_comma(buf);
        buf_add_char(buf, '{');
        json_text_add_name(buf, "bindIP");
        json_text_add_string(buf, binding->bind_ip);
        json_text_add_name(buf, "protocol");
        json_text_add_string(buf, binding->protocol);
        if (binding->container_port_range) {
            json_text_add_name(buf, "containerPortRange");
            json_text_add_string(buf, binding->container_port_range);
            json_text_add_name(buf, "hostPortRange");
            json_text_add_string(buf, binding->host_port_range);
        } else {
            json_text_add_name(buf, "containerPort");
            json_text_add_int(buf, binding->container_port);
            json_text_add_name(buf, "hostPort");
            json_text_add_int(buf, binding->host_port);
        }
        buf_add_char(buf, '}');
    }
    buf_add_char(buf, ']');
}

void container_port_decode(struct arena *arena, const char *json, struct engine_binding **ret_items,
                           size_t *ret_count)
{
    json_t *root = json ? json_loads(json, 0, NULL) : NULL;
    struct bindings out = {.arena = arena};
    size_t i;
    json_t *entry;

    json_array_foreach (root, i, entry) {
        const char *ip = json_string_value(json_object_get(entry, "bindIP"));
        const char *protocol = json_string_value(json_object_get(entry, "protocol"));
        const char *range = json_string_value(json_object_get(entry, "containerPortRange"));
        struct engine_binding *binding;

        if (!ip || !protocol)
            continue;
        binding = add(&out, ip, protocol);
        binding->container_port_range = arena_dup(arena, range);
        binding->host_port_range =
            arena_dup(arena, json_string_value(json_object_get(entry, "hostPortRange")));
        binding->container_port = (int)json_integer_value(json_object_get(entry, "containerPort"));
        binding->host_port = (int)json_integer_value(json_object_get(entry, "hostPort"));
    }
    json_decref(root);
    *ret_items = out.items;
    *ret_count = out.count;
}

int container_port_find_block(int first, int last, int start, int count, const char *protocol,
                              container_port_free_fn *is_free, void *data)
{
    int span = last - first + 1;
    int run = 0;

    if (count < 1 || count > span)
        return 0;
    if (start < first || start > last)
        start = first;
    /* One round, and a little more so that a block across the starting point is seen. */
    for (int i = 0; i < span + count - 1; i++) {
        int port = first + (start - first + i) % span;

        if (port == first)
            run = 0; /* a block does not wrap */
        run = is_free(port, protocol, data) ? run + 1 : 0;
        if (run == count)
            return port - count + 1;
    }
    return 0;
}
