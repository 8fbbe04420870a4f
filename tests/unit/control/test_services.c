/* Services, hosts and the end of tasks, by example. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/task.h"
#include "sim.h"

#define SECONDS 1000
#define HOURS   (60 * MINUTES)

static struct world *with_web(int agents)
{
    struct world *world = world_new(5, agents);

    world_define(world, "web", 64, false);
    world_define(world, "web", 64, false);
    world_pass(world, 2 * SECONDS);
    return world;
}

/* Tasks of a service that are not STOPPED, and of them those RUNNING. */
static void count(struct world *world, const char *service, int *ret_all, int *ret_running)
{
    *ret_all = *ret_running = 0;
    for (int stopped = 0; stopped <= 1; stopped++) {
        const struct task *task = NULL;

        while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE,
                                        service, stopped, task ? &task->id : NULL))) {
            *ret_all += task->last_status != TASK_STOPPED;
            *ret_running += task->last_status == TASK_RUNNING;
        }
    }
}

static const struct task *first_task(struct world *world, const char *service, bool is_stopped)
{
    return state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE, service,
                            is_stopped, NULL);
}

static void a_service_reaches_its_count_and_says_so_once(void **state)
{
    struct world *world = with_web(4);
    const struct task *task;

    (void)state;
    world_create_service(world, "alpha", "web", 1, 4, 100, 200);
    world_pass(world, 5 * SECONDS);
    assert_int_equal(world_running(world, "alpha"), 4);
    assert_int_equal(world_events(world, "alpha", "(service alpha) has started 4 tasks: (task "),
                     1);
    assert_int_equal(world_events(world, "alpha", "steady"), 0); /* SC-199: not before 40 s */
    world_pass(world, 60 * SECONDS);
    assert_int_equal(world_events(world, "alpha", "(service alpha) has reached a steady state."),
                     1);
    assert_int_equal(world_events(world, "alpha", ") deployment completed."), 1);
    task = first_task(world, "alpha", false);
    assert_string_equal(task->group, "service:alpha");
    assert_string_equal(task->started_by, world_service(world, "alpha")->deployments[0].id);
    for (int i = 0; i < 4; i++)
        assert_int_equal(agent_running(&world->agents[i]), 1); /* spread */
    world_pass(world, 5 * HOURS);
    assert_int_equal(world_events(world, "alpha", "steady"), 1);
    world_pass(world, 2 * HOURS); /* AG-350 */
    assert_int_equal(world_events(world, "alpha", "steady"), 2);
    world_assert_settled(world);
    world_free(world);
}

static void scaling_goes_both_ways(void **state)
{
    struct world *world = with_web(4);
    const struct task *task;

    (void)state;
    world_create_service(world, "alpha", "web", 1, 2, 100, 200);
    world_pass(world, MINUTES);
    world_scale_service(world, "alpha", 7);
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "alpha"), 7);
    world_scale_service(world, "alpha", 4);
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "alpha"), 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(agent_running(&world->agents[i]), 1); /* SC-049: what is left is spread */
    task = first_task(world, "alpha", true);
    assert_int_equal(task->stop_code, STOP_CODE_SERVICE_SCHEDULER_INITIATED);
    assert_non_null(
        strstr(task->rare->stopped_reason, "Scaling activity initiated by (deployment ecs-svc/"));
    world_scale_service(world, "alpha", 0);
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "alpha"), 0);
    assert_int_equal(world_service(world, "alpha")->deployments_count, 1);
    world_assert_settled(world);
    world_free(world);
}

