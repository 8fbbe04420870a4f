#include "agent/endpoints/task_stats.h"

#include <string.h>
#include <sys/queue.h>

#include "agent/telemetry/tcs_stats.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/tree.h"

struct waiter {
    TAILQ_ENTRY(waiter) entry;
    task_sample_fn *fn;
    void *data;
};

/*   WAITING --second sample--> WARM --nobody asks--> ENDING --Docker's answer--> gone
 *      '----------- the stream ends, or time is up ----^                              */
struct watch {
    RB_ENTRY(watch) by_id;
    struct task_stats *stats;
    char *docker_id;
    enum { WAITING, WARM, ENDING } state;
    struct docker_call *call; /* NULL: it has ended */
    TAILQ_HEAD(, waiter) waiters;
    struct buf newest;
    struct tcs_sample last;
    unsigned samples;
    bool has_rates;
    double rx_bytes_per_s, tx_bytes_per_s;
    int64_t asked_mono_ms;
    struct timer deadline;
    bool is_answer_deferred;
};

RB_HEAD(watches, watch);

struct task_stats {
    struct loop *loop;
    struct docker *docker;
    const struct clock *clock;
    struct watches watches;
    size_t count;
    loop_fn *closed; /* NULL: not asked to close */
    void *closed_data;
};

static int compare(const struct watch *a, const struct watch *b)
{
    return strcmp(a->docker_id, b->docker_id);
}

RB_GENERATE_STATIC(watches, watch, by_id, compare)

struct task_stats *task_stats_new(struct loop *loop, struct docker *docker,
                                  const struct clock *clock)
{
    struct task_stats *stats = xcalloc(1, sizeof(*stats));

    stats->loop = loop;
    stats->docker = docker;
    stats->clock = clock;
    RB_INIT(&stats->watches);
    return stats;
}

size_t task_stats_count(const struct task_stats *stats)
{
    return stats->count;
}

static void on_all_closed(void *data)
{
    struct task_stats *stats = data;
    loop_fn *closed = stats->closed;
    void *closed_data = stats->closed_data;

    free(stats);
    closed(closed_data);
}

static void answer(struct watch *watch)
{
    struct task_sample sample = {.json = watch->newest.data,
                                 .len = watch->newest.len,
                                 .has_rates = watch->has_rates,
                                 .rx_bytes_per_s = watch->rx_bytes_per_s,
                                 .tx_bytes_per_s = watch->tx_bytes_per_s};
    struct waiter *waiter;

    timer_stop(&watch->deadline);
    while ((waiter = TAILQ_FIRST(&watch->waiters))) {
        TAILQ_REMOVE(&watch->waiters, waiter, entry);
        waiter->fn(watch->newest.len ? &sample : NULL, waiter->data);
        free(waiter);
    }
}

/* Its call has ended, and nobody is to be called back for it. */
static void free_if_over(struct watch *watch)
{
    struct task_stats *stats = watch->stats;

    if (watch->call || watch->is_answer_deferred)
        return;
    answer(watch);
    RB_REMOVE(watches, &stats->watches, watch);
    stats->count--;
    buf_done(&watch->newest);
    free(watch->docker_id);
    free(watch);
    if (stats->closed && !stats->count)
        loop_defer(stats->loop, on_all_closed, stats);
}

static void end(struct watch *watch)
{
    if (watch->state == ENDING)
        return;
    watch->state = ENDING;
    if (watch->call)
        docker_cancel(watch->call);
}

static double rate(uint64_t before, uint64_t now, double elapsed_ms)
{
    return now > before ? (double)(now - before) * 1000 / elapsed_ms : 0;
}

static void take_rates(struct watch *watch, const struct tcs_sample *sample)
{
    double elapsed_ms = (double)(sample->at_ms - watch->last.at_ms);

    if (!watch->samples || elapsed_ms <= 0 || !sample->has_network)
        return;
    watch->rx_bytes_per_s =
        rate(watch->last.counters[TCS_RX_BYTES], sample->counters[TCS_RX_BYTES], elapsed_ms);
    watch->tx_bytes_per_s =
        rate(watch->last.counters[TCS_TX_BYTES], sample->counters[TCS_TX_BYTES], elapsed_ms);
    watch->has_rates = true;
}

