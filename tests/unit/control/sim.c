/* sim.c - the world's life: its store, its server, its hosts, its time. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_world.h"

void world_must(struct error *err)
{
    if (err)
        fail_msg("%s", err->message);
}

/* ---- a store that is only lent ---- */

struct lent_store {
    struct store store;
    struct store *kept;
    const struct world *world;
};

static struct store *kept_by(struct store *store)
{
    return ((struct lent_store *)store)->kept;
}

static struct error *lent_commit(struct store *store, const struct store_txn *txns, size_t count)
{
    if (((struct lent_store *)store)->world->is_disk_full)
        return error_new(API_SERVER, "no space left on the device");
    return store_commit(kept_by(store), txns, count);
}

static struct error *lent_scan(struct store *store, const void *prefix, size_t prefix_len,
                               store_each_fn *each, void *data)
{
    return store_scan(kept_by(store), prefix, prefix_len, each, data);
}

static void lent_close(struct store *store)
{
    free(store);
}

static const struct store_backend lent_backend = {
    .name = "lent", .commit = lent_commit, .scan = lent_scan, .close = lent_close};

/* ---- the server's life ---- */

static int64_t wall_ms(void *data)
{
    return 1700000000000 + sim_loop_now_ms(((struct world *)data)->loop);
}

int64_t world_wall_ms(struct world *world)
{
    return wall_ms(world);
}

static int64_t mono_ms(void *data)
{
    return sim_loop_now_ms(((struct world *)data)->loop);
}

static bool is_busy(void *data)
{
    struct world *world = data;
    struct state_stats stats;

    if (!world->state)
        return false;
    state_stats(world->state, &stats);
    return stats.queue_depth > 0;
}

static void on_durable(const struct change *change, void *data)
{
    struct world *world = data;
    const struct task *task = change->record;

    if (change->kind != CHANGE_TASK || !task || !change->is_new)
        return;
    ARRAY_GROW(world->durable, world->durable_count, world->durable_capacity);
    world->durable[world->durable_count++] = task->id;
}

static void server_start(struct world *world)
{
    struct lent_store *lent = xcalloc(1, sizeof(*lent));

    lent->store.backend = &lent_backend;
    lent->kept = world->kept;
    lent->world = world;
    world_must(
        state_open(world->loop, &lent->store, &world->clock, &world->state_rng, &world->state));
    world->scope = state_scope(world->state, "us-east-1", "000000000000");
    state_observe(
        world->state,
        &(struct observer){.staged = world_check_change, .durable = on_durable, .data = world});
    world_must(control_new(world->loop, world->state, &world->options, &world->control));
}

static void on_control_closed(void *data)
{
    *(bool *)data = true;
}

static void server_stop(struct world *world)
{
    struct control *control = world->control;
    struct state *state = world->state;
    bool is_closed = false;

    world->control = NULL;
    control_close(control, on_control_closed, &is_closed);
    world_settle(world);
    WORLD_CHECK(world, is_closed);
    world->state = NULL;
    state_close(state);
    world_settle(world);
}

void world_restart(struct world *world)
{
    server_stop(world);
    server_start(world);
}

void world_fail_store_write(struct world *world, long nth)
{
    store_fail_commit(world->kept, nth);
}

/* ---- its time ---- */

void world_pass(struct world *world, int64_t ms)
{
    sim_loop_pass(world->loop, ms, is_busy, world_check_step, world);
}

void world_settle(struct world *world)
{
    sim_loop_settle(world->loop, is_busy, world);
}

/* ---- the world's life ---- */

static void register_agent(struct world *world, struct txn *txn, int number)
{
    struct container_instance *instance = container_instance_new();
    struct attribute *attribute;

    instance->id = id_new(&world->state_rng, world_wall_ms(world));
    container_instance_set_cluster(instance, SIM_CLUSTER);
    instance->status = INSTANCE_ACTIVE;
    instance->cpu = SIM_HOST_CPU;
    instance->memory = 4096;
    instance->registered_at_ms = world_wall_ms(world);
    attribute = container_instance_append_attributes(instance);
    attribute_set_name(attribute, "ecs.availability-zone");
    attribute_set_value(attribute, number % 2 ? "zone-b" : "zone-a");
    world->agents[number] = (struct sim_agent){
        .world = world, .number = number, .instance = instance->id, .is_fresh = true};
    txn_insert_instance(txn, instance);
}

void world_add_agent(struct world *world)
{
    struct txn *txn = txn_begin(world->state, world->scope);

    WORLD_CHECK(world, world->agent_count < SIM_AGENTS_MAX);
    register_agent(world, txn, world->agent_count);
    txn_commit(txn);
    world_settle(world);
    agent_start(&world->agents[world->agent_count++]);
}

static void register_agents(struct world *world)
{
    struct txn *txn = txn_begin(world->state, world->scope);
    struct cluster *cluster = cluster_new();

    cluster_set_name(cluster, SIM_CLUSTER);
    cluster->status = CLUSTER_ACTIVE;
    txn_insert_cluster(txn, cluster);
    for (int i = 0; i < world->agent_count; i++)
        register_agent(world, txn, i);
    txn_commit(txn);
    world_settle(world);
}

struct world *world_new(uint64_t seed, int agents)
{
    struct world *world = xcalloc(1, sizeof(*world));

    world->seed = seed;
    world->rng = rng_seeded(seed);
    world->state_rng = rng_seeded(seed + 1000003);
    world->clock = (struct clock){wall_ms, mono_ms, world};
    world->loop = sim_loop_new();
    world->options = (struct control_options){.instance_lost_after_ms = 2 * MINUTES,
                                              .task_retention_ms = 100 * 60 * MINUTES};
    world->agent_count = agents;
    world->is_calm = true;
    snprintf(world->service_document, sizeof(world->service_document), "{\"serviceName\":\"x\"}");
    world_must(store_open_memory(&world->kept));
    server_start(world);
    register_agents(world);
    for (int i = 0; i < agents; i++)
        agent_start(&world->agents[i]);
    return world;
}

void world_free(struct world *world)
{
    for (int i = 0; i < world->agent_count; i++)
        agent_kill(&world->agents[i]);
    world_settle(world);
    server_stop(world);
    sim_loop_pass(world->loop, MINUTES, is_busy, NULL, world); /* frames on their way */
    for (int i = 0; i < world->agent_count; i++) {
        struct sim_task *task, *next;

        for (task = world->agents[i].tasks; task; task = next) {
            next = task->next;
            timer_stop(&task->step);
            timer_stop(&task->report);
            free(task);
        }
    }
    store_close(world->kept);
    sim_loop_free(world->loop);
    free(world->durable);
    free(world);
}
