#include "core/task_gpus.h"

#include <jansson.h>

#include "base/json_text.h"
#include "base/str.h"

bool task_gpus_are_missing(const struct task *task)
{
    return task->rare->gpu_count > 0 && !task->rare->gpus;
}

static size_t count_of(json_t *root)
{
    const char *container;
    json_t *ids;
    size_t count = 0;

    json_object_foreach (root, container, ids)
        count += json_array_size(ids);
    return count;
}

struct error *task_gpus_read(struct arena *arena, const struct task *task,
                             struct task_gpu **ret_gpus, size_t *ret_count)
{
    CLEANUP(json_decrefp) json_t *root = NULL;
    const char *container;
    json_t *ids, *id;
    size_t i, count = 0;

    *ret_gpus = NULL;
    *ret_count = 0;
    if (!task->rare->gpus)
        return NULL;
    root = json_loads(task->rare->gpus, 0, NULL);
    if (!json_is_object(root))
        return error_new(API_SERVER, "The stored GPUs of a task are damaged.");
    *ret_gpus = ARENA_ARRAY(arena, struct task_gpu, count_of(root));
    json_object_foreach (root, container, ids) {
        json_array_foreach (ids, i, id) {
            if (!json_is_string(id))
                return error_new(API_SERVER, "The stored GPUs of a task are damaged.");
            (*ret_gpus)[count++] = (struct task_gpu){arena_dup(arena, container),
                                                     arena_dup(arena, json_string_value(id))};
        }
    }
    *ret_count = count;
    return NULL;
}

const char *task_gpus_give(struct arena *arena, const struct task_recipe *recipe,
                           const char *const *free_ids, size_t free_count)
{
    CLEANUP(buf_done) struct buf text = {0};
    size_t next = 0;

    buf_add_char(&text, '{');
    for (size_t i = 0; i < recipe->container_count; i++) {
        const struct task_recipe_container *container = &recipe->containers[i];

        if (container->gpu_count <= 0)
            continue;
        if ((size_t)container->gpu_count > free_count - next)
            return NULL;
        json_text_add_name(&text, container->name);
        buf_add_char(&text, '[');
        for (int32_t k = 0; k < container->gpu_count; k++) {
            json_text_add_comma(&text);
            json_text_add_string(&text, free_ids[next++]);
        }
        buf_add_char(&text, ']');
    }
    buf_add_char(&text, '}');
    return arena_dup_n(arena, text.data, text.len);
}
