#include "agent/session/submit.h"

#include <assert.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/session/session_backoff.h"
#include "agent/session/submit_report.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tree.h"

#define OPERATION "SubmitTaskStateChange"

enum state { IDLE, QUEUED, SENDING, WAITING };

/* IDLE is only ever seen inside of one function: an idle entry with nothing to tell is freed. */
struct entry {
    RB_ENTRY(entry) in_tree;
    TAILQ_ENTRY(entry) in_queue; /* while QUEUED */
    struct submit *submit;       /* NULL: freed under a call, which then drops the entry */
    enum state state;
    char *task_arn;
    bool has_news;     /* changed since what is being sent was built */
    bool told_running; /* the control plane knows that it ran */
    enum submit_report sent;
    uint64_t sent_revision;
    enum engine_status sent_known;
    struct backoff backoff;
    struct timer retry;
};

RB_HEAD(entry_tree, entry);
TAILQ_HEAD(entry_queue, entry);

struct submit {
    struct submit_options options;
    struct engine *engine; /* NULL: not started */
    char *cluster;
    struct entry_tree entries;
    size_t entry_count;
    struct entry_queue queue;
    unsigned calls;
    bool has_complained;
};

static const struct backoff repeated = {
    .first_ms = 100, .most_ms = 30000, .growth_percent = 200, .jitter_percent = 20};

static int compare(const struct entry *a, const struct entry *b)
{
    return strcmp(a->task_arn, b->task_arn);
}

RB_GENERATE_STATIC(entry_tree, entry, in_tree, compare)

struct submit *submit_new(const struct submit_options *options)
{
    struct submit *submit = xcalloc(1, sizeof(*submit));

    submit->options = *options;
    RB_INIT(&submit->entries);
    TAILQ_INIT(&submit->queue);
    return submit;
}

static void entry_release(struct entry *entry)
{
    free(entry->task_arn);
    free(entry);
}

static void entry_free(struct entry *entry)
{
    struct submit *submit = entry->submit;

    RB_REMOVE(entry_tree, &submit->entries, entry);
    submit->entry_count--;
    entry_release(entry);
}

void submit_free(struct submit *submit)
{
    struct entry *entry, *next;

    if (!submit)
        return;
    RB_FOREACH_SAFE (entry, entry_tree, &submit->entries, next) {
        RB_REMOVE(entry_tree, &submit->entries, entry);
        timer_stop(&entry->retry);
        entry->submit = NULL;
        if (entry->state != SENDING)
            entry_release(entry);
    }
    free(submit->cluster);
    free(submit);
}

static void enqueue(struct entry *entry)
{
    timer_stop(&entry->retry);
    entry->state = QUEUED;
    TAILQ_INSERT_TAIL(&entry->submit->queue, entry, in_queue);
}

/* Writes what comes next; false if there is nothing to tell. */
static bool write_next(struct entry *entry, struct buf *body)
{
    struct submit *submit = entry->submit;
    struct engine_task_view task;

    entry->has_news = false;
    if (!engine_view(submit->engine, entry->task_arn, &task))
        return false;
    entry->sent = submit_report_next(&task, entry->told_running);
    entry->sent_revision = task.revision;
    entry->sent_known = task.known;
    if (entry->sent == SUBMIT_REPORT_NONE)
        return false;
    submit_report_write(body, submit->options.config, submit->cluster, &task, entry->sent);
    return true;
}

static void pump(struct submit *submit);

static void on_retry(void *data)
{
    struct entry *entry = data;

    enqueue(entry);
    pump(entry->submit);
}

static void wait(struct entry *entry)
{
    int64_t wait_ms = backoff_next_ms(&entry->backoff, entry->submit->options.rng);

    entry->state = WAITING;
    timer_start(&entry->retry, entry->submit->options.loop, wait_ms, on_retry, entry);
}

/* The report was taken, or refused for good: in both cases it is not told again (AP-128). */
static void go_on(struct entry *entry)
{
    backoff_reset(&entry->backoff);
    entry->told_running |= entry->sent_known >= ENGINE_RUNNING;
    if (entry->sent == SUBMIT_REPORT_RUNNING) {
        entry->has_news = true;
    } else {
        engine_reported(entry->submit->engine, entry->task_arn, entry->sent_revision);
    }
    if (entry->has_news)
        enqueue(entry);
    else
        entry_free(entry);
}

static void on_answer(struct error *err, const struct json_t *json, void *data)
{
    struct entry *entry = data;
    struct submit *submit = entry->submit;

    (void)json;
    if (!submit) {
        error_free(err); /* stopping: the engine remembers what was not taken */
        entry_release(entry);
        return;
    }
    submit->calls--;
    entry->state = IDLE;
    if (err && err->code != API_INVALID_PARAMETER) {
        /* The first failure since a report was taken is news. */
        log_event(submit->has_complained ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, __FILE_NAME__,
                  "report not taken, trying until it is", "task", entry->task_arn, "error",
                  err->message, (char *)0);
        submit->has_complained = true;
        wait(entry);
    } else {
        submit->has_complained = false;
        if (err)
            log_error("report refused and dropped", "task", entry->task_arn, "error", err->message);
        go_on(entry);
    }
    error_free(err); /* said above */
    pump(submit);
}

static void send_next(struct entry *entry)
{
    struct submit *submit = entry->submit;
    struct buf body = {0};

    entry->state = IDLE;
    if (write_next(entry, &body)) {
        entry->state = SENDING;
        submit->calls++;
        api_client_call(submit->options.client, OPERATION, &body, on_answer, entry);
    } else {
        entry_free(entry);
    }
    buf_done(&body);
}

static void pump(struct submit *submit)
{
    struct entry *entry;

    while (submit->engine && submit->calls < SUBMIT_CALLS_MAX &&
           (entry = TAILQ_FIRST(&submit->queue))) {
        TAILQ_REMOVE(&submit->queue, entry, in_queue);
        send_next(entry);
    }
}

static struct entry *find(struct submit *submit, const char *task_arn)
{
    struct entry key = {.task_arn = (char *)task_arn};

    return RB_FIND(entry_tree, &submit->entries, &key);
}

/* NULL when there are too many: the engine tells again after a restart what was not taken. */
static struct entry *find_or_add(struct submit *submit, const char *task_arn)
{
    struct entry *entry = find(submit, task_arn);

    if (entry)
        return entry;
    if (submit->entry_count >= SUBMIT_ENTRIES_MAX) {
        log_error("too many reports wait, one is not noted", "task", task_arn);
        return NULL;
    }
    entry = xcalloc(1, sizeof(*entry));
    entry->submit = submit;
    entry->task_arn = str_dup(task_arn);
    entry->backoff = repeated;
    RB_INSERT(entry_tree, &submit->entries, entry);
    submit->entry_count++;
    enqueue(entry);
    return entry;
}

void submit_changed(struct submit *submit, const char *task_arn)
{
    struct entry *entry = find_or_add(submit, task_arn);

    if (!entry)
        return;
    if (entry->state == SENDING)
        entry->has_news = true;
    pump(submit);
}

void submit_start(struct submit *submit, struct engine *engine, const char *cluster)
{
    assert(!submit->engine);
    submit->engine = engine;
    submit->cluster = str_dup(cluster);
    pump(submit);
}

void submit_hurry(struct submit *submit)
{
    struct entry *entry = NULL;

    RB_FOREACH (entry, entry_tree, &submit->entries) {
        if (entry->state == WAITING) {
            backoff_reset(&entry->backoff);
            enqueue(entry);
        }
    }
    pump(submit);
}
