#include <string.h>
#include <strings.h>

#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/tags.h"
#include "gen/ecs_handlers.h"

#define TAGS_MAX 50 /* API-039, MS-245 */

/* What a resource ARN names (API-174): one of these is set. */
struct tagged {
    const struct cluster *cluster;
    const struct service *service;
    const struct task *task;
    const struct container_instance *instance;
    const struct task_definition *definition;
    const struct tag *tags; /* of whichever it is */
    uint32_t count;
};

static struct error *refuse_arn(void)
{
    return error_new(API_INVALID_PARAMETER, "Invalid resource ARN.");
}

/* TagResource and UntagResource have a code of their own for this; ListTagsForResource has none. */
static struct error *not_found(enum api_error code)
{
    return error_new(code, "The specified resource was not found.");
}

/* "service/CLUSTER/NAME": the cluster's part of the resource. Old ARNs without one cannot be tagged
 * (API-040). */
static struct error *cluster_of(struct call *call, const struct arn *arn, const char **ret_cluster)
{
    const char *slash = strchr(arn->rest, '/');

    if (!slash)
        return error_new(API_INVALID_PARAMETER,
                         "Long arn format must be used for tagging operations");
    *ret_cluster = arena_dup_n(call->arena, arn->rest, (size_t)(slash - arn->rest));
    return NULL;
}

static struct error *find_definition(struct call *call, const char *text, enum api_error missing,
                                     struct tagged *ret)
{
    const char *family;
    int revision;

    TRY(names_family_revision(call, text, &family, &revision));
    ret->definition =
        state_task_definition(ecs_of(call)->state, call_scope(call), family, revision);
    if (!ret->definition)
        return not_found(missing);
    ret->tags = ret->definition->tags;
    ret->count = ret->definition->tags_count;
    return NULL;
}

static struct error *find_in_cluster(struct call *call, const char *text, const struct arn *arn,
                                     enum api_error missing, struct tagged *ret)
{
    struct state *state = ecs_of(call)->state;
    const struct scope *scope = call_scope(call);
    const char *cluster = NULL;
    const char *name;
    struct id id;

    TRY(cluster_of(call, arn, &cluster));
    if (strcmp(arn->type, "service") == 0) {
        TRY(names_service_name(call, cluster, text, &name));
        ret->service = state_service(state, scope, cluster, name);
        if (ret->service && ret->service->status == SERVICE_INACTIVE)
            ret->service = NULL;
        ret->tags = ret->service ? ret->service->tags : NULL;
        ret->count = ret->service ? ret->service->tags_count : 0;
        return ret->service ? NULL : not_found(missing);
    }
    if (strcmp(arn->type, "task") == 0) {
        TRY(names_task_id(call, cluster, text, &id));
        ret->task = state_task(state, scope, cluster, &id);
        ret->tags = ret->task ? ret->task->tags : NULL;
        ret->count = ret->task ? ret->task->tags_count : 0;
        return ret->task ? NULL : not_found(missing);
    }
    if (strcmp(arn->type, "container-instance") != 0)
        return refuse_arn();
    TRY(names_instance_id(call, cluster, text, &id));
    ret->instance = state_instance(state, scope, cluster, &id);
    ret->tags = ret->instance ? ret->instance->tags : NULL;
    ret->count = ret->instance ? ret->instance->tags_count : 0;
    return ret->instance ? NULL : not_found(missing);
}

static struct error *find_tagged(struct call *call, const char *text, enum api_error missing,
                                 struct tagged *ret)
{
    struct arn arn;

    *ret = (struct tagged){0};
    if (!text || !arn_parse(call->arena, text, &arn) || strcmp(arn.service, "ecs") != 0)
        return refuse_arn();
    if (strcmp(arn.type, "task-definition") == 0)
        return find_definition(call, text, missing, ret);
    if (strcmp(arn.type, "cluster") != 0)
        return find_in_cluster(call, text, &arn, missing, ret);
    TRY(names_find_cluster(call, text, &ret->cluster));
    ret->tags = ret->cluster->tags;
    ret->count = ret->cluster->tags_count;
    return NULL;
}

/* Makes room for `count` tags on the resource and lends them; those beyond the present ones are
 * empty. */
