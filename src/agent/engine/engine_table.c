#include <string.h>

#include "agent/engine/container.h"
#include "agent/engine/container_gpu.h"
#include "agent/engine/container_port.h"
#include "agent/engine/engine_task.h"
#include "base/mem.h"

/* A host has many of them for long, most of them small. */
#define ARENA_BLOCK   1024
#define BINDING_BLOCK 256

static int task_cmp(const struct engine_task *a, const struct engine_task *b)
{
    return strcmp(a->arn, b->arn);
}

static int name_cmp(const struct engine_container *a, const struct engine_container *b)
{
    return strcmp(a->docker_name, b->docker_name);
}

static int id_cmp_text(const struct engine_container *a, const struct engine_container *b)
{
    return strcmp(a->docker_id, b->docker_id);
}

static int endpoint_cmp(const struct engine_container *a, const struct engine_container *b)
{
    return strcmp(a->endpoint_id, b->endpoint_id);
}

RB_GENERATE_STATIC(engine_tasks, engine_task, by_arn, task_cmp)
RB_GENERATE_STATIC(engine_names, engine_container, by_name, name_cmp)
RB_GENERATE_STATIC(engine_ids, engine_container, by_id, id_cmp_text)
RB_GENERATE_STATIC(engine_endpoints, engine_container, by_endpoint, endpoint_cmp)

struct engine_task *engine_task_find(struct engine *engine, const char *arn)
{
    struct engine_task key = {.arn = (char *)arn};

    return RB_FIND(engine_tasks, &engine->tasks, &key);
}

struct engine_container *engine_container_find(struct engine *engine, const char *id,
                                               const char *name)
{
    struct engine_container key = {.docker_id = (char *)id, .docker_name = (char *)name};
    struct engine_container *found = id ? RB_FIND(engine_ids, &engine->ids, &key) : NULL;

    if (!found && name)
        found = RB_FIND(engine_names, &engine->names, &key);
    return found;
}

struct engine_container *engine_container_of_endpoint(struct engine *engine, const char *id)
{
    struct engine_container key = {0};

    if (strlen(id) != UUID_SIZE - 1)
        return NULL;
    memcpy(key.endpoint_id, id, UUID_SIZE);
    return RB_FIND(engine_endpoints, &engine->endpoints, &key);
}

void engine_container_set_endpoint(struct engine_container *container, const char *id)
{
    struct engine *engine = container->task->engine;

    if (container->endpoint_id[0])
        RB_REMOVE(engine_endpoints, &engine->endpoints, container);
    if (id && strlen(id) == UUID_SIZE - 1)
        memcpy(container->endpoint_id, id, UUID_SIZE);
    else
        uuid_new(&engine->rng, container->endpoint_id);
    while (RB_INSERT(engine_endpoints, &engine->endpoints, container)) /* never two of an id */
        uuid_new(&engine->rng, container->endpoint_id);
}

void engine_container_set_id(struct engine_container *container, const char *docker_id)
{
    struct engine *engine = container->task->engine;

    if (str_eq(container->docker_id, docker_id))
        return;
    if (container->docker_id)
        RB_REMOVE(engine_ids, &engine->ids, container);
    free(container->docker_id);
    container->docker_id = str_dup(docker_id);
    if (docker_id && RB_INSERT(engine_ids, &engine->ids, container)) {
        free(container->docker_id); /* another has it: Docker contradicts itself */
        container->docker_id = NULL;
    }
    engine_task_touch(container->task);
}

void engine_container_set_name(struct engine_container *container, const char *docker_name)
{
    struct engine *engine = container->task->engine;

    if (str_eq(container->docker_name, docker_name))
        return;
    if (container->docker_name)
        RB_REMOVE(engine_names, &engine->names, container);
    free(container->docker_name);
    container->docker_name = str_dup(docker_name);
    while (RB_INSERT(engine_names, &engine->names, container)) { /* never two of a name */
        free(container->docker_name);
        container->docker_name =
            container_docker_name(container->task->spec->family, container->task->spec->version,
                                  container->spec->name, &engine->rng);
    }
}

/* What this agent cannot do yet, and therefore does not announce, is refused rather than left out.
 */
static struct error *refuse_unsupported(const struct acs_task *task)
{
    const char *mode = task->network_mode;