/* API-130: it stays while it is protected, through a restart, and goes by itself when that ends. */
static void a_protected_task_goes_when_its_time_is_over(void **state)
{
    struct world *world = with_web(4);
    const struct task *task;
    struct txn *txn;
    struct id kept;

    (void)state;
    world_create_service(world, "alpha", "web", 1, 4, 100, 200);
    world_pass(world, MINUTES);
    task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE, "alpha",
                            false, &first_task(world, "alpha", false)->id);
    kept = task->id;
    txn = txn_begin(world->state, world->scope);
    task_set_protected_until_ms(txn_edit_task(txn, task),
                                clock_wall_ms(state_clock(world->state)) + 10 * MINUTES);
    txn_commit(txn);
    world_pass(world, SECONDS);
    world_scale_service(world, "alpha", 0);
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "alpha"), 1);
    assert_int_equal(world_task(world, &kept)->desired_status, TASK_RUNNING);
    assert_int_equal(world_events(world, "alpha",
                                  "was unable to scale in. Reason: The number of protected tasks "
                                  "are more than the desired count of tasks."),
                     1);
    world_restart(world);
    world_pass(world, 7 * MINUTES);
    assert_int_equal(world_running(world, "alpha"), 1);
    world_pass(world, 4 * MINUTES);
    assert_int_equal(world_running(world, "alpha"), 0);
    world_assert_settled(world);
    world_free(world);
}

/* More than one pass does. */
static void large_services_come_and_go_in_slices(void **state)
{
    struct world *world = world_new(6, 4);

    (void)state;
    world_define(world, "web", 1, false);
    world_pass(world, 2 * SECONDS);
    world_create_service(world, "alpha", "web", 1, 700, 100, 200);
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "alpha"), 700);
    for (int i = 0; i < 4; i++)
        assert_int_equal(agent_running(&world->agents[i]), 175);
    world_scale_service(world, "alpha", 8);
    world_pass(world, MINUTES);
    for (int i = 0; i < 4; i++)
        assert_int_equal(agent_running(&world->agents[i]), 2);
    world_scale_service(world, "alpha", 500);
    world_pass(world, MINUTES);
    world_delete_service(world, "alpha");
    world_pass(world, MINUTES);
    assert_int_equal(world_service(world, "alpha")->status, SERVICE_INACTIVE);
    world_assert_settled(world);
    world_free(world);
}

/* SC-194 to SC-196, 13.1: never above upper, never below lower. */
static void rolling_updates_keep_their_bounds(void **state)
{
    static const struct {
        int32_t desired, minimum, maximum;
        int lower, upper;
    } cases[] = {{4, 100, 200, 4, 8}, {4, 50, 100, 2, 4}, {4, 50, 200, 2, 8}, {3, 50, 150, 2, 4},
                 {5, 33, 133, 2, 6},  {1, 0, 100, 0, 1},  {1, 100, 200, 1, 2}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = with_web(4);
        int all, running, most = 0, least = 1000;

        world_create_service(world, "alpha", "web", 1, cases[i].desired, cases[i].minimum,
                             cases[i].maximum);
        world_pass(world, 2 * MINUTES);
        world_update_service(world, "alpha", 2);
        assert_int_equal(world_service(world, "alpha")->deployments_count, 2);
        for (int second = 0; second < 300; second++) {
            world_pass(world, SECONDS);
            count(world, "alpha", &all, &running);
            most = all > most ? all : most;
            least = running < least ? running : least;
        }
        if (most > cases[i].upper || least < cases[i].lower)
            fail_msg("%d of %d%% to %d%%: %d to %d tasks", cases[i].desired, cases[i].minimum,
                     cases[i].maximum, least, most);
        world_assert_settled(world);
        assert_int_equal(world_service(world, "alpha")->deployments[0].revision, 2);
        assert_int_equal(world_events(world, "alpha", ") deployment completed."), 2);
        world_free(world);
    }
}

static void percents_that_leave_no_way_are_told_once(void **state)
{
    struct world *world = with_web(3);

    (void)state;
    world_create_service(world, "alpha", "web", 1, 1, 50, 100);
    world_pass(world, 2 * MINUTES);
    world_update_service(world, "alpha", 2);
    world_pass(world, HOURS);
    assert_int_equal(world_events(world, "alpha", "was unable to stop or start tasks during a"), 1);
    assert_int_equal(first_task(world, "alpha", false)->revision, 1);
    world_set_percents(world, "alpha", 0, 100);
    world_pass(world, 3 * MINUTES);
    assert_int_equal(first_task(world, "alpha", false)->revision, 2);
    world_assert_settled(world);
    world_free(world);
}

