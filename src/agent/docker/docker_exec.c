/* docker_exec.c - further processes in a container: made, asked about, their terminals resized.
 * Starting one opens its stream (docker_stream.c). */
#include "agent/docker/docker_call.h"
#include "agent/docker/docker_stream.h"
#include "base/json_text.h"

static void add_texts(struct buf *buf, const char *name, const char *const *texts)
{
    if (!texts)
        return;
    json_text_add_name(buf, name);
    buf_add_char(buf, '[');
    for (; *texts; texts++) {
        json_text_add_comma(buf);
        json_text_add_string(buf, *texts);
    }
    buf_add_char(buf, ']');
}

static void add_text(struct buf *buf, const char *name, const char *text)
{
    if (!text)
        return;
    json_text_add_name(buf, name);
    json_text_add_string(buf, text);
}

static void add_flag(struct buf *buf, const char *name, bool value)
{
    json_text_add_name(buf, name);
    json_text_add_bool(buf, value);
}

static void write_spec(struct buf *buf, const struct docker_exec_spec *spec)
{
    buf_add_char(buf, '{');
    add_flag(buf, "AttachStdin", true);
    add_flag(buf, "AttachStdout", true);
    add_flag(buf, "AttachStderr", true);
    add_flag(buf, "Tty", spec->has_tty);
    add_texts(buf, "Cmd", spec->command);
    add_texts(buf, "Env", spec->environment);
    add_text(buf, "User", spec->user);
    add_text(buf, "WorkingDir", spec->directory);
    buf_add_char(buf, '}');
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

struct docker_call *docker_create_exec(struct docker *docker, const char *container,
                                       const struct docker_exec_spec *spec, docker_created_fn *done,
                                       void *data)
{
    CLEANUP(str_freep) char *path = docker_call_path("/containers/", container, "/exec");
    CLEANUP(buf_done) struct buf body = {0};
    struct docker_call *call = docker_call_new(docker, data);

    write_spec(&body, spec);
    call->finish = finish_created;
    call->done.created = done;
    docker_call_start(call, &(struct docker_request){.method = "POST",
                                                     .path = path,
                                                     .body = body.data,
                                                     .timeout_ms = DOCKER_STREAM_ANSWER_MS,
                                                     .is_once = true});
    return call;
}

static void finish_inspect(struct docker_call *call, const struct docker_failure *failure,
                           const struct http_response *response)
{
    struct docker_exec exec = {0};
    struct docker_failure unread = {0};

    if (!failure)
        failure = docker_call_malformed(
            call, docker_read_exec(response->body, response->body_len, &exec), &unread);
    call->done.exec(failure, failure ? NULL : &exec, call->data);
}

struct docker_call *docker_inspect_exec(struct docker *docker, const char *exec,
                                        docker_exec_fn *done, void *data)
{
    CLEANUP(str_freep) char *path = docker_call_path("/exec/", exec, "/json");
    struct docker_call *call = docker_call_new(docker, data);

    call->finish = finish_inspect;
    call->done.exec = done;
    docker_call_start(call, &(struct docker_request){
                                .method = "GET", .path = path, .timeout_ms = DOCKER_INSPECT_MS});
    return call;
}

struct docker_call *docker_resize_exec(struct docker *docker, const char *exec, unsigned rows,
                                       unsigned columns, docker_done_fn *done, void *data)
{
    CLEANUP(str_freep) char *query = str_printf("/resize?h=%u&w=%u", rows, columns);
    CLEANUP(str_freep) char *path = docker_call_path("/exec/", exec, query);

    return docker_call_plain(
        docker,
        &(struct docker_request){.method = "POST", .path = path, .timeout_ms = DOCKER_INSPECT_MS},
        done, data);
}
