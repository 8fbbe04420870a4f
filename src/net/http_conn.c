#include "net/http_conn.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/mem.h"

#define TLS_HANDSHAKE_MS   10000
#define LINGER_MS          2000
#define UNSENT_BYTES_PAUSE (256 * 1024) /* pipelined requests wait while so much is unsent */
#define KEPT_BUFFER_BYTES  (16 * 1024)  /* larger ones are not kept between requests */
#define READS_PER_EVENT    16
#define READ_BYTES_MAX     (64 * 1024)

static void take_bytes(struct http_conn *conn, char *bytes, size_t len);

/* Time */

static size_t unsent(const struct http_conn *conn)
{
    return conn->out.len - conn->out_sent;
}

static void on_due(struct http_conn *conn)
{
    switch (conn->state) {
    case CONN_READING:
        if (unsent(conn) == 0 && conn->is_in_request)
            http_conn_refuse(conn, 408, "The request did not arrive in time.");
        else
            http_conn_close(conn);
        return;
    case CONN_WEBSOCKET:
        ws_server_due(conn);
        return;
    case CONN_HANDSHAKE:
    case CONN_HANDLING:
    case CONN_LINGERING:
        http_conn_close(conn);
        return;
    case CONN_CLOSED:
        return;
    }
}

static void on_timer(void *data)
{
    struct http_conn *conn = data;
    int64_t left_ms = conn->due_ms - loop_now_ms(conn->server->loop);

    if (conn->due_ms < 0)
        return;
    if (left_ms > 0)
        timer_start(&conn->timer, conn->server->loop, left_ms, on_timer, conn);
    else
        on_due(conn);
}

/* Requests come and go faster than timers are worth moving: the timer is only moved to fire
 * earlier, and looks at due_ms when it fires. */
void http_conn_set_due(struct http_conn *conn, int64_t after_ms)
{
    conn->due_ms = loop_now_ms(conn->server->loop) + after_ms;
    if (!conn->timer.is_running || conn->timer.due_ms > conn->due_ms)
        timer_start(&conn->timer, conn->server->loop, after_ms, on_timer, conn);
}

static void set_no_due(struct http_conn *conn)
{
    conn->due_ms = -1;
}

/* Between requests: until the next one begins, or from its first byte on until its last. */
static void set_reading_due(struct http_conn *conn)
{
    const struct http_server_options *options = &conn->server->options;
    bool is_in_request = conn->ex || conn->in.len > 0;

    if (is_in_request && conn->is_in_request)
        return;
    conn->is_in_request = is_in_request;
    http_conn_set_due(conn, is_in_request ? options->request_ms : options->idle_ms);
}

/* Sending */

static void on_poll(uv_poll_t *handle, int status, int events);

static void watch(struct http_conn *conn, int events)
{
    if (conn->poll_events == events)
        return;
    conn->poll_events = events;
    if (events)
        uv_poll_start(&conn->poll, events, on_poll);
    else
        uv_poll_stop(&conn->poll);
}

static void watch_more(struct http_conn *conn, int event)
{
    watch(conn, conn->poll_events | event);
}

static void watch_less(struct http_conn *conn, int event)
{
    watch(conn, conn->poll_events & ~event);
}

void http_conn_linger(struct http_conn *conn, bool must_drain)
{
    conn->state = CONN_LINGERING;
    conn->must_drain |= must_drain;
    http_conn_set_due(conn, HTTP_WRITE_MS);
}

/* Everything is sent. */
static void end_lingering(struct http_conn *conn)
{
    if (!conn->must_drain || conn->is_peer_done) {
        http_conn_close(conn);
        return;
    }
    transport_end_writing(&conn->transport);
    watch(conn, UV_READABLE);
    http_conn_set_due(conn, LINGER_MS);
}

