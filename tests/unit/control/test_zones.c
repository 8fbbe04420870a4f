/* Availability zone rebalancing, by example. */
#include <stdio.h>

#include "base/str.h"
#include "core/task.h"
#include "core/zone_balance.h"
#include "sim.h"

#define SECONDS 1000
#define HOURS   (60 * MINUTES)

#define ENABLED "{\"serviceName\":\"x\",\"availabilityZoneRebalancing\":\"ENABLED\"}"

/* Zones are zone-a for even agents, zone-b for odd ones. */
static struct world *with_web(int agents)
{
    struct world *world = world_new(45, agents);

    snprintf(world->service_document, sizeof(world->service_document), "%s", ENABLED);
    world_define(world, "web", 64, false);
    world_define(world, "big", 1000, false);
    world_pass(world, 2 * SECONDS);
    return world;
}

static int up_in(struct world *world, int zone)
{
    int count = 0;

    for (int i = zone; i < world->agent_count; i += 2)
        count += agent_running(&world->agents[i]);
    return count;
}

/* Six tasks on zone-a's two hosts; zone-b comes up later. */
static struct world *with_one_zone_full(const char *document, int32_t minimum, int32_t maximum)
{
    struct world *world = with_web(4);

    if (document)
        snprintf(world->service_document, sizeof(world->service_document), "%s", document);
    world_set_instance(world, 1, INSTANCE_DRAINING);
    world_set_instance(world, 3, INSTANCE_DRAINING);
    world_create_service(world, "alpha", "web", 1, 6, minimum, maximum);
    world_pass(world, 2 * MINUTES);
    assert_int_equal(up_in(world, 0), 6);
    world_set_instance(world, 1, INSTANCE_ACTIVE);
    world_set_instance(world, 3, INSTANCE_ACTIVE);
    return world;
}

static void a_zone_that_comes_up_gets_its_share(void **state)
{
    struct world *world = with_one_zone_full(NULL, 100, 200);
    int least = 6, most = 6;

    (void)state;
    for (int second = 0; second < 240; second++) {
        int running;

        world_pass(world, SECONDS);
        running = world_running(world, "alpha");
        least = running < least ? running : least;
        most = running > most ? running : most;
    }
    assert_int_equal(least, 6);
    assert_true(most <= 12);
    assert_int_equal(up_in(world, 0), 3);
    assert_int_equal(up_in(world, 1), 3);
    assert_int_equal(world_events(world, "alpha",
                                  "(service alpha) is not AZ balanced with 6 tasks in zone-a, and "
                                  "0 tasks in zone-b. AZ Rebalancing in progress."),
                     1);
    assert_int_equal(world_events(world, "alpha",
                                  "(service alpha) has started 3 tasks in zone-b to AZ Rebalance:"),
                     1);
    assert_int_equal(
        world_events(
            world, "alpha",
            "(service alpha) has stopped 3 running tasks in zone-a due to AZ rebalancing:"),
        1);
    assert_int_equal(world_events(world, "alpha", "(service alpha) is AZ balanced with "), 1);
    assert_int_equal(world_service(world, "alpha")->surge, 0);
    world_pass(world, HOURS);
    assert_int_equal(world_events(world, "alpha", "AZ balanced with"), 2);
    world_assert_settled(world);
    world_free(world);
}

static void the_maximum_bounds_how_many_move_at_once(void **state)
{
    struct world *world = with_one_zone_full(NULL, 100, 117); /* upper is 7 */
    int most = 6;

    (void)state;
    for (int second = 0; second < 600; second++) {
        world_pass(world, SECONDS);
        most = world_running(world, "alpha") > most ? world_running(world, "alpha") : most;
    }
    assert_int_equal(most, 7);
    assert_int_equal(up_in(world, 0), 3);
    assert_int_equal(up_in(world, 1), 3);
    world_assert_settled(world);
    world_free(world);
}

static int of_provider(struct world *world, const char *provider)
{
    const struct task *task = NULL;
    int count = 0;

    while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE,
                                    "alpha", false, task ? &task->id : NULL)))
        count += str_eq(task->rare->capacity_provider, provider);
    return count;
}

