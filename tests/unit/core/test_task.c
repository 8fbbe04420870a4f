/* The status table of tasks, wanting a stop, health. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attributes.h"
#include "core/task.h"

static void only_legal_moves_are_allowed(void **state)
{
    static const struct {
        const char *why;
        enum task_status from, to;
        bool is_legal;
    } cases[] = {
        {"bridge task, nothing to activate", TASK_PENDING, TASK_RUNNING, true},
        {"placed at once, nothing to provision", TASK_PROVISIONING, TASK_PENDING, true},
        {"died before RUNNING (AG-343)", TASK_PENDING, TASK_STOPPED, true},
        {"stopped without deprovisioning", TASK_STOPPING, TASK_STOPPED, true},
        {"late report from before the stop", TASK_STOPPING, TASK_RUNNING, false},
        {"RUNNING after STOPPED (AP-129)", TASK_STOPPED, TASK_RUNNING, false},
        {"no going back", TASK_RUNNING, TASK_PENDING, false},
        {"not twice", TASK_RUNNING, TASK_RUNNING, false},
        {"the end is the end", TASK_STOPPED, TASK_STOPPED, false},
        {"activation cannot be skipped backwards", TASK_DEACTIVATING, TASK_ACTIVATING, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (task_status_may_follow(cases[i].from, cases[i].to) != cases[i].is_legal)
            fail_msg("%s: expected %s", cases[i].why, cases[i].is_legal ? "legal" : "refused");
}

/* Whatever path a task takes, it ends within eight moves and never repeats a status. */
static void every_path_only_goes_on(void **state)
{
    (void)state;
    for (int from = 0; from < TASK_COUNT; from++)
        for (int to = 0; to < TASK_COUNT; to++)
            if (task_status_may_follow((enum task_status)from, (enum task_status)to))
                assert_true(to > from);
}

static void a_stopped_task_has_its_times(void **state)
{
    struct task *task = task_new();

    (void)state;
    task->last_status = TASK_PENDING;
    task->desired_status = TASK_RUNNING;
    task_resize_containers(task, 2);
    task_set_status(task, TASK_RUNNING, 1000);
    assert_int_equal(task->started_at_ms, 1000);
    assert_true(task_want_stopped(task, STOP_CODE_USER_INITIATED, STOPPED_BY_USER, 2000));
    assert_false(task_want_stopped(task, STOP_CODE_SERVICE_SCHEDULER_INITIATED, "late", 2500));
    task_set_status(task, TASK_STOPPED, 3000);
    assert_int_equal(task->rare->stopping_at_ms, 2000);
    assert_int_equal(task->rare->stopped_at_ms, 3000);
    assert_string_equal(task->rare->stopped_reason, STOPPED_BY_USER);
    assert_int_equal(task->stop_code, STOP_CODE_USER_INITIATED);
    assert_int_equal(task->containers[1].last_status, TASK_STOPPED);
    assert_int_equal(task->version, 3);
    task_free(task);
}

