/* image_cleanup.c - cycles that remove images nobody uses any more (AG-182 to AG-185, AP-465), and
 * if asked for also containers and images that are no task's (AG-141).
 *
 *   TRACKED -> CONTAINERS -> LOOK (one by one) -> IMAGES -> OTHERS (one by one) -> the next cycle
 *
 * An image goes when no container of this host needs it, and it was pulled long enough ago; those
 * that have not been used for longest go first, a few in a cycle. Only what was pulled for tasks is
 * removed: what was here before stays, for nobody knows whether it could be had again. An image may
 * have several names; it goes with all of them, and counts once. Docker itself refuses to remove
 * what some other container uses.
 *
 * Ages go by the wall clock, which Docker's times and the agent's file are in, and which may be
 * set: nothing is taken to be older than what has passed since then, and what is of a time to come
 * is as old as that. So nothing goes too soon, and nothing stays for good.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/docker/docker.h"
#include "agent/engine/image_parts.h"
#include "agent/engine/image_ref.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define UNTRACKED_AT_ONCE_MAX 4096  /* containers or images that one cycle looks at */
#define CLOCK_STEP_MS         60000 /* between two cycles: more than a clock is slewed by */

static const char *const always_kept[] = {"amazon/amazon-ecs-agent:latest",
                                          "amazon/amazon-ecs-pause:0.1.0"};

struct candidate {
    char *name; /* what Docker is told to remove */
    int64_t size_bytes;
};

struct image_cleanup {
    struct images *images;
    image_used_fn *is_used;
    void *used_data;
    struct timer timer;
    struct docker_call *call;
    bool is_closed;
    int64_t clock_offset_ms; /* of the wall clock to the monotonic one, at the last cycle */
    int64_t steady_mono_ms;  /* since when the wall clock has not been set */
    bool was_clock_set;      /* in this life of the agent */

    enum { IDLE, TRACKED, CONTAINERS, LOOK, IMAGES, OTHERS } next;
    int64_t to_remove;       /* images, in this cycle */
    int64_t to_remove_other; /* containers that are no task's, in this cycle */
    char *removing;          /* the tracked name being removed; NULL: none */
    char **skipped;          /* ids that Docker refused to remove in this cycle */
    size_t skipped_count;
    struct candidate *candidates; /* of LOOK (containers) or OTHERS (images) */
    size_t candidate_count, at;
};

static void advance(struct image_cleanup *cleanup);
static void wait_for_next(struct image_cleanup *cleanup);

static bool is_kept(const struct images *images, const char *name)
{
    const struct config_list *kept = &images->config->images_kept;

    for (size_t i = 0; i < ARRAY_LEN(always_kept); i++)
        if (image_ref_is_same(name, always_kept[i]))
            return true;
    for (size_t i = 0; i < kept->count; i++)
        if (image_ref_is_same(name, kept->items[i]))
            return true;
    return false;
}

static void forget_candidates(struct image_cleanup *cleanup)
{
    for (size_t i = 0; i < cleanup->candidate_count; i++)
        free(cleanup->candidates[i].name);
    free(cleanup->candidates);
    cleanup->candidates = NULL;
    cleanup->candidate_count = cleanup->at = 0;
}

static void cleanup_free(struct image_cleanup *cleanup)
{
    timer_stop(&cleanup->timer);
    forget_candidates(cleanup);
    for (size_t i = 0; i < cleanup->skipped_count; i++)
        free(cleanup->skipped[i]);
    free(cleanup->skipped);
    free(cleanup->removing);
    free(cleanup);
}

/* True if nothing is to follow, because the agent ends. */
static bool is_over(struct image_cleanup *cleanup)
{
    struct images *images = cleanup->images;

    cleanup->call = NULL;
    if (!cleanup->is_closed)
        return false;
    cleanup_free(cleanup);
    images_ended(images);
    return true;
}

static void go_on(struct image_cleanup *cleanup, unsigned next)
{
    cleanup->next = next;
    advance(cleanup);
}

/* ---- ages ---- */

static int64_t clock_offset_ms(const struct images *images)
{
    return clock_wall_ms(images->clock) - clock_mono_ms(images->clock);
}

static void watch_clock(struct image_cleanup *cleanup)
{
    const struct images *images = cleanup->images;
    int64_t by_ms = clock_offset_ms(images) - cleanup->clock_offset_ms;

    cleanup->clock_offset_ms += by_ms;
    if (by_ms > -CLOCK_STEP_MS && by_ms < CLOCK_STEP_MS)
        return;
    log_info("the clock was set: what is cleaned up is as old as that at most");
    cleanup->was_clock_set = true;
    cleanup->steady_mono_ms = clock_mono_ms(images->clock);
}

