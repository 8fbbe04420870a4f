#include "control/telemetry.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/mem.h"
#include "base/tree.h"

#define MINUTE_MS 60000

/* The mean of a minute's rounds. There may be a million: small. */
struct minute {
    int32_t number;  /* since the epoch */
    uint32_t rounds; /* 0: there is none */
    float cpu_units, memory_mib;
};

struct entry {
    RB_ENTRY(entry) in_tree;
    TAILQ_ENTRY(entry) in_order; /* of the last word about them, oldest first */
    struct id task;
    int64_t heard_ms;
    struct minute whole, under_way;
    double rx_bytes, tx_bytes, read_bytes, write_bytes;
    int32_t cpu_reserved, memory_reserved_mib;
    bool has_network;
};

RB_HEAD(entry_tree, entry);
TAILQ_HEAD(entry_queue, entry);

struct telemetry {
    struct entry_tree entries;
    struct entry_queue order;
    size_t count, count_max;
};

static int compare(const struct entry *a, const struct entry *b)
{
    return id_cmp(&a->task, &b->task);
}

RB_GENERATE_STATIC(entry_tree, entry, in_tree, compare)

static struct entry *find(const struct telemetry *telemetry, const struct id *task)
{
    struct entry key = {.task = *task};

    return RB_FIND(entry_tree, (struct entry_tree *)&telemetry->entries, &key);
}

struct telemetry *telemetry_new(size_t tasks_max)
{
    struct telemetry *telemetry = xcalloc(1, sizeof(*telemetry));

    RB_INIT(&telemetry->entries);
    TAILQ_INIT(&telemetry->order);
    telemetry->count_max = tasks_max;
    return telemetry;
}

static void entry_remove(struct telemetry *telemetry, struct entry *entry)
{
    RB_REMOVE(entry_tree, &telemetry->entries, entry);
    TAILQ_REMOVE(&telemetry->order, entry, in_order);
    telemetry->count--;
    free(entry);
}

void telemetry_free(struct telemetry *telemetry)
{
    struct entry *entry;

    if (!telemetry)
        return;
    while ((entry = TAILQ_FIRST(&telemetry->order)))
        entry_remove(telemetry, entry);
    free(telemetry);
}

size_t telemetry_count(const struct telemetry *telemetry)
{
    return telemetry->count;
}

static bool is_stale(const struct entry *entry, int64_t now_ms)
{
    return now_ms - entry->heard_ms > TELEMETRY_KEEP_MS;
}

/* For each that comes two may go, so that those who have ended do not add up. */
static void make_room(struct telemetry *telemetry, int64_t now_ms)
{
    for (int i = 0; i < 2; i++) {
        struct entry *oldest = TAILQ_FIRST(&telemetry->order);

        if (oldest && (is_stale(oldest, now_ms) || telemetry->count >= telemetry->count_max))
            entry_remove(telemetry, oldest);
    }
}

static struct entry *find_or_add(struct telemetry *telemetry, const struct id *task, int64_t now_ms)
{
    struct entry *entry = find(telemetry, task);

    if (entry) {
        TAILQ_REMOVE(&telemetry->order, entry, in_order);
    } else {
        make_room(telemetry, now_ms);
        entry = xcalloc(1, sizeof(*entry));
        entry->task = *task;
        RB_INSERT(entry_tree, &telemetry->entries, entry);
        telemetry->count++;
    }
    TAILQ_INSERT_TAIL(&telemetry->order, entry, in_order);
    return entry;
}

static void add_round(struct entry *entry, int32_t number, double cpu_units, double memory_mib)
{
    struct minute *minute = &entry->under_way;

    if (minute->rounds && minute->number != number) {
        entry->whole = *minute;
        *minute = (struct minute){0};
    }
    minute->number = number;
    minute->cpu_units =
        (float)((minute->cpu_units * minute->rounds + cpu_units) / (minute->rounds + 1));
    minute->memory_mib =
        (float)((minute->memory_mib * minute->rounds + memory_mib) / (minute->rounds + 1));
    minute->rounds++;
}

void telemetry_add(struct telemetry *telemetry, const struct id *task,
                   const struct task_metrics *metrics, int32_t host_cpu, int32_t cpu_reserved,
                   int32_t memory_reserved_mib, int64_t now_ms)
{
    struct entry *entry = find_or_add(telemetry, task, now_ms);

    add_round(entry, (int32_t)(now_ms / MINUTE_MS), metrics->cpu_percent / 100 * host_cpu,
              metrics->memory_mib);
    entry->heard_ms = now_ms;
    entry->cpu_reserved = cpu_reserved;
    entry->memory_reserved_mib = memory_reserved_mib;
    entry->has_network = metrics->has_network;
    entry->rx_bytes = metrics->rx_bytes;
    entry->tx_bytes = metrics->tx_bytes;
    entry->read_bytes = metrics->read_bytes;
    entry->write_bytes = metrics->write_bytes;
}

bool telemetry_of_task(const struct telemetry *telemetry, const struct id *task, int64_t now_ms,
                       struct telemetry_datum *ret)
{
    const struct entry *entry = find(telemetry, task);
    const struct minute *minute;

    if (!entry || is_stale(entry, now_ms))
        return false;
    minute = entry->whole.rounds ? &entry->whole : &entry->under_way;
    *ret = (struct telemetry_datum){
        .minute_ms = (int64_t)minute->number * MINUTE_MS,
        .heard_ms = entry->heard_ms,
        .rounds = minute->rounds,
        .cpu_units = minute->cpu_units,
        .memory_mib = minute->memory_mib,
        .cpu_reserved = entry->cpu_reserved,
        .memory_reserved_mib = entry->memory_reserved_mib,
        .has_network = entry->has_network,
        .rx_bytes = entry->rx_bytes,
        .tx_bytes = entry->tx_bytes,
        .read_bytes = entry->read_bytes,
        .write_bytes = entry->write_bytes,
    };
    return true;
}

void telemetry_sum(struct telemetry_datum *sum, const struct telemetry_datum *more)
{
    if (!sum->rounds || more->heard_ms < sum->heard_ms)
        sum->heard_ms = more->heard_ms;
    if (!sum->rounds || more->minute_ms < sum->minute_ms)
        sum->minute_ms = more->minute_ms;
    sum->rounds += more->rounds;
    sum->cpu_units += more->cpu_units;
    sum->memory_mib += more->memory_mib;
    sum->cpu_reserved += more->cpu_reserved;
    sum->memory_reserved_mib += more->memory_reserved_mib;
    sum->has_network |= more->has_network;
    sum->rx_bytes += more->rx_bytes;
    sum->tx_bytes += more->tx_bytes;
    sum->read_bytes += more->read_bytes;
    sum->write_bytes += more->write_bytes;
}
