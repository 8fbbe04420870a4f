/* growth.h - how many hosts more it takes to place what waits (CL-136). Pure.
 *
 * New hosts are thought of as the largest there is; a kind of task that does not fit the smallest
 * is left out, since no host that may come is sure to take it. Tasks are packed: kind by kind onto
 * the new hosts there are, then onto one more.
 */
#ifndef BERTH_SCHEDULER_GROWTH_H
#define BERTH_SCHEDULER_GROWTH_H

#include "scheduler/plan.h"

#define GROWTH_HOSTS_MAX 10000 /* the most that are ever asked for (CL-055) */

struct growth; /* the hosts that are thought of */

/* Both are lent until growth_free(). */
struct growth *growth_new(const struct host_facts *largest, const struct host_facts *smallest,
                          struct rng *rng);
void growth_free(struct growth *growth);
/* `count` tasks more; false if they are left out. */
bool growth_add(struct growth *growth, const struct demand *demand, size_t count);
size_t growth_hosts(const struct growth *growth);

#endif
