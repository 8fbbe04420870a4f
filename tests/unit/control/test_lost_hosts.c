/* Hosts that fall silent: when they are lost, and what becomes of their tasks (ARCHITECTURE.md, Lost
 * hosts; CL-252 to CL-254, AG-341, API-247), a row for each rule. */
#include <string.h>

#include "base/str.h"
#include "core/task.h"
#include "sim.h"

#define SECONDS 1000
#define HOURS   (60 * MINUTES)
#define NEVER   0

static const struct {
    const char *why;
    int agents, silent; /* so many of the first ones */
    int64_t lost_after_ms;
    int64_t led_for_ms;       /* how long the server has led when they fall silent */
    int64_t restart_after_ms; /* silent so long when the server restarts; 0: it does not */
    int64_t wait_ms;          /* from then on */
    bool is_lost;
    int64_t lead_grace_ms; /* 0: two minutes */
} cases[] = {
    {"not before its time", 4, 1, 2 * MINUTES, 5 * MINUTES, 0, 110 * SECONDS, false},
    {"then at once", 4, 1, 2 * MINUTES, 5 * MINUTES, 0, 130 * SECONDS, true},
    {"the time is the operator's", 4, 1, 30 * SECONDS, 5 * MINUTES, 0, 40 * SECONDS, true},
    {"the time is the operator's: longer", 4, 1, HOURS, 5 * MINUTES, 0, 50 * MINUTES, false},
    {"never, as on ECS", 4, 1, NEVER, 5 * MINUTES, 0, 20 * HOURS, false},
    {"a server that began to lead waits two minutes more", 4, 1, 2 * MINUTES, 30 * SECONDS, 0,
     150 * SECONDS, false},
    {"and then its time", 4, 1, 2 * MINUTES, 30 * SECONDS, 0, 220 * SECONDS, true},
    {"the operator may have it wait less", 4, 1, 2 * MINUTES, 30 * SECONDS, 0, 150 * SECONDS, true,
     10 * SECONDS},
    {"a restart begins the wait again", 4, 1, 2 * MINUTES, 5 * MINUTES, 110 * SECONDS,
     230 * SECONDS, false},
    {"and ends it", 4, 1, 2 * MINUTES, 5 * MINUTES, 110 * SECONDS, 250 * SECONDS, true},
    {"a third of the cluster may be silent", 6, 2, 2 * MINUTES, 5 * MINUTES, 0, 3 * MINUTES, true},
    {"more than a third are not believed", 5, 2, 2 * MINUTES, 5 * MINUTES, 0, 20 * HOURS, false},
    {"nor all of them", 3, 3, 2 * MINUTES, 5 * MINUTES, 0, 20 * HOURS, false},
};

static void silent_hosts_are_lost_by_the_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = world_new(65, cases[i].agents);
        bool is_lost;

        world->options.instance_lost_after_ms = cases[i].lost_after_ms;
        world->options.lead_grace_ms = cases[i].lead_grace_ms;
        world_restart(world);
        world_define(world, "web", 64, false);
        world_pass(world, 5 * SECONDS);
        world_create_service(world, "alpha", "web", 1, cases[i].agents, 100, 200);
        world_pass(world, cases[i].led_for_ms - 5 * SECONDS);
        for (int agent = 0; agent < cases[i].silent; agent++)
            agent_kill(&world->agents[agent]);
        if (cases[i].restart_after_ms) {
            world_pass(world, cases[i].restart_after_ms);
            world_restart(world);
        }
        world_pass(world, cases[i].wait_ms);
        is_lost = world_events(world, "alpha", "has started") > 1;
        if (is_lost != cases[i].is_lost)
            fail_msg("%s: %s", cases[i].why, is_lost ? "lost" : "not lost");
        world_free(world);
    }
}

static struct world *with_one_of_each(int agents)
{
    struct world *world = world_new(66, agents);

    world_define(world, "web", 64, false);
    world_define(world, "batch", 64, false);
    world_pass(world, 5 * SECONDS);
    world_create_service(world, "alpha", "web", 1, agents, 100, 200);
    world_run_task(world, "batch", 1, (size_t)agents * 2);
    world_pass(world, 5 * MINUTES);
    return world;
}

