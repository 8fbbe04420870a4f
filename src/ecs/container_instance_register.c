#include <string.h>

#include "core/capacity.h"
#include "ecs/attribute.h"
#include "ecs/auth.h"
#include "ecs/capacity_provider.h"
#include "ecs/container_instance.h"
#include "ecs/host_registration.h"
#include "ecs/names.h"
#include "gen/ecs_handlers.h"

#define TOKEN_LIFE_MS (24 * 3600 * 1000)

/* AP-154: what the server knows and the agent did not say. */
static void put_known(struct container_instance *instance, const char *name, const char *value)
{
    if (!str_is_empty(value) && !attribute_find(instance, name))
        attribute_put(instance, name, value);
}

static bool is_of_agent(const struct attribute *attribute, const void *data)
{
    (void)data;
    return !attribute->is_custom;
}

/* People's attributes stay, the agent's are as it says now (AP-104, AP-105). Hosts are Linux
 * (SC-066). */
static void put_attributes(struct call *call, struct container_instance *instance,
                           const struct host_registration *registration)
{
    const struct ecs_attributes *list = &registration->in->attributes;

    attributes_drop(instance, is_of_agent, NULL);
    for (size_t i = 0; i < list->count; i++)
        attribute_put(instance, list->items[i].name, list->items[i].value);
    put_known(instance, "ecs.availability-zone",
              registration->identity.zone ? registration->identity.zone
                                          : arena_printf(call->arena, "%sa", call->region));
    put_known(instance, "ecs.os-type", "linux");
    put_known(instance, "ecs.instance-type", registration->identity.type);
    put_known(instance, "ecs.ami-id", registration->identity.image);
    put_known(instance, "ecs.cpu-architecture", registration->identity.architecture);
}

static void put_resources(struct container_instance *instance,
                          const struct host_registration *registration)
{
    struct port *ports;

    if (!registration->has_resources)
        return;
    instance->cpu = registration->cpu;
    instance->memory = registration->memory;
    ports = container_instance_resize_reserved_ports(instance, (uint32_t)registration->port_count);
    for (size_t i = 0; i < registration->port_count; i++) {
        ports[i].number = registration->ports[i].number;
        ports[i].protocol = registration->ports[i].protocol;
    }
    container_instance_set_gpu_ids(instance, NULL, 0);
    for (size_t i = 0; i < registration->in->platform_devices.count; i++)
        container_instance_append_gpu_ids(instance, registration->in->platform_devices.items[i].id);
}

/* Tags of the host's configuration are set again, those people added stay. */
static void put_tags(struct container_instance *instance, const struct ecs_tags *tags)
{
    for (size_t i = 0; i < tags->count; i++) {
        struct tag *tag = NULL;

        for (size_t j = 0; j < instance->tags_count && !tag; j++)
            if (strcmp(instance->tags[j].key, tags->items[i].key) == 0)
                tag = &instance->tags[j];
        if (!tag) {
            tag = container_instance_append_tags(instance);
            tag_set_key(tag, tags->items[i].key);
        }
        tag_set_value(tag, tags->items[i].value ? tags->items[i].value : "");
    }
}

/* CL-087, CL-088: what a host belongs to is what its group is when it registers. */
static void put_provider(struct call *call, struct container_instance *instance)
{
    const struct attribute *group = attribute_find(instance, PROVIDER_HOST_GROUP_ATTRIBUTE);
    const struct capacity_provider *provider = NULL;

    if (group && group->value)
        provider = provider_of_group(call, group->value);
    container_instance_set_capacity_provider(instance, provider ? provider->name : NULL);
}

static void fill(struct call *call, struct container_instance *instance,
                 const struct host_registration *registration)
{
    const struct ecs_version_info *info = registration->in->version_info;

    put_attributes(call, instance, registration);
    put_provider(call, instance);
    put_resources(instance, registration);
    put_tags(instance, &registration->in->tags);
    instance->is_external = registration->is_external;
    if (!str_is_empty(registration->identity.instance_id))
        container_instance_set_ec2_instance_id(instance, registration->identity.instance_id);
    if (info) {
        container_instance_set_agent_version(instance, info->agent_version);
        container_instance_set_agent_hash(instance, info->agent_hash);
        container_instance_set_docker_version(instance, info->docker_version);
    }
    container_instance_set_client_token(instance, registration->in->client_token);
    if (call_is_agent(call))
        container_instance_set_access_key_id(instance, call->principal.access_key_id);
}

