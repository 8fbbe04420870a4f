#include "agent/engine/image.h"

#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_reason.h"
#include "agent/engine/image_auth.h"
#include "agent/engine/image_parts.h"
#include "agent/engine/image_ref.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

struct image_request {
    struct image_pull *pull;
    struct image_request *next;
    image_done_fn *done;
    void *data;
};

enum step { LOOK, DIGEST, PULL, TAG, DESCRIBE, CACHED, FINISH };

/* One image being fetched. */
struct image_pull {
    RB_ENTRY(image_pull) by_key;
    struct images *images;
    char *reference;
    char *auth;                     /* NULL: the agent's own */
    struct image_request *requests; /* none: it is being cancelled and no longer in the tree */
    enum step next;
    unsigned tries;             /* of the step */
    int64_t step_since_mono_ms; /* 0: it has not begun */
    bool is_waiting;            /* for a removal of the image to end */
    struct docker_call *call;
    struct timer pause;
    char *reason, *id, *digest;
    char *pulled_as; /* "name@digest"; NULL: as the reference says */
    bool is_pulled, is_lost, has_region;
    bool is_refused; /* the registry told no digest: the pull asks once more, not five times */
    int64_t started_at_ms, stopped_at_ms;
};

static int pull_cmp(const struct image_pull *a, const struct image_pull *b)
{
    int order = strcmp(a->reference, b->reference);

    return order ? order : strcmp(a->auth ? a->auth : "", b->auth ? b->auth : "");
}

RB_GENERATE_STATIC(pull_tree, image_pull, by_key, pull_cmp)

static void advance(struct image_pull *pull);

/* ---- the whole ---- */

struct images *images_new(struct loop *loop, struct docker *docker, struct agent_store *store,
                          const struct agent_config *config, const struct clock *clock)
{
    struct images *images = xcalloc(1, sizeof(*images));

    images->loop = loop;
    images->docker = docker;
    images->config = config;
    images->clock = clock;
    images->rng = rng_system();
    TAILQ_INIT(&images->prefetches);
    known_images_init(&images->known, store);
    if (image_auth_is_wrapped(config->engine_auth_type, config->engine_auth_data))
        log_warning(
            "ECS_ENGINE_AUTH_DATA has an outer \"auths\", which ECS's own agent does not take");
    return images;
}

static void free_if_closed(struct images *images)
{
    if (!images->closed || images->alive > 0)
        return;
    known_images_done(&images->known);
    images->closed(images->closed_data);
    free(images);
}

static void on_close_deferred(void *data)
{
    images_ended(data);
}

void images_close(struct images *images, loop_fn *closed, void *data)
{
    image_prefetches_close(images);
    image_cleanup_close(images);
    images->closed = closed;
    images->closed_data = data;
    images->alive++; /* until then */
    loop_defer(images->loop, on_close_deferred, images);
}

void images_ended(struct images *images)
{
    images->alive--;
    free_if_closed(images);
}

void images_restore(struct images *images, const struct agent_store_image *image)
{
    known_images_restore(&images->known, image);
}

bool images_is_assumed(const struct images *images, const char *reference, const char **ret_id,
                       const char **ret_digest)
{
    const struct known_image *known = known_images_find(&images->known, reference);
    enum image_pull_behavior rule = images->config->image_pull_behavior;

    if (!known || (rule != PULL_PREFER_CACHED && (rule != PULL_ONCE || !known->pulled_at_ms)))
        return false;
    *ret_id = known->id;
    *ret_digest = known->digest;
    return true;
}

void images_forget(struct images *images, const char *reference)
{
    struct known_image *known = known_images_find(&images->known, reference);

    if (known)
        known_images_remove(&images->known, known);
}

bool images_has_region(const struct images *images, const char *reference)
{
    const struct known_image *known = known_images_find(&images->known, reference);

    return known && known->has_region;
}

struct error *images_note_use(struct images *images, const char *reference)
{
    return known_images_use(&images->known, reference, clock_wall_ms(images->clock));
}

bool images_is_being_pulled(const struct images *images, const char *reference)
{
    struct image_pull key = {.reference = (char *)reference};
    const struct image_pull *pull = RB_NFIND(pull_tree, (struct pull_tree *)&images->pulls, &key);

    return pull && strcmp(pull->reference, reference) == 0;
}

/* ---- one pull ---- */

