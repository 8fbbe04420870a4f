/* loop_uv.h - the libuv loop under a struct loop, for the files of this folder only. */
#ifndef BERTH_NET_LOOP_UV_H
#define BERTH_NET_LOOP_UV_H

#include <uv.h>

#include "net/loop.h"

uv_loop_t *loop_uv(struct loop *loop);

/* The loop's monotonic clock: read now, and as it was when the turn began (cheap). */
int64_t loop_mono_ms(void);
int64_t loop_now_ms(struct loop *loop);
/* Grows by one with each turn. */
uint64_t loop_turn(const struct loop *loop);

#endif
