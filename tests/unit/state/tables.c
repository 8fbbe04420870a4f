/* The tables: where records are found, in which lists and figures, and that a restart finds the
 * same. */
#include "world.h"

#include "base/mem.h"

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

/* Clusters */

static char *cluster_names(struct world *world, const char *after)
{
    struct buf names = {0};
    const struct cluster *cluster = state_cluster_after(world->state, world->scope, after);

    for (; cluster; cluster = state_cluster_after(world->state, world->scope, cluster->name))
        buf_printf(&names, "%s ", cluster->name);
    return buf_take(&names);
}

static void expect_clusters(struct world *world, const char *after, const char *names)
{
    CLEANUP(str_freep) char *found = cluster_names(world, after);

    assert_string_equal(found, names);
}

static void clusters_are_walked_by_name_from_any_place(void **data)
{
    struct world *world = *data;
    struct txn *txn = begin(world);

    make_cluster(txn, "web");
    make_cluster(txn, "batch");
    make_cluster(txn, "default");
    txn_commit(txn);
    expect_clusters(world, NULL, "batch default web ");
    expect_clusters(world, "batch", "default web ");
    expect_clusters(world, "cow", "default web "); /* one that is gone, or never was */
    world_settle(world);
    world_restart(world);
    expect_clusters(world, NULL, "batch default web ");
    assert_non_null(state_cluster(world->state, world->scope, "web"));
    assert_null(state_cluster(world->state, world->scope, "we"));
}

static void scopes_do_not_see_each_other(void **data)
{
    struct world *world = *data;
    const struct scope *other = state_scope(world->state, "us-east-1", "111111111111");
    struct txn *txn = begin(world);

    make_cluster(txn, "web");
    txn_commit(txn);
    assert_null(state_cluster(world->state, other, "web"));
    txn = txn_begin(world->state, other);
    make_cluster(txn, "web");
    txn_commit(txn);
    assert_ptr_not_equal(state_cluster(world->state, other, "web"),
                         state_cluster(world->state, world->scope, "web"));
    assert_ptr_equal(cluster_scope(state_cluster(world->state, other, "web")), other);
    assert_ptr_equal(state_scope(world->state, "us-east-1", "111111111111"), other);
    world_settle(world);
    world_restart(world);
    other = state_scope(world->state, "us-east-1", "111111111111");
    assert_non_null(state_cluster(world->state, other, "web"));
    assert_ptr_equal(state_scope_after(world->state, world->scope), other);
    assert_null(state_scope_after(world->state, other));
}

/* Tasks */

static size_t list_length(struct world *world, enum task_list list, const char *key,
                          bool is_stopped)
{
    const struct task *task = NULL;
    size_t count = 0;

    while ((task = state_task_after(world->state, world->scope, "web", list, key, is_stopped,
                                    task ? &task->id : NULL)))
        count++;
    return count;
}

struct lists {
    size_t cluster, instance, service, family, started_by;
};

static void expect_lists(struct world *world, const char *instance, bool is_stopped,
                         struct lists lists)
{
    assert_int_equal(list_length(world, TASKS_BY_CLUSTER, NULL, is_stopped), lists.cluster);
    assert_int_equal(list_length(world, TASKS_BY_INSTANCE, instance, is_stopped), lists.instance);
    assert_int_equal(list_length(world, TASKS_BY_SERVICE, "front", is_stopped), lists.service);
    assert_int_equal(list_length(world, TASKS_BY_FAMILY, "web", is_stopped), lists.family);
    assert_int_equal(list_length(world, TASKS_BY_STARTED_BY, "me", is_stopped), lists.started_by);
}

