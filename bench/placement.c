/* Placement decisions per second: plan, then hold, as RunTask and the reconciler do; of one
 * thread's CPU time.
 *
 *   placement [--seconds N] [--rule PART-OF-A-NAME] [--hosts N]
 *
 * Prints a line for each rule, batch and fleet size, and what a decision costs compared with the
 * smallest fleet. Hosts have three zones and 43 attributes and room for 256 tasks; 30% of them are
 * full from the start. Tasks of 200 services come in any order until there are 100 a host; from
 * then on others stop at random as they come. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/intern.h"
#include "base/mem.h"
#include "scheduler/plan.h"

#define OWNERS         200
#define CPU_TASK       64
#define TASKS_ROOM     256 /* of a host */
#define TASKS_PER_HOST 100
#define FULL_PERCENT   30
#define CAPABILITIES   40
#define ROUND          4096 /* decisions between two looks at the clock */

struct placed {
    struct id host;
    const char *owner;
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct fleet *make_fleet(unsigned hosts, const char *full, struct rng *rng)
{
    static const char *const zones[] = {"zone-a", "zone-b", "zone-c"};
    static const char *const types[] = {"t2.small", "t2.micro", "g2.2xlarge", "t2.large"};
    struct host_attribute attributes[CAPABILITIES + 3];
    char names[CAPABILITIES][48];
    struct fleet *fleet = fleet_new();

    for (int i = 0; i < CAPABILITIES; i++) {
        snprintf(names[i], sizeof(names[i]), "com.amazonaws.ecs.capability.feature-%d", i);
        attributes[i] = (struct host_attribute){names[i], NULL};
    }
    for (unsigned n = 0; n < hosts; n++) {
        const struct host_facts facts = {
            .id = id_new(rng, (int64_t)n),
            .is_placeable = true,
            .cpu = TASKS_ROOM * CPU_TASK,
            .memory = TASKS_ROOM * CPU_TASK,
            .attributes = attributes,
            .attribute_count = ARRAY_LEN(attributes),
        };

        attributes[CAPABILITIES] =
            (struct host_attribute){"ecs.availability-zone", zones[n % ARRAY_LEN(zones)]};
        attributes[CAPABILITIES + 1] =
            (struct host_attribute){"ecs.instance-type", types[n / 3 % ARRAY_LEN(types)]};
        attributes[CAPABILITIES + 2] =
            (struct host_attribute){"stack", n % 7 == 0 ? "test" : "prod"};
        fleet_put_host(fleet, &facts);
        if (rng_below(rng, 100) < FULL_PERCENT)
            fleet_hold(fleet, &facts.id,
                       &(struct claim){.cpu = facts.cpu, .memory = facts.memory, .owner = full});
    }
    return fleet;
}

struct scenario {
    const char *name;
    struct placement_strategy strategies[2];
    size_t strategy_count;
    const char *member_of;
};
static const struct scenario scenarios[] = {
    {"random", {{STRATEGY_RANDOM, NULL}}, 1, NULL},
    {"spread zone, instance",
     {{STRATEGY_SPREAD, "attribute:ecs.availability-zone"}, {STRATEGY_SPREAD, "instanceId"}},
     2,
     NULL},
    {"binpack memory", {{STRATEGY_BINPACK, "memory"}}, 1, NULL},
    {"spread zone, binpack cpu",
     {{STRATEGY_SPREAD, "attribute:ecs.availability-zone"}, {STRATEGY_BINPACK, "cpu"}},
     2,
     NULL},
    {"memberOf of 3 clauses, random",
     {{STRATEGY_RANDOM, NULL}},
     1,
     "attribute:ecs.instance-type =~ t2.* and attribute:stack != test and "
     "attribute:ecs.availability-zone in [zone-a, zone-b, zone-c]"},
    {"memberOf of 3 clauses, spread",
     {{STRATEGY_SPREAD, "attribute:ecs.availability-zone"}, {STRATEGY_SPREAD, "instanceId"}},
     2,
     "attribute:ecs.instance-type =~ t2.* and attribute:stack != test and "
     "attribute:ecs.availability-zone in [zone-a, zone-b, zone-c]"},
};

struct tasks {
    struct placed *items;
    size_t count, max;
};

/* Makes room outside the clock: stopping is not what is measured. */
static void stop_some(struct fleet *fleet, struct claim claim, struct tasks *tasks, struct rng *rng)
{
    while (tasks->count > tasks->max - ROUND) {
        size_t at = rng_below(rng, tasks->count);

        claim.owner = tasks->items[at].owner;
        fleet_release(fleet, &tasks->items[at].host, &claim);
        tasks->items[at] = tasks->items[--tasks->count];
    }
}

static double run(const struct scenario *scenario, unsigned hosts, size_t batch, double seconds)
{
    static const char *const required[] = {
        "com.amazonaws.ecs.capability.feature-1", "com.amazonaws.ecs.capability.feature-7",
        "com.amazonaws.ecs.capability.feature-21", "com.amazonaws.ecs.capability.feature-39"};
    const struct placement_constraint member_of = {CONSTRAINT_MEMBER_OF, scenario->member_of};
    struct rng rng = rng_seeded(42);
    const char *owners[OWNERS], *full = intern("service:full");
    struct fleet *fleet = make_fleet(hosts, full, &rng);
    struct arena arena = {0};
    struct demand demand = {
        .claim = {.cpu = CPU_TASK, .memory = CPU_TASK},
        .required_attributes = required,
        .required_attribute_count = ARRAY_LEN(required),
        .strategies = scenario->strategies,
        .strategy_count = scenario->strategy_count,
        .constraints = &member_of,
        .constraint_count = scenario->member_of != NULL,
    };
    struct tasks tasks = {.max = (size_t)hosts * TASKS_PER_HOST};
    uint64_t decisions = 0;
    double spent = 0;

    tasks.items = xcalloc(tasks.max + batch, sizeof(*tasks.items));
    for (int i = 0; i < OWNERS; i++) {
        char name[32];

        snprintf(name, sizeof(name), "service:%d", i);
        owners[i] = intern(name);
    }
    while (spent < seconds) {
        struct plan plan;
        bool is_warm = tasks.count > tasks.max - 2 * ROUND;
        double start;

        stop_some(fleet, demand.claim, &tasks, &rng);
        start = now_s();
        for (int repeat = 0; repeat < ROUND / (int)batch; repeat++) {
            struct error *err;

            demand.claim.owner = owners[rng_below(&rng, OWNERS)];
            err = plan_place(&arena, fleet, &demand, batch, &rng, &plan);
            if (err || plan.placed_count != batch)
                abort();
            for (size_t i = 0; i < batch; i++) {
                fleet_hold(fleet, &plan.hosts[i], &demand.claim);
                tasks.items[tasks.count++] = (struct placed){plan.hosts[i], demand.claim.owner};
            }
            arena_reset(&arena);
        }
        if (!is_warm)
            continue; /* still filling up */
        decisions += ROUND / batch * batch;
        spent += now_s() - start;
    }
    fleet_free(fleet);
    arena_done(&arena);
    for (int i = 0; i < OWNERS; i++)
        intern_unref(owners[i]);
    intern_unref(full);
    free(tasks.items);
    return (double)decisions / spent;
}

int main(int argc, char **argv)
{
    static const unsigned sizes[] = {100, 1000, 10000};
    static const size_t batches[] = {1, 10};
    double seconds = 1;
    const char *rule = "";
    unsigned hosts = 0;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seconds") == 0)
            seconds = atof(argv[i + 1]);
        if (strcmp(argv[i], "--rule") == 0)
            rule = argv[i + 1];
        if (strcmp(argv[i], "--hosts") == 0)
            hosts = (unsigned)atoi(argv[i + 1]);
    }
    printf("%-32s %6s %7s %12s %8s %6s\n", "rule", "batch", "hosts", "decisions/s", "ns each",
           "ratio");
    for (size_t n = 0; n < ARRAY_LEN(scenarios); n++)
        for (size_t b = 0; b < ARRAY_LEN(batches); b++) {
            double first = 0;

            for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
                double rate;

                if (!strstr(scenarios[n].name, rule) || (hosts && hosts != sizes[s]))
                    continue;
                rate = run(&scenarios[n], sizes[s], batches[b], seconds);
                first = first > 0 ? first : rate;
                printf("%-32s %6zu %7u %12.0f %8.0f %6.2f\n", scenarios[n].name, batches[b],
                       sizes[s], rate, 1e9 / rate, first / rate);
                fflush(stdout);
            }
        }
    return 0;
}
