/* The SQLite store when the disk refuses and when the process is killed: a batch is there whole or
 * not at all, and there if it was acknowledged. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rows.h"

struct files {
    char folder[64];
    char file[96];
};

static int set_up(void **data)
{
    struct files *files = xcalloc(1, sizeof(*files));

    snprintf(files->folder, sizeof(files->folder), "/tmp/berth-store-XXXXXX");
    assert_non_null(mkdtemp(files->folder));
    snprintf(files->file, sizeof(files->file), "%s/state.db", files->folder);
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
    }
    rmdir(files->folder);
    free(files);
    return 0;
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit on the size of files stands for a full disk: writes beyond it fail. */
static void a_full_disk_is_an_error_and_loses_nothing(void **data)
{
    struct files *files = *data;
    struct store *store;
    char value[4096];
    char key[16];
    int committed = 0;
    struct error *err = NULL;

    signal(SIGXFSZ, SIG_IGN);
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    must(store_open_sqlite(files->file, &store));
    limit_files(256 * 1024);
    while (!err) {
        snprintf(key, sizeof(key), "%06d", committed);
        err = commit_one(store, key, value);
        committed += !err;
        assert_true(committed < 1000);
    }
    error_free(err);
    assert_true(committed > 0);
    must_fail(commit_one(store, key, value), "the store"); /* and again, without harm */
    limit_files(RLIM_INFINITY);

    snprintf(key, sizeof(key), "%06d", committed);
    must(commit_one(store, "z", "room again"));
    store_close(store);
    must(store_open_sqlite(files->file, &store));
    CLEANUP(str_freep) char *rows = rows_of(store, "");
    assert_null(strstr(rows, key));
    snprintf(key, sizeof(key), "%06d", committed - 1);
    assert_non_null(strstr(rows, key));
    assert_non_null(strstr(rows, "z=room again"));
    store_close(store);
}

/* Commits batches of three rows that all say the batch's number, and writes the number once it is
 * acknowledged, until it is killed. */
static void write_until_killed(const char *file, int ack)
{
    struct store *store;
    char value[16];

    if (store_open_sqlite(file, &store))
        _exit(2);
    for (int i = 1;; i++) {
        snprintf(value, sizeof(value), "%d", i);
        struct store_op first = op_put("a", value);
        struct store_op rest[] = {op_put("b", value), op_put("c", value)};
        struct store_txn txns[] = {{&first, 1}, {rest, 2}};
        struct error *err = store_commit(store, txns, 2);
        if (err)
            _exit(3);
        if (write(ack, &i, sizeof(i)) != sizeof(i))
            _exit(4);
    }
}

/* As a program of its own: the environment is read once in a process. */
static void start_writer(const char *file, int ack, const char *fail_at)
{
    char fd[16];

    snprintf(fd, sizeof(fd), "%d", ack);
    if (fail_at)
        setenv("BERTH_FAIL_POINT", fail_at, 1);
    execl("/proc/self/exe", "writer", "write", file, fd, (char *)NULL);
    _exit(5);
}

static int last_acknowledged(int fd)
{
    int last = 0, i;

    while (read(fd, &i, sizeof(i)) == sizeof(i))
        last = i;
    return last;
}

/* Starts a writer, lets it go on for `run_us` or until the fail point, and looks at what it left.
 */
static void crash_once(const char *file, const char *fail_at, unsigned run_us)
{
    struct store *store;
    int a = 0, b = 0, c = 0;
    int acks[2];
    int status;
    pid_t child;

    unlink(file);
    assert_int_equal(pipe(acks), 0);
    fcntl(acks[0], F_SETFD, FD_CLOEXEC);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        start_writer(file, acks[1], fail_at);
    close(acks[1]);
    if (!fail_at) {
        usleep(run_us); /* any moment will do */
        kill(child, SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    int last = last_acknowledged(acks[0]);
    close(acks[0]);

    must(store_open_sqlite(file, &store));
    CLEANUP(str_freep) char *rows = rows_of(store, "");
    sscanf(rows, "a=%d b=%d c=%d", &a, &b, &c);
    assert_int_equal(a, b);
    assert_int_equal(a, c);
    if (a != last && a != last + 1) /* the last one may be durable without its answer */
        fail_msg("%s: acknowledged %d, found %d", fail_at ? fail_at : "random kill", last, a);
    if (fail_at && strncmp(fail_at, "after", 5) == 0)
        assert_int_equal(a, last + 1);
    if (fail_at && strncmp(fail_at, "before", 6) == 0)
        assert_int_equal(a, last);
    store_close(store);
}

static void what_was_acknowledged_survives_a_kill_at_each_fail_point(void **data)
{
    struct files *files = *data;
    static const char *const points[] = {"before_commit", "after_commit"};
    char fail_at[32];

    for (size_t i = 0; i < ARRAY_LEN(points); i++)
        for (int nth = 1; nth <= 5; nth++) {
            snprintf(fail_at, sizeof(fail_at), "%s:%d", points[i], nth);
            crash_once(files->file, fail_at, 0);
        }
}

static void what_was_acknowledged_survives_a_kill_at_any_moment(void **data)
{
    struct files *files = *data;
    struct rng rng = rng_system();

    for (int i = 0; i < 15; i++)
        crash_once(files->file, NULL, 5000 + (unsigned)rng_below(&rng, 60000));
}

int main(int argc, char **argv)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(a_full_disk_is_an_error_and_loses_nothing),
        EACH(what_was_acknowledged_survives_a_kill_at_each_fail_point),
        EACH(what_was_acknowledged_survives_a_kill_at_any_moment),
    };

    if (argc == 4 && !strcmp(argv[1], "write"))
        write_until_killed(argv[2], atoi(argv[3]));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
