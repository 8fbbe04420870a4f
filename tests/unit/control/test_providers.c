/* Services whose tasks are divided over capacity providers (CL-100 to CL-102, CL-107, CL-112), by
 * example. */
#include <stdio.h>

#include "base/str.h"
#include "core/task.h"
#include "sim.h"

#define SECONDS 1000

/* Agents 0 and 1 are of provider "one", 2 and 3 of "two". */
static struct world *with_providers(const char *strategy)
{
    struct world *world = world_new(55, 4);

    world_define(world, "web", 64, false);
    world_define(world, "web", 64, false);
    for (int i = 0; i < 4; i++)
        world_set_provider(world, i, i < 2 ? "one" : "two");
    snprintf(world->service_document, sizeof(world->service_document),
             "{\"serviceName\":\"x\",\"capacityProviderStrategy\":%s}", strategy);
    world_pass(world, 2 * SECONDS);
    return world;
}

static int running_of(struct world *world, const char *provider)
{
    const struct task *task = NULL;
    int count = 0;

    while ((task = state_task_after(world->state, world->scope, SIM_CLUSTER, TASKS_BY_SERVICE,
                                    "alpha", false, task ? &task->id : NULL)))
        if (task->last_status == TASK_RUNNING && str_eq(task->rare->capacity_provider, provider)) {
            const struct container_instance *instance =
                state_instance(world->state, world->scope, SIM_CLUSTER, &task->instance);

            assert_string_equal(instance->capacity_provider, provider); /* CL-107 */
            count++;
        }
    return count;
}

static const struct {
    const char *why, *strategy;
    int32_t counts[3]; /* one after the other */
    int one[3], two[3];
} cases[] = {
    {"1:1",
     "[{\"capacityProvider\":\"one\",\"weight\":1},{\"capacityProvider\":\"two\",\"weight\":1}]",
     {5, 8, 4},
     {3, 4, 2},
     {2, 4, 2}},
    {"1:4",
     "[{\"capacityProvider\":\"one\",\"weight\":1},{\"capacityProvider\":\"two\",\"weight\":4}]",
     {5, 10, 5},
     {1, 2, 1},
     {4, 8, 4}},
    {"a base of two, then 1:1",
     "[{\"capacityProvider\":\"one\",\"weight\":1,\"base\":2},"
     "{\"capacityProvider\":\"two\",\"weight\":1}]",
     {2, 6, 2},
     {2, 4, 2},
     {0, 2, 0}},
    {"only one", "[{\"capacityProvider\":\"two\",\"weight\":1}]", {3, 6, 1}, {0, 0, 0}, {3, 6, 1}},
};

/* CL-102: the ratio is that of the whole service, out and in. */
static void the_ratio_holds_at_every_count(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = with_providers(cases[i].strategy);

        world_create_service(world, "alpha", "web", 1, cases[i].counts[0], 100, 200);
        for (int step = 0; step < 3; step++) {
            world_scale_service(world, "alpha", cases[i].counts[step]);
            world_pass(world, 2 * MINUTES);
            if (running_of(world, "one") != cases[i].one[step] ||
                running_of(world, "two") != cases[i].two[step])
                fail_msg("%s: %d of one, %d of two", cases[i].why, running_of(world, "one"),
                         running_of(world, "two"));
        }
        world_update_service(world, "alpha", 2);
        world_pass(world, 5 * MINUTES);
        if (running_of(world, "one") != cases[i].one[2])
            fail_msg("%s: %d of one after an update", cases[i].why, running_of(world, "one"));
        world_assert_settled(world);
        world_free(world);
    }
}

/* CL-105: the one that has no room is waited for; the other does not take over. */
static void a_provider_without_room_is_waited_for(void **state)
{
    struct world *world = with_providers(cases[0].strategy);

    (void)state;
    world_set_instance(world, 0, INSTANCE_DRAINING);
    world_set_instance(world, 1, INSTANCE_DRAINING);
    world_create_service(world, "alpha", "web", 1, 4, 100, 200);
    world_pass(world, 5 * MINUTES);
    assert_int_equal(running_of(world, "two"), 2);
    assert_int_equal(running_of(world, "one"), 0);
    assert_int_equal(world_events(world, "alpha", "was unable to place a task"), 1);
    world_set_instance(world, 0, INSTANCE_ACTIVE);
    world_pass(world, 2 * MINUTES);
    assert_int_equal(running_of(world, "one"), 2);
    world_assert_settled(world);
    world_free(world);
}

/* CL-112: no host is FARGATE capacity. */
static void fargate_is_told_and_waited_for(void **state)
{
    struct world *world = with_providers(
        "[{\"capacityProvider\":\"FARGATE\",\"weight\":1},{\"capacityProvider\":\"two\","
        "\"weight\":1}]");
    const struct service_event *event = NULL;
    int failures = 0;

    (void)state;
    world_create_service(world, "alpha", "web", 1, 4, 100, 200);
    world_pass(world, 5 * MINUTES);
    assert_int_equal(world_running(world, "alpha"), 2);
    assert_int_equal(world_events(world, "alpha",
                                  "(service alpha) was unable to place a task. Reason: Capacity is "
                                  "unavailable at this time. Please try again later or in a "
                                  "different availability zone"),
                     1);
    while ((event = state_service_event_before(world->state, world_service(world, "alpha"), event)))
        if (event->name == EVENT_SERVICE_TASK_PLACEMENT_FAILURE) {
            assert_string_equal(event->reason, "RESOURCE:FARGATE");
            failures++;
        }
    assert_int_equal(failures, 1);
    assert_false(world_service(world, "alpha")->is_steady);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ratio_holds_at_every_count),
        cmocka_unit_test(a_provider_without_room_is_waited_for),
        cmocka_unit_test(fargate_is_told_and_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