    if (!str_is_empty(mode) && strcmp(mode, "bridge") != 0 && strcmp(mode, "host") != 0 &&
        strcmp(mode, "none") != 0)
        return error_new(API_CLIENT, "network mode %s is not available on this instance", mode);
    for (size_t i = 0; i < task->volumes.count; i++)
        if (volume_kind(&task->volumes.items[i]) == VOLUME_UNSUPPORTED)
            return error_new(API_CLIENT, "volume %s: type %s is not available on this instance",
                             task->volumes.items[i].name, task->volumes.items[i].type);
    for (size_t i = 0; i < task->containers.count; i++) {
        const struct acs_container *container = &task->containers.items[i];

        if (container->credential_specs.count)
            return error_new(API_CLIENT,
                             "container %s: credential specs are not available on this instance",
                             container->name);
    }
    return NULL;
}

static struct error *check_container(struct arena *arena, const struct acs_task *task, size_t index)
{
    const struct acs_container *container = &task->containers.items[index];
    struct acs_string_list command;
    int first, last;

    if (str_is_empty(container->name))
        return error_new(API_CLIENT, "a container has no name");
    for (size_t i = 0; i < index; i++)
        if (strcmp(task->containers.items[i].name, container->name) == 0)
            return error_new(API_CLIENT, "two containers are named %s", container->name);
    for (size_t i = 0; i < container->port_mappings.count; i++) {
        const struct acs_port_mapping *mapping = &container->port_mappings.items[i];
        bool is_range = !str_is_empty(mapping->container_port_range);

        if (is_range ? !container_port_range_parse(mapping->container_port_range, &first, &last)
                     : mapping->container_port < 1 || mapping->container_port > 65535 ||
                           mapping->host_port < 0 || mapping->host_port > 65535)
            return error_new(API_CLIENT, "container %s: a port mapping is out of range",
                             container->name);
    }
    return container_override(arena, container, &command);
}

static struct error *check_task(struct arena *arena, const struct acs_task *task)
{
    if (task->containers.count > ENGINE_CONTAINERS_MAX)
        return error_new(API_CLIENT, "the task has more than %d containers", ENGINE_CONTAINERS_MAX);
    for (size_t i = 0; i < task->containers.count; i++)
        TRY(check_container(arena, task, i));
    return refuse_unsupported(task);
}

static struct error *read_spec(struct engine_task *task, const char *arn)
{
    json_error_t where;
    json_t *json = json_loads(task->spec_text, 0, &where);
    struct error *err;

    if (!json)
        return error_new(API_CLIENT, "UnrecogniedTaskError: Error loading task - %s", where.text);
    task->spec = ARENA_NEW(&task->arena, struct acs_task);
    err = acs_decode_task(&task->arena, json, task->spec);
    json_decref(json);
    if (!err)
        err = check_task(&task->arena, task->spec);
    if (err) {
        CLEANUP(error_freep) struct error *inner = err;

        return error_new(API_CLIENT, "UnrecogniedTaskError: Error loading task - %s",
                         inner->message);
    }
    engine_pause_add(task);
    err = depend_read(&task->arena, task->spec, &task->graph);
    if (err) {
        error_free(err); /* ECS's sentence says less */
        return error_new(API_CLIENT, "Task dependencies cannot be resolved, taskArn: %s", arn);
    }
    return NULL;
}

/* What the task is to have of the host, besides what Docker gives it. */
static struct error *read_resources(struct engine_task *task)
{
    struct error *err = engine_cgroup_read(task);

    if (!err && task->engine->config->has_gpu_support)
        err = container_gpu_check(task->spec);
    return err ? error_wrap(err, "resource cannot be initialized for task %s", task->arn) : NULL;
}

static void make_volumes(struct engine_task *task)
{
    const struct acs_volumes *specs = &task->spec->volumes;

    task->volumes = xcalloc(specs->count + 1, sizeof(*task->volumes));
    task->volume_count = specs->count;
    for (size_t i = 0; i < specs->count; i++) {
        struct engine_volume *volume = &task->volumes[i];

        volume->task = task;
        volume->spec = &specs->items[i];
        volume->kind = volume_kind(volume->spec);
        volume->docker_name = volume_docker_name(task->spec->family, task->spec->version,
                                                 volume->spec, &task->engine->rng);
        if (volume->kind == VOLUME_BIND ||
            (volume->kind == VOLUME_SCRATCH && !volume_is_mounted(task->spec, volume->spec->name)))
            volume->state = VOLUME_READY;
    }
}

