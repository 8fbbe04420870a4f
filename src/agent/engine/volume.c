#include "agent/engine/volume.h"

#include <jansson.h>
#include <string.h>

#include "agent/engine/container.h"
#include "base/json_text.h"

enum volume_kind volume_kind(const struct acs_volume *volume)
{
    const char *type = volume->type ? volume->type : "host";

    if (strcmp(type, "host") == 0)
        return volume->host && !str_is_empty(volume->host->source_path) ? VOLUME_BIND
                                                                        : VOLUME_SCRATCH;
    if (strcmp(type, "docker") == 0) {
        const struct acs_docker_volume_configuration *config = volume->docker_volume_configuration;

        return config && str_eq(config->scope, "shared") ? VOLUME_SHARED : VOLUME_TASK;
    }
    return VOLUME_UNSUPPORTED;
}

char *volume_docker_name(const char *family, const char *version, const struct acs_volume *volume,
                         struct rng *rng)
{
    switch (volume_kind(volume)) {
    case VOLUME_SCRATCH:
    case VOLUME_TASK:
        return container_docker_name(family, version, volume->name, rng);
    case VOLUME_SHARED:
        return str_dup(volume->name);
    case VOLUME_BIND:
    case VOLUME_UNSUPPORTED:
        break;
    }
    return NULL;
}

static const char *driver_of(const struct acs_volume *volume)
{
    const struct acs_docker_volume_configuration *config = volume->docker_volume_configuration;

    return config && !str_is_empty(config->driver) ? config->driver : "local";
}

static void add_map(struct buf *buf, const char *name, const struct acs_string_map *map)
{
    json_text_add_name(buf, name);
    buf_add_char(buf, '{');
    for (size_t i = 0; i < map->count; i++) {
        json_text_add_name(buf, map->items[i].key);
        json_text_add_string(buf, map->items[i].value ? map->items[i].value : "");
    }
    buf_add_char(buf, '}');
}

void volume_create_body(struct buf *buf, const struct acs_volume *volume, const char *docker_name)
{
    const struct acs_docker_volume_configuration *config = volume->docker_volume_configuration;

    buf_add_char(buf, '{');
    json_text_add_name(buf, "Name");
    json_text_add_string(buf, docker_name);
    json_text_add_name(buf, "Driver");
    json_text_add_string(buf, driver_of(volume));
    if (config) {
        add_map(buf, "DriverOpts", &config->driver_opts);
        add_map(buf, "Labels", &config->labels);
    }
    buf_add_char(buf, '}');
}

/* True if the JSON object `text` has exactly the pairs of `map`. */
static bool map_equals(const struct acs_string_map *map, const char *text)
{
    json_t *object = json_loads(text, 0, NULL);
    bool equal = json_object_size(object) == map->count;

    for (size_t i = 0; equal && i < map->count; i++)
        equal = str_eq(json_string_value(json_object_get(object, map->items[i].key)),
                       map->items[i].value);
    json_decref(object);
    return equal;
}

bool volume_matches(const struct acs_volume *volume, const struct docker_volume *found)
{
    static const struct acs_docker_volume_configuration none = {0};
    const struct acs_docker_volume_configuration *config =
        volume->docker_volume_configuration ? volume->docker_volume_configuration : &none;

    return str_eq(found->driver, driver_of(volume)) &&
           map_equals(&config->driver_opts, found->options) &&
           map_equals(&config->labels, found->labels);
}
