#include <ctype.h>
#include <string.h>

#include "ecs/task_definition_parts.h"

#define DOMAIN_CHARS_MAX 254

/* TD-067: ^[a-zA-Z0-9-.]{0,253}[a-zA-Z0-9]$ */
static bool is_domain(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= DOMAIN_CHARS_MAX && isalnum((unsigned char)text[len - 1]) &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == len;
}

static struct error *check_awsvpc(const struct ecs_container_definition *container)
{
    const struct {
        const char *name;
        bool is_used;
    } members[] = {
        {"Links are", container->links.count > 0},
        {"Hostname is", container->hostname != NULL},
        {"DnsServers are", container->dns_servers.count > 0},
        {"DnsSearchDomains are", container->dns_search_domains.count > 0},
        {"ExtraHosts are", container->extra_hosts.count > 0},
        {"DisableNetworking is", container->disable_networking},
    };

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (members[i].is_used)
            return error_new(API_CLIENT, "%s not supported on container when networkMode=awsvpc.",
                             members[i].name);
    return NULL;
}

/* Faults are put into a network that is the task's own or the host's. */
static struct error *check_fault_injection(const struct ecs_task_definition *definition,
                                           enum ecs_network_mode mode)
{
    if (definition->enable_fault_injection && mode != ECS_NETWORK_MODE_AWSVPC &&
        mode != ECS_NETWORK_MODE_HOST)
        return error_new(API_CLIENT,
                         "enableFaultInjection is supported only with the network modes awsvpc and "
                         "host, but networkMode is %s.",
                         ecs_network_mode_name(mode));
    return NULL;
}

/* TD- section 6 */
struct error *definition_check_network(const struct ecs_task_definition *definition)
{
    enum ecs_network_mode mode = definition_network_mode(definition);

    TRY(check_fault_injection(definition, mode));
    for (size_t i = 0; i < definition->container_definitions.count; i++) {
        const struct ecs_container_definition *container =
            &definition->container_definitions.items[i];

        if (mode == ECS_NETWORK_MODE_AWSVPC)
            TRY(check_awsvpc(container));
        if (mode != ECS_NETWORK_MODE_BRIDGE && container->links.count > 0)
            return error_new(API_CLIENT,
                             "Links are not supported on container when networkMode=%s.",
                             ecs_network_mode_name(mode));
        for (size_t j = 0; j < container->dns_search_domains.count; j++)
            if (!is_domain(container->dns_search_domains.items[j]))
                return error_new(API_CLIENT,
                                 "Invalid 'dnsSearchDomains' setting for container '%s'.",
                                 container->name);
        for (size_t j = 0; j < container->extra_hosts.count; j++)
            if (str_is_empty(container->extra_hosts.items[j].hostname) ||
                str_is_empty(container->extra_hosts.items[j].ip_address))
                return error_new(API_CLIENT, "Invalid 'extraHosts' setting for container '%s'.",
                                 container->name);
    }
    return NULL;
}
