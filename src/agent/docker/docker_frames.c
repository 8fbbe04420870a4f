#include "agent/docker/docker_frames.h"

/* True if it is whole and makes sense. Docker names stdin (0) too but never sends it. */
static bool read_header(struct docker_frames *frames)
{
    const unsigned char *h = frames->header;

    frames->left = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
    return h[0] >= DOCKER_STDOUT && h[0] <= DOCKER_SYSTEM_ERROR && !h[1] && !h[2] && !h[3];
}

bool docker_frames_feed(struct docker_frames *frames, const char *bytes, size_t len,
                        docker_output_fn *on_output, void *data)
{
    while (len > 0) {
        size_t part = frames->left < len ? frames->left : len;

        if (frames->header_len < DOCKER_FRAME_HEADER) {
            frames->header[frames->header_len++] = (unsigned char)*bytes++;
            len--;
            if (frames->header_len == DOCKER_FRAME_HEADER && !read_header(frames))
                return false;
        } else if (!on_output((enum docker_output)frames->header[0], bytes, part, data)) {
            return false;
        } else {
            bytes += part;
            len -= part;
            frames->left -= (uint32_t)part;
        }
        if (frames->header_len == DOCKER_FRAME_HEADER && frames->left == 0)
            frames->header_len = 0;
    }
    return true;
}

bool docker_frames_is_whole(const struct docker_frames *frames)
{
    return frames->header_len == 0;
}
