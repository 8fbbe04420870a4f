/* Our server and our clients with each other on loopback, plain and TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/ws_client.h"

#define GUARD_MS 20000

struct world {
    struct loop *loop;
    struct http_server *server;
    struct http_client *client;
    char dir[64], cert[96], key[96];
    bool is_tls;
    struct timer guard;

    struct http_exchange *held;
    bool is_gone;
    int status;
    char *body, *type;
    char *error;
    int done_count;
    size_t chunk_bytes;

    struct ws *server_ws;
    int server_closes, client_closes, close_code, ws_status;
    char *ws_text, *ws_error;
    bool was_open;
};

static void on_guard(void *data)
{
    (void)data;
    fail_msg("%s", "the test hangs");
}

static void run(struct world *world)
{
    timer_start(&world->guard, world->loop, GUARD_MS, on_guard, NULL);
    loop_run(world->loop);
    timer_stop(&world->guard);
}

static void on_server_message(struct ws *ws, const char *text, size_t len, void *data)
{
    (void)data;
    if (len == 3 && memcmp(text, "bye", 3) == 0)
        ws_close(ws, 1000, "ConnectionExpired: Reconnect to continue");
    else
        ws_send(ws, text, len);
}

static void on_server_close(struct ws *ws, void *data)
{
    struct world *world = data;

    (void)ws;
    world->server_closes++;
    world->server_ws = NULL;
}

static void on_gone(void *data)
{
    struct world *world = data;

    world->is_gone = true;
    loop_stop(world->loop);
}

static void on_request(struct http_exchange *ex, const struct http_request *req, void *data)
{
    struct world *world = data;
    struct http_header type = {"Content-Type", "text/x-test"};

    if (strcmp(req->path, "/refuse") == 0) {
        static const char body[] =
            "{\"InactiveInstanceException\":\"Container instance is deregistered.\"}";
        http_respond(ex, 400, NULL, 0, body, strlen(body));
    } else if (req->wants_websocket) {
        struct ws_handler handler = {on_server_message, on_server_close, world};
        world->server_ws = ws_accept(ex, &handler);
    } else if (strcmp(req->path, "/hold") == 0) {
        world->held = ex;
        http_exchange_on_gone(ex, on_gone, world);
    } else if (strcmp(req->path, "/stream") == 0) {
        http_stream_begin(ex, 200, &type, 1);
        for (int i = 0; i < 100; i++)
            assert_true(http_stream_write(ex, "0123456789", 10));
        http_stream_end(ex);
    } else {
        CLEANUP(buf_done) struct buf out = {0};
        buf_printf(&out, "%s %s?%s %s ", req->method, req->path, req->query,
                   req->is_tls ? "tls" : "plain");
        buf_add(&out, req->body, req->body_len);
        http_respond(ex, 200, &type, 1, out.data, out.len);
    }
}

static void on_done(struct error *err, const struct http_response *response, void *data)
{
    struct world *world = data;

    world->done_count++;
    free(world->body);
    world->body = NULL;
    if (err) {
        free(world->error);
        world->error = str_dup(err->message);
        error_free(err);
    } else {
        world->status = response->status;
        world->body = str_dup_n(response->body, response->body_len);
        free(world->type);
        world->type = NULL;
        for (size_t i = 0; i < response->header_count; i++)
            if (strcmp(response->headers[i].name, "content-type") == 0)
                world->type = str_dup(response->headers[i].value);
    }
    loop_stop(world->loop);
}

static void make_certificate(struct world *world)
{
    CLEANUP(str_freep) char *command = NULL;

    snprintf(world->dir, sizeof(world->dir), "/tmp/berth-net-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    snprintf(world->cert, sizeof(world->cert), "%s/cert.pem", world->dir);
    snprintf(world->key, sizeof(world->key), "%s/key.pem", world->dir);
    command =
        str_printf("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
                   "-keyout %s -out %s -days 2 -subj /CN=localhost "
                   "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null",
                   world->key, world->cert);
    assert_int_equal(system(command), 0);
}

static struct world *world_new(bool is_tls)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct http_client_options client_options = {0};
    struct http_server_options options = {
        .listen = "127.0.0.1:0", .connections_max = 8, .on_request = on_request, .data = world};

    world->is_tls = is_tls;
    assert_null(loop_new(&world->loop));
    if (is_tls) {
        make_certificate(world);
        options.tls_cert_file = world->cert;
        options.tls_key_file = world->key;
        client_options.ca_file = world->cert;
    }
    assert_null(http_server_new(world->loop, &options, &world->server));
    assert_null(http_client_new(world->loop, &client_options, &world->client));
    return world;
}

static int setup_plain(void **state)
{
    *state = world_new(false);
    return 0;
}

static int setup_tls(void **state)
{
    *state = world_new(true);
    return 0;
}

static void on_server_closed(void *data)
{
    loop_stop(((struct world *)data)->loop);
}

static int teardown(void **state)
{
    struct world *world = *state;

    http_client_free(world->client);
    http_server_close(world->server, 1000, on_server_closed, world);
    run(world);
    loop_free(world->loop);
    if (world->is_tls) {
        unlink(world->cert);
        unlink(world->key);
        rmdir(world->dir);
    }
    free(world->body);
    free(world->type);
    free(world->error);
    free(world->ws_text);
    free(world->ws_error);
    free(world);
    return 0;
}

static char *url(struct world *world, const char *path)
{
    return str_printf("%s://127.0.0.1:%u%s", world->is_tls ? "https" : "http",
                      http_server_port(world->server), path);
}

static struct http_call *start(struct world *world, const char *method, const char *path,
                               const char *body, int64_t timeout_ms)
{
    CLEANUP(str_freep) char *at = url(world, path);
    struct http_call_options options = {.method = method,
                                        .url = at,
                                        .body = body,
                                        .body_len = body ? strlen(body) : 0,
                                        .timeout_ms = timeout_ms,
                                        .done = on_done,
                                        .data = world};

    return http_call_start(world->client, &options);
}

static void requests_arrive_as_sent(void **state)
{
    struct world *world = *state;
    const char *via = world->is_tls ? "tls" : "plain";
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};

    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        CLEANUP(str_freep)
        char *expected =
            str_printf("%s /a%%2Fb/../c?x=1+2;y=%%26 %s %s", methods[i], via, i ? "body" : "");
        start(world, methods[i], "/a%2Fb/../c?x=1+2;y=%26", i ? "body" : NULL, 5000);
        run(world);
        assert_null(world->error);
        assert_int_equal(world->status, 200);
        assert_string_equal(world->body, expected);
        assert_string_equal(world->type, "text/x-test");
    }
    start(world, "HEAD", "/", NULL, 5000);
    run(world);
    assert_int_equal(world->status, 200);
    assert_string_equal(world->body, "");
}

static void large_bodies(void **state)
{
    struct world *world = *state;
    char *body = xmalloc(3000001);

    memset(body, 'x', 3000000);
    body[3000000] = '\0';
    start(world, "POST", "/", body, 10000);
    run(world);
    assert_null(world->error);
    assert_string_equal(strchr(world->body, '?') + (world->is_tls ? 6 : 8), body);
    free(body);
}

static bool on_chunk(const char *bytes, size_t len, void *data)
{
    struct world *world = data;

    (void)bytes;
    world->chunk_bytes += len;
    return world->status != -1;
}

static struct http_call_options stream_options(struct world *world, const char *at)
{
    return (struct http_call_options){.method = "GET",
                                      .url = at,
                                      .idle_timeout_ms = 5000,
                                      .on_chunk = on_chunk,
                                      .done = on_done,
                                      .data = world};
}

static void streams_come_in_pieces(void **state)
{
    struct world *world = *state;
    CLEANUP(str_freep) char *at = url(world, "/stream");
    CLEANUP(str_freep) char *refused = url(world, "/refuse");
    struct http_call_options options = stream_options(world, at);

    http_call_start(world->client, &options);
    run(world);
    assert_null(world->error);
    assert_int_equal(world->chunk_bytes, 1000);
    assert_string_equal(world->body, "");

    /* the body of a refusal is not streamed */
    options.url = refused;
    http_call_start(world->client, &options);
    run(world);
    assert_int_equal(world->status, 400);
    assert_int_equal(world->chunk_bytes, 1000);
    assert_non_null(strstr(world->body, "InactiveInstanceException"));

    /* the reader wants no more */
    options.url = at;
    world->status = -1;
    http_call_start(world->client, &options);
    run(world);
    assert_non_null(world->error);
}

