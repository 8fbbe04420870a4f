/* http_parse.h - the text of HTTP/1.1 requests: the head, and bodies sent in chunks. Pure; bytes
 * in, facts out.
 *
 * Strict where leniency lets two readers disagree about where a request ends: lines end with CRLF,
 * there is one length, no folding, no control characters.
 */
#ifndef BERTH_NET_HTTP_PARSE_H
#define BERTH_NET_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"
#include "net/http_server.h"

struct http_span { /* a NUL-terminated part of the head */
    uint16_t start;
    uint16_t len;
};

struct http_head {
    struct http_span method, path, query;
    unsigned header_count;
    struct {
        struct http_span name, value;
    } headers[HTTP_HEADERS_MAX];
    uint64_t body_len; /* as announced; 0 if chunked or none */
    bool is_chunked;
    bool is_http10;
    bool is_keep_alive;
    bool expects_continue;
    bool wants_websocket;
    struct http_span websocket_key; /* if wants_websocket */
};

/* Length of the head that `bytes` starts with, its empty line included; 0: not all there yet. */
size_t http_head_len(const char *bytes, size_t len);

/* Reads the `len` bytes of a whole head. Puts NULs behind the parts and lower-cases header names in
 * place. Returns 0, or the status to refuse with (400, 426, 431, 501, 505) and why. */
int http_parse_head(char *bytes, size_t len, struct http_head *ret, const char **ret_why);

/* Decoding of a chunked body. A zeroed struct is at its start. */
struct http_chunks {
    enum {
        CHUNK_SIZE,
        CHUNK_EXTENSION,
        CHUNK_SIZE_LF,
        CHUNK_DATA,
        CHUNK_DATA_CR,
        CHUNK_DATA_LF,
        CHUNK_TRAILER, /* at the start of a trailer line */
        CHUNK_TRAILER_LINE,
        CHUNK_TRAILER_LF,
        CHUNK_END_LF,
        CHUNK_DONE,
    } state;
    uint64_t left;       /* bytes of the chunk still to come */
    unsigned digits;     /* of the size line */
    unsigned line_bytes; /* of extensions and trailers so far */
};

/* Appends what `bytes` holds of the body to `out`. Returns the number of bytes used, all of them
 * unless the body ended (state CHUNK_DONE); -400 if malformed; -413 if `out` would pass `max`. */
ssize_t http_chunks_feed(struct http_chunks *chunks, const char *bytes, size_t len, size_t max,
                         struct buf *out);

/* True if the comma-separated `list` has `token`, in any case. */
bool http_list_has(const char *list, const char *token);

const char *http_status_text(int status);

#endif
