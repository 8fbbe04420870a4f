/* loop.h - the event loop: one thread, timers, work for other threads, signals, child processes.
 *
 * Everything here belongs to the loop's thread except loop_post(). Callbacks run on the loop, never
 * from inside the call that asked for them. libuv shows only inside src/net.
 *
 * Units  Durations are milliseconds on the monotonic clock.
 */
#ifndef BERTH_NET_LOOP_H
#define BERTH_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/tree.h"

struct loop;

typedef void loop_fn(void *data);

/* Also has the process ignore SIGPIPE: a peer that went away is an error of the write. */
MUST_USE struct error *loop_new(struct loop **ret_loop);
/* Waits for the work under way, runs what is still to be closed, then frees. Everything made on the
 * loop is freed before. */
void loop_free(struct loop *loop);
void loop_run(struct loop *loop);  /* until loop_stop() */
void loop_stop(struct loop *loop); /* after the current turn */

/* Asks for `fn` once, in this turn or the next, after the running callback has returned. */
void loop_defer(struct loop *loop, loop_fn *fn, void *data);
/* The same from any thread. */
void loop_post(struct loop *loop, loop_fn *fn, void *data);
/* Runs `fn` at the end of every turn that did something, just before the loop waits again; this is
 * where a turn's transactions become one batch. At most 8. */
void loop_on_turn_end(struct loop *loop, loop_fn *fn, void *data);
void loop_off_turn_end(struct loop *loop, loop_fn *fn, void *data); /* undoes it */

/* Runs `work` on the thread pool, then `done` on the loop. At most LOOP_WORK_MAX at once are
 * running or queued; beyond that false is returned and nothing is asked. */
#define LOOP_WORK_MAX 1024
bool loop_work(struct loop *loop, loop_fn *work, loop_fn *done, void *data);

/* A one-shot timer, embedded by its user. A zeroed struct is a stopped timer. Starting a running
 * timer moves it. timer_stop() may be called at any time and is all the clean-up there is. Cheap: a
 * tree node, no kernel object. */
struct timer {
    RB_ENTRY(timer) node;
    bool is_running;
    int64_t due_ms;
    uint64_t seq; /* timers due in the same millisecond run in the order they were started */
    struct loop *loop;
    loop_fn *fn;
    void *data;
};
void timer_start(struct timer *timer, struct loop *loop, int64_t after_ms, loop_fn *fn, void *data);
void timer_stop(struct timer *timer);

/* Calls `fn` for each arrival of `signum`. */
typedef void loop_signal_fn(int signum, void *data);
MUST_USE struct error *loop_on_signal(struct loop *loop, int signum, loop_signal_fn *fn,
                                      void *data);

/* Starts a program with inherited stdout and stderr; `exited` runs once. `env` NULL inherits. */
typedef void loop_exited_fn(int exit_status, int term_signal, void *data);
MUST_USE struct error *loop_spawn(struct loop *loop, const char *const argv[],
                                  const char *const env[], loop_exited_fn *exited, void *data,
                                  pid_t *ret_pid);

/* Longest time, since the last call, that one turn kept others waiting: a metric. */
int64_t loop_take_lag_ms(struct loop *loop);

#endif