/* T35, SC-341 to SC-346. */
static void tasks_that_never_start_are_launched_ever_less_often(void **state)
{
    struct world *world = with_web(3);
    int launches;

    (void)state;
    world->start_fails_percent = 100;
    world_create_service(world, "alpha", "web", 1, 2, 100, 200);
    world_pass(world, MINUTES);
    launches = world_events(world, "alpha", "has started");
    assert_in_range(launches, 4, 12);
    assert_int_equal(world_events(world, "alpha", "unable to consistently start tasks"), 1);
    assert_true(world_service(world, "alpha")->deployments[0].failed_tasks >= launches);
    world_pass(world, 2 * HOURS);
    launches = world_events(world, "alpha", "has started");
    world_pass(world, HOURS);
    assert_in_range(world_events(world, "alpha", "has started") - launches, 3, 5); /* 15 minutes */
    assert_int_equal(first_task(world, "alpha", true)->stop_code, STOP_CODE_TASK_FAILED_TO_START);
    /* A new task definition starts at once (SC-344). */
    world->start_fails_percent = 0;
    world_update_service(world, "alpha", 2);
    world_pass(world, 5 * SECONDS);
    assert_int_equal(world_running(world, "alpha"), 2);
    world_pass(world, 2 * MINUTES);
    assert_int_equal(world_service(world, "alpha")->failures_in_row, 0);
    world_assert_settled(world);
    world_free(world);
}

static void tasks_that_end_after_they_ran_are_replaced_at_once(void **state)
{
    struct world *world = with_web(1);

    (void)state;
    world_create_service(world, "alpha", "web", 1, 1, 100, 200);
    for (int i = 0; i < 20; i++) {
        struct id id;

        world_pass(world, 5 * SECONDS);
        assert_int_equal(world_running(world, "alpha"), 1);
        id = first_task(world, "alpha", false)->id;
        agent_exit_task(&world->agents[0], &id, 1);
    }
    world_pass(world, 5 * SECONDS);
    assert_int_equal(world_running(world, "alpha"), 1);
    assert_int_equal(world_events(world, "alpha", "unable to consistently"), 0);
    assert_int_equal(first_task(world, "alpha", true)->stop_code,
                     STOP_CODE_ESSENTIAL_CONTAINER_EXITED);
    assert_string_equal(first_task(world, "alpha", true)->rare->stopped_reason,
                        STOPPED_ESSENTIAL_EXITED);
    assert_int_equal(first_task(world, "alpha", true)->containers[0].exit_code, 1);
    world_free(world);
}

/* SC-142, SC-198: told once in six hours, and placed as soon as there is room. */
static void a_full_cluster_is_told_and_waited_for(void **state)
{
    struct world *world = with_web(2);

    (void)state;
    world_set_instance(world, 1, INSTANCE_DRAINING);
    world_create_service(world, "alpha", "web", 1, 18, 100, 200); /* 16 fit */
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "alpha"), 16);
    assert_int_equal(world_events(world, "alpha",
                                  "(service alpha) was unable to place a task because no container "
                                  "instance met all of its requirements. The closest matching "
                                  "(container-instance "),
                     1);
    assert_int_equal(world_events(world, "alpha", ") has insufficient CPU units available."), 1);
    world_pass(world, 5 * HOURS);
    assert_int_equal(world_events(world, "alpha", "was unable to place"), 1);
    world_pass(world, 2 * HOURS);
    assert_int_equal(world_events(world, "alpha", "was unable to place"), 2);
    world_set_instance(world, 1, INSTANCE_ACTIVE);
    world_pass(world, 5 * SECONDS);
    assert_int_equal(world_running(world, "alpha"), 18);
    world_pass(world, 2 * MINUTES);
    world_assert_settled(world);
    world_free(world);
}

