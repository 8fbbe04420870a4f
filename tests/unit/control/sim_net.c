#include "sim_net.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define HOOKS_MAX 8

struct job {
    loop_fn *fn;
    void *data;
    struct job *next;
};
struct jobs {
    struct job *first, **last;
};

struct loop {
    int64_t now_ms;
    uint64_t next_seq;
    RB_HEAD(timer_tree, timer) timers;
    struct jobs deferred;
    struct job hooks[HOOKS_MAX];
    size_t hook_count;
    pthread_mutex_t lock;
    pthread_cond_t posted_cond;
    struct jobs posted; /* under lock */
};

static int timer_cmp(const struct timer *a, const struct timer *b)
{
    if (a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms ? -1 : 1;
    return (a->seq > b->seq) - (a->seq < b->seq);
}
RB_GENERATE_STATIC(timer_tree, timer, node, timer_cmp)

static void jobs_add(struct jobs *jobs, loop_fn *fn, void *data)
{
    struct job *job = xcalloc(1, sizeof(*job));

    job->fn = fn;
    job->data = data;
    *jobs->last = job;
    jobs->last = &job->next;
}

static void jobs_init(struct jobs *jobs)
{
    jobs->first = NULL;
    jobs->last = &jobs->first;
}

static bool jobs_run(struct jobs *jobs)
{
    struct job *job = jobs->first, *next;
    bool any = job != NULL;

    jobs_init(jobs);
    for (; job; job = next) {
        next = job->next;
        job->fn(job->data);
        free(job);
    }
    return any;
}

struct loop *sim_loop_new(void)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));

    loop->now_ms = 1000000;
    RB_INIT(&loop->timers);
    jobs_init(&loop->deferred);
    jobs_init(&loop->posted);
    pthread_mutex_init(&loop->lock, NULL);
    pthread_cond_init(&loop->posted_cond, NULL);
    return loop;
}

void sim_loop_free(struct loop *loop)
{
    assert(RB_EMPTY(&loop->timers) && !loop->deferred.first && !loop->posted.first);
    pthread_mutex_destroy(&loop->lock);
    pthread_cond_destroy(&loop->posted_cond);
    free(loop);
}

int64_t sim_loop_now_ms(const struct loop *loop)
{
    return loop->now_ms;
}

/* ---- base/log.h: failing stores and lost hosts are what these tests are about ---- */

void log_event(enum log_level level, const char *module, const char *text, ...)
{
    (void)module;
    if (getenv("BERTH_LOG") && level >= LOG_LEVEL_INFO)
        fprintf(stderr, "%s\n", text);
}

/* ---- net/loop.h ---- */

void loop_defer(struct loop *loop, loop_fn *fn, void *data)
{
    jobs_add(&loop->deferred, fn, data);
}

void loop_post(struct loop *loop, loop_fn *fn, void *data)
{
    pthread_mutex_lock(&loop->lock);
    jobs_add(&loop->posted, fn, data);
    pthread_cond_signal(&loop->posted_cond);
    pthread_mutex_unlock(&loop->lock);
}

void loop_on_turn_end(struct loop *loop, loop_fn *fn, void *data)
{
    assert(loop->hook_count < HOOKS_MAX);
    loop->hooks[loop->hook_count++] = (struct job){fn, data, NULL};
}

void loop_off_turn_end(struct loop *loop, loop_fn *fn, void *data)
{
    for (size_t i = 0; i < loop->hook_count; i++)
        if (loop->hooks[i].fn == fn && loop->hooks[i].data == data)
            loop->hooks[i--] = loop->hooks[--loop->hook_count];
}

bool loop_work(struct loop *loop, loop_fn *work, loop_fn *done, void *data)
{
    work(data);
    loop_defer(loop, done, data);
    return true;
}

void timer_start(struct timer *timer, struct loop *loop, int64_t after_ms, loop_fn *fn, void *data)
{
    timer_stop(timer);
    timer->loop = loop;
    timer->fn = fn;
    timer->data = data;
    timer->due_ms = loop->now_ms + (after_ms > 0 ? after_ms : 0);
    timer->seq = loop->next_seq++;
    timer->is_running = true;
    RB_INSERT(timer_tree, &loop->timers, timer);
}

void timer_stop(struct timer *timer)
{
    if (!timer->is_running)
        return;
    timer->is_running = false;
    RB_REMOVE(timer_tree, &timer->loop->timers, timer);
}

/* ---- turns ---- */