static int64_t age_ms(const struct image_cleanup *cleanup, int64_t at_ms)
{
    const struct clock *clock = cleanup->images->clock;
    int64_t steady_ms = clock_mono_ms(clock) - cleanup->steady_mono_ms;
    int64_t since_ms = clock_wall_ms(clock) - at_ms;

    return since_ms < 0 || (cleanup->was_clock_set && since_ms > steady_ms) ? steady_ms : since_ms;
}

/* ---- images of tasks ---- */

static const char *id_of(const struct known_image *image)
{
    return image->id ? image->id : image->reference;
}

static bool is_skipped(const struct image_cleanup *cleanup, const char *id)
{
    for (size_t i = 0; i < cleanup->skipped_count; i++)
        if (strcmp(cleanup->skipped[i], id) == 0)
            return true;
    return false;
}

static void skip(struct image_cleanup *cleanup, const char *id)
{
    cleanup->skipped =
        xreallocarray(cleanup->skipped, cleanup->skipped_count + 1, sizeof(*cleanup->skipped));
    cleanup->skipped[cleanup->skipped_count++] = str_dup(id);
}

/* True if no name of the image stands against its removal. */
static bool may_go(const struct image_cleanup *cleanup, const char *id)
{
    const struct images *images = cleanup->images;
    struct known_image *name;

    for (name = known_images_first(&images->known); name; name = known_images_next(name)) {
        if (strcmp(id_of(name), id) != 0)
            continue;
        if (!name->pulled_at_ms ||
            age_ms(cleanup, name->pulled_at_ms) < images->config->image_cleanup_age_ms ||
            is_kept(images, name->reference) || images_is_being_pulled(images, name->reference) ||
            cleanup->is_used(name->reference, name->id, cleanup->used_data))
            return false;
    }
    return true;
}

/* When an image was last used under any of its names. */
static int64_t used_at_ms(const struct images *images, const char *id)
{
    int64_t latest_ms = 0;
    struct known_image *name;

    for (name = known_images_first(&images->known); name; name = known_images_next(name))
        if (strcmp(id_of(name), id) == 0 && name->used_at_ms > latest_ms)
            latest_ms = name->used_at_ms;
    return latest_ms;
}

static const struct known_image *least_recently_used(const struct image_cleanup *cleanup)
{
    const struct images *images = cleanup->images;
    const struct known_image *found = NULL;
    int64_t found_ms = INT64_MAX;
    struct known_image *name;

    for (name = known_images_first(&images->known); name; name = known_images_next(name)) {
        int64_t ms = used_at_ms(images, id_of(name));

        if (ms >= found_ms || is_skipped(cleanup, id_of(name)) || !may_go(cleanup, id_of(name)))
            continue;
        found = name;
        found_ms = ms;
    }
    return found;
}

static bool has_other_name(const struct images *images, const struct known_image *image)
{
    struct known_image *name;

    for (name = known_images_first(&images->known); name; name = known_images_next(name))
        if (name != image && strcmp(id_of(name), id_of(image)) == 0)
            return true;
    return false;
}

static void on_tracked_removed(const struct docker_failure *failure, void *data)
{
    struct image_cleanup *cleanup = data;
    struct images *images = cleanup->images;
    CLEANUP(str_freep) char *reference = TAKE(cleanup->removing);
    struct known_image *image = known_images_find(&images->known, reference);

    if (is_over(cleanup))
        return;
    if (image && failure && failure->fault != DOCKER_NOT_FOUND) {
        log_warning("image not removed", "image", reference, "error", failure->message);
        skip(cleanup, id_of(image));
    } else if (image) {
        log_info("image removed", "image", reference, "id", image->id);
        cleanup->to_remove -= !has_other_name(images, image);
        known_images_remove(&images->known, image);
    }
    image_pulls_resume(images);
    go_on(cleanup, failure && failure->fault == DOCKER_UNREACHABLE ? IDLE : TRACKED);
}

static void remove_tracked(struct image_cleanup *cleanup)
{
    struct images *images = cleanup->images;
    const struct known_image *image = cleanup->to_remove > 0 ? least_recently_used(cleanup) : NULL;

    if (!image) {
        go_on(cleanup, images->config->cleans_untracked_images ? CONTAINERS : IDLE);
        return;
    }
    cleanup->removing = str_dup(image->reference);
    cleanup->call =
        docker_remove_image(images->docker, cleanup->removing, on_tracked_removed, cleanup);
}

