/* DescribeServiceRevisions (spec section 11). */
#include "core/image_pins.h"
#include "core/stored_json.h"
#include "ecs/auth.h"
#include "ecs/names.h"
#include "ecs/task_describe.h"
#include "gen/ecs_handlers.h"

#define DESCRIBE_REVISIONS_MAX 20

static struct error *describe(struct call *call, const struct service_revision *revision,
                              struct ecs_service_revision *ret)
{
    const struct scope *scope = call_scope(call);

    TRY(stored_json_read(call->arena, ECS_SHAPE_SERVICE_REVISION, revision->document,
                         "service revision", revision->id, ret));
    ret->service_revision_arn = arn_service_revision(call->arena, scope, revision->cluster,
                                                     revision->service, revision->id);
    ret->service_arn = arn_service(call->arena, scope, revision->cluster, revision->service);
    ret->cluster_arn = arn_cluster(call->arena, scope, revision->cluster);
    SET(ret, created_at_ms, revision->created_at_ms);
    for (size_t i = 0; i < ret->container_images.count; i++) {
        struct ecs_container_image *image = &ret->container_images.items[i];

        if (!image->image_digest)
            image->image_digest = image_pins_digest(revision, image->container_name);
    }
    return NULL;
}

static struct error *check_number(size_t count)
{
    if (count == 0)
        return error_new(API_INVALID_PARAMETER, "serviceRevisionArns cannot be empty.");
    if (count > DESCRIBE_REVISIONS_MAX)
        return error_new(API_INVALID_PARAMETER, "serviceRevisionArns can have at most %d items.",
                         DESCRIBE_REVISIONS_MAX);
    return NULL;
}

struct error *
api_describe_service_revisions(struct call *call,
                               const struct ecs_describe_service_revisions_request *in,
                               struct ecs_describe_service_revisions_response *out)
{
    size_t count = in->service_revision_arns.count;
    struct service_part *parts;

    TRY(check_number(count));
    parts = ARENA_ARRAY(call->arena, struct service_part, count);
    for (size_t i = 0; i < count; i++) {
        const char *arn = in->service_revision_arns.items[i];

        TRY(names_service_part(call, "service-revision", "Service Revision", arn, &parts[i]));
        TRY(call_authorize(call, "ecs:DescribeServiceRevisions", arn));
    }
    SET_LIST(call->arena, &out->service_revisions, count);
    SET_LIST(call->arena, &out->failures, count);
    out->service_revisions.count = 0;
    out->failures.count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct service_revision *revision = state_service_revision(
            ecs_of(call)->state, call_scope(call), parts[i].cluster, parts[i].service, parts[i].id);

        if (revision)
            TRY(describe(call, revision,
                         &out->service_revisions.items[out->service_revisions.count++]));
        else
            out->failures.items[out->failures.count++] =
                failure_of(in->service_revision_arns.items[i], "MISSING");
    }
    return NULL;
}
