#include "agent/docker/docker_call.h"

static void on_line(struct docker_call *call, const char *line, size_t len)
{
    struct docker_pull_line said = {0};
    struct error *err = docker_read_pull_line(&call->arena, line, len, &said);

    error_free(err); /* progress is not worth failing for; an error line is always JSON */
    if (said.error && !call->pull_error)
        call->pull_error = str_dup(said.error);
    arena_reset(&call->arena);
}

static void finish(struct docker_call *call, const struct docker_failure *failure,
                   const struct http_response *response)
{
    const struct docker_failure said = {.fault = DOCKER_REFUSED, .message = call->pull_error};

    (void)response;
    if (!failure && call->pull_error)
        failure = &said;
    call->done.plain(failure, call->data);
}

struct docker_call *docker_import(struct docker *docker, const char *name, const char *tag,
                                  const char *program, const void *tar, size_t len,
                                  docker_done_fn *done, void *data)
{
    struct docker_call *call = docker_call_new(docker, data);
    CLEANUP(str_freep) char *change = str_printf("ENTRYPOINT [\"%s\"]", program);
    CLEANUP(buf_done) struct buf path = {0};
    struct docker_request request = {
        .method = "POST", .body = tar, .body_len = len, .timeout_ms = DOCKER_IMPORT_MS};

    buf_add_str(&path, "/images/create?fromSrc=-&repo=");
    docker_call_add_escaped(&path, name, false);
    buf_add_char(&path, ':'); /* Podman leaves out a tag that is told apart */
    docker_call_add_escaped(&path, tag, false);
    buf_add_str(&path, "&changes=");
    docker_call_add_escaped(&path, change, false);
    request.path = path.data;
    call->finish = finish;
    call->done.plain = done;
    call->on_line = on_line;
    docker_call_start(call, &request);
    return call;
}
