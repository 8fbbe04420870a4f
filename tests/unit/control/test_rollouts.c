/* Deployments that fail, are rolled back or stopped (API-189 to API-191, SC-375, MS-104, MS-105),
 * by example. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "core/task.h"
#include "sim.h"

#define SECONDS 1000
#define HOURS   (60 * MINUTES)

static void watch_with_breaker(struct world *world, bool enable, bool rollback)
{
    snprintf(world->service_document, sizeof(world->service_document),
             "{\"serviceName\":\"x\",\"deploymentConfiguration\":{\"deploymentCircuitBreaker\":{"
             "\"enable\":%s,\"rollback\":%s}}}",
             enable ? "true" : "false", rollback ? "true" : "false");
}

/* Three revisions; tasks of the second never start. */
static struct world *with_bad_revision(bool has_check)
{
    struct world *world = world_new(25, 4);

    for (int i = 0; i < 3; i++)
        world_define(world, "web", 64, has_check);
    world->bad_revision = 2;
    world_pass(world, 2 * SECONDS);
    return world;
}

static const struct deployment *deployment(struct world *world, uint32_t place)
{
    const struct service *service = world_service(world, "alpha");

    assert_true(place < service->deployments_count);
    return &service->deployments[place];
}

static const struct task *first_task(struct world *world)
{
    return state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE, "alpha",
                            false, NULL);
}

/* What DeleteTaskDefinitions does. */
static void delete_definition(struct world *world, const char *family, int revision)
{
    struct txn *txn = txn_begin(world->state, world->scope);

    txn_edit_task_definition(txn,
                             state_task_definition(world->state, world->scope, family, revision))
        ->status = DEFINITION_DELETE_IN_PROGRESS;
    txn_commit(txn);
}

static void expect_event(struct world *world, const char *fmt, const char *id)
{
    CLEANUP(str_freep) char *text = str_printf("(service alpha) %s%s", fmt, id);

    if (world_events(world, "alpha", text) != 1)
        fail_msg("%d events say \"%s\"", world_events(world, "alpha", text), text);
}

static void a_bad_revision_is_rolled_back(void **state)
{
    struct world *world = with_bad_revision(false);
    const struct service_deployment *record;
    CLEANUP(str_freep) char *good = NULL;
    CLEANUP(str_freep) char *bad = NULL;
    CLEANUP(str_freep) char *said = NULL;
    struct id task;

    (void)state;
    watch_with_breaker(world, true, true);
    world_create_service(world, "alpha", "web", 1, 4, 100, 200);
    world_pass(world, 2 * MINUTES);
    good = str_dup(deployment(world, 0)->id);
    task = first_task(world)->id;
    world_update_service(world, "alpha", 2);
    bad = str_dup(deployment(world, 0)->id);
    world_pass(world, 10 * MINUTES);

    /* What completed last is PRIMARY again; its tasks never stopped. */
    assert_int_equal(world_service(world, "alpha")->deployments_count, 1);
    assert_string_equal(deployment(world, 0)->id, good);
    assert_int_equal(deployment(world, 0)->revision, 1);
    assert_int_equal(deployment(world, 0)->rollout_state, ROLLOUT_STATE_COMPLETED);
    assert_int_equal(world_running(world, "alpha"), 4);
    assert_true(id_cmp(&first_task(world)->id, &task) == 0);
    said = str_printf("(deployment %s) deployment failed: tasks failed to start.", bad);
    expect_event(world, said, "");
    expect_event(world, "rolling back to deployment ", good);
    assert_int_equal(world_events(world, "alpha", "unable to consistently"), 0);

    record = world_service_deployment(world, "alpha");
    assert_int_equal(record->status, SERVICE_DEPLOYMENT_ROLLBACK_SUCCESSFUL);
    assert_int_equal(record->breaker_status, ROLLBACK_MONITOR_TRIGGERED);
    assert_int_equal(record->failure_threshold, 3);
    assert_true(record->failure_count >= 3);
    assert_true(record->rollback_started_at_ms && record->finished_at_ms);
    assert_string_equal(record->rollback_revision, deployment(world, 0)->service_revision);
    world_assert_settled(world);
    world_free(world);
}

