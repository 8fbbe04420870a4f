/* WebSocket frames: reading, writing, and what a peer must not send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/ws_frame.h"

static const uint8_t mask[4] = {1, 0x82, 3, 0xf4};

/* Reads `bytes` in pieces and writes down what it finds: "m<text>", "p<text>", "o<text>",
 * "c<code>", "e<code>". */
static char *read_all(const char *bytes, size_t len, size_t piece, bool wants_masked, size_t max)
{
    struct ws_reader reader = {.wants_masked = wants_masked, .bytes_max = max};
    struct buf out = {0};
    bool is_over = false;

    for (size_t at = 0; at < len && !is_over; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        char *copy = xmemdup(bytes + at, n);
        enum ws_event event;
        ws_reader_feed(&reader, copy, n);
        while (!is_over && (event = ws_reader_next(&reader)) != WS_EVENT_NONE) {
            is_over = event == WS_EVENT_CLOSE || event == WS_EVENT_ERROR;
            if (is_over) {
                buf_printf(&out, "%c%d", event == WS_EVENT_CLOSE ? 'c' : 'e', reader.close_code);
            } else {
                buf_add_char(&out, event == WS_EVENT_MESSAGE ? 'm'
                                   : event == WS_EVENT_PING  ? 'p'
                                                             : 'o');
                buf_add(&out, reader.bytes, reader.len);
            }
        }
        free(copy);
    }
    ws_reader_done(&reader);
    return buf_take(&out);
}

static void what_is_written_is_read(void **state)
{
    static const size_t lens[] = {0, 1, 125, 126, 127, 65535, 65536, 70000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lens) * 2; i++) {
        CLEANUP(buf_done) struct buf frame = {0};
        size_t len = lens[i / 2];
        bool is_masked = i % 2;
        char *text = xmalloc(len + 1);
        memset(text, 'a' + (int)(i % 20), len);
        text[len] = '\0';
        ws_frame_add(&frame, WS_OP_TEXT, is_masked ? mask : NULL, text, len);
        for (size_t piece = frame.len; piece > 0; piece = piece > 7 ? piece / 7 : piece - 1) {
            if (len / piece > 3000)
                break;
            CLEANUP(str_freep)
            char *got = read_all(frame.data, frame.len, piece, is_masked, 1 << 20);
            assert_int_equal(got[0], 'm');
            assert_string_equal(got + 1, text);
        }
        free(text);
    }
}

static void sequences_of_frames(void **state)
{
#define T(bytes) bytes, sizeof(bytes) - 1
    static const struct {
        const char *why, *bytes;
        size_t len;
        const char *expected;
    } cases[] = {
        {"two messages",
         T("\x81\x01"
           "a"
           "\x81\x02"
           "bc"),
         "mambc"},
        {"fragments",
         T("\x01\x01"
           "a"
           "\x00\x01"
           "b"
           "\x80\x01"
           "c"),
         "mabc"},
        {"a ping between fragments",
         T("\x01\x01"
           "a"
           "\x89\x01"
           "P"
           "\x80\x01"
           "c"),
         "pPmac"},
        {"an empty message", T("\x81\x00"), "m"},
        {"a pong", T("\x8a\x00"), "o"},
        {"close", T("\x88\x02\x03\xe8"), "c1000"},
        {"close with a reason",
         T("\x88\x05\x03\xe8"
           "bye"),
         "c1000"},
        {"close without a code", T("\x88\x00"), "c1005"},
        {"nothing after close",
         T("\x88\x02\x03\xe8\x81\x01"
           "a"),
         "c1000"},
        {"close with half a code", T("\x88\x01\x03"), "e1002"},
        {"close with a code that is never sent", T("\x88\x02\x03\xed"), "e1002"},
        {"close with a reason that is not UTF-8", T("\x88\x03\x03\xe8\xff"), "e1007"},
        {"masked, where it must not be",
         T("\x81\x81\x00\x00\x00\x00"
           "a"),
         "e1002"},
        {"reserved bit",
         T("\xc1\x01"
           "a"),
         "e1002"},
        {"reserved opcode",
         T("\x83\x01"
           "a"),
         "e1002"},
        {"reserved control opcode", T("\x8b\x00"), "e1002"},
        {"binary",
         T("\x82\x01"
           "a"),
         "e1003"},
        {"continuation of nothing",
         T("\x80\x01"
           "a"),
         "e1002"},
        {"a message within a message",
         T("\x01\x01"
           "a"
           "\x81\x01"
           "b"),
         "e1002"},
        {"fragmented ping", T("\x09\x00"), "e1002"},
        {"long ping", T("\x89\x7e\x00\x7e"), "e1002"},
        {"not UTF-8", T("\x81\x02\xc3\x28"), "e1007"},
        {"UTF-8 across fragments", T("\x01\x01\xc3\x80\x01\xa9"), "m\xc3\xa9"},
        {"too long by its length", T("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"), "e1009"},
        {"absurdly long", T("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), "e1009"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t piece = 1; piece <= cases[i].len; piece++) {
            CLEANUP(str_freep)
            char *got = read_all(cases[i].bytes, cases[i].len, piece, false, 1000);
            if (strcmp(got, cases[i].expected) != 0)
                fail_msg("%s: %s", cases[i].why, got);
        }
    }
}

static void fragments_count_together(void **state)
{
    CLEANUP(buf_done) struct buf frames = {0};
    char text[100] = {0};

    (void)state;
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < 11; i++) {
        size_t at = frames.len;
        ws_frame_add(&frames, i ? WS_OP_CONTINUATION : WS_OP_TEXT, NULL, text, sizeof(text));
        frames.data[at] &= 0x7f; /* not the last */
    }
    CLEANUP(str_freep) char *got = read_all(frames.data, frames.len, frames.len, false, 1000);
    assert_string_equal(got, "e1009");
}

