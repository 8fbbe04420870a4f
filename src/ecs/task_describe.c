#include "ecs/task_describe.h"

#include "core/managed_agents.h"
#include "core/shown_arn.h"
#include "core/stored_json.h"
#include "core/task_gpus.h"
#include "ecs/names.h"
#include "ecs/tags.h"

#define ATTRIBUTE_ZONE         "ecs.availability-zone"
#define ATTRIBUTE_ARCHITECTURE "ecs.cpu-architecture"

static const enum ecs_task_stop_code stop_codes[STOP_CODE_COUNT] = {
    [STOP_CODE_NONE] = ECS_TASK_STOP_CODE_UNSET,
    [STOP_CODE_TASK_FAILED_TO_START] = ECS_TASK_STOP_CODE_TASK_FAILED_TO_START,
    [STOP_CODE_ESSENTIAL_CONTAINER_EXITED] = ECS_TASK_STOP_CODE_ESSENTIAL_CONTAINER_EXITED,
    [STOP_CODE_USER_INITIATED] = ECS_TASK_STOP_CODE_USER_INITIATED,
    [STOP_CODE_SERVICE_SCHEDULER_INITIATED] = ECS_TASK_STOP_CODE_SERVICE_SCHEDULER_INITIATED,
    [STOP_CODE_SPOT_INTERRUPTION] = ECS_TASK_STOP_CODE_SPOT_INTERRUPTION,
    [STOP_CODE_TERMINATION_NOTICE] = ECS_TASK_STOP_CODE_TERMINATION_NOTICE,
};

const char *task_stop_code_text(enum stop_code code)
{
    return code == STOP_CODE_NONE ? NULL : ecs_task_stop_code_name(stop_codes[code]);
}

static const enum ecs_health_status healths[HEALTH_COUNT] = {
    [HEALTH_UNKNOWN] = ECS_HEALTH_STATUS_UNKNOWN,
    [HEALTH_HEALTHY] = ECS_HEALTH_STATUS_HEALTHY,
    [HEALTH_UNHEALTHY] = ECS_HEALTH_STATUS_UNHEALTHY,
};

struct task_describer task_describer_for(struct call *call)
{
    return (struct task_describer){
        .call = call,
        .recipes = ARENA_ARRAY(call->arena, struct task_recipe, TASK_DESCRIBER_RECIPES_MAX),
    };
}

void task_describer_know(struct task_describer *describer, const struct task_recipe *recipe)
{
    if (describer->recipe_count < TASK_DESCRIBER_RECIPES_MAX)
        describer->recipes[describer->recipe_count++] = *recipe;
}

struct ecs_failure failure_of(const char *arn, const char *reason)
{
    return (struct ecs_failure){.arn = arn, .reason = reason};
}

/* The definition's recipe without overrides; NULL if the definition has been deleted. */
static struct error *recipe_of(struct task_describer *describer, const struct task *task,
                               const struct task_recipe **ret)
{
    struct call *call = describer->call;
    const struct task_definition *definition =
        state_task_definition(ecs_of(call)->state, call_scope(call), task->family, task->revision);
    struct task_recipe *recipe;

    *ret = NULL;
    if (!definition)
        return NULL;
    for (size_t i = 0; i < describer->recipe_count; i++) {
        if (describer->recipes[i].definition == definition) {
            *ret = &describer->recipes[i];
            return NULL;
        }
    }
    if (describer->recipe_count == TASK_DESCRIBER_RECIPES_MAX)
        describer->recipe_count = 0;
    recipe = &describer->recipes[describer->recipe_count];
    TRY(task_recipe_read(call->arena, definition, recipe));
    describer->recipe_count++;
    *ret = recipe;
    return NULL;
}

/* CL-104: a task that waits for a host, or ended waiting, has none yet. */
static bool shows_containers(const struct task *task)
{
    return !id_is_zero(&task->instance);
}

/* ---- overrides ---- */

static const struct ecs_container_override *override_of(const struct ecs_task_override *overrides,
                                                        const char *name)
{
    for (size_t i = 0; i < overrides->container_overrides.count; i++)
        if (str_eq(overrides->container_overrides.items[i].name, name))
            return &overrides->container_overrides.items[i];
    return NULL;
}

/* What was asked for, with an entry for every container, overridden or not (API-120), once those
 * are shown. */
static struct error *describe_overrides(struct arena *arena, const struct task *task,
                                        struct ecs_task_override **ret)
{
    struct ecs_task_override *asked = ARENA_NEW(arena, struct ecs_task_override);
    struct ecs_task_override *shown = ARENA_NEW(arena, struct ecs_task_override);

