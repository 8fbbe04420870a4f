#include <string.h>

#include "agent/engine/container_port.h"
#include "agent/engine/engine_task.h"
#include "base/log.h"

static struct error *put_container(struct engine *engine, const struct engine_container *container)
{
    CLEANUP(buf_done) struct buf bindings = {0};
    struct agent_store_container row = {
        .task_arn = container->task->arn,
        .name = container->spec->name,
        .docker_name = container->docker_name,
        .docker_id = container->docker_id,
        .endpoint_id = container->endpoint_id,
        .known = container->known,
        .desired = container->desired,
        .reported = container->reported,
        .is_start_sent = container->is_start_sent || container->is_start_wanted,
        .has_exit_code = container->has_exit_code,
        .is_oom = container->is_oom,
        .exit_code = container->exit_code,
        .restarts = container->restarts,
        .reason = container->reason,
        .image_id = container->image_id,
        .image_digest = container->image_digest,
        .health = container->health,
        .health_since_ms = container->health_since_ms,
        .created_at_ms = container->created_at_ms,
        .started_at_ms = container->started_at_ms,
        .finished_at_ms = container->finished_at_ms,
    };

    if (container->binding_count > 0) {
        container_port_encode(&bindings, container->bindings, container->binding_count);
        row.bindings = bindings.data;
    }
    return agent_store_put_container(engine->store, &row);
}

static struct error *put_task(struct engine *engine, const struct engine_task *task)
{
    const struct agent_store_task row = {
        .arn = task->arn,
        .spec = task->spec_text,
        .sequence = task->sequence,
        .desired = task->desired,
        .known = task->known,
        .reported = task->reported,
        .is_admitted = task->is_admitted,
        .reason = task->reason,
        .pull_started_at_ms = task->pull_started_at_ms,
        .pull_stopped_at_ms = task->pull_stopped_at_ms,
        .execution_stopped_at_ms = task->execution_stopped_at_ms,
        .stopped_at_ms = task->stopped_at_ms,
    };

    TRY(agent_store_put_task(engine->store, &row));
    for (size_t i = 0; i < task->container_count; i++)
        TRY(put_container(engine, &task->containers[i]));
    for (size_t i = 0; i < task->volume_count; i++) {
        const struct engine_volume *volume = &task->volumes[i];
        const struct agent_store_volume volume_row = {
            task->arn, volume->spec->name, volume->docker_name, volume_is_of_task(volume->kind)};

        if (volume->docker_name)
            TRY(agent_store_put_volume(engine->store, &volume_row));
    }
    return NULL;
}

static struct error *put_all(struct engine *engine)
{
    const struct engine_task *task;

    TRY(agent_store_begin(engine->store));
    TAILQ_FOREACH(task, &engine->dirty, in_dirty)
    TRY(put_task(engine, task));
    return agent_store_commit(engine->store);
}

struct error *engine_flush(struct engine *engine)
{
    struct engine_task *task;
    struct error *err;

    if (TAILQ_EMPTY(&engine->dirty))
        return NULL;
    err = put_all(engine);
    if (err) {
        agent_store_rollback(engine->store);
        return err;
    }
    while ((task = TAILQ_FIRST(&engine->dirty))) {
        TAILQ_REMOVE(&engine->dirty, task, in_dirty);
        task->is_dirty = false;
        for (size_t i = 0; i < task->container_count; i++)
            task->containers[i].is_start_sent |= task->containers[i].is_start_wanted;
    }
    return NULL;
}

struct error *engine_forget(struct engine_task *task)
{
    struct agent_store *store = task->engine->store;
    struct error *err = agent_store_begin(store);

    if (!err)
        err = agent_store_delete_task(store, task->arn);
    for (size_t i = 0; i < task->container_count && !err; i++)
        err = images_note_use(task->engine->images, engine_container_image(&task->containers[i]));
    if (!err)
        err = agent_store_commit(store);
    if (err)
        agent_store_rollback(store);
    return err;
}

/* Loading: rows come task by task, each with its containers and volumes. */
struct loading {
    struct engine *engine;
    struct engine_task *task; /* the one whose rows are coming */
};

static enum engine_status status_of(int stored)
{
    return stored < ENGINE_NONE || stored > ENGINE_STOPPED ? ENGINE_NONE
                                                           : (enum engine_status)stored;
}

