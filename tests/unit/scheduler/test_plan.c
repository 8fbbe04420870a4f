/* Placement by example: the cases of SC- section 21 and the texts people read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/intern.h"
#include "base/str.h"
#include "scheduler/plan.h"

#define ZONE "ecs.availability-zone"

struct world {
    struct fleet *fleet;
    struct arena arena;
    struct rng rng;
    const char *names[8];
    size_t name_count;
};

static struct id host_id(unsigned n)
{
    struct id id = {{0}};

    id.bytes[0] = 1;
    id.bytes[15] = (uint8_t)n;
    id.bytes[14] = (uint8_t)(n >> 8);
    return id;
}

static struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof(*world));

    world->fleet = fleet_new();
    world->rng = rng_seeded(7);
    return world;
}

static void world_free(struct world *world)
{
    for (size_t i = 0; i < world->name_count; i++)
        intern_unref(world->names[i]);
    fleet_free(world->fleet);
    arena_done(&world->arena);
    free(world);
}

static const char *name(struct world *world, const char *text)
{
    const char *interned = intern(text);

    for (size_t i = 0; i < world->name_count; i++) {
        if (world->names[i] == interned) {
            intern_unref(interned);
            return interned;
        }
    }
    return world->names[world->name_count++] = interned;
}

static void add_host(struct world *world, unsigned n, int32_t cpu, int32_t memory, const char *zone)
{
    struct host_attribute attributes[] = {{"ecs.os-type", "linux"}, {ZONE, zone}};
    struct host_facts facts = {
        .id = host_id(n),
        .is_placeable = true,
        .cpu = cpu,
        .memory = memory,
        .attributes = attributes,
        .attribute_count = zone ? 2 : 1,
    };

    fleet_put_host(world->fleet, &facts);
}

static struct plan place(struct world *world, const struct demand *demand, size_t wanted)
{
    struct plan plan;

    assert_null(plan_place(&world->arena, world->fleet, demand, wanted, &world->rng, &plan));
    for (size_t i = 0; i < plan.placed_count; i++)
        fleet_hold(world->fleet, &plan.hosts[i], &demand->claim);
    return plan;
}

static size_t tasks_on(const struct plan *plan, unsigned first, unsigned last)
{
    size_t count = 0;

    for (size_t i = 0; i < plan->placed_count; i++)
        for (unsigned n = first; n <= last; n++) {
            struct id id = host_id(n);

            count += id_cmp(&plan->hosts[i], &id) == 0;
        }
    return count;
}

static const struct placement_strategy by_zone[] = {{STRATEGY_SPREAD, "attribute:" ZONE}};
static const struct placement_strategy by_host[] = {{STRATEGY_SPREAD, "instanceId"}};
static const struct placement_strategy by_host_too[] = {{STRATEGY_SPREAD, "host"}};
static const struct placement_strategy by_zone_and_host[] = {{STRATEGY_SPREAD, "attribute:" ZONE},
                                                             {STRATEGY_SPREAD, "instanceId"}};
static const struct placement_strategy pack_memory[] = {{STRATEGY_BINPACK, "memory"}};
static const struct placement_strategy by_zone_pack_memory[] = {
    {STRATEGY_SPREAD, "attribute:" ZONE}, {STRATEGY_BINPACK, "memory"}};

static void t1_zone_spread_is_even(void **state)
{
    struct world *world = world_new();
    struct demand demand = {
        .claim = {.cpu = 1, .memory = 1}, .strategies = by_zone, .strategy_count = 1};
    struct plan plan;

    (void)state;
    demand.claim.owner = name(world, "service:web");
    for (unsigned n = 0; n < 9; n++)
        add_host(world, n, 1024, 1024, n < 3 ? "a" : n < 6 ? "b" : "c");
    plan = place(world, &demand, 6);
    assert_int_equal(plan.placed_count, 6);
    assert_int_equal(tasks_on(&plan, 0, 2), 2);
    assert_int_equal(tasks_on(&plan, 3, 5), 2);
    assert_int_equal(tasks_on(&plan, 6, 8), 2);
    world_free(world);
}

static void t2_host_spread_is_even_by_either_name(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *world = world_new();
        struct demand demand = {.claim = {.cpu = 1, .memory = 1},
                                .strategies = i ? by_host : by_host_too,
                                .strategy_count = 1};
        struct plan plan;

        demand.claim.owner = name(world, "service:web");
        for (unsigned n = 0; n < 5; n++)
            add_host(world, n, 1024, 1024, "a");
        plan = place(world, &demand, 10);
        for (unsigned n = 0; n < 5; n++)
            assert_int_equal(tasks_on(&plan, n, n), 2);
        world_free(world);
    }
}

static void t3_binpack_fills_one_host_first(void **state)
{
    struct world *world = world_new();
    struct demand demand = {
        .claim = {.cpu = 1, .memory = 100}, .strategies = pack_memory, .strategy_count = 1};
    struct plan plan;
    struct host_free host_free;
    int full = 0;

    (void)state;
    for (unsigned n = 0; n < 4; n++)
        add_host(world, n, 1024, 300, "a");
    plan = place(world, &demand, 6);
    assert_int_equal(plan.placed_count, 6);
    for (unsigned n = 0; n < 4; n++) {
        struct id id = host_id(n);

        assert_true(fleet_host_free(world->fleet, &id, &host_free));
        full += host_free.memory == 0;
    }
    assert_int_equal(full, 2);
    world_free(world);
}

static void t4_random_uses_every_host(void **state)
{
    struct world *world = world_new();
    struct demand demand = {.claim = {.cpu = 1, .memory = 1}};
    struct plan plan;

    (void)state;
    for (unsigned n = 0; n < 10; n++)
        add_host(world, n, 4096, 4096, "a");
    plan = place(world, &demand, 1000);
    for (unsigned n = 0; n < 10; n++)
        assert_in_range(tasks_on(&plan, n, n), 50, 150);
    world_free(world);
}

static void t5_zones_then_hosts(void **state)
{
    struct world *world = world_new();
    struct demand demand = {
        .claim = {.cpu = 1, .memory = 1}, .strategies = by_zone_and_host, .strategy_count = 2};
    struct plan plan;

    (void)state;
    demand.claim.owner = name(world, "service:web");
    for (unsigned n = 0; n < 4; n++)
        add_host(world, n, 1024, 1024, n < 2 ? "a" : "b");
    plan = place(world, &demand, 8);
    for (unsigned n = 0; n < 4; n++)
        assert_int_equal(tasks_on(&plan, n, n), 2);
    world_free(world);
}

static void t5_ties_of_zones_are_settled_by_hosts(void **state)
{
    struct world *world = world_new();
    struct demand demand = {
        .claim = {.cpu = 1, .memory = 1}, .strategies = by_zone_and_host, .strategy_count = 2};
    struct id a = host_id(0), b = host_id(1), c = host_id(2);

    (void)state;
    /* Zone a has one host with two tasks; zone b two hosts, one with both. The empty one in b is
     * next. */
    demand.claim.owner = name(world, "service:web");
    add_host(world, 0, 1024, 1024, "a");
    add_host(world, 1, 1024, 1024, "b");
    add_host(world, 2, 1024, 1024, "b");
    fleet_hold(world->fleet, &a, &demand.claim);
    fleet_hold(world->fleet, &a, &demand.claim);
    fleet_hold(world->fleet, &b, &demand.claim);
    fleet_hold(world->fleet, &b, &demand.claim);
    for (int i = 0; i < 20; i++) {
        struct plan plan;

        assert_null(plan_place(&world->arena, world->fleet, &demand, 1, &world->rng, &plan));
        assert_int_equal(id_cmp(&plan.hosts[0], &c), 0);
    }
    world_free(world);
}

