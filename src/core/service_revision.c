#include "core/service_revision.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/stored_json.h"
#include "gen/ecs_shapes.h"

struct error *service_revision_read(struct arena *arena, const struct service_revision *revision,
                                    struct service_revision_target *ret)
{
    const char *slash, *colon;

    *ret = (struct service_revision_target){0};
    TRY(stored_json_read(arena, ECS_SHAPE_SERVICE_REVISION, revision->document, "service revision",
                         revision->id, &ret->shown));
    slash = ret->shown.task_definition ? strrchr(ret->shown.task_definition, '/') : NULL;
    colon = slash ? strrchr(slash, ':') : NULL;
    if (!colon)
        return error_new(API_SERVER, "Service revision %s names no task definition.", revision->id);
    ret->family = arena_dup_n(arena, slash + 1, (size_t)(colon - slash - 1));
    ret->revision = (int32_t)strtol(colon + 1, NULL, 10);
    return NULL;
}

void service_revision_restore(const struct service_revision_target *target,
                              struct ecs_create_service_request *config)
{
    const struct ecs_service_revision *shown = &target->shown;

    config->launch_type = shown->launch_type;
    /* A service keeps "LATEST"; where there is no FARGATE there is no platform. */
    if (!shown->platform_version || !config->platform_version)
        config->platform_version = shown->platform_version;
    config->capacity_provider_strategy = shown->capacity_provider_strategy;
    config->load_balancers = shown->load_balancers;
    config->service_registries = shown->service_registries;
    config->network_configuration = shown->network_configuration;
    config->service_connect_configuration = shown->service_connect_configuration;
    config->volume_configurations = shown->volume_configurations;
    config->vpc_lattice_configurations = shown->vpc_lattice_configurations;
}
