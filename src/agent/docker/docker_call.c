#include "agent/docker/docker_call.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define SLACK_MS 50 /* a call that ends so shortly before its limit ended because of it */

static int64_t now_ms(void)
{
    return clock_mono_ms(&clock_system);
}

void docker_cancel(struct docker_call *call)
{
    call->is_cancelled = true;
    http_call_cancel(call->http);
}

void docker_call_refused(struct arena *arena, const struct http_response *response,
                         struct docker_failure *out)
{
    bool is_name_taken;

    out->message = arena_printf(
        arena, "Error response from daemon: %s",
        docker_read_refusal(arena, response->body, response->body_len, &is_name_taken));
    out->fault = response->status == 404                    ? DOCKER_NOT_FOUND
                 : response->status == 409 || is_name_taken ? DOCKER_CONFLICT
                                                            : DOCKER_REFUSED;
}

/* What can be said about a call that was not answered with success. False: it was. */
static bool judge(struct docker_call *call, const struct error *err,
                  const struct http_response *response, struct docker_failure *out)
{
    if (!err) {
        if ((response->status >= 200 && response->status < 300) || response->status == 304)
            return false;
        docker_call_refused(&call->arena, response, out);
        return true;
    }
    out->message = err->message;
    out->fault = DOCKER_UNREACHABLE;
    if (call->is_silent) {
        out->fault = DOCKER_TIMEOUT;
        out->timeout_ms = call->silence_ms;
        out->silence = call->has_begun ? DOCKER_FELL_SILENT : DOCKER_NEVER_BEGAN;
    } else if (call->is_cancelled) {
        out->fault = DOCKER_CANCELLED;
    } else if (call->is_line_too_long) {
        out->fault = DOCKER_MALFORMED;
    } else if (call->timeout_ms > 0 && now_ms() - call->started_ms >= call->timeout_ms - SLACK_MS) {
        out->fault = DOCKER_TIMEOUT;
        out->timeout_ms = call->timeout_ms;
    }
    return true;
}

static void on_http_done(struct error *err, const struct http_response *response, void *data)
{
    struct docker_call *call = data;
    struct docker *docker = call->docker;
    struct docker_failure failure = {0};
    bool failed = judge(call, err, response, &failure);

    timer_stop(&call->silence);
    call->finish(call, failed ? &failure : NULL, response);
    error_free(err); /* its message was the failure's */
    docker_lines_done(&call->lines);
    buf_done(&call->collected);
    arena_done(&call->arena);
    free(call->pull_error);
    free(call->digest);
    free(call);
    docker_call_ended(docker);
}

static bool collect(struct docker_call *call, const char *bytes, size_t len)
{
    call->is_line_too_long = call->collected.len + len > DOCKER_LIST_BYTES_MAX;
    if (!call->is_line_too_long)
        buf_add(&call->collected, bytes, len);
    return !call->is_line_too_long;
}

static void on_line(const char *line, size_t len, void *data)
{
    struct docker_call *call = data;

    call->on_line(call, line, len);
}

static void on_silence(void *data)
{
    struct docker_call *call = data;

    call->is_silent = true;
    docker_cancel(call);
}

void docker_call_expect_word(struct docker_call *call, int64_t within_ms)
{
    call->silence_ms = within_ms;
    timer_start(&call->silence, call->docker->loop, within_ms, on_silence, call);
}

static bool on_chunk(const char *bytes, size_t len, void *data)
{
    struct docker_call *call = data;

    if (call->collects)
        return collect(call, bytes, len);
    call->has_begun = true;
    if (call->inactivity_ms > 0)
        docker_call_expect_word(call, call->inactivity_ms);
    call->is_line_too_long = !docker_lines_feed(&call->lines, bytes, len, on_line, call);
    return !call->is_line_too_long;
}

void docker_call_start(struct docker_call *call, const struct docker_request *request)
{
    CLEANUP(str_freep)
    char *url = str_printf("%s%s%s", call->docker->base,
                           request->is_unversioned ? "" : call->docker->api, request->path);
    struct http_header headers[2];
    struct http_call_options options = {
        .method = request->method,
        .url = url,
        .headers = headers,
        .body = request->body,
        .body_len = request->body_len ? request->body_len
                    : request->body   ? strlen(request->body)
                                      : 0,
        .timeout_ms = request->timeout_ms,
        .is_once = request->is_once,
        .on_chunk = call->on_line || call->collects ? on_chunk : NULL,
        .done = on_http_done,
        .data = call,
    };

    if (request->body)
        headers[options.header_count++] = (struct http_header){
            "content-type", request->body_len ? "application/x-tar" : "application/json"};
    if (request->auth)
        headers[options.header_count++] = (struct http_header){"x-registry-auth", request->auth};
    call->started_ms = now_ms();
    call->timeout_ms = request->timeout_ms;
    call->http = http_call_start(call->docker->http, &options);
}

struct docker_call *docker_call_new(struct docker *docker, void *data)
{
    struct docker_call *call = xcalloc(1, sizeof(*call));

    call->docker = docker;
    call->data = data;
    docker->calls++;
    return call;
}

/* Percent-encodes what is not unreserved; '/' stays in paths. */
void docker_call_add_escaped(struct buf *buf, const char *text, bool keeps_slash)
{
    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || strchr("-_.~", *text) || (keeps_slash && *text == '/'))
            buf_add_char(buf, *text);
        else
            buf_printf(buf, "%%%02X", (unsigned char)*text);
    }
}

/* "/containers/<id>/start" */
char *docker_call_path(const char *before, const char *id, const char *after)
{
    struct buf path = {0};

    buf_add_str(&path, before);
    docker_call_add_escaped(&path, id, true);
    buf_add_str(&path, after);
    return buf_take(&path);
}

static void finish_plain(struct docker_call *call, const struct docker_failure *failure,
                         const struct http_response *response)
{
    (void)response;
    call->done.plain(failure, call->data);
}

struct docker_call *docker_call_plain(struct docker *docker, const struct docker_request *request,
                                      docker_done_fn *done, void *data)
{
    struct docker_call *call = docker_call_new(docker, data);

    call->finish = finish_plain;
    call->done.plain = done;
    docker_call_start(call, request);
    return call;
}

/* The failure of an answer that could not be read; takes `err`. */
const struct docker_failure *docker_call_malformed(struct docker_call *call, struct error *err,
                                                   struct docker_failure *out)
{
    if (!err)
        return NULL;
    out->fault = DOCKER_MALFORMED;
    out->message = arena_dup(&call->arena, err->message);
    error_free(err); /* said by the failure */
    return out;
}
