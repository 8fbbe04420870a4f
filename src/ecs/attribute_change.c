/* attribute_change.c - PutAttributes and DeleteAttributes: all of a request or nothing. */
#include <string.h>

#include "core/shown_arn.h"
#include "ecs/attribute.h"
#include "ecs/auth.h"
#include "ecs/names.h"
#include "gen/ecs_handlers.h"

#define CHANGED_MAX 10 /* API-063 */

/* An attribute of the request and whose it is. */
struct request {
    const struct ecs_attribute *asked;
    struct id id;
    const struct container_instance *instance;
};

struct requests {
    const char *cluster;
    struct request items[CHANGED_MAX];
    size_t count;
};

/* ---- what is asked ---- */

static struct error *read_target(struct call *call, const char *cluster,
                                 const struct ecs_attribute *asked, struct id *ret_id)
{
    if (str_is_empty(asked->target_id))
        return error_new(API_INVALID_PARAMETER, "The attribute '%.256s' has no targetId.",
                         asked->name);
    if (!arn_looks_like(asked->target_id) && !asked->target_type)
        return error_new(
            API_INVALID_PARAMETER,
            "The attribute '%.256s' has no targetType, which a targetId that is not an "
            "ARN needs.",
            asked->name);
    return names_instance_id(call, cluster, asked->target_id, ret_id);
}

/* Who may not ask does not learn what exists: authorization comes before looking anything up. */
static struct error *read_requests(struct call *call, const char *action, const char *cluster_text,
                                   const struct ecs_attributes *list, bool has_values,
                                   struct requests *ret)
{
    const struct cluster *cluster;

    if (list->count == 0)
        return error_new(API_INVALID_PARAMETER, "attributes cannot be empty.");
    if (list->count > CHANGED_MAX)
        return error_new(API_INVALID_PARAMETER, "attributes can have at most %d items.",
                         CHANGED_MAX);
    *ret = (struct requests){.count = list->count};
    TRY(names_cluster_name(call, cluster_text, &ret->cluster));
    for (size_t i = 0; i < ret->count; i++) {
        struct request *request = &ret->items[i];

        request->asked = &list->items[i];
        if (!request->asked->name)
            return error_new(API_INVALID_PARAMETER, "An attribute has no name.");
        TRY(attribute_check(request->asked->name, has_values ? request->asked->value : NULL));
        TRY(read_target(call, ret->cluster, request->asked, &request->id));
        TRY(call_authorize(
            call, action,
            arn_container_instance(call->arena, call_scope(call), ret->cluster, &request->id)));
    }
    TRY(names_find_cluster(call, cluster_text, &cluster));
    ret->cluster = cluster->name;
    for (size_t i = 0; i < ret->count; i++) {
        struct request *request = &ret->items[i];

        request->instance =
            state_instance(ecs_of(call)->state, call_scope(call), ret->cluster, &request->id);
        if (!request->instance || request->instance->status == INSTANCE_INACTIVE)
            return error_new(API_TARGET_NOT_FOUND, "The specified target '%.256s' was not found.",
                             request->asked->target_id);
    }
    return NULL;
}

static void answer(struct call *call, const struct request *request, const char *value,
                   struct ecs_attribute *ret)
{
    ret->name = request->asked->name;
    ret->value = value;
    ret->target_id = shown_instance_arn(call->arena, call_scope(call), request->instance);
}

/* ---- PutAttributes ---- */

/* Named for the first time in the request, and not there yet. */
static bool is_new(const struct requests *requests, size_t index)
{
    const struct request *request = &requests->items[index];

    if (attribute_find(request->instance, request->asked->name))
        return false;
    for (size_t i = 0; i < index; i++)
        if (requests->items[i].instance == request->instance &&
            strcmp(requests->items[i].asked->name, request->asked->name) == 0)
            return false;
    return true;
}

static struct error *check_room(struct call *call, const struct requests *requests)
{
    for (size_t i = 0; i < requests->count; i++) {
        const struct container_instance *instance = requests->items[i].instance;
        size_t count = attributes_count_custom(instance);
        size_t added = 0;

        for (size_t j = 0; j < requests->count; j++)
            added += requests->items[j].instance == instance && is_new(requests, j);
        if (added && count + added > (size_t)call_quota(call, QUOTA_ATTRIBUTES_PER_INSTANCE))
            return quota_error(ecs_of(call)->quotas, QUOTA_ATTRIBUTES_PER_INSTANCE,
                               API_ATTRIBUTE_LIMIT_EXCEEDED);
    }
    return NULL;
}

/* PutAttributes: makes or overwrites. */
struct error *api_put_attributes(struct call *call, const struct ecs_put_attributes_request *in,
                                 struct ecs_put_attributes_response *out)
{
    struct requests requests;

    TRY(read_requests(call, "ecs:PutAttributes", in->cluster, &in->attributes, true, &requests));
    TRY(check_room(call, &requests));
    SET_LIST(call->arena, &out->attributes, requests.count);
    for (size_t i = 0; i < requests.count; i++) {
        const struct request *request = &requests.items[i];

        attribute_put(txn_edit_instance(call->txn, request->instance), request->asked->name,
                      request->asked->value);
        answer(call, request, request->asked->value, &out->attributes.items[i]);
    }
    return NULL;
}

/* ---- DeleteAttributes ---- */

static bool is_named(const struct attribute *attribute, const void *name)
{
    return strcmp(attribute->name, name) == 0;
}

/* DeleteAttributes: by name; those that are not there are passed over, so that the call may be
 * repeated (API-021). Answers what was deleted. */
struct error *api_delete_attributes(struct call *call,
                                    const struct ecs_delete_attributes_request *in,
                                    struct ecs_delete_attributes_response *out)
{
    struct requests requests;

    TRY(read_requests(call, "ecs:DeleteAttributes", in->cluster, &in->attributes, false,
                      &requests));
    SET_LIST(call->arena, &out->attributes, requests.count);
    out->attributes.count = 0;
    for (size_t i = 0; i < requests.count; i++) {
        const struct request *request = &requests.items[i];
        const struct attribute *found = attribute_find(request->instance, request->asked->name);

        if (!found)
            continue;
        answer(call, request, arena_dup(call->arena, found->value),
               &out->attributes.items[out->attributes.count++]);
        attributes_drop(txn_edit_instance(call->txn, request->instance), is_named,
                        request->asked->name);
    }
    return NULL;
}