static void t6_zones_then_binpack(void **state)
{
    struct world *world = world_new();
    struct demand demand = {
        .claim = {.cpu = 1, .memory = 100}, .strategies = by_zone_pack_memory, .strategy_count = 2};
    struct plan plan;
    int used = 0;

    (void)state;
    demand.claim.owner = name(world, "service:web");
    for (unsigned n = 0; n < 6; n++)
        add_host(world, n, 1024, 400, n < 3 ? "a" : "b");
    plan = place(world, &demand, 6);
    assert_int_equal(tasks_on(&plan, 0, 2), 3);
    assert_int_equal(tasks_on(&plan, 3, 5), 3);
    for (unsigned n = 0; n < 6; n++)
        used += tasks_on(&plan, n, n) > 0;
    assert_int_equal(used, 2);
    world_free(world);
}

static void t11_distinct_instance(void **state)
{
    struct world *world = world_new();
    static const struct placement_constraint distinct = {CONSTRAINT_DISTINCT_INSTANCE, NULL};
    struct demand demand = {
        .claim = {.cpu = 1, .memory = 1}, .constraints = &distinct, .constraint_count = 1};
    struct plan plan;

    (void)state;
    demand.claim.owner = name(world, "family:db");
    for (unsigned n = 0; n < 3; n++)
        add_host(world, n, 1024, 1024, "a");
    plan = place(world, &demand, 4);
    assert_int_equal(plan.placed_count, 3);
    for (unsigned n = 0; n < 3; n++)
        assert_int_equal(tasks_on(&plan, n, n), 1);
    assert_int_equal(plan.refusal_count, 3);
    assert_string_equal(plan.refusals[0].reason,
                        "DistinctInstance placement constraint unsatisfied.");
    world_free(world);
}