static void make_containers(struct engine_task *task)
{
    const struct acs_containers *specs = &task->spec->containers;

    task->containers = xcalloc(specs->count + 1, sizeof(*task->containers));
    task->views = xcalloc(specs->count + 1, sizeof(*task->views));
    task->container_count = specs->count;
    for (size_t i = 0; i < specs->count; i++) {
        struct engine_container *container = &task->containers[i];
        CLEANUP(str_freep) char *name = NULL;

        container->task = task;
        container->spec = &specs->items[i];
        container->binding_arena.block_size = BINDING_BLOCK;
        container->desired = ENGINE_RUNNING;
        /* Only an explicit false makes a container dispensable. */
        container->is_essential = !container->spec->has_essential || container->spec->essential;
        container->range_starts = xcalloc(container->spec->port_mappings.count + 1, sizeof(int));
        if (container_has_health_check(container->spec))
            container->health = "UNKNOWN";
        name = container_docker_name(task->spec->family, task->spec->version, container->spec->name,
                                     &task->engine->rng);
        engine_container_set_name(container, name);
        engine_container_set_endpoint(container, NULL);
    }
}

static struct engine_task *new_task(struct engine *engine, const char *arn, int64_t sequence)
{
    struct engine_task *task = xcalloc(1, sizeof(*task));

    task->engine = engine;
    task->arena.block_size = ARENA_BLOCK;
    task->arn = str_dup(arn);
    task->sequence = sequence;
    task->desired = ENGINE_RUNNING;
    if (sequence > engine->last_sequence)
        engine->last_sequence = sequence;
    RB_INSERT(engine_tasks, &engine->tasks, task);
    TAILQ_INSERT_TAIL(&engine->order, task, in_order);
    engine->task_count++;
    return task;
}

struct error *engine_task_new(struct engine *engine, const char *arn, const char *spec_text,
                              int64_t sequence, struct engine_task **ret_task)
{
    struct engine_task *task = new_task(engine, arn, sequence);
    struct error *err;

    task->spec_text = str_dup(spec_text);
    err = read_spec(task, arn);
    if (!err)
        err = engine_firelens_check(task);
    if (!err)
        err = read_resources(task);
    if (err) {
        engine_task_free(task);
        return err;
    }
    make_volumes(task);
    make_containers(task);
    engine_values_read(task);
    task->need = admission_need_of(&task->arena, task->spec);
    task->waiting_since_mono_ms = engine_mono_ms(engine);
    *ret_task = task;
    return NULL;
}

struct engine_task *engine_task_new_refused(struct engine *engine, const char *arn,
                                            int64_t sequence, const char *reason)
{
    struct engine_task *task = new_task(engine, arn, sequence);

    task->spec_text = str_dup("");
    task->spec = ARENA_NEW(&task->arena, struct acs_task);
    task->spec->arn = task->arn;
    task->views = xcalloc(1, sizeof(*task->views));
    task->reason = str_dup(reason);
    task->desired = ENGINE_STOPPED;
    engine_task_touch(task);
    engine_task_wake(task);
    return task;
}

static void free_container(struct engine_container *container)
{
    struct engine *engine = container->task->engine;

    if (container->docker_id)
        RB_REMOVE(engine_ids, &engine->ids, container);
    if (container->docker_name)
        RB_REMOVE(engine_names, &engine->names, container);
    RB_REMOVE(engine_endpoints, &engine->endpoints, container);
    free(container->docker_id);
    free(container->docker_name);
    free(container->detail);
    free(container->reason);
    free(container->image_id);
    free(container->image_digest);
    free(container->log_driver);
    free(container->range_starts);
    arena_done(&container->binding_arena);
}

void engine_task_free(struct engine_task *task)
{
    struct engine *engine = task->engine;

    timer_stop(&task->wake_timer);
    timer_stop(&task->cleanup_timer);
    for (size_t i = 0; i < task->container_count; i++)
        free_container(&task->containers[i]);
    for (size_t i = 0; i < task->volume_count; i++)
        free(task->volumes[i].docker_name);
    RB_REMOVE(engine_tasks, &engine->tasks, task);
    TAILQ_REMOVE(&engine->order, task, in_order);
    if (task->is_woken)
        TAILQ_REMOVE(&engine->woken, task, in_woken);
    if (task->is_looked)
        TAILQ_REMOVE(&engine->looked, task, in_looked);
    if (task->is_dirty)
        TAILQ_REMOVE(&engine->dirty, task, in_dirty);
    engine_gates_forget(task);
    engine_values_free(task);
    engine->task_count--;
    if (task->known == ENGINE_STOPPED)
        engine->stopped_count--;
    free(task->containers);
    free(task->volumes);
    free(task->views);
    free(task->spec_text);
    free(task->reason);
    free(task->arn);
    arena_done(&task->arena);
    free(task);
}
