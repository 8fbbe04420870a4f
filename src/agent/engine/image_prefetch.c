/* image_prefetch.c - images got before a task needs them: few at once, after one try, and forgotten
 * if the agent ends first. Whatever goes wrong, the task that needs the image gets it itself. */
#include <stdlib.h>
#include <string.h>

#include "agent/engine/image_parts.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

struct image_prefetch {
    TAILQ_ENTRY(image_prefetch) in_order;
    struct images *images;
    char *reference;
    struct image_request *request; /* NULL: it waits */
};

static void prefetch_next(struct images *images);

static void prefetch_free(struct image_prefetch *prefetch)
{
    TAILQ_REMOVE(&prefetch->images->prefetches, prefetch, in_order);
    prefetch->images->prefetch_count--;
    free(prefetch->reference);
    free(prefetch);
}

static void on_fetched(const struct image_result *result, void *data)
{
    struct image_prefetch *prefetch = data;
    struct images *images = prefetch->images;

    if (!result->reason && !result->is_lost)
        log_info("image fetched ahead", "image", prefetch->reference, "digest", result->digest);
    else
        log_warning("image not fetched ahead", "image", prefetch->reference, "error",
                    result->is_lost ? "Docker went away" : result->reason);
    prefetch_free(prefetch);
    images->prefetch_at_once--;
    prefetch_next(images);
}

static void prefetch_next(struct images *images)
{
    struct image_prefetch *prefetch;

    TAILQ_FOREACH(prefetch, &images->prefetches, in_order)
    {
        if (images->prefetch_at_once >= IMAGE_PREFETCH_AT_ONCE)
            return;
        if (prefetch->request)
            continue;
        images->prefetch_at_once++;
        prefetch->request = images_get(images, prefetch->reference, NULL, on_fetched, prefetch);
    }
}

void images_prefetch(struct images *images, const char *reference)
{
    struct image_prefetch *prefetch;
    const char *id, *digest;

    if (images_is_assumed(images, reference, &id, &digest))
        return;
    TAILQ_FOREACH(prefetch, &images->prefetches, in_order)
    if (strcmp(prefetch->reference, reference) == 0)
        return;
    if (images->prefetch_count >= IMAGE_PREFETCH_MAX) {
        log_warning("image not fetched ahead", "image", reference, "error", "too many wait");
        return;
    }
    prefetch = xcalloc(1, sizeof(*prefetch));
    prefetch->images = images;
    prefetch->reference = str_dup(reference);
    images->prefetch_count++;
    TAILQ_INSERT_TAIL(&images->prefetches, prefetch, in_order);
    prefetch_next(images);
}

void image_prefetches_close(struct images *images)
{
    struct image_prefetch *prefetch;

    while ((prefetch = TAILQ_FIRST(&images->prefetches))) {
        if (prefetch->request)
            image_cancel(prefetch->request);
        prefetch_free(prefetch);
    }
}
