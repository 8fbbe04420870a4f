/* sim_calls.c - what the API would do to tasks and instances, done on the records. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "control/capacity.h"
#include "control/launch.h"
#include "core/stored_json.h"
#include "core/task.h"
#include "core/task_build.h"
#include "sim.h"
#include "sim_world.h"

/* ---- tasks ---- */

void world_define(struct world *world, const char *family, int32_t cpu, bool has_health_check)
{
    struct txn *txn = txn_begin(world->state, world->scope);
    struct task_definition *definition = task_definition_new();
    CLEANUP(str_freep)
    char *document = str_printf(
        "{\"family\":\"%s\",\"containerDefinitions\":[{\"name\":\"app\",\"image\":\"busybox\","
        "\"cpu\":%" PRId32 ",\"memory\":16,\"essential\":true%s}]}",
        family, cpu, has_health_check ? ",\"healthCheck\":{\"command\":[\"CMD\",\"true\"]}" : "");

    task_definition_set_family(definition, family);
    definition->status = DEFINITION_ACTIVE;
    definition->network_mode = NETWORK_MODE_BRIDGE;
    definition->cpu = cpu;
    definition->memory = 16;
    task_definition_set_document(definition, document);
    txn_insert_task_definition(txn, definition);
    txn_commit(txn);
    world_settle(world);
}

struct run_answer {
    struct world *world;
    struct id ids[16];
    size_t count;
};

static void on_run_answered(const struct error *err, void *data)
{
    struct run_answer *answer = data;
    struct world *world = answer->world;

    for (size_t i = 0; i < answer->count && !err && world->acked_count < SIM_ACKED_MAX; i++)
        world->acked[world->acked_count++] = answer->ids[i];
    free(answer);
}

static size_t run_task(struct world *world, const char *family, int revision, const char *provider,
                       const struct ecs_service *placement, size_t count)
{
    struct arena arena = {0};
    struct task_recipe recipe = {0};
    struct demand demand = {0};
    struct task_order order;
    struct plan plan;
    struct run_answer *answer = xcalloc(1, sizeof(*answer));
    const struct task_definition *definition =
        state_task_definition(world->state, world->scope, family, revision);
    struct txn *txn;

    WORLD_CHECK(world, definition);
    world_must(task_recipe_read(&arena, definition, &recipe));
    order = (struct task_order){
        .cluster = SIM_CLUSTER,
        .recipe = &recipe,
        .launch_type = LAUNCH_TYPE_EC2,
        .capacity_provider = provider,
        .placement = launch_placement_text(&arena, &placement->placement_constraints,
                                           &placement->placement_strategy),
    };
    launch_demand(&arena, &recipe, task_order_group(&arena, &order),
                  &(struct launch_rules){.launch_type = LAUNCH_TYPE_EC2,
                                         .constraints = &placement->placement_constraints,
                                         .strategies = &placement->placement_strategy},
                  &demand);
    demand.capacity_provider = provider;
    world_must(plan_place(&arena, control_fleet(world->control, world->scope, SIM_CLUSTER), &demand,
                          count, &world->rng, &plan));
    order.placement_explanation = plan_explain(&arena, &plan);
    answer->world = world;
    txn = txn_begin(world->state, world->scope);
    if (!provider || !capacity_is_waited_for(world->state, world->scope, provider))
        count = plan.placed_count;
    for (size_t i = 0; i < count && i < ARRAY_LEN(answer->ids); i++) {
        struct task *task = task_build(&order, i < plan.placed_count ? &plan.hosts[i] : NULL,
                                       &world->state_rng, world_wall_ms(world));

        answer->ids[answer->count++] = task->id;
        txn_insert_task(txn, task);
    }
    txn_commit(txn);
    count = answer->count;
    launch_demand_done(&demand);
    arena_done(&arena);
    state_when_durable(world->state, on_run_answered, answer);
    return count;
}

size_t world_run_task(struct world *world, const char *family, int revision, size_t count)
{
    return run_task(world, family, revision, NULL, &(struct ecs_service){0}, count);
}

