#include "agent/engine/image_known.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

static int known_cmp(const struct known_image *a, const struct known_image *b)
{
    return strcmp(a->reference, b->reference);
}

RB_GENERATE_STATIC(known_tree, known_image, by_reference, known_cmp)

static void image_free(struct known_image *image)
{
    free(image->reference);
    free(image->id);
    free(image->digest);
    free(image);
}

void known_images_init(struct known_images *known, struct agent_store *store)
{
    RB_INIT(&known->tree);
    known->store = store;
}

void known_images_done(struct known_images *known)
{
    struct known_image *image, *next;

    RB_FOREACH_SAFE (image, known_tree, &known->tree, next) {
        RB_REMOVE(known_tree, &known->tree, image);
        image_free(image);
    }
}

struct known_image *known_images_find(const struct known_images *known, const char *reference)
{
    struct known_image key = {.reference = (char *)reference};

    return RB_FIND(known_tree, (struct known_tree *)&known->tree, &key);
}

struct known_image *known_images_first(const struct known_images *known)
{
    return RB_MIN(known_tree, (struct known_tree *)&known->tree);
}

struct known_image *known_images_next(struct known_image *image)
{
    return RB_NEXT(known_tree, NULL, image);
}

static void replace(char **member, const char *value)
{
    char *copy = str_dup(value);

    free(*member);
    *member = copy;
}

void known_images_restore(struct known_images *known, const struct agent_store_image *row)
{
    struct known_image *image = known_images_find(known, row->reference);

    if (!image) {
        image = xcalloc(1, sizeof(*image));
        image->reference = str_dup(row->reference);
        RB_INSERT(known_tree, &known->tree, image);
    }
    replace(&image->id, row->id);
    replace(&image->digest, row->digest);
    image->pulled_at_ms = row->pulled_at_ms;
    image->used_at_ms = row->used_at_ms;
    image->has_region = row->has_region;
}

static struct agent_store_image row_of(const struct known_image *image)
{
    return (struct agent_store_image){.reference = image->reference,
                                      .id = image->id,
                                      .digest = image->digest,
                                      .pulled_at_ms = image->pulled_at_ms,
                                      .used_at_ms = image->used_at_ms,
                                      .has_region = image->has_region};
}

static struct error *write_rows(struct agent_store *store, const struct agent_store_image *row,
                                const struct agent_store_image *left)
{
    TRY(agent_store_begin(store));
    TRY(agent_store_put_image(store, row));
    if (left)
        TRY(agent_store_put_image(store, left));
    return agent_store_commit(store);
}

static struct error *delete_row(struct agent_store *store, const char *reference)
{
    TRY(agent_store_begin(store));
    TRY(agent_store_delete_image(store, reference));
    return agent_store_commit(store);
}

/* Takes `err`. */
static void say_unwritten(struct known_images *known, const char *reference, struct error *err)
{
    if (!err)
        return;
    log_warning("image not noted", "image", reference, "error", err->message);
    error_free(err); /* said above */
    agent_store_rollback(known->store);
}

void known_images_put(struct known_images *known, const struct agent_store_image *row)
{
    const struct known_image *before = known_images_find(known, row->reference);
    struct agent_store_image left = {0};
    bool is_moved =
        before && before->id && row->id && !str_eq(before->id, row->id) && before->pulled_at_ms > 0;
    CLEANUP(str_freep) char *left_id = is_moved ? str_dup(before->id) : NULL;

    if (is_moved) {
        left = row_of(before);
        left.reference = left.id = left_id;
        known_images_restore(known, &left);
    }
    known_images_restore(known, row);
    left.digest = NULL; /* of no use to what has no name */
    say_unwritten(known, row->reference, write_rows(known->store, row, is_moved ? &left : NULL));
}

void known_images_remove(struct known_images *known, struct known_image *image)
{
    say_unwritten(known, image->reference, delete_row(known->store, image->reference));
    RB_REMOVE(known_tree, &known->tree, image);
    image_free(image);
}

struct error *known_images_use(struct known_images *known, const char *reference, int64_t now_ms)
{
    struct known_image *image = known_images_find(known, reference);
    struct agent_store_image row;

    if (!image)
        return NULL;
    image->used_at_ms = now_ms;
    row = row_of(image);
    return agent_store_put_image(known->store, &row);
}
