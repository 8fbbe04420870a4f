#include "agent/telemetry/tcs_sampler.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/tree.h"

struct entry {
    RB_ENTRY(entry) in_tree;
    struct tcs_sampler *sampler;
    char *docker_id;
    unsigned pass; /* the last that found it running */
    struct docker_call *call;
    struct tcs_totals totals;
};

RB_HEAD(entry_tree, entry);

struct tcs_sampler {
    struct loop *loop;
    struct docker *docker;
    struct engine *engine;
    int64_t period_ms;
    struct entry_tree entries;
    struct entry *next; /* to be asked for in this pass; NULL: all were */
    unsigned pass, calls;
    bool is_due; /* the period is over but the pass is not */
    struct timer timer;
    loop_fn *closed; /* NULL: not asked to close */
    void *closed_data;
};

static int compare(const struct entry *a, const struct entry *b)
{
    return strcmp(a->docker_id, b->docker_id);
}

RB_GENERATE_STATIC(entry_tree, entry, in_tree, compare)

static struct entry *find(const struct tcs_sampler *sampler, const char *docker_id)
{
    struct entry key = {.docker_id = (char *)docker_id};

    return RB_FIND(entry_tree, (struct entry_tree *)&sampler->entries, &key);
}

struct tcs_sampler *tcs_sampler_new(struct loop *loop, struct docker *docker, struct engine *engine,
                                    int64_t period_ms)
{
    struct tcs_sampler *sampler = xcalloc(1, sizeof(*sampler));

    sampler->loop = loop;
    sampler->docker = docker;
    sampler->engine = engine;
    sampler->period_ms = period_ms;
    RB_INIT(&sampler->entries);
    return sampler;
}

static void entry_remove(struct entry *entry)
{
    RB_REMOVE(entry_tree, &entry->sampler->entries, entry);
    free(entry->docker_id);
    free(entry);
}

static void on_closed(void *data)
{
    struct tcs_sampler *sampler = data;
    loop_fn *closed = sampler->closed;
    void *closed_data = sampler->closed_data;
    struct entry *entry, *after;

    RB_FOREACH_SAFE (entry, entry_tree, &sampler->entries, after)
        entry_remove(entry);
    free(sampler);
    closed(closed_data);
}

static void close_step(struct tcs_sampler *sampler)
{
    if (sampler->closed && !sampler->calls)
        loop_defer(sampler->loop, on_closed, sampler);
}

void tcs_sampler_close(struct tcs_sampler *sampler, loop_fn *closed, void *data)
{
    struct entry *entry;

    timer_stop(&sampler->timer);
    sampler->closed = closed;
    sampler->closed_data = data;
    sampler->next = NULL;
    RB_FOREACH (entry, entry_tree, &sampler->entries)
        if (entry->call)
            docker_cancel(entry->call);
    close_step(sampler);
}

static void note_task(const struct engine_task_view *task, void *data)
{
    struct tcs_sampler *sampler = data;

    for (size_t i = 0; i < task->container_count; i++) {
        const struct engine_container_view *container = &task->containers[i];
        struct entry *entry;

        if (container->known != ENGINE_RUNNING || !container->docker_id)
            continue;
        entry = find(sampler, container->docker_id);
        if (!entry) {
            entry = xcalloc(1, sizeof(*entry));
            entry->sampler = sampler;
            entry->docker_id = str_dup(container->docker_id);
            RB_INSERT(entry_tree, &sampler->entries, entry);
        }
        entry->pass = sampler->pass;
    }
}

static void forget_the_rest(struct tcs_sampler *sampler)
{
    struct entry *entry, *after;

    RB_FOREACH_SAFE (entry, entry_tree, &sampler->entries, after)
        if (entry->pass != sampler->pass)
            entry_remove(entry);
}

static void begin_pass(struct tcs_sampler *sampler);

static void on_stats(const struct docker_failure *failure, const char *json, size_t len,
                     void *data);

static void ask(struct tcs_sampler *sampler)
{
    while (sampler->next && sampler->calls < TCS_SAMPLE_CALLS_MAX) {
        struct entry *entry = sampler->next;

        sampler->next = RB_NEXT(entry_tree, &sampler->entries, entry);
        sampler->calls++;
        entry->call = docker_get_stats(sampler->docker, entry->docker_id, on_stats, entry);
    }
    if (!sampler->calls && sampler->is_due && !sampler->closed)
        begin_pass(sampler);
}

static void on_stats(const struct docker_failure *failure, const char *json, size_t len, void *data)
{
    struct entry *entry = data;
    struct tcs_sampler *sampler = entry->sampler;
    struct tcs_sample sample;
    struct error *err = failure ? NULL : tcs_sample_read(json, len, &sample);

    entry->call = NULL;
    sampler->calls--;
    if (!failure && !err)
        tcs_totals_add(&entry->totals, &sample);
    else
        log_debug("no statistics", "container", entry->docker_id, "error",
                  failure ? failure->message : err->message);
    error_free(err); /* it may have stopped just now; the next pass asks again */
    ask(sampler);
    close_step(sampler);
}

static void on_period(void *data)
{
    struct tcs_sampler *sampler = data;

    timer_start(&sampler->timer, sampler->loop, sampler->period_ms, on_period, sampler);
    sampler->is_due = true;
    if (!sampler->next && !sampler->calls)
        begin_pass(sampler);
}

/* No call is under way, so entries may go. */
static void begin_pass(struct tcs_sampler *sampler)
{
    sampler->is_due = false;
    sampler->pass++;
    engine_each(sampler->engine, note_task, sampler);
    forget_the_rest(sampler);
    sampler->next = RB_MIN(entry_tree, &sampler->entries);
    ask(sampler);
}

void tcs_sampler_start(struct tcs_sampler *sampler)
{
    on_period(sampler);
}

const struct tcs_totals *tcs_sampler_find(const struct tcs_sampler *sampler, const char *docker_id)
{
    const struct entry *entry = find(sampler, docker_id);

    return entry && tcs_totals_is_complete(&entry->totals) ? &entry->totals : NULL;
}

void tcs_sampler_clear(struct tcs_sampler *sampler)
{
    struct entry *entry;

    RB_FOREACH (entry, entry_tree, &sampler->entries)
        tcs_totals_clear(&entry->totals);
}