static void t42_spread_counts_its_own_group_only(void **state)
{
    struct world *world = world_new();
    struct demand demand = {
        .claim = {.cpu = 1, .memory = 1}, .strategies = by_host, .strategy_count = 1};
    struct claim other = {.cpu = 1, .memory = 1};
    struct id first = host_id(0);
    struct plan plan;

    (void)state;
    other.owner = name(world, "family:other");
    demand.claim.owner = name(world, "family:databases");
    add_host(world, 0, 1024, 1024, "a");
    add_host(world, 1, 1024, 1024, "a");
    for (int i = 0; i < 50; i++)
        fleet_hold(world->fleet, &first, &other);
    plan = place(world, &demand, 2);
    assert_int_equal(tasks_on(&plan, 0, 0), 1);
    assert_int_equal(tasks_on(&plan, 1, 1), 1);
    world_free(world);
}

static void tasks_of_one_plan_see_each_other(void **state)
{
    struct world *world = world_new();
    struct fleet_port port = {.number = 80};
    struct demand demand = {.claim = {.cpu = 600, .memory = 1, .ports = &port, .port_count = 1}};
    struct plan plan;

    (void)state;
    add_host(world, 0, 4096, 1024, "a");
    add_host(world, 1, 4096, 1024, "a");
    plan = place(world, &demand, 3);
    assert_int_equal(plan.placed_count, 2);
    assert_int_equal(plan.refusal_count, 2);
    assert_string_equal(plan.refusals[0].reason, "RESOURCE:PORTS");
    assert_string_equal(plan_explain(&world->arena, &plan), "2 of 2 hosts have port 80/tcp taken.");
    world_free(world);
}

static void udp_and_tcp_are_two_ports(void **state)
{
    struct world *world = world_new();
    struct fleet_port tcp = {.number = 53}, udp = {.number = 53, .is_udp = true};
    struct demand first = {.claim = {.ports = &tcp, .port_count = 1}};
    struct demand second = {.claim = {.ports = &udp, .port_count = 1}};

    (void)state;
    add_host(world, 0, 1024, 1024, "a");
    assert_int_equal(place(world, &first, 1).placed_count, 1);
    assert_int_equal(place(world, &second, 1).placed_count, 1);
    assert_string_equal(place(world, &second, 1).refusals[0].reason, "RESOURCE:PORTS_UDP");
    world_free(world);
}

static void refusals_name_the_closest_first(void **state)
{
    struct world *world = world_new();
    const char *wanted[] = {"ecs.capability.gpu"};
    struct host_attribute gpu = {"ecs.capability.gpu", NULL};
    struct host_facts facts = {.id = host_id(3),
                               .is_placeable = true,
                               .cpu = 64,
                               .memory = 4096,
                               .attributes = &gpu,
                               .attribute_count = 1};
    struct demand demand = {.claim = {.cpu = 512, .memory = 512},
                            .required_attributes = wanted,
                            .required_attribute_count = 1};
    struct plan plan;

    (void)state;
    add_host(world, 0, 4096, 4096, "a");
    add_host(world, 1, 4096, 4096, "a");
    fleet_put_host(world->fleet, &facts);
    facts.id = host_id(4);
    facts.is_placeable = false;
    fleet_put_host(world->fleet, &facts);
    plan = place(world, &demand, 1);
    assert_int_equal(plan.placed_count, 0);
    assert_int_equal(plan.hosts_seen, 4);
    assert_string_equal(plan.refusals[0].reason, "RESOURCE:CPU");
    assert_string_equal(plan_explain(&world->arena, &plan),
                        "2 of 4 hosts lack the attribute ecs.capability.gpu; 1 host lacks 512 CPU "
                        "units; 1 host has its agent disconnected.");
    world_free(world);
}

static void attributes_match_by_name_or_value(void **state)
{
    struct world *world = world_new();
    const char *by_name[] = {"ecs.os-type"};
    const char *right[] = {"ecs.os-type=linux"};
    const char *wrong[] = {"ecs.os-type=windows"};
    struct demand demand = {.required_attributes = by_name, .required_attribute_count = 1};

    (void)state;
    add_host(world, 0, 1, 1, "a");
    assert_int_equal(place(world, &demand, 1).placed_count, 1);
    demand.required_attributes = right;
    assert_int_equal(place(world, &demand, 1).placed_count, 1);
    demand.required_attributes = wrong;
    assert_string_equal(place(world, &demand, 1).refusals[0].detail, "ecs.os-type=windows");
    add_host(world, 1, 1, 1, "b"); /* requirements that came first hold for later hosts */
    demand.required_attributes = right;
    demand.only_host = &(struct id){{1, [15] = 1}};
    assert_int_equal(place(world, &demand, 1).placed_count, 1);
    world_free(world);
}