/* SC-056, SC-142: no host is as the constraint wants it. */
static void a_constraint_nobody_meets_is_told(void **state)
{
    struct world *world = with_web(1);

    (void)state;
    snprintf(world->service_document, sizeof(world->service_document),
             "{\"serviceName\":\"alpha\",\"placementConstraints\":[{\"type\":\"memberOf\","
             "\"expression\":\"attribute:stack == prod\"}]}");
    world_create_service(world, "alpha", "web", 1, 1, 100, 200);
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "alpha"), 0);
    assert_int_equal(world_events(world, "alpha",
                                  "(service alpha) was unable to place a task because no container "
                                  "instance met all of its requirements."),
                     1);
    world_set_attribute(world, 0, "stack", "prod");
    world_pass(world, 5 * SECONDS);
    assert_int_equal(world_running(world, "alpha"), 1);
    /* SC-061: looked at when a task is placed, not afterwards. */
    world_set_attribute(world, 0, "stack", "test");
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "alpha"), 1);
    world_free(world);
}

/* CL-282 to CL-287. */
static void a_draining_host_is_emptied_of_service_tasks(void **state)
{
    struct world *world = with_web(4);
    int services, all;

    (void)state;
    world_create_service(world, "alpha", "web", 1, 8, 100, 200);
    world_run_task(world, "web", 1, 12);
    world_pass(world, 2 * MINUTES);
    all = agent_running(&world->agents[0]);
    world_set_instance(world, 0, INSTANCE_DRAINING);
    world_pass(world, 3 * MINUTES);
    services = all - agent_running(&world->agents[0]);
    assert_int_equal(services, 2); /* of a service; the others are nobody's business */
    assert_int_equal(world_running(world, "alpha"), 8);
    world_assert_settled(world);
    world_free(world);
}

/* CL-282 to CL-290, W30: how many of four leave a host that drains, and when. */
static void draining_keeps_the_percents(void **state)
{
    static const struct {
        const char *why;
        int32_t minimum, maximum;
        int least, most; /* tasks running, tasks there */
        bool is_stuck;
    } cases[] = {
        {"CL-284, W30: two stop, then two start, and again", 50, 100, 2, 4, false},
        {"CL-286, W30: four start, then the old ones stop", 100, 200, 4, 8, false},
        {"W30: no way", 100, 100, 4, 4, true},
        {"one more at a time", 100, 125, 4, 5, false},
        {"all may go at once", 0, 100, 0, 4, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = with_web(2);
        int all, running, least = 4, most = 4;

        world_set_instance(world, 1, INSTANCE_DRAINING);
        world_create_service(world, "alpha", "web", 1, 4, cases[i].minimum, cases[i].maximum);
        world_pass(world, 2 * MINUTES);
        world_set_instance(world, 1, INSTANCE_ACTIVE);
        world_set_instance(world, 0, INSTANCE_DRAINING);
        for (int second = 0; second < 400; second++) {
            world_pass(world, SECONDS);
            count(world, "alpha", &all, &running);
            least = running < least ? running : least;
            most = all > most ? all : most;
        }
        if (least < cases[i].least || most > cases[i].most ||
            (agent_running(&world->agents[0]) > 0) != cases[i].is_stuck ||
            world_events(world, "alpha", "was unable to stop or start tasks") != cases[i].is_stuck)
            fail_msg("%s: %d to %d, %d stay", cases[i].why, least, most,
                     agent_running(&world->agents[0]));
        world_free(world);
    }
}

/* CL-290: without room elsewhere the old tasks stay, and an event says why. */
static void draining_without_room_leaves_the_tasks(void **state)
{
    struct world *world = with_web(1);

    (void)state;
    world_create_service(world, "alpha", "web", 1, 4, 100, 200);
    world_pass(world, 2 * MINUTES);
    world_set_instance(world, 0, INSTANCE_DRAINING);
    world_pass(world, HOURS);
    assert_int_equal(world_running(world, "alpha"), 4);
    assert_int_equal(world_events(world, "alpha", "was unable to place a task"), 1);
    world_free(world);
}

/* CL-300 to CL-304. */
static void a_deregistered_host_orphans_its_tasks(void **state)
{
    struct world *world = with_web(3);
    const struct task *task;
    int up;

    (void)state;
    world_create_service(world, "alpha", "web", 1, 3, 100, 200);
    world_pass(world, 2 * MINUTES);
    world_set_instance(world, 0, INSTANCE_INACTIVE);
    up = agent_running(&world->agents[0]);
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "alpha"), 3);
    assert_int_equal(agent_running(&world->agents[0]), up); /* containers keep running */
    assert_null(world->agents[0].ws);
    task = first_task(world, "alpha", true);
    assert_int_equal(task->last_status, TASK_STOPPED);
    assert_string_equal(task->rare->stopped_reason, STOPPED_DEREGISTERED);
    assert_int_equal(task->stop_code, STOP_CODE_USER_INITIATED);
    world_free(world);
}

