#include "agent/docker/docker_stream.h"

#include <stdlib.h>
#include <string.h>

#include "agent/docker/docker_call.h"
#include "base/mem.h"
#include "net/http_hijack.h"

struct docker_stream {
    LIST_ENTRY(docker_stream) in_docker;
    struct docker *docker;
    struct http_hijack *hijack; /* NULL: it could not even be asked for */
    struct error *err;          /* then */
    struct docker_frames frames;
    bool is_cancelled, is_malformed;
    struct docker_stream_options options;
};

static bool on_frame(enum docker_output output, const char *bytes, size_t len, void *data)
{
    struct docker_stream *stream = data;

    if (!stream->is_cancelled && len > 0)
        stream->options.on_output(output, bytes, len, stream->options.data);
    return !stream->is_cancelled;
}

static void on_bytes(const char *bytes, size_t len, void *data)
{
    struct docker_stream *stream = data;

    if (stream->options.has_tty) {
        (void)on_frame(DOCKER_STDOUT, bytes, len, stream);
        return;
    }
    if (docker_frames_feed(&stream->frames, bytes, len, on_frame, stream) || stream->is_cancelled)
        return;
    stream->is_malformed = true;
    http_hijack_cancel(stream->hijack);
}

static void on_open(void *data)
{
    struct docker_stream *stream = data;

    if (stream->options.on_open)
        stream->options.on_open(stream->options.data);
}

static void on_room(void *data)
{
    struct docker_stream *stream = data;

    if (stream->options.on_room)
        stream->options.on_room(stream->options.data);
}

/* False: it ended as it should. */
static bool judge(struct arena *arena, const struct docker_stream *stream, const struct error *err,
                  const struct http_response *refusal, struct docker_failure *out)
{
    if (refusal) {
        docker_call_refused(arena, refusal, out);
        return true;
    }
    if (stream->is_malformed || (!err && !docker_frames_is_whole(&stream->frames))) {
        out->fault = DOCKER_MALFORMED;
        out->message = "Docker's stream is not made of frames";
        return true;
    }
    if (!err)
        return false;
    out->timeout_ms = stream->hijack ? http_hijack_timeout_ms(stream->hijack) : 0;
    out->fault = stream->is_cancelled ? DOCKER_CANCELLED
                 : out->timeout_ms    ? DOCKER_TIMEOUT
                                      : DOCKER_UNREACHABLE;
    out->message = err->message;
    return true;
}

static void on_closed(struct error *err, const struct http_response *refusal, void *data)
{
    CLEANUP(arena_done) struct arena arena = {0};
    struct docker_stream *stream = data;
    struct docker *docker = stream->docker;
    struct docker_failure failure = {0};
    bool failed = judge(&arena, stream, err, refusal, &failure);

    LIST_REMOVE(stream, in_docker);
    stream->options.on_closed(failed ? &failure : NULL, stream->options.data);
    error_free(err); /* its message was the failure's */
    free(stream);
    docker_call_ended(docker);
}

static void on_never_opened(void *data)
{
    struct docker_stream *stream = data;

    on_closed(TAKE(stream->err), NULL, stream);
}

static struct docker_stream *stream_open(struct docker *docker, const char *path, const char *body,
                                         const struct docker_stream_options *options)
{
    CLEANUP(str_freep) char *url = str_printf("%s%s%s", docker->base, docker->api, path);
    struct docker_stream *stream = xcalloc(1, sizeof(*stream));

    stream->docker = docker;
    stream->options = *options;
    docker->calls++;
    LIST_INSERT_HEAD(&docker->streams, stream, in_docker);
    stream->err = http_hijack_open(docker->loop,
                                   &(struct http_hijack_options){
                                       .unix_socket = docker->unix_socket,
                                       .url = url,
                                       .body = body,
                                       .answer_timeout_ms = DOCKER_STREAM_ANSWER_MS,
                                       .idle_timeout_ms = options->idle_timeout_ms,
                                       .on_open = on_open,
                                       .on_bytes = on_bytes,
                                       .on_room = on_room,
                                       .on_closed = on_closed,
                                       .data = stream,
                                   },
                                   &stream->hijack);
    if (stream->err)
        loop_defer(docker->loop, on_never_opened, stream);
    return stream;
}

struct docker_stream *docker_start_exec(struct docker *docker, const char *exec,
                                        const struct docker_stream_options *options)
{
    CLEANUP(str_freep) char *path = docker_call_path("/exec/", exec, "/start");

    return stream_open(docker, path,
                       options->has_tty ? "{\"Detach\":false,\"Tty\":true}" : "{\"Detach\":false}",
                       options);
}

struct docker_stream *docker_attach(struct docker *docker, const char *container,
                                    const struct docker_stream_options *options)
{
    CLEANUP(str_freep)
    char *path =
        docker_call_path("/containers/", container, "/attach?stream=1&stdin=1&stdout=1&stderr=1");

    return stream_open(docker, path, NULL, options);
}

size_t docker_stream_send(struct docker_stream *stream, const char *bytes, size_t len)
{
    return stream->hijack ? http_hijack_send(stream->hijack, bytes, len) : 0;
}

void docker_stream_end_input(struct docker_stream *stream)
{
    if (stream->hijack)
        http_hijack_end_input(stream->hijack);
}

void docker_stream_hold(struct docker_stream *stream, bool is_held)
{
    if (stream->hijack)
        http_hijack_hold(stream->hijack, is_held);
}

void docker_stream_cancel(struct docker_stream *stream)
{
    stream->is_cancelled = true;
    if (stream->hijack)
        http_hijack_cancel(stream->hijack);
}

void docker_streams_cancel(struct docker *docker)
{
    struct docker_stream *stream;

    LIST_FOREACH(stream, &docker->streams, in_docker)
    docker_stream_cancel(stream);
}
