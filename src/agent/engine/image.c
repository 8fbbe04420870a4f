#include "agent/engine/image.h"

#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_reason.h"
#include "agent/engine/image_auth.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/tree.h"

struct image_request {
    struct image_pull *pull;
    struct image_request *next;
    image_done_fn *done;
    void *data;
};

/* One image being fetched: pull, on failure look for a cached one, on failure wait and try again.
 */
struct image_pull {
    RB_ENTRY(image_pull) by_reference;
    struct images *images;
    char *reference;
    struct image_request *requests; /* none: it is being cancelled and no longer in the tree */
    enum { PULL, LOOK, RETRY, FINISH } next;
    unsigned tries;
    struct docker_call *call;
    struct timer pause;
    char *reason, *digest;
    bool is_pulled, is_final, is_lost;
    int64_t started_at_ms, stopped_at_ms;
};

struct known_image {
    RB_ENTRY(known_image) by_reference;
    char *reference;
};

static int pull_cmp(const struct image_pull *a, const struct image_pull *b)
{
    return strcmp(a->reference, b->reference);
}

static int known_cmp(const struct known_image *a, const struct known_image *b)
{
    return strcmp(a->reference, b->reference);
}

RB_HEAD(pull_tree, image_pull);
RB_GENERATE_STATIC(pull_tree, image_pull, by_reference, pull_cmp)
RB_HEAD(known_tree, known_image);
RB_GENERATE_STATIC(known_tree, known_image, by_reference, known_cmp)

struct images {
    struct loop *loop;
    struct docker *docker;
    struct agent_store *store;
    const struct agent_config *config;
    const struct clock *clock;
    struct rng rng;
    struct pull_tree pulls;
    struct known_tree known; /* pulled for a task, now or before */
    size_t alive;            /* pulls not freed yet, cancelled ones too */
    loop_fn *closed;
    void *closed_data;
};

static void advance(struct image_pull *pull);

struct images *images_new(struct loop *loop, struct docker *docker, struct agent_store *store,
                          const struct agent_config *config, const struct clock *clock)
{
    struct images *images = xcalloc(1, sizeof(*images));

    images->loop = loop;
    images->docker = docker;
    images->store = store;
    images->config = config;
    images->clock = clock;
    images->rng = rng_system();
    return images;
}

static void free_if_closed(struct images *images)
{
    struct known_image *known, *next;

    if (!images->closed || images->alive > 0)
        return;
    RB_FOREACH_SAFE (known, known_tree, &images->known, next) {
        RB_REMOVE(known_tree, &images->known, known);
        free(known->reference);
        free(known);
    }
    images->closed(images->closed_data);
    free(images);
}

static void on_close_deferred(void *data)
{
    free_if_closed(data);
}

void images_close(struct images *images, loop_fn *closed, void *data)
{
    images->closed = closed;
    images->closed_data = data;
    loop_defer(images->loop, on_close_deferred, images);
}

static void remember(struct images *images, const char *reference)
{
    struct known_image *known = xcalloc(1, sizeof(*known));

    known->reference = str_dup(reference);
    if (RB_INSERT(known_tree, &images->known, known)) {
        free(known->reference);
        free(known);
    }
}

void images_restore(struct images *images, const struct agent_store_image *image)
{
    remember(images, image->reference);
}

static bool is_known(const struct images *images, const char *reference)
{
    struct known_image key = {.reference = (char *)reference};

    return RB_FIND(known_tree, (struct known_tree *)&images->known, &key) != NULL;
}

bool images_is_assumed(const struct images *images, const char *reference)
{
    switch (images->config->image_pull_behavior) {
    case PULL_PREFER_CACHED:
        return true;
    case PULL_ONCE:
        return is_known(images, reference);
    case PULL_DEFAULT:
    case PULL_ALWAYS:
        break;
    }
    return false;
}

/* Remembers a pull across restarts, for PULL_ONCE. Losing the note costs one more pull. */
static void note_pulled(struct image_pull *pull)
{
    struct images *images = pull->images;
    const struct agent_store_image image = {pull->reference, pull->digest, pull->stopped_at_ms,
                                            pull->stopped_at_ms};
    struct error *err = agent_store_begin(images->store);

    remember(images, pull->reference);
    if (!err)
        err = agent_store_put_image(images->store, &image);
    if (!err)
        err = agent_store_commit(images->store);
    if (err) {
        log_warning("image not noted as pulled", "image", pull->reference, "error", err->message);
        error_free(err);
        agent_store_rollback(images->store);
    }
}

static void pull_free(struct image_pull *pull)
{
    struct images *images = pull->images;

    timer_stop(&pull->pause);
    free(pull->reference);
    free(pull->reason);
    free(pull->digest);
    free(pull);
    images->alive--;
    free_if_closed(images);
}

/* What no further try will change. */
static bool is_final(const struct docker_failure *failure)
{
    static const char *const words[] = {"denied",         "unauthorized",        "manifest unknown",
                                        "not found",      "invalid reference",   "no basic auth",
                                        "does not exist", "no matching manifest"};

    if (failure->fault == DOCKER_NOT_FOUND)
        return true;
    if (failure->fault != DOCKER_REFUSED)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasestr(failure->message, words[i]))
            return true;
    return false;
}

