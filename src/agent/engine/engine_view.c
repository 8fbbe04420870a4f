#include "agent/engine/engine_task.h"

/* What others are shown of tasks. */

/* One that ended by itself was wanted to run, and ECS goes on saying so while its task is. */
static enum engine_status desired_of(const struct engine_container *container)
{
    bool has_ended = container->known == ENGINE_STOPPED && container->started_at_ms;

    return has_ended ? container->task->desired : container->desired;
}

static void fill_container_view(const struct engine_container *container,
                                struct engine_container_view *view)
{
    *view = (struct engine_container_view){
        .name = container->spec->name,
        .spec = container->spec,
        .endpoint_id = container->endpoint_id,
        .detail = container->detail,
        .docker_id = container->docker_id,
        .docker_name = container->docker_id ? container->docker_name : NULL,
        .image = container->spec->image,
        .image_id = container->image_id,
        .image_digest = container->image_digest,
        .known = container->known,
        .desired = desired_of(container),
        .has_exit_code = container->has_exit_code,
        .exit_code = container->exit_code,
        .reason = container->reason,
        .health = container->health,
        .health_since_ms = container->health_since_ms,
        .created_at_ms = container->created_at_ms,
        .started_at_ms = container->started_at_ms,
        .finished_at_ms = container->finished_at_ms,
        .bindings = container->bindings,
        .binding_count = container->binding_count,
        .restarts = container->restarts,
        .is_changed = container->known >= ENGINE_RUNNING && container->known != container->reported,
    };
}

void engine_task_fill_view(struct engine_task *task, struct engine_task_view *ret)
{
    for (size_t i = 0; i < task->container_count; i++)
        fill_container_view(&task->containers[i], &task->views[i]);
    *ret = (struct engine_task_view){
        .arn = task->arn,
        .spec = task->spec,
        .family = task->spec->family,
        .version = task->spec->version,
        .known = task->known,
        .desired = task->desired,
        .reported = task->reported,
        .reason = task->reason ? task->reason : "",
        .pull_started_at_ms = task->pull_started_at_ms,
        .pull_stopped_at_ms = task->pull_stopped_at_ms,
        .execution_stopped_at_ms = task->execution_stopped_at_ms,
        .containers = task->views,
        .container_count = task->container_count - task->internal_count,
        .internal_count = task->internal_count,
        .revision = task->revision,
    };
}

bool engine_view(struct engine *engine, const char *task_arn, struct engine_task_view *ret)
{
    struct engine_task *task = engine_task_find(engine, task_arn);

    if (task)
        engine_task_fill_view(task, ret);
    return task != NULL;
}

bool engine_view_endpoint(struct engine *engine, const char *endpoint_id,
                          struct engine_task_view *ret, size_t *ret_index)
{
    const struct engine_container *container = engine_container_of_endpoint(engine, endpoint_id);

    if (!container)
        return false;
    engine_task_fill_view(container->task, ret);
    *ret_index = (size_t)(container - container->task->containers);
    return true;
}

void engine_each(struct engine *engine, engine_each_fn *each, void *data)
{
    struct engine_task *task;
    struct engine_task_view view;

    TAILQ_FOREACH(task, &engine->order, in_order)
    {
        engine_task_fill_view(task, &view);
        each(&view, data);
    }
}