static const struct task *task_on(struct world *world, int agent, const char *family,
                                  bool is_stopped)
{
    char hex[ID_HEX_SIZE];
    const struct task *task = NULL;

    id_format(&world->agents[agent].instance, hex);
    while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_INSTANCE, hex,
                                    is_stopped, task ? &task->id : NULL)))
        if (str_eq(task->family, family))
            return task;
    return NULL;
}

/* Only a service's tasks are replaced; who ran one by hand gets no copy of it. */
static void only_service_tasks_go_with_their_host(void **state)
{
    struct world *world = with_one_of_each(4);
    const struct task *web, *batch, *wished;

    (void)state;
    wished = task_on(world, 0, "batch", false);
    agent_kill(&world->agents[0]);
    world_pass(world, SECONDS);
    world_stop_task(world, &wished->id); /* with no one to say that it did */
    world_pass(world, 5 * MINUTES);
    web = task_on(world, 0, "web", true);
    batch = task_on(world, 0, "batch", false);
    wished = task_on(world, 0, "batch", true);
    assert_int_equal(web->last_status, TASK_STOPPED);
    assert_int_equal(web->stop_code, STOP_CODE_TERMINATION_NOTICE);
    assert_non_null(strstr(web->rare->stopped_reason, "Host EC2 (instance "));
    assert_non_null(strstr(web->rare->stopped_reason, ") stopped/terminated"));
    assert_int_equal(wished->last_status, TASK_STOPPED);
    assert_int_equal(wished->stop_code, STOP_CODE_USER_INITIATED); /* the first cause */
    if (batch)
        assert_int_equal(batch->last_status, TASK_RUNNING);
    world_free(world);
}

/* CL-254: under its own name, and what was replaced is stopped by manifest. */
static void a_host_that_returns_stops_what_was_replaced(void **state)
{
    struct world *world = with_one_of_each(4);
    struct id instance = world->agents[0].instance;
    int before = agent_running(&world->agents[0]);
    int replaced = 0;

    (void)state;
    for (struct sim_task *task = world->agents[0].tasks; task; task = task->next)
        replaced += str_eq(world_task(world, &task->id)->service, "alpha");
    agent_drop(&world->agents[0], 6 * MINUTES);
    world_pass(world, 5 * MINUTES);
    assert_int_equal(agent_running(&world->agents[0]), before);
    assert_int_equal(world_running(world, "alpha"), 4);
    world_pass(world, 5 * MINUTES);
    assert_int_equal(agent_running(&world->agents[0]), before - replaced);
    assert_true(id_cmp(&instance, &world->agents[0].instance) == 0);
    world_assert_settled(world);
    world_free(world);
}

/* Disconnected is not lost: short of its time nothing happens, and health stays (API-247). */
static void a_short_silence_changes_nothing(void **state)
{
    struct world *world = with_one_of_each(4);

    (void)state;
    agent_drop(&world->agents[0], 100 * SECONDS);
    world_pass(world, 10 * MINUTES);
    assert_int_equal(world_events(world, "alpha", "has started"), 1);
    assert_true(world_service(world, "alpha")->is_steady);
    world_assert_settled(world);
    world_free(world);
}

/* One of two that were too many comes back: the other is lost after all. */
static void the_believed_third_is_counted_anew(void **state)
{
    struct world *world = with_one_of_each(4);

    (void)state;
    agent_kill(&world->agents[0]);
    agent_kill(&world->agents[1]);
    world_pass(world, HOURS);
    assert_int_equal(world_events(world, "alpha", "has started"), 1);
    agent_revive(&world->agents[1]);
    world_pass(world, 10 * SECONDS);
    assert_true(world_events(world, "alpha", "has started") > 1);
    agent_revive(&world->agents[0]);
    world_pass(world, 10 * MINUTES);
    world_assert_settled(world);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_hosts_are_lost_by_the_rules),
        cmocka_unit_test(only_service_tasks_go_with_their_host),
        cmocka_unit_test(a_host_that_returns_stops_what_was_replaced),
        cmocka_unit_test(a_short_silence_changes_nothing),
        cmocka_unit_test(the_believed_third_is_counted_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
