/* image.h - images for containers: when to pull, which version, pulls joined and tried again, what
 * was pulled before (AP-461 to AP-464, AG-134, AG-180).
 *
 *   LOOK -> DIGEST -> PULL -> TAG -> DESCRIBE -> done
 *    |        |        |
 *    |        |        +-> CACHED -> done    it fails, and the rule allows an image that is here
 *    |        +-> done                       it fails, and the rule does not
 *    +-> done                                it is here, and the rule prefers that
 *
 * The registry is asked first what the name stands for now; that digest is pulled and then given
 * the name. All containers of a pull run the same version, and which one is reported. A step that
 * fails in passing is tried again with growing pauses; what the registry refuses for good is not.
 *
 * Requests for the same image with the same credentials join one pull.
 */
#ifndef BERTH_AGENT_IMAGE_H
#define BERTH_AGENT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/config/config.h"
#include "agent/docker/docker.h"
#include "agent/engine/store.h"
#include "base/clock.h"

#define IMAGE_PULL_TRIES       5
#define IMAGE_PULL_FIRST_MS    1100
#define IMAGE_PULL_PAUSE_MS    5000 /* at most */
#define IMAGE_PULL_GROWTH      2
#define IMAGE_DIGEST_TRIES     9
#define IMAGE_DIGEST_FIRST_MS  10
#define IMAGE_DIGEST_PAUSE_MS  5000
#define IMAGE_DIGEST_GROWTH    3
#define IMAGE_RETRY_JITTER     20 /* percent */
#define IMAGE_PREFETCH_AT_ONCE 2
#define IMAGE_PREFETCH_MAX     256 /* that wait; more are left to the tasks that need them */

struct images;
struct image_request; /* gone when its completion runs */

struct image_result {
    const char *reason; /* NULL: the image is there; else "CannotPullContainerError: ..." */
    bool is_lost;       /* Docker went away meanwhile: ask again when it is back */
    const char *id;     /* "sha256:..."; NULL: unknown */
    const char *digest; /* "sha256:..." of its manifest; NULL: unknown, or never pulled */
    int64_t started_at_ms, stopped_at_ms; /* of the pull, 0: none was needed */
};

/* The result is lent. Runs once, never from inside the asking call; not after image_cancel(). */
typedef void image_done_fn(const struct image_result *result, void *data);

/* True if a container of this host, running or not yet cleaned up, needs the image. `id` may be
 * NULL.
 */
typedef bool image_used_fn(const char *reference, const char *id, void *data);

/* All lent. */
struct images *images_new(struct loop *loop, struct docker *docker, struct agent_store *store,
                          const struct agent_config *config, const struct clock *clock);
/* Images that are not used any more are removed in cycles from now on (image_cleanup.c, AG-182). */
void images_start_cleanup(struct images *images, image_used_fn *is_used, void *data);
/* No request may be left; pulls under way are cancelled and `closed` runs once they have ended. */
void images_close(struct images *images, loop_fn *closed, void *data);

/* One used earlier, as the agent's file remembers it. */
void images_restore(struct images *images, const struct agent_store_image *image);

/* True if the image can be taken to be on this host, so that creating the container may be tried
 * without asking: it was pulled before and once is enough, or it was seen and what is cached is
 * preferred. Strings lent; NULL: unknown. */
bool images_is_assumed(const struct images *images, const char *reference, const char **ret_id,
                       const char **ret_digest);
/* That was wrong: it is gone. */
void images_forget(struct images *images, const char *reference);
/* Whether its environment names a region: then containers of it are told none (AP-310). */
bool images_has_region(const struct images *images, const char *reference);
/* A container of the image was removed: notes it inside the transaction that is open (AG-182). */
MUST_USE struct error *images_note_use(struct images *images, const char *reference);

/* Makes sure of an image. `auth` is the header for Docker (image_auth.h); NULL: the agent's own
 * credentials for that registry, if it has any. */
struct image_request *images_get(struct images *images, const char *reference, const char *auth,
                                 image_done_fn *done, void *data);
/* The same for one that may not be pulled, for `reason`: it is there already, or cannot be had. */
struct image_request *images_get_cached(struct images *images, const char *reference,
                                        const char *reason, image_done_fn *done, void *data);
void image_cancel(struct image_request *request); /* the pull goes on for others only */

/* Gets an image that no container needs yet, when there is nothing better to do. */
void images_prefetch(struct images *images, const char *reference);

#endif
