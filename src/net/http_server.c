#include "net/http_conn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define ACCEPTS_PER_TURN 64
#define LISTEN_BACKLOG   4096
#define REFUSED_MAX      64 /* connections beyond the limit that get a 503; more are just closed */

const char *http_server_date(struct http_server *server)
{
    time_t now_s = time(NULL);
    struct tm tm;

    if (now_s != server->date_s) {
        gmtime_r(&now_s, &tm);
        strftime(server->date, sizeof(server->date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
        server->date_s = now_s;
    }
    return server->date;
}

/* Accepting */

static bool has_too_many(const struct http_server *server, const struct sockaddr_storage *address)
{
    unsigned count = 0;
    char peer[INET6_ADDRSTRLEN];
    const struct http_conn *conn;

    if (!server->options.per_peer_max)
        return false;
    http_conn_format_peer(address, peer);
    TAILQ_FOREACH(conn, &server->conns, link)
    count += !conn->is_refused && strcmp(conn->peer, peer) == 0;
    return count >= server->options.per_peer_max;
}

static bool admit(struct http_server *server, const struct sockaddr_storage *address,
                  bool *ret_is_refused)
{
    unsigned max = server->options.connections_max;

    *ret_is_refused = (max > 0 && server->stats.connections - server->refused_count >= max) ||
                      has_too_many(server, address);
    if (!*ret_is_refused)
        return true;
    server->stats.rejected_connections++;
    return server->refused_count < REFUSED_MAX;
}

/* Takes `fd`. */
static void accept_one(struct http_server *server, int fd, const struct sockaddr_storage *address)
{
    bool is_refused;

    if (admit(server, address, &is_refused))
        http_conn_new(server, fd, address, is_refused);
    else
        close(fd);
}

/* Out of descriptors: lets one connection in by the spare one, only to end it, so that its client
 * sees an end instead of silence and the loop does not spin on a listener that stays readable. */
static void shed_one(struct http_server *server)
{
    if (server->spare_fd >= 0)
        close(server->spare_fd);
    int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->stats.rejected_connections++;
}

static void on_listener(uv_poll_t *handle, int status, int events)
{
    struct http_server *server = handle->data;
    int accepts_max = server->tls ? HTTP_TLS_HANDSHAKES_PER_TURN : ACCEPTS_PER_TURN;

    (void)status;
    (void)events;
    for (int i = 0; i < accepts_max; i++) {
        struct sockaddr_storage address = {0};
        socklen_t len = sizeof(address);
        int fd = accept4(server->listen_fd, (struct sockaddr *)&address, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            accept_one(server, fd, &address);
        else if (errno == EMFILE || errno == ENFILE)
            shed_one(server);
        else if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

/* The server */

static void free_server(struct http_server *server)
{
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    if (server->spare_fd >= 0)
        close(server->spare_fd);
    SSL_CTX_free(server->tls);
    free((char *)server->options.listen);
    free((char *)server->options.tls_cert_file);
    free((char *)server->options.tls_key_file);
    free(server);
}

/* "address:port" or "[address]:port"; names but localhost are not looked up, which could block. */
static struct error *resolve_listen(const char *listen, struct addrinfo **ret)
{
    CLEANUP(str_freep) char *host = str_dup(listen);
    char *port = strrchr(host, ':');
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    int64_t number;

    if (port)
        *port++ = '\0';
    const char *name = host;
    size_t len = strlen(host);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        name++;
    }
    if (strcmp(name, "localhost") == 0)
        name = "127.0.0.1";
    if (!port || !str_to_int64(port, &number) || number < 0 || number > UINT16_MAX ||
        getaddrinfo(*name ? name : NULL, port, &hints, ret) != 0)
        return error_new(API_INVALID_PARAMETER,
                         "%s is not an address and a port, like 127.0.0.1:4566.", listen);
    return NULL;
}

static struct error *listen_on(struct http_server *server, const struct addrinfo *address)
{
    int on = 1;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {0};
    socklen_t len = sizeof(bound);
    const char *listen_text = server->options.listen;

    server->listen_fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server->listen_fd < 0)
        return error_errno(errno, "listening on %s", listen_text);
    setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(server->listen_fd, address->ai_addr, address->ai_addrlen) < 0 ||
        listen(server->listen_fd, LISTEN_BACKLOG) < 0 ||
        getsockname(server->listen_fd, &bound.any, &len) < 0)
        return error_errno(errno, "listening on %s", listen_text);
    server->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
    return NULL;
}

static struct error *open_listener(struct http_server *server)
{
    struct addrinfo *address = NULL;
    const struct http_server_options *options = &server->options;

    if (options->tls_cert_file)
        TRY(tls_server_ctx_new(options->tls_cert_file, options->tls_key_file, &server->tls));
    TRY(resolve_listen(options->listen, &address));
    struct error *err = listen_on(server, address);
    freeaddrinfo(address);
    if (err)
        return err;
    int rc = uv_poll_init_socket(loop_uv(server->loop), &server->listener, server->listen_fd);
    if (rc < 0)
        return error_errno(-rc, "listening on %s", options->listen);
    return NULL;
}

struct error *http_server_new(struct loop *loop, const struct http_server_options *options,
                              struct http_server **ret_server)
{
    struct http_server *server = xcalloc(1, sizeof(*server));

    server->loop = loop;
    server->options = *options;
    server->options.listen = str_dup(options->listen);
    server->options.tls_cert_file = str_dup(options->tls_cert_file);
    server->options.tls_key_file =
        str_dup(options->tls_key_file ? options->tls_key_file : options->tls_cert_file);
    if (server->options.idle_ms == 0)
        server->options.idle_ms = HTTP_IDLE_MS;
    if (server->options.request_ms == 0)
        server->options.request_ms = HTTP_REQUEST_MS;
    server->on_request = options->on_request;
    server->data = options->data;
    server->listen_fd = -1;
    server->spare_fd = -1;
    TAILQ_INIT(&server->conns);
    TAILQ_INIT(&server->to_flush);
    TAILQ_INIT(&server->handshakes);
    struct error *err = open_listener(server);
    if (err) {
        free_server(server);
        return err;
    }
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->listener.data = server;
    uv_poll_start(&server->listener, UV_READABLE, on_listener);
    *ret_server = server;
    return NULL;
}

unsigned http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_stats(const struct http_server *server, struct http_server_stats *ret)
{
    *ret = server->stats;
}

struct error *http_server_reload_tls(struct http_server *server)
{
    SSL_CTX *fresh = NULL;

    if (!server->tls)
        return NULL;
    TRY(tls_server_ctx_new(server->options.tls_cert_file, server->options.tls_key_file, &fresh));
    SSL_CTX_free(server->tls); /* connections made with it keep it alive */
    server->tls = fresh;
    return NULL;
}

/* Closing */

static void server_done(void *data)
{
    struct http_server *server = data;
    loop_fn *closed = server->closed;
    void *closed_data = server->closed_data;

    timer_stop(&server->grace);
    timer_stop(&server->handshake_timer);
    free_server(server);
    if (closed)
        closed(closed_data);
}

void http_server_conn_gone(struct http_server *server)
{
    if (server->is_done || !server->is_closing || !server->is_listener_closed ||
        !TAILQ_EMPTY(&server->conns))
        return;
    server->is_done = true;
    loop_defer(server->loop, server_done, server);
}

static void on_grace_over(void *data)
{
    struct http_server *server = data;

    /* A handler told of its peer's end may close nothing but its own. */
    while (!TAILQ_EMPTY(&server->conns))
        http_conn_close(TAILQ_FIRST(&server->conns));
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct http_server *server = handle->data;

    server->is_listener_closed = true;
    http_server_conn_gone(server);
}

/* Ends what is idle; what is under way ends by itself. */
static void wind_down(struct http_conn *conn)
{
    switch (conn->state) {
    case CONN_HANDSHAKE:
        http_conn_close(conn);
        return;
    case CONN_READING:
        if (conn->is_in_request) {
            conn->is_last_answer = true;
        } else {
            http_conn_linger(conn, false);
            http_conn_ask_flush(conn);
        }
        return;
    case CONN_WEBSOCKET:
        ws_close(conn->ws, 1001, "The server is shutting down.");
        return;
    case CONN_HANDLING:
        conn->is_last_answer = true;
        return;
    case CONN_LINGERING:
    case CONN_CLOSED:
        return;
    }
}

void http_server_close(struct http_server *server, int64_t grace_ms, loop_fn *closed, void *data)
{
    struct http_conn *conn, *next;

    assert(!server->is_closing);
    server->is_closing = true;
    server->closed = closed;
    server->closed_data = data;
    uv_close((uv_handle_t *)&server->listener, on_listener_closed);
    close(server->listen_fd);
    server->listen_fd = -1;
    timer_start(&server->grace, server->loop, grace_ms, on_grace_over, server);
    for (conn = TAILQ_FIRST(&server->conns); conn; conn = next) {
        next = TAILQ_NEXT(conn, link);
        wind_down(conn);
    }
}