    TRY(stored_json_read(arena, ECS_SHAPE_TASK_OVERRIDE, task->rare->overrides, "overrides",
                         task->group, asked));
    *shown = *asked;
    if (shows_containers(task))
        SET_LIST(arena, &shown->container_overrides, task->containers_count);
    else if (!shown->container_overrides.is_set)
        SET_LIST(arena, &shown->container_overrides, 0);
    for (size_t i = 0; shows_containers(task) && i < task->containers_count; i++) {
        const char *name = task->containers[i].name;
        const struct ecs_container_override *found = override_of(asked, name);

        if (found)
            shown->container_overrides.items[i] = *found;
        else
            shown->container_overrides.items[i].name = name;
    }
    if (!shown->inference_accelerator_overrides.is_set)
        SET_LIST(arena, &shown->inference_accelerator_overrides, 0);
    *ret = shown;
    return NULL;
}

/* ---- containers ---- */

static const char *number(struct arena *arena, int32_t value)
{
    char text[12], *at = text + sizeof(text) - 1;
    uint32_t rest = value < 0 ? -(uint32_t)value : (uint32_t)value;

    *at = '\0';
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        *--at = '-';
    return arena_dup(arena, at);
}

static void describe_bindings(struct arena *arena, const struct container *container,
                              struct ecs_network_bindings *ret)
{
    SET_LIST(arena, ret, container->network_bindings_count);
    for (size_t i = 0; i < ret->count; i++) {
        const struct network_binding *from = &container->network_bindings[i];
        struct ecs_network_binding *to = &ret->items[i];

        to->bind_ip = from->bind_ip;
        to->protocol = from->protocol == PROTOCOL_UDP ? ECS_TRANSPORT_PROTOCOL_UDP
                                                      : ECS_TRANSPORT_PROTOCOL_TCP;
        to->container_port_range = from->rare->container_port_range;
        to->host_port_range = from->rare->host_port_range;
        if (to->container_port_range)
            continue;
        SET(to, container_port, from->container_port);
        SET(to, host_port, from->host_port);
    }
}

/* cpu and memory as they are in force: the override's, or else the definition's. */
static void describe_sizes(struct arena *arena, const struct task_recipe *recipe,
                           const struct ecs_container_override *override, struct ecs_container *ret)
{
    const struct task_recipe_container *from = task_recipe_container_named(recipe, ret->name);
    int32_t cpu = from ? from->cpu : 0;
    int32_t memory = from ? from->memory : 0;
    int32_t reservation = from ? from->memory_reservation : 0;

    if (override && override->has_cpu)
        cpu = override->cpu;
    if (override && override->has_memory)
        memory = override->memory;
    if (override && override->has_memory_reservation)
        reservation = override->memory_reservation;
    ret->cpu = number(arena, cpu);
    if (memory)
        ret->memory = number(arena, memory);
    if (reservation)
        ret->memory_reservation = number(arena, reservation);
}

static void describe_container(const struct task_describer *describer, const struct task *task,
                               const struct task_recipe *recipe,
                               const struct ecs_task_override *overrides,
                               const struct container *container, struct ecs_container *ret)
{
    struct call *call = describer->call;
    struct arena *arena = call->arena;
    const struct scope *scope = call_scope(call);

    ret->container_arn = shown_container_arn(arena, scope, task, &container->id);
    ret->task_arn = shown_task_arn(arena, scope, task);
    ret->name = container->name;
    ret->image = container->image;
    ret->image_digest = container->image_digest;
    ret->runtime_id = container->runtime_id;
    ret->last_status = task_status_name(container->last_status);
    ret->reason = container->reason;
    ret->health_status = healths[container->health];
    if (container->has_exit_code)
        SET(ret, exit_code, container->exit_code);
    if (container->network_bindings_count || container->runtime_id)
        describe_bindings(arena, container, &ret->network_bindings);
    if (recipe)
        describe_sizes(arena, recipe, override_of(overrides, container->name), ret);
}

/* Those it has been given: a task gets them when its host is first told of it. */
static struct error *describe_gpus(struct arena *arena, const struct task *task,
                                   struct ecs_containers *containers)
{
    struct task_gpu *gpus;
    size_t count;

    TRY(task_gpus_read(arena, task, &gpus, &count));
    for (size_t i = 0; i < containers->count && count; i++) {
        struct ecs_container *container = &containers->items[i];
        const char **ids = ARENA_ARRAY(arena, const char *, count);
        size_t own = 0;

        for (size_t k = 0; k < count; k++)
            if (str_eq(gpus[k].container, container->name))
                ids[own++] = gpus[k].id;
        if (own)
            container->gpu_ids = (struct ecs_gpu_ids){true, own, ids};
    }
    return NULL;
}

/* ---- the instance it is on ---- */

static const char *attribute_value(const struct container_instance *instance, const char *name)
{
    for (size_t i = 0; i < instance->attributes_count; i++)
        if (str_eq(instance->attributes[i].name, name))
            return instance->attributes[i].value;
    return NULL;
}

/* connectivityAt is when the task's agent came last. A stopped task was connected to the end. */
static void describe_connection(const struct task *task, const struct container_instance *instance,
                                struct ecs_task *ret)
{
    bool is_stopped = task->last_status == TASK_STOPPED;
    bool is_away = !is_stopped && (!instance || !state_instance_connected(instance));
    int64_t since_ms = task->connectivity_at_ms;

