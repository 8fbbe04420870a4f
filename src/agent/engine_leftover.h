/* engine_leftover.h - processes of a container that Docker lost: when dockerd dies while it starts
 * one, it may come back without knowing whether the process runs, and refuse to start it again.
 *
 * Looks through /proc for processes in the container's cgroup, wherever that is; runc's own helper,
 * which waits to become the process, does not count.
 */
#ifndef BERTH_AGENT_ENGINE_LEFTOVER_H
#define BERTH_AGENT_ENGINE_LEFTOVER_H

#include <stdbool.h>
#include <sys/types.h>

/* True if a process of the container runs; kills all of them if `kills`. `proc` is "/proc". */
bool engine_leftover_runs(const char *proc, const char *docker_id, bool kills);

#endif
