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
    if (strcmp(type, "efs") == 0 && volume->efs_volume_configuration &&
        !str_is_empty(volume->efs_volume_configuration->file_system_id))
        return VOLUME_EFS;
    return VOLUME_UNSUPPORTED;
}

bool volume_is_of_task(enum volume_kind kind)
{
    return kind == VOLUME_SCRATCH || kind == VOLUME_TASK || kind == VOLUME_EFS;
}

bool volume_is_mounted(const struct acs_task *task, const char *name)
{
    for (size_t i = 0; i < task->containers.count; i++) {
        const struct acs_mount_points *points = &task->containers.items[i].mount_points;

        for (size_t k = 0; k < points->count; k++)
            if (str_eq(points->items[k].source_volume, name))
                return true;
    }
    return false;
}

char *volume_docker_name(const char *family, const char *version, const struct acs_volume *volume,
                         struct rng *rng)
{
    enum volume_kind kind = volume_kind(volume);
    unsigned char random[CONTAINER_NAME_HEX / 2];
    char hex[CONTAINER_NAME_HEX + 1];

    if (kind == VOLUME_SHARED)
        return str_dup(volume->name);
    if (!volume_is_of_task(kind))
        return NULL;
    rng_bytes(rng, random, sizeof(random));
    hex_encode(random, sizeof(random), hex);
    return str_printf("ecs-%s-%s-%s-%s", family ? family : "", version ? version : "", volume->name,
                      hex);
}

/* Docker remembers whether it was told of none or of nothing. */
static void add_map(struct buf *buf, const char *name, const struct acs_string_map *map)
{
    if (!map->is_set)
        return;
    json_text_add_name(buf, name);
    buf_add_char(buf, '{');
    for (size_t i = 0; i < map->count; i++) {
        json_text_add_name(buf, map->items[i].key);
        json_text_add_string(buf, map->items[i].value ? map->items[i].value : "");
    }
    buf_add_char(buf, '}');
}

static void add_body(struct buf *buf, const char *docker_name, const char *driver,
                     const struct acs_string_map *options, const struct acs_string_map *labels)
{
    buf_add_char(buf, '{');
    json_text_add_name(buf, "Name");
    json_text_add_string(buf, docker_name);
    json_text_add_name(buf, "Driver");
    json_text_add_string(buf, driver);
    add_map(buf, "DriverOpts", options);
    add_map(buf, "Labels", labels);
    buf_add_char(buf, '}');
}

struct error *volume_create_body(const struct acs_volume *volume, const char *docker_name,
                                 const struct volume_efs_host *efs, struct buf *ret_body)
{
    static const struct acs_string_map none = {.is_set = true};
    const struct acs_docker_volume_configuration *config = volume->docker_volume_configuration;
    struct acs_string_map options;
    struct arena arena = {0};
    struct error *err = NULL;

    if (volume_kind(volume) == VOLUME_EFS) {
        err = volume_efs_options(&arena, volume->efs_volume_configuration, efs, &options);
        if (!err)
            add_body(ret_body, docker_name, efs->has_plugin ? VOLUME_EFS_PLUGIN : "local", &options,
                     &none);
    } else if (config && config->autoprovision && volume_kind(volume) == VOLUME_TASK) {
        err = error_new(API_CLIENT, "volume [%s] : task scoped volume could not be autoprovisioned",
                        volume->name); /* TD-153 */
    } else {
        add_body(ret_body, docker_name,
                 config && !str_is_empty(config->driver) ? config->driver : "local",
                 config ? &config->driver_opts : &none, config ? &config->labels : &none);
    }
    arena_done(&arena);
    return err;
}

/* ---- a shared volume that exists ---- */

static json_t *object_of(const struct acs_string_map *map)
{
    json_t *object = json_object();

    for (size_t i = 0; i < map->count; i++)
        json_object_set_new(object, map->items[i].key,
                            json_string(map->items[i].value ? map->items[i].value : ""));
    return object;
}

/* "map[a:1 b:2]": ECS's way to show pairs. */
static char *show(json_t *object)
{
    CLEANUP(json_decrefp) json_t *sorted = NULL;
    char *text = json_dumps(object, JSON_SORT_KEYS);
    struct buf out = {0};
    const char *key;
    json_t *value;

    sorted = json_loads(text, 0, NULL); /* keeps the order it reads */
    free(text);
    buf_add_str(&out, "map[");
    json_object_foreach (sorted, key, value)
        buf_printf(&out, "%s%s:%s", out.data[out.len - 1] == '[' ? "" : " ", key,
                   json_string_value(value));
    buf_add_char(&out, ']');
    return buf_take(&out);
}

/* `found` is a JSON object. */
static struct error *compare(const char *what, const char *begin, const struct acs_string_map *map,
                             const char *found)
{
    CLEANUP(json_decrefp) json_t *existing = json_loads(found, 0, NULL);
    CLEANUP(json_decrefp) json_t *expected = object_of(map);
    CLEANUP(str_freep) char *existing_text = NULL;
    CLEANUP(str_freep) char *expected_text = NULL;

    if (!existing)
        existing = json_object();
    if (json_equal(existing, expected))
        return NULL;
    existing_text = show(existing);
    expected_text = show(expected);
    return error_new(API_CLIENT,
                     "%s volume: non-autoprovisioned volume does not match existing volume %s: "
                     "existing: %s, expected: %s",
                     begin, what, existing_text, expected_text);
}

struct error *volume_compare(const struct acs_volume *volume, const struct docker_volume *found)
{
    static const struct acs_docker_volume_configuration none = {0};
    const struct acs_docker_volume_configuration *config =
        volume->docker_volume_configuration ? volume->docker_volume_configuration : &none;

    /* The first word is ECS's own, as it is. */
    TRY(compare("labels", "intialize", &config->labels, found->labels));
    return compare("options", "initialize", &config->driver_opts, found->options);
}
