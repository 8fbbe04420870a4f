/* host_registration_find.c - which container instance a host that registers is. */
#include "ecs/auth.h"
#include "ecs/host_registration.h"
#include "ecs/names.h"

static const struct container_instance *instance_of(struct call *call, const char *cluster,
                                                    const struct id *id)
{
    const struct container_instance *instance =
        state_instance(ecs_of(call)->state, call_scope(call), cluster, id);

    return instance && instance->status != INSTANCE_INACTIVE ? instance : NULL;
}

static const struct container_instance *
instance_of_host(struct call *call, const struct host_registration *registration)
{
    if (str_is_empty(registration->identity.instance_id))
        return NULL;
    return state_instance_of_host(ecs_of(call)->state, call_scope(call), registration->cluster,
                                  registration->identity.instance_id);
}

static const struct container_instance *
instance_of_token(struct call *call, const struct host_registration *registration)
{
    const struct client_token *token = NULL;
    struct id id;

    if (!str_is_empty(registration->in->client_token))
        token = state_client_token(ecs_of(call)->state, call_scope(call), REGISTER_OPERATION,
                                   registration->in->client_token);
    if (!token || token->expires_at_ms <= call->now_ms || !id_parse(token->result, &id))
        return NULL;
    return instance_of(call, registration->cluster, &id);
}

/* The host's saved ARN (AP-105, AP-106, API-048). */
static struct error *find_saved(struct call *call, const struct host_registration *registration,
                                const struct container_instance **ret)
{
    const struct container_instance *instance;
    char hex[ID_HEX_SIZE];
    struct id id;

    TRY(names_instance_id(call, registration->cluster, registration->in->container_instance_arn,
                          &id));
    TRY(call_authorize(
        call, "ecs:RegisterContainerInstance",
        arn_container_instance(call->arena, call_scope(call), registration->cluster, &id)));
    instance = instance_of(call, registration->cluster, &id);
    id_format(&id, hex);
    if (!instance)
        return error_new(API_CLIENT, "Container instance %s is inactive.", hex);
    *ret = instance;
    return NULL;
}

/* An agent's key is its host's identity: a host that lost its ARN gets its instance back (CL-255),
 * unless the instance is at work, which means that two hosts have the key. */
static struct error *find_bound(struct call *call, const struct host_registration *registration,
                                const struct container_instance **ret)
{
    const struct access_key *key =
        state_access_key(ecs_of(call)->state, call->principal.access_key_id);
    const struct container_instance *instance;

    if (!key || id_is_zero(&key->agent_instance))
        return NULL;
    instance = instance_of(call, registration->cluster, &key->agent_instance);
    if (instance && state_instance_connected(instance) && !instance_of_token(call, registration))
        return error_new(
            API_ACCESS_DENIED,
            "User: %s is not authorized to perform: ecs:RegisterContainerInstance on resource: %s "
            "because its key belongs to a container instance whose agent is connected",
            call_principal_arn(call),
            arn_cluster(call->arena, call_scope(call), registration->cluster));
    *ret = instance;
    return NULL;
}

struct error *host_registration_find(struct call *call,
                                     const struct host_registration *registration,
                                     const struct container_instance **ret)
{
    *ret = NULL;
    if (!str_is_empty(registration->in->container_instance_arn))
        return find_saved(call, registration, ret);
    if (call_is_agent(call))
        return find_bound(call, registration, ret);
    *ret = instance_of_token(call, registration);
    if (!*ret)
        *ret = instance_of_host(call, registration);
    return NULL;
}
