#include "ecs/names.h"

#include <limits.h>
#include <string.h>

#include "core/capacity.h"

/* What a kind of resource is called in ARNs and in ECS's refusals. */
struct kind {
    const char *arn_type;
    const char *parameter;  /* "taskId longer than 36." */
    const char *word;       /* "task length should be one of [32,36]" */
    const char *identifier; /* "Task Identifier is invalid" */
};
static const struct kind kind_cluster = {"cluster", NULL, NULL, "Cluster"};
static const struct kind kind_service = {"service", NULL, NULL, "Service"};
static const struct kind kind_task = {"task", "taskId", "task", "Task"};
static const struct kind kind_instance = {"container-instance", "containerInstanceId",
                                          "container instance", "Container Instance"};

#define ID_HEX_CHARS 32
#define UUID_CHARS   36

const struct scope *call_scope(struct call *call)
{
    return state_scope(ecs_of(call)->state, call->region, call->account);
}

static struct error *refuse_identifier(const struct kind *kind)
{
    return error_new(API_INVALID_PARAMETER, "%s Identifier is invalid", kind->identifier);
}

/* What follows the kind in an ARN of the call's region and account (API-033). */
static struct error *own_arn(struct call *call, const struct kind *kind, const char *text,
                             const char **ret_rest)
{
    const struct scope *scope = call_scope(call);
    struct arn arn;

    if (!arn_parse(call->arena, text, &arn) || strcmp(arn.partition, "aws") != 0 ||
        strcmp(arn.service, "ecs") != 0 || strcmp(arn.type, kind->arn_type) != 0 || !*arn.rest)
        return refuse_identifier(kind);
    if (strcmp(arn.account, scope->account) != 0)
        return error_new(API_INVALID_PARAMETER, "Identifier is for %.64s. Your accountId is %s",
                         arn.account, scope->account);
    if (strcmp(arn.region, scope->region) != 0)
        return error_new(API_INVALID_PARAMETER, "Identifier is for %.64s. Your region is %s",
                         arn.region, scope->region);
    *ret_rest = arn.rest;
    return NULL;
}

/* The last part of an ARN of something in a cluster; the old form names no cluster (API-032). */
static struct error *part_in_cluster(struct call *call, const struct kind *kind,
                                     const char *cluster, const char *text, const char **ret_part)
{
    const char *rest = "";
    const char *slash;
    size_t len;

    TRY(own_arn(call, kind, text, &rest));
    slash = strchr(rest, '/');
    if (!slash) {
        *ret_part = rest;
        return NULL;
    }
    len = (size_t)(slash - rest);
    if (strlen(cluster) != len || memcmp(cluster, rest, len) != 0)
        return error_new(API_INVALID_PARAMETER,
                         "Identifier is for cluster %.*s. Your cluster is %s",
                         (int)(len > 255 ? 255 : len), rest, cluster);
    *ret_part = slash + 1;
    return NULL;
}

/* ---- clusters ---- */

struct error *names_cluster_name(struct call *call, const char *text, const char **ret_name)
{
    if (str_is_empty(text)) {
        *ret_name = "default";
        return NULL;
    }
    if (arn_looks_like(text)) {
        TRY(own_arn(call, &kind_cluster, text, &text));
    }
    if (!name_is_valid(text))
        return error_new(API_INVALID_PARAMETER,
                         "Cluster must match ^[a-zA-Z0-9\\-_]{1,255}$, but was %.256s", text);
    *ret_name = text;
    return NULL;
}

static struct error *find_cluster(struct call *call, const char *text, bool is_inactive_fine,
                                  const struct cluster **ret_cluster)
{
    const struct cluster *cluster;
    const char *name = NULL;

    TRY(names_cluster_name(call, text, &name));
    cluster = state_cluster(ecs_of(call)->state, call_scope(call), name);
    if (!cluster)
        return error_new(API_CLUSTER_NOT_FOUND, "Cluster not found.");
    if (!cluster_is_open(cluster) && !is_inactive_fine)
        return error_new(API_CLUSTER_NOT_FOUND, "The referenced cluster was inactive.");
    *ret_cluster = cluster;
    return NULL;
}

