/* What it costs to find no host: placements that nothing fits, and expressions that take long to
 * ask. CPU time of one thread, the median of RUNS.
 *
 *   refusals
 *
 * Hosts have 43 attributes and no two the same name (a regular expression has a different value to
 * look at on each). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/intern.h"
#include "base/str.h"
#include "scheduler/plan.h"

#define RUNS         21
#define CAPABILITIES 40

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int cmp(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *items, size_t count)
{
    qsort(items, count, sizeof(*items), cmp);
    return items[count / 2];
}

static struct fleet *make_fleet(unsigned hosts, struct id *ret_first, struct rng *rng)
{
    struct host_attribute attributes[CAPABILITIES + 3];
    char names[CAPABILITIES][48], name[64];
    struct fleet *fleet = fleet_new();

    for (int i = 0; i < CAPABILITIES; i++) {
        snprintf(names[i], sizeof(names[i]), "com.amazonaws.ecs.capability.feature-%d", i);
        attributes[i] = (struct host_attribute){names[i], NULL};
    }
    attributes[CAPABILITIES] = (struct host_attribute){"ecs.availability-zone", "zone-a"};
    attributes[CAPABILITIES + 1] = (struct host_attribute){"ecs.instance-type", "t2.small"};
    attributes[CAPABILITIES + 2] = (struct host_attribute){"name", name};
    for (unsigned n = 0; n < hosts; n++) {
        const struct host_facts facts = {
            .id = id_new(rng, (int64_t)n),
            .is_placeable = true,
            .cpu = 4096,
            .memory = 4096,
            .attributes = attributes,
            .attribute_count = ARRAY_LEN(attributes),
        };

        snprintf(name, sizeof(name), "host-%08u-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", n);
        fleet_put_host(fleet, &facts);
        *ret_first = n ? *ret_first : facts.id;
    }
    return fleet;
}

/* Takes so long; false: with an error. */
static bool place(struct fleet *fleet, const struct demand *demand, struct rng *rng, double *ret_us)
{
    struct arena arena = {0};
    struct plan plan;
    double start = now_us();
    struct error *err = plan_place(&arena, fleet, demand, 1, rng, &plan);
    bool is_refused = err != NULL;

    *ret_us = now_us() - start;
    if (!err && plan.placed_count)
        abort();
    error_free(err);
    arena_done(&arena);
    return !is_refused;
}

static void refusals(unsigned hosts)
{
    static const char *const required[] = {
        "com.amazonaws.ecs.capability.feature-1", "com.amazonaws.ecs.capability.feature-7",
        "com.amazonaws.ecs.capability.feature-21", "com.amazonaws.ecs.capability.feature-39"};
    struct rng rng = rng_seeded(42);
    struct id first;
    struct fleet *fleet = make_fleet(hosts, &first, &rng);
    const char *owner = intern("service:web");
    const struct claim other = {.cpu = 1, .memory = 1, .owner = owner};
    struct demand demand = {
        .claim = {.cpu = 10000, .memory = 16, .owner = owner},
        .required_attributes = required,
        .required_attribute_count = ARRAY_LEN(required),
    };
    double changed[RUNS], again[RUNS];

    place(fleet, &demand, &rng, &changed[0]); /* makes what all later ones share */
    for (int i = 0; i < RUNS; i++) {
        fleet_hold(fleet, &first, &other);
        place(fleet, &demand, &rng, &changed[i]);
        place(fleet, &demand, &rng, &again[i]);
    }
    printf("%7u hosts: no host fits: %8.1f us; again, nothing changed: %6.1f us\n", hosts,
           median(changed, RUNS), median(again, RUNS));
    fleet_free(fleet);
    intern_unref(owner);
}

static void expression(unsigned hosts, const char *text)
{
    struct rng rng = rng_seeded(42);
    struct id first;
    struct fleet *fleet = make_fleet(hosts, &first, &rng);
    const struct placement_constraint constraint = {CONSTRAINT_MEMBER_OF, text};
    struct demand demand = {
        .claim = {.cpu = 10000}, .constraints = &constraint, .constraint_count = 1};
    double us;
    bool is_taken = place(fleet, &demand, &rng, &us);

    printf("%7u hosts: %-50.50s %8.1f ms, %s\n", hosts, text, us / 1000,
           is_taken ? "answered" : "refused");
    fleet_free(fleet);
}

int main(void)
{
    static const unsigned sizes[] = {100, 1000, 10000};
    char many[2048];

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        refusals(sizes[i]);
    strcpy(many, "attribute:name =~ (.*a){20}");
    while (strlen(many) < 1800)
        strcat(many, " or attribute:name =~ (.*a){20}");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        expression(sizes[i], "attribute:ecs.instance-type =~ t2.*");
        expression(sizes[i], "attribute:name =~ host-.*5-a+c");
        expression(sizes[i], "attribute:name =~ (.*a){20}");
        expression(sizes[i], many);
    }
    return 0;
}
