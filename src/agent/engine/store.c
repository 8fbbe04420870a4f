#include "agent/engine/store.h"

#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#include "base/failpoint.h"
#include "base/mem.h"
#include "base/str.h"

enum statement {
    SET_META,
    DELETE_META,
    GET_META,
    PUT_TASK,
    PUT_CONTAINER,
    PUT_VOLUME,
    PUT_IMAGE,
    DELETE_TASK,
    DELETE_CONTAINERS,
    DELETE_VOLUMES,
    DELETE_IMAGE,
    LOAD_TASKS,
    LOAD_CONTAINERS,
    LOAD_VOLUMES,
    LOAD_IMAGES,
    STATEMENT_COUNT
};

#define TASK_COLUMNS                                                                               \
    "arn, spec, sequence, desired, known, reported, is_admitted, reason, pull_started_at_ms, "     \
    "pull_stopped_at_ms, execution_stopped_at_ms, stopped_at_ms"
#define CONTAINER_COLUMNS                                                                          \
    "task_arn, name, docker_name, docker_id, known, desired, reported, is_start_sent, "            \
    "has_exit_code, is_oom, exit_code, restarts, reason, image_id, image_digest, health, "         \
    "bindings, health_since_ms, created_at_ms, started_at_ms, finished_at_ms, endpoint_id"

/* An upsert keeps the row's rowid, and with it the order in which rows were first put. */
static const char *const sql[STATEMENT_COUNT] = {
    [SET_META] = "INSERT INTO meta (key, value) VALUES (?, ?) "
                 "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    [DELETE_META] = "DELETE FROM meta WHERE key = ?",
    [GET_META] = "SELECT value FROM meta WHERE key = ?",
    [PUT_TASK] =
        "INSERT INTO task (" TASK_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (arn) DO UPDATE SET desired = excluded.desired, known = excluded.known, "
        "reported = excluded.reported, is_admitted = excluded.is_admitted, "
        "reason = excluded.reason, pull_started_at_ms = excluded.pull_started_at_ms, "
        "pull_stopped_at_ms = excluded.pull_stopped_at_ms, "
        "execution_stopped_at_ms = excluded.execution_stopped_at_ms, "
        "stopped_at_ms = excluded.stopped_at_ms",
    [PUT_CONTAINER] =
        "INSERT INTO container (" CONTAINER_COLUMNS ") "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (task_arn, name) DO UPDATE SET docker_name = excluded.docker_name, "
        "docker_id = excluded.docker_id, known = excluded.known, desired = excluded.desired, "
        "reported = excluded.reported, is_start_sent = excluded.is_start_sent, "
        "has_exit_code = excluded.has_exit_code, is_oom = excluded.is_oom, "
        "exit_code = excluded.exit_code, restarts = excluded.restarts, reason = excluded.reason, "
        "image_id = excluded.image_id, image_digest = excluded.image_digest, "
        "health = excluded.health, "
        "bindings = excluded.bindings, health_since_ms = excluded.health_since_ms, "
        "created_at_ms = excluded.created_at_ms, started_at_ms = excluded.started_at_ms, "
        "finished_at_ms = excluded.finished_at_ms, endpoint_id = excluded.endpoint_id",
    [PUT_VOLUME] =
        "INSERT INTO volume (task_arn, name, docker_name, is_task_scoped) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (task_arn, name) DO UPDATE SET docker_name = excluded.docker_name, "
        "is_task_scoped = excluded.is_task_scoped",
    [PUT_IMAGE] =
        "INSERT INTO image (reference, digest, pulled_at_ms, used_at_ms, id, has_region) "
        "VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (reference) DO UPDATE SET digest = excluded.digest, id = excluded.id, "
        "pulled_at_ms = excluded.pulled_at_ms, used_at_ms = excluded.used_at_ms, "
        "has_region = excluded.has_region",
    [DELETE_TASK] = "DELETE FROM task WHERE arn = ?",
    [DELETE_CONTAINERS] = "DELETE FROM container WHERE task_arn = ?",
    [DELETE_VOLUMES] = "DELETE FROM volume WHERE task_arn = ?",
    [DELETE_IMAGE] = "DELETE FROM image WHERE reference = ?",
    [LOAD_TASKS] = "SELECT " TASK_COLUMNS " FROM task ORDER BY sequence",
    [LOAD_CONTAINERS] =
        "SELECT " CONTAINER_COLUMNS " FROM container WHERE task_arn = ? ORDER BY rowid",
    [LOAD_VOLUMES] = "SELECT task_arn, name, docker_name, is_task_scoped FROM volume "
                     "WHERE task_arn = ? ORDER BY rowid",
    [LOAD_IMAGES] = "SELECT reference, digest, pulled_at_ms, used_at_ms, id, has_region FROM image",
};

