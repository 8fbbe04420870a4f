/* Tasks that wait in PROVISIONING for a host of a managed capacity provider (CL-103 to CL-107), by
 * example. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "control/capacity_need.h"
#include "core/task.h"
#include "sim.h"

#define SECONDS 1000

/* Agents 0 and 1 are of "managed", whose scaling is, and 2 of "fixed"; a task of "half" takes half
 * of a host, one of "whole" all of it. */
static struct world *with_managed(void)
{
    struct world *world = world_new(91, 3);

    world_create_provider(world, "managed", true);
    world_create_provider(world, "fixed", false);
    for (int i = 0; i < 3; i++)
        world_set_provider(world, i, i < 2 ? "managed" : "fixed");
    world_define(world, "half", SIM_HOST_CPU / 2, false);
    world_define(world, "whole", SIM_HOST_CPU, false);
    snprintf(world->service_document, sizeof(world->service_document),
             "{\"serviceName\":\"x\",\"capacityProviderStrategy\":[{\"capacityProvider\":"
             "\"managed\",\"weight\":1}]}");
    world_pass(world, 2 * SECONDS);
    return world;
}

static const struct task *acked(struct world *world, size_t n)
{
    assert_true(n < world->acked_count);
    return world_task(world, &world->acked[n]);
}

static void join(struct world *world, const char *provider)
{
    world_add_agent(world);
    world_set_provider(world, world->agent_count - 1, provider);
}

static int waiting(struct world *world)
{
    int count = 0;

    for (size_t i = 0; i < world->acked_count; i++)
        count += task_is_waiting(acked(world, i));
    return count;
}

/* CL-103, CL-107: it waits for a host of its provider, and for no other. */
static void tasks_wait_for_a_host_of_their_provider(void **state)
{
    struct world *world = with_managed();

    (void)state;
    assert_int_equal(world_run_task_of(world, "managed", "half", 1, NULL, 6), 6);
    world_pass(world, 20 * SECONDS);
    assert_int_equal(waiting(world), 2);
    for (size_t i = 0; i < 6; i++) {
        const struct task *task = acked(world, i);

        assert_int_equal(task->desired_status, TASK_RUNNING);
        assert_int_equal(task->last_status, i < 4 ? TASK_RUNNING : TASK_PROVISIONING);
        assert_int_equal(id_is_zero(&task->instance), i >= 4);
        assert_true(i < 4 || strstr(task->rare->placement_explanation, "CPU"));
    }
    join(world, "fixed");
    world_pass(world, 20 * SECONDS);
    assert_int_equal(waiting(world), 2);
    join(world, "managed");
    world_pass(world, 20 * SECONDS);
    assert_int_equal(waiting(world), 0);
    assert_null(acked(world, 5)->rare->placement_explanation);
    assert_int_equal(agent_running(&world->agents[4]), 2);
    world_assert_settled(world);
    world_free(world);
}

/* CL-105: without managed scaling it fails at once. */
static void no_one_waits_for_what_is_not_managed(void **state)
{
    struct world *world = with_managed();

    (void)state;
    assert_int_equal(world_run_task_of(world, "fixed", "half", 1, NULL, 6), 2);
    world_pass(world, 20 * SECONDS);
    assert_int_equal(waiting(world), 0);
    world_assert_settled(world);
    world_free(world);
}

/* Who came first goes first; who does not fit does not keep others from going. */
static void room_goes_to_the_oldest_that_fits(void **state)
{
    struct world *world = with_managed();

    (void)state;
    world_run_task_of(world, "managed", "half", 1, NULL, 4); /* 0 to 3: full */
    world_pass(world, 5 * SECONDS);
    world_run_task_of(world, "managed", "whole", 1, NULL, 1); /* 4 */
    world_pass(world, 5 * SECONDS);
    world_run_task_of(world, "managed", "half", 1, NULL, 1); /* 5 */
    world_pass(world, 5 * SECONDS);
    world_run_task_of(world, "managed", "whole", 1, NULL, 1); /* 6 */
    world_run_task_of(world, "managed", "half", 1, NULL, 1);  /* 7 */
    world_pass(world, 5 * SECONDS);
    assert_int_equal(waiting(world), 4);
    world_stop_task(world, &world->acked[0]); /* half a host: 5 is the oldest that fits */
    world_pass(world, MINUTES);
    assert_int_equal(acked(world, 5)->last_status, TASK_RUNNING);
    assert_int_equal(waiting(world), 3);
    join(world, "managed"); /* a whole one: 4 waited longest */
    world_pass(world, MINUTES);
    assert_int_equal(acked(world, 4)->last_status, TASK_RUNNING);
    assert_true(task_is_waiting(acked(world, 6)) && task_is_waiting(acked(world, 7)));
    join(world, "managed");
    world_pass(world, MINUTES);
    assert_int_equal(acked(world, 6)->last_status, TASK_RUNNING);
    join(world, "managed");
    world_pass(world, MINUTES);
    assert_int_equal(waiting(world), 0);
    world_assert_settled(world);
    world_free(world);
}

