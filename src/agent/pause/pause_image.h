/* pause_image.h - the image of the pause container, which the agent brings along: no registry is
 * needed for it (AP-431). It has one file, the program of pause.c. */
#ifndef BERTH_AGENT_PAUSE_IMAGE_H
#define BERTH_AGENT_PAUSE_IMAGE_H

#include <stddef.h>

#define PAUSE_IMAGE_NAME    "amazon/amazon-ecs-pause"
#define PAUSE_IMAGE_TAG     "0.1.0"
#define PAUSE_IMAGE_PROGRAM "/pause"

/* A tar of its root directory; made at build time. */
extern const unsigned char pause_image_tar[];
extern const size_t pause_image_tar_len;

#endif
