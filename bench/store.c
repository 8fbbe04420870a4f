/* store.c - rows a second that the embedded store takes, at a million rows: inserts and updates, as
 * the store itself does them and through the state's journal, beside bare SQLite with the same file
 * and settings.
 *
 *   store [--rows N] [--folder DIR]
 *
 * Rows are tasks as a service has them: keys that grow with time and values of some 300 bytes. A
 * batch of the store is 1,000 transactions of one row; the journal makes its own batches of what
 * comes while the one before is synced, with at most 2,000 transactions on their way. */
#include <malloc.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "state/state.h"

#define BATCH    1000
#define ON_WAY   2000
#define MEASURED 100000
#define CLUSTERS 4
#define HOSTS    5000

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(struct error *err)
{
    if (!err)
        return;
    fprintf(stderr, "store: %s\n", err->message);
    exit(1);
}

/* Tasks */

struct tasks {
    struct rng rng;
    int64_t now_ms;
    struct id *ids; /* of all that were made, in order */
    size_t count;
    struct id hosts[HOSTS];
};

static const char *cluster_of(size_t number)
{
    static const char *const names[CLUSTERS] = {"batch", "default", "test", "web"};

    return names[number % CLUSTERS];
}

static void tasks_init(struct tasks *tasks, size_t max)
{
    *tasks = (struct tasks){.rng = rng_seeded(7), .now_ms = 1700000000000};
    tasks->ids = xcalloc(max, sizeof(*tasks->ids));
    for (size_t i = 0; i < HOSTS; i++)
        tasks->hosts[i] = id_new(&tasks->rng, tasks->now_ms);
}

static struct task *next_task(struct tasks *tasks)
{
    size_t number = tasks->count++;
    struct task *task = task_new();
    struct container *container;
    struct network_binding *binding;
    char text[80];

    tasks->now_ms += number % 16 == 0;
    tasks->ids[number] = task->id = id_new(&tasks->rng, tasks->now_ms);
    task->instance = tasks->hosts[number % HOSTS];
    task_set_cluster(task, cluster_of(number));
    task_set_family(task, "web");
    task->revision = 3;
    task_set_service(task, "web");
    task_set_group(task, "service:web");
    task_set_deployment(task, "ecs-svc/1700000000000123456");
    task_set_started_by(task, "ecs-svc/1700000000000123456");
    task->last_status = task->desired_status = TASK_RUNNING;
    task->launch_type = LAUNCH_TYPE_EC2;
    task->created_at_ms = task->started_at_ms = task->pull_started_at_ms = tasks->now_ms;
    task->cpu = 256;
    task->memory = 512;
    task->version = 3;
    task_append_ports(task)->number = 32768;
    container = task_append_containers(task);
    container->id = id_new(&tasks->rng, tasks->now_ms);
    container_set_name(container, "nginx");
    container_set_image(container, "nginx:latest");
    snprintf(text, sizeof(text), "%064zu", number);
    container_set_runtime_id(container, text);
    container->last_status = TASK_RUNNING;
    binding = container_append_network_bindings(container);
    network_binding_set_bind_ip(binding, "0.0.0.0");
    binding->container_port = 80;
    binding->host_port = 32768;
    return task;
}

/* Rows: a batch of BATCH, each a transaction. */

struct rows {
    struct buf bytes;
    struct store_op ops[BATCH];
    struct store_txn txns[BATCH];
    size_t count;
};

static void rows_clear(struct rows *rows)
{
    buf_clear(&rows->bytes);
    rows->count = 0;
}

static void rows_add(struct rows *rows, struct task *task)
{
    static const struct scope scope = {.region = "us-east-1", .account = "000000000000"};
    struct store_op *op = &rows->ops[rows->count];
    size_t start = rows->bytes.len;

    task_key(task, &scope, &rows->bytes);
    op->key_len = (uint32_t)(rows->bytes.len - start);
    start = rows->bytes.len;
    task_encode(task, &rows->bytes);
    op->value_len = (uint32_t)(rows->bytes.len - start);
    rows->txns[rows->count++] = (struct store_txn){op, 1};
    task_free(task);
}

