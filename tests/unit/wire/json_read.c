/* The JSON reader, against texts that are known good or bad and against jansson on texts made by
 * chance. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "wire/json_read.h"

static bool is_json(const char *text, size_t len)
{
    struct json_reader reader = json_reader_of(text, len);

    return json_read_skip(&reader, NULL, NULL) && json_read_end(&reader);
}

static void takes_what_is_json(void **state)
{
    static const char *const good[] = {
        "{}",
        "[]",
        " [ 1 , 2 ] ",
        "{\"a\":{\"b\":[{},[],\"\",null,true,false]}}",
        "0",
        "-0",
        "-1.5e+10",
        "1E5",
        "\"\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"",
        "\"\\ud83d\\ude00\"",
        "\"\xf0\x9f\x98\x80\"",
        "\t\r\n{ \"a\" : 1 }\n",
        "null",
        "[[[[[[[[1]]]]]]]]",
        "{\"\":0}",
        "12345678901234567890",
        "\"\x7f\"",
        "\"0123456789 abcdefghijklmnopqrstuvwxyz\"",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (!is_json(good[i], strlen(good[i])))
            fail_msg("refused: %s", good[i]);
}

static void refuses_what_is_not(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[",
        "}",
        "{]",
        "[}",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "01",
        "1.",
        ".5",
        "-",
        "+1",
        "1e",
        "1e+",
        "0x10",
        "NaN",
        "Infinity",
        "nul",
        "nulll",
        "True",
        "truefalse",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u123g\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"\n\"",
        "\"\x01\"",
        "\"\x80\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xe2\x82\"",
        "{} {}",
        "[]]",
        "\xef\xbb\xbf{}",
        "/* */ {}",
        "'a'",
        "\"\\",
        "\"\\\xc3\xa4\"",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (is_json(bad[i], strlen(bad[i])))
            fail_msg("taken: %s", bad[i]);
    assert_false(is_json("1\0002", 3));
    assert_false(is_json("\"a\0b\"", 5));
}

static void stops_at_its_depth(void **state)
{
    char text[2 * (JSON_READ_DEPTH_MAX + 1)];

    (void)state;
    memset(text, '[', JSON_READ_DEPTH_MAX);
    memset(text + JSON_READ_DEPTH_MAX, ']', JSON_READ_DEPTH_MAX);
    assert_true(is_json(text, 2 * JSON_READ_DEPTH_MAX));
    memset(text, '[', JSON_READ_DEPTH_MAX + 1);
    memset(text + JSON_READ_DEPTH_MAX + 1, ']', JSON_READ_DEPTH_MAX + 1);
    assert_false(is_json(text, sizeof(text)));
}

static void reads_numbers(void **state)
{
    static const struct {
        const char *text;
        bool is_whole;
        int64_t whole;
        double real;
    } numbers[] = {
        {"0", true, 0, 0},
        {"-0", true, 0, 0},
        {"9223372036854775807", true, INT64_MAX, 9223372036854775807.0},
        {"-9223372036854775808", true, INT64_MIN, -9223372036854775808.0},
        {"9223372036854775808", false, 0, 9223372036854775808.0},
        {"-9223372036854775809", false, 0, -9223372036854775809.0},
        {"99999999999999999999999", false, 0, 1e23},
        {"1.0", false, 0, 1},
        {"1e3", false, 0, 1000},
        {"0.0022635525092482567", false, 0, 0.0022635525092482567},
        {"1e999", false, 0, INFINITY},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct json_reader reader = json_reader_of(numbers[i].text, strlen(numbers[i].text));
        struct json_number number = {0};

        assert_true(json_read_number(&reader, &number));
        assert_true(json_read_end(&reader));
        if (number.is_whole != numbers[i].is_whole ||
            (number.is_whole && number.whole != numbers[i].whole) ||
            (!number.is_whole && number.real != numbers[i].real))
            fail_msg("%s is read as %d %lld %.17g", numbers[i].text, number.is_whole,
                     (long long)number.whole, number.real);
    }
}