/* The constraints and strategies of the launch hold when the place is found later. */
static void placement_is_that_of_the_launch(void **state)
{
    struct world *world = with_managed();

    (void)state;
    world_run_task_of(world, "managed", "half", 1, NULL, 4); /* full */
    world_run_task_of(world, "managed", "half", 1,
                      "{\"placementConstraints\":[{\"type\":\"memberOf\",\"expression\":"
                      "\"attribute:colour == red\"},{\"type\":\"distinctInstance\"}]}",
                      2); /* 4 and 5 */
    world_pass(world, 5 * SECONDS);
    assert_int_equal(waiting(world), 2);
    join(world, "managed");
    world_pass(world, MINUTES);
    assert_int_equal(waiting(world), 2);
    world_set_attribute(world, 3, "colour", "red");
    world_pass(world, MINUTES);
    assert_int_equal(waiting(world), 1); /* the other wants an instance of its own */
    join(world, "managed");
    world_set_attribute(world, 4, "colour", "red");
    world_pass(world, MINUTES);
    assert_int_equal(waiting(world), 0);
    assert_int_equal(agent_running(&world->agents[3]), 1);
    assert_int_equal(agent_running(&world->agents[4]), 1);
    world_assert_settled(world);
    world_free(world);
}

static void a_waiting_task_can_be_stopped(void **state)
{
    struct world *world = with_managed();
    const struct task *task;

    (void)state;
    world_run_task_of(world, "managed", "whole", 1, NULL, 3);
    world_pass(world, 5 * SECONDS);
    world_stop_task(world, &world->acked[2]);
    world_pass(world, 5 * SECONDS);
    task = acked(world, 2);
    assert_int_equal(task->last_status, TASK_STOPPED);
    assert_int_equal(task->stop_code, STOP_CODE_USER_INITIATED);
    assert_string_equal(task->rare->stopped_reason, STOPPED_BY_USER);
    join(world, "managed");
    world_pass(world, MINUTES);
    assert_int_equal(agent_running(&world->agents[3]), 0);
    world_assert_settled(world);
    world_free(world);
}

/* ---- who nobody comes for (CL-106) ---- */

static void nothing(struct world *world)
{
    (void)world;
}

static void no_host(struct world *world)
{
    world_set_provider(world, 0, "fixed");
    world_set_provider(world, 1, "fixed");
}

static void no_active_host(struct world *world)
{
    world_set_instance(world, 0, INSTANCE_DRAINING);
    world_set_instance(world, 1, INSTANCE_DRAINING);
}

static void no_agent(struct world *world)
{
    world_set_instance(world, 0, INSTANCE_DRAINING);
    agent_kill(&world->agents[1]);
    world_pass(world, MINUTES);
}

static const struct {
    const char *reason;
    void (*before)(struct world *world);
    int placed;
} ends[] = {
    {"RESOURCE:CPU", nothing, 2},
    {"EMPTY CAPACITY PROVIDER", no_host, 0},
    {"NO ACTIVE INSTANCES", no_active_host, 0},
    {"AGENT", no_agent, 0},
};

static void a_wait_ends_with_what_was_missing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct world *world = with_managed();
        const struct task *task;

        ends[i].before(world);
        world_run_task_of(world, "managed", "whole", 1, NULL, 3);
        world_pass(world, 15 * MINUTES - SECONDS);
        assert_int_equal(waiting(world), 3 - ends[i].placed);
        world_pass(world, 2 * SECONDS);
        assert_int_equal(waiting(world), 0);
        task = acked(world, 2);
        assert_int_equal(task->last_status, TASK_STOPPED);
        assert_int_equal(task->stop_code, STOP_CODE_TASK_FAILED_TO_START);
        if (!str_eq(task->rare->stopped_reason, ends[i].reason))
            fail_msg("%s instead of %s", task->rare->stopped_reason, ends[i].reason);
        world_free(world);
    }
}