bool image_cleanup_holds(const struct images *images, const char *reference)
{
    return images->cleanup && str_eq(images->cleanup->removing, reference);
}

/* ---- containers that are no task's ---- */

static void add_candidate(struct image_cleanup *cleanup, const char *name, int64_t size_bytes)
{
    cleanup->candidates = xreallocarray(cleanup->candidates, cleanup->candidate_count + 1,
                                        sizeof(*cleanup->candidates));
    cleanup->candidates[cleanup->candidate_count++] = (struct candidate){str_dup(name), size_bytes};
}

/* Containers of tasks are left to their agent, which may be another one of this host. */
static void on_containers(const struct docker_failure *failure,
                          const struct docker_container *items, size_t count, void *data)
{
    struct image_cleanup *cleanup = data;

    if (is_over(cleanup))
        return;
    if (failure) {
        log_warning("containers not listed for clean-up", "error", failure->message);
        go_on(cleanup, IDLE);
        return;
    }
    for (size_t i = 0; i < count && cleanup->candidate_count < UNTRACKED_AT_ONCE_MAX; i++)
        if (!items[i].task_arn && items[i].state != DOCKER_STATE_RUNNING)
            add_candidate(cleanup, items[i].id, 0);
    go_on(cleanup, LOOK);
}

static void on_container_removed(const struct docker_failure *failure, void *data)
{
    struct image_cleanup *cleanup = data;
    const struct candidate *candidate = &cleanup->candidates[cleanup->at];

    if (is_over(cleanup))
        return;
    if (failure) {
        log_warning("container that is no task's not removed", "id", candidate->name, "error",
                    failure->message);
    } else {
        log_info("container that is no task's removed", "id", candidate->name);
        cleanup->to_remove_other--;
    }
    cleanup->at++;
    advance(cleanup);
}

static bool has_ended_long_ago(const struct image_cleanup *cleanup,
                               const struct docker_container *container)
{
    /* One that was never started has not ended: it is as old as it is. */
    int64_t at_ms =
        container->finished_at_ms > 0 ? container->finished_at_ms : container->created_at_ms;

    return (container->state == DOCKER_STATE_EXITED || container->state == DOCKER_STATE_CREATED) &&
           age_ms(cleanup, at_ms) > cleanup->images->config->task_cleanup_wait_ms;
}

static void on_container(const struct docker_failure *failure,
                         const struct docker_container *container, void *data)
{
    struct image_cleanup *cleanup = data;
    struct images *images = cleanup->images;

    if (is_over(cleanup))
        return;
    if (failure || !has_ended_long_ago(cleanup, container)) {
        cleanup->at++;
        advance(cleanup);
        return;
    }
    cleanup->call = docker_remove(images->docker, container->id, on_container_removed, cleanup);
}

static void look_at_container(struct image_cleanup *cleanup)
{
    if (cleanup->at >= cleanup->candidate_count || cleanup->to_remove_other <= 0) {
        forget_candidates(cleanup);
        go_on(cleanup, cleanup->to_remove > 0 ? IMAGES : IDLE);
        return;
    }
    cleanup->call = docker_inspect(cleanup->images->docker, cleanup->candidates[cleanup->at].name,
                                   on_container, cleanup);
}

/* ---- images that are no task's ---- */

static bool is_tracked(const struct images *images, const struct docker_image *image)
{
    struct known_image *name;

    for (name = known_images_first(&images->known); name; name = known_images_next(name)) {
        /* What was here before is tracked too, but not ours to keep. */
        if (name->pulled_at_ms && strcmp(id_of(name), image->id) == 0)
            return true;
        for (size_t i = 0; i < image->tag_count; i++)
            if (name->pulled_at_ms && image_ref_is_same(name->reference, image->tags[i]))
                return true;
    }
    return false;
}

static bool may_other_go(const struct image_cleanup *cleanup, const struct docker_image *image)
{
    const struct images *images = cleanup->images;

    if (is_tracked(images, image) ||
        age_ms(cleanup, image->created_at_ms) < images->config->other_image_cleanup_age_ms)
        return false;
    for (size_t i = 0; i < image->tag_count; i++)
        if (is_kept(images, image->tags[i]) || images_is_being_pulled(images, image->tags[i]) ||
            cleanup->is_used(image->tags[i], image->id, cleanup->used_data))
            return false;
    return !cleanup->is_used("", image->id, cleanup->used_data);
}

static int by_size(const void *a, const void *b)
{
    const struct candidate *one = a, *other = b;

    return (one->size_bytes > other->size_bytes) - (one->size_bytes < other->size_bytes);
}

