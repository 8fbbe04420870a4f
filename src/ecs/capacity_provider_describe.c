#include <string.h>

#include "ecs/auth.h"
#include "ecs/capacity_provider.h"
#include "ecs/capacity_strategy.h"
#include "ecs/names.h"
#include "ecs/paging.h"
#include "ecs/tags.h"
#include "gen/ecs_handlers.h"

#define PROVIDERS_PER_PAGE   10 /* API-058 */
#define PROVIDERS_ASKED_MAX  100
#define PROVIDERS_PASSED_MAX 5000

static enum ecs_capacity_provider_update_status update_status(enum provider_update update)
{
    static const enum ecs_capacity_provider_update_status statuses[PROVIDER_UPDATE_COUNT] = {
        [PROVIDER_UPDATE_UPDATE_IN_PROGRESS] =
            ECS_CAPACITY_PROVIDER_UPDATE_STATUS_UPDATE_IN_PROGRESS,
        [PROVIDER_UPDATE_UPDATE_COMPLETE] = ECS_CAPACITY_PROVIDER_UPDATE_STATUS_UPDATE_COMPLETE,
        [PROVIDER_UPDATE_UPDATE_FAILED] = ECS_CAPACITY_PROVIDER_UPDATE_STATUS_UPDATE_FAILED,
        [PROVIDER_UPDATE_DELETE_IN_PROGRESS] =
            ECS_CAPACITY_PROVIDER_UPDATE_STATUS_DELETE_IN_PROGRESS,
        [PROVIDER_UPDATE_DELETE_COMPLETE] = ECS_CAPACITY_PROVIDER_UPDATE_STATUS_DELETE_COMPLETE,
        [PROVIDER_UPDATE_DELETE_FAILED] = ECS_CAPACITY_PROVIDER_UPDATE_STATUS_DELETE_FAILED,
    };

    return statuses[update];
}

struct error *provider_describe(struct call *call, const struct capacity_provider *provider,
                                bool with_tags, struct ecs_capacity_provider *ret)
{
    ret->capacity_provider_arn =
        arn_capacity_provider(call->arena, call_scope(call), provider->name);
    ret->name = provider->name;
    ret->status = provider->status == PROVIDER_INACTIVE ? ECS_CAPACITY_PROVIDER_STATUS_INACTIVE
                                                        : ECS_CAPACITY_PROVIDER_STATUS_ACTIVE;
    ret->update_status = update_status(provider->update);
    ret->update_status_reason = provider->update_reason;
    ret->type = ECS_CAPACITY_PROVIDER_TYPE_EC2_AUTOSCALING;
    ret->auto_scaling_group_provider =
        ARENA_NEW(call->arena, struct ecs_auto_scaling_group_provider);
    TRY(provider_group_read(call, provider, ret->auto_scaling_group_provider));
    ret->tags.is_set = true;
    if (with_tags)
        tags_answer(call->arena, provider->tags, provider->tags_count, &ret->tags);
    return NULL;
}

/* CL-051: there without being made. */
static void describe_fargate(struct call *call, const char *name, struct ecs_capacity_provider *ret)
{
    ret->capacity_provider_arn = arn_capacity_provider(call->arena, call_scope(call), name);
    ret->name = name;
    ret->status = ECS_CAPACITY_PROVIDER_STATUS_ACTIVE;
    ret->type = strcmp(name, "FARGATE") == 0 ? ECS_CAPACITY_PROVIDER_TYPE_FARGATE
                                             : ECS_CAPACITY_PROVIDER_TYPE_FARGATE_SPOT;
    ret->tags.is_set = true;
}

/* ---- DescribeCapacityProviders ---- */

/* What the parts of the operation share. */
struct asked {
    struct call *call;
    const struct cluster *cluster; /* NULL: of the account */
    bool with_tags;
    struct page page;
    struct ecs_describe_capacity_providers_response *out;
};

static bool is_in_cluster(const struct cluster *cluster, const char *name)
{
    for (uint32_t i = 0; cluster && i < cluster->capacity_providers_count; i++)
        if (strcmp(cluster->capacity_providers[i], name) == 0)
            return true;
    return !cluster;
}

static struct error *answer_one(struct asked *asked, const char *name)
{
    struct call *call = asked->call;
    struct ecs_describe_capacity_providers_response *out = asked->out;
    const struct capacity_provider *provider =
        state_capacity_provider(ecs_of(call)->state, call_scope(call), name);

