/* What agents report, applied to records (AP-121 to AP-132, AP-126's texts). */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "control/report.h"
#include "core/task.h"
#include "sim.h"

static struct world *world;
static struct id id;

static int set_up(void **state)
{
    (void)state;
    world = world_new(11, 1);
    world_define(world, "web", 64, false);
    world_pass(world, 2000);
    agent_kill(&world->agents[0]); /* reports are ours to make; the host stays registered */
    world_run_task(world, "web", 1, 1);
    if (!world->acked_count) { /* its agent is gone: put the task there ourselves */
        struct txn *txn = txn_begin(world->state, world->scope);
        struct task *task = task_new();
        struct container *containers = task_resize_containers(task, 2);

        task->id = id_new(&world->state_rng, 1);
        task->instance = world->agents[0].instance;
        task_set_cluster(task, SIM_CLUSTER);
        task_set_family(task, "web");
        task_set_group(task, "family:web");
        task->revision = 1;
        task->last_status = TASK_PENDING;
        task->desired_status = TASK_RUNNING;
        task->version = 1;
        container_set_name(&containers[0], "app");
        containers[0].is_essential = true;
        containers[0].last_status = TASK_PENDING;
        container_set_name(&containers[1], "side");
        containers[1].last_status = TASK_PENDING;
        id = task->id;
        txn_insert_task(txn, task);
        txn_commit(txn);
    }
    world_settle(world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_free(world);
    return 0;
}

static const struct task *apply(const struct task_report *report)
{
    struct txn *txn = txn_begin(world->state, world->scope);

    assert_null(report_apply(txn, world_task(world, &id), report));
    txn_commit(txn);
    world_settle(world);
    return world_task(world, &id);
}

static struct container_report running(const char *name)
{
    return (struct container_report){.name = name, .runtime_id = "2053", .status = REPORT_RUNNING};
}

static const struct task *report_running(void)
{
    struct container_report containers[] = {running("app"), running("side")};
    struct report_binding binding = {"0.0.0.0", 80, 32768, NULL, NULL, "tcp"};

    containers[0].has_bindings = true;
    containers[0].bindings = &binding;
    containers[0].binding_count = 1;
    return apply(&(struct task_report){.status = REPORT_RUNNING,
                                       .reason = "",
                                       .pull_started_at_ms = 5,
                                       .pull_stopped_at_ms = 6,
                                       .containers = containers,
                                       .container_count = 2});
}

static const struct task *report_stopped(int exit_code, const char *task_reason,
                                         const char *container_reason, bool has_exit_code)
{
    struct container_report container = {.name = "app",
                                         .status = REPORT_STOPPED,
                                         .has_exit_code = has_exit_code,
                                         .exit_code = exit_code,
                                         .reason = container_reason};

    return apply(&(struct task_report){.status = REPORT_STOPPED,
                                       .reason = task_reason,
                                       .execution_stopped_at_ms = 9,
                                       .containers = &container,
                                       .container_count = 1});
}

static void running_fills_the_record(void **state)
{
    const struct task *task = report_running();

    (void)state;
    assert_int_equal(task->last_status, TASK_RUNNING);
    assert_true(task->started_at_ms > 0);
    assert_true(task->is_acknowledged); /* AP-225 */
    assert_int_equal(task->pull_started_at_ms, 5);
    assert_int_equal(task->pull_stopped_at_ms, 6);
    assert_string_equal(task->containers[0].runtime_id, "2053");
    assert_int_equal(task->containers[0].last_status, TASK_RUNNING);
    assert_int_equal(task->containers[0].network_bindings_count, 1);
    assert_int_equal(task->containers[0].network_bindings[0].host_port, 32768);
}

/* AP-129: told twice, the record is as told once, and nothing is written. */
static void a_repeated_report_changes_nothing(void **state)
{
    int64_t version = report_running()->version;
    struct state_stats before, after;

    (void)state;
    state_stats(world->state, &before);
    assert_int_equal(report_running()->version, version);
    state_stats(world->state, &after);
    assert_int_equal(after.transactions, before.transactions);
}

static void reports_never_go_backwards(void **state)
{
    const struct task *task;
    int64_t version;

    (void)state;
    report_running();
    task = report_stopped(0, "", NULL, true);
    assert_int_equal(task->last_status, TASK_STOPPED);
    version = task->version;
    task = report_running();
    assert_int_equal(task->last_status, TASK_STOPPED);
    task = report_stopped(5, "", NULL, true);
    assert_int_equal(task->containers[0].exit_code, 0);
    assert_int_equal(task->version, version);
    assert_int_equal(task->containers[0].last_status, TASK_STOPPED);
    assert_int_equal(task->containers[0].network_bindings_count, 1);
}

static void a_task_that_ran_ends_as_its_container_did(void **state)
{
    const struct task *task;

    (void)state;
    report_running();
    task = report_stopped(137, "", NULL, true);
    assert_int_equal(task->stop_code, STOP_CODE_ESSENTIAL_CONTAINER_EXITED);
    assert_string_equal(task->rare->stopped_reason, "Essential container in task exited");
    assert_true(task->containers[0].has_exit_code);
    assert_int_equal(task->containers[0].exit_code, 137);
    assert_int_equal(task->rare->execution_stopped_at_ms, 9);
    assert_true(task->rare->stopped_at_ms > 0);
}

/* AP-124: PENDING to STOPPED, but it did run: the exit code says so. */
static void a_task_too_quick_to_be_seen_running_has_run(void **state)
{
    const struct task *task = report_stopped(0, "", NULL, true);

    (void)state;
    assert_int_equal(task->stop_code, STOP_CODE_ESSENTIAL_CONTAINER_EXITED);
    assert_int_equal(task->started_at_ms, 0); /* SC-105 */
}

static void a_task_that_cannot_start_says_so(void **state)
{
    const struct task *task =
        report_stopped(0, "", "CannotPullContainerError: Error: image x:latest not found", false);

    (void)state;
    assert_int_equal(task->stop_code, STOP_CODE_TASK_FAILED_TO_START);
    assert_string_equal(task->rare->stopped_reason, "Task failed to start");
    assert_string_equal(task->containers[0].reason,
                        "CannotPullContainerError: Error: image x:latest not found");
}

/* Docker gives 127 to a container it could not start. */
static void an_exit_code_of_a_failed_start_is_no_run(void **state)
{
    const struct task *task = report_stopped(
        127, "", "CannotStartContainerError: Error response from daemon: no such file", true);

    (void)state;
    assert_int_equal(task->stop_code, STOP_CODE_TASK_FAILED_TO_START);
    assert_int_equal(task->containers[0].exit_code, 127);
}

/* The other container ran, and was stopped for the sake of the one that could not. */
static void one_container_that_cannot_start_fails_the_task(void **state)
{
    struct container_report containers[] = {
        {.name = "app",
         .status = REPORT_STOPPED,
         .reason = "CannotStartContainerError: Error response from daemon: port is taken"},
        {.name = "side", .status = REPORT_STOPPED, .has_exit_code = true, .exit_code = 4},
    };
    const struct task *task = apply(&(struct task_report){
        .status = REPORT_STOPPED, .reason = "", .containers = containers, .container_count = 2});

    (void)state;
    assert_int_equal(task->stop_code, STOP_CODE_TASK_FAILED_TO_START);
    assert_string_equal(task->rare->stopped_reason, "Task failed to start");
    assert_int_equal(task->containers[1].exit_code, 4);
}

static void a_reason_of_the_agents_own_is_the_tasks(void **state)
{
    const struct task *task = apply(&(struct task_report){
        .status = REPORT_STOPPED, .reason = "UnrecogniedTaskError: Error loading task - x"});

    (void)state;
    assert_string_equal(task->rare->stopped_reason, "UnrecogniedTaskError: Error loading task - x");
    assert_int_equal(task->stop_code, STOP_CODE_TASK_FAILED_TO_START);
}

static void a_stop_that_was_asked_for_keeps_its_own_reason(void **state)
{
    const struct task *task;

    (void)state;
    report_running();
    world_stop_task(world, &id);
    world_settle(world);
    task = report_stopped(143, "", NULL, true);
    assert_int_equal(task->stop_code, STOP_CODE_USER_INITIATED);
    assert_string_equal(task->rare->stopped_reason, "Task stopped by user");
}

static void a_late_running_does_not_undo_a_stop(void **state)
{
    const struct task *task;

    (void)state;
    world_stop_task(world, &id);
    world_settle(world);
    assert_int_equal(world_task(world, &id)->last_status, TASK_STOPPING);
    task = report_running();
    assert_int_equal(task->last_status, TASK_STOPPING);
    assert_string_equal(task->containers[0].runtime_id, "2053"); /* what is news is kept */
}

static void a_container_that_is_not_essential_may_end(void **state)
{
    struct container_report side = {
        .name = "side", .status = REPORT_STOPPED, .has_exit_code = true, .exit_code = 7};
    const struct task *task;
    int64_t version = report_running()->version;

    (void)state;
    task = apply(&(struct task_report){
        .status = REPORT_RUNNING, .reason = "", .containers = &side, .container_count = 1});
    assert_int_equal(task->last_status, TASK_RUNNING);
    assert_int_equal(task->containers[1].last_status, TASK_STOPPED);
    assert_int_equal(task->containers[1].exit_code, 7);
    assert_int_equal(task->version, version + 1);
}

static void containers_of_the_agents_own_are_passed_over(void **state)
{
    struct container_report pause = running("~internal~ecs~pause");

    (void)state;
    report_running();
    apply(&(struct task_report){
        .status = REPORT_RUNNING, .containers = &pause, .container_count = 1});
    assert_int_equal(world_task(world, &id)->containers_count, 2);
}

static void an_empty_list_of_bindings_is_no_news(void **state)
{
    struct container_report app = running("app");
    const struct task *task;

    (void)state;
    report_running();
    app.has_bindings = true;
    task = apply(
        &(struct task_report){.status = REPORT_RUNNING, .containers = &app, .container_count = 1});
    assert_int_equal(task->containers[0].network_bindings_count, 1);
}

static void statuses_have_the_agents_names(void **state)
{
    (void)state;
    assert_int_equal(report_status_parse(NULL), REPORT_NONE);
    assert_int_equal(report_status_parse(""), REPORT_NONE);
    assert_int_equal(report_status_parse("PULLED"), REPORT_PENDING);
    assert_int_equal(report_status_parse("RUNNING"), REPORT_RUNNING);
    assert_int_equal(report_status_parse("STOPPED"), REPORT_STOPPED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(running_fills_the_record),
        TEST(a_repeated_report_changes_nothing),
        TEST(reports_never_go_backwards),
        TEST(a_task_that_ran_ends_as_its_container_did),
        TEST(a_task_too_quick_to_be_seen_running_has_run),
        TEST(a_task_that_cannot_start_says_so),
        TEST(an_exit_code_of_a_failed_start_is_no_run),
        TEST(one_container_that_cannot_start_fails_the_task),
        TEST(a_reason_of_the_agents_own_is_the_tasks),
        TEST(a_stop_that_was_asked_for_keeps_its_own_reason),
        TEST(a_late_running_does_not_undo_a_stop),
        TEST(a_container_that_is_not_essential_may_end),
        TEST(containers_of_the_agents_own_are_passed_over),
        TEST(an_empty_list_of_bindings_is_no_news),
        TEST(statuses_have_the_agents_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
