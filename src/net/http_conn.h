/* http_conn.h - one connection of the server, as the files that implement http_server.h share it.
 *
 *   HANDSHAKE -> READING <-> HANDLING -> LINGERING -> closed
 *                   |            |
 *                   |            +-> WEBSOCKET -> LINGERING
 *                   +-> LINGERING (refused)
 *
 * http_server.c accepts connections; http_conn.c reads requests and moves bytes; http_exchange.c
 * answers; ws_server.c speaks WebSocket. Answers only append to `out` and ask for a flush: a
 * connection is closed by its own events, never inside a caller's call.
 */
#ifndef BERTH_NET_HTTP_CONN_H
#define BERTH_NET_HTTP_CONN_H

#include <netinet/in.h>
#include <sys/queue.h>

#include "net/http_parse.h"
#include "net/http_server.h"
#include "net/loop_uv.h"
#include "net/transport.h"

#define HTTP_OUT_BYTES_MAX                                                                         \
    (8 * 1024 * 1024) /* unsent bytes of a stream; more: http_stream_write() is false */
#define HTTP_PIPELINE_BYTES (64 * 1024) /* read ahead while an answer is outstanding */
#define HTTP_WRITE_MS       30000       /* a peer that takes no byte for so long is given up */

enum http_conn_state {
    CONN_HANDSHAKE, /* of TLS */
    CONN_READING,   /* between requests, or within one */
    CONN_HANDLING,  /* the request is with its handler, which answers later */
    CONN_WEBSOCKET,
    CONN_LINGERING, /* everything is said; sends what is left and waits for the peer's end */
    CONN_CLOSED,    /* waits for libuv to let go */
};

struct http_conn {
    uv_poll_t poll;
    int poll_events; /* what `poll` watches for */
    struct http_server *server;
    struct transport transport;
    enum http_conn_state state;
    bool is_last_answer; /* closes after the answer that is being made */
    bool is_refused;     /* one too many: gets a 503 */
    bool is_peer_done;   /* the peer will send nothing more */
    bool is_in_request;  /* reading: its first byte has come */
    bool is_flush_asked;
    bool is_waiting_handshake;
    bool must_drain; /* lingering: unread bytes would make the kernel reset the connection */

    struct buf in;  /* bytes read and not used */
    struct buf out; /* bytes to send, from out_sent on */
    size_t out_sent;
    struct http_exchange *ex; /* the request being read or handled */
    struct ws *ws;

    struct timer timer; /* checks due_ms, which moves without touching the timer */
    int64_t due_ms;

    TAILQ_ENTRY(http_conn) link;           /* server->conns */
    TAILQ_ENTRY(http_conn) flush_link;     /* server->to_flush */
    TAILQ_ENTRY(http_conn) handshake_link; /* server->handshakes */
    char peer[INET6_ADDRSTRLEN];
    unsigned peer_port;
};

TAILQ_HEAD(http_conns, http_conn);

struct http_server {
    struct loop *loop;
    struct http_server_options options; /* its strings are owned */
    http_request_fn *on_request;
    void *data;
    SSL_CTX *tls;

    uv_poll_t listener;
    int listen_fd, spare_fd;
    unsigned port;

    struct http_conns conns, to_flush, handshakes;
    bool is_flush_deferred;
    struct timer handshake_timer;
    uint64_t handshake_turn;
    unsigned handshakes_in_turn;
    unsigned refused_count; /* connections with is_refused */

    struct http_server_stats stats;

    bool is_closing, is_listener_closed, is_done;
    struct timer grace;
    loop_fn *closed;
    void *closed_data;

    char date[40]; /* the Date header for `date_s` */
    int64_t date_s;
};

/* One request: its head and short bodies lie behind the struct. */
struct http_exchange {
    struct http_request request;
    struct http_conn *conn; /* NULL: the peer is gone */
    bool is_head;           /* HEAD: the answer has no body */
    bool is_http10;
    bool is_streaming;
    bool is_upgraded;
    http_gone_fn *gone;
    void *gone_data;
    loop_fn *sent; /* of a stream */
    void *sent_data;

    bool is_chunked;
    struct http_chunks chunks;
    size_t body_len; /* announced, if not chunked */
    struct buf body; /* long and chunked bodies */
    struct http_span websocket_key;
    char *head;
    size_t short_body_max; /* room for a short body at short_body */
    char *short_body;
    struct http_header headers[];
};

/* http_server.c */
/* A closing server is done once it has no connection left. */
void http_server_conn_gone(struct http_server *server);
const char *http_server_date(struct http_server *server);

/* http_conn.c */
void http_conn_format_peer(const struct sockaddr_storage *address, char ret[INET6_ADDRSTRLEN]);
/* Takes `fd`. */
void http_conn_new(struct http_server *server, int fd, const struct sockaddr_storage *address,
                   bool is_refused);
/* At once; tells the handler. Not from inside a caller's call. */
void http_conn_close(struct http_conn *conn);
void http_conn_ask_flush(struct http_conn *conn);
void http_conn_set_due(struct http_conn *conn, int64_t after_ms);
/* Sends what is left, then ends the connection. */
void http_conn_linger(struct http_conn *conn, bool must_drain);

/* http_exchange.c */
struct http_exchange *http_exchange_new(struct http_conn *conn, const char *head_bytes,
                                        size_t head_len, const struct http_head *head);
/* The peer went away: detaches and tells who asked. */
void http_exchange_gone(struct http_exchange *ex);
void http_exchange_free(struct http_exchange *ex);
/* Answers with a short text and closes; for requests that cannot be handled. */
void http_conn_refuse(struct http_conn *conn, int status, const char *why);

/* ws_server.c */
void ws_server_read(struct http_conn *conn, char *bytes, size_t len);
void ws_server_due(struct http_conn *conn); /* the connection's time is up */
void ws_server_gone(
    struct http_conn *conn); /* the connection is closed: tells the handler, frees */

#endif