static void hosts_without_the_attribute_come_last(void **state)
{
    struct world *world = world_new();
    static const struct placement_strategy by_rack[] = {{STRATEGY_SPREAD, "attribute:rack"}};
    struct host_attribute rack = {"rack", "r1"};
    struct host_facts facts = {.id = host_id(0),
                               .is_placeable = true,
                               .cpu = 200,
                               .memory = 1024,
                               .attributes = &rack,
                               .attribute_count = 1};
    struct demand demand = {.claim = {.cpu = 100}, .strategies = by_rack, .strategy_count = 1};
    struct plan plan;

    (void)state;
    demand.claim.owner = name(world, "service:web");
    fleet_put_host(world->fleet, &facts);
    add_host(world, 1, 1024, 1024, "a");
    plan = place(world, &demand, 3);
    assert_int_equal(tasks_on(&plan, 0, 0), 2);
    assert_int_equal(tasks_on(&plan, 1, 1), 1);
    world_free(world);
}

static void what_is_not_understood_is_refused(void **state)
{
    struct world *world = world_new();
    static const struct placement_strategy bad = {STRATEGY_BINPACK, "disk"};
    static const struct placement_constraint member = {CONSTRAINT_MEMBER_OF,
                                                       "attribute:stack = prod"};
    struct demand demand = {.strategies = &bad, .strategy_count = 1};
    struct error *err;
    struct plan plan;

    (void)state;
    err = plan_place(&world->arena, world->fleet, &demand, 1, &world->rng, &plan);
    assert_int_equal(err->code, API_INVALID_PARAMETER);
    error_free(err);
    demand = (struct demand){.constraints = &member, .constraint_count = 1};
    err = plan_place(&world->arena, world->fleet, &demand, 1, &world->rng, &plan);
    assert_int_equal(err->code, API_INVALID_PARAMETER);
    error_free(err);
    world_free(world);
}

static void claims_may_come_before_their_host_and_outlive_it(void **state)
{
    struct world *world = world_new();
    struct fleet_port port = {.number = 80};
    struct claim claim = {.cpu = 100, .memory = 10, .ports = &port, .port_count = 1};
    struct id id = host_id(0);
    struct host_free host_free;

    (void)state;
    claim.owner = name(world, "service:web");
    fleet_hold(world->fleet, &id, &claim);
    assert_int_equal(fleet_host_count(world->fleet), 0);
    assert_false(fleet_host_free(world->fleet, &id, &host_free));
    add_host(world, 0, 1024, 1024, "a");
    assert_true(fleet_host_free(world->fleet, &id, &host_free));
    assert_int_equal(host_free.cpu, 924);
    assert_int_equal(host_free.port_count, 1);
    assert_string_equal(fleet_host_value(world->fleet, &id, ZONE), "a");
    fleet_remove_host(world->fleet, &id);
    assert_int_equal(fleet_host_count(world->fleet), 0);
    fleet_release(world->fleet, &id, &claim);
    add_host(world, 0, 1024, 1024, "a");
    assert_true(fleet_host_free(world->fleet, &id, &host_free));
    assert_int_equal(host_free.cpu, 1024);
    assert_int_equal(host_free.port_count, 0);
    world_free(world);
}

/* ---- memberOf ---- */

static void add_typed_host(struct world *world, unsigned n, const char *type)
{
    struct host_attribute attributes[] = {{"ecs.instance-type", type}};

    fleet_put_host(world->fleet, &(struct host_facts){
                                     .id = host_id(n),
                                     .is_placeable = true,
                                     .cpu = 1024,
                                     .memory = 1024,
                                     .attributes = attributes,
                                     .attribute_count = 1,
                                 });
}

