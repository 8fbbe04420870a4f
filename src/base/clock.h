/* clock.h - time and randomness as arguments, so that a test owns them.
 *
 * Units  Wall time is milliseconds since the Unix epoch; it is what is stored and shown. Durations
 *        are measured with the monotonic clock, whose zero means nothing.
 */
#ifndef BERTH_BASE_CLOCK_H
#define BERTH_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(void *data);
    int64_t (*mono_ms)(void *data);
    void *data;
};

extern const struct clock clock_system;

static inline int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock->data);
}

static inline int64_t clock_mono_ms(const struct clock *clock)
{
    return clock->mono_ms(clock->data);
}

/* "2026-11-20T08:30:00.123Z" */
#define CLOCK_ISO_SIZE 32
void clock_format_iso(int64_t wall_ms, char ret[CLOCK_ISO_SIZE]);

/* Random numbers: from the system, or a repeatable sequence (xorshift64*) for tests and plans. */
struct rng {
    uint64_t state; /* 0: ask the system each time */
};

struct rng rng_system(void);
struct rng rng_seeded(uint64_t seed);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); /* 0 <= result < bound; bound > 0 */
void rng_bytes(struct rng *rng, void *ret, size_t len);

/* `ms` with up to `percent` more or less, for back-off. */
int64_t rng_jitter_ms(struct rng *rng, int64_t ms, unsigned percent);

#endif
