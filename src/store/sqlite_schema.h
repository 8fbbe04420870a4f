/* sqlite_schema.h - the shape of a SQLite store file, and how files of older releases get it.
 *
 * The file's user_version is the number of steps it has been through; a new shape is one more step
 * at the end of the list in sqlite_schema.c, with a file of the release before in
 * tests/data/releases. What is in the values has its own versions: members are numbered and never
 * reused (api/state.json).
 */
#ifndef BERTH_STORE_SQLITE_SCHEMA_H
#define BERTH_STORE_SQLITE_SCHEMA_H

#include <sqlite3.h>

#include "base/error.h"

/* Makes or migrates; all steps or none. API_SERVER if the file is not ours, or of a newer berth. */
MUST_USE struct error *sqlite_schema_apply(sqlite3 *db);

/* What went wrong on `db`, after "fmt: ". */
MUST_USE struct error *sqlite_error(sqlite3 *db, const char *doing);
MUST_USE struct error *sqlite_exec(sqlite3 *db, const char *sql);

#endif
