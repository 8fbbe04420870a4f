#include "control/telemetry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/intern.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/tree.h"

#define MINUTE_MS  60000
#define MILLI      1000 /* totals are whole numbers: what is added is taken away again exactly */
#define KIB_IN_MIB 1024

/* The mean of a minute's rounds. There may be a million: small. */
struct minute {
    int32_t number;  /* since the epoch */
    uint32_t rounds; /* 0: there is none */
    float cpu_units, memory_mib;
};

/* A cluster, or a service in it. It is there as long as a task of it is. */
struct group {
    RB_ENTRY(group) in_tree;
    struct group *cluster;        /* of a service; NULL: it is the cluster */
    struct telemetry_owner owner; /* interned */
    int64_t tasks, cpu_milli, memory_kib, cpu_reserved, memory_reserved_mib;
};

struct entry {
    RB_ENTRY(entry) in_tree;
    TAILQ_ENTRY(entry) in_order; /* of the last word about them, oldest first */
    struct id task;
    struct group *group; /* its service, or else its cluster */
    int64_t heard_ms;
    struct minute whole, under_way;
    double rx_bytes, tx_bytes, read_bytes, write_bytes;
    int32_t cpu_reserved, memory_reserved_mib;
    bool has_network;
};

RB_HEAD(entry_tree, entry);
RB_HEAD(group_tree, group);
TAILQ_HEAD(entry_queue, entry);

struct telemetry {
    struct entry_tree entries;
    struct entry_queue order;
    struct group_tree groups;
    size_t count, count_max;
};

/* ---- clusters and services ---- */

static int compare_owners(const struct telemetry_owner *a, const struct telemetry_owner *b)
{
    uintptr_t x = (uintptr_t)a->scope, y = (uintptr_t)b->scope;
    int order = x == y ? strcmp(a->cluster, b->cluster) : x < y ? -1 : 1;

    if (order)
        return order;
    return !a->service || !b->service ? (a->service != NULL) - (b->service != NULL)
                                      : strcmp(a->service, b->service);
}

static int compare_groups(const struct group *a, const struct group *b)
{
    return compare_owners(&a->owner, &b->owner);
}

RB_GENERATE_STATIC(group_tree, group, in_tree, compare_groups)

static struct group *group_get(struct telemetry *telemetry, const struct telemetry_owner *owner)
{
    struct telemetry_owner whole = {.scope = owner->scope, .cluster = owner->cluster};
    struct group key = {.owner = *owner};
    struct group *group = RB_FIND(group_tree, &telemetry->groups, &key);

    if (group)
        return group;
    group = xcalloc(1, sizeof(*group));
    group->cluster = owner->service ? group_get(telemetry, &whole) : NULL;
    group->owner = (struct telemetry_owner){owner->scope, intern(owner->cluster),
                                            owner->service ? intern(owner->service) : NULL};
    RB_INSERT(group_tree, &telemetry->groups, group);
    return group;
}

static void group_put(struct telemetry *telemetry, struct group *group)
{
    struct group *cluster = group->cluster;

    if (group->tasks)
        return;
    RB_REMOVE(group_tree, &telemetry->groups, group);
    intern_unref(group->owner.cluster);
    if (group->owner.service)
        intern_unref(group->owner.service);
    free(group);
    if (cluster)
        group_put(telemetry, cluster);
}

/* ---- tasks ---- */

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
    RB_INIT(&telemetry->groups);
    telemetry->count_max = tasks_max;
    return telemetry;
}

static const struct minute *shown_minute(const struct entry *entry)
{
    return entry->whole.rounds ? &entry->whole : &entry->under_way;
}

/* Adds it (1) to its service and cluster as it is now, or takes it away (-1). */
static void count_in(const struct entry *entry, int sign)
{
    const struct minute *minute = shown_minute(entry);

    for (struct group *group = entry->group; group; group = group->cluster) {
        group->tasks += sign;
        group->cpu_milli += sign * llround((double)minute->cpu_units * MILLI);
        group->memory_kib += sign * llround((double)minute->memory_mib * KIB_IN_MIB);
        group->cpu_reserved += sign * (int64_t)entry->cpu_reserved;
        group->memory_reserved_mib += sign * (int64_t)entry->memory_reserved_mib;
    }
}