static void load_task(struct engine_task *task, const struct agent_store_task *row)
{
    struct engine *engine = task->engine;

    task->desired = row->desired == ENGINE_STOPPED ? ENGINE_STOPPED : ENGINE_RUNNING;
    task->known = status_of(row->known);
    task->reported = status_of(row->reported);
    if (task->known == ENGINE_STOPPED)
        engine->stopped_count++;
    task->is_admitted = row->is_admitted;
    task->keys_by_mono_ms = engine_mono_ms(engine) + ENGINE_KEYS_WAIT_MS;
    if (!task->reason)
        task->reason = str_dup(row->reason);
    task->pull_started_at_ms = row->pull_started_at_ms;
    task->pull_stopped_at_ms = row->pull_stopped_at_ms;
    task->execution_stopped_at_ms = row->execution_stopped_at_ms;
    task->stopped_at_ms = row->stopped_at_ms;
    if (task->is_admitted && task->known != ENGINE_STOPPED) {
        admission_take(&engine->admission, &task->need);
        task->holds_resources = true;
    }
    if (task->known > task->reported) {
        task->revision = 1;
        if (task->reported < ENGINE_RUNNING)
            task->running_revision = 1;
        if (task->known == ENGINE_STOPPED)
            task->stopped_revision = 1;
        task->is_to_be_reported = true;
    }
}

static struct error *on_task(const struct agent_store_task *row, void *data)
{
    struct loading *loading = data;
    struct engine *engine = loading->engine;
    struct error *err;

    if (!row->spec[0]) {
        loading->task = engine_task_new_refused(engine, row->arn, row->sequence,
                                                row->reason ? row->reason : "");
    } else {
        err = engine_task_new(engine, row->arn, row->spec, row->sequence, &loading->task);
        if (err) {
            log_error("a task kept by an earlier version is not understood", "task", row->arn,
                      "error", err->message);
            loading->task = engine_task_new_refused(engine, row->arn, row->sequence, err->message);
            error_free(err); /* it is the task's reason now */
        }
    }
    load_task(loading->task, row);
    engine_task_wake(loading->task);
    return NULL;
}

static struct engine_container *container_named(struct engine_task *task, const char *name)
{
    for (size_t i = 0; i < task->container_count; i++)
        if (strcmp(task->containers[i].spec->name, name) == 0)
            return &task->containers[i];
    return NULL;
}

static struct error *on_container(const struct agent_store_container *row, void *data)
{
    struct loading *loading = data;
    struct engine_container *container = container_named(loading->task, row->name);

    if (!container)
        return NULL;
    engine_container_set_name(container, row->docker_name);
    if (row->docker_id)
        engine_container_set_id(container, row->docker_id);
    engine_container_set_endpoint(container, row->endpoint_id);
    container->known = status_of(row->known);
    container->desired = row->desired == ENGINE_STOPPED ? ENGINE_STOPPED : ENGINE_RUNNING;
    container->reported = status_of(row->reported);
    container->is_start_sent = row->is_start_sent;
    container->has_exit_code = row->has_exit_code;
    container->is_oom = row->is_oom;
    container->exit_code = row->exit_code;
    container->restarts = row->restarts;
    container->reason = str_dup(row->reason);
    container->image_id = str_dup(row->image_id);
    container->image_digest = str_dup(row->image_digest);
    if (container->health && row->health && strcmp(row->health, "HEALTHY") == 0)
        container->health = "HEALTHY";
    else if (container->health && row->health && strcmp(row->health, "UNHEALTHY") == 0)
        container->health = "UNHEALTHY";
    container->health_since_ms = row->health_since_ms;
    container->created_at_ms = row->created_at_ms;
    container->started_at_ms = row->started_at_ms;
    container->finished_at_ms = row->finished_at_ms;
    container_port_decode(&container->binding_arena, row->bindings, &container->bindings,
                          &container->binding_count);
    if (loading->task->known >= ENGINE_RUNNING && container->known != container->reported) {
        if (!loading->task->is_to_be_reported)
            loading->task->revision = 1;
        container->changed_revision = loading->task->revision;
        loading->task->is_to_be_reported = true;
    }
    return NULL;
}

static struct error *on_volume(const struct agent_store_volume *row, void *data)
{
    struct loading *loading = data;

    for (size_t i = 0; i < loading->task->volume_count; i++) {
        struct engine_volume *volume = &loading->task->volumes[i];

        if (strcmp(volume->spec->name, row->name) != 0)
            continue;
        free(volume->docker_name);
        volume->docker_name = str_dup(row->docker_name);
    }
    return NULL;
}

static struct error *on_image(const struct agent_store_image *row, void *data)
{
    struct loading *loading = data;

    images_restore(loading->engine->images, row);
    return NULL;
}

/* What was read is as it is on disk. */
static void clean(struct engine *engine)
{
    struct engine_task *task;

    while ((task = TAILQ_FIRST(&engine->dirty))) {
        TAILQ_REMOVE(&engine->dirty, task, in_dirty);
        task->is_dirty = false;
    }
}

struct error *engine_load(struct engine *engine)
{
    struct loading loading = {.engine = engine};
    const struct agent_store_visitor visitor = {on_task, on_container, on_volume, on_image,
                                                &loading};

    TRY(agent_store_load(engine->store, &visitor));
    clean(engine);
    return NULL;
}
