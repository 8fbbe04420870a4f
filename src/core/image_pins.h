/* image_pins.h - which version of an image a service deployment runs, when its definition names
 * the image by a tag that may move (versionConsistency).
 *
 * The first digest that a host tells of a container of the deployment is pinned in its service
 * revision; tasks that are told to their hosts from then on are told that version. It stays for as
 * long as the revision does, so a rollback runs what ran before; a new deployment begins anew. Not
 * pinned: images named by a digest, containers with versionConsistency disabled, tasks without a
 * service deployment. Tasks that were told before the first digest was, resolve the tag themselves.
 *
 * Pure.
 */
#ifndef BERTH_CORE_IMAGE_PINS_H
#define BERTH_CORE_IMAGE_PINS_H

#include <stdbool.h>

#include "base/arena.h"
#include "gen/ecs_types.h"
#include "gen/records.h"

/* "sha256:..." of an image that is named by it; NULL: it is named by a tag. */
const char *image_digest_in_name(const char *image);

/* A new revision of that definition: what is to be pinned, nothing known yet. */
void image_pins_begin(struct service_revision *revision,
                      const struct ecs_task_definition *definition);

/* Pinned, of that container. NULL: nothing is. */
const char *image_pins_digest(const struct service_revision *revision, const char *container);

/* Whether the task has told a digest that is not pinned yet, and pins all such. What is no digest
 * is not pinned. */
bool image_pins_are_news(const struct service_revision *revision, const struct task *task);
void image_pins_learn(struct service_revision *edited, const struct task *task);

/* "name:tag@sha256:...": engines go by the digest, people by the tag. */
const char *image_pinned(struct arena *arena, const char *image, const char *digest);

#endif
