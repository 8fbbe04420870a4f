/* image.h - images for containers: when to pull, pulls joined and tried again, what was pulled
 * before (AP-461 to AP-463, AG-134).
 *
 * A request for an image that is being pulled joins the pull. A pull that fails in passing is tried
 * IMAGE_PULL_TRIES times with growing pauses; one that the registry refuses for good is not.
 */
#ifndef BERTH_AGENT_IMAGE_H
#define BERTH_AGENT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/config/config.h"
#include "agent/docker/docker.h"
#include "agent/engine/store.h"
#include "base/clock.h"

#define IMAGE_PULL_TRIES     5
#define IMAGE_RETRY_FIRST_MS 1100
#define IMAGE_RETRY_MAX_MS   5000
#define IMAGE_RETRY_JITTER   20 /* percent */

struct images;
struct image_request; /* gone when its completion runs */

struct image_result {
    const char *reason; /* NULL: the image is there; else "CannotPullContainerError: ..." */
    bool is_lost;       /* Docker went away meanwhile: ask again when it is back */
    const char *digest; /* "sha256:..." of a pull; NULL: unknown */
    int64_t started_at_ms, stopped_at_ms; /* of the pull, 0: none was needed */
};

/* The result is lent. Runs once, never from inside the asking call; not after image_cancel(). */
typedef void image_done_fn(const struct image_result *result, void *data);

/* All lent. */
struct images *images_new(struct loop *loop, struct docker *docker, struct agent_store *store,
                          const struct agent_config *config, const struct clock *clock);
/* No request may be left; pulls under way are cancelled and `closed` runs once they have ended. */
void images_close(struct images *images, loop_fn *closed, void *data);

/* One pulled earlier, as the agent's file remembers it. */
void images_restore(struct images *images, const struct agent_store_image *image);

/* True if the image can be taken to be on this host, so that creating the container may be tried
 * without asking: it is the rule to prefer cached images, or it was pulled before and once is
 * enough. */
bool images_is_assumed(const struct images *images, const char *reference);

/* Makes sure of an image. */
struct image_request *images_get(struct images *images, const char *reference, image_done_fn *done,
                                 void *data);
void image_cancel(struct image_request *request); /* the pull goes on for others only */

#endif