/* Nothing is left of the good one: a new PRIMARY has its configuration (API-191). */
static void what_is_gone_is_made_again(void **state)
{
    struct world *world = with_bad_revision(false);
    CLEANUP(str_freep) char *good = NULL;

    (void)state;
    watch_with_breaker(world, true, true);
    world_create_service(world, "alpha", "web", 1, 2, 0, 100);
    world_pass(world, 2 * MINUTES);
    good = str_dup(deployment(world, 0)->id);
    world_update_service(world, "alpha", 2);
    world_pass(world, 20 * SECONDS);
    assert_int_equal(world_service(world, "alpha")->deployments_count, 1); /* of the bad one */
    delete_definition(world, "web", 1);
    world_pass(world, 10 * MINUTES);
    assert_string_not_equal(deployment(world, 0)->id, good);
    assert_int_equal(deployment(world, 0)->revision, 1);
    expect_event(world, "rolling back to deployment ", deployment(world, 0)->id);
    assert_int_equal(world_running(world, "alpha"), 2);
    assert_int_equal(world_service_deployment(world, "alpha")->status,
                     SERVICE_DEPLOYMENT_ROLLBACK_SUCCESSFUL);
    world_assert_settled(world);
    world_free(world);
}

/* API-191: what a rollback goes to is not deleted while it may be needed, also if no task and no
 * deployment is of it any more; afterwards it is. */
static void what_is_rolled_back_to_is_kept(void **state)
{
    struct world *world = with_bad_revision(false);

    (void)state;
    watch_with_breaker(world, false, false);
    world_define(world, "web", 64, false); /* revision 3 */
    world_create_service(world, "alpha", "web", 1, 2, 0, 100);
    world_pass(world, 2 * MINUTES);
    world_update_service(world, "alpha", 2);
    delete_definition(world, "web", 1);
    world_pass(world, 10 * MINUTES);
    assert_int_equal(world_service(world, "alpha")->deployments_count, 1);
    assert_non_null(state_task_definition(world->state, world->scope, "web", 1));
    world_restart(world);
    world_pass(world, MINUTES);
    assert_non_null(state_task_definition(world->state, world->scope, "web", 1));
    world_update_service(world, "alpha", 3);
    world_pass(world, 10 * MINUTES);
    assert_null(state_task_definition(world->state, world->scope, "web", 1));
    world_assert_settled(world);
    world_free(world);
}

/* A store of a version that did not note what completed: what is still there tells. */
static void an_older_record_is_rolled_back_too(void **state)
{
    struct world *world = with_bad_revision(false);
    struct txn *txn;

    (void)state;
    watch_with_breaker(world, true, true);
    world_create_service(world, "alpha", "web", 1, 2, 100, 200);
    world_pass(world, 2 * MINUTES);
    txn = txn_begin(world->state, world->scope);
    service_set_completed_revision(txn_edit_service(txn, world_service(world, "alpha")), NULL);
    txn_commit(txn);
    world_update_service(world, "alpha", 2);
    world_pass(world, 10 * MINUTES);
    assert_int_equal(deployment(world, 0)->revision, 1);
    assert_int_equal(deployment(world, 0)->rollout_state, ROLLOUT_STATE_COMPLETED);
    world_assert_settled(world);
    world_free(world);
}

