#include "agent/docker/docker_call.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/docker/docker_engine.h"
#include "agent/engine/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define SLACK_MS 50 /* a call that ends so shortly before its limit ended because of it */

static int64_t now_ms(void)
{
    return clock_mono_ms(&clock_system);
}

struct error *docker_new(struct loop *loop, const char *host, struct docker **ret_docker)
{
    struct http_client_options options = {0};
    struct docker *docker = xcalloc(1, sizeof(*docker));
    struct error *err;

    docker->loop = loop;
    docker->engine = docker_engine_of(NULL);
    if (str_starts_with(host, "unix://") || host[0] == '/') {
        options.unix_socket = host[0] == '/' ? host : host + strlen("unix://");
        docker->unix_socket = str_dup(options.unix_socket);
        docker->base = str_dup("http://localhost");
    } else if (str_starts_with(host, "tcp://")) {
        docker->base = str_printf("http://%s", host + strlen("tcp://"));
    } else {
        free(docker);
        return error_new(API_INVALID_PARAMETER,
                         "Docker host %s is neither unix:///path nor tcp://host:port", host);
    }
    err = http_client_new(loop, &options, &docker->http);
    if (err) {
        free(docker->base);
        free(docker->unix_socket);
        free(docker);
        return error_wrap(err, "Docker");
    }
    *ret_docker = docker;
    return NULL;
}

static void free_if_done(struct docker *docker)
{
    if (!docker->is_freed || docker->calls > 0)
        return;
    free(docker->base);
    free(docker->unix_socket);
    free(docker);
}

void docker_call_ended(struct docker *docker)
{
    docker->calls--;
    free_if_done(docker);
}