/* What a record shows at each stage of its life; SC-093 to SC-105 row by row. */
enum step { END, MOVE, WANT };
static const struct {
    const char *why;
    enum task_status from;
    struct {
        enum step kind;
        enum task_status to;
    } steps[7];
    enum task_status last, desired;
    bool is_pending, is_running, is_ending;
    bool has_started, has_stopping, has_stopped;
} lives[] = {
    {.why = "SC-094: a batch task goes PENDING, RUNNING, STOPPED",
     .from = TASK_PENDING,
     .steps = {{MOVE, TASK_RUNNING}, {MOVE, TASK_STOPPED}},
     .last = TASK_STOPPED,
     .desired = TASK_STOPPED,
     .is_ending = true,
     .has_started = true,
     .has_stopping = true,
     .has_stopped = true},
    {.why = "SC-094: all eight, in order",
     .from = TASK_PROVISIONING,
     .steps = {{MOVE, TASK_PENDING},
               {MOVE, TASK_ACTIVATING},
               {MOVE, TASK_RUNNING},
               {MOVE, TASK_DEACTIVATING},
               {MOVE, TASK_STOPPING},
               {MOVE, TASK_DEPROVISIONING},
               {MOVE, TASK_STOPPED}},
     .last = TASK_STOPPED,
     .desired = TASK_STOPPED,
     .is_ending = true,
     .has_started = true,
     .has_stopping = true,
     .has_stopped = true},
    {.why = "SC-093: a wish changes what is wanted, not what is",
     .from = TASK_PENDING,
     .steps = {{MOVE, TASK_RUNNING}, {WANT, TASK_STOPPED}},
     .last = TASK_RUNNING,
     .desired = TASK_STOPPED,
     .is_running = true,
     .has_started = true,
     .has_stopping = true},
    {.why = "SC-095: PROVISIONING counts as pending",
     .from = TASK_PROVISIONING,
     .last = TASK_PROVISIONING,
     .desired = TASK_RUNNING,
     .is_pending = true},
    {.why = "SC-096: PENDING waits for the agent",
     .from = TASK_PROVISIONING,
     .steps = {{MOVE, TASK_PENDING}},
     .last = TASK_PENDING,
     .desired = TASK_RUNNING,
     .is_pending = true},
    {.why = "SC-097: ACTIVATING is not RUNNING yet: no startedAt",
     .from = TASK_PENDING,
     .steps = {{MOVE, TASK_ACTIVATING}},
     .last = TASK_ACTIVATING,
     .desired = TASK_RUNNING,
     .is_pending = true},
    {.why = "SC-098: startedAt is set on entering RUNNING",
     .from = TASK_PENDING,
     .steps = {{MOVE, TASK_RUNNING}},
     .last = TASK_RUNNING,
     .desired = TASK_RUNNING,
     .is_running = true,
     .has_started = true},
    {.why = "SC-099, SC-104: DEACTIVATING counts as neither",
     .from = TASK_PENDING,
     .steps = {{MOVE, TASK_RUNNING}, {WANT, TASK_STOPPED}, {MOVE, TASK_DEACTIVATING}},
     .last = TASK_DEACTIVATING,
     .desired = TASK_STOPPED,
     .has_started = true,
     .has_stopping = true},
    {.why = "SC-100, SC-104: STOPPING waits for the agent",
     .from = TASK_PENDING,
     .steps = {{MOVE, TASK_RUNNING}, {WANT, TASK_STOPPED}, {MOVE, TASK_STOPPING}},
     .last = TASK_STOPPING,
     .desired = TASK_STOPPED,
     .is_ending = true,
     .has_started = true,
     .has_stopping = true},
    {.why = "SC-101, SC-104: DEPROVISIONING follows the stop",
     .from = TASK_PENDING,
     .steps = {{WANT, TASK_STOPPED}, {MOVE, TASK_STOPPING}, {MOVE, TASK_DEPROVISIONING}},
     .last = TASK_DEPROVISIONING,
     .desired = TASK_STOPPED,
     .is_ending = true,
     .has_stopping = true},
    {.why = "SC-102: STOPPED is the end, whoever wants what",
     .from = TASK_PENDING,
     .steps = {{MOVE, TASK_STOPPED}, {WANT, TASK_STOPPED}},
     .last = TASK_STOPPED,
     .desired = TASK_STOPPED,
     .is_ending = true,
     .has_stopping = true,
     .has_stopped = true},
    {.why = "SC-103: phases with nothing to do are skipped",
     .from = TASK_PENDING,
     .steps = {{MOVE, TASK_RUNNING}, {MOVE, TASK_STOPPING}, {MOVE, TASK_STOPPED}},
     .last = TASK_STOPPED,
     .desired = TASK_STOPPED,
     .is_ending = true,
     .has_started = true,
     .has_stopping = true,
     .has_stopped = true},
    {.why = "SC-105: a stop while PROVISIONING; it never started",
     .from = TASK_PROVISIONING,
     .steps = {{WANT, TASK_STOPPED}, {MOVE, TASK_STOPPED}},
     .last = TASK_STOPPED,
     .desired = TASK_STOPPED,
     .is_ending = true,
     .has_stopping = true,
     .has_stopped = true},
    {.why = "SC-105: a stop while ACTIVATING",
     .from = TASK_PENDING,
     .steps = {{MOVE, TASK_ACTIVATING}, {WANT, TASK_STOPPED}, {MOVE, TASK_DEACTIVATING}},
     .last = TASK_DEACTIVATING,
     .desired = TASK_STOPPED,
     .has_stopping = true},
};

static struct task *live(size_t row)
{
    struct task *task = task_new();
    int64_t now_ms = 1000;

