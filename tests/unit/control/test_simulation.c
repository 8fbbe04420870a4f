/* The control plane among failing agents, networks and disks: whatever happens, things settle as
 * they were wished. BERTH_SEED repeats one run, BERTH_SEEDS says how many there are. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "sim.h"

#define SEEDS_DEFAULT 1000
#define STEPS         40

static const char *const names[] = {"alpha", "beta", "gamma"};
static const char daemon_name[] = "delta", external_name[] = "epsilon";
static const struct {
    int32_t minimum, maximum;
} percents[] = {{100, 200}, {50, 100}, {50, 200}, {0, 100}, {0, 200}, {50, 150}};

static const char *const documents[] = {
    "{\"serviceName\":\"x\",\"deploymentConfiguration\":{\"deploymentCircuitBreaker\":{"
    "\"enable\":true,\"rollback\":true}}}",
    "{\"serviceName\":\"x\",\"deploymentConfiguration\":{\"deploymentCircuitBreaker\":{"
    "\"enable\":true,\"rollback\":false}}}",
    "{\"serviceName\":\"x\",\"availabilityZoneRebalancing\":\"ENABLED\"}",
    "{\"serviceName\":\"x\",\"capacityProviderStrategy\":[{\"capacityProvider\":\"managed\","
    "\"weight\":2,\"base\":1},{\"capacityProvider\":\"fixed\",\"weight\":1}],"
    "\"availabilityZoneRebalancing\":\"ENABLED\"}",
    "{\"serviceName\":\"x\",\"capacityProviderStrategy\":[{\"capacityProvider\":\"managed\","
    "\"weight\":1}]}",
};

static uint64_t below(struct world *world, uint64_t bound)
{
    return rng_below(&world->rng, bound);
}

static struct sim_agent *some_agent(struct world *world)
{
    return &world->agents[below(world, (uint64_t)world->agent_count)];
}

static void stop_something(struct world *world)
{
    if (world->acked_count)
        world_stop_task(world, &world->acked[below(world, world->acked_count)]);
}

static void exit_something(struct world *world)
{
    struct sim_agent *agent = some_agent(world);

    if (agent->tasks && !agent->is_dead)
        agent_exit_task(agent, &agent->tasks->id, (int)below(world, 3));
}

static void protect_something(struct world *world)
{
    const struct task *task = NULL;
    uint64_t nth = below(world, 12);

    do
        task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_CLUSTER, NULL,
                                false, task ? &task->id : NULL);
    while (task && nth-- > 0);
    if (task)
        world_protect_task(world, &task->id, (int64_t)below(world, 30) * MINUTES);
}

/* Another controller's deployments. */
static void do_something_external(struct world *world)
{
    const struct service *service = world_service(world, external_name);
    double percent = (double)below(world, 5) * 25;
    const struct task_set *set;

    if (!service) {
        world_create_external(world, external_name, (int32_t)below(world, 6));
        return;
    }
    if (service->status != SERVICE_ACTIVE)
        return;
    set = state_task_set_after(service, NULL);
    if (set && below(world, 2))
        set = state_task_set_after(service, set->id) ? state_task_set_after(service, set->id) : set;
    switch (below(world, 6)) {
    case 0:
    case 1:
        if (state_task_set_count(service) < 3)
            world_add_task_set(world, external_name, "web", 1 + (int)below(world, 2), percent);
        break;
    case 2:
        if (set && set->status != TASK_SET_DRAINING)
            world_scale_task_set(world, external_name, set->id, percent);
        break;
    case 3:
        if (set)
            world_delete_task_set(world, external_name, set->id);
        break;
    case 4:
        world_scale_service(world, external_name, (int32_t)below(world, 6));
        break;
    default:
        if (below(world, 4) == 0)
            world_delete_service(world, external_name);
        break;
    }
}