/* The bytes may have moved while they were added. */
static void rows_seal(struct rows *rows)
{
    const char *at = rows->bytes.data;

    for (size_t i = 0; i < rows->count; i++) {
        rows->ops[i].key = at;
        rows->ops[i].value = at + rows->ops[i].key_len;
        at += rows->ops[i].key_len + rows->ops[i].value_len;
    }
}

static void fill_new(struct rows *rows, struct tasks *tasks)
{
    rows_clear(rows);
    for (int i = 0; i < BATCH; i++)
        rows_add(rows, next_task(tasks));
    rows_seal(rows);
}

/* The same keys in any order, each with a changed value. */
static void fill_updates(struct rows *rows, struct tasks *tasks, size_t existing)
{
    rows_clear(rows);
    for (int i = 0; i < BATCH; i++) {
        size_t number = rng_below(&tasks->rng, existing);
        size_t count = tasks->count;
        struct id id = tasks->ids[number];
        tasks->count = number;
        struct task *task = next_task(tasks);
        tasks->count = count;
        tasks->ids[number] = task->id = id;
        task->version = 4;
        rows_add(rows, task);
    }
    rows_seal(rows);
}

/* What rows are committed to: our store, or SQLite as it is. */
struct target {
    const char *name;
    void (*commit)(struct target *target, const struct rows *rows);
    struct store *store;
    sqlite3 *db;
    sqlite3_stmt *put;
};

static void commit_store(struct target *target, const struct rows *rows)
{
    must(store_commit(target->store, rows->txns, rows->count));
}

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "store: %s: %s\n", text, sqlite3_errmsg(db));
        exit(1);
    }
}

static void commit_bare(struct target *target, const struct rows *rows)
{
    sql(target->db, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < rows->count; i++) {
        sqlite3_bind_blob(target->put, 1, rows->ops[i].key, (int)rows->ops[i].key_len,
                          SQLITE_STATIC);
        sqlite3_bind_blob(target->put, 2, rows->ops[i].value, (int)rows->ops[i].value_len,
                          SQLITE_STATIC);
        sqlite3_step(target->put);
        sqlite3_reset(target->put);
    }
    sql(target->db, "COMMIT");
}

static void open_bare(struct target *target, const char *file)
{
    if (sqlite3_open(file, &target->db) != SQLITE_OK)
        exit(1);
    sql(target->db, "PRAGMA journal_mode = WAL");
    sql(target->db, "PRAGMA synchronous = FULL");
    sql(target->db,
        "CREATE TABLE records(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID");
    sqlite3_prepare_v2(target->db, "INSERT OR REPLACE INTO records(key, value) VALUES(?1, ?2)", -1,
                       &target->put, NULL);
}

static void report(const char *what, const char *who, size_t count, double seconds)
{
    printf("%-34s %-14s %10.0f rows/s\n", what, who, (double)count / seconds);
    fflush(stdout);
}

static void bench_rows(struct target *target, size_t at)
{
    static struct rows rows;
    struct tasks tasks;
    double spent = 0, start;

    tasks_init(&tasks, at + MEASURED);
    start = now_s();
    while (tasks.count < at) {
        fill_new(&rows, &tasks);
        start = now_s();
        target->commit(target, &rows);
        spent += now_s() - start;
    }
    report("inserts, from empty", target->name, at, spent);
    for (int is_update = 0; is_update < 2; is_update++) {
        spent = 0;
        for (size_t done = 0; done < MEASURED; done += BATCH) {
            if (is_update)
                fill_updates(&rows, &tasks, at);
            else
                fill_new(&rows, &tasks);
            start = now_s();
            target->commit(target, &rows);
            spent += now_s() - start;
        }
        report(is_update ? "updates of any, when full" : "inserts, when full", target->name,
               MEASURED, spent);
    }
    free(tasks.ids);
}

/* Through the state */

struct driver {
    struct loop *loop;
    struct state *state;
    const struct scope *scope;
    struct tasks tasks;
    size_t started, durable, wanted;
    size_t existing; /* updates: of so many; 0: inserts */
};

static void make_one(struct driver *driver)
{
    struct txn *txn = txn_begin(driver->state, driver->scope);

    if (driver->existing) {
        size_t number = rng_below(&driver->tasks.rng, driver->existing);
        const struct task *found = state_task(driver->state, driver->scope, cluster_of(number),
                                              &driver->tasks.ids[number]);
        txn_edit_task(txn, found)->version++;
    } else {
        txn_insert_task(txn, next_task(&driver->tasks));
    }
    txn_commit(txn);
}

