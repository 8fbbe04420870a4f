#include "world.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/config/config_keys.h"
#include "agent/engine/store.h"
#include "base/mem.h"
#include "net/http_client.h"
#include "net/ws_client.h"

#define MANY 4096

struct loop {
    int64_t now_ms;
    struct {
        loop_fn *fn;
        void *data;
    } deferred[MANY];
    size_t deferred_count;
    struct timer *timers[MANY];
    size_t timer_count;
};

struct http_client {
    int unused;
};

struct http_call {
    char *operation, *url, *body;
    struct http_header headers[16];
    size_t header_count;
    json_t *json;
    http_done_fn *done;
    void *data;
    struct error *err;
    int status;
    char *answer;
};

struct ws_client {
    struct ws_client_options options;
    char *url;
    struct http_header headers[16];
    size_t header_count;
    char *frames[MANY];
    size_t frame_count;
    bool is_closing, is_gone;
    char *reason;
    struct error *err;
    int status, close_code;
};

struct docker_call {
    char *id;
    docker_text_fn *text;
    docker_version_fn *version;
    void *data;
    char *answer; /* NULL: none */
};

struct engine {
    struct engine_task_view *tasks[MANY];
    size_t task_count;
    char *refused;
};

static struct loop the_loop;
static struct http_client the_http;
static struct http_call *calls[MANY];
static size_t call_count;
static struct ws_client *sockets[MANY];
static size_t socket_count;
static struct docker_call *stats_calls[MANY];
static size_t stats_call_count;
static struct docker_call *version_call;
static char *wants[MANY];
static size_t want_count;
static struct {
    char *arn;
    uint64_t revision;
} reported[MANY];
static size_t reported_count;

/* loop.h */

void loop_defer(struct loop *loop, loop_fn *fn, void *data)
{
    assert(loop->deferred_count < MANY);
    loop->deferred[loop->deferred_count].fn = fn;
    loop->deferred[loop->deferred_count++].data = data;
}

void timer_stop(struct timer *timer)
{
    for (size_t i = 0; timer->is_running && i < the_loop.timer_count; i++) {
        if (the_loop.timers[i] == timer) {
            the_loop.timers[i] = the_loop.timers[--the_loop.timer_count];
            break;
        }
    }
    timer->is_running = false;
}

void timer_start(struct timer *timer, struct loop *loop, int64_t after_ms, loop_fn *fn, void *data)
{
    timer_stop(timer);
    timer->loop = loop;
    timer->fn = fn;
    timer->data = data;
    timer->due_ms = loop->now_ms + after_ms;
    timer->is_running = true;
    assert(loop->timer_count < MANY);
    loop->timers[loop->timer_count++] = timer;
}

static void run_deferred(struct loop *loop)
{
    while (loop->deferred_count) {
        loop_fn *fn = loop->deferred[0].fn;
        void *data = loop->deferred[0].data;

        loop->deferred_count--;
        memmove(&loop->deferred[0], &loop->deferred[1],
                loop->deferred_count * sizeof(loop->deferred[0]));
        fn(data);
    }
}

static struct timer *next_timer(struct loop *loop, int64_t until_ms)
{
    struct timer *next = NULL;

    for (size_t i = 0; i < loop->timer_count; i++)
        if (loop->timers[i]->due_ms <= until_ms &&
            (!next || loop->timers[i]->due_ms < next->due_ms))
            next = loop->timers[i];
    return next;
}

static void run_until(struct loop *loop, int64_t until_ms)
{
    struct timer *timer;

    run_deferred(loop);
    while ((timer = next_timer(loop, until_ms))) {
        if (timer->due_ms > loop->now_ms)
            loop->now_ms = timer->due_ms;
        timer_stop(timer);
        timer->fn(timer->data);
        run_deferred(loop);
    }
    loop->now_ms = until_ms;
}

/* http_client.h */

struct error *http_client_new(struct loop *loop, const struct http_client_options *options,
                              struct http_client **ret_client)
{
    (void)loop;
    (void)options;
    *ret_client = &the_http;
    return NULL;
}

void http_client_free(struct http_client *client)
{
    (void)client;
}

static size_t copy_headers(struct http_header *to, const struct http_header *from, size_t count)
{
    assert(count <= 16);
    for (size_t i = 0; i < count; i++)
        to[i] = (struct http_header){str_dup(from[i].name), str_dup(from[i].value)};
    return count;
}

static const char *find_header(const struct http_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(headers[i].name, name))
            return headers[i].value;
    return NULL;
}

static void free_headers(struct http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((char *)headers[i].name);
        free((char *)headers[i].value);
    }
}