/* The first version. A new file has every upgrade run on it too. */
static const char schema[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
    "CREATE TABLE task (arn TEXT PRIMARY KEY, spec TEXT NOT NULL, sequence INTEGER NOT NULL,"
    " desired INTEGER NOT NULL, known INTEGER NOT NULL, reported INTEGER NOT NULL,"
    " is_admitted INTEGER NOT NULL, reason TEXT, pull_started_at_ms INTEGER NOT NULL,"
    " pull_stopped_at_ms INTEGER NOT NULL, execution_stopped_at_ms INTEGER NOT NULL,"
    " stopped_at_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE container (task_arn TEXT NOT NULL, name TEXT NOT NULL,"
    " docker_name TEXT NOT NULL UNIQUE, docker_id TEXT, known INTEGER NOT NULL,"
    " desired INTEGER NOT NULL, reported INTEGER NOT NULL,"
    " is_start_sent INTEGER NOT NULL, has_exit_code INTEGER NOT NULL, is_oom INTEGER NOT NULL,"
    " exit_code INTEGER NOT NULL, restarts INTEGER NOT NULL, reason TEXT, image_id TEXT,"
    " image_digest TEXT, health TEXT,"
    " bindings TEXT, health_since_ms INTEGER NOT NULL, created_at_ms INTEGER NOT NULL,"
    " started_at_ms INTEGER NOT NULL, finished_at_ms INTEGER NOT NULL,"
    " PRIMARY KEY (task_arn, name)) STRICT;"
    "CREATE TABLE volume (task_arn TEXT NOT NULL, name TEXT NOT NULL, docker_name TEXT NOT NULL,"
    " is_task_scoped INTEGER NOT NULL, PRIMARY KEY (task_arn, name)) STRICT;"
    "CREATE TABLE image (reference TEXT PRIMARY KEY, digest TEXT, pulled_at_ms INTEGER NOT NULL,"
    " used_at_ms INTEGER NOT NULL) STRICT;"
    "PRAGMA user_version = 1;";

/* What each version added to the one before it; numbers are never reused. */
static const char *const upgrades[] = {
    [1] = "ALTER TABLE container ADD COLUMN endpoint_id TEXT; PRAGMA user_version = 2;",
    [2] = "ALTER TABLE image ADD COLUMN id TEXT; PRAGMA user_version = 3;",
    [3] = "ALTER TABLE image ADD COLUMN has_region INTEGER NOT NULL DEFAULT 0;"
          "PRAGMA user_version = 4;",
};
#define SCHEMA_VERSION ((int)ARRAY_LEN(upgrades))

struct agent_store {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
};

static struct error *sql_error(const struct agent_store *store, const char *what)
{
    return error_new(API_SERVER, "agent state: %s: %s", what, sqlite3_errmsg(store->db));
}

static struct error *run(struct agent_store *store, const char *text)
{
    if (sqlite3_exec(store->db, text, NULL, NULL, NULL) != SQLITE_OK)
        return sql_error(store, text);
    return NULL;
}

static struct error *read_schema_version(struct agent_store *store, int *ret_version)
{
    sqlite3_stmt *stmt = NULL;
    int version = -1;

    if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        version = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    if (version < 0)
        return sql_error(store, "cannot be read");
    *ret_version = version;
    return NULL;
}

static struct error *prepare(struct agent_store *store)
{
    int version = 0;

    /* The lock is taken by the first read and held: a second agent is told so at once. */
    TRY(run(store, "PRAGMA locking_mode = EXCLUSIVE"));
    TRY(run(store, "PRAGMA journal_mode = WAL"));
    TRY(run(store, "PRAGMA synchronous = FULL"));
    TRY(run(store, "PRAGMA cache_size = -256")); /* KiB: rows are read at the start only */
    TRY(read_schema_version(store, &version));
    if (version > SCHEMA_VERSION)
        return error_new(API_INVALID_PARAMETER,
                         "agent state was written by a newer version (format %d, known: %d)",
                         version, SCHEMA_VERSION);
    TRY(run(store, "BEGIN IMMEDIATE"));
    if (version == 0) {
        TRY(run(store, schema));
        version = 1;
    }
    for (; version < SCHEMA_VERSION; version++)
        TRY(run(store, upgrades[version]));
    TRY(run(store, "COMMIT"));
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        if (sqlite3_prepare_v3(store->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statements[i], NULL) != SQLITE_OK)
            return sql_error(store, sql[i]);
    }
    return NULL;
}

