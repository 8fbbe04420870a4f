/* ListServicesByNamespace (API-158): the ACTIVE services of all clusters that Service Connect puts
 * into a namespace. */
#include <string.h>

#include "core/connect_namespace.h"
#include "core/shown_arn.h"
#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/paging.h"
#include "gen/ecs_handlers.h"

#define LIST_BY_NAMESPACE_SIZE     10
#define LIST_BY_NAMESPACE_SIZE_MAX 100

/* A page's key is CLUSTER/SERVICE of its last item. */
static struct error *after_page(struct call *call, const struct page *page,
                                const char **ret_cluster, const char **ret_name)
{
    const char *slash = page->after ? strchr(page->after, '/') : NULL;

    *ret_cluster = NULL;
    *ret_name = NULL;
    if (!page->after)
        return NULL;
    if (!slash)
        return error_new(API_INVALID_PARAMETER, "Invalid token");
    *ret_cluster = arena_dup_n(call->arena, page->after, (size_t)(slash - page->after));
    *ret_name = slash + 1;
    return NULL;
}

struct error *
api_list_services_by_namespace(struct call *call,
                               const struct ecs_list_services_by_namespace_request *in,
                               struct ecs_list_services_by_namespace_response *out)
{
    struct state *state = ecs_of(call)->state;
    const struct scope *scope = call_scope(call);
    const struct service *service;
    const char *cluster, *name, *namespace;
    struct page page;

    TRY(call_authorize(call, "ecs:ListServicesByNamespace", "*"));
    if (str_is_empty(in->namespace))
        return error_new(API_INVALID_PARAMETER, "Namespace cannot be empty.");
    namespace = connect_namespace_arn(call->arena, scope, in->namespace);
    TRY(page_open(call, "ListServicesByNamespace", namespace, PAGE_ASKED(in),
                  LIST_BY_NAMESPACE_SIZE, LIST_BY_NAMESPACE_SIZE_MAX, &page));
    TRY(after_page(call, &page, &cluster, &name));
    if (!state_connect_namespace(state, scope, namespace))
        return error_new(API_NAMESPACE_NOT_FOUND, "Namespace not found.");
    SET_LIST(call->arena, &out->service_arns, page.limit);
    out->service_arns.count = 0;
    for (;; cluster = service->cluster, name = service->name) {
        service = state_service_in_namespace_after(state, scope, namespace, cluster, name);
        if (!service)
            return NULL;
        if (page_is_full(&page)) {
            out->next_token = page_token(&page, arena_printf(call->arena, "%s/%s", cluster, name));
            return NULL;
        }
        out->service_arns.items[page.count++] = shown_service_arn(call->arena, scope, service);
        out->service_arns.count = page.count;
    }
}
