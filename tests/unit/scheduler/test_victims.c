/* Which tasks go when a service is scaled in (SC-039, SC-043, SC-049, SC-050; T17). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>

#include "scheduler/victims.h"

#define ZONE "ecs.availability-zone"

static const struct placement_strategy by_zone_and_host[] = {{STRATEGY_SPREAD, "attribute:" ZONE},
                                                             {STRATEGY_SPREAD, "instanceId"}};
static const struct placement_strategy pack_memory[] = {{STRATEGY_BINPACK, "memory"}};
static const struct placement_strategy at_random[] = {{STRATEGY_RANDOM, NULL}};

static struct id id_of(unsigned n)
{
    return (struct id){{1, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n}};
}

static void add_host(struct fleet *fleet, unsigned n, int32_t memory, const char *zone)
{
    struct host_attribute attribute = {ZONE, zone};

    fleet_put_host(fleet, &(struct host_facts){.id = id_of(n),
                                               .is_placeable = true,
                                               .cpu = 1024,
                                               .memory = memory,
                                               .attributes = &attribute,
                                               .attribute_count = 1});
}

/* Task `n` is newer than those with lower numbers. */
static struct victim task_on(unsigned n, unsigned host, int rank)
{
    return (struct victim){.task = id_of(n), .host = id_of(host), .rank = rank, .memory = 10};
}

static unsigned number_of(const struct victim *task)
{
    return (unsigned)(task->task.bytes[14] << 8 | task->task.bytes[15]);
}

static void choose(struct fleet *fleet, const struct placement_strategy *strategies, size_t count,
                   struct victim *tasks, size_t task_count, size_t wanted)
{
    struct arena arena = {0};
    struct rng rng = rng_seeded(3);

    victims_choose(&arena, fleet, strategies, count, &rng, tasks, task_count, wanted);
    arena_done(&arena);
}

/* A=1, B=2, C=2: one of B or C goes. */
static void t17_the_fullest_zone_gives(void **state)
{
    struct fleet *fleet = fleet_new();
    struct victim tasks[] = {task_on(9, 0, 2), task_on(1, 1, 2), task_on(2, 1, 2), task_on(3, 2, 2),
                             task_on(4, 2, 2)};

    (void)state;
    add_host(fleet, 0, 100, "a");
    add_host(fleet, 1, 100, "b");
    add_host(fleet, 2, 100, "c");
    choose(fleet, by_zone_and_host, 2, tasks, 5, 3);
    assert_int_equal(number_of(&tasks[0]), 4); /* of equals the newest */
    assert_int_equal(number_of(&tasks[1]), 2);
    /* Now all have one: the newest. */
    assert_int_equal(number_of(&tasks[2]), 9);
    fleet_free(fleet);
}

static void hosts_within_the_zone_are_next(void **state)
{
    struct fleet *fleet = fleet_new();
    struct victim tasks[] = {task_on(1, 0, 2), task_on(2, 0, 2), task_on(3, 0, 2),
                             task_on(7, 1, 2), task_on(4, 2, 2), task_on(5, 2, 2)};

    (void)state;
    add_host(fleet, 0, 100, "a");
    add_host(fleet, 1, 100, "a");
    add_host(fleet, 2, 100, "b");
    choose(fleet, by_zone_and_host, 2, tasks, 6, 2);
    assert_int_equal(number_of(&tasks[0]), 3);
    assert_int_equal(number_of(&tasks[1]), 2);
    fleet_free(fleet);
}

static void those_that_serve_nobody_go_first(void **state)
{
    struct fleet *fleet = fleet_new();
    struct victim tasks[] = {task_on(1, 0, 2), task_on(2, 0, 2), task_on(3, 1, 1),
                             task_on(4, 1, 0)};

    (void)state;
    add_host(fleet, 0, 100, "a");
    add_host(fleet, 1, 100, "b");
    choose(fleet, by_zone_and_host, 2, tasks, 4, 3);
    assert_int_equal(number_of(&tasks[0]), 4);
    assert_int_equal(number_of(&tasks[1]), 3);
    assert_int_equal(number_of(&tasks[2]), 2);
    fleet_free(fleet);
}