static void t9_member_of_an_instance_type(void **state)
{
    struct world *world = world_new();
    const struct placement_constraint t2 = {CONSTRAINT_MEMBER_OF,
                                            "attribute:ecs.instance-type =~ t2.*"};
    const struct placement_constraint m5 = {CONSTRAINT_MEMBER_OF,
                                            "attribute:ecs.instance-type =~ m5.*"};
    struct demand demand = {
        .claim = {.cpu = 100, .memory = 1}, .constraints = &t2, .constraint_count = 1};
    struct plan plan;

    (void)state;
    for (unsigned n = 0; n < 6; n++)
        add_typed_host(world, n, n < 2 ? "t2.micro" : n < 4 ? "g2.2xlarge" : "xt2.micro");
    plan = place(world, &demand, 20);
    assert_int_equal(plan.placed_count, 20);
    assert_int_equal(tasks_on(&plan, 0, 1), 20);
    plan = place(world, &demand, 1);
    assert_int_equal(plan.placed_count, 0); /* SC-030: constraints are binding */
    assert_string_equal(plan_explain(&world->arena, &plan),
                        "2 of 6 hosts lack 100 CPU units; 4 hosts do not meet memberOf "
                        "\"attribute:ecs.instance-type =~ t2.*\".");
    demand.constraints = &m5;
    plan = place(world, &demand, 1);
    assert_int_equal(plan.refusal_count, 6);
    assert_string_equal(plan.refusals[0].reason, "MemberOf placement constraint unsatisfied.");
    assert_string_equal(plan.refusals[0].detail, m5.expression);
    assert_string_equal(plan.tallies[0].rule, m5.expression);
    assert_int_equal(plan.tallies[0].hosts, 6);
    assert_int_equal(plan.tallies[0].sample_count, 6);
    add_typed_host(world, 6, "m5.large"); /* a host that comes later is asked too */
    assert_int_equal(place(world, &demand, 1).placed_count, 1);
    add_typed_host(world, 6, "m4.large"); /* and one that changes */
    assert_int_equal(place(world, &demand, 1).placed_count, 0);
    world_free(world);
}

static void t10_affinity_and_its_opposite(void **state)
{
    struct world *world = world_new();
    const struct placement_constraint beside = {CONSTRAINT_MEMBER_OF, "task:group == databases"};
    const struct placement_constraint apart = {CONSTRAINT_MEMBER_OF,
                                               "not(task:group == databases)"};
    struct demand beside_databases = {
        .claim = {.cpu = 1}, .constraints = &beside, .constraint_count = 1};
    struct demand database = {.claim = {.cpu = 1}};
    struct demand apart_from_databases = {
        .claim = {.cpu = 1}, .constraints = &apart, .constraint_count = 1};
    struct id second = host_id(1);
    struct plan plan;

    (void)state;
    database.claim.owner = name(world, "databases");
    beside_databases.claim.owner = apart_from_databases.claim.owner = name(world, "family:web");
    for (unsigned n = 0; n < 4; n++)
        add_host(world, n, 1024, 1024, "a");
    assert_int_equal(place(world, &beside_databases, 1).placed_count, 0); /* SC-059 */
    fleet_hold(world->fleet, &second, &database.claim);
    plan = place(world, &beside_databases, 5);
    assert_int_equal(tasks_on(&plan, 1, 1), 5);
    plan = place(world, &apart_from_databases, 50); /* SC-060 */
    assert_int_equal(plan.placed_count, 50);
    assert_int_equal(tasks_on(&plan, 1, 1), 0);
    fleet_release(world->fleet, &second, &database.claim);
    assert_int_equal(place(world, &beside_databases, 1).placed_count, 0);
    /* Tasks of one plan see each other (SC-037): a database beside which none is. */
    database.constraints = &apart;
    database.constraint_count = 1;
    plan = place(world, &database, 5);
    assert_int_equal(plan.placed_count, 4);
    for (unsigned n = 0; n < 4; n++)
        assert_int_equal(tasks_on(&plan, n, n), 1);
    world_free(world);
}

static void a_limit_of_tasks_holds_within_a_plan(void **state)
{
    struct world *world = world_new();
    const struct placement_constraint few = {CONSTRAINT_MEMBER_OF, "runningTasksCount < 2"};
    struct demand demand = {.claim = {.cpu = 1}, .constraints = &few, .constraint_count = 1};

    (void)state;
    for (unsigned n = 0; n < 3; n++)
        add_host(world, n, 1024, 1024, "a");
    assert_int_equal(place(world, &demand, 10).placed_count, 6);
    world_free(world);
}

static void constraints_are_all_binding(void **state)
{
    struct world *world = world_new();
    const struct placement_constraint constraints[] = {
        {CONSTRAINT_MEMBER_OF, "attribute:ecs.instance-type =~ t2.*"},
        {CONSTRAINT_DISTINCT_INSTANCE, NULL},
        {CONSTRAINT_MEMBER_OF, "attribute:ecs.instance-type != t2.small"}};
    struct demand demand = {.claim = {.cpu = 1}, .constraints = constraints, .constraint_count = 3};
    struct plan plan;

    (void)state;
    demand.claim.owner = name(world, "service:web");
    add_typed_host(world, 0, "t2.small");
    add_typed_host(world, 1, "t2.micro");
    add_typed_host(world, 2, "m5.large");
    add_typed_host(world, 3, "t2.large");
    plan = place(world, &demand, 5); /* SC-032, TD-106 */
    assert_int_equal(plan.placed_count, 2);
    assert_int_equal(tasks_on(&plan, 1, 1) + tasks_on(&plan, 3, 3), 2);
    world_free(world);
}

