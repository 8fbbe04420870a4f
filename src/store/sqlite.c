/* sqlite.c - the embedded store: one table of rows in one SQLite file, WAL, synced at every commit.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/latest.h"
#include "store/sqlite_schema.h"
#include "store/store.h"

/* Pages in the WAL before a commit also moves them into the file: 16 MiB with 4 KiB pages. */
#define CHECKPOINT_PAGES "4000"
/* Another program reading the file (sqlite3, a backup) holds a lock for moments only. */
#define BUSY_MS 10000

struct sqlite_store {
    struct store store;
    char *file;
    sqlite3 *db;
    sqlite3_stmt *put, *delete, *scan, *scan_all;
    struct latest latest;
};

static struct error *sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    int errnum = 0;

    if (fd < 0)
        return error_errno(errno, "opening %s", path);
    if (fsync(fd) < 0)
        errnum = errno;
    close(fd);
    return errnum ? error_errno(errnum, "syncing %s", path) : NULL;
}

static struct error *sync_folder_of(const char *file)
{
    CLEANUP(str_freep) char *copy = str_dup(file);

    return sync_path(dirname(copy), O_RDONLY | O_DIRECTORY);
}

static struct error *step_once(struct sqlite_store *sqlite, sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);

    sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? NULL : sqlite_error(sqlite->db, "writing to the store");
}

static struct error *write_op(struct sqlite_store *sqlite, const struct store_op *op)
{
    sqlite3_stmt *stmt = op->value ? sqlite->put : sqlite->delete;

    sqlite3_bind_blob(stmt, 1, op->key, (int)op->key_len, SQLITE_STATIC);
    if (op->value_len > 0)
        sqlite3_bind_blob(stmt, 2, op->value, (int)op->value_len, SQLITE_STATIC);
    else if (op->value)
        sqlite3_bind_zeroblob(stmt, 2, 0);
    return step_once(sqlite, stmt);
}

