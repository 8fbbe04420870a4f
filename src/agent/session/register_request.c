#include "agent/session/register_request.h"

#include <string.h>

#include "gen/ecs_types.h"

#define CPU_UNITS 1024

/* Ports of ssh, Docker and the agent itself are never scheduled (AP-102). */
static const char *const own_ports[] = {"22", "2375", "2376", "51678", "51679"};

static void add_port(struct ecs_string_list *ports, const char *port)
{
    for (size_t i = 0; i < ports->count; i++)
        if (str_eq(ports->items[i], port))
            return;
    ports->items[ports->count++] = port;
}

static void add_ports(struct ecs_string_list *ports, const char *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_port(ports, items[i]);
}

static struct error *fill_resources(const struct register_request *request, struct arena *arena,
                                    struct ecs_resources *ret)
{
    const struct agent_config *config = request->config;
    int64_t memory_mib = request->host->memory_mib - config->reserved_memory_mib;
    struct ecs_resource *cpu, *memory, *tcp, *udp;

    if (memory_mib <= 0)
        return error_new(API_INVALID_PARAMETER,
                         "ECS_RESERVED_MEMORY leaves nothing of %lld MiB of memory",
                         (long long)request->host->memory_mib);
    SET_LIST(arena, ret, 4);
    cpu = &ret->items[0];
    memory = &ret->items[1];
    tcp = &ret->items[2];
    udp = &ret->items[3];
    *cpu = (struct ecs_resource){.name = "CPU", .type = "INTEGER"};
    SET(cpu, integer_value, (int32_t)(request->host->cpus * CPU_UNITS));
    *memory = (struct ecs_resource){.name = "MEMORY", .type = "INTEGER"};
    SET(memory, integer_value, (int32_t)memory_mib);
    *tcp = (struct ecs_resource){.name = "PORTS", .type = "STRINGSET"};
    SET_LIST(arena, &tcp->string_set_value, ARRAY_LEN(own_ports) + config->reserved_ports.count);
    tcp->string_set_value.count = 0;
    add_ports(&tcp->string_set_value, own_ports, ARRAY_LEN(own_ports));
    add_ports(&tcp->string_set_value, config->reserved_ports.items, config->reserved_ports.count);
    *udp = (struct ecs_resource){.name = "PORTS_UDP", .type = "STRINGSET"};
    SET_LIST(arena, &udp->string_set_value, config->reserved_ports_udp.count);
    udp->string_set_value.count = 0;
    add_ports(&udp->string_set_value, config->reserved_ports_udp.items,
              config->reserved_ports_udp.count);
    return NULL;
}

/* Custom attributes belong to the first registration only (AP-105). */
static struct config_map attributes_of(const struct register_request *request, struct arena *arena)
{
    return capabilities_list(arena, request->config, request->host, !request->instance_arn);
}

static void fill_attributes(const struct register_request *request, struct arena *arena,
                            struct ecs_attributes *ret)
{
    struct config_map list = attributes_of(request, arena);

    SET_LIST(arena, ret, list.count);
    for (size_t i = 0; i < list.count; i++)
        ret->items[i] =
            (struct ecs_attribute){.name = list.items[i].name, .value = list.items[i].value};
}

static void fill_tags(const struct config_map *tags, struct arena *arena, struct ecs_tags *ret)
{
    if (!tags->count)
        return;
    SET_LIST(arena, ret, tags->count);
    for (size_t i = 0; i < tags->count; i++)
        ret->items[i] = (struct ecs_tag){.key = tags->items[i].name, .value = tags->items[i].value};
}

static void fill_devices(const struct gpu_info *gpus, struct arena *arena,
                         struct ecs_platform_devices *ret)
{
    if (!gpus->ids.count)
        return;
    SET_LIST(arena, ret, gpus->ids.count);
    for (size_t i = 0; i < gpus->ids.count; i++)
        ret->items[i] = (struct ecs_platform_device){.id = gpus->ids.items[i],
                                                     .type = ECS_PLATFORM_DEVICE_TYPE_GPU};
}

struct error *register_request_write(const struct register_request *request, struct buf *body)
{
    struct ecs_register_container_instance_request out = {
        .cluster = request->cluster,
        .container_instance_arn = request->instance_arn,
        .client_token = request->client_token,
        .instance_identity_document = "",
        .instance_identity_document_signature = "",
    };
    struct arena arena = {0};
    struct error *err = fill_resources(request, &arena, &out.total_resources);

    if (!err) {
        fill_attributes(request, &arena, &out.attributes);
        fill_devices(&request->host->gpus, &arena, &out.platform_devices);
        fill_tags(&request->config->tags, &arena, &out.tags);
        ecs_encode_register_container_instance_request(body, &out);
    }
    arena_done(&arena);
    return err;
}

static const struct ecs_attribute *find_attribute(const struct ecs_attributes *attributes,
                                                  const char *name)
{
    for (size_t i = 0; i < attributes->count; i++)
        if (str_eq(attributes->items[i].name, name))
            return &attributes->items[i];
    return NULL;
}

static struct error *check_attributes(const struct register_request *request, struct arena *arena,
                                      const struct ecs_attributes *returned)
{
    struct config_map sent = attributes_of(request, arena);

    for (size_t i = 0; i < sent.count; i++) {
        const struct ecs_attribute *back = find_attribute(returned, sent.items[i].name);
        const char *value = sent.items[i].value;

        if (!back || (!str_is_empty(value) && !str_eq(back->value, value)))
            return error_new(API_INVALID_PARAMETER,
                             "Attribute validation failed: %s was not registered as sent",
                             sent.items[i].name);
    }
    return NULL;
}

struct error *register_request_check(const struct register_request *request, struct arena *arena,
                                     const struct json_t *answer, const char **ret_arn,
                                     const char **ret_zone)
{
    struct ecs_register_container_instance_response in = {0};
    const struct ecs_attribute *zone;

    TRY(ecs_decode_register_container_instance_response(arena, answer, &in));
    if (!in.container_instance || str_is_empty(in.container_instance->container_instance_arn))
        return error_new(API_SERVER, "the answer to RegisterContainerInstance has no instance");
    TRY(check_attributes(request, arena, &in.container_instance->attributes));
    zone = find_attribute(&in.container_instance->attributes, "ecs.availability-zone");
    *ret_arn = in.container_instance->container_instance_arn;
    *ret_zone = zone ? zone->value : NULL;
    return NULL;
}

const char *register_cluster_name(const char *name_or_arn)
{
    const char *slash = strrchr(name_or_arn, '/');

    return slash ? slash + 1 : name_or_arn;
}