/* What waits is in the store; hosts that were there have two minutes to come back. */
static void a_restart_goes_on_waiting(void **state)
{
    struct world *world = with_managed();

    (void)state;
    world_run_task_of(world, "managed", "whole", 1, NULL, 4);
    world_pass(world, 14 * MINUTES);
    assert_int_equal(waiting(world), 2);
    world_restart(world);
    assert_int_equal(waiting(world), 2);
    world_stop_task(world, &world->acked[0]);
    world_pass(world, 100 * SECONDS);
    assert_int_equal(waiting(world), 1);
    world_pass(world, MINUTES);
    assert_int_equal(waiting(world), 0);
    assert_int_equal(acked(world, 2)->stop_code + acked(world, 3)->stop_code,
                     STOP_CODE_TASK_FAILED_TO_START); /* one of the two found a place */
    world_assert_settled(world);
    world_free(world);
}

/* ---- services ---- */

static int service_waiting(struct world *world, const char *service)
{
    const struct task *task = NULL;
    int count = 0;

    while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE,
                                    service, false, task ? &task->id : NULL)))
        count += task_is_waiting(task);
    return count;
}

/* SC-198: it waits as long as it takes; nothing fails for want of a host. */
static void a_service_waits_as_long_as_it_takes(void **state)
{
    struct world *world = with_managed();

    (void)state;
    world_create_service(world, "alpha", "whole", 1, 4, 100, 200);
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "alpha"), 2);
    assert_int_equal(service_waiting(world, "alpha"), 2);
    assert_int_equal(world_events(world, "alpha", "has started 4 tasks"), 1);
    assert_int_equal(world_events(world, "alpha", "unable to place"), 0);
    world_pass(world, 65 * MINUTES);
    assert_int_equal(service_waiting(world, "alpha"), 2);
    assert_int_equal(world_service(world, "alpha")->failures_in_row, 0);
    assert_int_equal(world_events(world, "alpha", "unable to consistently start"), 0);
    join(world, "managed");
    join(world, "managed");
    world_pass(world, 3 * MINUTES);
    assert_int_equal(world_running(world, "alpha"), 4);
    world_assert_settled(world);

    /* Twice the tasks are too many for the hosts; scaled in, those that wait go first. */
    world_scale_service(world, "alpha", 6);
    world_pass(world, MINUTES);
    assert_int_equal(service_waiting(world, "alpha"), 2);
    world_scale_service(world, "alpha", 4);
    world_pass(world, 2 * MINUTES);
    assert_int_equal(world_running(world, "alpha"), 4);
    world_assert_settled(world);
    world_free(world);
}

/* A new deployment: its tasks wait too, and old ones that still waited are of no use any more. */
static void a_deployment_waits_for_hosts(void **state)
{
    struct world *world = with_managed();

    (void)state;
    world_define(world, "whole", SIM_HOST_CPU, false); /* revision 2 */
    world_create_service(world, "alpha", "whole", 1, 3, 100, 200);
    world_pass(world, 2 * MINUTES);
    assert_int_equal(service_waiting(world, "alpha"), 1);
    world_update_service(world, "alpha", 2);
    world_pass(world, 2 * MINUTES);
    assert_int_equal(world_running(world, "alpha"), 2);
    assert_int_equal(service_waiting(world, "alpha"), 3);
    for (int i = 0; i < 3; i++)
        join(world, "managed");
    world_pass(world, 5 * MINUTES);
    world_assert_settled(world);
    world_free(world);
}

