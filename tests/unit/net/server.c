/* The server against raw bytes: limits, malformed input, order of answers, ends. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/http_server.h"

#define ANSWER_BYTES_MAX (1024 * 1024)
#define GUARD_S          20

#define T(bytes) bytes, sizeof(bytes) - 1

struct world {
    struct loop *loop;
    struct http_server *server;
    struct http_exchange *held[8];
    size_t held_count;
    unsigned requests, gone;
    struct timer timer;
    bool is_closed;
    char *ws_text;
    int ws_closes;
};

/* A client in a thread of its own: sends, reads until the server ends the connection. */
struct talk {
    struct world *world;
    const char *bytes;
    size_t len, piece;
    bool is_half_closed; /* ends its side once all is sent */
    const char *until;   /* ends when this has come; NULL: the server ends */
    struct buf answer;
    pthread_t thread;
};

static void stop(void *data)
{
    loop_stop(((struct world *)data)->loop);
}

static int dial(struct world *world)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_server_port(world->server))};
    struct timeval guard = {.tv_sec = GUARD_S};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        abort();
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof(guard));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &guard, sizeof(guard));
    return fd;
}

static void *talk_thread(void *data)
{
    struct talk *talk = data;
    int fd = dial(talk->world);
    char bytes[4096];
    ssize_t got;

    for (size_t at = 0; at < talk->len; at += talk->piece) {
        size_t n = talk->len - at < talk->piece ? talk->len - at : talk->piece;
        if (send(fd, talk->bytes + at, n, MSG_NOSIGNAL) < 0)
            break; /* the server has answered and ended */
    }
    if (talk->is_half_closed)
        shutdown(fd, SHUT_WR);
    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0 && talk->answer.len < ANSWER_BYTES_MAX) {
        buf_add(&talk->answer, bytes, (size_t)got);
        if (talk->until && strstr(talk->answer.data, talk->until))
            break;
    }
    close(fd);
    loop_post(talk->world->loop, stop, talk->world);
    return NULL;
}

static void talk_start(struct talk *talk)
{
    if (talk->piece == 0)
        talk->piece = talk->len ? talk->len : 1;
    buf_add_str(&talk->answer, "");
    assert_int_equal(pthread_create(&talk->thread, NULL, talk_thread, talk), 0);
}

/* Runs the loop until the talk is over. */
static void talk_through(struct talk *talk)
{
    talk_start(talk);
    loop_run(talk->world->loop);
    pthread_join(talk->thread, NULL);
}

static char *ask_in_pieces(struct world *world, const char *text, size_t piece)
{
    struct talk talk = {
        .world = world, .bytes = text, .len = strlen(text), .piece = piece, .is_half_closed = true};

    talk_through(&talk);
    return buf_take(&talk.answer);
}

static char *ask(struct world *world, const char *text)
{
    return ask_in_pieces(world, text, 0);
}

static void on_gone(void *data)
{
    ((struct world *)data)->gone++;
}

static void on_message(struct ws *ws, const char *text, size_t len, void *data)
{
    struct world *world = data;

    free(world->ws_text);
    world->ws_text = str_dup_n(text, len);
    ws_send(ws, text, len);
}

static void on_ws_close(struct ws *ws, void *data)
{
    (void)ws;
    ((struct world *)data)->ws_closes++;
}

static void on_request(struct http_exchange *ex, const struct http_request *req, void *data)
{
    struct world *world = data;

    world->requests++;
    if (req->wants_websocket) {
        struct ws_handler handler = {on_message, on_ws_close, world};
        ws_accept(ex, &handler);
    } else if (strcmp(req->path, "/hold") == 0) {
        assert_true(world->held_count < ARRAY_LEN(world->held));
        world->held[world->held_count++] = ex;
        http_exchange_on_gone(ex, on_gone, world);
    } else {
        CLEANUP(buf_done) struct buf body = {0};
        buf_printf(&body, "[%s]", req->path);
        buf_add(&body, req->body, req->body_len);
        struct http_header evil = {"X-Path",
                                   strcmp(req->path, "/evil") == 0 ? "a\r\nSet-Cookie: b" : "ok"};
        http_respond(ex, 200, &evil, 1, body.data, body.len);
    }
}

