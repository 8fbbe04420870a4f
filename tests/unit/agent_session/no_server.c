/* http_server.h for tests that ask for answers without a server. */
#include <stdlib.h>

#include "net/http_server.h"

struct error *http_server_new(struct loop *loop, const struct http_server_options *options,
                              struct http_server **ret_server)
{
    (void)loop;
    (void)options;
    (void)ret_server;
    abort();
}

void http_server_close(struct http_server *server, int64_t grace_ms, loop_fn *closed, void *data)
{
    (void)server;
    (void)grace_ms;
    (void)closed;
    (void)data;
    abort();
}

void http_respond(struct http_exchange *ex, int status, const struct http_header *headers,
                  size_t header_count, const char *body, size_t body_len)
{
    (void)ex;
    (void)status;
    (void)headers;
    (void)header_count;
    (void)body;
    (void)body_len;
    abort();
}
