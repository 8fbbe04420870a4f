#include "agent/session/session_backoff.h"

int64_t backoff_next_ms(struct backoff *backoff, struct rng *rng)
{
    int64_t wait_ms = backoff->next_ms ? backoff->next_ms : backoff->first_ms;
    int64_t grown_ms = wait_ms * backoff->growth_percent / 100;

    backoff->next_ms = grown_ms < backoff->most_ms ? grown_ms : backoff->most_ms;
    return wait_ms +
           (int64_t)rng_below(rng, (uint64_t)(wait_ms * backoff->jitter_percent / 100 + 1));
}

void backoff_reset(struct backoff *backoff)
{
    backoff->next_ms = 0;
}
