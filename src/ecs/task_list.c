/* ListTasks (API-127): tasks in the order they were made; stopped ones the newest first (AG-340).
 *
 * A list of its own is kept for each filter but launchType, all ordered by id, and what is asked
 * for is in every one of them. So the lists are walked by turns: what the next of one list is
 * without being what is asked for, nothing before it can be, and the other list goes on behind it.
 * That costs twice the shorter list, however long the other is, without knowing which is the
 * shorter.
 */
#include "base/mem.h"
#include "core/shown_arn.h"
#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/paging.h"
#include "gen/ecs_handlers.h"
#include "state/archive.h"
#include "wire/flow.h"

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

/* ---- what was found ---- */

struct item {
    struct id id;
    const char *arn;
};

/* What is asked for, in the order of the list: all up to `last`, or all there is. */
struct found {
    struct item *items;
    size_t count;
    struct id last; /* looked at */
    bool is_end;
};

/* One more than the page takes tells whether there is a next page. */
static size_t enough(const struct page *page)
{
    return page->limit + 1;
}

static void add_item(struct call *call, const struct task *task, struct found *ret)
{
    ret->items[ret->count++] =
        (struct item){task->id, shown_task_arn(call->arena, call_scope(call), task)};
}

static void find_in_memory(struct call *call, const struct filter *filter, const struct page *page,
                           const struct id *from, struct found *ret)
{
    struct walk walks[FILTER_LISTS_MAX];
    size_t walk_count = lists_of(call, filter, walks);
    const struct task *task;
    size_t turn = 0;

    *ret = (struct found){.items = ARENA_ARRAY(call->arena, struct item, enough(page))};
    for (size_t looked_at = 0; looked_at < LIST_TASKS_WALK_MAX && ret->count < enough(page);
         looked_at++) {
        task = filter->is_nothing ? NULL : next_in(call, filter, &walks[turn], from);
        if (!task) {
            ret->is_end = true;
            return;
        }
        from = &task->id;
        ret->last = task->id;
        if (is_match(filter, task))
            add_item(call, task, ret);
        else
            turn = (turn + 1) % walk_count;
    }
}

static int list_cmp(const struct filter *filter, const struct id *a, const struct id *b)
{
    return filter->is_stopped ? id_cmp(b, a) : id_cmp(a, b);
}

/* What is behind the last one looked at is not known. */
static bool is_known(const struct filter *filter, const struct found *found, const struct id *id)
{
    return found->is_end || list_cmp(filter, id, &found->last) <= 0;
}

/* The page, of what is in memory and what is in the archive. A task on its way from one to the
 * other may be in both. */
static void fill_page(struct call *call, const struct filter *filter, struct page *page,
                      const struct found *memory, const struct found *archive,
                      struct ecs_list_tasks_response *out)
{
    const struct found *sources[] = {memory, archive};
    const struct id *last = NULL;
    size_t at[2] = {0};

    SET_LIST(call->arena, &out->task_arns, page->limit);
    out->task_arns.count = 0;
    for (;;) {
        const struct item *next = NULL;

        for (size_t i = 0; i < 2; i++)
            if (at[i] < sources[i]->count &&
                (!next || list_cmp(filter, &sources[i]->items[at[i]].id, &next->id) < 0))
                next = &sources[i]->items[at[i]];
        if (!next || !is_known(filter, memory, &next->id) || !is_known(filter, archive, &next->id))
            break;
        if (page_is_full(page)) {
            out->next_token = page_token_id(page, last);
            return;
        }
        for (size_t i = 0; i < 2; i++)
            at[i] +=
                at[i] < sources[i]->count && id_cmp(&sources[i]->items[at[i]].id, &next->id) == 0;
        out->task_arns.items[page->count++] = next->arn;
        out->task_arns.count = page->count;
        last = &next->id;
    }
    /* As far as is known there is no more; the next page goes on from there. */
    last = NULL;
    for (size_t i = 0; i < 2; i++)
        if (!sources[i]->is_end && (!last || list_cmp(filter, &sources[i]->last, last) < 0))
            last = &sources[i]->last;
    if (last)
        out->next_token = page_token_id(page, last);
}

/* ---- the archive ---- */

struct list {
    struct flow flow;
    struct ecs_list_tasks_response *out; /* lent by the dispatcher until flow_end() */
    struct filter filter;
    struct page page;
    struct id start;
    bool has_start;
    struct found archive;
    size_t looked_at;
};

static const struct id *start_of(const struct list *list)
{
    return list->has_start ? &list->start : NULL;
}