void docker_free(struct docker *docker)
{
    if (!docker)
        return;
    docker_streams_cancel(docker);
    http_client_free(docker->http); /* the completions of what is under way still run */
    docker->is_freed = true;
    free_if_done(docker);
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

static void finish_version(struct docker_call *call, const struct docker_failure *failure,
                           const struct http_response *response)
{
    struct docker_version version = {0};
    struct docker_failure unread = {0};
    int ours[2], theirs[2];

    if (!failure)
        failure = docker_call_malformed(
            call, docker_read_version(&call->arena, response->body, response->body_len, &version),
            &unread);
    if (!failure && sscanf(DOCKER_API_VERSION, "%d.%d", &ours[0], &ours[1]) == 2 &&
        sscanf(version.api_version, "%5d.%5d", &theirs[0], &theirs[1]) == 2) {
        bool is_older = theirs[0] < ours[0] || (theirs[0] == ours[0] && theirs[1] < ours[1]);

        if (is_older)
            snprintf(call->docker->api, sizeof(call->docker->api), "/v%d.%d", theirs[0], theirs[1]);
        else
            snprintf(call->docker->api, sizeof(call->docker->api), "/v%s", DOCKER_API_VERSION);
    }
    if (!failure)
        call->docker->engine = version.engine;
    call->done.version(failure, failure ? NULL : &version, call->data);
}

struct docker_call *docker_get_version(struct docker *docker, docker_version_fn *done, void *data)
{
    /* Without a version: an engine that was replaced may not know the one settled before. */
    const struct docker_request request = {
        .method = "GET", .path = "/version", .timeout_ms = DOCKER_INFO_MS, .is_unversioned = true};
    struct docker_call *call = docker_call_new(docker, data);

    call->finish = finish_version;
    call->done.version = done;
    docker_call_start(call, &request);
    return call;
}

static void finish_info(struct docker_call *call, const struct docker_failure *failure,
                        const struct http_response *response)
{
    struct docker_info info = {0};
    struct docker_failure unread = {0};

    if (!failure)
        failure = docker_call_malformed(
            call, docker_read_info(&call->arena, response->body, response->body_len, &info),
            &unread);
    call->done.info(failure, failure ? NULL : &info, call->data);
}

struct docker_call *docker_get_info(struct docker *docker, docker_info_fn *done, void *data)
{
    const struct docker_request request = {
        .method = "GET", .path = "/info", .timeout_ms = DOCKER_INFO_MS};
    struct docker_call *call = docker_call_new(docker, data);

    call->finish = finish_info;
    call->done.info = done;
    docker_call_start(call, &request);
    return call;
}

static void finish_created(struct docker_call *call, const struct docker_failure *failure,
                           const struct http_response *response)
{
    const char *id = NULL;
    struct docker_failure unread = {0};

    if (!failure)
        failure = docker_call_malformed(
            call, docker_read_created(&call->arena, response->body, response->body_len, &id),
            &unread);
    call->done.created(failure, id, call->data);
}

struct docker_call *docker_create(struct docker *docker, const char *name, const char *body,
                                  int64_t timeout_ms, docker_created_fn *done, void *data)
{
    CLEANUP(str_freep) char *path = docker_call_path("/containers/create?name=", name, "");
    const struct docker_request request = {
        .method = "POST", .path = path, .body = body, .timeout_ms = timeout_ms, .is_once = true};
    struct docker_call *call = docker_call_new(docker, data);

    call->finish = finish_created;
    call->done.created = done;
    docker_call_start(call, &request);
    return call;
}

struct docker_call *docker_start(struct docker *docker, const char *id, int64_t timeout_ms,
                                 docker_done_fn *done, void *data)
{
    CLEANUP(str_freep) char *path = docker_call_path("/containers/", id, "/start");
    /* Once: repeated to an engine that came back, it would run an ended container again. */
    const struct docker_request request = {
        .method = "POST", .path = path, .timeout_ms = timeout_ms, .is_once = true};

    return docker_call_plain(docker, &request, done, data);
}

struct docker_call *docker_stop(struct docker *docker, const char *id, int grace_s,
                                docker_done_fn *done, void *data)
{
    CLEANUP(str_freep) char *query = str_printf("/stop?t=%d", grace_s);
    CLEANUP(str_freep) char *path = docker_call_path("/containers/", id, query);
    const struct docker_request request = {
        .method = "POST", .path = path, .timeout_ms = grace_s * 1000LL + DOCKER_STOP_GRACE_MS};

    return docker_call_plain(docker, &request, done, data);
}

static void finish_container(struct docker_call *call, const struct docker_failure *failure,
                             const struct http_response *response)
{
    struct docker_container container = {0};
    struct docker_failure unread = {0};

    if (!failure)
        failure = docker_call_malformed(
            call,
            docker_read_container(&call->arena, response->body, response->body_len, &container),
            &unread);
    call->done.container(failure, failure ? NULL : &container, call->data);
}

struct docker_call *docker_inspect(struct docker *docker, const char *id, docker_container_fn *done,
                                   void *data)
{
    CLEANUP(str_freep) char *path = docker_call_path("/containers/", id, "/json");
    const struct docker_request request = {
        .method = "GET", .path = path, .timeout_ms = DOCKER_INSPECT_MS};
    struct docker_call *call = docker_call_new(docker, data);

    call->finish = finish_container;
    call->done.container = done;
    docker_call_start(call, &request);
    return call;
}

static void finish_stats(struct docker_call *call, const struct docker_failure *failure,
                         const struct http_response *response)
{
    call->done.text(failure, failure ? NULL : response->body, failure ? 0 : response->body_len,
                    call->data);
}

struct docker_call *docker_get_stats(struct docker *docker, const char *id, docker_text_fn *done,
                                     void *data)
{
    CLEANUP(str_freep)
    char *path = docker_call_path("/containers/", id, "/stats?stream=false&one-shot=true");
    const struct docker_request request = {
        .method = "GET", .path = path, .timeout_ms = DOCKER_STATS_MS};
    struct docker_call *call = docker_call_new(docker, data);

    call->finish = finish_stats;
    call->done.text = done;
    docker_call_start(call, &request);
    return call;
}

static void finish_list(struct docker_call *call, const struct docker_failure *failure,
                        const struct http_response *response)
{
    struct docker_container *items = NULL;
    size_t count = 0;
    struct docker_failure unread = {0};

    (void)response;
    if (!failure)
        failure = docker_call_malformed(
            call,
            docker_read_list(&call->arena, call->collected.data ? call->collected.data : "",
                             call->collected.len, &items, &count),
            &unread);
    call->done.list(failure, items, count, call->data);
}

static struct docker_call *list_call(struct docker *docker, const char *filters,
                                     docker_list_fn *done, void *data)
{
    CLEANUP(str_freep)
    char *path = docker_call_path("/containers/json?all=1&filters=", filters, "");
    const struct docker_request request = {
        .method = "GET", .path = path, .timeout_ms = DOCKER_LIST_MS};
    struct docker_call *call = docker_call_new(docker, data);

    call->finish = finish_list;
    call->done.list = done;
    call->collects = true;
    docker_call_start(call, &request);
    return call;
}

struct docker_call *docker_list(struct docker *docker, bool with_ended, docker_list_fn *done,
                                void *data)
{
    return list_call(docker,
                     with_ended ? "{\"label\":[\"" CONTAINER_LABEL_TASK "\"]}"
                                : docker->engine->alive_filters,
                     done, data);
}

struct docker_call *docker_list_all(struct docker *docker, docker_list_fn *done, void *data)
{
    return list_call(docker, "{}", done, data);
}

struct docker_call *docker_remove(struct docker *docker, const char *id, docker_done_fn *done,
                                  void *data)
{
    CLEANUP(str_freep) char *path = docker_call_path("/containers/", id, "?force=1&v=1");
    const struct docker_request request = {
        .method = "DELETE", .path = path, .timeout_ms = DOCKER_REMOVE_MS};

    return docker_call_plain(docker, &request, done, data);
}

static void finish_volume(struct docker_call *call, const struct docker_failure *failure,
                          const struct http_response *response)
{
    struct docker_volume volume = {0};
    struct docker_failure unread = {0};

    if (!failure)
        failure = docker_call_malformed(
            call, docker_read_volume(&call->arena, response->body, response->body_len, &volume),
            &unread);
    call->done.volume(failure, failure ? NULL : &volume, call->data);
}

static struct docker_call *volume_call(struct docker *docker, const struct docker_request *request,
                                       docker_volume_fn *done, void *data)
{
    struct docker_call *call = docker_call_new(docker, data);

    call->finish = finish_volume;
    call->done.volume = done;
    docker_call_start(call, request);
    return call;
}

struct docker_call *docker_create_volume(struct docker *docker, const char *body,
                                         docker_volume_fn *done, void *data)
{
    const struct docker_request request = {
        .method = "POST", .path = "/volumes/create", .body = body, .timeout_ms = DOCKER_VOLUME_MS};

    return volume_call(docker, &request, done, data);
}

struct docker_call *docker_inspect_volume(struct docker *docker, const char *name,
                                          docker_volume_fn *done, void *data)
{
    CLEANUP(str_freep) char *path = docker_call_path("/volumes/", name, "");
    const struct docker_request request = {
        .method = "GET", .path = path, .timeout_ms = DOCKER_VOLUME_MS};

    return volume_call(docker, &request, done, data);
}

struct docker_call *docker_remove_volume(struct docker *docker, const char *name,
                                         docker_done_fn *done, void *data)
{
    CLEANUP(str_freep) char *path = docker_call_path("/volumes/", name, "");
    const struct docker_request request = {
        .method = "DELETE", .path = path, .timeout_ms = DOCKER_VOLUME_MS};

    return docker_call_plain(docker, &request, done, data);
}

static void on_event_line(struct docker_call *call, const char *line, size_t len)
{
    struct docker_event event = {0};
    struct error *err = docker_read_event(&call->arena, line, len, &event);

    if (err) {
        if (call->lines_left_out++ == 0) /* the others are counted */
            log_warning("Docker event left out", "error", err->message);
        error_free(err); /* the next look at the containers makes up for it */
    } else if (event.kind != DOCKER_EVENT_OTHER && !call->is_cancelled) {
        call->on_event(&event, call->data);
    }
    arena_reset(&call->arena);
}

static void finish_events(struct docker_call *call, const struct docker_failure *failure,
                          const struct http_response *response)
{
    static const struct docker_failure ended = {.fault = DOCKER_UNREACHABLE,
                                                .message = "Docker's events have ended"};

    (void)response;
    if (call->lines_left_out > 1) {
        CLEANUP(str_freep) char *count = str_printf("%u", call->lines_left_out);

        log_warning("Docker events left out", "count", count);
    }
    call->done.plain(failure ? failure : &ended, call->data);
}

struct docker_call *docker_events(struct docker *docker, int64_t since_ms,
                                  docker_event_fn *on_event, docker_done_fn *done, void *data)
{
    struct docker_call *call = docker_call_new(docker, data);
    CLEANUP(buf_done) struct buf path = {0};
    struct docker_request request = {.method = "GET"};

    buf_printf(&path, "/events?since=%lld.%03d&filters=", (long long)(since_ms / 1000),
               (int)(since_ms % 1000));
    docker_call_add_escaped(&path, docker->engine->event_filters, false);
    request.path = path.data;
    call->finish = finish_events;
    call->done.plain = done;
    call->on_line = on_event_line;
    call->on_event = on_event;
    docker_call_start(call, &request);
    return call;
}
