/* ListTasks (API-127): tasks in the order they were made; stopped ones the newest first (AG-340).
 *
 * A list of its own is kept for each filter but launchType, all ordered by id, and what is asked for
 * is in every one of them. So the lists are walked by turns: what the next of one list is without
 * being what is asked for, nothing before it can be, and the other list goes on behind it. That
 * costs twice the shorter list, however long the other is, without knowing which is the shorter.
 */
#include "core/shown_arn.h"
#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/paging.h"
#include "gen/ecs_handlers.h"

#define LIST_TASKS_SIZE 100
/* Tasks looked at for one page: only a launch type that few have is not found before. The page is
 * short then (API-057). */
#define LIST_TASKS_WALK_MAX 5000
#define FILTER_LISTS_MAX    4

/* A list that holds all that is asked for. */
struct walk {
    enum task_list list;
    const char *key;
};

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
           (!filter->started_by || str_eq(task->started_by, filter->started_by)) &&
           (!filter->instance || id_cmp(&task->instance, filter->instance) == 0) &&
           (filter->launch_type == LAUNCH_TYPE_NONE || task->launch_type == filter->launch_type);
}

static size_t lists_of(struct call *call, const struct filter *filter,
                       struct walk walks[FILTER_LISTS_MAX])
{
    size_t count = 0;

    if (filter->instance)
        walks[count++] =
            (struct walk){TASKS_BY_INSTANCE, instance_hex(call->arena, filter->instance)};
    if (filter->service)
        walks[count++] = (struct walk){TASKS_BY_SERVICE, filter->service};
    if (filter->started_by)
        walks[count++] = (struct walk){TASKS_BY_STARTED_BY, filter->started_by};
    if (filter->family)
        walks[count++] = (struct walk){TASKS_BY_FAMILY, filter->family};
    if (count == 0)
        walks[count++] = (struct walk){TASKS_BY_CLUSTER, NULL};
    return count;
}

static const struct task *next_in(struct call *call, const struct filter *filter,
                                  const struct walk *walk, const struct id *from)
{
    return (filter->is_stopped ? state_task_before : state_task_after)(
        ecs_of(call)->state, call_scope(call), filter->cluster, walk->list, walk->key,
        filter->is_stopped, from);
}

static struct error *fill_page(struct call *call, const struct filter *filter, struct page *page,
                               struct ecs_list_tasks_response *out)
{
    struct walk walks[FILTER_LISTS_MAX];
    size_t walk_count = lists_of(call, filter, walks);
    const struct task *task;
    struct id start;
    const struct id *from;
    size_t looked_at = 0;
    size_t turn = 0;

    TRY(page_after_id(page, &start, &from));
    SET_LIST(call->arena, &out->task_arns, page->limit);
    out->task_arns.count = 0;
    while (!filter->is_nothing && (task = next_in(call, filter, &walks[turn], from))) {
        if (page_is_full(page) || looked_at++ == LIST_TASKS_WALK_MAX) {
            out->next_token = page_token_id(page, from);
            break;
        }
        from = &task->id;
        if (is_match(filter, task)) {
            out->task_arns.items[page->count++] =
                shown_task_arn(call->arena, call_scope(call), task);
            out->task_arns.count = page->count;
        } else {
            turn = (turn + 1) % walk_count;
        }
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
