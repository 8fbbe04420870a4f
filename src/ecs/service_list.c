/* ListServices (API-157): the ACTIVE services of a cluster, by name. */
#include "core/shown_arn.h"
#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/paging.h"
#include "gen/ecs_handlers.h"

#define LIST_SERVICES_SIZE     10
#define LIST_SERVICES_SIZE_MAX 100
#define LIST_SERVICES_WALK_MAX                                                                     \
    20000 /* services looked at for one page; a page may be short (API-057) */

static bool is_match(const struct ecs_list_services_request *in, const struct service *service)
{
    enum launch_type launch_type = LAUNCH_TYPE_NONE;
    enum scheduling_strategy strategy = STRATEGY_REPLICA;

    if (service->status != SERVICE_ACTIVE)
        return false;
    if (in->launch_type) {
        launch_type_parse(ecs_launch_type_name(in->launch_type), &launch_type);
        if (service->launch_type != launch_type)
            return false;
    }
    if (in->scheduling_strategy) {
        scheduling_strategy_parse(ecs_scheduling_strategy_name(in->scheduling_strategy), &strategy);
        if (service->strategy != strategy)
            return false;
    }
    /* Express services would be ECS's; all of ours are the customer's. */
    return in->resource_management_type != ECS_RESOURCE_MANAGEMENT_TYPE_ECS;
}

struct error *api_list_services(struct call *call, const struct ecs_list_services_request *in,
                                struct ecs_list_services_response *out)
{
    struct state *state = ecs_of(call)->state;
    const struct scope *scope = call_scope(call);
    const struct cluster *cluster;
    const char *after;
    size_t looked_at = 0;
    struct page page;

    TRY(call_authorize(call, "ecs:ListServices", "*"));
    TRY(names_find_cluster(call, in->cluster, &cluster));
    TRY(page_open(call, "ListServices",
                  arena_printf(call->arena, "%s\n%d\n%d\n%d", cluster->name, (int)in->launch_type,
                               (int)in->scheduling_strategy, (int)in->resource_management_type),
                  PAGE_ASKED(in), LIST_SERVICES_SIZE, LIST_SERVICES_SIZE_MAX, &page));
    SET_LIST(call->arena, &out->service_arns, page.limit);
    out->service_arns.count = 0;
    after = page.after;
    for (const struct service *service;; after = service->name) {
        service = state_service_after(state, scope, cluster->name, after);
        if (!service)
            break;
        if (page_is_full(&page) || looked_at++ == LIST_SERVICES_WALK_MAX) {
            out->next_token = page_token(&page, after);
            break;
        }
        if (!is_match(in, service))
            continue;
        out->service_arns.items[page.count++] = shown_service_arn(call->arena, scope, service);
        out->service_arns.count = page.count;
    }
    return NULL;
}