static void pull_free(struct image_pull *pull)
{
    struct images *images = pull->images;

    timer_stop(&pull->pause);
    free(pull->reference);
    free(pull->auth);
    free(pull->reason);
    free(pull->id);
    free(pull->digest);
    free(pull->pulled_as);
    free(pull);
    images_ended(images);
}

static void replace(char **member, char *value)
{
    free(*member);
    *member = value;
}

static bool allows_cached(const struct image_pull *pull)
{
    enum image_pull_behavior rule = pull->images->config->image_pull_behavior;

    return rule == PULL_DEFAULT || rule == PULL_PREFER_CACHED;
}

static void go_on(struct image_pull *pull, enum step next)
{
    pull->next = next;
    pull->tries = 0;
    pull->step_since_mono_ms = 0;
    advance(pull);
}

/* A call has ended; true if nobody waits for the image any more. */
static bool is_over(struct image_pull *pull)
{
    pull->call = NULL;
    if (pull->requests)
        return false;
    pull_free(pull);
    return true;
}

static void lose(struct image_pull *pull)
{
    pull->is_lost = true;
    go_on(pull, FINISH);
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

static void on_paused(void *data)
{
    advance(data);
}

struct patience {
    unsigned tries;
    int64_t first_ms, most_ms, growth;
};
static const struct patience digest_patience = {IMAGE_DIGEST_TRIES, IMAGE_DIGEST_FIRST_MS,
                                                IMAGE_DIGEST_PAUSE_MS, IMAGE_DIGEST_GROWTH};
static const struct patience pull_patience = {IMAGE_PULL_TRIES, IMAGE_PULL_FIRST_MS,
                                              IMAGE_PULL_PAUSE_MS, IMAGE_PULL_GROWTH};

/* Asks for one more try of the step, after a pause. False: it has been tried long enough. */
static bool try_again(struct image_pull *pull, const struct docker_failure *failure,
                      const struct patience *patience)
{
    struct images *images = pull->images;
    int64_t pause_ms = patience->first_ms;

    if (is_final(failure) || failure->fault == DOCKER_TIMEOUT || pull->tries >= patience->tries)
        return false;
    for (unsigned i = 1; i < pull->tries && pause_ms < patience->most_ms; i++)
        pause_ms *= patience->growth;
    if (pause_ms > patience->most_ms)
        pause_ms = patience->most_ms;
    timer_start(&pull->pause, images->loop,
                rng_jitter_ms(&images->rng, pause_ms, IMAGE_RETRY_JITTER), on_paused, pull);
    return true;
}

/* What is left of the time for the step; at least a moment, so that Docker says what is wrong. */
static int64_t time_left_ms(struct image_pull *pull, int64_t limit_ms)
{
    int64_t now_ms = clock_mono_ms(pull->images->clock);

    pull->tries++;
    if (!pull->step_since_mono_ms)
        pull->step_since_mono_ms = now_ms;
    limit_ms -= now_ms - pull->step_since_mono_ms;
    return limit_ms < 1000 ? 1000 : limit_ms;
}

static const char *auth_of(struct image_pull *pull, struct arena *arena)
{
    const struct agent_config *config = pull->images->config;

    return pull->auth ? pull->auth
                      : image_auth_header(arena, config->engine_auth_type, config->engine_auth_data,
                                          pull->reference);
}

/* -- LOOK, CACHED, DESCRIBE: what Docker has -- */

static void take_description(struct image_pull *pull, const struct docker_image *image)
{
    const char *digest = image_ref_digest_of(image->digests, image->digest_count, pull->reference);

    replace(&pull->id, str_dup(image->id));
    pull->has_region = image->has_region;
    if (digest || !pull->is_pulled)
        replace(&pull->digest, str_dup(digest));
}

static void on_looked(const struct docker_failure *failure, const struct docker_image *image,
                      void *data)
{
    struct image_pull *pull = data;

    if (is_over(pull))
        return;
    if (failure && failure->fault == DOCKER_UNREACHABLE) {
        lose(pull);
    } else if (failure) {
        go_on(pull, DIGEST);
    } else {
        take_description(pull, image);
        go_on(pull, FINISH);
    }
}

static void on_cached_looked(const struct docker_failure *failure, const struct docker_image *image,
                             void *data)
{
    struct image_pull *pull = data;

    if (is_over(pull))
        return;
    if (failure && failure->fault == DOCKER_UNREACHABLE) {
        lose(pull);
        return;
    }
    if (!failure && allows_cached(pull)) {
        log_warning("pull failed, using the cached image", "image", pull->reference, "id",
                    image->id, "error", pull->reason);
        replace(&pull->reason, NULL);
        take_description(pull, image);
    }
    go_on(pull, FINISH);
}

static void on_described(const struct docker_failure *failure, const struct docker_image *image,
                         void *data)
{
    struct image_pull *pull = data;

    if (is_over(pull))
        return;
    if (!failure) {
        take_description(pull, image);
    } else if (failure->fault == DOCKER_UNREACHABLE) {
        lose(pull);
        return;
    } /* else it is pulled all the same; its id stays unknown */
    go_on(pull, FINISH);
}

/* -- DIGEST -- */

static void on_digest(const struct docker_failure *failure, const char *digest, void *data)
{
    struct image_pull *pull = data;
    CLEANUP(str_freep) char *told = NULL;
    struct docker_failure whole;

    if (is_over(pull))
        return;
    if (!failure) {
        replace(&pull->digest, str_dup(digest));
        replace(&pull->pulled_as, image_ref_with_digest(pull->reference, digest));
        go_on(pull, PULL);
        return;
    }
    if (failure->fault == DOCKER_UNREACHABLE) {
        lose(pull);
        return;
    }
    if (try_again(pull, failure, &digest_patience))
        return;
    told = engine_reason_redact(failure->message, pull->reference);
    whole = *failure;
    whole.message = told;
    whole.timeout_ms = clock_mono_ms(pull->images->clock) - pull->step_since_mono_ms;
    replace(&pull->reason,
            engine_reason("CannotPullImageManifestError", "MANIFEST_PULLED", &whole));
    pull->is_refused = true;
    /* Where a cached image would do, the pull itself has the last word. */
    go_on(pull, allows_cached(pull) ? PULL : FINISH);
}

/* -- PULL and TAG -- */

static void on_pulled(const struct docker_failure *failure, const char *digest, void *data)
{
    struct image_pull *pull = data;
    CLEANUP(str_freep) char *told = NULL;
    struct docker_failure whole;

    if (is_over(pull))
        return;
    pull->stopped_at_ms = clock_wall_ms(pull->images->clock);
    if (!failure) {
        replace(&pull->reason, NULL);
        pull->is_pulled = true;
        if (digest && !pull->digest)
            replace(&pull->digest, str_dup(digest));
        go_on(pull, pull->pulled_as ? TAG : DESCRIBE);
        return;
    }
    if (failure->fault == DOCKER_UNREACHABLE) {
        lose(pull);
        return;
    }
    told = engine_reason_redact(failure->message, pull->reference);
    whole = *failure;
    whole.message = told;
    if (whole.fault == DOCKER_TIMEOUT && whole.silence == DOCKER_NOT_SILENT)
        whole.timeout_ms = pull->images->config->image_pull_timeout_ms;
    replace(&pull->reason, engine_reason_pull(&whole));
    if (pull->is_refused || !try_again(pull, failure, &pull_patience))
        go_on(pull, allows_cached(pull) ? CACHED : FINISH);
}

static void on_tagged(const struct docker_failure *failure, void *data)
{
    struct image_pull *pull = data;

    if (is_over(pull))
        return;
    if (!failure) {
        go_on(pull, DESCRIBE);
    } else if (failure->fault == DOCKER_UNREACHABLE) {
        lose(pull);
    } else {
        pull->is_pulled = false;
        replace(&pull->reason, engine_reason_pull(failure));
        go_on(pull, allows_cached(pull) ? CACHED : FINISH);
    }
}

/* -- FINISH -- */

static void note(struct image_pull *pull)
{
    struct images *images = pull->images;
    const struct known_image *known = known_images_find(&images->known, pull->reference);
    int64_t now_ms = clock_wall_ms(images->clock);
    const struct agent_store_image image = {
        .reference = pull->reference,
        .id = pull->id,
        .digest = pull->digest,
        .pulled_at_ms = pull->is_pulled ? now_ms
                        : known         ? known->pulled_at_ms
                                        : 0,
        .used_at_ms = now_ms,
        .has_region = pull->has_region,
    };

    known_images_put(&images->known, &image);
}

static void answer(struct image_pull *pull)
{
    const struct image_result result = {
        .reason = pull->is_lost ? NULL : pull->reason,
        .is_lost = pull->is_lost,
        .id = pull->id,
        .digest = pull->digest,
        .started_at_ms = pull->started_at_ms,
        .stopped_at_ms = pull->stopped_at_ms,
    };
    struct image_request *request;

    RB_REMOVE(pull_tree, &pull->images->pulls, pull);
    if (!pull->is_lost && !pull->reason)
        note(pull);
    while ((request = pull->requests)) {
        pull->requests = request->next;
        request->done(&result, request->data);
        free(request);
    }
}

static void ask_digest(struct image_pull *pull)
{
    struct images *images = pull->images;
    struct arena arena = {0};
    int64_t limit_ms = time_left_ms(pull, images->config->manifest_pull_timeout_ms);

    pull->call = docker_get_digest(images->docker, pull->reference, auth_of(pull, &arena), limit_ms,
                                   on_digest, pull);
    arena_done(&arena);
}

static void start_pull(struct image_pull *pull)
{
    struct images *images = pull->images;
    struct arena arena = {0};
    int64_t limit_ms = time_left_ms(pull, images->config->image_pull_timeout_ms);

    pull->call = docker_pull(images->docker, pull->pulled_as ? pull->pulled_as : pull->reference,
                             auth_of(pull, &arena), limit_ms,
                             images->config->image_pull_inactivity_ms, on_pulled, pull);
    arena_done(&arena);
}

static void advance(struct image_pull *pull)
{
    struct docker *docker = pull->images->docker;

    switch (pull->next) {
    case LOOK:
        pull->call = docker_inspect_image(docker, pull->reference, on_looked, pull);
        return;
    case DIGEST:
        pull->is_waiting = image_cleanup_holds(pull->images, pull->reference);
        if (pull->is_waiting)
            return;
        if (!pull->started_at_ms)
            pull->started_at_ms = clock_wall_ms(pull->images->clock);
        if (image_ref_has_digest(pull->reference))
            go_on(pull, PULL);
        else
            ask_digest(pull);
        return;
    case PULL:
        start_pull(pull);
        return;
    case TAG:
        pull->call = docker_tag(docker, pull->pulled_as, pull->reference, on_tagged, pull);
        return;
    case DESCRIBE:
        pull->call = docker_inspect_image(docker, pull->reference, on_described, pull);
        return;
    case CACHED:
        pull->call = docker_inspect_image(docker, pull->reference, on_cached_looked, pull);
        return;
    case FINISH:
        answer(pull);
        pull_free(pull);
        return;
    }
}

void image_pulls_resume(struct images *images)
{
    struct image_pull *pull, *next;

    RB_FOREACH_SAFE (pull, pull_tree, &images->pulls, next)
        if (pull->is_waiting)
            advance(pull);
}

/* ---- asking ---- */

static struct image_pull *pull_new(struct images *images, const char *reference, const char *auth)
{
    struct image_pull *pull = xcalloc(1, sizeof(*pull));

    pull->images = images;
    pull->reference = str_dup(reference);
    pull->auth = str_dup(auth);
    pull->next = images->config->image_pull_behavior == PULL_PREFER_CACHED ? LOOK : DIGEST;
    images->alive++;
    RB_INSERT(pull_tree, &images->pulls, pull);
    return pull;
}

static struct image_request *join(struct image_pull *pull, image_done_fn *done, void *data)
{
    struct image_request *request = xcalloc(1, sizeof(*request));

    request->pull = pull;
    request->done = done;
    request->data = data;
    request->next = pull->requests;
    pull->requests = request;
    return request;
}

struct image_request *images_get(struct images *images, const char *reference, const char *auth,
                                 image_done_fn *done, void *data)
{
    struct image_pull key = {.reference = (char *)reference, .auth = (char *)auth};
    struct image_pull *pull = RB_FIND(pull_tree, &images->pulls, &key);
    struct image_request *request;

    if (pull)
        return join(pull, done, data);
    pull = pull_new(images, reference, auth);
    request = join(pull, done, data);
    advance(pull);
    return request;
}

/* In the tree it has the reason for its login, which no other pull has. */
struct image_request *images_get_cached(struct images *images, const char *reference,
                                        const char *reason, image_done_fn *done, void *data)
{
    struct image_pull key = {.reference = (char *)reference, .auth = (char *)reason};
    struct image_pull *pull = RB_FIND(pull_tree, &images->pulls, &key);
    struct image_request *request;

    if (pull)
        return join(pull, done, data);
    pull = pull_new(images, reference, reason);
    pull->reason = str_dup(reason);
    pull->next = CACHED;
    request = join(pull, done, data);
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
