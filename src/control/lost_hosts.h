/* lost_hosts.h - which hosts are silent, and the end of the tasks of those that are lost
 * (ARCHITECTURE.md, Lost hosts).
 *
 * Disconnected is not lost: only after instance_lost_after, counted from the later of the
 * disconnect and two minutes after this server began to lead, and never while more than a third of
 * the cluster's hosts are silent. Part of task_lives (tasks.c), which tells it of every instance.
 */
#ifndef BERTH_CONTROL_LOST_HOSTS_H
#define BERTH_CONTROL_LOST_HOSTS_H

#include "control/parts.h"

struct lost_hosts;

struct lost_hosts *lost_hosts_new(struct control *control);
void lost_hosts_free(struct lost_hosts *lost);
/* After a reload: nobody is silent until told again. */
void lost_hosts_forget(struct lost_hosts *lost);
/* The instance changed, or its agent's session came or went. */
void lost_hosts_follow(struct lost_hosts *lost, const struct scope *scope, const char *cluster,
                       const struct id *instance);

#endif