static void a_task_is_in_the_lists_it_belongs_to(void **data)
{
    struct world *world = *data;
    struct txn *txn = begin(world);
    struct container_instance *instance;
    struct task *of_service, *waiting;
    char hex[ID_HEX_SIZE];

    make_cluster(txn, "web");
    instance = make_instance(world, txn, "web");
    id_format(&instance->id, hex);
    of_service = make_task(world, txn, "web", &instance->id);
    task_set_service(of_service, "front"); /* after the insert: lists follow at the commit */
    waiting = make_task(world, txn, "web", NULL);
    task_set_started_by(waiting, "me");
    txn_commit(txn);
    expect_lists(world, hex, false, (struct lists){2, 1, 1, 2, 1});
    expect_lists(world, hex, true, (struct lists){0});

    txn = begin(world);
    txn_edit_task(txn, waiting)->instance = instance->id; /* placed */
    txn_commit(txn);
    expect_lists(world, hex, false, (struct lists){2, 2, 1, 2, 1});

    txn = begin(world);
    txn_edit_task(txn, of_service)->desired_status = TASK_STOPPED;
    txn_commit(txn);
    expect_lists(world, hex, false, (struct lists){1, 1, 0, 1, 1});
    expect_lists(world, hex, true, (struct lists){1, 1, 1, 1, 0});

    world_settle(world);
    world_restart(world);
    expect_lists(world, hex, false, (struct lists){1, 1, 0, 1, 1});
    expect_lists(world, hex, true, (struct lists){1, 1, 1, 1, 0});

    struct id id;
    assert_true(id_parse(hex, &id));
    const struct task *stopped =
        state_task_after(world->state, world->scope, "web", TASKS_BY_INSTANCE, hex, true, NULL);
    txn = begin(world);
    txn_delete_task(txn, stopped);
    txn_commit(txn);
    expect_lists(world, hex, true, (struct lists){0});
    world_settle(world);
    world_restart(world);
    expect_lists(world, hex, true, (struct lists){0});
    expect_lists(world, hex, false, (struct lists){1, 1, 0, 1, 1});
}

static void a_walk_goes_on_behind_a_task_that_is_gone(void **data)
{
    struct world *world = *data;
    struct txn *txn = begin(world);
    struct id ids[3];

    for (int i = 0; i < 3; i++) {
        world->now_ms += 10;
        ids[i] = make_task(world, txn, "web", NULL)->id;
    }
    txn_commit(txn);
    txn = begin(world);
    txn_delete_task(txn, state_task(world->state, world->scope, "web", &ids[1]));
    txn_commit(txn);
    assert_null(state_task(world->state, world->scope, "web", &ids[1]));
    const struct task *next =
        state_task_after(world->state, world->scope, "web", TASKS_BY_FAMILY, "web", false, &ids[1]);
    assert_int_equal(id_cmp(&next->id, &ids[2]), 0);
    assert_null(state_task_after(world->state, world->scope, "web", TASKS_BY_FAMILY, "web", false,
                                 &ids[2]));
    assert_null(
        state_task_after(world->state, world->scope, "web", TASKS_BY_FAMILY, "we", false, NULL));
    assert_null(
        state_task_after(world->state, world->scope, "none", TASKS_BY_CLUSTER, NULL, false, NULL));
    assert_null(
        state_task_after(world->state, world->scope, "web", TASKS_BY_INSTANCE, "x", false, NULL));
}

/* Figures */

static void expect_counts(struct world *world, const struct id *instance_id,
                          struct cluster_counts wanted, struct instance_counts held)
{
    struct cluster_counts counts;
    struct instance_counts on;

    state_cluster_counts(state_cluster(world->state, world->scope, "web"), &counts);
    assert_memory_equal(&counts, &wanted, sizeof(counts));
    state_instance_counts(state_instance(world->state, world->scope, "web", instance_id), &on);
    assert_memory_equal(&on, &held, sizeof(on));
}