struct error *names_find_any_cluster(struct call *call, const char *text,
                                     const struct cluster **ret_cluster)
{
    return find_cluster(call, text, true, ret_cluster);
}

struct error *names_find_cluster(struct call *call, const char *text,
                                 const struct cluster **ret_cluster)
{
    return find_cluster(call, text, false, ret_cluster);
}

/* ---- container instances and tasks ---- */

static struct error *id_of(struct call *call, const struct kind *kind, const char *cluster,
                           const char *text, struct id *ret_id)
{
    size_t len;

    if (str_is_empty(text))
        return error_new(API_INVALID_PARAMETER, "%s cannot be blank.", kind->parameter);
    if (arn_looks_like(text))
        TRY(part_in_cluster(call, kind, cluster, text, &text));
    len = strlen(text);
    if (len > UUID_CHARS)
        return error_new(API_INVALID_PARAMETER, "%s longer than 36.", kind->parameter);
    if (len != ID_HEX_CHARS && len != UUID_CHARS)
        return error_new(API_INVALID_PARAMETER, "%s length should be one of [32,36]", kind->word);
    if (!id_parse(text, ret_id))
        return refuse_identifier(kind);
    return NULL;
}

struct error *names_instance_id(struct call *call, const char *cluster, const char *text,
                                struct id *ret_id)
{
    return id_of(call, &kind_instance, cluster, text, ret_id);
}

struct error *names_find_instance(struct call *call, const char *cluster, const char *text,
                                  const struct container_instance **ret_instance)
{
    const struct container_instance *instance;
    struct id id;

    TRY(names_instance_id(call, cluster, text, &id));
    instance = state_instance(ecs_of(call)->state, call_scope(call), cluster, &id);
    if (!instance)
        return error_new(API_INVALID_PARAMETER, "The referenced container instance was not found.");
    *ret_instance = instance;
    return NULL;
}

struct error *names_task_id(struct call *call, const char *cluster, const char *text,
                            struct id *ret_id)
{
    return id_of(call, &kind_task, cluster, text, ret_id);
}

struct error *names_find_task(struct call *call, const char *cluster, const char *text,
                              const struct task **ret_task)
{
    const struct task *task;
    struct id id;

    TRY(names_task_id(call, cluster, text, &id));
    task = state_task(ecs_of(call)->state, call_scope(call), cluster, &id);
    if (!task)
        return error_new(API_INVALID_PARAMETER, "The referenced task was not found.");
    *ret_task = task;
    return NULL;
}

/* ---- services ---- */

struct error *names_service_name(struct call *call, const char *cluster, const char *text,
                                 const char **ret_name)
{
    if (str_is_empty(text))
        return error_new(API_INVALID_PARAMETER, "Service cannot be empty.");
    if (arn_looks_like(text))
        TRY(part_in_cluster(call, &kind_service, cluster, text, &text));
    if (!name_is_valid(text))
        return refuse_identifier(&kind_service);
    *ret_name = text;
    return NULL;
}

static struct error *find_service(struct call *call, const char *cluster, const char *text,
                                  bool is_ending_fine, const struct service **ret_service)
{
    const struct service *service;
    const char *name = NULL;

    TRY(names_service_name(call, cluster, text, &name));
    service = state_service(ecs_of(call)->state, call_scope(call), cluster, name);
    if (!service)
        return error_new(API_SERVICE_NOT_FOUND, "Service not found.");
    if (service->status != SERVICE_ACTIVE && !is_ending_fine)
        return error_new(API_SERVICE_NOT_ACTIVE, "Service was not ACTIVE.");
    *ret_service = service;
    return NULL;
}

struct error *names_find_service(struct call *call, const char *cluster, const char *text,
                                 const struct service **ret_service)
{
    return find_service(call, cluster, text, true, ret_service);
}

struct error *names_find_active_service(struct call *call, const char *cluster, const char *text,
                                        const struct service **ret_service)
{
    return find_service(call, cluster, text, false, ret_service);
}

