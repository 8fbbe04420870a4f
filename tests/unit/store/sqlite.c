/* The SQLite file: who may read it, what else it may be, how files of older releases are taken on,
 * and copies made while it is written to. Run with the folder of release files as argument. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "rows.h"

static const char *releases; /* tests/data/releases */

struct files {
    char folder[64];
    char file[96];
    char copy[96];
};

static int set_up(void **data)
{
    struct files *files = xcalloc(1, sizeof(*files));

    snprintf(files->folder, sizeof(files->folder), "/tmp/berth-store-XXXXXX");
    assert_non_null(mkdtemp(files->folder));
    snprintf(files->file, sizeof(files->file), "%s/state.db", files->folder);
    snprintf(files->copy, sizeof(files->copy), "%s/copy.db", files->folder);
    *data = files;
    return 0;
}

static int tear_down(void **data)
{
    struct files *files = *data;
    const char *const ends[] = {"", "-wal", "-shm"};
    char path[128];

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(path, sizeof(path), "%s%s", files->file, ends[i]);
        unlink(path);
        snprintf(path, sizeof(path), "%s%s", files->copy, ends[i]);
        unlink(path);
    }
    rmdir(files->folder);
    free(files);
    return 0;
}

static void sql(const char *file, const char *text)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int mode_of(const char *file)
{
    struct stat st;

    assert_int_equal(stat(file, &st), 0);
    return st.st_mode & 0777;
}

static void only_its_owner_may_read_it(void **data)
{
    struct files *files = *data;
    struct store *store;
    char wal[128];

    snprintf(wal, sizeof(wal), "%s-wal", files->file);
    must(store_open_sqlite(files->file, &store));
    must(commit_one(store, "a", "secret"));
    assert_int_equal(mode_of(files->file), 0600);
    assert_int_equal(mode_of(wal), 0600);
    store_close(store);

    chmod(files->file, 0644);
    must(store_open_sqlite(files->file, &store));
    assert_int_equal(mode_of(files->file), 0600);
    store_close(store);
}

static void rows_are_there_when_it_is_opened_again(void **data)
{
    struct files *files = *data;
    struct store *store;

    must(store_open_sqlite(files->file, &store));
    must(commit_one(store, "a", "1"));
    store_close(store);
    must(store_open_sqlite(files->file, &store));
    expect_rows(store, "", "a=1 ");
    store_close(store);
}

static void other_files_are_refused(void **data)
{
    struct files *files = *data;
    struct store *store;

    sql(files->file, "CREATE TABLE songs(title)");
    must_fail(store_open_sqlite(files->file, &store), "a database of another program");
    unlink(files->file);

    FILE *text = fopen(files->file, "w");
    fputs("This is a letter to my aunt and by no means a database. It has to be a little longer "
          "than that, "
          "though, as the first hundred bytes are what is looked at.\n",
          text);
    fclose(text);
    must_fail(store_open_sqlite(files->file, &store), "not a database");
    must_fail(store_open_sqlite("/nowhere/state.db", &store),
              "store /nowhere/state.db: opening it");
}

static void a_file_of_a_newer_berth_is_refused(void **data)
{
    struct files *files = *data;
    struct store *store;

    must(store_open_sqlite(files->file, &store));
    store_close(store);
    sql(files->file, "PRAGMA user_version = 9999");
    must_fail(store_open_sqlite(files->file, &store), "a newer berth has changed it (format 9999");
}

static void copy_file(const char *folder, const char *name, const char *to)
{
    char from[512];
    char bytes[4096];
    size_t len;
    FILE *in, *out;

    snprintf(from, sizeof(from), "%s/%s", folder, name);
    in = fopen(from, "r");
    if (!in)
        fail_msg("no %s", from);
    out = fopen(to, "w");
    while ((len = fread(bytes, 1, sizeof(bytes), in)) > 0)
        assert_int_equal(fwrite(bytes, 1, len, out), len);
    fclose(in);
    fclose(out);
}

static struct error *count_row(const struct store_op *row, void *data)
{
    (void)row;
    ++*(int *)data;
    return NULL;
}

/* What is in the rows is the business of state's test of the same files. */
static void files_of_older_releases_are_taken_on(void **data)
{
    static const struct {
        const char *file;
        int rows;
    } cases[] = {
        {"0.1.0.db", 12},
    };
    struct files *files = *data;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store *store;
        int rows = 0;

        copy_file(releases, cases[i].file, files->file);
        must(store_open_sqlite(files->file, &store));
        must(store_scan(store, "", 0, count_row, &rows));
        assert_int_equal(rows, cases[i].rows);
        must(commit_one(store, "a", "1"));
        store_close(store);
        unlink(files->file);
    }
}

/* Rows come in pairs that are equal in every commit: a copy in which they differ is of no moment.
 */
struct writer {
    struct store *store;
    atomic_int pairs;
    atomic_bool is_stopping;
};

static void *write_pairs(void *data)
{
    struct writer *writer = data;
    char value[16];

    while (!atomic_load(&writer->is_stopping)) {
        snprintf(value, sizeof(value), "%d", atomic_load(&writer->pairs));
        struct store_op ops[] = {op_put("left", value), op_put("right", value)};
        must(commit_ops(writer->store, ops, 2));
        atomic_fetch_add(&writer->pairs, 1);
    }
    return NULL;
}

static void a_copy_of_the_live_store_is_of_one_moment(void **data)
{
    struct files *files = *data;
    struct writer writer = {0};
    pthread_t thread;

    must(store_open_sqlite(files->file, &writer.store));
    must(commit_one(writer.store, "left", ""));
    must(commit_one(writer.store, "right", ""));
    assert_int_equal(pthread_create(&thread, NULL, write_pairs, &writer), 0);
    for (int i = 0; i < 20; i++) {
        int before = atomic_load(&writer.pairs);
        struct store *copy;
        int left, right;

        must(store_backup(writer.store, files->copy));
        assert_int_equal(mode_of(files->copy), 0600);
        must(store_open_sqlite(files->copy, &copy));
        CLEANUP(str_freep) char *rows = rows_of(copy, "");
        if (sscanf(rows, "left=%d right=%d", &left, &right) == 2) {
            assert_int_equal(left, right);
            assert_true(left >= before - 1);
        } else {
            assert_int_equal(before, 0);
        }
        store_close(copy);
        unlink(files->copy);
    }
    atomic_store(&writer.is_stopping, true);
    pthread_join(thread, NULL);
    store_close(writer.store);
}

static void a_copy_never_replaces_a_file(void **data)
{
    struct files *files = *data;
    struct store *store;

    must(store_open_sqlite(files->file, &store));
    must_fail(store_backup(store, files->file), "File exists");
    must_fail(store_backup(store, "/nowhere/copy.db"), "creating /nowhere/copy.db");
    store_close(store);
}

int main(int argc, char **argv)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(only_its_owner_may_read_it),
        EACH(rows_are_there_when_it_is_opened_again),
        EACH(other_files_are_refused),
        EACH(a_file_of_a_newer_berth_is_refused),
        EACH(files_of_older_releases_are_taken_on),
        EACH(a_copy_of_the_live_store_is_of_one_moment),
        EACH(a_copy_never_replaces_a_file),
    };

    releases = argc > 1 ? argv[1] : "tests/data/releases";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
