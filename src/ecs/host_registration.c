#include "ecs/host_registration.h"

#include <jansson.h>
#include <string.h>

#include "ecs/account_setting.h"
#include "ecs/attribute.h"
#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/tags.h"

#define ATTRIBUTES_MAX      500
#define ATTRIBUTE_CHARS_MAX 255
#define RESERVED_PORTS_MAX  100 /* TD-102, API-099 */
#define GPUS_MAX            64
#define TOKEN_CHARS_MAX     64

static const char *text_of(struct call *call, const json_t *document, const char *name)
{
    return arena_dup(call->arena, json_string_value(json_object_get(document, name)));
}

static struct host_identity read_identity(struct call *call, const char *text)
{
    struct host_identity identity = {0};
    json_t *document = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;

    if (json_is_object(document))
        identity = (struct host_identity){
            .instance_id = text_of(call, document, "instanceId"),
            .zone = text_of(call, document, "availabilityZone"),
            .type = text_of(call, document, "instanceType"),
            .image = text_of(call, document, "imageId"),
            .architecture = text_of(call, document, "architecture"),
        };
    json_decref(document);
    return identity;
}

static struct error *read_ports(const struct ecs_resource *resource, enum protocol protocol,
                                struct host_registration *registration)
{
    for (size_t i = 0; i < resource->string_set_value.count; i++) {
        int64_t number;

        if (!str_to_int64(resource->string_set_value.items[i], &number) || number < 1 ||
            number > 65535)
            return error_new(API_INVALID_PARAMETER, "Reserved port '%s' is not a port number.",
                             resource->string_set_value.items[i]);
        if (registration->port_count == RESERVED_PORTS_MAX)
            return error_new(API_INVALID_PARAMETER,
                             "A container instance can have at most %d reserved ports.",
                             RESERVED_PORTS_MAX);
        registration->ports[registration->port_count++] =
            (struct port){.number = (int32_t)number, .protocol = protocol};
    }
    return NULL;
}

/* AP-102 */
static struct error *read_resources(struct call *call, struct host_registration *registration)
{
    const struct ecs_resources *list = &registration->in->total_resources;

    registration->has_resources = list->count > 0;
    registration->ports = ARENA_ARRAY(call->arena, struct port, RESERVED_PORTS_MAX);
    for (size_t i = 0; i < list->count; i++) {
        const struct ecs_resource *resource = &list->items[i];

        if (resource->integer_value < 0)
            return error_new(API_INVALID_PARAMETER, "Resource %s cannot be negative.",
                             resource->name);
        if (str_eq(resource->name, "CPU"))
            registration->cpu = resource->integer_value;
        else if (str_eq(resource->name, "MEMORY"))
            registration->memory = resource->integer_value;
        else if (str_eq(resource->name, "PORTS"))
            TRY(read_ports(resource, PROTOCOL_TCP, registration));
        else if (str_eq(resource->name, "PORTS_UDP"))
            TRY(read_ports(resource, PROTOCOL_UDP, registration));
    }
    if (registration->in->platform_devices.count > GPUS_MAX)
        return error_new(API_INVALID_PARAMETER, "platformDevices can have at most %d items.",
                         GPUS_MAX);
    return NULL;
}

static struct error *check_attributes(struct host_registration *registration)
{
    const struct ecs_attributes *list = &registration->in->attributes;

    if (list->count > ATTRIBUTES_MAX)
        return error_new(API_INVALID_PARAMETER, "attributes can have at most %d items.",
                         ATTRIBUTES_MAX);
    for (size_t i = 0; i < list->count; i++) {
        const struct ecs_attribute *attribute = &list->items[i];

        if (str_is_empty(attribute->name) || strlen(attribute->name) > ATTRIBUTE_CHARS_MAX ||
            (attribute->value && strlen(attribute->value) > ATTRIBUTE_CHARS_MAX))
            return error_new(API_INVALID_PARAMETER,
                             "Name and value of an attribute can have at most %d characters, the "
                             "name at least one.",
                             ATTRIBUTE_CHARS_MAX);
        if (!attribute_is_reserved(attribute->name))
            TRY(attribute_check(attribute->name,
                                str_is_empty(attribute->value) ? NULL : attribute->value));
        if (strcmp(attribute->name, "ecs.capability.external") == 0)
            registration->is_external = true;
    }
    return NULL;
}

struct error *host_registration_read(struct call *call,
                                     const struct ecs_register_container_instance_request *in,
                                     struct host_registration *ret)
{
    *ret = (struct host_registration){.in = in};
    TRY(names_cluster_name(call, in->cluster, &ret->cluster));
    TRY(call_authorize(call, "ecs:RegisterContainerInstance",
                       arn_cluster(call->arena, call_scope(call), ret->cluster)));
    TRY(read_resources(call, ret));
    TRY(check_attributes(ret));
    TRY(tags_check(ecs_of(call)->quotas, &in->tags, API_INVALID_PARAMETER));
    TRY(account_setting_arn_format(call, ECS_SETTING_NAME_CONTAINER_INSTANCE_LONG_ARN_FORMAT,
                                   "container instance", &in->tags, &ret->has_old_arn));
    if (in->client_token && strlen(in->client_token) > TOKEN_CHARS_MAX)
        return error_new(API_INVALID_PARAMETER, "clientToken can have at most %d characters.",
                         TOKEN_CHARS_MAX);
    ret->identity = read_identity(call, in->instance_identity_document);
    return NULL;
}