static void figures_follow_every_change(void **data)
{
    struct world *world = *data;
    struct txn *txn = begin(world);
    struct id host, gone;
    struct task *task;

    make_cluster(txn, "web");
    host = make_instance(world, txn, "web")->id;
    gone = make_instance(world, txn, "web")->id;
    make_service(txn, "web", "front");
    task = make_task(world, txn, "web", &host);
    make_task(world, txn, "web", NULL);
    txn_commit(txn);
    expect_counts(world, &host,
                  (struct cluster_counts){.instances_active = 2,
                                          .instances_registered = 2,
                                          .tasks_pending = 2,
                                          .services_active = 1,
                                          .services_active_on = {[LAUNCH_TYPE_EC2] = 1},
                                          .tasks_pending_on = {[LAUNCH_TYPE_EC2] = 2}},
                  (struct instance_counts){
                      .tasks_pending = 1, .tasks_live = 1, .cpu_held = 256, .memory_held = 512});

    txn = begin(world);
    txn_edit_task(txn, task)->last_status = TASK_RUNNING;
    txn_edit_instance(txn, state_instance(world->state, world->scope, "web", &gone))->status =
        INSTANCE_DRAINING;
    txn_edit_service(txn, state_service(world->state, world->scope, "web", "front"))->status =
        SERVICE_DRAINING;
    txn_commit(txn);
    expect_counts(world, &host,
                  (struct cluster_counts){.instances_active = 1,
                                          .instances_draining = 1,
                                          .instances_registered = 2,
                                          .tasks_pending = 1,
                                          .tasks_running = 1,
                                          .services_draining = 1,
                                          .services_draining_on = {[LAUNCH_TYPE_EC2] = 1},
                                          .tasks_pending_on = {[LAUNCH_TYPE_EC2] = 1},
                                          .tasks_running_on = {[LAUNCH_TYPE_EC2] = 1}},
                  (struct instance_counts){
                      .tasks_running = 1, .tasks_live = 1, .cpu_held = 256, .memory_held = 512});
    world_settle(world);
    world_restart(world);
    expect_counts(world, &host,
                  (struct cluster_counts){.instances_active = 1,
                                          .instances_draining = 1,
                                          .instances_registered = 2,
                                          .tasks_pending = 1,
                                          .tasks_running = 1,
                                          .services_draining = 1,
                                          .services_draining_on = {[LAUNCH_TYPE_EC2] = 1},
                                          .tasks_pending_on = {[LAUNCH_TYPE_EC2] = 1},
                                          .tasks_running_on = {[LAUNCH_TYPE_EC2] = 1}},
                  (struct instance_counts){
                      .tasks_running = 1, .tasks_live = 1, .cpu_held = 256, .memory_held = 512});

    txn = begin(world);
    const struct task *found =
        state_task_after(world->state, world->scope, "web", TASKS_BY_CLUSTER, NULL, false, NULL);
    while (id_is_zero(&found->instance))
        found = state_task_after(world->state, world->scope, "web", TASKS_BY_CLUSTER, NULL, false,
                                 &found->id);
    txn_edit_task(txn, found)->last_status = TASK_STOPPED;
    txn_delete_instance(txn, state_instance(world->state, world->scope, "web", &gone));
    txn_commit(txn);
    expect_counts(world, &host,
                  (struct cluster_counts){.instances_active = 1,
                                          .instances_registered = 1,
                                          .tasks_pending = 1,
                                          .services_draining = 1,
                                          .services_draining_on = {[LAUNCH_TYPE_EC2] = 1},
                                          .tasks_pending_on = {[LAUNCH_TYPE_EC2] = 1}},
                  (struct instance_counts){0});
    txn = begin(world);
    txn_delete_task(txn, found);
    txn_commit(txn);
    expect_counts(world, &host,
                  (struct cluster_counts){.instances_active = 1,
                                          .instances_registered = 1,
                                          .tasks_pending = 1,
                                          .services_draining = 1,
                                          .services_draining_on = {[LAUNCH_TYPE_EC2] = 1},
                                          .tasks_pending_on = {[LAUNCH_TYPE_EC2] = 1}},
                  (struct instance_counts){0});
}

/* Figures of services */

static struct task *make_task_of(struct world *world, struct txn *txn, const char *deployment)
{
    struct task *task = make_task(world, txn, "web", NULL);

    task_set_service(task, "front");
    task_set_deployment(task, deployment);
    return task;
}

static void expect_service_counts(struct world *world, const char *of, struct service_counts wanted)
{
    struct service_counts counts;

    state_service_counts(state_service(world->state, world->scope, "web", "front"), of, &counts);
    assert_memory_equal(&counts, &wanted, sizeof(counts));
}

