/* What rests on a task definition, and which deleted ones are told of: after each change, and the
 * same again after a restart. */
#include "world.h"

static int setup(void **data)
{
    *data = world_new();
    return 0;
}

static int teardown(void **data)
{
    world_free(*data);
    return 0;
}

static struct txn *begin(struct world *world)
{
    return txn_begin(world->state, world->scope);
}

static const struct task_definition *find(struct world *world, int revision)
{
    return state_task_definition(world->state, world->scope, "web", revision);
}

static void define(struct world *world, int count)
{
    struct txn *txn = begin(world);

    for (int i = 0; i < count; i++)
        make_definition(txn, "web");
    txn_commit(txn);
}

static void set_status(struct world *world, int revision, enum definition_status status)
{
    struct txn *txn = begin(world);

    txn_edit_task_definition(txn, find(world, revision))->status = status;
    txn_commit(txn);
}

/* As it is, and as it is read back. */
static void expect_used(struct world *world, const char *why, int revision, bool is_used)
{
    if (state_task_definition_is_used(find(world, revision)) != is_used)
        fail_msg("%s: web:%d is%s used", why, revision, is_used ? " not" : "");
    world_settle(world);
    world_restart(world);
    if (state_task_definition_is_used(find(world, revision)) != is_used)
        fail_msg("%s: web:%d is%s used after a restart", why, revision, is_used ? " not" : "");
}

/* The revision that is told next; 0: none. */
static int next_unused(struct world *world)
{
    const struct scope *scope = NULL;
    const struct task_definition *definition = state_next_unused_definition(world->state, &scope);

    if (definition)
        assert_ptr_equal(scope, world->scope);
    return definition ? definition->revision : 0;
}

static void tasks(void **data)
{
    struct world *world = *data;
    struct task *task;
    struct id id;
    struct txn *txn;

    define(world, 2);
    expect_used(world, "nothing there", 1, false);
    txn = begin(world);
    task = make_task(world, txn, "default", NULL);
    id = task->id;
    make_task(world, txn, "default", NULL)->last_status = TASK_STOPPED;
    txn_commit(txn);
    expect_used(world, "PENDING", 1, true);
    expect_used(world, "of another revision", 2, false);
    txn = begin(world);
    txn_edit_task(txn, state_task(world->state, world->scope, "default", &id))->last_status =
        TASK_RUNNING;
    txn_commit(txn);
    expect_used(world, "RUNNING", 1, true);
    txn = begin(world);
    txn_edit_task(txn, state_task(world->state, world->scope, "default", &id))->last_status =
        TASK_STOPPED;
    txn_commit(txn);
    expect_used(world, "STOPPED", 1, false);
    txn = begin(world);
    txn_delete_task(txn, state_task(world->state, world->scope, "default", &id));
    txn_commit(txn);
    expect_used(world, "forgotten", 1, false);
}

static void a_task_that_is_deleted(void **data)
{
    struct world *world = *data;
    struct task *task;
    struct id id;
    struct txn *txn;

    define(world, 1);
    txn = begin(world);
    task = make_task(world, txn, "default", NULL);
    id = task->id;
    txn_commit(txn);
    txn = begin(world);
    txn_delete_task(txn, state_task(world->state, world->scope, "default", &id));
    txn_commit(txn);
    expect_used(world, "deleted while PENDING", 1, false);
}

static void deploy(struct txn *txn, const struct service *service, int first, int second)
{
    struct service *edited = txn_edit_service(txn, service);
    struct deployment *list = service_resize_deployments(edited, second ? 2 : 1);

    deployment_set_family(&list[0], "web");
    list[0].revision = first;
    if (second) {
        deployment_set_family(&list[1], "web");
        list[1].revision = second;
    }
}

static const struct service *shop(struct world *world)
{
    return state_service(world->state, world->scope, "default", "shop");
}

static void services(void **data)
{
    struct world *world = *data;
    struct txn *txn;

    define(world, 3);
    txn = begin(world);
    make_cluster(txn, "default");
    deploy(txn, make_service(txn, "default", "shop"), 1, 0);
    txn_commit(txn);
    expect_used(world, "its deployment", 1, true);
    txn = begin(world);
    deploy(txn, shop(world), 2, 1);
    txn_commit(txn);
    expect_used(world, "the one before, still there", 1, true);
    expect_used(world, "the new one", 2, true);
    txn = begin(world);
    deploy(txn, shop(world), 2, 0);
    txn_commit(txn);
    expect_used(world, "replaced", 1, false);
    expect_used(world, "in place", 2, true);
    txn = begin(world);
    txn_edit_service(txn, shop(world))->status = SERVICE_DRAINING;
    txn_commit(txn);
    expect_used(world, "DRAINING", 2, true);
    txn = begin(world);
    txn_edit_service(txn, shop(world))->status = SERVICE_INACTIVE;
    txn_commit(txn);
    expect_used(world, "INACTIVE", 2, false);
}

