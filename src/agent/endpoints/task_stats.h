/* task_stats.h - what containers use, for those that ask in them (AG-222, AG-250 to AG-253,
 * AG-914).
 *
 * Docker is listened to only for containers whose statistics somebody wanted within the last
 * TASK_STATS_KEEP_MS; while it is, answers are its newest sample and cost nothing. The first answer
 * waits for the second sample (some two seconds), so that it has what came before, and its rates.
 * The once-a-minute totals for the control plane are others (tcs_sampler.h).
 *
 * Ownership  A sample is lent during the callback.
 */
#ifndef BERTH_AGENT_TASK_STATS_H
#define BERTH_AGENT_TASK_STATS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/docker/docker.h"
#include "net/loop.h"

#define TASK_STATS_KEEP_MS     60000
#define TASK_STATS_WAIT_MS     4000 /* for a sample, below what clients wait (AG-909) */
#define TASK_STATS_WATCHES_MAX 256  /* containers listened to at once; more get no sample */

struct task_stats;

struct task_sample {
    const char *json; /* Docker's object */
    size_t len;
    bool has_rates;
    double rx_bytes_per_s, tx_bytes_per_s;
};

/* `sample` is NULL if there is none in time. Runs after the asking call has returned. */
typedef void task_sample_fn(const struct task_sample *sample, void *data);

struct task_stats *task_stats_new(struct loop *loop, struct docker *docker,
                                  const struct clock *clock);
/* Who waits gets no sample. */
void task_stats_close(struct task_stats *stats, loop_fn *closed, void *data);

void task_stats_get(struct task_stats *stats, const char *docker_id, task_sample_fn *fn,
                    void *data);
size_t task_stats_count(const struct task_stats *stats);

#endif
