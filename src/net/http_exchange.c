#include "net/http_conn.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define SHORT_BODY_BYTES (16 * 1024) /* bodies up to here share the allocation of their request */

/* Requests */

struct http_exchange *http_exchange_new(struct http_conn *conn, const char *head_bytes,
                                        size_t head_len, const struct http_head *head)
{
    size_t headers_size = head->header_count * sizeof(struct http_header);
    size_t short_body =
        !head->is_chunked && head->body_len <= SHORT_BODY_BYTES ? (size_t)head->body_len : 0;
    struct http_exchange *ex = xmalloc(sizeof(*ex) + headers_size + head_len + 1 + short_body + 1);

    memset(ex, 0, sizeof(*ex));
    ex->conn = conn;
    ex->head = (char *)ex + sizeof(*ex) + headers_size;
    memcpy(ex->head, head_bytes, head_len);
    ex->head[head_len] = '\0';
    ex->short_body = ex->head + head_len + 1;
    ex->short_body[0] = '\0';
    ex->short_body_max = short_body;
    ex->is_chunked = head->is_chunked;
    ex->body_len = (size_t)head->body_len;
    ex->is_http10 = head->is_http10;
    ex->websocket_key = head->websocket_key;
    for (unsigned i = 0; i < head->header_count; i++) {
        ex->headers[i].name = ex->head + head->headers[i].name.start;
        ex->headers[i].value = ex->head + head->headers[i].value.start;
    }

    struct http_request *req = &ex->request;
    req->method = ex->head + head->method.start;
    req->path = ex->head + head->path.start;
    req->query = ex->head + head->query.start;
    req->headers = ex->headers;
    req->header_count = head->header_count;
    req->body = ex->short_body;
    memcpy(req->peer, conn->peer, sizeof(conn->peer));
    req->peer_port = conn->peer_port;
    req->is_tls = conn->transport.ssl != NULL;
    req->wants_websocket = head->wants_websocket;
    ex->is_head = strcmp(req->method, "HEAD") == 0;
    return ex;
}

void http_exchange_free(struct http_exchange *ex)
{
    if (!ex)
        return;
    buf_done(&ex->body);
    free(ex);
}

const char *http_request_header(const struct http_request *req, const char *lower_case_name)
{
    for (size_t i = 0; i < req->header_count; i++)
        if (strcmp(req->headers[i].name, lower_case_name) == 0)
            return req->headers[i].value;
    return NULL;
}

void http_exchange_on_gone(struct http_exchange *ex, http_gone_fn *fn, void *data)
{
    ex->gone = fn;
    ex->gone_data = data;
}

void http_exchange_gone(struct http_exchange *ex)
{
    http_gone_fn *gone = ex->gone;

    ex->conn = NULL;
    ex->gone = NULL;
    if (gone)
        gone(ex->gone_data);
}

/* Answers */

static void add_head(struct http_conn *conn, int status, const struct http_header *headers,
                     size_t header_count, const char *framing)
{
    struct buf *out = &conn->out;
    char line[64];
    int len = snprintf(line, sizeof(line), "HTTP/1.1 %d %s\r\n", status, http_status_text(status));

    buf_add(out, line, (size_t)len);
    buf_add_str(out, http_server_date(conn->server));
    for (size_t i = 0; i < header_count; i++) {
        /* A line break in a value would let its writer make headers of their own. */
        if (strpbrk(headers[i].value, "\r\n"))
            continue;
        buf_add_str(out, headers[i].name);
        buf_add(out, ": ", 2);
        buf_add_str(out, headers[i].value);
        buf_add(out, "\r\n", 2);
    }
    if (conn->is_last_answer)
        buf_add_str(out, "Connection: close\r\n");
    else if (conn->ex && conn->ex->is_http10)
        buf_add_str(out, "Connection: keep-alive\r\n");
    buf_add_str(out, framing);
    buf_add(out, "\r\n", 2);
}

/* The answer is complete: the connection goes on with the next request once this is sent. */
static void finish(struct http_conn *conn)
{
    conn->ex = NULL;
    if (conn->is_last_answer)
        http_conn_linger(conn, conn->in.len > 0);
    else
        conn->state = CONN_READING;
    http_conn_ask_flush(conn);
}

