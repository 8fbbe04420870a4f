/* TagResource, UntagResource, ListTagsForResource: tags of whatever an ARN names (API-039 to
 * API-041, API-174, SC-348 to SC-353).
 */
#include <string.h>
#include <strings.h>

#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/tags.h"
#include "gen/ecs_handlers.h"

/* What a resource ARN names (API-174): one of these is set. */
struct tagged {
    const struct cluster *cluster;
    const struct service *service;
    const struct task *task;
    const struct container_instance *instance;
    const struct task_definition *definition;
    const struct capacity_provider *provider;
    const struct task_set *task_set;
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

/* API-040 */
static struct error *refuse_old_arn(void)
{
    return error_new(API_INVALID_PARAMETER, "Long arn format must be used for tagging operations");
}

/* "service/CLUSTER/NAME": the cluster's part of the resource; old ARNs have none. */
static struct error *cluster_of(struct call *call, const struct arn *arn, const char **ret_cluster)
{
    const char *slash = strchr(arn->rest, '/');

    if (!slash)
        return refuse_old_arn();
    *ret_cluster = arena_dup_n(call->arena, arn->rest, (size_t)(slash - arn->rest));
    return NULL;
}

#define KEEP(tagged, kind, found)                                                                  \
    ((tagged)->kind = (found), (tagged)->tags = (found)->tags,                                     \
     (tagged)->count = (found)->tags_count, (struct error *)NULL)

static struct error *find_definition(struct call *call, const char *text, enum api_error missing,
                                     struct tagged *ret)
{
    const struct task_definition *found;
    const char *family;
    int revision;

    TRY(names_family_revision(call, text, &family, &revision));
    found = state_task_definition(ecs_of(call)->state, call_scope(call), family, revision);
    return found ? KEEP(ret, definition, found) : not_found(missing);
}

/* The two Fargate ones are there without a record, and take no tags. */
static struct error *find_provider(struct call *call, const char *text, enum api_error missing,
                                   struct tagged *ret)
{
    const struct capacity_provider *found;
    const char *name;

    TRY(names_provider_name(call, text, &name));
    found = state_capacity_provider(ecs_of(call)->state, call_scope(call), name);
    return found && found->status == PROVIDER_ACTIVE ? KEEP(ret, provider, found)
                                                     : not_found(missing);
}

static struct error *find_service(struct call *call, const char *text, const char *cluster,
                                  enum api_error missing, struct tagged *ret)
{
    const struct service *found;
    const char *name;

    TRY(names_service_name(call, cluster, text, &name));
    found = state_service(ecs_of(call)->state, call_scope(call), cluster, name);
    return found && found->status != SERVICE_INACTIVE ? KEEP(ret, service, found)
                                                      : not_found(missing);
}

/* "task-set/CLUSTER/SERVICE/ecs-svc/NUMBER": the last two parts are its id. */
static struct error *find_task_set(struct call *call, const struct arn *arn, const char *cluster,
                                   enum api_error missing, struct tagged *ret)
{
    const char *name = arn->rest + strlen(cluster) + 1;
    const char *slash = strchr(name, '/');
    const struct service *service;
    const struct task_set *found;

    if (!slash)
        return refuse_arn();
    if (strcmp(arn->account, call->account) != 0)
        return error_new(API_INVALID_PARAMETER, "Identifier is for %.64s. Your accountId is %s",
                         arn->account, call->account);
    if (strcmp(arn->region, call->region) != 0)
        return error_new(API_INVALID_PARAMETER, "Identifier is for %.64s. Your region is %s",
                         arn->region, call->region);
    name = arena_dup_n(call->arena, name, (size_t)(slash - name));
    service = state_service(ecs_of(call)->state, call_scope(call), cluster, name);
    found = service ? state_task_set(service, slash + 1) : NULL;
    return found ? KEEP(ret, task_set, found) : not_found(missing);
}

static struct error *find_task(struct call *call, const char *text, const char *cluster,
                               enum api_error missing, struct tagged *ret)
{
    const struct task *found;
    struct id id;

    TRY(names_task_id(call, cluster, text, &id));
    found = state_task(ecs_of(call)->state, call_scope(call), cluster, &id);
    return found ? KEEP(ret, task, found) : not_found(missing);
}

static struct error *find_instance(struct call *call, const char *text, const char *cluster,
                                   enum api_error missing, struct tagged *ret)
{
    const struct container_instance *found;
    struct id id;

    TRY(names_instance_id(call, cluster, text, &id));
    found = state_instance(ecs_of(call)->state, call_scope(call), cluster, &id);
    return found && found->status != INSTANCE_INACTIVE ? KEEP(ret, instance, found)
                                                       : not_found(missing);
}

static bool is_in_cluster(const char *type)
{
    static const char *const types[] = {"service", "task", "task-set", "container-instance"};

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

static struct error *find_in_cluster(struct call *call, const char *text, const struct arn *arn,
                                     enum api_error missing, struct tagged *ret)
{
    const char *cluster = NULL;

    if (!is_in_cluster(arn->type))
        return refuse_arn();
    TRY(cluster_of(call, arn, &cluster));
    if (strcmp(arn->type, "service") == 0)
        return find_service(call, text, cluster, missing, ret);
    if (strcmp(arn->type, "task") == 0)
        return find_task(call, text, cluster, missing, ret);
    if (strcmp(arn->type, "task-set") == 0)
        return find_task_set(call, arn, cluster, missing, ret);
    return find_instance(call, text, cluster, missing, ret);
}

static struct error *find_tagged(struct call *call, const char *text, enum api_error missing,
                                 struct tagged *ret)
{
    struct arn arn;

    *ret = (struct tagged){0};
    if (!text || !arn_parse(call->arena, text, &arn) || strcmp(arn.service, "ecs") != 0)
        return refuse_arn();
    if (strcmp(arn.type, "capacity-provider") == 0)
        return find_provider(call, text, missing, ret);
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
    if (tagged->provider)
        return capacity_provider_resize_tags(
            txn_edit_capacity_provider(call->txn, tagged->provider), count);
    if (tagged->task_set)
        return task_set_resize_tags(txn_edit_task_set(call->txn, tagged->task_set), count);
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

/* A stopped task lost its tags and gets no new ones (API-041). What was made with an old ARN cannot
 * be tagged by the new one either (API-040). */
static struct error *check_taggable(const struct tagged *tagged)
{
    if ((tagged->service && tagged->service->has_old_arn) ||
        (tagged->task && tagged->task->has_old_arn) ||
        (tagged->instance && tagged->instance->has_old_arn))
        return refuse_old_arn();
    if (tagged->task && tagged->task->desired_status == TASK_STOPPED)
        return error_new(API_INVALID_PARAMETER,
                         "The specified task is stopped. Specify a running task and try again.");
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
    TRY(check_taggable(&tagged));
    TRY(tags_check(ecs_of(call)->quotas, &in->tags, API_INVALID_PARAMETER));
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
    if ((int64_t)own > call_quota(call, QUOTA_TAGS_PER_RESOURCE)) /* API-039, MS-245 */
        return quota_error(ecs_of(call)->quotas, QUOTA_TAGS_PER_RESOURCE, API_INVALID_PARAMETER);
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