/* ---- hosts of another kind ---- */

static void ec2_tasks_keep_off_external_hosts(void **state)
{
    struct world *world = world_new();
    struct host_attribute external = {"ecs.capability.external", NULL};
    struct host_facts facts = {.id = host_id(0),
                               .is_placeable = true,
                               .cpu = 1024,
                               .memory = 1024,
                               .attributes = &external,
                               .attribute_count = 1};
    struct demand demand = {.claim = {.cpu = 1}, .forbidden_attribute = "ecs.capability.external"};
    struct plan plan;

    (void)state;
    fleet_put_host(world->fleet, &facts);
    plan = place(world, &demand, 1);
    assert_int_equal(plan.placed_count, 0);
    assert_string_equal(plan.refusals[0].reason, "ATTRIBUTE");
    assert_string_equal(plan.refusals[0].detail, "ecs.capability.external");
    add_host(world, 1, 1024, 1024, "a");
    plan = place(world, &demand, 20);
    assert_int_equal(tasks_on(&plan, 1, 1), 20);
    world_free(world);
}

/* CL-107 */
static void a_provider_s_tasks_go_to_its_hosts(void **state)
{
    struct world *world = world_new();
    struct demand demand = {.claim = {.cpu = 512}, .capacity_provider = "blue"};
    struct plan plan;

    (void)state;
    for (unsigned n = 0; n < 3; n++)
        fleet_put_host(world->fleet, &(struct host_facts){.id = host_id(n),
                                                          .is_placeable = true,
                                                          .cpu = 1024,
                                                          .memory = 1024,
                                                          .capacity_provider = n == 0   ? "blue"
                                                                               : n == 1 ? "green"
                                                                                        : NULL});
    plan = place(world, &demand, 3);
    assert_int_equal(plan.placed_count, 2);
    assert_int_equal(tasks_on(&plan, 0, 0), 2);
    assert_int_equal(plan.hosts_seen, 1);
    assert_int_equal(plan.refusal_count, 1);
    assert_string_equal(plan.refusals[0].reason, "RESOURCE:CPU");
    demand.capacity_provider = NULL;
    assert_int_equal(place(world, &demand, 4).placed_count, 4);
    world_free(world);
}

/* CL-311, CL-111 */
static void interfaces_are_counted(void **state)
{
    struct world *world = world_new();
    struct demand demand = {.claim = {.cpu = 1, .eni_count = 1}};
    struct demand bridge = {.claim = {.cpu = 1}};
    struct plan plan;

    (void)state;
    fleet_put_host(world->fleet, &(struct host_facts){.id = host_id(0),
                                                      .is_placeable = true,
                                                      .cpu = 1024,
                                                      .memory = 1024,
                                                      .has_eni_slots = true,
                                                      .eni_slots = 2});
    plan = place(world, &demand, 3);
    assert_int_equal(plan.placed_count, 2);
    assert_string_equal(plan.refusals[0].reason, "RESOURCE:ENI");
    assert_string_equal(plan_explain(&world->arena, &plan),
                        "1 of 1 host lacks a free network interface.");
    assert_int_equal(place(world, &bridge, 3).placed_count, 3);
    add_host(world, 1, 1024, 1024, "a"); /* no limit given: as many as come (CL-319) */
    assert_int_equal(place(world, &demand, 30).placed_count, 30);
    world_free(world);
}

/* TD-112 */
static void gpus_are_counted(void **state)
{
    struct world *world = world_new();
    const char *const gpus[] = {"GPU-1", "GPU-2", "GPU-3"};
    struct demand demand = {.claim = {.cpu = 1, .gpu_count = 2}};
    struct plan plan;

    (void)state;
    add_host(world, 1, 1024, 1024, "a");
    fleet_put_host(world->fleet, &(struct host_facts){.id = host_id(0),
                                                      .is_placeable = true,
                                                      .cpu = 1024,
                                                      .memory = 1024,
                                                      .gpu_ids = gpus,
                                                      .gpu_count = 3});
    plan = place(world, &demand, 2);
    assert_int_equal(plan.placed_count, 1);
    assert_int_equal(tasks_on(&plan, 0, 0), 1);
    assert_string_equal(plan.refusals[0].reason, "RESOURCE:GPU");
    world_free(world);
}

