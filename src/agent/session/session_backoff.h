/* session_backoff.h - how long to wait before trying again: growing, bounded, jittered. A value. */
#ifndef BERTH_AGENT_SESSION_BACKOFF_H
#define BERTH_AGENT_SESSION_BACKOFF_H

#include "base/clock.h"

struct backoff {
    int64_t first_ms, most_ms;
    unsigned growth_percent; /* 150: half as much again each time */
    unsigned jitter_percent; /* up to so much more */
    int64_t next_ms;         /* 0: the first */
};

int64_t backoff_next_ms(struct backoff *backoff, struct rng *rng);
void backoff_reset(struct backoff *backoff);

#endif