struct error *names_service_part(struct call *call, const char *type, const char *identifier,
                                 const char *text, struct service_part *ret)
{
    const struct kind kind = {type, NULL, NULL, identifier};
    const char *rest = "";
    const char *first, *second;

    if (str_is_empty(text) || !arn_looks_like(text))
        return refuse_identifier(&kind);
    TRY(own_arn(call, &kind, text, &rest));
    first = strchr(rest, '/');
    second = first ? strchr(first + 1, '/') : NULL;
    if (!second || !second[1] || strchr(second + 1, '/'))
        return refuse_identifier(&kind);
    *ret = (struct service_part){
        .cluster = arena_dup_n(call->arena, rest, (size_t)(first - rest)),
        .service = arena_dup_n(call->arena, first + 1, (size_t)(second - first - 1)),
        .id = second + 1,
    };
    return NULL;
}

/* ---- capacity providers ---- */

static const struct kind kind_provider = {"capacity-provider", NULL, NULL, "Capacity Provider"};

struct error *names_provider_name(struct call *call, const char *text, const char **ret_name)
{
    const char *slash;

    if (str_is_empty(text))
        return error_new(API_INVALID_PARAMETER, "Capacity provider cannot be empty.");
    if (arn_looks_like(text)) {
        TRY(own_arn(call, &kind_provider, text, &text));
        slash = strchr(text, '/');
        if (slash)
            text = arena_dup_n(call->arena, text, (size_t)(slash - text));
    }
    if (!name_is_valid(text))
        return refuse_identifier(&kind_provider);
    *ret_name = text;
    return NULL;
}

/* ---- task definitions ---- */

static const struct kind kind_definition = {"task-definition", NULL, NULL, "TaskDefinition"};

struct error *names_family_revision(struct call *call, const char *text, const char **ret_family,
                                    int *ret_revision)
{
    const char *colon;
    const char *family;
    int64_t revision = 0;

    if (str_is_empty(text))
        return error_new(API_INVALID_PARAMETER, "TaskDefinition can not be blank.");
    if (arn_looks_like(text)) {
        TRY(own_arn(call, &kind_definition, text, &text));
    }
    colon = strchr(text, ':');
    family = colon ? arena_dup_n(call->arena, text, (size_t)(colon - text)) : text;
    if (!name_is_valid(family))
        return refuse_identifier(&kind_definition);
    if (colon && (!str_to_int64(colon + 1, &revision) || revision < 1 || revision > INT_MAX))
        return error_new(API_INVALID_PARAMETER, "Invalid revision number. Number: %.64s",
                         colon + 1);
    *ret_family = family;
    *ret_revision = (int)revision;
    return NULL;
}

static struct error *lookup_definition(struct call *call, const char *text,
                                       const struct task_definition **ret_definition)
{
    const char *family = NULL;
    int revision = 0;

    TRY(names_family_revision(call, text, &family, &revision));
    *ret_definition =
        revision ? state_task_definition(ecs_of(call)->state, call_scope(call), family, revision)
                 : state_task_definition_latest(ecs_of(call)->state, call_scope(call), family);
    return NULL;
}

struct error *names_find_task_definition(struct call *call, const char *text,
                                         const struct task_definition **ret_definition)
{
    const struct task_definition *definition = NULL;

    TRY(lookup_definition(call, text, &definition));
    if (!definition)
        return error_new(API_CLIENT, "Unable to describe task definition.");
    *ret_definition = definition;
    return NULL;
}

struct error *names_find_active_task_definition(struct call *call, const char *text,
                                                const struct task_definition **ret_definition)
{
    const struct task_definition *definition = NULL;

    TRY(lookup_definition(call, text, &definition));
    if (!definition)
        return error_new(API_CLIENT, "TaskDefinition not found.");
    if (definition->status != DEFINITION_ACTIVE)
        return error_new(API_INVALID_PARAMETER, "TaskDefinition is inactive");
    *ret_definition = definition;
    return NULL;
}
