/* WebSocket frames: the first byte chooses the side and how the rest is cut into pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/ws_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;

    struct ws_reader reader = {.wants_masked = data[0] & 1, .bytes_max = 1024};
    size_t piece = 1 + (data[0] >> 1);
    enum ws_event event = WS_EVENT_NONE;

    for (size_t at = 1; at < size && event != WS_EVENT_ERROR; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        char *bytes = xmemdup(data + at, len);
        ws_reader_feed(&reader, bytes, len);
        while ((event = ws_reader_next(&reader)) != WS_EVENT_NONE && event != WS_EVENT_ERROR)
            if (event == WS_EVENT_MESSAGE &&
                (reader.len > 1024 || !utf8_is_valid(reader.bytes, reader.len)))
                abort();
        free(bytes);
    }
    ws_reader_done(&reader);
    return 0;
}