static void reads_strings(void **state)
{
    static const struct {
        const char *text, *value;
    } strings[] = {
        {"\"\"", ""},
        {"\"plain text longer than a word of the machine\"",
         "plain text longer than a word of the machine"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"a\\u00e4b\\u20acc\\ud83d\\ude00d\"", "a\xc3\xa4"
                                                 "b\xe2\x82\xac"
                                                 "c\xf0\x9f\x98\x80"
                                                 "d"},
        {"\"\xc3\xa4 and \\n\"", "\xc3\xa4 and \n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        struct json_reader reader = json_reader_of(strings[i].text, strlen(strings[i].text));
        struct arena arena = {0};
        size_t len;
        char *value;

        assert_true(json_read_string(&reader, &arena, &value, &len));
        assert_string_equal(value, strings[i].value);
        assert_int_equal(len, strlen(value));
        arena_done(&arena);
    }
}

static void counts_items_without_losing_its_place(void **state)
{
    static const char text[] = "[1, [2, 3], {\"a\": [4]}, \"]\"]";
    struct json_reader reader = json_reader_of(text, strlen(text));
    size_t count = 0, seen = 0;

    (void)state;
    assert_true(json_read_begin(&reader, '['));
    assert_true(json_read_count_items(&reader, &count));
    assert_int_equal(count, 4);
    while (json_read_item(&reader)) {
        assert_true(json_read_skip(&reader, NULL, NULL));
        seen++;
    }
    assert_int_equal(seen, 4);
    assert_null(reader.problem);
    assert_true(json_read_end(&reader));
}

/* Texts of JSON's characters by chance, and good ones with a few bytes changed: jansson's opinion
 * counts, but for what this reader limits on purpose. */
static void agrees_with_jansson(void **state)
{
    static const char alphabet[] = "{}[]\",:0123456789.eE+-truefalsn\\u \n\xc3\xa4\xe2\x82\xac";
    static const char good[] =
        "{\"a\": [1, -2.5e3, \"x\\u00e4\\ud83d\\ude00\\n\", null, true], \"b\": {}}";
    struct rng rng = rng_seeded(20261120);
    unsigned agreed = 0;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        char text[96];
        size_t len;
        json_error_t err;
        json_t *json;
        bool ours;

        if (round % 2) {
            len = rng_below(&rng, 12);
            for (size_t i = 0; i < len; i++)
                text[i] = alphabet[rng_below(&rng, sizeof(alphabet) - 1)];
        } else {
            len = strlen(good);
            memcpy(text, good, len);
            for (uint64_t n = rng_below(&rng, 3); n > 0; n--)
                text[rng_below(&rng, len)] = alphabet[rng_below(&rng, sizeof(alphabet) - 1)];
        }
        ours = is_json(text, len);
        json = json_loadb(text, len, JSON_DECODE_ANY, &err);
        if (!json && (strstr(err.text, "too big") || strstr(err.text, "overflow")))
            continue; /* integers beyond 64 bits are numbers here, and too large where they are used
                       */
        if (ours != (json != NULL))
            fail_msg("round %d: '%.*s' is %staken, jansson: %s", round, (int)len, text,
                     ours ? "" : "not ", json ? "taken" : err.text);
        agreed += json != NULL;
        json_decref(json);
    }
    assert_true(agreed > 1000);
}

static void what_is_written_reads_the_same(void **state)
{
    static const int64_t ints[] = {0, 1, -1, 9, 10, 99, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    static const struct {
        int64_t ms;
        const char *text;
    } times[] = {{0, "0.000"}, {5, "0.005"}, {1557119253821, "1557119253.821"}, {-1500, "-1.500"}};
    struct rng rng = rng_seeded(5);
    struct buf buf = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ints); i++) {
        struct json_number number = {0};
        struct json_reader reader;

        buf_clear(&buf);
        json_text_add_int(&buf, ints[i]);
        reader = json_reader_of(buf.data, buf.len);
        assert_true(json_read_number(&reader, &number) && number.is_whole);
        assert_true(number.whole == ints[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        buf_clear(&buf);
        json_text_add_time_ms(&buf, times[i].ms);
        assert_string_equal(buf.data, times[i].text);
    }
    for (int round = 0; round < 2000; round++) {
        struct arena arena = {0};
        struct json_reader reader;
        char text[64], *back;
        size_t len = 0, back_len;

        while (len < 40) {
            uint32_t code = (uint32_t)rng_below(&rng, rng_below(&rng, 4) ? 0x80 : 0x110000);

            if (code && (code < 0xd800 || code > 0xdfff))
                len += utf8_write(code, (unsigned char *)text + len);
        }
        text[len] = 0;
        buf_clear(&buf);
        json_text_add_string(&buf, text);
        reader = json_reader_of(buf.data, buf.len);
        assert_true(json_read_string(&reader, &arena, &back, &back_len));
        assert_string_equal(back, text);
        arena_done(&arena);
    }
    buf_clear(&buf);
    json_text_add_string(&buf, "a\xff"
                               "b\xc3");
    assert_string_equal(buf.data, "\"a\xef\xbf\xbd"
                                  "b\xef\xbf\xbd\"");
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_json),
        cmocka_unit_test(refuses_what_is_not),
        cmocka_unit_test(stops_at_its_depth),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(reads_strings),
        cmocka_unit_test(counts_items_without_losing_its_place),
        cmocka_unit_test(agrees_with_jansson),
        cmocka_unit_test(what_is_written_reads_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
