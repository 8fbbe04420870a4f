/* Bounds and steps of deployments, back-off, event texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>

#include "base/attributes.h"
#include "core/service.h"
#include "core/service_events.h"
#include "core/task.h"

/* SC- 13.1 */
static void bounds_are_those_of_the_table(void **state)
{
    static const struct {
        int64_t desired;
        int32_t minimum, maximum;
        int64_t lower, upper;
    } cases[] = {
        {4, 100, 200, 4, 8}, {4, 50, 100, 2, 4},  {4, 50, 200, 2, 8},  {1, 100, 200, 1, 2},
        {1, 50, 100, 1, 1},  {1, 50, 150, 1, 1},  {1, 0, 100, 0, 1},   {3, 50, 150, 2, 4},
        {5, 33, 133, 2, 6},  {0, 100, 200, 0, 0}, {10, 0, 100, 0, 10}, {10, 50, 100, 5, 10},
        {7, 100, 100, 7, 7}, {3, 34, 133, 2, 3},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct service_bounds bounds =
            service_bounds(cases[i].desired, cases[i].minimum, cases[i].maximum);

        if (bounds.lower != cases[i].lower || bounds.upper != cases[i].upper)
            fail_msg("%" PRId64 " %d%% %d%%: %" PRId64 " %" PRId64, cases[i].desired,
                     cases[i].minimum, cases[i].maximum, bounds.lower, bounds.upper);
    }
}

/* A world of counts: what is started turns RUNNING, then healthy; what is stopped goes. */
struct rolling {
    struct rollout rollout;
    int64_t most, least_healthy;
    int steps;
};

static bool roll(struct rolling *rolling)
{
    struct rollout *r = &rolling->rollout;

    for (rolling->steps = 0; rolling->steps < 100; rolling->steps++) {
        struct rollout_step step = rollout_next(r);
        int64_t total, healthy;

        if (step.is_done)
            return true;
        if (step.is_stuck)
            return false;
        r->fresh.staying += step.start;
        r->fresh.starting += step.start;
        r->old.staying -= step.stop_old;
        r->old.stopping += step.stop_old;
        r->old.healthy = r->old.staying; /* all of them were */
        total = r->fresh.staying + r->old.staying + r->old.stopping;
        healthy = r->fresh.healthy + r->old.healthy;
        if (total > rolling->most)
            rolling->most = total;
        if (healthy < rolling->least_healthy)
            rolling->least_healthy = healthy;
        /* Time passes. */
        r->old.stopping = 0;
        r->fresh.healthy = r->fresh.staying;
        r->fresh.starting = 0;
    }
    fail_msg("no end of it");
    return false;
}

static void rolling_updates_stay_in_bounds_and_end(void **state)
{
    (void)state;
    for (int64_t desired = 0; desired <= 12; desired++)
        for (int32_t minimum = 0; minimum <= 100; minimum += 10)
            for (int32_t maximum = 100; maximum <= 300; maximum += 25) {
                struct service_bounds bounds = service_bounds(desired, minimum, maximum);
                struct rolling rolling = {
                    .rollout = {.desired = desired,
                                .bounds = bounds,
                                .old = {.running = desired,
                                        .staying = desired,
                                        .healthy = desired}},
                    .least_healthy = desired,
                };
                bool is_done = roll(&rolling);
                bool is_possible = desired == 0 || bounds.lower < desired || bounds.upper > desired;

                if (is_done != is_possible)
                    fail_msg("%" PRId64 " %d%% %d%%: %s", desired, minimum, maximum,
                             is_done ? "done" : "stuck");
                assert_true(rolling.most <= (bounds.upper > desired ? bounds.upper : desired));
                assert_true(rolling.least_healthy >= bounds.lower || !desired);
            }
}

