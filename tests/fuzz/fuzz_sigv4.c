/* Signatures: a whole request if the bytes are one, else a frame of the telemetry channel. */
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/http_parse.h"
#include "net/sigv4.h"

#define NOW_MS 1795159149000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(struct arena *arena, struct sigv4_cache *cache, char *bytes, size_t size,
                          size_t head_len)
{
    struct http_head head;
    struct http_header headers[HTTP_HEADERS_MAX];
    struct sigv4_claim claim;
    const char *why;

    if (http_parse_head(bytes, head_len, &head, &why) != 0)
        return;
    for (unsigned i = 0; i < head.header_count; i++)
        headers[i] = (struct http_header){bytes + head.headers[i].name.start,
                                          bytes + head.headers[i].value.start};
    struct http_request req = {.method = bytes,
                               .path = bytes + head.path.start,
                               .query = bytes + head.query.start,
                               .headers = headers,
                               .header_count = head.header_count,
                               .body = bytes + head_len,
                               .body_len = size - head_len};
    struct error *err = sigv4_read(arena, &req, &claim);
    if (!err)
        err = sigv4_verify(arena, cache, &req, &claim, "secret", NOW_MS);
    error_free(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sigv4_cache *cache;
    struct arena arena = {0};
    const char *json;
    size_t json_len;
    char *bytes = xmemdup(data, size);
    size_t head_len = http_head_len(bytes, size);

    if (!cache)
        cache = sigv4_cache_new();
    struct error *err = sigv4_verify_frame(&arena, cache, bytes, size, "/tcs/ws", "a=b+c&d=%2F",
                                           "secret", NOW_MS, &json, &json_len);
    if (!err && (json < bytes || json + json_len != bytes + size))
        abort();
    error_free(err);
    if (head_len > 0)
        check_request(&arena, cache, bytes, size, head_len);
    arena_done(&arena);
    free(bytes);
    return 0;
}