/* ARCHITECTURE.md, Lost hosts. */
static void a_lost_host_loses_its_service_tasks_only(void **state)
{
    struct world *world = with_web(4);
    int before;

    (void)state;
    world_create_service(world, "alpha", "web", 1, 8, 100, 200);
    world_run_task(world, "web", 1, 16);
    world_pass(world, 5 * MINUTES);
    before = agent_running(&world->agents[2]);
    agent_drop(&world->agents[2], 4 * MINUTES); /* the network only: containers run on */
    world_pass(world, 110 * SECONDS);
    assert_int_equal(world_events(world, "alpha", "has started"), 1); /* not yet */
    world_pass(world, 30 * SECONDS);
    assert_int_equal(world_events(world, "alpha", "has started"), 2);
    assert_non_null(
        strstr(first_task(world, "alpha", true)->rare->stopped_reason, "Host EC2 (instance "));
    assert_int_equal(first_task(world, "alpha", true)->stop_code, STOP_CODE_TERMINATION_NOTICE);
    assert_int_equal(agent_running(&world->agents[2]), before);
    world_pass(world, 5 * MINUTES); /* it is back: the manifest stops what was replaced */
    assert_true(world->agents[2].stop_orders >= 2);
    assert_int_equal(agent_running(&world->agents[2]), before - 2);
    assert_int_equal(world_running(world, "alpha"), 8);
    world_assert_settled(world);
    world_free(world);
}

static void many_silent_hosts_are_not_believed(void **state)
{
    struct world *world = with_web(4);

    (void)state;
    world_create_service(world, "alpha", "web", 1, 4, 100, 200);
    world_pass(world, 5 * MINUTES);
    agent_kill(&world->agents[0]);
    agent_kill(&world->agents[1]);
    world_pass(world, HOURS);
    assert_int_equal(world_events(world, "alpha", "has started"), 1);
    agent_revive(&world->agents[1]); /* now it is one of four */
    world_pass(world, MINUTES);
    assert_int_equal(world_events(world, "alpha", "has started"),
                     3); /* its own, and the lost one's */
    agent_revive(&world->agents[0]);
    world_pass(world, 5 * MINUTES);
    world_assert_settled(world);
    world_free(world);
}

static void a_restarted_server_waits_before_it_believes(void **state)
{
    struct world *world = with_web(4);

    (void)state;
    world_create_service(world, "alpha", "web", 1, 4, 100, 200);
    world_pass(world, 5 * MINUTES);
    agent_kill(&world->agents[0]);
    world_pass(world, 100 * SECONDS);
    world_restart(world); /* 2 minutes to lead, then 2 to be lost */
    world_pass(world, 230 * SECONDS);
    assert_int_equal(world_events(world, "alpha", "has started"), 1);
    world_pass(world, 20 * SECONDS);
    assert_int_equal(world_events(world, "alpha", "has started"), 2);
    agent_revive(&world->agents[0]);
    world_pass(world, 5 * MINUTES);
    world_assert_settled(world);
    world_free(world);
}

