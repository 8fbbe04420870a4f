#include "core/task_build.h"

#include "base/str.h"

#define TAG_CLUSTER_NAME "aws:ecs:clusterName"
#define TAG_SERVICE_NAME "aws:ecs:serviceName"

const char *task_order_group(struct arena *arena, const struct task_order *order)
{
    if (order->group)
        return order->group;
    if (order->service)
        return arena_printf(arena, "service:%s", order->service);
    return arena_printf(arena, "family:%s", order->recipe->definition->family);
}

static bool has_key(const struct ecs_tags *tags, const char *key)
{
    for (size_t i = 0; tags && i < tags->count; i++)
        if (str_eq(tags->items[i].key, key))
            return true;
    return false;
}

void task_order_tags(struct arena *arena, const struct tag *propagated, size_t propagated_count,
                     const struct ecs_tags *own, bool enable_managed, struct task_order *order)
{
    size_t own_count = own ? own->count : 0;
    struct ecs_tag *tags = ARENA_ARRAY(arena, struct ecs_tag, propagated_count + own_count + 2);
    size_t count = 0;

    for (size_t i = 0; i < propagated_count; i++)
        if (!has_key(own, propagated[i].key))
            tags[count++] = (struct ecs_tag){propagated[i].key, propagated[i].value};
    for (size_t i = 0; i < own_count; i++)
        tags[count++] = own->items[i];
    if (enable_managed)
        tags[count++] = (struct ecs_tag){TAG_CLUSTER_NAME, order->cluster};
    if (enable_managed && order->service)
        tags[count++] = (struct ecs_tag){TAG_SERVICE_NAME, order->service};
    order->tags = tags;
    order->tag_count = count;
}

static void build_containers(const struct task_recipe *recipe, enum task_status status,
                             struct rng *rng, int64_t now_ms, struct task *task)
{
    struct container *containers = task_resize_containers(task, (uint32_t)recipe->container_count);

    for (size_t i = 0; i < recipe->container_count; i++) {
        const struct task_recipe_container *from = &recipe->containers[i];

        containers[i].id = id_new(rng, now_ms);
        container_set_name(&containers[i], from->name);
        container_set_image(&containers[i], from->image);
        containers[i].last_status = status;
        containers[i].is_essential = from->is_essential;
        containers[i].has_health_check = from->has_health_check;
    }
}

static void build_tags(const struct task_order *order, struct task *task)
{
    struct tag *tags = task_resize_tags(task, (uint32_t)order->tag_count);

    for (size_t i = 0; i < order->tag_count; i++) {
        tag_set_key(&tags[i], order->tags[i].key);
        tag_set_value(&tags[i], order->tags[i].value ? order->tags[i].value : "");
    }
}

/* awsvpc tasks have an address of their own: what they listen on holds nothing of the host's. */
static void build_ports(const struct task_definition *definition, struct task *task)
{
    struct port *ports;

    if (definition->network_mode == NETWORK_MODE_AWSVPC)
        return;
    ports = task_resize_ports(task, definition->ports_count);
    for (uint32_t i = 0; i < definition->ports_count; i++) {
        ports[i].number = definition->ports[i].number;
        ports[i].protocol = definition->ports[i].protocol;
    }
}

struct task *task_build(const struct task_order *order, const struct id *instance, struct rng *rng,
                        int64_t now_ms)
{
    const struct task_recipe *recipe = order->recipe;
    const struct task_definition *definition = recipe->definition;
    bool is_provisioned = instance && definition->network_mode != NETWORK_MODE_AWSVPC;
    enum task_status status = is_provisioned ? TASK_PENDING : TASK_PROVISIONING;
    struct arena arena = {0};
    struct task *task = task_new();

    task->id = id_new(rng, now_ms);
    if (instance) {
        task->instance = *instance;
    } else {
        task_set_placement(task, order->placement);
        task_set_placement_explanation(task, order->placement_explanation);
    }
    task_set_cluster(task, order->cluster);
    task_set_family(task, definition->family);
    task->revision = definition->revision;
    task_set_group(task, task_order_group(&arena, order));
    task_set_service(task, order->service);
    task_set_deployment(task, order->deployment);
    task_set_started_by(task, order->started_by ? order->started_by : order->deployment);
    task->last_status = status;
    task->desired_status = TASK_RUNNING;
    task->launch_type = order->launch_type;
    task->created_at_ms = now_ms;
    task->connectivity_at_ms = now_ms;
    task->version = 1;
    task->cpu = recipe->cpu;
    task->memory = recipe->memory;
    if (recipe->gpu_count)
        task_set_gpu_count(task, recipe->gpu_count);
    task_set_task_cpu(task, recipe->task_cpu);
    task_set_task_memory(task, recipe->task_memory);
    task_set_overrides(task, recipe->overrides);
    task_set_capacity_provider(task, order->capacity_provider);
    task_set_network_configuration(task, order->network_configuration);
    task_set_client_token(task, order->client_token);
    task_set_reference_id(task, order->reference_id);
    task->enable_execute_command = order->enable_execute_command;
    task->has_old_arn = order->has_old_arn;
    build_ports(definition, task);
    build_containers(recipe, status, rng, now_ms, task);
    build_tags(order, task);
    arena_done(&arena);
    return task;
}