static struct task_set *make_set(struct txn *txn, const char *id, int revision)
{
    struct task_set *set = task_set_new();

    task_set_set_cluster(set, "default");
    task_set_set_service(set, "shop");
    task_set_set_id(set, id);
    task_set_set_family(set, "web");
    set->revision = revision;
    return txn_insert_task_set(txn, set);
}

static void task_sets(void **data)
{
    struct world *world = *data;
    struct txn *txn;

    define(world, 2);
    txn = begin(world);
    make_cluster(txn, "default");
    make_service(txn, "default", "shop");
    make_set(txn, "ecs-svc/1", 1);
    make_set(txn, "ecs-svc/2", 2);
    txn_commit(txn);
    expect_used(world, "a task set", 1, true);
    txn = begin(world);
    txn_delete_task_set(txn, state_task_set(shop(world), "ecs-svc/1"));
    txn_commit(txn);
    expect_used(world, "deleted", 1, false);
    expect_used(world, "the other", 2, true);
    txn = begin(world);
    txn_delete_service(txn, shop(world));
    txn_commit(txn);
    expect_used(world, "gone with its service", 2, false);
}

static void told_when_nothing_rests_on_them(void **data)
{
    struct world *world = *data;
    struct id id;
    struct txn *txn;

    define(world, 3);
    txn = begin(world);
    id = make_task(world, txn, "default", NULL)->id; /* of web:1 */
    txn_commit(txn);
    for (int revision = 1; revision <= 3; revision++)
        set_status(world, revision, DEFINITION_INACTIVE);
    assert_int_equal(next_unused(world), 0); /* INACTIVE ones stay */
    set_status(world, 3, DEFINITION_DELETE_IN_PROGRESS);
    set_status(world, 1, DEFINITION_DELETE_IN_PROGRESS);
    set_status(world, 2, DEFINITION_DELETE_IN_PROGRESS);
    assert_int_equal(next_unused(world), 3); /* in their order, without the one in use */
    assert_int_equal(next_unused(world), 2);
    assert_int_equal(next_unused(world), 0);

    world_settle(world);
    world_restart(world);
    assert_int_equal(next_unused(world), 2);
    assert_int_equal(next_unused(world), 3);
    assert_int_equal(next_unused(world), 0);

    txn = begin(world);
    txn_edit_task(txn, state_task(world->state, world->scope, "default", &id))->last_status =
        TASK_STOPPED;
    txn_commit(txn);
    assert_int_equal(next_unused(world), 1);
    assert_int_equal(next_unused(world), 0);
}

/* TD-010, TD-276: the name and the number stay when the last revision is deleted. */
static void a_family_that_is_deleted(void **data)
{
    struct world *world = *data;
    const struct task_family *family;
    struct txn *txn;

    define(world, 2);
    txn = begin(world);
    txn_delete_task_definition(txn, find(world, 2));
    txn_commit(txn);
    family = state_family(world->state, world->scope, "web");
    assert_false(state_family_is_empty(family));
    txn = begin(world);
    txn_delete_task_definition(txn, find(world, 1));
    txn_commit(txn);
    assert_true(state_family_is_empty(family));
    world_settle(world);
    world_restart(world);
    assert_true(state_family_is_empty(state_family(world->state, world->scope, "web")));
    assert_null(find(world, 1));
    txn = begin(world);
    assert_int_equal(make_definition(txn, "web")->revision, 3);
    txn_commit(txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tasks, setup, teardown),
        cmocka_unit_test_setup_teardown(a_task_that_is_deleted, setup, teardown),
        cmocka_unit_test_setup_teardown(services, setup, teardown),
        cmocka_unit_test_setup_teardown(task_sets, setup, teardown),
        cmocka_unit_test_setup_teardown(told_when_nothing_rests_on_them, setup, teardown),
        cmocka_unit_test_setup_teardown(a_family_that_is_deleted, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
