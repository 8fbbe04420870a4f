#include "agent/telemetry/tcs_stats.h"

#include <jansson.h>
#include <string.h>

#include "agent/docker/docker_message.h"
#include "base/str.h"
#include "gen/agent_types.h"

#define MIB            (1024 * 1024)
#define NS_PER_MS      1e6
#define CGROUP_CACHE_1 "cache"         /* of version 1: */
#define CGROUP_CACHE_2 "inactive_file" /* and of version 2: memory that can be had back at once */

static uint64_t number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    double real = json_real_value(value);

    if (json_is_integer(value))
        return (uint64_t)json_integer_value(value);
    return json_is_real(value) && real > 0 && real < 1.8e19 ? (uint64_t)real : 0;
}

static int64_t memory_mib(const json_t *memory)
{
    const json_t *stats = json_object_get(memory, "stats");
    uint64_t usage = number(memory, "usage");
    uint64_t cache = number(stats, json_object_get(stats, CGROUP_CACHE_2) &&
                                           !json_object_get(stats, CGROUP_CACHE_1)
                                       ? CGROUP_CACHE_2
                                       : CGROUP_CACHE_1);

    return (int64_t)((usage > cache ? usage - cache : 0) / MIB);
}

static void add_networks(const json_t *networks, struct tcs_sample *sample)
{
    static const char *const names[] = {
        [TCS_RX_BYTES] = "rx_bytes",   [TCS_RX_PACKETS] = "rx_packets",
        [TCS_RX_ERRORS] = "rx_errors", [TCS_RX_DROPPED] = "rx_dropped",
        [TCS_TX_BYTES] = "tx_bytes",   [TCS_TX_PACKETS] = "tx_packets",
        [TCS_TX_ERRORS] = "tx_errors", [TCS_TX_DROPPED] = "tx_dropped",
    };
    const char *interface;
    json_t *counts;

    sample->has_network = json_object_size(networks) > 0;
    json_object_foreach ((json_t *)networks, interface, counts)
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            sample->counters[i] += number(counts, names[i]);
}

static void add_storage(const json_t *entries, struct tcs_sample *sample)
{
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        const char *op = json_string_value(json_object_get(entry, "op"));

        if (str_eq_nocase(op, "read"))
            sample->counters[TCS_READ_BYTES] += number(entry, "value");
        else if (str_eq_nocase(op, "write"))
            sample->counters[TCS_WRITE_BYTES] += number(entry, "value");
    }
}

static unsigned cpu_count(const json_t *cpu)
{
    unsigned online = (unsigned)number(cpu, "online_cpus");

    if (!online)
        online = (unsigned)json_array_size(
            json_object_get(json_object_get(cpu, "cpu_usage"), "percpu_usage"));
    return online ? online : 1;
}

static bool read_sample(const json_t *json, struct tcs_sample *sample)
{
    const json_t *cpu = json_object_get(json, "cpu_stats");
    const char *at = json_string_value(json_object_get(json, "read"));

    sample->at_ms = at ? docker_read_time_ms(at) : 0;
    sample->cpu_ns = number(json_object_get(cpu, "cpu_usage"), "total_usage");
    sample->cpus = cpu_count(cpu);
    sample->memory_mib = memory_mib(json_object_get(json, "memory_stats"));
    add_networks(json_object_get(json, "networks"), sample);
    add_storage(json_object_get(json_object_get(json, "blkio_stats"), "io_service_bytes_recursive"),
                sample);
    return sample->at_ms > 0 && sample->cpu_ns > 0; /* one that has stopped has used nothing */
}

struct error *tcs_sample_read(const char *text, size_t len, struct tcs_sample *ret)
{
    json_t *json = json_loadb(text, len, 0, NULL);
    struct tcs_sample sample = {0};
    bool is_one = read_sample(json, &sample);

    json_decref(json);
    if (!is_one)
        return error_new(API_SERVER, "statistics without time or processor use");
    *ret = sample;
    return NULL;
}

static void set_add(struct tcs_set *set, double value)
{
    if (!set->count || value < set->min)
        set->min = value;
    if (!set->count || value > set->max)
        set->max = value;
    set->sum += value;
    set->count++;
}

static void counter_add(struct tcs_counter_set *set, uint64_t value)
{
    if (!set->count || value < set->min)
        set->min = value;
    if (!set->count || value > set->max)
        set->max = value;
    set->sum += value;
    set->count++;
}

static double rate(uint64_t before, uint64_t now, double elapsed_ms)
{
    return now > before ? (double)(now - before) * 1000 / elapsed_ms : 0;
}