static void a_service_knows_how_many_tasks_it_has(void **data)
{
    struct world *world = *data;
    struct txn *txn = begin(world);
    struct task *old, *fresh;

    make_cluster(txn, "web");
    make_service(txn, "web", "front");
    old = make_task_of(world, txn, "ecs-svc/1");
    fresh = make_task_of(world, txn, "ecs-svc/2");
    make_task(world, txn, "web", NULL); /* of no service */
    txn_commit(txn);
    expect_service_counts(world, NULL, (struct service_counts){.pending = 2, .staying = 2});
    expect_service_counts(world, "ecs-svc/1", (struct service_counts){.pending = 1, .staying = 1});
    expect_service_counts(world, "ecs-svc/3", (struct service_counts){0});

    txn = begin(world);
    txn_edit_task(txn, old)->last_status = TASK_RUNNING;
    txn_edit_task(txn, old)->desired_status = TASK_STOPPED;
    txn_edit_task(txn, fresh)->last_status = TASK_RUNNING;
    txn_commit(txn);
    expect_service_counts(world, "ecs-svc/1", (struct service_counts){.running = 1, .stopping = 1});
    world_settle(world);
    world_restart(world);
    expect_service_counts(world, "ecs-svc/1", (struct service_counts){.running = 1, .stopping = 1});
    expect_service_counts(world, "ecs-svc/2", (struct service_counts){.running = 1, .staying = 1});
    expect_service_counts(world, NULL,
                          (struct service_counts){.running = 2, .staying = 1, .stopping = 1});

    txn = begin(world);
    const struct task *gone =
        state_task_after(world->state, world->scope, "web", TASKS_BY_SERVICE, "front", true, NULL);
    txn_edit_task(txn, gone)->last_status = TASK_STOPPED;
    txn_commit(txn);
    expect_service_counts(world, "ecs-svc/1", (struct service_counts){0});
    txn = begin(world);
    txn_delete_task(txn, gone);
    txn_delete_service(txn, state_service(world->state, world->scope, "web", "front"));
    txn_commit(txn);

    /* One of the same name does not inherit the tasks that outlived the first. */
    txn = begin(world);
    make_service(txn, "web", "front");
    txn_commit(txn);
    expect_service_counts(world, NULL, (struct service_counts){0});
    txn = begin(world);
    gone =
        state_task_after(world->state, world->scope, "web", TASKS_BY_SERVICE, "front", false, NULL);
    txn_edit_task(txn, gone)->last_status = TASK_STOPPED;
    txn_commit(txn);
    expect_service_counts(world, NULL, (struct service_counts){0});
}

static void set_namespace(struct world *world, const char *cluster, const char *name,
                          const char *namespace)
{
    struct txn *txn = begin(world);

    service_set_connect_namespace(
        txn_edit_service(txn, state_service(world->state, world->scope, cluster, name)), namespace);
    txn_commit(txn);
}

static void expect_in_namespace(struct world *world, const char *namespace, const char *wanted)
{
    const struct service *service = NULL;
    CLEANUP(buf_done) struct buf text = {0};

    buf_add_char(&text, '.');
    while ((service = state_service_in_namespace_after(world->state, world->scope, namespace,
                                                       service ? service->cluster : NULL,
                                                       service ? service->name : NULL)))
        buf_printf(&text, "%s/%s.", service->cluster, service->name);
    assert_string_equal(text.data, wanted);
}

/* API-158: across clusters, ACTIVE ones. */
static void services_are_found_by_namespace(void **data)
{
    struct world *world = *data;
    struct txn *txn = begin(world);

    make_cluster(txn, "a");
    make_cluster(txn, "b");
    make_service(txn, "b", "x");
    make_service(txn, "a", "y");
    make_service(txn, "a", "x");
    txn_commit(txn);
    expect_in_namespace(world, "shop", ".");
    set_namespace(world, "b", "x", "shop");
    set_namespace(world, "a", "y", "shop");
    set_namespace(world, "a", "x", "bank");
    expect_in_namespace(world, "shop", ".a/y.b/x.");
    set_namespace(world, "a", "x", "shop");
    set_namespace(world, "b", "x", NULL);
    expect_in_namespace(world, "shop", ".a/x.a/y.");
    expect_in_namespace(world, "bank", ".");
    world_settle(world);
    world_restart(world);
    expect_in_namespace(world, "shop", ".a/x.a/y.");

    txn = begin(world);
    txn_edit_service(txn, state_service(world->state, world->scope, "a", "x"))->status =
        SERVICE_DRAINING;
    txn_delete_service(txn, state_service(world->state, world->scope, "a", "y"));
    txn_commit(txn);
    expect_in_namespace(world, "shop", ".");
}

static struct task_set *make_task_set(struct txn *txn, const char *id)
{
    struct task_set *set = task_set_new();

    task_set_set_cluster(set, "web");
    task_set_set_service(set, "front");
    task_set_set_id(set, id);
    return txn_insert_task_set(txn, set);
}

