/* service_images.h - the image versions of service deployments, learned from what hosts report
 * about their tasks (core/image_pins.h). */
#ifndef BERTH_CONTROL_SERVICE_IMAGES_H
#define BERTH_CONTROL_SERVICE_IMAGES_H

#include "state/state.h"

/* What the task's deployment runs; NULL: it is of no service deployment, or of one that is over. */
const struct service_revision *
service_images_revision(struct state *state, const struct scope *scope, const struct task *task);

/* The task's record has a digest it did not have before. */
void service_images_learn(struct txn *txn, const struct task *task);

#endif
