/* docker_stats.c - what a container uses, told every second for as long as somebody wants it. */
#include "agent/docker/docker_call.h"

static void on_sample(struct docker_call *call, const char *line, size_t len)
{
    if (!call->is_cancelled && len > 0)
        call->done.text(NULL, line, len, call->data);
}

static void finish(struct docker_call *call, const struct docker_failure *failure,
                   const struct http_response *response)
{
    static const struct docker_failure ended = {.fault = DOCKER_UNREACHABLE,
                                                .message = "Docker's statistics have ended"};

    (void)response;
    call->done.text(failure ? failure : &ended, NULL, 0, call->data);
}

struct docker_call *docker_stream_stats(struct docker *docker, const char *id,
                                        docker_text_fn *on_text, void *data)
{
    CLEANUP(str_freep) char *path = docker_call_path("/containers/", id, "/stats?stream=true");
    const struct docker_request request = {.method = "GET", .path = path};
    struct docker_call *call = docker_call_new(docker, data);

    call->finish = finish;
    call->done.text = on_text;
    call->on_line = on_sample;
    call->inactivity_ms = DOCKER_STATS_MS;
    docker_call_start(call, &request);
    docker_call_expect_word(call, DOCKER_STATS_MS);
    return call;
}