static void task_sets_go_with_their_service(void **data)
{
    struct world *world = *data;
    struct txn *txn = begin(world);
    const struct service *service;

    make_cluster(txn, "web");
    make_service(txn, "web", "front");
    make_task_set(txn, "ecs-svc/2");
    make_task_set(txn, "ecs-svc/1");
    make_task_set(txn, "ecs-svc/3");
    txn_commit(txn);
    world_settle(world);
    world_restart(world);
    service = state_service(world->state, world->scope, "web", "front");
    assert_int_equal(state_task_set_count(service), 3);
    assert_string_equal(state_task_set_after(service, NULL)->id, "ecs-svc/1");
    assert_string_equal(state_task_set_after(service, "ecs-svc/1")->id, "ecs-svc/2");
    assert_null(state_task_set_after(service, "ecs-svc/3"));
    assert_null(state_task_set(service, "ecs-svc/4"));

    txn = begin(world);
    txn_edit_task_set(txn, state_task_set(service, "ecs-svc/1"))->status = TASK_SET_PRIMARY;
    txn_delete_task_set(txn, state_task_set(service, "ecs-svc/2"));
    txn_commit(txn);
    assert_int_equal(state_task_set_count(service), 2);
    txn = begin(world);
    txn_delete_service(txn, service);
    txn_commit(txn);
    world_settle(world);
    assert_int_equal(world_row_count(world), 1); /* the cluster */
}

/* Task definitions */

static void revisions_count_up_and_are_never_reused(void **data)
{
    struct world *world = *data;
    struct txn *txn = begin(world);
    const struct task_definition *definition;

    for (int i = 0; i < 3; i++)
        make_definition(txn, "web");
    make_definition(txn, "other");
    txn_commit(txn);
    assert_int_equal(state_task_definition_latest(world->state, world->scope, "web")->revision, 3);
    assert_true(state_family_is_active(state_family(world->state, world->scope, "web")));

    txn = begin(world);
    definition = state_task_definition(world->state, world->scope, "web", 3);
    txn_edit_task_definition(txn, definition)->status = DEFINITION_INACTIVE;
    txn_commit(txn);
    assert_int_equal(state_task_definition_latest(world->state, world->scope, "web")->revision, 2);
    assert_non_null(state_task_definition(world->state, world->scope, "web", 3));

    txn = begin(world);
    for (int revision = 1; revision < 3; revision++) {
        definition = state_task_definition(world->state, world->scope, "web", revision);
        txn_edit_task_definition(txn, definition)->status = DEFINITION_INACTIVE;
    }
    txn_commit(txn);
    assert_null(state_task_definition_latest(world->state, world->scope, "web"));
    assert_false(state_family_is_active(state_family(world->state, world->scope, "web")));

    world_settle(world);
    world_restart(world);
    assert_false(state_family_is_active(state_family(world->state, world->scope, "web")));
    txn = begin(world);
    assert_int_equal(make_definition(txn, "web")->revision, 4);
    txn_commit(txn);
    const struct task_family *family = state_family_after(world->state, world->scope, NULL);
    assert_string_equal(family->name, "other");
    assert_string_equal(state_family_after(world->state, world->scope, "other")->name, "web");
    assert_null(state_family_after(world->state, world->scope, "web"));
}

static void expect_revisions(struct world *world, enum definition_status status, int after,
                             bool descending, const char *wanted)
{
    CLEANUP(buf_done) struct buf found = {0};
    const struct task_definition *definition =
        state_revision_after(world->state, world->scope, "web", status, after, descending);

    buf_add_str(&found, "");
    for (; definition; definition = state_revision_after(world->state, world->scope, "web", status,
                                                         definition->revision, descending))
        buf_printf(&found, "%d ", definition->revision);
    assert_string_equal(found.data, wanted);
}

static void revisions_are_walked_by_status_in_both_directions(void **data)
{
    struct world *world = *data;
    struct txn *txn = begin(world);

    for (int i = 0; i < 12; i++)
        make_definition(txn, "web")->status = i % 3 ? DEFINITION_ACTIVE : DEFINITION_INACTIVE;
    txn_commit(txn);
    expect_revisions(world, DEFINITION_ACTIVE, 0, false, "2 3 5 6 8 9 11 12 ");
    expect_revisions(world, DEFINITION_ACTIVE, 0, true, "12 11 9 8 6 5 3 2 ");
    expect_revisions(world, DEFINITION_INACTIVE, 5, false, "7 10 ");
    expect_revisions(world, DEFINITION_INACTIVE, 7, true, "4 1 ");
    expect_revisions(world, DEFINITION_DELETE_IN_PROGRESS, 0, false, "");
}

/* Services */

static void add_event(struct txn *txn, const char *service, int64_t number)
{
    struct service_event *event = service_event_new();

    service_event_set_cluster(event, "web");
    service_event_set_service(event, service);
    event->number = number;
    service_event_set_message(event, "has reached a steady state");
    txn_insert_service_event(txn, event);
}

