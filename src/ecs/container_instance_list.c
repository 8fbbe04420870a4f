/* container_instance_list.c - ListContainerInstances: by status and by the cluster query language
 * (SC-069 to SC-088). */
#include <string.h>

#include "base/mem.h"
#include "core/shown_arn.h"
#include "ecs/container_instance.h"
#include "ecs/names_enter.h"
#include "ecs/paging.h"
#include "gen/ecs_handlers.h"
#include "scheduler/query.h"

/* What an answer looks at at most, wanted or not; then the page is short and goes on (API-057). */
#define INSTANCES_PASSED_MAX 5000
#define TASKS_PASSED_MAX     50000

/* What is listed, and what was looked at for it. */
struct listing {
    struct call *call;
    const struct cluster *cluster;
    enum ecs_container_instance_status status; /* 0: all but INACTIVE (API-168, CL-269) */
    struct query *query;                       /* owned; NULL: no filter */
    struct query_run run;
    struct host_attribute *attributes; /* room for those of one instance; owned */
    size_t attribute_capacity;
    size_t instances_passed, tasks_passed;
};

static void listing_done(struct listing *listing)
{
    query_free(listing->query);
    free(listing->attributes);
}

/* ---- the query's view of an instance ---- */

struct groups {
    struct listing *listing;
    char instance[ID_HEX_SIZE];
};

/* Tasks that are wanted to run count (SC-086). */
static bool any_group(const void *data, query_group_test_fn *test, const void *arg)
{
    const struct groups *groups = data;
    struct listing *listing = groups->listing;
    const struct task *task = NULL;

    while ((task = state_task_after(ecs_of(listing->call)->state, call_scope(listing->call),
                                    listing->cluster->name, TASKS_BY_INSTANCE, groups->instance,
                                    false, task ? &task->id : NULL))) {
        listing->tasks_passed++;
        if (task->group && test(task->group, arg))
            return true;
    }
    return false;
}

static const struct host_attribute *attributes_of(struct listing *listing,
                                                  const struct container_instance *instance)
{
    if (listing->attribute_capacity < instance->attributes_count) {
        listing->attribute_capacity = instance->attributes_count;
        listing->attributes = xreallocarray(listing->attributes, listing->attribute_capacity,
                                            sizeof(*listing->attributes));
    }
    for (uint32_t i = 0; i < instance->attributes_count; i++)
        listing->attributes[i] =
            (struct host_attribute){instance->attributes[i].name, instance->attributes[i].value};
    return listing->attributes;
}

static bool passes(struct listing *listing, const struct container_instance *instance)
{
    struct groups groups = {.listing = listing};
    struct instance_counts counts;
    bool is_about_attributes;

    if (!listing->query)
        return true;
    is_about_attributes = query_subjects(listing->query) & BIT(QUERY_ATTRIBUTE);
    state_instance_counts(instance, &counts);
    id_format(&instance->id, groups.instance);
    return query_run_matches(
        &listing->run,
        &(struct query_instance){
            .agent_connected = state_instance_connected(instance),
            .agent_version = instance->agent_version,
            .ec2_instance_id = instance->ec2_instance_id,
            .registered_at_ms = instance->registered_at_ms,
            .running_tasks = counts.tasks_running,
            .attributes = is_about_attributes ? attributes_of(listing, instance) : NULL,
            .attribute_count = is_about_attributes ? instance->attributes_count : 0,
            .any_group = any_group,
            .tasks = &groups,
        });
}

static bool is_wanted(struct listing *listing, const struct container_instance *instance)
{
    if (listing->status ? strcmp(instance_status_name(instance->status),
                                 ecs_container_instance_status_name(listing->status)) != 0
                        : instance->status == INSTANCE_INACTIVE)
        return false;
    return passes(listing, instance);
}

/* ---- the page ---- */

static void fill(struct listing *listing, struct page *page, const struct id *after,
                 struct ecs_list_container_instances_response *out)
{
    struct call *call = listing->call;
    const struct scope *scope = call_scope(call);
    const struct container_instance *instance =
        state_instance_after(ecs_of(call)->state, scope, listing->cluster->name, after);
    const struct id *last = NULL;

    for (; instance; instance = state_instance_after(ecs_of(call)->state, scope,
                                                     listing->cluster->name, &instance->id)) {
        bool is_listed;

        if (listing->instances_passed++ == INSTANCES_PASSED_MAX ||
            (last && (listing->tasks_passed > TASKS_PASSED_MAX ||
                      (listing->query && query_run_is_spent(&listing->run))))) {
            out->next_token = page_token_id(page, last);
            return;
        }
        is_listed = is_wanted(listing, instance);
        if (is_listed && page_is_full(page)) {
            out->next_token = page_token_id(page, last);
            return;
        }
        last = &instance->id;
        if (!is_listed)
            continue;
        out->container_instance_arns.items[page->count++] =
            shown_instance_arn(call->arena, scope, instance);
    }
}

struct error *api_list_container_instances(struct call *call,
                                           const struct ecs_list_container_instances_request *in,
                                           struct ecs_list_container_instances_response *out)
{
    CLEANUP(listing_done) struct listing listing = {.call = call, .status = in->status};
    const struct id *after;
    struct id after_id;
    struct page page;

    TRY(names_look_cluster(call, "ecs:ListContainerInstances", in->cluster, &listing.cluster));
    if (!str_is_empty(in->filter))
        TRY(query_parse(in->filter, &listing.query));
    if (listing.query)
        query_run_begin(&listing.run, listing.query);
    TRY(page_open(call, "ListContainerInstances",
                  arena_printf(call->arena, "%s/%d/%s", listing.cluster->name, (int)in->status,
                               in->filter ? in->filter : ""),
                  PAGE_ASKED(in), 100, 100, &page));
    TRY(page_after_id(&page, &after_id, &after));
    SET_LIST(call->arena, &out->container_instance_arns, page.limit);
    fill(&listing, &page, after, out);
    out->container_instance_arns.count = page.count;
    return NULL;
}
