/* image_known.h - the images that tasks of this host used, by the name they were asked for: what
 * was pulled, as what, when, and when it was last used (AG-182, AG-184).
 *
 * They are kept in the agent's file. When a name is pulled again as another image, the one it named
 * before stays under its id, so that it is found when it is time to clear away.
 *
 * Ownership  Entries live until they are removed; their strings until the entry is put again.
 */
#ifndef BERTH_AGENT_IMAGE_KNOWN_H
#define BERTH_AGENT_IMAGE_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/engine/store.h"
#include "base/tree.h"

struct known_image {
    RB_ENTRY(known_image) by_reference;
    char *reference;
    char *id, *digest;    /* NULL: unknown */
    int64_t pulled_at_ms; /* 0: it was on this host before any task asked for it */
    int64_t used_at_ms;
    bool has_region; /* its environment names one */
};

RB_HEAD(known_tree, known_image);

struct known_images {
    struct known_tree tree;
    struct agent_store *store; /* lent */
};

void known_images_init(struct known_images *known, struct agent_store *store);
void known_images_done(struct known_images *known);

struct known_image *known_images_find(const struct known_images *known, const char *reference);
struct known_image *known_images_first(const struct known_images *known);
struct known_image *known_images_next(struct known_image *image);

/* As the file has it: nothing is written. */
void known_images_restore(struct known_images *known, const struct agent_store_image *image);
/* Notes and writes down what a name stands for. A note that cannot be written costs one more pull,
 * or leaves an image for the operator to clear away: that is logged. */
void known_images_put(struct known_images *known, const struct agent_store_image *image);
void known_images_remove(struct known_images *known, struct known_image *image);
/* Used now. Written inside the transaction that is open. */
MUST_USE struct error *known_images_use(struct known_images *known, const char *reference,
                                        int64_t now_ms);

#endif