static void only_the_newest_events_are_kept(void **data)
{
    struct world *world = *data;
    struct txn *txn = begin(world);
    const struct service *service;
    const struct service_event *event = NULL;
    int64_t wanted = SERVICE_EVENTS_MAX + 30;
    size_t rows;

    make_service(txn, "web", "front");
    txn_commit(txn);
    for (int64_t number = 1; number <= wanted; number++) {
        txn = begin(world);
        add_event(txn, "front", number);
        txn_commit(txn);
    }
    world_settle(world);
    rows = world_row_count(world);
    assert_int_equal(rows, 1 + SERVICE_EVENTS_MAX);
    world_restart(world);
    service = state_service(world->state, world->scope, "web", "front");
    while ((event = state_service_event_before(world->state, service, event)))
        assert_int_equal(event->number, wanted--);
    assert_int_equal(wanted, 30);
}

static void add_revision(struct txn *txn, const char *id)
{
    struct service_revision *revision = service_revision_new();

    service_revision_set_cluster(revision, "web");
    service_revision_set_service(revision, "front");
    service_revision_set_id(revision, id);
    txn_insert_service_revision(txn, revision);
}

static void add_deployment(struct txn *txn, const char *id)
{
    struct service_deployment *deployment = service_deployment_new();

    service_deployment_set_cluster(deployment, "web");
    service_deployment_set_service(deployment, "front");
    service_deployment_set_id(deployment, id);
    txn_insert_service_deployment(txn, deployment);
}

static void history_is_bounded_but_for_what_is_in_use(void **data)
{
    struct world *world = *data;
    struct txn *txn = begin(world);
    char id[16];

    deployment_set_service_revision(service_append_deployments(make_service(txn, "web", "front")),
                                    "r0000");
    txn_commit(txn);
    for (int i = 0; i < SERVICE_REVISIONS_MAX + 10; i++) {
        txn = begin(world);
        snprintf(id, sizeof(id), "r%04d", i);
        add_revision(txn, id);
        snprintf(id, sizeof(id), "d%04d", i);
        add_deployment(txn, id);
        txn_commit(txn);
    }
    world_settle(world);
    assert_int_equal(world_row_count(world), 1 + SERVICE_REVISIONS_MAX + SERVICE_DEPLOYMENTS_MAX);
    assert_non_null(state_service_revision(world->state, world->scope, "web", "front", "r0000"));
    assert_null(state_service_revision(world->state, world->scope, "web", "front", "r0001"));
    const struct service_deployment *newest =
        state_service_deployment_before(world->state, world->scope, "web", "front", NULL);
    assert_string_equal(newest->id, id);
    assert_string_equal(
        state_service_deployment_before(world->state, world->scope, "web", "front", id)->id,
        "d0208");
}

static void a_service_goes_with_its_history(void **data)
{
    struct world *world = *data;
    struct txn *txn = begin(world);
    char id[16];

    make_service(txn, "web", "front");
    make_service(txn, "web", "back");
    add_event(txn, "back", 1);
    txn_commit(txn);
    for (int i = 1; i <= SERVICE_EVENTS_MAX; i++) {
        txn = begin(world);
        add_event(txn, "front", i);
        snprintf(id, sizeof(id), "r%04d", i);
        add_revision(txn, id);
        txn_commit(txn);
    }
    txn = begin(world);
    add_event(txn, "front", 1000);
    txn_delete_service(txn, state_service(world->state, world->scope, "web", "front"));
    /* And one of its name, as soon as it can be. */
    make_service(txn, "web", "front");
    add_event(txn, "front", 7);
    txn_commit(txn);
    world_settle(world);
    assert_int_equal(world_row_count(world), 4);
    world_restart(world);
    const struct service *service = state_service(world->state, world->scope, "web", "front");
    assert_int_equal(state_service_event_before(world->state, service, NULL)->number, 7);
    assert_null(state_service_revision(world->state, world->scope, "web", "front", "r0001"));
    assert_string_equal(state_service_after(world->state, world->scope, "web", NULL)->name, "back");
    assert_string_equal(state_service_after(world->state, world->scope, "web", "back")->name,
                        "front");
}

/* What a crash between two transactions of a deletion leaves (a store that commits them one by
 * one). */