/* More kinds of demands than a fleet remembers: it forgets and is right all the same. */
static void what_is_remembered_is_bounded(void **state)
{
    struct world *world = world_new();

    (void)state;
    for (unsigned n = 0; n < 4; n++)
        add_typed_host(world, n, n % 2 ? "t2.micro" : "m5.large");
    for (int i = 0; i < 700; i++) {
        char expression[128], attribute[64], field[64];
        const char *required[] = {attribute};
        const struct placement_constraint member = {CONSTRAINT_MEMBER_OF, expression};
        const struct placement_strategy spread = {STRATEGY_SPREAD, field};
        struct demand demand = {.claim = {.cpu = i % 3, .memory = i % 300},
                                .constraints = &member,
                                .constraint_count = 1,
                                .strategies = &spread,
                                .strategy_count = i % 2,
                                .required_attributes = required,
                                .required_attribute_count = i % 5 == 0};
        struct plan plan;

        snprintf(expression, sizeof(expression),
                 "attribute:ecs.instance-type == t2.%s and attribute:other-%d !exists",
                 i % 10 ? "micro" : "none", i);
        snprintf(attribute, sizeof(attribute), "attribute-%d", i);
        snprintf(field, sizeof(field), "attribute:field-%d", i);
        assert_null(plan_place(&world->arena, world->fleet, &demand, 3, &world->rng, &plan));
        assert_int_equal(plan.placed_count, i % 10 && i % 5 ? 3 : 0);
        assert_int_equal(tasks_on(&plan, 1, 1) + tasks_on(&plan, 3, 3), plan.placed_count);
    }
    world_free(world);
}

/* Counts are small numbers with the rest beside them: none is lost on the way up and down. */
static void more_tasks_on_a_host_than_a_short_count_holds(void **state)
{
    struct world *world = world_new();
    struct demand demand = {
        .claim = {.cpu = 0}, .strategies = by_host, .strategy_count = ARRAY_LEN(by_host)};
    struct id first = host_id(0), second = host_id(1);
    const int many = 70000;
    struct plan plan;

    (void)state;
    demand.claim.owner = name(world, "service:web");
    for (unsigned n = 0; n < 12; n++)
        add_host(world, n, 1024, 1024, "a");
    assert_int_equal(place(world, &demand, 12).placed_count, 12); /* one each */
    for (int i = 0; i < many; i++) {
        fleet_hold(world->fleet, &first, &demand.claim);
        fleet_hold(world->fleet, &second, &demand.claim);
    }
    fleet_release(world->fleet, &second, &demand.claim);
    for (unsigned n = 2; n < 12; n++) {
        struct id id = host_id(n);

        fleet_remove_host(world->fleet, &id);
    }
    assert_null(plan_place(&world->arena, world->fleet, &demand, 1, &world->rng, &plan));
    assert_int_equal(tasks_on(&plan, 1, 1), 1); /* one less than the first */
    for (int i = 0; i < many; i++)
        fleet_release(world->fleet, &first, &demand.claim);
    plan = place(world, &demand, 10);
    assert_int_equal(tasks_on(&plan, 0, 0), 10);
    world_free(world);
}

/* ---- what is said of refusals ---- */

static struct plan survey(struct world *world, const struct demand *demand)
{
    struct plan plan;

    assert_null(plan_survey(&world->arena, world->fleet, demand, &plan));
    return plan;
}

static void a_survey_places_nothing_and_has_the_figures(void **state) /* SC-024 */
{
    struct world *world = world_new();
    struct demand demand = {.claim = {.cpu = 512, .memory = 100, .owner = name(world, "family:a")}};
    struct plan plan;

    (void)state;
    add_host(world, 0, 256, 1000, "a");
    add_host(world, 1, 1024, 1000, "a");
    add_host(world, 2, 1024, 1000, "b");
    fleet_hold(world->fleet, &(struct id){.bytes = {[0] = 1, [15] = 1}},
               &(struct claim){.cpu = 600, .memory = 1, .owner = name(world, "family:b")});
    plan = survey(world, &demand);
    assert_int_equal(plan.hosts_seen, 3);
    assert_int_equal(plan.hosts_fitting, 1);
    assert_int_equal(plan.placed_count, 0);
    assert_int_equal(plan.tally_count, 1);
    assert_string_equal(plan.tallies[0].reason, "RESOURCE:CPU");
    assert_string_equal(plan.tallies[0].unit, "CPU units");
    assert_int_equal(plan.tallies[0].hosts, 2);
    assert_int_equal(plan.tallies[0].wanted, 512);
    assert_int_equal(plan.tallies[0].most, 424);
    assert_int_equal(plan.tallies[0].too_small, 1);
    assert_string_equal(plan.refusals[0].detail, "CPU units: 512 wanted, 256 free");
    assert_int_equal(place(world, &demand, 3).placed_count, 2); /* as if nobody had looked */
    world_free(world);
}

static void refused(struct world *world, const struct demand *demand, const char *why)
{
    for (int again = 0; again < 2; again++) { /* looked for, and remembered */
        struct plan plan = place(world, demand, 1);

        assert_int_equal(plan.placed_count, 0);
        assert_string_equal(plan_explain(&world->arena, &plan), why);
        assert_non_null(plan.refusals[0].reason);
        arena_reset(&world->arena);
    }
}