static void add_difference(struct tcs_totals *totals, const struct tcs_sample *sample)
{
    const struct tcs_sample *last = &totals->last;
    double elapsed_ms = (double)(sample->at_ms - last->at_ms);

    set_add(&totals->cpu, sample->cpu_ns > last->cpu_ns
                              ? (double)(sample->cpu_ns - last->cpu_ns) / (elapsed_ms * NS_PER_MS) /
                                    sample->cpus * 100
                              : 0);
    if (!sample->has_network)
        return;
    set_add(&totals->rx_rate,
            rate(last->counters[TCS_RX_BYTES], sample->counters[TCS_RX_BYTES], elapsed_ms));
    set_add(&totals->tx_rate,
            rate(last->counters[TCS_TX_BYTES], sample->counters[TCS_TX_BYTES], elapsed_ms));
}

void tcs_totals_add(struct tcs_totals *totals, const struct tcs_sample *sample)
{
    if (totals->has_last && sample->at_ms <= totals->last.at_ms)
        return;
    if (totals->has_last)
        add_difference(totals, sample);
    set_add(&totals->memory, (double)sample->memory_mib);
    for (size_t i = 0; i < TCS_COUNTER_COUNT; i++)
        counter_add(&totals->counters[i], sample->counters[i]);
    totals->last = *sample;
    totals->has_last = true;
}

void tcs_totals_clear(struct tcs_totals *totals)
{
    *totals = (struct tcs_totals){.last = totals->last, .has_last = totals->has_last};
}

bool tcs_totals_is_complete(const struct tcs_totals *totals)
{
    return totals->cpu.count > 0;
}

static struct tcs_stats *fill_set(struct arena *arena, const struct tcs_set *set)
{
    struct tcs_stats *out = ARENA_NEW(arena, struct tcs_stats);

    SET(out, min, set->min);
    SET(out, max, set->max);
    SET(out, sum, set->sum);
    SET(out, sample_count, set->count);
    return out;
}

/* What does not fit into 63 bits is told beside. */
static int64_t lower(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static int64_t overflow(uint64_t value)
{
    return value > INT64_MAX ? (int64_t)(value - INT64_MAX) : 0;
}

static struct tcs_counter_stats *fill_counter(struct arena *arena,
                                              const struct tcs_counter_set *set)
{
    struct tcs_counter_stats *out = ARENA_NEW(arena, struct tcs_counter_stats);

    SET(out, min, lower(set->min));
    SET(out, max, lower(set->max));
    SET(out, sum, lower(set->sum));
    SET(out, sample_count, set->count);
    SET(out, overflow_min, overflow(set->min));
    SET(out, overflow_max, overflow(set->max));
    SET(out, overflow_sum, overflow(set->sum));
    return out;
}

static struct tcs_network_stats *fill_network(struct arena *arena, const struct tcs_totals *totals)
{
    struct tcs_network_stats *out = ARENA_NEW(arena, struct tcs_network_stats);

    out->rx_bytes = fill_counter(arena, &totals->counters[TCS_RX_BYTES]);
    out->rx_packets = fill_counter(arena, &totals->counters[TCS_RX_PACKETS]);
    out->rx_errors = fill_counter(arena, &totals->counters[TCS_RX_ERRORS]);
    out->rx_dropped = fill_counter(arena, &totals->counters[TCS_RX_DROPPED]);
    out->tx_bytes = fill_counter(arena, &totals->counters[TCS_TX_BYTES]);
    out->tx_packets = fill_counter(arena, &totals->counters[TCS_TX_PACKETS]);
    out->tx_errors = fill_counter(arena, &totals->counters[TCS_TX_ERRORS]);
    out->tx_dropped = fill_counter(arena, &totals->counters[TCS_TX_DROPPED]);
    out->rx_bytes_per_second = fill_set(arena, &totals->rx_rate);
    out->tx_bytes_per_second = fill_set(arena, &totals->tx_rate);
    return out;
}

void tcs_totals_fill(struct arena *arena, const struct tcs_totals *totals, const char *name,
                     struct tcs_container_metrics *out)
{
    out->container_name = name;
    out->cpu_stats_set = fill_set(arena, &totals->cpu);
    out->memory_stats_set = fill_set(arena, &totals->memory);
    if (totals->last.has_network)
        out->network_stats_set = fill_network(arena, totals);
    out->storage_stats_set = ARENA_NEW(arena, struct tcs_storage_stats);
    out->storage_stats_set->read_size_bytes =
        fill_counter(arena, &totals->counters[TCS_READ_BYTES]);
    out->storage_stats_set->write_size_bytes =
        fill_counter(arena, &totals->counters[TCS_WRITE_BYTES]);
}
