/* Docker's statistics, which telemetry adds up: whatever they say, the sums stay numbers. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "agent/telemetry/tcs_stats.h"
#include "gen/agent_types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tcs_totals totals = {0};
    struct tcs_container_metrics metrics = {0};
    struct tcs_sample sample;
    struct arena arena = {0};
    struct error *err = tcs_sample_read((const char *)data, size, &sample);

    if (err) {
        error_free(err);
        return 0;
    }
    if (sample.at_ms <= 0 || sample.cpus == 0 || sample.memory_mib < 0)
        abort();
    tcs_totals_add(&totals, &sample);
    sample.at_ms++;
    sample.cpu_ns++;
    tcs_totals_add(&totals, &sample);
    if (!isfinite(totals.cpu.sum) || totals.cpu.min < 0 || totals.cpu.count != 1)
        abort();
    tcs_totals_fill(&arena, &totals, "c", &metrics);
    if (metrics.storage_stats_set->read_size_bytes->max < 0)
        abort();
    arena_done(&arena);
    return 0;
}
