/* image_ref.h - the name of an image taken apart as Docker's pull call wants it. Pure.
 *
 * "busybox" is tag "latest" of "busybox"; "registry:5000/a/b:1" tag "1" of "registry:5000/a/b";
 * "a@sha256:..." has its digest as tag.
 */
#ifndef BERTH_AGENT_IMAGE_REF_H
#define BERTH_AGENT_IMAGE_REF_H

#include <stdbool.h>

#include "base/arena.h"

#define IMAGE_REFERENCE_MAX 1024

struct image_ref {
    const char *name; /* what the parameter fromImage takes */
    const char *tag;  /* what the parameter tag takes: a tag or a digest */
};

/* False if it is empty, too long or has characters that no image name has. Strings live in `arena`.
 */
bool image_ref_parse(struct arena *arena, const char *text, struct image_ref *ret);

bool image_ref_has_digest(const char *text);
/* "registry:5000/a/b@sha256:..." of "registry:5000/a/b:1"; the caller's. NULL for no digest. */
char *image_ref_with_digest(const char *text, const char *digest);
/* True for two names of one image that differ in how they say Docker Hub: Podman's are long. */
bool image_ref_is_same(const char *a, const char *b);
/* Of "name@sha256:..." entries that of the repository which `text` names; Docker Hub's long and
 * short names are one. Lent; NULL: none. */
const char *image_ref_digest_of(const char *const *entries, size_t count, const char *text);

#endif