static void a_step_does_what_the_moment_allows(void **state)
{
    static const struct {
        const char *why;
        struct rollout rollout;
        struct rollout_step step;
    } cases[] = {
        {"SC-195: four new before four old stop",
         {.desired = 4, .bounds = {4, 8}, .old = {.staying = 4, .running = 4, .healthy = 4}},
         {.start = 4}},
        {"SC-196: two stop, needing no spare room",
         {.desired = 4, .bounds = {2, 4}, .old = {.staying = 4, .running = 4, .healthy = 4}},
         {.stop_old = 2}},
        {"CL-286: at 100% the stopping still hold their places",
         {.desired = 4,
          .bounds = {2, 4},
          .old = {.staying = 2, .running = 2, .healthy = 2, .stopping = 2}},
         {.start = 0}},
        {"CL-282: old tasks that have not started go at once",
         {.desired = 2,
          .bounds = {2, 4},
          .fresh = {.staying = 2, .starting = 2},
          .old = {.staying = 2, .starting = 2}},
         {.stop_old = 2}},
        {"old tasks that time has not proved yet stay while too few are healthy",
         {.desired = 1, .bounds = {1, 2}, .old = {.staying = 1, .running = 1}},
         {.start = 1}},
        {"scaling in",
         {.desired = 1, .bounds = {1, 2}, .fresh = {.staying = 3, .running = 3, .healthy = 3}},
         {.stop_surplus = 2}},
        {"SC-197: stuck",
         {.desired = 1, .bounds = {1, 1}, .old = {.staying = 1, .running = 1, .healthy = 1}},
         {.is_stuck = true}},
        {"done", {.desired = 0, .bounds = {0, 0}}, {.is_done = true}},
        {"API-189: a FAILED deployment starts nothing, and what serves stays",
         {.desired = 4,
          .bounds = {2, 8},
          .is_halted = true,
          .old = {.staying = 4, .running = 4, .healthy = 4}},
         {.start = 0}},
        {"API-189: what is of no use to anybody still goes",
         {.desired = 2,
          .bounds = {2, 4},
          .is_halted = true,
          .old = {.staying = 3, .running = 2, .healthy = 2, .starting = 1}},
         {.stop_old = 1}},
        {"wound down while the last stop",
         {.desired = 0, .old = {.stopping = 3}},
         {.is_done = true}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rollout_step step = rollout_next(&cases[i].rollout);
        const struct rollout_step *want = &cases[i].step;

        if (step.start != want->start || step.stop_old != want->stop_old ||
            step.stop_surplus != want->stop_surplus || step.is_done != want->is_done ||
            step.is_stuck != want->is_stuck)
            fail_msg("%s: start %" PRId64 ", stop old %" PRId64 ", surplus %" PRId64 "%s%s",
                     cases[i].why, step.start, step.stop_old, step.stop_surplus,
                     step.is_done ? ", done" : "", step.is_stuck ? ", stuck" : "");
    }
}

/* The vectors of SC- 13.1: the first step of an update of healthy tasks. */
static void the_first_step_is_that_of_the_table(void **state)
{
    static const struct {
        const char *why;
        int64_t desired;
        int32_t minimum, maximum;
        struct rollout_step step;
    } cases[] = {
        {"start 4, wait healthy, stop 4", 4, 100, 200, {.start = 4}},
        {"stop 2, start 2, repeat", 4, 50, 100, {.stop_old = 2}},
        {"both at once", 4, 50, 200, {.start = 4, .stop_old = 2}},
        {"start 1, then stop 1", 1, 100, 200, {.start = 1}},
        {"no progress possible", 1, 50, 100, {.is_stuck = true}},
        {"the same: floor(1.5) = ceil(0.5)", 1, 50, 150, {.is_stuck = true}},
        {"stop 1, then start 1", 1, 0, 100, {.stop_old = 1}},
        {"start 1, stop 1", 3, 50, 150, {.start = 1, .stop_old = 1}},
        {"5 of 33% to 133%", 5, 33, 133, {.start = 1, .stop_old = 3}},
        {"0 completes at once", 0, 100, 200, {.is_done = true}},
        {"DAEMON: all at once", 10, 0, 100, {.stop_old = 10}},
        {"DAEMON: five at a time", 10, 50, 100, {.stop_old = 5}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rollout rollout = {
            .desired = cases[i].desired,
            .bounds = service_bounds(cases[i].desired, cases[i].minimum, cases[i].maximum),
            .old = {.running = cases[i].desired,
                    .staying = cases[i].desired,
                    .healthy = cases[i].desired},
        };
        struct rollout_step step = rollout_next(&rollout);
        const struct rollout_step *want = &cases[i].step;

        if (step.start != want->start || step.stop_old != want->stop_old ||
            step.is_done != want->is_done || step.is_stuck != want->is_stuck)
            fail_msg("%s: start %" PRId64 ", stop %" PRId64 "%s%s", cases[i].why, step.start,
                     step.stop_old, step.is_done ? ", done" : "", step.is_stuck ? ", stuck" : "");
    }
}

/* max(3, min(200, ceil(desired / 2))) */
static void the_breaker_opens_at_half_the_count(void **state)
{
    static const struct {
        int32_t desired, threshold;
    } cases[] = {{0, 3},   {1, 3},     {5, 3},     {6, 3},      {7, 4},          {25, 13},
                 {50, 25}, {400, 200}, {401, 200}, {1000, 200}, {INT32_MAX, 200}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (service_failure_threshold(cases[i].desired) != cases[i].threshold)
            fail_msg("of %" PRId32 ": %" PRId32, cases[i].desired,
                     service_failure_threshold(cases[i].desired));
}

static void deployments_change_places(void **state)
{
    struct service *service = service_new();
    struct deployment *deployment;

    (void)state;
    deployment_set_id(service_add_deployment(service, 1000), "ecs-svc/1");
    deployment_set_service_revision(&service->deployments[0], "11");
    deployment = service_add_deployment(service, 2000);
    deployment_set_id(deployment, "ecs-svc/2");
    deployment_set_service_revision(deployment, "12");
    assert_int_equal(service->deployments_count, 2);
    assert_string_equal(service_primary(service)->id, "ecs-svc/2");
    assert_int_equal(service->deployments[1].status, DEPLOYMENT_ACTIVE);
    assert_null(service_promote_deployment(service, "13", 3000));
    assert_string_equal(service_promote_deployment(service, "11", 3000)->id, "ecs-svc/1");
    assert_string_equal(service->deployments[1].id, "ecs-svc/2");
    assert_int_equal(service->deployments[1].status, DEPLOYMENT_ACTIVE);
    assert_int_equal(service->deployments[0].created_at_ms, 1000);
    service_free(service);
}

static void counts_tell_staying_from_stopping(void **state)
{
    struct deployment_counts counts = {0};
    struct task *task = task_new();
    struct container *container = task_resize_containers(task, 1);
    int64_t due = 0;

    (void)state;
    container->is_essential = true;
    task->last_status = TASK_RUNNING;
    task->desired_status = TASK_RUNNING;
    task->started_at_ms = 5000;
    deployment_counts_add(&counts, task, 6000, &due);
    assert_int_equal(counts.running, 1);
    assert_int_equal(counts.healthy, 0);
    assert_int_equal(due, 45000);
    task->desired_status = TASK_STOPPED;
    deployment_counts_add(&counts, task, 6000, &due);
    assert_int_equal(counts.running, 2); /* as runningCount still shows it */
    assert_int_equal(counts.staying, 1);
    assert_int_equal(counts.stopping, 1);
    task->last_status = TASK_STOPPED;
    deployment_counts_add(&counts, task, 6000, &due);
    assert_int_equal(counts.stopping, 1);
    task_free(task);
}

static void backoff_grows_to_fifteen_minutes(void **state)
{
    static const int64_t want[] = {0, 0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 900, 900};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(service_backoff_ms((int32_t)i), want[i] * 1000);
    assert_int_equal(service_backoff_ms(INT32_MAX), SERVICE_BACKOFF_MAX_MS);
}

static const struct {
    char *(*said)(struct arena *, const char *, const char *);
    const char *text;
} texts[] = {
    {event_deployment_completed, "(service web) (deployment ecs-svc/7) deployment completed."},
    {event_deployment_failed,
     "(service web) (deployment ecs-svc/7) deployment failed: tasks failed to start."},
    {event_rolling_back, "(service web) rolling back to deployment ecs-svc/7."},
    {event_scale_in_protected,
     "(service web) was unable to reach steady state because (taskSet ecs-svc/7) was unable to "
     "scale "
     "in. Reason: The number of protected tasks are more than the desired count of tasks."},
    {event_unplaceable_in_zone, "(service web) is unable to place a task in ecs-svc/7 because no "
                                "container instance met all of its requirements."},
    {event_unbalanced,
     "(service web) is not AZ balanced with ecs-svc/7. AZ Rebalancing in progress."},
    {event_balanced, "(service web) is AZ balanced with ecs-svc/7."},
};

static void events_say_it_in_ecs_words(void **state)
{
    struct arena arena = {0};
    struct id ids[2] = {{{0x11, [15] = 0x22}}, {{0x33}}};

    (void)state;
    assert_string_equal(event_steady_state(&arena, "web"),
                        "(service web) has reached a steady state.");
    assert_string_equal(event_started(&arena, "web", ids, 2),
                        "(service web) has started 2 tasks: (task "
                        "11000000000000000000000000000022) (task "
                        "33000000000000000000000000000000).");
    assert_string_equal(
        event_unplaceable(&arena, "web", NULL, NULL),
        "(service web) was unable to place a task because no container instance met "
        "all of its requirements.");
    assert_string_equal(
        event_unplaceable(&arena, "web", &ids[1], "RESOURCE:MEMORY"),
        "(service web) was unable to place a task because no container instance met all of its "
        "requirements. The closest matching (container-instance 33000000000000000000000000000000) "
        "has insufficient memory available. For more information, see the Troubleshooting section "
        "of the Amazon ECS Developer Guide.");
    assert_string_equal(
        event_unplaceable(&arena, "web", &ids[1], "AGENT"),
        "(service web) was unable to place a task because no container instance met all of its "
        "requirements. The closest matching (container-instance 33000000000000000000000000000000) "
        "encountered error \"AGENT\". For more information, see the Troubleshooting section of the "
        "Amazon ECS Developer Guide.");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_string_equal(texts[i].said(&arena, "web", "ecs-svc/7"), texts[i].text);
    assert_string_equal(event_started_in_zone(&arena, "web", "zone-a", ids, 1),
                        "(service web) has started 1 tasks in zone-a to AZ Rebalance: (task "
                        "11000000000000000000000000000022).");
    assert_string_equal(event_stopped_in_zone(&arena, "web", "zone-a", ids, 1),
                        "(service web) has stopped 1 running tasks in zone-a due to AZ "
                        "rebalancing: (task 11000000000000000000000000000022).");
    assert_string_equal(
        event_unplaceable_because(&arena, "web", EVENT_NO_FARGATE_CAPACITY),
        "(service web) was unable to place a task. Reason: Capacity is unavailable at this time. "
        "Please try again later or in a different availability zone");
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_those_of_the_table),
        cmocka_unit_test(rolling_updates_stay_in_bounds_and_end),
        cmocka_unit_test(a_step_does_what_the_moment_allows),
        cmocka_unit_test(the_first_step_is_that_of_the_table),
        cmocka_unit_test(the_breaker_opens_at_half_the_count),
        cmocka_unit_test(deployments_change_places),
        cmocka_unit_test(counts_tell_staying_from_stopping),
        cmocka_unit_test(backoff_grows_to_fifteen_minutes),
        cmocka_unit_test(events_say_it_in_ecs_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