static void do_something(struct world *world)
{
    const char *name = names[below(world, 3)];
    size_t percent = below(world, 6);

    switch (below(world, 29)) {
    case 0:
    case 1:
        world_run_task(world, "batch", 1, 1 + below(world, 6));
        break;
    case 2:
        stop_something(world);
        break;
    case 3:
    case 4:
        world_create_service(world, name, "web", 1 + (int)below(world, 2), (int32_t)below(world, 8),
                             percents[percent].minimum, percents[percent].maximum);
        break;
    case 5:
    case 6:
        world_update_service(world, name, 1 + (int)below(world, 2));
        break;
    case 7:
        world_scale_service(world, name, (int32_t)below(world, 8));
        break;
    case 8:
        if (below(world, 4) == 0)
            world_delete_service(world, name);
        break;
    case 9:
        world_set_instance(world, (int)below(world, (uint64_t)world->agent_count),
                           below(world, 2) ? INSTANCE_DRAINING : INSTANCE_ACTIVE);
        break;
    case 10:
        agent_drop(some_agent(world), (int64_t)below(world, 200000));
        break;
    case 11:
        agent_restart(some_agent(world));
        break;
    case 12:
        if (below(world, 3) == 0)
            agent_kill(some_agent(world));
        break;
    case 13:
        agent_revive(some_agent(world));
        break;
    case 14:
        if (below(world, 3) == 0)
            world_restart(world);
        break;
    case 15:
        world_fail_store_write(world, 1 + (long)below(world, 6));
        break;
    case 16:
        exit_something(world);
        break;
    case 17:
        world_create_daemon(world, daemon_name, "web", 1, below(world, 2) ? 0 : 50);
        break;
    case 18:
        world_update_service(world, daemon_name, 1 + (int)below(world, 2));
        break;
    case 19:
        world_stop_deployment(world, name,
                              below(world, 2) ? SERVICE_DEPLOYMENT_STOP_REQUESTED
                                              : SERVICE_DEPLOYMENT_ROLLBACK_REQUESTED);
        break;
    case 20:
    case 21:
    case 22:
        do_something_external(world);
        break;
    case 23:
    case 24:
        world_run_task_of(world, below(world, 4) ? "managed" : "fixed",
                          below(world, 2) ? "batch" : "big", 1, NULL, 1 + below(world, 3));
        break;
    case 25:
        protect_something(world);
        break;
    case 26:
        world->is_disk_full = true;
        world_pass(world, (int64_t)below(world, 3000));
        world->is_disk_full = false;
        break;
    case 27:
        world_set_provider(world, (int)below(world, (uint64_t)world->agent_count),
                           below(world, 3) ? "managed" : "fixed");
        break;
    default:
        break;
    }
}

/* A host more of each provider: there is room for everything but what was big. */
static void bring_room(struct world *world)
{
    for (int i = 0; i < 2; i++) {
        world_add_agent(world);
        world_set_provider(world, world->agent_count - 1, i ? "fixed" : "managed");
    }
    for (size_t i = 0; i < world->acked_count; i++) {
        const struct task *task = world_task(world, &world->acked[i]);

        if (task && task->cpu > SIM_HOST_CPU / 2)
            world_stop_task(world, &task->id);
    }
}

/* It starts nothing more until it is updated (API-189). */
static bool has_failed(struct world *world, const char *name)
{
    const struct service *service = world_service(world, name);

    return service && service->status == SERVICE_ACTIVE &&
           service->deployments[0].rollout_state == ROLLOUT_STATE_FAILED;
}

static void run(uint64_t seed)
{
    struct world *world = world_new(seed, 3 + (int)(seed % 4));

    world_define(world, "web", 64, false);
    world_define(world, "web", 96, false);
    world_define(world, "batch", 32, false);
    world_define(world, "big", SIM_HOST_CPU - 300, false);
    world_create_provider(world, "managed", true);
    world_create_provider(world, "fixed", false);
    for (int i = 0; i < world->agent_count; i++)
        world_set_provider(world, i, i % 2 ? "managed" : "fixed");
    world_pass(world, 2000);
    world->is_calm = false;
    world->start_fails_percent = (int64_t)below(world, 4) * 10;
    world->bad_revision = below(world, 4) ? 0 : 2;
    if (below(world, 2))
        snprintf(world->service_document, sizeof(world->service_document), "%s",
                 documents[below(world, ARRAY_LEN(documents))]);
    for (int step = 0; step < STEPS; step++) {
        do_something(world);
        world_pass(world, (int64_t)below(world, below(world, 4) ? 3000 : 90000));
    }
    /* Peace. */
    world->is_calm = true;
    world->start_fails_percent = 0;
    world_fail_store_write(world, 0);
    world_pass(world, 10 * 1000); /* reconcilers rest after a refusal */
    bring_room(world);
    for (int i = 0; i < world->agent_count; i++) {
        agent_revive(&world->agents[i]);
        world_set_instance(world, i, INSTANCE_ACTIVE);
    }
    world->bad_revision = 0;
    world_pass(world, 20 * MINUTES); /* what was about to fail has failed */
    for (size_t i = 0; i < 3; i++) {
        world_set_percents(world, names[i], 0, 200); /* else some could never end (SC-197) */
        if (has_failed(world, names[i]))
            world_update_service(world, names[i], 1);
    }
    if (has_failed(world, daemon_name))
        world_update_service(world, daemon_name, 1);
    for (int i = 0; i < 90; i++)
        world_pass(world, MINUTES);
    world_assert_settled(world);
    world_restart(world); /* all of it is in the store */
    world_pass(world, 5 * MINUTES);
    world_assert_settled(world);
    world_free(world);
}

