#include "fake_loop.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"

#define START_WALL_MS 1795159493000
#define ROUNDS_MAX    10000 /* of one turn: more is a task that wakes itself for ever */

struct deferred {
    loop_fn *fn;
    void *data;
};

struct loop {
    struct clock clock;
    int64_t now_ms, wall_offset_ms;
    struct deferred *deferred;
    size_t count, capacity;
    struct timer *timers[4096];
    size_t timer_count;
    uint64_t seq;
    char *command; /* last one started */
    loop_exited_fn *exited;
    void *exited_data;
};

static int64_t wall_ms(void *data)
{
    const struct loop *loop = data;

    return START_WALL_MS + loop->now_ms + loop->wall_offset_ms;
}

static int64_t mono_ms(void *data)
{
    return 1000 + ((struct loop *)data)->now_ms;
}

struct loop *fake_loop_new(void)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));

    loop->clock = (struct clock){wall_ms, mono_ms, loop};
    return loop;
}

void fake_loop_free(struct loop *loop)
{
    free(loop->deferred);
    free(loop->command);
    free(loop);
}

const struct clock *fake_loop_clock(struct loop *loop)
{
    return &loop->clock;
}

void fake_loop_set_clock(struct loop *loop, int64_t by_ms)
{
    loop->wall_offset_ms += by_ms;
}

size_t fake_loop_timers(const struct loop *loop)
{
    return loop->timer_count;
}

void loop_defer(struct loop *loop, loop_fn *fn, void *data)
{
    ARRAY_GROW(loop->deferred, loop->count, loop->capacity);
    loop->deferred[loop->count++] = (struct deferred){fn, data};
}

void fake_loop_settle(struct loop *loop)
{
    for (size_t i = 0; i < loop->count; i++) {
        struct deferred next = loop->deferred[i];

        next.fn(next.data);
        if (i > ROUNDS_MAX)
            abort();
    }
    loop->count = 0;
}

struct error *loop_spawn(struct loop *loop, const char *const argv[], const char *const env[],
                         loop_exited_fn *exited, void *data, pid_t *ret_pid)
{
    struct buf command = {0};

    (void)env;
    (void)ret_pid;
    for (size_t i = 0; argv[i]; i++)
        buf_printf(&command, "%s%s", i ? " " : "", argv[i]);
    free(loop->command);
    loop->command = buf_take(&command);
    loop->exited = exited;
    loop->exited_data = data;
    return NULL;
}

const char *fake_loop_command(const struct loop *loop)
{
    return loop->exited ? loop->command : NULL;
}

void fake_loop_exit(struct loop *loop, int status)
{
    loop_exited_fn *exited = loop->exited;

    loop->exited = NULL;
    exited(status, 0, loop->exited_data);
    fake_loop_settle(loop);
}

void timer_start(struct timer *timer, struct loop *loop, int64_t after_ms, loop_fn *fn, void *data)
{
    timer_stop(timer);
    if (loop->timer_count == ARRAY_LEN(loop->timers))
        abort();
    timer->loop = loop;
    timer->fn = fn;
    timer->data = data;
    timer->due_ms = loop->now_ms + (after_ms > 0 ? after_ms : 0);
    timer->seq = ++loop->seq;
    timer->is_running = true;
    loop->timers[loop->timer_count++] = timer;
}

void timer_stop(struct timer *timer)
{
    struct loop *loop = timer->loop;

    if (!timer->is_running)
        return;
    timer->is_running = false;
    for (size_t i = 0; i < loop->timer_count; i++) {
        if (loop->timers[i] == timer) {
            loop->timers[i] = loop->timers[--loop->timer_count];
            return;
        }
    }
}

static struct timer *first_due(struct loop *loop, int64_t until_ms)
{
    struct timer *first = NULL;

    for (size_t i = 0; i < loop->timer_count; i++) {
        struct timer *timer = loop->timers[i];

        if (timer->due_ms <= until_ms &&
            (!first || timer->due_ms < first->due_ms ||
             (timer->due_ms == first->due_ms && timer->seq < first->seq)))
            first = timer;
    }
    return first;
}

void fake_loop_pass(struct loop *loop, int64_t ms)
{
    int64_t until_ms = loop->now_ms + ms;
    struct timer *timer;

    fake_loop_settle(loop);
    while ((timer = first_due(loop, until_ms))) {
        if (timer->due_ms > loop->now_ms)
            loop->now_ms = timer->due_ms;
        timer_stop(timer);
        timer->fn(timer->data);
        fake_loop_settle(loop);
    }
    loop->now_ms = until_ms;
}
