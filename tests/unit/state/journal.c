/* The journal: who waits for which batch, in which order answers and changes come, and what a batch
 * that fails takes with it. */
#include "world.h"

#include <pthread.h>
#include <unistd.h>

#include "base/mem.h"

/* A store whose commits wait until the test lets them go. */
struct gated_store {
    struct store store;
    struct store *inner;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int arrived, allowed; /* commits; under lock */
};

static struct error *gated_commit(struct store *store, const struct store_txn *txns, size_t count)
{
    struct gated_store *gated = (struct gated_store *)store;

    pthread_mutex_lock(&gated->lock);
    gated->arrived++;
    pthread_cond_broadcast(&gated->changed);
    while (gated->allowed == 0)
        pthread_cond_wait(&gated->changed, &gated->lock);
    gated->allowed--;
    pthread_mutex_unlock(&gated->lock);
    return store_commit(gated->inner, txns, count);
}

static struct error *gated_scan(struct store *store, const void *prefix, size_t prefix_len,
                                store_each_fn *each, void *data)
{
    return store_scan(((struct gated_store *)store)->inner, prefix, prefix_len, each, data);
}

static void gated_close(struct store *store)
{
    struct gated_store *gated = (struct gated_store *)store;

    store_close(gated->inner);
    pthread_mutex_destroy(&gated->lock);
    pthread_cond_destroy(&gated->changed);
    free(gated);
}

static struct gated_store *gated_new(void)
{
    static const struct store_backend backend = {
        .name = "gated",
        .commit = gated_commit,
        .scan = gated_scan,
        .close = gated_close,
    };
    struct gated_store *gated = xcalloc(1, sizeof(*gated));

    gated->store.backend = &backend;
    must(store_open_memory(&gated->inner));
    pthread_mutex_init(&gated->lock, NULL);
    pthread_cond_init(&gated->changed, NULL);
    return gated;
}

static void let_go(struct gated_store *gated, int commits)
{
    pthread_mutex_lock(&gated->lock);
    gated->allowed += commits;
    pthread_cond_broadcast(&gated->changed);
    pthread_mutex_unlock(&gated->lock);
}

static void wait_arrived(struct gated_store *gated, int commits)
{
    pthread_mutex_lock(&gated->lock);
    while (gated->arrived < commits)
        pthread_cond_wait(&gated->changed, &gated->lock);
    pthread_mutex_unlock(&gated->lock);
}

/* What happened, in order, as words. */
struct story {
    struct world *world;
    struct buf words;
};

static void tell(struct story *story, const char *word)
{
    buf_printf(&story->words, "%s ", word);
}

static void expect_story(struct story *story, const char *words)
{
    assert_string_equal(story->words.data ? story->words.data : "", words);
    buf_clear(&story->words);
}

struct answer {
    struct story *story;
    const char *word;
};

static void on_durable(const struct error *err, void *data)
{
    struct answer *answer = data;

    tell(answer->story, answer->word);
    if (err)
        tell(answer->story, "lost");
}

static void answer_when_durable(struct answer *answer)
{
    state_when_durable(answer->story->world->state, on_durable, answer);
}

static void write_cluster(struct world *world, const char *name)
{
    struct txn *txn = txn_begin(world->state, world->scope);

    make_cluster(txn, name);
    txn_commit(txn);
}

/* One turn of the loop. */
static void stop_loop(void *data)
{
    loop_stop(data);
}

static void run_turn(struct world *world)
{
    loop_defer(world->loop, stop_loop, world->loop);
    loop_run(world->loop);
}

static void a_read_is_answered_in_its_turn_when_nothing_is_under_way(void **data)
{
    struct world *world = world_new();
    struct story story = {.world = world};
    struct answer read = {&story, "read"};

    (void)data;
    answer_when_durable(&read);
    expect_story(&story, ""); /* never before the asking call has returned */
    run_turn(world);
    expect_story(&story, "read ");
    buf_done(&story.words);
    world_free(world);
}