/* False if the connection failed. */
static bool send_out(struct http_conn *conn)
{
    while (unsent(conn) > 0) {
        ssize_t sent =
            transport_write(&conn->transport, conn->out.data + conn->out_sent, unsent(conn));
        if (sent == TRANSPORT_AGAIN)
            break;
        if (sent < 0)
            return false;
        conn->out_sent += (size_t)sent;
        conn->server->stats.bytes_out += (uint64_t)sent;
        if (conn->state == CONN_LINGERING || conn->state == CONN_HANDLING)
            http_conn_set_due(conn, HTTP_WRITE_MS);
    }
    if (unsent(conn) == 0) {
        conn->out_sent = 0;
        if (conn->out.cap > KEPT_BUFFER_BYTES || conn->state == CONN_WEBSOCKET)
            buf_done(&conn->out);
        else
            buf_clear(&conn->out);
        watch_less(conn, UV_WRITABLE);
        if (conn->state == CONN_HANDLING)
            set_no_due(conn);
        if (conn->state == CONN_HANDLING && conn->ex->sent)
            conn->ex->sent(conn->ex->sent_data);
    } else {
        if (conn->out_sent > UNSENT_BYTES_PAUSE) {
            buf_consume(&conn->out, conn->out_sent);
            conn->out_sent = 0;
        }
        watch_more(conn, UV_WRITABLE);
        if (conn->state == CONN_HANDLING && conn->due_ms < 0)
            http_conn_set_due(conn, HTTP_WRITE_MS);
    }
    return true;
}

/* Goes on with what was read ahead while an answer was outstanding or unsent. */
static void advance(struct http_conn *conn)
{
    if (conn->state == CONN_READING && unsent(conn) < UNSENT_BYTES_PAUSE && conn->in.len > 0)
        take_bytes(conn, NULL, 0);
    if (conn->state == CONN_WEBSOCKET && conn->in.len > 0) {
        struct buf in = conn->in;
        conn->in = (struct buf){0};
        ws_server_read(conn, in.data, in.len);
        buf_done(&in);
    }
    if (conn->state == CONN_READING && !conn->is_in_request)
        set_reading_due(conn);
    if (conn->state == CONN_READING && conn->is_peer_done) {
        http_conn_linger(conn, false);
        http_conn_ask_flush(conn);
    }
    if (conn->state != CONN_LINGERING && !conn->is_peer_done &&
        conn->in.len < HTTP_PIPELINE_BYTES && !(conn->poll_events & UV_READABLE)) {
        watch_more(conn, UV_READABLE);
        if (conn->transport.ssl && SSL_pending(conn->transport.ssl) > 0)
            on_poll(&conn->poll, 0, UV_READABLE);
    }
}

static void flush_conn(struct http_conn *conn)
{
    if (conn->state == CONN_HANDSHAKE)
        return;
    if (!send_out(conn))
        http_conn_close(conn);
    else if (conn->state == CONN_LINGERING && unsent(conn) == 0)
        end_lingering(conn);
    else
        advance(conn);
}

/* All answers of a turn leave together. */
static void flush_all(void *data)
{
    struct http_server *server = data;
    struct http_conns batch = TAILQ_HEAD_INITIALIZER(batch);

    server->is_flush_deferred = false;
    TAILQ_CONCAT(&batch, &server->to_flush, flush_link);
    while (!TAILQ_EMPTY(&batch)) {
        struct http_conn *conn = TAILQ_FIRST(&batch);
        TAILQ_REMOVE(&batch, conn, flush_link);
        conn->is_flush_asked = false;
        flush_conn(conn);
    }
}

void http_conn_ask_flush(struct http_conn *conn)
{
    struct http_server *server = conn->server;

    if (!conn->is_flush_asked) {
        conn->is_flush_asked = true;
        TAILQ_INSERT_TAIL(&server->to_flush, conn, flush_link);
    }
    if (!server->is_flush_deferred) {
        server->is_flush_deferred = true;
        loop_defer(server->loop, flush_all, server);
    }
}

/* Reading requests */

static void dispatch(struct http_conn *conn)
{
    struct http_exchange *ex = conn->ex;
    struct http_server *server = conn->server;

    if (ex->body.len > 0) {
        ex->request.body = ex->body.data;
        ex->request.body_len = ex->body.len;
    }
    conn->state = CONN_HANDLING;
    conn->is_in_request = false;
    set_no_due(conn);
    server->stats.requests++;
    server->on_request(ex, &ex->request, server->data);
}

