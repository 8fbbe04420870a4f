/* image_parts.h - inside of image: what image.c (pulls), image_prefetch.c and image_cleanup.c
 * share. */
#ifndef BERTH_AGENT_IMAGE_PARTS_H
#define BERTH_AGENT_IMAGE_PARTS_H

#include <sys/queue.h>

#include "agent/engine/image.h"
#include "agent/engine/image_known.h"
#include "base/tree.h"

struct image_pull;
struct image_prefetch;
struct image_cleanup;

RB_HEAD(pull_tree, image_pull);
TAILQ_HEAD(image_prefetches, image_prefetch);

struct images {
    struct loop *loop;
    struct docker *docker;
    const struct agent_config *config;
    const struct clock *clock;
    struct rng rng;
    struct known_images known;
    struct pull_tree pulls;
    size_t alive; /* pulls not freed yet, cancelled ones too; a clean-up under way */

    struct image_prefetches prefetches; /* image_prefetch.c */
    size_t prefetch_count, prefetch_at_once;

    struct image_cleanup *cleanup; /* image_cleanup.c; NULL: none is done */

    loop_fn *closed;
    void *closed_data;
};

bool images_is_being_pulled(const struct images *images, const char *reference);
/* Something ended; frees a closed `images` if it was the last. */
void images_ended(struct images *images);

void image_prefetches_close(struct images *images);

/* True while the image is being removed: a pull of it waits until image_pulls_resume(). */
bool image_cleanup_holds(const struct images *images, const char *reference);
void image_pulls_resume(struct images *images);
void image_cleanup_close(struct images *images);

#endif