size_t world_run_task_of(struct world *world, const char *provider, const char *family,
                         int revision, const char *placement, size_t count)
{
    struct ecs_service asked = {0};
    struct arena arena = {0};

    world_must(
        stored_json_read(&arena, ECS_SHAPE_SERVICE, placement, "placement", "the test", &asked));
    count = run_task(world, family, revision, provider, &asked, count);
    arena_done(&arena);
    return count;
}

void world_create_provider(struct world *world, const char *name, bool is_managed)
{
    struct txn *txn = txn_begin(world->state, world->scope);
    struct capacity_provider *provider = capacity_provider_new();

    capacity_provider_set_name(provider, name);
    capacity_provider_set_group(provider, name);
    provider->status = PROVIDER_ACTIVE;
    provider->is_scaling_managed = is_managed;
    txn_insert_capacity_provider(txn, provider);
    txn_commit(txn);
}

void world_stop_task(struct world *world, const struct id *id)
{
    const struct task *task = world_task(world, id);
    struct txn *txn;

    if (!task || task->desired_status == TASK_STOPPED)
        return;
    txn = txn_begin(world->state, world->scope);
    task_want_stopped(txn_edit_task(txn, task), STOP_CODE_USER_INITIATED, STOPPED_BY_USER,
                      world_wall_ms(world));
    txn_commit(txn);
}

void world_set_health(struct world *world, const struct id *task, enum health_status health)
{
    struct txn *txn = txn_begin(world->state, world->scope);
    struct task *edited = txn_edit_task(txn, world_task(world, task));

    for (uint32_t i = 0; i < edited->containers_count; i++)
        edited->containers[i].health = health;
    txn_commit(txn);
}

/* What UpdateTaskProtection does; 0: not any more. */
void world_protect_task(struct world *world, const struct id *id, int64_t for_ms)
{
    const struct task *task = world_task(world, id);
    struct txn *txn;

    if (!task || !task->service || task->desired_status == TASK_STOPPED)
        return;
    txn = txn_begin(world->state, world->scope);
    task_set_protected_until_ms(txn_edit_task(txn, task),
                                for_ms ? world_wall_ms(world) + for_ms : 0);
    txn_commit(txn);
}

/* ---- instances ---- */

void world_set_instance(struct world *world, int agent, enum instance_status status)
{
    const struct container_instance *instance =
        state_instance(world->state, world->scope, SIM_CLUSTER, &world->agents[agent].instance);
    struct container_instance *edited;
    struct txn *txn;

    if (!instance || instance->status == INSTANCE_INACTIVE || instance->status == status)
        return;
    txn = txn_begin(world->state, world->scope);
    edited = txn_edit_instance(txn, instance);
    edited->status = status;
    edited->version++;
    if (status == INSTANCE_INACTIVE) {
        edited->deregistered_at_ms = world_wall_ms(world);
        control_disconnect_instance(world->control, edited);
    }
    txn_commit(txn);
}

void world_set_provider(struct world *world, int agent, const char *provider)
{
    struct txn *txn = txn_begin(world->state, world->scope);

    container_instance_set_capacity_provider(
        txn_edit_instance(txn, state_instance(world->state, world->scope, SIM_CLUSTER,
                                              &world->agents[agent].instance)),
        provider);
    txn_commit(txn);
}

void world_set_attribute(struct world *world, int agent, const char *name, const char *value)
{
    struct txn *txn = txn_begin(world->state, world->scope);
    struct container_instance *edited =
        txn_edit_instance(txn, state_instance(world->state, world->scope, SIM_CLUSTER,
                                              &world->agents[agent].instance));
    struct attribute *found = NULL;

    for (uint32_t i = 0; i < edited->attributes_count; i++)
        if (str_eq(edited->attributes[i].name, name))
            found = &edited->attributes[i];
    if (!found)
        found = container_instance_append_attributes(edited);
    attribute_set_name(found, name);
    attribute_set_value(found, value);
    txn_commit(txn);
}

/* ---- looking ---- */

const struct task *world_task(struct world *world, const struct id *id)
{
    return state_task(world->state, world->scope, SIM_CLUSTER, id);
}