static void answers_may_wait(void **state)
{
    struct world *world = *state;

    start(world, "GET", "/hold", NULL, 200);
    run(world); /* its time is up, or the server hears first that it is gone */
    if (!world->error)
        run(world);
    assert_non_null(world->error);
    if (!world->is_gone)
        run(world);
    assert_true(world->is_gone);
    http_respond(world->held, 200, NULL, 0, "late", 4); /* nobody is there, and that is fine */
}

static void cancelled_calls_complete_once_and_later(void **state)
{
    struct world *world = *state;
    struct http_call *call = start(world, "GET", "/hold", NULL, 5000);

    http_call_cancel(call);
    http_call_cancel(call);
    assert_int_equal(world->done_count, 0);
    run(world);
    assert_int_equal(world->done_count, 1);
    assert_non_null(strstr(world->error, "cancelled"));
}

static void a_refused_connection_is_an_error(void **state)
{
    struct world *world = *state;
    struct http_call_options options = {.method = "GET",
                                        .url = "http://127.0.0.1:1/",
                                        .timeout_ms = 5000,
                                        .done = on_done,
                                        .data = world};

    http_call_start(world->client, &options);
    run(world);
    assert_non_null(world->error);
    assert_non_null(strstr(world->error, "GET http://127.0.0.1:1/"));
}

