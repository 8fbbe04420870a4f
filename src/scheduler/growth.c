#include "scheduler/growth.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct growth {
    const struct host_facts *largest;
    struct fleet *smallest; /* one of them */
    struct fleet *hosts;
    size_t count;
    struct rng *rng;
};

/* They come empty, ACTIVE and connected. */
static void add_host(struct fleet *fleet, const struct host_facts *like, size_t number)
{
    struct host_facts facts = *like;

    memset(&facts.id, 0, sizeof(facts.id));
    memcpy(&facts.id, &number, sizeof(number));
    facts.is_placeable = true;
    fleet_put_host(fleet, &facts);
}

struct growth *growth_new(const struct host_facts *largest, const struct host_facts *smallest,
                          struct rng *rng)
{
    struct growth *growth = xcalloc(1, sizeof(*growth));

    *growth = (struct growth){
        .largest = largest, .smallest = fleet_new(), .hosts = fleet_new(), .rng = rng};
    add_host(growth->smallest, smallest, 1);
    return growth;
}

void growth_free(struct growth *growth)
{
    if (!growth)
        return;
    fleet_free(growth->smallest);
    fleet_free(growth->hosts);
    free(growth);
}

/* How many of `count` find a place, and hold it. What cannot be understood finds none. */
static size_t place(struct growth *growth, struct fleet *fleet, const struct demand *demand,
                    size_t count)
{
    static const struct placement_strategy packed = {STRATEGY_BINPACK, "memory"};
    struct demand asked = *demand;
    struct arena arena = {0};
    struct plan plan = {0};
    struct error *err;

    asked.strategies = &packed;
    asked.strategy_count = 1;
    asked.is_silent = true;
    err = plan_place(&arena, fleet, &asked, count, growth->rng, &plan);
    if (err)
        error_free(err); /* whoever placed it has told */
    for (size_t i = 0; i < plan.placed_count && fleet == growth->hosts; i++)
        fleet_hold(fleet, &plan.hosts[i], &demand->claim);
    arena_done(&arena);
    return plan.placed_count;
}

bool growth_add(struct growth *growth, const struct demand *demand, size_t count)
{
    size_t placed;

    if (!place(growth, growth->smallest, demand, 1))
        return false;
    placed = growth->count ? place(growth, growth->hosts, demand, count) : 0;
    while (placed < count && growth->count < GROWTH_HOSTS_MAX) {
        size_t more;

        add_host(growth->hosts, growth->largest, ++growth->count);
        more = place(growth, growth->hosts, demand, count - placed);
        if (!more)
            break;
        placed += more;
    }
    return true;
}

size_t growth_hosts(const struct growth *growth)
{
    return growth->count;
}