    task->last_status = lives[row].from;
    task->desired_status = TASK_RUNNING;
    task_resize_containers(task, 1)->last_status = lives[row].from;
    for (size_t i = 0; i < ARRAY_LEN(lives[row].steps); i++, now_ms += 1000) {
        if (lives[row].steps[i].kind == MOVE)
            task_set_status(task, lives[row].steps[i].to, now_ms);
        else if (lives[row].steps[i].kind == WANT)
            task_want_stopped(task, STOP_CODE_USER_INITIATED, STOPPED_BY_USER, now_ms);
    }
    return task;
}

static void each_stage_shows_what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
        struct task *task = live(i);

        if (task->last_status != lives[i].last || task->desired_status != lives[i].desired ||
            task_counts_pending(task) != lives[i].is_pending ||
            task_counts_running(task) != lives[i].is_running ||
            task_is_ending(task) != lives[i].is_ending ||
            (task->started_at_ms != 0) != lives[i].has_started ||
            (task->rare->stopping_at_ms != 0) != lives[i].has_stopping ||
            (task->rare->stopped_at_ms != 0) != lives[i].has_stopped)
            fail_msg("%s: %s, wanted %s", lives[i].why, task_status_name(task->last_status),
                     task_status_name(task->desired_status));
        if (task->last_status == TASK_PENDING || task->last_status == TASK_STOPPED)
            assert_int_equal(task->containers[0].last_status, task->last_status);
        task_free(task);
    }
}

static void health_is_that_of_essential_containers(void **state)
{
    static const struct {
        const char *why;
        struct {
            bool is_essential, has_check;
            enum health_status health;
        } containers[2];
        enum health_status task;
    } cases[] = {
        {"all pass", {{true, true, HEALTH_HEALTHY}, {true, true, HEALTH_HEALTHY}}, HEALTH_HEALTHY},
        {"one fails",
         {{true, true, HEALTH_HEALTHY}, {true, true, HEALTH_UNHEALTHY}},
         HEALTH_UNHEALTHY},
        {"still evaluating",
         {{true, true, HEALTH_HEALTHY}, {true, true, HEALTH_UNKNOWN}},
         HEALTH_UNKNOWN},
        {"fails beside one evaluating",
         {{true, true, HEALTH_UNKNOWN}, {true, true, HEALTH_UNHEALTHY}},
         HEALTH_UNHEALTHY},
        {"TD-270: an essential one without a check",
         {{true, true, HEALTH_HEALTHY}, {true, false, HEALTH_UNKNOWN}},
         HEALTH_UNKNOWN},
        {"non-essential ones have no effect",
         {{true, true, HEALTH_HEALTHY}, {false, true, HEALTH_UNHEALTHY}},
         HEALTH_HEALTHY},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct task *task = task_new();
        struct container *containers = task_resize_containers(task, 2);

        for (int c = 0; c < 2; c++) {
            containers[c].is_essential = cases[i].containers[c].is_essential;
            containers[c].has_health_check = cases[i].containers[c].has_check;
            containers[c].health = cases[i].containers[c].health;
        }
        if (task_health_of_containers(task) != cases[i].task)
            fail_msg("%s", cases[i].why);
        task_free(task);
    }
}

static void counts_healthy_by_check_or_after_forty_seconds(void **state)
{
    struct task *task = task_new();
    struct container *containers = task_resize_containers(task, 2);
    int64_t due;

    (void)state;
    containers[0].is_essential = containers[1].is_essential = true;
    task->last_status = TASK_RUNNING;
    task->started_at_ms = 1000;
    assert_false(task_counts_healthy(task, 1000 + 39999, &due));
    assert_int_equal(due, 41000);
    assert_true(task_counts_healthy(task, 41000, &due));
    assert_int_equal(due, 0);
    containers[0].has_health_check =
        true; /* SC-200: the sidecar without one does not hold it back */
    assert_false(task_counts_healthy(task, 100000, &due));
    assert_int_equal(due, 0);
    containers[0].health = HEALTH_HEALTHY;
    assert_true(task_counts_healthy(task, 1001, &due));
    task->last_status = TASK_PENDING;
    assert_false(task_counts_healthy(task, 1001, &due));
    task_free(task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_legal_moves_are_allowed),
        cmocka_unit_test(every_path_only_goes_on),
        cmocka_unit_test(a_stopped_task_has_its_times),
        cmocka_unit_test(each_stage_shows_what_it_is),
        cmocka_unit_test(health_is_that_of_essential_containers),
        cmocka_unit_test(counts_healthy_by_check_or_after_forty_seconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