/* Reads the head of the next request, if all of it is there. Returns the bytes used; 0: none. */
static size_t read_head(struct http_conn *conn, char *bytes, size_t len)
{
    struct http_head head;
    const char *why = NULL;
    size_t head_len =
        http_head_len(bytes, len < HTTP_HEADER_BYTES_MAX ? len : HTTP_HEADER_BYTES_MAX);

    if (head_len == 0) {
        if (len >= HTTP_HEADER_BYTES_MAX)
            http_conn_refuse(conn, 431, "The headers are too large.");
        return 0;
    }
    int status = http_parse_head(bytes, head_len, &head, &why);
    if (status == 0 && head.body_len > HTTP_BODY_BYTES_MAX) {
        status = 413;
        why = "The body is too large.";
    }
    if (status) {
        http_conn_refuse(conn, status, why);
        return 0;
    }
    conn->is_last_answer = !head.is_keep_alive;
    conn->ex = http_exchange_new(conn, bytes, head_len, &head);
    if (head.expects_continue && (head.is_chunked || head.body_len > 0) && len == head_len &&
        !head.is_http10) {
        buf_add_str(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
        http_conn_ask_flush(conn);
    }
    return head_len;
}

/* Reads the body of conn->ex. Returns the bytes used; *ret_is_done once it is complete. */
static size_t read_body(struct http_conn *conn, const char *bytes, size_t len, bool *ret_is_done)
{
    struct http_exchange *ex = conn->ex;

    if (ex->is_chunked) {
        ssize_t used = http_chunks_feed(&ex->chunks, bytes, len, HTTP_BODY_BYTES_MAX, &ex->body);
        if (used < 0) {
            http_conn_refuse(conn, (int)-used,
                             used == -413 ? "The body is too large." : "The chunks are malformed.");
            return len;
        }
        *ret_is_done = ex->chunks.state == CHUNK_DONE;
        return (size_t)used;
    }

    bool is_short = ex->body_len <= ex->short_body_max;
    size_t have = is_short ? ex->request.body_len : ex->body.len;
    size_t piece = ex->body_len - have < len ? ex->body_len - have : len;
    if (is_short) {
        memcpy(ex->short_body + have, bytes, piece);
        ex->request.body_len += piece;
        ex->short_body[ex->request.body_len] = '\0';
    } else {
        buf_add(&ex->body, bytes, piece);
    }
    *ret_is_done = have + piece == ex->body_len;
    return piece;
}

/* Handles the requests that `bytes` holds, as far as they can be answered now. Returns the bytes
 * used. */
static size_t read_requests(struct http_conn *conn, char *bytes, size_t len)
{
    size_t used = 0;

    while (conn->state == CONN_READING && unsent(conn) < UNSENT_BYTES_PAUSE) {
        if (!conn->ex) {
            /* Some clients send an empty line after a body (RFC 9112 section 2.2). */
            while (len - used >= 2 && bytes[used] == '\r' && bytes[used + 1] == '\n')
                used += 2;
            if (used == len)
                break;
            size_t head_len = read_head(conn, bytes + used, len - used);
            if (head_len == 0)
                break;
            used += head_len;
        }
        bool is_done = false;
        used += read_body(conn, bytes + used, len - used, &is_done);
        if (is_done)
            dispatch(conn);
        else if (used == len)
            break;
    }
    return used;
}

/* Takes in what was read: `bytes`, or with NULL what is in conn->in already. */
static void take_bytes(struct http_conn *conn, char *bytes, size_t len)
{
    bool is_direct = conn->in.len == 0 && conn->state == CONN_READING;

    if (!is_direct && len > 0)
        buf_add(&conn->in, bytes, len);
    if (is_direct) {
        size_t used = read_requests(conn, bytes, len);
        if (used < len && conn->state != CONN_LINGERING)
            buf_add(&conn->in, bytes + used, len - used);
        else if (used < len)
            conn->must_drain = true;
    } else if (conn->state == CONN_READING) {
        size_t used = read_requests(conn, conn->in.data, conn->in.len);
        if (used < conn->in.len)
            buf_consume(&conn->in, used);
        else
            buf_done(&conn->in);
    }
    if (conn->state == CONN_READING)
        set_reading_due(conn);
    if (conn->in.len >= HTTP_PIPELINE_BYTES && conn->state != CONN_LINGERING)
        watch_less(conn, UV_READABLE);
}

/* The peer has sent all it will. */
static void on_end(struct http_conn *conn)
{
    conn->is_peer_done = true;
    switch (conn->state) {
    case CONN_HANDLING:
        /* A client that only ended its side still wants its answer; a stream goes on until
         * nothing more can be sent. */
        watch_less(conn, UV_READABLE);
        conn->is_last_answer = true;
        if (conn->ex->is_streaming) {
            http_conn_close(conn);
        } else if (conn->ex->gone) {
            http_gone_fn *gone = conn->ex->gone;
            conn->ex->gone = NULL;
            gone(conn->ex->gone_data);
        }
        return;
    case CONN_READING:
    case CONN_WEBSOCKET:
        watch_less(conn, UV_READABLE);
        http_conn_linger(conn, false);
        http_conn_ask_flush(conn);
        return;
    case CONN_LINGERING:
        if (unsent(conn) > 0)
            watch_less(conn, UV_READABLE);
        else
            http_conn_close(conn);
        return;
    case CONN_HANDSHAKE:
        http_conn_close(conn);
        return;
    case CONN_CLOSED:
        return;
    }
}

static void read_conn(struct http_conn *conn)
{
    char bytes[READ_BYTES_MAX]; /* on the stack: only as many pages are touched as are read into */

    for (int i = 0; i < READS_PER_EVENT && (conn->poll_events & UV_READABLE); i++) {
        ssize_t got = transport_read(&conn->transport, bytes, sizeof(bytes));
        if (got == TRANSPORT_AGAIN)
            return;
        if (got == TRANSPORT_FAILED) {
            http_conn_close(conn);
            return;
        }
        if (got == 0) {
            on_end(conn);
            return;
        }
        conn->server->stats.bytes_in += (uint64_t)got;
        if (conn->state == CONN_WEBSOCKET && conn->in.len == 0)
            ws_server_read(conn, bytes, (size_t)got);
        else if (conn->state != CONN_LINGERING)
            take_bytes(conn, bytes, (size_t)got);
        if (conn->transport.ssl ? SSL_pending(conn->transport.ssl) == 0
                                : (size_t)got < sizeof(bytes))
            return;
    }
}

/* TLS handshakes: their cost is limited per turn, the rest wait in line */

static void begin_requests(struct http_conn *conn)
{
    conn->state = CONN_READING;
    watch(conn, UV_READABLE);
    if (conn->is_refused)
        http_conn_refuse(conn, 503, "There are too many connections; try again later.");
    else
        set_reading_due(conn);
}

static void step_handshake(struct http_conn *conn)
{
    bool wants_write = false;
    int rc = transport_handshake(&conn->transport, &wants_write);

    if (rc == TRANSPORT_AGAIN)
        watch(conn, wants_write ? UV_WRITABLE : UV_READABLE);
    else if (rc == TRANSPORT_FAILED)
        http_conn_close(conn);
    else
        begin_requests(conn);
}

static bool may_handshake(struct http_server *server)
{
    if (server->handshake_turn != loop_turn(server->loop)) {
        server->handshake_turn = loop_turn(server->loop);
        server->handshakes_in_turn = 0;
    }
    if (server->handshakes_in_turn >= HTTP_TLS_HANDSHAKES_PER_TURN)
        return false;
    server->handshakes_in_turn++;
    return true;
}

static void on_handshakes_waiting(void *data)
{
    struct http_server *server = data;

    while (!TAILQ_EMPTY(&server->handshakes)) {
        if (!may_handshake(server)) {
            timer_start(&server->handshake_timer, server->loop, 0, on_handshakes_waiting, server);
            return;
        }
        struct http_conn *conn = TAILQ_FIRST(&server->handshakes);
        TAILQ_REMOVE(&server->handshakes, conn, handshake_link);
        conn->is_waiting_handshake = false;
        step_handshake(conn);
    }
}

static void on_handshake_ready(struct http_conn *conn)
{
    struct http_server *server = conn->server;

    /* Only the first step, from the client's hello to ours, is expensive. */
    if (!SSL_in_before(conn->transport.ssl)) {
        step_handshake(conn);
    } else if (TAILQ_EMPTY(&server->handshakes) && may_handshake(server)) {
        step_handshake(conn);
    } else {
        watch(conn, 0);
        conn->is_waiting_handshake = true;
        TAILQ_INSERT_TAIL(&server->handshakes, conn, handshake_link);
        if (!server->handshake_timer.is_running)
            timer_start(&server->handshake_timer, server->loop, 0, on_handshakes_waiting, server);
    }
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct http_conn *conn = handle->data;

    if (status < 0) {
        http_conn_close(conn);
        return;
    }
    if (conn->state == CONN_HANDSHAKE) {
        on_handshake_ready(conn);
        return;
    }
    if (events & UV_WRITABLE)
        flush_conn(conn);
    if ((events & UV_READABLE) && conn->state != CONN_CLOSED)
        read_conn(conn);
}

/* Beginning and end */

static void on_conn_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void http_conn_close(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    enum http_conn_state state = conn->state;

    if (state == CONN_CLOSED)
        return;
    conn->state = CONN_CLOSED;
    timer_stop(&conn->timer);
    if (conn->is_flush_asked)
        TAILQ_REMOVE(&server->to_flush, conn, flush_link);
    if (conn->is_waiting_handshake)
        TAILQ_REMOVE(&server->handshakes, conn, handshake_link);
    TAILQ_REMOVE(&server->conns, conn, link);
    server->stats.connections--;
    if (conn->is_refused)
        server->refused_count--;
    uv_close((uv_handle_t *)&conn->poll, on_conn_closed);
    transport_close(&conn->transport);
    buf_done(&conn->in);
    buf_done(&conn->out);
    if (conn->ex && state == CONN_HANDLING)
        http_exchange_gone(conn->ex);
    else
        http_exchange_free(conn->ex);
    if (conn->ws)
        ws_server_gone(conn);
    http_server_conn_gone(server);
}

void http_conn_format_peer(const struct sockaddr_storage *address, char ret[INET6_ADDRSTRLEN])
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

    ret[0] = '\0';
    if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], ret, INET6_ADDRSTRLEN);
    else if (address->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &v6->sin6_addr, ret, INET6_ADDRSTRLEN);
    else if (address->ss_family == AF_INET)
        inet_ntop(AF_INET, &v4->sin_addr, ret, INET6_ADDRSTRLEN);
}