static void go_on(struct driver *driver);

static void on_durable(const struct error *err, void *data)
{
    struct driver *driver = data;

    if (err) {
        fprintf(stderr, "store: %s\n", err->message);
        exit(1);
    }
    if (++driver->durable == driver->wanted)
        loop_stop(driver->loop);
}

/* As requests do: each turn takes in what may come, and waits. */
static void on_turn(void *data)
{
    go_on(data);
}

static void go_on(struct driver *driver)
{
    for (int i = 0;
         i < 64 && driver->started < driver->wanted && driver->started - driver->durable < ON_WAY;
         i++) {
        driver->started++;
        make_one(driver);
        state_when_durable(driver->state, on_durable, driver);
    }
    if (driver->started < driver->wanted)
        loop_post(driver->loop, on_turn, driver);
}

static void run_state(struct driver *driver, const char *what, size_t count, size_t existing)
{
    struct state_stats before, after;
    double start = now_s();

    state_stats(driver->state, &before);
    driver->started = driver->durable = 0;
    driver->wanted = count;
    driver->existing = existing;
    loop_post(driver->loop, on_turn, driver);
    loop_run(driver->loop);
    double spent = now_s() - start;
    state_stats(driver->state, &after);
    printf("%-34s %-14s %10.0f rows/s, %.0f a batch\n", what, "state", (double)count / spent,
           (double)count / (double)(after.batches - before.batches));
    fflush(stdout);
}

static void open_state(struct driver *driver, const char *file, struct rng *rng)
{
    struct store *store;

    must(loop_new(&driver->loop));
    must(store_open_sqlite(file, &store));
    must(state_open(driver->loop, store, &clock_system, rng, &driver->state));
    driver->scope = state_scope(driver->state, "us-east-1", "000000000000");
}

static void bench_state(const char *file, size_t at)
{
    struct driver driver = {0};
    struct rng rng = rng_system();
    struct mallinfo2 empty, full;
    double start;

    tasks_init(&driver.tasks, at + MEASURED);
    open_state(&driver, file, &rng);
    empty = mallinfo2();
    run_state(&driver, "inserts, from empty", at, 0);
    full = mallinfo2();
    printf("%-34s %-14s %10.0f bytes a task\n", "memory", "state",
           (double)(full.uordblks - empty.uordblks) / (double)at);
    run_state(&driver, "inserts, when full", MEASURED, 0);
    run_state(&driver, "updates of any, when full", MEASURED, at);
    state_close(driver.state);
    loop_free(driver.loop);
    start = now_s();
    open_state(&driver, file, &rng);
    printf("%-34s %-14s %10.2f s\n", "reading it all at a restart", "state", now_s() - start);
    state_close(driver.state);
    loop_free(driver.loop);
    free(driver.tasks.ids);
}

static void remove_store(const char *file)
{
    const char *const ends[] = {"", "-wal", "-shm"};

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        CLEANUP(str_freep) char *path = str_printf("%s%s", file, ends[i]);
        unlink(path); /* may not be there */
    }
}

int main(int argc, char **argv)
{
    struct target ours = {.name = "store", .commit = commit_store};
    struct target bare = {.name = "bare SQLite", .commit = commit_bare};
    CLEANUP(str_freep) char *file = NULL;
    const char *folder = "/tmp";
    size_t rows = 1000000;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--rows"))
            rows = (size_t)atoll(argv[i + 1]) / BATCH * BATCH;
        else if (!strcmp(argv[i], "--folder"))
            folder = argv[i + 1];
    }
    file = str_printf("%s/berth-bench-store.db", folder);
    remove_store(file);
    must(store_open_sqlite(file, &ours.store));
    bench_rows(&ours, rows);
    store_close(ours.store);
    remove_store(file);

    open_bare(&bare, file);
    bench_rows(&bare, rows);
    sqlite3_finalize(bare.put);
    sqlite3_close(bare.db);
    remove_store(file);

    bench_state(file, rows);
    remove_store(file);
    return 0;
}