static void entry_remove(struct telemetry *telemetry, struct entry *entry)
{
    count_in(entry, -1);
    group_put(telemetry, entry->group);
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

static struct entry *entry_new(struct telemetry *telemetry, const struct telemetry_owner *owner,
                               const struct id *task, int64_t now_ms)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));

    make_room(telemetry, now_ms);
    entry->task = *task;
    entry->group = group_get(telemetry, owner);
    RB_INSERT(entry_tree, &telemetry->entries, entry);
    telemetry->count++;
    return entry;
}

/* What is no number counts as nothing. */
static double within_reason(double figure)
{
    return fmin(fmax(figure, 0), TELEMETRY_FIGURE_MAX);
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

void telemetry_add(struct telemetry *telemetry, const struct telemetry_owner *owner,
                   const struct id *task, const struct task_metrics *metrics, int32_t host_cpu,
                   int32_t cpu_reserved, int32_t memory_reserved_mib, int64_t now_ms)
{
    struct entry *entry = find(telemetry, task);

    if (entry) {
        TAILQ_REMOVE(&telemetry->order, entry, in_order);
        count_in(entry, -1);
    } else {
        entry = entry_new(telemetry, owner, task, now_ms);
    }
    TAILQ_INSERT_TAIL(&telemetry->order, entry, in_order);
    add_round(entry, (int32_t)(now_ms / MINUTE_MS),
              within_reason(metrics->cpu_percent / 100 * host_cpu),
              within_reason(metrics->memory_mib));
    entry->heard_ms = now_ms;
    entry->cpu_reserved = cpu_reserved;
    entry->memory_reserved_mib = memory_reserved_mib;
    entry->has_network = metrics->has_network;
    entry->rx_bytes = metrics->rx_bytes;
    entry->tx_bytes = metrics->tx_bytes;
    entry->read_bytes = metrics->read_bytes;
    entry->write_bytes = metrics->write_bytes;
    count_in(entry, 1);
}

void telemetry_forget(struct telemetry *telemetry, const struct id *task)
{
    struct entry *entry = find(telemetry, task);

    if (entry)
        entry_remove(telemetry, entry);
}

bool telemetry_of_task(const struct telemetry *telemetry, const struct id *task, int64_t now_ms,
                       struct telemetry_datum *ret)
{
    const struct entry *entry = find(telemetry, task);
    const struct minute *minute;

    if (!entry || is_stale(entry, now_ms))
        return false;
    minute = shown_minute(entry);
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

/* ---- totals ---- */

bool telemetry_let_go(struct telemetry *telemetry, int64_t now_ms, size_t count_max)
{
    struct entry *oldest;

    while ((oldest = TAILQ_FIRST(&telemetry->order)) &&
           /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): entry_remove() took the freed one off */
           is_stale(oldest, now_ms)) {
        if (count_max-- == 0)
            return true;
        entry_remove(telemetry, oldest);
    }
    return false;
}

static void total_of(const struct group *group, struct telemetry_total *ret)
{
    *ret = (struct telemetry_total){
        .owner = group->owner,
        .tasks = (uint64_t)group->tasks,
        .cpu_units = (double)group->cpu_milli / MILLI,
        .memory_mib = (double)group->memory_kib / KIB_IN_MIB,
        .cpu_reserved = (double)group->cpu_reserved,
        .memory_reserved_mib = (double)group->memory_reserved_mib,
    };
}

bool telemetry_total(const struct telemetry *telemetry, const struct telemetry_owner *owner,
                     struct telemetry_total *ret)
{
    struct group key = {.owner = *owner};
    const struct group *group = RB_FIND(group_tree, (struct group_tree *)&telemetry->groups, &key);

    if (group)
        total_of(group, ret);
    return group != NULL;
}

void telemetry_each_total(const struct telemetry *telemetry, telemetry_total_fn *fn, void *data)
{
    struct telemetry_total total;
    struct group *group;

    RB_FOREACH (group, group_tree, (struct group_tree *)&telemetry->groups) {
        total_of(group, &total);
        fn(&total, data);
    }
}
