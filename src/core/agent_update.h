/* agent_update.h - the update of an agent that people asked for (API-170, AG-025, AP-262).
 *
 *   NONE --asked--> PENDING --told--> STAGING --staged--> STAGED --told--> UPDATING
 *
 * Each of the four may end at once. An agent that comes back with the version that was asked for
 * has been UPDATED, however far this came; what is refused, late or too old has FAILED. From
 * either, asking again leads to PENDING. The agent does the work; the control plane asks one step
 * after the other.
 */
#ifndef BERTH_CORE_AGENT_UPDATE_H
#define BERTH_CORE_AGENT_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "gen/records.h"

/* What there is to update to: an operator's setting. Strings are lent; version NULL: nothing. */
struct agent_release {
    const char *version;
    const char *location; /* of the image: http or https */
    const char *sha256;   /* of the file, in hex */
};

bool agent_update_may_follow(enum agent_update from, enum agent_update to);
bool agent_update_is_under_way(enum agent_update status);
/* The only writer of instance->agent_update. */
void agent_update_set(struct container_instance *instance, enum agent_update to, int64_t now_ms);

#endif
