#include <string.h>

#include "ecs/auth.h"
#include "ecs/cluster.h"
#include "ecs/names.h"
#include "ecs/paging.h"
#include "ecs/tags.h"
#include "gen/ecs_handlers.h"
#include "gen/ecs_shapes.h"

#define CLUSTERS_DESCRIBED_MAX 100 /* API-063 */
#define CLUSTERS_PASSED_MAX    5000

static struct error *read_json(struct call *call, unsigned shape, const char *text, void *ret)
{
    return text ? shape_decode_text(&ecs_shapes[shape], 0, call->arena, text, strlen(text), ret)
                : NULL;
}

/* API-182. What runs on hosts of one's own outside EC2 has figures of its own, shown once there is
 * something to count. */
static void describe_statistics(struct call *call, const struct cluster_counts *counts,
                                struct ecs_statistics *ret)
{
    static const struct {
        const char *name;
        enum launch_type on;
    } kinds[] = {{"EC2", LAUNCH_TYPE_EC2},
                 {"Fargate", LAUNCH_TYPE_FARGATE},
                 {"External", LAUNCH_TYPE_EXTERNAL}};
    const struct {
        const char *verb, *what;
        const int64_t *on;
    } rows[] = {
        {"running", "TasksCount", counts->tasks_running_on},
        {"pending", "TasksCount", counts->tasks_pending_on},
        {"active", "ServiceCount", counts->services_active_on},
        {"draining", "ServiceCount", counts->services_draining_on},
    };

    SET_LIST(call->arena, ret, ARRAY_LEN(rows) * ARRAY_LEN(kinds));
    ret->count = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t j = 0; j < ARRAY_LEN(kinds); j++) {
            int64_t value = rows[i].on[kinds[j].on];

            if (kinds[j].on == LAUNCH_TYPE_EXTERNAL && value == 0)
                continue;
            ret->items[ret->count++] = (struct ecs_key_value_pair){
                .name =
                    arena_printf(call->arena, "%s%s%s", rows[i].verb, kinds[j].name, rows[i].what),
                .value = arena_printf(call->arena, "%lld", (long long)value),
            };
        }
}

static const char *uuid_text(struct arena *arena, const struct id *id)
{
    char hex[ID_HEX_SIZE];

    id_format(id, hex);
    return arena_printf(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                        hex + 20);
}

/* CL-036 */
static void describe_attachments(struct call *call, const struct cluster *cluster,
                                 struct ecs_cluster *ret)
{
    if (cluster->attachments_status != ATTACHMENTS_NONE)
        ret->attachments_status = attachments_status_name(cluster->attachments_status);
    if (cluster->attachments_count == 0)
        return;
    SET_LIST(call->arena, &ret->attachments, cluster->attachments_count);
    for (uint32_t i = 0; i < cluster->attachments_count; i++) {
        const struct cluster_attachment *attachment = &cluster->attachments[i];
        struct ecs_attachment *shown = &ret->attachments.items[i];

        shown->id = uuid_text(call->arena, &attachment->id);
        shown->type = "asp";
        shown->status = attachment_status_name(attachment->status);
        SET_LIST(call->arena, &shown->details, 2);
        shown->details.items[0] =
            (struct ecs_key_value_pair){"capacityProviderName", attachment->provider};
        shown->details.items[1] = (struct ecs_key_value_pair){
            "scalingPlanName", arena_printf(call->arena, "ECSManagedAutoScalingPlan-%s",
                                            uuid_text(call->arena, &attachment->plan))};
    }
}

struct error *cluster_describe(struct call *call, const struct cluster *cluster, unsigned with,
                               struct ecs_cluster *ret)
{
    struct cluster_counts counts;

    state_cluster_counts(cluster, &counts);
    ret->cluster_arn = arn_cluster(call->arena, call_scope(call), cluster->name);
    ret->cluster_name = cluster->name;
    ret->status = cluster_status_name(cluster->status);
    SET(ret, registered_container_instances_count, (int32_t)counts.instances_registered);
    SET(ret, running_tasks_count, (int32_t)counts.tasks_running);
    SET(ret, pending_tasks_count, (int32_t)counts.tasks_pending);
    SET(ret, active_services_count, (int32_t)counts.services_active);

    SET_LIST(call->arena, &ret->capacity_providers, cluster->capacity_providers_count);
    for (size_t i = 0; i < ret->capacity_providers.count; i++)
        ret->capacity_providers.items[i] = cluster->capacity_providers[i];
    ret->default_capacity_provider_strategy.is_set = true;
    TRY(read_json(call, ECS_SHAPE_CAPACITY_PROVIDER_STRATEGY, cluster->default_strategy,
                  &ret->default_capacity_provider_strategy));

