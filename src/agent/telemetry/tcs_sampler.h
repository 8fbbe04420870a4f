/* tcs_sampler.h - asks Docker regularly what the containers of running tasks use.
 *
 * One pass asks for each container once, TCS_SAMPLE_CALLS_MAX at a time; the next begins a period
 * after the last began, or when that has ended. One-shot questions instead of a stream for each
 * container: a host with many containers needs no connection, buffer or wake-up for each (AP-508
 * leaves the rate to the agent).
 *
 * Ownership  Lends everything in its options.
 */
#ifndef BERTH_AGENT_TCS_SAMPLER_H
#define BERTH_AGENT_TCS_SAMPLER_H

#include "agent/docker/docker.h"
#include "agent/engine/engine.h"
#include "agent/telemetry/tcs_stats.h"

#define TCS_SAMPLE_MS        10000 /* two a round (AP-508), if ECS_POLL_METRICS is off */
#define TCS_SAMPLE_CALLS_MAX 4

struct tcs_sampler;

struct tcs_sampler *tcs_sampler_new(struct loop *loop, struct docker *docker, struct engine *engine,
                                    int64_t period_ms);
void tcs_sampler_start(struct tcs_sampler *sampler);
void tcs_sampler_close(struct tcs_sampler *sampler, loop_fn *closed, void *data);

/* What was sampled since the last clear; NULL if there are not two samples yet. */
const struct tcs_totals *tcs_sampler_find(const struct tcs_sampler *sampler, const char *docker_id);
void tcs_sampler_clear(struct tcs_sampler *sampler);

#endif
