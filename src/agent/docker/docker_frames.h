/* docker_frames.h - what a container without a terminal writes, as Docker sends it over one stream:
 * frames of eight bytes of header (which of its outputs, length) and as many bytes as it says, cut
 * anywhere. Pure; holds no more than a header.
 */
#ifndef BERTH_AGENT_DOCKER_FRAMES_H
#define BERTH_AGENT_DOCKER_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum docker_output {
    DOCKER_STDOUT = 1,
    DOCKER_STDERR = 2,
    DOCKER_SYSTEM_ERROR = 3 /* Docker's own: what is wrong with the stream */
};

#define DOCKER_FRAME_HEADER 8

/* A zeroed struct is the start of a stream. */
struct docker_frames {
    unsigned char header[DOCKER_FRAME_HEADER];
    size_t header_len; /* bytes of it that have come */
    uint32_t left;     /* of the frame under way */
};

/* A piece of an output: frames that came in parts are told in parts. Lent. Returns false to stop.
 */
typedef bool docker_output_fn(enum docker_output output, const char *bytes, size_t len, void *data);

/* False if it is no such stream, or `on_output` stopped it. */
bool docker_frames_feed(struct docker_frames *frames, const char *bytes, size_t len,
                        docker_output_fn *on_output, void *data);
/* False: the stream ended within a frame. */
bool docker_frames_is_whole(const struct docker_frames *frames);

#endif