static void history_without_its_service_is_swept_at_the_start(void **data)
{
    struct world *world = *data;
    struct txn *txn = begin(world);

    add_event(txn, "front", 1);
    add_revision(txn, "r1");
    make_service(txn, "web", "back");
    txn_commit(txn);
    world_settle(world);
    assert_int_equal(world_row_count(world), 3);
    world_restart(world);
    world_settle(world);
    assert_int_equal(world_row_count(world), 1);
}

/* Tokens, settings, keys */

static void put_token(struct world *world, const char *token, const char *result, int64_t life_ms)
{
    struct txn *txn = begin(world);
    struct client_token *record = client_token_new();

    client_token_set_operation(record, "RunTask");
    client_token_set_token(record, token);
    client_token_set_result(record, result);
    record->expires_at_ms = world->now_ms + life_ms;
    txn_put_client_token(txn, record);
    txn_commit(txn);
}

static void tokens_expire_and_are_purged(void **data)
{
    struct world *world = *data;
    char token[16];

    for (int i = 0; i < 20; i++) {
        snprintf(token, sizeof(token), "t%d", i);
        put_token(world, token, "one", 1000);
    }
    put_token(world, "t3", "two", 5000);
    assert_string_equal(state_client_token(world->state, world->scope, "RunTask", "t3")->result,
                        "two");
    assert_null(state_client_token(world->state, world->scope, "CreateService", "t3"));
    world->now_ms += 1000;
    assert_null(state_client_token(world->state, world->scope, "RunTask", "t4"));
    assert_non_null(state_client_token(world->state, world->scope, "RunTask", "t3"));
    for (int i = 0; i < 10; i++) {
        snprintf(token, sizeof(token), "u%d", i);
        put_token(world, token, "one", 1000);
    }
    world_settle(world);
    assert_int_equal(world_row_count(world), 11); /* t3 and those that were put since */
    world_restart(world);
    assert_string_equal(state_client_token(world->state, world->scope, "RunTask", "t3")->result,
                        "two");
}

static void a_setting_is_replaced(void **data)
{
    struct world *world = *data;
    static const char *const values[] = {"enabled", "disabled"};

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct account_setting *setting = account_setting_new();
        struct txn *txn = begin(world);

        account_setting_set_principal(setting, "root");
        account_setting_set_name(setting, "containerInsights");
        account_setting_set_value(setting, values[i]);
        txn_put_account_setting(txn, setting);
        txn_commit(txn);
    }
    world_settle(world);
    world_restart(world);
    assert_string_equal(
        state_account_setting(world->state, world->scope, "root", "containerInsights")->value,
        "disabled");
    assert_null(state_account_setting(world->state, world->scope, "other", "containerInsights"));
    assert_int_equal(world_row_count(world), 1);
}

static void access_keys_are_of_no_scope(void **data)
{
    struct world *world = *data;
    static const char *const ids[] = {"AKIAB", "AKIAA"};

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct access_key *key = access_key_new();
        struct txn *txn = txn_begin(world->state, NULL);

        access_key_set_access_key_id(key, ids[i]);
        access_key_set_secret(key, "hush");
        txn_put_access_key(txn, key);
        txn_commit(txn);
    }
    world_settle(world);
    world_restart(world);
    assert_string_equal(state_access_key_after(world->state, NULL)->access_key_id, "AKIAA");
    assert_string_equal(state_access_key_after(world->state, "AKIAA")->access_key_id, "AKIAB");
    struct txn *txn = txn_begin(world->state, NULL);
    txn_delete_access_key(txn, state_access_key(world->state, "AKIAA"));
    txn_commit(txn);
    assert_null(state_access_key(world->state, "AKIAA"));
    world_settle(world);
    assert_int_equal(world_row_count(world), 1);
}

/* Rows that nobody wrote so */

