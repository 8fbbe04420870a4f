/* A server's state on SQLite, killed at its fail points and at any moment: what was acknowledged is
 * there when it is opened again, and no transaction is there by half.
 *
 * The writer is a process of its own. It makes transactions of two tasks that carry the same
 * number, several in a turn and the next ones while the batch before is being synced, and writes a
 * number once it is durable. */
#include "world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

#define TXNS_A_TURN 5
#define CRASHES     12

struct writer {
    struct world *world;
    int ack;
    int32_t number;
};

struct pair {
    struct writer *writer;
    int32_t number;
};

static void on_durable(const struct error *err, void *data)
{
    struct pair *pair = data;

    if (err ||
        write(pair->writer->ack, &pair->number, sizeof(pair->number)) != sizeof(pair->number))
        _exit(3);
    free(pair);
}

static void write_pairs(void *data)
{
    struct writer *writer = data;
    struct world *world = writer->world;

    for (int i = 0; i < TXNS_A_TURN && !state_is_full(world->state); i++) {
        struct txn *txn = txn_begin(world->state, world->scope);
        struct pair *pair = xcalloc(1, sizeof(*pair));
        *pair = (struct pair){writer, ++writer->number};
        world->now_ms++;
        make_task(world, txn, "web", NULL)->version = pair->number;
        make_task(world, txn, "web", NULL)->version = pair->number;
        txn_commit(txn);
        state_when_durable(world->state, on_durable, pair);
    }
    loop_post(world->loop, write_pairs, writer);
}

static void run_writer(const char *file, int ack)
{
    struct writer writer = {.ack = ack};
    struct store *store;

    if (store_open_sqlite(file, &store))
        _exit(2);
    writer.world = world_new_on(store);
    loop_post(writer.world->loop, write_pairs, &writer);
    loop_run(writer.world->loop);
}

static pid_t start_writer(const char *file, const char *fail_at, int *ret_acks)
{
    char fd[16];
    int acks[2];
    pid_t child;

    assert_int_equal(pipe(acks), 0);
    fcntl(acks[0], F_SETFD, FD_CLOEXEC);
    snprintf(fd, sizeof(fd), "%d", acks[1]);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (fail_at)
            setenv("BERTH_FAIL_POINT", fail_at, 1);
        execl("/proc/self/exe", "writer", "write", file, fd, (char *)NULL);
        _exit(5);
    }
    close(acks[1]);
    *ret_acks = acks[0];
    return child;
}

/* Numbers come in order: the last one read stands for all before it. Reads `count` of them, or
 * until the writer is dead. */
static int32_t read_acks(int fd, int count, int32_t last)
{
    int32_t number;

    while (count-- > 0 && read(fd, &number, sizeof(number)) == sizeof(number)) {
        assert_int_equal(number, last + 1);
        last = number;
    }
    return last;
}

static void check_what_is_left(const char *file, int32_t acknowledged)
{
    struct store *store;
    struct world *world;
    const struct task *task = NULL;
    int32_t highest = 0;
    int64_t sum = 0;
    struct state_stats stats;

    must(store_open_sqlite(file, &store));
    world = world_new_on(store);
    while ((task = state_task_after(world->state, world->scope, "web", TASKS_BY_CLUSTER, NULL,
                                    false, task ? &task->id : NULL))) {
        highest = task->version > highest ? (int32_t)task->version : highest;
        sum += task->version;
    }
    state_stats(world->state, &stats);
    assert_true(highest >= acknowledged);
    /* Two of each from 1 to the highest: no gap, no half. */
    assert_int_equal(stats.tasks, 2 * highest);
    assert_int_equal(sum, (int64_t)highest * (highest + 1));
    world_free(world);
}

static void crash_once(const char *file, const char *fail_at, int after_acks)
{
    int acks, status;
    int32_t acknowledged = 0;
    pid_t child;

    unlink(file);
    child = start_writer(file, fail_at, &acks);
    if (!fail_at) {
        acknowledged = read_acks(acks, after_acks, 0);
        kill(child, SIGKILL);
    }
    acknowledged = read_acks(acks, INT32_MAX, acknowledged);
    close(acks);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    check_what_is_left(file, acknowledged);
}

static char folder[] = "/tmp/berth-crash-XXXXXX";
static char file_name[64];

static int set_up(void **data)
{
    (void)data;
    assert_non_null(mkdtemp(folder));
    snprintf(file_name, sizeof(file_name), "%s/state.db", folder);
    return 0;
}

static int tear_down(void **data)
{
    (void)data;
    unlink(file_name);
    rmdir(folder);
    return 0;
}

static void at_each_fail_point(void **data)
{
    static const char *const points[] = {"before_commit", "after_commit"};
    char fail_at[32];

    (void)data;
    for (size_t i = 0; i < ARRAY_LEN(points); i++)
        for (int nth = 1; nth <= 4; nth++) {
            snprintf(fail_at, sizeof(fail_at), "%s:%d", points[i], nth);
            crash_once(file_name, fail_at, 0);
        }
}

static void at_any_moment(void **data)
{
    struct rng rng = rng_system();

    (void)data;
    for (int i = 0; i < CRASHES; i++)
        crash_once(file_name, NULL, 1 + (int)rng_below(&rng, 300));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_each_fail_point),
        cmocka_unit_test(at_any_moment),
    };

    if (argc == 4 && !strcmp(argv[1], "write"))
        run_writer(argv[2], atoi(argv[3]));
    return cmocka_run_group_tests_name("crash", tests, set_up, tear_down);
}
