/* agent.h - the container agent of one host: everything in this folder put together.
 *
 * It reads its configuration (config.h), finds Docker, takes up the tasks of its data directory,
 * registers the host and then does what the control plane says until SIGTERM or SIGINT. Containers
 * keep running when it ends. A second signal ends it at once.
 */
#ifndef BERTH_AGENT_AGENT_H
#define BERTH_AGENT_AGENT_H

#include "agent/config/config.h"

/* AP-011: what a supervisor does about an exit code. */
#define AGENT_EXIT_DONE   0
#define AGENT_EXIT_AGAIN  1  /* start it again */
#define AGENT_EXIT_FINAL  5  /* starting it again cannot help */
#define AGENT_EXIT_UPDATE 42 /* put the new version in its place, then start that */

struct agent_options {
    struct config_flags flags;
    const char *const *env; /* NULL: the environment of the process */
    bool leaves_sigint;     /* Ctrl-C is somebody else's */
};

/* Runs the agent; returns when it has ended. NULL if it was told to. */
MUST_USE struct error *agent_run(const struct agent_options *options);

/* AGENT_EXIT_DONE for NULL. */
int agent_exit_code(const struct error *err);

#endif