static void rows_that_make_no_sense_are_refused_and_named(void **data)
{
#define KEY "000000000000\0us-east-1\0cluster\0web"
    static const struct {
        const char *why;
        struct store_op row;
        const char *message; /* NULL: left alone */
    } cases[] = {
#define ROW(key, value) {key, value, sizeof(key), sizeof(value) - 1}
        {"cut off", ROW(KEY, "\x0a\x05web"),
         "reading state: stored cluster is malformed at byte 2 of 5"},
        {"of another key", ROW(KEY, "\x0a\x03wob"), "a stored cluster is under another one's key"},
        {"without its key", ROW(KEY, "\x10\x01"), "stored cluster is malformed"},
        {"of no scope", ROW("\0\0cluster\0web", "\x0a\x03web"), NULL},
        {"of a later kind", ROW("000000000000\0us-east-1\0starship\0web", "?"), NULL},
        {"of no kind", ROW("key", ""), NULL},
#undef ROW
    };
#undef KEY

    (void)data;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rng rng = rng_seeded(1);
        struct loop *loop;
        struct store *store;
        struct state *state = NULL;
        struct error *err;

        must(loop_new(&loop));
        must(store_open_memory(&store));
        must(store_commit(store, &(struct store_txn){&cases[i].row, 1}, 1));
        err = state_open(loop, store, &clock_system, &rng, &state);
        if (!err != !cases[i].message || (err && !strstr(err->message, cases[i].message)))
            fail_msg("%s: %s", cases[i].why, err ? err->message : "read");
        error_free(err);
        state_close(state);
        loop_free(loop);
    }
}

static const struct container_instance *of_host(struct world *world, const char *host)
{
    return state_instance_of_host(world->state, world->scope, "web", host);
}

/* CL-255, CL-256: a host is found by what EC2 calls it, and the gone ones by when they went. */
static void instances_are_found_by_host_and_by_end(void **data)
{
    struct world *world = *data;
    struct container_instance *instances[3];
    struct txn *txn = txn_begin(world->state, world->scope);
    struct id first, second;

    make_cluster(txn, "web");
    for (size_t i = 0; i < 3; i++) {
        char host[] = "i-0";

        host[2] += (char)i;
        instances[i] = make_instance(world, txn, "web");
        container_instance_set_ec2_instance_id(instances[i], host);
    }
    txn_commit(txn);
    assert_ptr_equal(of_host(world, "i-1"), instances[1]);
    assert_null(of_host(world, "i-"));
    assert_null(of_host(world, "i-3"));
    assert_null(state_gone_instance_first(world->state, world->scope, "web"));
    assert_null(state_gone_instance_first(world->state, world->scope, "other"));

    txn = txn_begin(world->state, world->scope);
    container_instance_set_ec2_instance_id(txn_edit_instance(txn, instances[0]), "i-9");
    for (size_t i = 1; i < 3; i++) {
        struct container_instance *edited = txn_edit_instance(txn, instances[i]);

        edited->status = INSTANCE_INACTIVE;
        edited->deregistered_at_ms = 1000 - (int64_t)i; /* the last went first */
    }
    txn_commit(txn);
    first = instances[2]->id;
    second = instances[1]->id;
    for (int round = 0; round < 2; round++) {
        assert_null(of_host(world, "i-0"));
        assert_null(of_host(world, "i-1"));
        assert_string_equal(of_host(world, "i-9")->ec2_instance_id, "i-9");
        assert_int_equal(
            id_cmp(&state_gone_instance_first(world->state, world->scope, "web")->id, &first), 0);
        world_settle(world);
        world_restart(world);
    }
    txn = txn_begin(world->state, world->scope);
    txn_delete_instance(txn, state_gone_instance_first(world->state, world->scope, "web"));
    assert_int_equal(
        id_cmp(&state_gone_instance_first(world->state, world->scope, "web")->id, &second), 0);
    txn_delete_instance(txn, state_gone_instance_first(world->state, world->scope, "web"));
    assert_null(state_gone_instance_first(world->state, world->scope, "web"));
    txn_commit(txn);
    assert_non_null(of_host(world, "i-9"));
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(clusters_are_walked_by_name_from_any_place),
        EACH(scopes_do_not_see_each_other),
        EACH(a_task_is_in_the_lists_it_belongs_to),
        EACH(a_walk_goes_on_behind_a_task_that_is_gone),
        EACH(figures_follow_every_change),
        EACH(instances_are_found_by_host_and_by_end),
        EACH(a_service_knows_how_many_tasks_it_has),
        EACH(services_are_found_by_namespace),
        EACH(task_sets_go_with_their_service),
        EACH(revisions_count_up_and_are_never_reused),
        EACH(revisions_are_walked_by_status_in_both_directions),
        EACH(only_the_newest_events_are_kept),
        EACH(history_is_bounded_but_for_what_is_in_use),
        EACH(a_service_goes_with_its_history),
        EACH(history_without_its_service_is_swept_at_the_start),
        EACH(tokens_expire_and_are_purged),
        EACH(a_setting_is_replaced),
        EACH(access_keys_are_of_no_scope),
        cmocka_unit_test(rows_that_make_no_sense_are_refused_and_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
