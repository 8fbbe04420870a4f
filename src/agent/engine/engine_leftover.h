/* engine_leftover.h - what became of a start that Docker never answered.
 *
 * When dockerd dies while it starts a container it comes back calling it created, whether its
 * process never began, waits to begin, runs unknown to Docker, or has run and ended. What tells is
 * what it left behind: containerd's shim of the container as long as Docker is away; files in
 * Docker's directory of the container; processes in the container's cgroup, wherever in /proc that
 * is. If nothing tells, the container may have run.
 */
#ifndef BERTH_AGENT_ENGINE_LEFTOVER_H
#define BERTH_AGENT_ENGINE_LEFTOVER_H

enum engine_leftover {
    LEFTOVER_UNKNOWN, /* it may have run */
    LEFTOVER_NOTHING, /* it did not get as far as a process: the start can be repeated */
    LEFTOVER_HELD,    /* the process is prepared and has not begun; Docker cannot go on with it */
    LEFTOVER_RAN,     /* its process has begun; it may run still, unknown to Docker */
};

/* While Docker is away, and has not cleared away: asks the container's shim, which outlives it. */
enum engine_leftover engine_leftover_observe(const char *proc, const char *docker_id);

/* When Docker is back. `docker_root` is Docker's root directory, `proc` is "/proc"; `log_driver`
 * may be NULL. */
enum engine_leftover engine_leftover_find(const char *docker_root, const char *proc,
                                          const char *docker_id, const char *log_driver);
/* Ends the processes of the container, with SIGKILL. */
void engine_leftover_kill(const char *proc, const char *docker_id);

#endif