    ret->statistics.is_set = true;
    ret->tags.is_set = true;
    ret->settings.is_set = true;
    if (with & CLUSTER_WITH_STATISTICS)
        describe_statistics(call, &counts, &ret->statistics);
    if (with & CLUSTER_WITH_TAGS)
        tags_answer(call->arena, cluster->tags, cluster->tags_count, &ret->tags);
    if (with & CLUSTER_WITH_ATTACHMENTS)
        describe_attachments(call, cluster, ret);
    if (cluster->service_connect_defaults) {
        ret->service_connect_defaults =
            ARENA_NEW(call->arena, struct ecs_cluster_service_connect_defaults);
        TRY(read_json(call, ECS_SHAPE_CLUSTER_SERVICE_CONNECT_DEFAULTS,
                      cluster->service_connect_defaults, ret->service_connect_defaults));
    }
    if (with & CLUSTER_WITH_SETTINGS)
        TRY(read_json(call, ECS_SHAPE_CLUSTER_SETTINGS, cluster->settings, &ret->settings));
    if ((with & CLUSTER_WITH_CONFIGURATION) && cluster->configuration) {
        ret->configuration = ARENA_NEW(call->arena, struct ecs_cluster_configuration);
        TRY(read_json(call, ECS_SHAPE_CLUSTER_CONFIGURATION, cluster->configuration,
                      ret->configuration));
    }
    return NULL;
}

static unsigned asked_for(const struct ecs_cluster_field_list *include)
{
    static const unsigned flags[] = {
        [ECS_CLUSTER_FIELD_ATTACHMENTS] = CLUSTER_WITH_ATTACHMENTS,
        [ECS_CLUSTER_FIELD_CONFIGURATIONS] = CLUSTER_WITH_CONFIGURATION,
        [ECS_CLUSTER_FIELD_SETTINGS] = CLUSTER_WITH_SETTINGS,
        [ECS_CLUSTER_FIELD_STATISTICS] = CLUSTER_WITH_STATISTICS,
        [ECS_CLUSTER_FIELD_TAGS] = CLUSTER_WITH_TAGS,
    };
    unsigned with = 0;

    for (size_t i = 0; i < include->count; i++)
        with |= flags[include->items[i]];
    return with;
}

/* DescribeClusters: those asked for, "default" when none is named; unknown ones are failures
 * (API-049, API-073). */
struct error *api_describe_clusters(struct call *call,
                                    const struct ecs_describe_clusters_request *in,
                                    struct ecs_describe_clusters_response *out)
{
    static const char *const default_only[] = {"default"};
    const char *const *asked =
        in->clusters.count ? (const char *const *)in->clusters.items : default_only;
    size_t count = in->clusters.count ? in->clusters.count : 1;
    const struct scope *scope = call_scope(call);
    unsigned with = asked_for(&in->include);

    TRY(call_authorize(call, "ecs:DescribeClusters", "*"));
    if (count > CLUSTERS_DESCRIBED_MAX)
        return error_new(API_INVALID_PARAMETER, "Clusters can have at most %d items.",
                         CLUSTERS_DESCRIBED_MAX);
    SET_LIST(call->arena, &out->clusters, count);
    SET_LIST(call->arena, &out->failures, count);
    out->clusters.count = 0;
    out->failures.count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct cluster *cluster;
        const char *name;

        TRY(names_cluster_name(call, asked[i], &name));
        cluster = state_cluster(ecs_of(call)->state, scope, name);
        if (cluster) {
            TRY(cluster_describe(call, cluster, with, &out->clusters.items[out->clusters.count++]));
            continue;
        }
        out->failures.items[out->failures.count++] = (struct ecs_failure){
            .arn = arn_cluster(call->arena, scope, name),
            .reason = "MISSING",
        };
    }
    return NULL;
}

/* ListClusters: those that are not gone (CL-025). */
struct error *api_list_clusters(struct call *call, const struct ecs_list_clusters_request *in,
                                struct ecs_list_clusters_response *out)
{
    const struct scope *scope = call_scope(call);
    struct state *state = ecs_of(call)->state;
    const struct cluster *cluster;
    const char *last = NULL;
    struct page page;
    size_t passed = 0;

    TRY(call_authorize(call, "ecs:ListClusters", "*"));
    TRY(page_open(call, "ListClusters", NULL, PAGE_ASKED(in), 100, 100, &page));
    SET_LIST(call->arena, &out->cluster_arns, page.limit);
    out->cluster_arns.count = 0;
    for (cluster = state_cluster_after(state, scope, page.after); cluster;
         cluster = state_cluster_after(state, scope, cluster->name)) {
        bool is_listed = cluster->status != CLUSTER_INACTIVE;

        if (last && ((is_listed && page_is_full(&page)) || ++passed > CLUSTERS_PASSED_MAX)) {
            out->next_token = page_token(&page, last);
            return NULL;
        }
        last = cluster->name;
        if (!is_listed)
            continue;
        out->cluster_arns.items[out->cluster_arns.count++] =
            arn_cluster(call->arena, scope, cluster->name);
        page.count++;
    }
    return NULL;
}