static void turns_collect_while_a_batch_is_under_way(void **data)
{
    struct gated_store *gated = gated_new();
    struct world *world = world_new_on(&gated->store);
    struct story story = {.world = world};
    struct answer answers[] = {{&story, "first"},
                               {&story, "read"},
                               {&story, "second"},
                               {&story, "third"},
                               {&story, "reread"}};
    struct state_stats stats;

    (void)data;
    write_cluster(world, "first");
    answer_when_durable(&answers[0]);
    run_turn(world);
    wait_arrived(gated, 1);
    answer_when_durable(&answers[1]); /* has seen "first": rests on the batch under way */
    run_turn(world);
    write_cluster(world, "second");
    answer_when_durable(&answers[2]);
    run_turn(world);
    write_cluster(world, "third");
    answer_when_durable(&answers[3]);
    answer_when_durable(&answers[4]);
    run_turn(world);
    expect_story(&story, "");
    state_stats(world->state, &stats);
    assert_int_equal(stats.queue_depth, 3);

    let_go(gated, 2);
    world_settle(world);
    expect_story(&story, "first read second third reread ");
    state_stats(world->state, &stats);
    assert_int_equal(stats.batches, 2);
    assert_int_equal(stats.transactions, 3);
    assert_int_equal(stats.queue_depth, 0);
    let_go(gated, 100);
    buf_done(&story.words);
    world_free(world);
}

/* Changes */

static const char *name_of(const struct change *change)
{
    switch (change->kind) {
    case CHANGE_CLUSTER:
        return ((const struct cluster *)change->record)->name;
    case CHANGE_SERVICE:
        return ((const struct service *)change->record)->name;
    default:
        return "other";
    }
}

static void tell_change(struct story *story, const char *what, const struct change *change)
{
    buf_printf(&story->words, "%s:%s%s%s ", what, change->is_new ? "+" : "",
               change->is_removed ? "-" : "", change->record ? name_of(change) : "gone");
    assert_ptr_equal(change->scope, story->world->scope);
}

static void on_staged(const struct change *change, void *data)
{
    tell_change(data, "staged", change);
}

static void on_change(const struct change *change, void *data)
{
    tell_change(data, "durable", change);
}

static void on_reset(void *data)
{
    tell(data, "reset");
}

static void observe(struct story *story)
{
    state_observe(story->world->state, &(struct observer){on_staged, on_change, on_reset, story});
}

static void changes_are_told_when_staged_and_when_durable(void **data)
{
    struct world *world = world_new();
    struct story story = {.world = world};
    struct answer answer = {&story, "answer"};
    struct txn *txn;

    (void)data;
    observe(&story);
    txn = txn_begin(world->state, world->scope);
    make_cluster(txn, "web");
    make_service(txn, "web", "front");
    expect_story(&story, "");
    txn_commit(txn);
    expect_story(&story, "staged:+web staged:+front ");
    answer_when_durable(&answer);
    world_settle(world);
    expect_story(&story, "durable:+web durable:+front answer ");

    /* Twice in a transaction is one change. */
    txn = txn_begin(world->state, world->scope);
    const struct cluster *cluster = state_cluster(world->state, world->scope, "web");
    txn_edit_cluster(txn, cluster)->status = CLUSTER_INACTIVE;
    txn_edit_cluster(txn, cluster)->status = CLUSTER_ACTIVE;
    txn_commit(txn);
    world_settle(world);
    expect_story(&story, "staged:web durable:web ");
    buf_done(&story.words);
    world_free(world);
}

static void a_change_of_what_is_gone_since_has_no_record(void **data)
{
    struct world *world = world_new();
    struct story story = {.world = world};
    struct txn *txn;

    (void)data;
    observe(&story);
    txn = txn_begin(world->state, world->scope);
    make_service(txn, "web", "front");
    txn_commit(txn);
    txn = txn_begin(world->state, world->scope);
    txn_delete_service(txn, state_service(world->state, world->scope, "web", "front"));
    txn_commit(txn);
    expect_story(&story, "staged:+front staged:-front ");
    world_settle(world);
    expect_story(&story, "durable:+gone durable:-front ");

    /* Made and deleted in one transaction: nobody hears of it. */
    txn = txn_begin(world->state, world->scope);
    txn_delete_service(txn, make_service(txn, "web", "front"));
    assert_true(txn_is_empty(txn));
    txn_commit(txn);
    world_settle(world);
    expect_story(&story, "");
    buf_done(&story.words);
    world_free(world);
}