/* CL-106: a cluster has so many of them. */
static void a_cluster_has_room_for_so_many(void **state)
{
    struct world *world = with_managed();
    struct quotas quotas = {0};

    (void)state;
    assert_null(quotas_set(&quotas, "provisioning-tasks-per-cluster=3"));
    world->options.quotas = &quotas;
    world_restart(world);
    world_pass(world, MINUTES);
    world_create_service(world, "alpha", "whole", 1, 8, 100, 200);
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "alpha"), 2);
    assert_int_equal(service_waiting(world, "alpha"), 3);
    assert_int_equal(control_waiting_room(world->control, world->scope, SIM_CLUSTER), 0);
    assert_int_equal(world_events(world, "alpha",
                                  "(service alpha) was unable to place a task. Reason: Tasks "
                                  "provisioning capacity limit exceeded."),
                     1);
    join(world, "managed"); /* who goes makes room for others to wait */
    join(world, "managed");
    world_pass(world, MINUTES);
    assert_int_equal(world_running(world, "alpha"), 4);
    assert_int_equal(service_waiting(world, "alpha"), 3);
    join(world, "managed");
    join(world, "managed");
    world_set_provider(world, 2, "managed");
    world_scale_service(world, "alpha", 7);
    world_pass(world, 3 * MINUTES);
    assert_int_equal(world_running(world, "alpha"), 7);
    world_assert_settled(world);
    world_free(world);
}

/* ---- how many hosts it takes (CL-135, CL-136) ---- */

static const struct {
    const char *why;
    int hosts;          /* of the provider */
    size_t half, whole; /* tasks asked for; so many times half a host, and all of it */
    size_t giant;       /* more than there is on any */
    bool daemon;
    struct capacity_need need;
    double reservation;
} needs[] = {
    {"nothing at all", 0, 0, 0, 0, false, {0}, 100},
    {"no host, and someone waits", 0, 3, 0, 0, false, {.hosts_needed = 1, .tasks_waiting = 3}, 200},
    {"all are empty", 2, 0, 0, 0, false, {.hosts = 2}, 0},
    {"a DAEMON keeps nobody", 2, 0, 0, 0, true, {.hosts = 2}, 0},
    {"one is enough", 2, 0, 1, 0, false, {.hosts = 2, .hosts_busy = 1, .hosts_needed = 1}, 50},
    {"full, and all is well",
     2,
     0,
     2,
     0,
     false,
     {.hosts = 2, .hosts_busy = 2, .hosts_needed = 2},
     100},
    {"three more halves are two more hosts",
     2,
     7,
     0,
     0,
     false,
     {.hosts = 2, .hosts_busy = 2, .hosts_needed = 4, .tasks_waiting = 3},
     200},
    {"halves go beside halves, whole ones alone",
     1,
     3,
     2,
     0,
     false,
     {.hosts = 1, .hosts_busy = 1, .hosts_needed = 4, .tasks_waiting = 3},
     400},
    {"what no host takes moves nothing",
     1,
     2,
     0,
     2,
     false,
     {.hosts = 1, .hosts_busy = 1, .hosts_needed = 1, .tasks_waiting = 2, .tasks_left_out = 2},
     100},
};

static void what_a_provider_needs_is_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
        struct world *world = with_managed();
        const struct capacity_need *want = &needs[i].need;
        struct capacity_need need;

        world_define(world, "giant", 2 * SIM_HOST_CPU, false);
        for (int n = 0; n < 3; n++)
            world_set_provider(world, n, n < needs[i].hosts ? "managed" : "fixed");
        if (needs[i].daemon) {
            world_define(world, "small", 1, false);
            snprintf(world->service_document, sizeof(world->service_document),
                     "{\"serviceName\":\"x\"}");
            world_create_daemon(world, "delta", "small", 1, 0);
        }
        world_run_task_of(world, "managed", "half", 1, NULL, needs[i].half);
        world_pass(world, 5 * SECONDS);
        world_run_task_of(world, "managed", "whole", 1, NULL, needs[i].whole);
        world_run_task_of(world, "managed", "giant", 1, NULL, needs[i].giant);
        world_pass(world, MINUTES);
        control_capacity_need(world->control, world->scope, SIM_CLUSTER, "managed", &need);
        if (need.hosts != want->hosts || need.hosts_busy != want->hosts_busy ||
            need.hosts_needed != want->hosts_needed || need.tasks_waiting != want->tasks_waiting ||
            need.tasks_left_out != want->tasks_left_out ||
            capacity_need_reservation(&need) != needs[i].reservation)
            fail_msg("%s: %d hosts, %d busy, %d needed, %d tasks wait, %d of them left out",
                     needs[i].why, (int)need.hosts, (int)need.hosts_busy, (int)need.hosts_needed,
                     (int)need.tasks_waiting, (int)need.tasks_left_out);
        world_free(world);
    }
}

