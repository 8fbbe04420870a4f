#include "agent/docker/docker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/docker/docker_call.h"
#include "agent/docker/docker_engine.h"
#include "agent/engine/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

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