static struct world *world_new(struct http_server_options options)
{
    struct world *world = xcalloc(1, sizeof(*world));

    assert_null(loop_new(&world->loop));
    options.listen = "127.0.0.1:0";
    options.on_request = on_request;
    options.data = world;
    assert_null(http_server_new(world->loop, &options, &world->server));
    return world;
}

static int setup(void **state)
{
    *state = world_new((struct http_server_options){0});
    return 0;
}

static int setup_impatient(void **state)
{
    *state = world_new((struct http_server_options){.idle_ms = 60, .request_ms = 60});
    return 0;
}

static int setup_small(void **state)
{
    *state = world_new((struct http_server_options){.connections_max = 1});
    return 0;
}

static int setup_one_each(void **state)
{
    *state = world_new((struct http_server_options){.per_peer_max = 1});
    return 0;
}

static void on_closed(void *data)
{
    struct world *world = data;

    world->is_closed = true;
    loop_stop(world->loop);
}

static int teardown(void **state)
{
    struct world *world = *state;

    if (!world->is_closed) {
        http_server_close(world->server, 100, on_closed, world);
        while (!world->is_closed)
            loop_run(world->loop);
    }
    for (size_t i = 0; i < world->held_count; i++)
        http_respond(world->held[i], 200, NULL, 0, "", 0);
    loop_free(world->loop);
    free(world->ws_text);
    free(world);
    return 0;
}

static void requests_in_pieces_of_every_size(void **state)
{
    struct world *world = *state;
    static const char text[] =
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
        "\r\nPOST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nxy\r\n0\r\n\r\nGET /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

    for (size_t piece = 1; piece < sizeof(text); piece += piece < 8 ? 1 : 11) {
        CLEANUP(str_freep) char *answer = ask_in_pieces(world, text, piece);
        const char *a = strstr(answer, "[/a]hello"), *b = strstr(answer, "[/b]xy"),
                   *c = strstr(answer, "[/c]");
        assert_true(a && b && c && a < b && b < c);
        assert_non_null(strstr(b, "Connection: close"));
    }
}

static void malformed_requests_are_answered_and_ended(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *text, *status;
    } cases[] = {
        {"nonsense\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/3.0\r\nHost: h\r\n\r\n", "HTTP/1.1 505 "},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n", "HTTP/1.1 413 "},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n",
         "HTTP/1.1 413 "},
        {"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
         "HTTP/1.1 426 "},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(str_freep) char *answer = ask(world, cases[i].text);
        if (!str_starts_with(answer, cases[i].status))
            fail_msg("%s: %s", cases[i].text, answer);
        assert_non_null(strstr(answer, "Connection: close\r\n"));
    }
    assert_int_equal(world->requests, 0);
}

static void large_headers_are_answered_with_431(void **state)
{
    struct world *world = *state;
    CLEANUP(buf_done) struct buf text = {0};

    buf_add_str(&text, "GET / HTTP/1.1\r\nHost: h\r\nA: ");
    while (text.len < 200000)
        buf_add_char(&text, 'x');
    CLEANUP(str_freep) char *answer = ask_in_pieces(world, text.data, 1000);
    assert_true(str_starts_with(answer, "HTTP/1.1 431 "));
}

static void answers_keep_the_order_of_their_requests(void **state)
{
    struct world *world = *state;
    static const char text[] =
        "GET /hold HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n"
        "GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    struct talk talk = {.world = world, .bytes = text, .len = sizeof(text) - 1};

    talk_start(&talk);
    for (int i = 0; i < 2; i++) {
        while (world->held_count == 0) {
            timer_start(&world->timer, world->loop, 5, stop, world);
            loop_run(world->loop);
        }
        assert_int_equal(world->requests, i ? 3 : 1); /* nothing overtakes */
        world->held_count = 0;
        http_respond(world->held[0], 200, NULL, 0, "held", 4);
    }
    loop_run(world->loop);
    pthread_join(talk.thread, NULL);
    const char *first = strstr(talk.answer.data, "held"),
               *next = strstr(talk.answer.data, "[/next]");
    assert_true(first && next && first < next && strstr(next, "held"));
    buf_done(&talk.answer);
}

