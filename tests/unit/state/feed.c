/* The feed of events: what is told, in which order, under which numbers, and that neither a restart nor a
 * crash loses or doubles any. */
#include "world.h"

#include "core/task.h"

static int set_up(void **data)
{
    *data = world_new();
    return 0;
}

static int tear_down(void **data)
{
    world_free(*data);
    return 0;
}

static struct txn *begin(struct world *world)
{
    return txn_begin(world->state, world->scope);
}

/* "1 TASK 2 INSTANCE": the entries behind `after`. */
static char *told_after(struct world *world, int64_t after)
{
    struct buf words = {0};
    int64_t last = state_feed_last(world->state, world->scope);

    buf_add_str(&words, "");
    for (int64_t number = after + 1; number <= last; number++) {
        struct feed_row *row = state_feed_row(world->state, world->scope, number);
        const struct feed_entry *entry;

        assert_non_null(row);
        assert_true(row->first <= number && number < row->first + row->entries_count);
        entry = &row->entries[number - row->first];
        buf_printf(&words, "%s%d %s", words.len ? " " : "", (int)number,
                   feed_kind_name(entry->kind));
        if (entry->kind == FEED_SERVICE)
            buf_printf(&words, ":%s", event_name_name(entry->name));
        feed_row_free(row);
    }
    return buf_take(&words);
}

static void expect_told(struct world *world, int64_t after, const char *words)
{
    CLEANUP(str_freep) char *told = NULL;

    world_settle(world);
    told = told_after(world, after);
    assert_string_equal(told, words);
}

static struct feed_entry *entry_at(struct world *world, int64_t number, struct feed_row **ret_row)
{
    *ret_row = state_feed_row(world->state, world->scope, number);
    assert_non_null(*ret_row);
    return &(*ret_row)->entries[number - (*ret_row)->first];
}

static const struct container_instance *make_host(struct world *world)
{
    struct txn *txn = begin(world);
    const struct container_instance *instance = make_instance(world, txn, "web");

    txn_commit(txn);
    return instance;
}

static void a_task_that_comes_changes_its_instance_too(void **data) /* MS-063, MS-067, MS-080 */
{
    struct world *world = *data;
    const struct container_instance *host = make_host(world);
    struct feed_row *row;
    struct feed_entry *entry;
    struct txn *txn = begin(world);

    make_task(world, txn, "web", &host->id);
    make_task(world, txn, "web", &host->id);
    txn_commit(txn);
    expect_told(world, 0, "1 INSTANCE 2 TASK 3 INSTANCE 4 TASK");
    entry = entry_at(world, 3, &row);
    assert_int_equal(entry->cpu, 4096 - 2 * 256);
    assert_int_equal(entry->memory, 16384 - 2 * 512);
    assert_int_equal(entry->tasks_pending, 2);
    assert_int_equal(entry->version, state_instance_version(host)); /* MS-058 */
    assert_int_equal(row->entries_count, 3);                        /* one row a transaction */
    feed_row_free(row);
}

static void only_versions_that_grow_are_told(void **data) /* MS-058 */
{
    struct world *world = *data;
    const struct container_instance *host = make_host(world);
    struct txn *txn = begin(world);
    const struct task *task = make_task(world, txn, "web", &host->id);
    struct task *edited;

    txn_commit(txn);
    expect_told(world, 1, "2 TASK 3 INSTANCE");
    txn = begin(world);
    edited = txn_edit_task(txn, task);
    edited->is_acknowledged = true; /* nobody is shown this */
    txn_commit(txn);
    txn = begin(world);
    txn_edit_instance(txn, host)->version_bound = 4711;
    txn_commit(txn);
    expect_told(world, 3, "");
    txn = begin(world);
    task_set_status(txn_edit_task(txn, task), TASK_RUNNING, world->now_ms);
    txn_commit(txn);
    expect_told(world, 3, "4 TASK"); /* what remains of the instance is the same */
    txn = begin(world);
    task_end(txn_edit_task(txn, task), STOP_CODE_USER_INITIATED, "x", world->now_ms);
    txn_commit(txn);
    expect_told(world, 4, "5 TASK 6 INSTANCE"); /* MS-069 */
    txn = begin(world);
    txn_delete_task(txn, task);
    txn_commit(txn);
    expect_told(world, 6, "");
}

static void tell(struct txn *txn, int64_t number, enum event_name name)
{
    struct service_event *event = service_event_new();

    service_event_set_cluster(event, "web");
    service_event_set_service(event, "front");
    event->number = number;
    event->name = name;
    service_event_set_deployment(event, "ecs-svc/7");
    service_event_set_reason(event, "why");
    txn_insert_service_event(txn, event);
}

