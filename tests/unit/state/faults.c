/* Store writes that fail, walked one by one: whatever was acknowledged is there, in memory and
 * after a restart, and nothing else is. */
#include "world.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define TASKS  12
#define ROUNDS 60

/* What must be there: changed when an answer comes, not when it is asked for. */
struct expected {
    struct world *world;
    struct id ids[TASKS];
    int64_t versions[TASKS]; /* 0: not there */
    int failed;
};

/* One transaction on some tasks, and what they are after it. */
struct step {
    struct expected *expected;
    int64_t versions[TASKS]; /* -1: not touched */
};

static void on_durable(const struct error *err, void *data)
{
    struct step *step = data;

    for (int i = 0; !err && i < TASKS; i++)
        if (step->versions[i] >= 0)
            step->expected->versions[i] = step->versions[i];
    step->expected->failed += err != NULL;
    free(step);
}

static void change_task(struct expected *expected, struct txn *txn, struct step *step, int i)
{
    struct world *world = expected->world;
    const struct task *found = state_task(world->state, world->scope, "web", &expected->ids[i]);

    if (!found) {
        struct task *task = task_new();
        task->id = expected->ids[i];
        task_set_cluster(task, "web");
        task_set_family(task, i % 2 ? "odd" : "even");
        task->desired_status = TASK_RUNNING;
        task->version = 1;
        step->versions[i] = 1;
        txn_insert_task(txn, task);
    } else if (rng_below(&world->rng, 4) == 0) {
        step->versions[i] = 0;
        txn_delete_task(txn, found);
    } else {
        struct task *task = txn_edit_task(txn, found);
        step->versions[i] = ++task->version;
        task->desired_status = rng_below(&world->rng, 2) ? TASK_RUNNING : TASK_STOPPED;
    }
}

static void run_step(struct expected *expected)
{
    struct world *world = expected->world;
    struct txn *txn = txn_begin(world->state, world->scope);
    struct step *step = xcalloc(1, sizeof(*step));

    step->expected = expected;
    for (int i = 0; i < TASKS; i++)
        step->versions[i] = -1;
    for (uint64_t i = 0, n = 1 + rng_below(&world->rng, 3); i < n; i++) {
        int which = (int)rng_below(&world->rng, TASKS);
        if (step->versions[which] < 0)
            change_task(expected, txn, step, which);
    }
    txn_commit(txn);
    state_when_durable(world->state, on_durable, step);
}

struct script {
    struct expected *expected;
    int rounds;
};

static void run_round(void *data);

static void on_round_durable(const struct error *err, void *data)
{
    struct script *script = data;

    (void)err;
    loop_post(script->expected->world->loop, run_round, script);
}

/* A few transactions in each turn; some turns overlap with a batch, some wait for it. */
static void run_round(void *data)
{
    struct script *script = data;
    struct world *world = script->expected->world;

    for (uint64_t i = 0, n = rng_below(&world->rng, 4); i < n; i++)
        run_step(script->expected);
    if (--script->rounds == 0)
        loop_stop(world->loop);
    else if (rng_below(&world->rng, 2))
        state_when_durable(world->state, on_round_durable, script);
    else
        loop_post(world->loop, run_round, script);
}

static void run_script(struct expected *expected)
{
    struct script script = {expected, ROUNDS};

    loop_post(expected->world->loop, run_round, &script);
    loop_run(expected->world->loop);
    world_settle(expected->world);
}

static void check(struct expected *expected, const char *when, int nth)
{
    struct world *world = expected->world;
    size_t present = 0, listed = 0;

    for (int i = 0; i < TASKS; i++) {
        const struct task *task = state_task(world->state, world->scope, "web", &expected->ids[i]);
        int64_t version = task ? task->version : 0;
        if (version != expected->versions[i])
            fail_msg("write %d, %s: task %d is at %lld, acknowledged %lld", nth, when, i,
                     (long long)version, (long long)expected->versions[i]);
        present += task != NULL;
    }
    for (int is_stopped = 0; is_stopped < 2; is_stopped++)
        for (int family = 0; family < 2; family++) {
            const struct task *task = NULL;
            while ((task = state_task_after(world->state, world->scope, "web", TASKS_BY_FAMILY,
                                            family ? "odd" : "even", is_stopped,
                                            task ? &task->id : NULL)))
                listed++;
        }
    assert_int_equal(listed, present);
    assert_int_equal(world_row_count(world), present);
}

static void each_write_fails_once(void **data)
{
    bool fired = true;

    (void)data;
    for (int nth = 1; fired; nth++) {
        struct expected expected = {.world = world_new()};
        struct world *world = expected.world;
        struct state_stats stats;

        world->rng = rng_seeded((uint64_t)nth);
        for (int i = 0; i < TASKS; i++)
            expected.ids[i] = id_new(&world->rng, world->now_ms + i);
        store_fail_commit(world->kept, nth);
        run_script(&expected);
        state_stats(world->state, &stats);
        fired = stats.failed_batches > 0;
        assert_int_equal(expected.failed > 0, fired);
        check(&expected, "at once", nth);
        world_restart(world);
        check(&expected, "after a restart", nth);
        run_script(&expected); /* and it goes on from there */
        check(&expected, "later", nth);
        world_free(world);
        assert_true(nth < 1000);
    }
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit on the size of files stands for a full disk. It stays full for a while: each write in
 * that time is an error, and what was acknowledged before stays readable. */
static void a_full_disk_loses_nothing(void **data)
{
    char folder[] = "/tmp/berth-faults-XXXXXX";
    struct expected expected = {0};
    struct state_stats stats;
    struct store *store;
    char file[64];

    (void)data;
    signal(SIGXFSZ, SIG_IGN);
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/state.db", folder);
    must(store_open_sqlite(file, &store));
    struct world *world = expected.world = world_new_on(store);
    for (int i = 0; i < TASKS; i++)
        expected.ids[i] = id_new(&world->rng, world->now_ms + i);
    run_script(&expected);
    assert_int_equal(expected.failed, 0);
    limit_files(16 * 1024);
    run_script(&expected);
    limit_files(RLIM_INFINITY);
    state_stats(world->state, &stats);
    assert_true(stats.failed_batches > 1);
    check(&expected, "full", 0);
    run_script(&expected);
    check(&expected, "room again", 0);
    world_restart(world);
    check(&expected, "after a restart", 0);
    world_free(world);
    unlink(file);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_write_fails_once),
        cmocka_unit_test(a_full_disk_loses_nothing),
    };

    log_configure(LOG_LEVEL_ERROR + 1, LOG_FORMAT_TEXT); /* each refused batch is an error line */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