static struct tag *edit_tags(struct call *call, const struct tagged *tagged, uint32_t count)
{
    if (tagged->cluster)
        return cluster_resize_tags(txn_edit_cluster(call->txn, tagged->cluster), count);
    if (tagged->service)
        return service_resize_tags(txn_edit_service(call->txn, tagged->service), count);
    if (tagged->task)
        return task_resize_tags(txn_edit_task(call->txn, tagged->task), count);
    if (tagged->instance)
        return container_instance_resize_tags(txn_edit_instance(call->txn, tagged->instance),
                                              count);
    return task_definition_resize_tags(txn_edit_task_definition(call->txn, tagged->definition),
                                       count);
}

static bool is_managed(const char *key)
{
    return strncasecmp(key, "aws:", 4) == 0;
}

/* ---- the operations ---- */

struct error *api_list_tags_for_resource(struct call *call,
                                         const struct ecs_list_tags_for_resource_request *in,
                                         struct ecs_list_tags_for_resource_response *out)
{
    struct tagged tagged;

    TRY(call_authorize(call, "ecs:ListTagsForResource", in->resource_arn));
    TRY(find_tagged(call, in->resource_arn, API_INVALID_PARAMETER, &tagged));
    tags_answer(call->arena, tagged.tags, tagged.count, &out->tags);
    return NULL;
}

static struct ecs_tag *find_tag(struct ecs_tags *list, const char *key)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].key, key) == 0)
            return &list->items[i];
    return NULL;
}

/* TagResource: sets the tags given, the others stay (API-174). */
struct error *api_tag_resource(struct call *call, const struct ecs_tag_resource_request *in,
                               struct ecs_tag_resource_response *out UNUSED)
{
    struct ecs_tags merged;
    struct tagged tagged;
    size_t own = 0;

    TRY(call_authorize(call, "ecs:TagResource", in->resource_arn));
    TRY(find_tagged(call, in->resource_arn, API_RESOURCE_NOT_FOUND, &tagged));
    TRY(tags_check(&in->tags, API_INVALID_PARAMETER));
    SET_LIST(call->arena, &merged, tagged.count + in->tags.count);
    merged.count = tagged.count;
    for (size_t i = 0; i < tagged.count; i++)
        merged.items[i] = (struct ecs_tag){
            .key = arena_dup(call->arena, tagged.tags[i].key),
            .value = arena_dup(call->arena, tagged.tags[i].value),
        };
    for (size_t i = 0; i < in->tags.count; i++) {
        struct ecs_tag *tag = find_tag(&merged, in->tags.items[i].key);

        if (!tag)
            tag = &merged.items[merged.count++];
        *tag = in->tags.items[i];
    }
    for (size_t i = 0; i < merged.count; i++)
        own += !is_managed(merged.items[i].key);
    if (own > TAGS_MAX)
        return error_new(API_INVALID_PARAMETER, "A resource can have at most %d tags.", TAGS_MAX);
    tags_fill(edit_tags(call, &tagged, (uint32_t)merged.count), &merged);
    return NULL;
}

static bool is_removed(const struct ecs_tag_keys *keys, const char *key)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->items[i], key) == 0)
            return true;
    return false;
}

/* UntagResource: keys that are not there are no error. */
struct error *api_untag_resource(struct call *call, const struct ecs_untag_resource_request *in,
                                 struct ecs_untag_resource_response *out UNUSED)
{
    struct ecs_tags left;
    struct tagged tagged;

    TRY(call_authorize(call, "ecs:UntagResource", in->resource_arn));
    TRY(find_tagged(call, in->resource_arn, API_RESOURCE_NOT_FOUND, &tagged));
    for (size_t i = 0; i < in->tag_keys.count; i++)
        if (is_managed(in->tag_keys.items[i]))
            return error_new(API_INVALID_PARAMETER, "Tags that begin with aws: cannot be removed.");
    SET_LIST(call->arena, &left, tagged.count);
    left.count = 0;
    for (size_t i = 0; i < tagged.count; i++)
        if (!is_removed(&in->tag_keys, tagged.tags[i].key))
            left.items[left.count++] = (struct ecs_tag){
                .key = arena_dup(call->arena, tagged.tags[i].key),
                .value = arena_dup(call->arena, tagged.tags[i].value),
            };
    if (left.count != tagged.count)
        tags_fill(edit_tags(call, &tagged, (uint32_t)left.count), &left);
    return NULL;
}