static void close_frames_hold_a_short_reason(void **state)
{
    CLEANUP(buf_done) struct buf frame = {0};
    CLEANUP(str_freep) char *reason = str_printf("%0121d\xc3\xa9 and more", 7);

    (void)state;
    ws_frame_add_close(&frame, NULL, 1000, reason);
    assert_int_equal(frame.len, 2 + 2 + 121 + 2);
    buf_clear(&frame);
    free(reason);
    reason = str_printf("%0122d\xc3\xa9 and more", 7);
    ws_frame_add_close(&frame, NULL, 1000, reason);
    assert_int_equal(frame.len, 2 + 2 + 122); /* not half a character */
    CLEANUP(str_freep) char *got = read_all(frame.data, frame.len, 5, false, 1000);
    assert_string_equal(got, "c1000");
    buf_clear(&frame);
    ws_frame_add_close(&frame, NULL, WS_CLOSE_NO_CODE, NULL);
    assert_int_equal(frame.len, 2);
}

static void utf8(void **state)
{
    static const struct {
        const char *text;
        bool is_valid;
    } cases[] = {
        {"", true},
        {"plain text that is longer than a word", true},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", true},
        {"12345678\xc3\xa9", true},
        {"\x80", false},
        {"\xc0\x80", false},
        {"\xc1\xbf", false},
        {"\xc3", false},
        {"1234567\xc3", false},
        {"\xe0\x80\x80", false},
        {"\xed\xa0\x80", false},
        {"\xef\xbf\xbf", true},
        {"\xf0\x80\x80\x80", false},
        {"\xf4\x8f\xbf\xbf", true},
        {"\xf4\x90\x80\x80", false},
        {"\xf5\x80\x80\x80", false},
        {"\xe2\x82", false},
        {"\xe2\x28\xa1", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(utf8_is_valid(cases[i].text, strlen(cases[i].text)), cases[i].is_valid);
}

/* The example of RFC 6455 section 1.3. */
static void accept_keys(void **state)
{
    char accept[WS_ACCEPT_SIZE];

    (void)state;
    ws_accept_key("dGhlIHNhbXBsZSBub25jZQ==", 24, accept);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void mutated_frames_do_no_harm(void **state)
{
    struct rng rng = rng_seeded(11);

    (void)state;
    for (int i = 0; i < 10000; i++) {
        CLEANUP(buf_done) struct buf frames = {0};
        for (uint64_t n = 1 + rng_below(&rng, 4); n > 0; n--) {
            char text[200];
            size_t len = rng_below(&rng, sizeof(text));
            memset(text, 'x', sizeof(text));
            ws_frame_add(&frames, (enum ws_opcode)rng_below(&rng, 11), mask, text, len);
        }
        for (uint64_t n = rng_below(&rng, 5); n > 0; n--)
            frames.data[rng_below(&rng, frames.len)] = (char)rng_next(&rng);
        free(read_all(frames.data, frames.len, 1 + rng_below(&rng, frames.len), true, 300));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(sequences_of_frames),
        cmocka_unit_test(fragments_count_together),
        cmocka_unit_test(close_frames_hold_a_short_reason),
        cmocka_unit_test(utf8),
        cmocka_unit_test(accept_keys),
        cmocka_unit_test(mutated_frames_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