static void on_images(const struct docker_failure *failure, const struct docker_image *items,
                      size_t count, void *data)
{
    struct image_cleanup *cleanup = data;

    if (is_over(cleanup))
        return;
    if (failure) {
        log_warning("images not listed for clean-up", "error", failure->message);
        go_on(cleanup, IDLE);
        return;
    }
    for (size_t i = 0; i < count && cleanup->candidate_count < UNTRACKED_AT_ONCE_MAX; i++) {
        const struct docker_image *image = &items[i];

        if (!may_other_go(cleanup, image))
            continue;
        for (size_t k = 0; k < image->tag_count; k++)
            add_candidate(cleanup, image->tags[k], image->size_bytes);
        if (image->tag_count == 0)
            add_candidate(cleanup, image->id, image->size_bytes);
    }
    if (cleanup->candidate_count > 0)
        qsort(cleanup->candidates, cleanup->candidate_count, sizeof(*cleanup->candidates), by_size);
    go_on(cleanup, OTHERS);
}

static void on_other_removed(const struct docker_failure *failure, void *data)
{
    struct image_cleanup *cleanup = data;
    const struct candidate *candidate = &cleanup->candidates[cleanup->at];

    if (is_over(cleanup))
        return;
    if (failure) {
        log_warning("image that is no task's not removed", "image", candidate->name, "error",
                    failure->message);
    } else {
        log_info("image that is no task's removed", "image", candidate->name);
        cleanup->to_remove--;
    }
    cleanup->at++;
    advance(cleanup);
}

static void remove_other(struct image_cleanup *cleanup)
{
    if (cleanup->at >= cleanup->candidate_count || cleanup->to_remove <= 0) {
        go_on(cleanup, IDLE);
        return;
    }
    cleanup->call = docker_remove_image(
        cleanup->images->docker, cleanup->candidates[cleanup->at].name, on_other_removed, cleanup);
}

/* ---- cycles ---- */

static void advance(struct image_cleanup *cleanup)
{
    struct docker *docker = cleanup->images->docker;

    switch (cleanup->next) {
    case TRACKED:
        remove_tracked(cleanup);
        return;
    case CONTAINERS:
        cleanup->call = docker_list_all(docker, on_containers, cleanup);
        return;
    case LOOK:
        look_at_container(cleanup);
        return;
    case IMAGES:
        cleanup->call = docker_list_images(docker, on_images, cleanup);
        return;
    case OTHERS:
        remove_other(cleanup);
        return;
    case IDLE:
        wait_for_next(cleanup);
        return;
    }
}

static void on_cycle(void *data)
{
    struct image_cleanup *cleanup = data;
    const struct agent_config *config = cleanup->images->config;

    watch_clock(cleanup);
    cleanup->to_remove = config->images_per_cleanup;
    cleanup->to_remove_other = config->containers_per_cleanup;
    for (size_t i = 0; i < cleanup->skipped_count; i++)
        free(cleanup->skipped[i]);
    cleanup->skipped_count = 0;
    go_on(cleanup, TRACKED);
}

static void wait_for_next(struct image_cleanup *cleanup)
{
    struct images *images = cleanup->images;

    forget_candidates(cleanup);
    timer_start(&cleanup->timer, images->loop, images->config->image_cleanup_interval_ms, on_cycle,
                cleanup);
}

void images_start_cleanup(struct images *images, image_used_fn *is_used, void *data)
{
    const struct agent_config *config = images->config;
    struct image_cleanup *cleanup;

    if (config->is_image_cleanup_disabled)
        return;
    if (config->image_pull_behavior == PULL_PREFER_CACHED) { /* AG-922 */
        log_info("images are kept: cached ones are preferred");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(always_kept); i++)
        log_info("Image excluded from cleanup", "image", always_kept[i]);
    for (size_t i = 0; i < config->images_kept.count; i++)
        log_info("Image excluded from cleanup", "image", config->images_kept.items[i]);
    cleanup = xcalloc(1, sizeof(*cleanup));
    cleanup->images = images;
    cleanup->is_used = is_used;
    cleanup->used_data = data;
    cleanup->clock_offset_ms = clock_offset_ms(images);
    cleanup->steady_mono_ms = clock_mono_ms(images->clock);
    images->cleanup = cleanup;
    wait_for_next(cleanup);
}

void image_cleanup_close(struct images *images)
{
    struct image_cleanup *cleanup = TAKE(images->cleanup);

    if (!cleanup)
        return;
    if (!cleanup->call) {
        cleanup_free(cleanup);
        return;
    }
    images->alive++; /* until its completion */
    cleanup->is_closed = true;
    docker_cancel(cleanup->call);
}