static bool run_posted(struct loop *loop, bool may_wait)
{
    struct jobs taken;
    bool any;

    pthread_mutex_lock(&loop->lock);
    while (may_wait && !loop->posted.first)
        pthread_cond_wait(&loop->posted_cond, &loop->lock);
    taken = loop->posted;
    jobs_init(&loop->posted);
    pthread_mutex_unlock(&loop->lock);
    if (!taken.first)
        return false;
    any = jobs_run(&taken);
    return any;
}

static bool run_timers(struct loop *loop)
{
    struct timer *timer;
    uint64_t until = loop->next_seq; /* what is started now runs in a later turn */
    bool any = false;

    while ((timer = RB_MIN(timer_tree, &loop->timers)) && timer->due_ms <= loop->now_ms &&
           timer->seq < until) {
        timer_stop(timer);
        timer->fn(timer->data);
        any = true;
    }
    return any;
}

void sim_loop_settle(struct loop *loop, sim_busy_fn *is_busy, void *data)
{
    bool any = true;

    while (any) {
        any = jobs_run(&loop->deferred);
        any = run_timers(loop) || any;
        for (size_t i = 0; i < loop->hook_count; i++)
            loop->hooks[i].fn(loop->hooks[i].data);
        any = run_posted(loop, is_busy && is_busy(data)) || any;
        any = any || loop->deferred.first;
    }
}

void sim_loop_pass(struct loop *loop, int64_t ms, sim_busy_fn *is_busy, loop_fn *after_each,
                   void *data)
{
    int64_t until = loop->now_ms + ms;

    for (;;) {
        const struct timer *next;

        sim_loop_settle(loop, is_busy, data);
        if (after_each)
            after_each(data);
        next = RB_MIN(timer_tree, &loop->timers);
        if (!next || next->due_ms > until)
            break;
        if (next->due_ms > loop->now_ms)
            loop->now_ms = next->due_ms;
    }
    loop->now_ms = until;
    sim_loop_settle(loop, is_busy, data);
}

/* ---- net/http_server.h ---- */

struct ws {
    struct loop *loop;
    struct ws_handler handler;
    struct sim_peer peer;
    bool is_closing;
};

struct http_exchange {
    struct loop *loop;
    struct sim_peer peer;
    struct ws *ws;
    int status;
    char *body;
};

const char *http_request_header(const struct http_request *req, const char *lower_case_name)
{
    for (size_t i = 0; i < req->header_count; i++)
        if (strcmp(req->headers[i].name, lower_case_name) == 0)
            return req->headers[i].value;
    return NULL;
}

struct http_exchange *sim_exchange_new(struct loop *loop, const struct sim_peer *peer)
{
    struct http_exchange *ex = xcalloc(1, sizeof(*ex));

    ex->loop = loop;
    ex->peer = *peer;
    return ex;
}

int sim_exchange_status(const struct http_exchange *ex)
{
    return ex->status;
}

const char *sim_exchange_body(const struct http_exchange *ex)
{
    return ex->body;
}

struct ws *sim_exchange_socket(const struct http_exchange *ex)
{
    return ex->ws;
}

void sim_exchange_free(struct http_exchange *ex)
{
    free(ex->body);
    free(ex);
}

void http_respond(struct http_exchange *ex, int status, const struct http_header *headers,
                  size_t header_count, const char *body, size_t body_len)
{
    (void)headers;
    (void)header_count;
    assert(!ex->status);
    ex->status = status;
    ex->body = str_dup_n(body, body_len);
}

struct ws *ws_accept(struct http_exchange *ex, const struct ws_handler *handler)
{
    struct ws *ws = xcalloc(1, sizeof(*ws));

    assert(!ex->status);
    ws->loop = ex->loop;
    ws->handler = *handler;
    ws->peer = ex->peer;
    ex->ws = ws;
    ex->status = 101;
    return ws;
}

void ws_send(struct ws *ws, const char *text, size_t len)
{
    if (!ws->is_closing)
        ws->peer.on_frame(text, len, ws->peer.data);
}

static void on_gone(void *data)
{
    struct ws *ws = data;

    ws->handler.on_close(ws, ws->handler.data);
    free(ws);
}

void ws_close(struct ws *ws, int code, const char *reason)
{
    (void)reason;
    if (ws->is_closing)
        return;
    ws->is_closing = true;
    ws->peer.on_closed(code, ws->peer.data);
    loop_defer(ws->loop, on_gone, ws);
}

bool sim_ws_say(struct ws *ws, const char *text, size_t len)
{
    if (ws->is_closing)
        return false;
    ws->handler.on_message(ws, text, len, ws->handler.data);
    return true;
}

void sim_ws_drop(struct ws *ws)
{
    if (ws->is_closing)
        return;
    ws->is_closing = true;
    loop_defer(ws->loop, on_gone, ws);
}