static struct error *write_batch(struct sqlite_store *sqlite, const struct store_txn *txns,
                                 size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < txns[i].count; j++)
            if (latest_has(&sqlite->latest, &txns[i].ops[j]))
                TRY(write_op(sqlite, &txns[i].ops[j]));
    if (sqlite3_exec(sqlite->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_error(sqlite->db, "committing to the store");
    return NULL;
}

/* SQLite's transaction makes the whole batch atomic, so only the last write of a key is written.
 * Should the disk take the WAL's bytes and fail to sync them, the batch is an error here, its
 * frames are overwritten by the next one, and only a crash between the two can bring it back,
 * whole. */
static struct error *sqlite_commit(struct store *store, const struct store_txn *txns, size_t count)
{
    struct sqlite_store *sqlite = (struct sqlite_store *)store;
    struct error *err;

    if (sqlite3_exec(sqlite->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_error(sqlite->db, "beginning to write to the store");
    latest_fill(&sqlite->latest, txns, count);
    err = write_batch(sqlite, txns, count);
    if (err && !sqlite3_get_autocommit(sqlite->db)) /* a full disk may have rolled back already */
        sqlite3_exec(sqlite->db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

/* The first key behind all those that start with `prefix`: false if there is none. */
static bool key_behind(const void *prefix, size_t len, uint8_t *ret, size_t *ret_len)
{
    memcpy(ret, prefix, len);
    while (len > 0 && ret[len - 1] == 0xff)
        len--;
    if (len == 0)
        return false;
    ret[len - 1]++;
    *ret_len = len;
    return true;
}

static struct error *scan_rows(struct sqlite_store *sqlite, sqlite3_stmt *stmt, store_each_fn *each,
                               void *data)
{
    int rc;

    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct store_op row = {
            .key = sqlite3_column_blob(stmt, 0),
            .value = sqlite3_column_blob(stmt, 1),
            .key_len = (uint32_t)sqlite3_column_bytes(stmt, 0),
            .value_len = (uint32_t)sqlite3_column_bytes(stmt, 1),
        };
        if (!row.value)
            row.value = ""; /* how SQLite gives an empty blob */
        /* cppcheck-suppress returnDanglingLifetime ; an error holds no row */
        TRY(each(&row, data));
    }
    return rc == SQLITE_DONE ? NULL : sqlite_error(sqlite->db, "reading the store");
}

static struct error *sqlite_scan(struct store *store, const void *prefix, size_t prefix_len,
                                 store_each_fn *each, void *data)
{
    struct sqlite_store *sqlite = (struct sqlite_store *)store;
    uint8_t behind[STORE_KEY_BYTES_MAX];
    size_t behind_len;
    sqlite3_stmt *stmt = sqlite->scan_all;
    struct error *err;

    if (prefix_len > sizeof(behind))
        return NULL; /* no key is that long */
    if (prefix_len > 0 && key_behind(prefix, prefix_len, behind, &behind_len)) {
        stmt = sqlite->scan;
        sqlite3_bind_blob(stmt, 2, behind, (int)behind_len, SQLITE_STATIC);
    }
    if (prefix_len > 0)
        sqlite3_bind_blob(stmt, 1, prefix, (int)prefix_len, SQLITE_STATIC);
    else
        sqlite3_bind_zeroblob(stmt, 1, 0);
    err = scan_rows(sqlite, stmt, each, data);
    sqlite3_reset(stmt);
    return err;
}

/* Backup */

static struct error *vacuum_into(const char *from, const char *to)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    struct error *err = NULL;

    if (sqlite3_open_v2(from, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(db, BUSY_MS) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_bind_text(stmt, 1, to, -1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_DONE)
        err = sqlite_error(db, "copying the store");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return err;
}

/* A connection of its own, so that the store thread goes on: readers see the last commit before. */
static struct error *sqlite_backup(struct store *store, const char *file)
{
    struct sqlite_store *sqlite = (struct sqlite_store *)store;
    struct error *err;
    int fd = open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

    if (fd < 0)
        return error_errno(errno, "creating %s", file);
    close(fd);
    err = vacuum_into(sqlite->file, file);
    if (!err)
        err = sync_path(file, O_RDWR);
    if (!err)
        err = sync_folder_of(file);
    if (err)
        unlink(file);
    return err ? error_wrap(err, "backing up to %s", file) : NULL;
}

/* Opening and closing */

static void sqlite_close(struct store *store)
{
    struct sqlite_store *sqlite = (struct sqlite_store *)store;

    sqlite3_finalize(sqlite->put);
    sqlite3_finalize(sqlite->delete);
    sqlite3_finalize(sqlite->scan);
    sqlite3_finalize(sqlite->scan_all);
    sqlite3_close(sqlite->db);
    latest_done(&sqlite->latest);
    free(sqlite->file);
    free(sqlite);
}

static const struct store_backend sqlite_backend = {
    .name = "sqlite",
    .commit = sqlite_commit,
    .scan = sqlite_scan,
    .backup = sqlite_backup,
    .close = sqlite_close,
};

static struct error *prepare(struct sqlite_store *sqlite, const char *sql, sqlite3_stmt **ret)
{
    if (sqlite3_prepare_v3(sqlite->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) != SQLITE_OK)
        return sqlite_error(sqlite->db, sql);
    return NULL;
}

/* The file first, so that it never has another mode: it holds the secrets of keys. SQLite gives its
 * WAL the same mode. */
static struct error *create_file(const char *file)
{
    struct error *err = NULL;
    int fd = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0)
        return error_errno(errno, "opening it");
    if (fchmod(fd, 0600) < 0)
        err = error_errno(errno, "making it private");
    close(fd);
    return err ? err : sync_folder_of(file);
}

/* A file system that cannot share memory between processes refuses WAL by keeping the mode it has.
 */
static struct error *use_wal(sqlite3 *db)
{
    static const char sql[] = "PRAGMA journal_mode = WAL";
    sqlite3_stmt *stmt;
    struct error *err = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        err = sqlite_error(db, sql);
    else if (!str_eq_nocase((const char *)sqlite3_column_text(stmt, 0), "wal"))
        err = error_new(API_SERVER, "this file system cannot hold it: no write-ahead log");
    sqlite3_finalize(stmt);
    return err;
}

static struct error *open_db(struct sqlite_store *sqlite)
{
    TRY(create_file(sqlite->file));
    if (sqlite3_open_v2(sqlite->file, &sqlite->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                        NULL) != SQLITE_OK)
        return sqlite_error(sqlite->db, "opening it");
    sqlite3_busy_timeout(sqlite->db, BUSY_MS);
    TRY(use_wal(sqlite->db));
    TRY(sqlite_exec(sqlite->db, "PRAGMA synchronous = FULL"));
    TRY(sqlite_exec(sqlite->db, "PRAGMA wal_autocheckpoint = " CHECKPOINT_PAGES));
    TRY(sqlite_exec(sqlite->db, "PRAGMA journal_size_limit = 67108864"));
    TRY(sqlite_schema_apply(sqlite->db));
    TRY(prepare(sqlite,
                "INSERT INTO records(key, value) VALUES(?1, ?2)"
                " ON CONFLICT(key) DO UPDATE SET value = excluded.value",
                &sqlite->put));
    TRY(prepare(sqlite, "DELETE FROM records WHERE key = ?1", &sqlite->delete));
    TRY(prepare(sqlite, "SELECT key, value FROM records WHERE key >= ?1 AND key < ?2 ORDER BY key",
                &sqlite->scan));
    return prepare(sqlite, "SELECT key, value FROM records WHERE key >= ?1 ORDER BY key",
                   &sqlite->scan_all);
}

struct error *store_open_sqlite(const char *file, struct store **ret_store)
{
    struct sqlite_store *sqlite = xcalloc(1, sizeof(*sqlite));
    struct error *err;

    sqlite->store.backend = &sqlite_backend;
    sqlite->file = str_dup(file);
    err = open_db(sqlite);
    if (err) {
        sqlite_close(&sqlite->store);
        return error_wrap(err, "store %s", file);
    }
    *ret_store = &sqlite->store;
    return NULL;
}
