#include <string.h>

#include "agent/docker/docker_call.h"
#include "agent/docker/docker_engine.h"
#include "agent/engine/image_ref.h"
#include "base/log.h"

static void on_pull_line(struct docker_call *call, const char *line, size_t len)
{
    struct docker_pull_line said = {0};
    struct error *err = docker_read_pull_line(&call->arena, line, len, &said);

    if (err) {
        log_debug("pull: line left out", "error", err->message);
        error_free(err); /* progress is not worth failing for; an error line is always JSON */
    }
    if (said.error && !call->pull_error)
        call->pull_error = str_dup(said.error);
    if (said.digest) {
        free(call->digest);
        call->digest = str_dup(said.digest);
    }
    arena_reset(&call->arena);
}

static void finish_pull(struct docker_call *call, const struct docker_failure *failure,
                        const struct http_response *response)
{
    const struct docker_failure said = {.fault = DOCKER_REFUSED, .message = call->pull_error};

    (void)response;
    if (!failure && call->pull_error)
        failure = &said;
    call->done.digest(failure, failure ? NULL : call->digest, call->data);
}

struct docker_call *docker_pull(struct docker *docker, const char *reference, const char *auth,
                                int64_t timeout_ms, int64_t inactivity_ms, docker_digest_fn *done,
                                void *data)
{
    struct docker_call *call = docker_call_new(docker, data);
    struct image_ref ref = {.name = reference,
                            .tag = ""}; /* Docker refuses what cannot be parsed */
    CLEANUP(buf_done) struct buf path = {0};
    struct docker_request request = {.method = "POST", .auth = auth, .timeout_ms = timeout_ms};

    (void)image_ref_parse(&call->arena, reference, &ref);
    buf_add_str(&path, "/images/create?fromImage=");
    docker_call_add_escaped(&path, ref.name, false);
    buf_add_str(&path, "&tag=");
    docker_call_add_escaped(&path, ref.tag, false);
    request.path = path.data;
    call->inactivity_ms = inactivity_ms;
    docker_call_expect_word(call, DOCKER_PULL_BEGIN_MS);
    call->finish = finish_pull;
    call->done.digest = done;
    call->on_line = on_pull_line;
    docker_call_start(call, &request);
    return call;
}

static void finish_image(struct docker_call *call, const struct docker_failure *failure,
                         const struct http_response *response)
{
    struct docker_image image = {0};
    struct docker_failure unread = {0};

    if (!failure)
        failure = docker_call_malformed(
            call, docker_read_image(&call->arena, response->body, response->body_len, &image),
            &unread);
    call->done.image(failure, failure ? NULL : &image, call->data);
}

struct docker_call *docker_inspect_image(struct docker *docker, const char *reference,
                                         docker_image_fn *done, void *data)
{
    CLEANUP(str_freep) char *path = docker_call_path("/images/", reference, "/json");
    const struct docker_request request = {
        .method = "GET", .path = path, .timeout_ms = DOCKER_INSPECT_MS};
    struct docker_call *call = docker_call_new(docker, data);

    call->finish = finish_image;
    call->done.image = done;
    docker_call_start(call, &request);
    return call;
}

static void finish_images(struct docker_call *call, const struct docker_failure *failure,
                          const struct http_response *response)
{
    struct docker_image *items = NULL;
    size_t count = 0;
    struct docker_failure unread = {0};

    (void)response;
    if (!failure)
        failure = docker_call_malformed(
            call,
            docker_read_images(&call->arena, call->collected.data ? call->collected.data : "",
                               call->collected.len, &items, &count),
            &unread);
    call->done.images(failure, items, failure ? 0 : count, call->data);
}

struct docker_call *docker_list_images(struct docker *docker, docker_images_fn *done, void *data)
{
    const struct docker_request request = {
        .method = "GET", .path = "/images/json", .timeout_ms = DOCKER_LIST_MS};
    struct docker_call *call = docker_call_new(docker, data);

    call->finish = finish_images;
    call->done.images = done;
    call->collects = true;
    docker_call_start(call, &request);
    return call;
}

/* An engine without the call; "page not found" is an old Docker's word for it. */
static bool is_not_offered(const struct docker_call *call, const struct docker_failure *failure)
{
    return failure && failure->fault == DOCKER_NOT_FOUND &&
           (call->docker->engine->has_no_digests || strstr(failure->message, "page not found"));
}

static void finish_digest(struct docker_call *call, const struct docker_failure *failure,
                          const struct http_response *response)
{
    const char *digest = NULL;
    struct docker_failure unread = {0};

    if (is_not_offered(call, failure))
        failure = NULL;
    else if (!failure)
        failure = docker_call_malformed(
            call, docker_read_digest(&call->arena, response->body, response->body_len, &digest),
            &unread);
    call->done.digest(failure, failure ? NULL : digest, call->data);
}

struct docker_call *docker_get_digest(struct docker *docker, const char *reference,
                                      const char *auth, int64_t timeout_ms, docker_digest_fn *done,
                                      void *data)
{
    CLEANUP(str_freep) char *path = docker_call_path("/distribution/", reference, "/json");
    const struct docker_request request = {
        .method = "GET", .path = path, .auth = auth, .timeout_ms = timeout_ms};
    struct docker_call *call = docker_call_new(docker, data);

    call->finish = finish_digest;
    call->done.digest = done;
    docker_call_start(call, &request);
    return call;
}

struct docker_call *docker_tag(struct docker *docker, const char *source, const char *reference,
                               docker_done_fn *done, void *data)
{
    struct arena arena = {0};
    struct image_ref ref = {.name = reference,
                            .tag = ""}; /* Docker refuses what cannot be parsed */
    CLEANUP(str_freep) char *before = docker_call_path("/images/", source, "/tag?repo=");
    CLEANUP(buf_done) struct buf path = {0};
    struct docker_request request = {.method = "POST", .timeout_ms = DOCKER_TAG_MS};

    (void)image_ref_parse(&arena, reference, &ref);
    buf_add_str(&path, before);
    docker_call_add_escaped(&path, ref.name, false);
    buf_add_str(&path, "&tag=");
    docker_call_add_escaped(&path, ref.tag, false);
    arena_done(&arena);
    request.path = path.data;
    return docker_call_plain(docker, &request, done, data);
}

struct docker_call *docker_remove_image(struct docker *docker, const char *reference,
                                        docker_done_fn *done, void *data)
{
    CLEANUP(str_freep) char *path = docker_call_path("/images/", reference, "");
    const struct docker_request request = {
        .method = "DELETE", .path = path, .timeout_ms = DOCKER_UNTAG_MS};

    return docker_call_plain(docker, &request, done, data);
}
