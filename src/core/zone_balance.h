/* zone_balance.h - how the tasks of a service are to be over availability zones, and what has to
 * move (2024: availability zone rebalancing).
 *
 * Balanced is when no zone has two more than another. Zones that have more keep the odd ones, so
 * that as few tasks as possible move. Pure.
 */
#ifndef BERTH_CORE_ZONE_BALANCE_H
#define BERTH_CORE_ZONE_BALANCE_H

#include <stddef.h>
#include <stdint.h>

struct zone_load {
    const char *name;
    int64_t tasks;
    int64_t wanted; /* by zone_balance() */
};

/* Puts them in order, the fullest first, and says how many of `total` tasks each is to have.
 * Returns how many are missing where there are too few. */
int64_t zone_balance(struct zone_load *zones, size_t count, int64_t total);

#endif
