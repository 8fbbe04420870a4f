/* docker_stream.h - what runs in a container, both ways: its input from us, its output to us. Of
 * another process in it (exec) or of its own first one (attach).
 *
 * As docker.h: completions run once, on the loop, after the asking call has returned, on cancel and
 * docker_free() too. An exec is made, then started, and asked for its exit code once its stream has
 * ended: the stream itself does not say it.
 *
 * Back pressure  See http_hijack.h: a send takes what there is room for, and on_room follows; while
 *                the stream is held the process writes no further than Docker's buffers.
 * Limits         An answer comes within DOCKER_STREAM_ANSWER_MS; an open stream lasts as long as
 *                the process, unless nothing moves for `idle_timeout_ms`.
 */
#ifndef BERTH_AGENT_DOCKER_STREAM_H
#define BERTH_AGENT_DOCKER_STREAM_H

#include "agent/docker/docker.h"
#include "agent/docker/docker_frames.h"

#define DOCKER_STREAM_ANSWER_MS 30000

struct docker_exec_spec {
    const char *const *command;     /* ends with NULL */
    const char *const *environment; /* "NAME=value", ends with NULL; NULL: none of its own */
    const char *user, *directory;   /* NULL: the container's */
    bool has_tty;
};

typedef void docker_exec_fn(const struct docker_failure *failure, const struct docker_exec *exec,
                            void *data);

/* `done` gets the id of the exec. */
struct docker_call *docker_create_exec(struct docker *docker, const char *container,
                                       const struct docker_exec_spec *spec, docker_created_fn *done,
                                       void *data);
struct docker_call *docker_inspect_exec(struct docker *docker, const char *exec,
                                        docker_exec_fn *done, void *data);
/* The size of its terminal. */
struct docker_call *docker_resize_exec(struct docker *docker, const char *exec, unsigned rows,
                                       unsigned columns, docker_done_fn *done, void *data);

struct docker_stream; /* gone when on_closed has run */

struct docker_stream_options {
    bool has_tty; /* as the exec, or the container, was made: all output is DOCKER_STDOUT then */
    int64_t idle_timeout_ms; /* 0: none */
    void (*on_open)(void *data);
    void (*on_output)(enum docker_output output, const char *bytes, size_t len, void *data);
    void (*on_room)(void *data);
    docker_done_fn *on_closed; /* no failure: the process, or Docker, ended it */
    void *data;
};

struct docker_stream *docker_start_exec(struct docker *docker, const char *exec,
                                        const struct docker_stream_options *options);
/* What it writes from now on. Cancelling detaches; the container runs on. So does Docker at the end
 * of the input, unless the container was made to read one input only (StdinOnce). */
struct docker_stream *docker_attach(struct docker *docker, const char *container,
                                    const struct docker_stream_options *options);
size_t docker_stream_send(struct docker_stream *stream, const char *bytes, size_t len);
/* The process reads the end of its input behind all that was sent; a terminal is hung up. */
void docker_stream_end_input(struct docker_stream *stream);
void docker_stream_hold(struct docker_stream *stream, bool is_held);
void docker_stream_cancel(struct docker_stream *stream);

#endif
