#include "agent/config/gpu_info.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

static void fill(struct arena *arena, const json_t *root, struct gpu_info *out)
{
    const json_t *ids = json_object_get(root, "GPUIDs");
    size_t i;
    json_t *id;

    out->driver = arena_dup(arena, json_string_value(json_object_get(root, "DriverVersion")));
    out->ids.items = ARENA_ARRAY(arena, const char *, GPUS_MAX);
    json_array_foreach (ids, i, id)
        if (!str_is_empty(json_string_value(id)) && out->ids.count < GPUS_MAX)
            out->ids.items[out->ids.count++] = arena_dup(arena, json_string_value(id));
}

struct error *gpu_info_read(struct arena *arena, const struct agent_config *config,
                            struct gpu_info *ret)
{
    CLEANUP(str_freep) char *path = NULL;
    CLEANUP(json_decrefp) json_t *root = NULL;
    struct gpu_info out = {0};
    json_error_t where;

    *ret = out;
    if (!config->has_gpu_support)
        return NULL;
    path = str_printf("%s/gpu/nvidia-gpu-info.json", config->host_data_dir);
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        log_error("GPU support is on, but what GPUs there are is not known", "file", path);
        return NULL;
    }
    root = json_load_file(path, 0, &where);
    if (!json_is_object(root))
        return error_new(API_SERVER, "%s cannot be read: %s", path, where.text);
    fill(arena, root, &out);
    *ret = out;
    return NULL;
}
