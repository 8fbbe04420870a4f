/* prefetch.h - agents that want it are told the images of a task definition when it is registered
 * (docs/images.md): a message of our own, which other agents never get.
 *
 * It is told once, to those connected then: an agent that misses it pulls when a task needs the
 * image.
 */
#ifndef BERTH_CONTROL_PREFETCH_H
#define BERTH_CONTROL_PREFETCH_H

#include "base/str.h"
#include "gen/records.h"

/* What an agent that wants it has as an attribute. */
#define PREFETCH_ATTRIBUTE "berth.capability.image-prefetch"

bool prefetch_is_wanted(const struct container_instance *instance);
/* The message for a definition; false if there is nothing to get. Images whose credentials are a
 * secret of the task are left out. */
bool prefetch_write(const struct task_definition *definition, struct buf *frame);

#endif