static struct container_instance *make_instance(struct call *call,
                                                const struct host_registration *registration)
{
    struct container_instance *instance = container_instance_new();
    char hex[ID_HEX_SIZE];

    instance->id = id_new(call->rng, call->now_ms);
    container_instance_set_cluster(instance, registration->cluster);
    instance->status = INSTANCE_ACTIVE;
    instance->registered_at_ms = call->now_ms;
    instance->version = 1;
    instance->has_old_arn = registration->has_old_arn;
    fill(call, instance, registration);
    /* Hosts outside EC2 are known by ids of this form (API-202). */
    if (instance->is_external && !instance->ec2_instance_id) {
        id_format(&instance->id, hex);
        container_instance_set_ec2_instance_id(
            instance, arena_printf(call->arena, "mi-%s", hex + ID_HEX_SIZE - 1 - 17));
    }
    return txn_insert_instance(call->txn, instance);
}

static struct container_instance *update_instance(struct call *call,
                                                  const struct container_instance *found,
                                                  const struct host_registration *registration)
{
    struct container_instance *instance = txn_edit_instance(call->txn, found);

    fill(call, instance, registration);
    instance->version++;
    return instance;
}

/* From here on the key is this instance's and no other's. */
static void bind_key(struct call *call, const struct container_instance *instance)
{
    const struct access_key *key = NULL;
    struct access_key *bound;

    if (call_is_agent(call))
        key = state_access_key(ecs_of(call)->state, call->principal.access_key_id);
    if (!key || id_cmp(&key->agent_instance, &instance->id) == 0)
        return;
    bound = access_key_new();
    access_key_copy(bound, key);
    bound->agent_instance = instance->id;
    txn_put_access_key(call->txn, bound);
}

static void remember_token(struct call *call, const struct container_instance *instance,
                           const char *text)
{
    struct client_token *token;
    char hex[ID_HEX_SIZE];

    if (str_is_empty(text))
        return;
    id_format(&instance->id, hex);
    token = client_token_new();
    client_token_set_operation(token, REGISTER_OPERATION);
    client_token_set_token(token, text);
    client_token_set_result(token, hex);
    token->expires_at_ms = call->now_ms + TOKEN_LIFE_MS;
    txn_put_client_token(call->txn, token);
}

static bool is_repeated(const struct ecs_attributes *list, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(list->items[i].name, list->items[index].name) == 0)
            return true;
    return false;
}

/* MS-230 and API-172. The agent gives up on either, and says why in its log (AP-107). */
static struct error *check_room(struct call *call, const struct cluster *cluster,
                                const struct container_instance *found,
                                const struct host_registration *registration)
{
    const struct ecs_attributes *list = &registration->in->attributes;
    size_t custom = found ? attributes_count_custom(found) : 0;
    struct cluster_counts counts;

    for (size_t i = 0; i < list->count; i++)
        custom += !attribute_is_reserved(list->items[i].name) &&
                  !(found && attribute_find(found, list->items[i].name)) && !is_repeated(list, i);
    if (custom > (size_t)call_quota(call, QUOTA_ATTRIBUTES_PER_INSTANCE))
        return quota_error(ecs_of(call)->quotas, QUOTA_ATTRIBUTES_PER_INSTANCE,
                           API_INVALID_PARAMETER);
    state_cluster_counts(cluster, &counts);
    if (!found && counts.instances_registered >= call_quota(call, QUOTA_INSTANCES_PER_CLUSTER))
        return quota_error(ecs_of(call)->quotas, QUOTA_INSTANCES_PER_CLUSTER, API_CLIENT);
    return NULL;
}

/* RegisterContainerInstance: a host joins a cluster, or comes back (AP-101 to AP-108). The agent
 * knows a missing cluster by code and text, and creates "default" then (API-048, AP-108). */
struct error *
api_register_container_instance(struct call *call,
                                const struct ecs_register_container_instance_request *in,
                                struct ecs_register_container_instance_response *out)
{
    const struct container_instance *found;
    const struct container_instance *instance;
    struct host_registration registration;
    const struct cluster *cluster;

    TRY(host_registration_read(call, in, &registration));
    cluster = state_cluster(ecs_of(call)->state, call_scope(call), registration.cluster);
    if (!cluster || !cluster_is_open(cluster))
        return error_new(API_CLIENT, "Cluster not found.");
    TRY(host_registration_find(call, &registration, &found));
    TRY(check_room(call, cluster, found, &registration));

    instance =
        found ? update_instance(call, found, &registration) : make_instance(call, &registration);
    bind_key(call, instance);
    remember_token(call, instance, in->client_token);
    out->container_instance = ARENA_NEW(call->arena, struct ecs_container_instance);
    container_instance_describe(call, instance, INSTANCE_WITH_TAGS, out->container_instance);
    /* It just spoke to us, and its session is to come (CL-251). */
    out->container_instance->agent_connected = true;
    return NULL;
}