/* CL-102, CL-107: over zones each provider keeps its share; where it has no host there is no zone
 * for it. */
static void providers_keep_their_shares(void **state)
{
    static const struct {
        const char *why, *strategy;
        int provider_of[4]; /* of each agent */
        int of[2], up[2];   /* tasks of each provider, in each zone, in the end */
    } cases[] = {
        {"one provider in both zones",
         "{\"capacityProvider\":\"p0\",\"weight\":1}",
         {0, 0, 0, 0},
         {6, 0},
         {3, 3}},
        {"two, each in both zones",
         "{\"capacityProvider\":\"p0\",\"weight\":1},{\"capacityProvider\":\"p1\",\"weight\":1}",
         {0, 0, 1, 1},
         {3, 3},
         {3, 3}},
        {"two to one",
         "{\"capacityProvider\":\"p0\",\"weight\":2},{\"capacityProvider\":\"p1\",\"weight\":1}",
         {0, 0, 1, 1},
         {4, 2},
         {3, 3}},
        {"in one zone alone",
         "{\"capacityProvider\":\"p0\",\"weight\":1}",
         {0, 1, 0, 1},
         {6, 0},
         {6, 0}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = with_web(4);

        for (int n = 0; n < 4; n++)
            world_set_provider(world, n, cases[i].provider_of[n] ? "p1" : "p0");
        snprintf(world->service_document, sizeof(world->service_document),
                 "{\"serviceName\":\"x\",\"availabilityZoneRebalancing\":\"ENABLED\","
                 "\"capacityProviderStrategy\":[%s]}",
                 cases[i].strategy);
        world_set_instance(world, 1, INSTANCE_DRAINING);
        world_set_instance(world, 3, INSTANCE_DRAINING);
        world_create_service(world, "alpha", "web", 1, 6, 100, 200);
        world_pass(world, 2 * MINUTES);
        assert_int_equal(up_in(world, 0), 6);
        world_set_instance(world, 1, INSTANCE_ACTIVE);
        world_set_instance(world, 3, INSTANCE_ACTIVE);
        world_pass(world, 10 * MINUTES);
        for (int n = 0; n < 2; n++)
            if (of_provider(world, n ? "p1" : "p0") != cases[i].of[n] ||
                up_in(world, n) != cases[i].up[n])
                fail_msg("%s: %d and %d of the providers, %d and %d in the zones", cases[i].why,
                         of_provider(world, "p0"), of_provider(world, "p1"), up_in(world, 0),
                         up_in(world, 1));
        world_assert_settled(world);
        world_free(world);
    }
}

static void it_can_be_switched_off_or_impossible(void **state)
{
    static const struct {
        const char *why, *document;
        int32_t minimum, maximum;
    } cases[] = {
        {"disabled", "{\"serviceName\":\"x\",\"availabilityZoneRebalancing\":\"DISABLED\"}", 100,
         200},
        {"another strategy",
         "{\"serviceName\":\"x\",\"availabilityZoneRebalancing\":\"ENABLED\",\"placementStrategy\":"
         "[{\"type\":\"binpack\",\"field\":\"cpu\"}]}",
         100, 200},
        {"not said: a service of before there was such a thing", "{\"serviceName\":\"x\"}", 100,
         200},
        {"no room over the count", NULL, 50, 100},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world =
            with_one_zone_full(cases[i].document, cases[i].minimum, cases[i].maximum);

        world_pass(world, HOURS);
        if (up_in(world, 0) != 6 || world_events(world, "alpha", "AZ balanced"))
            fail_msg("%s: %d and %d", cases[i].why, up_in(world, 0), up_in(world, 1));
        world_free(world);
    }
}

static void a_full_zone_is_told_once_and_tried_again(void **state)
{
    struct world *world = with_web(2);
    struct id filler;

    (void)state;
    world_set_instance(world, 0, INSTANCE_DRAINING);
    world_run_task(world, "big", 1, 1);
    world_settle(world);
    filler = world->acked[0];
    world_pass(world, 10 * SECONDS);
    world_set_instance(world, 0, INSTANCE_ACTIVE);
    world_create_service(world, "alpha", "web", 1, 4, 100, 200);
    world_pass(world, HOURS);
    assert_int_equal(world_running(world, "alpha"), 4);
    assert_int_equal(world_events(world, "alpha",
                                  "(service alpha) is unable to place a task in zone-b because no "
                                  "container instance met all of its requirements."),
                     1);
    assert_int_equal(world_service(world, "alpha")->surge, 0);
    world_stop_task(world, &filler);
    world_pass(world, MINUTES);
    world_set_attribute(world, 1, "stack", "x"); /* a host changed */
    world_pass(world, 4 * MINUTES);
    assert_int_equal(up_in(world, 1), 2);
    world_assert_settled(world);
    world_free(world);
}

/* An update in between takes over. */
static void a_deployment_ends_it(void **state)
{
    struct world *world = with_web(4);

    (void)state;
    world_define(world, "web", 64, false);
    world_set_instance(world, 1, INSTANCE_DRAINING);
    world_set_instance(world, 3, INSTANCE_DRAINING);
    world_create_service(world, "alpha", "web", 1, 6, 100, 200);
    world_pass(world, 2 * MINUTES);
    world_set_instance(world, 1, INSTANCE_ACTIVE);
    world_set_instance(world, 3, INSTANCE_ACTIVE);
    world_pass(world, 5 * SECONDS);
    assert_int_equal(world_service(world, "alpha")->surge, 3);
    world_update_service(world, "alpha", 2);
    world_pass(world, 5 * MINUTES);
    assert_int_equal(world_service(world, "alpha")->surge, 0);
    assert_int_equal(up_in(world, 0), 3);
    world_assert_settled(world);
    world_free(world);
}

static void odd_tasks_stay_where_they_are(void **state)
{
    static const struct {
        const char *why;
        struct zone_load zones[3];
        size_t count;
        int64_t total, missing;
        int64_t wanted[3];
    } cases[] = {
        {"even", {{"a", 2, 0}, {"b", 2, 0}}, 2, 4, 0, {2, 2}},
        {"one more is balanced", {{"a", 2, 0}, {"b", 1, 0}}, 2, 3, 0, {2, 1}},
        {"the fuller zone keeps the odd one", {{"a", 1, 0}, {"b", 2, 0}}, 2, 3, 0, {2, 1}},
        {"all in one", {{"a", 5, 0}, {"b", 0, 0}, {"c", 0, 0}}, 3, 5, 3, {2, 2, 1}},
        {"two apart", {{"a", 3, 0}, {"b", 1, 0}}, 2, 4, 1, {2, 2}},
        {"with the surge", {{"a", 3, 0}, {"b", 2, 0}}, 2, 4, 0, {2, 2}},
        {"one zone", {{"a", 3, 0}}, 1, 3, 0, {3}},
        {"none", {{0}}, 0, 3, 0, {0}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct zone_load zones[3];
        int64_t missing;

        for (size_t j = 0; j < 3; j++)
            zones[j] = cases[i].zones[j];
        missing = zone_balance(zones, cases[i].count, cases[i].total);
        if (missing != cases[i].missing)
            fail_msg("%s: %d are missing", cases[i].why, (int)missing);
        for (size_t j = 0; j < cases[i].count; j++)
            if (zones[j].wanted != cases[i].wanted[j])
                fail_msg("%s: zone %d is to have %d", cases[i].why, (int)j, (int)zones[j].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_tasks_stay_where_they_are),
        cmocka_unit_test(a_zone_that_comes_up_gets_its_share),
        cmocka_unit_test(the_maximum_bounds_how_many_move_at_once),
        cmocka_unit_test(providers_keep_their_shares),
        cmocka_unit_test(it_can_be_switched_off_or_impossible),
        cmocka_unit_test(a_full_zone_is_told_once_and_tried_again),
        cmocka_unit_test(a_deployment_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