struct http_call *http_call_start(struct http_client *client,
                                  const struct http_call_options *options)
{
    struct http_call *call = xcalloc(1, sizeof(*call));
    const char *target = find_header(options->headers, options->header_count, "x-amz-target");

    (void)client;
    call->operation = str_dup(target ? strchr(target, '.') + 1 : "");
    call->url = str_dup(options->url);
    call->body = str_dup_n(options->body, options->body_len);
    call->json = json_loads(call->body, 0, NULL);
    call->header_count = copy_headers(call->headers, options->headers, options->header_count);
    call->done = options->done;
    call->data = options->data;
    calls[call_count++] = call;
    return call;
}

static void call_free(struct http_call *call)
{
    free(call->operation);
    free(call->url);
    free(call->body);
    free(call->answer);
    json_decref(call->json);
    free_headers(call->headers, call->header_count);
    free(call);
}

static void on_call_done(void *data)
{
    struct http_call *call = data;
    struct http_response response = {.status = call->status,
                                     .body = call->answer,
                                     .body_len = call->answer ? strlen(call->answer) : 0};

    call->done(call->err, call->err ? NULL : &response, call->data);
    call_free(call);
}

static struct http_call *take_call(size_t i)
{
    struct http_call *call = calls[i];

    assert_true(i < call_count);
    call_count--;
    memmove(&calls[i], &calls[i + 1], (call_count - i) * sizeof(calls[0]));
    return call;
}

void world_answer(size_t i, int status, const char *body)
{
    struct http_call *call = take_call(i);

    call->status = status;
    call->answer = str_dup(body);
    loop_defer(&the_loop, on_call_done, call);
    run_until(&the_loop, the_loop.now_ms);
}

void world_break(size_t i)
{
    struct http_call *call = take_call(i);

    call->err = error_new(API_SERVER, "connection refused");
    loop_defer(&the_loop, on_call_done, call);
    run_until(&the_loop, the_loop.now_ms);
}

size_t world_calls(void)
{
    return call_count;
}

const char *world_call_operation(size_t i)
{
    assert_true(i < call_count);
    return calls[i]->operation;
}

const char *world_call_header(size_t i, const char *name)
{
    assert_true(i < call_count);
    return find_header(calls[i]->headers, calls[i]->header_count, name);
}

const char *world_call_url(size_t i)
{
    assert_true(i < call_count);
    return calls[i]->url;
}

const json_t *world_call_body(size_t i)
{
    assert_true(i < call_count);
    return calls[i]->json;
}

/* http_server.h: what checks signatures reads requests with it; here nothing is checked. */
const char *http_request_header(const struct http_request *req, const char *lower_case_name)
{
    return find_header(req->headers, req->header_count, lower_case_name);
}

/* ws_client.h */

struct error *ws_client_open(struct loop *loop, const struct ws_client_options *options,
                             struct ws_client **ret_ws)
{
    struct ws_client *ws = xcalloc(1, sizeof(*ws));

    (void)loop;
    ws->options = *options;
    ws->url = str_dup(options->url);
    ws->header_count = copy_headers(ws->headers, options->headers, options->header_count);
    sockets[socket_count++] = ws;
    *ret_ws = ws;
    return NULL;
}

void ws_client_send(struct ws_client *ws, const char *text, size_t len)
{
    assert_false(ws->is_gone);
    ws->frames[ws->frame_count++] = str_dup_n(text, len);
}

static void on_socket_gone(void *data)
{
    struct ws_client *ws = data;

    ws->options.on_closed(TAKE(ws->err), ws->status, ws->close_code, ws->options.data);
}

static void socket_gone(struct ws_client *ws, struct error *err, int status, int close_code)
{
    assert_false(ws->is_gone);
    ws->is_gone = true;
    ws->err = err;
    ws->status = status;
    ws->close_code = close_code;
    loop_defer(&the_loop, on_socket_gone, ws);
}

void ws_client_close(struct ws_client *ws, int code, const char *reason)
{
    assert_false(ws->is_closing);
    ws->is_closing = true;
    ws->reason = str_dup(reason);
    socket_gone(ws, NULL, 101, code);
}

static struct ws_client *socket_at(size_t i)
{
    assert_true(i < socket_count);
    return sockets[i];
}

size_t world_sockets(void)
{
    return socket_count;
}

const char *world_socket_url(size_t i)
{
    return socket_at(i)->url;
}

const char *world_socket_header(size_t i, const char *name)
{
    return find_header(socket_at(i)->headers, socket_at(i)->header_count, name);
}

void world_socket_open(size_t i)
{
    struct ws_client *ws = socket_at(i);

    ws->options.on_open(ws, ws->options.data);
    run_until(&the_loop, the_loop.now_ms);
}

void world_socket_refuse(size_t i, int status, const char *body)
{
    socket_gone(socket_at(i), error_new(API_SERVER, "%s", body), status, 0);
    run_until(&the_loop, the_loop.now_ms);
}

