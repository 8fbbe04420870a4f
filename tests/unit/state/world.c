#include "world.h"

#include "base/mem.h"

/* A store that is only lent: closing it leaves the one behind it open. */
struct lent_store {
    struct store store;
    struct store *kept;
};

static struct store *kept_by(struct store *store)
{
    return ((struct lent_store *)store)->kept;
}

static struct error *lent_commit(struct store *store, const struct store_txn *txns, size_t count)
{
    return store_commit(kept_by(store), txns, count);
}

static struct error *lent_scan(struct store *store, const void *prefix, size_t prefix_len,
                               store_each_fn *each, void *data)
{
    return store_scan(kept_by(store), prefix, prefix_len, each, data);
}

static struct error *lent_backup(struct store *store, const char *file)
{
    return store_backup(kept_by(store), file);
}

static void lent_close(struct store *store)
{
    free(store);
}

static const struct store_backend lent_backend = {
    .name = "lent",
    .commit = lent_commit,
    .scan = lent_scan,
    .backup = lent_backup,
    .close = lent_close,
};

static struct store *lend(struct store *kept)
{
    struct lent_store *lent = xcalloc(1, sizeof(*lent));

    lent->store.backend = &lent_backend;
    lent->kept = kept;
    return &lent->store;
}

void must(struct error *err)
{
    if (!err)
        return;
    char *message = str_dup(err->message);
    error_free(err);
    fail_msg("%s", message);
}

static int64_t now_of(void *data)
{
    return ((struct world *)data)->now_ms;
}

static void start(struct world *world)
{
    must(loop_new(&world->loop));
    world->lent = lend(world->kept);
    must(state_open(world->loop, world->lent, &world->clock, &world->rng, &world->state));
    world->scope = state_scope(world->state, "us-east-1", "000000000000");
}

struct world *world_new_on(struct store *store)
{
    struct world *world = xcalloc(1, sizeof(*world));

    world->kept = store;
    world->now_ms = 1700000000000;
    world->clock = (struct clock){now_of, now_of, world};
    world->rng = rng_seeded(42);
    start(world);
    return world;
}

struct world *world_new(void)
{
    struct store *store;

    must(store_open_memory(&store));
    return world_new_on(store);
}

static void stop(struct world *world)
{
    state_close(world->state);
    loop_free(world->loop);
}

void world_free(struct world *world)
{
    stop(world);
    store_close(world->kept);
    free(world);
}

void world_restart(struct world *world)
{
    stop(world);
    start(world);
}

static void on_settled(const struct error *err, void *data)
{
    struct world *world = data;
    struct state_stats stats;

    (void)err;
    state_stats(world->state, &stats);
    if (stats.queue_depth > 0)
        state_when_durable(world->state, on_settled, world);
    else
        loop_stop(world->loop);
}

static void wait_settled(void *data)
{
    struct world *world = data;

    state_when_durable(world->state, on_settled, world);
}

void world_settle(struct world *world)
{
    loop_defer(world->loop, wait_settled, world);
    loop_run(world->loop);
}

struct row_counts {
    size_t records, feed;
};

static struct error *count_row(const struct store_op *row, void *data)
{
    struct row_counts *counts = data;
    struct record_key key;
    bool is_feed = record_key_parse(row->key, row->key_len, &key) && key.kind == RECORD_FEED_ROW;

    counts->feed += is_feed;
    counts->records += !is_feed;
    return NULL;
}

static struct row_counts count_rows(struct world *world)
{
    struct row_counts counts = {0};

    must(store_scan(world->kept, NULL, 0, count_row, &counts));
    return counts;
}

size_t world_row_count(struct world *world)
{
    return count_rows(world).records;
}

size_t world_feed_row_count(struct world *world)
{
    return count_rows(world).feed;
}

struct cluster *make_cluster(struct txn *txn, const char *name)
{
    struct cluster *cluster = cluster_new();

    cluster_set_name(cluster, name);
    return txn_insert_cluster(txn, cluster);
}

struct container_instance *make_instance(struct world *world, struct txn *txn, const char *cluster)
{
    struct container_instance *instance = container_instance_new();

    instance->id = id_new(&world->rng, world->now_ms);
    container_instance_set_cluster(instance, cluster);
    instance->status = INSTANCE_ACTIVE;
    instance->cpu = 4096;
    instance->memory = 16384;
    return txn_insert_instance(txn, instance);
}

struct task *make_task(struct world *world, struct txn *txn, const char *cluster,
                       const struct id *instance)
{
    struct task *task = task_new();

    task->id = id_new(&world->rng, world->now_ms);
    task_set_cluster(task, cluster);
    task_set_family(task, "web");
    task->revision = 1;
    task->last_status = TASK_PENDING;
    task->desired_status = TASK_RUNNING;
    task->cpu = 256;
    task->memory = 512;
    if (instance)
        task->instance = *instance;
    return txn_insert_task(txn, task);
}

struct service *make_service(struct txn *txn, const char *cluster, const char *name)
{
    struct service *service = service_new();

    service_set_cluster(service, cluster);
    service_set_name(service, name);
    return txn_insert_service(txn, service);
}

struct task_definition *make_definition(struct txn *txn, const char *family)
{
    struct task_definition *definition = task_definition_new();

    task_definition_set_family(definition, family);
    task_definition_set_document(definition, "{}");
    return txn_insert_task_definition(txn, definition);
}