/* SC-186, SC-187, API-156. */
static void a_deleted_service_winds_down(void **state)
{
    struct world *world = with_web(2);

    (void)state;
    world_create_service(world, "alpha", "web", 1, 4, 100, 200);
    world_pass(world, MINUTES);
    world_delete_service(world, "alpha");
    world_pass(world, MINUTES);
    assert_int_equal(world_service(world, "alpha")->status, SERVICE_INACTIVE);
    assert_int_equal(world_running(world, "alpha"), 0);
    world_assert_settled(world);
    world_pass(world, 23 * HOURS);
    assert_non_null(world_service(world, "alpha"));
    world_pass(world, 2 * HOURS);
    assert_null(world_service(world, "alpha"));
    world_free(world);
}

/* CL-256, AG-931: an hour. */
static void what_is_over_goes_after_its_hour(void **state)
{
    struct world *world = with_web(2);
    struct id task;

    (void)state;
    world->options.task_retention_ms = 0;
    world_restart(world);
    world_pass(world, 5 * SECONDS);
    world_run_task(world, "web", 1, 1);
    world_pass(world, 10 * SECONDS);
    task = world->acked[0];
    world_stop_task(world, &task);
    world_set_instance(
        world, id_cmp(&world->agents[0].instance, &world_task(world, &task)->instance) ? 0 : 1,
        INSTANCE_INACTIVE);
    world_pass(world, 58 * MINUTES);
    assert_int_equal(world_task(world, &task)->last_status, TASK_STOPPED);
    world_pass(world, 4 * MINUTES);
    assert_null(world_task(world, &task));
    for (int i = 0, gone = 0; i < 2; i++) {
        gone +=
            !state_instance(world->state, world->scope, SIM_CLUSTER, &world->agents[i].instance);
        assert_true(gone <= 1 && (i == 0 || gone == 1));
    }
    world_free(world);
}

/* TD-140: told by telemetry, so set on the record here. */
static void an_unhealthy_service_task_is_replaced(void **state)
{
    struct world *world = world_new(9, 2);
    const struct task *task;
    struct id sick;
    struct txn *txn;

    (void)state;
    world_define(world, "web", 64, true);
    world_pass(world, SECONDS);
    world_create_service(world, "alpha", "web", 1, 1, 100, 200);
    world_pass(world, MINUTES);
    task = first_task(world, "alpha", false);
    sick = task->id;
    assert_false(world_service(world, "alpha")->is_steady); /* its health is not known */
    txn = txn_begin(world->state, world->scope);
    txn_edit_task(txn, task)->containers[0].health = HEALTH_UNHEALTHY;
    txn_commit(txn);
    world_pass(world, 10 * SECONDS);
    assert_string_equal(world_task(world, &sick)->rare->stopped_reason,
                        STOPPED_FAILED_HEALTH_CHECKS);
    assert_int_equal(world_events(world, "alpha", ") failed container health checks."), 1);
    task = first_task(world, "alpha", false);
    assert_int_equal(task->last_status, TASK_RUNNING);
    txn = txn_begin(world->state, world->scope);
    txn_edit_task(txn, task)->containers[0].health = HEALTH_HEALTHY;
    txn_commit(txn);
    world_pass(world, 2 * SECONDS);
    world_assert_settled(world); /* SC-200: at once, without the 40 s */
    world_free(world);
}

/* SC-377: within the grace period failing checks do not count; then they do. */
static void the_grace_period_is_waited_for(void **state)
{
    struct world *world = world_new(9, 2);
    struct txn *txn;
    struct id sick;

    (void)state;
    world_define(world, "web", 64, true);
    world_pass(world, SECONDS);
    world_create_service(world, "alpha", "web", 1, 1, 100, 200);
    txn = txn_begin(world->state, world->scope);
    service_set_health_grace_s(txn_edit_service(txn, world_service(world, "alpha")), 300);
    txn_commit(txn);
    world_pass(world, 30 * SECONDS);
    sick = first_task(world, "alpha", false)->id;
    world_set_health(world, &sick, HEALTH_UNHEALTHY);
    world_pass(world, 4 * MINUTES);
    assert_int_equal(world_task(world, &sick)->desired_status, TASK_RUNNING);
    assert_false(world_service(world, "alpha")->is_steady); /* it is not healthy either */
    world_pass(world, MINUTES);
    assert_int_equal(world_task(world, &sick)->last_status, TASK_STOPPED);
    assert_string_equal(world_task(world, &sick)->rare->stopped_reason,
                        STOPPED_FAILED_HEALTH_CHECKS);
    world_free(world);
}

