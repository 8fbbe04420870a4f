/* ListTasks (API-127): a walk of the narrowest list that holds what is asked for. */
#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/paging.h"
#include "gen/ecs_handlers.h"

#define LIST_TASKS_SIZE 100
#define LIST_TASKS_WALK_MAX                                                                        \
    20000 /* tasks looked at for one page; a page may be short (API-057)                           \
           */

/* What is asked for, resolved. NULL and zero: any. */
struct filter {
    const char *cluster;
    const char *family, *service, *started_by;
    const struct id *instance;
    enum launch_type launch_type;
    bool is_stopped, is_nothing;
};

/* startedBy has to be the only filter; the desired status is none in this sense: clients look for
 * the running tasks they started. */
static struct error *check_combination(const struct ecs_list_tasks_request *in)
{
    if (!in->started_by)
        return NULL;
    if (in->container_instance || in->family || in->service_name || in->launch_type)
        return error_new(API_INVALID_PARAMETER,
                         "startedBy must be the only filter; it cannot be combined with "
                         "containerInstance, family, serviceName or launchType.");
    return NULL;
}

static struct error *resolve(struct call *call, const struct ecs_list_tasks_request *in,
                             struct filter *ret)
{
    const struct cluster *cluster;
    const struct service *service;
    const struct container_instance *instance;

    TRY(check_combination(in));
    TRY(names_find_cluster(call, in->cluster, &cluster));
    *ret = (struct filter){
        .cluster = cluster->name,
        .family = in->family,
        .started_by = in->started_by,
        .is_stopped = in->desired_status == ECS_DESIRED_STATUS_STOPPED,
        /* Desired is RUNNING or STOPPED, never PENDING. */
        .is_nothing = in->desired_status == ECS_DESIRED_STATUS_PENDING || in->daemon_name,
    };
    if (in->service_name) {
        TRY(names_find_service(call, cluster->name, in->service_name, &service));
        ret->service = service->name;
    }
    if (in->container_instance) {
        TRY(names_find_instance(call, cluster->name, in->container_instance, &instance));
        ret->instance = &instance->id;
    }
    if (in->launch_type)
        launch_type_parse(ecs_launch_type_name(in->launch_type), &ret->launch_type);
    return NULL;
}

static const char *instance_hex(struct arena *arena, const struct id *id)
{
    char hex[ID_HEX_SIZE];

    id_format(id, hex);
    return arena_dup(arena, hex);
}

static const char *filter_text(struct call *call, const struct filter *filter)
{
    return arena_printf(call->arena, "%s\n%s\n%s\n%s\n%s\n%d\n%d", filter->cluster,
                        filter->family ? filter->family : "",
                        filter->service ? filter->service : "",
                        filter->started_by ? filter->started_by : "",
                        filter->instance ? instance_hex(call->arena, filter->instance) : "",
                        (int)filter->launch_type, filter->is_stopped + 2 * filter->is_nothing);
}

static bool is_match(const struct filter *filter, const struct task *task)
{
    return (!filter->family || str_eq(task->family, filter->family)) &&
           (!filter->service || str_eq(task->service, filter->service)) &&
           (!filter->instance || id_cmp(&task->instance, filter->instance) == 0) &&
           (filter->launch_type == LAUNCH_TYPE_NONE || task->launch_type == filter->launch_type);
}

/* The list to walk: an instance has fewest tasks, a family may have most of a cluster's. */
static enum task_list narrowest(struct call *call, const struct filter *filter,
                                const char **ret_key)
{
    *ret_key = NULL;
    if (filter->instance) {
        *ret_key = instance_hex(call->arena, filter->instance);
        return TASKS_BY_INSTANCE;
    }
    if (filter->service) {
        *ret_key = filter->service;
        return TASKS_BY_SERVICE;
    }
    if (filter->started_by) {
        *ret_key = filter->started_by;
        return TASKS_BY_STARTED_BY;
    }
    if (filter->family) {
        *ret_key = filter->family;
        return TASKS_BY_FAMILY;
    }
    return TASKS_BY_CLUSTER;
}

static struct error *fill_page(struct call *call, const struct filter *filter, struct page *page,
                               struct ecs_list_tasks_response *out)
{
    const struct scope *scope = call_scope(call);
    struct state *state = ecs_of(call)->state;
    const char *key;
    enum task_list list = narrowest(call, filter, &key);
    struct id start;
    const struct id *after;
    size_t looked_at = 0;

    TRY(page_after_id(page, &start, &after));
    SET_LIST(call->arena, &out->task_arns, page->limit);
    out->task_arns.count = 0;
    for (const struct task *task; !filter->is_nothing; after = &task->id) {
        task =
            state_task_after(state, scope, filter->cluster, list, key, filter->is_stopped, after);
        if (!task)
            break;
        if (page_is_full(page) || looked_at++ == LIST_TASKS_WALK_MAX) {
            out->next_token = page_token_id(page, after);
            break;
        }
        if (!is_match(filter, task))
            continue;
        out->task_arns.items[page->count++] =
            arn_task(call->arena, scope, task->cluster, &task->id);
        out->task_arns.count = page->count;
    }
    return NULL;
}

struct error *api_list_tasks(struct call *call, const struct ecs_list_tasks_request *in,
                             struct ecs_list_tasks_response *out)
{
    struct filter filter;
    struct page page;

    TRY(resolve(call, in, &filter));
    TRY(call_authorize(call, "ecs:ListTasks",
                       filter.instance ? arn_container_instance(call->arena, call_scope(call),
                                                                filter.cluster, filter.instance)
                                       : "*"));
    TRY(page_open(call, "ListTasks", filter_text(call, &filter), PAGE_ASKED(in), LIST_TASKS_SIZE,
                  LIST_TASKS_SIZE, &page));
    return fill_page(call, &filter, &page, out);
}