/* SC-039: the host that would be emptiest without it. */
static void binpack_empties_the_emptiest_host(void **state)
{
    struct fleet *fleet = fleet_new();
    struct claim claim = {.memory = 10};
    struct id full = id_of(0), empty = id_of(1);
    struct victim tasks[] = {task_on(9, 0, 2), task_on(8, 0, 2), task_on(1, 1, 2)};

    (void)state;
    add_host(fleet, 0, 100, "a");
    add_host(fleet, 1, 100, "a");
    for (int i = 0; i < 5; i++)
        fleet_hold(fleet, &full, &claim);
    fleet_hold(fleet, &empty, &claim);
    choose(fleet, pack_memory, 1, tasks, 3, 1);
    assert_int_equal(number_of(&tasks[0]), 1);
    fleet_free(fleet);
}

static void random_takes_any(void **state)
{
    struct fleet *fleet = fleet_new();
    struct arena arena = {0};
    struct rng rng = rng_seeded(1);
    int taken[4] = {0};

    (void)state;
    add_host(fleet, 0, 100, "a");
    for (int i = 0; i < 1000; i++) {
        struct victim tasks[4];

        for (unsigned n = 0; n < 4; n++)
            tasks[n] = task_on(n, 0, 2);
        victims_choose(&arena, fleet, at_random, 1, &rng, tasks, 4, 1);
        taken[number_of(&tasks[0])]++;
    }
    for (int n = 0; n < 4; n++)
        assert_in_range(taken[n], 180, 320);
    arena_done(&arena);
    fleet_free(fleet);
}

/* Whatever is asked: what is chosen is in front, everybody is still there, and what stays is spread
 * as well as taking them one by one from the fullest can make it. */
static void what_stays_is_spread(void **state)
{
    static const char *const zones[] = {"a", "b", "c"};

    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct rng rng = rng_seeded(seed);
        struct fleet *fleet = fleet_new();
        struct arena arena = {0};
        struct victim tasks[30];
        size_t count = 1 + rng_below(&rng, 30), wanted = rng_below(&rng, count + 1);
        int before[3] = {0}, after[3] = {0}, most = 0;
        bool is_seen[30] = {false};

        for (unsigned h = 0; h < 6; h++)
            add_host(fleet, h, 100, zones[h % 3]);
        for (size_t i = 0; i < count; i++) {
            tasks[i] = task_on((unsigned)i, (unsigned)rng_below(&rng, 6), 2);
            before[tasks[i].host.bytes[15] % 3]++;
        }
        victims_choose(&arena, fleet, by_zone_and_host, 2, &rng, tasks, count, wanted);
        for (size_t i = 0; i < count; i++) {
            if (is_seen[number_of(&tasks[i])])
                fail_msg("seed %" PRIu64 ": a task twice", seed);
            is_seen[number_of(&tasks[i])] = true;
            after[tasks[i].host.bytes[15] % 3] += i >= wanted;
        }
        for (int z = 0; z < 3; z++)
            most = after[z] > most ? after[z] : most;
        for (int z = 0; z < 3; z++)
            if (after[z] < most - 1 && after[z] != before[z])
                fail_msg("seed %" PRIu64 ": zone %d lost one too many", seed, z);
        arena_done(&arena);
        fleet_free(fleet);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t17_the_fullest_zone_gives),
        cmocka_unit_test(hosts_within_the_zone_are_next),
        cmocka_unit_test(those_that_serve_nobody_go_first),
        cmocka_unit_test(binpack_empties_the_emptiest_host),
        cmocka_unit_test(random_takes_any),
        cmocka_unit_test(what_stays_is_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