static void add_answer(struct http_conn *conn, int status, const struct http_header *headers,
                       size_t header_count, const char *body, size_t body_len, bool is_head)
{
    char framing[64];

    if (status == 204 || status == 304 || status < 200) {
        framing[0] = '\0';
        body_len = 0;
    } else {
        snprintf(framing, sizeof(framing), "Content-Length: %zu\r\n", body_len);
    }
    buf_reserve(&conn->out, 256 + header_count * 64 + body_len);
    add_head(conn, status, headers, header_count, framing);
    if (!is_head)
        buf_add(&conn->out, body, body_len);
}

void http_respond(struct http_exchange *ex, int status, const struct http_header *headers,
                  size_t header_count, const char *body, size_t body_len)
{
    struct http_conn *conn = ex->conn;

    assert(!ex->is_streaming && !ex->is_upgraded);
    if (conn) {
        if (conn->server->is_closing)
            conn->is_last_answer = true;
        add_answer(conn, status, headers, header_count, body, body_len, ex->is_head);
        finish(conn);
    }
    http_exchange_free(ex);
}

void http_conn_refuse(struct http_conn *conn, int status, const char *why)
{
    struct http_header headers[3] = {{"Content-Type", "text/plain; charset=utf-8"}};
    size_t count = 1;

    if (status == 503)
        headers[count++] = (struct http_header){"Retry-After", "1"};
    if (status == 426) {
        headers[count++] = (struct http_header){"Upgrade", "websocket"};
        headers[count++] = (struct http_header){"Sec-WebSocket-Version", "13"};
    }
    conn->is_last_answer = true;
    add_answer(conn, status, headers, count, why, strlen(why), false);
    http_exchange_free(conn->ex); /* still being read: no handler has it */
    conn->ex = NULL;
    http_conn_linger(conn, true);
    http_conn_ask_flush(conn);
}

/* Streams */

void http_stream_begin(struct http_exchange *ex, int status, const struct http_header *headers,
                       size_t header_count)
{
    struct http_conn *conn = ex->conn;

    assert(!ex->is_streaming && !ex->is_upgraded);
    ex->is_streaming = true;
    if (!conn)
        return;
    if (conn->server->is_closing || ex->is_http10)
        conn->is_last_answer = true; /* in HTTP/1.0 the end of the connection ends the body */
    add_head(conn, status, headers, header_count,
             ex->is_http10 ? "" : "Transfer-Encoding: chunked\r\n");
    http_conn_ask_flush(conn);
}

bool http_stream_write(struct http_exchange *ex, const char *bytes, size_t len)
{
    struct http_conn *conn = ex->conn;
    char size_line[24];

    assert(ex->is_streaming);
    if (!conn || conn->out.len - conn->out_sent + len > HTTP_OUT_BYTES_MAX)
        return false;
    if (ex->is_head || len == 0)
        return true;
    if (ex->is_http10) {
        buf_add(&conn->out, bytes, len);
    } else {
        int size_len = snprintf(size_line, sizeof(size_line), "%zx\r\n", len);
        buf_reserve(&conn->out, (size_t)size_len + len + 2);
        buf_add(&conn->out, size_line, (size_t)size_len);
        buf_add(&conn->out, bytes, len);
        buf_add(&conn->out, "\r\n", 2);
    }
    http_conn_ask_flush(conn);
    return true;
}

size_t http_stream_unsent(const struct http_exchange *ex)
{
    return ex->conn ? ex->conn->out.len - ex->conn->out_sent : 0;
}

void http_stream_on_sent(struct http_exchange *ex, loop_fn *fn, void *data)
{
    assert(ex->is_streaming);
    ex->sent = fn;
    ex->sent_data = data;
}

void http_stream_end(struct http_exchange *ex)
{
    struct http_conn *conn = ex->conn;

    assert(ex->is_streaming);
    if (conn) {
        if (!ex->is_head && !ex->is_http10)
            buf_add_str(&conn->out, "0\r\n\r\n");
        finish(conn);
    }
    http_exchange_free(ex);
}