static void a_socket_in_the_file_system_that_is_not_there_is_said_so(void **state)
{
    struct world *world = *state;
    const struct http_client_options of_socket = {.unix_socket = "/nonexistent/docker.sock"};
    struct http_client *client = NULL;
    struct http_call_options options = {.method = "GET",
                                        .url = "http://localhost/version",
                                        .timeout_ms = 5000,
                                        .done = on_done,
                                        .data = world};

    assert_null(http_client_new(world->loop, &of_socket, &client));
    http_call_start(client, &options);
    run(world);
    assert_non_null(world->error);
    assert_non_null(strstr(world->error, "No such file or directory"));
    http_client_free(client);
}

/* AP-024 */
static void proxies_come_from_the_environment(void **state)
{
    struct world *world = *state;
    CLEANUP(str_freep) char *proxy = url(world, "");
    struct http_call_options options = {.method = "GET",
                                        .url = "http://example.invalid/through",
                                        .timeout_ms = 5000,
                                        .done = on_done,
                                        .data = world};

    unsetenv("http_proxy");
    setenv("HTTP_PROXY", proxy, 1);
    http_call_start(world->client, &options);
    run(world);
    assert_null(world->error);
    assert_string_equal(world->body, "GET /through? plain ");
    setenv("HTTP_PROXY", "http://127.0.0.1:1", 1); /* not for this host itself */
    start(world, "GET", "/direct", NULL, 5000);
    run(world);
    assert_null(world->error);
    assert_string_equal(world->body, "GET /direct? plain ");
    unsetenv("HTTP_PROXY");
}

static void on_open(struct ws_client *ws, void *data)
{
    struct world *world = data;

    world->was_open = true;
    ws_client_send(ws, "hello", 5);
}

static void on_message(struct ws_client *ws, const char *text, size_t len, void *data)
{
    struct world *world = data;

    free(world->ws_text);
    world->ws_text = str_dup_n(text, len);
    if (len == 5) {
        char *big = xmalloc(300000);
        memset(big, 'b', 300000);
        ws_client_send(ws, big, 300000);
        free(big);
    } else if (world->status == 1) {
        ws_client_close(ws, 1000, "done");
    } else {
        ws_client_send(ws, "bye", 3);
    }
}

static void on_closed(struct error *err, int http_status, int close_code, void *data)
{
    struct world *world = data;

    world->client_closes++;
    world->ws_status = http_status;
    world->close_code = close_code;
    free(world->ws_error);
    world->ws_error = err ? str_dup(err->message) : NULL;
    error_free(err);
    loop_stop(world->loop);
}