static void services_tell_what_the_catalogue_names(void **data) /* MS-099, MS-103, MS-104 */
{
    struct world *world = *data;
    struct txn *txn = begin(world);
    struct service *service = make_service(txn, "web", "front");
    struct deployment *deployment = service_append_deployments(service);
    const struct feed_entry *entry;
    struct feed_row *row;

    deployment_set_id(deployment, "ecs-svc/7");
    deployment->status = DEPLOYMENT_PRIMARY;
    deployment->rollout_state = ROLLOUT_STATE_IN_PROGRESS;
    deployment_set_rollout_state_reason(deployment, "ECS deployment ecs-svc/7 in progress.");
    txn_commit(txn);
    expect_told(world, 0, "1 SERVICE:SERVICE_DEPLOYMENT_IN_PROGRESS");
    entry = entry_at(world, 1, &row);
    assert_string_equal(entry->deployment, "ecs-svc/7");
    assert_string_equal(entry->reason, "ECS deployment ecs-svc/7 in progress.");
    feed_row_free(row);

    txn = begin(world);
    tell(txn, 1, EVENT_TASKS_STARTED);                  /* a line for people only */
    tell(txn, 2, EVENT_SERVICE_DEPLOYMENT_IN_PROGRESS); /* is seen on the service */
    tell(txn, 3, EVENT_SERVICE_DEPLOYMENT_COMPLETED);
    tell(txn, 4, EVENT_SERVICE_STEADY_STATE);
    txn_commit(txn);
    expect_told(world, 1, "2 SERVICE:SERVICE_DEPLOYMENT_COMPLETED 3 SERVICE:SERVICE_STEADY_STATE");

    txn = begin(world);
    txn_edit_service(txn, service)->desired_count = 3;
    txn_commit(txn);
    expect_told(world, 3, ""); /* the deployment goes on */

    txn = begin(world);
    deployment_set_id(&txn_edit_service(txn, service)->deployments[0], "ecs-svc/8");
    txn_commit(txn);
    expect_told(world, 3, "4 SERVICE:SERVICE_DEPLOYMENT_IN_PROGRESS");
}

static void numbers_go_on_after_a_restart(void **data) /* MS-060 */
{
    struct world *world = *data;
    struct txn *txn;

    make_host(world);
    make_host(world);
    world_settle(world);
    world_restart(world);
    expect_told(world, 0, "1 INSTANCE 2 INSTANCE");
    make_host(world);
    expect_told(world, 0, "1 INSTANCE 2 INSTANCE 3 INSTANCE");
    txn = txn_begin(world->state, state_scope(world->state, "us-east-1", "111111111111"));
    make_instance(world, txn, "web");
    txn_commit(txn);
    world_settle(world);
    assert_int_equal(
        state_feed_last(world->state, state_scope(world->state, "us-east-1", "111111111111")), 1);
    expect_told(world, 2, "3 INSTANCE"); /* other accounts are not seen */
}

static void what_is_not_durable_is_not_told(void **data)
{
    struct world *world = *data;

    make_host(world);
    assert_int_equal(state_feed_last(world->state, world->scope), 0);
    assert_null(state_feed_row(world->state, world->scope, 1));
    world_settle(world);
    assert_int_equal(state_feed_last(world->state, world->scope), 1);
}

static void lose_a_batch(struct world *world)
{
    struct txn *txn = begin(world);

    for (int i = 0; i <= STORE_TXN_KEYS_MAX; i++) /* beyond the store's limit */
        make_task(world, txn, "web", NULL);
    txn_commit(txn);
    world_settle(world);
}

static void a_batch_that_is_lost_takes_its_numbers_with_it(void **data)
{
    struct world *world = *data;

    make_host(world);
    world_settle(world);
    lose_a_batch(world);
    expect_told(world, 0, "1 INSTANCE");
    make_host(world);
    expect_told(world, 0, "1 INSTANCE 2 INSTANCE");
}

static void the_ring_drops_the_oldest(void **data)
{
    struct world *world = *data;
    const struct container_instance *host = make_host(world);
    struct id id = host->id;

    for (int i = 0; i < FEED_ROWS_MAX + 99; i++) {
        struct txn *txn = begin(world);

        txn_edit_instance(txn, host)->version++;
        txn_commit(txn);
        if (i % 4096 == 0)
            world_settle(world);
    }
    world_settle(world);
    assert_int_equal(world_feed_row_count(world), FEED_ROWS_MAX);
    assert_int_equal(state_feed_first(world->state, world->scope), 101);
    assert_int_equal(state_feed_last(world->state, world->scope), FEED_ROWS_MAX + 100);
    assert_null(state_feed_row(world->state, world->scope, 100));
    world_restart(world);
    assert_int_equal(world_feed_row_count(world), FEED_ROWS_MAX);
    assert_int_equal(state_feed_first(world->state, world->scope), 101);
    for (int64_t number = 101; number <= FEED_ROWS_MAX + 100; number += 1111) {
        struct feed_row *row;

        assert_int_equal(entry_at(world, number, &row)->version, number - 1);
        assert_int_equal(row->first, number);
        feed_row_free(row);
    }
    host = state_instance(world->state, world->scope, "web", &id);
    struct txn *txn = begin(world);
    txn_edit_instance(txn, host)->version++;
    txn_commit(txn);
    expect_told(world, FEED_ROWS_MAX + 100, "65637 INSTANCE");
    assert_int_equal(state_feed_first(world->state, world->scope), 102);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_task_that_comes_changes_its_instance_too),
        TEST(only_versions_that_grow_are_told),
        TEST(services_tell_what_the_catalogue_names),
        TEST(numbers_go_on_after_a_restart),
        TEST(what_is_not_durable_is_not_told),
        TEST(a_batch_that_is_lost_takes_its_numbers_with_it),
        TEST(the_ring_drops_the_oldest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
