#include "wire/dispatch.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "base/log.h"
#include "base/mem.h"

/* Calls kept for reuse with their memory, and the most of it a kept answer buffer may hold. */
#define SPARE_CALLS_MAX 256
#define SPARE_BODY_MAX  (64 * 1024)

/* One call from its begin to its answer, or to the end of its flow if that is later. */
struct dispatch_call {
    struct dispatch *dispatch;
    struct dispatch_call *prev, *next; /* of the open ones; next alone: of the spare ones */
    struct call call;
    struct arena arena;
    struct buf body;
    void *out;
    struct error *err; /* owned; the refusal, if there is one */
    struct flow *flow; /* lent; ends with flow_end() */
    struct timer deadline;
    dispatch_answer_fn *answer; /* NULL: answered */
    void *answer_data;
};

struct dispatch {
    struct dispatch_options options;
    struct dispatch_call *open; /* newest first */
    struct dispatch_call *spare;
    unsigned spare_count;
    struct dispatch_stats stats;
    bool is_closing, is_idle_asked;
    loop_fn *closed;
    void *closed_data;
};

/* --- operations --------------------------------------------------------------------------------
 */

const struct operation *operation_find(const struct operation_table *table, const char *name)
{
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(name, table->operations[mid].name);

        if (!order)
            return &table->operations[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

bool operation_may_fail(const struct operation *operation, enum api_error code)
{
    if (api_error_is_common(code))
        return true;
    for (size_t i = 0; i < operation->error_count; i++)
        if (operation->errors[i] == code)
            return true;
    return false;
}

/* --- calls: their memory -----------------------------------------------------------------------
 */

static struct dispatch_call *call_new(struct dispatch *dispatch)
{
    struct dispatch_call *dc = dispatch->spare;

    if (dc) {
        dispatch->spare = dc->next;
        dispatch->spare_count--;
    } else {
        dc = xcalloc(1, sizeof(*dc));
    }
    dc->dispatch = dispatch;
    dc->next = dispatch->open;
    if (dispatch->open)
        dispatch->open->prev = dc;
    dispatch->open = dc;
    dispatch->stats.open++;
    return dc;
}

static void call_release(struct dispatch_call *dc)
{
    arena_done(&dc->arena);
    buf_done(&dc->body);
    free(dc);
}

/* Deferred when the last call went while closing; another may have come and gone since. */
static void on_idle(void *data)
{
    struct dispatch *dispatch = data;
    loop_fn *closed = dispatch->closed;

    dispatch->is_idle_asked = false;
    if (dispatch->open || !closed)
        return;
    dispatch->closed = NULL;
    closed(dispatch->closed_data);
}

static void close_when_idle(struct dispatch *dispatch)
{
    if (!dispatch->is_closing || dispatch->open || dispatch->is_idle_asked)
        return;
    dispatch->is_idle_asked = true;
    loop_defer(dispatch->options.loop, on_idle, dispatch);
}

static void call_free(struct dispatch_call *dc)
{
    struct dispatch *dispatch = dc->dispatch;

    if (dc->prev)
        dc->prev->next = dc->next;
    else
        dispatch->open = dc->next;
    if (dc->next)
        dc->next->prev = dc->prev;
    dispatch->stats.open--;
    timer_stop(&dc->deadline);
    error_free(dc->err);
    if (dispatch->spare_count < SPARE_CALLS_MAX) {
        struct arena arena = dc->arena;
        struct buf body = dc->body;

        arena_reset(&arena);
        if (body.cap > SPARE_BODY_MAX)
            buf_done(&body);
        buf_clear(&body);
        *dc = (struct dispatch_call){.arena = arena, .body = body, .next = dispatch->spare};
        dispatch->spare = dc;
        dispatch->spare_count++;
    } else {
        call_release(dc);
    }
    close_when_idle(dispatch);
}

/* --- answers -----------------------------------------------------------------------------------
 */

/* The code and sentence a caller may see: one of the operation's, and none of our faults. */
static void presentable(struct dispatch_call *dc, enum api_error *ret_code,
                        const char **ret_message)
{
    const struct operation *operation = dc->call.operation;
    const struct error *err = dc->err;

    *ret_code = err->code;
    *ret_message = err->message;
    if (operation && (operation->now || operation->flow) &&
        !operation_may_fail(operation, err->code)) {
        log_error("an operation failed with an error it does not declare", "operation",
                  operation->name, "error", api_error_name(err->code), "message", err->message,
                  "request", dc->call.request_id);
        *ret_code = api_error_http_status(err->code) < 500 ? API_CLIENT : API_SERVER;
    }
    if (*ret_code == API_SERVER) {
        log_error("a call failed by our fault", "operation", operation ? operation->name : NULL,
                  "cause", err->message, "request", dc->call.request_id);
        *ret_message = "The server failed to do this; its log says why.";
    }
}

static void answer(struct dispatch_call *dc)
{
    struct dispatch_answer answer = {.request_id = dc->call.request_id, .status = 200};
    dispatch_answer_fn *fn = dc->answer;

    if (!fn)
        return;
    dc->answer = NULL;
    if (dc->err) {
        const char *message;

        presentable(dc, &answer.code, &message);
        answer.status = api_error_http_status(answer.code);
        buf_clear(&dc->body);
        dispatch_error_body(&dc->body, answer.code, message,
                            answer.code == dc->err->code ? dc->err->members : NULL);
        dc->dispatch->stats.refused++;
        if (answer.status >= 500)
            dc->dispatch->stats.faults++;
    }
    answer.body = dc->body.data;
    answer.body_len = dc->body.len;
    fn(&answer, dc->answer_data);
}

void dispatch_error_body(struct buf *buf, enum api_error code, const char *message,
                         const char *members)
{
    buf_add_char(buf, '{');
    json_text_add_name(buf, "__type");
    json_text_add_string(buf, api_error_name(code));
    json_text_add_name(buf, "message");
    json_text_add_string(buf, message);
    if (members) {
        buf_add_char(buf, ',');
        buf_add_str(buf, members);
    }
    buf_add_char(buf, '}');
}

static void answer_and_free(void *data)
{
    struct dispatch_call *dc = data;

    answer(dc);
    call_free(dc);
}

/* What the answer rests on is durable, or was lost: then it is our fault whatever the handler said.
 */
static void on_durable(const struct error *err, void *data)
{
    struct dispatch_call *dc = data;

    if (err) {
        error_free(dc->err);
        dc->err = error_new(API_SERVER, "the change could not be stored: %s", err->message);
    }
    answer_and_free(dc);
}

/* The handler is done: the answer is written now, while what it lends is still there, and leaves
 * when the host says so. Takes `err`. */
static void finish(struct dispatch_call *dc, struct error *err)
{
    const struct call_host *host = &dc->dispatch->options.host;

    dc->err = err;
    if (!err)
        shape_encode(dc->call.operation->out, &dc->body, dc->out);
    host->finish(&dc->call, on_durable, dc, host->data);
    dc->call.txn = NULL;
}

/* --- flows -------------------------------------------------------------------------------------
 */

static void cancel(struct dispatch_call *dc, enum flow_cancel why)
{
    struct flow *flow = dc->flow;

    if (!flow || flow->is_cancelled != FLOW_RUNS)
        return;
    flow->is_cancelled = why;
    if (flow->methods->cancel)
        flow->methods->cancel(flow);
}

/* The caller hears of it now; the flow ends when it can. */
static void on_deadline(void *data)
{
    struct dispatch_call *dc = data;

    dc->err =
        error_new(API_SERVICE_UNAVAILABLE, "%s took longer than %lld seconds.",
                  dc->call.operation->name, (long long)(dc->call.operation->deadline_ms / 1000));
    answer(dc);
    cancel(dc, FLOW_LATE);
}

static void on_advance(void *data)
{
    struct dispatch_call *dc = data;

    dc->flow->methods->advance(dc->flow);
}

void flow_end(struct flow *flow, struct error *err)
{
    struct dispatch_call *dc = flow->dispatch;

    timer_stop(&dc->deadline);
    dc->flow = NULL;
    if (!dc->answer) { /* answered at the deadline */
        error_free(err);
        flow->methods->free(flow);
        call_free(dc);
        return;
    }
    finish(dc, err);
    flow->methods->free(flow);
}

static void start_flow(struct dispatch_call *dc, struct flow *flow)
{
    struct loop *loop = dc->dispatch->options.loop;
    int64_t deadline_ms = dc->call.operation->deadline_ms;

    flow->call = &dc->call;
    flow->dispatch = dc;
    dc->flow = flow;
    timer_start(&dc->deadline, loop, deadline_ms ? deadline_ms : DISPATCH_FLOW_MS, on_deadline, dc);
    loop_defer(loop, on_advance, dc);
}

/* --- the call ----------------------------------------------------------------------------------
 */

static struct error *prepare(struct dispatch_call *dc, const struct dispatch_request *request,
                             void **ret_in)
{
    const struct dispatch_options *options = &dc->dispatch->options;
    const struct operation *operation =
        request->operation ? operation_find(options->table, request->operation) : NULL;
    void *in;

    if (!operation)
        return error_new(API_UNKNOWN_OPERATION, "There is no operation %s.",
                         request->operation ? request->operation : "named in the request");
    dc->call.operation = operation;
    if (dc->dispatch->is_closing || dc->dispatch->stats.open > DISPATCH_CALLS_MAX)
        return error_new(API_SERVICE_UNAVAILABLE, "The server %s; try again.",
                         dc->dispatch->is_closing ? "is shutting down" : "has too much to do");
    if (request->body_len > DISPATCH_BODY_BYTES_MAX)
        return error_new(API_REQUEST_ENTITY_TOO_LARGE, "The request has more than %d bytes.",
                         DISPATCH_BODY_BYTES_MAX);
    if (!operation->now && !operation->flow)
        return error_new(API_UNSUPPORTED_FEATURE, "berth does not have %s yet.", operation->name);
    in = arena_alloc(&dc->arena, operation->in->size);
    TRY(shape_decode_text(operation->in, options->is_strict ? SHAPE_STRICT : 0, &dc->arena,
                          request->body_len ? request->body : "{}",
                          request->body_len ? request->body_len : 2, in));
    dc->out = arena_alloc(&dc->arena, operation->out->size);
    *ret_in = in;
    return NULL;
}

static void run(struct dispatch_call *dc, const void *in)
{
    const struct operation *operation = dc->call.operation;
    const struct call_host *host = &dc->dispatch->options.host;
    struct flow *flow = NULL;
    struct error *err;

    if (operation->now) {
        host->begin(&dc->call, host->data);
        finish(dc, operation->now(&dc->call, in, dc->out));
        return;
    }
    err = operation->flow(&dc->call, in, dc->out, &flow);
    if (err || !flow) /* refused, or nothing to wait for */
        finish(dc, err);
    else
        start_flow(dc, flow);
}

struct dispatch_call *dispatch_call(struct dispatch *dispatch,
                                    const struct dispatch_request *request,
                                    dispatch_answer_fn *answer_fn, void *data)
{
    const struct dispatch_options *options = &dispatch->options;
    struct dispatch_call *dc = call_new(dispatch);
    struct call *call = &dc->call;
    void *in = NULL;

    dispatch->stats.calls++;
    dc->answer = answer_fn;
    dc->answer_data = data;
    uuid_new(options->rng, call->request_id);
    call->arena = &dc->arena;
    call->region = arena_dup(&dc->arena, request->region);
    call->account = arena_dup(&dc->arena, request->account);
    call->principal = *request->principal;
    call->principal.access_key_id = arena_dup(&dc->arena, request->principal->access_key_id);
    call->principal.agent_cluster = arena_dup(&dc->arena, request->principal->agent_cluster);
    call->principal.role_arn = arena_dup(&dc->arena, request->principal->role_arn);
    call->principal.role_cluster = arena_dup(&dc->arena, request->principal->role_cluster);
    call->host = arena_dup(&dc->arena, request->host);
    call->user_agent = arena_dup(&dc->arena, request->user_agent);
    call->is_tls = request->is_tls;
    call->now_ms = clock_wall_ms(options->clock);
    call->rng = options->rng;
    call->service = options->service;
    dc->err = prepare(dc, request, &in);
    if (!dc->err && options->host.admit)
        dc->err = options->host.admit(call, options->host.data);
    if (dc->err)
        loop_defer(options->loop, answer_and_free,
                   dc); /* nothing was looked at: nothing to wait for */
    else
        run(dc, in);
    return dc;
}

void dispatch_gone(struct dispatch_call *dc)
{
    cancel(dc, FLOW_CALLER_GONE);
}

/* --- the dispatcher ----------------------------------------------------------------------------
 */

struct dispatch *dispatch_new(const struct dispatch_options *options)
{
    struct dispatch *dispatch = xcalloc(1, sizeof(*dispatch));

    dispatch->options = *options;
    return dispatch;
}

void dispatch_close(struct dispatch *dispatch, loop_fn *closed, void *data)
{
    struct dispatch_call *next;

    dispatch->is_closing = true;
    dispatch->closed = closed;
    dispatch->closed_data = data;
    close_when_idle(dispatch);
    for (struct dispatch_call *dc = dispatch->open; dc; dc = next) {
        next = dc->next;
        cancel(dc, FLOW_SHUTDOWN);
    }
}

void dispatch_free(struct dispatch *dispatch)
{
    if (!dispatch)
        return;
    assert(!dispatch->open);
    while (dispatch->spare) {
        struct dispatch_call *dc = dispatch->spare;

        dispatch->spare = dc->next;
        call_release(dc);
    }
    free(dispatch);
}

const struct operation_table *dispatch_table(const struct dispatch *dispatch)
{
    return dispatch->options.table;
}

void dispatch_stats(const struct dispatch *dispatch, struct dispatch_stats *ret)
{
    *ret = dispatch->stats;
}
