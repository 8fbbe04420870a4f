#include <string.h>

#include "agent/engine/container.h"
#include "agent/engine/engine_reason.h"
#include "agent/engine/engine_task.h"
#include "agent/pause/pause_image.h"
#include "base/json_text.h"

/* The pause container: started before the others and stopped after them, so that what they share
 * lasts as long as they do. Its image is the agent's own, and imported when Docker does not have
 * it. */

/* ECS_PAUSE_LABELS as Docker's Config; NULL: there are none. */
static struct acs_docker_config *labels_of(const struct config_map *labels, struct arena *arena)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct acs_docker_config *config;

    if (!labels->count)
        return NULL;
    buf_add_str(&text, "{\"Labels\":{");
    for (size_t i = 0; i < labels->count; i++) {
        json_text_add_name(&text, labels->items[i].name);
        json_text_add_string(&text, labels->items[i].value);
    }
    buf_add_str(&text, "}}");
    config = ARENA_NEW(arena, struct acs_docker_config);
    config->config = arena_dup(arena, text.data);
    return config;
}

void engine_pause_add(struct engine_task *task)
{
    struct acs_containers *all = &task->spec->containers;
    struct acs_container *containers;

    if (!all->count ||
        (!str_eq(task->spec->pid_mode, "task") && !str_eq(task->spec->ipc_mode, "task")))
        return;
    containers = ARENA_ARRAY(&task->arena, struct acs_container, all->count + 1);
    memcpy(containers, all->items, all->count * sizeof(*containers));
    containers[all->count] = (struct acs_container){
        .name = CONTAINER_PAUSE_NAME,
        .image = PAUSE_IMAGE_NAME ":" PAUSE_IMAGE_TAG,
        .has_essential = true,
        .essential = true,
        .docker_config = labels_of(&task->engine->config->pause_labels, &task->arena),
    };
    all->items = containers;
    all->count++;
    task->internal_count = 1;
}

const char *engine_pause_id(const struct engine_task *task)
{
    return task->internal_count ? task->containers[task->container_count - 1].docker_id : NULL;
}

static void on_imported(const struct docker_failure *failure, void *data)
{
    struct engine_container *container = data;
    struct engine *engine = container->task->engine;
    struct engine_task *task;

    engine->is_importing_pause = false;
    if (!engine_container_finish(container))
        return;
    if (!failure) {
        engine->is_pause_missing = false;
        TAILQ_FOREACH(task, &engine->order, in_order)
        if (task->internal_count && task->known < ENGINE_RUNNING)
            engine_task_wake(task);
    } else if (failure->fault == DOCKER_UNREACHABLE) {
        engine_container_retry(container);
    } else {
        engine_container_end(container, -1, engine_reason_pull(failure));
    }
}

bool engine_pause_is_there(struct engine_container *container)
{
    struct engine *engine = container->task->engine;

    if (engine->is_importing_pause)
        return false;
    if (!engine->is_pause_missing)
        return true; /* the create call will tell */
    engine->is_importing_pause = true;
    engine_container_begin(container, ENGINE_PULLING);
    container->call =
        docker_import(engine->docker, PAUSE_IMAGE_NAME, PAUSE_IMAGE_TAG, PAUSE_IMAGE_PROGRAM,
                      pause_image_tar, pause_image_tar_len, on_imported, container);
    return false;
}