/* What found no host finds one as soon as there is one, whatever was remembered of it. */
static void a_remembered_refusal_lasts_until_something_changes(void **state)
{
    static const struct placement_constraint quiet = {CONSTRAINT_MEMBER_OF,
                                                      "runningTasksCount < 1"};
    static const struct placement_constraint distinct = {CONSTRAINT_DISTINCT_INSTANCE, NULL};
    struct world *world = world_new();
    struct claim other = {.cpu = 900, .memory = 1, .owner = name(world, "family:b")};
    struct demand a = {.claim = {.cpu = 512, .memory = 1, .owner = name(world, "family:a")}};
    struct demand b = a;
    struct id first = host_id(0);

    (void)state;
    add_host(world, 0, 1024, 1000, "a");
    fleet_hold(world->fleet, &first, &other);
    refused(world, &a, "1 of 1 host lacks 512 CPU units.");
    fleet_hold(world->fleet, &first, &(struct claim){.cpu = 1, .memory = 1});
    refused(world, &a, "1 of 1 host lacks 512 CPU units."); /* and the figures are of now: */
    assert_int_equal(place(world, &a, 1).tallies[0].most, 123);
    fleet_release(world->fleet, &first, &(struct claim){.cpu = 1, .memory = 1});
    fleet_release(world->fleet, &first, &other); /* freed */
    assert_int_equal(place(world, &a, 2).placed_count, 2);
    refused(world, &a, "1 of 1 host lacks 512 CPU units.");
    add_host(world, 1, 600, 1000, "b"); /* a host more */
    assert_int_equal(place(world, &a, 1).placed_count, 1);
    refused(world, &a, "2 of 2 hosts lack 512 CPU units.");
    add_host(world, 1, 2000, 1000, "b"); /* it grew */
    assert_int_equal(place(world, &a, 2).placed_count, 2);
    fleet_remove_host(world->fleet, &first);
    refused(world, &a, "1 of 1 host lacks 512 CPU units.");
    /* The same in size for another owner, or with another constraint, is another matter. */
    add_host(world, 2, 5000, 1000, "b");
    a.constraints = b.constraints = &distinct;
    a.constraint_count = b.constraint_count = 1;
    b.claim.owner = name(world, "family:c");
    assert_int_equal(place(world, &a, 1).placed_count, 1);
    refused(world, &a, "2 of 2 hosts run a task of the group already.");
    assert_int_equal(place(world, &b, 1).placed_count, 1);
    b.constraints = &quiet;
    refused(world, &b, "2 of 2 hosts do not meet memberOf \"runningTasksCount < 1\".");
    b.constraint_count = 0;
    assert_int_equal(place(world, &b, 1).placed_count, 1);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_survey_places_nothing_and_has_the_figures),
        cmocka_unit_test(a_remembered_refusal_lasts_until_something_changes),
        cmocka_unit_test(t1_zone_spread_is_even),
        cmocka_unit_test(t2_host_spread_is_even_by_either_name),
        cmocka_unit_test(t3_binpack_fills_one_host_first),
        cmocka_unit_test(t4_random_uses_every_host),
        cmocka_unit_test(t5_zones_then_hosts),
        cmocka_unit_test(t5_ties_of_zones_are_settled_by_hosts),
        cmocka_unit_test(t6_zones_then_binpack),
        cmocka_unit_test(t11_distinct_instance),
        cmocka_unit_test(t42_spread_counts_its_own_group_only),
        cmocka_unit_test(tasks_of_one_plan_see_each_other),
        cmocka_unit_test(udp_and_tcp_are_two_ports),
        cmocka_unit_test(refusals_name_the_closest_first),
        cmocka_unit_test(attributes_match_by_name_or_value),
        cmocka_unit_test(hosts_without_the_attribute_come_last),
        cmocka_unit_test(what_is_not_understood_is_refused),
        cmocka_unit_test(claims_may_come_before_their_host_and_outlive_it),
        cmocka_unit_test(t9_member_of_an_instance_type),
        cmocka_unit_test(t10_affinity_and_its_opposite),
        cmocka_unit_test(a_limit_of_tasks_holds_within_a_plan),
        cmocka_unit_test(constraints_are_all_binding),
        cmocka_unit_test(ec2_tasks_keep_off_external_hosts),
        cmocka_unit_test(a_provider_s_tasks_go_to_its_hosts),
        cmocka_unit_test(interfaces_are_counted),
        cmocka_unit_test(gpus_are_counted),
        cmocka_unit_test(what_is_remembered_is_bounded),
        cmocka_unit_test(more_tasks_on_a_host_than_a_short_count_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