static int64_t busy_hosts(struct world *world)
{
    struct capacity_need need;

    control_capacity_need(world->control, world->scope, SIM_CLUSTER, "managed", &need);
    return need.hosts_busy;
}

/* CL-127: a task counts until it has ended, one that is being stopped too; what a host is
 * remembered for, and its DAEMON tasks, do not. */
static void a_host_is_busy_until_its_tasks_have_ended(void **state)
{
    (void)state;
    for (int with_daemon = 0; with_daemon <= 1; with_daemon++) {
        struct world *world = with_managed();
        const struct container_instance *host = NULL;
        const struct task *task = NULL;
        struct instance_counts counts;
        char hex[ID_HEX_SIZE];

        for (int n = 0; n < 3; n++)
            world_set_provider(world, n, n < 1 ? "managed" : "fixed");
        if (with_daemon) {
            world_define(world, "small", 1, false);
            snprintf(world->service_document, sizeof(world->service_document),
                     "{\"serviceName\":\"x\"}");
            world_create_daemon(world, "delta", "small", 1, 0);
        }
        world_run_task_of(world, "managed", "half", 1, NULL, 1);
        world_pass(world, MINUTES);
        assert_int_equal(busy_hosts(world), 1);
        id_format(&world->agents[0].instance, hex);
        do
            task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_INSTANCE, hex,
                                    false, task ? &task->id : NULL);
        while (task && task->service);
        assert_non_null(task);
        world_stop_task(world, &task->id);
        assert_int_equal(task->desired_status, TASK_STOPPED);
        assert_int_not_equal(task->last_status, TASK_STOPPED);
        assert_int_equal(busy_hosts(world), 1);
        world_pass(world, MINUTES);
        assert_int_equal(task->last_status, TASK_STOPPED);
        host = state_instance(world->state, world->scope, SIM_CLUSTER, &world->agents[0].instance);
        state_instance_counts(host, &counts);
        assert_int_equal(counts.tasks_live, with_daemon);
        assert_int_equal(busy_hosts(world), 0);
        world_free(world);
    }
}

/* The first, the second... store write fails, until a run needs no more. */
static void every_failed_write_is_survived(void **state)
{
    bool fails = true;

    (void)state;
    for (long nth = 1; fails; nth++) {
        struct world *world = with_managed();
        struct state_stats stats;

        assert_true(nth < 400);
        for (int i = 0; i < 2; i++)
            join(world, "fixed");
        world_pass(world, 2 * SECONDS);
        world_fail_store_write(world, nth);
        world_run_task_of(world, "managed", "whole", 1, NULL, 3);
        world_create_service(world, "alpha", "half", 1, 3, 100, 200);
        world_pass(world, MINUTES);
        for (int i = 2; i < 5; i++)
            world_set_provider(world, i, "managed");
        world_pass(world, 2 * MINUTES);
        state_stats(world->state, &stats);
        fails = stats.failed_batches > 0;
        world_fail_store_write(world, 0);
        for (int i = 2; i < 5; i++)
            world_set_provider(world, i, "managed");
        world_pass(world, 20 * MINUTES);
        if (world_service(world, "alpha"))
            world_assert_settled(world);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_wait_for_a_host_of_their_provider),
        cmocka_unit_test(no_one_waits_for_what_is_not_managed),
        cmocka_unit_test(room_goes_to_the_oldest_that_fits),
        cmocka_unit_test(placement_is_that_of_the_launch),
        cmocka_unit_test(a_waiting_task_can_be_stopped),
        cmocka_unit_test(a_wait_ends_with_what_was_missing),
        cmocka_unit_test(a_restart_goes_on_waiting),
        cmocka_unit_test(a_service_waits_as_long_as_it_takes),
        cmocka_unit_test(a_deployment_waits_for_hosts),
        cmocka_unit_test(a_cluster_has_room_for_so_many),
        cmocka_unit_test(what_a_provider_needs_is_known),
        cmocka_unit_test(a_host_is_busy_until_its_tasks_have_ended),
        cmocka_unit_test(every_failed_write_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
