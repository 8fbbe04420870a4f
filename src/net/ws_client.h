/* ws_client.h - the client side of a WebSocket on the loop: one connection, text messages.
 *
 * TLS checks the certificate against the host name without its port. The Host header is
 * sigv4_url_host() of the URL, unless the headers have one. HTTP_PROXY and NO_PROXY are honoured
 * (AP-024).
 */
#ifndef BERTH_NET_WS_CLIENT_H
#define BERTH_NET_WS_CLIENT_H

#include "base/error.h"
#include "net/http_server.h"
#include "net/loop.h"

struct ws_client; /* one connection; frees itself after on_closed */

struct ws_client_options {
    const char *url;                   /* ws://, wss://, http:// or https:// */
    const struct http_header *headers; /* of the upgrade request: the signature's */
    size_t header_count;
    const char *ca_file;
    bool is_insecure;
    int64_t connect_timeout_ms; /* dial and handshake */
    void (*on_open)(struct ws_client *ws, void *data);
    void (*on_message)(struct ws_client *ws, const char *text, size_t len, void *data);
    /* Once, always, last: refused (http_status other than 101, its body in err->message), failed or
     * closed (err NULL for a regular close: a close frame came, or an answer to ours). Takes err.
     * ws is freed when it returns. close_code is the peer's, 1006 if there was none; http_status 0
     * if no answer came. */
    void (*on_closed)(struct error *err, int http_status, int close_code, void *data);
    void *data;
};

MUST_USE struct error *ws_client_open(struct loop *loop, const struct ws_client_options *options,
                                      struct ws_client **ret_ws);
void ws_client_send(struct ws_client *ws, const char *text, size_t len);
void ws_client_close(struct ws_client *ws, int code, const char *reason); /* on_closed follows */

#endif
