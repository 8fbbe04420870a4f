/* child.h - the two programs `berth up` is the parent of: this same binary, run as a server and as
 * an agent.
 *
 * A child started with --under-up leaves SIGINT to its parent and ends when the parent dies.
 */
#ifndef BERTH_CLI_CHILD_H
#define BERTH_CLI_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define CHILD_ARGS_MAX  96
#define CHILD_READY_ENV "BERTH_READY_FD"

struct child {
    const char *name;                 /* "server" */
    const char *args[CHILD_ARGS_MAX]; /* after the program's name; NULL-terminated */
    const char *env[8];               /* "NAME=value" to add; NULL-terminated */
    pid_t pid;                        /* 0: not running */
    int64_t started_ms;
    unsigned restarts; /* in a row, for back-off */
};

/* Starts it and, if `ready_timeout_ms` is not 0, waits for its word that it is ready. */
MUST_USE struct error *child_start(struct child *child, int64_t ready_timeout_ms);
/* Called in the child: the word. Does nothing if nobody waits. */
void child_tell_ready(void);
/* Called in the child for --under-up. */
void child_follow_parent(void);

#endif
