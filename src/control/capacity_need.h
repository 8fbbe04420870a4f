/* capacity_need.h - how many hosts a capacity provider has in a cluster, and how many it needs
 * (CL-127, CL-135, CL-136): what managed scaling goes by.
 *
 * Computed when asked for, from the tables: it costs a look at each of the provider's hosts.
 */
#ifndef BERTH_CONTROL_CAPACITY_NEED_H
#define BERTH_CONTROL_CAPACITY_NEED_H

#include "control/control.h"

struct capacity_need {
    int64_t hosts;          /* N: ACTIVE or DRAINING */
    int64_t hosts_busy;     /* of these, with tasks other than a DAEMON's: scale-in spares them */
    int64_t hosts_needed;   /* M: busy ones, and those that what waits wants more */
    int64_t tasks_waiting;  /* in PROVISIONING */
    int64_t tasks_left_out; /* of these, too big for the smallest host */
};
void control_capacity_need(struct control *control, const struct scope *scope, const char *cluster,
                           const char *provider, struct capacity_need *ret);

/* CapacityProviderReservation: 100 * M / N; without hosts 100, or 200 if some are needed. */
double capacity_need_reservation(const struct capacity_need *need);

#endif
