/* transport.h - a connected, non-blocking socket with or without TLS on it, and the TLS settings of
 * a server. */
#ifndef BERTH_NET_TRANSPORT_H
#define BERTH_NET_TRANSPORT_H

#include <stddef.h>
#include <sys/types.h>

#include <openssl/ssl.h>

#include "base/error.h"

struct transport {
    int fd;
    SSL *ssl; /* NULL: plain */
};

enum { TRANSPORT_AGAIN = -1, TRANSPORT_FAILED = -2 };

/* Bytes moved (read: 0 at the end of the stream), TRANSPORT_AGAIN or TRANSPORT_FAILED. */
ssize_t transport_read(struct transport *transport, void *bytes, size_t len);
ssize_t transport_write(struct transport *transport, const void *bytes, size_t len);
/* One step of the server's handshake: 1 done, TRANSPORT_AGAIN (*ret_wants_write says for what) or
 * TRANSPORT_FAILED. */
int transport_handshake(struct transport *transport, bool *ret_wants_write);
/* Tells the peer that nothing more will be sent. */
void transport_end_writing(struct transport *transport);
void transport_close(struct transport *transport);

MUST_USE struct error *tls_server_ctx_new(const char *cert_file, const char *key_file,
                                          SSL_CTX **ret_ctx);

#endif