/* A container that has stopped is told with zeros: there is nothing to say about it. */
static void take(struct watch *watch, const char *json, size_t len)
{
    struct tcs_sample sample;
    struct error *err = tcs_sample_read(json, len, &sample);

    if (err) {
        error_free(err); /* who waits gets no sample */
        buf_clear(&watch->newest);
        end(watch);
        return;
    }
    take_rates(watch, &sample);
    watch->last = sample;
    watch->samples++;
    buf_clear(&watch->newest);
    buf_add(&watch->newest, json, len);
    while (watch->newest.len && watch->newest.data[watch->newest.len - 1] == '\n')
        watch->newest.data[--watch->newest.len] = '\0';
    if (watch->state == WAITING && watch->samples >= 2) {
        watch->state = WARM;
        answer(watch);
    }
    if (clock_mono_ms(watch->stats->clock) - watch->asked_mono_ms > TASK_STATS_KEEP_MS)
        end(watch);
}

static void on_text(const struct docker_failure *failure, const char *json, size_t len, void *data)
{
    struct watch *watch = data;

    if (!failure) {
        if (watch->state != ENDING)
            take(watch, json, len);
        return;
    }
    if (failure->fault != DOCKER_CANCELLED)
        log_debug("no statistics", "container", watch->docker_id, "error", failure->message);
    watch->call = NULL;
    watch->state = ENDING;
    free_if_over(watch);
}

static void on_deadline(void *data)
{
    struct watch *watch = data;

    answer(watch); /* with the first sample, if that is there */
}

static struct watch *watch_new(struct task_stats *stats, const char *docker_id)
{
    struct watch *watch = xcalloc(1, sizeof(*watch));

    watch->stats = stats;
    watch->docker_id = str_dup(docker_id);
    TAILQ_INIT(&watch->waiters);
    RB_INSERT(watches, &stats->watches, watch);
    stats->count++;
    watch->call = docker_stream_stats(stats->docker, docker_id, on_text, watch);
    return watch;
}

static void on_answer_due(void *data)
{
    struct watch *watch = data;

    watch->is_answer_deferred = false;
    answer(watch);
    if (watch->state == ENDING)
        free_if_over(watch);
}

/* There is a sample, or never will be: the answer comes after the asking call has returned. */
static void answer_soon(struct watch *watch)
{
    if (watch->is_answer_deferred)
        return;
    watch->is_answer_deferred = true;
    loop_defer(watch->stats->loop, on_answer_due, watch);
}

struct refusal {
    task_sample_fn *fn;
    void *data;
};

static void on_refused(void *data)
{
    struct refusal *refusal = data;

    refusal->fn(NULL, refusal->data);
    free(refusal);
}

static void refuse(struct task_stats *stats, task_sample_fn *fn, void *data)
{
    struct refusal *refusal = xcalloc(1, sizeof(*refusal));

    *refusal = (struct refusal){fn, data};
    loop_defer(stats->loop, on_refused, refusal);
}

void task_stats_get(struct task_stats *stats, const char *docker_id, task_sample_fn *fn, void *data)
{
    struct watch key = {.docker_id = (char *)docker_id};
    struct watch *watch = RB_FIND(watches, &stats->watches, &key);
    struct waiter *waiter;

    if (stats->closed || (!watch && stats->count >= TASK_STATS_WATCHES_MAX)) {
        refuse(stats, fn, data);
        return;
    }
    if (!watch)
        watch = watch_new(stats, docker_id);
    watch->asked_mono_ms = clock_mono_ms(stats->clock);
    waiter = xcalloc(1, sizeof(*waiter));
    waiter->fn = fn;
    waiter->data = data;
    TAILQ_INSERT_TAIL(&watch->waiters, waiter, entry);
    if (watch->state != WAITING)
        answer_soon(watch);
    else if (!watch->deadline.is_running)
        timer_start(&watch->deadline, stats->loop, TASK_STATS_WAIT_MS, on_deadline, watch);
}

void task_stats_close(struct task_stats *stats, loop_fn *closed, void *data)
{
    struct watch *watch;

    stats->closed = closed;
    stats->closed_data = data;
    RB_FOREACH (watch, watches, &stats->watches) {
        timer_stop(&watch->deadline);
        end(watch);
    }
    if (!stats->count)
        loop_defer(stats->loop, on_all_closed, stats);
}
