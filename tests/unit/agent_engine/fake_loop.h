/* fake_loop.h - loop.h on a virtual clock: nothing runs until the test says so, and time passes
 * only then. */
#ifndef BERTH_TEST_FAKE_LOOP_H
#define BERTH_TEST_FAKE_LOOP_H

#include "net/loop.h"

struct loop *fake_loop_new(void);
void fake_loop_free(struct loop *loop);
const struct clock *fake_loop_clock(struct loop *loop);
/* Runs everything deferred, and what that defers. */
void fake_loop_settle(struct loop *loop);
/* Lets time pass, timer by timer. */
void fake_loop_pass(struct loop *loop, int64_t ms);
/* Somebody sets the wall clock. */
void fake_loop_set_clock(struct loop *loop, int64_t by_ms);
/* The command that was started and has not ended; NULL: none. At most one at a time. */
const char *fake_loop_command(const struct loop *loop);
void fake_loop_exit(struct loop *loop, int status); /* it ends */
size_t fake_loop_timers(const struct loop *loop);

#endif