void world_socket_receive(size_t i, const char *text)
{
    struct ws_client *ws = socket_at(i);

    ws->options.on_message(ws, text, strlen(text), ws->options.data);
    run_until(&the_loop, the_loop.now_ms);
}

void world_socket_end(size_t i, int close_code)
{
    socket_gone(socket_at(i), close_code ? NULL : error_new(API_SERVER, "end of file"), 101,
                close_code);
    run_until(&the_loop, the_loop.now_ms);
}

bool world_socket_is_closing(size_t i, const char **ret_reason)
{
    if (ret_reason)
        *ret_reason = socket_at(i)->reason;
    return socket_at(i)->is_closing;
}

size_t world_frames(size_t i)
{
    return socket_at(i)->frame_count;
}

const char *world_frame(size_t i, size_t frame)
{
    assert_true(frame < socket_at(i)->frame_count);
    return socket_at(i)->frames[frame];
}

void world_forget_frames(size_t i)
{
    struct ws_client *ws = socket_at(i);

    while (ws->frame_count)
        free(ws->frames[--ws->frame_count]);
}

static void socket_free(struct ws_client *ws)
{
    while (ws->frame_count)
        free(ws->frames[--ws->frame_count]);
    free_headers(ws->headers, ws->header_count);
    free(ws->url);
    free(ws->reason);
    free(ws);
}

/* docker.h */

struct docker_call *docker_get_stats(struct docker *docker, const char *id, docker_text_fn *done,
                                     void *data)
{
    struct docker_call *call = xcalloc(1, sizeof(*call));

    (void)docker;
    *call = (struct docker_call){.id = str_dup(id), .text = done, .data = data};
    stats_calls[stats_call_count++] = call;
    return call;
}

struct docker_call *docker_get_version(struct docker *docker, docker_version_fn *done, void *data)
{
    struct docker_call *call = xcalloc(1, sizeof(*call));

    (void)docker;
    *call = (struct docker_call){.version = done, .data = data};
    return version_call = call;
}

static void on_docker_done(void *data)
{
    static const struct docker_failure failure = {DOCKER_UNREACHABLE, "no Docker", 0};
    static const struct docker_version version = {.version = "20.10.24+dfsg1"};
    struct docker_call *call = data;

    if (call->text)
        call->text(call->answer ? NULL : &failure, call->answer,
                   call->answer ? strlen(call->answer) : 0, call->data);
    else
        call->version(call->answer ? NULL : &failure, call->answer ? &version : NULL, call->data);
    free(call->id);
    free(call->answer);
    free(call);
}

static void take_stats_call(size_t i)
{
    stats_call_count--;
    memmove(&stats_calls[i], &stats_calls[i + 1], (stats_call_count - i) * sizeof(stats_calls[0]));
}

void docker_cancel(struct docker_call *call)
{
    for (size_t i = 0; i < stats_call_count; i++)
        if (stats_calls[i] == call)
            take_stats_call(i);
    if (version_call == call)
        version_call = NULL;
    loop_defer(&the_loop, on_docker_done, call);
}

size_t world_stats_calls(void)
{
    return stats_call_count;
}

const char *world_stats_call(size_t i)
{
    assert_true(i < stats_call_count);
    return stats_calls[i]->id;
}

void world_stats_answer(size_t i, const char *json)
{
    struct docker_call *call = stats_calls[i];

    assert_true(i < stats_call_count);
    take_stats_call(i);
    call->answer = str_dup(json);
    loop_defer(&the_loop, on_docker_done, call);
    run_until(&the_loop, the_loop.now_ms);
}

bool world_version_asked(void)
{
    return version_call != NULL;
}

void world_version_answer(bool is_there)
{
    struct docker_call *call = version_call;

    assert_non_null(call);
    version_call = NULL;
    call->answer = is_there ? str_dup("yes") : NULL;
    loop_defer(&the_loop, on_docker_done, call);
    run_until(&the_loop, the_loop.now_ms);
}

/* engine.h */

static struct engine_task_view *find_task(struct engine *engine, const char *arn)
{
    for (size_t i = 0; i < engine->task_count; i++)
        if (str_eq(engine->tasks[i]->arn, arn))
            return engine->tasks[i];
    return NULL;
}

struct error *engine_want(struct engine *engine, const struct acs_task *task)
{
    struct engine_task_view *view;

    wants[want_count++] = str_printf("%s %s", task->desired_status, task->arn);
    if (str_eq(engine->refused, task->arn))
        return error_new(API_CLIENT, "refused by the test");
    view = find_task(engine, task->arn);
    if (!view) {
        struct world world = {.engine = engine};

        view = world_task(&world, task->arn);
        view->desired = ENGINE_RUNNING;
    }
    if (str_eq(task->desired_status, "STOPPED"))
        view->desired = ENGINE_STOPPED;
    return NULL;
}

