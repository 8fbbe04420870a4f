/* agent.h - simulated agents: each registers, holds its command channel (and telemetry, if asked),
 * takes payloads, pretends to run them and reports.
 *
 * They speak the official agent's protocol over real sockets; what they leave out is Docker. The
 * reports of all go over one set of connections (api.h): a host's own would add nothing but
 * descriptors.
 */
#ifndef BERTH_BENCH_FLEET_AGENT_H
#define BERTH_BENCH_FLEET_AGENT_H

#include "bench/fleet/api.h"

struct agents_options {
    const char *cluster;
    int count;
    int cpu, memory, zones;             /* of each; zones: how many they are spread over */
    int64_t start_min_ms, start_max_ms; /* payload to RUNNING */
    int64_t stop_ms;                    /* stop told to STOPPED */
    int fail_percent;                   /* of tasks: they end instead of running */
    bool has_telemetry;                 /* every 20 s, ten tasks a frame (AP-505) */
};

/* Begins to register them; agents_figures() tells how far it is. */
void agents_begin(const struct agents_options *options, struct api *reports);

struct agents_figures {
    int connected;
    size_t payloads, repeated_payloads, manifests, telemetry_frames;
    size_t running, ended; /* reports that were acknowledged, ever */
    size_t running_now;
};
void agents_figures(struct agents_figures *ret);

/* All command channels break at once; they come back by themselves, within `spread_ms`. */
void agents_storm(int64_t spread_ms);
/* The first `count` are gone for good, without a word. */
void agents_kill(int count);
/* Those from `from` to before `to` have no task any more. */
bool agents_are_empty(int from, int to);
/* The ARN of agent `i`, NULL before it is registered. */
const char *agents_arn(int i);

#endif
