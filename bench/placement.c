/* Placement decisions per second: plan, then hold, as RunTask and the reconciler do; of one
 * thread's CPU time.
 *
 *   placement [--seconds N]
 *
 * Prints a line for each rule and fleet size. Hosts have three zones and 40 attributes; a tenth of
 * the tasks is stopped again as others start, so that the fleet stays about half full. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/intern.h"
#include "base/mem.h"
#include "scheduler/plan.h"

#define OWNERS     200
#define CPU_TASK   64
#define CPU_HOST   65536
#define ATTRIBUTES 40
#define ROUND      4096 /* decisions between two looks at the clock */

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

static struct fleet *make_fleet(unsigned hosts, struct rng *rng)
{
    static const char *const zones[] = {"zone-a", "zone-b", "zone-c"};
    struct host_attribute attributes[ATTRIBUTES + 1];
    char names[ATTRIBUTES][48];
    struct fleet *fleet = fleet_new();

    for (int i = 0; i < ATTRIBUTES; i++) {
        snprintf(names[i], sizeof(names[i]), "com.amazonaws.ecs.capability.feature-%d", i);
        attributes[i] = (struct host_attribute){names[i], NULL};
    }
    for (unsigned n = 0; n < hosts; n++) {
        attributes[ATTRIBUTES] =
            (struct host_attribute){"ecs.availability-zone", zones[n % ARRAY_LEN(zones)]};
        fleet_put_host(fleet, &(struct host_facts){
                                  .id = id_new(rng, (int64_t)n),
                                  .is_placeable = true,
                                  .cpu = CPU_HOST,
                                  .memory = CPU_HOST,
                                  .attributes = attributes,
                                  .attribute_count = ARRAY_LEN(attributes),
                              });
    }
    return fleet;
}

static double run(unsigned hosts, size_t batch, bool is_spread, double seconds)
{
    static const struct placement_strategy spread[] = {
        {STRATEGY_SPREAD, "attribute:ecs.availability-zone"}, {STRATEGY_SPREAD, "instanceId"}};
    static const char *const required[] = {
        "com.amazonaws.ecs.capability.feature-1", "com.amazonaws.ecs.capability.feature-7",
        "com.amazonaws.ecs.capability.feature-21", "com.amazonaws.ecs.capability.feature-39"};
    struct rng rng = rng_seeded(42);
    struct fleet *fleet = make_fleet(hosts, &rng);
    const char *owners[OWNERS];
    struct arena arena = {0};
    struct demand demand = {
        .claim = {.cpu = CPU_TASK, .memory = CPU_TASK},
        .required_attributes = required,
        .required_attribute_count = ARRAY_LEN(required),
        .strategies = is_spread ? spread : NULL,
        .strategy_count = is_spread ? ARRAY_LEN(spread) : 0,
    };
    size_t tasks_max = (size_t)hosts * (CPU_HOST / CPU_TASK) / 2;
    struct placed *tasks;
    size_t count = 0;
    uint64_t decisions = 0;
    double start, spent = 0;

    if (tasks_max > 1000000)
        tasks_max = 1000000;
    tasks = xcalloc(tasks_max + batch, sizeof(*tasks));
    for (int i = 0; i < OWNERS; i++) {
        char name[32];

        snprintf(name, sizeof(name), "service:%d", i);
        owners[i] = intern(name);
    }
    while (spent < seconds) {
        struct plan plan;

        /* Make room outside the clock: stopping is not what is measured. */
        while (count > tasks_max - ROUND) {
            size_t at = rng_below(&rng, count);
            struct claim claim = demand.claim;

            claim.owner = tasks[at].owner;
            fleet_release(fleet, &tasks[at].host, &claim);
            tasks[at] = tasks[--count];
        }
        start = now_s();
        for (int repeat = 0; repeat < ROUND / (int)batch; repeat++) {
            struct error *err;

            demand.claim.owner = owners[rng_below(&rng, OWNERS)];
            err = plan_place(&arena, fleet, &demand, batch, &rng, &plan);

            if (err || plan.placed_count != batch)
                abort();
            for (size_t i = 0; i < batch; i++) {
                fleet_hold(fleet, &plan.hosts[i], &demand.claim);
                tasks[count++] = (struct placed){plan.hosts[i], demand.claim.owner};
            }
            decisions += batch;
            arena_reset(&arena);
        }
        spent += now_s() - start;
    }
    fleet_free(fleet);
    arena_done(&arena);
    for (int i = 0; i < OWNERS; i++)
        intern_unref(owners[i]);
    free(tasks);
    return (double)decisions / spent;
}

int main(int argc, char **argv)
{
    static const unsigned sizes[] = {100, 1000, 10000};
    static const size_t batches[] = {1, 10};
    double seconds = argc == 3 && strcmp(argv[1], "--seconds") == 0 ? atof(argv[2]) : 1;

    printf("%-22s %6s %7s %14s %10s\n", "rule", "batch", "hosts", "decisions/s", "ns each");
    for (int is_spread = 0; is_spread <= 1; is_spread++)
        for (size_t b = 0; b < ARRAY_LEN(batches); b++)
            for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
                double rate = run(sizes[s], batches[b], is_spread, seconds);

                printf("%-22s %6zu %7u %14.0f %10.0f\n",
                       is_spread ? "spread zone, instance" : "random", batches[b], sizes[s], rate,
                       1e9 / rate);
            }
    return 0;
}