/* Without rollback, and with nothing to go back to, it stays FAILED and starts nothing more. */
static void what_failed_stays_failed(void **state)
{
    static const struct {
        const char *why;
        bool rollback, is_first;
        enum service_deployment_status status;
    } cases[] = {
        {"no rollback", false, false, SERVICE_DEPLOYMENT_STOPPED},
        {"no rollback, the first deployment", false, true, SERVICE_DEPLOYMENT_STOPPED},
        {"the first deployment", true, true, SERVICE_DEPLOYMENT_STOPPED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = with_bad_revision(false);
        int launches, kept = cases[i].is_first ? 0 : 4;

        watch_with_breaker(world, true, cases[i].rollback);
        world_create_service(world, "alpha", "web", cases[i].is_first ? 2 : 1, 4, 100, 200);
        world_pass(world, 10 * MINUTES);
        if (!cases[i].is_first)
            world_update_service(world, "alpha", 2);
        world_pass(world, 10 * MINUTES);
        launches = world_events(world, "alpha", "has started");
        world_pass(world, 5 * HOURS);
        if (deployment(world, 0)->rollout_state != ROLLOUT_STATE_FAILED ||
            deployment(world, 0)->revision != 2 || world_running(world, "alpha") != kept ||
            world_events(world, "alpha", "has started") != launches ||
            world_service_deployment(world, "alpha")->status != cases[i].status)
            fail_msg("%s: %d running, %d launches after %d", cases[i].why,
                     world_running(world, "alpha"), world_events(world, "alpha", "has started"),
                     launches);
        assert_string_equal(deployment(world, 0)->rollout_state_reason,
                            "ECS deployment circuit breaker: tasks failed to start.");
        /* The next deployment begins anew. */
        world_update_service(world, "alpha", 3);
        world_pass(world, 5 * MINUTES);
        assert_int_equal(world_running(world, "alpha"), 4);
        world_assert_settled(world);
        world_free(world);
    }
}

/* SC-375, SC-343: it never gives up. */
static void without_a_breaker_it_goes_on(void **state)
{
    struct world *world = with_bad_revision(false);

    (void)state;
    watch_with_breaker(world, false, true);
    world_create_service(world, "alpha", "web", 2, 4, 100, 200);
    world_pass(world, 5 * HOURS);
    assert_int_equal(deployment(world, 0)->rollout_state, ROLLOUT_STATE_IN_PROGRESS);
    assert_true(deployment(world, 0)->failed_tasks > 20);
    assert_int_equal(world_service_deployment(world, "alpha")->breaker_status,
                     ROLLBACK_MONITOR_DISABLED);
    world_free(world);
}

/* API-190: one that ran, and nothing is counted any more. */
static void one_good_task_ends_the_watch(void **state)
{
    struct world *world = with_bad_revision(false);

    (void)state;
    watch_with_breaker(world, true, true);
    world_create_service(world, "alpha", "web", 1, 1, 100, 200);
    world_pass(world, 5 * SECONDS);
    assert_true(deployment(world, 0)->is_proved);
    assert_int_equal(world_service_deployment(world, "alpha")->breaker_status,
                     ROLLBACK_MONITOR_MONITORING_COMPLETE);
    world->start_fails_percent = 100;
    world_scale_service(world, "alpha", 8);
    world_pass(world, HOURS);
    assert_int_equal(deployment(world, 0)->rollout_state, ROLLOUT_STATE_IN_PROGRESS);
    assert_int_equal(deployment(world, 0)->failed_tasks, 0);
    world->start_fails_percent = 0;
    world_pass(world, HOURS);
    world_assert_settled(world);
    world_free(world);
}

static void make_sick(struct world *world, int revision)
{
    struct task *task = NULL;

    while ((task = (struct task *)state_task_after(world->state, world->scope, SIM_CLUSTER,
                                                   TASKS_BY_SERVICE, "alpha", false,
                                                   task ? &task->id : NULL)))
        if (task->last_status == TASK_RUNNING && task->containers[0].health == HEALTH_UNKNOWN)
            world_set_health(world, &task->id,
                             task->revision == revision ? HEALTH_UNHEALTHY : HEALTH_HEALTHY);
}

/* Tasks that run and then fail their checks count (API-190). */
static void failing_checks_trip_it_too(void **state)
{
    struct world *world = with_bad_revision(true);

    (void)state;
    world->bad_revision = 0;
    watch_with_breaker(world, true, true);
    world_create_service(world, "alpha", "web", 1, 2, 100, 200);
    for (int i = 0; i < 20; i++) {
        world_pass(world, 5 * SECONDS);
        make_sick(world, 2);
    }
    world_update_service(world, "alpha", 2);
    for (int i = 0; i < 60; i++) {
        world_pass(world, 5 * SECONDS);
        make_sick(world, 2);
    }
    assert_int_equal(deployment(world, 0)->revision, 1);
    assert_int_equal(deployment(world, 0)->rollout_state, ROLLOUT_STATE_COMPLETED);
    assert_int_equal(world_events(world, "alpha", "rolling back to deployment "), 1);
    world_assert_settled(world);
    world_free(world);
}

/* A rollback that fails as well is the end of it. */
static void a_rollback_can_fail(void **state)
{
    struct world *world = with_bad_revision(false);

    (void)state;
    watch_with_breaker(world, true, true);
    world_create_service(world, "alpha", "web", 1, 2, 0, 100);
    world_pass(world, 2 * MINUTES);
    world->start_fails_percent = 100;
    world_update_service(world, "alpha", 2);
    world_pass(world, HOURS);
    assert_int_equal(deployment(world, 0)->revision, 1);
    assert_int_equal(deployment(world, 0)->rollout_state, ROLLOUT_STATE_FAILED);
    assert_int_equal(world_service_deployment(world, "alpha")->status,
                     SERVICE_DEPLOYMENT_ROLLBACK_FAILED);
    assert_int_equal(world_events(world, "alpha", "rolling back to deployment "), 1);
    world_free(world);
}

/* StopServiceDeployment */
static void a_deployment_stops_as_asked(void **state)
{
    static const struct {
        const char *why;
        enum service_deployment_status asked, becomes;
        bool is_first;
        int revision;
    } cases[] = {
        {"rolled back", SERVICE_DEPLOYMENT_ROLLBACK_REQUESTED,
         SERVICE_DEPLOYMENT_ROLLBACK_SUCCESSFUL, false, 1},
        {"aborted", SERVICE_DEPLOYMENT_STOP_REQUESTED, SERVICE_DEPLOYMENT_STOPPED, false, 2},
        {"nothing to go back to", SERVICE_DEPLOYMENT_ROLLBACK_REQUESTED,
         SERVICE_DEPLOYMENT_ROLLBACK_FAILED, true, 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = with_bad_revision(false);

        watch_with_breaker(world, false, false);
        if (!cases[i].is_first) {
            world_create_service(world, "alpha", "web", 1, 2, 100, 200);
            world_pass(world, 2 * MINUTES);
            world_update_service(world, "alpha", 2);
        } else {
            world_create_service(world, "alpha", "web", 2, 2, 100, 200);
        }
        world_pass(world, 10 * SECONDS);
        world_stop_deployment(world, "alpha", cases[i].asked);
        world_pass(world, 5 * MINUTES);
        if (world_service_deployment(world, "alpha")->status != cases[i].becomes ||
            deployment(world, 0)->revision != cases[i].revision)
            fail_msg(
                "%s: %s", cases[i].why,
                service_deployment_status_name(world_service_deployment(world, "alpha")->status));
        assert_int_equal(world_running(world, "alpha"), cases[i].is_first ? 0 : 2);
        assert_int_equal(world_events(world, "alpha", ") deployment stopped."), 1);
        world_free(world);
    }
}

/* The server dies at some moment of it all; what was to happen happens, once. */
static void a_restart_in_between_changes_nothing(void **state)
{
    (void)state;
    for (int second = 1; second < 40; second += 3) {
        struct world *world = with_bad_revision(false);

        watch_with_breaker(world, true, true);
        world_create_service(world, "alpha", "web", 1, 4, 100, 200);
        world_pass(world, 2 * MINUTES);
        world_update_service(world, "alpha", 2);
        world_pass(world, second * SECONDS);
        world_restart(world);
        world_pass(world, 15 * MINUTES);
        assert_int_equal(deployment(world, 0)->revision, 1);
        assert_int_equal(world_events(world, "alpha", "rolling back to deployment "), 1);
        assert_int_equal(world_service_deployment(world, "alpha")->status,
                         SERVICE_DEPLOYMENT_ROLLBACK_SUCCESSFUL);
        world_assert_settled(world);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_revision_is_rolled_back),
        cmocka_unit_test(what_is_gone_is_made_again),
        cmocka_unit_test(what_is_rolled_back_to_is_kept),
        cmocka_unit_test(an_older_record_is_rolled_back_too),
        cmocka_unit_test(what_failed_stays_failed),
        cmocka_unit_test(without_a_breaker_it_goes_on),
        cmocka_unit_test(one_good_task_ends_the_watch),
        cmocka_unit_test(failing_checks_trip_it_too),
        cmocka_unit_test(a_rollback_can_fail),
        cmocka_unit_test(a_deployment_stops_as_asked),
        cmocka_unit_test(a_restart_in_between_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
