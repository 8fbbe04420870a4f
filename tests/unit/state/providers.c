/* providers.c - capacity providers by name and group, and what clusters, services and tasks use. */
#include "world.h"

static struct capacity_provider *make_provider(struct txn *txn, const char *name, const char *group)
{
    struct capacity_provider *provider = capacity_provider_new();

    capacity_provider_set_name(provider, name);
    capacity_provider_set_group(provider, group);
    return txn_insert_capacity_provider(txn, provider);
}

static void associate(struct txn *txn, const struct cluster *cluster, const char *const *names,
                      uint32_t count)
{
    cluster_set_capacity_providers(txn_edit_cluster(txn, cluster), names, count);
}

static const struct cluster *web(struct world *world)
{
    return state_cluster(world->state, world->scope, "web");
}

static void expect_use(struct world *world, const char *provider, int64_t tasks, int64_t services)
{
    struct provider_counts counts;

    state_provider_counts(web(world), provider, &counts);
    assert_int_equal(counts.tasks, tasks);
    assert_int_equal(counts.services, services);
}

static void expect_clusters(struct world *world, const char *provider, const char *names)
{
    CLEANUP(buf_done) struct buf found = {0};
    const struct cluster *cluster = NULL;

    while ((cluster = state_cluster_with_provider_after(world->state, world->scope, provider,
                                                        cluster ? cluster->name : NULL)))
        buf_printf(&found, "%s ", cluster->name);
    assert_string_equal(found.data ? found.data : "", names);
}

/* CL-060: a group belongs to one provider, until that is INACTIVE. */
static void a_group_is_found_until_its_provider_is_inactive(void **data)
{
    struct world *world = *data;
    struct txn *txn = txn_begin(world->state, world->scope);
    const struct capacity_provider *one;

    make_provider(txn, "one", "group-1");
    make_provider(txn, "two", "group-2");
    txn_commit(txn);
    for (int round = 0; round < 2; round++) {
        one = state_capacity_provider(world->state, world->scope, "one");
        assert_ptr_equal(state_capacity_provider_of_group(world->state, world->scope, "group-1"),
                         one);
        assert_null(state_capacity_provider_of_group(world->state, world->scope, "group-3"));
        assert_string_equal(state_capacity_provider_after(world->state, world->scope, "one")->name,
                            "two");
        assert_null(state_capacity_provider_after(world->state, world->scope, "two"));
        world_settle(world);
        world_restart(world);
    }
    txn = txn_begin(world->state, world->scope);
    one = state_capacity_provider(world->state, world->scope, "one");
    txn_edit_capacity_provider(txn, one)->status = PROVIDER_INACTIVE;
    txn_commit(txn);
    assert_null(state_capacity_provider_of_group(world->state, world->scope, "group-1"));
    txn = txn_begin(world->state, world->scope);
    make_provider(txn, "three", "group-1");
    txn_commit(txn);
    assert_string_equal(
        state_capacity_provider_of_group(world->state, world->scope, "group-1")->name, "three");
}

/* API-071: which clusters a provider is associated with, FARGATE too. */
static void clusters_are_found_by_provider(void **data)
{
    static const char *const both[] = {"FARGATE", "one"};
    struct world *world = *data;
    struct txn *txn = txn_begin(world->state, world->scope);

    make_provider(txn, "one", "group-1");
    associate(txn, make_cluster(txn, "web"), both, 2);
    associate(txn, make_cluster(txn, "app"), both, 1);
    txn_commit(txn);
    for (int round = 0; round < 2; round++) {
        expect_clusters(world, "FARGATE", "app web ");
        expect_clusters(world, "one", "web ");
        expect_clusters(world, "none", "");
        world_settle(world);
        world_restart(world);
    }
    txn = txn_begin(world->state, world->scope);
    associate(txn, web(world), both + 1, 1);
    txn_commit(txn);
    expect_clusters(world, "FARGATE", "app ");
    expect_clusters(world, "one", "web ");
    txn = txn_begin(world->state, world->scope);
    associate(txn, web(world), NULL, 0);
    txn_commit(txn);
    expect_clusters(world, "one", "");
}

/* API-079: what keeps a provider in its cluster. */
static void uses_follow_tasks_and_services(void **data)
{
    static const char *const names[] = {"one", "FARGATE"};
    struct world *world = *data;
    struct txn *txn = txn_begin(world->state, world->scope);
    struct service *service;
    struct task *task;
    struct id id;

    make_cluster(txn, "web");
    service = make_service(txn, "web", "front");
    service_set_capacity_providers(service, names, 2);
    task = make_task(world, txn, "web", NULL);
    task_set_capacity_provider(task, "one");
    id = task->id;
    txn_commit(txn);
    for (int round = 0; round < 2; round++) {
        expect_use(world, "one", 1, 1);
        expect_use(world, "FARGATE", 0, 1);
        expect_use(world, "two", 0, 0);
        world_settle(world);
        world_restart(world);
    }
    txn = txn_begin(world->state, world->scope);
    service = txn_edit_service(txn, state_service(world->state, world->scope, "web", "front"));
    service_set_capacity_providers(service, names + 1, 1);
    service->status = SERVICE_DRAINING;
    txn_edit_task(txn, state_task(world->state, world->scope, "web", &id))->desired_status =
        TASK_STOPPED;
    txn_commit(txn);
    expect_use(world, "one", 1, 0);
    expect_use(world, "FARGATE", 0, 1);
    txn = txn_begin(world->state, world->scope);
    txn_edit_service(txn, state_service(world->state, world->scope, "web", "front"))->status =
        SERVICE_INACTIVE;
    txn_edit_task(txn, state_task(world->state, world->scope, "web", &id))->last_status =
        TASK_STOPPED;
    txn_commit(txn);
    expect_use(world, "one", 0, 0);
    expect_use(world, "FARGATE", 0, 0);
    txn = txn_begin(world->state, world->scope);
    txn_delete_service(txn, state_service(world->state, world->scope, "web", "front"));
    txn_delete_task(txn, state_task(world->state, world->scope, "web", &id));
    txn_commit(txn);
    expect_use(world, "FARGATE", 0, 0);
}

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

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(a_group_is_found_until_its_provider_is_inactive),
        EACH(clusters_are_found_by_provider),
        EACH(uses_follow_tasks_and_services),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