/* AP-222: a stop the agent has nothing to say about. */
static void a_stop_nobody_confirms_ends_all_the_same(void **state)
{
    struct world *world = with_web(1);

    (void)state;
    for (int i = 0; i < 8; i++) {
        size_t known = world->acked_count;

        agent_drop(&world->agents[0], 5 * SECONDS);
        world_settle(world);
        /* Still placeable in this very moment is what the record says; it is connected again first.
         */
        world_pass(world, 10 * SECONDS);
        world_run_task(world, "web", 1, 1);
        world_settle(world);
        agent_drop(&world->agents[0], 5 * SECONDS);
        world_stop_task(world, &world->acked[known]);
        world_pass(world, 3 * MINUTES);
        assert_int_equal(world_task(world, &world->acked[known])->last_status, TASK_STOPPED);
        assert_int_equal(world_task(world, &world->acked[known])->stop_code,
                         STOP_CODE_USER_INITIATED);
    }
    world_assert_settled(world);
    world_free(world);
}

/* SC-192, API-130: protected tasks that are not healthy yet do not have healthy ones go instead. */
static void healthy_tasks_stay_until_protected_ones_are(void **state)
{
    struct world *world = world_new(92, 3);
    const struct task *task = NULL;
    size_t nth = 0;

    (void)state;
    world_define(world, "web", 64, false);
    world_pass(world, 2 * SECONDS);
    world_create_service(world, "alpha", "web", 1, 2, 100, 200);
    world_pass(world, 2 * MINUTES);
    world_scale_service(world, "alpha", 4);
    world_pass(world, 10 * SECONDS);
    while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE,
                                    "alpha", false, task ? &task->id : NULL)))
        if (nth++ >= 2)
            world_protect_task(world, &task->id, 10 * MINUTES);
    world_scale_service(world, "alpha", 2);
    world_pass(world, 10 * SECONDS);
    assert_int_equal(world_running(world, "alpha"), 4);
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "alpha"), 2);
    world_assert_settled(world);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_reaches_its_count_and_says_so_once),
        cmocka_unit_test(healthy_tasks_stay_until_protected_ones_are),
        cmocka_unit_test(scaling_goes_both_ways),
        cmocka_unit_test(a_protected_task_goes_when_its_time_is_over),
        cmocka_unit_test(large_services_come_and_go_in_slices),
        cmocka_unit_test(rolling_updates_keep_their_bounds),
        cmocka_unit_test(percents_that_leave_no_way_are_told_once),
        cmocka_unit_test(tasks_that_never_start_are_launched_ever_less_often),
        cmocka_unit_test(tasks_that_end_after_they_ran_are_replaced_at_once),
        cmocka_unit_test(a_full_cluster_is_told_and_waited_for),
        cmocka_unit_test(a_constraint_nobody_meets_is_told),
        cmocka_unit_test(a_draining_host_is_emptied_of_service_tasks),
        cmocka_unit_test(draining_keeps_the_percents),
        cmocka_unit_test(draining_without_room_leaves_the_tasks),
        cmocka_unit_test(the_grace_period_is_waited_for),
        cmocka_unit_test(a_deregistered_host_orphans_its_tasks),
        cmocka_unit_test(a_lost_host_loses_its_service_tasks_only),
        cmocka_unit_test(many_silent_hosts_are_not_believed),
        cmocka_unit_test(a_restarted_server_waits_before_it_believes),
        cmocka_unit_test(a_deleted_service_winds_down),
        cmocka_unit_test(what_is_over_goes_after_its_hour),
        cmocka_unit_test(an_unhealthy_service_task_is_replaced),
        cmocka_unit_test(a_stop_nobody_confirms_ends_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
