#include "net/http_conn.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "net/ws_frame.h"

/* A peer that is silent is asked with a ping, and given up when that brings nothing: a host that
 * lost its power is noticed within 20 seconds. */
#define WS_PING_MS    6000
#define WS_SILENCE_MS 18000
#define WS_CLOSE_MS   5000 /* from our close frame to the peer's */

struct ws {
    struct http_conn *conn;
    struct ws_handler handler;
    struct ws_reader reader;
    int64_t heard_ms; /* when the last bytes came */
    bool is_closing;  /* our close frame is queued: nothing more is sent or delivered */
};

static void add_frame(struct ws *ws, enum ws_opcode opcode, const char *bytes, size_t len)
{
    ws_frame_add(&ws->conn->out, opcode, NULL, bytes, len);
    http_conn_ask_flush(ws->conn);
}

static void begin_close(struct ws *ws, int code, const char *reason)
{
    if (ws->is_closing)
        return;
    ws->is_closing = true;
    ws_frame_add_close(&ws->conn->out, NULL, code, reason);
    http_conn_set_due(ws->conn, WS_CLOSE_MS);
    http_conn_ask_flush(ws->conn);
}

static void free_exchange(void *data)
{
    http_exchange_free(data);
}

struct ws *ws_accept(struct http_exchange *ex, const struct ws_handler *handler)
{
    static const char head[] = "HTTP/1.1 101 Switching Protocols\r\n"
                               "Upgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: ";
    struct http_conn *conn = ex->conn;
    char accept[WS_ACCEPT_SIZE];

    assert(ex->request.wants_websocket && !ex->is_streaming && !ex->is_upgraded);
    if (!conn) {
        http_exchange_free(ex);
        return NULL;
    }
    ex->is_upgraded = true;
    struct ws *ws = xcalloc(1, sizeof(*ws));
    ws->conn = conn;
    ws->handler = *handler;
    ws->reader.wants_masked = true;
    ws->reader.bytes_max = WS_FRAME_BYTES_MAX;
    ws->heard_ms = loop_now_ms(conn->server->loop);
    ws_accept_key(ex->head + ex->websocket_key.start, ex->websocket_key.len, accept);

    buf_add(&conn->out, head, sizeof(head) - 1);
    buf_add_str(&conn->out, accept);
    buf_add_str(&conn->out, "\r\n\r\n");
    conn->ws = ws;
    conn->ex = NULL;
    conn->state = CONN_WEBSOCKET;
    conn->server->stats.websockets++;
    http_conn_set_due(conn, WS_PING_MS);
    http_conn_ask_flush(conn);
    /* The request is lent until the handler returns. */
    loop_defer(conn->server->loop, free_exchange, ex);
    return ws;
}

void ws_send(struct ws *ws, const char *text, size_t len)
{
    struct http_conn *conn = ws->conn;

    if (ws->is_closing)
        return;
    if (conn->out.len - conn->out_sent + len > WS_QUEUE_BYTES_MAX) {
        begin_close(ws, WS_CLOSE_TRY_LATER, "The peer does not take its messages.");
        return;
    }
    add_frame(ws, WS_OP_TEXT, text, len);
}

void ws_close(struct ws *ws, int code, const char *reason)
{
    begin_close(ws, code, reason);
}

/* True while there is more to read. */
static bool handle_event(struct ws *ws, enum ws_event event)
{
    struct ws_reader *reader = &ws->reader;

    switch (event) {
    case WS_EVENT_NONE:
        return false;
    case WS_EVENT_MESSAGE:
        if (!ws->is_closing)
            ws->handler.on_message(ws, reader->bytes, reader->len, ws->handler.data);
        return true;
    case WS_EVENT_PING:
        /* A flood of pings whose answers are not taken is not worth memory. */
        if (!ws->is_closing && ws->conn->out.len - ws->conn->out_sent < WS_QUEUE_BYTES_MAX)
            add_frame(ws, WS_OP_PONG, reader->bytes, reader->len);
        return true;
    case WS_EVENT_PONG:
        return true;
    case WS_EVENT_CLOSE:
        begin_close(ws, reader->close_code, NULL);
        http_conn_linger(ws->conn, false);
        /* If it answers ours there is nothing left to send: the connection ends now, and we are
         * the one to end it (RFC 6455, 7.1.1). */
        http_conn_ask_flush(ws->conn);
        return false;
    case WS_EVENT_ERROR:
        begin_close(ws, reader->close_code, NULL);
        http_conn_linger(ws->conn, true);
        return false;
    }
    return false;
}

void ws_server_read(struct http_conn *conn, char *bytes, size_t len)
{
    struct ws *ws = conn->ws;

    ws->heard_ms = loop_now_ms(conn->server->loop);
    ws_reader_feed(&ws->reader, bytes, len);
    while (handle_event(ws, ws_reader_next(&ws->reader)))
        continue;
}

void ws_server_due(struct http_conn *conn)
{
    struct ws *ws = conn->ws;
    int64_t silent_ms = loop_now_ms(conn->server->loop) - ws->heard_ms;

    if (ws->is_closing || silent_ms >= WS_SILENCE_MS) {
        conn->out.len = conn->out_sent; /* there is no one to send it to */
        http_conn_linger(conn, false);
        http_conn_ask_flush(conn);
        return;
    }
    if (silent_ms < WS_PING_MS) {
        http_conn_set_due(conn, WS_PING_MS - silent_ms);
        return;
    }
    if (conn->out.len == conn->out_sent) /* else there is a frame under way already */
        add_frame(ws, WS_OP_PING, "", 0);
    http_conn_set_due(conn, WS_PING_MS);
}

void ws_server_gone(struct http_conn *conn)
{
    struct ws *ws = conn->ws;

    conn->ws = NULL;
    conn->server->stats.websockets--;
    if (ws->handler.on_close)
        ws->handler.on_close(ws, ws->handler.data);
    ws_reader_done(&ws->reader);
    free(ws);
}
