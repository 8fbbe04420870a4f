/* tcs_stats.h - what containers use: Docker's statistics as samples, samples as the sets of
 * telemetry. Pure.
 *
 * A set tells smallest, largest, number and sum of its samples (AP-507). Processor use needs two
 * samples: it is the time used between them, as percent of the whole host. Counters are Docker's
 * own, growing ones.
 *
 * Units  Bytes, packets, nanoseconds of processor time, whole MiB of memory.
 */
#ifndef BERTH_AGENT_TCS_STATS_H
#define BERTH_AGENT_TCS_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct tcs_container_metrics; /* gen/agent_types.h */

enum tcs_counter {
    TCS_RX_BYTES,
    TCS_RX_PACKETS,
    TCS_RX_ERRORS,
    TCS_RX_DROPPED,
    TCS_TX_BYTES,
    TCS_TX_PACKETS,
    TCS_TX_ERRORS,
    TCS_TX_DROPPED,
    TCS_READ_BYTES,
    TCS_WRITE_BYTES,
    TCS_COUNTER_COUNT
};

struct tcs_sample {
    int64_t at_ms; /* when Docker read it */
    uint64_t cpu_ns;
    unsigned cpus;
    int64_t memory_mib;
    bool has_network; /* not with the network modes host and none */
    uint64_t counters[TCS_COUNTER_COUNT];
};

/* Reads GET /containers/ID/stats. API_SERVER if it says nothing of a running container. */
MUST_USE struct error *tcs_sample_read(const char *json, size_t len, struct tcs_sample *ret);

struct tcs_set {
    double min, max, sum;
    int64_t count;
};

struct tcs_counter_set {
    uint64_t min, max, sum;
    int64_t count;
};

struct tcs_totals {
    struct tcs_sample last;
    bool has_last;
    struct tcs_set cpu, memory, rx_rate, tx_rate;
    struct tcs_counter_set counters[TCS_COUNTER_COUNT];
};

/* Samples in the order they were read; one that is not newer than the last is left out. */
void tcs_totals_add(struct tcs_totals *totals, const struct tcs_sample *sample);
void tcs_totals_clear(struct tcs_totals *totals); /* what was told; the last sample stays */
bool tcs_totals_is_complete(const struct tcs_totals *totals); /* two samples at least (AP-508) */
void tcs_totals_fill(struct arena *arena, const struct tcs_totals *totals, const char *name,
                     struct tcs_container_metrics *out);

#endif
