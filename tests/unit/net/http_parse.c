/* The text of requests: heads and chunked bodies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/http_parse.h"

#define H "Host: h\r\n"

static int parse(const char *text, size_t len, char **ret_bytes, struct http_head *head)
{
    const char *why = NULL;

    *ret_bytes = xmemdup(text, len);
    int status = http_parse_head(*ret_bytes, len, head, &why);
    if (status != 0)
        assert_non_null(why);
    return status;
}

static void heads_are_accepted_or_refused(void **state)
{
    static const struct {
        const char *why, *text;
        int status;
    } cases[] = {
        {"plain", "GET / HTTP/1.1\r\n" H "\r\n", 0},
        {"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 0},
        {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
        {"two Hosts", "GET / HTTP/1.1\r\n" H H "\r\n", 400},
        {"HTTP/2", "GET / HTTP/2.0\r\n" H "\r\n", 505},
        {"no version", "GET /\r\n" H "\r\n", 400},
        {"version in lower case", "GET / http/1.1\r\n" H "\r\n", 400},
        {"no target", "GET  HTTP/1.1\r\n" H "\r\n", 400},
        {"two spaces", "GET  / HTTP/1.1\r\n" H "\r\n", 400},
        {"no method", " / HTTP/1.1\r\n" H "\r\n", 400},
        {"method with a control character", "G\001T / HTTP/1.1\r\n" H "\r\n", 400},
        {"very long method", "GETGETGETGETGETGETGETGETGET / HTTP/1.1\r\n" H "\r\n", 400},
        {"absolute target", "GET http://h:1/a?b HTTP/1.1\r\n" H "\r\n", 0},
        {"authority as target", "CONNECT h:443 HTTP/1.1\r\n" H "\r\n", 400},
        {"asterisk", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 0},
        {"fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", 400},
        {"raw UTF-8", "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400},
        {"space before the colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},
        {"no colon", "GET / HTTP/1.1\r\n" H "nonsense\r\n\r\n", 400},
        {"empty name", "GET / HTTP/1.1\r\n" H ": x\r\n\r\n", 400},
        {"folded", "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400},
        {"bare LF", "GET / HTTP/1.1\r\n" H "A: b\nC: d\r\n\r\n", 400},
        {"bare CR", "GET / HTTP/1.1\r\n" H "A: b\rC: d\r\n\r\n", 400},
        {"control character", "GET / HTTP/1.1\r\n" H "A: \001\r\n\r\n", 400},
        {"tab in a value", "GET / HTTP/1.1\r\n" H "A: a\tb\r\n\r\n", 0},
        {"length", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n", 0},
        {"the same length twice",
         "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 0},
        {"two lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
         400},
        {"list of lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", 400},
        {"signed length", "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", 400},
        {"negative length", "POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n", 400},
        {"hex length", "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", 400},
        {"empty length", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400},
        {"length that overflows",
         "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999\r\n\r\n", 400},
        {"chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n", 0},
        {"length and chunked",
         "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
        {"chunked twice",
         "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
         501},
        {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"gzip", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"expectation", "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n", 0},
        {"another expectation", "POST / HTTP/1.1\r\n" H "Expect: tea\r\n\r\n", 417},
#define UPGRADE "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
#define KEY     "Sec-WebSocket-Key: ly00sMM2zwYAMq6tPU9DQA==\r\n"
        {"websocket", "GET /ws HTTP/1.1\r\n" H UPGRADE KEY "Sec-WebSocket-Version: 13\r\n\r\n", 0},
        {"websocket of old",
         "GET /ws HTTP/1.1\r\n" H UPGRADE KEY "Sec-WebSocket-Version: 8\r\n\r\n", 426},
        {"websocket without key",
         "GET /ws HTTP/1.1\r\n" H UPGRADE "Sec-WebSocket-Version: 13\r\n\r\n", 400},
        {"websocket by POST",
         "POST /ws HTTP/1.1\r\n" H UPGRADE KEY "Sec-WebSocket-Version: 13\r\n\r\n", 400},
        {"websocket with body",
         "GET /ws HTTP/1.1\r\n" H UPGRADE KEY
         "Sec-WebSocket-Version: 13\r\nContent-Length: 1\r\n\r\n",
         400},
        {"other upgrades are ignored",
         "GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 0},
    };
    struct http_head head;
    char *bytes;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].text);
        assert_int_equal(http_head_len(cases[i].text, len), len);
        int status = parse(cases[i].text, len, &bytes, &head);
        if (status != cases[i].status)
            fail_msg("%s: %d", cases[i].why, status);
        free(bytes);
    }
}

static void the_parts_of_a_head(void **state)
{
    static const char text[] =
        "POST http://h/a%2fb//../c?x=1&y HTTP/1.1\r\nHost:h:1\r\nX-AMZ-Target: \t a  b \t\r\n"
        "empty:\r\nConnection: close\r\nContent-Length: 0012\r\n\r\n";
    struct http_head head;
    char *bytes;

    (void)state;
    assert_int_equal(parse(text, sizeof(text) - 1, &bytes, &head), 0);
    assert_string_equal(bytes + head.method.start, "POST");
    assert_string_equal(bytes + head.path.start, "/a%2fb//../c");
    assert_string_equal(bytes + head.query.start, "x=1&y");
    assert_int_equal(head.header_count, 5);
    assert_string_equal(bytes + head.headers[0].name.start, "host");
    assert_string_equal(bytes + head.headers[0].value.start, "h:1");
    assert_string_equal(bytes + head.headers[1].name.start, "x-amz-target");
    assert_string_equal(bytes + head.headers[1].value.start, "a  b");
    assert_string_equal(bytes + head.headers[2].value.start, "");
    assert_false(head.is_keep_alive);
    assert_int_equal(head.body_len, 12);
    free(bytes);
}

static void too_many_or_too_large_headers(void **state)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct http_head head;
    char *bytes;

    (void)state;
    buf_add_str(&text, "GET / HTTP/1.1\r\n" H);
    for (int i = 0; i < HTTP_HEADERS_MAX - 1; i++)
        buf_printf(&text, "A%d: b\r\n", i);
    size_t len = text.len;
    buf_add_str(&text, "\r\n");
    assert_int_equal(parse(text.data, text.len, &bytes, &head), 0);
    free(bytes);
    text.len = len;
    buf_add_str(&text, "One: more\r\n\r\n");
    assert_int_equal(parse(text.data, text.len, &bytes, &head), 431);
    free(bytes);
    buf_clear(&text);
    buf_add_str(&text, "GET / HTTP/1.1\r\n" H "A: ");
    while (text.len < HTTP_HEADER_BYTES_MAX)
        buf_add_char(&text, 'x');
    buf_add_str(&text, "\r\n\r\n");
    assert_int_equal(parse(text.data, text.len, &bytes, &head), 431);
    free(bytes);
}

static void chunks_in_pieces_of_every_size(void **state)
{
    static const char text[] = "5\r\nhello\r\n6 ;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\nNEXT";

    (void)state;
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        CLEANUP(buf_done) struct buf body = {0};
        struct http_chunks chunks = {0};
        size_t at = 0;
        while (chunks.state != CHUNK_DONE) {
            size_t len = sizeof(text) - 1 - at < piece ? sizeof(text) - 1 - at : piece;
            ssize_t used = http_chunks_feed(&chunks, text + at, len, 100, &body);
            assert_true(used > 0);
            at += (size_t)used;
        }
        assert_string_equal(body.data, "hello world");
        assert_string_equal(text + at, "NEXT");
    }
}

static void malformed_chunks(void **state)
{
    static const struct {
        const char *text;
        ssize_t status;
    } cases[] = {
        {"x\r\n", -400},         {"\r\n", -400},          {"5\nhello", -400}, {"5\r\nhelloX", -400},
        {"5\r\nhello\rX", -400}, {"000000005\r\n", -400}, {"-1\r\n", -400},   {"0x5\r\n", -400},
        {"0\r\n\n", -400},       {"ffffffff\r\n", -413},  {"65\r\n", -413},   {"60\r\n", 4},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_done) struct buf body = {0};
        struct http_chunks chunks = {0};
        ssize_t used = http_chunks_feed(&chunks, cases[i].text, strlen(cases[i].text), 100, &body);
        if (used != cases[i].status)
            fail_msg("%s: %zd", cases[i].text, used);
    }
}

/* Whatever comes: an answer, and nothing outside of the bytes is touched (the sanitizers watch). */
static void mutated_heads_do_no_harm(void **state)
{
    static const char text[] =
        "POST /a?b HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: ly00sMM2zwYAMq6tPU9DQA==\r\nContent-Length: 5\r\n"
        "Transfer-Encoding: chunked\r\n\r\n";
    struct rng rng = rng_seeded(7);

    (void)state;
    for (int i = 0; i < 10000; i++) {
        size_t len = sizeof(text) - 1;
        char *bytes = xmemdup(text, len);
        struct http_head head;
        const char *why;
        for (uint64_t n = rng_below(&rng, 4); n > 0; n--)
            bytes[rng_below(&rng, len - 4)] = (char)rng_next(&rng);
        if (rng_below(&rng, 2))
            bytes[rng_below(&rng, len - 4)] = "\r\n: \0,;"[rng_below(&rng, 7)];
        size_t head_len = http_head_len(bytes, len);
        assert_true(head_len > 0);
        if (http_parse_head(bytes, head_len, &head, &why) == 0)
            for (unsigned h = 0; h < head.header_count; h++)
                assert_true(head.headers[h].value.start + head.headers[h].value.len < head_len);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_accepted_or_refused),
        cmocka_unit_test(the_parts_of_a_head),
        cmocka_unit_test(too_many_or_too_large_headers),
        cmocka_unit_test(chunks_in_pieces_of_every_size),
        cmocka_unit_test(malformed_chunks),
        cmocka_unit_test(mutated_heads_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
