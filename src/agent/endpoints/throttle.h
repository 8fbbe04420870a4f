/* throttle.h - how often one client may ask: a token bucket for each (AG-148, AG-917).
 *
 * A bucket holds `burst` tokens and gets `steady` a second; a request takes one. A bucket that is
 * full again is as good as none, so only clients that asked lately have one. Time is an argument.
 */
#ifndef BERTH_AGENT_THROTTLE_H
#define BERTH_AGENT_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THROTTLE_CLIENTS_MAX 4096 /* the one that asked longest ago makes room */

struct throttle;

struct throttle *throttle_new(int64_t steady_per_s, int64_t burst);
void throttle_free(struct throttle *throttle);
/* False: too often. */
bool throttle_admit(struct throttle *throttle, const char *client, int64_t mono_ms);
size_t throttle_count(const struct throttle *throttle);

#endif