static void a_client_that_ends_its_side_still_gets_its_answer(void **state)
{
    struct world *world = *state;
    static const char text[] = "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n";
    struct talk talk = {
        .world = world, .bytes = text, .len = sizeof(text) - 1, .is_half_closed = true};

    talk_start(&talk);
    while (world->gone == 0) {
        timer_start(&world->timer, world->loop, 5, stop, world);
        loop_run(world->loop);
    }
    timer_stop(&world->timer);
    world->held_count = 0;
    http_respond(world->held[0], 200, NULL, 0, "held", 4);
    loop_run(world->loop);
    pthread_join(talk.thread, NULL);
    assert_non_null(strstr(talk.answer.data, "held"));
    assert_int_equal(world->gone, 1);
    buf_done(&talk.answer);
}

static void heads_of_answers(void **state)
{
    struct world *world = *state;
    CLEANUP(str_freep) char *head = ask(world, "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
    CLEANUP(str_freep) char *old = ask(world, "GET /x HTTP/1.0\r\n\r\n");
    CLEANUP(str_freep) char *kept = ask(world, "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CLEANUP(str_freep) char *evil = ask(world, "GET /evil HTTP/1.1\r\nHost: h\r\n\r\n");
    CLEANUP(str_freep)
    char *expects =
        ask(world,
            "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi");

    assert_non_null(strstr(head, "Content-Length: 4\r\n"));
    assert_non_null(strstr(head, "\r\nDate: "));
    assert_true(str_ends_with(head, "\r\n\r\n"));
    assert_non_null(strstr(old, "Connection: close\r\n"));
    assert_non_null(strstr(kept, "Connection: keep-alive\r\n"));
    assert_null(strstr(evil, "Set-Cookie"));
    assert_non_null(strstr(expects, "[/x]hi"));
}

static void the_body_is_asked_for(void **state)
{
    struct world *world = *state;
    static const char text[] =
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    struct talk talk = {.world = world,
                        .bytes = text,
                        .len = sizeof(text) - 1,
                        .until = "HTTP/1.1 100 Continue\r\n\r\n"};

    talk_through(&talk);
    assert_string_equal(talk.answer.data, talk.until);
    buf_done(&talk.answer);
}

static void slow_requests_are_answered_with_408(void **state)
{
    struct world *world = *state;
    static const char text[] = "GET / HTTP/1.1\r\nHo";
    struct talk slow = {.world = world, .bytes = text, .len = sizeof(text) - 1};
    struct talk idle = {.world = world, .bytes = "", .len = 0};

    talk_through(&slow);
    assert_true(str_starts_with(slow.answer.data, "HTTP/1.1 408 "));
    talk_through(&idle);
    assert_int_equal(idle.answer.len, 0);
    buf_done(&slow.answer);
    buf_done(&idle.answer);
}

static void one_connection_too_many_is_answered_with_503(void **state)
{
    struct world *world = *state;
    struct http_server_stats stats;
    static const char text[] = "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n";
    struct talk first = {.world = world, .bytes = text, .len = sizeof(text) - 1};
    struct talk second = {.world = world, .bytes = text, .len = sizeof(text) - 1};

    talk_start(&first);
    while (world->held_count == 0) {
        timer_start(&world->timer, world->loop, 5, stop, world);
        loop_run(world->loop);
    }
    timer_stop(&world->timer);
    talk_through(&second);
    assert_true(str_starts_with(second.answer.data, "HTTP/1.1 503 "));
    assert_non_null(strstr(second.answer.data, "Retry-After: 1\r\n"));
    http_server_stats(world->server, &stats);
    assert_int_equal(stats.rejected_connections, 1);
    world->held_count = 0;
    http_server_close(world->server, 5000, on_closed, world); /* waits for the answer */
    timer_start(&world->timer, world->loop, 20, stop, world);
    loop_run(world->loop);
    assert_false(world->is_closed);
    http_respond(world->held[0], 200, NULL, 0, "held", 4);
    while (!world->is_closed)
        loop_run(world->loop);
    pthread_join(first.thread, NULL);
    assert_non_null(strstr(first.answer.data, "Connection: close\r\n"));
    buf_done(&first.answer);
    buf_done(&second.answer);
}

#define UPGRADE                                                                                    \
    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"                 \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

/* Bytes after an upgrade, in one packet with it and apart. */
static void websockets_by_hand(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *why, *bytes;
        size_t len;
        const char *answer;
        size_t answer_len;
    } cases[] = {
        {"echo", T("\x81\x82\0\0\0\0hi\x88\x82\0\0\0\0\x03\xe8"), T("\x81\x02hi\x88\x02\x03\xe8")},
        {"ping", T("\x89\x81\0\0\0\0P\x88\x80\0\0\0\0"), T("\x8a\x01P\x88\x00")},
        {"not masked", T("\x81\x02hi"), T("\x88\x02\x03\xea")},
        {"binary", T("\x82\x80\0\0\0\0"), T("\x88\x02\x03\xeb")},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases) * 2; i++) {
        CLEANUP(buf_done) struct buf text = {0};
        buf_add_str(&text, UPGRADE);
        buf_add(&text, cases[i / 2].bytes, cases[i / 2].len);
        struct talk talk = {
            .world = world, .bytes = text.data, .len = text.len, .piece = i % 2 ? 3 : 0};
        talk_through(&talk);
        assert_true(str_starts_with(talk.answer.data, "HTTP/1.1 101 "));
        assert_non_null(
            strstr(talk.answer.data, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        const char *frames = strstr(talk.answer.data, "\r\n\r\n") + 4;
        size_t len = talk.answer.len - (size_t)(frames - talk.answer.data);
        if (len != cases[i / 2].answer_len || memcmp(frames, cases[i / 2].answer, len) != 0)
            fail_msg("%s", cases[i / 2].why);
        buf_done(&talk.answer);
        assert_int_equal(world->ws_closes, i + 1);
    }
    assert_string_equal(world->ws_text, "hi");
}

static void mutated_bytes_do_no_harm(void **state)
{
    struct world *world = *state;
    static const char text[] =
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" UPGRADE
        "\x81\x82\0\0\0\0hi\x88\x82\0\0\0\0\x03\xe8";
    struct rng rng = rng_seeded(3);

    for (int i = 0; i < 300; i++) {
        CLEANUP(str_freep) char *bytes = str_dup_n(text, sizeof(text) - 1);
        struct talk talk = {.world = world,
                            .bytes = bytes,
                            .is_half_closed = true,
                            .len = 1 + rng_below(&rng, sizeof(text) - 1)};
        for (uint64_t n = rng_below(&rng, 4); n > 0; n--)
            bytes[rng_below(&rng, sizeof(text) - 1)] = (char)rng_next(&rng);
        talk_through(&talk);
        for (; world->held_count > 0; world->held_count--)
            http_respond(world->held[world->held_count - 1], 200, NULL, 0, "", 0);
        buf_done(&talk.answer);
    }
    CLEANUP(str_freep) char *answer = ask(world, "GET /alive HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_non_null(strstr(answer, "[/alive]"));
}

static void addresses_that_cannot_be_listened_on(void **state)
{
    struct world *world = *state;
    static const char *const addresses[] = {"127.0.0.1", "nonsense:x", "127.0.0.1:99999999",
                                            "192.0.2.1:0"};

    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct http_server_options options = {.listen = addresses[i], .on_request = on_request};
        struct http_server *server = NULL;
        struct error *err = http_server_new(world->loop, &options, &server);
        assert_non_null(err);
        assert_non_null(strstr(err->message, addresses[i]));
        error_free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(requests_in_pieces_of_every_size),
        TEST(malformed_requests_are_answered_and_ended),
        TEST(large_headers_are_answered_with_431),
        TEST(answers_keep_the_order_of_their_requests),
        TEST(a_client_that_ends_its_side_still_gets_its_answer),
        TEST(heads_of_answers),
        TEST(the_body_is_asked_for),
        cmocka_unit_test_setup_teardown(slow_requests_are_answered_with_408, setup_impatient,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_connection_too_many_is_answered_with_503, setup_small,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_connection_too_many_is_answered_with_503,
                                        setup_one_each, teardown),
        TEST(websockets_by_hand),
        TEST(mutated_bytes_do_no_harm),
        TEST(addresses_that_cannot_be_listened_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