    asked->page.count++;
    if (!is_in_cluster(asked->cluster, name) || (!provider && !capacity_is_fargate(name))) {
        out->failures.items[out->failures.count++] = (struct ecs_failure){
            .arn = arn_capacity_provider(call->arena, call_scope(call), name),
            .reason = "MISSING",
        };
        return NULL;
    }
    if (!provider) {
        describe_fargate(call, name,
                         &out->capacity_providers.items[out->capacity_providers.count++]);
        return NULL;
    }
    return provider_describe(call, provider, asked->with_tags,
                             &out->capacity_providers.items[out->capacity_providers.count++]);
}

/* Those asked for, in their order; a token says how many were answered. */
static struct error *answer_named(struct asked *asked, const char *const *names, size_t count)
{
    int64_t start = 0;

    if (asked->page.after &&
        (!str_to_int64(asked->page.after, &start) || start < 0 || start > (int64_t)count))
        return error_new(API_INVALID_PARAMETER, "Invalid token");
    for (size_t i = (size_t)start; i < count; i++) {
        if (page_is_full(&asked->page)) {
            asked->out->next_token =
                page_token(&asked->page, arena_printf(asked->call->arena, "%zu", i));
            return NULL;
        }
        TRY(answer_one(asked, names[i]));
    }
    return NULL;
}

/* The built-in ones, then the made ones by name: none of those begins with "fargate". */
static const char *name_after(struct asked *asked, const char *after)
{
    const struct capacity_provider *provider;

    if (!after)
        return "FARGATE";
    if (strcmp(after, "FARGATE") == 0)
        return "FARGATE_SPOT";
    provider = state_capacity_provider_after(ecs_of(asked->call)->state, call_scope(asked->call),
                                             strcmp(after, "FARGATE_SPOT") == 0 ? NULL : after);
    return provider ? provider->name : NULL;
}

static bool is_gone(struct asked *asked, const char *name)
{
    const struct capacity_provider *provider =
        state_capacity_provider(ecs_of(asked->call)->state, call_scope(asked->call), name);

    return provider && provider->status == PROVIDER_INACTIVE;
}

static struct error *answer_all(struct asked *asked)
{
    const char *last = NULL;
    size_t passed = 0;

    for (const char *name = name_after(asked, asked->page.after); name;
         name = name_after(asked, name)) {
        bool is_listed = !is_gone(asked, name);

        if (last &&
            ((is_listed && page_is_full(&asked->page)) || ++passed > PROVIDERS_PASSED_MAX)) {
            asked->out->next_token = page_token(&asked->page, last);
            return NULL;
        }
        last = name;
        if (is_listed)
            TRY(answer_one(asked, name));
    }
    return NULL;
}

static struct error *read_names(struct call *call, const struct ecs_string_list *in,
                                const char **names, const char **ret_filters)
{
    CLEANUP(buf_done) struct buf filters = {0};

    buf_add_str(&filters, *ret_filters);
    for (size_t i = 0; i < in->count; i++) {
        TRY(names_provider_name(call, in->items[i], &names[i]));
        buf_printf(&filters, "/%s", names[i]);
    }
    *ret_filters = arena_dup(call->arena, filters.data);
    return NULL;
}

struct error *
api_describe_capacity_providers(struct call *call,
                                const struct ecs_describe_capacity_providers_request *in,
                                struct ecs_describe_capacity_providers_response *out)
{
    struct asked asked = {.call = call, .with_tags = in->include.count > 0, .out = out};
    const char **names = ARENA_ARRAY(call->arena, const char *, in->capacity_providers.count);
    const char *filters = "";

    TRY(call_authorize(call, "ecs:DescribeCapacityProviders", "*"));
    if (in->capacity_providers.count > PROVIDERS_ASKED_MAX)
        return error_new(API_INVALID_PARAMETER, "capacityProviders can have at most %d items.",
                         PROVIDERS_ASKED_MAX);
    if (!str_is_empty(in->cluster)) {
        TRY(names_find_cluster(call, in->cluster, &asked.cluster));
        filters = asked.cluster->name;
    }
    TRY(read_names(call, &in->capacity_providers, names, &filters));
    TRY(page_open(call, "DescribeCapacityProviders", filters, PAGE_ASKED(in), PROVIDERS_PER_PAGE,
                  PROVIDERS_PER_PAGE, &asked.page));
    SET_LIST(call->arena, &out->capacity_providers, asked.page.limit);
    SET_LIST(call->arena, &out->failures, asked.page.limit);
    out->capacity_providers.count = 0;
    out->failures.count = 0;
    if (in->capacity_providers.count > 0)
        return answer_named(&asked, names, in->capacity_providers.count);
    if (asked.cluster)
        return answer_named(&asked, asked.cluster->capacity_providers,
                            asked.cluster->capacity_providers_count);
    return answer_all(&asked);
}