static unsigned port_of(const struct sockaddr_storage *address)
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

    if (address->ss_family == AF_INET6)
        return ntohs(v6->sin6_port);
    return address->ss_family == AF_INET ? ntohs(v4->sin_port) : 0;
}

void http_conn_new(struct http_server *server, int fd, const struct sockaddr_storage *address,
                   bool is_refused)
{
    int on = 1;

    struct http_conn *conn = xcalloc(1, sizeof(*conn));

    if (uv_poll_init_socket(loop_uv(server->loop), &conn->poll, fd) < 0) {
        close(fd);
        free(conn);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    conn->poll.data = conn;
    conn->server = server;
    conn->transport.fd = fd;
    conn->is_refused = is_refused;
    http_conn_format_peer(address, conn->peer);
    conn->peer_port = port_of(address);
    TAILQ_INSERT_TAIL(&server->conns, conn, link);
    server->stats.connections++;
    server->refused_count += is_refused;
    if (!server->tls) {
        begin_requests(conn);
        return;
    }
    conn->transport.ssl = SSL_new(server->tls);
    if (!conn->transport.ssl || SSL_set_fd(conn->transport.ssl, fd) != 1) {
        ERR_clear_error();
        http_conn_close(conn);
        return;
    }
    SSL_set_accept_state(conn->transport.ssl);
    conn->state = CONN_HANDSHAKE;
    watch(conn, UV_READABLE);
    http_conn_set_due(conn, TLS_HANDSHAKE_MS);
}