struct error *agent_store_open(const char *path, struct agent_store **ret_store)
{
    CLEANUP(agent_store_closep) struct agent_store *store = xcalloc(1, sizeof(*store));
    struct error *err;
    mode_t mask = umask(077);
    int rc =
        sqlite3_open_v2(path ? path : ":memory:", &store->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

    umask(mask);
    if (rc != SQLITE_OK)
        return error_new(API_SERVER, "agent state %s: %s", path ? path : "in memory",
                         store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(rc));
    err = prepare(store);
    if (err)
        return error_wrap(err, "%s", path ? path : "in memory");
    *ret_store = TAKE(store);
    return NULL;
}

void agent_store_close(struct agent_store *store)
{
    if (!store)
        return;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    free(store);
}

static void bind_text(sqlite3_stmt *stmt, int *at, const char *text)
{
    sqlite3_bind_text(stmt, ++*at, text, -1, SQLITE_STATIC); /* NULL binds NULL */
}

static void bind_int(sqlite3_stmt *stmt, int *at, int64_t value)
{
    sqlite3_bind_int64(stmt, ++*at, value);
}

/* Runs a bound statement that answers no rows. */
static struct error *step(struct agent_store *store, enum statement which)
{
    sqlite3_stmt *stmt = store->statements[which];
    int rc = sqlite3_step(stmt);
    struct error *err = rc == SQLITE_DONE ? NULL : sql_error(store, "cannot be written");

    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return err;
}

struct error *agent_store_set(struct agent_store *store, const char *key, const char *value)
{
    enum statement which = value ? SET_META : DELETE_META;
    int at = 0;

    bind_text(store->statements[which], &at, key);
    if (value)
        bind_text(store->statements[which], &at, value);
    return step(store, which);
}

struct error *agent_store_get(struct agent_store *store, const char *key, char **ret_value)
{
    sqlite3_stmt *stmt = store->statements[GET_META];
    struct error *err = NULL;
    int rc;

    sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *ret_value = str_dup((const char *)sqlite3_column_text(stmt, 0));
    else if (rc == SQLITE_DONE)
        *ret_value = NULL;
    else
        err = sql_error(store, "cannot be read");
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return err;
}

struct error *agent_store_begin(struct agent_store *store)
{
    return run(store, "BEGIN IMMEDIATE");
}

struct error *agent_store_commit(struct agent_store *store)
{
    struct error *err;

    FAIL_POINT("agent_before_commit");
    err = run(store, "COMMIT");
    if (err)
        agent_store_rollback(store);
    else
        FAIL_POINT("agent_after_commit");
    return err;
}

void agent_store_rollback(struct agent_store *store)
{
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL); /* fails only if none is open */
}

struct error *agent_store_put_task(struct agent_store *store, const struct agent_store_task *task)
{
    sqlite3_stmt *stmt = store->statements[PUT_TASK];
    int at = 0;

