#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/attributes.h"

static int64_t now_ms(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t system_wall_ms(void *data)
{
    (void)data;
    return now_ms(CLOCK_REALTIME);
}

static int64_t system_mono_ms(void *data)
{
    (void)data;
    return now_ms(CLOCK_MONOTONIC);
}

const struct clock clock_system = {system_wall_ms, system_mono_ms, NULL};

void clock_format_iso(int64_t wall_ms, char ret[CLOCK_ISO_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    size_t len;

    gmtime_r(&seconds, &tm);
    len = strftime(ret, CLOCK_ISO_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret + len, CLOCK_ISO_SIZE - len, ".%03dZ", (int)(wall_ms % 1000));
}

struct rng rng_system(void)
{
    return (struct rng){0};
}

/* The system's numbers come 32 at a time, and none stays in memory once it is handed out. */
static uint64_t next_of_system(void)
{
    static _Thread_local uint64_t numbers[32];
    static _Thread_local size_t left;
    uint64_t value;

    if (!left) {
        if (getrandom(numbers, sizeof(numbers), 0) != (ssize_t)sizeof(numbers))
            abort();
        left = ARRAY_LEN(numbers);
    }
    value = numbers[--left];
    numbers[left] = 0;
    return value;
}

struct rng rng_seeded(uint64_t seed)
{
    /* A splitmix step spreads small seeds; the state must not be zero. */
    uint64_t z = seed + 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (struct rng){z ? z : 1};
}

uint64_t rng_next(struct rng *rng)
{
    if (!rng->state)
        return next_of_system();
    rng->state ^= rng->state >> 12;
    rng->state ^= rng->state << 25;
    rng->state ^= rng->state >> 27;
    return rng->state * 0x2545f4914f6cdd1du;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    return (uint64_t)(((unsigned __int128)rng_next(rng) * bound) >> 64);
}

void rng_bytes(struct rng *rng, void *ret, size_t len)
{
    unsigned char *out = ret;

    while (len) {
        uint64_t value = rng_next(rng);
        size_t n = len < sizeof(value) ? len : sizeof(value);

        memcpy(out, &value, n);
        out += n;
        len -= n;
    }
}

int64_t rng_jitter_ms(struct rng *rng, int64_t ms, unsigned percent)
{
    int64_t span = ms * percent / 100;

    return span <= 0 ? ms : ms - span + (int64_t)rng_below(rng, (uint64_t)(2 * span + 1));
}