static void read_archive(struct list *list);

static void on_archived(const struct error *err, const struct task *const *tasks, size_t count,
                        void *data)
{
    struct list *list = data;
    struct call *call = list->flow.call;
    struct found *found = &list->archive;
    struct found memory;

    if (err) {
        flow_end(&list->flow, error_copy(err));
        return;
    }
    found->is_end = count < ARCHIVE_READ_TASKS_MAX;
    for (size_t i = 0; i < count && found->count < enough(&list->page); i++) {
        found->last = tasks[i]->id;
        if (is_match(&list->filter, tasks[i]))
            add_item(call, tasks[i], found);
    }
    list->looked_at += count;
    found->is_end = found->is_end && found->count < enough(&list->page);
    if (!found->is_end && found->count < enough(&list->page) &&
        list->looked_at < LIST_TASKS_WALK_MAX && list->flow.is_cancelled == FLOW_RUNS) {
        read_archive(list);
        return;
    }
    find_in_memory(call, &list->filter, &list->page, start_of(list), &memory);
    fill_page(call, &list->filter, &list->page, &memory, found, list->out);
    flow_end(&list->flow, NULL);
}

static void read_archive(struct list *list)
{
    struct call *call = list->flow.call;

    archive_before(state_archive(ecs_of(call)->state), call_scope(call), list->filter.cluster,
                   list->looked_at ? &list->archive.last : start_of(list), ARCHIVE_READ_TASKS_MAX,
                   on_archived, list);
}

static void advance(struct flow *flow)
{
    struct list *list = CONTAINER_OF(flow, struct list, flow);

    list->archive.items = ARENA_ARRAY(flow->call->arena, struct item, enough(&list->page));
    read_archive(list);
}

static void list_free(struct flow *flow)
{
    free(CONTAINER_OF(flow, struct list, flow));
}

static const struct flow_methods list_methods = {.advance = advance, .free = list_free};

/* What the filter names outlives the records it was found by. */
static struct filter kept(struct arena *arena, const struct filter *filter)
{
    struct filter copy = *filter;

    copy.cluster = arena_dup(arena, filter->cluster);
    copy.family = arena_dup(arena, filter->family);
    copy.service = arena_dup(arena, filter->service);
    copy.started_by = arena_dup(arena, filter->started_by);
    if (filter->instance) {
        struct id *id = ARENA_NEW(arena, struct id);

        *id = *filter->instance;
        copy.instance = id;
    }
    return copy;
}

static struct flow *list_start(struct call *call, const struct filter *filter,
                               const struct page *page, const struct id *from,
                               struct ecs_list_tasks_response *out)
{
    struct list *list = xcalloc(1, sizeof(*list));

    list->flow.methods = &list_methods;
    list->out = out;
    list->filter = kept(call->arena, filter);
    list->page = *page;
    list->has_start = from != NULL;
    if (from)
        list->start = *from;
    return &list->flow;
}

/* ---- the operation ---- */

/* On the container instance that is asked about, if one is. */
static struct error *authorize(struct call *call, const struct ecs_list_tasks_request *in)
{
    const char *resource = "*";
    const char *cluster = NULL;
    struct id id;

    if (in->container_instance) {
        TRY(names_cluster_name(call, in->cluster, &cluster));
        TRY(names_instance_id(call, cluster, in->container_instance, &id));
        resource = arn_container_instance(call->arena, call_scope(call), cluster, &id);
    }
    return call_authorize(call, "ecs:ListTasks", resource);
}

struct error *api_list_tasks(struct call *call, const struct ecs_list_tasks_request *in,
                             struct ecs_list_tasks_response *out, struct flow **ret_flow)
{
    static const struct found nothing = {.is_end = true};
    struct filter filter;
    struct found memory;
    struct page page;
    struct id start;
    const struct id *from;

    TRY(authorize(call, in));
    TRY(resolve(call, in, &filter));
    TRY(page_open(call, "ListTasks", filter_text(call, &filter), PAGE_ASKED(in), LIST_TASKS_SIZE,
                  LIST_TASKS_SIZE, &page));
    TRY(page_after_id(&page, &start, &from));
    if (filter.is_stopped && !filter.is_nothing && state_archive(ecs_of(call)->state)) {
        *ret_flow = list_start(call, &filter, &page, from, out);
        return NULL;
    }
    find_in_memory(call, &filter, &page, from, &memory);
    fill_page(call, &filter, &page, &memory, &nothing, out);
    return NULL;
}