    bind_text(stmt, &at, task->arn);
    bind_text(stmt, &at, task->spec);
    bind_int(stmt, &at, task->sequence);
    bind_int(stmt, &at, task->desired);
    bind_int(stmt, &at, task->known);
    bind_int(stmt, &at, task->reported);
    bind_int(stmt, &at, task->is_admitted);
    bind_text(stmt, &at, task->reason);
    bind_int(stmt, &at, task->pull_started_at_ms);
    bind_int(stmt, &at, task->pull_stopped_at_ms);
    bind_int(stmt, &at, task->execution_stopped_at_ms);
    bind_int(stmt, &at, task->stopped_at_ms);
    return step(store, PUT_TASK);
}

struct error *agent_store_put_container(struct agent_store *store,
                                        const struct agent_store_container *container)
{
    sqlite3_stmt *stmt = store->statements[PUT_CONTAINER];
    int at = 0;

    bind_text(stmt, &at, container->task_arn);
    bind_text(stmt, &at, container->name);
    bind_text(stmt, &at, container->docker_name);
    bind_text(stmt, &at, container->docker_id);
    bind_int(stmt, &at, container->known);
    bind_int(stmt, &at, container->desired);
    bind_int(stmt, &at, container->reported);
    bind_int(stmt, &at, container->is_start_sent);
    bind_int(stmt, &at, container->has_exit_code);
    bind_int(stmt, &at, container->is_oom);
    bind_int(stmt, &at, container->exit_code);
    bind_int(stmt, &at, container->restarts);
    bind_text(stmt, &at, container->reason);
    bind_text(stmt, &at, container->image_id);
    bind_text(stmt, &at, container->image_digest);
    bind_text(stmt, &at, container->health);
    bind_text(stmt, &at, container->bindings);
    bind_int(stmt, &at, container->health_since_ms);
    bind_int(stmt, &at, container->created_at_ms);
    bind_int(stmt, &at, container->started_at_ms);
    bind_int(stmt, &at, container->finished_at_ms);
    bind_text(stmt, &at, container->endpoint_id);
    return step(store, PUT_CONTAINER);
}

struct error *agent_store_put_volume(struct agent_store *store,
                                     const struct agent_store_volume *volume)
{
    sqlite3_stmt *stmt = store->statements[PUT_VOLUME];
    int at = 0;

    bind_text(stmt, &at, volume->task_arn);
    bind_text(stmt, &at, volume->name);
    bind_text(stmt, &at, volume->docker_name);
    bind_int(stmt, &at, volume->is_task_scoped);
    return step(store, PUT_VOLUME);
}

struct error *agent_store_put_image(struct agent_store *store,
                                    const struct agent_store_image *image)
{
    sqlite3_stmt *stmt = store->statements[PUT_IMAGE];
    int at = 0;

    bind_text(stmt, &at, image->reference);
    bind_text(stmt, &at, image->digest);
    bind_int(stmt, &at, image->pulled_at_ms);
    bind_int(stmt, &at, image->used_at_ms);
    bind_text(stmt, &at, image->id);
    bind_int(stmt, &at, image->has_region);
    return step(store, PUT_IMAGE);
}

static struct error *delete_by(struct agent_store *store, enum statement which, const char *key)
{
    int at = 0;

    bind_text(store->statements[which], &at, key);
    return step(store, which);
}

struct error *agent_store_delete_image(struct agent_store *store, const char *reference)
{
    return delete_by(store, DELETE_IMAGE, reference);
}

struct error *agent_store_delete_task(struct agent_store *store, const char *arn)
{
    TRY(delete_by(store, DELETE_CONTAINERS, arn));
    TRY(delete_by(store, DELETE_VOLUMES, arn));
    return delete_by(store, DELETE_TASK, arn);
}

static const char *text_at(sqlite3_stmt *stmt, int *at)
{
    return (const char *)sqlite3_column_text(stmt, (*at)++);
}

static int64_t int_at(sqlite3_stmt *stmt, int *at)
{
    return sqlite3_column_int64(stmt, (*at)++);
}

typedef struct error *visit_fn(struct agent_store *store, sqlite3_stmt *stmt,
                               const struct agent_store_visitor *visitor);