    if (instance && instance->connected_at_ms > since_ms &&
        (!is_stopped || instance->connected_at_ms <= task->rare->stopped_at_ms))
        since_ms = instance->connected_at_ms;
    ret->connectivity = is_away ? ECS_CONNECTIVITY_DISCONNECTED : ECS_CONNECTIVITY_CONNECTED;
    if (since_ms)
        SET(ret, connectivity_at_ms, since_ms);
}

static void describe_instance(const struct task_describer *describer, const struct task *task,
                              struct ecs_task *ret)
{
    struct call *call = describer->call;
    const struct container_instance *instance;
    const char *architecture;

    if (id_is_zero(&task->instance))
        return;
    ret->container_instance_arn =
        arn_container_instance(call->arena, call_scope(call), task->cluster, &task->instance);
    instance =
        state_instance(ecs_of(call)->state, call_scope(call), task->cluster, &task->instance);
    describe_connection(task, instance, ret);
    if (!instance)
        return;
    ret->container_instance_arn = shown_instance_arn(call->arena, call_scope(call), instance);
    ret->availability_zone = attribute_value(instance, ATTRIBUTE_ZONE);
    architecture = attribute_value(instance, ATTRIBUTE_ARCHITECTURE);
    if (architecture) {
        SET_LIST(call->arena, &ret->attributes, 1);
        ret->attributes.items[0] =
            (struct ecs_attribute){.name = ATTRIBUTE_ARCHITECTURE, .value = architecture};
    }
}

/* ---- the task ---- */

static void describe_times(const struct task *task, struct ecs_task *ret)
{
    const struct {
        int64_t at_ms;
        bool *has;
        int64_t *to;
    } times[] = {
        {task->created_at_ms, &ret->has_created_at_ms, &ret->created_at_ms},
        {task->pull_started_at_ms, &ret->has_pull_started_at_ms, &ret->pull_started_at_ms},
        {task->pull_stopped_at_ms, &ret->has_pull_stopped_at_ms, &ret->pull_stopped_at_ms},
        {task->started_at_ms, &ret->has_started_at_ms, &ret->started_at_ms},
        {task->rare->stopping_at_ms, &ret->has_stopping_at_ms, &ret->stopping_at_ms},
        {task->rare->stopped_at_ms, &ret->has_stopped_at_ms, &ret->stopped_at_ms},
        {task->rare->execution_stopped_at_ms, &ret->has_execution_stopped_at_ms,
         &ret->execution_stopped_at_ms},
    };

    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        *times[i].has = times[i].at_ms != 0;
        *times[i].to = times[i].at_ms;
    }
}

static struct error *describe_attachments(struct arena *arena, const struct task *task,
                                          struct ecs_attachments *ret)
{
    if (!task->rare->attachments)
        return NULL;
    return stored_json_read(arena, ECS_SHAPE_ATTACHMENTS, task->rare->attachments, "attachments",
                            task->group, ret);
}

struct error *task_describe(struct task_describer *describer, const struct task *task,
                            bool with_tags, struct ecs_task *ret)
{
    struct call *call = describer->call;
    struct arena *arena = call->arena;
    const struct scope *scope = call_scope(call);
    const struct task_recipe *recipe;

    TRY(recipe_of(describer, task, &recipe));
    TRY(describe_overrides(arena, task, &ret->overrides));
    TRY(describe_attachments(arena, task, &ret->attachments));
    ret->task_arn = shown_task_arn(arena, scope, task);
    ret->cluster_arn = arn_cluster(arena, scope, task->cluster);
    ret->task_definition_arn = arn_task_definition(arena, scope, task->family, task->revision);
    ret->last_status = task_status_name(task->last_status);
    ret->desired_status = task_status_name(task->desired_status);
    ret->health_status = healths[task->health];
    ret->group = task->group;
    ret->started_by = task->started_by;
    ret->capacity_provider_name = task->rare->capacity_provider;
    if (task->launch_type != LAUNCH_TYPE_NONE)
        ecs_launch_type_parse(launch_type_name(task->launch_type), &ret->launch_type);
    ret->stop_code = stop_codes[task->stop_code];
    ret->stopped_reason = task->rare->stopped_reason;
    ret->cpu = number(arena, task->cpu);
    ret->memory = number(arena, task->memory);
    SET(ret, version, task->version);
    SET(ret, enable_execute_command, task->enable_execute_command);
    describe_times(task, ret);
    describe_instance(describer, task, ret);
    if (recipe)
        ret->inference_accelerators = recipe->document->inference_accelerators;
    if (with_tags)
        tags_answer(arena, task->tags, task->tags_count, &ret->tags);
    SET_LIST(arena, &ret->containers, shows_containers(task) ? task->containers_count : 0);
    for (size_t i = 0; i < ret->containers.count; i++)
        describe_container(describer, task, recipe, ret->overrides, &task->containers[i],
                           &ret->containers.items[i]);
    TRY(managed_agents_describe(arena, task, &ret->containers));
    return describe_gpus(arena, task, &ret->containers);
}