static struct ws_client *open_ws(struct world *world, const char *path)
{
    CLEANUP(str_freep) char *at = url(world, path);
    struct ws_client *ws = NULL;
    struct ws_client_options options = {.url = at,
                                        .ca_file = world->is_tls ? world->cert : NULL,
                                        .connect_timeout_ms = 5000,
                                        .on_open = on_open,
                                        .on_message = on_message,
                                        .on_closed = on_closed,
                                        .data = world};

    assert_null(ws_client_open(world->loop, &options, &ws));
    return ws;
}

static void messages_go_both_ways(void **state)
{
    struct world *world = *state;

    open_ws(world, "/ws?a=b");
    run(world);
    assert_true(world->was_open);
    assert_null(world->ws_error);
    assert_int_equal(world->ws_status, 101);
    assert_int_equal(world->close_code, 1000);
    assert_int_equal(strlen(world->ws_text), 300000);
    assert_int_equal(world->client_closes, 1);
}

static void the_client_may_close(void **state)
{
    struct world *world = *state;

    world->status = 1;
    open_ws(world, "/ws");
    run(world);
    assert_null(world->ws_error);
    assert_int_equal(world->close_code, 1000);
}

/* AP-206: the body says why. */
static void a_refused_upgrade_tells_its_body(void **state)
{
    struct world *world = *state;

    open_ws(world, "/refuse");
    run(world);
    assert_false(world->was_open);
    assert_int_equal(world->ws_status, 400);
    assert_non_null(strstr(world->ws_error, "InactiveInstanceException"));
}

static void closing_before_the_connection_is_open(void **state)
{
    struct world *world = *state;

    ws_client_close(open_ws(world, "/ws"), 1000, NULL);
    assert_int_equal(world->client_closes, 0);
    run(world);
    assert_int_equal(world->client_closes, 1);
    assert_non_null(world->ws_error);
}

static void a_certificate_nobody_vouches_for_is_refused(void **state)
{
    struct world *world = *state;
    struct http_client_options options = {0};
    struct http_client *client = NULL;
    CLEANUP(str_freep) char *at = url(world, "/");
    struct http_call_options call = {
        .method = "GET", .url = at, .timeout_ms = 5000, .done = on_done, .data = world};

    assert_null(http_client_new(world->loop, &options, &client));
    http_call_start(client, &call);
    run(world);
    assert_non_null(world->error);
    http_client_free(client);
}

static void certificates_are_read_again(void **state)
{
    struct world *world = *state;
    struct error *err;

    assert_null(http_server_reload_tls(world->server));
    start(world, "GET", "/", NULL, 5000);
    run(world);
    assert_int_equal(world->status, 200);
    unlink(world->cert);
    err = http_server_reload_tls(world->server);
    assert_non_null(err); /* and the old one stays */
    error_free(err);
    start(world, "GET", "/", NULL, 5000);
    run(world);
    assert_int_equal(world->done_count, 2);
    assert_null(world->error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define BOTH(name)                                                                                 \
    {#name " (plain)", name, setup_plain, teardown, NULL},                                         \
        {#name " (TLS)", name, setup_tls, teardown, NULL}
        BOTH(requests_arrive_as_sent),
        BOTH(large_bodies),
        BOTH(streams_come_in_pieces),
        BOTH(answers_may_wait),
        BOTH(cancelled_calls_complete_once_and_later),
        BOTH(a_refused_connection_is_an_error),
        BOTH(a_socket_in_the_file_system_that_is_not_there_is_said_so),
        BOTH(messages_go_both_ways),
        BOTH(the_client_may_close),
        BOTH(a_refused_upgrade_tells_its_body),
        BOTH(closing_before_the_connection_is_open),
        cmocka_unit_test_setup_teardown(proxies_come_from_the_environment, setup_plain, teardown),
        cmocka_unit_test_setup_teardown(a_certificate_nobody_vouches_for_is_refused, setup_tls,
                                        teardown),
        cmocka_unit_test_setup_teardown(certificates_are_read_again, setup_tls, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
