#include "bench/api_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"

#define TARGET "AmazonEC2ContainerServiceV20141113"

struct api_account api_account;

void api_add_request(struct buf *out, const char *method, const char *path_and_query,
                     const char *operation, const char *body, size_t len)
{
    static struct arena arena;
    struct http_header headers[3] = {{"host", api_account.host}};
    struct http_header *signatures = NULL;
    size_t header_count = 1, signature_count = 0;

    if (operation) {
        headers[header_count++] =
            (struct http_header){"content-type", "application/x-amz-json-1.1"};
        headers[header_count++] =
            (struct http_header){"x-amz-target", arena_printf(&arena, TARGET ".%s", operation)};
    }
    sigv4_sign(&arena, &api_account.keys, api_account.region, "ecs", method,
               arena_printf(&arena, "%s%s", api_account.url, path_and_query), headers, header_count,
               body, len, clock_wall_ms(&clock_system), &signatures, &signature_count);
    buf_printf(out, "%s %s HTTP/1.1\r\n", method, path_and_query);
    for (size_t i = 0; i < header_count; i++)
        buf_printf(out, "%s: %s\r\n", headers[i].name, headers[i].value);
    for (size_t i = 0; i < signature_count; i++)
        buf_printf(out, "%s: %s\r\n", signatures[i].name, signatures[i].value);
    if (operation) {
        buf_printf(out, "content-length: %zu\r\n\r\n", len);
        buf_add(out, body, len);
    } else {
        buf_add_str(out,
                    "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
                    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    }
    arena_reset(&arena);
}

size_t api_answer(const struct buf *in, int *ret_status, size_t *ret_body)
{
    const char *end = in->len ? strstr(in->data, "\r\n\r\n") : NULL;
    const char *length = end ? strcasestr(in->data, "content-length:") : NULL;
    size_t body;

    if (!end)
        return 0;
    body = (size_t)(end - in->data) + 4;
    *ret_status = atoi(in->data + strlen("HTTP/1.1 "));
    *ret_body = body;
    if (length && length < end)
        body += strtoul(length + strlen("content-length:"), NULL, 10);
    return body <= in->len ? body : 0;
}
