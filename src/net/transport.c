#include "net/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

static ssize_t tls_result(struct transport *transport, int rc)
{
    switch (SSL_get_error(transport->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return TRANSPORT_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        ERR_clear_error();
        SSL_set_quiet_shutdown(transport->ssl, 1);
        return TRANSPORT_FAILED;
    }
}

ssize_t transport_read(struct transport *transport, void *bytes, size_t len)
{
    if (transport->ssl) {
        size_t got;
        int rc = SSL_read_ex(transport->ssl, bytes, len, &got);
        return rc == 1 ? (ssize_t)got : tls_result(transport, rc);
    }
    for (;;) {
        ssize_t got = recv(transport->fd, bytes, len, 0);
        if (got >= 0)
            return got;
        if (errno != EINTR)
            return errno == EAGAIN ? TRANSPORT_AGAIN : TRANSPORT_FAILED;
    }
}

ssize_t transport_write(struct transport *transport, const void *bytes, size_t len)
{
    if (transport->ssl) {
        size_t put;
        int rc = SSL_write_ex(transport->ssl, bytes, len, &put);
        if (rc == 1)
            return (ssize_t)put;
        ssize_t result = tls_result(transport, rc);
        return result == 0 ? TRANSPORT_FAILED : result;
    }
    for (;;) {
        ssize_t put = send(transport->fd, bytes, len, MSG_NOSIGNAL);
        if (put >= 0)
            return put;
        if (errno != EINTR)
            return errno == EAGAIN ? TRANSPORT_AGAIN : TRANSPORT_FAILED;
    }
}

int transport_handshake(struct transport *transport, bool *ret_wants_write)
{
    int rc = SSL_do_handshake(transport->ssl);

    if (rc == 1)
        return 1;
    int error = SSL_get_error(transport->ssl, rc);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        *ret_wants_write = error == SSL_ERROR_WANT_WRITE;
        return TRANSPORT_AGAIN;
    }
    ERR_clear_error();
    SSL_set_quiet_shutdown(transport->ssl, 1);
    return TRANSPORT_FAILED;
}

void transport_end_writing(struct transport *transport)
{
    if (transport->ssl) {
        SSL_shutdown(transport->ssl);
        ERR_clear_error();
    }
    shutdown(transport->fd, SHUT_WR);
}

void transport_close(struct transport *transport)
{
    if (transport->ssl) {
        SSL_shutdown(transport->ssl); /* one way; its failure changes nothing */
        ERR_clear_error();
        SSL_free(transport->ssl);
        transport->ssl = NULL;
    }
    if (transport->fd >= 0)
        close(transport->fd);
    transport->fd = -1;
}

static struct error *tls_error(const char *what, const char *file)
{
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);
    struct error *err =
        error_new(API_SERVER, "%s %s: %s", what, file, reason ? reason : strerror(errno));

    ERR_clear_error();
    return err;
}

/* Clients that offer protocols by ALPN get http/1.1; a list without it goes on without ALPN. */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
                           const unsigned char *in, unsigned in_len, void *data)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl;
    (void)data;
    if (SSL_select_next_proto(&chosen, ret_len, ours, sizeof(ours) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

struct error *tls_server_ctx_new(const char *cert_file, const char *key_file, SSL_CTX **ret_ctx)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    struct error *err = NULL;

    if (!ctx)
        return error_new(API_SERVER, "TLS cannot be set up.");
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    errno = 0;
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
        err = tls_error("TLS certificate file", cert_file);
    else if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
        err = tls_error("TLS key file", key_file);
    else if (SSL_CTX_check_private_key(ctx) != 1)
        err = tls_error("TLS key file does not fit the certificate:", key_file);
    if (err) {
        SSL_CTX_free(ctx);
        return err;
    }
    *ret_ctx = ctx;
    return NULL;
}