static void set_reason(struct image_pull *pull, char *reason)
{
    free(pull->reason);
    pull->reason = reason;
}

static void on_pulled(const struct docker_failure *failure, const char *digest, void *data)
{
    struct image_pull *pull = data;

    pull->call = NULL;
    pull->stopped_at_ms = clock_wall_ms(pull->images->clock);
    if (!failure) {
        set_reason(pull, NULL);
        pull->is_pulled = true;
        pull->digest = str_dup(digest);
        pull->next = FINISH;
    } else {
        set_reason(pull, engine_reason_pull(failure));
        pull->is_lost = failure->fault == DOCKER_UNREACHABLE;
        pull->is_final = is_final(failure);
        pull->next = pull->is_lost                                              ? FINISH
                     : pull->images->config->image_pull_behavior == PULL_ALWAYS ? RETRY
                                                                                : LOOK;
    }
    advance(pull);
}

static void on_looked(const struct docker_failure *failure, const struct docker_image *image,
                      void *data)
{
    struct image_pull *pull = data;

    pull->call = NULL;
    pull->next = RETRY;
    if (!failure) {
        log_warning("pull failed, using the cached image", "image", pull->reference, "id",
                    image->id, "error", pull->reason);
        set_reason(pull, NULL);
        pull->next = FINISH;
    } else if (failure->fault == DOCKER_UNREACHABLE) {
        pull->is_lost = true;
        pull->next = FINISH;
    }
    advance(pull);
}

static void on_paused(void *data)
{
    advance(data);
}

static int64_t pause_ms(struct image_pull *pull)
{
    int64_t ms = IMAGE_RETRY_FIRST_MS;

    for (unsigned i = 1; i < pull->tries && ms < IMAGE_RETRY_MAX_MS; i++)
        ms *= 2;
    if (ms > IMAGE_RETRY_MAX_MS)
        ms = IMAGE_RETRY_MAX_MS;
    return rng_jitter_ms(&pull->images->rng, ms, IMAGE_RETRY_JITTER);
}

static void answer(struct image_pull *pull)
{
    const struct image_result result = {
        .reason = pull->is_lost ? NULL : pull->reason,
        .is_lost = pull->is_lost,
        .digest = pull->digest,
        .started_at_ms = pull->started_at_ms,
        .stopped_at_ms = pull->stopped_at_ms,
    };
    struct image_request *request;

    RB_REMOVE(pull_tree, &pull->images->pulls, pull);
    if (pull->is_pulled)
        note_pulled(pull);
    while ((request = pull->requests)) {
        pull->requests = request->next;
        request->done(&result, request->data);
        free(request);
    }
}

static void start_pull(struct image_pull *pull)
{
    const struct agent_config *config = pull->images->config;
    struct arena arena = {0};
    const char *auth = image_auth_header(&arena, config->engine_auth_type, config->engine_auth_data,
                                         pull->reference);

    pull->call =
        docker_pull(pull->images->docker, pull->reference, auth, config->image_pull_timeout_ms,
                    config->image_pull_inactivity_ms, on_pulled, pull);
    arena_done(&arena);
}

static void advance(struct image_pull *pull)
{
    if (!pull->requests) { /* cancelled */
        pull_free(pull);
        return;
    }
    switch (pull->next) {
    case PULL:
        pull->tries++;
        if (!pull->started_at_ms)
            pull->started_at_ms = clock_wall_ms(pull->images->clock);
        start_pull(pull);
        return;
    case LOOK:
        pull->call = docker_inspect_image(pull->images->docker, pull->reference, on_looked, pull);
        return;
    case RETRY:
        pull->next = PULL;
        if (!pull->is_final && pull->tries < IMAGE_PULL_TRIES) {
            timer_start(&pull->pause, pull->images->loop, pause_ms(pull), on_paused, pull);
            return;
        }
        /* fall through */
    case FINISH:
        answer(pull);
        pull_free(pull);
        return;
    }
}

struct image_request *images_get(struct images *images, const char *reference, image_done_fn *done,
                                 void *data)
{
    struct image_pull key = {.reference = (char *)reference};
    struct image_pull *pull = RB_FIND(pull_tree, &images->pulls, &key);
    struct image_request *request = xcalloc(1, sizeof(*request));
    bool is_new = !pull;

    if (is_new) {
        pull = xcalloc(1, sizeof(*pull));
        pull->images = images;
        pull->reference = str_dup(reference);
        images->alive++;
        RB_INSERT(pull_tree, &images->pulls, pull);
    }
    request->pull = pull;
    request->done = done;
    request->data = data;
    request->next = pull->requests;
    pull->requests = request;
    if (is_new)
        advance(pull);
    return request;
}

void image_cancel(struct image_request *request)
{
    struct image_pull *pull = request->pull;
    struct image_request **at = &pull->requests;

    while (*at != request)
        at = &(*at)->next;
    *at = request->next;
    free(request);
    if (pull->requests)
        return;
    RB_REMOVE(pull_tree, &pull->images->pulls, pull);
    if (pull->call)
        docker_cancel(pull->call); /* its completion frees the pull */
    else
        pull_free(pull);
}