static void what_a_task_was_before_is_told(const struct change *change, void *data)
{
    struct story *story = data;

    if (change->kind == CHANGE_TASK && !change->is_new)
        buf_printf(&story->words, "%s>%s ", task_status_name(change->task_last_before),
                   task_status_name(((const struct task *)change->record)->last_status));
}

static void a_task_change_tells_what_it_was_before(void **data)
{
    struct world *world = world_new();
    struct story story = {.world = world};
    struct txn *txn = txn_begin(world->state, world->scope);
    struct task *task = make_task(world, txn, "web", NULL);

    (void)data;
    txn_commit(txn);
    state_observe(world->state,
                  &(struct observer){NULL, what_a_task_was_before_is_told, NULL, &story});
    txn = txn_begin(world->state, world->scope);
    txn_edit_task(txn, task)->last_status = TASK_RUNNING;
    txn_commit(txn);
    world_settle(world);
    expect_story(&story, "PENDING>RUNNING ");
    state_unobserve(world->state, &story);
    txn = txn_begin(world->state, world->scope);
    txn_edit_task(txn, task)->last_status = TASK_STOPPED;
    txn_commit(txn);
    world_settle(world);
    expect_story(&story, "");
    buf_done(&story.words);
    world_free(world);
}

/* Failure */

static void a_failed_batch_takes_what_came_after_it(void **data)
{
    struct gated_store *gated = gated_new();
    struct world *world = world_new_on(&gated->store);
    struct story story = {.world = world};
    struct answer answers[] = {
        {&story, "first"}, {&story, "second"}, {&story, "third"}, {&story, "fourth"}};
    const struct container_instance *instance;
    struct state_stats stats;
    struct id host;

    (void)data;
    let_go(gated, 1);
    struct txn *txn = txn_begin(world->state, world->scope);
    host = make_instance(world, txn, "web")->id;
    txn_commit(txn);
    write_cluster(world, "first");
    answer_when_durable(&answers[0]);
    world_settle(world);
    expect_story(&story, "first ");
    state_set_instance_connected(world->state,
                                 state_instance(world->state, world->scope, "web", &host), true);

    observe(&story);
    store_fail_commit(gated->inner, 1);
    write_cluster(world, "second");
    answer_when_durable(&answers[1]);
    run_turn(world);
    wait_arrived(gated, 2);
    write_cluster(world, "third"); /* collected meanwhile: no later batch is tried */
    answer_when_durable(&answers[2]);
    run_turn(world);
    expect_story(&story, "staged:+second staged:+third ");
    let_go(gated, 1);
    world_settle(world);
    expect_story(&story, "second lost third lost reset ");
    assert_int_equal(gated->arrived, 2);
    assert_non_null(state_cluster(world->state, world->scope, "first"));
    assert_null(state_cluster(world->state, world->scope, "second"));
    assert_null(state_cluster(world->state, world->scope, "third"));
    /* Sessions are not of the store: those that were up still are. */
    instance = state_instance(world->state, world->scope, "web", &host);
    assert_true(state_instance_connected(instance));

    let_go(gated, 1);
    write_cluster(world, "fourth");
    answer_when_durable(&answers[3]);
    world_settle(world);
    expect_story(&story, "staged:+fourth durable:+fourth fourth ");
    state_stats(world->state, &stats);
    assert_int_equal(stats.failed_batches, 1);
    assert_int_equal(stats.batches, 2);
    assert_int_equal(stats.clusters, 2);
    buf_done(&story.words);
    world_free(world);
}

/* Deleted records belong to their transaction, whichever way it ends. */
static void a_lost_deletion_brings_the_record_back(void **data)
{
    struct world *world = world_new();
    struct txn *txn = txn_begin(world->state, world->scope);

    (void)data;
    make_service(txn, "web", "front");
    txn_commit(txn);
    world_settle(world);
    store_fail_commit(world->kept, 1);
    txn = txn_begin(world->state, world->scope);
    txn_delete_service(txn, state_service(world->state, world->scope, "web", "front"));
    txn_commit(txn);
    assert_null(state_service(world->state, world->scope, "web", "front"));
    world_settle(world);
    assert_non_null(state_service(world->state, world->scope, "web", "front"));
    world_free(world);
}

