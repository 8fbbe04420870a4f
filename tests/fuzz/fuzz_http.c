/* Heads of requests and chunked bodies, as the server reads them. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/http_parse.h"

#define BODY_BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_chunks(const char *bytes, size_t len)
{
    CLEANUP(buf_done) struct buf whole = {0};
    CLEANUP(buf_done) struct buf pieces = {0};
    struct http_chunks at_once = {0}, bytewise = {0};
    ssize_t used = http_chunks_feed(&at_once, bytes, len, BODY_BYTES_MAX, &whole);
    ssize_t last = 0;
    size_t at = 0;

    while (at < len && last >= 0 && bytewise.state != CHUNK_DONE) {
        last = http_chunks_feed(&bytewise, bytes + at, 1, BODY_BYTES_MAX, &pieces);
        at += last > 0 ? 1 : 0;
    }
    /* However the bytes are cut, they say the same. */
    if (used < 0 ? last != used : at != (size_t)used || whole.len != pieces.len)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_head head;
    const char *why;
    char *bytes = xmemdup(data, size);
    size_t head_len = http_head_len(bytes, size);

    if (head_len > 0 && http_parse_head(bytes, head_len, &head, &why) == 0) {
        for (unsigned i = 0; i < head.header_count; i++)
            if (bytes[head.headers[i].value.start + head.headers[i].value.len] != '\0')
                abort();
        if (head.is_chunked)
            read_chunks(bytes + head_len, size - head_len);
    } else if (head_len == 0) {
        read_chunks(bytes, size);
    }
    free(bytes);
    return 0;
}
