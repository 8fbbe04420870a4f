#include "agent/engine/container_parts.h"

#include <string.h>

#include "agent/engine/volume.h"

static struct error *volumes_from(const struct container_plan *plan, json_t *host)
{
    const struct acs_volumes_from *list = &plan->container->volumes_from;
    json_t *array = json_array();

    json_object_set_new(host, "VolumesFrom", array);
    for (size_t i = 0; i < list->count; i++) {
        const char *source = list->items[i].source_container ? list->items[i].source_container : "";
        const char *target = container_docker_name_of(plan, source, strlen(source));
        CLEANUP(str_freep) char *text = NULL;

        if (!target)
            return error_new(API_CLIENT, "HostConfigError: Volume target not available: %s",
                             source);
        text = str_printf("%s%s", target, list->items[i].read_only ? ":ro" : "");
        json_array_append_new(array, json_string(text));
    }
    return NULL;
}

/* Where the volume `name` is: a path of the host or the name of a volume; NULL if there is none. */
static const char *volume_source(const struct container_plan *plan, const char *name)
{
    const struct acs_volumes *all = &plan->task->volumes;

    for (size_t i = 0; name && i < all->count; i++) {
        if (strcmp(all->items[i].name, name) != 0)
            continue;
        return volume_kind(&all->items[i]) == VOLUME_BIND ? all->items[i].host->source_path
                                                          : plan->volume_names[i];
    }
    return NULL;
}

static struct error *binds(const struct container_plan *plan, json_t *host)
{
    const struct acs_mount_points *points = &plan->container->mount_points;
    json_t *array = json_array();

    json_object_set_new(host, "Binds", array);
    for (size_t i = 0; i < points->count; i++) {
        const struct acs_mount_point *point = &points->items[i];
        const char *source = volume_source(plan, point->source_volume);
        CLEANUP(str_freep) char *text = NULL;

        if (!source)
            return error_new(API_CLIENT,
                             "HostConfigError: Invalid volume referenced: %s", /* AP-306 */
                             point->source_volume ? point->source_volume : "");
        if (str_is_empty(point->container_path))
            return error_new(API_CLIENT,
                             "HostConfigError: Unable to resolve volume mounts; invalid path: %s "
                             "%s; %s -> ",
                             plan->container->name, point->source_volume, source);
        text = str_printf("%s:%s%s", source, point->container_path, point->read_only ? ":ro" : "");
        json_array_append_new(array, json_string(text));
    }
    return NULL;
}

/* AG-192: at a place of its own, which clashes with nobody's. */
static void bind_metadata(const struct container_plan *plan, json_t *host)
{
    CLEANUP(str_freep) char *text = NULL;
    json_t *array = json_object_get(host, "Binds");

    if (!plan->metadata_dir)
        return;
    if (!array) {
        array = json_array();
        json_object_set_new(host, "Binds", array);
    }
    text = str_printf("%s:" CONTAINER_METADATA "/%s%s", plan->metadata_dir, plan->endpoint_id,
                      plan->is_selinux_on ? ":Z" : "");
    json_array_append_new(array, json_string(text));
}

struct error *container_mount(const struct container_plan *plan, json_t *host)
{
    TRY(volumes_from(plan, host));
    TRY(binds(plan, host));
    bind_metadata(plan, host);
    return NULL;
}
