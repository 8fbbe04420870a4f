/* http_server.h - HTTP/1.1 and WebSocket server side on the loop, plain or TLS.
 *
 * A request is handed over whole: headers and body have arrived. It is answered once, now or later
 * (answers wait for commits), with http_respond() or as a stream. The peer may be gone by then:
 * answering is still right and does nothing. Header, body, time and connection limits are enforced
 * here and answered with 431, 413, 408 and 503.
 */
#ifndef BERTH_NET_HTTP_SERVER_H
#define BERTH_NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "net/loop.h"

#define HTTP_HEADER_BYTES_MAX        (16 * 1024)
#define HTTP_HEADERS_MAX             64
#define HTTP_BODY_BYTES_MAX          (4 * 1024 * 1024)
#define HTTP_IDLE_MS                 120000 /* keep-alive without a request */
#define HTTP_REQUEST_MS              30000  /* from the first byte of a request to its last */
#define HTTP_TLS_HANDSHAKES_PER_TURN 16
#define WS_FRAME_BYTES_MAX           (4 * 1024 * 1024)
/* Of frames not sent yet; beyond it the socket is closed with 1013. */
#define WS_QUEUE_BYTES_MAX (8 * 1024 * 1024)

struct http_header {
    const char *name; /* lower case */
    const char *value;
};

/* Lent to the handler until it has answered (for upgrades: until the handler returns). */
struct http_request {
    const char *method;
    const char *path;  /* as sent, not decoded, without the query */
    const char *query; /* as sent, without '?'; "" if none */
    const struct http_header *headers;
    size_t header_count;
    const char *body;
    size_t body_len;
    char peer[64]; /* address of the client, without port */
    unsigned peer_port;
    bool is_tls;
    bool wants_websocket;
};

const char *http_request_header(const struct http_request *req, const char *lower_case_name);

struct http_exchange; /* one request and its answer; frees itself once answered */
struct ws;            /* an accepted WebSocket */

struct ws_handler {
    void (*on_message)(struct ws *ws, const char *text, size_t len,
                       void *data);              /* whole text messages */
    void (*on_close)(struct ws *ws, void *data); /* once, always, last; ws is gone after it */
    void *data;
};

/* The request was not answered when the peer went away. Optional, see http_exchange_on_gone(). */
typedef void http_gone_fn(void *data);
typedef void http_request_fn(struct http_exchange *ex, const struct http_request *req, void *data);

struct http_server_options {
    const char *listen;        /* "127.0.0.1:4566", "[::1]:4566", port 0 picks one */
    const char *tls_cert_file; /* NULL: plain */
    const char *tls_key_file;
    unsigned connections_max;    /* beyond it: 503 with Retry-After, then close */
    unsigned per_peer_max;       /* the same for those of one address; 0: no limit */
    int64_t idle_ms, request_ms; /* 0: HTTP_IDLE_MS, HTTP_REQUEST_MS */
    http_request_fn *on_request;
    void *data;
};

struct http_server;
MUST_USE struct error *http_server_new(struct loop *loop, const struct http_server_options *options,
                                       struct http_server **ret_server);
unsigned http_server_port(const struct http_server *server);
MUST_USE struct error *
http_server_reload_tls(struct http_server *server); /* old ones stay on failure */
/* Stops accepting; `closed` runs when the last exchange and socket is gone, at most `grace_ms`
 * later. */
void http_server_close(struct http_server *server, int64_t grace_ms, loop_fn *closed, void *data);

struct http_server_stats {
    uint64_t requests, rejected_connections, bytes_in, bytes_out;
    unsigned connections, websockets;
};
void http_server_stats(const struct http_server *server, struct http_server_stats *ret);

/* Answers. `headers` are further headers (Content-Length, Date and Connection are made here). */
void http_respond(struct http_exchange *ex, int status, const struct http_header *headers,
                  size_t header_count, const char *body, size_t body_len);
/* A streamed answer (chunked): begin, any number of writes, end. For server-sent events and flows.
 */
void http_stream_begin(struct http_exchange *ex, int status, const struct http_header *headers,
                       size_t header_count);
bool http_stream_write(struct http_exchange *ex, const char *bytes,
                       size_t len); /* false: peer gone or queue full */
/* What was written and is not sent yet; 0 if the peer is gone. */
size_t http_stream_unsent(const struct http_exchange *ex);
/* Runs `fn` each time all that was written is sent. It may write more in a later turn of the loop,
 * not at once. */
void http_stream_on_sent(struct http_exchange *ex, loop_fn *fn, void *data);
void http_stream_end(struct http_exchange *ex);
void http_exchange_on_gone(struct http_exchange *ex, http_gone_fn *fn, void *data);

/* Accepts the upgrade of a request with wants_websocket (a refusal is an http_respond()). NULL if
 * the peer is gone, which it cannot be while the handler runs. Sends pings by itself and closes
 * when the peer has been silent for 18 seconds. */
struct ws *ws_accept(struct http_exchange *ex, const struct ws_handler *handler);
void ws_send(struct ws *ws, const char *text, size_t len);  /* copies; queued; never blocks */
void ws_close(struct ws *ws, int code, const char *reason); /* on_close still follows */

#endif