void engine_credentials_came(struct engine *engine, const char *task_arn)
{
    (void)engine, (void)task_arn;
}

void engine_prefetch(struct engine *engine, const char *image)
{
    (void)engine;
    wants[want_count++] = str_printf("PREFETCH %s", image);
}

void engine_refuse(struct engine *engine, const char *task_arn, const char *reason)
{
    if (!find_task(engine, task_arn))
        wants[want_count++] = str_printf("REFUSED %s %s", task_arn, reason);
}

void engine_reported(struct engine *engine, const char *task_arn, uint64_t revision)
{
    (void)engine;
    reported[reported_count].arn = str_dup(task_arn);
    reported[reported_count++].revision = revision;
}

bool engine_view(struct engine *engine, const char *task_arn, struct engine_task_view *ret)
{
    const struct engine_task_view *view = find_task(engine, task_arn);

    if (view)
        *ret = *view;
    return view != NULL;
}

void engine_each(struct engine *engine, engine_each_fn *each, void *data)
{
    for (size_t i = 0; i < engine->task_count; i++)
        each(engine->tasks[i], data);
}

struct engine_task_view *world_task(struct world *world, const char *arn)
{
    struct engine *engine = world->engine;
    struct engine_task_view *view = xcalloc(1, sizeof(*view));

    view->arn = str_dup(arn);
    view->family = "fam";
    view->version = "3";
    view->reason = "";
    view->revision = 1;
    engine->tasks[engine->task_count++] = view;
    return view;
}

static void task_free(struct engine_task_view *view)
{
    free((char *)view->arn);
    free(view);
}

void world_forget_task(struct world *world, const char *arn)
{
    struct engine *engine = world->engine;

    for (size_t i = 0; i < engine->task_count; i++) {
        if (str_eq(engine->tasks[i]->arn, arn)) {
            task_free(engine->tasks[i]);
            engine->tasks[i] = engine->tasks[--engine->task_count];
            return;
        }
    }
}

void world_engine_refuses(struct world *world, const char *arn)
{
    free(world->engine->refused);
    world->engine->refused = str_dup(arn);
}

size_t world_wants(void)
{
    return want_count;
}

const char *world_want(size_t i)
{
    assert_true(i < want_count);
    return wants[i];
}

uint64_t world_reported(const char *arn)
{
    uint64_t revision = 0;

    for (size_t i = 0; i < reported_count; i++)
        if (str_eq(reported[i].arn, arn))
            revision = reported[i].revision;
    return revision;
}

/* The world itself. */

static int64_t mono_ms(void *data)
{
    (void)data;
    return the_loop.now_ms;
}

static int64_t wall_ms(void *data)
{
    (void)data;
    return WORLD_START_MS + the_loop.now_ms;
}

int64_t world_now_ms(void)
{
    return the_loop.now_ms;
}

struct world *world_new(const char *config_file)
{
    static const struct config_flags flags = {.server_url = "http://127.0.0.1:18080"};
    static const char *const env[] = {"AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
                                      "AWS_SECRET_ACCESS_KEY=secretexamplekey", NULL};
    struct world *world = xcalloc(1, sizeof(*world));

    the_loop = (struct loop){0};
    call_count = socket_count = want_count = reported_count = stats_call_count =
        0; /* of a test that failed */
    world->clock = (struct clock){wall_ms, mono_ms, NULL};
    world->rng = rng_seeded(7);
    world->loop = &the_loop;
    world->engine = xcalloc(1, sizeof(*world->engine));
    assert_null(
        config_load(&flags, env, &(struct config_files){.settings = config_file}, &world->config));
    world->keys = config_keys_new(world->config, "/nonexistent", NULL);
    assert_null(agent_store_open(NULL, &world->store));
    return world;
}

void world_run(struct world *world)
{
    run_until(world->loop, world->loop->now_ms);
}

void world_advance(struct world *world, int64_t ms)
{
    run_until(world->loop, world->loop->now_ms + ms);
}

void world_free(struct world *world)
{
    run_deferred(&the_loop);
    assert_int_equal(the_loop.timer_count, 0); /* everything that was started is stopped */
    while (call_count) {
        struct http_call *call = calls[--call_count];

        call->done(error_new(API_SERVER, "cancelled"), NULL, call->data);
        call_free(call);
    }
    while (socket_count)
        socket_free(sockets[--socket_count]);
    while (want_count)
        free(wants[--want_count]);
    while (reported_count)
        free(reported[--reported_count].arn);
    while (world->engine->task_count)
        task_free(world->engine->tasks[--world->engine->task_count]);
    free(world->engine->refused);
    free(world->engine);
    config_keys_free(world->keys);
    config_free(world->config);
    agent_store_close(world->store);
    free(world);
}
