#include "store/sqlite_schema.h"

#include <stdbool.h>

#include "base/str.h"

#define APPLICATION_ID 0x62657274 /* "bert" */

/* steps[n] takes a file of version n to version n + 1. Never edited once released. */
static const char *const steps[] = {
    "CREATE TABLE records(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID",
};
#define VERSION ((int)ARRAY_LEN(steps))

struct error *sqlite_error(sqlite3 *db, const char *doing)
{
    return error_new(API_SERVER, "%s: %s", doing, sqlite3_errmsg(db));
}

struct error *sqlite_exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? NULL : sqlite_error(db, sql);
}

static struct error *read_number(sqlite3 *db, const char *sql, int *ret)
{
    sqlite3_stmt *stmt;
    struct error *err = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return sqlite_error(db, sql);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        *ret = sqlite3_column_int(stmt, 0);
    else
        err = sqlite_error(db, sql);
    sqlite3_finalize(stmt);
    return err;
}

static struct error *run_steps(sqlite3 *db)
{
    CLEANUP(str_freep) char *sql = NULL;
    int application = 0, version = 0, tables = 0;

    TRY(read_number(db, "PRAGMA application_id", &application));
    TRY(read_number(db, "PRAGMA user_version", &version));
    TRY(read_number(db, "SELECT count(*) FROM sqlite_schema", &tables));
    if (application != APPLICATION_ID && (application || version || tables))
        return error_new(API_SERVER, "it is a database of another program");
    if (version > VERSION)
        return error_new(API_SERVER, "a newer berth has changed it (format %d, this one knows %d)",
                         version, VERSION);
    if (version == VERSION)
        return NULL;
    for (int i = version; i < VERSION; i++)
        TRY(sqlite_exec(db, steps[i]));
    sql =
        str_printf("PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, VERSION);
    return sqlite_exec(db, sql);
}

struct error *sqlite_schema_apply(sqlite3 *db)
{
    struct error *err;

    TRY(sqlite_exec(db, "BEGIN IMMEDIATE"));
    err = run_steps(db);
    if (!err)
        err = sqlite_exec(db, "COMMIT");
    if (err)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* fails if the COMMIT already did it */
    return err;
}
