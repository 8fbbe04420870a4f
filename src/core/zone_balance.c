#include "core/zone_balance.h"

#include <stdlib.h>
#include <string.h>

static int fullest_first(const void *a, const void *b)
{
    const struct zone_load *x = a, *y = b;

    if (x->tasks != y->tasks)
        return x->tasks > y->tasks ? -1 : 1;
    return strcmp(x->name, y->name);
}

int64_t zone_balance(struct zone_load *zones, size_t count, int64_t total)
{
    int64_t missing = 0;

    if (!count)
        return 0;
    qsort(zones, count, sizeof(*zones), fullest_first);
    for (size_t i = 0; i < count; i++) {
        zones[i].wanted = total / (int64_t)count + ((int64_t)i < total % (int64_t)count);
        if (zones[i].wanted > zones[i].tasks)
            missing += zones[i].wanted - zones[i].tasks;
    }
    return missing;
}
