/* server_own.c - the server of src/net: everything on one port. server_own PORT [CERT KEY] */
#include <stdio.h>
#include <stdlib.h>

#include "net/loop_uv.h"
#include "spike.h"

static struct sigv4_cache *cache;
static struct arena arena;
static struct commits commits;

static void release(void *held)
{
    http_respond(held, 200, NULL, 0, SPIKE_ANSWER, sizeof(SPIKE_ANSWER) - 1);
}

static void on_message(struct ws *ws, const char *text, size_t len, void *data)
{
    (void)data;
    ws_send(ws, text, len);
}

static void on_request(struct http_exchange *ex, const struct http_request *req, void *data)
{
    static const struct ws_handler handler = {.on_message = on_message};

    (void)data;
    if (req->wants_websocket)
        ws_accept(ex, &handler);
    else if (spike_is_signed(cache, &arena, req))
        commits_hold(&commits, ex);
    else
        http_respond(ex, 400, NULL, 0, "", 0);
}

int main(int argc, char **argv)
{
    char listen[32];
    struct loop *loop;
    struct http_server *server;
    struct http_server_options options = {.listen = listen,
                                          .tls_cert_file = argc > 3 ? argv[2] : NULL,
                                          .tls_key_file = argc > 3 ? argv[3] : NULL,
                                          .on_request = on_request};

    spike_raise_limits();
    cache = sigv4_cache_new();
    snprintf(listen, sizeof(listen), "127.0.0.1:%s", argc > 1 ? argv[1] : "7900");
    struct error *err = loop_new(&loop);
    if (!err)
        err = http_server_new(loop, &options, &server);
    if (err) {
        fprintf(stderr, "%s\n", err->message);
        return 1;
    }
    commits_init(&commits, loop_uv(loop), release);
    loop_run(loop);
    return 0;
}
