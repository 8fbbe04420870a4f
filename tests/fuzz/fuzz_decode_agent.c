/* Frames of the agent protocol: the first byte chooses the channel. */
#include <stdint.h>
#include <stdlib.h>

#include "control/metric_frame.h"
#include "gen/agent_shapes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct error *err;

    if (!size)
        return 0;
    if (data[0] & 1) {
        struct acs_message message;

        err = acs_decode_message(&arena, (const char *)data + 1, size - 1, &message);
        if (!err && !message.type_name)
            abort();
    } else {
        struct tcs_message message;

        struct metric_frame metrics;

        if (metric_frame_is_one((const char *)data + 1, size - 1))
            error_free(metric_frame_read(&arena, (const char *)data + 1, size - 1, &metrics));
        err = tcs_decode_message(&arena, (const char *)data + 1, size - 1, &message);
        if (!err && !message.type_name)
            abort();
    }
    error_free(err);
    arena_done(&arena);
    return 0;
}
