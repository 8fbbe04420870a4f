/* http_hijack.h - an HTTP request whose connection becomes a plain stream of bytes both ways, as
 * Docker's attach and exec do ("Upgrade: tcp").
 *
 * curl dials and gives up the socket (CURLOPT_CONNECT_ONLY); the request, the answer and the bytes
 * are carried here. 101 opens the stream, and so does a 200 that announces no length.
 *
 * Back pressure  Of what is sent HTTP_HIJACK_QUEUE_MAX bytes at most wait for the peer: more is not
 * taken, and on_room says when to go on. While it is held nothing is read, and the peer stops.
 * Errors         on_closed runs once, last, after the call that caused it has returned.
 */
#ifndef BERTH_NET_HTTP_HIJACK_H
#define BERTH_NET_HTTP_HIJACK_H

#include "base/error.h"
#include "net/http_client.h"
#include "net/loop.h"

#define HTTP_HIJACK_QUEUE_MAX (256 * 1024)

struct http_hijack; /* frees itself after on_closed */

struct http_hijack_options {
    const char *unix_socket; /* NULL: TCP */
    const char *url;         /* http:// */
    const char *body;        /* JSON; NULL: none */
    int64_t answer_timeout_ms;
    int64_t idle_timeout_ms; /* an open stream on which nothing moves ends; 0: never */
    void (*on_open)(void *data);
    void (*on_bytes)(const char *bytes, size_t len, void *data);
    void (*on_room)(void *data); /* all that waited is gone, after a send was cut short */
    /* The peer ended the stream: neither. Refused: its answer. Else the error, which is taken. */
    void (*on_closed)(struct error *err, const struct http_response *refusal, void *data);
    void *data;
};

MUST_USE struct error *http_hijack_open(struct loop *loop,
                                        const struct http_hijack_options *options,
                                        struct http_hijack **ret_hijack);
/* The number of bytes taken, copied; 0 unless it is open. */
size_t http_hijack_send(struct http_hijack *hijack, const char *bytes, size_t len);
/* The peer sees the end of the input behind all that was sent. */
void http_hijack_end_input(struct http_hijack *hijack);
/* What was read already still comes, some 16 KiB. */
void http_hijack_hold(struct http_hijack *hijack, bool is_held);
/* In on_closed: a limit of time passed, and which. 0: none did. */
int64_t http_hijack_timeout_ms(const struct http_hijack *hijack);
void http_hijack_cancel(struct http_hijack *hijack); /* on_closed follows, with an error */

#endif