static void everything_settles_whatever_happens(void **state)
{
    const char *one = getenv("BERTH_SEED"), *many = getenv("BERTH_SEEDS");
    uint64_t seeds = many ? strtoull(many, NULL, 10) : SEEDS_DEFAULT;

    (void)state;
    if (one)
        run(strtoull(one, NULL, 10));
    for (uint64_t seed = 1; !one && seed <= seeds; seed++)
        run(seed);
}

/* Store writes that fail, walked: the first, the second... until a run needs no more. */
static void every_failed_write_is_survived(void **state)
{
    (void)state;
    for (long nth = 1; nth < 400; nth++) {
        struct world *world = world_new(77, 4);
        struct state_stats stats;

        world_define(world, "web", 64, false);
        world_define(world, "web", 96, false);
        world_pass(world, 2000);
        world_create_service(world, "alpha", "web", 1, 4, 50, 200);
        world_settle(world);
        world_fail_store_write(world, nth);
        world_pass(world, MINUTES);
        world_update_service(world, "alpha", 2);
        world_pass(world, 5 * MINUTES);
        state_stats(world->state, &stats);
        world_fail_store_write(world, 0);
        world_pass(world, 20 * MINUTES);
        world_assert_settled(world);
        world_free(world);
        if (!stats.failed_batches)
            return; /* the run needs fewer writes than that */
    }
    fail_msg("there was always one write more");
}

/* A service of each kind, updated; a host that leaves, one that comes. */
static struct world *busy_world(long restart_at)
{
    struct world *world = world_new(79, 4);

    world_define(world, "web", 64, false);
    world_define(world, "web", 96, false);
    world_define(world, "big", SIM_HOST_CPU / 2, false);
    world_create_provider(world, "managed", true);
    world_create_provider(world, "fixed", false);
    for (int i = 0; i < 4; i++)
        world_set_provider(world, i, i == 3 ? "managed" : "fixed");
    world_pass(world, 2000);
    world->restart_at = restart_at;
    world_create_service(world, "alpha", "web", 1, 4, 50, 200);
    world_create_daemon(world, daemon_name, "web", 1, 0);
    world_create_external(world, external_name, 3);
    world_add_task_set(world, external_name, "web", 1, 100);
    snprintf(world->service_document, sizeof(world->service_document), "%s", documents[4]);
    world_create_service(world, "beta", "big", 1, 2, 0, 100); /* one waits */
    world_pass(world, MINUTES);
    world_update_service(world, "alpha", 2);
    world_update_service(world, daemon_name, 2);
    world_add_task_set(world, external_name, "web", 2, 50);
    world_set_instance(world, 0, INSTANCE_DRAINING);
    world_pass(world, 2 * MINUTES);
    world_set_provider(world, 2, "managed");
    world_set_instance(world, 0, INSTANCE_ACTIVE);
    world_pass(world, 20 * MINUTES);
    world->restart_at = 0;
    world_assert_settled(world);
    return world;
}

/* The server dies after each step of the way, one run for each: all end as the one without. */
static void a_restart_at_every_step_changes_nothing(void **state)
{
    struct world *world = busy_world(0);
    CLEANUP(str_freep) char *undisturbed = world_end_state(world);
    bool is_over = false;
    long step;

    (void)state;
    world_free(world);
    for (step = 1; !is_over; step++) {
        CLEANUP(str_freep) char *end = NULL;

        world = busy_world(step);
        is_over = world->steps < step;
        end = world_end_state(world);
        if (!str_eq(end, undisturbed))
            fail_msg("died after step %ld:\n%sinstead of\n%s", step, end, undisturbed);
        world_free(world);
    }
    assert_in_range(step, 40, 400);
}

/* A disk that stays full is tried ever less often, not as fast as it refuses. */
static void a_full_disk_is_not_run_against(void **state)
{
    struct world *world = world_new(78, 4);
    struct state_stats stats;

    (void)state;
    world_define(world, "web", 64, false);
    world_pass(world, 2000);
    world_create_service(world, "alpha", "web", 1, 8, 50, 200);
    world_pass(world, 2 * MINUTES);
    agent_kill(&world->agents[0]);
    world_pass(world, MINUTES);
    world->is_disk_full = true;
    world_pass(world, 10 * MINUTES); /* tasks are to be replaced, and cannot */
    state_stats(world->state, &stats);
    if (stats.failed_batches < 10 || stats.failed_batches > 200)
        fail_msg("%d batches were tried", (int)stats.failed_batches);
    world->is_disk_full = false;
    world_pass(world, 5 * MINUTES);
    world_assert_settled(world);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failed_write_is_survived),
        cmocka_unit_test(a_restart_at_every_step_changes_nothing),
        cmocka_unit_test(a_full_disk_is_not_run_against),
        cmocka_unit_test(everything_settles_whatever_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
