/* http_client.h - HTTP requests on the loop over TCP, TLS or a unix socket, with libcurl's multi
 * interface.
 *
 * Each request has a deadline. Its completion runs exactly once and after the asking call has
 * returned, on cancel and shutdown too (with an error).
 */
#ifndef BERTH_NET_HTTP_CLIENT_H
#define BERTH_NET_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/http_server.h" /* struct http_header */
#include "net/loop.h"

struct http_client; /* connection pool and settings */
struct http_call;   /* one request under way */

struct http_client_options {
    const char *unix_socket;  /* path; NULL: TCP */
    const char *ca_file;      /* NULL: the system's */
    bool is_insecure;         /* no certificate check */
    unsigned connections_max; /* 0: no limit; further requests wait */
};

MUST_USE struct error *http_client_new(struct loop *loop, const struct http_client_options *options,
                                       struct http_client **ret_client);
/* Cancels what is under way; the completions run in a later callback, at the latest in loop_free().
 */
void http_client_free(struct http_client *client);

struct http_response {
    int status;
    const char *body; /* NUL-terminated; lent during the completion; "" for streams */
    size_t body_len;
    const struct http_header *headers;
    size_t header_count;
};

/* `err` is NULL if an answer arrived, whatever its status; else `response` is NULL. Takes `err`. */
typedef void http_done_fn(struct error *err, const struct http_response *response, void *data);
/* A piece of a streamed body; return false to end the request (done gets an error). Only the body
 * of a 2xx answer is streamed: that of a refusal is collected and handed to done. */
typedef bool http_chunk_fn(const char *bytes, size_t len, void *data);

struct http_call_options {
    const char *method; /* "GET"... */
    const char *url;    /* with a unix socket: http://localhost/path */
    const struct http_header *headers;
    size_t header_count;
    const char *body; /* copied */
    size_t body_len;
    int64_t timeout_ms;      /* whole call; 0: none (streams, which have idle_timeout_ms) */
    int64_t idle_timeout_ms; /* no byte for so long; 0: none */
    bool is_once; /* must not be sent again when a kept connection turns out to be dead: takes a new
                     one */
    http_chunk_fn *on_chunk; /* NULL: collect the body, at most HTTP_BODY_BYTES_MAX */
    http_done_fn *done;
    void *data;
};
struct http_call *http_call_start(struct http_client *client,
                                  const struct http_call_options *options);
void http_call_cancel(struct http_call *call); /* done runs with an error in a later callback */

#endif