/* Calls `visit` for each row of a query; `key` binds its parameter, if it has one. */
static struct error *each_row(struct agent_store *store, enum statement which, const char *key,
                              visit_fn *visit, const struct agent_store_visitor *visitor)
{
    sqlite3_stmt *stmt = store->statements[which];
    struct error *err = NULL;
    int rc;

    if (key)
        sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
    while (!err && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        err = visit(store, stmt, visitor);
    if (!err && rc != SQLITE_DONE)
        err = sql_error(store, "cannot be read");
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return err;
}

static struct error *visit_container(UNUSED struct agent_store *store, sqlite3_stmt *stmt,
                                     const struct agent_store_visitor *visitor)
{
    struct agent_store_container container = {0};
    int at = 0;

    container.task_arn = text_at(stmt, &at);
    container.name = text_at(stmt, &at);
    container.docker_name = text_at(stmt, &at);
    container.docker_id = text_at(stmt, &at);
    container.known = (int)int_at(stmt, &at);
    container.desired = (int)int_at(stmt, &at);
    container.reported = (int)int_at(stmt, &at);
    container.is_start_sent = int_at(stmt, &at) != 0;
    container.has_exit_code = int_at(stmt, &at) != 0;
    container.is_oom = int_at(stmt, &at) != 0;
    container.exit_code = (int)int_at(stmt, &at);
    container.restarts = (unsigned)int_at(stmt, &at);
    container.reason = text_at(stmt, &at);
    container.image_id = text_at(stmt, &at);
    container.image_digest = text_at(stmt, &at);
    container.health = text_at(stmt, &at);
    container.bindings = text_at(stmt, &at);
    container.health_since_ms = int_at(stmt, &at);
    container.created_at_ms = int_at(stmt, &at);
    container.started_at_ms = int_at(stmt, &at);
    container.finished_at_ms = int_at(stmt, &at);
    container.endpoint_id = text_at(stmt, &at);
    return visitor->on_container(&container, visitor->data);
}

static struct error *visit_volume(UNUSED struct agent_store *store, sqlite3_stmt *stmt,
                                  const struct agent_store_visitor *visitor)
{
    struct agent_store_volume volume = {0};
    int at = 0;

    volume.task_arn = text_at(stmt, &at);
    volume.name = text_at(stmt, &at);
    volume.docker_name = text_at(stmt, &at);
    volume.is_task_scoped = int_at(stmt, &at) != 0;
    return visitor->on_volume(&volume, visitor->data);
}

static struct error *visit_task(struct agent_store *store, sqlite3_stmt *stmt,
                                const struct agent_store_visitor *visitor)
{
    struct agent_store_task task = {0};
    int at = 0;

    task.arn = text_at(stmt, &at);
    task.spec = text_at(stmt, &at);
    task.sequence = int_at(stmt, &at);
    task.desired = (int)int_at(stmt, &at);
    task.known = (int)int_at(stmt, &at);
    task.reported = (int)int_at(stmt, &at);
    task.is_admitted = int_at(stmt, &at) != 0;
    task.reason = text_at(stmt, &at);
    task.pull_started_at_ms = int_at(stmt, &at);
    task.pull_stopped_at_ms = int_at(stmt, &at);
    task.execution_stopped_at_ms = int_at(stmt, &at);
    task.stopped_at_ms = int_at(stmt, &at);
    TRY(visitor->on_task(&task, visitor->data));
    TRY(each_row(store, LOAD_CONTAINERS, task.arn, visit_container, visitor));
    return each_row(store, LOAD_VOLUMES, task.arn, visit_volume, visitor);
}

static struct error *visit_image(UNUSED struct agent_store *store, sqlite3_stmt *stmt,
                                 const struct agent_store_visitor *visitor)
{
    struct agent_store_image image = {0};
    int at = 0;

    image.reference = text_at(stmt, &at);
    image.digest = text_at(stmt, &at);
    image.pulled_at_ms = int_at(stmt, &at);
    image.used_at_ms = int_at(stmt, &at);
    image.id = text_at(stmt, &at);
    image.has_region = int_at(stmt, &at) != 0;
    return visitor->on_image(&image, visitor->data);
}

struct error *agent_store_load(struct agent_store *store, const struct agent_store_visitor *visitor)
{
    TRY(each_row(store, LOAD_IMAGES, NULL, visit_image, visitor));
    return each_row(store, LOAD_TASKS, NULL, visit_task, visitor);
}
