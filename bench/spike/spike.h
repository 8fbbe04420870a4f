/* spike.h - what the spike's servers have in common: the key, and answers that wait for a commit.
 *
 * A commit is simulated: what was held since the last one is released together, 1 ms after the
 * first of them came. */
#ifndef BERTH_SPIKE_H
#define BERTH_SPIKE_H

#include <sys/resource.h>
#include <time.h>
#include <uv.h>

#include "base/arena.h"
#include "base/mem.h"
#include "net/sigv4.h"

#define SPIKE_KEY    "AKIDSPIKE"
#define SPIKE_SECRET "spikesecret"
#define SPIKE_ANSWER "{\"clusterArns\":[\"arn:aws:ecs:us-east-1:000000000000:cluster/default\"]}"
#define COMMIT_MS    1

struct commits {
    uv_timer_t timer;
    void **held;
    size_t count, capacity;
    void (*release)(void *held);
};

static void on_commit(uv_timer_t *timer)
{
    struct commits *commits = timer->data;
    void **batch = commits->held;
    size_t count = commits->count;

    commits->held = NULL;
    commits->count = commits->capacity = 0;
    for (size_t i = 0; i < count; i++)
        commits->release(batch[i]);
    free(batch);
}

static inline void commits_init(struct commits *commits, uv_loop_t *loop,
                                void (*release)(void *held))
{
    uv_timer_init(loop, &commits->timer);
    commits->timer.data = commits;
    commits->release = release;
}

static inline void commits_hold(struct commits *commits, void *held)
{
    if (commits->count == 0)
        uv_timer_start(&commits->timer, on_commit, COMMIT_MS, 0);
    ARRAY_GROW(commits->held, commits->count, commits->capacity);
    commits->held[commits->count++] = held;
}

static inline bool spike_is_signed(struct sigv4_cache *cache, struct arena *arena,
                                   const struct http_request *req)
{
    struct sigv4_claim claim;
    struct error *err = sigv4_read(arena, req, &claim);

    if (!err)
        err = sigv4_verify(arena, cache, req, &claim, SPIKE_SECRET, (int64_t)time(NULL) * 1000);
    if (err)
        fprintf(stderr, "refused: %s\n", err->message);
    bool is_ok = !err;
    error_free(err);
    arena_reset(arena);
    return is_ok;
}

static inline void spike_raise_limits(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

#endif
