/* Service Connect configurations: their shape, and that they fit the task definition (API-204 to
 * API-213, API-219 to API-222). */
#include <string.h>

#include "base/str.h"
#include "core/connect_namespace.h"
#include "core/stored_json.h"
#include "ecs/names.h"
#include "ecs/service_rules.h"

#define DISCOVERY_NAME_CHARS_MAX 64
#define DNS_NAME_CHARS_MAX       127

static bool is_name(const char *name, const char *extra, size_t chars_max)
{
    size_t len = strlen(name);

    if (len == 0 || len > chars_max || name[0] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
              name[i] == '_' || name[i] == '-' || strchr(extra, name[i])))
            return false;
    return true;
}

static const struct ecs_port_mapping *mapping_named(const struct task_recipe *recipe,
                                                    const char *name)
{
    const struct ecs_container_definitions *containers = &recipe->document->container_definitions;

    for (size_t i = 0; i < containers->count; i++)
        for (size_t k = 0; k < containers->items[i].port_mappings.count; k++)
            if (str_eq(containers->items[i].port_mappings.items[k].name, name))
                return &containers->items[i].port_mappings.items[k];
    return NULL;
}

static const char *discovery_name(const struct ecs_service_connect_service *service)
{
    return str_is_empty(service->discovery_name) ? service->port_name : service->discovery_name;
}

static struct error *check_aliases(const struct ecs_service_connect_client_alias_list *aliases)
{
    const char *dns_name;

    if (!aliases->is_set)
        return NULL;
    if (aliases->count != 1)
        return error_new(API_INVALID_PARAMETER, "clientAliases must have 1 element.");
    dns_name = aliases->items[0].dns_name;
    if (dns_name && !is_name(dns_name, ".", DNS_NAME_CHARS_MAX))
        return error_new(API_INVALID_PARAMETER, "The dnsName %s of a client alias is not valid.",
                         dns_name);
    return NULL;
}

static struct error *check_service(const struct ecs_service_connect_service_list *all, size_t index,
                                   const struct task_recipe *recipe)
{
    const struct ecs_service_connect_service *service = &all->items[index];
    const struct ecs_port_mapping *mapping = mapping_named(recipe, service->port_name);

    if (!mapping)
        return error_new(API_INVALID_PARAMETER,
                         "The portName %s does not refer to any named PortMapping in the task "
                         "definition.",
                         service->port_name);
    if (!mapping->has_container_port)
        return error_new(API_INVALID_PARAMETER,
                         "The PortMapping %s must have a containerPort to be used by Service "
                         "Connect.",
                         service->port_name);
    if (!is_name(discovery_name(service), "", DISCOVERY_NAME_CHARS_MAX))
        return error_new(API_INVALID_PARAMETER, "The discoveryName %s is not valid.",
                         discovery_name(service));
    for (size_t i = 0; i < index; i++)
        if (str_eq(discovery_name(&all->items[i]), discovery_name(service)))
            return error_new(API_INVALID_PARAMETER, "The discoveryName %s is used more than once.",
                             discovery_name(service));
    return check_aliases(&service->client_aliases);
}

struct error *service_rules_fill_namespace(struct call *call, const struct cluster *cluster,
                                           struct ecs_create_service_request *config)
{
    const struct ecs_service_connect_configuration *asked = config->service_connect_configuration;
    struct ecs_cluster_service_connect_defaults defaults = {0};

    if (!asked || !asked->enabled || !str_is_empty(asked->namespace))
        return NULL;
    TRY(stored_json_read(call->arena, ECS_SHAPE_CLUSTER_SERVICE_CONNECT_DEFAULTS,
                         cluster->service_connect_defaults, "serviceConnectDefaults", cluster->name,
                         &defaults));
    if (str_is_empty(defaults.namespace))
        return NULL;
    config->service_connect_configuration =
        ARENA_NEW(call->arena, struct ecs_service_connect_configuration);
    *config->service_connect_configuration = *asked;
    config->service_connect_configuration->namespace = defaults.namespace;
    return NULL;
}

struct error *service_rules_check_connect(struct call *call,
                                          const struct ecs_create_service_request *config,
                                          const struct task_recipe *recipe)
{
    const struct ecs_service_connect_configuration *connect = config->service_connect_configuration;
    enum network_mode mode = recipe->definition->network_mode;

    if (!connect || !connect->enabled)
        return NULL;
    if (service_config_controller(config) != CONTROLLER_ECS)
        return error_new(API_INVALID_PARAMETER,
                         "Service Connect can only be used with the ECS deployment controller.");
    if (mode == NETWORK_MODE_HOST || mode == NETWORK_MODE_NONE)
        return error_new(API_INVALID_PARAMETER,
                         "Service Connect is only supported with networkMode 'bridge' or "
                         "'awsvpc'.");
    if (str_is_empty(connect->namespace))
        return error_new(API_INVALID_PARAMETER,
                         "A namespace must be specified for Service Connect when the cluster has "
                         "no default namespace.");
    if (!state_connect_namespace(
            ecs_of(call)->state, call_scope(call),
            connect_namespace_arn(call->arena, call_scope(call), connect->namespace)))
        return error_new(API_NAMESPACE_NOT_FOUND, "The namespace %.256s was not found.",
                         connect->namespace);
    if (!recipe->task_memory)
        return error_new(API_INVALID_PARAMETER,
                         "Service Connect requires that 'memory' be defined at the task level.");
    if ((int64_t)connect->services.count > call_quota(call, QUOTA_CONNECT_SERVICES_PER_SERVICE))
        return quota_error(ecs_of(call)->quotas, QUOTA_CONNECT_SERVICES_PER_SERVICE,
                           API_INVALID_PARAMETER);
    for (size_t i = 0; i < connect->services.count; i++)
        TRY(check_service(&connect->services, i, recipe));
    return NULL;
}