static void a_transaction_beyond_the_limits_is_lost_not_cut(void **data)
{
    struct world *world = world_new();
    struct story story = {.world = world};
    struct answer answer = {&story, "answer"};
    struct txn *txn = txn_begin(world->state, world->scope);

    (void)data;
    for (int i = 0; i < STORE_TXN_KEYS_MAX; i++)
        make_task(world, txn, "web", NULL);
    assert_int_equal(txn_room_keys(txn), 0);
    assert_true(txn_room_bytes(txn) > STORE_TXN_BYTES_MAX / 2);
    make_task(world, txn, "web", NULL);
    txn_commit(txn);
    answer_when_durable(&answer);
    world_settle(world);
    expect_story(&story, "answer lost ");
    assert_int_equal(world_row_count(world), 0);
    assert_null(
        state_task_after(world->state, world->scope, "web", TASKS_BY_CLUSTER, NULL, false, NULL));
    buf_done(&story.words);
    world_free(world);
}

static void the_queue_is_bounded(void **data)
{
    struct gated_store *gated = gated_new();
    struct world *world = world_new_on(&gated->store);
    int count = 0;

    (void)data;
    while (!state_is_full(world->state) && count < 100000) {
        struct txn *txn = txn_begin(world->state, world->scope);
        make_task(world, txn, "web", NULL);
        txn_commit(txn);
        count++;
    }
    assert_int_equal(count, 65536);
    let_go(gated, 10);
    world_settle(world);
    assert_false(state_is_full(world->state));
    world_free(world);
}

/* Closing */

static void closing_waits_for_the_batch_under_way_and_refuses_the_rest(void **data)
{
    struct gated_store *gated = gated_new();
    struct world *world = world_new_on(&gated->store);
    struct story story = {.world = world};
    struct answer answers[] = {{&story, "first"}, {&story, "second"}};

    (void)data;
    observe(&story);
    write_cluster(world, "first");
    answer_when_durable(&answers[0]);
    run_turn(world);
    wait_arrived(gated, 1);
    write_cluster(world, "second");
    answer_when_durable(&answers[1]);
    expect_story(&story, "staged:+first staged:+second ");
    let_go(gated, 1);
    world_restart(world);
    expect_story(&story, "first second lost ");
    assert_non_null(state_cluster(world->state, world->scope, "first"));
    assert_null(state_cluster(world->state, world->scope, "second"));
    buf_done(&story.words);
    world_free(world);
}

/* Backup */

static void on_backup(struct error *err, void *data)
{
    must(err);
    loop_stop(data);
}

static void on_refused_backup(struct error *err, void *data)
{
    assert_non_null(err);
    error_free(err);
    loop_stop(data);
}

static void a_backup_is_a_store_that_opens(void **data)
{
    char folder[] = "/tmp/berth-state-XXXXXX";
    char file[64], copy[64];
    struct store *store;
    struct world *world;

    (void)data;
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof(file), "%s/state.db", folder);
    snprintf(copy, sizeof(copy), "%s/copy.db", folder);
    must(store_open_sqlite(file, &store));
    world = world_new_on(store);
    write_cluster(world, "web");
    world_settle(world);
    state_backup(world->state, copy, on_backup, world->loop);
    loop_run(world->loop);
    state_backup(world->state, copy, on_refused_backup, world->loop); /* it is there by now */
    loop_run(world->loop);
    world_free(world);

    must(store_open_sqlite(copy, &store));
    world = world_new_on(store);
    assert_non_null(state_cluster(world->state, world->scope, "web"));
    world_free(world);
    unlink(file);
    unlink(copy);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_is_answered_in_its_turn_when_nothing_is_under_way),
        cmocka_unit_test(turns_collect_while_a_batch_is_under_way),
        cmocka_unit_test(changes_are_told_when_staged_and_when_durable),
        cmocka_unit_test(a_change_of_what_is_gone_since_has_no_record),
        cmocka_unit_test(a_task_change_tells_what_it_was_before),
        cmocka_unit_test(a_failed_batch_takes_what_came_after_it),
        cmocka_unit_test(a_lost_deletion_brings_the_record_back),
        cmocka_unit_test(a_transaction_beyond_the_limits_is_lost_not_cut),
        cmocka_unit_test(the_queue_is_bounded),
        cmocka_unit_test(closing_waits_for_the_batch_under_way_and_refuses_the_rest),
        cmocka_unit_test(a_backup_is_a_store_that_opens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
