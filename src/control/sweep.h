/* sweep.h - records whose time is over go: deleted, or moved to the archive (CL-256, API-156,
 * AG-931).
 *
 * Walks all tables in slices, a minute after it was through. Part of task_lives (tasks.c).
 */
#ifndef BERTH_CONTROL_SWEEP_H
#define BERTH_CONTROL_SWEEP_H

#include "control/parts.h"

struct sweep;

struct sweep *sweep_new(struct control *control);
void sweep_free(struct sweep *sweep);
void sweep_reset(struct sweep *sweep); /* after a reload: begins again */

#endif
